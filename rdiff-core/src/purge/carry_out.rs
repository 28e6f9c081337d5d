//! Carrying out a plan.

use super::filter::{Filter, Rewrite};
use super::plan::{PurgePlan, PurgeReport};
use super::side::SidePlan;
use crate::error::{Doing, Error, IoContext, Result};
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::pool::Pool;
use crate::repo::disk::{Disk, ignore_absent, make_dirs, remove_all};
use crate::repo::layout::{DATA, STAGING, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::{DataFile, Repository};
use crate::tree::attrs::Applied;
use std::sync::Arc;

impl PurgePlan {
    /// Purges it. The plan must have been made under the lock of `writer`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`]; [`Error::Cancelled`]. Other paths are then as they were, and the job
    /// can be done again.
    pub fn carry_out(&self, writer: &Writer, monitor: &dyn Monitor) -> Result<PurgeReport> {
        Stop::watched(monitor, |stop| self.carry_out_until(stop, writer, monitor))
    }

    pub(super) fn carry_out_until(
        &self,
        stop: &Stop,
        writer: &Writer,
        monitor: &dyn Monitor,
    ) -> Result<PurgeReport> {
        let purge = Purge { plan: self, repo: writer.repo(), disk: writer.disk(), monitor, stop };
        if !self.is_empty() {
            purge.all()?;
        }
        purge.tidy()?;
        Ok(self.report())
    }
}

/// How many files are written before a barrier: each waits in staging, and needs room there.
const BATCH: usize = 32;

struct Purge<'a> {
    plan: &'a PurgePlan,
    repo: &'a Arc<Repository>,
    disk: &'a Arc<dyn Disk>,
    monitor: &'a dyn Monitor,
    stop: &'a Stop,
}

