//! The rdiff-backup repository format and its jobs.
#![forbid(unsafe_code)]

pub mod delta;
pub mod path;
