//! Is it still the tree that the backup began with?

use std::sync::Arc;

use rdiff_core::tree::source::SourceGuard;

use super::link::{Identity, Link};

/// Tells whether an SFTP session lives and its root is the same directory on the same file system.
///
/// A check costs one round trip. Where a file system of the remote was unmounted below the session, the root
/// still is a directory, but an empty one on another file system: OpenSSH tells the number of that.
pub struct SftpGuard {
    link: Arc<Link>,
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
