//! Names with a time in them: `BASE.TIME.KIND` or `BASE.TIME.KIND.gz`.
//!
//! An increment is named for the session whose state it *holds*, not for the one that wrote it.
//!
//! ```
//! use rdiff_core::format::names::{IncrementKind, TimeStyle, TimedName};
//! use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
//!
//! let style = TimeStyle { zone: Zone::utc(), separator: TimeSeparator::Colon };
//! let name = style.name(b"note", SessionTime(1_700_000_000), IncrementKind::Diff, true);
//! assert_eq!(name, b"note.2023-11-14T22:13:20Z.diff.gz");
//! let parsed = TimedName::parse(&name).expect("such a name");
//! assert_eq!((parsed.base, parsed.time.0, parsed.kind), (&b"note"[..], 1_700_000_000, IncrementKind::Diff));
//! ```

use crate::time::{SessionTime, TimeSeparator, Zone};

/// What a file with a time in its name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum IncrementKind {
    /// The whole state.
    Snapshot,
    /// What leads from the next newer state to this one.
    Diff,
    /// It was a directory.
    Dir,
    /// It was not there.
    Missing,
    /// No increment: a marker, statistics, a log.
    Data,
}

impl IncrementKind {
    /// As in the name of a file.
    pub fn as_str(self) -> &'static str {
        match self {
            IncrementKind::Snapshot => "snapshot",
            IncrementKind::Diff => "diff",
            IncrementKind::Dir => "dir",
            IncrementKind::Missing => "missing",
            IncrementKind::Data => "data",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        [Self::Snapshot, Self::Diff, Self::Dir, Self::Missing, Self::Data]
            .into_iter()
            .find(|k| k.as_str().as_bytes() == text)
    }
}

/// The parts of a name with a time in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedName<'a> {
    /// What stands before the time; it can hold dots, and look like such a name itself.
    pub base: &'a [u8],
    /// The session.
    pub time: SessionTime,
    /// What the file is.
    pub kind: IncrementKind,
    /// Does the name end in `.gz`?
    pub gzipped: bool,
}

impl<'a> TimedName<'a> {
    /// Takes a name apart, from its right end; nothing if it is no such name.
    pub fn parse(name: &'a [u8]) -> Option<Self> {
        let (rest, gzipped) = match name.strip_suffix(b".gz") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let (rest, kind) = split_last(rest)?;
        let kind = IncrementKind::parse(kind)?;
        let (base, time) = split_last(rest)?;
        Some(Self { base, time: SessionTime::parse(time)?, kind, gzipped })
    }
}

fn split_last(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|&b| b == b'.')?;
    Some((&name[..dot], &name[dot + 1..]))
}

/// How times are written in the names of one repository.
#[derive(Clone, Debug)]
pub struct TimeStyle {
    /// Whose local time.
    pub zone: Zone,
    /// What stands between hours, minutes and seconds.
    pub separator: TimeSeparator,
}

impl TimeStyle {
    /// The name of a file; `gzipped` adds `.gz`.
    pub fn name(&self, base: &[u8], time: SessionTime, kind: IncrementKind, gzipped: bool) -> Vec<u8> {
        let mut name = base.to_vec();
        name.push(b'.');
        name.extend_from_slice(time.format(&self.zone, self.separator).as_bytes());
        name.push(b'.');
        name.extend_from_slice(kind.as_str().as_bytes());
        if gzipped {
            name.extend_from_slice(b".gz");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_one_within_another() {
        let name = b"bar.2020-01-01T00:00:00Z.snapshot.2023-11-14T22:13:20Z.diff.gz";
        let parsed = TimedName::parse(name).unwrap();
        assert_eq!(parsed.base, b"bar.2020-01-01T00:00:00Z.snapshot");
        assert_eq!(parsed.time, SessionTime(1_700_000_000));
        assert_eq!((parsed.kind, parsed.gzipped), (IncrementKind::Diff, true));
        let style = TimeStyle { zone: Zone::utc(), separator: TimeSeparator::Colon };
        assert_eq!(style.name(parsed.base, parsed.time, parsed.kind, true), name);
    }

    #[test]
    fn what_is_no_such_name() {
        for name in [
            &b"x"[..],
            b"2023-11-14T22:13:20Z.diff",
            b"x.2023-11-14T22:13:20Z.gz",
            b"x.2023-11-14.diff",
            b"x.2023-11-14T22:13:20Z.other",
            b".gz",
            b"",
        ] {
            assert_eq!(TimedName::parse(name), None, "{}", String::from_utf8_lossy(name));
        }
    }
}
