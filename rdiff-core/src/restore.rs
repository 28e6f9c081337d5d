//! Restoring: the tree, a part of it, or one file, as it was at a session.
//!
//! The plan makes directories as it meets them, workers rebuild files, and what depends on order (hard
//! links, the attributes of directories) is done as their results come back in path order.

mod preview;

pub use preview::preview;

use crate::entry::{Digest, Entry, Kind};
use crate::error::{Doing, Error, IoContext, Problem, ProblemKind, Result};
use crate::merge::{AtPath, Pair, merge_join};
use crate::monitor::{Counter, Event, Monitor, PathDone};
use crate::nest::Nest;
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::disk::{Disk, RealDisk, remove_all};
use crate::repo::increments::{Base, Chain, Increments, MOST_WAYS};
use crate::repo::layout::StoredPath;
use crate::repo::metadata::{Detail, Recorded, Stream};
use crate::repo::put::{BUFFER, CopyError, Hasher, copy_sparse, make_special, read_full};
use crate::repo::{MirrorState, Repository};
use crate::time::{SessionTime, TimeSpec};
use crate::tree::attrs::{Mapping, Names, Ownership};
use crate::tree::caps::Capabilities;
use crate::tree::local::LocalSource;
use crate::tree::source::Source;
use crate::tree::walk::{Filter, Found, Walk, Wanted, What};
use crate::tree::{FileKind, Root, Stat};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What to restore, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct RestoreRequest {
    /// The session: the newest that is not later.
    pub at: TimeSpec,
    /// What of it; the root for all.
    pub subtree: RepoPathBuf,
    /// May the target exist and hold something? What isn't in the session is then removed from it.
    pub overwrite: bool,
    /// Make the directories above the target.
    pub create_parents: bool,
    /// Owners by number, whatever their names.
    pub numeric_ids: bool,
    /// Users to be replaced.
    pub user_map: Mapping,
    /// Groups to be replaced.
    pub group_map: Mapping,
    /// Make files that were one become one again.
    pub hard_links: bool,
    /// Set access control lists.
    pub acls: bool,
    /// Refuse to go on where a line of an access control list can't be set.
    pub never_drop_acls: bool,
    /// Set extended attributes.
    pub xattrs: bool,
    /// Return only when everything is durable.
    pub durable: bool,
    /// Threads that rebuild files; 0 for as many as there are cores.
    pub workers: usize,
}

impl RestoreRequest {
    /// All of a session, into a place that is empty or not there.
    pub fn new(at: impl Into<TimeSpec>) -> Self {
        Self {
            at: at.into(),
            subtree: RepoPathBuf::default(),
            overwrite: false,
            create_parents: false,
            numeric_ids: false,
            user_map: Mapping::default(),
            group_map: Mapping::default(),
            hard_links: true,
            acls: true,
            never_drop_acls: false,
            xattrs: true,
            durable: true,
            workers: 0,
        }
    }
}

