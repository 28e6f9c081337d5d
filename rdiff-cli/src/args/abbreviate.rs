//! Options may be shortened to what no other option begins with.
//!
//! Done here and not by clap, so that an option that is new with us never makes an abbreviation ambiguous
//! that somebody's script has used for years.

use super::additions::is_added;
use clap::{Arg, Command};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Writes out the abbreviated options of a command line. What is no option, or fits several, stays.
pub(super) fn spell_out(words: Vec<OsString>, command: &Command) -> Vec<OsString> {
    let mut level = command;
    let mut is_value = false;
    let mut rest_is_plain = false;
    let mut spelled = Vec::with_capacity(words.len());
    for word in words {
        rest_is_plain |= !is_value && word == "--";
        if is_value || rest_is_plain {
            is_value = false;
            spelled.push(word);
            continue;
        }
        let bytes = word.as_bytes();
        if let Some(long) = bytes.strip_prefix(b"--") {
            let (name, value) = split_value(long);
            let arg = find(level, name);
            is_value = value.is_none() && arg.is_some_and(|(_, arg)| takes_value(arg));
            spelled.push(arg.map_or_else(|| word.clone(), |(name, _)| join(name, value)));
            continue;
        }
        match bytes.strip_prefix(b"-") {
            Some(cluster) => is_value = ends_with_option_of_value(level, cluster),
            None => level = level.find_subcommand(&word).unwrap_or(level),
        }
        spelled.push(word);
    }
    spelled
}

/// The index of the first word that is neither an option nor the value of one.
pub(super) fn first_plain(words: &[OsString], command: &Command) -> Option<usize> {
    let mut is_value = false;
    for (at, word) in words.iter().enumerate() {
        let bytes = word.as_bytes();
        if std::mem::take(&mut is_value) {
            continue;
        }
        if let Some(long) = bytes.strip_prefix(b"--") {
            let (name, value) = split_value(long);
            is_value = value.is_none() && find(command, name).is_some_and(|(_, arg)| takes_value(arg));
        } else if let Some(cluster) = bytes.strip_prefix(b"-") {
            is_value = ends_with_option_of_value(command, cluster);
        } else {
            return Some(at);
        }
    }
    None
}

fn split_value(long: &[u8]) -> (&[u8], Option<&[u8]>) {
    match long.iter().position(|&b| b == b'=') {
        Some(at) => (&long[..at], Some(&long[at + 1..])),
        None => (long, None),
    }
}

fn join(name: &str, value: Option<&[u8]>) -> OsString {
    let value = value.map(|v| [b"=", v].concat()).unwrap_or_default();
    OsString::from_vec([b"--", name.as_bytes(), &value].concat())
}

/// The option of that name, or the only one that begins so.
fn find<'a>(level: &'a Command, name: &[u8]) -> Option<(&'a str, &'a Arg)> {
    let spellings = level.get_arguments().flat_map(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases).map(move |name| (name, arg))
    });
    let found: Vec<_> = spellings.filter(|(full, _)| full.as_bytes().starts_with(name)).collect();
    let exact = found.iter().find(|(full, _)| full.as_bytes() == name);
    let theirs = || only(found.iter().filter(|(_, arg)| !is_added(arg)));
    exact.or_else(theirs).or_else(|| only(found.iter())).copied()
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_none_or(|n| n.max_values() > 0) && arg.get_action().takes_values()
}

/// Does the last letter of `-abc` want the next word?
fn ends_with_option_of_value(level: &Command, cluster: &[u8]) -> bool {
    let of = |letter: u8| level.get_arguments().find(|a| a.get_short() == Some(char::from(letter)));
    let first = cluster.iter().position(|&letter| of(letter).is_some_and(takes_value));
    first.is_some_and(|at| at + 1 == cluster.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let mut command = crate::args::current::command();
        command.build();
        let spelled = spell_out(words, &command);
        spelled.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_word_is_no_option_and_no_value() {
        let first = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            first_plain(&words, &crate::args::base_command())
                .map(|at| words[at].to_string_lossy().into_owned())
        };
        assert_eq!(first("-v5 --force status r").as_deref(), Some("status"));
        assert_eq!(first("-v status --tempdir diff --api=201 history").as_deref(), Some("history"));
        assert_eq!(first("--force -l"), None);
    }

    #[test]
    fn what_is_clear_is_written_out() {
        for (line, want) in [
            ("--forc backup", "--force backup"),
            ("--verb=5 --api 201", "--verbosity=5 --api-version 201"),
            ("--n", "--n"),
            ("--js backup --js", "--json backup --json"),
            ("--p backup", "--parsable-output backup"),
            ("backup --no-p", "backup --no-print-statistics"),
            ("--new", "--new"),
            ("--bogus", "--bogus"),
            ("backup --max 5", "backup --max-file-size 5"),
            ("backup --max-d 5", "backup --max-deletions 5"),
            ("backup --forc", "backup --forc"),
            ("list files --changed 1D", "list files --changed-since 1D"),
            // Values are no options, and no actions.
            ("--tempdir backup --forc", "--tempdir backup --force"),
            ("-v backup --forc", "-v backup --force"),
            ("-v5 backup --no-e", "-v5 backup --no-eas"),
            ("--current-time --forc", "--current-time --forc"),
            ("-- --forc", "-- --forc"),
            ("backup --override x", "backup --override x"),
            ("--override x", "--override-chars-to-quote x"),
        ] {
            assert_eq!(spelled(line), want);
        }
    }
}
