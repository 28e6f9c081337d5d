//! The crash-safety protocol of a session, in the order of its steps.
//!
//! | # | step of a session T1 over T0 | if the machine stops after it |
//! |---|---|---|
//! | 1 | take the lock | nothing has changed |
//! | 2 | write marker `current_mirror.T1`, sync it and its directory | two markers: *interrupted*; regress finds nothing to do |
//! | 3 | workers write new files to `staging/` and increments (named T0) to their places | mirror still old; regress deletes the increments |
//! | 4 | barrier: everything so far is durable | as 3 |
//! | 5 | staged files are renamed over the mirror, attributes are set | some paths new; regress puts them back from increments that 4 made durable |
//! | 6 | 3 to 5 for every batch; then the same for removals, which come last | as 5 |
//! | 7 | metadata, attributes, index and statistics of T1, the diff of T0 | as 5; the snapshot of T0 is still there |
//! | 8 | barrier | as 7 |
//! | 9 | remove the snapshot of T0 where a diff replaces it, sync the directory | regress rebuilds the snapshot from T1 and the diff |
//! | 10 | remove marker `current_mirror.T0`, sync the directory | T1 is the mirror |
//!
//! The rule under the table: **no path of the mirror changes before what is needed to restore it is
//! durable.** A first session has no T0 and nothing to go back to: workers write the mirror directly, and
//! its marker is written last, after a barrier.
//!
//! ```
//! # use rdiff_core::repo::lock::Writer;
//! # use rdiff_core::repo::MirrorState;
//! # use rdiff_core::time::SessionTime;
//! # use std::sync::Arc;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::repo::session::Session;
//!
//! let newest = repo.sessions()?[1];
//! let writer = Writer::new(Arc::clone(&repo), false)?;
//! let session = Session::begin(&writer, Arc::clone(&repo), SessionTime(1_800_000_000), Some(newest))?;
//! session.barrier()?; // what was written so far is durable
//! drop(session); // not committed
//! assert!(matches!(repo.state()?, MirrorState::Interrupted { good, .. } if good == newest));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::disk::{Disk, ignore_absent, make_dirs, remove_all};
use super::layout::{DATA, INCREMENTS, STAGING, StoredPath};
use super::lock::{Writer, writer_of};
use super::{DataFile, Repository};
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::format::names::{IncrementKind, TimeStyle, TimedName};
use crate::time::SessionTime;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A session being written. Dropped without [`Session::commit`], it leaves the repository interrupted.
#[must_use = "without commit() the repository stays interrupted"]
pub struct Session {
    repo: Arc<Repository>,
    disk: Arc<dyn Disk>,
    time: SessionTime,
    previous: Option<SessionTime>,
    next_staged: AtomicU64,
    failed: AtomicBool,
}

impl Session {
    /// Begins the session of `time` over the mirror of `previous` (steps 2 and what it needs).
    ///
    /// # Errors
    /// [`Error::ClockBehind`]; [`Refusal::TimeNotWritable`]; [`Error::Locked`]; [`Error::Io`].
    pub fn begin(
        writer: &Writer,
        repo: Arc<Repository>,
        time: SessionTime,
        previous: Option<SessionTime>,
    ) -> Result<Self> {
        refuse_unwritable(time, repo.layout().times())?;
        if let Some(mirror) = previous.filter(|p| *p >= time) {
            return Err(Error::ClockBehind { repository: repo.path().to_path_buf(), now: time, mirror });
        }
        let disk = Arc::clone(writer.disk());
        let session = Self {
            repo,
            disk,
            time,
            previous,
            next_staged: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        };
        let staging = StoredPath::fixed(STAGING);
        session.io(Doing::Remove, &staging, remove_all(&*session.disk, &staging))?;
        let increments = StoredPath::fixed(INCREMENTS);
        session.io(Doing::Create, &increments, make_dirs(&*session.disk, &increments))?;
        if previous.is_some() {
            session.fill_increments()?;
            session.io(Doing::Create, &staging, session.disk.mkdir(&staging))?;
            session.write_marker()?;
        }
        Ok(session)
    }

    /// The original takes two markers beside an empty `increments` for a new repository and can't go on
    /// from there. Any entry will do; it leaves empty directories alone.
    fn fill_increments(&self) -> Result<()> {
        if self.repo.has_increments() {
            return Ok(());
        }
        let place = StoredPath::fixed(INCREMENTS).listed(b"rdiff-backup-data");
        self.io(Doing::Create, &place, make_dirs(&*self.disk, &place))?;
        self.io(Doing::Sync, &place, self.disk.sync(&StoredPath::fixed(INCREMENTS)))
    }