impl Default for RestoreRequest {
    /// All of the newest session, into a place that is empty or not there.
    fn default() -> Self {
        Self::new(TimeSpec::default())
    }
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RestoreReport {
    /// Paths that were made or set right.
    pub restored: u64,
    /// Of those, files whose content was already there.
    pub unchanged: u64,
    /// Paths that were in the target and not in the session.
    pub removed: u64,
    /// Paths that could not be restored as they were.
    pub problems: u64,
}

/// Restores a session, or a part of one, to `target`. `filter` leaves paths out, on both sides.
///
/// # Errors
/// [`Error::NoSuchPath`] if the part wasn't there; [`Error::Refused`] if the target is in use or can't be
/// written; [`Error::Corrupt`], [`Error::Io`]. Trouble with single paths is told to the monitor and counted.
pub fn restore(
    repo: &Arc<Repository>,
    target: &Path,
    request: &RestoreRequest,
    filter: impl Filter + Clone + 'static,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let at = repo.session_at(request.at)?;
    let mut entries = repo.metadata_at(at, request.subtree.as_path(), Detail::All)?.peekable();
    let first = match entries.peek() {
        Some(Ok(first)) if first.path() == request.subtree.as_path() => first.entry.clone(),
        Some(Err(_)) => return Err(entries.next().and_then(Result::err).unwrap_or(Error::Cancelled)),
        _ => return Err(Error::NoSuchPath { path: request.subtree.clone(), at }),
    };
    let target = Target::prepare(target, &first, request)?;
    let workers = match request.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let pool = Arc::new(Pool::new(workers));
    let names = Arc::new(Names::default());
    refuse_without_acls(&target.root, &names, request)?;
    let disk = RealDisk::new(Arc::clone(&target.root), request.durable);
    let refused = disk.refused();
    let disk: Arc<dyn Disk> = Arc::new(if target.is_empty { disk } else { disk.over_existing() });
    let found = target.walk(&pool, &names, &request.subtree, filter.clone())?;
    let mut ownership = Ownership::new(names);
    ownership.numeric = request.numeric_ids;
    ownership.user_map = request.user_map.clone();
    ownership.group_map = request.group_map.clone();
    let interrupted = match repo.state()? {
        MirrorState::Interrupted { good, .. } => Some(good),
        _ => None,
    };
    let worker = Worker {
        repo: Arc::clone(repo),
        disk: Arc::clone(&disk),
        ownership,
        caps: Capabilities { acls: request.acls, xattrs: request.xattrs, ..Capabilities::full() },
        at,
        interrupted,
        never_drop_acls: request.never_drop_acls,
    };
    let worker = Arc::new(worker);
    let newest = if interrupted.is_none() { repo.sessions()?.last().copied() } else { None };
    let mut planner = Planner {
        increments: Increments::new(repo),
        newest,
        repo,
        disk: Arc::clone(&disk),
        target: &target,
        at,
        subtree: request.subtree.as_path(),
        hard_links: request.hard_links,
        links: HashMap::new(),
        gone: None,
        removed: 0,
    };
    let entries = Filtered::new(ahead(entries, 256, 4), filter, request.subtree.clone());
    let pairs = merge_join(entries, found);
    let planner = RefCell::new(&mut planner);
    let jobs = pairs.filter_map(|pair| pair.and_then(|p| planner.borrow_mut().plan(p)).transpose());
    let chunks = Chunks::new(jobs, 64, 4 << 20, Job::weight);
    let run = Arc::clone(&worker);
    let results = pool.map_ordered(chunks, 2 * workers, move |(jobs, error): (Vec<Job>, Option<Error>)| {
        let mut tools = Tools::default();
        (jobs.into_iter().map(|job| run.run(job, &mut tools)).collect::<Vec<_>>(), error)
    });
    let mut finisher = Finisher {
        worker: &worker,
        monitor,
        report: RestoreReport::default(),
        nest: Nest::default(),
        dropped: HashSet::new(),
        copied_links: 0,
    };
    for (done, error) in results {
        for done in done {
            finisher.finish(done?)?;
        }
        if let Some(e) = error {
            return Err(e);
        }
        if monitor.cancelled() {
            return Err(Error::Cancelled);
        }
    }
    finisher.end()?;
    let synced = match &first.kind {
        // Not all that others have written to the file system since.
        Kind::File(_) if finisher.report.restored == 1 => {
            let place = StoredPath::in_target(&target.prefix, RepoPath::ROOT);
            // A file that may not be read can't be synced alone.
            disk.sync(&place).and_then(|()| disk.sync(&StoredPath::root())).or_else(|_| disk.barrier())
        }
        _ => disk.barrier(),
    };
    synced.while_doing(Doing::Sync, target.root.path())?;
    let untaken = [
        (refused.owners(), "owners", ""),
        (refused.modes(), "permissions", ""),
        (finisher.copied_links, "hard links", ", which are copies now"),
    ];
    for (paths, what, then) in untaken.into_iter().filter(|(paths, ..)| *paths > 0) {
        let shown = target.root.path().display();
        let text = format!("the file system of {shown} did not take the {what} of {paths} paths{then}");
        monitor.event(&Event::Warning(&text));
    }
    let removed = planner.borrow().removed;
    Ok(RestoreReport { removed, ..finisher.report })
}

/// Where to restore to.
struct Target {
    root: Arc<Root>,
    /// The name in `root`, where the target isn't a directory.
    prefix: Vec<u8>,
    is_empty: bool,
}

impl Target {
    /// Checks and makes what there must be, and opens it.
    fn prepare(path: &Path, first: &Entry, request: &RestoreRequest) -> Result<Self> {
        use std::os::unix::ffi::OsStrExt;
        let stat = std::fs::symlink_metadata(path).ok();
        let parent = match path.parent() {
            Some(p) if p.as_os_str().is_empty() => Path::new("."),
            Some(p) => p,
            None => path,
        };
        if request.create_parents {
            use std::os::unix::fs::DirBuilderExt;
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(parent).while_doing(Doing::Create, parent)?;
        }
        let in_the_way = || in_the_way(path);
        let open = |path: &Path| -> Result<Arc<Root>> {
            let root = Root::open(path).while_doing(Doing::Open, path)?;
            refuse_read_only(&root)?;
            Ok(Arc::new(root))
        };
        let remove = |path: &Path| -> Result<()> {
            let root = open(parent)?;
            let name = path.file_name().ok_or_else(in_the_way)?;
            let disk = RealDisk::new(root, false);
            remove_all(&disk, &StoredPath::root().listed(name.as_bytes())).while_doing(Doing::Remove, path)
        };
        if !first.is_dir() {
            if stat.is_some() {
                // An empty directory that was made for what is restored gives way to it.
                let gave_way = std::fs::remove_dir(path).is_ok();
                if !gave_way && !request.overwrite {
                    return Err(in_the_way());
                }
                if !gave_way {
                    remove(path)?;
                }
            }
            let name = path.file_name().ok_or_else(in_the_way)?;
            return Ok(Self { root: open(parent)?, prefix: name.as_bytes().to_vec(), is_empty: true });
        }
        let is_dir = std::fs::metadata(path).is_ok_and(|m| m.is_dir());
        if stat.is_some() && !is_dir {
            if !request.overwrite {
                return Err(is_not_a_directory(path));
            }
            remove(path)?;
        }
        if !is_dir {
            refuse_read_only(&*open(parent)?)?;
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().mode(0o700).create(path).while_doing(Doing::Create, path)?;
        }
        let root = open(path)?;
        let is_empty = root.list(b"").while_doing(Doing::List, path)?.is_empty();
        if !is_empty && !request.overwrite {
            return Err(is_not_empty(path));
        }
        Ok(Self { root, prefix: Vec::new(), is_empty })
    }

