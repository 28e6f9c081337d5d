//! Comparing a live tree with a session.
//!
//! A path of the source that can't be read is a [`Problem`](crate::error::Problem), and nothing is said of it or of what is below
//! it: trouble is neither a difference nor the absence of one.
//!
//! `report` is what is found, `plan` joins record and source, `work` compares the two at one path.

mod plan;
mod report;
mod work;

use crate::error::{Error, Result};
use crate::merge::merge_join;
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::Repository;
use crate::repo::groups::Groups;
use crate::repo::increments::Increments;
use crate::repo::layout::WithoutData;
use crate::repo::metadata::Detail;
use crate::time::SessionTime;
use crate::tree::source::Source;
use crate::tree::walk::{Filter, Walk};
use plan::{Job, Placed, Planner};
pub use report::{CompareReport, CompareRequest, Difference, Method, Reason};
use std::cell::RefCell;
use std::sync::Arc;
use work::{Buffers, Done, Verdict, Worker};

/// Compares a source with a session. `filter` leaves out paths of the source; what the session has there
/// counts as deleted, as a backup with that filter would delete it. By content ([`Method::Full`]) it only leaves
/// out what is new: all that the session has is compared with what is there.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::tree::attrs::Names;
/// # use rdiff_core::tree::local::{LocalGuard, LocalSource};
/// # use rdiff_core::tree::walk::Everything;
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// # let tree = dir.path().join("tree");
/// use rdiff_core::compare::{CompareReport, CompareRequest, Difference, Method, Reason, compare};
/// use rdiff_core::tree::source::Source;
///
/// std::fs::write(tree.join("note"), "edited")?;
/// let source: Arc<dyn Source> = Arc::new(LocalSource::open(&tree, Arc::new(Names::default()))?);
/// let request = CompareRequest { method: Method::Hash, ..CompareRequest::default() };
/// let mut found = Vec::new();
/// let report: CompareReport =
///     compare(&repo, &source, &request, Everything, &Silent, |d: Difference| found.push(d))?;
/// assert_eq!((report.differences, report.problems), (1, 0));
/// assert_eq!(found[0].path.to_string(), "note");
/// assert_ne!(found[0].reason, Reason::New);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::SourceVanished`]; [`Error::Corrupt`], [`Error::Io`] for the repository's metadata. Trouble with
/// single paths is told to the monitor and counted.
pub fn compare(
    repo: &Arc<Repository>,
    source: &Arc<dyn Source>,
    request: &CompareRequest,
    filter: impl Filter,
    monitor: &dyn Monitor,
    on_difference: impl FnMut(Difference),
) -> Result<CompareReport> {
    Stop::watched(monitor, |stop| compare_until(stop, repo, source, request, filter, monitor, on_difference))
}

fn compare_until(
    stop: &Stop,
    repo: &Arc<Repository>,
    source: &Arc<dyn Source>,
    request: &CompareRequest,
    filter: impl Filter,
    monitor: &dyn Monitor,
    mut on_difference: impl FnMut(Difference),
) -> Result<CompareReport> {
    let at = repo.session_at(request.at)?;
    let recorded = Recording::of(repo, at, monitor)?;
    let workers = match request.workers {
        0 => source.traits().readers.max(1),
        n => n,
    };
    let pool = Arc::new(Pool::new(workers));
    let entries = ahead(repo.metadata_at(at, request.subtree.as_path(), Detail::All)?, 256, 4);
    let subtree = request.subtree.clone();
    let entries = entries.map(|recorded| recorded.map(|r| Placed::new(r, subtree.as_path())));
    let found = Walk::new(Arc::clone(source), Arc::clone(&pool), WithoutData(filter)).map(Ok);
    let mut planner = Planner {
        source: Arc::clone(source),
        increments: (request.method == Method::Full).then(|| Increments::new(repo)),
        at,
        method: request.method,
        hard_links: request.hard_links && source.traits().hard_links,
        groups: Groups::default(),
        groups_here: Groups::default(),
        held: None,
    };
    let planner = RefCell::new(&mut planner);
    let jobs = merge_join(entries, found)
        .filter_map(|pair| pair.and_then(|p| planner.borrow_mut().plan(p)).transpose());
    let chunks = Chunks::new(jobs, 256, 4 << 20, |job: &Job| job.weight(request.method));
    let (stop_of_worker, helpers) = (stop.clone(), pool.helpers());
    let (repo, source) = (Arc::clone(repo), Arc::clone(source));
    let worker = Worker { repo, source, recorded, at, stop: stop_of_worker, helpers };
    let results =
        pool.map_ordered(chunks, 2 * pool.workers(), move |(jobs, error): (Vec<Job>, Option<Error>)| {
            let mut buffers = Buffers::default();
            (jobs.into_iter().map(|job| worker.run(job, &mut buffers)).collect::<Vec<_>>(), error)
        });
    let mut report = CompareReport::default();
    for (done, error) in results {
        if stop.is_set() {
            return Err(Error::Cancelled { at: None });
        }
        let at = done.last().and_then(|done| Some(done.as_ref().ok()?.path.clone()));
        for done in done {
            let done = done?;
            let told = stop.told(done.path.as_path());
            report.take(done, told, monitor, &mut on_difference);
        }
        if let Some(e) = error {
            return Err(e);
        }
        if stop.ask(monitor) {
            return Err(Error::Cancelled { at });
        }
    }
    Ok(report)
}

impl CompareReport {
    fn take(
        &mut self,
        done: Done,
        told: u64,
        monitor: &dyn Monitor,
        on_difference: &mut impl FnMut(Difference),
    ) {
        self.no_digest += u64::from(done.no_digest);
        monitor.count(Counter::BytesRead, done.read.saturating_sub(told));
        match done.verdict {
            Verdict::Problem(problem) => {
                self.problems += 1;
                monitor.event(&Event::Problem(&problem));
                return;
            }
            Verdict::Same => {
                monitor.event(&Event::Path { path: done.path.as_path(), what: PathDone::Verified });
            }
            Verdict::Differs(reason) => {
                self.differences += 1;
                on_difference(Difference { path: done.path, reason });
            }
        }
        self.compared += 1;
        monitor.count(Counter::Paths, 1);
    }
}

/// What a session recorded, and so can be compared.
struct Recording {
    xattrs: bool,
    acls: bool,
    /// The last good session, if the one after it failed.
    interrupted: Option<SessionTime>,
}

impl Recording {
    fn of(repo: &Repository, at: SessionTime, monitor: &dyn Monitor) -> Result<Self> {
        let files = repo.data_files()?;
        let has = |base: &[u8], what: &str| {
            let found = files.iter().any(|f| f.base == base && f.time == at);
            if !found {
                let text = format!("the session of {at} recorded no {what}: they are not compared");
                monitor.event(&Event::Warning(&text));
            }
            found
        };
        Ok(Self {
            xattrs: has(b"extended_attributes", "extended attributes"),
            acls: has(b"access_control_lists", "access control lists"),
            interrupted: repo.failed_after()?,
        })
    }
}
