//! `compare`: a directory against a session.

use super::lines::Lines;
use super::{Context, OrFail, Outcome, Step, ahead, explain};
use crate::action::{self, Compare};
use crate::exit::Exit;
use crate::json::lines::InTree;
use crate::locate;
use crate::meter::Total;
use crate::progress::{Job, Terminal};
use crate::report;
use crate::ui::Api;
use rdiff_core::compare::{CompareReport, CompareRequest, Difference, Method, compare as run};
use serde::Serialize;
use serde_json::json;
use std::sync::atomic::AtomicBool;

pub(crate) fn compare(args: &Compare, cx: &Context<'_>) -> Outcome {
    if locate::is_swapped(&args.repository, &args.source) {
        let (first, second) = (args.source.display(), args.repository.display());
        let text = format!(
            "{second} is in no repository, but {first} is; the directory comes first, then the repository"
        );
        return Err(cx.refuse(Step::Check, &text));
    }
    let place = cx.open(&args.repository)?;
    // An empty directory is compared as it is, and nothing is lost by that.
    let reading = cx.reading(&args.source, args.via, true)?;
    let root = reading.source.root().or_fail(cx, Step::Setup)?;
    let filter = cx.filter(&args.selection, &reading.base, Some(&root))?;
    if let Some(path) = &args.explain {
        return explain::in_source(path, &reading.base, &reading.source, &filter, cx);
    }
    let at = cx.session(&place.repo, &args.at)?;
    let request = CompareRequest {
        subtree: place.path.clone(),
        method: method(args.method),
        // The newer interface never looks at inodes.
        hard_links: args.compare_inode && cx.ui.api == Api::V200,
        ..CompareRequest::new(at)
    };
    let terminal = Terminal::new(cx.ui, Job::Other);
    let as_yaml = cx.generic.parsable_output && cx.ui.api == Api::V201 && cx.json().is_none();
    let (mut all, mut lines) = (Vec::new(), Lines::new(cx));
    let on_difference = |Difference { path, reason }: Difference| {
        if as_yaml {
            all.push((reason.as_str(), path.as_bytes().to_vec()));
        } else {
            let reason = reason.as_str();
            let item = Differing { path: path.as_path().into(), reason };
            lines.item("difference", &item, || report::difference(reason, path.as_bytes()));
        }
    };
    let paths = |stop: &AtomicBool| {
        let total = ahead::of_session(&place.repo, at, place.path.as_path(), stop)?;
        // By their attributes alone, nothing is read.
        Some(Total { bytes: total.bytes.filter(|_| request.method != Method::Metadata), ..total })
    };
    let done =
        cx.counting(paths, || run(&place.repo, &reading.source, &request, filter, &terminal, on_difference));
    let done = done.or_fail(cx, Step::Run)?;
    reading.guard.check().map_err(|why| cx.refuse(Step::Run, &why))?;
    if as_yaml {
        lines.push(report::differences_yaml(&all));
    }
    lines.finish()?;
    cx.result(&json!({
        "session": at.0,
        "compared": done.compared,
        "differences": done.differences,
        "no_digest": done.no_digest,
        "problems": done.problems,
    }));
    Ok(exit(&done, cx))
}

/// `difference`: a path that is not what it was.
#[derive(Serialize)]
struct Differing<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    reason: &'a str,
}

fn method(method: action::Method) -> Method {
    match method {
        action::Method::Meta => Method::Metadata,
        action::Method::Hash => Method::Hash,
        action::Method::Full => Method::Full,
    }
}

fn exit(done: &CompareReport, cx: &Context<'_>) -> Exit {
    let mut exit = if done.problems > 0 { Exit::FILE_ERROR } else { Exit::OK };
    match (done.differences, cx.ui.api) {
        // What could not be looked at may differ.
        (0, _) if done.problems > 0 => {}
        (0, Api::V200) => cx.ui.note("No changes found. Directory matches archive data."),
        (0, Api::V201) => cx.ui.note("No changes found. Directory matches backup data"),
        (n, Api::V200) => {
            // People see the paths. Programs read why an exit code says that something failed.
            if let Some(json) = cx.json() {
                json.failed(&differences(n));
            }
            exit |= Exit::ERROR;
        }
        (n, Api::V201) => {
            cx.ui.warning(&differences(n));
            exit |= Exit::FILE_WARNING;
        }
    }
    exit
}

fn differences(n: u64) -> String {
    format!("Directory has {n} file differences to backup")
}
