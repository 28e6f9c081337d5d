//! `verify`: contents against recorded digests.

use super::{Context, OrFail, Outcome, Step};
use crate::action::Verify;
use crate::exit::Exit;
use crate::progress::{Job, Terminal};
use rdiff_core::verify::{Bad, VerifyReport, VerifyRequest, Why, verify as run};

pub(crate) fn verify(args: &Verify, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.repository)?;
    let at = args.at.as_deref().map(|time| cx.session(&place.repo, time)).transpose()?;
    let request = VerifyRequest { subtree: place.path.clone(), ..VerifyRequest::new(at) };
    let terminal = Terminal::new(cx.ui, Job::Other);
    let mut done = run(&place.repo, &request, &terminal).or_fail(cx, Step::Run)?;
    done.bad.sort_by(|a, b| (a.session, &a.path).cmp(&(b.session, &b.path)));
    for bad in &done.bad {
        cx.ui.warning(&text(bad, at.is_none(), cx));
    }
    for damaged in &done.damaged {
        cx.ui.warning(&format!("Not all of session {} could be checked: {}", damaged.session, damaged.why));
    }
    Ok(conclusion(&done, cx))
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
    Exit::WARNING
}
