//! Removing old sessions.

use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::regress::{RDIFF_DRY_RUN, RDIFF_FORCE};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::versioned::{job, report_to, versioned};
use rdiff_core::remove::{preview, remove_older_than};
use rdiff_core::repo::lock::Writer;
use rdiff_core::time::SessionTime;
use std::ffi::c_void;
use std::sync::Arc;

/// How to remove. Set it up with RDIFF_REMOVE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_remove_options {
    /// Set by the init macro.
    pub version: u32,
    /// Flags RDIFF_FORCE and RDIFF_DRY_RUN, or 0.
    pub flags: u32,
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
}

versioned!(job rdiff_remove_options, flags RDIFF_FORCE | RDIFF_DRY_RUN);

/// What was removed. Set it up with RDIFF_REMOVE_REPORT_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_remove_report {
    /// Set by the init macro.
    pub version: u32,
    /// Sessions that went.
    pub sessions: u64,
    /// Files that were deleted.
    pub files: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

versioned!(report rdiff_remove_report);

/// Removes the sessions before the time `before`, in seconds since 1970, however many they are: ask
/// rdiff_repository_sessions_older_than first. The newest session always stays. A job that was stopped has left every session
/// whole that remains, and is finished by being called again. `options` and `report` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_remove_older_than(
    repository: *const rdiff_repository,
    before: i64,
    options: *const rdiff_remove_options,
    report: *mut rdiff_remove_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (job, report) = unsafe { (job(options)?, report_to(report)?) };
        let repo = handle::get(repository)?;
        let (force, is_dry) = (job.is(RDIFF_FORCE), job.is(RDIFF_DRY_RUN));
        let done = job.callback.watch(|monitor| match is_dry {
            true => preview(&repo.0, SessionTime(before), monitor),
            false => {
                let writer = Writer::new(Arc::clone(&repo.0), force)?;
                remove_older_than(&writer, SessionTime(before), monitor)
            }
        })?;
        report.set(rdiff_remove_report {
            version: 1,
            sessions: done.sessions.len() as u64,
            files: done.files,
            bytes: done.bytes,
        });
        Ok(())
    })
}
