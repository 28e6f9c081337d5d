//! Undoing the newest session: one that did not finish, or on request a good one.
//!
//! What the session touched is found by its increments: each path that it changed has one, named for the
//! session before, and each directory above such a path has one too. Only those are looked at. Every step is
//! either done or can be done again, so a regress that was stopped is finished by running it again:
//!
//! 1. the snapshot of metadata of the good session is put together again, where only a diff is left;
//! 2. files of the failed session in the data directory go, but for its marker;
//! 3. each touched path is compared with its record, and where it differs the old state is rebuilt beside it;
//! 4. barrier; then the old states take their places, in batches; directories get their attributes back; barrier;
//! 5. the increments of the good session go; barrier; the marker of the failed session goes last.

use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::format::index::IndexWriter;
use crate::format::names::IncrementKind;
use crate::merge::{AtPath, Pair, merge_join};
use crate::monitor::{Counter, Event, Monitor, PathDone, Phase};
use crate::nest::Nest;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool};
use crate::repo::disk::{Disk, ignore_absent, make_dirs, remove_all};
use crate::repo::gz::SideFile;
use crate::repo::increments::{Base, Chain, Increment, IncrementDir};
use crate::repo::layout::{DATA, INCREMENTS, LONG_NAMES, STAGING, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::metadata::{Detail, Recorded};
use crate::repo::put::{BUFFER, CopyError, Hasher, copy_sparse, make_special, read_full};
use crate::repo::session::write_marker;
use crate::repo::{DataFile, MirrorState, Repository, markers, state_of};
use crate::time::SessionTime;
use crate::tree::attrs::{Applied, Names, Ownership};
use crate::tree::caps::Capabilities;
use crate::tree::{FileKind, Stat};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many rebuilt states wait at most before they take their places,
const BATCH: usize = 10_000;
/// or so many bytes: that much more room is needed to go back.
const BATCH_BYTES: u64 = 256 << 20;

/// What a regress did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RegressReport {
    /// The session that is the mirror again.
    pub good: SessionTime,
    /// The one that was undone.
    pub undone: SessionTime,
    /// Paths that had to be changed.
    pub restored: u64,
}

/// Undoes the last session if it did not finish. Nothing if there is nothing to undo.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::repo::lock::Writer;
/// # use rdiff_core::regress::regress;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let writer = Writer::new(repo, false)?;
/// match regress(&writer, &Silent)? {
///     Some(report) => println!("{} is undone, back at {}", report.undone, report.good),
///     None => println!("no session failed"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Rebuild`] where an old state can't be rebuilt; [`Error::Io`], [`Error::Corrupt`].
pub fn regress(writer: &Writer, monitor: &dyn Monitor) -> Result<Option<RegressReport>> {
    match writer.repo().state()? {
        MirrorState::Interrupted { .. } => undo_failed(writer, monitor).map(Some),
        _ => Ok(None),
    }
}

/// What [`regress`], or with `of_good` [`undo_newest`], would undo. Nothing is changed. Each path that would be put
/// back or removed is told to the monitor.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::regress::{RegressReport, preview};
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// assert_eq!(preview(&repo, false, &Silent)?, None); // no session failed
/// let would: Option<RegressReport> = preview(&repo, true, &Silent)?; // of the newest, although it is good
/// assert_eq!(would.map(|w| w.good), Some(repo.sessions()?[0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As the regress would end; but for what only doing it shows.
pub fn preview(repo: &Repository, of_good: bool, monitor: &dyn Monitor) -> Result<Option<RegressReport>> {
    let (good, failed) = match repo.state()? {
        MirrorState::Interrupted { good, failed } => (good, failed),
        MirrorState::Clean(_) if of_good => before_the_newest(repo)?,
        _ => return Ok(None),
    };
    let records = repo.metadata_at(good, RepoPath::ROOT, Detail::All)?;
    let mut buf = vec![0; BUFFER];
    let mut restored = 0;
    for pair in merge_join(records, FailedIncrements::new(repo, good)?) {
        let (path, what) = match pair? {
            Pair::Left(_) => continue,
            Pair::Right((path, _)) => (path, PathDone::Removed),
            Pair::Both(record, _) if is_in_mirror(repo, &record.entry, &mut buf)? => continue,
            Pair::Both(record, _) => (record.entry.path, PathDone::Restored),
        };
        restored += 1;
        monitor.event(&Event::Path { path: path.as_path(), what });
    }
    Ok(Some(RegressReport { good, undone: failed, restored }))
}

