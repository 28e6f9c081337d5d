//! Repositories whose list of what was there at the last session is damaged.

use crate::scene::{Scene, call, noise};
use std::fs;
use std::path::{Path, PathBuf};

/// A file in the data directory whose name begins and goes on like this, the newest of them.
fn newest(scene: &Scene, begin: &str, inside: &str) -> PathBuf {
    let files = fs::read_dir(scene.at("disk/repo/rdiff-backup-data")).expect("a repository");
    let files = files.map(|file| file.expect("an entry").path());
    let is_one = |file: &PathBuf| {
        let name = file.file_name().and_then(|n| n.to_str()).expect("text");
        name.starts_with(begin) && name.contains(inside)
    };
    files.filter(is_one).max().expect("a file")
}

fn damage(file: &Path, how: &str) {
    let mut bytes = fs::read(file).expect("a file");
    let length = bytes.len();
    match how {
        "flipped in the middle" => bytes[length / 2] ^= 0x55,
        "flipped in the last checksum" => bytes[length - 6] ^= 1,
        "cut in half" => bytes.truncate(length / 2),
        "emptied" => bytes.clear(),
        _ => return fs::remove_file(file).expect("a file goes"),
    }
    fs::write(file, bytes).expect("a file");
}

const HOWS: [&str; 5] =
    ["flipped in the middle", "flipped in the last checksum", "cut in half", "emptied", "gone"];

