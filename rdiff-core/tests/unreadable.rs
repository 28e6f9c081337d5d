//! Sources that can't be read, in part or at all: what can't be read is not gone.

mod ours;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ours::Problems;
use ours::flaky::{Call, Flaky};
use rdiff_core::backup::{BackupReport, BackupRequest};
use rdiff_core::error::{Error, Loss, Result};
use rustix::io::Errno;
use support::check::check_repository;
use support::manifest::{Ignore, Kind, Manifest, differences};
use tempfile::TempDir;

const FIRST: i64 = 2_000_000_000;

/// Runs the test of this name again as an ordinary user, when this is root. True if this is that user already.
fn is_ordinary_user(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    // The build directory may be closed to others.
    let program = place.path().join("test");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy");
    let mut command = Command::new(&program);
    command.args(["--exact", test, "--nocapture"]).current_dir("/").uid(65_534).gid(65_534);
    let output = run_copy(&mut command);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "as an ordinary user:\n{said}");
    false
}

/// Runs a program that was just copied.
fn run_copy(command: &mut Command) -> Output {
    loop {
        match command.output() {
            // A process that another test began while it was written holds it open until it has become its own program.
            Err(e) if e.kind() == ErrorKind::ExecutableFileBusy => thread::sleep(Duration::from_millis(10)),
            ran => return ran.expect("a test as another user"),
        }
    }
}

/// A source and its repository.
struct Place {
    dir: TempDir,
    problems: Problems,
}

impl Place {
    /// With some files, directories and what is in them.
    fn new() -> Self {
        let place = Self::empty();
        for dir in ["d", "d/sub", "e"] {
            fs::create_dir(place.at(dir)).expect("a directory");
        }
        for file in ["a", "d/f", "d/sub/g", "e/h", "z"] {
            fs::write(place.at(file), format!("first {file}")).expect("a file");
        }
        symlink("a", place.at("d/l")).expect("a link");
        place
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("source")).expect("a directory");
        Self { dir, problems: Problems::default() }
    }

    fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.source().join(path)
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn mirror(&self, path: &str) -> PathBuf {
        self.repo().join(path)
    }

    fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).expect("chmod");
    }

    fn back_up(&mut self, n: i64) -> BackupReport {
        self.problems = Problems::default();
        let done = ours::try_backup(&self.source(), &self.repo(), &ours::request(FIRST + n), &self.problems);
        done.unwrap_or_else(|e| panic!("session {n}: {}", ours::line(&e)))
    }

    /// A backup of which some calls fail, or something happens before them.
    fn back_up_with(
        &mut self,
        n: i64,
        hook: impl Fn(Call, &[u8]) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Result<BackupReport> {
        self.problems = Problems::default();
        let source = Flaky::new(&self.source(), hook);
        ours::backup_from(source, &self.repo(), &ours::request(FIRST + n), &self.problems)
    }

    fn restored(&self, n: i64) -> Manifest {
        let target = self.dir.path().join(format!("at {n}"));
        ours::restore_all(&self.repo(), FIRST + n, &target);
        let manifest = scan(&target);
        open_up(&target);
        fs::remove_dir_all(target).expect("a removal");
        manifest
    }

    /// The repository breaks no rule, and the mirror is what a restore of the newest session gives.
    #[track_caller]
    fn assert_sound(&self, n: i64) {
        assert_eq!(judged(&self.repo()), [""; 0], "session {n}");
        let mut mirror = scan(&self.repo());
        mirror.records.retain(|p, _| !p.starts_with(b"rdiff-backup-data"));
        assert_eq!(differences(&self.restored(n), &mirror, Ignore::BY_REAL), [""; 0], "session {n}");
    }
}

impl Drop for Place {
    /// What is closed could not be removed.
    fn drop(&mut self) {
        if self.dir.path().exists() && !std::thread::panicking() {
            open_up(self.dir.path());
        }
    }
}

/// All rules, for an ordinary user too: a copy that can be read is judged by those that are not about modes.
fn judged(repo: &Path) -> Vec<String> {
    if rustix::process::geteuid().is_root() {
        return check_repository(repo);
    }
    let modes = open_up(repo);
    let mut found = check_repository(repo);
    for (path, mode) in modes.iter().rev() {
        fs::set_permissions(path, fs::Permissions::from_mode(*mode)).expect("chmod");
    }
    found.retain(|f| !f.starts_with("check 28"));
    found
}

