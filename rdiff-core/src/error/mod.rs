//! What can go wrong: [`Error`] ends a job, a [`Problem`] concerns one path of the source.
//!
//! ```
//! use rdiff_core::backup::{BackupRequest, backup_directory};
//! use rdiff_core::error::{Error, Loss, Refusal, chain};
//! use rdiff_core::monitor::Silent;
//!
//! # let dir = tempfile::tempdir()?;
//! # let (source, target) = (dir.path().join("source"), dir.path().join("target"));
//! # std::fs::create_dir(&source)?;
//! # std::fs::create_dir_all(target.join("something else"))?;
//! match backup_directory(&source, &target, &BackupRequest::default(), &[], &Silent) {
//!     Ok(report) => println!("session {}", report.session),
//!     // What a program can act on are variants with fields …
//!     Err(Error::Locked { by, .. }) => println!("later: {by} is at work"),
//!     Err(Error::Refused(Refusal::TargetNotARepository { path })) => assert_eq!(path, target),
//!     Err(Error::SourceVanished { loss: Loss::Everything, .. }) => println!("is the source mounted?"),
//!     Err(Error::Io { doing, path, source }) => println!("{doing} {}: {source}", path.display()),
//!     // … all else is one line, with all its causes.
//!     Err(e) => println!("{}", chain(&e)),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod refusal;

pub use refusal::Refusal;

