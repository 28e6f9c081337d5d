//! SIGTERM and SIGINT: a job stops soon, says what is left, and loses nothing.

use crate::scene::{Run, Scene, noise};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_signal_stops_a_job_and_the_next_run_goes_on() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    for n in 0..50u32 {
        scene.write(&format!("source/d/{n}"), &noise(n + 77, 9000));
    }
    for (signal, words) in [("SIGTERM", "stopped by SIGTERM"), ("SIGINT", "stopped by SIGINT")] {
        // Early in the session; the second time, early in the regress before it.
        let inject = format!("inject=fsync:signal={signal}:when=1");
        let words = [words, "is left unfinished", "rdiff-backup regress"];
        scene.backup_under(&["-e", "trace=fsync", "-e", &inject], &[]).ends(&[1], &words);
        scene.restores(first, "first");
    }
    scene.backup().ends(&[2], &[]);
    scene.restores(first, "first");
    scene.verifies();
    let file = scene.text("disk/repo/a");
    let inject = ["-P", &file, "-e", "trace=close", "-e", "inject=close:signal=SIGTERM:when=1"];
    scene.ours_under(&inject, &["restore", "disk/repo", "target"]).ends(&[1], &["stopped by SIGTERM"]);
}

/// Runs the program, slow in reading one file of 200 pieces, and sends a signal once it has begun to. It must not
/// read to the end.
#[track_caller]
fn stops_within(scene: &Scene, slow: &str, words: &[&str]) -> Run {
    let (slow, log) = (scene.text(slow), scene.text("strace.log"));
    fs::remove_file(&log).ok();
    let delay = "inject=read,pread64:delay_exit=20000";
    let strace = ["-o", &log, "-P", &slow, "-e", "trace=read,pread64", "-e", delay];
    let mut command = scene.command(&strace, words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
    let calls = || fs::read_to_string(&log).unwrap_or_default();
    let first = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(5));
        calls().split_once(' ').and_then(|(thread, _)| thread.parse().ok())
    });
    // The program would have ended long before.
    let thread = first.take(12_000).flatten().next().and_then(Pid::from_raw).expect("it reads the file");
    kill_process(thread, Signal::TERM).expect("it still runs");
    let run = Run::of(&child.wait_with_output().expect("it ends")).ends(&[1], &["stopped by SIGTERM"]);
    let pieces = calls().lines().filter(|line| line.contains("read(") || line.contains("pread64(")).count();
    assert!(pieces < 150, "{pieces} pieces were read");
    run
}

/// A file of 200 pieces, as they are read.
fn large(of: u8) -> Vec<u8> {
    vec![of; 200 * (256 << 10)]
}

#[test]
fn a_signal_stops_a_job_in_the_midst_of_a_large_file() {
    let mut scene = Scene::new();
    scene.write("source/large", &large(1));
    scene.time = 1000;
    let backup = ["--current-time", "1000", "backup", "source", "disk/repo"];
    stops_within(&scene, "source/large", &backup);
    scene.backup().ends(&[0], &[]);
    let restored = stops_within(&scene, "disk/repo/large", &["restore", "disk/repo", "target"]);
    assert!(!scene.at("target/large").exists(), "a part of a file under its name");
    // What it says is true.
    restored.ends(&[1], &["what was restored so far stands in", "with --force before its action"]);
    scene.ours(&["--force", "restore", "disk/repo", "target"]).ends(&[0, 2], &[]);
    assert!(fs::read(scene.at("target/large")).expect("a file") == large(1));
    for words in [&["verify", "disk/repo"][..], &["verify", "--all", "disk/repo"]] {
        let stopped = stops_within(&scene, "disk/repo/large", words);
        stopped.ends(&[1], &["were verified so far, none of them", "can be run again"]);
    }
    let compare = ["compare", "--method", "hash", "source", "disk/repo"];
    stops_within(&scene, "source/large", &compare);
    let compare = ["compare", "--method", "full", "source", "disk/repo"];
    stops_within(&scene, "disk/repo/large", &compare);
    scene.verifies();
}

