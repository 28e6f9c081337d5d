//! Backing up.

use crate::arg;
use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::repository::seconds;
use crate::selection::{mapping, rdiff_rule, rules, zone};
use crate::source::rdiff_source;
use crate::status::{Failure, rdiff_status};
use crate::versioned::{Job, job, report_to, versioned};
use rdiff_core::backup::{BackupReport, BackupRequest, Preview, backup, preview, refuse_own_source, select};
use rdiff_core::error::{Doing, Error, IoContext};
use rdiff_core::monitor::Monitor;
use rdiff_core::tree::select::Rule;
use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

/// Flag of a backup: goes ahead over a target that holds something else, and beside a process that seems to run.
pub const RDIFF_BACKUP_FORCE: u32 = 1;
/// Flag of a backup: makes the directories above the repository.
pub const RDIFF_BACKUP_CREATE_PARENTS: u32 = 2;
/// Flag of a backup: increments are not gzipped.
pub const RDIFF_BACKUP_NO_COMPRESSION: u32 = 4;
/// Flag of a backup: which files are one is not recorded.
pub const RDIFF_BACKUP_NO_HARD_LINKS: u32 = 8;
/// Flag of a backup: access control lists are not recorded.
pub const RDIFF_BACKUP_NO_ACLS: u32 = 16;
/// Flag of a backup: extended attributes are not recorded.
pub const RDIFF_BACKUP_NO_XATTRS: u32 = 32;
/// Flag of a backup: no line of statistics is written for each path.
pub const RDIFF_BACKUP_NO_FILE_STATISTICS: u32 = 64;
/// Flag of a backup: owners in the mirror by number, whatever their names.
pub const RDIFF_BACKUP_NUMERIC_IDS: u32 = 128;
/// Flag of a backup: times are written without colons.
pub const RDIFF_BACKUP_COMPATIBLE_TIMES: u32 = 256;
/// Flag of a backup: it is believed when the source is empty and the mirror is not.
pub const RDIFF_BACKUP_ALLOW_EMPTY_SOURCE: u32 = 512;
/// Flag of a backup: nothing is made durable; a power cut can then cost the repository.
pub const RDIFF_BACKUP_NOT_DURABLE: u32 = 1024;
/// Flag of a backup: refuses to begin where access control lists can't be kept.
pub const RDIFF_BACKUP_NEVER_DROP_ACLS: u32 = 2048;
/// Flag of a backup: another inode number alone is no change of a file with several names.
pub const RDIFF_BACKUP_NO_COMPARE_INODES: u32 = 4096;
/// Flag of a backup: it begins although there seems to be too little space for it.
pub const RDIFF_BACKUP_NO_SPACE_CHECK: u32 = 8192;
/// Flag of a backup: finds out what it would do, tells each path to the callback, and writes nothing.
pub const RDIFF_BACKUP_DRY_RUN: u32 = 16384;
/// Flag of a backup: lines of the file statistics and of the error log end with NUL.
pub const RDIFF_BACKUP_NULL_SEPARATOR: u32 = 32768;

const KNOWN_FLAGS: u32 = (RDIFF_BACKUP_NULL_SEPARATOR << 1) - 1;

/// How to back up. Set it up with RDIFF_BACKUP_OPTIONS_INIT: all else is as usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_backup_options {
    /// Set by the init macro.
    pub version: u32,
    /// Flags RDIFF_BACKUP_..., or 0.
    pub flags: u32,
    /// The time of the session, in seconds since 1970; 0 for now.
    pub time: i64,
    /// Which paths, or NULL for all.
    pub rules: *const rdiff_rule,
    /// How many rules there are.
    pub rule_count: usize,
    /// Increments of paths that this regular expression matches are not gzipped; NULL for the usual endings. It is for
    /// the path of the mirror as the repository was named, from its beginning on.
    pub not_compressed: *const c_char,
    /// Users to be replaced in the mirror, in lines "old:new", or NULL.
    pub user_map: *const c_char,
    /// Groups to be replaced in the mirror, likewise.
    pub group_map: *const c_char,
    /// More than this part of the previous session's paths may not go at once, in percent; 0 for the usual, 50.
    pub most_deletions_percent: u32,
    /// Threads that read the source; 0 for what suits it.
    pub workers: u32,
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `progress`.
    pub user: *mut c_void,
    /// Since version 2: which bytes of names are quoted in a new repository, as in "A-Z"; NULL for those that its file system
    /// needs, "" for none.
    pub chars_to_quote: *const c_char,
    /// Since version 2: whose local time is written into names of files, such as "Europe/Vienna"; NULL for that of the machine.
    pub time_zone: *const c_char,
}

