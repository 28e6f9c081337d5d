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

pub use super::names::Names;
use super::{FileKind, Stat};
use crate::entry::{Acl, AclEntry, AclTag, Attrs, Device, Entry, File, Kind, Link, Name, Qualifier, Xattrs};
use crate::path::RepoPathBuf;
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    if is_minimal(&acl.access) {
        acl.access.clear();
    }
    Ok((xattrs, acl))
}

/// Calls with a small buffer, and with larger ones while that doesn't do. Nothing if there is nothing.
fn grown(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Option<Vec<u8>>> {
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

/// Does the list say no more than a mode can?
fn is_minimal(list: &[AclEntry]) -> bool {
    list.iter().all(|e| matches!(e.tag, AclTag::UserObj | AclTag::GroupObj | AclTag::Other))
}

const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;

/// Reads the kernel's form of a list: a version, then tag, permissions and number of each line.
fn acl_from_bytes(bytes: &[u8], names: &Names) -> Vec<AclEntry> {
    let Some((version, lines)) = bytes.split_first_chunk::<4>() else { return Vec::new() };
    if u32::from_le_bytes(*version) != VERSION {
        return Vec::new();
    }
    let named = |name: Option<Name>, id| name.map_or(Qualifier::Id(id), |n| Qualifier::Name(n.to_vec()));
    lines
        .as_chunks::<8>()
        .0
        .iter()
        .filter_map(|&[t0, t1, p0, _, i0, i1, i2, i3]| {
            let id = u32::from_le_bytes([i0, i1, i2, i3]);
            let tag = match u16::from_le_bytes([t0, t1]) {
                0x01 => AclTag::UserObj,
                0x02 => AclTag::User(named(names.user(id), id)),
                0x04 => AclTag::GroupObj,
                0x08 => AclTag::Group(named(names.group(id), id)),
                0x10 => AclTag::Mask,
                0x20 => AclTag::Other,
                _ => return None,
            };
            Some(AclEntry { tag, perms: p0 & 7 })
        })
        .collect()
}

/// Prints the kernel's form of a list. Names that this machine doesn't know are left out and returned.
fn acl_to_bytes(list: &[AclEntry], owner: &Ownership) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut lines = Vec::with_capacity(list.len());
    let mut unknown = Vec::new();
    for entry in list {
        let (order, id) = match &entry.tag {
            AclTag::UserObj => (0x01u16, Some(NO_ID)),
            AclTag::User(q) => (0x02, owner.user_of(q)),
            AclTag::GroupObj => (0x04, Some(NO_ID)),
            AclTag::Group(q) => (0x08, owner.group_of(q)),
            AclTag::Mask => (0x10, Some(NO_ID)),
            AclTag::Other => (0x20, Some(NO_ID)),
        };
        match (id, &entry.tag) {
            (Some(id), _) => lines.push((order, id, entry.perms)),
            (None, AclTag::User(Qualifier::Name(name)) | AclTag::Group(Qualifier::Name(name))) => {
                unknown.push(name.clone());
            }
            (None, _) => {}
        }
    }
    // The kernel wants the lines by tag and number.
    lines.sort_unstable();
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for (tag, id, perms) in lines {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&u16::from(perms).to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    (bytes, unknown)
}

/// How owners of the record become owners on this machine.
#[derive(Clone)]
pub struct Ownership {
    names: Arc<Names>,
    /// Numbers as they are, whatever the names.
    pub numeric: bool,
    /// `old:new` lines for users, tried before all else.
    pub user_map: Mapping,
    /// The same for groups.
    pub group_map: Mapping,
    /// May this process give files away?
    pub may_chown: bool,
}

/// Lines `old:new` of a mapping file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mapping(pub Vec<(Qualified, Qualified)>);

/// A user or group as a mapping file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Qualified {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl Mapping {
    /// Reads lines `old:new`, of names or numbers.
    ///
    /// # Errors
    /// The line that isn't one.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Names hold no colon.
        let part = |p: &str| match (p.is_empty() || p.contains(':'), p.parse()) {
            (true, _) => None,
            (_, Ok(id)) => Some(Qualified::Id(id)),
            _ => Some(Qualified::Name(p.to_owned())),
        };
        let lines = text.lines().filter(|l| !l.is_empty()).map(|line| {
            let (old, new) = line.split_once(':').ok_or(line)?;
            Ok((part(old).ok_or(line)?, part(new).ok_or(line)?))
        });
        lines.collect::<Result<_, &str>>().map(Self).map_err(str::to_owned)
    }

    fn find(&self, name: Option<&[u8]>, id: u32) -> Option<&Qualified> {
        let by_name =
            self.0.iter().find(|(old, _)| matches!(old, Qualified::Name(n) if Some(n.as_bytes()) == name));
        by_name.or_else(|| self.0.iter().find(|(old, _)| *old == Qualified::Id(id))).map(|(_, new)| new)
    }
}

