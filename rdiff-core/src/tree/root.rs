//! An open directory, and what lies below it.

use super::attrs::handle_path;
use super::{FileKind, Stat, is_absent, is_below_link, stat_fd, stat_in};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An open directory, and what lies below it. Paths given to its methods are relative, their components
/// joined by `/`; the empty path is the directory itself.
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    parents: Mutex<Vec<(Vec<u8>, Arc<OwnedFd>)>>,
    no_openat2: AtomicBool,
    /// Held while modes are changed to open something.
    opening: Mutex<()>,
    /// So many parent directories stay open.
    most_parents: usize,
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Root").field(&self.path).finish()
    }
}

/// How many parent directories stay open for the next operation in them, at most.
const OPEN_PARENTS: usize = 24;

/// How many files this process may have open at once.
pub(crate) fn most_open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// The kernel takes no name longer than this.
pub(crate) const LONGEST_NAME: usize = 255;

/// The kernel takes no path longer than 4095 bytes at once.
const LONGEST_PATH: usize = 4000;

/// From this length on, in bytes, a path is opened by its open parent: the kernel walks all of a path each time.
const LONG_PATH: usize = 1000;

impl Root {
    /// Opens a directory. Its own path may lead over symbolic links.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::openat(
            CWD,
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Self {
            fd,
            path: path.to_path_buf(),
            parents: Mutex::default(),
            no_openat2: AtomicBool::new(false),
            opening: Mutex::default(),
            most_parents: (most_open_files() / 16).clamp(1, OPEN_PARENTS),
        })
    }

    /// The path it was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it, for messages.
    pub fn path_of(&self, relative: &[u8]) -> PathBuf {
        if relative.is_empty() { self.path.clone() } else { self.path.join(OsStr::from_bytes(relative)) }
    }

    /// The open directory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The longest name that its file system takes, in bytes; what all take where it doesn't say.
    pub fn longest_name(&self) -> usize {
        let told = rustix::fs::fstatfs(&self.fd).ok().and_then(|fs| usize::try_from(fs.f_namelen).ok());
        told.filter(|&n| n > 0).unwrap_or(LONGEST_NAME).min(LONGEST_NAME)
    }

    /// Opens something, following no link on the way nor at the end.
    ///
    /// # Errors
    /// `ELOOP` or `ENOTDIR` where a symbolic link stands in the way; else those of `open`.
    pub fn open_at(&self, path: &[u8], flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        // openat2 wants no mode where nothing is made.
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(mode) } else { Mode::empty() };
        if path.is_empty() {
            return Ok(rustix::fs::openat(&self.fd, c".", flags, mode)?);
        }
        if path.len() < LONG_PATH && !self.no_openat2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.fd, path, flags, mode, resolve) {
                // Before Linux 5.6, and in some containers.
                Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM)
                    if flags.contains(OFlags::DIRECTORY) =>
                {
                    self.no_openat2.store(true, Ordering::Relaxed);
                }
                Err(rustix::io::Errno::NOSYS) => self.no_openat2.store(true, Ordering::Relaxed),
                // An allowance of openat2: it may have lost a race with a rename.
                Err(rustix::io::Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        let (parent, name) = self.parent(path)?;
        Ok(rustix::fs::openat(&*parent, name, flags, mode)?)
    }

    /// The open directory that holds `path`, and the last component. Directories used of late stay open.
    ///
    /// # Errors
    /// As [`Root::open_at`].
    pub fn parent<'p>(&self, path: &'p [u8]) -> io::Result<(Arc<OwnedFd>, &'p OsStr)> {
        let (dir, name) = match path.iter().rposition(|&b| b == b'/') {
            Some(i) => (&path[..i], &path[i + 1..]),
            None => (&path[..0], if path.is_empty() { &b"."[..] } else { path }),
        };
        Ok((self.directory(dir)?, OsStr::from_bytes(name)))
    }

    /// The open directory at `dir`.
    fn directory(&self, dir: &[u8]) -> io::Result<Arc<OwnedFd>> {
        {
            let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(i) = parents.iter().rposition(|(path, _)| path == dir) {
                let last = parents.len() - 1;
                parents.swap(i, last);
                return Ok(Arc::clone(&parents[last].1));
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let fd = Arc::new(self.open_path_or_readable(dir, flags)?);
        let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        if parents.len() >= self.most_parents {
            parents.remove(0);
        }
        parents.push((dir.to_vec(), Arc::clone(&fd)));
        Ok(fd)
    }

    /// The innermost open directory above `dir`, and the way from there.
    fn nearest<'p>(&self, dir: &'p [u8]) -> Option<(Arc<OwnedFd>, &'p [u8])> {
        let parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        let above = parents.iter().filter(|(path, _)| !path.is_empty() && dir.starts_with(path));
        let above = above.filter(|(path, _)| dir.get(path.len()) == Some(&b'/'));
        let (path, fd) = above.max_by_key(|(path, _)| path.len())?;
        Some((Arc::clone(fd), &dir[path.len() + 1..]))
    }

    /// Opens a directory to work in it; one that may be entered but not read will do.
    fn open_path_or_readable(&self, dir: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let step = |from: BorrowedFd<'_>, name: &[u8]| {
            rustix::fs::openat(from, name, flags | OFlags::CLOEXEC, Mode::empty()).or_else(|e| match e {
                rustix::io::Errno::ACCESS => {
                    rustix::fs::openat(from, name, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                }
                e => Err(e),
            })
        };
        if dir.is_empty() {
            return Ok(rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)?);
        }
        if dir.len() < LONG_PATH && !self.no_openat2.load(Ordering::Relaxed) {
            match self.open_at(dir, flags, 0) {
                Err(e) if e.raw_os_error() == Some(rustix::io::Errno::ACCESS.raw_os_error()) => {
                    return self.open_at(dir, flags | OFlags::PATH, 0);
                }
                other => return other,
            }
        }
        // From the nearest open directory above it, in pieces that the kernel takes; where there is no
        // openat2, step by step.
        let (mut at, mut rest) = match self.nearest(dir) {
            Some((above, rest)) => (rustix::io::fcntl_dupfd_cloexec(&*above, 0)?, rest),
            None => (rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)?, dir),
        };
        while !rest.is_empty() {
            let end = rest.len().min(LONGEST_PATH);
            let slash = if end < rest.len() { rest[..=end].iter().rposition(|&b| b == b'/') } else { None };
            let (piece, more) = rest.split_at(slash.unwrap_or(rest.len()));
            rest = more.get(1..).unwrap_or_default();
            let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let through = if rest.is_empty() { flags } else { flags | OFlags::PATH } | OFlags::CLOEXEC;
            let at_once = !self.no_openat2.load(Ordering::Relaxed) && piece.len() <= LONGEST_PATH;
            if at_once && let Ok(fd) = rustix::fs::openat2(&at, piece, through, Mode::empty(), resolve) {
                at = fd;
                continue;
            }
            for name in piece.split(|&b| b == b'/') {
                at = step(at.as_fd(), name)?;
            }
        }
        Ok(at)
    }

    /// Forgets open directories at `path` and below, before it is moved or removed.
    pub fn forget(&self, path: &[u8]) {
        let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        parents.retain(|(dir, _)| {
            !(dir.starts_with(path)
                && (dir.len() == path.len() || path.is_empty() || dir[path.len()] == b'/'))
        });
    }

    /// What is at a path, without following it.
    ///
    /// # Errors
    /// Those of `stat`.
    pub fn stat(&self, path: &[u8]) -> io::Result<Stat> {
        if path.is_empty() {
            return stat_fd(&self.fd);
        }
        let (parent, name) = self.parent(path)?;
        stat_in(&*parent, name.as_bytes())
    }

    /// Like [`Root::stat`], with nothing for a path that isn't there.
    ///
    /// # Errors
    /// Those of `stat`, but for `ENOENT` and `ENOTDIR`. Below a symbolic link there is nothing.
    pub fn find(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        match self.stat(path) {
            Ok(stat) => Ok(Some(stat)),
            Err(e) if is_absent(&e) || is_below_link(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Is there a directory? One system call where there is nothing, which is what is expected.
    pub(crate) fn has_dir(&self, path: &[u8]) -> bool {
        self.open_at(path, OFlags::PATH | OFlags::DIRECTORY, 0).is_ok()
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// Those of `readlink`.
    pub fn read_link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let (parent, name) = self.parent(path)?;
        Ok(rustix::fs::readlinkat(&*parent, name, Vec::new())?.into_bytes())
    }

    /// Opens a regular file to read it. Anything else is an error, and is not waited for. A file that is
    /// ours, and that its mode or that of a directory of ours above keeps us from, is opened all the same.
    ///
    /// # Errors
    /// Those of `open`; `InvalidInput` if it is no regular file.
    pub fn open_file(&self, path: &[u8]) -> io::Result<std::fs::File> {
        self.open_file_sized(path).map(|(file, _)| file)
    }

    /// The same, with the length of the file in bytes.
    ///
    /// # Errors
    /// As [`Root::open_file`].
    pub fn open_file_sized(&self, path: &[u8]) -> io::Result<(std::fs::File, u64)> {
        let fd = self.open_to_read(path)?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok((std::fs::File::from(fd), u64::try_from(stat.st_size).unwrap_or(0)))
    }

    /// Reads a small file that should have so many bytes, in few calls. Says whether it had: if not, or if there is an error,
    /// [`Root::open_file_sized`] finds out what it is.
    pub(crate) fn read_file_of(&self, path: &[u8], size: usize, buf: &mut Vec<u8>) -> io::Result<bool> {
        let fd = self.open_to_read(path)?;
        buf.resize(size + 1, 0);
        let n = rustix::io::retry_on_intr(|| rustix::io::read(&fd, &mut buf[..]))?;
        buf.truncate(size);
        Ok(n == size)
    }

    fn open_to_read(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        match self.open_at(path, flags, 0) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => self.open_closed(path, flags),
            other => other,
        }
    }

    /// Opens something with modes changed for a moment, one at a time.
    fn open_closed(&self, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let _alone = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed: Vec<(OwnedFd, u32)> = Vec::new();
        let opened = self.open_with_modes(path, flags, &mut changed);
        for (handle, mode) in changed.iter().rev() {
            rustix::fs::chmod(handle_path(handle), Mode::from_raw_mode(*mode))?;
        }
        opened
    }

    /// Opens something step by step, giving ourselves the rights on the way; notes the modes there were.
    fn open_with_modes(
        &self,
        path: &[u8],
        flags: OFlags,
        changed: &mut Vec<(OwnedFd, u32)>,
    ) -> io::Result<OwnedFd> {
        let handle = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)?;
        for name in path.split(|&b| b == b'/') {
            let next = rustix::fs::openat(&at, name, handle, Mode::empty())?;
            let stat = stat_fd(&next)?;
            let needed = if stat.is_dir() { 0o500 } else { 0o400 };
            if stat.mode & needed != needed && matches!(stat.kind, FileKind::Directory | FileKind::Regular) {
                let mode = Mode::from_raw_mode(stat.mode | needed);
                rustix::fs::chmod(handle_path(&next), mode)?;
                changed.push((rustix::io::fcntl_dupfd_cloexec(&next, 0)?, stat.mode));
            }
            at = next;
        }
        self.open_at(path, flags, 0)
    }

    /// Are these two names of one file?
    pub(crate) fn is_one_file(&self, a: &[u8], b: &[u8]) -> bool {
        let inode = |path| self.stat(path).map(|s| (s.device, s.inode));
        matches!((inode(a), inode(b)), (Ok(a), Ok(b)) if a == b)
    }

    /// The names in a directory, in no useful order, and whether each is a directory itself.
    ///
    /// # Errors
    /// Those of `open` and `readdir`.
    pub fn list_kinds(&self, path: &[u8]) -> io::Result<Vec<(Box<[u8]>, bool)>> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
        let mut names = Vec::new();
        for_each_name(&fd, |name, kind| {
            let is_dir = match kind {
                FileType::Directory => true,
                // Some file systems don't say.
                FileType::Unknown => stat_in(&fd, name).is_ok_and(|s| s.is_dir()),
                _ => false,
            };
            names.push((Box::from(name), is_dir));
        })?;
        Ok(names)
    }

    /// The names in a directory, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// Those of `open` and `readdir`.
    pub fn list(&self, path: &[u8]) -> io::Result<Vec<Box<[u8]>>> {
        self.list_if(path, |_| true)
    }

    /// Those of them that are `wanted`.
    pub(crate) fn list_if(&self, path: &[u8], wanted: impl Fn(&[u8]) -> bool) -> io::Result<Vec<Box<[u8]>>> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
        names_in(fd, wanted)
    }
}

