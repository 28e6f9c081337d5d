//! How a job tells what it does, and asks whether to go on.
//!
//! ```
//! use rdiff_core::monitor::{Counter, Event, Monitor, PathDone, Phase, Recorder, Silent};
//! use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
//!
//! /// Counts bytes, prints what matters, and stops when it is told to.
//! #[derive(Default)]
//! struct Watch {
//!     bytes: AtomicU64,
//!     stop: AtomicBool,
//! }
//!
//! impl Monitor for Watch {
//!     fn event(&self, event: &Event<'_>) {
//!         match event {
//!             Event::Path { path, what: PathDone::Changed } => println!("changed: {path}"),
//!             Event::Problem(problem) => eprintln!("{}: {}", problem.path, problem.source),
//!             Event::Phase(Phase::Finishing) => println!("nearly done"),
//!             _ => {} // there may be more one day
//!         }
//!     }
//!
//!     fn count(&self, counter: Counter, by: u64) {
//!         if counter == Counter::BytesRead {
//!             self.bytes.fetch_add(by, Ordering::Relaxed);
//!         }
//!     }
//!
//!     fn cancelled(&self) -> bool {
//!         self.stop.load(Ordering::Relaxed) // the job ends with Error::Cancelled, in the midst of a file if need be
//!     }
//! }
//!
//! let watch = Watch::default();
//! watch.count(Counter::BytesRead, 100);
//! assert_eq!(watch.bytes.into_inner(), 100);
//!
//! let recorder = Recorder::default(); // for tests
//! recorder.event(&Event::Warning("mind the gap"));
//! assert_eq!(recorder.lines(), [r#"Warning("mind the gap")"#]);
//! Silent.event(&Event::Note("nobody hears it"));
//! ```

use crate::error::{Error, Problem, Result};
use crate::path::{RepoPath, RepoPathBuf};
use crate::time::SessionTime;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Watches a job. All methods may be called from several threads.
pub trait Monitor: Sync + Send {
    /// Something happened.
    fn event(&self, event: &Event<'_>);

    /// Work was done. Of a large file this is heard while it is worked on, from a thread that does nothing else.
    fn count(&self, counter: Counter, by: u64) {
        let _ = (counter, by);
    }

    /// Should the job stop? Asked between paths, and some times a second by a thread that does nothing else, so
    /// that a job stops in the midst of a large file too.
    fn cancelled(&self) -> bool {
        false
    }
}

/// What happens in a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A session begins. `previous` is the one before it, if there is one.
    SessionStarted {
        /// The new session.
        time: SessionTime,
        /// The last good one.
        previous: Option<SessionTime>,
    },
    /// A path was dealt with.
    Path {
        /// Which.
        path: RepoPath<'a>,
        /// How.
        what: PathDone,
    },
    /// A path of the source was left as it was.
    Problem(&'a Problem),
    /// Something the user should know, in one line.
    Warning(&'a str),
    /// Something the user may like to know, in one line.
    Note(&'a str),
    /// A new part of the job begins.
    Phase(Phase),
}

/// What was done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the names say it")]
pub enum PathDone {
    Added,
    Changed,
    Removed,
    Kept,
    Restored,
    Verified,
}

/// The parts of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Phase {
    Regressing,
    Comparing,
    Applying,
    Finishing,
}

/// What can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Counter {
    Paths,
    BytesRead,
    BytesWritten,
    Increments,
    Problems,
    Barriers,
}

/// Whether a job is to stop, and how far it is in a large file: for the loops of its workers, who have no monitor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_set: AtomicBool,
    /// In the content of which path that was noticed first.
    at: OnceLock<RepoPathBuf>,
    /// The large files that are worked on, or were and are not recorded yet: a few.
    in_midst: Mutex<Vec<InMidst>>,
    is_in_midst: AtomicBool,
}

/// How far the work on a file is.
#[derive(Debug)]
struct InMidst {
    path: RepoPathBuf,
    counter: Counter,
    /// In bytes, and so many of them the monitor has heard of.
    reached: u64,
    told: u64,
}

