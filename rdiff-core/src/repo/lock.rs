//! Who may change a repository: one process at a time.
//!
//! Two rules, for the sake of both APIs of rdiff-backup: an exclusive `flock` on `lock.yml`, and no living
//! process named by a marker.

use super::disk::{Disk, RealDisk};
use super::layout::{DATA, StoredPath};
use super::{DataFile, Repository, read_small};
use crate::error::{Doing, Error, IoContext, Result};
use crate::time::{SessionTime, TimeSeparator, Zone};
use rustix::fs::{FlockOperation, OFlags};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The right to change a repository, until it is dropped.
///
/// ```
/// # use rdiff_core::repo::lock::Writer;
/// # use rdiff_core::error::Error;
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let writer = Writer::new(Arc::clone(&repo), false)?;
/// assert!(matches!(Writer::new(Arc::clone(&repo), false), Err(Error::Locked { .. })));
/// assert!(repo.in_use_by()?.is_some());
/// drop(writer); // the lock is let go of
/// Writer::new(repo, false)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Writer {
    repo: Arc<Repository>,
    disk: Arc<dyn Disk>,
    lock: Option<Held>,
    /// Locked too, since `lock.yml` isn't always there.
    _dir: Held,
}

/// An open file, and whether the exclusive `flock` on it is ours: with force it may be another's.
struct Held {
    file: OwnedFd,
    is_ours: bool,
}

impl Held {
    /// Takes the lock if it is free.
    fn take(file: OwnedFd) -> rustix::io::Result<Self> {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file, is_ours: true }),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Self { file, is_ours: false }),
            Err(e) => Err(e),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing is not enough. A child that another thread has forked holds the file open until it executes
        // its program, and the lock with it.
        rustix::fs::flock(&self.file, FlockOperation::Unlock).ok();
    }
}

impl Writer {
    /// Takes the lock of a repository whose data directory exists. `force` goes ahead where others hold it.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder; [`Error::Io`].
    pub fn new(repo: Arc<Repository>, force: bool) -> Result<Self> {
        let disk = Arc::new(RealDisk::new(Arc::clone(repo.root()), true));
        Self::with_disk(repo, disk, true, force)
    }

    /// The same, with every change going through `disk`. Where there is no session yet, `lock.yml` must not
    /// be made: beside it the original refuses to clean up an unfinished first session.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn with_disk(
        repo: Arc<Repository>,
        disk: Arc<dyn Disk>,
        has_sessions: bool,
        force: bool,
    ) -> Result<Self> {
        let place = StoredPath::fixed(DATA).listed(b"lock.yml");
        let path = repo.path_of(&place);
        let locked = |by| Error::Locked { repository: repo.path().to_path_buf(), by };
        let take = |file: OwnedFd| {
            let held = Held::take(file).while_doing(Doing::Lock, &path)?;
            if held.is_ours || force {
                return Ok(held);
            }
            let text = read_small(repo.root(), &place)?.unwrap_or_default();
            Err(locked(holder(&String::from_utf8_lossy(&text))))
        };
        let dir = repo.root().open_at(DATA.as_bytes(), OFlags::RDONLY | OFlags::DIRECTORY, 0);
        let dir = dir.while_doing(Doing::Lock, repo.path_of(&StoredPath::fixed(DATA)))?;
        let dir = take(dir)?;
        let mut flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY;
        if has_sessions {
            flags |= OFlags::CREATE;
        }
        let lock = match repo.root().open_at(place.as_bytes(), flags, 0o600) {
            Err(e) if !has_sessions && crate::tree::is_absent(&e) => None,
            other => Some(other.while_doing(Doing::Lock, &path)?),
        };
        let lock = lock.map(take).transpose()?;
        let signed = read_small(repo.root(), &place)?.unwrap_or_default();
        if !force && let Some(pid) = living_writer(&repo, &String::from_utf8_lossy(&signed))? {
            return Err(locked(format!("process {pid}")));
        }
        let writer = Self { repo, disk, lock, _dir: dir };
        writer.sign().while_doing(Doing::Write, path)?;
        Ok(writer)
    }

    /// The repository.
    pub fn repo(&self) -> &Arc<Repository> {
        &self.repo
    }

    /// Where changes go.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Says in the lock who holds it. Nobody needs this to be durable.
    fn sign(&self) -> std::io::Result<()> {
        let Some(lock) = self.lock.as_ref().filter(|l| l.is_ours) else { return Ok(()) };
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let time = SessionTime(now as i64).format(&Zone::utc(), TimeSeparator::Colon);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let pid = std::process::id();
        let text = format!("cmd: rdiff-backup\nhostname: {host}\npid: {pid}\ntimestamp: '{time}'\n");
        rustix::fs::ftruncate(&lock.file, 0)?;
        // A full disk is no reason not to free space on it: only the flock counts.
        match rustix::io::pwrite(&lock.file, text.as_bytes(), 0) {
            Ok(_) | Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // That the text stays behind would do no harm.
        if let Some(lock) = self.lock.as_ref().filter(|l| l.is_ours) {
            rustix::fs::ftruncate(&lock.file, 0).ok();
        }
    }
}