/// The names in an open directory, sorted, without `.` and `..`.
pub(crate) fn list_fd(fd: impl AsFd) -> io::Result<Vec<Box<[u8]>>> {
    names_in(fd, |_| true)
}

fn names_in(fd: impl AsFd, wanted: impl Fn(&[u8]) -> bool) -> io::Result<Vec<Box<[u8]>>> {
    let mut names = Vec::new();
    for_each_name(fd, |name, _| {
        if wanted(name) {
            names.push(Box::from(name));
        }
    })?;
    names.sort_unstable();
    Ok(names)
}

fn for_each_name(fd: impl AsFd, mut with: impl FnMut(&[u8], FileType)) -> io::Result<()> {
    // One buffer for the whole directory in most cases: getdents is then called twice.
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = rustix::fs::RawDir::new(fd, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            with(name, entry.file_type());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_is_followed_on_the_way_nor_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("d/link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("d/file")).unwrap();
        for without_openat2 in [false, true] {
            let root = Root::open(dir.path()).unwrap();
            root.no_openat2.store(without_openat2, Ordering::Relaxed);
            assert!(root.open_file(b"d/link/secret").is_err());
            assert!(root.open_file(b"d/file").is_err());
            assert!(root.list(b"d/link").is_err());
            assert!(root.stat(b"d/link/secret").is_err());
            assert_eq!(root.stat(b"d/link").unwrap().kind, FileKind::Symlink);
            assert_eq!(root.list(b"d").unwrap().len(), 2);
        }
    }

    #[test]
    fn paths_longer_than_the_kernel_takes_can_be_reached() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let mut path = Vec::new();
        for _ in 0..60 {
            let name = [b'n'; 100];
            let (parent, _) =
                root.parent(&[&path[..], b"/x"].concat()[usize::from(path.is_empty())..]).unwrap();
            rustix::fs::mkdirat(&*parent, &name[..], Mode::RWXU).unwrap();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
        }
        assert!(path.len() > 6000);
        assert!(root.stat(&path).unwrap().is_dir());
        assert!(root.list(&path).unwrap().is_empty());
    }
}
