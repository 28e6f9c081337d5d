//! `rdiff-backup-statistics`: averages of sessions, and what takes the space.

use super::{Companion, Stop, Voice, json_option};
use crate::action::VERSION;
use crate::json::lines::{self, InTree};
use crate::{locate, report};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use rdiff_core::format::stats::SessionStatistics;
use rdiff_core::repo::Repository;
use rdiff_core::statistics::{Measure, StatisticsFiles, Weights};
use rdiff_core::time::{TimeSpec, Zone};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Its command line.
pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).allow_hyphen_values(true).help(help)
    };
    Command::new("rdiff-backup-statistics")
        .infer_long_args(true)
        .args_override_self(true)
        .about("Print the averages of a repository's sessions, and which directories take the space")
        .long_about(
            "Print the averages of a repository's session statistics, and which files and directories are largest, \
             have the largest increments, and changed most. What is listed does not count for the directory it is in.",
        )
        .after_help(
            "Examples:\n  rdiff-backup-statistics /backup/home\n  \
             rdiff-backup-statistics --begin-time 1M --minimum-ratio 0.01 --quiet /backup/home",
        )
        .arg(option("begin-time", "TIME", "Leave out sessions before this time"))
        .arg(option("end-time", "TIME", "Leave out sessions after this time"))
        .arg(
            option("minimum-ratio", "RATIO", "List what has more than this part of the total; default: 0.05")
                .value_parser(value_parser!(f64)),
        )
        .arg(flag("null-separator", "The lines of file statistics end with NUL (backups with --null-separator)"))
        .arg(flag("quiet", "Don't tell which session is being read"))
        .arg(json_option())
        .arg(flag("version", "Print the version").short('V'))
        .arg(
            Arg::new("REPOSITORY")
                .required_unless_present("version")
                .value_parser(value_parser!(OsString))
                .value_hint(ValueHint::DirPath)
                .help("The repository"),
        )
}

/// Runs it. The first word is the name of the program.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    Companion { program: "rdiff-backup-statistics", action: "statistics", act: statistics }
        .run(command(), words)
}

fn statistics(m: &ArgMatches, voice: &Voice) -> Result<(), Stop> {
    if m.get_flag("version") {
        let name = std::env::args_os().next().unwrap_or_default();
        voice.print(&format!("{} {VERSION}", name.to_string_lossy()));
        return Ok(());
    }
    let place = m.get_one::<OsString>("REPOSITORY").cloned().unwrap_or_default();
    let repo = Repository::open(&locate::local(&place)?)?;
    let files = StatisticsFiles::find(&repo, time(m, "begin-time", &repo)?, time(m, "end-time", &repo)?)?;
    let without = files.sessions.iter().filter(|s| !files.pairs.iter().any(|(with, _)| with == *s));
    for session in without {
        let path = repo.path_of(&session.place);
        let text = format!("No file_statistics to match '{}'", path.display());
        voice.warn(&text, &text);
    }
    let Some(weights) = weigh(&repo, &files, m, voice)? else {
        return Err(Stop(format!("No matching sessions found in {}", repo.path().display())));
    };
    let all = files.all(&repo)?;
    if voice.json.is_some() {
        list(&all, &weights, voice);
        return Ok(());
    }
    match io::stdout().write_all(&text(&all, &weights)) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// What is listed: how the original calls it, how programs do, and what it is.
const TOPS: [(&str, &str, Measure); 3] = [
    ("source size", "source_size", Measure::SourceSize),
    ("increment size", "increment_size", Measure::IncrementSize),
    ("number of files changed", "changes", Measure::Changes),
];

/// For people, in the words of the original.
fn text(all: &[SessionStatistics], weights: &Weights) -> Vec<u8> {
    let mut text = b"Session statistics:\n".to_vec();
    text.extend_from_slice(report::average(all, &Zone::system()).as_ref());
    for (label, _, measure) in TOPS {
        let head = format!("Top directories by {label} (percent of total)");
        text.extend_from_slice(format!("\n{head}\n{}\n", "-".repeat(head.len())).as_bytes());
        for (path, percent) in weights.top(measure) {
            let line = format!("{} ({percent:.1}%)\n", String::from_utf8_lossy(&path));
            text.extend_from_slice(line.as_bytes());
        }
    }
    text
}

/// `top`: a path that weighs much, for programs.
#[derive(Serialize)]
struct Top<'a> {
    by: &'static str,
    #[serde(flatten)]
    path: InTree<'a>,
    percent: f64,
}

/// For programs.
fn list(all: &[SessionStatistics], weights: &Weights, voice: &Voice) {
    for (_, by, measure) in TOPS {
        for (path, percent) in weights.top(measure) {
            let percent = (percent * 1000.0).round() / 1000.0;
            voice.item("top", &Top { by, path: InTree::of_bytes(&path), percent });
        }
    }
    let average = lines::statistics(&SessionStatistics::average(all));
    voice.result(&serde_json::json!({ "sessions": all.len(), "average": average }));
}

/// All the sessions together.
fn weigh(
    repo: &Repository,
    files: &StatisticsFiles,
    m: &ArgMatches,
    voice: &Voice,
) -> Result<Option<Weights>, Stop> {
    let ratio = m.get_one::<f64>("minimum-ratio").copied().unwrap_or(0.05);
    if !(ratio >= 0.0 && ratio.is_finite()) {
        return Err(Stop(format!("--minimum-ratio {ratio}: give a part of the whole, such as 0.05")));
    }
    let separator = if m.get_flag("null-separator") { 0 } else { b'\n' };
    let count = files.pairs.len();
    let mut sum: Option<Weights> = None;
    for (n, pair) in files.pairs.iter().enumerate() {
        if count > 1 && !m.get_flag("quiet") {
            voice.say(&format!("Processing statistics from session {} of {count}", n + 1));
        }
        let mut bad = |line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            let text = format!("Error parsing line: '{}'", line.trim_end_matches(['\n', '\0']));
            voice.warn(&text, &text);
        };
        let weights = Weights::read(repo, pair, ratio, separator, &mut bad)?;
        match &mut sum {
            Some(sum) => sum.add(weights),
            none => *none = Some(weights),
        }
    }
    Ok(sum)
}

/// The time that an option gives, in seconds since 1970.
fn time(m: &ArgMatches, name: &str, repo: &Repository) -> Result<Option<i64>, Stop> {
    let Some(asked) = m.get_one::<String>(name) else { return Ok(None) };
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(clock).unwrap_or(i64::MAX);
    match TimeSpec::parse(asked, now, &Zone::system())? {
        TimeSpec::At(seconds) => Ok(Some(seconds)),
        back => Ok(back.choose(&repo.sessions()?).map(|t| t.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound() {
        command().debug_assert();
    }
}
