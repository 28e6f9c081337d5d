//! `verify`: contents against recorded digests.

use super::{Context, OrFail, Outcome, Step, ahead};
use crate::action::Verify;
use crate::exit::Exit;
use crate::json::lines::InTree;
use crate::progress::{Job, Terminal};
use crate::ui::Api;
use rdiff_core::error::Error;
use rdiff_core::verify::{Bad, VerifyReport, VerifyRequest, Why, verify_into};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn verify(args: &Verify, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.repository)?;
    let at = args.at.as_deref().map(|time| cx.session(&place.repo, time)).transpose()?;
    let request = VerifyRequest { subtree: place.path.clone(), ..VerifyRequest::new(at) };
    let terminal = Terminal::new(cx.ui, Job::Other);
    let mut done = VerifyReport::default();
    let ended = cx.counting(
        |stop| match at {
            Some(at) => ahead::of_session(&place.repo, at, place.path.as_path(), stop),
            None => ahead::of_all_sessions(&place.repo, place.path.as_path(), request.batch, stop),
        },
        || verify_into(&place.repo, &request, &terminal, &mut done),
    );
    done.bad.sort_by(|a, b| (a.session, &a.path).cmp(&(b.session, &b.path)));
    for bad in &done.bad {
        if let Some(json) = cx.json() {
            json.item("bad_file", &BadFile::from(bad));
        }
        let text = text(bad, at.is_none(), cx);
        match cx.ui.api {
            Api::V200 => cx.ui.warning(&text),
            Api::V201 => cx.ui.error(&text),
        }
    }
    if let Err(Error::Cancelled { .. }) = ended {
        let bad = if done.bad_files == 0 { "none".to_owned() } else { done.bad_files.to_string() };
        cx.ui
            .note(&format!("{} files were verified so far, {bad} of them potentially corrupted", done.files));
    }
    ended.or_fail(cx, Step::Run)?;
    cx.result(&json!({
        "session": at.map(|t| t.0),
        "sessions": done.sessions,
        "files": done.files,
        "bytes": done.bytes,
        "no_digest": done.no_digest,
        "bad_files": done.bad_files,
        "damaged_sessions": done.damaged.iter().map(|d| d.session.0).collect::<BTreeSet<_>>(),
    }));
    for damaged in &done.damaged {
        cx.ui.warning(&format!("Not all of session {} could be checked: {}", damaged.session, damaged.why));
    }
    Ok(conclusion(&done, cx))
}

/// `bad_file`: a file whose content is not what was backed up.
#[derive(Serialize)]
struct BadFile<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    session: i64,
    why: String,
    recorded: Option<String>,
    found: Option<String>,
}

impl<'a> From<&'a Bad> for BadFile<'a> {
    fn from(bad: &'a Bad) -> Self {
        let (recorded, found) = match &bad.why {
            Why::Digest { recorded, found } => (Some(recorded.to_hex()), Some(found.to_hex())),
            _ => (None, None),
        };
        let (path, why) = (bad.path.as_path().into(), bad.why.to_string());
        Self { path, session: bad.session.0, why, recorded, found }
    }
}

fn text(bad: &Bad, with_session: bool, cx: &Context<'_>) -> String {
    let when = if with_session { format!(" of {}", bad.session.asctime(&cx.ui.zone)) } else { String::new() };
    let path = &bad.path;
    match &bad.why {
        Why::Digest { recorded, found } => format!(
            "Computed SHA1 digest of file {path}{when} '{}' doesn't match recorded digest of '{}'. \
             Your backup repository may be corrupted!",
            found.to_hex(),
            recorded.to_hex()
        ),
        why => format!("Could not verify file {path}{when}: {why}. Your backup repository may be corrupted!"),
    }
}

fn conclusion(done: &VerifyReport, cx: &Context<'_>) -> Exit {
    if done.no_digest > 0 {
        cx.ui.warning(&format!(
            "{} files have no recorded digest: only their size was checked",
            done.no_digest
        ));
    }
    if done.is_good() {
        cx.ui.note("All files verified successfully");
        return Exit::OK;
    }
    if done.bad_files > 0 {
        cx.ui.error(&format!("Verification found {} potentially corrupted files", done.bad_files));
    }
    match cx.ui.api {
        Api::V201 if done.bad_files > 0 => Exit::FILE_ERROR,
        _ => Exit::WARNING,
    }
}
