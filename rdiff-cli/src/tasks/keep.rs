//! Making jobs, listing and removing them, and scheduling them.

use camino::Utf8PathBuf;
use rdiff_mount::SystemRunner;
use serde_json::json;

use super::load;
use crate::action::jobs::{Add, Schedule};
use crate::exit::Exit;
use crate::job::error::JobError;
use crate::job::file::Job;
use crate::job::install::{Installer, is_root};
use crate::job::name::JobName;
use crate::job::schedule::{Call, Service, When, shell_word};
use crate::job::state::JobLock;
use crate::job::store::Store;
use crate::run::{Context, Failure, OrFail, Outcome, Step};

pub(super) fn add(add: &Add, store: &Store, cx: &Context<'_>) -> Outcome {
    if cx.is_dry() {
        let path = store.place(&add.name, add.replace).or_fail(cx, Step::Run)?;
        cx.print(format!("{path} would be written:\n{}", add.job.to_toml(&add.name)))?;
        return Ok(Exit::OK);
    }
    let path = store.save(&add.name, &add.job, add.replace).or_fail(cx, Step::Run)?;
    cx.print(format!(
        "job {name} is in {path}; 'rdiff-backup doctor {name}' checks it, 'rdiff-backup job run {name}' runs it\n",
        name = add.name
    ))?;
    Ok(Exit::OK)
}

pub(super) fn list(store: &Store, cx: &Context<'_>) -> Outcome {
    let names = store.names().or_fail(cx, Step::Run)?;
    if names.is_empty() {
        cx.ui.note(&format!("there is no job in {}", store.config()));
    }
    let mut exit = Exit::OK;
    let mut rows = Vec::new();
    for name in names {
        match load(store, &name) {
            Ok(job) => {
                let via = job.via().map_or("local", |via| via.as_str());
                if let Some(json) = cx.json() {
                    let (source, repository) = (&job.source, &job.repository);
                    json.item("job", &json!({"name": name.as_str(), "via": via, "source": source, "repository": repository}));
                    continue;
                }
                rows.push([name.to_string(), via.to_owned(), job.source, job.repository.into_string()]);
            }
            Err(e) => {
                cx.ui.failure(&e);
                exit |= Exit::ERROR;
            }
        }
    }
    cx.print_for_people(&table(&rows))?;
    Ok(exit)
}

/// Rows with their columns below each other.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

pub(super) fn remove(name: &JobName, store: &Store, cx: &Context<'_>) -> Outcome {
    let file = store.file(name);
    // A file that can't be read any more can be removed all the same.
    let repository = match load(store, name) {
        Ok(job) => Some(job.repository),
        Err(e @ JobError::Unknown { .. }) => return Err(e).or_fail(cx, Step::Run),
        Err(_) => None,
    };
    let stays = repository.map(|r| format!("; the repository {r} stays")).unwrap_or_default();
    if cx.is_dry() {
        let mut gone = scheduled(Some(name), store, cx)?;
        gone.push(file.into_string());
        cx.print(format!("would be removed: {}{stays}\n", gone.join(", ")))?;
        return Ok(Exit::OK);
    }
    let _lock = JobLock::take(store, name).or_fail(cx, Step::Run)?;
    let mut gone = unschedule(Some(name), store, cx)?;
    store.remove(name).or_fail(cx, Step::Run)?;
    gone.push(file.into_string());
    cx.print(format!("removed {}{stays}\n", gone.join(", ")))?;
    Ok(Exit::OK)
}

/// The name of a line of the crontab, for people.
const CRON_LINE: &str = "the line of the crontab";

/// What runs a job: what [`unschedule`] would take away.
fn scheduled(name: Option<&JobName>, store: &Store, cx: &Context<'_>) -> Result<Vec<String>, Failure> {
    let installer = Installer { runner: &SystemRunner, store };
    let call = call(name, store, cx)?;
    let crontab = installer.crontab().or_fail(cx, Step::Run)?.unwrap_or_default();
    let units = installer.unit_files(&call).or_fail(cx, Step::Run)?.into_iter().filter(|file| file.exists());
    let line = call.is_in(&crontab).then(|| CRON_LINE.to_owned());
    Ok(line.into_iter().chain(units.map(Utf8PathBuf::into_string)).collect())
}

