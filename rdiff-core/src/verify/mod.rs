//! Verifying: is the content of every file, at one session or at all of them, what was backed up?
//!
//! Sessions are taken in batches, each from its newest to its oldest, and each file of metadata is read
//! once for its batch. Of a file that fits in memory each delta is applied to what the one before it gave, so
//! mirror file and deltas are read once; larger files are composed anew for each version.
//!
//! Of the newest session no increment is needed: `newest` reads the mirror.
//!
//! Extended attributes and access control lists have no digests. That they can be read is found out last: `sides`.
//!
//! `report` is what is found, `plan` says what is read for a path and how, `work` reads it and compares; `groups` knows the
//! digests of files with several names, `budget` how much all threads hold in memory.

mod budget;
mod groups;
mod newest;
mod plan;
mod report;
mod sides;
mod work;

use crate::error::{Error, Result};
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::path::RepoPathBuf;
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::Repository;
use crate::repo::groups::Groups;
use crate::repo::history::Timeline;
use crate::repo::increments::Increments;
use crate::repo::metadata::Detail;
use crate::repo::put::BUFFER;
use crate::time::SessionTime;
use budget::Budget;
use groups::SpanGroups;
use plan::{Job, Planner, Version};
pub use report::{Bad, VerifyReport, VerifyRequest, Why};
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use work::{Tally, Worker};

/// Files up to this size, in bytes, count as small.
const SMALL: u64 = 8 << 20;

/// So many paths, or so much to read of them, in bytes, are one task.
const CHUNK: usize = 64;
const HEAVY: u64 = 4 << 20;

/// Checks the content of every regular file at a session, or at all of them. Nothing is written.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::verify::{Bad, VerifyReport, VerifyRequest, Why, verify};
///
/// let report: VerifyReport = verify(&repo, &VerifyRequest::default(), &Silent)?; // all sessions
/// assert!(report.is_good() && report.sessions == 2 && report.files == 2);
///
/// std::fs::write(repo.path().join("note"), "s_cond")?; // a disk forgets
/// let report = verify(&repo, &VerifyRequest::new(Some(repo.sessions()?[1])), &Silent)?;
/// let bad: &Bad = &report.bad[0];
/// assert!(matches!(bad.why, Why::Digest { .. }) && bad.path.to_string() == "note");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoSuchSession`] if no session is good; [`Error::Io`]; for one session also [`Error::Corrupt`] if its
/// metadata are damaged. Damaged content is no error: the report names it.
pub fn verify(
    repo: &Arc<Repository>,
    request: &VerifyRequest,
    monitor: &dyn Monitor,
) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    verify_into(repo, request, monitor, &mut report).map(|()| report)
}

/// The same, for who wants to know what was found also when the job ends early, by an error or because it was stopped.
///
/// ```
/// # use rdiff_core::monitor::{Event, Monitor};
/// # use rdiff_core::error::Error;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::verify::{VerifyReport, VerifyRequest, verify_into};
///
/// struct Impatient;
/// impl Monitor for Impatient {
///     fn event(&self, _: &Event<'_>) {}
///     fn cancelled(&self) -> bool {
///         true
///     }
/// }
/// let mut report = VerifyReport::default();
/// let ended = verify_into(&repo, &VerifyRequest::default(), &Impatient, &mut report);
/// assert!(matches!(ended, Err(Error::Cancelled { .. })) && report.is_good()); // as far as it came
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`verify`]; [`Error::Cancelled`].
pub fn verify_into(
    repo: &Arc<Repository>,
    request: &VerifyRequest,
    monitor: &dyn Monitor,
    report: &mut VerifyReport,
) -> Result<()> {
    Stop::watched(monitor, |stop| verify_until(stop, repo, request, monitor, report))
}

fn verify_until(
    stop: &Stop,
    repo: &Arc<Repository>,
    request: &VerifyRequest,
    monitor: &dyn Monitor,
    report: &mut VerifyReport,
) -> Result<()> {
    let interrupted = repo.failed_after()?;
    let sessions = repo.sessions()?;
    if sessions.is_empty() {
        return Err(Error::NoSuchSession { repository: repo.path().to_path_buf(), asked: None });
    }
    let workers = match request.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let pool = Arc::new(Pool::new(workers));
    let mut run = Run {
        repo,
        worker: Arc::new(Worker {
            repo: Arc::clone(repo),
            interrupted,
            in_memory: request.in_memory,
            budget: Budget::new(request.in_memory.saturating_mul(2)),
            stop: stop.clone(),
            helpers: pool.helpers(),
        }),
        pool,
        monitor,
        report,
    };
    match request.at {
        Some(at) => {
            let at = repo.session_at(at)?;
            run.one(at, sessions.last().copied(), &request.subtree)?;
            run.sides(&[at])
        }
        None => {
            // Each needs one open file, and the others need some too.
            let most = crate::tree::most_open_files() / 4;
            run.all(&sessions, &request.subtree, request.batch.min(most).max(1))?;
            run.sides(&sessions)
        }
    }
}

struct Run<'a> {
    repo: &'a Arc<Repository>,
    worker: Arc<Worker>,
    pool: Arc<Pool>,
    monitor: &'a dyn Monitor,
    report: &'a mut VerifyReport,
}

