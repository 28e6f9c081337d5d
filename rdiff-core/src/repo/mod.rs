//! A repository on disk: what is in it, and how it is changed.

pub mod disk;
pub(crate) mod groups;
pub mod gz;
pub(crate) mod hashing;
pub mod history;
pub mod increments;
mod layers;
pub mod layout;
mod left;
pub mod lock;
pub mod metadata;
pub mod pieces;
mod precise;
pub mod put;
pub mod rebuild;
mod recorded;
pub mod session;
pub mod whole;

use crate::error::{Doing, Error, FormatError, IoContext, Refusal, Result};
use crate::format::names::{IncrementKind, TimeStyle, TimedName};
use crate::format::quote::Quoting;
use crate::path::RepoPathBuf;
use crate::time::{SessionTime, TimeSeparator, TimeSpec, Zone};
use crate::tree::Root;
use layout::{DATA, INCREMENTS, Layout, StoredPath};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file in the data directory that has a time in its name.
///
/// ```
/// # use rdiff_core::repo::DataFile;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let files: Vec<DataFile> = repo.data_files()?;
/// let snapshots = files.iter().filter(|f| f.base == b"mirror_metadata");
/// assert_eq!(snapshots.count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is.
    pub place: StoredPath,
    /// What stands before the time, unquoted.
    pub base: Vec<u8>,
    /// The session that it belongs to.
    pub time: SessionTime,
    /// What it is.
    pub kind: IncrementKind,
    /// Does its name end in `.gz`?
    pub gzipped: bool,
}

/// In what state the last session left the repository.
///
/// ```
/// # use rdiff_core::repo::MirrorState;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// match repo.state()? {
///     MirrorState::Clean(newest) => println!("all is well up to {newest}"),
///     MirrorState::Interrupted { good, failed } => println!("{failed} failed; back to {good} by a regress"),
///     MirrorState::Unfinished => println!("there is no session yet"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MirrorState {
    /// A data directory without marker: the first session never ended.
    Unfinished,
    /// The mirror is that of this session.
    Clean(SessionTime),
    /// A session failed. Regress goes back to `good`.
    Interrupted {
        /// The last good session.
        good: SessionTime,
        /// The one that failed.
        failed: SessionTime,
    },
}

/// The base of the names of markers.
const MARKER: &[u8] = b"current_mirror";

/// A repository, open for reading. To change it takes a [`lock::Writer`].
#[derive(Clone, Debug)]
pub struct Repository {
    root: Arc<Root>,
    layout: Layout,
}

