//! Staging: the work on one path, in any order and by many workers. New content goes to the staging
//! directory (in a first session to its place), old content to an increment; the mirror is not touched.

use super::large::LargeCopy;
use super::plan::{Action, Examine, LinkRole, Planned};
use super::{Options, Shared};
use crate::delta::{AlignedScan, Encoder};
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, FormatError, Problem, ProblemKind, Result};
use crate::format::names::IncrementKind;
use crate::repo::disk::{DiskFile, make_dirs};
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Recorded;
use crate::repo::put::{BUFFER, Hasher, digest_of, make_special, read_full, write_with_holes};
use crate::tree::attrs::Applied;
use crate::tree::source::SourceFile;
use crate::tree::{FileKind, Stat, is_absent, means_source_gone};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Files up to this size, in bytes, are held in memory while they are worked on.
const SMALL: u64 = 1 << 20;
/// How often a file that changes while it is read is read again.
const TRIES: usize = 3;

/// What became of a path.
pub(super) enum Outcome {
    /// Nothing has changed; the entry may know its times better.
    Kept(Option<Box<Entry>>),
    /// It is new or has changed.
    Changed(Box<Changed>),
    /// It is gone; its last state is in an increment of so many bytes.
    Removed { increment: u64 },
    /// It can't be read: it stays as it was. So does all below a directory that something else replaced.
    Held { problem: Option<Problem>, with_all_below: bool },
}

/// The new state of a path.
pub(super) struct Changed {
    pub(super) entry: Entry,
    pub(super) role: LinkRole,
    pub(super) place: Place,
    /// The digest of what was read, for a file.
    pub(super) content: Option<Digest>,
    /// Bytes of the increment, if one was written.
    pub(super) increment: Option<u64>,
    /// It stands as an empty file for something that can't be made here.
    pub(super) problem: Option<Problem>,
}

/// Where the new state is.
pub(super) enum Place {
    /// In the staging directory.
    Staged(StoredPath),
    /// In the mirror already: a first session, or only attributes differ.
    Mirror,
    /// Nowhere yet: a directory, or a later name of a file.
    Nowhere,
}

/// Working memory of a worker.
#[derive(Default)]
pub(super) struct Tools {
    new: Vec<u8>,
    old: Vec<u8>,
    encoder: Encoder,
}

/// Content that was read from the source.
pub(super) enum Content {
    /// In `Tools::new`.
    Memory,
    /// In a staged file (or in place), open to be read again.
    Written { file: Box<dyn DiskFile>, place: Option<StoredPath>, scan: Option<AlignedScan> },
    /// The same as in the mirror; nothing was written.
    SameAsMirror,
}

