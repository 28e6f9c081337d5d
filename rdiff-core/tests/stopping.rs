//! A job that is to stop does so in the midst of a large file, and leaves what a stopped job leaves.

mod ours;

use ours::flaky::{Call, Flaky};
use ours::{NoGuard, Problems};
use rdiff_core::backup::backup;
use rdiff_core::compare::{CompareRequest, Method, compare};
use rdiff_core::entry::Entry;
use rdiff_core::error::Error;
use rdiff_core::monitor::{Event, Monitor};
use rdiff_core::path::RepoPath;
use rdiff_core::purge::{preview, purge};
use rdiff_core::read::SessionReader;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::Everything;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A file of so many pieces of 256 KiB, as they are read.
const PIECES: u64 = 200;
const PIECE: usize = 256 << 10;

/// What source and monitor know of each other.
#[derive(Default)]
struct Shared {
    pieces: AtomicU64,
    has_stopped: AtomicBool,
    problems: Problems,
}

/// Stops the job once the large file is being read.
struct Impatient(Arc<Shared>);

impl Monitor for Impatient {
    fn event(&self, event: &Event<'_>) {
        self.0.problems.event(event);
    }

    fn cancelled(&self) -> bool {
        let stops = self.0.pieces.load(Ordering::SeqCst) > 0;
        self.0.has_stopped.fetch_or(stops, Ordering::SeqCst);
        stops
    }
}

/// Hands out one piece of the large file, no more before the monitor was asked, and slowly from there on.
fn slow(source: &Path, shared: &Arc<Shared>) -> Flaky {
    let shared = Arc::clone(shared);
    Flaky::new(source, move |call, path| {
        if call == Call::Read && path == b"large" && shared.pieces.fetch_add(1, Ordering::SeqCst) > 0 {
            while !shared.has_stopped.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    })
}

/// A job on a slow source that is stopped.
fn stopped<T>(source: &Path, job: impl FnOnce(Flaky, &Impatient) -> Result<T, Error>) {
    let shared = Arc::new(Shared::default());
    let done = job(slow(source, &shared), &Impatient(Arc::clone(&shared)));
    let at = if let Err(Error::Cancelled { at }) = done.map(|_| ()) { at } else { None };
    assert_eq!(at.map(|at| at.to_string()).as_deref(), Some("large"));
    let read = shared.pieces.load(Ordering::SeqCst);
    assert!(read < PIECES, "all of the file was read");
    assert_eq!(shared.problems.lines(), [""; 0]);
}

#[test]
fn a_backup_and_a_comparison_stop_within_a_large_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo, target) =
        (dir.path().join("source"), dir.path().join("repo"), dir.path().join("target"));
    fs::create_dir(&source).expect("a directory");
    let large = source.join("large");
    fs::write(&large, vec![1; PIECE * PIECES as usize]).expect("a file");
    let back_up = |source, monitor: &Impatient, at| {
        backup(Arc::new(source), &NoGuard, &repo, &ours::request(at), Everything, monitor)
    };
    let state = || Repository::open(&repo).and_then(|r| r.state()).expect("a state");

    stopped(&source, |source, monitor| back_up(source, monitor, 1000));
    assert_eq!(state(), MirrorState::Unfinished);
    ours::back_up(&source, &repo, 1000);

    let request = CompareRequest { method: Method::Hash, ..CompareRequest::default() };
    let repository = Arc::new(Repository::open(&repo).expect("a repository"));
    stopped(&source, |source, monitor| {
        let source: Arc<dyn Source> = Arc::new(source);
        compare(&repository, &source, &request, Everything, monitor, |_| {})
    });

    fs::write(&large, vec![2; PIECE * PIECES as usize]).expect("a file");
    stopped(&source, |source, monitor| back_up(source, monitor, 2000));
    let (good, failed) = (SessionTime(1000), SessionTime(2000));
    assert_eq!(state(), MirrorState::Interrupted { good, failed });
    ours::restore_all(&repo, 1000, &target);
    assert_eq!(fs::read(target.join("large")).expect("a file"), vec![1; PIECE * PIECES as usize]);
    ours::back_up(&source, &repo, 3000);
    assert_eq!(ours::sessions(&repo), [1000, 3000]);
}

/// Says at once that the job is to stop.
struct Never;

impl Monitor for Never {
    fn event(&self, _: &Event<'_>) {}
    fn cancelled(&self) -> bool {
        true
    }
}

/// Where a job was stopped, in words.
fn words<T>(done: Result<T, Error>) -> String {
    done.map_or_else(|e| e.to_string(), |_| "it went to the end".to_owned())
}

#[test]
fn a_purge_stops_within_the_files_that_it_reads_and_is_done_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).expect("a directory");
    for name in 0..5000 {
        fs::write(source.join(format!("{name}")), "").expect("a file");
    }
    ours::back_up(&source, &repo, 1000);
    let repository = Arc::new(Repository::open(&repo).expect("a repository"));
    let path = RepoPath::new(b"7").expect("a path");
    let side_files = || -> Vec<_> {
        let data = fs::read_dir(repo.join("rdiff-backup-data")).expect("a directory");
        let files = data.map(|e| e.expect("an entry")).filter(|e| e.path().is_file());
        let files = files.map(|e| (e.file_name(), e.metadata().expect("it is there").len()));
        let mut files: Vec<_> = files.filter(|(name, _)| name != "lock.yml").collect();
        files.sort();
        files
    };
    let before = side_files();
    assert_eq!(words(preview(&repository, path, &Never)), "stopped on request at 7");
    let writer = Writer::new(Arc::clone(&repository), false).expect("nobody else");
    assert_eq!(words(purge(&writer, path, &Never)), "stopped on request at 7");
    assert_eq!(side_files(), before);
    assert!(repo.join("7").exists());
    assert!(purge(&writer, path, &Problems::default()).expect("it goes to the end").was_in_mirror);
    assert!(!repo.join("7").exists());
}

#[test]
fn a_backup_that_is_stopped_before_it_begins_leaves_nothing_to_undo() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("file"), "content").expect("a file");
    ours::back_up(&source, &repo, 1000);
    fs::write(source.join("file"), "more content").expect("a file");
    let (tree, request) = (Arc::new(ours::local(&source)), ours::request(2000));
    let stopped = backup(tree, &NoGuard, &repo, &request, Everything, &Never);
    assert_eq!(words(stopped), "stopped on request");
    let state = Repository::open(&repo).and_then(|r| r.state()).expect("a state");
    assert_eq!(state, MirrorState::Clean(SessionTime(1000)));
}

#[test]
fn opening_an_old_version_stops_while_what_it_needs_is_unpacked() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("small"), "").expect("a file");
    let mut content = vec![1; 64 << 20];
    for at in [1000, 2000] {
        content[0] += 1;
        fs::write(source.join("large"), &content).expect("a file");
        ours::back_up(&source, &repo, at);
    }
    fs::remove_file(source.join("large")).expect("it goes");
    ours::back_up(&source, &repo, 3000);
    let repository = Arc::new(Repository::open(&repo).expect("a repository"));
    let mut session = SessionReader::new(repository, SessionTime(1000)).expect("a session");
    let large: Entry = session.entry(RepoPath::new(b"large").expect("a path")).expect("it was there");
    assert_eq!(words(session.open_watched(&large, &Never)), "stopped on request at large");
    let mut first = [0];
    let mut file = session.open_watched(&large, &Problems::default()).expect("it opens");
    std::io::Read::read_exact(&mut file, &mut first).expect("it can be read");
    assert_eq!(first, [2]);
}
