//! What is known of one path in one session.
//!
//! ```
//! # use rdiff_core::read::SessionReader;
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::entry::{Entry, Kind};
//!
//! let mut session = SessionReader::new(repo.clone(), repo.sessions()?[0])?;
//! let entry: Entry = session.entry(RepoPath::new(b"note")?)?;
//! match &entry.kind {
//!     Kind::File(file) => assert_eq!(file.size, 5), // bytes
//!     Kind::Dir => println!("a directory"),
//!     Kind::Symlink(target) => println!("a link to {} bytes of path", target.len()),
//!     Kind::Fifo | Kind::Socket | Kind::Device(_) => println!("something special"),
//! }
//! assert!(entry.attrs.mode <= 0o7777 && entry.attrs.mtime.is_some());
//! assert!(entry.xattrs.0.is_empty() && entry.acl.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::path::RepoPathBuf;
use std::sync::Arc;

/// A SHA-1 digest of a file's content.
///
/// ```
/// # use rdiff_core::entry::Digest;
/// let text = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
/// let digest = Digest::from_hex(text.as_bytes());
/// assert_eq!(digest.map(Digest::to_hex).as_deref(), Some(text));
/// assert_eq!(Digest::from_hex(b"short"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 20]);

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What each byte stands for as a hexadecimal digit, and something above 15 for those that are none.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [0xff; 256];
    let mut n = 0;
    while n < 16 {
        nibbles[DIGITS[n] as usize] = n as u8;
        nibbles[DIGITS[n].to_ascii_uppercase() as usize] = n as u8;
        n += 1;
    }
    nibbles
};

impl Digest {
    /// Reads 40 hexadecimal digits.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut digest = [0; 20];
        if text.len() != 40 {
            return None;
        }
        let mut all = 0;
        for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
            all |= high | low;
            *byte = high << 4 | low & 15;
        }
        (all < 16).then_some(Self(digest))
    }

    /// Writes 40 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.hex().map(char::from).into_iter().collect()
    }

    /// The same digits as bytes.
    pub(crate) fn hex(self) -> [u8; 40] {
        let mut text = [0; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        text
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Digest {
    /// As 40 hexadecimal digits.
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.to_hex())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(from)?;
        let bad = || serde::de::Error::custom("a SHA-1 has 40 hexadecimal digits");
        Digest::from_hex(text.as_bytes()).ok_or_else(bad)
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// One path of one session: where, what, and with which attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// Where it is in the tree.
    pub path: RepoPathBuf,
    /// What it is.
    pub kind: Kind,
    /// Owner, mode, time.
    pub attrs: Attrs,
    /// Extended attributes, without the `system.` ones.
    #[cfg_attr(feature = "serde", serde(default))]
    pub xattrs: Xattrs,
    /// Access control lists beyond the mode.
    #[cfg_attr(feature = "serde", serde(default))]
    pub acl: Acl,
    /// Where its data lie when its name is too long for the usual place.
    #[cfg_attr(feature = "serde", serde(default))]
    pub long_name: Option<LongName>,
    /// Lines of its record that this program doesn't know, kept word for word.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::path::wire"))]
    pub unknown: Vec<u8>,
    /// What only our own side index knows of it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub precise: Option<Precise>,
}

impl Entry {
    /// An entry with no attributes but these.
    pub fn new(path: RepoPathBuf, kind: Kind, attrs: Attrs) -> Self {
        Self {
            path,
            kind,
            attrs,
            xattrs: Xattrs::default(),
            acl: Acl::default(),
            long_name: None,
            unknown: Vec::new(),
            precise: None,
        }
    }

    /// The file it is, if it is a regular one.
    pub fn file(&self) -> Option<&File> {
        match &self.kind {
            Kind::File(file) => Some(file),
            _ => None,
        }
    }

    /// Is it a directory?
    pub fn is_dir(&self) -> bool {
        matches!(self.kind, Kind::Dir)
    }

    /// Bytes of content: those of a regular file, else 0.
    pub fn size(&self) -> u64 {
        self.file().map_or(0, |f| f.size)
    }
}

/// What a path is. Each kind carries what only it has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Kind {
    /// A regular file.
    File(File),
    /// A directory.
    Dir,
    /// A symbolic link, with its target.
    Symlink(#[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))] Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device node.
    Device(Device),
}

impl Kind {
    /// Are both of the same type, whatever their details?
    pub fn same_type(&self, other: &Kind) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A regular file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct File {
    /// Bytes of content.
    pub size: u64,
    /// Of the content. Only the first of a group of hard links has it.
    pub digest: Option<Digest>,
    /// The group of hard links it is in.
    pub link: Option<Link>,
}

/// Which other files a file shares its inode with, in the *source*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Link {
    /// How many names the inode has, also outside the tree.
    pub count: u64,
    /// The inode's number.
    pub inode: u64,
    /// The device it is on.
    pub device: u64,
}

impl Link {
    /// What all members of one group have in common.
    pub fn group(self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// A device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Device {
    /// A block device, not a character device.
    pub block: bool,
    /// Its major number.
    pub major: u32,
    /// Its minor number.
    pub minor: u32,
}

/// The name of a user or group, shared by all entries that have it.
pub type Name = Arc<[u8]>;

/// Owner, mode and time.
///
/// ```
/// # use rdiff_core::entry::{Attrs, Entry, File, Kind, Link};
/// # use rdiff_core::path::RepoPathBuf;
/// let attrs = Attrs { mtime: Some(1_700_000_000), mode: 0o640, uid: 1000, gid: 1000, ..Attrs::default() };
/// let link = Some(Link { count: 2, inode: 7, device: 1 });
/// let kind = Kind::File(File { size: 3, digest: None, link });
/// let entry = Entry::new(RepoPathBuf::new("a")?, kind, attrs);
/// assert_eq!((entry.size(), entry.is_dir()), (3, false));
/// # Ok::<(), rdiff_core::path::PathError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Attrs {
    /// Whole seconds since 1970, rounded down. Symbolic links and devices have none in the format.
    pub mtime: Option<i64>,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// User name, if known where the backup ran.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::path::wire::option"))]
    pub uname: Option<Name>,
    /// Group name, likewise.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::path::wire::option"))]
    pub gname: Option<Name>,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
}

/// Extended attributes, in the order of the kernel's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Xattrs(
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::pairs"))] pub Vec<(Vec<u8>, Vec<u8>)>,
);

