//! Trees far deeper than a path of the system can name.

use crate::TIMES;
use crate::ours::{self, Problems};
use rdiff_core::regress::RegressReport;
use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

/// Together they make a path longer than the 4096 bytes that the system takes.
const DEEP: usize = 220;
const NAME: &str = "twenty-bytes-of-name";

/// Opens the directory `NAME/NAME/…` below `top`, so many levels deep.
fn descend(top: &Path, depth: usize, make: bool) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let mut at = rustix::fs::openat(CWD, top, flags, Mode::empty()).expect("a directory");
    for level in 0..depth {
        if make {
            rustix::fs::mkdirat(&at, NAME, Mode::RWXU).expect("a directory");
        }
        at = rustix::fs::openat(&at, NAME, flags, Mode::empty())
            .unwrap_or_else(|e| panic!("level {level}: {e}"));
    }
    at
}

fn write_at(dir: &OwnedFd, content: &str) {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let file = rustix::fs::openat(dir, "f", flags, Mode::RUSR | Mode::WUSR).expect("a file");
    fs::File::from(file).write_all(content.as_bytes()).expect("a file");
}

fn read_at(dir: &OwnedFd) -> String {
    let file = rustix::fs::openat(dir, "f", OFlags::RDONLY, Mode::empty()).expect("a file");
    std::io::read_to_string(fs::File::from(file)).expect("text")
}

/// Nothing in the standard library removes as deep a tree.
fn remove(top: &Path) {
    assert!(Command::new("rm").arg("-rf").arg(top).status().expect("rm").success());
}

/// Makes a tree with `content` at its deepest.
fn make(top: &Path, content: &str) -> OwnedFd {
    fs::create_dir(top).expect("a directory");
    let deepest = descend(top, DEEP, true);
    write_at(&deepest, content);
    deepest
}

/// Restores both good sessions over each other, and looks into their depths.
fn restores(repo: &Path, target: &Path) {
    for (at, content) in TIMES.iter().zip(["one", "two"]) {
        let problems = Problems::default();
        ours::try_restore_over(repo, *at, target, &problems).expect("a restore");
        assert_eq!(problems.lines(), [""; 0]);
        assert_eq!(read_at(&descend(&target.join("changes"), DEEP, false)), content);
        assert_eq!(read_at(&descend(&target.join("goes"), DEEP, false)), "goes");
        assert!(!target.join("comes").exists());
    }
}

#[test]
fn a_tree_of_any_depth_is_backed_up_and_restored_and_regressed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo, target) =
        (dir.path().join("source"), dir.path().join("repo"), dir.path().join("target"));
    fs::create_dir(&source).expect("a directory");
    let deepest = make(&source.join("changes"), "one");
    make(&source.join("goes"), "goes");
    ours::back_up(&source, &repo, TIMES[0]);
    write_at(&deepest, "two");
    ours::back_up(&source, &repo, TIMES[1]);
    write_at(&deepest, "three");
    rustix::fs::mkdirat(&deepest, "new", Mode::RWXU).expect("a directory");
    remove(&source.join("goes"));
    make(&source.join("comes"), "comes");
    ours::back_up(&source, &repo, TIMES[2]);

    // As if the machine had stopped before the last step of the session.
    let last = SessionTime(TIMES[1]).format(&Zone::utc(), TimeSeparator::Colon);
    fs::write(repo.join(format!("rdiff-backup-data/current_mirror.{last}.data")), "").expect("a marker");
    restores(&repo, &target);
    let report = ours::undo(&repo).expect("a regress");
    let (good, undone) = (SessionTime(TIMES[1]), SessionTime(TIMES[2]));
    assert!(matches!(report, Some(RegressReport { good: g, undone: u, .. }) if g == good && u == undone));
    restores(&repo, &target);
    let deepest = descend(&repo.join("changes"), DEEP, false);
    assert_eq!(read_at(&deepest), "two");
    let new = rustix::fs::statat(&deepest, "new", AtFlags::SYMLINK_NOFOLLOW);
    assert_eq!(new.err(), Some(rustix::io::Errno::NOENT));
    ours::back_up(&source, &repo, TIMES[2]);
    restores(&repo, &target);
    remove(&dir.keep());
}
