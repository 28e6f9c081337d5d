//! What to verify, and what was found.

use crate::entry::Digest;
use crate::path::RepoPathBuf;
use crate::repo::history::Damaged;
use crate::time::{SessionTime, TimeSpec};
use std::path::PathBuf;

/// What to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct VerifyRequest {
    /// One session, the newest that is not later; nothing for all.
    pub at: Option<TimeSpec>,
    /// What of it; the root for everything.
    pub subtree: RepoPathBuf,
    /// Threads; 0 for as many as there are cores.
    pub workers: usize,
    /// So many sessions are joined at once when all are verified: each needs one open file and about 100 KiB.
    /// Never more than a quarter of the files that the process may have open.
    pub batch: usize,
    /// Files up to this size, in bytes, are verified in memory when all sessions are, and each of their deltas is
    /// read once. All threads together use up to twice as much.
    pub in_memory: u64,
}

impl VerifyRequest {
    /// Everything at one session, or, with nothing, at all sessions.
    pub fn new(at: Option<SessionTime>) -> Self {
        Self {
            at: at.map(TimeSpec::from),
            subtree: RepoPathBuf::default(),
            workers: 0,
            batch: 128,
            in_memory: 128 << 20,
        }
    }
}

impl Default for VerifyRequest {
    /// Everything at all sessions.
    fn default() -> Self {
        Self::new(None)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VerifyReport {
    /// Sessions that were looked at.
    pub sessions: u64,
    /// Files that were checked: each counts once for each session that has it.
    pub files: u64,
    /// Bytes that were rebuilt for that.
    pub bytes: u64,
    /// Of the files, those without a recorded digest. Only their size could be checked.
    pub no_digest: u64,
    /// Of the files, those that are not what was backed up.
    pub bad_files: u64,
    /// These files, in no useful order; the first [`VerifyReport::MOST`] of them.
    pub bad: Vec<Bad>,
    /// Files of metadata, of attributes and of lists that are damaged, so that not all of these sessions could be checked.
    /// A session can be among them more than once.
    pub damaged: Vec<Damaged>,
}

impl VerifyReport {
    /// So many bad files are listed.
    pub const MOST: usize = 10_000;

    /// Is everything what was backed up, as far as there are digests?
    pub fn is_good(&self) -> bool {
        self.bad_files == 0 && self.damaged.is_empty()
    }
}

/// A file that is not what was backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bad {
    /// Which.
    pub path: RepoPathBuf,
    /// At which session.
    pub session: SessionTime,
    /// What is wrong.
    pub why: Why,
    /// The files of the repository that its content is made from, the whole one first. One of them is damaged.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::paths"))]
    pub files: Vec<PathBuf>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Why {
    /// Its digest is not the recorded one.
    Digest {
        /// What was recorded.
        recorded: Digest,
        /// What was found.
        found: Digest,
    },
    /// Its size in bytes is not the recorded one.
    Size {
        /// What was recorded.
        recorded: u64,
        /// What was found.
        found: u64,
    },
    /// It can't be rebuilt; the text says why.
    Lost(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::Digest { recorded, found } => {
                write!(f, "its SHA-1 is {}, {} was recorded", found.to_hex(), recorded.to_hex())
            }
            Why::Size { recorded, found } => {
                write!(f, "it has {found} bytes, {recorded} were recorded")
            }
            Why::Lost(why) => f.write_str(why),
        }
    }
}
