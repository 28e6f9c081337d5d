//! Remote directories as local ones: sshfs mounts, fstab entries and, without a mount, SFTP.
#![forbid(unsafe_code)]

pub mod diagnosis;
pub mod error;
pub mod fstab;
pub mod fstab_file;
pub mod guard;
pub mod location;
pub mod mount;
pub mod mountinfo;
pub mod preflight;
mod quoting;
pub mod runner;
#[cfg(any(test, feature = "testing"))]
pub mod scripted;
pub mod sshfs;
mod unmount;
pub mod watchdog;

pub use unmount::Unmounted;
