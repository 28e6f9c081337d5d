//! A chain of deltas as one plan over the base and some literals.
//!
//! The chain is read from its far end: the last delta says which bytes of the wanted file come from
//! the file before it, and only those are looked for in the delta before. So a chain can never ask
//! for more literals than the wanted file has bytes, whatever its intermediate files look like.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use super::decode::grow;
use super::window::{WINDOW, Window};
use super::{Command, Decoder, DeltaError, ReadAt, write_all};

/// What a composition may use.
#[derive(Clone, Copy, Debug)]
pub struct ComposeLimits {
    /// Bytes of literals kept in memory; more of them go to the spill file.
    pub memory: usize,
    /// Ranges of the plan, and of any step on the way to it. Each takes up to about 100 bytes.
    pub ranges: usize,
}

impl Default for ComposeLimits {
    /// 16 MiB of literals, one million ranges.
    fn default() -> Self {
        Self { memory: 16 << 20, ranges: 1 << 20 }
    }
}

/// Where a stretch of bytes is found: an offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// In the file that the deltas read so far apply to.
    Basis(u64),
    /// In the literals.
    Literal(u64),
}

impl Source {
    /// The same source, `n` bytes on.
    fn skip(self, n: u64) -> Self {
        match self {
            Self::Basis(at) => Self::Basis(at + n),
            Self::Literal(at) => Self::Literal(at + n),
        }
    }
}

/// `len` bytes of the output, from `start` on.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u64,
    len: u64,
    from: Source,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.len
    }
}

/// Pieces in order of output; neighbours that continue each other are one.
struct Pieces {
    list: Vec<Piece>,
    limit: usize,
}

impl Pieces {
    fn push(&mut self, piece: Piece) -> Result<(), DeltaError> {
        if let Some(last) = self.list.last_mut()
            && last.end() == piece.start
            && last.from.skip(last.len) == piece.from
        {
            last.len += piece.len;
            return Ok(());
        }
        if self.list.len() >= self.limit {
            return Err(DeltaError::TooManyRanges { limit: self.limit });
        }
        self.list.push(piece);
        Ok(())
    }
}

/// Builds a [`Plan`] from the deltas of a chain, *the last one to be applied first*.
///
/// For a repository that is the order of time: first the delta of the session that is wanted, then
/// those of newer sessions, and in the end the length of the base.
///
/// `F` makes an empty file, open for reading and writing and best already unlinked. It is called at
/// most once, when the literals pass [`ComposeLimits::memory`].
pub struct Composer<F> {
    limits: ComposeLimits,
    literals: Literals<F>,
    /// The wanted file. `None`, before the first delta, stands for all of the basis.
    pieces: Option<Vec<Piece>>,
    /// The COPY of the last delta read that reaches farthest: the next basis must be as long.
    farthest: Option<(u64, u64)>,
}

impl<F: FnMut() -> io::Result<File>> Composer<F> {
    /// An empty chain, whose plan is the base itself.
    pub fn new(limits: ComposeLimits, spill: F) -> Self {
        let literals = Literals::new(limits.memory, spill);
        Self { limits, literals, pieces: None, farthest: None }
    }

    /// Adds the delta that is applied just before those added so far.
    ///
    /// `limit` bounds its output, in bytes. After an error the composer is of no more use.
    ///
    /// # Errors
    /// As for [`apply`](super::apply), except that a COPY outside the basis is found by the next
    /// call, which knows how long that is. [`DeltaError::TooManyRanges`] says to apply the
    /// deltas one by one instead. [`DeltaError::Write`] when literals cannot be spilled.
    pub fn push(&mut self, delta: impl Read, limit: u64) -> Result<(), DeltaError> {
        let wanted = match &self.pieces {
            None => vec![(0, u64::MAX)],
            Some(pieces) => wanted(pieces),
        };
        let mut farthest = None;
        let (steps, len) = self.read(delta, limit, &wanted, &mut farthest)?;
        drop(wanted);
        self.check(len)?;
        self.farthest = farthest;
        self.pieces = Some(match self.pieces.take() {
            None => steps,
            Some(pieces) => substitute(&pieces, &steps, self.limits.ranges)?,
        });
        Ok(())
    }

    /// The plan, for a base of `base_len` bytes.
    ///
    /// # Errors
    /// [`DeltaError::OutOfBasis`] when the chain does not fit the base; [`DeltaError::Write`] when
    /// the last literals cannot be spilled.
    pub fn finish(self, base_len: u64) -> Result<Plan, DeltaError> {
        self.check(base_len)?;
        let pieces = match self.pieces {
            Some(pieces) => pieces,
            None if base_len == 0 => Vec::new(),
            None => vec![Piece { start: 0, len: base_len, from: Source::Basis(0) }],
        };
        Ok(Plan { pieces, base_len, literals: self.literals.finish()? })
    }

    /// How many bytes of the base the chain uses.
    #[must_use]
    pub fn reach(&self) -> u64 {
        self.farthest.map_or(0, |(offset, len)| offset.saturating_add(len))
    }

