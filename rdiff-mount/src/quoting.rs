//! The two quotings of locations: rdiff-backup's backslashes, and the percent signs of `ssh://`.

/// Takes `\:` for a colon and `\\` for a backslash; other backslashes stay.
pub(crate) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' && matches!(text.get(at + 1), Some(b':' | b'\\')) {
            at += 1;
        }
        out.push(text[at]);
        at += 1;
    }
    out
}

/// Escapes backslashes, and colons that another one follows.
pub(crate) fn escape_path(path: &[u8]) -> Vec<u8> {
    escape_colons(path, |at| path.get(at + 1) == Some(&b':'))
}

/// Escapes backslashes, and colons before the first slash, which could be taken for a host's.
pub(crate) fn escape_local(path: &[u8]) -> Vec<u8> {
    let slash = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    escape_colons(path, |at| at < slash)
}

/// Escapes backslashes only.
pub(crate) fn escape_backslashes(text: &[u8]) -> Vec<u8> {
    escape_colons(text, |_| false)
}

fn escape_colons(text: &[u8], needed: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\\' || (*byte == b':' && needed(at)) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

/// Encodes what may not stand in an `ssh://` location; bytes beyond ASCII stay.
pub(crate) fn percent_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'%' | b'?' | b'#' | b'\\' | 0..=b' ' | 127 => {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// The path of an `ssh://` location: a relative one begins with `/~/`.
pub(crate) fn percent_path(path: &[u8]) -> Vec<u8> {
    match path {
        [b'/', b'~', rest @ ..] => [b"/%7E".as_slice(), &percent_encode(rest)].concat(),
        [b'/', ..] => percent_encode(path),
        _ => [b"/~/".as_slice(), &percent_encode(path)].concat(),
    }
}

/// Undoes [`percent_path`]; `None` when a `%` begins no number.
pub(crate) fn decode_url_path(raw: &[u8]) -> Option<Vec<u8>> {
    match raw {
        b"/~" | b"/~/" => Some(b".".to_vec()),
        [b'/', b'~', b'/', relative @ ..] => percent_decode(relative),
        _ => percent_decode(raw),
    }
}

/// Undoes [`percent_encode`]; `None` when a `%` begins no number.
pub(crate) fn percent_decode(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'%' {
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            out.push((high * 16 + low) as u8);
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}
