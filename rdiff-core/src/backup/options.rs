//! What of a request plan and stage look at.

use super::{BackupRequest, NOT_COMPRESSED};
use crate::error::{Refusal, Result};
use crate::tree::select::PyRegex;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// [`NOT_COMPRESSED`], made when an increment first asks for it: that takes as long as to plan hundreds of paths.
static USUAL: LazyLock<Option<PyRegex>> = LazyLock::new(|| PyRegex::at_start(NOT_COMPRESSED.as_bytes()).ok());

/// The settings that plan and stage look at.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) hard_links: bool,
    pub(super) compare_inodes: bool,
    compression: bool,
    /// If a request has one; else the usual pattern.
    not_compressed: Option<PyRegex>,
    /// How the repository is called, where it isn't written to by that path.
    called: Option<PathBuf>,
    /// A change time after this could be shared by a later edit.
    pub(super) settled_before: (i64, u32),
}

impl Options {
    /// What a request asks for, of a backup that was started then.
    ///
    /// # Errors
    /// [`Refusal::BadPattern`].
    pub(super) fn of(request: &BackupRequest, started: SystemTime) -> Result<Self> {
        let pattern = |pattern: &String| {
            PyRegex::at_start(pattern.as_bytes())
                .map_err(|e| Refusal::BadPattern { pattern: pattern.clone(), source: e.into() })
        };
        let not_compressed = request.not_compressed.as_ref().map(pattern).transpose()?;
        // The clock of change times advances in ticks of up to 10 ms; leave it some of them.
        let settled = started - Duration::from_millis(50);
        let settled = settled.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            hard_links: request.hard_links,
            compare_inodes: request.compare_inodes,
            compression: request.compression,
            not_compressed,
            called: request.called.clone().map(|called| OsString::from_vec(called).into()),
            settled_before: (settled.as_secs() as i64, settled.subsec_nanos()),
        })
    }

    /// Is the increment of a file gzipped? `path` says where its mirror is, in a repository that is called as it is told.
    pub(super) fn compresses(&self, path: impl FnOnce(Option<&Path>) -> PathBuf) -> bool {
        let excepted = || {
            let pattern = self.not_compressed.as_ref().or(USUAL.as_ref());
            let path = path(self.called.as_deref());
            pattern.is_some_and(|p| p.search(path.as_os_str().as_bytes()).unwrap_or(false))
        };
        self.compression && !excepted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_pattern_is_one() {
        let usual = USUAL.as_ref().unwrap();
        for (path, is_met) in [("a/b.JPG", true), ("a.gz", true), ("a.gzip", false), ("gz", false)] {
            assert_eq!(usual.search(path.as_bytes()).unwrap(), is_met, "{path}");
        }
    }
}
