//! Increments of a path, and the chain that leads to its content at one session.
//!
//! An increment is named for the session whose state it *holds*, not for the one that wrote it.
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::diff::entry_at;
//! use rdiff_core::repo::increments::{Base, BaseFile, Chain, FileContent, Increment, Increments, Listed};
//! use std::io::Read;
//!
//! let (note, oldest) = (RepoPath::new(b"note")?, repo.sessions()?[0]);
//! let mut increments = Increments::going_on(&repo, Listed::default());
//! let of_note: &[Increment] = increments.of(note, None)?;
//! assert_eq!(of_note[0].time, oldest);
//!
//! let entry = entry_at(&repo, note, oldest)?.expect("it was there");
//! let chain: Chain = increments.chain(&entry, oldest)?;
//! println!("{} deltas over {}", chain.deltas.len(), match chain.base {
//!     Base::Mirror(_) => "the mirror file",
//!     Base::Snapshot(_) => "a whole increment",
//! });
//! let mut content: FileContent = repo.open_chain(&entry, &chain, oldest)?;
//! let mut text = String::new();
//! content.read_to_string(&mut text)?;
//! assert_eq!(text, "first");
//! # fn named(_: BaseFile) {}
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::Repository;
use super::gz::Content;
use super::layout::{LONG_NAMES, StoredPath};
use super::put::digest_of;
use crate::delta::{ComposeLimits, Composer, DeltaError, Plan, PlanReader, ReadAt};
use crate::entry::{Entry, LongName};
use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::{IncrementKind, TimedName};
use crate::path::RepoPath;
use crate::time::SessionTime;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

/// An increment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment {
    /// The session whose state it holds.
    pub time: SessionTime,
    /// What it holds.
    pub kind: IncrementKind,
    /// Is its content gzipped?
    pub gzipped: bool,
    /// Where it is.
    pub place: StoredPath,
}

/// The increments in one directory, by what their names begin with (unquoted), oldest first.
pub type IncrementDir = HashMap<Vec<u8>, Vec<Increment>>;

impl Repository {
    /// All increments in a directory of increments; none if it isn't there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn increments_in(&self, dir: &StoredPath) -> Result<IncrementDir> {
        let mut found = IncrementDir::new();
        let names = match self.root().list_kinds(dir.as_bytes()) {
            Err(e) if crate::tree::is_absent(&e) => return Ok(found),
            other => other.while_doing(Doing::List, self.path_of(dir))?,
        };
        for (name, is_dir) in names {
            // A directory of the source can be named like an increment; an increment is never a directory.
            if is_dir {
                continue;
            }
            let unquoted = self.layout().quoting().unquote(&name);
            let Some(parsed) = TimedName::parse(&unquoted) else { continue };
            let increment = Increment {
                time: parsed.time,
                kind: parsed.kind,
                gzipped: parsed.gzipped,
                place: dir.listed(&name),
            };
            found.entry(parsed.base.to_vec()).or_default().push(increment);
        }
        for increments in found.values_mut() {
            increments.sort_by_key(|i| i.time);
        }
        Ok(found)
    }
}

/// Finds increments of one path after the other. Remembers the directory it looked at last.
pub struct Increments<'r> {
    repo: &'r Repository,
    listed: Listed,
}

/// What [`Increments`] remembers, for one that goes on where another ended.
#[derive(Debug, Default)]
pub struct Listed {
    dir: Option<(StoredPath, IncrementDir)>,
    long: Option<IncrementDir>,
}

impl<'r> Increments<'r> {
    /// Finds increments of `repo`.
    pub fn new(repo: &'r Repository) -> Self {
        Self::going_on(repo, Listed::default())
    }

    /// The same, with what another one of the same repository remembered.
    pub fn going_on(repo: &'r Repository, listed: Listed) -> Self {
        Self { repo, listed }
    }

    /// What it remembers.
    pub fn into_listed(self) -> Listed {
        self.listed
    }