    /// Nobody but us may have begun a session meanwhile: the original takes no lock, and asks for markers only. It is
    /// told by ours from now on; so who began first goes on.
    fn write_marker(&self) -> Result<()> {
        self.alone(false)?;
        let place = self.repo.layout().data("current_mirror", self.time, IncrementKind::Data, false);
        self.io(Doing::Create, &place, write_marker(&*self.disk, &place, self.previous.is_none()))?;
        let alone = self.alone(true);
        if alone.is_err() && self.previous.is_some() {
            self.io(Doing::Remove, &place, self.disk.unlink(&place))?;
            let data = StoredPath::fixed(DATA);
            self.io(Doing::Sync, &data, self.disk.sync(&data))?;
        }
        alone.map(drop)
    }

    /// The markers. An error if there is one of another session than the one before and, once `begun`, ours.
    fn alone(&self, begun: bool) -> Result<Vec<DataFile>> {
        let markers = self.repo.markers()?;
        let is_known =
            |marker: &&DataFile| Some(marker.time) == self.previous || (begun && marker.time == self.time);
        match markers.iter().find(|marker| !is_known(marker)) {
            None => Ok(markers),
            Some(marker) => Err(Error::Locked {
                repository: self.repo.path().to_path_buf(),
                by: writer_of(&self.repo, marker)?,
            }),
        }
    }

    /// Turns a failure into an error and remembers it: a session that failed once can't be made good.
    pub(crate) fn io<T>(&self, doing: Doing, place: &StoredPath, result: std::io::Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(e) => {
                self.failed.store(true, Ordering::Relaxed);
                Err(e).while_doing(doing, self.repo.path_of(place))
            }
        }
    }

    /// The repository.
    pub fn repo(&self) -> &Arc<Repository> {
        &self.repo
    }

    /// Where changes go.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The time of this session.
    pub fn time(&self) -> SessionTime {
        self.time
    }

    /// The session before it.
    pub fn previous(&self) -> Option<SessionTime> {
        self.previous
    }

    /// A place for a new file before it goes into the mirror (step 3).
    pub fn staged(&self) -> StoredPath {
        StoredPath::staged(self.next_staged.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes everything so far durable (steps 4 and 8).
    ///
    /// # Errors
    /// [`Error::Io`]; the session can't be committed after that.
    pub fn barrier(&self) -> Result<()> {
        self.io(Doing::Sync, &StoredPath::root(), self.disk.barrier())
    }

    /// Makes this session the mirror (steps 8 to 10). `replaced` are files that the new ones make needless
    /// for T0. After `Ok`, a power cut can't take it back.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Refusal::WriteFailed`] after an earlier one; the repository is then interrupted.
    pub fn commit(self, replaced: &[DataFile]) -> Result<SessionTime> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(Refusal::WriteFailed { repository: self.disk.root().path().to_path_buf() }.into());
        }
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))?;
        self.barrier()?;
        let data = StoredPath::fixed(DATA);
        if self.previous.is_none() {
            self.write_marker()?;
            return Ok(self.time);
        }
        for file in replaced {
            self.io(Doing::Remove, &file.place, self.disk.unlink(&file.place))?;
        }
        if !replaced.is_empty() {
            self.io(Doing::Sync, &data, self.disk.sync(&data))?;
        }
        for marker in self.alone(true)? {
            if Some(marker.time) == self.previous {
                self.io(Doing::Remove, &marker.place, ignore_absent(self.disk.unlink(&marker.place)))?;
            }
        }
        self.io(Doing::Sync, &data, self.disk.sync(&data))?;
        Ok(self.time)
    }
}

/// Refuses a time that names of files would not give back. Nobody would find such a session again, or any before it.
pub(crate) fn refuse_unwritable(time: SessionTime, style: &TimeStyle) -> Result<()> {
    let written = style.name(b"", time, IncrementKind::Data, false);
    match TimedName::parse(&written) {
        Some(read) if read.time == time => Ok(()),
        _ => Err(Refusal::TimeNotWritable { time }.into()),
    }
}

/// Makes a marker with our process number, and makes it durable. Of half a number another process could be
/// alive, so it is whole from the start, but for the first of all: nobody asks for its number, and nothing of
/// ours may stand beside it if the original is to go on from there.
pub(crate) fn write_marker(disk: &dyn Disk, place: &StoredPath, is_first: bool) -> std::io::Result<()> {
    let staging = StoredPath::fixed(STAGING);
    let new = if is_first { place.clone() } else { staging.listed(b"marker") };
    if !is_first {
        make_dirs(disk, &staging)?;
        ignore_absent(disk.unlink(&new))?;
    }
    let mut file = disk.create(&new)?;
    file.write_all(format!("PID {}\n", std::process::id()).as_bytes())?;
    file.sync()?;
    if !is_first {
        disk.rename(&new, place)?;
    }
    disk.sync(&StoredPath::fixed(DATA))
}
