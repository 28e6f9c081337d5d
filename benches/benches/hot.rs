//! The functions in which a backup spends its processor time, each alone: `cargo bench -p rdiff-benches`.
#![allow(clippy::unwrap_used, reason = "what is measured is known to work")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use rdiff_core::delta::{ComposeLimits, Composer, Encoder, apply};
use rdiff_core::entry::{Attrs, Digest, Entry, File, Kind, Name, Precise};
use rdiff_core::format::attrs::{RecordParser, write_record};
use rdiff_core::format::index::{IndexReader, IndexWriter};
use rdiff_core::format::record::{METADATA_MARKER, RecordReader};
use rdiff_core::path::RepoPathBuf;
use rdiff_core::repo::pieces::compress;
use rdiff_core::repo::put::digest_of;

const FILES: u64 = 1000;

fn main() {
    divan::main();
}

fn entries() -> Vec<Entry> {
    let root = Name::from(&b"root"[..]);
    let entry = |i: u64| {
        let path = RepoPathBuf::new(format!("usr/share/doc/package-{:04}/file-{i:06}.txt", i / 20)).unwrap();
        let digest = Some(Digest([(i * 37 % 251) as u8; 20]));
        let attrs = Attrs {
            mtime: Some(1_700_000_000 + i as i64),
            uname: Some(root.clone()),
            gname: Some(root.clone()),
            mode: 0o644,
            ..Attrs::default()
        };
        let mut entry = Entry::new(path, Kind::File(File { size: i * 97, digest, link: None }), attrs);
        entry.precise = Some(Precise {
            mtime: (1_700_000_000 + i as i64, 123_456_789),
            unchanged_while: None,
            names: None,
        });
        entry
    };
    (0..FILES).map(entry).collect()
}

fn metadata() -> Vec<u8> {
    let mut text = Vec::new();
    entries().iter().for_each(|entry| write_record(entry, &mut text));
    text
}

/// Bytes that don't compress, the same on every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8)).flat_map(|_| next()).take(len).collect()
}

#[divan::bench]
fn read_records(bencher: Bencher<'_, '_>) {
    let text = metadata();
    bencher.counter(ItemsCount::new(FILES)).bench(|| {
        let (mut reader, mut parser) =
            (RecordReader::new(&text[..], METADATA_MARKER), RecordParser::default());
        while let Some(record) = reader.next_record().unwrap() {
            black_box(parser.parse(record).unwrap());
        }
    });
}

#[divan::bench]
fn write_records(bencher: Bencher<'_, '_>) {
    let entries = entries();
    let mut text = Vec::new();
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| {
        text.clear();
        entries.iter().for_each(|entry| write_record(entry, &mut text));
        black_box(text.len())
    });
}

#[divan::bench]
fn read_index(bencher: Bencher<'_, '_>) {
    let (mut text, mut writer) = (Vec::new(), IndexWriter::default());
    IndexWriter::head(None, &mut text);
    for entry in entries() {
        writer.entry(entry.path.as_path(), entry.precise.as_ref(), &mut text);
    }
    bencher.counter(ItemsCount::new(FILES)).bench(|| {
        let mut reader = IndexReader::new(&text[..]).unwrap();
        while let Some(entry) = reader.next_entry().unwrap() {
            black_box(entry);
        }
    });
}

#[divan::bench(args = [1, 2, 6])]
fn compress_metadata(bencher: Bencher<'_, '_>, level: u32) {
    let text = metadata();
    bencher.counter(BytesCount::of_slice(&text)).bench(|| compress(black_box(&text), level).unwrap());
}

#[divan::bench(args = [2 << 10, 1 << 20])]
fn sha1(bencher: Bencher<'_, '_>, len: usize) {
    let bytes = noise(len);
    bencher.counter(BytesCount::new(len)).bench(|| digest_of(black_box(&bytes)));
}

/// A file of 1 MiB in which 16 blocks of 4 KiB differ, or before which a KiB was inserted.
fn versions(inserted: bool) -> (Vec<u8>, Vec<u8>) {
    let old = noise(1 << 20);
    let mut new = old.clone();
    if inserted {
        new.splice(5000..5000, noise(1024));
    } else {
        for block in 0..16 {
            new[block * 65536..block * 65536 + 4096].fill(block as u8);
        }
    }
    (new, old)
}

#[divan::bench(args = [false, true])]
fn encode_delta(bencher: Bencher<'_, '_>, inserted: bool) {
    let (basis, target) = versions(inserted);
    let mut encoder = Encoder::new();
    bencher.counter(BytesCount::of_slice(&target)).bench_local(|| {
        let mut delta = Vec::new();
        encoder.encode(&basis[..], basis.len() as u64, &target[..], target.len() as u64, &mut delta).unwrap();
        delta
    });
}

#[divan::bench]
fn apply_delta(bencher: Bencher<'_, '_>) {
    let (basis, target) = versions(true);
    let mut delta = Vec::new();
    Encoder::new()
        .encode(&basis[..], basis.len() as u64, &target[..], target.len() as u64, &mut delta)
        .unwrap();
    bencher.counter(BytesCount::of_slice(&target)).bench(|| {
        let mut out = Vec::with_capacity(target.len());
        apply(&basis[..], basis.len() as u64, &delta[..], target.len() as u64, &mut out).unwrap();
        out
    });
}

/// A chain of fifty deltas becomes one plan.
#[divan::bench]
fn compose_fifty(bencher: Bencher<'_, '_>) {
    let (basis, target) = versions(false);
    let mut delta = Vec::new();
    Encoder::new()
        .encode(&basis[..], basis.len() as u64, &target[..], target.len() as u64, &mut delta)
        .unwrap();
    let limits = || ComposeLimits { memory: 64 << 20, ranges: 1 << 20 };
    bencher.counter(ItemsCount::new(50u32)).bench(|| {
        let mut composer = Composer::new(limits(), || Err(std::io::Error::other("it fits in memory")));
        for _ in 0..50 {
            composer.push(&delta[..], target.len() as u64).unwrap();
        }
        composer.finish(basis.len() as u64).unwrap().ranges().len()
    });
}
