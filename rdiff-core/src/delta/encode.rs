//! Making a delta from two local files.
//!
//! Both files are at hand, so there are no signatures and no hash is trusted: every COPY was
//! compared byte by byte. What is equal at equal offsets, or at equal distances from the end, is
//! found by comparing; only the rest is searched.

use std::io::Write;
use std::ops::Range;

use super::aligned::{Found, common_prefix, common_suffix};
use super::emit::{Emitter, EncodeStats};
use super::search::{Index, SPAN};
use super::window::{View, WINDOW, Window};
use super::{AlignedScan, DeltaError, ReadAt};

/// Shorter than this, in bytes, no COPY is worth it: it takes up to 17 bytes and splits a literal.
const MIN_COPY: u64 = 16;

/// Makes deltas, one after the other, in memory that it keeps. One for each worker.
///
/// It takes some 100 KiB for small files, and never more than about 24 MiB.
pub struct Encoder {
    of_basis: Window,
    of_target: Window,
    output: Vec<u8>,
    scan: AlignedScan,
    index: Index,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// [`Encoder::encode`] with memory of its own: for a single delta.
///
/// # Errors
/// See there.
pub fn encode<B, T, W>(
    basis: &B,
    basis_len: u64,
    target: &T,
    target_len: u64,
    out: &mut W,
) -> Result<EncodeStats, DeltaError>
where
    B: ReadAt + ?Sized,
    T: ReadAt + ?Sized,
    W: Write + ?Sized,
{
    Encoder::new().encode(basis, basis_len, target, target_len, out)
}

impl Encoder {
    /// An encoder without any memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            of_basis: Window::default(),
            of_target: Window::default(),
            output: Vec::new(),
            scan: AlignedScan::new(0),
            index: Index::default(),
        }
    }

    /// Writes to `out` a delta that makes `target` (the old file) from `basis` (the new one).
    ///
    /// Lengths are in bytes, and neither file may change meanwhile. The output depends on nothing
    /// but the two files.
    ///
    /// # Errors
    /// [`DeltaError::Io`] and [`DeltaError::ShortFile`] for the two files, [`DeltaError::Write`] for
    /// `out`. What was written before an error is of no use.
    pub fn encode<B, T, W>(
        &mut self,
        basis: &B,
        basis_len: u64,
        target: &T,
        target_len: u64,
        out: &mut W,
    ) -> Result<EncodeStats, DeltaError>
    where
        B: ReadAt + ?Sized,
        T: ReadAt + ?Sized,
        W: Write + ?Sized,
    {
        let mut scan = std::mem::replace(&mut self.scan, AlignedScan::new(0));
        let mut job = self.job(basis, basis_len, target, target_len, out);
        let result = job.encode(&mut scan);
        self.scan = scan;
        result
    }

    /// Like [`encode`](Self::encode), but does not read again what `scan` saw to be equal.
    ///
    /// `scan` was fed `basis` as the new file and `target` as the old one.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode).
    pub fn encode_with<B, T, W>(
        &mut self,
        scan: AlignedScan,
        basis: &B,
        basis_len: u64,
        target: &T,
        target_len: u64,
        out: &mut W,
    ) -> Result<EncodeStats, DeltaError>
    where
        B: ReadAt + ?Sized,
        T: ReadAt + ?Sized,
        W: Write + ?Sized,
    {
        self.job(basis, basis_len, target, target_len, out).encode_with(scan)
    }

    fn job<'a, B, T, W>(
        &'a mut self,
        basis: &'a B,
        basis_len: u64,
        target: &'a T,
        target_len: u64,
        out: &'a mut W,
    ) -> Job<'a, B, T, W>
    where
        B: ReadAt + ?Sized,
        T: ReadAt + ?Sized,
        W: Write + ?Sized,
    {
        Job {
            basis: View::new(basis, basis_len, &mut self.of_basis),
            target: View::new(target, target_len, &mut self.of_target),
            index: &mut self.index,
            short_copies: 0,
            emit: Emitter::new(out, &mut self.output),
        }
    }
}

/// One delta in the making.
pub(super) struct Job<'a, B: ?Sized, T: ?Sized, W: ?Sized> {
    pub(super) basis: View<'a, B>,
    pub(super) target: View<'a, T>,
    pub(super) index: &'a mut Index,
    /// How many COPYs were only just worth it.
    pub(super) short_copies: u64,
    pub(super) emit: Emitter<'a, W>,
}

