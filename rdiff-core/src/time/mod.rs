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

mod civil;
mod spec;
mod zone;

pub use spec::{BadTime, TimeSpec};
pub use zone::Zone;

use civil::{Civil, DAYS, MONTHS, offset_of_zone};
use std::fmt;
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: i64 = 1_700_000_000;

    /// What Python's `mktime` says, by which the original reads dates.
    #[test]
    fn an_hour_that_clocks_skip_is_counted_as_if_they_had_not() {
        for (zone, text, instant) in [
            ("Europe/Berlin", "Sun Mar 31 02:30:00 2024", 1_711_848_600),
            ("America/New_York", "Sun Mar 10 02:30:00 2024", 1_710_055_800),
            ("Australia/Lord_Howe", "Sun Oct  6 02:15:00 2024", 1_728_143_100),
        ] {
            let zone = Zone::named(zone).unwrap();
            assert_eq!(TimeSpec::parse(text, 1_700_000_000, &zone), Ok(TimeSpec::At(instant)), "{text}");
        }
        // Without an offset, the one of today counts, as the original has it.
        let zone = Zone::named("Europe/Berlin").unwrap();
        let today = |now| TimeSpec::parse("2024-03-31T02:30:00", now, &zone);
        assert_eq!(today(1_700_000_000), Ok(TimeSpec::At(1_711_848_600)));
        assert_eq!(today(1_720_000_000), Ok(TimeSpec::At(1_711_845_000)));
    }

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
