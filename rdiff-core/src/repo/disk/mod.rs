//! Every operation that changes a repository or a restore target.
//!
//! The trait is a seam for tests: they count operations, fail the n-th, and take back what no barrier
//! covered, as a power cut would.
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::entry::Device;
//! use rdiff_core::repo::disk::{Disk, Node, PassingFile, RealDisk, make_dirs, remove_all};
//! use std::sync::Arc;
//!
//! let disk = RealDisk::new(Arc::clone(repo.root()), false); // not durable
//! let dir = repo.layout().mirror(RepoPath::new(b"some/dir")?, None);
//! make_dirs(&disk, &dir)?;
//! disk.mknod(&repo.layout().mirror(RepoPath::new(b"some/dir/pipe")?, None), Node::Fifo)?;
//! let null = Node::Device(Device { block: false, major: 1, minor: 3 }); // needs root
//! # drop(null);
//! assert_eq!(disk.root().list(dir.as_bytes())?.len(), 1);
//! remove_all(&disk, &dir)?;
//!
//! let (file, size) = repo.root().open_file_sized(b"note")?;
//! assert_eq!(std::io::read_to_string(PassingFile::new(file, size))?.len() as u64, size);
//! assert!(disk.root().find(dir.as_bytes())?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod passing;
mod real;
mod trail;
mod write_behind;

pub use passing::PassingFile;
pub use real::RealDisk;
pub(crate) use trail::Trail;

use super::layout::StoredPath;
use crate::entry::Device;
use crate::tree::attrs::Applied;
use crate::tree::{Root, is_absent, is_below_link};
use rustix::fs::Advice;
use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;

/// A file being written.
pub trait DiskFile: Write + Send {
    /// Writes all of `buf` at an offset; what lies between reads as zeros.
    ///
    /// # Errors
    /// Those of the system.
    fn write_all_at(&mut self, buf: &[u8], offset: u64) -> io::Result<()>;

    /// Sets the length in bytes.
    ///
    /// # Errors
    /// Those of the system.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Takes over all content of another file, whose blocks it shares until either is written. Says whether the file
    /// system can do so; if not, nothing has changed.
    ///
    /// # Errors
    /// Those of the system.
    fn share_blocks_of(&mut self, other: &File) -> io::Result<bool>;

    /// Leaves memory to others, as far as the bytes are on the disk; begins to bring the others there. Waits for nothing.
    fn forget(&mut self, written: Range<u64>);

    /// Sets attributes. The file was made by us, with mode 0600 and nothing else.
    ///
    /// # Errors
    /// Those of the system.
    fn set_attributes(&mut self, attributes: &Applied<'_>) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync(&mut self) -> io::Result<()>;

    /// Another handle on it, to read what was written.
    ///
    /// # Errors
    /// Those of the system.
    fn reader(&self) -> io::Result<File>;
}

/// Changes below one root. Nothing follows a symbolic link.
pub trait Disk: Send + Sync {
    /// The root, to read from.
    fn root(&self) -> &Arc<Root>;

    /// Makes a file that isn't there yet, for us alone (mode 0600), open for writing and reading.
    ///
    /// # Errors
    /// Those of the system.
    fn create(&self, path: &StoredPath) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to write at its end, and makes it (mode 0600) if need be.
    ///
    /// # Errors
    /// Those of the system.
    fn append(&self, path: &StoredPath) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a directory for us alone (mode 0700).
    ///
    /// # Errors
    /// Those of the system.
    fn mkdir(&self, path: &StoredPath) -> io::Result<()>;

    /// Moves, and replaces what is at `to`.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &StoredPath, to: &StoredPath) -> io::Result<()>;

    /// Makes a second name for a file.
    ///
    /// # Errors
    /// Those of the system.
    fn link(&self, from: &StoredPath, to: &StoredPath) -> io::Result<()>;

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// Those of the system.
    fn symlink(&self, target: &[u8], path: &StoredPath) -> io::Result<()>;

    /// Makes a special file: a pipe, a socket, a device.
    ///
    /// # Errors
    /// Those of the system.
    fn mknod(&self, path: &StoredPath, node: Node) -> io::Result<()>;

    /// Removes anything but a directory.
    ///
    /// # Errors
    /// Those of the system.
    fn unlink(&self, path: &StoredPath) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of the system.
    fn rmdir(&self, path: &StoredPath) -> io::Result<()>;

