//! Attributes between the file system and [`Entry`]: names of users, extended attributes, access
//! control lists.
//!
//! ```
//! use rdiff_core::entry::Attrs;
//! use rdiff_core::path::RepoPathBuf;
//! use rdiff_core::tree::Root;
//! use rdiff_core::tree::attrs::{
//!     Applied, Mapping, Names, Ownership, Qualified, Refused, entry_of, read_attributes, read_attributes_of_handle,
//! };
//! use rdiff_core::tree::caps::Capabilities;
//! use std::os::fd::AsFd;
//! use std::sync::Arc;
//!
//! # let dir = tempfile::tempdir()?;
//! let (root, names) = (Root::open(dir.path())?, Arc::new(Names::default()));
//! let stat = root.stat(b"")?;
//! let user = names.user(stat.uid);
//! let entry = entry_of(RepoPathBuf::default(), &stat, user, names.group(stat.gid), true);
//! let (xattrs, acl) = read_attributes(root.fd(), &names)?;
//! assert_eq!(read_attributes_of_handle(root.fd().as_fd(), &names)?, (xattrs, acl));
//!
//! // Owners by mapping, by name, or by number.
//! let mut ownership = Ownership::new(names);
//! ownership.numeric = true;
//! assert_eq!(ownership.of(&entry.attrs), (stat.uid, stat.gid));
//! ownership.user_map = Mapping::parse("7:8").map_err(std::io::Error::other)?;
//! assert_eq!(ownership.user_map.0, [(Qualified::Id(7), Qualified::Id(8))]);
//! assert_eq!(ownership.of(&Attrs { uid: 7, ..Attrs::default() }).0, 8);
//!
//! let applied: Applied<'_> = ownership.applied(&entry, &Capabilities::full());
//! assert_eq!(applied.mode, Some(stat.mode));
//! assert_eq!(Refused::default().owners(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acl;
mod apply;
mod names;
mod owners;
mod read;
mod refused;

pub use apply::Applied;
pub(crate) use apply::{timestamps, without_set_id};
pub use names::Names;
pub use owners::{Mapping, Ownership, Qualified};
pub(crate) use read::handle_path;
pub use read::{read_attributes, read_attributes_of_handle};
pub use refused::Refused;

use super::{FileKind, Stat};
use crate::entry::{Attrs, Device, Entry, File, Kind, Link, Name};
use crate::path::RepoPathBuf;

/// The entry that a stat describes, but for a link's target and a file's digest.
pub fn entry_of(
    path: RepoPathBuf,
    stat: &Stat,
    uname: Option<Name>,
    gname: Option<Name>,
    links: bool,
) -> Entry {
    let kind = match stat.kind {
        FileKind::Regular => Kind::File(File {
            size: stat.size,
            digest: None,
            link: (links && stat.links > 1).then_some(Link {
                count: stat.links,
                inode: stat.inode,
                device: stat.device,
            }),
        }),
        FileKind::Directory => Kind::Dir,
        FileKind::Symlink => Kind::Symlink(Vec::new()),
        FileKind::Fifo => Kind::Fifo,
        FileKind::Socket => Kind::Socket,
        FileKind::BlockDevice | FileKind::CharDevice => Kind::Device(Device {
            block: stat.kind == FileKind::BlockDevice,
            major: stat.rdev.0,
            minor: stat.rdev.1,
        }),
    };
    let timed = !matches!(kind, Kind::Symlink(_) | Kind::Device(_));
    let attrs = Attrs {
        mtime: timed.then_some(stat.mtime.0),
        uid: stat.uid,
        gid: stat.gid,
        uname,
        gname,
        mode: stat.mode,
    };
    Entry::new(path, kind, attrs)
}
