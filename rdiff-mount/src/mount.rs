//! Mounting and unmounting: by an fstab entry, or by sshfs itself.
//!
//! What is mounted is asked of the mount table, before and after each command; an exit status alone is
//! never believed. A mount that was there before is used, and left.
//!
//! ```no_run
//! use rdiff_mount::{MountError, Mounted, Mounter, Unmounted};
//!
//! let mounted: Mounted = Mounter::default().by_fstab("/mnt/web".into())?;
//! println!("{} is {}", mounted.path(), if mounted.is_ours() { "mounted" } else { "mounted already" });
//! if let Unmounted::Lazily { why } = mounted.unmount()? {
//!     println!("somebody still uses it: {why}");
//! }
//! # Ok::<(), MountError>(())
//! ```

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{MountError, Result};
use crate::fstab::{FstabEntry, is_plain_absolute};
use crate::fstab_file::{ETC_FSTAB, FstabFile};
use crate::guard::MountGuard;
use crate::keeper::Keeper;
use crate::location::Remote;
use crate::mountinfo::{MountInfo, MountTable, SELF_MOUNTINFO};
use crate::runner::{Command, CommandRunner, Exit, SystemRunner};
use crate::sshfs::{SshfsCapabilities, SshfsOptions};
use crate::unmount::{Unmounted, Unmounter};

/// Numbers the private mount points of this process.
static NEXT_PLACE: AtomicU32 = AtomicU32::new(0);

/// Makes mounts. Cloning is cheap.
#[derive(Clone)]
pub struct Mounter {
    pub(crate) runner: Arc<dyn CommandRunner>,
    pub(crate) mountinfo: PathBuf,
    fstab: PathBuf,
    mount_limit: Duration,
    pub(crate) patience: Duration,
    /// Are our mounts taken down also when this process is killed?
    keeps: bool,
    sshfs: Arc<OnceLock<SshfsCapabilities>>,
}

impl Default for Mounter {
    fn default() -> Self {
        Self { keeps: true, ..Self::new(Arc::new(SystemRunner)) }
    }
}

impl Mounter {
    /// Runs commands by `runner`; [`Mounter::default`] runs those of the system.
    pub fn new(runner: Arc<dyn CommandRunner>) -> Self {
        Self {
            runner,
            mountinfo: SELF_MOUNTINFO.into(),
            fstab: ETC_FSTAB.into(),
            mount_limit: Duration::from_secs(60),
            patience: Duration::from_secs(5),
            keeps: false,
            sshfs: Arc::default(),
        }
    }

    /// Reads the mount table from another file; tests do.
    #[must_use]
    pub fn with_mountinfo(mut self, file: impl Into<PathBuf>) -> Self {
        self.mountinfo = file.into();
        self
    }

    /// Looks up entries in another file than the system's; `mount` itself does not.
    #[must_use]
    pub fn with_fstab(mut self, file: impl Into<PathBuf>) -> Self {
        self.fstab = file.into();
        self
    }

    /// Sets how long a mount command may take. It is at least ssh's `ConnectTimeout`, or that is no use.
    #[must_use]
    pub fn with_mount_limit(mut self, limit: Duration) -> Self {
        self.mount_limit = limit;
        self
    }

    /// Sets how long to wait for a mount to show up, and for a busy one to become free.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The programs are run by this.
    pub fn runner(&self) -> &Arc<dyn CommandRunner> {
        &self.runner
    }

    /// What is mounted at a place, not counting an automounter's trap.
    ///
    /// # Errors
    /// [`MountError::NotAbsolute`], or [`MountError::Io`] when the table or the parent cannot be read.
    pub fn find(&self, mount_point: &Utf8Path) -> Result<Option<MountInfo>> {
        let place = self.resolve(mount_point)?;
        Ok(self.table()?.at(&place).filter(|mount| mount.fs_type != "autofs").cloned())
    }

