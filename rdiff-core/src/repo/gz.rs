//! Files that may be gzipped, read and written.
//!
//! Long texts are compressed in pieces by the pool, each piece a gzip member of its own; the original
//! reads several members as one file. Each member says in its header how long it is, so that a reader who
//! wants little finds its way without decompressing the rest.
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::pool::Pool;
//! use rdiff_core::repo::disk::{Disk, RealDisk};
//! use rdiff_core::repo::gz::{Content, SideFile, compress};
//! use std::io::Read;
//! use std::sync::Arc;
//!
//! assert!(compress(&[b'x'; 10_000], 2)?.len() < 100);
//!
//! let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(Arc::clone(repo.root()), false));
//! let place = |name: &[u8]| repo.layout().mirror(RepoPath::new(name).unwrap_or(RepoPath::ROOT), None);
//! let mut file = SideFile::new(disk, Arc::new(Pool::new(1)), place(b"list"), Some(place(b"list.gz")));
//! file.text().extend_from_slice(b"a line\n");
//! let written = file.finish()?;
//! let mut text = String::new();
//! Content::sniff(repo.root().open_file(written.as_bytes())?)?.read_to_string(&mut text)?;
//! assert_eq!(text, "a line\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::Repository;
use super::disk::{Disk, DiskFile};
use super::layout::StoredPath;
use crate::error::{Doing, IoContext, Result};
use crate::pool::{Pool, Task};
use flate2::bufread::MultiGzDecoder;
#[cfg(test)]
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// A reader of a file's content, decompressed if it begins as gzip does.
pub enum Content {
    /// As it stands.
    Plain(BufReader<File>),
    /// Decompressed.
    Gzipped(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Content {
    /// Looks at the first two bytes, for a name can lie about its content.
    ///
    /// # Errors
    /// Those of reading.
    pub fn sniff(file: File) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(64 << 10, file);
        let gzipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        Ok(if gzipped { Content::Gzipped(Box::new(MultiGzDecoder::new(file))) } else { Content::Plain(file) })
    }

    /// By what the name says: an increment of a file that itself is gzip must not be decompressed.
    pub fn by_name(file: File, gzipped: bool) -> Self {
        let file = BufReader::with_capacity(64 << 10, file);
        if gzipped { Content::Gzipped(Box::new(MultiGzDecoder::new(file))) } else { Content::Plain(file) }
    }
}

impl Read for Content {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Content::Plain(file) => file.read(buf),
            Content::Gzipped(file) => file.read(buf),
        }
    }
}

impl Repository {
    /// Opens a side file of the data directory.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`].
    pub(crate) fn open_side_file(&self, place: &StoredPath) -> Result<Content> {
        let path = self.path_of(place);
        let file = self.root().open_file(place.as_bytes()).while_doing(Doing::Open, &path)?;
        Content::sniff(file).while_doing(Doing::Read, &path)
    }

    /// Opens a side file where what is looked for can begin: at its front, or at a later piece. `is_behind`
    /// says of the first bytes of a piece whether they stand behind it, if it can be told. Says whether
    /// anything was passed over.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`].
    pub(crate) fn open_side_file_at(
        &self,
        place: &StoredPath,
        is_behind: impl Fn(&[u8]) -> Option<bool>,
    ) -> Result<(Content, bool)> {
        let path = self.path_of(place);
        let mut file = self.root().open_file(place.as_bytes()).while_doing(Doing::Open, &path)?;
        // A damaged piece is met again, and reported, by whoever reads it.
        let moved = seek_member(&mut file, is_behind).unwrap_or(false);
        if !moved {
            std::io::Seek::rewind(&mut file).while_doing(Doing::Read, &path)?;
        }
        Ok((Content::sniff(file).while_doing(Doing::Read, &path)?, moved))
    }
}

/// Before the compressed data of a member of ours: gzip's fixed header with the flag for an extra field, and
/// that field with one subfield, the length of the whole member.
const HEAD: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, b'R', b'D', 4, 0];
/// The length of the header, with the four bytes that say the member's.
const HEAD_LENGTH: u64 = HEAD.len() as u64 + 4;

/// Where the members of a file begin, if all of them say how long they are.
fn members(file: &File) -> io::Result<Option<Vec<u64>>> {
    use std::os::unix::fs::FileExt;
    let (mut at, end) = (0, file.metadata()?.len());
    let mut starts = Vec::new();
    while at < end {
        let mut head = [0; HEAD_LENGTH as usize];
        if end - at < HEAD_LENGTH {
            return Ok(None);
        }
        file.read_exact_at(&mut head, at)?;
        let Some(length) = head.strip_prefix(&HEAD).and_then(|l| l.first_chunk()) else { return Ok(None) };
        let length = u64::from(u32::from_le_bytes(*length));
        if length <= HEAD_LENGTH || length > end - at {
            return Ok(None);
        }
        starts.push(at);
        at += length;
    }
    Ok(Some(starts))
}

/// How much of a member is looked at to find what it begins with, in bytes of text.
const LOOK: u64 = 16 << 10;

/// Moves a file to the last member that begins with nothing behind what is looked for, if that can be told;
/// `is_behind` is asked with the first bytes of members. Says whether the file was moved.
fn seek_member(file: &mut File, is_behind: impl Fn(&[u8]) -> Option<bool>) -> io::Result<bool> {
    use std::io::{Seek, SeekFrom};
    let Some(starts) = members(file)? else { return Ok(false) };
    let (mut low, mut high) = (0, starts.len());
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        file.seek(SeekFrom::Start(starts[middle]))?;
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*file).take(LOOK).read_to_end(&mut text)?;
        match is_behind(&text) {
            Some(true) => high = middle,
            Some(false) => low = middle,
            None => {
                file.rewind()?;
                return Ok(false);
            }
        }
    }
    file.seek(SeekFrom::Start(starts.get(low).copied().unwrap_or(0)))?;
    Ok(low > 0)
}

