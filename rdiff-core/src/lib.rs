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
//! | jobs | [`backup`], [`restore`], [`regress`]; [`list`], [`diff`], [`status`], [`read`], [`compare`], [`explain`], [`verify`], [`remove`], [`purge`], [`statistics`] |
//! | repo | [`repo`]: the files on disk, [`repo::session`] their protocol, [`repo::metadata`] and [`repo::increments`] what was there |
//! | tree | [`tree`]: live trees. [`tree::source`] what a backup reads from, [`tree::walk`], [`tree::select`] |
//! | stream | [`merge`], [`nest`], [`pool`], [`delta`] |
//! | format | [`format`](mod@format): names and contents of all files, as bytes |
//! | words | [`path`], [`time`], [`entry`], [`error`], [`monitor`] |
//!
//! # For a program that embeds it
//!
//! | to | call |
//! |---|---|
//! | back up a local directory | [`backup::backup_directory`]; [`backup::backup`] from any [`Source`](tree::source::Source) |
//! | open a repository, or make one | [`Repository::open`](repo::Repository::open), [`open_or_create`](repo::Repository::open_or_create) |
//! | see its sessions, and find one by time | [`sessions`](repo::Repository::sessions), [`session_at`](repo::Repository::session_at), [`TimeSpec`](time::TimeSpec) |
//! | look at a session, read its files | [`read::SessionReader`], [`read::open_file`] |
//! | follow a path, or compare two sessions | [`list::history`], [`diff::changes`] |
//! | restore | [`restore::restore`] |
//! | check | [`verify::verify`], [`compare::compare`] |
//! | know why a path is taken or left out | [`explain::in_source`], [`explain::in_session`] |
//! | undo a session that failed, or the newest | [`regress::regress`], [`regress::undo_newest`] |
//! | remove old sessions | [`remove::remove_older_than`] |
//! | watch a job, or stop it | [`monitor::Monitor`] |
//!
//! A request is plain data with a [`Default`]. Calls block and may come from any thread; an open
//! [`Repository`](repo::Repository) is shared by as many readers as there are, and several repositories are independent of each
//! other. Who changes a repository holds its lock, as a [`Writer`](repo::lock::Writer) or inside [`backup`](mod@backup), and a second one gets
//! [`Error::Locked`](error::Error::Locked). The process is left alone: no global state, no signals, no exit, nothing
//! printed. Sizes are in bytes, times in whole seconds since 1970 where nothing else is said.
//!
//! `examples/` holds small programs: a nightly job, restoring one file, a session as a tar archive, watching progress,
//! listing what changed.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `serde` | no | `Serialize` and `Deserialize` for requests, rules, results (entries, versions, changes, status) and reports, times and paths. Names of fields and variants are those of Rust. Bytes that are UTF-8 become text, others a list of numbers. Fields that a request leaves out have their default. Errors and events are no data and have neither; [`error::chain`] makes text of an error |
//! | `testing` | no | the module `testing`: a disk that fails where it is told to, for the tests of this crate and of those above it; no promise of stability |
//!
//! # Example
//!
//! ```
//! use rdiff_core::backup::{BackupRequest, backup_directory};
//! use rdiff_core::monitor::Silent;
//! use rdiff_core::path::RepoPath;
//! use rdiff_core::read::open_file;
//! use rdiff_core::repo::Repository;
//! use rdiff_core::restore::{RestoreRequest, restore};
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
//!     let request = BackupRequest { time: Some(time), ..BackupRequest::default() };
//!     let report = backup_directory(&tree, &target, &request, &[], &Silent)?;
//!     assert_eq!(report.problems, 0);
//! }
//!
//! // The mirror is a plain copy.
//! assert_eq!(std::fs::read_to_string(target.join("note"))?, "second");
//!
//! // What can be restored, and the oldest of it; or one file, without restoring anything.
//! let repo = Arc::new(Repository::open(&target)?);
//! let sessions = repo.sessions()?;
//! let old = dir.path().join("old");
//! restore(&repo, &old, &RestoreRequest::new(sessions[0]), Everything, &Silent)?;
//! assert_eq!(std::fs::read_to_string(old.join("note"))?, "first");
//! let note = open_file(&repo, RepoPath::new(b"note")?, sessions[0])?;
//! assert_eq!(std::io::read_to_string(note)?, "first");
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
pub mod explain;
pub mod format;
pub mod list;
pub mod merge;
pub mod monitor;
pub mod nest;
pub mod path;
pub mod pool;
pub mod purge;
pub mod read;
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
