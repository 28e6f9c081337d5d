//! Restoring.

use crate::arg::{self, Versioned};
use crate::guard::guard;
use crate::handle;
use crate::progress::{Callback, rdiff_progress_fn};
use crate::repository::rdiff_repository;
use crate::selection::{mapping, rdiff_rule, rules};
use crate::status::rdiff_status;
use rdiff_core::backup::select;
use rdiff_core::restore::{RestoreRequest, preview, restore};
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

// SAFETY: `repr(C)`, the version is the first field, and numbers and pointers may have any value.
unsafe impl Versioned for rdiff_restore_options {
    const VERSION: u32 = 1;
    const NAME: &'static str = "rdiff_restore_options";
}

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

// SAFETY: as for the options.
unsafe impl Versioned for rdiff_restore_report {
    const VERSION: u32 = 1;
    const NAME: &'static str = "rdiff_restore_report";
}

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
        let (target, options, report) =
            unsafe { (arg::host_path(target, "target")?, arg::options(options)?, arg::report(report)?) };
        let repo = handle::get(repository)?;
        let (mut request, mut chosen) = (RestoreRequest::default(), Vec::new());
        let (mut progress, mut user, mut dry_run) = (None, std::ptr::null_mut(), false);
        if let Some(options) = options {
            let flags = arg::flags(options.flags, 511, "rdiff_restore_options")?;
            let is = |flag| flags & flag != 0;
            // SAFETY: as above.
            let (subtree, user_map, group_map, rules) = unsafe {
                (
                    arg::tree_path(options.path)?,
                    mapping(options.user_map, "user_map")?,
                    mapping(options.group_map, "group_map")?,
                    rules(options.rules, options.rule_count)?,
                )
            };
            (progress, user, chosen) = (options.progress, options.user, rules);
            dry_run = is(RDIFF_RESTORE_DRY_RUN);
            request = RestoreRequest {
                at: arg::time(options.at),
                subtree,
                overwrite: is(RDIFF_RESTORE_OVERWRITE),
                create_parents: is(RDIFF_RESTORE_CREATE_PARENTS),
                numeric_ids: is(RDIFF_RESTORE_NUMERIC_IDS),
                user_map,
                group_map,
                hard_links: !is(RDIFF_RESTORE_NO_HARD_LINKS),
                acls: !is(RDIFF_RESTORE_NO_ACLS),
                never_drop_acls: is(RDIFF_RESTORE_NEVER_DROP_ACLS),
                xattrs: !is(RDIFF_RESTORE_NO_XATTRS),
                durable: !is(RDIFF_RESTORE_NOT_DURABLE),
                workers: options.workers as usize,
            };
        }
        let monitor = Callback::new(progress, user);
        let filter = select(&chosen, &target, 0, &monitor)?;
        let done = if dry_run {
            preview(&repo.0, &target, &request, filter, &monitor)?
        } else {
            restore(&repo.0, &target, &request, filter, &monitor)?
        };
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
