//! What to compare, and what was found.

use crate::path::RepoPathBuf;
use crate::time::TimeSpec;

/// What to compare, and how closely.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct CompareRequest {
    /// The session: the newest that is not later.
    pub at: TimeSpec,
    /// The path in the session that the root of the source is compared with.
    pub subtree: RepoPathBuf,
    /// How closely.
    pub method: Method,
    /// Is a regular file with several names changed when its inode is not the recorded one?
    pub hard_links: bool,
    /// Threads that read the source; 0 for what the source says is best.
    pub workers: usize,
}

impl CompareRequest {
    /// All of a session, by metadata.
    pub fn new(at: impl Into<TimeSpec>) -> Self {
        let subtree = RepoPathBuf::default();
        Self { at: at.into(), subtree, method: Method::Metadata, hard_links: true, workers: 0 }
    }
}

impl Default for CompareRequest {
    /// All of the newest session, by metadata.
    fn default() -> Self {
        Self::new(TimeSpec::default())
    }
}

/// How closely files are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Method {
    /// By type, size, time, owner, mode and attributes.
    #[default]
    Metadata,
    /// And by the recorded SHA-1 of their content.
    Hash,
    /// And by their content, byte by byte.
    Full,
}

/// A path that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Difference {
    /// Where, below the root of the source.
    pub path: RepoPathBuf,
    /// In which way.
    pub reason: Reason,
}

/// In which way a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reason {
    /// Only the source has it.
    New,
    /// Only the session has it.
    Deleted,
    /// Both have it, and it is not the same.
    Changed,
    /// A regular file whose metadata differ, but not its content.
    MetadataOnly,
    /// A regular file whose content differs, but not its metadata.
    DataOnly,
    /// A regular file of which both differ.
    MetadataAndData,
}

impl Reason {
    /// The words that are printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::New => "new",
            Reason::Deleted => "deleted",
            Reason::Changed => "changed",
            Reason::MetadataOnly => "metadata changed, data the same",
            Reason::DataOnly => "metadata the same, data changed",
            Reason::MetadataAndData => "metadata changed, data changed",
        }
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CompareReport {
    /// Paths that were compared, the different ones included.
    pub compared: u64,
    /// Paths that differ.
    pub differences: u64,
    /// Files that were to be compared by digest and have none recorded.
    pub no_digest: u64,
    /// Paths of which nothing can be said.
    pub problems: u64,
}
