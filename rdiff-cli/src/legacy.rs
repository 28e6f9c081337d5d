//! The older command line, in which the action is an option: read into the same [`Action`], and silently.

use crate::action::{
    Action, Compare, FilesOf, Invocation, ListFiles, ListIncrements, Method, RemoveIncrements, Restore,
    RestrictMode, Restriction, Verify,
};
use crate::args::groups::{self, flag, option, os, text};
use crate::args::help;
use crate::args::hint::{self, Grammar};
use crate::args::{backup_args, backup_of, base_command, matches, places, regress_of, restore_of, selection};
use clap::error::ErrorKind;
use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use std::ffi::OsString;
use std::path::Path;

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

/// Reads an older command line.
///
/// # Errors
/// As [`crate::args::parse`].
pub fn parse(words: Vec<OsString>) -> Result<Invocation, clap::Error> {
    let m = matches(command(), words.clone()).map_err(|e| hint::improve(e, &words, Grammar::Older))?;
    let bad = |e: String| command().error(ErrorKind::ValueValidation, e);
    let mut generic = groups::generic(&m).map_err(bad)?;
    if m.get_flag("ssh-no-compression") {
        generic.remote.ssh_compression = Some(false);
    }
    let action = read_action(&m).map_err(|e| match e {
        Bad::Count(e, places) => {
            let tip = match places.first() {
                Some(word) if !Path::new(word).exists() => hint::on_words(&places),
                Some(_) => None,
                None => Some(
                    "'rdiff-backup --help' lists the actions, and 'rdiff-backup ACTION --help' explains one"
                        .to_owned(),
                ),
            };
            let tip = tip.map(|tip| format!("\n\n  tip: {tip}")).unwrap_or_default();
            command().error(ErrorKind::WrongNumberOfValues, format!("{e}{tip}"))
        }
        Bad::Value(e) => bad(e),
    })?;
    generic.of_other_actions = of_other_actions(&m, &action);
    Ok(Invocation { generic, action })
}

