//! Why a path is taken or left out: which rule of a selection decides about it, or about a directory above it.

use crate::error::{Doing, Error, Result};
use crate::list::entries_at;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::Repository;
use crate::restore::stat_of;
use crate::time::SessionTime;
use crate::tree::Stat;
use crate::tree::select::{Explained, Selected, Verdict};
use crate::tree::source::Source;
use crate::tree::walk::{Filter, Holds, Walk, Wanted, What};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The last decision on the way from the root to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Explanation {
    /// What it is about: the path itself; or a directory above it that is left out, and the path with it; or, where the
    /// path is not there, the last on the way that is.
    pub at: RepoPathBuf,
    /// The decision.
    pub why: Explained,
}

impl Explanation {
    /// Is the path left out?
    pub fn is_excluded(&self) -> bool {
        self.why.decision.verdict == Verdict::Exclude
    }

    /// Does it say what becomes of this path? If not, the path is not there.
    pub fn is_about(&self, path: RepoPath<'_>) -> bool {
        self.at.as_path() == path || self.is_excluded()
    }
}

/// Explains a path of a live tree, as a backup or a comparison would find it. Nothing for the root, which is always
/// taken, and where not even the first directory on the way is there.
///
/// ```
/// use rdiff_core::explain::{Explanation, in_source};
/// use rdiff_core::path::RepoPath;
/// use rdiff_core::tree::local::LocalSource;
/// use rdiff_core::tree::select::{Rule, Selected};
/// use rdiff_core::tree::source::Source;
/// use std::sync::Arc;
///
/// # let dir = tempfile::tempdir()?;
/// std::fs::create_dir(dir.path().join("cache"))?;
/// std::fs::write(dir.path().join("cache/page"), "")?;
/// let source: Arc<dyn Source> = Arc::new(LocalSource::open(dir.path(), Arc::default())?);
/// let (selected, _) = Selected::of(&[Rule::exclude("**/cache")], dir.path(), 0)?;
///
/// let page = RepoPath::new(b"cache/page")?;
/// let found: Option<Explanation> = in_source(&source, &selected, page)?;
/// let found = found.expect("the directory is there");
/// assert_eq!(format!("{} is {}", found.at, found.why), "cache is excluded by rule 1: exclude **/cache");
/// assert!(found.is_excluded() && found.is_about(page));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where a directory on the way can't be read.
pub fn in_source(
    source: &Arc<dyn Source>,
    selected: &Selected,
    path: RepoPath<'_>,
) -> Result<Option<Explanation>> {
    let guide = Guide { path: path.to_owned(), selected: selected.clone(), last: Arc::default() };
    let last = Arc::clone(&guide.last);
    for found in Walk::new(Arc::clone(source), Arc::new(Pool::new(1)), guide) {
        match found.what {
            // What is in the path itself doesn't matter.
            What::Unknown(e) if found.path.as_path() != path => {
                let place = PathBuf::from(source.name()).join(found.path.as_path().as_os_str());
                return Err(Error::Io { doing: Doing::List, path: place, source: e });
            }
            _ => {}
        }
    }
    Ok(last.lock().unwrap_or_else(PoisonError::into_inner).take())
}

/// Explains a path of a session, as a restore of `subtree` would find it; `path` is relative to that. Nothing for its root,
/// and where nothing on the way is there.
///
/// ```
/// use rdiff_core::explain::in_session;
/// use rdiff_core::path::RepoPath;
/// use rdiff_core::tree::select::{Rule, Selected};
///
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let (selected, _) = Selected::of(&[Rule::exclude("/target/n*")], "/target".as_ref(), 0)?;
/// let note = RepoPath::new(b"note")?;
/// let found = in_session(&repo, repo.sessions()?[0], RepoPath::ROOT, &selected, note)?;
/// assert_eq!(found.map(|f| f.why.to_string()).as_deref(), Some("excluded by rule 1: exclude /target/n*"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Repository::metadata_at`].
pub fn in_session(
    repo: &Repository,
    at: SessionTime,
    subtree: RepoPath<'_>,
    selected: &Selected,
    path: RepoPath<'_>,
) -> Result<Option<Explanation>> {
    let mut last = None;
    for entry in entries_at(repo, at, subtree)? {
        let entry = entry?;
        let below = entry.path.as_path().below(subtree).unwrap_or(entry.path.as_path());
        if below.is_root() || !path.starts_with(below) {
            continue;
        }
        let found = Explanation {
            at: below.to_owned(),
            why: selected.explain(below, &stat_of(&entry), &|_, _| false),
        };
        let is_last = found.is_about(path);
        last = Some(found);
        if is_last {
            break;
        }
    }
    Ok(last)
}

/// Shows a walk the way to one path, and notes what is decided on it.
struct Guide {
    path: RepoPathBuf,
    selected: Selected,
    last: Arc<Mutex<Option<Explanation>>>,
}

impl Filter for Guide {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        if !self.path.as_path().starts_with(path) {
            return Wanted::No;
        }
        let found = Explanation { at: path.to_owned(), why: self.selected.explain(path, stat, holds) };
        let wanted = if found.is_excluded() { Wanted::No } else { Wanted::Yes };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        wanted
    }
}
