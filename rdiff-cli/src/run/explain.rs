//! `--explain`: which rule or attribute decides about a path, for a backup, a comparison or a restore.

use super::open::Opened;
use super::selection::Chosen;
use super::{Context, Failure, OrFail, Outcome, Step};
use crate::exit::Exit;
use crate::json::lines::InTree;
use rdiff_core::explain::{self, Explanation};
use rdiff_core::path::RepoPathBuf;
use rdiff_core::time::SessionTime;
use rdiff_core::tree::select::{Explained, Verdict};
use rdiff_core::tree::source::Source;
use serde::Serialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// Explains a path of a live tree whose root is `base`, as typed.
pub(super) fn in_source(
    path: &OsStr,
    base: &Path,
    source: &Arc<dyn Source>,
    filter: &Chosen,
    cx: &Context<'_>,
) -> Outcome {
    let path = inside(path, base, cx)?;
    let found = explain::in_source(source, &filter.selected(), path.as_path()).or_fail(cx, Step::Run)?;
    conclude(&path, found, cx)
}

/// Explains a path of a session.
pub(super) fn in_session(
    path: &OsStr,
    target: &Path,
    place: &Opened,
    at: SessionTime,
    filter: &Chosen,
    cx: &Context<'_>,
) -> Outcome {
    let path = inside(path, target, cx)?;
    let (subtree, selected) = (place.path.as_path(), filter.selected());
    let found = explain::in_session(&place.repo, at, subtree, &selected, path.as_path());
    conclude(&path, found.or_fail(cx, Step::Run)?, cx)
}

/// A path as typed, below the root of the tree: with the root's own path before it, or without.
fn inside(path: &OsStr, base: &Path, cx: &Context<'_>) -> Result<RepoPathBuf, Failure> {
    let path = Path::new(path);
    let below = path.strip_prefix(base).unwrap_or(path);
    let tidy: std::path::PathBuf = below.components().filter(|c| c.as_os_str() != ".").collect();
    RepoPathBuf::new(tidy.as_os_str().as_bytes()).map_err(|_| {
        let message = format!(
            "{} is not in {}; give a path in it, as it is or below it",
            path.display(),
            base.display()
        );
        cx.refuse(Step::Check, &message)
    })
}

/// The result for programs.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    verdict: &'static str,
    decided_at: String,
    why: &'a str,
}

fn conclude(path: &RepoPathBuf, found: Option<Explanation>, cx: &Context<'_>) -> Outcome {
    let Some(found) = found else {
        if path.is_root() {
            cx.print("the root of the tree is always taken\n")?;
            return Ok(Exit::OK);
        }
        return Err(cx.refuse(Step::Run, &format!("{path} is not there, so nothing decides about it")));
    };
    let is_about = found.is_about(path.as_path());
    let Explanation { at, why: Explained { decision, rule } } = found;
    // A rule came from an option, and is called as that.
    let why = Explained { decision, rule: rule.map(|rule| format!("--{rule}")) }.to_string();
    if !is_about {
        return Err(cx.refuse(Step::Run, &format!("{path} is not there; {at} is {why}")));
    }
    let verdict = match decision.verdict {
        Verdict::Include => "included",
        Verdict::Exclude => "excluded",
        Verdict::Scan => "scanned",
    };
    let decided_at = at.to_string();
    cx.result(&Shown { path: path.as_path().into(), verdict, decided_at, why: &why });
    if cx.json().is_none() {
        let with = if at == *path { String::new() } else { format!(" with its directory {at}, which is") };
        cx.print(format!("{path} is{with} {why}\n"))?;
    }
    Ok(Exit::OK)
}