/// All files of a repository but for logs and locks, with contents and times.
fn picture(scene: &Scene) -> Vec<String> {
    let repo = scene.text("disk/repo");
    let files = "-type f ! -name '*.log' ! -name lock.yml";
    let look = format!(
        "cd '{repo}' && find . {files} -printf '%p %m %s %t\\n' && find . {files} -exec sha1sum {{}} +"
    );
    let mut lines: Vec<String> = call("sh", &["-c", &look]).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[track_caller]
fn is_as_it_was(scene: &Scene, before: &[String]) {
    let now = picture(scene);
    let other: Vec<&String> = before.iter().filter(|line| now.binary_search(line).is_err()).collect();
    assert!(other.is_empty() && now.len() == before.len(), "{:?}", other.first());
}

/// The same tree, with owners, modes and times.
#[track_caller]
fn restores_exactly(scene: &Scene, at: i64, copy: &str) {
    scene.ours(&["restore", "--at", &at.to_string(), "disk/repo", "target"]).ends(&[0, 2], &[]);
    let words = ["-ainXJ", "--checksum", "--delete"];
    let (copy, target) = (format!("{}/", scene.text(copy)), format!("{}/", scene.text("target")));
    let differ = call("rsync", &[&words[..], &[&copy, &target]].concat());
    assert_eq!(differ, "", "{copy}");
    fs::remove_dir_all(target).expect("a directory goes");
}

/// What is met only when the session has begun is no reason to leave it there: the next try, and a regress, would meet
/// it again.
#[test]
fn damage_that_is_met_late_leaves_the_repository_as_it_was() {
    let mut scene = Scene::new();
    // Metadata in several pieces.
    for n in 0..4000 {
        scene.write(&format!("source/d/{n:04} {}", "long name ".repeat(15)), b"");
    }
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    scene.write("source/a", b"second");
    scene.write("source/z", b"second");
    scene.backup().ends(&[0], &[]);
    let second = scene.time;
    call("cp", &["-a", &scene.text("source"), &scene.text("second")]);
    scene.write("source/a", b"the third");
    scene.write("source/new", b"the third");
    for n in 0..50 {
        scene.write(&format!("source/d/{n}"), b"the third");
    }
    let metadata = newest(&scene, "mirror_metadata.", ".snapshot");
    damage(&metadata, "flipped in the last checksum");
    let before = picture(&scene);
    let file = metadata.to_str().expect("text");
    let repo = scene.text("disk/repo");
    let words = ["can't be read", file, &format!("`rdiff-backup regress {repo}` makes them again")];
    for _ in 0..2 {
        scene.backup().ends(&[1], &words);
        is_as_it_was(&scene, &before);
    }
    scene.ours(&["--api-version", "201", "--force", "regress", "disk/repo"]).ends(&[1], &["is damaged"]);
    is_as_it_was(&scene, &before);
    scene.ours(&["regress", "disk/repo"]).ends(&[2], &["are made again", file, "verify --all"]);
    restores_exactly(&scene, first, "first");
    restores_exactly(&scene, second, "second");
    scene.backup().ends(&[0], &[]);
    scene.verifies();
    restores_exactly(&scene, scene.time, "source");
    restores_exactly(&scene, first, "first");
    call("rdiff-backup", &["verify", &repo]);
}

/// Whoever wrote it, and however it is damaged.
#[test]
fn damaged_metadata_of_the_last_session_are_made_again() {
    for writer in ["ours", "the original"] {
        let mut scene = Scene::new();
        fs::hard_link(scene.at("source/a"), scene.at("source/d/link")).expect("a link");
        std::os::unix::fs::symlink("a", scene.at("source/l")).expect("a link");
        call("mkfifo", &[&scene.text("source/p")]);
        let attribute = ["-n", "user.note", "-v", "kept", &scene.text("source/d/7")];
        let has_xattrs =
            std::process::Command::new("setfattr").args(attribute).status().is_ok_and(|s| s.success());
        let write = |scene: &mut Scene| {
            scene.time += 1000;
            let time = scene.time.to_string();
            let words = ["--current-time", &time, "backup", "source", "disk/repo"];
            if writer == "ours" {
                scene.ours(&words).ends(&[0], &[]);
                return scene.time;
            }
            let (source, repo) = (scene.text("source"), scene.text("disk/repo"));
            call("rdiff-backup", &[words[0], words[1], words[2], &source, &repo]);
            scene.time
        };
        let first = write(&mut scene);
        scene.copy_source("first");
        scene.write("source/d/8", b"second");
        let second = write(&mut scene);
        scene.copy_source("second");
        call("cp", &["-a", &scene.text("disk/repo"), &scene.text("clean")]);
        let files = ["mirror_metadata", "extended_attributes"];
        for (how, file) in HOWS.iter().flat_map(|how| files.map(|file| (how, file))) {
            if file != files[0] && (!has_xattrs || !matches!(*how, "cut in half" | "emptied")) {
                continue;
            }
            fs::remove_dir_all(scene.at("disk/repo")).expect("a directory goes");
            call("cp", &["-a", &scene.text("clean"), &scene.text("disk/repo")]);
            damage(&newest(&scene, file, ".snapshot"), how);
            let before = picture(&scene);
            scene.backup().ends(&[1], &[file, "regress"]);
            is_as_it_was(&scene, &before);
            scene.ours(&["--dry-run", "regress", "disk/repo"]).ends(&[2], &["made again", file]);
            is_as_it_was(&scene, &before);
            scene.ours(&["regress", "disk/repo"]).ends(&[2], &["are made again", file]);
            restores_exactly(&scene, second, "second");
            restores_exactly(&scene, first, "first");
            scene.ours(&["regress", "disk/repo"]).ends(&[0], &["doesn't need"]);
            scene.backup().ends(&[0], &[]);
            scene.verifies();
            restores_exactly(&scene, scene.time, "source");
            call("rdiff-backup", &["verify", &scene.text("disk/repo")]);
        }
    }
}

/// What is damaged is named, and not what only needs it.
#[test]
fn verify_names_the_damaged_file_of_metadata() {
    let mut scene = Scene::new();
    let attribute = ["-n", "user.note", "-v", "kept", &scene.text("source/d/7")];
    let has_xattrs =
        std::process::Command::new("setfattr").args(attribute).status().is_ok_and(|s| s.success());
    scene.backup().ends(&[0], &[]);
    let first = scene.time.to_string();
    for n in 0..9 {
        scene.write(&format!("source/d/{n}"), format!("second {n}").as_bytes());
    }
    scene.backup().ends(&[0], &[]);
    call("cp", &["-a", &scene.text("disk/repo"), &scene.text("clean")]);
    let renew = || {
        fs::remove_dir_all(scene.at("disk/repo")).expect("a directory goes");
        call("cp", &["-a", &scene.text("clean"), &scene.text("disk/repo")]);
    };
    for how in ["emptied", "cut in half", "flipped in the last checksum"] {
        renew();
        damage(&newest(&scene, "mirror_metadata.", ".diff.gz"), how);
        let at_first = scene.ours(&["verify", "--at", &first, "disk/repo"]);
        assert!(!at_first.err.contains("source/") && !at_first.err.contains("digest"), "{how}: {at_first:?}");
        at_first.ends(&[1], &["mirror_metadata.", ".diff.gz is damaged"]);
        scene.ours(&["restore", "--at", &first, "disk/repo", "target"]).ends(&[1], &[".diff.gz is damaged"]);
        fs::remove_dir_all(scene.at("target")).ok();
        scene.ours(&["verify", "disk/repo"]).ends(&[0], &[]);
        scene.ours(&["verify", "--all", "disk/repo"]).ends(&[2], &[".diff.gz is damaged"]);
    }
    if !has_xattrs {
        return;
    }
    for how in ["emptied", "cut in half"] {
        renew();
        let file = newest(&scene, "extended_attributes.", "");
        damage(&file, how);
        let words = ["Not all of session", file.to_str().expect("text"), "is damaged"];
        scene.ours(&["verify", "disk/repo"]).ends(&[2], &words);
        scene.ours(&["verify", "--all", "disk/repo"]).ends(&[2], &words);
        scene.ours(&["verify", "--at", &first, "disk/repo"]).ends(&[0], &[]);
        scene.ours(&["restore", "disk/repo", "target"]).ends(&[1], &["move it elsewhere"]);
        fs::remove_dir_all(scene.at("target")).ok();
        fs::rename(file, scene.at("elsewhere")).expect("a file moves");
        scene.ours(&["restore", "disk/repo", "target"]).ends(&[0], &[]);
        fs::remove_dir_all(scene.at("target")).ok();
        fs::remove_file(scene.at("elsewhere")).ok();
    }
}

/// The original meets such damage in the midst of a session, and leaves that there.
#[test]
fn a_session_that_failed_by_damage_is_undone() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    scene.copy_source("first");
    let first = scene.time;
    for n in 0..50 {
        scene.write(&format!("source/d/{n}"), b"later");
    }
    damage(&newest(&scene, "mirror_metadata.", ".snapshot"), "flipped in the last checksum");
    let (source, repo, time) = (scene.text("source"), scene.text("disk/repo"), (first + 500).to_string());
    let failed = std::process::Command::new("rdiff-backup")
        .args(["--current-time", &time, "backup", &source, &repo])
        .output()
        .expect("the original");
    assert!(!failed.status.success());
    scene.ours(&["regress", "disk/repo"]).ends(&[2], &["Regressing to", "are made again"]);
    restores_exactly(&scene, first, "first");
    scene.backup().ends(&[0], &[]);
    scene.verifies();
}

