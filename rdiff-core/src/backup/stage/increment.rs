//! Increments: what leads back from the new state of a path to the old one.

use super::content::Content;
use super::sink::Sink;
use super::{SMALL, Tools};
use crate::backup::shared::Shared;
use crate::delta::{DeltaError, write_identity};
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, FormatError, Result};
use crate::format::names::IncrementKind;
use crate::path::RepoPath;
use crate::repo::disk::DiskFile;
use crate::repo::layout::{INCREMENTS, StoredPath};
use crate::repo::metadata::Recorded;
use crate::repo::put::{BUFFER, make_special, read_full};
use crate::tree::attrs::Applied;
use crate::tree::is_absent;
use std::fs::File;
use std::io::{self, Write};

impl Shared {
    /// Writes the increment of a path that is new or has changed. Nothing in a first session.
    pub(super) fn keep_previous(
        &self,
        old: Option<&Recorded>,
        new: &Entry,
        content: &Content,
        digest: Option<Digest>,
        tools: &mut Tools,
    ) -> Result<Option<u64>> {
        if self.is_first() {
            return Ok(None);
        }
        match old {
            Some(old) => self.keep_old(old, Some((new, content, digest)), tools).map(Some),
            None => {
                self.create_increment(&self.increment_place(new, IncrementKind::Missing, false))?;
                Ok(Some(0))
            }
        }
    }

    fn increment_place(&self, entry: &Entry, kind: IncrementKind, gzipped: bool) -> StoredPath {
        let time = self.session.previous().unwrap_or(self.session.time());
        self.session.repo().layout().increment(
            entry.path.as_path(),
            entry.long_name.as_ref(),
            time,
            kind,
            gzipped,
        )
    }

    /// Writes the increment that holds the old state of a path, and says how many bytes it has.
    pub(super) fn keep_old(
        &self,
        old: &Recorded,
        new: Option<(&Entry, &Content, Option<Digest>)>,
        tools: &mut Tools,
    ) -> Result<u64> {
        let entry = &old.entry;
        match &entry.kind {
            Kind::Dir => self.write_dir_increment(entry),
            Kind::File(file) => {
                let gzipped = self.compresses(entry);
                match new {
                    Some((new, content, digest)) if new.file().is_some() => {
                        let same = digest.is_some() && digest == file.digest;
                        self.write_diff(entry, content, same, gzipped, tools)
                    }
                    _ => self.write_snapshot(entry, gzipped, tools),
                }
            }
            special => {
                let place = self.increment_place(entry, IncrementKind::Snapshot, false);
                if self.is_of_directory(&place) {
                    return Ok(0); // as in `create_increment`: its record says all
                }
                self.retry_over(&place, || make_special(&*self.disk, &place, special))?;
                self.session.io(
                    Doing::SetAttributes,
                    &place,
                    self.disk.set_attributes(&place, &self.for_increment(entry)),
                )?;
                Ok(0)
            }
        }
    }

    /// Removes the increment of a path that was taken to be gone, and isn't.
    pub(in crate::backup) fn drop_increment(&self, entry: &Entry) -> Result<()> {
        let (kind, gzipped) = match &entry.kind {
            Kind::Dir => (IncrementKind::Dir, false),
            Kind::File(_) => (IncrementKind::Snapshot, self.compresses(entry)),
            _ => (IncrementKind::Snapshot, false),
        };
        for gzipped in [gzipped, !gzipped] {
            let place = self.increment_place(entry, kind, gzipped);
            if !self.is_of_directory(&place) {
                return self.session.io(Doing::Remove, &place, self.disk.unlink(&place));
            }
        }
        Ok(())
    }

    /// Does the place of an increment belong to a directory? Its name then ends like that of an increment: here are the
    /// increments of what is in a directory of that name, or will be when something in there changes.
    fn is_of_directory(&self, place: &StoredPath) -> bool {
        self.is_dir_in_mirror(place) || self.disk.root().has_dir(place.as_bytes())
    }

    /// The same, as far as the mirror tells.
    fn is_dir_in_mirror(&self, place: &StoredPath) -> bool {
        let below = place.as_bytes().strip_prefix(INCREMENTS.as_bytes());
        let Some(place) = below.and_then(|path| path.strip_prefix(b"/")) else { return false };
        let unquoted = self.session.repo().layout().quoting().unquote(place);
        let known = RepoPath::new(&unquoted).ok().and_then(|path| self.namesakes.has(path));
        known.unwrap_or_else(|| self.disk.root().has_dir(place))
    }

    /// Makes an increment file. Nothing if the place belongs to a directory: what has no content needs no increment, for
    /// its record says all.
    fn create_increment(&self, place: &StoredPath) -> Result<Option<Box<dyn DiskFile>>> {
        if self.is_dir_in_mirror(place) {
            return Ok(None);
        }
        let mut first = Some(self.disk.create(place));
        let stands = |e: &io::Error| e.kind() == io::ErrorKind::AlreadyExists;
        if matches!(&first, Some(Err(e)) if stands(e)) && self.disk.root().has_dir(place.as_bytes()) {
            return Ok(None);
        }
        self.retry_over(place, || first.take().unwrap_or_else(|| self.disk.create(place))).map(Some)
    }

