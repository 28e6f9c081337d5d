//! Between the look at a file and the reading of it, it may have become another one.

mod ours;

use filetime::FileTime;
use ours::Problems;
use ours::flaky::{Call, Flaky};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

const FIRST: i64 = 1_000_000_000;

/// Backs up a file of which the content has changed, and which changes again before it is opened the first time.
#[track_caller]
fn changed_before_it_is_opened(change: impl Fn(&Path) + Send + Sync + 'static, problems: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).expect("a directory");
    let file = source.join("file");
    fs::write(&file, "first").expect("a file");
    fs::write(source.join("other"), "other").expect("a file");
    ours::back_up(&source, &repo, FIRST);
    fs::write(&file, "second").expect("a file");
    // What changes in it would give it the time of another second now and then.
    let steady = |dir: &Path| {
        filetime::set_file_mtime(dir, FileTime::from_unix_time(FIRST - 1000, 0)).expect("a time");
    };
    steady(&source);
    let (there, times) = (file.clone(), AtomicU32::new(0));
    let flaky = Flaky::new(&source, move |call, path| {
        if call == Call::Open && path == b"file" && times.fetch_add(1, Ordering::SeqCst) == 0 {
            change(&there);
            steady(there.parent().expect("a directory"));
        }
        Ok(())
    });
    let told = Problems::default();
    ours::backup_from(flaky, &repo, &ours::request(FIRST + 1000), &told).expect("a backup");
    assert_eq!(told.heads(), problems);
    let mirror = repo.join("file");
    if problems.is_empty() {
        let state = |path: &Path| {
            let meta = fs::metadata(path).expect("a file");
            (fs::read(path).expect("a content"), meta.mode(), meta.mtime())
        };
        assert_eq!(state(&mirror), state(&file));
    } else {
        assert_eq!(fs::read(&mirror).expect("a file"), b"first");
    }
    // What was recorded is what is there: a verify and the next backup find nothing.
    ours::restore_all(&repo, FIRST + 1000, &dir.path().join("restored"));
    assert_eq!(fs::read(dir.path().join("restored/file")).ok(), fs::read(&mirror).ok());
    let again = ours::back_up(&source, &repo, FIRST + 2000);
    assert_eq!(again.problems, 0);
    if problems.is_empty() {
        assert_eq!((again.statistics.new_files, again.statistics.changed_files), (0.0, 0.0));
    }
}

#[test]
fn a_file_that_grows_before_it_is_opened_is_taken_as_it_is_then() {
    changed_before_it_is_opened(|file| fs::write(file, "third, and longer").expect("a file"), &[]);
}

#[test]
fn another_file_of_its_size_and_time_is_taken_with_its_own_attributes() {
    let replace = |file: &Path| {
        let new = file.with_extension("new");
        fs::write(&new, "third!").expect("a file");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o640)).expect("a mode");
        let mtime = fs::metadata(file).and_then(|m| m.modified()).expect("a time");
        File::options().write(true).open(&new).and_then(|f| f.set_modified(mtime)).expect("a time");
        fs::rename(&new, file).expect("a rename");
    };
    changed_before_it_is_opened(replace, &[]);
}

#[test]
fn its_mode_and_time_are_those_it_has_when_it_is_read() {
    let touch = |file: &Path| {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
        let earlier = SystemTime::now() - Duration::from_secs(3600);
        File::options().write(true).open(file).and_then(|f| f.set_modified(earlier)).expect("a time");
    };
    changed_before_it_is_opened(touch, &[]);
}

#[test]
fn what_is_no_file_any_more_keeps_its_last_good_version() {
    let to_link = |file: &Path| {
        fs::remove_file(file).expect("a removal");
        symlink("other", file).expect("a link");
    };
    changed_before_it_is_opened(to_link, &["ListError file"]);
    let to_pipe = |file: &Path| {
        fs::remove_file(file).expect("a removal");
        let made = std::process::Command::new("mkfifo").arg(file).status();
        assert!(made.expect("mkfifo").success());
    };
    changed_before_it_is_opened(to_pipe, &["UpdateError file"]);
}
