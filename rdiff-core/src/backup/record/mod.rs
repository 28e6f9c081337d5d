//! Recording, in path order and by one thread: what became of each path goes to the files of the session, to
//! its statistics, and to the changes that the mirror waits for.

mod account;
mod files;
mod links;

use super::BackupRequest;
use super::apply::{Changes, make_link};
use super::doubt::{gone, too_many_gone};
use super::plan::Planned;
use super::shared::Shared;
use super::stage::{Changed, Outcome, Place};
use crate::entry::{Attrs, Entry};
use crate::error::{Doing, Result};
use crate::format::names::IncrementKind;
use crate::format::stats::SessionStatistics;
use crate::merge::AtPath;
use crate::monitor::{Counter, Event, Monitor, PathDone, Phase};
use crate::nest::Nest;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::DataFile;
use crate::repo::disk::{Disk, make_dirs};
use crate::repo::layout::{LONG_NAMES, StoredPath};
use crate::repo::metadata::Recorded;
use crate::repo::pieces::{KeptPieces, compress};
use crate::repo::session::Session;
use crate::tree::source::SourceGuard;
use account::Account;
use files::{Replaced, SideFiles};
pub(super) use links::Firsts;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

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

/// Takes the outcomes in path order.
pub(super) struct Recorder<'m> {
    shared: Arc<Shared>,
    monitor: &'m dyn Monitor,
    files: SideFiles,
    /// The snapshots of the session before.
    snapshots_before: Vec<DataFile>,
    account: Account<'m>,
    changes: Changes<'m>,
    nest: Nest<Dir>,
    firsts: Firsts,
    /// A directory that stays with all in it, since what stands in its place can't be read.
    held: Option<RepoPathBuf>,
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
    pub(super) fn clean_up(&self, disk: &dyn Disk) {
        for file in &self.needless {
            disk.unlink(&file.place).ok();
        }
    }
}

impl<'m> Recorder<'m> {
    /// Begins to record a session. `files` are those of the data directory as it was, `kept` pieces of the metadata before
    /// that may be taken over as they are.
    pub(super) fn new(
        shared: Arc<Shared>,
        pool: Arc<Pool>,
        request: &BackupRequest,
        files: &[DataFile],
        kept: Arc<KeptPieces>,
        monitor: &'m dyn Monitor,
    ) -> Result<Self> {
        let separator = if request.null_separator { 0 } else { b'\n' };
        let of_previous =
            |f: &&DataFile| Some(f.time) == shared.session.previous() && f.kind == IncrementKind::Snapshot;
        Ok(Self {
            snapshots_before: files.iter().filter(of_previous).cloned().collect(),
            files: SideFiles::new(&shared, &pool, request, files, kept, separator)?,
            account: Account::new(shared.is_first(), separator, monitor),
            changes: Changes::new(Arc::clone(&shared), monitor),
            nest: Nest::default(),
            firsts: Firsts::default(),
            held: None,
            monitor,
            shared,
        })
    }

    /// Takes the next path.
    pub(super) fn take(&mut self, planned: &Planned, outcome: Outcome) -> Result<()> {
        self.go_to(planned.path.as_path())?;
        let told = self.shared.stop.told(planned.path.as_path());
        let old = planned.old.as_deref();
        match outcome {
            Outcome::Kept(newer) => match old {
                Some(old) => self.keep(old, newer.as_deref()),
                None => return Ok(()),
            },
            Outcome::Held { problem, with_all_below } => {
                if let Some(problem) = problem {
                    self.account.problem(&problem);
                }
                if let Some(old) = old {
                    self.keep(old, None);
                }
                if with_all_below {
                    self.held = Some(planned.path.clone());
                }
            }
            Outcome::Changed(changed) => self.change(&planned.path, old, *changed, told)?,
            Outcome::Removed { increment } => match old {
                Some(old) if self.held.as_ref().is_some_and(|h| old.path().starts_with(h.as_path())) => {
                    self.shared.drop_increment(&old.entry)?;
                    self.keep(old, None);
                }
                Some(old) => self.remove(old, increment)?,
                None => {}
            },
        }
        self.monitor.count(Counter::Paths, 1);
        self.files.flow(planned.path.as_path())?;
        self.changes.apply_if_many()
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
        if self.shared.is_first() {
            return self.shared.set_mirror_attributes(&now);
        }
        self.changes.set_at_last(now, only_time);
        Ok(())
    }

