//! What answers mean: names, attributes, errors.

use std::io;

use rdiff_core::tree::{FileKind, Stat};
use rustix::io::Errno;

use super::packet::{self, Attrs, Code, Reply};

/// The error that concerns many paths, for one more of them.
pub(super) fn same_error(e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), e.to_string())
}

/// The one name in an answer to READLINK or REALPATH.
pub(super) fn one_name(reply: Reply) -> io::Result<Vec<u8>> {
    match reply {
        Reply::Names(mut names) if names.len() == 1 => {
            Ok(names.pop().map(|named| named.name.into_vec()).unwrap_or_default())
        }
        other => Err(refused(other)),
    }
}

/// The attributes in an answer.
pub(super) fn stat_from(reply: Reply) -> io::Result<Stat> {
    match reply {
        Reply::Attrs(attrs) => stat_of(&attrs),
        other => Err(refused(other)),
    }
}

/// The number of a file system in an answer; 0 where the server does not tell.
pub(super) fn file_system(reply: Reply) -> io::Result<u64> {
    match reply {
        Reply::Extended(body) => Ok(packet::decode_file_system(&body).unwrap_or_default()),
        Reply::Status(Code::Unsupported, _) => Ok(0),
        other => Err(refused(other)),
    }
}

/// Attributes as `stat` has them. There are no inodes in SFTP: their numbers are 0, each file has one name.
pub(super) fn stat_of(attrs: &Attrs) -> io::Result<Stat> {
    let missing =
        || io::Error::new(io::ErrorKind::InvalidData, "the server does not tell type, owner and time");
    let mode = attrs.mode.ok_or_else(missing)?;
    let (uid, gid) = attrs.owner.ok_or_else(missing)?;
    let mtime = (i64::from(attrs.mtime.ok_or_else(missing)?), 0);
    let kind = match mode & 0o170_000 {
        0o100_000 => FileKind::Regular,
        0o040_000 => FileKind::Directory,
        0o120_000 => FileKind::Symlink,
        0o010_000 => FileKind::Fifo,
        0o140_000 => FileKind::Socket,
        0o060_000 | 0o020_000 => return Err(unsupported("a device, whose number SFTP does not tell")),
        _ => return Err(unsupported("an object of unknown type")),
    };
    let size = attrs.size.unwrap_or_default();
    Ok(Stat {
        kind,
        mode: mode & 0o7777,
        uid,
        gid,
        size,
        allocated: size,
        mtime,
        ctime: mtime,
        inode: 0,
        device: 0,
        links: 1,
        rdev: (0, 0),
    })
}

fn unsupported(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}

pub(super) fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server gave an answer of the wrong kind")
}

/// The error that an answer is, other than the one hoped for.
pub(super) fn refused(reply: Reply) -> io::Error {
    let Reply::Status(code, text) = reply else { return unexpected() };
    match code {
        Code::NoSuchFile => Errno::NOENT.into(),
        Code::PermissionDenied => Errno::ACCESS.into(),
        Code::Unsupported => unsupported("the server cannot do that"),
        Code::Ok | Code::Eof => unexpected(),
        Code::Other(number) => {
            let text = String::from_utf8_lossy(&text).replace(char::is_control, " ");
            io::Error::other(format!("the server says \"{}\" ({number})", text.trim()))
        }
    }
}