    /// What is in the target already, under the paths of the session.
    fn walk(
        &self,
        pool: &Arc<Pool>,
        names: &Arc<Names>,
        subtree: &RepoPathBuf,
        filter: impl Filter + 'static,
    ) -> Result<Stream<Found>> {
        if self.is_empty {
            return Ok(Box::new(std::iter::empty()));
        }
        walk(&self.root, pool, names, subtree, filter)
    }
}

/// What is in a directory, under the paths of the session.
fn walk(
    root: &Root,
    pool: &Arc<Pool>,
    names: &Arc<Names>,
    subtree: &RepoPathBuf,
    filter: impl Filter + 'static,
) -> Result<Stream<Found>> {
    let source = LocalSource::open(root.path(), Arc::clone(names)).while_doing(Doing::Open, root.path())?;
    let subtree = subtree.clone();
    let walk = Walk::new(Arc::new(source), Arc::clone(pool), filter);
    Ok(Box::new(walk.map(move |found| {
        let path = if found.path.is_root() {
            subtree.clone()
        } else {
            subtree.as_path().join(found.path.as_bytes())
        };
        Ok(Found { path, what: found.what })
    })))
}

fn in_the_way(target: &Path) -> Error {
    Error::Refused(format!("Target path {} exists, call with '--force' to overwrite", target.display()))
}

fn is_not_a_directory(target: &Path) -> Error {
    let shown = target.display();
    Error::Refused(format!(
        "Target path {shown} exists and is not a directory, call with '--force' to overwrite"
    ))
}

fn is_not_empty(target: &Path) -> Error {
    let shown = target.display();
    Error::Refused(format!("Target path {shown} exists and isn't empty, call with '--force' to overwrite"))
}

/// Refuses a target that keeps no access control lists, where they must not be dropped.
fn refuse_without_acls(root: &Root, names: &Arc<Names>, request: &RestoreRequest) -> Result<()> {
    if !request.never_drop_acls {
        return Ok(());
    }
    let path = root.path();
    let here = LocalSource::open(path, Arc::clone(names)).while_doing(Doing::Open, path)?;
    if request.acls && here.traits().acls {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "--never-drop-acls was asked for, and {} keeps no access control lists; leave it out to go on without them",
        path.display()
    )))
}

