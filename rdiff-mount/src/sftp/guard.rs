//! Is it still the tree that the backup began with?

use std::io;
use std::sync::Arc;

use rdiff_core::tree::source::SourceGuard;
use rdiff_core::tree::{FileKind, Stat};

use super::packet::{self, Request};
use super::session::{Pending, Session};
use super::source::{Link, file_system, one_name, stat_from};

/// Tells whether an SFTP session lives and its root is the same directory on the same file system.
///
/// A check costs one round trip. Where a file system of the remote was unmounted below the session, the root
/// still is a directory, but an empty one on another file system: OpenSSH tells the number of that.
pub struct SftpGuard {
    link: Arc<Link>,
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

impl SftpGuard {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

impl SourceGuard for SftpGuard {
    fn check(&self) -> Result<(), String> {
        match Identity::of(&self.link.session, &self.link.root) {
            Ok((now, _)) if now == self.link.found.0 => Ok(()),
            Ok(_) => Err(format!(
                "the source {} is no longer the directory that this backup began with (was a file system unmounted there?)",
                self.link.remote
            )),
            Err(e) => Err(format!("the source {} is gone: {e}", self.link.remote)),
        }
    }
}
