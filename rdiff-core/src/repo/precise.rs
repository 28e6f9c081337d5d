//! What our own side index says of a session, beside its records: times below the second and marks of change.
//!
//! A damaged index is as good as none: it holds nothing that can't be done without.

use super::gz::Content;
use super::{DataFile, Repository};
use crate::entry::Precise;
use crate::format::index::IndexReader;
use crate::format::names::IncrementKind;
use crate::path::{RepoPath, RepoPathBuf};
use crate::time::SessionTime;
use std::iter::Peekable;

/// The index of a session, asked in path order.
pub(super) enum Index {
    /// There is none.
    None,
    /// A snapshot.
    Snapshot(Box<IndexReader<Content>>),
    /// Diffs, and the snapshot that they begin from.
    Chain(Box<Oldest>),
}

impl Index {
    /// What it says of a path. Paths must ascend; what it has of those between is passed over.
    pub(super) fn take_at(&mut self, path: RepoPath<'_>) -> Option<Precise> {
        match self {
            Index::None => None,
            Index::Snapshot(reader) => reader.take_at(path),
            Index::Chain(chain) => chain.take_at(path),
        }
    }

    /// The next entry.
    fn next(&mut self) -> Option<(RepoPathBuf, Precise)> {
        loop {
            let (path, precise) = match self {
                Index::None => return None,
                Index::Snapshot(reader) => reader.next_entry().ok()??,
                Index::Chain(chain) => chain.next().map(|entry| (entry.path, entry.now))?,
            };
            if let Some(precise) = precise {
                return Some((path, precise));
            }
        }
    }
}

impl Repository {
    /// All that our side index says of a session, in path order; nothing if there is none that leads to it.
    pub(crate) fn precise_at(
        &self,
        files: &[DataFile],
        time: SessionTime,
    ) -> impl Iterator<Item = (RepoPathBuf, Precise)> + use<> {
        let mut index = self.index_at(files, time, RepoPath::ROOT);
        std::iter::from_fn(move || index.next())
    }

    /// Our side index for a session from a path on, if there is one that leads to it.
    pub(super) fn index_at(&self, files: &[DataFile], time: SessionTime, from: RepoPath<'_>) -> Index {
        let mut chain = Vec::new();
        let mut at = time;
        loop {
            let of_time =
                |kind| files.iter().find(|f| f.base == b"source_index" && f.time == at && f.kind == kind);
            let file = of_time(IncrementKind::Snapshot).or_else(|| of_time(IncrementKind::Diff));
            let opened = file.and_then(|f| IndexReader::new(self.open_side_file(&f.place).ok()?).ok());
            let Some(mut reader) = opened else { return Index::None };
            let base = reader.base();
            reader.pass_over_before(from);
            match base.map(SessionTime) {
                None if chain.is_empty() => return Index::Snapshot(Box::new(reader)),
                None => {
                    chain.push(Entries { reader }.peekable());
                    return Index::Chain(Box::new(Oldest { chain }));
                }
                Some(newer) if newer > at => at = newer,
                Some(_) => return Index::None,
            }
            chain.push(Entries { reader }.peekable());
        }
    }
}

/// An entry of one file of a chain; nothing stands for: it was not there.
struct Entry {
    path: RepoPathBuf,
    now: Option<Precise>,
}

/// The entries of one file, up to the first that is damaged.
struct Entries {
    reader: IndexReader<Content>,
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let (path, now) = self.reader.next_entry().ok()??;
        Some(Entry { path, now })
    }
}

/// The files of a chain, the oldest first: for each path the oldest that mentions it is right.
pub(super) struct Oldest {
    chain: Vec<Peekable<Entries>>,
}

impl Oldest {
    fn take_at(&mut self, path: RepoPath<'_>) -> Option<Precise> {
        let mut oldest = None;
        for file in &mut self.chain {
            while file.next_if(|entry| entry.path.as_path() < path).is_some() {}
            let entry = file.next_if(|entry| entry.path.as_path() == path);
            oldest = oldest.or(entry);
        }
        oldest?.now
    }

    fn next(&mut self) -> Option<Entry> {
        let first = self.chain.iter_mut().filter_map(|file| Some(file.peek()?.path.clone())).min()?;
        let now = self.take_at(first.as_path());
        Some(Entry { path: first, now })
    }
}
