//! Statistics and error logs: totals of a session, one line for each path, one line for each problem.
//!
//! ```
//! use rdiff_core::error::{Problem, ProblemKind};
//! use rdiff_core::format::stats::{
//!     FileStatistics, SessionStatistics, duration_words, error_log_line, file_statistics_fields, file_statistics_head,
//!     file_statistics_line, human_size,
//! };
//! use rdiff_core::path::RepoPathBuf;
//! use rdiff_core::time::Zone;
//!
//! let session = SessionStatistics { source_files: 3.0, source_file_size: 12_000.0, ..Default::default() };
//! assert_eq!(SessionStatistics::parse(&session.to_text(&Zone::utc()))?.source_files, 3.0);
//! assert_eq!((human_size(12_000.0), duration_words(62.5)), ("11.7 KB".into(), "1 minute 2.50 seconds".into()));
//!
//! let path = RepoPathBuf::new("note").map_err(|e| e.to_string())?;
//! let stats = FileStatistics { changed: true, source: Some(6), mirror: Some(5), increment: None }; // bytes
//! let (mut text, mut line) = (Vec::new(), Vec::new());
//! file_statistics_head(b'\n', &mut text);
//! file_statistics_line(path.as_path(), &stats, b'\n', &mut line);
//! assert_eq!(file_statistics_fields(&line[..line.len() - 1]), Some((&b"note"[..], stats)));
//!
//! let problem = Problem { kind: ProblemKind::List, path, source: std::io::Error::other("no") };
//! assert_eq!(error_log_line(&problem, b'\n'), b"ListError: 'note' no\n");
//! # Ok::<(), String>(())
//! ```

use super::digits::Digits;
use super::quote::quote_record;
use crate::error::{Problem, chain};
use crate::path::RepoPath;
use crate::time::{SessionTime, Zone};

/// The totals of one session, or the averages of several. Sizes are in bytes and count regular files
/// only; numbers of files count every path.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the format's own names")]
pub struct SessionStatistics {
    pub start_time: Option<f64>,
    pub end_time: Option<f64>,
    pub elapsed_time: Option<f64>,
    pub source_files: f64,
    pub source_file_size: f64,
    pub mirror_files: f64,
    pub mirror_file_size: f64,
    pub new_files: f64,
    pub new_file_size: f64,
    pub deleted_files: f64,
    pub deleted_file_size: f64,
    pub changed_files: f64,
    pub changed_source_size: f64,
    pub changed_mirror_size: f64,
    pub increment_files: f64,
    pub increment_file_size: f64,
    pub total_destination_size_change: Option<f64>,
    pub errors: Option<f64>,
}

