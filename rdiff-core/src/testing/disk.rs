//! A disk that fails where it is told to.

use super::power_cut::{Change, Inode, State, What, inode_of};
use crate::repo::disk::{Disk, DiskFile, Node, RealDisk};
use crate::repo::layout::StoredPath;
use crate::tree::attrs::Applied;
use crate::tree::{Root, stat_fd};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which operations fail. The first has number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None.
    Never,
    /// One, with this error number.
    Once(u64, i32),
    /// One and all after it. If it is a write, half of it is done.
    From(u64, i32),
}

/// What a power cut takes of what nothing covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Names, content and attributes.
    Everything,
    /// Content: files are there, and empty.
    Content,
    /// Some of it, by chance from this seed. Content may also be cut short or be zeros.
    Some(u64),
}

/// A disk that counts the operations that change it, and fails as told.
pub struct FaultyDisk {
    disk: RealDisk,
    most_waiting: usize,
    state: Arc<Mutex<State>>,
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    inode: Inode,
    state: Arc<Mutex<State>>,
}

impl FaultyDisk {
    /// A disk over `root`. `graveyard` is a directory of the same file system, outside of `root`, that keeps
    /// what was replaced or unlinked.
    pub fn new(root: Arc<Root>, graveyard: &Path, fault: Fault) -> Self {
        Self::over(RealDisk::new(root, false), graveyard, fault)
    }

    /// The same over a disk that is there.
    pub(super) fn over(disk: RealDisk, graveyard: &Path, fault: Fault) -> Self {
        let state = State::new(disk.root().path(), graveyard, fault);
        Self { disk, most_waiting: usize::MAX, state: Arc::new(Mutex::new(state)) }
    }

    /// The same, where a barrier comes after so many changes.
    #[must_use]
    pub fn in_batches(self, most_waiting: usize) -> Self {
        Self { most_waiting, ..self }
    }

    /// How many operations were asked for.
    pub fn operations(&self) -> u64 {
        lock(&self.state).count
    }

    /// Takes back what a power cut would. The job must have ended.
    ///
    /// # Errors
    /// Those of the system: the test can't go on.
    pub fn cut_power(&self, lost: Lost) -> io::Result<()> {
        lock(&self.state).cut_power(lost)
    }

