//! Side files without a path: read record by record, and written anew.

use super::side::{Amendments, Group, SideKind};
use crate::entry::LongName;
use crate::error::{Doing, IoContext, Result};
use crate::format::attrs::{self, RecordParser, write_record};
use crate::format::index::{IndexReader, IndexWriter};
use crate::format::names::IncrementKind;
use crate::format::quote::unquote_record;
use crate::format::record::{ATTRIBUTE_MARKER, METADATA_MARKER, RecordReader};
use crate::format::stats::file_statistics_fields;
use crate::format::xattrs;
use crate::monitor::Stop;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::disk::Disk;
use crate::repo::gz::{Content, SideFile as NewFile};
use crate::repo::layout::{STAGING, StoredPath};
use crate::repo::metadata::in_file;
use crate::repo::{DataFile, Repository};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

/// How a side file is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// As it is, with some records more.
    WithAbove,
    /// Without the path.
    Without,
}

/// What side files say of the path to be purged, and of what is below it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: u64,
    pub(super) long_names: BTreeSet<LongName>,
    /// Numbers of names that are too long, of paths that stay.
    pub(super) numbers_of_others: BTreeSet<Vec<u8>>,
    /// Is there a record whose number can't be read?
    pub(super) is_unsure: bool,
    /// Groups of hard links of which a purged name has the digest.
    pub(super) groups: BTreeSet<Group>,
    /// Does any diff of metadata speak of what is below the path?
    pub(super) is_deep: bool,
}

/// One side file, and what is to go from it.
pub(super) struct Filter<'a> {
    pub(super) repo: &'a Repository,
    pub(super) path: RepoPath<'a>,
    pub(super) file: &'a DataFile,
    pub(super) kind: SideKind,
    pub(super) stop: &'a Stop,
}

/// Can a record of metadata have the number of a name that is too long? Most can't, and need not be parsed.
fn may_have_number(record: &[u8]) -> bool {
    memchr::memmem::find(record, b"Alternate").is_some()
}

/// A record, line or entry as it stands. Nothing as path: one that can't be read.
type Piece<'p> = (Option<RepoPathBuf>, &'p [u8]);

