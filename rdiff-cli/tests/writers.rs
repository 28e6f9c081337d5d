//! Backups of the program to one repository at the same time, and within one second of each other: a session for
//! each that says it has succeeded, and no two of one time.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};

fn ours(dir: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
    command.args(words).current_dir(dir).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.output().expect("it can be run")
}

/// The output of a run that succeeds.
#[track_caller]
fn succeeds(dir: &Path, words: &[&str]) -> String {
    let done = ours(dir, words);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words:?}: {said}");
    String::from_utf8(done.stdout).expect("text")
}

/// Backs up again and again, a new version each time, until so many have succeeded in all.
fn back_up_until(enough: usize, dir: &Path, source: &str, count: &AtomicUsize, good: &Mutex<Vec<String>>) {
    fs::create_dir(dir.join(source)).expect("a directory");
    for version in 0.. {
        if count.load(Ordering::Relaxed) >= enough {
            return;
        }
        let who = format!("{source}, version {version}");
        fs::write(dir.join(source).join("who"), &who).expect("a file");
        let done = ours(dir, &["backup", source, "repo"]);
        let said = String::from_utf8_lossy(&done.stderr);
        match done.status.code() {
            Some(0) => {
                count.fetch_add(1, Ordering::Relaxed);
                good.lock().expect("no panic").push(who);
            }
            code => {
                let why = ["repo is in use by", "wait a second"];
                assert!(code == Some(1) && why.iter().any(|w| said.contains(w)), "{code:?}: {said}");
                assert!(!said.contains("unfinished"), "of a session of somebody else: {said}");
            }
        }
    }
}

#[test]
fn every_backup_that_succeeds_is_a_session_of_its_own() {
    let place = tempfile::tempdir().expect("a directory");
    let (dir, count, good) = (place.path(), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for source in ["a", "b", "c"] {
            let (count, good, start) = (&count, &good, &start);
            scope.spawn(move || {
                start.wait();
                back_up_until(4, dir, source, count, good);
            });
        }
    });
    let mut good = good.into_inner().expect("no panic");
    let mut restored = Vec::new();
    for back in 0..good.len() {
        let target = format!("restored-{back}");
        succeeds(dir, &["restore", "--at", &format!("{back}B"), "repo", &target]);
        restored.push(fs::read_to_string(dir.join(target).join("who")).expect("a file"));
    }
    good.sort();
    restored.sort();
    assert_eq!(restored, good);
    let listed = succeeds(dir, &["list", "increments", "repo"]);
    assert!(listed.contains(&format!("Found {} increments", good.len() - 1)), "{listed}");
    succeeds(dir, &["verify", "--all", "repo"]);
}
