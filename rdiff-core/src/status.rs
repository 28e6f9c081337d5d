//! Is the repository well? What its markers, locks and statistics say, without looking at any tree.

use crate::error::{Doing, IoContext, Result, chain};
use crate::format::stats::SessionStatistics;
use crate::path::RepoPath;
use crate::repo::metadata::Detail;
use crate::repo::{DataFile, MirrorState, Repository};
use crate::time::SessionTime;
use std::io::Read;

/// How a repository is.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Status {
    /// How the last session left it.
    pub state: MirrorState,
    /// Who works on it now, if somebody does. It may then look interrupted, and need not be.
    pub in_use_by: Option<String>,
    /// The sessions that can be restored, in ascending order.
    pub sessions: Vec<SessionTime>,
    /// The totals of the last good session, if they were written.
    pub last: Option<SessionStatistics>,
    /// Why the metadata of the last good session can't be read, if that shows at their beginning.
    pub damaged: Option<String>,
    /// Bytes of all increments, as the sessions counted them when they wrote them. Nothing if one of them did not.
    pub increments_size: Option<u64>,
}

impl Status {
    /// Must `regress` be run before anything can be written? The next backup would do it too.
    pub fn needs_regress(&self) -> bool {
        self.in_use_by.is_none() && matches!(self.state, MirrorState::Interrupted { .. })
    }

    /// The last good session.
    pub fn newest(&self) -> Option<SessionTime> {
        self.sessions.last().copied()
    }
}

/// Looks how a repository is. Nothing is written, and no lock is held against others.
///
/// ```
/// # use rdiff_core::repo::MirrorState;
/// # use rdiff_core::status::{Status, status};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let is: Status = status(&repo)?;
/// assert!(!is.needs_regress() && is.in_use_by.is_none());
/// assert_eq!(is.state, MirrorState::Clean(is.sessions[1]));
/// assert_eq!(is.last.map(|s| s.source_files), Some(2.0)); // the root and the note
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`crate::error::Error::Io`]; [`crate::error::Refusal::TooManyMarkers`]; as [`Repository::refuse_lost_marker`].
pub fn status(repo: &Repository) -> Result<Status> {
    let state = repo.state()?;
    if state == MirrorState::Unfinished {
        repo.refuse_lost_marker()?;
    }
    let sessions = repo.sessions()?;
    let in_use_by = repo.in_use_by()?;
    // Who works on it may be about to replace them.
    let newest = sessions.last().filter(|_| in_use_by.is_none());
    let damaged = newest.and_then(|t| begins_well(repo, *t).err()).map(|e| chain(&e));
    let mut status = Status { state, in_use_by, sessions, last: None, damaged, increments_size: Some(0) };
    for file in repo.data_files()? {
        if file.base != b"session_statistics" || status.sessions.binary_search(&file.time).is_err() {
            continue;
        }
        let read = read(repo, &file)?;
        let size = read.as_ref().map(|s| s.increment_file_size as u64);
        status.increments_size = status.increments_size.zip(size).map(|(a, b)| a.saturating_add(b));
        if Some(file.time) == status.newest() {
            status.last = read;
        }
    }
    Ok(status)
}

/// Opens the metadata of a session, and reads the first record.
fn begins_well(repo: &Repository, at: SessionTime) -> Result<()> {
    repo.metadata_at(at, RepoPath::ROOT, Detail::Records)?.next().transpose().map(drop)
}

/// The totals of a session, if they were written and can be read.
///
/// ```
/// # use rdiff_core::status::statistics_at;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let statistics = statistics_at(&repo, repo.sessions()?[1])?;
/// assert_eq!(statistics.map(|s| s.source_files), Some(2.0)); // the root and the note
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`crate::error::Error::Io`].
pub fn statistics_at(repo: &Repository, at: SessionTime) -> Result<Option<SessionStatistics>> {
    let files = repo.data_files()?;
    let file = files.iter().find(|f| f.base == b"session_statistics" && f.time == at);
    file.map_or(Ok(None), |file| read(repo, file))
}

fn read(repo: &Repository, file: &DataFile) -> Result<Option<SessionStatistics>> {
    let mut text = String::new();
    let content = repo.open_side_file(&file.place)?;
    // Some kilobytes at most.
    let read = content.take(1 << 16).read_to_string(&mut text);
    read.while_doing(Doing::Read, repo.path_of(&file.place))?;
    Ok(SessionStatistics::parse(&text).ok())
}
