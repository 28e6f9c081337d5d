//! `history`: all versions of one path.

use super::lines::Lines;
use super::{Context, OrFail, Outcome, Step};
use crate::action::History;
use crate::exit::Exit;
use crate::json::lines::Listed;
use rdiff_core::diff::{Aspect, aspects};
use rdiff_core::entry::Entry;
use rdiff_core::format::stats::human_size;
use rdiff_core::list::{self, Step as Change, Version};
use rdiff_core::time::SessionTime;
use serde::Serialize;
use serde_json::json;

pub(crate) fn history(args: &History, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.path)?;
    let versions = list::history(&place.repo, place.path.as_path()).or_fail(cx, Step::Run)?;
    let mut lines = Lines::new(cx);
    if cx.json().is_none() {
        lines.push(format!("{:<24} {:>11}  {:<24}  What changed\n", "Session", "Size", "Modified"));
    }
    let mut before: Option<&Entry> = None;
    let mut shown = 0;
    for version in &versions {
        let changed = match (before, &version.entry) {
            (Some(old), Some(new)) => aspects(old, new),
            _ => Vec::new(),
        };
        before = version.entry.as_ref();
        if args.all || !matches!(version.step, Change::Same | Change::Absent) {
            let item = Line::new(version, &changed);
            lines.item("version", &item, || row(version, &changed, cx));
            shown += 1;
        }
    }
    lines.finish()?;
    cx.result(&json!({ "sessions": versions.len(), "versions": shown }));
    Ok(Exit::OK)
}

/// `version`: what a path was from a session on.
#[derive(Serialize)]
struct Line<'a> {
    session: i64,
    change: &'static str,
    changed: &'a [Aspect],
    #[serde(flatten)]
    entry: Option<Listed<'a>>,
}

impl<'a> Line<'a> {
    fn new(version: &'a Version, changed: &'a [Aspect]) -> Self {
        let entry = version.entry.as_ref().map(Listed::from);
        Self { session: version.session.0, change: word(version.step), changed, entry }
    }
}

fn word(step: Change) -> &'static str {
    match step {
        Change::Absent => "absent",
        Change::Added => "added",
        Change::Same => "same",
        Change::Content => "content",
        Change::Attributes => "attributes",
        Change::Replaced => "replaced",
        Change::Removed => "removed",
    }
}

fn row(version: &Version, changed: &[Aspect], cx: &Context<'_>) -> String {
    let time = |t: SessionTime| t.asctime(&cx.ui.zone);
    let entry = version.entry.as_ref();
    let size = entry.and_then(Entry::file).map(|f| human_size(f.size as f64)).unwrap_or_default();
    let modified = entry.and_then(|e| e.attrs.mtime).map(|t| time(SessionTime(t))).unwrap_or_default();
    let what = match version.step {
        Change::Content | Change::Attributes | Change::Replaced if !changed.is_empty() => {
            changed.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ")
        }
        Change::Absent => "not there".to_owned(),
        step => word(step).to_owned(),
    };
    format!("{:<24} {size:>11}  {modified:<24}  {what}\n", time(version.session))
}
