//! Reading a large file of a repository once.

use super::{FORGET_AT_ONCE, FORGET_FROM, forget};
use crate::delta::ReadAt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is read from its beginning on. What was read of a large one leaves the system's memory to others, and makes
/// room there for what is read next.
pub struct PassingFile {
    file: File,
    is_large: bool,
    /// How far it was read by its own position.
    read: u64,
    forgotten: AtomicU64,
}

impl PassingFile {
    /// A file of so many bytes, at its beginning.
    pub fn new(file: File, size: u64) -> Self {
        Self { file, is_large: size >= FORGET_FROM, read: 0, forgotten: AtomicU64::new(0) }
    }

    /// One that was just written, and is best left where it is.
    pub fn temporary(file: File) -> Self {
        Self::new(file, 0)
    }

    /// The file, wherever it stands.
    pub fn into_file(self) -> File {
        self.file
    }

    fn passed(&self, to: u64) {
        let from = self.forgotten.load(Ordering::Relaxed);
        if self.is_large && to.saturating_sub(from) >= FORGET_AT_ONCE {
            forget(&self.file, &(from..to));
            self.forgotten.store(to, Ordering::Relaxed);
        }
    }
}

impl Read for PassingFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read += n as u64;
        self.passed(self.read);
        Ok(n)
    }
}

impl ReadAt for PassingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let n = self.file.read_at(buf, offset)?;
        self.passed(offset + n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_forgotten_is_there_all_the_same() {
        let size = FORGET_FROM + 12_345;
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        let marks: Vec<u64> = (0..size - 8).step_by(5 << 20).collect();
        for &at in &marks {
            file.write_all_at(&at.to_le_bytes(), at).unwrap();
        }
        let mut passing = PassingFile::new(file, size);
        let (mut at, mut buf, mut met) = (0, vec![0; 1 << 20], 0);
        loop {
            let n = passing.read(&mut buf).unwrap();
            if n == 0 {
                break;
            }
            for &mark in marks.iter().filter(|&&mark| at <= mark && mark + 8 <= at + n as u64) {
                assert_eq!(buf[(mark - at) as usize..][..8], mark.to_le_bytes());
                met += 1;
            }
            at += n as u64;
        }
        assert_eq!((at, met), (size, marks.len()));
        assert!(passing.forgotten.load(Ordering::Relaxed) > size - FORGET_AT_ONCE - buf.len() as u64);
        // Also where it is read in another order.
        for &mark in marks.iter().rev() {
            let mut bytes = [0; 8];
            assert_eq!(passing.read_at(&mut bytes, mark).unwrap(), 8);
            assert_eq!(bytes, mark.to_le_bytes());
        }
    }
}
