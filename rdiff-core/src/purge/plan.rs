//! Finding all traces of a path.

use super::ancestors;
use super::filter::{Filter, Found, Rewrite};
use super::links::{self, Groups};
use super::side::{Amendments, SideKind, SidePlan};
use crate::entry::LongName;
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::monitor::Stop;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::increments::IncrementDir;
use crate::repo::layout::{LONG_NAMES, StoredPath, TooLong};
use crate::repo::metadata::Detail;
use crate::repo::{DataFile, Repository};
use crate::time::SessionTime;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PurgeReport {
    /// Records, lines and entries about the path or what was below it, in all files together.
    pub records: u64,
    /// Files of the data directory that were written anew.
    pub rewritten: u64,
    /// Increments of the path itself that were deleted; those of what was below it are not counted.
    pub increments: u64,
    /// Was it in the mirror?
    pub was_in_mirror: bool,
}

/// What a purge has to do, found by reading alone.
#[derive(Clone, Debug)]
pub struct PurgePlan {
    pub(super) path: RepoPathBuf,
    pub(super) side_files: Vec<SidePlan>,
    pub(super) mirror: Vec<StoredPath>,
    /// The directory that the path was in, with the time that it is to keep.
    pub(super) parent: Option<(StoredPath, i64)>,
    pub(super) increments: Vec<StoredPath>,
    pub(super) increment_dir: Option<StoredPath>,
    pub(super) long_increments: Vec<StoredPath>,
    /// What a purge that was stopped left under numbers.
    pub(super) orphans: Vec<StoredPath>,
}

impl PurgePlan {
    /// Finds all traces of `path` in `repo`.
    ///
    /// # Errors
    /// [`Refusal::PurgeOfRoot`]; [`Error::Interrupted`]; [`Error::NoSuchSession`] if there is none yet;
    /// [`Error::Corrupt`] when a file that would have to be written anew can't be read; [`Error::Io`].
    pub fn new(repo: &Arc<Repository>, path: RepoPath<'_>) -> Result<Self> {
        Self::until(&Stop::default(), repo, path)
    }

    pub(super) fn until(stop: &Stop, repo: &Arc<Repository>, path: RepoPath<'_>) -> Result<Self> {
        if path.is_root() {
            return Err(Refusal::PurgeOfRoot { repository: repo.path().to_path_buf() }.into());
        }
        let newest = repo.clean_mirror()?;
        let (side_files, found) = scan(stop, repo, path)?;
        let mut plan = Self {
            path: path.to_owned(),
            side_files,
            mirror: Vec::new(),
            parent: None,
            increments: Vec::new(),
            increment_dir: None,
            long_increments: Vec::new(),
            orphans: Vec::new(),
        };
        if !found.groups.is_empty() {
            links::amend(repo, path, &Groups::new(found.groups.clone()), &mut plan.side_files)?;
        }
        if found.is_deep {
            ancestors::complete(repo, path, &mut plan.side_files)?;
        }
        plan.find_files(repo, &found)?;
        plan.parent = parent(repo, path, newest)?;
        Ok(plan)
    }

    /// All files of the data directory that name paths, also those in which nothing is to be done, oldest first.
    pub fn side_files(&self) -> &[SidePlan] {
        &self.side_files
    }

    /// The increments of the path itself, and of names below it that are too long to stand in their place; also
    /// what a purge that was stopped left of those.
    pub fn increments(&self) -> impl Iterator<Item = &StoredPath> {
        self.long_increments.iter().chain(&self.orphans).chain(&self.increments)
    }

    /// Is there no trace of the path at all?
    pub fn is_empty(&self) -> bool {
        self.mirror.is_empty()
            && self.increment_dir.is_none()
            && self.increments().next().is_none()
            && self.side_files.iter().all(|f| f.records == 0)
    }

    fn find_files(&mut self, repo: &Repository, found: &Found) -> Result<()> {
        let (layout, path) = (repo.layout(), self.path.as_path());
        let exists = |place: &StoredPath| {
            let found = repo.root().find(place.as_bytes());
            Ok::<_, Error>(found.while_doing(Doing::Stat, repo.path_of(place))?.is_some())
        };
        let mut mirror = Vec::new();
        if layout.too_long(path) != Some(TooLong::Mirror) {
            mirror.push(layout.mirror(path, None));
            let dir = layout.increments_in(path);
            if exists(&dir)? {
                self.increment_dir = Some(dir);
            }
            let (dir, base) = layout.increment_base(path, None);
            let base = layout.quoting().unquote(&base).into_owned();
            let own = repo.increments_in(&dir)?.remove(&base).unwrap_or_default();
            self.increments = own.into_iter().map(|i| i.place).collect();
        }
        let long = StoredPath::fixed(LONG_NAMES);
        let mut in_long = repo.increments_in(&long)?;
        if !found.is_unsure && self.tells_of_all_sessions(repo)? {
            self.find_orphans(repo, found, &in_long)?;
        }
        for name in found.long_names.iter().map(LongName::number) {
            self.long_increments
                .extend(in_long.remove(name).unwrap_or_default().into_iter().map(|i| i.place));
            mirror.push(long.listed(name));
        }
        for place in mirror {
            if exists(&place)? {
                self.mirror.push(place);
            }
        }
        Ok(())
    }

