//! Session times, and the ways people write a time.
//!
//! The identity of a session is its whole second since 1970, never the text it is written as: the same
//! instant can stand under two time zones in one repository.
//!
//! ```
//! use rdiff_core::time::{BadTime, SessionTime, TimeSeparator, TimeSpec, Zone};
//!
//! let session = SessionTime(1_700_000_000); // seconds since 1970
//! assert_eq!(session.to_string(), "2023-11-14T22:13:20Z");
//! let dashes = session.format(&Zone::utc(), TimeSeparator::Dash);
//! assert_eq!(SessionTime::parse(dashes.as_bytes()), Some(session));
//!
//! // As people write times: an age, a date, or sessions back.
//! let now = 1_700_086_400;
//! assert_eq!(TimeSpec::parse("1D", now, &Zone::utc())?, TimeSpec::At(1_700_000_000));
//! assert_eq!(TimeSpec::parse("2B", now, &Zone::utc())?, TimeSpec::SessionsBack(2));
//! assert!(TimeSpec::parse("yesterday", now, &Zone::utc()).is_err());
//!
//! // As programs reckon them.
//! let year = std::time::Duration::from_secs(365 * 86_400);
//! assert!(SessionTime::from(std::time::SystemTime::now() - year) > session);
//! # Ok::<(), BadTime>(())
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of a session: whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionTime(pub i64);

impl SessionTime {
    /// Reads the time text of a file name: `2023-11-14T22:13:20Z`, `…+01:00`, or with `-` for every `:`.
    ///
    /// The minutes of a zone are added without the sign of its hours, as rdiff-backup reads them:
    /// `-03:30` means two and a half hours west.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let zone = text.get(19..)?;
        let local = Civil::parse(text.get(..19)?)?;
        Some(Self(local.seconds() - offset_of_zone(zone)?))
    }

    /// Writes it as in the names of files, in the zone's local time at that instant.
    ///
    /// A zone west of Greenwich with odd minutes is written one hour further out (`-04:30` for three
    /// and a half hours), which is what rdiff-backup 2.2.2 writes and what [`SessionTime::parse`] reads.
    pub fn format(self, zone: &Zone, separator: TimeSeparator) -> String {
        let offset = zone.offset_at(self.0);
        let c = Civil::from_seconds(self.0.saturating_add(offset));
        let s = separator.character();
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}{s}{:02}{s}{:02}",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        );
        if offset == 0 {
            text.push('Z');
        } else {
            let (hours, minutes) = (offset.div_euclid(3600), offset.rem_euclid(3600) / 60);
            let sign = if hours < 0 { '-' } else { '+' };
            text.push_str(&format!("{sign}{:02}{s}{minutes:02}", hours.abs()));
        }
        text
    }

    /// Writes it as C's `asctime` does, in local time: `Tue Nov 14 22:13:20 2023`.
    pub fn asctime(self, zone: &Zone) -> String {
        let c = Civil::from_seconds(self.0.saturating_add(zone.offset_at(self.0)));
        format!(
            "{} {} {:2} {:02}:{:02}:{:02} {}",
            DAYS[c.weekday()],
            MONTHS[c.month as usize - 1],
            c.day,
            c.hour,
            c.minute,
            c.second,
            c.year
        )
    }
}

impl From<SystemTime> for SessionTime {
    /// The second that the instant lies in.
    fn from(instant: SystemTime) -> Self {
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        Self(match instant.duration_since(UNIX_EPOCH) {
            Ok(since) => seconds(since),
            Err(e) => -seconds(e.duration()) - i64::from(e.duration().subsec_nanos() > 0),
        })
    }
}

impl fmt::Display for SessionTime {
    /// In UTC, as in the names of files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(&Zone::utc(), TimeSeparator::Colon))
    }
}

/// What stands between hours, minutes and seconds in the names of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TimeSeparator {
    /// `22:13:20`, the normal form.
    #[default]
    Colon,
    /// `22-13-20`, for file systems that can't hold a colon.
    Dash,
}

impl TimeSeparator {
    fn character(self) -> char {
        match self {
            TimeSeparator::Colon => ':',
            TimeSeparator::Dash => '-',
        }
    }
}

