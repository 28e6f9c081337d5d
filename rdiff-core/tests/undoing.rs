//! Sessions that failed, in states that chance seldom makes, and how regress undoes them.

mod ours;

use ours::NoGuard;
use rdiff_core::error::Error;
use rdiff_core::monitor::{Monitor, Recorder, Silent};
use rdiff_core::regress::{RegressReport, regress};
use rdiff_core::repo::disk::Disk;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::testing::{Fault, FaultyDisk, backup_on};
use rdiff_core::tree::Root;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const EIO: i32 = 5;

/// A source and its repository.
struct Place(TempDir);

impl Place {
    /// With a first session of these files, the later names of which are links to the first.
    fn new(files: &[&[&str]]) -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(place.at("source")).expect("a directory");
        for names in files {
            let first = place.at("source").join(names[0]);
            fs::write(&first, format!("the first content of {}\n", names[0]).repeat(200)).expect("a file");
            for name in &names[1..] {
                fs::hard_link(&first, place.at("source").join(name)).expect("a link");
            }
        }
        ours::back_up(&place.at("source"), &place.at("repo"), 1000);
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Changes the content of files, all their names with them.
    fn edit(&self, names: &[&str]) {
        for name in names {
            let path = self.at("source").join(name);
            let edited = fs::read_to_string(&path).expect("a file").replace("first", "second");
            fs::write(path, edited).expect("a file");
        }
    }

    /// A second session that ends at its n-th operation.
    fn fail_at(&self, n: u64) {
        let (base, repo, graves) = (self.at("base"), self.at("repo"), self.at("graves"));
        if !base.exists() {
            fs::rename(&repo, &base).expect("a rename");
        }
        for path in [&repo, &graves] {
            fs::remove_dir_all(path).ok();
        }
        let copied = std::process::Command::new("cp").arg("-a").arg(&base).arg(&repo).status();
        assert!(copied.expect("cp").success());
        fs::create_dir(&graves).expect("a directory");
        let root = Arc::new(Root::open(&repo).expect("the root"));
        let disk = Arc::new(FaultyDisk::new(root, &graves, Fault::From(n, EIO)));
        let source = Arc::new(ours::local(&self.at("source")));
        let done = backup_on(source, &NoGuard, disk as Arc<dyn Disk>, &ours::request(2000), &Silent);
        assert!(done.is_err(), "operation {n} is behind the end");
    }

    /// A second session that ends as soon as `name` has its new content in the mirror.
    fn fail_once_applied(&self, name: &str) {
        let is_applied = |n: &u64| {
            self.fail_at(*n);
            fs::read_to_string(self.at("repo").join(name)).is_ok_and(|text| text.contains("second"))
        };
        (0..1000).find(is_applied).expect("a point at which it is in its place");
    }

    /// The increments of a path that the failed session wrote.
    fn increments(&self, name: &str) -> Vec<PathBuf> {
        let dir = fs::read_dir(self.at("repo/rdiff-backup-data/increments")).expect("increments");
        let paths = dir.map(|entry| entry.expect("an entry").path());
        let begin = format!("{name}.1970-");
        paths.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&begin))).collect()
    }

    fn regress(&self, monitor: &dyn Monitor) -> Result<RegressReport, Error> {
        let repo = Arc::new(Repository::open(&self.at("repo"))?);
        regress(&Writer::new(repo, false)?, monitor).map(|report| report.expect("something to undo"))
    }

    fn mirror(&self, name: &str) -> String {
        fs::read_to_string(self.at("repo").join(name)).expect("a file of the mirror")
    }

    fn inode(&self, name: &str) -> u64 {
        fs::metadata(self.at("repo").join(name)).expect("a file of the mirror").ino()
    }

    fn is_clean(&self) -> bool {
        let state = Repository::open(&self.at("repo")).and_then(|repo| repo.state()).expect("a state");
        matches!(state, MirrorState::Clean(at) if at.0 == 1000)
    }
}

