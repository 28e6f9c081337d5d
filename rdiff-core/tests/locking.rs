//! Two writers never run at once on one repository.

mod support;

use rdiff_core::backup::{BackupRequest, backup};
use rdiff_core::error::Error;
use rdiff_core::monitor::Silent;
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::walk::Everything;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use tempfile::TempDir;

fn back_up(place: &Path, time: i64) -> Result<(), Error> {
    let source = LocalSource::open(&place.join("source"), Arc::new(Names::default())).expect("the source");
    let guard = LocalGuard::new(&source).expect("a guard");
    let request = BackupRequest { time: Some(time), durable: false, ..BackupRequest::default() };
    backup(Arc::new(source), &guard, &place.join("repo"), &request, Everything, &Silent).map(|_| ())
}

/// A repository with one session, and its root.
fn repository() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(place.path().join("source")).expect("a directory");
    std::fs::write(place.path().join("source/file"), "content").expect("a file");
    back_up(place.path(), 1_000_000_000).expect("a backup");
    let repo = place.path().join("repo");
    (place, repo)
}

fn writer(repo: &Path, force: bool) -> Result<Writer, Error> {
    Writer::new(Arc::new(Repository::open(repo).expect("a repository")), force)
}

fn holder(result: Result<Writer, Error>) -> String {
    match result {
        Err(Error::Locked { by, .. }) => by,
        Err(e) => panic!("{e}"),
        Ok(_) => panic!("a second writer"),
    }
}

#[test]
fn the_second_writer_is_told_of_the_first() {
    let (place, repo) = repository();
    let first = writer(&repo, false).expect("a lock");
    let by = holder(writer(&repo, false));
    assert!(by.contains(&std::process::id().to_string()), "{by}");
    assert!(matches!(back_up(place.path(), 1_000_001_000), Err(Error::Locked { .. })));
    assert!(writer(&repo, true).is_ok(), "with force");
    drop(first);
    writer(&repo, false).expect("the lock is free");
    back_up(place.path(), 1_000_001_000).expect("a backup");
}

/// Second descriptors of all that this process has open below a directory.
fn copies_of_files_in(dir: &Path) -> Vec<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).expect("this process");
    let fds = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    fds.filter_map(|fd| {
        let fd = fd.expect("a descriptor");
        let is_in = std::fs::read_link(fd.path()).is_ok_and(|path| path.starts_with(dir));
        let number = fd.file_name().to_str()?.parse().ok()?;
        is_in.then(|| pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).expect("a copy"))
    })
    .collect()
}

/// What a process does between fork and exec of a child: it has every file of its parent twice.
#[test]
fn the_lock_is_free_though_a_forked_child_still_has_its_files() {
    let (_place, repo) = repository();
    let first = writer(&repo, false).expect("a lock");
    let copies = copies_of_files_in(&repo);
    assert!(copies.len() > 1, "lock.yml and the data directory");
    drop(first);
    writer(&repo, false).expect("the lock is free");
    drop(copies);
}

/// A process that lives until it is dropped.
struct Living(Child);

impl Drop for Living {
    fn drop(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it has ended");
    }
}

#[test]
fn a_living_process_in_a_marker_is_respected_and_a_dead_one_is_not() {
    let (place, repo) = repository();
    let living = Living(Command::new("sleep").arg("1000").spawn().expect("a process"));
    let pid = living.0.id();
    let marker = repo.join("rdiff-backup-data/current_mirror.2001-09-09T02:46:40Z.data");
    std::fs::write(marker, format!("PID {pid}\n")).expect("a marker");
    let by = holder(writer(&repo, false));
    assert!(by.contains(&pid.to_string()), "{by}");
    assert!(matches!(back_up(place.path(), 1_000_009_000), Err(Error::Locked { .. })));
    assert!(writer(&repo, true).is_ok(), "with force");
    drop(living);
    writer(&repo, false).expect("nobody lives");
    back_up(place.path(), 1_000_009_000).expect("a backup, after a regress");
    assert_eq!(Repository::open(&repo).and_then(|r| r.sessions()).expect("sessions").len(), 2);
}

#[test]
fn a_number_that_was_used_again_or_belongs_to_another_host_holds_nothing() {
    let (_place, repo) = repository();
    let mut ended = Command::new("true").spawn().expect("a process");
    let living = Living(Command::new("sleep").arg("1000").spawn().expect("a process"));
    let marker = repo.join("rdiff-backup-data/current_mirror.2001-09-09T02:46:40Z.data");
    std::fs::write(&marker, format!("PID {}\n", ended.id())).expect("a marker");
    // It has ended, and is not yet waited for.
    let status = format!("/proc/{}/stat", ended.id());
    while !std::fs::read_to_string(&status).expect("it is still there").contains(") Z ") {
        std::thread::yield_now();
    }
    writer(&repo, false).expect("nobody lives");
    ended.wait().expect("it has ended");

    std::fs::write(&marker, format!("PID {}\n", living.0.id())).expect("a marker");
    holder(writer(&repo, false));
    let before = filetime::FileTime::from_unix_time(1_000_000_000, 0);
    filetime::set_file_mtime(&marker, before).expect("a time");
    writer(&repo, false).expect("the process began long after the marker");

    filetime::set_file_mtime(&marker, filetime::FileTime::now()).expect("a time");
    holder(writer(&repo, false));
    let signed = format!("hostname: another-host\npid: {}\n", living.0.id());
    std::fs::write(repo.join("rdiff-backup-data/lock.yml"), signed).expect("a lock");
    writer(&repo, false).expect("the number is that of another host");
}
