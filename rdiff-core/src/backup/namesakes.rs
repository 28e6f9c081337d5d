//! Directories of the mirror that bear the names of increments to be written.
//!
//! Where such a directory is, its own increments have to stand. The records of the last session tell which there are, as
//! far as they were read; they are read ahead of the work, so that for most increments the mirror needn't be asked.

use super::plan::Planned;
use crate::format::names::TimedName;
use crate::path::{RepoPath, RepoPathBuf};
use crate::time::SessionTime;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// What was read of the records so far.
#[derive(Default)]
pub(super) struct Namesakes(Mutex<Met>);

#[derive(Default)]
struct Met {
    directories: HashSet<RepoPathBuf>,
    /// All records up to this one were read,
    up_to: RepoPathBuf,
    /// or all there are.
    all: bool,
}

impl Namesakes {
    /// Notes the next paths of the plan, in which every record has its place, or that there are no more. Increments bear
    /// the time `previous`.
    pub(super) fn note(&self, next: Option<&[Planned]>, previous: SessionTime) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(planned) = next else {
            met.all = true;
            return;
        };
        let directories = planned.iter().filter_map(|p| p.old.as_deref()).filter(|old| old.entry.is_dir());
        let names_increment = |path: &RepoPathBuf| {
            path.as_path().name().and_then(TimedName::parse).is_some_and(|n| n.time == previous)
        };
        let namesakes = directories.map(|old| &old.entry.path).filter(|path| names_increment(path));
        met.directories.extend(namesakes.cloned());
        if let Some(last) = planned.last() {
            met.up_to.clone_from(&last.path);
        }
    }

    /// Was there a directory at this path, which is that of an increment? Nothing while its record may be still to come.
    pub(super) fn has(&self, path: RepoPath<'_>) -> Option<bool> {
        let met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (met.all || met.up_to.as_path() >= path)
            .then(|| !met.directories.is_empty() && met.directories.contains(&path.to_owned()))
    }
}