versioned!(job rdiff_backup_options, since chars_to_quote, flags KNOWN_FLAGS);

/// What a backup did. Set it up with RDIFF_BACKUP_REPORT_INIT. Sizes are in bytes and count regular files; numbers of files
/// count every path. After a dry run there is no session, `new_file_size` holds the bytes of new and changed files
/// together, and the other sizes and `increment_files` are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_backup_report {
    /// Set by the init macro.
    pub version: u32,
    /// The new session, in seconds since 1970, or RDIFF_NO_SESSION.
    pub session: i64,
    /// The one before it, or RDIFF_NO_SESSION.
    pub previous: i64,
    /// A session that had failed and was undone first, or RDIFF_NO_SESSION.
    pub regressed: i64,
    /// Paths that stayed as they were because the source could not be read, or changed meanwhile.
    pub problems: u64,
    /// Paths in the source.
    pub source_files: u64,
    /// Their size.
    pub source_file_size: u64,
    /// Paths that are new.
    pub new_files: u64,
    /// Their size.
    pub new_file_size: u64,
    /// Paths that went.
    pub deleted_files: u64,
    /// Their size.
    pub deleted_file_size: u64,
    /// Paths that changed.
    pub changed_files: u64,
    /// Their size now.
    pub changed_source_size: u64,
    /// Their size before.
    pub changed_mirror_size: u64,
    /// Increments that were written.
    pub increment_files: u64,
    /// Their size.
    pub increment_file_size: u64,
}

versioned!(report rdiff_backup_report);

/// Backs up the directory `source` of this machine to the repository at `repository`, which is made if it isn't there. A session that
/// failed is undone first. `options` and `report` may be NULL.
///
/// After an error in the midst, and after RDIFF_CANCELLED, the repository is interrupted: all earlier sessions are whole, and the
/// next backup or rdiff_regress undoes what was begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_backup(
    source: *const c_char,
    repository: *const c_char,
    options: *const rdiff_backup_options,
    report: *mut rdiff_backup_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let source = unsafe { arg::host_path(source, "source")? };
        // SAFETY: as above.
        unsafe { run(|| rdiff_source::local(&source).map(Box::new), repository, options, report) }
    })
}

/// Backs up an open source to the repository at `repository`, as rdiff_backup does. Patterns of rules begin with the path of
/// its location, without the host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_backup_source(
    source: *const rdiff_source,
    repository: *const c_char,
    options: *const rdiff_backup_options,
    report: *mut rdiff_backup_report,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    guard(|| unsafe { run(|| handle::get(source), repository, options, report) })
}

/// Reads all arguments before the source is opened.
unsafe fn run<S: std::ops::Deref<Target = rdiff_source>>(
    source: impl FnOnce() -> Result<S, Failure>,
    repository: *const c_char,
    options: *const rdiff_backup_options,
    report: *mut rdiff_backup_report,
) -> Result<(), Failure> {
    // SAFETY: the contract of the caller.
    let (target, job, report) =
        unsafe { (arg::host_path(repository, "repository")?, job(options)?, report_to(report)?) };
    // SAFETY: as above.
    let (request, rules) = unsafe { request(&job)? };
    let opened = source()?;
    let (from, is_dry) = (&*opened, job.is(RDIFF_BACKUP_DRY_RUN));
    let done = job.callback.watch(|monitor| carry_out(from, &target, &request, &rules, is_dry, monitor))?;
    report.set(done);
    Ok(())
}

fn carry_out(
    from: &rdiff_source,
    target: &Path,
    request: &BackupRequest,
    rules: &[Rule],
    is_dry: bool,
    monitor: &dyn Monitor,
) -> Result<rdiff_backup_report, Error> {
    let tree = Arc::clone(&from.source);
    if from.is_local {
        refuse_own_source(&from.base, target)?;
    }
    let root = tree.root().while_doing(Doing::Stat, &from.base)?;
    let filter = select(rules, &from.base, root.device, monitor)?;
    Ok(if is_dry {
        previewed(&preview(tree, &*from.guard, target, request, filter, monitor)?)
    } else {
        shown(&backup(tree, &*from.guard, target, request, filter, monitor)?)
    })
}

