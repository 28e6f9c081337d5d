//! Times, increment names and quoting, as text.

/// Seconds since 1970 of a time string; `None` when it is none.
///
/// The zone's minutes are added without the sign of its hours: `-04:30` is three and a half hours behind.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (stamp, zone) = (text.get(..19)?, text.get(19..)?);
    let fields: Vec<i64> = stamp.split(['T', ':', '-']).map(|f| f.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = fields[..] else { return None };
    let fits = (1901..2100).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..62).contains(&second);
    let days = days_since_1970(year, month, day);
    fits.then(|| Some(days * 86_400 + hour * 3600 + minute * 60 + second - 60 * zone_minutes(zone)?))
        .flatten()
}

fn zone_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let shape = zone.len() == 6 && zone.starts_with(['+', '-']) && matches!(&zone[3..4], ":" | "-");
    shape.then(|| Some(60 * zone[..3].parse::<i64>().ok()? + zone[4..].parse::<i64>().ok()?)).flatten()
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 719_469
}

/// The time in UTC, as the real program writes it.
pub fn format_time(at: i64) -> String {
    let (mut year, days) = (1970 + at.div_euclid(86_400 * 366), at.div_euclid(86_400));
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|&m| days_since_1970(year, m, 1) <= days).unwrap_or(1);
    let day = days - days_since_1970(year, month, 1) + 1;
    let second = at.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Is this how a program would write the time: digits where they belong, one kind of separator, a real date?
pub fn is_well_written(text: &[u8]) -> bool {
    let Some(at) = parse_time(text) else { return false };
    let separator = char::from(text[13]);
    let shape: String = text.iter().map(|&b| if b.is_ascii_digit() { '0' } else { char::from(b) }).collect();
    let local = format!("0000-00-00T00{separator}00{separator}00");
    let zones = ["Z".to_owned(), format!("+00{separator}00"), format!("-00{separator}00")];
    let fields = [&text[..19], b"Z"].concat();
    let printed = parse_time(&fields).map(format_time).unwrap_or_default();
    zones.iter().any(|zone| shape == format!("{local}{zone}"))
        && printed.replace(':', &separator.to_string()).into_bytes() == fields
        && parse_time(format_time(at).as_bytes()) == Some(at)
}

/// The last part of an increment-style name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    Snapshot,
    Diff,
    Dir,
    Missing,
    Data,
}

/// `BASE.TIME.SUFFIX[.gz]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncrementName {
    pub base: Vec<u8>,
    pub time: Vec<u8>,
    pub at: i64,
    pub suffix: Suffix,
    pub gz: bool,
}

impl IncrementName {
    /// Reads a name from its right end; `None` when it is of another form.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let (name, gz) = name.strip_suffix(b".gz").map_or((name, false), |n| (n, true));
        let (rest, suffix) = split_last(name)?;
        let (base, time) = split_last(rest)?;
        let suffix = match suffix {
            b"snapshot" => Suffix::Snapshot,
            b"diff" => Suffix::Diff,
            b"dir" => Suffix::Dir,
            b"missing" => Suffix::Missing,
            b"data" => Suffix::Data,
            _ => return None,
        };
        Some(Self { base: base.to_vec(), time: time.to_vec(), at: parse_time(time)?, suffix, gz })
    }
}

fn split_last(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|&b| b == b'.')?;
    Some((&name[..dot], &name[dot + 1..]))
}

/// `;058` -> `:`. Only for repositories that quote.
pub fn unquote(name: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), name);
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|d| first == b';' && d.iter().all(u8::is_ascii_digit));
        let byte = digits.and_then(|d| std::str::from_utf8(d).ok()?.parse::<u8>().ok());
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[3..] } else { tail };
    }
    out
}