/// Two misfortunes: a session was killed, and then what was there before it can't be read.
#[test]
fn a_killed_session_over_damaged_metadata_is_undone_by_its_increments() {
    for (how, kill) in [("cut in half", 30), ("flipped in the middle", 50), ("emptied", 45), ("gone", 51)] {
        let mut scene = Scene::new();
        fs::create_dir_all(scene.at("source/was-dir/below")).expect("a directory");
        scene.write("source/was-dir/below/file", b"in a directory");
        scene.write("source/was-file", b"no directory");
        std::os::unix::fs::symlink("a", scene.at("source/was-link")).expect("a link");
        call("chmod", &["640", &scene.text("source/d/7")]);
        call(
            "touch",
            &["-d", "2020-02-02 UTC", &scene.text("source/d/7"), &scene.text("source/was-dir/below")],
        );
        scene.backup().ends(&[0], &[]);
        let first = scene.time;
        scene.copy_source("first");
        for n in 0..50 {
            scene.write(&format!("source/d/{n}"), &noise(n, 9000));
        }
        call("chmod", &["600", &scene.text("source/d/7")]);
        fs::remove_dir_all(scene.at("source/was-dir")).expect("a directory goes");
        scene.write("source/was-dir", b"now a file");
        fs::remove_file(scene.at("source/was-file")).expect("a file goes");
        fs::create_dir(scene.at("source/was-file")).expect("a directory");
        scene.write("source/was-file/new", b"new");
        fs::remove_file(scene.at("source/was-link")).expect("a link goes");
        let at = format!("inject=renameat,renameat2,unlinkat:signal=SIGKILL:when={kill}");
        let strace = ["-e", "trace=renameat,renameat2,unlinkat", "-e", &at];
        assert_eq!(scene.backup_under(&strace, &[]).code, None, "{how}");
        damage(&newest(&scene, "mirror_metadata.", ".snapshot"), how);
        scene.ours(&["regress", "disk/repo"]).ends(&[2], &["Regressing to", "are made again"]);
        restores_exactly(&scene, first, "first");
        scene.backup().ends(&[0], &[]);
        scene.verifies();
        restores_exactly(&scene, first, "first");
        restores_exactly(&scene, scene.time, "source");
    }
}
