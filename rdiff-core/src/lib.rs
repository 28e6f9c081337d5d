//! The rdiff-backup repository format and its jobs.
#![forbid(unsafe_code)]

pub mod delta;
pub mod entry;
pub mod error;
pub mod format;
pub mod merge;
pub mod monitor;
pub mod nest;
pub mod path;
pub mod pool;
pub mod repo;
pub mod time;
pub mod tree;
