//! Repositories whose disk is full, read-only or broken.

use crate::scene::{Scene, call, may_mount, noise, run};
use std::fs;
use std::process::Command;

#[test]
fn one_file_that_is_too_big_is_refused_before_it_is_written() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.backup().ends(&[0], &[]);
    let (first, free) = (scene.time, scene.free());
    scene.copy_source("first");
    scene.write("source/big", &noise(1, 12 << 20));
    scene.write("source/a", b"second");
    let words = ["disk/repo has no room for this session", "make room", "--no-space-check", "is as it was"];
    scene.backup().ends(&[1], &words);
    assert!(scene.free() + 65_536 > free, "{} of {free} are still free", scene.free());
    // Who insists finds the disk full, and gets it back.
    let words = ["may not fit", "No space left on device", "make room", "is as it was"];
    scene.backup_under(&[], &["--no-space-check"]).ends(&[1], &words);
    assert!(scene.free() + 65_536 > free, "{} of {free} are still free", scene.free());
    scene.restores(first, "first");
    fs::remove_file(scene.at("source/big")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    scene.restores(first, "first");
    scene.verifies();
}

/// 24 MiB: the first content fits, and the second, and not the difference as well.
#[test]
fn a_delta_that_does_not_fit_is_no_damage() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(24);
    scene.write("source/a", &noise(1, 5_000_000));
    scene.backup().ends(&[0], &[]);
    let (first, free) = (scene.time, scene.free());
    scene.copy_source("first");
    scene.write("source/a", &noise(2, 5_000_000));
    scene.write("source/c", &noise(3, 11_000_000));
    scene.backup().ends(&[1], &["No space left on device", "make room", "is as it was"]);
    assert!(scene.free() + 65_536 > free, "{} of {free} are still free", scene.free());
    scene.restores(first, "first");
    scene.verifies();
}

#[test]
fn a_limit_on_the_size_of_files_is_told_and_undone() {
    let mut scene = Scene::new();
    scene.write("source/a", &noise(1, 300_000));
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    scene.write("source/a", &noise(2, 3_000_000));
    // In units of 1024 bytes, as bash counts.
    let line = "ulimit -f 1000; exec \"$0\" backup source disk/repo";
    let mut limited = Command::new("bash");
    limited.args(["-c", line, env!("CARGO_BIN_EXE_rdiff-backup")]).current_dir(scene.at(""));
    run(limited).ends(&[1], &["File too large", "is as it was"]);
    scene.restores(first, "first");
}

#[test]
fn a_first_session_that_does_not_fit_leaves_room_for_one_that_does() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.write("source/big", &noise(1, 12 << 20));
    scene.backup().ends(&[1], &["has no room", "the next backup begins anew"]);
    scene.backup_under(&[], &["--no-space-check"]).ends(&[1], &["No space left on device"]);
    fs::remove_file(scene.at("source/big")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}

#[test]
fn a_disk_that_is_full_at_any_moment_costs_no_session() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    let mut failed = 0;
    for free in [0, 8 << 10, 60 << 10, 250 << 10] {
        for n in 0..30 {
            scene.write(&format!("source/d/{n}"), &noise(free as u32 + n, 8000 + n as usize));
        }
        scene.fill(free);
        let done = scene.backup_under(&[], &["--no-space-check"]).ends(&[0, 1, 2], &[]);
        failed += u32::from(done.code == Some(1));
        scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &[]);
        scene.restores(first, "first");
        scene.unfill();
        scene.backup().ends(&[0, 2], &[]);
        scene.verifies();
    }
    assert!(failed >= 3, "the disk was full {failed} times only");
}

#[test]
fn regress_and_removal_work_on_a_full_disk() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::on_small_disk(6);
    scene.backup().ends(&[0], &[]);
    for round in 0..2 {
        for n in 0..20 {
            scene.write(&format!("source/d/{n}"), &noise(n + 100 + round, 9000));
        }
        scene.backup().ends(&[0], &[]);
    }
    let good = scene.time;
    scene.copy_source("good");
    for n in 0..20 {
        scene.write(&format!("source/d/{n}"), &noise(n + 300, 9000));
    }
    scene.write("source/new", &noise(7, 100_000));
    // With some of the files in their places.
    scene.backup_under(&["-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=12"], &[]);
    scene.fill(0);
    scene.ours(&["regress", "disk/repo"]).ends(&[2], &["Regressing"]);
    scene.restores(good, "good");
    scene.fill(0);
    scene.ours(&["--force", "remove", "increments", "--older-than", "1B", "disk/repo"]).ends(&[0], &[]);
    scene.unfill();
    scene.verifies();
    scene.backup().ends(&[0], &[]);
    scene.restores(good, "good");
}

