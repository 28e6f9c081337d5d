//! What a regress would do.

use super::finder::attributes_agree;
use super::increments::FailedIncrements;
use super::{RegressReport, before_the_newest};
use crate::entry::Entry;
use crate::error::{Doing, IoContext, Result};
use crate::merge::{Pair, merge_join};
use crate::monitor::{Event, Monitor, PathDone};
use crate::path::RepoPath;
use crate::repo::metadata::Detail;
use crate::repo::put::{BUFFER, hash};
use crate::repo::{MirrorState, Repository};

/// What [`regress`](super::regress), or with `of_good` [`undo_newest`](super::undo_newest), would undo. Nothing is
/// changed. Each path that would be put back or removed is told to the monitor.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::regress::{RegressReport, preview};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// assert_eq!(preview(&repo, false, &Silent)?, None); // no session failed
/// let would: Option<RegressReport> = preview(&repo, true, &Silent)?; // of the newest, although it is good
/// assert_eq!(would.map(|w| w.good), Some(repo.sessions()?[0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As the regress would end; but for what only doing it shows.
pub fn preview(repo: &Repository, of_good: bool, monitor: &dyn Monitor) -> Result<Option<RegressReport>> {
    let (good, failed) = match repo.state()? {
        MirrorState::Interrupted { good, failed } => (good, failed),
        MirrorState::Clean(_) if of_good => before_the_newest(repo)?,
        _ => return Ok(None),
    };
    let records = repo.metadata_at(good, RepoPath::ROOT, Detail::All)?;
    let mut buf = vec![0; BUFFER];
    let mut restored = 0;
    for pair in merge_join(records, FailedIncrements::new(repo, good)?) {
        let (path, what) = match pair? {
            Pair::Left(_) => continue,
            Pair::Right((path, _)) => (path, PathDone::Removed),
            Pair::Both(record, _) if is_in_mirror(repo, &record.entry, &mut buf)? => continue,
            Pair::Both(record, _) => (record.entry.path, PathDone::Restored),
        };
        restored += 1;
        monitor.event(&Event::Path { path: path.as_path(), what });
    }
    Ok(Some(RegressReport { good, undone: failed, restored }))
}

/// Is the mirror what a record says?
fn is_in_mirror(repo: &Repository, entry: &Entry, buf: &mut [u8]) -> Result<bool> {
    let place = repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
    let stat = repo.root().find(place.as_bytes()).while_doing(Doing::Stat, repo.path_of(&place))?;
    if !stat.is_some_and(|stat| attributes_agree(entry, &stat)) {
        return Ok(false);
    }
    let Some(digest) = entry.file().and_then(|f| f.digest) else { return Ok(true) };
    let found = repo.root().open_file(place.as_bytes()).and_then(|mut f| hash(&mut f, buf));
    Ok(found.is_ok_and(|(found, _)| found == digest))
}
