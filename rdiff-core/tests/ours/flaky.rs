//! A local source of which any call can be made to fail, or to do something first.

use std::io::{self, Read};
use std::path::Path;

use rdiff_core::entry::{Acl, Name, Xattrs};
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::tree::Stat;
use rdiff_core::tree::local::LocalSource;
use rdiff_core::tree::source::{Listing, Source, SourceFile, SourceTraits};
use std::sync::Arc;

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Root,
    List,
    Stat,
    ReadLink,
    Open,
    /// Once for each piece of a file's content.
    Read,
    /// Of an open file or of a path.
    Attributes,
}

type Hook = Arc<dyn Fn(Call, &[u8]) -> io::Result<()> + Send + Sync>;

/// Asks its hook before each call.
pub struct Flaky {
    inner: LocalSource,
    hook: Hook,
}

impl Flaky {
    pub fn new(source: &Path, hook: impl Fn(Call, &[u8]) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { inner: super::local(source), hook: Arc::new(hook) }
    }

    fn before(&self, call: Call, path: RepoPath<'_>) -> io::Result<()> {
        (self.hook)(call, path.as_bytes())
    }
}

impl Source for Flaky {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn root(&self) -> io::Result<Stat> {
        self.before(Call::Root, RepoPath::ROOT)?;
        self.inner.root()
    }

    fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing> {
        self.before(Call::List, dir)?;
        let mut listing = self.inner.list(dir)?;
        if let Some(stats) = &mut listing.stats {
            for (stat, name) in stats.iter_mut().zip(&listing.names) {
                if let Err(e) = self.before(Call::Stat, dir.join(name).as_path()) {
                    *stat = Err(e);
                }
            }
        }
        Ok(listing)
    }

    fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<Stat>> {
        let stats = self.inner.stat_in(dir, names);
        let asked = |name: &[u8]| self.before(Call::Stat, dir.join(name).as_path());
        stats.into_iter().zip(names).map(|(stat, name)| asked(name).and(stat)).collect()
    }

    fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>> {
        self.before(Call::ReadLink, path)?;
        self.inner.read_link(path)
    }

    fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
        self.before(Call::Open, path)?;
        let (inner, hook) = (self.inner.open(path)?, Arc::clone(&self.hook));
        Ok(Box::new(FlakyFile { inner, hook, path: path.to_owned() }))
    }

    fn attributes(&self, path: RepoPath<'_>, stat: &Stat) -> io::Result<(Xattrs, Acl)> {
        self.before(Call::Attributes, path)?;
        self.inner.attributes(path, stat)
    }

    fn traits(&self) -> SourceTraits {
        self.inner.traits()
    }

    fn user_name(&self, uid: u32) -> Option<Name> {
        self.inner.user_name(uid)
    }

    fn group_name(&self, gid: u32) -> Option<Name> {
        self.inner.group_name(gid)
    }
}

struct FlakyFile {
    inner: Box<dyn SourceFile>,
    hook: Hook,
    path: RepoPathBuf,
}

impl Read for FlakyFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (self.hook)(Call::Read, self.path.as_bytes())?;
        self.inner.read(buf)
    }
}

impl SourceFile for FlakyFile {
    fn stat(&self) -> io::Result<Stat> {
        self.inner.stat()
    }

    fn attributes(&self) -> io::Result<(Xattrs, Acl)> {
        (self.hook)(Call::Attributes, self.path.as_bytes())?;
        self.inner.attributes()
    }

    fn data_after(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        self.inner.data_after(offset)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.inner.seek(offset)
    }
}
