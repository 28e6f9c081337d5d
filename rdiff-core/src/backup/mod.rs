//! Backing up: plan -> stage (parallel) -> record and apply (serial) -> commit.
//!
//! The plan is cheap and decides path by path from record and stat. Staging reads the source and writes new
//! files and increments beside the mirror, on all cores. One thread takes the results in path order,
//! writes the records, and applies batches to the mirror behind barriers.

mod apply;
mod directory;
mod forecast;
mod large;
mod plan;
mod preview;
mod stage;

use crate::entry::Entry;
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::format::stats::SessionStatistics;
use crate::merge::{AtPath, merge_join};
use crate::monitor::{Event, Monitor, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::disk::{Disk, RealDisk, remove_all};
use crate::repo::layout::{DATA, LONG_NAMES, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::metadata::{Recorded, Stream};
use crate::repo::session::Session;
use crate::repo::{MirrorState, Repository, read_small, state_of};
use crate::time::{SessionTime, TimeSeparator, Zone};
use crate::tree::attrs::{Mapping, Names, Ownership};
use crate::tree::caps::{Capabilities, NameLimits};
use crate::tree::source::{Source, SourceGuard};
use crate::tree::walk::{Filter, Found, Holds, Walk, Wanted, What};
use crate::tree::{Root, Stat};
use apply::Recorder;
pub use directory::{backup_directory, refuse_own_source, select};
use forecast::Forecast;
use plan::{Planned, Planner};
pub use preview::{Preview, preview};
use regex::bytes::Regex;
use stage::{Outcome, Tools};
use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How to back up.
///
/// ```
/// # use rdiff_core::backup::BackupRequest;
/// # use rdiff_core::tree::attrs::Mapping;
/// let request = BackupRequest {
///     time: Some(1_700_000_000), // seconds since 1970; None is now
///     create_parents: true,
///     user_map: Mapping::parse("ann:1000").unwrap_or_default(),
///     ..BackupRequest::default()
/// };
/// assert!(request.compression && request.durable);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct BackupRequest {
    /// The time of the session, in seconds since 1970; nothing for now.
    pub time: Option<i64>,
    /// Go ahead over a target that holds something else, and beside a process that seems to run.
    pub force: bool,
    /// Make the directories above the repository.
    pub create_parents: bool,
    /// Gzip increments.
    pub compression: bool,
    /// Increments of paths that this matches are not gzipped; nothing for the usual list of endings.
    pub not_compressed: Option<String>,
    /// Record which files are one.
    pub hard_links: bool,
    /// Is a file with several names another one when its inode's number is? Without it, only when it is so by its
    /// other attributes, its content, or the names that it shares it with.
    pub compare_inodes: bool,
    /// Record and set access control lists.
    pub acls: bool,
    /// Refuse to go on where access control lists can't be kept.
    pub never_drop_acls: bool,
    /// Record and set extended attributes.
    pub xattrs: bool,
    /// Write one line of statistics for each path.
    pub file_statistics: bool,
    /// End lines of file statistics and error log with NUL.
    pub null_separator: bool,
    /// Write times without colons.
    pub compatible_times: bool,
    /// Whose local time is written.
    pub zone: Zone,
    /// Which bytes of names are quoted, in a new repository; nothing for those that its file system needs.
    #[cfg_attr(feature = "serde", serde(with = "crate::path::wire::option"))]
    pub chars_to_quote: Option<Vec<u8>>,
    /// Owners in the mirror by number, whatever their names.
    pub numeric_ids: bool,
    /// Users to be replaced in the mirror.
    pub user_map: Mapping,
    /// Groups to be replaced in the mirror.
    pub group_map: Mapping,
    /// The part of the previous session's paths that may go at once, from 0 to 1. At least
    /// [`BackupRequest::FEW`] paths must go before this counts.
    pub most_deletions: f64,
    /// Believe it when the source is empty and the mirror is not.
    pub allow_empty_source: bool,
    /// Refuse a session that can't fit on the disk; without it, warn.
    pub check_space: bool,
    /// Make everything durable. Without it a power cut can cost the repository.
    pub durable: bool,
    /// Threads that read the source; 0 for what the source says is best.
    pub workers: usize,
}

impl BackupRequest {
    /// Fewer deletions than these are always believed.
    pub const FEW: u64 = 100;
}

impl Default for BackupRequest {
    fn default() -> Self {
        Self {
            time: None,
            force: false,
            create_parents: false,
            compression: true,
            not_compressed: None,
            hard_links: true,
            compare_inodes: true,
            acls: true,
            never_drop_acls: false,
            xattrs: true,
            file_statistics: true,
            null_separator: false,
            compatible_times: false,
            zone: Zone::system(),
            chars_to_quote: None,
            numeric_ids: false,
            user_map: Mapping::default(),
            group_map: Mapping::default(),
            most_deletions: 0.5,
            allow_empty_source: false,
            check_space: true,
            durable: true,
            workers: 0,
        }
    }
}

/// What a backup did.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::backup::{BackupReport, BackupRequest, backup_directory};
///
/// let request = BackupRequest { time: Some(1_700_172_800), ..BackupRequest::default() };
/// let report: BackupReport = backup_directory(&dir.path().join("tree"), repo.path(), &request, &[], &Silent)?;
/// assert_eq!(report.previous.map(|s| s.0), Some(1_700_086_400));
/// assert_eq!(report.problems, 0); // what could not be read kept its last version
/// assert_eq!(report.statistics.changed_files, 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BackupReport {
    /// The new session.
    pub session: SessionTime,
    /// The one before it.
    pub previous: Option<SessionTime>,
    /// A session that had failed, and was undone first.
    pub regressed: Option<SessionTime>,
    /// The totals.
    pub statistics: SessionStatistics,
    /// Paths that stayed as they were because the source could not be read, or changed meanwhile.
    pub problems: u64,
}

