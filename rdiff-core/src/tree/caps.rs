//! What a file system can hold, and how far its promises go.
//!
//! ```
//! use rdiff_core::tree::Root;
//! use rdiff_core::tree::caps::{Capabilities, NameLimits, has_change_marks, is_network};
//!
//! # let dir = tempfile::tempdir()?;
//! # std::fs::create_dir(dir.path().join("scratch"))?;
//! let root = Root::open(dir.path())?;
//! let can = Capabilities::probe(&root, b"scratch")?;
//! println!("permissions: {:o}, links: {}", can.mode_mask, can.hard_links);
//! let limits = NameLimits::probe(&root, b"scratch")?;
//! assert!(!limits.one_case || limits.chars_to_quote().starts_with(b"A-Z"));
//! assert!(is_network(0x6969) && has_change_marks(0xef53)); // NFS; ext4
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
    /// Does `syncfs` make everything durable?
    pub syncfs: bool,
}

impl Capabilities {
    /// All that an ordinary Linux file system can do.
    pub fn full() -> Self {
        Self { owners: true, xattrs: true, acls: true, hard_links: true, mode_mask: 0o7777, syncfs: true }
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
            syncfs: fs.f_type as u64 & 0xffff_ffff != FUSE,
        })
    }
}

/// Names that a file system does not take, or not keep apart: those of FAT, NTFS and shares of Windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameLimits {
    /// `A` and `a` are one name.
    pub one_case: bool,
    /// No `:`, no `"` and the like.
    pub reserved: bool,
    /// Nothing above ASCII.
    pub ascii_only: bool,
    /// No `con`, `aux` and other devices of DOS.
    pub devices: bool,
    /// No blank and no dot at the end.
    pub trailing: bool,
}

impl NameLimits {
    /// Finds out by trying, in the directory `scratch`, which must exist and be ours.
    ///
    /// # Errors
    /// When not even a file with a plain name can be made and removed there.
    pub fn probe(root: &Root, scratch: &[u8]) -> io::Result<Self> {
        const PLAIN: &[u8] = b"probe-Name";
        let place = |name: &[u8]| [scratch, b"/", name].concat();
        let make = |name: &[u8]| {
            root.open_at(&place(name), OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, 0o600).map(|_| ())
        };
        let remove = |name: &[u8]| -> io::Result<()> {
            let path = place(name);
            let (dir, name) = root.parent(&path)?;
            Ok(rustix::fs::unlinkat(&*dir, name, rustix::fs::AtFlags::empty())?)
        };
        // A probe that was killed may have left some.
        let takes = |name: &[u8]| {
            remove(name).ok();
            make(name).and_then(|()| remove(name)).is_ok()
        };
        remove(PLAIN).ok();
        make(PLAIN)?;
        let limits = Self {
            one_case: root.find(&place(b"probe-name"))?.is_some(),
            reserved: !takes(b"probe:\\\""),
            ascii_only: !takes("probe-\u{e1}\u{2192}".as_bytes()),
            devices: !takes(b"con"),
            // Such file systems drop the dot: the name is then there already.
            trailing: make(b"probe-Name.").and_then(|()| remove(b"probe-Name.")).is_err(),
        };
        remove(PLAIN)?;
        Ok(limits)
    }

    /// What `chars_to_quote` is to hold for these.
    pub fn chars_to_quote(self) -> Vec<u8> {
        const CONTROL: &[u8] = b"\0-\x1f";
        let mut chars = Vec::new();
        if self.one_case {
            chars.extend_from_slice(b"A-Z");
        }
        if self.ascii_only || self.reserved {
            chars.extend_from_slice(CONTROL);
        }
        if self.ascii_only {
            chars.extend_from_slice(b"\x80-\xff");
        }
        if self.reserved {
            chars.extend_from_slice(b"\"*/:<>?\\\\|\x7f");
        }
        if !chars.is_empty() {
            chars.push(b';');
        }
        chars
    }

    /// What `special_escapes` is to hold for these.
    pub fn special_escapes(self) -> String {
        let devices = if self.devices { "escape_dos_devices\n" } else { "" };
        let trailing = if self.trailing { "escape_trailing_spaces\n" } else { "" };
        [devices, trailing].concat()
    }

    /// Does a quoting hide all that makes a difference?
    pub fn are_met_by(self, quoting: &crate::format::quote::Quoting) -> bool {
        let hides = |wanted: bool, bytes: &[u8]| !wanted || bytes.iter().all(|&b| quoting.hides(b));
        hides(self.one_case, b"AZ") && hides(self.reserved, b":\"\\") && hides(self.ascii_only, b"\x80\xff")
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
        assert_eq!(Root::open(dir.path()).unwrap().longest_name(), 255);
        assert_eq!(NameLimits::probe(&Root::open(dir.path()).unwrap(), b"s").unwrap(), NameLimits::default());
        assert_eq!(std::fs::read_dir(dir.path().join("s")).unwrap().count(), 0);
    }

    #[test]
    fn limits_are_met_by_the_quoting_made_for_them() {
        use crate::format::quote::Quoting;
        for bits in 0u8..32 {
            let bit = |n: u8| bits >> n & 1 == 1;
            let limits = NameLimits {
                one_case: bit(0),
                reserved: bit(1),
                ascii_only: bit(2),
                devices: bit(3),
                trailing: bit(4),
            };
            let quoting = Quoting::parse(&limits.chars_to_quote(), limits.special_escapes().as_bytes());
            assert!(limits.are_met_by(&quoting), "{limits:?}");
            assert_eq!(limits.are_met_by(&Quoting::none()), bits & 7 == 0, "{limits:?}");
            assert_eq!(quoting.is_none(), bits & 7 == 0, "{limits:?}");
        }
    }
}