    /// The sshfs mount that a path lies in, if it lies in one.
    ///
    /// Where there are such mounts, links of the path are followed by a child process: this never hangs for
    /// longer than `limit`. What of the path is not there is taken as it is.
    ///
    /// # Errors
    /// [`MountError::Stalled`] when that takes too long; [`MountError::Io`] when the table cannot be read.
    pub fn covering(&self, path: &Path, limit: Duration) -> Result<Option<MountInfo>> {
        let table = self.table()?;
        if !table.mounts().iter().any(MountInfo::is_sshfs) {
            return Ok(None);
        }
        let absolute = std::path::absolute(path).map_err(|source| io_error("resolve", path, source))?;
        let follow = |program: &str| {
            let command = Command::new(program).args(["-m", "--"]).arg(&absolute).within(limit);
            self.runner.run(&command).map_err(|source| MountError::start(&command, source))
        };
        // The PATH of a job may lack what every system has.
        let output = follow("readlink").or_else(|_| follow("/usr/bin/readlink"))?;
        let resolved = match output.exit {
            Exit::TimedOut => {
                let found = table.covering(&absolute).map_or(&absolute, |mount| &mount.mount_point);
                let mount_point = found.to_string_lossy().into_owned().into();
                return Err(MountError::Stalled { mount_point, waited: limit });
            }
            Exit::Code(0) => OsString::from_vec(output.stdout.strip_suffix(b"\n").unwrap_or_default().into()),
            // What is not there, or not reachable, is for the caller to find.
            _ => absolute.into_os_string(),
        };
        Ok(table.covering(Path::new(&resolved)).filter(|mount| mount.is_sshfs()).cloned())
    }

    /// The mount that a path lies in, whatever it is. The path must be absolute and without links.
    ///
    /// # Errors
    /// [`MountError::Io`] when the mount table cannot be read.
    pub fn mount_of(&self, path: &Path) -> Result<Option<MountInfo>> {
        Ok(self.table()?.covering(path).cloned())
    }

    /// The entry of fstab that says that something should be mounted at a path or above it, and is not.
    /// Nothing where there is no fstab to read. The path must be absolute and without links.
    ///
    /// # Errors
    /// [`MountError::Io`] when the mount table cannot be read.
    pub fn missing_mount(&self, path: &Path) -> Result<Option<FstabEntry>> {
        let Ok(file) = FstabFile::open(&self.fstab) else { return Ok(None) };
        let table = self.table()?;
        let above = |entry: &FstabEntry| {
            let place = entry.mount_point.as_std_path();
            place.is_absolute() && place.parent().is_some() && path.starts_with(place)
        };
        let missing = file.fstab.entries().filter(above);
        let missing = missing.filter(|entry| table.at(entry.mount_point.as_std_path()).is_none());
        Ok(missing.max_by_key(|entry| entry.mount_point.components().count()))
    }

    /// Mounts by the entry in fstab: `mount DIR`, which an ordinary user may do where the entry says `user`. A mount
    /// that is there already is used, if it is what the entry says.
    ///
    /// # Errors
    /// [`MountError::Occupied`] when something else is mounted there;
    /// [`MountError::Command`] with what mount said, or what ssh says where that tells more;
    /// [`MountError::NotListed`] when there is no mount after a success.
    pub fn by_fstab(&self, mount_point: &Utf8Path) -> Result<Mounted> {
        if let Some(found) = self.find(mount_point)? {
            if !self.is_by_entry(mount_point, &found) {
                return Err(occupied(mount_point, &found));
            }
            return Ok(self.mounted(mount_point, found, false));
        }
        let command = Command::new("mount").arg(mount_point.as_str());
        let mounted = self.mount(&command, mount_point);
        let mut mounted = mounted.map_err(|error| self.told_by_ssh(mount_point, error))?;
        mounted.keep();
        Ok(mounted)
    }

    /// Is it what fstab says should be mounted there? Of what is no sshfs we only know that fstab names it.
    fn is_by_entry(&self, mount_point: &Utf8Path, found: &MountInfo) -> bool {
        let entry = FstabFile::open(&self.fstab).ok().and_then(|file| file.fstab.find(mount_point));
        let Some(Ok((remote, _))) = entry.as_ref().and_then(FstabEntry::sshfs) else { return true };
        let is_there = |source: Remote| source.host() == remote.host() && source.path() == remote.path();
        found.is_sshfs() && Remote::parse_scp(&found.source).is_ok_and(is_there)
    }

    /// Mounts a remote path by sshfs. A mount of the same source that is there already is used.
    ///
    /// # Errors
    /// As [`Mounter::by_fstab`]; [`MountError::Occupied`] when something else is mounted there.
    pub fn by_sshfs(
        &self,
        remote: &Remote,
        mount_point: &Utf8Path,
        options: &SshfsOptions,
    ) -> Result<Mounted> {
        let mut mounted = self.sshfs_at(remote, mount_point, options)?;
        mounted.keep();
        Ok(mounted)
    }

