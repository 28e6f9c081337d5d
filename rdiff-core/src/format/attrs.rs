//! Records of `mirror_metadata`: text to [`Entry`] and back.
//!
//! Fields that this program doesn't know are kept word for word, for regress writes records again.
//!
//! ```
//! use rdiff_core::entry::{Attrs, Entry, Kind};
//! use rdiff_core::format::attrs::{RecordParser, path_of, write_absent, write_record};
//! use rdiff_core::path::RepoPathBuf;
//!
//! let path = RepoPathBuf::new("dir")?;
//! let attrs = Attrs { mtime: Some(1_700_000_000), mode: 0o755, ..Attrs::default() };
//! let entry = Entry::new(path.clone(), Kind::Dir, attrs);
//! let mut record = Vec::new();
//! write_record(&entry, &mut record);
//! assert!(record.starts_with(b"File dir\n  Type dir\n"));
//! assert_eq!(path_of(&record)?, path);
//! assert_eq!(RecordParser::default().parse(&record)?, (path.clone(), Some(entry)));
//!
//! let mut record = Vec::new();
//! write_absent(&path, &mut record); // in a diff: it was not there
//! assert_eq!(RecordParser::default().parse(&record)?, (path, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::digits::Digits;
use super::quote::{quote_record, unquote_record};
use super::record::lines;
use super::usual;
use crate::entry::{Acl, Attrs, Device, Digest, Entry, File, Kind, Link, LongName, Name, Xattrs};
use crate::error::FormatError;
use crate::path::{RepoPath, RepoPathBuf};
use std::sync::Arc;

/// Reads records. It keeps the names it saw last, since neighbours mostly share their owner.
#[derive(Default)]
pub struct RecordParser {
    uname: Option<Name>,
    gname: Option<Name>,
}

/// The path of a record, without reading the rest.
///
/// # Errors
/// [`FormatError::Path`] for paths that could lead out of the tree.
pub fn path_of(record: &[u8]) -> Result<RepoPathBuf, FormatError> {
    let mut path = RepoPathBuf::default();
    read_path(record, &mut path)?;
    Ok(path)
}

/// [`path_of`] into a path whose memory is used again.
///
/// # Errors
/// As [`path_of`].
pub(crate) fn read_path(record: &[u8], path: &mut RepoPathBuf) -> Result<(), FormatError> {
    let line = lines(record).next().unwrap_or_default();
    let quoted = line.strip_prefix(super::record::METADATA_MARKER).unwrap_or_default();
    path.assign(checked_path(quoted, &unquote_record(quoted))?);
    Ok(())
}

/// What of a record says which content a file has: its size, its digest, its name in `long_filename_data`. Nothing
/// unless it is a file with a digest.
pub(crate) fn content_of(record: &[u8]) -> Option<[&[u8]; 3]> {
    let mut content: [&[u8]; 3] = [b""; 3];
    let mut is_file = false;
    for line in lines(record).skip(1) {
        let text = line.trim_ascii_start();
        let Some(blank) = memchr::memchr(b' ', text) else { continue };
        match &text[..blank] {
            b"Type" => is_file = &text[blank..] == b" reg",
            b"Size" => content[0] = &text[blank..],
            b"SHA1Digest" => content[1] = &text[blank..],
            b"AlternateMirrorName" | b"AlternateIncrementName" => content[2] = text,
            _ => {}
        }
    }
    (is_file && content[1].len() == 41).then_some(content)
}

/// Checks a path as it stands in a side file; `.` is the root.
pub(super) fn path_from(quoted: &[u8], unquoted: Vec<u8>) -> Result<RepoPathBuf, FormatError> {
    checked_path(quoted, &unquoted).map(RepoPath::to_owned)
}

