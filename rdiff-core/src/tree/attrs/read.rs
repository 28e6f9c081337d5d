//! Reading extended attributes and access control lists.

use super::Names;
use super::acl::acl_from_bytes;
use crate::entry::{Acl, Xattrs};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

const ACCESS: &[u8] = b"system.posix_acl_access";

const DEFAULT: &[u8] = b"system.posix_acl_default";

/// The extended attributes and access control lists of an open file.
///
/// # Errors
/// Those of the system. A file system without attributes has none; that is no error.
pub fn read_attributes(fd: BorrowedFd<'_>, names: &Names) -> io::Result<(Xattrs, Acl)> {
    read_with(names, |buf| rustix::fs::flistxattr(fd, buf), |name, buf| rustix::fs::fgetxattr(fd, name, buf))
}

/// The same of something that can't be opened for reading, by a handle of the kind `O_PATH`.
///
/// # Errors
/// As [`read_attributes`].
pub fn read_attributes_of_handle(handle: impl AsFd, names: &Names) -> io::Result<(Xattrs, Acl)> {
    let path = handle_path(&handle);
    read_with(
        names,
        |buf| rustix::fs::listxattr(&*path, buf),
        |name, buf| rustix::fs::getxattr(&*path, name, buf),
    )
}

/// A path that leads to an open handle itself, whatever it is.
pub(crate) fn handle_path(handle: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())
}

fn read_with(
    names: &Names,
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&CString, &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<(Xattrs, Acl)> {
    let mut xattrs = Xattrs::default();
    let mut acl = Acl::default();
    let Some(list) = grown(list)? else { return Ok((xattrs, acl)) };
    for name in list.split(|&b| b == 0).filter(|n| !n.is_empty()) {
        let c_name = CString::new(name).map_err(io::Error::other)?;
        // One that has just gone is as good as never there.
        let Some(value) = grown(|buf| get(&c_name, buf))? else { continue };
        match name {
            ACCESS => acl.access = acl_from_bytes(&value, names),
            DEFAULT => acl.default = acl_from_bytes(&value, names),
            _ if name.starts_with(b"system.") => {}
            _ => xattrs.0.push((name.to_vec(), value)),
        }
    }
    Ok((xattrs, acl.canonical()))
}

/// Calls with a small buffer, and with larger ones while that doesn't do. Nothing if there is nothing.
pub(super) fn grown(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Option<Vec<u8>>> {
    let mut small = [0u8; 512];
    match call(&mut small) {
        Ok(n) => return Ok(Some(small[..n].to_vec())),
        Err(Errno::RANGE) => {}
        Err(Errno::OPNOTSUPP | Errno::NODATA | Errno::NOSYS) => return Ok(None),
        // Namespaces that only root may read: as if they weren't there.
        Err(Errno::PERM) => return Ok(None),
        Err(e) => return Err(e.into()),
    }
    let mut size = 64 << 10;
    loop {
        let mut buf = vec![0; size];
        match call(&mut buf) {
            Ok(n) => {
                buf.truncate(n);
                return Ok(Some(buf));
            }
            Err(Errno::RANGE) if size < 16 << 20 => size *= 4,
            Err(Errno::NODATA) => return Ok(None),
            Err(e) => return Err(e.into()),
        }
    }
}
