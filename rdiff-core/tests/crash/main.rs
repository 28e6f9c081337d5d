//! Every point at which a job can be stopped: by an error, a kill, or a power cut.
//!
//! Each scenario runs once to count its operations on the disk, then once for each of them and each mode,
//! stopped there. After that every earlier session restores exactly from the repository as it is, with nothing
//! written to it; the next backup (at odd points: regress, then the next backup) recovers by itself; the judge
//! finds nothing; and every session restores exactly again.
//!
//! By default some points of each are tried. `CRASH_POINTS=all` tries all, `CRASH_POINTS=40` so many of each
//! scenario and mode; `CRASH_ONLY=mode:n` tries one.

#[path = "crash/story.rs"]
mod story;
mod support;

use rdiff_core::backup::{BackupRequest, backup};
use rdiff_core::error::{Error, chain};
use rdiff_core::monitor::Silent;
use rdiff_core::path::RepoPath;
use rdiff_core::purge::purge;
use rdiff_core::regress::{regress, undo_newest};
use rdiff_core::remove::remove_older_than;
use rdiff_core::repo::disk::Disk;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::metadata::Detail;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::restore::{RestoreRequest, restore};
use rdiff_core::testing::{Fault, FaultyDisk, Lost, backup_on};
use rdiff_core::time::{SessionTime, Zone};
use rdiff_core::tree::Root;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::walk::Everything;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use story::Story;
use support::check::check_repository;
use support::manifest::{Ignore, Manifest, differences, scan_xattrs};
use tempfile::TempDir;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// Between two sessions, in seconds.
const STEP: i64 = 1000;
const START: i64 = 1_000_000_000;
/// What a small batch is.
const BATCH: usize = 3;

/// How a job is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// One operation fails, what the job does then works.
    Fault,
    /// The disk is full from there on.
    Full,
    /// Nothing happens any more.
    Kill,
    /// As `Kill`, and the power goes.
    PowerAll,
    PowerContent,
    PowerSome(u64),
}

const MODES: [Mode; 7] = [
    Mode::Fault,
    Mode::Full,
    Mode::Kill,
    Mode::PowerAll,
    Mode::PowerContent,
    Mode::PowerSome(1),
    Mode::PowerSome(2),
];

impl Mode {
    fn fault(self, n: u64) -> Fault {
        match self {
            Self::Fault => Fault::Once(n, EIO),
            Self::Full => Fault::From(n, ENOSPC),
            _ => Fault::From(n, EIO),
        }
    }

    fn lost(self, n: u64) -> Option<Lost> {
        match self {
            Self::PowerAll => Some(Lost::Everything),
            Self::PowerContent => Some(Lost::Content),
            Self::PowerSome(seed) => Some(Lost::Some(seed << 32 | n)),
            _ => None,
        }
    }
}

/// What is stopped.
#[derive(Clone, Copy, Debug)]
enum Job {
    Backup,
    Regress,
    Undo,
    /// Removes all sessions but the newest two.
    Remove,
    /// Purges [`purged`], one after the other.
    Purge,
}

/// A directory with the first name of a group of links, one that is a file in other sessions, a name that is too long.
fn purged() -> [String; 3] {
    ["links".into(), "b-dir-then-file".into(), "E".repeat(230)]
}

fn without_purged(manifest: &Manifest) -> Manifest {
    purged().iter().fold(manifest.clone(), |m, path| m.without(path.as_bytes()))
}

/// A repository before the job, and what is known of it.
struct Scenario {
    name: &'static str,
    place: TempDir,
    job: Job,
    /// The sessions that must never be lost, and what they hold.
    sessions: BTreeMap<i64, Manifest>,
    /// A session that may be there or not: the one that the job makes, or undoes.
    open: Option<(i64, Manifest)>,
    /// Sessions that are to go; nothing is asked of them.
    old: Vec<i64>,
    now: Manifest,
    time: i64,
    /// So many changes to a barrier.
    batch: usize,
    /// Bytes of names that are quoted in the mirror; more and longer names are too long then.
    quoted: &'static [u8],
}

