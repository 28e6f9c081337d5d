//! What a job tells while it works, and how it is stopped.

use crate::view::Text;
use rdiff_core::error::chain;
use rdiff_core::monitor::{Counter, Event, Monitor, PathDone, Phase};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a job tells. New events may come: leave those alone that you don't know.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_event {
    /// A session begins; `session` is its time.
    RDIFF_EVENT_SESSION = 0,
    /// The path `path` was dealt with; `done` says how.
    RDIFF_EVENT_PATH = 1,
    /// `path` could not be dealt with, and was left as it was; `message` says why.
    RDIFF_EVENT_PROBLEM = 2,
    /// `message` is something that the user should know.
    RDIFF_EVENT_WARNING = 3,
    /// `message` is something that the user may like to know.
    RDIFF_EVENT_NOTE = 4,
    /// A new part of the job begins; `message` is its name.
    RDIFF_EVENT_PHASE = 5,
}

/// What was done with a path. New words may come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_path_done {
    /// Nothing: the event is about no path.
    RDIFF_DONE_NOTHING = 0,
    /// It is new in the backup.
    RDIFF_DONE_ADDED = 1,
    /// It was changed in the backup.
    RDIFF_DONE_CHANGED = 2,
    /// It was removed.
    RDIFF_DONE_REMOVED = 3,
    /// It was as it should be.
    RDIFF_DONE_KEPT = 4,
    /// It was restored.
    RDIFF_DONE_RESTORED = 5,
    /// It was verified or compared.
    RDIFF_DONE_VERIFIED = 6,
}

/// What a progress callback is told. It is valid during the call only.
#[repr(C)]
pub struct rdiff_progress {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// What happened.
    pub event: rdiff_event,
    /// With RDIFF_EVENT_PATH: what was done.
    pub done: rdiff_path_done,
    /// The session of a backup, in seconds since 1970, or RDIFF_NO_SESSION.
    pub session: i64,
    /// The path, from the root of the tree, or NULL.
    pub path: *const c_char,
    /// The length of the path in bytes.
    pub path_len: usize,
    /// Text for a person, in one line, or NULL.
    pub message: *const c_char,
    /// Paths that were dealt with so far, unchanged ones included.
    pub paths: u64,
    /// Bytes read so far from the source or the repository.
    pub bytes_read: u64,
    /// Bytes written so far to a target.
    pub bytes_written: u64,
    /// Problems so far.
    pub problems: u64,
}

/// Called as a job works, on the thread that called the job, and never by two threads at once for one job. Return 0 to
/// go on, anything else to stop: the job then returns RDIFF_CANCELLED soon. It may call any function of the library, and
/// must return: no longjmp, no exception.
pub type rdiff_progress_fn =
    Option<unsafe extern "C" fn(progress: *const rdiff_progress, user: *mut c_void) -> c_int>;

/// The callback of a job as a monitor.
pub(crate) struct Callback {
    function: rdiff_progress_fn,
    user: User,
    stopped: AtomicBool,
    paths: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    problems: AtomicU64,
    session: std::sync::atomic::AtomicI64,
}

/// What the caller wants to have back.
#[derive(Clone, Copy)]
struct User(*mut c_void);

// SAFETY: it is only handed back to the callback, on the thread that called the job; a monitor must be `Send` and `Sync`
// for jobs that could do otherwise.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl Callback {
    pub(crate) fn new(function: rdiff_progress_fn, user: *mut c_void) -> Self {
        Self {
            function,
            user: User(user),
            stopped: AtomicBool::new(false),
            paths: AtomicU64::new(0),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            problems: AtomicU64::new(0),
            session: std::sync::atomic::AtomicI64::new(crate::RDIFF_NO_SESSION),
        }
    }

    /// For what is done too fast to be watched.
    pub(crate) fn nobody() -> Self {
        Self::new(None, std::ptr::null_mut())
    }

    fn tell(&self, event: rdiff_event, done: rdiff_path_done, path: Option<&[u8]>, message: Option<&str>) {
        let Some(function) = self.function else { return };
        let (path, message) = (path.map(Text::new), message.map(Text::new));
        let progress = rdiff_progress {
            version: 1,
            event,
            done,
            session: self.session.load(Ordering::Relaxed),
            path: Text::ptr_or_null(path.as_ref()),
            path_len: path.as_ref().map_or(0, Text::len),
            message: Text::ptr_or_null(message.as_ref()),
            paths: self.paths.load(Ordering::Relaxed),
            bytes_read: self.read.load(Ordering::Relaxed),
            bytes_written: self.written.load(Ordering::Relaxed),
            problems: self.problems.load(Ordering::Relaxed),
        };
        // SAFETY: the caller gave this function for this; what it is given lives until it returns.
        let answer = unsafe { function(&raw const progress, self.user.0) };
        if answer != 0 {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

impl Monitor for Callback {
    fn event(&self, event: &Event<'_>) {
        use rdiff_event::*;
        let nothing = rdiff_path_done::RDIFF_DONE_NOTHING;
        match event {
            Event::SessionStarted { time, .. } => {
                self.session.store(time.0, Ordering::Relaxed);
                self.tell(RDIFF_EVENT_SESSION, nothing, None, None);
            }
            Event::Path { path, what } => {
                self.tell(RDIFF_EVENT_PATH, done(*what), Some(path.as_bytes()), None);
            }
            Event::Problem(problem) => {
                self.problems.fetch_add(1, Ordering::Relaxed);
                let why = chain(&problem.source);
                self.tell(RDIFF_EVENT_PROBLEM, nothing, Some(problem.path.as_bytes()), Some(&why));
            }
            Event::Warning(text) => self.tell(RDIFF_EVENT_WARNING, nothing, None, Some(text)),
            Event::Note(text) => self.tell(RDIFF_EVENT_NOTE, nothing, None, Some(text)),
            Event::Phase(phase) => self.tell(RDIFF_EVENT_PHASE, nothing, None, Some(name(*phase))),
            _ => {}
        }
    }

    fn count(&self, counter: Counter, by: u64) {
        match counter {
            Counter::Paths => _ = self.paths.fetch_add(by, Ordering::Relaxed),
            Counter::BytesRead => _ = self.read.fetch_add(by, Ordering::Relaxed),
            Counter::BytesWritten => _ = self.written.fetch_add(by, Ordering::Relaxed),
            _ => {}
        }
    }

    fn cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn done(what: PathDone) -> rdiff_path_done {
    match what {
        PathDone::Added => rdiff_path_done::RDIFF_DONE_ADDED,
        PathDone::Changed => rdiff_path_done::RDIFF_DONE_CHANGED,
        PathDone::Removed => rdiff_path_done::RDIFF_DONE_REMOVED,
        PathDone::Kept => rdiff_path_done::RDIFF_DONE_KEPT,
        PathDone::Restored => rdiff_path_done::RDIFF_DONE_RESTORED,
        PathDone::Verified => rdiff_path_done::RDIFF_DONE_VERIFIED,
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Regressing => "regressing",
        Phase::Comparing => "comparing",
        Phase::Applying => "applying",
        Phase::Finishing => "finishing",
    }
}
