//! What a repository holds: its increments and their sizes, what was there at a session, what changed
//! since, and the history of one path.
//!
//! Of an interrupted repository only what leads up to the last good session is listed.

use crate::diff::{Aspect, aspects, changes};
use crate::entry::{Entry, File, Kind, LongName, Name};
use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::{IncrementKind, TimedName};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::increments::{Increment, Increments};
use crate::repo::layout::{DATA, StoredPath};
use crate::repo::metadata::{Detail, Stream};
use crate::repo::{MirrorState, Repository};
use crate::time::SessionTime;
use crate::tree::attrs::Names;
use crate::tree::local::LocalSource;
use crate::tree::walk::{Everything, Filter, Holds, Walk, Wanted, What};
use crate::tree::{FileKind, Stat};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a path was, in the words of `list increments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ListedKind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// Nothing.
    Missing,
    /// A link, pipe, socket or device.
    Special,
}

impl ListedKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            ListedKind::Directory => "directory",
            ListedKind::Regular => "regular",
            ListedKind::Missing => "missing",
            ListedKind::Special => "special",
        }
    }

    fn of_stat(stat: Option<&Stat>) -> Self {
        match stat.map(|s| s.kind) {
            None => ListedKind::Missing,
            Some(FileKind::Directory) => ListedKind::Directory,
            Some(FileKind::Regular) => ListedKind::Regular,
            Some(_) => ListedKind::Special,
        }
    }

    fn of_entry(entry: Option<&Entry>) -> Self {
        match entry.map(|e| &e.kind) {
            None => ListedKind::Missing,
            Some(Kind::Dir) => ListedKind::Directory,
            Some(Kind::File(_)) => ListedKind::Regular,
            Some(_) => ListedKind::Special,
        }
    }
}

/// One increment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ListedIncrement {
    /// The session whose state it holds.
    pub time: SessionTime,
    /// The name of its file, unquoted.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire"))]
    pub name: Vec<u8>,
    /// What the path was at that session.
    pub kind: ListedKind,
}

/// The increments of a path and its present state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IncrementList {
    /// Oldest first.
    pub increments: Vec<ListedIncrement>,
    /// The time of the mirror.
    pub mirror: SessionTime,
    /// What the path is in the mirror.
    pub mirror_kind: ListedKind,
}

/// How much the sessions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SizedSession {
    /// The session.
    pub time: SessionTime,
    /// Bytes of its increments; of all files and directories for the mirror.
    pub size: u64,
    /// The same with all newer sessions and the mirror.
    pub cumulative: u64,
}

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

/// One path at one session.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{Step, Version, history};
///
/// let versions: Vec<Version> = history(&repo, RepoPath::new(b"note")?)?;
/// for version in versions.iter().filter(|v| v.step != Step::Same) {
///     println!("{}: {} bytes", version.session, version.entry.as_ref().map_or(0, |e| e.size()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version {
    /// The session.
    pub session: SessionTime,
    /// What was there; nothing if it was not there.
    pub entry: Option<Entry>,
    /// What had happened to it since the session before.
    pub step: Step,
}

/// What happens to a path from one session to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Step {
    /// It is not there, as before.
    Absent,
    /// It was not there before.
    Added,
    /// It is as before.
    Same,
    /// Its content, link target or device numbers are not those of before.
    Content,
    /// Only its attributes are not those of before.
    Attributes,
    /// It is of another type than before.
    Replaced,
    /// It was there before.
    Removed,
}

/// The last good session.
fn newest(repo: &Repository) -> Result<SessionTime> {
    match repo.state()? {
        MirrorState::Clean(at) | MirrorState::Interrupted { good: at, .. } => Ok(at),
        MirrorState::Unfinished => {
            Err(Error::NoSuchSession { repository: repo.path().to_path_buf(), asked: None })
        }
    }
}

/// The increments of a path, and what it is in the mirror. For the root these are the sessions; for another
/// path only the sessions after which it, or something in it, changed.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{IncrementList, ListedIncrement, ListedKind, increments};
///
/// let list: IncrementList = increments(&repo, RepoPath::new(b"note")?)?;
/// let first: &ListedIncrement = &list.increments[0];
/// assert_eq!((first.time, first.kind), (repo.sessions()?[0], ListedKind::Regular));
/// assert_eq!((list.mirror, list.mirror_kind), (repo.sessions()?[1], ListedKind::Regular));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoSuchSession`] if no session is good; [`Error::Io`].
pub fn increments(repo: &Repository, subtree: RepoPath<'_>) -> Result<IncrementList> {
    let mirror = newest(repo)?;
    let long = long_name(repo, subtree)?;
    let mut finder = Increments::new(repo);
    let found = finder.of(subtree, long.as_ref())?;
    let listed = found
        .iter()
        .filter(|i| i.time < mirror && i.kind != IncrementKind::Data)
        .map(|i| {
            let name = repo.layout().quoting().unquote(i.place.name()).into_owned();
            Ok(ListedIncrement { time: i.time, name, kind: kind_of(repo, i)? })
        })
        .collect::<Result<Vec<_>>>()?;
    let mirror_kind = match repo.state()? {
        MirrorState::Interrupted { good, .. } => {
            ListedKind::of_entry(entry_at(repo, good, subtree)?.as_ref())
        }
        _ => {
            let place = repo.layout().mirror(subtree, long.as_ref());
            ListedKind::of_stat(find(repo, &place)?.as_ref())
        }
    };
    Ok(IncrementList { increments: listed, mirror, mirror_kind })
}