fn fail<T>(what: &str, e: &Error) -> Result<T, String> {
    Err(format!("{what}: {}", chain(e)))
}

impl Scenario {
    fn new(name: &'static str, job: Job) -> (Self, Story) {
        let place = tempfile::tempdir().expect("a temporary directory");
        let story = Story::begin(&place.path().join("source"));
        let scenario = Self {
            name,
            place,
            job,
            sessions: BTreeMap::new(),
            open: None,
            old: Vec::new(),
            now: Manifest::default(),
            time: START,
            batch: usize::MAX,
            quoted: b"",
        };
        (scenario, story)
    }

    fn request(&self, time: i64) -> BackupRequest {
        BackupRequest {
            time: Some(time),
            durable: false,
            workers: 2,
            zone: Zone::utc(),
            chars_to_quote: Some(self.quoted.to_vec()),
            ..BackupRequest::default()
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn source(&self) -> (Arc<LocalSource>, LocalGuard) {
        let source = LocalSource::open(&self.at("source"), Arc::new(Names::default())).expect("the source");
        let guard = LocalGuard::new(&source).expect("a guard");
        (Arc::new(source), guard)
    }

    /// A session that succeeds, in the repository that all points begin with.
    fn session(&mut self) {
        self.time += STEP;
        self.back_up(&self.at("base"), self.time).expect("a backup");
        judge(&self.at("base")).expect("a repository without fault");
        self.sessions.insert(self.time, Manifest::scan(&self.at("source")));
    }

    /// The same job with a barrier after every few changes, so that there are many.
    fn in_batches(self, name: &'static str) -> Self {
        Self { name, batch: BATCH, ..self }
    }

    /// The session that the job makes is one of the source as it is now.
    fn ready(mut self) -> Self {
        self.now = Manifest::scan(&self.at("source"));
        self.time += STEP;
        if let Job::Backup = self.job {
            self.open = Some((self.time, self.now.clone()));
        }
        self
    }

    fn back_up(&self, repo: &Path, time: i64) -> Result<(), String> {
        let (source, guard) = self.source();
        match backup(source, &guard, repo, &self.request(time), Everything, &Silent) {
            Ok(report) if report.problems == 0 => Ok(()),
            Ok(report) => Err(format!("the backup had {} problems", report.problems)),
            Err(e) => fail("the next backup", &e),
        }
    }

    /// Runs the job on a copy of the repository, stopped by `fault`.
    fn run(&self, repo: &Path, fault: Fault) -> (Arc<FaultyDisk>, Result<(), Error>) {
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

    fn change(&self, repo: &Path, disk: Arc<dyn Disk>) -> Result<(), Error> {
        let writer = Writer::with_disk(Arc::new(Repository::open(repo)?), disk, true, false)?;
        match self.job {
            Job::Undo => undo_newest(&writer, &Silent).map(|_| ()),
            Job::Remove => remove_older_than(&writer, self.cut(), &Silent).map(|_| ()),
            Job::Purge => purge_all(&writer),
            _ => regress(&writer, &Silent).map(|_| ()),
        }
    }

    /// The oldest session that stays.
    fn cut(&self) -> SessionTime {
        SessionTime(*self.sessions.keys().next().expect("a session"))
    }

    fn try_point(&self, mode: Mode, n: u64) -> Result<(), String> {
        let repo = self.at("repo");
        let (disk, done) = self.run(&repo, mode.fault(n));
        let mut must = self.sessions.clone();
        if done.is_ok() {
            match self.job {
                Job::Backup => must.extend(self.open.clone()),
                Job::Purge => {}
                Job::Regress | Job::Undo | Job::Remove => {
                    let there = Repository::open(&repo).and_then(|r| r.sessions());
                    let there = there.map_err(|e| chain(&e))?;
                    if there.iter().any(|t| !must.contains_key(&t.0)) {
                        return Err("the job succeeded, and the session is still there".into());
                    }
                }
            }
        }
        if let Some(lost) = mode.lost(n) {
            disk.cut_power(lost).expect("a power cut");
        }
        drop(disk);
        self.read_all(&repo, &must).map_err(|e| format!("before repair ({}): {e}", said(&done)))?;
        if n % 2 == 1 && is_interrupted(&repo) {
            self.regress_alone(&repo, &mut must)?;
        }
        if let Job::Remove = self.job {
            self.remove_again(&repo)?;
        }
        if let Job::Purge = self.job {
            self.purge_again(&repo)?;
        }
        self.back_up(&repo, self.time + STEP)?;
        must.insert(self.time + STEP, self.now.clone());
        judge(&repo)?;
        let read = self.read_all(&repo, &must).map_err(|e| format!("after the next backup: {e}"))?;
        self.without_strangers(&read, &must)
    }

    fn regress_alone(&self, repo: &Path, must: &mut BTreeMap<i64, Manifest>) -> Result<(), String> {
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let writer = Writer::new(Arc::new(open), false).map_err(|e| chain(&e))?;
        if let Err(e) = regress(&writer, &Silent) {
            return fail("regress", &e);
        }
        drop(writer);
        judge(repo).map_err(|e| format!("after regress: {e}"))?;
        let newest = must.values().next_back().expect("a session");
        let wrong = differences(newest, &Manifest::of_mirror(repo), IGNORED);
        if let Some(wrong) = wrong.first() {
            return Err(format!("the mirror after regress: {wrong}"));
        }
        self.read_all(repo, must).map_err(|e| format!("after regress: {e}")).map(|_| ())
    }

    /// What a stopped removal left is for the next one.
    fn remove_again(&self, repo: &Path) -> Result<(), String> {
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let writer = Writer::new(Arc::new(open), false).map_err(|e| chain(&e))?;
        remove_older_than(&writer, self.cut(), &Silent).map_err(|e| chain(&e))?;
        judge(repo).map_err(|e| format!("after the second removal: {e}"))
    }

    /// What a stopped purge left is for the next one. After that there is nothing to be seen of the paths.
    fn purge_again(&self, repo: &Path) -> Result<(), String> {
        let open = Repository::open(repo).map_err(|e| chain(&e))?;
        let writer = Writer::new(Arc::new(open), false).map_err(|e| chain(&e))?;
        purge_all(&writer).map_err(|e| format!("the second purge: {}", chain(&e)))?;
        judge(repo).map_err(|e| format!("after the second purge: {e}"))?;
        for (&at, manifest) in &self.sessions {
            self.read_exactly(repo, at, &without_purged(manifest)).map_err(|e| format!("purged, {e}"))?;
        }
        self.nothing_under_numbers(repo)?;
        match differences(&without_purged(&self.now), &Manifest::of_mirror(repo), IGNORED).first() {
            Some(wrong) => Err(format!("the mirror after the purge: {wrong}")),
            None => Ok(()),
        }
    }

    /// Of what was purged nothing is left in `long_filename_data`, where only records say what belongs to what.
    fn nothing_under_numbers(&self, repo: &Path) -> Result<(), String> {
        let base = Repository::open(&self.at("base")).map_err(|e| chain(&e))?;
        let long = repo.join("rdiff-backup-data/long_filename_data");
        let left = support::manifest::sorted_names(&long);
        for (&at, path) in self.sessions.keys().flat_map(|at| purged().map(|path| (at, path))) {
            let path = RepoPath::new(path.as_bytes()).expect("a path");
            let records = base.metadata_at(SessionTime(at), path, Detail::Records).map_err(|e| chain(&e))?;
            for record in records {
                let Some(name) = record.map_err(|e| chain(&e))?.entry.long_name else { continue };
                let begins = |n: &&Vec<u8>| n.split(|&b| b == b'.').next() == Some(name.number());
                if let Some(name) = left.iter().find(begins) {
                    return Err(format!("{} of {path} is left", String::from_utf8_lossy(name)));
                }
            }
        }
        Ok(())
    }

    /// Only sessions that someone made are there.
    fn without_strangers(&self, read: &[i64], must: &BTreeMap<i64, Manifest>) -> Result<(), String> {
        let known = |t: &i64| must.contains_key(t) || self.open.as_ref().is_some_and(|(at, _)| at == t);
        match read.iter().find(|t| !known(t)) {
            Some(stranger) => Err(format!("a session {stranger} that nobody made")),
            None => Ok(()),
        }
    }

    /// Restores all sessions that are there, and writes nothing to the repository.
    fn read_all(&self, repo: &Path, must: &BTreeMap<i64, Manifest>) -> Result<Vec<i64>, String> {
        let before = fingerprint(repo);
        let sessions = match Repository::open(repo) {
            Err(Error::NotARepository { .. }) => Vec::new(),
            Err(e) => return fail("open", &e),
            Ok(repo) => repo.sessions().map_err(|e| chain(&e))?,
        };
        let sessions: Vec<i64> = sessions.iter().map(|t| t.0).collect();
        if let Some(lost) = must.keys().find(|t| !sessions.contains(t)) {
            return Err(format!("session {lost} is not listed: {sessions:?}"));
        }
        for &at in sessions.iter().filter(|t| !self.old.contains(t)) {
            let open = self.open.as_ref().filter(|(t, _)| *t == at).map(|(_, m)| m);
            let Some(manifest) = must.get(&at).or(open) else { continue };
            self.read(repo, at, manifest)?;
        }
        let after = fingerprint(repo);
        if before == after { Ok(sessions) } else { Err("reading has changed the repository".into()) }
    }

    /// Of what is being purged each path is whole or gone, and nothing is said of it.
    fn read(&self, repo: &Path, at: i64, manifest: &Manifest) -> Result<(), String> {
        if !matches!(self.job, Job::Purge) || !self.sessions.contains_key(&at) {
            return self.read_exactly(repo, at, manifest);
        }
        match self.restore(repo, at)? {
            0 => {}
            problems => return Err(format!("restore {at}: {problems} problems")),
        }
        let (mut want, got) = (manifest.clone(), Manifest::scan(&self.at("restored")));
        for path in purged() {
            if got.without(path.as_bytes()) == got {
                want = want.without(path.as_bytes());
            }
        }
        match differences(&want, &got, IGNORED).first() {
            Some(wrong) => Err(format!("restore {at}: {wrong}")),
            None => Ok(()),
        }
    }

    fn read_exactly(&self, repo: &Path, at: i64, manifest: &Manifest) -> Result<(), String> {
        match self.restore(repo, at)? {
            0 => {}
            problems => return Err(format!("restore {at}: {problems} problems")),
        }
        match differences(manifest, &Manifest::scan(&self.at("restored")), IGNORED).first() {
            Some(wrong) => Err(format!("restore {at}: {wrong}")),
            None => Ok(()),
        }
    }

    /// How many problems there were.
    fn restore(&self, repo: &Path, at: i64) -> Result<u64, String> {
        let target = self.at("restored");
        fresh(&target);
        let repo = Arc::new(Repository::open(repo).map_err(|e| chain(&e))?);
        let request = RestoreRequest { workers: 1, ..RestoreRequest::new(SessionTime(at)) };
        match restore(&repo, &target, &request, Everything, &Silent) {
            Err(e) => fail(&format!("restore {at}"), &e),
            Ok(report) => Ok(report.problems),
        }
    }

    /// Tries points of every mode.
    fn all_points(&self) {
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

/// Restored times have no nanoseconds after the original's hands; links and pipes are not compared by time.
const IGNORED: Ignore = Ignore::BY_REAL;

fn purge_all(writer: &Writer) -> Result<(), Error> {
    for path in purged() {
        purge(writer, RepoPath::new(path.as_bytes()).expect("a path"), &Silent)?;
    }
    Ok(())
}

fn said(done: &Result<(), Error>) -> String {
    done.as_ref().map_or_else(|e| format!("stopped by: {}", chain(e)), |()| "finished".into())
}

fn sample(end: u64, shift: u64) -> Vec<u64> {
    let all = std::env::var_os("CRASH_ONLY").map(|_| "all".to_owned());
    let wanted = all.or_else(|| std::env::var("CRASH_POINTS").ok()).unwrap_or_else(|| "2".into());
    let Ok(wanted) = wanted.parse::<u64>() else { return (0..end).collect() };
    let wanted = wanted.clamp(1, end);
    let mut points: Vec<u64> = (0..wanted).map(|i| (i * end + end * shift / 7) / wanted).collect();
    points.push(end - 1);
    points.sort_unstable();
    points.dedup();
    points
}

fn is_interrupted(repo: &Path) -> bool {
    Repository::open(repo).is_ok_and(|repo| matches!(repo.state(), Ok(MirrorState::Interrupted { .. })))
}

fn judge(repo: &Path) -> Result<(), String> {
    let findings = check_repository(repo);
    if findings.is_empty() { Ok(()) } else { Err(format!("the judge: {}", findings.join("; "))) }
}

/// Makes sure that nothing is at a path.
fn fresh(path: &Path) {
    if path.symlink_metadata().is_ok() {
        std::fs::remove_dir_all(path).expect("a directory goes");
    }
}

/// Copies a repository with all attributes and links. Not by another program: a child that has not yet become
/// that program shares the locks of the other tests.
fn copy(from: &Path, to: &Path) {
    copy_into(from, to, &mut BTreeMap::new());
}

fn copy_into(from: &Path, to: &Path, seen: &mut BTreeMap<u64, PathBuf>) {
    let stat = from.symlink_metadata().expect("something to copy");
    if let Some(first) = seen.get(&stat.ino()) {
        return std::fs::hard_link(first, to).expect("a name");
    }
    let kind = stat.file_type();
    if kind.is_dir() {
        std::fs::create_dir(to).expect("a directory");
        for entry in from.read_dir().expect("a directory") {
            let entry = entry.expect("an entry");
            copy_into(&entry.path(), &to.join(entry.file_name()), seen);
        }
    } else if kind.is_file() {
        std::fs::copy(from, to).expect("a file");
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(from.read_link().expect("a link"), to).expect("a link");
    } else {
        assert!(kind.is_fifo(), "{}", from.display());
        rustix::fs::mknodat(rustix::fs::CWD, to, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe");
    }
    if stat.nlink() > 1 && !kind.is_dir() {
        seen.insert(stat.ino(), to.to_owned());
    }
    std::os::unix::fs::lchown(to, Some(stat.uid()), Some(stat.gid())).expect("an owner");
    for (name, value) in scan_xattrs(from) {
        xattr::set(to, std::ffi::OsStr::from_bytes(&name), &value).expect("an attribute");
    }
    if !kind.is_symlink() {
        std::fs::set_permissions(to, stat.permissions()).expect("a mode");
    }
    let time = filetime::FileTime::from_last_modification_time(&stat);
    filetime::set_symlink_file_times(to, time, time).expect("a time");
}

/// All that writing would change.
fn fingerprint(top: &Path) -> Vec<(PathBuf, u64, u64, i64, i64)> {
    let (mut found, mut todo) = (Vec::new(), vec![top.to_owned()]);
    while let Some(path) = todo.pop() {
        let stat = path.symlink_metadata().expect("a path just listed");
        if stat.is_dir() {
            todo.extend(path.read_dir().expect("a directory").map(|e| e.expect("an entry").path()));
        }
        found.push((path, stat.ino(), stat.size(), stat.ctime(), stat.ctime_nsec()));
    }
    found.sort();
    found
}

/// Stops a backup of the source as it is at one of its last operations, so that there is much to undo.
fn interrupt(scenario: &mut Scenario, part: (u64, u64)) {
    let job = std::mem::replace(&mut scenario.job, Job::Backup);
    scenario.time += STEP;
    let half = scenario.at("half");
    let (disk, done) = scenario.run(&half, Fault::Never);
    done.expect("a backup");
    // What comes last of all is no longer part of the session.
    let stopped = |n: &u64| scenario.run(&half, Mode::Kill.fault(*n)).1.is_err() && is_interrupted(&half);
    let last = disk.operations() * part.0 / part.1;
    (0..last).rev().find(stopped).expect("a stopped backup");
    fresh(&scenario.at("base"));
    std::fs::rename(half, scenario.at("base")).expect("a rename");
    scenario.job = job;
}

fn second_backup() -> Scenario {
    let (mut scenario, mut story) = Scenario::new("second backup", Job::Backup);
    scenario.session();
    story.second();
    scenario.ready()
}

fn late_regress() -> Scenario {
    let (mut scenario, mut story) = Scenario::new("regress, late", Job::Regress);
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    interrupt(&mut scenario, (1, 1));
    scenario.ready()
}

fn early_regress() -> Scenario {
    let (mut scenario, mut story) = Scenario::new("regress, early", Job::Regress);
    scenario.session();
    story.second();
    interrupt(&mut scenario, (4, 5));
    scenario.ready()
}

fn purge_of_paths(quoted: &'static [u8]) -> Scenario {
    let (mut scenario, mut story) = Scenario::new("purge", Job::Purge);
    scenario.quoted = quoted;
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    scenario.session();
    scenario.ready()
}

#[test]
fn a_first_backup() {
    Scenario::new("first backup", Job::Backup).0.ready().all_points();
}

#[test]
fn a_second_backup() {
    second_backup().all_points();
}

#[test]
fn a_third_backup() {
    let (mut scenario, mut story) = Scenario::new("third backup", Job::Backup);
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    scenario.ready().all_points();
}

#[test]
fn a_regress_of_a_session_that_was_nearly_done() {
    late_regress().all_points();
}

#[test]
fn a_regress_of_a_session_that_had_begun_to_apply() {
    early_regress().all_points();
}

#[test]
fn a_removal_of_old_sessions() {
    let (mut scenario, mut story) = Scenario::new("remove", Job::Remove);
    for n in 0..4 {
        scenario.session();
        if n % 2 == 0 { story.second() } else { story.first() }
    }
    scenario.old = scenario.sessions.keys().copied().take(2).collect();
    scenario.sessions.retain(|t, _| !scenario.old.contains(t));
    scenario.ready().all_points();
}

#[test]
fn a_purge_of_paths() {
    purge_of_paths(b"").all_points();
}

#[test]
fn an_undo_of_a_good_session() {
    let (mut scenario, mut story) = Scenario::new("undo", Job::Undo);
    scenario.session();
    story.second();
    scenario.session();
    story.first();
    scenario.session();
    scenario.open = scenario.sessions.pop_last();
    scenario.ready().all_points();
}

#[test]
fn jobs_with_many_barriers() {
    second_backup().in_batches("second backup, batches").all_points();
    late_regress().in_batches("regress, late, batches").all_points();
    early_regress().in_batches("regress, early, batches").all_points();
}

#[test]
fn a_purge_of_paths_that_stand_under_numbers() {
    Scenario { name: "purge, quoted", ..purge_of_paths(b"E") }.all_points();
}

#[test]
fn a_file_that_is_lost_costs_its_names_and_no_more() {
    let mut scenario = Scenario::new("lost file", Job::Backup).0;
    scenario.session();
    let (repo, target) = (scenario.at("base"), scenario.at("restored"));
    for name in ["group-a", "group-b"] {
        std::fs::remove_file(repo.join(name)).expect("a file of the mirror");
    }
    let repo = Arc::new(Repository::open(&repo).expect("a repository"));
    let request = RestoreRequest::new(SessionTime(scenario.time));
    let report = restore(&repo, &target, &request, Everything, &Silent).expect("a restore");
    assert_eq!(report.problems, 2);
    let wrong = differences(&scenario.sessions[&scenario.time], &Manifest::scan(&target), IGNORED);
    assert_eq!(wrong, ["group-a: reg is missing", "group-b: reg is missing"]);
}
