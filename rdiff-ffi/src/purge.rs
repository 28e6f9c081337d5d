//! Purging a path out of all sessions.

use crate::arg;
use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::regress::{RDIFF_DRY_RUN, RDIFF_FORCE};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::versioned::{job, report_to, versioned};
use rdiff_core::purge::{preview, purge};
use rdiff_core::repo::lock::Writer;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// How to purge. Set it up with RDIFF_PURGE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_purge_options {
    /// Set by the init macro.
    pub version: u32,
    /// RDIFF_FORCE, RDIFF_DRY_RUN, or 0.
    pub flags: u32,
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
}

versioned!(job rdiff_purge_options, flags RDIFF_FORCE | RDIFF_DRY_RUN);

/// What was purged, or would be. Set it up with RDIFF_PURGE_REPORT_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_purge_report {
    /// Set by the init macro.
    pub version: u32,
    /// 1 if the path was in the mirror, else 0.
    pub was_in_mirror: u32,
    /// Records, lines and entries about the path or what was below it, in all files together.
    pub records: u64,
    /// Files of the data directory that were written anew.
    pub rewritten: u64,
    /// Increments of the path itself that were deleted; those of what was below it are not counted.
    pub increments: u64,
}

versioned!(report rdiff_purge_report);

/// Takes `path`, with all below it, out of the mirror and of all sessions, as if it had never been backed up. There is no
/// way back. The root can't be purged. A job that was stopped has left all other paths as they were, and is finished by being
/// called again. `options` and `report` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_purge(
    repository: *const rdiff_repository,
    path: *const c_char,
    options: *const rdiff_purge_options,
    report: *mut rdiff_purge_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, job, report) = unsafe { (arg::tree_path(path)?, job(options)?, report_to(report)?) };
        let repo = handle::get(repository)?;
        let (force, is_dry) = (job.is(RDIFF_FORCE), job.is(RDIFF_DRY_RUN));
        let done = job.callback.watch(|monitor| match is_dry {
            true => preview(&repo.0, path.as_path(), monitor),
            false => purge(&Writer::new(Arc::clone(&repo.0), force)?, path.as_path(), monitor),
        })?;
        report.set(rdiff_purge_report {
            version: 1,
            was_in_mirror: done.was_in_mirror.into(),
            records: done.records,
            rewritten: done.rewritten,
            increments: done.increments,
        });
        Ok(())
    })
}