impl<B, T, W> Job<'_, B, T, W>
where
    B: ReadAt + ?Sized,
    T: ReadAt + ?Sized,
    W: Write + ?Sized,
{
    fn encode(&mut self, scan: &mut AlignedScan) -> Result<EncodeStats, DeltaError> {
        let prefix = self.extend_forward(0, 0, u64::MAX)?;
        let suffix = match self.basis.len == self.target.len {
            true => 0,
            false => self.extend_backward(self.basis.len, self.target.len, self.target.len - prefix)?,
        };
        let end = self.target.len - suffix;
        scan.restart(prefix, end);
        let mut at = prefix;
        let common = end.min(self.basis.len);
        while at < common {
            let a = self.basis.at(at, 1, common - at)?;
            let b = self.target.at(at, 1, common - at)?;
            let n = ((common - at) as usize).min(a.len()).min(b.len());
            scan.feed(at, &a[..n], &b[..n]);
            at += n as u64;
        }
        scan.end();
        self.write(scan.found(), suffix)
    }

    fn encode_with(&mut self, mut scan: AlignedScan) -> Result<EncodeStats, DeltaError> {
        let end = self.target.len;
        scan.end_at(end);
        let mut suffix = 0;
        let ranges = scan.found().ranges;
        if let Some(first) = ranges.first().map(|range| range.start)
            && self.basis.len != end
            && ranges.last().is_some_and(|last| last.end == end)
        {
            suffix = self.extend_backward(self.basis.len, end, end - first)?;
            scan.cut(end - suffix);
        }
        self.write(scan.found(), suffix)
    }

    /// Writes the delta from what was `found`; besides, `suffix` bytes of the end are equal.
    fn write(&mut self, found: Found<'_>, suffix: u64) -> Result<EncodeStats, DeltaError> {
        let end = self.target.len - suffix;
        let indexed = self.index(found, end, self.basis.len - suffix)?;
        self.emit.begin()?;
        let mut at = 0;
        for (i, range) in found.ranges.iter().enumerate() {
            if range.end <= at {
                continue;
            }
            let range = range.start.max(at)..range.end;
            self.equal(at..range.start, found)?;
            at = match indexed && range.end - range.start >= SPAN as u64 {
                true => self.search(range, &found.ranges[i + 1..])?,
                false => {
                    self.emit.literal(&mut self.target, range.start, range.end)?;
                    range.end
                }
            };
        }
        self.equal(at..end, found)?;
        self.copy_or_not(self.basis.len - suffix, end, suffix)?;
        self.emit.finish(&mut self.target)
    }

    /// Copies a range of the target that doesn't differ.
    fn equal(&mut self, mut range: Range<u64>, found: Found<'_>) -> Result<(), DeltaError> {
        while range.start < range.end {
            let (stretch, basis) = found.first_stretch(range.clone());
            self.copy_or_not(basis, stretch.start, stretch.end - stretch.start)?;
            range.start = stretch.end;
        }
        Ok(())
    }

    /// Copies, unless the bytes are so few that a literal next to them is shorter.
    fn copy_or_not(&mut self, basis: u64, target: u64, len: u64) -> Result<(), DeltaError> {
        let alone = target == 0 && len == self.target.len;
        if len < MIN_COPY && !alone {
            self.emit.literal(&mut self.target, target, target + len)
        } else {
            self.emit.copy(&mut self.target, basis, len)
        }
    }

    /// How many bytes are equal from the two offsets on, at most `max`.
    pub(super) fn extend_forward(&mut self, basis: u64, target: u64, max: u64) -> Result<u64, DeltaError> {
        let max = max.min(self.basis.len - basis).min(self.target.len - target);
        let mut done = 0;
        while done < max {
            let want = (done + 1).min(max - done);
            let a = self.basis.at(basis + done, 1, want)?;
            let b = self.target.at(target + done, 1, want)?;
            let n = (a.len().min(b.len()) as u64).min(max - done) as usize;
            let equal = common_prefix(&a[..n], &b[..n]);
            done += equal as u64;
            if equal < n {
                break;
            }
        }
        Ok(done)
    }

    /// How many bytes are equal before the two offsets, at most `max`.
    pub(super) fn extend_backward(&mut self, basis: u64, target: u64, max: u64) -> Result<u64, DeltaError> {
        let max = max.min(basis).min(target);
        let (mut done, mut step) = (0, 512);
        while done < max {
            let n = step.min((max - done) as usize);
            let back = done + n as u64;
            let a = &self.basis.at(basis - back, n, n as u64)?[..n];
            let b = &self.target.at(target - back, n, n as u64)?[..n];
            let equal = common_suffix(a, b);
            done += equal as u64;
            if equal < n {
                break;
            }
            step = (step * 4).min(WINDOW);
        }
        Ok(done)
    }
}
