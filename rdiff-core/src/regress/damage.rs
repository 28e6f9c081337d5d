//! Metadata of the good session that are damaged: what has no record may have had one, so nothing is removed for that.

use super::Undo;
use super::rebuild::way_back;
use crate::entry::{Entry, File, Kind};
use crate::error::{Doing, Error, Result};
use crate::format::names::IncrementKind;
use crate::path::RepoPath;
use crate::repo::increments::Increment;
use crate::repo::metadata::{Detail, Recorded};
use crate::tree::FileKind;
use crate::tree::attrs::entry_of;
use std::sync::atomic::Ordering;

impl Undo {
    /// The records of the good session, up to where they are damaged.
    pub(super) fn records_of_good(&self) -> Result<impl Iterator<Item = Result<Box<Recorded>>>> {
        let opened = self.repo.check_checksums(self.good);
        let opened = opened.or_else(|e| self.note_damage(e)).and_then(|()| {
            let records = self.repo.metadata_at(self.good, RepoPath::ROOT, Detail::All);
            records.map(Some).or_else(|e| self.note_damage(e).map(|()| None))
        });
        let records = crate::pool::ahead(opened?.into_iter().flatten(), 256, 4);
        Ok(records
            .map_while(|record| record.map(Some).or_else(|e| self.note_damage(e).map(|()| None)).transpose()))
    }

    /// Remembers damage; another error is passed on.
    fn note_damage(&self, e: Error) -> Result<()> {
        if !e.is_damage() && !matches!(e, Error::NoSuchSession { .. }) {
            return Err(e);
        }
        self.is_damaged.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    /// What a path was whose record is lost, by what the failed session kept of it: increments have the attributes of what
    /// they hold. Nothing if it wasn't there, as for every path without a record where none is lost.
    pub(super) fn unrecorded(&self, path: RepoPath<'_>, increments: &[Increment]) -> Result<Option<Entry>> {
        let Some(kept) = increments.last().filter(|_| self.is_damaged()) else { return Ok(None) };
        let place = &kept.place;
        let mut stat = self.io(Doing::Stat, place, self.repo.root().stat(place.as_bytes()))?;
        match kept.kind {
            IncrementKind::Missing | IncrementKind::Data => return Ok(None),
            IncrementKind::Dir => stat.kind = FileKind::Directory,
            IncrementKind::Diff | IncrementKind::Snapshot => {}
        }
        let names = (self.names.user(stat.uid), self.names.group(stat.gid));
        let mut entry = entry_of(path.to_owned(), &stat, names.0, names.1, false);
        match &mut entry.kind {
            Kind::Symlink(target) => {
                *target = self.io(Doing::Read, place, self.repo.root().read_link(place.as_bytes()))?;
            }
            Kind::File(file) => {
                // Nobody knows any more how long it was.
                *file = File { size: u64::MAX, digest: None, link: None };
                let size = match self.old_size(&entry, increments) {
                    // Whoever puts it back finds that out again, and gives it up.
                    Err(Error::Rebuild { .. }) if !self.stop.is_set() => 0,
                    size => size?,
                };
                entry.kind = Kind::File(File { size, digest: None, link: None });
            }
            _ => {}
        }
        Ok(Some(entry))
    }

    /// How long a file was, found by rebuilding it.
    fn old_size(&self, entry: &Entry, increments: &[Increment]) -> Result<u64> {
        let chain = way_back(&self.mirror(entry), entry, increments, self.good)?;
        let mut content = self.repo.open_chain_until(&self.stop, entry, &chain, self.good)?;
        let mut content = self.stop.over(entry.path.as_path(), &mut content);
        let read = std::io::copy(&mut content, &mut std::io::sink());
        read.map_err(|e| Error::Rebuild { path: entry.path.clone(), at: self.good, source: e.into() })
    }
}
