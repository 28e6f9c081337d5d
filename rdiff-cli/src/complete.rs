//! What can stand at a place of a command line, for the completion of shells.

use crate::action::Complete;
use crate::args;
use crate::args::groups::levels_of;
use clap::{Arg, Command, ValueHint};
use std::collections::BTreeMap;

/// Stands for the names of files, which the shell knows better.
const FILES: &str = "::file::";

/// The words that fit, sorted without regard to their dashes.
///
/// # Errors
/// The messages of what is wrong with the request.
pub fn candidates(request: &Complete) -> Result<Vec<String>, Vec<String>> {
    let words: Vec<String> = request.words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
    let at = place(request.cword, words.len()).ok_or_else(|| complaints(request.cword, &words))?;
    let (mut current, mut older) = (args::current::command(), args::older::command());
    current.build();
    older.build();
    let line = Line { words: &words, at, unique: request.unique };
    match line.grammar(&current, &older)? {
        Grammar::Action(action, start) => Ok(line.from(start).of_action(action)),
        Grammar::Older => Ok(line.options(&[&older], &[])),
        Grammar::Current => Ok(line.options(&[&current], &[&current])),
        Grammar::Either => Ok(line.options(&[&older, &current], &[&current])),
    }
}

/// The index of the word; a negative one counts from the end.
fn place(cword: i64, count: usize) -> Option<usize> {
    let index = if cword < 0 { i64::try_from(count).ok()?.checked_add(cword)? } else { cword };
    usize::try_from(index).ok().filter(|&index| index < count)
}

fn complaints(cword: i64, words: &[String]) -> Vec<String> {
    let range = format!("The word count {cword} isn't within range of the words list {words:?}");
    let none = "There must be at least one word, the command rdiff-backup itself, to complete".to_owned();
    if words.is_empty() { vec![none, range] } else { vec![range] }
}

enum Grammar<'a> {
    /// The action at this index.
    Action(&'a Command, usize),
    Older,
    Current,
    Either,
}

/// Words and a place among them.
#[derive(Clone, Copy)]
struct Line<'a> {
    words: &'a [String],
    at: usize,
    unique: bool,
}

impl<'a> Line<'a> {
    /// Which command line the words before the place belong to.
    fn grammar<'c>(&self, current: &'c Command, older: &Command) -> Result<Grammar<'c>, Vec<String>> {
        let (in_current, in_older) = (options_of(&[current]), options_of(&[older]));
        let (mut is_current, mut is_older) = (false, false);
        for (i, word) in self.words.iter().enumerate().take(self.at).skip(1) {
            if let Some(action) = current.find_subcommand(word) {
                return Ok(Grammar::Action(action, i));
            }
            let (c, o) = (in_current.contains_key(word), in_older.contains_key(word));
            is_current |= word == "--new" || word.starts_with('@') || (c && !o);
            is_older |= word == "--no-new" || (o && !c);
        }
        match (is_current, is_older) {
            (true, true) => Err(vec!["There is a mixture of old and new options".to_owned()]),
            (true, false) => Ok(Grammar::Current),
            (false, true) => Ok(Grammar::Older),
            (false, false) => Ok(Grammar::Either),
        }
    }

    /// The line that begins with the word at `start`.
    fn from(self, start: usize) -> Self {
        Line { words: &self.words[start..], at: self.at - start, ..self }
    }

    fn of_action(self, action: &Command) -> Vec<String> {
        let before = self.words.iter().enumerate().take(self.at).skip(1);
        match before.filter_map(|(i, word)| Some((i, action.find_subcommand(word)?))).next() {
            Some((start, entity)) => self.from(start).of_action(entity),
            None => self.options(&[action], &[action]),
        }
    }

    /// The options of some command lines and the actions of others.
    fn options(&self, with_options: &[&Command], with_actions: &[&Command]) -> Vec<String> {
        let options = options_of(with_options);
        let word = &self.words[self.at];
        let before = self.at.checked_sub(1).and_then(|i| options.get(&self.words[i]));
        if let Some(Value::Of(values)) = before {
            return values.clone();
        }
        let actions = with_actions.iter().flat_map(|c| c.get_subcommands()).map(|c| c.get_name().to_owned());
        let mut all: Vec<String> = options.into_keys().chain(actions).collect();
        all.retain(|o| o.starts_with(word));
        if (word.is_empty() || all.is_empty()) && with_options.iter().any(|c| self.wants_file(c)) {
            all.push(FILES.to_owned());
        }
        all.retain(|o| !self.unique || o == word || o == FILES || !self.words.contains(o));
        // Files come last, as they are no option.
        all.sort_by_key(|o| (o == FILES, o.replace('-', ""), o.clone()));
        all
    }

    /// Can a location stand here?
    fn wants_file(&self, command: &Command) -> bool {
        let locations = command.get_positionals();
        let most =
            locations.filter_map(|a| Some(a.get_num_args()?.max_values())).fold(0, usize::saturating_add);
        most > 0 && self.at.saturating_add(most) >= self.words.len()
    }
}

