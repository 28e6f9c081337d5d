//! Mounted places: private mounts made for one call, and those of others that a path lies in.

use super::{Context, Failure, OrFail, Step};
use crate::ssh;
use rdiff_mount::location::Remote;
use rdiff_mount::mountinfo::{MountInfo, SELF_MOUNTINFO};
use rdiff_mount::preflight::{Finding, Preflight, Severity};
use rdiff_mount::{MountGuard, Mounted, Mounter, PlaceGuard, SshfsOptions, Unmounted, Watchdog};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a mount is asked whether its server lives.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// A directory in an sshfs mount, watched: calls on it fail when its server hangs, and do not wait for ever.
pub(crate) struct Place {
    path: PathBuf,
    guard: MountGuard,
    _watchdog: Watchdog,
    /// Nothing when it is someone else's.
    mounted: Option<Mounted>,
}

impl Place {
    /// Mounts a directory of another host, for this call alone.
    pub(crate) fn private(remote: &Remote, read_only: bool, cx: &Context<'_>) -> Result<Self, Failure> {
        let options = SshfsOptions { read_only, ..cx.ssh()? };
        let parent = cx.generic.tempdir.clone().unwrap_or_else(std::env::temp_dir);
        let parent = parent.canonicalize().unwrap_or(parent);
        let parent = camino::Utf8PathBuf::from_path_buf(parent).map_err(|parent| {
            let text = format!("Temporary directory '{}' is no text; choose another", parent.display());
            cx.refuse(Step::Setup, &text)
        })?;
        let mounted = cx.mounter().privately(remote, &parent, &options).or_fail(cx, Step::Setup)?;
        let guard = mounted.guard().or_fail(cx, Step::Setup)?;
        Ok(Self::watched(mounted.path().into(), guard, Some(mounted), cx))
    }

    /// The sshfs mount that a local path lies in, if it lies in one.
    pub(crate) fn around(path: &Path, cx: &Context<'_>) -> Result<Option<Self>, Failure> {
        let limit = cx.silence();
        let Some(mount) = cx.mounter().covering(path, limit).or_fail(cx, Step::Check)? else {
            return Ok(None);
        };
        let guard = guard_of(&mount).or_fail(cx, Step::Check)?;
        Ok(Some(Self::watched(path.to_path_buf(), guard, None, cx)))
    }

    fn watched(path: PathBuf, guard: MountGuard, mounted: Option<Mounted>, cx: &Context<'_>) -> Self {
        let runner = cx.mounter().runner().clone();
        let watchdog = Watchdog::start(&guard, runner, ASK_EVERY, cx.silence());
        Self { path, guard, _watchdog: watchdog, mounted }
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
        self.mounted.is_some()
    }

    /// Can nothing be written there?
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

    /// Takes down what was mounted for this call, and says so when that was not as it should be.
    pub(crate) fn close(self, cx: &Context<'_>) {
        let Self { guard, mounted, _watchdog, .. } = self;
        drop((_watchdog, guard));
        match mounted.map(Mounted::unmount) {
            Some(Ok(Unmounted::Lazily { why })) => {
                cx.ui.warning(&format!("a private mount was taken down while it was in use: {why}"));
            }
            Some(Err(error)) => cx.ui.warning(&rdiff_core::error::chain(&error)),
            _ => {}
        }
    }
}

fn guard_of(mount: &MountInfo) -> Result<MountGuard, rdiff_mount::MountError> {
    MountGuard::new(mount, Path::new(SELF_MOUNTINFO))
}

impl Context<'_> {
    /// Makes mounts.
    pub(crate) fn mounter(&self) -> Mounter {
        Mounter::default().with_mount_limit(self.silence().max(Duration::from_secs(20)))
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
