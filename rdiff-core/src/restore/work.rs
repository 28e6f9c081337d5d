//! The work on one path: files are rebuilt and attributes set, in any order, by the pool.

use super::plan::{Job, Work};
use crate::entry::{Digest, Entry};
use crate::error::{Doing, Error, IoContext, Problem, ProblemKind, Refusal, Result};
use crate::monitor::{Counter, Stop};
use crate::pool::Helpers;
use crate::repo::Repository;
use crate::repo::disk::Disk;
use crate::repo::increments::{Base, Chain, Increments, MOST_WAYS};
use crate::repo::layout::StoredPath;
use crate::repo::put::{BUFFER, CopyError, HASHED_APART, copy_large, copy_sparse, hash_with, make_special};
use crate::time::SessionTime;
use crate::tree::attrs::Ownership;
use crate::tree::caps::Capabilities;
use std::io;
use std::sync::Arc;

/// A job after the work, as far as that doesn't depend on order.
pub(super) struct Done {
    pub(super) job: Job,
    pub(super) problem: Option<Problem>,
    pub(super) unchanged: bool,
}

/// Working memory of a worker.
pub(super) struct Tools {
    pub(super) buf: Vec<u8>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { buf: vec![0; BUFFER] }
    }
}

pub(super) struct Worker {
    pub(super) repo: Arc<Repository>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) ownership: Ownership,
    pub(super) caps: Capabilities,
    pub(super) at: SessionTime,
    /// The last good session, if the one after it failed: its increments may be there without need.
    pub(super) interrupted: Option<SessionTime>,
    pub(super) never_drop_acls: bool,
    pub(super) stop: Stop,
    pub(super) helpers: Helpers,
}

impl Worker {
    pub(super) fn run(&self, job: Job, tools: &mut Tools) -> Result<Done> {
        if self.never_drop_acls
            && let Some(name) = self.ownership.unknown_name(&job.entry)
        {
            return Err(Refusal::UnknownNameInAcl { name: name.to_vec(), path: job.entry.path }.into());
        }
        let shown = self.disk.root().path_of(job.place.as_bytes());
        let mut unchanged = false;
        let problem = match &job.work {
            Work::Directory | Work::Link { .. } => None,
            Work::Lost(why) => Some(problem(ProblemKind::List, &job.entry, why)),
            Work::Attributes => {
                unchanged = true;
                self.set_attributes(&job)?;
                None
            }
            Work::Special => {
                let made = make_special(&*self.disk, &job.place, &job.entry.kind)
                    .while_doing(Doing::Create, &shown)?;
                self.set_attributes(&job)?;
                (!made).then(|| problem(ProblemKind::SpecialFile, &job.entry, "it may not be made here"))
            }
            Work::Content { there: Some(stat), digest: Some(digest), .. }
                if stat.size == job.entry.size()
                    && self.is_content(&job.entry, &job.place, *digest, tools) =>
            {
                unchanged = true;
                self.set_attributes(&job)?;
                None
            }
            Work::Content { chain, is_shortened, there, digest } => {
                let problem = self.content(&job, chain, there.is_some(), *digest, tools)?;
                match problem {
                    Some(_) if *is_shortened => {
                        match Increments::new(&self.repo).chain(&job.entry, self.at) {
                            Ok(whole) => self.content(&job, &whole, there.is_some(), *digest, tools)?,
                            Err(_) => problem,
                        }
                    }
                    other => other,
                }
            }
        };
        Ok(Done { job, problem, unchanged })
    }

    pub(super) fn set_attributes(&self, job: &Job) -> Result<()> {
        let applied = self.ownership.applied(&job.entry, &self.caps);
        let shown = self.disk.root().path_of(job.place.as_bytes());
        self.disk.set_attributes(&job.place, &applied).while_doing(Doing::SetAttributes, shown)
    }

    /// Has the file in the target this content already?
    pub(super) fn is_content(
        &self,
        entry: &Entry,
        place: &StoredPath,
        digest: Digest,
        tools: &mut Tools,
    ) -> bool {
        let Ok(file) = self.disk.root().open_file(place.as_bytes()) else { return false };
        let mut content = self.stop.over(entry.path.as_path(), file);
        hash_with(&mut content, entry.size(), &mut tools.buf, &self.helpers)
            .is_ok_and(|(found, _)| found == digest)
    }

    /// Rebuilds a file. What can't be rebuilt is a problem of this path; the job goes on.
    pub(super) fn content(
        &self,
        job: &Job,
        chain: &Chain,
        replaces: bool,
        digest: Option<Digest>,
        tools: &mut Tools,
    ) -> Result<Option<Problem>> {
        let mut last = None;
        let mirror = self.repo.layout().mirror(job.entry.path.as_path(), job.entry.long_name.as_ref());
        let mut ways = chain.candidates(&mirror, self.interrupted);
        for _ in 0..MOST_WAYS {
            for chain in &ways {
                match self.rebuild(job, chain, replaces, digest, tools)? {
                    None => return Ok(None),
                    problem => last = problem,
                }
            }
            match self.repo.ways_to(&job.entry, self.at) {
                Ok(now) if now != ways => ways = now,
                _ => break,
            }
        }
        Ok(last)
    }

