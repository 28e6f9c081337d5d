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
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `serde` | no | `Serialize` and `Deserialize` for [`SshfsOptions`], [`SftpBounds`] and [`FstabEntry`](fstab::FstabEntry); options and bounds that are left out have their default. A [`Location`] and a [`Remote`] have a form as text already, and what is read from the machine, such as mounts, is not for keeping |
//! | `testing` | no | the module `scripted`: programs whose answers a test writes down; no promise of stability |
//!
//! # Examples
//!
//! Another host's tree as a source, without a mount; a backup reads it like a local one:
//!
//! ```no_run
//! # use rdiff_core::backup::{BackupRequest, backup};
//! # use rdiff_core::monitor::Silent;
//! # use rdiff_core::tree::walk::Everything;
//! # use rdiff_mount::{Remote, SftpBounds, SftpSource, SshfsOptions};
//! # use std::{path::Path, sync::Arc};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let remote = Remote::new(Some("backup"), "web", None, "/srv")?;
//! let source = SftpSource::connect(&remote, &SshfsOptions::default(), &SftpBounds::default())?;
//! let guard = source.guard();
//! let (target, request) = (Path::new("/backup/web"), BackupRequest::default());
//! let report = backup(Arc::new(source), &guard, target, &request, Everything, &Silent)?;
//! assert_eq!(report.problems, 0);
//! # Ok(())
//! # }
//! ```
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
