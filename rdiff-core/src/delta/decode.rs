//! Reading a delta stream, and applying it.
//!
//! The stream is read once, forwards; a literal's bytes are handed out as they arrive.

use std::io::{Read, Write};

use super::window::{WINDOW, Window};
use super::{
    DELTA_MAGIC, DeltaError, OP_COPY_1_1, OP_COPY_8_8, OP_END, OP_LITERAL_1, OP_LITERAL_SHORT_LAST, ReadAt,
    read_some, write_all,
};

/// How much of the stream is held, in bytes.
const BUFFER: usize = 64 * 1024;

/// One command of a delta. Lengths and offsets are in bytes, below 2^63; no length is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `len` bytes of the basis, from `offset`. Not yet checked against the basis.
    Copy {
        /// Where in the basis.
        offset: u64,
        /// How many bytes; `offset + len` does not pass 2^63.
        len: u64,
    },
    /// `len` bytes that follow in the stream: see [`Decoder::literal_chunk`].
    Literal {
        /// How many bytes.
        len: u64,
    },
}

impl Command {
    /// How many bytes of output the command makes.
    #[must_use]
    pub fn output_len(self) -> u64 {
        match self {
            Self::Copy { len, .. } | Self::Literal { len } => len,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The magic is still to be read.
    Start,
    Commands,
    /// END was read, or an error found.
    Done,
}

/// Reads commands from a delta stream, in the strict profile of [the module](super).
pub struct Decoder<R> {
    input: R,
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    literal_left: u64,
    state: State,
}

impl<R: Read> Decoder<R> {
    /// Starts reading; nothing is read before the first command is asked for.
    ///
    /// `input` needs no buffering of its own.
    pub fn new(input: R) -> Self {
        let buf = vec![0; BUFFER].into_boxed_slice();
        Self { input, buf, start: 0, end: 0, literal_left: 0, state: State::Start }
    }

    /// The next command, or `None` after END. What was not read of a literal is skipped.
    ///
    /// After an error, as after END, there is nothing more.
    ///
    /// # Errors
    /// Any kind that concerns the stream alone: not [`DeltaError::OutOfBasis`], for the basis is
    /// not known here.
    pub fn next_command(&mut self) -> Result<Option<Command>, DeltaError> {
        let result = self.step();
        if !matches!(result, Ok(Some(_))) {
            self.state = State::Done;
        }
        result
    }

    /// Some more bytes of the current literal, empty when all of it was read.
    ///
    /// # Errors
    /// [`DeltaError::Truncated`] and [`DeltaError::Io`].
    pub fn literal_chunk(&mut self) -> Result<&[u8], DeltaError> {
        if self.literal_left == 0 {
            return Ok(&[]);
        }
        if self.start == self.end {
            self.fill()?;
        }
        let n = self.literal_left.min((self.end - self.start) as u64) as usize;
        let from = self.start;
        self.start += n;
        self.literal_left -= n as u64;
        Ok(&self.buf[from..self.start])
    }

    /// Gives the input back. More of it may have been read than the delta.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn step(&mut self) -> Result<Option<Command>, DeltaError> {
        match self.state {
            State::Done => return Ok(None),
            State::Start => self.magic()?,
            State::Commands => while !self.literal_chunk()?.is_empty() {},
        }
        let op = self.byte()?;
        let command = match op {
            OP_END => return Ok(None),
            1..=OP_LITERAL_SHORT_LAST => Command::Literal { len: op.into() },
            OP_LITERAL_1..OP_COPY_1_1 => Command::Literal { len: self.number(op - OP_LITERAL_1)? },
            OP_COPY_1_1..=OP_COPY_8_8 => {
                let kind = op - OP_COPY_1_1;
                let (offset, len) = (self.number(kind / 4)?, self.number(kind % 4)?);
                sum(offset, len)?;
                Command::Copy { offset, len }
            }
            _ => return Err(DeltaError::BadOpcode(op)),
        };
        match command {
            Command::Copy { len: 0, .. } | Command::Literal { len: 0 } => {
                return Err(DeltaError::ZeroLength);
            }
            Command::Literal { len } => self.literal_left = len,
            Command::Copy { .. } => {}
        }
        Ok(Some(command))
    }

    fn magic(&mut self) -> Result<(), DeltaError> {
        for expected in DELTA_MAGIC {
            if self.byte()? != expected {
                return Err(DeltaError::BadMagic);
            }
        }
        self.state = State::Commands;
        Ok(())
    }

    /// Reads a parameter of 2^`width_log` bytes, most significant first.
    fn number(&mut self, width_log: u8) -> Result<u64, DeltaError> {
        let mut value = 0;
        for _ in 0..1u32 << width_log {
            value = value << 8 | u64::from(self.byte()?);
        }
        if value >> 63 == 0 { Ok(value) } else { Err(DeltaError::TooLong) }
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, DeltaError> {
        if self.start == self.end {
            self.fill()?;
        }
        let byte = self.buf[self.start];
        self.start += 1;
        Ok(byte)
    }

    /// Replaces the buffer, all of which was read, by some more of the stream.
    fn fill(&mut self) -> Result<(), DeltaError> {
        (self.start, self.end) = (0, 0);
        self.end = read_some(&mut self.input, &mut self.buf)?;
        if self.end == 0 { Err(DeltaError::Truncated) } else { Ok(()) }
    }
}

/// Adds two lengths; the sum stays below 2^63, as librsync's signed integers demand.
pub(super) fn sum(a: u64, b: u64) -> Result<u64, DeltaError> {
    match a.checked_add(b) {
        Some(sum) if sum >> 63 == 0 => Ok(sum),
        _ => Err(DeltaError::TooLong),
    }
}

/// Adds `more` bytes of output to `produced`, unless that passes `limit`.
pub(super) fn grow(produced: u64, more: u64, limit: u64) -> Result<u64, DeltaError> {
    match sum(produced, more)? {
        total if total <= limit => Ok(total),
        _ => Err(DeltaError::OutputTooLarge { limit }),
    }
}

/// Writes to `out` the target that `delta` makes from `basis`, and returns its length in bytes.
///
/// `limit` bounds the output, in bytes: a few bytes of delta can ask for any amount. The command
/// that would pass it is refused before any of it is written. Memory is fixed: about 300 KiB.
///
/// # Errors
/// [`DeltaError::Write`] when `out` fails; all others say that a file could not be read or that
/// the delta is not one of this basis. What was written before an error is of no use.
pub fn apply<B, R, W>(basis: &B, basis_len: u64, delta: R, limit: u64, out: &mut W) -> Result<u64, DeltaError>
where
    B: ReadAt + ?Sized,
    R: Read,
    W: Write + ?Sized,
{
    let mut decoder = Decoder::new(delta);
    let mut window = Window::default();
    let mut produced = 0;
    while let Some(command) = decoder.next_command()? {
        produced = grow(produced, command.output_len(), limit)?;
        match command {
            Command::Copy { offset, len } => {
                copy_out(basis, basis_len, &mut window, offset, len, out)?;
            }
            Command::Literal { .. } => loop {
                let chunk = decoder.literal_chunk()?;
                if chunk.is_empty() {
                    break;
                }
                write_all(out, chunk)?;
            },
        }
    }
    Ok(produced)
}

/// Writes `len` bytes of `basis` from `offset`.
fn copy_out<B: ReadAt + ?Sized, W: Write + ?Sized>(
    basis: &B,
    basis_len: u64,
    window: &mut Window,
    mut offset: u64,
    mut len: u64,
    out: &mut W,
) -> Result<(), DeltaError> {
    if offset > basis_len || len > basis_len - offset {
        return Err(DeltaError::OutOfBasis { offset, len, basis: basis_len });
    }
    while len > 0 {
        let chunk = window.at(basis, basis_len, offset, 1, len.min(WINDOW as u64))?;
        let n = len.min(chunk.len() as u64);
        write_all(out, &chunk[..n as usize])?;
        offset += n;
        len -= n;
    }
    Ok(())
}
