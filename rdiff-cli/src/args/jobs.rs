//! The command lines of `job`, `doctor` and `setup`, which the original doesn't have.

use super::groups::{self, flag, option, os, text};
use super::selection;
use super::shared::{action, backup, backup_of, matches};
use crate::action::Backup;
use crate::action::jobs::{Add, Doctor, JobAction, Restore, Run, Schedule, Setup, Target, Task};
use crate::job::file::{Hooks, Job, Via};
use crate::job::name::JobName;
use crate::job::schedule::{Service, When};
use crate::job::store::Store;
use camino::{Utf8Path, Utf8PathBuf};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, ValueHint, value_parser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The tasks of `job`.
pub(super) const TASKS: [&str; 7] = ["add", "list", "remove", "restore", "run", "schedule", "status"];

/// Is this a call of `job`, `doctor` or `setup`, and not a backup of a directory of that name in the older
/// command line? `words` begin with the first that is no option.
pub(super) fn is_meant(words: &[OsString]) -> bool {
    let plain: Vec<_> =
        words.iter().filter(|w| !w.as_bytes().starts_with(b"-")).map(OsString::as_os_str).collect();
    let text = |at: usize| plain.get(at).map(|w| w.to_string_lossy());
    let Some(first) = text(0) else { return false };
    let is_ours = words.iter().any(|w| w.as_bytes().starts_with(b"--jobs-dir"));
    match (&*first, text(1)) {
        ("job" | "doctor" | "setup", None) => true,
        ("job" | "doctor" | "setup", _) if is_ours => true,
        ("job", Some(second)) => TASKS.contains(&&*second),
        ("doctor", Some(second)) => JobName::parse(&second).is_ok(),
        ("setup", Some(second)) => second.contains(':'),
        _ => false,
    }
}

/// `job`.
pub(super) fn job() -> Command {
    action(
        "job",
        "Keep backups as jobs: add, run, watch, restore, schedule",
        "  rdiff-backup job add web root@203.0.113.10:/srv --repo /backups/web --older-than 6M\n  \
         rdiff-backup job run web\n  \
         rdiff-backup job restore web --at 10D --path etc --to /tmp/etc\n  \
         rdiff-backup job schedule web --daily 02:00 --install",
    )
    .arg(jobs_dir())
    .subcommand_required(true)
    .subcommand_value_name("TASK")
    .subcommand_help_heading("Tasks")
    .subcommands([add(), list(), remove(), restore(), run(), schedule(), status()])
}

fn jobs_dir() -> Arg {
    option(
        "jobs-dir",
        "DIR",
        "Where the jobs are; default: ~/.config/rdiff-backup/jobs.d, for root below /etc",
    )
    .global(true)
    .value_hint(ValueHint::DirPath)
}

fn name(help: &'static str) -> Arg {
    Arg::new("NAME").required(true).value_parser(value_parser!(OsString)).help(help)
}

/// Where the source is and how to reach it, for `job add` and `setup`.
fn reaching() -> Vec<Arg> {
    let file = |name, help| option(name, "FILE", help).value_hint(ValueHint::FilePath);
    vec![
        option("via", "HOW", "How a remote source is read: sftp (the default), sshfs or fstab")
            .value_parser(Via::NAMES),
        option("mount-point", "DIR", "With --via fstab: the mount point of the entry")
            .value_hint(ValueHint::DirPath),
        file("known-hosts", "The file of known hosts"),
        option("ssh-option", "NAME=VALUE", "An option of the ssh configuration: ProxyJump=gate")
            .action(ArgAction::Append),
        option("older-than", "TIME", "After a successful run remove the sessions before this time"),
    ]
}

/// The options of `backup` that a job may keep.
fn kept() -> Vec<Arg> {
    let groups = [
        groups::creation_args(),
        groups::compression_args(),
        selection::selection_args(),
        groups::filesystem_args(),
        groups::owner_args(),
        groups::statistics_args(),
        groups::safety_args(),
    ];
    groups.into_iter().flatten().collect()
}

fn repo() -> Arg {
    option("repo", "DIR", "The repository; it is made by the first run").value_hint(ValueHint::DirPath)
}

fn add() -> Command {
    action(
        "add",
        "Write the file of a job",
        "  rdiff-backup job add web root@203.0.113.10:/srv --repo /backups/web --exclude '**/.cache'\n  \
         rdiff-backup job add home /home --repo /backups/home --older-than 1Y",
    )
    .args([name("Letters, digits, '.', '_' and '-'"), source()])
    .arg(repo().required(true))
    .args(reaching())
    .args([
        option("max-age", "TIME", "How old the last good session may be for `job status`; default: 2D"),
        option("before", "COMMAND", "Run this first; if it fails, nothing is backed up"),
        option("after", "COMMAND", "Run this last, whatever happened"),
        option("hook-time-limit", "SECONDS", "How long each of them may take; default: 3600")
            .value_parser(value_parser!(u32).range(1..)),
        flag("replace", "Write over a job of that name"),
    ])
    .next_help_heading("Options of backup")
    .args(kept())
}

