//! This program's jobs, called the way the tests need them: no syncing, UTC, fixed times.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rdiff_core::backup::{BackupReport, BackupRequest, backup};
use rdiff_core::error::{Error, Problem, Result, chain};
use rdiff_core::monitor::{Event, Monitor};
use rdiff_core::path::RepoPathBuf;
use rdiff_core::regress::{RegressReport, regress};
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use rdiff_core::restore::{RestoreReport, RestoreRequest, restore};
use rdiff_core::time::{SessionTime, Zone};
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::source::{Source, SourceGuard};
use rdiff_core::tree::walk::Everything;

pub mod flaky;

/// Keeps the problems of a job, one line each: `ListError path: why`.
#[derive(Debug, Default)]
pub struct Problems(Mutex<Vec<String>>);

impl Problems {
    /// All so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics here").clone()
    }

    /// The path of each, with the kind of the problem.
    pub fn heads(&self) -> Vec<String> {
        self.lines().iter().map(|l| l.split(": ").next().unwrap_or_default().to_owned()).collect()
    }
}

impl Monitor for Problems {
    fn event(&self, event: &Event<'_>) {
        if let Event::Problem(Problem { kind, path, source }) = event {
            self.0.lock().expect("no test panics here").push(format!("{kind} {path}: {source}"));
        }
    }
}

/// Believes everything.
#[derive(Debug)]
pub struct NoGuard;

impl SourceGuard for NoGuard {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A backup as the session `at`.
pub fn request(at: i64) -> BackupRequest {
    BackupRequest { time: Some(at), durable: false, zone: Zone::utc(), ..BackupRequest::default() }
}

pub fn local(source: &Path) -> LocalSource {
    LocalSource::open(source, Arc::new(Names::default())).expect("the source can be opened")
}

/// Backs up, whatever comes of it.
pub fn try_backup(
    source: &Path,
    repo: &Path,
    request: &BackupRequest,
    problems: &Problems,
) -> Result<BackupReport> {
    let source = local(source);
    let guard = LocalGuard::new(&source).expect("a guard");
    backup(Arc::new(source), &guard, repo, request, Everything, problems)
}

/// The same from any source.
pub fn backup_from(
    source: impl Source + 'static,
    repo: &Path,
    request: &BackupRequest,
    problems: &Problems,
) -> Result<BackupReport> {
    backup(Arc::new(source), &NoGuard, repo, request, Everything, problems)
}

/// Backs up as the session `at`; nothing may go wrong.
#[track_caller]
pub fn back_up(source: &Path, repo: &Path, at: i64) -> BackupReport {
    let problems = Problems::default();
    let done = try_backup(source, repo, &request(at), &problems);
    assert_eq!(problems.lines(), [""; 0], "problems of the session {at}");
    done.unwrap_or_else(|e| panic!("backup at {at}: {}", chain(&e)))
}

/// Restores a part of a session, whatever comes of it.
pub fn try_restore(
    repo: &Path,
    at: i64,
    subtree: &[u8],
    target: &Path,
    problems: &Problems,
) -> Result<RestoreReport> {
    let subtree = RepoPathBuf::new(subtree).expect("a path");
    let request = RestoreRequest { subtree, ..RestoreRequest::new(SessionTime(at)) };
    restore(&Arc::new(Repository::open(repo)?), target, &request, Everything, problems)
}

/// The same over what is in the target.
pub fn try_restore_over(repo: &Path, at: i64, target: &Path, problems: &Problems) -> Result<RestoreReport> {
    let request = RestoreRequest { overwrite: true, ..RestoreRequest::new(SessionTime(at)) };
    restore(&Arc::new(Repository::open(repo)?), target, &request, Everything, problems)
}

/// Restores the part `subtree` of a session; nothing may go wrong.
#[track_caller]
pub fn restore_part(repo: &Path, at: i64, subtree: &[u8], target: &Path) -> RestoreReport {
    let problems = Problems::default();
    let done = try_restore(repo, at, subtree, target, &problems);
    assert_eq!(problems.lines(), [""; 0], "problems of the restore at {at}");
    done.unwrap_or_else(|e| panic!("restore at {at}: {}", chain(&e)))
}

/// Restores a session; nothing may go wrong.
#[track_caller]
pub fn restore_all(repo: &Path, at: i64, target: &Path) -> RestoreReport {
    restore_part(repo, at, b"", target)
}

/// Undoes a session that failed, if there is one.
pub fn undo(repo: &Path) -> Result<Option<RegressReport>> {
    let writer = Writer::new(Arc::new(Repository::open(repo)?), false)?;
    regress(&writer, &rdiff_core::monitor::Silent)
}

/// The sessions of a repository, by their seconds.
pub fn sessions(repo: &Path) -> Vec<i64> {
    let repo = Repository::open(repo).expect("a repository");
    repo.sessions().expect("sessions").iter().map(|t| t.0).collect()
}

/// An error of the system, by its number.
pub fn os_error(code: rustix::io::Errno) -> io::Error {
    io::Error::from_raw_os_error(code.raw_os_error())
}

/// The one line that a user would see.
pub fn line(e: &Error) -> String {
    chain(e)
}

/// Bytes that don't repeat, the same on every run with a seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state ^ state >> 29).to_le_bytes()
    });
    words.flatten().take(length).collect()
}
