//! Comparing a live tree with a session.
//!
//! A path of the source that can't be read is a [`Problem`], and nothing is said of it or of what is below
//! it: trouble is neither a difference nor the absence of one.

use crate::entry::{Digest, Entry, File, Kind, Name};
use crate::error::{Error, Problem, ProblemKind, Result};
use crate::merge::{AtPath, Pair, merge_join};
use crate::monitor::{Counter, Event, Monitor, PathDone, Stop};
use crate::path::{RepoPath, RepoPathBuf};
use crate::pool::{Chunks, Pool, ahead};
use crate::repo::Repository;
use crate::repo::increments::{Chain, FileContent, Increments, MOST_WAYS};
use crate::repo::metadata::{Detail, Recorded};
use crate::repo::put::{BUFFER, Hasher, read_full};
use crate::time::{SessionTime, TimeSpec};
use crate::tree::attrs::entry_of;
use crate::tree::source::Source;
use crate::tree::walk::{Filter, Found, Walk, What};
use crate::tree::{FileKind, Stat, means_source_gone};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

/// What to compare, and how closely.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct CompareRequest {
    /// The session: the newest that is not later.
    pub at: TimeSpec,
    /// The path in the session that the root of the source is compared with.
    pub subtree: RepoPathBuf,
    /// How closely.
    pub method: Method,
    /// Is a regular file with several names changed when its inode is not the recorded one?
    pub hard_links: bool,
    /// Threads that read the source; 0 for what the source says is best.
    pub workers: usize,
}

impl CompareRequest {
    /// All of a session, by metadata.
    pub fn new(at: impl Into<TimeSpec>) -> Self {
        let subtree = RepoPathBuf::default();
        Self { at: at.into(), subtree, method: Method::Metadata, hard_links: true, workers: 0 }
    }
}

impl Default for CompareRequest {
    /// All of the newest session, by metadata.
    fn default() -> Self {
        Self::new(TimeSpec::default())
    }
}

/// How closely files are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Method {
    /// By type, size, time, owner, mode and attributes.
    #[default]
    Metadata,
    /// And by the recorded SHA-1 of their content.
    Hash,
    /// And by their content, byte by byte.
    Full,
}

/// A path that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Difference {
    /// Where, below the root of the source.
    pub path: RepoPathBuf,
    /// In which way.
    pub reason: Reason,
}

/// In which way a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reason {
    /// Only the source has it.
    New,
    /// Only the session has it.
    Deleted,
    /// Both have it, and it is not the same.
    Changed,
    /// A regular file whose metadata differ, but not its content.
    MetadataOnly,
    /// A regular file whose content differs, but not its metadata.
    DataOnly,
    /// A regular file of which both differ.
    MetadataAndData,
}

impl Reason {
    /// The words that are printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::New => "new",
            Reason::Deleted => "deleted",
            Reason::Changed => "changed",
            Reason::MetadataOnly => "metadata changed, data the same",
            Reason::DataOnly => "metadata the same, data changed",
            Reason::MetadataAndData => "metadata changed, data changed",
        }
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CompareReport {
    /// Paths that were compared, the different ones included.
    pub compared: u64,
    /// Paths that differ.
    pub differences: u64,
    /// Files that were to be compared by digest and have none recorded.
    pub no_digest: u64,
    /// Paths of which nothing can be said.
    pub problems: u64,
}

/// Compares a source with a session. `filter` leaves out paths of the source; what the session has there
/// counts as deleted, as a backup with that filter would delete it.
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
/// use rdiff_core::compare::{CompareReport, CompareRequest, Difference, Method, Reason, compare};
/// use rdiff_core::tree::source::Source;
///
/// std::fs::write(tree.join("note"), "edited")?;
/// let source: Arc<dyn Source> = Arc::new(LocalSource::open(&tree, Arc::new(Names::default()))?);
/// let request = CompareRequest { method: Method::Hash, ..CompareRequest::default() };
/// let mut found = Vec::new();
/// let report: CompareReport =
///     compare(&repo, &source, &request, Everything, &Silent, |d: Difference| found.push(d))?;
/// assert_eq!((report.differences, report.problems), (1, 0));
/// assert_eq!(found[0].path.to_string(), "note");
/// assert_ne!(found[0].reason, Reason::New);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::SourceVanished`]; [`Error::Corrupt`], [`Error::Io`] for the repository's metadata. Trouble with
/// single paths is told to the monitor and counted.
pub fn compare(
    repo: &Arc<Repository>,
    source: &Arc<dyn Source>,
    request: &CompareRequest,
    filter: impl Filter,
    monitor: &dyn Monitor,
    on_difference: impl FnMut(Difference),
) -> Result<CompareReport> {
    Stop::watched(monitor, |stop| compare_until(stop, repo, source, request, filter, monitor, on_difference))
}

