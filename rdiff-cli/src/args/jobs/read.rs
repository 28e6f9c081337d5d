//! Making actions of what clap found.

use super::commands::kept;
use super::options::{check, given};
use crate::action::jobs::{Add, Doctor, JobAction, Restore, Run, Schedule, Setup, Target, Task};
use crate::args::parts::{os, text, utf8_text};
use crate::job::file::{Hooks, Job, Via};
use crate::job::name::JobName;
use crate::job::schedule::{Service, When};
use crate::job::store::Store;
use camino::{Utf8Path, Utf8PathBuf};
use clap::ArgMatches;
use std::ffi::{OsStr, OsString};

/// Reads the task of `job`.
pub(in crate::args) fn job_of(m: &ArgMatches) -> Result<JobAction, String> {
    let (task, s) = m.subcommand().ok_or("a task is required")?;
    let task = match task {
        "add" => Task::Add(Box::new(add_of(s)?)),
        "list" => Task::List,
        "remove" => Task::Remove(name_of(s)?),
        "restore" => Task::Restore(Restore {
            name: name_of(s)?,
            at: text(s, "at").unwrap_or_else(|| "now".to_owned()),
            path: os(s, "path"),
            target: os(s, "to").map_or(Target::InPlace, Target::Place),
            dry_run: s.get_flag("dry-run"),
        }),
        "run" => Task::Run(Run { name: some_name_of(s)?, quiet: s.get_flag("quiet") }),
        "schedule" => Task::Schedule(Schedule {
            name: some_name_of(s)?,
            when: when_of(s),
            service: service_of(s),
            install: s.get_flag("install"),
        }),
        "status" => {
            let names = s.get_many::<OsString>("NAME").into_iter().flatten();
            let names = names.map(|name| parsed_name(name)).collect::<Result<_, _>>()?;
            Task::Status { names, max_age: text(s, "max-age") }
        }
        other => return Err(format!("'{other}' is no task")),
    };
    Ok(JobAction { store: store_of(s)?, task })
}

/// Reads `doctor`.
pub(in crate::args) fn doctor_of(m: &ArgMatches) -> Result<Doctor, String> {
    Ok(Doctor { store: store_of(m)?, name: some_name_of(m)?, mount: !m.get_flag("no-mount") })
}

/// Reads `setup`.
pub(in crate::args) fn setup_of(m: &ArgMatches) -> Result<Setup, String> {
    let mut job = Job::new(utf8(m, "SOURCE")?.unwrap_or_default(), "/");
    reach(&mut job, m)?;
    let host = job.remote().ok_or(
        "setup is for a directory on another host, USER@HOST:PATH; for one on this \
         machine, 'rdiff-backup job add' and 'job schedule' are all there is to do",
    )?;
    let name = match text(m, "name") {
        Some(name) => JobName::parse(&name),
        None => JobName::parse(&host.host().replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-")),
    };
    Ok(Setup {
        store: store_of(m)?,
        name: name.map_err(|e| format!("{e} (--name NAME)"))?,
        job,
        repository: path(m, "repo")?,
        when: (!m.get_flag("no-schedule")).then(|| when_of(m).unwrap_or_default()),
        service: service_of(m),
        host_key: text(m, "host-key"),
        user: text(m, "user"),
        dry_run: m.get_flag("dry-run"),
    })
}

fn store_of(m: &ArgMatches) -> Result<Store, String> {
    let dir = utf8(m, "jobs-dir")?.map(Utf8PathBuf::from);
    Store::find(dir.as_deref()).map_err(|e| e.to_string())
}

fn parsed_name(text: &OsStr) -> Result<JobName, String> {
    JobName::parse(&text.to_string_lossy()).map_err(|e| e.to_string())
}

fn name_of(m: &ArgMatches) -> Result<JobName, String> {
    parsed_name(&os(m, "NAME").unwrap_or_default())
}

fn some_name_of(m: &ArgMatches) -> Result<Option<JobName>, String> {
    os(m, "NAME").map(|name| parsed_name(&name)).transpose()
}

fn when_of(m: &ArgMatches) -> Option<When> {
    ["daily", "weekly", "hourly"].into_iter().find_map(|name| m.get_one::<When>(name).copied())
}

fn service_of(m: &ArgMatches) -> Service {
    if m.get_flag("systemd") { Service::Systemd } else { Service::Cron }
}

fn utf8(m: &ArgMatches, name: &str) -> Result<Option<String>, String> {
    os(m, name).map(|text| utf8_text(name, text)).transpose()
}

fn path(m: &ArgMatches, name: &str) -> Result<Option<Utf8PathBuf>, String> {
    let absolute = |text: String| {
        camino::absolute_utf8(Utf8Path::new(&text)).map_err(|e| format!("--{name} '{text}': {e}"))
    };
    utf8(m, name)?.map(absolute).transpose()
}

/// Reads what `job add` and `setup` have in common.
fn reach(job: &mut Job, m: &ArgMatches) -> Result<(), String> {
    job.via = m.get_one::<String>("via").and_then(|via| Via::parse(via));
    job.mount_point = path(m, "mount-point")?;
    job.identity = path(m, "identity")?;
    job.known_hosts = path(m, "known-hosts")?;
    let options = m.get_many::<OsString>("ssh-option").into_iter().flatten().cloned();
    job.ssh_options = options.map(|o| utf8_text("--ssh-option", o)).collect::<Result<_, _>>()?;
    job.older_than = text(m, "older-than");
    Ok(())
}

fn add_of(m: &ArgMatches) -> Result<Add, String> {
    let mut source = utf8(m, "SOURCE")?.unwrap_or_default();
    let mut job = Job::new(source.clone(), path(m, "repo")?.unwrap_or_default());
    if let Ok(rdiff_mount::Location::Local(local)) = job.location() {
        let absolute = std::path::absolute(&local).map_err(|e| format!("'{source}': {e}"))?;
        source = rdiff_mount::Location::Local(absolute).to_string();
        job.source = source;
    }
    reach(&mut job, m)?;
    job.max_age = text(m, "max-age");
    job.remote_timeout = m.get_one("remote-timeout").copied();
    job.options = given(m, &kept())?;
    job.hooks = Hooks {
        before: utf8(m, "before")?,
        after: utf8(m, "after")?,
        time_limit: m.get_one("hook-time-limit").copied(),
    };
    check(&job)?;
    Ok(Add { name: name_of(m)?, job, replace: m.get_flag("replace") })
}
