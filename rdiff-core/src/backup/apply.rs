//! Recording and applying, in path order and by one thread: records of the new session, the diff of the old
//! one, and batches of changes to the mirror behind barriers.

use super::plan::{LinkRole, Planned};
use super::stage::{Changed, Outcome, Place};
use super::{BackupRequest, Shared};
use crate::entry::{Acl, Digest, Entry, Kind, OwnerNames, Precise, Xattrs};
use crate::error::{Doing, Problem, ProblemKind, Result};
use crate::format::attrs::{write_absent, write_record};
use crate::format::index::IndexWriter;
use crate::format::names::IncrementKind;
use crate::format::stats::{
    FileStatistics, SessionStatistics, error_log_line, file_statistics_head, file_statistics_line,
};
use crate::format::{acls, xattrs};
use crate::merge::AtPath;
use crate::monitor::{Counter, Event, Monitor, PathDone, Phase};
use crate::nest::Nest;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::disk::{Disk, ignore_absent, make_dirs, remove_all};
use crate::repo::gz::SideFile;
use crate::repo::layout::{LONG_NAMES, StoredPath};
use crate::repo::metadata::Recorded;
use crate::repo::pieces::KeptPieces;
use crate::repo::{DataFile, Repository};
use crate::tree::attrs::Applied;
use crate::tree::source::SourceGuard;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

/// A change of the mirror that waits for a barrier.
enum Op {
    /// A staged file takes its place.
    Put { from: StoredPath, to: StoredPath },
    /// A directory is made, where something else may stand.
    MakeDir { to: StoredPath, over: bool },
    /// Only attributes change, or of them only the time.
    SetAttributes { entry: Box<Entry>, only_time: bool },
    /// A file becomes another name of the first of its group.
    Link { first: StoredPath, to: StoredPath },
}

/// A change that takes something away. These come last of all, the innermost first.
enum Removal {
    File(StoredPath),
    Dir(StoredPath),
    /// A staged file takes the place of a directory, once that is empty.
    PutOverDir {
        from: StoredPath,
        to: StoredPath,
    },
}

/// So many changes wait at most before a batch is applied,
const BATCH: usize = 50_000;
/// or so many bytes of staged files.
const BATCH_BYTES: u64 = 2 << 30;
/// How often a closed directory is opened up for one operation: a worker that reads below it closes it again.
const OPENINGS: usize = 4;

/// A directory on the way to the present path.
struct Dir {
    /// Its state in the previous session, if it was a directory then.
    old: Option<Entry>,
    /// Its state now, if it is a directory now.
    now: Option<Entry>,
    /// Was its increment written?
    has_increment: bool,
    /// Do its attributes have to be set?
    touched: bool,
}

impl Dir {
    /// Has the mirror all its attributes already, but for the time?
    fn only_time(&self) -> bool {
        matches!((&self.old, &self.now), (Some(old), Some(now)) if same_but_time(old, now))
    }
}

/// The first name of a group of hard links, once it was dealt with.
struct First {
    place: StoredPath,
    digest: Option<Digest>,
    /// Attributes belong to the file, not to one of its names.
    attributes: (Xattrs, Acl),
    remaining: u64,
}

/// The files that tell of a session.
struct SideFiles {
    metadata: SideFile,
    diff: Option<SideFile>,
    xattrs: Option<SideFile>,
    acls: Option<SideFile>,
    index: SideFile,
    index_entries: IndexWriter,
    index_diff: Option<(SideFile, IndexWriter)>,
    file_statistics: Option<SideFile>,
}

/// Takes the outcomes in path order.
pub(super) struct Recorder<'m> {
    shared: Arc<Shared>,
    monitor: &'m dyn Monitor,
    files: SideFiles,
    separator: u8,
    statistics: SessionStatistics,
    error_log: Vec<u8>,
    problems: u64,
    nest: Nest<Dir>,
    ops: Vec<Op>,
    staged_bytes: u64,
    removals: Vec<Removal>,
    /// Directories whose attributes have to be set, or of them only the time.
    touched: Vec<(Entry, bool)>,
    firsts: HashMap<(u64, u64), First>,
    removed: u64,
    /// A directory that stays with all in it, since what stands in its place can't be read.
    held: Option<RepoPathBuf>,
    /// Where the last problem was.
    last_problem: Option<RepoPathBuf>,
    /// Directories of the mirror that were opened up for us, with the mode they had.
    opened: RefCell<Vec<(StoredPath, u32)>>,
}

