//! Is this still the mount we began with? And how to wake those who wait for a server that hangs.
//!
//! Nothing here asks the server, so nothing here hangs; whether it answers, [`crate::watchdog`] finds out.
//!
//! ```
//! use rdiff_mount::guard::{abort_connection, kill_daemon, wake_callers};
//! use rdiff_mount::{MountError, MountGuard, Mounter};
//!
//! fn watched(mounter: &Mounter) -> Result<(), MountError> {
//!     let Some(info) = mounter.find("/mnt/web".into())? else { return Ok(()) };
//!     let guard = MountGuard::new(&info, "/proc/self/mountinfo".as_ref())?;
//!     guard.check()?; // still the same mount? The server isn't asked.
//!
//!     // Whoever waits for a dead server is woken: by the kernel, else by the end of sshfs.
//!     if abort_connection(info.device).is_err() {
//!         kill_daemon(&info)?;
//!     }
//!     wake_callers(&info) // both in one
//! }
//! # watched(&Mounter::default())?; // nothing is mounted there
//! # Ok::<(), MountError>(())
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8PathBuf;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, open, statx};
use rustix::process::{Pid, Signal, kill_process};

use crate::error::{MountError, Result};
use crate::mountinfo::{Device, MountInfo, MountTable};

/// What a watchdog found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Stalled(Duration),
    Disconnected(String),
}

impl Trouble {
    pub(crate) fn into_error(self, mount_point: Utf8PathBuf) -> MountError {
        match self {
            Self::Stalled(waited) => MountError::Stalled { mount_point, waited },
            Self::Disconnected(answer) => MountError::Disconnected { mount_point, answer },
        }
    }
}

/// Where the kernel lets FUSE connections be aborted, once `fusectl` is mounted there.
const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// Which directory this is, as long as someone holds it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: Device,
    inode: u64,
}

/// Remembers a mount, and tells when it is not the same any more.
///
/// It holds the root open (by name only, which asks nothing of the server), so that the kernel cannot give
/// the numbers it compares to another mount. Drop it before unmounting, or that will have to be lazy.
#[derive(Clone, Debug)]
pub struct MountGuard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    info: MountInfo,
    mountinfo: PathBuf,
    identity: Identity,
    trouble: Mutex<Option<Trouble>>,
    _root: OwnedFd,
}

impl MountGuard {
    /// Guards the mount that `info` describes, as listed in the table `mountinfo`.
    ///
    /// # Errors
    /// As [`MountGuard::check`], when the mount is not what `info` says; [`MountError::Io`] when this user
    /// may not see it at all (a mount of another user without `allow_other`).
    pub fn new(info: &MountInfo, mountinfo: &Path) -> Result<Self> {
        listed(info, mountinfo)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = open(&info.mount_point, flags, Mode::empty()).map_err(io::Error::from);
        let root = opened.map_err(|source| cannot_see(info, source))?;
        let identity = identity_of(&root, Path::new("")).map_err(|source| cannot_see(info, source))?;
        let inner = Inner {
            info: info.clone(),
            mountinfo: mountinfo.to_owned(),
            identity,
            trouble: Mutex::new(None),
            _root: root,
        };
        let guard = Self(Arc::new(inner));
        guard.check()?;
        Ok(guard)
    }

