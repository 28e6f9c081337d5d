//! Two files compared at equal offsets: which ranges differ.
//!
//! A range starts and ends at a byte that differs. Equal runs too short to be worth a COPY do not
//! split one, and when there are very many ranges neighbours are joined, so memory is bounded.
//!
//! Offsets are those of the old file. Where its content was moved, a [`Shift`] says by how much.

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
#[derive(Clone)]
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

/// From an offset of the old file on, what it shares with the new one is there so many bytes further on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) from: u64,
    pub(super) by: i64,
}

/// What a scan found.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    /// What differs of the old file, in order.
    pub(super) ranges: &'a [Range<u64>],
    /// Where the rest is, in order; at equal offsets before the first.
    pub(super) shifts: &'a [Shift],
}

impl Found<'_> {
    /// What the new file has, up to `new_end`, beside what it shares with the old one up to `old_end`: in order, and at both
    /// ends of a stretch no more than `most` bytes beyond as many as differ there in the old file.
    pub(super) fn unshared(&self, old_end: u64, new_end: u64, most: u64) -> Vec<Range<u64>> {
        let mut unshared = Vec::with_capacity(self.ranges.len() + 1);
        let (mut old, mut new) = (0, 0);
        let mut add = |differ: u64, range: Range<u64>| {
            let most = differ.saturating_add(most);
            let (head, tail) = (range.start.saturating_add(most), range.end.saturating_sub(most));
            if head < tail {
                unshared.extend([range.start..head, tail..range.end]);
            } else if range.start < range.end {
                unshared.push(range);
            }
        };
        let mut differ = 0;
        for range in self.ranges.iter().cloned().chain(std::iter::once(old_end..old_end)) {
            while old < range.start {
                let (stretch, at) = self.first_stretch(old..range.start);
                add(differ, new..at);
                differ = 0;
                new = new.max(at + (stretch.end - stretch.start));
                old = stretch.end;
            }
            differ += range.end.saturating_sub(old);
            old = range.end;
        }
        add(differ, new..new_end);
        unshared
    }

    /// The part of `equal`, which doesn't differ, that is in one stretch of the new file, and where that is.
    pub(super) fn first_stretch(&self, equal: Range<u64>) -> (Range<u64>, u64) {
        let next = self.shifts.partition_point(|shift| shift.from <= equal.start);
        let by = next.checked_sub(1).map_or(0, |last| self.shifts[last].by);
        let end = self.shifts.get(next).map_or(equal.end, |shift| shift.from.min(equal.end));
        (equal.start..end, equal.start.saturating_add_signed(by))
    }
}

/// Finds the ranges that differ between two files while they are read anyway.
///
/// Feed it the bytes of both at equal offsets, in order, and give it to
/// [`Encoder::encode_with`](super::Encoder::encode_with): what it saw to be equal is not read again.
/// What it was not fed counts as different. It takes up to 4 MiB, when there are many ranges.
#[derive(Clone)]
pub struct AlignedScan {
    ranges: Ranges,
    shifts: Vec<Shift>,
    old_len: u64,
    /// How far the old file was looked at.
    next: u64,
}

impl AlignedScan {
    /// A scan against an old file of `old_len` bytes.
    #[must_use]
    pub fn new(old_len: u64) -> Self {
        Self { ranges: Ranges::default(), shifts: Vec::new(), old_len, next: 0 }
    }

    /// Compares bytes of the two files, both from `new_offset` on, after all that was fed before.
    ///
    /// The slices may differ in length at the end of the shorter file. The bytes must be those
    /// that the encoder would read: what is equal here is not looked at again.
    pub fn feed(&mut self, new_offset: u64, new_bytes: &[u8], old_bytes: &[u8]) {
        self.take(new_offset, new_bytes, old_bytes);
    }

    /// The same for bytes of the old file from `old_offset` on, and those of the new one that may be the same.
    pub(super) fn take(&mut self, old_offset: u64, new_bytes: &[u8], old_bytes: &[u8]) {
        let n = new_bytes.len().min(old_bytes.len()) as u64;
        let n = n.min(self.old_len.saturating_sub(old_offset)) as usize;
        let skip = self.next.saturating_sub(old_offset).min(n as u64) as usize;
        let start = old_offset + skip as u64;
        if skip == n {
            return;
        }
        if start > self.next {
            self.ranges.add(self.next..start);
        }
        self.compare(start, &new_bytes[skip..n], &old_bytes[skip..n]);
        self.next = old_offset + n as u64;
    }

    /// Forgets what was found from `back_to` on: all up to `from` differs, and from there on the content was moved.
    ///
    /// `back_to` is not before the last shift.
    pub(super) fn turn(&mut self, back_to: u64, from: u64, by: i64) {
        self.cut(back_to);
        if back_to < from {
            self.ranges.add(back_to..from);
        }
        self.next = from;
        self.shifts.retain(|shift| shift.from < from);
        self.shifts.push(Shift { from, by });
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
        self.shifts.clear();
        (self.next, self.old_len) = (start, old_len);
    }

    /// What was found; after [`end`](Self::end), all of it.
    pub(super) fn found(&self) -> Found<'_> {
        Found { ranges: &self.ranges.list, shifts: &self.shifts }
    }

    /// How many bytes differ from `from` on, of what was looked at.
    pub(super) fn differ_from(&self, from: u64) -> u64 {
        let later = self.ranges.list.iter().rev().take_while(|range| range.end > from);
        later.map(|range| range.end - range.start.max(from)).sum()
    }

    /// What doesn't differ of `part`, all of which was looked at.
    pub(super) fn equal_in(&self, part: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let list = &self.ranges.list;
        let first = list.partition_point(|range| range.end <= part.start);
        let differ = list[first..].iter().take_while(move |range| range.start < part.end).cloned();
        let mut at = part.start;
        differ.chain(std::iter::once(part.end..part.end)).filter_map(move |range| {
            let equal = at..range.start;
            at = range.end;
            (equal.start < equal.end).then_some(equal)
        })
    }

    /// Where the first range starts that differs from `from` on.
    pub(super) fn first_from(&self, from: u64) -> u64 {
        let first = self.ranges.list.partition_point(|range| range.end <= from);
        self.ranges.list.get(first).map_or(from, |range| range.start)
    }

    /// Forgets what was found from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        let list = &mut self.ranges.list;
        list.truncate(list.partition_point(|range| range.start < end));
        if let Some(last) = list.last_mut() {
            last.end = last.end.min(end);
        }
    }

    /// Counts all that was not fed as different, of an old file that turned out to have `old_len` bytes.
    pub(super) fn end_at(&mut self, old_len: u64) {
        self.cut(old_len);
        self.old_len = old_len;
        self.end();
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
