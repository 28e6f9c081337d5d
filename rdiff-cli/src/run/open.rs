//! Opening a repository for an action, and what a location and a time mean in it.

use super::place::mount_repository;
use super::target::remote;
use super::{Context, Failure, OrFail, Step};
use crate::locate::{self, DATA, LocateError};
use rdiff_core::error::Error;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::{MirrorState, Repository};
use rdiff_core::time::{SessionTime, TimeSpec};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// A place in a repository that is open for reading.
pub(crate) struct Opened {
    pub(crate) repo: Arc<Repository>,
    /// The path in its tree; the root for all of it.
    pub(crate) path: RepoPathBuf,
    /// The session whose state an increment file holds, if the place was given as one.
    pub(crate) increment: Option<SessionTime>,
    /// Did the last session not finish?
    pub(crate) is_interrupted: bool,
    /// Is it on another host, and mounted read-only?
    pub(crate) is_mounted: bool,
}

impl Context<'_> {
    /// Opens what a location is in.
    pub(crate) fn open(&self, location: &OsStr) -> Result<Opened, Failure> {
        let remote = remote(location).or_fail(self, Step::Check)?;
        let place = match &remote {
            Some(remote) => mount_repository(remote, true, self)?,
            None => locate::within_repository(location).or_fail(self, Step::Check)?,
        };
        let repo = self.repository(&place.repository)?;
        let file = place.repository.join(&place.inside);
        let increment = repo.increment_at(&file).or_fail(self, Step::Check)?;
        let (path, increment) = match increment {
            Some((path, at)) => (path, Some(at)),
            // What is not there may be asked for, and is found nowhere.
            None if place.inside.starts_with(DATA) && file.is_file() => {
                let message = format!(
                    "{} is not an increment file; those are below rdiff-backup-data/increments, and have a time in their names",
                    file.display()
                );
                return Err(self.refuse(Step::Check, &message));
            }
            None => {
                let path = RepoPathBuf::new(place.inside.as_os_str().as_bytes());
                (path.or_fail(self, Step::Check)?, None)
            }
        };
        let is_interrupted = self.warn_if_interrupted(&repo)?;
        let is_mounted = remote.is_some();
        Ok(Opened { repo: Arc::new(repo), path, increment, is_interrupted, is_mounted })
    }

    /// Opens a repository to look at it as a whole.
    pub(super) fn root(&self, location: &OsStr) -> Result<Repository, Failure> {
        let path = match remote(location).or_fail(self, Step::Check)? {
            Some(remote) => mount_repository(&remote, true, self)?.repository,
            None => locate::local(location).or_fail(self, Step::Check)?,
        };
        self.repository(&path)
    }

    fn repository(&self, path: &Path) -> Result<Repository, Failure> {
        let repo = Repository::open(path).or_fail(self, Step::Check)?;
        Ok(repo.with_times(self.ui.zone.clone(), self.separator()))
    }

    /// Opens a repository to change it. Actions that do so take no path inside it.
    pub(crate) fn writer(&self, location: &OsStr, log: &str) -> Result<Writer, Failure> {
        let path = match remote(location).or_fail(self, Step::Check)? {
            Some(remote) => {
                self.allow_remote_repository(&remote)?;
                let place = mount_repository(&remote, false, self)?;
                if !place.inside.as_os_str().is_empty() {
                    let shown = remote.to_os_string().into();
                    return Err(LocateError::NoData(shown)).or_fail(self, Step::Check);
                }
                place.repository
            }
            None => locate::repository(location).or_fail(self, Step::Check)?,
        };
        self.log(log, &path);
        let repo = self.repository(&path)?;
        Writer::new(Arc::new(repo), self.generic.force).or_fail(self, Step::Setup)
    }

    fn warn_if_interrupted(&self, repo: &Repository) -> Result<bool, Failure> {
        let MirrorState::Interrupted { good, failed } = repo.state().or_fail(self, Step::Setup)? else {
            return Ok(false);
        };
        let (zone, shown) = (&self.ui.zone, repo.path().display());
        self.ui.warning(&format!(
            "the backup of {} to {shown} did not finish; the newest session to read is that of {}. \
             `rdiff-backup regress {shown}` repairs the repository",
            failed.asctime(zone),
            good.asctime(zone)
        ));
        Ok(true)
    }

    /// The session that a time means.
    pub(crate) fn session(&self, repo: &Repository, time: &str) -> Result<SessionTime, Failure> {
        let asked = self.time(time)?;
        let sessions = repo.sessions().or_fail(self, Step::Setup)?;
        let none =
            || Error::NoSuchSession { repository: repo.path().to_path_buf(), asked: Some(time.to_owned()) };
        let is_older = |oldest: SessionTime| match &asked {
            TimeSpec::At(at) => *at < oldest.0,
            TimeSpec::SessionsBack(count) => {
                usize::try_from(*count).is_ok_and(|count| count >= sessions.len())
            }
        };
        if let Some(oldest) = sessions.first().copied().filter(|&oldest| is_older(oldest)) {
            let oldest = oldest.asctime(&self.ui.zone);
            self.ui
                .warning(&format!("no session is as old as {time}; the oldest is taken, that of {oldest}"));
        }
        asked.choose(&sessions).ok_or_else(none).or_fail(self, Step::Setup)
    }
}
