//! Step 3: the old state of a path, rebuilt beside the mirror.

use super::batch::Fix;
use super::finder::Touched;
use super::{Lost, Undo};
use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, Result, chain};
use crate::format::names::IncrementKind;
use crate::repo::increments::{Base, Chain, Increment};
use crate::repo::layout::StoredPath;
use crate::repo::put::{CopyError, copy_sparse, hash, make_special};
use crate::time::SessionTime;
use crate::tree::attrs::{Applied, Ownership};
use crate::tree::caps::Capabilities;
use crate::tree::{FileKind, Stat};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

impl Undo {
    pub(super) fn mirror(&self, entry: &Entry) -> StoredPath {
        self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref())
    }

    pub(super) fn set_attributes(&self, entry: &Entry, ownership: &Ownership) -> Result<()> {
        let place = self.mirror(entry);
        let applied = self.applied(entry, ownership);
        self.io(Doing::SetAttributes, &place, self.disk.set_attributes(&place, &applied))
    }

    fn applied<'e>(&self, entry: &'e Entry, ownership: &Ownership) -> Applied<'e> {
        let mut applied = ownership.applied(entry, &Capabilities::full());
        applied.mtime = applied.mtime.map(|(seconds, _)| (seconds, 0));
        applied
    }

    /// Finds out what a touched path lacks, and rebuilds its old state in staging (step 3).
    pub(super) fn rebuild(&self, touched: &Touched, buf: &mut [u8]) -> Result<Fix> {
        let entry = &touched.entry;
        let ownership = Ownership::new(Arc::clone(&self.names));
        match &entry.kind {
            Kind::Dir => Ok(Fix::Nothing),
            Kind::File(_) => match &touched.link_to {
                // They may be one file now, and not be any more when the first has been put back.
                Some(first) => Ok(Fix::Link(first.clone())),
                None => self.rebuild_alone(touched, buf),
            },
            kind => {
                let same =
                    touched.stat.is_some_and(|s| s.is_a(kind)) && self.same_target(kind, &touched.place);
                if same {
                    return Ok(Fix::Attributes);
                }
                let staged = self.staged();
                self.io(Doing::Create, &staged, make_special(&*self.disk, &staged, kind))?;
                let applied = self.applied(entry, &ownership);
                self.io(Doing::SetAttributes, &staged, self.disk.set_attributes(&staged, &applied))?;
                Ok(Fix::Put(staged))
            }
        }
    }

    fn same_target(&self, kind: &Kind, place: &StoredPath) -> bool {
        match kind {
            Kind::Symlink(target) => self.repo.root().read_link(place.as_bytes()).is_ok_and(|t| t == *target),
            _ => true,
        }
    }

    /// The same of a file, whatever other names it has.
    pub(super) fn rebuild_alone(&self, touched: &Touched, buf: &mut [u8]) -> Result<Fix> {
        let entry = &touched.entry;
        let ownership = &Ownership::new(Arc::clone(&self.names));
        let stat = touched.stat.filter(|s| s.kind == FileKind::Regular);
        if let Some(stat) = stat.filter(|s| s.size == entry.size()) {
            let same = match touched.digest {
                Some(digest) => self.digest_of(entry, &touched.place, buf)? == digest,
                None => Some(stat.mtime.0) == entry.attrs.mtime,
            };
            // A file that other names share must not be changed under them.
            let names = entry.file().and_then(|f| f.link).map_or(1, |link| link.count);
            if same && stat.links <= names && self.is_first_to_keep(&stat) {
                return Ok(Fix::Attributes);
            }
            if same {
                return self.put_content(
                    touched,
                    &Chain { base: Base::Mirror(touched.place.clone()), deltas: Vec::new() },
                    ownership,
                    buf,
                );
            }
        }
        let put = way_back(&touched.place, entry, &touched.increments, self.good)
            .and_then(|chain| self.put_content(touched, &chain, ownership, buf));
        match put {
            Err(e @ Error::Rebuild { .. }) if !self.stop.is_set() => {
                self.give_up(touched, why(&e));
                Ok(Fix::Nothing)
            }
            put => put,
        }
    }

    /// Is this the first group of names to keep an inode? Of one content, two groups that became one file may each have as many
    /// names as that has left: only one of them can have it, and the attributes that it gets.
    fn is_first_to_keep(&self, stat: &Stat) -> bool {
        let inode = (stat.device, stat.inode);
        stat.links == 1 || self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(inode)
    }

    /// What can't be rebuilt must not keep all else from being put back.
    pub(super) fn give_up(&self, touched: &Touched, why: String) {
        let increments = touched.increments.iter().map(|i| i.place.clone()).collect();
        let (path, place) = (touched.entry.path.clone(), touched.place.clone());
        let lost = Lost { path, place, why, increments };
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(lost);
    }

    /// Rebuilds a file in staging.
    fn put_content(
        &self,
        touched: &Touched,
        chain: &Chain,
        ownership: &Ownership,
        buf: &mut [u8],
    ) -> Result<Fix> {
        let entry = &touched.entry;
        let content = self.repo.open_chain_until(&self.stop, entry, chain, self.good)?;
        let mut content = self.stop.over(entry.path.as_path(), content);
        let staged = self.staged();
        let mut file = self.io(Doing::Create, &staged, self.disk.create(&staged))?;
        let wrong =
            |why: String| Error::Rebuild { path: entry.path.clone(), at: self.good, source: why.into() };
        let base = || chain.files().next().map_or_else(PathBuf::new, |place| self.repo.path_of(place));
        let copied = copy_sparse(&mut content, &mut *file, entry.size(), buf).map_err(|e| match e {
            CopyError::Write(source) => {
                // On a full disk what is written of it is in the way of others.
                self.disk.unlink(&staged).ok();
                Error::Io { doing: Doing::Write, path: self.repo.path_of(&staged), source }
            }
            CopyError::Read(source) if source.raw_os_error().is_some() => {
                Error::Io { doing: Doing::Read, path: base(), source }
            }
            CopyError::Read(e) if chain.deltas.is_empty() => wrong(format!("{}: {e}", base().display())),
            CopyError::Read(e) => wrong(e.to_string()),
            CopyError::TooLong => wrong("there is more of it than its record says".to_owned()),
        })?;
        if touched.digest.is_some_and(|d| d != copied.digest) || copied.length != entry.size() {
            // An increment is durable before its file changes: this is what there was. Without it nothing would go on.
            self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(entry.path.clone());
        }
        self.io(Doing::SetAttributes, &staged, file.set_attributes(&self.applied(entry, ownership)))?;
        Ok(Fix::Put(staged))
    }

    fn digest_of(&self, entry: &Entry, place: &StoredPath, buf: &mut [u8]) -> Result<Digest> {
        let file = match self.repo.root().open_file(place.as_bytes()) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let open = Applied { mode: Some(0o600), ..Applied::default() };
                self.io(Doing::SetAttributes, place, self.disk.set_attributes(place, &open))?;
                self.io(Doing::Open, place, self.repo.root().open_file(place.as_bytes()))?
            }
            other => self.io(Doing::Open, place, other)?,
        };
        let found = hash(&mut self.stop.over(entry.path.as_path(), file), buf);
        self.io(Doing::Read, place, found).map(|(digest, _)| digest)
    }
}

/// Why something can't be rebuilt, without what.
fn why(e: &Error) -> String {
    std::error::Error::source(e).map_or_else(|| chain(e), chain)
}

/// What to read for the old content of a file that is not what it was at `good`, of which the mirror file is at `mirror`.
pub(super) fn way_back(
    mirror: &StoredPath,
    entry: &Entry,
    increments: &[Increment],
    good: SessionTime,
) -> Result<Chain> {
    match increments.last() {
        Some(newest) if newest.kind == IncrementKind::Snapshot => {
            Ok(Chain { base: Base::Snapshot(newest.clone()), deltas: Vec::new() })
        }
        Some(newest) if newest.kind == IncrementKind::Diff => {
            Ok(Chain { base: Base::Mirror(mirror.clone()), deltas: increments.to_vec() })
        }
        _ => Err(Error::Rebuild {
            path: entry.path.clone(),
            at: good,
            source: "the mirror file is not what was backed up, and there is no increment for it".into(),
        }),
    }
}