/// Gives the owner all rights; what the modes were, from the top down.
fn open_up(top: &Path) -> Vec<(PathBuf, u32)> {
    let (mut modes, mut stack) = (Vec::new(), vec![top.to_owned()]);
    while let Some(path) = stack.pop() {
        let meta = fs::symlink_metadata(&path).expect("there");
        if meta.is_symlink() {
            continue;
        }
        let mode = meta.mode() & 0o7777;
        if mode & 0o700 != 0o700 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o700)).expect("chmod");
            modes.push((path.clone(), mode));
        }
        if meta.is_dir() {
            stack.extend(fs::read_dir(&path).expect("a list").map(|e| e.expect("an entry").path()));
        }
    }
    modes
}

/// Scans a tree with modes that keep us out, and puts them back: in what is found, and on disk.
fn scan(top: &Path) -> Manifest {
    let modes = open_up(top);
    let mut manifest = Manifest::scan(top);
    for (path, mode) in modes.iter().rev() {
        fs::set_permissions(path, fs::Permissions::from_mode(*mode)).expect("chmod");
        use std::os::unix::ffi::OsStrExt;
        let below = path.strip_prefix(top).expect("below").as_os_str().as_bytes();
        let key = if below.is_empty() { b"." } else { below };
        manifest.records.get_mut(key).expect("scanned").mode = *mode;
    }
    manifest
}

/// Everything but what a look at a repository changes.
fn state_of(repo: &Path) -> [Manifest; 2] {
    let mut data = Manifest::scan(&repo.join("rdiff-backup-data"));
    // Empty directories among increments mean nothing.
    data.records.retain(|path, r| path != b"lock.yml" && r.kind != Kind::Dir);
    let mut mirror = Manifest::of_mirror(repo);
    // making and removing a directory for staging leaves no trace but a time
    mirror.records.remove(b".".as_slice());
    [mirror, data]
}

fn heads(problems: &Problems) -> BTreeSet<String> {
    problems.heads().into_iter().collect()
}

fn set<const N: usize>(lines: [&str; N]) -> BTreeSet<String> {
    lines.into_iter().map(str::to_owned).collect()
}

// ---- as an ordinary user

#[test]
fn what_cannot_be_read_keeps_its_last_good_version() {
    if !is_ordinary_user("what_cannot_be_read_keeps_its_last_good_version") {
        return;
    }
    let mut place = Place::new();
    place.back_up(0);
    let before = place.restored(0);
    fs::write(place.at("a"), "second a").expect("a file");
    fs::write(place.at("d/f"), "second f").expect("a file");
    fs::write(place.at("z"), "second z").expect("a file");
    place.chmod("a", 0o000);
    place.chmod("d", 0o000);
    let report = place.back_up(1);
    assert_eq!(heads(&place.problems), set(["ListError a", "ListError d"]));
    assert!(report.problems >= 2);
    place.assert_sound(1);
    let after = place.restored(1);
    for path in ["a", "d", "d/f", "d/l", "d/sub", "d/sub/g", "e", "e/h"] {
        assert_eq!(before.records.get(path.as_bytes()), after.records.get(path.as_bytes()), "{path}");
    }
    assert_eq!(fs::read_to_string(place.mirror("z")).expect("a file"), "second z");
    // Entered but not listed, and a third time nothing new.
    place.chmod("d", 0o300);
    place.back_up(2);
    assert_eq!(heads(&place.problems), set(["ListError a", "ListError d"]));
    place.assert_sound(2);
    // All is well again.
    place.chmod("a", 0o600);
    place.chmod("d", 0o700);
    assert_eq!(place.back_up(3).problems, 0);
    place.assert_sound(3);
    let source = Manifest::scan(&place.source());
    assert_eq!(differences(&source, &place.restored(3), Ignore::default()), [""; 0]);
    assert_eq!(differences(&before, &place.restored(0), Ignore::default()), [""; 0]);
}

