//! The rdiff-backup repository format and its jobs.
#![forbid(unsafe_code)]

pub mod backup;
pub mod compare;
pub mod delta;
pub mod entry;
pub mod error;
pub mod format;
pub mod list;
pub mod merge;
pub mod monitor;
pub mod nest;
pub mod path;
pub mod pool;
pub mod regress;
pub mod remove;
pub mod repo;
pub mod restore;
pub mod time;
pub mod tree;
pub mod verify;
