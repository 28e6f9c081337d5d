//! Verifying: is the content of every file, at one session or at all of them, what was backed up?
//!
//! Sessions are taken in batches, each from its newest to its oldest, and each file of metadata is read
//! once for its batch. Of a file that fits in memory each delta is applied to what the one before it gave, so
//! mirror file and deltas are read once; larger files are composed anew for each version.

mod budget;

use crate::compare::{Groups, hash};
use crate::delta;
use crate::entry::{Digest, Entry};
use crate::error::{Error, Result, chain as in_words};
use crate::format::names::IncrementKind;
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::path::RepoPathBuf;
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::Repository;
use crate::repo::history::{Damaged, Lifeline, Timeline};
use crate::repo::increments::{Chain, Increment, Increments, MOST_WAYS, read_out};
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Detail;
use crate::repo::put::{BUFFER, digest_of};
use crate::time::{SessionTime, TimeSpec};
use budget::Budget;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// Files up to this size, in bytes, count as small.
const SMALL: u64 = 8 << 20;

/// What to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct VerifyRequest {
    /// One session, the newest that is not later; nothing for all.
    pub at: Option<TimeSpec>,
    /// What of it; the root for everything.
    pub subtree: RepoPathBuf,
    /// Threads; 0 for as many as there are cores.
    pub workers: usize,
    /// So many sessions are joined at once when all are verified: each needs one open file and about 100 KiB.
    pub batch: usize,
    /// Files up to this size, in bytes, are verified in memory when all sessions are, and each of their deltas is
    /// read once. All threads together use up to twice as much.
    pub in_memory: u64,
}

impl VerifyRequest {
    /// Everything at one session, or, with nothing, at all sessions.
    pub fn new(at: Option<SessionTime>) -> Self {
        Self {
            at: at.map(TimeSpec::from),
            subtree: RepoPathBuf::default(),
            workers: 0,
            batch: 128,
            in_memory: 128 << 20,
        }
    }
}

impl Default for VerifyRequest {
    /// Everything at all sessions.
    fn default() -> Self {
        Self::new(None)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VerifyReport {
    /// Sessions that were looked at.
    pub sessions: u64,
    /// Files that were checked: each counts once for each session that has it.
    pub files: u64,
    /// Bytes that were rebuilt for that.
    pub bytes: u64,
    /// Of the files, those without a recorded digest. Only their size could be checked.
    pub no_digest: u64,
    /// Of the files, those that are not what was backed up.
    pub bad_files: u64,
    /// These files, in no useful order; the first [`VerifyReport::MOST`] of them.
    pub bad: Vec<Bad>,
    /// Sessions whose metadata are damaged, so that not all their files could be checked.
    pub damaged: Vec<Damaged>,
}

impl VerifyReport {
    /// So many bad files are listed.
    pub const MOST: usize = 10_000;

    /// Is everything what was backed up, as far as there are digests?
    pub fn is_good(&self) -> bool {
        self.bad_files == 0 && self.damaged.is_empty()
    }
}

/// A file that is not what was backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bad {
    /// Which.
    pub path: RepoPathBuf,
    /// At which session.
    pub session: SessionTime,
    /// What is wrong.
    pub why: Why,
    /// The files of the repository that its content is made from, the whole one first. One of them is damaged.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::paths"))]
    pub files: Vec<PathBuf>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Why {
    /// Its digest is not the recorded one.
    Digest {
        /// What was recorded.
        recorded: Digest,
        /// What was found.
        found: Digest,
    },
    /// Its size in bytes is not the recorded one.
    Size {
        /// What was recorded.
        recorded: u64,
        /// What was found.
        found: u64,
    },
    /// It can't be rebuilt; the text says why.
    Lost(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::Digest { recorded, found } => {
                write!(f, "its SHA-1 is {}, {} was recorded", found.to_hex(), recorded.to_hex())
            }
            Why::Size { recorded, found } => {
                write!(f, "it has {found} bytes, {recorded} were recorded")
            }
            Why::Lost(why) => f.write_str(why),
        }
    }
}

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
    Stop::watched(monitor, |stop| verify_until(stop, repo, request, monitor))
}

