//! The groups of options that several actions share, and both command lines: for each one function that
//! defines it and one that reads it.

use super::additions::{self, added};
use super::parts::{flag, integer, option, os, pair, pair_of};
use crate::action::{
    Compression, Filesystem, Generic, MappingFile, Owners, Remote, RestrictMode, Restriction, Safety, Via,
};
use clap::{Arg, ArgMatches, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

fn verbosity(text: &str) -> Result<u8, String> {
    match integer(text)? {
        n @ 0..=9 => Ok(n as u8),
        n => Err(format!("{n} is not from 0 to 9")),
    }
}

const LEVELS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The ten levels of verbosity, for completion.
pub fn levels_of(option: &str) -> &'static [&'static str] {
    if option == "verbosity" || option == "terminal-verbosity" { &LEVELS } else { &[] }
}

/// The options of every action.
pub fn generic_args() -> Vec<Arg> {
    let mut args = vec![
        option("api-version", "N", "Interface version: 200 (the default) or 201").value_parser(integer),
        option("chars-to-quote", "CHARS", "Write these characters as ;DDD in the repository's file names")
            .alias("override-chars-to-quote"),
        option("current-time", "SECONDS", "Take this for the time now (for tests)").value_parser(integer),
        flag("force", "Do it even if it overwrites or deletes something"),
        flag("null-separator", "Lists of files have NUL instead of newline between entries"),
        flag("parsable-output", "Print for programs rather than for people"),
        option(
            "remote-schema",
            "COMMAND",
            "How to call ssh: 'ssh -p 2222 {h}'; {h} is the host. A command behind it is an SFTP server \
             to run there",
        ),
        option("remote-tempdir", "DIR", "No effect here (nothing is installed on other hosts)"),
        option("tempdir", "DIR", "Directory for temporary files"),
        option("terminal-verbosity", "LEVEL", "How much to say on the terminal, 0 to 9; default: as -v")
            .value_parser(verbosity),
        flag("use-compatible-timestamps", "Write times in file names with - instead of :"),
        option("verbosity", "LEVEL", "How much to say: 0 nothing, 3 the default, 5 every file, 9 everything")
            .short('v')
            .value_parser(verbosity),
    ];
    args.extend(pair!("fsync", default true, "Don't wait for the disk: faster, and unsafe in a power cut"));
    args.extend(pair!("new", default false, "Read the command line as the current grammar"));
    args.extend(pair!(
        "ssh-compression",
        default true,
        "Let ssh not compress; default: as ssh's configuration says"
    ));
    args.extend(additions::output_args());
    args.extend(additions::remote_args());
    args
}

/// Reads the options of every action.
///
/// # Errors
/// When the environment's verbosity is no number.
pub fn generic(m: &ArgMatches) -> Result<Generic, String> {
    let level = |name: &str| m.get_one::<u8>(name).copied();
    let verbosity = match level("verbosity") {
        Some(v) => v,
        None => default_verbosity(std::env::var_os("RDIFF_BACKUP_VERBOSITY"))?,
    };
    Ok(Generic {
        api_version: match m.get_one("api-version").copied() {
            None => default_api(std::env::var_os("RDIFF_BACKUP_API_VERSION"))?,
            given => given,
        },
        chars_to_quote: os(m, "chars-to-quote"),
        current_time: m.get_one("current-time").copied(),
        force: m.get_flag("force"),
        fsync: pair_of!(m, "fsync", default true),
        null_separator: m.get_flag("null-separator"),
        parsable_output: m.get_flag("parsable-output"),
        of_other_actions: Vec::new(),
        output: additions::output(m),
        remote: Remote {
            schema: os(m, "remote-schema"),
            tempdir: os(m, "remote-tempdir"),
            ssh_compression: match (m.get_flag("ssh-compression"), m.get_flag("no-ssh-compression")) {
                (false, false) => None,
                (given, _) => Some(given),
            },
            identity: os(m, "identity").map(PathBuf::from),
            timeout: m.get_one("remote-timeout").copied(),
        },
        tempdir: os(m, "tempdir").map(PathBuf::from),
        terminal_verbosity: level("terminal-verbosity").unwrap_or(verbosity),
        use_compatible_timestamps: m.get_flag("use-compatible-timestamps"),
        verbosity,
    })
}

fn default_verbosity(environment: Option<OsString>) -> Result<u8, String> {
    let Some(text) = environment else { return Ok(3) };
    match integer(&text.to_string_lossy()) {
        Ok(n) => Ok(n.clamp(0, 9) as u8),
        Err(e) => Err(format!("RDIFF_BACKUP_VERBOSITY: {e}")),
    }
}