fn source() -> Arg {
    Arg::new("SOURCE")
        .required(true)
        .value_parser(value_parser!(OsString))
        .help("A directory, USER@HOST:PATH, USER@HOST::PATH or ssh://USER@HOST:PORT/PATH")
}

fn list() -> Command {
    action("list", "List the jobs", "")
}

fn remove() -> Command {
    action("remove", "Remove a job and its schedule; the repository stays", "").arg(name("The job"))
}

fn run() -> Command {
    action(
        "run",
        "Run a job, or all, one after the other",
        "  rdiff-backup job run web\n  rdiff-backup job run --all",
    )
    .args([name("The job").required(false), flag("all", "Run all jobs")])
    .arg(flag("quiet", "Print nothing when all went well"))
    .group(ArgGroup::new("which").args(["NAME", "all"]).required(true))
}

fn status() -> Command {
    action("status", "Tell the last good session of each job, and how its last run ended", "")
        .arg(
            Arg::new("NAME")
                .num_args(0..)
                .value_parser(value_parser!(OsString))
                .help("The jobs; default: all"),
        )
        .arg(option("max-age", "TIME", "How old the last good session may be; default: as the job says"))
}

fn restore() -> Command {
    action(
        "restore",
        "Restore from the repository of a job, to this machine or to where it came from",
        "  rdiff-backup job restore web --at 10D --path etc/nginx --to /tmp/nginx\n  \
         rdiff-backup job restore web --in-place",
    )
    .args([
        name("The job"),
        option("at", "TIME", "The time; default: now"),
        option("path", "PATH", "Restore this part of the source; default: all of it"),
        option("to", "PLACE", "Restore to this directory, here or on a host (USER@HOST:PATH)"),
        flag("in-place", "Restore to where it came from"),
    ])
    .group(ArgGroup::new("place").args(["to", "in-place"]).required(true))
}

/// The options for a time of day, in `job schedule` and `setup`.
fn times() -> Vec<Arg> {
    vec![
        option("daily", "HH:MM", "Run each day at this time").value_parser(When::daily),
        option("weekly", "DAY HH:MM", "Run each week: 'sun 02:00'").value_parser(When::weekly),
        option("hourly", "MM", "Run each hour at this minute").value_parser(When::hourly),
    ]
}

fn schedule() -> Command {
    action(
        "schedule",
        "Print or install what runs a job: a line of a crontab, or a systemd service and timer",
        "  rdiff-backup job schedule web --daily 02:00\n  \
         rdiff-backup job schedule web --daily 02:00 --systemd --install",
    )
    .args([name("The job").required(false), flag("all", "Run all jobs, one after the other")])
    .args(times())
    .args([
        flag("systemd", "A systemd service and timer instead of a line of the crontab"),
        flag("install", "Install it instead of printing it"),
        flag("uninstall", "Take away what was installed"),
    ])
    .group(ArgGroup::new("which").args(["NAME", "all"]).required(true))
    .group(ArgGroup::new("time").args(["daily", "weekly", "hourly", "uninstall"]).required(true))
    .group(ArgGroup::new("what").args(["install", "uninstall"]))
}

/// `doctor`.
pub(super) fn doctor() -> Command {
    action(
        "doctor",
        "Check the whole way from the source to the repository, and tell what mends it",
        "  rdiff-backup doctor\n  rdiff-backup doctor web",
    )
    .args([jobs_dir(), name("The job; default: all jobs, and what else is set up here").required(false)])
    .arg(flag("no-mount", "Don't try to mount"))
}

/// `setup`.
pub(super) fn setup() -> Command {
    action(
        "setup",
        "Set up a nightly backup of a remote directory: key, login, job, schedule",
        "  rdiff-backup setup root@203.0.113.10:/srv --dry-run\n  \
         rdiff-backup setup root@203.0.113.10:/srv --repo ~/backups/web --daily 02:00\n  \
         sudo rdiff-backup setup root@203.0.113.10:/srv --user rdbadmin --via fstab",
    )
    .arg(jobs_dir())
    .arg(source())
    .args([
        option("name", "NAME", "The name of the job; default: the host"),
        repo().help("The repository; default: ~/backups/NAME"),
    ])
    .args(reaching())
    .args(times())
    .args([
        flag("systemd", "A systemd service and timer instead of a line of the crontab"),
        flag("no-schedule", "Don't schedule the job"),
        option(
            "host-key",
            "FINGERPRINT",
            "The fingerprint of the host's key, as its owner told you: SHA256:…",
        ),
        option("user", "USER", "Set up for this user, who is made if he is not there (as root)"),
    ])
    .group(ArgGroup::new("time").args(["daily", "weekly", "hourly", "no-schedule"]))
}

