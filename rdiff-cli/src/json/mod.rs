//! Output for programs, with `--json`: standard output is one JSON object a line, and nothing else.
//!
//! The lines are described in `docs/json.md`; [`lines`] has a type for each. The first is a `start`, the
//! last a `summary` with the exit code and the action's result; between them are the items of the result and
//! what happened on the way. New kinds of line and new fields may come at any time; when a field changes its
//! meaning or goes, [`SCHEMA`] goes up.

pub mod lines;

use crate::exit::Exit;
pub use lines::SCHEMA;
use lines::{Start, Summary};
use serde::Serialize;
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A line: its type, and then the fields of its body.
#[derive(Serialize)]
struct Line<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

/// Writes the lines. They wait in a buffer; what happens on the way is seen at once.
#[derive(Debug)]
pub struct Json {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    out: BufWriter<Stdout>,
    /// Why nothing can be written any more.
    broken: Option<io::ErrorKind>,
    /// The last error that was said.
    error: Option<String>,
    warnings: u64,
    result: Option<serde_json::Value>,
}

impl Json {
    /// Begins the output of an action.
    pub fn start(start: &Start<'_>) -> Self {
        let state = State {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            broken: None,
            error: None,
            warnings: 0,
            result: None,
        };
        let json = Self { started: Instant::now(), state: Mutex::new(state) };
        json.event("start", start);
        json
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An item of the result. It may wait until there are more.
    pub fn item(&self, kind: &str, body: &impl Serialize) {
        self.with(|state| state.write(kind, body));
    }

    /// Something that happened, to be seen at once.
    pub fn event(&self, kind: &str, body: &impl Serialize) {
        self.with(|state| {
            state.write(kind, body);
            state.flush();
        });
    }

    /// Counts a warning, for the summary.
    pub(crate) fn warned(&self) {
        self.with(|state| state.warnings += 1);
    }

    /// Keeps the text of an error, for the summary.
    pub(crate) fn failed(&self, text: &str) {
        self.with(|state| state.error = Some(text.to_owned()));
    }

    /// The result as a whole, for the summary.
    pub fn result(&self, result: &impl Serialize) {
        let value = serde_json::to_value(result).ok();
        self.with(|state| state.result = value);
    }

    /// The result so far, which then is no longer kept for the summary.
    pub(crate) fn take_result(&self) -> Option<serde_json::Value> {
        self.with(|state| state.result.take())
    }

    /// Why nobody gets the output any more, if that is so.
    pub fn broken(&self) -> Option<io::ErrorKind> {
        self.with(|state| state.broken)
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`Json::broken`].
    pub fn written(&self) -> Result<(), io::ErrorKind> {
        self.with(|state| {
            state.flush();
            state.broken.map_or(Ok(()), Err)
        })
    }

    /// The last line.
    pub fn finish(&self, action: &str, exit: Exit) {
        let seconds = self.started.elapsed().as_secs_f64();
        let (error, warnings, result) =
            self.with(|s| (s.error.take().filter(|_| exit.has(Exit::ERROR)), s.warnings, s.result.take()));
        self.event("summary", &Summary::new(action, exit, seconds, warnings, error, result));
    }
}

impl State {
    fn write(&mut self, kind: &str, body: &impl Serialize) {
        if self.broken.is_none() {
            let line = Line { r#type: kind, body };
            let written = serde_json::to_writer(&mut self.out, &line).map_err(io::Error::from);
            self.broken = written.and_then(|()| self.out.write_all(b"\n")).err().map(|e| e.kind());
        }
    }

    fn flush(&mut self) {
        if self.broken.is_none() {
            self.broken = self.out.flush().err().map(|e| e.kind());
        }
    }
}

/// What is said of a command line that can't be read, when it asks for JSON: the two lines of any action.
pub fn refuse(program: &'static str, error: &str, exit_code: u8) {
    let json = Json::start(&Start { program, ..Start::new("", false) });
    let mut summary = Summary::new("", Exit::OK, 0.0, 0, Some(error.trim_end().to_owned()), None);
    (summary.exit_code, summary.exit) = (exit_code, vec!["usage"]);
    json.event("summary", &summary);
}
