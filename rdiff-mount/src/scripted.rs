//! A runner for tests: it expects commands, in order, and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::runner::{Command, CommandRunner, Exit, Output};

type Effect = Box<dyn FnOnce() + Send>;

struct Step {
    expected: String,
    answer: io::Result<Output>,
    effect: Option<Effect>,
}

/// Expects the commands it was told, in that order, and answers each. Clones share one script.
///
/// An unexpected command panics, with both texts. What was not run can be asked for with
/// [`ScriptedRunner::assert_done`].
#[derive(Clone, Default)]
pub struct ScriptedRunner {
    steps: Arc<Mutex<VecDeque<Step>>>,
}

impl ScriptedRunner {
    /// An empty script: any command panics.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects a command, as [`Command`] prints it, and answers with `output`.
    #[must_use]
    pub fn expect(self, command: &str, output: Output) -> Self {
        self.step(command, Ok(output), None)
    }

    /// As [`ScriptedRunner::expect`], and does something first: write a mount table, say.
    #[must_use]
    pub fn expect_and(self, command: &str, output: Output, effect: impl FnOnce() + Send + 'static) -> Self {
        self.step(command, Ok(output), Some(Box::new(effect)))
    }

    /// Expects a command that does not end in time.
    #[must_use]
    pub fn expect_timeout(self, command: &str) -> Self {
        let output = Output { exit: Exit::TimedOut, stdout: Vec::new(), stderr: Vec::new() };
        self.step(command, Ok(output), None)
    }

    /// Expects a command whose program cannot be started.
    #[must_use]
    pub fn expect_error(self, command: &str, kind: io::ErrorKind) -> Self {
        self.step(command, Err(kind.into()), None)
    }

    /// Panics if a command of the script was not run.
    pub fn assert_done(&self) {
        let left: Vec<_> = self.lock().iter().map(|step| step.expected.clone()).collect();
        assert!(left.is_empty(), "never run: {left:?}");
    }

    fn step(self, command: &str, answer: io::Result<Output>, effect: Option<Effect>) -> Self {
        self.lock().push_back(Step { expected: command.to_owned(), answer, effect });
        self
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommandRunner for ScriptedRunner {
    fn run(&self, command: &Command) -> io::Result<Output> {
        let step = self.lock().pop_front().unwrap_or_else(|| panic!("unexpected command: {command}"));
        assert_eq!(command.to_string(), step.expected, "a command out of the script");
        if let Some(effect) = step.effect {
            effect();
        }
        step.answer
    }
}
