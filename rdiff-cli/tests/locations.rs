//! Locations as people write them: names with `::` in them, which behind a slash never mean another host; `.`; links.
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

/// Runs it in a directory of the lab.
#[track_caller]
fn says_in(at: &Path, dir: &str, words: &[&str], code: i32) -> String {
    fs::create_dir_all(at.join(dir)).unwrap();
    says(&at.join(dir), words, code)
}

#[test]
fn a_dot_is_this_directory() {
    let dir = repository();
    let at = dir.path();
    says_in(at, "s", &["--current-time", "1700172800", "backup", ".", "../r"], 0);
    says_in(at, "s", &["--current-time", "1700259200", "--exclude", "./d", "./", "../r"], 0);
    says_in(at, "s", &["--current-time", "1700345600", ".", "../r"], 0);
    says_in(at, "s", &["compare", "--method", "full", ".", "../r"], 0);
    says_in(at, "out", &["-r", "now", "../r", "."], 0);
    assert_eq!(fs::read_to_string(at.join("out/d/a::b")).unwrap(), "second, longer\n");
    says_in(at, "new", &["backup", "../s", "./."], 0);
    for words in
        [&["regress", "."][..], &["verify", "."], &["list", "increments", "./"], &["backup", "../s", "."]]
    {
        says_in(at, "r", words, 0);
    }
    says_in(at, "r", &["--force", "remove", "increments", "--older-than", "0B", "."], 0);
    assert!(says_in(at, "r", &["list", "increments", "."], 0).starts_with("Found 0 increments:"));
}

/// Where a link leads to was not named, and is not emptied.
#[test]
fn a_link_to_a_directory_is_no_directory_to_write_to() {
    let dir = repository();
    let at = dir.path();
    let link_to = |to: &str| {
        drop(fs::remove_file(at.join("link")).or_else(|_| fs::remove_dir_all(at.join("link"))));
        std::os::unix::fs::symlink(to, at.join("link")).unwrap();
    };
    fs::create_dir(at.join("precious")).unwrap();
    fs::write(at.join("precious/keep"), "kept").unwrap();
    for (words, why) in [
        (["restore", "r", "link"], "symbolic link"),
        (["backup", "s", "link"], "does not look like a rdiff-backup repository"),
    ] {
        link_to("precious");
        let said = says(at, &words, 1);
        assert!(said.contains(why), "{said}");
        assert!(at.join("link").is_symlink());
        says(at, &[&["--force"], &words[..]].concat(), 0);
        assert!(!at.join("link").is_symlink() && at.join("link/d/a::b").exists());
        assert_eq!(fs::read_to_string(at.join("precious/keep")).unwrap(), "kept");
        assert_eq!(fs::read_dir(at.join("precious")).unwrap().count(), 1);
    }
    // One that leads to a repository is that.
    link_to("r");
    says(at, &["--force", "--current-time", "1700172800", "backup", "s", "link"], 0);
    assert!(
        at.join("link").is_symlink()
            && says(at, &["list", "increments", "r"], 0).contains("mirror: Thu Nov 16")
    );
}
