//! Removing old sessions.
//!
//! A session needs only what is newer than it, so the old ones can go without anything being rewritten. The order is such
//! that wherever the job is stopped, every session that is listed is whole:
//!
//! 1. `removing` says up to when sessions go, so that a later removal goes on with what a stopped one has left; barrier;
//! 2. what makes a session one goes, of the oldest first: the increment of the root, and the metadata; barrier;
//! 3. all else that is older goes: increments, attributes, statistics. Nobody finds them any more; barrier;
//! 4. `removing` goes.
//!
//! Where there is no room to write that, the increments of the root, which tell that there is something to remove, go last,
//! and the metadata before them. Then a session of which increments have gone can be listed until the job is done again.

use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::{IncrementKind, TimedName};
use crate::monitor::{Counter, Event, Monitor, PathDone};
use crate::path::RepoPath;
use crate::repo::disk::{Disk, ignore_absent};
use crate::repo::layout::{DATA, LONG_NAMES, REMOVING, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::{Repository, read_small};
use crate::time::SessionTime;
use std::io;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RemoveReport {
    /// The sessions that went, oldest first.
    pub sessions: Vec<SessionTime>,
    /// Files that were deleted.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
}

/// The sessions before `cut` that a removal would name: those after which something changed. Others before
/// the newest of them go with it. The newest session of all is never among them.
///
/// ```
/// # use rdiff_core::remove::sessions_older_than;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let newest = repo.sessions()?[1];
/// assert_eq!(sessions_older_than(&repo, newest)?, [repo.sessions()?[0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::NoSuchSession`] if none is good; [`Error::Io`].
pub fn sessions_older_than(repo: &Repository, cut: SessionTime) -> Result<Vec<SessionTime>> {
    let mirror = repo.clean_mirror()?;
    let files = repo.data_files()?;
    let mut times: Vec<SessionTime> =
        files.iter().filter(|f| f.base == b"increments").map(|f| f.time).collect();
    times.retain(|t| *t < cut && *t < mirror);
    times.sort_unstable();
    times.dedup();
    Ok(times)
}

/// Removes the sessions before `cut`. How many may go at once is for the caller to ask beforehand, with
/// [`sessions_older_than`].
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::repo::lock::Writer;
/// # use rdiff_core::remove::{RemoveReport, remove_older_than};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let newest = repo.sessions()?[1];
/// let writer = Writer::new(repo.clone(), false)?;
/// let report: RemoveReport = remove_older_than(&writer, newest, &Silent)?;
/// println!("{} bytes are free again", report.bytes); // `(SystemTime::now() - age).into()` is a cut, too
/// assert_eq!((report.sessions.len(), repo.sessions()?), (1, vec![newest]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`sessions_older_than`]; [`Error::Cancelled`]. What is left then is whole, and the rest goes when the
/// job is run again.
pub fn remove_older_than(writer: &Writer, cut: SessionTime, monitor: &dyn Monitor) -> Result<RemoveReport> {
    remove(writer.repo(), Some(&**writer.disk()), cut, monitor)
}

/// What [`remove_older_than`] would remove. Nothing is removed.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::remove::preview;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let would = preview(&repo, repo.sessions()?[1], &Silent)?;
/// assert!(would.files > 0 && repo.sessions()?.len() == 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`sessions_older_than`]; [`Error::Cancelled`].
pub fn preview(repo: &Repository, cut: SessionTime, monitor: &dyn Monitor) -> Result<RemoveReport> {
    remove(repo, None, cut, monitor)
}

fn remove(
    repo: &Repository,
    disk: Option<&dyn Disk>,
    cut: SessionTime,
    monitor: &dyn Monitor,
) -> Result<RemoveReport> {
    let named = sessions_older_than(repo, cut)?;
    // Later than the last session named, so never later than the mirror.
    let named = named.last().map(|last| SessionTime(last.0 + 1));
    let Some(cut) = named.max(unfinished(repo)?) else { return Ok(RemoveReport::default()) };
    let sessions = repo.sessions()?.into_iter().filter(|t| *t < cut).collect();
    let mut remover =
        Remover { repo, disk, cut, monitor, report: RemoveReport { sessions, ..RemoveReport::default() } };
    let is_noted = remover.begin()?;
    if is_noted {
        remover.data_files(is_essential)?;
        remover.barrier()?;
    }
    remover.below_data()?;
    remover.barrier_unless(is_noted)?;
    remover.data_files(|base| base != b"increments")?;
    remover.barrier_unless(is_noted)?;
    remover.data_files(|base| base == b"increments")?;
    remover.barrier()?;
    remover.end()?;
    Ok(remover.report)
}

/// Is it by this that a session is one?
fn is_essential(base: &[u8]) -> bool {
    base == b"increments" || base == b"mirror_metadata"
}

/// What is to go of a repository whose last removal was stopped: all that is before this. Nothing if that one ended.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// assert_eq!(rdiff_core::remove::unfinished(&repo)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; as [`sessions_older_than`].
pub fn unfinished(repo: &Repository) -> Result<Option<SessionTime>> {
    let text = read_small(repo.root(), &StoredPath::fixed(REMOVING))?.unwrap_or_default();
    let cut = String::from_utf8_lossy(&text).trim().parse().ok().map(SessionTime);
    // Whatever it says, the mirror stays. One that is cut short was never followed by anything.
    let mirror = repo.clean_mirror()?;
    Ok(cut.filter(|cut| *cut <= mirror))
}

struct Remover<'a> {
    repo: &'a Repository,
    /// Nothing where nothing is to be changed.
    disk: Option<&'a dyn Disk>,
    cut: SessionTime,
    monitor: &'a dyn Monitor,
    report: RemoveReport,
}

