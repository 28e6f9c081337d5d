//! A large file, with a window of reads ahead of the reader.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdiff_core::entry::{Acl, Xattrs};
use rdiff_core::tree::Stat;
use rdiff_core::tree::source::SourceFile;

use super::answers::{refused, stat_from};
use super::handle::Handle;
use super::packet::{Code, Reply, Request};
use super::session::Pending;

/// The largest window of reads ahead in one file, in bytes: what ssh lets through in two round trips.
const WINDOW: usize = 4 << 20;

/// A large file, with reads under way.
pub(super) struct Stream {
    handle: Handle,
    before: Stat,
    /// What is at hand, and how much of it was taken.
    data: Vec<u8>,
    taken: usize,
    reads: VecDeque<PartRead>,
    /// Where the next read begins.
    next: u64,
    ended: bool,
    touched: bool,
}

struct PartRead {
    offset: u64,
    len: usize,
    pending: Pending,
}

impl Stream {
    pub(super) fn new(handle: Handle, before: Stat) -> Self {
        handle.link().streams.fetch_add(1, Ordering::Relaxed);
        Self {
            handle,
            before,
            data: Vec::new(),
            taken: 0,
            reads: VecDeque::new(),
            next: 0,
            ended: false,
            touched: false,
        }
    }

    /// Keeps the window full: up to the size that is known, one read behind it for the end, and from there
    /// on one at a time.
    fn read_ahead(&mut self) -> io::Result<()> {
        let link = Arc::clone(self.handle.link());
        let (read_len, share) = (link.read_len(), link.streams.load(Ordering::Relaxed).max(1));
        let window = (link.session.bounds().read_ahead / share).clamp(2 * read_len, WINDOW.max(2 * read_len));
        let mut ahead: usize = self.reads.iter().map(|read| read.len).sum();
        let mut parts = Vec::new();
        while (ahead < window && self.next <= self.before.size) || (self.reads.is_empty() && parts.is_empty())
        {
            parts.push((self.next, read_len));
            self.next += read_len as u64;
            ahead += read_len;
        }
        self.ask(&parts, false)
    }

    /// Asks for parts; `first` puts them before the others.
    fn ask(&mut self, parts: &[(u64, usize)], first: bool) -> io::Result<()> {
        let handle = &self.handle.bytes;
        let request = |&(offset, len): &(u64, usize)| Request::Read { handle, offset, len: len as u32 };
        let requests: Vec<_> = parts.iter().map(request).collect();
        let pending = self.handle.link().session.ask(&requests)?;
        for (&(offset, len), pending) in parts.iter().zip(pending) {
            let read = PartRead { offset, len, pending };
            if first { self.reads.push_front(read) } else { self.reads.push_back(read) }
        }
        Ok(())
    }

    /// Waits for the next part.
    fn fill(&mut self) -> io::Result<()> {
        self.read_ahead()?;
        let Some(PartRead { offset, len, pending }) = self.reads.pop_front() else { return Ok(()) };
        match pending.wait()? {
            Reply::Data(data) if !data.is_empty() && data.len() <= len => {
                let given = data.len();
                (self.data, self.taken) = (data, 0);
                if given < len {
                    // The end, or a server that gives less than it is asked for: the next answer tells.
                    let rest = (offset + given as u64, len - given);
                    if rest.0 < self.before.size {
                        self.handle.link().lower_read_len(given);
                    }
                    self.ask(&[rest], true)?;
                }
                Ok(())
            }
            Reply::Status(Code::Eof, _) => {
                self.ended = true;
                self.reads.clear();
                Ok(())
            }
            other => Err(refused(other)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.touched = true;
        while self.taken == self.data.len() && !self.ended {
            self.fill()?;
        }
        let read = (&self.data[self.taken..]).read(buf)?;
        self.taken += read;
        Ok(read)
    }
}

impl SourceFile for Stream {
    fn stat(&self) -> io::Result<Stat> {
        if self.touched {
            stat_from(self.handle.link().session.ask_one(&Request::FStat(&self.handle.bytes))?)
        } else {
            Ok(self.before)
        }
    }

    fn attributes(&self) -> io::Result<(Xattrs, Acl)> {
        Ok(Default::default())
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.reads.clear();
        self.data.clear();
        (self.taken, self.next, self.ended) = (0, offset, false);
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.handle.link().streams.fetch_sub(1, Ordering::Relaxed);
    }
}
