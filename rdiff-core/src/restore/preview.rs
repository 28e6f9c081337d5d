//! What a restore would do, without doing any of it.

use super::target::{in_the_way, is_not_a_directory, is_not_empty, walk};
use super::wanted::{Filtered, records_of};
use super::{RestoreReport, RestoreRequest};
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, IoContext, Result};
use crate::merge::{AtPath, Pair, merge_join};
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Pool, ahead};
use crate::repo::Repository;
use crate::repo::groups::Groups;
use crate::repo::metadata::{Recorded, Stream};
use crate::repo::put::{BUFFER, hash};
use crate::tree::attrs::Names;
use crate::tree::walk::{Filter, Found, What};
use crate::tree::{Root, Stat};
use std::path::Path;
use std::sync::Arc;

/// Finds out what [`super::restore`] would do. Each path that it would make, set right or remove is told to the
/// monitor. Files of the target are read where only that tells whether they are there already.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::tree::walk::Everything;
/// # use rdiff_core::restore::{RestoreRequest, preview};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let over = RestoreRequest { overwrite: true, ..RestoreRequest::new(repo.sessions()?[0]) };
/// let would = preview(&repo, &dir.path().join("tree"), &over, Everything, &Silent)?;
/// assert!(would.restored >= 1);
/// assert_eq!(std::fs::read_to_string(dir.path().join("tree/note"))?, "second"); // as before
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As the restore would end; but for what only writing shows.
pub fn preview(
    repo: &Repository,
    target: &Path,
    request: &RestoreRequest,
    filter: impl Filter + Clone + 'static,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    Stop::watched(monitor, |stop| preview_until(stop, repo, target, request, filter, monitor))
}

fn preview_until(
    stop: &Stop,
    repo: &Repository,
    target: &Path,
    request: &RestoreRequest,
    filter: impl Filter + Clone + 'static,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let at = repo.session_at(request.at)?;
    let (first, entries) = records_of(repo, at, request.subtree.as_path())?;
    let there = There::look(target, &first, request)?;
    let found = there.walk(&request.subtree, filter.clone())?;
    let entries = Filtered::new(ahead(entries, 256, 4), filter, request.subtree.clone());
    let mut judge = Judge {
        root: there.root.as_ref().map(|(root, _)| root),
        subtree: request.subtree.as_path(),
        groups: Groups::default(),
        gone: None,
        report: RestoreReport::default(),
        buf: vec![0; BUFFER],
        monitor,
        stop,
    };
    for pair in merge_join(entries, found) {
        let pair = pair?;
        if stop.ask(monitor) {
            return Err(Error::Cancelled { at: Some(pair.path().to_owned()) });
        }
        judge.take(pair);
    }
    Ok(judge.report)
}

/// What is at the target now.
struct There {
    /// The directory, if there is one, and whether it is empty.
    root: Option<(Arc<Root>, bool)>,
}

impl There {
    fn look(target: &Path, first: &Entry, request: &RestoreRequest) -> Result<Self> {
        let stat = target.symlink_metadata().ok();
        let (exists, is_dir) = (stat.is_some(), stat.is_some_and(|m| m.is_dir()));
        if !exists && !request.create_parents {
            let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            std::fs::metadata(parent).while_doing(Doing::Create, target)?;
        }
        if exists && !request.overwrite {
            if !first.is_dir() {
                return Err(in_the_way(target));
            }
            if !is_dir {
                return Err(is_not_a_directory(target));
            }
        }
        if !first.is_dir() || !is_dir {
            return Ok(Self { root: None });
        }
        let root = Arc::new(Root::open(target).while_doing(Doing::Open, target)?);
        let is_empty = root.list(b"").while_doing(Doing::List, target)?.is_empty();
        if !is_empty && !request.overwrite {
            return Err(is_not_empty(target));
        }
        Ok(Self { root: Some((root, is_empty)) })
    }

    fn walk(&self, subtree: &RepoPathBuf, filter: impl Filter + 'static) -> Result<Stream<Found>> {
        match &self.root {
            Some((root, false)) => {
                let workers = std::thread::available_parallelism().map_or(2, usize::from);
                walk(root, &Arc::new(Pool::new(workers)), &Arc::new(Names::default()), subtree, filter)
            }
            _ => Ok(Box::new(std::iter::empty())),
        }
    }
}

struct Judge<'a> {
    root: Option<&'a Arc<Root>>,
    subtree: RepoPath<'a>,
    groups: Groups,
    /// What is below this path in the target would be gone with it.
    gone: Option<RepoPathBuf>,
    report: RestoreReport,
    buf: Vec<u8>,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

impl Judge<'_> {
    fn take(&mut self, pair: Pair<Box<Recorded>, Found>) {
        let (entry, stat) = match pair {
            Pair::Right(found) => return self.stranger(&found),
            Pair::Left(recorded) => (recorded.entry, None),
            Pair::Both(recorded, Found { path, what }) => {
                let stat = match what {
                    What::Here(stat) if !self.is_gone(path.as_path()) => Some(stat),
                    _ => None,
                };
                (recorded.entry, stat)
            }
        };
        let digest = entry.file().and_then(|f| self.groups.digest(f));
        if stat.is_some_and(|s| !s.is_a(&entry.kind)) {
            self.gone = Some(entry.path.clone());
        }
        let is_there =
            stat.filter(|s| s.is_a(&entry.kind)).is_some_and(|s| self.is_there(&entry, &s, digest));
        self.report.restored += 1;
        self.report.unchanged += u64::from(is_there);
        self.monitor.count(Counter::Paths, 1);
        self.monitor.count(Counter::BytesWritten, if is_there { 0 } else { entry.size() });
        if !is_there {
            self.monitor.event(&Event::Path { path: entry.path.as_path(), what: PathDone::Restored });
        }
    }

    /// Is the content there already? Then only attributes would be set.
    fn is_there(&mut self, entry: &Entry, stat: &Stat, digest: Option<Digest>) -> bool {
        let below = entry.path.as_path().below(self.subtree).unwrap_or(entry.path.as_path());
        match (&entry.kind, self.root) {
            (Kind::File(file), Some(root)) => {
                stat.size == file.size
                    && digest.is_some()
                    && root.open_file(below.as_bytes()).is_ok_and(|f| {
                        let mut f = self.stop.over(entry.path.as_path(), f);
                        hash(&mut f, &mut self.buf).is_ok_and(|(found, _)| Some(found) == digest)
                    })
            }
            (Kind::Symlink(to), Some(root)) => root.read_link(below.as_bytes()).is_ok_and(|t| t == *to),
            _ => true,
        }
    }

    fn is_gone(&self, path: RepoPath<'_>) -> bool {
        self.gone.as_ref().is_some_and(|gone| path.starts_with(gone.as_path()))
    }

    fn stranger(&mut self, found: &Found) {
        if self.is_gone(found.path.as_path()) || matches!(found.what, What::Unknown(_)) {
            return;
        }
        self.monitor.event(&Event::Path { path: found.path.as_path(), what: PathDone::Removed });
        self.gone = Some(found.path.clone());
        self.report.removed += 1;
    }
}