#[test]
fn what_could_never_be_read_is_left_out_and_reported() {
    if !is_ordinary_user("what_could_never_be_read_is_left_out_and_reported") {
        return;
    }
    let mut place = Place::new();
    place.chmod("a", 0o000);
    place.chmod("d/sub", 0o000);
    place.back_up(0);
    assert_eq!(heads(&place.problems), set(["ListError a", "ListError d/sub"]));
    place.assert_sound(0);
    assert!(place.mirror("d/f").exists() && !place.mirror("a").exists());
    fs::write(place.at("new"), "x").expect("a file");
    fs::create_dir(place.at("closed")).expect("a directory");
    place.chmod("new", 0o000);
    place.chmod("closed", 0o000);
    place.back_up(1);
    let expected = set(["ListError a", "ListError closed", "ListError d/sub", "ListError new"]);
    assert_eq!(heads(&place.problems), expected);
    place.assert_sound(1);
    for path in ["a", "d/sub", "new", "closed"] {
        place.chmod(path, 0o700);
    }
    assert_eq!(place.back_up(2).problems, 0);
    place.assert_sound(2);
}

#[test]
fn closed_directories_of_the_mirror_are_no_hindrance() {
    if !is_ordinary_user("closed_directories_of_the_mirror_are_no_hindrance") {
        return;
    }
    let mut place = Place::new();
    let mut manifests = Vec::new();
    let modes: [(&str, u32); 6] =
        [("", 0o555), ("d", 0o500), ("d/sub", 0o500), ("e", 0o555), ("a", 0o400), ("z", 0o444)];
    for n in 0..4 {
        for (path, _) in modes.iter().filter(|(p, _)| place.at(p).exists()) {
            place.chmod(path, 0o700);
        }
        match n {
            1 => {
                fs::write(place.at("d/f"), "second").expect("a file");
                fs::write(place.at("d/sub/new"), "new").expect("a file");
                fs::remove_file(place.at("e/h")).expect("a removal");
                fs::write(place.at("a"), "second a").expect("a file");
            }
            2 => {
                fs::remove_dir_all(place.at("d/sub")).expect("a removal");
                fs::write(place.at("d/sub"), "now a file").expect("a file");
                fs::remove_file(place.at("d/l")).expect("a removal");
                fs::create_dir(place.at("d/l")).expect("a directory");
            }
            3 => fs::remove_dir_all(place.at("d")).expect("a removal"),
            _ => {}
        }
        for (path, mode) in modes {
            if place.at(path).exists() {
                place.chmod(path, mode);
            }
        }
        assert_eq!(place.back_up(n).problems, 0);
        place.assert_sound(n);
        manifests.push(Manifest::scan(&place.source()));
    }
    for (n, manifest) in (0..).zip(&manifests) {
        assert_eq!(differences(manifest, &place.restored(n), Ignore::default()), [""; 0], "session {n}");
    }
}

#[test]
fn closed_directories_and_files_made_elsewhere_can_be_backed_up_by_their_owner() {
    // Mode 0000 in the mirror comes from a source that root, or another system, can read.
    if !is_ordinary_user("closed_directories_and_files_made_elsewhere_can_be_backed_up_by_their_owner") {
        return;
    }
    let mut place = Place::new();
    place.back_up(0);
    let before = place.restored(0);
    for path in ["d/sub", "d", "a", "e"] {
        fs::set_permissions(place.mirror(path), fs::Permissions::from_mode(0o000)).expect("chmod");
    }
    fs::write(place.at("d/sub/g"), "second g").expect("a file");
    fs::write(place.at("a"), "second a").expect("a file");
    fs::remove_file(place.at("e/h")).expect("a removal");
    place.back_up(1);
    fs::remove_dir_all(place.at("d")).expect("a removal");
    place.back_up(2);
    assert_eq!(differences(&before, &place.restored(0), Ignore::default()), [""; 0]);
    let source = Manifest::scan(&place.source());
    assert_eq!(differences(&source, &place.restored(2), Ignore::default()), [""; 0]);
}

