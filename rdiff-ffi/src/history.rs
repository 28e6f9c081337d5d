//! One path over all sessions.

use crate::arg;
use crate::entry::{Shown, lock, rdiff_entry};
use crate::guard::{guard, guard_next, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::view::View;
use rdiff_core::list::{Step, Version, history};
use std::ffi::c_char;
use std::sync::Mutex;

/// What happened to a path from one session to the next.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_step {
    /// It is not there, as before.
    RDIFF_STEP_ABSENT = 0,
    /// It was not there before.
    RDIFF_STEP_ADDED = 1,
    /// It is as before.
    RDIFF_STEP_SAME = 2,
    /// Its content, link target or device numbers are others.
    RDIFF_STEP_CONTENT = 3,
    /// Only its attributes are others.
    RDIFF_STEP_ATTRIBUTES = 4,
    /// It is of another kind than before.
    RDIFF_STEP_REPLACED = 5,
    /// It was there before.
    RDIFF_STEP_REMOVED = 6,
    /// Something that this version of the interface has no word for.
    RDIFF_STEP_OTHER = 7,
}

/// One path at one session. (It is no version of a structure.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_path_version {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// What happened since the session before.
    pub step: rdiff_step,
    /// The session, in seconds since 1970.
    pub session: i64,
    /// What was there, or NULL.
    pub entry: *const rdiff_entry,
}

/// A cursor over the sessions of one path, oldest first. One thread at a time may use it.
pub struct rdiff_history(Mutex<Cursor>);

struct Cursor {
    versions: std::vec::IntoIter<Version>,
    current: Option<Box<Current>>,
}

struct Current {
    shown: View<rdiff_path_version>,
    _entry: Option<Box<Shown>>,
}

impl Named for rdiff_history {
    const NAME: &'static str = "history";
}

/// Opens the history of one path: RDIFF_NO_SUCH_PATH if no session has it. Free it with rdiff_history_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_history_open(
    repository: *const rdiff_repository,
    path: *const c_char,
    out: *mut *mut rdiff_history,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::tree_path(path)?, arg::out(out, "out")?) };
        let versions = history(&handle::get(repository)?.0, path.as_path())?.into_iter();
        out.put(rdiff_history(Mutex::new(Cursor { versions, current: None })));
        Ok(())
    })
}

/// Moves on to the next session. RDIFF_END is returned after the last one, and `version` is then NULL. What it points to
/// stays valid until the next call with this cursor; it is not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_history_next(
    history: *mut rdiff_history,
    version: *mut *const rdiff_path_version,
) -> rdiff_status {
    guard_next(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(version, "version")? };
        let object = handle::get(history.cast_const())?;
        let mut cursor = lock(&object.0)?;
        let Some(next) = cursor.versions.next() else {
            cursor.current = None;
            out.set(std::ptr::null());
            return Ok(false);
        };
        let entry = next.entry.as_ref().map(Shown::new);
        let shown = rdiff_path_version {
            version: 1,
            step: step(next.step),
            session: next.session.0,
            entry: entry.as_ref().map_or(std::ptr::null(), |e| e.as_ptr()),
        };
        let current = Box::new(Current { shown: View(shown), _entry: entry });
        out.set(&raw const current.shown.0);
        cursor.current = Some(current);
        Ok(true)
    })
}

fn step(step: Step) -> rdiff_step {
    match step {
        Step::Absent => rdiff_step::RDIFF_STEP_ABSENT,
        Step::Added => rdiff_step::RDIFF_STEP_ADDED,
        Step::Same => rdiff_step::RDIFF_STEP_SAME,
        Step::Content => rdiff_step::RDIFF_STEP_CONTENT,
        Step::Attributes => rdiff_step::RDIFF_STEP_ATTRIBUTES,
        Step::Replaced => rdiff_step::RDIFF_STEP_REPLACED,
        Step::Removed => rdiff_step::RDIFF_STEP_REMOVED,
        #[allow(unreachable_patterns, reason = "the core may learn more words")]
        _ => rdiff_step::RDIFF_STEP_OTHER,
    }
}

/// Frees a history. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_history_free(history: *mut rdiff_history) {
    quietly(|| handle::free(history));
}
