//! New content: read from the source, and put beside the mirror.

use super::large::LargeCopy;
use super::{Place, SMALL, StageError, Tools};
use crate::backup::shared::Shared;
use crate::delta::AlignedScan;
use crate::entry::{Digest, Entry};
use crate::error::{Doing, ProblemKind, Result};
use crate::repo::disk::DiskFile;
use crate::repo::layout::StoredPath;
use crate::repo::metadata::Recorded;
use crate::repo::put::{BUFFER, copy_sparse, digest_of, read_full, write_with_holes};
use crate::tree::Stat;
use crate::tree::source::SourceFile;
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
    /// Reads the whole source file: small ones to memory, large ones to a new file, compared with the
    /// mirror on the way so that what didn't change is neither written nor read again.
    pub(super) fn read_content(
        &self,
        file: &mut dyn SourceFile,
        new: &Entry,
        stat: &Stat,
        old: Option<&Recorded>,
        tools: &mut Tools,
    ) -> Result<ReadContent, StageError> {
        let reading = |e| StageError::Source(ProblemKind::List, e);
        if stat.size <= SMALL {
            // One byte more than expected, to see in the same call that there is no more.
            tools.new.resize(stat.size as usize + 1, 0);
            let n = if stat.size == 0 {
                0
            } else {
                read_full_once(file, &mut tools.new, stat.size).map_err(reading)?
            };
            tools.new.truncate(n);
            return Ok(ReadContent {
                content: Content::Memory,
                digest: digest_of(&tools.new),
                size: n as u64,
            });
        }
        let mut copy = LargeCopy::new(self, new, old.map(|old| &old.entry));
        tools.old.resize(BUFFER, 0);
        let sparse = stat.allocated < stat.size;
        loop {
            if sparse && copy.offset() < stat.size {
                let (start, _) =
                    file.data_after(copy.offset()).map_err(reading)?.unwrap_or((stat.size, stat.size));
                while copy.offset() < start {
                    let n = (start - copy.offset()).min(BUFFER as u64) as usize;
                    let zeros = |buf: &mut [u8]| {
                        buf[..n].fill(0);
                        Ok(n)
                    };
                    copy.take(zeros, &mut tools.old)?;
                }
                file.seek(copy.offset()).map_err(reading)?;
            }
            if copy.take(|buf| read_full(file, buf), &mut tools.old)? == 0 {
                break;
            }
            if copy.offset() > stat.size {
                break; // it grows; it will be read again
            }
        }
        Ok(copy.finish()?)
    }

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

/// Reads at most one byte more than `size`, with one call in the common case.
fn read_full_once(file: &mut dyn SourceFile, buf: &mut [u8], size: u64) -> io::Result<usize> {
    let n = loop {
        match file.read(buf) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    // A regular file gives all that it has; a short read is its end.
    if n as u64 >= size || n == 0 { Ok(n) } else { Ok(n + read_full(file, &mut buf[n..])?) }
}