/// One line of the statistics: its name, whether it is a size, and where it is kept.
type Line = (&'static str, bool, fn(&mut SessionStatistics) -> &mut f64);

const LINES: [Line; 13] = [
    ("SourceFiles", false, |s| &mut s.source_files),
    ("SourceFileSize", true, |s| &mut s.source_file_size),
    ("MirrorFiles", false, |s| &mut s.mirror_files),
    ("MirrorFileSize", true, |s| &mut s.mirror_file_size),
    ("NewFiles", false, |s| &mut s.new_files),
    ("NewFileSize", true, |s| &mut s.new_file_size),
    ("DeletedFiles", false, |s| &mut s.deleted_files),
    ("DeletedFileSize", true, |s| &mut s.deleted_file_size),
    ("ChangedFiles", false, |s| &mut s.changed_files),
    ("ChangedSourceSize", true, |s| &mut s.changed_source_size),
    ("ChangedMirrorSize", true, |s| &mut s.changed_mirror_size),
    ("IncrementFiles", false, |s| &mut s.increment_files),
    ("IncrementFileSize", true, |s| &mut s.increment_file_size),
];

impl SessionStatistics {
    /// How many bytes the repository grew.
    pub fn destination_size_change(&self) -> f64 {
        // In this order: of averages the original prints every digit.
        (self.new_file_size + self.changed_source_size + self.increment_file_size)
            - (self.deleted_file_size + self.changed_mirror_size)
    }

    /// The lines of a statistics file. Whole numbers are written without a fraction.
    pub fn to_text(&self, zone: &Zone) -> String {
        self.text(zone, |n| format!("{n:.0}"))
    }

    /// The lines of an average, with Python's way to print a fraction (`7.0`, `2.3333333333333335`).
    pub fn to_average_text(&self, zone: &Zone) -> String {
        self.text(zone, |n| format!("{n:?}"))
    }

    fn text(&self, zone: &Zone, number: impl Fn(f64) -> String) -> String {
        let mut text = String::new();
        for (name, time) in [("StartTime", self.start_time), ("EndTime", self.end_time)] {
            if let Some(t) = time {
                let words = SessionTime(t.floor() as i64).asctime(zone);
                text.push_str(&format!("{name} {t:.2} ({words})\n"));
            }
        }
        if let Some(t) = self.elapsed_time.filter(|t| *t != 0.0) {
            text.push_str(&format!("ElapsedTime {t:.2} ({})\n", duration_words(t)));
        }
        let mut values = self.clone();
        for (name, is_size, value) in LINES {
            let value = *value(&mut values);
            text.push_str(&format!("{name} {}", number(value)));
            text.push_str(&if is_size { format!(" ({})\n", human_size(value)) } else { "\n".to_owned() });
        }
        if let Some(n) = self.total_destination_size_change {
            text.push_str(&format!("TotalDestinationSizeChange {} ({})\n", number(n), human_size(n)));
        }
        if let Some(n) = self.errors {
            text.push_str(&format!("Errors {n:.0}\n"));
        }
        text
    }

    /// Reads the lines of a statistics file.
    ///
    /// # Errors
    /// The line that can't be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut stats = Self::default();
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let value = |w: Option<&str>| w.and_then(|w| w.parse::<f64>().ok()).filter(|n| n.is_finite());
            let (Some(name), Some(n)) = (words.next(), value(words.next())) else {
                return Err(line.to_owned());
            };
            match name {
                "StartTime" => stats.start_time = Some(n),
                "EndTime" => stats.end_time = Some(n),
                "ElapsedTime" => stats.elapsed_time = Some(n),
                "TotalDestinationSizeChange" => stats.total_destination_size_change = Some(n),
                "Errors" => stats.errors = Some(n),
                _ => match LINES.iter().find(|(known, ..)| *known == name) {
                    Some((.., place)) => *place(&mut stats) = n,
                    None => return Err(line.to_owned()),
                },
            }
        }
        Ok(stats)
    }

    /// The averages of several sessions. Times of start and end have none; what one of them lacks is left
    /// out.
    pub fn average(all: &[SessionStatistics]) -> Self {
        let count = all.len().max(1) as f64;
        let mean = |value: fn(&SessionStatistics) -> Option<f64>| {
            let values: Option<Vec<f64>> = all.iter().map(value).collect();
            values.map(|v| v.iter().sum::<f64>() / count)
        };
        let mut average =
            Self { elapsed_time: mean(|s| s.elapsed_time), errors: mean(|s| s.errors), ..Self::default() };
        for (.., place) in LINES {
            *place(&mut average) = all.iter().map(|s| *place(&mut s.clone())).sum::<f64>() / count;
        }
        average.total_destination_size_change = Some(average.destination_size_change());
        average
    }
}

/// A size in words: `1 byte`, `122 bytes`, `11.0 KB`, `1.86 GB` (of 1024).
pub fn human_size(bytes: f64) -> String {
    let (sign, size) = if bytes < 0.0 { ("-", -bytes) } else { ("", bytes) };
    for (power, unit) in [(4, "TB"), (3, "GB"), (2, "MB"), (1, "KB")] {
        let count = size / 1024f64.powi(power);
        if count >= 1.0 {
            let digits = if count >= 100.0 {
                0
            } else if count >= 10.0 {
                1
            } else {
                2
            };
            return format!("{sign}{count:.digits$} {unit}");
        }
    }
    match size.round_ties_even() {
        1.0 => format!("{sign}1 byte"),
        n => format!("{sign}{n:.0} bytes"),
    }
}

/// A duration in words: `1 hour 2 minutes 3.45 seconds`.
pub fn duration_words(seconds: f64) -> String {
    let mut rest = seconds.abs();
    let mut text = String::new();
    for (length, unit) in [(3600.0, "hour"), (60.0, "minute")] {
        if rest >= length {
            let count = (rest / length).floor();
            text.push_str(&format!("{count:.0} {unit}{} ", if count == 1.0 { "" } else { "s" }));
            rest -= count * length;
        }
    }
    // Behind hours or minutes the original leaves out up to one second, but for exactly one.
    if rest == 1.0 {
        text.push_str("1 second");
    } else if text.is_empty() || rest > 1.0 {
        let whole = rest == rest.floor();
        text.push_str(&if whole { format!("{rest:.0} seconds") } else { format!("{rest:.2} seconds") });
    }
    text.trim_end().to_owned()
}

/// The first two lines of file statistics, each with the separator of the file.
pub fn file_statistics_head(separator: u8, out: &mut Vec<u8>) {
    for line in [
        "# Format of each line in file statistics file:",
        "# Filename Changed SourceSize MirrorSize IncrementSize",
    ] {
        out.extend_from_slice(line.as_bytes());
        out.push(separator);
    }
}

