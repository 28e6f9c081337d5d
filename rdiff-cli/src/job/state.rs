//! How the last run of a job ended, and the lock that keeps two runs apart.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::error::{JobError, Result};
use super::name::JobName;
use super::store::{Store, make_dir, write_whole};

/// What became of the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastRun {
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// When it ended, likewise.
    pub ended: i64,
    /// Its exit code.
    pub exit: u8,
    /// The session it wrote, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<i64>,
    /// The session of the last run that wrote one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<i64>,
    /// Its line.
    pub line: String,
}

impl LastRun {
    /// What is known of a job; nothing if it never ran.
    ///
    /// # Errors
    /// [`JobError::Io`]; [`JobError::BadFile`].
    pub fn load(store: &Store, name: &JobName) -> Result<Option<Self>> {
        let path = store.state_file(name);
        match fs::read_to_string(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(JobError::io("read", &path, e)),
            Ok(text) => match toml::from_str(&text) {
                Ok(run) => Ok(Some(run)),
                Err(e) => Err(JobError::BadFile { path, what: e.message().replace('\n', "; ") }),
            },
        }
    }

    /// Writes it down.
    ///
    /// # Errors
    /// [`JobError::Io`].
    pub fn save(&self, store: &Store, name: &JobName) -> Result<()> {
        let text = toml::to_string(self).unwrap_or_default();
        write_whole(&store.state_file(name), text.as_bytes())
    }
}

/// The right to run a job, until it is dropped or the process ends.
#[derive(Debug)]
pub struct JobLock(File);

impl JobLock {
    /// Takes the lock of a job, without waiting.
    ///
    /// # Errors
    /// [`JobError::Running`] with who holds it; [`JobError::Io`].
    pub fn take(store: &Store, name: &JobName) -> Result<Self> {
        make_dir(store.state())?;
        let path = store.lock_file(name);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(|e| JobError::io("open", &path, e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Who it is is good to know; that it is decides.
                let _unknown = file.read_to_string(&mut holder);
                let since = holder.lines().next().map(|line| format!(", {line}")).unwrap_or_default();
                return Err(JobError::Running { since });
            }
            Err(e) => return Err(JobError::io("lock", &path, e.into())),
        }
        let since = now();
        let text = format!("process {} since {}\n", std::process::id(), at(since));
        let sign =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        match sign {
            // A full disk is no reason not to try: only the lock counts.
            Err(e) if e.kind() != io::ErrorKind::StorageFull && e.kind() != io::ErrorKind::QuotaExceeded => {
                Err(JobError::io("write", &path, e))
            }
            _ => Ok(Self(file)),
        }
    }
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // The lock ends with the descriptor; the text would only be stale.
        let _stale = self.0.set_len(0);
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A time as people read it, in this machine's zone.
pub(crate) fn at(seconds: i64) -> String {
    use rdiff_core::time::{SessionTime, TimeSeparator, Zone};
    let text = SessionTime(seconds).format(&Zone::system(), TimeSeparator::Colon);
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    #[test]
    fn one_run_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::find(Utf8Path::from_path(dir.path())).unwrap();
        let name = JobName::parse("web").unwrap();
        let lock = JobLock::take(&store, &name).unwrap();
        let twice = JobLock::take(&store, &name).unwrap_err().to_string();
        assert!(twice.contains(&format!("process {} since ", std::process::id())), "{twice}");
        JobLock::take(&store, &JobName::parse("other").unwrap()).unwrap();
        drop(lock);
        JobLock::take(&store, &name).unwrap();
    }

    #[test]
    fn the_last_run_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::find(Utf8Path::from_path(dir.path())).unwrap();
        let name = JobName::parse("web").unwrap();
        assert_eq!(LastRun::load(&store, &name).unwrap(), None);
        let run = LastRun {
            started: 1,
            ended: 2,
            exit: 4,
            session: None,
            good: Some(1),
            line: "web: \"x\"\nä".into(),
        };
        make_dir(store.state()).unwrap();
        run.save(&store, &name).unwrap();
        assert_eq!(LastRun::load(&store, &name).unwrap(), Some(run));
    }
}
