//! Writing the commands of a delta in their canonical form.

use std::io::Write;

use super::window::View;
use super::{
    DELTA_MAGIC, DeltaError, MAX_LITERAL, OP_COPY_1_1, OP_END, OP_LITERAL_1, OP_LITERAL_SHORT_LAST, ReadAt,
    write_all,
};

/// What an encoder wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EncodeStats {
    /// COPY commands.
    pub copies: u64,
    /// Bytes of the target that they make.
    pub copied_bytes: u64,
    /// LITERAL commands.
    pub literals: u64,
    /// Bytes of the target that they make.
    pub literal_bytes: u64,
    /// The length of the delta, in bytes.
    pub delta_len: u64,
}

/// Commands collected before they are written, in bytes.
const OUTPUT: usize = 64 * 1024;

/// The command that may still grow.
enum Pending {
    Nothing,
    Copy { offset: u64, len: u64 },
    Literal { from: u64, to: u64 },
}

/// Writes commands in their canonical form, joining those that continue each other.
///
/// A command is written when the next one cannot continue it: so each call brings the target.
pub(super) struct Emitter<'a, W: ?Sized> {
    out: &'a mut W,
    buf: &'a mut Vec<u8>,
    pending: Pending,
    stats: EncodeStats,
}

impl<'a, W: Write + ?Sized> Emitter<'a, W> {
    /// `buf` is memory to use.
    pub(super) fn new(out: &'a mut W, buf: &'a mut Vec<u8>) -> Self {
        buf.clear();
        let stats = EncodeStats::default();
        Self { out, buf, pending: Pending::Nothing, stats }
    }

    /// Writes the magic.
    pub(super) fn begin(&mut self) -> Result<(), DeltaError> {
        self.put(&DELTA_MAGIC)
    }

    /// Bytes of the basis; none at all for a `len` of 0.
    pub(super) fn copy<T: ReadAt + ?Sized>(
        &mut self,
        target: &mut View<'_, T>,
        offset: u64,
        len: u64,
    ) -> Result<(), DeltaError> {
        if len == 0 {
            return Ok(());
        }
        if let Pending::Copy { offset: last, len: before } = &mut self.pending
            && *last + *before == offset
        {
            *before += len;
            return Ok(());
        }
        self.settle(target)?;
        self.pending = Pending::Copy { offset, len };
        Ok(())
    }

    /// Bytes `from..to` of the target, which start where the last command ended.
    pub(super) fn literal<T: ReadAt + ?Sized>(
        &mut self,
        target: &mut View<'_, T>,
        from: u64,
        to: u64,
    ) -> Result<(), DeltaError> {
        if from == to {
            return Ok(());
        }
        if let Pending::Literal { to: end, .. } = &mut self.pending {
            *end = to;
            return Ok(());
        }
        self.settle(target)?;
        self.pending = Pending::Literal { from, to };
        Ok(())
    }

    /// Writes what is left, and END.
    pub(super) fn finish<T: ReadAt + ?Sized>(
        &mut self,
        target: &mut View<'_, T>,
    ) -> Result<EncodeStats, DeltaError> {
        self.settle(target)?;
        self.put(&[OP_END])?;
        write_all(self.out, self.buf)?;
        Ok(self.stats)
    }

    /// Writes the pending command.
    fn settle<T: ReadAt + ?Sized>(&mut self, target: &mut View<'_, T>) -> Result<(), DeltaError> {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => Ok(()),
            Pending::Copy { offset, len } => {
                let ((a, offset), (b, len_bytes)) = (parameter(offset), parameter(len));
                self.stats.copies += 1;
                self.stats.copied_bytes += len;
                self.put(&[OP_COPY_1_1 + 4 * a + b])?;
                self.put(&offset[8 - (1 << a)..])?;
                self.put(&len_bytes[8 - (1 << b)..])
            }
            Pending::Literal { from, to } => self.write_literal(target, from, to),
        }
    }

    fn write_literal<T: ReadAt + ?Sized>(
        &mut self,
        target: &mut View<'_, T>,
        mut from: u64,
        to: u64,
    ) -> Result<(), DeltaError> {
        self.stats.literal_bytes += to - from;
        while from < to {
            let n = (to - from).min(MAX_LITERAL as u64);
            self.stats.literals += 1;
            if n <= OP_LITERAL_SHORT_LAST.into() {
                self.put(&[n as u8])?;
            } else {
                let (a, len) = parameter(n);
                self.put(&[OP_LITERAL_1 + a])?;
                self.put(&len[8 - (1 << a)..])?;
            }
            let bytes = &target.at(from, n as usize, to - from)?[..n as usize];
            self.buf.extend_from_slice(bytes);
            self.stats.delta_len += n;
            from += n;
        }
        self.put(&[])
    }

    /// Adds to the output, and writes it when there is enough.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), DeltaError> {
        self.buf.extend_from_slice(bytes);
        self.stats.delta_len += bytes.len() as u64;
        if self.buf.len() >= OUTPUT {
            write_all(self.out, self.buf)?;
            self.buf.clear();
        }
        Ok(())
    }
}

/// A parameter's bytes, of which the last 1, 2, 4 or 8 are written: the logarithm says how many.
fn parameter(value: u64) -> (u8, [u8; 8]) {
    let width = match value {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xffff_ffff => 2,
        _ => 3,
    };
    (width, value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::window::Window;
    use super::*;

    #[test]
    fn commands_that_continue_each_other_are_one() {
        let (mut window, mut out, mut buf) = (Window::default(), Vec::new(), Vec::new());
        let target = &b"0123456789"[..];
        let mut view = View::new(target, 10, &mut window);
        let mut emit = Emitter::new(&mut out, &mut buf);
        emit.begin().unwrap();
        emit.copy(&mut view, 7, 1).unwrap();
        emit.copy(&mut view, 8, 2).unwrap();
        emit.copy(&mut view, 8, 0).unwrap();
        emit.literal(&mut view, 3, 5).unwrap();
        emit.literal(&mut view, 5, 7).unwrap();
        emit.copy(&mut view, 0x1_0000_0000, 0x1_0000).unwrap();
        let stats = emit.finish(&mut view).unwrap();
        let expected = b"rs\x026\x45\x07\x03\x043456\x53\0\0\0\x01\0\0\0\0\0\x01\0\0\0";
        assert_eq!(out, expected);
        assert_eq!((stats.copies, stats.literals, stats.delta_len), (2, 1, out.len() as u64));
    }
}
