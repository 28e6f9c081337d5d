//! Gzip files in pieces: each piece of text is a gzip member of its own, which the original reads as one file.
//!
//! Each member says in its header how long it is, so that a reader who wants little finds its way without
//! decompressing the rest, and a writer whose text is what was read takes the member as it is.
//!
//! ```
//! use rdiff_core::repo::pieces::{KeptPieces, PieceReader, compress};
//! use std::io::{Read, Write};
//! # use std::sync::Arc;
//!
//! let member = compress(b"File a\n  Type dir\n", 2)?;
//! let mut file = tempfile::tempfile()?;
//! file.write_all(&member)?;
//! let kept = Arc::new(KeptPieces::default());
//! let mut text = Vec::new();
//! if let Ok(mut reader) = PieceReader::new(file, kept.clone())? {
//!     reader.read_to_end(&mut text)?;
//! }
//! assert_eq!(kept.take(&text), Some(member));
//! # Ok::<(), std::io::Error>(())
//! ```

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, Crc, Decompress, FlushDecompress, GzBuilder, Status};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Before the compressed data of a member of ours: gzip's fixed header with the flag for an extra field, and
/// that field with one subfield, the length of the whole member.
const HEAD: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, b'R', b'D', 4, 0];
/// The length of the header, with the four bytes that say the member's.
const HEAD_LENGTH: u64 = HEAD.len() as u64 + 4;

/// Where the members of a file begin, if all of them say how long they are.
fn members(file: &File) -> io::Result<Option<Vec<u64>>> {
    let (starts, end) = first_members(file)?;
    Ok((end == file.metadata()?.len()).then_some(starts))
}

/// Where the members begin up to the first that doesn't say how long it is, or isn't all there; and where that begins.
fn first_members(file: &File) -> io::Result<(Vec<u64>, u64)> {
    let (mut at, end) = (0, file.metadata()?.len());
    let mut starts = Vec::new();
    while end - at > HEAD_LENGTH {
        let mut head = [0; HEAD_LENGTH as usize];
        file.read_exact_at(&mut head, at)?;
        let Some(length) = head.strip_prefix(&HEAD).and_then(|l| l.first_chunk()) else { break };
        let length = u64::from(u32::from_le_bytes(*length));
        if length <= HEAD_LENGTH || length > end - at {
            break;
        }
        starts.push(at);
        at += length;
    }
    Ok((starts, at))
}

/// The text of all pieces that are whole, wherever others are damaged: a piece ends where a record does.
///
/// ```
/// use rdiff_core::repo::pieces::{WholePieces, compress};
/// use std::io::{Read, Write};
///
/// let mut damaged = compress(b"File a\n  Type dir\n", 2)?;
/// damaged[25] ^= 1;
/// let mut file = tempfile::tempfile()?;
/// file.write_all(&[damaged, compress(b"File b\n  Type dir\n", 2)?].concat())?;
/// let mut text = String::new();
/// if let Ok(mut left) = WholePieces::new(file)? {
///     left.read_to_string(&mut text)?;
/// }
/// assert_eq!(text, "File b\n  Type dir\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct WholePieces {
    file: File,
    /// From where to where the pieces go that are still to come.
    to_come: std::vec::IntoIter<(u64, u64)>,
    text: io::Cursor<Vec<u8>>,
}

impl WholePieces {
    /// Reads `file` from its front; gives it back if it doesn't begin with a piece.
    ///
    /// # Errors
    /// Those of reading.
    pub fn new(file: File) -> io::Result<Result<Self, File>> {
        let (starts, end) = first_members(&file)?;
        if starts.is_empty() {
            return Ok(Err(file));
        }
        let ends = starts.iter().skip(1).copied().chain([end]);
        let to_come = starts.iter().copied().zip(ends).collect::<Vec<_>>().into_iter();
        Ok(Ok(Self { file, to_come, text: io::Cursor::default() }))
    }

    /// The text of a piece; nothing where it is damaged, or more than any of ours has.
    fn piece(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut member = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut member, start)?;
        let text = unpack(&member, &mut Decompress::new(false)).ok().flatten();
        Ok(text.unwrap_or_default())
    }
}

