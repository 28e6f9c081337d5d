//! The digest of a file, made by another worker while the file is read, compared and written, if it is large.
//!
//! That worker takes one piece after the other as long as there are any. If it were woken for each of them, and waited for at
//! each, both would spend more time on that than on their work.

use super::put::{BUFFER, HASHED_APART, Hasher};
use crate::entry::Digest;
use crate::pool::{Helpers, Task};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// So many pieces may wait to be hashed.
const PIECES: usize = 16;

/// Takes pieces of a file in buffers by turns: some are hashed while another is filled.
pub(crate) struct Hashing {
    /// Is another worker asked?
    apart: bool,
    helpers: Helpers,
    buffers: [Arc<[u8]>; PIECES],
    turn: usize,
    shared: Arc<Shared>,
    /// Hashes what is in the queue.
    task: Option<Task<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// The queue has become short, or the task has ended.
    short: Condvar,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<(Arc<[u8]>, usize)>,
    /// Of the pieces before; with the task while there is one.
    hasher: Hasher,
    has_task: bool,
    /// Has a worker begun it?
    has_begun: bool,
    /// Does anybody wait for a short queue?
    is_awaited: bool,
}

/// While so many pieces wait to be hashed, others can be filled.
const SHORT: usize = PIECES / 2;

impl Hashing {
    /// For a file of about `size` bytes.
    pub(crate) fn new(helpers: Helpers, size: u64) -> Self {
        // They get memory when they are used.
        let buffers = [(); PIECES].map(|()| Arc::default());
        let apart = size > HASHED_APART;
        Self { apart, helpers, buffers, turn: 0, shared: Arc::default(), task: None }
    }

    /// Lets `fill` put a piece in memory, and say its length; begins to hash it.
    pub(crate) fn piece<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(Arc<[u8]>, usize), E> {
        if self.apart {
            self.turn = (self.turn + 1) % PIECES;
        }
        if Arc::get_mut(&mut self.buffers[self.turn]).is_none() {
            self.wait_until_short();
        }
        let buffer = &mut self.buffers[self.turn];
        if buffer.is_empty() {
            *buffer = Arc::from(vec![0; BUFFER]);
        }
        let length = fill(Arc::make_mut(buffer))?;
        let piece = Arc::clone(buffer);
        if !self.apart {
            lock(&self.shared.queue).hasher.update(&piece[..length]);
        } else if length > 0 {
            self.submit(Arc::clone(&piece), length);
        }
        Ok((piece, length))
    }

    fn submit(&mut self, piece: Arc<[u8]>, length: usize) {
        let mut queue = lock(&self.shared.queue);
        queue.pieces.push_back((piece, length));
        if !queue.has_task {
            queue.has_task = true;
            drop(queue);
            let shared = Arc::clone(&self.shared);
            self.task = Some(self.helpers.submit(move || shared.hash_all()));
        }
    }

    /// Waits until some pieces are free, so early that who hashes still has work; or until all are hashed, if no worker has
    /// begun.
    fn wait_until_short(&mut self) {
        let mut queue = lock(&self.shared.queue);
        if !queue.has_begun {
            drop(queue);
            return self.wait();
        }
        queue.is_awaited = true;
        let is_long = |queue: &mut Queue| queue.has_begun && queue.pieces.len() > SHORT;
        let queue = self.shared.short.wait_while(queue, is_long);
        queue.unwrap_or_else(PoisonError::into_inner).is_awaited = false;
    }

    /// Waits until all is hashed.
    fn wait(&mut self) {
        if let Some(task) = self.task.take() {
            task.join();
        }
    }

    /// The digest of all pieces.
    pub(crate) fn finish(mut self) -> Digest {
        self.wait();
        std::mem::take(&mut lock(&self.shared.queue).hasher).finish()
    }
}

impl Shared {
    /// Hashes until there are no more pieces.
    fn hash_all(&self) {
        let mut queue = lock(&self.queue);
        queue.has_begun = true;
        let mut hasher = std::mem::take(&mut queue.hasher);
        while let Some((piece, length)) = queue.pieces.pop_front() {
            if queue.is_awaited && queue.pieces.len() <= SHORT {
                self.short.notify_one();
            }
            drop(queue);
            hasher.update(&piece[..length]);
            drop(piece);
            queue = lock(&self.queue);
        }
        queue.hasher = hasher;
        (queue.has_task, queue.has_begun) = (false, false);
        self.short.notify_one();
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use crate::repo::put::digest_of;
    use std::io;

    fn digest(helpers: Helpers, size: u64, content: &[u8], lengths: &[usize]) -> Digest {
        let mut hashing = Hashing::new(helpers, size);
        let mut at = 0;
        for &n in lengths {
            let fill = |buf: &mut [u8]| {
                buf[..n].copy_from_slice(&content[at..at + n]);
                Ok::<_, io::Error>(n)
            };
            let (piece, length) = hashing.piece(fill).unwrap();
            assert_eq!(&piece[..length], &content[at..at + n]);
            at += n;
        }
        hashing.finish()
    }

    #[test]
    fn the_digest_is_that_of_all_pieces_in_their_order() {
        let content: Vec<u8> = (0..3 * BUFFER as u32).map(|i| (i.wrapping_mul(i) >> 5) as u8).collect();
        let lengths = [&[BUFFER, 1, 0, BUFFER / 2, 77, BUFFER, 3][..], &[50; 3 * PIECES]].concat();
        let want = digest_of(&content[..lengths.iter().sum()]);
        for workers in [0, 1, 3] {
            let pool = Pool::new(workers);
            for size in [0, u64::MAX] {
                assert_eq!(digest(pool.helpers(), size, &content, &lengths), want);
            }
            let helpers = pool.helpers();
            drop(pool);
            assert_eq!(digest(helpers, u64::MAX, &content, &lengths), want, "after the end of the pool");
        }
    }

    #[test]
    fn what_could_not_be_read_is_not_hashed() {
        let pool = Pool::new(1);
        let mut hashing = Hashing::new(pool.helpers(), u64::MAX);
        hashing
            .piece(|buf| {
                buf[0] = 7;
                Ok::<_, io::Error>(1)
            })
            .unwrap();
        assert!(hashing.piece(|_| Err(io::Error::other("gone"))).is_err());
        assert_eq!(hashing.finish(), digest_of(&[7]));
    }
}
