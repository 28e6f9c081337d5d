//! What all workers share, and the small things that they all do with it.

use super::namesakes::Namesakes;
use super::plan::{Action, Planned};
use super::{BackupRequest, NOT_COMPRESSED};
use crate::entry::Entry;
use crate::error::{Doing, Refusal, Result};
use crate::monitor::Stop;
use crate::pool::Helpers;
use crate::repo::disk::{Disk, make_dirs, remove_all};
use crate::repo::layout::StoredPath;
use crate::repo::session::Session;
use crate::tree::attrs::{Applied, Ownership};
use crate::tree::caps::Capabilities;
use crate::tree::is_absent;
use crate::tree::select::PyRegex;
use crate::tree::source::Source;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The settings that plan and stage look at.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) hard_links: bool,
    pub(super) compare_inodes: bool,
    compression: bool,
    not_compressed: PyRegex,
    called: Option<PathBuf>,
    /// A change time after this could be shared by a later edit.
    pub(super) settled_before: (i64, u32),
}

/// What all workers share.
pub(super) struct Shared {
    pub(super) source: Arc<dyn Source>,
    pub(super) session: Session,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) ownership: Ownership,
    pub(super) caps: Capabilities,
    pub(super) options: Options,
    pub(super) helpers: Helpers,
    pub(super) stop: Stop,
    pub(super) namesakes: Namesakes,
}

impl Options {
    /// What a request asks for, of a backup that was started then.
    ///
    /// # Errors
    /// [`Refusal::BadPattern`].
    pub(super) fn of(request: &BackupRequest, started: SystemTime) -> Result<Self> {
        let pattern = request.not_compressed.as_deref().unwrap_or(NOT_COMPRESSED);
        let not_compressed = PyRegex::at_start(pattern.as_bytes())
            .map_err(|e| Refusal::BadPattern { pattern: pattern.to_owned(), source: e.into() })?;
        // The clock of change times advances in ticks of up to 10 ms; leave it some of them.
        let settled = started - Duration::from_millis(50);
        let settled = settled.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            hard_links: request.hard_links,
            compare_inodes: request.compare_inodes,
            compression: request.compression,
            not_compressed,
            called: request.called.clone().map(|called| OsString::from_vec(called).into()),
            settled_before: (settled.as_secs() as i64, settled.subsec_nanos()),
        })
    }
}

impl Shared {
    /// Is this the first session? It has nothing to go back to, and is written in place.
    pub(super) fn is_first(&self) -> bool {
        self.session.previous().is_none()
    }

    /// Where the mirror of an entry is.
    pub(super) fn mirror(&self, entry: &Entry) -> StoredPath {
        self.session.repo().layout().mirror(entry.path.as_path(), entry.long_name.as_ref())
    }

    /// Is the increment of this entry gzipped? The pattern is for the path of its mirror, as the repository was named.
    pub(super) fn compresses(&self, entry: &Entry) -> bool {
        let options = &self.options;
        let excepted = || {
            let (repo, place) = (self.session.repo(), self.mirror(entry));
            let called =
                options.called.as_ref().map(|called| called.join(OsStr::from_bytes(place.as_bytes())));
            let path = called.unwrap_or_else(|| repo.path_of(&place));
            options.not_compressed.search(path.as_os_str().as_bytes()).unwrap_or(false)
        };
        options.compression && !excepted()
    }

    /// The attributes of an entry as the mirror has them: times end at the second.
    pub(super) fn for_mirror<'e>(&self, entry: &'e Entry) -> Applied<'e> {
        let mut applied = self.ownership.applied(entry, &self.caps);
        applied.mtime = applied.mtime.map(|(seconds, _)| (seconds, 0));
        applied
    }

    /// Makes something in a place that a killed run may have used already.
    pub(super) fn retry_over<T>(
        &self,
        place: &StoredPath,
        mut make: impl FnMut() -> io::Result<T>,
    ) -> Result<T> {
        let made = match make() {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                self.session.io(Doing::Remove, place, remove_all(&*self.disk, place))?;
                make()
            }
            Err(e) if is_absent(&e) && !place.parent().as_bytes().is_empty() => {
                self.session.io(Doing::Create, &place.parent(), make_dirs(&*self.disk, &place.parent()))?;
                make()
            }
            other => other,
        };
        self.session.io(Doing::Create, place, made)
    }

    /// Makes a directory of a first session.
    pub(super) fn make_directory_now(&self, planned: &Planned) -> Result<()> {
        let Action::Examine(examine) = &planned.action else { return Ok(()) };
        if !self.is_first() || !examine.new.is_dir() || planned.path.is_root() {
            return Ok(());
        }
        let place = self.mirror(&examine.new);
        self.make_directory(&place)
    }

    fn make_directory(&self, place: &StoredPath) -> Result<()> {
        let made = match self.disk.mkdir(place) {
            Err(e) if is_absent(&e) => make_dirs(&*self.disk, place),
            other => other,
        };
        self.session.io(Doing::Create, place, made)
    }

    pub(super) fn set_mirror_attributes(&self, entry: &Entry) -> Result<()> {
        let place = self.mirror(entry);
        self.session.io(
            Doing::SetAttributes,
            &place,
            self.disk.set_attributes(&place, &self.for_mirror(entry)),
        )
    }
}
