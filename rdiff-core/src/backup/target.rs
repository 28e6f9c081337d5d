//! The target: opened, repaired or made; what it holds and what it can hold.

use super::BackupRequest;
use crate::error::{Doing, Error, IoContext, Refusal, Result};
use crate::format::stats::SessionStatistics;
use crate::monitor::{Event, Monitor};
use crate::repo::disk::{Disk, remove_all};
use crate::repo::layout::{DATA, LONG_NAMES, StoredPath};
use crate::repo::lock::Writer;
use crate::repo::{DataFile, MirrorState, Repository, read_small, state_of};
use crate::time::{SessionTime, TimeSeparator};
use crate::tree::Root;
use crate::tree::caps::{Capabilities, NameLimits};
use std::path::Path;
use std::sync::Arc;

/// Opens the target directory, making it if it isn't there.
pub(super) fn open_target(target: &Path, request: &BackupRequest) -> Result<Arc<Root>> {
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
    // What a link leads to may be a repository. It is not emptied to become one: that was not named.
    let is_link = target.symlink_metadata().is_ok_and(|m| m.is_symlink());
    let is_other = || std::fs::read_dir(target).is_ok_and(|mut dir| dir.next().is_some());
    let is_dir = is_dir && !(is_link && request.force && !target.join(DATA).is_dir() && is_other());
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

pub(super) fn not_a_directory(target: &Path) -> Error {
    Refusal::TargetNotADirectory { path: target.to_path_buf() }.into()
}

pub(super) fn not_a_repository(target: &Path) -> Error {
    Refusal::TargetNotARepository { path: target.to_path_buf() }.into()
}

/// A repository that a session can be written to.
pub(super) struct Opened {
    pub(super) repo: Arc<Repository>,
    pub(super) writer: Writer,
    /// The files of its data directory, but for markers: nobody else changes them while we have the lock.
    pub(super) files: Arc<[DataFile]>,
    /// Its last session.
    pub(super) previous: Option<SessionTime>,
    /// One that had failed, and was undone.
    pub(super) regressed: Option<SessionTime>,
}

/// Opens, repairs or makes the repository, and takes its lock.
pub(super) fn open_repository(
    disk: &Arc<dyn Disk>,
    request: &BackupRequest,
    monitor: &dyn Monitor,
) -> Result<Opened> {
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
    let mut files = repo.data_files()?;
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
            files = repo.data_files()?;
            (Some(good), Some(failed))
        }
        MirrorState::Unfinished => {
            repo.refuse_lost_marker()?;
            clean_away(&**disk, has_data, request)?;
            (None, None)
        }
    };
    if previous.is_none() {
        write_quoting(&**disk, request, name_limits(root)?)?;
        repo = open()?;
        files.clear();
    }
    Ok(Opened { repo, writer, files: files.into(), previous, regressed })
}

fn name_limits(root: &Root) -> Result<NameLimits> {
    NameLimits::probe(root, DATA.as_bytes()).while_doing(Doing::Create, root.path_of(DATA.as_bytes()))
}

impl Opened {
    /// Refuses an older repository whose names the file system does not take any more, or which was to quote others.
    pub(super) fn refuse_other_quoting(&self, request: &BackupRequest) -> Result<()> {
        match self.previous {
            Some(_) => refuse_other_quoting(&self.repo, request, name_limits(self.repo.root())?),
            None => Ok(()),
        }
    }
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
pub(super) fn refuse_other_quoting(
    repo: &Repository,
    request: &BackupRequest,
    limits: NameLimits,
) -> Result<()> {
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
pub(super) fn probe(root: &Root, request: &BackupRequest) -> Result<Capabilities> {
    let caps = Capabilities::probe(root, DATA.as_bytes())
        .while_doing(Doing::Create, root.path_of(DATA.as_bytes()))?;
    Ok(Capabilities { acls: caps.acls && request.acls, xattrs: caps.xattrs && request.xattrs, ..caps })
}

/// The size of all files in the last session, if it tells.
pub(super) fn last_size(repo: &Repository, files: &[DataFile], last: Option<SessionTime>) -> Option<u64> {
    let of_last = files.iter().find(|f| f.base == b"session_statistics" && Some(f.time) == last)?;
    let text = read_small(repo.root(), &of_last.place).ok()??;
    let statistics = SessionStatistics::parse(&String::from_utf8_lossy(&text)).ok()?;
    Some(statistics.source_file_size as u64)
}

/// The first number that no file in `long_filename_data` has.
pub(super) fn next_long_name(repo: &Repository) -> Result<u64> {
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

/// Undoes what a session that can't go on has begun, so that it takes no room. Where that fails too, the
/// next backup does it.
pub(super) fn take_back(opened: &Opened, disk: &dyn Disk, request: &BackupRequest, monitor: &dyn Monitor) {
    match opened.repo.state() {
        Ok(MirrorState::Interrupted { .. }) => drop(crate::regress::undo_failed(&opened.writer, monitor)),
        Ok(MirrorState::Unfinished) => drop(clean_away(disk, true, request)),
        _ => {}
    }
}
