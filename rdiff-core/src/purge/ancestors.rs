//! Directories that a diff of metadata leaves to newer files, although it speaks of what is in them.
//!
//! While metadata are written anew, newest first, a session lacks what it took from newer files and still has what
//! its own file says. A record whose directory is gone would break the whole session. So such diffs get the
//! records of those directories first; that changes nothing of what they mean.

use super::side::{SideKind, SidePlan};
use crate::entry::Entry;
use crate::error::Result;
use crate::format::names::IncrementKind;
use crate::path::{RepoPath, RepoPathBuf};
use crate::repo::Repository;
use std::collections::{BTreeMap, BTreeSet};

/// Finds the records that diffs lack, from the newest file back, with the state of all directories below `purged`.
pub(super) fn complete(repo: &Repository, purged: RepoPath<'_>, side_files: &mut [SidePlan]) -> Result<()> {
    let mut dirs: BTreeMap<RepoPathBuf, Entry> = BTreeMap::new();
    for side in side_files.iter_mut().rev().filter(|f| f.kind == SideKind::Metadata) {
        let is_snapshot = side.file.kind == IncrementKind::Snapshot;
        if is_snapshot {
            dirs.clear();
        }
        if side.records == 0 {
            continue;
        }
        let (mut said, mut needed) = (BTreeSet::new(), BTreeSet::new());
        for record in repo.records(&side.file)? {
            let record = record?;
            let path = record.path.as_path();
            if !path.starts_with(purged) {
                continue;
            }
            if record.now.is_some() && !is_snapshot {
                let above = std::iter::successors(path.parent(), |p| p.parent());
                needed.extend(above.take_while(|p| p.starts_with(purged)).map(RepoPath::to_owned));
                said.insert(record.path.clone());
            }
            match record.now.map(|r| r.entry).filter(Entry::is_dir) {
                Some(entry) => drop(dirs.insert(record.path, entry)),
                None => drop(dirs.remove(&record.path)),
            }
        }
        let inherited = needed.difference(&said);
        side.above = inherited.filter_map(|p| Some((p.clone(), dirs.get(p)?.clone()))).collect();
    }
    Ok(())
}
