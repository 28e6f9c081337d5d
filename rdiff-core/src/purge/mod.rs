//! Purging a path: out of the mirror, out of every session, and out of every file that names it.
//!
//! | # | step | if the machine stops after it |
//! |---|---|---|
//! | 1 | statistics, attributes, lists and side indexes are written anew without it | they lack the path, in some sessions |
//! | 2 | diffs of metadata get the records that `ancestors` speaks of | nothing has changed |
//! | 3 | metadata are written anew without the path, newest first, each durable before the next | newer sessions don't know the path, older ones restore it |
//! | 4 | mirror and increments are moved to staging, each in one step, or deleted | no session knows the path |
//! | 5 | staging is emptied | done |
//!
//! No other path is touched at any point, and the job done again finishes what was left. Metadata go newest
//! first because older files lean on newer ones: the other way round a session would take the record of a newer
//! one for its own. The other names of a hard-linked file take over what only its first name has; see `links`.
//!
//! Files of names that are too long stand under numbers that only records know. If the machine stops when the
//! records are gone, the next purge finds these files as numbers that no record of any session names.

mod ancestors;
mod filter;
mod links;

use crate::entry::LongName;
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::disk::{Disk, ignore_absent, make_dirs, remove_all};
use crate::repo::increments::IncrementDir;
use crate::repo::layout::{DATA, LONG_NAMES, STAGING, StoredPath, TooLong};
use crate::repo::lock::Writer;
use crate::repo::metadata::Detail;
use crate::repo::{DataFile, Repository};
use crate::time::SessionTime;
use crate::tree::attrs::Applied;
use filter::{Filter, Found, Rewrite, SideKind};
use links::{Amendments, Groups};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many files are written before a barrier: each waits in staging, and needs room there.
const BATCH: usize = 32;

/// What was purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PurgeReport {
    /// Records, lines and entries about the path or what was below it, in all files together.
    pub records: u64,
    /// Files of the data directory that were written anew.
    pub rewritten: u64,
    /// Increments of the path itself that were deleted; those of what was below it are not counted.
    pub increments: u64,
    /// Was it in the mirror?
    pub was_in_mirror: bool,
}

/// A file in the data directory with one record or line for each path.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # use rdiff_core::purge::{PurgePlan, SidePlan};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let plan = PurgePlan::new(&repo, RepoPath::new(b"note")?)?;
/// let records: u64 = plan.side_files().iter().map(|side: &SidePlan| side.records).sum();
/// assert!(records > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SidePlan {
    /// Where it is.
    pub place: StoredPath,
    /// How many records in it are about the path, or what is below it.
    pub records: u64,
    file: DataFile,
    kind: SideKind,
    amendments: Amendments,
    /// Directories of records that stay until the directories are gone too.
    above: Amendments,
}

impl SidePlan {
    /// Is it a file that only this program keeps, and the original doesn't know of?
    pub fn is_ours(&self) -> bool {
        self.kind == SideKind::Index
    }
}

/// What a purge has to do, found by reading alone.
#[derive(Clone, Debug)]
pub struct PurgePlan {
    path: RepoPathBuf,
    side_files: Vec<SidePlan>,
    mirror: Vec<StoredPath>,
    /// The directory that the path was in, with the time that it is to keep.
    parent: Option<(StoredPath, i64)>,
    increments: Vec<StoredPath>,
    increment_dir: Option<StoredPath>,
    long_increments: Vec<StoredPath>,
    /// What a purge that was stopped left under numbers.
    orphans: Vec<StoredPath>,
}

impl PurgePlan {
    /// Finds all traces of `path` in `repo`.
    ///
    /// # Errors
    /// [`Refusal::PurgeOfRoot`]; [`Error::Interrupted`]; [`Error::NoSuchSession`] if there is none yet;
    /// [`Error::Corrupt`] when a file that would have to be written anew can't be read; [`Error::Io`].
    pub fn new(repo: &Arc<Repository>, path: RepoPath<'_>) -> Result<Self> {
        Self::until(&Stop::default(), repo, path)
    }

