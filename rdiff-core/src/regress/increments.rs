//! The increments of the failed session, which lead to what it touched.

use crate::error::{Doing, IoContext, Result};
use crate::format::names::IncrementKind;
use crate::path::RepoPathBuf;
use crate::repo::Repository;
use crate::repo::increments::{Increment, IncrementDir};
use crate::repo::layout::{DATA, INCREMENTS, LONG_NAMES, StoredPath};
use crate::time::SessionTime;
use std::collections::BTreeMap;

/// A path, and its increments.
pub(super) type AtIncrements = (RepoPathBuf, Vec<Increment>);

/// The increments that hold the state of the good session, in path order. All of `increments` is looked
/// through: after a crash nothing else says for sure where there are some.
pub(super) struct FailedIncrements<'r> {
    repo: &'r Repository,
    good: SessionTime,
    frames: Vec<Frame>,
    root: Option<Vec<Increment>>,
    pub(super) long: BTreeMap<Vec<u8>, Vec<Increment>>,
}

/// What there is at one name in a directory of increments.
#[derive(Default)]
struct AtName {
    increments: Vec<Increment>,
    /// A directory of that name, as it is stored.
    subdir: Option<Box<[u8]>>,
}

struct Frame {
    dir: RepoPathBuf,
    stored: StoredPath,
    /// Names still to come, the last first.
    names: Vec<(Vec<u8>, AtName)>,
}

impl<'r> FailedIncrements<'r> {
    pub(super) fn new(repo: &'r Repository, good: SessionTime) -> Result<Self> {
        let of_good = |dir: IncrementDir| -> BTreeMap<Vec<u8>, Vec<Increment>> {
            let keep = |mut found: Vec<Increment>| {
                found.retain(|i| i.time >= good && i.kind != IncrementKind::Data);
                found
            };
            dir.into_iter()
                .map(|(base, found)| (base, keep(found)))
                .filter(|(_, found)| !found.is_empty())
                .collect()
        };
        let mut data = of_good(repo.increments_in(&StoredPath::fixed(DATA))?);
        let long = of_good(repo.increments_in(&StoredPath::fixed(LONG_NAMES))?);
        let root = data.remove(&b"increments"[..]);
        Ok(Self { repo, good, frames: Vec::new(), root: Some(root.unwrap_or_default()), long })
    }

    fn enter(&mut self, dir: RepoPathBuf, stored: StoredPath) -> Result<()> {
        let root = self.repo.root();
        let shown = self.repo.path_of(&stored);
        let names = match root.list_kinds(stored.as_bytes()) {
            Err(e) if crate::tree::is_absent(&e) => return Ok(()),
            other => other.while_doing(Doing::List, shown)?,
        };
        let quoting = self.repo.layout().quoting();
        let mut found: BTreeMap<Vec<u8>, AtName> = BTreeMap::new();
        for (name, is_dir) in names {
            let unquoted = quoting.unquote(&name).into_owned();
            if is_dir {
                found.entry(unquoted).or_default().subdir = Some(name);
            } else if let Some(parsed) = crate::format::names::TimedName::parse(&unquoted)
                && parsed.time >= self.good
            {
                let increment = Increment {
                    time: parsed.time,
                    kind: parsed.kind,
                    gzipped: parsed.gzipped,
                    place: stored.listed(&name),
                };
                found.entry(parsed.base.to_vec()).or_default().increments.push(increment);
            }
        }
        let names = found.into_iter().rev().collect();
        self.frames.push(Frame { dir, stored, names });
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<AtIncrements>> {
        if let Some(root) = self.root.take() {
            self.enter(RepoPathBuf::default(), StoredPath::fixed(INCREMENTS))?;
            if !root.is_empty() {
                return Ok(Some((RepoPathBuf::default(), root)));
            }
        }
        while let Some(frame) = self.frames.last_mut() {
            let Some((name, AtName { increments, subdir })) = frame.names.pop() else {
                self.frames.pop();
                continue;
            };
            if crate::path::check_component(&name).is_err() {
                continue;
            }
            let path = frame.dir.as_path().join(&name);
            if let Some(subdir) = subdir {
                let stored = frame.stored.listed(&subdir);
                self.enter(path.clone(), stored)?;
            }
            if !increments.is_empty() {
                return Ok(Some((path, increments)));
            }
        }
        Ok(None)
    }
}

impl Iterator for FailedIncrements<'_> {
    type Item = Result<AtIncrements>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
