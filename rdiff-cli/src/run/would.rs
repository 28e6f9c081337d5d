//! `--dry-run`: what an action would do with each path.

use super::lines::Lines;
use super::{Context, Failure};
use crate::json::lines::Done;
use crate::progress::word;
use rdiff_core::monitor::{Counter, Event, Monitor, PathDone};
use rdiff_core::path::RepoPath;
use std::sync::{Mutex, PoisonError};

/// Lists what would be done.
pub(super) struct Would<'a> {
    cx: &'a Context<'a>,
    lines: Mutex<Lines<'a>>,
}

impl<'a> Would<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Self {
        Self { cx, lines: Mutex::new(Lines::new(cx)) }
    }

    fn path(&self, path: RepoPath<'_>, what: PathDone) {
        let what = word(what);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.item("path", &Done { path: path.into(), what }, || format!("{what:<8} {path}\n"));
    }

    /// Ends the list with a line that sums it up.
    pub(super) fn finish(self, summary: &str) -> Result<(), Failure> {
        let mut lines = self.lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.cx.json().is_none() {
            lines.push(format!("Nothing was changed. It would be: {summary}\n"));
        }
        lines.finish()
    }
}

impl Monitor for Would<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Path { path, what } => self.path(*path, *what),
            Event::Problem(problem) => self.cx.ui.problem(problem),
            Event::Warning(text) => self.cx.ui.warning(text),
            Event::Note(text) => self.cx.ui.note(text),
            _ => {}
        }
    }

    fn count(&self, counter: Counter, by: u64) {
        self.cx.ui.meter.count(counter, by, self.cx.json());
    }
}
