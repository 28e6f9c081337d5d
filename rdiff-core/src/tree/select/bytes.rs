//! Sets of bytes, and how they are written in a pattern of the `regex` crate.
//!
//! Globs and regular expressions are turned into patterns in which case is already folded and every
//! class spelled out, so a pattern means the same whatever the engine thinks of Unicode.

use std::fmt;

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    /// The set without members.
    pub(super) const NONE: Self = Self([0; 4]);

    /// Just this byte.
    pub(super) fn one(byte: u8) -> Self {
        let mut set = Self::NONE;
        set.add(byte);
        set
    }

    /// These bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::NONE;
        bytes.iter().for_each(|&b| set.add(b));
        set
    }

    /// All bytes from `low` to `high`, both included.
    pub(super) fn range(low: u8, high: u8) -> Self {
        let mut set = Self::NONE;
        (low..=high).for_each(|b| set.add(b));
        set
    }

    /// Adds a byte.
    pub(super) fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// Is the byte a member?
    pub(super) fn has(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    /// The members of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self([0, 1, 2, 3].map(|i| self.0[i] | other.0[i]))
    }

    /// All bytes that are no members.
    pub(super) fn not(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    /// With each ASCII letter, its other case.
    pub(super) fn fold_case(self) -> Self {
        let letters = (0..=255).filter(|&b: &u8| self.has(b) && b.is_ascii_alphabetic());
        self.or(Self::of(&letters.map(|b| b ^ 0x20).collect::<Vec<_>>()))
    }

    /// The maximal runs of members, in order.
    fn runs(self) -> Vec<(u8, u8)> {
        let mut runs: Vec<(u8, u8)> = Vec::new();
        for byte in (0..=255).filter(|&b| self.has(b)) {
            match runs.last_mut() {
                Some((_, high)) if *high + 1 == byte => *high = byte,
                _ => runs.push((byte, byte)),
            }
        }
        runs
    }
}

impl fmt::Display for ByteSet {
    /// As a pattern that matches one member.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.runs();
        match runs[..] {
            [] => f.write_str(r"[^\x00-\xff]"),
            [(low, high)] if low == high => f.write_str(&literal(low)),
            _ => {
                f.write_str("[")?;
                for (low, high) in runs {
                    write!(f, r"\x{low:02x}-\x{high:02x}")?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A pattern that matches just this byte.
fn literal(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_') {
        char::from(byte).to_string()
    } else {
        format!(r"\x{byte:02x}")
    }
}

/// Bytes as messages show them, in one line: `'src/a'`, with `\n` for a newline and `\xff` for what is no text.
pub(super) struct Quoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, r"\x{byte:02x}"))?;
        }
        f.write_str("'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_shown_in_one_line() {
        for (bytes, text) in [
            (&b"src/a"[..], "'src/a'"),
            (b"", "''"),
            ("sr'c/é*".as_bytes(), "'sr'c/é*'"),
            (b"a\\b\n\t\r\x00\xff", r"'a\b\n\t\r\u{0}\xff'"),
        ] {
            assert_eq!(Quoted(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn the_written_set_matches_its_members_and_no_other(members in proptest::collection::vec(0u8.., 0..20), invert: bool) {
            let set = if invert { ByteSet::of(&members).not() } else { ByteSet::of(&members) };
            let regex = regex::bytes::RegexBuilder::new(&format!(r"\A{set}\z")).unicode(false).build().unwrap();
            for byte in 0..=255 {
                prop_assert_eq!(regex.is_match(&[byte]), members.contains(&byte) != invert);
            }
        }

        #[test]
        fn folding_adds_the_other_case(byte: u8) {
            let folded = ByteSet::one(byte).fold_case();
            prop_assert!((0..=255).all(|b: u8| folded.has(b) == b.eq_ignore_ascii_case(&byte)));
        }
    }
}
