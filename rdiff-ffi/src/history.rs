//! One path over all sessions.

use crate::arg;
use crate::cursor::{self, Cursor, HasCursor, Shown};
use crate::entry::{ShownEntry, rdiff_entry};
use crate::guard::{guard, quietly};
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
pub struct rdiff_history(Mutex<Cursor<ShownVersion>>);

impl Named for rdiff_history {
    const NAME: &'static str = "history";
}

impl HasCursor for rdiff_history {
    type Shown = ShownVersion;
    fn cursor(&self) -> &Mutex<Cursor<ShownVersion>> {
        &self.0
    }
}

/// A version with what its pointers lead to.
pub(crate) struct ShownVersion {
    version: View<rdiff_path_version>,
    _entry: Option<Box<ShownEntry>>,
}

impl Shown for ShownVersion {
    type Item = Version;
    type Seen = rdiff_path_version;

    fn new(item: &Version) -> Box<Self> {
        let entry = item.entry.as_ref().map(ShownEntry::new);
        let version = View(rdiff_path_version {
            version: 1,
            step: step(item.step),
            session: item.session.0,
            entry: entry.as_ref().map_or(std::ptr::null(), |e| e.as_ptr()),
        });
        Box::new(Self { version, _entry: entry })
    }

    fn as_ptr(&self) -> *const rdiff_path_version {
        &raw const self.version.0
    }
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
        let versions = history(&handle::get(repository)?.0, path.as_path())?;
        out.put(rdiff_history(Cursor::over(versions)));
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
    // SAFETY: the contract of the caller.
    unsafe { cursor::next(history, version, "version") }
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
