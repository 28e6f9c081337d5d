//! A removal leaves what the real program leaves, wherever it is stopped.

use super::support::golden::{self, Golden};
use super::support::is_root;
use super::support::manifest::{Ignore, Manifest, differences};
use super::support::real::Real;
use super::{is_interrupted, names_at_rest, open, our_restore, write_at};
use rdiff_core::error::{Error, Result};
use rdiff_core::monitor::Silent;
use rdiff_core::remove::{RemoveReport, remove_older_than, sessions_older_than};
use rdiff_core::repo::disk::{Disk, DiskFile, Node, RealDisk};
use rdiff_core::repo::layout::StoredPath;
use rdiff_core::repo::lock::Writer;
use rdiff_core::time::SessionTime;
use rdiff_core::tree::Root;
use rdiff_core::tree::attrs::Applied;
use rdiff_core::verify::{VerifyRequest, verify};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything in the data directory but locks and logs.
fn data_names(repo: &Path) -> BTreeSet<Vec<u8>> {
    let records = Manifest::scan(&repo.join("rdiff-backup-data")).records;
    records.into_keys().filter(|n| !n.ends_with(b".log") && n != b"lock.yml").collect()
}

fn our_remove(repo: &Path, cut: i64) -> RemoveReport {
    let writer = Writer::new(open(repo), false).unwrap();
    remove_older_than(&writer, SessionTime(cut), &Silent).unwrap()
}

fn assert_sessions(name: &str, golden: &Golden, from: i64, with_real: bool) {
    let loses = match name {
        "without-links-acls-xattrs" => Ignore { links: true, acls: true, xattrs: true, ..Ignore::BY_REAL },
        "xattr-names" => Ignore { escaped_xattr_names: true, ..Ignore::BY_REAL },
        "types" => Ignore { owner_of_symlinks: true, ..Ignore::BY_REAL },
        _ => Ignore::BY_REAL,
    };
    for (i, (&at, manifest)) in golden.sessions.range(from..).enumerate() {
        let target = golden.beside(&format!("ours {at}"));
        our_restore(&golden.repo(), at, &target);
        let found = differences(manifest, &Manifest::scan(&target), loses);
        assert!(found.is_empty(), "{name} at {at}:\n{}", found.join("\n"));
        if with_real && i == 0 {
            let target = golden.beside(&format!("real {at}"));
            Real::find().restore(&golden.repo(), at, &target).expect_success();
            let found = differences(manifest, &Manifest::scan(&target), loses);
            assert!(found.is_empty(), "{name} at {at} by the real program:\n{}", found.join("\n"));
        }
    }
}

#[test]
fn a_removal_leaves_what_the_real_program_leaves() {
    if !is_root("jobs") {
        return;
    }
    for (i, name) in names_at_rest().iter().enumerate() {
        let (ours, real) = (Golden::unpack(name), Golden::unpack(name));
        let times: Vec<i64> = ours.sessions.keys().copied().collect();
        // the middle, everything, between two sessions
        let cut = match i % 3 {
            0 => times[times.len() / 2],
            1 => i64::from(u32::MAX),
            _ => times[times.len() / 2] - 1,
        };
        let named = sessions_older_than(&open(&ours.repo()), SessionTime(cut)).unwrap();
        let before = data_names(&ours.repo());
        let report = our_remove(&ours.repo(), cut);
        let outcome = Real::find().remove_older_than(&real.repo(), cut);
        assert_eq!(outcome.status, if named.is_empty() { 2 } else { 0 }, "{name}: {outcome:?}");
        let left = data_names(&ours.repo());
        // The real program takes the empty mirrors of directories with too long names for leftovers.
        let lost: Vec<_> = left.difference(&data_names(&real.repo())).cloned().collect();
        assert!(lost.iter().all(|n| n.starts_with(b"long_filename_data/")), "{name}: {lost:?}");
        assert!(data_names(&real.repo()).is_subset(&left), "{name}");
        let files = before.difference(&left).count() as u64;
        assert!(report.files <= files && (report.files == 0) == named.is_empty(), "{name}: {report:?}");
        let first = times.iter().copied().find(|t| named.last().is_none_or(|n| *t > n.0)).unwrap();
        assert_eq!(open(&ours.repo()).sessions().unwrap()[0].0, first, "{name}");
        assert_sessions(name, &ours, first, i % 4 == 0);
        assert!(verify(&open(&ours.repo()), &VerifyRequest::new(None), &Silent).unwrap().is_good(), "{name}");
        assert_eq!(our_remove(&ours.repo(), cut), RemoveReport::default(), "{name}");
    }
}

#[test]
fn an_interrupted_repository_is_left_alone() {
    if !is_root("jobs") {
        return;
    }
    for name in golden::names().iter().filter(|n| is_interrupted(n)) {
        let golden = Golden::unpack(name);
        let before = data_names(&golden.repo());
        let writer = Writer::new(open(&golden.repo()), true).unwrap();
        let refused = remove_older_than(&writer, SessionTime(i64::MAX), &Silent);
        let right = matches!(refused, Err(Error::Interrupted { .. } | Error::NoSuchSession { .. }));
        assert!(right, "{name}: {refused:?}");
        assert_eq!(data_names(&golden.repo()), before, "{name}");
    }
}