/// The options that were given and belong to other actions: this command line takes them all anywhere.
fn of_other_actions(m: &ArgMatches, action: &Action) -> Vec<String> {
    let older = command();
    let current = crate::args::command();
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

enum Bad {
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
            explain: groups::os(m, "explain"),
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

#[cfg(test)]
mod tests {
    use crate::args;
    use std::ffi::OsString;

    fn parse(line: &str) -> Result<crate::action::Invocation, clap::Error> {
        args::parse(line.split_whitespace().map(OsString::from).collect())
    }

    /// The older command line on the left, the current one on the right.
    const SAME: [(&str, &str); 45] = [
        ("S R", "backup S R"),
        ("-b S R", "backup S R"),
        ("--backup-mode S R", "backup S R"),
        ("-v5 S R", "-v5 backup S R"),
        ("-v 5 S R", "-v=5 backup S R"),
        ("--verb=5 S R", "--verbosity 5 backup S R"),
        ("S R --force", "--force backup S R"),
        ("S -v5 R", "-v5 backup S R"),
        ("--no-new backup R", "--new backup backup R"),
        ("--no-eas --eas S R", "backup S R"),
        ("--eas --no-eas S R", "backup --no-eas S R"),
        ("--no-fsync --ssh-no-comp S R", "--no-fsync --no-ssh-compression backup S R"),
        ("--override-chars-to-quote A-Z S R", "--chars-to-quote=A-Z backup S R"),
        ("--no-compression-regexp x S R", "backup --not-compressed-regexp x S R"),
        (
            "--exclude a --include-fifos --max-file-size 9 --exclude b S R",
            "backup --exclude a --include-fifos --max-file-size 9 --exclude b S R",
        ),
        (
            "--create-full --no-compression --print S R",
            "backup --create-full-path --no-compression --print-statistics S R",
        ),
        ("-r 10D R D", "restore --at 10D R D"),
        ("-r10D R D", "restore --at 10D R D"),
        ("-r -5 R D", "restore --at -5 R D"),
        ("--restore-as-of=now R D", "restore --at now R D"),
        ("--restore-as now --exclude x R D", "restore --at now --exclude x R D"),
        ("--restore I D", "restore --increment I D"),
        ("--check-destination-dir R", "regress R"),
        ("--check R --allow-duplicate-timestamps", "regress --allow-duplicate-timestamps R"),
        ("--compare S R", "compare S R"),
        ("--compare-hash S R", "compare --method hash S R"),
        ("--compare-full S R", "compare --method full --at now S R"),
        ("--compare-at-time 3B S R", "compare --method meta --at 3B S R"),
        ("--compare-hash-at-time 3B S R", "compare --method hash --at 3B S R"),
        ("--compare-full-at-time 3B S R", "compare --method full --at 3B S R"),
        ("-l R", "list increments R"),
        ("--list-increments R --parsable-output", "--parsable-output list increments R"),
        ("-lv5 R", "-v5 list increments R"),
        ("--list-increment-sizes R", "list increments --size R"),
        ("--list-at-time 1D R", "list files --at 1D R"),
        ("--list-changed-since 1D R", "list files --changed-since 1D R"),
        ("--remove-older-than 1Y --force R", "--force remove increments --older-than 1Y R"),
        ("--verify R", "verify R"),
        ("--verify-at-time 1D R", "verify --at 1D R"),
        ("--calculate-average A B", "calculate A B"),
        ("--test-server a::b c::d", "test a::b c::d"),
        ("-s", "server"),
        ("--server --restrict P", "server --restrict-path P --restrict-mode read-write"),
        ("--server --restrict-read-only P", "server --restrict-path P --restrict-mode read-only"),
        ("--server --restrict-update-only P", "server --restrict-path P --restrict-mode update-only"),
    ];

    #[test]
    fn both_command_lines_ask_for_the_same() {
        for (older, current) in SAME {
            let (older, current) = (parse(older), parse(current));
            let without = |mut i: crate::action::Invocation| {
                i.generic.of_other_actions.clear();
                i
            };
            let (older, current) = (older.map(without), current.map(without));
            assert_eq!(older.as_ref().ok(), current.as_ref().ok(), "{older:?} {current:?}");
            assert!(older.is_ok(), "{older:?}");
        }
    }

    #[test]
    fn options_of_other_actions_are_known_as_such() {
        for (line, others) in [
            ("S R --exclude x --print-statistics", &[][..]),
            ("-l R --exclude x --no-eas -v5", &["--exclude", "--no-eas"][..]),
            ("-r now R D --print-statistics --exclude x", &["--print-statistics"][..]),
            ("--verify R --json --force", &[][..]),
        ] {
            let mut found = parse(line).unwrap().generic.of_other_actions;
            found.sort();
            assert_eq!(found, others, "{line}");
        }
    }

    #[test]
    fn what_is_no_command_line() {
        for line in [
            "",
            "S",
            "S R X",
            "-l",
            "-l R X",
            "-r",
            "-r 1D R",
            "-r -1D R D",
            "--compare --verify R",
            "-v10 S R",
            "-vx S R",
            "--n S R",
            "--force=1 S R",
            "--max-file-size 1k S R",
            "--restrict a --restrict-read-only b -s",
            "-s X",
            "--test-server",
            "--calculate-average",
            "--user-mapping-file /nonexistent/file S R",
            "-x S R",
            // Any word that is an action's name makes it the current command line.
            "S backup",
            "S list",
            "--new S R",
            "@/nonexistent/file",
            "backup",
            "backup S",
            "backup S R X",
            "list",
            "list R",
            "list files",
            "list files R X",
            "list files --at 1 --changed-since 2 R",
            "remove increments R",
            "remove R",
            "restore --at 1D --increment R D",
            "compare --method x S R",
            "calculate",
            "test",
            "info X",
            "backup --force S R",
            "--user-mapping-file F backup S R",
            "--api-version x info",
            "server X",
            "bogus --help",
        ] {
            assert_eq!(parse(line).map_err(|e| e.exit_code()), Err(2), "{line:?}");
        }
    }

    #[test]
    fn help_and_version_are_no_errors() {
        for line in
            ["-h", "--help", "-V", "--version", "backup --help", "list files -h", "--new -V", "-v5 -V"]
        {
            assert_eq!(parse(line).map_err(|e| e.exit_code()), Err(0), "{line:?}");
        }
        assert_eq!(parse("-V").map_err(|e| e.to_string()), Err("rdiff-backup 2.2.2\n".to_owned()));
    }

    #[test]
    fn a_file_holds_one_argument_in_each_line() {
        let dir = tempfile::tempdir().unwrap();
        let (file, more) = (dir.path().join("args"), dir.path().join("more"));
        std::fs::write(&more, "--exclude\na b\r\n").unwrap();
        std::fs::write(&file, format!("-v5\nbackup\n@{}\nS\n", more.display())).unwrap();
        let words = vec![OsString::from(format!("@{}", file.display())), "R".into()];
        let wanted = ["-v5", "backup", "--exclude", "a b", "S", "R"].map(OsString::from).to_vec();
        assert_eq!(args::parse(words.clone()).ok(), args::parse(wanted).ok());
        std::fs::write(&more, format!("@{}\n", file.display())).unwrap();
        assert_eq!(args::parse(words).map_err(|e| e.exit_code()), Err(2));
    }

    proptest::proptest! {
        #[test]
        fn no_words_make_it_panic(words in proptest::collection::vec(word(), 0..6)) {
            drop(args::parse(words));
        }
    }

    fn word() -> impl proptest::strategy::Strategy<Value = OsString> {
        use proptest::prelude::*;
        use std::os::unix::ffi::OsStringExt;
        let known = proptest::sample::select(
            SAME.iter()
                .flat_map(|(a, b)| a.split(' ').chain(b.split(' ')))
                .map(OsString::from)
                .collect::<Vec<_>>(),
        );
        // Reading standard input would wait for somebody to type.
        let any = proptest::collection::vec(any::<u8>(), 0..6).prop_map(OsString::from_vec);
        prop_oneof![4 => known, 1 => any].prop_filter("no standard input", |w| w != "-")
    }
}