fn checked_path<'a>(quoted: &[u8], unquoted: &'a [u8]) -> Result<RepoPath<'a>, FormatError> {
    if quoted == b"." {
        return Ok(RepoPath::ROOT);
    }
    let shown = || String::from_utf8_lossy(quoted).into_owned();
    if unquoted.is_empty() {
        return Err(FormatError::Path { path: shown(), source: crate::path::PathError::Empty });
    }
    RepoPath::new(unquoted).map_err(|source| FormatError::Path { path: shown(), source })
}

/// The fields of one record as they stand.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a [u8]>,
    size: Option<u64>,
    links: Option<u64>,
    inode: Option<u64>,
    device_loc: Option<u64>,
    digest: Option<Digest>,
    target: Option<Vec<u8>>,
    device: Option<Device>,
    long_name: Option<LongName>,
    unknown: Vec<u8>,
}

impl RecordParser {
    /// Reads one record. Nothing stands for `Type None`: the path was not there.
    ///
    /// # Errors
    /// [`FormatError`] for a path that could lead out of the tree, a number that is none, a type that
    /// isn't known, a name in `long_filename_data` with a slash.
    pub fn parse(&mut self, record: &[u8]) -> Result<(RepoPathBuf, Option<Entry>), FormatError> {
        let path = path_of(record)?;
        Ok((path.clone(), self.entry(path, record)?))
    }

    /// Reads one record whose path was read before.
    ///
    /// # Errors
    /// As [`RecordParser::parse`].
    pub fn entry(&mut self, path: RepoPathBuf, record: &[u8]) -> Result<Option<Entry>, FormatError> {
        match self.usual(path, record) {
            Ok(entry) => Ok(Some(entry)),
            Err(path) => self.any(path, record),
        }
    }

    /// Reads a record as most are; gives the path back if it isn't one.
    fn usual(&mut self, path: RepoPathBuf, record: &[u8]) -> Result<Entry, RepoPathBuf> {
        let first_line = memchr::memchr(b'\n', record).map_or(record.len(), |end| end + 1);
        let Some(usual) = usual::read(&record[first_line..]) else { return Err(path) };
        let attrs = Attrs {
            mtime: Some(usual.mtime),
            uid: usual.uid,
            gid: usual.gid,
            uname: shared(&mut self.uname, usual.uname),
            gname: shared(&mut self.gname, usual.gname),
            mode: usual.mode,
        };
        Ok(Entry::new(path, usual.kind, attrs))
    }

    /// Reads any record, field by field.
    fn any(&mut self, path: RepoPathBuf, record: &[u8]) -> Result<Option<Entry>, FormatError> {
        let mut attrs = Attrs::default();
        let mut f = Fields::default();
        for line in lines(record).skip(1) {
            self.field(line, &mut attrs, &mut f)?;
        }
        let kind = match f.kind {
            Some(b"reg") => Kind::File(File {
                size: f.size.ok_or(FormatError::Missing("Size"))?,
                digest: f.digest,
                link: link(&f),
            }),
            Some(b"dir") => Kind::Dir,
            Some(b"sym") => Kind::Symlink(f.target.ok_or(FormatError::Missing("SymData"))?),
            Some(b"fifo") => Kind::Fifo,
            Some(b"sock") => Kind::Socket,
            Some(b"dev") => Kind::Device(f.device.ok_or(FormatError::Missing("DeviceNum"))?),
            Some(b"None") => return Ok(None),
            Some(other) => return Err(bad(b"Type", other)),
            None => return Err(FormatError::Missing("Type")),
        };
        Ok(Some(Entry {
            path,
            kind,
            attrs,
            xattrs: Xattrs::default(),
            acl: Acl::default(),
            long_name: f.long_name,
            unknown: f.unknown,
            precise: None,
        }))
    }

