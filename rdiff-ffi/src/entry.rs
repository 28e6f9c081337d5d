//! What was at a path.

use crate::cursor::Shown;
use crate::view::{Text, View};
use rdiff_core::entry::{AclEntry, AclTag, Entry, Kind, Qualifier};
use std::ffi::c_char;

/// What a path is. New kinds may come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_kind {
    /// A regular file.
    RDIFF_FILE = 0,
    /// A directory.
    RDIFF_DIRECTORY = 1,
    /// A symbolic link.
    RDIFF_SYMLINK = 2,
    /// A named pipe.
    RDIFF_FIFO = 3,
    /// A socket.
    RDIFF_SOCKET = 4,
    /// A character device.
    RDIFF_CHAR_DEVICE = 5,
    /// A block device.
    RDIFF_BLOCK_DEVICE = 6,
}

/// An extended attribute.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_xattr {
    /// Its name, such as "user.comment".
    pub name: *const c_char,
    /// Its value, any bytes.
    pub value: *const u8,
    /// How many bytes the value has.
    pub value_len: usize,
}

/// What is known of one path at one session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_entry {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// What it is.
    pub kind: rdiff_kind,
    /// Where it is, from the root of the tree, in no encoding; "" for the root itself.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
    /// Bytes of content of a regular file, else 0.
    pub size: u64,
    /// Permission bits, 0 to 07777.
    pub mode: u32,
    /// Number of the owner.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// Nanoseconds of the modification time, 0 where they are not known.
    pub mtime_nsec: u32,
    /// Modification time, in seconds since 1970; 0 with `has_mtime` 0 where it is not known, as of symbolic links.
    pub mtime: i64,
    /// 1 if the modification time is known, else 0.
    pub has_mtime: u32,
    /// 1 if `sha1` is known, else 0. Of several names of one file only the first has it.
    pub has_sha1: u32,
    /// SHA-1 of the content.
    pub sha1: [u8; 20],
    /// Major number of a device, else 0.
    pub device_major: u32,
    /// Minor number of a device, else 0.
    pub device_minor: u32,
    /// Name of the owner where the backup ran, or NULL.
    pub user: *const c_char,
    /// Name of the group, or NULL.
    pub group: *const c_char,
    /// Target of a symbolic link, else NULL.
    pub link_target: *const c_char,
    /// The length of the target in bytes.
    pub link_target_len: usize,
    /// How many names the file had in the source, also outside the tree; 0 or 1 for one name.
    pub link_count: u64,
    /// With `link_device`: the same for all names of one file.
    pub link_inode: u64,
    /// See `link_inode`.
    pub link_device: u64,
    /// Extended attributes, or NULL if there are none. Access control lists are not among them.
    pub xattrs: *const rdiff_xattr,
    /// How many there are.
    pub xattr_count: usize,
    /// The access control list, where it says more than the mode, else NULL: "user::rw-,user:ann:r--,group::r--,...".
    pub acl: *const c_char,
    /// What new entries of a directory get, in the same form, or NULL.
    pub default_acl: *const c_char,
}

/// An entry with what its pointers lead to.
pub(crate) struct ShownEntry {
    entry: View<rdiff_entry>,
    _texts: Vec<Text>,
    _xattrs: Vec<(Text, Vec<u8>)>,
    _list: View<Vec<rdiff_xattr>>,
}

impl Shown for ShownEntry {
    type Item = Entry;
    type Seen = rdiff_entry;