/// Reads the task of `job`.
pub(super) fn job_of(m: &ArgMatches) -> Result<JobAction, String> {
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
pub(super) fn doctor_of(m: &ArgMatches) -> Result<Doctor, String> {
    Ok(Doctor { store: store_of(m)?, name: some_name_of(m)?, mount: !m.get_flag("no-mount") })
}

/// Reads `setup`.
pub(super) fn setup_of(m: &ArgMatches) -> Result<Setup, String> {
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

fn utf8_text(name: &str, text: OsString) -> Result<String, String> {
    text.into_string()
        .map_err(|text| format!("{name} '{}' is not UTF-8, and the file of a job is", text.display()))
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

/// Checks all of a job that can be checked without looking at any place.
///
/// # Errors
/// The first thing that is wrong, in one line.
pub(crate) fn check(job: &Job) -> Result<(), String> {
    job.check()?;
    backup_of_job(job).map(drop)
}

/// The action that `backup` with the options of a job is.
///
/// # Errors
/// What is wrong with the options.
pub(crate) fn backup_of_job(job: &Job) -> Result<Backup, String> {
    let options = job.options.iter().map(String::as_str);
    let words = options.chain(["--", &job.source, job.repository.as_str()]).map(OsString::from).collect();
    let found = matches(backup(), words).map_err(|e| {
        let text = e.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        format!("options: {}", first.trim_start_matches("error: "))
    })?;
    backup_of(&found, job.source.clone().into(), job.repository.clone().into_std_path_buf().into())
        .map_err(|e| format!("options: {e}"))
}

/// A path that must be in the source of a job, if there is such.
pub(crate) fn marker_of_job(job: &Job) -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(backup_of_job(job).ok()?.safety.marker?).ok()
}

/// The options as they were given, in their order, as words that mean the same from anywhere.
fn given(m: &ArgMatches, options: &[Arg]) -> Result<Vec<String>, String> {
    let mut placed = Vec::new();
    for arg in options {
        let id = arg.get_id().as_str();
        if m.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let takes_value =
            arg.get_num_args().is_none_or(|n| n.max_values() > 0) && arg.get_action().takes_values();
        let is_file = arg.get_value_hint() == ValueHint::FilePath;
        let values: Vec<_> = m.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect();
        for (at, index) in m.indices_of(id).into_iter().flatten().enumerate() {
            let word = match values.get(at).filter(|_| takes_value) {
                None => format!("--{id}"),
                Some(value) => {
                    let mut value = utf8_text(id, value.clone())?;
                    if is_file {
                        let absolute =
                            camino::absolute_utf8(&value).map_err(|e| format!("--{id} '{value}': {e}"))?;
                        value = absolute.into_string();
                    }
                    format!("--{id}={value}")
                }
            };
            placed.push((index, word));
        }
    }
    placed.sort();
    Ok(placed.into_iter().map(|(_, word)| word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(line: &str) -> Job {
        let words = line.split(' ').map(Into::into).collect();
        let m = crate::args::shared::matches(crate::args::current::command(), words).unwrap();
        let (_, m) = m.subcommand().unwrap();
        match job_of(m).unwrap().task {
            Task::Add(add) => add.job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_of_backup_are_kept_in_order() {
        let job = added(
            "job add web root@h:/srv --repo /r --include /a --no-compression --exclude=@x --exclude-fifos --exclude \
             ** --max-file-size 10 --exclude-filelist /l --no-acls",
        );
        let want = "--include=/a --no-compression --exclude=@x --exclude-fifos --exclude=** --max-file-size=10 \
                    --exclude-filelist=/l --no-acls";
        assert_eq!(job.options.join(" "), want);
        let backup = backup_of_job(&job).unwrap();
        let copy = &backup.copy;
        assert!(copy.selection.len() == 6 && !copy.compression.enabled && !copy.filesystem.acls);
    }

    #[test]
    fn each_mistake_in_options_is_named() {
        let job = Job::new("root@203.0.113.10:/srv", "/backups/web");
        for (options, says) in [
            (&["--excluse", "x"][..], "options: unexpected argument '--excluse'"),
            (&["x"], "options: "),
            (&["--force"], "options: unexpected argument '--force'"),
            (&["--marker=../x"], "below the source"),
        ] {
            let job = Job { options: options.iter().map(|&o| o.to_owned()).collect(), ..job.clone() };
            let error = check(&job).unwrap_err();
            assert!(error.contains(says) && !error.contains('\n'), "{options:?}: {error}");
        }
    }

    #[test]
    fn paths_become_absolute() {
        let here = camino::absolute_utf8("x").unwrap();
        let job = added("job add home x --repo ./x --identity x");
        assert_eq!(
            (job.source.as_str(), &job.repository, job.identity.as_ref()),
            (here.as_str(), &here, Some(&here))
        );
    }

    #[test]
    fn older_command_lines_are_still_older() {
        let meant = |line: &str| is_meant(&line.split(' ').map(Into::into).collect::<Vec<_>>());
        for ours in [
            "job",
            "job run web",
            "job --jobs-dir x run",
            "doctor --jobs-dir /x web",
            "doctor",
            "doctor web",
            "setup a@b:/c",
            "setup --help",
        ] {
            assert!(meant(ours), "{ours}");
        }
        for older in ["job /backup/job", "doctor /backup", "setup /backup/setup", "jobs", "/setup a:b"] {
            assert!(!meant(older), "{older}");
        }
    }
}