    /// Tells if the mount is still the same: listed, the same number and device, the same root; and if no
    /// watchdog found it hanging. Never asks the server: some 100 microseconds on a machine with 20 mounts, to be
    /// called for each directory.
    ///
    /// # Errors
    /// [`MountError::Vanished`], [`MountError::Replaced`], [`MountError::Disconnected`] or
    /// [`MountError::Stalled`]: nothing read since the last good check may be believed.
    pub fn check(&self) -> Result<()> {
        let Inner { info, mountinfo, identity, .. } = &*self.0;
        if let Some(trouble) = self.trouble() {
            return Err(trouble.into_error(self.mount_point()));
        }
        listed(info, mountinfo)?;
        match identity_of(CWD, &info.mount_point) {
            Ok(now) if now == *identity => Ok(()),
            Ok(_) => Err(replaced(info, "another directory".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(MountError::Vanished { mount_point: self.mount_point() })
            }
            Err(error) => {
                Err(MountError::Disconnected { mount_point: self.mount_point(), answer: error.to_string() })
            }
        }
    }

    /// The mount under guard.
    pub fn info(&self) -> &MountInfo {
        &self.0.info
    }

    /// Where it is.
    pub fn mount_point(&self) -> Utf8PathBuf {
        place(&self.0.info)
    }

    /// Wakes all who wait for this mount's server: their calls fail. The mount is of no use afterwards.
    ///
    /// # Errors
    /// As [`abort_connection`].
    pub fn abort(&self) -> Result<()> {
        abort_connection(self.0.info.device)
    }

    pub(crate) fn report(&self, trouble: Trouble) {
        let mut known = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert(trouble);
    }

    fn trouble(&self) -> Option<Trouble> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Aborts a FUSE connection through the kernel's control directory, as its owner or root may.
///
/// All calls that wait for it fail at once, also in processes that no signal can end.
///
/// # Errors
/// [`MountError::NoControl`] when the control file system is not mounted; [`MountError::Io`] otherwise.
pub fn abort_connection(device: Device) -> Result<()> {
    let path = Path::new(CONNECTIONS).join(device.minor.to_string()).join("abort");
    let abort = || File::options().write(true).open(&path)?.write_all(b"1");
    abort().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => MountError::NoControl { connection: device.minor },
        _ => MountError::Io { doing: "abort the FUSE connection by", path: path.clone(), source },
    })
}

/// Kills the sshfs that serves a mount, which ends its connection as well; for where there is no control.
///
/// It is found by its command line: an sshfs of the mount's owner, with source and mount point as arguments.
/// Returns how many there were.
///
/// # Errors
/// [`MountError::Io`] when processes cannot be listed, or may not be killed.
pub fn kill_daemon(info: &MountInfo) -> Result<usize> {
    let failed =
        |source| MountError::Io { doing: "kill the sshfs of", path: info.mount_point.clone(), source };
    let mut killed = 0;
    for process in fs::read_dir("/proc").map_err(failed)?.flatten() {
        let pid = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|_| serves(&process.path(), info)) else { continue };
        kill_process(pid, Signal::KILL).map_err(|error| failed(error.into()))?;
        killed += 1;
    }
    Ok(killed)
}

/// Wakes all who wait for a mount: by abort where that is possible, else by killing its sshfs.
///
/// # Errors
/// The abort's error, when neither was possible.
pub fn wake_callers(info: &MountInfo) -> Result<()> {
    abort_connection(info.device).or_else(|error| match kill_daemon(info) {
        Ok(killed) if killed > 0 => Ok(()),
        _ => Err(error),
    })
}

fn serves(process: &Path, info: &MountInfo) -> bool {
    let Ok(line) = fs::read(process.join("cmdline")) else { return false };
    let words: Vec<_> = line.split(|byte| *byte == 0).collect();
    let program = words[0].rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let has = |word: &[u8]| words[1..].contains(&word);
    program.ends_with(b"sshfs")
        && has(info.source.as_encoded_bytes())
        && has(info.mount_point.as_os_str().as_encoded_bytes())
}

/// Checks the mount's line in the table.
fn listed(info: &MountInfo, mountinfo: &Path) -> Result<()> {
    let table = MountTable::read_from(mountinfo).map_err(|source| MountError::Io {
        doing: "read",
        path: mountinfo.to_owned(),
        source,
    })?;
    match table.at(&info.mount_point) {
        None => Err(MountError::Vanished { mount_point: place(info) }),
        Some(now) if (now.id, now.device) != (info.id, info.device) || now.fs_type != info.fs_type => {
            Err(replaced(info, now.described()))
        }
        Some(_) => Ok(()),
    }
}

/// Device and inode as the kernel has them in mind, without asking the server.
fn identity_of(dir: impl std::os::fd::AsFd, path: &Path) -> io::Result<Identity> {
    let flags =
        AtFlags::STATX_DONT_SYNC | AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::EMPTY_PATH;
    let found = statx(dir, path, flags, StatxFlags::INO | StatxFlags::TYPE)?;
    let device = Device { major: found.stx_dev_major, minor: found.stx_dev_minor };
    Ok(Identity { device, inode: found.stx_ino })
}

fn place(info: &MountInfo) -> Utf8PathBuf {
    info.mount_point.to_string_lossy().into_owned().into()
}

fn replaced(info: &MountInfo, now: String) -> MountError {
    MountError::Replaced { mount_point: place(info), now }
}

fn cannot_see(info: &MountInfo, source: io::Error) -> MountError {
    MountError::Io { doing: "look into", path: info.mount_point.clone(), source }
}
