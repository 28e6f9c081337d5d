//! `regress`: back to the last good session.

use super::{Context, OrFail, Outcome, Step};
use crate::action::Regress;
use crate::exit::Exit;
use crate::progress::{Job, Terminal};
use crate::ui::Api;
use rdiff_core::regress as run;
use rdiff_core::repo::MirrorState;

pub(crate) fn regress(args: &Regress, cx: &Context<'_>) -> Outcome {
    let writer = cx.writer(&args.repository, "regress")?;
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
