//! The command line of rdiff-backup: arguments become requests, requests become reports.
//!
//! [`args`] and [`legacy`] read the two command lines into one [`action::Invocation`].
#![forbid(unsafe_code)]

pub mod action;
pub mod args;
pub mod exit;
pub mod fold;
pub mod legacy;
pub mod ui;
pub mod yaml;