    fn sshfs_at(&self, remote: &Remote, mount_point: &Utf8Path, options: &SshfsOptions) -> Result<Mounted> {
        if let Some(found) = self.find(mount_point)? {
            let usable = found.source == remote.sshfs_source()
                && found.is_sshfs()
                && found.is_read_only() == options.read_only;
            if !usable {
                return Err(occupied(mount_point, &found));
            }
            return Ok(self.mounted(mount_point, found, false));
        }
        let sshfs = self.sshfs()?;
        let command = Command::new("sshfs").args(options.arguments(remote, mount_point, sshfs)?);
        self.mount(&command, mount_point).map_err(|error| match options.try_login(remote, &*self.runner) {
            Err(said) if hides_ssh(&error) => said,
            _ => error,
        })
    }

    /// Mounts a remote path in a new directory below `parent` that only this user may enter; it goes with
    /// the mount. The mount point has the name of the remote directory.
    ///
    /// # Errors
    /// As [`Mounter::by_sshfs`]; [`MountError::Io`] when the directory cannot be made.
    pub fn privately(&self, remote: &Remote, parent: &Utf8Path, options: &SshfsOptions) -> Result<Mounted> {
        let number = NEXT_PLACE.fetch_add(1, Ordering::Relaxed);
        let private = parent.join(format!("rdiff-mount-{}-{number}", std::process::id()));
        let name = remote.path().file_name().and_then(|name| name.to_str()).unwrap_or("root");
        let place = private.join(name);
        let create = |dir: &Utf8Path| {
            let made = DirBuilder::new().mode(0o700).create(dir);
            made.map_err(|source| io_error("create", dir.as_std_path(), source))
        };
        create(&private)?;
        let made = create(&place);
        // Before there is something to keep: we could be killed at any moment.
        let keeper = made.is_ok() && self.keeps;
        let keeper = keeper.then(|| Keeper::of_private(place.as_std_path()).ok()).flatten();
        match made.and_then(|()| self.sshfs_at(remote, &place, options)) {
            Ok(mut mounted) => {
                mounted.is_private = true;
                mounted.keeper = keeper;
                Ok(mounted)
            }
            Err(error) => {
                if let Some(keeper) = keeper {
                    keeper.dismiss();
                }
                // Only empty directories go; the first error is the one to tell.
                let _kept = fs::remove_dir(&place).and_then(|()| fs::remove_dir(&private));
                Err(error)
            }
        }
    }

    /// What the installed sshfs knows; asked once.
    ///
    /// # Errors
    /// [`MountError::Start`] when there is no sshfs.
    pub fn sshfs(&self) -> Result<&SshfsCapabilities> {
        if self.sshfs.get().is_none() {
            let probed = SshfsCapabilities::probe(&*self.runner)?;
            return Ok(self.sshfs.get_or_init(|| probed));
        }
        Ok(self.sshfs.get_or_init(SshfsCapabilities::default))
    }

    pub(crate) fn table(&self) -> Result<MountTable> {
        MountTable::read_from(&self.mountinfo).map_err(|source| io_error("read", &self.mountinfo, source))
    }

