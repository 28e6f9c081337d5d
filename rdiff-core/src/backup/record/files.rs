//! The files that tell of a session: metadata, attributes, lists, our own index, and the statistics of each
//! path; and the diffs that take the place of the files of the session before.

use crate::backup::BackupRequest;
use crate::backup::shared::Shared;
use crate::entry::{Entry, OwnerNames, Precise};
use crate::error::Result;
use crate::format::attrs::{write_absent, write_record};
use crate::format::index::IndexWriter;
use crate::format::names::IncrementKind;
use crate::format::stats::{FileStatistics, file_statistics_head, file_statistics_line};
use crate::format::{acls, xattrs};
use crate::merge::AtPath;
use crate::path::RepoPath;
use crate::pool::Pool;
use crate::repo::DataFile;
use crate::repo::gz::SideFile;
use crate::repo::metadata::Recorded;
use crate::repo::pieces::KeptPieces;
use crate::time::SessionTime;
use std::sync::Arc;

/// The files that tell of a session.
pub(super) struct SideFiles {
    metadata: SideFile,
    diff: Option<SideFile>,
    xattrs: Option<SideFile>,
    acls: Option<SideFile>,
    index: SideFile,
    index_entries: IndexWriter,
    index_diff: Option<(SideFile, IndexWriter)>,
    statistics: Option<SideFile>,
    /// What ends the lines of statistics.
    separator: u8,
}

/// Which files of the session before have become diffs.
pub(super) struct Replaced {
    pub(super) metadata: bool,
    pub(super) index: bool,
}

impl SideFiles {
    /// Begins them. `files` are those of the data directory as it was; `kept` are pieces of the metadata before that may be taken over as they are.
    pub(super) fn new(
        shared: &Shared,
        pool: &Arc<Pool>,
        request: &BackupRequest,
        files: &[DataFile],
        kept: Arc<KeptPieces>,
        separator: u8,
    ) -> Result<Self> {
        let session = &shared.session;
        let layout = session.repo().layout();
        let file = |base: &str, time, kind, compressed: bool| {
            let place = |gz| layout.data(base, time, kind, gz);
            SideFile::new(
                Arc::clone(session.disk()),
                Arc::clone(pool),
                place(false),
                compressed.then(|| place(true)),
            )
        };
        let (now, snapshot, diff) = (session.time(), IncrementKind::Snapshot, IncrementKind::Diff);
        let diff_of = session.previous().filter(|&t| may_become_diff(files, t));
        let traits = shared.source.traits();
        let mut index = file("source_index", now, snapshot, false);
        IndexWriter::head(None, index.text());
        let has_old_index =
            |t| files.iter().any(|f| f.base == b"source_index" && f.time == t && f.kind == snapshot);
        let index_diff = diff_of.filter(|&t| has_old_index(t)).map(|t| {
            let mut diff_file = file("source_index", t, diff, false);
            IndexWriter::head(Some(now.0), diff_file.text());
            (diff_file, IndexWriter::default())
        });
        let mut statistics = request
            .file_statistics
            .then(|| file("file_statistics", now, IncrementKind::Data, request.compression));
        if let Some(statistics) = &mut statistics {
            file_statistics_head(separator, statistics.text());
        }
        Ok(Self {
            metadata: file("mirror_metadata", now, snapshot, true).with_kept(kept),
            diff: diff_of.map(|t| file("mirror_metadata", t, diff, true)),
            xattrs: (request.xattrs && traits.xattrs)
                .then(|| file("extended_attributes", now, snapshot, true)),
            acls: (request.acls && traits.acls).then(|| file("access_control_lists", now, snapshot, true)),
            index,
            index_entries: IndexWriter::default(),
            index_diff,
            statistics,
            separator,
        })
    }

    /// Records an unchanged path word for word.
    pub(super) fn keep(&mut self, old: &Recorded, newer: Option<&Entry>) {
        let entry = &old.entry;
        let names = OwnerNames::unwritable(entry.attrs.uname.as_ref(), entry.attrs.gname.as_ref());
        // The original writes names that it can't read again: its own record of such a path is no use to it.
        if names.is_some() && !same_record(old, entry) {
            write_record(entry, self.metadata.text());
            if let Some(diff) = &mut self.diff {
                diff.text().extend_from_slice(&old.raw);
            }
        } else {
            self.metadata.text().extend_from_slice(&old.raw);
        }
        let only_names = names.map(|names| Precise {
            mtime: (entry.attrs.mtime.unwrap_or_default(), 0),
            unchanged_while: None,
            names: Some(names),
        });
        let precise = newer.map_or(entry.precise.as_ref(), |n| n.precise.as_ref()).or(only_names.as_ref());
        self.side(entry, precise);
        self.index_diff(entry.path.as_path(), entry.precise.as_ref(), precise);
    }

