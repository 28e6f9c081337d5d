//! Repositories: opening, state, finding a session.

use crate::arg;
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::sessions::rdiff_sessions;
use crate::status::{Failure, rdiff_status};
use crate::versioned::{report_to, versioned};
use crate::{RDIFF_NO_SESSION, RDIFF_UNKNOWN};
use rdiff_core::error::Error;
use rdiff_core::remove::sessions_older_than;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::status::status;
use rdiff_core::time::{SessionTime, TimeSpec, Zone};
use std::ffi::c_char;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// An open repository. Any number of threads may use one at once.
pub struct rdiff_repository(pub(crate) Arc<Repository>);

impl Named for rdiff_repository {
    const NAME: &'static str = "repository";
}

/// In what state the last session left a repository.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_state_kind {
    /// It holds no session: it is new, or its first session never ended.
    RDIFF_STATE_EMPTY = 0,
    /// The mirror is that of the last session.
    RDIFF_STATE_CLEAN = 1,
    /// A session failed. rdiff_regress, or the next backup, goes back to the last good one.
    RDIFF_STATE_INTERRUPTED = 2,
}

/// The state of a repository. Set it up with RDIFF_STATE_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_state {
    /// Set by the init macro.
    pub version: u32,
    /// Which.
    pub kind: rdiff_state_kind,
    /// The last good session, in seconds since 1970, or RDIFF_NO_SESSION.
    pub good: i64,
    /// The session that failed, or RDIFF_NO_SESSION.
    pub failed: i64,
    /// Since version 2: 1 if a job works on the repository now, else 0. It may then look interrupted, and need not be.
    pub in_use: u32,
    /// Since version 2: sessions that can be restored.
    pub sessions: u64,
    /// Since version 2: bytes of all increments, as the sessions counted them; RDIFF_UNKNOWN if one of them did not.
    pub increments_size: u64,
}

versioned!(report rdiff_state, since in_use);

/// Opens the repository at `path`, for reading and for jobs. Free it with rdiff_repository_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_open(
    path: *const c_char,
    out: *mut *mut rdiff_repository,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::host_path(path, "path")?, arg::out(out, "out")?) };
        out.put(rdiff_repository(Arc::new(Repository::open(&path)?)));
        Ok(())
    })
}

/// Opens the repository at `path`, or makes one without sessions where there is nothing or an empty directory. The
/// directories above must be there. rdiff_backup makes its repository by itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_open_or_create(
    path: *const c_char,
    out: *mut *mut rdiff_repository,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::host_path(path, "path")?, arg::out(out, "out")?) };
        out.put(rdiff_repository(Arc::new(Repository::open_or_create(&path)?)));
        Ok(())
    })
}

/// Frees a repository. Cursors and files that were opened from it stay good. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_repository_free(repository: *mut rdiff_repository) {
    quietly(|| handle::free(repository));
}

/// In what state the last session left the repository, and what it holds. No tree is looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_state(
    repository: *const rdiff_repository,
    out: *mut rdiff_state,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        unsafe { arg::out(out, "out")? };
        // SAFETY: as above.
        let report = unsafe { report_to(out)? };
        let repo = &handle::get(repository)?.0;
        let (kind, good, failed) = match repo.state()? {
            MirrorState::Unfinished => (rdiff_state_kind::RDIFF_STATE_EMPTY, None, None),
            MirrorState::Clean(at) => (rdiff_state_kind::RDIFF_STATE_CLEAN, Some(at), None),
            MirrorState::Interrupted { good, failed } => {
                (rdiff_state_kind::RDIFF_STATE_INTERRUPTED, Some(good), Some(failed))
            }
        };
        let mut state = rdiff_state {
            version: 2,
            kind,
            good: seconds(good),
            failed: seconds(failed),
            in_use: 0,
            sessions: 0,
            increments_size: RDIFF_UNKNOWN,
        };
        if report.version() > 1 {
            let status = status(repo)?;
            state.in_use = status.in_use_by.is_some().into();
            state.sessions = status.sessions.len() as u64;
            state.increments_size = status.increments_size.unwrap_or(RDIFF_UNKNOWN);
        }
        report.set(state);
        Ok(())
    })
}

/// Who works on the repository now, such as "process 4711", in `text` with its `size` bytes, NUL included: as much as there is
/// room for. `length` is that of the whole, and 0 if nobody does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_in_use_by(
    repository: *const rdiff_repository,
    text: *mut c_char,
    size: usize,
    length: *mut usize,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::text_out(text, size, length)? };
        let who = handle::get(repository)?.0.in_use_by()?;
        out.set(who.unwrap_or_default().as_bytes());
        Ok(())
    })
}

/// What an increment is, by the path of its file on this machine: the session whose state it holds, and the path in the tree, in
/// `path` with its `size` bytes as above. RDIFF_NO_SUCH_PATH for what is no increment of this repository.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_increment_at(
    repository: *const rdiff_repository,
    file: *const c_char,
    session: *mut i64,
    path: *mut c_char,
    size: usize,
    length: *mut usize,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (file, session, out) = unsafe {
            (arg::host_path(file, "file")?, arg::out(session, "session")?, arg::text_out(path, size, length)?)
        };
        let found = handle::get(repository)?.0.increment_at(&file)?;
        let (path, at) = found.ok_or_else(|| Failure {
            path: Some(file.as_os_str().as_bytes().to_vec()),
            ..Failure::new(
                rdiff_status::RDIFF_NO_SUCH_PATH,
                format!("{} is no increment of this repository", file.display()),
            )
        })?;
        session.set(at.0);
        out.set(path.as_bytes());
        Ok(())
    })
}

pub(crate) fn seconds(session: Option<SessionTime>) -> i64 {
    session.map_or(RDIFF_NO_SESSION, |t| t.0)
}

/// The sessions that can be restored, oldest first. Free the list with rdiff_sessions_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_sessions(
    repository: *const rdiff_repository,
    out: *mut *mut rdiff_sessions,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(out, "out")? };
        out.put(rdiff_sessions(handle::get(repository)?.0.sessions()?));
        Ok(())
    })
}

/// The sessions that rdiff_remove_older_than would count as removed for this time, oldest first. Free the list with
/// rdiff_sessions_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_sessions_older_than(
    repository: *const rdiff_repository,
    before: i64,
    out: *mut *mut rdiff_sessions,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(out, "out")? };
        let repo = handle::get(repository)?;
        out.put(rdiff_sessions(sessions_older_than(&repo.0, SessionTime(before))?));
        Ok(())
    })
}

/// The session that a time means, as people write it: "now", "10D" (ten days ago), "4B" (four sessions back),
/// "2023-11-14", "2023-11-14T22:13:20+01:00", seconds since 1970. It is the newest session that is not later, or the oldest
/// of all. Local times are those of the machine's zone. rdiff_remove_older_than with this session keeps what can be
/// restored for that time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_repository_find_session(
    repository: *const rdiff_repository,
    time: *const c_char,
    session: *mut i64,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (time, out) = unsafe { (arg::text(time, "time")?, arg::out(session, "session")?) };
        let time = time.ok_or_else(|| Failure::argument("time is NULL"))?;
        let repo = handle::get(repository)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        let spec =
            TimeSpec::parse(&time, now, &Zone::system()).map_err(|e| Failure::argument(e.to_string()))?;
        let none =
            || Error::NoSuchSession { repository: repo.0.path().to_path_buf(), asked: Some(time.clone()) };
        out.set(spec.choose(&repo.0.sessions()?).ok_or_else(none)?.0);
        Ok(())
    })
}
