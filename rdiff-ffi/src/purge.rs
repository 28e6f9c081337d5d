//! Purging a path out of all sessions.

use crate::arg::{self, Versioned};
use crate::guard::guard;
use crate::handle;
use crate::progress::{Callback, rdiff_progress_fn};
use crate::regress::{RDIFF_DRY_RUN, RDIFF_FORCE};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
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

// SAFETY: `repr(C)`, the version is the first field, and numbers and pointers may have any value.
unsafe impl Versioned for rdiff_purge_options {
    const VERSION: u32 = 1;
    const NAME: &'static str = "rdiff_purge_options";
}

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

// SAFETY: as for the options.
unsafe impl Versioned for rdiff_purge_report {
    const VERSION: u32 = 1;
    const NAME: &'static str = "rdiff_purge_report";
}

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
        let (path, options, report) =
            unsafe { (arg::tree_path(path)?, arg::options(options)?, arg::report(report)?) };
        let repo = handle::get(repository)?;
        let flags = options.map_or(0, |o| o.flags);
        let flags = arg::flags(flags, RDIFF_FORCE | RDIFF_DRY_RUN, "rdiff_purge_options")?;
        let (progress, user) = options.map_or((None, std::ptr::null_mut()), |o| (o.progress, o.user));
        let done = if flags & RDIFF_DRY_RUN != 0 {
            preview(&repo.0, path.as_path())?
        } else {
            let writer = Writer::new(Arc::clone(&repo.0), flags & RDIFF_FORCE != 0)?;
            purge(&writer, path.as_path(), &Callback::new(progress, user))?
        };
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
