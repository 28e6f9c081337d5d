//! Staging: the work on one path, in any order and by many workers. New content goes to the staging
//! directory (in a first session to its place), old content to an increment; the mirror is not touched.
//!
//! Here it is found out what has become of a path. `read` and `large` bring what is new from the source, `content` puts it
//! in its place, `increment` and `sink` write what was there before.

mod content;
mod increment;
mod large;
mod passing;
mod read;
mod sink;

use super::doubt::source_gone;
use super::plan::{Action, Examine, LinkRole, Planned};
use super::shared::Shared;
use crate::delta::Encoder;
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, Problem, ProblemKind, Result};
use crate::path::RepoPathBuf;
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Recorded;
use crate::repo::put::{BUFFER, hash, make_special};
use crate::tree::{FileKind, Stat, means_source_gone};
use content::{Content, ReadContent};
use std::io;

/// Files up to this size, in bytes, are held in memory while they are worked on.
const SMALL: u64 = 1 << 20;
/// How often a file that changes while it is read is read again.
const TRIES: usize = 3;

/// What became of a path.
pub(super) enum Outcome {
    /// Nothing has changed; the entry may know its times better.
    Kept(Option<Box<Entry>>),
    /// It is new or has changed.
    Changed(Box<Changed>),
    /// It is gone; its last state is in an increment of so many bytes.
    Removed { increment: u64 },
    /// It can't be read: it stays as it was. So does all below a directory that something else replaced.
    Held { problem: Option<Problem>, with_all_below: bool },
}

/// The new state of a path.
pub(super) struct Changed {
    pub(super) entry: Entry,
    pub(super) role: LinkRole,
    pub(super) place: Place,
    /// The digest of what was read, for a file.
    pub(super) content: Option<Digest>,
    /// Bytes of the increment, if one was written.
    pub(super) increment: Option<u64>,
    /// It stands as an empty file for something that can't be made here.
    pub(super) problem: Option<Problem>,
}

/// Where the new state is.
pub(super) enum Place {
    /// In the staging directory.
    Staged(StoredPath),
    /// In the mirror already: a first session, or only attributes differ.
    Mirror,
    /// Nowhere yet: a directory, or a later name of a file.
    Nowhere,
}

/// Working memory of a worker.
#[derive(Default)]
pub(super) struct Tools {
    new: Vec<u8>,
    old: Vec<u8>,
    encoder: Encoder,
}

/// Why a file could not be staged.
enum StageError {
    /// Trouble with the source.
    Source(ProblemKind, io::Error),
    /// Trouble with the repository.
    Fatal(Error),
}

impl From<Error> for StageError {
    fn from(e: Error) -> Self {
        StageError::Fatal(e)
    }
}

impl Shared {
    /// Does the work on some paths, in their order.
    pub(super) fn stage_each(&self, mut chunk: Vec<Planned>) -> Vec<(Planned, Result<Outcome>)> {
        let mut tools = Tools::default();
        // Opened one by one as they are come to, but for sources that gain by knowing the next ones.
        let to_open = chunk.iter_mut().filter_map(|planned| self.to_open(planned));
        let paths: Vec<_> = to_open.map(|examine| examine.new.path.clone()).collect();
        let paths: Vec<_> = paths.iter().map(RepoPathBuf::as_path).collect();
        let mut files = self.source.open_each(&paths);
        let stage = |mut planned: Planned| {
            if let Some(examine) = self.to_open(&mut planned) {
                examine.opened = files.next();
            }
            let outcome = self.stage(&mut planned, &mut tools);
            (planned, outcome)
        };
        chunk.into_iter().map(stage).collect()
    }

