//! What a job tells while it works, and how it is stopped.

use crate::desk::{self, Desk};
use crate::view::{Text, View};
use rdiff_core::error::chain;
use rdiff_core::monitor::{Counter, Event, Monitor, PathDone, Phase};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

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
    /// Nothing happened for a tenth of a second or so: a large file is being worked on, or the disk is waited for.
    RDIFF_EVENT_TICK = 6,
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

/// Called as a job works, on the thread that called the job, and never by two threads at once for one job: for what
/// happens, and some times a second when nothing does, so also in the midst of a large file. Return 0 to go on, anything
/// else to stop: the job then returns RDIFF_CANCELLED soon. It may call any function of the library, and must return:
/// no longjmp, no exception.
pub type rdiff_progress_fn =
    Option<unsafe extern "C" fn(progress: *const rdiff_progress, user: *mut c_void) -> c_int>;

/// What a job tells, as a monitor: it counts, and has the callback called, if there is one, where that may be called.
pub(crate) struct Teller<'a> {
    counts: &'a Counts,
    desk: Option<Desk<Vec<Said>>>,
    /// Paths that were dealt with, not told yet. To go to the desk for each costs more than to deal with some.
    waiting: Mutex<Vec<Said>>,
}

/// What the thread of a job says to that of its caller.
enum Said {
    Told(Told),
    Call(Box<dyn FnOnce() + Send>),
}

/// What was counted so far.
#[derive(Default)]
struct Counts {
    stopped: AtomicBool,
    paths: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    problems: AtomicU64,
    /// Nothing until one begins.
    session: OnceLock<i64>,
}

/// What happened, on its way to the callback, with its numbers.
struct Told {
    progress: View<rdiff_progress>,
    _path: Option<Text>,
    _message: Option<Text>,
}

impl Counts {
    fn told(
        &self,
        event: rdiff_event,
        done: rdiff_path_done,
        path: Option<&[u8]>,
        message: Option<&str>,
    ) -> Told {
        let (path, message) = (path.map(Text::new), message.map(Text::new));
        let progress = View(rdiff_progress {
            version: 1,
            event,
            done,
            session: self.session.get().copied().unwrap_or(crate::RDIFF_NO_SESSION),
            path: Text::ptr_or_null(path.as_ref()),
            path_len: path.as_ref().map_or(0, Text::len),
            message: Text::ptr_or_null(message.as_ref()),
            paths: self.paths.load(Ordering::Relaxed),
            bytes_read: self.read.load(Ordering::Relaxed),
            bytes_written: self.written.load(Ordering::Relaxed),
            problems: self.problems.load(Ordering::Relaxed),
        });
        Told { progress, _path: path, _message: message }
    }
}

/// The callback of a job, on the thread that called it.
pub(crate) struct Callback {
    function: rdiff_progress_fn,
    user: *mut c_void,
}

impl Callback {
    pub(crate) fn new(function: rdiff_progress_fn, user: *mut c_void) -> Self {
        Self { function, user }
    }

    /// Runs a job. If somebody is to be told it gets a thread of its own, and the callback is called on this one meanwhile.
    pub(crate) fn watch<T: Send>(&self, job: impl FnOnce(&Teller<'_>) -> T + Send) -> T {
        let counts = Counts::default();
        let Some(function) = self.function else { return job(&Teller::new(&counts, None)) };
        let tell = |told: &Told| {
            // SAFETY: the caller gave this function for this; what it is given lives until it returns.
            let answer = unsafe { function(&raw const told.progress.0, self.user) };
            if answer != 0 {
                counts.stopped.store(true, Ordering::Relaxed);
            }
        };
        let work = |desk| {
            let teller = Teller::new(&counts, desk);
            let done = job(&teller);
            teller.flush();
            done
        };
        let hear = |said: Option<Vec<Said>>| match said {
            Some(all) => all.into_iter().for_each(|said| match said {
                Said::Told(told) => tell(&told),
                Said::Call(call) => call(),
            }),
            None => {
                let nothing = rdiff_path_done::RDIFF_DONE_NOTHING;
                tell(&counts.told(rdiff_event::RDIFF_EVENT_TICK, nothing, None, None));
            }
        };
        desk::run(work, hear)
    }
}

impl<'a> Teller<'a> {
    /// How many paths wait at most to be told.
    const MOST: usize = 64;

    fn new(counts: &'a Counts, desk: Option<Desk<Vec<Said>>>) -> Self {
        Self { counts, desk, waiting: Mutex::default() }
    }

    fn tell(&self, event: rdiff_event, done: rdiff_path_done, path: Option<&[u8]>, message: Option<&str>) {
        if self.desk.is_some() {
            let can_wait = event == rdiff_event::RDIFF_EVENT_PATH;
            self.say(Said::Told(self.counts.told(event, done, path, message)), can_wait);
        }
    }

    /// Makes another call to C, on the thread that called the job.
    pub(crate) fn call(&self, call: impl FnOnce() + Send + 'static) {
        match &self.desk {
            Some(_) => self.say(Said::Call(Box::new(call)), true),
            None => call(),
        }
    }

    fn say(&self, said: Said, can_wait: bool) {
        let mut waiting = self.waiting();
        waiting.push(said);
        if !can_wait || waiting.len() >= Self::MOST {
            self.bring(waiting);
        }
    }

    /// Returns when all was told.
    fn flush(&self) {
        let waiting = self.waiting();
        if !waiting.is_empty() {
            self.bring(waiting);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Said>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What others have to say waits until this was heard, so all comes in its order.
    fn bring(&self, mut waiting: MutexGuard<'_, Vec<Said>>) {
        if let Some(desk) = &self.desk {
            desk.say(std::mem::take(&mut *waiting));
        }
    }
}

/// What the caller wants to have back.
#[derive(Clone, Copy)]
pub(crate) struct User(pub(crate) *mut c_void);

// SAFETY: it is only handed back to a callback, on the thread that called the job; on the way there it is not followed.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl Monitor for Teller<'_> {
    fn event(&self, event: &Event<'_>) {
        use rdiff_event::*;
        let nothing = rdiff_path_done::RDIFF_DONE_NOTHING;
        match event {
            Event::SessionStarted { time, .. } => {
                self.counts.session.get_or_init(|| time.0);
                self.tell(RDIFF_EVENT_SESSION, nothing, None, None);
            }
            Event::Path { path, what } => {
                self.tell(RDIFF_EVENT_PATH, done(*what), Some(path.as_bytes()), None);
            }
            Event::Problem(problem) => {
                self.counts.problems.fetch_add(1, Ordering::Relaxed);
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
            Counter::Paths => _ = self.counts.paths.fetch_add(by, Ordering::Relaxed),
            Counter::BytesRead => _ = self.counts.read.fetch_add(by, Ordering::Relaxed),
            Counter::BytesWritten => _ = self.counts.written.fetch_add(by, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Asked between paths, or chunks of them, and ten times a second: all that was done is told before the answer.
    fn cancelled(&self) -> bool {
        self.flush();
        self.counts.stopped.load(Ordering::Relaxed)
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
