//! Attributes of the record, set on a file.

use super::Refused;
use super::read::grown;
use crate::entry::Xattrs;
use crate::tree::stat_fd;
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;

/// Attributes to set. Nothing stands for: leave as it is.
#[derive(Clone, Debug, Default)]
pub struct Applied<'e> {
    /// User and group number.
    pub owner: Option<(u32, u32)>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Modification time.
    pub mtime: Option<(i64, u32)>,
    /// They are a directory's.
    pub is_dir: bool,
    /// All extended attributes that it shall have.
    pub xattrs: Option<&'e Xattrs>,
    /// Access and default list in the kernel's form; an inner nothing takes the list away.
    #[expect(clippy::type_complexity, reason = "two lists of one kind")]
    pub acl: Option<(Option<Vec<u8>>, Option<Vec<u8>>)>,
}

impl Applied<'_> {
    /// Sets them on an open file or directory. `fresh` says that it was just made where nothing is
    /// inherited, so that there is nothing to take away.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_on(
        &self,
        fd: BorrowedFd<'_>,
        fresh: bool,
        made_by: (u32, u32),
        refused: &Refused,
    ) -> io::Result<()> {
        use rustix::fs::{Gid, Mode, Uid};
        // What is so already is left alone: each call would be a change to whoever looks at change times.
        let there = if fresh { None } else { Some(stat_fd(fd)?) };
        let mut mode = self.mode;
        let mut sets_mode = there.is_none_or(|stat| Some(stat.mode) != mode);
        if let Some((uid, gid)) = self.owner
            && (uid, gid) != there.map_or(made_by, |stat| (stat.uid, stat.gid))
        {
            // Giving a file away takes bits from it.
            sets_mode = true;
            let set = rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            if !refused.owner(set)? {
                mode = mode.map(without_set_id);
            }
        }
        let have = match fresh || (self.xattrs.is_none() && self.acl.is_none()) {
            true => Vec::new(),
            false => grown(|buf| rustix::fs::flistxattr(fd, buf))?.unwrap_or_default(),
        };
        if let Some(xattrs) = self.xattrs {
            set_xattrs(fd, xattrs, &have)?;
        }
        // With a list the bits of the group are its mask: set before it they would let the group in.
        let has_list = matches!(self.acl, Some((Some(_), _)));
        if has_list && self.set_acl(fd, fresh, &have)? {
            sets_mode = true;
        }
        if let Some(mode) = mode.filter(|_| sets_mode) {
            refused.mode(rustix::fs::fchmod(fd, Mode::from_raw_mode(mode)))?;
        }
        if !has_list {
            self.set_acl(fd, fresh, &have)?;
        }
        if let Some(mtime) = self.mtime
            && there.is_none_or(|stat| stat.mtime != mtime)
        {
            rustix::fs::futimens(fd, &timestamps(mtime))?;
            refused.time(mtime.0, || stat_fd(fd))?;
        }
        Ok(())
    }

    /// The time, where nothing else is to be set.
    pub fn only_time(&self) -> Option<(i64, u32)> {
        let Self { owner: None, mode: None, xattrs: None, acl: None, mtime, .. } = self else { return None };
        *mtime
    }

    /// Sets or takes away the lists; `have` are the names of the attributes that there are. Was any set that
    /// wasn't there?
    fn set_acl(&self, fd: BorrowedFd<'_>, fresh: bool, have: &[u8]) -> io::Result<bool> {
        let Some((access, default)) = &self.acl else { return Ok(false) };
        let mut set = false;
        for (name, list) in [(c"system.posix_acl_access", access), (c"system.posix_acl_default", default)] {
            match list {
                Some(bytes) if !fresh && holds(fd, name, bytes) => {}
                Some(bytes) => {
                    rustix::fs::fsetxattr(fd, name, bytes, rustix::fs::XattrFlags::empty())?;
                    set = true;
                }
                None if !have.split(|&b| b == 0).any(|n| n == name.to_bytes()) => {}
                None => match rustix::fs::fremovexattr(fd, name) {
                    Err(Errno::NODATA | Errno::OPNOTSUPP) | Ok(()) => {}
                    // The kernel refuses it to who is not the owner before it asks if there are such lists at all.
                    Err(Errno::PERM) if is_without(fd, name) => {}
                    Err(e) => return Err(e.into()),
                },
            }
        }
        Ok(set)
    }
}

/// A program must not run as somebody whom it doesn't belong to.
pub(crate) fn without_set_id(mode: u32) -> u32 {
    mode & 0o1777
}

/// Has an open file no such attribute, or its file system none at all?
fn is_without(fd: BorrowedFd<'_>, name: &std::ffi::CStr) -> bool {
    let found = rustix::fs::fgetxattr(fd, name, &mut [0u8; 0][..]);
    matches!(found, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Times for `futimens` and the like; the access time stays.
pub(crate) fn timestamps((seconds, nanos): (i64, u32)) -> rustix::fs::Timestamps {
    use rustix::fs::{Timespec, UTIME_OMIT};
    rustix::fs::Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) },
    }
}

/// Has an open file this attribute with this value?
fn holds(fd: BorrowedFd<'_>, name: impl rustix::path::Arg, value: &[u8]) -> bool {
    let mut found = vec![0; value.len()];
    // A longer one does not fit.
    rustix::fs::fgetxattr(fd, name, &mut found[..]).is_ok_and(|n| n == value.len() && found == value)
        && !value.is_empty()
}

/// Makes the extended attributes of an open file exactly these; `have` are the names that it has.
fn set_xattrs(fd: BorrowedFd<'_>, wanted: &Xattrs, have: &[u8]) -> io::Result<()> {
    for name in have.split(|&b| b == 0).filter(|n| !n.is_empty() && !n.starts_with(b"system.")) {
        if !wanted.0.iter().any(|(n, _)| n == name) {
            match rustix::fs::fremovexattr(fd, name) {
                // What we may not touch, such as a security label, stays.
                Err(Errno::NODATA | Errno::PERM | Errno::OPNOTSUPP | Errno::ACCESS) | Ok(()) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    for (name, value) in &wanted.0 {
        if have.split(|&b| b == 0).any(|n| n == &name[..]) && holds(fd, &name[..], value) {
            continue;
        }
        match rustix::fs::fsetxattr(fd, &name[..], value, rustix::fs::XattrFlags::empty()) {
            // A namespace for root only, or one that this file system lacks: recorded, not set.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::ACCESS) | Ok(()) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}