    /// The mount point as the table names it. Symlinks above it are resolved; it is not touched itself.
    fn resolve(&self, mount_point: &Utf8Path) -> Result<PathBuf> {
        if !is_plain_absolute(mount_point) {
            return Err(MountError::NotAbsolute { mount_point: mount_point.to_owned() });
        }
        let path: PathBuf = mount_point.as_std_path().components().collect();
        if self.table()?.at(&path).is_some() {
            return Ok(path);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
        match fs::canonicalize(parent) {
            Ok(parent) => Ok(parent.join(name)),
            // mount itself has the better words for a mount point that does not exist.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path),
            Err(source) => Err(io_error("resolve", parent, source)),
        }
    }

    fn mount(&self, command: &Command, mount_point: &Utf8Path) -> Result<Mounted> {
        let command = command.clone().within(self.mount_limit);
        let output = self.runner.run(&command).map_err(|source| MountError::start(&command, source))?;
        if output.is_success() {
            return self.wait_until_listed(mount_point);
        }
        match self.find(mount_point)? {
            // Given up, and mounted in the last moment: nobody else will take it down.
            Some(info) if output.exit == Exit::TimedOut => drop(self.mounted(mount_point, info, true)),
            // Someone else was faster.
            Some(info) if output.stderr_text().contains("already mounted") => {
                return Ok(self.mounted(mount_point, info, false));
            }
            _ => {}
        }
        Err(MountError::from_output(&command, &output))
    }

    fn wait_until_listed(&self, mount_point: &Utf8Path) -> Result<Mounted> {
        let started = Instant::now();
        loop {
            if let Some(info) = self.find(mount_point)? {
                return Ok(self.mounted(mount_point, info, true));
            }
            if started.elapsed() >= self.patience {
                let mount_point = mount_point.to_owned();
                return Err(MountError::NotListed { mount_point, waited: self.patience });
            }
            thread::sleep(Duration::from_millis(20).min(self.patience));
        }
    }

    fn mounted(&self, mount_point: &Utf8Path, info: MountInfo, ours: bool) -> Mounted {
        let mount_point = mount_point.to_owned();
        Mounted { mounter: self.clone(), mount_point, info, ours, is_private: false, keeper: None }
    }

    /// The error of ssh instead of one that only says the connection ended, where there is such.
    fn told_by_ssh(&self, mount_point: &Utf8Path, error: MountError) -> MountError {
        if !hides_ssh(&error) {
            return error;
        }
        let login = self.login(mount_point);
        login.and_then(|(remote, options)| options.try_login(&remote, &*self.runner).err()).unwrap_or(error)
    }

    /// How the host of an entry in fstab is logged in to. Nothing where there is no such entry.
    pub fn login(&self, mount_point: &Utf8Path) -> Option<(Remote, SshfsOptions)> {
        let entry = FstabFile::open(&self.fstab).ok()?.fstab.find(mount_point)?;
        let (remote, _) = entry.sshfs()?.ok()?;
        Some((remote, entry.login_options()))
    }
}

/// A mounted place. Unmounts when dropped; [`Mounted::unmount`] also tells how that went. Where the mounter is
/// [`Mounter::default`], a child process unmounts it should this process be killed.
#[must_use = "it is unmounted when dropped"]
pub struct Mounted {
    mounter: Mounter,
    mount_point: Utf8PathBuf,
    info: MountInfo,
    ours: bool,
    /// Mount point and its parent were made for it.
    is_private: bool,
    keeper: Option<Keeper>,
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mounted").field("info", &self.info).field("ours", &self.ours).finish_non_exhaustive()
    }
}

impl Mounted {
    /// Where it is mounted.
    pub fn path(&self) -> &Utf8Path {
        &self.mount_point
    }

    /// Its line in the mount table.
    pub fn info(&self) -> &MountInfo {
        &self.info
    }

    /// Tells if we mounted it, and so will unmount it.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// A guard over this mount. It keeps the mount busy: drop it before unmounting.
    ///
    /// # Errors
    /// As [`MountGuard::new`].
    pub fn guard(&self) -> Result<MountGuard> {
        MountGuard::new(&self.info, &self.mounter.mountinfo)
    }

    /// Unmounts what we mounted, lazily if it must be, and tells how it went.
    ///
    /// # Errors
    /// [`MountError::StillMounted`] when nothing helped.
    pub fn unmount(mut self) -> Result<Unmounted> {
        self.take_down()
    }

    /// From now on it is taken down also when this process is killed. Without a shell it is not.
    fn keep(&mut self) {
        if self.ours && self.mounter.keeps {
            self.keeper = Keeper::of(&self.info).ok();
        }
    }

    fn take_down(&mut self) -> Result<Unmounted> {
        if !std::mem::take(&mut self.ours) {
            return Ok(Unmounted::LeftMounted);
        }
        let Mounter { runner, patience, .. } = &self.mounter;
        let table = &|| self.mounter.table();
        let done = Unmounter { runner: &**runner, table, patience: *patience, info: &self.info }.run()?;
        if let Some(keeper) = self.keeper.take() {
            keeper.dismiss();
        }
        if self.is_private {
            for dir in self.mount_point.ancestors().take(2) {
                fs::remove_dir(dir).map_err(|source| io_error("remove", dir.as_std_path(), source))?;
            }
        }
        Ok(done)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Whoever wants to know calls `unmount`.
        let _unknown = self.take_down();
    }
}

/// sshfs gives ssh's standard error away; all that is left is that the connection ended.
fn hides_ssh(error: &MountError) -> bool {
    let ends = ["Connection reset by peer", "Broken pipe"];
    matches!(error, MountError::Command { stderr, .. } if ends.iter().any(|end| stderr.contains(end)))
}

fn occupied(mount_point: &Utf8Path, found: &MountInfo) -> MountError {
    MountError::Occupied { mount_point: mount_point.to_owned(), found: found.described() }
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> MountError {
    MountError::Io { doing, path: path.to_owned(), source }
}