/// The version of the interface that the environment wants: of a YAML map the entry `actual`, or else `default`.
fn default_api(environment: Option<OsString>) -> Result<Option<i64>, String> {
    let Some(text) = environment else { return Ok(None) };
    let text = text.to_string_lossy();
    let bad = |why: &str| format!("RDIFF_BACKUP_API_VERSION '{text}': {why}");
    let (mut actual, mut default) = (None, None);
    for entry in text.trim().trim_start_matches('{').trim_end_matches('}').split([',', '\n']) {
        if entry.trim().is_empty() {
            continue;
        }
        let (key, value) = entry.split_once(':').ok_or_else(|| bad("it is no map such as {default: 201}"))?;
        let value = integer(value).map_err(|e| bad(&e))?;
        match key.trim() {
            "actual" => actual = Some(value).filter(|v| *v != 0),
            "default" => default = Some(value),
            // What this program can do doesn't change.
            "min" | "max" => {}
            other => return Err(bad(&format!("'{other}' is none of actual, default, min, max"))),
        }
    }
    Ok(actual.or(default))
}

/// CREATION.
pub fn creation_args() -> Vec<Arg> {
    vec![flag("create-full-path", "Create the directories above the target too")]
}

/// COMPRESSION.
pub fn compression_args() -> Vec<Arg> {
    let mut args = vec![
        option("not-compressed-regexp", "REGEXP", "Don't compress increments of paths that match")
            .alias("no-compression-regexp"),
    ];
    args.extend(pair!("compression", default true, "Don't compress increments"));
    args
}

/// Reads COMPRESSION.
pub fn compression(m: &ArgMatches) -> Compression {
    Compression { enabled: pair_of!(m, "compression", default true), except: os(m, "not-compressed-regexp") }
}

/// FILESYSTEM.
pub fn filesystem_args() -> Vec<Arg> {
    let mut args =
        vec![flag("never-drop-acls", "Fail rather than drop an access control list or an entry of one")];
    args.extend(pair!("acls", default true, "Leave access control lists alone"));
    args.extend(pair!("carbonfile", default true, "No effect here (Mac OS X only)"));
    args.extend(pair!("compare-inode", default true, "A new inode alone is no change of a hard-linked file"));
    args.extend(pair!("eas", default true, "Leave extended attributes alone"));
    args.extend(pair!("hard-links", default true, "Treat hard links as separate files"));
    args.extend(pair!("resource-forks", default true, "No effect here (Mac OS X only)"));
    args
}

/// Reads FILESYSTEM.
pub fn filesystem(m: &ArgMatches) -> Filesystem {
    Filesystem {
        acls: pair_of!(m, "acls", default true),
        carbonfile: pair_of!(m, "carbonfile", default true),
        compare_inode: pair_of!(m, "compare-inode", default true),
        eas: pair_of!(m, "eas", default true),
        hard_links: pair_of!(m, "hard-links", default true),
        resource_forks: pair_of!(m, "resource-forks", default true),
        never_drop_acls: m.get_flag("never-drop-acls"),
    }
}

/// USER GROUP.
pub fn owner_args() -> Vec<Arg> {
    let file = |name, help| option(name, "FILE", help).value_hint(ValueHint::FilePath);
    vec![
        file("user-mapping-file", "Lines `old:new` that translate users, by name or number"),
        file("group-mapping-file", "Lines `old:new` that translate groups, by name or number"),
        flag("preserve-numerical-ids", "Keep numbers of users and groups instead of their names"),
    ]
}

/// Reads USER GROUP, and the files it names.
///
/// # Errors
/// When one can't be read.
pub fn owners(m: &ArgMatches) -> Result<Owners, String> {
    let read = |option: &str| -> Result<Option<MappingFile>, String> {
        let Some(name) = os(m, option).map(PathBuf::from) else { return Ok(None) };
        let contents = if name.as_os_str() == "-" {
            let mut contents = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut contents).map(|_| contents)
        } else {
            std::fs::read(&name)
        };
        match contents {
            Ok(contents) => Ok(Some(MappingFile { name, contents })),
            Err(e) => Err(format!("--{option}: cannot read '{}': {e}", name.display())),
        }
    };
    Ok(Owners {
        users: read("user-mapping-file")?,
        groups: read("group-mapping-file")?,
        numerical: m.get_flag("preserve-numerical-ids"),
    })
}

