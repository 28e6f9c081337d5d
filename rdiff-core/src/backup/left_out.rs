//! The repository in its own source: it is left out, and that is said.

use crate::monitor::{Event, Monitor};
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::layout::DATA;
use crate::tree::Stat;
use crate::tree::walk::{Filter, Holds, Wanted};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the repository was met in its own source.
#[derive(Clone, Default)]
pub(super) struct LeftOut(Arc<Mutex<Vec<RepoPathBuf>>>);

impl LeftOut {
    /// Says it, once.
    pub(super) fn tell(&self, monitor: &dyn Monitor) {
        for path in std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            monitor.event(&Event::Note(&format!("left out {path}: it is the repository itself")));
        }
    }
}

/// Leaves the repository itself out of its source, and what bears the name of its data at the root.
pub(super) struct NotTheRepository<F> {
    inner: F,
    /// Device and inode, if it is there.
    repo: Option<(u64, u64)>,
    left_out: LeftOut,
}

impl<F> NotTheRepository<F> {
    /// What `inner` wants, but for the repository with this device and inode.
    pub(super) fn of(inner: F, repo: Option<(u64, u64)>) -> (Self, LeftOut) {
        let left_out = LeftOut::default();
        (Self { inner, repo, left_out: left_out.clone() }, left_out)
    }
}

impl<F: Filter> Filter for NotTheRepository<F> {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        let is_repo = stat.is_dir() && self.repo == Some((stat.device, stat.inode));
        if is_repo {
            self.left_out.0.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        }
        if is_repo || path.as_bytes() == DATA.as_bytes() {
            return Wanted::No;
        }
        self.inner.wants(path, stat, holds)
    }
}