    fn until(stop: &Stop, repo: &Arc<Repository>, path: RepoPath<'_>) -> Result<Self> {
        if path.is_root() {
            return Err(Refusal::PurgeOfRoot { repository: repo.path().to_path_buf() }.into());
        }
        let newest = repo.clean_mirror()?;
        let (side_files, found) = scan(stop, repo, path)?;
        let mut plan = Self {
            path: path.to_owned(),
            side_files,
            mirror: Vec::new(),
            parent: None,
            increments: Vec::new(),
            increment_dir: None,
            long_increments: Vec::new(),
            orphans: Vec::new(),
        };
        if !found.groups.is_empty() {
            links::amend(repo, path, &Groups::new(found.groups.clone()), &mut plan.side_files)?;
        }
        if found.is_deep {
            ancestors::complete(repo, path, &mut plan.side_files)?;
        }
        plan.find_files(repo, &found)?;
        plan.parent = parent(repo, path, newest)?;
        Ok(plan)
    }

    /// All files of the data directory that name paths, also those in which nothing is to be done, oldest first.
    pub fn side_files(&self) -> &[SidePlan] {
        &self.side_files
    }

    /// The increments of the path itself, and of names below it that are too long to stand in their place; also
    /// what a purge that was stopped left of those.
    pub fn increments(&self) -> impl Iterator<Item = &StoredPath> {
        self.long_increments.iter().chain(&self.orphans).chain(&self.increments)
    }

    /// Is there no trace of the path at all?
    pub fn is_empty(&self) -> bool {
        self.mirror.is_empty()
            && self.increment_dir.is_none()
            && self.increments().next().is_none()
            && self.side_files.iter().all(|f| f.records == 0)
    }

    fn find_files(&mut self, repo: &Repository, found: &Found) -> Result<()> {
        let (layout, path) = (repo.layout(), self.path.as_path());
        let exists = |place: &StoredPath| {
            let found = repo.root().find(place.as_bytes());
            Ok::<_, Error>(found.while_doing(Doing::Stat, repo.path_of(place))?.is_some())
        };
        let mut mirror = Vec::new();
        if layout.too_long(path) != Some(TooLong::Mirror) {
            mirror.push(layout.mirror(path, None));
            let dir = layout.increments_in(path);
            if exists(&dir)? {
                self.increment_dir = Some(dir);
            }
            let (dir, base) = layout.increment_base(path, None);
            let base = layout.quoting().unquote(&base).into_owned();
            let own = repo.increments_in(&dir)?.remove(&base).unwrap_or_default();
            self.increments = own.into_iter().map(|i| i.place).collect();
        }
        let long = StoredPath::fixed(LONG_NAMES);
        let mut in_long = repo.increments_in(&long)?;
        if !found.is_unsure && self.tells_of_all_sessions(repo)? {
            self.find_orphans(repo, found, &in_long)?;
        }
        for name in found.long_names.iter().map(LongName::number) {
            self.long_increments
                .extend(in_long.remove(name).unwrap_or_default().into_iter().map(|i| i.place));
            mirror.push(long.listed(name));
        }
        for place in mirror {
            if exists(&place)? {
                self.mirror.push(place);
            }
        }
        Ok(())
    }

    /// Is there metadata of every session? Then a number that no record has belongs to nothing.
    fn tells_of_all_sessions(&self, repo: &Repository) -> Result<bool> {
        let metadata = self.side_files.iter().filter(|f| f.kind == SideKind::Metadata);
        let told: BTreeSet<SessionTime> = metadata.map(|f| f.file.time).collect();
        Ok(repo.sessions()?.iter().all(|t| told.contains(t)))
    }

    /// Finds what stands under numbers that no record has, in the mirror and as increments.
    fn find_orphans(&mut self, repo: &Repository, found: &Found, in_long: &IncrementDir) -> Result<()> {
        let long = StoredPath::fixed(LONG_NAMES);
        let is_orphan = |name: &[u8]| {
            !name.is_empty()
                && name.iter().all(u8::is_ascii_digit)
                && !found.numbers_of_others.contains(name)
                && !found.long_names.iter().any(|n| n.number() == name)
        };
        let increments = in_long.iter().filter(|(number, _)| is_orphan(number));
        self.orphans.extend(increments.flat_map(|(_, found)| found).map(|i| i.place.clone()));
        let names = match repo.root().list(long.as_bytes()) {
            Err(e) if crate::tree::is_absent(&e) => return Ok(()),
            other => other.while_doing(Doing::List, repo.path_of(&long))?,
        };
        let mirror = names.iter().filter(|name| is_orphan(name));
        self.orphans.extend(mirror.map(|name| long.listed(name)));
        Ok(())
    }

