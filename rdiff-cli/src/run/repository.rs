//! The actions on a repository alone. They wait for their jobs in the core.

use super::{Context, Outcome, Step};
use crate::action::{Compare, ListFiles, ListIncrements, Regress, RemoveIncrements, Verify};

impl Context<'_> {
    /// Says that there is no such job yet.
    fn not_yet(&self, what: &str) -> Outcome {
        Err(self.refuse(Step::Run, &format!("{what} is not available yet in this version")))
    }
}

pub(crate) fn compare(_: &Compare, cx: &Context<'_>) -> Outcome {
    cx.not_yet("compare")
}

pub(crate) fn list_files(_: &ListFiles, cx: &Context<'_>) -> Outcome {
    cx.not_yet("list files")
}

pub(crate) fn list_increments(_: &ListIncrements, cx: &Context<'_>) -> Outcome {
    cx.not_yet("list increments")
}

pub(crate) fn regress(_: &Regress, cx: &Context<'_>) -> Outcome {
    cx.not_yet("regress")
}

pub(crate) fn remove_increments(_: &RemoveIncrements, cx: &Context<'_>) -> Outcome {
    cx.not_yet("remove increments")
}

pub(crate) fn verify(_: &Verify, cx: &Context<'_>) -> Outcome {
    cx.not_yet("verify")
}
