//! The rdiff-backup repository format and its jobs: back up a tree, restore it as it was at any session, undo
//! a session that failed, list, compare, verify and thin out what there is.
//!
//! A repository is a plain copy of the newest state, the *mirror*, and a directory `rdiff-backup-data` with
//! what is needed to go back, session by session. The real rdiff-backup reads and continues what this crate
//! writes, and the other way round.
//!
//! Three ideas carry it: everything is a **sorted stream**, and jobs join streams pairwise; a **session is a
//! transaction**, in [`repo::session`]; **one thread** alone touches the mirror. Nothing here prints.
//!
//! # The map
//!
//! From the top down; a module uses modules of its own layer and of those below.
//!
//! | layer | modules |
//! |---|---|
//! | jobs | [`backup`], [`restore`], [`regress`]; [`list`], [`diff`], [`status`], [`compare`], [`verify`], [`remove`], [`purge`], [`statistics`] |
//! | repo | [`repo`]: the files on disk, [`repo::session`] their protocol, [`repo::metadata`] and [`repo::increments`] what was there |
//! | tree | [`tree`]: live trees. [`tree::source`] what a backup reads from, [`tree::walk`], [`tree::select`] |
//! | stream | [`merge`], [`nest`], [`pool`], [`delta`] |
//! | format | [`format`](mod@format): names and contents of all files, as bytes |
//! | words | [`path`], [`time`], [`entry`], [`error`], [`monitor`] |
//!
//! # Example
//!
//! ```
//! use rdiff_core::backup::{BackupRequest, backup};
//! use rdiff_core::monitor::Silent;
//! use rdiff_core::repo::Repository;
//! use rdiff_core::restore::{RestoreRequest, restore};
//! use rdiff_core::tree::attrs::Names;
//! use rdiff_core::tree::local::{LocalGuard, LocalSource};
//! use rdiff_core::tree::walk::Everything;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let (tree, target) = (dir.path().join("tree"), dir.path().join("backup"));
//! std::fs::create_dir(&tree)?;
//!
//! // Two sessions, with a change between them.
//! for (time, text) in [(1_700_000_000, "first"), (1_700_086_400, "second")] {
//!     std::fs::write(tree.join("note"), text)?;
//!     let source = Arc::new(LocalSource::open(&tree, Arc::new(Names::default()))?);
//!     let guard = LocalGuard::new(&source)?;
//!     let request = BackupRequest { time: Some(time), ..BackupRequest::default() };
//!     let report = backup(source, &guard, &target, &request, Everything, &Silent)?;
//!     assert_eq!(report.problems, 0);
//! }
//!
//! // The mirror is a plain copy.
//! assert_eq!(std::fs::read_to_string(target.join("note"))?, "second");
//!
//! // What can be restored, and the oldest of it.
//! let repo = Arc::new(Repository::open(&target)?);
//! let sessions = repo.sessions()?;
//! assert_eq!(sessions.len(), 2);
//! let old = dir.path().join("old");
//! restore(&repo, &old, &RestoreRequest::new(sessions[0]), Everything, &Silent)?;
//! assert_eq!(std::fs::read_to_string(old.join("note"))?, "first");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod backup;
pub mod compare;
pub mod delta;
pub mod diff;
pub mod entry;
pub mod error;
pub mod format;
pub mod list;
pub mod merge;
pub mod monitor;
pub mod nest;
pub mod path;
pub mod pool;
pub mod purge;
pub mod regress;
pub mod remove;
pub mod repo;
pub mod restore;
pub mod statistics;
pub mod status;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod tree;
pub mod verify;
