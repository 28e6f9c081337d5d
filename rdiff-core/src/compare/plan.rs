//! What is to be compared at each path.

use super::report::Method;
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Error, Loss, Problem, ProblemKind, Result};
use crate::merge::{AtPath, Pair};
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::groups::Groups;
use crate::repo::increments::{Chain, Increments};
use crate::repo::metadata::Recorded;
use crate::time::SessionTime;
use crate::tree::attrs::entry_of;
use crate::tree::source::Source;
use crate::tree::walk::{Found, What};
use crate::tree::{FileKind, Stat, is_absent, is_below_link, means_source_gone};
use std::io;
use std::sync::Arc;

/// An entry of the session, and where in the source it belongs.
pub(super) struct Placed {
    pub(super) path: RepoPathBuf,
    pub(super) entry: Box<Entry>,
}

impl Placed {
    /// What was recorded, below `subtree`.
    pub(super) fn new(recorded: Box<Recorded>, subtree: RepoPath<'_>) -> Self {
        let whole = recorded.entry.path.as_path();
        let path = whole.below(subtree).unwrap_or(whole).to_owned();
        Self { path, entry: Box::new(recorded.entry) }
    }
}

impl AtPath for Placed {
    fn path(&self) -> RepoPath<'_> {
        self.path.as_path()
    }
}

/// One path to compare.
pub(super) enum Job {
    New(RepoPathBuf),
    Deleted(RepoPathBuf),
    Problem(Problem),
    Both(Box<Both>),
}

pub(super) struct Both {
    pub(super) path: RepoPathBuf,
    pub(super) stat: Stat,
    pub(super) old: Box<Entry>,
    pub(super) new: Entry,
    pub(super) data: Data,
}

/// How the content of a path is compared.
pub(super) enum Data {
    /// Not at all: it isn't asked for, or there is none.
    Unasked,
    /// By digest, if there is one.
    Digest(Option<Known>),
    /// With the content rebuilt; the digest says which of two ways of rebuilding it is right.
    Content(Chain, Option<Digest>),
}

/// A digest, and how it is known.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) digest: Digest,
    /// Is it recorded for another name of the file only, one that the source doesn't have any more?
    pub(super) only_of_gone: bool,
}

impl Job {
    pub(super) fn weight(&self, method: Method) -> u64 {
        match self {
            Job::Both(both) if method != Method::Metadata => both.stat.size.saturating_add(16_384),
            _ => 16_384,
        }
    }
}

pub(super) struct Planner<'r> {
    pub(super) source: Arc<dyn Source>,
    pub(super) increments: Option<Increments<'r>>,
    pub(super) at: SessionTime,
    pub(super) method: Method,
    pub(super) hard_links: bool,
    pub(super) groups: Groups,
    /// The same, as far as the names are still in the source.
    pub(super) groups_here: Groups,
    /// Nothing can be said of this path and what is below it.
    pub(super) held: Option<RepoPathBuf>,
}

impl Planner<'_> {
    pub(super) fn plan(&mut self, pair: Pair<Placed, Found>) -> Result<Option<Job>> {
        let (old, found) = match pair {
            Pair::Left(old) => (Some(old), None),
            Pair::Right(found) => (None, Some(found)),
            Pair::Both(old, found) => (Some(old), Some(found)),
        };
        let digest = match old.as_ref().and_then(|o| o.entry.file()) {
            Some(file) if self.method != Method::Metadata => {
                let is_here =
                    matches!(&found, Some(Found { what: What::Here(s), .. }) if s.kind == FileKind::Regular);
                let here = if is_here { self.groups_here.digest(file) } else { None };
                self.groups.digest(file).map(|digest| Known { digest, only_of_gone: here.is_none() })
            }
            _ => None,
        };
        let job = match (old, found) {
            (_, Some(Found { path, what: What::Unknown(source) })) => {
                if means_source_gone(&source) || path.is_root() {
                    return Err(gone(&*self.source, &path, &source));
                }
                self.held = Some(path.clone());
                Job::Problem(Problem { kind: ProblemKind::List, path, source })
            }
            (None, None) => return Ok(None),
            (Some(old), None) if self.is_held(old.path()) => return Ok(None),
            (Some(old), None) => match self.left_out(&old.path) {
                Ok(Some(stat)) => self.both(old.path, stat, old.entry, digest)?,
                Ok(None) => Job::Deleted(old.path),
                Err(source) if means_source_gone(&source) => {
                    return Err(gone(&*self.source, &old.path, &source));
                }
                Err(source) => Job::Problem(Problem { kind: ProblemKind::List, path: old.path, source }),
            },
            (None, Some(Found { path, .. })) => Job::New(path),
            (Some(old), Some(Found { path, what: What::Here(stat) })) => {
                self.both(path, stat, old.entry, digest)?
            }
        };
        Ok(Some(job))
    }

    fn is_held(&self, path: RepoPath<'_>) -> bool {
        self.held.as_ref().is_some_and(|held| path.starts_with(held.as_path()))
    }

    /// What is at a path that the walk didn't show, if the content of that is compared too.
    fn left_out(&self, path: &RepoPathBuf) -> io::Result<Option<Stat>> {
        let path = path.as_path();
        let Some((parent, name)) = path.parent().zip(path.name()).filter(|_| self.method == Method::Full)
        else {
            return Ok(None);
        };
        match self.source.stat_in(parent, &[name.into()]).pop() {
            Some(Err(e)) if is_absent(&e) || is_below_link(&e) => Ok(None),
            found => found.transpose(),
        }
    }

    fn both(&mut self, path: RepoPathBuf, stat: Stat, old: Box<Entry>, digest: Option<Known>) -> Result<Job> {
        let (user, group) = (self.source.user_name(stat.uid), self.source.group_name(stat.gid));
        let mut new = entry_of(path.clone(), &stat, user, group, true);
        if let (false, Kind::File(file)) = (self.hard_links, &mut new.kind) {
            file.link = None;
        }
        let both_files = old.file().is_some() && new.file().is_some();
        let data = match (self.method, &mut self.increments) {
            (Method::Hash, _) if both_files => Data::Digest(digest),
            (Method::Full, Some(increments)) if both_files => match increments.chain(&old, self.at) {
                Ok(chain) => Data::Content(chain, digest.map(|known| known.digest)),
                Err(e @ Error::Corrupt { .. }) => {
                    let source = io::Error::other(crate::error::chain(&e));
                    return Ok(Job::Problem(Problem { kind: ProblemKind::List, path, source }));
                }
                Err(e) => return Err(e),
            },
            _ => Data::Unasked,
        };
        Ok(Job::Both(Box::new(Both { path, stat, old, new, data })))
    }
}

/// The error for a source of which something essential can't be read.
pub(super) fn gone(source: &dyn Source, path: &RepoPathBuf, e: &io::Error) -> Error {
    let what = format!("the source {} can't be read: {path} gives \"{e}\"", source.name());
    Error::SourceVanished { what, loss: Loss::Source }
}
