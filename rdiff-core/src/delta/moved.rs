//! Following content that was moved, while a newer file is read.
//!
//! Bytes put into a file, or taken out of it, move all that comes after. So where a whole stretch of the new file is no longer
//! what the old one has there, the next bytes of the old file are looked for in what comes, and once they are found the two
//! go on being compared there. What this doesn't find the encoder may, for it can read both files once more.

use super::aligned::{AlignedScan, common_suffix};
use super::search::{self, Index, SPAN};
use super::{ReadAt, read_at_most};
use std::io;
use std::ops::Range;

/// The old file is read in pieces of so many bytes.
const PIECE: usize = 256 << 10;

/// Of the old file so much is looked for, at first and at most, in bytes. What was taken out may be nearly as long as the
/// latter; what was put in may be longer.
const SOUGHT: u64 = 512 << 10;
const MOST_SOUGHT: u64 = 4 << 20;

/// Samples of what is looked for are so far apart, as a logarithm: 64 bytes.
const STEP_LOG: u32 = 6;

/// After so many bytes in vain it is left to the encoder.
const PATIENCE: u64 = 64 << 20;

/// What was found goes on for so many bytes, or it is taken for chance.
const LEAST: usize = 32 << 10;

/// So many places of a piece are tried.
const TRIES: usize = 64;

/// So many moves are kept: 1 MiB of memory.
const MOST_MOVES: usize = 1 << 16;

/// What was found is lost again so soon, in bytes, and so often, only in content that repeats itself.
const SOON: u64 = 1 << 20;
const SOON_LOST: u32 = 32;

/// Finds what differs between a new file and an old one, and what was moved, while the new one is read.
///
/// Like [`AlignedScan`], it serves the encoder afterwards. It takes up to 3 MiB more.
pub(crate) struct MovedScan {
    scan: AlignedScan,
    old_len: u64,
    /// How far the new file was read, in bytes.
    new: u64,
    /// The two are compared so many bytes further on in the new file.
    shift: i64,
    /// Where in the old file that began.
    since: u64,
    /// How often it was lost soon.
    soon_lost: u32,
    moves: usize,
    lost: Option<Lost>,
    index: Index,
    buf: Vec<u8>,
}

/// What is looked for.
#[derive(Clone, Copy)]
struct Lost {
    /// From here on the old file.
    from: u64,
    /// To here it is in the index.
    indexed: u64,
    /// So many bytes of it are to be, for the next piece.
    sought: u64,
    /// So many bytes of the new file didn't have it.
    in_vain: u64,
}

/// How some bytes of the new file compare.
pub(crate) struct Compared {
    /// So many bytes were read of the old file at the same offset; none where they are not compared with those.
    pub(crate) old: usize,
    /// What of them the old file has too, in order, but for short ones: the encoder won't read either again there.
    pub(crate) found: Vec<Stretch>,
}

/// Bytes that both files have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where they are in the new file.
    pub(crate) new: u64,
    /// Where they are in the old one.
    pub(crate) old: u64,
    /// How many there are.
    pub(crate) len: u64,
}

/// Shorter stretches are not told of, in bytes: nobody wins much by not reading them again.
const SHORT: u64 = 16 << 10;

impl MovedScan {
    /// A scan against an old file of `old_len` bytes.
    pub(crate) fn new(old_len: u64) -> Self {
        Self {
            scan: AlignedScan::new(old_len),
            old_len,
            new: 0,
            shift: 0,
            since: 0,
            soon_lost: 0,
            moves: 0,
            lost: None,
            index: Index::default(),
            buf: Vec::new(),
        }
    }

    /// Compares the next bytes of the new file with what `old` has. `buf` is memory of the same size.
    ///
    /// # Errors
    /// Those of reading `old`.
    pub(crate) fn feed<O: ReadAt + ?Sized>(
        &mut self,
        new: &[u8],
        old: &O,
        buf: &mut [u8],
    ) -> io::Result<Compared> {
        let (mut rest, mut same_offset) = (new, 0);
        loop {
            let at = self.new.checked_add_signed(-self.shift).unwrap_or(u64::MAX);
            let n = (rest.len() as u64).min(self.old_len.saturating_sub(at)) as usize;
            let n = read_at_most(old, &mut buf[..n], at)?;
            if self.shift == 0 && rest.len() == new.len() {
                same_offset = n;
            }
            self.scan.take(at, &rest[..n], &buf[..n]);
            let differ = self.scan.differ_from(at);
            if differ > n as u64 / 2 && self.lost.is_none() {
                self.lose(at);
            } else if differ <= n as u64 / 2 && n > 0 {
                self.lost = None;
            }
            let place = self.find(rest, old)?;
            let Some(skipped) = place.and_then(|(skipped, to)| self.follow(skipped, to)) else {
                let part = if self.lost.is_none() { at..at + n as u64 } else { at..at };
                let equal = self.scan.equal_in(part).filter(|equal| equal.end - equal.start >= SHORT);
                let stretch = |equal: Range<u64>| Stretch {
                    new: self.new + (equal.start - at),
                    old: equal.start,
                    len: equal.end - equal.start,
                };
                let found = equal.map(stretch).collect();
                self.new += rest.len() as u64;
                return Ok(Compared { old: same_offset, found });
            };
            rest = &rest[skipped..];
            same_offset = 0;
        }
    }

