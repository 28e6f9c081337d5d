//! Which of several ways a restore takes.

use super::support::real::Real;
use super::{files_below, open, write_at};
use rdiff_core::monitor::Silent;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::walk::Everything;
use std::path::Path;

/// The restored content of `x` at a session, and the problems.
fn restored_x(repo: &Path, at: i64, target: &Path) -> (Vec<u8>, u64) {
    let request = RestoreRequest::new(SessionTime(at));
    let report = restore(&open(repo), target, &request, Everything, &Silent).unwrap();
    (std::fs::read(target.join("x")).unwrap_or_default(), report.problems)
}

#[test]
fn content_that_a_later_session_has_too_is_taken_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    std::fs::create_dir(&source).unwrap();
    let (one, two) = ("one ".repeat(1000), "two ".repeat(900));
    for (i, content) in (0..).zip([&one, &one, &two, &one]) {
        write_at(&source.join("x"), 1_600_000_000 + i, content);
        Real::find().backup(&source, &repo, 1_700_000_000 + i * 1000, &[]).expect_success();
    }
    let at = |n: i64| 1_700_000_000 + n * 1000;
    for (n, content) in [(0, &one), (1, &one), (2, &two), (3, &one)] {
        let target = dir.path().join(format!("out-{n}"));
        assert_eq!(restored_x(&repo, at(n), &target), (content.clone().into_bytes(), 0));
    }
    // What leads from the second session to the first is not needed.
    let mut increments = Vec::new();
    files_below(&repo.join("rdiff-backup-data/increments"), &mut increments);
    increments.sort();
    assert_eq!(increments.len(), 3);
    std::fs::write(&increments[0], "damaged").unwrap();
    assert_eq!(restored_x(&repo, at(0), &dir.path().join("again")), (one.into_bytes(), 0));
    // Then the short way is damaged as well.
    std::fs::write(&increments[1], "damaged").unwrap();
    assert_eq!(restored_x(&repo, at(0), &dir.path().join("lost")).1, 1);
}
