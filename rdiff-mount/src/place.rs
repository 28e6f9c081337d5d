//! The guard of a mounted place, as a backup asks it.

use std::sync::Arc;
use std::time::Duration;

use rdiff_core::tree::source::SourceGuard;

use crate::error::Result;
use crate::guard::MountGuard;
use crate::runner::CommandRunner;
use crate::watchdog::probe;

/// Tells whether a mounted place is still the mount that a backup began with, and whether its server still
/// answers.
///
/// [`MountGuard`] alone asks the kernel only; a backup must also know that what it last read came from the
/// server. So each check looks at the mount, asks the server one question through a child process that can
/// be given up, and looks again: what was answered came through this mount.
pub struct PlaceGuard {
    mount: MountGuard,
    limit: Duration,
    runner: Arc<dyn CommandRunner>,
}

impl PlaceGuard {
    /// Guards a mount; its server must answer within `limit`.
    pub fn new(mount: MountGuard, limit: Duration, runner: Arc<dyn CommandRunner>) -> Self {
        Self { mount, limit, runner }
    }

    /// Does what [`SourceGuard::check`] does, and keeps the error's type.
    ///
    /// # Errors
    /// Those of [`MountGuard::check`] and of [`probe`].
    pub fn inspect(&self) -> Result<()> {
        self.mount.check()?;
        probe(&self.mount.mount_point(), self.limit, &*self.runner)?;
        self.mount.check()
    }
}

impl SourceGuard for PlaceGuard {
    fn check(&self) -> std::result::Result<(), String> {
        self.inspect().map_err(|error| error.with_causes())
    }
}