/// What a session had kept of later names, and no barrier had covered, goes with the power; the first name was
/// changed in the batch before.
#[test]
fn later_names_are_linked_again_to_a_first_that_was_put_back() {
    for without in [&["m"][..], &["z"], &["m", "z"]] {
        let place = Place::new(&[&["a", "m", "z"], &["x"]]);
        place.edit(&["a", "x"]);
        place.fail_once_applied("a");
        for name in without {
            let lost = place.increments(name);
            assert_eq!(lost.len(), 1, "{lost:?}");
            fs::remove_file(&lost[0]).expect("an increment goes");
        }
        assert_ne!(place.inode("a"), place.inode("z"), "z was not yet changed");
        place.regress(&Silent).expect("a regress");
        assert!(place.is_clean());
        for name in ["a", "m", "z"] {
            assert!(place.mirror(name).contains("first"), "{name}");
            assert_eq!(
                place.inode(name),
                place.inode("a"),
                "{name} is a file of its own, without {without:?}"
            );
        }
        let repo = place.at("repo");
        ours::restore_all(&repo, 1000, &place.at("restored"));
        ours::back_up(&place.at("source"), &repo, 3000);
        assert_eq!(place.inode("z"), place.inode("a"));
    }
}

/// Cut off in the midst: a disk that loses what was said to be durable.
fn damage(increment: &Path) -> Vec<u8> {
    let content = fs::read(increment).expect("an increment");
    let cut = content[..content.len() / 2].to_vec();
    fs::write(increment, &cut).expect("an increment");
    cut
}

#[test]
fn an_increment_that_is_damaged_keeps_nothing_else_from_being_put_back() {
    let place = Place::new(&[&["a"], &["bad"], &["x", "x-too"]]);
    place.edit(&["a", "bad", "x"]);
    place.fail_once_applied("x");
    let increments = place.increments("bad");
    let left = damage(&increments[0]);
    let monitor = Recorder::default();
    place.regress(&monitor).expect("a regress");
    let said = monitor.lines().join("\n");
    let name = increments[0].file_name().expect("a name");
    assert!(said.contains("bad can't be put back") && said.contains(&*name.to_string_lossy()), "{said}");
    assert!(place.is_clean());
    for (name, content) in [("a", "first"), ("x", "first"), ("x-too", "first"), ("bad", "second")] {
        assert!(place.mirror(name).contains(content), "{name}");
    }
    assert_eq!(place.inode("x"), place.inode("x-too"));
    let kept = place.at("repo/rdiff-backup-data/damaged").join(name);
    assert_eq!(fs::read(kept).expect("what is left of the increment"), left);
    // Backups go on, and only what needs it is lost.
    let repo = place.at("repo");
    ours::back_up(&place.at("source"), &repo, 3000);
    ours::restore_all(&repo, 3000, &place.at("third"));
    let problems = ours::Problems::default();
    ours::try_restore(&repo, 1000, b"", &place.at("first"), &problems).expect("a restore");
    assert_eq!(problems.heads(), ["ListError bad"]);
    for name in ["a", "x", "x-too"] {
        assert!(
            fs::read_to_string(place.at("first").join(name)).expect("a file").contains("first"),
            "{name}"
        );
    }
}

#[test]
fn a_name_of_a_file_whose_first_name_is_lost_keeps_its_content() {
    let place = Place::new(&[&["a", "z"]]);
    place.edit(&["a"]);
    place.fail_once_applied("a");
    damage(&place.increments("a")[0]);
    place.regress(&Silent).expect("a regress");
    assert!(place.is_clean());
    assert!(place.mirror("a").contains("second"));
    assert!(place.mirror("z").contains("first"), "the good name was linked to the bad one");
    ours::back_up(&place.at("source"), &place.at("repo"), 3000);
}

/// As after a power cut on a disk that had said too early that it is durable.
#[test]
fn an_increment_that_is_gone_is_told_and_the_rest_is_put_back() {
    let place = Place::new(&[&["a"], &["bad"]]);
    place.edit(&["a", "bad"]);
    place.fail_once_applied("bad");
    fs::remove_file(&place.increments("bad")[0]).expect("an increment goes");
    let monitor = Recorder::default();
    place.regress(&monitor).expect("a regress");
    assert!(monitor.lines().join("\n").contains("there is no increment for it"));
    assert!(
        place.is_clean() && place.mirror("a").contains("first") && place.mirror("bad").contains("second")
    );
    ours::back_up(&place.at("source"), &place.at("repo"), 3000);
}
