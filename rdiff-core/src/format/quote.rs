//! The three ways in which the format hides awkward bytes.
//!
//! [`Quoting`] hides them from file systems (`;065` for `A`), [`quote_record`] from the line structure
//! of metadata (`\n`), [`quote_octal`] from that of attribute lists (`\040`).
//!
//! ```
//! use rdiff_core::format::quote::{Quoting, quote_octal, quote_record, unquote_octal, unquote_record};
//!
//! let quoting = Quoting::parse(b"A-Z;", b"");
//! assert_eq!(&*quoting.quote(b"Ab"), b";065b");
//! assert_eq!(&*quoting.unquote(b";065b"), b"Ab");
//!
//! let (mut record, mut octal) = (Vec::new(), Vec::new());
//! quote_record(b"two\nlines", &mut record);
//! assert_eq!((&record[..], &*unquote_record(&record)), (&b"two\\nlines"[..], &b"two\nlines"[..]));
//! quote_octal(b"a b", &mut octal);
//! assert_eq!((&octal[..], unquote_octal(&octal)), (&b"a\\040b"[..], b"a b".to_vec()));
//! ```

use std::borrow::Cow;

/// Which bytes of file names a repository writes as `;` and three decimal digits.
///
/// The set is that of the file `chars_to_quote`, the inside of a regular expression's character class.
/// Where it isn't empty, `;` is quoted too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoting {
    quoted: Option<Box<[bool; 256]>>,
    dos_devices: bool,
    trailing: bool,
}

impl Default for Quoting {
    fn default() -> Self {
        Self::none()
    }
}

impl Quoting {
    /// Names as they are.
    pub fn none() -> Self {
        Self { quoted: None, dos_devices: false, trailing: false }
    }

    /// Reads the contents of `chars_to_quote` and of `special_escapes`.
    pub fn parse(chars: &[u8], special: &[u8]) -> Self {
        if chars.is_empty() {
            return Self::none();
        }
        let mut quoted = Box::new([false; 256]);
        quoted[usize::from(b';')] = true;
        let mut rest = chars;
        while let Some((from, after)) = class_member(rest) {
            rest = after;
            let to = match rest.split_first() {
                Some((b'-', after)) if !after.is_empty() => {
                    let Some((to, after)) = class_member(after) else { break };
                    rest = after;
                    to
                }
                _ => from,
            };
            for b in from..=to {
                quoted[usize::from(b)] = true;
            }
        }
        let has = |line: &[u8]| special.split(|&b| b == b'\n').any(|l| l == line);
        Self {
            quoted: Some(quoted),
            dos_devices: has(b"escape_dos_devices"),
            trailing: has(b"escape_trailing_spaces"),
        }
    }

    /// Is every name written as it is?
    pub fn is_none(&self) -> bool {
        self.quoted.is_none()
    }

    /// Is this byte written as `;` and digits?
    pub fn hides(&self, byte: u8) -> bool {
        self.quoted.as_ref().is_some_and(|q| q[usize::from(byte)])
    }

    /// Quotes one component of a path, or a whole path (no set holds the slash).
    pub fn quote<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(quoted) = &self.quoted else { return Cow::Borrowed(name) };
        let mut out = Vec::with_capacity(name.len() + 8);
        for (i, component) in name.split(|&b| b == b'/').enumerate() {
            if i > 0 {
                out.push(b'/');
            }
            let first = self.dos_devices && is_dos_device(component);
            let last = self.trailing && matches!(component.last(), Some(b' ' | b'.'));
            for (j, &b) in component.iter().enumerate() {
                if quoted[usize::from(b)] || (first && j == 0) || (last && j + 1 == component.len()) {
                    out.extend_from_slice(format!(";{b:03}").as_bytes());
                } else {
                    out.push(b);
                }
            }
        }
        Cow::Owned(out)
    }

    /// Undoes [`Quoting::quote`]. A `;` without three digits up to 255 stays as it is.
    pub fn unquote<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        if self.quoted.is_none() || !name.contains(&b';') {
            return Cow::Borrowed(name);
        }
        Cow::Owned(unescape(name, b';', 10))
    }
}

/// One byte of a character class, `\` escaping the next, and what follows.
fn class_member(class: &[u8]) -> Option<(u8, &[u8])> {
    match class {
        [b'\\', b, rest @ ..] => Some((*b, rest)),
        [b, rest @ ..] => Some((*b, rest)),
        [] => None,
    }
}