    /// Sets attributes of what is at a path.
    ///
    /// # Errors
    /// Those of the system.
    fn set_attributes(&self, path: &StoredPath, attributes: &Applied<'_>) -> io::Result<()>;

    /// Makes one file, or the names in one directory, durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync(&self, path: &StoredPath) -> io::Result<()>;

    /// Makes everything done so far durable.
    ///
    /// # Errors
    /// Those of the system.
    fn barrier(&self) -> io::Result<()>;

    /// So many changes wait at most for one barrier, however many a job would gather. For tests, to whom few
    /// paths are to be many batches. At least 1.
    fn most_waiting(&self) -> usize {
        usize::MAX
    }
}

/// A special file to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device node.
    Device(Device),
}

/// Removes whatever is at a path, a directory with all that is in it. Nothing there is fine.
///
/// # Errors
/// Those of the system.
pub fn remove_all(disk: &dyn Disk, path: &StoredPath) -> io::Result<()> {
    // An explicit stack: trees can be deeper than ours.
    let mut stack = vec![(path.clone(), false)];
    while let Some((path, emptied)) = stack.pop() {
        let Some(stat) = disk.root().find(path.as_bytes())? else { continue };
        if !stat.is_dir() {
            ignore_absent(disk.unlink(&path))?;
        } else if emptied {
            ignore_absent(disk.rmdir(&path))?;
        } else {
            let names = match disk.root().list(path.as_bytes()) {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                    disk.set_attributes(&path, &Applied { mode: Some(0o700), ..Applied::default() })?;
                    disk.root().list(path.as_bytes())?
                }
                other => other?,
            };
            stack.push((path.clone(), true));
            stack.extend(names.iter().map(|name| (path.listed(name), false)));
        }
    }
    Ok(())
}

/// Makes a directory and those above it, as far as they aren't there.
///
/// # Errors
/// Those of the system.
pub fn make_dirs(disk: &dyn Disk, path: &StoredPath) -> io::Result<()> {
    match disk.mkdir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) if is_absent(&e) && !path.parent().as_bytes().is_empty() => {
            make_dirs(disk, &path.parent())?;
            match disk.mkdir(path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        }
        other => other,
    }
}

/// Of a smaller file nothing is forgotten, in bytes: it does little harm in memory, and may be read soon.
pub(crate) const FORGET_FROM: u64 = 64 << 20;
/// So much is forgotten at once, in bytes.
pub(crate) const FORGET_AT_ONCE: u64 = 4 << 20;
/// What was sent to the disk is there when so much more has followed, in bytes, where that is fast.
pub(crate) const BEHIND: u64 = 16 << 20;

/// Leaves the memory to others that a part of a file takes, as far as it is on the disk; begins to bring the rest there.
pub(crate) fn forget(file: impl AsFd, part: &Range<u64>) {
    if let Some(length) = NonZeroU64::new(part.end.saturating_sub(part.start)) {
        // It is advice: no harm if nobody hears it.
        rustix::fs::fadvise(file, part.start, Some(length), Advice::DontNeed).ok();
    }
}

/// A removal of what isn't there has succeeded.
pub(crate) fn ignore_absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if is_absent(&e) || is_below_link(&e) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn nothing_is_written_over_a_planted_link() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), dir.path().join("d")).unwrap();
        symlink(outside.path().join("f"), dir.path().join("f")).unwrap();
        let disk = RealDisk::new(Arc::new(Root::open(dir.path()).unwrap()), true);
        let at = |p: &str| StoredPath::fixed(p);
        assert!(disk.create(&at("d/x")).is_err());
        assert!(disk.create(&at("f")).is_err());
        assert!(disk.append(&at("f")).is_err());
        assert!(disk.mkdir(&at("d/x")).is_err());
        assert!(disk.unlink(&at("d/x")).is_err());
        disk.create(&at("y")).unwrap();
        assert!(disk.rename(&at("y"), &at("d/y")).is_err());
        assert!(disk.set_attributes(&at("d/x"), &Applied::default()).is_err());
        remove_all(&disk, &at("d")).unwrap();
        assert!(outside.path().exists() && !dir.path().join("d").exists());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_deep_tree_goes_with_all_that_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(Arc::new(Root::open(dir.path()).unwrap()), true);
        let mut path = StoredPath::fixed("top");
        for _ in 0..3000 {
            disk.mkdir(&path).unwrap();
            path = path.listed(b"d");
        }
        remove_all(&disk, &StoredPath::fixed("top")).unwrap();
        assert!(!dir.path().join("top").exists());
    }

    #[test]
    fn new_files_are_for_us_alone() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(Arc::new(Root::open(dir.path()).unwrap()), true);
        disk.create(&StoredPath::fixed("x")).unwrap().write_all(b"secret").unwrap();
        assert_eq!(dir.path().join("x").metadata().unwrap().mode() & 0o7777, 0o600);
    }
}
