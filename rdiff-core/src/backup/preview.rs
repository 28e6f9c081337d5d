//! What a backup would do, without doing any of it.
//!
//! The plan is the one of [`super::backup`], and what it refuses is refused here too. Contents are only read
//! where size and time say nothing, and nothing is written.

use super::doubt::{gone, refuse_empty_source, source_gone, too_many_gone};
use super::left_out::NotTheRepository;
use super::options::Options;
use super::plan::{Action, Examine, LinkRole, Planned, Planner};
use super::stage::same_attributes;
use super::target::{not_a_directory, not_a_repository, refuse_other_quoting};
use super::{BackupRequest, session_time};
use crate::entry::{Entry, Kind};
use crate::error::{Doing, Error, IoContext, Problem, ProblemKind, Result};
use crate::format::names::TimeStyle;
use crate::format::quote::Quoting;
use crate::merge::merge_join;
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::layout::{DATA, Layout};
use crate::repo::metadata::{Detail, Recorded, Stream};
use crate::repo::put::{BUFFER, hash};
use crate::repo::{MirrorState, Repository};
use crate::time::{SessionTime, TimeSeparator};
use crate::tree::caps::NameLimits;
use crate::tree::source::{Source, SourceGuard};
use crate::tree::walk::{Filter, Walk};
use crate::tree::{FileKind, Root, means_source_gone};
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// What a backup would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Preview {
    /// The session that it would build on; nothing for a first one.
    pub previous: Option<SessionTime>,
    /// A session that failed, and would be undone first.
    pub regressed: Option<SessionTime>,
    /// Paths that the backup doesn't have yet.
    pub new: u64,
    /// Paths that are not what they were.
    pub changed: u64,
    /// Paths that are gone.
    pub deleted: u64,
    /// Paths that can't be read, and would stay as they were.
    pub problems: u64,
    /// Paths that are what they were.
    pub kept: u64,
    /// Bytes of the new and changed files.
    pub bytes: u64,
}

/// Finds out what [`super::backup`] would do. Each path that it would touch is told to the monitor.
///
/// ```
/// # use rdiff_core::monitor::Silent;
/// # use rdiff_core::tree::attrs::Names;
/// # use rdiff_core::tree::local::{LocalGuard, LocalSource};
/// # use rdiff_core::tree::walk::Everything;
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// # let tree = dir.path().join("tree");
/// use rdiff_core::backup::{BackupRequest, Preview, preview};
///
/// std::fs::write(tree.join("more"), "12345")?;
/// let source = LocalSource::open(&tree, Arc::new(Names::default()))?;
/// let guard = LocalGuard::new(&source)?;
/// let would: Preview =
///     preview(Arc::new(source), &guard, repo.path(), &BackupRequest::default(), Everything, &Silent)?;
/// assert_eq!((would.new, would.deleted), (1, 0)); // and the root changed
/// assert_eq!(repo.sessions()?.len(), 2); // nothing was written
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As the backup would end; but for what only writing shows.
pub fn preview(
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    target: &Path,
    request: &BackupRequest,
    filter: impl Filter + 'static,
    monitor: &dyn Monitor,
) -> Result<Preview> {
    Stop::watched(monitor, |stop| preview_until(stop, source, guard, target, request, filter, monitor))
}

fn preview_until(
    stop: &Stop,
    source: Arc<dyn Source>,
    guard: &dyn SourceGuard,
    target: &Path,
    request: &BackupRequest,
    filter: impl Filter + 'static,
    monitor: &dyn Monitor,
) -> Result<Preview> {
    let started = SystemTime::now();
    let now = session_time(request, started)?;
    let base = Base::find(target, request, now)?;
    let traits = source.traits();
    let readers = request.readers(&traits);
    let pool = Arc::new(Pool::new(readers));
    let (filter, _) = NotTheRepository::of(filter, base.id);
    let found = Walk::new(Arc::clone(&source), Arc::clone(&pool), filter);
    let old: Stream<Box<Recorded>> = match (&base.repo, base.previous) {
        (Some(repo), Some(t)) => {
            let records = repo.metadata_at(t, RepoPath::ROOT, Detail::All)?;
            Box::new(ahead(records, 256, 4))
        }
        _ => Box::new(std::iter::empty()),
    };
    let (found, old) = refuse_empty_source(found, old, &*source, request)?;
    let options = Options::of(request, started)?;
    let layout = match &base.repo {
        Some(repo) => repo.layout().clone(),
        None => {
            let times = TimeStyle { zone: request.zone.clone(), separator: TimeSeparator::Colon };
            let quoting = Quoting::parse(request.chars_to_quote.as_deref().unwrap_or_default(), b"");
            Layout::new(quoting, times, crate::tree::LONGEST_NAME)
        }
    };
    let mut planner = Planner::new(Arc::clone(&source), base.repo.clone(), base.previous, layout, options, 1);
    let planner = RefCell::new(&mut planner);
    let planned = merge_join(old, found.map(Ok))
        .filter_map(|pair| pair.and_then(|pair| planner.borrow_mut().plan(pair)).transpose());
    let look = Arc::new(Look {
        source: Arc::clone(&source),
        repo: base.repo.clone(),
        is_first: base.previous.is_none(),
        stop: stop.clone(),
    });
    let chunks = Chunks::new(planned, traits.batch, 4 << 20, Planned::weight);
    let results = pool.map_ordered(
        chunks,
        traits.window(readers),
        move |(chunk, error): (Vec<Planned>, Option<Error>)| {
            let seen = |planned: Planned| look.at(planned);
            (chunk.into_iter().map(seen).collect::<Vec<_>>(), error)
        },
    );
    let preview = Preview { previous: base.previous, regressed: base.regressed, ..Preview::default() };
    let mut tally = Tally { preview, held: None, untouched: Vec::new(), monitor };
    for (seen, error) in results {
        // What couldn't be read because of it is no problem of a path.
        if stop.is_set() {
            return Err(Error::Cancelled { at: None });
        }
        for seen in seen {
            tally.take(seen?);
        }
        if let Some(e) = error {
            return Err(e);
        }
        if stop.ask(monitor) {
            return Err(Error::Cancelled { at: None });
        }
    }
    guard.check().map_err(gone)?;
    let preview = tally.preview;
    let had = preview.kept + preview.changed + preview.deleted;
    too_many_gone(preview.deleted, had as f64, &*source, request)?;
    Ok(preview)
}

