//! What a server writes, cut into packets; waiting for it has an end.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::packet::{self, LONGEST_PACKET, Malformed};

/// What ssh has written, and which of it has been read.
pub(super) struct Incoming {
    from: File,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// What became of waiting for more.
pub(super) enum Filled {
    Some,
    /// Not within the time.
    Nothing,
    End,
}

impl Incoming {
    pub(super) fn new(from: OwnedFd) -> Self {
        Self { from: from.into(), buffer: vec![0; 2 * LONGEST_PACKET], start: 0, end: 0 }
    }

    /// The next packet, if all of it is here.
    pub(super) fn packet(&self) -> Result<Option<&[u8]>, Malformed> {
        let bytes = &self.buffer[self.start..self.end];
        Ok(packet::packet_len(bytes)?.and_then(|len| bytes.get(..len)))
    }

    /// Goes on behind that packet.
    pub(super) fn next(&mut self) {
        if let Ok(Some(packet)) = self.packet() {
            self.start += packet.len();
        }
    }

    /// Reads more, if there is some within `limit`.
    pub(super) fn fill(&mut self, limit: Duration) -> io::Result<Filled> {
        let mut fds = [PollFd::new(&self.from, PollFlags::IN)];
        let time = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
        match poll(&mut fds, Some(&time)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Filled::Nothing),
            Ok(_) => {}
            Err(e) => return Err(e.into()),
        }
        // The buffer has room for two of the longest packets, so that moving is rare and always enough.
        if self.buffer.len() - self.end < LONGEST_PACKET / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let read = self.from.read(&mut self.buffer[self.end..])?;
        self.end += read;
        Ok(if read == 0 { Filled::End } else { Filled::Some })
    }
}
