//! A mounted place as a [`Source`], and its guard as a backup asks it.
//!
//! ```no_run
//! use rdiff_core::tree::attrs::Names;
//! use rdiff_core::tree::local::LocalSource;
//! use rdiff_mount::{Mounter, PlaceGuard, PlaceSource};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! let mounter = Mounter::default();
//! let mounted = mounter.by_fstab("/mnt/web".into())?;
//! let directory = LocalSource::open(mounted.path().as_ref(), Arc::new(Names::default()))?;
//! let source = PlaceSource::new(directory, mounted.guard()?, "/mnt/web");
//! let guard = PlaceGuard::new(mounted.guard()?, Duration::from_secs(20), mounter.runner().clone());
//! // Both go to `rdiff_core::backup::backup`.
//! # drop((source, guard));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rdiff_core::entry::{Acl, Name, Xattrs};
use rdiff_core::path::RepoPath;
use rdiff_core::tree::local::LocalSource;
use rdiff_core::tree::source::{Listing, Source, SourceFile, SourceGuard, SourceTraits};
use rdiff_core::tree::{Stat, means_source_gone};

use crate::error::Result;
use crate::guard::MountGuard;
use crate::runner::CommandRunner;
use crate::watchdog::probe;

/// Tells whether a mounted place is still the mount that a backup began with, and whether its server still
/// answers.
///
/// [`MountGuard`] alone asks the kernel only; a backup must also know that what it last read came from the
/// server. So each check looks at the mount, asks the server one question through a child process that can
/// be given up, and looks again: what was answered came through this mount.
pub struct PlaceGuard {
    mount: MountGuard,
    limit: Duration,
    runner: Arc<dyn CommandRunner>,
}

impl PlaceGuard {
    /// Guards a mount; its server must answer within `limit`.
    pub fn new(mount: MountGuard, limit: Duration, runner: Arc<dyn CommandRunner>) -> Self {
        Self { mount, limit, runner }
    }

    /// Does what [`SourceGuard::check`] does, and keeps the error's type.
    ///
    /// # Errors
    /// Those of [`MountGuard::check`] and of [`probe`].
    pub fn inspect(&self) -> Result<()> {
        self.mount.check()?;
        probe(&self.mount.mount_point(), self.limit, &*self.runner)?;
        self.mount.check()
    }
}

impl SourceGuard for PlaceGuard {
    fn check(&self) -> std::result::Result<(), String> {
        self.inspect().map_err(|error| error.with_causes())
    }
}

/// A directory in a mounted place. Each listing is only believed if the mount still is the same after it.
pub struct PlaceSource {
    directory: LocalSource,
    guard: MountGuard,
    name: String,
}

impl PlaceSource {
    /// Reads `directory`, which lies in the guarded mount; messages call it `name`.
    pub fn new(directory: LocalSource, guard: MountGuard, name: impl Into<String>) -> Self {
        Self { directory, guard, name: name.into() }
    }

    /// What became of the mount says more than the error that came of it.
    fn told<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        let Err(error) = outcome else { return outcome };
        match self.guard.check() {
            Err(why) if means_source_gone(&error) => Err(gone(&why)),
            _ => Err(error),
        }
    }
}

fn gone(why: &crate::MountError) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, why.with_causes())
}

impl Source for PlaceSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn root(&self) -> io::Result<Stat> {
        self.told(self.directory.root())
    }

    fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing> {
        let listing = self.told(self.directory.list(dir))?;
        self.guard.check().map_err(|why| gone(&why))?;
        Ok(listing)
    }

    fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<Stat>> {
        self.directory.stat_in(dir, names).into_iter().map(|stat| self.told(stat)).collect()
    }

    fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>> {
        self.told(self.directory.read_link(path))
    }

    fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
        self.told(self.directory.open(path))
    }

    fn attributes(&self, path: RepoPath<'_>, stat: &Stat) -> io::Result<(Xattrs, Acl)> {
        self.told(self.directory.attributes(path, stat))
    }

    fn traits(&self) -> SourceTraits {
        self.directory.traits()
    }

    fn user_name(&self, uid: u32) -> Option<Name> {
        self.directory.user_name(uid)
    }

    fn group_name(&self, gid: u32) -> Option<Name> {
        self.directory.group_name(gid)
    }
}
