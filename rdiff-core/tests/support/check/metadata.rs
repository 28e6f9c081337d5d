//! Rules 17–25, 30, 32, 33 and 35: what the records say, each alone, within a session, and from session to session.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use super::load::{Repository, Session};
use super::names::Suffix;
use super::records::{Attributes, Index, Record, Type, xattrs};

pub(super) fn check(repository: &Repository, findings: &mut Findings) {
    let mut newer: Option<&Session> = None;
    for session in repository.sessions.values().rev() {
        order(session, findings);
        for record in &session.records {
            fields(session, record, findings);
            values(session, record, findings);
        }
        parents(session, findings);
        groups(session, findings);
        alternates(session, findings);
        attributes(session, findings);
        if let Some(newer) = newer {
            redundancy(session, newer, findings);
            renumbering(session, newer, findings);
        }
        newer = Some(session);
    }
    next_free(repository, findings);
}

/// 17, 18, 20
fn order(session: &Session, findings: &mut Findings) {
    let shown = &session.file.shown;
    if session.file.name.suffix == Suffix::Snapshot {
        let first = session.records.first().filter(|r| r.index == Index::default());
        let good = first.is_some_and(|r| r.kind() == Some(Type::Dir));
        findings.add_if(!good, 17, shown, "does not begin with the root directory");
    }
    for pair in session.records.windows(2) {
        let (before, after) = (&pair[0].index, &pair[1].index);
        findings.add_if(before >= after, 18, shown, format!("{after} comes after {before}"));
    }
    for record in &session.records {
        let own = record.index.0.first().is_some_and(|c| c == b"rdiff-backup-data");
        findings.add_if(own, 20, shown, format!("a record for {}", record.index));
    }
}

/// 21: which fields a record has to have, and which it may have besides.
fn fields(session: &Session, record: &Record, findings: &mut Findings) {
    const COMMON: [&str; 6] = ["Type", "Uid", "Uname", "Gid", "Gname", "Permissions"];
    const LINKED: [&str; 3] = ["NumHardLinks", "Inode", "DeviceLoc"];
    let mut add = |what: String| findings.add(21, &session.file.shown, format!("{}: {what}", record.index));
    let Some(kind) = record.kind() else { return add("no or unknown Type".into()) };
    let own: &[&str] = match kind {
        Type::Absent => &[],
        Type::Reg => &["Size", "ModTime"],
        Type::Sym => &["SymData"],
        Type::Dev => &["DeviceNum"],
        Type::Dir | Type::Fifo | Type::Sock => &["ModTime"],
    };
    let common: &[&str] = if kind == Type::Absent { &["Type"] } else { &COMMON };
    let required: BTreeSet<&str> = common.iter().chain(own).copied().collect();
    let mut allowed = required.clone();
    if kind == Type::Reg {
        allowed.extend(LINKED.iter().chain(&["SHA1Digest", "ResourceFork", "CarbonFile"]));
    }
    if kind != Type::Absent {
        allowed.extend(["AlternateMirrorName", "AlternateIncrementName"]);
    }
    let present: BTreeSet<&str> = record.fields.keys().map(String::as_str).collect();
    let missing: Vec<_> = required.difference(&present).collect();
    let excess: Vec<_> = present.difference(&allowed).collect();
    if !missing.is_empty() || !excess.is_empty() {
        add(format!("{kind:?} without {missing:?}, with {excess:?}"));
    }
    let linked = LINKED.iter().filter(|f| present.contains(**f)).count();
    if linked % 3 != 0 {
        add("not all three fields of a hard link".into());
    }
    if present.contains("AlternateMirrorName") && present.contains("AlternateIncrementName") {
        add("two alternate names".into());
    }
}

/// 22 and 23: what the fields hold.
fn values(session: &Session, record: &Record, findings: &mut Findings) {
    let shown = &session.file.shown;
    let ranges = [
        ("Permissions", 0..=4095),
        ("Size", 0..=i128::MAX),
        ("Uid", 0..=i128::from(u32::MAX)),
        ("Gid", 0..=i128::from(u32::MAX)),
        ("ModTime", i128::MIN..=i128::MAX),
        ("NumHardLinks", 2..=i128::MAX),
    ];
    for (name, range) in ranges {
        let bad = record.get(name).is_some() && !record.number(name).is_some_and(|n| range.contains(&n));
        findings.add_if(bad, 22, shown, format!("{}: {name}", record.index));
    }
    let hex = |d: &[u8]| d.len() == 40 && d.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let bad = record.get("SHA1Digest").is_some_and(|d| !hex(d));
    findings.add_if(bad, 22, shown, format!("{}: SHA1Digest", record.index));
    for name in ["Uname", "Gname"] {
        let bad = record.get(name).is_some_and(|n| !n.is_ascii());
        findings.add_if(bad, 23, shown, format!("{}: {name} is not ASCII", record.index));
    }
}

