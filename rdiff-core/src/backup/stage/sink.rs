//! An increment file as it is written: gzipped or not, in large pieces, and counted.
//!
//! A large one is packed in pieces by all workers, each a gzip member: whoever reads the file sees one text. A piece that
//! can't be made smaller is stored as it is, for to find that out by packing takes longer than all the rest.

use super::SMALL;
use crate::pool::{Helpers, Task};
use crate::repo::disk::DiskFile;
use crate::repo::pieces::compress;
use crate::repo::put::BUFFER;
use crate::tree::attrs::Applied;
use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};
use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};

/// An increment file being written, gzipped or not, with its length on disk.
pub(super) struct Sink {
    out: Output,
}

enum Output {
    Plain(Counted),
    Gzipped(Box<GzEncoder<Counted>>),
    Pieces(Pieces),
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
const STORED: u32 = 0;

/// So much is packed at once, in bytes,
const PIECE: usize = 512 << 10;
/// and so many pieces may wait to be packed.
const WINDOW: usize = 3;

/// The pieces of a large file, on their way to it.
struct Pieces {
    file: Counted,
    helpers: Helpers,
    text: Vec<u8>,
    packing: VecDeque<Task<io::Result<Vec<u8>>>>,
    are_none: bool,
}

impl Pieces {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(PIECE - self.text.len());
        self.text.extend_from_slice(&buf[..n]);
        if self.text.len() == PIECE {
            let text = std::mem::replace(&mut self.text, Vec::with_capacity(PIECE));
            self.packing.push_back(self.helpers.submit(move || pack(&text)));
            self.are_none = false;
        }
        while self.packing.len() > WINDOW || self.packing.front().is_some_and(Task::is_done) {
            self.write_piece()?;
        }
        Ok(n)
    }

    fn write_piece(&mut self) -> io::Result<()> {
        match self.packing.pop_front() {
            Some(task) => self.file.write_all(&task.join()?),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> io::Result<Counted> {
        // The last one is packed here, while the others are by others.
        let last = (self.are_none || !self.text.is_empty()).then(|| pack(&self.text));
        while !self.packing.is_empty() {
            self.write_piece()?;
        }
        if let Some(last) = last {
            self.file.write_all(&last?)?;
        }
        Ok(self.file)
    }
}

fn pack(text: &[u8]) -> io::Result<Vec<u8>> {
    compress(text, if is_dense(text) { STORED } else { LEVEL_LARGE })
}

/// What is tried of a piece, in bytes, and at how many places.
const SAMPLE: usize = 8 << 10;
const SAMPLES: usize = 4;

/// Is there nothing to gain? As far as some samples tell.
fn is_dense(text: &[u8]) -> bool {
    if text.len() < SAMPLES * SAMPLE {
        return false;
    }
    let mut out = Vec::with_capacity(SAMPLE);
    (0..SAMPLES).all(|i| {
        let from = (text.len() - SAMPLE) / (SAMPLES - 1) * i;
        out.clear();
        let mut try_it = Compress::new(Compression::fast(), false);
        let tried = try_it.compress_vec(&text[from..from + SAMPLE], &mut out, FlushCompress::Finish);
        // It has no room for more than there was.
        tried.is_err() || out.len() > SAMPLE - SAMPLE / 64
    })
}

impl Sink {
    /// Writes to `file`. `expected` is about how many bytes come; `helpers` pack those of a large one.
    pub(super) fn new(file: Box<dyn DiskFile>, gzipped: bool, expected: u64, helpers: &Helpers) -> Self {
        let is_large = expected > SMALL;
        let file = Counted {
            file: BufWriter::with_capacity(if is_large { BUFFER } else { 16 << 10 }, file),
            bytes: 0,
        };
        let out = match gzipped {
            false => Output::Plain(file),
            true if is_large => Output::Pieces(Pieces {
                file,
                helpers: helpers.clone(),
                text: Vec::new(),
                packing: VecDeque::new(),
                are_none: true,
            }),
            true => Output::Gzipped(Box::new(GzEncoder::new(file, Compression::new(LEVEL_SMALL)))),
        };
        Self { out }
    }

    /// Writes the rest, sets the attributes, and says how many bytes there are on disk.
    pub(super) fn finish(self, attributes: &Applied<'_>) -> io::Result<u64> {
        let counted = match self.out {
            Output::Plain(file) => file,
            Output::Gzipped(encoder) => encoder.finish()?,
            Output::Pieces(pieces) => pieces.finish()?,
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
            Output::Pieces(pieces) => pieces.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Output::Plain(file) => file.flush(),
            Output::Gzipped(encoder) => encoder.flush(),
            // A piece that is not full waits for the end.
            Output::Pieces(pieces) => pieces.file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::noise;
    use crate::pool::Pool;
    use crate::repo::disk::{Disk, RealDisk};
    use crate::repo::layout::StoredPath;
    use crate::tree::Root;
    use flate2::read::MultiGzDecoder;
    use std::io::Read;
    use std::sync::Arc;

    /// Bytes that can't be packed.
    fn dense(len: usize) -> Vec<u8> {
        noise(1, len)
    }

    /// Writes a large increment in parts of `at_once` bytes, and returns what is in its file.
    fn written(text: &[u8], at_once: usize, workers: usize) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(Arc::new(Root::open(dir.path()).unwrap()), false);
        let file = disk.create(&StoredPath::fixed("a.gz")).unwrap();
        let pool = Pool::new(workers);
        let mut sink = Sink::new(file, true, SMALL + 1, &pool.helpers());
        text.chunks(at_once).for_each(|part| sink.write_all(part).unwrap());
        let bytes = sink.finish(&Applied::default()).unwrap();
        let packed = std::fs::read(dir.path().join("a.gz")).unwrap();
        assert_eq!(packed.len() as u64, bytes);
        packed
    }

    #[test]
    fn a_large_increment_is_one_text_whatever_its_pieces() {
        let all = [b"text that is packed ".repeat(60_000), dense(1_500_000)].concat();
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 4 * PIECE, all.len()] {
            for (at_once, workers) in [(1 << 20, 0), (65_536, 2), (100_001, 1)] {
                let packed = written(&all[..len], at_once, workers);
                let mut text = Vec::new();
                MultiGzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
                assert!(text == all[..len], "{len} bytes, {at_once} at once");
            }
        }
    }

    #[test]
    fn what_cannot_be_packed_is_stored_and_all_else_is_packed() {
        assert!(is_dense(&dense(PIECE)));
        assert!(!is_dense(&b"text ".repeat(PIECE / 5)));
        // Only its end can.
        assert!(!is_dense(&[dense(PIECE - 20_000), vec![0; 20_000]].concat()));
        assert!(!is_dense(&[]));
        let (text, noise) = (b"text that is packed ".repeat(100_000), dense(2_000_000));
        assert!(written(&text, 1 << 20, 2).len() < text.len() / 50);
        let stored = written(&noise, 1 << 20, 2).len();
        assert!((noise.len()..noise.len() + noise.len() / 1000).contains(&stored), "{stored}");
    }
}
