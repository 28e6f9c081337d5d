//! Groups of hard links as they go by: what the first name has, for the names that come later.

use crate::backup::plan::LinkRole;
use crate::backup::stage::Changed;
use crate::entry::{Acl, Digest, Entry, Kind, Xattrs};
use crate::error::{Problem, ProblemKind};
use crate::repo::layout::StoredPath;
use std::collections::HashMap;
use std::io;

/// The first name of a group of hard links, once it was dealt with.
struct First {
    place: StoredPath,
    digest: Option<Digest>,
    /// Attributes belong to the file, not to one of its names.
    attributes: (Xattrs, Acl),
    remaining: u64,
}

/// The groups of which names are still to come.
#[derive(Default)]
pub(in crate::backup) struct Firsts(HashMap<(u64, u64), First>);

impl Firsts {
    /// Remembers the first name of a group, until all its names have come. `place` says its place in the mirror.
    pub(super) fn met(&mut self, entry: &Entry, place: impl FnOnce(&Entry) -> StoredPath) {
        let Some(link) = entry.file().and_then(|f| f.link) else { return };
        match self.0.get_mut(&link.group()) {
            Some(first) => {
                first.remaining -= 1;
                if first.remaining == 0 {
                    self.0.remove(&link.group());
                }
            }
            None => {
                let first = First {
                    place: place(entry),
                    digest: entry.file().and_then(|f| f.digest),
                    attributes: (entry.xattrs.clone(), entry.acl.clone()),
                    remaining: link.count.saturating_sub(1).max(1),
                };
                self.0.insert(link.group(), first);
            }
        }
    }

    /// For a later name of a file: which one it becomes a link to.
    pub(super) fn join(
        &mut self,
        changed: &mut Changed,
        place: impl FnOnce(&Entry) -> StoredPath,
    ) -> Result<Option<StoredPath>, Problem> {
        let Some(link) = changed.entry.file().and_then(|f| f.link) else { return Ok(None) };
        if changed.role != LinkRole::Later {
            self.met(&changed.entry, place);
            return Ok(None);
        }
        let read = changed.content;
        match self.0.get(&link.group()) {
            Some(first) if read.is_none() || read == first.digest => {
                let to = first.place.clone();
                if read.is_none() {
                    (changed.entry.xattrs, changed.entry.acl) = first.attributes.clone();
                }
                self.met(&changed.entry, place);
                Ok(Some(to))
            }
            _ if read.is_some() => {
                // Its group has other content or could not be read: it stands alone.
                if let Kind::File(file) = &mut changed.entry.kind {
                    file.link = None;
                    file.digest = read;
                }
                Ok(None)
            }
            _ => Err(Problem {
                kind: ProblemKind::List,
                path: changed.entry.path.clone(),
                source: io::Error::other("the first name of this file could not be read"),
            }),
        }
    }

    /// The first name of the group of `entry` will be in its place only when removals are done: until then its
    /// file is here.
    pub(in crate::backup) fn waits_at(&mut self, entry: &Entry, place: &StoredPath) {
        if let Some(first) = entry.file().and_then(|f| self.0.get_mut(&f.link?.group())) {
            first.place = place.clone();
        }
    }
}
