//! What is examined: a job, or an entry of fstab that no job uses.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use rdiff_mount::fstab::{Fstab, FstabEntry};
use rdiff_mount::fstab_file::{ETC_FSTAB, FstabFile};
use rdiff_mount::location::Remote;
use rdiff_mount::mount::Mounter;
use rdiff_mount::runner::{Command, CommandRunner, Output};
use rdiff_mount::sshfs::SshfsOptions;

use crate::job::error::JobError;
use crate::job::file::{Job, Via};
use crate::job::name::JobName;
use crate::job::schedule::shell_word;
use crate::job::store::{self, Store};

/// Where and as whom the examination takes place.
pub(crate) struct Ward<'a> {
    /// Runs programs.
    pub(crate) runner: &'a dyn CommandRunner,
    /// Makes mounts.
    pub(crate) mounter: Mounter,
    /// Where jobs are.
    pub(crate) store: &'a Store,
    /// The home of the user who asks.
    pub(crate) home: Utf8PathBuf,
    /// His number.
    pub(crate) uid: u32,
    /// Whether mounts may be tried.
    pub(crate) may_mount: bool,
}

impl<'a> Ward<'a> {
    /// This machine, as the user who asks sees it.
    ///
    /// # Errors
    /// [`JobError::NoHome`].
    pub(crate) fn new(
        runner: &'a dyn CommandRunner,
        store: &'a Store,
        may_mount: bool,
    ) -> Result<Self, JobError> {
        let (home, uid) = (store::home()?, rustix::process::geteuid().as_raw());
        Ok(Self { runner, mounter: Mounter::default(), store, home, uid, may_mount })
    }

    /// Runs a program; nothing where there is none of that name.
    pub(crate) fn run(&self, command: &Command) -> Option<Output> {
        self.runner.run(command).ok()
    }

    /// Who asks.
    pub(crate) fn user(&self) -> String {
        store::name_of(self.uid)
    }

    /// `sudo `, where root is needed and someone else asks.
    pub(crate) fn sudo(&self) -> &'static str {
        if self.uid == 0 { "" } else { "sudo " }
    }

    /// A path as one types it in this user's shell.
    pub(crate) fn typed(&self, path: impl AsRef<Utf8Path>) -> String {
        let path = path.as_ref();
        match path.strip_prefix(&self.home) {
            Ok(below) if !below.as_str().is_empty() => format!("~/{}", shell_word(below.as_str())),
            _ => shell_word(path.as_str()),
        }
    }
}

/// What is examined.
pub(crate) struct Patient {
    /// The name of the job, if it is one.
    pub(crate) name: Option<JobName>,
    /// The job, or what it would be for an entry of fstab.
    pub(crate) job: Job,
    /// The fstab of this machine; empty if there is none.
    pub(crate) fstab: Fstab,
}

impl Patient {
    /// A job.
    pub(crate) fn of_job(name: JobName, job: Job) -> Self {
        Self { name: Some(name), job, fstab: system_fstab() }
    }

    /// What an entry of fstab would be as a job.
    pub(crate) fn of_entry(entry: &FstabEntry) -> Self {
        let source = match entry.sshfs() {
            Some(Ok((remote, _))) => remote.to_string(),
            _ => entry.spec.clone(),
        };
        let mut job = Job::new(source, "/");
        job.via = Some(Via::Fstab);
        job.mount_point = Some(entry.mount_point.clone());
        Self { name: None, job, fstab: system_fstab() }
    }

    /// What messages call it.
    pub(crate) fn label(&self) -> String {
        match (&self.name, &self.job.mount_point) {
            (Some(name), _) => format!("job {name}"),
            (None, Some(place)) => format!("entry for {place} in {ETC_FSTAB}"),
            (None, None) => self.job.source.clone(),
        }
    }

    /// The remote place.
    pub(crate) fn remote(&self) -> Option<Remote> {
        let entry = self.entry().and_then(|entry| entry.sshfs()?.ok());
        entry.map(|(remote, _)| remote).or_else(|| self.job.remote()).or_else(|| self.meant())
    }

    /// The remote place that is meant by what an example has in brackets, or with the older spelling before it.
    pub(super) fn meant(&self) -> Option<Remote> {
        Remote::parse_scp(self.meant_source()).ok()
    }

    fn meant_source(&self) -> String {
        self.job.source.replace(['<', '>'], "").replace("sshfs#", "")
    }

    /// Its entry of fstab, if that is its way.
    pub(crate) fn entry(&self) -> Option<FstabEntry> {
        let place = self.job.mount_point.as_ref().filter(|_| self.job.via == Some(Via::Fstab))?;
        self.fstab.find(place)
    }

    /// What ssh is told when it runs. Not by an agent: at night there is none.
    pub(crate) fn ssh(&self) -> SshfsOptions {
        let mut options = self.entry().map_or_else(|| self.job.ssh(), |entry| entry.login_options());
        options.extra.push("IdentityAgent=none".to_owned());
        options
    }

    /// The `setup` that does it all right.
    pub(crate) fn setup(&self, ward: &Ward<'_>) -> String {
        let remote = self.remote().map(|remote| remote.to_string());
        let source = remote.unwrap_or_else(|| self.meant_source());
        let mut words = vec![format!("{}rdiff-backup setup {}", ward.sudo(), shell_word(&source))];
        if let Some(name) = &self.name {
            words.push(format!("--name {name} --repo {}", shell_word(self.job.repository.as_str())));
        }
        if let Some(via) = self.job.via {
            words.push(format!("--via {}", via.as_str()));
        }
        if let Some(place) = &self.job.mount_point {
            words.push(format!("--mount-point {}", shell_word(place.as_str())));
        }
        if ward.uid != 0 {
            words.push(format!("--user {}", shell_word(&ward.user())));
        }
        words.join(" ")
    }
}

/// The fstab of this machine; empty if it can't be read.
pub(crate) fn system_fstab() -> Fstab {
    FstabFile::open(ETC_FSTAB).map(|file| file.fstab).unwrap_or_default()
}

/// A program in one of the directories of `PATH`.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0))
}

/// May this user do that with a path? `rights` are those of access(2).
pub(crate) fn may(path: &Utf8Path, rights: rustix::fs::Access) -> io::Result<()> {
    Ok(rustix::fs::accessat(rustix::fs::CWD, path.as_str(), rights, rustix::fs::AtFlags::EACCESS)?)
}