/// How many bytes of text make one member.
const PIECE: usize = 1 << 20;
/// How many pieces may wait for the pool.
const WINDOW: usize = 4;

/// Metadata is text of few words: a low level already gets most of it.
const TEXT_LEVEL: u32 = 2;

/// Writes a side file: `name.gz` if there is anything to write and compression is on, else the plain
/// name. Nothing is made before the first piece is full or the file is finished.
pub struct SideFile {
    disk: Arc<dyn Disk>,
    pool: Arc<Pool>,
    plain: StoredPath,
    gzipped: Option<StoredPath>,
    file: Option<(Box<dyn DiskFile>, StoredPath)>,
    text: Vec<u8>,
    pieces: VecDeque<Task<io::Result<Vec<u8>>>>,
}

impl SideFile {
    /// A file that is `gzipped` when it has content, and `plain` when it is empty (or always, where
    /// compression is off and `gzipped` is nothing).
    pub fn new(disk: Arc<dyn Disk>, pool: Arc<Pool>, plain: StoredPath, gzipped: Option<StoredPath>) -> Self {
        Self { disk, pool, plain, gzipped, file: None, text: Vec::new(), pieces: VecDeque::new() }
    }

    /// The buffer to append text to. Call [`SideFile::flow`] now and then.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Passes on what has gathered.
    ///
    /// # Errors
    /// Those of writing.
    pub fn flow(&mut self) -> Result<()> {
        if self.text.len() >= PIECE {
            self.cut()?;
        }
        while self.pieces.len() > WINDOW || self.pieces.front().is_some_and(Task::is_done) {
            self.write_piece()?;
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        let text = std::mem::replace(&mut self.text, Vec::with_capacity(PIECE + (PIECE >> 3)));
        if self.gzipped.is_some() {
            self.pieces.push_back(self.pool.submit(move || compress(&text, TEXT_LEVEL)));
            return Ok(());
        }
        self.write(&text)
    }

    fn write_piece(&mut self) -> Result<()> {
        match self.pieces.pop_front() {
            Some(task) => {
                let bytes = task.join().while_doing(Doing::Write, self.path())?;
                self.write(&bytes)
            }
            None => Ok(()),
        }
    }

    fn path(&self) -> PathBuf {
        self.disk.root().path_of(self.gzipped.as_ref().unwrap_or(&self.plain).as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let path = self.path();
        if self.file.is_none() {
            let place = self.gzipped.as_ref().unwrap_or(&self.plain).clone();
            self.file = Some((self.disk.create(&place).while_doing(Doing::Create, &path)?, place));
        }
        match &mut self.file {
            Some((file, _)) => file.write_all(bytes).while_doing(Doing::Write, &path),
            None => Ok(()),
        }
    }

    /// Writes the rest and says where the file is. It is durable only after a barrier.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> Result<StoredPath> {
        if !self.text.is_empty() {
            self.cut()?;
        }
        while !self.pieces.is_empty() {
            self.write_piece()?;
        }
        match self.file {
            Some((_, place)) => Ok(place),
            None => {
                let path = self.disk.root().path_of(self.plain.as_bytes());
                self.disk.create(&self.plain).while_doing(Doing::Create, path)?;
                Ok(self.plain)
            }
        }
    }
}

/// One gzip member, with its length in its header.
///
/// # Errors
/// None that a buffer in memory can have.
pub fn compress(text: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let extra = [&HEAD[HEAD.len() - 4..], &[0; 4]].concat();
    let out = Vec::with_capacity(64 + text.len() / 4);
    let mut encoder =
        GzBuilder::new().extra(extra).operating_system(0xff).write(out, Compression::new(level));
    encoder.write_all(text)?;
    let mut member = encoder.finish()?;
    // Ours whatever the level: some of its bytes say how hard it was tried.
    member[..HEAD.len()].copy_from_slice(&HEAD);
    let length = u32::try_from(member.len()).map_err(io::Error::other)?;
    member[HEAD.len()..HEAD_LENGTH as usize].copy_from_slice(&length.to_le_bytes());
    Ok(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_found_without_reading_those_before_it() {
        let pieces = ["a", "c", "e"].map(|p| compress(p.repeat(3000).as_bytes(), 2).unwrap());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&pieces.concat()).unwrap();
        let starts = members(&file).unwrap().unwrap();
        assert_eq!(starts, [0, pieces[0].len() as u64, (pieces[0].len() + pieces[1].len()) as u64]);
        for (wanted, at, first) in [(b'a', 0, "a"), (b'b', 0, "a"), (b'c', 1, "c"), (b'f', 2, "e")] {
            let moved = seek_member(&mut file, |text| Some(text.first()? > &wanted)).unwrap();
            assert_eq!((moved, std::io::Seek::stream_position(&mut file).unwrap()), (at > 0, starts[at]));
            let mut rest = String::new();
            Content::sniff(file.try_clone().unwrap()).unwrap().read_to_string(&mut rest).unwrap();
            assert!(rest.starts_with(first) && rest.ends_with('e'));
        }
    }

    #[test]
    fn a_file_that_somebody_else_wrote_is_read_from_its_front() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(b"File x\n").unwrap();
        let foreign = [compress(b"File a\n", 2).unwrap(), encoder.finish().unwrap()].concat();
        for bytes in [&foreign[..], b"File a\n", &compress(b"File a\n", 2).unwrap()[..20], b""] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            assert!(!seek_member(&mut file, |_| Some(false)).unwrap());
        }
    }
}
