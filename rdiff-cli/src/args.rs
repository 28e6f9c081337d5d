//! The current command line: generic options, an action, its options, its locations.
//!
//! The older command line is in [`crate::legacy`]; [`parse`] chooses between them as rdiff-backup does.

mod abbreviate;
pub mod additions;
pub mod groups;
pub(crate) mod help;
pub(crate) mod hint;
mod inspect;
mod jobs;
pub mod selection;

use crate::action::{
    ACTIONS, Action, Backup, Compare, Complete, Copying, FilesOf, Invocation, ListFiles, ListIncrements,
    Method, Regress, RemoveIncrements, Restore, Verify,
};
use crate::legacy;
use clap::error::ErrorKind;
use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use groups::{flag, option, os, pair, pair_of, text};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What `--version` prints behind the name: the version whose interface this is.
pub const VERSION: &str = "2.2.2";

/// Reads a command line, without the name of the program.
///
/// # Errors
/// What clap makes of a bad one, of `--help` and of `--version`; it knows the text, where that goes and
/// the exit code.
pub fn parse(words: Vec<OsString>) -> Result<Invocation, clap::Error> {
    if is_current(&words) {
        let words = splice(words, 0).map_err(|e| command().error(ErrorKind::Io, e))?;
        let found = matches(command(), words.clone());
        read(&found.map_err(|e| hint::improve(e, &words, hint::Grammar::Current))?)
    } else {
        legacy::parse(words)
    }
}

/// Is this the current command line, not the older one?
///
/// A word that is an action's name decides, wherever it stands: also when it is meant as a directory. The names
/// that the original doesn't have decide only where no older command line can be meant.
fn is_current(words: &[OsString]) -> bool {
    let has = |word: &str| words.iter().any(|w| w == word);
    let is_ours = |at: usize| {
        jobs::is_meant(&words[at..]) || (inspect::is_named(&words[at]) && !is_older_backup(words))
    };
    let ours = || abbreviate::first_plain(words, &base_command()).is_some_and(is_ours);
    has("--new")
        || has("complete")
        || words.iter().any(|w| w.as_bytes().first() == Some(&b'@'))
        || (!has("--no-new")
            && (has("--api-version") || has("--help") || ACTIONS.iter().any(|a| has(a)) || ours()))
}

/// The original would back up a directory of the first word's name: so do we, if there is one.
fn is_older_backup(words: &[OsString]) -> bool {
    let source = |words: Vec<OsString>| match legacy::parse(words).ok()?.action {
        Action::Backup(backup) => Some(backup.source),
        _ => None,
    };
    source(words.to_vec()).is_some_and(|source| Path::new(&source).is_dir())
}

/// How deep files of arguments may name each other.
const MAX_DEPTH: usize = 16;