    fn keep(&mut self, old: &Recorded, newer: Option<&Entry>) {
        let entry = &old.entry;
        self.files.keep(old, newer);
        self.firsts.met(entry, |entry| self.shared.mirror(entry));
        let line = self.account.keep(entry);
        self.files.statistics(entry.path.as_path(), &line);
        if entry.is_dir() {
            let dir = Dir {
                old: Some(entry.clone()),
                now: Some(entry.clone()),
                has_increment: false,
                touched: false,
            };
            self.nest.enter(entry.path.clone(), dir);
        }
    }

    /// So many bytes of it were `told` of before it was done.
    fn change(
        &mut self,
        path: &RepoPathBuf,
        old: Option<&Recorded>,
        mut changed: Changed,
        told: u64,
    ) -> Result<()> {
        let link_to = match self.firsts.join(&mut changed, |entry| self.shared.mirror(entry)) {
            Ok(link_to) => link_to,
            Err(problem) => {
                self.account.problem(&problem);
                return Ok(());
            }
        };
        if let Some(problem) = &changed.problem {
            self.account.problem(problem);
        }
        let moves = !matches!(changed.place, Place::Mirror) || self.shared.is_first();
        self.touch_parents(changed.increment.is_some(), moves)?;
        let entry = changed.entry;
        self.files.change(old, &entry);
        let line = self.account.change(old, Some(&entry), changed.increment);
        self.files.statistics(path.as_path(), &line);
        self.monitor.event(&Event::Path {
            path: path.as_path(),
            what: if old.is_some() { PathDone::Changed } else { PathDone::Added },
        });
        self.monitor.count(Counter::BytesRead, entry.size().saturating_sub(told));
        self.schedule(old, &entry, changed.place, link_to)?;
        let was_dir = old.filter(|o| o.entry.is_dir());
        if entry.is_dir() || was_dir.is_some() {
            let dir = Dir {
                old: was_dir.map(|o| o.entry.clone()),
                now: entry.is_dir().then_some(entry),
                has_increment: true,
                touched: true,
            };
            self.nest.enter(path.clone(), dir);
        }
        Ok(())
    }

    /// Queues, or in a first session does, what brings the new state about.
    fn schedule(
        &mut self,
        old: Option<&Recorded>,
        entry: &Entry,
        place: Place,
        link_to: Option<StoredPath>,
    ) -> Result<()> {
        if self.shared.is_first() && link_to.is_none() {
            // It was made in its place.
            return Ok(());
        }
        let to = self.shared.mirror(entry);
        let was_dir = old.is_some_and(|o| o.entry.is_dir());
        let over_dir = was_dir && !entry.is_dir();
        if let Some(first) = link_to {
            if self.shared.is_first() {
                return make_link(&self.shared, &first, &to);
            }
            if let Place::Staged(from) = place {
                self.shared.session.io(Doing::Remove, &from, self.shared.disk.unlink(&from))?;
            }
            if over_dir {
                return self.changes.link_over_dir(&first, to);
            }
            self.changes.link(first, to);
            return Ok(());
        }
        match place {
            Place::Staged(from) if over_dir => {
                // Later names are made before it takes its place: they link to it where it is.
                self.firsts.waits_at(entry, &from);
                self.changes.put_over_dir(from, to);
            }
            Place::Staged(from) => self.changes.put(from, to, entry.size()),
            Place::Mirror => {
                let only_time = old.is_some_and(|o| same_but_time(&o.entry, entry));
                self.changes.set_attributes(entry.clone(), only_time);
            }
            Place::Nowhere if entry.is_dir() && !was_dir => {
                self.changes.make_dir(to, old.is_some());
            }
            Place::Nowhere => {}
        }
        Ok(())
    }

    fn remove(&mut self, old: &Recorded, increment: u64) -> Result<()> {
        self.touch_parents(true, true)?;
        let entry = &old.entry;
        self.files.remove(old);
        let line = self.account.change(Some(old), None, Some(increment));
        self.files.statistics(entry.path.as_path(), &line);
        self.monitor.event(&Event::Path { path: entry.path.as_path(), what: PathDone::Removed });
        self.changes.remove(self.shared.mirror(entry), entry.is_dir());
        if entry.is_dir() {
            let dir = Dir { old: Some(entry.clone()), now: None, has_increment: true, touched: false };
            self.nest.enter(entry.path.clone(), dir);
        }
        Ok(())
    }

