//! Two files compared at equal offsets: which ranges differ.
//!
//! A range starts and ends at a byte that differs. Equal runs too short to be worth a COPY do not
//! split one, and when there are very many ranges neighbours are joined, so memory is bounded.

use std::ops::Range;

/// Equal runs shorter than this, in bytes, stay inside a range: a COPY costs up to 17 bytes, and
/// one or three more for the second half of the literal.
const MIN_GAP: u64 = 32;

/// Files are compared in pieces of this many bytes first, and those that differ in lanes.
const PIECE: usize = 4096;

/// The finer comparison: an equal lane ends a range.
const LANE: usize = 32;

/// How many ranges are kept: 4 MiB of memory.
const MAX_RANGES: usize = 1 << 18;

/// Ranges in order, none nearer than `gap` to the next.
pub(super) struct Ranges {
    list: Vec<Range<u64>>,
    gap: u64,
    max: usize,
}

impl Default for Ranges {
    fn default() -> Self {
        Self { list: Vec::new(), gap: MIN_GAP, max: MAX_RANGES }
    }
}

impl Ranges {
    /// Adds a range that does not start before the last one.
    #[inline]
    fn add(&mut self, range: Range<u64>) {
        if let Some(last) = self.list.last_mut()
            && range.start < last.end.saturating_add(self.gap)
        {
            last.end = last.end.max(range.end);
            return;
        }
        if self.list.len() == self.max {
            self.coarsen();
        }
        self.list.push(range);
    }

    /// Joins neighbours, nearer ones first, until half of the room is free.
    fn coarsen(&mut self) {
        while self.list.len() > self.max / 2 {
            self.gap = self.gap.saturating_mul(2);
            let gap = self.gap;
            self.list.dedup_by(|next, last| {
                let near = next.start < last.end.saturating_add(gap);
                if near {
                    last.end = next.end;
                }
                near
            });
        }
    }
}

/// Finds the ranges that differ between two files while they are read anyway.
///
/// Feed it the bytes of both at equal offsets, in order, and give it to
/// [`Encoder::encode_with`](super::Encoder::encode_with): what it saw to be equal is not read again.
/// What it was not fed counts as different. It takes up to 4 MiB, when there are many ranges.
pub struct AlignedScan {
    ranges: Ranges,
    old_len: u64,
    next: u64,
}

impl AlignedScan {
    /// A scan against an old file of `old_len` bytes.
    #[must_use]
    pub fn new(old_len: u64) -> Self {
        Self { ranges: Ranges::default(), old_len, next: 0 }
    }

    /// Compares bytes of the two files, both from `new_offset` on, after all that was fed before.
    ///
    /// The slices may differ in length at the end of the shorter file. The bytes must be those
    /// that the encoder would read: what is equal here is not looked at again.
    pub fn feed(&mut self, new_offset: u64, new_bytes: &[u8], old_bytes: &[u8]) {
        let n = new_bytes.len().min(old_bytes.len()) as u64;
        let n = n.min(self.old_len.saturating_sub(new_offset)) as usize;
        let skip = self.next.saturating_sub(new_offset).min(n as u64) as usize;
        let start = new_offset + skip as u64;
        if skip == n {
            return;
        }
        if start > self.next {
            self.ranges.add(self.next..start);
        }
        self.compare(start, &new_bytes[skip..n], &old_bytes[skip..n]);
        self.next = new_offset + n as u64;
    }

    /// The ranges of the old file that differ, in bytes and in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Range<u64>> {
        self.end();
        self.ranges.list
    }

    /// How many ranges there are by now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ranges.list.len()
    }

    /// Starts again, from `start` of a file that ends at `old_len`, in the same memory.
    pub(super) fn restart(&mut self, start: u64, old_len: u64) {
        self.ranges.list.clear();
        self.ranges.gap = MIN_GAP;
        (self.next, self.old_len) = (start, old_len);
    }

    /// The ranges found; after [`end`](Self::end), all of them.
    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges.list
    }

    /// Counts all that was not fed as different.
    pub(super) fn end(&mut self) {
        if self.next < self.old_len {
            self.ranges.add(self.next..self.old_len);
            self.next = self.old_len;
        }
    }

    fn compare(&mut self, start: u64, new: &[u8], old: &[u8]) {
        if new == old {
            return;
        }
        for (i, (a, b)) in new.chunks(PIECE).zip(old.chunks(PIECE)).enumerate() {
            if a != b {
                self.compare_lanes(start + (i * PIECE) as u64, a, b);
            }
        }
    }

    fn compare_lanes(&mut self, start: u64, a: &[u8], b: &[u8]) {
        let mut at = 0;
        while let Some(first) = lanes(&a[at..], &b[at..], false) {
            let from = at + first;
            let to = lanes(&a[from..], &b[from..], true).map_or(a.len(), |n| from + n);
            let head = common_prefix(&a[from..to], &b[from..to]);
            let tail = common_suffix(&a[from..to], &b[from..to]);
            self.ranges.add(start + (from + head) as u64..start + (to - tail) as u64);
            at = to;
        }
    }
}

