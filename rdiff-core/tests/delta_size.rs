//! How small deltas are: what moved must be found, and what did not change must cost nothing.
#![allow(clippy::unwrap_used)]

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rdiff_core::delta::{AlignedScan, EncodeStats, Encoder, ReadAt, apply};

const KIB: usize = 1 << 10;

/// Random bytes, different for each seed.
fn random(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..len.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(len).collect()
}

/// The statistics of a delta that was seen to be right, made in both ways; the larger of the two.
fn delta(new: &[u8], old: &[u8]) -> EncodeStats {
    let (new_len, old_len) = (new.len() as u64, old.len() as u64);
    let mut encoder = Encoder::new();
    let (mut plain, mut scanned) = (Vec::new(), Vec::new());
    let stats = encoder.encode(new, new_len, old, old_len, &mut plain).unwrap();
    let mut scan = AlignedScan::new(old_len);
    for (i, bytes) in new.chunks(64 * KIB).enumerate() {
        let at = (i * 64 * KIB).min(old.len());
        scan.feed((i * 64 * KIB) as u64, bytes, &old[at..(at + bytes.len()).min(old.len())]);
    }
    let with = encoder.encode_with(scan, new, new_len, old, old_len, &mut scanned).unwrap();
    for delta in [plain, scanned] {
        let mut out = Vec::new();
        apply(new, new_len, &delta[..], old_len, &mut out).unwrap();
        assert!(out == old);
    }
    if with.delta_len > stats.delta_len { with } else { stats }
}

#[test]
fn an_unchanged_file_is_one_copy() {
    let file = random(1, 3_000_000);
    assert_eq!(
        delta(&file, &file),
        EncodeStats { copies: 1, copied_bytes: 3_000_000, delta_len: 4 + 6 + 1, ..EncodeStats::default() }
    );
}

#[test]
fn scattered_overwrites_cost_themselves() {
    let old = random(1, 8 << 20);
    let mut new = old.clone();
    for i in 0..20 {
        let at = i * 400_000 + 4096;
        new[at..at + 4096].copy_from_slice(&random(100 + i as u64, 4096));
    }
    let stats = delta(&new, &old);
    assert!(stats.delta_len <= 20 * (4096 + 20) + 20, "{stats:?}");
}

#[test]
fn inserts_and_deletes_anywhere_are_found() {
    let old = random(2, 3 << 20);
    let cut = |parts: &[&[u8]]| parts.concat();
    let (a, b, c) = (&old[..70_000], &old[70_000..1_900_000], &old[1_900_000..]);
    let cases = [
        ("at the front", cut(&[&random(3, 1000), &old])),
        ("near the front", cut(&[a, &random(3, 100_000), b, c])),
        ("twice", cut(&[a, &random(3, 10), b, &random(4, 999), c])),
        ("and cut at the end", cut(&[&random(3, 777), a, b, &c[..c.len() - 777]])),
        ("at the end", cut(&[&old, &random(3, 100_000)])),
        ("a move", cut(&[b, a, c])),
        ("a swap", cut(&[c, b, a])),
        ("a copy", cut(&[a, b, a, c])),
    ];
    for (name, new) in cases {
        let stats = delta(&new, &old);
        assert!(stats.delta_len <= 900, "{name}: {stats:?}");
    }
}

#[test]
fn pages_that_moved_are_found() {
    // As in a database after a vacuum: pages change places, some cells move within their page.
    let old = random(5, 2 << 20);
    let mut new = old.clone();
    for i in 0..40 {
        let (from, to) = ((i * 7 % 500) * 4096, ((i * 31 + 3) % 500) * 4096);
        let (page, other) = (old[from..from + 4096].to_vec(), old[to..to + 4096].to_vec());
        new[to..to + 4096].copy_from_slice(&page);
        new[from..from + 4096].copy_from_slice(&other);
        new[to + 1000..to + 1500].rotate_left(60);
    }
    let stats = delta(&new, &old);
    assert!(stats.literal_bytes <= 30_000, "{stats:?}");
}

#[test]
fn padding_does_not_split_what_moved() {
    // As in an archive: members of all lengths, zeros up to the next 512, a member added in front.
    let mut members: Vec<u8> = Vec::new();
    for i in 0..300 {
        members.extend(random(i, 700 + 1000 * (i as usize % 7)));
        members.resize(members.len().next_multiple_of(512) + 512, 0);
    }
    let new = [&random(999, 1024)[..], &members, b"new"].concat();
    let old = [&members[..], b"old"].concat();
    let stats = delta(&new, &old);
    assert!(stats.delta_len <= 100, "{stats:?}");
}

