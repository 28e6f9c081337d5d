//! Sources that can't be read, vanish, hold the repository; clocks that were set back.

use crate::scene::Scene;
use std::fs;

#[test]
fn a_source_that_cannot_be_read_keeps_its_last_good_version() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    scene.copy_source("first");
    scene.write("source/d/5", b"nobody reads this");
    let file = scene.text("source/d/5");
    let inject = ["-P", &file, "-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO"];
    scene.backup_under(&inject, &[]).ends(&[4], &["ListError: 'd/5' Input/output error"]);
    scene.restores(scene.time, "first");
    let root = scene.text("source");
    for error in ["EIO", "ENOTCONN", "ESTALE", "ETIMEDOUT", "ECONNABORTED"] {
        let inject = format!("inject=getdents64:error={error}");
        let inject = ["-P", &root, "-e", "trace=getdents64", "-e", &inject];
        let words = ["the source", "is gone", "nothing was removed from the backup"];
        scene.backup_under(&inject, &[]).ends(&[17], &words);
    }
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}

#[test]
fn a_source_that_lost_too_much_has_an_exit_code_of_its_own() {
    let mut scene = Scene::new();
    for n in 0..150 {
        scene.write(&format!("source/many-{n}"), b"one of many");
    }
    scene.backup().ends(&[0], &[]);
    scene.copy_source("first");
    let first = scene.time;
    for n in 0..150 {
        fs::remove_file(scene.at(&format!("source/many-{n}"))).expect("a file goes");
    }
    scene.backup().ends(&[17], &["150 of 203 paths are gone", "--max-deletions"]);
    fs::rename(scene.at("source"), scene.at("kept")).expect("a rename");
    fs::create_dir(scene.at("source")).expect("a directory");
    scene.backup().ends(&[17], &["is empty", "--allow-empty-source"]);
    let sessions = scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &["Found 0 increments"]);
    assert!(!sessions.err.contains("did not finish"), "{sessions:?}");
    scene.restores(first, "first");
    scene.backup_under(&[], &["--allow-empty-source", "--max-deletions", "100%"]).ends(&[0], &[]);
    scene.restores(first, "first");
}

#[test]
fn a_repository_in_its_own_source_is_left_out_and_that_is_said_once() {
    let mut scene = Scene::new();
    let repo = scene.text("source/d/repo");
    for _ in 0..2 {
        scene.time += 1000;
        let time = scene.time.to_string();
        let done = scene.ours(&["--current-time", &time, "backup", "source", &repo]).ends(&[0], &[]);
        assert_eq!(done.out.matches("left out d/repo").count(), 1, "{done:?}");
    }
    let listed = scene.ours(&["list", "files", &repo]).ends(&[0], &["d/7"]);
    assert!(!listed.out.contains("repo"), "{listed:?}");
    let inside = scene.text("source/d/repo/d");
    scene.ours(&["backup", &inside, &repo]).ends(&[1], &["lies in the repository"]);
}

#[test]
fn a_clock_that_was_set_back_is_told() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    for step in [0, 1_000_000] {
        scene.time -= 1000 + step;
        scene.backup().ends(&[1], &["is not in the past", "set the clock right"]);
        scene.time += step;
    }
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}

/// A session that was written while the clock was years ahead must not keep others from being written until then.
#[test]
fn a_session_of_the_future_can_be_undone() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    let (first, ahead) = (scene.time, 1_000_000_000);
    scene.copy_source("first");
    scene.write("source/a", b"the second");
    scene.time += ahead;
    scene.backup().ends(&[0], &[]);
    scene.time -= ahead;
    let words = ["if it was wrong at that session", "--api-version 201 --force regress` undoes it"];
    scene.backup().ends(&[1], &words);
    scene.ours(&["--api-version", "201", "--force", "regress", "disk/repo"]).ends(&[0, 2], &[]);
    scene.backup().ends(&[0], &[]);
    scene.copy_source("second");
    scene.restores(first, "first");
    scene.restores(scene.time, "second");
    scene.verifies();
}

/// Names of files have four digits for the year, and who reads them believes in two centuries: what was written for another
/// could not be found again, nor the sessions before it.
#[test]
fn a_time_that_no_session_can_have_is_refused() {
    let mut scene = Scene::new();
    let times = ["4102444800", "1700000000000", "9223372036854775807", "-2177539200", "-9223372036854775808"];
    let words = ["can't be that of a session", "in seconds since 1970"];
    for first in [true, false] {
        for dry in [&["--dry-run"][..], &[]] {
            for time in times {
                let time = format!("--current-time={time}");
                let backup = [dry, &[&time, "backup", "source", "disk/repo"]].concat();
                scene.ours(&backup).ends(&[1], &words);
            }
        }
        assert_eq!(scene.at("disk/repo").exists(), !first);
        scene.backup().ends(&[0], &[]);
        scene.verifies();
    }
}
