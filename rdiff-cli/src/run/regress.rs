//! `regress`: back to the last good session.

use super::would::Would;
use super::{Context, OrFail, Outcome, Step};
use crate::action::Regress;
use crate::exit::Exit;
use crate::progress::{Job, Terminal};
use crate::ui::Api;
use rdiff_core::regress::{self as run, MendReport, RegressReport};
use rdiff_core::repo::{MirrorState, Repository};
use serde_json::{Value, json};

pub(crate) fn regress(args: &Regress, cx: &Context<'_>) -> Outcome {
    cx.compression_without_effect(&args.compression);
    cx.owners_without_effect(&args.owners);
    cx.without_effect(
        "what a file of metadata says twice is never trouble",
        &[(args.allow_duplicate_timestamps, "--allow-duplicate-timestamps")],
    );
    if cx.is_dry() {
        return would(args, cx);
    }
    let writer = cx.writer(&args.repository, "regress")?;
    let terminal = Terminal::new(cx.ui, Job::Other);
    let state = writer.repo().state().or_fail(cx, Step::Run)?;
    if state == MirrorState::Unfinished {
        writer.repo().refuse_lost_marker().or_fail(cx, Step::Run)?;
    }
    let is_failed = matches!(state, MirrorState::Interrupted { .. });
    let done = if is_failed {
        cx.ui.warning("Previous backup seems to have failed, regressing destination now");
        run::regress(&writer, &terminal)
    } else if cx.generic.force && cx.ui.api == Api::V201 {
        if writer.repo().sessions().or_fail(cx, Step::Run)?.len() < 2 {
            return Ok(cannot_go_back(writer.repo(), cx));
        }
        cx.ui.warning("Given repository doesn't need to be regressed, but enforcing regression");
        run::undo_newest(&writer, &terminal).map(Some)
    } else {
        Ok(None)
    };
    let done = done.or_fail(cx, Step::Run)?;
    if let Some(done) = &done {
        cx.ui.note(&format!("Regressing to date/time {}", done.good.asctime(&cx.ui.zone)));
        cx.ui.summary(&format!("{} paths put back", done.restored));
    }
    // Metadata that nobody can read are in the way of the next backup as a failed session is.
    let mended = run::mend(&writer, &terminal).or_fail(cx, Step::Run)?;
    if let Some(mended) = &mended {
        cx.ui.warning(&text(mended, cx));
    } else if done.is_none() {
        cx.ui.note("Given repository doesn't need to be regressed");
    }
    cx.result(&result(done.as_ref(), is_failed, mended.as_ref()));
    Ok(if is_failed || mended.is_some() { Exit::WARNING } else { Exit::OK })
}

/// What is to be known of metadata that were made again.
fn text(mended: &MendReport, cx: &Context<'_>) -> String {
    let files: Vec<String> = mended.files.iter().map(|file| file.display().to_string()).collect();
    let records = match (mended.kept, mended.made) {
        (0, 0) => String::new(),
        (kept, made) => format!(" ({kept} records are as they were, {made} were made from the mirror)"),
    };
    format!(
        "The metadata of {} were damaged and are made again: {}{records}. What was damaged is kept in \
         rdiff-backup-data/damaged; `rdiff-backup verify --all` names what can't be restored any more",
        mended.session.asctime(&cx.ui.zone),
        files.join(", ")
    )
}

/// There is one session: without it there would be no repository.
fn cannot_go_back(repo: &Repository, cx: &Context<'_>) -> Exit {
    cx.ui.warning(&format!(
        "{} has one session only, so there is none to go back to; to begin anew, remove the directory",
        repo.path().display()
    ));
    cx.result(&json!({ "needed": false }));
    Exit::WARNING
}

/// Says what would be undone.
fn would(args: &Regress, cx: &Context<'_>) -> Outcome {
    let repo = cx.root(&args.repository)?;
    let of_good = cx.generic.force && cx.ui.api == Api::V201;
    let is_failed = matches!(repo.state().or_fail(cx, Step::Run)?, MirrorState::Interrupted { .. });
    if of_good && !is_failed && repo.sessions().or_fail(cx, Step::Run)?.len() < 2 {
        return Ok(cannot_go_back(&repo, cx));
    }
    let monitor = Would::new(cx);
    let found = run::preview(&repo, of_good, &monitor).or_fail(cx, Step::Run)?;
    let Some(found) = found else {
        let damaged = run::damaged_metadata(&repo).or_fail(cx, Step::Run)?;
        if !damaged.is_empty() {
            monitor.finish(&format!(
                "{} made again, from what is left and from the mirror",
                damaged.join(", ")
            ))?;
            cx.result(&json!({ "needed": true, "mended": damaged }));
            return Ok(Exit::WARNING);
        }
        cx.result(&json!({ "needed": false }));
        monitor.finish("nothing, the repository doesn't need to be regressed")?;
        return Ok(Exit::OK);
    };
    let (good, undone) = (found.good.asctime(&cx.ui.zone), found.undone.asctime(&cx.ui.zone));
    monitor
        .finish(&format!("the session of {undone} undone, {} paths put back as of {good}", found.restored))?;
    cx.result(&result(Some(&found), is_failed, None));
    Ok(if is_failed { Exit::WARNING } else { Exit::OK })
}

/// The result for programs.
fn result(done: Option<&RegressReport>, needed: bool, mended: Option<&MendReport>) -> Value {
    let mut result = json!({ "needed": needed || mended.is_some() });
    if let Some(done) = done {
        result["session"] = done.good.0.into();
        result["undone"] = done.undone.0.into();
        result["restored"] = done.restored.into();
    }
    if let Some(mended) = mended {
        result["session"] = mended.session.0.into();
        result["mended"] = mended.files.iter().map(|file| file.display().to_string()).collect();
    }
    result
}
