//! The real thing.

use super::write_behind::{OBJECT, WriteBehind};
use super::{Disk, DiskFile, Node, forget};
use crate::repo::layout::StoredPath;
use crate::tree::attrs::{Applied, Refused, handle_path, timestamps, without_set_id};
use crate::tree::{Root, Stat, stat_fd};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

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

    fn forget(&mut self, written: Range<u64>) {
        forget(&self.file, &written);
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
