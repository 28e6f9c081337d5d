//! Reading one session: what was there, entry by entry, and the content of its files, one at a time.
//!
//! Nothing is restored to a disk on the way. A file with increments is put together from its chain as it is
//! read; only literals and packed bases of more than 8 MiB go to an unlinked temporary file.

use crate::entry::{Digest, Entry};
use crate::error::{Error, Result};
use crate::monitor::{Monitor, Stop};
use crate::path::RepoPath;
use crate::repo::Repository;
use crate::repo::groups::Groups;
use crate::repo::increments::{Chain, Increments, Listed};
use crate::repo::metadata::{Detail, Stream};
use crate::repo::put::{BUFFER, Hasher, read_full};
use crate::repo::rebuild::FileContent;
use crate::time::{SessionTime, TimeSpec};
use std::io::{self, Read};
use std::sync::Arc;

/// Opens files as they were at one session.
///
/// ```
/// # use rdiff_core::read::SessionReader;
/// # use rdiff_core::path::RepoPath;
/// # use std::io::Read;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let oldest = repo.sessions()?[0];
/// let mut session = SessionReader::new(repo, oldest)?;
/// for entry in session.entries(RepoPath::ROOT)? {
///     let entry = entry?;
///     if entry.file().is_some() {
///         let mut content = Vec::new();
///         session.open(&entry)?.read_to_end(&mut content)?;
///         assert_eq!(content, b"first");
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct SessionReader {
    repo: Arc<Repository>,
    at: SessionTime,
    /// The last good session, if the one after it failed.
    interrupted: Option<SessionTime>,
    listed: Listed,
    groups: Groups,
}

impl SessionReader {
    /// Reads the newest session that is not later than `at`.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`] if none is good; [`Error::Io`].
    pub fn new(repo: Arc<Repository>, at: impl Into<TimeSpec>) -> Result<Self> {
        let at = repo.session_at(at)?;
        let interrupted = repo.failed_after()?;
        Ok(Self { repo, at, interrupted, listed: Listed::default(), groups: Groups::default() })
    }

    /// The session.
    pub fn at(&self) -> SessionTime {
        self.at
    }

    /// The repository.
    pub fn repo(&self) -> &Arc<Repository> {
        &self.repo
    }

    /// What was at `subtree` and below it, in path order, with all attributes. The stream stands alone: it
    /// can be read in another thread, and after the reader is gone.
    ///
    /// # Errors
    /// As [`Repository::metadata_at`]; the stream can end with an error too.
    pub fn entries(&self, subtree: RepoPath<'_>) -> Result<Stream<Entry>> {
        let records = self.repo.metadata_at(self.at, subtree, Detail::All)?;
        Ok(Box::new(records.map(|recorded| recorded.map(|r| r.entry))))
    }

    /// What was at one path. The metadata are read up to it, so for many paths take them from
    /// [`entries`](Self::entries).
    ///
    /// # Errors
    /// [`Error::NoSuchPath`]; as [`Repository::metadata_at`].
    pub fn entry(&self, path: RepoPath<'_>) -> Result<Entry> {
        match self.entries(path)?.next().transpose()? {
            Some(entry) if entry.path.as_path() == path => Ok(entry),
            _ => Err(Error::NoSuchPath { path: path.to_owned(), at: self.at }),
        }
    }

    /// Opens the content of a regular file of this session. Of a group of hard links only the first has a
    /// recorded digest; the others are checked against it if the files are opened in path order.
    ///
    /// # Errors
    /// [`Error::NotAFile`]; [`Error::Rebuild`] for a damaged delta; [`Error::Corrupt`], [`Error::Io`].
    pub fn open(&mut self, entry: &Entry) -> Result<FileReader> {
        self.open_until(&Stop::default(), entry)
    }

    /// The same, asking the monitor some times a second whether to go on. What stands between a file and its first byte (deltas
    /// to be composed, a packed base) can be as large as the file; once it is open, each read takes as long as its bytes.
    ///
    /// ```
    /// # use rdiff_core::error::Error;
    /// # use rdiff_core::monitor::{Event, Monitor, Silent};
    /// # use rdiff_core::path::RepoPath;
    /// # use rdiff_core::read::SessionReader;
    /// # let dir = tempfile::tempdir()?;
    /// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
    /// # let oldest = repo.sessions()?[0];
    /// let mut session = SessionReader::new(repo, oldest)?;
    /// let note = session.entry(RepoPath::new(b"note")?)?;
    /// let file = session.open_watched(&note, &Silent)?;
    /// assert_eq!(std::io::read_to_string(file)?, "first");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::Cancelled`].
    pub fn open_watched(&mut self, entry: &Entry, monitor: &dyn Monitor) -> Result<FileReader> {
        Stop::watched(monitor, |stop| self.open_until(stop, entry))
    }