fn compare_until(
    stop: &Stop,
    repo: &Arc<Repository>,
    source: &Arc<dyn Source>,
    request: &CompareRequest,
    filter: impl Filter,
    monitor: &dyn Monitor,
    mut on_difference: impl FnMut(Difference),
) -> Result<CompareReport> {
    let at = repo.session_at(request.at)?;
    let recorded = Recording::of(repo, at, monitor)?;
    let workers = match request.workers {
        0 => source.traits().readers.max(1),
        n => n,
    };
    let pool = Arc::new(Pool::new(workers));
    let entries = ahead(repo.metadata_at(at, request.subtree.as_path(), Detail::All)?, 256, 4);
    let subtree = request.subtree.clone();
    let entries = entries.map(|recorded| recorded.map(|r| Placed::new(r, subtree.as_path())));
    let found = Walk::new(Arc::clone(source), Arc::clone(&pool), filter).map(Ok);
    let mut planner = Planner {
        source: Arc::clone(source),
        increments: (request.method == Method::Full).then(|| Increments::new(repo)),
        at,
        method: request.method,
        hard_links: request.hard_links && source.traits().hard_links,
        groups: Groups::default(),
        groups_here: Groups::default(),
        held: None,
    };
    let planner = RefCell::new(&mut planner);
    let jobs = merge_join(entries, found)
        .filter_map(|pair| pair.and_then(|p| planner.borrow_mut().plan(p)).transpose());
    let chunks = Chunks::new(jobs, 256, 4 << 20, |job: &Job| job.weight(request.method));
    let worker =
        Worker { repo: Arc::clone(repo), source: Arc::clone(source), recorded, at, stop: stop.clone() };
    let results = pool.map_ordered(chunks, 2 * workers, move |(jobs, error): (Vec<Job>, Option<Error>)| {
        let mut buffers = Buffers::default();
        (jobs.into_iter().map(|job| worker.run(job, &mut buffers)).collect::<Vec<_>>(), error)
    });
    let mut report = CompareReport::default();
    for (done, error) in results {
        if stop.is_set() {
            return Err(Error::Cancelled);
        }
        for done in done {
            report.take(done?, monitor, &mut on_difference);
        }
        if let Some(e) = error {
            return Err(e);
        }
        if stop.ask(monitor) {
            return Err(Error::Cancelled);
        }
    }
    Ok(report)
}

impl CompareReport {
    fn take(&mut self, done: Done, monitor: &dyn Monitor, on_difference: &mut impl FnMut(Difference)) {
        self.no_digest += u64::from(done.no_digest);
        monitor.count(Counter::BytesRead, done.read);
        match done.verdict {
            Verdict::Problem(problem) => {
                self.problems += 1;
                monitor.event(&Event::Problem(&problem));
                return;
            }
            Verdict::Same => {
                monitor.event(&Event::Path { path: done.path.as_path(), what: PathDone::Verified });
            }
            Verdict::Differs(reason) => {
                self.differences += 1;
                on_difference(Difference { path: done.path, reason });
            }
        }
        self.compared += 1;
        monitor.count(Counter::Paths, 1);
    }
}

/// What a session recorded, and so can be compared.
struct Recording {
    xattrs: bool,
    acls: bool,
    /// The last good session, if the one after it failed.
    interrupted: Option<SessionTime>,
}