/// A directory on the way down, and those of its directories that were not yet entered.
struct Frame {
    dir: StoredPath,
    dirs: Vec<Box<[u8]>>,
}

impl Remover<'_> {
    /// Removes the old increments from all directories below the data directory, and directories that are
    /// then empty. A directory is never an increment, whatever its name.
    fn below_data(&mut self) -> Result<()> {
        let data = StoredPath::fixed(DATA);
        let mut stack = vec![Frame { dirs: self.directories(&data)?, dir: data }];
        while let Some(frame) = stack.last_mut() {
            if let Some(name) = frame.dirs.pop() {
                let dir = frame.dir.listed(&name);
                let dirs = self.files_of(&dir)?;
                stack.push(Frame { dir, dirs });
            } else if let Some(Frame { dir, .. }) = stack.pop() {
                // An empty directory in there can be the mirror of one whose name is too long.
                if !stack.is_empty() && dir.parent().as_bytes() != LONG_NAMES.as_bytes() {
                    self.rmdir_if_empty(&dir)?;
                }
            }
        }
        Ok(())
    }

    /// Notes what is to go, before anything does. Says whether there was room for that.
    fn begin(&self) -> Result<bool> {
        let Some(disk) = self.disk else { return Ok(false) };
        let place = StoredPath::fixed(REMOVING);
        let write = || -> io::Result<()> {
            ignore_absent(disk.unlink(&place))?;
            let mut file = disk.create(&place)?;
            file.write_all(format!("{}\n", self.cut.0).as_bytes())?;
            file.sync()
        };
        let path = || self.repo.path_of(&place);
        let is_noted = match write().while_doing(Doing::Write, path()) {
            // To make room is what it is for.
            Err(e) if e.is_no_room() => {
                ignore_absent(disk.unlink(&place)).while_doing(Doing::Write, path()).map(|()| false)
            }
            written => written.map(|()| true),
        }?;
        self.barrier().map(|()| is_noted)
    }

    fn end(&self) -> Result<()> {
        let Some(disk) = self.disk else { return Ok(()) };
        let place = StoredPath::fixed(REMOVING);
        ignore_absent(disk.unlink(&place)).while_doing(Doing::Remove, self.repo.path_of(&place))?;
        self.barrier()
    }

    fn go_on(&self, at: &StoredPath) -> Result<()> {
        if !self.monitor.cancelled() {
            return Ok(());
        }
        // As in events: it stands in the repository, and below no path of the tree.
        Err(Error::Cancelled { at: RepoPath::new(at.as_bytes()).ok().map(RepoPath::to_owned) })
    }

    fn directories(&self, dir: &StoredPath) -> Result<Vec<Box<[u8]>>> {
        Ok(self.list(dir)?.into_iter().filter(|(_, is_dir)| *is_dir).map(|(name, _)| name).collect())
    }

    /// Removes the old increments in one directory, oldest first, and returns its directories.
    fn files_of(&mut self, dir: &StoredPath) -> Result<Vec<Box<[u8]>>> {
        self.go_on(dir)?;
        let (mut dirs, mut old) = (Vec::new(), Vec::new());
        for (name, is_dir) in self.list(dir)? {
            if is_dir {
                dirs.push(name);
                continue;
            }
            let unquoted = self.repo.layout().quoting().unquote(&name);
            if let Some(parsed) = TimedName::parse(&unquoted).filter(|p| p.time < self.cut) {
                old.push((parsed.time, dir.listed(&name)));
            }
        }
        old.sort_unstable();
        for (_, place) in old {
            self.go_on(&place)?;
            self.unlink(&place)?;
        }
        Ok(dirs)
    }

    /// Removes old files of the data directory itself, oldest first.
    fn data_files(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<()> {
        let mut files = self.repo.data_files()?;
        files.retain(|f| f.time < self.cut && f.base != b"current_mirror" && wanted(&f.base));
        // With its records a session is whole.
        files.sort_by_key(|f| (f.time, f.base == b"mirror_metadata", f.kind == IncrementKind::Snapshot));
        for file in files {
            self.go_on(&file.place)?;
            self.unlink(&file.place)?;
        }
        Ok(())
    }

    fn list(&self, dir: &StoredPath) -> Result<Vec<(Box<[u8]>, bool)>> {
        self.repo.root().list_kinds(dir.as_bytes()).while_doing(Doing::List, self.repo.path_of(dir))
    }

    fn unlink(&mut self, place: &StoredPath) -> Result<()> {
        let path = self.repo.path_of(place);
        let stat = self.repo.root().find(place.as_bytes()).while_doing(Doing::Stat, &path)?;
        let Some(stat) = stat.filter(|s| !s.is_dir()) else { return Ok(()) };
        if let Some(disk) = self.disk {
            ignore_absent(disk.unlink(place)).while_doing(Doing::Remove, path)?;
        }
        self.report.files += 1;
        self.report.bytes += stat.size;
        self.monitor.count(Counter::Increments, 1);
        if let Ok(path) = RepoPath::new(place.as_bytes()) {
            self.monitor.event(&Event::Path { path, what: PathDone::Removed });
        }
        Ok(())
    }

    fn rmdir_if_empty(&self, dir: &StoredPath) -> Result<()> {
        let path = self.repo.path_of(dir);
        if let Some(disk) = self.disk
            && self.list(dir)?.is_empty()
        {
            ignore_absent(disk.rmdir(dir)).while_doing(Doing::Remove, path)?;
        }
        Ok(())
    }

    fn barrier_unless(&self, is_needless: bool) -> Result<()> {
        if is_needless { Ok(()) } else { self.barrier() }
    }

    /// What comes next must not reach the disk before what was done so far.
    fn barrier(&self) -> Result<()> {
        self.disk.map_or(Ok(()), |disk| disk.barrier().while_doing(Doing::Sync, self.repo.path()))
    }
}
