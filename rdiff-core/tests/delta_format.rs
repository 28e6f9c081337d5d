//! The delta format, byte for byte: the vectors of the format's description, and every way to be wrong.
#![allow(clippy::unwrap_used)]

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use rdiff_core::delta::{Command, DELTA_MAGIC, Decoder, DeltaError, apply, encode};

fn stream(commands: &[u8]) -> Vec<u8> {
    [&DELTA_MAGIC, commands].concat()
}

fn patch(basis: &[u8], commands: &[u8], limit: u64) -> Result<Vec<u8>, DeltaError> {
    let mut out = Vec::new();
    let len = apply(basis, basis.len() as u64, &stream(commands)[..], limit, &mut out)?;
    assert_eq!(len, out.len() as u64);
    Ok(out)
}

/// The error for these commands on a basis of 20 bytes, with a limit of 100.
fn refusal(commands: &[u8]) -> DeltaError {
    patch(&[b'b'; 20], commands, 100).unwrap_err()
}

/// Gives one byte at a time, and is interrupted before each.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.0.read(&mut buf[..1])
    }
}

#[test]
fn the_vectors_of_the_format() {
    let basis: Vec<u8> = (0..20_000u32).map(|i| (i * 7 % 251) as u8).collect();
    let literal_128 = [&[0x41, 0x80][..], &[b'z'; 128], &[0]].concat();
    let cases: [(&[u8], Vec<u8>); 7] = [
        (b"\x06hello\n\0", b"hello\n".to_vec()),
        (&[0x45, 0, 0x14, 0], basis[..20].to_vec()),
        (&[0x46, 0, 0x4d, 0xa0, 0], basis[..19_872].to_vec()),
        (&literal_128, vec![b'z'; 128]),
        (&[0], vec![]),
        // Wider parameters than needed are accepted.
        (&[0x54, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0], basis[3..5].to_vec()),
        (b"\x44\0\0\0\0\0\0\0\x02hi\0", b"hi".to_vec()),
    ];
    for (commands, expected) in cases {
        assert_eq!(patch(&basis, commands, 100_000).unwrap(), expected, "{commands:02x?}");
    }
}

#[test]
fn every_width_of_every_command() {
    let basis: Vec<u8> = (0..100).collect();
    for op in 0x41..=0x54u8 {
        let mut commands = vec![op];
        if op < 0x45 {
            commands.extend_from_slice(&5u64.to_be_bytes()[8 - (1 << (op - 0x41))..]);
            commands.extend_from_slice(b"12345");
        } else {
            commands.extend_from_slice(&33u64.to_be_bytes()[8 - (1 << ((op - 0x45) / 4))..]);
            commands.extend_from_slice(&5u64.to_be_bytes()[8 - (1 << ((op - 0x45) % 4))..]);
        }
        commands.push(0);
        let expected = if op < 0x45 { b"12345" } else { &basis[33..38] };
        assert_eq!(patch(&basis, &commands, 100).unwrap(), expected, "{op:#x}");
    }
}

#[test]
fn a_wrong_magic() {
    for wrong in [&b"rs\x016\0"[..], b"\x1f\x8b\x08\0\0", b"rs\x026"] {
        let error = apply(&b""[..], 0, wrong, 9, &mut io::sink()).unwrap_err();
        match wrong.len() {
            4 => assert!(matches!(error, DeltaError::Truncated), "{error}"),
            _ => assert!(matches!(error, DeltaError::BadMagic), "{error}"),
        }
    }
}

#[test]
fn a_delta_cut_anywhere_is_truncated() {
    let basis = [b'a'; 300];
    let whole = stream(b"\x03abc\x41\x04wxyz\x45\x00\x14\x4a\x00\x64\x00\xc8\x42\x00\x02hi\x00");
    let mut out = Vec::new();
    apply(&basis[..], 300, &whole[..], 1000, &mut out).unwrap();
    assert_eq!(out.len(), 3 + 4 + 20 + 200 + 2);
    for cut in 0..whole.len() {
        let error = apply(&basis[..], 300, &whole[..cut], 1000, &mut io::sink()).unwrap_err();
        assert!(matches!(error, DeltaError::Truncated), "cut at {cut}: {error}");
    }
}

