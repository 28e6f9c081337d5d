//! Rules 10–16 and 29: the increments, each alone, against the sessions on both sides, and what they rebuild.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::FileType;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use sha1::{Digest, Sha1};

use super::Findings;
use super::load::{Increment, Place, Repository, Session, read_file};
use super::names::Suffix;
use super::records::{Index, Record, Type};
use super::{delta, mirror};

pub(super) fn check(repository: &Repository, findings: &mut Findings) {
    let paths = paths_of_places(repository);
    for (place, increments) in &repository.increments {
        let path = paths.get(place).cloned();
        for pair in increments.windows(2) {
            let twice = pair[0].name.at == pair[1].name.at;
            findings.add_if(twice, 10, &pair[1].shown, "a second increment of this instant");
        }
        for increment in increments {
            form(increment, findings);
            match &path {
                Some(path) => meaning(repository, path, increment, findings),
                None => findings.add(32, &increment.shown, "no record has this number"),
            }
        }
    }
    let own = own_increments(repository, &paths);
    let mut newer: Option<&Session> = None;
    for (&at, session) in repository.sessions.iter().rev() {
        if let Some(newer) = newer {
            let changed = changed_paths(session, newer);
            ancestors(session, newer, &changed, &own, at, findings);
            unchanged(session, newer, &own, at, findings);
        }
        newer = Some(session);
    }
    contents(repository, findings);
}

/// Which path each place belongs to.
fn paths_of_places(repository: &Repository) -> BTreeMap<Place, Index> {
    let mut paths = BTreeMap::new();
    for place in repository.increments.keys() {
        if let Place::Tree(index) = place {
            paths.insert(place.clone(), index.clone());
        }
    }
    for record in repository.sessions.values().flat_map(|s| s.paths.values()) {
        paths.insert(Place::of(record), record.index.clone());
    }
    paths
}

/// The instants of each path's increments, wherever they are, with their suffix.
type Own = BTreeMap<(Index, i64), Suffix>;

fn own_increments(repository: &Repository, paths: &BTreeMap<Place, Index>) -> Own {
    let with_path = repository.increments.iter().filter_map(|(place, list)| Some((paths.get(place)?, list)));
    let all = with_path.flat_map(|(path, list)| list.iter().map(move |i| (path.clone(), i)));
    all.map(|(path, i)| ((path, i.name.at), i.name.suffix)).collect()
}

/// 11, and the suffix `.data`, which is none of an increment
fn form(increment: &Increment, findings: &mut Findings) {
    let Ok(stat) = std::fs::symlink_metadata(&increment.path) else { return };
    if matches!(increment.name.suffix, Suffix::Dir | Suffix::Missing) {
        let good = stat.is_file() && stat.len() == 0 && !increment.name.gz;
        findings.add_if(!good, 11, &increment.shown, "not an empty file without .gz");
    }
}

/// 13 and 14: the increment against what the path was, and what it became.
fn meaning(repository: &Repository, path: &Index, increment: &Increment, findings: &mut Findings) {
    let Some(session) = repository.sessions.get(&increment.name.at) else { return };
    let Some((_, next)) = repository.next_after(increment.name.at) else { return };
    let old = session.paths.get(path).map(AsRef::as_ref);
    let new = next.paths.get(path).and_then(|r| r.kind());
    let kind = old.and_then(Record::kind);
    let fits = match increment.name.suffix {
        Suffix::Missing => kind.is_none(),
        Suffix::Dir => kind == Some(Type::Dir),
        Suffix::Diff => kind == Some(Type::Reg) && new == Some(Type::Reg),
        Suffix::Snapshot => !matches!(kind, None | Some(Type::Dir)),
        Suffix::Data => false,
    };
    findings.add_if(!fits, 13, &increment.shown, format!("the path was {kind:?} and became {new:?}"));
    if let (true, Suffix::Snapshot, Some(old)) = (fits, increment.name.suffix, old) {
        special(old, increment, findings);
    }
}

