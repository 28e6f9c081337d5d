//! Mounted places: private mounts made for one call, and those of others that a path lies in.

use super::{Context, Failure, OrFail, Step};
use crate::locate::{self, DATA, LocateError};
use crate::ssh;
use rdiff_mount::location::Remote;
use rdiff_mount::mountinfo::{MountInfo, SELF_MOUNTINFO};
use rdiff_mount::preflight::{Finding, Preflight, Severity};
use rdiff_mount::sftp::Resolved;
use rdiff_mount::{MountGuard, Mounted, Mounter, PlaceGuard, SftpBounds, SftpPaths, SshfsOptions};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many entries sshfs keeps in mind for us: of more than 10,000 it would forget some before they are read.
pub(crate) const CACHE_ENTRIES: u32 = 100_000;

/// A directory in an sshfs mount.
pub(crate) struct Place {
    path: PathBuf,
    guard: MountGuard,
    is_private: bool,
}

impl Place {
    /// Mounts a directory of another host, for this call alone.
    pub(crate) fn private(remote: &Remote, read_only: bool, cx: &Context<'_>) -> Result<Self, Failure> {
        let options = SshfsOptions { read_only, cache_entries: Some(CACHE_ENTRIES), ..cx.ssh()? };
        let parent = cx.generic.tempdir.clone().unwrap_or_else(std::env::temp_dir);
        let parent = parent.canonicalize().unwrap_or(parent);
        let parent = camino::Utf8PathBuf::from_path_buf(parent).map_err(|parent| {
            let text = format!("Temporary directory '{}' is no text; choose another", parent.display());
            cx.refuse(Step::Setup, &text)
        })?;
        let mounted = cx.mounter().privately(remote, &parent, &options).or_fail(cx, Step::Setup)?;
        let guard = mounted.guard().or_fail(cx, Step::Setup)?;
        let path = mounted.path().into();
        cx.ui.call(mounted.path().as_std_path(), &remote.to_string());
        cx.hold(&guard, Some(mounted));
        Ok(Self { path, guard, is_private: true })
    }

    /// Mounts what a path of another host leads to, as far as it is there; the place is that path. With
    /// `parents` more than its last name may be missing.
    pub(crate) fn for_target(remote: &Remote, parents: bool, cx: &Context<'_>) -> Result<Self, Failure> {
        let paths = cx.paths(remote)?;
        let Resolved { directory, missing } = paths.resolve().or_fail(cx, Step::Check)?;
        if missing.components().any(|part| part == std::path::Component::ParentDir)
            || (missing.components().count() > 1 && !parents)
        {
            let there = remote.clone().with_path(directory);
            let text = format!(
                "{remote} can't be made, for {there} is all that is there; make the rest, or call with \
                 '--create-full-path'"
            );
            return Err(cx.refuse(Step::Check, &text));
        }
        let place = Self::private(&remote.clone().with_path(directory), false, cx)?;
        let path = if missing.as_os_str().is_empty() { place.path.clone() } else { place.path.join(missing) };
        cx.ui.call(&path, &remote.to_string());
        Ok(Self { path, ..place })
    }

    /// The sshfs mount that a local path lies in, if it lies in one.
    pub(crate) fn around(path: &Path, cx: &Context<'_>) -> Result<Option<Self>, Failure> {
        let limit = cx.silence();
        let Some(mount) = cx.mounter().covering(path, limit).or_fail(cx, Step::Check)? else {
            return Ok(None);
        };
        let guard = guard_of(&mount).or_fail(cx, Step::Check)?;
        cx.hold(&guard, None);
        Ok(Some(Self { path: path.to_path_buf(), guard, is_private: false }))
    }

    /// The same mount, and a directory in it.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self { path: path.to_path_buf(), ..self }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Was it mounted for this call?
    pub(crate) fn is_private(&self) -> bool {
        self.is_private
    }

