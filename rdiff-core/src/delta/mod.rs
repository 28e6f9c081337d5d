//! librsync delta streams: read, applied, composed and made.
//!
//! A delta says how to build one file (its *target*) from another (its *basis*) and some literal
//! bytes. In a repository the basis is the newer file and the target the older one.
//!
//! Everything read here may be damaged or hostile: a wrong stream is a [`DeltaError`], never a panic,
//! and nothing is allocated for a length that a stream merely declares.
//!
//! - [`Decoder`] and [`apply`] read one delta, in the strict profile: no command of length zero, no
//!   COPY that leaves the basis, no parameter of 2^63 or more. Bytes after END are accepted.
//! - [`Encoder`] makes one from two local files. It compares bytes, so a match cannot be a collision.
//! - [`Composer`] turns a chain of deltas into one [`Plan`], so the file is written once.
//!
//! ```
//! use rdiff_core::delta::{
//!     AlignedScan, Command, ComposeLimits, Composer, DeltaError, Decoder, EncodeStats, Encoder, Plan, PlanRange, PlanReader, ReadAt,
//!     apply, encode, write_identity,
//! };
//!
//! let (basis, target) = (b"The quick brown fox. ".repeat(100), b"The quick brown cat. ".repeat(100));
//! let mut delta = Vec::new();
//! let stats: EncodeStats =
//!     encode(&basis, basis.len() as u64, &target, target.len() as u64, &mut delta)?;
//! assert!(stats.literals > 0);
//!
//! // Applied; the limit, in bytes, is for the output.
//! let mut made = Vec::new();
//! apply(&basis, basis.len() as u64, &delta[..], 1 << 20, &mut made)?;
//! assert_eq!(made, target);
//!
//! // Command by command.
//! let mut decoder = Decoder::new(&delta[..]);
//! let mut bytes = 0;
//! while let Some(command) = decoder.next_command()? {
//!     bytes += command.output_len();
//!     if let Command::Literal { .. } = command {
//!         while !decoder.literal_chunk()?.is_empty() {}
//!     }
//! }
//! assert_eq!(bytes, target.len() as u64);
//!
//! // A chain of deltas becomes one plan, the last to be applied first.
//! let mut same = Vec::new();
//! write_identity(basis.len() as u64, &mut same)?;
//! let mut composer = Composer::new(ComposeLimits::default(), tempfile::tempfile);
//! composer.push(&delta[..], 1 << 20)?;
//! composer.push(&same[..], 1 << 20)?;
//! let plan: Plan = composer.finish(basis.len() as u64)?;
//! assert_eq!(plan.len(), target.len() as u64);
//! let reader: PlanReader<&Plan, _> = plan.reader(&basis);
//! assert_eq!(std::io::read_to_string(reader)?.as_bytes(), target);
//! assert!(plan.ranges().any(|range| matches!(range, PlanRange::Literal { .. })));
//!
//! // What is read anyway can be compared on the way.
//! let mut scan = AlignedScan::new(target.len() as u64);
//! scan.feed(0, &basis, &target);
//! let mut again = Vec::new();
//! Encoder::new().encode_with(scan, &basis, basis.len() as u64, &target, target.len() as u64, &mut again)?;
//!
//! let damaged = apply(&basis, basis.len() as u64, &b"nonsense"[..], 1 << 20, &mut Vec::new());
//! assert!(matches!(damaged, Err(DeltaError::BadMagic { .. })), "{damaged:?}");
//! assert_eq!(basis.read_at(&mut [0; 4], u64::MAX)?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aligned;
mod compose;
mod decode;
mod emit;
mod encode;
mod matching;
mod moved;
mod search;
mod window;

use crate::monitor::Stoppable;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub use aligned::AlignedScan;
pub use compose::{ComposeLimits, Composer, Plan, PlanRange, PlanReader};
pub use decode::{Command, Decoder, apply};
pub use emit::EncodeStats;
pub use encode::{Encoder, encode};
pub(crate) use moved::{MovedScan, Stretch};

/// The first four bytes of every delta: `rs`, 02, `6`.
pub const DELTA_MAGIC: [u8; 4] = [0x72, 0x73, 0x02, 0x36];

/// The longest literal an encoder emits, in bytes, and so what other decoders must buffer.
///
/// librsync cuts its literals at 64 KiB less the three bytes of the command.
pub const MAX_LITERAL: usize = 65_533;

/// The command that ends a delta.
const OP_END: u8 = 0x00;
/// Up to here the opcode is the length of a literal.
const OP_LITERAL_SHORT_LAST: u8 = 0x40;
/// Literals whose length takes 1, 2, 4 or 8 bytes start here.
const OP_LITERAL_1: u8 = 0x41;
/// Copies start here, four lengths for each of four offsets.
const OP_COPY_1_1: u8 = 0x45;
/// The last copy: eight bytes for each parameter.
const OP_COPY_8_8: u8 = 0x54;

