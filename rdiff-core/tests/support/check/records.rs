//! Metadata records, and the entries of ACL and xattr files, as text.

use std::collections::BTreeMap;

use super::super::manifest::show;

/// A path as its components. The derived order is the order of every stream; the root is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(pub Vec<Vec<u8>>);

impl Index {
    /// From joined components; `.` is the root.
    pub fn from_path(path: &[u8]) -> Self {
        if path == b"." {
            Self::default()
        } else {
            Self(path.split(|&b| b == b'/').map(<[u8]>::to_vec).collect())
        }
    }

    /// The directory it is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    /// One component further down.
    pub fn join(&self, name: &[u8]) -> Self {
        Self(self.0.iter().cloned().chain([name.to_vec()]).collect())
    }

    /// All directories above, nearest first, down to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        (0..self.0.len()).rev().map(|n| Self(self.0[..n].to_vec()))
    }
}

impl std::fmt::Display for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = if self.0.is_empty() { b".".to_vec() } else { self.0.join(&b'/') };
        f.write_str(&show(&path))
    }
}

/// What a record says that its path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Reg,
    Dir,
    Sym,
    Fifo,
    Sock,
    Dev,
    /// Only in diffs: not there.
    Absent,
}

/// One record of mirror_metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub index: Index,
    pub fields: BTreeMap<String, Vec<u8>>,
}

impl Record {
    /// The text of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.get(name).map(Vec::as_slice)
    }

    /// The number in a field; `None` too when it is no decimal number.
    pub fn number(&self, name: &str) -> Option<i128> {
        let text = std::str::from_utf8(self.get(name)?).ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    }

    /// Its type; `None` when the field is missing or unknown.
    pub fn kind(&self) -> Option<Type> {
        Some(match self.get("Type")? {
            b"reg" => Type::Reg,
            b"dir" => Type::Dir,
            b"sym" => Type::Sym,
            b"fifo" => Type::Fifo,
            b"sock" => Type::Sock,
            b"dev" => Type::Dev,
            b"None" => Type::Absent,
            _ => return None,
        })
    }

    /// Is it a regular file?
    pub fn is_reg(&self) -> bool {
        self.kind() == Some(Type::Reg)
    }

    /// The hard-link group: (inode, device), when it has more than one link.
    pub fn group(&self) -> Option<(&[u8], &[u8])> {
        let linked = self.is_reg() && self.number("NumHardLinks").is_some_and(|n| n > 1);
        linked.then(|| Some((self.get("Inode")?, self.get("DeviceLoc")?))).flatten()
    }

    /// The number that stands for its name in long_filename_data, for the mirror or only for increments.
    pub fn alternate(&self) -> Option<&[u8]> {
        self.get("AlternateMirrorName").or_else(|| self.get("AlternateIncrementName"))
    }
}

/// `\n` and `\\` undone.
fn unquote(text: &[u8]) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), text.iter().copied().peekable());
    while let Some(b) = bytes.next() {
        let escaped = if b == b'\\' { bytes.next_if(|e| matches!(e, b'n' | b'\\')) } else { None };
        out.push(if escaped == Some(b'n') { b'\n' } else { b });
    }
    out
}

/// The records of a metadata file in its order, and what is no record, in words.
pub fn parse(text: &[u8]) -> (Vec<Record>, Vec<String>) {
    let (mut records, mut bad) = (Vec::<Record>::new(), Vec::new());
    if !text.is_empty() && !text.ends_with(b"\n") {
        bad.push("the last line is not finished".to_owned());
    }
    for line in text.split_inclusive(|&b| b == b'\n').map(|l| l.strip_suffix(b"\n").unwrap_or(l)) {
        if let Some(path) = line.strip_prefix(b"File ") {
            records.push(Record { index: Index::from_path(&unquote(path)), fields: BTreeMap::new() });
        } else if let Some((name, value)) = split_field(line)
            && let Some(record) = records.last_mut()
        {
            let value = if name == "SymData" { unquote(value) } else { value.to_vec() };
            if record.fields.insert(name.clone(), value).is_some() {
                bad.push(format!("{} has {name} twice", record.index));
            }
        } else {
            bad.push(format!("no field: {}", show(line)));
        }
    }
    (records, bad)
}

fn split_field(line: &[u8]) -> Option<(String, &[u8])> {
    let rest = line.strip_prefix(b"  ")?;
    let blank = rest.iter().position(|&b| b == b' ')?;
    let (name, value) = (&rest[..blank], &rest[blank + 1..]);
    let fits = !name.is_empty() && name.iter().all(u8::is_ascii_alphanumeric) && !value.is_empty();
    fits.then(|| (String::from_utf8_lossy(name).into_owned(), value))
}

/// `\040` -> blank, as in getfattr's output; other backslashes stay.
pub fn unoctal(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|d| first == b'\\' && d.iter().all(|b| (b'0'..b'8').contains(b)));
        let byte = digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[3..] } else { tail };
    }
    out
}

/// Paths with the lines that an xattr or ACL file has for them, in its order.
pub type Attributes = Vec<(Index, Vec<Vec<u8>>)>;

/// The lines below each `# file: PATH`, in order; `Err` with a line that belongs to no path.
pub fn parse_attributes(text: &[u8]) -> Result<Attributes, String> {
    let mut entries = Attributes::new();
    for line in text.split(|&b| b == b'\n').filter(|l| !l.is_empty()) {
        match (line.strip_prefix(b"# file: "), entries.last_mut()) {
            (Some(path), _) => entries.push((Index::from_path(&unoctal(path)), Vec::new())),
            (None, Some((_, lines))) if !line.starts_with(b"#") => lines.push(line.to_vec()),
            _ => return Err(format!("no entry: {}", show(line))),
        }
    }
    Ok(entries)
}

/// Names and values of the attributes in an entry of an xattr file; `None` when one is not readable.
pub fn xattrs(lines: &[Vec<u8>]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let pair = |line: &Vec<u8>| match line.iter().position(|&b| b == b'=') {
        None => Some((unoctal(line), Vec::new())),
        Some(at) => Some((unoctal(&line[..at]), unbase64(line[at + 1..].strip_prefix(b"0s")?)?)),
    };
    lines.iter().map(pair).collect()
}

fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for &b in text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text) {
        bits = (bits << 6 | u32::try_from(ALPHABET.iter().position(|&a| a == b)?).ok()?) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(out)
}
