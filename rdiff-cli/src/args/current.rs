//! The current command line: generic options, an action, its options, its locations.

use super::groups;
use super::parts::{flag, integer, option, os, pair, pair_of, text};
use super::shared::{
    action, backup, backup_of, base_command, copying_args, location, place, places, regress_of, restore_of,
};
use super::{help, inspect, jobs, selection};
use crate::action::{
    Action, Compare, Complete, FilesOf, Invocation, ListFiles, ListIncrements, Method, RemoveIncrements,
    Restore, Verify,
};
use clap::error::ErrorKind;
use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use std::ffi::OsString;

type Make = fn() -> Command;

/// The actions, and what makes the command of each.
const COMMANDS: [(&str, Make); 18] = [
    ("backup", backup),
    ("calculate", calculate),
    ("compare", compare),
    ("complete", complete),
    ("doctor", jobs::doctor),
    ("info", info),
    ("job", jobs::job),
    ("list", list),
    ("regress", regress),
    ("remove", remove),
    ("restore", restore),
    ("server", server),
    ("setup", jobs::setup),
    ("test", test),
    ("verify", verify),
    ("status", inspect::status),
    ("history", inspect::history),
    ("diff", inspect::diff),
];

/// The current command line.
pub fn command() -> Command {
    help::teach(with(|_| true))
}

/// Of the current command line what a call needs that is as it should be: of the actions only those that its `words`
/// name, and without the longer texts of help. To make all of it takes longer than the start of the program.
pub(super) fn command_for(words: &[OsString]) -> Command {
    with(|action| words.iter().any(|word| word == action))
}

fn with(wanted: impl Fn(&str) -> bool) -> Command {
    base_command()
        .about("Mirror a directory, and keep what changes as reverse differences")
        .subcommand_required(true)
        .subcommand_value_name("ACTION")
        .subcommand_help_heading("Actions")
        .subcommands(COMMANDS.iter().filter(|(name, _)| wanted(name)).map(|(_, command)| command()))
        .after_help(help::GENERAL)
}

fn at(help: &'static str) -> Arg {
    option("at", "TIME", help)
}

fn calculate() -> Command {
    action(
        "calculate",
        "Print the averages of session statistics",
        "  rdiff-backup calculate /backup/home/rdiff-backup-data/session_statistics.*",
    )
    .arg(option("method", "METHOD", "What to calculate; default: average").value_parser(["average"]))
    .arg(location("STATISTICS_FILE").num_args(1..))
}

fn compare() -> Command {
    action(
        "compare",
        "Compare a directory with the repository",
        "  rdiff-backup compare --method hash --at 3D /home /backup/home",
    )
    .arg(
        option(
            "method",
            "METHOD",
            "Compare attributes (meta, the default), digests (hash) or contents (full)",
        )
        .value_parser(["meta", "full", "hash"]),
    )
    .arg(at("Compare with the session of this time; default: now"))
    .args(selection::selection_args())
    .args(groups::via_args())
    .args([location("SOURCE_DIR"), location("REPOSITORY")])
}

fn complete() -> Command {
    action("complete", "Print what can stand at a place of a command line", "")
        .arg(option("cword", "INDEX", "Which word to complete; default: the last").value_parser(integer))
        .args(pair!("unique", default true, "Print options that are there already too"))
        .arg(Arg::new("WORDS").num_args(0..).value_parser(value_parser!(OsString)))
}

fn info() -> Command {
    action("info", "Print what to say of this program in a bug report", "")
}

fn list() -> Command {
    let files = action(
        "files",
        "List the paths of a time, or those that changed since",
        "  rdiff-backup list files --at 2023-11-14 /backup/home/docs\n  \
         rdiff-backup list files --changed-since 1W /backup/home",
    )
    .arg(at("The time; default: now"))
    .arg(option("changed-since", "TIME", "List what differs from that time to now"))
    .group(ArgGroup::new("when").args(["at", "changed-since"]))
    .arg(location("REPOSITORY"));
    let increments = action(
        "increments",
        "List the sessions, or those that changed a path",
        "  rdiff-backup list increments --size /backup/home",
    )
    .args(pair!("size", default false, "Print the size of each (takes longer)"))
    .arg(location("REPOSITORY"));
    action("list", "List what a repository holds", "")
        .subcommand_required(true)
        .subcommands([files, increments])
}

fn regress() -> Command {
    action("regress", "Undo a session that did not finish", "  rdiff-backup regress /backup/home")
        .args(groups::compression_args())
        .args(groups::timestamp_args())
        .args(groups::owner_args())
        .arg(location("REPOSITORY"))
}

fn remove() -> Command {
    let increments = action(
        "increments",
        "Remove old sessions; the newest stays",
        "  rdiff-backup --force remove increments --older-than 1Y /backup/home",
    )
    .arg(option("older-than", "TIME", "Remove the sessions before this time").required(true))
    .args(pair!("size", default false, "Print the size of each (takes longer)"))
    .arg(location("REPOSITORY"));
    action("remove", "Remove old sessions", "").subcommand_required(true).subcommand(increments)
}

