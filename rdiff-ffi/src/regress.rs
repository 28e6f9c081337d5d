//! Undoing the last session.

use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::repository::{rdiff_repository, seconds};
use crate::status::rdiff_status;
use crate::versioned::{job, report_to, versioned};
use rdiff_core::regress::{preview, regress, undo_newest};
use rdiff_core::repo::lock::Writer;
use std::ffi::c_void;
use std::sync::Arc;

/// Flag of jobs that change a repository: goes ahead beside a process that seems to run.
pub const RDIFF_FORCE: u32 = 1;
/// Flag of a regress: undoes the newest session although it is good. Its states are lost.
pub const RDIFF_REGRESS_NEWEST: u32 = 2;
/// Flag of jobs that change a repository: finds out what would be done, and writes nothing. No lock is taken.
pub const RDIFF_DRY_RUN: u32 = 4;

/// How to regress. Set it up with RDIFF_REGRESS_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_regress_options {
    /// Set by the init macro.
    pub version: u32,
    /// Flags RDIFF_FORCE, RDIFF_REGRESS_NEWEST and RDIFF_DRY_RUN, or 0.
    pub flags: u32,
    /// Told what happens, or NULL. A regress can't be stopped: it has to be gone through.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
}

versioned!(job rdiff_regress_options, flags RDIFF_FORCE | RDIFF_REGRESS_NEWEST | RDIFF_DRY_RUN);

/// What a regress did. Set it up with RDIFF_REGRESS_REPORT_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_regress_report {
    /// Set by the init macro.
    pub version: u32,
    /// The session that is the mirror again, in seconds since 1970; RDIFF_NO_SESSION if there was nothing to undo.
    pub good: i64,
    /// The session that was undone, or RDIFF_NO_SESSION.
    pub undone: i64,
    /// Paths that had to be changed.
    pub restored: u64,
}

versioned!(report rdiff_regress_report);

/// Undoes the last session if it did not finish, and does nothing if it did. It can be killed, and is finished by being called
/// again. `options` and `report` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_regress(
    repository: *const rdiff_repository,
    options: *const rdiff_regress_options,
    report: *mut rdiff_regress_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (job, report) = unsafe { (job(options)?, report_to(report)?) };
        let repo = handle::get(repository)?;
        let of_good = job.is(RDIFF_REGRESS_NEWEST);
        let writer = || Writer::new(Arc::clone(&repo.0), job.is(RDIFF_FORCE));
        let done = match (job.is(RDIFF_DRY_RUN), of_good) {
            (true, _) => preview(&repo.0, of_good, &job.monitor)?,
            (false, true) => Some(undo_newest(&writer()?, &job.monitor)?),
            (false, false) => regress(&writer()?, &job.monitor)?,
        };
        report.set(rdiff_regress_report {
            version: 1,
            good: seconds(done.as_ref().map(|d| d.good)),
            undone: seconds(done.as_ref().map(|d| d.undone)),
            restored: done.map_or(0, |d| d.restored),
        });
        Ok(())
    })
}
