//! Verifying what is in a repository.

use crate::RDIFF_ALL_SESSIONS;
use crate::arg;
use crate::guard::guard;
use crate::handle;
use crate::progress::rdiff_progress_fn;
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::versioned::{job, report_to, versioned};
use crate::view::Text;
use rdiff_core::verify::{VerifyReport, VerifyRequest, Why, verify};
use std::collections::BTreeSet;
use std::ffi::{c_char, c_void};
use std::os::unix::ffi::OsStrExt;

/// What is wrong with a file or a session. New words may come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_bad_kind {
    /// The metadata of the session are damaged, so not all its files could be checked.
    RDIFF_BAD_METADATA = 0,
    /// The SHA-1 of the content is not the recorded one.
    RDIFF_BAD_DIGEST = 1,
    /// The size is not the recorded one.
    RDIFF_BAD_SIZE = 2,
    /// The content can't be rebuilt.
    RDIFF_BAD_LOST = 3,
}

/// A file that is not what was backed up, or a session of which not everything can be told. It is valid during the call only.
#[repr(C)]
pub struct rdiff_bad {
    /// 2. A newer library may have more fields after those that you know; those since version 2 are said to be.
    pub version: u32,
    /// The session, in seconds since 1970.
    pub session: i64,
    /// The path in the tree; NULL for a session whose metadata are damaged.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
    /// What is wrong, in one line.
    pub message: *const c_char,
    /// The file of the repository that its content begins with, as a path of the host, or NULL.
    pub repository_file: *const c_char,
    /// Since version 2: what is wrong, for programs.
    pub kind: rdiff_bad_kind,
}

/// Called for each finding, after all was looked at, on the thread that called the job.
pub type rdiff_bad_fn = Option<unsafe extern "C" fn(bad: *const rdiff_bad, user: *mut c_void)>;

/// What to verify. Set it up with RDIFF_VERIFY_OPTIONS_INIT: all sessions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_verify_options {
    /// Set by the init macro.
    pub version: u32,
    /// None are known yet: 0.
    pub flags: u32,
    /// The session: the newest not later, RDIFF_NEWEST or RDIFF_ALL_SESSIONS.
    pub at: i64,
    /// What of it, from the root of the tree; NULL for all.
    pub path: *const c_char,
    /// Threads; 0 for as many as there are cores.
    pub workers: u32,
    /// Told each finding, or NULL.
    pub bad: rdiff_bad_fn,
    /// Told what happens, or NULL.
    pub progress: rdiff_progress_fn,
    /// Handed to `bad` and `progress`.
    pub user: *mut c_void,
    /// Since version 2: files up to this size, in bytes, are verified in memory when all sessions are, and what is read of them
    /// is then read once for all. All threads together hold twice as much. 0 for the usual, 128 MiB.
    pub memory: u64,
}

versioned!(job rdiff_verify_options, since memory, flags 0, usual { at: RDIFF_ALL_SESSIONS });

/// What was found. Set it up with RDIFF_VERIFY_REPORT_INIT. All is well if `bad_files` and `damaged_sessions` are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_verify_report {
    /// Set by the init macro.
    pub version: u32,
    /// Sessions that were looked at.
    pub sessions: u64,
    /// Files that were checked, each once for each session that has it.
    pub files: u64,
    /// Bytes that were rebuilt for that.
    pub bytes: u64,
    /// Files without a recorded SHA-1, of which only the size could be checked.
    pub no_digest: u64,
    /// Files that are not what was backed up. The callback is told the first 10,000.
    pub bad_files: u64,
    /// Sessions whose metadata are damaged, so that not all their files could be checked.
    pub damaged_sessions: u64,
}

versioned!(report rdiff_verify_report);

/// Checks the content of every regular file at one session or at all. Nothing is written. Damaged content is no failure of
/// the call: the report counts it. `options` and `report` may be NULL, but then nothing is told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_verify(
    repository: *const rdiff_repository,
    options: *const rdiff_verify_options,
    report: *mut rdiff_verify_report,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (job, report) = unsafe { (job(options)?, report_to(report)?) };
        let rdiff_verify_options { at, path, workers, bad, user, memory, .. } = job.options;
        let usual = VerifyRequest::default();
        let repo = handle::get(repository)?;
        let request = VerifyRequest {
            at: (at != RDIFF_ALL_SESSIONS).then(|| arg::time(at)),
            // SAFETY: as above.
            subtree: unsafe { arg::tree_path(path)? },
            workers: workers as usize,
            in_memory: if memory == 0 { usual.in_memory } else { memory },
            ..usual
        };
        let mut done = job.callback.watch(|monitor| verify(&repo.0, &request, monitor))?;
        if let Some(bad) = bad {
            done.bad.sort_by(|a, b| (a.session, &a.path).cmp(&(b.session, &b.path)));
            // SAFETY: the caller gave this function for this.
            tell(&done, |found| unsafe { bad(found, user) });
        }
        report.set(rdiff_verify_report {
            version: 1,
            sessions: done.sessions,
            files: done.files,
            bytes: done.bytes,
            no_digest: done.no_digest,
            bad_files: done.bad_files,
            damaged_sessions: done.damaged.iter().map(|d| d.session).collect::<BTreeSet<_>>().len() as u64,
        });
        Ok(())
    })
}

fn tell(done: &VerifyReport, tell: impl Fn(&rdiff_bad)) {
    for damaged in &done.damaged {
        let message = Text::new(damaged.why.as_bytes());
        tell(&rdiff_bad {
            version: 2,
            session: damaged.session.0,
            path: std::ptr::null(),
            path_len: 0,
            message: message.as_ptr(),
            repository_file: std::ptr::null(),
            kind: rdiff_bad_kind::RDIFF_BAD_METADATA,
        });
    }
    for bad in &done.bad {
        let (path, message) = (Text::new(bad.path.as_bytes()), Text::new(bad.why.to_string()));
        let file = bad.files.first().map(|file| Text::new(file.as_os_str().as_bytes()));
        tell(&rdiff_bad {
            version: 2,
            session: bad.session.0,
            path: path.as_ptr(),
            path_len: path.len(),
            message: message.as_ptr(),
            repository_file: Text::ptr_or_null(file.as_ref()),
            kind: match bad.why {
                Why::Digest { .. } => rdiff_bad_kind::RDIFF_BAD_DIGEST,
                Why::Size { .. } => rdiff_bad_kind::RDIFF_BAD_SIZE,
                Why::Lost(_) => rdiff_bad_kind::RDIFF_BAD_LOST,
            },
        });
    }
}