impl Ownership {
    /// By name where the name is known here, else by number.
    pub fn new(names: Arc<Names>) -> Self {
        let may_chown = rustix::process::geteuid().is_root();
        Self { names, numeric: false, user_map: Mapping::default(), group_map: Mapping::default(), may_chown }
    }

    /// The same, with numbers as they are, and with what stands in maps.
    #[must_use]
    pub(crate) fn mapped(self, numeric: bool, users: &Mapping, groups: &Mapping) -> Self {
        Self { numeric, user_map: users.clone(), group_map: groups.clone(), ..self }
    }

    /// The owner and group that a file with these attributes gets here.
    pub fn of(&self, attrs: &Attrs) -> (u32, u32) {
        let user = self.resolve(&self.user_map, attrs.uname.as_deref(), attrs.uid, |n| self.names.user_id(n));
        let group =
            self.resolve(&self.group_map, attrs.gname.as_deref(), attrs.gid, |n| self.names.group_id(n));
        (user, group)
    }

    fn resolve(
        &self,
        map: &Mapping,
        name: Option<&[u8]>,
        id: u32,
        find: impl Fn(&[u8]) -> Option<u32>,
    ) -> u32 {
        match map.find(name, id) {
            Some(Qualified::Id(id)) => return *id,
            Some(Qualified::Name(name)) => return find(name.as_bytes()).unwrap_or(id),
            None => {}
        }
        name.filter(|_| !self.numeric).and_then(find).unwrap_or(id)
    }

    fn user_of(&self, q: &Qualifier) -> Option<u32> {
        match q {
            Qualifier::Id(id) => Some(*id),
            Qualifier::Name(name) => self.names.user_id(name),
        }
    }

    fn group_of(&self, q: &Qualifier) -> Option<u32> {
        match q {
            Qualifier::Id(id) => Some(*id),
            Qualifier::Name(name) => self.names.group_id(name),
        }
    }

    /// A name in the access control lists of an entry that is not known here: its line can't be set.
    pub fn unknown_name(&self, entry: &Entry) -> Option<Vec<u8>> {
        let lists = [&entry.acl.access, &entry.acl.default];
        lists.iter().find_map(|list| acl_to_bytes(list, self).1.into_iter().next())
    }

    /// All that is to be set on a path so that it has the attributes of an entry. `None` for what the
    /// target can't hold.
    pub fn applied<'e>(&self, entry: &'e Entry, caps: &super::caps::Capabilities) -> Applied<'e> {
        let is_link = matches!(entry.kind, Kind::Symlink(_));
        let acl = (caps.acls && !is_link).then(|| {
            let bytes = |list: &[AclEntry]| (!list.is_empty()).then(|| acl_to_bytes(list, self).0);
            (bytes(&entry.acl.access), bytes(&entry.acl.default))
        });
        Applied {
            owner: (self.may_chown && caps.owners).then(|| self.of(&entry.attrs)),
            mode: (!is_link).then_some(entry.attrs.mode & caps.mode_mask),
            mtime: entry.precise.as_ref().map(|p| p.mtime).or(entry.attrs.mtime.map(|s| (s, 0))),
            is_dir: entry.is_dir(),
            xattrs: caps.xattrs.then_some(&entry.xattrs),
            acl,
        }
    }
}

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
        let there = if fresh { None } else { Some(super::stat_fd(fd)?) };
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
            refused.time(mtime.0, || super::stat_fd(fd))?;
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

