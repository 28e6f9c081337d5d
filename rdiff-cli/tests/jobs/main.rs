//! Jobs, doctor and setup with a real sshd, real sshfs, real users and the real fstab and crontab.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod doctor;
#[path = "../../../rdiff-mount/tests/lab/mod.rs"]
mod lab;
mod person;
mod restoring;
mod running;
mod scheduling;
mod setup;
