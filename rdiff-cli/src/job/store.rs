//! Where jobs are kept: one file for each, and beside them what became of their last run.
//!
//! | | job files | state and locks |
//! |---|---|---|
//! | root | `/etc/rdiff-backup/jobs.d` | `/var/lib/rdiff-backup/jobs` |
//! | others | `$XDG_CONFIG_HOME/rdiff-backup/jobs.d`, usually `~/.config/…` | `$XDG_STATE_HOME/rdiff-backup/jobs`, usually `~/.local/state/…` |
//! | `--jobs-dir DIR` | `DIR` | `DIR/state` |

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};

use super::error::{JobError, Result};
use super::file::Job;
use super::name::JobName;

/// The directories of one user's jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    config: Utf8PathBuf,
    state: Utf8PathBuf,
    /// Was it named on the command line? Then schedules must name it too.
    is_named: bool,
}

/// The name of the directory with job files.
const JOBS: &str = "jobs.d";

impl Store {
    /// The store in `dir`, or the one of this user.
    ///
    /// # Errors
    /// [`JobError::NoHome`] when this user has no home; [`JobError::Io`] when `dir` cannot be made absolute.
    pub fn find(dir: Option<&Utf8Path>) -> Result<Self> {
        if let Some(dir) = dir {
            let config = camino::absolute_utf8(dir).map_err(|e| JobError::io("resolve", dir, e))?;
            return Ok(Self { state: config.join("state"), config, is_named: true });
        }
        if rustix::process::geteuid().is_root() {
            let config = Utf8Path::new("/etc/rdiff-backup").join(JOBS);
            return Ok(Self { config, state: "/var/lib/rdiff-backup/jobs".into(), is_named: false });
        }
        let base = |variable: &str, below_home: &str| -> Result<Utf8PathBuf> {
            match std::env::var(variable).map(Utf8PathBuf::from) {
                // The specification says to ignore what is not absolute.
                Ok(dir) if dir.is_absolute() => Ok(dir),
                _ => Ok(home()?.join(below_home)),
            }
        };
        Ok(Self {
            config: base("XDG_CONFIG_HOME", ".config")?.join("rdiff-backup").join(JOBS),
            state: base("XDG_STATE_HOME", ".local/state")?.join("rdiff-backup/jobs"),
            is_named: false,
        })
    }

    /// Where the job files are.
    pub fn config(&self) -> &Utf8Path {
        &self.config
    }

    /// Where states and locks are.
    pub fn state(&self) -> &Utf8Path {
        &self.state
    }

    /// The words that lead `job` to this store where the environment does not: that of cron, say.
    pub fn words(&self) -> Vec<String> {
        let is_usual = || {
            let home = home().ok()?;
            Some(self.config == home.join(".config/rdiff-backup").join(JOBS))
        };
        let is_found =
            !self.is_named && (rustix::process::geteuid().is_root() || is_usual().unwrap_or(false));
        if is_found { Vec::new() } else { vec!["--jobs-dir".to_owned(), self.config.to_string()] }
    }

    /// The file of a job.
    pub fn file(&self, name: &JobName) -> Utf8PathBuf {
        self.config.join(format!("{name}.toml"))
    }

