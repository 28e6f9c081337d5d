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
//! use rdiff_core::repo::disk::{Disk, Node, RealDisk, make_dirs, remove_all};
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
//! assert!(disk.root().find(dir.as_bytes())?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::layout::StoredPath;
use super::write_behind::{OBJECT, WriteBehind};
use crate::entry::Device;
use crate::tree::attrs::{Applied, Refused, handle_path, timestamps, without_set_id};
use crate::tree::{Root, Stat, is_absent, stat_fd};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

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

/// The real thing.
pub struct RealDisk {
    root: Arc<Root>,
    made_by: (u32, u32),
    /// Do new files get an access control list from the root's default one?
    inherits: bool,
    /// Nothing where nothing is synced.
    behind: Option<Arc<WriteBehind>>,
    refused: Arc<Refused>,
    /// Once it is known.
    follows_links: Mutex<Option<bool>>,
}

impl RealDisk {
    /// Works below `root`. Without `durable` nothing is synced: for targets that can be made again.
    pub fn new(root: Arc<Root>, durable: bool) -> Self {
        let made_by = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let default = rustix::fs::fgetxattr(root.fd(), c"system.posix_acl_default", &mut [0u8; 0][..]);
        let behind = durable.then(|| Arc::new(WriteBehind::new(Arc::clone(&root))));
        Self {
            root,
            made_by,
            inherits: default.is_ok(),
            behind,
            refused: Arc::default(),
            follows_links: Mutex::default(),
        }
    }

    /// The same for a target with directories of its own, which may have default lists.
    #[must_use]
    pub fn over_existing(self) -> Self {
        Self { inherits: true, ..self }
    }

    /// What its file system has no room for, as far as it was tried.
    pub fn refused(&self) -> Arc<Refused> {
        Arc::clone(&self.refused)
    }

    fn open(&self, path: &StoredPath, flags: OFlags) -> io::Result<Box<dyn DiskFile>> {
        let flags = flags | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(self.root.open_at(path.as_bytes(), flags, 0o600)?);
        let behind = self.behind.clone();
        note(behind.as_deref(), OBJECT);
        let refused = Arc::clone(&self.refused);
        Ok(Box::new(RealFile { file, made_by: self.made_by, fresh: !self.inherits, refused, behind }))
    }
}

impl Disk for RealDisk {
    fn root(&self) -> &Arc<Root> {
        &self.root
    }

    fn create(&self, path: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        self.open(path, OFlags::RDWR | OFlags::EXCL)
    }

    fn append(&self, path: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        self.open(path, OFlags::WRONLY | OFlags::APPEND)
    }

    fn mkdir(&self, path: &StoredPath) -> io::Result<()> {
        let (parent, name) = self.root.parent(path.as_bytes())?;
        note(self.behind.as_deref(), OBJECT);
        Ok(rustix::fs::mkdirat(&*parent, name, Mode::RWXU)?)
    }

    fn rename(&self, from: &StoredPath, to: &StoredPath) -> io::Result<()> {
        let (from_dir, from_name) = self.root.parent(from.as_bytes())?;
        let (to_dir, to_name) = self.root.parent(to.as_bytes())?;
        rustix::fs::renameat(&*from_dir, from_name, &*to_dir, to_name)?;
        Ok(())
    }

    fn link(&self, from: &StoredPath, to: &StoredPath) -> io::Result<()> {
        let (from_dir, from_name) = self.root.parent(from.as_bytes())?;
        let (to_dir, to_name) = self.root.parent(to.as_bytes())?;
        Ok(rustix::fs::linkat(&*from_dir, from_name, &*to_dir, to_name, AtFlags::empty())?)
    }

    fn symlink(&self, target: &[u8], path: &StoredPath) -> io::Result<()> {
        let (parent, name) = self.root.parent(path.as_bytes())?;
        Ok(rustix::fs::symlinkat(target, &*parent, name)?)
    }