#[test]
fn owners_that_cannot_be_given_are_recorded() {
    let strangers = std::env::var_os("STRANGERS").map(PathBuf::from);
    if strangers.is_none() && support::is_root("unreadable") {
        let place = Place::new();
        for (path, uid) in [("a", 1234), ("d", 4321), ("d/f", 0)] {
            std::os::unix::fs::lchown(place.at(path), Some(uid), Some(uid)).expect("chown");
        }
        for dir in [place.dir.path().to_owned(), place.source()] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).expect("chmod");
        }
        // The same test, as another user, backs this tree up and restores it.
        let program = place.dir.path().join("test");
        fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy");
        let mut command = Command::new(&program);
        command.args(["--exact", "owners_that_cannot_be_given_are_recorded", "--nocapture"]);
        command.env("STRANGERS", place.dir.path()).current_dir("/").uid(65_534).gid(65_534);
        let output = run_copy(&mut command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "as an ordinary user:\n{said}");
        // Root gets the owners back from what was recorded.
        assert_eq!(
            differences(&Manifest::scan(&place.source()), &place.restored(1), Ignore::default()),
            [""; 0]
        );
        return;
    }
    let Some(dir) = strangers else { return };
    let (source, repo) = (dir.join("source"), dir.join("repo"));
    for n in 0..2 {
        let problems = Problems::default();
        let done = ours::try_backup(&source, &repo, &ours::request(FIRST + n), &problems);
        done.unwrap_or_else(|e| panic!("session {n}: {}", ours::line(&e)));
        assert_eq!(problems.lines(), [""; 0]);
    }
    // Nothing changed, so nothing was written.
    let increments = repo.join("rdiff-backup-data/increments");
    let left: Vec<_> =
        fs::read_dir(increments).expect("a list").map(|e| e.expect("one").file_name()).collect();
    assert!(left.iter().all(|n| n == "rdiff-backup-data"), "{left:?}");
    ours::restore_all(&repo, FIRST + 1, &dir.join("out"));
    assert_eq!(fs::read_to_string(dir.join("out/d/f")).expect("a file"), "first d/f");
}

// ---- sources that fail, as any user

#[test]
fn attributes_that_cannot_be_read_keep_the_last_good_version() {
    let mut place = Place::new();
    place.back_up(0);
    let before = place.restored(0);
    fs::write(place.at("a"), "second a").expect("a file");
    fs::write(place.at("d/f"), "second f").expect("a file");
    fs::write(place.at("d/new"), "new").expect("a file");
    let done = place.back_up_with(1, |call, path| match (call, path) {
        (Call::Attributes, b"a" | b"d") => Err(ours::os_error(Errno::ACCESS)),
        _ => Ok(()),
    });
    done.expect("a backup");
    assert_eq!(heads(&place.problems), set(["ListError a", "ListError d"]));
    place.assert_sound(1);
    let after = place.restored(1);
    assert_eq!(before.records[b"a".as_slice()], after.records[b"a".as_slice()]);
    assert_eq!(fs::read_to_string(place.mirror("d/new")).expect("a file"), "new");
}

#[test]
fn a_new_directory_whose_attributes_cannot_be_read_holds_its_files_all_the_same() {
    for first in [true, false] {
        let mut place = Place::new();
        if !first {
            place.back_up(0);
        }
        fs::create_dir_all(place.at("new/deep")).expect("a directory");
        fs::write(place.at("new/deep/f"), "new").expect("a file");
        fs::remove_file(place.at("z")).expect("a removal");
        fs::create_dir(place.at("z")).expect("a directory");
        fs::write(place.at("z/f"), "new").expect("a file");
        let done = place.back_up_with(1, |call, path| match (call, path) {
            (Call::Attributes, b"new" | b"z") => Err(ours::os_error(Errno::ACCESS)),
            _ => Ok(()),
        });
        done.expect("a backup");
        assert_eq!(heads(&place.problems), set(["ListError new", "ListError z"]));
        place.assert_sound(1);
        let restored = place.restored(1);
        assert!(restored.records.contains_key(b"new/deep/f".as_slice()));
        assert!(restored.records.contains_key(b"z/f".as_slice()));
    }
}

