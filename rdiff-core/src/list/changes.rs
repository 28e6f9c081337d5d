//! What is not as it was.

use super::newest;
use crate::diff::changes;
use crate::entry::{Entry, File, Kind, Name};
use crate::error::Result;
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::Repository;
use crate::repo::metadata::Stream;
use crate::time::SessionTime;

/// A path that differs between two sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Change {
    /// How.
    pub kind: ChangeKind,
    /// Where.
    pub path: RepoPathBuf,
    /// What it was at the older session; nothing if it was not there.
    pub old: Option<Entry>,
    /// What it was at the newer session.
    pub new: Option<Entry>,
}

/// How a path differs between two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChangeKind {
    /// Only the newer one has it.
    New,
    /// Both have it, and it is not the same.
    Changed,
    /// Only the older one has it.
    Deleted,
}

impl ChangeKind {
    /// The word that is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::New => "new",
            ChangeKind::Changed => "changed",
            ChangeKind::Deleted => "deleted",
        }
    }
}

/// The paths below `subtree` that are not in the newest good session what they were at `at`, in path order.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{Change, ChangeKind, changed_since};
///
/// for change in changed_since(&repo, repo.sessions()?[0], RepoPath::ROOT)? {
///     let change: Change = change?;
///     assert_eq!((change.kind, change.path.to_string().as_str()), (ChangeKind::Changed, "note"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Repository::metadata_at`]; the stream can end with an error too.
pub fn changed_since(repo: &Repository, at: SessionTime, subtree: RepoPath<'_>) -> Result<Stream<Change>> {
    changes(repo, subtree, at, newest(repo)?)
}

/// Has a path changed between two records, by the original's rule? What the older one doesn't say can't
/// have changed; the count of links doesn't matter, nor does the owner of a symbolic link.
pub(crate) fn differs(old: &Entry, new: &Entry) -> bool {
    let same_name = |old: &Option<Name>, new: &Option<Name>| old.is_none() || new.is_none() || old == new;
    let (a, b) = (&old.attrs, &new.attrs);
    let owners = matches!(old.kind, Kind::Symlink(_))
        || (a.uid == b.uid
            && a.gid == b.gid
            && same_name(&a.uname, &b.uname)
            && same_name(&a.gname, &b.gname));
    let kinds = match (&old.kind, &new.kind) {
        (Kind::File(old), Kind::File(new)) => same_file(old, new),
        (old, new) => old == new,
    };
    let times = a.mtime.is_none() || a.mtime == b.mtime;
    let names = old.long_name.is_none() || old.long_name == new.long_name;
    let attributes = old.xattrs.same(&new.xattrs) && old.acl == new.acl;
    !(kinds && owners && times && names && attributes && a.mode == b.mode)
}

fn same_file(old: &File, new: &File) -> bool {
    let digests = old.digest.is_none() || old.digest == new.digest;
    let inodes = old.link.is_none() || old.link.map(|l| l.group()) == new.link.map(|l| l.group());
    old.size == new.size && digests && inodes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::entry::{Attrs, Digest, Link};

    pub(in crate::list) fn file(size: u64, digest: Option<u8>, link: Option<u64>) -> Entry {
        let link = link.map(|inode| Link { count: 2, inode, device: 1 });
        let digest = digest.map(|d| Digest([d; 20]));
        let kind = Kind::File(File { size, digest, link });
        Entry::new(RepoPathBuf::new("f").unwrap(), kind, Attrs { mtime: Some(5), ..Attrs::default() })
    }

    #[test]
    fn what_the_older_record_does_not_say_has_not_changed() {
        let plain = file(1, None, None);
        assert!(!differs(&plain, &file(1, Some(1), Some(7))));
        assert!(differs(&file(1, Some(1), Some(7)), &plain));
        assert!(differs(&plain, &file(2, None, None)));
        assert!(differs(&file(1, Some(1), None), &file(1, Some(2), None)));
        let mut linked_more = file(1, Some(1), Some(7));
        if let Kind::File(File { link: Some(link), .. }) = &mut linked_more.kind {
            link.count = 9;
        }
        assert!(!differs(&file(1, Some(1), Some(7)), &linked_more));
    }

    #[test]
    fn the_owner_of_a_symbolic_link_is_no_change() {
        let link = |uid, to: &str| {
            let attrs = Attrs { uid, ..Attrs::default() };
            Entry::new(RepoPathBuf::new("l").unwrap(), Kind::Symlink(to.into()), attrs)
        };
        assert!(!differs(&link(1, "a"), &link(2, "a")));
        assert!(differs(&link(1, "a"), &link(1, "b")));
    }
}
