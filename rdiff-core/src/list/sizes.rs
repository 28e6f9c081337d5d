//! How much each session takes.

use super::{find, newest};
use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::TimedName;
use crate::path::RepoPath;
use crate::pool::Pool;
use crate::repo::Repository;
use crate::repo::increments::Increments;
use crate::repo::layout::{StoredPath, WithoutData};
use crate::time::SessionTime;
use crate::tree::Stat;
use crate::tree::attrs::Names;
use crate::tree::local::LocalSource;
use crate::tree::walk::{Everything, Filter, Walk, What};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much the sessions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SizedSession {
    /// The session.
    pub time: SessionTime,
    /// Bytes of its increments; of all files and directories for the mirror.
    pub size: u64,
    /// The same with all newer sessions and the mirror.
    pub cumulative: u64,
}

/// How much the increments of each session take below a path, and how much the mirror does; oldest first,
/// the mirror last but for what is said below. As the original counts: file sizes, with those that the system gives for directories;
/// hard links once for each name; what has too long a name is left out. A directory of the source that is named
/// like an increment counts as one of that time, which can be later than the mirror's: the original
/// doesn't tell them apart here, and who compares its output with ours must find the same.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{SizedSession, sizes};
///
/// let sessions: Vec<SizedSession> = sizes(&repo, RepoPath::ROOT)?;
/// assert_eq!(sessions.len(), 2);
/// // What would be needed to keep this session and all newer ones, in bytes.
/// assert_eq!(sessions[0].cumulative, sessions[0].size + sessions[1].size);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoSuchSession`] if no session is good; [`Error::Io`].
pub fn sizes(repo: &Repository, subtree: RepoPath<'_>) -> Result<Vec<SizedSession>> {
    let mirror = newest(repo)?;
    let mut by_time: BTreeMap<SessionTime, u64> = BTreeMap::new();
    let mut finder = Increments::new(repo);
    for increment in finder.of(subtree, None)? {
        let size = find(repo, &increment.place)?.map_or(0, |s| s.size);
        *by_time.entry(increment.time).or_default() += size;
    }
    let quoting = repo.layout().quoting();
    for_each_below(repo, &repo.layout().increments_in(subtree), Everything, |path, stat| {
        let name = quoting.unquote(path.name().unwrap_or_default());
        if let Some(parsed) = TimedName::parse(&name) {
            *by_time.entry(parsed.time).or_default() += stat.size;
        }
    })?;
    let mut mirror_size = 0;
    let place = repo.layout().mirror(subtree, None);
    let add = |_: RepoPath<'_>, stat: &Stat| mirror_size += stat.size;
    if subtree.is_root() {
        for_each_below(repo, &place, WithoutData(Everything), add)?;
    } else {
        for_each_below(repo, &place, Everything, add)?;
    }
    let mut cumulative = mirror_size;
    let mut sized = vec![SizedSession { time: mirror, size: mirror_size, cumulative }];
    for (&time, &size) in by_time.iter().rev().filter(|(time, _)| **time != mirror) {
        cumulative += size;
        sized.push(SizedSession { time, size, cumulative });
    }
    sized.sort_by_key(|s| s.time);
    Ok(sized)
}

/// Looks at a place and all that is below it; nothing if it isn't there.
fn for_each_below(
    repo: &Repository,
    place: &StoredPath,
    filter: impl Filter,
    mut with: impl FnMut(RepoPath<'_>, &Stat),
) -> Result<()> {
    let path = repo.path_of(place);
    match find(repo, place)? {
        Some(stat) if stat.is_dir() => {}
        Some(stat) => {
            with(RepoPath::ROOT, &stat);
            return Ok(());
        }
        None => return Ok(()),
    }
    let source = LocalSource::open(&path, Arc::new(Names::default())).while_doing(Doing::Open, &path)?;
    let pool = Arc::new(Pool::new(std::thread::available_parallelism().map_or(2, usize::from)));
    for found in Walk::new(Arc::new(source), pool, filter) {
        match found.what {
            What::Here(stat) => with(found.path.as_path(), &stat),
            What::Unknown(source) => {
                let path = path.join(found.path.as_path().as_os_str());
                return Err(Error::Io { doing: Doing::List, path, source });
            }
        }
    }
    Ok(())
}