impl Stop {
    /// How long a monitor may have said that the job is to stop before its workers know, and how often it hears of large files.
    const EVERY: Duration = Duration::from_millis(100);
    /// Who watches hears of so many bytes of a file, before it is done.
    pub(crate) const STRIDE: u64 = 4 << 20;

    /// Runs a job, and meanwhile asks the monitor whether it is to stop. What the job fails with after that is
    /// [`Error::Cancelled`], but for a full disk: there is something to be done about that. All workers must have ended when
    /// the job returns, so that the one that was in the midst of a file has said so.
    pub(crate) fn watched<T>(monitor: &dyn Monitor, job: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let (stop, is_over) = (Self::default(), AtomicBool::new(false));
        // One that was told to stop before it began does so at the first place, however fast it is.
        stop.ask(monitor);
        let done = std::thread::scope(|scope| {
            let watch = || {
                while !is_over.load(Ordering::Acquire) && !stop.ask(monitor) {
                    stop.tell(monitor);
                    std::thread::park_timeout(Self::EVERY);
                }
            };
            // Where there can't be another thread, the job is asked between paths alone.
            let watcher = std::thread::Builder::new().name("watch".to_owned()).spawn_scoped(scope, watch);
            let over = Over { is_over: &is_over, watcher: watcher.as_ref().ok().map(|w| w.thread()) };
            let done = job(&stop);
            drop(over);
            done
        });
        match done {
            Err(e) if stop.is_set() && !e.is_no_room() => {
                let between = if let Error::Cancelled { at } = e { at } else { None };
                Err(Error::Cancelled { at: stop.0.at.get().cloned().or(between) })
            }
            done => done,
        }
    }

    /// Is the job to stop, as far as is known?
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::Acquire)
    }

    /// The same, asking the monitor.
    pub(crate) fn ask(&self, monitor: &dyn Monitor) -> bool {
        if !self.is_set() && monitor.cancelled() {
            self.0.is_set.store(true, Ordering::Release);
        }
        self.is_set()
    }

    /// An error if the job is to stop, which it then does at this path.
    pub(crate) fn check(&self, at: RepoPath<'_>) -> io::Result<()> {
        if !self.is_set() {
            return Ok(());
        }
        self.0.at.get_or_init(|| at.to_owned());
        Err(io::Error::other("the job was stopped"))
    }

    /// A reader of the content of a path that fails when the job is to stop.
    pub(crate) fn over<'s, R>(&'s self, at: RepoPath<'s>, reader: R) -> Stoppable<'s, R> {
        Stoppable { reader, stop: self, at, telling: None }
    }

    /// Notes how far the work on a file is, in bytes. Again from its beginning adds nothing.
    pub(crate) fn reached(&self, at: RepoPath<'_>, counter: Counter, bytes: u64) {
        let mut in_midst = self.in_midst();
        match in_midst.iter_mut().find(|file| file.path.as_path() == at) {
            Some(file) => file.reached = file.reached.max(bytes),
            None => in_midst.push(InMidst { path: at.to_owned(), counter, reached: bytes, told: 0 }),
        }
        self.0.is_in_midst.store(true, Ordering::Release);
    }

    /// A file is done: so many bytes of it the monitor has heard of.
    pub(crate) fn told(&self, at: RepoPath<'_>) -> u64 {
        if !self.0.is_in_midst.load(Ordering::Acquire) {
            return 0;
        }
        let mut in_midst = self.in_midst();
        let found = in_midst.iter().position(|file| file.path.as_path() == at);
        let told = found.map_or(0, |i| in_midst.swap_remove(i).told);
        self.0.is_in_midst.store(!in_midst.is_empty(), Ordering::Release);
        told
    }

    /// Tells the monitor of what was reached.
    fn tell(&self, monitor: &dyn Monitor) {
        if !self.0.is_in_midst.load(Ordering::Acquire) {
            return;
        }
        let more = |file: &mut InMidst| {
            (file.counter, file.reached - std::mem::replace(&mut file.told, file.reached))
        };
        let counts: Vec<_> = self.in_midst().iter_mut().map(more).collect();
        counts.into_iter().filter(|(_, by)| *by > 0).for_each(|(counter, by)| monitor.count(counter, by));
    }

    fn in_midst(&self) -> MutexGuard<'_, Vec<InMidst>> {
        self.0.in_midst.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the watcher that the job is over, also when that panics.
