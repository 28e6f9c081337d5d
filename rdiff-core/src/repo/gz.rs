//! Files that may be gzipped, read and written.
//!
//! Long texts are compressed by the pool in [pieces](super::pieces).
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::pool::Pool;
//! use rdiff_core::repo::disk::{Disk, RealDisk};
//! use rdiff_core::repo::gz::{Content, SideFile};
//! use std::io::Read;
//! use std::sync::Arc;
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
use super::pieces::{KeptPieces, PieceReader, WholePieces, compress, seek_member};
use crate::error::{Doing, IoContext, Result};
use crate::path::RepoPath;
use crate::pool::{Pool, Task};
use flate2::bufread::MultiGzDecoder;
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
    /// Decompressed piece by piece.
    Pieces(Box<PieceReader>),
    /// What is left of a damaged file.
    Left(Box<WholePieces>),
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
            Content::Pieces(pieces) => pieces.read(buf),
            Content::Left(pieces) => pieces.read(buf),
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

    /// Reads a side file to its end, for its checksums; one in pieces only if asked to, for its
    /// [reader](PieceReader) believes no piece before that.
    ///
    /// # Errors
    /// Those of reading, and of decompressing.
    pub(super) fn read_through(&self, place: &StoredPath, pieces_too: bool) -> io::Result<()> {
        let file = self.root().open_file(place.as_bytes())?;
        match PieceReader::new(file, Arc::default())? {
            Ok(mut pieces) if pieces_too => io::copy(&mut pieces, &mut io::sink()).map(drop),
            Ok(_) => Ok(()),
            Err(file) => io::copy(&mut Content::sniff(file)?, &mut io::sink()).map(drop),
        }
    }

    /// Opens a side file to read it from front to end, and keeps its pieces for who writes the like.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`].
    pub(crate) fn open_side_file_keeping(
        &self,
        place: &StoredPath,
        kept: &Arc<KeptPieces>,
    ) -> Result<Content> {
        let path = self.path_of(place);
        let file = self.root().open_file(place.as_bytes()).while_doing(Doing::Open, &path)?;
        match PieceReader::new(file, Arc::clone(kept)).while_doing(Doing::Read, &path)? {
            Ok(pieces) => Ok(Content::Pieces(Box::new(pieces))),
            Err(file) => Content::sniff(file).while_doing(Doing::Read, &path),
        }
    }

    /// Opens a damaged side file for what is left of it, and says whether checksums vouch for all of that.
    ///
    /// # Errors
    /// [`crate::error::Error::Io`].
    pub(crate) fn open_what_is_left(&self, place: &StoredPath) -> Result<(Content, bool)> {
        let path = self.path_of(place);
        let file = self.root().open_file(place.as_bytes()).while_doing(Doing::Open, &path)?;
        match WholePieces::new(file).while_doing(Doing::Read, &path)? {
            Ok(pieces) => Ok((Content::Left(Box::new(pieces)), true)),
            Err(file) => Ok((Content::sniff(file).while_doing(Doing::Read, &path)?, false)),
        }
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

/// A piece has at least so many bytes of text, and ends with the next path that is made to end one,
const LEAST: usize = 128 << 10;
/// or when it has so many.
const MOST: usize = 1 << 20;
/// One path in so many, by its bytes alone, is made to end a piece: so pieces of a text that has changed elsewhere are
/// the same again, and needn't be compressed again.
const ONE_IN: u64 = 512;
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
    pieces: VecDeque<Piece>,
    /// Pieces that were read, and may be written again.
    kept: Option<Arc<KeptPieces>>,
}

/// A piece on its way to the file.
enum Piece {
    Kept(Vec<u8>),
    Compressing(Task<io::Result<Vec<u8>>>),
}

impl Piece {
    fn is_done(&self) -> bool {
        match self {
            Piece::Kept(_) => true,
            Piece::Compressing(task) => task.is_done(),
        }
    }
}

impl SideFile {
    /// A file that is `gzipped` when it has content, and `plain` when it is empty (or always, where
    /// compression is off and `gzipped` is nothing).
    pub fn new(disk: Arc<dyn Disk>, pool: Arc<Pool>, plain: StoredPath, gzipped: Option<StoredPath>) -> Self {
        let (text, pieces) = Default::default();
        Self { disk, pool, plain, gzipped, file: None, text, pieces, kept: None }
    }

    /// Looks for what it writes among pieces that were read.
    #[must_use]
    pub fn with_kept(mut self, kept: Arc<KeptPieces>) -> Self {
        self.kept = Some(kept);
        self
    }

