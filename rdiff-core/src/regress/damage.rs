//! Metadata of the good session that are damaged: what has no record may have had one, so nothing is removed for that.

use super::Undo;
use crate::error::{Error, Result};
use crate::format::names::IncrementKind;
use crate::path::RepoPath;
use crate::repo::increments::Increment;
use crate::repo::metadata::{Detail, Recorded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Whether they are damaged, and the first that was met of it.
#[derive(Default)]
pub(super) struct Damage {
    is_there: AtomicBool,
    first: Mutex<Option<Error>>,
}

impl Undo {
    /// The records of the good session, up to where they are damaged.
    pub(super) fn records_of_good(&self) -> Result<impl Iterator<Item = Result<Recorded>>> {
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
        if !e.is_damage() {
            return Err(e);
        }
        self.damage.is_there.store(true, Ordering::Release);
        self.damage.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
        Ok(())
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damage.is_there.load(Ordering::Acquire)
    }

    /// A path without a record is one that the failed session made. Where records are damaged, that takes an increment
    /// that says so.
    pub(super) fn refuse_unrecorded(&self, increments: &[Increment]) -> Result<()> {
        if !self.is_damaged() || increments.iter().all(|i| i.kind == IncrementKind::Missing) {
            return Ok(());
        }
        let damage = self.damage.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(damage.unwrap_or(Error::Internal("damage without an error")))
    }
}
