//! Putting objects in place: content with its digest and holes, links, special files.
//!
//! ```
//! use rdiff_core::entry::Kind;
//! use rdiff_core::repo::disk::{Disk, DiskFile, RealDisk};
//! use rdiff_core::repo::layout::Layout;
//! use rdiff_core::repo::put::{Copied, CopyError, Hasher, copy_sparse, digest_of, make_special};
//! # use rdiff_core::format::names::TimeStyle;
//! # use rdiff_core::format::quote::Quoting;
//! # use rdiff_core::path::RepoPath;
//! # use rdiff_core::time::{TimeSeparator, Zone};
//! use rdiff_core::tree::Root;
//! use std::sync::Arc;
//!
//! # let dir = tempfile::tempdir()?;
//! # let times = TimeStyle { zone: Zone::utc(), separator: TimeSeparator::Colon };
//! # let layout = Layout::new(Quoting::none(), times, 255);
//! let disk = RealDisk::new(Arc::new(Root::open(dir.path())?), false);
//! let place = layout.mirror(RepoPath::new(b"note")?, None);
//! let mut file: Box<dyn DiskFile> = disk.create(&place)?;
//! let copied: Result<Copied, CopyError> = copy_sparse(&mut &b"text"[..], &mut *file, 100, &mut [0; 4096]);
//! assert_eq!(copied.map(|c| (c.length, c.digest)).ok(), Some((4, digest_of(b"text"))));
//! let mut hasher = Hasher::default();
//! hasher.update(b"text");
//! assert_eq!(hasher.finish(), digest_of(b"text"));
//!
//! let link = layout.mirror(RepoPath::new(b"link")?, None);
//! assert!(make_special(&disk, &link, &Kind::Symlink(b"note".to_vec()))?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::disk::{Disk, DiskFile, Node, Trail};
use super::hashing::Hashing;
use super::layout::StoredPath;
use crate::entry::{Digest, Kind};
use crate::pool::Helpers;
use crate::tree::FileKind;
use sha1::{Digest as _, Sha1};
use std::io::{self, Read};

/// Bytes moved at once.
pub(crate) const BUFFER: usize = 256 << 10;
/// A run of zeros of this length, at a multiple of it, becomes a hole.
const HOLE: usize = 64 << 10;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many bytes.
    pub length: u64,
    /// Their digest.
    pub digest: Digest,
}

/// A digest being made.
#[derive(Default)]
pub struct Hasher(Sha1);

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds so many zeros.
    pub fn update_zeros(&mut self, mut count: u64) {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        while count > 0 {
            let n = count.min(ZEROS.len() as u64);
            self.0.update(&ZEROS[..n as usize]);
            count -= n;
        }
    }

    /// The digest of all that was added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// The digest of bytes in memory.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha1::digest(bytes).into())
}

/// Larger files, in bytes, are hashed by another worker while they are read. Of smaller ones there are mostly enough for all.
pub(crate) const HASHED_APART: u64 = 16 << 20;

/// The digest and length of a content of about `size` bytes. `buf` is working memory for a small one; a helper hashes a large
/// one.
///
/// # Errors
/// Those of the reader.
pub(crate) fn hash_with(
    content: &mut (impl Read + ?Sized),
    size: u64,
    buf: &mut [u8],
    helpers: &Helpers,
) -> io::Result<(Digest, u64)> {
    if size <= HASHED_APART {
        return hash(content, buf);
    }
    let (mut hashing, mut length) = (Hashing::new(helpers.clone(), size), 0);
    loop {
        match hashing.piece(|buf| read_full(content, buf))?.1 {
            0 => return Ok((hashing.finish(), length)),
            n => length += n as u64,
        }
    }
}

/// Reads until the buffer is full or the input ends.
pub(crate) fn read_full(input: &mut (impl Read + ?Sized), buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match input.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// The digest and length of a content. `buf` is working memory.
///
/// # Errors
/// Those of the reader.
pub(crate) fn hash(content: &mut (impl Read + ?Sized), buf: &mut [u8]) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::default();
    let mut length = 0;
    loop {
        let n = read_full(content, buf)?;
        hasher.update(&buf[..n]);
        length += n as u64;
        if n < buf.len() {
            return Ok((hasher.finish(), length));
        }
    }
}

