//! One path, or one tree, at two sessions: what differs. The contents are opened by [`read`](crate::read).

use crate::entry::{Entry, Kind};
use crate::error::Result;
use crate::list::{Change, ChangeKind, differs};
use crate::merge::{Pair, merge_join};
use crate::path::RepoPath;
use crate::pool::ahead;
use crate::repo::Repository;
use crate::repo::metadata::{Detail, Stream};
use crate::time::SessionTime;

/// What can differ between two states of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Aspect {
    Type,
    /// Of a file; of a link its target, of a device its numbers.
    Content,
    Mode,
    Owner,
    Group,
    ModificationTime,
    ExtendedAttributes,
    AccessControlList,
    /// With which other names it is one file.
    HardLinks,
}

impl Aspect {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Aspect::Type => "type",
            Aspect::Content => "content",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Group => "group",
            Aspect::ModificationTime => "modification time",
            Aspect::ExtendedAttributes => "extended attributes",
            Aspect::AccessControlList => "access control list",
            Aspect::HardLinks => "hard links",
        }
    }
}

/// What differs between two states of a path.
///
/// ```
/// # use rdiff_core::diff::{Aspect, aspects, entry_at};
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let (old, new) = (repo.sessions()?[0], repo.sessions()?[1]);
/// let note = RepoPath::new(b"note")?;
/// if let (Some(was), Some(is)) = (entry_at(&repo, note, old)?, entry_at(&repo, note, new)?) {
///     assert!(aspects(&was, &is).contains(&Aspect::Content));
///     assert!(!aspects(&was, &is).contains(&Aspect::Mode));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn aspects(old: &Entry, new: &Entry) -> Vec<Aspect> {
    let (a, b) = (&old.attrs, &new.attrs);
    let same_type = old.kind.same_type(&new.kind);
    let content = match (&old.kind, &new.kind) {
        (Kind::File(a), Kind::File(b)) => match (a.digest, b.digest) {
            (Some(a), Some(b)) => a != b,
            _ => a.size != b.size || old.attrs.mtime != new.attrs.mtime,
        },
        (a, b) => a != b,
    };
    let group = |entry: &Entry| entry.file().and_then(|f| f.link).map(|l| l.group());
    let differing = [
        (Aspect::Type, !same_type),
        (Aspect::Content, same_type && content),
        (Aspect::Mode, a.mode != b.mode),
        (Aspect::Owner, a.uid != b.uid || (a.uname.is_some() && b.uname.is_some() && a.uname != b.uname)),
        (Aspect::Group, a.gid != b.gid || (a.gname.is_some() && b.gname.is_some() && a.gname != b.gname)),
        (Aspect::ModificationTime, a.mtime.is_some() && b.mtime.is_some() && a.mtime != b.mtime),
        (Aspect::ExtendedAttributes, !old.xattrs.same(&new.xattrs)),
        (Aspect::AccessControlList, old.acl != new.acl),
        (Aspect::HardLinks, same_type && group(old) != group(new)),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}

/// What a path was at a session; nothing if it was not there.
///
/// ```
/// # use rdiff_core::diff::entry_at;
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let oldest = repo.sessions()?[0];
/// let entry = entry_at(&repo, RepoPath::new(b"note")?, oldest)?;
/// assert_eq!(entry.map(|e| e.size()), Some(5)); // bytes
/// assert_eq!(entry_at(&repo, RepoPath::new(b"no such")?, oldest)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Repository::metadata_at`].
pub fn entry_at(repo: &Repository, path: RepoPath<'_>, at: SessionTime) -> Result<Option<Entry>> {
    let first = repo.metadata_at(at, path, Detail::All)?.next().transpose()?;
    Ok(first.map(|r| r.entry).filter(|e| e.path.as_path() == path))
}

/// The paths at and below `subtree` that are not at `to` what they were at `from`, in path order.
///
/// ```
/// # use rdiff_core::diff::changes;
/// # use rdiff_core::list::ChangeKind;
/// # use rdiff_core::path::RepoPath;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let sessions = repo.sessions()?;
/// for change in changes(&repo, RepoPath::ROOT, sessions[0], sessions[1])? {
///     let change = change?;
///     println!("{} {}", change.kind.as_str(), change.path); // changed note
/// #   assert_eq!((change.kind, change.path.as_bytes()), (ChangeKind::Changed, &b"note"[..]));
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Repository::metadata_at`]; the stream can end with an error too.
pub fn changes(
    repo: &Repository,
    subtree: RepoPath<'_>,
    from: SessionTime,
    to: SessionTime,
) -> Result<Stream<Change>> {
    let old = ahead(repo.metadata_at(from, subtree, Detail::All)?, 256, 4);
    let new = ahead(repo.metadata_at(to, subtree, Detail::All)?, 256, 4);
    let changes = merge_join(old, new).filter_map(|pair| {
        let (kind, path, old, new) = match pair {
            Err(e) => return Some(Err(e)),
            Ok(Pair::Left(old)) => (ChangeKind::Deleted, old.entry.path.clone(), Some(old.entry), None),
            Ok(Pair::Right(new)) => (ChangeKind::New, new.entry.path.clone(), None, Some(new.entry)),
            Ok(Pair::Both(old, new)) if differs(&old.entry, &new.entry) => {
                (ChangeKind::Changed, old.entry.path.clone(), Some(old.entry), Some(new.entry))
            }
            Ok(Pair::Both(..)) => return None,
        };
        Some(Ok(Change { kind, path, old, new }))
    });
    Ok(Box::new(changes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attrs, Digest, File};
    use crate::path::RepoPathBuf;

    #[test]
    fn what_differs_is_named() {
        let file = |size, digest| {
            let kind = Kind::File(File { size, digest: Some(Digest([digest; 20])), link: None });
            Entry::new(RepoPathBuf::new("f").unwrap(), kind, Attrs { mtime: Some(5), ..Attrs::default() })
        };
        let old = file(1, 1);
        let mut new = file(1, 2);
        (new.attrs.mode, new.attrs.gid) = (0o600, 7);
        assert_eq!(aspects(&old, &old), []);
        assert_eq!(aspects(&old, &new), [Aspect::Content, Aspect::Mode, Aspect::Group]);
        let dir = Entry::new(RepoPathBuf::new("f").unwrap(), Kind::Dir, Attrs::default());
        assert_eq!(aspects(&old, &dir), [Aspect::Type]);
        new = old.clone();
        new.attrs.mtime = Some(6);
        assert_eq!(aspects(&old, &new), [Aspect::ModificationTime]);
    }
}