fn restore() -> Command {
    action(
        "restore",
        "Write the tree of a time, or a part of it, into a directory",
        "  rdiff-backup restore --at 10D /backup/home/docs /tmp/docs\n  \
         rdiff-backup restore /backup/home/rdiff-backup-data/increments/a.2023-11-14T22:13:20Z.diff.gz /tmp/a",
    )
    .args(copying_args())
    .arg(at("The time; default: now"))
    .arg(flag("increment", "The first location is an increment file"))
    .group(ArgGroup::new("when").args(["at", "increment"]))
    .args([location("REPOSITORY"), location("TARGET")])
}

fn server() -> Command {
    action("server", "Not available: repositories on other hosts are reached through ssh and sftp", "")
        .args(groups::restrict_args())
        .arg(flag("debug", "No effect here"))
}

fn test() -> Command {
    action("test", "Try whether other hosts can be reached", "  rdiff-backup test user@host::/backup/home")
        .arg(location("LOCATION").num_args(1..))
}

fn verify() -> Command {
    action(
        "verify",
        "Check the files of a time against their recorded digests",
        "  rdiff-backup verify --at 1W /backup/home\n  \
         rdiff-backup verify --all /backup/home",
    )
    .arg(at("The time; default: now"))
    .arg(flag("all", "Check the files of all sessions"))
    .group(ArgGroup::new("when").args(["at", "all"]))
    .arg(location("REPOSITORY"))
}

/// Makes the action of what clap found.
pub(super) fn read(m: &ArgMatches) -> Result<Invocation, clap::Error> {
    let bad = |e: String| command().error(ErrorKind::ValueValidation, e);
    let (name, s) = m.subcommand().ok_or_else(|| bad("an action is required".to_owned()))?;
    Ok(Invocation { generic: groups::generic(m).map_err(bad)?, action: read_action(name, s).map_err(bad)? })
}

fn read_action(name: &str, s: &ArgMatches) -> Result<Action, String> {
    Ok(match (name, s.subcommand()) {
        ("backup", _) => Action::Backup(backup_of(s, place(s, "SOURCE_DIR"), place(s, "REPOSITORY"))?),
        ("calculate", _) => Action::Calculate(places(s, "STATISTICS_FILE")),
        ("compare", _) => Action::Compare(Compare {
            source: place(s, "SOURCE_DIR"),
            repository: place(s, "REPOSITORY"),
            via: groups::via(s),
            method: method_of(s),
            at: time_of(s),
            selection: selection::selection(s),
            explain: os(s, "explain"),
            compare_inode: true,
        }),
        ("complete", _) => Action::Complete(Complete {
            cword: s.get_one("cword").copied().unwrap_or(-1),
            unique: pair_of!(s, "unique", default true),
            words: places(s, "WORDS"),
        }),
        ("doctor", _) => Action::Doctor(jobs::doctor_of(s)?),
        ("info", _) => Action::Info,
        ("job", _) => Action::Job(jobs::job_of(s)?),
        ("list", Some(("files", s))) => {
            let which =
                text(s, "changed-since").map_or_else(|| FilesOf::At(time_of(s)), FilesOf::ChangedSince);
            Action::ListFiles(ListFiles { repository: place(s, "REPOSITORY"), which })
        }
        ("list", Some((_, s))) => Action::ListIncrements(ListIncrements {
            repository: place(s, "REPOSITORY"),
            size: pair_of!(s, "size", default false),
        }),
        ("regress", _) => Action::Regress(regress_of(s, place(s, "REPOSITORY"))?),
        ("remove", Some((_, s))) => Action::RemoveIncrements(RemoveIncrements {
            repository: place(s, "REPOSITORY"),
            older_than: text(s, "older-than").unwrap_or_default(),
            size: pair_of!(s, "size", default false),
        }),
        ("restore", _) => Action::Restore(Restore {
            at: text(s, "at"),
            increment: s.get_flag("increment"),
            ..restore_of(s, place(s, "REPOSITORY"), place(s, "TARGET"))?
        }),
        ("server", _) => Action::Server(groups::restriction(s, s.get_flag("debug"))),
        ("setup", _) => Action::Setup(Box::new(jobs::setup_of(s)?)),
        ("test", _) => Action::Test(places(s, "LOCATION")),
        ("verify", _) => Action::Verify(Verify {
            repository: place(s, "REPOSITORY"),
            at: (!s.get_flag("all")).then(|| time_of(s)),
        }),
        _ => inspect::read(name, s).ok_or_else(|| format!("'{name}' is no action"))?,
    })
}

fn time_of(m: &ArgMatches) -> String {
    text(m, "at").unwrap_or_else(|| "now".to_owned())
}

fn method_of(m: &ArgMatches) -> Method {
    match m.get_one::<String>("method").map(String::as_str) {
        Some("hash") => Method::Hash,
        Some("full") => Method::Full,
        _ => Method::Meta,
    }
}
