//! Measures the delta encoder: `delta_speed DIR [MIB [WORKLOAD]]`, files of up to MIB (2048)
//! made in DIR; the workloads are tiny, image, database, moves, pathological and text.
//!
//! For each workload: the size of the delta, the processor time to make it, and whether it is right. The old
//! file is the target, so MB/s are of the old file; both are in the page cache after being written.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rdiff_core::delta::{AlignedScan, Encoder, apply};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// Seconds of processor time, since other work on the machine must not count.
struct Clock(f64);

impl Clock {
    fn now() -> f64 {
        let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        spent.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN) / 1e9
    }

    fn start() -> Self {
        Self(Self::now())
    }

    fn seconds(&self) -> f64 {
        Self::now() - self.0
    }
}

/// A small generator (xorshift): the same bytes on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn fill(&mut self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes);
        bytes
    }
}

struct Pair {
    old: File,
    new: File,
}

impl Pair {
    /// Two files of the same random contents, `len` bytes.
    fn same(dir: &Path, len: u64) -> Outcome<Self> {
        let pair = Self::empty(dir)?;
        let mut random = Random(42);
        let mut buf = vec![0; MIB as usize];
        for at in (0..len).step_by(buf.len()) {
            random.fill(&mut buf);
            let n = (len - at).min(MIB) as usize;
            pair.old.write_all_at(&buf[..n], at)?;
            pair.new.write_all_at(&buf[..n], at)?;
        }
        Ok(pair)
    }

    fn empty(dir: &Path) -> Outcome<Self> {
        let open =
            |name| File::options().read(true).write(true).create(true).truncate(true).open(dir.join(name));
        Ok(Self { old: open("old")?, new: open("new")? })
    }