/// Puts the lines of FILE, each an argument, in the place of `@FILE`.
fn splice(words: Vec<OsString>, depth: usize) -> Result<Vec<OsString>, String> {
    let mut spliced = Vec::with_capacity(words.len());
    for word in words {
        let Some(name) = word.as_bytes().strip_prefix(b"@") else {
            spliced.push(word);
            continue;
        };
        let name = OsString::from_vec(name.to_vec());
        if depth == MAX_DEPTH {
            return Err(format!("'@{}': files of arguments name each other", name.display()));
        }
        let contents = std::fs::read(&name).map_err(|e| format!("cannot read '{}': {e}", name.display()))?;
        let mut lines: Vec<OsString> = contents
            .split(|&b| b == b'\n')
            .map(|line| OsString::from_vec(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
            .collect();
        lines.pop_if(|last| last.is_empty());
        spliced.extend(splice(lines, depth + 1)?);
    }
    Ok(spliced)
}

/// Lets clap read the words. It wants the name of the program first.
///
/// # Errors
/// As [`parse`].
pub fn matches(mut command: Command, words: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    // clap adds its own options when it builds, and they can be abbreviated as well.
    command.build();
    let words = abbreviate::spell_out(words, &command);
    command.try_get_matches_from(std::iter::once(OsString::from("rdiff-backup")).chain(words))
}

/// What both command lines have in common.
pub fn base_command() -> Command {
    Command::new("rdiff-backup")
        .version(VERSION)
        .args_override_self(true)
        .disable_help_subcommand(true)
        .args(groups::generic_args())
}

/// The current command line.
pub fn command() -> Command {
    let command = base_command()
        .about("Mirror a directory, and keep what changes as reverse differences")
        .subcommand_required(true)
        .subcommand_value_name("ACTION")
        .subcommand_help_heading("Actions")
        .subcommands([
            backup(),
            calculate(),
            compare(),
            complete(),
            jobs::doctor(),
            action("info", "Print what to say of this program in a bug report", ""),
            jobs::job(),
            list(),
            regress(),
            remove(),
            restore(),
            server(),
            jobs::setup(),
            test(),
            verify(),
        ])
        .subcommands(inspect::commands())
        .after_help(help::GENERAL);
    help::teach(command)
}

fn action(name: &'static str, about: &'static str, examples: &'static str) -> Command {
    let command = Command::new(name).about(about).disable_help_subcommand(true).args_override_self(true);
    if examples.is_empty() { command } else { command.after_help(format!("Examples:\n{examples}")) }
}

/// A location: `[[USER@]HOST::]PATH`.
fn location(name: &'static str) -> Arg {
    Arg::new(name).required(true).value_parser(value_parser!(OsString)).allow_negative_numbers(true)
}

fn at(help: &'static str) -> Arg {
    option("at", "TIME", help)
}

fn backup() -> Command {
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
pub fn backup_args() -> Vec<Arg> {
    [copying_args(), groups::statistics_args(), groups::safety_args(), groups::via_args()].concat()
}

/// The groups that a backup and a restore have in common.
fn copying_args() -> Vec<Arg> {
    [
        groups::creation_args(),
        groups::compression_args(),
        selection::selection_args(),
        groups::filesystem_args(),
        groups::owner_args(),
    ]
    .concat()
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
        .arg(
            option("cword", "INDEX", "Which word to complete; default: the last")
                .value_parser(groups::integer),
        )
        .args(pair!("unique", default true, "Print options that are there already too"))
        .arg(Arg::new("WORDS").num_args(0..).value_parser(value_parser!(OsString)))
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
fn read(m: &ArgMatches) -> Result<Invocation, clap::Error> {
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
            explain: groups::os(s, "explain"),
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

fn place(m: &ArgMatches, name: &str) -> OsString {
    os(m, name).unwrap_or_default()
}

/// All the values of an argument.
pub fn places(m: &ArgMatches, name: &str) -> Vec<OsString> {
    m.get_many::<OsString>(name).into_iter().flatten().cloned().collect()
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

/// Reads the groups of options of a backup.
///
/// # Errors
/// When a mapping file can't be read.
pub fn backup_of(m: &ArgMatches, source: OsString, repository: OsString) -> Result<Backup, String> {
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
pub fn restore_of(m: &ArgMatches, source: OsString, target: OsString) -> Result<Restore, String> {
    Ok(Restore { source, target, at: None, increment: false, is_confirmed: false, copy: copying_of(m)? })
}

fn copying_of(m: &ArgMatches) -> Result<Copying, String> {
    Ok(Copying {
        create_full_path: m.get_flag("create-full-path"),
        compression: groups::compression(m),
        selection: selection::selection(m),
        explain: groups::os(m, "explain"),
        filesystem: groups::filesystem(m),
        owners: groups::owners(m)?,
    })
}

/// Reads the groups of options of a regress.
///
/// # Errors
/// When a mapping file can't be read.
pub fn regress_of(m: &ArgMatches, repository: OsString) -> Result<Regress, String> {
    Ok(Regress {
        repository,
        compression: groups::compression(m),
        owners: groups::owners(m)?,
        allow_duplicate_timestamps: m.get_flag("allow-duplicate-timestamps"),
    })
}
