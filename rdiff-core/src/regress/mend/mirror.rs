//! What is in the mirror, in the order of paths.

use crate::error::{Doing, IoContext, Result};
use crate::merge::AtPath;
use crate::path::{RepoPath, RepoPathBuf, check_component};
use crate::repo::Repository;
use crate::repo::layout::{DATA, StoredPath};
use crate::tree::{Stat, is_absent};

/// One path of the mirror.
pub(super) struct Seen {
    pub(super) path: RepoPathBuf,
    pub(super) place: StoredPath,
    pub(super) stat: Stat,
}

impl AtPath for Seen {
    fn path(&self) -> RepoPath<'_> {
        self.path.as_path()
    }
}

/// All that is in a mirror. Names are sorted as they are in the source, not as they are stored.
pub(super) struct InMirror<'r> {
    repo: &'r Repository,
    /// Paths still to come, the last first, of all directories on the way.
    to_come: Vec<(RepoPathBuf, StoredPath)>,
}

impl<'r> InMirror<'r> {
    pub(super) fn new(repo: &'r Repository) -> Self {
        Self { repo, to_come: vec![(RepoPathBuf::default(), StoredPath::root())] }
    }

    fn enter(&mut self, dir: &RepoPathBuf, stored: &StoredPath) -> Result<()> {
        let names = self.repo.root().list(stored.as_bytes());
        let names = names.while_doing(Doing::List, self.repo.path_of(stored))?;
        let quoting = self.repo.layout().quoting();
        let mut paths: Vec<(RepoPathBuf, StoredPath)> = names
            .iter()
            .filter(|name| !(dir.as_path().is_root() && ***name == *DATA.as_bytes()))
            .map(|name| (quoting.unquote(name), name))
            .filter(|(unquoted, _)| check_component(unquoted).is_ok())
            .map(|(unquoted, name)| (dir.as_path().join(&unquoted), stored.listed(name)))
            .collect();
        paths.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        self.to_come.append(&mut paths);
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Seen>> {
        while let Some((path, place)) = self.to_come.pop() {
            let stat = match self.repo.root().stat(place.as_bytes()) {
                Err(e) if is_absent(&e) => continue,
                stat => stat.while_doing(Doing::Stat, self.repo.path_of(&place))?,
            };
            if stat.is_dir() {
                self.enter(&path, &place)?;
            }
            return Ok(Some(Seen { path, place, stat }));
        }
        Ok(None)
    }
}

impl Iterator for InMirror<'_> {
    type Item = Result<Seen>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
