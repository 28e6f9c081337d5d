//! What a backup reads from, and whether it is still there.
//!
//! ```
//! use rdiff_core::path::RepoPath;
//! use rdiff_core::tree::source::{Listing, Source, SourceFile, SourceGuard, SourceTraits};
//!
//! /// Whatever the tree is, a backup asks it such things.
//! fn look(source: &dyn Source, guard: &dyn SourceGuard) -> std::io::Result<()> {
//!     let traits: SourceTraits = source.traits();
//!     println!("{}: {} threads read it best", source.name(), traits.readers);
//!     let listing: Listing = source.list(RepoPath::ROOT)?;
//!     println!("{} names", listing.names.len());
//!     let mut file: Box<dyn SourceFile> = source.open(RepoPath::ROOT.join(b"note").as_path())?;
//!     std::io::copy(&mut file, &mut std::io::sink())?;
//!     guard.check().map_err(std::io::Error::other)
//! }
//! # use rdiff_core::tree::attrs::Names;
//! # use rdiff_core::tree::local::{LocalGuard, LocalSource};
//! # let dir = tempfile::tempdir()?;
//! # std::fs::write(dir.path().join("note"), "text")?;
//! # let source = LocalSource::open(dir.path(), std::sync::Arc::new(Names::default()))?;
//! # look(&source, &LocalGuard::new(&source)?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::Stat;
use crate::entry::{Acl, Name, Xattrs};
use crate::path::RepoPath;
use std::io::{self, Read};

/// A tree that can be backed up. Calls come from many threads at once.
pub trait Source: Send + Sync {
    /// The path of the root as the user knows it, for messages.
    fn name(&self) -> String;

    /// What the root is.
    ///
    /// # Errors
    /// Those of the system.
    fn root(&self) -> io::Result<Stat>;

    /// The names in a directory, sorted as bytes. Where a listing brings the attributes with it, or the
    /// directory is small, `stats` holds them too, in the same order.
    ///
    /// # Errors
    /// Those of the system; the directory and all below it are then left as they are in the backup.
    fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing>;

    /// What stands at some names of a directory.
    fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<Stat>>;

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// Those of the system.
    fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>>;

    /// Opens a regular file.
    ///
    /// # Errors
    /// Those of the system.
    fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>>;

    /// Opens regular files one after the other, each when it is asked for. A source behind a network asks
    /// for the next ones meanwhile, and may hold small ones in memory when it hands them out.
    ///
    /// An error concerns its path alone; all of the results come in the order of `paths`.
    fn open_each<'a>(
        &'a self,
        paths: &'a [RepoPath<'a>],
    ) -> Box<dyn Iterator<Item = io::Result<Box<dyn SourceFile>>> + 'a> {
        Box::new(paths.iter().map(|path| self.open(*path)))
    }

    /// The attributes of a path that is not open: a directory, a link, a special file.
    ///
    /// # Errors
    /// Those of the system.
    fn attributes(&self, path: RepoPath<'_>, stat: &Stat) -> io::Result<(Xattrs, Acl)>;

    /// A number of bytes that the tree hardly goes beyond, where that is cheap to tell.
    fn most_bytes(&self) -> Option<u64> {
        None
    }

    /// What this tree can tell, and how best to ask.
    fn traits(&self) -> SourceTraits;

    /// The name of a user, if it is known where the tree is.
    fn user_name(&self, uid: u32) -> Option<Name>;

    /// The name of a group, likewise.
    fn group_name(&self, gid: u32) -> Option<Name>;
}

/// The contents of a directory.
pub struct Listing {
    /// The names, sorted as bytes.
    pub names: Vec<Box<[u8]>>,
    /// What stands at each name, if it came with the names.
    pub stats: Option<Vec<io::Result<Stat>>>,
}

/// An open regular file of a source.
pub trait SourceFile: Read + Send {
    /// What it is now.
    ///
    /// # Errors
    /// Those of the system.
    fn stat(&self) -> io::Result<Stat>;

    /// Its extended attributes and access control lists.
    ///
    /// # Errors
    /// Those of the system.
    fn attributes(&self) -> io::Result<(Xattrs, Acl)>;

    /// The next part of the file with data in it, at or after `offset`, as start and end. For files of
    /// which less is allocated than they are long; where holes can't be told, the rest of the file.
    ///
    /// # Errors
    /// Those of the system.
    fn data_after(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        let size = self.stat()?.size;
        Ok((offset < size).then_some((offset, size)))
    }

    /// Moves to an offset; what [`SourceFile::data_after`] named comes next.
    ///
    /// # Errors
    /// Those of the system.
    fn seek(&mut self, offset: u64) -> io::Result<()>;
}

/// What a source can tell, and how best to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceTraits {
    /// Does it have extended attributes?
    pub xattrs: bool,
    /// Does it have access control lists?
    pub acls: bool,
    /// Do equal change time and inode number mean that nothing was touched?
    pub change_marks: bool,
    /// Does its count of links mean anything?
    pub hard_links: bool,
    /// How many threads read it best: the cores of this machine, many more where each call waits for a
    /// network.
    pub readers: usize,
    /// How many files a reader takes at once: many where that is cheap or [`Source::open_each`] gains by it, few
    /// where each file is waited for, so that no reader is left with a long rest when the others are done.
    pub batch: usize,
}

impl SourceTraits {
    /// How many batches are under way at once for so many readers: some thousands of files at most, so that what
    /// was learnt of a file when its directory was listed is still fresh when it is opened.
    pub(crate) fn window(&self, readers: usize) -> usize {
        (2 * readers).min(4096 / self.batch.max(1)).max(1)
    }
}

/// Tells whether the source is still the tree that the backup began with.
pub trait SourceGuard: Send + Sync {
    /// Asked before deletions are believed and before a session is made good.
    ///
    /// # Errors
    /// What has happened to the source, in words for the user.
    fn check(&self) -> Result<(), String>;
}