impl Read for WholePieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.text.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            let Some((start, end)) = self.to_come.next() else { return Ok(0) };
            self.text = io::Cursor::new(self.piece(start, end)?);
        }
    }
}

/// How much of a member is looked at to find what it begins with, in bytes of text.
const LOOK: u64 = 16 << 10;

/// Moves a file to the last member that begins with nothing behind what is looked for, if that can be told;
/// `is_behind` is asked with the first bytes of members. Says whether the file was moved.
pub(super) fn seek_member(file: &mut File, is_behind: impl Fn(&[u8]) -> Option<bool>) -> io::Result<bool> {
    let Some(starts) = members(file)? else { return Ok(false) };
    let (mut low, mut high) = (0, starts.len());
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        file.seek(SeekFrom::Start(starts[middle]))?;
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*file).take(LOOK).read_to_end(&mut text)?;
        match is_behind(&text) {
            Some(true) => high = middle,
            Some(false) => low = middle,
            None => {
                file.rewind()?;
                return Ok(false);
            }
        }
    }
    file.seek(SeekFrom::Start(starts.get(low).copied().unwrap_or(0)))?;
    Ok(low > 0)
}

/// One gzip member, with its length in its header.
///
/// # Errors
/// None that a buffer in memory can have.
pub fn compress(text: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let extra = [&HEAD[HEAD.len() - 4..], &[0; 4]].concat();
    let out = Vec::with_capacity(64 + text.len() / 4);
    let mut encoder =
        GzBuilder::new().extra(extra).operating_system(0xff).write(out, Compression::new(level));
    encoder.write_all(text)?;
    let mut member = encoder.finish()?;
    // Ours whatever the level: some of its bytes say how hard it was tried.
    member[..HEAD.len()].copy_from_slice(&HEAD);
    let length = u32::try_from(member.len()).map_err(io::Error::other)?;
    member[HEAD.len()..HEAD_LENGTH as usize].copy_from_slice(&length.to_le_bytes());
    Ok(member)
}

/// How many bytes of text are kept at most: a reader is some thousands of records and two pieces ahead of the writer.
const KEEP: usize = 4 << 20;
/// Larger pieces are read in a stream, and not kept; ours end before that.
const LARGE: u64 = 2 << 20;

/// Pieces that were read a while ago, for a writer that follows the reader: their text, and the member.
#[derive(Default)]
pub struct KeptPieces(Mutex<VecDeque<KeptPiece>>);

struct KeptPiece {
    text: Arc<Vec<u8>>,
    member: Vec<u8>,
}

impl KeptPieces {
    fn keep(&self, text: &Arc<Vec<u8>>, member: Vec<u8>) {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.push_back(KeptPiece { text: Arc::clone(text), member });
        let mut kept: usize = pieces.iter().map(|p| p.text.len()).sum();
        while kept > KEEP {
            kept -= pieces.pop_front().map_or(kept, |p| p.text.len());
        }
    }

    /// The member with exactly this text, if it is there. Those before it are given up.
    pub fn take(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pieces.iter().position(|p| *p.text == text)?;
        pieces.drain(..at);
        pieces.pop_front().map(|p| p.member)
    }
}

/// The text of a member of ours, in one go and without a window; nothing if it is too large to be kept.
fn unpack(member: &[u8], inflate: &mut Decompress) -> io::Result<Option<Vec<u8>>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "corrupt gzip stream");
    let (body, tail) = member[HEAD_LENGTH as usize..].split_last_chunk::<8>().ok_or_else(damaged)?;
    let word = |at: usize| u32::from_le_bytes([tail[at], tail[at + 1], tail[at + 2], tail[at + 3]]);
    // How long the text is said to be can be a lie: the last time there is room for one byte too many.
    let mut text = Vec::new();
    for room in [u64::from(word(4)).min(LARGE), LARGE + 1] {
        text.clear();
        text.reserve_exact(room as usize);
        inflate.reset(false);
        let status = inflate.decompress_vec(body, &mut text, FlushDecompress::Finish);
        let status = status.map_err(|_| damaged())?;
        if text.len() as u64 > LARGE {
            return Ok(None);
        }
        match status {
            Status::StreamEnd if inflate.total_in() == body.len() as u64 => break,
            Status::Ok | Status::BufError if text.len() == text.capacity() => {}
            _ => return Err(damaged()),
        }
    }
    let mut sum = Crc::new();
    sum.update(&text);
    if (sum.sum(), sum.amount()) != (word(0), word(4)) {
        return Err(damaged());
    }
    Ok(Some(text))
}