/// What the backup would build on.
struct Base {
    repo: Option<Arc<Repository>>,
    /// Device and inode of the target.
    id: Option<(u64, u64)>,
    previous: Option<SessionTime>,
    regressed: Option<SessionTime>,
}

impl Base {
    fn find(target: &Path, request: &BackupRequest, now: SessionTime) -> Result<Self> {
        let nothing = Self { repo: None, id: None, previous: None, regressed: None };
        match std::fs::metadata(target) {
            Ok(meta) if meta.is_dir() => {}
            Err(_) if target.symlink_metadata().is_err() => {
                let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                if !request.create_parents {
                    std::fs::metadata(parent).while_doing(Doing::Create, target)?;
                }
                return Ok(nothing);
            }
            _ if request.force => return Ok(nothing),
            _ => return Err(not_a_directory(target)),
        }
        let root = Arc::new(Root::open(target).while_doing(Doing::Open, target)?);
        let id = root.find(b"").while_doing(Doing::Stat, target)?.map(|s| (s.device, s.inode));
        let names = root.list(b"").while_doing(Doing::List, target)?;
        if !names.iter().any(|n| **n == *DATA.as_bytes()) {
            if !names.is_empty() && !request.force {
                return Err(not_a_repository(target));
            }
            return Ok(Self { id, ..nothing });
        }
        let separator = if request.compatible_times { TimeSeparator::Dash } else { TimeSeparator::Colon };
        let repo = Arc::new(Repository::in_root(root, request.zone.clone(), separator)?);
        if let Some(by) = repo.in_use_by()?.filter(|_| !request.force) {
            return Err(Error::Locked { repository: target.to_path_buf(), by });
        }
        let (previous, regressed) = match repo.state()? {
            MirrorState::Clean(at) => (Some(at), None),
            MirrorState::Interrupted { good, failed } => (Some(good), Some(failed)),
            MirrorState::Unfinished => (None, None),
        };
        if let Some(mirror) = previous {
            // What its file system takes can only be found by writing.
            refuse_other_quoting(&repo, request, NameLimits::default())?;
            if now <= mirror {
                return Err(Error::ClockBehind { repository: repo.path().to_path_buf(), now, mirror });
            }
        }
        Ok(Self { repo: Some(repo), id, previous, regressed })
    }
}

/// What was seen at a path.
struct Seen {
    path: RepoPathBuf,
    was_dir: bool,
    had: bool,
    what: What,
}

enum What {
    Kept,
    Gone,
    /// It is new or has changed; a file has so many bytes.
    Changed(u64),
    Held {
        problem: Option<Problem>,
        with_all_below: bool,
    },
}

/// Looks closer at what the plan leaves open.
struct Look {
    source: Arc<dyn Source>,
    repo: Option<Arc<Repository>>,
    is_first: bool,
    stop: Stop,
}

