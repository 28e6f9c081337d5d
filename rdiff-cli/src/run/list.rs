//! `list files` and `list increments`.

use super::lines::Lines;
use super::open::Opened;
use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::{FilesOf, ListFiles, ListIncrements};
use crate::exit::Exit;
use crate::json::lines::{InTree, Listed};
use crate::report::{self, Increment, Size};
use crate::ui::Api;
use rdiff_core::list;
use serde::Serialize;
use serde_json::json;
use std::os::unix::ffi::OsStrExt;

pub(crate) fn files(args: &ListFiles, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.repository)?;
    let mut lines = Lines::new(cx);
    match &args.which {
        FilesOf::At(time) => files_at(&place, time, &mut lines, cx)?,
        FilesOf::ChangedSince(time) => changed_since(&place, time, &mut lines, cx)?,
    }
    lines.finish()?;
    Ok(Exit::OK)
}

fn files_at(place: &Opened, time: &str, lines: &mut Lines<'_>, cx: &Context<'_>) -> Result<(), Failure> {
    let at = cx.session(&place.repo, time)?;
    for entry in list::entries_at(&place.repo, at, place.path.as_path()).or_fail(cx, Step::Run)? {
        let entry = entry.or_fail(cx, Step::Run)?;
        lines.item("file", &Listed::from(&entry), || report::listed(entry.path.as_bytes()));
        if lines.is_cut() {
            break;
        }
    }
    Ok(())
}

fn changed_since(place: &Opened, time: &str, lines: &mut Lines<'_>, cx: &Context<'_>) -> Result<(), Failure> {
    let at = cx.session(&place.repo, time)?;
    for change in list::changed_since(&place.repo, at, place.path.as_path()).or_fail(cx, Step::Run)? {
        let change = change.or_fail(cx, Step::Run)?;
        let (path, kind) = (change.path.as_path(), change.kind.as_str());
        let item = Changed { path: path.into(), change: kind };
        lines.item("change", &item, || report::changed_since(kind, path.as_bytes()));
        if lines.is_cut() {
            break;
        }
    }
    Ok(())
}

/// `change`: a path that differs between two sessions.
#[derive(Serialize)]
struct Changed<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    change: &'a str,
}

pub(crate) fn increments(args: &ListIncrements, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.repository)?;
    if cx.json().is_some() {
        return increments_for_programs(args, &place, cx);
    }
    let zone = &cx.ui.zone;
    let text = match (args.size, cx.generic.parsable_output, cx.ui.api) {
        (true, false, _) => report::sizes(&sizes(&place, cx)?, zone),
        (true, true, _) => report::sizes_yaml(&sizes(&place, cx)?),
        (false, false, _) => report::increments(&listed(&place, cx)?, zone),
        (false, true, Api::V200) => report::increments_parsable(&listed(&place, cx)?),
        (false, true, Api::V201) => report::increments_yaml(&listed(&place, cx)?),
    };
    cx.print(text)?;
    Ok(Exit::OK)
}

/// `increment`: a session, or a state of one path; the last is that of the mirror.
#[derive(Serialize)]
struct Row {
    time: i64,
    current: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_size: Option<u64>,
}

impl From<Increment> for Row {
    fn from(i: Increment) -> Self {
        let (name, kind) = (Some(i.name), Some(i.kind));
        Row { time: i.time.0, current: false, name, kind, size: None, total_size: None }
    }
}

impl From<Size> for Row {
    fn from(s: Size) -> Self {
        let (size, total_size) = (Some(s.size), Some(s.total));
        Row { time: s.time.0, current: false, name: None, kind: None, size, total_size }
    }
}

fn increments_for_programs(args: &ListIncrements, place: &Opened, cx: &Context<'_>) -> Outcome {
    let mut rows: Vec<Row> = if args.size {
        sizes(place, cx)?.into_iter().map(Row::from).collect()
    } else {
        listed(place, cx)?.into_iter().map(Row::from).collect()
    };
    if let Some(last) = rows.last_mut() {
        last.current = true;
    }
    let mut lines = Lines::new(cx);
    for row in &rows {
        lines.item("increment", row, String::new);
    }
    lines.finish()?;
    cx.result(&json!({ "increments": rows.len().saturating_sub(1), "current": rows.last().map(|r| r.time) }));
    Ok(Exit::OK)
}

fn sizes(place: &Opened, cx: &Context<'_>) -> Result<Vec<Size>, Failure> {
    let sized = list::sizes(&place.repo, place.path.as_path()).or_fail(cx, Step::Run)?;
    let row = |s: list::SizedSession| Size { time: s.time, size: s.size, total: s.cumulative };
    Ok(sized.into_iter().map(row).collect())
}

/// The increments, and the mirror last.
fn listed(place: &Opened, cx: &Context<'_>) -> Result<Vec<Increment>, Failure> {
    let found = list::increments(&place.repo, place.path.as_path()).or_fail(cx, Step::Run)?;
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut rows: Vec<Increment> = found
        .increments
        .into_iter()
        .map(|i| Increment { name: name(&i.name), time: i.time, kind: i.kind.as_str() })
        .collect();
    let of_mirror =
        place.path.as_path().name().map(<[u8]>::to_vec).unwrap_or_else(|| {
            place.repo.path().file_name().map(|n| n.as_bytes().to_vec()).unwrap_or_default()
        });
    rows.push(Increment { name: name(&of_mirror), time: found.mirror, kind: found.mirror_kind.as_str() });
    Ok(rows)
}