/// 14: a snapshot is the very thing; an empty file may stand for a special one that could not be made.
fn special(old: &Record, increment: &Increment, findings: &mut Findings) {
    let Ok(stat) = std::fs::symlink_metadata(&increment.path) else { return };
    let stands_in = stat.is_file() && stat.len() == 0 && !rustix::process::geteuid().is_root();
    let same = match old.kind() {
        Some(Type::Reg) => stat.is_file(),
        Some(kind) => !increment.name.gz && (stands_in || is_of_type(stat.file_type(), kind)),
        None => false,
    };
    findings.add_if(!same, 14, &increment.shown, format!("is not {:?}", old.kind()));
    if !same || stands_in {
        return;
    }
    let target = std::fs::read_link(&increment.path).ok();
    let wrong = target.is_some_and(|t| Some(t.as_os_str().as_bytes()) != old.get("SymData"));
    findings.add_if(wrong, 14, &increment.shown, "another link target");
    if old.kind() == Some(Type::Dev) {
        let wrong = old.get("DeviceNum") != Some(&*mirror::device(&stat));
        findings.add_if(wrong, 14, &increment.shown, "other device numbers");
    }
}

/// Is a file of the type that a record names?
pub(super) fn is_of_type(found: FileType, kind: Type) -> bool {
    match kind {
        Type::Reg => found.is_file(),
        Type::Dir => found.is_dir(),
        Type::Sym => found.is_symlink(),
        Type::Fifo => found.is_fifo(),
        Type::Sock => found.is_socket(),
        Type::Dev => found.is_char_device() || found.is_block_device(),
        Type::Absent => false,
    }
}

/// Paths whose records differ between a session and the next.
fn changed_paths(session: &Session, newer: &Session) -> BTreeSet<Index> {
    let all = session.paths.keys().chain(newer.paths.keys());
    all.filter(|i| session.paths.get(*i) != newer.paths.get(*i)).cloned().collect()
}

/// 15: every directory above a change has an increment, and so has every change that needs one to be undone.
fn ancestors(
    session: &Session,
    newer: &Session,
    changed: &BTreeSet<Index>,
    own: &Own,
    at: i64,
    findings: &mut Findings,
) {
    let mut wanting = BTreeSet::new();
    let touched = own.keys().filter(|(_, t)| *t == at).map(|(path, _)| path);
    for path in touched.chain(changed) {
        wanting.extend(path.ancestors().filter(|a| {
            !matches!(own.get(&(a.clone(), at)), Some(Suffix::Dir | Suffix::Missing | Suffix::Snapshot))
        }));
    }
    for path in wanting {
        findings.add(15, format!("{path} at {at}"), "no increment of a directory above a change");
    }
    for path in changed {
        let (old, new) = (session.paths.get(path), newer.paths.get(path));
        // API 201 makes none for a regular file of which only attributes changed
        let content =
            |r: &Record| (r.get("Size").map(<[u8]>::to_vec), r.get("SHA1Digest").map(<[u8]>::to_vec));
        let only_attributes = old.zip(new).is_some_and(|(o, n)| {
            o.is_reg()
                && n.is_reg()
                && (content(o) == content(n) || o.group().is_some() || n.group().is_some())
        });
        let missing = !only_attributes && !own.contains_key(&(path.clone(), at));
        findings.add_if(missing, 15, format!("{path} at {at}"), "changed, but has no increment");
    }
}

/// 16: a session that found nothing new leaves nothing but an empty diff.
fn unchanged(session: &Session, newer: &Session, own: &Own, at: i64, findings: &mut Findings) {
    let same = |a: &Option<_>, b: &Option<_>| a.is_none() || b.is_none() || a == b;
    let attributes = same(&session.xattrs, &newer.xattrs) && same(&session.acls, &newer.acls);
    if session.paths != newer.paths || !attributes {
        return;
    }
    // the real program marks a new file that it cannot read as missing, in every session, and opens its directories
    let mut excused = BTreeSet::new();
    for ((path, _), suffix) in own.iter().filter(|((_, t), _)| *t == at) {
        if *suffix == Suffix::Missing && !session.paths.contains_key(path) {
            excused.extend(path.ancestors().chain([path.clone()]));
        }
    }
    for (path, _) in own.keys().filter(|(path, t)| *t == at && !excused.contains(path)) {
        findings.add(16, format!("{path} at {at}"), "an increment, though nothing changed");
    }
    let length = std::fs::metadata(&session.file.path).map_or(0, |m| m.size());
    let bad = session.file.name.suffix == Suffix::Diff && length != 0;
    findings.add_if(bad, 16, &session.file.shown, "a diff that is not empty, though nothing changed");
}