impl Repository {
    /// Opens the repository whose root is `path`, for reading. Any number of threads may use it at once.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), rdiff_core::error::Error> {
    /// let repo = rdiff_core::repo::Repository::open("/srv/backup/web".as_ref())?;
    /// for session in repo.sessions()? {
    ///     println!("{session}"); // 2023-11-14T22:13:20Z
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotARepository`] where there is no data directory; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let root = match Root::open(path) {
            Err(e) if crate::tree::is_absent(&e) => {
                return Err(Error::NotARepository { path: path.to_path_buf() });
            }
            other => other.while_doing(Doing::Open, path)?,
        };
        match root.find(DATA.as_bytes()).while_doing(Doing::Stat, path)? {
            Some(stat) if stat.is_dir() => {}
            _ => return Err(Error::NotARepository { path: path.to_path_buf() }),
        }
        Self::in_root(Arc::new(root), Zone::system(), TimeSeparator::Colon)
    }

    /// Opens the repository whose root is `path`, or makes one without sessions where there is nothing, or an
    /// empty directory. The directories above must be there. The first backup does this by itself.
    ///
    /// # Errors
    /// As [`Repository::open`]; [`Error::NotARepository`] for a directory that holds something else, and for what
    /// is no directory.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.mode(0o700);
        match builder.create(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(e).while_doing(Doing::Create, path);
            }
            _ => {}
        }
        match Self::open(path) {
            Err(Error::NotARepository { .. })
                if std::fs::read_dir(path).is_ok_and(|mut dir| dir.next().is_none()) =>
            {
                let data = path.join(DATA);
                match builder.create(&data) {
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(e).while_doing(Doing::Create, data);
                    }
                    _ => {}
                }
                let dir = std::fs::File::open(path).while_doing(Doing::Open, path)?;
                dir.sync_all().while_doing(Doing::Sync, path)?;
                Self::open(path)
            }
            other => other,
        }
    }

    /// The repository in an open directory, whether it is one already or not.
    ///
    /// # Errors
    /// [`Error::Io`] when the quoting can't be read.
    pub(crate) fn in_root(root: Arc<Root>, zone: Zone, separator: TimeSeparator) -> Result<Self> {
        let small = |name: &str| -> Result<Vec<u8>> {
            let place = StoredPath::fixed(DATA).listed(name.as_bytes());
            read_small(&root, &place).map(Option::unwrap_or_default)
        };
        let quoting = Quoting::parse(&small("chars_to_quote")?, &small("special_escapes")?);
        let separator = if quoting.hides(b':') { TimeSeparator::Dash } else { separator };
        let longest = root.longest_name();
        let layout = Layout::new(quoting, TimeStyle { zone, separator }, longest);
        Ok(Self { root, layout })
    }

    /// The open root directory.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// The path of the root, as it was opened.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// How it spells names.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The same repository, writing times in another way.
    #[must_use]
    pub fn with_times(self, zone: Zone, separator: TimeSeparator) -> Self {
        let quoting = self.layout.quoting().clone();
        let separator = if quoting.hides(b':') { TimeSeparator::Dash } else { separator };
        let longest = self.root.longest_name();
        Self { root: self.root, layout: Layout::new(quoting, TimeStyle { zone, separator }, longest) }
    }

    /// The path of a place in it, for messages.
    pub fn path_of(&self, place: &StoredPath) -> PathBuf {
        self.root.path_of(place.as_bytes())
    }

    /// All files in the data directory that have a time in their names, in no useful order.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn data_files(&self) -> Result<Vec<DataFile>> {
        self.files_named(|_| true)
    }

    /// The markers, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn markers(&self) -> Result<Vec<DataFile>> {
        let files = self.files_named(|name| name.starts_with(MARKER))?;
        Ok(markers(&files).into_iter().cloned().collect())
    }

    /// After years there are thousands: what isn't `wanted` costs no more than a look at its name.
    fn files_named(&self, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<DataFile>> {
        let (dir, quoting) = (StoredPath::fixed(DATA), self.layout.quoting());
        let names = self.root.list_if(dir.as_bytes(), |name| wanted(&quoting.unquote(name)));
        let names = names.while_doing(Doing::List, self.path_of(&dir))?;
        let parse = |name: &[u8]| {
            let unquoted = quoting.unquote(name);
            let parsed = TimedName::parse(&unquoted)?;
            Some(DataFile {
                place: dir.listed(name),
                base: parsed.base.to_vec(),
                time: parsed.time,
                kind: parsed.kind,
                gzipped: parsed.gzipped,
            })
        };
        Ok(names.iter().filter_map(|n| parse(n)).collect())
    }

    /// In what state the last session left it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Refusal::TooManyMarkers`].
    pub fn state(&self) -> Result<MirrorState> {
        state_of(&self.markers()?, self.path())
    }

    /// The newest session, of a repository in which none failed.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::NoSuchSession`] if there is none yet; as [`Repository::state`].
    pub(crate) fn clean_mirror(&self) -> Result<SessionTime> {
        let repository = self.path().to_path_buf();
        match self.state()? {
            MirrorState::Clean(at) => Ok(at),
            MirrorState::Interrupted { good, failed } => Err(Error::Interrupted { repository, good, failed }),
            MirrorState::Unfinished => Err(Error::NoSuchSession { repository, asked: None }),
        }
    }

    /// The last good session, if the one after it failed: what that one wrote may be there without need.
    ///
    /// # Errors
    /// As [`Repository::state`].
    pub(crate) fn failed_after(&self) -> Result<Option<SessionTime>> {
        match self.state()? {
            MirrorState::Interrupted { good, .. } => Ok(Some(good)),
            _ => Ok(None),
        }
    }

    /// All sessions that can be restored, in ascending order.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sessions(&self) -> Result<Vec<SessionTime>> {
        let files = self.data_files()?;
        let last = match state_of(&files, self.path())? {
            MirrorState::Unfinished => return Ok(Vec::new()),
            MirrorState::Clean(at) => at,
            MirrorState::Interrupted { good, .. } => good,
        };
        let mut sessions: BTreeSet<SessionTime> = files
            .iter()
            .filter(|f| f.base == b"mirror_metadata" || f.base == b"increments")
            .map(|f| f.time)
            .filter(|t| *t <= last)
            .collect();
        sessions.insert(last);
        Ok(sessions.into_iter().collect())
    }

    /// The session that a time means: the newest that is not later, or the oldest of all.
    ///
    /// ```
    /// # use rdiff_core::{repo::Repository, time::{TimeSpec, Zone}};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
    /// let ten_days_ago = TimeSpec::parse("10D", 1_700_900_000, &Zone::system())?;
    /// let session = repo.session_at(ten_days_ago)?;
    /// assert_eq!(session, repo.sessions()?[0]);
    /// assert_eq!(repo.session_at(TimeSpec::SessionsBack(0))?, repo.sessions()?[1]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoSuchSession`] if none is good; [`Error::Io`].
    pub fn session_at(&self, time: impl Into<TimeSpec>) -> Result<SessionTime> {
        let nothing = || Error::NoSuchSession { repository: self.path().to_path_buf(), asked: None };
        time.into().choose(&self.sessions()?).ok_or_else(nothing)
    }

    /// What an increment file that was named by its host path is: the path in the tree, and the session
    /// whose state it holds. Nothing if it is no increment of this repository.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a name that could lead out of the tree.
    pub fn increment_at(&self, file: &Path) -> Result<Option<(RepoPathBuf, SessionTime)>> {
        use std::os::unix::ffi::OsStrExt;
        let Ok(inside) = file.strip_prefix(self.path().join(DATA)) else { return Ok(None) };
        let quoting = self.layout.quoting();
        let bytes = quoting.unquote(inside.as_os_str().as_bytes()).into_owned();
        let name_at = bytes.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
        let Some(parsed) = TimedName::parse(&bytes[name_at..]) else { return Ok(None) };
        let Some(dir) = bytes[..name_at].strip_prefix(b"increments/") else {
            let is_root = name_at == 0 && parsed.base == b"increments";
            return Ok(is_root.then(|| (RepoPathBuf::default(), parsed.time)));
        };
        let path = RepoPathBuf::new([dir, parsed.base].concat()).map_err(|source| Error::Corrupt {
            file: file.to_path_buf(),
            line: None,
            source: FormatError::Path { path: String::from_utf8_lossy(dir).into_owned(), source },
        })?;
        Ok(Some((path, parsed.time)))
    }

    /// Refuses a repository that has sessions and no marker that can be read: it is not one whose first session did not
    /// finish, and nothing may be cleaned away as if it were.
    ///
    /// # Errors
    /// [`Refusal::UnreadableMarker`], if a file system, or somebody, gave a marker another name; [`Refusal::NoMarker`].
    pub fn refuse_lost_marker(&self) -> Result<()> {
        let files = self.data_files()?;
        if !markers(&files).is_empty() {
            return Ok(());
        }
        let dir = StoredPath::fixed(DATA);
        let names = self.root.list(dir.as_bytes()).while_doing(Doing::List, self.path_of(&dir))?;
        let is_marker = |n: &[u8]| n.to_ascii_lowercase().starts_with(b"current_mirror");
        if let Some(name) = names.iter().find(|n| is_marker(n)) {
            return Err(Refusal::UnreadableMarker { marker: self.path_of(&dir.listed(name)) }.into());
        }
        let sessions = files.iter().filter(|f| f.base == b"mirror_metadata").count();
        if sessions > 1 || files.iter().any(|f| f.base == b"increments") {
            return Err(Refusal::NoMarker { repository: self.path().to_path_buf(), sessions }.into());
        }
        Ok(())
    }

    /// Has the directory `increments` anything in it?
    pub(crate) fn has_increments(&self) -> bool {
        self.root.list(INCREMENTS.as_bytes()).is_ok_and(|names| !names.is_empty())
    }
}