/// Which side of a copy failed.
#[derive(Debug)]
pub enum CopyError {
    /// Reading the input.
    Read(io::Error),
    /// Writing the output.
    Write(io::Error),
    /// The input is longer than it may be.
    TooLong,
}

/// Copies `input` to the end, at most `limit` bytes, and leaves holes where it is all zeros. `buf` is
/// working memory, of 256 KiB in this program.
///
/// # Errors
/// [`CopyError`] says which side.
pub fn copy_sparse(
    input: &mut dyn Read,
    file: &mut dyn DiskFile,
    limit: u64,
    buf: &mut [u8],
) -> Result<Copied, CopyError> {
    let mut hasher = Hasher::default();
    let mut length = 0u64;
    let mut written = 0u64;
    loop {
        let n = read_full(input, buf).map_err(CopyError::Read)?;
        if n == 0 {
            break;
        }
        if length + n as u64 > limit {
            return Err(CopyError::TooLong);
        }
        hasher.update(&buf[..n]);
        written = write_with_holes(file, &buf[..n], length, written).map_err(CopyError::Write)?;
        length += n as u64;
        if n < buf.len() {
            break;
        }
    }
    if written < length {
        file.set_len(length).map_err(CopyError::Write)?;
    }
    Ok(Copied { length, digest: hasher.finish() })
}

/// The same for a large file of about `size` bytes: a helper makes the digest, and what was written isn't kept in memory.
pub(crate) fn copy_large(
    input: &mut dyn Read,
    file: &mut dyn DiskFile,
    size: u64,
    helpers: &Helpers,
) -> Result<Copied, CopyError> {
    let (mut hashing, mut trail) = (Hashing::new(helpers.clone(), size), Trail::new(size));
    let (mut length, mut written) = (0u64, 0);
    loop {
        let (piece, n) = hashing.piece(|buf| read_full(input, buf)).map_err(CopyError::Read)?;
        if n == 0 {
            break;
        }
        if length + n as u64 > size {
            return Err(CopyError::TooLong);
        }
        written = write_with_holes(file, &piece[..n], length, written).map_err(CopyError::Write)?;
        length += n as u64;
        trail.wrote(file, length);
    }
    if written < length {
        file.set_len(length).map_err(CopyError::Write)?;
    }
    Ok(Copied { length, digest: hashing.finish() })
}

/// Writes bytes at an offset, but for long runs of zeros. Returns the end of what the file now holds.
pub(crate) fn write_with_holes(
    file: &mut dyn DiskFile,
    bytes: &[u8],
    offset: u64,
    end: u64,
) -> io::Result<u64> {
    between_holes(bytes, offset, end, |bytes, offset| file.write_all_at(bytes, offset))
}

/// The same, with what there is to be written given to `write`.
pub(crate) fn between_holes(
    bytes: &[u8],
    offset: u64,
    mut end: u64,
    mut write: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<u64> {
    if bytes.len() < HOLE {
        write(bytes, offset)?;
        return Ok(offset + bytes.len() as u64);
    }
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let next = (at + HOLE).min(bytes.len());
        let is_hole = next - at == HOLE && is_zero(&bytes[at..next]);
        if is_hole {
            if from < at {
                write(&bytes[from..at], offset + from as u64)?;
                end = offset + at as u64;
            }
            from = next;
        }
        at = next;
    }
    if from < bytes.len() {
        write(&bytes[from..], offset + from as u64)?;
        end = offset + bytes.len() as u64;
    }
    Ok(end)
}

/// Is everything zero?
fn is_zero(bytes: &[u8]) -> bool {
    // The first bytes tell for nearly all data.
    bytes.first() == Some(&0) && bytes.chunks(64).all(|c| c.iter().fold(0, |a, b| a | b) == 0)
}

