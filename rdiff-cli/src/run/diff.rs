//! `diff`: one file by its lines, or a directory by its paths, between two sessions.

use super::lines::Lines;
use super::open::Opened;
use super::{Context, Failure, OrFail, Outcome, Step};
use crate::action::Diff;
use crate::exit::Exit;
use crate::json::lines::InTree;
use crate::report;
use crate::style::Style;
use rdiff_core::diff::{Aspect, aspects, changes, entry_at};
use rdiff_core::entry::{Entry, Kind};
use rdiff_core::error::{Doing, Error, IoContext};
use rdiff_core::list::{Change, ChangeKind};
use rdiff_core::path::RepoPath;
use rdiff_core::read::open_file;
use rdiff_core::time::SessionTime;
use serde::Serialize;
use serde_json::json;
use similar::TextDiff;
use std::io::Read;
use std::time::Duration;

/// Contents that are larger are not compared by lines, in bytes.
const MOST: u64 = 64 << 20;
/// After so long the lines are compared less cleverly.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn diff(args: &Diff, cx: &Context<'_>) -> Outcome {
    let place = cx.open(&args.path)?;
    let sides = Sides {
        place: &place,
        from: cx.session(&place.repo, &args.at)?,
        to: cx.session(&place.repo, &args.to)?,
    };
    let (old, new) = (sides.entry(sides.from, cx)?, sides.entry(sides.to, cx)?);
    let mut lines = Lines::new(cx);
    let is_dir = |entry: &Option<Entry>| entry.as_ref().is_some_and(Entry::is_dir);
    let count = match (&old, &new) {
        (None, None) => {
            let error = Error::NoSuchPath { path: place.path.clone(), at: sides.to };
            return Err(error).or_fail(cx, Step::Run);
        }
        _ if is_dir(&old) || is_dir(&new) => tree(&sides, args.patch, &mut lines, cx)?,
        _ => file(&sides, (old, new), &mut lines, cx)?,
    };
    lines.finish()?;
    cx.result(&json!({ "from": sides.from.0, "to": sides.to.0, "differences": count }));
    Ok(if count > 0 { Exit::FILE_WARNING } else { Exit::OK })
}

/// What is compared with what.
struct Sides<'a> {
    place: &'a Opened,
    from: SessionTime,
    to: SessionTime,
}

impl Sides<'_> {
    fn entry(&self, at: SessionTime, cx: &Context<'_>) -> Result<Option<Entry>, Failure> {
        entry_at(&self.place.repo, self.place.path.as_path(), at).or_fail(cx, Step::Run)
    }
}

/// `change`: a path that is not what it was.
#[derive(Serialize)]
struct Changed<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    change: &'a str,
    changed: Vec<Aspect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

/// Lists the paths that differ; counts them.
fn tree(sides: &Sides<'_>, patch: bool, lines: &mut Lines<'_>, cx: &Context<'_>) -> Result<u64, Failure> {
    let (repo, subtree) = (&sides.place.repo, sides.place.path.as_path());
    let mut count = 0;
    for change in changes(repo, subtree, sides.from, sides.to).or_fail(cx, Step::Run)? {
        let Change { kind, path, old, new } = change.or_fail(cx, Step::Run)?;
        count += 1;
        let path = path.as_path();
        if patch {
            one(sides, path, (old, new), lines, cx)?;
        } else {
            let changed = old.as_ref().zip(new.as_ref()).map(|(a, b)| aspects(a, b)).unwrap_or_default();
            let item = Changed { path: path.into(), change: kind.as_str(), changed, diff: None };
            lines.item("change", &item, || report::changed_since(kind.as_str(), path.as_bytes()));
        }
        if lines.is_cut() {
            break;
        }
    }
    Ok(count)
}

/// Compares one path that is no directory; counts 1 if it differs.
fn file(
    sides: &Sides<'_>,
    states: (Option<Entry>, Option<Entry>),
    lines: &mut Lines<'_>,
    cx: &Context<'_>,
) -> Result<u64, Failure> {
    if let (Some(old), Some(new)) = &states
        && aspects(old, new).is_empty()
    {
        return Ok(0);
    }
    one(sides, sides.place.path.as_path(), states, lines, cx).map(|()| 1)
}

