//! Tips for command lines that can't be read: what was probably meant.
//!
//! clap knows misspelt options. It does not know that an option stands at the wrong side of the action, or belongs
//! to the other command line.

use super::current::command;
use super::older;
use super::shared::base_command;
use crate::action::ACTIONS;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Which command line was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    Current,
    Older,
}

/// Options of the older command line, and what is meant by them behind an action.
const OLDER: [(&str, &str); 6] = [
    ("-r", "--at"),
    ("--restore-as-of", "--at"),
    ("--list-at-time", "--at"),
    ("--verify-at-time", "--at"),
    ("--list-changed-since", "--changed-since"),
    ("--remove-older-than", "--older-than"),
];

/// The error with a better tip, if there is one.
pub(crate) fn improve(mut error: Error, words: &[OsString], grammar: Grammar) -> Error {
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => {
            let Some(option) = text(&error, ContextKind::InvalidArg).filter(|o| o.starts_with('-')) else {
                return error;
            };
            let is_misspelt = error.get(ContextKind::SuggestedArg).is_some();
            let tip = on_option(&option, words, grammar);
            if tip.is_none() && is_misspelt {
                return error;
            }
            tip.or_else(|| on_dash(&option, words))
        }
        ErrorKind::InvalidSubcommand => {
            let word = text(&error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let tip = on_task(&word, words).or_else(|| on_action(word.as_ref()));
            tip.or_else(|| Some("'rdiff-backup --help' lists the actions".to_owned()))
        }
        _ => return error,
    };
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::Suggested] {
        error.remove(kind);
    }
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Is it known elsewhere?
fn on_option(option: &str, words: &[OsString], grammar: Grammar) -> Option<String> {
    if grammar == Grammar::Current && has(&base_command(), option) {
        return Some(format!("'{option}' stands before the action"));
    }
    if let Some((_, current)) = OLDER.iter().find(|row| row.0 == option && grammar == Grammar::Current) {
        return Some(format!(
            "'{option}' is of the older command line, which has no actions; here it is '{current}'"
        ));
    }
    let main = command();
    let mut owners = Vec::new();
    for action in main.get_subcommands() {
        let tasks =
            action.get_subcommands().map(|task| (format!("{} {}", action.get_name(), task.get_name()), task));
        let all = std::iter::once((action.get_name().to_owned(), action)).chain(tasks);
        owners.extend(all.filter(|(_, c)| has(c, option)).map(|(name, _)| name));
    }
    let is_typed = |part: &str| words.iter().any(|word| word == part);
    // The whole name first; else an action without its task.
    let named = owners.iter().find(|owner| owner.split(' ').all(is_typed));
    let is_open = |owner: &&String| {
        let action = owner.split(' ').next().and_then(|name| main.find_subcommand(name));
        action.is_some_and(|a| {
            is_typed(a.get_name()) && !a.get_subcommands().any(|task| is_typed(task.get_name()))
        })
    };
    let named = named.or_else(|| owners.iter().find(is_open));
    match (named, owners.first()) {
        (Some(owner), _) => {
            Some(format!("'{option}' stands behind the action: rdiff-backup {owner} {option} …"))
        }
        (None, Some(_)) => Some(format!("'{option}' is an option of: {}", owners.join(", "))),
        (None, None) if grammar == Grammar::Current && has(&older::command(), option) => Some(format!(
            "'{option}' is of the older command line, which has no actions: see rdiff-backup -h"
        )),
        (None, None) => None,
    }
}

fn has(command: &Command, option: &str) -> bool {
    command.get_arguments().any(|arg| {
        let long = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
        long.map(|name| format!("--{name}")).any(|name| name == option)
            || arg.get_short().is_some_and(|letter| option == format!("-{letter}"))
    })
}

