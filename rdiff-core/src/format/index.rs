//! Our own side index: what a record of metadata has no room for.
//!
//! A file `source_index.T.snapshot` stands beside the metadata of a session that we wrote; for older
//! sessions a `.diff` holds what differs from the next newer one. rdiff-backup ignores these files, and
//! its regress and remove clean them up with the rest of their session. They are never needed to
//! restore content: without them times end at the second, as everywhere else in the format.
//!
//! Layout: [`MAGIC`], the epoch second of the session that a diff leads back from (0 in a snapshot),
//! then entries in path order: bytes shared with the path before, the other bytes, flags, and as flags
//! say times and an inode number. All numbers are LEB128, signed ones in zigzag.
//!
//! ```
//! use rdiff_core::entry::Precise;
//! use rdiff_core::format::index::{IndexReader, IndexWriter};
//! use rdiff_core::path::RepoPath;
//!
//! let precise = Precise { mtime: (1_700_000_000, 250_000_000), ..Precise::default() }; // seconds, nanoseconds
//! let mut index = Vec::new();
//! IndexWriter::head(None, &mut index);
//! IndexWriter::default().entry(RepoPath::new(b"note")?, Some(&precise), &mut index);
//!
//! let mut reader = IndexReader::new(&index[..])?;
//! let (path, read) = reader.next_entry()?.expect("an entry");
//! assert_eq!((path.to_string().as_str(), read), ("note", Some(precise)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::entry::{ChangeMark, Name, OwnerNames, Precise};
use crate::error::FormatError;
use crate::path::{RepoPath, RepoPathBuf};
use std::cmp::Ordering;
use std::io::{self, Read};

use super::record::RecordError;

/// The first bytes of an index.
pub const MAGIC: &[u8; 8] = b"rdiffix1";

const ABSENT: u64 = 1;
const MARK: u64 = 2;
const USER: u64 = 4;
const GROUP: u64 = 8;

/// Longer names are refused.
const MAX_NAME: u64 = 4096;

/// Longer paths are refused: no system call takes them.
const MAX_PATH: u64 = 1 << 20;

/// Prints entries. Give it paths in order.
#[derive(Default)]
pub struct IndexWriter {
    last: Vec<u8>,
}

impl IndexWriter {
    /// Appends the head. `base` is the session that a diff leads back from, nothing for a snapshot.
    pub fn head(base: Option<i64>, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        signed(base.unwrap_or(0), out);
    }

    /// Appends one entry; nothing stands for a path that this session knew nothing of.
    pub fn entry(&mut self, path: RepoPath<'_>, precise: Option<&Precise>, out: &mut Vec<u8>) {
        let bytes = path.as_bytes();
        let shared = crate::path::shared_length(bytes, &self.last);
        unsigned(shared as u64, out);
        unsigned((bytes.len() - shared) as u64, out);
        out.extend_from_slice(&bytes[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&bytes[shared..]);
        let Some(precise) = precise else { return unsigned(ABSENT, out) };
        let user = precise.names.as_ref().and_then(|n| n.user.as_ref());
        let group = precise.names.as_ref().and_then(|n| n.group.as_ref());
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        let flags = flag(precise.unchanged_while.is_some(), MARK)
            | flag(user.is_some(), USER)
            | flag(group.is_some(), GROUP);
        unsigned(flags, out);
        time(precise.mtime, out);
        if let Some(mark) = precise.unchanged_while {
            time(mark.ctime, out);
            unsigned(mark.inode, out);
        }
        for name in [user, group].into_iter().flatten() {
            unsigned(name.len() as u64, out);
            out.extend_from_slice(name);
        }
    }
}

fn time((seconds, nanos): (i64, u32), out: &mut Vec<u8>) {
    signed(seconds, out);
    unsigned(u64::from(nanos), out);
}

fn signed(n: i64, out: &mut Vec<u8>) {
    unsigned((n << 1 ^ n >> 63) as u64, out);
}

fn unsigned(mut n: u64, out: &mut Vec<u8>) {
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads entries in order. Holds one path, and what is read ahead.
pub struct IndexReader<R> {
    input: io::BufReader<R>,
    path: Vec<u8>,
    base: Option<i64>,
    /// What was read of the entry at `path`, if it was not given away yet.
    ahead: Option<Result<Option<Precise>, RecordError>>,
}

impl<R: Read> IndexReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// When it can't be read, or is not that of an index.
    pub fn new(input: R) -> Result<Self, RecordError> {
        let mut reader = Self {
            input: io::BufReader::with_capacity(64 << 10, input),
            path: Vec::new(),
            base: None,
            ahead: None,
        };
        let mut magic = [0; 8];
        reader.input.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(FormatError::Other("not an index of this version".to_owned()).into());
        }
        reader.base = Some(reader.signed()?).filter(|&t| t != 0);
        Ok(reader)
    }