    /// Rebuilds a name of a file from what there is for this name alone.
    pub(super) fn by_itself(&self, job: &Job, digest: Option<Digest>) -> Result<Option<Problem>> {
        match Increments::new(&self.repo).chain(&job.entry, self.at) {
            Ok(chain) => self.content(job, &chain, false, digest, &mut Tools::default()),
            Err(e) => Ok(Some(problem(ProblemKind::List, &job.entry, crate::error::chain(&e)))),
        }
    }

    pub(super) fn path_of_base(&self, base: &Base) -> std::path::PathBuf {
        match base {
            Base::Mirror(place) => self.repo.path_of(place),
            Base::Snapshot(increment) => self.repo.path_of(&increment.place),
        }
    }

    /// Makes a file of its own of what can't be another name of a file restored before.
    pub(super) fn copy_first(&self, first: &StoredPath, job: &Job) -> Result<()> {
        let root = self.disk.root();
        let from = root.path_of(first.as_bytes());
        let shown = root.path_of(job.place.as_bytes());
        let content = root.open_file(first.as_bytes()).while_doing(Doing::Open, &from)?;
        let mut content = self.stop.over(job.entry.path.as_path(), content);
        let mut file = self.disk.create(&job.place).while_doing(Doing::Create, &shown)?;
        match copy_sparse(&mut content, &mut *file, u64::MAX, &mut Tools::default().buf) {
            Err(CopyError::Read(e)) => Err(e).while_doing(Doing::Read, &from)?,
            Err(CopyError::Write(e)) => Err(e).while_doing(Doing::Write, &shown)?,
            Err(CopyError::TooLong) | Ok(_) => {}
        }
        let applied = self.ownership.applied(&job.entry, &self.caps);
        file.set_attributes(&applied).while_doing(Doing::SetAttributes, shown)
    }

    pub(super) fn rebuild(
        &self,
        job: &Job,
        chain: &Chain,
        replaces: bool,
        digest: Option<Digest>,
        tools: &mut Tools,
    ) -> Result<Option<Problem>> {
        let entry = &job.entry;
        let mut content = match self.repo.open_chain_until(&self.stop, entry, chain, self.at) {
            Ok(content) => self.stop.over(entry.path.as_path(), content).telling(Counter::BytesWritten),
            Err(e) => return Ok(Some(problem(ProblemKind::List, entry, crate::error::chain(&e)))),
        };
        let shown = self.disk.root().path_of(job.place.as_bytes());
        let beside = if replaces { temporary(&job.place) } else { job.place.clone() };
        let mut file = match self.disk.create(&beside) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.unlink(&beside).while_doing(Doing::Remove, &shown)?;
                self.disk.create(&beside)
            }
            other => other,
        }
        .while_doing(Doing::Create, &shown)?;
        let copied = if entry.size() > HASHED_APART {
            copy_large(&mut content, &mut *file, entry.size(), &self.helpers)
        } else {
            copy_sparse(&mut content, &mut *file, entry.size(), &mut tools.buf)
        };
        let copied = match copied {
            Ok(copied) => copied,
            Err(CopyError::Write(e)) => {
                // Only a whole file may stand under its name.
                self.disk.unlink(&beside).while_doing(Doing::Remove, &shown)?;
                return Err(Error::Io { doing: Doing::Write, path: shown, source: e });
            }
            Err(e) => {
                self.disk.unlink(&beside).while_doing(Doing::Remove, &shown)?;
                let why = match e {
                    CopyError::Read(e) => format!("{}: {e}", self.path_of_base(&chain.base).display()),
                    _ => "there is more of it than its record says".to_owned(),
                };
                return Ok(Some(problem(ProblemKind::List, entry, why)));
            }
        };
        let applied = self.ownership.applied(entry, &self.caps);
        let set = file.set_attributes(&applied).while_doing(Doing::SetAttributes, &shown);
        if replaces {
            let rename = || self.disk.rename(&beside, &job.place).while_doing(Doing::Rename, &shown);
            if let Err(e) = set.and_then(|()| rename()) {
                // What was there before stays, and nothing of ours beside it.
                drop(self.disk.unlink(&beside));
                return Err(e);
            }
        } else {
            set?;
        }
        if digest.is_some_and(|d| d != copied.digest) || copied.length != entry.size() {
            return Ok(Some(problem(
                ProblemKind::Update,
                entry,
                "its content is not what was backed up (size or SHA-1 differ); the repository is damaged here",
            )));
        }
        Ok(None)
    }
}

/// Has a file no room for another name, or its file system for any?
pub(super) fn can_not_be_linked(e: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, TooManyLinks, Unsupported};
    matches!(e.kind(), PermissionDenied | TooManyLinks | Unsupported)
}

pub(super) fn problem(kind: ProblemKind, entry: &Entry, why: impl Into<String>) -> Problem {
    Problem { kind, path: entry.path.clone(), source: io::Error::other(why.into()) }
}

/// A name beside a file of the target.
pub(super) fn temporary(place: &StoredPath) -> StoredPath {
    place.parent().listed(
        format!(".rdiff-backup.tmp.{}", crate::repo::put::digest_of(place.name()).to_hex()).as_bytes(),
    )
}
