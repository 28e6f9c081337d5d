//! A local directory, or a mounted one, as a [`Source`].
//!
//! ```
//! use rdiff_core::path::RepoPath;
//! use rdiff_core::tree::attrs::Names;
//! use rdiff_core::tree::local::{LocalGuard, LocalSource};
//! use rdiff_core::tree::source::{Source, SourceGuard};
//! use std::sync::Arc;
//!
//! # let dir = tempfile::tempdir()?;
//! # std::fs::write(dir.path().join("note"), "text")?;
//! let source = LocalSource::open(dir.path(), Arc::new(Names::default()))?;
//! let guard = LocalGuard::new(&source)?;
//! assert_eq!(source.list(RepoPath::ROOT)?.names, [Box::from(*b"note")]);
//! assert_eq!(guard.check(), Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::attrs::{Names, read_attributes, read_attributes_of_handle};
use super::source::{Listing, Source, SourceFile, SourceTraits};
use super::{FileKind, Root, Stat, stat_fd, stat_in};
use crate::entry::{Acl, Name, Xattrs};
use crate::path::RepoPath;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

/// The attributes of a directory's entries come with its names up to this number; a larger directory is
/// looked at in parts, by several threads.
const SMALL_DIRECTORY: usize = 512;

/// A tree below an open directory.
pub struct LocalSource {
    root: Arc<Root>,
    names: Arc<Names>,
    traits: SourceTraits,
}

impl LocalSource {
    /// Opens a directory.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open(path: &Path, names: Arc<Names>) -> io::Result<Self> {
        let root = Arc::new(Root::open(path)?);
        let traits = traits_of(&root)?;
        Ok(Self { root, names, traits })
    }

    /// The open directory.
    pub fn root_dir(&self) -> &Arc<Root> {
        &self.root
    }

    /// Changes what is asked of it, such as not to ask for attributes.
    pub fn set_traits(&mut self, traits: SourceTraits) {
        self.traits = traits;
    }
}

/// What a file system can tell, by its type and by asking the root.
fn traits_of(root: &Root) -> io::Result<SourceTraits> {
    let kind = rustix::fs::fstatfs(root.fd())?.f_type as u64;
    let waits = super::caps::is_network(kind);
    let asked = rustix::fs::flistxattr(root.fd(), &mut [0u8; 0][..]);
    let xattrs = !matches!(asked, Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(SourceTraits {
        xattrs,
        acls: xattrs,
        change_marks: super::caps::has_change_marks(kind),
        hard_links: kind != super::caps::FUSE,
        readers: if waits { 32 } else { cores },
        batch: if waits { 16 } else { 128 },
    })
}

impl Source for LocalSource {
    fn name(&self) -> String {
        self.root.path().display().to_string()
    }

    fn root(&self) -> io::Result<Stat> {
        stat_fd(self.root.fd())
    }

    /// What is used of its file system.
    fn most_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::fstatvfs(self.root.fd()).ok()?;
        Some(stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize))
    }

    fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing> {
        let fd = self.root.open_at(dir.as_bytes(), OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
        let names = super::list_fd(&fd)?;
        let stats = (names.len() <= SMALL_DIRECTORY).then(|| names.iter().map(|n| stat_in(&fd, n)).collect());
        Ok(Listing { names, stats })
    }

    fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<Stat>> {
        match self.root.open_at(dir.as_bytes(), OFlags::RDONLY | OFlags::DIRECTORY, 0) {
            Ok(fd) => names.iter().map(|n| stat_in(&fd, n)).collect(),
            Err(e) => {
                let code = e.raw_os_error().unwrap_or(0);
                names.iter().map(|_| Err(io::Error::from_raw_os_error(code))).collect()
            }
        }
    }

    fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>> {
        self.root.read_link(path.as_bytes())
    }

    fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(self.root.open_at(path.as_bytes(), flags, 0)?);
        Ok(Box::new(LocalFile { file, names: Arc::clone(&self.names), traits: self.traits }))
    }

    fn attributes(&self, path: RepoPath<'_>, stat: &Stat) -> io::Result<(Xattrs, Acl)> {
        if !self.traits.xattrs {
            return Ok(Default::default());
        }
        if stat.is_dir() {
            let fd = self.root.open_at(path.as_bytes(), OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
            return Ok(kept(read_attributes(fd.as_fd(), &self.names)?, self.traits));
        }
        let handle = self.root.open_at(path.as_bytes(), OFlags::PATH, 0)?;
        // Pipes and sockets have none in the format; asking them costs calls for nothing.
        if matches!(stat.kind, FileKind::Fifo | FileKind::Socket) {
            let (_, acl) = read_attributes_of_handle(handle, &self.names)?;
            return Ok(kept((Xattrs::default(), acl), self.traits));
        }
        Ok(kept(read_attributes_of_handle(handle, &self.names)?, self.traits))
    }

    fn traits(&self) -> SourceTraits {
        self.traits
    }

    fn user_name(&self, uid: u32) -> Option<Name> {
        self.names.user(uid)
    }

    fn group_name(&self, gid: u32) -> Option<Name> {
        self.names.group(gid)
    }
}

/// Drops what was asked not to be looked at.
fn kept((xattrs, acl): (Xattrs, Acl), traits: SourceTraits) -> (Xattrs, Acl) {
    (if traits.xattrs { xattrs } else { Xattrs::default() }, if traits.acls { acl } else { Acl::default() })
}

struct LocalFile {
    file: File,
    names: Arc<Names>,
    traits: SourceTraits,
}

impl Read for LocalFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf)
    }
}

impl SourceFile for LocalFile {
    fn stat(&self) -> io::Result<Stat> {
        stat_fd(&self.file)
    }

    fn attributes(&self) -> io::Result<(Xattrs, Acl)> {
        if !self.traits.xattrs && !self.traits.acls {
            return Ok(Default::default());
        }
        Ok(kept(read_attributes(self.file.as_fd(), &self.names)?, self.traits))
    }

    fn data_after(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        use rustix::fs::SeekFrom;
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => return Ok(None),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => {
                let size = self.stat()?.size;
                return Ok((offset < size).then_some((offset, size)));
            }
            Err(e) => return Err(e.into()),
        };
        let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start))?;
        Ok(Some((start, end)))
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset)).map(|_| ())
    }
}

/// Watches a local directory: it must stay the same inode of the same device.
pub struct LocalGuard {
    path: std::path::PathBuf,
    identity: (u64, u64),
}

impl LocalGuard {
    /// Remembers which directory the source is.
    ///
    /// # Errors
    /// Those of `stat`.
    pub fn new(source: &LocalSource) -> io::Result<Self> {
        let stat = source.root()?;
        let path = std::path::absolute(source.root.path())?;
        Ok(Self { path, identity: (stat.device, stat.inode) })
    }
}

impl super::source::SourceGuard for LocalGuard {
    fn check(&self) -> Result<(), String> {
        use std::os::unix::fs::MetadataExt;
        match std::fs::metadata(&self.path) {
            Ok(now) if (now.dev(), now.ino()) == self.identity => Ok(()),
            Ok(_) => Err(format!(
                "the source {} is no longer the directory that this backup began with (was it unmounted or replaced?)",
                self.path.display()
            )),
            Err(e) => Err(format!("the source {} is gone: {e}", self.path.display())),
        }
    }
}
