//! What changed between two sessions.

use crate::arg;
use crate::cursor::{self, Cursor, HasCursor, Shown};
use crate::entry::{ShownEntry, rdiff_entry};
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::view::{Text, View};
use rdiff_core::diff::{Aspect, aspects, changes};
use rdiff_core::list::{Change, ChangeKind};
use std::ffi::c_char;
use std::sync::Mutex;

/// How a path differs between two sessions. New words may come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_change_kind {
    /// Only the newer session has it.
    RDIFF_CHANGE_NEW = 0,
    /// Both have it, and it is not the same.
    RDIFF_CHANGE_CHANGED = 1,
    /// Only the older session has it.
    RDIFF_CHANGE_DELETED = 2,
}

/// Bit of `aspects`: another kind of thing stands there.
pub const RDIFF_ASPECT_KIND: u32 = 1;
/// Bit of `aspects`: the content of a file, the target of a link, the numbers of a device.
pub const RDIFF_ASPECT_CONTENT: u32 = 2;
/// Bit of `aspects`: the permissions.
pub const RDIFF_ASPECT_MODE: u32 = 4;
/// Bit of `aspects`: the owner.
pub const RDIFF_ASPECT_OWNER: u32 = 8;
/// Bit of `aspects`: the group.
pub const RDIFF_ASPECT_GROUP: u32 = 16;
/// Bit of `aspects`: the modification time.
pub const RDIFF_ASPECT_MTIME: u32 = 32;
/// Bit of `aspects`: the extended attributes.
pub const RDIFF_ASPECT_XATTRS: u32 = 64;
/// Bit of `aspects`: the access control lists.
pub const RDIFF_ASPECT_ACL: u32 = 128;
/// Bit of `aspects`: with which other names it is one file.
pub const RDIFF_ASPECT_HARD_LINKS: u32 = 256;

/// A path that differs between two sessions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_change {
    /// 2. A newer library may have more fields after those that you know; those since version 2 are said to be.
    pub version: u32,
    /// How.
    pub kind: rdiff_change_kind,
    /// Where, from the root of the tree.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
    /// Since version 2: bits RDIFF_ASPECT_... of what differs, with RDIFF_CHANGE_CHANGED; else 0. New bits may come.
    pub aspects: u32,
    /// Since version 2: what was there at the older session, or NULL.
    pub old_entry: *const rdiff_entry,
    /// Since version 2: what was there at the newer session, or NULL.
    pub new_entry: *const rdiff_entry,
}

/// A cursor over what changed, in path order. One thread at a time may use it.
pub struct rdiff_changes(Mutex<Cursor<ShownChange>>);

impl Named for rdiff_changes {
    const NAME: &'static str = "cursor of changes";
}

impl HasCursor for rdiff_changes {
    type Shown = ShownChange;
    fn cursor(&self) -> &Mutex<Cursor<ShownChange>> {
        &self.0
    }
}

/// A change with what its pointers lead to.
pub(crate) struct ShownChange {
    change: View<rdiff_change>,
    _path: Text,
    _entries: [Option<Box<ShownEntry>>; 2],
}

impl Shown for ShownChange {
    type Item = Change;
    type Seen = rdiff_change;

    fn new(item: &Change) -> Box<Self> {
        let path = Text::new(item.path.as_bytes());
        let kind = match item.kind {
            ChangeKind::New => rdiff_change_kind::RDIFF_CHANGE_NEW,
            ChangeKind::Deleted => rdiff_change_kind::RDIFF_CHANGE_DELETED,
            _ => rdiff_change_kind::RDIFF_CHANGE_CHANGED,
        };
        let entries = [&item.old, &item.new].map(|entry| entry.as_ref().map(ShownEntry::new));
        let [old_entry, new_entry] =
            [0, 1].map(|i: usize| entries[i].as_ref().map_or(std::ptr::null(), |e| e.as_ptr()));
        let change = View(rdiff_change {
            version: 2,
            kind,
            path: path.as_ptr(),
            path_len: path.len(),
            aspects: differing(item),
            old_entry,
            new_entry,
        });
        Box::new(Self { change, _path: path, _entries: entries })
    }

    fn as_ptr(&self) -> *const rdiff_change {
        &raw const self.change.0
    }
}

/// Opens a cursor over the paths at `path` and below that are not at session `new_session` what they were at `old_session`. Each time
/// means the newest session not later, or RDIFF_NEWEST. Free it with rdiff_changes_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_changes_open(
    repository: *const rdiff_repository,
    old_session: i64,
    new_session: i64,
    path: *const c_char,
    out: *mut *mut rdiff_changes,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::tree_path(path)?, arg::out(out, "out")?) };
        let repo = &handle::get(repository)?.0;
        let (old, new) = (repo.session_at(arg::time(old_session))?, repo.session_at(arg::time(new_session))?);
        let changes = changes(repo, path.as_path(), old, new)?;
        out.put(rdiff_changes(Cursor::new(changes)));
        Ok(())
    })
}

/// Moves on to the next change. RDIFF_END is returned after the last one, and `change` is then NULL. What it points to
/// stays valid until the next call with this cursor; it is not to be freed. After an error the cursor is at its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_changes_next(
    changes: *mut rdiff_changes,
    change: *mut *const rdiff_change,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    unsafe { cursor::next(changes, change, "change") }
}

fn differing(change: &Change) -> u32 {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return 0 };
    let bit = |aspect| match aspect {
        Aspect::Type => RDIFF_ASPECT_KIND,
        Aspect::Content => RDIFF_ASPECT_CONTENT,
        Aspect::Mode => RDIFF_ASPECT_MODE,
        Aspect::Owner => RDIFF_ASPECT_OWNER,
        Aspect::Group => RDIFF_ASPECT_GROUP,
        Aspect::ModificationTime => RDIFF_ASPECT_MTIME,
        Aspect::ExtendedAttributes => RDIFF_ASPECT_XATTRS,
        Aspect::AccessControlList => RDIFF_ASPECT_ACL,
        Aspect::HardLinks => RDIFF_ASPECT_HARD_LINKS,
    };
    aspects(old, new).into_iter().map(bit).fold(0, |bits, bit| bits | bit)
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_changes_free(changes: *mut rdiff_changes) {
    quietly(|| handle::free(changes));
}