#[test]
fn every_reserved_opcode() {
    for op in 0x55..=0xff {
        assert!(matches!(refusal(&[op, 0, 0, 0]), DeltaError::BadOpcode(o) if o == op));
    }
}

#[test]
fn length_zero() {
    let zero = [
        &[0x41, 0, 0][..],
        &[0x42, 0, 0, 0],
        &[0x43, 0, 0, 0, 0, 0],
        &[0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x45, 1, 0, 0],
        &[0x4a, 0, 1, 0, 0, 0],
    ];
    for commands in zero {
        assert!(matches!(refusal(commands), DeltaError::ZeroLength), "{commands:02x?}");
    }
}

#[test]
fn parameters_of_2_to_the_63() {
    let long = [
        &b"\x44\x80\0\0\0\0\0\0\0"[..],
        b"\x54\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
        b"\x54\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0",
        b"\x54\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        // Each is small enough, their sum is not.
        b"\x54\x7f\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
    ];
    for commands in long {
        assert!(matches!(refusal(commands), DeltaError::TooLong), "{commands:02x?}");
        let error = Decoder::new(&stream(commands)[..]).next_command().unwrap_err();
        assert!(matches!(error, DeltaError::TooLong), "{commands:02x?}");
    }
}

#[test]
fn a_copy_outside_the_basis() {
    for (offset, len) in [(0, 21), (20, 1), (19, 2), (255, 1)] {
        match refusal(&[0x45, offset, len, 0]) {
            DeltaError::OutOfBasis { offset: o, len: l, basis: 20 } => {
                assert_eq!((o, l), (offset.into(), len.into()));
            }
            error => panic!("{offset} {len}: {error}"),
        }
    }
    assert_eq!(patch(&[1; 20], &[0x45, 19, 1, 0x45, 0, 20, 0], 100).unwrap().len(), 21);
}

#[test]
fn the_limit_is_exact_and_nothing_is_written_beyond_it() {
    let basis = [b'b'; 20];
    let commands = [0x45, 0, 20, 0x45, 0, 20, 2, b'x', b'y', 0];
    assert_eq!(patch(&basis, &commands, 42).unwrap().len(), 42);
    for limit in 0..42 {
        let mut out = Vec::new();
        let error = apply(&basis[..], 20, &stream(&commands)[..], limit, &mut out).unwrap_err();
        assert!(matches!(error, DeltaError::OutputTooLarge { limit: l } if l == limit));
        assert!(out.len() as u64 <= limit);
    }
    // A literal of 2^62 bytes is refused before it is read, and nothing is allocated for it.
    assert!(matches!(refusal(b"\x44\x40\0\0\0\0\0\0\0abc"), DeltaError::OutputTooLarge { limit: 100 }));
}

#[test]
fn bytes_after_the_end_are_accepted() {
    assert_eq!(patch(b"", b"\x02hi\0 and more \xff", 10).unwrap(), b"hi");
}

#[test]
fn a_basis_that_became_shorter() {
    let delta = stream(&[0x45, 0, 20, 0]);
    let error = apply(&[0; 10][..], 20, &delta[..], 100, &mut io::sink()).unwrap_err();
    assert!(matches!(error, DeltaError::ShortFile { offset: 10, len: 20 }), "{error}");
}

#[test]
fn a_failed_write_is_told_apart_from_a_failed_read() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    let delta = stream(b"\x02hi\0");
    let error = apply(&b""[..], 0, &delta[..], 9, &mut Broken).unwrap_err();
    assert!(matches!(&error, DeltaError::Write(e) if e.kind() == io::ErrorKind::StorageFull));
    let error = apply(&b""[..], 0, Broken, 9, &mut io::sink()).unwrap_err();
    assert!(matches!(&error, DeltaError::Io(e) if e.kind() == io::ErrorKind::PermissionDenied));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn commands_can_be_read_without_their_literals() {
    let delta = stream(b"\x03abc\x45\x01\x02\x43\0\0\0\x04wxyz\0rest");
    let mut decoder = Decoder::new(Trickle(&delta, false));
    let mut commands = Vec::new();
    while let Some(command) = decoder.next_command().unwrap() {
        commands.push(command);
        if commands.len() == 3 {
            assert_eq!(decoder.literal_chunk().unwrap(), b"w");
        }
    }
    assert_eq!(
        commands,
        [Command::Literal { len: 3 }, Command::Copy { offset: 1, len: 2 }, Command::Literal { len: 4 },]
    );
    assert!(decoder.next_command().unwrap().is_none());
    assert_eq!(decoder.into_inner().0, b"rest");
}

