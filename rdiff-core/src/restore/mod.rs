//! Restoring: the tree, a part of it, or one file, as it was at a session.
//!
//! `wanted` says what of the session, `target` where to. The plan makes directories as it meets them, the work
//! rebuilds files, and what depends on order (hard links, the attributes of directories) is done here, as the
//! results come back in path order.

mod plan;
mod preview;
mod target;
mod wanted;
mod work;

pub use preview::preview;
pub use wanted::stat_of;

use crate::entry::{Entry, Kind};
use crate::error::{Doing, Error, IoContext, Result};
use crate::merge::merge_join;
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::nest::Nest;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::Repository;
use crate::repo::disk::{Disk, RealDisk};
use crate::repo::increments::Increments;
use crate::repo::layout::StoredPath;
use crate::time::TimeSpec;
use crate::tree::attrs::{Mapping, Names, Ownership};
use crate::tree::caps::Capabilities;
use crate::tree::walk::Filter;
use plan::{Job, Planner, Work};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use target::{Target, refuse_without_acls};
use wanted::{Filtered, records_of};
use work::{Done, Tools, Worker, can_not_be_linked};

/// What to restore, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct RestoreRequest {
    /// The session: the newest that is not later.
    pub at: TimeSpec,
    /// What of it; the root for all.
    pub subtree: RepoPathBuf,
    /// May the target exist and hold something? What isn't in the session is then removed from it.
    pub overwrite: bool,
    /// Make the directories above the target.
    pub create_parents: bool,
    /// Owners by number, whatever their names.
    pub numeric_ids: bool,
    /// Users to be replaced.
    pub user_map: Mapping,
    /// Groups to be replaced.
    pub group_map: Mapping,
    /// Make files that were one become one again.
    pub hard_links: bool,
    /// Set access control lists.
    pub acls: bool,
    /// Refuse to go on where a line of an access control list can't be set.
    pub never_drop_acls: bool,
    /// Set extended attributes.
    pub xattrs: bool,
    /// Return only when everything is durable.
    pub durable: bool,
    /// Threads that rebuild files; 0 for as many as there are cores.
    pub workers: usize,
}

impl RestoreRequest {
    /// All of a session, into a place that is empty or not there.
    pub fn new(at: impl Into<TimeSpec>) -> Self {
        Self {
            at: at.into(),
            subtree: RepoPathBuf::default(),
            overwrite: false,
            create_parents: false,
            numeric_ids: false,
            user_map: Mapping::default(),
            group_map: Mapping::default(),
            hard_links: true,
            acls: true,
            never_drop_acls: false,
            xattrs: true,
            durable: true,
            workers: 0,
        }
    }
}