    /// Replaces the new file by pieces of the old one and of random bytes: (offset, length).
    fn rebuild(&self, pieces: &[Result<(u64, u64), u64>]) -> Outcome {
        self.new.set_len(0)?;
        (&self.new).rewind()?;
        let mut out = BufWriter::with_capacity(1 << 20, &self.new);
        let mut random = Random(7);
        let mut buf = vec![0; MIB as usize];
        for piece in pieces {
            match *piece {
                Ok((mut at, mut len)) => {
                    while len > 0 {
                        let n = len.min(MIB);
                        self.old.read_exact_at(&mut buf[..n as usize], at)?;
                        out.write_all(&buf[..n as usize])?;
                        (at, len) = (at + n, len - n);
                    }
                }
                Err(len) => out.write_all(&random.bytes(len))?,
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// Compares what is written with a file.
struct Check<R>(R);

impl<R: Read> Write for Check<R> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut expected = vec![0; buf.len()];
        self.0.read_exact(&mut expected)?;
        if expected == buf { Ok(buf.len()) } else { Err(io::Error::other("the delta is wrong")) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn measure(name: &str, pair: &Pair, changed: u64) -> Outcome {
    let (old_len, new_len) = (pair.old.metadata()?.len(), pair.new.metadata()?.len());
    let mut encoder = Encoder::new();
    let start = Clock::start();
    let stats = encoder.encode(&pair.new, new_len, &pair.old, old_len, &mut io::sink())?;
    let spent = start.seconds();

    let fed = scan(pair, old_len, new_len)?;
    let ranges = fed.count();
    let start = Clock::start();
    let scanned = encoder.encode_with(fed, &pair.new, new_len, &pair.old, old_len, &mut io::sink())?;
    let with = start.seconds();

    let mut delta = Vec::new();
    encoder.encode(&pair.new, new_len, &pair.old, old_len, &mut delta)?;
    let applied = check(pair, &delta)?;
    delta.clear();
    let fed = scan(pair, old_len, new_len)?;
    encoder.encode_with(fed, &pair.new, new_len, &pair.old, old_len, &mut delta)?;
    check(pair, &delta)?;
    println!(
        "{name:24} old {:7.1} MB  {spent:6.3} s {:6.0} MB/s  delta {:>10} B{}  {} copies  \
         scanned ({ranges} ranges): {with:6.3} s {:>10} B  apply {applied:.3} s",
        old_len as f64 / 1e6,
        old_len as f64 / 1e6 / spent,
        stats.delta_len,
        match changed {
            0 => String::new(),
            n => format!(" = {:.3} x changed", stats.delta_len as f64 / n as f64),
        },
        stats.copies,
        scanned.delta_len,
    );
    Ok(())
}

/// Applies a delta, compares the result with the old file, and says how long that took.
fn check(pair: &Pair, delta: &[u8]) -> Outcome<f64> {
    let start = Clock::start();
    let (old_len, new_len) = (pair.old.metadata()?.len(), pair.new.metadata()?.len());
    (&pair.old).rewind()?;
    let len = apply(&pair.new, new_len, delta, old_len, &mut Check(&pair.old))?;
    assert_eq!(len, old_len);
    Ok(start.seconds())
}

/// What a backup does while it copies the new file.
fn scan(pair: &Pair, old_len: u64, new_len: u64) -> Outcome<AlignedScan> {
    let mut scan = AlignedScan::new(old_len);
    let (mut new, mut old) = (vec![0; 128 << 10], vec![0; 128 << 10]);
    let mut at = 0;
    while at < new_len {
        let n = pair.new.read_at(&mut new, at)?;
        let m = if at < old_len { pair.old.read_at(&mut old[..n], at)? } else { 0 };
        scan.feed(at, &new[..n], &old[..m]);
        at += n as u64;
    }
    Ok(scan)
}

/// 1 % of the blocks of 4 KiB overwritten.
fn image(dir: &Path, len: u64) -> Outcome {
    let pair = Pair::same(dir, len)?;
    let mut random = Random(1);
    let blocks = len / PAGE / 100;
    for _ in 0..blocks {
        let at = random.below(len / PAGE) * PAGE;
        pair.new.write_all_at(&random.bytes(PAGE), at)?;
    }
    measure("image, 1 % of blocks", &pair, blocks * PAGE)
}

/// Pages with changed cells, shifted cells and moved pages: about a tenth differs.
fn database(dir: &Path, len: u64) -> Outcome {
    let pair = Pair::same(dir, len)?;
    let mut random = Random(2);
    let mut changed = 0;
    while changed < len / 11 {
        let n = 64 * (1 + random.below(8));
        let at = random.below((len - n) / 64) * 64;
        pair.new.write_all_at(&random.bytes(n), at)?;
        changed += n;
    }
    let mut page = vec![0; PAGE as usize];
    for i in 0..len / PAGE / 70 {
        let from = random.below(len / PAGE) * PAGE;
        let to = random.below(len / PAGE) * PAGE;
        pair.old.read_exact_at(&mut page, from)?;
        if i % 2 == 0 {
            page.rotate_right(100);
        }
        pair.new.write_all_at(&page, to)?;
        changed += PAGE;
    }
    measure("database", &pair, changed)
}

fn moves(dir: &Path, len: u64) -> Outcome {
    let pair = Pair::same(dir, len)?;
    pair.rebuild(&[Ok((0, 5000)), Err(MIB), Ok((5000, len - 5000))])?;
    measure("1 MiB inserted", &pair, 0)?;
    pair.rebuild(&[Ok((0, len)), Err(16 * MIB)])?;
    measure("16 MiB appended", &pair, 0)?;
    pair.rebuild(&[Ok((0, len - 16 * MIB))])?;
    measure("16 MiB cut off", &pair, 16 * MIB)?;
    let third = len / 3;
    let inserts = [Ok((0, 9)), Err(100), Ok((9, third)), Err(77), Ok((9 + third, third)), Err(3333)];
    pair.rebuild(&[&inserts[..], &[Ok((9 + 2 * third, len - 9 - 2 * third))]].concat())?;
    measure("three inserts", &pair, 0)?;
    pair.rebuild(&[Ok((third, third)), Ok((0, third)), Ok((2 * third, len - 2 * third))])?;
    measure("thirds swapped", &pair, 0)?;
    pair.rebuild(&[Ok((0, 8 * MIB)), Ok((9 * MIB, len - 9 * MIB)), Err(MIB)])?;
    measure("ring, 1 MiB gone", &pair, MIB)?;
    pair.rebuild(&[Err(len)])?;
    measure("unrelated", &pair, len)
}

fn pathological(dir: &Path, len: u64) -> Outcome {
    let pair = Pair::empty(dir)?;
    let fill = |file: &File, pattern: &[u8], len: u64| -> Outcome {
        let chunk = pattern.repeat((MIB as usize).div_ceil(pattern.len()));
        file.set_len(0)?;
        let mut at = 0;
        while at < len {
            let n = (chunk.len() as u64).min(len - at) as usize;
            file.write_all_at(&chunk[..n], at)?;
            at += n as u64;
        }
        Ok(())
    };
    fill(&pair.old, &[0], len)?;
    fill(&pair.new, &[0], len / 2)?;
    measure("zeros from half", &pair, 0)?;
    fill(&pair.new, &[1], len)?;
    measure("zeros from ones", &pair, 0)?;
    fill(&pair.old, b"abcdefg", len)?;
    fill(&pair.new, b"gabcdefgxx", len)?;
    measure("periods 7 and 10", &pair, 0)?;
    fill(&pair.old, &Random(3).bytes(5000), len)?;
    fill(&pair.new, &Random(3).bytes(5001), len)?;
    measure("periods 5000 and 5001", &pair, 0)
}

fn text(dir: &Path, len: u64) -> Outcome {
    let pair = Pair::empty(dir)?;
    let text: Vec<u8> = lines(9, len);
    pair.old.write_all_at(&text, 0)?;
    pair.new.write_all_at(&lines(11, len), 0)?;
    measure("text, few words", &pair, 0)
}

/// Lines of words from a short list.
fn lines(seed: u64, len: u64) -> Vec<u8> {
    let words = ["GET ", "/index.html ", "200 ", "192.168.1.", "Mozilla/5.0 ", "\n", "[22/Nov/2026:22:10:0"];
    let mut random = Random(seed);
    let mut out = Vec::with_capacity(len as usize + 32);
    while (out.len() as u64) < len {
        out.extend_from_slice(words[random.below(7) as usize].as_bytes());
        write!(out, "{}", random.below(256)).ok();
    }
    out.truncate(len as usize);
    out
}

/// Many small files with one encoder: what a call costs.
fn tiny() -> Outcome {
    let mut encoder = Encoder::new();
    for len in [100, 2000, 16 << 10, 60 << 10] {
        let old = lines(5, len);
        for kind in ["line changed", "line inserted", "replaced"] {
            let mut new = old.clone();
            let at = len as usize / 2;
            match kind {
                "line changed" => new[at..at + 20].fill(b'x'),
                "line inserted" => drop(new.splice(at..at, *b"a new line of text\n")),
                _ => Random(8).fill(&mut new),
            }
            let rounds = 400_000_000 / (len + 2000);
            let mut delta = Vec::new();
            let start = Clock::start();
            for _ in 0..rounds {
                delta.clear();
                encoder.encode(&new, new.len() as u64, &old, old.len() as u64, &mut delta)?;
            }
            let each = start.seconds() * 1e6 / rounds as f64;
            println!("{len:6} B, {kind:14} {each:8.2} µs  delta {} B", delta.len());
        }
    }
    Ok(())
}

fn main() -> Outcome {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().ok_or("usage: delta_speed DIR [MIB]")?;
    let dir = Path::new(&dir);
    let mib: u64 = args.next().and_then(|n| n.to_str()?.parse().ok()).unwrap_or(2048);
    let only = args.next();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    if wanted("tiny") {
        tiny()?;
    }
    if wanted("image") {
        image(dir, mib * MIB)?;
    }
    if wanted("database") {
        database(dir, 272.min(mib) * MIB)?;
    }
    if wanted("moves") {
        moves(dir, mib * MIB)?;
    }
    if wanted("pathological") {
        pathological(dir, (mib / 4).max(1) * MIB)?;
    }
    if wanted("text") {
        text(dir, (mib / 4).max(1) * MIB)?;
    }
    for name in ["old", "new"] {
        std::fs::remove_file(dir.join(name)).ok();
    }
    Ok(())
}
