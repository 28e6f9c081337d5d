//! A directory with sources, repositories and other things, all made by the real program; copies of it; and
//! what a run left in one.

use crate::programs::{run, words};
use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first session; the others follow a day apart.
pub(crate) const T0: i64 = 1_700_000_000;
const DAY: i64 = 86_400;
const DATA: &str = "rdiff-backup-data";
/// Links to other places, by their names.
const LINKS: [(&str, &str); 3] = [("toR", "r"), ("toNow", "now"), ("toNone", "none")];

/// The template, removed when dropped.
pub(crate) struct World {
    dir: tempfile::TempDir,
    real: PathBuf,
}

impl World {
    pub(crate) fn new(real: &Path) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), real: real.to_path_buf() };
        world.sources();
        world.repositories();
        world.damaged();
        world.others();
        world
    }

    /// A copy of what a command line names, with all attributes.
    pub(crate) fn copy(&self, line: &str) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        let mut named: HashSet<&str> = line.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        // With what links lead to.
        named.extend(LINKS.iter().filter(|(link, _)| line.contains(link)).map(|(_, to)| to));
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            if named.contains(entry.file_name().to_str().unwrap()) {
                cp(&entry.path(), copy.path());
            }
        }
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Four states of a tree: `s0` to `s3`; `now` is `s3` once more, `later` is a fifth.
    fn sources(&self) {
        let s = self.path("s0");
        fs::create_dir_all(s.join("d/deep")).unwrap();
        fs::create_dir_all(s.join("empty")).unwrap();
        fs::create_dir_all(s.join("turns")).unwrap();
        put(&s, "a.txt", "first\n", 1);
        put(&s, "big", &"a line that repeats\n".repeat(2000), 2);
        put(&s, "d/b.txt", "b\n", 3);
        put(&s, "d/deep/c.TXT", "c\n", 4);
        put(&s, "d/gone", "soon\n", 5);
        put(&s, "sp ace 'quote'", "x", 6);
        put(&s, "new\nline", "y", 7);
        put(&s, "UPPER", "z", 8);
        put(&s, "t.jpg", &"picture ".repeat(100), 9);
        put(&s, "turns/in", "dir\n", 10);
        put(&s, "linked", "one inode\n", 11);
        fs::hard_link(s.join("linked"), s.join("d/linked too")).unwrap();
        symlink("a.txt", s.join("link")).unwrap();
        assert!(Command::new("mkfifo").arg(s.join("pipe")).status().unwrap().success());
        settle(&s);
        let s = self.next("s0", "s1");
        put(&s, "a.txt", "first\nsecond\n", 101);
        put(&s, "big", &("a line that repeats\n".repeat(1000) + "other\n"), 102);
        fs::remove_file(s.join("d/gone")).unwrap();
        put(&s, "n.txt", "new\n", 103);
        settle(&s);
        let s = self.next("s1", "s2");
        fs::remove_dir_all(s.join("turns")).unwrap();
        put(&s, "turns", "file\n", 201);
        put(&s, "t.jpg", &"image ".repeat(100), 202);
        fs::set_permissions(s.join("d/b.txt"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        settle(&s);
        let s = self.next("s2", "s3");
        put(&s, "a.txt", "third\n", 301);
        put(&s, "d/deep/late", "l\n", 302);
        settle(&s);
        self.next("s3", "now");
        let s = self.next("s3", "later");
        put(&s, "d/b.txt", "bbb\n", 401);
        fs::remove_file(s.join("n.txt")).unwrap();
        put(&s, "very new", "v\n", 402);
        settle(&s);
    }

    fn next(&self, old: &str, new: &str) -> PathBuf {
        let path = self.path(new);
        cp(&self.path(old), &path);
        path
    }

    /// `r` has four sessions, `r201` as well with the newer interface, `one` has one; `quoted` and `dashes`
    /// spell names in another way.
    fn repositories(&self) {
        for (options, repo, count) in [
            ("", "r", 4),
            ("--api-version 201 ", "r201", 4),
            ("", "one", 1),
            ("--chars-to-quote A-Z ", "quoted", 3),
            ("--use-compatible-timestamps ", "dashes", 2),
        ] {
            for n in 0..count {
                self.by_real(&format!("{options}--current-time {} backup s{n} {repo}", T0 + n * DAY));
            }
        }
    }

    /// `failed` has a session that did not finish, `begun` a first one; `flipped` and `lost` miss
    /// content, and so does `marred` of the newer interface.
    fn damaged(&self) {
        let failed = self.next("r", "failed");
        let markers = |n| failed.join(DATA).join(format!("current_mirror.2023-11-{n}T22:13:20Z.data"));
        // No living process has this number, for Linux counts to four millions.
        fs::write(markers(16), "PID 99999999\n").unwrap();
        fs::write(markers(17), "PID 99999999\n").unwrap();
        let begun = self.next("one", "begun");
        fs::remove_file(begun.join(DATA).join("current_mirror.2023-11-14T22:13:20Z.data")).unwrap();
        let (flipped, lost) = (self.next("r", "flipped"), self.next("r", "lost"));
        put(&flipped, "a.txt", "tHird\n", 301);
        fs::remove_file(lost.join("n.txt")).unwrap();
        let marred = self.next("r201", "marred");
        put(&marred, "a.txt", "tHird\n", 301);
        fs::remove_file(marred.join("n.txt")).unwrap();
        let count = i64::try_from(fs::read_dir(self.path("s3")).unwrap().count()).unwrap();
        set_time(&flipped, count);
        set_time(&lost, count);
        set_time(&marred, count);
    }

    fn others(&self) {
        let top = self.dir.path();
        fs::create_dir(top.join("none")).unwrap();
        for (link, to) in LINKS {
            symlink(to, top.join(link)).unwrap();
        }
        fs::create_dir(top.join("full")).unwrap();
        put(top, "full/mine", "mine\n", 1);
        put(top, "file", "file\n", 1);
        put(top, "list", "s3/a.txt\ns3/d\n", 1);
        put(top, "list0", "s3/a.txt\0s3/d\0", 1);
        put(top, "globs", "+ s3/**.txt\n- s3/**\n", 1);
        put(top, "mixed", "- s3/d/deep\n+ s3/d\n- s3\n", 1);
        put(top, "off", "elsewhere/x\n", 1);
        put(top, "map", "root:daemon\n0:1\n", 1);
        put(top, "badmap", "no colon\n", 1);
        put(top, "args", "list\nfiles\nr\n", 1);
        put(top, "stats", "StartTime 1.00 (x)\nnonsense\n", 1);
    }

    fn by_real(&self, line: &str) {
        let done = run(&self.real, self.dir.path(), &words(line), "");
        assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    }
}

fn cp(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// Writes a file that was changed so many seconds after the second 1,600,000,000.
fn put(dir: &Path, name: &str, text: &str, age: i64) {
    let path = dir.join(name);
    // A new inode, for the old one may have several names.
    drop(fs::remove_file(&path));
    fs::write(&path, text).unwrap();
    set_time(&path, age);
}

fn set_time(path: &Path, age: i64) {
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(1_600_000_000 + age).unwrap());
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// Gives every directory a time of its own, so that it does not depend on when the test runs.
fn settle(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            settle(&entry.path());
        }
    }
    set_time(dir, i64::try_from(fs::read_dir(dir).unwrap().count()).unwrap());
}

