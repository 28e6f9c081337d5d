//! What was there at a session: snapshot and diffs of metadata joined into one stream of entries.
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::repo::metadata::{Detail, Recorded, Stream};
//!
//! let stream: Stream<Box<Recorded>> = repo.metadata_at(repo.sessions()?[0], RepoPath::ROOT, Detail::All)?;
//! for recorded in stream {
//!     let recorded = recorded?;
//!     assert!(recorded.raw.starts_with(b"File "));
//!     println!("{}: {} bytes", recorded.entry.path, recorded.entry.size());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::increments::MOST_WAYS;
use super::layers::{Layer, Layers};
use super::pieces::KeptPieces;
use super::precise::Index;
pub use super::recorded::Recorded;
pub(crate) use super::recorded::in_file;
use super::recorded::until_error;
use super::{DataFile, Repository};
use crate::entry::{Acl, Entry, Xattrs};
use crate::error::{Error, FormatError, Result};
use crate::format::attrs::{RecordParser, path_of};
use crate::format::names::IncrementKind;
use crate::format::record::{ATTRIBUTE_MARKER, RecordError, RecordReader};
use crate::format::{acls, xattrs};
use crate::merge::{AtPath, InOrder};
use crate::path::{RepoPath, RepoPathBuf};
use crate::time::SessionTime;
use std::iter::Peekable;
use std::sync::Arc;

/// A sorted stream that can be read in a thread of its own.
pub type Stream<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

/// Which side files to join to the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// None: names, types, sizes, owners, digests.
    Records,
    /// Attributes, access control lists and times below the second.
    All,
}

impl Repository {
    /// What was there at a session, in path order. `subtree` limits it to one path and all below it.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`] if the session has no metadata. The stream itself can end with
    /// [`Error::Corrupt`], [`Error::OutOfOrder`] or [`Error::Io`].
    pub fn metadata_at(
        &self,
        time: SessionTime,
        subtree: RepoPath<'_>,
        detail: Detail,
    ) -> Result<Stream<Box<Recorded>>> {
        self.unless_replaced(|| self.metadata_of(&self.data_files()?, time, subtree, detail, None))
    }

    /// All that was there at a session, while the pieces of its records are kept for who writes the next ones. `files`
    /// are those of the data directory. They are opened by who asks for the first record.
    pub(crate) fn records_keeping(
        self: &Arc<Self>,
        files: Arc<[DataFile]>,
        time: SessionTime,
        kept: &Arc<KeptPieces>,
    ) -> impl Iterator<Item = Result<Box<Recorded>>> + Send + use<> {
        let (repo, kept) = (Arc::clone(self), Arc::clone(kept));
        let open = move || {
            repo.check_whole(&files, time)?;
            repo.metadata_of(&files, time, RepoPath::ROOT, Detail::All, Some(&kept))
        };
        std::iter::once_with(open)
            .flat_map(|opened| opened.unwrap_or_else(|e| Box::new(std::iter::once(Err(e)))))
    }

    /// As [`Repository::metadata_at`] without side files, for who needs no record word for word.
    ///
    /// # Errors
    /// As [`Repository::metadata_at`].
    pub(crate) fn entries_at(&self, time: SessionTime, subtree: RepoPath<'_>) -> Result<Stream<Entry>> {
        let open = || self.layers_now(&self.data_files()?, time, subtree, None, false);
        let layers = self.unless_replaced(open)?;
        Ok(Box::new(within(subtree, layers.entries())))
    }

    /// Opens metadata. A session that ends just now replaces a snapshot by a diff.
    fn unless_replaced<T>(&self, open: impl Fn() -> Result<T>) -> Result<T> {
        for _ in 0..MOST_WAYS {
            match open() {
                Err(Error::Io { source, .. }) if crate::tree::is_absent(&source) => {}
                opened => return opened,
            }
        }
        open()
    }

    fn metadata_of(
        &self,
        files: &[DataFile],
        time: SessionTime,
        subtree: RepoPath<'_>,
        detail: Detail,
        kept: Option<&Arc<KeptPieces>>,
    ) -> Result<Stream<Box<Recorded>>> {
        let layers = self.layers_now(files, time, subtree, kept, detail == Detail::All)?;
        let records = within(subtree, layers.records());
        if detail == Detail::Records {
            return Ok(Box::new(records));
        }
        let joined = Joined {
            records,
            xattrs: self.xattrs_at(files, time)?.peekable(),
            acls: self.acls_at(files, time)?.peekable(),
            index: self.index_at(files, time, subtree),
        };
        Ok(Box::new(joined))
    }

