//! The programs of `examples/`, compiled into this test and run.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

#[path = "../examples/export_tar.rs"]
mod export_tar;
#[path = "../examples/nightly_job.rs"]
mod nightly_job;
#[path = "../examples/restore_file.rs"]
mod restore_file;
#[path = "../examples/watch_progress.rs"]
mod watch_progress;
#[path = "../examples/what_changed.rs"]
mod what_changed;

use rdiff_core::backup::{BackupRequest, backup_directory};
use rdiff_core::monitor::Silent;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn args<const N: usize>(args: [&Path; N]) -> Vec<OsString> {
    args.map(|arg| arg.as_os_str().to_owned()).into()
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap()
}

/// A tree that has had two sessions: `dir/text` changed, `gone` went, `new` came.
struct World {
    dir: tempfile::TempDir,
    tree: PathBuf,
    repo: PathBuf,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let (tree, repo) = (dir.path().join("tree"), dir.path().join("repo"));
    fs::create_dir_all(tree.join("dir")).unwrap();
    fs::write(tree.join("dir/text"), "first").unwrap();
    fs::set_permissions(tree.join("dir/text"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(tree.join("dir/text"), tree.join("dir/two")).unwrap();
    symlink("dir/text", tree.join("link")).unwrap();
    fs::write(tree.join("gone"), "").unwrap();
    for (i, time) in [1_700_000_000, 1_700_086_400].into_iter().enumerate() {
        if i == 1 {
            fs::write(tree.join("dir/text"), "second").unwrap();
            fs::rename(tree.join("gone"), tree.join("new")).unwrap();
        }
        let request = BackupRequest { time: Some(time), ..BackupRequest::default() };
        backup_directory(&tree, &repo, &request, &[], &Silent).unwrap();
    }
    World { dir, tree, repo }
}

#[test]
fn a_nightly_job() {
    let w = world();
    let mut out = Vec::new();
    assert!(nightly_job::run(&args([&w.tree, &w.repo]), &mut out).unwrap());
    let out = text(out);
    assert!(out.contains(": 0 problems\n3 files verified, 0 bad\nsessions removed: 1; "), "{out}");
    assert!(nightly_job::run(&args([&w.tree]), &mut Vec::new()).is_err());
}

#[test]
fn one_file_is_restored() {
    let w = world();
    let target = w.dir.path().join("restored");
    let mut out = Vec::new();
    let asked = [&w.repo, Path::new("dir/text"), Path::new("1B"), &target];
    restore_file::run(&args(asked), &mut out).unwrap();
    assert_eq!(text(out), "dir/text as at 2023-11-14T22:13:20Z: 1 restored\n");
    assert_eq!(fs::read_to_string(&target).unwrap(), "first");
    assert_eq!(fs::metadata(&target).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn a_session_becomes_a_tar_archive() {
    let w = world();
    let mut out = Vec::new();
    export_tar::run(&args([&w.repo, Path::new("1B")]), &mut out).unwrap();
    let unpacked = w.dir.path().join("unpacked");
    let mut archive = tar::Archive::new(&out[..]);
    archive.set_preserve_permissions(true);
    archive.unpack(&unpacked).unwrap();
    let first = fs::metadata(unpacked.join("dir/text")).unwrap();
    assert_eq!(
        (fs::read_to_string(unpacked.join("dir/two")).unwrap(), first.mode() & 0o7777),
        ("first".into(), 0o640)
    );
    assert_eq!((first.nlink(), first.ino()), (2, fs::metadata(unpacked.join("dir/two")).unwrap().ino()));
    assert_eq!(fs::read_link(unpacked.join("link")).unwrap(), Path::new("dir/text"));
    assert!(unpacked.join("gone").exists() && !unpacked.join("new").exists());
    let mut part = Vec::new();
    export_tar::run(&args([&w.repo, Path::new("now"), Path::new("dir")]), &mut part).unwrap();
    let mut archive = tar::Archive::new(&part[..]);
    let names: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
    assert_eq!(names, [Path::new("dir"), Path::new("dir/text"), Path::new("dir/two")]);
}

#[test]
fn progress_is_shown_and_a_backup_stopped() {
    let w = world();
    // More than one batch, so that there is a place to stop at.
    for i in 0..600 {
        fs::write(w.tree.join(format!("more-{i}")), [b'x'; 100]).unwrap();
    }
    let mut out = Vec::new();
    assert!(!watch_progress::run(&args([&w.tree, &w.repo, Path::new("1000")]), &mut out).unwrap());
    assert!(text(out).ends_with("stopped; the next backup undoes what was begun\n"));
    let mut out = Vec::new();
    assert!(watch_progress::run(&args([&w.tree, &w.repo]), &mut out).unwrap());
    let out = text(out);
    assert!(out.starts_with("Regressing\nsession "), "{out}");
    assert!(out.ends_with("done: 606 paths\n"), "{out}");
}

#[test]
fn what_changed_is_listed() {
    let w = world();
    let mut out = Vec::new();
    what_changed::run(&args([&w.repo, Path::new("2023-11-15"), Path::new("now")]), &mut out).unwrap();
    let lines = text(out);
    let lines: Vec<_> = lines.lines().filter(|l| *l != "changed .").collect();
    assert_eq!(lines, ["changed dir/text", "changed dir/two", "deleted gone", "new new"]);
    assert!(
        what_changed::run(&args([&w.repo, Path::new("yesterday"), Path::new("now")]), &mut Vec::new())
            .is_err()
    );
}
