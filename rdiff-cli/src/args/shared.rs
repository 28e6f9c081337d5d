//! What both command lines have in common.

use super::groups;
use super::parts::{os, pair_of};
use super::{abbreviate, selection};
use crate::action::{Backup, Copying, Regress, Restore, VERSION};
use clap::{Arg, ArgMatches, Command, value_parser};
use std::ffi::OsString;

/// Lets clap read the words. It wants the name of the program first.
///
/// # Errors
/// As [`parse`].
pub(super) fn matches(mut command: Command, words: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    // clap adds its own options when it builds, and they can be abbreviated as well.
    command.build();
    let words = abbreviate::spell_out(words, &command);
    command.try_get_matches_from(std::iter::once(OsString::from("rdiff-backup")).chain(words))
}

/// What both command lines have in common.
pub(super) fn base_command() -> Command {
    Command::new("rdiff-backup")
        .version(VERSION)
        .args_override_self(true)
        .disable_help_subcommand(true)
        .args(groups::generic_args())
}

pub(super) fn action(name: &'static str, about: &'static str, examples: &'static str) -> Command {
    let command = Command::new(name).about(about).disable_help_subcommand(true).args_override_self(true);
    if examples.is_empty() { command } else { command.after_help(format!("Examples:\n{examples}")) }
}

/// A location: `[[USER@]HOST::]PATH`.
pub(super) fn location(name: &'static str) -> Arg {
    Arg::new(name).required(true).value_parser(value_parser!(OsString)).allow_negative_numbers(true)
}

/// What a backup is told.
pub(super) fn backup() -> Command {
    action(
        "backup",
        "Add a session: make the repository the mirror of a directory",
        "  rdiff-backup backup /home /backup/home\n  \
         rdiff-backup -v5 backup --exclude '**/.cache' /home /backup/home\n  \
         rdiff-backup backup root@web::/srv /backup/web",
    )
    .args(backup_args())
    .args([location("SOURCE_DIR"), location("REPOSITORY")])
}

/// The groups of options of a backup.
pub(super) fn backup_args() -> Vec<Arg> {
    [copying_args(), groups::statistics_args(), groups::safety_args(), groups::via_args()].concat()
}

/// The groups that a backup and a restore have in common.
pub(super) fn copying_args() -> Vec<Arg> {
    [
        groups::creation_args(),
        groups::compression_args(),
        selection::selection_args(),
        groups::filesystem_args(),
        groups::owner_args(),
    ]
    .concat()
}

pub(super) fn place(m: &ArgMatches, name: &str) -> OsString {
    os(m, name).unwrap_or_default()
}

/// All the values of an argument.
pub(super) fn places(m: &ArgMatches, name: &str) -> Vec<OsString> {
    m.get_many::<OsString>(name).into_iter().flatten().cloned().collect()
}

/// Reads the groups of options of a backup.
///
/// # Errors
/// When a mapping file can't be read.
pub(super) fn backup_of(m: &ArgMatches, source: OsString, repository: OsString) -> Result<Backup, String> {
    Ok(Backup {
        source,
        repository,
        via: groups::via(m),
        copy: copying_of(m)?,
        file_statistics: pair_of!(m, "file-statistics", default true),
        print_statistics: pair_of!(m, "print-statistics", default false),
        safety: groups::safety(m),
    })
}

/// Reads the groups of options of a restore, of the present.
///
/// # Errors
/// When a mapping file can't be read.
pub(super) fn restore_of(m: &ArgMatches, source: OsString, target: OsString) -> Result<Restore, String> {
    Ok(Restore { source, target, at: None, increment: false, is_confirmed: false, copy: copying_of(m)? })
}

pub(super) fn copying_of(m: &ArgMatches) -> Result<Copying, String> {
    Ok(Copying {
        create_full_path: m.get_flag("create-full-path"),
        compression: groups::compression(m),
        selection: selection::selection(m),
        explain: os(m, "explain"),
        filesystem: groups::filesystem(m),
        owners: groups::owners(m)?,
    })
}

/// Reads the groups of options of a regress.
///
/// # Errors
/// When a mapping file can't be read.
pub(super) fn regress_of(m: &ArgMatches, repository: OsString) -> Result<Regress, String> {
    Ok(Regress {
        repository,
        compression: groups::compression(m),
        owners: groups::owners(m)?,
        allow_duplicate_timestamps: m.get_flag("allow-duplicate-timestamps"),
    })
}
