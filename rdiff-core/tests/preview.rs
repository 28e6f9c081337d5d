//! What is said that would be done is what is done, and saying it changes nothing.

mod ours;
mod support;

use ours::{Problems, back_up, local, request, restore_all, try_restore_over};
use rdiff_core::backup::{self, Preview};
use rdiff_core::error::{Error, Refusal};
use rdiff_core::monitor::{Event, Monitor, PathDone, Silent};
use rdiff_core::repo::Repository;
use rdiff_core::repo::lock::Writer;
use rdiff_core::restore::{self, RestoreRequest};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::local::LocalGuard;
use rdiff_core::tree::walk::Everything;
use rdiff_core::{regress, remove};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::generator::{Generator, Options};
use support::manifest::{Ignore, Manifest, differences};

/// Keeps which paths were touched, and how.
#[derive(Default)]
struct Touched(Mutex<BTreeSet<String>>);

impl Touched {
    fn all(&self) -> BTreeSet<String> {
        self.0.lock().expect("no test panics here").clone()
    }
}

impl Monitor for Touched {
    fn event(&self, event: &Event<'_>) {
        if let Event::Path { path, what } = event
            && *what != PathDone::Kept
        {
            self.0.lock().expect("no test panics here").insert(format!("{what:?} {path}"));
        }
    }
}

fn preview(source: &Path, repo: &Path, at: i64, touched: &Touched) -> Result<Preview, Error> {
    let source = local(source);
    let guard = LocalGuard::new(&source).expect("a guard");
    backup::preview(Arc::new(source), &guard, repo, &request(at), Everything, touched)
}

fn same(before: &Manifest, path: &Path) {
    assert_eq!(differences(before, &Manifest::scan(path), Ignore::default()), [""; 0], "{}", path.display());
}

#[test]
fn a_backup_does_what_its_preview_said() {
    for seed in [3, 4] {
        let place = tempfile::tempdir().expect("a temporary directory");
        let (repo, top) = (place.path().join("repo"), place.path().join("source"));
        let mut source = Generator::new(&top, seed, Options::default());
        for at in (1..=5).map(|n| 1_000_000_000 + n * 100_000) {
            let before = at > 1_000_100_000;
            let (was_source, was_repo) = (Manifest::scan(&top), before.then(|| Manifest::scan(&repo)));
            let (said, done) = (Touched::default(), Touched::default());
            let would = preview(&top, &repo, at, &said).expect("a preview");
            same(&was_source, &top);
            was_repo.as_ref().map_or_else(|| assert!(!repo.exists()), |was| same(was, &repo));
            let from = local(&top);
            let guard = LocalGuard::new(&from).expect("a guard");
            let report = backup::backup(Arc::new(from), &guard, &repo, &request(at), Everything, &done);
            let report = report.expect("a backup");
            let stats = &report.statistics;
            let counted = [stats.new_files, stats.changed_files, stats.deleted_files].map(|n| n as u64);
            let (said, done) = (said.all(), done.all());
            let differing: Vec<_> = said.symmetric_difference(&done).collect();
            assert!(differing.is_empty(), "seed {seed}, {at}: {differing:?}");
            assert_eq!([would.new, would.changed, would.deleted], counted, "seed {seed}, {at}");
            assert_eq!((would.previous, would.problems), (report.previous, report.problems));
            source.evolve();
        }
    }
}

#[test]
fn a_preview_refuses_what_the_backup_would() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (repo, top) = (place.path().join("repo"), place.path().join("source"));
    std::fs::create_dir(&top).expect("a directory");
    std::fs::write(top.join("f"), "x").expect("a file");
    let foreign = preview(&top, place.path(), 5, &Touched::default());
    assert!(matches!(foreign, Err(Error::Refused(Refusal::TargetNotARepository { .. }))), "{foreign:?}");
    let nowhere = preview(&top, &place.path().join("no/such"), 5, &Touched::default());
    assert!(matches!(nowhere, Err(Error::Io { .. })), "{nowhere:?}");
    back_up(&top, &repo, 1_000_000_000);
    let late = preview(&top, &repo, 1_000_000_000, &Touched::default());
    assert!(matches!(late, Err(Error::ClockBehind { .. })), "{late:?}");
    std::fs::remove_file(top.join("f")).expect("a file");
    let empty = preview(&top, &repo, 1_000_100_000, &Touched::default());
    assert!(matches!(empty, Err(Error::SourceVanished { .. })), "{empty:?}");
}

#[test]
fn restore_regress_and_remove_do_what_their_previews_said() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (repo, top, target) =
        (place.path().join("repo"), place.path().join("source"), place.path().join("target"));
    let mut source = Generator::new(&top, 7, Options::default());
    let times: Vec<i64> = (1..=4).map(|n| 1_000_000_000 + n * 100_000).collect();
    for at in &times {
        back_up(&top, &repo, *at);
        source.evolve();
    }
    let opened = Arc::new(Repository::open(&repo).expect("a repository"));

    restore_all(&repo, times[3], &target);
    let was = Manifest::scan(&target);
    let over = RestoreRequest { overwrite: true, ..RestoreRequest::new(SessionTime(times[0])) };
    let would = restore::preview(&opened, &target, &over, Everything, &Silent).expect("a preview");
    same(&was, &target);
    let done = try_restore_over(&repo, times[0], &target, &Problems::default()).expect("a restore");
    assert_eq!((would.restored, would.removed), (done.restored, done.removed));
    let again = restore::preview(&opened, &target, &over, Everything, &Silent).expect("a preview");
    assert_eq!((again.restored, again.removed), (again.unchanged, 0));
    let refused =
        restore::preview(&opened, &target, &RestoreRequest::new(SessionTime(times[0])), Everything, &Silent);
    assert!(matches!(refused, Err(Error::Refused(Refusal::TargetNotEmpty { .. }))), "{refused:?}");

    let was = Manifest::scan(&repo);
    assert_eq!(regress::preview(&opened, false, &Silent).expect("a preview"), None);
    let would = regress::preview(&opened, true, &Silent).expect("a preview").expect("something to undo");
    let cut = SessionTime(times[1]);
    let would_go = remove::preview(&opened, cut, &Silent).expect("a preview");
    same(&was, &repo);
    let writer = Writer::new(Arc::clone(&opened), false).expect("a writer");
    assert_eq!(remove::remove_older_than(&writer, cut, &Silent).expect("a removal"), would_go);
    let done = regress::undo_newest(&writer, &Silent).expect("a regress");
    assert_eq!((would.good, would.undone), (done.good, done.undone));
    assert!(would.restored > 0);
}
