//! New content, put beside the mirror.

use super::{Place, StageError, Tools};
use crate::backup::shared::Shared;
use crate::delta::AlignedScan;
use crate::entry::{Digest, Entry};
use crate::error::{Doing, Result};
use crate::repo::disk::DiskFile;
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Recorded;
use crate::repo::put::{BUFFER, copy_sparse, write_with_holes};
use std::fs::File;
use std::io;

/// Content that was read from the source.
pub(super) enum Content {
    /// In `Tools::new`.
    Memory,
    /// In a staged file (or in place), open to be read again.
    Written { file: Box<dyn DiskFile>, place: StoredPath, scan: Option<AlignedScan> },
    /// The same as in the mirror; nothing was written.
    SameAsMirror,
}

pub(super) struct ReadContent {
    pub(super) content: Content,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Shared {
    /// Drops content of a file that changed under us.
    pub(super) fn discard(&self, content: Content) -> Result<()> {
        if let Content::Written { place, .. } = content {
            self.session.io(Doing::Remove, &place, self.disk.unlink(&place))?;
        }
        Ok(())
    }

    /// Brings the content to the staging directory, or to its place in a first session.
    pub(super) fn put(
        &self,
        read: ReadContent,
        new: &Entry,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<Place, StageError> {
        let (mut file, place) = match read.content {
            Content::Written { file, place, .. } => (file, place),
            Content::Memory => {
                let (mut file, place) = self.create_new(new)?;
                let written = if tools.new.is_empty() {
                    Ok(())
                } else {
                    write_with_holes(&mut *file, &tools.new, 0, 0)
                        .and_then(|end| if end < read.size { file.set_len(read.size) } else { Ok(()) })
                };
                self.session.io(Doing::Write, &place, written)?;
                (file, place)
            }
            Content::SameAsMirror => {
                let (mut file, place) = self.create_new(new)?;
                let old_place = old.map_or_else(|| self.mirror(new), |o| self.mirror(&o.entry));
                let mut mirror = self.stop.over(new.path.as_path(), self.open_mirror(&old_place)?.0);
                tools.old.resize(BUFFER, 0);
                let copied = copy_sparse(&mut mirror, &mut *file, u64::MAX, &mut tools.old);
                self.session.io(
                    Doing::Write,
                    &place,
                    copied.map_err(|e| io::Error::other(format!("{e:?}"))),
                )?;
                (file, place)
            }
        };
        self.session.io(Doing::SetAttributes, &place, file.set_attributes(&self.for_mirror(new)))?;
        Ok(if self.is_first() { Place::Mirror } else { Place::Staged(place) })
    }

    /// A new file, and where it is: in staging, or in the mirror of a first session.
    pub(super) fn create_new(&self, new: &Entry) -> Result<(Box<dyn DiskFile>, StoredPath)> {
        let place = if self.is_first() { self.mirror(new) } else { self.session.staged() };
        let file = self.retry_over(&place, || self.disk.create(&place))?;
        Ok((file, place))
    }

    fn open_mirror(&self, place: &StoredPath) -> Result<(File, u64)> {
        let opened = self.disk.root().open_file_sized(place.as_bytes());
        self.session.io(Doing::Open, place, opened)
    }
}