/// Bytes at any offset, without a position that calls would have to share.
pub trait ReadAt {
    /// Reads some bytes at `offset` into `buf` and says how many; 0 only at the end or for an empty `buf`.
    ///
    /// # Errors
    /// Whatever the file says. `Interrupted` is tried again by the callers in this module.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl<R: ReadAt> ReadAt for Stoppable<'_, R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.check()?;
        self.reader.read_at(buf, offset)
    }
}

impl ReadAt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or(&[]);
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buf, offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Arc<T> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buf, offset)
    }
}

/// Why a delta could not be read, applied, composed or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// Reading the delta, the basis or the target failed.
    #[error("cannot read a delta or the file it is about")]
    Io(#[from] io::Error),
    /// Writing the result, or a temporary file, failed.
    #[error("cannot write the result of a delta")]
    Write(#[source] io::Error),
    /// The stream does not start with [`DELTA_MAGIC`].
    #[error("not a delta: wrong magic")]
    BadMagic,
    /// The stream stops before its END command.
    #[error("the delta ends too early")]
    Truncated,
    /// A command of the reserved range, 0x55 to 0xff.
    #[error("unknown command {0:#04x} in a delta")]
    BadOpcode(u8),
    /// A LITERAL or COPY of no bytes, which no encoder writes.
    #[error("a command of length zero in a delta")]
    ZeroLength,
    /// A parameter of 2^63 or more, or a sum that passes 2^63.
    #[error("a length or offset in a delta is too large")]
    TooLong,
    /// A COPY that reads beyond the basis: the delta is damaged or belongs to another file.
    #[error("a delta copies {len} bytes from offset {offset} of a file of {basis} bytes")]
    OutOfBasis {
        /// Where the COPY starts, in bytes.
        offset: u64,
        /// How many bytes it asks for.
        len: u64,
        /// The length of the basis, in bytes.
        basis: u64,
    },
    /// The result would be longer than the caller allows. Nothing beyond the limit was written.
    #[error("the result of a delta is longer than {limit} bytes")]
    OutputTooLarge {
        /// What the caller allowed, in bytes.
        limit: u64,
    },
    /// A composed chain has too many ranges. Apply its deltas one after the other instead.
    #[error("a chain of deltas needs more than {limit} ranges")]
    TooManyRanges {
        /// What the caller allowed.
        limit: usize,
    },
    /// A file is shorter than the caller said, so it changed meanwhile.
    #[error("a file ended at {offset}, before its stated length of {len} bytes")]
    ShortFile {
        /// Where it ended, in bytes.
        offset: u64,
        /// The length it was said to have, in bytes.
        len: u64,
    },
}

impl From<DeltaError> for io::Error {
    /// For readers, whose errors must be of this type: keeps the kind where there is one.
    fn from(error: DeltaError) -> Self {
        match error {
            DeltaError::Io(e) | DeltaError::Write(e) => e,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// Reads once, again after `Interrupted`.
fn read_some<R: Read + ?Sized>(input: &mut R, buf: &mut [u8]) -> Result<usize, DeltaError> {
    loop {
        match input.read(buf) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

/// Fills all of `buf` from `offset` of a file said to be `len` bytes long.
fn read_full_at<R: ReadAt + ?Sized>(
    file: &R,
    len: u64,
    buf: &mut [u8],
    offset: u64,
) -> Result<(), DeltaError> {
    match read_at_most(file, buf, offset)? {
        n if n < buf.len() => Err(DeltaError::ShortFile { offset: offset + n as u64, len }),
        _ => Ok(()),
    }
}

/// Fills `buf` from `offset` on, as far as the file goes.
pub(crate) fn read_at_most<R: ReadAt + ?Sized>(file: &R, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Writes all of `bytes`; a failure is the output's, not the input's.
fn write_all<W: Write + ?Sized>(out: &mut W, bytes: &[u8]) -> Result<(), DeltaError> {
    out.write_all(bytes).map_err(DeltaError::Write)
}
/// Writes the delta that makes a file of `len` bytes from itself: one COPY of all of it.
///
/// # Errors
/// [`DeltaError::Write`].
pub fn write_identity(len: u64, out: &mut impl io::Write) -> Result<(), DeltaError> {
    let mut delta = DELTA_MAGIC.to_vec();
    if len > 0 {
        let bytes = len.to_be_bytes();
        let (width, opcode) = match len {
            0..=0xff => (1, 0x45),
            0x100..=0xffff => (2, 0x46),
            0x1_0000..=0xffff_ffff => (4, 0x47),
            _ => (8, 0x48),
        };
        delta.extend_from_slice(&[opcode, 0]);
        delta.extend_from_slice(&bytes[8 - width..]);
    }
    delta.push(0);
    out.write_all(&delta).map_err(DeltaError::Write)
}

/// Bytes that don't repeat, and can't be made fewer.
#[cfg(test)]
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(len).collect()
}