/// 19
fn parents(session: &Session, findings: &mut Findings) {
    let is_dir = |i: &Index| session.paths.get(i).is_some_and(|r| r.kind() == Some(Type::Dir));
    for index in session.paths.keys() {
        let orphan = index.parent().is_some_and(|p| !is_dir(&p));
        findings.add_if(orphan, 19, &session.file.shown, format!("{index} is in no directory"));
    }
}

/// 24 and 25: who carries the digest of a hard-link group, and that every other file has its own.
fn groups(session: &Session, findings: &mut Findings) {
    let shown = &session.file.shown;
    let mut groups: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
    for record in session.paths.values().filter(|r| r.is_reg()) {
        match record.group() {
            Some(group) => groups.entry(group).or_default().push(record),
            None => {
                let bad = record.get("SHA1Digest").is_none();
                findings.add_if(bad, 25, shown, format!("{} has no SHA1Digest", record.index));
            }
        }
    }
    for members in groups.values() {
        for (n, member) in members.iter().enumerate() {
            let digest = member.get("SHA1Digest").is_some();
            findings.add_if(
                digest != (n == 0),
                24,
                shown,
                format!("{}: SHA1Digest is {digest}", member.index),
            );
            let same = member.get("NumHardLinks") == members[0].get("NumHardLinks");
            findings.add_if(!same, 24, shown, format!("{}: NumHardLinks differs in the group", member.index));
        }
    }
}

/// 32: a number stands for one path.
fn alternates(session: &Session, findings: &mut Findings) {
    let mut used = BTreeMap::new();
    for record in session.paths.values() {
        if let Some(other) = record.alternate().and_then(|n| used.insert(n, &record.index)) {
            let what = format!("{} and {other} have one alternate name", record.index);
            findings.add(32, &session.file.shown, what);
        }
    }
}

/// 32: no record uses a number that is still to be given.
fn next_free(repository: &Repository, findings: &mut Findings) {
    let text = std::fs::read_to_string(repository.data.path.join("long_filename_data/next_free"));
    let next: u64 = text.ok().and_then(|t| t.parse().ok()).unwrap_or(0);
    for session in repository.sessions.values() {
        for number in session.records.iter().filter_map(|r| r.alternate()) {
            let number = std::str::from_utf8(number).ok().and_then(|n| n.parse::<u64>().ok());
            let good = number.is_some_and(|n| n < next);
            findings.add_if(!good, 32, &session.file.shown, format!("number {number:?}, next_free {next}"));
        }
    }
}

/// 33: a path that stays keeps its number.
fn renumbering(session: &Session, newer: &Session, findings: &mut Findings) {
    for (index, record) in &session.paths {
        let changed = newer.paths.get(index).is_some_and(|n| n.alternate() != record.alternate());
        findings.add_if(changed, 33, &session.file.shown, format!("{index} has another number later"));
    }
}

/// 30: a diff holds what differs from the newer session, and nothing else.
fn redundancy(session: &Session, newer: &Session, findings: &mut Findings) {
    if session.file.name.suffix != Suffix::Diff {
        return;
    }
    for record in &session.records {
        let same = match newer.paths.get(&record.index) {
            Some(n) => n.fields == record.fields,
            None => record.kind() == Some(Type::Absent),
        };
        findings.add_if(same, 30, &session.file.shown, format!("{} is the same as later", record.index));
    }
}

/// 35
fn attributes(session: &Session, findings: &mut Findings) {
    let mut ordered = |what: &str, entries: &Option<Attributes>| {
        let entries = entries.as_deref().unwrap_or_default();
        let at = &session.file.name.at;
        for pair in entries.windows(2) {
            let bad = pair[0].0 >= pair[1].0;
            findings.add_if(bad, 35, format!("{what} of {at}"), format!("{} comes too late", pair[1].0));
        }
        for (index, lines) in entries {
            let known = session.paths.contains_key(index);
            findings.add_if(!known, 35, format!("{what} of {at}"), format!("{index} has no record"));
            findings.add_if(lines.is_empty(), 35, format!("{what} of {at}"), format!("{index} has no lines"));
            let unreadable = what == "xattrs" && xattrs(lines).is_none();
            findings.add_if(unreadable, 35, format!("{what} of {at}"), format!("{index} is unreadable"));
        }
    };
    ordered("xattrs", &session.xattrs);
    ordered("ACLs", &session.acls);
}