/// What is left to do once a session is recorded and applied.
pub(super) struct Finished {
    pub(super) statistics: SessionStatistics,
    pub(super) problems: u64,
    /// Snapshots for which a diff stands now.
    pub(super) replaced: Vec<DataFile>,
    /// Files of ours to be removed after the commit.
    needless: Vec<DataFile>,
}

impl Finished {
    /// Removes what nobody needs any more. It does no harm where that fails.
    pub(super) fn clean_up(&self, disk: &dyn Disk, _repo: &Repository) {
        for file in &self.needless {
            disk.unlink(&file.place).ok();
        }
    }
}

impl<'m> Recorder<'m> {
    pub(super) fn new(
        shared: Arc<Shared>,
        pool: Arc<Pool>,
        request: &BackupRequest,
        kept: Arc<KeptPieces>,
        monitor: &'m dyn Monitor,
    ) -> Result<Self> {
        let session = &shared.session;
        let layout = session.repo().layout();
        let file = |base: &str, time, kind, compressed: bool| {
            let place = |gz| layout.data(base, time, kind, gz);
            SideFile::new(
                Arc::clone(session.disk()),
                Arc::clone(&pool),
                place(false),
                compressed.then(|| place(true)),
            )
        };
        let (now, snapshot, diff) = (session.time(), IncrementKind::Snapshot, IncrementKind::Diff);
        let files = session.repo().data_files()?;
        let diff_of = session.previous().filter(|&t| may_become_diff(&files, t));
        let traits = shared.source.traits();
        let mut index = file("source_index", now, snapshot, false);
        IndexWriter::head(None, index.text());
        let has_old_index =
            |t| files.iter().any(|f| f.base == b"source_index" && f.time == t && f.kind == snapshot);
        let index_diff = diff_of.filter(|&t| has_old_index(t)).map(|t| {
            let mut diff_file = file("source_index", t, diff, false);
            IndexWriter::head(Some(now.0), diff_file.text());
            (diff_file, IndexWriter::default())
        });
        let separator = if request.null_separator { 0 } else { b'\n' };
        let mut file_statistics = request
            .file_statistics
            .then(|| file("file_statistics", now, IncrementKind::Data, request.compression));
        if let Some(statistics) = &mut file_statistics {
            file_statistics_head(separator, statistics.text());
        }
        let files = SideFiles {
            metadata: file("mirror_metadata", now, snapshot, true).with_kept(kept),
            diff: diff_of.map(|t| file("mirror_metadata", t, diff, true)),
            xattrs: (request.xattrs && traits.xattrs)
                .then(|| file("extended_attributes", now, snapshot, true)),
            acls: (request.acls && traits.acls).then(|| file("access_control_lists", now, snapshot, true)),
            index,
            index_entries: IndexWriter::default(),
            index_diff,
            file_statistics,
        };
        Ok(Self {
            shared,
            monitor,
            files,
            separator,
            statistics: SessionStatistics::default(),
            error_log: Vec::new(),
            problems: 0,
            nest: Nest::default(),
            ops: Vec::new(),
            staged_bytes: 0,
            removals: Vec::new(),
            touched: Vec::new(),
            firsts: HashMap::new(),
            removed: 0,
            held: None,
            last_problem: None,
            opened: RefCell::default(),
        })
    }

    fn is_first(&self) -> bool {
        self.shared.session.previous().is_none()
    }

