//! What someone does who meets the program for the first time, in both command lines.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A home directory, and what is typed in it.
struct Newcomer {
    home: tempfile::TempDir,
}

impl Newcomer {
    /// With a directory `docs` that was backed up twice to `vault`, changed in between.
    fn after_two_backups(command: &str) -> Self {
        let it = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir(it.path("docs")).unwrap();
        it.write("docs/letter", "Dear Ann,\n");
        it.write("docs/old", "to be deleted\n");
        it.types(&format!("--current-time 1700000000 {command} docs vault"), 0);
        it.write("docs/letter", "Dear Ann, dear Ben,\n");
        fs::remove_file(it.path("docs/old")).unwrap();
        it.types(&format!("--current-time 1700086400 {command} docs vault"), 0);
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdiff-backup"));
        command.args(line.split(' ')).current_dir(self.home.path()).env("TZ", "UTC");
        command
    }

    /// Runs it, and returns what it printed.
    #[track_caller]
    fn types(&self, line: &str, code: i32) -> String {
        let done = self.command(line).output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "rdiff-backup {line}: {errors}");
        String::from_utf8(done.stdout).unwrap()
    }
}

const TWO_SESSIONS: &str = "Found 1 increments:\n    \
    increments.2023-11-14T22:13:20Z.dir   Tue Nov 14 22:13:20 2023\n\
    Current mirror: Wed Nov 15 22:13:20 2023\n";
const NO_INCREMENTS: &str = "Found 0 increments:\nCurrent mirror: Wed Nov 15 22:13:20 2023\n";

#[test]
fn backup_twice_look_restore_verify_and_thin_out() {
    let it = Newcomer::after_two_backups("backup");
    assert_eq!(it.read("vault/letter"), it.read("docs/letter"));
    assert_eq!(it.types("list increments vault", 0), TWO_SESSIONS);
    assert_eq!(it.types("list files --at 1B vault", 0), ".\nletter\nold\n");
    let changed = it.types("list files --changed-since 1B vault", 0);
    assert!(changed.contains("changed letter\n") && changed.contains("deleted old\n"), "{changed}");
    assert_eq!(it.types("restore --at 1B vault then", 0), "");
    assert_eq!(
        (it.read("then/letter"), it.read("then/old")),
        ("Dear Ann,\n".into(), "to be deleted\n".into())
    );
    it.types("restore --at 1B vault/letter one", 0);
    assert_eq!(it.read("one"), "Dear Ann,\n");
    for check in ["verify vault", "verify --at 1B vault", "verify --all vault"] {
        assert_eq!(it.types(check, 0), "NOTE: All files verified successfully\n");
    }
    it.types("compare docs vault", 0);
    let removed = it.types("remove increments --older-than 1B vault", 2);
    assert!(removed.starts_with("NOTE: No increments older than"), "{removed}");
    it.types("remove increments --older-than 0B vault", 0);
    assert_eq!(it.types("list increments vault", 0), NO_INCREMENTS);
}

#[test]
fn the_same_with_the_older_command_line() {
    let it = Newcomer::after_two_backups("-v5");
    assert_eq!(it.types("-l vault", 0), TWO_SESSIONS);
    assert_eq!(it.types("--list-at-time 1B vault", 0), ".\nletter\nold\n");
    it.types("-r 1B vault then", 0);
    assert_eq!(
        (it.read("then/letter"), it.read("then/old")),
        ("Dear Ann,\n".into(), "to be deleted\n".into())
    );
    it.types("-r now vault now", 0);
    assert_eq!(it.read("now/letter"), "Dear Ann, dear Ben,\n");
    assert!(!it.path("now/old").exists());
    // Both sessions were more than ten days ago.
    it.types("-r 10D vault/letter ten-days-ago", 0);
    assert_eq!(it.read("ten-days-ago"), "Dear Ann, dear Ben,\n");
    assert_eq!(it.types("--verify vault", 0), "NOTE: All files verified successfully\n");
    it.types("--compare docs vault", 0);
    it.types("--remove-older-than 1D --force vault", 0);
    assert_eq!(it.types("-l vault", 0), NO_INCREMENTS);
}

#[test]
fn a_target_with_something_in_it_is_not_overwritten_by_accident() {
    let it = Newcomer::after_two_backups("backup");
    it.write("docs/mine", "not backed up\n");
    it.types("restore vault docs", 1);
    assert_eq!(it.read("docs/mine"), "not backed up\n");
    fs::create_dir(it.path("other")).unwrap();
    it.write("other/mine", "mine\n");
    it.types("backup docs other", 1);
    assert_eq!(it.read("other/mine"), "mine\n");
}

#[test]
fn an_interrupted_repository_is_read_and_repaired() {
    let it = Newcomer::after_two_backups("backup");
    let marker =
        |time| it.path(&format!("vault/rdiff-backup-data/current_mirror.2023-11-{time}T22:13:20Z.data"));
    for time in [14, 15] {
        fs::write(marker(time), "PID 99999999\n").unwrap();
    }
    for (line, code) in [
        ("list files vault", 0),
        ("verify vault", 0),
        ("compare --method hash docs vault", 1),
        ("restore vault then", 2),
    ] {
        let done = it.command(line).output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{line}: {errors}");
        assert!(errors.contains("`rdiff-backup regress vault` repairs the repository"), "{line}: {errors}");
    }
    assert_eq!(
        (it.read("then/letter"), it.read("then/old")),
        ("Dear Ann,\n".into(), "to be deleted\n".into())
    );
    it.types("regress vault", 2);
    assert_eq!(it.read("vault/letter"), "Dear Ann,\n");
    it.types("verify vault", 0);
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    let it = Newcomer::after_two_backups("backup");
    for line in
        ["list files vault", "list increments vault", "compare docs vault", "verify vault", "info", "-h"]
    {
        let mut child = it.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code().is_some_and(|code| code < 3), "{line}: {:?}", done.status);
        assert!(!errors.contains("panicked"), "{line}: {errors}");
    }
}

#[test]
fn options_without_effect_are_said() {
    let it = Newcomer::after_two_backups("backup");
    let said = it.types("-v5 --tempdir . restore --no-carbonfile --no-compression vault then", 0);
    for option in ["--tempdir", "--no-carbonfile", "--no-compression"] {
        assert!(said.contains(&format!("* {option} has no effect: ")), "{option}: {said}");
    }
}