fn refuse_read_only(root: &Root) -> Result<()> {
    match rustix::fs::fstatvfs(root.fd()) {
        Ok(fs) if fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) => Err(Error::Refused(format!(
            "{} is mounted read-only; restore to another place, or mount it for writing first",
            root.path().display()
        ))),
        _ => Ok(()),
    }
}

/// Records that a filter wants. Directories that it wants only with something in them wait for that.
struct Filtered<I, F> {
    records: I,
    filter: F,
    subtree: RepoPathBuf,
    excluded: Option<RepoPathBuf>,
    waiting: Vec<Recorded>,
    ready: std::collections::VecDeque<Recorded>,
}

impl<I, F> Filtered<I, F> {
    fn new(records: I, filter: F, subtree: RepoPathBuf) -> Self {
        Self { records, filter, subtree, excluded: None, waiting: Vec::new(), ready: Default::default() }
    }
}

impl<I: Iterator<Item = Result<Recorded>>, F: Filter> Iterator for Filtered<I, F> {
    type Item = Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(recorded) = self.ready.pop_front() {
                return Some(Ok(recorded));
            }
            let recorded = match self.records.next()? {
                Ok(recorded) => recorded,
                Err(e) => return Some(Err(e)),
            };
            let path = recorded.path();
            if self.excluded.as_ref().is_some_and(|dir| path.starts_with(dir.as_path())) {
                continue;
            }
            self.waiting.retain(|dir| path.starts_with(dir.path()));
            let below = path.below(self.subtree.as_path()).unwrap_or(path);
            let wanted = if below.is_root() {
                Wanted::Yes
            } else {
                self.filter.wants(below, &stat_of(&recorded.entry), &|_, _| false)
            };
            match wanted {
                Wanted::No => self.excluded = Some(path.to_owned()),
                Wanted::IfNotEmpty if recorded.entry.is_dir() => self.waiting.push(recorded),
                Wanted::IfNotEmpty => {}
                Wanted::Yes => {
                    self.ready.extend(self.waiting.drain(..));
                    self.ready.push_back(recorded);
                }
            }
        }
    }
}

/// What a stat of an entry would say, as far as a filter asks.
pub fn stat_of(entry: &Entry) -> Stat {
    let (kind, rdev) = match &entry.kind {
        Kind::File(_) => (FileKind::Regular, (0, 0)),
        Kind::Dir => (FileKind::Directory, (0, 0)),
        Kind::Symlink(_) => (FileKind::Symlink, (0, 0)),
        Kind::Fifo => (FileKind::Fifo, (0, 0)),
        Kind::Socket => (FileKind::Socket, (0, 0)),
        Kind::Device(d) => {
            (if d.block { FileKind::BlockDevice } else { FileKind::CharDevice }, (d.major, d.minor))
        }
    };
    let mtime = (entry.attrs.mtime.unwrap_or(0), 0);
    Stat {
        kind,
        mode: entry.attrs.mode,
        uid: entry.attrs.uid,
        gid: entry.attrs.gid,
        size: entry.size(),
        allocated: entry.size(),
        mtime,
        ctime: mtime,
        inode: 0,
        device: 0,
        links: 1,
        rdev,
    }
}

/// One path to bring about.
struct Job {
    entry: Entry,
    place: StoredPath,
    work: Work,
}

enum Work {
    /// The directory is there; its attributes come last.
    Directory,
    /// A file to be rebuilt. `there` is the regular file that stands in its place. A chain that is shortened
    /// begins at a later session that had the same content.
    Content { chain: Chain, is_shortened: bool, there: Option<Stat>, digest: Option<Digest> },
    /// A second name of a file restored before, which has this digest.
    Link { to: StoredPath, there: bool, digest: Option<Digest> },
    /// A link or special file.
    Special,
    /// Only attributes differ, if anything.
    Attributes,
}

impl Job {
    fn weight(&self) -> u64 {
        match self.work {
            Work::Content { .. } => self.entry.size().max(4096),
            _ => 0,
        }
    }
}

