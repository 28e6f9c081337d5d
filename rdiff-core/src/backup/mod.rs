//! Backing up: plan -> stage (parallel) -> record and apply (serial) -> commit.
//!
//! The plan is cheap and decides path by path from record and stat. Staging reads the source and writes new
//! files and increments beside the mirror, on all cores. One thread takes the results in path order,
//! writes the records, and applies batches to the mirror behind barriers.
//!
//! | file | what is in it |
//! |---|---|
//! | `request` | what is asked for, and what is said at the end |
//! | `directory` | a local directory, in one call |
//! | `target` | the repository is opened, repaired or made |
//! | `last` | what the last session has, or that it can't be read |
//! | `left_out`, `doubt`, `forecast` | what of the source is not taken, not believed, and doesn't fit |
//! | `plan`, `early` | what is to be done with each path; from when on that is found out |
//! | `namesakes` | directories with names of increments |
//! | `options` | what of a request plan and stage look at |
//! | `shared` | what all workers share |
//! | `stage` | the work on one path: its content, and its increment |
//! | `record` | the files of the session: metadata, links, statistics |
//! | `apply` | the changes of the mirror |
//! | `preview` | all this without writing |

mod apply;
mod directory;
mod doubt;
mod early;
mod forecast;
mod last;
mod left_out;
mod namesakes;
mod options;
mod plan;
mod preview;
mod record;
mod request;
mod shared;
mod stage;
mod target;

use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::format::names::TimeStyle;
use crate::merge::merge_join;
use crate::monitor::{Event, Monitor, Stop};
use crate::pool::{Chunks, Pool};
use crate::repo::disk::{Disk, RealDisk};
use crate::repo::metadata::{Recorded, Stream};
use crate::repo::session::{Session, refuse_unwritable};
use crate::time::{SessionTime, TimeSeparator};
use crate::tree::attrs::{Names, Ownership};
use crate::tree::source::{Source, SourceGuard};
use crate::tree::walk::{Filter, Walk};
pub use directory::{backup_directory, refuse_own_source, select};
use doubt::refuse_empty_source;
use forecast::Forecast;
use last::last_records;
use left_out::NotTheRepository;
use namesakes::Namesakes;
use options::Options;
use plan::{Planned, Planner};
pub use preview::{Preview, preview};
use record::Recorder;
pub use request::{BackupReport, BackupRequest, NOT_COMPRESSED};
use shared::Shared;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use target::{Opened, last_size, next_long_name, open_repository, open_target, probe, take_back};

/// Backs up `source` to the repository at `target`, which is made if it isn't there.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::backup::{BackupRequest, backup};
/// # use rdiff_core::tree::attrs::Names;
/// # use rdiff_core::tree::local::{LocalGuard, LocalSource};
/// # use rdiff_core::tree::walk::Everything;
/// # use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// [`Error::Metadata`] when the last session's can't be read, and [`Error::SourceVanished`] when the source is empty, gone or has lost too much, with repository and
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
    let started = SystemTime::now();
    session_time(request, started)?;
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
    started: SystemTime,
) -> Result<BackupReport> {
    let opened = open_repository(&disk, request, monitor)?;
    let done = Stop::watched(monitor, |stop| {
        run(stop, source, guard, Arc::clone(&disk), &opened, request, filter, monitor, started)
    });
    if let Err(e) = &done
        && (matches!(e, Error::SourceVanished { .. } | Error::Metadata { .. }) || e.is_no_room())
    {
        take_back(&opened, &*disk, request, monitor);
    }
    done
}