impl Recording {
    fn of(repo: &Repository, at: SessionTime, monitor: &dyn Monitor) -> Result<Self> {
        let files = repo.data_files()?;
        let has = |base: &[u8], what: &str| {
            let found = files.iter().any(|f| f.base == base && f.time == at);
            if !found {
                let text = format!("the session of {at} recorded no {what}: they are not compared");
                monitor.event(&Event::Warning(&text));
            }
            found
        };
        Ok(Self {
            xattrs: has(b"extended_attributes", "extended attributes"),
            acls: has(b"access_control_lists", "access control lists"),
            interrupted: repo.failed_after()?,
        })
    }
}

/// An entry of the session, and where in the source it belongs.
struct Placed {
    path: RepoPathBuf,
    entry: Box<Entry>,
}

impl Placed {
    fn new(recorded: Recorded, subtree: RepoPath<'_>) -> Self {
        let whole = recorded.entry.path.as_path();
        let path = whole.below(subtree).unwrap_or(whole).to_owned();
        Self { path, entry: Box::new(recorded.entry) }
    }
}

impl AtPath for Placed {
    fn path(&self) -> RepoPath<'_> {
        self.path.as_path()
    }
}

/// The digests of groups of hard links: only the first member's record has one.
#[derive(Default)]
pub(crate) struct Groups(HashMap<(u64, u64), (Option<Digest>, u64)>);

impl Groups {
    /// The digest of a file, its own or its group's. To be asked for every file of a session, in path order.
    pub(crate) fn digest(&mut self, file: &File) -> Option<Digest> {
        let Some(link) = file.link else { return file.digest };
        let group = link.group();
        match self.0.get_mut(&group) {
            None => {
                if link.count > 1 {
                    self.0.insert(group, (file.digest, link.count - 1));
                }
                file.digest
            }
            Some((digest, left)) => {
                let digest = file.digest.or(*digest);
                *left -= 1;
                if *left == 0 {
                    self.0.remove(&group);
                }
                digest
            }
        }
    }
}

/// One path to compare.
enum Job {
    New(RepoPathBuf),
    Deleted(RepoPathBuf),
    Problem(Problem),
    Both(Box<Both>),
}

struct Both {
    path: RepoPathBuf,
    stat: Stat,
    old: Box<Entry>,
    new: Entry,
    data: Data,
}

/// How the content of a path is compared.
enum Data {
    /// Not at all: it isn't asked for, or there is none.
    Unasked,
    /// By digest, if there is one.
    Digest(Option<Known>),
    /// With the content rebuilt; the digest says which of two ways of rebuilding it is right.
    Content(Chain, Option<Digest>),
}

/// A digest, and how it is known.
#[derive(Clone, Copy)]
struct Known {
    digest: Digest,
    /// Is it recorded for another name of the file only, one that the source doesn't have any more?
    only_of_gone: bool,
}

impl Job {
    fn weight(&self, method: Method) -> u64 {
        match self {
            Job::Both(both) if method != Method::Metadata => 16_384 + both.stat.size,
            _ => 16_384,
        }
    }
}

struct Planner<'r> {
    source: Arc<dyn Source>,
    increments: Option<Increments<'r>>,
    at: SessionTime,
    method: Method,
    hard_links: bool,
    groups: Groups,
    /// The same, as far as the names are still in the source.
    groups_here: Groups,
    /// Nothing can be said of this path and what is below it.
    held: Option<RepoPathBuf>,
}

