//! Where a restore or a backup writes to: a local directory, or, where that is right, one on another host.

use super::place::Place;
use super::{Context, Failure, OrFail, Step};
use crate::locate::{self, LocateError};
use rdiff_mount::Location;
use rdiff_mount::location::{Form, Remote};
use rdiff_mount::mountinfo::MountInfo;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory to write to; it need not be there yet.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    /// As messages call it, and as selections begin.
    pub(crate) shown: PathBuf,
    /// Its path on its host, where that is another.
    pub(crate) called: Option<Vec<u8>>,
    /// Where it is mounted, if it is.
    place: Option<Place>,
}

impl Target {
    /// A local one, of which nothing is known.
    fn local(path: PathBuf, place: Option<Place>) -> Self {
        Self { shown: path.clone(), path, called: None, place }
    }

    /// Is it on another host, mounted for this call?
    pub(crate) fn is_remote(&self) -> bool {
        self.place.as_ref().is_some_and(Place::is_private)
    }

    /// What has happened to its mount, which says more than the error that came of it.
    pub(crate) fn trouble(&self) -> Option<String> {
        let place = self.place.as_ref()?;
        place.mount_guard().check().err().map(|error| rdiff_core::error::chain(&error))
    }
}

impl Context<'_> {
    /// Where a restore goes. `parents` lets the directories above it be made.
    pub(crate) fn restore_target(&self, location: &OsStr, parents: bool) -> Result<Target, Failure> {
        if let Some(remote) = remote(location).or_fail(self, Step::Check)? {
            let place = Place::for_target(&remote, parents, self)?;
            let shown = PathBuf::from(remote.to_os_string());
            return Ok(Target { path: place.path().to_path_buf(), shown, called: None, place: Some(place) });
        }
        let path = locate::local(location).or_fail(self, Step::Check)?;
        let place = Place::around(&path, self)?;
        if let Some(place) = &place {
            place.guard(self).inspect().or_fail(self, Step::Check)?;
        }
        let resolved = resolved(&path);
        if let Some(mount) = self.mounter().mount_of(&resolved).or_fail(self, Step::Check)?
            && mount.is_read_only()
        {
            return Err(self.refuse(Step::Check, &read_only(&path, &resolved, &mount)));
        }
        let missing = self.mounter().missing_mount(&resolved).or_fail(self, Step::Check)?;
        if let Some(entry) = missing.filter(|entry| entry.sshfs().is_some() && !self.generic.force) {
            let (at, what) = (&entry.mount_point, &entry.spec);
            let text = format!(
                "{} would be written to this machine, for {what} is not mounted at {at}, as /etc/fstab says; \
                 'mount {at}' first, or call with '--force'",
                path.display()
            );
            return Err(self.refuse(Step::Check, &text));
        }
        self.refuse_without_parent(&path, parents)?;
        Ok(Target::local(path, place))
    }

    /// Only the last directory of a target is made, unless `parents` are wanted.
    fn refuse_without_parent(&self, path: &Path, parents: bool) -> Result<(), Failure> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let Some(parent) =
            parent.filter(|parent| !parents && parent.try_exists().is_ok_and(|is_there| !is_there))
        else {
            return Ok(());
        };
        let (shown, parent) = (path.display(), parent.display());
        let text =
            format!("cannot create {shown}: {parent} is not there; make it, or call with --create-full-path");
        Err(self.refuse(Step::Check, &(text + &locate::meant_remote(path))))
    }

    /// The repository that a backup writes to.
    pub(crate) fn backup_target(&self, location: &OsStr, parents: bool) -> Result<Target, Failure> {
        let Some(remote) = remote(location).or_fail(self, Step::Check)? else {
            let path = locate::local(location).or_fail(self, Step::Check)?;
            self.refuse_without_parent(&path, parents)?;
            return Ok(Target::local(path, None));
        };
        self.allow_remote_repository(&remote)?;
        let place = Place::for_target(&remote, parents, self)?;
        let shown = PathBuf::from(remote.to_os_string());
        let path = place.path().to_path_buf();
        let is_full = || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if !path.join(locate::DATA).exists() && is_full() {
            let text =
                format!("{} is neither a repository nor empty; give another directory", shown.display());
            return Err(self.refuse(Step::Check, &text));
        }
        let called = Some(remote.path().as_os_str().as_bytes().to_vec());
        Ok(Target { path, shown, called, place: Some(place) })
    }

    /// A repository is only as safe as its disk's word that bytes are on it.
    pub(crate) fn allow_remote_repository(&self, remote: &Remote) -> Result<(), Failure> {
        if self.generic.force {
            self.ui.warning(&format!("{remote} is written through sshfs, which a power cut there can cost"));
            return Ok(());
        }
        let text = format!(
            "{remote} is on another host, and would be written through sshfs, which doesn't tell when bytes are \
             on the disk: a power cut there could cost the repository. Run rdiff-backup on that host and let it \
             read this one, or call with '--force'"
        );
        Err(self.refuse(Step::Check, &text))
    }
}

/// The place on another host, if the location is one.
pub(crate) fn remote(location: &OsStr) -> Result<Option<Remote>, LocateError> {
    if location.is_empty() {
        return Ok(None);
    }
    match Location::parse(location)? {
        Location::Remote(remote) => Ok(Some(remote)),
        Location::Local(_) => Ok(None),
    }
}

/// The path without links, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = absolute.ancestors().find_map(|dir| Some((dir, dir.canonicalize().ok()?)));
    match there {
        Some((dir, real)) => absolute.strip_prefix(dir).map_or(real.clone(), |rest| real.join(rest)),
        None => absolute,
    }
}

/// Why a read-only mount is no target, and what is one.
fn read_only(path: &Path, resolved: &Path, mount: &MountInfo) -> String {
    let (shown, at) = (path.display(), mount.mount_point.display());
    let what =
        format!("Target path {shown} is read-only, as {} is mounted at {at}", mount.source.to_string_lossy());
    let remote = mount.is_sshfs().then(|| Remote::parse_scp(&mount.source).ok()).flatten();
    let below = resolved.strip_prefix(&mount.mount_point).unwrap_or(Path::new(""));
    match remote {
        Some(remote) => {
            let path =
                if below.as_os_str().is_empty() { remote.path().into() } else { remote.path().join(below) };
            let there = remote.with_path(path).in_form(Form::DoubleColon);
            format!(
                "{what}; restore to a new directory, or to {there}, which is mounted read-write for that alone"
            )
        }
        None => format!("{what}; restore to another directory"),
    }
}
