//! `remove increments`: away with old sessions.

use super::would::Would;
use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::RemoveIncrements;
use crate::exit::Exit;
use crate::progress::{Job, Terminal};
use crate::report;
use rdiff_core::format::stats::human_size;
use rdiff_core::path::RepoPath;
use rdiff_core::remove::RemoveReport;
use rdiff_core::repo::Repository;
use rdiff_core::time::{SessionTime, TimeSpec};
use rdiff_core::{list, remove};
use serde_json::{Value, json};
use std::ffi::OsStr;

pub(crate) fn increments(args: &RemoveIncrements, cx: &Context<'_>) -> Outcome {
    if cx.is_dry() {
        return would(&args.repository, &args.older_than, cx);
    }
    let writer = cx.writer(&args.repository, "remove")?;
    let cut = cut(&args.older_than, writer.repo(), cx)?;
    let old = remove::sessions_older_than(writer.repo(), cut).or_fail(cx, Step::Run)?;
    if old.is_empty() && remove::unfinished(writer.repo()).or_fail(cx, Step::Run)?.is_some() {
        let done = remove::remove_older_than(&writer, cut, &Terminal::new(cx.ui, Job::Other));
        let done = done.or_fail(cx, Step::Run)?;
        cx.ui.note(&format!(
            "No increments older than {} found; what a removal that was stopped had left is removed: {} files of {}",
            cut.asctime(&cx.ui.zone),
            done.files,
            human_size(done.bytes as f64)
        ));
        cx.result(&result(&done));
        return Ok(Exit::OK);
    }
    if old.is_empty() {
        cx.ui.note(&format!("No increments older than {} found, exiting.", cut.asctime(&cx.ui.zone)));
        cx.ui.warning(&format!("No increment is older than '{}'", args.older_than));
        cx.result(&result(&RemoveReport::default()));
        return Ok(Exit::WARNING);
    }
    let sizes = args.size.then(|| sizes(writer.repo(), &old, cx)).transpose()?;
    let shown = report::removal_list(&old, sizes.as_deref(), &cx.ui.zone);
    if old.len() > 1 && !cx.generic.force {
        return Err(cx.refuse(Step::Setup, &report::removal_refused(old.len(), &shown)));
    }
    cx.ui.note(&report::removal_note(old.len(), &shown));
    let terminal = Terminal::new(cx.ui, Job::Other);
    let done = remove::remove_older_than(&writer, cut, &terminal).or_fail(cx, Step::Run)?;
    cx.result(&result(&done));
    Ok(Exit::OK)
}

/// Says what would be removed.
pub(crate) fn would(repository: &OsStr, older_than: &str, cx: &Context<'_>) -> Outcome {
    let repo = cx.root(repository)?;
    let cut = cut(older_than, &repo, cx)?;
    let monitor = Would::new(cx);
    let found = remove::preview(&repo, cut, &monitor).or_fail(cx, Step::Run)?;
    let (sessions, size) = (found.sessions.len(), human_size(found.bytes as f64));
    let s = if sessions == 1 { "" } else { "s" };
    monitor.finish(&format!("{sessions} session{s} removed, {} files of {size}", found.files))?;
    cx.result(&result(&found));
    Ok(if sessions == 0 { Exit::WARNING } else { Exit::OK })
}

/// The result for programs.
fn result(done: &RemoveReport) -> Value {
    let sessions: Vec<i64> = done.sessions.iter().map(|t| t.0).collect();
    json!({ "sessions": sessions, "files": done.files, "bytes": done.bytes })
}

/// Removes the sessions before a time, however many, and tells which they were.
pub(crate) fn thin_out(
    repository: &OsStr,
    older_than: &str,
    cx: &Context<'_>,
) -> Result<Vec<SessionTime>, Failure> {
    let writer = cx.writer(repository, "remove")?;
    let cut = cut(older_than, writer.repo(), cx)?;
    let done = remove::remove_older_than(&writer, cut, &Terminal::new(cx.ui, Job::Other));
    Ok(done.or_fail(cx, Step::Run)?.sessions)
}

/// Sessions before this time go.
fn cut(older_than: &str, repo: &Repository, cx: &Context<'_>) -> Result<SessionTime, Failure> {
    match cx.time(older_than)? {
        TimeSpec::At(seconds) => Ok(SessionTime(seconds)),
        TimeSpec::SessionsBack(_) => cx.session(repo, older_than),
    }
}

/// The sizes of some sessions, in bytes.
fn sizes(repo: &Repository, sessions: &[SessionTime], cx: &Context<'_>) -> Result<Vec<u64>, Failure> {
    let all = list::sizes(repo, RepoPath::ROOT).or_fail(cx, Step::Run)?;
    let size = |at: &SessionTime| all.iter().find(|s| s.time == *at).map_or(0, |s| s.size);
    Ok(sessions.iter().map(size).collect())
}