impl Default for RestoreRequest {
    /// All of the newest session, into a place that is empty or not there.
    fn default() -> Self {
        Self::new(TimeSpec::default())
    }
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RestoreReport {
    /// Paths that were made or set right.
    pub restored: u64,
    /// Of those, files whose content was already there.
    pub unchanged: u64,
    /// Paths that were in the target and not in the session.
    pub removed: u64,
    /// Paths that could not be restored as they were.
    pub problems: u64,
}

/// Restores a session, or a part of one, to `target`. `filter` leaves paths out, on both sides.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::tree::walk::Everything;
/// # use rdiff_core::path::RepoPathBuf;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::restore::{RestoreReport, RestoreRequest, restore};
///
/// let request = RestoreRequest {
///     subtree: RepoPathBuf::new("note")?, // one file; the root, which is the default, for everything
///     ..RestoreRequest::new(repo.sessions()?[0])
/// };
/// let target = dir.path().join("note as it was");
/// let report: RestoreReport = restore(&repo, &target, &request, Everything, &Silent)?;
/// assert_eq!((report.restored, report.problems), (1, 0));
/// assert_eq!(std::fs::read_to_string(target)?, "first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoSuchPath`] if the part wasn't there; [`Error::Refused`] if the target is in use or can't be
/// written; [`Error::Corrupt`], [`Error::Io`]. Trouble with single paths is told to the monitor and counted.
pub fn restore(
    repo: &Arc<Repository>,
    target: &Path,
    request: &RestoreRequest,
    filter: impl Filter + Clone + 'static,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    restore_by(repo, target, request, filter, monitor, |disk| Arc::new(disk))
}

/// [`restore`] with every change going through what `disk` makes of the target's.
///
/// # Errors
/// As [`restore`].
pub(crate) fn restore_by(
    repo: &Arc<Repository>,
    target: &Path,
    request: &RestoreRequest,
    filter: impl Filter + Clone + 'static,
    monitor: &dyn Monitor,
    disk: impl FnOnce(RealDisk) -> Arc<dyn Disk>,
) -> Result<RestoreReport> {
    Stop::watched(monitor, |stop| restore_until(stop, repo, target, request, filter, monitor, disk))
}

fn restore_until(
    stop: &Stop,
    repo: &Arc<Repository>,
    target: &Path,
    request: &RestoreRequest,
    filter: impl Filter + Clone + 'static,
    monitor: &dyn Monitor,
    disk: impl FnOnce(RealDisk) -> Arc<dyn Disk>,
) -> Result<RestoreReport> {
    let at = repo.session_at(request.at)?;
    let (first, entries) = records_of(repo, at, request.subtree.as_path())?;
    let target = Target::prepare(target, &first, request)?;
    let workers = match request.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let pool = Arc::new(Pool::new(workers));
    let names = Arc::new(Names::default());
    refuse_without_acls(&target.root, &names, request)?;
    let real = RealDisk::new(Arc::clone(&target.root), request.durable);
    let refused = real.refused();
    let disk = disk(if target.is_empty { real } else { real.over_existing() });
    let found = target.walk(&pool, &names, &request.subtree, filter.clone())?;
    let ownership = Ownership::new(names).mapped(request.numeric_ids, &request.user_map, &request.group_map);
    let interrupted = repo.failed_after()?;
    let worker = Worker {
        repo: Arc::clone(repo),
        disk: Arc::clone(&disk),
        ownership,
        caps: Capabilities { acls: request.acls, xattrs: request.xattrs, ..Capabilities::full() },
        at,
        interrupted,
        stop: stop.clone(),
        helpers: pool.helpers(),
        never_drop_acls: request.never_drop_acls,
    };
    let worker = Arc::new(worker);
    let newest = if interrupted.is_none() { repo.sessions()?.last().copied() } else { None };
    let mut planner = Planner {
        increments: Increments::new(repo),
        newest,
        repo,
        disk: Arc::clone(&disk),
        target: &target,
        at,
        subtree: request.subtree.as_path(),
        hard_links: request.hard_links,
        links: HashMap::new(),
        gone: None,
        removed: 0,
    };
    let entries = Filtered::new(ahead(entries, 256, 4), filter, request.subtree.clone());
    let pairs = merge_join(entries, found);
    let planner = RefCell::new(&mut planner);
    let jobs = pairs.filter_map(|pair| pair.and_then(|p| planner.borrow_mut().plan(p)).transpose());
    let chunks = Chunks::new(jobs, 64, 4 << 20, Job::weight);
    let run = Arc::clone(&worker);
    let results =
        pool.map_ordered(chunks, 2 * pool.workers(), move |(jobs, error): (Vec<Job>, Option<Error>)| {
            let mut tools = Tools::default();
            (jobs.into_iter().map(|job| run.run(job, &mut tools)).collect::<Vec<_>>(), error)
        });
    let mut finisher = Finisher {
        worker: &worker,
        monitor,
        report: RestoreReport::default(),
        nest: Nest::default(),
        dropped: HashSet::new(),
        copied_links: 0,
    };
    for (done, error) in results {
        if stop.is_set() {
            return Err(Error::Cancelled { at: None });
        }
        let at = done.last().and_then(|done| Some(done.as_ref().ok()?.job.entry.path.clone()));
        for done in done {
            finisher.finish(done?)?;
        }
        if let Some(e) = error {
            return Err(e);
        }
        if stop.ask(monitor) {
            return Err(Error::Cancelled { at });
        }
    }
    finisher.end()?;
    let synced = match &first.kind {
        // Not all that others have written to the file system since.
        Kind::File(_) if finisher.report.restored == 1 => {
            let place = StoredPath::in_target(&target.prefix, RepoPath::ROOT);
            // A file that may not be read can't be synced alone.
            disk.sync(&place).and_then(|()| disk.sync(&StoredPath::root())).or_else(|_| disk.barrier())
        }
        _ => disk.barrier(),
    };
    synced.while_doing(Doing::Sync, target.root.path())?;
    let untaken = [
        (refused.owners(), "owners", ""),
        (refused.modes(), "permissions", ""),
        (refused.times(), "times", ", which are now the nearest that it takes"),
        (finisher.copied_links, "hard links", ", which are copies now"),
    ];
    for (paths, what, then) in untaken.into_iter().filter(|(paths, ..)| *paths > 0) {
        let shown = target.root.path().display();
        let text = format!("the file system of {shown} did not take the {what} of {paths} paths{then}");
        monitor.event(&Event::Warning(&text));
    }
    let removed = planner.borrow().removed;
    Ok(RestoreReport { removed, ..finisher.report })
}

/// Takes the results in path order.
struct Finisher<'a> {
    worker: &'a Worker,
    monitor: &'a dyn Monitor,
    report: RestoreReport,
    nest: Nest<Job>,
    /// Names of access control lists that are not known here, and were told.
    dropped: HashSet<Vec<u8>>,
    /// Names that became files of their own.
    copied_links: u64,
}