    fn field<'a>(
        &mut self,
        line: &'a [u8],
        attrs: &mut Attrs,
        f: &mut Fields<'a>,
    ) -> Result<(), FormatError> {
        let text = line.trim_ascii_start();
        // Names are too short for a search in blocks to gain anything.
        let Some(blank) = text.iter().position(|&b| b == b' ') else { return Ok(()) };
        let (name, value) = (&text[..blank], &text[blank + 1..]);
        if value.is_empty() {
            return Ok(());
        }
        let natural = || natural(value).ok_or_else(|| bad(name, value));
        let small = || natural().and_then(|n| u32::try_from(n).map_err(|_| bad(name, value)));
        match name {
            b"Type" => f.kind = Some(value),
            b"Size" => f.size = Some(natural()?),
            b"NumHardLinks" => f.links = Some(natural()?),
            b"Inode" => f.inode = Some(natural()?),
            b"DeviceLoc" => f.device_loc = Some(natural()?),
            b"SHA1Digest" if value != b"None" && value != b":" => {
                f.digest = Some(Digest::from_hex(value).ok_or_else(|| bad(name, value))?);
            }
            b"SHA1Digest" => {}
            b"SymData" => f.target = Some(unquote_record(value).into_owned()),
            b"DeviceNum" => f.device = Some(device(value).ok_or_else(|| bad(name, value))?),
            b"ModTime" => attrs.mtime = Some(integer(value).ok_or_else(|| bad(name, value))?),
            b"Uid" => attrs.uid = small()?,
            b"Gid" => attrs.gid = small()?,
            b"Uname" => attrs.uname = shared(&mut self.uname, value),
            b"Gname" => attrs.gname = shared(&mut self.gname, value),
            b"Permissions" => match small()? {
                mode @ ..=0o7777 => attrs.mode = mode,
                _ => return Err(bad(name, value)),
            },
            b"AlternateMirrorName" => f.long_name = Some(LongName::Mirror(plain_name(name, value)?)),
            b"AlternateIncrementName" => f.long_name = Some(LongName::Increments(plain_name(name, value)?)),
            _ => {
                f.unknown.extend_from_slice(line);
                f.unknown.push(b'\n');
            }
        }
        Ok(())
    }
}

/// The group of hard links, when the record says that there are several.
fn link(f: &Fields<'_>) -> Option<Link> {
    let count = f.links.filter(|&n| n > 1)?;
    Some(Link { count, inode: f.inode?, device: f.device_loc? })
}

fn bad(field: &[u8], value: &[u8]) -> FormatError {
    let text = |b: &[u8]| String::from_utf8_lossy(&b[..b.len().min(80)]).into_owned();
    FormatError::Field { field: text(field), value: text(value) }
}

fn shared(last: &mut Option<Name>, value: &[u8]) -> Option<Name> {
    if value == b":" || value == b"None" {
        return None;
    }
    if last.as_deref() != Some(value) {
        *last = Some(Arc::from(value));
    }
    last.clone()
}

fn plain_name(field: &[u8], value: &[u8]) -> Result<Vec<u8>, FormatError> {
    crate::path::check_component(value).map_err(|_| bad(field, value))?;
    Ok(value.to_vec())
}

