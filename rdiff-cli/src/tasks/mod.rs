//! What is done with jobs: each task of `job`.

mod hooks;
pub(crate) mod keep;
mod restore;
mod run;
pub(crate) mod status;

use crate::action::jobs::{JobAction, Task};
use crate::args::jobs::backup_of_job;
use crate::job::error::{JobError, Result};
use crate::job::file::Job;
use crate::job::name::JobName;
use crate::job::store::Store;
use crate::run::{Context, Outcome};

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

/// Reads a job, and checks what it says of backups too.
///
/// # Errors
/// As [`Store::load`].
pub(crate) fn load(store: &Store, name: &JobName) -> Result<Job> {
    let job = store.load(name)?;
    match backup_of_job(&job) {
        Ok(_) => Ok(job),
        Err(what) => Err(JobError::BadFile { path: store.file(name), what }),
    }
}
