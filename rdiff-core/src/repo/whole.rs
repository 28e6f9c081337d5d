//! A file that is read to its end. That it ends there takes no call of its own: a read that asked for more than its size,
//! and got no more, has said so.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::repo::whole::WholeFile;
//! use std::io::Read;
//!
//! let (file, size) = repo.root().open_file_sized(b"note")?;
//! let mut text = String::new();
//! WholeFile::new(file, size).read_to_string(&mut text)?;
//! assert_eq!(text.len() as u64, size);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::io::{self, Read};

/// A file, or another input, of which the size is known that it had when it was opened.
pub struct WholeFile<R = File> {
    input: R,
    size: u64,
    taken: u64,
    at_end: bool,
}

impl<R: Read> WholeFile<R> {
    /// A file of so many bytes, to be read from its beginning. If it has become another number meanwhile, that many are
    /// read.
    pub fn new(input: R, size: u64) -> Self {
        Self { input, size, taken: 0, at_end: false }
    }
}

impl<R: Read> Read for WholeFile<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at_end {
            return Ok(0);
        }
        let n = self.input.read(buf)?;
        self.taken += n as u64;
        self.at_end = self.taken == self.size && n < buf.len();
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives few bytes at a time, and counts how often it is asked.
    struct Drip<'a>(&'a [u8], usize, &'a mut u32);
    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            *self.2 += 1;
            let n = self.1.min(buf.len());
            self.0.read(&mut buf[..n])
        }
    }

    fn read_by(buffer: usize, mut file: impl Read) -> Vec<u8> {
        let (mut all, mut buf) = (Vec::new(), vec![0; buffer]);
        loop {
            match file.read(&mut buf).unwrap() {
                0 => return all,
                n => all.extend_from_slice(&buf[..n]),
            }
        }
    }

    #[test]
    fn a_file_that_grew_or_shrank_is_read_to_its_end() {
        let content: Vec<u8> = (0..1000).map(|i| i as u8).collect();
        for (drip, buffer) in [(1000, 64), (1000, 1000), (1000, 4096), (100, 250)] {
            for size in [0, 1, 250, 999, 1000, 1001, 5000] {
                let mut calls = 0;
                let read = read_by(buffer, WholeFile::new(Drip(&content, drip, &mut calls), size));
                assert!(read == content, "{drip} {buffer} {size}");
            }
        }
    }

    #[test]
    fn its_end_is_not_asked_for() {
        let calls = |buffer, size| {
            let mut calls = 0;
            read_by(buffer, WholeFile::new(Drip(&[7; 1000], 1000, &mut calls), size));
            calls
        };
        assert_eq!((calls(4096, 1000), calls(4096, 999)), (1, 2));
        assert_eq!((calls(1000, 1000), calls(600, 1000)), (2, 2));
    }
}
