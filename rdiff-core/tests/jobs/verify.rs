//! What is damaged is found and named, and nothing else.

use super::support::golden::{self, Golden};
use super::support::is_root;
use super::support::manifest::{Kind, Manifest, sorted_names};
use super::support::real::Real;
use super::{files_below, open, write_at};
use rdiff_core::error::Error;
use rdiff_core::monitor::{Recorder, Silent};
use rdiff_core::status::status;
use rdiff_core::time::SessionTime;
use rdiff_core::verify::{VerifyReport, VerifyRequest, Why, verify};
use std::collections::BTreeSet;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

fn our_verify(repo: &Path, request: &VerifyRequest) -> VerifyReport {
    let before = Manifest::scan(repo);
    let report = verify(&open(repo), request, &Recorder::default()).unwrap();
    let after = Manifest::scan(repo);
    assert!(before == after, "verify wrote something");
    report
}

fn files_of(manifest: &Manifest) -> u64 {
    manifest.records.values().filter(|r| matches!(r.kind, Kind::Reg { .. })).count() as u64
}

#[test]
fn golden_repositories_are_good_at_every_session() {
    if !is_root("jobs") {
        return;
    }
    for name in golden::names() {
        let golden = Golden::unpack(&name);
        let all = match verify(&open(&golden.repo()), &VerifyRequest::new(None), &Silent) {
            Err(Error::NoSuchSession { .. }) if golden.sessions.is_empty() => continue,
            other => other.unwrap(),
        };
        assert!(all.is_good() && all.no_digest == 0, "{name}: {all:?}");
        assert_eq!(all.files, golden.sessions.values().map(files_of).sum::<u64>(), "{name}");
        for (batch, in_memory) in [(1, 0), (3, 8 << 20), (2, 100)] {
            let request = VerifyRequest { batch, in_memory, ..VerifyRequest::new(None) };
            let batched = verify(&open(&golden.repo()), &request, &Silent).unwrap();
            assert!(batched.is_good() && batched.files == all.files, "{name}: {batched:?}");
        }
        let (&oldest, manifest) = golden.sessions.first_key_value().unwrap();
        let one = our_verify(&golden.repo(), &VerifyRequest::new(Some(SessionTime(oldest))));
        assert!(one.is_good() && one.files == files_of(manifest), "{name}: {one:?}");
        if ["hard-links", "long-names", "odd-names"].contains(&name.as_str()) {
            Real::find().verify(&golden.repo(), oldest).expect_success();
        }
    }
}

/// Flips a bit in the middle of what a file holds: in a gzip file, of its compressed data.
fn flip(path: &Path) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let content = std::fs::read(path).unwrap();
    let mut data = 0..content.len();
    if content.starts_with(&[0x1f, 0x8b]) && path.to_string_lossy().ends_with(".gz") {
        let named = content[3] & 8 != 0;
        let start = if named { 10 + content[10..].iter().position(|b| *b == 0).unwrap() + 1 } else { 10 };
        data = start..content.len() - 8;
    }
    let at = data.start + data.len() / 2;
    file.write_all_at(&[content[at] ^ 0x10], at as u64).unwrap();
}

fn bad_versions(report: &VerifyReport) -> BTreeSet<(String, i64)> {
    report.bad.iter().map(|b| (b.path.to_string(), b.session.0)).collect()
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    if !is_root("jobs") {
        return;
    }
    let mut flipped = 0;
    for name in ["chain-of-14", "type-changes", "hard-links", "no-compression", "long-names-quoted"] {
        let golden = Golden::unpack(name);
        let repo = golden.repo();
        let data = repo.join("rdiff-backup-data");
        let mut files = Vec::new();
        files_below(&repo, &mut files);
        files.retain(|f| {
            let in_data = f.strip_prefix(&data).ok();
            in_data.is_none_or(|f| f.starts_with("increments") || f.starts_with("long_filename_data"))
                && !f.ends_with("next_free")
        });
        for file in files {
            let content = std::fs::read(&file).unwrap();
            flip(&file);
            let all = verify(&open(&repo), &VerifyRequest::new(None), &Silent).unwrap();
            assert!(all.bad_files > 0, "{}", file.display());
            // a hard link has several names, and a session several files made from one
            let inode = file.metadata().unwrap().ino();
            let names = |b: &rdiff_core::verify::Bad| {
                b.files.iter().any(|f| f.metadata().is_ok_and(|m| m.ino() == inode))
                    || matches!(&b.why, Why::Lost(why) if why.contains(&*file.to_string_lossy()))
            };
            assert!(all.bad.iter().all(names), "{}: {:?}", file.display(), all.bad);
            let composed = VerifyRequest { batch: 3, in_memory: 0, ..VerifyRequest::new(None) };
            let composed = verify(&open(&repo), &composed, &Silent).unwrap();
            assert_eq!(bad_versions(&composed), bad_versions(&all), "{}", file.display());
            if name == "chain-of-14" {
                // long, and like the others
                std::fs::write(&file, &content).unwrap();
                if flipped < 4 && file.extension().is_some_and(|end| end == "gz") {
                    // The checksum, behind all that a delta needs.
                    let mut cut = content.clone();
                    let at = cut.len() - 7;
                    cut[at] ^= 1;
                    std::fs::write(&file, &cut).unwrap();
                    for in_memory in [0, 8 << 20] {
                        let request = VerifyRequest { in_memory, ..VerifyRequest::new(None) };
                        let all = verify(&open(&repo), &request, &Silent).unwrap();
                        assert!(all.bad_files > 0 && all.bad.iter().all(names), "{}", file.display());
                    }
                    std::fs::write(&file, &content).unwrap();
                }
                flipped += 1;
                continue;
            }
            let mut single = BTreeSet::new();
            for &at in golden.sessions.keys() {
                let request = VerifyRequest::new(Some(SessionTime(at)));
                single.append(&mut bad_versions(&verify(&open(&repo), &request, &Silent).unwrap()));
            }
            assert_eq!(single, bad_versions(&all), "{}", file.display());
            std::fs::write(&file, content).unwrap();
            flipped += 1;
        }
    }
    assert!(flipped > 60, "{flipped}");
}