/// The endings of files that gain nothing by being gzipped.
pub const NOT_COMPRESSED: &str = r"(?i)\.(7z|aac|arj|asc|avi|bik|bz|bz2|deb|docx|flac|flv|gif|gpg|gz|jp2|jpeg|jpg|jsonlz4|lharc|lz4|lzh|lzma|lzo|m4a|m4v|mdf|mkv|mov|mozlz4|mp3|mp4|mpeg|mpg|oga|ogg|ogm|ogv|opus|pgp|pk3|png|rar|rm|rpm|rz|shn|tgz|tzst|vob|webm|webp|wma|wmv|xlsx|xz|z|zip|zoo|zst)$";

/// The settings that plan and stage look at.
#[derive(Clone)]
pub(in crate::backup) struct Options {
    hard_links: bool,
    compare_inodes: bool,
    compression: bool,
    not_compressed: Option<Regex>,
    /// A change time after this could be shared by a later edit.
    settled_before: (i64, u32),
}

/// What all workers share.
pub(in crate::backup) struct Shared {
    source: Arc<dyn Source>,
    session: Session,
    disk: Arc<dyn Disk>,
    ownership: Ownership,
    caps: Capabilities,
    options: Options,
    stop: Stop,
}

/// Backs up `source` to the repository at `target`, which is made if it isn't there.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::backup::{BackupRequest, backup};
/// # use rdiff_core::tree::attrs::Names;
/// # use rdiff_core::tree::local::{LocalGuard, LocalSource};
/// # use rdiff_core::tree::walk::Everything;
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// # let (tree, target) = (dir.path().join("tree"), dir.path().join("backup"));
/// # std::fs::create_dir(&tree)?;
/// # std::fs::write(tree.join("note"), "text")?;
/// let source = LocalSource::open(&tree, Arc::new(Names::default()))?;
/// let guard = LocalGuard::new(&source)?; // notices when the directory is replaced meanwhile
/// let report =
///     backup(Arc::new(source), &guard, &target, &BackupRequest::default(), Everything, &Silent)?;
/// assert_eq!((report.previous, report.problems), (None, 0));
/// assert!(target.join("note").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::SourceVanished`] when the source is empty, gone or has lost too much, with repository and
/// history as they were; [`Error::Locked`], [`Error::ClockBehind`], [`Error::Refused`], [`Error::Io`]. After
/// an error in the midst the repository is interrupted, and the next backup undoes it. Trouble with
/// single paths of the source is told to the monitor and counted; they keep their last good version.
pub fn backup(
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    target: &Path,
    request: &BackupRequest,
    filter: impl Filter + 'static,
    monitor: &dyn Monitor,
) -> Result<BackupReport> {
    let started = std::time::SystemTime::now();
    let root = open_target(target, request)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(Arc::clone(&root), request.durable));
    backup_on(source, guard, disk, request, filter, monitor, started)
}

