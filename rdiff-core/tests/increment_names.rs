//! Directories that bear the names of increments. Below such a directory its own increments stand; where its name is
//! that of an increment of the session at hand, there is one place for both.

mod ours;

use ours::Problems;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The times of the sessions, and how they are written.
const TIMES: [(i64, &str); 4] = [
    (1_000_000_000, "2001-09-09T01:46:40Z"),
    (1_000_001_000, "2001-09-09T02:03:20Z"),
    (1_000_002_000, "2001-09-09T02:20:00Z"),
    (1_000_003_000, "2001-09-09T02:36:40Z"),
];
/// What an increment can be.
const KINDS: [&str; 6] = ["missing", "dir", "snapshot", "snapshot.gz", "diff", "diff.gz"];

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir_all(place.at("source/dir")).expect("a directory");
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::write(self.at("source").join(path), content).expect("a file");
    }

    /// A session, the problems of which are about these paths, and a copy of its source.
    #[track_caller]
    fn session(&self, n: usize, held: &[String]) {
        let problems = Problems::default();
        let (at, _) = TIMES[n];
        ours::try_backup(&self.at("source"), &self.at("repo"), &ours::request(at), &problems)
            .expect("a backup");
        let want: Vec<String> = held.iter().map(|path| format!("UpdateError {path}")).collect();
        assert_eq!(problems.heads(), want, "session {n}");
        copy(&self.at("source"), &self.at(&format!("copy-{n}")));
    }

    /// What of a session is restored; but for these paths it is what there was.
    #[track_caller]
    fn restores(&self, n: usize, but: &[String]) {
        let target = self.at(&format!("restored-{n}"));
        fs::remove_dir_all(&target).ok();
        ours::restore_all(&self.at("repo"), TIMES[n].0, &target);
        let (mut want, mut got) = (Vec::new(), Vec::new());
        list(&self.at(&format!("copy-{n}")), "", &mut want);
        list(&target, "", &mut got);
        want.retain(|(path, _)| !but.iter().any(|b| path == b || path.starts_with(&format!("{b}/"))));
        assert_eq!(got, want, "session {n}");
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("cp").success());
}

fn list(dir: &Path, path: &str, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(dir).expect("a directory").map(|e| e.expect("an entry")).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{path}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.push((path.clone(), String::new()));
            list(&entry.path(), &format!("{path}/"), found);
        } else {
            found.push((path, fs::read_to_string(entry.path()).expect("a file")));
        }
    }
}

/// Somebody who may write to the source makes directories of these names once he knows the time of a session.
#[test]
fn a_directory_with_the_name_of_an_increment_to_be_waits_for_the_next_session() {
    let place = Place::new();
    for name in ["file", "dir/in", "goes"] {
        place.write(name, "first");
    }
    place.session(0, &[]);
    let mut planted: Vec<String> = Vec::new();
    for base in ["dir", "file", "goes", "new"] {
        planted.extend(KINDS.iter().map(|kind| format!("{base}.{}.{kind}", TIMES[0].1)));
    }
    planted.sort();
    for dir in &planted {
        fs::create_dir(place.at("source").join(dir)).expect("a directory");
        place.write(&format!("{dir}/in"), "planted");
    }
    for name in ["file", "dir/in", "new"] {
        place.write(name, "the second");
    }
    fs::remove_file(place.at("source/goes")).expect("a file goes");
    place.session(1, &planted);
    // Of some the increments stand there now, and will as long as that session does.
    let taken = |dir: &&String| place.at("repo/rdiff-backup-data/increments").join(dir).is_file();
    let taken: Vec<String> = planted.iter().filter(taken).cloned().collect();
    assert_eq!(taken.len(), 4, "one of each path: {taken:?}");
    for dir in &planted {
        place.write(&format!("{dir}/in"), "planted again");
    }
    place.session(2, &taken);
    for dir in &planted {
        fs::remove_dir_all(place.at("source").join(dir)).expect("a directory goes");
    }
    place.session(3, &[]);
    place.restores(0, &[]);
    place.restores(1, &planted);
    place.restores(2, &taken);
    place.restores(3, &[]);
}

/// It was there before anything had an increment of its name, and nothing in it had changed yet.
#[test]
fn a_directory_with_the_name_of_a_session_file_waits_for_nothing() {
    let place = Place::new();
    let names = ["current_mirror", "session_statistics"].map(|base| format!("{base}.{}.data", TIMES[0].1));
    for name in &names {
        place.write(name, "a file");
    }
    place.session(0, &[]);
    for name in &names {
        fs::remove_file(place.at("source").join(name)).expect("a removal");
        fs::create_dir(place.at("source").join(name)).expect("a directory");
        place.write(&format!("{name}/in"), "within");
    }
    place.session(1, &[]);
    (0..2).for_each(|n| place.restores(n, &[]));
}

#[test]
fn the_place_of_a_directory_in_the_mirror_is_never_taken() {
    let place = Place::new();
    place.write("dir/file", "first");
    place.write("stays", "first");
    let dirs = KINDS.map(|kind| format!("dir/file.{}.{kind}", TIMES[1].1));
    let alone = format!("dir/file.{}.diff.gz", TIMES[1].1);
    fs::create_dir(place.at("source").join(&alone)).expect("a directory");
    place.write(&format!("{alone}/in"), "first");
    place.session(0, &[]);
    place.session(1, &[]);
    place.write("dir/file", "the second");
    place.session(2, std::slice::from_ref(&alone));
    let increments = place.at("repo/rdiff-backup-data/increments");
    assert!(increments.join(&dirs[4]).is_file() && !increments.join(&alone).exists(), "the other name of it");
    // With all above it.
    fs::remove_dir_all(place.at("source/dir")).expect("a directory goes");
    place.session(3, &[]);
    for n in 0..4 {
        place.restores(n, &[]);
    }
}

/// Somebody guesses the time of a session to come, and his directories have a history by then.
#[test]
fn a_directory_with_a_history_keeps_it_when_its_name_becomes_that_of_an_increment() {
    let place = Place::new();
    for name in ["file", "dir/in"] {
        place.write(name, "first");
    }
    let planted = [
        format!("dir.{}.dir", TIMES[2].1),
        format!("file.{}.diff", TIMES[2].1),
        format!("new.{}.missing", TIMES[2].1),
    ];
    for (n, content) in ["one", "another", "a third"].into_iter().enumerate() {
        for dir in &planted {
            fs::create_dir_all(place.at("source").join(dir)).expect("a directory");
            place.write(&format!("{dir}/in"), content);
        }
        place.session(n, &[]);
    }
    for name in ["file", "dir/in", "dir/new", "new"] {
        place.write(name, "the second");
    }
    for dir in &planted {
        place.write(&format!("{dir}/in"), "a fourth");
    }
    place.session(3, &planted);
    for n in 0..3 {
        place.restores(n, &[]);
    }
    // What was planted is as it was; the rest is new.
    ours::restore_all(&place.at("repo"), TIMES[3].0, &place.at("last"));
    for (path, content) in
        [("file", "the second"), ("new", "the second"), (&format!("{}/in", planted[0]), "a third")]
    {
        assert_eq!(fs::read_to_string(place.at("last").join(path)).expect("a file"), content, "{path}");
    }
}