    /// The names of all jobs, sorted. A directory that is not there holds none.
    ///
    /// # Errors
    /// [`JobError::Io`] when the directory cannot be read.
    pub fn names(&self) -> Result<Vec<JobName>> {
        let entries = match fs::read_dir(&self.config) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|e| JobError::io("read", &self.config, e))?,
        };
        let name = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            JobName::parse(name.strip_suffix(".toml")?).ok()
        };
        let mut names: Vec<_> = entries.flatten().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// Reads a job.
    ///
    /// # Errors
    /// [`JobError::Unknown`] with the names there are; [`JobError::Unsafe`] when others could have written the
    /// file, for its hooks are run; [`JobError::BadFile`] with the line and what is wrong there.
    pub fn load(&self, name: &JobName) -> Result<Job> {
        let path = self.file(name);
        let text = match fs::read_to_string(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let known = self.names()?.iter().map(JobName::to_string).collect::<Vec<_>>().join(", ");
                let known =
                    if known.is_empty() { ", nor another".to_owned() } else { format!(", but {known}") };
                return Err(JobError::Unknown { name: name.to_string(), dir: self.config.clone(), known });
            }
            other => other.map_err(|e| JobError::io("read", &path, e))?,
        };
        self.refuse_unsafe(&path)?;
        Job::from_toml(&text).map_err(|what| JobError::BadFile { path, what })
    }

    /// What another user may write, another user may run.
    fn refuse_unsafe(&self, path: &Utf8Path) -> Result<()> {
        let us = rustix::process::geteuid().as_raw();
        for path in [self.config.as_path(), path] {
            let meta = fs::metadata(path).map_err(|e| JobError::io("look at", path, e))?;
            let sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
            let mend = if meta.uid() != us && meta.uid() != 0 {
                format!("chown {} {path}", name_of(us))
            } else if meta.mode() & 0o022 != 0 && !sticky {
                format!("chmod go-w {path}")
            } else {
                continue;
            };
            return Err(JobError::Unsafe { path: path.to_owned(), mend });
        }
        Ok(())
    }

    /// Where a job would be written. One of that name must not be there, unless it is to be replaced.
    ///
    /// # Errors
    /// [`JobError::Exists`].
    pub fn place(&self, name: &JobName, replace: bool) -> Result<Utf8PathBuf> {
        let path = self.file(name);
        if !replace && path.symlink_metadata().is_ok() {
            return Err(JobError::Exists { name: name.to_string(), path });
        }
        Ok(path)
    }

    /// Writes a job, all at once. One of that name must not be there, unless it is to be replaced.
    ///
    /// # Errors
    /// [`JobError::Exists`]; [`JobError::Io`].
    pub fn save(&self, name: &JobName, job: &Job, replace: bool) -> Result<Utf8PathBuf> {
        let path = self.place(name, replace)?;
        make_dir(&self.config)?;
        write_whole(&path, job.to_toml(name).as_bytes())?;
        Ok(path)
    }

    /// Removes the file of a job, and what is known of its runs.
    ///
    /// # Errors
    /// As [`Store::load`] for one that is not there; [`JobError::Io`].
    pub fn remove(&self, name: &JobName) -> Result<()> {
        let path = self.file(name);
        fs::remove_file(&path).map_err(|e| JobError::io("remove", &path, e))?;
        for path in [self.state_file(name), self.lock_file(name)] {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(JobError::io("remove", &path, e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the outcome of the last run is.
    pub fn state_file(&self, name: &JobName) -> Utf8PathBuf {
        self.state.join(format!("{name}.toml"))
    }

    /// What a run locks.
    pub fn lock_file(&self, name: &JobName) -> Utf8PathBuf {
        self.state.join(format!("{name}.lock"))
    }
}

/// The home directory of this user, also where `HOME` is not set.
///
/// # Errors
/// [`JobError::NoHome`].
pub fn home() -> Result<Utf8PathBuf> {
    let given = std::env::var("HOME").ok().map(Utf8PathBuf::from).filter(|dir| dir.is_absolute());
    let user = || nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
    given.or_else(|| Utf8PathBuf::from_path_buf(user()?.dir).ok()).ok_or(JobError::NoHome)
}

/// The name of a user, or the number where there is none.
pub fn name_of(uid: u32) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

/// Makes a directory with those above it, for this user alone.
pub(crate) fn make_dir(dir: &Utf8Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| JobError::io("create", dir, e))
}

/// Writes a file under another name, and renames it: it is there whole, or as it was.
pub(crate) fn write_whole(path: &Utf8Path, text: &[u8]) -> Result<()> {
    let temporary = Utf8PathBuf::from(format!("{path}.{}.new", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Utf8Path::new("/")))?.sync_all()
    };
    write().map_err(|e| {
        // The first error is the one to tell.
        let _second = fs::remove_file(&temporary);
        JobError::io("write", path, e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::find(Some(Utf8Path::from_path(dir.path()).unwrap())).unwrap();
        (dir, store)
    }

    fn job() -> Job {
        Job::from_toml("source = 'root@web:/srv'\nrepository = '/backups/web'\n").unwrap()
    }

    #[test]
    fn names_that_are_safe_everywhere() {
        for good in ["web", "a", "7", "web-1.example_org"] {
            assert_eq!(JobName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "-x", ".x", "a/b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(JobName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_job_is_kept_and_removed() {
        let (_dir, store) = store();
        let name = JobName::parse("web").unwrap();
        assert!(store.names().unwrap().is_empty());
        let path = store.save(&name, &job(), false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!((store.load(&name).unwrap(), store.names().unwrap()), (job(), vec![name.clone()]));
        let twice = store.save(&name, &job(), false).unwrap_err().to_string();
        assert!(twice.contains("--replace"), "{twice}");
        store.save(&name, &job(), true).unwrap();
        store.remove(&name).unwrap();
        let gone = store.load(&name).unwrap_err().to_string();
        assert!(gone.contains("no job"), "{gone}");
    }

    #[test]
    fn what_others_could_have_written_is_not_run() {
        let (_dir, store) = store();
        let name = JobName::parse("web").unwrap();
        let path = store.save(&name, &job(), false).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        let error = store.load(&name).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
    }
}