impl Xattrs {
    /// Do both hold the same names and values, in whatever order?
    pub fn same(&self, other: &Xattrs) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|pair| other.0.contains(pair))
    }
}

/// The access control lists of a path. Empty lists say no more than the mode.
///
/// ```
/// # use rdiff_core::entry::{Acl, AclEntry, AclTag, Qualifier, Xattrs};
/// // `user:ann:rw-`
/// let ann = AclEntry { tag: AclTag::User(Qualifier::Name(b"ann".to_vec())), perms: 4 | 2 };
/// let acl = Acl { access: vec![ann], default: Vec::new() };
/// assert!(!acl.is_empty());
/// let xattrs = Xattrs(vec![(b"user.mime".to_vec(), b"text/plain".to_vec())]);
/// assert!(xattrs.same(&xattrs.clone()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Acl {
    /// Who may do what with it.
    pub access: Vec<AclEntry>,
    /// What new entries of this directory get.
    pub default: Vec<AclEntry>,
}

impl Acl {
    /// Do both lists say nothing beyond the mode?
    pub fn is_empty(&self) -> bool {
        self.access.is_empty() && self.default.is_empty()
    }

    /// Without an access list that says no more than a mode can, so that there is one way only to say that.
    pub(crate) fn canonical(mut self) -> Self {
        if self.access.iter().all(|e| matches!(e.tag, AclTag::UserObj | AclTag::GroupObj | AclTag::Other)) {
            self.access.clear();
        }
        self
    }

    /// As records have it: an access list is never left out. Where there is none, it is what the mode says.
    pub(crate) fn spelled_out(&self, mode: u32) -> std::borrow::Cow<'_, Self> {
        if !self.access.is_empty() {
            return std::borrow::Cow::Borrowed(self);
        }
        let line = |tag, shift: u32| AclEntry { tag, perms: ((mode >> shift) & 7) as u8 };
        let access = vec![line(AclTag::UserObj, 6), line(AclTag::GroupObj, 3), line(AclTag::Other, 0)];
        std::borrow::Cow::Owned(Self { access, default: self.default.clone() })
    }
}

