//! What was asked of jobs, as plain data: `job`, `doctor` and `setup`.

use crate::job::file::Job;
use crate::job::name::JobName;
use crate::job::schedule::{Service, When};
use crate::job::store::Store;
use camino::Utf8PathBuf;
use std::ffi::OsString;

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

/// What to check.
#[derive(Clone, Debug, PartialEq)]
pub struct Doctor {
    /// Where the jobs are.
    pub store: Store,
    /// Which job; if there is none, all of them and what else is set up here.
    pub name: Option<JobName>,
    /// Try to mount?
    pub mount: bool,
}

/// What to set up.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Where the job is kept.
    pub store: Store,
    /// Its name.
    pub name: JobName,
    /// What it says; its repository is not set yet.
    pub job: Job,
    /// The repository; a directory at home if it is not named.
    pub repository: Option<Utf8PathBuf>,
    /// When it is run; nothing for never.
    pub when: Option<When>,
    /// By what it is run.
    pub service: Service,
    /// The fingerprint that the host's key must have.
    pub host_key: Option<String>,
    /// For whom, if not for who asks.
    pub user: Option<String>,
    /// Only show the steps.
    pub dry_run: bool,
}
