//! Removing old sessions.
//!
//! A session needs only what is newer than it, so the old ones can go without anything being rewritten. The
//! order is such that a crash leaves every remaining session whole, and the job to be done again: all
//! increments, a barrier, metadata and their companions, a barrier, and last the increments of the root,
//! which tell that there is something to remove.

use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::{IncrementKind, TimedName};
use crate::monitor::{Counter, Event, Monitor, PathDone};
use crate::path::RepoPath;
use crate::repo::Repository;
use crate::repo::disk::{Disk, ignore_absent};
use crate::repo::layout::{DATA, LONG_NAMES, StoredPath};
use crate::repo::lock::Writer;
use crate::time::SessionTime;

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
    let Some(last) = named.last() else { return Ok(RemoveReport::default()) };
    // Later than the last session named, so never later than the mirror.
    let cut = SessionTime(last.0 + 1);
    let sessions = repo.sessions()?.into_iter().filter(|t| *t < cut).collect();
    let mut remover =
        Remover { repo, disk, cut, monitor, report: RemoveReport { sessions, ..RemoveReport::default() } };
    remover.below_data()?;
    remover.barrier()?;
    remover.data_files(|base| base != b"increments")?;
    remover.barrier()?;
    remover.data_files(|base| base == b"increments")?;
    remover.barrier()?;
    Ok(remover.report)
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
        // Attributes and statistics before the records that they belong to.
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

    /// What comes next must not reach the disk before what was done so far.
    fn barrier(&self) -> Result<()> {
        self.disk.map_or(Ok(()), |disk| disk.barrier().while_doing(Doing::Sync, self.repo.path()))
    }
}
