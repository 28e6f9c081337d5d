//! How much there is to do, counted while the job is at work already.

use super::Context;
use crate::meter::Total;
use rdiff_core::entry::Entry;
use rdiff_core::list;
use rdiff_core::path::RepoPath;
use rdiff_core::pool::Pool;
use rdiff_core::repo::Repository;
use rdiff_core::status::statistics_at;
use rdiff_core::time::SessionTime;
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::{Filter, Walk, What};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl Context<'_> {
    /// Does a job, and counts meanwhile how much there is to do, if that is shown to anybody. The count is told to
    /// stop when the job is done.
    pub(super) fn counting<R>(
        &self,
        count: impl FnOnce(&AtomicBool) -> Option<Total> + Send,
        job: impl FnOnce() -> R,
    ) -> R {
        let meter = &self.ui.meter;
        if !meter.is_shown() {
            return job();
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| count(&stop).map(|total| meter.expect(total)));
            let done = job();
            stop.store(true, Ordering::Relaxed);
            meter.finish();
            done
        })
    }
}

/// What a session holds below a path.
pub(super) fn of_session(
    repo: &Repository,
    at: SessionTime,
    subtree: RepoPath<'_>,
    stop: &AtomicBool,
) -> Option<Total> {
    let entries = list::entries_at(repo, at, subtree).ok()?;
    add(entries.map(|e| e.ok().as_ref().map(Entry::size)), stop)
}

/// What a backup has to look at: the paths of the session before, or for a first one all that there is.
pub(super) fn of_backup(
    target: &Path,
    source: Arc<dyn Source>,
    filter: impl Filter,
    stop: &AtomicBool,
) -> Option<Total> {
    let repo = Repository::open(target).ok();
    if let Some((repo, at)) = repo.and_then(|repo| repo.sessions().ok()?.last().map(|at| (repo, *at))) {
        let last = statistics_at(&repo, at).ok()??;
        return Some(Total { paths: last.source_files as u64, bytes: None });
    }
    // Elsewhere a second walk would cost as many trips as the first.
    if !source.traits().change_marks {
        return None;
    }
    let found = Walk::new(source, Arc::new(Pool::new(1)), filter);
    let size = |what| match what {
        What::Here(stat) if stat.kind == rdiff_core::tree::FileKind::Regular => stat.size,
        _ => 0,
    };
    add(found.map(|found| Some(size(found.what))), stop)
}

fn add(sizes: impl Iterator<Item = Option<u64>>, stop: &AtomicBool) -> Option<Total> {
    let (mut paths, mut bytes) = (0, 0u64);
    for size in sizes {
        paths += 1;
        bytes = bytes.saturating_add(size?);
        if stop.load(Ordering::Relaxed) {
            return None;
        }
    }
    Some(Total { paths, bytes: Some(bytes) })
}
