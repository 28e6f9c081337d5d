//! What source, files and guard share: a login, and a root that was found.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdiff_core::path::RepoPath;
use rdiff_core::tree::{FileKind, Stat};
use rustix::io::Errno;

use super::SftpBounds;
use super::answers::{file_system, one_name, stat_from, unexpected};
use super::packet::{self, Reply, Request, ServerLimits};
use super::session::{Pending, Session};
use crate::error::Result;
use crate::location::Remote;
use crate::sshfs::SshfsOptions;

/// How many bytes any server gives in one read; the protocol promises a packet of 34000.
const SAFE_READ: usize = 32 << 10;

/// How many open handles are safe where the server does not tell.
const SAFE_HANDLES: usize = 100;

/// What sftp(1) asks of ssh too: nothing but the login; and not to trip over a `Host *` with a command.
const ONLY_LOGIN: [&str; 12] = [
    "-o",
    "ForwardX11=no",
    "-o",
    "ForwardAgent=no",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "RemoteCommand=none",
    "-o",
    "RequestTTY=no",
];

/// Logs in and greets the server.
///
/// # Errors
/// As [`Session::start`].
pub(super) fn connect(remote: &Remote, options: &SshfsOptions, bounds: &SftpBounds) -> Result<Session> {
    let command = options.ssh(remote)?.args(ONLY_LOGIN).args(options.sftp_arguments(remote));
    let command = if options.interactive { command.at_terminal() } else { command };
    let limit = Duration::from_secs(options.connect_timeout.into()) + bounds.silence;
    Session::start(&command, remote.ssh_destination(), limit, *bounds)
}

/// What source, files and guard share.
pub(super) struct Link {
    pub(super) session: Session,
    /// As the user wrote it.
    pub(super) remote: Remote,
    /// The root, absolute and without links.
    pub(super) root: Vec<u8>,
    /// What it was when it was found.
    pub(super) found: (Identity, Stat),
    /// How many bytes to ask for in one read.
    read_len: AtomicUsize,
    /// How many large files are open.
    pub(super) streams: AtomicUsize,
    /// How many threads open files in turn.
    pub(super) openers: AtomicUsize,
}

impl Link {
    /// Learns the server's limits, the true path of the root and what it is, all in one flight.
    pub(super) fn new(session: Session, remote: Remote) -> io::Result<Self> {
        let path = match remote.path().as_os_str().as_bytes() {
            b"" => b".".as_slice(),
            path => path,
        };
        let inside = [path, b"/."].concat();
        let offers = |extension, version: &[u8]| session.greeting().offers(extension, version);
        let mut requests = vec![Request::RealPath(path), Request::LStat(&inside)];
        let tells_file_system = offers(packet::STATVFS, b"2");
        requests.extend(tells_file_system.then_some(Request::StatVfs(path)));
        requests.extend(offers(packet::LIMITS, b"1").then_some(Request::Limits));
        let mut asked = session.ask(&requests)?.into_iter();
        let mut next = || asked.next().map(Pending::wait).unwrap_or_else(|| Err(unexpected()));
        let root = one_name(next()?);
        let stat = stat_from(next()?);
        let file_system = if tells_file_system { file_system(next()?) } else { Ok(0) };
        let limits = match next() {
            Ok(Reply::Extended(body)) => packet::decode_limits(&body).unwrap_or_default(),
            _ => ServerLimits::default(),
        };
        let told = |limit: u64| usize::try_from(limit).ok().filter(|limit| *limit > 0);
        session.allow_handles(told(limits.handles).map_or(SAFE_HANDLES, |most| most / 4 * 3));
        // Less than a packet by what else is in it.
        let read_len = told(limits.read).map_or(SAFE_READ, |most| most.min(packet::LONGEST_PACKET - 1024));
        let root = root?;
        let found = match (stat, file_system) {
            (Ok(stat), Ok(file_system)) if stat.is_dir() => {
                (Identity { kind: stat.kind, path: root.clone(), file_system }, stat)
            }
            // Asked once more, to tell a file from a directory that may not be entered.
            _ => Identity::of(&session, &root)?,
        };
        if !found.1.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        Ok(Self {
            session,
            remote,
            root,
            found,
            read_len: AtomicUsize::new(read_len),
            streams: AtomicUsize::new(0),
            openers: AtomicUsize::new(0),
        })
    }

    /// The whole path of something in the tree.
    pub(super) fn path(&self, path: RepoPath<'_>) -> Vec<u8> {
        match (&self.root[..], path.as_bytes()) {
            (root, b"") => root.to_vec(),
            (b"/", path) => [b"/", path].concat(),
            (root, path) => [root, b"/", path].concat(),
        }
    }

    /// How many bytes to ask for in one read.
    pub(super) fn read_len(&self) -> usize {
        self.read_len.load(Ordering::Relaxed)
    }

    /// The server gave no more than so many bytes in the middle of a file: ask for no more at once.
    pub(super) fn lower_read_len(&self, given: usize) {
        self.read_len.fetch_min(given.max(4096), Ordering::Relaxed);
    }
}

/// What can be known of the root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) kind: FileKind,
    pub(super) path: Vec<u8>,
    /// 0 where the server does not tell.
    pub(super) file_system: u64,
}

impl Identity {
    /// Looks at the root, in one flight.
    pub(super) fn of(session: &Session, root: &[u8]) -> io::Result<(Self, Stat)> {
        let mut requests = vec![Request::LStat(root), Request::RealPath(root), Request::StatVfs(root)];
        if !session.greeting().offers(packet::STATVFS, b"2") {
            requests.pop();
        }
        let asked = session.ask(&requests)?;
        let mut answers = asked.into_iter().map(Pending::wait);
        let mut next = || answers.next().unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()));
        let stat = stat_from(next()?)?;
        let path = one_name(next()?)?;
        let file_system = if requests.len() == 3 { file_system(next()?)? } else { 0 };
        Ok((Self { kind: stat.kind, path, file_system }, stat))
    }
}
