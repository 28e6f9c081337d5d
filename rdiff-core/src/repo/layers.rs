//! Snapshot and diffs of metadata, joined record by record. Nothing of a record is copied, and no more of it read than
//! its path, before it is known to be the one that counts.

use super::gz::Content;
use super::recorded::{Recorded, in_file, until_error};
use crate::entry::Entry;
use crate::error::{Error, FormatError, Result};
use crate::format::attrs::{RecordParser, content_of, read_path};
use crate::format::record::{METADATA_MARKER, RecordError, RecordReader};
use crate::path::{RepoPath, RepoPathBuf};
use crate::time::SessionTime;
use std::path::PathBuf;

/// One file of metadata, at one of its records.
pub(super) struct Layer {
    at: SessionTime,
    reader: RecordReader<Content>,
    file: PathBuf,
    /// Was anything passed over, so that lines can't be counted?
    moved: bool,
    /// The path of the record it is at, and of the one before.
    path: RepoPathBuf,
    before: RepoPathBuf,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    New,
    /// At a record.
    Here,
    /// Behind the last.
    Ended,
}

impl Layer {
    /// Before the first record of `content`, which is the file of session `at`.
    pub(super) fn new(at: SessionTime, content: Content, file: PathBuf, moved: bool) -> Self {
        let reader = RecordReader::new(content, METADATA_MARKER);
        let (path, before) = Default::default();
        Self { at, reader, file, moved, path, before, state: State::New }
    }

    /// Moves to the next record, and says where that is.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::OutOfOrder`], [`Error::Io`].
    pub(super) fn advance(&mut self) -> Result<Option<RepoPath<'_>>> {
        let is_first = self.state == State::New;
        self.state = State::Ended;
        let there = self.reader.advance();
        if !there.map_err(|e| self.error(e))? {
            return Ok(None);
        }
        std::mem::swap(&mut self.path, &mut self.before);
        let read = read_path(self.reader.record(), &mut self.path);
        self.checked(read)?;
        if !is_first && self.before >= self.path {
            let (before, after) = (self.before.clone(), self.path.clone());
            return Err(Error::OutOfOrder { stream: self.file.display().to_string(), before, after });
        }
        self.state = State::Here;
        Ok(Some(self.path.as_path()))
    }

    /// Where the record is, if there is one.
    fn path(&self) -> Option<RepoPath<'_>> {
        (self.state == State::Here).then(|| self.path.as_path())
    }

    /// The record it is at.
    pub(super) fn record(&self) -> &[u8] {
        self.reader.record()
    }

    /// Adds where it stands to what is wrong with a record.
    pub(super) fn checked<T>(&self, read: Result<T, FormatError>) -> Result<T> {
        read.map_err(|e| self.error(e.into()))
    }

    fn error(&self, e: RecordError) -> Error {
        in_file(e, &self.file, (!self.moved).then(|| self.reader.line()))
    }
}

/// The files of a chain, the oldest first: for each path the oldest that mentions it is right.
pub(super) struct Layers {
    layers: Vec<Layer>,
    parser: RecordParser,
    /// Is it wanted until when the content of files stayed the same?
    same_until: bool,
    /// Comes after the record that was read before it was met.
    error: Option<Error>,
}

impl Layers {
    /// Joins `layers`, of which the last is a snapshot.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where that is empty; as those of the stream.
    pub(super) fn new(mut layers: Vec<Layer>, same_until: bool) -> Result<Self> {
        for layer in &mut layers {
            layer.advance()?;
        }
        if let Some(snapshot) = layers.last().filter(|l| l.state == State::Ended) {
            // Taken at its word, it would make all that there is new.
            return snapshot.checked(Err(FormatError::Other("a snapshot without any record".to_owned())));
        }
        Ok(Self { layers, parser: RecordParser::default(), same_until, error: None })
    }

    /// The records that count, in path order.
    pub(super) fn records(mut self) -> impl Iterator<Item = Result<Box<Recorded>>> {
        until_error(std::iter::from_fn(move || self.read(Self::recorded).transpose()))
    }

    /// The same, without the text of the records.
    pub(super) fn entries(mut self) -> impl Iterator<Item = Result<Entry>> {
        until_error(std::iter::from_fn(move || self.read(|_, _, entry| entry).transpose()))
    }

    /// In a box, for it is large, and is passed on by many hands.
    fn recorded(&self, at: usize, entry: Entry) -> Box<Recorded> {
        let same_until = self.same_until.then(|| self.same_until(at)).flatten();
        Box::new(Recorded { entry, raw: self.layers[at].record().to_vec(), same_until })
    }

    /// The oldest layer with the first of all paths.
    fn first(&self) -> Option<usize> {
        let mut first: Option<(RepoPath<'_>, usize)> = None;
        for (i, layer) in self.layers.iter().enumerate() {
            if let Some(path) = layer.path()
                && first.is_none_or(|(best, _)| path < best)
            {
                first = Some((path, i));
            }
        }
        first.map(|(_, i)| i)
    }

    /// What is wanted of the next record that counts. Nothing more is to be asked for after an error.
    fn read<T>(&mut self, wanted: impl Fn(&Self, usize, Entry) -> T) -> Result<Option<T>> {
        loop {
            if let Some(e) = self.error.take() {
                return Err(e);
            }
            let Some(first) = self.first() else { return Ok(None) };
            let layer = &self.layers[first];
            let entry = layer.checked(self.parser.entry(layer.path.clone(), layer.record()))?;
            let read = entry.map(|entry| wanted(self, first, entry));
            let (older, newer) = self.layers.split_at_mut(first + 1);
            let layer = &mut older[first];
            let others = newer.iter_mut().filter(|o| o.state == State::Here && o.path == layer.path);
            let moved = others.map(|o| o.advance().map(drop)).collect::<Result<Vec<()>>>();
            self.error = moved.and_then(|_| layer.advance().map(drop)).err();
            if read.is_some() {
                return Ok(read);
            }
        }
    }

    /// The newest session up to which newer layers say of the content at `first` that it is the same; nothing where
    /// none speaks of it.
    fn same_until(&self, first: usize) -> Option<SessionTime> {
        let layer = &self.layers[first];
        let mut newer = self.layers[first + 1..].iter().filter(|l| l.path() == layer.path()).peekable();
        newer.peek()?;
        let content = content_of(layer.record())?;
        let mut until = layer.at;
        while let Some(same) = newer.next().filter(|l| content_of(l.record()) == Some(content)) {
            until = same.at;
        }
        Some(until)
    }
}
