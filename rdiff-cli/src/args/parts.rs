//! What command lines are made of: options of a few kinds, and how each is read.

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::ffi::OsString;

/// An option without a value.
pub(crate) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// An option with a value; repeated, the last counts. A negative number is a value, not an option.
pub(crate) fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .value_parser(value_parser!(OsString))
        .allow_negative_numbers(true)
        .help(help)
}

/// `--name` and `--no-name`, of which the last counts. Help shows the one that is not the default.
macro_rules! pair {
    ($name:literal, default $default:literal, $help:literal) => {{
        let no = concat!("no-", $name);
        let hide = |arg: clap::Arg, hidden: bool| if hidden { arg.hide(true) } else { arg.help($help) };
        let flag = |name| clap::Arg::new(name).long(name).action(clap::ArgAction::SetTrue);
        [hide(flag($name).overrides_with(no), $default), hide(flag(no).overrides_with($name), !$default)]
    }};
}

/// What a pair says, or its default.
macro_rules! pair_of {
    ($matches:expr, $name:literal, default $default:literal) => {
        if $default { !$matches.get_flag(concat!("no-", $name)) } else { $matches.get_flag($name) }
    };
}
pub(super) use {pair, pair_of};

/// The text of an option, as bytes.
pub(crate) fn os(m: &ArgMatches, name: &str) -> Option<OsString> {
    m.get_one::<OsString>(name).cloned()
}

/// The text of an option. What is no text is replaced, and will be refused where it is read.
pub(crate) fn text(m: &ArgMatches, name: &str) -> Option<String> {
    os(m, name).map(|t| t.to_string_lossy().into_owned())
}

/// Reads a whole number as Python does: spaces around it, a sign, underscores between digits.
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    let digits = text.trim();
    let bad = || format!("'{text}' is no whole number");
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if !unsigned.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) {
        return Err(bad());
    }
    digits.replace('_', "").parse().map_err(|_| bad())
}

pub(super) fn utf8_text(name: &str, text: OsString) -> Result<String, String> {
    text.into_string()
        .map_err(|text| format!("{name} '{}' is not UTF-8, and the file of a job is", text.display()))
}
