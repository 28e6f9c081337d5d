//! Finding bytes of the target elsewhere in the basis.
//!
//! Only ranges that differ are searched, and what is indexed of the basis is in proportion to them: what it has in their
//! place, and what surrounds that.

use std::io::Write;
use std::ops::Range;

use super::aligned::Found;
use super::encode::Job;
use super::search::{self, MIN_STEP_LOG, SPAN, run_hash};
use super::{DeltaError, ReadAt};

/// A COPY of equal bytes must be this long: literals of them compress to almost nothing.
const MIN_RUN: u64 = 128;

/// At most this much of the basis is indexed for what surrounds the ranges, in bytes: with samples
/// as near as they get, the table is then full.
const MOST_AROUND: u64 = 16 << 20;

/// After so many bytes without a match only one of [`SPARSE`] stretches is searched.
const PATIENCE: u64 = 16 << 20;
const SPARSE: u64 = 8;

/// Where ranges are short: so many bytes of the basis may be indexed in any case.
const ALWAYS: u64 = 16 << 10;

/// COPYs below this many bytes count as short.
const SHORT: u64 = 512;

/// After so many short COPYs the least length doubles, up to 32 times: each costs whoever makes
/// or applies the delta a read at another place, and text of few words has one for each word.
const SHORT_COPIES_LOG: u32 = 16;

/// So many bytes between two ranges a match may pass.
const MOST_BETWEEN: u64 = 64 << 10;

/// What is read before the bytes searched, for matches that reach back.
const CONTEXT: u64 = 1024;

/// A place of the target that the basis may have, too.
struct Hit {
    target: u64,
    basis: u64,
    hash: u64,
}