    /// What the encoder is to be given.
    pub(crate) fn into_scan(self) -> AlignedScan {
        self.scan
    }

    /// Much differs from `at` of the old file on.
    fn lose(&mut self, at: u64) {
        let from = self.scan.first_from(at).max(at.saturating_sub(PIECE as u64)).max(self.since);
        if self.moves > 0 {
            let soon = from - self.since < SOON;
            self.soon_lost = if soon { self.soon_lost + 1 } else { self.soon_lost.saturating_sub(1) };
        }
        if self.soon_lost < SOON_LOST && self.moves < MOST_MOVES {
            self.lost = Some(Lost { from, indexed: from, sought: SOUGHT, in_vain: 0 });
            self.index.prepare(MOST_SOUGHT, STEP_LOG, self.old_len);
        }
    }

    /// What was lost is there after so many bytes of the new file, and from `at` on in the old one. Goes there, unless that is
    /// where the two were compared already.
    fn follow(&mut self, skipped: usize, at: u64) -> Option<usize> {
        let lost = self.lost.take()?;
        let new = self.new + skipped as u64;
        // Both are lengths of files, less than 2^63.
        let shift = new.wrapping_sub(at).cast_signed();
        if shift == self.shift {
            return None;
        }
        self.scan.turn(lost.from, at, shift);
        (self.new, self.shift, self.since) = (new, shift, at);
        self.moves += 1;
        Some(skipped)
    }

    /// Looks for what was lost: after how many of the `new` bytes it goes on, and where in the old file.
    fn find<O: ReadAt + ?Sized>(&mut self, new: &[u8], old: &O) -> io::Result<Option<(usize, u64)>> {
        let Some(mut lost) = self.lost.filter(|lost| lost.in_vain < PATIENCE) else { return Ok(None) };
        self.add(&mut lost, old)?;
        lost.in_vain += new.len() as u64;
        self.lost = Some(lost);
        if new.len() < LEAST {
            return Ok(None);
        }
        let (head, mut rest) = new.split_at(SPAN - 1);
        let mut hash = search::hash(head);
        let mut tries = 0;
        while let Some(n) = self.index.next_hit(&mut hash, rest) {
            rest = &rest[n..];
            let at = new.len() - rest.len() - SPAN;
            if new.len() - at < LEAST || tries == TRIES {
                break;
            }
            let Some(place) = self.index.get(hash) else { continue };
            tries += 1;
            let before = (place - lost.from).min(at as u64).min(LEAST as u64) as usize;
            let near = &new[at - before..at + LEAST];
            let n = read_at_most(old, &mut self.buf[..near.len()], place - before as u64)?;
            let (old_before, old_after) = self.buf[..n].split_at(before.min(n));
            if old_after == &near[before..] {
                let before = common_suffix(old_before, &near[..before]);
                return Ok(Some((at - before, place - before as u64)));
            }
        }
        Ok(None)
    }

    /// Adds to the index what is sought of the old file.
    fn add<O: ReadAt + ?Sized>(&mut self, lost: &mut Lost, old: &O) -> io::Result<()> {
        self.buf.resize(PIECE, 0);
        let end = lost.from.saturating_add(lost.sought).min(self.old_len);
        while lost.indexed + (SPAN as u64) <= end {
            let n = (end - lost.indexed).min(PIECE as u64) as usize;
            let n = read_at_most(old, &mut self.buf[..n], lost.indexed)?;
            if n < SPAN {
                break;
            }
            self.index.add(&self.buf[..n], lost.indexed);
            lost.indexed += (n - (SPAN - 1)) as u64;
        }
        lost.sought = (lost.sought * 2).min(MOST_SOUGHT);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise as random;
    use super::super::{Encoder, apply};
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    /// Counts what is read of it.
    struct Counted<'a>(&'a [u8], Cell<u64>);

