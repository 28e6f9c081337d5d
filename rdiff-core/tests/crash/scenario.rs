//! A repository before a job, and the job: run once to the end, and once to each point.

use crate::checks::judge;
use crate::files::{copy, fresh};
use crate::mode::{MODES, sample};
use crate::story::Story;
use crate::support::manifest::Manifest;
use rdiff_core::backup::{BackupRequest, backup};
use rdiff_core::error::{Error, chain};
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPath;
use rdiff_core::purge::purge;
use rdiff_core::regress::{regress, undo_newest};
use rdiff_core::remove::remove_older_than;
use rdiff_core::repo::Repository;
use rdiff_core::repo::disk::Disk;
use rdiff_core::repo::lock::Writer;
use rdiff_core::testing::{Fault, FaultyDisk, backup_on};
use rdiff_core::time::{SessionTime, Zone};
use rdiff_core::tree::Root;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::walk::Everything;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Between two sessions, in seconds.
pub(crate) const STEP: i64 = 1000;
pub(crate) const START: i64 = 1_000_000_000;
/// What a small batch is.
pub(crate) const BATCH: usize = 3;

/// What is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    Backup,
    Regress,
    Undo,
    /// Removes all sessions but the newest two.
    Remove,
    /// Purges [`purged`], one after the other.
    Purge,
}

/// A directory with the first name of a group of links, one that is a file in other sessions, a name that is too long.
pub(crate) fn purged() -> [String; 3] {
    ["links".into(), "b-dir-then-file".into(), "E".repeat(230)]
}

pub(crate) fn without_purged(manifest: &Manifest) -> Manifest {
    purged().iter().fold(manifest.clone(), |m, path| m.without(path.as_bytes()))
}

/// A repository before the job, and what is known of it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) place: TempDir,
    pub(crate) job: Job,
    /// The sessions that must never be lost, and what they hold.
    pub(crate) sessions: BTreeMap<i64, Manifest>,
    /// A session that may be there or not: the one that the job makes, or undoes.
    pub(crate) open: Option<(i64, Manifest)>,
    /// Sessions that are to go; nothing is asked of them.
    pub(crate) old: BTreeMap<i64, Manifest>,
    pub(crate) now: Manifest,
    pub(crate) time: i64,
    /// So many changes to a barrier.
    pub(crate) batch: usize,
    /// Bytes of names that are quoted in the mirror; more and longer names are too long then.
    pub(crate) quoted: &'static [u8],
}

pub(crate) fn fail<T>(what: &str, e: &Error) -> Result<T, String> {
    Err(format!("{what}: {}", chain(e)))
}

impl Scenario {
    pub(crate) fn new(name: &'static str, job: Job) -> (Self, Story) {
        let place = tempfile::tempdir().expect("a temporary directory");
        let story = Story::begin(&place.path().join("source"));
        let scenario = Self {
            name,
            place,
            job,
            sessions: BTreeMap::new(),
            open: None,
            old: BTreeMap::new(),
            now: Manifest::default(),
            time: START,
            batch: usize::MAX,
            quoted: b"",
        };
        (scenario, story)
    }

