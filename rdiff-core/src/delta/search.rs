//! Where in the basis some bytes may be found: a table of sampled windows.
//!
//! Every `step` bytes the basis' next [`SPAN`] bytes are hashed into the table; the target's are
//! hashed at every byte. So equal stretches of `step + SPAN - 1` bytes or more are always met, wherever
//! they are. A hit only says where to compare.

/// How many bytes are hashed together. Shorter equal stretches are not worth a COPY.
pub(super) const SPAN: usize = 32;

/// The table's size is bounded by this many samples: 16 MiB, and 2 MiB for the filter.
const MAX_SAMPLES: u64 = 1 << 20;

/// Samples are at least this far apart, in bytes.
pub(super) const MIN_STEP_LOG: u32 = 4;

/// In a slot: an offset in steps, plus one, below; a tag of the hash above.
const OFFSET_BITS: u32 = 40;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;

/// How many slots are tried for one hash.
const PROBES: usize = 32;

/// A rolling hash of the last [`SPAN`] bytes: each byte leaves at the top, two bits a step.
#[inline(always)]
pub(super) fn roll(hash: u64, byte: u8) -> u64 {
    (hash << 2).wrapping_add(GEAR[byte as usize])
}

/// The hash of a window.
#[inline]
pub(super) fn hash(window: &[u8]) -> u64 {
    window.iter().fold(0, |hash, &byte| roll(hash, byte))
}

/// One random number for each byte.
static GEAR: [u64; 256] = gear();

/// Random numbers by the splitmix64 generator.
const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < table.len() {
        let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[i] = z ^ (z >> 31);
        i += 1;
    }
    table
}

/// Spreads a rolling hash over all bits.
#[inline(always)]
fn spread(hash: u64) -> u64 {
    hash.wrapping_mul(0x9fb2_1c65_1e98_df25)
}

/// The two bits of its filter word that stand for a hash.
#[inline(always)]
fn filter_mask(spread: u64) -> u64 {
    1 << (spread >> 24 & 63) | 1 << (spread >> 32 & 63)
}

/// The table, and a small filter before it that most misses do not pass: eight bits for a slot.
#[derive(Default)]
pub(super) struct Index {
    slots: Vec<u64>,
    filter: Vec<u64>,
    slot_bits: u32,
    filter_bits: u32,
    step_log: u32,
    /// The run now being sampled: its byte, and where its first and last samples are.
    run: Option<(u8, u64, u64)>,
    /// The longest run of each byte value, as the span of its samples.
    runs: Vec<Option<(u64, u64)>>,
}

impl Index {
    /// Empties the table for samples of `total` bytes of a file of `len` bytes, in all; at least 2^`step_log` bytes apart.
    pub(super) fn prepare(&mut self, total: u64, step_log: u32, len: u64) {
        self.step_log = step_log;
        while total >> self.step_log > MAX_SAMPLES || len >> self.step_log >= OFFSET_MASK {
            self.step_log += 1;
        }
        let samples = (total >> self.step_log).max(32) as usize;
        self.slot_bits = (samples * 3 / 2).next_power_of_two().trailing_zeros();
        self.filter_bits = self.slot_bits - 3;
        clear(&mut self.slots, 1 << self.slot_bits);
        clear(&mut self.filter, 1 << self.filter_bits);
        self.run = None;
        self.runs.clear();
    }

    /// Samples are at multiples of this, in bytes.
    pub(super) fn step(&self) -> u64 {
        1 << self.step_log
    }

    /// Adds all samples of `bytes`, which start at `offset` of the basis.
    pub(super) fn add(&mut self, bytes: &[u8], offset: u64) {
        let step = self.step() as usize;
        let mut at = (offset.next_multiple_of(self.step()) - offset) as usize;
        let mut rolled: Option<u64> = None;
        while at + SPAN <= bytes.len() {
            let window = &bytes[at..at + SPAN];
            let hash = match rolled {
                Some(before) if step < SPAN => {
                    window[SPAN - step..].iter().fold(before, |h, &byte| roll(h, byte))
                }
                _ => hash(window),
            };
            rolled = Some(hash);
            self.sample(hash, window[0], offset + at as u64);
            at += step;
        }
    }

    /// Adds what is known only at the end: the longest run of each byte value.
    pub(super) fn finish(&mut self) {
        self.end_run();
        for byte in 0..self.runs.len() {
            if let Some((first, _)) = self.runs[byte] {
                self.insert(run_hash(byte as u8), first);
            }
        }
    }

    #[inline]
    fn sample(&mut self, hash: u64, first: u8, offset: u64) {
        if hash == run_hash(first) {
            self.sample_run(first, offset);
        } else {
            self.insert(hash, offset);
        }
    }

