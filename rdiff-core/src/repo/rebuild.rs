//! Old contents: a chain of a base and deltas, opened to be read once from the front.
//!
//! Deltas are composed, not applied one after the other, so that a file is written once however old it is. What that takes
//! before the first byte is there (a packed base, many literals) ends too when the job is to stop.

use super::Repository;
use super::disk::PassingFile;
use super::gz::Content;
use super::increments::{Base, Chain, Increment, is_surely_empty};
use super::whole::WholeFile;
use crate::delta::{ComposeLimits, Composer, DeltaError, Plan, PlanReader, ReadAt};
use crate::entry::Entry;
use crate::error::{Doing, Error, IoContext, Result};
use crate::monitor::Stop;
use crate::time::SessionTime;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

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
        self.open_chain_until(&Stop::default(), entry, chain, time)
    }

    /// The same, for a job that may be told to stop.
    ///
    /// # Errors
    /// As [`Repository::open_chain`].
    pub(crate) fn open_chain_until(
        &self,
        stop: &Stop,
        entry: &Entry,
        chain: &Chain,
        time: SessionTime,
    ) -> Result<FileContent> {
        if is_surely_empty(entry) {
            return Ok(FileContent::Empty);
        }
        self.open_chain_and(stop, entry, chain, time, |_, _| Ok(()))
    }

    /// The same, but damage is an error also where it does no harm: behind the end of a delta.
    ///
    /// # Errors
    /// As [`Repository::open_chain`].
    pub(crate) fn open_chain_strictly(
        &self,
        stop: &Stop,
        entry: &Entry,
        chain: &Chain,
        time: SessionTime,
    ) -> Result<FileContent> {
        self.open_chain_and(stop, entry, chain, time, |increment, content| {
            let path = self.path_of(&increment.place);
            read_out(content).while_doing(Doing::Read, path)
        })
    }

    fn open_chain_and(
        &self,
        stop: &Stop,
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
            return self.open_base(&chain.base);
        }
        let limits = ComposeLimits { memory: IN_MEMORY as usize, ranges: MOST_RANGES };
        let mut composer = Composer::new(limits, tempfile::tempfile);
        for (i, delta) in chain.deltas.iter().enumerate() {
            let limit = if i == 0 { entry.size() } else { u64::MAX };
            let mut content = self.open_increment(delta)?;
            match composer.push(stop.over(entry.path.as_path(), &mut content), limit) {
                Ok(()) => after_delta(delta, &mut content)?,
                // A disk that fails now may not do so the next time; a damaged delta stays one.
                Err(DeltaError::Io(source)) if source.raw_os_error().is_some() => {
                    return Err(Error::Io { doing: Doing::Read, path: self.path_of(&delta.place), source });
                }
                Err(DeltaError::TooManyRanges { .. }) => {
                    return self.apply_one_by_one(stop, entry, chain, time);
                }
                Err(e) => return Err(rebuild(self.in_delta(delta, &e))),
            }
        }
        let (base, length) = self.seekable(stop, entry, &chain.base, composer.reach())?;
        let plan = composer.finish(length).map_err(|e| rebuild(e.into()))?;
        Ok(FileContent::Composed(Box::new(plan.into_reader(base))))
    }

    fn in_delta(&self, delta: &Increment, e: &DeltaError) -> Box<dyn std::error::Error + Send + Sync> {
        format!("{}: {e}", self.path_of(&delta.place).display()).into()
    }

    /// Applies the deltas of a chain one after the other, each to a temporary file: for a file in so many
    /// pieces that a composed plan would not fit in memory.
    fn apply_one_by_one(
        &self,
        stop: &Stop,
        entry: &Entry,
        chain: &Chain,
        time: SessionTime,
    ) -> Result<FileContent> {
        let rebuild = |source| Error::Rebuild { path: entry.path.clone(), at: time, source };
        let (mut base, mut length) = self.seekable(stop, entry, &chain.base, u64::MAX)?;
        for (i, delta) in chain.deltas.iter().enumerate().rev() {
            // What stands between is of no known size, but no history makes it that much larger.
            let between = entry.size().max(length).saturating_mul(16).saturating_add(1 << 30);
            let limit = if i == 0 { entry.size() } else { between };
            let mut file = tempfile::tempfile().map_err(|e| rebuild(e.into()))?;
            let content = stop.over(entry.path.as_path(), self.open_increment(delta)?);
            let mut out = io::BufWriter::new(&mut file);
            let basis = stop.over(entry.path.as_path(), &base);
            let applied = crate::delta::apply(&basis, length, content, limit, &mut out);
            length = applied.map_err(|e| rebuild(self.in_delta(delta, &e)))?;
            out.flush().map_err(|e| rebuild(e.into()))?;
            drop(out);
            file.rewind().map_err(|e| rebuild(e.into()))?;
            base = BaseFile::File(PassingFile::temporary(file));
        }
        match base {
            BaseFile::File(file) => Ok(FileContent::Whole(Content::by_name(file.into_file(), false))),
            BaseFile::Memory(_) => Err(rebuild("a chain without deltas has nothing to apply".into())),
        }
    }

    pub(crate) fn open_increment(&self, increment: &Increment) -> Result<Content> {
        let path = self.path_of(&increment.place);
        let file = self.root().open_file(increment.place.as_bytes()).while_doing(Doing::Open, &path)?;
        Ok(Content::by_name(file, increment.gzipped))
    }

    fn open_base(&self, base: &Base) -> Result<FileContent> {
        match base {
            Base::Mirror(place) => {
                let opened = self.root().open_file_sized(place.as_bytes());
                let (file, size) = opened.while_doing(Doing::Open, self.path_of(place))?;
                Ok(FileContent::Mirror(WholeFile::new(PassingFile::new(file, size), size)))
            }
            Base::Snapshot(increment) => self.open_increment(increment).map(FileContent::Whole),
        }
    }

    /// A base that can be read at any offset, and its length. No more than `reach` bytes of a packed one are
    /// kept; the rest is read to see whether it is whole.
    fn seekable(&self, stop: &Stop, entry: &Entry, base: &Base, reach: u64) -> Result<(BaseFile, u64)> {
        let increment = match base {
            Base::Mirror(place) => {
                let path = self.path_of(place);
                let opened = self.root().open_file_sized(place.as_bytes()).while_doing(Doing::Open, path);
                return opened.map(|(file, length)| (BaseFile::File(PassingFile::new(file, length)), length));
            }
            Base::Snapshot(increment) => increment,
        };
        let path = self.path_of(&increment.place);
        let opened = self.root().open_file_sized(increment.place.as_bytes());
        let (file, length) = opened.while_doing(Doing::Open, &path)?;
        if !increment.gzipped {
            return Ok((BaseFile::File(PassingFile::new(file, length)), length));
        }
        let mut content = stop.over(entry.path.as_path(), Content::by_name(file, true)).take(reach);
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
        Ok((BaseFile::File(PassingFile::temporary(file)), length))
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
    File(PassingFile),
    /// A small snapshot, decompressed.
    Memory(Vec<u8>),
}

impl ReadAt for BaseFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            BaseFile::File(file) => file.read_at(buf, offset),
            BaseFile::Memory(bytes) => bytes.read_at(buf, offset),
        }
    }
}

/// The content of a file at a session, to be read once from the front.
pub enum FileContent {
    /// There is none to be read.
    Empty,
    /// It stands in the mirror as it is,
    Mirror(WholeFile<PassingFile>),
    /// or in an increment.
    Whole(Content),
    /// It is put together from a base and deltas.
    Composed(Box<PlanReader<Plan, BaseFile>>),
}

impl Read for FileContent {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            FileContent::Empty => Ok(0),
            FileContent::Mirror(file) => file.read(buf),
            FileContent::Whole(content) => content.read(buf),
            FileContent::Composed(composed) => composed.read(buf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::increments::Increments;
    use super::*;
    use crate::entry::{Attrs, Kind};
    use crate::path::RepoPathBuf;

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
        let one_by_one = repo.apply_one_by_one(&Stop::default(), &entry, &chain, time);
        for content in [repo.open_chain(&entry, &chain, time), one_by_one] {
            let mut read = Vec::new();
            content.unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, versions[0]);
        }
    }
}