    /// Records a path that is new or has changed.
    pub(super) fn change(&mut self, old: Option<&Recorded>, entry: &Entry) {
        write_record(entry, self.metadata.text());
        if let Some(diff) = &mut self.diff {
            match old {
                Some(old) if same_record(old, entry) => {}
                Some(old) => diff.text().extend_from_slice(&old.raw),
                None => write_absent(&entry.path, diff.text()),
            }
        }
        self.side(entry, entry.precise.as_ref());
        let old = old.and_then(|o| o.entry.precise.as_ref());
        self.index_diff(entry.path.as_path(), old, entry.precise.as_ref());
    }

    /// Records that a path is gone.
    pub(super) fn remove(&mut self, old: &Recorded) {
        if let Some(diff) = &mut self.diff {
            diff.text().extend_from_slice(&old.raw);
        }
        self.index_diff(old.path(), old.entry.precise.as_ref(), None);
    }

    /// Records attributes, lists and times below the second.
    fn side(&mut self, entry: &Entry, precise: Option<&Precise>) {
        if let Some(file) = self.xattrs.as_mut().filter(|_| !entry.xattrs.0.is_empty()) {
            xattrs::write(&entry.path, &entry.xattrs, file.text());
        }
        if let Some(file) = self.acls.as_mut().filter(|_| !entry.acl.is_empty()) {
            // The original can't read a default list alone.
            acls::write(&entry.path, &entry.acl.spelled_out(entry.attrs.mode), file.text());
        }
        if let Some(precise) = precise {
            self.index_entries.entry(entry.path.as_path(), Some(precise), self.index.text());
        }
    }

    /// Records how the index of the previous session differs. `old` is nothing if the path wasn't there.
    fn index_diff(&mut self, path: RepoPath<'_>, old: Option<&Precise>, new: Option<&Precise>) {
        let Some((file, entries)) = &mut self.index_diff else { return };
        if old != new {
            entries.entry(path, old, file.text());
        }
    }

    /// Writes the statistics of a path, if that is asked for.
    pub(super) fn statistics(&mut self, path: RepoPath<'_>, line: &FileStatistics) {
        if let Some(file) = &mut self.statistics {
            file_statistics_line(path, line, self.separator, file.text());
        }
    }

    /// All is written that there is to `path`.
    pub(super) fn flow(&mut self, path: RepoPath<'_>) -> Result<()> {
        let always = [Some(&mut self.metadata), Some(&mut self.index)];
        let asked_for =
            [&mut self.diff, &mut self.xattrs, &mut self.acls, &mut self.statistics].map(Option::as_mut);
        let index_diff = self.index_diff.as_mut().map(|(file, _)| file);
        for file in always.into_iter().chain(asked_for).chain([index_diff]).flatten() {
            file.flow(path)?;
        }
        Ok(())
    }

    /// Writes what is left, once the pool has begun to compress the last of each.
    pub(super) fn finish(self) -> Result<Replaced> {
        let replaced = Replaced { metadata: self.diff.is_some(), index: self.index_diff.is_some() };
        let index_diff = self.index_diff.map(|(file, _)| file);
        let always = [Some(self.metadata), Some(self.index)];
        let asked_for = [self.diff, self.xattrs, self.acls, index_diff, self.statistics];
        let mut files: Vec<SideFile> = always.into_iter().chain(asked_for).flatten().collect();
        files.iter_mut().try_for_each(SideFile::end)?;
        files.into_iter().try_for_each(|file| file.finish().map(drop))?;
        Ok(replaced)
    }
}

/// Is the record that would be written the one that is there?
fn same_record(old: &Recorded, new: &Entry) -> bool {
    let mut text = Vec::with_capacity(old.raw.len());
    write_record(new, &mut text);
    text == old.raw
}

/// A snapshot becomes a diff unless eight diffs follow it already.
fn may_become_diff(files: &[DataFile], previous: SessionTime) -> bool {
    let mut of_metadata: Vec<&DataFile> =
        files.iter().filter(|f| f.base == b"mirror_metadata" && f.time <= previous).collect();
    of_metadata.sort_by_key(|f| std::cmp::Reverse(f.time));
    let is_snapshot =
        of_metadata.first().is_some_and(|f| f.time == previous && f.kind == IncrementKind::Snapshot);
    let diffs = of_metadata.iter().skip(1).take_while(|f| f.kind == IncrementKind::Diff).count();
    is_snapshot && diffs < 8
}
