//! One function for each action: locate, call, report.

mod ahead;
pub(crate) mod backup;
mod clock;
pub(crate) mod compare;
mod context;
pub(crate) mod diff;
mod explain;
pub(crate) mod history;
mod lines;
pub(crate) mod list;
mod mounts;
pub(crate) mod open;
mod options;
pub(crate) mod other;
mod place;
pub(crate) mod regress;
pub(crate) mod remove;
pub(crate) mod restore;
mod selection;
pub(crate) mod source;
pub(crate) mod status;
mod target;
pub(crate) mod verify;
mod would;

pub(crate) use context::{Context, Failure, OrFail, Outcome, Step};