fn previewed(would: &Preview) -> rdiff_backup_report {
    rdiff_backup_report {
        version: 1,
        session: crate::RDIFF_NO_SESSION,
        previous: seconds(would.previous),
        regressed: seconds(would.regressed),
        problems: would.problems,
        source_files: would.new + would.changed + would.kept + would.problems,
        source_file_size: 0,
        new_files: would.new,
        new_file_size: would.bytes,
        deleted_files: would.deleted,
        deleted_file_size: 0,
        changed_files: would.changed,
        changed_source_size: 0,
        changed_mirror_size: 0,
        increment_files: 0,
        increment_file_size: 0,
    }
}

unsafe fn request(job: &Job<rdiff_backup_options>) -> Result<(BackupRequest, Vec<Rule>), Failure> {
    let (usual, options) = (BackupRequest::default(), &job.options);
    if options.most_deletions_percent > 100 {
        return Err(Failure::argument("most_deletions_percent is more than 100"));
    }
    // SAFETY: the contract of the caller.
    let (user_map, group_map, not_compressed, zone, rules) = unsafe {
        (
            mapping(options.user_map, "user_map")?,
            mapping(options.group_map, "group_map")?,
            arg::text(options.not_compressed, "not_compressed")?,
            zone(options.time_zone)?,
            rules(options.rules, options.rule_count)?,
        )
    };
    let request = BackupRequest {
        time: (options.time != 0).then_some(options.time),
        force: job.is(RDIFF_BACKUP_FORCE),
        create_parents: job.is(RDIFF_BACKUP_CREATE_PARENTS),
        compression: !job.is(RDIFF_BACKUP_NO_COMPRESSION),
        not_compressed,
        called: None,
        hard_links: !job.is(RDIFF_BACKUP_NO_HARD_LINKS),
        acls: !job.is(RDIFF_BACKUP_NO_ACLS),
        never_drop_acls: job.is(RDIFF_BACKUP_NEVER_DROP_ACLS),
        compare_inodes: !job.is(RDIFF_BACKUP_NO_COMPARE_INODES),
        check_space: !job.is(RDIFF_BACKUP_NO_SPACE_CHECK),
        xattrs: !job.is(RDIFF_BACKUP_NO_XATTRS),
        file_statistics: !job.is(RDIFF_BACKUP_NO_FILE_STATISTICS),
        null_separator: job.is(RDIFF_BACKUP_NULL_SEPARATOR),
        compatible_times: job.is(RDIFF_BACKUP_COMPATIBLE_TIMES),
        zone: zone.unwrap_or(usual.zone),
        // SAFETY: as above.
        chars_to_quote: unsafe { arg::bytes(options.chars_to_quote) },
        numeric_ids: job.is(RDIFF_BACKUP_NUMERIC_IDS),
        user_map,
        group_map,
        most_deletions: match options.most_deletions_percent {
            0 => usual.most_deletions,
            percent => f64::from(percent) / 100.0,
        },
        allow_empty_source: job.is(RDIFF_BACKUP_ALLOW_EMPTY_SOURCE),
        durable: !job.is(RDIFF_BACKUP_NOT_DURABLE),
        workers: options.workers as usize,
    };
    Ok((request, rules))
}

fn shown(done: &BackupReport) -> rdiff_backup_report {
    let totals = &done.statistics;
    // They are whole numbers, as floating point for the sake of averages.
    let whole = |n: f64| n as u64;
    rdiff_backup_report {
        version: 1,
        session: done.session.0,
        previous: seconds(done.previous),
        regressed: seconds(done.regressed),
        problems: done.problems,
        source_files: whole(totals.source_files),
        source_file_size: whole(totals.source_file_size),
        new_files: whole(totals.new_files),
        new_file_size: whole(totals.new_file_size),
        deleted_files: whole(totals.deleted_files),
        deleted_file_size: whole(totals.deleted_file_size),
        changed_files: whole(totals.changed_files),
        changed_source_size: whole(totals.changed_source_size),
        changed_mirror_size: whole(totals.changed_mirror_size),
        increment_files: whole(totals.increment_files),
        increment_file_size: whole(totals.increment_file_size),
    }
}