#[test]
fn an_interrupted_repository_is_read_on_a_read_only_file_system() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::new();
    fs::create_dir(scene.at("disk/repo")).expect("a directory");
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    scene.write("source/a", b"second");
    fs::remove_file(scene.at("source/d/3")).expect("a file goes");
    scene.backup().ends(&[0], &[]);
    let second = scene.time;
    scene.copy_source("second");
    for n in 10..20 {
        scene.write(&format!("source/d/{n}"), b"third");
    }
    scene.backup_under(&["-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=6"], &[]);
    let repo = scene.text("disk/repo");
    call("mount", &["--bind", &repo, &repo]);
    scene.mounted.push(scene.at("disk/repo"));
    call("mount", &["-o", "remount,bind,ro", &repo]);

    let said = ["did not finish", "rdiff-backup regress"];
    scene.restores(first, "first");
    scene.restores(second, "second");
    let at = first.to_string();
    scene.ours(&["restore", "disk/repo", "target"]).ends(&[2], &said);
    fs::remove_dir_all(scene.at("target")).expect("a directory goes");
    scene.ours(&["list", "increments", "disk/repo"]).ends(&[0], &said);
    scene.ours(&["list", "increments", "--size", "disk/repo"]).ends(&[0], &said);
    scene.ours(&["list", "files", "--changed-since", &at, "disk/repo"]).ends(&[0], &["deleted d/3"]);
    scene.ours(&["verify", "--all", "disk/repo"]).ends(&[0], &said);
    fs::rename(scene.at("first"), scene.at("elsewhere")).expect("a rename");
    let compared =
        ["--api-version", "201", "compare", "--method", "full", "--at", &at, "elsewhere", "disk/repo"];
    scene.ours(&compared).ends(&[0], &["No changes found"]);

    let words = ["Read-only file system", "mount it so that it can be written"];
    scene.backup().ends(&[1], &words);
    scene.ours(&["regress", "disk/repo"]).ends(&[1], &words);
    call("mount", &["-o", "remount,bind,rw", &repo]);
    scene.backup().ends(&[2], &["regressing"]);
    scene.restores(second, "second");
    scene.verifies();
}

/// The kernel makes a broken file system read-only in the midst of things, and fails what is asked of a broken
/// disk.
#[test]
fn a_repository_that_fails_in_the_midst_keeps_its_sessions() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    for (n, (inject, words)) in [
        ("renameat:error=EROFS:when=3+", ["Read-only file system", "mount it so"]),
        ("openat2:error=EROFS:when=70+", ["Read-only file system", "mount it so"]),
        ("syncfs:error=EIO:when=1", ["Input/output error", "kernel's log"]),
        ("pwrite64,write:error=EDQUOT:when=12+", ["", ""]),
    ]
    .into_iter()
    .enumerate()
    {
        for file in 0..20u32 {
            scene.write(&format!("source/d/{file}"), &noise(file + 1000 * n as u32, 8100));
        }
        let trace = format!("trace={}", inject.split(':').next().unwrap_or_default());
        scene.backup_under(&["-e", &trace, "-e", &format!("inject={inject}")], &[]).ends(&[1], &words);
        scene.restores(first, "first");
    }
    scene.backup().ends(&[0, 2], &[]);
    scene.restores(first, "first");
    scene.verifies();
}

/// A low limit on open files is raised as far as that is allowed. Where it is not, the way out is told.
#[test]
fn few_open_files_are_enough() {
    let mut scene = Scene::new();
    for dir in 0..40 {
        fs::create_dir_all(scene.at(&format!("source/{dir}/e/f"))).expect("a directory");
        scene.write(&format!("source/{dir}/e/f/file"), &noise(dir, 2000));
    }
    scene.backup().ends(&[0], &[]);
    let limited = |scene: &Scene, limits: &str, words: &[&str]| {
        let plain = scene.command(&[], words);
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={limits}")).arg(plain.get_program()).args(plain.get_args());
        run(command)
    };
    for n in 1..=6 {
        for dir in 0..40 {
            scene.write(&format!("source/{dir}/e/f/file"), &noise(dir + 100 * n, 2000));
        }
        scene.time += 1000;
        let time = scene.time.to_string();
        limited(&scene, "18:1024", &["--current-time", &time, "backup", "source", "disk/repo"])
            .ends(&[0], &[]);
    }
    limited(&scene, "18:1024", &["verify", "--all", "disk/repo"]).ends(&[0], &["verified successfully"]);
    limited(&scene, "18:1024", &["restore", "--at", "3B", "disk/repo", "target"]).ends(&[0], &[]);
    limited(&scene, "8:8", &["verify", "--all", "disk/repo"])
        .ends(&[1], &["Too many open files", "raise the limit on open files"]);
}
