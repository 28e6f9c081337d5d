//! What a backup or a comparison reads: a local directory, a mounted one, or one on another host.

use super::clock::{Clock, Login};
use super::place::Place;
use super::{Context, Failure, OrFail, Step};
use crate::action::Via;
use crate::locate::{self, LocateError};
use crate::ssh;
use rdiff_core::tree::attrs::Names;
use rdiff_core::tree::local::{LocalGuard, LocalSource};
use rdiff_core::tree::source::{Source, SourceGuard};
use rdiff_mount::location::Remote;
use rdiff_mount::preflight::Finding;
use rdiff_mount::{Location, PlaceSource, SftpSource};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A tree that can be read, and what tells if it still is the same.
pub(crate) struct Reading {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) guard: Box<dyn SourceGuard>,
    /// The path that selections begin with: as typed, without the host.
    pub(crate) base: PathBuf,
    /// As messages call it.
    pub(crate) shown: PathBuf,
    /// Is it a directory of this machine, mounted or not?
    pub(crate) is_local: bool,
    /// What the way to it does not carry, in one line.
    lost: Option<String>,
    /// How to log in to its host, if it has another.
    login: Option<Login>,
}

impl Reading {
    /// Says what cannot be recorded: to everyone when a repository begins, later to those who want to know.
    pub(crate) fn say_what_is_lost(&self, is_first: bool, cx: &Context<'_>) {
        match &self.lost {
            Some(lost) if is_first => cx.ui.note(lost),
            Some(lost) => cx.ui.info(lost),
            None => {}
        }
    }

    /// Asks its host for the time, in a login of its own.
    pub(crate) fn ask_clock(&self, cx: &Context<'_>) -> Option<Clock> {
        self.login.clone().map(|login| Clock::ask(login, cx.mounter()))
    }
}

impl Context<'_> {
    /// Opens what a location names, to read it. `allow_empty` believes it when a mounted place is empty.
    pub(crate) fn reading(&self, location: &OsStr, via: Via, allow_empty: bool) -> Result<Reading, Failure> {
        match Location::parse(location).map_err(LocateError::from).or_fail(self, Step::Check)? {
            Location::Remote(remote) if via == Via::Sftp => self.reading_by_sftp(&remote),
            Location::Remote(remote) => {
                let place = Place::private(&remote, true, self)?;
                let shown = PathBuf::from(remote.to_os_string());
                let login = ssh::way(&self.generic.remote).ok().map(|way| (remote.clone(), way.options));
                self.reading_place(place, remote.path().to_path_buf(), shown, login)
            }
            Location::Local(_) => self.reading_locally(location, allow_empty),
        }
    }

    fn reading_by_sftp(&self, remote: &Remote) -> Result<Reading, Failure> {
        let options = self.ssh()?;
        let source = SftpSource::connect(remote, &options, &self.bounds()).or_fail(self, Step::Setup)?;
        let guard = source.guard();
        let lost = format!(
            "{remote}: SFTP carries no hard links, extended attributes, ACLs, devices or parts of seconds; \
             they are not recorded"
        );
        Ok(Reading {
            source: Arc::new(source),
            guard: Box::new(guard),
            base: remote.path().to_path_buf(),
            shown: PathBuf::from(remote.to_os_string()),
            is_local: false,
            lost: Some(lost),
            login: Some((remote.clone(), options)),
        })
    }

    fn reading_locally(&self, location: &OsStr, allow_empty: bool) -> Result<Reading, Failure> {
        let path = locate::local(location).or_fail(self, Step::Check)?;
        if let Some(place) = Place::around(&path, self)? {
            place.preflight(allow_empty, self)?;
            let path = locate::directory(location).or_fail(self, Step::Check)?;
            let login = self.mounter().login(&place.mount_guard().mount_point());
            return self.reading_place(place.at(&path), path.clone(), path, login);
        }
        self.refuse_missing_mount(&path)?;
        let path = locate::directory(location).or_fail(self, Step::Check)?;
        let source = LocalSource::open(&path, Arc::new(Names::default())).or_fail(self, Step::Setup)?;
        let guard = LocalGuard::new(&source).or_fail(self, Step::Setup)?;
        Ok(Reading {
            source: Arc::new(source),
            guard: Box::new(guard),
            base: path.clone(),
            shown: path,
            is_local: true,
            lost: None,
            login: None,
        })
    }

    /// Opens a mounted directory.
    fn reading_place(
        &self,
        place: Place,
        base: PathBuf,
        shown: PathBuf,
        login: Option<Login>,
    ) -> Result<Reading, Failure> {
        let directory =
            LocalSource::open(place.path(), Arc::new(Names::default())).or_fail(self, Step::Setup)?;
        let stays = LocalGuard::new(&directory).or_fail(self, Step::Setup)?;
        let guard = PlaceAndDirectory { place: place.guard(self), stays };
        let source = PlaceSource::new(directory, place.mount_guard().clone(), shown.display().to_string());
        let is_local = !place.is_private();
        Ok(Reading {
            source: Arc::new(source),
            guard: Box::new(guard),
            base,
            lost: Some(Finding::NotCarried(shown.to_string_lossy().into_owned().into()).to_string()),
            shown,
            is_local,
            login,
        })
    }

    /// An empty directory where fstab says that something should be mounted is no source.
    fn refuse_missing_mount(&self, path: &Path) -> Result<(), Failure> {
        let Ok(resolved) = path.canonicalize() else { return Ok(()) };
        let missing = self.mounter().missing_mount(&resolved).or_fail(self, Step::Check)?;
        let Some(entry) = missing else { return Ok(()) };
        let (at, what) = (&entry.mount_point, &entry.spec);
        let is_empty = std::fs::read_dir(&resolved).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty {
            return Err(self.refuse(
                Step::Check,
                &format!(
                    "{} is empty, because {what} is not mounted at {at}, as /etc/fstab says; 'mount {at}' first",
                    path.display()
                ),
            ));
        }
        if at.as_std_path() == resolved && entry.sshfs().is_some() {
            self.ui.warning(&format!(
                "{what} is not mounted at {at}, as /etc/fstab says: what lies in the directory itself is read"
            ));
        }
        Ok(())
    }
}

/// The mount must be the same, and the directory in it.
struct PlaceAndDirectory {
    place: rdiff_mount::PlaceGuard,
    stays: LocalGuard,
}

impl SourceGuard for PlaceAndDirectory {
    fn check(&self) -> Result<(), String> {
        self.place.check()?;
        self.stays.check()
    }
}
