//! Records of `access_control_lists`: `# file: PATH`, then lines such as `user:joe:rw-`; those of the
//! default list begin with `default:`.
//!
//! ```
//! use rdiff_core::format::acls::{parse, write};
//!
//! let record = b"# file: dir\nuser::rwx\nuser:ann:r--\ngroup::r-x\nmask::r-x\nother::---\n";
//! let (path, acl) = parse(record)?;
//! assert_eq!((path.to_string().as_str(), acl.access.len()), ("dir", 5));
//! let mut written = Vec::new();
//! write(&path, &acl, &mut written);
//! assert_eq!(parse(&written)?, (path, acl));
//! # Ok::<(), rdiff_core::error::FormatError>(())
//! ```

use super::record::lines;
use crate::entry::{Acl, AclEntry, AclTag, Qualifier};
use crate::error::FormatError;
use crate::path::RepoPathBuf;

/// Reads one record.
///
/// # Errors
/// [`FormatError`] for a path that could lead out of the tree, or a line that isn't `tag:who:perms`.
pub fn parse(record: &[u8]) -> Result<(RepoPathBuf, Acl), FormatError> {
    let mut lines = lines(record);
    let path = super::xattrs::path_of(lines.next().unwrap_or_default())?;
    let mut acl = Acl::default();
    for line in lines {
        let text = line.split(|&b| b == b'#').next().unwrap_or_default().trim_ascii();
        if text.is_empty() {
            continue;
        }
        let (list, text) = match text.strip_prefix(b"default:") {
            Some(rest) => (&mut acl.default, rest),
            None => (&mut acl.access, text),
        };
        list.push(parse_line(text).ok_or_else(|| {
            FormatError::Other(format!(
                "bad line {:?} in an access control list",
                String::from_utf8_lossy(line)
            ))
        })?);
    }
    Ok((path, acl))
}

fn parse_line(text: &[u8]) -> Option<AclEntry> {
    let parts: Vec<&[u8]> = text.split(|&b| b == b':').collect();
    let [tag, who, perms] = parts[..] else { return None };
    let qualifier = || match std::str::from_utf8(who).ok().and_then(|w| w.parse().ok()) {
        Some(id) => Qualifier::Id(id),
        None => Qualifier::Name(who.to_vec()),
    };
    let tag = match (tag, who.is_empty()) {
        (b"user" | b"u", true) => AclTag::UserObj,
        (b"user" | b"u", false) => AclTag::User(qualifier()),
        (b"group" | b"g", true) => AclTag::GroupObj,
        (b"group" | b"g", false) => AclTag::Group(qualifier()),
        (b"mask" | b"m", _) => AclTag::Mask,
        (b"other" | b"o", _) => AclTag::Other,
        _ => return None,
    };
    let bit = |i: usize, letter: u8, value: u8| match perms.get(i) {
        Some(b) if *b == letter => Some(value),
        Some(b'-') | None => Some(0),
        _ => None,
    };
    Some(AclEntry { tag, perms: bit(0, b'r', 4)? | bit(1, b'w', 2)? | bit(2, b'x', 1)? })
}

/// Appends the record of a path.
pub fn write(path: &RepoPathBuf, acl: &Acl, out: &mut Vec<u8>) {
    super::xattrs::write_path(path, out);
    for entry in &acl.access {
        write_line(entry, out);
    }
    for entry in &acl.default {
        out.extend_from_slice(b"default:");
        write_line(entry, out);
    }
}

fn write_line(entry: &AclEntry, out: &mut Vec<u8>) {
    let (tag, who) = match &entry.tag {
        AclTag::UserObj => ("user", None),
        AclTag::User(q) => ("user", Some(q)),
        AclTag::GroupObj => ("group", None),
        AclTag::Group(q) => ("group", Some(q)),
        AclTag::Mask => ("mask", None),
        AclTag::Other => ("other", None),
    };
    out.extend_from_slice(tag.as_bytes());
    out.push(b':');
    match who {
        Some(Qualifier::Id(id)) => out.extend_from_slice(id.to_string().as_bytes()),
        Some(Qualifier::Name(name)) => out.extend_from_slice(name),
        None => {}
    }
    out.push(b':');
    for (bit, letter) in [(4, b'r'), (2, b'w'), (1, b'x')] {
        out.push(if entry.perms & bit != 0 { letter } else { b'-' });
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_as_rdiff_backup_writes_it() {
        let text: &[u8] =
            b"# file: d\nuser::rwx\nuser:daemon:r-x\nuser:99999:---\ngroup::r-x\nmask::rwx\nother::---\n\
            default:user::rwx\ndefault:group:staff:rw-\n";
        let (path, acl) = parse(text).unwrap();
        assert_eq!((acl.access.len(), acl.default.len()), (6, 2));
        assert_eq!(acl.access[2].tag, AclTag::User(Qualifier::Id(99999)));
        let mut again = Vec::new();
        write(&path, &acl, &mut again);
        assert_eq!(again, text);
    }

    #[test]
    fn bad_lines_are_errors() {
        for text in [
            &b"# file: d\nuser:rwx\n"[..],
            b"# file: d\nking::rwx\n",
            b"# file: d\nuser::xyz\n",
            b"# file: /d\n",
        ] {
            assert!(parse(text).is_err());
        }
        assert!(parse(b"# file: d\nuser::rwx  # effective: r\n").is_ok());
    }
}
