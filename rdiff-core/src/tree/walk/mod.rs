//! A live tree as a sorted stream, with directories read ahead by a pool.
//!
//! ```
//! use rdiff_core::path::RepoPath;
//! use rdiff_core::pool::Pool;
//! use rdiff_core::tree::attrs::Names;
//! use rdiff_core::tree::local::LocalSource;
//! use rdiff_core::tree::walk::{Everything, Filter, Found, Holds, Walk, Wanted, What};
//! use rdiff_core::tree::Stat;
//! use std::sync::Arc;
//!
//! /// Leaves out what is called `cache`. [`Everything`] leaves out nothing.
//! struct NoCache;
//!
//! impl Filter for NoCache {
//!     fn wants(&mut self, path: RepoPath<'_>, _: &Stat, _: &Holds<'_>) -> Wanted {
//!         if path.name() == Some(b"cache") { Wanted::No } else { Wanted::Yes }
//!     }
//! }
//!
//! # let dir = tempfile::tempdir()?;
//! # std::fs::create_dir_all(dir.path().join("a/cache"))?;
//! # std::fs::write(dir.path().join("a/note"), "text")?;
//! let source = Arc::new(LocalSource::open(dir.path(), Arc::new(Names::default()))?);
//! let pool = Arc::new(Pool::new(2));
//! let found: Vec<Found> = Walk::new(source.clone(), pool.clone(), NoCache).collect();
//! let paths: Vec<String> = found.iter().map(|found| found.path.to_string()).collect();
//! assert_eq!(paths, [".", "a", "a/note"]);
//! assert!(matches!(&found[2].what, What::Here(stat) if stat.size == 4)); // bytes
//! assert_eq!(Walk::new(source, pool, Everything).count(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;

use super::Stat;
use super::source::{Listing, Source};
use crate::merge::AtPath;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use ahead::{Branch, Frame, Stats, most_ahead};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// What a walk finds, in path order.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub path: RepoPathBuf,
    /// What.
    pub what: What,
}

/// What a walk finds at a path.
#[derive(Debug)]
pub enum What {
    /// Something is there.
    Here(Stat),
    /// Nothing can be said about it or anything below it. For a directory that can't be listed this
    /// follows the entry of the directory itself.
    Unknown(io::Error),
}

impl AtPath for Found {
    fn path(&self) -> RepoPath<'_> {
        self.path.as_path()
    }
}

/// Says whether a directory of the tree holds an entry of some name.
pub type Holds<'a> = dyn Fn(RepoPath<'_>, &[u8]) -> bool + 'a;

/// Says of each path whether a stream of paths shows it and goes into it.
pub trait Filter: Send {
    /// Is it shown? A directory that isn't is not entered either.
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted;
}

/// The answer of a [`Filter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Show it.
    Yes,
    /// Leave it out, with all below it.
    No,
    /// A directory to show only if something in it is shown.
    IfNotEmpty,
}

/// Shows everything.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Filter for Everything {
    fn wants(&mut self, _: RepoPath<'_>, _: &Stat, _: &Holds<'_>) -> Wanted {
        Wanted::Yes
    }
}

/// A sorted stream of all that is in a source. Holds the directories from the root to the present path,
/// and those read ahead.
pub struct Walk<F> {
    source: Arc<dyn Source>,
    pool: Arc<Pool>,
    filter: F,
    frames: Vec<Frame>,
    pending: Vec<Found>,
    ready: VecDeque<Found>,
    started: bool,
    in_flight: usize,
}

impl<F: Filter> Walk<F> {
    /// Walks `source`, reading ahead with `pool`.
    pub fn new(source: Arc<dyn Source>, pool: Arc<Pool>, filter: F) -> Self {
        Self {
            source,
            pool,
            filter,
            frames: Vec::new(),
            pending: Vec::new(),
            ready: VecDeque::new(),
            started: false,
            in_flight: 0,
        }
    }

    /// Begins to read ahead, before the first path is asked for.
    pub(crate) fn begin(&mut self) {
        if !self.started {
            self.started = true;
            self.start();
            self.read_ahead();
        }
    }

    fn start(&mut self) {
        match self.source.root() {
            Ok(stat) => {
                self.ready.push_back(Found { path: RepoPathBuf::default(), what: What::Here(stat) });
                let listing = self.source.list(RepoPath::ROOT);
                self.enter(RepoPathBuf::default(), listing, VecDeque::new(), 0);
            }
            Err(e) => self.ready.push_back(Found { path: RepoPathBuf::default(), what: What::Unknown(e) }),
        }
    }

    fn enter(
        &mut self,
        dir: RepoPathBuf,
        listing: io::Result<Listing>,
        branches: VecDeque<Branch>,
        asked: usize,
    ) {
        let pending_before = self.pending.len();
        match listing {
            Ok(Listing { names, stats }) => {
                let stats = match stats {
                    Some(stats) => Stats::All(stats),
                    None => Stats::Parts { from: 0, now: Vec::new(), tasks: VecDeque::new(), asked: 0 },
                };
                self.frames.push(Frame { dir, names, stats, next: 0, branches, asked, pending_before });
            }
            Err(e) => self.show(Found { path: dir, what: What::Unknown(e) }),
        }
        // Once for each directory: it looks at all that was read ahead.
        self.read_further_ahead();
    }

