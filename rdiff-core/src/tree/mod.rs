//! Live trees of a file system.
//!
//! Everything starts from a [`Root`], an open directory, and no operation follows a symbolic link below
//! it: a link planted under our feet leads to an error, never outside.
//!
//! ```
//! use rdiff_core::tree::{FileKind, Root, Stat, is_absent, means_source_gone, stat_fd};
//!
//! # let dir = tempfile::tempdir()?;
//! # std::fs::write(dir.path().join("note"), "text")?;
//! let root = Root::open(dir.path())?;
//! let stat: Stat = root.stat(b"note")?;
//! assert_eq!((stat.kind, stat.size), (FileKind::Regular, 4)); // bytes
//! assert_eq!(stat_fd(root.open_file(b"note")?)?.inode, stat.inode);
//! assert_eq!(root.list(b"")?, [Box::from(*b"note")]);
//!
//! let missing = root.stat(b"no such").unwrap_err();
//! assert!(is_absent(&missing) && !means_source_gone(&missing));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod attrs;
pub mod caps;
pub mod local;
mod root;
pub mod select;
pub mod source;
pub mod walk;

pub use root::Root;
pub(crate) use root::{LONGEST_NAME, list_fd, most_open_files};

use crate::entry::Kind;
use rustix::fs::{AtFlags, FileType};
use std::io;
use std::os::fd::AsFd;

/// What kind of object a path is, as `stat` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileKind {
    Regular,
    Directory,
    Symlink,
    Fifo,
    Socket,
    BlockDevice,
    CharDevice,
}

/// What `stat` tells of a path, without following it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// Type of object.
    pub kind: FileKind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of content.
    pub size: u64,
    /// Bytes allocated; fewer than `size` in a sparse file.
    pub allocated: u64,
    /// Modification time: seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
    /// Change time, likewise.
    pub ctime: (i64, u32),
    /// Number of the inode.
    pub inode: u64,
    /// Device that it is on.
    pub device: u64,
    /// How many names the inode has.
    pub links: u64,
    /// Which device it stands for: major and minor number.
    pub rdev: (u32, u32),
}

impl Stat {
    /// Is it a directory?
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// Is it the same object as before, and nothing was done to it since? What it takes on the disk may be settled later.
    pub(crate) fn is_still(&self, before: &Stat) -> bool {
        let allocated = before.allocated;
        Stat { allocated, ..*self } == *before
    }

    /// Is it of this kind? A link's target and a file's size are not asked for; a device's number is.
    pub fn is_a(&self, kind: &Kind) -> bool {
        match kind {
            Kind::File(_) => self.kind == FileKind::Regular,
            Kind::Dir => self.kind == FileKind::Directory,
            Kind::Symlink(_) => self.kind == FileKind::Symlink,
            Kind::Fifo => self.kind == FileKind::Fifo,
            Kind::Socket => self.kind == FileKind::Socket,
            Kind::Device(d) => {
                let kind = if d.block { FileKind::BlockDevice } else { FileKind::CharDevice };
                self.kind == kind && self.rdev == (d.major, d.minor)
            }
        }
    }

    /// Converts what the system call gave; `None` for a type that doesn't exist.
    fn from_raw(st: &rustix::fs::Stat) -> Option<Self> {
        let kind = match FileType::from_raw_mode(st.st_mode) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::CharacterDevice => FileKind::CharDevice,
            FileType::Unknown => return None,
        };
        let nanos = |n: i128| u32::try_from(n).unwrap_or(0);
        Some(Self {
            kind,
            mode: st.st_mode & 0o7777,
            uid: st.st_uid,
            gid: st.st_gid,
            size: u64::try_from(st.st_size).unwrap_or(0),
            allocated: u64::try_from(st.st_blocks).unwrap_or(0).saturating_mul(512),
            mtime: (st.st_mtime, nanos(st.st_mtime_nsec as i128)),
            ctime: (st.st_ctime, nanos(st.st_ctime_nsec as i128)),
            inode: st.st_ino,
            device: st.st_dev,
            links: st.st_nlink,
            rdev: (rustix::fs::major(st.st_rdev), rustix::fs::minor(st.st_rdev)),
        })
    }
}

/// What an open file is.
///
/// # Errors
/// Those of `fstat`.
pub fn stat_fd(fd: impl AsFd) -> io::Result<Stat> {
    let st = rustix::fs::fstat(fd)?;
    Stat::from_raw(&st).ok_or_else(unknown_type)
}

fn unknown_type() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "an object of unknown type")
}

/// What is at a name in an open directory, without following it.
///
/// # Errors
/// Those of `stat`.
pub(crate) fn stat_in(dir: impl AsFd, name: &[u8]) -> io::Result<Stat> {
    let st = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Stat::from_raw(&st).ok_or_else(unknown_type)
}

/// Does the error mean that nothing is there?
pub fn is_absent(e: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(e.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::NOENT | Errno::NOTDIR))
}

/// Does the error mean that a symbolic link stands on the way? For operations that don't look at what their path names itself:
/// there is nothing below a link, for none is followed.
pub(crate) fn is_below_link(e: &io::Error) -> bool {
    e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Does the error mean that the whole source is out of reach, and not just one path of it?
///
/// The kind is asked, so that a source of our own can give its reason in words and still be understood.
pub fn means_source_gone(e: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NotConnected, StaleNetworkFileHandle, TimedOut,
    };
    use rustix::io::Errno;
    let raw = e.raw_os_error().map(Errno::from_raw_os_error);
    matches!(raw, Some(Errno::HOSTDOWN | Errno::NODEV))
        || matches!(
            e.kind(),
            NotConnected
                | StaleNetworkFileHandle
                | TimedOut
                | ConnectionAborted
                | ConnectionReset
                | HostUnreachable
        )
}