/// Reads a file piece by piece, and keeps the last ones.
pub struct PieceReader {
    file: File,
    /// Where the pieces begin that are still to come, the last first.
    starts: Vec<u64>,
    end: u64,
    text: Arc<Vec<u8>>,
    read: usize,
    /// The rest, where a piece is too large to be kept.
    stream: Option<MultiGzDecoder<BufReader<File>>>,
    inflate: Decompress,
    kept: Arc<KeptPieces>,
}

impl PieceReader {
    /// Reads `file` from its front; gives it back if it doesn't consist of pieces.
    ///
    /// # Errors
    /// Those of reading.
    pub fn new(file: File, kept: Arc<KeptPieces>) -> io::Result<Result<Self, File>> {
        let Some(mut starts) = members(&file)?.filter(|starts| !starts.is_empty()) else {
            return Ok(Err(file));
        };
        starts.reverse();
        let end = file.metadata()?.len();
        let (text, inflate) = (Arc::default(), Decompress::new(false));
        Ok(Ok(Self { file, starts, end, text, read: 0, stream: None, inflate, kept }))
    }

    /// Goes to the next piece, and says whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(start) = self.starts.pop() else { return Ok(false) };
        let end = self.starts.last().copied().unwrap_or(self.end);
        let mut member = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut member, start)?;
        let Some(text) = unpack(&member, &mut self.inflate)? else {
            self.file.seek(SeekFrom::Start(start))?;
            self.starts.clear();
            self.stream =
                Some(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, self.file.try_clone()?)));
            return Ok(true);
        };
        (self.text, self.read) = (Arc::new(text), 0);
        self.kept.keep(&self.text, member);
        Ok(true)
    }
}