/// A disk that allows so many changes, and none that needs room.
struct Worn {
    inner: RealDisk,
    left: AtomicU64,
    done: AtomicU64,
}

impl Worn {
    fn use_up(&self) -> io::Result<()> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(io::Error::other("worn out"));
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn full<T>() -> io::Result<T> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

impl Disk for Worn {
    fn root(&self) -> &Arc<Root> {
        self.inner.root()
    }
    fn create(&self, _: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        Self::full()
    }
    fn append(&self, _: &StoredPath) -> io::Result<Box<dyn DiskFile>> {
        Self::full()
    }
    fn mkdir(&self, _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn rename(&self, _: &StoredPath, _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn link(&self, _: &StoredPath, _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn symlink(&self, _: &[u8], _: &StoredPath) -> io::Result<()> {
        Self::full()
    }
    fn mknod(&self, _: &StoredPath, _: Node) -> io::Result<()> {
        Self::full()
    }
    fn unlink(&self, path: &StoredPath) -> io::Result<()> {
        self.use_up()?;
        self.inner.unlink(path)
    }
    fn rmdir(&self, path: &StoredPath) -> io::Result<()> {
        self.use_up()?;
        self.inner.rmdir(path)
    }
    fn set_attributes(&self, _: &StoredPath, _: &Applied<'_>) -> io::Result<()> {
        Self::full()
    }
    fn sync(&self, path: &StoredPath) -> io::Result<()> {
        self.use_up()?;
        self.inner.sync(path)
    }
    fn barrier(&self) -> io::Result<()> {
        self.use_up()?;
        self.inner.barrier()
    }
}

/// Removes with so many operations; says how many it took.
fn remove_with(repo: &Path, cut: i64, operations: u64) -> (Result<RemoveReport>, u64) {
    let repo = open(repo);
    let inner = RealDisk::new(Arc::clone(repo.root()), false);
    let disk = Arc::new(Worn { inner, left: AtomicU64::new(operations), done: AtomicU64::new(0) });
    let writer = Writer::with_disk(repo, Arc::clone(&disk) as Arc<dyn Disk>, true, false).unwrap();
    let result = remove_older_than(&writer, SessionTime(cut), &Silent);
    (result, disk.done.load(Ordering::Relaxed))
}

fn copy_of(repo: &Path, to: &Path) -> PathBuf {
    std::fs::remove_dir_all(to).ok();
    let done = Command::new("cp").arg("-a").arg(repo).arg(to).status().unwrap();
    assert!(done.success());
    to.to_owned()
}

#[test]
fn a_removal_can_stop_anywhere_and_be_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (source, repo) = (dir.path().join("source"), dir.path().join("repo"));
    // a directory whose name the real program would take for an increment
    let odd = "a.2001-09-09T01:46:40Z.dir";
    std::fs::create_dir_all(source.join("d").join(odd)).unwrap();
    let mut trees = BTreeMap::new();
    for at in [1000, 2000, 3000, 4000] {
        write_at(&source.join("file"), at, &format!("file at {at}"));
        write_at(&source.join("d").join(odd).join("in"), at, &format!("in at {at}"));
        if at == 2000 {
            std::fs::create_dir(source.join("e")).unwrap();
            std::fs::write(source.join("e/f"), "short-lived").unwrap();
        }
        if at == 3000 {
            std::fs::remove_dir_all(source.join("e")).unwrap();
        }
        trees.insert(at, Manifest::scan(&source));
        Real::find().backup(&source, &repo, at, &[]).expect_success();
    }
    let place = dir.path().join("copy");
    let (result, operations) = remove_with(&copy_of(&repo, &place), 2500, u64::MAX);
    assert_eq!(result.unwrap().sessions, [SessionTime(1000), SessionTime(2000)]);
    let done = data_names(&place);
    assert!(done.iter().any(|n| n.starts_with(format!("increments/d/{odd}/in.").as_bytes())), "{done:?}");
    assert!(operations > 20, "{operations}");
    for n in 0..operations {
        let copy = copy_of(&repo, &place);
        let (result, _) = remove_with(&copy, 2500, n);
        assert!(matches!(result, Err(Error::Io { .. })), "operation {n}: {result:?}");
        for at in [3000, 4000] {
            let target = dir.path().join("target");
            our_restore(&copy, at, &target);
            let found = differences(&trees[&at], &Manifest::scan(&target), Ignore::BY_REAL);
            assert!(found.is_empty(), "operation {n}: {}", found.join("\n"));
            std::fs::remove_dir_all(&target).unwrap();
        }
        remove_with(&copy, 2500, u64::MAX).0.unwrap();
        assert_eq!(data_names(&copy), done, "operation {n}");
    }
}
