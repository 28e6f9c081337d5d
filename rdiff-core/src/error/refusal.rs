//! Requests that can't be carried out as they stand. Nothing was changed when one is refused.

use crate::path::RepoPathBuf;
use crate::time::SessionTime;
use std::path::PathBuf;

/// Why a request is refused. The text says what is in the way; the documentation of a variant names the field of the request
/// that changes it, where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Something is where a file would be restored to.
    /// [`RestoreRequest::overwrite`](crate::restore::RestoreRequest::overwrite) replaces it.
    #[error("Target path {} exists", path.display())]
    TargetExists {
        /// What is there.
        path: PathBuf,
    },
    /// The target of a backup or of a restore is something else than a directory.
    /// [`BackupRequest::force`](crate::backup::BackupRequest::force) or
    /// [`RestoreRequest::overwrite`](crate::restore::RestoreRequest::overwrite) replaces it.
    #[error("Target path {} exists and is not a directory", path.display())]
    TargetNotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// A tree would be restored into a directory that holds something.
    /// [`RestoreRequest::overwrite`](crate::restore::RestoreRequest::overwrite) allows it.
    #[error("Target path {} exists and isn't empty", path.display())]
    TargetNotEmpty {
        /// Which directory.
        path: PathBuf,
    },
    /// A backup would go into a directory that holds something and is no repository.
    /// [`BackupRequest::force`](crate::backup::BackupRequest::force) removes what is there.
    #[error("Target path {} does not look like a rdiff-backup repository", path.display())]
    TargetNotARepository {
        /// Which directory.
        path: PathBuf,
    },
    /// The target of a restore can't be written.
    #[error("{} is mounted read-only; restore to another place, or mount it for writing first", path.display())]
    TargetReadOnly {
        /// Which directory.
        path: PathBuf,
    },
    /// What is to be backed up lies in the repository that it would go to.
    #[error(
        "Source path {} lies in the repository {} itself; back up the original of it instead",
        path.display(),
        repository.display()
    )]
    SourceInRepository {
        /// The source.
        path: PathBuf,
        /// The repository around it.
        repository: PathBuf,
    },
    /// The root can't be purged, only what is in it.
    #[error("{} itself can't be purged, only what is in it; to be rid of all, remove that directory", repository.display())]
    PurgeOfRoot {
        /// Which repository.
        repository: PathBuf,
    },
    /// The newest session is the only one, so there is none to go back to.
    #[error("{} has one session only; there is nothing to go back to", repository.display())]
    NothingBefore {
        /// Which repository.
        repository: PathBuf,
    },
    /// No session of the repository failed.
    #[error("no session of {} failed; there is nothing to undo", repository.display())]
    NothingToUndo {
        /// Which repository.
        repository: PathBuf,
    },
    /// The time of a session couldn't be read again from the names of its files: the format has the years 1901 to 2099.
    /// [`BackupRequest::time`](crate::backup::BackupRequest::time) is in seconds.
    #[error(
        "the time {time} can't be that of a session, only years from 1901 to 2099 can; set the clock right"
    )]
    TimeNotWritable {
        /// The time.
        time: SessionTime,
    },
    /// An earlier write of this session failed, so it can't become the mirror. Regress undoes it.
    #[error("a write to {} failed, so this session can't be made good; regress undoes it", repository.display())]
    WriteFailed {
        /// Which repository.
        repository: PathBuf,
    },
    /// There are more markers than a session can leave. Somebody must say which is right.
    #[error(
        "{} has {count} current_mirror markers where one or two of different times can be; remove those that are \
         wrong from rdiff-backup-data",
        repository.display()
    )]
    TooManyMarkers {
        /// Which repository.
        repository: PathBuf,
        /// How many markers there are.
        count: usize,
    },
    /// There are sessions but no marker that says which is the mirror.
    #[error(
        "{} holds {sessions} sessions but no current_mirror marker; put a file current_mirror.TIME.data with the \
         time of the newest mirror_metadata back into rdiff-backup-data",
        repository.display()
    )]
    NoMarker {
        /// Which repository.
        repository: PathBuf,
        /// How many sessions have metadata.
        sessions: usize,
    },
    /// The marker was renamed, so that its time can't be read.
    #[error(
        "there is no time in the name of {}, so it can't be said what the repository holds; rename it to \
         current_mirror.TIME.data with the time of the newest mirror_metadata",
        marker.display()
    )]
    UnreadableMarker {
        /// Where it is.
        marker: PathBuf,
    },
    /// Access control lists can't be kept. [`BackupRequest::never_drop_acls`](crate::backup::BackupRequest::never_drop_acls)
    /// and [`RestoreRequest::never_drop_acls`](crate::restore::RestoreRequest::never_drop_acls) forbid to go on without them.
    #[error(
        "access control lists must not be dropped, and can't be kept {}in {}",
        from.as_ref().map(|f| format!("from {f} ")).unwrap_or_default(),
        target.display()
    )]
    AclsNotKept {
        /// The source of a backup, which may be what doesn't have them.
        from: Option<String>,
        /// The repository, or the target of a restore.
        target: PathBuf,
    },
    /// An access control list names somebody who isn't known here, and
    /// [`RestoreRequest::never_drop_acls`](crate::restore::RestoreRequest::never_drop_acls) forbids to go on without that line.
    #[error(
        "{} in the access control list of {path} is not known here, and the list must not lose a line; create that user \
         or group",
        String::from_utf8_lossy(name)
    )]
    UnknownNameInAcl {
        /// The user or group.
        name: Vec<u8>,
        /// Whose list it is in.
        path: RepoPathBuf,
    },
    /// [`BackupRequest::not_compressed`](crate::backup::BackupRequest::not_compressed) is no regular expression.
    #[error("the pattern for files not to compress, {pattern:?}, is no regular expression")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file system of the repository has come to lack names that the repository relies on. If the source has no such
    /// names, ask for what is `stored` as [`BackupRequest::chars_to_quote`](crate::backup::BackupRequest::chars_to_quote).
    #[error(
        "The file system of {} doesn't take all names, or takes names that differ in case for one, and the \
         repository doesn't quote them: begin a new one there",
        repository.display()
    )]
    NamesNotTaken {
        /// Which repository.
        repository: PathBuf,
        /// What it quotes, as its file `chars_to_quote` says.
        stored: Vec<u8>,
    },
    /// How names are quoted can't change: all of the mirror would have to be renamed.
    /// [`BackupRequest::chars_to_quote`](crate::backup::BackupRequest::chars_to_quote) must be `None` or `stored`.
    #[error(
        "The repository quoting {} would need to be migrated from old quoting chars {:?} to new quoting chars \
         {:?}; begin a new repository for these",
        repository.display(),
        String::from_utf8_lossy(stored),
        String::from_utf8_lossy(wanted)
    )]
    OtherQuoting {
        /// Which repository.
        repository: PathBuf,
        /// What it quotes.
        stored: Vec<u8>,
        /// What was asked for.
        wanted: Vec<u8>,
    },
}
