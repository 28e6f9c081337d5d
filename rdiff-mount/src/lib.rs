//! Remote directories as local ones: sshfs mounts, fstab entries and, without a mount, SFTP.
#![forbid(unsafe_code)]

pub mod location;
mod quoting;
