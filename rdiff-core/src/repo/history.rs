//! Many sessions at once: the states of each path, read from each file of metadata once.
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::repo::history::{Damaged, Lifeline, Timeline};
//!
//! let mut timeline: Timeline = repo.timeline(&repo.sessions()?, RepoPath::ROOT)?;
//! let lines: Vec<Lifeline> = timeline.by_ref().collect();
//! assert_eq!(lines[1].path.to_string(), "note");
//! let sizes: Vec<_> = lines[1].states.iter().flatten().map(|entry| entry.size()).collect();
//! assert_eq!(sizes, [5, 6]); // bytes, oldest first
//! let damaged: &[Damaged] = timeline.damaged();
//! assert!(damaged.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::metadata::{Stream, Versioned, chain};
use super::{DataFile, Repository};
use crate::entry::Entry;
use crate::error::{Doing, Error, FormatError, IoContext, Result, chain as in_words};
use crate::format::names::IncrementKind;
use crate::merge::AtPath;
use crate::path::{RepoPath, RepoPathBuf};
use crate::time::SessionTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::sync::Arc;

/// One path at each of some sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifeline {
    /// Where.
    pub path: RepoPathBuf,
    /// What was there, in the order of the sessions asked for. Equal neighbours are one object.
    pub states: Vec<Option<Arc<Entry>>>,
}

/// A session of which not everything can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Damaged {
    /// Which.
    pub session: SessionTime,
    /// What is wrong, with the name of the file.
    pub why: String,
}

/// A stream of [`Lifeline`]s in path order. A damaged file of metadata ends only the sessions that need it;
/// see [`Timeline::damaged`].
pub struct Timeline {
    /// Newest first.
    layers: Vec<Layer>,
    /// For each session asked for, the layer that holds it.
    sessions: Vec<(SessionTime, Option<usize>)>,
    heads: BinaryHeap<Reverse<(RepoPathBuf, usize)>>,
    damaged: Vec<Damaged>,
}

/// A file of metadata.
struct Layer {
    is_snapshot: bool,
    records: Stream<Versioned>,
    /// What it says of the path that it speaks of next.
    head: Option<Arc<Entry>>,
    broken: bool,
}

impl Repository {
    /// What each path below `subtree` was at each of `sessions` (ascending).
    ///
    /// Every file of metadata from the first to the last of them is open at once: ask for some hundred
    /// sessions at most.
    ///
    /// # Errors
    /// [`Error::Io`] when a file can't be opened.
    pub fn timeline(&self, sessions: &[SessionTime], subtree: RepoPath<'_>) -> Result<Timeline> {
        let files = self.data_files()?;
        let layers = layers_for(&files, sessions);
        let mut timeline = Timeline {
            sessions: sessions.iter().map(|t| (*t, layers.iter().position(|f| f.time == *t))).collect(),
            layers: Vec::new(),
            heads: BinaryHeap::new(),
            damaged: Vec::new(),
        };
        for file in layers {
            let below = subtree.to_owned();
            let mut records = self.records_from(file, subtree)?.peekable();
            let blank = if records.peek().is_none() { self.blank(file)? } else { None };
            let records = blank
                .map(Err)
                .into_iter()
                .chain(records)
                .skip_while({
                    let below = below.clone();
                    move |r| r.as_ref().is_ok_and(|r| r.path() < below.as_path())
                })
                .take_while(move |r| r.as_ref().map_or(true, |r| r.path().starts_with(below.as_path())));
            timeline.layers.push(Layer {
                is_snapshot: file.kind == IncrementKind::Snapshot,
                records: Box::new(records),
                head: None,
                broken: false,
            });
        }
        for (session, layer) in timeline.sessions.clone() {
            if layer.is_none() {
                let why = "no mirror_metadata for it is left".to_owned();
                timeline.damaged.push(Damaged { session, why });
            }
        }
        for i in 0..timeline.layers.len() {
            timeline.advance(i);
        }
        Ok(timeline)
    }

    /// What is wrong with a file of metadata in which no record was found, if one must be there.
    fn blank(&self, file: &DataFile) -> Result<Option<Error>> {
        if self.records_from(file, RepoPath::ROOT)?.next().is_some() {
            return Ok(None);
        }
        let path = self.path_of(&file.place);
        let mut first = Vec::new();
        let opened = self.root().open_file(file.place.as_bytes());
        let read = opened.and_then(|file| file.take(2).read_to_end(&mut first));
        read.while_doing(Doing::Read, &path)?;
        let is_gzip_by_name = file.place.as_bytes().ends_with(b".gz");
        // A session that changed nothing leaves a plain file of no bytes, or nothing in a gzip file.
        let says_nothing = if is_gzip_by_name { first == [0x1f, 0x8b] } else { first.is_empty() };
        if file.kind == IncrementKind::Diff && says_nothing {
            return Ok(None);
        }
        let source = FormatError::Other("it holds no record".to_owned());
        Ok(Some(Error::Corrupt { file: path, line: None, source }))
    }

