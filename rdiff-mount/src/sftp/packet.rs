//! Packets of SFTP version 3, as far as one who only reads needs them: pure encoding, strict decoding.
//!
//! What comes from the server may be anything. Every length is checked against what is there and against a
//! cap, nothing may follow the last field, and no bytes can make this panic.

/// The longest packet, in bytes, without its length field. OpenSSH sends and takes no longer one.
pub(super) const LONGEST_PACKET: usize = 256 << 10;
/// The longest handle; the protocol says so.
const LONGEST_HANDLE: usize = 256;
/// Bytes of a length field.
const LENGTH_FIELD: usize = 4;

/// The extension that tells how long packets and reads may be.
pub(super) const LIMITS: &[u8] = b"limits@openssh.com";
/// The extension that names users and groups.
pub(super) const NAMES_BY_ID: &[u8] = b"users-groups-by-id@openssh.com";
/// The extension that describes a file system.
pub(super) const STATVFS: &[u8] = b"statvfs@openssh.com";

const INIT: u8 = 1;
const VERSION: u8 = 2;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const LSTAT: u8 = 7;
const FSTAT: u8 = 8;
const OPENDIR: u8 = 11;
const READDIR: u8 = 12;
const REALPATH: u8 = 16;
const READLINK: u8 = 19;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED: u8 = 200;
const EXTENDED_REPLY: u8 = 201;

/// A question to the server. Paths and handles are any bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    OpenDir(&'a [u8]),
    ReadDir(&'a [u8]),
    LStat(&'a [u8]),
    ReadLink(&'a [u8]),
    RealPath(&'a [u8]),
    /// Opens to read.
    Open(&'a [u8]),
    Read {
        handle: &'a [u8],
        offset: u64,
        len: u32,
    },
    FStat(&'a [u8]),
    Close(&'a [u8]),
    Limits,
    StatVfs(&'a [u8]),
    Names {
        uids: &'a [u32],
        gids: &'a [u32],
    },
}

/// The first packet, which has no id.
pub(super) const HELLO: [u8; 9] = [0, 0, 0, 5, INIT, 0, 0, 0, 3];

impl Request<'_> {
    /// Appends the packet. Its strings come from us and are no longer than a path.
    pub(super) fn encode(&self, id: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_FIELD]);
        let mut simple = |kind, strings: &[&[u8]]| {
            out.push(kind);
            out.extend_from_slice(&id.to_be_bytes());
            strings.iter().for_each(|string| put(out, string));
        };
        match *self {
            Self::OpenDir(path) => simple(OPENDIR, &[path]),
            Self::ReadDir(handle) => simple(READDIR, &[handle]),
            Self::LStat(path) => simple(LSTAT, &[path]),
            Self::ReadLink(path) => simple(READLINK, &[path]),
            Self::RealPath(path) => simple(REALPATH, &[path]),
            Self::FStat(handle) => simple(FSTAT, &[handle]),
            Self::Close(handle) => simple(CLOSE, &[handle]),
            Self::Limits => simple(EXTENDED, &[LIMITS]),
            Self::StatVfs(path) => simple(EXTENDED, &[STATVFS, path]),
            Self::Names { uids, gids } => simple(EXTENDED, &[NAMES_BY_ID, &packed(uids), &packed(gids)]),
            Self::Open(path) => {
                simple(OPEN, &[path]);
                // To read; no attributes.
                out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0]);
            }
            Self::Read { handle, offset, len } => {
                simple(READ, &[handle]);
                out.extend_from_slice(&offset.to_be_bytes());
                out.extend_from_slice(&len.to_be_bytes());
            }
        }
        let len = (out.len() - start - LENGTH_FIELD) as u32;
        out[start..start + LENGTH_FIELD].copy_from_slice(&len.to_be_bytes());
    }

    /// About how many bytes the answer may have, to bound what is under way.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Read { len, .. } => *len as usize,
            Self::ReadDir(_) => 32 << 10,
            Self::ReadLink(_) | Self::RealPath(_) => 4 << 10,
            Self::Names { uids, gids } => 64 * (uids.len() + gids.len()),
            _ => 256,
        }
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn packed(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// Why bytes are no packet that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a packet of {0} bytes")]
    Length(u32),
    #[error("a packet that ends in the middle of a field")]
    Cut,
    #[error("a packet with more behind its last field")]
    Trailing,
    #[error("a packet of unknown type {0}")]
    Type(u8),
    #[error("attributes with unknown flags {0:#x}")]
    Flags(u32),
    #[error("a handle of {0} bytes")]
    Handle(usize),
    #[error("protocol version {0}, not 3")]
    Version(u32),
    #[error("an answer to a question that was not asked")]
    Unasked,
}

/// What the server says to the first packet: its extensions, with their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Greeting(Vec<(Vec<u8>, Vec<u8>)>);

impl Greeting {
    /// Does the server offer this extension, in this version?
    pub(super) fn offers(&self, name: &[u8], version: &[u8]) -> bool {
        self.0.iter().any(|(n, v)| n == name && v == version)
    }
}

/// Attributes; what the server left out is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attrs {
    pub(super) size: Option<u64>,
    /// User and group.
    pub(super) owner: Option<(u32, u32)>,
    /// Type and permissions, as `st_mode`.
    pub(super) mode: Option<u32>,
    /// Seconds since 1970, never negative.
    pub(super) mtime: Option<u32>,
}

/// An entry of a directory; or a path, in answers to READLINK and REALPATH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Box<[u8]>,
    pub(super) attrs: Attrs,
}

/// The code of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok,
    Eof,
    NoSuchFile,
    PermissionDenied,
    Unsupported,
    /// Anything else.
    Other(u32),
}