/// What file statistics say of one path. Nothing stands for `NA`: it was not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FileStatistics {
    /// Did it change?
    pub changed: bool,
    /// Bytes in the source.
    pub source: Option<u64>,
    /// Bytes in the mirror, before.
    pub mirror: Option<u64>,
    /// Bytes of the increment on disk.
    pub increment: Option<u64>,
}

/// Appends the line of one path.
pub fn file_statistics_line(path: RepoPath<'_>, stats: &FileStatistics, separator: u8, out: &mut Vec<u8>) {
    if path.is_root() {
        out.push(b'.');
    } else {
        quote_record(path.as_bytes(), out);
    }
    out.extend_from_slice(if stats.changed { b" 1" } else { b" 0" });
    let mut digits = Digits::default();
    for size in [stats.source, stats.mirror, stats.increment] {
        match size {
            Some(n) => {
                out.push(b' ');
                out.extend_from_slice(digits.of(n));
            }
            None => out.extend_from_slice(b" NA"),
        }
    }
    out.push(separator);
}

/// Reads such a line, without its separator: the path, as it stands there, and the rest. Nothing if it isn't one.
/// Paths can hold blanks, so it is read from its end.
pub fn file_statistics_fields(line: &[u8]) -> Option<(&[u8], FileStatistics)> {
    let mut fields = line.rsplitn(5, |&b| b == b' ');
    let mut size = || match fields.next()? {
        b"NA" => Some(None),
        digits => Some(Some(std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?)),
    };
    let (increment, mirror, source) = (size()?, size()?, size()?);
    let changed = match fields.next()? {
        b"0" => false,
        b"1" => true,
        _ => return None,
    };
    Some((fields.next()?, FileStatistics { changed, source, mirror, increment }))
}

/// The line of a problem in an error log, with its separator.
pub fn error_log_line(problem: &Problem, separator: u8) -> Vec<u8> {
    let mut line = problem.kind.to_string().into_bytes();
    line.extend_from_slice(b": '");
    line.extend(if problem.path.is_root() { b"." } else { problem.path.as_bytes() });
    line.extend_from_slice(b"' ");
    line.extend_from_slice(chain(&problem.source).as_bytes());
    for b in &mut line {
        if *b == b'\n' || *b == 0 {
            *b = b' ';
        }
    }
    line.push(separator);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_in_words() {
        for (bytes, words) in [
            (0.0, "0 bytes"),
            (1.0, "1 byte"),
            (122.0, "122 bytes"),
            (1024.0, "1.00 KB"),
            (11_264.0, "11.0 KB"),
            (104_857_600.0, "100 MB"),
            (1_997_159_792.0, "1.86 GB"),
            (-2048.0, "-2.00 KB"),
        ] {
            assert_eq!(human_size(bytes), words);
        }
        assert_eq!(duration_words(3723.45), "1 hour 2 minutes 3.45 seconds");
        assert_eq!(duration_words(0.92), "0.92 seconds");
        assert_eq!(duration_words(1.0), "1 second");
        assert_eq!(duration_words(120.0), "2 minutes");
    }

    #[test]
    fn statistics_survive_the_trip_and_foreign_lines_are_named() {
        let stats = SessionStatistics {
            start_time: Some(1_700_000_000.0),
            end_time: Some(1_700_000_001.5),
            elapsed_time: Some(1.5),
            source_files: 7.0,
            source_file_size: 3020.0,
            total_destination_size_change: Some(3020.0),
            errors: Some(0.0),
            ..Default::default()
        };
        let text = stats.to_text(&Zone::utc());
        assert!(text.starts_with("StartTime 1700000000.00 (Tue Nov 14 22:13:20 2023)\n"), "{text}");
        assert!(
            text.contains("\nSourceFileSize 3020 (2.95 KB)\n") && text.ends_with("\nErrors 0\n"),
            "{text}"
        );
        assert_eq!(SessionStatistics::parse(&text), Ok(stats));
        assert_eq!(SessionStatistics::parse("Strange 1\n"), Err("Strange 1".to_owned()));
    }

    #[test]
    fn a_line_for_each_path() {
        let mut out = Vec::new();
        let stats = FileStatistics { changed: true, source: Some(4), mirror: None, increment: Some(0) };
        file_statistics_line(RepoPath::new(b"n w\nx").unwrap(), &stats, b'\n', &mut out);
        assert_eq!(out, b"n w\\nx 1 4 NA 0\n");
        assert_eq!(file_statistics_fields(out.trim_ascii_end()), Some((&b"n w\\nx"[..], stats)));
        for strange in
            ["# Filename Changed SourceSize MirrorSize IncrementSize", "a 2 1 1 1", "1 1 1 1", "x 0 1 1 -1"]
        {
            assert_eq!(file_statistics_fields(strange.as_bytes()), None, "{strange}");
        }
    }
}