    fn layers_now(
        &self,
        files: &[DataFile],
        time: SessionTime,
        subtree: RepoPath<'_>,
        kept: Option<&Arc<KeptPieces>>,
        same_until: bool,
    ) -> Result<Layers> {
        let chain = chain(files, b"mirror_metadata", time).ok_or_else(|| Error::NoSuchSession {
            repository: self.path().to_path_buf(),
            asked: Some(format!("{time} (no mirror_metadata for it is left)")),
        })?;
        for file in chain.iter().filter(|f| f.gzipped) {
            self.refuse_emptied(file)?;
        }
        let layers = match (kept, &chain[..]) {
            (Some(kept), [snapshot]) => {
                let content = self.open_side_file_keeping(&snapshot.place, kept)?;
                vec![Layer::new(time, content, self.path_of(&snapshot.place), false)]
            }
            _ => chain.iter().map(|f| self.layer(f, subtree)).collect::<Result<Vec<_>>>()?,
        };
        Layers::new(layers, same_until)
    }

    pub(crate) fn records(&self, file: &DataFile) -> Result<Stream<Versioned>> {
        self.records_from(file, RepoPath::ROOT)
    }

    /// Records of a file, all that are at or behind `from`, and as few before as can be told.
    pub(super) fn records_from(&self, file: &DataFile, from: RepoPath<'_>) -> Result<Stream<Versioned>> {
        let (mut layer, mut parser) = (self.layer(file, from)?, RecordParser::default());
        let records = std::iter::from_fn(move || read(&mut layer, &mut parser).transpose());
        Ok(Box::new(until_error(records)))
    }

    fn layer(&self, file: &DataFile, from: RepoPath<'_>) -> Result<Layer> {
        let is_behind = |text: &[u8]| Some(path_of(text).ok()?.as_path() > from);
        let (content, moved) = if from.is_root() {
            (self.open_side_file(&file.place)?, false)
        } else {
            self.open_side_file_at(&file.place, is_behind)?
        };
        Ok(Layer::new(file.time, content, self.path_of(&file.place), moved))
    }

    pub(crate) fn xattrs_at(
        &self,
        files: &[DataFile],
        time: SessionTime,
    ) -> Result<Stream<(RepoPathBuf, Xattrs)>> {
        self.side_records(files, b"extended_attributes", time, xattrs::parse)
    }

    pub(crate) fn acls_at(
        &self,
        files: &[DataFile],
        time: SessionTime,
    ) -> Result<Stream<(RepoPathBuf, Acl)>> {
        let parse = |record: &[u8]| acls::parse(record).map(|(path, acl)| (path, acl.canonical()));
        self.side_records(files, b"access_control_lists", time, parse)
    }

    /// A file of attributes, always a snapshot of its own session; nothing where it isn't there.
    fn side_records<T: Send + 'static>(
        &self,
        files: &[DataFile],
        base: &[u8],
        time: SessionTime,
        parse: ParseSide<T>,
    ) -> Result<Stream<(RepoPathBuf, T)>> {
        let Some(file) = files.iter().find(|f| f.base == base && f.time == time) else {
            return Ok(Box::new(std::iter::empty()));
        };
        if file.gzipped {
            self.refuse_emptied(file)?;
        }
        let mut reader = RecordReader::new(self.open_side_file(&file.place)?, ATTRIBUTE_MARKER);
        let path = self.path_of(&file.place);
        let name = path.display().to_string();
        let records = std::iter::from_fn(move || {
            let parsed = match reader.next_record() {
                Ok(record) => parse(record?).map_err(RecordError::Format),
                Err(e) => Err(e),
            };
            Some(parsed.map_err(|e| in_file(e, &path, Some(reader.line()))))
        });
        Ok(Box::new(InOrder::new(until_error(records), name)))
    }
}