    /// What is to be examined, if that begins with opening a file of the source.
    fn to_open<'p>(&self, planned: &'p mut Planned) -> Option<&'p mut Examine> {
        match &mut planned.action {
            Action::Examine(examine) if examine.stat.kind == FileKind::Regular => {
                (examine.role != LinkRole::Later || !self.is_first()).then_some(&mut **examine)
            }
            _ => None,
        }
    }

    /// Does the work on one path.
    ///
    /// # Errors
    /// What goes wrong in the repository.
    fn stage(&self, planned: &mut Planned, tools: &mut Tools) -> Result<Outcome> {
        match std::mem::replace(&mut planned.action, Action::Keep) {
            Action::Keep => Ok(Outcome::Kept(None)),
            Action::Hold(problem) => Ok(Outcome::Held { problem, with_all_below: false }),
            Action::Remove => {
                let Some(old) = &planned.old else { return Ok(Outcome::Kept(None)) };
                let increment = self.keep_old(old, None, tools)?;
                Ok(Outcome::Removed { increment })
            }
            Action::Examine(examine) => self.examine_or_hold(*examine, planned, tools),
        }
    }

    fn examine_or_hold(&self, examine: Examine, planned: &Planned, tools: &mut Tools) -> Result<Outcome> {
        let is_dir = examine.stat.is_dir();
        match self.examine(examine, planned.old.as_deref(), tools) {
            Ok(outcome) => Ok(outcome),
            Err(StageError::Fatal(e)) => Err(e),
            Err(StageError::Source(kind, source)) => {
                if means_source_gone(&source) {
                    return Err(source_gone(&*self.source, &planned.path, &source));
                }
                let was_dir = planned.old.as_ref().is_some_and(|old| old.entry.is_dir());
                let problem = Some(Problem { kind, path: planned.path.clone(), source });
                Ok(Outcome::Held { problem, with_all_below: was_dir && !is_dir })
            }
        }
    }

    fn examine(
        &self,
        examine: Examine,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        match examine.stat.kind {
            FileKind::Regular => self.examine_file(examine, old, tools),
            _ => self.examine_other(examine, old, tools),
        }
    }

    fn examine_other(
        &self,
        examine: Examine,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        let Examine { mut new, stat, role, looks_same, .. } = examine;
        let listing = |e| StageError::Source(ProblemKind::List, e);
        if let Kind::Symlink(target) = &mut new.kind {
            *target = self.source.read_link(new.path.as_path()).map_err(listing)?;
        }
        let mut problem = None;
        let was_dir = old.is_some_and(|o| o.entry.is_dir());
        match self.source.attributes(new.path.as_path(), &stat) {
            Ok(attributes) => (new.xattrs, new.acl) = attributes,
            // Better a new directory without them than all below it without a directory.
            Err(source) if stat.is_dir() && !was_dir && !means_source_gone(&source) => {
                problem = Some(Problem { kind: ProblemKind::List, path: new.path.clone(), source });
            }
            Err(e) => return Err(listing(e)),
        }
        if let Some(old) = old.filter(|_| looks_same)
            && old.entry.kind == new.kind
            && same_attributes(&old.entry, &new)
        {
            return Ok(Outcome::Kept(Some(Box::new(new))));
        }
        let increment = self.keep_previous(old, &new, &Content::Memory, None, tools)?;
        let place = if new.is_dir() {
            Place::Nowhere
        } else {
            let in_place = self.is_first();
            let place = if in_place { self.mirror(&new) } else { self.session.staged() };
            let made = self.retry_over(&place, || make_special(&*self.disk, &place, &new.kind))?;
            if !made {
                problem = Some(Problem {
                    kind: ProblemKind::SpecialFile,
                    path: new.path.clone(),
                    source: io::Error::from(io::ErrorKind::PermissionDenied),
                });
            }
            self.session.io(
                Doing::SetAttributes,
                &place,
                self.disk.set_attributes(&place, &self.for_mirror(&new)),
            )?;
            if in_place { Place::Mirror } else { Place::Staged(place) }
        };
        Ok(Outcome::Changed(Box::new(Changed { entry: new, role, place, content: None, increment, problem })))
    }

    fn examine_file(
        &self,
        examine: Examine,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        let Examine { mut new, stat, role, looks_same, doubt_content, mut opened } = examine;
        let listing = |e| StageError::Source(ProblemKind::List, e);
        if role == LinkRole::Later && self.is_first() {
            return Ok(Outcome::Changed(Box::new(Changed {
                entry: new,
                role,
                place: Place::Nowhere,
                content: None,
                increment: None,
                problem: None,
            })));
        }
        let mut stat = stat;
        // What is read in any case, and in no time, may be compared with the walk's stat when that is done.
        let by_walk = !self.is_first() && (doubt_content || !looks_same) && stat.size <= SMALL;
        for attempt in 0..TRIES + usize::from(by_walk) {
            let file = opened.take().unwrap_or_else(|| self.source.open(new.path.as_path()));
            let mut file = file.map_err(listing)?;
            let by_walk = by_walk && attempt == 0;
            let now = if self.is_first() || by_walk { stat } else { file.stat().map_err(listing)? };
            if now.kind != FileKind::Regular {
                break;
            }
            if now != stat {
                self.adopt(&mut new, &now);
            }
            (new.xattrs, new.acl) = file.attributes().map_err(listing)?;
            if let Some(old) = old.filter(|_| looks_same && !doubt_content)
                && same_attributes(&old.entry, &new)
                && old.entry.size() == now.size
                && old.entry.attrs.mtime == Some(now.mtime.0)
            {
                return Ok(Outcome::Kept(Some(Box::new(new))));
            }
            let read = self.read_content(&mut *file, &new, &now, old, tools)?;
            let after = file.stat().map_err(listing)?;
            let steady = (after.size, after.mtime, after.ctime) == (now.size, now.mtime, now.ctime)
                && read.size == now.size
                && (!by_walk || after.is_still(&now));
            if steady {
                return self.settle(new, role, looks_same, read, old, tools);
            }
            self.discard(read.content)?;
            self.adopt(&mut new, &after);
            stat = after;
        }
        let changed =
            io::Error::other("it changed each time that it was read; its last good version is kept");
        Err(StageError::Source(ProblemKind::Update, changed))
    }

    /// Takes over what a newer stat of the same path says.
    fn adopt(&self, new: &mut Entry, stat: &Stat) {
        if let Kind::File(file) = &mut new.kind {
            file.size = stat.size;
        }
        new.attrs.mtime = Some(stat.mtime.0);
        new.attrs.mode = stat.mode;
        new.attrs.uid = stat.uid;
        new.attrs.gid = stat.gid;
        new.attrs.uname = self.source.user_name(stat.uid);
        new.attrs.gname = self.source.group_name(stat.gid);
        if let Some(precise) = &mut new.precise {
            precise.mtime = stat.mtime;
            precise.unchanged_while = None;
        }
    }

    /// Compares what was read with the record, and writes what has changed.
    fn settle(
        &self,
        mut new: Entry,
        role: LinkRole,
        looks_same: bool,
        read: ReadContent,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Outcome, StageError> {
        let old_digest = old.and_then(|o| o.entry.file()).and_then(|f| f.digest);
        let same_content = match (&read.content, old_digest) {
            (Content::SameAsMirror, _) => true,
            (_, Some(digest)) => digest == read.digest,
            // Later names of a file are recorded without a digest.
            (_, None) => self.mirror_holds(old, &read, tools)?,
        };
        if let Kind::File(file) = &mut new.kind {
            file.digest = (role != LinkRole::Later).then_some(read.digest);
        }
        if let Some(old) = old.filter(|_| looks_same && same_content)
            && same_attributes(&old.entry, &new)
        {
            self.discard(read.content)?;
            return Ok(Outcome::Kept(Some(Box::new(new))));
        }
        // Only attributes differ, and the mirror file has no other name that would change with it.
        let alone = old.is_some_and(|o| o.entry.file().is_some_and(|f| f.link.is_none()));
        let in_place = same_content && alone && role == LinkRole::Single;
        let digest = read.digest;
        let increment = self.keep_previous(old, &new, &read.content, Some(digest), tools)?;
        let place = if in_place {
            self.discard(read.content)?;
            Place::Mirror
        } else {
            self.put(read, &new, old, tools)?
        };
        Ok(Outcome::Changed(Box::new(Changed {
            entry: new,
            role,
            place,
            content: Some(digest),
            increment,
            problem: None,
        })))
    }

    /// Has the mirror file of the last session this content?
    fn mirror_holds(&self, old: Option<&Recorded>, read: &ReadContent, tools: &mut Tools) -> Result<bool> {
        let Some(old) = old.filter(|o| o.entry.file().is_some_and(|f| f.size == read.size)) else {
            return Ok(false);
        };
        let Some((file, _)) = self.old_content(&old.entry)? else { return Ok(false) };
        tools.old.resize(BUFFER, 0);
        let found = hash(&mut self.stop.over(old.entry.path.as_path(), file), &mut tools.old);
        let (found, _) = self.session.io(Doing::Read, &self.mirror(&old.entry), found)?;
        Ok(found == read.digest)
    }
}

/// Are attributes and access control lists the same?
pub(super) fn same_attributes(old: &Entry, new: &Entry) -> bool {
    old.xattrs.same(&new.xattrs) && old.acl == new.acl
}