#[test]
fn the_encoder_is_canonical() {
    let delta_of = |basis: &[u8], target: &[u8]| {
        let mut out = Vec::new();
        let (b, t) = (basis.len() as u64, target.len() as u64);
        let stats = encode(basis, b, target, t, &mut out).unwrap();
        assert_eq!(stats.delta_len, out.len() as u64);
        assert_eq!(stats.copied_bytes + stats.literal_bytes, t);
        out
    };
    assert_eq!(delta_of(b"anything", b""), stream(&[0]));
    assert_eq!(delta_of(b"", b"hello\n"), stream(b"\x06hello\n\0"));
    assert_eq!(delta_of(&[5; 20_000], &[5; 19_872]), stream(&[0x46, 0, 0x4d, 0xa0, 0]));
    let random: Vec<u8> =
        (0..70_000u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    assert_eq!(delta_of(&random, &random), stream(b"\x47\0\0\x01\x11\x70\0"));
    assert_eq!(delta_of(b"", &random[..64]), stream(&[&[64][..], &random[..64], &[0]].concat()));
    assert_eq!(delta_of(b"", &random[..65]), stream(&[&[0x41, 65][..], &random[..65], &[0]].concat()));
    let long = [&[0x42, 0xff, 0xfd][..], &random[..65_533], &[0x42, 0x11, 0x73], &random[65_533..], &[0]];
    assert_eq!(delta_of(b"", &random), stream(&long.concat()));
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_or_a_file_within_the_limit(
        mut delta in proptest::collection::vec(any::<u8>(), 0..200),
        magic in any::<bool>(), limit in 0..500u64,
    ) {
        if magic {
            delta.splice(0..0, DELTA_MAGIC);
        }
        let mut out = Vec::new();
        let result = apply(&[7; 255][..], 255, &delta[..], limit, &mut out);
        prop_assert!(out.len() as u64 <= limit);
        if let Ok(len) = result {
            prop_assert_eq!(len, out.len() as u64);
        }
    }

    /// Mostly well-formed streams go further than random bytes do; librsync is the judge.
    #[test]
    fn what_we_accept_librsync_reads_alike(
        commands in proptest::collection::vec((0..0x56u8, 0..40u8, 1..40u8), 0..12),
    ) {
        let basis: Vec<u8> = (0..60).collect();
        let mut delta = DELTA_MAGIC.to_vec();
        for (op, a, b) in commands {
            delta.push(op);
            let wide = |v: u8, log: u8| u64::from(v).to_be_bytes()[8 - (1 << log)..].to_vec();
            match op {
                1..=0x40 => delta.extend(vec![b'l'; op.into()]),
                0x41..=0x44 => {
                    delta.extend(wide(b, op - 0x41));
                    delta.extend(vec![b'l'; b.into()]);
                }
                0x45..=0x54 => {
                    delta.extend(wide(a, (op - 0x45) / 4));
                    delta.extend(wide(b, (op - 0x45) % 4));
                }
                _ => {}
            }
        }
        delta.push(0);
        let mut ours = Vec::new();
        if apply(&basis[..], 60, &delta[..], 10_000, &mut ours).is_ok() {
            let end = delta.len();
            let mut theirs = Vec::new();
            // librsync does not go on after END: give it the stream up to there.
            let used = (4..=end).find(|&n| {
                apply(&basis[..], 60, &delta[..n], 10_000, &mut io::sink()).is_ok()
            }).unwrap();
            librsync::whole::patch(&mut Cursor::new(&basis), &mut &delta[..used], &mut theirs).unwrap();
            prop_assert_eq!(ours, theirs);
        }
    }
}