    /// The increments of a path, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(&mut self, path: RepoPath<'_>, long: Option<&LongName>) -> Result<&[Increment]> {
        let (dir, base) = self.repo.layout().increment_base(path, long);
        let base = self.repo.layout().quoting().unquote(&base).into_owned();
        let listed = &mut self.listed;
        let found = if dir.as_bytes() == LONG_NAMES.as_bytes() {
            match &mut listed.long {
                Some(found) => found,
                empty => empty.insert(self.repo.increments_in(&dir)?),
            }
        } else {
            if listed.dir.as_ref().is_none_or(|(at, _)| *at != dir) {
                let found = self.repo.increments_in(&dir)?;
                listed.dir = Some((dir, found));
            }
            match &listed.dir {
                Some((_, found)) => found,
                None => return Ok(&[]),
            }
        };
        Ok(found.get(&base).map_or(&[], Vec::as_slice))
    }

    /// What to read for the content of a regular file as it was at `time`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] when the increments say that it was no regular file.
    pub fn chain(&mut self, entry: &Entry, time: SessionTime) -> Result<Chain> {
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let repo = self.repo;
        let mut deltas = Vec::new();
        for increment in
            self.of(entry.path.as_path(), entry.long_name.as_ref())?.iter().filter(|i| i.time >= time)
        {
            match increment.kind {
                IncrementKind::Diff => deltas.push(increment.clone()),
                IncrementKind::Snapshot => {
                    return Ok(Chain { base: Base::Snapshot(increment.clone()), deltas });
                }
                IncrementKind::Data => {}
                IncrementKind::Dir | IncrementKind::Missing => {
                    return Err(Error::Corrupt {
                        file: repo.path_of(&increment.place),
                        line: None,
                        source: crate::error::FormatError::Other(format!(
                            "an increment says that {} was no file, metadata say that it was",
                            entry.path
                        )),
                    });
                }
            }
        }
        Ok(Chain { base: Base::Mirror(mirror), deltas })
    }
}

impl Repository {
    /// The ways to a file's content as things stand now, the likeliest first. A writer beside us puts the
    /// increment of a path in its place before it changes the path; so who finds something else than was
    /// recorded asks again, and only believes it when nothing has come to that meanwhile.
    ///
    /// # Errors
    /// As [`Increments::chain`].
    pub(crate) fn ways_to(&self, entry: &Entry, time: SessionTime) -> Result<Vec<Chain>> {
        let interrupted = self.failed_after()?;
        let mirror = self.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        Ok(Increments::new(self).chain(entry, time)?.candidates(&mirror, interrupted))
    }
}

/// Does the record alone tell the content?
pub(crate) fn is_surely_empty(entry: &Entry) -> bool {
    entry.file().is_some_and(|f| f.size == 0 && f.digest.is_none_or(|digest| digest == digest_of(b"")))
}

/// How often a reader asks anew what leads to a content, while a writer is at work.
pub(crate) const MOST_WAYS: usize = 20;

/// Where the content of a file at a session comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Whole content to begin with.
    pub base: Base,
    /// What leads from it to the wanted content, in order of time: the last is applied first.
    pub deltas: Vec<Increment>,
}

impl Chain {
    /// This chain, and, where the session after `good` failed, the one without what that session wrote: its
    /// increment may be there while the mirror file is still the old one. The recorded digest decides.
    pub fn candidates(&self, mirror: &StoredPath, failed_after: Option<SessionTime>) -> Vec<Chain> {
        let mut chains = vec![self.clone()];
        let Some(good) = failed_after else { return chains };
        let mut without = |deltas: &[Increment]| {
            chains.push(Chain { base: Base::Mirror(mirror.clone()), deltas: deltas.to_vec() });
        };
        match (&self.base, self.deltas.split_last()) {
            (Base::Snapshot(increment), _) if increment.time == good => without(&self.deltas),
            (Base::Mirror(_), Some((last, others))) if last.time == good => without(others),
            _ => {}
        }
        chains
    }

    /// The files that it reads, the base first.
    pub fn files(&self) -> impl Iterator<Item = &StoredPath> {
        let base = match &self.base {
            Base::Mirror(place) => place,
            Base::Snapshot(increment) => &increment.place,
        };
        std::iter::once(base).chain(self.deltas.iter().rev().map(|d| &d.place))
    }
}

/// Whole content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The mirror file.
    Mirror(StoredPath),
    /// A snapshot increment.
    Snapshot(Increment),
}

/// Bytes of a base or of literals kept in memory; more goes to an unlinked temporary file.
const IN_MEMORY: u64 = 8 << 20;
/// Ranges that a composed plan may have: 32 bytes each.
const MOST_RANGES: usize = 4 << 20;

impl Repository {
    /// Opens the content that a chain leads to. A file that was recorded as empty needs nothing for that, and comes
    /// back also where its increment was lost.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Rebuild`] for a damaged delta or snapshot.
    pub fn open_chain(&self, entry: &Entry, chain: &Chain, time: SessionTime) -> Result<FileContent> {
        if is_surely_empty(entry) {
            return Ok(FileContent::Empty);
        }
        self.open_chain_and(entry, chain, time, |_, _| Ok(()))
    }

    /// The same, but damage is an error also where it does no harm: behind the end of a delta.
    ///
    /// # Errors
    /// As [`Repository::open_chain`].
    pub(crate) fn open_chain_strictly(
        &self,
        entry: &Entry,
        chain: &Chain,
        time: SessionTime,
    ) -> Result<FileContent> {
        self.open_chain_and(entry, chain, time, |increment, content| {
            let path = self.path_of(&increment.place);
            read_out(content).while_doing(Doing::Read, path)
        })
    }