    /// Runs one operation, if it isn't to fail. All go one after the other.
    fn step<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.state);
        state.enter()?;
        act(&mut state)
    }

    fn file(&self, file: Box<dyn DiskFile>, state: &mut State) -> io::Result<Box<dyn DiskFile>> {
        let stat = stat_fd(file.reader()?)?;
        state.unsynced.entry(inode_of(&stat)).or_insert(stat.size);
        Ok(Box::new(FaultyFile { file, inode: inode_of(&stat), state: Arc::clone(&self.state) }))
    }

    fn made(&self, state: &mut State, at: &StoredPath) -> io::Result<()> {
        let inode = inode_of(&self.disk.root().stat(at.as_bytes())?);
        state.changes.push(Change { dir: at.parent(), what: What::Made { at: at.clone(), inode } });
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn root(&self) -> &Arc<Root> {
        self.disk.root()
    }

    fn create(&self, path: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        self.step(|state| {
            let file = self.disk.create(path)?;
            self.made(state, path)?;
            self.file(file, state)
        })
    }

    fn append(&self, path: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        self.step(|state| {
            let is_new = self.disk.root().find(path.as_bytes())?.is_none();
            let file = self.disk.append(path)?;
            if is_new {
                self.made(state, path)?;
            }
            self.file(file, state)
        })
    }

    fn mkdir(&self, path: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            self.disk.mkdir(path)?;
            self.made(state, path)
        })
    }

    fn rename(&self, from: &StoredPath, to: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            let inode = inode_of(&self.disk.root().stat(from.as_bytes())?);
            let there = self.disk.root().find(to.as_bytes())?;
            if there.is_some_and(|s| inode_of(&s) == inode) {
                return self.disk.rename(from, to);
            }
            let replaced = there.filter(|s| !s.is_dir()).map(|_| state.bury(to)).transpose()?;
            self.disk.rename(from, to)?;
            let (from, to) = (from.clone(), to.clone());
            let dir = to.parent();
            state.changes.push(Change { dir, what: What::Moved { from, to, inode, replaced } });
            Ok(())
        })
    }

    fn link(&self, from: &StoredPath, to: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            self.disk.link(from, to)?;
            self.made(state, to)
        })
    }

    fn symlink(&self, target: &[u8], path: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            self.disk.symlink(target, path)?;
            self.made(state, path)
        })
    }

    fn mknod(&self, path: &StoredPath, node: Node) -> io::Result<()> {
        self.step(|state| {
            self.disk.mknod(path, node)?;
            self.made(state, path)
        })
    }

    fn unlink(&self, path: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            let stat = self.disk.root().stat(path.as_bytes())?;
            if stat.is_dir() {
                return self.disk.unlink(path);
            }
            let grave = state.bury(path)?;
            self.disk.unlink(path)?;
            let what = What::Unlinked { at: path.clone(), grave };
            state.changes.push(Change { dir: path.parent(), what });
            Ok(())
        })
    }

    fn rmdir(&self, path: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            let was = self.disk.root().stat(path.as_bytes())?;
            self.disk.rmdir(path)?;
            let was = state.attributes.remove(&inode_of(&was)).unwrap_or(was);
            state
                .changes
                .push(Change { dir: path.parent(), what: What::RemovedDir { at: path.clone(), was } });
            Ok(())
        })
    }

    fn set_attributes(&self, path: &StoredPath, attributes: &Applied<'_>) -> io::Result<()> {
        self.step(|state| {
            let was = self.disk.root().stat(path.as_bytes())?;
            state.attributes.entry(inode_of(&was)).or_insert(was);
            self.disk.set_attributes(path, attributes)
        })
    }

    fn sync(&self, path: &StoredPath) -> io::Result<()> {
        self.step(|state| {
            let inode = inode_of(&self.disk.root().stat(path.as_bytes())?);
            state.unsynced.remove(&inode);
            state.attributes.remove(&inode);
            state.forget(|change| change.dir == *path)
        })
    }

    fn barrier(&self) -> io::Result<()> {
        self.step(|state| {
            state.unsynced.clear();
            state.attributes.clear();
            state.forget(|_| true)
        })
    }

    fn most_waiting(&self) -> usize {
        self.most_waiting
    }
}

impl FaultyFile {
    fn step(&mut self, act: impl FnOnce(&mut dyn DiskFile, &mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.enter()?;
        act(&mut *self.file, &mut state)
    }
}

impl Write for FaultyFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.state);
        if let Err(e) = state.enter() {
            if state.has_just_stopped() {
                self.file.write_all(&buf[..buf.len() / 2])?;
            }
            return Err(e);
        }
        self.file.write_all(buf)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn write_all_at(&mut self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        if let Err(e) = state.enter() {
            if state.has_just_stopped() {
                self.file.write_all_at(&buf[..buf.len() / 2], offset)?;
            }
            return Err(e);
        }
        self.file.write_all_at(buf, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.step(|file, _| file.set_len(len))
    }

    fn share_blocks_of(&mut self, _other: &File) -> io::Result<bool> {
        Ok(false)
    }

    fn forget(&mut self, written: Range<u64>) {
        self.file.forget(written);
    }

    fn set_attributes(&mut self, attributes: &Applied<'_>) -> io::Result<()> {
        let inode = self.inode;
        self.step(|file, state| {
            let was = stat_fd(file.reader()?)?;
            state.attributes.entry(inode).or_insert(was);
            file.set_attributes(attributes)
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let inode = self.inode;
        self.step(|_, state| {
            state.unsynced.remove(&inode);
            state.attributes.remove(&inode);
            Ok(())
        })
    }

    fn reader(&self) -> io::Result<File> {
        self.file.reader()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