impl Purge<'_> {
    fn all(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&**self.disk, &staging))?;
        self.io(Doing::Create, &staging, make_dirs(&**self.disk, &staging))?;
        self.rewrite_side_files()?;
        self.move_away()?;
        self.unlink_all(&self.plan.long_increments)?;
        self.unlink_all(&self.plan.increments)?;
        self.barrier()?;
        let path = self.plan.path.as_path();
        self.monitor.event(&Event::Path { path, what: PathDone::Removed });
        Ok(())
    }

    /// Step 5, and what another purge may have left undone.
    fn tidy(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&**self.disk, &staging))?;
        if let Some((dir, mtime)) = &self.plan.parent {
            let stat = self.io(Doing::Stat, dir, self.disk.root().find(dir.as_bytes()))?;
            if stat.is_some_and(|s| s.is_dir() && s.mtime != (*mtime, 0)) {
                let as_it_was = Applied { mtime: Some((*mtime, 0)), ..Applied::default() };
                self.io(Doing::SetAttributes, dir, self.disk.set_attributes(dir, &as_it_was))?;
            }
        }
        self.barrier()
    }

    /// Steps 1 to 3.
    fn rewrite_side_files(&self) -> Result<()> {
        let mut number = 0;
        for (step, files) in self.plan.steps().into_iter().enumerate() {
            for batch in files.chunks(BATCH.min(self.disk.most_waiting())) {
                if self.stop.ask(self.monitor) {
                    return Err(Error::Cancelled { at: Some(self.plan.path.clone()) });
                }
                let staged = self.write_batch(number, batch)?;
                number += batch.len();
                self.barrier()?;
                for ((side, _), (new, is_empty)) in batch.iter().zip(&staged) {
                    self.replace(side, new, *is_empty)?;
                    if step == 2 {
                        self.sync_data()?;
                    }
                }
            }
            self.sync_data()?;
        }
        Ok(())
    }

    fn replace(&self, side: &SidePlan, new: &StoredPath, is_empty: bool) -> Result<()> {
        self.io(Doing::Rename, &side.place, self.disk.rename(new, &side.place))?;
        if is_empty && side.file.gzipped {
            // Nothing is not compressed. There is one file of the session at every moment.
            self.sync_data()?;
            let plain = self.without_gz(&side.file);
            self.io(Doing::Rename, &plain, self.disk.rename(&side.place, &plain))?;
        }
        self.monitor.count(Counter::Paths, side.records);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))
    }

    fn without_gz(&self, file: &DataFile) -> StoredPath {
        let name = file.place.name();
        let quoted = self.repo.layout().quoting().quote(b".gz").into_owned();
        StoredPath::fixed(DATA).listed(name.strip_suffix(&quoted[..]).unwrap_or(name))
    }

    /// Writes the files of a batch to staging, on all cores. Says of each where it is and whether it is empty.
    fn write_batch(&self, first: usize, batch: &[(&SidePlan, Rewrite)]) -> Result<Vec<(StoredPath, bool)>> {
        let pool = Arc::new(Pool::new(std::thread::available_parallelism().map_or(2, usize::from)));
        let (repo, disk, path) = (Arc::clone(self.repo), Arc::clone(self.disk), self.plan.path.clone());
        let stop = self.stop.clone();
        let work: Vec<(u64, SidePlan, Rewrite)> = (first as u64..)
            .zip(batch)
            .map(|(number, (side, rewrite))| (number, SidePlan::clone(side), *rewrite))
            .collect();
        let written = pool.map_ordered(work.into_iter(), pool.workers(), move |(number, side, rewrite)| {
            let (path, file, kind) = (path.as_path(), &side.file, side.kind);
            let filter = Filter { repo: &repo, path, file, kind, stop: &stop };
            let place = StoredPath::staged(number);
            let insert = match rewrite {
                Rewrite::Without => &side.amendments,
                Rewrite::WithAbove => &side.above,
            };
            let is_empty = filter.write(rewrite, insert, &disk, &place)?;
            keep_owner(&repo, &*disk, &side.place, &place)?;
            Ok((place, is_empty))
        });
        written.collect()
    }

    /// Step 4, but for the increments of the path itself. The directory that it was in keeps its mode.
    fn move_away(&self) -> Result<()> {
        let from = self.plan.mirror.iter().chain(&self.plan.increment_dir).chain(&self.plan.orphans);
        for (n, place) in from.enumerate() {
            let (disk, dir) = (&**self.disk, place.parent());
            let stat = self.io(Doing::Stat, &dir, disk.root().stat(dir.as_bytes()))?;
            let to = StoredPath::fixed(STAGING).listed(format!("purged-{n}").as_bytes());
            let moved = match disk.rename(place, &to) {
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                    self.open_up(&dir)?;
                    self.open_up(place)?;
                    disk.rename(place, &to)
                }
                other => other,
            };
            self.io(Doing::Rename, place, ignore_absent(moved))?;
            let as_it_was = Applied { mode: Some(stat.mode), ..Applied::default() };
            self.io(Doing::SetAttributes, &dir, disk.set_attributes(&dir, &as_it_was))?;
        }
        Ok(())
    }

    /// Gives ourselves the right to change a directory; nothing else is changed.
    fn open_up(&self, dir: &StoredPath) -> Result<()> {
        let stat = self.io(Doing::Stat, dir, self.disk.root().find(dir.as_bytes()))?;
        if stat.is_some_and(|s| s.is_dir() && s.mode & 0o700 != 0o700) {
            let open = Applied { mode: Some(0o700), ..Applied::default() };
            self.io(Doing::SetAttributes, dir, self.disk.set_attributes(dir, &open))?;
        }
        Ok(())
    }

    fn unlink_all(&self, places: &[StoredPath]) -> Result<()> {
        for place in places {
            self.io(Doing::Remove, place, ignore_absent(self.disk.unlink(place)))?;
            self.monitor.count(Counter::Increments, 1);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.disk.barrier().while_doing(Doing::Sync, self.repo.path())
    }

    fn io<T>(&self, doing: Doing, place: &StoredPath, result: std::io::Result<T>) -> Result<T> {
        result.while_doing(doing, self.repo.path_of(place))
    }
}

/// Gives a new file the owner and the mode of the one that it replaces, as far as we may.
fn keep_owner(repo: &Repository, disk: &dyn Disk, old: &StoredPath, new: &StoredPath) -> Result<()> {
    let stat = repo.root().stat(old.as_bytes()).while_doing(Doing::Stat, repo.path_of(old))?;
    let owner = rustix::process::geteuid().is_root().then_some((stat.uid, stat.gid));
    let attributes = Applied { owner, mode: Some(stat.mode), ..Applied::default() };
    disk.set_attributes(new, &attributes).while_doing(Doing::SetAttributes, repo.path_of(new))
}
