//! Metadata of the last session that can't be read, made again: from what is left of them, and for all other paths from
//! the mirror, which is the tree as it was at that session.
//!
//! Of a file in pieces all whole ones are left. Of another it is what comes before the damage, and no checksum vouches for
//! that: a record is believed if the mirror agrees with it, its content too.
//!
//! What the mirror can't tell is lost: digests (they are made again from what the mirror holds now), and where it isn't
//! written by root, owners and special files. The next backup sees what differs from the source, and records that.

mod mirror;

use crate::entry::{Acl, Digest, Entry, Kind, Link, LongName, Xattrs};
use crate::error::{Doing, Error, IoContext, Result};
use crate::format::names::IncrementKind;
use crate::format::{acls, attrs, xattrs};
use crate::merge::{AtPath, Pair, merge_join};
use crate::monitor::{Counter, Monitor, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::Pool;
use crate::repo::disk::{Disk, ignore_absent, make_dirs, remove_all};
use crate::repo::gz::SideFile;
use crate::repo::layout::{DAMAGED, DATA, STAGING, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::metadata::{Detail, Recorded, Stream};
use crate::repo::put::{BUFFER, hash};
use crate::repo::{DataFile, MirrorState, Repository};
use crate::time::SessionTime;
use crate::tree::attrs::{Names, entry_of, read_attributes_of_handle};
use crate::tree::{FileKind, Stat};
use mirror::{InMirror, Seen};
use rustix::fs::OFlags;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What was made again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MendReport {
    /// The session whose metadata they are.
    pub session: SessionTime,
    /// The files that were made again, as they are called now. What was damaged is in `rdiff-backup-data/damaged`.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::paths"))]
    pub files: Vec<PathBuf>,
    /// Records that were taken over.
    pub kept: u64,
    /// Records that were made from the mirror.
    pub made: u64,
}

/// Makes metadata of the last session again where they are damaged or gone. Nothing if they can be read, or if the
/// last session did not finish: [`regress`](super::regress) comes first.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::repo::lock::Writer;
/// use rdiff_core::regress::{MendReport, mend};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let metadata = repo.data_files()?.into_iter().filter(|f| f.base == b"mirror_metadata").max_by_key(|f| f.time);
/// let metadata = repo.path_of(&metadata.ok_or("a session")?.place);
/// std::fs::write(&metadata, "File .\n  Type ")?; // a disk forgets
/// let writer = Writer::new(repo.clone(), false)?;
/// let report: MendReport = mend(&writer, &Silent)?.ok_or("it is damaged")?;
/// assert_eq!((report.session, report.made), (repo.sessions()?[1], 2)); // the root, and the note in it
/// assert_eq!(mend(&writer, &Silent)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`], [`Error::Cancelled`]; the metadata are as they were then.
pub fn mend(writer: &Writer, monitor: &dyn Monitor) -> Result<Option<MendReport>> {
    let MirrorState::Clean(at) = writer.repo().state()? else { return Ok(None) };
    Stop::watched(monitor, |stop| {
        let disk = Arc::clone(writer.disk());
        let mend = Mend { repo: writer.repo(), disk, names: Names::default(), at, stop, monitor };
        mend.run()
    })
}

/// The files that [`mend`] would make again. Nothing is changed.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// assert!(rdiff_core::regress::damaged_metadata(&repo)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`].
pub fn damaged_metadata(repo: &Repository) -> Result<Vec<String>> {
    let MirrorState::Clean(at) = repo.state()? else { return Ok(Vec::new()) };
    let files = repo.data_files()?;
    let records = repo.metadata_at(at, RepoPath::ROOT, Detail::Records);
    let damaged = [
        ("mirror_metadata", is_damaged(records)?),
        ("extended_attributes", is_damaged(repo.xattrs_at(&files, at))?),
        ("access_control_lists", is_damaged(repo.acls_at(&files, at))?),
    ];
    Ok(damaged.iter().filter(|(_, is_damaged)| *is_damaged).map(|(base, _)| format!("{base}.{at}")).collect())
}

/// Does a stream end with damage?
fn is_damaged<T>(stream: Result<impl Iterator<Item = Result<T>>>) -> Result<bool> {
    match stream.and_then(|mut stream| stream.try_for_each(|item| item.map(drop))) {
        Ok(()) => Ok(false),
        Err(e) if e.is_damage() || matches!(e, Error::NoSuchSession { .. }) => Ok(true),
        Err(e) => Err(e),
    }
}

/// A stream up to its damage.
fn up_to_damage<T: Send + 'static>(stream: Result<Stream<T>>) -> Stream<T> {
    Box::new(stream.into_iter().flatten().map_while(Result::ok).map(Ok))
}

struct Mend<'a> {
    repo: &'a Arc<Repository>,
    disk: Arc<dyn Disk>,
    names: Names,
    at: SessionTime,
    stop: &'a Stop,
    monitor: &'a dyn Monitor,
}

