//! Who watches a job hears of a large file while it is worked on, and of each byte once.

mod ours;

use ours::NoGuard;
use ours::flaky::{Call, Flaky};
use rdiff_core::backup::backup;
use rdiff_core::compare::{CompareRequest, Method, compare};
use rdiff_core::monitor::{Counter, Monitor, Recorder};
use rdiff_core::repo::Repository;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::Everything;
use rdiff_core::verify::{VerifyRequest, verify};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const LARGE: u64 = 30 << 20;
const SMALL: u64 = 1234;

/// A source whose large file doesn't come to its end before somebody has heard of its beginning.
fn held_back(source: &Path, recorder: &Arc<Recorder>, heard: &Arc<AtomicU64>) -> Flaky {
    let (recorder, heard, pieces) = (Arc::clone(recorder), Arc::clone(heard), AtomicU64::new(0));
    Flaky::new(source, move |call, path| {
        if call == Call::Read && path == b"large" && pieces.fetch_add(1, Ordering::SeqCst) == 100 {
            let begun = Instant::now();
            while recorder.get(Counter::BytesRead) <= SMALL && begun.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(1));
            }
            heard.store(recorder.get(Counter::BytesRead), Ordering::SeqCst);
        }
        Ok(())
    })
}

/// What was counted by a job, in which the large file was heard of in time.
fn watched<T>(source: &Path, job: impl FnOnce(Flaky, &dyn Monitor) -> T) -> u64 {
    let (recorder, heard) = (Arc::new(Recorder::default()), Arc::new(AtomicU64::new(0)));
    job(held_back(source, &recorder, &heard), &*recorder);
    let heard = heard.load(Ordering::SeqCst);
    assert!((SMALL + 1..LARGE).contains(&heard), "{heard} bytes were heard of in its midst");
    recorder.get(Counter::BytesRead)
}

#[test]
fn a_large_file_is_heard_of_in_its_midst_and_each_byte_once() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("small"), vec![7; SMALL as usize]).unwrap();
    for (at, byte) in [(1000, 1), (2000, 2)] {
        fs::write(source.join("large"), vec![byte; LARGE as usize]).unwrap();
        let counted = watched(&source, |source, monitor| {
            backup(Arc::new(source), &NoGuard, &repo, &ours::request(at), Everything, monitor).unwrap()
        });
        assert_eq!(counted, if at == 1000 { LARGE + SMALL } else { LARGE });
    }
    let repository = Arc::new(Repository::open(&repo).unwrap());
    let request = CompareRequest { method: Method::Hash, ..CompareRequest::default() };
    let counted = watched(&source, |source, monitor| {
        let source: Arc<dyn Source> = Arc::new(source);
        compare(&repository, &source, &request, Everything, monitor, |_| {}).unwrap()
    });
    assert_eq!(counted, LARGE + SMALL);

    for (at, bytes) in [(None, 2 * LARGE + SMALL), (Some(SessionTime(2000)), LARGE + SMALL)] {
        let recorder = Recorder::default();
        verify(&repository, &VerifyRequest::new(at), &recorder).unwrap();
        assert_eq!(recorder.get(Counter::BytesRead), bytes);
    }
    for at in [1000, 2000] {
        let (target, recorder) = (dir.path().join(at.to_string()), Recorder::default());
        let request = RestoreRequest::new(SessionTime(at));
        restore(&repository, &target, &request, Everything, &recorder).unwrap();
        assert_eq!(recorder.get(Counter::BytesWritten), LARGE + SMALL);
    }
}
