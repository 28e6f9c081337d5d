//! What they can be told.

use crate::args::parts::{flag, option};
use crate::args::shared::action;
use crate::args::{groups, selection};
use crate::job::file::Via;
use crate::job::schedule::When;
use clap::{Arg, ArgAction, ArgGroup, Command, ValueHint, value_parser};
use std::ffi::OsString;

/// `job`.
pub(in crate::args) fn job() -> Command {
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
pub(super) fn kept() -> Vec<Arg> {
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
pub(in crate::args) fn doctor() -> Command {
    action(
        "doctor",
        "Check the whole way from the source to the repository, and tell what mends it",
        "  rdiff-backup doctor\n  rdiff-backup doctor web",
    )
    .args([jobs_dir(), name("The job; default: all jobs, and what else is set up here").required(false)])
    .arg(flag("no-mount", "Don't try to mount"))
}

/// `setup`.
pub(in crate::args) fn setup() -> Command {
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