    /// Shows an entry, after the directories that waited for one.
    fn show(&mut self, found: Found) {
        self.ready.extend(self.pending.drain(..));
        for frame in &mut self.frames {
            frame.pending_before = 0;
        }
        self.ready.push_back(found);
    }

    /// Looks at one more entry, or leaves a directory. False at the end.
    fn step(&mut self) -> bool {
        self.read_ahead();
        let Some(frame) = self.frames.last_mut() else { return false };
        if frame.next >= frame.names.len() {
            self.pending.truncate(frame.pending_before.min(self.pending.len()));
            self.in_flight -= frame.branches.iter().map(Branch::count).sum::<usize>();
            self.frames.pop();
            return true;
        }
        let i = frame.next;
        frame.next += 1;
        let path = frame.dir.as_path().join(&frame.names[i]);
        let branch = match frame.branches.front() {
            Some(branch) if branch.at == i => frame.branches.pop_front(),
            _ => None,
        };
        self.in_flight -= branch.as_ref().map_or(0, Branch::count);
        match frame.stat(i, &self.source, &self.pool) {
            Ok(stat) => self.found(path, stat, branch),
            // It went between listing and looking: it isn't there.
            Err(e) if super::is_absent(&e) => {}
            Err(e) => self.show(Found { path, what: What::Unknown(e) }),
        }
        true
    }

    fn found(&mut self, path: RepoPathBuf, stat: Stat, branch: Option<Branch>) {
        let source = Arc::clone(&self.source);
        let holds = |dir: RepoPath<'_>, name: &[u8]| {
            let found = source.stat_in(dir, &[Box::from(name)]);
            found.first().is_some_and(Result::is_ok)
        };
        let wanted = self.filter.wants(path.as_path(), &stat, &holds);
        let found = Found { path, what: What::Here(stat) };
        match wanted {
            Wanted::No => return,
            Wanted::IfNotEmpty if !stat.is_dir() => return,
            Wanted::Yes if !stat.is_dir() => return self.show(found),
            _ => {}
        }
        let dir = found.path.clone();
        let before = self.pending.len();
        match wanted {
            Wanted::Yes => self.show(found),
            _ => self.pending.push(found),
        }
        let (listing, branches, asked) = match branch {
            Some(mut branch) => {
                branch.arrive(true);
                // Those below stay read ahead.
                self.in_flight += branch.count() - 1;
                branch.into_parts()
            }
            None => (None, VecDeque::new(), 0),
        };
        let listing = listing.unwrap_or_else(|| self.source.list(dir.as_path()));
        self.enter(dir, listing, branches, asked);
        if wanted == Wanted::IfNotEmpty
            && let Some(frame) = self.frames.last_mut()
        {
            frame.pending_before = before.min(self.pending.len());
        }
    }

    /// Asks for the listings of the directories that come next, the innermost frame's first.
    fn read_ahead(&mut self) {
        let most = most_ahead(self.pool.workers());
        // Those of the innermost come next, however much was read ahead elsewhere: nobody else would read them.
        // Several at a time, since waking a worker costs as much as a small directory.
        if let Some(frame) = self.frames.last_mut()
            && frame.branches.len() <= most / 4
        {
            while self.in_flight < 2 * most && frame.branches.len() < most / 2 {
                if !frame.ask_for_next(&self.source, &self.pool) {
                    break;
                }
                self.in_flight += 1;
            }
        }
        if self.in_flight * 2 > most {
            return;
        }
        for frame in self.frames.iter_mut().rev() {
            while self.in_flight < most && frame.ask_for_next(&self.source, &self.pool) {
                self.in_flight += 1;
            }
        }
    }

    /// Asks for the listings of directories in those that were read ahead and are here. Where each listing
    /// waits for a network, narrow and deep trees would otherwise take a round trip for each directory.
    fn read_further_ahead(&mut self) {
        let most = most_ahead(self.pool.workers());
        for frame in self.frames.iter_mut().rev() {
            for branch in &mut frame.branches {
                if self.in_flight * 2 > most {
                    return;
                }
                let path = frame.dir.as_path().join(&frame.names[branch.at]);
                self.in_flight += branch.grow(&path, &self.source, &self.pool, most - self.in_flight);
            }
        }
    }
}

