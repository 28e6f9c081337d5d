//! Results of many lines, printed in large pieces.

use super::{Context, Failure};
use serde::Serialize;

/// Lines on their way to standard output.
pub(super) struct Lines<'a> {
    cx: &'a Context<'a>,
    buffer: Vec<u8>,
    failed: Option<Failure>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Self {
        Self { cx, buffer: Vec::new(), failed: None }
    }

    /// Adds text. When nobody reads it any more, that shows in [`Lines::finish`].
    pub(super) fn push(&mut self, text: impl AsRef<[u8]>) {
        const PIECE: usize = 1 << 16;
        self.buffer.extend_from_slice(text.as_ref());
        if self.buffer.len() >= PIECE {
            self.flush();
        }
    }

    /// Adds an item of the result: a line of this kind for programs, or else a text.
    pub(super) fn item<T: AsRef<[u8]>>(
        &mut self,
        kind: &str,
        item: &impl Serialize,
        text: impl FnOnce() -> T,
    ) {
        match self.cx.json() {
            Some(json) => json.item(kind, item),
            None => self.push(text()),
        }
    }

    /// Does nobody read it?
    pub(super) fn is_cut(&self) -> bool {
        self.failed.is_some() || self.cx.json().is_some_and(|json| json.broken().is_some())
    }

    fn flush(&mut self) {
        if self.failed.is_none() && !self.buffer.is_empty() {
            self.failed = self.cx.print(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Prints the rest.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.flush();
        match (self.failed, self.cx.json()) {
            (Some(failure), _) => Err(failure),
            (None, Some(json)) => json.written().map_err(|kind| self.cx.not_printed(&kind.into())),
            (None, None) => Ok(()),
        }
    }
}
