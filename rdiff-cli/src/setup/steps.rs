//! Steps that are shown before they are taken.

use serde_json::json;

use crate::run::{Context, Failure, Step};

/// Shows steps, and takes them unless they are only to be shown.
pub(super) struct Steps<'a> {
    cx: &'a Context<'a>,
    dry_run: bool,
    number: u32,
    to_do: u32,
}

impl<'a> Steps<'a> {
    /// None is taken yet.
    pub(super) fn new(cx: &'a Context<'a>, dry_run: bool) -> Self {
        Self { cx, dry_run, number: 0, to_do: 0 }
    }

    /// Are they only shown?
    pub(super) fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// How many were, or would be, taken.
    pub(super) fn to_do(&self) -> u32 {
        self.to_do
    }

    /// A step that was taken before.
    pub(super) fn is_done(&mut self, what: &str, seen: &str) -> Result<(), Failure> {
        self.show(what, &format!("done already: {seen}"), true)
    }

    /// Shows a step, and takes it.
    pub(super) fn take(
        &mut self,
        what: &str,
        command: &str,
        act: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), Failure> {
        self.show(what, command, false)?;
        self.to_do += 1;
        if self.dry_run {
            return Ok(());
        }
        act().map_err(|why| self.cx.refuse(Step::Run, &format!("{what}: {why}")))
    }

    fn show(&mut self, what: &str, text: &str, done: bool) -> Result<(), Failure> {
        self.number += 1;
        if let Some(json) = self.cx.json() {
            json.event("step", &json!({ "number": self.number, "what": what, "done": done, "text": text }));
            return Ok(());
        }
        self.cx.print(format!("{:>2}. {what:<14} {text}\n", self.number))
    }
}
