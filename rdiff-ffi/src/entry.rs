//! What was at a path, and the cursor over all that was there at a session.

use crate::arg;
use crate::file::{Open, rdiff_file};
use crate::guard::{guard, guard_next, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::{Failure, rdiff_status};
use crate::view::{Text, View};
use rdiff_core::entry::{AclEntry, AclTag, Entry, Kind, Qualifier};
use rdiff_core::read::SessionReader;
use rdiff_core::repo::metadata::Stream;
use std::ffi::c_char;
use std::sync::{Arc, Mutex, MutexGuard};

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
pub(crate) struct Shown {
    entry: View<rdiff_entry>,
    _texts: Vec<Text>,
    _xattrs: Vec<(Text, Vec<u8>)>,
    _list: View<Vec<rdiff_xattr>>,
}

impl Shown {
    pub(crate) fn new(entry: &Entry) -> Box<Self> {
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

    pub(crate) fn as_ptr(&self) -> *const rdiff_entry {
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

/// A cursor over what was there at a session, in path order: a directory comes before what is in it. One thread at a
/// time may use it.
pub struct rdiff_entries(Mutex<Cursor>);

struct Cursor {
    session: SessionReader,
    entries: Stream<Entry>,
    current: Option<(Entry, Box<Shown>)>,
}

impl Named for rdiff_entries {
    const NAME: &'static str = "cursor of entries";
}

/// Locks what one thread at a time may use.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Failure> {
    mutex.lock().map_err(|_| {
        Failure::new(
            rdiff_status::RDIFF_PANIC,
            "an earlier call with this handle ended in the midst; free it",
        )
    })
}

/// Opens a cursor over `path` and all below it, as it was at the newest session not later than `at`, or at RDIFF_NEWEST. NULL
/// and "" are the root of the tree. Where nothing was at `path`, the cursor is at its end at once. Free it with
/// rdiff_entries_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_entries_open(
    repository: *const rdiff_repository,
    at: i64,
    path: *const c_char,
    out: *mut *mut rdiff_entries,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::tree_path(path)?, arg::out(out, "out")?) };
        let session = SessionReader::new(Arc::clone(&handle::get(repository)?.0), arg::time(at))?;
        let entries = session.entries(path.as_path())?;
        out.put(rdiff_entries(Mutex::new(Cursor { session, entries, current: None })));
        Ok(())
    })
}

/// Moves on to the next entry. RDIFF_END is returned after the last one, and `entry` is then NULL. What it points to
/// stays valid until the next call with this cursor; it is not to be freed. After an error the cursor is at its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_entries_next(
    entries: *mut rdiff_entries,
    entry: *mut *const rdiff_entry,
) -> rdiff_status {
    guard_next(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(entry, "entry")? };
        let object = handle::get(entries.cast_const())?;
        let mut cursor = lock(&object.0)?;
        cursor.current = None;
        match cursor.entries.next() {
            None => {
                out.set(std::ptr::null());
                Ok(false)
            }
            Some(Err(e)) => {
                cursor.entries = Box::new(std::iter::empty());
                Err(e.into())
            }
            Some(Ok(next)) => {
                let shown = Shown::new(&next);
                out.set(shown.as_ptr());
                cursor.current = Some((next, shown));
                Ok(true)
            }
        }
    })
}

/// The session that the cursor shows, in seconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_entries_session(
    entries: *const rdiff_entries,
    session: *mut i64,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(session, "session")? };
        let object = handle::get(entries)?;
        out.set(lock(&object.0)?.session.at().0);
        Ok(())
    })
}

/// Opens the content of the regular file that the cursor is at, without looking for it again. The cursor may go on, and be
/// freed, while the file is read. Close it with rdiff_file_close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_entries_open_file(
    entries: *mut rdiff_entries,
    out: *mut *mut rdiff_file,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(out, "out")? };
        let object = handle::get(entries.cast_const())?;
        let mut cursor = lock(&object.0)?;
        let Cursor { session, current, .. } = &mut *cursor;
        let (entry, _) = current
            .as_ref()
            .ok_or_else(|| Failure::argument("the cursor is at no entry; call rdiff_entries_next first"))?;
        let reader = session.open(entry)?;
        out.put(rdiff_file(Mutex::new(Open { reader, path: entry.path.clone() })));
        Ok(())
    })
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_entries_free(entries: *mut rdiff_entries) {
    quietly(|| handle::free(entries));
}