/// What is in a directory: paths, and what matters of each. Of a repository's own files that is the name, but
/// for those that only ours has, which the real program doesn't mind, and for directories, of which the real
/// program makes more than it needs.
pub(crate) fn manifest(dir: &Path, started: SystemTime) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let stat = fs::symlink_metadata(&path).unwrap();
            if stat.is_dir() {
                todo.push(path.clone());
            }
            let name = path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
            if !name.contains(DATA) {
                found.insert(name, described(&path, &stat, started));
            } else if stat.is_file() && !OURS.iter().any(|own| name.contains(own)) {
                found.insert(without_now(&name, started), own_file(&path));
            }
        }
    }
    found
}

const OURS: [&str; 2] = ["/lock.yml", "/source_index."];

/// The name of a file with the time of this run, without that time.
fn without_now(name: &str, started: SystemTime) -> String {
    let seconds = |t: SystemTime| i64::try_from(t.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    (seconds(started)..=seconds(SystemTime::now()))
        .map(|t| SessionTime(t).format(&Zone::utc(), TimeSeparator::Colon))
        .fold(name.to_owned(), |name, time| name.replace(&time, "NOW"))
}

/// Settings have no times or inodes in them.
fn own_file(path: &Path) -> String {
    let is_setting = ["chars_to_quote", "special_escapes"].iter().any(|n| path.ends_with(n));
    if is_setting { String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned() } else { String::new() }
}

fn described(path: &Path, stat: &fs::Metadata, started: SystemTime) -> String {
    let kind = stat.file_type();
    let content = if kind.is_file() {
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    } else if kind.is_symlink() {
        fs::read_link(path).unwrap().to_string_lossy().into_owned()
    } else {
        String::new()
    };
    // The real program does not set the times of links.
    let is_new = stat.modified().unwrap() > started - Duration::from_secs(600);
    let time = if is_new || kind.is_symlink() { 0 } else { stat.mtime() };
    let links = if kind.is_dir() { 0 } else { stat.nlink() };
    format!("{:o} {}:{} {time} {links} {content:?}", stat.mode(), stat.uid(), stat.gid())
}