/// Where the first lane starts that is equal, or different, as asked.
#[inline]
fn lanes(a: &[u8], b: &[u8], equal: bool) -> Option<usize> {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANE>(), b.as_chunks::<LANE>());
    let found = a.iter().zip(b).position(|(a, b)| (a == b) == equal);
    let last = || !a_rest.is_empty() && (a_rest == b_rest) == equal;
    found.or_else(|| last().then_some(a.len())).map(|lane| lane * LANE)
}

/// How many bytes two slices share at their beginning.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut at = 0;
    while at + PIECE <= n && a[at..at + PIECE] == b[at..at + PIECE] {
        at += PIECE;
    }
    let (lanes_a, lanes_b) = (a[at..].as_chunks::<8>().0, b[at..].as_chunks::<8>().0);
    for (x, y) in lanes_a.iter().zip(lanes_b) {
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return at + (differ.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
}

/// How many bytes two slices share at their end.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let n = a.len().min(b.len());
    let (a, b) = (&a[a.len() - n..], &b[b.len() - n..]);
    let mut left = n;
    while left >= PIECE && a[left - PIECE..left] == b[left - PIECE..left] {
        left -= PIECE;
    }
    let (lanes_a, lanes_b) = (a[..left].as_rchunks::<8>().1, b[..left].as_rchunks::<8>().1);
    for (x, y) in lanes_a.iter().rev().zip(lanes_b.iter().rev()) {
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return n - left + (differ.leading_zeros() / 8) as usize;
        }
        left -= 8;
    }
    let rest = a[..left].iter().rev().zip(b[..left].iter().rev());
    n - left + rest.take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(new: &[u8], old: &[u8], piece: usize) -> Vec<Range<u64>> {
        let mut scan = AlignedScan::new(old.len() as u64);
        for at in (0..new.len()).step_by(piece) {
            let of = |file: &[u8]| file.get(at..(at + piece).min(file.len())).unwrap_or_default().to_vec();
            scan.feed(at as u64, &of(new), &of(old));
        }
        scan.finish()
    }

    #[test]
    fn ranges_end_at_the_bytes_that_differ() {
        let old = vec![7; 10_000];
        let mut new = old.clone();
        for at in [100, 110, 4090, 4100, 9999] {
            new[at] = 8;
        }
        assert_eq!(scan(&new, &old, 1000), [100..111, 4090..4101, 9999..10_000]);
        assert_eq!(scan(&old, &old, 999), []);
    }

    #[test]
    fn what_was_not_fed_differs() {
        let mut scan = AlignedScan::new(1000);
        scan.feed(200, &[1; 100], &[1; 100]);
        scan.feed(250, &[1; 100], &[1; 100]);
        scan.feed(600, &[1; 500], &[1; 500]);
        assert_eq!(scan.finish(), [0..200, 350..600]);
        assert_eq!(AlignedScan::new(5).finish().first(), Some(&(0..5)));
        assert_eq!(AlignedScan::new(0).finish(), []);
    }

    #[test]
    fn too_many_ranges_are_joined() {
        let mut ranges = Ranges { max: 8, ..Ranges::default() };
        for i in 0..1000 {
            ranges.add(i * 100..i * 100 + 10);
        }
        assert!(ranges.list.len() <= 8);
        assert_eq!(ranges.list[0].start, 0);
        assert_eq!(ranges.list[ranges.list.len() - 1].end, 99_910);
    }

    proptest! {
        #[test]
        fn outside_the_ranges_all_is_equal(
            old in proptest::collection::vec(any::<u8>(), 0..600),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in 0..40usize, piece in 1..700usize,
        ) {
            let mut new = old.clone();
            for (at, byte) in edits {
                if !new.is_empty() {
                    let at = at.index(new.len());
                    new[at] = byte;
                }
            }
            new.truncate(old.len().saturating_sub(cut));
            let ranges = scan(&new, &old, piece);
            for (at, byte) in old.iter().enumerate() {
                let inside = ranges.iter().any(|r| r.contains(&(at as u64)));
                prop_assert!(inside || new.get(at) == Some(byte));
            }
            for pair in ranges.windows(2) {
                prop_assert!(pair[0].end + 32 <= pair[1].start);
            }
        }

        #[test]
        fn shared_ends_are_exact(
            a in proptest::collection::vec(0..2u8, 0..40), b in proptest::collection::vec(0..2u8, 0..40),
        ) {
            let prefix = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
            let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
            prop_assert_eq!(common_prefix(&a, &b), prefix);
            prop_assert_eq!(common_suffix(&a, &b), suffix);
        }
    }
}