/// Writes the session. All workers have ended when this returns.
#[expect(clippy::too_many_arguments, reason = "what a caller gave, and the repository opened for it")]
fn run(
    stop: &Stop,
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    disk: Arc<dyn Disk>,
    opened: &Opened,
    request: &BackupRequest,
    filter: impl Filter + 'static,
    monitor: &dyn Monitor,
    started: SystemTime,
) -> Result<BackupReport> {
    let Opened { repo, writer, files, previous, regressed } = opened;
    let previous = *previous;
    let root = Arc::clone(disk.root());
    let time = session_time(request, started)?;
    let repo_id = root.find(b"").while_doing(Doing::Stat, root.path())?.map(|s| (s.device, s.inode));
    let traits = source.traits();
    let readers = request.readers(&traits);
    let pool = Arc::new(Pool::new(readers));
    let (filter, left_out) = NotTheRepository::of(filter, repo_id);
    // Source and records are read ahead from here on.
    let mut found = Walk::new(Arc::clone(&source), Arc::clone(&pool), filter);
    found.begin();
    let kept = Arc::default();
    let (old, back): (Stream<Box<Recorded>>, _) = match previous {
        Some(t) => {
            let (old, back) = last_records(repo, files, t, &kept);
            (Box::new(old), Some(back))
        }
        None => (Box::new(std::iter::empty()), None),
    };
    opened.refuse_other_quoting(request)?;
    let caps = probe(&root, request)?;
    if request.never_drop_acls && !(caps.acls && source.traits().acls) {
        let (from, target) = (Some(source.name()), root.path().to_path_buf());
        return Err(Refusal::AclsNotKept { from, target }.into());
    }
    let mut options = Options::of(request, started)?;
    options.hard_links = request.hard_links && caps.hard_links;
    let ownership = Ownership::new(Arc::new(Names::default())).mapped(
        request.numeric_ids,
        &request.user_map,
        &request.group_map,
    );
    let next_long_name = next_long_name(repo)?;
    let (found, old) = refuse_empty_source(found, old, &*source, request)?;
    let mut planner = Planner::new(
        Arc::clone(&source),
        Some(Arc::clone(repo)),
        previous,
        repo.layout().clone(),
        options.clone(),
        next_long_name,
    );
    let planner = Mutex::new(&mut planner);
    let planned = merge_join(old, found.map(Ok))
        .filter_map(|pair| pair.and_then(|pair| lock(&planner).plan(pair)).transpose());
    // Once it has begun there is something to take back.
    if stop.ask(monitor) {
        return Err(Error::Cancelled { at: None });
    }
    let begin = || Session::begin(writer, Arc::clone(repo), time, previous);
    let (session, planned) = early::begin(begin, planned)?;
    monitor.event(&Event::SessionStarted { time, previous });
    let shared = Arc::new(Shared {
        source,
        session,
        disk,
        ownership,
        caps,
        options,
        helpers: pool.helpers(),
        stop: stop.clone(),
        namesakes: Namesakes::default(),
    });
    let mut recorder = Recorder::new(Arc::clone(&shared), Arc::clone(&pool), request, files, kept, monitor)?;
    let planned = Forecast::new(planned, &shared, last_size(repo, files, previous), request, monitor)?;
    // Directories of a first session are made as they are planned, for the workers to fill.
    let planned = planned.map(|p| p.and_then(|p| shared.make_directory_now(&p).map(|()| p)));
    let mut chunks = Chunks::new(planned, traits.batch, 4 << 20, Planned::weight);
    let chunks = std::iter::from_fn(|| {
        let chunk = chunks.next();
        if let Some(previous) = previous {
            shared.namesakes.note(chunk.as_ref().map(|(planned, _)| &planned[..]), previous);
        }
        chunk
    });
    let worker = Arc::clone(&shared);
    let results = pool.map_ordered(
        chunks,
        traits.window(readers),
        move |(chunk, error): (Vec<Planned>, Option<Error>)| (worker.stage_each(chunk), error),
    );
    let results = results.at_once_if(|(chunk, _)| chunk.iter().all(Planned::is_light));
    for (staged, error) in results {
        // What workers could not do because of it is no problem of a path.
        if stop.is_set() {
            return Err(Error::Cancelled { at: None });
        }
        let at = staged.last().map(|(planned, _)| planned.path.clone());
        let mut recorded = Vec::new();
        for (mut planned, outcome) in staged {
            recorder.take(&planned, outcome?)?;
            recorded.extend(planned.old.take());
        }
        if let Some(back) = &back {
            back.free(recorded);
        }
        if let Some(e) = error {
            return Err(e);
        }
        if stop.ask(monitor) {
            return Err(Error::Cancelled { at });
        }
    }
    recorder.check_source(guard, request)?;
    left_out.tell(monitor);
    let next_long_name = lock(&planner).next_long_name();
    let finished = recorder.finish(request, started, next_long_name)?;
    let Ok(shared) = Arc::try_unwrap(shared).map_err(|_| ()) else {
        // A worker that still holds it has nothing left to do.
        return Err(Error::Internal("a worker outlived its work"));
    };
    // The workers end while the disk is busy.
    pool.close();
    let session = shared.session.commit(&finished.replaced)?;
    finished.clean_up(&*shared.disk);
    Ok(BackupReport {
        session,
        previous,
        regressed: *regressed,
        statistics: finished.statistics,
        problems: finished.problems,
    })
}

/// The time of a session that begins now. One that can't stand in the names of its files is refused before anything is
/// changed.
fn session_time(request: &BackupRequest, started: SystemTime) -> Result<SessionTime> {
    let now = || started.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    let time = SessionTime(request.time.unwrap_or_else(now));
    let separator = if request.compatible_times { TimeSeparator::Dash } else { TimeSeparator::Colon };
    refuse_unwritable(time, &TimeStyle { zone: request.zone.clone(), separator })?;
    Ok(time)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