impl<B, T, W> Job<'_, B, T, W>
where
    B: ReadAt + ?Sized,
    T: ReadAt + ?Sized,
    W: Write + ?Sized,
{
    /// Indexes the basis for a search of what differs; false when there is nothing to find.
    ///
    /// What was found is of the target up to `target_end`, and of the basis up to `basis_end`.
    pub(super) fn index(
        &mut self,
        found: Found<'_>,
        target_end: u64,
        basis_end: u64,
    ) -> Result<bool, DeltaError> {
        let long = found.ranges.iter().map(|range| range.end - range.start).filter(|&len| len >= SPAN as u64);
        let sought: u64 = long.sum();
        if sought == 0 || self.basis.len < SPAN as u64 {
            return Ok(false);
        }
        let most = sought.saturating_mul(8).max(ALWAYS);
        let ranges = found.unshared(target_end, basis_end, most.max(1 << 20));
        let (margin, total) = self.margin(&ranges, most.min(MOST_AROUND));
        self.index.prepare(total, MIN_STEP_LOG, self.basis.len);
        let (basis, index) = (&mut self.basis, &mut self.index);
        let len = basis.len;
        regions(&ranges, margin, len, |region| {
            let mut at = region.start;
            while at + SPAN as u64 <= region.end {
                let left = region.end - at;
                let bytes = basis.at(at, SPAN, left)?;
                let n = left.min(bytes.len() as u64);
                index.add(&bytes[..n as usize], at);
                at += n - (SPAN as u64 - 1);
            }
            Ok(())
        })?;
        self.index.finish();
        Ok(true)
    }

    /// How far around the ranges to index, in bytes, and how much that makes in all.
    fn margin(&self, ranges: &[Range<u64>], most: u64) -> (u64, u64) {
        let mut total = 0;
        for margin in [u64::MAX, 4096, 1024, 256, 0] {
            total = 0;
            // Cannot fail: the closure does not.
            let counted = regions(ranges, margin, self.basis.len, |region| {
                total += region.end - region.start;
                Ok(())
            });
            if counted.is_ok() && total <= most {
                return (margin, total);
            }
        }
        (0, total)
    }

    /// Writes `range` of the target: what the index finds as COPYs, the rest as literals.
    ///
    /// Says how far it wrote: a match can go on into `others`, the ranges that follow.
    pub(super) fn search(&mut self, range: Range<u64>, others: &[Range<u64>]) -> Result<u64, DeltaError> {
        let mut written = range.start;
        let mut at = range.start;
        let (mut misses, mut quiet) = (0, 0);
        while at + SPAN as u64 <= range.end {
            let (next, hit) = self.next_hit(written, at, range.end)?;
            let Some(hit) = hit else {
                quiet += next - at;
                at = if quiet > PATIENCE { next + (next - at) * (SPARSE - 1) } else { next };
                continue;
            };
            let before = self.extend_backward(hit.basis, hit.target, hit.target - written)?;
            let after = self.extend_forward(hit.basis, hit.target, range.end - hit.target)?;
            if before + after >= self.least(&hit)? {
                self.emit.literal(&mut self.target, written, hit.target - before)?;
                self.emit.copy(&mut self.target, hit.basis - before, before + after)?;
                (written, at) = (hit.target + after, hit.target + after);
                (misses, quiet) = (0, 0);
                self.short_copies += u64::from(before + after < SHORT);
                if at == range.end {
                    let more = self.overrun(hit.basis + after, at, others)?;
                    self.emit.copy(&mut self.target, hit.basis + after, more)?;
                    return Ok(at + more);
                }
            } else {
                // A run too short is passed as a whole; false hits, ever faster.
                misses += 1;
                at = hit.target + after.saturating_sub(SPAN as u64 - 1).max(1 + misses / 64);
            }
        }
        self.emit.literal(&mut self.target, written, range.end)?;
        Ok(range.end)
    }

    /// How far a match that reached the end of its range, at `end`, goes on in the next ones.
    ///
    /// What lies between is equal at equal offsets, too, often by chance: the padding in an archive.
    /// One long COPY is then better than many, so a match that passes all of it may go on.
    fn overrun(&mut self, basis: u64, end: u64, others: &[Range<u64>]) -> Result<u64, DeltaError> {
        let mut at = end;
        for next in others {
            if next.start - at > MOST_BETWEEN {
                break;
            }
            let more = self.extend_forward(basis + (at - end), at, next.end - at)?;
            if at + more <= next.start {
                break;
            }
            at += more;
            if at < next.end {
                break;
            }
        }
        Ok(at - end)
    }

    /// How long a match must be, in bytes, to be worth a COPY.
    fn least(&mut self, hit: &Hit) -> Result<u64, DeltaError> {
        let first = self.target.at(hit.target, 1, 1)?[0];
        let least = (SPAN as u64) << (self.short_copies >> SHORT_COPIES_LOG).min(5);
        Ok(if hit.hash == run_hash(first) { MIN_RUN.max(least) } else { least })
    }

    /// The first window, from `at` on and before `end`, whose hash is in the index.
    ///
    /// Looks through one stretch of the file, and says where the next one starts. Up to `written` all is done.
    fn next_hit(&mut self, written: u64, at: u64, end: u64) -> Result<(u64, Option<Hit>), DeltaError> {
        let before = (at - written).min(CONTEXT);
        let from = at - before;
        let bytes = self.target.at(from, before as usize + SPAN, end - from)?;
        let bytes = &bytes[before as usize..bytes.len().min((end - at + before) as usize)];
        let (head, mut rest) = bytes.split_at(SPAN - 1);
        let mut hash = search::hash(head);
        while let Some(n) = self.index.next_hit(&mut hash, rest) {
            rest = &rest[n..];
            if let Some(basis) = self.index.get(hash) {
                let target = at + (bytes.len() - rest.len() - SPAN) as u64;
                return Ok((target, Some(Hit { target, basis, hash })));
            }
        }
        Ok((at + (bytes.len() - SPAN + 1) as u64, None))
    }
}

/// Calls `each` with the ranges, widened by `margin` and joined where they meet.
fn regions(
    ranges: &[Range<u64>],
    margin: u64,
    len: u64,
    mut each: impl FnMut(Range<u64>) -> Result<(), DeltaError>,
) -> Result<(), DeltaError> {
    let mut open = 0..0;
    for range in ranges {
        let start = range.start.saturating_sub(margin).max(open.start);
        let end = range.end.saturating_add(margin).min(len);
        if start <= open.end {
            open.end = open.end.max(end);
        } else if start < end {
            if open.start < open.end {
                each(open)?;
            }
            open = start..end;
        }
    }
    if open.start < open.end { each(open) } else { Ok(()) }
}