impl Finisher<'_> {
    fn finish(&mut self, mut done: Done) -> Result<()> {
        while let Some((_, job)) = self.nest.leave_for(done.job.entry.path.as_path()) {
            self.worker.set_attributes(&job)?;
        }
        if let Work::Link { to, there, digest } = &done.job.work {
            let disk = &self.worker.disk;
            let shown = disk.root().path_of(done.job.place.as_bytes());
            done.unchanged = *there && disk.root().is_one_file(to.as_bytes(), done.job.place.as_bytes());
            if *there && !done.unchanged {
                disk.unlink(&done.job.place).while_doing(Doing::Remove, &shown)?;
            }
            let linked = if done.unchanged { Ok(()) } else { disk.link(to, &done.job.place) };
            match linked {
                // It could not be restored, or somebody took it away: programs do, as soon as it is announced.
                Err(e) if crate::tree::is_absent(&e) => {
                    done.problem = self.worker.by_itself(&done.job, *digest)?;
                }
                Err(e) if can_not_be_linked(&e) => {
                    self.worker.copy_first(to, &done.job)?;
                    self.copied_links += 1;
                }
                other => other.while_doing(Doing::Link, &shown)?,
            }
        }
        self.tell_dropped(&done.job.entry);
        let path = done.job.entry.path.as_path();
        match &done.problem {
            Some(problem) => {
                self.report.problems += 1;
                self.monitor.event(&Event::Problem(problem));
            }
            None => {
                self.report.restored += 1;
                self.report.unchanged += u64::from(done.unchanged);
                self.monitor.event(&Event::Path { path, what: PathDone::Restored });
            }
        }
        self.monitor.count(Counter::Paths, 1);
        let told = self.worker.stop.told(done.job.entry.path.as_path());
        self.monitor.count(Counter::BytesWritten, done.job.entry.size().saturating_sub(told));
        if let Work::Directory = done.job.work {
            self.nest.enter(done.job.entry.path.clone(), done.job);
        }
        Ok(())
    }

    /// Says once of each name in an access control list that it is not known here.
    fn tell_dropped(&mut self, entry: &Entry) {
        if !self.worker.caps.acls || entry.acl.is_empty() {
            return;
        }
        let Some(name) = self.worker.ownership.unknown_name(entry) else { return };
        let text = format!(
            "ACL name {} not found on system, dropping entry. Further ACL entries dropped with this name will not \
             trigger further warnings",
            String::from_utf8_lossy(&name)
        );
        if self.dropped.insert(name) {
            self.monitor.event(&Event::Warning(&text));
        }
    }

    fn end(&mut self) -> Result<()> {
        while let Some((_, job)) = self.nest.leave_at_end() {
            self.worker.set_attributes(&job)?;
        }
        Ok(())
    }
}
