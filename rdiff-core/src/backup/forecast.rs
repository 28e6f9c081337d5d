//! Will it fit? A forecast of the room that a session takes, made from the plan as it goes.
//!
//! It never counts too much: what may be unchanged counts nothing, increments only by their number, and what
//! is replaced makes room at once. So a session that is refused would have filled the disk; one that is not
//! may still do so. The plan is a little ahead of the work; where room is short it is looked at further
//! ahead, so that a session of a few thousand paths is judged before anything is written.

use super::BackupRequest;
use super::plan::{Action, LinkRole, Planned};
use super::shared::Shared;
use crate::entry::Entry;
use crate::error::{Doing, Error, IoContext, Result};
use crate::format::stats::human_size;
use crate::monitor::{Event, Monitor};
use crate::tree::{FileKind, Root};
use std::collections::VecDeque;

/// So many paths are planned before the first is worked on, where room is short.
const LOOK_AHEAD: usize = 8192;

/// Room on a file system, or the need of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Room {
    bytes: u64,
    inodes: u64,
}

/// The room that is free, for us.
struct Free {
    room: Room,
    /// What a file takes is a multiple of this.
    block: u64,
}

impl Free {
    fn of(root: &Root) -> Result<Self> {
        let stat = rustix::fs::fstatvfs(root.fd()).while_doing(Doing::Stat, root.path())?;
        let is_root = rustix::process::geteuid().is_root();
        let blocks = if is_root { stat.f_bfree } else { stat.f_bavail };
        let block = stat.f_frsize.max(1);
        // Where inodes are made as they are needed, none are said to be there.
        let inodes = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
        Ok(Self { room: Room { bytes: blocks.saturating_mul(block), inodes }, block })
    }
}

/// Passes the plan on, and counts what it asks for.
pub(super) struct Forecast<'m, I> {
    plan: I,
    ahead: VecDeque<Result<Planned>>,
    look_ahead: usize,
    free: Free,
    needed: Room,
    is_first: bool,
    only_warn: bool,
    is_short: bool,
    shown: std::path::PathBuf,
    monitor: &'m dyn Monitor,
}

impl<'m, I: Iterator<Item = Result<Planned>>> Forecast<'m, I> {
    /// Watches a plan. `last_size` is the size of all files in the last session.
    pub(super) fn new(
        plan: I,
        shared: &Shared,
        last_size: Option<u64>,
        request: &BackupRequest,
        monitor: &'m dyn Monitor,
    ) -> Result<Self> {
        let free = Free::of(shared.disk.root())?;
        let expected = last_size.map(|size| size.saturating_mul(2)).or_else(|| shared.source.most_bytes());
        let is_tight = expected.is_some_and(|most| most > free.room.bytes);
        Ok(Self {
            plan,
            ahead: VecDeque::new(),
            look_ahead: if is_tight { LOOK_AHEAD } else { 0 },
            free,
            needed: Room::default(),
            is_first: shared.session.previous().is_none(),
            only_warn: !request.check_space,
            is_short: false,
            shown: shared.disk.root().path().to_path_buf(),
            monitor,
        })
    }

    /// Counts the next path of the plan. An error in its place, once it is clear that there is no room.
    fn pull(&mut self) -> Option<Result<Planned>> {
        let next = self.plan.next()?;
        if let Ok(planned) = &next
            && self.count(planned)
            && !self.is_short
        {
            self.is_short = true;
            if let Some(refused) = self.short() {
                return Some(Err(refused));
            }
        }
        Some(next)
    }

    /// Adds what a path needs. Is that more than there is?
    fn count(&mut self, planned: &Planned) -> bool {
        let Action::Examine(examine) = &planned.action else { return false };
        if examine.looks_same {
            return false;
        }
        let block = self.free.block;
        let blocks = |bytes: u64| bytes.div_ceil(block).saturating_mul(block);
        let old = planned.old.as_deref().map(|old| &old.entry);
        let is_new_file = examine.stat.kind == FileKind::Regular && examine.role != LinkRole::Later;
        if is_new_file {
            self.needed.bytes += blocks(examine.stat.size).min(blocks(examine.stat.allocated));
        }
        self.needed.inodes += u64::from(old.is_none() && examine.role != LinkRole::Later);
        self.needed.inodes += u64::from(!self.is_first);
        let is_short = self.needed.bytes > self.free.room.bytes || self.needed.inodes > self.free.room.inodes;
        let replaced = old.and_then(Entry::file).filter(|file| file.link.is_none());
        self.needed.bytes = self.needed.bytes.saturating_sub(replaced.map_or(0, |file| blocks(file.size)));
        is_short
    }

    /// There is no room: plans to the end, to say how much is missing.
    fn short(&mut self) -> Option<Error> {
        if self.only_warn {
            let text = format!("{} has little room: this session may not fit", self.shown.display());
            self.monitor.event(&Event::Warning(&text));
            return None;
        }
        while let Some(Ok(planned)) = self.plan.next() {
            self.count(&planned);
            if self.monitor.cancelled() {
                return Some(Error::Cancelled { at: None });
            }
        }
        let is_bytes = self.needed.bytes > self.free.room.bytes;
        let (needed, free) = if is_bytes || self.needed.inodes <= self.free.room.inodes {
            let needed = self.needed.bytes.max(self.free.room.bytes);
            (human_size(needed as f64), human_size(self.free.room.bytes as f64))
        } else {
            (format!("{} inodes", self.needed.inodes), self.free.room.inodes.to_string())
        };
        Some(Error::NoRoom { repository: self.shown.clone(), needed, free })
    }
}

impl<I: Iterator<Item = Result<Planned>>> Iterator for Forecast<'_, I> {
    type Item = Result<Planned>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.look_ahead > 0 {
            self.look_ahead -= 1;
            match self.pull() {
                // Nothing of what was planned is begun.
                Some(Err(e)) => {
                    self.ahead.clear();
                    self.look_ahead = 0;
                    return Some(Err(e));
                }
                Some(planned) => self.ahead.push_back(planned),
                None => self.look_ahead = 0,
            }
        }
        self.ahead.pop_front().or_else(|| self.pull())
    }
}
