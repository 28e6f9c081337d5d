//! The clock of the other host, asked while a backup runs: the login for it takes as long as a small backup.

use super::Context;
use rdiff_mount::Mounter;
use rdiff_mount::location::Remote;
use rdiff_mount::preflight::{Finding, Severity, clock_difference};
use rdiff_mount::sshfs::SshfsOptions;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// How long the answer is waited for when a first backup is done. Later ones that are done sooner than a login takes
/// are not held up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a host is logged in to.
pub(crate) type Login = (Remote, SshfsOptions);

/// The answer to come. A host where nothing but SFTP is allowed gives none.
pub(crate) struct Clock(Receiver<Option<Finding>>);

impl Clock {
    /// Asks. Nobody is asked for a password for this.
    pub(crate) fn ask((remote, options): Login, mounter: Mounter) -> Self {
        let (tell, told) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let options = SshfsOptions { interactive: false, ..options };
            let found = clock_difference(&remote, &options, &mounter).ok().flatten();
            // Who no longer wants to know has ended.
            drop(tell.send(found));
        });
        Self(told)
    }

    /// Says it when the clocks are so far apart that it matters.
    pub(crate) fn tell(self, is_first: bool, cx: &Context<'_>) {
        let patience = if is_first { PATIENCE } else { Duration::ZERO };
        let Ok(Some(found)) = self.0.recv_timeout(patience) else { return };
        match found.severity() {
            Severity::Note => cx.ui.info(&found.to_string()),
            _ => cx.ui.warning(&found.to_string()),
        }
    }
}
