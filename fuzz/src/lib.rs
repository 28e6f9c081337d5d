//! Functions of bytes that must not panic. libFuzzer runs them on what it invents, `cargo test` on the corpus.

use rdiff_core::delta::{ComposeLimits, Composer, apply, encode};
use rdiff_core::format::attrs::{RecordParser, write_record};
use rdiff_core::format::index::IndexReader;
use rdiff_core::format::names::{TimeStyle, TimedName};
use rdiff_core::format::quote::{Quoting, quote_octal, quote_record, unquote_octal, unquote_record};
use rdiff_core::format::record::{ATTRIBUTE_MARKER, METADATA_MARKER, RecordReader};
use rdiff_core::format::{acls, xattrs};
use rdiff_core::time::{SessionTime, TimeSeparator, TimeSpec, Zone};
use rdiff_core::tree::select::{Rule, Selection, Sense};
use rdiff_mount::fstab::Fstab;
use rdiff_mount::location::Location;
use std::os::unix::ffi::OsStrExt;

/// A target: its name, which is also that of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("metadata", metadata),
    ("names", names),
    ("quoting", quoting),
    ("delta", delta),
    ("delta_round_trip", delta_round_trip),
    ("compose", compose),
    ("attributes", attributes),
    ("index", index),
    ("times", times),
    ("selection", selection),
    ("fstab", fstab),
    ("locations", locations),
    ("arguments", arguments),
];

/// Records of metadata: what was read is written the same.
pub fn metadata(data: &[u8]) {
    let mut reader = RecordReader::new(data, METADATA_MARKER);
    let mut parser = RecordParser::default();
    while let Ok(Some(record)) = reader.next_record() {
        if let Ok((_, Some(entry))) = parser.parse(record) {
            let mut text = Vec::new();
            write_record(&entry, &mut text);
            let again = RecordParser::default().parse(&text);
            assert!(
                matches!(again, Ok((_, Some(again))) if again.kind == entry.kind),
                "a record was not read again"
            );
        }
    }
}

/// Names with a time in them, and session times.
pub fn names(data: &[u8]) {
    if let Some(parsed) = TimedName::parse(data) {
        let times = TimeStyle { zone: Zone::utc(), separator: TimeSeparator::Dash };
        let name = times.name(parsed.base, parsed.time, parsed.kind, parsed.gzipped);
        assert_eq!(
            TimedName::parse(&name).map(|p| (p.base.to_vec(), p.time)),
            Some((parsed.base.to_vec(), parsed.time))
        );
    }
}

/// The ways to hide bytes: what was quoted is unquoted to the same.
pub fn quoting(data: &[u8]) {
    let (class, name) = data.split_at(data.len().min(8));
    let quoting = Quoting::parse(class, b"");
    let quoted = quoting.quote(name).into_owned();
    // No set of a real repository holds the slash; what dots and blanks at the end become can't be told back
    // without quoting.
    if !quoting.hides(b'/') {
        assert_eq!(&*quoting.unquote(&quoted), name);
    }
    let mut text = Vec::new();
    quote_record(name, &mut text);
    assert_eq!(&*unquote_record(&text), name);
    let mut text = Vec::new();
    quote_octal(name, &mut text);
    assert_eq!(unquote_octal(&text), name);
}

/// Deltas: never more output than allowed, and never a panic.
pub fn delta(data: &[u8]) {
    let (basis, delta) = data.split_at(data.len() / 2);
    let mut out = Vec::new();
    apply(basis, basis.len() as u64, delta, 4096, &mut out).ok();
    assert!(out.len() <= 4096);
}

/// What the encoder writes leads to the old file.
pub fn delta_round_trip(data: &[u8]) {
    let (new, old) = data.split_at(data.len() / 2);
    let mut delta = Vec::new();
    let mut out = Vec::new();
    let encoded = encode(new, new.len() as u64, old, old.len() as u64, &mut delta);
    let applied = encoded.and_then(|_| apply(new, new.len() as u64, &delta[..], old.len() as u64, &mut out));
    assert!(applied.is_ok() && out == old);
}

/// A chain of two deltas composed leads to what each applied in turn does, or both are refused.
pub fn compose(data: &[u8]) {
    const LIMIT: u64 = 4096;
    let Some((&[first, second], data)) = data.split_first_chunk() else { return };
    let (base, data) = data.split_at(data.len().min(usize::from(first)));
    let (older, newer) = data.split_at(data.len().min(usize::from(second)));
    let (mut between, mut out) = (Vec::new(), Vec::new());
    let in_turn = apply(base, base.len() as u64, newer, LIMIT, &mut between)
        .and_then(|_| apply(&between[..], between.len() as u64, older, LIMIT, &mut out));
    let mut composer =
        Composer::new(ComposeLimits::default(), || Err(std::io::ErrorKind::StorageFull.into()));
    // What stands between has no limit of its own here.
    let composed = composer.push(older, LIMIT).and_then(|()| composer.push(newer, u64::MAX));
    let plan = composed.and_then(|()| composer.finish(base.len() as u64));
    let mut written = Vec::new();
    let plan = plan.and_then(|plan| plan.write_to(&base, &mut written));
    if in_turn.is_ok() {
        assert!(plan.is_ok() && written == out, "{plan:?}");
    }
    assert!(written.len() as u64 <= LIMIT);
}

/// Texts of extended attributes and access control lists.
pub fn attributes(data: &[u8]) {
    let mut reader = RecordReader::new(data, ATTRIBUTE_MARKER);
    while let Ok(Some(record)) = reader.next_record() {
        if let Ok((path, found)) = xattrs::parse(record) {
            let mut text = Vec::new();
            xattrs::write(&path, &found, &mut text);
        }
        if let Ok((path, found)) = acls::parse(record) {
            let mut text = Vec::new();
            acls::write(&path, &found, &mut text);
        }
    }
}

/// Our side index.
pub fn index(data: &[u8]) {
    if let Ok(mut reader) = IndexReader::new(data) {
        while let Ok(Some(_)) = reader.next_entry() {}
    }
}

/// Times as people write them.
pub fn times(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        TimeSpec::parse(text, 1_700_000_000, &Zone::utc()).ok();
    }
    SessionTime::parse(data);
}

/// Selection patterns.
pub fn selection(data: &[u8]) {
    let pattern = data.to_vec();
    for rule in [
        Rule::Glob { sense: Sense::Exclude, pattern: pattern.clone() },
        Rule::Regexp { sense: Sense::Exclude, pattern },
    ] {
        Selection::build(&[rule], b"/source").ok();
    }
}

/// Any fstab keeps every byte.
pub fn fstab(data: &[u8]) {
    assert_eq!(Fstab::parse(data).to_bytes(), data);
}

/// Locations.
pub fn locations(data: &[u8]) {
    Location::parse(std::ffi::OsStr::from_bytes(data)).ok();
}

/// Command lines, one word a line: read as the current one or the older.
pub fn arguments(data: &[u8]) {
    let words = data.split(|&b| b == b'\n').map(|word| std::ffi::OsStr::from_bytes(word).to_owned());
    // `@FILE` reads from the disk.
    let words: Vec<_> = words.filter(|word| word.as_bytes().first() != Some(&b'@')).collect();
    rdiff_cli::args::parse(words.clone()).ok();
    rdiff_cli::args::parse_older(words).ok();
}