    /// Purges it. The plan must have been made under the lock of `writer`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`]; [`Error::Cancelled`]. Other paths are then as they were, and the job
    /// can be done again.
    pub fn carry_out(&self, writer: &Writer, monitor: &dyn Monitor) -> Result<PurgeReport> {
        Stop::watched(monitor, |stop| self.carry_out_until(stop, writer, monitor))
    }

    fn carry_out_until(&self, stop: &Stop, writer: &Writer, monitor: &dyn Monitor) -> Result<PurgeReport> {
        let purge = Purge { plan: self, repo: writer.repo(), disk: writer.disk(), monitor, stop };
        if !self.is_empty() {
            purge.all()?;
        }
        purge.tidy()?;
        Ok(self.report())
    }

    /// What it would do, or has done.
    pub fn report(&self) -> PurgeReport {
        let [others, _, metadata] = self.steps();
        PurgeReport {
            records: self.side_files.iter().map(|f| f.records).sum(),
            rewritten: (others.len() + metadata.len()) as u64,
            increments: self.increments().count() as u64,
            was_in_mirror: !self.mirror.is_empty(),
        }
    }

    /// What is written anew, in the order of steps 1 to 3.
    fn steps(&self) -> [Vec<(&SidePlan, Rewrite)>; 3] {
        let is_wanted = |f: &&SidePlan| f.records > 0 || !f.amendments.is_empty();
        let metadata = || self.side_files.iter().rev().filter(|f| f.kind == SideKind::Metadata);
        let others = self.side_files.iter().filter(|f| f.kind != SideKind::Metadata);
        [
            others.filter(is_wanted).map(|f| (f, Rewrite::Without)).collect(),
            metadata().filter(|f| !f.above.is_empty()).map(|f| (f, Rewrite::WithAbove)).collect(),
            metadata().filter(is_wanted).map(|f| (f, Rewrite::Without)).collect(),
        ]
    }
}

/// Finds out what [`purge`] would do. Nothing is written, and no lock is taken.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// # use rdiff_core::monitor::Silent;
/// let would = rdiff_core::purge::preview(&repo, RepoPath::new(b"note")?, &Silent)?;
/// assert!(would.was_in_mirror && would.increments == 1);
/// assert!(repo.path().join("note").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`PurgePlan::new`]; [`Error::Cancelled`].
pub fn preview(repo: &Arc<Repository>, path: RepoPath<'_>, monitor: &dyn Monitor) -> Result<PurgeReport> {
    Stop::watched(monitor, |stop| PurgePlan::until(stop, repo, path)).map(|plan| plan.report())
}

/// Purges `path`.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::path::RepoPath;
/// # use rdiff_core::repo::lock::Writer;
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::purge::{PurgePlan, PurgeReport, purge};
///
/// let note = RepoPath::new(b"note")?;
/// let plan = PurgePlan::new(&repo, note)?; // what it would do, found by reading alone
/// assert!(plan.increments().count() == 1 && plan.side_files().iter().any(|side| side.records > 0));
///
/// let writer = Writer::new(Arc::clone(&repo), false)?;
/// let report: PurgeReport = purge(&writer, note, &Silent)?;
/// assert!(report.was_in_mirror && report.increments == 1);
/// assert!(PurgePlan::new(&repo, note)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`PurgePlan::new`] and [`PurgePlan::carry_out`].
pub fn purge(writer: &Writer, path: RepoPath<'_>, monitor: &dyn Monitor) -> Result<PurgeReport> {
    Stop::watched(monitor, |stop| {
        PurgePlan::until(stop, writer.repo(), path)?.carry_out_until(stop, writer, monitor)
    })
}

/// The directory above a path in the mirror, and the time that the newest session has for it.
fn parent(repo: &Repository, path: RepoPath<'_>, newest: SessionTime) -> Result<Option<(StoredPath, i64)>> {
    let Some(above) = path.parent() else { return Ok(None) };
    let Some(recorded) = repo.metadata_at(newest, above, Detail::Records)?.next().transpose()? else {
        return Ok(None);
    };
    let entry = recorded.entry;
    let place = repo.layout().mirror(above, entry.long_name.as_ref());
    Ok(entry.attrs.mtime.filter(|_| entry.is_dir() && entry.path.as_path() == above).map(|t| (place, t)))
}