    /// Checks that all COPYs of the delta read last lie inside a basis of `basis` bytes.
    fn check(&self, basis: u64) -> Result<(), DeltaError> {
        match self.farthest {
            Some((offset, len)) if offset + len > basis => Err(DeltaError::OutOfBasis { offset, len, basis }),
            _ => Ok(()),
        }
    }

    /// Reads a delta: the pieces of its output that meet `wanted`, and the output's length.
    fn read(
        &mut self,
        delta: impl Read,
        limit: u64,
        wanted: &[(u64, u64)],
        farthest: &mut Option<(u64, u64)>,
    ) -> Result<(Vec<Piece>, u64), DeltaError> {
        let mut decoder = Decoder::new(delta);
        let mut steps = Pieces { list: Vec::new(), limit: self.limits.ranges };
        let (mut pos, mut rest) = (0, wanted);
        while let Some(command) = decoder.next_command()? {
            let end = grow(pos, command.output_len(), limit)?;
            rest = reaching(rest, pos);
            match command {
                Command::Copy { offset, len } => {
                    if farthest.is_none_or(|(o, l)| offset + len > o + l) {
                        *farthest = Some((offset, len));
                    }
                    if rest.first().is_some_and(|&(start, _)| start < end) {
                        steps.push(Piece { start: pos, len, from: Source::Basis(offset) })?;
                    }
                }
                Command::Literal { .. } => self.keep(&mut decoder, pos, rest, &mut steps)?,
            }
            pos = end;
        }
        Ok((steps.list, pos))
    }

    /// Stores what is wanted of the literal that starts at `pos` of the output.
    fn keep(
        &mut self,
        decoder: &mut Decoder<impl Read>,
        mut pos: u64,
        mut wanted: &[(u64, u64)],
        steps: &mut Pieces,
    ) -> Result<(), DeltaError> {
        loop {
            let chunk = decoder.literal_chunk()?;
            if chunk.is_empty() {
                return Ok(());
            }
            let end = pos + chunk.len() as u64;
            for &(from, to) in wanted.iter().take_while(|&&(from, _)| from < end) {
                let (from, to) = (from.max(pos), to.min(end));
                let at = self.literals.put(&chunk[(from - pos) as usize..(to - pos) as usize])?;
                steps.push(Piece { start: from, len: to - from, from: Source::Literal(at) })?;
            }
            pos = end;
            wanted = reaching(wanted, pos);
        }
    }
}

/// The bytes of the basis that `pieces` use: ranges in order, none touching another.
fn wanted(pieces: &[Piece]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece.from {
            Source::Basis(at) => Some((at, at + piece.len)),
            Source::Literal(_) => None,
        })
        .collect();
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let touching = next.0 <= last.1;
        if touching {
            last.1 = last.1.max(next.1);
        }
        touching
    });
    ranges
}

/// The ranges that end after `pos`. They are walked in order, so the first few are looked at.
fn reaching(mut ranges: &[(u64, u64)], pos: u64) -> &[(u64, u64)] {
    while let [(_, end), rest @ ..] = ranges
        && *end <= pos
    {
        ranges = rest;
    }
    ranges
}

/// Replaces what `pieces` take from the basis by what `steps` make that basis from.
///
/// Every byte wanted is in `steps`: [`Composer::check`] has seen that the basis is long enough.
fn substitute(pieces: &[Piece], steps: &[Piece], limit: usize) -> Result<Vec<Piece>, DeltaError> {
    let mut out = Pieces { list: Vec::with_capacity(pieces.len()), limit };
    for piece in pieces {
        let Source::Basis(at) = piece.from else {
            out.push(*piece)?;
            continue;
        };
        let end = at + piece.len;
        let first = steps.partition_point(|step| step.end() <= at);
        for step in steps[first..].iter().take_while(|step| step.start < end) {
            let (from, to) = (step.start.max(at), step.end().min(end));
            out.push(Piece {
                start: piece.start + (from - at),
                len: to - from,
                from: step.from.skip(from - step.start),
            })?;
        }
    }
    Ok(out.list)
}

/// The literals while they are collected: the first in memory, the others in a file.
struct Literals<F> {
    memory: Vec<u8>,
    budget: usize,
    spill: F,
    file: Option<File>,
    /// Bytes in the file; those in `tail` come after.
    written: u64,
    tail: Vec<u8>,
}

impl<F: FnMut() -> io::Result<File>> Literals<F> {
    fn new(budget: usize, spill: F) -> Self {
        Self { memory: Vec::new(), budget, spill, file: None, written: 0, tail: Vec::new() }
    }

    /// Adds bytes and says where they are.
    fn put(&mut self, bytes: &[u8]) -> Result<u64, DeltaError> {
        let at = self.memory.len() as u64 + self.written + self.tail.len() as u64;
        let (first, second) = bytes.split_at(bytes.len().min(self.budget - self.memory.len()));
        self.memory.extend_from_slice(first);
        self.tail.extend_from_slice(second);
        if self.tail.len() >= WINDOW {
            self.flush()?;
        }
        Ok(at)
    }