/// The rules of a time zone. A value, so that nothing here depends on the state of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The machine's zone: `$TZ`, else `/etc/localtime`, else universal time.
    pub fn system() -> Self {
        let zone = Self::of_machine().or_else(|| jiff::tz::TimeZone::try_system().ok());
        Self(zone.unwrap_or(jiff::tz::TimeZone::UTC))
    }

    /// The zone that `/etc/localtime` links to, where `$TZ` says nothing. The library would list all zones of the
    /// machine first, which is most of the time that a short run takes.
    fn of_machine() -> Option<jiff::tz::TimeZone> {
        if std::env::var_os("TZ").is_some() {
            return None;
        }
        let file = std::fs::canonicalize("/etc/localtime").ok()?;
        let (_, name) = file.to_str()?.split_once("/zoneinfo/")?;
        jiff::tz::TimeZone::tzif(name, &std::fs::read(&file).ok()?).ok()
    }

    /// The zone of a name such as `Europe/Berlin`, or nothing if the machine doesn't know it.
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).ok().map(Self)
    }

    /// The name of the zone; nothing for one that is known by its rules only.
    pub fn name(&self) -> Option<&str> {
        if *self == Self::utc() { Some("UTC") } else { self.0.iana_name() }
    }

    /// Seconds to add to universal time for local time at that instant.
    pub fn offset_at(&self, epoch: i64) -> i64 {
        jiff::Timestamp::from_second(epoch).map_or(0, |t| i64::from(self.0.to_offset(t).seconds()))
    }

    /// The instant at which local clocks show this; the earlier one if they show it twice.
    fn instant_of(&self, civil: &Civil) -> i64 {
        let local = civil.seconds();
        let guess = local - self.offset_at(local);
        [guess, local - self.offset_at(guess)]
            .into_iter()
            .filter(|&t| t + self.offset_at(t) == local)
            .min()
            .unwrap_or(guess)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Zone {
    /// As its name; `system` for one without.
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.name().unwrap_or("system"))
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = <String as serde::Deserialize>::deserialize(from)?;
        let unknown = || serde::de::Error::custom(format!("this machine knows no time zone {name}"));
        match name.as_str() {
            "system" => Ok(Self::system()),
            "UTC" => Ok(Self::utc()),
            name => Self::named(name).ok_or_else(unknown),
        }
    }
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date and a time of day, of no zone.
#[derive(Debug, Clone, Copy)]
struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Civil {
    /// Reads `2023-11-14T22:13:20`, with any of `T`, `:`, `-` at each place. Days aren't checked
    /// against the month: February 31 is March 3, as in rdiff-backup.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(['T', ':', '-']);
        let mut next = |range: std::ops::RangeInclusive<u32>| {
            let part = parts.next()?;
            let value = digits(part)?;
            range.contains(&value).then_some(value)
        };
        let civil = Civil {
            year: i64::from(next(1901..=2099)?),
            month: next(1..=12)?,
            day: next(1..=31)?,
            hour: next(0..=23)?,
            minute: next(0..=59)?,
            second: next(0..=61)?,
        };
        parts.next().is_none().then_some(civil)
    }

    /// Seconds since 1970 were this universal time.
    fn seconds(&self) -> i64 {
        let (y, m) = if self.month > 2 {
            (self.year, i64::from(self.month) - 3)
        } else {
            (self.year - 1, i64::from(self.month) + 9)
        };
        // Days of a year that begins on March 1, so that the leap day is its last.
        let era = y.div_euclid(400);
        let of_era = y.rem_euclid(400);
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100
            + (153 * m + 2) / 5
            + i64::from(self.day)
            - 1
            - 719_468;
        days * 86_400 + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }

    fn from_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400) + 719_468;
        let rest = seconds.rem_euclid(86_400) as u32;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let m = (5 * day_of_year + 2) / 153;
        let month = if m < 10 { m + 3 } else { m - 9 } as u32;
        Civil {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: (day_of_year - (153 * m + 2) / 5 + 1) as u32,
            hour: rest / 3600,
            minute: rest % 3600 / 60,
            second: rest % 60,
        }
    }

    fn weekday(&self) -> usize {
        (self.seconds().div_euclid(86_400) + 4).rem_euclid(7) as usize
    }
}

fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Seconds that a zone text (`Z`, `+01:00`, `-03-30`) is ahead of universal time.
fn offset_of_zone(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let bytes = zone.as_bytes();
    if bytes.len() != 6 || !matches!(bytes[3], b':' | b'-') {
        return None;
    }
    let hours = i64::from(digits(zone.get(1..3)?)?);
    let minutes = i64::from(digits(zone.get(4..6)?)?);
    match bytes[0] {
        b'+' => Some(60 * (60 * hours + minutes)),
        b'-' => Some(60 * (-60 * hours + minutes)),
        _ => None,
    }
}

/// A time as people ask for it.
///
/// ```
/// # use rdiff_core::time::{SessionTime, TimeSpec};
/// let sessions = [SessionTime(100), SessionTime(200), SessionTime(300)];
/// assert_eq!(TimeSpec::At(250).choose(&sessions), Some(SessionTime(200))); // the newest that is not later
/// assert_eq!(TimeSpec::SessionsBack(2).choose(&sessions), Some(SessionTime(100)));
/// assert_eq!(TimeSpec::default().choose(&sessions), Some(SessionTime(300)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TimeSpec {
    /// An instant, in seconds since 1970.
    At(i64),
    /// So many sessions before the newest (`0B` is the newest itself).
    SessionsBack(u64),
}

