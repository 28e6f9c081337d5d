//! Deltas made, applied, composed, and exchanged with librsync.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::io::{Cursor, Read};

use librsync::SignatureType;
use librsync::whole;
use proptest::prelude::*;
use proptest::sample::Index;
use rdiff_core::delta::{
    AlignedScan, ComposeLimits, Composer, DeltaError, Encoder, Plan, PlanRange, apply, encode,
};

/// How one version of a file becomes the next.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, Vec<u8>),
    Delete(Index, Index),
    Overwrite(Index, Vec<u8>),
    Move(Index, Index, Index),
    Repeat(Index, Index, u8),
    Truncate(Index),
    Zero(Index, Index),
    Replace(Vec<u8>),
    Empty,
}

fn span(a: Index, b: Index, len: usize) -> std::ops::Range<usize> {
    let (a, b) = (a.index(len + 1), b.index(len + 1));
    a.min(b)..a.max(b)
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>) {
        let len = file.len();
        match self {
            Self::Insert(at, bytes) => {
                let at = at.index(len + 1);
                file.splice(at..at, bytes.iter().copied());
            }
            Self::Delete(a, b) => drop(file.drain(span(*a, *b, len))),
            Self::Overwrite(at, bytes) => {
                let at = at.index(len + 1);
                let end = (at + bytes.len()).min(len);
                file.splice(at..end, bytes.iter().copied());
            }
            Self::Move(a, b, to) => {
                let part: Vec<u8> = file.drain(span(*a, *b, len)).collect();
                let to = to.index(file.len() + 1);
                file.splice(to..to, part);
            }
            Self::Repeat(a, b, times) => {
                let range = span(*a, *b, len);
                let part = file[range.clone()].repeat((*times).into());
                file.splice(range.end..range.end, part);
                file.truncate(200_000);
            }
            Self::Truncate(at) => file.truncate(at.index(len + 1)),
            Self::Zero(a, b) => file[span(*a, *b, len)].fill(0),
            Self::Replace(bytes) => file.clone_from(bytes),
            Self::Empty => file.clear(),
        }
    }
}

/// Random, periodic, constant and wordy contents.
fn contents(max: usize) -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        4 => bytes.clone(),
        1 => (any::<u8>(), 0..max).prop_map(|(b, n)| vec![b; n]),
        1 => (proptest::collection::vec(any::<u8>(), 1..80), 0..max)
            .prop_map(|(p, n)| p.iter().copied().cycle().take(n).collect()),
        2 => bytes.prop_map(|bytes| bytes.iter().flat_map(|b| WORDS[usize::from(b % 8)]).copied().collect()),
    ]
}

const WORDS: [&[u8]; 8] =
    [b"mirror ", b"increment\n", b"a", b"\0\0\0\0\0\0\0\0", b"session ", b"the ", b", ", b"regress "];

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), contents(300)).prop_map(|(a, b)| Edit::Insert(a, b)),
        2 => (at(), at()).prop_map(|(a, b)| Edit::Delete(a, b)),
        3 => (at(), contents(300)).prop_map(|(a, b)| Edit::Overwrite(a, b)),
        3 => (at(), at(), at()).prop_map(|(a, b, c)| Edit::Move(a, b, c)),
        1 => (at(), at(), 1..4u8).prop_map(|(a, b, n)| Edit::Repeat(a, b, n)),
        1 => at().prop_map(Edit::Truncate),
        1 => (at(), at()).prop_map(|(a, b)| Edit::Zero(a, b)),
        1 => contents(3000).prop_map(Edit::Replace),
        1 => Just(Edit::Empty),
    ]
}

/// Versions of a file, the first any contents and each next an edit of the one before.
fn history(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let edits = proptest::collection::vec(proptest::collection::vec(edit(), 0..4), 1..most);
    (contents(6000), edits).prop_map(|(first, edits)| {
        let mut versions = vec![first];
        for step in edits {
            let mut next = versions[versions.len() - 1].clone();
            step.iter().for_each(|edit| edit.apply(&mut next));
            versions.push(next);
        }
        versions
    })
}

fn delta_of(basis: &[u8], target: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(basis, basis.len() as u64, target, target.len() as u64, &mut out).unwrap();
    out
}

fn scanned_delta_of(encoder: &mut Encoder, basis: &[u8], target: &[u8], piece: usize) -> Vec<u8> {
    let mut scan = AlignedScan::new(target.len() as u64);
    for (i, new) in basis.chunks(piece).enumerate() {
        let at = (i * piece).min(target.len());
        let old = &target[at..(at + piece).min(target.len())];
        scan.feed((i * piece) as u64, new, old);
    }
    let mut out = Vec::new();
    let lens = (basis.len() as u64, target.len() as u64);
    let stats = encoder.encode_with(scan, basis, lens.0, target, lens.1, &mut out).unwrap();
    assert_eq!(stats.delta_len, out.len() as u64);
    out
}