fn is_dos_device(name: &[u8]) -> bool {
    let stem = name.split(|&b| b == b'.').next().unwrap_or(name).to_ascii_lowercase();
    match &stem[..] {
        b"aux" | b"prn" | b"con" | b"nul" => true,
        [b'c', b'o', b'm', d] | [b'l', b'p', b't', d] => d.is_ascii_digit(),
        _ => false,
    }
}

/// Puts a byte in the place of each `escape` with three digits after it. Any other stays as it is.
fn unescape(bytes: &[u8], escape: u8, radix: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&b, after)) = rest.split_first() {
        let byte = after.get(..3).filter(|_| b == escape).and_then(|digits| number(digits, radix));
        out.push(byte.unwrap_or(b));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    out
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    digits
        .iter()
        .try_fold(0u32, |n, &b| Some(n * radix + (b as char).to_digit(radix)?))
        .and_then(|n| u8::try_from(n).ok())
}

/// Appends `bytes` with newline as `\n` and backslash doubled, as paths stand in metadata.
pub fn quote_record(bytes: &[u8], out: &mut Vec<u8>) {
    for &b in bytes {
        match b {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b => out.push(b),
        }
    }
}

/// Undoes [`quote_record`]. A backslash before anything else stays as it is.
pub fn unquote_record(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&b, after)) = rest.split_first() {
        let (byte, after) = match (b, after.first()) {
            (b'\\', Some(b'n')) => (b'\n', &after[1..]),
            (b'\\', Some(b'\\')) => (b'\\', &after[1..]),
            _ => (b, after),
        };
        out.push(byte);
        rest = after;
    }
    Cow::Owned(out)
}

/// Appends `bytes` as getfacl and getfattr print paths: `\` and three octal digits for whatever is not
/// printable ASCII, and for blank, `=` and `\`.
pub fn quote_octal(bytes: &[u8], out: &mut Vec<u8>) {
    for &b in bytes {
        if b.is_ascii_graphic() && b != b'\\' && b != b'=' {
            out.push(b);
        } else {
            out.extend_from_slice(format!("\\{b:03o}").as_bytes());
        }
    }
}

/// Undoes [`quote_octal`]. Any other backslash stays as it is.
pub fn unquote_octal(bytes: &[u8]) -> Vec<u8> {
    unescape(bytes, b'\\', 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_class_has_ranges_and_escapes() {
        let q = Quoting::parse(b"A-Z:\\\\", b"");
        assert_eq!(&*q.quote(b"Dir/a:b\\;x"), b";068ir/a;058b;092;059x");
        assert_eq!(&*q.unquote(b";068ir/a;058b;092;059x"), b"Dir/a:b\\;x");
        assert_eq!(&*Quoting::none().quote(b"semi;058x"), b"semi;058x");
        assert_eq!(&*Quoting::none().unquote(b"semi;058x"), b"semi;058x");
        assert_eq!(&*q.unquote(b";999;12"), b";999;12");
    }

    #[test]
    fn names_that_dos_reserves() {
        let q = Quoting::parse(b":", b"escape_dos_devices\nescape_trailing_spaces");
        assert_eq!(&*q.quote(b"aux/Com1.txt/com/x./y "), b";097ux/;067om1.txt/com/x;046/y;032");
    }

    proptest! {
        #[test]
        fn quoting_can_be_undone(name in proptest::collection::vec(1u8.., 0..40),
                                 class in proptest::collection::vec(1u8.., 0..6)) {
            prop_assume!(!class.contains(&b'/') && !class.contains(&b'-'));
            let q = Quoting::parse(&class, b"");
            let quoted = q.quote(&name);
            prop_assert_eq!(&*q.unquote(&quoted), &name[..]);
            let mut text = Vec::new();
            quote_record(&name, &mut text);
            prop_assert!(!text.contains(&b'\n'));
            prop_assert_eq!(&*unquote_record(&text), &name[..]);
            let mut text = Vec::new();
            quote_octal(&name, &mut text);
            prop_assert_eq!(unquote_octal(&text), name);
        }

        #[test]
        fn any_bytes_can_be_unquoted(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (unquote_record(&name), unquote_octal(&name), Quoting::parse(&name, &name).unquote(&name));
        }
    }
}
