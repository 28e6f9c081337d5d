//! What a file system can hold, and how far its promises go.

use super::Root;
use rustix::fs::{Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use std::io;

/// The type number of every FUSE file system, sshfs among them.
pub const FUSE: u64 = 0x6573_5546;

const NETWORK: [u64; 6] = [FUSE, 0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x0102_1997];

/// Types whose change times and inode numbers can be relied on: ext, xfs, btrfs, tmpfs, overlay, f2fs,
/// zfs, bcachefs.
const MARKS: [u64; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e];

/// Does each call to a file system of this type wait for a network?
pub fn is_network(kind: u64) -> bool {
    NETWORK.contains(&(kind & 0xffff_ffff))
}

/// Do equal change time and inode number mean that nothing was touched?
pub fn has_change_marks(kind: u64) -> bool {
    MARKS.contains(&(kind & 0xffff_ffff))
}

/// What a directory's file system can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Owners other than ourselves.
    pub owners: bool,
    /// Extended attributes.
    pub xattrs: bool,
    /// Access control lists.
    pub acls: bool,
    /// Two names for one inode.
    pub hard_links: bool,
    /// Permission bits that it keeps.
    pub mode_mask: u32,
    /// The longest file name, in bytes.
    pub longest_name: usize,
    /// Does `syncfs` make everything durable?
    pub syncfs: bool,
}

impl Capabilities {
    /// All that an ordinary Linux file system can do.
    pub fn full() -> Self {
        Self {
            owners: true,
            xattrs: true,
            acls: true,
            hard_links: true,
            mode_mask: 0o7777,
            longest_name: 255,
            syncfs: true,
        }
    }

    /// Finds out by trying, in the directory `scratch`, which must exist and be ours.
    ///
    /// # Errors
    /// When not even a file can be made there.
    pub fn probe(root: &Root, scratch: &[u8]) -> io::Result<Self> {
        let path = |name: &[u8]| [scratch, b"/", name].concat();
        let (a, b) = (path(b"probe"), path(b"probe-link"));
        let remove = |p: &[u8]| -> io::Result<()> {
            let (dir, name) = root.parent(p)?;
            match rustix::fs::unlinkat(&*dir, name, rustix::fs::AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(e) => Err(e.into()),
            }
        };
        remove(&a)?;
        remove(&b)?;
        let fd = root.open_at(&a, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, 0o600)?;
        let supported = |r: rustix::io::Result<()>| !matches!(r, Err(Errno::OPNOTSUPP | Errno::NOSYS));
        let xattrs = supported(rustix::fs::fsetxattr(&fd, c"user.probe", b"1", XattrFlags::empty()));
        let acl =
            [2u32.to_le_bytes(), [1, 0, 6, 0], [255; 4], [4, 0, 4, 0], [255; 4], [32, 0, 0, 0], [255; 4]]
                .concat();
        let acls =
            supported(rustix::fs::fsetxattr(&fd, c"system.posix_acl_access", &acl, XattrFlags::empty()));
        let mode_of = |mode| -> io::Result<u32> {
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode)).ok();
            Ok(super::stat_fd(&fd)?.mode)
        };
        let mode_mask = if mode_of(0o7700)? == 0o7700 { 0o7777 } else { 0o777 };
        let (dir, name) = root.parent(&a)?;
        let (_, link_name) = root.parent(&b)?;
        let hard_links =
            rustix::fs::linkat(&*dir, name, &*dir, link_name, rustix::fs::AtFlags::empty()).is_ok();
        let owners = rustix::process::geteuid().is_root()
            && rustix::fs::fchown(&fd, Some(rustix::fs::Uid::from_raw(1)), None).is_ok()
            && super::stat_fd(&fd)?.uid == 1;
        remove(&b)?;
        remove(&a)?;
        let fs = rustix::fs::fstatfs(root.fd())?;
        Ok(Self {
            owners,
            xattrs,
            acls,
            hard_links,
            mode_mask,
            longest_name: usize::try_from(fs.f_namelen).unwrap_or(255).min(255),
            syncfs: fs.f_type as u64 & 0xffff_ffff != FUSE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_holds_links_and_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("s")).unwrap();
        let caps = Capabilities::probe(&Root::open(dir.path()).unwrap(), b"s").unwrap();
        assert!(caps.hard_links);
        assert_eq!(caps.longest_name, 255);
        assert_eq!(std::fs::read_dir(dir.path().join("s")).unwrap().count(), 0);
    }
}
