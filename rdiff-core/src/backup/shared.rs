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
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// [`NOT_COMPRESSED`], made when an increment first asks for it: that takes as long as to plan hundreds of paths.
static USUAL: LazyLock<Option<PyRegex>> = LazyLock::new(|| PyRegex::at_start(NOT_COMPRESSED.as_bytes()).ok());

/// The settings that plan and stage look at.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) hard_links: bool,
    pub(super) compare_inodes: bool,
    compression: bool,
    /// If a request has one; else the usual pattern.
    not_compressed: Option<PyRegex>,
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
        let pattern = |pattern: &String| {
            PyRegex::at_start(pattern.as_bytes())
                .map_err(|e| Refusal::BadPattern { pattern: pattern.clone(), source: e.into() })
        };
        let not_compressed = request.not_compressed.as_ref().map(pattern).transpose()?;
        // The clock of change times advances in ticks of up to 10 ms; leave it some of them.
        let settled = started - Duration::from_millis(50);
        let settled = settled.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            hard_links: request.hard_links,
            compare_inodes: request.compare_inodes,
            compression: request.compression,
            not_compressed,
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
            let path = self.session.repo().path_of(&self.mirror(entry));
            let pattern = options.not_compressed.as_ref().or(USUAL.as_ref());
            pattern.is_some_and(|p| p.search(path.as_os_str().as_bytes()).unwrap_or(false))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_pattern_is_one() {
        let usual = USUAL.as_ref().unwrap();
        for (path, is_met) in [("a/b.JPG", true), ("a.gz", true), ("a.gzip", false), ("gz", false)] {
            assert_eq!(usual.search(path.as_bytes()).unwrap(), is_met, "{path}");
        }
    }
}