    impl ReadAt for Counted<'_> {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let n = self.0.read_at(buf, offset)?;
            self.1.set(self.1.get() + n as u64);
            Ok(n)
        }
    }

    struct Scanned {
        scan: MovedScan,
        delta: Vec<u8>,
        /// What the encoder read of both files, in bytes.
        read_again: u64,
    }

    /// Feeds the new file in pieces, checks what it says of each, and that the delta leads back to the old file.
    fn scan(new: &[u8], old: &[u8], piece: usize) -> Scanned {
        let mut scan = MovedScan::new(old.len() as u64);
        let mut buf = vec![0; piece];
        for (i, bytes) in new.chunks(piece).enumerate() {
            let compared = scan.feed(bytes, old, &mut buf).unwrap();
            let at = i * piece;
            assert_eq!(buf[..compared.old], old[at.min(old.len())..(at + compared.old).min(old.len())]);
            for Stretch { new: place, old: from, len } in compared.found {
                let (place, from, len) = (place as usize, from as usize, len as usize);
                assert!(place >= at && place + len <= at + bytes.len() && len as u64 >= SHORT);
                assert!(old[from..from + len] == new[place..place + len]);
            }
        }
        let aligned = scan.scan.clone();
        let (new, old) = (Counted(new, Cell::default()), Counted(old, Cell::default()));
        let (new_len, old_len) = (new.0.len() as u64, old.0.len() as u64);
        let mut delta = Vec::new();
        Encoder::new().encode_with(aligned, &new, new_len, &old, old_len, &mut delta).unwrap();
        let mut made = Vec::new();
        apply(new.0, new_len, &delta[..], old_len, &mut made).unwrap();
        assert!(made == old.0);
        Scanned { scan, delta, read_again: new.1.get() + old.1.get() }
    }

    const PIECES: usize = 256 << 10;

    #[test]
    fn what_was_put_in_moves_the_rest_which_is_not_read_again() {
        let (old, put_in) = (random(1, 16 << 20), random(2, 1_000_003));
        let new = [&old[..300_017], &put_in, &old[300_017..], &random(3, 700_000)].concat();
        let scanned = scan(&new, &old, PIECES);
        assert_eq!((scanned.scan.moves, scanned.scan.shift), (1, 1_000_003));
        assert!(scanned.delta.len() < 100, "{}", scanned.delta.len());
        // No more than what was put in, for what goes on in the same piece after it.
        assert!(scanned.read_again < 2_000_000, "{}", scanned.read_again);
    }

    #[test]
    fn little_is_read_again_where_much_was_put_in() {
        let old = random(1, 4 << 20);
        let new = [&old[..300_017], &random(2, 12 << 20), &old[300_017..]].concat();
        let scanned = scan(&new, &old, PIECES);
        assert!(scanned.delta.len() < 100, "{}", scanned.delta.len());
        assert!(scanned.read_again < 3_000_000, "{}", scanned.read_again);
    }

    #[test]
    fn what_was_taken_out_is_the_one_thing_that_is_kept() {
        let old = random(1, 9 << 20);
        let new = [&old[..2_000_000], &old[2_000_000 + 1_500_000..]].concat();
        let scanned = scan(&new, &old, PIECES);
        assert_eq!((scanned.scan.moves, scanned.scan.shift), (1, -1_500_000));
        assert!((1_500_000..1_500_400).contains(&scanned.delta.len()), "{}", scanned.delta.len());
    }

    #[test]
    fn it_is_followed_as_often_as_it_is_moved() {
        let old = random(1, 12 << 20);
        let cuts = [0, 1_000_000, 4_000_000, 7_500_000, old.len()];
        let parts = cuts.windows(2).enumerate();
        let new: Vec<u8> = parts
            .flat_map(|(i, cut)| [random(i as u64 + 7, 70_001), old[cut[0]..cut[1]].to_vec()].concat())
            .collect();
        let scanned = scan(&new, &old, PIECES);
        assert_eq!((scanned.scan.moves, scanned.scan.shift), (4, 280_004));
        assert!(scanned.delta.len() < 200, "{}", scanned.delta.len());
    }

    #[test]
    fn what_was_written_over_moves_nothing() {
        let old = random(1, 8 << 20);
        let mut new = old.clone();
        new[1_000_000..3_000_000].copy_from_slice(&random(2, 2_000_000));
        let scanned = scan(&new, &old, PIECES);
        assert_eq!((scanned.scan.moves, scanned.scan.shift), (0, 0));
        assert!(scanned.delta.len() < 2_001_000, "{}", scanned.delta.len());
        assert!(scanned.scan.lost.is_none());
    }

    #[test]
    fn of_scattered_blocks_that_were_written_over_all_else_is_found() {
        let old = random(1, 8 << 20);
        let mut new = old.clone();
        for (i, at) in (0..new.len()).step_by(100_000).enumerate() {
            new[at..at + 4096].copy_from_slice(&random(i as u64 + 2, 4096));
        }
        let mut scan = MovedScan::new(old.len() as u64);
        let mut buf = vec![0; PIECES];
        let mut found = Vec::new();
        for bytes in new.chunks(PIECES) {
            found.extend(scan.feed(bytes, &old, &mut buf).unwrap().found);
        }
        let is_in_order = |pair: &[Stretch]| pair[0].new + pair[0].len <= pair[1].new;
        assert!(found.windows(2).all(is_in_order) && found.iter().all(|s| s.new == s.old));
        let (all, differ) = (old.len() as u64, 84 * 4096);
        let told: u64 = found.iter().map(|stretch| stretch.len).sum();
        assert!(told <= all - differ && told > (all - differ) * 9 / 10, "{told} of {}", all - differ);
    }

    #[test]
    fn what_stayed_between_is_no_move() {
        let old = random(1, 4 << 20);
        let mut new = random(2, 4 << 20);
        // In the midst of pieces, at their beginning and at their end.
        for from in [100_000, 3 * PIECES, 6 * PIECES - 50_000] {
            new[from..from + 50_000].copy_from_slice(&old[from..from + 50_000]);
        }
        let scanned = scan(&new, &old, PIECES);
        assert_eq!((scanned.scan.moves, scanned.scan.shift), (0, 0));
        assert!(scanned.delta.len() < old.len() - 149_000, "{}", scanned.delta.len());
    }

    #[test]
    fn another_content_is_not_looked_for_for_ever() {
        let (new, old) = (random(1, 80 << 20), random(2, 6 << 20));
        let mut scan = MovedScan::new(old.len() as u64);
        let old = Counted(&old, Cell::default());
        let mut buf = vec![0; PIECES];
        for bytes in new.chunks(PIECES) {
            assert!(scan.feed(bytes, &old, &mut buf).unwrap().found.is_empty());
        }
        assert!(scan.lost.is_some_and(|lost| lost.in_vain == PATIENCE));
        assert!(old.1.get() < 12 << 20, "{} bytes were read", old.1.get());
    }

    #[test]
    fn content_that_repeats_itself_is_followed_for_a_while() {
        let periodic =
            |period: usize, len| random(5, period).into_iter().cycle().take(len).collect::<Vec<_>>();
        // Each part is found at many places, and soon lost.
        let part = |i: u64| [periodic(40_000, 300_000), random(i, 10_000 + i as usize)].concat();
        let old: Vec<u8> = (0..80).flat_map(part).collect();
        let new: Vec<u8> = (0..80).rev().flat_map(part).collect();
        let scanned = scan(&new, &old, PIECES);
        assert!(scanned.scan.moves <= 80, "{}", scanned.scan.moves);
    }

    #[derive(Clone, Debug)]
    enum Edit {
        PutIn(usize, usize),
        TakeOut(usize, usize),
        WriteOver(usize, usize),
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let (at, some, many) = (0..1_200_000usize, 0..3000usize, 0..300_000usize);
        let len = prop_oneof![some, many];
        let edit = (at, len, 0..3).prop_map(|(at, len, what)| match what {
            0 => Edit::PutIn(at, len),
            1 => Edit::TakeOut(at, len),
            _ => Edit::WriteOver(at, len),
        });
        proptest::collection::vec(edit, 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_was_done_to_a_file_the_delta_leads_back(edits in edits(), period in 1..2_000_000usize, piece in 40_000..=PIECES) {
            let old: Vec<u8> = random(1, period).into_iter().cycle().take(1_000_000).collect();
            let mut new = old.clone();
            for (i, edit) in edits.into_iter().enumerate() {
                let bytes = |len| random(i as u64 + 2, len);
                let at = |at: usize| at.min(new.len());
                match edit {
                    Edit::PutIn(from, len) => drop(new.splice(at(from)..at(from), bytes(len))),
                    Edit::TakeOut(from, len) => drop(new.drain(at(from)..at(from + len))),
                    Edit::WriteOver(from, len) => {
                        let (from, to) = (at(from), at(from + len));
                        new[from..to].copy_from_slice(&bytes(to - from));
                    }
                }
            }
            let found = scan(&new, &old, piece);
            let mut aligned = found.scan.into_scan();
            aligned.end();
            let found = aligned.found();
            let mut at = 0;
            for range in found.ranges.iter().cloned().chain(std::iter::once(old.len() as u64..old.len() as u64)) {
                while at < range.start {
                    let (stretch, place) = found.first_stretch(at..range.start);
                    let len = (stretch.end - stretch.start) as usize;
                    prop_assert!(old[at as usize..][..len] == new[place as usize..][..len]);
                    at = stretch.end;
                }
                at = range.end;
            }
        }
    }
}
