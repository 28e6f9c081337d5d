//! A tree behind an sftp server as a [`Source`].

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdiff_core::entry::{Acl, Name, Xattrs};
use rdiff_core::path::{RepoPath, check_component};
use rdiff_core::tree::source::{Listing, Source, SourceFile, SourceTraits};
use rdiff_core::tree::{FileKind, Stat};
use rustix::io::Errno;

use super::SftpBounds;
use super::answers::{one_name, refused, same_error, stat_from, stat_of, unexpected};
use super::file;
use super::guard::SftpGuard;
use super::handle::{Handle, Opening, Permit};
use super::link::{Link, connect};
use super::owners::Owners;
use super::packet::{Code, Named, Reply, Request};
use super::session::{Pending, Session};
use crate::error::{MountError, Result};
use crate::location::Remote;
use crate::sshfs::SshfsOptions;

/// How many threads read it best. Each of them keeps many questions under way, but lists one directory at a
/// time and waits for two round trips.
const READERS: usize = 256;
/// How many files one of them opens in turn, with the next ones under way.
const BATCH: usize = 128;
/// How many READDIRs are sent at first, and at most; OpenSSH answers each with up to 100 names.
const READDIRS: (usize, usize) = (4, 32);
/// More entries than this in one directory, and the server is not to be trusted.
const MOST_ENTRIES: usize = 1 << 24;
/// How many targets of links are kept for the one who asks for them next.
const MOST_TARGETS: usize = 1 << 16;
/// OpenSSH's server looks at entries by their whole path, and drops those that its 4096 bytes cannot hold.
const LONGEST_DIRECTORY: usize = 4096 - 2 - 255;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A remote tree, read over SFTP. ssh ends when this, its files and its guards are dropped.
pub struct SftpSource {
    link: Arc<Link>,
    /// The root, opened when it was looked at, for the first who lists it.
    top: Mutex<Top>,
    /// Targets of links, asked for with the listings, each for the first who wants it.
    targets: Mutex<HashMap<Vec<u8>, Pending>>,
    owners: Mutex<Owners>,
}

enum Top {
    NotAsked,
    Asked(Directory),
    Taken,
}

/// A directory that was asked for: what stands at its path, whether it may be entered, and its handle.
struct Directory {
    itself: Pending,
    inside: Pending,
    opening: Opening,
}

impl SftpSource {
    /// Logs in with the same options as sshfs gets, and finds the root.
    ///
    /// # Errors
    /// [`MountError::Start`] without ssh, [`MountError::Command`] with what ssh said when there was no
    /// login, [`MountError::RemoteDirectory`] when the root is no directory that can be read.
    pub fn connect(remote: &Remote, options: &SshfsOptions, bounds: &SftpBounds) -> Result<Self> {
        let session = connect(remote, options, bounds)?;
        Self::over(session, remote)
    }

    pub(super) fn over(session: Session, remote: &Remote) -> Result<Self> {
        let link = Link::new(session, remote.clone())
            .map_err(|source| MountError::RemoteDirectory { remote: remote.to_string(), source })?;
        Ok(Self {
            link: Arc::new(link),
            top: Mutex::new(Top::NotAsked),
            targets: Mutex::default(),
            owners: Mutex::default(),
        })
    }

    /// A guard for this session: that it lives, and that the root is the same as when it was found.
    pub fn guard(&self) -> SftpGuard {
        SftpGuard::new(Arc::clone(&self.link))
    }

    /// Why the session has failed, if it has.
    pub fn failure(&self) -> Option<Arc<MountError>> {
        self.link.session.failure()
    }

    /// Reads a directory to its end.
    fn entries(&self, path: &[u8]) -> io::Result<Vec<Named>> {
        let session = &self.link.session;
        let handle = self.directory(path)?.handle()?;
        let (mut window, mut ended) = (READDIRS.0, false);
        let mut pending = std::collections::VecDeque::new();
        let mut entries = Vec::new();
        loop {
            // All answers are waited for, also behind the end: not every server keeps their order. So more is only
            // asked for when it is likely that there is more, or each directory would take another round trip.
            if !ended && pending.len() <= READDIRS.0 / 2 {
                pending.extend(session.ask(&vec![Request::ReadDir(handle.bytes()); window - pending.len()])?);
                window = (window * 2).min(READDIRS.1);
            }
            let Some(next) = pending.pop_front() else { return Ok(entries) };
            match next.wait()? {
                Reply::Names(names) if !names.is_empty() && entries.len() <= MOST_ENTRIES => {
                    entries.extend(names);
                }
                Reply::Status(Code::Eof, _) => ended = true,
                other => return Err(refused(other)),
            }
        }
    }

    /// Asks for a directory, if that was not done yet.
    fn directory(&self, path: &[u8]) -> io::Result<Directory> {
        if path == self.link.root
            && let Top::Asked(directory) = std::mem::replace(&mut *lock(&self.top), Top::Taken)
        {
            return Ok(directory);
        }
        Directory::ask(&self.link, path)
    }

    /// Asks for what whoever looks at the root wants next: its names, and those of its owners.
    fn ask_for_top(&self) -> io::Result<()> {
        let mut top = lock(&self.top);
        if matches!(*top, Top::NotAsked) {
            *top = Top::Taken;
            let stat = self.link.found.1;
            lock(&self.owners).ask(&self.link.session, [stat.uid], [stat.gid])?;
            *top = Top::Asked(Directory::ask(&self.link, &self.link.root)?);
        }
        Ok(())
    }