/// Is the mirror what a record says?
fn is_in_mirror(repo: &Repository, entry: &Entry, buf: &mut [u8]) -> Result<bool> {
    let place = repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
    let stat = repo.root().find(place.as_bytes()).while_doing(Doing::Stat, repo.path_of(&place))?;
    if !stat.is_some_and(|stat| attributes_agree(entry, &stat)) {
        return Ok(false);
    }
    let Some(digest) = entry.file().and_then(|f| f.digest) else { return Ok(true) };
    let found = repo.root().open_file(place.as_bytes()).and_then(|mut f| crate::compare::hash(&mut f, buf));
    Ok(found.is_ok_and(|(found, _)| found == digest))
}

/// The two newest sessions.
fn before_the_newest(repo: &Repository) -> Result<(SessionTime, SessionTime)> {
    match repo.sessions()?[..] {
        [.., before, newest] => Ok((before, newest)),
        _ => Err(Refusal::NothingBefore { repository: repo.path().to_path_buf() }.into()),
    }
}

/// Undoes the newest session, although it is good. Its states are lost.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::repo::lock::Writer;
/// # use rdiff_core::regress::undo_newest;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let oldest = repo.sessions()?[0];
/// let report = undo_newest(&Writer::new(repo.clone(), false)?, &Silent)?;
/// assert_eq!(report.good, oldest);
/// assert_eq!(std::fs::read_to_string(repo.path().join("note"))?, "first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Refusal::NothingBefore`] if it is the only one; else as [`regress`].
pub fn undo_newest(writer: &Writer, monitor: &dyn Monitor) -> Result<RegressReport> {
    let repo = writer.repo();
    if let MirrorState::Clean(_) = repo.state()? {
        let (before, _) = before_the_newest(repo)?;
        let place = repo.layout().data("current_mirror", before, IncrementKind::Data, false);
        write_marker(&**writer.disk(), &place, false).while_doing(Doing::Create, repo.path_of(&place))?;
    }
    undo_failed(writer, monitor)
}

/// Undoes the session whose marker stands beside that of the good one.
///
/// # Errors
/// As [`regress`].
pub(crate) fn undo_failed(writer: &Writer, monitor: &dyn Monitor) -> Result<RegressReport> {
    let repo = Arc::clone(writer.repo());
    let files = repo.data_files()?;
    let MirrorState::Interrupted { good, failed } = state_of(&files, repo.path())? else {
        return Err(Refusal::NothingToUndo { repository: repo.path().to_path_buf() }.into());
    };
    monitor.event(&Event::Phase(Phase::Regressing));
    let pool = Arc::new(Pool::new(std::thread::available_parallelism().map_or(2, usize::from)));
    let undo = Undo {
        names: Arc::new(Names::default()),
        disk: Arc::clone(writer.disk()),
        repo,
        good,
        failed,
        next_staged: AtomicU64::new(0),
    };
    let undo = Arc::new(undo);
    undo.clear_staging()?;
    undo.complete_metadata(&files, &pool)?;
    undo.drop_files_of_failed()?;
    // Only now: on a full disk there may be no room for it before.
    undo.make_staging()?;
    let restored = undo.put_back(&pool, monitor)?;
    undo.drop_marker()?;
    Ok(RegressReport { good, undone: failed, restored })
}

struct Undo {
    repo: Arc<Repository>,
    disk: Arc<dyn Disk>,
    names: Arc<Names>,
    good: SessionTime,
    failed: SessionTime,
    next_staged: AtomicU64,
}

impl Undo {
    fn io<T>(&self, doing: Doing, place: &StoredPath, result: std::io::Result<T>) -> Result<T> {
        result.while_doing(doing, self.repo.path_of(place))
    }

    fn barrier(&self) -> Result<()> {
        self.io(Doing::Sync, &StoredPath::root(), self.disk.barrier())
    }

    fn staged(&self) -> StoredPath {
        StoredPath::staged(self.next_staged.fetch_add(1, Ordering::Relaxed))
    }