fn natural(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |n, &b| {
        let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn integer(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(rest) => 0i64.checked_sub_unsigned(natural(rest)?),
        None => i64::try_from(natural(text)?).ok(),
    }
}

/// Reads `c 4 64`.
fn device(text: &[u8]) -> Option<Device> {
    let mut parts = text.split(|&b| b == b' ');
    let block = match parts.next()? {
        b"c" => false,
        b"b" => true,
        _ => return None,
    };
    let mut number = || u32::try_from(natural(parts.next()?)?).ok();
    Some(Device { block, major: number()?, minor: number()? })
}

/// Appends the record of an entry.
pub fn write_record(entry: &Entry, out: &mut Vec<u8>) {
    write_path(&entry.path, out);
    let mut field = |name: &str, value: &[u8]| {
        out.extend_from_slice(b"  ");
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        out.extend_from_slice(value);
        out.push(b'\n');
    };
    let mut digits = Digits::default();
    match &entry.kind {
        Kind::File(file) => {
            field("Type", b"reg");
            field("Size", digits.of(file.size));
            if let Some(link) = file.link {
                field("NumHardLinks", digits.of(link.count));
                field("Inode", digits.of(link.inode));
                field("DeviceLoc", digits.of(link.device));
            }
            if let Some(digest) = file.digest {
                field("SHA1Digest", &digest.hex());
            }
        }
        Kind::Dir => field("Type", b"dir"),
        Kind::Symlink(target) => {
            field("Type", b"sym");
            let mut quoted = Vec::with_capacity(target.len());
            quote_record(target, &mut quoted);
            field("SymData", &quoted);
        }
        Kind::Fifo => field("Type", b"fifo"),
        Kind::Socket => field("Type", b"sock"),
        Kind::Device(d) => {
            field("Type", b"dev");
            field(
                "DeviceNum",
                format!("{} {} {}", if d.block { 'b' } else { 'c' }, d.major, d.minor).as_bytes(),
            );
        }
    }
    let attrs = &entry.attrs;
    if let (Some(mtime), false) = (attrs.mtime, matches!(entry.kind, Kind::Symlink(_) | Kind::Device(_))) {
        match u64::try_from(mtime) {
            Ok(mtime) => field("ModTime", digits.of(mtime)),
            Err(_) => field("ModTime", mtime.to_string().as_bytes()),
        }
    }
    field("Uid", digits.of(u64::from(attrs.uid)));
    field("Uname", name_or_colon(attrs.uname.as_ref()));
    field("Gid", digits.of(u64::from(attrs.gid)));
    field("Gname", name_or_colon(attrs.gname.as_ref()));
    field("Permissions", digits.of(u64::from(attrs.mode)));
    match &entry.long_name {
        Some(LongName::Mirror(name)) => field("AlternateMirrorName", name),
        Some(LongName::Increments(name)) => field("AlternateIncrementName", name),
        None => {}
    }
    out.extend_from_slice(&entry.unknown);
}

/// Appends the record that says: this path was not there.
pub fn write_absent(path: &RepoPathBuf, out: &mut Vec<u8>) {
    write_path(path, out);
    out.extend_from_slice(b"  Type None\n");
}

fn write_path(path: &RepoPathBuf, out: &mut Vec<u8>) {
    out.extend_from_slice(super::record::METADATA_MARKER);
    if path.is_root() {
        out.push(b'.');
    } else {
        quote_record(path.as_bytes(), out);
    }
    out.push(b'\n');
}

/// rdiff-backup 2.2 drops a whole record over a name that isn't ASCII, so such a name is left out.
fn name_or_colon(name: Option<&Name>) -> &[u8] {
    match name {
        Some(name) if name.iter().all(u8::is_ascii_graphic) && !name.is_empty() => name,
        _ => b":",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &[u8]) -> Result<(RepoPathBuf, Option<Entry>), FormatError> {
        RecordParser::default().parse(text)
    }

    #[test]
    fn a_record_as_rdiff_backup_writes_it() {
        let text =
            b"File a\\\\b\\nc\n  Type reg\n  Size 12\n  NumHardLinks 2\n  Inode 17\n  DeviceLoc 65026\n  \
            SHA1Digest a9993e364706816aba3e25717850c26c9cd0d89d\n  ModTime -5\n  Uid 0\n  Uname root\n  \
            Gid 7\n  Gname :\n  Permissions 3565\n  AlternateIncrementName 3\n  Strange  x y \n";
        let (path, entry) = parse(text).unwrap();
        let entry = entry.unwrap();
        assert_eq!(path.as_bytes(), b"a\\b\nc");
        let file = entry.file().unwrap();
        assert_eq!((file.size, file.link.unwrap().count), (12, 2));
        assert_eq!((entry.attrs.mtime, entry.attrs.mode), (Some(-5), 0o6755));
        assert_eq!((entry.attrs.uname.as_deref(), entry.attrs.gname.as_deref()), (Some(&b"root"[..]), None));
        assert_eq!(entry.long_name, Some(LongName::Increments(b"3".to_vec())));
        let mut again = Vec::new();
        write_record(&entry, &mut again);
        assert_eq!(again, text);
    }

    #[test]
    fn hostile_records_are_refused_by_name() {
        for text in [
            &b"File ../x\n  Type dir\n"[..],
            b"File /x\n  Type dir\n",
            b"File a//b\n  Type dir\n",
            b"File \n  Type dir\n",
            b"File a\0\n  Type dir\n",
            b"File a\n  Type odd\n",
            b"File a\n",
            b"File a\n  Type reg\n",
            b"File a\n  Type reg\n  Size -1\n",
            b"File a\n  Type reg\n  Size 1x\n",
            b"File a\n  Type reg\n  Size 99999999999999999999999\n",
            b"File a\n  Type dev\n  DeviceNum c 1\n",
            b"File a\n  Type dir\n  AlternateMirrorName ../../etc\n",
            b"File a\n  Type reg\n  Size 1\n  SHA1Digest zz\n",
            b"File a\n  Type dir\n  Permissions 4096\n",
            b"File a\n  Type dir\n  ModTime 9223372036854775808\n",
            b"File a\n  Type dir\n  ModTime -9223372036854775809\n",
        ] {
            assert!(parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let name = || proptest::option::of("[a-z_]{1,8}".prop_map(|s| Name::from(s.as_bytes())));
        let link = proptest::option::of(
            (2u64.., any::<u64>(), any::<u64>()).prop_map(|(count, inode, device)| Link {
                count,
                inode,
                device,
            }),
        );
        let file = (any::<u64>(), proptest::option::of(any::<[u8; 20]>().prop_map(Digest)), link)
            .prop_map(|(size, digest, link)| Kind::File(File { size, digest, link }));
        let kind = prop_oneof![
            file,
            Just(Kind::Dir),
            Just(Kind::Fifo),
            Just(Kind::Socket),
            proptest::collection::vec(1u8.., 1..40).prop_map(Kind::Symlink),
            (any::<bool>(), any::<u32>(), any::<u32>())
                .prop_map(|(block, major, minor)| Kind::Device(Device { block, major, minor })),
        ];
        let path =
            proptest::collection::vec(1u8.., 0..30).prop_filter_map("a path", |b| RepoPathBuf::new(b).ok());
        let mtime = prop_oneof![Just(i64::MIN), any::<i64>(), -9_000_000_000i64..9_000_000_000];
        let attrs = (mtime, any::<u32>(), any::<u32>(), name(), name(), 0..0o10000u32);
        (path, kind, attrs).prop_map(|(path, kind, (mtime, uid, gid, uname, gname, mode))| {
            let timed = !matches!(kind, Kind::Symlink(_) | Kind::Device(_));
            Entry::new(path, kind, Attrs { mtime: timed.then_some(mtime), uid, gid, uname, gname, mode })
        })
    }

    proptest! {
        #[test]
        fn a_record_survives_the_trip(entry in any_entry()) {
            let mut text = Vec::new();
            write_record(&entry, &mut text);
            let (path, read) = parse(&text).unwrap();
            prop_assert_eq!(&path, &entry.path);
            prop_assert_eq!(read, Some(entry));
        }

        #[test]
        fn usual_or_not_a_record_says_the_same(
            entry in any_entry(), cut in 0..400usize, edit in proptest::option::of((0..400usize, "[ \n0-9a-z:]")),
        ) {
            let mut text = Vec::new();
            write_record(&entry, &mut text);
            if let Some((at, new)) = edit {
                let at = at % text.len();
                text[at] = new.as_bytes()[0];
            }
            text.truncate(text.len().min(1 + cut));
            let mut parser = RecordParser::default();
            let path = RepoPathBuf::default();
            if let Ok(usual) = parser.usual(path.clone(), &text) {
                prop_assert_eq!(parser.any(path, &text).ok(), Some(Some(usual)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&text).ok();
        }
    }
}