    /// The same for a content, packed or not as is wanted, or the other way where that place is taken.
    fn create_content(
        &self,
        entry: &Entry,
        kind: IncrementKind,
        gzipped: bool,
    ) -> Result<(Sink, StoredPath)> {
        let place = self.increment_place(entry, kind, gzipped);
        if let Some(file) = self.create_increment(&place)? {
            return Ok((Sink::new(file, gzipped, entry.size(), &self.helpers), place));
        }
        let other = self.increment_place(entry, kind, !gzipped);
        let taken = || io::Error::from(io::ErrorKind::AlreadyExists);
        let file = self.create_increment(&other)?.ok_or_else(taken);
        let file = self.session.io(Doing::Create, &other, file)?;
        Ok((Sink::new(file, !gzipped, entry.size(), &self.helpers), other))
    }

    /// Writes the empty increment that says: this was a directory.
    pub(in crate::backup) fn write_dir_increment(&self, entry: &Entry) -> Result<u64> {
        let place = self.increment_place(entry, IncrementKind::Dir, false);
        let Some(mut file) = self.create_increment(&place)? else { return Ok(0) };
        let mut applied = self.for_increment(entry);
        applied.mode = applied.mode.map(|m| m & 0o777);
        self.session.io(Doing::SetAttributes, &place, file.set_attributes(&applied))?;
        Ok(0)
    }

    fn for_increment<'e>(&self, entry: &'e Entry) -> Applied<'e> {
        Applied { xattrs: None, acl: None, ..self.for_mirror(entry) }
    }

    /// The mirror file of the last session. One that is missing was taken away behind our back: its
    /// content is lost, the job goes on and says so.
    pub(super) fn old_content(&self, entry: &Entry) -> Result<Option<(File, u64)>> {
        let place = self.mirror(entry);
        match self.disk.root().open_file_sized(place.as_bytes()) {
            Err(e) if is_absent(&e) || e.kind() == io::ErrorKind::InvalidInput => Ok(None),
            opened => self.session.io(Doing::Open, &place, opened).map(Some),
        }
    }

    fn write_snapshot(&self, entry: &Entry, gzipped: bool, tools: &mut Tools) -> Result<u64> {
        let (mut sink, place) = self.create_content(entry, IncrementKind::Snapshot, gzipped)?;
        if let Some((old, _)) = self.old_content(entry)? {
            let mut old = self.stop.over(entry.path.as_path(), old);
            tools.old.resize(BUFFER, 0);
            loop {
                let n =
                    self.session.io(Doing::Read, &self.mirror(entry), read_full(&mut old, &mut tools.old))?;
                if n == 0 {
                    break;
                }
                self.session.io(Doing::Write, &place, sink.write_all(&tools.old[..n]))?;
            }
        }
        self.session.io(Doing::Write, &place, sink.finish(&self.for_increment(entry)))
    }

    fn write_diff(
        &self,
        entry: &Entry,
        content: &Content,
        same: bool,
        gzipped: bool,
        tools: &mut Tools,
    ) -> Result<u64> {
        let (mut sink, place) = self.create_content(entry, IncrementKind::Diff, gzipped)?;
        let encoded = if same || matches!(content, Content::SameAsMirror) {
            write_identity(entry.size(), &mut sink)
        } else {
            self.encode(entry, content, &mut sink, tools)?
        };
        match encoded {
            // That the increment can't be written is not the mirror's fault: a disk may be full.
            Err(DeltaError::Write(e)) => self.session.io(Doing::Write, &place, Err(e))?,
            other => other.map_err(|e| Error::Corrupt {
                file: self.session.repo().path_of(&self.mirror(entry)),
                line: None,
                source: FormatError::Other(format!("no delta can be made of it: {e}")),
            })?,
        }
        self.session.io(Doing::Write, &place, sink.finish(&self.for_increment(entry)))
    }

    /// Has the mirror file so many bytes? Then they are in `buf`.
    fn holds(&self, entry: &Entry, size: usize, buf: &mut Vec<u8>) -> bool {
        let place = self.mirror(entry);
        self.disk.root().read_file_of(place.as_bytes(), size, buf).is_ok_and(|has| has)
    }

    fn encode(
        &self,
        entry: &Entry,
        content: &Content,
        sink: &mut Sink,
        tools: &mut Tools,
    ) -> Result<Result<(), DeltaError>> {
        let Tools { new, old: old_buf, encoder } = tools;
        if let (Content::Memory, size @ ..=SMALL) = (content, entry.size())
            && self.holds(entry, size as usize, old_buf)
        {
            return Ok(encoder.encode(&new[..], new.len() as u64, &old_buf[..], size, sink).map(|_| ()));
        }
        let Some((mut old, old_len)) = self.old_content(entry)? else {
            return Ok(encoder.encode(&new[..0], 0, &new[..0], 0, sink).map(|_| ()));
        };
        let done = match content {
            Content::Memory if old_len <= SMALL => {
                old_buf.resize(old_len as usize, 0);
                let n = self.session.io(Doing::Read, &self.mirror(entry), read_full(&mut old, old_buf))?;
                old_buf.truncate(n);
                encoder.encode(&new[..], new.len() as u64, &old_buf[..], n as u64, sink)
            }
            Content::Memory => encoder.encode(&new[..], new.len() as u64, &old, old_len, sink),
            Content::Written { file, scan, .. } => {
                let basis = self.session.io(Doing::Read, &self.mirror(entry), file.reader())?;
                let len = self.session.io(Doing::Stat, &self.mirror(entry), basis.metadata())?.len();
                let path = entry.path.as_path();
                let (basis, old) = (self.stop.over(path, basis), self.stop.over(path, old));
                match scan {
                    Some(scan) => encoder.encode_with(scan.clone(), &basis, len, &old, old_len, sink),
                    None => encoder.encode(&basis, len, &old, old_len, sink),
                }
            }
            Content::SameAsMirror => Ok(Default::default()),
        };
        Ok(done.map(|_| ()))
    }
}
