//! The cursor over what was there at a session.

use crate::arg;
use crate::cursor::{self, Cursor, HasCursor, lock};
use crate::entry::{ShownEntry, rdiff_entry};
use crate::file::{self, rdiff_file, rdiff_read_options};
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::{Failure, rdiff_status};
use crate::versioned::job;
use rdiff_core::read::SessionReader;
use rdiff_core::time::SessionTime;
use std::ffi::c_char;
use std::sync::{Arc, Mutex};

/// A cursor over what was there at a session, in path order: a directory comes before what is in it. One thread at a
/// time may use it.
pub struct rdiff_entries {
    cursor: Mutex<Cursor<ShownEntry>>,
    at: SessionTime,
    /// Nothing while a file is being opened: no lock may be held that a callback could want.
    session: Mutex<Option<SessionReader>>,
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
        out.put(rdiff_entries { cursor, at: session.at(), session: Mutex::new(Some(session)) });
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
        out.set(handle::get(entries)?.at.0);
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
    // SAFETY: the contract of the caller.
    unsafe { rdiff_entries_open_file_with(entries, std::ptr::null(), out) }
}

/// The same, with options, which may be NULL, as rdiff_file_open_with has them. The callback may use the cursor, but open no
/// other file with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_entries_open_file_with(
    entries: *mut rdiff_entries,
    options: *const rdiff_read_options,
    out: *mut *mut rdiff_file,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (job, out) = unsafe { (job(options)?, arg::out(out, "out")?) };
        let object = handle::get(entries.cast_const())?;
        let entry = lock(&object.cursor)?.current()?.clone();
        let busy = || Failure::argument("the cursor is opening a file; it can open another one afterwards");
        let mut session = lock(&object.session)?.take().ok_or_else(busy)?;
        let opened = file::open(&job, &mut session, &entry);
        *lock(&object.session)? = Some(session);
        out.put(opened?);
        Ok(())
    })
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_entries_free(entries: *mut rdiff_entries) {
    quietly(|| handle::free(entries));
}
