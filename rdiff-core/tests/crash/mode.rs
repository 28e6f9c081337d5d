//! How a job is stopped, and where.

use rdiff_core::testing::{Fault, Lost};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// How a job is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One operation fails, what the job does then works.
    Fault,
    /// The disk is full from there on.
    Full,
    /// Nothing happens any more.
    Kill,
    /// As `Kill`, and the power goes.
    PowerAll,
    PowerContent,
    PowerSome(u64),
}

pub(crate) const MODES: [Mode; 7] = [
    Mode::Fault,
    Mode::Full,
    Mode::Kill,
    Mode::PowerAll,
    Mode::PowerContent,
    Mode::PowerSome(1),
    Mode::PowerSome(2),
];

impl Mode {
    pub(crate) fn fault(self, n: u64) -> Fault {
        match self {
            Self::Fault => Fault::Once(n, EIO),
            Self::Full => Fault::From(n, ENOSPC),
            _ => Fault::From(n, EIO),
        }
    }

    pub(crate) fn lost(self, n: u64) -> Option<Lost> {
        match self {
            Self::PowerAll => Some(Lost::Everything),
            Self::PowerContent => Some(Lost::Content),
            Self::PowerSome(seed) => Some(Lost::Some(seed << 32 | n)),
            _ => None,
        }
    }
}

pub(crate) fn sample(end: u64, shift: u64) -> Vec<u64> {
    let all = std::env::var_os("CRASH_ONLY").map(|_| "all".to_owned());
    let wanted = all.or_else(|| std::env::var("CRASH_POINTS").ok()).unwrap_or_else(|| "2".into());
    let Ok(wanted) = wanted.parse::<u64>() else { return (0..end).collect() };
    let wanted = wanted.clamp(1, end);
    let mut points: Vec<u64> = (0..wanted).map(|i| (i * end + end * shift / 7) / wanted).collect();
    points.push(end - 1);
    points.sort_unstable();
    points.dedup();
    points
}
