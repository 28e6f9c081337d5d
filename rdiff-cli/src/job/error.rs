//! What can go wrong with jobs. Each message is one line, names the path and tells the way out.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// The result of anything about jobs.
pub type Result<T, E = JobError> = std::result::Result<T, E>;

/// What went wrong with a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the texts say it")]
pub enum JobError {
    #[error(
        "'{name}' is no name for a job: use letters, digits, '.', '_' and '-', at most 64, a letter or digit first"
    )]
    BadName { name: String },
    #[error(
        "there is no job '{name}' in {dir}{known}; 'rdiff-backup job add {name} SOURCE --repo DIR' makes one"
    )]
    Unknown { name: String, dir: Utf8PathBuf, known: String },
    #[error("job '{name}' is there already, in {path}; use --replace, or another name")]
    Exists { name: String, path: Utf8PathBuf },
    #[error(
        "{path} could have been written by another user, and its hooks are run; '{mend}' once you have looked at it"
    )]
    Unsafe { path: Utf8PathBuf, mend: String },
    #[error("{path} is no job file: {what}")]
    BadFile { path: Utf8PathBuf, what: String },
    #[error("cannot {doing} {path}")]
    Io { doing: &'static str, path: Utf8PathBuf, source: io::Error },
    #[error("this user has no home directory: set HOME, or name a directory with --jobs-dir")]
    NoHome,
    #[error("{what}: {why}")]
    Bad { what: &'static str, why: String },
    #[error("it is running already{since}; it was not started twice")]
    Running { since: String },
    #[error(
        "the repository {repository} is not there, and it held the session of {good}: is its disk mounted? To begin anew, remove {state}"
    )]
    RepositoryGone { repository: Utf8PathBuf, good: String, state: Utf8PathBuf },
    #[error("hook '{command}' {outcome}")]
    Hook { command: String, outcome: String },
    #[error("{0}")]
    Schedule(String),
}

impl JobError {
    pub(crate) fn io(doing: &'static str, path: &Utf8Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}
