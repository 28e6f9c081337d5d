//! Backups of the program to one repository at the same time, and within one second of each other: a session for
//! each that says it has succeeded, and no two of one time. And of the original and ours one only.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;
use tempfile::TempDir;

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

/// Runs something with a call delayed, the first of its kind or that for one path, so that others can come between.
fn delayed(dir: &Path, program: &str, words: &[&str], call: &str, path: Option<&Path>) -> Child {
    let delay = format!("inject={call}:delay_enter=6000000:when=1");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "calls", "-e", &format!("trace={call}"), "-e", &delay]);
    if let Some(path) = path {
        command.arg("-P").arg(path);
    }
    command.arg(program).args(words);
    command.current_dir(dir).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run")
}

/// Waits until there is something.
#[track_caller]
fn wait_for(what: impl Fn() -> bool) {
    assert!(
        (0..2000).any(|_| what() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }),
        "it never came"
    );
}

fn markers(dir: &Path) -> usize {
    let data = fs::read_dir(dir.join("repo/rdiff-backup-data")).expect("a repository");
    let names = data.map(|entry| entry.expect("an entry").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("current_mirror.")).count()
}

/// A source, and a repository with one session of it.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    let source = place.path().join("source");
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("who"), "first").expect("a file");
    succeeds(place.path(), &["--current-time", "1000000000", "backup", "source", "repo"]);
    fs::write(source.join("who"), "second").expect("a file");
    place
}

const OURS: &str = env!("CARGO_BIN_EXE_rdiff-backup");

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

fn real(dir: &Path, words: &[&str]) -> Output {
    Command::new("/usr/bin/rdiff-backup").args(words).current_dir(dir).output().expect("the real program")
}

/// Each of the two sees the other's marker, and the process that it names.
#[test]
fn ours_and_the_original_do_not_write_side_by_side() {
    let first = ["--current-time", "1000001000", "backup", "source", "repo"];
    let then = ["--current-time", "1000002000", "backup", "source", "repo"];
    // The original is about to bring a file into its place.
    let place = place();
    let dir = place.path();
    let busy = delayed(dir, "/usr/bin/rdiff-backup", &first, "rename", Some(&dir.join("repo/who")));
    wait_for(|| markers(dir) == 2);
    let ours_beside = ours(dir, &then);
    assert_eq!(ours_beside.status.code(), Some(1), "{}", said(&ours_beside));
    assert!(said(&ours_beside).contains("repo is in use by process"), "{}", said(&ours_beside));
    let done = busy.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", said(&done));
    succeeds(dir, &["verify", "--all", "repo"]);
    succeeds(dir, &then);
    drop(place);
    // The other way round.
    let place = self::place();
    let dir = place.path();
    let busy = delayed(dir, OURS, &first, "syncfs", Some(&dir.join("repo")));
    wait_for(|| markers(dir) == 2);
    let real_beside = real(dir, &then);
    assert!(
        !real_beside.status.success() && said(&real_beside).contains("still running"),
        "{}",
        said(&real_beside)
    );
    let done = busy.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", said(&done));
    succeeds(dir, &["verify", "--all", "repo"]);
    assert_eq!(markers(dir), 1);
}

/// The marker of a session that failed names a process that has ended: who undoes it says so.
#[test]
fn the_original_does_not_undo_what_ours_is_undoing() {
    let place = place();
    let dir = place.path();
    let words =
        ["-f", "-qq", "-o", "calls", "-e", "trace=syncfs", "-e", "inject=syncfs:signal=SIGKILL:when=1", OURS];
    let backup = ["--current-time", "1000001000", "backup", "source", "repo"];
    Command::new("strace").args(words).args(backup).current_dir(dir).output().expect("strace");
    assert_eq!(markers(dir), 2);
    let busy = delayed(dir, OURS, &["regress", "repo"], "syncfs", Some(&dir.join("repo")));
    let data = dir.join("repo/rdiff-backup-data");
    let pid = |name: &str| fs::read_to_string(data.join(name)).unwrap_or_default();
    let failed = "current_mirror.2001-09-09T02:03:20Z.data";
    let before = pid(failed);
    wait_for(|| pid(failed) != before);
    let real_beside = real(dir, &["--current-time", "1000002000", "backup", "source", "repo"]);
    assert!(
        !real_beside.status.success() && said(&real_beside).contains("still running"),
        "{}",
        said(&real_beside)
    );
    let done = busy.wait_with_output().expect("it ends");
    // With the warning that it did.
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
    assert_eq!(markers(dir), 1);
    succeeds(dir, &["verify", "--all", "repo"]);
}

/// A program that takes no lock writes its marker in the moment before ours does.
#[test]
fn a_marker_that_somebody_else_wrote_meanwhile_ends_the_backup_and_stays() {
    let place = place();
    let dir = place.path();
    let data = dir.join("repo/rdiff-backup-data");
    let theirs = data.join("current_mirror.2001-09-09T02:03:21Z.data");
    // About to give its marker the name that counts.
    let backup = ["--current-time", "1000001000", "backup", "source", "repo"];
    let busy = delayed(dir, OURS, &backup, "renameat", None);
    wait_for(|| data.join("staging/marker").exists());
    fs::write(&theirs, format!("PID {}\n", std::process::id())).expect("a marker");
    let done = busy.wait_with_output().expect("it ends");
    assert!(done.status.code() == Some(1) && said(&done).contains("is in use by process"), "{}", said(&done));
    assert_eq!(markers(dir), 2);
    assert!(theirs.exists() && fs::read_to_string(dir.join("repo/who")).expect("a file") == "first");
    fs::remove_file(theirs).expect("it goes");
    succeeds(dir, &["--current-time", "1000002000", "backup", "source", "repo"]);
}
