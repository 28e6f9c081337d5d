//! `list files` and `list increments`.

use super::lines::Lines;
use super::open::Opened;
use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::{FilesOf, ListFiles, ListIncrements};
use crate::exit::Exit;
use crate::report::{self, Increment, Size};
use crate::ui::Api;
use rdiff_core::list;
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
        lines.push(report::listed(entry.or_fail(cx, Step::Run)?.path.as_bytes()));
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
        lines.push(report::changed_since(change.kind.as_str(), change.path.as_bytes()));
        if lines.is_cut() {
            break;
        }
    }
    Ok(())
}

pub(crate) fn increments(args: &ListIncrements, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.repository)?;
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