/// Makes a link or special file. False if it may not be made here and an empty file stands for it.
///
/// # Errors
/// Those of the system; `InvalidInput` for a file or directory.
pub fn make_special(disk: &dyn Disk, place: &StoredPath, kind: &Kind) -> io::Result<bool> {
    let made = match kind {
        Kind::Symlink(target) => disk.symlink(target, place),
        Kind::Fifo => disk.mknod(place, Node::Fifo),
        Kind::Socket => disk.mknod(place, Node::Socket),
        Kind::Device(device) => disk.mknod(place, Node::Device(*device)),
        Kind::File(_) | Kind::Dir => return Err(io::ErrorKind::InvalidInput.into()),
    };
    match made {
        Ok(()) => Ok(true),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
            ) =>
        {
            disk.create(place)?;
            Ok(false)
        }
        // Some user-space file systems make an empty file, and then find that it isn't what was asked for.
        Err(_) if disk.root().find(place.as_bytes())?.is_some_and(|s| s.kind == FileKind::Regular) => {
            Ok(false)
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use crate::repo::disk::RealDisk;
    use crate::tree::Root;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::sync::Arc;

    const MIB: usize = 1 << 20;

    /// So many bytes, with a run of zeros in the middle.
    fn content(len: usize) -> Vec<u8> {
        let mut bytes = crate::delta::noise(7, len);
        bytes[len / 2..len / 2 + 3 * MIB].fill(0);
        bytes
    }

    fn copy_to(dir: &std::path::Path, content: &[u8], size: u64) -> Result<Copied, CopyError> {
        let disk = RealDisk::new(Arc::new(Root::open(dir).unwrap()), false);
        let mut file = disk.create(&StoredPath::fixed("copy")).unwrap();
        let pool = Pool::new(1);
        copy_large(&mut { content }, &mut *file, size, &pool.helpers())
    }

    #[test]
    fn a_large_copy_is_what_it_was_made_of() {
        // Beyond 64 MiB parts of it are forgotten while others are written.
        for len in [0, 5, BUFFER, 16 * MIB + 1, 90 * MIB + 4321] {
            let dir = tempfile::tempdir().unwrap();
            let content = if len > 16 * MIB { content(len) } else { crate::delta::noise(7, len) };
            let copied = copy_to(dir.path(), &content, len as u64).unwrap();
            assert_eq!(copied, Copied { length: len as u64, digest: digest_of(&content) });
            assert!(fs::read(dir.path().join("copy")).unwrap() == content, "{len}");
            if len > 16 * MIB {
                let stat = fs::metadata(dir.path().join("copy")).unwrap();
                assert!(stat.blocks() * 512 < (len - 2 * MIB) as u64, "no hole: {stat:?}");
            }
        }
    }

    #[test]
    fn a_copy_that_ends_in_a_hole_has_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let copied = copy_to(dir.path(), &vec![0; 20 * MIB], 20 * MIB as u64).unwrap();
        assert_eq!(copied.length, 20 * MIB as u64);
        assert_eq!(fs::metadata(dir.path().join("copy")).unwrap().len(), 20 * MIB as u64);
    }

    #[test]
    fn a_large_copy_stops_where_there_is_more_than_there_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let copied = copy_to(dir.path(), &content(17 * MIB), 16 * MIB as u64);
        assert!(matches!(copied, Err(CopyError::TooLong)));
        assert!(fs::metadata(dir.path().join("copy")).unwrap().len() <= 16 * MIB as u64);
    }

    #[test]
    fn a_large_digest_is_that_of_all_bytes() {
        let pool = Pool::new(1);
        let content = content(17 * MIB);
        // Also where it has another size than was thought.
        for size in [0, 17 * MIB, 100 * MIB] {
            let found = hash_with(&mut &content[..], size as u64, &mut vec![0; BUFFER], &pool.helpers());
            assert_eq!(found.unwrap(), (digest_of(&content), content.len() as u64));
        }
    }
}