#[test]
fn equal_bytes_cost_little_and_bounded_time() {
    let zeros = vec![0; 4 << 20];
    let ones = vec![1; 4 << 20];
    let mixed = [&ones[..1 << 20], &zeros[..1 << 20], &random(1, 100_000)].concat();
    assert!(delta(&mixed, &zeros).delta_len <= 200);
    assert!(delta(&zeros, &zeros[..1000]).delta_len <= 20);
    assert!(delta(&ones, &zeros).copies <= 1);
    let period: Vec<u8> = random(9, 5000).into_iter().cycle().take(4 << 20).collect();
    let shifted = &period[123..];
    assert!(delta(&period, shifted).delta_len <= 200);
}

#[test]
fn unrelated_files_are_literals() {
    let stats = delta(&random(1, 3 << 20), &random(2, 3 << 20));
    assert_eq!((stats.copies, stats.literal_bytes), (0, 3 << 20));
    assert!(stats.delta_len <= (3 << 20) + 4 * 49 + 5);
}

/// Counts the bytes read.
struct Counted<'a>(&'a [u8], AtomicU64);

impl ReadAt for Counted<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let n = self.0.read_at(buf, offset)?;
        self.1.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[test]
fn what_the_scan_saw_is_not_read_again() {
    let old = random(1, 8 << 20);
    let mut new = old.clone();
    new[5 << 20..(5 << 20) + 4096].fill(9);
    new.extend_from_slice(&random(2, 1 << 20));
    let len = old.len() as u64;
    let mut scan = AlignedScan::new(len);
    scan.feed(0, &new, &old);
    let (new, old) = (Counted(&new, AtomicU64::new(0)), Counted(&old, AtomicU64::new(0)));
    let mut encoder = Encoder::new();
    encoder.encode_with(scan, &new, new.0.len() as u64, &old, len, &mut io::sink()).unwrap();
    let read = new.1.into_inner() + old.1.into_inner();
    assert!(read < 1_300_000, "{read} bytes");
}

#[test]
fn reading_is_linear_in_the_files() {
    let periodic = |p: usize| -> Vec<u8> { random(p as u64, p).into_iter().cycle().take(6 << 20).collect() };
    let words = |seed| -> Vec<u8> {
        let words = [b"get ", b"put ", b"200\n"];
        random(seed, 900_000).iter().flat_map(|b| words[usize::from(b % 3)]).copied().collect()
    };
    let cases = [
        ("random", random(1, 6 << 20), random(2, 6 << 20), 3),
        ("periods", periodic(700), periodic(701), 3),
        ("shifted period", periodic(700), periodic(700)[3..].to_vec(), 3),
        ("zeros", vec![0; 3 << 20], vec![0; 6 << 20], 3),
        // 65536 short matches, each a read of a page or two, before the least length grows.
        ("words", words(1), words(2), 100),
    ];
    for (name, new, old, most) in cases {
        let size = (new.len() + old.len()) as u64;
        let (new, old) = (Counted(&new, AtomicU64::new(0)), Counted(&old, AtomicU64::new(0)));
        let mut encoder = Encoder::new();
        encoder.encode(&new, new.0.len() as u64, &old, old.0.len() as u64, &mut io::sink()).unwrap();
        let read = new.1.into_inner() + old.1.into_inner();
        assert!(read < most * size, "{name}: {read} of {size}");
    }
}

#[test]
fn an_old_file_of_another_length_than_was_said_is_made_all_the_same() {
    let new = random(1, 300_000);
    let mut changed = new.clone();
    changed[70_000..90_000].fill(7);
    for (said, is) in [(200_000, 250_000), (250_000, 200_000), (200_000, 80_000), (10, 300_000), (300_000, 0)]
    {
        let old = &changed[..is];
        let mut scan = AlignedScan::new(said as u64);
        for at in (0..is).step_by(64 * KIB) {
            let end = (at + 64 * KIB).min(is);
            scan.feed(at as u64, &new[at..end], &old[at..end]);
        }
        let mut delta = Vec::new();
        Encoder::new().encode_with(scan, &new, new.len() as u64, old, is as u64, &mut delta).unwrap();
        let mut made = Vec::new();
        apply(&new, new.len() as u64, &delta[..], is as u64, &mut made).unwrap();
        assert!(made == old, "{said} {is}");
    }
    // Beyond the end of the new file, too.
    let mut scan = AlignedScan::new(100);
    scan.feed(0, &new[..100], &new[..100]);
    let (basis, old) = (&new[..100], &new[..5000]);
    let mut delta = Vec::new();
    Encoder::new().encode_with(scan, basis, 100, old, 5000, &mut delta).unwrap();
    let mut made = Vec::new();
    apply(basis, 100, &delta[..], 5000, &mut made).unwrap();
    assert!(made == old);
}
