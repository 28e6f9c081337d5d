//! Backing up a local directory, the common case, in one call.

use super::{BackupReport, BackupRequest, backup};
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::monitor::{Event, Monitor};
use crate::tree::attrs::Names;
use crate::tree::local::{LocalGuard, LocalSource};
use crate::tree::select::{Rule, Selected};
use crate::tree::source::Source;
use std::path::Path;
use std::sync::Arc;

/// Backs up a directory of this machine, or one that is mounted, to the repository at `target`, which is made
/// if it isn't there. The patterns of `selection` begin with `source`, as it is given here.
///
/// ```
/// use rdiff_core::backup::{BackupRequest, backup_directory};
/// use rdiff_core::monitor::Silent;
/// use rdiff_core::tree::select::Rule;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let (home, target) = (dir.path().join("home"), dir.path().join("backup"));
/// # std::fs::create_dir_all(home.join("cache"))?;
/// # std::fs::write(home.join("letter"), "Dear")?;
/// let rules = [Rule::exclude("**/cache")];
/// let report = backup_directory(&home, &target, &BackupRequest::default(), &rules, &Silent)?;
/// assert_eq!(report.problems, 0);
/// # assert!(target.join("letter").is_file() && !target.join("cache").exists());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`backup`]; [`Error::BadSelection`]; [`Error::Io`] if `source` can't be opened.
pub fn backup_directory(
    source: &Path,
    target: &Path,
    request: &BackupRequest,
    selection: &[Rule],
    monitor: &dyn Monitor,
) -> Result<BackupReport> {
    refuse_own_source(source, target)?;
    let tree = LocalSource::open(source, Arc::new(Names::default())).while_doing(Doing::Open, source)?;
    let root = tree.root().while_doing(Doing::Stat, source)?;
    let guard = LocalGuard::new(&tree).while_doing(Doing::Stat, source)?;
    let filter = select(selection, source, root.device, monitor)?;
    backup(Arc::new(tree), &guard, target, request, filter, monitor)
}

/// The filter that rules make for a tree at `base` on `device` (0 for one that isn't live). What is odd in them
/// is told to the monitor.
///
/// ```
/// # use rdiff_core::backup::select;
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::tree::select::Rule;
/// let rules = [Rule::exclude("/home/*/.cache")];
/// let filter = select(&rules, "/home".as_ref(), 0, &Silent)?; // 0: any device
/// // A rule that can match nothing below the source is an error.
/// assert!(select(&rules, "/srv".as_ref(), 0, &Silent).is_err());
/// # drop(filter);
/// # Ok::<(), rdiff_core::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::BadSelection`].
pub fn select(rules: &[Rule], base: &Path, device: u64, monitor: &dyn Monitor) -> Result<Selected> {
    let (selected, warnings) =
        Selected::of(rules, base, device).map_err(|e| Error::BadSelection { source: Box::new(e) })?;
    for warning in warnings {
        monitor.event(&Event::Warning(&warning.to_string()));
    }
    Ok(selected)
}

/// Refuses a source that lies in its own repository: its backup would change it.
///
/// ```
/// # use rdiff_core::backup::refuse_own_source;
/// # use rdiff_core::error::{Error, Refusal};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let own = refuse_own_source(repo.path(), repo.path());
/// assert!(matches!(own, Err(Error::Refused(Refusal::SourceInRepository { .. }))));
/// refuse_own_source(&dir.path().join("tree"), repo.path())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Refusal::SourceInRepository`].
pub fn refuse_own_source(source: &Path, target: &Path) -> Result<()> {
    match (source.canonicalize(), target.canonicalize()) {
        (Ok(source), Ok(target)) if source.starts_with(&target) => {
            Err(Refusal::SourceInRepository { path: source, repository: target }.into())
        }
        _ => Ok(()),
    }
}
