//! The ways people write a time.

use super::civil::{Civil, DAYS, MONTHS, digits, offset_of_zone};
use super::{SessionTime, Zone};
use std::str::FromStr;
use std::time::SystemTime;

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
