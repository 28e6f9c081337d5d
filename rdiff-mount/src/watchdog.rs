//! Does the server still answer? Asked by a child process, which can be given up.
//!
//! A call on a mount whose server hangs cannot be ended by any signal, so we never make one ourselves to
//! find out: a child does, and if it does not come back it is left, until the connection is aborted.
//!
//! ```no_run
//! use rdiff_mount::watchdog::{Watchdog, probe};
//! use rdiff_mount::{Mounter, SystemRunner};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! let mounted = Mounter::default().by_fstab("/mnt/web".into())?;
//! let took = probe(mounted.path(), Duration::from_secs(20), &SystemRunner)?;
//! println!("it answered after {took:?}");
//! // Asks every 5 seconds; where no answer comes in 20, whoever waits for the mount is woken with an error.
//! let watchdog = Watchdog::start(&mounted.guard()?, Arc::new(SystemRunner), Duration::from_secs(5), took * 20);
//! # drop(watchdog);
//! # Ok::<(), rdiff_mount::MountError>(())
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;

use crate::error::{MountError, Result};
use crate::guard::{MountGuard, Trouble, wake_callers};
use crate::runner::{Command, CommandRunner, Exit};

/// Makes each probed name a new one, which no cache can know.
static NEXT_PROBE: AtomicU64 = AtomicU64::new(0);

/// Asks the server behind a mount for a name that does not exist, and returns how long that took.
///
/// sshfs remembers the names that are there for 20 seconds, but never those that are not: this question
/// always goes to the server, costs one round trip, and any answer will do.
///
/// # Errors
/// [`MountError::Stalled`] when no answer came within `limit`; [`MountError::Disconnected`] when sshfs is
/// dead; [`MountError::Start`] when `stat` cannot be run.
pub fn probe(mount_point: &Utf8Path, limit: Duration, runner: &dyn CommandRunner) -> Result<Duration> {
    match ask(mount_point, limit, runner)? {
        Ok(took) => Ok(took),
        Err(trouble) => Err(trouble.into_error(mount_point.to_owned())),
    }
}

fn ask(
    mount_point: &Utf8Path,
    limit: Duration,
    runner: &dyn CommandRunner,
) -> Result<std::result::Result<Duration, Trouble>> {
    let number = NEXT_PROBE.fetch_add(1, Ordering::Relaxed);
    let name = mount_point.join(format!(".rdiff-mount-probe-{}-{number}", std::process::id()));
    let command = Command::new("stat").arg("--").arg(name.as_str()).within(limit);
    let started = Instant::now();
    let output = runner.run(&command).map_err(|source| MountError::start(&command, source))?;
    let said = output.stderr_text();
    let answered = ["No such file or directory", "Permission denied"].iter().any(|text| said.contains(text));
    Ok(match output.exit {
        Exit::TimedOut => Err(Trouble::Stalled(limit)),
        Exit::Code(_) if output.is_success() || answered => Ok(started.elapsed()),
        // "stat: cannot statx 'NAME': Transport endpoint is not connected"
        _ => Err(Trouble::Disconnected(said.rsplit(": ").next().unwrap_or_default().to_owned())),
    })
}

/// Probes a guarded mount again and again. When it hangs, the guard is told, and all who wait are woken.
///
/// So a caller that is stuck in a call on the mount gets an error after `interval + limit` at most, and
/// [`MountGuard::check`] then says why. Watching ends when this is dropped.
#[must_use = "watching ends when it is dropped"]
#[derive(Debug)]
pub struct Watchdog {
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl Watchdog {
    /// Starts watching: a probe each `interval`, an answer within `limit`.
    pub fn start(
        guard: &MountGuard,
        runner: Arc<dyn CommandRunner>,
        interval: Duration,
        limit: Duration,
    ) -> Self {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (guard, flag) = (guard.clone(), Arc::clone(&ended));
        thread::spawn(move || {
            while !wait(&flag, interval) {
                let Ok(Err(trouble)) = ask(&guard.mount_point(), limit, &*runner) else { continue };
                if wait(&flag, Duration::ZERO) {
                    break;
                }
                guard.report(trouble);
                // Not permitted, perhaps: those who wait then wait on, but the guard says why.
                let _not_permitted = wake_callers(guard.info());
                break;
            }
        });
        Self { ended }
    }
}

impl Drop for Watchdog {
    /// Tells the thread to end, and does not wait: it may be in the middle of a probe.
    fn drop(&mut self) {
        let (ended, changed) = &*self.ended;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}

/// Waits for the end of watching, or for `time`; tells if it is the end.
fn wait(flag: &(Mutex<bool>, Condvar), time: Duration) -> bool {
    let (ended, changed) = flag;
    let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
    if *ended || time.is_zero() {
        return *ended;
    }
    let waited = changed.wait_timeout_while(ended, time, |ended| !*ended);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}
