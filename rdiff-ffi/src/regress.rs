//! Undoing the last session.

use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::repository::{rdiff_repository, seconds};
use crate::selection::zone;
use crate::status::rdiff_status;
use crate::versioned::{job, report_to, versioned};
use rdiff_core::regress::{preview, regress, undo_newest};
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use rdiff_core::time::TimeSeparator;
use std::ffi::{c_char, c_void};
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
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
    /// Since version 2: whose local time is written into names of files, such as "Europe/Vienna"; NULL for that of the machine.
    pub time_zone: *const c_char,
}

versioned!(job rdiff_regress_options, since time_zone, flags RDIFF_FORCE | RDIFF_REGRESS_NEWEST | RDIFF_DRY_RUN);

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

/// Undoes the last session if it did not finish, and does nothing if it did. It can be killed or stopped, and is finished by
/// being called again. `options` and `report` may be NULL.
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
        // SAFETY: as above.
        let repo = match unsafe { zone(job.options.time_zone)? } {
            None => Arc::clone(&repo.0),
            Some(zone) => Arc::new(Repository::clone(&repo.0).with_times(zone, TimeSeparator::Colon)),
        };
        let (force, is_dry) = (job.is(RDIFF_FORCE), job.is(RDIFF_DRY_RUN));
        let done = job.callback.watch(|monitor| {
            let writer = || Writer::new(Arc::clone(&repo), force);
            match (is_dry, of_good) {
                (true, _) => preview(&repo, of_good, monitor),
                (false, true) => undo_newest(&writer()?, monitor).map(Some),
                (false, false) => regress(&writer()?, monitor),
            }
        })?;
        report.set(rdiff_regress_report {
            version: 1,
            good: seconds(done.as_ref().map(|d| d.good)),
            undone: seconds(done.as_ref().map(|d| d.undone)),
            restored: done.map_or(0, |d| d.restored),
        });
        Ok(())
    })
}