impl Filter<'_> {
    /// Counts what is about the path, and notes what the records say of it.
    pub(super) fn scan(&self, found: &mut Found) -> Result<()> {
        if self.kind == SideKind::Index {
            // One that can't be read is as good as none, and goes, for nobody knows what it names.
            found.records = self.index(None)?.unwrap_or(1);
            return Ok(());
        }
        let mut parser = RecordParser::default();
        self.pieces(|(path, text)| {
            if !self.is_purged(path.as_ref()) {
                if self.kind == SideKind::Metadata && may_have_number(text) {
                    match parser.parse(text) {
                        Ok((_, entry)) => {
                            let number = entry.and_then(|e| Some(e.long_name?.number().to_vec()));
                            found.numbers_of_others.extend(number);
                        }
                        Err(_) => found.is_unsure = true,
                    }
                }
                return Ok(());
            }
            found.records += 1;
            found.is_deep |= self.kind == SideKind::Metadata
                && self.file.kind == IncrementKind::Diff
                && path.is_some_and(|p| p.as_path() != self.path);
            if self.kind == SideKind::Metadata
                && let Ok((_, Some(entry))) = parser.parse(text)
            {
                found.groups.extend(Group::led_by(&entry));
                found.long_names.extend(entry.long_name);
            }
            Ok(())
        })
    }

    /// Writes it anew to `place`, with the records of `insert` besides or instead. True if nothing is left.
    pub(super) fn write(
        &self,
        rewrite: Rewrite,
        insert: &Amendments,
        disk: &Arc<dyn Disk>,
        place: &StoredPath,
    ) -> Result<bool> {
        let packed = StoredPath::fixed(STAGING).listed(&[place.name(), b".gz"].concat());
        let inline = Arc::new(Pool::new(0));
        let gzipped = self.file.gzipped.then(|| packed.clone());
        let mut new = NewFile::new(Arc::clone(disk), inline, place.clone(), gzipped);
        if self.kind == SideKind::Index {
            if self.index(None)?.is_some() {
                self.index(Some(&mut new))?;
            }
        } else {
            let mut amended = insert.iter().peekable();
            self.pieces(|(path, text)| {
                if let Some(path) = &path {
                    while let Some((_, entry)) = amended.next_if(|(at, _)| *at < path) {
                        write_record(entry, new.text());
                    }
                    if let Some((_, entry)) = amended.next_if(|(at, _)| *at == path) {
                        write_record(entry, new.text());
                        return Ok(());
                    }
                }
                if rewrite == Rewrite::WithAbove || !self.is_purged(path.as_ref()) {
                    new.text().extend_from_slice(text);
                }
                new.flow(path.as_ref().map_or(RepoPath::ROOT, RepoPathBuf::as_path))
            })?;
            for (_, entry) in amended {
                write_record(entry, new.text());
            }
        }
        let written = new.finish()?;
        let is_empty = self.file.gzipped && written == *place;
        if written != *place {
            disk.rename(&written, place).while_doing(Doing::Rename, self.repo.path_of(place))?;
        }
        Ok(is_empty)
    }

    fn is_purged(&self, path: Option<&RepoPathBuf>) -> bool {
        path.is_some_and(|p| p.as_path().starts_with(self.path))
    }

    /// Goes through the records or lines of a text file.
    fn pieces(&self, mut each: impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
        let content = self.repo.open_side_file(&self.file.place)?;
        match self.kind {
            SideKind::Statistics => self.lines(content, each),
            SideKind::Metadata => {
                self.records(content, METADATA_MARKER, |r| each((attrs::path_of(r).ok(), r)))
            }
            _ => self.records(content, ATTRIBUTE_MARKER, |r| {
                let line = r.split(|&b| b == b'\n').next().unwrap_or_default();
                each((xattrs::path_of(line).ok(), r))
            }),
        }
    }

    fn records(
        &self,
        content: Content,
        marker: &'static [u8],
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let path = self.repo.path_of(&self.file.place);
        let mut reader = RecordReader::new(content, marker);
        loop {
            let line = reader.line();
            match reader.next_record() {
                Ok(Some(record)) => {
                    self.stop.check(self.path).while_doing(Doing::Read, &path)?;
                    each(record)?;
                }
                Ok(None) => return Ok(()),
                Err(e) => return Err(in_file(e, &path, Some(line))),
            }
        }
    }

    /// Lines end with a newline, or with NUL if the first of them, a comment, does.
    fn lines(&self, content: Content, mut each: impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
        let path = self.repo.path_of(&self.file.place);
        let fail = |e: std::io::Error| in_file(e.into(), &path, None);
        let mut content = BufReader::with_capacity(64 << 10, content);
        let ends = |b: &u8| *b == b'\n' || *b == 0;
        let start = content.fill_buf().map_err(fail)?;
        let separator = start.iter().copied().find(|b| ends(b)).unwrap_or(b'\n');
        let mut line = Vec::new();
        while content.read_until(separator, &mut line).map_err(fail)? > 0 {
            self.stop.check(self.path).map_err(fail)?;
            let text = line.strip_suffix(&[separator]).unwrap_or(&line);
            let quoted = file_statistics_fields(text).map(|(quoted, _)| unquote_record(quoted).into_owned());
            each((quoted.and_then(|path| RepoPathBuf::new(path).ok()), &line))?;
            line.clear();
        }
        Ok(())
    }

    /// Counts the entries of an index about the path, and writes the others. Nothing if it can't be read.
    fn index(&self, mut out: Option<&mut NewFile>) -> Result<Option<u64>> {
        let content = self.repo.open_side_file(&self.file.place)?;
        let Ok(mut reader) = IndexReader::new(content) else { return Ok(None) };
        let mut writer = IndexWriter::default();
        if let Some(out) = &mut out {
            IndexWriter::head(reader.base(), out.text());
        }
        let mut count = 0;
        loop {
            let (path, precise) = match reader.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(Some(count)),
                Err(_) => return Ok(None),
            };
            self.stop.check(self.path).while_doing(Doing::Read, self.repo.path_of(&self.file.place))?;
            if self.is_purged(Some(&path)) {
                count += 1;
            } else if let Some(out) = &mut out {
                writer.entry(path.as_path(), precise.as_ref(), out.text());
                out.flow(path.as_path())?;
            }
        }
    }
}
