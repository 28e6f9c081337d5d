//! The digest of a large file, made by another worker while the file is compared and written.

use crate::entry::Digest;
use crate::pool::{Helpers, Task};
use crate::repo::put::{BUFFER, Hasher};
use std::sync::Arc;

/// Takes pieces of a file in two buffers by turns: one is hashed while the other is filled.
pub(super) struct Hashing {
    helpers: Helpers,
    buffers: [Arc<[u8]>; 2],
    turn: usize,
    before: Before,
}

/// The digest of the pieces before.
enum Before {
    Known(Hasher),
    UnderWay(Task<Hasher>),
}

impl Before {
    fn wait(self) -> Hasher {
        match self {
            Before::Known(hasher) => hasher,
            Before::UnderWay(task) => task.join(),
        }
    }
}

impl Hashing {
    /// With nothing hashed yet.
    pub(super) fn new(helpers: Helpers) -> Self {
        let buffers = [(); 2].map(|()| Arc::from(vec![0; BUFFER]));
        Self { helpers, buffers, turn: 0, before: Before::Known(Hasher::default()) }
    }

    /// Lets `fill` put a piece in memory, and say its length; begins to hash it.
    pub(super) fn piece<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(Arc<[u8]>, usize), E> {
        self.turn = 1 - self.turn;
        let buffer = &mut self.buffers[self.turn];
        // Its piece was hashed before that of the other buffer was begun.
        let length = fill(Arc::make_mut(buffer))?;
        let piece = Arc::clone(buffer);
        if length > 0 {
            let mut hasher = std::mem::replace(&mut self.before, Before::Known(Hasher::default())).wait();
            let hashed = Arc::clone(buffer);
            self.before = Before::UnderWay(self.helpers.submit(move || {
                hasher.update(&hashed[..length]);
                hasher
            }));
        }
        Ok((piece, length))
    }

    /// The digest of all pieces.
    pub(super) fn finish(self) -> Digest {
        self.before.wait().finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use crate::repo::put::digest_of;
    use std::io;

    fn digest(helpers: Helpers, content: &[u8], lengths: &[usize]) -> Digest {
        let mut hashing = Hashing::new(helpers);
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
        let lengths = [BUFFER, 1, 0, BUFFER / 2, 77, BUFFER, 3];
        let want = digest_of(&content[..lengths.iter().sum()]);
        for workers in [0, 1, 3] {
            let pool = Pool::new(workers);
            assert_eq!(digest(pool.helpers(), &content, &lengths), want);
            let helpers = pool.helpers();
            drop(pool);
            assert_eq!(digest(helpers, &content, &lengths), want, "after the end of the pool");
        }
    }

    #[test]
    fn what_could_not_be_read_is_not_hashed() {
        let pool = Pool::new(1);
        let mut hashing = Hashing::new(pool.helpers());
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
