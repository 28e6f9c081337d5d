//! The command lines: words become an [`Invocation`].
//!
//! There are two, the current one and the older one, in which the action is an option. [`parse`] chooses between
//! them as rdiff-backup does.

mod abbreviate;
pub mod additions;
pub mod current;
pub mod groups;
mod help;
pub(crate) mod hint;
mod inspect;
pub(crate) mod jobs;
pub mod older;
mod parts;
pub mod selection;
mod shared;
#[cfg(test)]
mod tests;

use crate::action::{ACTIONS, Action, Invocation};
use clap::error::ErrorKind;
use hint::Grammar;
use older::Bad;
use shared::{base_command, matches};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Reads a command line, without the name of the program.
///
/// # Errors
/// What clap makes of a bad one, of `--help` and of `--version`; it knows the text, where that goes and
/// the exit code.
pub fn parse(words: Vec<OsString>) -> Result<Invocation, clap::Error> {
    if is_current(&words) {
        let words = splice(words, 0).map_err(|e| current::command().error(ErrorKind::Io, e))?;
        let found = matches(current::command_for(&words), words.clone());
        // Whatever is said of it says clap, who has to know all of it for that.
        let found = found.or_else(|_| matches(current::command(), words.clone()));
        current::read(&found.map_err(|e| hint::improve(e, &words, Grammar::Current))?)
    } else {
        parse_older(words)
    }
}

/// Reads an older command line.
///
/// # Errors
/// As [`parse`].
pub fn parse_older(words: Vec<OsString>) -> Result<Invocation, clap::Error> {
    let found = matches(older::command(), words.clone());
    let found = found.map_err(|e| hint::improve(e, &words, Grammar::Older))?;
    older::read(&found).map_err(|e| match e {
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
            older::command().error(ErrorKind::WrongNumberOfValues, format!("{e}{tip}"))
        }
        Bad::Value(e) => older::command().error(ErrorKind::ValueValidation, e),
    })
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
    let source = |words: Vec<OsString>| match parse_older(words).ok()?.action {
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