#[test]
fn a_directory_replaced_by_what_cannot_be_read_stays_with_all_in_it() {
    let mut place = Place::new();
    place.back_up(0);
    let before = place.restored(0);
    fs::remove_dir_all(place.at("d")).expect("a removal");
    fs::write(place.at("d"), "a file now").expect("a file");
    fs::remove_dir_all(place.at("e")).expect("a removal");
    symlink("nowhere", place.at("e")).expect("a link");
    let done = place.back_up_with(1, |call, path| match (call, path) {
        (Call::Open, b"d") | (Call::ReadLink, b"e") => Err(ours::os_error(Errno::IO)),
        _ => Ok(()),
    });
    done.expect("a backup");
    assert_eq!(heads(&place.problems), set(["ListError d", "ListError e"]));
    place.assert_sound(1);
    let after = place.restored(1);
    for path in ["d", "d/f", "d/l", "d/sub", "d/sub/g", "e", "e/h"] {
        assert_eq!(before.records.get(path.as_bytes()), after.records.get(path.as_bytes()), "{path}");
    }
    place.back_up(2);
    place.assert_sound(2);
    let source = Manifest::scan(&place.source());
    assert_eq!(differences(&source, &place.restored(2), Ignore::default()), [""; 0]);
    assert_eq!(differences(&before, &place.restored(0), Ignore::default()), [""; 0]);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    for first in [true, false] {
        for size in [10, 3 << 20] {
            let mut place = Place::new();
            if !first {
                place.back_up(0);
            }
            fs::write(place.at("a"), vec![b'1'; size]).expect("a file");
            let (file, times) = (place.at("a"), AtomicU32::new(0));
            let done = place.back_up_with(1, move |call, path| {
                if call == Call::Read && path == b"a" && times.fetch_add(1, Ordering::SeqCst) == 0 {
                    grow(&file);
                }
                Ok(())
            });
            assert_eq!(done.expect("a backup").problems, 0);
            place.assert_sound(1);
            assert_eq!(
                fs::read(place.mirror("a")).expect("a file"),
                fs::read(place.at("a")).expect("a file")
            );
        }
    }
}

#[test]
fn a_file_that_never_holds_still_stays_as_it_was() {
    for size in [10, 3 << 20] {
        let mut place = Place::new();
        fs::write(place.at("new"), "x").expect("a file");
        let grows = |place: &Place, name: &'static [u8]| {
            let file = place.at(std::str::from_utf8(name).expect("text"));
            move |call: Call, path: &[u8]| {
                if call == Call::Read && path == name {
                    grow(&file);
                }
                Ok(())
            }
        };
        let hook = grows(&place, b"new");
        place.back_up_with(0, hook).expect("a backup");
        assert_eq!(place.problems.heads(), ["UpdateError new"]);
        place.assert_sound(0);
        assert!(!place.mirror("new").exists());
        fs::write(place.at("a"), vec![b'2'; size]).expect("a file");
        let hook = grows(&place, b"a");
        place.back_up_with(1, hook).expect("a backup");
        assert_eq!(place.problems.heads(), ["UpdateError a"]);
        place.assert_sound(1);
        assert_eq!(fs::read_to_string(place.mirror("a")).expect("a file"), "first a");
        let log = fs::read_dir(place.mirror("rdiff-backup-data")).expect("a list");
        let log = log.map(|e| e.expect("one").path()).filter(|p| p.to_string_lossy().contains("error_log"));
        let text: Vec<u8> = log.flat_map(|p| gunzip(&p)).collect();
        assert!(
            String::from_utf8_lossy(&text).contains("UpdateError: 'a'")
                || String::from_utf8_lossy(&text).contains("UpdateError a"),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
}

fn grow(file: &Path) {
    // Not in the same tick of the clock, and in size.
    let mut file = fs::OpenOptions::new().append(true).open(file).expect("a file");
    file.write_all(b"more").expect("more");
}

fn gunzip(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let packed = fs::read(path).expect("a file");
    let mut plain = Vec::new();
    match packed.is_empty() {
        true => Ok(0),
        false => flate2::read::MultiGzDecoder::new(&*packed).read_to_end(&mut plain),
    }
    .expect("gzip");
    plain
}

#[test]
fn an_error_of_a_listing_deletes_nothing() {
    for errno in [Errno::IO, Errno::ACCESS, Errno::NOTCONN, Errno::STALE, Errno::TIMEDOUT, Errno::NOENT] {
        for failing in [&b"d"[..], b"d/sub", b""] {
            let mut place = Place::new();
            place.back_up(0);
            let before = state_of(&place.repo());
            fs::write(place.at("a"), "second a").expect("a file");
            let done = place.back_up_with(1, move |call, path| match call {
                Call::List if path == failing => Err(ours::os_error(errno)),
                _ => Ok(()),
            });
            let case = format!("{errno:?} at {:?}", String::from_utf8_lossy(failing));
            for path in ["d/f", "d/l", "d/sub/g", "e/h"] {
                assert!(place.mirror(path).symlink_metadata().is_ok(), "{case}: {path}");
            }
            let is_gone =
                matches!(errno, Errno::NOTCONN | Errno::STALE | Errno::TIMEDOUT) || failing.is_empty();
            match done {
                Ok(_) if !is_gone => {
                    let name = String::from_utf8_lossy(failing);
                    assert_eq!(place.problems.heads(), [format!("ListError {name}")], "{case}");
                    place.assert_sound(1);
                }
                Err(Error::SourceVanished { .. }) if is_gone => {
                    assert_same(&before, &state_of(&place.repo()), &case);
                }
                other => panic!("{case}: {other:?}"),
            }
        }
    }
}

#[track_caller]
fn assert_same(before: &[Manifest; 2], after: &[Manifest; 2], case: &str) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(differences(before, after, Ignore::default()), [""; 0], "{case}");
    }
}