    /// Step 0: what an earlier run left in staging is of no use.
    fn clear_staging(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))
    }

    fn make_staging(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Create, &staging, make_dirs(&*self.disk, &staging))
    }

    /// Step 1: a whole snapshot of the good session, durable before anything that it is made of goes.
    fn complete_metadata(&self, files: &[DataFile], pool: &Arc<Pool>) -> Result<()> {
        let of_good = |kind| {
            files.iter().any(|f| f.base == b"mirror_metadata" && f.time == self.good && f.kind == kind)
        };
        if !of_good(IncrementKind::Snapshot) {
            self.make_staging()?;
            let records = self.repo.metadata_at(self.good, RepoPath::ROOT, Detail::Records)?;
            let (plain, gzipped) = (self.staged(), self.staged());
            let mut snapshot =
                SideFile::new(Arc::clone(&self.disk), Arc::clone(pool), plain, Some(gzipped.clone()));
            for record in records {
                snapshot.text().extend_from_slice(&record?.raw);
                snapshot.flow()?;
            }
            let written = snapshot.finish()?;
            let is_gzipped = written == gzipped;
            self.keep(&written, "mirror_metadata", is_gzipped)?;
        }
        let of_index =
            |kind| files.iter().any(|f| f.base == b"source_index" && f.time == self.good && f.kind == kind);
        if !of_index(IncrementKind::Snapshot) && of_index(IncrementKind::Diff) {
            self.make_staging()?;
            let mut snapshot = SideFile::new(Arc::clone(&self.disk), Arc::clone(pool), self.staged(), None);
            let mut entries = IndexWriter::default();
            IndexWriter::head(None, snapshot.text());
            for entry in self.repo.index_at(files, self.good, RepoPath::ROOT)? {
                let (path, precise) = entry?;
                entries.entry(path.as_path(), Some(&precise), snapshot.text());
                snapshot.flow()?;
            }
            let written = snapshot.finish()?;
            self.keep(&written, "source_index", false)?;
        }
        Ok(())
    }

    /// Makes a side file, written in staging, the snapshot of the good session.
    fn keep(&self, written: &StoredPath, base: &str, is_gzipped: bool) -> Result<()> {
        self.io(Doing::Sync, written, self.disk.sync(written))?;
        let place = self.repo.layout().data(base, self.good, IncrementKind::Snapshot, is_gzipped);
        self.io(Doing::Rename, &place, self.disk.rename(written, &place))?;
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))
    }

    /// Step 2. Every file of the failed session goes, whoever wrote it, but for its marker.
    fn drop_files_of_failed(&self) -> Result<()> {
        let files = self.repo.data_files()?;
        let has_index = files
            .iter()
            .any(|f| f.base == b"source_index" && f.time == self.good && f.kind == IncrementKind::Snapshot);
        for file in &files {
            let of_failed = file.time == self.failed && file.base != b"current_mirror";
            let is_diff = file.time == self.good && file.kind == IncrementKind::Diff;
            let needless =
                is_diff && (file.base == b"mirror_metadata" || (file.base == b"source_index" && has_index));
            if of_failed || needless {
                self.io(Doing::Remove, &file.place, ignore_absent(self.disk.unlink(&file.place)))?;
            }
        }
        Ok(())
    }

    /// Steps 3 to 5, up to the marker.
    fn put_back(self: &Arc<Self>, pool: &Arc<Pool>, monitor: &dyn Monitor) -> Result<u64> {
        let records = self.repo.metadata_at(self.good, RepoPath::ROOT, Detail::All)?;
        let increments = FailedIncrements::new(&self.repo, self.good)?;
        let mut finder = Finder {
            undo: self,
            nest: Nest::default(),
            dirs: Vec::new(),
            links: HashMap::new(),
            long: increments.long.clone(),
            increments: Vec::new(),
            restored: 0,
        };
        let records = crate::pool::ahead(records, 256, 4);
        let finder_cell = std::cell::RefCell::new(&mut finder);
        let found = merge_join(records, increments)
            .filter_map(|pair| pair.and_then(|pair| finder_cell.borrow_mut().look_at(pair)).transpose());
        let chunks = Chunks::new(found, 32, 4 << 20, |touched: &Touched| 4096 + touched.entry.size());
        let undo = Arc::clone(self);
        let results = pool.map_ordered(
            chunks,
            2 * pool.workers(),
            move |(chunk, error): (Vec<Touched>, Option<Error>)| {
                let mut buf = vec![0; BUFFER];
                let fixed = |touched: Touched| (undo.rebuild(&touched, &mut buf), touched);
                (chunk.into_iter().map(fixed).collect::<Vec<_>>(), error)
            },
        );
        let mut batch = Batch { undo: self, monitor, fixes: Vec::new(), bytes: 0, restored: 0 };
        let mut later = Vec::new();
        for (chunk, error) in results {
            for (fix, touched) in chunk {
                match fix {
                    // Others may make room. The first of a group comes before its other names.
                    Err(e) if e.is_no_room() => later.push(touched),
                    Ok(Fix::Link(_)) if !later.is_empty() => later.push(touched),
                    fix => batch.add(touched, fix?)?,
                }
            }
            if let Some(e) = error {
                return Err(e);
            }
            if monitor.cancelled() {
                return Err(Error::Cancelled);
            }
        }
        finder.leave_all()?;
        batch.apply()?;
        let mut buf = vec![0; BUFFER];
        for touched in later {
            let fix = self.rebuild(&touched, &mut buf)?;
            batch.add(touched, fix)?;
            batch.apply()?;
        }
        let restored = batch.restored + finder.restored;
        let Finder { dirs, increments, .. } = finder;
        let ownership = Ownership::new(Arc::clone(&self.names));
        for entry in &dirs {
            self.set_attributes(entry, &ownership)?;
        }
        self.barrier()?;
        // From the end: a directory's own increment stays until those in it are gone.
        for place in increments.iter().rev() {
            self.io(Doing::Remove, place, ignore_absent(self.disk.unlink(place)))?;
        }
        Ok(restored)
    }

    /// Brings a rebuilt state into the mirror.
    fn apply(&self, touched: &Touched, fix: &Fix) -> Result<()> {
        let to = &touched.place;
        match fix {
            Fix::Nothing => Ok(()),
            Fix::Attributes => self.set_attributes(&touched.entry, &Ownership::new(Arc::clone(&self.names))),
            Fix::Put(from) => self.io(Doing::Rename, to, self.in_opened(to, || self.disk.rename(from, to))),
            // The first may have got its old content, and with it another inode, just before.
            Fix::Link(first) if self.repo.root().is_one_file(first.as_bytes(), to.as_bytes()) => {
                self.set_attributes(&touched.entry, &Ownership::new(Arc::clone(&self.names)))
            }
            Fix::Link(first) => {
                let between = self.staged();
                self.io(Doing::Link, first, self.disk.link(first, &between))?;
                self.io(Doing::Rename, to, self.in_opened(to, || self.disk.rename(&between, to)))?;
                self.io(Doing::Remove, &between, ignore_absent(self.disk.unlink(&between)))
            }
        }
    }

    /// Does something in a directory; if that denies it, after giving ourselves the right.
    fn in_opened<T>(&self, place: &StoredPath, act: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
        match act() {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let open = Applied { mode: Some(0o700), ..Applied::default() };
                self.disk.set_attributes(&place.parent(), &open)?;
                act()
            }
            other => other,
        }
    }

    fn mirror(&self, entry: &Entry) -> StoredPath {
        self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref())
    }

    fn set_attributes(&self, entry: &Entry, ownership: &Ownership) -> Result<()> {
        let place = self.mirror(entry);
        let applied = self.applied(entry, ownership);
        self.io(Doing::SetAttributes, &place, self.disk.set_attributes(&place, &applied))
    }

    fn applied<'e>(&self, entry: &'e Entry, ownership: &Ownership) -> Applied<'e> {
        let mut applied = ownership.applied(entry, &Capabilities::full());
        applied.mtime = applied.mtime.map(|(seconds, _)| (seconds, 0));
        applied
    }

    /// Finds out what a touched path lacks, and rebuilds its old state in staging (step 3).
    fn rebuild(&self, touched: &Touched, buf: &mut [u8]) -> Result<Fix> {
        let entry = &touched.entry;
        let ownership = Ownership::new(Arc::clone(&self.names));
        match &entry.kind {
            Kind::Dir => Ok(Fix::Nothing),
            Kind::File(_) => self.rebuild_file(touched, &ownership, buf),
            kind => {
                let same = touched.stat.is_some_and(|s| same_kind(kind, &s))
                    && self.same_target(kind, &touched.place);
                if same {
                    return Ok(Fix::Attributes);
                }
                let staged = self.staged();
                self.io(Doing::Create, &staged, make_special(&*self.disk, &staged, kind))?;
                let applied = self.applied(entry, &ownership);
                self.io(Doing::SetAttributes, &staged, self.disk.set_attributes(&staged, &applied))?;
                Ok(Fix::Put(staged))
            }
        }
    }

    fn same_target(&self, kind: &Kind, place: &StoredPath) -> bool {
        match kind {
            Kind::Symlink(target) => self.repo.root().read_link(place.as_bytes()).is_ok_and(|t| t == *target),
            _ => true,
        }
    }

    fn rebuild_file(&self, touched: &Touched, ownership: &Ownership, buf: &mut [u8]) -> Result<Fix> {
        let entry = &touched.entry;
        if let Some(first) = &touched.link_to {
            // They may be one file now, and not be any more when the first has been put back.
            return Ok(Fix::Link(first.clone()));
        }
        let stat = touched.stat.filter(|s| s.kind == FileKind::Regular);
        if let Some(stat) = stat.filter(|s| s.size == entry.size()) {
            let same = match touched.digest {
                Some(digest) => self.digest_of(&touched.place, buf)? == digest,
                None => Some(stat.mtime.0) == entry.attrs.mtime,
            };
            // A file that other names share must not be changed under them.
            let names = entry.file().and_then(|f| f.link).map_or(1, |link| link.count);
            if same && stat.links <= names {
                return Ok(Fix::Attributes);
            }
            if same {
                return self.put_content(
                    touched,
                    &Chain { base: Base::Mirror(touched.place.clone()), deltas: Vec::new() },
                    ownership,
                    buf,
                );
            }
        }
        self.put_content(touched, &self.way_back(touched)?, ownership, buf)
    }

    /// Rebuilds a file in staging.
    fn put_content(
        &self,
        touched: &Touched,
        chain: &Chain,
        ownership: &Ownership,
        buf: &mut [u8],
    ) -> Result<Fix> {
        let entry = &touched.entry;
        let mut content = self.repo.open_chain(entry, chain, self.good)?;
        let staged = self.staged();
        let mut file = self.io(Doing::Create, &staged, self.disk.create(&staged))?;
        let wrong =
            |why: String| Error::Rebuild { path: entry.path.clone(), at: self.good, source: why.into() };
        let copied = copy_sparse(&mut content, &mut *file, entry.size(), buf).map_err(|e| match e {
            CopyError::Write(source) => {
                // On a full disk what is written of it is in the way of others.
                self.disk.unlink(&staged).ok();
                Error::Io { doing: Doing::Write, path: self.repo.path_of(&staged), source }
            }
            CopyError::Read(e) => wrong(e.to_string()),
            CopyError::TooLong => wrong("there is more of it than its record says".to_owned()),
        })?;
        if touched.digest.is_some_and(|d| d != copied.digest) || copied.length != entry.size() {
            return Err(wrong(
                "what the increment leads to is not what was backed up (size or SHA-1 differ)".to_owned(),
            ));
        }
        self.io(Doing::SetAttributes, &staged, file.set_attributes(&self.applied(entry, ownership)))?;
        Ok(Fix::Put(staged))
    }

    /// What to read for the old content of a file that is not what it was.
    fn way_back(&self, touched: &Touched) -> Result<Chain> {
        let newest = touched.increments.last();
        match newest.map(|i| i.kind) {
            Some(IncrementKind::Snapshot) => {
                let deltas = Vec::new();
                Ok(Chain {
                    base: Base::Snapshot(touched.increments[touched.increments.len() - 1].clone()),
                    deltas,
                })
            }
            Some(IncrementKind::Diff) => {
                Ok(Chain { base: Base::Mirror(touched.place.clone()), deltas: touched.increments.clone() })
            }
            _ => Err(Error::Rebuild {
                path: touched.entry.path.clone(),
                at: self.good,
                source: "the mirror file is not what was backed up, and there is no increment for it".into(),
            }),
        }
    }

    fn digest_of(&self, place: &StoredPath, buf: &mut [u8]) -> Result<Digest> {
        let mut file = match self.repo.root().open_file(place.as_bytes()) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let open = Applied { mode: Some(0o600), ..Applied::default() };
                self.io(Doing::SetAttributes, place, self.disk.set_attributes(place, &open))?;
                self.io(Doing::Open, place, self.repo.root().open_file(place.as_bytes()))?
            }
            other => self.io(Doing::Open, place, other)?,
        };
        let mut hasher = Hasher::default();
        loop {
            match self.io(Doing::Read, place, read_full(&mut file, buf))? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&buf[..n]),
            }
        }
    }

    /// Step 5: with the last marker the repository is clean.
    fn drop_marker(&self) -> Result<()> {
        let staging = StoredPath::fixed(STAGING);
        self.io(Doing::Remove, &staging, remove_all(&*self.disk, &staging))?;
        self.barrier()?;
        for marker in markers(&self.repo.data_files()?) {
            if marker.time == self.failed {
                self.io(Doing::Remove, &marker.place, self.disk.unlink(&marker.place))?;
            }
        }
        let data = StoredPath::fixed(DATA);
        self.io(Doing::Sync, &data, self.disk.sync(&data))
    }
}