    fn mknod(&self, path: &StoredPath, node: Node) -> io::Result<()> {
        let (parent, name) = self.root.parent(path.as_bytes())?;
        let (kind, device) = match node {
            Node::Fifo => (FileType::Fifo, 0),
            Node::Socket => (FileType::Socket, 0),
            Node::Device(d) => (
                if d.block { FileType::BlockDevice } else { FileType::CharacterDevice },
                rustix::fs::makedev(d.major, d.minor),
            ),
        };
        Ok(rustix::fs::mknodat(&*parent, name, kind, Mode::RUSR | Mode::WUSR, device)?)
    }

    fn unlink(&self, path: &StoredPath) -> io::Result<()> {
        let (parent, name) = self.root.parent(path.as_bytes())?;
        Ok(rustix::fs::unlinkat(&*parent, name, AtFlags::empty())?)
    }

    fn rmdir(&self, path: &StoredPath) -> io::Result<()> {
        let (parent, name) = self.root.parent(path.as_bytes())?;
        rustix::fs::unlinkat(&*parent, name, AtFlags::REMOVEDIR)?;
        self.root.forget(path.as_bytes());
        Ok(())
    }

    fn set_attributes(&self, path: &StoredPath, attributes: &Applied<'_>) -> io::Result<()> {
        if let Some(mtime) = attributes.only_time() {
            let (parent, name) = self.root.parent(path.as_bytes())?;
            return Ok(rustix::fs::utimensat(&*parent, name, &timestamps(mtime), AtFlags::SYMLINK_NOFOLLOW)?);
        }
        let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        if attributes.is_dir {
            // Anything else that may stand there is not even opened.
            flags |= OFlags::DIRECTORY;
        } else if !path.as_bytes().is_empty() {
            let handle = self.root.open_at(path.as_bytes(), OFlags::PATH, 0)?;
            let stat = stat_fd(&handle)?;
            if !matches!(stat.kind, crate::tree::FileKind::Regular | crate::tree::FileKind::Directory) {
                return self.set_on_special(path, &handle, &stat, attributes);
            }
        }
        match self.root.open_at(path.as_bytes(), flags, 0) {
            Ok(fd) => attributes.set_on(fd.as_fd(), false, self.made_by, &self.refused),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                // Not readable even for its owner: give ourselves the right for a moment.
                let handle = self.root.open_at(path.as_bytes(), OFlags::PATH, 0)?;
                rustix::fs::chmod(handle_path(&handle), Mode::RWXU)?;
                let fd = self.root.open_at(path.as_bytes(), flags, 0)?;
                attributes.set_on(fd.as_fd(), false, self.made_by, &self.refused)
            }
            Err(e) => Err(e),
        }
    }

    fn sync(&self, path: &StoredPath) -> io::Result<()> {
        if self.behind.is_none() {
            return Ok(());
        }
        let fd = self.root.open_at(path.as_bytes(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, 0)?;
        Ok(rustix::fs::fsync(fd)?)
    }

    fn barrier(&self) -> io::Result<()> {
        let Some(behind) = &self.behind else { return Ok(()) };
        behind.synced();
        Ok(rustix::fs::syncfs(self.root.fd())?)
    }
}

impl RealDisk {
    /// Would the attributes set on a link go to what it leads to? sshfs is like that, for SFTP knows no others:
    /// what lies outside of the tree, or was restored before, would change. Found out with a link to nothing.
    fn follows_links(&self, parent: &impl AsFd) -> io::Result<bool> {
        let mut known = self.follows_links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *known {
            return Ok(known);
        }
        let is_fuse = rustix::fs::fstatfs(parent)?.f_type as u64 & 0xffff_ffff == crate::tree::caps::FUSE;
        let follows = is_fuse && {
            const PROBE: &str = ".rdiff-backup.tmp.link";
            let remove = || rustix::fs::unlinkat(parent, PROBE, AtFlags::empty());
            // A probe that was killed may have left one.
            remove().ok();
            rustix::fs::symlinkat(".rdiff-backup.tmp.nothing", parent, PROBE)?;
            let set = rustix::fs::utimensat(parent, PROBE, &timestamps((0, 0)), AtFlags::SYMLINK_NOFOLLOW);
            remove()?;
            set == Err(rustix::io::Errno::NOENT)
        };
        *known = Some(follows);
        Ok(follows)
    }

