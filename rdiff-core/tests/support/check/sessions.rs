//! Rules 1–9, 32 (`next_free`), 31 and 34: what lies directly in `rdiff-backup-data`.

use std::os::unix::ffi::OsStrExt;

use super::super::manifest::{show, sorted_names};
use super::Findings;
use super::load::{DataDirectory, Repository, is_temporary, read_file};
use super::names::{Suffix, is_well_written};

pub(super) fn check(repository: &Repository, findings: &mut Findings) {
    let data = &repository.data;
    marker(repository, findings);
    metadata_chain(repository, findings);
    suffixes(data, findings);
    companions(repository, findings);
    instants(repository, findings);
    temporaries(data, findings);
    for name in ["chars_to_quote", "special_escapes"] {
        findings.add_if(!data.others.contains(name.as_bytes()), 34, name, "is missing");
    }
}

fn marker(repository: &Repository, findings: &mut Findings) {
    let data = &repository.data;
    let newest = repository.sessions.keys().last();
    findings.add_if(
        newest != Some(&data.now),
        1,
        "current_mirror",
        "its instant is not that of the newest metadata",
    );
    for file in data.of_base("current_mirror") {
        let text = read_file(&file.path, file.name.gz).unwrap_or_default();
        let pid = text.strip_prefix(b"PID ").and_then(|t| t.strip_suffix(b"\n"));
        let good = pid.is_some_and(|p| p == b"NA" || !p.is_empty() && p.iter().all(u8::is_ascii_digit));
        findings.add_if(!good, 2, &file.shown, format!("content is {:?}", show(&text)));
        findings.add_if(file.name.suffix != Suffix::Data, 1, &file.shown, "is not .data");
    }
}

fn metadata_chain(repository: &Repository, findings: &mut Findings) {
    let mut run = 0;
    for (n, session) in repository.sessions.values().rev().enumerate() {
        let (shown, suffix) = (&session.file.shown, session.file.name.suffix);
        findings.add_if(
            !matches!(suffix, Suffix::Snapshot | Suffix::Diff),
            3,
            shown,
            "neither snapshot nor diff",
        );
        let is_diff = suffix == Suffix::Diff;
        findings.add_if(n == 0 && is_diff, 3, shown, "the newest metadata is a diff");
        run = if is_diff { run + 1 } else { 0 };
        findings.add_if(run > 8, 5, shown, format!("number {run} of a run of diffs"));
    }
}

/// The suffix tells the content: `.gz` is gzip, and an empty or (API 200) plain file is not there under that name.
fn suffixes(data: &DataDirectory, findings: &mut Findings) {
    // API 201 leaves its lock file; it alone writes plain metadata, with --no-compression
    let may_be_plain = data.others.contains(b"lock.yml".as_slice());
    for base in ["mirror_metadata", "extended_attributes", "access_control_lists"] {
        for file in data.of_base(base) {
            let bytes = std::fs::read(&file.path).unwrap_or_default();
            let packed = bytes.starts_with(b"\x1f\x8b");
            findings.add_if(packed != file.name.gz, 3, &file.shown, "the suffix does not match the content");
            let plain = !packed && !bytes.is_empty() && !may_be_plain;
            findings.add_if(plain, 3, &file.shown, "is not compressed");
            let empty = packed && read_file(&file.path, true).is_ok_and(|b| b.is_empty());
            findings.add_if(empty, 3, &file.shown, "an empty file is not compressed");
        }
    }
}

fn companions(repository: &Repository, findings: &mut Findings) {
    const BASES: [&[u8]; 4] =
        [b"extended_attributes", b"access_control_lists", b"file_statistics", b"session_statistics"];
    for file in &repository.data.files {
        let stray = BASES.contains(&&*file.name.base) && !repository.sessions.contains_key(&file.name.at);
        findings.add_if(stray, 7, &file.shown, "no metadata has this instant");
    }
}

fn instants(repository: &Repository, findings: &mut Findings) {
    let increments = repository.increments.values().flatten();
    let names = increments.clone().map(|i| (&i.name, &i.shown));
    for (name, shown) in names.chain(repository.data.files.iter().map(|f| (&f.name, &f.shown))) {
        findings.add_if(!is_well_written(&name.time), 8, shown, format!("the time {}", show(&name.time)));
    }
    for increment in increments {
        let (at, shown) = (increment.name.at, &increment.shown);
        findings.add_if(at >= repository.data.now, 9, shown, "not older than the mirror");
        let known = repository.sessions.contains_key(&at);
        findings.add_if(!known, 6, shown, "no metadata has this instant");
    }
}

fn temporaries(data: &DataDirectory, findings: &mut Findings) {
    for name in data.others.iter().filter(|n| is_temporary(n)) {
        findings.add(31, show(name), "a leftover");
    }
    let long = data.path.join("long_filename_data");
    if long.is_dir() {
        let names = sorted_names(&long);
        for name in names.iter().filter(|n| is_temporary(n)) {
            findings.add(31, format!("long_filename_data/{}", show(name)), "a leftover");
        }
        next_free(&long, &names, findings);
    }
}

/// `next_free` is above every number that any name begins with.
fn next_free(long: &std::path::Path, names: &[Vec<u8>], findings: &mut Findings) {
    let leading =
        |name: &[u8]| std::str::from_utf8(name.split(|&b| b == b'.').next()?).ok()?.parse::<u64>().ok();
    let highest = names.iter().filter_map(|n| leading(n)).max();
    let text = std::fs::read(long.join("next_free")).unwrap_or_default();
    let next = std::str::from_utf8(&text).ok().and_then(|t| t.parse::<u64>().ok());
    let what = std::ffi::OsStr::from_bytes(&text).display().to_string();
    findings.add_if(
        next.is_none() || highest >= next,
        32,
        "next_free",
        format!("{what:?}, highest {highest:?}"),
    );
}