/// The markers among the data files, oldest first, each instant once.
pub(crate) fn markers(files: &[DataFile]) -> Vec<&DataFile> {
    let mut markers: Vec<&DataFile> = files.iter().filter(|f| f.base == MARKER).collect();
    markers.sort_by_key(|f| f.time);
    markers
}

pub(crate) fn state_of(files: &[DataFile], path: &Path) -> Result<MirrorState> {
    match markers(files)[..] {
        [] => Ok(MirrorState::Unfinished),
        [one] => Ok(MirrorState::Clean(one.time)),
        [old, new] if old.time < new.time => {
            Ok(MirrorState::Interrupted { good: old.time, failed: new.time })
        }
        ref many => Err(Refusal::TooManyMarkers { repository: path.to_path_buf(), count: many.len() }.into()),
    }
}

/// A small file, whole; nothing if it isn't there.
pub(crate) fn read_small(root: &Root, place: &StoredPath) -> Result<Option<Vec<u8>>> {
    use std::io::Read;
    const SMALL: u64 = 1 << 20;
    let path = root.path_of(place.as_bytes());
    let file = match root.open_file(place.as_bytes()) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.while_doing(Doing::Open, &path)?,
    };
    let mut content = Vec::new();
    file.take(SMALL).read_to_end(&mut content).while_doing(Doing::Read, &path)?;
    Ok(Some(content))
}
