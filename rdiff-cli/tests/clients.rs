//! What other programs rely on when they call rdiff-backup; `docs/clients.md` says which programs were tried.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rdiff_core::monitor::{Event, Monitor, PathDone};
use rdiff_core::path::RepoPath;
use rdiff_core::repo::Repository;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::tree::walk::Everything;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A directory with a repository `r`: hard links, and a file that was changed.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(lab.path("s/d/deep")).unwrap();
        fs::write(lab.path("s/a"), "one inode\n").unwrap();
        fs::hard_link(lab.path("s/a"), lab.path("s/d/also a")).unwrap();
        fs::write(lab.path("s/d/deep/c"), "c\n").unwrap();
        fs::write(lab.path("s/z"), "first\n").unwrap();
        lab.run("--current-time 1700000000 backup s r", 0);
        fs::write(lab.path("s/z"), "second, longer\n").unwrap();
        lab.run("--current-time 1700086400 backup s r", 0);
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs it as rdiffweb does, with next to no environment.
    #[track_caller]
    fn run(&self, line: &str, code: i32) -> String {
        let done = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"))
            .args(line.split(' '))
            .current_dir(self.0.path())
            .env_clear()
            .env("LANG", "en_US.UTF-8")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{line}: {errors}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// The paths that a restore at verbosity 5 announces.
    fn announced(&self, what: &str, target: &str) -> Vec<String> {
        let text = self.run(&format!("-v 5 --restore-as-of=1700000000 {what} {target}"), 0);
        text.lines().filter_map(|l| l.strip_prefix("* Processing changed file ")).map(str::to_owned).collect()
    }
}

#[test]
fn a_restore_announces_paths_as_they_are_in_its_target() {
    let lab = Lab::new();
    // Rdiffweb makes the directory first, whatever is restored, and looks there for each path announced.
    for target in ["t1", "t2", "t3"] {
        fs::create_dir(lab.path(target)).unwrap();
    }
    assert_eq!(lab.announced("r/z", "t1"), ["."]);
    assert_eq!(fs::read_to_string(lab.path("t1")).unwrap(), "first\n");
    assert_eq!(lab.announced("r/d", "t2"), [".", "also a", "deep", "deep/c"]);
    assert_eq!(lab.announced("r", "t3"), [".", "a", "d", "d/also a", "d/deep", "d/deep/c", "z"]);
    // What isn't empty does not give way.
    lab.run("restore r/z t2", 1);
    assert_eq!(fs::read_to_string(lab.path("t2/deep/c")).unwrap(), "c\n");
}

/// Takes every file away as soon as it hears of it.
struct Taker(PathBuf);

impl Monitor for Taker {
    fn event(&self, event: &Event<'_>) {
        if let Event::Path { path, what: PathDone::Restored } = event {
            take(&self.0, *path);
        }
    }
}

fn take(dir: &Path, path: RepoPath<'_>) {
    let file = dir.join(path.as_os_str());
    let taken = dir.with_extension("taken");
    fs::create_dir_all(&taken).unwrap();
    if file.is_file() {
        fs::rename(&file, taken.join(path.to_string().replace('/', "%"))).unwrap();
    }
}

#[test]
fn files_may_be_taken_away_as_soon_as_they_are_announced() {
    let lab = Lab::new();
    let repo = Arc::new(Repository::open(&lab.path("r")).unwrap());
    for (n, session) in repo.sessions().unwrap().into_iter().enumerate() {
        let target = lab.path(&format!("out{n}"));
        let report =
            restore(&repo, &target, &RestoreRequest::new(session), Everything, &Taker(target.clone()));
        assert_eq!(report.unwrap().problems, 0);
        let read = |name: &str| fs::read_to_string(target.with_extension("taken").join(name)).unwrap();
        // The second name can't be a link to what is gone.
        assert_eq!([read("a"), read("d%also a")], ["one inode\n"; 2]);
        assert_eq!(read("z"), ["first\n", "second, longer\n"][n]);
    }
}

#[test]
fn the_calls_of_cron_scripts() {
    let lab = Lab::new();
    let here = lab.0.path().display().to_string();
    // As backupninja and slbackup call it: all of the system is the source, and nearly all is left out.
    let line = format!(
        "--print-statistics --exclude-regexp \\.tmp$ --exclude {here}/s/d --include {here}/s --exclude /* / {here}/all"
    );
    let text = lab.run(&line, 0);
    assert!(text.contains("\nSourceFiles "), "{text}");
    assert!(lab.path(&format!("all{here}/s/z")).is_file() && !lab.path(&format!("all{here}/s/d")).exists());
    assert_eq!(lab.run("-V", 0), "rdiff-backup 2.2.2\n");
    // Nothing is old enough: 2, which rdiffweb takes for success and the others for a warning.
    lab.run("--force --remove-older-than 99Y r", 2);
    lab.run("--force remove increments --older-than=99Y r", 2);
    lab.run("--force --remove-older-than 1D r", 0);
}