    /// Takes the next path.
    pub(super) fn take(&mut self, planned: Planned, outcome: Outcome) -> Result<()> {
        self.go_to(planned.path.as_path())?;
        let old = planned.old.as_deref();
        match outcome {
            Outcome::Kept(newer) => match old {
                Some(old) => self.keep(old, newer.as_deref())?,
                None => return Ok(()),
            },
            Outcome::Held { problem, with_all_below } => {
                if let Some(problem) = problem {
                    self.problem(&problem);
                }
                if let Some(old) = old {
                    self.keep(old, None)?;
                }
                if with_all_below {
                    self.held = Some(planned.path.clone());
                }
            }
            Outcome::Changed(changed) => self.change(&planned.path, old, *changed)?,
            Outcome::Removed { increment } => match old {
                Some(old) if self.held.as_ref().is_some_and(|h| old.path().starts_with(h.as_path())) => {
                    self.shared.drop_increment(&old.entry)?;
                    self.keep(old, None)?;
                }
                Some(old) => self.remove(old, increment)?,
                None => {}
            },
        }
        self.monitor.count(Counter::Paths, 1);
        let path = planned.path.as_path();
        for file in [&mut self.files.metadata, &mut self.files.index] {
            file.flow(path)?;
        }
        let more = [
            &mut self.files.diff,
            &mut self.files.xattrs,
            &mut self.files.acls,
            &mut self.files.file_statistics,
        ];
        for file in more.into_iter().flatten() {
            file.flow(path)?;
        }
        if let Some((file, _)) = &mut self.files.index_diff {
            file.flow(path)?;
        }
        if self.ops.len() >= BATCH.min(self.shared.disk.most_waiting()) || self.staged_bytes >= BATCH_BYTES {
            self.apply_batch()?;
        }
        Ok(())
    }

    /// Leaves the directories that `path` isn't in.
    fn go_to(&mut self, path: RepoPath<'_>) -> Result<()> {
        while let Some((_, dir)) = self.nest.leave_for(path) {
            self.leave(dir)?;
        }
        Ok(())
    }

    fn leave(&mut self, dir: Dir) -> Result<()> {
        let only_time = dir.only_time();
        let Some(now) = dir.now.filter(|_| dir.touched) else { return Ok(()) };
        if self.is_first() {
            return self.shared.set_mirror_attributes(&now);
        }
        self.touched.push((now, only_time));
        Ok(())
    }

    fn enter(&mut self, path: &RepoPathBuf, dir: Dir) {
        self.nest.enter(path.clone(), dir);
    }

    /// Records an unchanged path word for word.
    fn keep(&mut self, old: &Recorded, newer: Option<&Entry>) -> Result<()> {
        let entry = &old.entry;
        let names = OwnerNames::unwritable(&entry.attrs);
        // The original writes names that it can't read again: its own record of such a path is no use to it.
        if names.is_some() && !same_record(old, entry) {
            write_record(entry, self.files.metadata.text());
            if let Some(diff) = &mut self.files.diff {
                diff.text().extend_from_slice(&old.raw);
            }
        } else {
            self.files.metadata.text().extend_from_slice(&old.raw);
        }
        let only_names = names.map(|names| Precise {
            mtime: (entry.attrs.mtime.unwrap_or_default(), 0),
            unchanged_while: None,
            names: Some(names),
        });
        let precise = newer.map_or(entry.precise.as_ref(), |n| n.precise.as_ref()).or(only_names.as_ref());
        self.record_side(entry, precise);
        self.index_diff(entry.path.as_path(), entry.precise.as_ref(), precise);
        self.met_link(entry);
        let size = entry.size();
        self.statistics.source_files += 1.0;
        self.statistics.source_file_size += size as f64;
        self.statistics.mirror_files += 1.0;
        self.statistics.mirror_file_size += size as f64;
        let line = FileStatistics { changed: false, source: Some(size), mirror: Some(size), increment: None };
        self.file_statistics(entry.path.as_path(), &line);
        if entry.is_dir() {
            let dir = Dir {
                old: Some(entry.clone()),
                now: Some(entry.clone()),
                has_increment: false,
                touched: false,
            };
            self.enter(&entry.path, dir);
        }
        Ok(())
    }

    fn file_statistics(&mut self, path: RepoPath<'_>, line: &FileStatistics) {
        if let Some(file) = &mut self.files.file_statistics {
            file_statistics_line(path, line, self.separator, file.text());
        }
    }

    /// Records attributes, lists and times below the second.
    fn record_side(&mut self, entry: &Entry, precise: Option<&Precise>) {
        if let Some(file) = self.files.xattrs.as_mut().filter(|_| !entry.xattrs.0.is_empty()) {
            xattrs::write(&entry.path, &entry.xattrs, file.text());
        }
        if let Some(file) = self.files.acls.as_mut().filter(|_| !entry.acl.is_empty()) {
            acls::write(&entry.path, &entry.acl, file.text());
        }
        if let Some(precise) = precise {
            self.files.index_entries.entry(entry.path.as_path(), Some(precise), self.files.index.text());
        }
    }