    fn open_chain_and(
        &self,
        entry: &Entry,
        chain: &Chain,
        time: SessionTime,
        after_delta: impl Fn(&Increment, &mut Content) -> Result<()>,
    ) -> Result<FileContent> {
        let rebuild = |source: Box<dyn std::error::Error + Send + Sync>| Error::Rebuild {
            path: entry.path.clone(),
            at: time,
            source,
        };
        if chain.deltas.is_empty() {
            return Ok(FileContent::Whole(self.open_base(&chain.base)?));
        }
        let limits = ComposeLimits { memory: IN_MEMORY as usize, ranges: MOST_RANGES };
        let mut composer = Composer::new(limits, tempfile::tempfile);
        for (i, delta) in chain.deltas.iter().enumerate() {
            let limit = if i == 0 { entry.size() } else { u64::MAX };
            let mut content = self.open_increment(delta)?;
            match composer.push(&mut content, limit) {
                Ok(()) => after_delta(delta, &mut content)?,
                Err(DeltaError::TooManyRanges { .. }) => return self.apply_one_by_one(entry, chain, time),
                Err(e) => return Err(rebuild(self.in_delta(delta, &e))),
            }
        }
        let (base, length) = self.seekable(&chain.base, composer.reach())?;
        let plan = composer.finish(length).map_err(|e| rebuild(e.into()))?;
        Ok(FileContent::Composed(Box::new(plan.into_reader(base))))
    }

    fn in_delta(&self, delta: &Increment, e: &DeltaError) -> Box<dyn std::error::Error + Send + Sync> {
        format!("{}: {e}", self.path_of(&delta.place).display()).into()
    }

    /// Applies the deltas of a chain one after the other, each to a temporary file: for a file in so many
    /// pieces that a composed plan would not fit in memory.
    fn apply_one_by_one(&self, entry: &Entry, chain: &Chain, time: SessionTime) -> Result<FileContent> {
        let rebuild = |source| Error::Rebuild { path: entry.path.clone(), at: time, source };
        let (mut base, mut length) = self.seekable(&chain.base, u64::MAX)?;
        for (i, delta) in chain.deltas.iter().enumerate().rev() {
            // What stands between is of no known size, but no history makes it that much larger.
            let between = entry.size().max(length).saturating_mul(16).saturating_add(1 << 30);
            let limit = if i == 0 { entry.size() } else { between };
            let mut file = tempfile::tempfile().map_err(|e| rebuild(e.into()))?;
            let content = self.open_increment(delta)?;
            let mut out = io::BufWriter::new(&mut file);
            let applied = crate::delta::apply(&base, length, content, limit, &mut out);
            length = applied.map_err(|e| rebuild(self.in_delta(delta, &e)))?;
            out.flush().map_err(|e| rebuild(e.into()))?;
            drop(out);
            file.rewind().map_err(|e| rebuild(e.into()))?;
            base = BaseFile::File(file);
        }
        match base {
            BaseFile::File(file) => Ok(FileContent::Whole(Content::by_name(file, false))),
            BaseFile::Memory(_) => Err(rebuild("a chain without deltas has nothing to apply".into())),
        }
    }

    pub(crate) fn open_increment(&self, increment: &Increment) -> Result<Content> {
        let path = self.path_of(&increment.place);
        let file = self.root().open_file(increment.place.as_bytes()).while_doing(Doing::Open, &path)?;
        Ok(Content::by_name(file, increment.gzipped))
    }

    fn open_base(&self, base: &Base) -> Result<Content> {
        match base {
            Base::Mirror(place) => {
                let path = self.path_of(place);
                let file = self.root().open_file(place.as_bytes()).while_doing(Doing::Open, path)?;
                Ok(Content::by_name(file, false))
            }
            Base::Snapshot(increment) => self.open_increment(increment),
        }
    }

    /// A base that can be read at any offset, and its length. No more than `reach` bytes of a packed one are
    /// kept; the rest is read to see whether it is whole.
    fn seekable(&self, base: &Base, reach: u64) -> Result<(BaseFile, u64)> {
        let increment = match base {
            Base::Mirror(place) => {
                let path = self.path_of(place);
                let opened = self.root().open_file_sized(place.as_bytes()).while_doing(Doing::Open, path);
                return opened.map(|(file, length)| (BaseFile::File(file), length));
            }
            Base::Snapshot(increment) => increment,
        };
        let path = self.path_of(&increment.place);
        let opened = self.root().open_file_sized(increment.place.as_bytes());
        let (file, length) = opened.while_doing(Doing::Open, &path)?;
        if !increment.gzipped {
            return Ok((BaseFile::File(file), length));
        }
        let mut content = Content::by_name(file, true).take(reach);
        let mut memory = Vec::new();
        content.by_ref().take(IN_MEMORY).read_to_end(&mut memory).while_doing(Doing::Read, &path)?;
        if (memory.len() as u64) < IN_MEMORY {
            io::copy(content.get_mut(), &mut io::sink()).while_doing(Doing::Read, &path)?;
            let length = memory.len() as u64;
            return Ok((BaseFile::Memory(memory), length));
        }
        let spill = || -> io::Result<(File, u64)> {
            let mut file = tempfile::tempfile()?;
            file.write_all(&memory)?;
            let more = io::copy(&mut content, &mut file)?;
            io::copy(content.get_mut(), &mut io::sink())?;
            file.rewind()?;
            Ok((file, memory.len() as u64 + more))
        };
        let (file, length) = { spill }().while_doing(Doing::Read, &path)?;
        Ok((BaseFile::File(file), length))
    }
}

