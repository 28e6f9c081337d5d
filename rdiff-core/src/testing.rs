//! For tests (feature `testing`): a disk that fails where it is told to, and that takes back what a power cut
//! would.
//!
//! What counts as covered follows the least that POSIX promises: the content of a file by a sync of that file,
//! a name by a sync of its directory, all by a barrier. Extended attributes and ACLs are not taken back.

use crate::backup::{BackupReport, BackupRequest};
use crate::error::{Doing, IoContext, Result};
use crate::monitor::{Monitor, Silent};
use crate::repo::Repository;
use crate::repo::disk::{Disk, DiskFile, Node, RealDisk};
use crate::repo::layout::StoredPath;
use crate::restore::{RestoreReport, RestoreRequest};
use crate::tree::attrs::Applied;
use crate::tree::source::{Source, SourceGuard};
use crate::tree::walk::Everything;
use crate::tree::{FileKind, Root, Stat, stat_fd};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// [`crate::backup::backup`] of all of `source`, with every change going through `disk`.
///
/// # Errors
/// As there.
pub fn backup_on(
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    disk: Arc<dyn Disk>,
    request: &BackupRequest,
    monitor: &dyn Monitor,
) -> Result<BackupReport> {
    crate::backup::backup_on(source, guard, disk, request, Everything, monitor, std::time::SystemTime::now())
}

/// [`crate::restore::restore`] of all, with the operations on the target failing as told. `graveyard` is a directory
/// of the target's file system outside of it. Says how many operations there were, too.
///
/// # Errors
/// As there.
pub fn restore_on(
    repo: &Arc<Repository>,
    target: &Path,
    request: &RestoreRequest,
    graveyard: &Path,
    fault: Fault,
) -> (Result<RestoreReport>, u64) {
    let mut made = None;
    let done = crate::restore::restore_by(repo, target, request, Everything, &Silent, |real| {
        let disk = Arc::new(FaultyDisk::over(real, graveyard, fault));
        made = Some(Arc::clone(&disk));
        disk
    });
    (done, made.map_or(0, |disk| disk.operations()))
}

/// A repository below `dir`, which exists, of two sessions one day apart: a file `note` that holds `first`, then
/// `second`. What the examples of the documentation begin with.
///
/// # Errors
/// As [`crate::backup::backup_directory`].
pub fn two_sessions(dir: &Path) -> Result<Arc<Repository>> {
    let (tree, target) = (dir.join("tree"), dir.join("backup"));
    std::fs::create_dir(&tree).while_doing(Doing::Create, &tree)?;
    for (time, text) in [(1_700_000_000, "first"), (1_700_086_400, "second")] {
        let note = tree.join("note");
        std::fs::write(&note, text).while_doing(Doing::Write, &note)?;
        let request = BackupRequest { time: Some(time), ..BackupRequest::default() };
        crate::backup::backup_directory(&tree, &target, &request, &[], &Silent)?;
    }
    Repository::open(&target).map(Arc::new)
}

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

/// Device and number of an inode.
type Inode = (u64, u64);

/// A disk that counts the operations that change it, and fails as told.
pub struct FaultyDisk {
    disk: RealDisk,
    most_waiting: usize,
    state: Arc<Mutex<State>>,
}

struct State {
    root: PathBuf,
    graveyard: PathBuf,
    fault: Fault,
    count: u64,
    graves: u64,
    changes: Vec<Change>,
    /// Files with content that is not durable, and how much of each is.
    unsynced: BTreeMap<Inode, u64>,
    /// Attributes as they are on the disk, where they were changed.
    attributes: BTreeMap<Inode, Stat>,
}

/// A change of names that nothing covered yet, with what it takes to undo it.
struct Change {
    /// The directory that must be synced for it.
    dir: StoredPath,
    what: What,
}

enum What {
    Made { at: StoredPath, inode: Inode },
    Moved { from: StoredPath, to: StoredPath, inode: Inode, replaced: Option<PathBuf> },
    Unlinked { at: StoredPath, grave: PathBuf },
    RemovedDir { at: StoredPath, was: Stat },
}

