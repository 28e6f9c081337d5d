//! Records of `extended_attributes`: `# file: PATH`, then `NAME=0sBASE64` for each attribute.
//!
//! rdiff-backup quotes attribute names when it writes and doesn't unquote them when it reads. Here names
//! are unquoted on reading, and on writing only what would break a line is quoted, so that both
//! programs restore the same names.
//!
//! ```
//! use rdiff_core::format::xattrs::{parse, write};
//!
//! let (path, xattrs) = parse(b"# file: note\nuser.mime=0sdGV4dA==\n")?;
//! assert_eq!(xattrs.0, [(b"user.mime".to_vec(), b"text".to_vec())]);
//! let mut written = Vec::new();
//! write(&path, &xattrs, &mut written);
//! assert_eq!(parse(&written)?.1, xattrs);
//! # Ok::<(), rdiff_core::error::FormatError>(())
//! ```

use super::quote::{quote_octal, unquote_octal};
use super::record::{ATTRIBUTE_MARKER, lines};
use crate::entry::Xattrs;
use crate::error::FormatError;
use crate::path::RepoPathBuf;

/// Reads one record.
///
/// # Errors
/// [`FormatError`] for a path that could lead out of the tree, or a value that isn't `0s` and base64.
pub fn parse(record: &[u8]) -> Result<(RepoPathBuf, Xattrs), FormatError> {
    let mut lines = lines(record);
    let path = path_of(lines.next().unwrap_or_default())?;
    let mut xattrs = Vec::new();
    for line in lines {
        let line = line.trim_ascii();
        match memchr::memchr(b'=', line) {
            _ if line.is_empty() => {}
            None => xattrs.push((unquote_octal(line), Vec::new())),
            Some(at) => {
                let value = line[at + 1..].strip_prefix(b"0s").and_then(decode_base64);
                let value = value.ok_or_else(|| FormatError::Field {
                    field: String::from_utf8_lossy(&line[..at]).into_owned(),
                    value: String::from_utf8_lossy(&line[at + 1..line.len().min(at + 60)]).into_owned(),
                })?;
                xattrs.push((unquote_octal(&line[..at]), value));
            }
        }
    }
    Ok((path, Xattrs(xattrs)))
}

/// The path of a line `# file: PATH`.
pub(crate) fn path_of(line: &[u8]) -> Result<RepoPathBuf, FormatError> {
    let quoted = line.strip_prefix(ATTRIBUTE_MARKER).unwrap_or_default();
    super::attrs::path_from(quoted, unquote_octal(quoted))
}

/// Appends the line `# file: PATH`.
pub(super) fn write_path(path: &RepoPathBuf, out: &mut Vec<u8>) {
    out.extend_from_slice(ATTRIBUTE_MARKER);
    if path.is_root() {
        out.push(b'.');
    } else {
        quote_octal(path.as_bytes(), out);
    }
    out.push(b'\n');
}

/// Appends the record of a path.
pub fn write(path: &RepoPathBuf, xattrs: &Xattrs, out: &mut Vec<u8>) {
    write_path(path, out);
    for (name, value) in &xattrs.0 {
        for (i, b) in name.iter().enumerate() {
            let at_end = i + 1 == name.len() && b.is_ascii_whitespace();
            if b.is_ascii_control() || matches!(b, b'\\' | b'=') || at_end {
                quote_octal(&[*b], out);
            } else {
                out.push(*b);
            }
        }
        if !value.is_empty() {
            out.extend_from_slice(b"=0s");
            encode_base64(value, out);
        }
        out.push(b'\n');
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let byte = |i| u32::from(*chunk.get(i).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            out.push(if i <= chunk.len() { ALPHABET[(bits >> (18 - 6 * i) & 63) as usize] } else { b'=' });
        }
    }
}

fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for &b in text.iter().filter(|b| **b != b'=') {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 255) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_as_rdiff_backup_writes_it() {
        let text = b"# file: new\\012line\\040\\303\\251\nuser.a\\040b=0saGVsbG8=\nuser.empty\n";
        let (path, xattrs) = parse(text).unwrap();
        assert_eq!(path.as_bytes(), "new\nline \u{e9}".as_bytes());
        assert_eq!(xattrs.0, [(b"user.a b".to_vec(), b"hello".to_vec()), (b"user.empty".to_vec(), vec![])]);
        assert!(parse(b"# file: a\nuser.x=hello\n").is_err());
        assert!(parse(b"# file: ../a\nuser.x=0s\n").is_err());
    }

    proptest! {
        #[test]
        fn attributes_survive_the_trip(pairs in proptest::collection::vec(
            ("user\\.[ -~\u{e9}\n]{1,8}", proptest::collection::vec(any::<u8>(), 0..20)), 0..4),
            path in proptest::collection::vec(1u8.., 0..20)) {
            let Ok(path) = RepoPathBuf::new(path) else { return Ok(()) };
            let xattrs = Xattrs(pairs.into_iter().map(|(n, v)| (n.into_bytes(), v)).collect());
            let mut text = Vec::new();
            write(&path, &xattrs, &mut text);
            prop_assert_eq!(parse(&text).unwrap(), (path, xattrs));
        }
    }
}
