//! What was changed and is not durable, and how a power cut takes it back.

use super::{Fault, Lost};
use crate::repo::layout::StoredPath;
use crate::tree::{FileKind, Stat};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid};
use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Device and number of an inode.
pub(super) type Inode = (u64, u64);

pub(super) struct State {
    root: PathBuf,
    graveyard: PathBuf,
    fault: Fault,
    pub(super) count: u64,
    graves: u64,
    pub(super) changes: Vec<Change>,
    /// Files with content that is not durable, and how much of each is.
    pub(super) unsynced: BTreeMap<Inode, u64>,
    /// Attributes as they are on the disk, where they were changed.
    pub(super) attributes: BTreeMap<Inode, Stat>,
}

/// A change of names that nothing covered yet, with what it takes to undo it.
pub(super) struct Change {
    /// The directory that must be synced for it.
    pub(super) dir: StoredPath,
    pub(super) what: What,
}

pub(super) enum What {
    Made { at: StoredPath, inode: Inode },
    Moved { from: StoredPath, to: StoredPath, inode: Inode, replaced: Option<PathBuf> },
    Unlinked { at: StoredPath, grave: PathBuf },
    RemovedDir { at: StoredPath, was: Stat },
}

impl State {
    pub(super) fn new(root: &Path, graveyard: &Path, fault: Fault) -> Self {
        Self {
            root: root.to_path_buf(),
            graveyard: graveyard.to_path_buf(),
            fault,
            count: 0,
            graves: 0,
            changes: Vec::new(),
            unsynced: BTreeMap::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Counts an operation, and fails it if it is to fail.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        let number = self.count;
        self.count += 1;
        match self.fault {
            Fault::Once(at, error) if number == at => Err(io::Error::from_raw_os_error(error)),
            Fault::From(at, error) if number >= at => Err(io::Error::from_raw_os_error(error)),
            _ => Ok(()),
        }
    }

    /// Was the last operation the first of all that fail?
    pub(super) fn has_just_stopped(&self) -> bool {
        matches!(self.fault, Fault::From(at, _) if self.count == at + 1)
    }

    fn path(&self, at: &StoredPath) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.root.join(std::ffi::OsStr::from_bytes(at.as_bytes()))
    }

    /// Gives a file that is about to lose its name another one.
    pub(super) fn bury(&mut self, at: &StoredPath) -> io::Result<PathBuf> {
        self.graves += 1;
        let grave = self.graveyard.join(self.graves.to_string());
        rustix::fs::linkat(CWD, self.path(at), CWD, &grave, AtFlags::empty())?;
        Ok(grave)
    }

    /// Drops what it takes to undo the changes that are covered now.
    pub(super) fn forget(&mut self, is_covered: impl Fn(&Change) -> bool) -> io::Result<()> {
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

    pub(super) fn cut_power(&mut self, lost: Lost) -> io::Result<()> {
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

pub(super) fn inode_of(stat: &Stat) -> Inode {
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
