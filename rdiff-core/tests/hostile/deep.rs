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
const LONG: Tree = Tree { name: "twenty-bytes-of-name", depth: 220 };
/// More levels than there can be calls within each other. What that takes grows with their square.
const DEEP: Tree = Tree { name: "d", depth: 3000 };

/// A directory in a directory and so on, all of one name, with a file in the innermost.
struct Tree {
    name: &'static str,
    depth: usize,
}

impl Tree {
    /// Opens the innermost directory below `top`, and makes all on the way there if `make`.
    fn descend(&self, top: &Path, make: bool) -> OwnedFd {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let mut at = rustix::fs::openat(CWD, top, flags, Mode::empty()).expect("a directory");
        for level in 0..self.depth {
            if make {
                rustix::fs::mkdirat(&at, self.name, Mode::RWXU).expect("a directory");
            }
            at = rustix::fs::openat(&at, self.name, flags, Mode::empty())
                .unwrap_or_else(|e| panic!("level {level}: {e}"));
        }
        at
    }

    /// Makes it, with `content` in its file.
    fn make(&self, top: &Path, content: &str) -> OwnedFd {
        fs::create_dir(top).expect("a directory");
        let innermost = self.descend(top, true);
        write_at(&innermost, content);
        innermost
    }

    fn content(&self, top: &Path) -> String {
        read_at(&self.descend(top, false))
    }
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

/// Restores both good sessions over each other, and looks into their depths.
fn restores(repo: &Path, target: &Path) {
    for (at, content) in TIMES.iter().zip(["one", "two"]) {
        let problems = Problems::default();
        ours::try_restore_over(repo, *at, target, &problems).expect("a restore");
        assert_eq!(problems.lines(), [""; 0]);
        assert_eq!(LONG.content(&target.join("changes")), content);
        assert_eq!(LONG.content(&target.join("goes")), "goes");
        assert!(!target.join("comes").exists());
    }
}

#[test]
fn a_tree_of_any_depth_is_backed_up_and_restored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo, target) =
        (dir.path().join("source"), dir.path().join("repo"), dir.path().join("target"));
    let deepest = DEEP.make(&source, "one");
    ours::back_up(&source, &repo, TIMES[0]);
    write_at(&deepest, "two");
    ours::back_up(&source, &repo, TIMES[1]);
    for (at, content) in TIMES.iter().zip(["one", "two"]) {
        ours::try_restore_over(&repo, *at, &target, &Problems::default()).expect("a restore");
        assert_eq!(DEEP.content(&target), content);
    }
    remove(&dir.keep());
}

#[test]
fn a_failed_session_in_depths_that_no_path_leads_to_is_regressed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo, target) =
        (dir.path().join("source"), dir.path().join("repo"), dir.path().join("target"));
    fs::create_dir(&source).expect("a directory");
    let deepest = LONG.make(&source.join("changes"), "one");
    LONG.make(&source.join("goes"), "goes");
    ours::back_up(&source, &repo, TIMES[0]);
    write_at(&deepest, "two");
    ours::back_up(&source, &repo, TIMES[1]);
    write_at(&deepest, "three");
    rustix::fs::mkdirat(&deepest, "new", Mode::RWXU).expect("a directory");
    remove(&source.join("goes"));
    LONG.make(&source.join("comes"), "comes");
    ours::back_up(&source, &repo, TIMES[2]);

    // As if the machine had stopped before the last step of the session.
    let last = SessionTime(TIMES[1]).format(&Zone::utc(), TimeSeparator::Colon);
    fs::write(repo.join(format!("rdiff-backup-data/current_mirror.{last}.data")), "").expect("a marker");
    restores(&repo, &target);
    let report = ours::undo(&repo).expect("a regress");
    let (good, undone) = (SessionTime(TIMES[1]), SessionTime(TIMES[2]));
    assert!(matches!(report, Some(RegressReport { good: g, undone: u, .. }) if g == good && u == undone));
    restores(&repo, &target);
    let deepest = LONG.descend(&repo.join("changes"), false);
    assert_eq!(read_at(&deepest), "two");
    let new = rustix::fs::statat(&deepest, "new", AtFlags::SYMLINK_NOFOLLOW);
    assert_eq!(new.err(), Some(rustix::io::Errno::NOENT));
    ours::back_up(&source, &repo, TIMES[2]);
    restores(&repo, &target);
    remove(&dir.keep());
}
