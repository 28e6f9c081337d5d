//! Increments of a path, and the chain that leads to its content at one session.
//!
//! An increment is named for the session whose state it *holds*, not for the one that wrote it.
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::diff::entry_at;
//! use rdiff_core::repo::increments::{Base, Chain, Increment, Increments, Listed};
//! use rdiff_core::repo::rebuild::{BaseFile, FileContent};
//! use std::io::Read;
//!
//! let (note, oldest) = (RepoPath::new(b"note")?, repo.sessions()?[0]);
//! let mut increments = Increments::going_on(&repo, Listed::default());
//! let of_note: &[Increment] = increments.of(note, None)?;
//! assert_eq!(of_note[0].time, oldest);
//!
//! let entry = entry_at(&repo, note, oldest)?.expect("it was there");
//! let chain: Chain = increments.chain(&entry, oldest)?;
//! println!("{} deltas over {}", chain.deltas.len(), match chain.base {
//!     Base::Mirror(_) => "the mirror file",
//!     Base::Snapshot(_) => "a whole increment",
//! });
//! let mut content: FileContent = repo.open_chain(&entry, &chain, oldest)?;
//! let mut text = String::new();
//! content.read_to_string(&mut text)?;
//! assert_eq!(text, "first");
//! # fn named(_: BaseFile) {}
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::Repository;
use super::layout::{LONG_NAMES, StoredPath};
use super::put::digest_of;
use crate::entry::{Entry, LongName};
use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::{IncrementKind, TimedName};
use crate::path::RepoPath;
use crate::time::SessionTime;
use std::collections::HashMap;

/// An increment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment {
    /// The session whose state it holds.
    pub time: SessionTime,
    /// What it holds.
    pub kind: IncrementKind,
    /// Is its content gzipped?
    pub gzipped: bool,
    /// Where it is.
    pub place: StoredPath,
}

/// The increments in one directory, by what their names begin with (unquoted), oldest first.
pub type IncrementDir = HashMap<Vec<u8>, Vec<Increment>>;

impl Repository {
    /// All increments in a directory of increments; none if it isn't there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn increments_in(&self, dir: &StoredPath) -> Result<IncrementDir> {
        let mut found = IncrementDir::new();
        let names = match self.root().list_kinds(dir.as_bytes()) {
            Err(e) if crate::tree::is_absent(&e) => return Ok(found),
            other => other.while_doing(Doing::List, self.path_of(dir))?,
        };
        for (name, is_dir) in names {
            // A directory of the source can be named like an increment; an increment is never a directory.
            if is_dir {
                continue;
            }
            let unquoted = self.layout().quoting().unquote(&name);
            let Some(parsed) = TimedName::parse(&unquoted) else { continue };
            let increment = Increment {
                time: parsed.time,
                kind: parsed.kind,
                gzipped: parsed.gzipped,
                place: dir.listed(&name),
            };
            found.entry(parsed.base.to_vec()).or_default().push(increment);
        }
        for increments in found.values_mut() {
            increments.sort_by_key(|i| i.time);
        }
        Ok(found)
    }
}

/// Finds increments of one path after the other. Remembers the directory it looked at last.
pub struct Increments<'r> {
    repo: &'r Repository,
    listed: Listed,
}

/// What [`Increments`] remembers, for one that goes on where another ended.
#[derive(Debug, Default)]
pub struct Listed {
    dir: Option<(StoredPath, IncrementDir)>,
    long: Option<IncrementDir>,
}

impl<'r> Increments<'r> {
    /// Finds increments of `repo`.
    pub fn new(repo: &'r Repository) -> Self {
        Self::going_on(repo, Listed::default())
    }

    /// The same, with what another one of the same repository remembered.
    pub fn going_on(repo: &'r Repository, listed: Listed) -> Self {
        Self { repo, listed }
    }

    /// What it remembers.
    pub fn into_listed(self) -> Listed {
        self.listed
    }