    /// The session that this diff leads back from; nothing for a snapshot.
    pub fn base(&self) -> Option<i64> {
        self.base
    }

    /// The next entry, or nothing at the end.
    ///
    /// # Errors
    /// When the input ends amid an entry, or holds what no entry holds.
    pub fn next_entry(&mut self) -> Result<Option<(RepoPathBuf, Option<Precise>)>, RecordError> {
        let precise = match self.ahead.take() {
            Some(read) => read?,
            None => match self.read_entry()? {
                Some(precise) => precise,
                None => return Ok(None),
            },
        };
        let path = RepoPathBuf::new(&self.path[..]).map_err(|source| FormatError::Path {
            path: String::from_utf8_lossy(&self.path).into_owned(),
            source,
        })?;
        Ok(Some((path, precise)))
    }

    /// Passes over the entries before a path. An error waits for who asks for the next entry.
    pub fn pass_over_before(&mut self, path: RepoPath<'_>) {
        while !path.is_root() && self.ahead.is_none() {
            match self.read_entry() {
                Ok(None) => return,
                // The order by components, of bytes that were not checked yet.
                Ok(Some(_)) if crate::path::compare(&self.path, path.as_bytes()).is_lt() => {}
                read => self.ahead = read.transpose(),
            }
        }
    }

    /// What there is at a path. Paths must ascend; entries before it are passed over, and from an error on there is
    /// nothing.
    pub(crate) fn take_at(&mut self, path: RepoPath<'_>) -> Option<Precise> {
        loop {
            let ahead = match self.ahead.take() {
                Some(ahead) => ahead,
                None => self.read_entry().transpose()?,
            };
            // The order by components, of bytes that were not checked; what equals a path is one.
            let order = if ahead.is_ok() {
                crate::path::compare(&self.path, path.as_bytes())
            } else {
                Ordering::Greater
            };
            match order {
                Ordering::Less => {}
                Ordering::Equal => return ahead.ok().flatten(),
                Ordering::Greater => {
                    self.ahead = Some(ahead);
                    return None;
                }
            }
        }
    }

    /// Reads an entry, its path to `self.path`.
    fn read_entry(&mut self) -> Result<Option<Option<Precise>>, RecordError> {
        use io::BufRead;
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let (shared, more) = (self.unsigned()?, self.unsigned()?);
        if shared > self.path.len() as u64 || more > MAX_PATH || shared + more > MAX_PATH {
            return Err(FormatError::Other("an index entry with an impossible path".to_owned()).into());
        }
        self.path.truncate(shared as usize);
        self.path.resize((shared + more) as usize, 0);
        self.input.read_exact(&mut self.path[shared as usize..])?;
        let flags = self.unsigned()?;
        if flags & ABSENT != 0 {
            return Ok(Some(None));
        }
        let mtime = self.time()?;
        let unchanged_while = if flags & MARK == 0 {
            None
        } else {
            Some(ChangeMark { ctime: self.time()?, inode: self.unsigned()? })
        };
        let user = if flags & USER == 0 { None } else { Some(self.name()?) };
        let group = if flags & GROUP == 0 { None } else { Some(self.name()?) };
        let names = (user.is_some() || group.is_some()).then(|| OwnerNames { user, group }.into());
        Ok(Some(Some(Precise { mtime, unchanged_while, names })))
    }