    /// Sets attributes of a link or a special file, which must not be opened.
    fn set_on_special(
        &self,
        path: &StoredPath,
        handle: &impl AsFd,
        there: &Stat,
        attributes: &Applied<'_>,
    ) -> io::Result<()> {
        let (parent, name) = self.root.parent(path.as_bytes())?;
        if there.kind == crate::tree::FileKind::Symlink && self.follows_links(&*parent)? {
            return Ok(());
        }
        let mut mode = attributes.mode.filter(|&mode| there.mode != mode);
        if let Some((uid, gid)) = attributes.owner.filter(|&owner| owner != (there.uid, there.gid)) {
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            let set = rustix::fs::chownat(&*parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
            mode = attributes.mode;
            if !self.refused.owner(set)? {
                mode = mode.map(without_set_id);
            }
        }
        let own_path = handle_path(handle);
        if let Some(xattrs) = attributes.xattrs {
            for (name, value) in &xattrs.0 {
                use rustix::io::Errno;
                match rustix::fs::setxattr(&*own_path, &name[..], value, rustix::fs::XattrFlags::empty()) {
                    Err(Errno::PERM | Errno::OPNOTSUPP | Errno::ACCESS) | Ok(()) => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
        if there.kind != crate::tree::FileKind::Symlink {
            if let Some(mode) = mode {
                self.refused.mode(rustix::fs::chmod(&*own_path, Mode::from_raw_mode(mode)))?;
            }
            let name = c"system.posix_acl_access";
            let set = match &attributes.acl {
                Some((Some(list), _)) => {
                    rustix::fs::setxattr(&*own_path, name, list, rustix::fs::XattrFlags::empty())
                }
                Some((None, _)) => rustix::fs::removexattr(&*own_path, name),
                None => Ok(()),
            };
            match set {
                Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) | Ok(()) => {}
                Err(e) => return Err(e.into()),
            }
        }
        if let Some(mtime) = attributes.mtime.filter(|&mtime| mtime != there.mtime) {
            rustix::fs::utimensat(&*parent, name, &timestamps(mtime), AtFlags::SYMLINK_NOFOLLOW)?;
            self.refused.time(mtime.0, || stat_fd(handle))?;
        }
        Ok(())
    }
}

struct RealFile {
    file: File,
    made_by: (u32, u32),
    fresh: bool,
    refused: Arc<Refused>,
    behind: Option<Arc<WriteBehind>>,
}

fn note(behind: Option<&WriteBehind>, bytes: u64) {
    if let Some(behind) = behind {
        behind.note(bytes);
    }
}

impl Write for RealFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        note(self.behind.as_deref(), buf.len() as u64);
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for RealFile {
    fn write_all_at(&mut self, buf: &[u8], offset: u64) -> io::Result<()> {
        note(self.behind.as_deref(), buf.len() as u64);
        self.file.write_all_at(buf, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn share_blocks_of(&mut self, other: &File) -> io::Result<bool> {
        use rustix::io::Errno;
        match rustix::fs::ioctl_ficlone(&self.file, other) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn set_attributes(&mut self, attributes: &Applied<'_>) -> io::Result<()> {
        attributes.set_on(self.file.as_fd(), self.fresh, self.made_by, &self.refused)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn reader(&self) -> io::Result<File> {
        self.file.try_clone()
    }
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

/// A removal of what isn't there has succeeded.
pub(crate) fn ignore_absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if is_absent(&e) => Ok(()),
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