/// Perhaps it is no option at all.
fn on_dash(option: &str, words: &[OsString]) -> Option<String> {
    let word = words.iter().find(|word| word.as_bytes().starts_with(option.as_bytes()))?;
    match option.as_bytes() {
        [b'-', b'0'..=b'9', ..] => {
            Some("a time in the past is written without '-': 1D is a day ago".to_owned())
        }
        [b'-', b'-', ..] if !Path::new(word).exists() => None,
        _ => Some(format!("a path that begins with '-' is written './{}'", word.display())),
    }
}

/// The task of an action was misspelt, or left out.
fn on_task(word: &str, words: &[OsString]) -> Option<String> {
    let main = command();
    let action =
        words.iter().find_map(|word| main.find_subcommand(word).filter(|action| action.has_subcommands()))?;
    let name = action.get_name();
    let tasks: Vec<&str> = action.get_subcommands().map(Command::get_name).collect();
    // There are few: one slip is no doubt, even in a short name.
    let is_slip = |task: &&&str| word.len() > 2 && distance(word, task) <= 1 + task.len() / 4;
    if let Some(task) = tasks.iter().filter(is_slip).min_by_key(|task| distance(word, task)) {
        return Some(format!("did you mean 'rdiff-backup {name} {task}'?"));
    }
    let forms: Vec<String> = tasks.iter().map(|task| format!("rdiff-backup {name} {task}")).collect();
    Some(format!("it is one of: {}", forms.join(", ")))
}

/// What to say of words that are no locations, of which the first is no file.
pub(crate) fn on_words(words: &[OsString]) -> Option<String> {
    let main = command();
    let has_tasks = |word: &OsString| main.find_subcommand(word).is_some_and(Command::has_subcommands);
    match words {
        [action, task, ..] if has_tasks(action) => on_task(&task.to_string_lossy(), words),
        [first, ..] => on_action(first),
        [] => None,
    }
}

/// What to say of a word that is no file, if it looks like an action: `did you mean 'rdiff-backup list increments'?`
pub(crate) fn on_action(word: &OsStr) -> Option<String> {
    // No action has a slash in it; nearly every directory that somebody names has.
    let word = word.to_str().filter(|word| !word.contains('/'))?;
    if ["help", "version"].contains(&word) {
        return Some(format!("did you mean 'rdiff-backup --{word}'?"));
    }
    let main = command();
    let mut all = Vec::new();
    for action in main.get_subcommands() {
        let name = action.get_name();
        all.push((name.to_owned(), name.to_owned()));
        for task in action.get_subcommands().map(Command::get_name) {
            let meant = format!("{name} {task}");
            all.push((format!("{name}-{task}"), meant.clone()));
            if ACTIONS.contains(&name) {
                all.push((task.to_owned(), meant));
            }
        }
    }
    let near =
        all.iter().filter(|(spelling, _)| is_near(word, spelling)).min_by_key(|(s, _)| distance(word, s));
    near.map(|(_, meant)| format!("did you mean 'rdiff-backup {meant}'?"))
}

/// Could the one be a slip for the other?
fn is_near(word: &str, name: &str) -> bool {
    let is_plural = word.strip_suffix('s') == Some(name);
    is_plural || distance(word, name) <= name.len() / 4 + usize::from(name.len() > 3)
}

/// How many letters were left out, added, changed or swapped with their neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        for (word, meant) in [
            ("bakcup", "backup"),
            ("backp", "backup"),
            ("retsore", "restore"),
            ("verfy", "verify"),
            ("list-increments", "list increments"),
            ("increments", "list increments"),
            ("remove-increments", "remove increments"),
            ("lst", "list"),
            ("stauts", "status"),
            ("jobs", "job"),
        ] {
            let said = on_action(word.as_ref());
            assert_eq!(said, Some(format!("did you mean 'rdiff-backup {meant}'?")), "{word}");
        }
        for word in ["home", "src", "data", "x", "", "srv", "photos", "add"] {
            assert_eq!(on_action(word.as_ref()), None, "{word}");
        }
    }
}
