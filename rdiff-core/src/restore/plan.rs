//! Planning: what is to be done with each path, decided in path order.

use super::target::Target;
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, IoContext, Result};
use crate::merge::Pair;
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::Repository;
use crate::repo::disk::{Disk, remove_all};
use crate::repo::increments::{Base, Chain, Increments, is_surely_empty};
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Recorded;
use crate::time::SessionTime;
use crate::tree::Stat;
use crate::tree::walk::{Found, What};
use std::collections::HashMap;
use std::sync::Arc;

/// One path to bring about.
pub(super) struct Job {
    pub(super) entry: Entry,
    pub(super) place: StoredPath,
    pub(super) work: Work,
}

pub(super) enum Work {
    /// The directory is there; its attributes come last.
    Directory,
    /// A file to be rebuilt. `there` is the regular file that stands in its place. A chain that is shortened
    /// begins at a later session that had the same content.
    Content { chain: Chain, is_shortened: bool, there: Option<Stat>, digest: Option<Digest> },
    /// A file of which nothing in the repository leads to the content, and why.
    Lost(String),
    /// A second name of a file restored before, which has this digest.
    Link { to: StoredPath, there: bool, digest: Option<Digest> },
    /// A link or special file.
    Special,
    /// Only attributes differ, if anything.
    Attributes,
}

impl Job {
    pub(super) fn weight(&self) -> u64 {
        match self.work {
            Work::Content { .. } => self.entry.size().max(4096),
            _ => 0,
        }
    }
}

/// Decides, in path order, what is to be done.
pub(super) struct Planner<'r> {
    pub(super) repo: &'r Repository,
    pub(super) increments: Increments<'r>,
    /// The session that the mirror is, if it surely is one.
    pub(super) newest: Option<SessionTime>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) target: &'r Target,
    pub(super) at: SessionTime,
    pub(super) subtree: RepoPath<'r>,
    pub(super) hard_links: bool,
    /// The first file of each group of hard links that was met, and the group's digest.
    pub(super) links: HashMap<(u64, u64), (StoredPath, Option<Digest>)>,
    /// A directory of the target that was removed with all that the walk still finds in it.
    pub(super) gone: Option<RepoPathBuf>,
    pub(super) removed: u64,
}

impl Planner<'_> {
    pub(super) fn place(&self, path: RepoPath<'_>) -> StoredPath {
        StoredPath::in_target(&self.target.prefix, path.below(self.subtree).unwrap_or(path))
    }

    pub(super) fn plan(&mut self, pair: Pair<Box<Recorded>, Found>) -> Result<Option<Job>> {
        let (recorded, there) = match pair {
            Pair::Left(recorded) => (recorded, None),
            Pair::Right(found) => return self.stranger(&found).map(|()| None),
            Pair::Both(recorded, found) => match found.what {
                What::Here(stat) if !self.is_gone(found.path.as_path()) => (recorded, Some(stat)),
                _ => (recorded, None),
            },
        };
        let Recorded { entry, same_until, .. } = *recorded;
        let place = self.place(entry.path.as_path());
        let shown = self.target.root.path_of(place.as_bytes());
        let there = match there {
            Some(stat) if !stat.is_a(&entry.kind) => {
                remove_all(&*self.disk, &place).while_doing(Doing::Remove, &shown)?;
                self.gone = Some(entry.path.clone());
                None
            }
            other => other,
        };
        let work = match &entry.kind {
            Kind::Dir => {
                if there.is_none() && !place.as_bytes().is_empty() {
                    self.disk.mkdir(&place).while_doing(Doing::Create, &shown)?;
                }
                Work::Directory
            }
            Kind::File(_) => self.plan_file(&entry, same_until, &place, there)?,
            _ if there.is_some() && self.is_same_special(&entry, &place) => Work::Attributes,
            _ => {
                if there.is_some() {
                    remove_all(&*self.disk, &place).while_doing(Doing::Remove, &shown)?;
                }
                Work::Special
            }
        };
        Ok(Some(Job { entry, place, work }))
    }

    pub(super) fn plan_file(
        &mut self,
        entry: &Entry,
        same_until: Option<SessionTime>,
        place: &StoredPath,
        there: Option<Stat>,
    ) -> Result<Work> {
        let file = entry.file().cloned().unwrap_or_default();
        let mut digest = file.digest;
        if let Some(link) = file.link {
            match self.links.get(&link.group()) {
                Some((to, digest)) if self.hard_links => {
                    return Ok(Work::Link { to: to.clone(), there: there.is_some(), digest: *digest });
                }
                Some((_, of_group)) => digest = *of_group,
                None => {
                    self.links.insert(link.group(), (place.clone(), digest));
                }
            }
        }
        // The way is shorter from a later session with the same content; if that is damaged, the long one is left.
        let from = same_until.unwrap_or(self.at).max(self.at);
        let chain = if self.newest == Some(from) || is_surely_empty(entry) {
            let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
            Chain { base: Base::Mirror(mirror), deltas: Vec::new() }
        } else {
            match self.increments.chain(entry, from) {
                Ok(chain) => chain,
                // One file's damage must not keep the others from coming back.
                Err(e) => return Ok(Work::Lost(crate::error::chain(&e))),
            }
        };
        // A file with several names in the target must not be changed under the others, unless these are its own.
        let is_group = |stat: &Stat| {
            let is_same = stat.mode == entry.attrs.mode && Some(stat.mtime.0) == entry.attrs.mtime;
            self.hard_links && is_same && file.link.is_some_and(|link| link.count == stat.links)
        };
        let there = there.filter(|stat| stat.links == 1 || is_group(stat));
        if there.is_none() {
            let shown = self.target.root.path_of(place.as_bytes());
            crate::repo::disk::ignore_absent(if self.target.is_empty {
                Ok(())
            } else {
                self.disk.unlink(place)
            })
            .while_doing(Doing::Remove, shown)?;
        }
        Ok(Work::Content { chain, is_shortened: from != self.at, there, digest })
    }

    pub(super) fn is_same_special(&self, entry: &Entry, place: &StoredPath) -> bool {
        match &entry.kind {
            Kind::Symlink(target) => self.target.root.read_link(place.as_bytes()).is_ok_and(|t| t == *target),
            _ => true,
        }
    }

    pub(super) fn is_gone(&self, path: RepoPath<'_>) -> bool {
        self.gone.as_ref().is_some_and(|gone| path.starts_with(gone.as_path()))
    }

    /// Removes what is in the target and not in the session.
    pub(super) fn stranger(&mut self, found: &Found) -> Result<()> {
        if self.is_gone(found.path.as_path()) || matches!(found.what, What::Unknown(_)) {
            return Ok(());
        }
        let place = self.place(found.path.as_path());
        remove_all(&*self.disk, &place)
            .while_doing(Doing::Remove, self.target.root.path_of(place.as_bytes()))?;
        self.gone = Some(found.path.clone());
        self.removed += 1;
        Ok(())
    }
}
