//! The increments of a path.

use super::{find, newest};
use crate::entry::{Entry, Kind, LongName};
use crate::error::Result;
use crate::format::names::IncrementKind;
use crate::path::RepoPath;
use crate::repo::increments::{Increment, Increments};
use crate::repo::metadata::Detail;
use crate::repo::{MirrorState, Repository};
use crate::time::SessionTime;
use crate::tree::{FileKind, Stat};

/// What a path was, in the words of `list increments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ListedKind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// Nothing.
    Missing,
    /// A link, pipe, socket or device.
    Special,
}

impl ListedKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            ListedKind::Directory => "directory",
            ListedKind::Regular => "regular",
            ListedKind::Missing => "missing",
            ListedKind::Special => "special",
        }
    }

    fn of_stat(stat: Option<&Stat>) -> Self {
        match stat.map(|s| s.kind) {
            None => ListedKind::Missing,
            Some(FileKind::Directory) => ListedKind::Directory,
            Some(FileKind::Regular) => ListedKind::Regular,
            Some(_) => ListedKind::Special,
        }
    }

    fn of_entry(entry: Option<&Entry>) -> Self {
        match entry.map(|e| &e.kind) {
            None => ListedKind::Missing,
            Some(Kind::Dir) => ListedKind::Directory,
            Some(Kind::File(_)) => ListedKind::Regular,
            Some(_) => ListedKind::Special,
        }
    }
}

/// One increment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ListedIncrement {
    /// The session whose state it holds.
    pub time: SessionTime,
    /// The name of its file, unquoted.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))]
    pub name: Vec<u8>,
    /// What the path was at that session.
    pub kind: ListedKind,
}

/// The increments of a path and its present state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IncrementList {
    /// Oldest first.
    pub increments: Vec<ListedIncrement>,
    /// The time of the mirror.
    pub mirror: SessionTime,
    /// What the path is in the mirror.
    pub mirror_kind: ListedKind,
}

/// The increments of a path, and what it is in the mirror. For the root these are the sessions; for another
/// path only the sessions after which it, or something in it, changed.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{IncrementList, ListedIncrement, ListedKind, increments};
///
/// let list: IncrementList = increments(&repo, RepoPath::new(b"note")?)?;
/// let first: &ListedIncrement = &list.increments[0];
/// assert_eq!((first.time, first.kind), (repo.sessions()?[0], ListedKind::Regular));
/// assert_eq!((list.mirror, list.mirror_kind), (repo.sessions()?[1], ListedKind::Regular));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NoSuchSession`](crate::error::Error::NoSuchSession) if no session is good; [`Io`](crate::error::Error::Io).
pub fn increments(repo: &Repository, subtree: RepoPath<'_>) -> Result<IncrementList> {
    let mirror = newest(repo)?;
    let long = long_name(repo, subtree)?;
    let mut finder = Increments::new(repo);
    let found = finder.of(subtree, long.as_ref())?;
    let listed = found
        .iter()
        .filter(|i| i.time < mirror && i.kind != IncrementKind::Data)
        .map(|i| {
            let name = repo.layout().quoting().unquote(i.place.name()).into_owned();
            Ok(ListedIncrement { time: i.time, name, kind: kind_of(repo, i)? })
        })
        .collect::<Result<Vec<_>>>()?;
    let mirror_kind = match repo.state()? {
        MirrorState::Interrupted { good, .. } => {
            ListedKind::of_entry(entry_at(repo, good, subtree)?.as_ref())
        }
        _ => {
            let place = repo.layout().mirror(subtree, long.as_ref());
            ListedKind::of_stat(find(repo, &place)?.as_ref())
        }
    };
    Ok(IncrementList { increments: listed, mirror, mirror_kind })
}

fn kind_of(repo: &Repository, increment: &Increment) -> Result<ListedKind> {
    Ok(match increment.kind {
        IncrementKind::Dir => ListedKind::Directory,
        IncrementKind::Diff => ListedKind::Regular,
        IncrementKind::Missing | IncrementKind::Data => ListedKind::Missing,
        IncrementKind::Snapshot => ListedKind::of_stat(find(repo, &increment.place)?.as_ref()),
    })
}

/// What was at one path at a session.
fn entry_at(repo: &Repository, at: SessionTime, path: RepoPath<'_>) -> Result<Option<Entry>> {
    let first = repo.metadata_at(at, path, Detail::Records)?.next().transpose()?;
    Ok(first.map(|r| r.entry).filter(|e| e.path.as_path() == path))
}

/// The name in `long_filename_data` of a path that needs one, as the newest session that has the path says.
fn long_name(repo: &Repository, path: RepoPath<'_>) -> Result<Option<LongName>> {
    if repo.layout().too_long(path).is_none() {
        return Ok(None);
    }
    let versions = repo.versions_of(path)?;
    Ok(versions.into_iter().rev().find_map(|(_, entry)| entry?.long_name))
}