fn kind_of(repo: &Repository, increment: &Increment) -> Result<ListedKind> {
    Ok(match increment.kind {
        IncrementKind::Dir => ListedKind::Directory,
        IncrementKind::Diff => ListedKind::Regular,
        IncrementKind::Missing | IncrementKind::Data => ListedKind::Missing,
        IncrementKind::Snapshot => ListedKind::of_stat(find(repo, &increment.place)?.as_ref()),
    })
}

fn find(repo: &Repository, place: &StoredPath) -> Result<Option<Stat>> {
    repo.root().find(place.as_bytes()).while_doing(Doing::Stat, repo.path_of(place))
}

/// What was at one path at a session.
fn entry_at(repo: &Repository, at: SessionTime, path: RepoPath<'_>) -> Result<Option<Entry>> {
    let first = repo.metadata_at(at, path, Detail::Records)?.next().transpose()?;
    Ok(first.map(|r| r.entry).filter(|e| e.path.as_path() == path))
}

/// The name in `long_filename_data` of a path that needs one, as the newest session that has the path says.
fn long_name(repo: &Repository, path: RepoPath<'_>) -> Result<Option<LongName>> {
    if repo.layout().too_long(path).is_none() {
        return Ok(None);
    }
    let versions = repo.versions_of(path)?;
    Ok(versions.into_iter().rev().find_map(|(_, entry)| entry?.long_name))
}

/// How much the increments of each session take below a path, and how much the mirror does; oldest first,
/// the mirror last but for what is said below. As the original counts: file sizes, with those that the system gives for directories;
/// hard links once for each name; what has too long a name is left out. A directory of the source that is named
/// like an increment counts as one of that time, which can be later than the mirror's: the original
/// doesn't tell them apart here, and who compares its output with ours must find the same.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{SizedSession, sizes};
///
/// let sessions: Vec<SizedSession> = sizes(&repo, RepoPath::ROOT)?;
/// assert_eq!(sessions.len(), 2);
/// // What would be needed to keep this session and all newer ones, in bytes.
/// assert_eq!(sessions[0].cumulative, sessions[0].size + sessions[1].size);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoSuchSession`] if no session is good; [`Error::Io`].
pub fn sizes(repo: &Repository, subtree: RepoPath<'_>) -> Result<Vec<SizedSession>> {
    let mirror = newest(repo)?;
    let mut by_time: BTreeMap<SessionTime, u64> = BTreeMap::new();
    let mut finder = Increments::new(repo);
    for increment in finder.of(subtree, None)? {
        let size = find(repo, &increment.place)?.map_or(0, |s| s.size);
        *by_time.entry(increment.time).or_default() += size;
    }
    let quoting = repo.layout().quoting();
    for_each_below(repo, &repo.layout().increments_in(subtree), Everything, |path, stat| {
        let name = quoting.unquote(path.name().unwrap_or_default());
        if let Some(parsed) = TimedName::parse(&name) {
            *by_time.entry(parsed.time).or_default() += stat.size;
        }
    })?;
    let mut mirror_size = 0;
    let place = repo.layout().mirror(subtree, None);
    for_each_below(repo, &place, WithoutData { is_root: subtree.is_root() }, |_, stat| {
        mirror_size += stat.size;
    })?;
    let mut cumulative = mirror_size;
    let mut sized = vec![SizedSession { time: mirror, size: mirror_size, cumulative }];
    for (&time, &size) in by_time.iter().rev().filter(|(time, _)| **time != mirror) {
        cumulative += size;
        sized.push(SizedSession { time, size, cumulative });
    }
    sized.sort_by_key(|s| s.time);
    Ok(sized)
}

/// Leaves out the data directory.
struct WithoutData {
    is_root: bool,
}