    pub(crate) fn request(&self, time: i64) -> BackupRequest {
        BackupRequest {
            time: Some(time),
            durable: false,
            workers: 2,
            zone: Zone::utc(),
            chars_to_quote: Some(self.quoted.to_vec()),
            ..BackupRequest::default()
        }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn source(&self) -> (Arc<LocalSource>, LocalGuard) {
        let source = LocalSource::open(&self.at("source"), Arc::new(Names::default())).expect("the source");
        let guard = LocalGuard::new(&source).expect("a guard");
        (Arc::new(source), guard)
    }

    /// A session that succeeds, in the repository that all points begin with.
    pub(crate) fn session(&mut self) {
        self.time += STEP;
        self.back_up(&self.at("base"), self.time).expect("a backup");
        judge(&self.at("base")).expect("a repository without fault");
        self.sessions.insert(self.time, Manifest::scan(&self.at("source")));
    }

    /// The same job with a barrier after every few changes, so that there are many.
    pub(crate) fn in_batches(self, name: &'static str) -> Self {
        Self { name, batch: BATCH, ..self }
    }

    /// The session that the job makes is one of the source as it is now.
    pub(crate) fn ready(mut self) -> Self {
        self.now = Manifest::scan(&self.at("source"));
        self.time += STEP;
        if let Job::Backup = self.job {
            self.open = Some((self.time, self.now.clone()));
        }
        self
    }

    pub(crate) fn back_up(&self, repo: &Path, time: i64) -> Result<(), String> {
        let (source, guard) = self.source();
        match backup(source, &guard, repo, &self.request(time), Everything, &Silent) {
            Ok(report) if report.problems == 0 => Ok(()),
            Ok(report) => Err(format!("the backup had {} problems", report.problems)),
            Err(e) => fail("the next backup", &e),
        }
    }

    /// Runs the job on a copy of the repository, stopped by `fault`.
    pub(crate) fn run(&self, repo: &Path, fault: Fault) -> (Arc<FaultyDisk>, Result<(), Error>) {
        let graves = self.at("graves");
        fresh(&graves);
        std::fs::create_dir(&graves).expect("a directory");
        fresh(repo);
        if self.at("base").is_dir() {
            copy(&self.at("base"), repo);
        } else {
            std::fs::create_dir(repo).expect("a directory");
        }
        let disk = FaultyDisk::new(Arc::new(Root::open(repo).expect("the root")), &graves, fault);
        let disk = Arc::new(disk.in_batches(self.batch));
        let shared = Arc::clone(&disk) as Arc<dyn Disk>;
        let done = match self.job {
            Job::Backup => {
                let (source, guard) = self.source();
                backup_on(source, &guard, shared, &self.request(self.time), &Silent).map(|_| ())
            }
            _ => self.change(repo, shared),
        };
        (disk, done)
    }

    pub(crate) fn change(&self, repo: &Path, disk: Arc<dyn Disk>) -> Result<(), Error> {
        let writer = Writer::with_disk(Arc::new(Repository::open(repo)?), disk, true, false)?;
        match self.job {
            Job::Undo => undo_newest(&writer, &Silent).map(|_| ()),
            Job::Remove => remove_older_than(&writer, self.cut(), &Silent).map(|_| ()),
            Job::Purge => purge_all(&writer),
            _ => regress(&writer, &Silent).map(|_| ()),
        }
    }

    /// The oldest session that stays.
    pub(crate) fn cut(&self) -> SessionTime {
        SessionTime(*self.sessions.keys().next().expect("a session"))
    }

    /// Tries points of every mode.
    pub(crate) fn all_points(&self) {
        let (disk, done) = self.run(&self.at("repo"), Fault::Never);
        done.expect("the job succeeds where nothing fails");
        let count = disk.operations();
        drop(disk);
        let only = std::env::var("CRASH_ONLY").ok();
        let mut wrong = Vec::new();
        for (i, mode) in MODES.into_iter().enumerate() {
            // One point past the end: the power goes when all is done.
            let end = count + u64::from(mode.lost(0).is_some());
            let points = sample(end, i as u64);
            for &n in &points {
                let point = format!("{} {mode:?}:{n}/{count}", self.name);
                if only.as_ref().is_some_and(|only| !point.contains(&format!(" {only}/"))) {
                    continue;
                }
                let tried = catch_unwind(AssertUnwindSafe(|| self.try_point(mode, n)));
                match tried {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => wrong.push(format!("{point}: {e}")),
                    Err(_) => wrong.push(format!("{point}: a panic")),
                }
            }
            println!("{} {mode:?}: {} of {end} points", self.name, points.len());
        }
        assert!(wrong.is_empty(), "{} points failed:\n{}", wrong.len(), wrong.join("\n"));
    }
}

pub(crate) fn purge_all(writer: &Writer) -> Result<(), Error> {
    for path in purged() {
        purge(writer, RepoPath::new(path.as_bytes()).expect("a path"), &Silent)?;
    }
    Ok(())
}
