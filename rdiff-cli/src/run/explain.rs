//! `--explain`: which rule or attribute decides about a path, for a backup, a comparison or a restore.

use super::open::Opened;
use super::selection::Chosen;
use super::{Context, Failure, OrFail, Outcome, Step};
use crate::exit::Exit;
use crate::json::lines::InTree;
use rdiff_core::list;
use rdiff_core::path::{RepoPath, RepoPathBuf};
use rdiff_core::pool::Pool;
use rdiff_core::restore::stat_of;
use rdiff_core::time::SessionTime;
use rdiff_core::tree::Stat;
use rdiff_core::tree::select::Verdict;
use rdiff_core::tree::source::Source;
use rdiff_core::tree::walk::{Filter, Holds, Walk, Wanted};
use serde::Serialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What was decided, from the top down; the last is about the path itself, or about a directory with which it is
/// left out.
type Decided = Vec<(RepoPathBuf, Verdict, String)>;

/// Explains a path of a live tree whose root is `base`, as typed.
pub(super) fn in_source(
    path: &OsStr,
    base: &Path,
    source: &Arc<dyn Source>,
    filter: &Chosen,
    cx: &Context<'_>,
) -> Outcome {
    let path = inside(path, base, cx)?;
    let guide = Guide { path: path.clone(), chosen: filter.clone(), decided: Arc::default() };
    let decided = Arc::clone(&guide.decided);
    // What it finds doesn't matter; the guide has seen it.
    Walk::new(Arc::clone(source), Arc::new(Pool::new(1)), guide).for_each(drop);
    let decided = std::mem::take(&mut *decided.lock().unwrap_or_else(PoisonError::into_inner));
    conclude(&path, &decided, cx)
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
    let subtree = place.path.as_path();
    let mut decided = Decided::new();
    for entry in list::entries_at(&place.repo, at, subtree).or_fail(cx, Step::Run)? {
        let entry = entry.or_fail(cx, Step::Run)?;
        let below = entry.path.as_path().below(subtree).unwrap_or(entry.path.as_path());
        if below.is_root() || !path.as_path().starts_with(below) {
            continue;
        }
        let (verdict, why) = filter.explain(below, &stat_of(&entry), &|_, _| false);
        decided.push((below.to_owned(), verdict, why));
        if verdict == Verdict::Exclude {
            break;
        }
    }
    conclude(&path, &decided, cx)
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

/// Shows a walk the way to one path, and notes what is decided on it.
struct Guide {
    path: RepoPathBuf,
    chosen: Chosen,
    decided: Arc<Mutex<Decided>>,
}

impl Filter for Guide {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        if !self.path.as_path().starts_with(path) {
            return Wanted::No;
        }
        let (verdict, why) = self.chosen.explain(path, stat, holds);
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        decided.push((path.to_owned(), verdict, why));
        if verdict == Verdict::Exclude { Wanted::No } else { Wanted::Yes }
    }
}

/// The result for programs.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    verdict: &'static str,
    decided_at: String,
    why: &'a str,
}

fn conclude(path: &RepoPathBuf, decided: &Decided, cx: &Context<'_>) -> Outcome {
    let Some((at, verdict, why)) = decided.last() else {
        if path.is_root() {
            cx.print("the root of the tree is always taken\n")?;
            return Ok(Exit::OK);
        }
        return Err(cx.refuse(Step::Run, &format!("{path} is not there, so nothing decides about it")));
    };
    if at != path && *verdict != Verdict::Exclude {
        return Err(cx.refuse(Step::Run, &format!("{path} is not there; {at} is {why}")));
    }
    let word = match verdict {
        Verdict::Include => "included",
        Verdict::Exclude => "excluded",
        Verdict::Scan => "scanned",
    };
    let result = Explained { path: path.as_path().into(), verdict: word, decided_at: at.to_string(), why };
    cx.result(&result);
    if cx.json().is_none() {
        let with = if at == path { String::new() } else { format!(" with its directory {at}, which is") };
        cx.print(format!("{path} is{with} {why}\n"))?;
    }
    Ok(Exit::OK)
}
