//! Is it still the tree that the backup began with?

use std::io;
use std::sync::Arc;

use rdiff_core::tree::source::SourceGuard;
use rdiff_core::tree::{FileKind, Stat};

use super::packet::{self, Reply, Request};
use super::session::Pending;
use super::source::{Link, one_name, refused, stat_from};

/// Tells whether an SFTP session lives and its root is the same directory on the same file system.
///
/// A check costs one round trip. Where a file system of the remote was unmounted below the session, the root
/// still is a directory, but an empty one on another file system: OpenSSH tells the number of that.
pub struct SftpGuard {
    link: Arc<Link>,
    identity: Identity,
}

/// What can be known of the root.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    kind: FileKind,
    path: Vec<u8>,
    /// 0 where the server does not tell.
    file_system: u64,
}

impl Identity {
    /// Looks at the root, in one flight.
    pub(super) fn of(link: &Link) -> io::Result<Self> {
        let mut requests =
            vec![Request::LStat(&link.root), Request::RealPath(&link.root), Request::StatVfs(&link.root)];
        if !link.session.greeting().offers(packet::STATVFS, b"2") {
            requests.pop();
        }
        let asked = link.session.ask(&requests)?;
        let mut answers = asked.into_iter().map(Pending::wait);
        let mut next = || answers.next().unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()));
        let Stat { kind, .. } = stat_from(next()?)?;
        let path = one_name(next()?)?;
        let file_system = match if requests.len() == 3 { Some(next()?) } else { None } {
            Some(Reply::Extended(body)) => packet::decode_file_system(&body).unwrap_or_default(),
            Some(Reply::Status(packet::Code::Unsupported, _)) | None => 0,
            Some(other) => return Err(refused(other)),
        };
        Ok(Self { kind, path, file_system })
    }

    /// Is it a directory?
    pub(super) fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }
}

impl SftpGuard {
    pub(super) fn new(link: Arc<Link>) -> io::Result<Self> {
        let identity = Identity::of(&link)?;
        Ok(Self { link, identity })
    }
}

impl SourceGuard for SftpGuard {
    fn check(&self) -> Result<(), String> {
        match Identity::of(&self.link) {
            Ok(now) if now == self.identity => Ok(()),
            Ok(_) => Err(format!(
                "the source {} is no longer the directory that this backup began with (was a file system unmounted there?)",
                self.link.remote
            )),
            Err(e) => Err(format!("the source {} is gone: {e}", self.link.remote)),
        }
    }
}