/// Takes away whatever runs a job, and tells what it was.
fn unschedule(name: Option<&JobName>, store: &Store, cx: &Context<'_>) -> Result<Vec<String>, Failure> {
    let installer = Installer { runner: &SystemRunner, store };
    let call = call(name, store, cx)?;
    let mut gone = Vec::new();
    if installer.change_crontab(&call, None).or_fail(cx, Step::Run)? {
        gone.push(CRON_LINE.to_owned());
    }
    let units = installer.remove_units(&call).or_fail(cx, Step::Run)?;
    gone.extend(units.into_iter().map(Utf8PathBuf::into_string));
    Ok(gone)
}

/// How this very program runs a job.
pub(crate) fn call(name: Option<&JobName>, store: &Store, cx: &Context<'_>) -> Result<Call, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| cx.refuse(Step::Setup, &format!("it can't be found out where this program is: {e}")))?;
    let program = Utf8PathBuf::from_path_buf(program).map_err(|path| {
        cx.refuse(Step::Setup, &format!("the path of this program, '{}', is not UTF-8", path.display()))
    })?;
    Ok(Call::new(&program, name, store))
}

pub(super) fn schedule(asked: &Schedule, store: &Store, cx: &Context<'_>) -> Outcome {
    let jobs = jobs(asked.name.as_ref(), store).or_fail(cx, Step::Check)?;
    let Some(when) = asked.when else {
        let (gone, removed) = if cx.is_dry() {
            (scheduled(asked.name.as_ref(), store, cx)?, "would be removed:")
        } else {
            (unschedule(asked.name.as_ref(), store, cx)?, "removed")
        };
        let gone = if gone.is_empty() {
            "nothing was installed".to_owned()
        } else {
            format!("{removed} {}", gone.join(", "))
        };
        cx.print(format!("{gone}\n"))?;
        return Ok(Exit::OK);
    };
    let call = call(asked.name.as_ref(), store, cx)?;
    let schedule = Planned { call: &call, jobs: &jobs, service: asked.service, when, store };
    if asked.install && !cx.is_dry() {
        let done = schedule.install().or_fail(cx, Step::Run)?;
        cx.print(format!("{done}\n"))?;
        return Ok(Exit::OK);
    }
    if asked.install {
        cx.print("would be installed:\n")?;
    }
    cx.print(schedule.shown().or_fail(cx, Step::Run)?)?;
    Ok(Exit::OK)
}

/// The job of that name, or all.
fn jobs(name: Option<&JobName>, store: &Store) -> Result<Vec<Job>, JobError> {
    match name {
        Some(name) => Ok(vec![load(store, name)?]),
        None => store.names()?.iter().map(|name| load(store, name)).collect(),
    }
}

/// A schedule that is to be.
pub(crate) struct Planned<'a> {
    pub(crate) call: &'a Call,
    pub(crate) jobs: &'a [Job],
    pub(crate) service: Service,
    pub(crate) when: When,
    pub(crate) store: &'a Store,
}

impl Planned<'_> {
    fn installer(&self) -> Installer<'_> {
        Installer { runner: &SystemRunner, store: self.store }
    }

    /// Installs it, and tells what was done. A schedule of the other kind is taken away.
    pub(crate) fn install(&self) -> Result<String, JobError> {
        let (call, installer) = (self.call, self.installer());
        match self.service {
            Service::Cron => {
                let line = call.cron_line(self.when);
                let is_new = installer.change_crontab(call, Some(&line))?;
                installer.remove_units(call)?;
                let done = if is_new { "the crontab has now" } else { "the crontab had it already" };
                Ok(format!("{done}: {line}"))
            }
            Service::Systemd => {
                let files = installer.install_units(call, self.jobs, self.when)?;
                installer.change_crontab(call, None)?;
                let files: Vec<_> = files.iter().map(|file| file.as_str()).collect();
                Ok(format!("{} are in place, and the timer runs", files.join(" and ")))
            }
        }
    }

    /// The text to install by hand.
    fn shown(&self) -> Result<String, JobError> {
        let call = self.call;
        match self.service {
            Service::Cron => Ok(call.cron_line(self.when) + "\n"),
            Service::Systemd => {
                let [service, timer] = self.installer().unit_files(call)?;
                let user = if is_root() { "" } else { "--user " };
                Ok(format!(
                    "# {service}\n{}\n# {timer}\n{}\n# then: systemctl {user}daemon-reload && systemctl {user}enable --now {}.timer\n",
                    call.service(self.jobs, self.store, is_root()),
                    call.timer(self.when),
                    shell_word(&call.unit()),
                ))
            }
        }
    }
}
