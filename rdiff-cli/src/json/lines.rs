//! The lines that every action can have. Those of one action are with the action.

use crate::exit::Exit;
use crate::level::Level;
use rdiff_core::entry::{Digest, Entry, Kind, Name};
use rdiff_core::error::Problem;
use rdiff_core::format::stats::SessionStatistics;
use rdiff_core::path::RepoPath;
use serde::Serialize;
use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of the schema.
pub const SCHEMA: u32 = 1;

/// `start`: the first line.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says it")]
pub struct Start<'a> {
    pub schema: u32,
    pub program: &'static str,
    pub version: &'static str,
    pub action: &'a str,
    pub time: u64,
    pub dry_run: bool,
}

impl<'a> Start<'a> {
    /// The first line of an action that begins now.
    pub fn new(action: &'a str, dry_run: bool) -> Self {
        Self {
            schema: SCHEMA,
            program: "rdiff-backup",
            version: env!("CARGO_PKG_VERSION"),
            action,
            time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            dry_run,
        }
    }
}

/// `summary`: the last line.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says it")]
pub struct Summary<'a> {
    pub schema: u32,
    pub action: &'a str,
    pub exit_code: u8,
    pub exit: Vec<&'static str>,
    pub seconds: f64,
    pub warnings: u64,
    pub error: Option<String>,
    pub result: Option<serde_json::Value>,
}

impl<'a> Summary<'a> {
    pub(super) fn new(
        action: &'a str,
        exit: Exit,
        seconds: f64,
        warnings: u64,
        error: Option<String>,
        result: Option<serde_json::Value>,
    ) -> Self {
        let seconds = (seconds * 1000.0).round() / 1000.0;
        Self {
            schema: SCHEMA,
            action,
            exit_code: exit.code(),
            exit: exit.words(),
            seconds,
            warnings,
            error,
            result,
        }
    }
}

/// `message`: what would stand on the terminal.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) level: &'static str,
    pub(crate) text: &'a str,
}

impl<'a> Message<'a> {
    pub(crate) fn new(level: Level, text: &'a str) -> Self {
        Self { level: level.word(), text }
    }
}

/// `output`: a result that is a text.
#[derive(Debug, Serialize)]
pub(crate) struct Output<'a> {
    pub(crate) text: Cow<'a, str>,
}

/// A path inside the tree: `path`, and where that is not the whole truth (names are bytes) `path_hex`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/json.md says it")]
pub struct InTree<'a> {
    pub path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
}

impl<'a> From<RepoPath<'a>> for InTree<'a> {
    fn from(path: RepoPath<'a>) -> Self {
        Self::of_bytes(path.as_bytes())
    }
}

impl<'a> InTree<'a> {
    /// A path that need not be one of the tree: a file of the repository's own, for one.
    pub(crate) fn of_bytes(bytes: &'a [u8]) -> Self {
        let text = if bytes.is_empty() { ".".into() } else { String::from_utf8_lossy(bytes) };
        Self { path: text, path_hex: hex(bytes) }
    }
}

/// Bytes that text doesn't show, in hexadecimal digits; nothing for those that it does.
fn hex(bytes: &[u8]) -> Option<String> {
    let is_exact = std::str::from_utf8(bytes).is_ok();
    (!is_exact).then(|| bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// `file`: what was there at a session.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    #[serde(flatten)]
    path: InTree<'a>,
    kind: &'static str,
    size: Option<u64>,
    mtime: Option<i64>,
    mode: String,
    uid: u32,
    gid: u32,
    user: Option<Cow<'a, str>>,
    group: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
}

impl<'a> From<&'a Entry> for Listed<'a> {
    fn from(entry: &'a Entry) -> Self {
        let (attrs, file) = (&entry.attrs, entry.file());
        let name = |name: &'a Option<Name>| name.as_deref().map(String::from_utf8_lossy);
        let target = match &entry.kind {
            Kind::Symlink(target) => Some(target.as_slice()),
            _ => None,
        };
        Self {
            path: entry.path.as_path().into(),
            kind: kind_word(&entry.kind),
            size: file.map(|f| f.size),
            mtime: attrs.mtime,
            mode: format!("{:04o}", attrs.mode),
            uid: attrs.uid,
            gid: attrs.gid,
            user: name(&attrs.uname),
            group: name(&attrs.gname),
            sha1: file.and_then(|f| f.digest).map(Digest::to_hex),
            target: target.map(String::from_utf8_lossy),
            target_hex: target.and_then(hex),
        }
    }
}

/// What a path is.
pub(crate) fn kind_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::File(_) => "file",
        Kind::Dir => "directory",
        Kind::Symlink(_) => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::Device(device) if device.block => "block_device",
        Kind::Device(_) => "character_device",
    }
}

/// `path`: something was done with a path of the tree.
#[derive(Debug, Serialize)]
pub(crate) struct Done<'a> {
    #[serde(flatten)]
    pub(crate) path: InTree<'a>,
    pub(crate) what: &'static str,
}

/// `progress`: how far the job is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) total_files: Option<u64>,
    pub(crate) total_bytes: Option<u64>,
    pub(crate) bytes_per_second: u64,
    pub(crate) part: Option<f64>,
    pub(crate) seconds_left: Option<u64>,
}

/// `problem`: a path could not be dealt with.
#[derive(Debug, Serialize)]
pub(crate) struct Trouble<'a> {
    #[serde(flatten)]
    pub(crate) path: InTree<'a>,
    pub(crate) kind: String,
    pub(crate) error: String,
}

impl<'a> From<&'a Problem> for Trouble<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            path: problem.path.as_path().into(),
            kind: problem.kind.to_string(),
            error: problem.source.to_string(),
        }
    }
}

/// The totals of a session; counts are whole numbers, averages of them may not be.
pub(crate) fn statistics(stats: &SessionStatistics) -> serde_json::Value {
    let mut value = serde_json::to_value(stats).unwrap_or_default();
    for number in value.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
        if let Some(whole) = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 1e15) {
            *number = serde_json::Value::from(whole as i64);
        }
    }
    value
}