    /// Records how the index of the previous session differs. `old` is nothing if the path wasn't there.
    fn index_diff(&mut self, path: RepoPath<'_>, old: Option<&Precise>, new: Option<&Precise>) {
        let Some((file, entries)) = &mut self.files.index_diff else { return };
        if old != new {
            entries.entry(path, old, file.text());
        }
    }

    /// Remembers the first name of a group of hard links, until all its names have come.
    fn met_link(&mut self, entry: &Entry) {
        let Some(link) = entry.file().and_then(|f| f.link) else { return };
        match self.firsts.get_mut(&link.group()) {
            Some(first) => {
                first.remaining -= 1;
                if first.remaining == 0 {
                    self.firsts.remove(&link.group());
                }
            }
            None => {
                let first = First {
                    place: self.shared.mirror(entry),
                    digest: entry.file().and_then(|f| f.digest),
                    attributes: (entry.xattrs.clone(), entry.acl.clone()),
                    remaining: link.count.saturating_sub(1).max(1),
                };
                self.firsts.insert(link.group(), first);
            }
        }
    }

    fn change(&mut self, path: &RepoPathBuf, old: Option<&Recorded>, mut changed: Changed) -> Result<()> {
        let place = self.shared.mirror(&changed.entry);
        let link_to = match self.join_group(&mut changed) {
            Ok(link_to) => link_to,
            Err(problem) => {
                self.problem(&problem);
                return Ok(());
            }
        };
        if let Some(problem) = &changed.problem {
            self.problem(problem);
        }
        self.touch_parents(
            changed.increment.is_some(),
            !matches!(changed.place, Place::Mirror) || self.is_first(),
        )?;
        let entry = changed.entry;
        write_record(&entry, self.files.metadata.text());
        if let Some(diff) = &mut self.files.diff {
            match old {
                Some(old) if same_record(old, &entry) => {}
                Some(old) => diff.text().extend_from_slice(&old.raw),
                None => write_absent(path, diff.text()),
            }
        }
        self.record_side(&entry, entry.precise.as_ref());
        self.index_diff(path.as_path(), old.and_then(|o| o.entry.precise.as_ref()), entry.precise.as_ref());
        self.count_change(old, Some(&entry), changed.increment);
        self.monitor.event(&Event::Path {
            path: path.as_path(),
            what: if old.is_some() { PathDone::Changed } else { PathDone::Added },
        });
        self.monitor.count(Counter::BytesRead, entry.size());
        self.schedule(old, &entry, place, changed.place, link_to)?;
        let was_dir = old.filter(|o| o.entry.is_dir());
        if entry.is_dir() || was_dir.is_some() {
            let dir = Dir {
                old: was_dir.map(|o| o.entry.clone()),
                now: entry.is_dir().then_some(entry),
                has_increment: true,
                touched: true,
            };
            self.enter(path, dir);
        }
        Ok(())
    }