impl Look {
    fn at(&self, planned: Planned) -> Result<Seen> {
        let Planned { path, old, action } = planned;
        let was_dir = old.as_ref().is_some_and(|o| o.entry.is_dir());
        let what = match action {
            Action::Keep => What::Kept,
            Action::Remove => What::Gone,
            Action::Hold(problem) => What::Held { problem, with_all_below: false },
            Action::Examine(examine) => {
                let (size, is_dir) = (examine.new.size(), examine.stat.is_dir());
                match self.has_changed(*examine, old.as_deref()) {
                    Ok(true) => What::Changed(size),
                    Ok(false) => What::Kept,
                    Err(e) if means_source_gone(&e) => return Err(source_gone(&*self.source, &path, &e)),
                    Err(source) => {
                        let problem = Problem { kind: ProblemKind::List, path: path.clone(), source };
                        What::Held { problem: Some(problem), with_all_below: was_dir && !is_dir }
                    }
                }
            }
        };
        Ok(Seen { path, was_dir, had: old.is_some(), what })
    }

    fn has_changed(&self, examine: Examine, old: Option<&Recorded>) -> io::Result<bool> {
        let Examine { mut new, stat, role, looks_same, doubt_content, opened } = examine;
        let path = new.path.clone();
        let old = old.filter(|_| looks_same);
        if stat.kind != FileKind::Regular {
            if let Kind::Symlink(target) = &mut new.kind {
                *target = self.source.read_link(path.as_path())?;
            }
            match self.source.attributes(path.as_path(), &stat) {
                Ok(attributes) => (new.xattrs, new.acl) = attributes,
                // A new directory is taken without them.
                Err(e) if stat.is_dir() && old.is_none() && !means_source_gone(&e) => return Ok(true),
                Err(e) => return Err(e),
            }
            return Ok(old.is_none_or(|o| o.entry.kind != new.kind || !same_attributes(&o.entry, &new)));
        }
        if role == LinkRole::Later && self.is_first {
            return Ok(true);
        }
        let mut file = opened.unwrap_or_else(|| self.source.open(path.as_path()))?;
        let Some(old) = old else { return Ok(true) };
        (new.xattrs, new.acl) = file.attributes()?;
        if !same_attributes(&old.entry, &new) {
            return Ok(true);
        }
        if !doubt_content {
            return Ok(false);
        }
        let (found, _) = hash(&mut self.stop.over(path.as_path(), &mut *file), &mut vec![0; BUFFER])?;
        let recorded = old.entry.file().and_then(|f| f.digest);
        // Later names of a file are recorded without a digest.
        Ok(match recorded.map_or_else(|| self.mirror_digest(&old.entry), Some) {
            Some(digest) => digest != found,
            None => true,
        })
    }

    fn mirror_digest(&self, entry: &Entry) -> Option<crate::entry::Digest> {
        let repo = self.repo.as_ref()?;
        let place = repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let file = repo.root().open_file(place.as_bytes()).ok()?;
        hash(&mut self.stop.over(entry.path.as_path(), file), &mut vec![0; BUFFER])
            .ok()
            .map(|(digest, _)| digest)
    }
}

/// Adds up what was seen, in path order.
struct Tally<'a> {
    preview: Preview,
    /// All below this path stays as it was.
    held: Option<RepoPathBuf>,
    /// The directories on the way to the last path that are what they were, and in which nothing has changed yet.
    untouched: Vec<RepoPathBuf>,
    monitor: &'a dyn Monitor,
}

impl Tally<'_> {
    fn take(&mut self, seen: Seen) {
        let Seen { path, was_dir, had, what } = seen;
        let is_held = self.held.as_ref().is_some_and(|held| path.as_path().starts_with(held.as_path()));
        let bytes = if let What::Changed(bytes) = what { bytes } else { 0 };
        let done = match what {
            What::Gone if is_held => None,
            What::Kept => None,
            What::Gone => Some(PathDone::Removed),
            What::Changed(_) if had => Some(PathDone::Changed),
            What::Changed(_) => Some(PathDone::Added),
            What::Held { problem, with_all_below } => {
                if let Some(problem) = problem {
                    self.preview.problems += 1;
                    self.monitor.event(&Event::Problem(&problem));
                }
                if with_all_below && was_dir {
                    self.held = Some(path);
                    self.preview.kept += u64::from(had);
                    return;
                }
                None
            }
        };
        self.preview.bytes += bytes;
        self.monitor.count(Counter::BytesRead, bytes);
        self.monitor.count(Counter::Paths, 1);
        let count = match done {
            None if had => &mut self.preview.kept,
            None => return,
            Some(PathDone::Removed) => &mut self.preview.deleted,
            Some(PathDone::Changed) => &mut self.preview.changed,
            // As in the statistics: the target directory itself was there.
            Some(_) if path.is_root() => &mut self.preview.changed,
            Some(_) => &mut self.preview.new,
        };
        *count += 1;
        self.untouched.retain(|dir| path.as_path().starts_with(dir.as_path()));
        if done.is_none() && was_dir {
            self.untouched.push(path);
            return;
        }
        if let Some(what) = done {
            // In the statistics a directory counts as changed when something in it has.
            let touched = self.untouched.drain(..).count() as u64;
            self.preview.kept -= touched;
            self.preview.changed += touched;
            self.monitor.event(&Event::Path { path: path.as_path(), what });
        }
    }
}