/// [`backup`] with every change going through `disk`.
///
/// # Errors
/// As [`backup`].
pub(crate) fn backup_on(
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    disk: Arc<dyn Disk>,
    request: &BackupRequest,
    filter: impl Filter + 'static,
    monitor: &dyn Monitor,
    started: std::time::SystemTime,
) -> Result<BackupReport> {
    let opened = open_repository(&disk, request, monitor)?;
    let done = Stop::watched(monitor, |stop| {
        run(stop, source, guard, Arc::clone(&disk), &opened, request, filter, monitor, started)
    });
    if let Err(e) = &done
        && (matches!(e, Error::SourceVanished { .. }) || e.is_no_room())
    {
        take_back(&opened, &*disk, request, monitor);
    }
    done
}

/// Undoes what a session that can't go on has begun, so that it takes no room. Where that fails too, the
/// next backup does it.
fn take_back((repo, writer, ..): &Opened, disk: &dyn Disk, request: &BackupRequest, monitor: &dyn Monitor) {
    match repo.state() {
        Ok(MirrorState::Interrupted { .. }) => drop(crate::regress::undo_failed(writer, monitor)),
        Ok(MirrorState::Unfinished) => drop(clean_away(disk, true, request)),
        _ => {}
    }
}

/// Writes the session. All workers have ended when this returns.
#[expect(clippy::too_many_arguments, reason = "what a caller gave, and the repository opened for it")]
fn run(
    stop: &Stop,
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    disk: Arc<dyn Disk>,
    (repo, writer, previous, regressed): &Opened,
    request: &BackupRequest,
    filter: impl Filter + 'static,
    monitor: &dyn Monitor,
    started: std::time::SystemTime,
) -> Result<BackupReport> {
    let (previous, regressed) = (*previous, *regressed);
    let root = Arc::clone(disk.root());
    let now = started.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    let time = SessionTime(request.time.unwrap_or(now));
    let repo_id = root.find(b"").while_doing(Doing::Stat, root.path())?.map(|s| (s.device, s.inode));
    let caps = probe(&root, request)?;
    if request.never_drop_acls && !(caps.acls && source.traits().acls) {
        let (from, target) = (Some(source.name()), root.path().to_path_buf());
        return Err(Refusal::AclsNotKept { from, target }.into());
    }
    let mut options = options(request, &started)?;
    options.hard_links = request.hard_links && caps.hard_links;
    let mut ownership = Ownership::new(Arc::new(Names::default()));
    ownership.numeric = request.numeric_ids;
    ownership.user_map = request.user_map.clone();
    ownership.group_map = request.group_map.clone();
    let next_long_name = next_long_name(repo)?;
    let traits = source.traits();
    let readers = if request.workers == 0 { traits.readers } else { request.workers };
    let pool = Arc::new(Pool::new(readers));
    let left_out = LeftOut::default();
    let filter = NotTheRepository { inner: filter, repo: repo_id, left_out: Arc::clone(&left_out) };
    // Source and records are read ahead from here on, while the disk is busy with the marker.
    let found = Walk::new(Arc::clone(&source), Arc::clone(&pool), filter);
    let kept = Arc::default();
    let old: Stream<Recorded> = match previous {
        Some(t) => Box::new(ahead(repo.metadata_keeping(t, &kept)?, 256, 4)),
        None => Box::new(std::iter::empty()),
    };
    let (found, old) = refuse_empty_source(found, old, &*source, request)?;
    let session = Session::begin(writer, Arc::clone(repo), time, previous)?;
    monitor.event(&Event::SessionStarted { time, previous });
    let shared = Arc::new(Shared {
        source: Arc::clone(&source),
        session,
        disk,
        ownership,
        caps,
        options: options.clone(),
        stop: stop.clone(),
    });
    let mut planner = Planner::new(source, previous, repo.layout().clone(), options, next_long_name);
    let shared_planner = RefCell::new(&mut planner);
    let mut recorder = Recorder::new(Arc::clone(&shared), Arc::clone(&pool), request, kept, monitor)?;
    let planned = merge_join(old, found.map(Ok)).filter_map(|pair| {
        pair.and_then(|pair| {
            let planned = shared_planner.borrow_mut().plan(pair)?;
            Ok(planned)
        })
        .transpose()
    });
    let planned = Forecast::new(planned, &shared, last_size(repo, previous), request, monitor)?;
    // Directories of a first session are made as they are planned, for the workers to fill.
    let planned = planned.map(|p| p.and_then(|p| shared.make_directory_now(&p).map(|()| p)));
    let chunks = Chunks::new(planned, traits.batch, 4 << 20, Planned::weight);
    let run = Arc::clone(&shared);
    let results = pool.map_ordered(
        chunks,
        traits.window(readers),
        move |(mut chunk, error): (Vec<Planned>, Option<Error>)| {
            let mut tools = Tools::default();
            // Opened one by one as they are come to, but for sources that gain by knowing the next ones.
            let to_open = chunk.iter_mut().filter_map(|planned| run.to_open(planned));
            let paths: Vec<_> = to_open.map(|examine| examine.new.path.clone()).collect();
            let paths: Vec<_> = paths.iter().map(RepoPathBuf::as_path).collect();
            let mut files = run.source.open_each(&paths);
            let staged: Vec<(Planned, Result<Outcome>)> = chunk
                .into_iter()
                .map(|mut planned| {
                    if let Some(examine) = run.to_open(&mut planned) {
                        examine.opened = files.next();
                    }
                    let outcome = run.stage(&mut planned, &mut tools);
                    (planned, outcome)
                })
                .collect();
            (staged, error)
        },
    );
    for (staged, error) in results {
        // What workers could not do because of it is no problem of a path.
        if stop.is_set() {
            return Err(Error::Cancelled);
        }
        for (planned, outcome) in staged {
            recorder.take(planned, outcome?)?;
        }
        if let Some(e) = error {
            return Err(e);
        }
        if stop.ask(monitor) {
            return Err(Error::Cancelled);
        }
    }
    recorder.check_source(guard, request)?;
    for path in std::mem::take(&mut *left_out.lock().unwrap_or_else(PoisonError::into_inner)) {
        monitor.event(&Event::Note(&format!("left out {path}: it is the repository itself")));
    }
    let next_long_name = shared_planner.borrow().next_long_name();
    let finished = recorder.finish(request, started, next_long_name)?;
    let Ok(shared) = Arc::try_unwrap(shared).map_err(|_| ()) else {
        // A worker that still holds it has nothing left to do.
        return Err(Error::Internal("a worker outlived its work"));
    };
    let session = shared.session.commit(&finished.replaced)?;
    finished.clean_up(&*shared.disk, repo);
    Ok(BackupReport {
        session,
        previous,
        regressed,
        statistics: finished.statistics,
        problems: finished.problems,
    })
}

