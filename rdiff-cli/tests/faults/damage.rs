//! Repositories in which somebody has changed what is not his.

use crate::scene::{Scene, call, noise};
use std::fs;

/// What is damaged in the mirror is lost, and no more than that: sessions go on, and can be undone.
#[test]
fn a_mirror_file_that_is_lost_or_damaged_stops_neither_backup_nor_regress() {
    let mut scene = Scene::new();
    scene.write("source/b", b"first");
    scene.backup().ends(&[0], &[]);
    let first = scene.time.to_string();
    fs::remove_file(scene.at("disk/repo/a")).expect("a file goes");
    scene.write("disk/repo/b", b"worst");
    for name in ["source/a", "source/b"] {
        scene.write(name, b"the second");
    }
    scene.backup().ends(&[0], &[]);
    scene.ours(&["verify", "disk/repo"]).ends(&[0], &[]);
    scene.ours(&["verify", "--all", "disk/repo"]).ends(&[2], &["file a of", "file b of", "found 2"]);
    let said = ["a was damaged before", "b was damaged before", "`touch` that"];
    scene.ours(&["--api-version", "201", "--force", "regress", "disk/repo"]).ends(&[0, 2], &said);
    assert_eq!(fs::read(scene.at("disk/repo/b")).expect("a file"), b"worst");
    scene.backup().ends(&[0], &[]);
    scene.ours(&["verify", "disk/repo"]).ends(&[0], &[]);
    scene.ours(&["verify", "--at", &first, "disk/repo"]).ends(&[2], &["found 2"]);
}

/// A repository may belong to somebody who wishes its readers ill. What stands there instead of a file is neither
/// followed nor waited for.
#[test]
fn what_the_owner_of_a_repository_plants_is_not_followed() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    scene.write("secret", b"nobody's business");
    call("cp", &["-a", &scene.text("disk/repo"), &scene.text("clean")]);
    let data = "disk/repo/rdiff-backup-data";
    let places = ["backup.log", "restore.log", "lock.yml", "staging", "long_filename_data", "increments"];
    for (place, plant) in places.iter().flat_map(|place| [(place, "link"), (place, "pipe")]) {
        let (repo, planted) = (scene.text("disk/repo"), scene.at(&format!("{data}/{place}")));
        fs::remove_dir_all(&repo).expect("a directory goes");
        call("cp", &["-a", &scene.text("clean"), &repo]);
        if planted.is_dir() {
            fs::remove_dir_all(&planted).expect("a directory goes");
        } else if planted.exists() {
            fs::remove_file(&planted).expect("a file goes");
        }
        match plant {
            "link" => std::os::unix::fs::symlink(scene.at("secret"), &planted).expect("a link"),
            _ => drop(call("mkfifo", &[&planted.display().to_string()])),
        }
        scene.write("source/a", plant.as_bytes());
        // They end, one way or the other.
        scene.backup().ends(&[0, 1], &[]);
        scene.ours(&["restore", "disk/repo", "target"]).ends(&[0, 1, 2], &[]);
        fs::remove_dir_all(scene.at("target")).ok();
        let secret = fs::read(scene.at("secret")).expect("a file");
        assert_eq!(secret, b"nobody's business", "{place}: a {plant}");
    }
}

/// What can't be read now may be read the next time. What is damaged stays so, and keeps nothing else from going on.
#[test]
fn a_regress_gives_up_what_is_damaged_and_nothing_that_a_disk_only_fails_to_read() {
    let mut scene = Scene::new();
    scene.backup().ends(&[0], &[]);
    let first = scene.time;
    scene.copy_source("first");
    for n in 0..50u32 {
        scene.write(&format!("source/d/{n}"), &noise(n + 77, 8000));
    }
    scene.write("source/a", b"later");
    // With some of the files in their places.
    scene.backup_under(&["-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=12"], &[]);
    let increments = scene.at("disk/repo/rdiff-backup-data/increments");
    let names = fs::read_dir(&increments).expect("increments").map(|e| e.expect("an entry").file_name());
    let names: Vec<String> = names.map(|n| n.into_string().expect("text")).collect();
    let of_a = increments.join(names.iter().find(|n| n.starts_with("a.")).expect("an increment of a"));
    let text = of_a.to_str().expect("text");
    let fails = ["-P", text, "-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO"];
    let words = ["cannot read", text, "Input/output error", "see the kernel's log"];
    scene.ours_under(&fails, &["regress", "disk/repo"]).ends(&[1], &words);
    scene.restores(first, "first");
    // By then it is.
    fs::write(&of_a, b"no delta").expect("a file");
    let words = ["a can't be put back", text, "is kept in rdiff-backup-data/damaged"];
    scene.ours(&["regress", "disk/repo"]).ends(&[2], &words);
    scene.backup().ends(&[0], &[]);
    scene.copy_source("last");
    scene.restores(scene.time, "last");
    scene.ours(&["verify", "--all", "disk/repo"]).ends(&[2], &["file a of", "found 1"]);
}