/// What a sorted stream has at a path and below.
fn within<T: AtPath, I: Iterator<Item = Result<T>>>(
    subtree: RepoPath<'_>,
    stream: I,
) -> impl Iterator<Item = Result<T>> + use<T, I> {
    let (before, below) = (subtree.to_owned(), subtree.to_owned());
    stream
        .skip_while(move |item| item.as_ref().is_ok_and(|item| item.path() < before.as_path()))
        .take_while(move |item| item.as_ref().map_or(true, |item| item.path().starts_with(below.as_path())))
}

/// Reads a record of a side file.
type ParseSide<T> = fn(&[u8]) -> Result<(RepoPathBuf, T), FormatError>;

/// The files from which the state at `time` can be put together: the one of that time, and newer ones up
/// to the first snapshot. Nothing if there is a gap.
pub(crate) fn chain<'f>(files: &'f [DataFile], base: &[u8], time: SessionTime) -> Option<Vec<&'f DataFile>> {
    let mut of_base: Vec<&DataFile> = files
        .iter()
        .filter(|f| f.base == base && f.time >= time)
        .filter(|f| matches!(f.kind, IncrementKind::Snapshot | IncrementKind::Diff))
        .collect();
    // A session that was being finished can have both: the snapshot says all.
    of_base.sort_by_key(|f| (f.time, f.kind));
    of_base.dedup_by_key(|f| f.time);
    if of_base.first()?.time != time {
        return None;
    }
    let snapshot = of_base.iter().position(|f| f.kind == IncrementKind::Snapshot)?;
    of_base.truncate(snapshot + 1);
    Some(of_base)
}

/// An entry of one file of a chain; nothing stands for: it was not there.
pub(crate) struct Versioned {
    pub(crate) path: RepoPathBuf,
    pub(crate) now: Option<Box<Recorded>>,
}

impl AtPath for Versioned {
    fn path(&self) -> RepoPath<'_> {
        self.path.as_path()
    }
}

/// The record that a layer comes to next.
fn read(layer: &mut Layer, parser: &mut RecordParser) -> Result<Option<Versioned>> {
    let Some(path) = layer.advance()? else { return Ok(None) };
    let path = path.to_owned();
    let entry = layer.checked(parser.entry(path.clone(), layer.record()))?;
    let raw = || layer.record().to_vec();
    let now = entry.map(|entry| Box::new(Recorded { entry, raw: raw(), same_until: None }));
    Ok(Some(Versioned { path, now }))
}

/// Records with what the side files say of them.
struct Joined<R> {
    records: R,
    xattrs: Peekable<Stream<(RepoPathBuf, Xattrs)>>,
    acls: Peekable<Stream<(RepoPathBuf, Acl)>>,
    index: Index,
}

impl<R: Iterator<Item = Result<Box<Recorded>>>> Iterator for Joined<R> {
    type Item = Result<Box<Recorded>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut recorded = match self.records.next()? {
            Ok(recorded) => recorded,
            Err(e) => return Some(Err(e)),
        };
        let entry = &mut recorded.entry;
        let join = || -> Result<()> {
            if let Some(xattrs) = take_at(&mut self.xattrs, entry.path.as_path())? {
                entry.xattrs = xattrs;
            }
            if let Some(acl) = take_at(&mut self.acls, entry.path.as_path())? {
                entry.acl = acl;
            }
            let precise = self.index.take_at(entry.path.as_path());
            entry.precise = precise
                // Somebody else may have rewritten the record since.
                .filter(|p| entry.attrs.mtime.is_none_or(|t| t == p.mtime.0));
            if let Some(names) = entry.precise.as_ref().and_then(|p| p.names.clone()) {
                entry.attrs.uname = entry.attrs.uname.take().or_else(|| names.user.clone());
                entry.attrs.gname = entry.attrs.gname.take().or_else(|| names.group.clone());
            }
            Ok(())
        };
        let mut join = join;
        Some(join().map(|()| recorded))
    }
}

/// What a side stream has at a path; what it has before that belongs to nothing.
fn take_at<T>(side: &mut Peekable<Stream<(RepoPathBuf, T)>>, path: RepoPath<'_>) -> Result<Option<T>> {
    loop {
        match side.peek() {
            Some(Ok((at, _))) if at.as_path() > path => return Ok(None),
            None => return Ok(None),
            Some(_) => {}
        }
        match side.next() {
            Some(Ok((at, value))) if at.as_path() == path => return Ok(Some(value)),
            Some(Err(e)) => return Err(e),
            _ => {}
        }
    }
}