/// Says that the source, or what matters of it, can't be read any more.
pub(in crate::backup) fn source_gone(source: &dyn Source, path: &RepoPathBuf, e: &std::io::Error) -> Error {
    plan::gone(format!("the source {} is gone: {path} gives \"{e}\"", source.name()))
}

fn options(request: &BackupRequest, started: &std::time::SystemTime) -> Result<Options> {
    let pattern = request.not_compressed.as_deref().unwrap_or(NOT_COMPRESSED);
    let not_compressed = Regex::new(pattern)
        .map_err(|e| Refusal::BadPattern { pattern: pattern.to_owned(), source: e.into() })?;
    // The clock of change times advances in ticks of up to 10 ms; leave it some of them.
    let settled = *started - std::time::Duration::from_millis(50);
    let settled = settled.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Options {
        hard_links: request.hard_links,
        compare_inodes: request.compare_inodes,
        compression: request.compression,
        not_compressed: Some(not_compressed),
        settled_before: (settled.as_secs() as i64, settled.subsec_nanos()),
    })
}

/// Opens the target directory, making it if it isn't there.
fn open_target(target: &Path, request: &BackupRequest) -> Result<Arc<Root>> {
    use std::os::unix::fs::DirBuilderExt;
    let is_dir = match std::fs::metadata(target) {
        Ok(meta) => meta.is_dir(),
        Err(_) if target.symlink_metadata().is_ok() => false,
        Err(_) => {
            let mut builder = std::fs::DirBuilder::new();
            builder.mode(0o700).recursive(request.create_parents);
            match builder.create(target) {
                // Another process was quicker.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => target.is_dir(),
                made => made.while_doing(Doing::Create, target).map(|()| true)?,
            }
        }
    };
    if !is_dir && !request.force {
        return Err(not_a_directory(target));
    }
    if !is_dir {
        std::fs::remove_file(target).while_doing(Doing::Remove, target)?;
        std::fs::DirBuilder::new().mode(0o700).create(target).while_doing(Doing::Create, target)?;
    }
    let root = Root::open(target).while_doing(Doing::Open, target)?;
    Ok(Arc::new(root))
}

