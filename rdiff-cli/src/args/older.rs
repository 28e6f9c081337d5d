//! The older command line, in which the action is an option: read into the same [`Action`], and silently.

use super::groups;
use super::parts::{flag, option, os, text};
use super::shared::{backup_args, backup_of, base_command, places, regress_of, restore_of};
use super::{current, help, selection};
use crate::action::{
    Action, Compare, FilesOf, Invocation, ListFiles, ListIncrements, Method, RemoveIncrements, Restore,
    RestrictMode, Restriction, Verify,
};
use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use std::ffi::OsString;

/// The options that name an action and take nothing.
const PLAIN: [(&str, Option<char>, &str); 11] = [
    ("backup-mode", Some('b'), "Back up (the default)"),
    ("calculate-average", None, "Print the averages of session statistics"),
    ("check-destination-dir", None, "Undo a session that did not finish"),
    ("compare", None, "Compare attributes with those of the newest session"),
    ("compare-full", None, "Compare contents with the newest session"),
    ("compare-hash", None, "Compare digests with those of the newest session"),
    ("list-increments", Some('l'), "List the sessions"),
    ("list-increment-sizes", None, "List the sessions with their sizes"),
    ("restore", None, "Restore an increment file"),
    ("server", Some('s'), "Not available"),
    ("test-server", None, "Try whether other hosts can be reached"),
];

/// The options that name an action and take a time.
const TIMED: [(&str, Option<char>, &str); 8] = [
    ("compare-at-time", None, "Compare attributes"),
    ("compare-full-at-time", None, "Compare contents"),
    ("compare-hash-at-time", None, "Compare digests"),
    ("list-at-time", None, "List the paths of a time"),
    ("list-changed-since", None, "List what differs from a time to now"),
    ("remove-older-than", None, "Remove the sessions before a time"),
    ("restore-as-of", Some('r'), "Restore the tree of a time"),
    ("verify-at-time", None, "Check the files of a time"),
];

const VERIFY: (&str, Option<char>, &str) = ("verify", None, "Check the files of the newest session");

/// The older command line.
pub fn command() -> Command {
    let named = |arg: Arg, short: Option<char>| match short {
        Some(c) => arg.short(c),
        None => arg,
    };
    let plain = PLAIN.iter().chain([&VERIFY]).map(|&(name, short, help)| named(flag(name, help), short));
    let timed = TIMED.iter().map(|&(name, short, help)| named(option(name, "TIME", help), short));
    let restrict = ["restrict", "restrict-read-only", "restrict-update-only"];
    base_command()
        .about("The older command line; for the current one call rdiff-backup --help")
        .after_help(help::of_older())
        .args(restrict.map(|name| option(name, "DIR", "Serve nothing outside this directory")))
        .arg(flag("ssh-no-compression", "Let ssh not compress"))
        .args(backup_args())
        .args(groups::timestamp_args())
        .args(groups::restrict_args())
        .next_help_heading("Actions")
        .args(plain)
        .args(timed)
        .group(ArgGroup::new("action").args(PLAIN.iter().chain([&VERIFY]).chain(&TIMED).map(|row| row.0)))
        .group(ArgGroup::new("restriction").args(restrict))
        .arg(
            Arg::new("LOCATION")
                .num_args(0..)
                .value_parser(value_parser!(OsString))
                .allow_negative_numbers(true),
        )
}

/// Makes the action of what clap found.
pub(super) fn read(m: &ArgMatches) -> Result<Invocation, Bad> {
    let mut generic = groups::generic(m)?;
    if m.get_flag("ssh-no-compression") {
        generic.remote.ssh_compression = Some(false);
    }
    let action = read_action(m)?;
    generic.of_other_actions = of_other_actions(m, &action);
    Ok(Invocation { generic, action })
}

/// The options that were given and belong to other actions: this command line takes them all anywhere.
fn of_other_actions(m: &ArgMatches, action: &Action) -> Vec<String> {
    let older = command();
    let current = current::command();
    let mut own = &current;
    for word in action.words().split(' ') {
        own = own.find_subcommand(word).unwrap_or(own);
    }
    let base = base_command();
    let known: Vec<&str> =
        own.get_arguments().chain(base.get_arguments()).map(|a| a.get_id().as_str()).collect();
    let is_action =
        |id: &str| PLAIN.iter().chain([&VERIFY]).chain(&TIMED).any(|row| row.0 == id) || id == "LOCATION";
    let is_given = |id: &str| m.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
    let ids = older.get_arguments().map(|a| a.get_id().as_str());
    let others = ids.filter(|id| is_given(id) && !known.contains(id) && !is_action(id));
    let shared = ["ssh-no-compression", "restrict", "restrict-read-only", "restrict-update-only"];
    others.filter(|id| !shared.contains(id)).map(|id| format!("--{id}")).collect()
}

