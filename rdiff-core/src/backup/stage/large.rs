//! Copying a large file from the source, in pieces that are read once.

use super::StageError;
use super::content::{Content, ReadContent};
use super::passing::Passing;
use crate::backup::shared::Shared;
use crate::delta::{MovedScan, Stretch, read_at_most};
use crate::entry::Entry;
use crate::error::{Doing, ProblemKind, Result};
use crate::monitor::{Counter, Stop};
use crate::repo::disk::DiskFile;
use crate::repo::hashing::Hashing;
use crate::repo::layout::StoredPath;
use crate::repo::put::{BUFFER, between_holes, write_with_holes};
use std::fs::File;
use std::io;

/// A large file on its way from the source: hashed, compared with the mirror, and written from the first
/// difference on; where it can share the mirror's blocks, only the blocks that differ.
pub(super) struct LargeCopy<'a> {
    shared: &'a Shared,
    new: &'a Entry,
    hashing: Hashing,
    mirror: Option<(File, MovedScan)>,
    old_len: u64,
    out: Option<(Box<dyn DiskFile>, StoredPath)>,
    offset: u64,
    /// Who watches knows of so much.
    noted: u64,
    /// How far the written file reaches.
    end: u64,
    /// Has the new file all that the mirror has, in shared blocks?
    shares: bool,
    passing: Passing,
}

impl<'a> LargeCopy<'a> {
    /// Begins to copy the content of `new`, over that of `old` in the mirror if it was a file.
    pub(super) fn new(shared: &'a Shared, new: &'a Entry, old: Option<&Entry>) -> Self {
        let old = old.filter(|old| old.file().is_some() && !shared.is_first());
        let old_len = old.map_or(0, Entry::size);
        let mirror =
            old.and_then(|old| shared.disk.root().open_file_sized(shared.mirror(old).as_bytes()).ok());
        let mirror = mirror.map(|(file, _)| (file, MovedScan::new(old_len)));
        let hashing = Hashing::new(shared.helpers.clone(), new.size());
        Self {
            shared,
            new,
            hashing,
            mirror,
            old_len,
            out: None,
            offset: 0,
            noted: 0,
            end: 0,
            shares: false,
            passing: Passing::new(old_len, new.size()),
        }
    }

    /// How many bytes have come.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next bytes, which `fill` reads, and says how many there were. `old_buf` is memory of the size of a buffer.
    pub(super) fn take(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        old_buf: &mut [u8],
    ) -> Result<usize, StageError> {
        let (piece, length) =
            self.hashing.piece(fill).map_err(|e| StageError::Source(ProblemKind::List, e))?;
        let bytes = &piece[..length];
        if bytes.is_empty() {
            return Ok(0);
        }
        let at = self.new.path.as_path();
        self.shared.stop.check(at).map_err(|e| StageError::Source(ProblemKind::Update, e))?;
        let (mut old, mut found): (&[u8], _) = (&[], Vec::new());
        if let Some((mirror, scan)) = &mut self.mirror {
            let compared = scan.feed(bytes, &*mirror, old_buf);
            let compared = self.shared.session.io(Doing::Read, &self.shared.mirror(self.new), compared)?;
            (old, found) = (&old_buf[..compared.old], compared.found);
        }
        if old != bytes {
            if self.out.is_none() {
                self.begin()?;
            }
            self.write(bytes, old, &found)?;
        } else if self.out.is_some() && !self.shares {
            self.write(bytes, &[], &[])?;
        }
        self.offset += length as u64;
        if self.offset - self.noted >= Stop::STRIDE {
            self.noted = self.offset;
            self.shared.stop.reached(at, Counter::BytesRead, self.offset);
        }
        if let Some((file, _)) = self.out.as_mut().filter(|_| !self.shares) {
            let mirror = self.mirror.as_ref().map(|(file, _)| file);
            self.passing.wrote(&mut **file, mirror, self.offset, &found);
        }
        Ok(length)
    }

