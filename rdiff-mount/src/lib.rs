//! Remote directories as local ones: sshfs mounts, fstab entries, and SFTP without a mount.
//!
//! This crate knows nothing of backups but two traits, and never prints. What it believes of mounts it reads in the mount
//! table; what could hang it leaves to child processes, which can be given up.
//!
//! | module | what it is for |
//! |---|---|
//! | [`location`] | where a tree is, as people type it; parse and print |
//! | [`sshfs`] | options of sshfs, each with its reason; what the installed one knows; trying a login |
//! | [`fstab`], [`fstab_file`] | entries of fstab as text, and changing the file |
//! | [`mountinfo`] | the kernel's table of mounts |
//! | [`mount`] | [`Mounter`] makes mounts, [`Mounted`] takes them down |
//! | [`guard`], [`watchdog`] | is it still the same mount, does it still answer, waking who waits |
//! | [`sftp`] | reading a remote tree over SFTP, without a mount and with many questions under way |
//! | [`place`] | a mounted place as a source, and its guard as a backup asks it |
//! | [`preflight`] | is a mounted place fit to be read |
//! | [`runner`] | running other programs within a time limit |
//! | [`error`], [`diagnosis`] | what went wrong, and the way out |
//!
//! A mount, guarded and watched, and taken down on every way out:
//!
//! ```no_run
//! # use std::{sync::Arc, time::Duration};
//! # use rdiff_mount::{location::Remote, *};
//! # fn main() -> Result<(), MountError> {
//! let remote = Remote::new(Some("backup"), "web", None, "/srv")?;
//! let mounted = Mounter::default().privately(&remote, "/run/backup".into(), &SshfsOptions::default())?;
//! let guard = mounted.guard()?;
//! let seconds = Duration::from_secs;
//! let watchdog = Watchdog::start(&guard, Arc::new(SystemRunner), seconds(5), seconds(20));
//! // Read below `mounted.path()`; before any deletion is believed:
//! guard.check()?;
//! drop((watchdog, guard));
//! mounted.unmount()?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod diagnosis;
pub mod error;
pub mod fstab;
pub mod fstab_file;
pub mod guard;
mod keeper;
pub mod location;
pub mod mount;
pub mod mountinfo;
pub mod place;
pub mod preflight;
mod quoting;
pub mod runner;
#[cfg(any(test, feature = "testing"))]
pub mod scripted;
pub mod sftp;
pub mod sshfs;
mod unmount;
pub mod watchdog;

pub use error::MountError;
pub use guard::MountGuard;
pub use location::{Location, Remote};
pub use mount::{Mounted, Mounter};
pub use place::{PlaceGuard, PlaceSource};
pub use preflight::{Finding, Preflight};
pub use runner::{CommandRunner, SystemRunner};
pub use sftp::{SftpBounds, SftpPaths, SftpSource};
pub use sshfs::SshfsOptions;
pub use unmount::Unmounted;
pub use watchdog::Watchdog;
