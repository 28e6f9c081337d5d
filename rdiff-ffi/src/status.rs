//! Codes, and the last error of each thread: code, message with its whole chain of causes, path.

use crate::view::{Text, View};
use rdiff_core::error::{Error, Loss, Refusal, chain};
use rdiff_mount::MountError;
use std::cell::RefCell;
use std::ffi::c_char;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How a call ended. New codes may come: treat one that you don't know as a failure.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_status {
    /// It did what it should.
    RDIFF_OK = 0,
    /// A cursor is at its end. Not an error.
    RDIFF_END = 1,
    /// An argument is NULL where it must not be, or has a value that it can't have.
    RDIFF_INVALID_ARGUMENT = 2,
    /// A handle is not open: it was freed, or never given out, or is of another type.
    RDIFF_INVALID_HANDLE = 3,
    /// A structure has a version that this library doesn't know.
    RDIFF_UNSUPPORTED_VERSION = 4,
    /// The operating system refused something; `system_error` is its number.
    RDIFF_IO = 5,
    /// The directory holds no repository.
    RDIFF_NOT_A_REPOSITORY = 6,
    /// The last session did not finish: call rdiff_regress.
    RDIFF_INTERRUPTED = 7,
    /// Another process, or another job of this one, works on the repository.
    RDIFF_LOCKED = 8,
    /// The repository holds no session that was asked for.
    RDIFF_NO_SUCH_SESSION = 9,
    /// The path was not there.
    RDIFF_NO_SUCH_PATH = 10,
    /// The path was no regular file.
    RDIFF_NOT_A_FILE = 11,
    /// The repository is damaged: a file can't be read by the format, or is not what was backed up.
    RDIFF_CORRUPT = 12,
    /// The new session would not be later than the last: wait a second, or set the clock right.
    RDIFF_CLOCK_BEHIND = 13,
    /// The source is gone, or can't be read any more. Nothing was removed from the backup.
    RDIFF_SOURCE_VANISHED = 14,
    /// The request can't be carried out as it stands, for a reason without a code of its own; the message says what
    /// to change.
    RDIFF_REFUSED = 15,
    /// The progress callback asked to stop.
    RDIFF_CANCELLED = 16,
    /// A mistake in this library. The handles that took part should be freed.
    RDIFF_PANIC = 17,
    /// Any other failure.
    RDIFF_FAILED = 18,
    /// The target holds something, or is no directory: RDIFF_RESTORE_OVERWRITE and RDIFF_BACKUP_FORCE allow that.
    RDIFF_TARGET_EXISTS = 19,
    /// The target of a restore is mounted read-only.
    RDIFF_READ_ONLY = 20,
    /// The disk has no room for the session. Nothing was changed, or what was begun has been taken back.
    RDIFF_NO_ROOM = 21,
    /// There is no session to undo, or none to go back to.
    RDIFF_NOTHING_TO_UNDO = 22,
    /// The markers of the repository don't say which session is the mirror; the message says what to do about it.
    RDIFF_BAD_MARKERS = 23,
    /// How the repository quotes names does not fit its file system, or is not what was asked for.
    RDIFF_BAD_QUOTING = 24,
    /// Access control lists would be lost, and must not be.
    RDIFF_ACLS_NOT_KEPT = 25,
    /// The source lies in the repository.
    RDIFF_SOURCE_IN_REPOSITORY = 26,
    /// Another host can't be reached, doesn't let us in, or doesn't answer as it should; the message has what ssh said.
    RDIFF_REMOTE = 27,
    /// The source is empty, and the backup is not. Nothing was removed from it. RDIFF_BACKUP_ALLOW_EMPTY_SOURCE allows it.
    RDIFF_SOURCE_EMPTY = 28,
    /// So much of the source is gone that this can't be meant. Nothing was removed from the backup.
    /// `most_deletions_percent` allows it.
    RDIFF_TOO_MUCH_GONE = 29,
}

/// Why a call failed.
pub struct Failure {
    pub(crate) status: rdiff_status,
    pub(crate) message: String,
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) system_error: i32,
}