impl<F: Filter> Iterator for Walk<F> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        self.begin();
        while self.ready.is_empty() {
            if !self.step() {
                return None;
            }
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::super::attrs::Names;
    use super::ahead::PART;
    use super::*;
    use crate::entry::{Acl, Name, Xattrs};
    use crate::tree::local::LocalSource;
    use crate::tree::source::{SourceFile, SourceTraits};
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn walk(dir: &std::path::Path, workers: usize, filter: impl Filter) -> Vec<String> {
        let source = Arc::new(LocalSource::open(dir, Arc::new(Names::default())).unwrap());
        Walk::new(source, Arc::new(Pool::new(workers)), filter).map(|f| f.path.to_string()).collect()
    }

    #[test]
    fn the_stream_is_sorted_and_the_same_with_any_number_of_workers() {
        let dir = tempfile::tempdir().unwrap();
        for d in ["a", "a/b", "a/b/c", "a.d", "e/f/g", "h"] {
            fs::create_dir_all(dir.path().join(d)).unwrap();
            for i in 0..5 {
                fs::write(dir.path().join(d).join(format!("file{i}")), "").unwrap();
            }
        }
        for i in 0..3 * PART {
            fs::write(dir.path().join("h").join(format!("n{i}")), "").unwrap();
        }
        let alone = walk(dir.path(), 0, Everything);
        assert_eq!(alone.len(), 1 + 8 + 6 * 5 + 3 * PART);
        let mut sorted: Vec<_> = alone[1..].iter().map(|p| RepoPathBuf::new(p.as_bytes()).unwrap()).collect();
        sorted.sort();
        assert_eq!(alone[1..], sorted.iter().map(ToString::to_string).collect::<Vec<_>>());
        for workers in [1, 2, 8] {
            assert_eq!(walk(dir.path(), workers, Everything), alone);
        }
    }

    /// Takes its time for each listing. Counts how many are under way at once below the first level, and those that
    /// no worker made.
    struct Slow(LocalSource, AtomicUsize, AtomicUsize, AtomicUsize);

    impl Source for Slow {
        fn name(&self) -> String {
            self.0.name()
        }
        fn root(&self) -> io::Result<Stat> {
            self.0.root()
        }
        fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing> {
            let deep = usize::from(dir.depth() > 1);
            let now = self.1.fetch_add(deep, Ordering::SeqCst) + deep;
            self.2.fetch_max(now, Ordering::SeqCst);
            let is_worker = std::thread::current().name().is_some_and(|name| name.starts_with("worker-"));
            self.3.fetch_add(usize::from(!is_worker), Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(20));
            self.1.fetch_sub(deep, Ordering::SeqCst);
            self.0.list(dir)
        }
        fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<Stat>> {
            self.0.stat_in(dir, names)
        }
        fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>> {
            self.0.read_link(path)
        }
        fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
            self.0.open(path)
        }
        fn attributes(&self, path: RepoPath<'_>, stat: &Stat) -> io::Result<(Xattrs, Acl)> {
            self.0.attributes(path, stat)
        }
        fn traits(&self) -> SourceTraits {
            self.0.traits()
        }
        fn user_name(&self, uid: u32) -> Option<Name> {
            self.0.user_name(uid)
        }
        fn group_name(&self, gid: u32) -> Option<Name> {
            self.0.group_name(gid)
        }
    }

    #[test]
    fn narrow_and_deep_directories_are_read_ahead_too() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..16 {
            fs::create_dir_all(dir.path().join(format!("d{i:02}/only/one"))).unwrap();
        }
        let local = LocalSource::open(dir.path(), Arc::new(Names::default())).unwrap();
        let source = Arc::new(Slow(local, AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0)));
        let mut found = Walk::new(source.clone(), Arc::new(Pool::new(16)), Everything);
        assert_eq!(found.by_ref().count(), 1 + 3 * 16);
        assert_eq!(found.in_flight, 0);
        assert!(source.2.load(Ordering::SeqCst) >= 4, "{:?}", source.2);
    }

    #[test]
    fn what_comes_next_is_read_ahead_although_all_that_comes_later_is_too() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..400 {
            fs::create_dir_all(dir.path().join(format!("t{}/d{i:03}", i % 10))).unwrap();
        }
        let local = LocalSource::open(dir.path(), Arc::new(Names::default())).unwrap();
        let source = Arc::new(Slow(local, AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0)));
        let mut found = Walk::new(source.clone(), Arc::new(Pool::new(16)), Everything);
        // The later ones are all here before the first is entered.
        assert_eq!(found.by_ref().take(2).count(), 2);
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(found.by_ref().count(), 410 - 1);
        assert_eq!(found.in_flight, 0);
        assert!(source.3.load(Ordering::SeqCst) < 40, "{:?} of 411 by the thread that walks", source.3);
    }

    struct OnlyKeep;
    impl Filter for OnlyKeep {
        fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, _: &Holds<'_>) -> Wanted {
            match path.name() {
                Some(b"keep") => Wanted::Yes,
                _ if stat.is_dir() => Wanted::IfNotEmpty,
                _ => Wanted::No,
            }
        }
    }

    #[test]
    fn a_directory_that_waits_is_shown_only_with_something_in_it() {
        let dir = tempfile::tempdir().unwrap();
        for d in ["a/b/c", "a/x", "e/f", "g"] {
            fs::create_dir_all(dir.path().join(d)).unwrap();
        }
        for f in ["a/b/c/keep", "a/x/no", "g/keep"] {
            fs::write(dir.path().join(f), "").unwrap();
        }
        for workers in [0, 2] {
            assert_eq!(
                walk(dir.path(), workers, OnlyKeep),
                [".", "a", "a/b", "a/b/c", "a/b/c/keep", "g", "g/keep"]
            );
        }
    }
}