/// Old states that are rebuilt, and not yet in their places.
struct Batch<'u> {
    undo: &'u Undo,
    monitor: &'u dyn Monitor,
    fixes: Vec<(Touched, Fix)>,
    bytes: u64,
    restored: u64,
}

impl Batch<'_> {
    fn add(&mut self, touched: Touched, fix: Fix) -> Result<()> {
        self.monitor.count(Counter::Paths, 1);
        if matches!(fix, Fix::Nothing) {
            return Ok(());
        }
        self.restored += 1;
        self.monitor.event(&Event::Path { path: touched.entry.path.as_path(), what: PathDone::Restored });
        if matches!(fix, Fix::Put(_)) {
            self.bytes += touched.entry.size();
        }
        self.fixes.push((touched, fix));
        if self.fixes.len() >= BATCH || self.bytes >= BATCH_BYTES { self.apply() } else { Ok(()) }
    }

    /// Brings them into the mirror (step 4).
    fn apply(&mut self) -> Result<()> {
        self.undo.barrier()?;
        for (touched, fix) in std::mem::take(&mut self.fixes) {
            self.undo.apply(&touched, &fix)?;
        }
        self.bytes = 0;
        Ok(())
    }
}

/// A path that the failed session touched, or may have touched.
struct Touched {
    entry: Entry,
    place: StoredPath,
    /// What is there now.
    stat: Option<Stat>,
    /// What the failed session kept of it.
    increments: Vec<Increment>,
    /// The digest of its group, for a hard link.
    digest: Option<Digest>,
    /// The first name of its group.
    link_to: Option<StoredPath>,
}