/// Decides, in path order, what is to be done.
struct Planner<'r> {
    repo: &'r Repository,
    increments: Increments<'r>,
    /// The session that the mirror is, if it surely is one.
    newest: Option<SessionTime>,
    disk: Arc<dyn Disk>,
    target: &'r Target,
    at: SessionTime,
    subtree: RepoPath<'r>,
    hard_links: bool,
    /// The first file of each group of hard links that was met, and the group's digest.
    links: HashMap<(u64, u64), (StoredPath, Option<Digest>)>,
    /// A directory of the target that was removed with all that the walk still finds in it.
    gone: Option<RepoPathBuf>,
    removed: u64,
}

impl Planner<'_> {
    fn place(&self, path: RepoPath<'_>) -> StoredPath {
        StoredPath::in_target(&self.target.prefix, path.below(self.subtree).unwrap_or(path))
    }

    fn plan(&mut self, pair: Pair<Recorded, Found>) -> Result<Option<Job>> {
        let (Recorded { entry, same_until, .. }, there) = match pair {
            Pair::Left(recorded) => (recorded, None),
            Pair::Right(found) => return self.stranger(&found).map(|()| None),
            Pair::Both(recorded, found) => match found.what {
                What::Here(stat) if !self.is_gone(found.path.as_path()) => (recorded, Some(stat)),
                _ => (recorded, None),
            },
        };
        let place = self.place(entry.path.as_path());
        let shown = self.target.root.path_of(place.as_bytes());
        let there = match there {
            Some(stat) if !same_kind(&entry.kind, &stat) => {
                remove_all(&*self.disk, &place).while_doing(Doing::Remove, &shown)?;
                self.gone = Some(entry.path.clone());
                None
            }
            other => other,
        };
        let work = match &entry.kind {
            Kind::Dir => {
                if there.is_none() && !place.as_bytes().is_empty() {
                    self.disk.mkdir(&place).while_doing(Doing::Create, &shown)?;
                }
                Work::Directory
            }
            Kind::File(_) => self.plan_file(&entry, same_until, &place, there)?,
            _ if there.is_some() && self.is_same_special(&entry, &place) => Work::Attributes,
            _ => {
                if there.is_some() {
                    remove_all(&*self.disk, &place).while_doing(Doing::Remove, &shown)?;
                }
                Work::Special
            }
        };
        Ok(Some(Job { entry, place, work }))
    }

    fn plan_file(
        &mut self,
        entry: &Entry,
        same_until: Option<SessionTime>,
        place: &StoredPath,
        there: Option<Stat>,
    ) -> Result<Work> {
        let file = entry.file().cloned().unwrap_or_default();
        let mut digest = file.digest;
        if let Some(link) = file.link {
            match self.links.get(&link.group()) {
                Some((to, digest)) if self.hard_links => {
                    return Ok(Work::Link { to: to.clone(), there: there.is_some(), digest: *digest });
                }
                Some((_, of_group)) => digest = *of_group,
                None => {
                    self.links.insert(link.group(), (place.clone(), digest));
                }
            }
        }
        // The way is shorter from a later session with the same content; if that is damaged, the long one is left.
        let from = same_until.unwrap_or(self.at).max(self.at);
        let chain = if self.newest == Some(from) {
            let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
            Chain { base: Base::Mirror(mirror), deltas: Vec::new() }
        } else {
            self.increments.chain(entry, from)?
        };
        // A file with several names in the target must not be changed under the others, unless these are its own.
        let is_group = |stat: &Stat| {
            let is_same = stat.mode == entry.attrs.mode && Some(stat.mtime.0) == entry.attrs.mtime;
            self.hard_links && is_same && file.link.is_some_and(|link| link.count == stat.links)
        };
        let there = there.filter(|stat| stat.links == 1 || is_group(stat));
        if there.is_none() {
            let shown = self.target.root.path_of(place.as_bytes());
            crate::repo::disk::ignore_absent(if self.target.is_empty {
                Ok(())
            } else {
                self.disk.unlink(place)
            })
            .while_doing(Doing::Remove, shown)?;
        }
        Ok(Work::Content { chain, is_shortened: from != self.at, there, digest })
    }

    fn is_same_special(&self, entry: &Entry, place: &StoredPath) -> bool {
        match &entry.kind {
            Kind::Symlink(target) => self.target.root.read_link(place.as_bytes()).is_ok_and(|t| t == *target),
            _ => true,
        }
    }

    fn is_gone(&self, path: RepoPath<'_>) -> bool {
        self.gone.as_ref().is_some_and(|gone| path.starts_with(gone.as_path()))
    }

    /// Removes what is in the target and not in the session.
    fn stranger(&mut self, found: &Found) -> Result<()> {
        if self.is_gone(found.path.as_path()) || matches!(found.what, What::Unknown(_)) {
            return Ok(());
        }
        let place = self.place(found.path.as_path());
        remove_all(&*self.disk, &place)
            .while_doing(Doing::Remove, self.target.root.path_of(place.as_bytes()))?;
        self.gone = Some(found.path.clone());
        self.removed += 1;
        Ok(())
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

/// A job after the work, as far as that doesn't depend on order.
struct Done {
    job: Job,
    problem: Option<Problem>,
    unchanged: bool,
}

/// Working memory of a worker.
struct Tools {
    buf: Vec<u8>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { buf: vec![0; BUFFER] }
    }
}

