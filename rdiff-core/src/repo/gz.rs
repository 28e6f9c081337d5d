//! Files that may be gzipped, read and written.
//!
//! Long texts are compressed in pieces by the pool, each piece a gzip member of its own; the original
//! reads several members as one file.

use super::Repository;
use super::disk::{Disk, DiskFile};
use super::layout::StoredPath;
use crate::error::{Doing, IoContext, Result};
use crate::pool::{Pool, Task};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
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

/// One gzip member.
///
/// # Errors
/// None that a buffer in memory can have.
pub fn compress(text: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(level));
    encoder.write_all(text)?;
    encoder.finish()
}