fn patched(basis: &[u8], delta: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    apply(basis, basis.len() as u64, delta, 1 << 30, &mut out).unwrap();
    out
}

fn composed(base: &[u8], deltas: &[Vec<u8>], limits: ComposeLimits) -> Result<Plan, DeltaError> {
    let mut composer = Composer::new(limits, tempfile::tempfile);
    for delta in deltas.iter().rev() {
        composer.push(&delta[..], 1 << 20)?;
    }
    composer.finish(base.len() as u64)
}

fn written(plan: &Plan, base: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert_eq!(plan.write_to(base, &mut out).unwrap(), plan.len());
    assert_eq!(out.len() as u64, plan.len());
    out
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back(versions in history(3)) {
        let (new, old) = (&versions[0], &versions[versions.len() - 1]);
        let delta = delta_of(new, old);
        prop_assert_eq!(&patched(new, &delta), old);
        let all_literal = old.len() + 4 * (old.len() / 65_533 + 1) + 5;
        prop_assert!(delta.len() <= all_literal, "{} for {}", delta.len(), old.len());
        prop_assert_eq!(&patched(old, &delta_of(old, new)), new);
    }

    #[test]
    fn a_used_encoder_writes_what_a_new_one_writes(versions in history(4), piece in 1..9000usize) {
        let mut encoder = Encoder::new();
        for pair in versions.windows(2) {
            let [new, old] = pair else { unreachable!() };
            let mut again = Vec::new();
            encoder.encode(new, new.len() as u64, old, old.len() as u64, &mut again).unwrap();
            prop_assert_eq!(&again, &delta_of(new, old));
            let scanned = scanned_delta_of(&mut encoder, new, old, piece);
            prop_assert_eq!(&patched(new, &scanned), old);
        }
    }

    #[test]
    fn librsync_reads_what_we_write(versions in history(3)) {
        let (new, old) = (&versions[0], &versions[versions.len() - 1]);
        let mut out = Vec::new();
        whole::patch(&mut Cursor::new(new), &mut &delta_of(new, old)[..], &mut out).unwrap();
        prop_assert_eq!(&out, old);
    }

    #[test]
    fn we_read_what_librsync_writes(
        versions in history(3), block in prop_oneof![Just(1usize), Just(16), Just(64), 2..3000usize],
    ) {
        let (new, old) = (&versions[0], &versions[versions.len() - 1]);
        let mut signature = Vec::new();
        whole::signature_with_options(&mut &new[..], &mut signature, block, 16, SignatureType::Blake2)
            .unwrap();
        let mut delta = Vec::new();
        whole::delta(&mut &old[..], &mut &signature[..], &mut delta).unwrap();
        prop_assert_eq!(&patched(new, &delta), old);
    }

    #[test]
    fn a_chain_composed_is_the_chain_applied(
        versions in history(7), memory in prop_oneof![Just(0usize), Just(100), Just(1 << 20)],
        read in 1..5000usize,
    ) {
        let base = &versions[0];
        let deltas: Vec<_> = versions.windows(2).map(|pair| delta_of(&pair[0], &pair[1])).collect();
        let limits = ComposeLimits { memory, ..ComposeLimits::default() };
        let plan = composed(base, &deltas, limits).unwrap();
        let wanted = &versions[versions.len() - 1];
        prop_assert_eq!(&written(&plan, base), wanted);

        let (kept, spilled) = plan.literal_bytes();
        prop_assert!(kept <= memory as u64 && kept + spilled <= wanted.len() as u64);

        let mut reader = plan.reader(&base[..]);
        let mut buf = vec![0; read];
        let mut streamed = Vec::new();
        loop {
            match reader.read(&mut buf).unwrap() {
                0 => break,
                n => streamed.extend_from_slice(&buf[..n]),
            }
        }
        prop_assert_eq!(&streamed, wanted);
    }

    /// Deltas that belong to other files, or are damaged: both ways agree, or both refuse.
    #[test]
    fn damaged_chains_are_refused_alike(
        mut versions in history(5), swap in any::<Index>(),
        damage in proptest::option::of((any::<Index>(), any::<Index>(), any::<u8>())),
    ) {
        let mut deltas: Vec<_> =
            versions.windows(2).map(|pair| delta_of(&pair[0], &pair[1])).collect();
        let other = swap.index(versions.len());
        versions.swap(0, other);
        if let Some((which, at, byte)) = damage {
            let delta = which.get(&deltas).clone();
            let mut delta = delta;
            let at = at.index(delta.len());
            delta[at] = byte;
            let which = which.index(deltas.len());
            deltas[which] = delta;
        }
        let base = versions[0].clone();
        let one_by_one = deltas.iter().try_fold(base.clone(), |file, delta| {
            let mut out = Vec::new();
            apply(&file, file.len() as u64, &delta[..], 1 << 20, &mut out).map(|_| out)
        });
        match (one_by_one, composed(&base, &deltas, ComposeLimits::default())) {
            (Ok(expected), Ok(plan)) => prop_assert_eq!(written(&plan, &base), expected),
            (Err(_), Err(_)) => {}
            (a, b) => prop_assert!(false, "{:?} {:?}", a.map(|f| f.len()), b),
        }
    }
}

