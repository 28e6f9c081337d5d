//! The companion programs of rdiff-backup: [`delete`] purges a path, [`statistics`] says what takes the space.
//!
//! They are programs of their own because scripts call them by their names. What they print is what the original's
//! print; wrong arguments end with exit code 1, as there.

pub mod delete;
pub mod statistics;

use clap::{ArgMatches, Command};
use rdiff_core::error::chain;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a companion ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The arguments, or a call for help; clap knows what to say.
    Usage(clap::Error),
    /// In one line.
    Fatal(String),
}

impl<E: Error + 'static> From<E> for Stop {
    fn from(e: E) -> Self {
        let known = (&e as &(dyn Error + 'static)).downcast_ref::<rdiff_core::error::Error>();
        let way_out = known.and_then(rdiff_core::error::Error::way_out);
        Stop::Fatal(way_out.map_or_else(|| chain(&e), |way_out| format!("{}; {way_out}", chain(&e))))
    }
}

fn matches(command: Command, words: impl IntoIterator<Item = OsString>) -> Result<ArgMatches, Stop> {
    command.try_get_matches_from(words).map_err(Stop::Usage)
}

/// Says why it ended, and turns that into an exit code.
fn conclude(outcome: Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(e)) => {
            // Nobody may be reading; the exit code says it all.
            drop(e.print());
            if e.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(Stop::Fatal(message)) => {
            drop(writeln!(io::stderr(), "fatal: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line. That nobody reads it stops nothing.
fn say(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}
