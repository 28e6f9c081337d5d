//! A side file, and what is to be done in it.

use crate::entry::Entry;
use crate::path::RepoPathBuf;
use crate::repo::DataFile;
use crate::repo::layout::StoredPath;
use std::collections::BTreeMap;

/// How a side file names its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SideKind {
    /// Records of `mirror_metadata`.
    Metadata,
    /// Records of extended attributes or access control lists.
    Attributes,
    /// Lines of `file_statistics`.
    Statistics,
    /// Our own index.
    Index,
}

impl SideKind {
    /// By what stands before the time in its name.
    pub(super) fn of(base: &[u8]) -> Option<Self> {
        Some(match base {
            b"mirror_metadata" => SideKind::Metadata,
            b"extended_attributes" | b"access_control_lists" | b"win_access_control_lists" => {
                SideKind::Attributes
            }
            b"file_statistics" => SideKind::Statistics,
            b"source_index" => SideKind::Index,
            _ => return None,
        })
    }
}

/// Records that a file of metadata is to have, instead of its own or besides.
pub(super) type Amendments = BTreeMap<RepoPathBuf, Entry>;

/// The inode, and the device it is on, that names of a file share in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    inode: u64,
    device: u64,
}

impl Group {
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let link = entry.file()?.link?;
        Some(Self { inode: link.inode, device: link.device })
    }

    /// The group of a name that carries its digest.
    pub(super) fn led_by(entry: &Entry) -> Option<Self> {
        entry.file()?.digest?;
        Self::of(entry)
    }
}

/// A file in the data directory with one record or line for each path.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # use rdiff_core::purge::{PurgePlan, SidePlan};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let plan = PurgePlan::new(&repo, RepoPath::new(b"note")?)?;
/// let records: u64 = plan.side_files().iter().map(|side: &SidePlan| side.records).sum();
/// assert!(records > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SidePlan {
    /// Where it is.
    pub place: StoredPath,
    /// How many records in it are about the path, or what is below it.
    pub records: u64,
    pub(super) file: DataFile,
    pub(super) kind: SideKind,
    pub(super) amendments: Amendments,
    /// Directories of records that stay until the directories are gone too.
    pub(super) above: Amendments,
}

impl SidePlan {
    /// Is it a file that only this program keeps, and the original doesn't know of?
    pub fn is_ours(&self) -> bool {
        self.kind == SideKind::Index
    }
}
