//! A record as it was read, and what can go wrong on the way.

use crate::entry::Entry;
use crate::error::{Doing, Error, FormatError, Result};
use crate::format::record::RecordError;
use crate::merge::AtPath;
use crate::path::RepoPath;
use crate::time::SessionTime;
use std::io;

/// An entry with its record word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What the record says, with attributes and side index.
    pub entry: Entry,
    /// The record as it stands in `mirror_metadata`.
    pub raw: Vec<u8>,
    /// For a file: the newest session that was met up to which, by its digests, the content stayed the same.
    pub same_until: Option<SessionTime>,
}

impl AtPath for Recorded {
    fn path(&self) -> RepoPath<'_> {
        self.entry.path.as_path()
    }
}

/// An error of a side file, with where it stands.
pub(crate) fn in_file(e: RecordError, path: &std::path::Path, line: Option<u64>) -> Error {
    match e {
        RecordError::Format(source) => Error::Corrupt { file: path.to_path_buf(), line, source },
        RecordError::Io(source)
            if matches!(
                source.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ) =>
        {
            let what = FormatError::Other(format!("it ends early or is no whole gzip file ({source})"));
            Error::Corrupt { file: path.to_path_buf(), line: None, source: what }
        }
        RecordError::Io(source) => Error::Io { doing: Doing::Read, path: path.to_path_buf(), source },
    }
}

/// Ends a stream with its first error.
pub(super) fn until_error<T>(stream: impl Iterator<Item = Result<T>>) -> impl Iterator<Item = Result<T>> {
    let mut failed = false;
    stream.take_while(move |item| !std::mem::replace(&mut failed, item.is_err()))
}
