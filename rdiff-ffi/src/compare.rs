//! Comparing a live directory with a session.

use crate::RDIFF_NEWEST;
use crate::arg;
use crate::guard::guard;
use crate::handle;
use crate::progress::{Teller, User, rdiff_progress_fn};
use crate::repository::rdiff_repository;
use crate::selection::{rdiff_rule, rules};
use crate::source::rdiff_source;
use crate::status::{Failure, rdiff_status};
use crate::versioned::{Job, job, report_to, versioned};
use crate::view::Text;
use rdiff_core::backup::select;
use rdiff_core::compare::{CompareRequest, Difference, Method, Reason, compare};
use rdiff_core::error::{Doing, Error, IoContext, Loss};
use rdiff_core::path::RepoPathBuf;
use rdiff_core::tree::select::Rule;
use std::ffi::{c_char, c_void};

/// Method of a comparison: by type, size, time, owner, mode and attributes.
pub const RDIFF_COMPARE_METADATA: u32 = 0;
/// Method of a comparison: and by the recorded SHA-1 of the content.
pub const RDIFF_COMPARE_HASH: u32 = 1;
/// Method of a comparison: and by the content, byte by byte.
pub const RDIFF_COMPARE_FULL: u32 = 2;

/// Flag of a comparison: a file with several names is not changed by another inode number alone.
pub const RDIFF_COMPARE_NO_HARD_LINKS: u32 = 1;

/// In which way a path differs. New words may come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_reason {
    /// Only the directory has it.
    RDIFF_REASON_NEW = 0,
    /// Only the session has it.
    RDIFF_REASON_DELETED = 1,
    /// Both have it, and it is not the same.
    RDIFF_REASON_CHANGED = 2,
    /// A regular file whose metadata differ, but not its content.
    RDIFF_REASON_METADATA = 3,
    /// A regular file whose content differs, but not its metadata.
    RDIFF_REASON_DATA = 4,
    /// A regular file of which both differ.
    RDIFF_REASON_METADATA_AND_DATA = 5,
}

/// A path that differs. It is valid during the call only.
#[repr(C)]
pub struct rdiff_difference {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// In which way.
    pub reason: rdiff_reason,
    /// Where, below the directory.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
}

/// Called for each difference, in path order, on the thread that called the job.
pub type rdiff_difference_fn =
    Option<unsafe extern "C" fn(difference: *const rdiff_difference, user: *mut c_void)>;

/// What to compare, and how closely. Set it up with RDIFF_COMPARE_OPTIONS_INIT: the newest session, by metadata.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_compare_options {
    /// Set by the init macro.
    pub version: u32,
    /// RDIFF_COMPARE_NO_HARD_LINKS, or 0.
    pub flags: u32,
    /// The session: the newest not later, or RDIFF_NEWEST.
    pub at: i64,
    /// The path in the session that the directory is compared with; NULL for the root.
    pub path: *const c_char,
    /// One of the methods above.
    pub method: u32,
    /// Threads that read the directory; 0 for what suits it.
    pub workers: u32,
    /// Which paths, or NULL for all.
    pub rules: *const rdiff_rule,
    /// How many rules there are.
    pub rule_count: usize,
    /// Told each difference, or NULL.
    pub difference: rdiff_difference_fn,
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `difference` and `progress`.
    pub user: *mut c_void,
}

versioned!(job rdiff_compare_options, flags RDIFF_COMPARE_NO_HARD_LINKS, usual { at: RDIFF_NEWEST });

/// What a comparison found. Set it up with RDIFF_COMPARE_REPORT_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_compare_report {
    /// Set by the init macro.
    pub version: u32,
    /// Paths that were compared, the different ones included.
    pub compared: u64,
    /// Paths that differ.
    pub differences: u64,
    /// Files that were to be compared by SHA-1 and have none recorded.
    pub no_digest: u64,
    /// Paths of which nothing can be said.
    pub problems: u64,
}

versioned!(report rdiff_compare_report);

/// Compares the directory `directory` of this machine with a session. `options` and `report` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_compare(
    repository: *const rdiff_repository,
    directory: *const c_char,
    options: *const rdiff_compare_options,
    report: *mut rdiff_compare_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let directory = unsafe { arg::host_path(directory, "directory")? };
        // SAFETY: as above.
        unsafe { run(repository, || rdiff_source::local(&directory).map(Box::new), options, report) }
    })
}

