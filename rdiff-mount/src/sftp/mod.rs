//! A remote tree over SFTP, read without a mount, with many questions under way at once.
//!
//! The client is our own: of those on hand, openssh-sftp-client takes names as UTF-8 text only, and
//! russh-sftp waits a round trip for each request and is UTF-8 as well. File names are bytes, and round
//! trips are what this is about. `ssh -s HOST sftp` does the login, with all that the user's ssh knows.
//!
//! | module | what it is for |
//! |---|---|
//! | `packet` | the packets as bytes, pure |
//! | `server` | starting ssh, writing to it |
//! | `incoming` | what the server writes, cut into packets |
//! | `session` | one ssh: questions of many threads, one thread that hands out answers and keeps the time |
//! | `answers` | what answers mean: names, attributes, errors |
//! | `link` | what source, files and guard share: a login, and the root that was found |
//! | `handle` | handles, no more than the server allows |
//! | `source` | [`SftpSource`]: lists and looks, for a backup |
//! | `file`, `stream` | files: small ones whole in two flights, large ones with a window of reads ahead |
//! | `guard` | [`SftpGuard`]: is it still the same tree |
//! | `owners` | names of owners, asked for before they are needed |
//! | `paths` | [`SftpPaths`]: single questions, before a path is mounted |
//!
//! A flight is what is sent without waiting for an answer, and costs one round trip. A directory takes two
//! (open; read to the end); targets of links and names of owners not met before are asked for then, and are
//! here when they are needed. A small file takes two (open; read, look at it before and after, close), and any
//! number of small files take hardly more together.
//!
//! # What SFTP cannot tell
//! Hard links, extended attributes, access control lists, fractions of seconds, times before 1970, numbers
//! of devices (they are reported, path by path, and not recorded wrong). OpenSSH's server leaves entries that
//! it cannot look at out of a listing, and ends one that it cannot read on, without a word; a directory that
//! may be listed but not entered would look empty, so that is asked for and reported.
//!
//! ```no_run
//! use rdiff_core::backup::{BackupRequest, backup};
//! use rdiff_core::monitor::Silent;
//! use rdiff_core::tree::walk::Everything;
//! use rdiff_mount::sftp::{Resolved, SftpBounds, SftpGuard, SftpPaths, SftpSource};
//! use rdiff_mount::{Remote, SshfsOptions};
//! use std::sync::Arc;
//!
//! let (remote, options) = (Remote::new(Some("backup"), "web", None, "/srv")?, SshfsOptions::default());
//! let source = SftpSource::connect(&remote, &options, &SftpBounds::default())?;
//! let guard: SftpGuard = source.guard();
//! let request = BackupRequest::default();
//! let report = backup(Arc::new(source), &guard, "/backup/web".as_ref(), &request, Everything, &Silent)?;
//! println!("session {}", report.session);
//!
//! // Single questions, without a listing:
//! let Resolved { directory, missing } = SftpPaths::connect(&remote, &options, &SftpBounds::default())?.resolve()?;
//! println!("{} and then {}", directory.display(), missing.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod file;
mod guard;
mod handle;
mod incoming;
mod link;
mod owners;
mod packet;
mod paths;
mod server;
mod session;
mod source;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use guard::SftpGuard;
pub use paths::{Resolved, SftpPaths};
pub use source::SftpSource;

/// How much may be under way, and how long a server may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct SftpBounds {
    /// How long the server may say nothing while it is asked something. Then the session has failed.
    pub silence: Duration,
    /// How many questions may be under way.
    pub requests: usize,
    /// How many bytes of answers may be under way. ssh lets 2 MiB through per round trip.
    pub bytes: usize,
    /// How many files and directories may be open; fewer where the server allows fewer.
    pub handles: usize,
    /// How many bytes of large files may be asked for ahead of their readers, all files together.
    pub read_ahead: usize,
}

impl Default for SftpBounds {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(60),
            requests: 2048,
            bytes: 8 << 20,
            handles: 2048,
            read_ahead: 32 << 20,
        }
    }
}