pub(super) struct ReadContent {
    pub(super) content: Content,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// Why a file could not be staged.
pub(super) enum StageError {
    /// Trouble with the source.
    Source(ProblemKind, io::Error),
    /// Trouble with the repository.
    Fatal(Error),
}

impl From<Error> for StageError {
    fn from(e: Error) -> Self {
        StageError::Fatal(e)
    }
}

impl Shared {
    /// What is to be examined, if that begins with opening a file of the source.
    pub(super) fn to_open<'p>(&self, planned: &'p mut Planned) -> Option<&'p mut Examine> {
        match &mut planned.action {
            Action::Examine(examine) if examine.stat.kind == FileKind::Regular => {
                (examine.role != LinkRole::Later || !self.is_first()).then_some(&mut **examine)
            }
            _ => None,
        }
    }

    /// Does the work on one path.
    ///
    /// # Errors
    /// What goes wrong in the repository.
    pub(super) fn stage(&self, planned: &mut Planned, tools: &mut Tools) -> Result<Outcome> {
        match std::mem::replace(&mut planned.action, Action::Keep) {
            Action::Keep => Ok(Outcome::Kept(None)),
            Action::Hold(problem) => Ok(Outcome::Held { problem, with_all_below: false }),
            Action::Remove => {
                let Some(old) = &planned.old else { return Ok(Outcome::Kept(None)) };
                let increment = self.keep_old(old, None, tools)?;
                Ok(Outcome::Removed { increment })
            }
            Action::Examine(examine) => self.examine_or_hold(*examine, planned, tools),
        }
    }

    fn examine_or_hold(&self, examine: Examine, planned: &Planned, tools: &mut Tools) -> Result<Outcome> {
        let is_dir = examine.stat.is_dir();
        match self.examine(examine, planned.old.as_deref(), tools) {
            Ok(outcome) => Ok(outcome),
            Err(StageError::Fatal(e)) => Err(e),
            Err(StageError::Source(kind, source)) => {
                if means_source_gone(&source) {
                    return Err(super::source_gone(&*self.source, &planned.path, &source));
                }
                let was_dir = planned.old.as_ref().is_some_and(|old| old.entry.is_dir());
                let problem = Some(Problem { kind, path: planned.path.clone(), source });
                Ok(Outcome::Held { problem, with_all_below: was_dir && !is_dir })
            }
        }
    }

    fn examine(
        &self,
        examine: Examine,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        match examine.stat.kind {
            FileKind::Regular => self.examine_file(examine, old, tools),
            _ => self.examine_other(examine, old, tools),
        }
    }

    fn examine_other(
        &self,
        examine: Examine,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        let Examine { mut new, stat, role, looks_same, .. } = examine;
        let listing = |e| StageError::Source(ProblemKind::List, e);
        if let Kind::Symlink(target) = &mut new.kind {
            *target = self.source.read_link(new.path.as_path()).map_err(listing)?;
        }
        let mut problem = None;
        let was_dir = old.is_some_and(|o| o.entry.is_dir());
        match self.source.attributes(new.path.as_path(), &stat) {
            Ok(attributes) => (new.xattrs, new.acl) = attributes,
            // Better a new directory without them than all below it without a directory.
            Err(source) if stat.is_dir() && !was_dir && !means_source_gone(&source) => {
                problem = Some(Problem { kind: ProblemKind::List, path: new.path.clone(), source });
            }
            Err(e) => return Err(listing(e)),
        }
        if let Some(old) = old.filter(|_| looks_same)
            && old.entry.kind == new.kind
            && same_attributes(&old.entry, &new)
        {
            return Ok(Outcome::Kept(Some(Box::new(new))));
        }
        let increment = self.keep_previous(old, &new, &Content::Memory, None, tools)?;
        let place = if new.is_dir() {
            Place::Nowhere
        } else {
            let in_place = self.is_first();
            let place = if in_place { self.mirror(&new) } else { self.session.staged() };
            let made = self.retry_over(&place, || make_special(&*self.disk, &place, &new.kind))?;
            if !made {
                problem = Some(Problem {
                    kind: ProblemKind::SpecialFile,
                    path: new.path.clone(),
                    source: io::Error::from(io::ErrorKind::PermissionDenied),
                });
            }
            self.session.io(
                Doing::SetAttributes,
                &place,
                self.disk.set_attributes(&place, &self.for_mirror(&new)),
            )?;
            if in_place { Place::Mirror } else { Place::Staged(place) }
        };
        Ok(Outcome::Changed(Box::new(Changed { entry: new, role, place, content: None, increment, problem })))
    }

    fn examine_file(
        &self,
        examine: Examine,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        let Examine { mut new, stat, role, looks_same, doubt_content, mut opened } = examine;
        let listing = |e| StageError::Source(ProblemKind::List, e);
        if role == LinkRole::Later && self.is_first() {
            return Ok(Outcome::Changed(Box::new(Changed {
                entry: new,
                role,
                place: Place::Nowhere,
                content: None,
                increment: None,
                problem: None,
            })));
        }
        let mut stat = stat;
        for _ in 0..TRIES {
            let file = opened.take().unwrap_or_else(|| self.source.open(new.path.as_path()));
            let mut file = file.map_err(listing)?;
            let now = if self.is_first() { stat } else { file.stat().map_err(listing)? };
            if now.kind != FileKind::Regular {
                break;
            }
            if now != stat {
                self.adopt(&mut new, &now);
            }
            (new.xattrs, new.acl) = file.attributes().map_err(listing)?;
            if let Some(old) = old.filter(|_| looks_same && !doubt_content)
                && same_attributes(&old.entry, &new)
                && old.entry.size() == now.size
                && old.entry.attrs.mtime == Some(now.mtime.0)
            {
                return Ok(Outcome::Kept(Some(Box::new(new))));
            }
            let read = self.read_content(&mut *file, &new, &now, old, tools)?;
            let after = file.stat().map_err(listing)?;
            let steady = (after.size, after.mtime, after.ctime) == (now.size, now.mtime, now.ctime)
                && read.size == now.size;
            if steady {
                return self.settle(new, role, looks_same, read, old, tools);
            }
            self.discard(read.content, &new)?;
            self.adopt(&mut new, &after);
            stat = after;
        }
        let changed =
            io::Error::other("it changed each time that it was read; its last good version is kept");
        Err(StageError::Source(ProblemKind::Update, changed))
    }

    /// Takes over what a newer stat of the same path says.
    fn adopt(&self, new: &mut Entry, stat: &Stat) {
        if let Kind::File(file) = &mut new.kind {
            file.size = stat.size;
        }
        new.attrs.mtime = Some(stat.mtime.0);
        new.attrs.mode = stat.mode;
        new.attrs.uid = stat.uid;
        new.attrs.gid = stat.gid;
        new.attrs.uname = self.source.user_name(stat.uid);
        new.attrs.gname = self.source.group_name(stat.gid);
        if let Some(precise) = &mut new.precise {
            precise.mtime = stat.mtime;
            precise.unchanged_while = None;
        }
    }

    /// Drops content of a file that changed under us.
    fn discard(&self, content: Content, new: &Entry) -> Result<()> {
        if let Content::Written { place, .. } = content {
            let place = place.unwrap_or_else(|| self.mirror(new));
            self.session.io(Doing::Remove, &place, self.disk.unlink(&place))?;
        }
        Ok(())
    }

    /// Compares what was read with the record, and writes what has changed.
    fn settle(
        &self,
        mut new: Entry,
        role: LinkRole,
        looks_same: bool,
        read: ReadContent,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        let old_digest = old.and_then(|o| o.entry.file()).and_then(|f| f.digest);
        let same_content = match (&read.content, old_digest) {
            (Content::SameAsMirror, _) => true,
            (_, Some(digest)) => digest == read.digest,
            // Later names of a file are recorded without a digest.
            (_, None) => self.mirror_holds(old, &read, tools)?,
        };
        if let Kind::File(file) = &mut new.kind {
            file.digest = (role != LinkRole::Later).then_some(read.digest);
        }
        if let Some(old) = old.filter(|_| looks_same && same_content)
            && same_attributes(&old.entry, &new)
        {
            self.discard(read.content, &new)?;
            return Ok(Outcome::Kept(Some(Box::new(new))));
        }
        // Only attributes differ, and the mirror file has no other name that would change with it.
        let alone = old.is_some_and(|o| o.entry.file().is_some_and(|f| f.link.is_none()));
        let in_place = same_content && alone && role == LinkRole::Single;
        let digest = read.digest;
        let increment = self.keep_previous(old, &new, &read.content, Some(digest), tools)?;
        let place = if in_place {
            self.discard(read.content, &new)?;
            Place::Mirror
        } else {
            self.put(read, &new, old, tools)?
        };
        Ok(Outcome::Changed(Box::new(Changed {
            entry: new,
            role,
            place,
            content: Some(digest),
            increment,
            problem: None,
        })))
    }

    /// Has the mirror file of the last session this content?
    fn mirror_holds(&self, old: Option<&Recorded>, read: &ReadContent, tools: &mut Tools) -> Result<bool> {
        let Some(old) = old.filter(|o| o.entry.file().is_some_and(|f| f.size == read.size)) else {
            return Ok(false);
        };
        let Some((file, _)) = self.old_content(&old.entry)? else { return Ok(false) };
        let mut file = self.stop.over(file);
        tools.old.resize(BUFFER, 0);
        let mut hasher = Hasher::default();
        loop {
            let n = read_full(&mut file, &mut tools.old);
            match self.session.io(Doing::Read, &self.mirror(&old.entry), n)? {
                0 => return Ok(hasher.finish() == read.digest),
                n => hasher.update(&tools.old[..n]),
            }
        }
    }

    /// Brings the content to the staging directory, or to its place in a first session.
    fn put(
        &self,
        read: ReadContent,
        new: &Entry,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Place, StageError> {
        let (mut file, place) = match read.content {
            Content::Written { file, place, .. } => (file, place),
            Content::Memory => {
                let (mut file, place) = self.create_new(new)?;
                let shown = place.clone().unwrap_or_else(|| self.mirror(new));
                let written = if tools.new.is_empty() {
                    Ok(())
                } else {
                    write_with_holes(&mut *file, &tools.new, 0, 0)
                        .and_then(|end| if end < read.size { file.set_len(read.size) } else { Ok(()) })
                };
                self.session.io(Doing::Write, &shown, written)?;
                (file, place)
            }
            Content::SameAsMirror => {
                let (mut file, place) = self.create_new(new)?;
                let shown = place.clone().unwrap_or_else(|| self.mirror(new));
                let old_place = old.map_or_else(|| self.mirror(new), |o| self.mirror(&o.entry));
                let mut mirror = self.stop.over(self.open_mirror(&old_place)?.0);
                tools.old.resize(BUFFER, 0);
                let copied = crate::repo::put::copy_sparse(&mut mirror, &mut *file, u64::MAX, &mut tools.old);
                self.session.io(
                    Doing::Write,
                    &shown,
                    copied.map_err(|e| io::Error::other(format!("{e:?}"))),
                )?;
                (file, place)
            }
        };
        let shown = place.clone().unwrap_or_else(|| self.mirror(new));
        self.session.io(Doing::SetAttributes, &shown, file.set_attributes(&self.for_mirror(new)))?;
        Ok(place.map_or(Place::Mirror, Place::Staged))
    }

    /// A new file: in staging, or (as no place) in the mirror of a first session.
    pub(super) fn create_new(&self, new: &Entry) -> Result<(Box<dyn DiskFile>, Option<StoredPath>)> {
        let staged = (!self.is_first()).then(|| self.session.staged());
        let place = staged.clone().unwrap_or_else(|| self.mirror(new));
        let file = self.retry_over(&place, || self.disk.create(&place))?;
        Ok((file, staged))
    }

    /// Makes something in a place that a killed run may have used already.
    fn retry_over<T>(&self, place: &StoredPath, make: impl Fn() -> io::Result<T>) -> Result<T> {
        let made = match make() {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                self.session.io(Doing::Remove, place, crate::repo::disk::remove_all(&*self.disk, place))?;
                make()
            }
            Err(e) if is_absent(&e) && !place.parent().as_bytes().is_empty() => {
                self.session.io(Doing::Create, &place.parent(), make_dirs(&*self.disk, &place.parent()))?;
                make()
            }
            other => other,
        };
        self.session.io(Doing::Create, place, made)
    }

    pub(super) fn open_mirror(&self, place: &StoredPath) -> Result<(File, u64)> {
        let opened = self.disk.root().open_file_sized(place.as_bytes());
        self.session.io(Doing::Open, place, opened)
    }

    /// Reads the whole source file: small ones to memory, large ones to a new file, compared with the
    /// mirror on the way so that what didn't change is neither written nor read again.
    fn read_content(
        &self,
        file: &mut dyn SourceFile,
        new: &Entry,
        stat: &Stat,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<ReadContent, StageError> {
        let reading = |e| StageError::Source(ProblemKind::List, e);
        if stat.size <= SMALL {
            // One byte more than expected, to see in the same call that there is no more.
            tools.new.resize(stat.size as usize + 1, 0);
            let n = if stat.size == 0 {
                0
            } else {
                read_full_once(file, &mut tools.new, stat.size).map_err(reading)?
            };
            tools.new.truncate(n);
            return Ok(ReadContent {
                content: Content::Memory,
                digest: digest_of(&tools.new),
                size: n as u64,
            });
        }
        let mut copy = LargeCopy::new(self, new, old.map(|old| &old.entry));
        tools.new.resize(BUFFER, 0);
        tools.old.resize(BUFFER, 0);
        let sparse = stat.allocated < stat.size;
        loop {
            if sparse && copy.offset() < stat.size {
                let (start, _) =
                    file.data_after(copy.offset()).map_err(reading)?.unwrap_or((stat.size, stat.size));
                while copy.offset() < start {
                    let n = (start - copy.offset()).min(BUFFER as u64) as usize;
                    tools.new[..n].fill(0);
                    copy.take(&tools.new[..n], &mut tools.old)?;
                }
                file.seek(copy.offset()).map_err(reading)?;
            }
            let n = read_full(file, &mut tools.new).map_err(reading)?;
            if n == 0 {
                break;
            }
            copy.take(&tools.new[..n], &mut tools.old)?;
            if copy.offset() > stat.size {
                break; // it grows; it will be read again
            }
        }
        Ok(copy.finish()?)
    }

    pub(super) fn is_first(&self) -> bool {
        self.session.previous().is_none()
    }

    /// Where the mirror of an entry is.
    pub(super) fn mirror(&self, entry: &Entry) -> StoredPath {
        self.session.repo().layout().mirror(entry.path.as_path(), entry.long_name.as_ref())
    }

    /// The attributes of an entry as the mirror has them: times end at the second.
    pub(super) fn for_mirror<'e>(&self, entry: &'e Entry) -> Applied<'e> {
        let mut applied = self.ownership.applied(entry, &self.caps);
        applied.mtime = applied.mtime.map(|(seconds, _)| (seconds, 0));
        applied
    }

    /// Writes the increment of a path that is new or has changed. Nothing in a first session.
    fn keep_previous(
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
                let place = self.increment_place(new, IncrementKind::Missing, false);
                self.retry_over(&place, || self.disk.create(&place))?;
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
    fn keep_old(
        &self,
        old: &Recorded,
        new: Option<(&Entry, &Content, Option<Digest>)>,
        tools: &mut Tools,
    ) -> Result<u64> {
        let entry = &old.entry;
        match &entry.kind {
            Kind::Dir => self.write_dir_increment(entry),
            Kind::File(file) => {
                let gzipped = self.options.compresses(entry.path.as_path());
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
    pub(super) fn drop_increment(&self, entry: &Entry) -> Result<()> {
        let (kind, gzipped) = match &entry.kind {
            Kind::Dir => (IncrementKind::Dir, false),
            Kind::File(_) => (IncrementKind::Snapshot, self.options.compresses(entry.path.as_path())),
            _ => (IncrementKind::Snapshot, false),
        };
        let place = self.increment_place(entry, kind, gzipped);
        self.session.io(Doing::Remove, &place, self.disk.unlink(&place))
    }

    /// Writes the empty increment that says: this was a directory.
    pub(super) fn write_dir_increment(&self, entry: &Entry) -> Result<u64> {
        let place = self.increment_place(entry, IncrementKind::Dir, false);
        let mut file = self.retry_over(&place, || self.disk.create(&place))?;
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
    fn old_content(&self, entry: &Entry) -> Result<Option<(File, u64)>> {
        let place = self.mirror(entry);
        match self.disk.root().open_file_sized(place.as_bytes()) {
            Err(e) if is_absent(&e) || e.kind() == io::ErrorKind::InvalidInput => Ok(None),
            opened => self.session.io(Doing::Open, &place, opened).map(Some),
        }
    }

    fn write_snapshot(&self, entry: &Entry, gzipped: bool, tools: &mut Tools) -> Result<u64> {
        let place = self.increment_place(entry, IncrementKind::Snapshot, gzipped);
        let file = self.retry_over(&place, || self.disk.create(&place))?;
        let mut sink = Sink::new(file, gzipped, entry.size());
        if let Some((old, _)) = self.old_content(entry)? {
            let mut old = self.stop.over(old);
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
        let place = self.increment_place(entry, IncrementKind::Diff, gzipped);
        let file = self.retry_over(&place, || self.disk.create(&place))?;
        let mut sink = Sink::new(file, gzipped, entry.size());
        let encoded = if same || matches!(content, Content::SameAsMirror) {
            crate::delta::write_identity(entry.size(), &mut sink)
        } else {
            self.encode(entry, content, &mut sink, tools)?
        };
        let encoded = encoded.map_err(|e| Error::Corrupt {
            file: self.session.repo().path_of(&self.mirror(entry)),
            line: None,
            source: FormatError::Other(format!("no delta can be made of it: {e}")),
        });
        encoded?;
        self.session.io(Doing::Write, &place, sink.finish(&self.for_increment(entry)))
    }

    fn encode(
        &self,
        entry: &Entry,
        content: &Content,
        sink: &mut Sink,
        tools: &mut Tools,
    ) -> Result<Result<(), crate::delta::DeltaError>> {
        let Tools { new, old: old_buf, encoder } = tools;
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
                let (basis, old) = (self.stop.over(basis), self.stop.over(old));
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

/// Reads at most one byte more than `size`, with one call in the common case.
fn read_full_once(file: &mut dyn SourceFile, buf: &mut [u8], size: u64) -> io::Result<usize> {
    let n = loop {
        match file.read(buf) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    // A regular file gives all that it has; a short read is its end.
    if n as u64 >= size || n == 0 { Ok(n) } else { Ok(n + read_full(file, &mut buf[n..])?) }
}

/// Are attributes and access control lists the same?
pub(super) fn same_attributes(old: &Entry, new: &Entry) -> bool {
    old.xattrs.same(&new.xattrs) && old.acl == new.acl
}

/// An increment file being written, gzipped or not, with its length on disk.
struct Sink {
    out: Output,
}

enum Output {
    Plain(Counted),
    Gzipped(Box<GzEncoder<Counted>>),
}

/// Counts what goes to disk, in large pieces.
struct Counted {
    file: BufWriter<Box<dyn DiskFile>>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buf)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Small increments are worth the effort, large ones are not.
const LEVEL_SMALL: u32 = 6;
const LEVEL_LARGE: u32 = 3;

impl Sink {
    fn new(file: Box<dyn DiskFile>, gzipped: bool, expected: u64) -> Self {
        let file = Counted {
            file: BufWriter::with_capacity(if expected > SMALL { BUFFER } else { 16 << 10 }, file),
            bytes: 0,
        };
        let level = if expected > SMALL { LEVEL_LARGE } else { LEVEL_SMALL };
        let out = if gzipped {
            Output::Gzipped(Box::new(GzEncoder::new(file, Compression::new(level))))
        } else {
            Output::Plain(file)
        };
        Self { out }
    }

    /// Writes the rest, sets the attributes, and says how many bytes there are on disk.
    fn finish(self, attributes: &Applied<'_>) -> io::Result<u64> {
        let counted = match self.out {
            Output::Plain(file) => file,
            Output::Gzipped(encoder) => encoder.finish()?,
        };
        let bytes = counted.bytes;
        let mut file = counted.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.set_attributes(attributes)?;
        Ok(bytes)
    }
}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Output::Plain(file) => file.write(buf),
            Output::Gzipped(encoder) => encoder.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Output::Plain(file) => file.flush(),
            Output::Gzipped(encoder) => encoder.flush(),
        }
    }
}

impl Options {
    /// Is the increment of this path gzipped?
    pub(super) fn compresses(&self, path: crate::path::RepoPath<'_>) -> bool {
        self.compression && !self.not_compressed.as_ref().is_some_and(|re| re.is_match(path.as_bytes()))
    }
}