#[test]
fn damaged_metadata_end_only_the_sessions_that_need_them() {
    if !is_root("jobs") {
        return;
    }
    let golden = Golden::unpack("chain-of-14");
    let data = golden.repo().join("rdiff-backup-data");
    let mut diffs: Vec<_> = sorted_names(&data)
        .into_iter()
        .map(|n| String::from_utf8(n).unwrap())
        .filter(|n| n.starts_with("mirror_metadata") && n.contains(".diff"))
        .collect();
    diffs.sort();
    let damaged = diffs.last().unwrap();
    flip(&data.join(damaged));
    let report = verify(&open(&golden.repo()), &VerifyRequest::new(None), &Silent).unwrap();
    assert_eq!(report.bad, []);
    assert!(!report.damaged.is_empty() && report.damaged.len() < golden.sessions.len(), "{report:?}");
    assert!(report.damaged.iter().all(|d| d.why.contains(damaged)), "{report:?}");
    for &at in golden.sessions.keys() {
        let one = verify(&open(&golden.repo()), &VerifyRequest::new(Some(SessionTime(at))), &Silent);
        let is_damaged = report.damaged.iter().any(|d| d.session.0 == at);
        assert_eq!(one.is_err(), is_damaged, "{at}");
    }
}

#[test]
fn metadata_without_a_record_are_damaged() {
    if !is_root("jobs") {
        return;
    }
    let golden = Golden::unpack("chain-of-14");
    let repo = golden.repo();
    let data = repo.join("rdiff-backup-data");
    let names = sorted_names(&data).into_iter().map(|n| String::from_utf8(n).unwrap());
    let mut names: Vec<_> =
        names.filter(|n| n.starts_with("mirror_metadata") && n.ends_with(".gz")).collect();
    names.sort();
    let noise: Vec<u8> = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(status(&open(&repo)).unwrap().damaged, None);
    for (name, is_newest) in [(names.last().unwrap(), true), (&names[3], false)] {
        let whole = std::fs::read(data.join(name)).unwrap();
        for wrong in [&b""[..], &noise] {
            std::fs::write(data.join(name), wrong).unwrap();
            let report = our_verify(&repo, &VerifyRequest::new(None));
            assert!(report.bad.is_empty() && !report.is_good(), "{report:?}");
            assert!(report.damaged.iter().all(|d| d.why.contains(name)), "{report:?}");
            let damaged = status(&open(&repo)).unwrap().damaged;
            assert_eq!(damaged.is_some_and(|why| why.contains(name)), is_newest, "{name}");
        }
        std::fs::write(data.join(name), whole).unwrap();
    }
    assert!(our_verify(&repo, &VerifyRequest::new(None)).is_good());
    std::fs::remove_file(data.join(names.last().unwrap())).unwrap();
    assert!(status(&open(&repo)).unwrap().damaged.is_some());
}

#[test]
fn lost_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    std::fs::create_dir(&source).unwrap();
    for at in [1000, 2000] {
        for name in ["a", "b", "c"] {
            write_at(&source.join(name), at, &format!("{name} at {at}"));
        }
        Real::find().backup(&source, &repo, at, &[]).expect_success();
    }
    std::fs::remove_file(repo.join("a")).unwrap();
    std::fs::write(repo.join("b"), "longer than b was at any time").unwrap();
    let report = our_verify(&repo, &VerifyRequest::new(None));
    let versions = bad_versions(&report);
    for version in [("a", 1000), ("a", 2000), ("b", 2000)] {
        assert!(versions.contains(&(version.0.to_owned(), version.1)), "{report:?}");
    }
    assert!(!versions.iter().any(|(name, _)| name == "c"));
    assert!(report.bad.iter().any(|b| matches!(&b.why, Why::Lost(why) if why.contains("/repo/a"))));
}
