//! What a group of hard links loses with its first name, and how the next one takes it over.
//!
//! Of a group only the first name carries the digest of the content. When that is purged the next has to carry
//! it, in every session in which the purged one was first. Since a diff holds only what differs from the next
//! newer session, it can be that the record of the next name stands in a newer file, or has to stay without a
//! digest in an older one; then the file gets a record of its own.

use super::side::{Amendments, Group, SideKind, SidePlan};
use crate::entry::Entry;
use crate::error::Result;
use crate::format::names::IncrementKind;
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::Repository;
use std::collections::{BTreeMap, BTreeSet};

/// Groups to look after.
pub(super) struct Groups(BTreeSet<Group>);

impl Groups {
    pub(super) fn new(groups: BTreeSet<Group>) -> Self {
        Self(groups)
    }

    fn has(&self, entry: &Entry) -> bool {
        Group::of(entry).is_some_and(|g| self.0.contains(&g))
    }

    /// The names that take over a digest, with their new records.
    fn heirs(&self, members: &BTreeMap<RepoPathBuf, Entry>, purged: RepoPath<'_>) -> Amendments {
        let mut heirs = Amendments::new();
        for group in &self.0 {
            let names = || members.iter().filter(|(_, e)| Group::of(e) == Some(*group));
            let is_purged = |path: &RepoPathBuf| path.as_path().starts_with(purged);
            let digest = names().filter(|(p, _)| is_purged(p)).find_map(|(_, e)| e.file()?.digest);
            let Some((path, entry)) = names().find(|(p, _)| !is_purged(p)) else { continue };
            if digest.is_some()
                && !names().any(|(p, e)| !is_purged(p) && e.file().is_some_and(|f| f.digest.is_some()))
            {
                heirs.insert(path.clone(), with_digest(entry.clone(), digest));
            }
        }
        heirs
    }
}

fn with_digest(mut entry: Entry, digest: Option<crate::entry::Digest>) -> Entry {
    if let crate::entry::Kind::File(file) = &mut entry.kind {
        file.digest = digest;
    }
    entry
}

/// Finds the records that the other names of `groups` need once `purged` is gone. Goes from the newest file
/// back, with the state of all names of the groups.
pub(super) fn amend(
    repo: &Repository,
    purged: RepoPath<'_>,
    groups: &Groups,
    side_files: &mut [SidePlan],
) -> Result<()> {
    let mut members: BTreeMap<RepoPathBuf, Entry> = BTreeMap::new();
    let mut newer = Amendments::new();
    for side in side_files.iter_mut().rev().filter(|f| f.kind == SideKind::Metadata) {
        let is_snapshot = side.file.kind == IncrementKind::Snapshot;
        if is_snapshot {
            members.clear();
        }
        let mut said = BTreeSet::new();
        for record in repo.records(&side.file)? {
            let record = record?;
            match record.now.map(|r| r.entry).filter(|e| groups.has(e)) {
                Some(entry) => {
                    said.insert(record.path.clone());
                    members.insert(record.path, entry);
                }
                None => {
                    if members.remove(&record.path).is_some() || newer.contains_key(&record.path) {
                        said.insert(record.path);
                    }
                }
            }
        }
        let heirs = groups.heirs(&members, purged);
        for (path, entry) in &heirs {
            if said.contains(path) || newer.get(path) != Some(entry) {
                side.amendments.insert(path.clone(), entry.clone());
            }
        }
        for path in newer.keys().filter(|p| !is_snapshot && !heirs.contains_key(*p) && !said.contains(*p)) {
            if let Some(entry) = members.get(path) {
                side.amendments.insert(path.clone(), entry.clone());
            }
        }
        newer = heirs;
    }
    Ok(())
}
