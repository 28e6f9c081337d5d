//! Backups that run by themselves: what to back up, from where and to where is said once, in a file.
//!
//! | module | what it is for |
//! |---|---|
//! | [`file`](mod@file) | what a job says, as TOML |
//! | [`store`], [`name`] | where jobs are kept, for which user, under which names |
//! | [`state`] | how the last run ended; one run at a time |
//! | [`schedule`], [`install`] | lines of crontabs, systemd services and timers |
//! | [`error`](mod@error) | what can go wrong |
//!
//! What is done with them is in `tasks`.

pub mod error;
pub mod file;
pub mod install;
pub mod name;
pub mod schedule;
pub mod state;
pub mod store;