/// How a touched path becomes what it was.
enum Fix {
    Nothing,
    Attributes,
    Put(StoredPath),
    Link(StoredPath),
}

/// A directory that the failed session worked in, and the names in its mirror that are still to come.
struct OpenDir {
    place: StoredPath,
    entry: Option<Entry>,
    names: std::iter::Peekable<std::vec::IntoIter<SeenName>>,
}

/// A name in the mirror: as the source has it, and as it is stored.
struct SeenName {
    name: Vec<u8>,
    stored: Box<[u8]>,
}

/// Goes through records and increments in path order, and finds what was touched.
struct Finder<'u> {
    undo: &'u Undo,
    nest: Nest<Option<OpenDir>>,
    /// Directories that get their attributes back, the innermost first.
    dirs: Vec<Entry>,
    links: HashMap<(u64, u64), (StoredPath, Option<Digest>)>,
    /// Increments in `long_filename_data`, by number.
    long: BTreeMap<Vec<u8>, Vec<Increment>>,
    /// Increments to be removed at the end.
    increments: Vec<StoredPath>,
    restored: u64,
}

type AtIncrements = (RepoPathBuf, Vec<Increment>);

impl Finder<'_> {
    fn look_at(&mut self, pair: Pair<Recorded, AtIncrements>) -> Result<Option<Touched>> {
        let path = pair.path().to_owned();
        while let Some((_, dir)) = self.nest.leave_for(path.as_path()) {
            self.leave(dir)?;
        }
        let (record, mut increments) = match pair {
            Pair::Left(record) => (Some(record.entry), Vec::new()),
            Pair::Right((_, increments)) => (None, increments),
            Pair::Both(record, (_, increments)) => (Some(record.entry), increments),
        };
        self.increments.extend(increments.iter().map(|i| i.place.clone()));
        let Some(entry) = record else {
            self.remove_new(path.as_path())?;
            return Ok(None);
        };
        if let Some(crate::entry::LongName::Increments(n) | crate::entry::LongName::Mirror(n)) =
            &entry.long_name
        {
            let long = self.long.remove(n).unwrap_or_default();
            self.increments.extend(long.iter().map(|i| i.place.clone()));
            increments.extend(long);
        }
        let place = self.undo.mirror(&entry);
        let (digest, link_to) = self.group_of(&entry, &place);
        let in_touched = self.passes_stranger(entry.path.as_path())?;
        if increments.is_empty() && !in_touched {
            if entry.is_dir() {
                self.nest.enter(path, None);
            }
            return Ok(None);
        }
        let shown = self.undo.repo.path_of(&place);
        let stat = self.undo.repo.root().find(place.as_bytes()).while_doing(Doing::Stat, &shown)?;
        if entry.is_dir() {
            self.enter_dir(entry, place, stat, !increments.is_empty())?;
            return Ok(None);
        }
        // Without an increment only attributes can have been changed (by API 201).
        if increments.is_empty() && stat.is_some_and(|s| attributes_agree(&entry, &s)) {
            return Ok(None);
        }
        if stat.is_some_and(|s| s.is_dir()) {
            remove_all(&*self.undo.disk, &place).while_doing(Doing::Remove, &shown)?;
        }
        Ok(Some(Touched { entry, place, stat, increments, digest, link_to }))
    }

    /// The digest of a file's group, and for a later name of it where the first is.
    fn group_of(&mut self, entry: &Entry, place: &StoredPath) -> (Option<Digest>, Option<StoredPath>) {
        let Some(file) = entry.file() else { return (None, None) };
        let Some(link) = file.link else { return (file.digest, None) };
        match self.links.get(&link.group()) {
            Some((first, digest)) => (*digest, Some(first.clone())),
            None => {
                self.links.insert(link.group(), (place.clone(), file.digest));
                (file.digest, None)
            }
        }
    }

    /// Is the path in a directory that was worked in? Then names before it in that directory that have no
    /// record go: temporary files, and new ones whose increment has a name of its own.
    fn passes_stranger(&mut self, path: RepoPath<'_>) -> Result<bool> {
        let undo = self.undo;
        let Some((at, Some(dir))) = self.nest.innermost() else { return Ok(false) };
        if path.parent() != Some(at.as_path()) {
            return Ok(false);
        }
        let known = path.name().unwrap_or_default();
        let mut strangers = Vec::new();
        while let Some(seen) = dir.names.next_if(|n| n.name[..] <= *known) {
            if seen.name != known {
                strangers.push(dir.place.listed(&seen.stored));
            }
        }
        self.restored += strangers.len() as u64;
        strangers.iter().try_for_each(|s| undo.remove_stranger(s))?;
        Ok(true)
    }

    fn enter_dir(
        &mut self,
        entry: Entry,
        place: StoredPath,
        stat: Option<Stat>,
        has_increment: bool,
    ) -> Result<()> {
        let undo = self.undo;
        let shown = undo.repo.path_of(&place);
        if !stat.is_some_and(|s| s.is_dir()) {
            if stat.is_some() {
                remove_all(&*undo.disk, &place).while_doing(Doing::Remove, &shown)?;
            }
            make_dirs(&*undo.disk, &place).while_doing(Doing::Create, &shown)?;
        }
        let path = entry.path.clone();
        if !has_increment {
            let agrees = stat.is_some_and(|s| s.is_dir() && attributes_agree(&entry, &s));
            if !agrees {
                self.dirs.push(entry);
            }
            self.nest.enter(path, None);
            return Ok(());
        }
        let mut names = match undo.repo.root().list(place.as_bytes()) {
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                let open = Applied { mode: Some(0o700), ..Applied::default() };
                undo.io(Doing::SetAttributes, &place, undo.disk.set_attributes(&place, &open))?;
                undo.repo.root().list(place.as_bytes())
            }
            other => other,
        }
        .while_doing(Doing::List, &shown)?;
        if path.is_root() {
            names.retain(|n| **n != *DATA.as_bytes());
        }
        let quoting = undo.repo.layout().quoting();
        let seen = |stored: Box<[u8]>| SeenName { name: quoting.unquote(&stored).into_owned(), stored };
        let mut names: Vec<SeenName> = names.into_iter().map(seen).collect();
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let names = names.into_iter().peekable();
        self.nest.enter(path, Some(OpenDir { place, entry: Some(entry), names }));
        Ok(())
    }

    fn leave(&mut self, dir: Option<OpenDir>) -> Result<()> {
        let Some(dir) = dir else { return Ok(()) };
        for seen in dir.names {
            self.undo.remove_stranger(&dir.place.listed(&seen.stored))?;
            self.restored += 1;
        }
        self.dirs.extend(dir.entry);
        Ok(())
    }

    /// A path that the failed session made.
    fn remove_new(&mut self, path: RepoPath<'_>) -> Result<()> {
        let place = self.undo.repo.layout().mirror(path, None);
        self.restored += 1;
        self.undo.remove_stranger(&place)
    }

    /// Leaves the last directories, and removes what the failed session made under numbers.
    fn leave_all(&mut self) -> Result<()> {
        while let Some((_, dir)) = self.nest.leave_at_end() {
            self.leave(dir)?;
        }
        for (number, increments) in std::mem::take(&mut self.long) {
            let is_new = increments.iter().all(|i| i.kind == IncrementKind::Missing);
            if is_new {
                self.undo.remove_stranger(&StoredPath::fixed(LONG_NAMES).listed(&number))?;
            }
            self.increments.extend(increments.into_iter().map(|i| i.place));
        }
        Ok(())
    }
}