struct Worker {
    repo: Arc<Repository>,
    disk: Arc<dyn Disk>,
    ownership: Ownership,
    caps: Capabilities,
    at: SessionTime,
    /// The last good session, if the one after it failed: its increments may be there without need.
    interrupted: Option<SessionTime>,
    never_drop_acls: bool,
}

impl Worker {
    fn run(&self, job: Job, tools: &mut Tools) -> Result<Done> {
        if self.never_drop_acls
            && let Some(name) = self.ownership.unknown_name(&job.entry)
        {
            return Err(Error::Refused(format!(
                "--never-drop-acls was asked for, and {} in the access control list of {} is not known here; create \
                 that user or group, or leave the option out to go on without it",
                String::from_utf8_lossy(&name),
                job.entry.path
            )));
        }
        let shown = self.disk.root().path_of(job.place.as_bytes());
        let mut unchanged = false;
        let problem = match &job.work {
            Work::Directory | Work::Link { .. } => None,
            Work::Attributes => {
                unchanged = true;
                self.set_attributes(&job)?;
                None
            }
            Work::Special => {
                let made = make_special(&*self.disk, &job.place, &job.entry.kind)
                    .while_doing(Doing::Create, &shown)?;
                self.set_attributes(&job)?;
                (!made).then(|| problem(ProblemKind::SpecialFile, &job.entry, "it may not be made here"))
            }
            Work::Content { there: Some(stat), digest: Some(digest), .. }
                if stat.size == job.entry.size() && self.is_content(&job.place, *digest, tools) =>
            {
                unchanged = true;
                self.set_attributes(&job)?;
                None
            }
            Work::Content { chain, is_shortened, there, digest } => {
                let problem = self.content(&job, chain, there.is_some(), *digest, tools)?;
                match problem {
                    Some(_) if *is_shortened => {
                        match Increments::new(&self.repo).chain(&job.entry, self.at) {
                            Ok(whole) => self.content(&job, &whole, there.is_some(), *digest, tools)?,
                            Err(_) => problem,
                        }
                    }
                    other => other,
                }
            }
        };
        Ok(Done { job, problem, unchanged })
    }

    fn set_attributes(&self, job: &Job) -> Result<()> {
        let applied = self.ownership.applied(&job.entry, &self.caps);
        let shown = self.disk.root().path_of(job.place.as_bytes());
        self.disk.set_attributes(&job.place, &applied).while_doing(Doing::SetAttributes, shown)
    }

    /// Has the file in the target this content already?
    fn is_content(&self, place: &StoredPath, digest: Digest, tools: &mut Tools) -> bool {
        let Ok(mut file) = self.disk.root().open_file(place.as_bytes()) else { return false };
        let mut hasher = Hasher::default();
        loop {
            match read_full(&mut file, &mut tools.buf) {
                Ok(0) => return hasher.finish() == digest,
                Ok(n) => hasher.update(&tools.buf[..n]),
                Err(_) => return false,
            }
        }
    }