impl Read for PieceReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() && self.stream.is_none() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        if let Some(stream) = &mut self.stream {
            return stream.read(buf);
        }
        let n = (&self.text[self.read..]).read(buf)?;
        self.read += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::gz::Content;
    use flate2::write::GzEncoder;

    #[test]
    fn what_is_left_are_the_pieces_that_are_whole() {
        let pieces = ["a", "c", "e"].map(|p| compress(p.repeat(3000).as_bytes(), 2).unwrap());
        let left = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            WholePieces::new(file).unwrap().ok().map(|mut whole| {
                let mut text = String::new();
                whole.read_to_string(&mut text).unwrap();
                (text.len(), text.chars().collect::<std::collections::BTreeSet<_>>())
            })
        };
        let all = pieces.concat();
        assert_eq!(left(&all), Some((9000, ['a', 'c', 'e'].into())));
        let mut flipped = all.clone();
        flipped[pieces[0].len() + pieces[1].len() - 6] ^= 1;
        assert_eq!(left(&flipped), Some((6000, ['a', 'e'].into())));
        assert_eq!(left(&all[..all.len() - 1]), Some((6000, ['a', 'c'].into())));
        assert_eq!(left(&all[..pieces[0].len() - 1]), None);
    }

    #[test]
    fn a_piece_is_found_without_reading_those_before_it() {
        let pieces = ["a", "c", "e"].map(|p| compress(p.repeat(3000).as_bytes(), 2).unwrap());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&pieces.concat()).unwrap();
        let starts = members(&file).unwrap().unwrap();
        assert_eq!(starts, [0, pieces[0].len() as u64, (pieces[0].len() + pieces[1].len()) as u64]);
        for (wanted, at, first) in [(b'a', 0, "a"), (b'b', 0, "a"), (b'c', 1, "c"), (b'f', 2, "e")] {
            let moved = seek_member(&mut file, |text| Some(text.first()? > &wanted)).unwrap();
            assert_eq!((moved, file.stream_position().unwrap()), (at > 0, starts[at]));
            let mut rest = String::new();
            Content::sniff(file.try_clone().unwrap()).unwrap().read_to_string(&mut rest).unwrap();
            assert!(rest.starts_with(first) && rest.ends_with('e'));
        }
    }

    #[test]
    fn a_file_that_somebody_else_wrote_is_read_from_its_front() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(b"File x\n").unwrap();
        let foreign = [compress(b"File a\n", 2).unwrap(), encoder.finish().unwrap()].concat();
        for bytes in [&foreign[..], b"File a\n", &compress(b"File a\n", 2).unwrap()[..20], b""] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            assert!(!seek_member(&mut file, |_| Some(false)).unwrap());
            assert!(PieceReader::new(file, Arc::default()).unwrap().is_err());
        }
    }

    fn read_keeping(texts: &[Vec<u8>], kept: &Arc<KeptPieces>) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        for text in texts {
            file.write_all(&compress(text, 2).unwrap()).unwrap();
        }
        let mut read = Vec::new();
        let mut reader = PieceReader::new(file, Arc::clone(kept)).unwrap().unwrap();
        reader.read_to_end(&mut read).unwrap();
        read
    }

    #[test]
    fn a_piece_with_the_same_text_is_the_member_that_was_read() {
        let texts = [b"a".repeat(3000), b"b".repeat(3000), b"c".repeat(3000)];
        let kept = Arc::default();
        assert_eq!(read_keeping(&texts, &kept), texts.concat());
        assert_eq!(kept.take(b"b"), None);
        assert_eq!(kept.take(&texts[1]), Some(compress(&texts[1], 2).unwrap()));
        assert_eq!(kept.take(&texts[0]), None, "a writer doesn't go back");
        assert!(kept.take(&texts[2]).is_some());
    }

    #[test]
    fn what_a_member_says_of_itself_is_not_believed() {
        let text = b"File a\n".repeat(1000);
        let member = compress(&text, 2).unwrap();
        let read = |member: &[u8]| unpack(member, &mut Decompress::new(false)).map_err(|e| e.kind());
        assert_eq!(read(&member).unwrap(), Some(text.clone()));
        let end = member.len();
        for at in HEAD_LENGTH as usize..end {
            let mut damaged = member.clone();
            damaged[at] ^= 0x10;
            let read = read(&damaged);
            // Behind the last code there can be bits that say nothing.
            let is_seen = read == Err(io::ErrorKind::InvalidData);
            assert!(is_seen || (at == end - 9 && read.unwrap() == Some(text.clone())), "byte {at} of {end}");
        }
        for length in [0, 1, 6999, 7001, u32::MAX] {
            let mut lies = member.clone();
            lies[end - 4..].copy_from_slice(&u32::to_le_bytes(length));
            assert_eq!(read(&lies), Err(io::ErrorKind::InvalidData), "{length}");
        }
        for cut in [1, 8, 9, end - HEAD_LENGTH as usize] {
            assert_eq!(read(&member[..end - cut]), Err(io::ErrorKind::InvalidData), "without {cut}");
        }
        for (length, kept) in [(LARGE, true), (LARGE + 1, false)] {
            let text = vec![b'x'; length as usize];
            assert_eq!(read(&compress(&text, 2).unwrap()).unwrap().is_some(), kept);
        }
    }

    #[test]
    fn only_so_much_is_kept_and_a_large_piece_is_not() {
        let mut texts: Vec<Vec<u8>> = (0..12u8).map(|i| vec![i; 1 << 20]).collect();
        let kept = Arc::default();
        assert_eq!(read_keeping(&texts, &kept), texts.concat());
        assert_eq!((kept.take(&texts[7]), kept.take(&texts[8]).is_some()), (None, true));
        texts[1] = vec![1; LARGE as usize + 1];
        let kept = Arc::default();
        assert_eq!(read_keeping(&texts, &kept), texts.concat());
        assert_eq!((kept.take(&texts[0]).is_some(), kept.take(&texts[2])), (true, None));
    }
}