fn not_a_directory(target: &Path) -> Error {
    Refusal::TargetNotADirectory { path: target.to_path_buf() }.into()
}

fn not_a_repository(target: &Path) -> Error {
    Refusal::TargetNotARepository { path: target.to_path_buf() }.into()
}

/// Have more paths gone than can be meant?
fn too_many_gone(removed: u64, had: f64, source: &dyn Source, request: &BackupRequest) -> Result<()> {
    if removed < BackupRequest::FEW || removed as f64 <= had * request.most_deletions {
        return Ok(());
    }
    Err(Error::SourceVanished {
        what: format!("{removed} of {had:.0} paths are gone from the source {}", source.name()),
        way_out: Some("if that is meant, call with --max-deletions 100%".to_owned()),
    })
}

type Opened = (Arc<Repository>, Writer, Option<SessionTime>, Option<SessionTime>);

/// Opens, repairs or makes the repository, and takes its lock.
fn open_repository(disk: &Arc<dyn Disk>, request: &BackupRequest, monitor: &dyn Monitor) -> Result<Opened> {
    let root = disk.root();
    let shown = root.path();
    let separator = if request.compatible_times { TimeSeparator::Dash } else { TimeSeparator::Colon };
    let names = root.list(b"").while_doing(Doing::List, shown)?;
    let mut has_data = names.iter().any(|n| **n == *DATA.as_bytes());
    if !has_data && !names.is_empty() && !request.force {
        return Err(not_a_repository(shown));
    }
    let data = StoredPath::fixed(DATA);
    if !has_data {
        // Durable before anything beside it: without it, what a power cut leaves looks like somebody else's.
        let made = match disk.mkdir(&data) {
            // Another process was quicker; which of them goes on, the lock decides.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                has_data = true;
                Ok(())
            }
            made => made.and_then(|()| disk.sync(&StoredPath::root())),
        };
        made.while_doing(Doing::Create, root.path_of(data.as_bytes()))?;
    }
    let open = || Repository::in_root(Arc::clone(root), request.zone.clone(), separator).map(Arc::new);
    let mut repo = open()?;
    let has_sessions = repo.state()? != MirrorState::Unfinished;
    let writer = Writer::with_disk(Arc::clone(&repo), Arc::clone(disk), has_sessions, request.force)?;
    // Only now: who had the lock may have ended a session just before.
    let files = repo.data_files()?;
    let state = state_of(&files, shown)?;
    if !has_sessions && state != MirrorState::Unfinished {
        // It wrote how names are quoted, and `lock.yml` can be locked now.
        drop(writer);
        return open_repository(disk, request, monitor);
    }
    let (previous, regressed) = match state {
        MirrorState::Clean(at) => (Some(at), None),
        MirrorState::Interrupted { good, failed } => {
            monitor
                .event(&Event::Warning("Previous backup seems to have failed, regressing destination now"));
            crate::regress::undo_failed(&writer, monitor)?;
            (Some(good), Some(failed))
        }
        MirrorState::Unfinished => {
            if let Some(marker) = unreadable_marker(&repo)? {
                return Err(Refusal::UnreadableMarker { marker: repo.path_of(&marker) }.into());
            }
            let sessions = files.iter().filter(|f| f.base == b"mirror_metadata").count();
            if sessions > 1 || files.iter().any(|f| f.base == b"increments") {
                return Err(Refusal::NoMarker { repository: shown.to_path_buf(), sessions }.into());
            }
            clean_away(&**disk, has_data, request)?;
            (None, None)
        }
    };
    let limits =
        NameLimits::probe(root, DATA.as_bytes()).while_doing(Doing::Create, root.path_of(DATA.as_bytes()))?;
    if previous.is_none() {
        write_quoting(&**disk, request, limits)?;
        repo = open()?;
    } else {
        refuse_other_quoting(&repo, request, limits)?;
    }
    Ok((repo, writer, previous, regressed))
}