    /// The increments of a path, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(&mut self, path: RepoPath<'_>, long: Option<&LongName>) -> Result<&[Increment]> {
        let (dir, base) = self.repo.layout().increment_base(path, long);
        let base = self.repo.layout().quoting().unquote(&base).into_owned();
        let listed = &mut self.listed;
        let found = if dir.as_bytes() == LONG_NAMES.as_bytes() {
            match &mut listed.long {
                Some(found) => found,
                empty => empty.insert(self.repo.increments_in(&dir)?),
            }
        } else {
            if listed.dir.as_ref().is_none_or(|(at, _)| *at != dir) {
                let found = self.repo.increments_in(&dir)?;
                listed.dir = Some((dir, found));
            }
            match &listed.dir {
                Some((_, found)) => found,
                None => return Ok(&[]),
            }
        };
        Ok(found.get(&base).map_or(&[], Vec::as_slice))
    }

    /// What to read for the content of a regular file as it was at `time`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] when the increments say that it was no regular file.
    pub fn chain(&mut self, entry: &Entry, time: SessionTime) -> Result<Chain> {
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let repo = self.repo;
        let mut deltas = Vec::new();
        for increment in
            self.of(entry.path.as_path(), entry.long_name.as_ref())?.iter().filter(|i| i.time >= time)
        {
            match increment.kind {
                IncrementKind::Diff => deltas.push(increment.clone()),
                IncrementKind::Snapshot => {
                    return Ok(Chain { base: Base::Snapshot(increment.clone()), deltas });
                }
                IncrementKind::Data => {}
                IncrementKind::Dir | IncrementKind::Missing => {
                    return Err(Error::Corrupt {
                        file: repo.path_of(&increment.place),
                        line: None,
                        source: crate::error::FormatError::Other(format!(
                            "an increment says that {} was no file, metadata say that it was",
                            entry.path
                        )),
                    });
                }
            }
        }
        Ok(Chain { base: Base::Mirror(mirror), deltas })
    }
}

impl Repository {
    /// The ways to a file's content as things stand now, the likeliest first. A writer beside us puts the
    /// increment of a path in its place before it changes the path; so who finds something else than was
    /// recorded asks again, and only believes it when nothing has come to that meanwhile.
    ///
    /// # Errors
    /// As [`Increments::chain`].
    pub(crate) fn ways_to(&self, entry: &Entry, time: SessionTime) -> Result<Vec<Chain>> {
        let interrupted = self.failed_after()?;
        let mirror = self.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        Ok(Increments::new(self).chain(entry, time)?.candidates(&mirror, interrupted))
    }
}

/// Does the record alone tell the content?
pub(crate) fn is_surely_empty(entry: &Entry) -> bool {
    entry.file().is_some_and(|f| f.size == 0 && f.digest.is_none_or(|digest| digest == digest_of(b"")))
}

/// How often a reader asks anew what leads to a content, while a writer is at work.
pub(crate) const MOST_WAYS: usize = 20;

/// Where the content of a file at a session comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Whole content to begin with.
    pub base: Base,
    /// What leads from it to the wanted content, in order of time: the last is applied first.
    pub deltas: Vec<Increment>,
}

impl Chain {
    /// This chain, and, where the session after `good` failed, the one without what that session wrote: its
    /// increment may be there while the mirror file is still the old one. The recorded digest decides.
    pub fn candidates(&self, mirror: &StoredPath, failed_after: Option<SessionTime>) -> Vec<Chain> {
        let mut chains = vec![self.clone()];
        let Some(good) = failed_after else { return chains };
        let mut without = |deltas: &[Increment]| {
            chains.push(Chain { base: Base::Mirror(mirror.clone()), deltas: deltas.to_vec() });
        };
        match (&self.base, self.deltas.split_last()) {
            (Base::Snapshot(increment), _) if increment.time == good => without(&self.deltas),
            (Base::Mirror(_), Some((last, others))) if last.time == good => without(others),
            _ => {}
        }
        chains
    }

    /// The files that it reads, the base first.
    pub fn files(&self) -> impl Iterator<Item = &StoredPath> {
        let base = match &self.base {
            Base::Mirror(place) => place,
            Base::Snapshot(increment) => &increment.place,
        };
        std::iter::once(base).chain(self.deltas.iter().rev().map(|d| &d.place))
    }
}

/// Whole content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The mirror file.
    Mirror(StoredPath),
    /// A snapshot increment.
    Snapshot(Increment),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_failed_session_wrote_is_left_out() {
        let mirror = StoredPath::fixed("f");
        let diff = |time, kind| Increment {
            time: SessionTime(time),
            kind,
            gzipped: false,
            place: StoredPath::fixed("rdiff-backup-data/increments/f").listed(&[time as u8]),
        };
        let (first, second) = (diff(1, IncrementKind::Diff), diff(2, IncrementKind::Diff));
        let chain = Chain { base: Base::Mirror(mirror.clone()), deltas: vec![first.clone(), second] };
        let candidates = |chain: &Chain, good: Option<i64>| chain.candidates(&mirror, good.map(SessionTime));
        let as_it_is = std::slice::from_ref(&chain);
        assert_eq!(candidates(&chain, None), as_it_is);
        assert_eq!(candidates(&chain, Some(3)), as_it_is);
        let without = Chain { base: Base::Mirror(mirror.clone()), deltas: vec![first.clone()] };
        let both = candidates(&chain, Some(2));
        assert_eq!((&both[..1], &both[1]), (as_it_is, &without));
        let base = Base::Snapshot(diff(2, IncrementKind::Snapshot));
        let whole = Chain { base, deltas: vec![first] };
        assert_eq!(candidates(&whole, Some(2))[1], without);
        assert_eq!(whole.files().count(), 2);
    }
}
