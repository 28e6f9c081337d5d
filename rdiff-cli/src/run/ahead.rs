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

/// What all sessions hold below a path, each content of a file once. So many sessions are joined at once.
pub(super) fn of_all_sessions(
    repo: &Repository,
    subtree: RepoPath<'_>,
    batch: usize,
    stop: &AtomicBool,
) -> Option<Total> {
    let sessions = repo.sessions().ok()?;
    let mut total = Total { paths: 0, bytes: Some(0) };
    for sessions in sessions.rchunks(batch.max(1)) {
        let files =
            repo.timeline(sessions, subtree).ok()?.filter_map(|lifeline| contents_of(&lifeline.states));
        let some = add(files.map(Some), stop)?;
        total.paths += some.paths;
        total.bytes = total.bytes.zip(some.bytes).map(|(all, more)| all.saturating_add(more));
    }
    Some(total)
}

/// The bytes of all contents that a file had; nothing if it never was a file.
fn contents_of(states: &[Option<Arc<Entry>>]) -> Option<u64> {
    let mut before: Option<&Arc<Entry>> = None;
    let mut bytes = None;
    for state in states {
        let file = state.as_ref().filter(|e| e.file().is_some());
        if let Some(file) = file.filter(|file| before.is_none_or(|before| !Arc::ptr_eq(before, file))) {
            bytes = Some(bytes.unwrap_or(0u64).saturating_add(file.size()));
        }
        before = file;
    }
    bytes
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

#[cfg(test)]
mod tests {
    use super::*;
    use rdiff_core::entry::{Attrs, File, Kind};
    use rdiff_core::path::RepoPathBuf;

    fn file(size: u64) -> Option<Arc<Entry>> {
        let kind = Kind::File(File { size, digest: None, link: None });
        Some(Arc::new(Entry::new(RepoPathBuf::default(), kind, Attrs::default())))
    }

    #[test]
    fn a_content_counts_once_for_all_sessions_in_a_row() {
        let (old, new) = (file(3), file(4));
        let dir = Some(Arc::new(Entry::new(RepoPathBuf::default(), Kind::Dir, Attrs::default())));
        assert_eq!(contents_of(&[old.clone(), old.clone(), new.clone(), new]), Some(7));
        assert_eq!(contents_of(&[None, old.clone(), dir.clone(), old]), Some(6));
        assert_eq!(contents_of(&[None, dir]), None);
    }
}
