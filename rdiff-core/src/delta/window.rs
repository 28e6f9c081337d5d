//! One buffered stretch of a file read by offset.
//!
//! Near reads are served from memory, sequential ones read far ahead, scattered ones read little.

use super::{DeltaError, ReadAt, read_full_at};

/// The longest stretch held, in bytes: fits the second-level cache twice.
pub(super) const WINDOW: usize = 256 * 1024;

/// What a read at a new place fetches at least, in bytes.
const FIRST: usize = 4 * 1024;

/// A read that starts so near the last one, in bytes, goes on with it.
const GAP: u64 = 8 * 1024;

/// The buffer: a stretch of the one file it was last used for.
#[derive(Default)]
pub(super) struct Window {
    /// Grows to [`WINDOW`] at most and is kept, so that reuse costs nothing.
    buf: Vec<u8>,
    start: u64,
    filled: usize,
    /// How much the next sequential read fetches.
    ahead: usize,
}

impl Window {
    /// Forgets what it holds, but keeps the memory: the next read is from another file.
    pub(super) fn reset(&mut self) {
        self.start = 0;
        self.filled = 0;
        self.ahead = FIRST;
    }

    /// The bytes from `offset`: `need` or more, fewer only at the end of the file.
    ///
    /// `offset` is not beyond `len`, the length of the file, and `need` not above [`WINDOW`].
    /// `want` says how much the caller will ask for from here, if it knows.
    #[inline]
    pub(super) fn at<R: ReadAt + ?Sized>(
        &mut self,
        file: &R,
        len: u64,
        offset: u64,
        need: usize,
        want: u64,
    ) -> Result<&[u8], DeltaError> {
        let left = len.saturating_sub(offset);
        let need = left.min(need as u64);
        let held = match offset.checked_sub(self.start) {
            Some(skip) if skip <= self.filled as u64 => skip as usize,
            _ => usize::MAX,
        };
        if held == usize::MAX || ((self.filled - held) as u64) < need {
            self.refill(file, len, offset, need, want)?;
        }
        Ok(&self.buf[(offset - self.start) as usize..self.filled])
    }

    /// Reads a new stretch that starts at `offset`, or the whole of a small file.
    fn refill<R: ReadAt + ?Sized>(
        &mut self,
        file: &R,
        len: u64,
        offset: u64,
        need: u64,
        want: u64,
    ) -> Result<(), DeltaError> {
        let end = self.start + self.filled as u64;
        self.ahead = if offset > end.saturating_add(GAP) || offset.saturating_add(GAP) < self.start {
            FIRST
        } else if offset < self.start {
            self.ahead.max(FIRST)
        } else {
            (self.ahead * 2).clamp(FIRST, WINDOW)
        };
        let (start, size) = if len <= WINDOW as u64 {
            (0, len as usize)
        } else {
            let size = want.max(self.ahead as u64).min(WINDOW as u64).max(need);
            (offset, size.min(len - offset) as usize)
        };
        if self.buf.len() < size {
            self.buf.resize(size, 0);
        }
        self.filled = 0;
        read_full_at(file, len, &mut self.buf[..size], start)?;
        (self.start, self.filled) = (start, size);
        Ok(())
    }
}

/// A file of known length, behind a window.
pub(super) struct View<'a, R: ?Sized> {
    file: &'a R,
    pub(super) len: u64,
    window: &'a mut Window,
}

impl<'a, R: ReadAt + ?Sized> View<'a, R> {
    pub(super) fn new(file: &'a R, len: u64, window: &'a mut Window) -> Self {
        window.reset();
        Self { file, len, window }
    }

    /// See [`Window::at`].
    #[inline]
    pub(super) fn at(&mut self, offset: u64, need: usize, want: u64) -> Result<&[u8], DeltaError> {
        self.window.at(self.file, self.len, offset, need, want)
    }
}