impl Default for TimeSpec {
    /// The newest session.
    fn default() -> Self {
        TimeSpec::SessionsBack(0)
    }
}

impl From<SystemTime> for TimeSpec {
    fn from(instant: SystemTime) -> Self {
        SessionTime::from(instant).into()
    }
}

impl From<SessionTime> for TimeSpec {
    fn from(session: SessionTime) -> Self {
        TimeSpec::At(session.0)
    }
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "bad time string \"{text}\"; write `now`, seconds since 1970, 2023-11-14T22:13:20+01:00, \
     2023-11-14, 11/14/2023, an age such as 3D or 1h78m (of s m h D W M Y), or 4B for four sessions back"
)]
pub struct BadTime {
    /// What was asked for.
    pub text: String,
}

impl TimeSpec {
    /// Reads every form that rdiff-backup takes, in its order of trying.
    ///
    /// # Errors
    /// [`BadTime`] with the text, when none fits.
    pub fn parse(text: &str, now: i64, zone: &Zone) -> Result<Self, BadTime> {
        Self::read(text, now, zone).ok_or_else(|| BadTime { text: text.to_owned() })
    }

    fn read(text: &str, now: i64, zone: &Zone) -> Option<Self> {
        if text == "now" {
            return Some(TimeSpec::At(now));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return i64::from_str(text).ok().map(TimeSpec::At);
        }
        if let Some(civil) = text.get(..19).and_then(Civil::parse) {
            let offset = match &text[19..] {
                "" => Some(zone.offset_at(now)),
                rest => offset_of_zone(rest),
            };
            if let Some(offset) = offset {
                return Some(TimeSpec::At(civil.seconds() - offset));
            }
        }
        if let Some(count) = text.strip_suffix('B').filter(|c| !c.is_empty())
            && count.bytes().all(|b| b.is_ascii_digit())
        {
            return Some(TimeSpec::SessionsBack(count.parse().unwrap_or(u64::MAX)));
        }
        read_asctime(text)
            .or_else(|| read_date(text))
            .map(|civil| zone.instant_of(&civil))
            .or_else(|| Some(now.saturating_sub(read_interval(text)?)))
            .map(TimeSpec::At)
    }

    /// The session meant, of those in `sessions` (ascending): the newest not after the time asked for,
    /// or the oldest of all if every one is later. Nothing if there are no sessions.
    pub fn choose(self, sessions: &[SessionTime]) -> Option<SessionTime> {
        match self {
            TimeSpec::At(t) => sessions.iter().rev().find(|s| s.0 <= t).or(sessions.first()).copied(),
            TimeSpec::SessionsBack(n) => {
                let back = usize::try_from(n).unwrap_or(usize::MAX);
                sessions.iter().rev().nth(back).or(sessions.first()).copied()
            }
        }
    }
}

/// Reads an age such as `1W2D` in seconds. A month has 30 days, a year 365.
fn read_interval(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = match rest.as_bytes()[end] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'D' => 86_400,
            b'W' => 7 * 86_400,
            b'M' => 30 * 86_400,
            b'Y' => 365 * 86_400,
            _ => return None,
        };
        let count: i64 = rest[..end].parse().ok()?;
        total = total.checked_add(count.checked_mul(unit)?)?;
        rest = &rest[end + 1..];
    }
    (!text.is_empty()).then_some(total)
}

/// Reads `2023-11-14`, `2023/11/14`, `11-14-2023` or `11/14/2023` as that day's first second.
fn read_date(text: &str) -> Option<Civil> {
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let [a, b, c] = parts[..] else { return None };
    let (year, month, day) = if a.len() == 4 { (a, b, c) } else { (c, a, b) };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    ((1901..=2099).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Civil {
        year: i64::from(year),
        month,
        day,
        hour: 0,
        minute: 0,
        second: 0,
    })
}

