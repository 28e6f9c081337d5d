//! Dates and times of day, by arithmetic alone.

pub(super) const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date and a time of day, of no zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
}

impl Civil {
    /// Reads `2023-11-14T22:13:20`, with any of `T`, `:`, `-` at each place. Days aren't checked
    /// against the month: February 31 is March 3, as in rdiff-backup.
    pub(super) fn parse(text: &str) -> Option<Self> {
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
    pub(super) fn seconds(&self) -> i64 {
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

    pub(super) fn from_seconds(seconds: i64) -> Self {
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

    pub(super) fn weekday(&self) -> usize {
        (self.seconds().div_euclid(86_400) + 4).rem_euclid(7) as usize
    }
}

pub(super) fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Seconds that a zone text (`Z`, `+01:00`, `-03-30`) is ahead of universal time.
pub(super) fn offset_of_zone(zone: &str) -> Option<i64> {
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
