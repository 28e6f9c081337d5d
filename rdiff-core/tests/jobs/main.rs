//! List, compare, verify, remove and restore, beside the real program. Here is what their tests share.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may fail like tests")]

mod compare;
mod list;
mod remove;
mod restore;
#[path = "../support/mod.rs"]
mod support;
mod verify;

use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::repo::Repository;
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::time::SessionTime;
use rdiff_core::tree::walk::Everything;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::generator::{Generator, Options};
use support::golden;
use support::manifest::sorted_names;
use support::real::Real;

fn open(repo: &Path) -> Arc<Repository> {
    Arc::new(Repository::open(repo).unwrap())
}

fn path(text: &str) -> RepoPathBuf {
    RepoPathBuf::new(text).unwrap()
}

fn is_interrupted(name: &str) -> bool {
    name.starts_with("interrupted")
}

fn names_at_rest() -> Vec<String> {
    golden::names().into_iter().filter(|n| !is_interrupted(n)).collect()
}

/// Writes a file with an mtime, since the real program takes equal sizes and times for no change.
fn write_at(path: &Path, at: i64, content: &str) {
    std::fs::write(path, content).unwrap();
    filetime::set_file_mtime(path, filetime::FileTime::from_unix_time(at, 0)).unwrap();
}

/// A repository that the real program made of random trees.
fn generated(dir: &Path, seed: u64, sessions: i64) -> PathBuf {
    let (source, repo) = (dir.join("source"), dir.join("repo"));
    let mut trees = Generator::new(&source, seed, Options::default());
    for i in 0..sessions {
        if i > 0 {
            trees.evolve();
        }
        Real::find().backup(&source, &repo, 1_700_000_000 + i * 1000, &[]).expect_success();
    }
    repo
}

/// All files below a directory that have content.
fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    use std::os::unix::ffi::OsStringExt;
    for name in sorted_names(dir) {
        let path = dir.join(std::ffi::OsString::from_vec(name));
        let stat = std::fs::symlink_metadata(&path).unwrap();
        if stat.is_dir() {
            files_below(&path, found);
        } else if stat.is_file() && stat.len() > 0 {
            found.push(path);
        }
    }
}

fn our_restore(repo: &Path, at: i64, target: &Path) {
    let report = restore(&open(repo), target, &RestoreRequest::new(SessionTime(at)), Everything, &Silent);
    assert_eq!(report.unwrap().problems, 0);
}
