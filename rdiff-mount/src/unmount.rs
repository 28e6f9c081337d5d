//! Taking a mount down: gently, and where that does not do, lazily; never another mount than ours.
//!
//! ```no_run
//! use rdiff_mount::{Mounter, Unmounted};
//!
//! match Mounter::default().by_fstab("/mnt/web".into())?.unmount()? {
//!     Unmounted::Cleanly | Unmounted::LeftMounted | Unmounted::AlreadyGone => {}
//!     Unmounted::Lazily { why } => println!("somebody still uses it: {why}"),
//! }
//! # Ok::<(), rdiff_mount::MountError>(())
//! ```

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::error::{MountError, Result};
use crate::guard;
use crate::mountinfo::{MountInfo, MountTable};
use crate::runner::{Command, CommandRunner, Exit};

/// How long one attempt may take; unmounting a place whose server hangs can hang itself.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How an unmount went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// As it should.
    Cleanly,
    /// It is out of sight, but sshfs runs on until the last user lets go.
    Lazily {
        /// Why not cleanly.
        why: String,
    },
    /// It was there before us, so it was left.
    LeftMounted,
    /// It was gone, or replaced, before we came to it: the server or sshfs had ended.
    AlreadyGone,
}

pub(crate) struct Unmounter<'a> {
    pub(crate) runner: &'a dyn CommandRunner,
    /// Reads the mount table.
    pub(crate) table: &'a dyn Fn() -> Result<MountTable>,
    /// How long a busy mount is waited for.
    pub(crate) patience: Duration,
    pub(crate) info: &'a MountInfo,
}

impl Unmounter<'_> {
    pub(crate) fn run(&self) -> Result<Unmounted> {
        if !self.is_there()? {
            return Ok(Unmounted::AlreadyGone);
        }
        let why = match self.gently()? {
            None => return Ok(Unmounted::Cleanly),
            Some(why) => why,
        };
        self.lazily(why)
    }

    /// Tells if our mount is still in the table. One that lies over it must not be unmounted in its place.
    fn is_there(&self) -> Result<bool> {
        let table = (self.table)()?;
        let is_ours = |mount: &&MountInfo| {
            mount.device == self.info.device && mount.mount_point == self.info.mount_point
        };
        if table.by_id(self.info.id).filter(is_ours).is_none() {
            return Ok(false);
        }
        match table.at(&self.info.mount_point) {
            Some(top) if top.id == self.info.id => Ok(true),
            _ => Err(self.still_mounted("another mount lies over it".to_owned())),
        }
    }

    /// `None` when it is gone; else why it is not. Waits a while for a busy one to become free.
    fn gently(&self) -> Result<Option<String>> {
        let started = Instant::now();
        loop {
            let output = self.attempt("umount", &[])?;
            if !self.is_there()? {
                return Ok(None);
            }
            match output {
                Ok(said) if said.contains("busy") && started.elapsed() < self.patience => {
                    thread::sleep(Duration::from_millis(200).min(self.patience));
                }
                Ok(said) if said.contains("busy") => return Ok(Some(said)),
                Ok(said) => {
                    // A mount by sshfs itself, taken down by an ordinary user.
                    let again = self.attempt("fusermount3", &["-u"])?;
                    let gone = !self.is_there()?;
                    return Ok((!gone).then(|| again.unwrap_or(said)));
                }
                Err(hangs) => {
                    // Wakes those who wait for the server, our attempt among them. It may be forbidden.
                    let _not_permitted = guard::wake_callers(self.info);
                    return Ok(Some(hangs));
                }
            }
        }
    }

    fn lazily(&self, why: String) -> Result<Unmounted> {
        let mut last = why.clone();
        for (program, args) in [("fusermount3", ["-u", "-z"].as_slice()), ("umount", &["-l"])] {
            match self.attempt(program, args)? {
                Ok(said) | Err(said) => last = said,
            }
            if !self.is_there()? {
                return Ok(Unmounted::Lazily { why });
            }
        }
        Err(self.still_mounted(last))
    }

    /// Runs one command on the mount point: `Ok` with what it said, `Err` when it did not end.
    fn attempt(&self, program: &str, args: &[&str]) -> Result<std::result::Result<String, String>> {
        let place: &Path = &self.info.mount_point;
        let command = Command::new(program).args(args).arg(place).within(ATTEMPT);
        Ok(match self.runner.run(&command) {
            Ok(output) if output.exit == Exit::TimedOut => Err(format!("'{command}' hangs")),
            Ok(output) => Ok(output.stderr_text().replace('\n', "; ")),
            Err(error) => Ok(format!("cannot run '{program}': {error}")),
        })
    }

    fn still_mounted(&self, why: String) -> MountError {
        let place = self.info.mount_point.to_string_lossy().into_owned();
        MountError::StillMounted { mount_point: Utf8PathBuf::from(place), why }
    }
}
