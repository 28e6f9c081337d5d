//! The command line of rdiff-backup: arguments become requests, requests become reports.
//!
//! [`args`] reads the two command lines into one [`action::Invocation`]; [`dispatch`] carries it out, with one function for
//! each action. [`ssh`] knows how other hosts are reached; [`ui`] has the messages and [`advice`] the ways out, [`report`] the
//! results for people and scripts, [`json`] those for programs. [`job`] is what makes backups run by themselves, which
//! [`doctor`] and [`setup`] look after.
#![forbid(unsafe_code)]

pub mod action;
pub mod advice;
pub mod args;
pub mod companions;
pub mod complete;
pub mod dispatch;
pub mod doctor;
pub mod exit;
pub mod fold;
pub mod job;
pub mod json;
pub mod level;
pub mod limits;
pub mod locate;
pub mod meter;
pub mod progress;
pub mod report;
mod run;
pub mod setup;
pub mod ssh;
pub mod stop;
pub mod style;
mod tasks;
pub mod ui;
pub mod yaml;
