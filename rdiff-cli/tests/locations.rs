//! Names with `::` in them, which in a location mean another host, but behind a slash never do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A repository `r` of which `d/a::b` and the directory `x::y` changed in the second session.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("s");
    for (time, text) in [(1_700_000_000, "first\n"), (1_700_086_400, "second, longer\n")] {
        fs::create_dir_all(source.join("x::y")).unwrap();
        fs::create_dir_all(source.join("d")).unwrap();
        fs::write(source.join("d/a::b"), text).unwrap();
        fs::write(source.join("x::y/c"), text).unwrap();
        says(dir.path(), &["--current-time", &format!("{time}"), "backup", "s", "r"], 0);
    }
    dir
}

#[track_caller]
fn run(program: &str, dir: &Path, words: &[&str], code: i32) -> Output {
    let mut command = Command::new(program);
    // Nobody is reached by ssh: it must not be called.
    let done = command.args(words).current_dir(dir).env("PATH", "/nonexistent").env("TZ", "UTC").output();
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    done
}

#[track_caller]
fn says(dir: &Path, words: &[&str], code: i32) -> String {
    let done = run(env!("CARGO_BIN_EXE_rdiff-backup"), dir, words, code);
    String::from_utf8_lossy(if code == 0 { &done.stdout } else { &done.stderr }).into_owned()
}

#[test]
fn a_file_is_restored_by_the_name_of_its_increment() {
    let dir = repository();
    let at = dir.path();
    let increment = "rdiff-backup-data/increments/d/a::b.2023-11-14T22:13:20Z.diff.gz";
    assert!(at.join("r").join(increment).exists());
    let whole = at.join("r").join(increment);
    for (n, words) in [
        ["restore", &format!("r/{increment}")],
        ["restore", whole.to_str().unwrap()],
        ["--restore", whole.to_str().unwrap()],
    ]
    .iter()
    .enumerate()
    {
        let out = format!("./out::{n}");
        says(at, &[words[0], words[1], &out], 0);
        assert_eq!(fs::read_to_string(at.join(&out)).unwrap(), "first\n", "{words:?}");
    }
    says(at, &["restore", "--increment", whole.to_str().unwrap(), "out"], 0);
    assert_eq!(fs::read_to_string(at.join("out")).unwrap(), "first\n");
}

#[test]
fn every_action_takes_such_a_path() {
    let dir = repository();
    let at = dir.path();
    assert_eq!(says(at, &["list", "files", "r/x::y"], 0), "x::y\nx::y/c\n");
    assert!(says(at, &["list", "increments", "r/d/a::b"], 0).starts_with("Found 1 increments:"));
    assert_eq!(says(at, &["history", "r/d/a::b"], 0).lines().count(), 3);
    assert!(says(at, &["--verify", "r/x::y"], 0).contains("All files verified"));
    says(at, &["-r", "1B", "r/x::y", "./out::x"], 0);
    assert_eq!(fs::read_to_string(at.join("out::x/c")).unwrap(), "first\n");
    // The older way to write it is still one.
    says(at, &["restore", r"r/x\::y", r"out\::y"], 0);
    assert_eq!(fs::read_to_string(at.join("out::y/c")).unwrap(), "second, longer\n");
    says(at, &["backup", "s/x::y", "./r::2"], 0);
    assert!(at.join("r::2/rdiff-backup-data").is_dir());
    says(at, &["compare", "./s/x::y", "./r::2"], 0);
    run(env!("CARGO_BIN_EXE_rdiff-backup-delete"), at, &["r/d/a::b"], 0);
    assert!(!at.join("r/d/a::b").exists());
    // Without a slash it is a host, as ever; and said to be.
    let text = says(at, &["list", "files", "x::y"], 1);
    assert!(text.contains("ssh"), "{text}");
}