impl Undo {
    fn remove_stranger(&self, place: &StoredPath) -> Result<()> {
        let removed = self.in_opened(place, || remove_all(&*self.disk, place));
        self.io(Doing::Remove, place, removed)
    }
}

fn same_kind(kind: &Kind, stat: &Stat) -> bool {
    match kind {
        Kind::File(_) => stat.kind == FileKind::Regular,
        Kind::Dir => stat.kind == FileKind::Directory,
        Kind::Symlink(_) => stat.kind == FileKind::Symlink,
        Kind::Fifo => stat.kind == FileKind::Fifo,
        Kind::Socket => stat.kind == FileKind::Socket,
        Kind::Device(d) => {
            let kind = if d.block { FileKind::BlockDevice } else { FileKind::CharDevice };
            stat.kind == kind && stat.rdev == (d.major, d.minor)
        }
    }
}

/// Do mirror and record agree in what a stat tells?
fn attributes_agree(entry: &Entry, stat: &Stat) -> bool {
    same_kind(&entry.kind, stat)
        && (matches!(entry.kind, Kind::Symlink(_)) || entry.attrs.mode == stat.mode)
        && (!matches!(entry.kind, Kind::File(_) | Kind::Dir) || entry.attrs.mtime == Some(stat.mtime.0))
        && entry.file().is_none_or(|f| f.size == stat.size)
}