    /// Notes a window of equal bytes. There may be millions: only the longest run is worth a slot.
    fn sample_run(&mut self, byte: u8, offset: u64) {
        match &mut self.run {
            Some((b, _, last)) if *b == byte && *last + (1 << self.step_log) == offset => *last = offset,
            _ => {
                self.end_run();
                self.run = Some((byte, offset, offset));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((byte, first, last)) = self.run.take() {
            self.runs.resize(256, None);
            let longest = &mut self.runs[usize::from(byte)];
            if longest.is_none_or(|(a, b)| last - first > b - a) {
                *longest = Some((first, last));
            }
        }
    }

    /// Adds one window, unless one like it is there.
    fn insert(&mut self, hash: u64, offset: u64) {
        let spread = spread(hash);
        let (slot, tag) = (self.slot(spread), self.tag(spread));
        for probe in 0..PROBES {
            let slot = &mut self.slots[(slot + probe) & ((1 << self.slot_bits) - 1)];
            if *slot == 0 {
                *slot = tag | ((offset >> self.step_log) + 1);
                self.filter[(spread >> (64 - self.filter_bits)) as usize] |= filter_mask(spread);
                return;
            }
            if *slot & !OFFSET_MASK == tag {
                return;
            }
        }
    }

    #[inline(always)]
    fn slot(&self, spread: u64) -> usize {
        (spread >> (64 - self.slot_bits)) as usize
    }

    /// The bits of the hash below those that the slot's number holds.
    #[inline(always)]
    fn tag(&self, spread: u64) -> u64 {
        (spread << self.slot_bits) & !OFFSET_MASK
    }

    /// Where in the basis a window of this hash is.
    pub(super) fn get(&self, hash: u64) -> Option<u64> {
        let spread = spread(hash);
        let (slot, tag) = (self.slot(spread), self.tag(spread));
        for probe in 0..PROBES {
            let slot = self.slots[(slot + probe) & ((1 << self.slot_bits) - 1)];
            if slot == 0 {
                return None;
            }
            if slot & !OFFSET_MASK == tag {
                return Some(((slot & OFFSET_MASK) - 1) << self.step_log);
            }
        }
        None
    }

    /// Rolls `hash` over `bytes` until it may be in the table: then how many bytes that took.
    #[inline]
    pub(super) fn next_hit(&self, hash: &mut u64, bytes: &[u8]) -> Option<usize> {
        let filter = &self.filter[..1 << self.filter_bits];
        let (shift, last) = (64 - self.filter_bits, filter.len() - 1);
        let mut h = *hash;
        for (i, &byte) in bytes.iter().enumerate() {
            h = roll(h, byte);
            let spread = spread(h);
            let mask = filter_mask(spread);
            if filter[(spread >> shift) as usize & last] & mask == mask {
                *hash = h;
                return Some(i + 1);
            }
        }
        *hash = h;
        None
    }
}

/// The hash of a window of equal bytes.
#[inline(always)]
pub(super) fn run_hash(byte: u8) -> u64 {
    // The sum of 4^i for i from 0 to 31.
    GEAR[byte as usize].wrapping_mul(0x5555_5555_5555_5555)
}

/// Makes the first `n` words zero, without giving memory back.
fn clear(words: &mut Vec<u64>, n: usize) {
    let kept = words.len().min(n);
    words[..kept].fill(0);
    if words.len() < n {
        words.resize(n, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(n: usize) -> Vec<u8> {
        (0..n as u64).map(|i| (spread(spread(i + 1) >> 7 ^ i) >> 48) as u8).collect()
    }

    #[test]
    fn the_hash_forgets_what_is_not_in_the_window() {
        let bytes = bytes(100);
        let rolled = hash(&bytes);
        assert_eq!(rolled, hash(&bytes[100 - SPAN..]));
        assert_ne!(rolled, hash(&bytes[101 - SPAN..]));
        assert_eq!(run_hash(9), hash(&[9; SPAN]));
    }

    #[test]
    fn every_sample_is_found() {
        for (total, len) in [(5000, 5000), (5000 << 16, 1 << 50)] {
            let mut index = Index::default();
            index.prepare(total, MIN_STEP_LOG, len);
            let (step, bytes) = (index.step() as usize, bytes(5000));
            let offset = 3 * step as u64 - 7;
            index.add(&bytes, offset);
            index.finish();
            let mut samples = 0;
            for at in (7..bytes.len() - SPAN).step_by(step) {
                assert_eq!(index.get(hash(&bytes[at..at + SPAN])), Some(offset + at as u64));
                samples += 1;
            }
            assert!(samples > 0);
        }
    }

    #[test]
    fn a_used_index_forgets() {
        let (mut index, bytes) = (Index::default(), bytes(64));
        index.prepare(1000, MIN_STEP_LOG, 1000);
        index.add(&bytes, 0);
        assert!(index.get(hash(&bytes[..SPAN])).is_some());
        index.prepare(100, MIN_STEP_LOG, 1000);
        assert!(index.get(hash(&bytes[..SPAN])).is_none());
    }

    #[test]
    fn of_runs_the_longest_is_found() {
        let mut index = Index::default();
        index.prepare(1000, MIN_STEP_LOG, 1000);
        let mut file = bytes(1000);
        file[100..200].fill(0);
        file[300..700].fill(0);
        file[800..900].fill(0);
        index.add(&file, 0);
        index.finish();
        assert_eq!(index.get(run_hash(0)), Some(304));
    }
}
