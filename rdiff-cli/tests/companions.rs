//! `rdiff-backup-delete` and `rdiff-backup-statistics` beside the original's: output, exit code, effect, and what
//! the original makes of a repository afterwards.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "differential/programs.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod programs;

use programs::{Outcome, real, run, words};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

const T0: i64 = 1_700_000_000;
const DAY: i64 = 86_400;
const SESSIONS: i64 = 3;

struct Lab {
    dir: tempfile::TempDir,
    real: PathBuf,
}

/// A program of ours, or of the original, by the end of its name.
fn ours(name: &str) -> PathBuf {
    match name {
        "" => env!("CARGO_BIN_EXE_rdiff-backup"),
        "-delete" => env!("CARGO_BIN_EXE_rdiff-backup-delete"),
        _ => env!("CARGO_BIN_EXE_rdiff-backup-statistics"),
    }
    .into()
}

impl Lab {
    /// `r` is written by the original, `quoted` too, `mine` by ours: three sessions each of the same tree.
    fn new() -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap(), real: real() };
        let s = lab.path("s");
        fs::create_dir_all(s.join("d/deep")).unwrap();
        lab.put("d/b", "b\n", 1);
        lab.put("d/deep/c", "c\n", 2);
        lab.put("a", "one inode\n", 3);
        fs::hard_link(s.join("a"), s.join("z too")).unwrap();
        lab.put("big", &"a line that repeats\n".repeat(2000), 4);
        lab.put(&"L".repeat(220), "long\n", 5);
        lab.put("back\\slash;065", "odd\n", 6);
        symlink("a", s.join("link")).unwrap();
        xattr::set(s.join("d/b"), "user.note", b"kept").unwrap();
        lab.session(0);
        lab.put("d/b", "b, again\n", 11);
        lab.put(&"L".repeat(220), "long, again\n", 12);
        // Through the old name: both have the new content.
        fs::write(s.join("a"), "one inode, again\n").unwrap();
        lab.set_time("a", 13);
        lab.session(1);
        fs::remove_dir_all(s.join("d/deep")).unwrap();
        lab.put("d/new", "n\n", 21);
        lab.put("big", &"another line\n".repeat(1500), 22);
        lab.session(2);
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str, age: i64) {
        let path = self.path("s").join(name);
        drop(fs::remove_file(&path));
        fs::write(&path, text).unwrap();
        self.set_time(name, age);
    }

    fn set_time(&self, name: &str, age: i64) {
        let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(1_600_000_000 + age).unwrap());
        fs::File::open(self.path("s").join(name)).unwrap().set_modified(time).unwrap();
    }

    fn session(&self, n: i64) {
        let at = T0 + n * DAY;
        self.succeeds(&self.real, &format!("--no-fsync --current-time {at} backup s r"));
        self.succeeds(
            &self.real,
            &format!("--no-fsync --chars-to-quote A-Z --current-time {at} backup s quoted"),
        );
        self.succeeds(&ours(""), &format!("--no-fsync --current-time {at} backup s mine"));
    }

    fn run(&self, program: &Path, line: &str) -> Outcome {
        run(program, self.dir.path(), &words(line), "")
    }

    fn succeeds(&self, program: &Path, line: &str) -> String {
        let done = self.run(program, line);
        assert_eq!(done.code, 0, "{} {line}: {}", program.display(), done.stderr);
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// A fresh copy of a repository under this name.
    fn copy(&self, from: &str, to: &str) {
        drop(fs::remove_dir_all(self.path(to)));
        let status = Command::new("cp").arg("-a").args([self.path(from), self.path(to)]).status().unwrap();
        assert!(status.success());
    }

    fn companion(&self, name: &str) -> PathBuf {
        self.real.with_file_name(format!("rdiff-backup{name}"))
    }

    /// All paths of a tree, and the content of its files: but for what only ours keeps, and times.
    fn tree(&self, top: &str) -> BTreeSet<String> {
        let (mut found, mut todo) = (BTreeSet::new(), vec![self.path(top)]);
        while let Some(path) = todo.pop() {
            let name = path.strip_prefix(self.path(top)).unwrap().to_string_lossy().into_owned();
            let stat = path.symlink_metadata().unwrap();
            if stat.is_dir() {
                todo.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
                found.insert(format!("{name}/"));
            } else if !name.starts_with("rdiff-backup-data/") && stat.is_file() {
                let sum = fs::read(&path)
                    .unwrap()
                    .iter()
                    .fold(7u64, |sum, b| (sum * 31 + u64::from(*b)) % 9_999_991);
                found.insert(format!("{name} {sum} {}", stat.nlink()));
            } else if !["lock.yml", "source_index"].iter().any(|own| name.contains(own)) {
                // An empty file of attributes is not compressed; the original's program leaves it so.
                found.insert(name.replace(".snapshot.gz", ".snapshot").replace(".diff.gz", ".diff"));
            }
        }
        found
    }

    /// The files in the data directory of `w`, but for logs, in which a text stands.
    fn files_that_name(&self, text: &str) -> Vec<PathBuf> {
        let names = |path: &PathBuf| {
            let mut bytes = fs::read(path).unwrap();
            if bytes.starts_with(&[0x1f, 0x8b]) {
                let packed = std::mem::take(&mut bytes);
                flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            }
            bytes.windows(text.len()).any(|w| w == text.as_bytes())
        };
        let files = fs::read_dir(self.path("w/rdiff-backup-data")).unwrap().map(|e| e.unwrap().path());
        files.filter(|p| p.is_file() && p.extension().is_none_or(|e| e != "log")).filter(names).collect()
    }

    fn restored_by_the_original(&self, repo: &str, n: i64) -> BTreeSet<String> {
        drop(fs::remove_dir_all(self.path("out")));
        self.succeeds(&self.real, &format!("--no-fsync restore --at {} {repo} out", T0 + n * DAY));
        self.tree("out")
    }
}