impl Filter for WithoutData {
    fn wants(&mut self, path: RepoPath<'_>, _: &Stat, _: &Holds<'_>) -> Wanted {
        if self.is_root && path.as_bytes() == DATA.as_bytes() { Wanted::No } else { Wanted::Yes }
    }
}

/// Looks at a place and all that is below it; nothing if it isn't there.
fn for_each_below(
    repo: &Repository,
    place: &StoredPath,
    filter: impl Filter,
    mut with: impl FnMut(RepoPath<'_>, &Stat),
) -> Result<()> {
    let path = repo.path_of(place);
    match find(repo, place)? {
        Some(stat) if stat.is_dir() => {}
        Some(stat) => {
            with(RepoPath::ROOT, &stat);
            return Ok(());
        }
        None => return Ok(()),
    }
    let source = LocalSource::open(&path, Arc::new(Names::default())).while_doing(Doing::Open, &path)?;
    let pool = Arc::new(Pool::new(std::thread::available_parallelism().map_or(2, usize::from)));
    for found in Walk::new(Arc::new(source), pool, filter) {
        match found.what {
            What::Here(stat) => with(found.path.as_path(), &stat),
            What::Unknown(source) => {
                let path = path.join(found.path.as_path().as_os_str());
                return Err(Error::Io { doing: Doing::List, path, source });
            }
        }
    }
    Ok(())
}

/// What was there at a session, without extended attributes and access control lists.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # use rdiff_core::list::entries_at;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// for entry in entries_at(&repo, repo.sessions()?[0], RepoPath::ROOT)? {
///     let entry = entry?;
///     println!("{:o} {:>8} {}", entry.attrs.mode, entry.size(), entry.path);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Repository::metadata_at`].
pub fn entries_at(repo: &Repository, at: SessionTime, subtree: RepoPath<'_>) -> Result<Stream<Entry>> {
    let records = repo.metadata_at(at, subtree, Detail::Records)?;
    Ok(Box::new(records.map(|recorded| recorded.map(|r| r.entry))))
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

/// One path over all sessions, oldest first. Each file of metadata is read once, up to the path.
///
/// ```
/// # use rdiff_core::list::{Step, history};
/// # use rdiff_core::path::RepoPath;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let versions = history(&repo, RepoPath::new(b"note")?)?;
/// assert_eq!(versions[0].step, Step::Added);
/// assert_eq!(versions[1].step, Step::Content);
/// assert_eq!(versions[1].entry.as_ref().map(|e| e.size()), Some(6)); // bytes
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::NoSuchPath`] if no session has it; [`Error::Corrupt`], [`Error::Io`].
pub fn history(repo: &Repository, path: RepoPath<'_>) -> Result<Vec<Version>> {
    let versions = repo.versions_of(path)?;
    if versions.iter().all(|(_, entry)| entry.is_none()) {
        return Err(Error::NoSuchPath { path: path.to_owned(), at: newest(repo)? });
    }
    let mut before: Option<Entry> = None;
    let mut history = Vec::with_capacity(versions.len());
    for (session, entry) in versions {
        history.push(Version { session, step: step(before.as_ref(), entry.as_ref()), entry: entry.clone() });
        before = entry;
    }
    Ok(history)
}

fn step(old: Option<&Entry>, new: Option<&Entry>) -> Step {
    let (old, new) = match (old, new) {
        (None, None) => return Step::Absent,
        (None, Some(_)) => return Step::Added,
        (Some(_), None) => return Step::Removed,
        (Some(old), Some(new)) => (old, new),
    };
    let aspects = aspects(old, new);
    match () {
        () if aspects.contains(&Aspect::Type) => Step::Replaced,
        () if aspects.contains(&Aspect::Content) => Step::Content,
        () if differs(old, new) => Step::Attributes,
        () => Step::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attrs, Digest, Link};

    fn file(size: u64, digest: Option<u8>, link: Option<u64>) -> Entry {
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

    #[test]
    fn steps_of_a_history() {
        let (a, b) = (file(1, Some(1), None), file(1, Some(2), None));
        let mut touched = a.clone();
        touched.attrs.mtime = Some(6);
        let dir = Entry::new(RepoPathBuf::new("f").unwrap(), Kind::Dir, Attrs::default());
        assert_eq!(step(None, None), Step::Absent);
        assert_eq!(step(None, Some(&a)), Step::Added);
        assert_eq!(step(Some(&a), Some(&a)), Step::Same);
        assert_eq!(step(Some(&a), Some(&b)), Step::Content);
        assert_eq!(step(Some(&a), Some(&touched)), Step::Attributes);
        assert_eq!(step(Some(&a), Some(&dir)), Step::Replaced);
        assert_eq!(step(Some(&a), None), Step::Removed);
    }
}