impl Code {
    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::Eof,
            2 => Self::NoSuchFile,
            3 => Self::PermissionDenied,
            8 => Self::Unsupported,
            other => Self::Other(other),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Status(Code, Vec<u8>),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Named>),
    Attrs(Attrs),
    Extended(Vec<u8>),
}

/// How many bytes the first packet of `buffer` has with its length field; nothing if that can't be told yet.
///
/// # Errors
/// [`Malformed::Length`] where no such packet can be.
pub(super) fn packet_len(buffer: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(field) = buffer.first_chunk::<LENGTH_FIELD>() else { return Ok(None) };
    let len = u32::from_be_bytes(*field);
    // A type and an id at least.
    if (5..=LONGEST_PACKET as u32).contains(&len) {
        Ok(Some(LENGTH_FIELD + len as usize))
    } else {
        Err(Malformed::Length(len))
    }
}

/// Reads the answer to [`HELLO`], given with its length field.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode_greeting(packet: &[u8]) -> Result<Greeting, Malformed> {
    let mut fields = Fields(packet.get(LENGTH_FIELD..).ok_or(Malformed::Cut)?);
    match fields.u8()? {
        VERSION => {}
        other => return Err(Malformed::Type(other)),
    }
    match fields.u32()? {
        3 => {}
        other => return Err(Malformed::Version(other)),
    }
    let mut extensions = Vec::new();
    while !fields.0.is_empty() {
        extensions.push((fields.string()?.to_vec(), fields.string()?.to_vec()));
    }
    Ok(Greeting(extensions))
}

/// Reads an answer, given with its length field, and the number of its question.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(packet: &[u8]) -> Result<(u32, Reply), Malformed> {
    let mut fields = Fields(packet.get(LENGTH_FIELD..).ok_or(Malformed::Cut)?);
    let kind = fields.u8()?;
    let id = fields.u32()?;
    let reply = match kind {
        STATUS => {
            let code = Code::from_number(fields.u32()?);
            // Some servers leave out the text, or the name of its language.
            let text = if fields.0.is_empty() { Vec::new() } else { fields.string()?.to_vec() };
            if !fields.0.is_empty() {
                fields.string()?;
            }
            Reply::Status(code, text)
        }
        HANDLE => {
            let handle = fields.string()?;
            if handle.is_empty() || handle.len() > LONGEST_HANDLE {
                return Err(Malformed::Handle(handle.len()));
            }
            Reply::Handle(handle.to_vec())
        }
        DATA => Reply::Data(fields.string()?.to_vec()),
        NAME => Reply::Names(names(&mut fields)?),
        ATTRS => Reply::Attrs(fields.attrs()?),
        EXTENDED_REPLY => Reply::Extended(std::mem::take(&mut fields.0).to_vec()),
        other => return Err(Malformed::Type(other)),
    };
    if fields.0.is_empty() { Ok((id, reply)) } else { Err(Malformed::Trailing) }
}

fn names(fields: &mut Fields<'_>) -> Result<Vec<Named>, Malformed> {
    // A name, its long form and flags: no memory for more than can be there.
    const LEAST: usize = 12;
    let count = fields.u32()? as usize;
    if count > fields.0.len() / LEAST {
        return Err(Malformed::Cut);
    }
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let name = fields.string()?.into();
        fields.string()?;
        names.push(Named { name, attrs: fields.attrs()? });
    }
    Ok(names)
}

/// What `limits@openssh.com` tells; 0 is no limit known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerLimits {
    pub(super) read: u64,
    pub(super) handles: u64,
}

/// Reads the answer to [`Request::Limits`].
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode_limits(body: &[u8]) -> Result<ServerLimits, Malformed> {
    let mut fields = Fields(body);
    let (_packet, read, _write, handles) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    Ok(ServerLimits { read, handles })
}

/// Reads the number of the file system out of the answer to [`Request::StatVfs`].
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode_file_system(body: &[u8]) -> Result<u64, Malformed> {
    let mut fields = Fields(body);
    for _ in 0..8 {
        fields.u64()?;
    }
    fields.u64()
}

/// The names of some users and groups; empty where there is none.
pub(super) type OwnerNames = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// Reads the answer to [`Request::Names`].
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode_owners(body: &[u8]) -> Result<OwnerNames, Malformed> {
    let mut fields = Fields(body);
    let all = |text: &[u8]| {
        let (mut inner, mut names) = (Fields(text), Vec::new());
        while !inner.0.is_empty() {
            names.push(inner.string()?.to_vec());
        }
        Ok(names)
    };
    Ok((all(fields.string()?)?, all(fields.string()?)?))
}

/// What is left of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Cut)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    fn attrs(&mut self) -> Result<Attrs, Malformed> {
        const SIZE: u32 = 1;
        const OWNER: u32 = 2;
        const MODE: u32 = 4;
        const TIMES: u32 = 8;
        const MORE: u32 = 0x8000_0000;
        let flags = self.u32()?;
        if flags & !(SIZE | OWNER | MODE | TIMES | MORE) != 0 {
            return Err(Malformed::Flags(flags));
        }
        let has = |flag| flags & flag != 0;
        let mut attrs = Attrs::default();
        if has(SIZE) {
            attrs.size = Some(self.u64()?);
        }
        if has(OWNER) {
            attrs.owner = Some((self.u32()?, self.u32()?));
        }
        if has(MODE) {
            attrs.mode = Some(self.u32()?);
        }
        if has(TIMES) {
            let (_accessed, modified) = (self.u32()?, self.u32()?);
            attrs.mtime = Some(modified);
        }
        if has(MORE) {
            for _ in 0..self.u32()? {
                self.string()?;
                self.string()?;
            }
        }
        Ok(attrs)
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