impl FaultyDisk {
    /// A disk over `root`. `graveyard` is a directory of the same file system, outside of `root`, that keeps
    /// what was replaced or unlinked.
    pub fn new(root: Arc<Root>, graveyard: &Path, fault: Fault) -> Self {
        Self::over(RealDisk::new(root, false), graveyard, fault)
    }

    /// The same over a disk that is there.
    fn over(disk: RealDisk, graveyard: &Path, fault: Fault) -> Self {
        let state = State {
            root: disk.root().path().to_path_buf(),
            graveyard: graveyard.to_path_buf(),
            fault,
            count: 0,
            graves: 0,
            changes: Vec::new(),
            unsynced: BTreeMap::new(),
            attributes: BTreeMap::new(),
        };
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

struct FaultyFile {
    file: Box<dyn DiskFile>,
    inode: Inode,
    state: Arc<Mutex<State>>,
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

impl State {
    /// Counts an operation, and fails it if it is to fail.
    fn enter(&mut self) -> io::Result<()> {
        let number = self.count;
        self.count += 1;
        match self.fault {
            Fault::Once(at, error) if number == at => Err(io::Error::from_raw_os_error(error)),
            Fault::From(at, error) if number >= at => Err(io::Error::from_raw_os_error(error)),
            _ => Ok(()),
        }
    }

    /// Was the last operation the first of all that fail?
    fn has_just_stopped(&self) -> bool {
        matches!(self.fault, Fault::From(at, _) if self.count == at + 1)
    }

    fn path(&self, at: &StoredPath) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.root.join(std::ffi::OsStr::from_bytes(at.as_bytes()))
    }

    /// Gives a file that is about to lose its name another one.
    fn bury(&mut self, at: &StoredPath) -> io::Result<PathBuf> {
        self.graves += 1;
        let grave = self.graveyard.join(self.graves.to_string());
        rustix::fs::linkat(CWD, self.path(at), CWD, &grave, AtFlags::empty())?;
        Ok(grave)
    }

    /// Drops what it takes to undo the changes that are covered now.
    fn forget(&mut self, is_covered: impl Fn(&Change) -> bool) -> io::Result<()> {
        let (covered, open) = std::mem::take(&mut self.changes).into_iter().partition(is_covered);
        self.changes = open;
        let covered: Vec<Change> = covered;
        covered.iter().filter_map(Change::grave).try_for_each(|grave| self.open_grave(grave))
    }

    /// Removes the last name of a file, if it is the last; its number may be used again.
    fn open_grave(&mut self, grave: &Path) -> io::Result<()> {
        let stat = grave.symlink_metadata()?;
        if stat.nlink() == 1 {
            self.unsynced.remove(&(stat.dev(), stat.ino()));
            self.attributes.remove(&(stat.dev(), stat.ino()));
        }
        std::fs::remove_file(grave)
    }

    fn cut_power(&mut self, lost: Lost) -> io::Result<()> {
        let mut chance = Chance(match lost {
            Lost::Some(seed) => seed,
            _ => 0,
        });
        let mut is_lost = |content: bool| match lost {
            Lost::Everything => true,
            Lost::Content => content,
            Lost::Some(_) => chance.below(2) == 0,
        };
        let changes: Vec<Change> =
            std::mem::take(&mut self.changes).into_iter().rev().filter(|_| is_lost(false)).collect();
        let unsynced: Vec<(Inode, u64)> =
            std::mem::take(&mut self.unsynced).into_iter().filter(|_| is_lost(true)).collect();
        let attributes: Vec<(Inode, Stat)> =
            std::mem::take(&mut self.attributes).into_iter().filter(|_| is_lost(false)).collect();
        // Directories get their times back last, for undoing what is in them changes those.
        let mut dirs = Vec::new();
        for change in &changes {
            self.undo(change, &mut dirs)?;
        }
        let mut places = BTreeMap::new();
        find_all(&self.root, &mut places)?;
        for (inode, durable) in unsynced {
            if let Some(path) = places.get(&inode) {
                let kind = if let Lost::Some(_) = lost { chance.below(3) } else { 0 };
                lose_content(path, durable, kind)?;
            }
        }
        for (inode, was) in attributes {
            if let Some(path) = places.get(&inode) {
                restore_attributes(path, &was)?;
            }
        }
        dirs.iter().rev().try_for_each(|(path, was)| restore_attributes(path, was))
    }

    /// Undoes a change of names, where what it left is still there.
    fn undo(&self, change: &Change, dirs: &mut Vec<(PathBuf, Stat)>) -> io::Result<()> {
        match &change.what {
            What::Made { at, inode } => {
                let path = self.path(at);
                match path.symlink_metadata() {
                    Ok(m) if (m.dev(), m.ino()) != *inode => Ok(()),
                    Ok(m) if m.is_dir() => std::fs::remove_dir_all(path),
                    Ok(_) => std::fs::remove_file(path),
                    Err(_) => Ok(()),
                }
            }
            What::Moved { from, to, inode, replaced } => {
                let (from, to) = (self.path(from), self.path(to));
                match to.symlink_metadata() {
                    Ok(m) if (m.dev(), m.ino()) != *inode => return Ok(()),
                    Ok(_) if from.symlink_metadata().is_ok() || !has_parent(&from) => {
                        std::fs::remove_file(&to)?;
                    }
                    Ok(_) => std::fs::rename(&to, &from)?,
                    Err(_) => {}
                }
                replaced.as_ref().map_or(Ok(()), |grave| bring_back(grave, &to))
            }
            What::Unlinked { at, grave } => bring_back(grave, &self.path(at)),
            What::RemovedDir { at, was } => {
                let path = self.path(at);
                if path.symlink_metadata().is_err() && has_parent(&path) {
                    std::fs::DirBuilder::new().mode(0o700).create(&path)?;
                    dirs.push((path, *was));
                }
                Ok(())
            }
        }
    }
}

impl Change {
    fn grave(&self) -> Option<&Path> {
        match &self.what {
            What::Moved { replaced, .. } => replaced.as_deref(),
            What::Unlinked { grave, .. } => Some(grave),
            What::Made { .. } | What::RemovedDir { .. } => None,
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inode_of(stat: &Stat) -> Inode {
    (stat.device, stat.inode)
}

/// Is there a directory for this name? A link to one leads out of the tree.
fn has_parent(path: &Path) -> bool {
    path.parent().is_some_and(|dir| dir.symlink_metadata().is_ok_and(|m| m.is_dir()))
}

/// Gives what is in a grave its name back, if that is free.
fn bring_back(grave: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_err() && has_parent(to) {
        rustix::fs::linkat(CWD, grave, CWD, to, AtFlags::empty())?;
    }
    Ok(())
}

/// A path for each inode below a directory.
fn find_all(top: &Path, places: &mut BTreeMap<Inode, PathBuf>) -> io::Result<()> {
    let stat = top.symlink_metadata()?;
    places.insert((stat.dev(), stat.ino()), top.to_path_buf());
    if stat.is_dir() {
        for entry in top.read_dir()? {
            find_all(&entry?.path(), places)?;
        }
    }
    Ok(())
}

/// Cuts a file to what is durable of it (0), or to half of the rest (1), or makes zeros of the rest (2).
fn lose_content(path: &Path, durable: u64, how: u64) -> io::Result<()> {
    let stat = path.symlink_metadata()?;
    if !stat.is_file() || stat.len() <= durable {
        return Ok(());
    }
    if stat.mode() & 0o600 != 0o600 {
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(if how == 1 { durable + (stat.len() - durable) / 2 } else { durable })?;
    if how == 2 {
        file.set_len(stat.len())?;
    }
    file.set_permissions(Permissions::from_mode(stat.mode() & 0o7777))?;
    set_mtime(path, (stat.mtime(), stat.mtime_nsec()))
}

fn restore_attributes(path: &Path, was: &Stat) -> io::Result<()> {
    let at = |flags| {
        rustix::fs::chownat(CWD, path, Some(Uid::from_raw(was.uid)), Some(Gid::from_raw(was.gid)), flags)
    };
    at(AtFlags::SYMLINK_NOFOLLOW)?;
    if was.kind != FileKind::Symlink {
        rustix::fs::chmod(path, Mode::from_raw_mode(was.mode))?;
    }
    set_mtime(path, (was.mtime.0, i64::from(was.mtime.1)))
}

fn set_mtime(path: &Path, (tv_sec, tv_nsec): (i64, i64)) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec, tv_nsec },
    };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The splitmix64 generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }
}
