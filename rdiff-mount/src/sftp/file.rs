//! Opening files, many at once: small ones come whole, large ones as a stream.
//!
//! A file is looked at by path before it is opened and by handle after, and must be a regular file of one
//! owner in both views: where a link was put in its place meanwhile, the file behind the link is refused
//! unless it has the same owner (SFTP cannot tell more).

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdiff_core::entry::{Acl, Xattrs};
use rdiff_core::path::RepoPath;
use rdiff_core::tree::source::SourceFile;
use rdiff_core::tree::{FileKind, Stat};

use super::answers::{refused, same_error, stat_from};
use super::handle::{Handle, Opening, Permit};
use super::link::Link;
use super::packet::{Code, Reply, Request};
use super::session::Pending;
use super::stream::Stream;

/// Files up to this size, in bytes, are read whole as soon as they are open.
const WHOLE: u64 = 256 << 10;
/// How many files are opened ahead by one thread.
const BATCH: usize = 64;
/// How many bytes of small files are read ahead by one thread.
const BATCH_BYTES: u64 = 1 << 20;
/// Opens one file.
pub(super) fn open(link: &Arc<Link>, path: RepoPath<'_>) -> io::Result<Box<dyn SourceFile>> {
    let permit = Permit::one(link)?;
    let mut asked = ask_to_open(link, &[path], vec![permit])?;
    asked.pop_front().unwrap_or_else(|| Err(io::ErrorKind::InvalidInput.into()))?.fetch()?.finish()
}

/// Opens many files in turn, with the next ones under way.
pub(super) struct OpenEach<'a> {
    link: &'a Arc<Link>,
    paths: &'a [RepoPath<'a>],
    opening: VecDeque<io::Result<Asked>>,
    fetching: VecDeque<io::Result<Fetching>>,
}

impl<'a> OpenEach<'a> {
    pub(super) fn new(link: &'a Arc<Link>, paths: &'a [RepoPath<'a>]) -> Self {
        link.openers.fetch_add(1, Ordering::Relaxed);
        Self { link, paths, opening: VecDeque::new(), fetching: VecDeque::new() }
    }

    /// Asks for more files, where that can't wait for a handle that we hold ourselves.
    fn open_more(&mut self) {
        let holds_none = self.fetching.iter().all(|file| !matches!(file, Ok(Fetching::Stream { .. })));
        let has_few = self.opening.is_empty() && self.fetching.len() <= BATCH / 2;
        if self.paths.is_empty() || !(has_few && holds_none) {
            return;
        }
        let sharers = self.link.openers.load(Ordering::Relaxed);
        let granted = self.link.session.reserve_handles(BATCH.min(self.paths.len()), sharers);
        let (now, later) = self.paths.split_at(*granted.as_ref().unwrap_or(&1));
        self.paths = later;
        let permits = granted.map(|granted| (0..granted).map(|_| Permit(Arc::clone(self.link))).collect());
        self.opening = match permits.and_then(|permits| ask_to_open(self.link, now, permits)) {
            Ok(opening) => opening,
            Err(e) => now.iter().map(|_| Err(same_error(&e))).collect(),
        };
    }

    /// Asks for the contents of those that are open; waits for one if there is nothing else.
    fn fetch_more(&mut self) {
        let fetched = self.fetching.iter().flatten().map(Fetching::ahead).sum::<u64>();
        let mut room = BATCH_BYTES.saturating_sub(fetched);
        while let Some(asked) = self.opening.front() {
            let ready = room > 0 && asked.as_ref().map_or(true, |asked| asked.opening.is_done());
            if !(ready || self.fetching.is_empty()) {
                return;
            }
            let Some(asked) = self.opening.pop_front() else { return };
            let fetching = asked.and_then(Asked::fetch);
            room = room.saturating_sub(fetching.as_ref().map_or(0, Fetching::ahead));
            self.fetching.push_back(fetching);
        }
    }
}

impl Iterator for OpenEach<'_> {
    type Item = io::Result<Box<dyn SourceFile>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.open_more();
        self.fetch_more();
        Some(self.fetching.pop_front()?.and_then(Fetching::finish))
    }
}