    fn flush(&mut self) -> Result<(), DeltaError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => (self.spill)().map_err(DeltaError::Write)?,
        };
        file.write_all_at(&self.tail, self.written).map_err(DeltaError::Write)?;
        self.written += self.tail.len() as u64;
        self.tail.clear();
        self.file = Some(file);
        Ok(())
    }

    fn finish(mut self) -> Result<Store, DeltaError> {
        if !self.tail.is_empty() {
            self.flush()?;
        }
        Ok(Store { memory: self.memory, file: self.file, spilled: self.written })
    }
}

/// The literals of a plan.
#[derive(Debug)]
struct Store {
    memory: Vec<u8>,
    file: Option<File>,
    spilled: u64,
}

/// One range of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanRange {
    /// Bytes of the base.
    Base {
        /// Where in the base, in bytes.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
    /// Bytes of the plan's own literals.
    Literal {
        /// Where among them, in bytes.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
}

/// What a whole chain of deltas makes of its base: ranges of the base and literals, in order.
#[derive(Debug)]
pub struct Plan {
    pieces: Vec<Piece>,
    base_len: u64,
    literals: Store,
}

impl Plan {
    /// The length of the file it makes, in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.pieces.last().map_or(0, Piece::end)
    }

    /// Whether the file it makes is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Its ranges, in order of output.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = PlanRange> + '_ {
        self.pieces.iter().map(|&Piece { len, from, .. }| match from {
            Source::Basis(offset) => PlanRange::Base { offset, len },
            Source::Literal(offset) => PlanRange::Literal { offset, len },
        })
    }

    /// Bytes of literals it holds: in memory, and in the spill file.
    #[must_use]
    pub fn literal_bytes(&self) -> (u64, u64) {
        (self.literals.memory.len() as u64, self.literals.spilled)
    }

    /// Writes the file to `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`DeltaError::Write`] when `out` fails; [`DeltaError::Io`] and [`DeltaError::ShortFile`] when
    /// the base or the spill file cannot be read.
    pub fn write_to<B, W>(&self, base: &B, out: &mut W) -> Result<u64, DeltaError>
    where
        B: ReadAt + ?Sized,
        W: Write + ?Sized,
    {
        let mut reader = self.reader(base);
        loop {
            let chunk = reader.chunk(usize::MAX)?;
            if chunk.is_empty() {
                return Ok(self.len());
            }
            write_all(out, chunk)?;
        }
    }

    /// The file as a stream. Holds up to 512 KiB.
    pub fn reader<B: ReadAt>(&self, base: B) -> PlanReader<&Plan, B> {
        PlanReader::new(self, base)
    }

    /// The same file, with the plan moved into the reader.
    pub fn into_reader<B: ReadAt>(self, base: B) -> PlanReader<Plan, B> {
        PlanReader::new(self, base)
    }
}

/// The file that a [`Plan`] makes, read in order. Made by [`Plan::reader`] and [`Plan::into_reader`].
pub struct PlanReader<P, B> {
    plan: P,
    base: B,
    of_base: Window,
    of_spill: Window,
    piece: usize,
    /// Bytes of that piece already read.
    done: u64,
}

impl<P: Borrow<Plan>, B: ReadAt> PlanReader<P, B> {
    fn new(plan: P, base: B) -> Self {
        PlanReader { plan, base, of_base: Window::default(), of_spill: Window::default(), piece: 0, done: 0 }
    }

    /// Up to `max` more bytes; empty at the end.
    fn chunk(&mut self, max: usize) -> Result<&[u8], DeltaError> {
        let plan = self.plan.borrow();
        let Some(piece) = plan.pieces.get(self.piece) else { return Ok(&[]) };
        let (from, left) = (piece.from.skip(self.done), piece.len - self.done);
        let Store { memory, file, spilled } = &plan.literals;
        let kept = memory.len() as u64;
        let found = match (from, file) {
            (Source::Basis(at), _) => self.of_base.at(&self.base, plan.base_len, at, 1, left)?,
            (Source::Literal(at), Some(file)) if at >= kept => {
                self.of_spill.at(file, *spilled, at - kept, 1, left)?
            }
            (Source::Literal(at), _) => &memory[at as usize..],
        };
        let n = left.min(found.len() as u64).min(max as u64);
        self.done += n;
        if self.done == piece.len {
            (self.piece, self.done) = (self.piece + 1, 0);
        }
        Ok(&found[..n as usize])
    }
}

impl<P: Borrow<Plan>, B: ReadAt> Read for PlanReader<P, B> {
    /// Fills `buf` as far as the file goes: pieces can be short, and callers read large.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            let chunk = match self.chunk(buf.len() - filled) {
                Ok(chunk) => chunk,
                Err(_) if filled > 0 => break,
                Err(e) => return Err(e.into()),
            };
            if chunk.is_empty() {
                break;
            }
            buf[filled..filled + chunk.len()].copy_from_slice(chunk);
            filled += chunk.len();
        }
        Ok(filled)
    }
}