    /// Rebuilds a file. What can't be rebuilt is a problem of this path; the job goes on.
    fn content(
        &self,
        job: &Job,
        chain: &Chain,
        replaces: bool,
        digest: Option<Digest>,
        tools: &mut Tools,
    ) -> Result<Option<Problem>> {
        let mut last = None;
        let mirror = self.repo.layout().mirror(job.entry.path.as_path(), job.entry.long_name.as_ref());
        let mut ways = chain.candidates(&mirror, self.interrupted);
        for _ in 0..MOST_WAYS {
            for chain in &ways {
                match self.rebuild(job, chain, replaces, digest, tools)? {
                    None => return Ok(None),
                    problem => last = problem,
                }
            }
            match self.repo.ways_to(&job.entry, self.at) {
                Ok(now) if now != ways => ways = now,
                _ => break,
            }
        }
        Ok(last)
    }

    /// Rebuilds a name of a file from what there is for this name alone.
    fn by_itself(&self, job: &Job, digest: Option<Digest>) -> Result<Option<Problem>> {
        match Increments::new(&self.repo).chain(&job.entry, self.at) {
            Ok(chain) => self.content(job, &chain, false, digest, &mut Tools::default()),
            Err(e) => Ok(Some(problem(ProblemKind::List, &job.entry, crate::error::chain(&e)))),
        }
    }

    fn path_of_base(&self, base: &Base) -> std::path::PathBuf {
        match base {
            Base::Mirror(place) => self.repo.path_of(place),
            Base::Snapshot(increment) => self.repo.path_of(&increment.place),
        }
    }

    /// Makes a file of its own of what can't be another name of a file restored before.
    fn copy_first(&self, first: &StoredPath, job: &Job) -> Result<()> {
        let root = self.disk.root();
        let from = root.path_of(first.as_bytes());
        let shown = root.path_of(job.place.as_bytes());
        let mut content = root.open_file(first.as_bytes()).while_doing(Doing::Open, &from)?;
        let mut file = self.disk.create(&job.place).while_doing(Doing::Create, &shown)?;
        match copy_sparse(&mut content, &mut *file, u64::MAX, &mut Tools::default().buf) {
            Err(CopyError::Read(e)) => Err(e).while_doing(Doing::Read, &from)?,
            Err(CopyError::Write(e)) => Err(e).while_doing(Doing::Write, &shown)?,
            Err(CopyError::TooLong) | Ok(_) => {}
        }
        let applied = self.ownership.applied(&job.entry, &self.caps);
        file.set_attributes(&applied).while_doing(Doing::SetAttributes, shown)
    }

    fn rebuild(
        &self,
        job: &Job,
        chain: &Chain,
        replaces: bool,
        digest: Option<Digest>,
        tools: &mut Tools,
    ) -> Result<Option<Problem>> {
        let entry = &job.entry;
        let mut content = match self.repo.open_chain(entry, chain, self.at) {
            Ok(content) => content,
            Err(e) => return Ok(Some(problem(ProblemKind::List, entry, crate::error::chain(&e)))),
        };
        let shown = self.disk.root().path_of(job.place.as_bytes());
        let beside = if replaces { temporary(&job.place) } else { job.place.clone() };
        let mut file = match self.disk.create(&beside) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.unlink(&beside).while_doing(Doing::Remove, &shown)?;
                self.disk.create(&beside)
            }
            other => other,
        }
        .while_doing(Doing::Create, &shown)?;
        let copied = match copy_sparse(&mut content, &mut *file, entry.size(), &mut tools.buf) {
            Ok(copied) => copied,
            Err(CopyError::Write(e)) => {
                // Only a whole file may stand under its name.
                self.disk.unlink(&beside).while_doing(Doing::Remove, &shown)?;
                return Err(Error::Io { doing: Doing::Write, path: shown, source: e });
            }
            Err(e) => {
                self.disk.unlink(&beside).while_doing(Doing::Remove, &shown)?;
                let why = match e {
                    CopyError::Read(e) => format!("{}: {e}", self.path_of_base(&chain.base).display()),
                    _ => "there is more of it than its record says".to_owned(),
                };
                return Ok(Some(problem(ProblemKind::List, entry, why)));
            }
        };
        let applied = self.ownership.applied(entry, &self.caps);
        file.set_attributes(&applied).while_doing(Doing::SetAttributes, &shown)?;
        if replaces {
            self.disk.rename(&beside, &job.place).while_doing(Doing::Rename, &shown)?;
        }
        if digest.is_some_and(|d| d != copied.digest) || copied.length != entry.size() {
            return Ok(Some(problem(
                ProblemKind::Update,
                entry,
                "its content is not what was backed up (size or SHA-1 differ); the repository is damaged here",
            )));
        }
        Ok(None)
    }
}