/// Compares an open source with a session, as rdiff_compare does. Patterns of rules begin with the path of its location,
/// without the host.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_compare_source(
    repository: *const rdiff_repository,
    source: *const rdiff_source,
    options: *const rdiff_compare_options,
    report: *mut rdiff_compare_report,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    guard(|| unsafe { run(repository, || handle::get(source), options, report) })
}

/// Reads all arguments before the source is opened.
unsafe fn run<S: std::ops::Deref<Target = rdiff_source>>(
    repository: *const rdiff_repository,
    source: impl FnOnce() -> Result<S, Failure>,
    options: *const rdiff_compare_options,
    report: *mut rdiff_compare_report,
) -> Result<(), Failure> {
    // SAFETY: the contract of the caller.
    let (job, report) = unsafe { (job(options)?, report_to(report)?) };
    let rdiff_compare_options { difference: different, user, .. } = job.options;
    let repo = handle::get(repository)?;
    // SAFETY: as above.
    let (request, rules) = unsafe { request(&job)? };
    let opened = source()?;
    let (to, user) = (&*opened, User(user));
    let tell = move |Difference { path, reason: why }, teller: &Teller<'_>| {
        let Some(different) = different else { return };
        teller.call(move || show(different, user, &path, why));
    };
    let done = job.callback.watch(|teller| {
        let root = to.source.root().while_doing(Doing::Stat, &to.base)?;
        let filter = select(&rules, &to.base, root.device, teller)?;
        let done = compare(&repo.0, &to.source, &request, filter, teller, |found| tell(found, teller))?;
        // What went while it was read would look deleted.
        to.guard.check().map_err(|what| Error::SourceVanished { what, loss: Loss::Source })?;
        Ok::<_, Error>(done)
    })?;
    report.set(rdiff_compare_report {
        version: 1,
        compared: done.compared,
        differences: done.differences,
        no_digest: done.no_digest,
        problems: done.problems,
    });
    Ok(())
}

fn show(
    different: unsafe extern "C" fn(*const rdiff_difference, *mut c_void),
    user: User,
    path: &RepoPathBuf,
    why: Reason,
) {
    let path = Text::new(path.as_bytes());
    let shown =
        rdiff_difference { version: 1, reason: reason(why), path: path.as_ptr(), path_len: path.len() };
    // SAFETY: the caller gave this function for this; what it is given lives until it returns.
    unsafe { different(&raw const shown, user.0) }
}

unsafe fn request(job: &Job<rdiff_compare_options>) -> Result<(CompareRequest, Vec<Rule>), Failure> {
    let options = &job.options;
    // SAFETY: the contract of the caller.
    let (subtree, rules) =
        unsafe { (arg::tree_path(options.path)?, rules(options.rules, options.rule_count)?) };
    let request = CompareRequest {
        at: arg::time(options.at),
        subtree,
        method: method(options.method)?,
        hard_links: !job.is(RDIFF_COMPARE_NO_HARD_LINKS),
        workers: options.workers as usize,
    };
    Ok((request, rules))
}

fn method(method: u32) -> Result<Method, Failure> {
    match method {
        RDIFF_COMPARE_METADATA => Ok(Method::Metadata),
        RDIFF_COMPARE_HASH => Ok(Method::Hash),
        RDIFF_COMPARE_FULL => Ok(Method::Full),
        unknown => Err(Failure::argument(format!("method is {unknown}, which is none"))),
    }
}

fn reason(reason: Reason) -> rdiff_reason {
    match reason {
        Reason::New => rdiff_reason::RDIFF_REASON_NEW,
        Reason::Deleted => rdiff_reason::RDIFF_REASON_DELETED,
        Reason::Changed => rdiff_reason::RDIFF_REASON_CHANGED,
        Reason::MetadataOnly => rdiff_reason::RDIFF_REASON_METADATA,
        Reason::DataOnly => rdiff_reason::RDIFF_REASON_DATA,
        Reason::MetadataAndData => rdiff_reason::RDIFF_REASON_METADATA_AND_DATA,
    }
}
