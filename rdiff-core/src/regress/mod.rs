//! Undoing the newest session: one that did not finish, or on request a good one.
//!
//! What the session touched is found by its increments: each path that it changed has one, named for the
//! session before, and each directory above such a path has one too. Only those are looked at. Every step is
//! either done or can be done again, so a regress that was stopped is finished by running it again:
//!
//! 1. the snapshot of metadata of the good session is put together again, where only a diff is left;
//! 2. files of the failed session in the data directory go, but for its marker;
//! 3. each touched path is compared with its record, and where it differs the old state is rebuilt beside it;
//! 4. barrier; then the old states take their places, in batches; directories get their attributes back; barrier;
//! 5. the increments of the good session go; barrier; the marker of the failed session goes last.
//!
//! Where the metadata of the good session are damaged, nothing is removed for having no record, and what was touched behind the
//! damage is put back by its increments, which have the attributes of what they hold. `mend` makes such metadata again.
//!
//! A path whose increment is damaged keeps what the failed session has brought, and that is said: all others, and the
//! backups to come, don't depend on it. The increment is kept beside.

mod batch;
mod damage;
mod finder;
mod increments;
mod mend;
mod preview;
mod rebuild;

pub use mend::{MendReport, damaged_metadata, mend};
pub use preview::preview;

