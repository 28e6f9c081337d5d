//! For tests (feature `testing`): a disk that fails where it is told to, and that takes back what a power cut
//! would.
//!
//! What counts as covered follows the least that POSIX promises: the content of a file by a sync of that file,
//! a name by a sync of its directory, all by a barrier. Extended attributes and ACLs are not taken back.

mod disk;
mod power_cut;

pub use disk::{Fault, FaultyDisk, Lost};

use crate::backup::{BackupReport, BackupRequest};
use crate::error::{Doing, IoContext, Result};
use crate::monitor::{Monitor, Silent};
use crate::repo::Repository;
use crate::repo::disk::Disk;
use crate::restore::{RestoreReport, RestoreRequest};
use crate::tree::source::{Source, SourceGuard};
use crate::tree::walk::Everything;
use std::path::Path;
use std::sync::Arc;

/// [`crate::backup::backup`] of all of `source`, with every change going through `disk`.
///
/// # Errors
/// As there.
pub fn backup_on(
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    disk: Arc<dyn Disk>,
    request: &BackupRequest,
    monitor: &dyn Monitor,
) -> Result<BackupReport> {
    crate::backup::backup_on(source, guard, disk, request, Everything, monitor, std::time::SystemTime::now())
}

/// [`crate::restore::restore`] of all, with the operations on the target failing as told. `graveyard` is a directory
/// of the target's file system outside of it. Says how many operations there were, too.
///
/// # Errors
/// As there.
pub fn restore_on(
    repo: &Arc<Repository>,
    target: &Path,
    request: &RestoreRequest,
    graveyard: &Path,
    fault: Fault,
) -> (Result<RestoreReport>, u64) {
    let mut made = None;
    let done = crate::restore::restore_by(repo, target, request, Everything, &Silent, |real| {
        let disk = Arc::new(FaultyDisk::over(real, graveyard, fault));
        made = Some(Arc::clone(&disk));
        disk
    });
    (done, made.map_or(0, |disk| disk.operations()))
}

/// A repository below `dir`, which exists, of two sessions one day apart: a file `note` that holds `first`, then
/// `second`. What the examples of the documentation begin with.
///
/// # Errors
/// As [`crate::backup::backup_directory`].
pub fn two_sessions(dir: &Path) -> Result<Arc<Repository>> {
    let (tree, target) = (dir.join("tree"), dir.join("backup"));
    std::fs::create_dir(&tree).while_doing(Doing::Create, &tree)?;
    for (time, text) in [(1_700_000_000, "first"), (1_700_086_400, "second")] {
        let note = tree.join("note");
        std::fs::write(&note, text).while_doing(Doing::Write, &note)?;
        let request = BackupRequest { time: Some(time), ..BackupRequest::default() };
        crate::backup::backup_directory(&tree, &target, &request, &[], &Silent)?;
    }
    Repository::open(&target).map(Arc::new)
}