// ---- contents

/// A regular file's contents: from the mirror backwards, one after each increment. `None` is no regular file.
struct History {
    newest: Option<Vec<u8>>,
    older: Vec<(i64, Option<Vec<u8>>)>,
}

impl History {
    /// Goes from the mirror back through the increments, and reports deltas that cannot be applied (12).
    fn read(newest: Option<Vec<u8>>, increments: &[Increment], findings: &mut Findings) -> Self {
        let (mut older, mut content) = (Vec::new(), newest.clone());
        for increment in increments.iter().rev() {
            content = match increment.name.suffix {
                Suffix::Snapshot if is_plain_file(increment) => read_file(&increment.path, increment.name.gz)
                    .map_err(|why| findings.add(29, &increment.shown, why))
                    .ok(),
                Suffix::Diff => {
                    let delta = read_file(&increment.path, increment.name.gz);
                    let basis = content.ok_or_else(|| "a diff against nothing".to_owned());
                    let applied = delta.and_then(|d| delta::apply(&basis?, &d));
                    applied.map_err(|why| findings.add(12, &increment.shown, why)).ok()
                }
                _ => None,
            };
            older.push((increment.name.at, content.clone()));
        }
        older.reverse();
        Self { newest, older }
    }

    /// The content at a session: after the oldest increment that is not older.
    fn at(&self, at: i64) -> Option<&[u8]> {
        let found = self.older.iter().find(|(t, _)| *t >= at);
        found.map_or(self.newest.as_deref(), |(_, content)| content.as_deref())
    }
}

fn is_plain_file(increment: &Increment) -> bool {
    std::fs::symlink_metadata(&increment.path).is_ok_and(|m| m.is_file())
}

/// A regular file of a session, with the digest of its group or its own.
struct Wanted<'a> {
    at: i64,
    record: &'a Record,
    digest: Option<&'a [u8]>,
}

/// 12 and 29: every regular file of every session is rebuilt, measured and hashed.
fn contents(repository: &Repository, findings: &mut Findings) {
    let mut wanted: BTreeMap<Place, Vec<Wanted>> = BTreeMap::new();
    for (&at, session) in &repository.sessions {
        let mut digests = BTreeMap::new();
        for record in session.paths.values().filter(|r| r.is_reg()) {
            let mut digest = record.get("SHA1Digest");
            if let Some(group) = record.group() {
                digest = *digests.entry(group).or_insert(digest);
            }
            wanted.entry(Place::of(record)).or_default().push(Wanted { at, record, digest });
        }
    }
    for (place, wanted) in wanted {
        let increments = repository.increments.get(&place).map_or(&[][..], Vec::as_slice);
        let history =
            History::read(newest_content(repository, &place, wanted[0].record), increments, findings);
        for Wanted { at, record, digest } in wanted {
            let shown = format!("{} at {at}", record.index);
            let Some(content) = history.at(at) else {
                findings.add(29, shown, "cannot be rebuilt");
                continue;
            };
            let size = record.number("Size") == i128::try_from(content.len()).ok();
            findings.add_if(!size, 29, &shown, format!("is {} bytes long", content.len()));
            let wrong = digest.is_some_and(|d| d != sha1_hex(content).as_bytes());
            findings.add_if(wrong, 29, &shown, "has another SHA-1");
        }
    }
}

/// What the mirror holds for a place, if a regular file is there now.
fn newest_content(repository: &Repository, place: &Place, example: &Record) -> Option<Vec<u8>> {
    let record = repository.newest().get(&example.index)?;
    (record.is_reg() && Place::of(record) == *place)
        .then(|| std::fs::read(repository.mirror_file(record)?).ok())
        .flatten()
}

/// The digest as records have it.
pub(super) fn sha1_hex(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().fold(String::new(), |mut text, b| {
        write!(text, "{b:02x}").expect("a String takes all");
        text
    })
}