#[test]
fn what_is_found_before_a_signal_is_told() {
    let mut scene = Scene::new();
    scene.write("source/large", &large(1));
    scene.backup().ends(&[0], &[]);
    scene.write("disk/repo/a", b"worse");
    let stopped = stops_within(&scene, "disk/repo/large", &["verify", "disk/repo"]);
    stopped.ends(&[1], &["Computed SHA1 digest of file a", "1 of them potentially corrupted"]);
}

/// What has to be unpacked before the first byte of an old version is there.
#[test]
fn a_signal_stops_a_job_that_unpacks_a_large_increment() {
    let mut scene = Scene::new();
    let mut content = noise(7, 200 * (64 << 10));
    for edit in [b'1', b'2'] {
        content[0] = edit;
        scene.write("source/large", &content);
        scene.backup().ends(&[0], &[]);
    }
    let last = scene.time.to_string();
    let first = (scene.time - 1000).to_string();
    fs::remove_file(scene.at("source/large")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    let increments = scene.at("disk/repo/rdiff-backup-data/increments");
    let names = fs::read_dir(increments).expect("increments").map(|e| e.expect("an entry").file_name());
    let names: Vec<String> = names.map(|n| n.into_string().expect("text")).collect();
    let packed = names.iter().find(|n| n.starts_with("large.") && n.ends_with(".snapshot.gz"));
    let packed = format!("disk/repo/rdiff-backup-data/increments/{}", packed.expect("a whole increment"));
    for at in [&first, &last] {
        for words in
            [&["verify", "--at", at, "disk/repo"][..], &["restore", "--at", at, "disk/repo", "target"]]
        {
            stops_within(&scene, &packed, words);
            fs::remove_dir_all(scene.at("target")).ok();
        }
    }
    scene.verifies();
}

#[test]
fn a_signal_stops_a_regress_in_the_midst_of_a_large_file() {
    let mut scene = Scene::new();
    scene.write("source/large", &large(1));
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    scene.write("source/large", &large(2));
    // About to bring the new content into its place.
    scene.backup_under(&["-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=2"], &[]);
    scene.restores(first, "first");
    for words in
        [&["regress", "disk/repo"][..], &["--current-time", "2000000000", "backup", "source", "disk/repo"]]
    {
        stops_within(&scene, "disk/repo/large", words);
        scene.restores(first, "first");
    }
    scene.ours(&["regress", "disk/repo"]).ends(&[0, 2], &[]);
    scene.restores(first, "first");
    scene.verifies();
    scene.backup().ends(&[0], &[]);
}

#[test]
fn a_signal_stops_a_removal_and_what_is_left_is_whole() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    for n in 0..50u32 {
        scene.write(&format!("source/d/{n}"), &noise(n + 77, 9000));
    }
    scene.backup().ends(&[0], &[]);
    let last = scene.time;
    scene.copy_source("last");
    let remove = ["--force", "remove", "increments", "--older-than", "0B", "disk/repo"];
    let slow = "inject=unlinkat:delay_exit=20000";
    let strace = ["-e", "trace=unlinkat", "-e", slow, "-e", "inject=unlinkat:signal=SIGTERM:when=3"];
    scene.ours_under(&strace, &remove).ends(&[1], &["stopped by SIGTERM", "can be run again"]);
    let left = |scene: &Scene| {
        let dir = scene.at("disk/repo/rdiff-backup-data/increments/d");
        fs::read_dir(dir).map_or(0, Iterator::count)
    };
    assert!(left(&scene) > 30, "{} increments are left", left(&scene));
    scene.restores(last, "last");
    // What nobody can restore is not listed, and goes with the next removal, whatever that names.
    scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &["Found 0 increments"]);
    scene.ours(&remove).ends(&[0], &["what a removal that was stopped had left is removed"]);
    assert_eq!(left(&scene), 0);
    scene.ours(&remove).ends(&[2], &["No increments older than"]);
    scene.restores(last, "last");
    scene.verifies();
}