    /// Is there metadata of every session? Then a number that no record has belongs to nothing.
    fn tells_of_all_sessions(&self, repo: &Repository) -> Result<bool> {
        let metadata = self.side_files.iter().filter(|f| f.kind == SideKind::Metadata);
        let told: BTreeSet<SessionTime> = metadata.map(|f| f.file.time).collect();
        Ok(repo.sessions()?.iter().all(|t| told.contains(t)))
    }

    /// Finds what stands under numbers that no record has, in the mirror and as increments.
    fn find_orphans(&mut self, repo: &Repository, found: &Found, in_long: &IncrementDir) -> Result<()> {
        let long = StoredPath::fixed(LONG_NAMES);
        let is_orphan = |name: &[u8]| {
            !name.is_empty()
                && name.iter().all(u8::is_ascii_digit)
                && !found.numbers_of_others.contains(name)
                && !found.long_names.iter().any(|n| n.number() == name)
        };
        let increments = in_long.iter().filter(|(number, _)| is_orphan(number));
        self.orphans.extend(increments.flat_map(|(_, found)| found).map(|i| i.place.clone()));
        let names = match repo.root().list(long.as_bytes()) {
            Err(e) if crate::tree::is_absent(&e) => return Ok(()),
            other => other.while_doing(Doing::List, repo.path_of(&long))?,
        };
        let mirror = names.iter().filter(|name| is_orphan(name));
        self.orphans.extend(mirror.map(|name| long.listed(name)));
        Ok(())
    }

    /// What it would do, or has done.
    pub fn report(&self) -> PurgeReport {
        let [others, _, metadata] = self.steps();
        PurgeReport {
            records: self.side_files.iter().map(|f| f.records).sum(),
            rewritten: (others.len() + metadata.len()) as u64,
            increments: self.increments().count() as u64,
            was_in_mirror: !self.mirror.is_empty(),
        }
    }

    /// What is written anew, in the order of steps 1 to 3.
    pub(super) fn steps(&self) -> [Vec<(&SidePlan, Rewrite)>; 3] {
        let is_wanted = |f: &&SidePlan| f.records > 0 || !f.amendments.is_empty();
        let metadata = || self.side_files.iter().rev().filter(|f| f.kind == SideKind::Metadata);
        let others = self.side_files.iter().filter(|f| f.kind != SideKind::Metadata);
        [
            others.filter(is_wanted).map(|f| (f, Rewrite::Without)).collect(),
            metadata().filter(|f| !f.above.is_empty()).map(|f| (f, Rewrite::WithAbove)).collect(),
            metadata().filter(is_wanted).map(|f| (f, Rewrite::Without)).collect(),
        ]
    }
}

/// The directory above a path in the mirror, and the time that the newest session has for it.
fn parent(repo: &Repository, path: RepoPath<'_>, newest: SessionTime) -> Result<Option<(StoredPath, i64)>> {
    let Some(above) = path.parent() else { return Ok(None) };
    let Some(recorded) = repo.metadata_at(newest, above, Detail::Records)?.next().transpose()? else {
        return Ok(None);
    };
    let entry = recorded.entry;
    let place = repo.layout().mirror(above, entry.long_name.as_ref());
    Ok(entry.attrs.mtime.filter(|_| entry.is_dir() && entry.path.as_path() == above).map(|t| (place, t)))
}

/// Reads all side files, and says which of them name the path.
fn scan(stop: &Stop, repo: &Arc<Repository>, path: RepoPath<'_>) -> Result<(Vec<SidePlan>, Found)> {
    let mut files: Vec<(DataFile, SideKind)> =
        repo.data_files()?.into_iter().filter_map(|f| SideKind::of(&f.base).map(|kind| (f, kind))).collect();
    // Of a snapshot and a diff of one session, the snapshot is what is read, and counts as the newer one.
    files.sort_by_key(|(f, _)| (f.time, Reverse(f.kind), f.base.clone()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let pool = Arc::new(Pool::new(workers));
    let (shared, path, stop) = (Arc::clone(repo), path.to_owned(), stop.clone());
    let scanned = pool.map_ordered(files.into_iter(), 2 * workers, move |(file, kind)| {
        let mut found = Found::default();
        Filter { repo: &shared, path: path.as_path(), file: &file, kind, stop: &stop }.scan(&mut found)?;
        Ok::<_, Error>((file, kind, found))
    });
    let (mut all, mut side_files) = (Found::default(), Vec::new());
    for scanned in scanned {
        let (file, kind, found) = scanned?;
        side_files.push(SidePlan {
            place: file.place.clone(),
            records: found.records,
            file,
            kind,
            amendments: Amendments::default(),
            above: Amendments::default(),
        });
        all.long_names.extend(found.long_names);
        all.numbers_of_others.extend(found.numbers_of_others);
        all.is_unsure |= found.is_unsure;
        all.groups.extend(found.groups);
        all.is_deep |= found.is_deep;
    }
    Ok((side_files, all))
}
