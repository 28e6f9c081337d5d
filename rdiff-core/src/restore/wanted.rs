//! What of a session is restored: the records that a filter wants, with the directories above them.

use crate::entry::{Entry, Kind};
use crate::error::{Error, Result};
use crate::merge::AtPath;
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::Repository;
use crate::repo::metadata::{Detail, Recorded};
use crate::time::SessionTime;
use crate::tree::walk::{Filter, Wanted};
use crate::tree::{FileKind, Stat};

/// What was at `subtree` at a session, and all records of it and below it.
///
/// # Errors
/// [`Error::NoSuchPath`] if it was not there; as [`Repository::metadata_at`].
pub(super) fn records_of(
    repo: &Repository,
    at: SessionTime,
    subtree: RepoPath<'_>,
) -> Result<(Entry, impl Iterator<Item = Result<Box<Recorded>>> + Send + use<>)> {
    let mut records = repo.metadata_at(at, subtree, Detail::All)?;
    let first = records.next().transpose()?.filter(|first| first.path() == subtree);
    let first = first.ok_or_else(|| Error::NoSuchPath { path: subtree.to_owned(), at })?;
    Ok((first.entry.clone(), std::iter::once(Ok(first)).chain(records)))
}

/// Records that a filter wants. Directories that it wants only with something in them wait for that.
pub(super) struct Filtered<I, F> {
    pub(super) records: I,
    pub(super) filter: F,
    pub(super) subtree: RepoPathBuf,
    pub(super) excluded: Option<RepoPathBuf>,
    #[expect(clippy::vec_box, reason = "they come in boxes, and go on in them")]
    pub(super) waiting: Vec<Box<Recorded>>,
    pub(super) ready: std::collections::VecDeque<Box<Recorded>>,
}

impl<I, F> Filtered<I, F> {
    pub(super) fn new(records: I, filter: F, subtree: RepoPathBuf) -> Self {
        Self { records, filter, subtree, excluded: None, waiting: Vec::new(), ready: Default::default() }
    }
}

impl<I: Iterator<Item = Result<Box<Recorded>>>, F: Filter> Iterator for Filtered<I, F> {
    type Item = Result<Box<Recorded>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(recorded) = self.ready.pop_front() {
                return Some(Ok(recorded));
            }
            let recorded = match self.records.next()? {
                Ok(recorded) => recorded,
                Err(e) => return Some(Err(e)),
            };
            let path = recorded.path();
            if self.excluded.as_ref().is_some_and(|dir| path.starts_with(dir.as_path())) {
                continue;
            }
            self.waiting.retain(|dir| path.starts_with(dir.path()));
            let below = path.below(self.subtree.as_path()).unwrap_or(path);
            let wanted = if below.is_root() {
                Wanted::Yes
            } else {
                self.filter.wants(below, &stat_of(&recorded.entry), &|_, _| false)
            };
            match wanted {
                Wanted::No => self.excluded = Some(path.to_owned()),
                Wanted::IfNotEmpty if recorded.entry.is_dir() => self.waiting.push(recorded),
                Wanted::IfNotEmpty => {}
                Wanted::Yes => {
                    self.ready.extend(self.waiting.drain(..));
                    self.ready.push_back(recorded);
                }
            }
        }
    }
}

/// What a stat of an entry would say, as far as a filter asks.
///
/// ```
/// # use rdiff_core::entry::{Attrs, Entry, Kind};
/// # use rdiff_core::path::RepoPathBuf;
/// # use rdiff_core::restore::stat_of;
/// let attrs = Attrs { mode: 0o700, uid: 7, ..Attrs::default() };
/// let stat = stat_of(&Entry::new(RepoPathBuf::new("dir")?, Kind::Dir, attrs));
/// assert!(stat.is_dir() && stat.mode == 0o700 && stat.uid == 7);
/// # Ok::<(), rdiff_core::path::PathError>(())
/// ```
pub fn stat_of(entry: &Entry) -> Stat {
    let (kind, rdev) = match &entry.kind {
        Kind::File(_) => (FileKind::Regular, (0, 0)),
        Kind::Dir => (FileKind::Directory, (0, 0)),
        Kind::Symlink(_) => (FileKind::Symlink, (0, 0)),
        Kind::Fifo => (FileKind::Fifo, (0, 0)),
        Kind::Socket => (FileKind::Socket, (0, 0)),
        Kind::Device(d) => {
            (if d.block { FileKind::BlockDevice } else { FileKind::CharDevice }, (d.major, d.minor))
        }
    };
    let mtime = (entry.attrs.mtime.unwrap_or(0), 0);
    Stat {
        kind,
        mode: entry.attrs.mode,
        uid: entry.attrs.uid,
        gid: entry.attrs.gid,
        size: entry.size(),
        allocated: entry.size(),
        mtime,
        ctime: mtime,
        inode: 0,
        device: 0,
        links: 1,
        rdev,
    }
}
