//! The actions on a repository alone. They wait for their jobs in the core.

use super::{Context, OrFail, Outcome, Step};
use crate::action::{Compare, ListFiles, ListIncrements, Regress, RemoveIncrements, Verify};
use crate::exit::Exit;
use crate::locate;
use crate::progress::{Job, Terminal};
use crate::ui::Api;
use rdiff_core::regress as run;
use rdiff_core::repo::lock::Writer;
use rdiff_core::repo::{MirrorState, Repository};
use std::sync::Arc;

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

pub(crate) fn regress(args: &Regress, cx: &Context<'_>) -> Outcome {
    let path = locate::repository(&args.repository).or_fail(cx, Step::Check)?;
    cx.log("regress", &path);
    let repo =
        Repository::open(&path).or_fail(cx, Step::Setup)?.with_times(cx.ui.zone.clone(), cx.separator());
    let writer = Writer::new(Arc::new(repo), cx.generic.force).or_fail(cx, Step::Setup)?;
    let terminal = Terminal::new(cx.ui, Job::Other);
    let is_failed = matches!(writer.repo().state().or_fail(cx, Step::Run)?, MirrorState::Interrupted { .. });
    let done = if is_failed {
        cx.ui.warning("Previous backup seems to have failed, regressing destination now");
        run::regress(&writer, &terminal)
    } else if cx.generic.force && cx.ui.api == Api::V201 {
        cx.ui.warning("Given repository doesn't need to be regressed, but enforcing regression");
        run::undo_newest(&writer, &terminal).map(Some)
    } else {
        cx.ui.note("Given repository doesn't need to be regressed");
        return Ok(Exit::OK);
    };
    if let Some(done) = done.or_fail(cx, Step::Run)? {
        cx.ui.note(&format!("Regressing to date/time {}", done.good.asctime(&cx.ui.zone)));
    }
    Ok(if is_failed { Exit::WARNING } else { Exit::OK })
}

pub(crate) fn remove_increments(_: &RemoveIncrements, cx: &Context<'_>) -> Outcome {
    cx.not_yet("remove increments")
}

pub(crate) fn verify(_: &Verify, cx: &Context<'_>) -> Outcome {
    cx.not_yet("verify")
}