    /// One path at all sessions, oldest first, with its attributes. Sessions without metadata are left out.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::OutOfOrder`], [`Error::Io`].
    pub fn versions_of(&self, path: RepoPath<'_>) -> Result<Vec<(SessionTime, Option<Entry>)>> {
        let files = self.data_files()?;
        let sessions = self.sessions()?;
        let mut state: Option<Entry> = None;
        let mut versions = Vec::new();
        for file in layers_for(&files, &sessions) {
            let mut said = None;
            for record in self.records_from(file, path)? {
                let record = record?;
                if record.path.as_path() >= path {
                    said = (record.path.as_path() == path).then_some(record.now);
                    break;
                }
            }
            match said {
                Some(now) => state = now.map(|r| r.entry),
                None if file.kind == IncrementKind::Snapshot => state = None,
                None => {}
            }
            if sessions.binary_search(&file.time).is_ok() {
                let mut entry = state.clone();
                if let Some(entry) = &mut entry {
                    entry.xattrs = first_at(self.xattrs_at(&files, file.time)?, path)?.unwrap_or_default();
                    entry.acl = first_at(self.acls_at(&files, file.time)?, path)?.unwrap_or_default();
                }
                versions.push((file.time, entry));
            }
        }
        versions.reverse();
        Ok(versions)
    }
}

/// The files of metadata that lead to these sessions, newest first.
fn layers_for<'f>(files: &'f [DataFile], sessions: &[SessionTime]) -> Vec<&'f DataFile> {
    let with_file = |t: &&SessionTime| files.iter().any(|f| f.base == b"mirror_metadata" && f.time == **t);
    let Some(&oldest) = sessions.first() else { return Vec::new() };
    let newest = sessions.iter().rev().find(with_file);
    let Some(top) = newest.and_then(|t| Some(chain(files, b"mirror_metadata", *t)?.last()?.time)) else {
        return Vec::new();
    };
    let mut layers: Vec<&DataFile> = files
        .iter()
        .filter(|f| f.base == b"mirror_metadata" && f.time >= oldest && f.time <= top)
        .filter(|f| matches!(f.kind, IncrementKind::Snapshot | IncrementKind::Diff))
        .collect();
    layers.sort_by_key(|f| (Reverse(f.time), f.kind));
    layers.dedup_by_key(|f| f.time);
    layers
}

fn first_at<T>(side: Stream<(RepoPathBuf, T)>, path: RepoPath<'_>) -> Result<Option<T>> {
    for item in side {
        let (at, value) = item?;
        if at.as_path() >= path {
            return Ok((at.as_path() == path).then_some(value));
        }
    }
    Ok(None)
}

impl Timeline {
    /// The sessions of which not everything could be told. What was missing counts as not there. Complete
    /// when the stream has ended.
    pub fn damaged(&self) -> &[Damaged] {
        &self.damaged
    }

    fn advance(&mut self, i: usize) {
        match self.layers[i].records.next() {
            None => {}
            Some(Ok(record)) => {
                self.layers[i].head = record.now.map(|r| Arc::new(r.entry));
                self.heads.push(Reverse((record.path, i)));
            }
            Some(Err(e)) => self.give_up(i, &e),
        }
    }

    /// Ends the sessions that need a damaged layer: its own, and older ones up to the next snapshot.
    fn give_up(&mut self, i: usize, e: &Error) {
        let why = in_words(e);
        let below = (i + 1..self.layers.len()).find(|&j| self.layers[j].is_snapshot);
        for broken in i..below.unwrap_or(self.layers.len()) {
            self.layers[broken].broken = true;
        }
        for (session, layer) in &self.sessions {
            let hit = layer.is_some_and(|l| l >= i && below.is_none_or(|b| l < b));
            if hit && !self.damaged.iter().any(|d| d.session == *session) {
                self.damaged.push(Damaged { session: *session, why: why.clone() });
            }
        }
    }
}

impl Iterator for Timeline {
    type Item = Lifeline;

    fn next(&mut self) -> Option<Lifeline> {
        let Reverse((path, first)) = self.heads.pop()?;
        let mut speaking = vec![first];
        while self.heads.peek().is_some_and(|Reverse((p, _))| *p == path) {
            speaking.extend(self.heads.pop().map(|Reverse((_, i))| i));
        }
        speaking.sort_unstable();
        let mut state: Option<Arc<Entry>> = None;
        let mut states = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter_mut().enumerate() {
            if speaking.binary_search(&i).is_ok() {
                state = layer.head.take();
            } else if layer.is_snapshot {
                state = None;
            }
            states.push(state.clone().filter(|_| !layer.broken));
        }
        for i in speaking {
            self.advance(i);
        }
        let of_session = |(_, layer): &(SessionTime, Option<usize>)| layer.and_then(|l| states[l].clone());
        Some(Lifeline { states: self.sessions.iter().map(of_session).collect(), path })
    }
}
