//! Step 4: old states take their places, behind barriers.

use super::Undo;
use super::finder::Touched;
use crate::error::{Doing, Result};
use crate::monitor::{Counter, Event, Monitor, PathDone};
use crate::repo::disk::ignore_absent;
use crate::repo::layout::StoredPath;
use crate::tree::attrs::{Applied, Ownership};
use crate::tree::is_absent;
use std::sync::Arc;

/// So many rebuilt states wait at most before they take their places,
const BATCH: usize = 10_000;
/// or so many bytes: that much more room is needed to go back.
const BATCH_BYTES: u64 = 256 << 20;

/// Old states that are rebuilt, and not yet in their places.
pub(super) struct Batch<'u> {
    undo: &'u Undo,
    monitor: &'u dyn Monitor,
    fixes: Vec<(Touched, Fix)>,
    bytes: u64,
    pub(super) restored: u64,
}

impl<'u> Batch<'u> {
    pub(super) fn new(undo: &'u Undo, monitor: &'u dyn Monitor) -> Self {
        Self { undo, monitor, fixes: Vec::new(), bytes: 0, restored: 0 }
    }

    pub(super) fn add(&mut self, touched: Touched, fix: Fix) -> Result<()> {
        self.monitor.count(Counter::Paths, 1);
        if matches!(fix, Fix::Nothing) {
            return Ok(());
        }
        self.restored += 1;
        self.monitor.event(&Event::Path { path: touched.entry.path.as_path(), what: PathDone::Restored });
        if matches!(fix, Fix::Put(_)) {
            self.bytes = self.bytes.saturating_add(touched.entry.size());
        }
        self.fixes.push((touched, fix));
        let most = BATCH.min(self.undo.disk.most_waiting());
        if self.fixes.len() >= most || self.bytes >= BATCH_BYTES { self.apply() } else { Ok(()) }
    }

    /// Brings them into the mirror (step 4).
    pub(super) fn apply(&mut self) -> Result<()> {
        self.undo.barrier()?;
        for (touched, fix) in std::mem::take(&mut self.fixes) {
            self.undo.go_on()?;
            self.undo.apply(&touched, &fix)?;
        }
        self.bytes = 0;
        Ok(())
    }
}

/// How a touched path becomes what it was.
pub(super) enum Fix {
    Nothing,
    Attributes,
    Put(StoredPath),
    Link(StoredPath),
}

impl Undo {
    /// Brings a rebuilt state into the mirror.
    fn apply(&self, touched: &Touched, fix: &Fix) -> Result<()> {
        let to = &touched.place;
        match fix {
            Fix::Nothing => Ok(()),
            Fix::Attributes => self.set_attributes(&touched.entry, &Ownership::new(Arc::clone(&self.names))),
            Fix::Put(from) => self.io(Doing::Rename, to, self.in_opened(to, || self.disk.rename(from, to))),
            // The first may have got its old content, and with it another inode, just before.
            Fix::Link(first) if self.repo.root().is_one_file(first.as_bytes(), to.as_bytes()) => {
                self.set_attributes(&touched.entry, &Ownership::new(Arc::clone(&self.names)))
            }
            Fix::Link(first) => {
                let between = self.staged();
                match self.disk.link(first, &between) {
                    Err(e) if is_absent(&e) => {
                        self.give_up(
                            touched,
                            format!("{}, another name of it, is lost", self.repo.path_of(first).display()),
                        );
                        return Ok(());
                    }
                    linked => self.io(Doing::Link, first, linked)?,
                }
                self.io(Doing::Rename, to, self.in_opened(to, || self.disk.rename(&between, to)))?;
                self.io(Doing::Remove, &between, ignore_absent(self.disk.unlink(&between)))
            }
        }
    }

    /// Does something in a directory; if that denies it, after giving ourselves the right.
    pub(super) fn in_opened<T>(
        &self,
        place: &StoredPath,
        act: impl Fn() -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        match act() {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let open = Applied { mode: Some(0o700), ..Applied::default() };
                self.disk.set_attributes(&place.parent(), &open)?;
                act()
            }
            other => other,
        }
    }
}
