//! The content of one file at a session.

use crate::arg;
use crate::cursor::lock;
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::progress::rdiff_progress_fn;
use crate::repository::rdiff_repository;
use crate::status::{Failure, rdiff_status};
use crate::versioned::{Job, job, versioned};
use rdiff_core::entry::Entry;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::read::{FileReader, SessionReader};
use std::ffi::{c_char, c_void};
use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex};

/// An open file of a session. One thread at a time may use it; different files are independent.
pub struct rdiff_file(Mutex<Open>);

struct Open {
    reader: FileReader,
    path: RepoPathBuf,
}

impl Named for rdiff_file {
    const NAME: &'static str = "file";
}

/// How to open a file. Set it up with RDIFF_READ_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_read_options {
    /// Set by the init macro.
    pub version: u32,
    /// None are known yet: 0.
    pub flags: u32,
    /// Asked some times a second, with RDIFF_EVENT_TICK, whether to go on; or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
}

versioned!(job rdiff_read_options, flags 0);

/// Opens a file while the caller is asked whether to go on.
pub(crate) fn open(
    job: &Job<rdiff_read_options>,
    session: &mut SessionReader,
    entry: &Entry,
) -> Result<rdiff_file, Failure> {
    let reader = match job.options.progress {
        None => session.open(entry)?,
        Some(_) => job.callback.watch(|monitor| session.open_watched(entry, monitor))?,
    };
    Ok(rdiff_file(Mutex::new(Open { reader, path: entry.path.clone() })))
}

/// Opens the regular file `path` as it was at the newest session not later than `at`, or at RDIFF_NEWEST. Nothing is restored to
/// disk: the content is put together as it is read. The metadata of the session are read up to the path; for many files use
/// a cursor and rdiff_entries_open_file. Close it with rdiff_file_close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_file_open(
    repository: *const rdiff_repository,
    at: i64,
    path: *const c_char,
    out: *mut *mut rdiff_file,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    unsafe { rdiff_file_open_with(repository, at, path, std::ptr::null(), out) }
}

/// The same, with options, which may be NULL. What has to be read before the first byte of an old version is there can be as large
/// as the file: so long the callback of the options is asked. A read takes as long as the bytes that it was asked for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_file_open_with(
    repository: *const rdiff_repository,
    at: i64,
    path: *const c_char,
    options: *const rdiff_read_options,
    out: *mut *mut rdiff_file,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, job, out) = unsafe { (arg::tree_path(path)?, job(options)?, arg::out(out, "out")?) };
        let mut session = SessionReader::new(Arc::clone(&handle::get(repository)?.0), arg::time(at))?;
        let entry = session.entry(path.as_path())?;
        out.put(open(&job, &mut session, &entry)?);
        Ok(())
    })
}

/// Reads up to `len` bytes into `buffer`, and says how many. 0 is the end of the file: all was read, and is what was
/// backed up, by its size and SHA-1. Where it is not, the end is RDIFF_CORRUPT instead.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_file_read(
    file: *mut rdiff_file,
    buffer: *mut c_void,
    len: usize,
    read: *mut usize,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (buffer, out) = unsafe { (arg::buffer(buffer.cast(), len)?, arg::out(read, "read")?) };
        let object = handle::get(file.cast_const())?;
        let Open { reader, path } = &mut *lock(&object.0)?;
        let n = loop {
            match reader.read(buffer) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other.map_err(|e| Failure::reading(path.as_bytes(), &e))?,
            }
        };
        out.set(n);
        Ok(())
    })
}

/// How many bytes the file has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_file_size(file: *const rdiff_file, size: *mut u64) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(size, "size")? };
        let object = handle::get(file)?;
        out.set(lock(&object.0)?.reader.size());
        Ok(())
    })
}

/// Closes a file. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_file_close(file: *mut rdiff_file) {
    quietly(|| handle::free(file));
}
