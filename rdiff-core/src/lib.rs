//! The rdiff-backup repository format and its jobs.
#![forbid(unsafe_code)]

pub mod entry;
pub mod error;
pub mod format;
pub mod monitor;
pub mod path;
pub mod time;