    /// The buffer to append text to. Call [`SideFile::flow`] now and then.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Passes on what has gathered, up to what is said of `path`.
    ///
    /// # Errors
    /// Those of writing.
    pub fn flow(&mut self, path: RepoPath<'_>) -> Result<()> {
        if self.text.len() >= MOST || (self.text.len() >= LEAST && ends_piece(path)) {
            self.cut()?;
        }
        while self.pieces.len() > WINDOW || self.pieces.front().is_some_and(Piece::is_done) {
            self.write_piece()?;
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        let room = self.text.capacity();
        if let Some(member) = self.kept.as_ref().and_then(|kept| kept.take(&self.text)) {
            self.text.clear();
            self.pieces.push_back(Piece::Kept(member));
            return Ok(());
        }
        let text = std::mem::replace(&mut self.text, Vec::with_capacity(room));
        if self.gzipped.is_some() {
            let task = self.pool.submit(move || compress(&text, TEXT_LEVEL));
            self.pieces.push_back(Piece::Compressing(task));
            return Ok(());
        }
        self.write(&text)
    }

    fn write_piece(&mut self) -> Result<()> {
        match self.pieces.pop_front() {
            Some(Piece::Kept(bytes)) => self.write(&bytes),
            Some(Piece::Compressing(task)) => {
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

    /// Has the pool begin with the rest. Nothing is to be added after that.
    ///
    /// # Errors
    /// Those of writing.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.text.is_empty() { Ok(()) } else { self.cut() }
    }

    /// Writes the rest and says where the file is. It is durable only after a barrier.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> Result<StoredPath> {
        self.end()?;
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

/// Is this path one of those that are made to end a piece?
fn ends_piece(path: RepoPath<'_>) -> bool {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let words = path.as_bytes().chunks(8).map(|c| c.iter().fold(0, |word, &b| word << 8 | u64::from(b)));
    (words.fold(FACTOR, mix).wrapping_mul(FACTOR) >> 32).is_multiple_of(ONE_IN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::RepoPathBuf;
    use crate::repo::disk::RealDisk;
    use crate::tree::Root;
    use std::collections::HashSet;

    /// Writes a line for each path, `changed` lines another one, and returns the members of the file.
    fn write(dir: &std::path::Path, kept: &Arc<KeptPieces>, changed: &[usize]) -> Vec<Vec<u8>> {
        let disk = Arc::new(RealDisk::new(Arc::new(Root::open(dir).unwrap()), false));
        let place = StoredPath::fixed("file.gz");
        let mut file = SideFile::new(disk, Arc::new(Pool::new(2)), StoredPath::fixed("file"), Some(place))
            .with_kept(Arc::clone(kept));
        for i in 0..16_000 {
            let path = RepoPathBuf::new(format!("directory/{i:05}")).unwrap();
            let word = if changed.contains(&i) { "something else" } else { "as ever" };
            writeln!(file.text(), "File {path} {}", word.repeat(50)).unwrap();
            file.flow(path.as_path()).unwrap();
        }
        file.finish().unwrap();
        let mut rest = &std::fs::read(dir.join("file.gz")).unwrap()[..];
        let mut members = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(*rest[16..].first_chunk().unwrap());
            let (member, after) = rest.split_at(length as usize);
            members.push(member.to_vec());
            rest = after;
        }
        members
    }

    #[test]
    fn pieces_that_did_not_change_are_the_same_members_wherever_others_changed() {
        let (dir, later) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = write(dir.path(), &Arc::default(), &[]);
        let mut old = Vec::new();
        let kept = Arc::default();
        let file = File::open(dir.path().join("file.gz")).unwrap();
        PieceReader::new(file, Arc::clone(&kept)).unwrap().unwrap().read_to_end(&mut old).unwrap();
        let second = write(later.path(), &kept, &[10, 4000]);
        let mut new = String::new();
        let file = File::open(later.path().join("file.gz")).unwrap();
        Content::sniff(file).unwrap().read_to_string(&mut new).unwrap();
        let old = String::from_utf8(old).unwrap();
        assert_eq!(old.lines().zip(new.lines()).filter(|(a, b)| a != b).count(), 2);
        assert_eq!(new.lines().count(), 16_000);
        let before: HashSet<_> = first.iter().collect();
        let others = second.iter().filter(|m| !before.contains(m)).count();
        // An edit can move the end of its piece, and with it the next.
        assert!(first.len() > 8 && others <= 4, "{others} of {} members are new", first.len());
    }
}
