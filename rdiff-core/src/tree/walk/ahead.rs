//! Directories on the way to the present path, and those that are read ahead of it.

use crate::path::RepoPathBuf;
use crate::pool::{Pool, Task};
use crate::tree::Stat;
use crate::tree::source::{Listing, Source};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// How many directories are read ahead for each worker: more where there are few workers.
const AHEAD: (usize, usize) = (2, 32);
/// So many workers are few. There are many where each listing waits for a network.
const FEW_WORKERS: usize = 8;
/// After so many entries a task of few workers ends. Until then it goes on to the directories below, since waking a worker
/// costs as much as a small directory.
const SUBTREE: usize = 128;
/// How many entries of a large directory one task looks at.
pub(super) const PART: usize = 512;

/// One directory on the way to the present path.
pub(super) struct Frame {
    pub(super) dir: RepoPathBuf,
    pub(super) names: Vec<Box<[u8]>>,
    pub(super) stats: Stats,
    /// The entry to look at next.
    pub(super) next: usize,
    /// Its directories, as far as their listings were asked for.
    pub(super) branches: VecDeque<Branch>,
    /// The entry from which on no listing was asked for.
    pub(super) asked: usize,
    /// The length of `pending` when it was entered.
    pub(super) pending_before: usize,
}

/// A directory that is read ahead, with those below it.
pub(super) struct Branch {
    /// Its place in the directory that holds it.
    pub(super) at: usize,
    /// What is to come,
    task: Option<Task<Subtree>>,
    /// or has come.
    here: Option<io::Result<Listing>>,
    /// As in a [`Frame`].
    pub(super) branches: VecDeque<Branch>,
    pub(super) asked: usize,
}

pub(super) enum Stats {
    All(Vec<io::Result<Stat>>),
    /// A window of parts: the index of the first, their results, and those under way.
    Parts {
        from: usize,
        now: Vec<io::Result<Stat>>,
        tasks: VecDeque<Task<Vec<io::Result<Stat>>>>,
        asked: usize,
    },
}

/// What one task reads: a directory, and those below it that come next.
struct Subtree {
    listing: io::Result<Listing>,
    below: Vec<(usize, Subtree)>,
    /// The entry from which on nothing was looked at.
    asked: usize,
}

impl Subtree {
    /// Reads a directory, and goes on below it while there are `entries` left.
    fn read(source: &dyn Source, path: &RepoPathBuf, entries: &mut usize) -> Self {
        let listing = source.list(path.as_path());
        let (mut below, mut asked) = (Vec::new(), 0);
        if let Ok(Listing { names, stats: Some(stats) }) = &listing {
            *entries = entries.saturating_sub(1 + names.len());
            while asked < names.len() && *entries > 0 {
                let i = asked;
                asked += 1;
                if stats[i].as_ref().is_ok_and(Stat::is_dir) {
                    let path = path.as_path().join(&names[i]);
                    below.push((i, Self::read(source, &path, entries)));
                }
            }
        }
        Self { listing, below, asked }
    }

    /// As a directory whose place in the one that holds it is `at`.
    fn into_branch(self, at: usize) -> Branch {
        let branches = self.below.into_iter().map(|(at, subtree)| subtree.into_branch(at)).collect();
        Branch { at, task: None, here: Some(self.listing), branches, asked: self.asked }
    }
}

/// How many directories are read ahead: what is here long before it is needed may be stale by then.
pub(super) fn most_ahead(workers: usize) -> usize {
    (AHEAD.0 * workers).max(AHEAD.1 * workers.min(FEW_WORKERS))
}

impl Branch {
    pub(super) fn ask(at: usize, path: RepoPathBuf, source: &Arc<dyn Source>, pool: &Pool) -> Self {
        let source = Arc::clone(source);
        let mut entries = if pool.workers() <= FEW_WORKERS { SUBTREE } else { 0 };
        let task = pool.submit(move || Subtree::read(&*source, &path, &mut entries));
        Self { at, task: Some(task), here: None, branches: VecDeque::new(), asked: 0 }
    }

    /// How many listings it holds.
    pub(super) fn count(&self) -> usize {
        1 + self.branches.iter().map(Branch::count).sum::<usize>()
    }

    /// Takes what its task has read; `wait` for it, or only if it is there.
    pub(super) fn arrive(&mut self, wait: bool) {
        if let Some(task) = self.task.take_if(|task| wait || task.is_done()) {
            *self = task.join().into_branch(self.at);
        }
    }

    /// Its listing, and the directories read ahead below it: they are of no use without each other.
    pub(super) fn into_parts(self) -> (Option<io::Result<Listing>>, VecDeque<Branch>, usize) {
        (self.here, self.branches, self.asked)
    }

    /// Asks for up to `most` listings below it, and says how many more it holds.
    pub(super) fn grow(
        &mut self,
        path: &RepoPathBuf,
        source: &Arc<dyn Source>,
        pool: &Pool,
        most: usize,
    ) -> usize {
        let before = self.count();
        self.arrive(false);
        let mut grown = self.count() - before;
        let Some(Ok(Listing { names, stats: Some(stats) })) = &self.here else { return grown };
        while self.asked < names.len() && grown < most {
            let i = self.asked;
            self.asked += 1;
            if stats[i].as_ref().is_ok_and(Stat::is_dir) {
                self.branches.push_back(Branch::ask(i, path.as_path().join(&names[i]), source, pool));
                grown += 1;
            }
        }
        for branch in &mut self.branches {
            if grown >= most {
                break;
            }
            grown += branch.grow(&path.as_path().join(&names[branch.at]), source, pool, most - grown);
        }
        grown
    }
}

impl Frame {
    /// Asks for the listing of its next directory. False if none is left.
    pub(super) fn ask_for_next(&mut self, source: &Arc<dyn Source>, pool: &Pool) -> bool {
        let Stats::All(stats) = &self.stats else { return false };
        self.asked = self.asked.max(self.next);
        while self.asked < self.names.len() {
            let i = self.asked;
            self.asked += 1;
            if stats[i].as_ref().is_ok_and(Stat::is_dir) {
                let path = self.dir.as_path().join(&self.names[i]);
                self.branches.push_back(Branch::ask(i, path, source, pool));
                return true;
            }
        }
        false
    }

    pub(super) fn stat(&mut self, i: usize, source: &Arc<dyn Source>, pool: &Pool) -> io::Result<Stat> {
        let taken = || Err(io::Error::other("an entry was looked at twice"));
        match &mut self.stats {
            Stats::All(stats) => match &stats[i] {
                Ok(stat) => Ok(*stat),
                Err(_) => std::mem::replace(&mut stats[i], taken()),
            },
            Stats::Parts { from, now, tasks, asked } => {
                if i >= *from + now.len() {
                    let window = (2 * pool.workers()).max(1);
                    while tasks.len() < window && *asked < self.names.len() {
                        let part = self.names[*asked..self.names.len().min(*asked + PART)].to_vec();
                        *asked += part.len();
                        let (source, dir) = (Arc::clone(source), self.dir.clone());
                        tasks.push_back(pool.submit(move || source.stat_in(dir.as_path(), &part)));
                    }
                    *from += now.len();
                    *now = tasks.pop_front().map(Task::join).unwrap_or_default();
                }
                let place = now.get_mut(i - *from);
                place.map_or_else(taken, |place| std::mem::replace(place, taken()))
            }
        }
    }
}