    /// Asks for the targets of all links of a directory and for the names of owners not met before, and waits
    /// for neither.
    fn ask_for_more(
        &self,
        dir: RepoPath<'_>,
        names: &[Box<[u8]>],
        stats: &[io::Result<Stat>],
    ) -> io::Result<()> {
        let session = &self.link.session;
        let found = || names.iter().zip(stats).filter_map(|(name, stat)| Some((name, stat.as_ref().ok()?)));
        let (uids, gids) = (found().map(|(_, stat)| stat.uid), found().map(|(_, stat)| stat.gid));
        lock(&self.owners).ask(session, uids, gids)?;
        let room = MOST_TARGETS.saturating_sub(lock(&self.targets).len());
        let links = found().filter(|(_, stat)| stat.kind == FileKind::Symlink).take(room);
        let links: Vec<_> = links.map(|(name, _)| dir.join(name)).collect();
        let paths: Vec<_> = links.iter().map(|link| self.link.path(link.as_path())).collect();
        let asked: Vec<_> = paths.iter().map(|path| Request::ReadLink(path)).collect();
        let pending = session.ask(&asked)?;
        let links = links.iter().map(|link| link.as_path().as_bytes().to_vec());
        lock(&self.targets).extend(links.zip(pending));
        Ok(())
    }
}

impl Directory {
    fn ask(link: &Arc<Link>, path: &[u8]) -> io::Result<Self> {
        let inside = [path, b"/."].concat();
        let permit = Permit::one(link)?;
        let asked =
            link.session.ask(&[Request::LStat(path), Request::LStat(&inside), Request::OpenDir(path)]);
        let [itself, inside, open] = asked?.try_into().map_err(|_| unexpected())?;
        Ok(Self { itself, inside, opening: Opening::new(permit, open) })
    }

    /// Waits for the handle.
    fn handle(self) -> io::Result<Handle> {
        let handle = self.opening.handle();
        // No link is followed, and one that may be listed but not entered would look empty.
        if !stat_from(self.itself.wait()?)?.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        let handle = handle?;
        stat_from(self.inside.wait()?)?;
        Ok(handle)
    }
}

impl Source for SftpSource {
    fn name(&self) -> String {
        self.link.remote.to_string()
    }

    /// What it was when it was found; the guard tells if it still is the same.
    fn root(&self) -> io::Result<Stat> {
        self.ask_for_top()?;
        Ok(self.link.found.1)
    }

    fn list(&self, dir: RepoPath<'_>) -> io::Result<Listing> {
        let path = self.link.path(dir);
        if path.len() > LONGEST_DIRECTORY {
            return Err(Errno::NAMETOOLONG.into());
        }
        let mut entries = self.entries(&path)?;
        entries.retain(|entry| !matches!(&*entry.name, b"." | b".."));
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        // A file renamed while the directory is read can be met twice.
        entries.dedup_by(|a, b| a.name == b.name);
        for entry in &entries {
            check_component(&entry.name).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        }
        let stats: Vec<_> = entries.iter().map(|entry| stat_of(&entry.attrs)).collect();
        let names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
        self.ask_for_more(dir, &names, &stats)?;
        Ok(Listing { names, stats: Some(stats) })
    }

    fn stat_in(&self, dir: RepoPath<'_>, names: &[Box<[u8]>]) -> Vec<io::Result<Stat>> {
        let paths: Vec<_> = names.iter().map(|name| self.link.path(dir.join(name).as_path())).collect();
        let requests: Vec<_> = paths.iter().map(|path| Request::LStat(path)).collect();
        match self.link.session.ask(&requests) {
            Ok(asked) => asked.into_iter().map(|pending| stat_from(pending.wait()?)).collect(),
            Err(e) => names.iter().map(|_| Err(same_error(&e))).collect(),
        }
    }

    fn read_link(&self, path: RepoPath<'_>) -> io::Result<Vec<u8>> {
        let asked = lock(&self.targets).remove(path.as_bytes());
        one_name(match asked {
            Some(target) => target.wait()?,
            None => self.link.session.ask_one(&Request::ReadLink(&self.link.path(path)))?,
        })
    }

    fn open(&self, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
        file::open(&self.link, path)
    }

    fn open_each<'a>(
        &'a self,
        paths: &'a [RepoPath<'a>],
    ) -> Box<dyn Iterator<Item = io::Result<Box<dyn SourceFile>>> + 'a> {
        Box::new(file::OpenEach::new(&self.link, paths))
    }

    fn attributes(&self, _: RepoPath<'_>, _: &Stat) -> io::Result<(Xattrs, Acl)> {
        Ok(Default::default())
    }

    fn traits(&self) -> SourceTraits {
        SourceTraits {
            xattrs: false,
            acls: false,
            change_marks: false,
            hard_links: false,
            readers: READERS,
            batch: BATCH,
        }
    }

    fn user_name(&self, uid: u32) -> Option<Name> {
        lock(&self.owners).user(&self.link.session, uid)
    }

    fn group_name(&self, gid: u32) -> Option<Name> {
        lock(&self.owners).group(&self.link.session, gid)
    }
}
