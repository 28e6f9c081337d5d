//! The changes of the mirror, by one thread: they wait in batches for a barrier, and what takes something away
//! comes last of all.

use super::shared::Shared;
use crate::entry::Entry;
use crate::error::{Doing, Result};
use crate::monitor::{Counter, Event, Monitor, Phase};
use crate::repo::disk::{ignore_absent, make_dirs, remove_all};
use crate::repo::layout::StoredPath;
use crate::tree::attrs::Applied;
use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

/// A change of the mirror that waits for a barrier.
enum Op {
    /// A staged file takes its place.
    Put { from: StoredPath, to: StoredPath },
    /// A directory is made, where something else may stand.
    MakeDir { to: StoredPath, over: bool },
    /// Only attributes change, or of them only the time.
    SetAttributes { entry: Box<Entry>, only_time: bool },
    /// A file becomes another name of the first of its group.
    Link { first: StoredPath, to: StoredPath },
}

/// A change that takes something away. These come last of all, the innermost first.
enum Removal {
    File(StoredPath),
    Dir(StoredPath),
    /// A staged file takes the place of a directory, once that is empty.
    PutOverDir {
        from: StoredPath,
        to: StoredPath,
    },
}

/// So many changes wait at most before a batch is applied,
const BATCH: usize = 50_000;
/// or so many bytes of staged files.
const BATCH_BYTES: u64 = 2 << 30;
/// How often a closed directory is opened up for one operation: a worker that reads below it closes it again.
const OPENINGS: usize = 4;

/// The changes that wait, and how they are made.
pub(super) struct Changes<'m> {
    shared: Arc<Shared>,
    monitor: &'m dyn Monitor,
    ops: Vec<Op>,
    staged_bytes: u64,
    removals: Vec<Removal>,
    /// Directories whose attributes have to be set, or of them only the time.
    touched: Vec<(Entry, bool)>,
    /// Directories of the mirror that were opened up for us, with the mode they had.
    opened: RefCell<Vec<(StoredPath, u32)>>,
}

/// What waits.
impl<'m> Changes<'m> {
    pub(super) fn new(shared: Arc<Shared>, monitor: &'m dyn Monitor) -> Self {
        let (ops, removals, touched, opened) = Default::default();
        Self { shared, monitor, ops, staged_bytes: 0, removals, touched, opened }
    }

    /// A staged file, of so many bytes, takes its place.
    pub(super) fn put(&mut self, from: StoredPath, to: StoredPath, bytes: u64) {
        self.staged_bytes += bytes;
        self.ops.push(Op::Put { from, to });
    }

    /// A staged file takes the place of a directory.
    pub(super) fn put_over_dir(&mut self, from: StoredPath, to: StoredPath) {
        self.removals.push(Removal::PutOverDir { from, to });
    }

    /// A directory is made, `over` something else.
    pub(super) fn make_dir(&mut self, to: StoredPath, over: bool) {
        self.ops.push(Op::MakeDir { to, over });
    }

    /// The mirror gets these attributes, or of them only the time.
    pub(super) fn set_attributes(&mut self, entry: Entry, only_time: bool) {
        self.ops.push(Op::SetAttributes { entry: Box::new(entry), only_time });
    }

    /// A directory gets these attributes, or of them only the time, when all in it is done.
    pub(super) fn set_at_last(&mut self, entry: Entry, only_time: bool) {
        self.touched.push((entry, only_time));
    }

    /// A file becomes another name of `first`.
    pub(super) fn link(&mut self, first: StoredPath, to: StoredPath) {
        self.ops.push(Op::Link { first, to });
    }

    /// Another name of `first` takes the place of a directory. A link can't wait in staging under the rule for
    /// removals: the name is made there now.
    pub(super) fn link_over_dir(&mut self, first: &StoredPath, to: StoredPath) -> Result<()> {
        let from = self.shared.session.staged();
        self.apply_batch()?;
        make_link(&self.shared, first, &from)?;
        self.put_over_dir(from, to);
        Ok(())
    }

    /// What is here goes.
    pub(super) fn remove(&mut self, place: StoredPath, is_dir: bool) {
        self.removals.push(if is_dir { Removal::Dir(place) } else { Removal::File(place) });
    }
}

