//! The mounts that an action holds.

use crate::ui::Ui;
use rdiff_mount::runner::CommandRunner;
use rdiff_mount::{MountGuard, Mounted, Unmounted, Watchdog};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is held until the action is over: calls on a watched mount fail when its server hangs, and do not
/// wait for ever.
#[derive(Default)]
pub(crate) struct Mounts(Mutex<Vec<(Watchdog, Option<Mounted>)>>);

impl Mounts {
    /// Watches a mount, whose server may say nothing for so long, and takes it down at the end if it is given.
    pub(crate) fn hold(
        &self,
        guard: &MountGuard,
        mounted: Option<Mounted>,
        runner: Arc<dyn CommandRunner>,
        silence: Duration,
    ) {
        let watchdog = Watchdog::start(guard, runner, ASK_EVERY, silence);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((watchdog, mounted));
    }

    /// Takes down what was mounted for this call, and says so when that was not as it should be.
    pub(crate) fn end(&self, ui: &Ui) {
        let held = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (watchdog, mounted) in held.into_iter().rev() {
            drop(watchdog);
            let Some(mounted) = mounted else { continue };
            // A log in it would keep it busy.
            ui.end_log();
            match mounted.unmount() {
                Ok(Unmounted::Lazily { why }) => {
                    ui.warning(&format!("a private mount was taken down while it was in use: {why}"));
                }
                Err(error) => ui.failure(&error),
                Ok(_) => {}
            }
        }
    }
}

/// How often a mount is asked whether its server lives.
const ASK_EVERY: Duration = Duration::from_secs(5);