impl Planner<'_> {
    fn plan(&mut self, pair: Pair<Placed, Found>) -> Result<Option<Job>> {
        let (old, found) = match pair {
            Pair::Left(old) => (Some(old), None),
            Pair::Right(found) => (None, Some(found)),
            Pair::Both(old, found) => (Some(old), Some(found)),
        };
        let digest = match old.as_ref().and_then(|o| o.entry.file()) {
            Some(file) if self.method != Method::Metadata => {
                let is_here =
                    matches!(&found, Some(Found { what: What::Here(s), .. }) if s.kind == FileKind::Regular);
                let here = if is_here { self.groups_here.digest(file) } else { None };
                self.groups.digest(file).map(|digest| Known { digest, only_of_gone: here.is_none() })
            }
            _ => None,
        };
        let job = match (old, found) {
            (_, Some(Found { path, what: What::Unknown(source) })) => {
                if means_source_gone(&source) || path.is_root() {
                    return Err(self.gone(&path, &source));
                }
                self.held = Some(path.clone());
                Job::Problem(Problem { kind: ProblemKind::List, path, source })
            }
            (None, None) => return Ok(None),
            (Some(old), None) if self.is_held(old.path()) => return Ok(None),
            (Some(old), None) => Job::Deleted(old.path),
            (None, Some(Found { path, .. })) => Job::New(path),
            (Some(old), Some(Found { path, what: What::Here(stat) })) => {
                self.both(path, stat, old.entry, digest)?
            }
        };
        Ok(Some(job))
    }

    fn is_held(&self, path: RepoPath<'_>) -> bool {
        self.held.as_ref().is_some_and(|held| path.starts_with(held.as_path()))
    }

    fn gone(&self, path: &RepoPathBuf, e: &io::Error) -> Error {
        gone(&*self.source, path, e)
    }

    fn both(&mut self, path: RepoPathBuf, stat: Stat, old: Box<Entry>, digest: Option<Known>) -> Result<Job> {
        let (user, group) = (self.source.user_name(stat.uid), self.source.group_name(stat.gid));
        let mut new = entry_of(path.clone(), &stat, user, group, true);
        if let (false, Kind::File(file)) = (self.hard_links, &mut new.kind) {
            file.link = None;
        }
        let both_files = old.file().is_some() && new.file().is_some();
        let data = match (self.method, &mut self.increments) {
            (Method::Hash, _) if both_files => Data::Digest(digest),
            (Method::Full, Some(increments)) if both_files => match increments.chain(&old, self.at) {
                Ok(chain) => Data::Content(chain, digest.map(|known| known.digest)),
                Err(e @ Error::Corrupt { .. }) => {
                    let source = io::Error::other(crate::error::chain(&e));
                    return Ok(Job::Problem(Problem { kind: ProblemKind::List, path, source }));
                }
                Err(e) => return Err(e),
            },
            _ => Data::Unasked,
        };
        Ok(Job::Both(Box::new(Both { path, stat, old, new, data })))
    }
}

fn gone(source: &dyn Source, path: &RepoPathBuf, e: &io::Error) -> Error {
    let what = format!("the source {} can't be read: {path} gives \"{e}\"", source.name());
    Error::SourceVanished { what, way_out: None }
}

struct Done {
    path: RepoPathBuf,
    verdict: Verdict,
    no_digest: bool,
    read: u64,
}

enum Verdict {
    Same,
    Differs(Reason),
    Problem(Problem),
}

struct Buffers {
    ours: Vec<u8>,
    theirs: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { ours: vec![0; BUFFER], theirs: vec![0; BUFFER] }
    }
}

struct Worker {
    repo: Arc<Repository>,
    source: Arc<dyn Source>,
    recorded: Recording,
    at: SessionTime,
    stop: Stop,
}

impl Worker {
    /// Compares one path.
    ///
    /// # Errors
    /// Only that the source as a whole is gone.
    fn run(&self, job: Job, buffers: &mut Buffers) -> Result<Done> {
        let done = |path, verdict| Ok(Done { path, verdict, no_digest: false, read: 0 });
        match job {
            Job::New(path) => done(path, Verdict::Differs(Reason::New)),
            Job::Deleted(path) => done(path, Verdict::Differs(Reason::Deleted)),
            Job::Problem(problem) => done(problem.path.clone(), Verdict::Problem(problem)),
            Job::Both(both) => self.both(*both, buffers),
        }
    }

