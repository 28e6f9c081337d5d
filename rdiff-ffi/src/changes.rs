//! What changed between two sessions.

use crate::arg;
use crate::entry::lock;
use crate::guard::{guard, guard_next, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::view::{Text, View};
use rdiff_core::diff::changes;
use rdiff_core::list::{Change, ChangeKind};
use rdiff_core::repo::metadata::Stream;
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

/// A path that differs between two sessions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_change {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// How.
    pub kind: rdiff_change_kind,
    /// Where, from the root of the tree.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
}

/// A cursor over what changed, in path order. One thread at a time may use it.
pub struct rdiff_changes(Mutex<Cursor>);

struct Cursor {
    changes: Stream<Change>,
    current: Option<Box<(View<rdiff_change>, Text)>>,
}

impl Named for rdiff_changes {
    const NAME: &'static str = "cursor of changes";
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
        out.put(rdiff_changes(Mutex::new(Cursor { changes, current: None })));
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
    guard_next(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(change, "change")? };
        let object = handle::get(changes.cast_const())?;
        let mut cursor = lock(&object.0)?;
        cursor.current = None;
        match cursor.changes.next() {
            None => {
                out.set(std::ptr::null());
                Ok(false)
            }
            Some(Err(e)) => {
                cursor.changes = Box::new(std::iter::empty());
                Err(e.into())
            }
            Some(Ok(next)) => {
                let path = Text::new(next.path.as_bytes());
                let kind = match next.kind {
                    ChangeKind::New => rdiff_change_kind::RDIFF_CHANGE_NEW,
                    ChangeKind::Deleted => rdiff_change_kind::RDIFF_CHANGE_DELETED,
                    _ => rdiff_change_kind::RDIFF_CHANGE_CHANGED,
                };
                let shown = rdiff_change { version: 1, kind, path: path.as_ptr(), path_len: path.len() };
                let current = Box::new((View(shown), path));
                out.set(&raw const current.0.0);
                cursor.current = Some(current);
                Ok(true)
            }
        }
    })
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_changes_free(changes: *mut rdiff_changes) {
    quietly(|| handle::free(changes));
}