    /// For a later name of a file: which one it becomes a link to.
    fn join_group(&mut self, changed: &mut Changed) -> Result<Option<StoredPath>, Problem> {
        let Some(link) = changed.entry.file().and_then(|f| f.link) else { return Ok(None) };
        if changed.role != LinkRole::Later {
            self.met_link(&changed.entry);
            return Ok(None);
        }
        let read = changed.content;
        match self.firsts.get(&link.group()) {
            Some(first) if read.is_none() || read == first.digest => {
                let place = first.place.clone();
                if read.is_none() {
                    (changed.entry.xattrs, changed.entry.acl) = first.attributes.clone();
                }
                self.met_link(&changed.entry);
                Ok(Some(place))
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

    /// Queues, or in a first session does, what brings the new state about.
    fn schedule(
        &mut self,
        old: Option<&Recorded>,
        entry: &Entry,
        to: StoredPath,
        place: Place,
        link_to: Option<StoredPath>,
    ) -> Result<()> {
        let over_dir = old.is_some_and(|o| o.entry.is_dir()) && !entry.is_dir();
        if let Some(first) = link_to {
            if self.is_first() {
                return self.link(&first, &to);
            }
            let was_staged = match place {
                Place::Staged(from) => Some(from),
                _ => None,
            };
            if let Some(from) = was_staged {
                self.shared.session.io(Doing::Remove, &from, self.shared.disk.unlink(&from))?;
            }
            if over_dir {
                // A link can't wait in staging under the rule for removals: copy the name there now.
                let from = self.shared.session.staged();
                self.apply_batch()?;
                self.shared.session.io(Doing::Link, &from, self.shared.disk.link(&first, &from))?;
                self.removals.push(Removal::PutOverDir { from, to });
                return Ok(());
            }
            self.ops.push(Op::Link { first, to });
            return Ok(());
        }
        match place {
            Place::Staged(from) if over_dir => {
                // Later names are made before it takes its place: they link to it where it is.
                if let Some(first) = entry.file().and_then(|f| self.firsts.get_mut(&f.link?.group())) {
                    first.place = from.clone();
                }
                self.removals.push(Removal::PutOverDir { from, to });
            }
            Place::Staged(from) => {
                self.staged_bytes += entry.size();
                self.ops.push(Op::Put { from, to });
            }
            Place::Mirror if self.is_first() => {}
            Place::Mirror => {
                let only_time = old.is_some_and(|o| same_but_time(&o.entry, entry));
                self.ops.push(Op::SetAttributes { entry: Box::new(entry.clone()), only_time });
            }
            Place::Nowhere if entry.is_dir() && !self.is_first() => {
                if !old.is_some_and(|o| o.entry.is_dir()) {
                    self.ops.push(Op::MakeDir { to, over: old.is_some() });
                }
            }
            Place::Nowhere => {}
        }
        Ok(())
    }

    fn remove(&mut self, old: &Recorded, increment: u64) -> Result<()> {
        self.touch_parents(true, true)?;
        self.removed += 1;
        let entry = &old.entry;
        if let Some(diff) = &mut self.files.diff {
            diff.text().extend_from_slice(&old.raw);
        }
        self.index_diff(entry.path.as_path(), entry.precise.as_ref(), None);
        self.count_change(Some(old), None, Some(increment));
        self.monitor.event(&Event::Path { path: entry.path.as_path(), what: PathDone::Removed });
        let place = self.shared.mirror(entry);
        if entry.is_dir() {
            self.removals.push(Removal::Dir(place));
            let dir = Dir { old: Some(entry.clone()), now: None, has_increment: true, touched: false };
            self.enter(&entry.path, dir);
        } else {
            self.removals.push(Removal::File(place));
        }
        Ok(())
    }

    /// Every directory above a change has an increment too; the innermost needs its attributes set again
    /// when something in it comes or goes.
    fn touch_parents(&mut self, increment: bool, content: bool) -> Result<()> {
        if increment {
            for (_, dir) in self.nest.iter_mut() {
                if let Some(old) = dir.old.as_ref().filter(|_| !dir.has_increment) {
                    let size = self.shared.write_dir_increment(old)?;
                    self.statistics.changed_files += 1.0;
                    self.statistics.increment_files += 1.0;
                    self.statistics.increment_file_size += size as f64;
                }
                dir.has_increment = true;
            }
        }
        if let Some((_, dir)) = self.nest.innermost().filter(|_| content) {
            dir.touched = true;
        }
        Ok(())
    }

    fn count_change(&mut self, old: Option<&Recorded>, new: Option<&Entry>, increment: Option<u64>) {
        let s = &mut self.statistics;
        let (old_size, new_size) = (old.map(|o| o.entry.size()), new.map(Entry::size));
        let is_first_root = self.shared.session.previous().is_none() && new.is_some_and(|n| n.path.is_root());
        if let Some(size) = new_size {
            s.source_files += 1.0;
            s.source_file_size += size as f64;
        }
        if let Some(size) = old_size {
            s.mirror_files += 1.0;
            s.mirror_file_size += size as f64;
        }
        match (old_size, new_size) {
            _ if is_first_root => {
                // The target directory itself was there.
                s.mirror_files += 1.0;
                s.changed_files += 1.0;
            }
            (None, Some(size)) => {
                s.new_files += 1.0;
                s.new_file_size += size as f64;
            }
            (Some(size), None) => {
                s.deleted_files += 1.0;
                s.deleted_file_size += size as f64;
            }
            (Some(old), Some(new)) => {
                s.changed_files += 1.0;
                s.changed_source_size += new as f64;
                s.changed_mirror_size += old as f64;
            }
            (None, None) => {}
        }
        if let Some(size) = increment {
            s.increment_files += 1.0;
            s.increment_file_size += size as f64;
            self.monitor.count(Counter::Increments, 1);
        }
        let is_dir = new.or(old.map(|o| &o.entry)).is_some_and(Entry::is_dir);
        let line = FileStatistics {
            changed: true,
            source: new_size,
            mirror: if is_first_root { Some(0) } else { old_size },
            increment: increment.filter(|_| !is_dir || old.is_none()),
        };
        let path = new.or(old.map(|o| &o.entry)).map(|e| e.path.clone()).unwrap_or_default();
        self.file_statistics(path.as_path(), &line);
    }

    fn problem(&mut self, problem: &Problem) {
        // A directory that can be neither looked into nor listed is one problem.
        if problem.kind == ProblemKind::List && self.last_problem.as_ref() == Some(&problem.path) {
            return;
        }
        self.last_problem = Some(problem.path.clone());
        self.problems += 1;
        if problem.kind == ProblemKind::List {
            self.statistics.errors = Some(self.statistics.errors.unwrap_or(0.0) + 1.0);
        }
        self.monitor.event(&Event::Problem(problem));
        self.error_log.extend(error_log_line(problem, self.separator));
    }

    /// Makes what was staged durable, and brings it into the mirror (steps 4 and 5).
    fn apply_batch(&mut self) -> Result<()> {
        if self.ops.is_empty() {
            return Ok(());
        }
        self.monitor.event(&Event::Phase(Phase::Applying));
        self.shared.session.barrier()?;
        self.monitor.count(Counter::Barriers, 1);
        for op in std::mem::take(&mut self.ops) {
            self.apply(&op)?;
        }
        self.staged_bytes = 0;
        Ok(())
    }

    fn apply(&mut self, op: &Op) -> Result<()> {
        let Shared { session, disk, .. } = &*self.shared;
        match op {
            Op::Put { from, to } => {
                session.io(Doing::Rename, to, self.in_opened(to, || disk.rename(from, to)))
            }
            Op::MakeDir { to, over } => {
                if *over {
                    session.io(Doing::Remove, to, self.in_opened(to, || ignore_absent(disk.unlink(to))))?;
                }
                session.io(Doing::Create, to, self.in_opened(to, || make_dirs(&**disk, to)))
            }
            Op::SetAttributes { entry, only_time } => {
                let to = self.shared.mirror(entry);
                let attributes = self.to_set(entry, *only_time);
                let set = self.in_opened(&to, || disk.set_attributes(&to, &attributes));
                session.io(Doing::SetAttributes, &to, set)
            }
            Op::Link { first, to } => {
                let between = session.staged();
                session.io(Doing::Link, first, self.in_opened(first, || disk.link(first, &between)))?;
                session.io(Doing::Rename, to, self.in_opened(to, || disk.rename(&between, to)))?;
                // Renaming one name of a file over another of its names leaves both.
                session.io(Doing::Remove, &between, ignore_absent(disk.unlink(&between)))
            }
        }
    }

    /// The attributes to set in the mirror: all, or only the time where the others are there.
    fn to_set<'e>(&self, entry: &'e Entry, only_time: bool) -> Applied<'e> {
        let all = self.shared.for_mirror(entry);
        if only_time { Applied { mtime: all.mtime, ..Applied::default() } } else { all }
    }

    fn link(&self, first: &StoredPath, to: &StoredPath) -> Result<()> {
        self.shared.session.io(Doing::Link, to, self.shared.disk.link(first, to))
    }

    /// Does something at a place; where a directory above denies it, after giving ourselves the right.
    fn in_opened<T>(&self, place: &StoredPath, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
        for _ in 0..OPENINGS {
            match act() {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied && !place.as_bytes().is_empty() => {
                    self.open_up(&place.parent())?;
                }
                other => return other,
            }
        }
        act()
    }

    /// Makes sure that we may enter and change a directory, until [`Self::close_directories`].
    fn open_up(&self, dir: &StoredPath) -> io::Result<()> {
        let disk = &self.shared.disk;
        let stat = self.in_opened(dir, || disk.root().stat(dir.as_bytes()))?;
        if stat.mode & 0o700 != 0o700 {
            let open = Applied { mode: Some(0o700), ..Applied::default() };
            self.in_opened(dir, || disk.set_attributes(dir, &open))?;
            self.opened.borrow_mut().push((dir.clone(), stat.mode));
        }
        Ok(())
    }

    /// Sets the attributes of directories in which anything changed, and the modes of others that were
    /// opened up. To get at one may open another, further up; so this goes on until all are closed.
    fn close_directories(&self) -> Result<()> {
        let places: HashSet<StoredPath> = self.touched.iter().map(|(e, _)| self.shared.mirror(e)).collect();
        let opened: HashSet<StoredPath> = self.opened.borrow().iter().map(|(dir, _)| dir.clone()).collect();
        self.opened.borrow_mut().retain(|(dir, _)| !places.contains(dir));
        let Shared { session, disk, .. } = &*self.shared;
        for (entry, only_time) in &self.touched {
            let place = self.shared.mirror(entry);
            let attributes = self.to_set(entry, *only_time && !opened.contains(&place));
            let set = self.in_opened(&place, || disk.set_attributes(&place, &attributes));
            session.io(Doing::SetAttributes, &place, set)?;
        }
        loop {
            let opened = self.opened.take();
            if opened.is_empty() {
                return Ok(());
            }
            for (dir, mode) in opened.iter().rev() {
                let as_it_was = Applied { mode: Some(*mode), ..Applied::default() };
                let set = self.in_opened(dir, || ignore_absent(disk.set_attributes(dir, &as_it_was)));
                session.io(Doing::SetAttributes, dir, set)?;
            }
        }
    }

    /// Asks whether what seems to be gone can be believed.
    pub(super) fn check_source(&self, guard: &dyn SourceGuard, request: &BackupRequest) -> Result<()> {
        guard.check().map_err(super::plan::gone)?;
        super::too_many_gone(self.removed, self.statistics.mirror_files, &*self.shared.source, request)
    }

    /// Applies all that is left, and writes the files of the session (to step 7).
    pub(super) fn finish(
        mut self,
        request: &BackupRequest,
        started: std::time::SystemTime,
        next_long_name: u64,
    ) -> Result<Finished> {
        while let Some((_, dir)) = self.nest.leave_at_end() {
            self.leave(dir)?;
        }
        self.monitor.event(&Event::Phase(Phase::Finishing));
        self.write_next_long_name(next_long_name)?;
        self.apply_last()?;
        let repo = Arc::clone(self.shared.session.repo());
        let files = repo.data_files()?;
        let previous = self.shared.session.previous();
        let replaced_by = |base: &[u8], diff: bool| -> Vec<DataFile> {
            let snapshot = |f: &&DataFile| {
                f.base == base && Some(f.time) == previous && f.kind == IncrementKind::Snapshot
            };
            if diff { files.iter().filter(snapshot).cloned().collect() } else { Vec::new() }
        };
        let replaced = replaced_by(b"mirror_metadata", self.files.diff.is_some());
        let needless = replaced_by(b"source_index", self.files.index_diff.is_some());
        let side = self.files;
        let written = [
            Some(side.metadata),
            side.diff,
            side.xattrs,
            side.acls,
            Some(side.index),
            side.index_diff.map(|d| d.0),
            side.file_statistics,
        ];
        for file in written.into_iter().flatten() {
            file.finish()?;
        }
        let session = &self.shared.session;
        let layout = repo.layout();
        let write = |base: &str, gzipped: bool, content: &[u8]| -> Result<()> {
            let place = layout.data(base, session.time(), IncrementKind::Data, gzipped);
            let create = || -> io::Result<()> {
                let mut file = session.disk().create(&place)?;
                if content.is_empty() { Ok(()) } else { file.write_all(content) }
            };
            session.io(Doing::Write, &place, create())
        };
        if self.error_log.is_empty() {
            write("error_log", false, b"")?;
        } else {
            let packed = crate::repo::pieces::compress(&self.error_log, 6).unwrap_or_default();
            write("error_log", true, &packed)?;
        }
        let mut statistics = self.statistics;
        let since = |t: std::time::SystemTime| {
            t.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
        };
        let start = request.time.map_or_else(|| since(started).floor(), |t| t as f64);
        let end = since(std::time::SystemTime::now());
        statistics.start_time = Some(start);
        statistics.end_time = Some(end);
        statistics.elapsed_time = Some(end - start);
        statistics.total_destination_size_change = Some(statistics.destination_size_change());
        statistics.errors = Some(statistics.errors.unwrap_or(0.0));
        write("session_statistics", false, statistics.to_text(&layout.times().zone).as_bytes())?;
        Ok(Finished { statistics, problems: self.problems, replaced, needless })
    }

    /// Applies the last batch, then removals, then the attributes of directories in which anything changed.
    fn apply_last(&mut self) -> Result<()> {
        if !self.ops.is_empty() || !self.removals.is_empty() || (!self.touched.is_empty() && !self.is_first())
        {
            self.shared.session.barrier()?;
            self.monitor.count(Counter::Barriers, 1);
        }
        for op in std::mem::take(&mut self.ops) {
            self.apply(&op)?;
        }
        let removals = std::mem::take(&mut self.removals);
        let Shared { session, disk, .. } = &*self.shared;
        for removal in removals.iter().rev() {
            match removal {
                Removal::File(place) => {
                    session.io(
                        Doing::Remove,
                        place,
                        self.in_opened(place, || ignore_absent(disk.unlink(place))),
                    )?;
                }
                Removal::Dir(place) => self.remove_dir(place)?,
                Removal::PutOverDir { from, to } => {
                    self.remove_dir(to)?;
                    session.io(Doing::Rename, to, self.in_opened(to, || disk.rename(from, to)))?;
                }
            }
        }
        self.close_directories()
    }

    /// Removes a directory of the mirror, and what strangers may have put into it.
    fn remove_dir(&self, place: &StoredPath) -> Result<()> {
        let Shared { session, disk, .. } = &*self.shared;
        let removed = match self.in_opened(place, || ignore_absent(disk.rmdir(place))) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => remove_all(&**disk, place),
            other => other,
        };
        session.io(Doing::Remove, place, removed)
    }

