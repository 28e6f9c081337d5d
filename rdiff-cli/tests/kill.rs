//! The program killed by SIGKILL at system calls that change something, by way of strace's injection.
//!
//! After each kill, earlier sessions restore exactly from what is there; then ours recovers by itself (at odd
//! points by `regress`), and on a copy the real program does. Calls are counted for each thread, so a number
//! names the first thread that comes to it. By default a sample; `KILL_POINTS=all` tries every number of every
//! call until a run is no longer killed.

#[path = "../../rdiff-core/tests/crash/story.rs"]
mod story;
#[path = "../../rdiff-core/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use story::Story;
use support::manifest::{Ignore, Manifest, differences, sorted_names};
use support::real::{Outcome, Real};
use tempfile::TempDir;

const STEP: i64 = 1000;

/// Calls that change a repository, with some numbers of each.
const SAMPLE: [(&str, &[u32]); 6] = [
    ("renameat", &[4]),
    ("unlinkat", &[5]),
    ("fsync", &[2]),
    ("syncfs", &[1]),
    ("write", &[9]),
    ("utimensat", &[3]),
];
const CALLS: [&str; 17] = [
    "renameat",
    "renameat2",
    "unlinkat",
    "mkdirat",
    "linkat",
    "symlinkat",
    "mknodat",
    "fsync",
    "syncfs",
    "write",
    "pwrite64",
    "ftruncate",
    "fchmod",
    "fchown",
    "fsetxattr",
    "utimensat",
    "openat2",
];

struct Scene {
    place: TempDir,
    sessions: BTreeMap<i64, Manifest>,
    now: Manifest,
    time: i64,
}

fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
    command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command
}

/// 2 is a warning: something had to be undone first.
fn expect(command: &mut Command) {
    let output = command.output().expect("the program runs");
    let status = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(status, Some(0 | 2)), "{command:?}: {status:?}\n{said}");
}

impl Scene {
    /// A repository with so many sessions, and a source that has changed since.
    fn new(sessions: usize) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let source = place.path().join("source");
        let mut story = Story::begin(&source);
        let mut scene =
            Self { place, sessions: BTreeMap::new(), now: Manifest::default(), time: 1_000_000_000 };
        for n in 0..=sessions {
            // The real program's regress does not bring long names back.
            for name in sorted_names(&source).iter().filter(|n| n.len() > 200) {
                let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&name[..]);
                std::fs::remove_file(source.join(name)).expect("a file goes");
            }
            scene.time += STEP;
            scene.now = Manifest::scan(&source);
            if n < sessions {
                expect(ours().args(scene.backup(&scene.at("base"), scene.time)));
                scene.sessions.insert(scene.time, scene.now.clone());
                if n % 2 == 0 { story.second() } else { story.first() }
            }
        }
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn backup(&self, repo: &Path, time: i64) -> Vec<PathBuf> {
        let words = ["--current-time", &time.to_string(), "backup"].map(PathBuf::from);
        words.into_iter().chain([self.at("source"), repo.to_path_buf()]).collect()
    }

    /// Runs the backup until a thread comes to its call number `n`. Was it killed?
    fn kill(&self, repo: &Path, call: &str, n: u32) -> bool {
        fresh(repo);
        if self.at("base").exists() {
            copy(&self.at("base"), repo);
        }
        let inject = format!("inject={call}:signal=SIGKILL:when={n}");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
        strace.arg(env!("CARGO_BIN_EXE_rdiff-backup")).args(self.backup(repo, self.time)).env("TZ", "UTC");
        let output = strace.output().expect("strace is installed");
        let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(killed || output.status.success(), "{call} {n}: {:?} {said}", output.status);
        killed
    }

    /// Kills at one point and recovers in both ways. False if the run came to its end.
    fn point(&self, call: &str, n: u32) -> bool {
        let repo = self.at("repo");
        if !self.kill(&repo, call, n) {
            return false;
        }
        if repo.exists() {
            let other = self.at("other");
            fresh(&other);
            copy(&repo, &other);
            self.read(&repo, call, n, "before repair");
            self.real_takes_over(&other, call, n);
        }
        if n % 2 == 1 && !self.sessions.is_empty() {
            expect(ours().arg("regress").arg(&repo));
        }
        let time = self.time + STEP;
        expect(ours().args(self.backup(&repo, time)));
        self.read(&repo, call, n, "after repair");
        self.compare(time, &self.now, &repo, &mut |repo, target| {
            expect(ours().args(["restore", "--at", &time.to_string()]).args([repo, target]));
        });
        let findings = support::check::check_repository(&repo);
        assert!(findings.is_empty(), "{call} {n}: {findings:?}");
        true
    }

    /// Ours reads all earlier sessions.
    fn read(&self, repo: &Path, call: &str, n: u32, when: &str) {
        for (at, manifest) in &self.sessions {
            println!("{call} {n}: {at} {when}");
            self.compare(*at, manifest, repo, &mut |repo, target| {
                let at = at.to_string();
                expect(ours().args(["restore", "--at", &at]).args([repo, target]));
            });
        }
    }

    fn compare(&self, at: i64, want: &Manifest, repo: &Path, restore: &mut dyn FnMut(&Path, &Path)) {
        let target = self.at("target");
        fresh(&target);
        restore(repo, &target);
        let wrong = differences(want, &Manifest::scan(&target), Ignore::BY_REAL);
        assert!(wrong.is_empty(), "{at}: {wrong:?}");
    }

    fn real_takes_over(&self, repo: &Path, call: &str, n: u32) {
        println!("{call} {n}: the real program takes over");
        let (real, time) = (Real::find(), self.time + STEP);
        if !self.sessions.is_empty() {
            let done = once_nobody_has_its_number(|| real.regress(repo));
            assert!(matches!(done.status, 0 | 2), "{call} {n}: {done:?}");
        }
        let done = once_nobody_has_its_number(|| real.backup(&self.at("source"), repo, time, &[]));
        assert!(matches!(done.status, 0 | 2), "{call} {n}: {done:?}");
        for (&at, manifest) in self.sessions.iter().chain([(&time, &self.now)]) {
            self.compare(at, manifest, repo, &mut |repo, target| {
                real.restore(repo, at, target).expect_success();
            });
        }
    }

    fn points(&self, sample: &[(&str, &[u32])]) {
        if std::env::var("KILL_POINTS").is_ok_and(|v| v == "all") {
            for call in CALLS {
                let count = (1..).take_while(|n| self.point(call, *n)).count();
                println!("{call}: killed at {count} points after {} sessions", self.sessions.len());
            }
            return;
        }
        let killed: usize =
            sample.iter().map(|(call, ns)| ns.iter().filter(|n| self.point(call, **n)).count()).sum();
        assert!(killed * 2 > sample.len(), "only {killed} runs were killed");
    }
}

/// On a busy machine the number of the process that was killed may be used again meanwhile. The real program then
/// takes it for alive, and waits for it to end.
fn once_nobody_has_its_number(run: impl Fn() -> Outcome) -> Outcome {
    for _ in 0..600 {
        let done = run();
        if !done.stderr.contains("is still running") {
            return done;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    run()
}

fn fresh(path: &Path) {
    if path.exists() {
        std::fs::remove_dir_all(path).expect("a directory goes");
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp").success());
}

#[test]
fn a_first_backup() {
    Scene::new(0).points(&[("write", &[3]), ("utimensat", &[9]), ("fsync", &[2])]);
}

#[test]
fn a_third_backup() {
    Scene::new(2).points(&SAMPLE);
}