/// Has a file no room for another name, or its file system for any?
fn can_not_be_linked(e: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, TooManyLinks, Unsupported};
    matches!(e.kind(), PermissionDenied | TooManyLinks | Unsupported)
}

fn problem(kind: ProblemKind, entry: &Entry, why: impl Into<String>) -> Problem {
    Problem { kind, path: entry.path.clone(), source: io::Error::other(why.into()) }
}

/// A name beside a file of the target.
fn temporary(place: &StoredPath) -> StoredPath {
    place.parent().listed(
        format!(".rdiff-backup.tmp.{}", crate::repo::put::digest_of(place.name()).to_hex()).as_bytes(),
    )
}

/// Takes the results in path order.
struct Finisher<'a> {
    worker: &'a Worker,
    monitor: &'a dyn Monitor,
    report: RestoreReport,
    nest: Nest<Job>,
    /// Names of access control lists that are not known here, and were told.
    dropped: HashSet<Vec<u8>>,
    /// Names that became files of their own.
    copied_links: u64,
}

impl Finisher<'_> {
    fn finish(&mut self, mut done: Done) -> Result<()> {
        while let Some((_, job)) = self.nest.leave_for(done.job.entry.path.as_path()) {
            self.worker.set_attributes(&job)?;
        }
        if let Work::Link { to, there, digest } = &done.job.work {
            let disk = &self.worker.disk;
            let shown = disk.root().path_of(done.job.place.as_bytes());
            done.unchanged = *there && disk.root().is_one_file(to.as_bytes(), done.job.place.as_bytes());
            if *there && !done.unchanged {
                disk.unlink(&done.job.place).while_doing(Doing::Remove, &shown)?;
            }
            let linked = if done.unchanged { Ok(()) } else { disk.link(to, &done.job.place) };
            match linked {
                // It could not be restored, or somebody took it away: programs do, as soon as it is announced.
                Err(e) if crate::tree::is_absent(&e) => {
                    done.problem = self.worker.by_itself(&done.job, *digest)?;
                }
                Err(e) if can_not_be_linked(&e) => {
                    self.worker.copy_first(to, &done.job)?;
                    self.copied_links += 1;
                }
                other => other.while_doing(Doing::Link, &shown)?,
            }
        }
        self.tell_dropped(&done.job.entry);
        let path = done.job.entry.path.as_path();
        match &done.problem {
            Some(problem) => {
                self.report.problems += 1;
                self.monitor.event(&Event::Problem(problem));
            }
            None => {
                self.report.restored += 1;
                self.report.unchanged += u64::from(done.unchanged);
                self.monitor.event(&Event::Path { path, what: PathDone::Restored });
            }
        }
        self.monitor.count(Counter::Paths, 1);
        self.monitor.count(Counter::BytesWritten, done.job.entry.size());
        if let Work::Directory = done.job.work {
            self.nest.enter(done.job.entry.path.clone(), done.job);
        }
        Ok(())
    }

    /// Says once of each name in an access control list that it is not known here.
    fn tell_dropped(&mut self, entry: &Entry) {
        if !self.worker.caps.acls || entry.acl.is_empty() {
            return;
        }
        let Some(name) = self.worker.ownership.unknown_name(entry) else { return };
        let text = format!(
            "ACL name {} not found on system, dropping entry. Further ACL entries dropped with this name will not \
             trigger further warnings",
            String::from_utf8_lossy(&name)
        );
        if self.dropped.insert(name) {
            self.monitor.event(&Event::Warning(&text));
        }
    }

    fn end(&mut self) -> Result<()> {
        while let Some((_, job)) = self.nest.leave_at_end() {
            self.worker.set_attributes(&job)?;
        }
        Ok(())
    }
}
