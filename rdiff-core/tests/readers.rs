//! Readers beside a writer: what they read is one earlier session, whatever the writer does meanwhile.

mod support;

use rdiff_core::backup::{BackupRequest, backup};
use rdiff_core::compare::{CompareRequest, Method, compare};
use rdiff_core::monitor::{Event, Monitor, Silent};
use rdiff_core::regress::undo_newest;
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::Everything;
use rdiff_core::verify::{VerifyRequest, verify};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use support::manifest::{Ignore, Manifest, differences};
use tempfile::TempDir;

const FIRST: i64 = 1_000_000_000;
const SECOND: i64 = FIRST + 1000;
const THIRD: i64 = FIRST + 2000;

fn source(place: &Path, name: &str) -> LocalSource {
    LocalSource::open(&place.join(name), Arc::new(Names::default())).expect("the source")
}

fn back_up(place: &Path, time: i64) {
    let source = source(place, "source");
    let guard = LocalGuard::new(&source).expect("a guard");
    let request = BackupRequest { time: Some(time), durable: false, ..BackupRequest::default() };
    let (source, repo) = (Arc::new(source), place.join("repo"));
    backup(source, &guard, &repo, &request, Everything, &Silent).expect("a backup");
}

fn open(place: &Path) -> Arc<Repository> {
    Arc::new(Repository::open(&place.join("repo")).expect("a repository"))
}

/// The tree in the state of a session: most files change in each, some come and go.
fn write_state(place: &Path, state: u32) {
    let dir = place.join("source/d");
    fs::create_dir_all(&dir).expect("a directory");
    for n in 0..200u32 {
        let file = dir.join(format!("{n:03}"));
        fs::remove_file(&file).ok();
        let content = if n % 5 == 0 {
            "the same in all".to_owned()
        } else {
            format!("{n} ").repeat((9 + state) as usize)
        };
        if !(n + state).is_multiple_of(7) {
            fs::write(file, content).expect("a file");
        }
    }
}

/// Two sessions, and a source in a third state. The manifests of the two.
fn scene() -> (TempDir, [Manifest; 2]) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut manifests = Vec::new();
    for (state, time) in [(0, FIRST), (1, SECOND)] {
        write_state(dir.path(), state);
        manifests.push(Manifest::scan(&dir.path().join("source")));
        back_up(dir.path(), time);
    }
    fs::create_dir(dir.path().join("old")).expect("a directory");
    fs::rename(dir.path().join("source"), dir.path().join("old/second")).expect("a rename");
    write_state(dir.path(), 2);
    (dir, manifests.try_into().expect("two"))
}

/// A monitor that lets a writer in when the job is through with its first paths.
struct Meanwhile<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Meanwhile<F> {
    fn new(act: F) -> Self {
        Self(Mutex::new(Some(act)))
    }

    fn has_happened(&self) -> bool {
        self.0.lock().expect("a lock").is_none()
    }
}

impl<F: FnOnce() + Send> Monitor for Meanwhile<F> {
    fn event(&self, event: &Event<'_>) {
        if let Event::Path { .. } = event
            && let Some(act) = self.0.lock().expect("a lock").take()
        {
            act();
        }
    }
}

fn restored_beside(place: &Path, at: i64, want: &Manifest, act: impl FnOnce() + Send) {
    let (repo, target): (_, PathBuf) = (open(place), place.join("target"));
    let monitor = Meanwhile::new(act);
    let request = RestoreRequest { workers: 1, durable: false, ..RestoreRequest::new(SessionTime(at)) };
    let done = restore(&repo, &target, &request, Everything, &monitor).expect("a restore");
    assert!(monitor.has_happened());
    assert_eq!(done.problems, 0, "{at}");
    let wrong = differences(want, &Manifest::scan(&target), Ignore::BY_REAL);
    assert!(wrong.is_empty(), "{at}: {wrong:?}");
    fs::remove_dir_all(target).expect("a directory goes");
}

#[test]
fn a_restore_beside_a_backup_and_a_regress_is_one_session() {
    let (dir, [first, second]) = scene();
    let place = dir.path();
    restored_beside(place, SECOND, &second, || back_up(place, THIRD));
    let undo = || {
        undo_newest(&Writer::new(open(place), false).expect("a lock"), &Silent).expect("an undo");
    };
    restored_beside(place, SECOND, &second, undo);
    restored_beside(place, FIRST, &first, || back_up(place, THIRD));
    restored_beside(place, FIRST, &first, undo);
}

#[test]
fn verify_and_compare_beside_a_backup_find_nothing() {
    let (dir, _) = scene();
    let place = dir.path();
    let monitor = Meanwhile::new(|| back_up(place, THIRD));
    let report = verify(&open(place), &VerifyRequest { workers: 1, ..VerifyRequest::new(None) }, &monitor);
    assert!(monitor.has_happened());
    assert!(report.expect("a verification").bad.is_empty());

    write_state(place, 3);
    let old: Arc<dyn Source> = Arc::new(source(place, "old/second"));
    let request =
        CompareRequest { method: Method::Full, workers: 1, ..CompareRequest::new(SessionTime(SECOND)) };
    let monitor = Meanwhile::new(|| back_up(place, THIRD + 1000));
    let mut found = Vec::new();
    let done = compare(&open(place), &old, &request, Everything, &monitor, |difference| {
        found.push(format!("{}", difference.path));
    });
    let done = done.expect("a comparison");
    assert_eq!((done.problems, &found[..]), (0, &[][..]), "{found:?}");
}