    fn name(&mut self) -> Result<Name, RecordError> {
        let length = self.unsigned()?;
        if length > MAX_NAME {
            return Err(FormatError::Other("an index entry with an impossible name".to_owned()).into());
        }
        let mut name = vec![0; length as usize];
        self.input.read_exact(&mut name)?;
        Ok(name.into())
    }

    fn time(&mut self) -> io::Result<(i64, u32)> {
        let seconds = self.signed()?;
        let nanos = self.unsigned()?;
        match u32::try_from(nanos) {
            Ok(nanos) if nanos < 1_000_000_000 => Ok((seconds, nanos)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "nanoseconds beyond a second")),
        }
    }

    fn signed(&mut self) -> io::Result<i64> {
        let n = self.unsigned()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    fn unsigned(&mut self) -> io::Result<u64> {
        // Nearly always all of it is in the buffer, and has few bytes.
        let mut n = 0u64;
        for (i, &byte) in self.input.buffer().iter().take(9).enumerate() {
            n |= u64::from(byte & 127) << (7 * i);
            if byte < 128 {
                io::BufRead::consume(&mut self.input, i + 1);
                return Ok(n);
            }
        }
        self.unsigned_by_bytes()
    }

    fn unsigned_by_bytes(&mut self) -> io::Result<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.input.read_exact(&mut byte)?;
            n |= u64::from(byte[0] & 127) << shift;
            if byte[0] < 128 {
                return Ok(n);
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "a number of more than 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_survive_the_trip(
            entries in proptest::collection::btree_map("[a-c/]{1,6}", proptest::option::of(
                (any::<i64>(), 0..1_000_000_000u32, proptest::option::of((any::<i64>(), 0..1_000_000_000u32, any::<u64>())))), 0..8),
            base in proptest::option::of(1..i64::MAX),
        ) {
            let entries: Vec<_> = entries.into_iter()
                .filter_map(|(p, e)| Some((RepoPathBuf::new(p).ok()?, e.map(|(s, n, mark)| Precise {
                    mtime: (s, n),
                    unchanged_while: mark.map(|(s, n, inode)| ChangeMark { ctime: (s, n), inode }),
                    names: (n % 2 == 0).then(|| OwnerNames { user: Some(Name::from("\u{e9}".as_bytes())), group: None }.into()),
                }))))
                .collect();
            let mut text = Vec::new();
            IndexWriter::head(base, &mut text);
            let mut writer = IndexWriter::default();
            for (path, precise) in &entries {
                writer.entry(path.as_path(), precise.as_ref(), &mut text);
            }
            let mut reader = IndexReader::new(&text[..]).unwrap();
            prop_assert_eq!(reader.base(), base);
            let mut read = Vec::new();
            while let Some(entry) = reader.next_entry().unwrap() {
                read.push(entry);
            }
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn asked_path_by_path_it_says_the_same(
            entries in proptest::collection::btree_map("[a-c]{1,3}", proptest::option::of(any::<i64>()), 0..8),
            asked in proptest::collection::btree_set("[a-c]{1,3}", 0..8),
            cut in 0..200usize,
        ) {
            let mut text = Vec::new();
            IndexWriter::head(None, &mut text);
            let mut writer = IndexWriter::default();
            for (path, seconds) in &entries {
                let precise = seconds.map(|s| Precise { mtime: (s, 0), ..Precise::default() });
                writer.entry(RepoPath::new(path.as_bytes()).unwrap(), precise.as_ref(), &mut text);
            }
            text.truncate(text.len().min(9 + cut));
            let mut whole = IndexReader::new(&text[..]).unwrap();
            let read: Vec<_> = std::iter::from_fn(|| whole.next_entry().ok()?).collect();
            let mut reader = IndexReader::new(&text[..]).unwrap();
            for path in &asked {
                let path = RepoPath::new(path.as_bytes()).unwrap();
                let want = read.iter().find(|(at, _)| at.as_path() == path).and_then(|(_, precise)| precise.clone());
                prop_assert_eq!(reader.take_at(path), want);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(mut text in proptest::collection::vec(any::<u8>(), 0..100)) {
            text.splice(0..0, MAGIC.iter().copied());
            if let Ok(mut reader) = IndexReader::new(&text[..]) {
                while let Ok(Some(_)) = reader.next_entry() {}
            }
        }
    }
}