fn sorted(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> =
        String::from_utf8_lossy(&outcome.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    // The original's tries to delete what it deletes for each record that names it.
    lines.dedup();
    lines
}

#[test]
fn a_purge_does_what_the_original_does_and_leaves_what_it_can_read() {
    let lab = Lab::new();
    a_purge_is_that_of_the_original(&lab);
    the_original_reads_what_a_purge_leaves(&lab);
    what_a_purge_refuses(&lab);
}

fn a_purge_is_that_of_the_original(lab: &Lab) {
    let long = "L".repeat(220);
    for (options, path) in [
        ("--dry-run ", "d"),
        ("", "d"),
        ("", "a"),
        ("-d ", &long),
        ("", &long),
        ("", "link"),
        ("", "d/deep/c"),
        ("--dry ", "d/../d//b"),
        ("", "never"),
    ] {
        let line = format!("{options}w/{path}");
        let [real, ours] = [lab.companion("-delete"), ours("-delete")].map(|program| {
            lab.copy("r", "w");
            let outcome = lab.run(&program, &line);
            (outcome.code, sorted(&outcome), lab.tree("w"))
        });
        assert_eq!((real.0, real.1), (ours.0, ours.1), "{line}");
        assert_eq!(real.2.symmetric_difference(&ours.2).collect::<Vec<_>>(), [""; 0], "{line}");
    }
}

fn the_original_reads_what_a_purge_leaves(lab: &Lab) {
    // In a quoted repository a path is named as it stands in the mirror.
    let long = ["L", ";076"].map(|l| l.repeat(220));
    for (repo, path, name) in [
        ("r", "d", "d"),
        ("mine", "d", "d"),
        ("mine", "a", "a"),
        ("mine", &long[0], &long[0]),
        ("quoted", "back\\slash;059065", "back\\slash;065"),
    ] {
        lab.copy(repo, "w");
        lab.succeeds(&ours("-delete"), &format!("w/{path}"));
        let is_gone = |line: &String| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '/']) || rest.is_empty())
        };
        for n in 0..SESSIONS {
            lab.succeeds(&lab.real, &format!("verify --at {} w", T0 + n * DAY));
            let mut want = lab.restored_by_the_original(repo, n);
            want.retain(|line| !is_gone(line));
            if name == "a" {
                // The other name is the only one now.
                want = want
                    .iter()
                    .map(|l| if l.starts_with("z too ") { l.replace(" 2", " 1") } else { l.clone() })
                    .collect();
            }
            let got = lab.restored_by_the_original("w", n);
            assert_eq!(
                got.symmetric_difference(&want).collect::<Vec<_>>(),
                [""; 0],
                "{repo}/{path}, session {n}"
            );
        }
        if name.len() > 2 || name == "d" {
            let traces = lab.files_that_name(if name == "d" { "deep" } else { name });
            assert!(traces.is_empty(), "{repo}/{path}: {traces:?}");
        }
        lab.succeeds(&lab.real, &format!("--no-fsync --current-time {} backup s w", T0 + 9 * DAY));
    }
}