impl Repository {
    /// Who changes the repository now, if somebody seems to. To find out, the lock is taken for a moment where
    /// something says that it may be held; a writer that starts in that moment could be refused.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn in_use_by(&self) -> Result<Option<String>> {
        let place = StoredPath::fixed(DATA).listed(b"lock.yml");
        let text = read_small(self.root(), &place)?.unwrap_or_default();
        let is_clean = matches!(self.state()?, super::MirrorState::Clean(_));
        if text.is_empty() && is_clean {
            return Ok(None);
        }
        if let Some(pid) = living_writer(self, &String::from_utf8_lossy(&text))? {
            return Ok(Some(format!("process {pid}")));
        }
        let lock =
            self.root().open_at(place.as_bytes(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, 0);
        let dir = self.root().open_at(DATA.as_bytes(), OFlags::RDONLY | OFlags::DIRECTORY, 0);
        let is_held = |file: &OwnedFd| {
            let shared = rustix::fs::flock(file, FlockOperation::NonBlockingLockShared);
            shared.is_err_and(|e| e == rustix::io::Errno::WOULDBLOCK)
        };
        let held = [lock.ok(), dir.ok()].iter().flatten().any(is_held);
        Ok(held.then(|| holder(&String::from_utf8_lossy(&text))))
    }
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// Who holds the lock, by what stands in it.
fn holder(text: &str) -> String {
    match (field(text, "pid:"), field(text, "hostname:")) {
        (Some(pid), Some(host)) => format!("process {pid} on {host}"),
        _ => "another process".to_owned(),
    }
}

/// A process other than this one that a marker names and that is alive. It is only asked where there are
/// two markers: with one, whoever wrote it has finished. `signed` is what stood in the lock: it tells of
/// numbers that are those of another host, where only the lock itself counts.
fn living_writer(repo: &Repository, signed: &str) -> Result<Option<u32>> {
    let markers = repo.markers()?;
    if markers.len() < 2 {
        return Ok(None);
    }
    let elsewhere = field(signed, "hostname:")
        .filter(|host| host.as_bytes() != rustix::system::uname().nodename().to_bytes())
        .and_then(|_| field(signed, "pid:")?.parse().ok());
    for marker in &markers {
        if let Some(pid) = pid_of(repo, marker)?
            && pid != std::process::id()
            && Some(pid) != elsewhere
            && is_alive(pid)
            && !began_after(pid, repo, marker)
        {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// Numbers are used again, after a reboot most of all: did this process begin only after the marker was
/// written? A step of the clock in between must not make it seem so.
fn began_after(pid: u32, repo: &Repository, marker: &DataFile) -> bool {
    const STEP: i64 = 600;
    let began = || -> Option<i64> {
        let ticks: i64 = stat_of(pid)?.nth(19)?.parse().ok()?;
        let booted = std::fs::read_to_string("/proc/stat").ok()?;
        let booted: i64 = booted.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()?;
        let per_second = i64::try_from(rustix::param::clock_ticks_per_second()).ok()?;
        Some(booted + ticks / per_second.max(1))
    };
    let written = repo.root().stat(marker.place.as_bytes()).map(|stat| stat.mtime.0);
    matches!((began(), written), (Some(began), Ok(written)) if began > written.saturating_add(STEP))
}

/// What the kernel says of a process, from its state on.
fn stat_of(pid: u32) -> Option<impl Iterator<Item = String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name stands in brackets, and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter())
}

fn pid_of(repo: &Repository, marker: &DataFile) -> Result<Option<u32>> {
    let text = read_small(repo.root(), &marker.place)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
    Ok(text.lines().find_map(|l| l.strip_prefix("pid")?.trim().parse().ok()))
}

/// Who wrote a marker, in words.
pub(super) fn writer_of(repo: &Repository, marker: &DataFile) -> Result<String> {
    Ok(pid_of(repo, marker)?.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))
}

fn is_alive(pid: u32) -> bool {
    let state = stat_of(pid).and_then(|mut words| words.next());
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // Not ours to signal means not known to run, as in rdiff-backup.
    let exists = pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    // One that has ended and is only not yet waited for writes nothing any more.
    exists && state.is_none_or(|state| state != "Z" && state != "X")
}
