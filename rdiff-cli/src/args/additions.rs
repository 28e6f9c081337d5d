//! Options that the original doesn't have. They stand under a heading of their own, can be given before and
//! after the action, and never make an abbreviation ambiguous that somebody's script has used for years.

use super::groups::{flag, pair, pair_of};
use crate::action::Output;
use clap::{Arg, ArgMatches};

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
    let mut args = vec![flag("json", "Print for programs: one JSON object a line, see docs/json.md")];
    args.extend(pair!("progress", default false, "Show how far a job is also where there is no terminal"));
    args.into_iter().map(|arg| added(arg).global(true)).collect()
}

/// Reads OUTPUT.
pub fn output(m: &ArgMatches) -> Output {
    let (yes, no) = (pair_of!(m, "progress", default false), m.get_flag("no-progress"));
    Output { json: m.get_flag("json"), progress: if yes { Some(true) } else { no.then_some(false) } }
}
