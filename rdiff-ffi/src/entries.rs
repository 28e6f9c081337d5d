//! The cursor over what was there at a session.

use crate::arg;
use crate::cursor::{self, Cursor, HasCursor, lock};
use crate::entry::{ShownEntry, rdiff_entry};
use crate::file::rdiff_file;
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use rdiff_core::read::SessionReader;
use std::ffi::c_char;
use std::sync::{Arc, Mutex};

/// A cursor over what was there at a session, in path order: a directory comes before what is in it. One thread at a
/// time may use it.
pub struct rdiff_entries {
    cursor: Mutex<Cursor<ShownEntry>>,
    session: Mutex<SessionReader>,
}

impl Named for rdiff_entries {
    const NAME: &'static str = "cursor of entries";
}

impl HasCursor for rdiff_entries {
    type Shown = ShownEntry;
    fn cursor(&self) -> &Mutex<Cursor<ShownEntry>> {
        &self.cursor
    }
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
        let cursor = Cursor::new(session.entries(path.as_path())?);
        out.put(rdiff_entries { cursor, session: Mutex::new(session) });
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
    // SAFETY: the contract of the caller.
    unsafe { cursor::next(entries, entry, "entry") }
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
        out.set(lock(&object.session)?.at().0);
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
        let cursor = lock(&object.cursor)?;
        let entry = cursor.current()?;
        let reader = lock(&object.session)?.open(entry)?;
        out.put(rdiff_file::new(reader, entry.path.clone()));
        Ok(())
    })
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_entries_free(entries: *mut rdiff_entries) {
    quietly(|| handle::free(entries));
}