/// One line of an access control list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AclEntry {
    /// Whom it is about.
    pub tag: AclTag,
    /// Bits: read 4, write 2, execute 1.
    pub perms: u8,
}

/// Whom a line of an access control list is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AclTag {
    /// The owner.
    UserObj,
    /// A named user.
    User(Qualifier),
    /// The owning group.
    GroupObj,
    /// A named group.
    Group(Qualifier),
    /// The upper limit of all but owner and others.
    Mask,
    /// Everybody else.
    Other,
}

/// A user or group of an access control list, by name where one was known, else by number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Qualifier {
    /// By number.
    Id(u32),
    /// By name.
    Name(#[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))] Vec<u8>),
}

/// Where the data of a path with a too long name lie, below `long_filename_data`.
///
/// ```
/// # use rdiff_core::entry::{ChangeMark, LongName, OwnerNames, Precise};
/// let place = LongName::Increments(b"12".to_vec()); // long_filename_data/12.TIME.diff.gz
/// assert_ne!(place, LongName::Mirror(b"12".to_vec()));
/// // The side index tells fractions of a second, in nanoseconds.
/// let mark = ChangeMark { ctime: (1_700_000_000, 250_000_000), inode: 7 };
/// let names = OwnerNames { user: Some("änne".as_bytes().into()), group: None };
/// let precise = Precise { mtime: mark.ctime, unchanged_while: Some(mark), names: Some(names.into()) };
/// assert!(precise.mtime.1 < 1_000_000_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LongName {
    /// Only its increments are there, under this name.
    Increments(#[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))] Vec<u8>),
    /// Its mirror file and its increments are there.
    Mirror(#[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))] Vec<u8>),
}

impl LongName {
    /// The name there: a number, in digits.
    pub fn number(&self) -> &[u8] {
        match self {
            Self::Increments(number) | Self::Mirror(number) => number,
        }
    }
}

/// What our side index adds to a record: times below the second, the marks of an edit that put its size
/// and time back, and names that metadata can't hold.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Precise {
    /// Modification time: seconds since 1970 and nanoseconds. Symbolic links have one too.
    pub mtime: (i64, u32),
    /// Change time and inode number, where the file system keeps both dependably and the entry was
    /// not so young that a later edit could share its time.
    pub unchanged_while: Option<ChangeMark>,
    /// Names of owner and group that aren't ASCII: rdiff-backup drops the whole record of a path that has
    /// one.
    #[cfg_attr(feature = "serde", serde(default, with = "shared_names"))]
    pub names: Option<Arc<OwnerNames>>,
}

/// Names of owner and group.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OwnerNames {
    /// The owner's.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::path::wire::option"))]
    pub user: Option<Name>,
    /// The group's.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::path::wire::option"))]
    pub group: Option<Name>,
}

impl OwnerNames {
    /// Those of two names that metadata can't hold, if there are any.
    pub fn unwritable(user: Option<&Name>, group: Option<&Name>) -> Option<Arc<Self>> {
        let unwritable = |name: Option<&Name>| name.filter(|n| !n.iter().all(u8::is_ascii_graphic)).cloned();
        let names = Self { user: unwritable(user), group: unwritable(group) };
        (names != Self::default()).then(|| Arc::new(names))
    }
}

/// Two equal marks mean that neither content nor attributes were touched in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChangeMark {
    /// Change time: seconds since 1970 and nanoseconds.
    pub ctime: (i64, u32),
    /// The inode's number.
    pub inode: u64,
}

/// As if they were not shared, so that serde's feature `rc` isn't needed.
#[cfg(feature = "serde")]
mod shared_names {
    use super::{Arc, OwnerNames};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        names: &Option<Arc<OwnerNames>>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        names.as_deref().serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Arc<OwnerNames>>, D::Error> {
        Ok(Option::<OwnerNames>::deserialize(from)?.map(Arc::new))
    }
}