    fn new(entry: &Entry) -> Box<Self> {
        let mut texts = Vec::new();
        let mut keep = |bytes: Option<Vec<u8>>| -> (*const c_char, usize) {
            let Some(bytes) = bytes else { return (std::ptr::null(), 0) };
            let text = Text::new(bytes);
            let shown = (text.as_ptr(), text.len());
            // The bytes of a string stay where they are when it moves.
            texts.push(text);
            shown
        };
        let (path, path_len) = keep(Some(entry.path.as_bytes().to_vec()));
        let (user, _) = keep(entry.attrs.uname.as_deref().map(<[u8]>::to_vec));
        let (group, _) = keep(entry.attrs.gname.as_deref().map(<[u8]>::to_vec));
        let target = match &entry.kind {
            Kind::Symlink(target) => Some(target.clone()),
            _ => None,
        };
        let (link_target, link_target_len) = keep(target);
        let (acl, _) = keep(acl_text(&entry.acl.access));
        let (default_acl, _) = keep(acl_text(&entry.acl.default));
        let xattrs: Vec<_> = entry.xattrs.0.iter().map(|(n, v)| (Text::new(n.clone()), v.clone())).collect();
        let list: Vec<_> = xattrs
            .iter()
            .map(|(name, value)| rdiff_xattr {
                name: name.as_ptr(),
                value: value.as_ptr(),
                value_len: value.len(),
            })
            .collect();
        let file = entry.file();
        let link = file.and_then(|f| f.link);
        let digest = file.and_then(|f| f.digest);
        let precise = entry.precise.as_ref().map(|p| p.mtime);
        let mtime = entry.attrs.mtime.or(precise.map(|(seconds, _)| seconds));
        let (device_major, device_minor) = match &entry.kind {
            Kind::Device(device) => (device.major, device.minor),
            _ => (0, 0),
        };
        let shown = rdiff_entry {
            version: 1,
            kind: kind(&entry.kind),
            path,
            path_len,
            size: entry.size(),
            mode: entry.attrs.mode,
            uid: entry.attrs.uid,
            gid: entry.attrs.gid,
            mtime_nsec: precise.filter(|(seconds, _)| Some(*seconds) == mtime).map_or(0, |(_, nanos)| nanos),
            mtime: mtime.unwrap_or(0),
            has_mtime: u32::from(mtime.is_some()),
            has_sha1: u32::from(digest.is_some()),
            sha1: digest.map_or([0; 20], |d| d.0),
            device_major,
            device_minor,
            user,
            group,
            link_target,
            link_target_len,
            link_count: link.map_or(0, |l| l.count),
            link_inode: link.map_or(0, |l| l.inode),
            link_device: link.map_or(0, |l| l.device),
            xattrs: if list.is_empty() { std::ptr::null() } else { list.as_ptr() },
            xattr_count: list.len(),
            acl,
            default_acl,
        };
        Box::new(Self { entry: View(shown), _texts: texts, _xattrs: xattrs, _list: View(list) })
    }

    fn as_ptr(&self) -> *const rdiff_entry {
        &raw const self.entry.0
    }
}

fn kind(kind: &Kind) -> rdiff_kind {
    match kind {
        Kind::File(_) => rdiff_kind::RDIFF_FILE,
        Kind::Dir => rdiff_kind::RDIFF_DIRECTORY,
        Kind::Symlink(_) => rdiff_kind::RDIFF_SYMLINK,
        Kind::Fifo => rdiff_kind::RDIFF_FIFO,
        Kind::Socket => rdiff_kind::RDIFF_SOCKET,
        Kind::Device(device) if device.block => rdiff_kind::RDIFF_BLOCK_DEVICE,
        Kind::Device(_) => rdiff_kind::RDIFF_CHAR_DEVICE,
    }
}

/// A list as `getfacl` and `setfacl` write it, on one line.
fn acl_text(entries: &[AclEntry]) -> Option<Vec<u8>> {
    let line = |entry: &AclEntry| -> Vec<u8> {
        let (tag, who) = match &entry.tag {
            AclTag::UserObj => ("user", None),
            AclTag::User(who) => ("user", Some(who)),
            AclTag::GroupObj => ("group", None),
            AclTag::Group(who) => ("group", Some(who)),
            AclTag::Mask => ("mask", None),
            AclTag::Other => ("other", None),
        };
        let who = match who {
            None => Vec::new(),
            Some(Qualifier::Id(id)) => id.to_string().into_bytes(),
            Some(Qualifier::Name(name)) => name.clone(),
        };
        let bit = |bit: u8, letter: u8| if entry.perms & bit != 0 { letter } else { b'-' };
        [tag.as_bytes(), b":", &who, b":", &[bit(4, b'r'), bit(2, b'w'), bit(1, b'x')]].concat()
    };
    (!entries.is_empty()).then(|| entries.iter().map(line).collect::<Vec<_>>().join(&b","[..]))
}