/// Why it is no command line.
pub(super) enum Bad {
    /// What is wrong, and the locations.
    Count(String, Vec<OsString>),
    Value(String),
}

impl From<String> for Bad {
    fn from(e: String) -> Self {
        Bad::Value(e)
    }
}

/// The option that names the action: the one given, or that of a backup.
fn chosen(m: &ArgMatches) -> (&'static str, String) {
    if let Some((name, ..)) = PLAIN.iter().chain([&VERIFY]).find(|row| m.get_flag(row.0)) {
        return (name, "now".to_owned());
    }
    TIMED.iter().find_map(|row| Some((row.0, text(m, row.0)?))).unwrap_or(("backup-mode", String::new()))
}

fn read_action(m: &ArgMatches) -> Result<Action, Bad> {
    let places = places(m, "LOCATION");
    let (option, time) = chosen(m);
    let compare = |method| -> Result<Action, Bad> {
        let [source, repository] = exactly("compare", places.clone())?;
        Ok(Action::Compare(Compare {
            source,
            repository,
            via: groups::via(m),
            method,
            at: time.clone(),
            selection: selection::selection(m),
            explain: os(m, "explain"),
            compare_inode: groups::filesystem(m).compare_inode,
        }))
    };
    let list_increments = |size| -> Result<Action, Bad> {
        let [repository] = exactly("list", places.clone())?;
        Ok(Action::ListIncrements(ListIncrements { repository, size }))
    };
    let list_files = |which| -> Result<Action, Bad> {
        let [repository] = exactly("list", places.clone())?;
        Ok(Action::ListFiles(ListFiles { repository, which }))
    };
    match option {
        "calculate-average" => Ok(Action::Calculate(at_least_one("calculate", places)?)),
        "check-destination-dir" => {
            let [repository] = exactly("regress", places)?;
            Ok(Action::Regress(regress_of(m, repository)?))
        }
        "compare" | "compare-at-time" => compare(Method::Meta),
        "compare-full" | "compare-full-at-time" => compare(Method::Full),
        "compare-hash" | "compare-hash-at-time" => compare(Method::Hash),
        "list-increments" => list_increments(false),
        "list-increment-sizes" => list_increments(true),
        "list-at-time" => list_files(FilesOf::At(time.clone())),
        "list-changed-since" => list_files(FilesOf::ChangedSince(time.clone())),
        "remove-older-than" => {
            let [repository] = exactly("remove", places)?;
            Ok(Action::RemoveIncrements(RemoveIncrements { repository, older_than: time, size: false }))
        }
        "restore" | "restore-as-of" => {
            let [source, target] = exactly("restore", places)?;
            let increment = option == "restore";
            let at = (!increment).then_some(time);
            Ok(Action::Restore(Restore { at, increment, ..restore_of(m, source, target)? }))
        }
        "server" => exactly::<0>("server", places).map(|_| Action::Server(restriction(m))),
        "test-server" => Ok(Action::Test(at_least_one("test", places)?)),
        "verify" | "verify-at-time" => {
            let [repository] = exactly("verify", places)?;
            Ok(Action::Verify(Verify { repository, at: Some(time) }))
        }
        _ => {
            let [source, repository] = exactly("backup", places)?;
            Ok(Action::Backup(backup_of(m, source, repository)?))
        }
    }
}

fn exactly<const N: usize>(action: &str, places: Vec<OsString>) -> Result<[OsString; N], Bad> {
    places.try_into().map_err(|places: Vec<OsString>| {
        let message = format!("Action {action} requires {N} location(s) instead of {places:?}.");
        Bad::Count(message, places)
    })
}

fn at_least_one(action: &str, places: Vec<OsString>) -> Result<Vec<OsString>, Bad> {
    if places.is_empty() {
        let message = format!("Action {action} requires at least 1 location(s) instead of [].");
        return Err(Bad::Count(message, places));
    }
    Ok(places)
}

/// `--restrict-path` with its mode, or else one of the three older options.
fn restriction(m: &ArgMatches) -> Restriction {
    let current = groups::restriction(m, false);
    if current.path.is_some() {
        return current;
    }
    [
        ("restrict", RestrictMode::ReadWrite),
        ("restrict-read-only", RestrictMode::ReadOnly),
        ("restrict-update-only", RestrictMode::UpdateOnly),
    ]
    .into_iter()
    .find_map(|(name, mode)| Some(Restriction { path: Some(os(m, name)?), mode, debug: false }))
    .unwrap_or(current)
}