impl Mend<'_> {
    fn run(&self) -> Result<Option<MendReport>> {
        let files = self.repo.data_files()?;
        let mut report = MendReport { session: self.at, files: Vec::new(), kept: 0, made: 0 };
        if is_damaged(self.records())? {
            let new = self.new_file(&files, "mirror_metadata")?;
            report.files.push(self.make_records(new, &mut report.kept, &mut report.made)?);
        }
        if is_damaged(self.repo.xattrs_at(&files, self.at))? {
            let kept = up_to_damage(self.repo.xattrs_at(&files, self.at));
            let write =
                |path: &RepoPathBuf, kept: Option<Xattrs>, seen: Option<&Seen>, text: &mut Vec<u8>| {
                    let xattrs = kept.map_or_else(|| self.attributes(seen).map(|(xattrs, _)| xattrs), Ok)?;
                    if !xattrs.0.is_empty() {
                        xattrs::write(path, &xattrs, text);
                    }
                    Ok(())
                };
            report.files.push(self.make_side(self.new_file(&files, "extended_attributes")?, kept, write)?);
        }
        if is_damaged(self.repo.acls_at(&files, self.at))? {
            let kept = up_to_damage(self.repo.acls_at(&files, self.at));
            let write = |path: &RepoPathBuf, kept: Option<Acl>, seen: Option<&Seen>, text: &mut Vec<u8>| {
                let acl = kept.map_or_else(|| self.attributes(seen).map(|(_, acl)| acl), Ok)?;
                if !acl.is_empty() {
                    let mode = seen.map_or(0o600, |seen| seen.stat.mode);
                    acls::write(path, &acl.spelled_out(mode), text);
                }
                Ok(())
            };
            report.files.push(self.make_side(self.new_file(&files, "access_control_lists")?, kept, write)?);
        }
        Ok((!report.files.is_empty()).then_some(report))
    }

    fn records(&self) -> Result<Stream<Box<Recorded>>> {
        self.repo.metadata_at(self.at, RepoPath::ROOT, Detail::Records)
    }

    fn io<T>(&self, doing: Doing, place: &StoredPath, result: std::io::Result<T>) -> Result<T> {
        result.while_doing(doing, self.repo.path_of(place))
    }

    fn go_on(&self) -> Result<()> {
        self.monitor.count(Counter::Paths, 1);
        if self.stop.is_set() { Err(Error::Cancelled { at: None }) } else { Ok(()) }
    }

    /// A side file in staging, compressed if the one that it stands for is.
    fn new_file(&self, files: &[DataFile], base: &'static str) -> Result<NewFile> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))?;
        self.io(Doing::Create, &staging, make_dirs(&*self.disk, &staging))?;
        let is_old = |f: &&DataFile| f.base == base.as_bytes() && f.time == self.at;
        let old: Vec<DataFile> = files.iter().filter(is_old).cloned().collect();
        let is_gzipped = old.iter().all(|f| f.gzipped);
        let gzipped = is_gzipped.then(|| StoredPath::staged(1));
        let file = SideFile::new(
            Arc::clone(&self.disk),
            Arc::new(Pool::new(1)),
            StoredPath::staged(0),
            gzipped.clone(),
        );
        Ok(NewFile { base, old, gzipped, file })
    }

    /// Records that agree with the mirror are taken over, all others are made from it.
    fn make_records(&self, mut new: NewFile, kept: &mut u64, made: &mut u64) -> Result<PathBuf> {
        let mut links = HashMap::new();
        let (left, is_sure) = self.repo.records_left(self.at)?;
        for pair in merge_join(left, InMirror::new(self.repo)) {
            self.go_on()?;
            let pair = pair?;
            let path = pair.path().to_owned();
            let record = match pair {
                // What stands under a number is not found in the mirror by its name.
                Pair::Left(record) if matches!(record.entry.long_name, Some(LongName::Mirror(_))) => {
                    Some(record)
                }
                Pair::Left(_) => continue,
                Pair::Both(record, seen)
                    if agrees(&record.entry, &seen.stat)
                        && (is_sure || self.has_content(&record.entry, &seen)?) =>
                {
                    if let Some(link) = record.entry.file().and_then(|f| f.link) {
                        links.insert((seen.stat.device, seen.stat.inode), link);
                    }
                    Some(record)
                }
                Pair::Both(_, seen) | Pair::Right(seen) => {
                    attrs::write_record(&self.entry(&seen, &mut links)?, new.file.text());
                    *made += 1;
                    None
                }
            };
            if let Some(record) = record {
                new.file.text().extend_from_slice(&record.raw);
                *kept += 1;
            }
            new.file.flow(path.as_path())?;
        }
        self.put(new)
    }

    /// What the mirror says of a path. Of a file with several names the first has the digest.
    fn entry(&self, seen: &Seen, links: &mut HashMap<(u64, u64), Link>) -> Result<Entry> {
        let stat = &seen.stat;
        let names = (self.names.user(stat.uid), self.names.group(stat.gid));
        let mut entry = entry_of(seen.path.clone(), stat, names.0, names.1, true);
        let read = |result: std::io::Result<Vec<u8>>| self.io(Doing::Read, &seen.place, result);
        match &mut entry.kind {
            Kind::Symlink(target) => *target = read(self.repo.root().read_link(seen.place.as_bytes()))?,
            Kind::File(file) => {
                let known = file.link.and_then(|_| links.get(&(stat.device, stat.inode)));
                if let Some(link) = known {
                    file.link = Some(*link);
                } else {
                    file.digest = Some(self.digest(seen)?);
                    file.link.map(|link| links.insert((stat.device, stat.inode), link));
                }
            }
            _ => {}
        }
        Ok(entry)
    }

    /// A digest for which no checksum vouches must be that of what the mirror holds: else it may be what is damaged.
    fn has_content(&self, entry: &Entry, seen: &Seen) -> Result<bool> {
        match entry.file().and_then(|f| f.digest) {
            Some(digest) => Ok(self.digest(seen)? == digest),
            None => Ok(true),
        }
    }

    fn digest(&self, seen: &Seen) -> Result<Digest> {
        let content = self.repo.root().open_file(seen.place.as_bytes());
        let hashed = content.and_then(|content| {
            hash(&mut self.stop.over(seen.path.as_path(), content), &mut vec![0; BUFFER])
        });
        self.io(Doing::Read, &seen.place, hashed).map(|(digest, _)| digest)
    }

    /// Attributes and lists, up to the damage as they were recorded.
    fn make_side<T: Send + 'static>(
        &self,
        mut new: NewFile,
        kept: Stream<(RepoPathBuf, T)>,
        write: impl Fn(&RepoPathBuf, Option<T>, Option<&Seen>, &mut Vec<u8>) -> Result<()>,
    ) -> Result<PathBuf> {
        let is_over = std::cell::Cell::new(false);
        let mut kept = kept;
        let kept = std::iter::from_fn(|| {
            let next = kept.next();
            is_over.set(next.is_none());
            next
        });
        for pair in merge_join(kept, InMirror::new(self.repo)) {
            self.go_on()?;
            let pair = pair?;
            let path = pair.path().to_owned();
            match pair {
                Pair::Left((_, kept)) => write(&path, Some(kept), None, new.file.text())?,
                Pair::Both((_, kept), seen) => write(&path, Some(kept), Some(&seen), new.file.text())?,
                Pair::Right(seen) if is_over.get() => write(&path, None, Some(&seen), new.file.text())?,
                Pair::Right(_) => {}
            }
            new.file.flow(path.as_path())?;
        }
        self.put(new)
    }

    fn attributes(&self, seen: Option<&Seen>) -> Result<(Xattrs, Acl)> {
        let Some(seen) = seen.filter(|seen| seen.stat.kind != FileKind::Symlink) else {
            return Ok(Default::default());
        };
        let handle = self.repo.root().open_at(seen.place.as_bytes(), OFlags::PATH, 0);
        let read = handle.and_then(|handle| read_attributes_of_handle(handle, &self.names));
        self.io(Doing::Read, &seen.place, read)
    }

    /// Brings a new file into the place of the damaged one, which is put aside. There is one of the two at any time.
    fn put(&self, new: NewFile) -> Result<PathBuf> {
        let written = new.file.finish()?;
        self.io(Doing::Sync, &written, self.disk.sync(&written))?;
        let is_gzipped = new.gzipped.as_ref() == Some(&written);
        let place = self.repo.layout().data(new.base, self.at, IncrementKind::Snapshot, is_gzipped);
        for old in new.old.iter().map(|f| &f.place) {
            let aside = place_aside(self.repo, &*self.disk, old)?;
            match self.disk.link(old, &aside) {
                Ok(()) if *old == place => {}
                Ok(()) => self.io(Doing::Remove, old, ignore_absent(self.disk.unlink(old)))?,
                // There are file systems without hard links.
                Err(_) => self.io(Doing::Rename, old, self.disk.rename(old, &aside))?,
            }
        }
        self.io(Doing::Rename, &place, self.disk.rename(&written, &place))?;
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))?;
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))?;
        Ok(self.repo.path_of(&place))
    }
}

