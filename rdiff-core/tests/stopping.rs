//! A job that is to stop does so in the midst of a large file, and leaves what a stopped job leaves.

mod ours;

use ours::flaky::{Call, Flaky};
use ours::{NoGuard, Problems};
use rdiff_core::backup::backup;
use rdiff_core::compare::{CompareRequest, Method, compare};
use rdiff_core::error::Error;
use rdiff_core::monitor::{Event, Monitor};
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
    assert!(matches!(done, Err(Error::Cancelled)));
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