impl Run<'_> {
    fn one(&mut self, at: SessionTime, newest: Option<SessionTime>, subtree: &RepoPathBuf) -> Result<()> {
        self.report.sessions = 1;
        if newest == Some(at) && self.worker.interrupted.is_none() {
            let records = self.repo.entries_at(at, subtree.as_path())?;
            let worker = Arc::clone(&self.worker);
            let chunks = newest::chunks(&self.worker, records, CHUNK, HEAVY);
            return self.work_on(chunks, move |files, buf| worker.check_newest(files, at, buf));
        }
        let records = self.repo.metadata_at(at, subtree.as_path(), Detail::Records)?;
        let mut increments = Increments::new(self.repo);
        let mut groups = Groups::default();
        let worker = Arc::clone(&self.worker);
        let jobs = ahead(records, 256, 4).filter_map(|recorded| {
            let entry = match worker.go_on().and(recorded) {
                Ok(recorded) => recorded.entry,
                Err(e) => return Some(Err(e)),
            };
            let digest = groups.digest(entry.file()?);
            let version = Version { session: at, entry: Arc::new(entry), digest, counts: true };
            Some(Job::composed(vec![version], &mut increments))
        });
        self.work(jobs)
    }

    /// The batches go from new to old. Each begins with the session that the one before ended with, since a
    /// file without increments in between is at all its sessions what it was there.
    fn all(&mut self, sessions: &[SessionTime], subtree: &RepoPathBuf, batch: usize) -> Result<()> {
        self.report.sessions = sessions.len() as u64;
        let mut end = sessions.len();
        while end > 0 {
            let start = end.saturating_sub(batch);
            let known = end < sessions.len();
            let some = &sessions[start..sessions.len().min(end + usize::from(known))];
            self.batch(some, known, subtree)?;
            end = start;
        }
        Ok(())
    }

    fn batch(&mut self, sessions: &[SessionTime], known: bool, subtree: &RepoPathBuf) -> Result<()> {
        let timeline = self.repo.timeline(sessions, subtree.as_path())?;
        let border = known.then(|| sessions.last().copied()).flatten();
        let bad_before = match border {
            Some(t) => self.report.bad.iter().filter(|b| b.session == t).map(|b| b.path.clone()).collect(),
            None => HashSet::new(),
        };
        let all_known = self.report.bad_files as usize == self.report.bad.len();
        let timeline = RefCell::new(timeline);
        let mut planner = Planner {
            increments: Increments::new(self.repo),
            sessions,
            in_memory: self.worker.in_memory,
            border,
            bad_before: all_known.then_some(bad_before),
            groups: SpanGroups::default(),
        };
        let lifelines = std::iter::from_fn(|| timeline.borrow_mut().next());
        let worker = Arc::clone(&self.worker);
        let jobs = lifelines
            .filter_map(|lifeline| worker.go_on().and_then(|()| planner.plan(&lifeline)).transpose());
        self.work(jobs)?;
        for damaged in Timeline::damaged(&timeline.borrow()) {
            if Some(damaged.session) != border {
                self.report.damaged.push(damaged.clone());
            }
        }
        Ok(())
    }

    fn work(&mut self, jobs: impl Iterator<Item = Result<Job>>) -> Result<()> {
        let worker = Arc::clone(&self.worker);
        self.work_on(Chunks::new(jobs, CHUNK, HEAVY, Job::weight), move |jobs, buf| {
            (jobs.iter().filter_map(|job| worker.run(job, buf)).collect(), None)
        })
    }

    /// Has chunks worked on by the pool, and takes what is found.
    fn work_on<T: Send + 'static>(
        &mut self,
        chunks: impl Iterator<Item = (Vec<T>, Option<Error>)>,
        check: impl Fn(Vec<T>, &mut [u8]) -> (Vec<Tally>, Option<Error>) + Send + Sync + 'static,
    ) -> Result<()> {
        let window = 2 * self.pool.workers();
        let results = self.pool.map_ordered(chunks, window, move |(items, error)| {
            let (tallies, failed) = check(items, &mut vec![0; BUFFER]);
            (tallies, failed.or(error))
        });
        for (tallies, error) in results {
            let at = tallies.last().map(|tally| tally.path.clone());
            for tally in tallies {
                let told = self.worker.stop.told(tally.path.as_path());
                self.report.take(tally, told, self.monitor);
            }
            self.worker.go_on()?;
            if let Some(e) = error {
                return Err(e);
            }
            if self.worker.stop.ask(self.monitor) {
                return Err(Error::Cancelled { at });
            }
        }
        Ok(())
    }
}

impl VerifyReport {
    fn take(&mut self, tally: Tally, told: u64, monitor: &dyn Monitor) {
        self.files += tally.files;
        self.bytes += tally.bytes;
        self.no_digest += tally.no_digest;
        self.bad_files += tally.bad.len() as u64;
        monitor.count(Counter::Paths, 1);
        monitor.count(Counter::BytesRead, tally.bytes.saturating_sub(told));
        monitor.count(Counter::Problems, tally.bad.len() as u64);
        if tally.bad.is_empty() {
            monitor.event(&Event::Path { path: tally.path.as_path(), what: PathDone::Verified });
        }
        let room = Self::MOST.saturating_sub(self.bad.len());
        self.bad.extend(tally.bad.into_iter().take(room));
    }
}