impl Failure {
    pub(crate) fn new(status: rdiff_status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), path: None, system_error: 0 }
    }

    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::new(rdiff_status::RDIFF_INVALID_ARGUMENT, message)
    }

    /// Trouble with reading a file at a session.
    pub(crate) fn reading(path: &[u8], e: &io::Error) -> Self {
        let damaged = matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            || e.raw_os_error().is_none();
        let status = if damaged { rdiff_status::RDIFF_CORRUPT } else { rdiff_status::RDIFF_IO };
        let message = format!("cannot read {}: {}", String::from_utf8_lossy(path), chain(e));
        let system_error = e.raw_os_error().unwrap_or(0);
        Self { status, message, path: Some(path.to_vec()), system_error }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use rdiff_status::*;
        let host = |path: &Path| Some(path.as_os_str().as_bytes().to_vec());
        let (status, path) = match &error {
            Error::Io { path, .. } => (RDIFF_IO, host(path)),
            Error::Corrupt { file, .. } => (RDIFF_CORRUPT, host(file)),
            Error::Metadata { repository, .. } => (RDIFF_CORRUPT, host(repository)),
            Error::OutOfOrder { after, .. } => (RDIFF_CORRUPT, Some(after.as_bytes().to_vec())),
            Error::Rebuild { path, .. } => (RDIFF_CORRUPT, Some(path.as_bytes().to_vec())),
            Error::Interrupted { .. } => (RDIFF_INTERRUPTED, None),
            Error::Locked { repository, .. } => (RDIFF_LOCKED, host(repository)),
            Error::NoSuchSession { repository, .. } => (RDIFF_NO_SUCH_SESSION, host(repository)),
            Error::NoSuchPath { path, .. } => (RDIFF_NO_SUCH_PATH, Some(path.as_bytes().to_vec())),
            Error::NotAFile { path, .. } => (RDIFF_NOT_A_FILE, Some(path.as_bytes().to_vec())),
            Error::NotARepository { path } => (RDIFF_NOT_A_REPOSITORY, host(path)),
            Error::ClockBehind { .. } => (RDIFF_CLOCK_BEHIND, None),
            Error::SourceVanished { loss: Loss::Everything, .. } => (RDIFF_SOURCE_EMPTY, None),
            Error::SourceVanished { loss: Loss::TooMuch, .. } => (RDIFF_TOO_MUCH_GONE, None),
            Error::SourceVanished { .. } => (RDIFF_SOURCE_VANISHED, None),
            Error::BadSelection { .. } => (RDIFF_INVALID_ARGUMENT, None),
            Error::NoRoom { repository, .. } => (RDIFF_NO_ROOM, host(repository)),
            Error::Refused(refusal) => refused(refusal),
            Error::Cancelled { at } => (RDIFF_CANCELLED, at.as_ref().map(|at| at.as_bytes().to_vec())),
            _ => (RDIFF_FAILED, None),
        };
        let system_error = match &error {
            Error::Io { source, .. } => source.raw_os_error().unwrap_or(0),
            _ => 0,
        };
        Self { status, message: chain(&error), path, system_error }
    }
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Self {
        let status = match &error {
            MountError::Location(_) | MountError::BadValue { .. } => rdiff_status::RDIFF_INVALID_ARGUMENT,
            _ => rdiff_status::RDIFF_REMOTE,
        };
        Self::new(status, chain(&error))
    }
}

/// The code of a refusal, and the path that it is about.
fn refused(refusal: &Refusal) -> (rdiff_status, Option<Vec<u8>>) {
    use Refusal::*;
    use rdiff_status::*;
    let host = |path: &Path| Some(path.as_os_str().as_bytes().to_vec());
    match refusal {
        TargetExists { path }
        | TargetNotADirectory { path }
        | TargetNotEmpty { path }
        | TargetNotARepository { path } => (RDIFF_TARGET_EXISTS, host(path)),
        TargetReadOnly { path } => (RDIFF_READ_ONLY, host(path)),
        SourceInRepository { path, .. } => (RDIFF_SOURCE_IN_REPOSITORY, host(path)),
        TimeNotWritable { .. } => (RDIFF_INVALID_ARGUMENT, None),
        PurgeOfRoot { repository } => (RDIFF_INVALID_ARGUMENT, host(repository)),
        BadPattern { .. } => (RDIFF_INVALID_ARGUMENT, None),
        NothingBefore { repository } | NothingToUndo { repository } => {
            (RDIFF_NOTHING_TO_UNDO, host(repository))
        }
        TooManyMarkers { repository, .. } | NoMarker { repository, .. } => {
            (RDIFF_BAD_MARKERS, host(repository))
        }
        UnreadableMarker { marker } => (RDIFF_BAD_MARKERS, host(marker)),
        NamesNotTaken { repository, .. } | OtherQuoting { repository, .. } => {
            (RDIFF_BAD_QUOTING, host(repository))
        }
        AclsNotKept { target, .. } => (RDIFF_ACLS_NOT_KEPT, host(target)),
        UnknownNameInAcl { path, .. } => (RDIFF_ACLS_NOT_KEPT, Some(path.as_bytes().to_vec())),
        WriteFailed { repository } => (RDIFF_FAILED, host(repository)),
        _ => (RDIFF_REFUSED, None),
    }
}

/// Why the last call on this thread failed.
#[repr(C)]
pub struct rdiff_error {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// What the call returned.
    pub status: rdiff_status,
    /// In one line, with all causes: "cannot open /b/f: Permission denied (os error 13)". UTF-8; bytes of names that
    /// are no text are shown as U+FFFD.
    pub message: *const c_char,
    /// The path that it is about, as it is, or NULL: of the host, or inside the tree.
    pub path: *const c_char,
    /// Its length in bytes.
    pub path_len: usize,
    /// `errno` of the system call that failed, or 0.
    pub system_error: i32,
}

/// An error with what its pointers point to.
struct Last {
    shown: View<rdiff_error>,
    _message: Text,
    _path: Option<Text>,
}

thread_local! {
    static LAST: RefCell<Option<Box<Last>>> = const { RefCell::new(None) };
}

/// Threads that are ending may have no place for it any more. They go without.
fn put(last: Option<Box<Last>>) {
    drop(LAST.try_with(|place| place.replace(last)));
}

pub(crate) fn clear() {
    put(None);
}

pub(crate) fn set(failure: Failure) -> rdiff_status {
    let status = failure.status;
    let message = Text::new(failure.message.into_bytes());
    let path = failure.path.map(Text::new);
    let shown = rdiff_error {
        version: 1,
        status,
        message: message.as_ptr(),
        path: Text::ptr_or_null(path.as_ref()),
        path_len: path.as_ref().map_or(0, Text::len),
        system_error: failure.system_error,
    };
    let last = Last { shown: View(shown), _message: message, _path: path };
    put(Some(Box::new(last)));
    status
}

/// Why the last call on this thread failed; NULL if it did not. The functions that free and this one are no such
/// calls. What it points to stays valid until the next call on this thread; it is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_last_error() -> *const rdiff_error {
    let shown = LAST.try_with(|last| last.borrow().as_ref().map(|last| &raw const last.shown.0));
    shown.ok().flatten().unwrap_or(std::ptr::null())
}
