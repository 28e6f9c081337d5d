//! The framing shared by metadata, extended attributes and access control lists: a line that begins
//! with a marker and a path, then lines about that path, up to the next marker.
//!
//! ```
//! use rdiff_core::format::record::{METADATA_MARKER, RecordError, RecordReader, lines};
//!
//! let text = b"File .\n  Type dir\nFile note\n  Type reg\n";
//! let mut records = RecordReader::new(&text[..], METADATA_MARKER);
//! let mut paths = Vec::new();
//! while let Some(record) = records.next_record()? {
//!     paths.push(lines(record).next().unwrap_or_default().to_vec());
//! }
//! assert_eq!(paths, [b"File .".to_vec(), b"File note".to_vec()]);
//! # Ok::<(), RecordError>(())
//! ```

use crate::error::FormatError;
use memchr::memmem::Finder;
use std::io::{self, Read};

/// The longest record that is read, in bytes. Real ones stay far below: the largest hold a few
/// extended attributes of 64 KiB each.
pub const MAX_RECORD: usize = 32 << 20;

/// Begins a record of metadata.
pub const METADATA_MARKER: &[u8] = b"File ";
/// Begins a record of extended attributes or access control lists.
pub const ATTRIBUTE_MARKER: &[u8] = b"# file: ";

/// Why no further record could be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file couldn't be read, or not be decompressed.
    #[error("reading failed")]
    Io(#[from] io::Error),
    /// Its content is not in the format.
    #[error("bad content")]
    Format(#[from] FormatError),
}

/// Cuts a stream of bytes into records. Holds one record, and what is read ahead.
pub struct RecordReader<R> {
    input: R,
    marker: &'static [u8],
    /// Finds a marker behind the end of a line.
    next: Finder<'static>,
    buf: Vec<u8>,
    /// The record last read, in `buf`.
    record: std::ops::Range<usize>,
    /// Where what wasn't read yet begins and ends.
    start: usize,
    end: usize,
    at_end: bool,
    /// Lines that are no longer in `buf`.
    lines_before: u64,
}

const READ: usize = 256 << 10;

impl<R: Read> RecordReader<R> {
    /// Reads records that begin with `marker`. Lines before the first are passed over.
    pub fn new(input: R, marker: &'static [u8]) -> Self {
        let next = Finder::new(&[b"\n", marker].concat()).into_owned();
        let (buf, record) = (Vec::new(), 0..0);
        Self { input, marker, next, buf, record, start: 0, end: 0, at_end: false, lines_before: 0 }
    }

    /// The line on which the record last read begins, counted from 1.
    pub fn line(&self) -> u64 {
        1 + self.lines_before + count_lines(&self.buf[..self.record.start])
    }

    /// The next record, from its marker to before the next one, or nothing at the end.
    ///
    /// # Errors
    /// When the input fails, or a record is longer than [`MAX_RECORD`].
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, RecordError> {
        Ok(if self.advance()? { Some(self.record()) } else { None })
    }

    /// Moves to the next record, and says whether there is one.
    ///
    /// # Errors
    /// As [`RecordReader::next_record`].
    pub fn advance(&mut self) -> Result<bool, RecordError> {
        self.record = self.start..self.start;
        if !self.find_first()? {
            return Ok(false);
        }
        let length = self.find_end()?;
        self.record = self.start..self.start + length;
        self.start += length;
        Ok(true)
    }

    /// The record last read.
    pub fn record(&self) -> &[u8] {
        &self.buf[self.record.clone()]
    }

    /// Moves to the next line that begins with the marker.
    fn find_first(&mut self) -> Result<bool, RecordError> {
        loop {
            while self.end - self.start < self.marker.len() && !self.at_end {
                self.fill()?;
            }
            let rest = &self.buf[self.start..self.end];
            if rest.starts_with(self.marker) {
                return Ok(true);
            }
            match memchr::memchr(b'\n', rest) {
                Some(i) => {
                    self.start += i + 1;
                    self.record = self.start..self.start;
                }
                None if self.at_end => return Ok(false),
                None if rest.len() > MAX_RECORD => return Err(FormatError::TooLong(MAX_RECORD).into()),
                None => self.fill()?,
            }
        }
    }

    /// The length of the record at `start`.
    fn find_end(&mut self) -> Result<usize, RecordError> {
        let mut from = self.marker.len();
        loop {
            let rest = &self.buf[self.start..self.end];
            if let Some(i) = self.next.find(&rest[from.min(rest.len())..]) {
                return Ok(from + i + 1);
            }
            if self.at_end {
                return Ok(rest.len());
            }
            if rest.len() > MAX_RECORD {
                return Err(FormatError::TooLong(MAX_RECORD).into());
            }
            // The end may have cut it.
            from = rest.len().saturating_sub(self.marker.len()).max(from);
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.lines_before += count_lines(&self.buf[..self.start]);
            self.record = 0..0;
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() < self.end + READ {
            self.buf.resize(self.end + READ, 0);
        }
        loop {
            match self.input.read(&mut self.buf[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            return Ok(());
        }
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// The lines of a record, without their newline.
pub fn lines(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(record.strip_suffix(b"\n").unwrap_or(record));
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr(b'\n', text);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);
    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buf.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn all(text: &[u8], drip: usize) -> Vec<(u64, Vec<u8>)> {
        let mut reader = RecordReader::new(Drip(text, drip), METADATA_MARKER);
        let mut records = Vec::new();
        while let Some(record) = reader.next_record().unwrap().map(<[u8]>::to_vec) {
            records.push((reader.line(), record));
        }
        records
    }

    #[test]
    fn records_end_where_the_next_marker_begins_a_line() {
        let text = b"junk\nFile .\n  Type dir\nFile a File b\n  Type reg\n\nFile File \n  X";
        let want = vec![
            (2, b"File .\n  Type dir\n".to_vec()),
            (4, b"File a File b\n  Type reg\n\n".to_vec()),
            (7, b"File File \n  X".to_vec()),
        ];
        for drip in 1..20 {
            assert_eq!(all(text, drip), want);
        }
    }

    proptest! {
        #[test]
        fn however_the_bytes_come_the_records_are_the_same(text in "(File [a-z]|\n|  X y|F){0,30}", drip in 1..9usize) {
            prop_assert_eq!(all(text.as_bytes(), drip), all(text.as_bytes(), 1 << 20));
        }
    }
}