/// STATISTICS.
pub fn statistics_args() -> Vec<Arg> {
    let mut args = Vec::new();
    args.extend(pair!("file-statistics", default true, "Write no statistics of single files"));
    args.extend(pair!("print-statistics", default false, "Print the statistics of the session"));
    args
}

/// SAFETY, which the original doesn't have.
pub fn safety_args() -> Vec<Arg> {
    let most =
        option("max-deletions", "PERCENT", "Fail if more of the files than this are gone; default: 50%");
    vec![
        added(flag("allow-empty-source", "Believe it when the source is empty and the mirror is not")),
        added(option("marker", "PATH", "Fail unless this path is in the source").value_parser(marker)),
        added(most.value_parser(percentage)),
        added(flag("no-space-check", "Only warn when the session can't fit on the disk")),
    ]
}

/// Reads SAFETY.
pub fn safety(m: &ArgMatches) -> Safety {
    Safety {
        allow_empty_source: m.get_flag("allow-empty-source"),
        most_deletions: m.get_one("max-deletions").copied(),
        check_space: !m.get_flag("no-space-check"),
        marker: m.get_one("marker").cloned(),
    }
}

/// Takes a path below the source.
fn marker(text: &str) -> Result<PathBuf, String> {
    let path: PathBuf = std::path::Path::new(text).components().collect();
    let is_below = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if is_below && !path.as_os_str().is_empty() {
        Ok(path)
    } else {
        Err(format!("'{text}' is no path below the source"))
    }
}

/// Reads `50%` or `50` as a half.
fn percentage(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(n) if (0.0..=100.0).contains(&n) => Ok(n / 100.0),
        _ => Err(format!("'{text}' is no percentage from 0 to 100")),
    }
}

/// How a source on another host is read.
pub fn via_args() -> Vec<Arg> {
    let via = option("via", "WAY", "Read another host by sftp (the default) or by sshfs, a private mount");
    vec![added(via.value_parser(["sftp", "sshfs"]))]
}

/// Reads how a source on another host is read.
pub fn via(m: &ArgMatches) -> Via {
    match m.get_one::<String>("via").map(String::as_str) {
        Some("sshfs") => Via::Sshfs,
        _ => Via::Sftp,
    }
}

/// TIMESTAMP.
pub fn timestamp_args() -> Vec<Arg> {
    vec![flag("allow-duplicate-timestamps", "Go on although a file of metadata is there twice")]
}

/// RESTRICT.
pub fn restrict_args() -> Vec<Arg> {
    vec![
        option("restrict-path", "DIR", "Serve nothing outside this directory"),
        option("restrict-mode", "MODE", "What the client may do in it; default: read-write").value_parser([
            "read-write",
            "read-only",
            "update-only",
        ]),
    ]
}

/// Reads RESTRICT.
pub fn restriction(m: &ArgMatches, debug: bool) -> Restriction {
    Restriction {
        path: os(m, "restrict-path"),
        mode: match m.get_one::<String>("restrict-mode").map(String::as_str) {
            Some("read-only") => RestrictMode::ReadOnly,
            Some("update-only") => RestrictMode::UpdateOnly,
            _ => RestrictMode::ReadWrite,
        },
        debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_as_python_reads_them() {
        for (text, want) in [("5", 5), (" 5 ", 5), ("+5", 5), ("-5", -5), ("1_000", 1000), ("007", 7)] {
            assert_eq!(integer(text), Ok(want), "{text:?}");
        }
        for text in ["", "x", "1k", "5V", "_1", "1_", "1__0", "--5", "+-5", "1.0", "99999999999999999999"] {
            assert!(integer(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_environment_may_say_which_interface() {
        for (text, want) in [
            ("{default: 201}", Ok(Some(201))),
            ("default: 200\nactual: 201", Ok(Some(201))),
            ("{actual: 0, default: 200, min: 200, max: 201}", Ok(Some(200))),
            ("", Ok(None)),
            ("201", Err(())),
            ("{default: x}", Err(())),
            ("{other: 1}", Err(())),
        ] {
            assert_eq!(default_api(Some(text.into())).map_err(drop), want, "{text:?}");
        }
        assert_eq!(default_api(None), Ok(None));
    }

    #[test]
    fn the_environment_may_say_how_much_to_say() {
        for (text, want) in [(None, Some(3)), (Some("7"), Some(7)), (Some("42"), Some(9)), (Some("x"), None)]
        {
            assert_eq!(default_verbosity(text.map(OsString::from)).ok(), want);
        }
    }
}
