//! Backups that run by themselves: what to back up, from where and to where is said once, in a file.
//!
//! | module | what it is for |
//! |---|---|
//! | [`file`](mod@file) | what a job says, as TOML |
//! | [`store`] | where jobs are kept, for which user |
//! | [`state`] | how the last run ended; one run at a time |
//! | [`schedule`], [`install`] | lines of crontabs, systemd services and timers |
//! | [`error`](mod@error) | what can go wrong |

pub mod error;
pub mod file;
pub mod install;
pub mod schedule;
pub mod state;
pub mod store;

mod hooks;
pub(crate) mod keep;
mod restore;
mod run;
pub(crate) mod status;

use std::ffi::OsString;

use file::Job;
use schedule::{Service, When};
use store::{JobName, Store};

use crate::run::{Context, Outcome};

/// A task, and the jobs it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct JobAction {
    /// Where the jobs are.
    pub store: Store,
    /// What to do.
    pub task: Task,
}

impl JobAction {
    /// The words of the command line.
    pub fn words(&self) -> &'static str {
        match self.task {
            Task::Add(_) => "job add",
            Task::List => "job list",
            Task::Remove(_) => "job remove",
            Task::Restore(_) => "job restore",
            Task::Run(_) => "job run",
            Task::Schedule(_) => "job schedule",
            Task::Status { .. } => "job status",
        }
    }
}

/// What to do with jobs.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Write the file of a new one.
    Add(Box<Add>),
    /// List all.
    List,
    /// Remove one.
    Remove(JobName),
    /// Restore from its repository.
    Restore(Restore),
    /// Run one or all.
    Run(Run),
    /// Let it be run.
    Schedule(Schedule),
    /// How they are.
    Status {
        /// Which; all if there is none.
        names: Vec<JobName>,
        /// How old a last good session may be, instead of what the jobs say.
        max_age: Option<String>,
    },
}

/// A new job.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an argument of the command line")]
pub struct Add {
    pub name: JobName,
    pub job: Job,
    pub replace: bool,
}

/// A restore from the repository of a job.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is an argument of the command line")]
pub struct Restore {
    pub name: JobName,
    pub at: String,
    pub path: Option<OsString>,
    pub target: Target,
    pub dry_run: bool,
}

/// Where to restore to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// To where it came from.
    InPlace,
    /// To a location.
    Place(OsString),
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Which; all if there is none.
    pub name: Option<JobName>,
    /// Print nothing when all went well.
    pub quiet: bool,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Of which job; of all if there is none.
    pub name: Option<JobName>,
    /// When; nothing to take it away.
    pub when: Option<When>,
    /// By what.
    pub service: Service,
    /// Install it, and don't only print it.
    pub install: bool,
}

/// Does it.
pub(crate) fn job(action: &JobAction, cx: &Context<'_>) -> Outcome {
    let store = &action.store;
    match &action.task {
        Task::Add(add) => keep::add(add, store, cx),
        Task::List => keep::list(store, cx),
        Task::Remove(name) => keep::remove(name, store, cx),
        Task::Schedule(asked) => keep::schedule(asked, store, cx),
        Task::Run(asked) => run::run(asked, store, cx),
        Task::Status { names, max_age } => status::status(names, max_age.as_deref(), store, cx),
        Task::Restore(asked) => restore::restore(asked, store, cx),
    }
}
