//! What a repository holds: its increments and their sizes, what was there at a session, what changed
//! since, and the history of one path.
//!
//! Of an interrupted repository only what leads up to the last good session is listed.

mod changes;
mod history;
mod increments;
mod sizes;

pub(crate) use changes::differs;
pub use changes::{Change, ChangeKind, changed_since};
pub use history::{Step, Version, history};
pub use increments::{IncrementList, ListedIncrement, ListedKind, increments};
pub use sizes::{SizedSession, sizes};

use crate::entry::Entry;
use crate::error::{Doing, Error, IoContext, Result};
use crate::path::RepoPath;
use crate::repo::layout::StoredPath;
use crate::repo::metadata::{Detail, Stream};
use crate::repo::{MirrorState, Repository};
use crate::time::SessionTime;
use crate::tree::Stat;

/// The last good session.
fn newest(repo: &Repository) -> Result<SessionTime> {
    match repo.state()? {
        MirrorState::Clean(at) | MirrorState::Interrupted { good: at, .. } => Ok(at),
        MirrorState::Unfinished => {
            Err(Error::NoSuchSession { repository: repo.path().to_path_buf(), asked: None })
        }
    }
}

fn find(repo: &Repository, place: &StoredPath) -> Result<Option<Stat>> {
    repo.root().find(place.as_bytes()).while_doing(Doing::Stat, repo.path_of(place))
}

/// What was there at a session, without extended attributes and access control lists.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # use rdiff_core::list::entries_at;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// for entry in entries_at(&repo, repo.sessions()?[0], RepoPath::ROOT)? {
///     let entry = entry?;
///     println!("{:o} {:>8} {}", entry.attrs.mode, entry.size(), entry.path);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Repository::metadata_at`].
pub fn entries_at(repo: &Repository, at: SessionTime, subtree: RepoPath<'_>) -> Result<Stream<Entry>> {
    let records = repo.metadata_at(at, subtree, Detail::Records)?;
    Ok(Box::new(records.map(|recorded| recorded.map(|r| r.entry))))
}