/// What follows an option.
enum Value {
    /// Another word.
    Nothing,
    /// One of these; none is known if it is empty.
    Of(Vec<String>),
}

fn options_of(commands: &[&Command]) -> BTreeMap<String, Value> {
    let args = commands.iter().flat_map(|c| c.get_arguments()).filter(|a| !a.is_positional());
    args.flat_map(|arg| spellings(arg).into_iter().map(|name| (name, value_of(arg)))).collect()
}

fn spellings(arg: &Arg) -> Vec<String> {
    let short = arg.get_short().map(|c| format!("-{c}"));
    let aliases = arg.get_all_aliases().unwrap_or_default();
    let long = arg.get_long().into_iter().chain(aliases).map(|name| format!("--{name}"));
    long.chain(short).collect()
}

fn value_of(arg: &Arg) -> Value {
    if !arg.get_action().takes_values() || arg.get_num_args().is_some_and(|n| n.max_values() == 0) {
        return Value::Nothing;
    }
    if arg.get_value_hint() == ValueHint::FilePath {
        return Value::Of(vec![FILES.to_owned()]);
    }
    let possible = arg.get_possible_values();
    let levels = levels_of(arg.get_id().as_str()).iter().map(|&level| level.to_owned());
    Value::Of(possible.iter().map(|v| v.get_name().to_owned()).chain(levels).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(cword: i64, unique: bool, words: &str) -> Result<Vec<String>, Vec<String>> {
        let words = words.split(' ').map(Into::into).collect();
        candidates(&Complete { cword, unique, words })
    }

    fn words(text: &str) -> Result<Vec<String>, Vec<String>> {
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn actions_options_and_values() {
        for (line, want) in [
            ("rdiff-backup re", "regress remove restore"),
            ("rdiff-backup --fs", "--fsync"),
            ("rdiff-backup --list-c", "--list-changed-since"),
            ("rdiff-backup -v ", "0 1 2 3 4 5 6 7 8 9"),
            ("rdiff-backup list fi", "files"),
            ("rdiff-backup list files --a", "--at"),
            ("rdiff-backup list files --at ", ""),
            ("rdiff-backup compare --method ", "meta full hash"),
            ("rdiff-backup restore --user-mapping-file ", "::file::"),
            ("rdiff-backup calculate --m", "--method"),
            ("rdiff-backup remove increments --size --si", ""),
            ("rdiff-backup --new ba", "backup"),
        ] {
            let (got, want) = (complete(-1, true, line), words(want));
            if line.ends_with("--si") {
                // An option that is there already isn't offered twice.
                assert!(got.is_ok_and(|got| !got.contains(&"--size".to_owned())));
            } else {
                assert_eq!(got, want, "{line:?}");
            }
        }
        let all = complete(1, true, "rdiff-backup ").unwrap();
        assert!(all.contains(&"backup".to_owned()) && all.contains(&"--backup-mode".to_owned()));
        assert_eq!(all.last().map(String::as_str), Some(FILES));
    }

    #[test]
    fn what_can_not_be_completed() {
        assert!(complete(5, true, "rdiff-backup backup").is_err());
        assert!(complete(-3, true, "rdiff-backup backup").is_err());
        assert!(complete(-1, true, "rdiff-backup --new --no-new x").is_err());
        assert!(candidates(&Complete { cword: -1, unique: true, words: Vec::new() }).is_err());
    }
}