    /// Says which number the next long name gets.
    fn write_next_long_name(&self, next: u64) -> Result<()> {
        if next <= 1 {
            return Ok(());
        }
        let Shared { session, disk, .. } = &*self.shared;
        let (dir, new) = (StoredPath::fixed(LONG_NAMES), session.staged());
        let place = dir.listed(b"next_free");
        let write = || -> io::Result<()> {
            make_dirs(&**disk, &dir)?;
            make_dirs(&**disk, &new.parent())?;
            let mut file = disk.create(&new)?;
            file.write_all(next.to_string().as_bytes())?;
            // Numbers in use may stand nowhere but in the metadata: the old content must not be lost.
            file.sync()?;
            disk.rename(&new, &place)
        };
        session.io(Doing::Write, &place, write())
    }
}

/// Do two states of a path have all attributes in common, but for the time?
fn same_but_time(old: &Entry, new: &Entry) -> bool {
    let untimed = |entry: &Entry| crate::entry::Attrs { mtime: None, ..entry.attrs.clone() };
    old.kind.same_type(&new.kind)
        && untimed(old) == untimed(new)
        && old.xattrs.same(&new.xattrs)
        && old.acl == new.acl
}

/// Is the record that would be written the one that is there?
fn same_record(old: &Recorded, new: &Entry) -> bool {
    let mut text = Vec::with_capacity(old.raw.len());
    write_record(new, &mut text);
    text == old.raw
}

/// A snapshot becomes a diff unless eight diffs follow it already.
fn may_become_diff(files: &[DataFile], previous: crate::time::SessionTime) -> bool {
    let mut of_metadata: Vec<&DataFile> =
        files.iter().filter(|f| f.base == b"mirror_metadata" && f.time <= previous).collect();
    of_metadata.sort_by_key(|f| std::cmp::Reverse(f.time));
    let is_snapshot =
        of_metadata.first().is_some_and(|f| f.time == previous && f.kind == IncrementKind::Snapshot);
    let diffs = of_metadata.iter().skip(1).take_while(|f| f.kind == IncrementKind::Diff).count();
    is_snapshot && diffs < 8
}