/// Reads all side files, and says which of them name the path.
fn scan(stop: &Stop, repo: &Arc<Repository>, path: RepoPath<'_>) -> Result<(Vec<SidePlan>, Found)> {
    let mut files: Vec<(DataFile, SideKind)> =
        repo.data_files()?.into_iter().filter_map(|f| SideKind::of(&f.base).map(|kind| (f, kind))).collect();
    // Of a snapshot and a diff of one session, the snapshot is what is read, and counts as the newer one.
    files.sort_by_key(|(f, _)| (f.time, Reverse(f.kind), f.base.clone()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let pool = Arc::new(Pool::new(workers));
    let (shared, path, stop) = (Arc::clone(repo), path.to_owned(), stop.clone());
    let scanned = pool.map_ordered(files.into_iter(), 2 * workers, move |(file, kind)| {
        let mut found = Found::default();
        Filter { repo: &shared, path: path.as_path(), file: &file, kind, stop: &stop }.scan(&mut found)?;
        Ok::<_, Error>((file, kind, found))
    });
    let (mut all, mut side_files) = (Found::default(), Vec::new());
    for scanned in scanned {
        let (file, kind, found) = scanned?;
        side_files.push(SidePlan {
            place: file.place.clone(),
            records: found.records,
            file,
            kind,
            amendments: Amendments::default(),
            above: Amendments::default(),
        });
        all.long_names.extend(found.long_names);
        all.numbers_of_others.extend(found.numbers_of_others);
        all.is_unsure |= found.is_unsure;
        all.groups.extend(found.groups);
        all.is_deep |= found.is_deep;
    }
    Ok((side_files, all))
}

struct Purge<'a> {
    plan: &'a PurgePlan,
    repo: &'a Arc<Repository>,
    disk: &'a Arc<dyn Disk>,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

impl Purge<'_> {
    fn all(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&**self.disk, &staging))?;
        self.io(Doing::Create, &staging, make_dirs(&**self.disk, &staging))?;
        self.rewrite_side_files()?;
        self.move_away()?;
        self.unlink_all(&self.plan.long_increments)?;
        self.unlink_all(&self.plan.increments)?;
        self.barrier()?;
        let path = self.plan.path.as_path();
        self.monitor.event(&Event::Path { path, what: PathDone::Removed });
        Ok(())
    }

    /// Step 5, and what another purge may have left undone.
    fn tidy(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&**self.disk, &staging))?;
        if let Some((dir, mtime)) = &self.plan.parent {
            let stat = self.io(Doing::Stat, dir, self.disk.root().find(dir.as_bytes()))?;
            if stat.is_some_and(|s| s.is_dir() && s.mtime != (*mtime, 0)) {
                let as_it_was = Applied { mtime: Some((*mtime, 0)), ..Applied::default() };
                self.io(Doing::SetAttributes, dir, self.disk.set_attributes(dir, &as_it_was))?;
            }
        }
        self.barrier()
    }

    /// Steps 1 to 3.
    fn rewrite_side_files(&self) -> Result<()> {
        let mut number = 0;
        for (step, files) in self.plan.steps().into_iter().enumerate() {
            for batch in files.chunks(BATCH.min(self.disk.most_waiting())) {
                if self.stop.ask(self.monitor) {
                    return Err(Error::Cancelled { at: Some(self.plan.path.clone()) });
                }
                let staged = self.write_batch(number, batch)?;
                number += batch.len();
                self.barrier()?;
                for ((side, _), (new, is_empty)) in batch.iter().zip(&staged) {
                    self.replace(side, new, *is_empty)?;
                    if step == 2 {
                        self.sync_data()?;
                    }
                }
            }
            self.sync_data()?;
        }
        Ok(())
    }

    fn replace(&self, side: &SidePlan, new: &StoredPath, is_empty: bool) -> Result<()> {
        self.io(Doing::Rename, &side.place, self.disk.rename(new, &side.place))?;
        if is_empty && side.file.gzipped {
            // Nothing is not compressed. There is one file of the session at every moment.
            self.sync_data()?;
            let plain = self.without_gz(&side.file);
            self.io(Doing::Rename, &plain, self.disk.rename(&side.place, &plain))?;
        }
        self.monitor.count(Counter::Paths, side.records);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))
    }

    fn without_gz(&self, file: &DataFile) -> StoredPath {
        let name = file.place.name();
        let quoted = self.repo.layout().quoting().quote(b".gz").into_owned();
        StoredPath::fixed(DATA).listed(name.strip_suffix(&quoted[..]).unwrap_or(name))
    }

    /// Writes the files of a batch to staging, on all cores. Says of each where it is and whether it is empty.
    fn write_batch(&self, first: usize, batch: &[(&SidePlan, Rewrite)]) -> Result<Vec<(StoredPath, bool)>> {
        let pool = Arc::new(Pool::new(std::thread::available_parallelism().map_or(2, usize::from)));
        let (repo, disk, path) = (Arc::clone(self.repo), Arc::clone(self.disk), self.plan.path.clone());
        let stop = self.stop.clone();
        let work: Vec<(u64, SidePlan, Rewrite)> = (first as u64..)
            .zip(batch)
            .map(|(number, (side, rewrite))| (number, SidePlan::clone(side), *rewrite))
            .collect();
        let written = pool.map_ordered(work.into_iter(), pool.workers(), move |(number, side, rewrite)| {
            let (path, file, kind) = (path.as_path(), &side.file, side.kind);
            let filter = Filter { repo: &repo, path, file, kind, stop: &stop };
            let place = StoredPath::staged(number);
            let insert = match rewrite {
                Rewrite::Without => &side.amendments,
                Rewrite::WithAbove => &side.above,
            };
            let is_empty = filter.write(rewrite, insert, &disk, &place)?;
            keep_owner(&repo, &*disk, &side.place, &place)?;
            Ok((place, is_empty))
        });
        written.collect()
    }

    /// Step 4, but for the increments of the path itself. The directory that it was in keeps its mode.
    fn move_away(&self) -> Result<()> {
        let from = self.plan.mirror.iter().chain(&self.plan.increment_dir).chain(&self.plan.orphans);
        for (n, place) in from.enumerate() {
            let (disk, dir) = (&**self.disk, place.parent());
            let stat = self.io(Doing::Stat, &dir, disk.root().stat(dir.as_bytes()))?;
            let to = StoredPath::fixed(STAGING).listed(format!("purged-{n}").as_bytes());
            let moved = match disk.rename(place, &to) {
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                    self.open_up(&dir)?;
                    self.open_up(place)?;
                    disk.rename(place, &to)
                }
                other => other,
            };
            self.io(Doing::Rename, place, ignore_absent(moved))?;
            let as_it_was = Applied { mode: Some(stat.mode), ..Applied::default() };
            self.io(Doing::SetAttributes, &dir, disk.set_attributes(&dir, &as_it_was))?;
        }
        Ok(())
    }

    /// Gives ourselves the right to change a directory; nothing else is changed.
    fn open_up(&self, dir: &StoredPath) -> Result<()> {
        let stat = self.io(Doing::Stat, dir, self.disk.root().find(dir.as_bytes()))?;
        if stat.is_some_and(|s| s.is_dir() && s.mode & 0o700 != 0o700) {
            let open = Applied { mode: Some(0o700), ..Applied::default() };
            self.io(Doing::SetAttributes, dir, self.disk.set_attributes(dir, &open))?;
        }
        Ok(())
    }

    fn unlink_all(&self, places: &[StoredPath]) -> Result<()> {
        for place in places {
            self.io(Doing::Remove, place, ignore_absent(self.disk.unlink(place)))?;
            self.monitor.count(Counter::Increments, 1);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.disk.barrier().while_doing(Doing::Sync, self.repo.path())
    }

    fn io<T>(&self, doing: Doing, place: &StoredPath, result: std::io::Result<T>) -> Result<T> {
        result.while_doing(doing, self.repo.path_of(place))
    }
}

/// Gives a new file the owner and the mode of the one that it replaces, as far as we may.
fn keep_owner(repo: &Repository, disk: &dyn Disk, old: &StoredPath, new: &StoredPath) -> Result<()> {
    let stat = repo.root().stat(old.as_bytes()).while_doing(Doing::Stat, repo.path_of(old))?;
    let owner = rustix::process::geteuid().is_root().then_some((stat.uid, stat.gid));
    let attributes = Applied { owner, mode: Some(stat.mode), ..Applied::default() };
    disk.set_attributes(new, &attributes).while_doing(Doing::SetAttributes, repo.path_of(new))
}