use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::format::index::IndexWriter;
use crate::format::names::IncrementKind;
use crate::merge::merge_join;
use crate::monitor::{Event, Monitor, Phase, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool};
use crate::repo::disk::{Disk, ignore_absent, make_dirs, remove_all};
use crate::repo::gz::SideFile;
use crate::repo::layout::{DATA, STAGING, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::metadata::Detail;
use crate::repo::put::BUFFER;
use crate::repo::session::write_marker;
use crate::repo::{DataFile, MirrorState, Repository, markers, state_of};
use crate::time::SessionTime;
use crate::tree::attrs::{Names, Ownership};
use batch::{Batch, Fix};
use finder::{Finder, Touched};
use increments::FailedIncrements;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a regress did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RegressReport {
    /// The session that is the mirror again.
    pub good: SessionTime,
    /// The one that was undone.
    pub undone: SessionTime,
    /// Paths that had to be changed.
    pub restored: u64,
}

/// Undoes the last session if it did not finish. Nothing if there is nothing to undo.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::repo::lock::Writer;
/// # use rdiff_core::regress::regress;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let writer = Writer::new(repo, false)?;
/// match regress(&writer, &Silent)? {
///     Some(report) => println!("{} is undone, back at {}", report.undone, report.good),
///     None => println!("no session failed"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`], [`Error::Corrupt`], [`Error::Cancelled`]; the next regress goes on. A path whose old state can't be
/// rebuilt is told to the monitor as a warning.
pub fn regress(writer: &Writer, monitor: &dyn Monitor) -> Result<Option<RegressReport>> {
    match writer.repo().state()? {
        MirrorState::Interrupted { .. } => undo_failed(writer, monitor).map(Some),
        MirrorState::Clean(_) => Ok(None),
        MirrorState::Unfinished => writer.repo().refuse_lost_marker().map(|()| None),
    }
}

/// The two newest sessions.
fn before_the_newest(repo: &Repository) -> Result<(SessionTime, SessionTime)> {
    match repo.sessions()?[..] {
        [.., before, newest] => Ok((before, newest)),
        _ => Err(Refusal::NothingBefore { repository: repo.path().to_path_buf() }.into()),
    }
}

/// Undoes the newest session, although it is good. Its states are lost.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::repo::lock::Writer;
/// # use rdiff_core::regress::undo_newest;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let oldest = repo.sessions()?[0];
/// let report = undo_newest(&Writer::new(repo.clone(), false)?, &Silent)?;
/// assert_eq!(report.good, oldest);
/// assert_eq!(std::fs::read_to_string(repo.path().join("note"))?, "first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Refusal::NothingBefore`] if it is the only one; [`Error::Corrupt`] with nothing changed where the metadata of the session
/// before are damaged; else as [`regress`].
pub fn undo_newest(writer: &Writer, monitor: &dyn Monitor) -> Result<RegressReport> {
    let repo = writer.repo();
    if let MirrorState::Clean(_) = repo.state()? {
        let (before, _) = before_the_newest(repo)?;
        // Without them the repository would be interrupted for good.
        repo.metadata_at(before, RepoPath::ROOT, Detail::All)?.try_for_each(|record| record.map(drop))?;
        let place = repo.layout().data("current_mirror", before, IncrementKind::Data, false);
        write_marker(&**writer.disk(), &place, false).while_doing(Doing::Create, repo.path_of(&place))?;
    }
    undo_failed(writer, monitor)
}

/// Undoes the session whose marker stands beside that of the good one.
///
/// # Errors
/// As [`regress`].
pub(crate) fn undo_failed(writer: &Writer, monitor: &dyn Monitor) -> Result<RegressReport> {
    Stop::watched(monitor, |stop| undo_until(stop, writer, monitor))
}

fn undo_until(stop: &Stop, writer: &Writer, monitor: &dyn Monitor) -> Result<RegressReport> {
    let repo = Arc::clone(writer.repo());
    let files = repo.data_files()?;
    let MirrorState::Interrupted { good, failed } = state_of(&files, repo.path())? else {
        return Err(Refusal::NothingToUndo { repository: repo.path().to_path_buf() }.into());
    };
    monitor.event(&Event::Phase(Phase::Regressing));
    let pool = Arc::new(Pool::new(std::thread::available_parallelism().map_or(2, usize::from)));
    let undo = Undo {
        names: Arc::new(Names::default()),
        disk: Arc::clone(writer.disk()),
        repo,
        good,
        failed,
        next_staged: AtomicU64::new(0),
        stop: stop.clone(),
        wrong: Mutex::default(),
        lost: Mutex::default(),
        kept: Mutex::default(),
        is_damaged: AtomicBool::default(),
    };
    let undo = Arc::new(undo);
    undo.claim(&files)?;
    undo.clear_staging()?;
    undo.complete_metadata(&files, &pool)?;
    undo.drop_files_of_failed()?;
    // Only now: on a full disk there may be no room for it before.
    undo.make_staging()?;
    let restored = undo.put_back(&pool, monitor)?;
    undo.drop_marker()?;
    Ok(RegressReport { good, undone: failed, restored })
}

struct Undo {
    repo: Arc<Repository>,
    disk: Arc<dyn Disk>,
    names: Arc<Names>,
    good: SessionTime,
    failed: SessionTime,
    next_staged: AtomicU64,
    stop: Stop,
    /// Files that are what they were before the failed session, and that was not what had been backed up.
    wrong: Mutex<Vec<RepoPathBuf>>,
    /// Files that can't be put back.
    lost: Mutex<Vec<Lost>>,
    /// Inodes with more than one name that a group of names keeps.
    kept: Mutex<HashSet<(u64, u64)>>,
    /// Are the metadata of the good session damaged?
    is_damaged: AtomicBool,
}

/// A file whose old state can't be rebuilt.
struct Lost {
    path: RepoPathBuf,
    /// Where it is in the mirror.
    place: StoredPath,
    /// Why.
    why: String,
    /// What the failed session had kept of it.
    increments: Vec<StoredPath>,
}

impl Undo {
    fn io<T>(&self, doing: Doing, place: &StoredPath, result: std::io::Result<T>) -> Result<T> {
        result.while_doing(doing, self.repo.path_of(place))
    }

    /// Asked wherever a step takes its time: what was done is done again, or need not be.
    fn go_on(&self) -> Result<()> {
        if self.stop.is_set() { Err(Error::Cancelled { at: None }) } else { Ok(()) }
    }

    fn barrier(&self) -> Result<()> {
        self.io(Doing::Sync, &StoredPath::root(), self.disk.barrier())
    }

    fn staged(&self) -> StoredPath {
        StoredPath::staged(self.next_staged.fetch_add(1, Ordering::Relaxed))
    }

    /// Puts our number into the marker of the failed session: the original takes no lock, and would begin to undo that
    /// session too if it saw nobody alive.
    fn claim(&self, files: &[DataFile]) -> Result<()> {
        for marker in markers(files).into_iter().filter(|marker| marker.time == self.failed) {
            match self.io(Doing::Write, &marker.place, write_marker(&*self.disk, &marker.place, false)) {
                // On a full disk it must go on.
                Err(e) if !e.is_no_room() => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Step 0: what an earlier run left in staging is of no use.
    fn clear_staging(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))
    }

    fn make_staging(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Create, &staging, make_dirs(&*self.disk, &staging))
    }

    /// Step 1: a whole snapshot of the good session, durable before anything that it is made of goes.
    fn complete_metadata(&self, files: &[DataFile], pool: &Arc<Pool>) -> Result<()> {
        let of_good = |kind| {
            files.iter().any(|f| f.base == b"mirror_metadata" && f.time == self.good && f.kind == kind)
        };
        // Where neither is left, increments must do.
        if !of_good(IncrementKind::Snapshot) && of_good(IncrementKind::Diff) {
            self.make_staging()?;
            let records = self.repo.metadata_at(self.good, RepoPath::ROOT, Detail::Records)?;
            let (plain, gzipped) = (self.staged(), self.staged());
            let mut snapshot =
                SideFile::new(Arc::clone(&self.disk), Arc::clone(pool), plain, Some(gzipped.clone()));
            for record in records {
                self.go_on()?;
                let record = record?;
                snapshot.text().extend_from_slice(&record.raw);
                snapshot.flow(record.entry.path.as_path())?;
            }
            let written = snapshot.finish()?;
            let is_gzipped = written == gzipped;
            self.keep(&written, "mirror_metadata", is_gzipped)?;
        }
        let of_index =
            |kind| files.iter().any(|f| f.base == b"source_index" && f.time == self.good && f.kind == kind);
        if !of_index(IncrementKind::Snapshot) && of_index(IncrementKind::Diff) {
            self.make_staging()?;
            let mut snapshot = SideFile::new(Arc::clone(&self.disk), Arc::clone(pool), self.staged(), None);
            let mut entries = IndexWriter::default();
            IndexWriter::head(None, snapshot.text());
            for (path, precise) in self.repo.precise_at(files, self.good) {
                self.go_on()?;
                entries.entry(path.as_path(), Some(&precise), snapshot.text());
                snapshot.flow(path.as_path())?;
            }
            let written = snapshot.finish()?;
            self.keep(&written, "source_index", false)?;
        }
        Ok(())
    }

    /// Makes a side file, written in staging, the snapshot of the good session.
    fn keep(&self, written: &StoredPath, base: &str, is_gzipped: bool) -> Result<()> {
        self.io(Doing::Sync, written, self.disk.sync(written))?;
        let place = self.repo.layout().data(base, self.good, IncrementKind::Snapshot, is_gzipped);
        self.io(Doing::Rename, &place, self.disk.rename(written, &place))?;
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))
    }

    /// Step 2. Every file of the failed session goes, whoever wrote it, but for its marker.
    fn drop_files_of_failed(&self) -> Result<()> {
        let files = self.repo.data_files()?;
        let has_index = files
            .iter()
            .any(|f| f.base == b"source_index" && f.time == self.good && f.kind == IncrementKind::Snapshot);
        for file in &files {
            let of_failed = file.time == self.failed && file.base != b"current_mirror";
            let is_diff = file.time == self.good && file.kind == IncrementKind::Diff;
            let needless =
                is_diff && (file.base == b"mirror_metadata" || (file.base == b"source_index" && has_index));
            if of_failed || needless {
                self.io(Doing::Remove, &file.place, ignore_absent(self.disk.unlink(&file.place)))?;
            }
        }
        Ok(())
    }

    /// Steps 3 to 5, up to the marker.
    fn put_back(self: &Arc<Self>, pool: &Arc<Pool>, monitor: &dyn Monitor) -> Result<u64> {
        let records = self.records_of_good()?;
        let increments = FailedIncrements::new(&self.repo, self.good)?;
        let mut finder = Finder::new(self, increments.long.clone());
        let finder_cell = std::cell::RefCell::new(&mut finder);
        let found = merge_join(records, increments).filter_map(|pair| {
            let looked = self.go_on().and(pair).and_then(|pair| finder_cell.borrow_mut().look_at(pair));
            looked.transpose()
        });
        let chunks =
            Chunks::new(found, 32, 4 << 20, |touched: &Touched| touched.entry.size().saturating_add(4096));
        let undo = Arc::clone(self);
        let results = pool.map_ordered(
            chunks,
            2 * pool.workers(),
            move |(chunk, error): (Vec<Touched>, Option<Error>)| {
                let mut buf = vec![0; BUFFER];
                let fixed = |touched: Touched| (undo.rebuild(&touched, &mut buf), touched);
                (chunk.into_iter().map(fixed).collect::<Vec<_>>(), error)
            },
        );
        let mut batch = Batch::new(self, monitor);
        let mut later = Vec::new();
        let mut buf = vec![0; BUFFER];
        for (chunk, error) in results {
            for (fix, touched) in chunk {
                match self.not_of_lost(fix, &touched, &mut buf) {
                    // Others may make room. The first of a group comes before its other names.
                    Err(e) if e.is_no_room() => later.push(touched),
                    Ok(Fix::Link(_)) if !later.is_empty() => later.push(touched),
                    fix => batch.add(touched, fix?)?,
                }
            }
            if let Some(e) = error {
                return Err(e);
            }
            if self.stop.ask(monitor) {
                return Err(Error::Cancelled { at: None });
            }
        }
        finder.leave_all()?;
        batch.apply()?;
        for touched in later {
            let fix = self.rebuild(&touched, &mut buf);
            let fix = self.not_of_lost(fix, &touched, &mut buf)?;
            batch.add(touched, fix)?;
            batch.apply()?;
        }
        for path in std::mem::take(&mut *self.wrong.lock().unwrap_or_else(PoisonError::into_inner)) {
            let text = format!(
                "{path} was damaged before the session that is undone, and is again (size or SHA-1 differ); if its source \
                 is still there, `touch` that, and the next backup brings it right"
            );
            monitor.event(&Event::Warning(&text));
        }
        let lost = self.tell_of_lost(monitor);
        let restored = batch.restored + finder.restored;
        let Finder { dirs, increments, .. } = finder;
        let ownership = Ownership::new(Arc::clone(&self.names));
        for entry in &dirs {
            self.go_on()?;
            self.set_attributes(entry, &ownership)?;
        }
        self.barrier()?;
        // From the end: a directory's own increment stays until those in it are gone.
        for place in increments.iter().rev() {
            self.go_on()?;
            if lost.contains(place) {
                let aside = self.place_aside(place)?;
                self.io(Doing::Rename, place, ignore_absent(self.disk.rename(place, &aside)))?;
            } else {
                self.io(Doing::Remove, place, ignore_absent(self.disk.unlink(place)))?;
            }
        }
        Ok(restored)
    }

    /// The first name of a file may be lost, and what another name needs may not be: it becomes a file of its own.
    fn not_of_lost(&self, fix: Result<Fix>, touched: &Touched, buf: &mut [u8]) -> Result<Fix> {
        let is_lost = |first: &StoredPath| {
            let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.iter().any(|lost| lost.place == *first)
        };
        match fix {
            Ok(Fix::Link(first)) if is_lost(&first) => self.rebuild_alone(touched, buf),
            fix => fix,
        }
    }

    /// Says what can't be put back, and returns the increments that are to blame.
    fn tell_of_lost(&self, monitor: &dyn Monitor) -> HashSet<StoredPath> {
        let mut increments = HashSet::new();
        for lost in std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner)) {
            let kept = if lost.increments.is_empty() {
                ""
            } else {
                "; its increment is kept in rdiff-backup-data/damaged"
            };
            let text = format!(
                "{} can't be put back: {}. It stays as the session that is undone has left it, and its older versions that \
                 need what it was are lost; `rdiff-backup verify --all` names them{kept}",
                lost.path, lost.why
            );
            monitor.event(&Event::Warning(&text));
            increments.extend(lost.increments);
        }
        increments
    }

    /// Where a damaged increment is put: somebody may get more out of it than we do.
    fn place_aside(&self, place: &StoredPath) -> Result<StoredPath> {
        mend::place_aside(&self.repo, &*self.disk, place)
    }

    /// Step 5: with the last marker the repository is clean.
    fn drop_marker(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))?;
        self.barrier()?;
        for marker in self.repo.markers()? {
            if marker.time == self.failed {
                self.io(Doing::Remove, &marker.place, self.disk.unlink(&marker.place))?;
            }
        }
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))
    }
}