    fn both(&self, mut both: Both, buffers: &mut Buffers) -> Result<Done> {
        let mut read = 0;
        let compared = self.metadata_differ(&both).and_then(|metadata| {
            // Of a file that is reported anyway the original says this much, and programs read it.
            if let (true, Data::Digest(Some(Known { only_of_gone: true, .. }))) = (metadata, &both.data) {
                both.data = Data::Digest(None);
            }
            Ok((metadata, self.data_differ(&both, buffers, &mut read)?))
        });
        let no_digest = matches!(both.data, Data::Digest(None));
        let verdict = match compared {
            Ok((false, None | Some(false))) => Verdict::Same,
            Ok((true, None)) => Verdict::Differs(Reason::Changed),
            Ok((true, Some(false))) => Verdict::Differs(Reason::MetadataOnly),
            Ok((false, Some(true))) => Verdict::Differs(Reason::DataOnly),
            Ok((true, Some(true))) => Verdict::Differs(Reason::MetadataAndData),
            Err(e) if means_source_gone(&e) => return Err(gone(&*self.source, &both.path, &e)),
            Err(source) => {
                Verdict::Problem(Problem { kind: ProblemKind::List, path: both.path.clone(), source })
            }
        };
        Ok(Done { path: both.path, verdict, no_digest, read })
    }

    fn metadata_differ(&self, both: &Both) -> io::Result<bool> {
        let (old, new) = (&*both.old, &both.new);
        let path = both.path.as_path();
        if !looks_same(old, new) {
            return Ok(true);
        }
        if let Kind::Symlink(target) = &old.kind
            && self.source.read_link(path)? != *target
        {
            return Ok(true);
        }
        if !self.recorded.xattrs && !self.recorded.acls {
            return Ok(false);
        }
        let (xattrs, acl) = self.source.attributes(path, &both.stat)?;
        let traits = self.source.traits();
        let xattrs_differ = self.recorded.xattrs && traits.xattrs && !xattrs.same(&old.xattrs);
        let acls_differ = self.recorded.acls && traits.acls && acl != old.acl;
        Ok(xattrs_differ || acls_differ)
    }

    /// Does the content differ? Nothing if that is not asked for.
    fn data_differ(&self, both: &Both, buffers: &mut Buffers, read: &mut u64) -> io::Result<Option<bool>> {
        match both.data {
            Data::Unasked => return Ok(None),
            Data::Digest(None) => return Ok(Some(false)),
            _ => {}
        }
        if both.stat.size != both.old.size() {
            return Ok(Some(true));
        }
        let differs = match &both.data {
            Data::Unasked | Data::Digest(None) => false,
            Data::Digest(Some(Known { digest, .. })) => {
                let file = self.source.open(both.path.as_path())?;
                let (found, length) = hash(&mut self.stop.over(file), &mut buffers.ours)?;
                *read += length;
                found != *digest
            }
            Data::Content(chain, digest) => {
                let content = self.content(&both.old, chain, *digest, buffers);
                let mut equals = |content: io::Result<FileContent>, buffers: &mut Buffers| {
                    let file = self.source.open(both.path.as_path())?;
                    is_equal(&mut self.stop.over(file), &mut content?, buffers, read)
                };
                match equals(content, buffers) {
                    Ok(true) => false,
                    first => match self.content_now(&both.old, chain, *digest, buffers) {
                        Some(content) => !equals(Ok(content), buffers)?,
                        None => !first?,
                    },
                }
            }
        };
        Ok(Some(differs))
    }

    /// The content as it was, by another way than it was first looked for: where a writer has come before us.
    fn content_now(
        &self,
        entry: &Entry,
        chain: &Chain,
        digest: Option<Digest>,
        buffers: &mut Buffers,
    ) -> Option<FileContent> {
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let mut ways = chain.candidates(&mirror, self.recorded.interrupted);
        for _ in 0..MOST_WAYS {
            ways = self.repo.ways_to(entry, self.at).ok().filter(|now| *now != ways)?;
            for chain in &ways {
                let open = || self.repo.open_chain(entry, chain, self.at).ok();
                let found =
                    open().and_then(|content| hash(&mut self.stop.over(content), &mut buffers.ours).ok());
                if found.is_some_and(|(found, _)| Some(found) == digest) {
                    return open();
                }
            }
        }
        None
    }