    fn open_until(&mut self, stop: &Stop, entry: &Entry) -> Result<FileReader> {
        let Some(file) = entry.file() else {
            return Err(Error::NotAFile { path: entry.path.clone(), at: self.at });
        };
        let mut digest = self.groups.digest(file);
        let mut increments = Increments::going_on(&self.repo, std::mem::take(&mut self.listed));
        let chain = increments.chain(entry, self.at);
        self.listed = increments.into_listed();
        let chain = chain?;
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let candidates = chain.candidates(&mirror, self.interrupted);
        if candidates.len() > 1 && digest.is_none() {
            digest = self.digest_of_group(entry)?;
        }
        let open = |chain: &Chain| {
            let content = self.repo.open_chain_until(stop, entry, chain, self.at)?;
            let hasher = Some(Hasher::default());
            Ok(FileReader { content, expected: entry.size(), digest, read: 0, hasher })
        };
        match &candidates[..] {
            // Where the last session failed, one of two chains can be meant. Only the content tells.
            [first, other] if !open(first).is_ok_and(|file| file.ends_well(stop, entry)) => open(other),
            _ => open(&chain),
        }
    }

    /// The digest of the group of hard links that a file is in, from the record of its first name.
    fn digest_of_group(&self, entry: &Entry) -> Result<Option<Digest>> {
        let mut groups = Groups::default();
        for recorded in self.repo.metadata_at(self.at, RepoPath::ROOT, Detail::Records)? {
            let recorded = recorded?.entry;
            let digest = recorded.file().and_then(|f| groups.digest(f));
            if recorded.path == entry.path {
                return Ok(digest);
            }
        }
        Ok(None)
    }
}

/// Opens one file as it was at a session: [`SessionReader::entry`] and [`SessionReader::open`] in one.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::read::{FileReader, open_file};
///
/// let file: FileReader = open_file(&repo, RepoPath::new(b"note")?, repo.sessions()?[0])?;
/// assert_eq!(file.size(), 5); // bytes
/// assert_eq!(std::io::read_to_string(file)?, "first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As those.
pub fn open_file(repo: &Arc<Repository>, path: RepoPath<'_>, at: impl Into<TimeSpec>) -> Result<FileReader> {
    let mut session = SessionReader::new(Arc::clone(repo), at)?;
    let entry = session.entry(path)?;
    session.open(&entry)
}

/// The content of a regular file at one session, from the front. What was read is checked against the
/// recorded size and SHA-1: where they differ the end is an error of kind [`io::ErrorKind::InvalidData`],
/// so a copy that ends well is a copy of what was backed up.
pub struct FileReader {
    content: FileContent,
    expected: u64,
    digest: Option<Digest>,
    read: u64,
    /// Gone when the end was reached.
    hasher: Option<Hasher>,
}

impl FileReader {
    /// How many bytes the file has.
    pub fn size(&self) -> u64 {
        self.expected
    }

    /// The SHA-1 that is checked at the end, where one is known.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    fn ends_well(self, stop: &Stop, entry: &Entry) -> bool {
        let mut content = stop.over(entry.path.as_path(), self);
        let mut buf = vec![0; BUFFER];
        loop {
            match read_full(&mut content, &mut buf) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    fn damaged(&self, what: String) -> io::Error {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is not what was backed up: {what}; the repository is damaged here"),
        )
    }

    fn check_end(&mut self) -> io::Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let found = hasher.finish();
        if self.read != self.expected {
            return Err(self.damaged(format!("it has {} bytes, {} were recorded", self.read, self.expected)));
        }
        match self.digest {
            Some(recorded) if recorded != found => Err(self.damaged(format!(
                "its SHA-1 is {}, {} was recorded",
                found.to_hex(),
                recorded.to_hex()
            ))),
            _ => Ok(()),
        }
    }
}

impl Read for FileReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let n = self.content.read(buf)?;
        if n == 0 {
            return self.check_end().map(|()| 0);
        }
        self.read += n as u64;
        if self.read > self.expected {
            return Err(self.damaged(format!("it has more than the {} bytes recorded", self.expected)));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buf[..n]);
        }
        Ok(n)
    }
}