/// A marker that a file system, or somebody, gave another name. Nothing may be cleaned away because of it.
fn unreadable_marker(repo: &Repository) -> Result<Option<StoredPath>> {
    let dir = StoredPath::fixed(DATA);
    let names = repo.root().list(dir.as_bytes()).while_doing(Doing::List, repo.path_of(&dir))?;
    Ok(names.iter().find(|n| n.to_ascii_lowercase().starts_with(b"current_mirror")).map(|n| dir.listed(n)))
}

/// Removes what an unfinished first session, or with force something else, left in the target.
fn clean_away(disk: &dyn Disk, was_repository: bool, request: &BackupRequest) -> Result<()> {
    let root = disk.root();
    for dir in [StoredPath::root(), StoredPath::fixed(DATA)] {
        for name in root.list(dir.as_bytes()).while_doing(Doing::List, root.path_of(dir.as_bytes()))? {
            let place = dir.listed(&name);
            let is_log = name.ends_with(b".log");
            let keep = place.as_bytes() == DATA.as_bytes()
                || (dir.as_bytes() == DATA.as_bytes() && (is_log || *name == *b"lock.yml"));
            if !keep && (was_repository || request.force) {
                remove_all(disk, &place).while_doing(Doing::Remove, root.path_of(place.as_bytes()))?;
            }
        }
    }
    Ok(())
}

/// How names are quoted can't change: all of the mirror would have to be renamed.
fn refuse_other_quoting(repo: &Repository, request: &BackupRequest, limits: NameLimits) -> Result<()> {
    let place = StoredPath::fixed(DATA).listed(b"chars_to_quote");
    let stored = read_small(repo.root(), &place)?.unwrap_or_default();
    let Some(wanted) = &request.chars_to_quote else {
        if limits.are_met_by(repo.layout().quoting()) {
            return Ok(());
        }
        return Err(Refusal::NamesNotTaken { repository: repo.path().to_path_buf(), stored }.into());
    };
    if stored == *wanted {
        return Ok(());
    }
    let (repository, wanted) = (repo.path().to_path_buf(), wanted.clone());
    Err(Refusal::OtherQuoting { repository, stored, wanted }.into())
}

/// Writes how names are quoted in a new repository. This never changes later.
fn write_quoting(disk: &dyn Disk, request: &BackupRequest, limits: NameLimits) -> Result<()> {
    let chars = request.chars_to_quote.clone().unwrap_or_else(|| limits.chars_to_quote());
    let special = limits.special_escapes();
    for (name, content) in [("chars_to_quote", &chars[..]), ("special_escapes", special.as_bytes())] {
        let place = StoredPath::fixed(DATA).listed(name.as_bytes());
        let shown = disk.root().path_of(place.as_bytes());
        let mut file = disk.create(&place).while_doing(Doing::Create, &shown)?;
        if !content.is_empty() {
            file.write_all(content).while_doing(Doing::Write, shown)?;
        }
    }
    Ok(())
}

/// What the file system of the repository can hold, less what isn't wanted.
fn probe(root: &Root, request: &BackupRequest) -> Result<Capabilities> {
    let caps = Capabilities::probe(root, DATA.as_bytes())
        .while_doing(Doing::Create, root.path_of(DATA.as_bytes()))?;
    Ok(Capabilities { acls: caps.acls && request.acls, xattrs: caps.xattrs && request.xattrs, ..caps })
}

/// The size of all files in the last session, if it tells.
fn last_size(repo: &Repository, last: Option<SessionTime>) -> Option<u64> {
    let files = repo.data_files().ok()?;
    let of_last = files.iter().find(|f| f.base == b"session_statistics" && Some(f.time) == last)?;
    let text = read_small(repo.root(), &of_last.place).ok()??;
    let statistics = SessionStatistics::parse(&String::from_utf8_lossy(&text)).ok()?;
    Some(statistics.source_file_size as u64)
}

