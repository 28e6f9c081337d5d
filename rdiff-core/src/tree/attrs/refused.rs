//! What a file system has no room for.

use crate::tree::Stat;
use rustix::io::Errno;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the paths whose owner, mode or time a file system has no room for: FAT, a share that squashes owners, years
/// after 2446 on ext4. Their records have them all the same.
#[derive(Debug, Default)]
pub struct Refused {
    owners: AtomicU64,
    modes: AtomicU64,
    times: AtomicU64,
}

impl Refused {
    /// Paths that did not get their owner.
    pub fn owners(&self) -> u64 {
        self.owners.load(Ordering::Relaxed)
    }

    /// Paths that did not get their permission bits.
    pub fn modes(&self) -> u64 {
        self.modes.load(Ordering::Relaxed)
    }

    /// Paths that did not get their time: the system sets the nearest that there is room for, and calls that success.
    pub fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// Looks at the time that was set, if not every file system has room for it.
    pub(crate) fn time(&self, wanted: i64, there: impl FnOnce() -> io::Result<Stat>) -> io::Result<()> {
        const EVERYWHERE: std::ops::RangeInclusive<i64> = 315_532_800..=i32::MAX as i64;
        // FAT keeps every other second.
        if !EVERYWHERE.contains(&wanted) && there()?.mtime.0.abs_diff(wanted) > 2 {
            self.times.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Was the owner set? Counted if not.
    pub(crate) fn owner(&self, result: rustix::io::Result<()>) -> io::Result<bool> {
        taken(result, &self.owners)
    }

    /// Was the mode set? Counted if not.
    pub(crate) fn mode(&self, result: rustix::io::Result<()>) -> io::Result<bool> {
        taken(result, &self.modes)
    }
}

fn taken(result: rustix::io::Result<()>, refused: &AtomicU64) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        // The last is for numbers that a user namespace doesn't know.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            refused.fetch_add(1, Ordering::Relaxed);
            Ok(false)
        }
        Err(e) => Err(e.into()),
    }
}
