//! Applies a librsync delta, strictly.

const MAGIC: [u8; 4] = [0x72, 0x73, 0x02, 0x36];

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: u64) -> Result<&'a [u8], String> {
        let split = usize::try_from(n).ok().and_then(|n| self.0.split_at_checked(n));
        let (taken, rest) = split.ok_or("the delta ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, width: u64) -> Result<u64, String> {
        Ok(self.take(width)?.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
    }
}

/// The new content that `delta` makes of `basis`.
///
/// # Errors
/// What breaks the format, in words.
pub fn apply(basis: &[u8], delta: &[u8]) -> Result<Vec<u8>, String> {
    let mut input = Reader(delta);
    let mut out = Vec::new();
    if input.take(4)? != MAGIC {
        return Err("no delta: wrong magic".into());
    }
    loop {
        match input.number(1)? {
            0 if input.0.is_empty() => return Ok(out),
            0 => return Err("bytes after the end of the delta".into()),
            op @ 1..=0x40 => out.extend(input.take(op)?),
            op @ 0x41..=0x44 => {
                let length = nonzero(input.number(1 << (op - 0x41))?)?;
                out.extend(input.take(length)?);
            }
            op @ 0x45..=0x54 => {
                let start = input.number(1 << ((op - 0x45) / 4))?;
                let length = nonzero(input.number(1 << ((op - 0x45) % 4))?)?;
                out.extend(copy(basis, start, length)?);
            }
            op => return Err(format!("reserved command {op:#x}")),
        }
    }
}

fn nonzero(length: u64) -> Result<u64, String> {
    if length == 0 { Err("a command of length 0".into()) } else { Ok(length) }
}

fn copy(basis: &[u8], start: u64, length: u64) -> Result<&[u8], String> {
    let end = start.checked_add(length).and_then(|e| usize::try_from(e).ok());
    let range = usize::try_from(start).ok().zip(end).and_then(|(s, e)| basis.get(s..e));
    range.ok_or_else(|| format!("a copy of {length} bytes from {start} leaves the basis of {}", basis.len()))
}
