//! Options that the original doesn't have. They stand under a heading of their own, can be given before and
//! after the action, and never make an abbreviation ambiguous that somebody's script has used for years.

use super::parts::{flag, option, pair, pair_of};
use crate::action::Output;
use clap::{Arg, ArgMatches, ValueHint, value_parser};

/// The heading under which help shows them. It also is what tells them from the original's.
pub const ADDITIONS: &str = "Not in the original";

/// Makes an option one of ours.
pub fn added(arg: Arg) -> Arg {
    arg.help_heading(ADDITIONS)
}

/// Is it one of ours?
pub(super) fn is_added(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(ADDITIONS)
}

/// OUTPUT.
pub fn output_args() -> Vec<Arg> {
    let mut args = vec![
        flag("json", "Print for programs: one JSON object a line, see docs/json.md"),
        flag("dry-run", "Say what would be done, and change nothing"),
    ];
    args.extend(pair!("progress", default false, "Show how far a job is also where there is no terminal"));
    args.into_iter().map(|arg| added(arg).global(true)).collect()
}

/// How other hosts are reached, besides what the original asks.
pub fn remote_args() -> Vec<Arg> {
    let identity = option("identity", "FILE", "Private key to log in to other hosts with, and no other");
    let timeout = option("remote-timeout", "SECONDS", "How long another host may say nothing; default: 60");
    let timeout = timeout.value_parser(value_parser!(u32).range(1..));
    let args = vec![identity.value_hint(ValueHint::FilePath), timeout];
    args.into_iter().map(|arg| added(arg).global(true)).collect()
}

/// Reads OUTPUT.
pub fn output(m: &ArgMatches) -> Output {
    let (yes, no) = (pair_of!(m, "progress", default false), m.get_flag("no-progress"));
    Output {
        json: m.get_flag("json"),
        dry_run: m.get_flag("dry-run"),
        progress: if yes { Some(true) } else { no.then_some(false) },
    }
}