fn verify_until(
    stop: &Stop,
    repo: &Arc<Repository>,
    request: &VerifyRequest,
    monitor: &dyn Monitor,
) -> Result<VerifyReport> {
    let interrupted = repo.failed_after()?;
    let sessions = repo.sessions()?;
    if sessions.is_empty() {
        return Err(Error::NoSuchSession { repository: repo.path().to_path_buf(), asked: None });
    }
    let workers = match request.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let mut run = Run {
        repo,
        worker: Arc::new(Worker {
            repo: Arc::clone(repo),
            interrupted,
            in_memory: request.in_memory,
            budget: Budget::new(2 * request.in_memory),
            stop: stop.clone(),
        }),
        pool: Arc::new(Pool::new(workers)),
        monitor,
        report: VerifyReport::default(),
    };
    match request.at {
        Some(at) => run.one(repo.session_at(at)?, &request.subtree)?,
        None => run.all(&sessions, &request.subtree, request.batch.max(1))?,
    }
    Ok(run.report)
}

struct Run<'a> {
    repo: &'a Arc<Repository>,
    worker: Arc<Worker>,
    pool: Arc<Pool>,
    monitor: &'a dyn Monitor,
    report: VerifyReport,
}

impl Run<'_> {
    fn one(&mut self, at: SessionTime, subtree: &RepoPathBuf) -> Result<()> {
        self.report.sessions = 1;
        let records = self.repo.metadata_at(at, subtree.as_path(), Detail::Records)?;
        let mut increments = Increments::new(self.repo);
        let mut groups = Groups::default();
        let jobs = ahead(records, 256, 4).filter_map(|recorded| {
            let entry = match recorded {
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
        let jobs = lifelines.filter_map(|lifeline| planner.plan(&lifeline).transpose());
        self.work(jobs)?;
        for damaged in Timeline::damaged(&timeline.borrow()) {
            if Some(damaged.session) != border {
                self.report.damaged.push(damaged.clone());
            }
        }
        Ok(())
    }

    fn work(&mut self, jobs: impl Iterator<Item = Result<Job>>) -> Result<()> {
        let chunks = Chunks::new(jobs, 64, 4 << 20, Job::weight);
        let worker = Arc::clone(&self.worker);
        let window = 2 * self.pool.workers();
        let results =
            self.pool.map_ordered(chunks, window, move |(jobs, error): (Vec<Job>, Option<Error>)| {
                let mut buf = vec![0; BUFFER];
                (jobs.into_iter().map(|job| worker.run(&job, &mut buf)).collect::<Vec<_>>(), error)
            });
        for (tallies, error) in results {
            if self.worker.stop.is_set() {
                return Err(Error::Cancelled);
            }
            for tally in tallies {
                self.report.take(tally, self.monitor);
            }
            if let Some(e) = error {
                return Err(e);
            }
            if self.worker.stop.ask(self.monitor) {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }
}

impl VerifyReport {
    fn take(&mut self, tally: Tally, monitor: &dyn Monitor) {
        self.files += tally.files;
        self.bytes += tally.bytes;
        self.no_digest += tally.no_digest;
        self.bad_files += tally.bad.len() as u64;
        monitor.count(Counter::Paths, 1);
        monitor.count(Counter::BytesRead, tally.bytes);
        monitor.count(Counter::Problems, tally.bad.len() as u64);
        if tally.bad.is_empty() {
            monitor.event(&Event::Path { path: tally.path.as_path(), what: PathDone::Verified });
        }
        let room = Self::MOST.saturating_sub(self.bad.len());
        self.bad.extend(tally.bad.into_iter().take(room));
    }
}

/// One path as it was at some sessions.
struct Job {
    /// Newest first.
    versions: Vec<Version>,
    how: How,
}

struct Version {
    session: SessionTime,
    entry: Arc<Entry>,
    digest: Option<Digest>,
    /// Is it to be reported? Not if the batch before did.
    counts: bool,
}

enum How {
    /// Nothing is to be read: it is what it was, and that was good.
    Known,
    /// From the first version on, in memory; the increments older than it, newest first.
    Stepwise(Chain, Vec<Increment>),
    /// Each for itself. Nothing stands for: as the version before.
    Composed(Vec<Option<Result<Chain, String>>>),
}

impl Job {
    fn weight(&self) -> u64 {
        let size = self.versions.iter().map(|v| v.entry.size()).max().unwrap_or(0);
        let times = match &self.how {
            How::Known => return 64,
            How::Stepwise(_, increments) => 1 + increments.len() as u64,
            How::Composed(chains) => chains.iter().flatten().count() as u64,
        };
        (16_384 + size).saturating_mul(times)
    }

    /// Every version rebuilt for itself, unless no increment lies between it and the one before.
    fn composed(versions: Vec<Version>, increments: &mut Increments<'_>) -> Result<Job> {
        let mut chains = Vec::with_capacity(versions.len());
        let mut newer: Option<&Version> = None;
        for version in &versions {
            let (entry, at) = (&*version.entry, version.session);
            let long = entry.long_name.as_ref();
            let of_path = increments.of(entry.path.as_path(), long)?;
            let same = newer.is_some_and(|newer| {
                newer.entry.long_name == entry.long_name
                    && !of_path.iter().any(|i| i.time >= at && i.time < newer.session)
            });
            newer = Some(version);
            chains.push(if same { None } else { Some(chain_of(increments, entry, at)?) });
        }
        Ok(Job { versions, how: How::Composed(chains) })
    }
}

/// The chain, or what is wrong with it.
fn chain_of(
    increments: &mut Increments<'_>,
    entry: &Entry,
    at: SessionTime,
) -> Result<Result<Chain, String>> {
    match increments.chain(entry, at) {
        Ok(chain) => Ok(Ok(chain)),
        Err(e @ Error::Corrupt { .. }) => Ok(Err(in_words(&e))),
        Err(e) => Err(e),
    }
}

struct Planner<'r> {
    increments: Increments<'r>,
    sessions: &'r [SessionTime],
    in_memory: u64,
    /// The last session, if the batch before has dealt with it.
    border: Option<SessionTime>,
    /// The bad files of that session, if all of them are known.
    bad_before: Option<HashSet<RepoPathBuf>>,
    groups: SpanGroups,
}

impl Planner<'_> {
    fn plan(&mut self, lifeline: &Lifeline) -> Result<Option<Job>> {
        let digests = self.groups.digests(lifeline);
        let files = lifeline.states.iter().zip(&digests).zip(self.sessions).rev();
        let versions: Vec<Version> = files
            .filter_map(|((state, digest), &session)| {
                let entry = state.as_ref().filter(|e| e.file().is_some())?;
                let counts = Some(session) != self.border;
                Some(Version { session, entry: Arc::clone(entry), digest: *digest, counts })
            })
            .collect();
        let Some(first) = versions.first() else { return Ok(None) };
        if !versions.iter().any(|v| v.counts) {
            return Ok(None);
        }
        let (newest, entry) = (first.session, Arc::clone(&first.entry));
        let oldest = versions.last().map_or(newest, |v| v.session);
        let one_name = versions.iter().all(|v| v.entry.long_name == entry.long_name);
        let of_path: Vec<Increment> = self
            .increments
            .of(entry.path.as_path(), entry.long_name.as_ref())?
            .iter()
            .rev()
            .filter(|i| i.time >= oldest && i.time < newest && i.kind != IncrementKind::Data)
            .cloned()
            .collect();
        let known = self.border == Some(newest)
            && one_name
            && of_path.is_empty()
            && self.bad_before.as_ref().is_some_and(|bad| !bad.contains(&lifeline.path))
            && versions.iter().all(|v| v.digest.is_some() && v.digest == first.digest);
        if known {
            return Ok(Some(Job { versions, how: How::Known }));
        }
        let small = one_name && versions.iter().all(|v| v.entry.size() <= self.in_memory);
        match chain_of(&mut self.increments, &entry, newest)? {
            Ok(chain) if small && versions.len() > 1 => {
                Ok(Some(Job { versions, how: How::Stepwise(chain, of_path) }))
            }
            _ => Job::composed(versions, &mut self.increments).map(Some),
        }
    }
}

/// The digests of groups of hard links over many sessions: in each, only the first member's record has one.
#[derive(Default)]
struct SpanGroups(HashMap<(u64, u64), Vec<Span>>);

/// A group at some sessions in a row.
struct Span {
    from: usize,
    to: usize,
    digest: Option<Digest>,
    /// Members still to come, each counted once for each session.
    left: u64,
}

impl SpanGroups {
    /// The digest of a file at each session, its own or its group's. To be asked for every path, in order.
    fn digests(&mut self, lifeline: &Lifeline) -> Vec<Option<Digest>> {
        let states = &lifeline.states;
        let mut digests = vec![None; states.len()];
        let mut from = 0;
        while from < states.len() {
            let same = |a: &Option<Arc<Entry>>, b: &Option<Arc<Entry>>| match (a, b) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (a, b) => a.is_none() && b.is_none(),
            };
            let to = (from..states.len()).find(|&i| !same(&states[from], &states[i])).unwrap_or(states.len());
            if let Some(file) = states[from].as_ref().and_then(|e| e.file()) {
                digests[from..to].fill(file.digest);
                if let Some(link) = file.link.filter(|l| l.count > 1) {
                    self.join(link.group(), link.count, file.digest, from, &mut digests[from..to]);
                }
            }
            from = to;
        }
        digests
    }

    /// Adds a member that a group has from one session on.
    fn join(
        &mut self,
        group: (u64, u64),
        count: u64,
        own: Option<Digest>,
        from: usize,
        digests: &mut [Option<Digest>],
    ) {
        let spans = self.0.entry(group).or_default();
        let mut fresh: Vec<Span> = Vec::new();
        for (i, digest) in digests.iter_mut().enumerate() {
            let at = from + i;
            if let Some(span) = spans.iter_mut().find(|s| s.from <= at && at < s.to) {
                *digest = own.or(span.digest);
                span.left = span.left.saturating_sub(1);
            } else if let Some(span) = fresh.last_mut().filter(|s| s.to == at) {
                span.to += 1;
                span.left += count - 1;
            } else {
                fresh.push(Span { from: at, to: at + 1, digest: own, left: count - 1 });
            }
        }
        spans.retain(|s| s.left > 0);
        spans.append(&mut fresh);
        if spans.is_empty() {
            self.0.remove(&group);
        }
    }
}

/// What was found of one path.
struct Tally {
    path: RepoPathBuf,
    files: u64,
    bytes: u64,
    no_digest: u64,
    bad: Vec<Bad>,
}

/// The content of a version and the files that it came from.
struct Rebuilt<T> {
    content: Result<T, String>,
    files: Vec<StoredPath>,
}

struct Worker {
    repo: Arc<Repository>,
    /// The last good session, if the one after it failed.
    interrupted: Option<SessionTime>,
    in_memory: u64,
    budget: Budget,
    stop: Stop,
}

impl Worker {
    fn run(&self, job: &Job, buf: &mut [u8]) -> Tally {
        let path = job.versions.first().map(|v| v.entry.path.clone()).unwrap_or_default();
        let mut tally = Tally { path, files: 0, bytes: 0, no_digest: 0, bad: Vec::new() };
        match &job.how {
            How::Known => tally.files = job.versions.iter().filter(|v| v.counts).count() as u64,
            How::Stepwise(chain, increments) => self.stepwise(&job.versions, chain, increments, &mut tally),
            How::Composed(chains) => self.composed(&job.versions, chains, buf, &mut tally),
        }
        tally
    }

    fn composed(
        &self,
        versions: &[Version],
        chains: &[Option<Result<Chain, String>>],
        buf: &mut [u8],
        tally: &mut Tally,
    ) {
        let mut found = Rebuilt { content: Err("nothing leads to it".to_owned()), files: Vec::new() };
        for (version, chain) in versions.iter().zip(chains) {
            match chain {
                None => {}
                Some(Err(why)) => found = Rebuilt { content: Err(why.clone()), files: Vec::new() },
                Some(Ok(chain)) => {
                    found = self.of_candidates(version, chain, |content| {
                        hash(&mut self.stop.over(content), buf).map(|found| (found, found))
                    });
                    tally.bytes += found.content.as_ref().map_or(0, |(_, length)| *length);
                }
            }
            self.check(version, &found, tally);
        }
    }

    /// Rebuilds a version. Where a failed session left two ways, the one that gives what was recorded.
    fn of_candidates<T>(
        &self,
        version: &Version,
        chain: &Chain,
        mut take: impl FnMut(Box<dyn Read>) -> std::io::Result<(T, (Digest, u64))>,
    ) -> Rebuilt<T> {
        let entry = &*version.entry;
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let mut first: Option<Rebuilt<T>> = None;
        let mut ways = chain.candidates(&mirror, self.interrupted);
        let mut next = 0;
        for _ in 0..MOST_WAYS {
            if next == ways.len() {
                match self.repo.ways_to(entry, version.session) {
                    Ok(now) if now != ways => (ways, next) = (now, 0),
                    _ => break,
                }
            }
            let Some(chain) = ways.get(next).cloned() else { break };
            next += 1;
            let files: Vec<StoredPath> = chain.files().cloned().collect();
            let content = match self.repo.open_chain_strictly(entry, &chain, version.session) {
                Err(e) => Err(in_words(&e)),
                Ok(content) => take(Box::new(content)).map_err(|e| match &files[..] {
                    [only] => format!("{}: {e}", self.repo.path_of(only).display()),
                    _ => e.to_string(),
                }),
            };
            let right = content.as_ref().is_ok_and(|(_, (digest, length))| {
                *length == entry.size() && version.digest.is_none_or(|d| d == *digest)
            });
            let rebuilt = Rebuilt { content: content.map(|(taken, _)| taken), files };
            if right {
                return rebuilt;
            }
            match &mut first {
                None => first = Some(rebuilt),
                Some(first) => {
                    let more = rebuilt.files.into_iter().filter(|f| !first.files.contains(f));
                    first.files.extend(more.collect::<Vec<_>>());
                }
            }
        }
        first.unwrap_or(Rebuilt { content: Err("nothing leads to it".to_owned()), files: Vec::new() })
    }

    fn stepwise(&self, versions: &[Version], chain: &Chain, increments: &[Increment], tally: &mut Tally) {
        let Some((newest, older)) = versions.split_first() else { return };
        // A version, and the one that is made from it.
        let largest = versions.iter().map(|v| v.entry.size()).max().unwrap_or(0);
        let _loan = self.budget.take(2 * largest);
        // Nothing that says it is small may unpack to much more.
        let limit = largest.max(SMALL).min(self.in_memory);
        let mut now = self.of_candidates(newest, chain, |content| {
            let mut bytes = Vec::new();
            self.stop.over(content).take(limit + 1).read_to_end(&mut bytes)?;
            let (digest, length) = (digest_of(&bytes), bytes.len() as u64);
            Ok((bytes, (digest, length)))
        });
        let mut found = summary(&now, tally);
        self.check(newest, &found, tally);
        let mut increments = increments.iter().peekable();
        for version in older {
            if self.stop.is_set() {
                return;
            }
            let mut changed = false;
            while let Some(increment) = increments.next_if(|i| i.time >= version.session) {
                self.step(&mut now, increment, limit);
                changed = true;
            }
            if changed {
                found = summary(&now, tally);
            }
            self.check(version, &found, tally);
        }
    }

    /// Goes back by one increment, to a content of at most `limit` bytes.
    fn step(&self, now: &mut Rebuilt<Vec<u8>>, increment: &Increment, limit: u64) {
        let shown = || self.repo.path_of(&increment.place).display().to_string();
        if increment.kind != IncrementKind::Diff {
            now.files.clear();
        }
        now.files.push(increment.place.clone());
        let open = || self.repo.open_increment(increment).map_err(|e| in_words(&e));
        now.content = match (increment.kind, &now.content) {
            (IncrementKind::Diff, Ok(basis)) => open().and_then(|mut delta| {
                let mut out = Vec::with_capacity(basis.len());
                delta::apply(basis, basis.len() as u64, &mut delta, limit, &mut out)
                    .map_err(|e| format!("{}: {}", shown(), in_words(&e)))?;
                read_out(&mut delta).map_err(|e| format!("{}: {e}", shown()))?;
                Ok(out)
            }),
            (IncrementKind::Diff, Err(why)) => Err(why.clone()),
            (IncrementKind::Snapshot, _) => open().and_then(|content| {
                let mut bytes = Vec::new();
                content.take(limit + 1).read_to_end(&mut bytes).map_err(|e| format!("{}: {e}", shown()))?;
                Ok(bytes)
            }),
            _ => Err(format!("{} says that it was no file, metadata say that it was", shown())),
        };
    }

    /// Checks a version against its record.
    fn check(&self, version: &Version, found: &Rebuilt<(Digest, u64)>, tally: &mut Tally) {
        if !version.counts {
            return;
        }
        tally.files += 1;
        tally.no_digest += u64::from(version.digest.is_none());
        let size = version.entry.size();
        let why = match (&found.content, version.digest) {
            (Err(why), _) => Why::Lost(why.clone()),
            (Ok((found, _)), Some(recorded)) if *found != recorded => Why::Digest { recorded, found: *found },
            (Ok((_, found)), _) if *found != size => Why::Size { recorded: size, found: *found },
            _ => return,
        };
        tally.bad.push(Bad {
            path: version.entry.path.clone(),
            session: version.session,
            why,
            files: found.files.iter().map(|f| self.repo.path_of(f)).collect(),
        });
    }
}

/// Digest and length of a content in memory.
fn summary(now: &Rebuilt<Vec<u8>>, tally: &mut Tally) -> Rebuilt<(Digest, u64)> {
    let content = now.content.as_ref().map(|bytes| (digest_of(bytes), bytes.len() as u64));
    tally.bytes += now.content.as_ref().map_or(0, |bytes| bytes.len() as u64);
    Rebuilt { content: content.map_err(Clone::clone), files: now.files.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attrs, File, Kind, Link};

    fn linked(path: &str, count: u64, digest: Option<u8>) -> Option<Arc<Entry>> {
        let link = Some(Link { count, inode: 7, device: 1 });
        let kind = Kind::File(File { size: 1, digest: digest.map(|d| Digest([d; 20])), link });
        Some(Arc::new(Entry::new(RepoPathBuf::new(path).unwrap(), kind, Attrs::default())))
    }

    fn digests(groups: &mut SpanGroups, path: &str, states: Vec<Option<Arc<Entry>>>) -> Vec<Option<u8>> {
        let lifeline = Lifeline { path: RepoPathBuf::new(path).unwrap(), states };
        groups.digests(&lifeline).iter().map(|d| d.map(|d| d.0[0])).collect()
    }

    #[test]
    fn each_session_has_its_own_groups() {
        let mut groups = SpanGroups::default();
        // the first name has other content from the third session on, and goes with the last
        let (old, new) = (linked("a", 2, Some(1)), linked("a", 2, Some(2)));
        let first = vec![old.clone(), old, new.clone(), new, None];
        assert_eq!(digests(&mut groups, "a", first), [Some(1), Some(1), Some(2), Some(2), None]);
        // the second name is then the first, of a group with a third
        let (later, alone) = (linked("b", 2, None), linked("b", 2, Some(3)));
        let second = vec![None, later.clone(), later.clone(), later, alone];
        assert_eq!(digests(&mut groups, "b", second), [None, Some(1), Some(2), Some(2), Some(3)]);
        let third = linked("c", 2, None);
        let states = vec![third, None, None, None, linked("c", 2, None)];
        assert_eq!(digests(&mut groups, "c", states), [Some(1), None, None, None, Some(3)]);
        assert!(groups.0.is_empty(), "all names of all groups were met");
    }
}