/// The increments that hold the state of the good session, in path order. All of `increments` is looked
/// through: after a crash nothing else says for sure where there are some.
struct FailedIncrements<'r> {
    repo: &'r Repository,
    good: SessionTime,
    frames: Vec<Frame>,
    root: Option<Vec<Increment>>,
    long: BTreeMap<Vec<u8>, Vec<Increment>>,
}

/// What there is at one name in a directory of increments.
#[derive(Default)]
struct AtName {
    increments: Vec<Increment>,
    /// A directory of that name, as it is stored.
    subdir: Option<Box<[u8]>>,
}

struct Frame {
    dir: RepoPathBuf,
    stored: StoredPath,
    /// Names still to come, the last first.
    names: Vec<(Vec<u8>, AtName)>,
}

impl<'r> FailedIncrements<'r> {
    fn new(repo: &'r Repository, good: SessionTime) -> Result<Self> {
        let of_good = |dir: IncrementDir| -> BTreeMap<Vec<u8>, Vec<Increment>> {
            let keep = |mut found: Vec<Increment>| {
                found.retain(|i| i.time >= good && i.kind != IncrementKind::Data);
                found
            };
            dir.into_iter()
                .map(|(base, found)| (base, keep(found)))
                .filter(|(_, found)| !found.is_empty())
                .collect()
        };
        let mut data = of_good(repo.increments_in(&StoredPath::fixed(DATA))?);
        let long = of_good(repo.increments_in(&StoredPath::fixed(LONG_NAMES))?);
        let root = data.remove(&b"increments"[..]);
        Ok(Self { repo, good, frames: Vec::new(), root: Some(root.unwrap_or_default()), long })
    }