impl Drop for OpenEach<'_> {
    fn drop(&mut self) {
        self.link.openers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file that was asked for: what stands at its path, and its handle.
struct Asked {
    link: Arc<Link>,
    path: Vec<u8>,
    itself: Pending,
    opening: Opening,
}

fn ask_to_open(
    link: &Arc<Link>,
    paths: &[RepoPath<'_>],
    permits: Vec<Permit>,
) -> io::Result<VecDeque<io::Result<Asked>>> {
    let paths: Vec<_> = paths.iter().map(|path| link.path(*path)).collect();
    let requests: Vec<_> =
        paths.iter().flat_map(|path| [Request::LStat(path), Request::Open(path)]).collect();
    let mut asked = link.session.ask(&requests)?.into_iter();
    let mut files = VecDeque::with_capacity(paths.len());
    for (path, permit) in paths.into_iter().zip(permits) {
        let (Some(itself), Some(open)) = (asked.next(), asked.next()) else { break };
        files.push_back(Ok(Asked {
            link: Arc::clone(link),
            path,
            itself,
            opening: Opening::new(permit, open),
        }));
    }
    Ok(files)
}

impl Asked {
    /// Waits for the handle, and asks for the content of a small file.
    fn fetch(self) -> io::Result<Fetching> {
        let handle = self.opening.handle();
        let itself = stat_from(self.itself.wait()?)?;
        let mut handle = handle?;
        if itself.kind != FileKind::Regular {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file any more"));
        }
        let session = &self.link.session;
        if itself.size > WHOLE {
            let before = session.ask(&[Request::FStat(&handle.bytes)])?;
            return Ok(Fetching::Stream { handle, itself, before });
        }
        let reads = reads(itself.size, self.link.read_len());
        let mut requests = vec![Request::FStat(&handle.bytes)];
        let read = |&(offset, len)| Request::Read { handle: &handle.bytes, offset, len };
        requests.extend(reads.iter().map(read));
        requests.push(Request::FStat(&handle.bytes));
        let answers = session.ask_and_close(&requests, &handle.bytes)?;
        handle.closed = true;
        let reads = reads.into_iter().map(|(_, len)| len as usize).collect();
        Ok(Fetching::Whole { link: self.link, path: self.path, itself, reads, answers })
    }
}

/// The reads that a file of this size takes, as offsets and lengths.
fn reads(size: u64, read_len: usize) -> Vec<(u64, u32)> {
    let part = |offset: u64| (offset, (size - offset).min(read_len as u64) as u32);
    (0..size).step_by(read_len).map(part).collect()
}

/// A file whose content was asked for.
enum Fetching {
    Whole {
        link: Arc<Link>,
        path: Vec<u8>,
        itself: Stat,
        /// How many bytes each read asked for.
        reads: Vec<usize>,
        /// To a look at the file, the reads, and another look.
        answers: Vec<Pending>,
    },
    Stream {
        handle: Handle,
        itself: Stat,
        before: Vec<Pending>,
    },
}

impl Fetching {
    /// How many bytes come before anyone takes them.
    fn ahead(&self) -> u64 {
        match self {
            Self::Whole { itself, .. } => itself.size,
            Self::Stream { .. } => 0,
        }
    }

    fn finish(self) -> io::Result<Box<dyn SourceFile>> {
        match self {
            Self::Whole { link, path, itself, reads, answers } => {
                let mut answers = answers.into_iter().map(Pending::wait);
                let mut next = || answers.next().unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()));
                let before = same_file(&itself, stat_from(next()?)?)?;
                let (mut data, mut short) = (Vec::with_capacity(itself.size as usize), None);
                for len in reads {
                    match next()? {
                        Reply::Data(part) if part.len() <= len => {
                            // After a gap nothing more can be used.
                            if short.is_none() {
                                data.extend_from_slice(&part);
                            }
                            if part.len() < len {
                                short = short.or(Some(part.len()));
                            }
                        }
                        Reply::Status(Code::Eof, _) => short = short.or(Some(0)),
                        other => return Err(refused(other)),
                    }
                }
                let after = stat_from(next()?)?;
                match short {
                    // Less than was asked for, yet not the end: read it again, more slowly.
                    Some(given) if given > 0 && (data.len() as u64) < after.size => {
                        link.lower_read_len(given);
                        read_slowly(&link, &path)
                    }
                    _ => Ok(Box::new(WholeFile { data, at: 0, touched: false, before, after })),
                }
            }
            Self::Stream { handle, itself, before } => {
                let before = before.into_iter().next().map(Pending::wait);
                let before = before.unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()))?;
                let before = same_file(&itself, stat_from(before)?)?;
                Ok(Box::new(Stream::new(handle, before)))
            }
        }
    }
}

/// Opens a file to be read in parts, however small it is.
fn read_slowly(link: &Arc<Link>, path: &[u8]) -> io::Result<Box<dyn SourceFile>> {
    let permit = Permit::one(link)?;
    let open = link.session.ask(&[Request::Open(path)])?.pop();
    let open = open.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let handle = Opening::new(permit, open).handle()?;
    let before = stat_from(link.session.ask_one(&Request::FStat(&handle.bytes))?)?;
    Ok(Box::new(Stream::new(handle, before)))
}

/// Gives the second look at a file, if both may well be of one.
fn same_file(itself: &Stat, opened: Stat) -> io::Result<Stat> {
    if opened.kind == FileKind::Regular && (opened.uid, opened.gid) == (itself.uid, itself.gid) {
        Ok(opened)
    } else {
        Err(io::Error::other("another file was put in its place while it was opened"))
    }
}

/// A file that is here already.
struct WholeFile {
    data: Vec<u8>,
    at: usize,
    touched: bool,
    before: Stat,
    after: Stat,
}

impl Read for WholeFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.touched = true;
        let read = (&self.data[self.at..]).read(buf)?;
        self.at += read;
        Ok(read)
    }
}

impl SourceFile for WholeFile {
    fn stat(&self) -> io::Result<Stat> {
        Ok(if self.touched { self.after } else { self.before })
    }

    fn attributes(&self) -> io::Result<(Xattrs, Acl)> {
        Ok(Default::default())
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.at = usize::try_from(offset).unwrap_or(usize::MAX).min(self.data.len());
        Ok(())
    }
}
