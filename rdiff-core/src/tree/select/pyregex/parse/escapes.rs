//! What a backslash begins, and classes of characters.

use super::{ByteSet, Flags, Node, Parser, Place, Result, decimal, literal};

impl Parser<'_> {
    /// What follows a backslash outside a class.
    pub(super) fn escape(&mut self, flags: Flags) -> Result<Node> {
        let Some(byte) = self.next() else { return self.fail("a backslash at the end") };
        let place = match byte {
            b'A' => Some(Place::Start),
            b'Z' => Some(Place::End),
            b'b' => Some(Place::WordBoundary),
            b'B' => Some(Place::NoWordBoundary),
            _ => None,
        };
        if let Some(place) = place {
            return Ok(Node::Place(place));
        }
        if let Some(set) = category(byte) {
            return Ok(Node::Set(set));
        }
        if matches!(byte, b'1'..=b'9') {
            return self.octal_or_reference(flags);
        }
        if byte == b'0' {
            let digits = self.take_while(2, is_octal);
            return Ok(literal(octal(digits).unwrap_or(0), flags));
        }
        self.escaped_byte(byte).map(|byte| literal(byte, flags))
    }

    /// Three octal digits, or the number of a group. The first digit was read.
    fn octal_or_reference(&mut self, flags: Flags) -> Result<Node> {
        self.at -= 1;
        let three = &self.pattern[self.at..self.pattern.len().min(self.at + 3)];
        if three.len() == 3 && three.iter().all(|&b| is_octal(b)) {
            self.at += 3;
            return match octal(three) {
                Some(byte) => Ok(literal(byte, flags)),
                None => self.fail("an octal number above 377"),
            };
        }
        let digits = self.take_while(2, |b| b.is_ascii_digit());
        self.reference(decimal(digits).unwrap_or(0), flags)
    }

    pub(super) fn reference(&self, group: usize, flags: Flags) -> Result<Node> {
        match self.groups.get(group) {
            Some(None) => self.fail("a reference to an open group"),
            Some(Some(_)) if self.behind.is_some_and(|before| group >= before) => {
                self.fail("a reference to a group of the same look-behind")
            }
            Some(Some(_)) => Ok(Node::BackReference { group, ignore_case: flags.ignore_case }),
            None => self.fail("no such group"),
        }
    }

    /// The byte behind `\n`, `\xHH` or a backslash before punctuation.
    fn escaped_byte(&mut self, byte: u8) -> Result<u8> {
        Ok(match byte {
            b'a' => 7,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'x' => {
                let digits = self.take_while(2, |b| b.is_ascii_hexdigit());
                if digits.len() < 2 {
                    return self.fail("an incomplete `\\x`");
                }
                digits.iter().fold(0, |n, &d| n * 16 + char::from(d).to_digit(16).unwrap_or(0) as u8)
            }
            _ if byte.is_ascii_alphanumeric() => {
                return self.fail(format!("a bad escape `\\{}`", char::from(byte)));
            }
            _ => byte,
        })
    }

    /// A class, after its `[`.
    pub(super) fn class(&mut self, flags: Flags) -> Result<ByteSet> {
        let negated = self.eat(b'^');
        let mut set = ByteSet::NONE;
        let mut first = true;
        loop {
            if !first && self.eat(b']') {
                break;
            }
            first = false;
            let low = self.class_member()?;
            let is_range = self.peek() == Some(b'-') && self.pattern.get(self.at + 1) != Some(&b']');
            if !is_range {
                set = set.or(low.set());
                continue;
            }
            self.at += 1;
            match (low, self.class_member()?) {
                (Member::Byte(low), Member::Byte(high)) if low <= high => {
                    set = set.or(ByteSet::range(low, high));
                }
                _ => return self.fail("a bad range of characters"),
            }
        }
        let set = if flags.ignore_case { set.fold_case() } else { set };
        Ok(if negated { set.not() } else { set })
    }

    fn class_member(&mut self) -> Result<Member> {
        let Some(byte) = self.next() else { return self.fail("a `[` without `]`") };
        if byte != b'\\' {
            return Ok(Member::Byte(byte));
        }
        let Some(byte) = self.next() else { return self.fail("a backslash at the end") };
        if let Some(set) = category(byte) {
            return Ok(Member::Category(set));
        }
        Ok(Member::Byte(match byte {
            b'b' => 8,
            _ if is_octal(byte) => {
                self.at -= 1;
                let digits = self.take_while(3, is_octal);
                match octal(digits) {
                    Some(byte) => byte,
                    None => return self.fail("an octal number above 377"),
                }
            }
            _ => self.escaped_byte(byte)?,
        }))
    }
}

/// One member of a class.
enum Member {
    Byte(u8),
    Category(ByteSet),
}

impl Member {
    fn set(&self) -> ByteSet {
        match self {
            Member::Byte(byte) => ByteSet::one(*byte),
            Member::Category(set) => *set,
        }
    }
}

/// `\d`, `\s`, `\w` and their opposites.
fn category(letter: u8) -> Option<ByteSet> {
    let set = match letter.to_ascii_lowercase() {
        b'd' => ByteSet::range(b'0', b'9'),
        b's' => ByteSet::range(9, 13).or(ByteSet::one(b' ')),
        b'w' => {
            (ByteSet::range(b'a', b'z').fold_case()).or(ByteSet::range(b'0', b'9')).or(ByteSet::one(b'_'))
        }
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { set.not() } else { set })
}

fn is_octal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'7')
}

/// Octal digits as a byte; nothing above 377.
fn octal(digits: &[u8]) -> Option<u8> {
    u8::try_from(digits.iter().fold(0u32, |n, &d| n * 8 + u32::from(d - b'0'))).ok()
}
