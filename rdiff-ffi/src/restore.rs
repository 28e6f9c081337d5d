//! Restoring.

use crate::RDIFF_NEWEST;
use crate::arg;
use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::repository::rdiff_repository;
use crate::selection::{mapping, rdiff_rule, rules};
use crate::status::{Failure, rdiff_status};
use crate::versioned::{Job, job, report_to, versioned};
use rdiff_core::backup::select;
use rdiff_core::restore::{RestoreRequest, preview, restore};
use rdiff_core::tree::select::Rule;
use std::ffi::{c_char, c_void};

/// Flag of a restore: the target may hold something; what isn't in the session is removed from it.
pub const RDIFF_RESTORE_OVERWRITE: u32 = 1;
/// Flag of a restore: makes the directories above the target.
pub const RDIFF_RESTORE_CREATE_PARENTS: u32 = 2;
/// Flag of a restore: owners by number, whatever their names.
pub const RDIFF_RESTORE_NUMERIC_IDS: u32 = 4;
/// Flag of a restore: files that were one become several.
pub const RDIFF_RESTORE_NO_HARD_LINKS: u32 = 8;
/// Flag of a restore: access control lists are not set.
pub const RDIFF_RESTORE_NO_ACLS: u32 = 16;
/// Flag of a restore: extended attributes are not set.
pub const RDIFF_RESTORE_NO_XATTRS: u32 = 32;
/// Flag of a restore: returns before everything is durable.
pub const RDIFF_RESTORE_NOT_DURABLE: u32 = 64;
/// Flag of a restore: refuses to go on where a line of an access control list can't be set.
pub const RDIFF_RESTORE_NEVER_DROP_ACLS: u32 = 128;

/// Flag of a restore: finds out what it would do, tells each path to the callback, and writes nothing.
pub const RDIFF_RESTORE_DRY_RUN: u32 = 256;

const KNOWN_FLAGS: u32 = (RDIFF_RESTORE_DRY_RUN << 1) - 1;

/// What to restore, and how. Set it up with RDIFF_RESTORE_OPTIONS_INIT: all of the newest session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_restore_options {
    /// Set by the init macro.
    pub version: u32,
    /// Flags RDIFF_RESTORE_..., or 0.
    pub flags: u32,
    /// The session: the newest not later, or RDIFF_NEWEST.
    pub at: i64,
    /// What of it, from the root of the tree; NULL for all.
    pub path: *const c_char,
    /// Which paths, or NULL for all. Patterns begin with the target.
    pub rules: *const rdiff_rule,
    /// How many rules there are.
    pub rule_count: usize,
    /// Users to be replaced, in lines "old:new", or NULL.
    pub user_map: *const c_char,
    /// Groups to be replaced, likewise.
    pub group_map: *const c_char,
    /// Threads that rebuild files; 0 for as many as there are cores.
    pub workers: u32,
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
}

versioned!(job rdiff_restore_options, flags KNOWN_FLAGS, usual { at: RDIFF_NEWEST });

/// What a restore did. Set it up with RDIFF_RESTORE_REPORT_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_restore_report {
    /// Set by the init macro.
    pub version: u32,
    /// Paths that were made or set right.
    pub restored: u64,
    /// Of those, files whose content was already there.
    pub unchanged: u64,
    /// Paths that were in the target and not in the session.
    pub removed: u64,
    /// Paths that could not be restored as they were; the callback was told each.
    pub problems: u64,
}

versioned!(report rdiff_restore_report);

/// Restores a session, or a part of one, to `target`. `options` and `report` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_restore(
    repository: *const rdiff_repository,
    target: *const c_char,
    options: *const rdiff_restore_options,
    report: *mut rdiff_restore_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (target, job, report) =
            unsafe { (arg::host_path(target, "target")?, job(options)?, report_to(report)?) };
        let repo = handle::get(repository)?;
        // SAFETY: as above.
        let (request, rules) = unsafe { request(&job)? };
        let (repo, is_dry) = (&repo.0, job.is(RDIFF_RESTORE_DRY_RUN));
        let done = job.callback.watch(|monitor| {
            let filter = select(&rules, &target, 0, monitor)?;
            match is_dry {
                true => preview(repo, &target, &request, filter, monitor),
                false => restore(repo, &target, &request, filter, monitor),
            }
        })?;
        report.set(rdiff_restore_report {
            version: 1,
            restored: done.restored,
            unchanged: done.unchanged,
            removed: done.removed,
            problems: done.problems,
        });
        Ok(())
    })
}

unsafe fn request(job: &Job<rdiff_restore_options>) -> Result<(RestoreRequest, Vec<Rule>), Failure> {
    let options = &job.options;
    // SAFETY: the contract of the caller.
    let (subtree, user_map, group_map, rules) = unsafe {
        (
            arg::tree_path(options.path)?,
            mapping(options.user_map, "user_map")?,
            mapping(options.group_map, "group_map")?,
            rules(options.rules, options.rule_count)?,
        )
    };
    let request = RestoreRequest {
        at: arg::time(options.at),
        subtree,
        overwrite: job.is(RDIFF_RESTORE_OVERWRITE),
        create_parents: job.is(RDIFF_RESTORE_CREATE_PARENTS),
        numeric_ids: job.is(RDIFF_RESTORE_NUMERIC_IDS),
        user_map,
        group_map,
        hard_links: !job.is(RDIFF_RESTORE_NO_HARD_LINKS),
        acls: !job.is(RDIFF_RESTORE_NO_ACLS),
        never_drop_acls: job.is(RDIFF_RESTORE_NEVER_DROP_ACLS),
        xattrs: !job.is(RDIFF_RESTORE_NO_XATTRS),
        durable: !job.is(RDIFF_RESTORE_NOT_DURABLE),
        workers: options.workers as usize,
    };
    Ok((request, rules))
}
