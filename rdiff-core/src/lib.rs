//! The rdiff-backup repository format and its jobs.
#![forbid(unsafe_code)]

pub mod entry;
pub mod error;
pub mod monitor;
pub mod path;
pub mod time;
