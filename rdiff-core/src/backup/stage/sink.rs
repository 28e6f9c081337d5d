//! An increment file as it is written: gzipped or not, in large pieces, and counted.

use super::SMALL;
use crate::repo::disk::DiskFile;
use crate::repo::put::BUFFER;
use crate::tree::attrs::Applied;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, BufWriter, Write};

/// An increment file being written, gzipped or not, with its length on disk.
pub(super) struct Sink {
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
    /// Writes to `file`. `expected` is about how many bytes come.
    pub(super) fn new(file: Box<dyn DiskFile>, gzipped: bool, expected: u64) -> Self {
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
    pub(super) fn finish(self, attributes: &Applied<'_>) -> io::Result<u64> {
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