    /// Tells that the mount is the same.
    pub(crate) fn mount_guard(&self) -> &MountGuard {
        &self.guard
    }

    /// The guard that also asks the server.
    pub(crate) fn guard(&self, cx: &Context<'_>) -> PlaceGuard {
        PlaceGuard::new(self.guard.clone(), cx.silence(), cx.mounter().runner().clone())
    }

    /// Looks whether the mount is fit to be read.
    pub(crate) fn preflight(&self, allow_empty: bool, cx: &Context<'_>) -> Result<(), Failure> {
        let check = Preflight { limit: cx.silence(), ..Preflight::new(self.guard.mount_point()) };
        let findings = check.run(&cx.mounter()).or_fail(cx, Step::Check)?;
        let findings = findings.iter().filter(|found| !(allow_empty && matches!(found, Finding::Empty(_))));
        for finding in findings {
            match finding.severity() {
                Severity::Stop => return Err(cx.refuse(Step::Check, &finding.to_string())),
                Severity::Warning => cx.ui.warning(&finding.to_string()),
                // Said by whoever reads it.
                Severity::Note if matches!(finding, Finding::NotCarried(_)) => {}
                Severity::Note => cx.ui.info(&finding.to_string()),
            }
        }
        Ok(())
    }
}

/// Mounts the repository that a path of another host lies in.
pub(crate) fn mount_repository(
    remote: &Remote,
    read_only: bool,
    cx: &Context<'_>,
) -> Result<locate::Place, Failure> {
    let (path, holds) = cx.paths(remote)?.ancestors_with(DATA).or_fail(cx, Step::Check)?;
    let of_data = path.ancestors().filter(|dir| dir.ends_with(DATA)).last().and_then(Path::parent);
    let nearest = path.ancestors().zip(holds).find(|(_, holds)| *holds).map(|(dir, _)| dir);
    let Some(root) = of_data.or(nearest) else {
        let place = remote.to_os_string().into();
        return Err(LocateError::NotInRepository(place)).or_fail(cx, Step::Check);
    };
    let inside = path.strip_prefix(root).unwrap_or(Path::new("")).to_path_buf();
    let root = remote.clone().with_path(root);
    let place = Place::private(&root, read_only, cx)?;
    Ok(locate::Place { repository: place.path, inside })
}

fn guard_of(mount: &MountInfo) -> Result<MountGuard, rdiff_mount::MountError> {
    MountGuard::new(mount, Path::new(SELF_MOUNTINFO))
}

impl Context<'_> {
    /// Makes mounts.
    pub(crate) fn mounter(&self) -> Mounter {
        Mounter::default().with_mount_limit(self.silence().max(Duration::from_secs(20)))
    }

    /// Keeps a mount until the action is over.
    fn hold(&self, guard: &MountGuard, mounted: Option<Mounted>) {
        self.mounts.hold(guard, mounted, self.mounter().runner().clone(), self.silence());
    }

    /// A login to ask about paths of another host.
    pub(crate) fn paths(&self, remote: &Remote) -> Result<SftpPaths, Failure> {
        SftpPaths::connect(remote, &self.ssh()?, &self.bounds()).or_fail(self, Step::Setup)
    }

    /// What may be under way to another host.
    pub(crate) fn bounds(&self) -> SftpBounds {
        SftpBounds { silence: self.silence(), ..SftpBounds::default() }
    }

    /// How long another host may say nothing.
    pub(crate) fn silence(&self) -> Duration {
        ssh::silence(&self.generic.remote)
    }

    /// How ssh is called.
    pub(crate) fn ssh(&self) -> Result<SshfsOptions, Failure> {
        let way = ssh::way(&self.generic.remote).or_fail(self, Step::PreCheck)?;
        if let Some(warning) = &way.warning {
            self.ui.warning(warning);
        }
        let interactive = std::io::stderr().is_terminal() && std::fs::File::open("/dev/tty").is_ok();
        Ok(SshfsOptions { interactive, ..way.options })
    }
}