/// The first number that no file in `long_filename_data` has.
fn next_long_name(repo: &Repository) -> Result<u64> {
    let dir = StoredPath::fixed(LONG_NAMES);
    let names = match repo.root().list(dir.as_bytes()) {
        Err(e) if crate::tree::is_absent(&e) => return Ok(1),
        other => other.while_doing(Doing::List, repo.path_of(&dir))?,
    };
    let leading = |name: &[u8]| -> Option<u64> {
        let digits = name.iter().take_while(|b| b.is_ascii_digit()).count();
        std::str::from_utf8(&name[..digits]).ok()?.parse().ok()
    };
    let used = names.iter().filter_map(|n| leading(n)).max().unwrap_or(0);
    let free = read_small(repo.root(), &dir.listed(b"next_free"))?.unwrap_or_default();
    let free = String::from_utf8_lossy(&free).trim().parse().unwrap_or(1u64);
    Ok(free.max(used + 1))
}

type Streams<F> = (std::iter::Chain<std::vec::IntoIter<Found>, Walk<F>>, Stream<Recorded>);

/// Looks at the first entries of both sides: an empty source over a mirror that isn't can't be meant.
fn refuse_empty_source<F: Filter>(
    mut found: Walk<F>,
    mut old: Stream<Recorded>,
    source: &dyn Source,
    request: &BackupRequest,
) -> Result<Streams<F>> {
    let first: Vec<Found> = found.by_ref().take(2).collect();
    let first_old: Vec<Result<Recorded>> = old.by_ref().take(2).collect();
    let only_root = first.iter().filter(|f| matches!(f.what, What::Here(_))).count() <= 1
        && first.iter().all(|f| f.path.is_root());
    let readable = first.iter().all(|f| matches!(f.what, What::Here(_)));
    let old_has_more = first_old.iter().any(|r| r.as_ref().is_ok_and(|r| !r.path().is_root()));
    if only_root && readable && old_has_more && !request.allow_empty_source {
        return Err(Error::SourceVanished {
            what: format!(
                "the source {} is empty and the backup is not (is something not mounted?)",
                source.name()
            ),
            way_out: Some("if it is meant to be empty, call with --allow-empty-source".to_owned()),
        });
    }
    Ok((first.into_iter().chain(found), Box::new(first_old.into_iter().chain(old))))
}

/// Where the repository was met in its own source.
type LeftOut = Arc<Mutex<Vec<RepoPathBuf>>>;

/// Leaves the repository itself out of its source, and what bears the name of its data at the root.
struct NotTheRepository<F> {
    inner: F,
    repo: Option<(u64, u64)>,
    left_out: LeftOut,
}

impl<F: Filter> Filter for NotTheRepository<F> {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        let is_repo = stat.is_dir() && self.repo == Some((stat.device, stat.inode));
        if is_repo {
            self.left_out.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        }
        if is_repo || path.as_bytes() == DATA.as_bytes() {
            return Wanted::No;
        }
        self.inner.wants(path, stat, holds)
    }
}

impl Shared {
    /// Makes a directory of a first session.
    fn make_directory_now(&self, planned: &Planned) -> Result<()> {
        let plan::Action::Examine(examine) = &planned.action else { return Ok(()) };
        if self.session.previous().is_some() || !examine.new.is_dir() || planned.path.is_root() {
            return Ok(());
        }
        let place = self.mirror(&examine.new);
        self.make_directory(&place)
    }

    fn make_directory(&self, place: &StoredPath) -> Result<()> {
        let made = match self.disk.mkdir(place) {
            Err(e) if crate::tree::is_absent(&e) => crate::repo::disk::make_dirs(&*self.disk, place),
            other => other,
        };
        self.session.io(Doing::Create, place, made)
    }

    fn set_mirror_attributes(&self, entry: &Entry) -> Result<()> {
        let place = self.mirror(entry);
        self.session.io(
            Doing::SetAttributes,
            &place,
            self.disk.set_attributes(&place, &self.for_mirror(entry)),
        )
    }
}