    /// Every directory above a change has an increment too; the innermost needs its attributes set again
    /// when something in it comes or goes.
    fn touch_parents(&mut self, increment: bool, content: bool) -> Result<()> {
        if increment {
            for (_, dir) in self.nest.iter_mut() {
                if let Some(old) = dir.old.as_ref().filter(|_| !dir.has_increment) {
                    self.account.touch(self.shared.write_dir_increment(old)?);
                }
                dir.has_increment = true;
            }
        }
        if let Some((_, dir)) = self.nest.innermost().filter(|_| content) {
            dir.touched = true;
        }
        Ok(())
    }

    /// Asks whether what seems to be gone can be believed.
    pub(super) fn check_source(&self, guard: &dyn SourceGuard, request: &BackupRequest) -> Result<()> {
        guard.check().map_err(gone)?;
        let (removed, had) = self.account.removed();
        too_many_gone(removed, had, &*self.shared.source, request)
    }

    /// Applies all that is left, and writes the files of the session (to step 7).
    pub(super) fn finish(
        mut self,
        request: &BackupRequest,
        started: SystemTime,
        next_long_name: u64,
    ) -> Result<Finished> {
        while let Some((_, dir)) = self.nest.leave_at_end() {
            self.leave(dir)?;
        }
        self.monitor.event(&Event::Phase(Phase::Finishing));
        let session = &self.shared.session;
        write_next_long_name(session, next_long_name)?;
        self.changes.apply_last()?;
        let Replaced { metadata, index } = self.files.finish()?;
        let error_log = &self.account.error_log;
        if error_log.is_empty() {
            write_file(session, "error_log", false, b"")?;
        } else {
            write_file(session, "error_log", true, &compress(error_log, 6).unwrap_or_default())?;
        }
        let statistics = self.account.totals(request, started);
        let text = statistics.to_text(&session.repo().layout().times().zone);
        write_file(session, "session_statistics", false, text.as_bytes())?;
        let snapshots_before = |base: &[u8]| {
            self.snapshots_before.iter().filter(|f| f.base == base).cloned().collect::<Vec<_>>()
        };
        Ok(Finished {
            statistics,
            problems: self.account.problems,
            replaced: if metadata { snapshots_before(b"mirror_metadata") } else { Vec::new() },
            needless: if index { snapshots_before(b"source_index") } else { Vec::new() },
        })
    }
}

/// Writes a small file that tells of a session.
fn write_file(session: &Session, base: &str, gzipped: bool, content: &[u8]) -> Result<()> {
    let place = session.repo().layout().data(base, session.time(), IncrementKind::Data, gzipped);
    let write = || -> io::Result<()> {
        let mut file = session.disk().create(&place)?;
        if content.is_empty() { Ok(()) } else { file.write_all(content) }
    };
    session.io(Doing::Write, &place, write())
}

/// Says which number the next long name gets.
fn write_next_long_name(session: &Session, next: u64) -> Result<()> {
    if next <= 1 {
        return Ok(());
    }
    let (disk, dir, new) = (&**session.disk(), StoredPath::fixed(LONG_NAMES), session.staged());
    let place = dir.listed(b"next_free");
    let write = || -> io::Result<()> {
        make_dirs(disk, &dir)?;
        make_dirs(disk, &new.parent())?;
        let mut file = disk.create(&new)?;
        file.write_all(next.to_string().as_bytes())?;
        // Numbers in use may stand nowhere but in the metadata: the old content must not be lost.
        file.sync()?;
        disk.rename(&new, &place)
    };
    session.io(Doing::Write, &place, write())
}

/// Do two states of a path have all attributes in common, but for the time?
fn same_but_time(old: &Entry, new: &Entry) -> bool {
    let untimed = |entry: &Entry| Attrs { mtime: None, ..entry.attrs.clone() };
    old.kind.same_type(&new.kind)
        && untimed(old) == untimed(new)
        && old.xattrs.same(&new.xattrs)
        && old.acl == new.acl
}