/// A side file that is written.
struct NewFile {
    base: &'static str,
    /// What it stands for.
    old: Vec<DataFile>,
    gzipped: Option<StoredPath>,
    file: SideFile,
}

/// Does the mirror say of a record that it is right? An empty file can stand for what could not be made.
fn agrees(entry: &Entry, stat: &Stat) -> bool {
    let is_stand_in = stat.kind == FileKind::Regular && stat.size == 0;
    let is_special = matches!(entry.kind, Kind::Fifo | Kind::Socket | Kind::Device(_));
    super::finder::attributes_agree(entry, stat) || (is_special && is_stand_in)
}

/// A place among the damaged files that is still free.
pub(super) fn place_aside(repo: &Repository, disk: &dyn Disk, place: &StoredPath) -> Result<StoredPath> {
    let dir = StoredPath::fixed(DAMAGED);
    make_dirs(disk, &dir).while_doing(Doing::Create, repo.path_of(&dir))?;
    for n in 1u64.. {
        let to = match n {
            1 => place.name().to_vec(),
            n => [place.name(), format!(".{}", n - 1).as_bytes()].concat(),
        };
        let to = dir.listed(&to);
        if repo.root().find(to.as_bytes()).while_doing(Doing::Stat, repo.path_of(&to))?.is_none() {
            return Ok(to);
        }
    }
    Err(Error::Internal("no name for a damaged file is left"))
}
