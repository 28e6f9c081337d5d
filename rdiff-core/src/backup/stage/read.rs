//! Files of the source, read whole.

use super::content::{Content, ReadContent};
use super::large::LargeCopy;
use super::{SMALL, StageError, Tools};
use crate::backup::shared::Shared;
use crate::entry::Entry;
use crate::error::ProblemKind;
use crate::repo::metadata::Recorded;
use crate::repo::put::{BUFFER, digest_of, read_full};
use crate::tree::Stat;
use crate::tree::source::SourceFile;
use std::io;

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
