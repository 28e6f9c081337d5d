//! The companion programs of rdiff-backup: [`delete`] purges a path, [`statistics`] says what takes the space.
//!
//! They are programs of their own because scripts call them by their names. What they print is what the original's
//! print; wrong arguments end with exit code 1, as there. With `--json` they print the lines of any action.

pub mod delete;
pub mod statistics;

use crate::advice::told;
use crate::exit::Exit;
use crate::json::lines::{Message, Output, Start};
use crate::json::{self, Json};
use crate::level::Level;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// A companion: its names, and what it does.
struct Companion {
    program: &'static str,
    /// What `--json` calls it.
    action: &'static str,
    act: fn(&ArgMatches, &Voice) -> Result<(), Stop>,
}

/// Why a companion ends early, in one line.
#[derive(Debug)]
pub(crate) struct Stop(String);

impl<E: Error + 'static> From<E> for Stop {
    fn from(e: E) -> Self {
        Stop(told(&e))
    }
}

/// The option of both.
fn json_option() -> Arg {
    let help = "Print for programs: one JSON object a line, see docs/json.md";
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

impl Companion {
    /// Reads the words, of which the first is the name of the program, and does what they say.
    fn run(&self, command: Command, words: impl IntoIterator<Item = OsString>) -> ExitCode {
        let words: Vec<OsString> = words.into_iter().collect();
        let asks_for_json = words.iter().any(|word| word == "--json");
        match command.try_get_matches_from(words) {
            Ok(m) => self.act(&m),
            Err(e) => {
                // Nobody may be reading; the exit code says it all.
                drop(e.print());
                if e.use_stderr() && asks_for_json {
                    json::refuse(self.program, &e.to_string(), Exit::ERROR.code());
                }
                if e.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
            }
        }
    }

    fn act(&self, m: &ArgMatches) -> ExitCode {
        let is_dry = m.try_get_one("dry-run").is_ok_and(|given| given == Some(&true));
        let start = || Start { program: self.program, ..Start::new(self.action, is_dry) };
        let voice = Voice { json: m.get_flag("json").then(|| Json::start(&start())) };
        let mut exit = Exit::OK;
        if let Err(Stop(message)) = (self.act)(m, &voice) {
            voice.error(&message);
            exit = Exit::ERROR;
        }
        if let Some(json) = &voice.json {
            json.finish(self.action, exit);
        }
        exit.into()
    }
}

/// Where the output goes.
pub(crate) struct Voice {
    json: Option<Json>,
}

impl Voice {
    /// A line for people. That nobody reads it stops nothing.
    fn say(&self, line: &str) {
        if self.json.is_none() {
            drop(writeln!(io::stdout(), "{line}"));
        }
    }

    /// A result that is a text, for whoever reads.
    fn print(&self, text: &str) {
        match &self.json {
            Some(json) => json.item("output", &Output { text: text.into() }),
            None => self.say(text),
        }
    }

    /// Something to know, on standard error.
    fn warn(&self, message: &str, line: &str) {
        drop(writeln!(io::stderr(), "{line}"));
        if let Some(json) = &self.json {
            json.warned();
            json.event("message", &Message::new(Level::Warning, message));
        }
    }

    fn error(&self, message: &str) {
        drop(writeln!(io::stderr(), "fatal: {message}"));
        if let Some(json) = &self.json {
            json.failed(message);
            json.event("message", &Message::new(Level::Error, message));
        }
    }

    /// An item of the result, for programs.
    fn item(&self, kind: &str, body: &impl Serialize) {
        if let Some(json) = &self.json {
            json.item(kind, body);
        }
    }

    /// The result as a whole, for programs.
    fn result(&self, result: &impl Serialize) {
        if let Some(json) = &self.json {
            json.result(result);
        }
    }
}