#[test]
fn a_chain_keeps_only_the_literals_that_are_wanted() {
    let base = vec![1; 50_000];
    let middle: Vec<u8> = (0..50_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let deltas = [delta_of(&base, &middle), delta_of(&middle, &middle[300..340])];
    let plan = composed(&base, &deltas, ComposeLimits::default()).unwrap();
    assert_eq!(plan.ranges().collect::<Vec<_>>(), [PlanRange::Literal { offset: 0, len: 40 }]);
    assert_eq!(plan.literal_bytes(), (40, 0));
    assert_eq!(written(&plan, &base), &middle[300..340]);
}

#[test]
fn commands_that_make_nothing_wanted_take_no_range() {
    let scattered: Vec<u8> = (0..100).flat_map(|i| [0x45, 2 * i, 1]).collect();
    let first = [&b"rs\x026"[..], &scattered, &[0]].concat();
    let deltas = [first, b"rs\x026\x45\x32\x01\0".to_vec()];
    let base: Vec<u8> = (0..200).collect();
    let plan = composed(&base, &deltas, ComposeLimits { memory: 0, ranges: 1 }).unwrap();
    assert_eq!(written(&plan, &base), [100]);
}

#[test]
fn no_delta_at_all_is_the_base() {
    let plan = composed(b"base", &[], ComposeLimits::default()).unwrap();
    assert_eq!(written(&plan, b"base"), b"base");
    assert!(composed(b"", &[], ComposeLimits::default()).unwrap().is_empty());
}

#[test]
fn a_chain_that_multiplies_is_stopped() {
    // Each delta repeats its basis twice, in halves that cannot be joined: 2^n ranges.
    let double = |len: u8| [&b"rs\x026"[..], &[0x45, 1, len - 1, 0x45, 0, len, 0]].concat();
    let mut deltas = vec![b"rs\x026\x45\0\x02\x45\0\x01\x01x\0".to_vec()];
    let mut len = 4;
    while len < 120 {
        deltas.push(double(len));
        len = 2 * len - 1;
    }
    let base = b"ab";
    let plan = composed(base, &deltas, ComposeLimits::default()).unwrap();
    let expected = deltas.iter().fold(base.to_vec(), |file, delta| patched(&file, delta));
    assert_eq!(written(&plan, base), expected);
    let most = plan.ranges().len();
    let limited = |ranges| composed(base, &deltas, ComposeLimits { ranges, memory: 1000 });
    assert_eq!(limited(most).unwrap().len(), plan.len());
    assert!(matches!(
        limited(most - 1).unwrap_err(),
        DeltaError::TooManyRanges { limit } if limit == most - 1
    ));
}

#[test]
fn each_step_of_a_chain_has_its_own_limit() {
    let mut composer = Composer::new(ComposeLimits::default(), tempfile::tempfile);
    composer.push(&b"rs\x026\x45\0\x05\0"[..], 5).unwrap();
    let error = composer.push(&b"rs\x026\x45\0\x0a\0"[..], 9).unwrap_err();
    assert!(matches!(error, DeltaError::OutputTooLarge { limit: 9 }));
}

#[test]
fn a_chain_that_does_not_fit_together_is_refused() {
    let mut composer = Composer::new(ComposeLimits::default(), tempfile::tempfile);
    composer.push(&b"rs\x026\x45\x03\x05\0"[..], 100).unwrap();
    let error = composer.push(&b"rs\x026\x07seven!!\0"[..], 100).unwrap_err();
    assert!(matches!(error, DeltaError::OutOfBasis { offset: 3, len: 5, basis: 7 }), "{error}");

    let mut composer = Composer::new(ComposeLimits::default(), tempfile::tempfile);
    composer.push(&b"rs\x026\x45\x03\x05\0"[..], 100).unwrap();
    let error = composer.finish(7).unwrap_err();
    assert!(matches!(error, DeltaError::OutOfBasis { offset: 3, len: 5, basis: 7 }), "{error}");
}

#[test]
fn the_spill_file_is_made_only_when_needed() {
    let calls = Cell::new(0);
    let spill = || {
        calls.set(calls.get() + 1);
        tempfile::tempfile()
    };
    let random: Vec<u8> = (0..900_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let delta = delta_of(b"", &random);
    for (memory, expected) in [(900_000, 0), (899_999, 1), (0, 1)] {
        calls.set(0);
        let limits = ComposeLimits { memory, ranges: 1 };
        let mut composer = Composer::new(limits, spill);
        composer.push(&delta[..], 1 << 20).unwrap();
        let plan = composer.finish(0).unwrap();
        assert_eq!(calls.get(), expected);
        assert_eq!(plan.literal_bytes(), (memory as u64, 900_000 - memory as u64));
        assert!(written(&plan, b"") == random);
    }
}