    /// Writes bytes, over the old ones where the file holds them, or apart from the rest what was `found` in the old file.
    fn write(&mut self, bytes: &[u8], old: &[u8], found: &[Stretch]) -> Result<()> {
        let Some((file, place)) = &mut self.out else { return Ok(()) };
        let written = if self.shares {
            let end = self.end.max(self.offset + bytes.len() as u64);
            write_over(&mut **file, bytes, old, self.offset).map(|()| end)
        } else {
            let found = if self.passing.is_large() { found } else { &[] };
            between_holes(bytes, self.offset, self.end, |bytes, offset| {
                write_apart(&mut **file, bytes, offset, found)
            })
        };
        self.end = self.shared.session.io(Doing::Write, place, written)?;
        Ok(())
    }

    /// Opens the new file, and writes what was the same as in the mirror so far.
    fn begin(&mut self) -> Result<()> {
        let (mut file, place) = self.shared.create_new(self.new)?;
        let session = &self.shared.session;
        if let Some((mirror, _)) = &self.mirror {
            self.shares = session.io(Doing::Write, &place, file.share_blocks_of(mirror))?;
        }
        if self.shares {
            self.end = self.old_len;
        } else if let Some((mirror, _)) = self.mirror.as_ref().filter(|_| self.offset > 0) {
            let mut buf = vec![0; BUFFER];
            let mut at = 0;
            while at < self.offset {
                let n = buf.len().min((self.offset - at) as usize);
                let go_on = self.shared.stop.check(self.new.path.as_path());
                let n = go_on.and_then(|()| read_at_most(mirror, &mut buf[..n], at));
                let n = session.io(Doing::Read, &place, n)?;
                if n == 0 {
                    break;
                }
                let written = write_with_holes(&mut *file, &buf[..n], at, self.end);
                self.end = session.io(Doing::Write, &place, written)?;
                let found = Stretch { new: at, old: at, len: n as u64 };
                at += found.len;
                self.passing.wrote(&mut *file, Some(mirror), at, &[found]);
            }
        }
        self.out = Some((file, place));
        Ok(())
    }

    /// All bytes have come.
    pub(super) fn finish(mut self) -> Result<ReadContent> {
        let shorter = self.mirror.is_some() && self.offset != self.old_len;
        if self.out.is_none() && (shorter || self.mirror.is_none()) {
            self.begin()?;
        }
        let content = match self.out {
            None => Content::SameAsMirror,
            Some((mut file, place)) => {
                if self.end < self.offset || self.shares {
                    self.shared.session.io(Doing::Write, &place, file.set_len(self.offset))?;
                }
                Content::Written { file, place, scan: self.mirror.map(|(_, scan)| scan.into_scan()) }
            }
        };
        Ok(ReadContent { content, digest: self.hashing.finish(), size: self.offset })
    }
}

/// What is written at once where blocks are shared, in bytes: no file system has smaller blocks, and memory no smaller pages.
const BLOCK: usize = 4096;

/// Writes whole pages of what was found elsewhere apart from the rest. So the system keeps the two apart in memory too, and
/// forgets the one without the other.
fn write_apart(file: &mut dyn DiskFile, bytes: &[u8], offset: u64, found: &[Stretch]) -> io::Result<()> {
    let end = offset + bytes.len() as u64;
    let cuts = found.iter().flat_map(|Stretch { new, len, .. }| {
        [new.next_multiple_of(BLOCK as u64), (new + len) / BLOCK as u64 * BLOCK as u64]
    });
    let mut at = offset;
    for cut in cuts.chain([end]).map(|cut| cut.min(end)) {
        if at < cut {
            file.write_all_at(&bytes[(at - offset) as usize..(cut - offset) as usize], at)?;
            at = cut;
        }
    }
    Ok(())
}

/// Writes the blocks that differ from what is there.
fn write_over(file: &mut dyn DiskFile, bytes: &[u8], old: &[u8], offset: u64) -> io::Result<()> {
    let differs = |at: usize| {
        let end = (at + BLOCK).min(bytes.len());
        old.get(at..end) != Some(&bytes[at..end])
    };
    let mut from = None;
    for at in (0..bytes.len()).step_by(BLOCK) {
        match (from, differs(at)) {
            (None, true) => from = Some(at),
            (Some(start), false) => {
                file.write_all_at(&bytes[start..at], offset + start as u64)?;
                from = None;
            }
            _ => {}
        }
    }
    from.map_or(Ok(()), |start| file.write_all_at(&bytes[start..], offset + start as u64))
}