use crate::path::{PathError, RepoPathBuf};
use crate::time::SessionTime;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of whatever can end a job.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a job ended. A variant says what the caller can do about it; the cause is in `source()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something in the repository or the restore target.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: Doing,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of the repository doesn't hold what the format says.
    #[error("{} is damaged{}", file.display(), line.map(|l| format!(" at line {l}")).unwrap_or_default())]
    Corrupt {
        /// Which file.
        file: PathBuf,
        /// Which line, counted from 1, where that is known.
        line: Option<u64>,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A stream that must be sorted isn't.
    #[error("{stream} is out of order: {after} comes after {before}")]
    OutOfOrder {
        /// Which stream.
        stream: String,
        /// The path before.
        before: RepoPathBuf,
        /// The path that should have come earlier.
        after: RepoPathBuf,
    },
    /// What was there at the last session can't be read to the end, so no session can be written over it. The repository
    /// is as it was; [`mend`](crate::regress::mend) makes these metadata again.
    #[error("the metadata of the last session of {} can't be read", repository.display())]
    Metadata {
        /// Which repository.
        repository: PathBuf,
        /// Which file, and what is wrong with it.
        source: Box<Error>,
    },
    /// The last session didn't finish. Regress undoes it.
    #[error(
        "the session of {failed} in {repo} did not finish; `rdiff-backup regress {repo}` goes back to {good}",
        repo = repository.display()
    )]
    Interrupted {
        /// Which repository.
        repository: PathBuf,
        /// The last good session.
        good: SessionTime,
        /// The one that failed.
        failed: SessionTime,
    },
    /// Another process works on the repository. If it is dead and can't be told to be, `force` of a request or of a
    /// [`Writer`](crate::repo::lock::Writer) goes ahead.
    #[error("{} is in use by {by}; wait for it to end", repository.display())]
    Locked {
        /// Which repository.
        repository: PathBuf,
        /// Who holds it.
        by: String,
    },
    /// There is no session to speak of.
    #[error("{} holds no session{}", repository.display(), asked.as_ref().map(|a| format!(" for {a}")).unwrap_or_default())]
    NoSuchSession {
        /// Which repository.
        repository: PathBuf,
        /// The time asked for.
        asked: Option<String>,
    },
    /// The path is not in any session asked for.
    #[error("{path} was not there at {at}")]
    NoSuchPath {
        /// The path.
        path: RepoPathBuf,
        /// The session looked at.
        at: SessionTime,
    },
    /// The path was a directory, a link or a special file, where a regular file is needed.
    #[error("{path} was no regular file at {at}")]
    NotAFile {
        /// The path.
        path: RepoPathBuf,
        /// The session looked at.
        at: SessionTime,
    },
    /// The rules that select paths can't be used.
    #[error("the selection can't be used")]
    BadSelection {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The directory holds no repository.
    #[error("{} is not a repository: it holds no directory rdiff-backup-data", path.display())]
    NotARepository {
        /// Which directory.
        path: PathBuf,
    },
    /// The new session would not be later than the last.
    #[error(
        "the last session of {} ({mirror}) is not in the past of {now}; wait a second, or set the clock right",
        repository.display()
    )]
    ClockBehind {
        /// Which repository.
        repository: PathBuf,
        /// The time of the new session.
        now: SessionTime,
        /// The time of the last.
        mirror: SessionTime,
    },
    /// A file's content at a time could not be rebuilt.
    #[error("cannot rebuild {path} as it was at {at}")]
    Rebuild {
        /// Which path.
        path: RepoPathBuf,
        /// In which session.
        at: SessionTime,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The source is gone, or so much of it that this can't be meant.
    #[error("{what}; nothing was removed from the backup")]
    SourceVanished {
        /// What was seen.
        what: String,
        /// How much of it is gone, and so what allows it.
        loss: Loss,
    },
    /// The session would fill the disk. [`BackupRequest::check_space`](crate::backup::BackupRequest::check_space) can be left out.
    #[error("{} has no room for this session: it needs at least {needed}, and {free} are free", repository.display())]
    NoRoom {
        /// Which repository.
        repository: PathBuf,
        /// The room it needs, with its unit.
        needed: String,
        /// The room there is.
        free: String,
    },
    /// The request can't be carried out as it stands; the text says what to change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A mistake in this crate. What was done is as safe as after an interruption.
    #[error("{0}: this is a mistake in the program, please report it")]
    Internal(&'static str),
    /// The monitor asked to stop.
    #[error("stopped on request{}", at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default())]
    Cancelled {
        /// The path that the job was at, where one is known: in whose content it stopped, or after which.
        at: Option<RepoPathBuf>,
    },
}

impl Error {
    /// Was there no room on a disk?
    pub fn is_no_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Error::NoRoom { .. } => true,
            Error::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge),
            _ => false,
        }
    }

    /// Is it damage of a file, and not trouble with reading it?
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Error::Corrupt { .. } | Error::OutOfOrder { .. })
    }

    /// What a person can do about it, where the error itself doesn't say so. Which fields of a request would help is told by
    /// the documentation of each variant: how they are called where the person sits, a program knows best itself.
    pub fn way_out(&self) -> Option<&'static str> {
        use io::ErrorKind as Kind;
        const EIO: i32 = 5;
        const EMFILE: i32 = 24;
        match self {
            Error::Io { source, .. } => match source.kind() {
                Kind::StorageFull => Some("make room there, or remove old increments"),
                Kind::QuotaExceeded => Some("the quota must be larger, or old increments be removed"),
                Kind::FileTooLarge => Some("raise the limit on file sizes, or use another file system"),
                Kind::ReadOnlyFilesystem => Some("mount it so that it can be written"),
                Kind::PermissionDenied => Some("run this as its owner, or as root"),
                _ if source.raw_os_error() == Some(EMFILE) => {
                    Some("raise the limit on open files (`ulimit -n`)")
                }
                _ if source.raw_os_error() == Some(EIO) => {
                    Some("a disk fails or is gone: see the kernel's log, and check the file system")
                }
                _ => None,
            },
            Error::NoRoom { .. } => Some("make room there, or remove old increments"),
            Error::Corrupt { .. } | Error::Rebuild { .. } | Error::OutOfOrder { .. } => {
                Some("verifying all sessions names all that is damaged")
            }
            Error::Metadata { .. } => Some("`regress` makes them again from the mirror"),
            Error::NotAFile { .. } => Some("give the path of a regular file; `restore` takes any"),
            Error::NotARepository { .. } => Some("give a directory that a backup was written to"),
            _ => None,
        }
    }
}

/// What was tried when the operating system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Doing {
    Open,
    Read,
    Write,
    Create,
    List,
    Remove,
    Rename,
    Link,
    SetAttributes,
    Stat,
    Sync,
    Lock,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doing::Open => "open",
            Doing::Read => "read",
            Doing::Write => "write",
            Doing::Create => "create",
            Doing::List => "list",
            Doing::Remove => "remove",
            Doing::Rename => "rename",
            Doing::Link => "link",
            Doing::SetAttributes => "set the attributes of",
            Doing::Stat => "look at",
            Doing::Sync => "sync",
            Doing::Lock => "lock",
        })
    }
}

/// How much of a source is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Loss {
    /// The source itself, or it can't be read any more. Nothing allows that.
    Source,
    /// All that was in it. [`BackupRequest::allow_empty_source`](crate::backup::BackupRequest::allow_empty_source) allows it.
    Everything,
    /// More paths than can be meant. [`BackupRequest::most_deletions`](crate::backup::BackupRequest::most_deletions) allows it.
    TooMuch,
}

/// What is wrong with bytes that should be in the format. It knows no file names.
///
/// ```
/// # use rdiff_core::error::FormatError;
/// # use rdiff_core::format::acls;
/// let broken = acls::parse(b"# file: a\nuser::rwz\n");
/// assert!(matches!(broken, Err(FormatError::Field { .. } | FormatError::Other(_))), "{broken:?}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A path in it could lead out of the tree.
    #[error("bad path {path:?}")]
    Path {
        /// The path, as far as it is text.
        path: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A field has a value that it can't have.
    #[error("field {field} has the value {value:?}")]
    Field {
        /// The field's name.
        field: String,
        /// Its value, as far as it is text.
        value: String,
    },
    /// A field that the record needs isn't there.
    #[error("a record without {0}")]
    Missing(&'static str),
    /// A record is longer than any real one.
    #[error("a record of more than {0} bytes")]
    TooLong(usize),
    /// Something else, in words.
    #[error("{0}")]
    Other(String),
}

/// Adds to an I/O error what was done, and with what.
pub trait IoContext<T> {
    /// Turns an `io::Error` into an [`Error::Io`].
    ///
    /// # Errors
    /// The same failure, with its context.
    fn while_doing(self, doing: Doing, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> IoContext<T> for std::result::Result<T, E> {
    fn while_doing(self, doing: Doing, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| Error::Io { doing, path: path.as_ref().to_path_buf(), source: e.into() })
    }
}

/// Trouble with one path of the source. The job goes on without it.
///
/// ```
/// # use rdiff_core::error::{Problem, ProblemKind};
/// # use rdiff_core::path::RepoPathBuf;
/// # use std::io;
/// let source = io::Error::from_raw_os_error(13);
/// let problem = Problem { kind: ProblemKind::List, path: RepoPathBuf::new("secret")?, source };
/// assert_eq!(format!("{} {}", problem.kind, problem.path), "ListError secret");
/// # Ok::<(), rdiff_core::path::PathError>(())
/// ```
#[derive(Debug)]
pub struct Problem {
    /// What was being done.
    pub kind: ProblemKind,
    /// Where.
    pub path: RepoPathBuf,
    /// Why it failed.
    pub source: io::Error,
}

/// The three kinds of line in an error log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ProblemKind {
    /// It could not be listed, opened or read.
    List,
    /// It changed while it was read.
    Update,
    /// It could not be made as the special file it is.
    SpecialFile,
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProblemKind::List => "ListError",
            ProblemKind::Update => "UpdateError",
            ProblemKind::SpecialFile => "SpecialFileError",
        })
    }
}

/// An error and its causes, on one line: `a: b: c`.
///
/// ```
/// # use rdiff_core::error::{Doing, IoContext, chain};
/// let failed = std::fs::read("/no/such").while_doing(Doing::Read, "/no/such").unwrap_err();
/// assert!(chain(&failed).starts_with("cannot read /no/such: No such file"));
/// ```
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text.replace('\n', " ")
}