struct Over<'a> {
    is_over: &'a AtomicBool,
    watcher: Option<&'a std::thread::Thread>,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(watcher) = self.watcher {
            watcher.unpark();
        }
    }
}

/// What [`Stop::over`] returns.
pub(crate) struct Stoppable<'s, R> {
    pub(crate) reader: R,
    stop: &'s Stop,
    at: RepoPath<'s>,
    telling: Option<Telling>,
}

/// What is told of a reader.
struct Telling {
    counter: Counter,
    read: u64,
    noted: u64,
}

impl<R> Stoppable<'_, R> {
    /// The same, that says how much of the file was read: for who calls [`Stop::told`] when it is done.
    pub(crate) fn telling(self, counter: Counter) -> Self {
        Self { telling: Some(Telling { counter, read: 0, noted: 0 }), ..self }
    }

    /// An error if the job is to stop.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.stop.check(self.at)
    }
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let n = self.reader.read(buf)?;
        if let Some(telling) = &mut self.telling {
            telling.read += n as u64;
            if telling.read - telling.noted >= Stop::STRIDE {
                telling.noted = telling.read;
                self.stop.reached(self.at, telling.counter, telling.read);
            }
        }
        Ok(n)
    }
}

/// Says nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Monitor for Silent {
    fn event(&self, _: &Event<'_>) {}
}

/// Remembers everything, for tests and for callers that look afterwards.
#[derive(Debug, Default)]
pub struct Recorder {
    lines: Mutex<Vec<String>>,
    counts: Mutex<Vec<(Counter, u64)>>,
}

impl Recorder {
    /// Every event so far, as text.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().map(|l| l.clone()).unwrap_or_default()
    }

    /// How often something was counted.
    pub fn get(&self, counter: Counter) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.iter().find(|(c, _)| *c == counter).map_or(0, |(_, n)| *n)
    }
}

impl Monitor for Recorder {
    fn event(&self, event: &Event<'_>) {
        if let Event::Problem(_) = event {
            self.count(Counter::Problems, 1);
        }
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(format!("{event:?}"));
    }

    fn count(&self, counter: Counter, by: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match counts.iter_mut().find(|(c, _)| *c == counter) {
            Some((_, n)) => *n += by,
            None => counts.push((counter, by)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_large_file_is_heard_of_before_it_is_done() {
        let (recorder, large) = (Recorder::default(), RepoPath::new(b"large").unwrap());
        let small = RepoPath::new(b"small").unwrap();
        let heard = || recorder.get(Counter::BytesWritten);
        let read = |stop: &Stop, path, bytes| {
            let mut reader = stop.over(path, io::repeat(7).take(bytes)).telling(Counter::BytesWritten);
            io::copy(&mut reader, &mut io::sink()).unwrap();
        };
        Stop::watched(&recorder, |stop| {
            read(stop, small, Stop::STRIDE - 1);
            read(stop, large, 3 * Stop::STRIDE + 5);
            let begun = Instant::now();
            while heard() < 3 * Stop::STRIDE && begun.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Again, because it had changed: that is no news.
            read(stop, large, 2 * Stop::STRIDE);
            assert_eq!((stop.told(small), stop.told(large)), (0, 3 * Stop::STRIDE));
            assert_eq!(stop.told(large), 0);
            Ok(())
        })
        .unwrap();
        assert_eq!(heard(), 3 * Stop::STRIDE);
    }
}