#[test]
fn a_source_that_goes_away_in_the_midst_leaves_the_repository_as_it_was() {
    for errno in [Errno::NOTCONN, Errno::STALE] {
        for call in [Call::Open, Call::Read, Call::Attributes, Call::ReadLink, Call::Stat] {
            let mut place = Place::new();
            place.back_up(0);
            let before = state_of(&place.repo());
            for path in ["a", "d/f", "e/h", "z"] {
                fs::write(place.at(path), format!("second {path}")).expect("a file");
            }
            fs::remove_file(place.at("d/l")).expect("a removal");
            symlink("elsewhere", place.at("d/l")).expect("a link");
            let done = place.back_up_with(1, move |now, path| {
                if now == call && path > &b"d/"[..] { Err(ours::os_error(errno)) } else { Ok(()) }
            });
            let case = format!("{errno:?} at {call:?}");
            assert!(matches!(done, Err(Error::SourceVanished { .. })), "{case}: {done:?}");
            assert_same(&before, &state_of(&place.repo()), &case);
            assert_eq!(judged(&place.repo()), [""; 0], "{case}");
            place.back_up(2);
            place.assert_sound(2);
        }
    }
}

#[test]
fn a_guard_that_objects_undoes_the_session() {
    struct Objects;
    impl rdiff_core::tree::source::SourceGuard for Objects {
        fn check(&self) -> Result<(), String> {
            Err("the mount is another one now".to_owned())
        }
    }
    let mut place = Place::new();
    place.back_up(0);
    let before = state_of(&place.repo());
    fs::remove_dir_all(place.at("d")).expect("a removal");
    fs::write(place.at("a"), "second a").expect("a file");
    let source = std::sync::Arc::new(ours::local(&place.source()));
    let everything = rdiff_core::tree::walk::Everything;
    let request = ours::request(FIRST + 1);
    let done =
        rdiff_core::backup::backup(source, &Objects, &place.repo(), &request, everything, &place.problems);
    assert!(matches!(done, Err(Error::SourceVanished { .. })), "{done:?}");
    assert_same(&before, &state_of(&place.repo()), "refused by the guard");
}

#[test]
fn an_empty_source_is_refused_and_changes_nothing() {
    let mut place = Place::new();
    place.back_up(0);
    let before = state_of(&place.repo());
    fs::remove_dir_all(place.source()).expect("a removal");
    fs::create_dir(place.source()).expect("a directory");
    let request = ours::request(FIRST + 1);
    let done = ours::try_backup(&place.source(), &place.repo(), &request, &place.problems);
    assert!(matches!(done, Err(Error::SourceVanished { loss: Loss::Everything, .. })), "{done:?}");
    assert_same(&before, &state_of(&place.repo()), "an empty source");
    let request = BackupRequest { allow_empty_source: true, ..request };
    ours::try_backup(&place.source(), &place.repo(), &request, &place.problems).expect("a backup");
    place.assert_sound(1);
}

#[test]
fn a_mass_deletion_is_refused_and_changes_nothing() {
    let mut place = Place::new();
    for n in 0..150 {
        fs::write(place.at(&format!("e/{n}")), "x").expect("a file");
    }
    place.back_up(0);
    let before = state_of(&place.repo());
    for n in 0..140 {
        fs::remove_file(place.at(&format!("e/{n}"))).expect("a removal");
    }
    fs::write(place.at("a"), "second a").expect("a file");
    let request = ours::request(FIRST + 1);
    let done = ours::try_backup(&place.source(), &place.repo(), &request, &place.problems);
    assert!(matches!(done, Err(Error::SourceVanished { loss: Loss::TooMuch, .. })), "{done:?}");
    assert_same(&before, &state_of(&place.repo()), "a mass deletion");
    let request = BackupRequest { most_deletions: 1.0, ..request };
    ours::try_backup(&place.source(), &place.repo(), &request, &place.problems).expect("a backup");
    place.assert_sound(1);
}