/// Reads `Wed Nov 15 22:13:20 2023`.
fn read_asctime(text: &str) -> Option<Civil> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [weekday, month, day, clock, year] = parts[..] else { return None };
    DAYS.iter().find(|d| d.eq_ignore_ascii_case(weekday))?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))? + 1;
    Civil::parse(&format!("{year}-{month}-{day}T{clock}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: i64 = 1_700_000_000;

    #[test]
    fn an_instant_belongs_to_the_second_that_it_lies_in() {
        let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(ms);
        let before = |ms: u64| UNIX_EPOCH - Duration::from_millis(ms);
        let seconds =
            [at(0), at(1999), before(0), before(1), before(1000), before(1001)].map(SessionTime::from);
        assert_eq!(seconds.map(|t| t.0), [0, 1, 0, -1, -1, -2]);
    }

    #[test]
    fn a_zone_west_with_odd_minutes_is_written_as_it_is_read() {
        let newfoundland = Zone::named("America/St_Johns").unwrap();
        let text = SessionTime(T).format(&newfoundland, TimeSeparator::Colon);
        assert_eq!(text, "2023-11-14T18:43:20-04:30");
        assert_eq!(SessionTime::parse(text.as_bytes()), Some(SessionTime(T)));
    }

    #[test]
    fn summer_time_is_that_of_the_instant() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let text = |t| SessionTime(t).format(&berlin, TimeSeparator::Colon);
        assert_eq!(text(T), "2023-11-14T23:13:20+01:00");
        assert_eq!(text(1_690_000_000), "2023-07-22T06:26:40+02:00");
        assert_eq!(SessionTime(T).asctime(&berlin), "Tue Nov 14 23:13:20 2023");
        assert_eq!(SessionTime(T - 10 * 86_400).asctime(&Zone::utc()), "Sat Nov  4 22:13:20 2023");
    }

    #[test]
    fn what_is_no_session_time() {
        for text in [
            "",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20X",
            "2023-13-14T22:13:20Z",
            "2023-11-14T22:13:20+0100",
            "1700-11-14T22:13:20Z",
            "2023-11-14T22:13:+0Z",
            "2023-11-14T2é:13:20Z",
        ] {
            assert_eq!(SessionTime::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(SessionTime::parse(b"2023-11-14T22-13-20Z"), Some(SessionTime(T)));
    }

    #[test]
    fn every_way_to_write_a_time() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let midnight = 1_699_916_400; // 2023-11-14T00:00:00+01:00
        for (text, want) in [
            ("now", T),
            ("3", 3),
            ("2023-11-14T22:13:20Z", T),
            ("2023-11-14T23:13:20", T),
            ("2023-11-14T22-13-20+00-00", T),
            ("Tue Nov 14 23:13:20 2023", T),
            ("1D", T - 86_400),
            ("1h78m", T - 3600 - 78 * 60),
            ("1W1W", T - 14 * 86_400),
            ("1Y2M3s", T - 365 * 86_400 - 60 * 86_400 - 3),
            ("2023-11-14", midnight),
            ("2023/11/14", midnight),
            ("11/14/2023", midnight),
            ("11-14-2023", midnight),
        ] {
            assert_eq!(TimeSpec::parse(text, T, &zone), Ok(TimeSpec::At(want)), "{text}");
        }
        assert_eq!(TimeSpec::parse("10B", T, &zone), Ok(TimeSpec::SessionsBack(10)));
        for text in [
            "1D2",
            "D",
            "3 D",
            "1b",
            "5d",
            "1.5D",
            "yesterday",
            "",
            "15/11/2023",
            "2023-13-01",
            "2023-11-15T22:13",
            "2023-11-14T23:13:20+0100",
            "-1D",
            "99999999999999999999D",
            "B",
            "é",
        ] {
            assert!(TimeSpec::parse(text, T, &zone).is_err(), "{text}");
        }
    }

    #[test]
    fn the_session_meant_is_the_newest_not_later_or_the_oldest() {
        let s = [10, 20, 30].map(SessionTime);
        assert_eq!(TimeSpec::At(25).choose(&s), Some(SessionTime(20)));
        assert_eq!(TimeSpec::At(5).choose(&s), Some(SessionTime(10)));
        assert_eq!(TimeSpec::At(99).choose(&s), Some(SessionTime(30)));
        assert_eq!(TimeSpec::SessionsBack(0).choose(&s), Some(SessionTime(30)));
        assert_eq!(TimeSpec::SessionsBack(9).choose(&s), Some(SessionTime(10)));
        assert_eq!(TimeSpec::At(9).choose(&[]), None);
    }

    proptest! {
        #[test]
        fn every_instant_survives_the_trip(t in -2_000_000_000_i64..4_000_000_000, zone in 0..5usize) {
            let names = ["UTC", "America/St_Johns", "Europe/Berlin", "Asia/Kolkata", "Pacific/Marquesas"];
            let zone = Zone::named(names[zone]).unwrap();
            // Local mean times of old had seconds, which no file name can hold.
            prop_assume!(zone.offset_at(t) % 60 == 0);
            for separator in [TimeSeparator::Colon, TimeSeparator::Dash] {
                let text = SessionTime(t).format(&zone, separator);
                prop_assert_eq!(SessionTime::parse(text.as_bytes()), Some(SessionTime(t)), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            TimeSpec::parse(&text, T, &Zone::utc()).ok();
            let _ = SessionTime::parse(text.as_bytes());
        }
    }
}