fn what_a_purge_refuses(lab: &Lab) {
    lab.copy("r", "w");
    let before = lab.tree("w");
    let refused = |line: &str, why: &str| {
        let done = lab.run(&ours("-delete"), line);
        assert_eq!(done.code, 1, "{line}");
        assert!(done.stderr.contains(why), "{line}: {}", done.stderr);
    };
    refused("", "required");
    refused("w/a w/b", "unexpected argument");
    refused("--bogus w/a", "--bogus");
    refused("w", "is a whole repository");
    refused("s/a", "not in a rdiff-backup repository");
    refused("w/rdiff-backup-data", "can't be rdiff-backup-data");
    refused("w/rdiff-backup-data/increments/a", "can't be rdiff-backup-data");
    assert_eq!(lab.tree("w"), before);
    let lock = fs::File::create(lab.path("w/rdiff-backup-data/lock.yml")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    refused("w/a", "is in use by");
    // A signal ends the waiting, and is told.
    let mut waiting = Command::new(ours("-delete"));
    waiting.arg("w/a").current_dir(lab.dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&waiting);
    let takes = format!("/proc/{}/status", waiting.id());
    let listens = || {
        let status = fs::read_to_string(&takes).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
    };
    while !listens() {
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let done = waiting.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("stopped by SIGTERM"), "{said}");
    drop(lock);
    let marker = lab.path("w/rdiff-backup-data/current_mirror.2023-11-17T22:13:20Z.data");
    fs::write(&marker, "PID 99999999\n").unwrap();
    refused("w/a", "regress");
    fs::remove_file(&marker).unwrap();
    assert_eq!(lab.tree("w"), before);
    // Who deletes several paths at once has each wait for the others.
    let lock = fs::File::create(lab.path("w/rdiff-backup-data/lock.yml")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let held = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        drop(lock);
    });
    lab.succeeds(&ours("-delete"), "w/a");
    assert!(held.is_finished() && !lab.path("w/a").exists());
    let help = lab.succeeds(&ours("-delete"), "--help");
    assert!(help.contains("Examples:"), "{help}");
}

#[test]
fn statistics_are_those_of_the_original() {
    let lab = Lab::new();
    for line in [
        "r",
        "./r/",
        "--minimum-ratio 0 r",
        "--minimum-ratio=0.3 --quiet r",
        "--begin-time 1700050000 r",
        "--end-time 2023-11-15 r",
        "--begin 1700086400 --end-t 1700086400 r",
        "--begin-time 1900000000 r",
        "--quiet quoted",
        "mine",
        "nowhere",
        "s",
        "--minimum-ratio x r",
        "--begin-time bogus r",
        "--bogus r",
        "r r",
        "",
    ] {
        let results = [lab.companion("-statistics"), ours("-statistics")].map(|program| {
            let done = lab.run(&program, line);
            // The original lets another program print the averages: which one is a matter of the search path.
            let clock = |l: &&str| !l.starts_with("ElapsedTime ");
            let text = String::from_utf8_lossy(&done.stdout).into_owned();
            (done.code, text.lines().filter(clock).map(str::to_owned).collect::<Vec<_>>())
        });
        assert_eq!(results[0], results[1], "{line}");
    }
    let version = lab.succeeds(&ours("-statistics"), "--version");
    assert!(version.ends_with(" 2.2.2\n"), "{version}");
    let help = lab.succeeds(&ours("-statistics"), "--help");
    assert!(help.contains("Examples:"), "{help}");
}