    fn enter(&mut self, dir: RepoPathBuf, stored: StoredPath) -> Result<()> {
        let root = self.repo.root();
        let shown = self.repo.path_of(&stored);
        let names = match root.list_kinds(stored.as_bytes()) {
            Err(e) if crate::tree::is_absent(&e) => return Ok(()),
            other => other.while_doing(Doing::List, shown)?,
        };
        let quoting = self.repo.layout().quoting();
        let mut found: BTreeMap<Vec<u8>, AtName> = BTreeMap::new();
        for (name, is_dir) in names {
            let unquoted = quoting.unquote(&name).into_owned();
            if is_dir {
                found.entry(unquoted).or_default().subdir = Some(name);
            } else if let Some(parsed) = crate::format::names::TimedName::parse(&unquoted)
                && parsed.time >= self.good
            {
                let increment = Increment {
                    time: parsed.time,
                    kind: parsed.kind,
                    gzipped: parsed.gzipped,
                    place: stored.listed(&name),
                };
                found.entry(parsed.base.to_vec()).or_default().increments.push(increment);
            }
        }
        let names = found.into_iter().rev().collect();
        self.frames.push(Frame { dir, stored, names });
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<AtIncrements>> {
        if let Some(root) = self.root.take() {
            self.enter(RepoPathBuf::default(), StoredPath::fixed(INCREMENTS))?;
            if !root.is_empty() {
                return Ok(Some((RepoPathBuf::default(), root)));
            }
        }
        while let Some(frame) = self.frames.last_mut() {
            let Some((name, AtName { increments, subdir })) = frame.names.pop() else {
                self.frames.pop();
                continue;
            };
            if crate::path::check_component(&name).is_err() {
                continue;
            }
            let path = frame.dir.as_path().join(&name);
            if let Some(subdir) = subdir {
                let stored = frame.stored.listed(&subdir);
                self.enter(path.clone(), stored)?;
            }
            if !increments.is_empty() {
                return Ok(Some((path, increments)));
            }
        }
        Ok(None)
    }
}

impl Iterator for FailedIncrements<'_> {
    type Item = Result<AtIncrements>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