    /// The content as it was. Where a failed session left two ways to rebuild it, the digest decides.
    fn content(
        &self,
        entry: &Entry,
        chain: &Chain,
        digest: Option<Digest>,
        buffers: &mut Buffers,
    ) -> io::Result<FileContent> {
        let mirror = self.repo.layout().mirror(entry.path.as_path(), entry.long_name.as_ref());
        let open = |chain: &Chain| self.repo.open_chain(entry, chain, self.at).map_err(in_repository);
        let candidates = chain.candidates(&mirror, self.recorded.interrupted);
        if let (Some(digest), [_, other]) = (digest, &candidates[..]) {
            let is_right = |content: io::Result<FileContent>, buf: &mut [u8]| {
                content
                    .and_then(|c| hash(&mut self.stop.over(c), buf))
                    .is_ok_and(|(found, _)| found == digest)
            };
            if !is_right(open(chain), &mut buffers.ours) {
                return open(other);
            }
        }
        open(chain)
    }
}

/// An error of the repository, as a problem of one path.
fn in_repository(e: Error) -> io::Error {
    io::Error::other(crate::error::chain(&e))
}

/// The digest and length of a content.
pub(crate) fn hash(content: &mut impl Read, buf: &mut [u8]) -> io::Result<(Digest, u64)> {
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

fn is_equal(
    file: &mut impl Read,
    content: &mut impl Read,
    buffers: &mut Buffers,
    read: &mut u64,
) -> io::Result<bool> {
    loop {
        let n = read_full(file, &mut buffers.ours)?;
        let m = read_full(content, &mut buffers.theirs)
            .map_err(|e| io::Error::other(format!("its content in the repository can't be read: {e}")))?;
        *read += n as u64;
        if buffers.ours[..n] != buffers.theirs[..m] {
            return Ok(false);
        }
        if n < buffers.ours.len() {
            return Ok(true);
        }
    }
}

/// Do record and stat agree in all that a stat tells? Not asked: times of access and change, the owner of
/// a symbolic link, the inode of a file with one name.
fn looks_same(old: &Entry, new: &Entry) -> bool {
    let (a, b) = (&old.attrs, &new.attrs);
    let same_name = |old: &Option<Name>, new: &Option<Name>| old.is_none() || old == new;
    let kinds = match (&old.kind, &new.kind) {
        (Kind::File(old), Kind::File(new)) => {
            let group = |file: &File| file.link.map(|l| l.group());
            old.size == new.size && (new.link.is_none() || group(old) == group(new))
        }
        (Kind::Symlink(_), Kind::Symlink(_)) => return a.mode == b.mode,
        (old, new) => old == new,
    };
    let owners =
        a.uid == b.uid && a.gid == b.gid && same_name(&a.uname, &b.uname) && same_name(&a.gname, &b.gname);
    kinds && owners && a.mode == b.mode && a.mtime == b.mtime
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attrs, Link};

    fn linked(inode: u64, digest: Option<u8>) -> File {
        let link = Some(Link { count: 2, inode, device: 1 });
        File { size: 1, digest: digest.map(|d| Digest([d; 20])), link }
    }

    #[test]
    fn later_links_have_the_digest_of_the_first() {
        let mut groups = Groups::default();
        assert_eq!(groups.digest(&linked(7, Some(1))), Some(Digest([1; 20])));
        assert_eq!(groups.digest(&linked(8, None)), None);
        assert_eq!(groups.digest(&linked(7, None)), Some(Digest([1; 20])));
        // that was the last of the first group
        assert_eq!(groups.0.len(), 1);
        assert_eq!(groups.digest(&File { link: None, ..linked(0, Some(3)) }), Some(Digest([3; 20])));
    }

    #[test]
    fn an_inode_counts_only_for_files_with_several_names() {
        let entry = |file| {
            Entry::new(
                RepoPathBuf::new("f").unwrap(),
                Kind::File(file),
                Attrs { mtime: Some(1), ..Attrs::default() },
            )
        };
        let single = || entry(File { link: None, ..linked(0, None) });
        assert!(looks_same(&entry(linked(7, Some(1))), &entry(linked(7, None))));
        assert!(!looks_same(&entry(linked(7, Some(1))), &entry(linked(8, None))));
        assert!(!looks_same(&single(), &entry(linked(8, None))));
        // its other names are gone
        assert!(looks_same(&entry(linked(7, Some(1))), &single()));
    }
}