/// Counts the paths whose owner, mode or time a file system has no room for: FAT, a share that squashes owners, years
/// after 2446 on ext4. Their records have them all the same.
#[derive(Debug, Default)]
pub struct Refused {
    owners: AtomicU64,
    modes: AtomicU64,
    times: AtomicU64,
}

impl Refused {
    /// Paths that did not get their owner.
    pub fn owners(&self) -> u64 {
        self.owners.load(Ordering::Relaxed)
    }

    /// Paths that did not get their permission bits.
    pub fn modes(&self) -> u64 {
        self.modes.load(Ordering::Relaxed)
    }

    /// Paths that did not get their time: the system sets the nearest that there is room for, and calls that success.
    pub fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// Looks at the time that was set, if not every file system has room for it.
    pub(crate) fn time(&self, wanted: i64, there: impl FnOnce() -> io::Result<Stat>) -> io::Result<()> {
        const EVERYWHERE: std::ops::RangeInclusive<i64> = 315_532_800..=i32::MAX as i64;
        // FAT keeps every other second.
        if !EVERYWHERE.contains(&wanted) && there()?.mtime.0.abs_diff(wanted) > 2 {
            self.times.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Was the owner set? Counted if not.
    pub(crate) fn owner(&self, result: rustix::io::Result<()>) -> io::Result<bool> {
        taken(result, &self.owners)
    }

    /// Was the mode set? Counted if not.
    pub(crate) fn mode(&self, result: rustix::io::Result<()>) -> io::Result<bool> {
        taken(result, &self.modes)
    }
}

fn taken(result: rustix::io::Result<()>, refused: &AtomicU64) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        // The last is for numbers that a user namespace doesn't know.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            refused.fetch_add(1, Ordering::Relaxed);
            Ok(false)
        }
        Err(e) => Err(e.into()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_control_lists_survive_the_kernels_form() {
        let owner = Ownership::new(Arc::new(Names::default()));
        let line = |tag, perms| AclEntry { tag, perms };
        let list = vec![
            line(AclTag::UserObj, 7),
            line(AclTag::User(Qualifier::Id(123_456)), 5),
            line(AclTag::GroupObj, 4),
            line(AclTag::Mask, 7),
            line(AclTag::Other, 0),
        ];
        let (bytes, unknown) = acl_to_bytes(&list, &owner);
        assert!(unknown.is_empty());
        assert_eq!(acl_from_bytes(&bytes, &Names::default()), list);
        let stranger = [line(AclTag::User(Qualifier::Name(b"nobody-by-that-name".to_vec())), 7)];
        assert_eq!(acl_to_bytes(&stranger, &owner).1, [b"nobody-by-that-name".to_vec()]);
        assert!(acl_from_bytes(b"\x02\0\0\0junk", &Names::default()).is_empty());
    }

    #[test]
    fn owners_go_by_map_then_name_then_number() {
        let mut owner = Ownership::new(Arc::new(Names::default()));
        let attrs = |uname: Option<&str>, uid| Attrs {
            uname: uname.map(|n| Name::from(n.as_bytes())),
            uid,
            ..Attrs::default()
        };
        assert_eq!(owner.of(&attrs(Some("root"), 7)).0, 0);
        assert_eq!(owner.of(&attrs(Some("nobody-by-that-name"), 7)).0, 7);
        owner.user_map = Mapping::parse("alice:12\n7:root\n").unwrap();
        assert_eq!(owner.of(&attrs(Some("alice"), 7)).0, 12);
        assert_eq!(owner.of(&attrs(None, 7)).0, 0);
        owner.numeric = true;
        owner.user_map = Mapping::default();
        assert_eq!(owner.of(&attrs(Some("root"), 7)).0, 7);
        for bad in ["nonsense", "a:b:c", ":b", "a:"] {
            assert_eq!(Mapping::parse(&format!("a:b\n{bad}")), Err(bad.to_owned()));
        }
    }
}
