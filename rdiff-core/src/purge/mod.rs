//! Purging a path: out of the mirror, out of every session, and out of every file that names it.
//!
//! | # | step | if the machine stops after it |
//! |---|---|---|
//! | 1 | statistics, attributes, lists and side indexes are written anew without it | they lack the path, in some sessions |
//! | 2 | diffs of metadata get the records that `ancestors` speaks of | nothing has changed |
//! | 3 | metadata are written anew without the path, newest first, each durable before the next | newer sessions don't know the path, older ones restore it |
//! | 4 | mirror and increments are moved to staging, each in one step, or deleted | no session knows the path |
//! | 5 | staging is emptied | done |
//!
//! No other path is touched at any point, and the job done again finishes what was left. Metadata go newest
//! first because older files lean on newer ones: the other way round a session would take the record of a newer
//! one for its own. The other names of a hard-linked file take over what only its first name has; see `links`.
//!
//! Files of names that are too long stand under numbers that only records know. If the machine stops when the
//! records are gone, the next purge finds these files as numbers that no record of any session names.

mod ancestors;
mod carry_out;
mod filter;
mod links;
mod plan;
mod side;

pub use plan::{PurgePlan, PurgeReport};
pub use side::SidePlan;

use crate::error::Result;
use crate::monitor::{Monitor, Stop};
use crate::path::RepoPath;
use crate::repo::Repository;
use crate::repo::lock::Writer;
use std::sync::Arc;

/// Finds out what [`purge`] would do. Nothing is written, and no lock is taken.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// # use rdiff_core::monitor::Silent;
/// let would = rdiff_core::purge::preview(&repo, RepoPath::new(b"note")?, &Silent)?;
/// assert!(would.was_in_mirror && would.increments == 1);
/// assert!(repo.path().join("note").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`PurgePlan::new`]; [`Cancelled`](crate::error::Error::Cancelled).
pub fn preview(repo: &Arc<Repository>, path: RepoPath<'_>, monitor: &dyn Monitor) -> Result<PurgeReport> {
    Stop::watched(monitor, |stop| PurgePlan::until(stop, repo, path)).map(|plan| plan.report())
}

/// Purges `path`.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::path::RepoPath;
/// # use rdiff_core::repo::lock::Writer;
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::purge::{PurgePlan, PurgeReport, purge};
///
/// let note = RepoPath::new(b"note")?;
/// let plan = PurgePlan::new(&repo, note)?; // what it would do, found by reading alone
/// assert!(plan.increments().count() == 1 && plan.side_files().iter().any(|side| side.records > 0));
///
/// let writer = Writer::new(Arc::clone(&repo), false)?;
/// let report: PurgeReport = purge(&writer, note, &Silent)?;
/// assert!(report.was_in_mirror && report.increments == 1);
/// assert!(PurgePlan::new(&repo, note)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`PurgePlan::new`] and [`PurgePlan::carry_out`].
pub fn purge(writer: &Writer, path: RepoPath<'_>, monitor: &dyn Monitor) -> Result<PurgeReport> {
    Stop::watched(monitor, |stop| {
        PurgePlan::until(stop, writer.repo(), path)?.carry_out_until(stop, writer, monitor)
    })
}