/// Shows how one path differs: its attributes, and its lines if it has any.
fn one(
    sides: &Sides<'_>,
    path: RepoPath<'_>,
    (old, new): (Option<Entry>, Option<Entry>),
    lines: &mut Lines<'_>,
    cx: &Context<'_>,
) -> Result<(), Failure> {
    let kind = match (&old, &new) {
        (None, _) => ChangeKind::New,
        (_, None) => ChangeKind::Deleted,
        _ => ChangeKind::Changed,
    };
    let changed = old.as_ref().zip(new.as_ref()).map(|(a, b)| aspects(a, b)).unwrap_or_default();
    let has_lines = changed.is_empty() || changed.iter().any(|a| matches!(a, Aspect::Content | Aspect::Type));
    let text = if has_lines { by_lines(sides, path, (old.as_ref(), new.as_ref()), cx)? } else { Vec::new() };
    let head = head(path, kind, old.as_ref().zip(new.as_ref()), &changed);
    let diff = Some(String::from_utf8_lossy(&text).into_owned());
    let item = Changed { path: path.into(), change: kind.as_str(), changed, diff };
    lines.item("change", &item, || [head.into_bytes(), Style::of_stdout().diff(&text)].concat());
    Ok(())
}

/// What `patch` skips: the path, and the attributes that differ.
fn head(path: RepoPath<'_>, kind: ChangeKind, both: Option<(&Entry, &Entry)>, changed: &[Aspect]) -> String {
    let mut text = format!("{:<7} {path}\n", kind.as_str());
    let Some((old, new)) = both else { return text };
    let owner = |name: &Option<rdiff_core::entry::Name>, id: u32| match name {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => id.to_string(),
    };
    for aspect in changed {
        let (a, b) = (&old.attrs, &new.attrs);
        let (from, to) = match aspect {
            Aspect::Type => (kind_word(&old.kind), kind_word(&new.kind)),
            Aspect::Mode => (format!("{:04o}", a.mode), format!("{:04o}", b.mode)),
            Aspect::Owner => (owner(&a.uname, a.uid), owner(&b.uname, b.uid)),
            Aspect::Group => (owner(&a.gname, a.gid), owner(&b.gname, b.gid)),
            Aspect::Content | Aspect::ModificationTime => continue,
            other => {
                text += &format!("{}: changed\n", other.as_str());
                continue;
            }
        };
        text += &format!("{}: {from} -> {to}\n", aspect.as_str());
    }
    text
}

fn kind_word(kind: &Kind) -> String {
    crate::json::lines::kind_word(kind).replace('_', " ")
}

/// The lines that differ, as a unified diff.
fn by_lines(
    sides: &Sides<'_>,
    path: RepoPath<'_>,
    (old, new): (Option<&Entry>, Option<&Entry>),
    cx: &Context<'_>,
) -> Result<Vec<u8>, Failure> {
    let size = |entry: Option<&Entry>| entry.map_or(0, Entry::size);
    if size(old).max(size(new)) > MOST {
        return Ok(format!("Files of {} and {} bytes differ\n", size(old), size(new)).into_bytes());
    }
    let (a, b) = (text_of(sides, path, old, sides.from, cx)?, text_of(sides, path, new, sides.to, cx)?);
    if is_binary(&a) || is_binary(&b) {
        return Ok(format!("Binary files of {} and {} bytes differ\n", a.len(), b.len()).into_bytes());
    }
    let header = |entry: Option<&Entry>, side: &str, at: SessionTime| match entry {
        Some(_) => format!("{side}/{path}\t{}", at.asctime(&cx.ui.zone)),
        None => "/dev/null".to_owned(),
    };
    let mut text = Vec::new();
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&a[..], &b[..]);
    let (from, to) = (header(old, "a", sides.from), header(new, "b", sides.to));
    diff.unified_diff()
        .header(&from, &to)
        .to_writer(&mut text)
        .while_doing(Doing::Write, "memory")
        .or_fail(cx, Step::Run)?;
    Ok(text)
}

/// The content of a file, or the target of a link as a line.
fn text_of(
    sides: &Sides<'_>,
    path: RepoPath<'_>,
    entry: Option<&Entry>,
    at: SessionTime,
    cx: &Context<'_>,
) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    match entry.map(|e| &e.kind) {
        Some(Kind::File(_)) => {
            let content = open_file(&sides.place.repo, path, at).or_fail(cx, Step::Run)?;
            let read = content.take(MOST + 1).read_to_end(&mut text);
            read.while_doing(Doing::Read, path.as_os_str()).or_fail(cx, Step::Run)?;
        }
        Some(Kind::Symlink(target)) => text = [b"-> ", &target[..], b"\n"].concat(),
        _ => {}
    }
    Ok(text)
}

fn is_binary(text: &[u8]) -> bool {
    text[..text.len().min(8000)].contains(&0)
}