/// Reads what stands behind the end of a delta: the checksum of a packed one, and nothing else.
///
/// # Errors
/// `InvalidData` when there is more; those of reading.
pub(crate) fn read_out(content: &mut Content) -> io::Result<()> {
    match content.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "something stands behind its end")),
    }
}

/// A base to which deltas are applied.
pub enum BaseFile {
    /// The mirror file, or a temporary one.
    File(File),
    /// A small snapshot, decompressed.
    Memory(Vec<u8>),
}

impl ReadAt for BaseFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            BaseFile::File(file) => ReadAt::read_at(file, buf, offset),
            BaseFile::Memory(bytes) => ReadAt::read_at(bytes, buf, offset),
        }
    }
}

/// The content of a file at a session, to be read once from the front.
pub enum FileContent {
    /// There is none to be read.
    Empty,
    /// It stands somewhere as it is.
    Whole(Content),
    /// It is put together from a base and deltas.
    Composed(Box<PlanReader<Plan, BaseFile>>),
}

impl Read for FileContent {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            FileContent::Empty => Ok(0),
            FileContent::Whole(content) => content.read(buf),
            FileContent::Composed(composed) => composed.read(buf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attrs, Kind};
    use crate::path::RepoPathBuf;

    #[test]
    fn only_what_the_failed_session_wrote_is_left_out() {
        let mirror = StoredPath::fixed("f");
        let diff = |time, kind| Increment {
            time: SessionTime(time),
            kind,
            gzipped: false,
            place: StoredPath::fixed("rdiff-backup-data/increments/f").listed(&[time as u8]),
        };
        let (first, second) = (diff(1, IncrementKind::Diff), diff(2, IncrementKind::Diff));
        let chain = Chain { base: Base::Mirror(mirror.clone()), deltas: vec![first.clone(), second] };
        let candidates = |chain: &Chain, good: Option<i64>| chain.candidates(&mirror, good.map(SessionTime));
        let as_it_is = std::slice::from_ref(&chain);
        assert_eq!(candidates(&chain, None), as_it_is);
        assert_eq!(candidates(&chain, Some(3)), as_it_is);
        let without = Chain { base: Base::Mirror(mirror.clone()), deltas: vec![first.clone()] };
        let both = candidates(&chain, Some(2));
        assert_eq!((&both[..1], &both[1]), (as_it_is, &without));
        let base = Base::Snapshot(diff(2, IncrementKind::Snapshot));
        let whole = Chain { base, deltas: vec![first] };
        assert_eq!(candidates(&whole, Some(2))[1], without);
        assert_eq!(whole.files().count(), 2);
    }

    #[test]
    fn a_chain_applied_one_by_one_leads_where_the_composed_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("rdiff-backup-data/increments");
        std::fs::create_dir_all(&data).unwrap();
        let versions: [&[u8]; 3] =
            [b"the first, and some more of it", b"the second, and some more", b"and a third more"];
        std::fs::write(dir.path().join("f"), versions[2]).unwrap();
        for (i, at) in ["2001-09-09T01:46:40Z", "2001-09-09T01:46:41Z"].into_iter().enumerate() {
            let (old, new) = (versions[i], versions[i + 1]);
            let mut delta = Vec::new();
            crate::delta::encode(new, new.len() as u64, old, old.len() as u64, &mut delta).unwrap();
            std::fs::write(data.join(format!("f.{at}.diff")), delta).unwrap();
        }
        let repo = Repository::open(dir.path()).unwrap();
        let file = crate::entry::File { size: versions[0].len() as u64, ..Default::default() };
        let entry = Entry::new(RepoPathBuf::new("f").unwrap(), Kind::File(file), Attrs::default());
        let time = SessionTime(1_000_000_000);
        let chain = Increments::new(&repo).chain(&entry, time).unwrap();
        assert_eq!(chain.deltas.len(), 2);
        for content in [repo.open_chain(&entry, &chain, time), repo.apply_one_by_one(&entry, &chain, time)] {
            let mut read = Vec::new();
            content.unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, versions[0]);
        }
    }
}