/// How it is done.
impl Changes<'_> {
    /// Applies a batch, if many changes wait.
    pub(super) fn apply_if_many(&mut self) -> Result<()> {
        if self.ops.len() >= BATCH.min(self.shared.disk.most_waiting()) || self.staged_bytes >= BATCH_BYTES {
            self.apply_batch()?;
        }
        Ok(())
    }

    /// Makes what was staged durable, and brings it into the mirror (steps 4 and 5).
    fn apply_batch(&mut self) -> Result<()> {
        if self.ops.is_empty() {
            return Ok(());
        }
        self.monitor.event(&Event::Phase(Phase::Applying));
        self.barrier()?;
        self.apply_all()
    }

    fn barrier(&self) -> Result<()> {
        self.shared.session.barrier()?;
        self.monitor.count(Counter::Barriers, 1);
        Ok(())
    }

    fn apply_all(&mut self) -> Result<()> {
        for op in std::mem::take(&mut self.ops) {
            self.apply(&op)?;
        }
        self.staged_bytes = 0;
        Ok(())
    }

    /// Applies the last batch, then removals, then the attributes of directories in which anything changed.
    pub(super) fn apply_last(&mut self) -> Result<()> {
        let sets_attributes = !self.touched.is_empty() && !self.shared.is_first();
        if !self.ops.is_empty() || !self.removals.is_empty() || sets_attributes {
            self.barrier()?;
        }
        self.apply_all()?;
        for removal in std::mem::take(&mut self.removals).iter().rev() {
            self.remove_now(removal)?;
        }
        self.close_directories()
    }

    fn apply(&self, op: &Op) -> Result<()> {
        let Shared { session, disk, .. } = &*self.shared;
        match op {
            Op::Put { from, to } => {
                session.io(Doing::Rename, to, self.in_opened(to, || disk.rename(from, to)))
            }
            Op::MakeDir { to, over } => {
                if *over {
                    session.io(Doing::Remove, to, self.in_opened(to, || ignore_absent(disk.unlink(to))))?;
                }
                session.io(Doing::Create, to, self.in_opened(to, || make_dirs(&**disk, to)))
            }
            Op::SetAttributes { entry, only_time } => {
                let to = self.shared.mirror(entry);
                let attributes = self.to_set(entry, *only_time);
                let set = self.in_opened(&to, || disk.set_attributes(&to, &attributes));
                session.io(Doing::SetAttributes, &to, set)
            }
            Op::Link { first, to } => {
                let between = session.staged();
                session.io(Doing::Link, first, self.in_opened(first, || disk.link(first, &between)))?;
                session.io(Doing::Rename, to, self.in_opened(to, || disk.rename(&between, to)))?;
                // Renaming one name of a file over another of its names leaves both.
                session.io(Doing::Remove, &between, ignore_absent(disk.unlink(&between)))
            }
        }
    }

    /// The attributes to set in the mirror: all, or only the time where the others are there.
    fn to_set<'e>(&self, entry: &'e Entry, only_time: bool) -> Applied<'e> {
        let all = self.shared.for_mirror(entry);
        if only_time { Applied { mtime: all.mtime, ..Applied::default() } } else { all }
    }

    fn remove_now(&self, removal: &Removal) -> Result<()> {
        let Shared { session, disk, .. } = &*self.shared;
        match removal {
            Removal::File(place) => {
                let removed = self.in_opened(place, || ignore_absent(disk.unlink(place)));
                session.io(Doing::Remove, place, removed)
            }
            Removal::Dir(place) => self.remove_dir(place),
            Removal::PutOverDir { from, to } => {
                self.remove_dir(to)?;
                session.io(Doing::Rename, to, self.in_opened(to, || disk.rename(from, to)))
            }
        }
    }

    /// Removes a directory of the mirror, and what strangers may have put into it.
    fn remove_dir(&self, place: &StoredPath) -> Result<()> {
        let Shared { session, disk, .. } = &*self.shared;
        let removed = match self.in_opened(place, || ignore_absent(disk.rmdir(place))) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => remove_all(&**disk, place),
            other => other,
        };
        session.io(Doing::Remove, place, removed)
    }

    /// Does something at a place; where a directory above denies it, after giving ourselves the right.
    fn in_opened<T>(&self, place: &StoredPath, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
        for _ in 0..OPENINGS {
            match act() {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied && !place.as_bytes().is_empty() => {
                    self.open_up(&place.parent())?;
                }
                other => return other,
            }
        }
        act()
    }

    /// Makes sure that we may enter and change a directory, until [`Self::close_directories`].
    fn open_up(&self, dir: &StoredPath) -> io::Result<()> {
        let disk = &self.shared.disk;
        let stat = self.in_opened(dir, || disk.root().stat(dir.as_bytes()))?;
        if stat.mode & 0o700 != 0o700 {
            let open = Applied { mode: Some(0o700), ..Applied::default() };
            self.in_opened(dir, || disk.set_attributes(dir, &open))?;
            self.opened.borrow_mut().push((dir.clone(), stat.mode));
        }
        Ok(())
    }

    /// Sets the attributes of directories in which anything changed, and the modes of others that were
    /// opened up. To get at one may open another, further up; so this goes on until all are closed.
    fn close_directories(&self) -> Result<()> {
        let places: HashSet<StoredPath> = self.touched.iter().map(|(e, _)| self.shared.mirror(e)).collect();
        let opened: HashSet<StoredPath> = self.opened.borrow().iter().map(|(dir, _)| dir.clone()).collect();
        self.opened.borrow_mut().retain(|(dir, _)| !places.contains(dir));
        let Shared { session, disk, .. } = &*self.shared;
        for (entry, only_time) in &self.touched {
            let place = self.shared.mirror(entry);
            let attributes = self.to_set(entry, *only_time && !opened.contains(&place));
            let set = self.in_opened(&place, || disk.set_attributes(&place, &attributes));
            session.io(Doing::SetAttributes, &place, set)?;
        }
        loop {
            let opened = self.opened.take();
            if opened.is_empty() {
                return Ok(());
            }
            for (dir, mode) in opened.iter().rev() {
                let as_it_was = Applied { mode: Some(*mode), ..Applied::default() };
                let set = self.in_opened(dir, || ignore_absent(disk.set_attributes(dir, &as_it_was)));
                session.io(Doing::SetAttributes, dir, set)?;
            }
        }
    }
}

/// Makes another name of a file.
pub(super) fn make_link(shared: &Shared, first: &StoredPath, to: &StoredPath) -> Result<()> {
    shared.session.io(Doing::Link, to, shared.disk.link(first, to))
}
