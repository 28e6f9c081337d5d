//! What all workers share, and the small things that they all do with it.

use super::namesakes::Namesakes;
use super::options::Options;
use super::plan::{Action, Planned};
use crate::entry::Entry;
use crate::error::{Doing, Result};
use crate::monitor::Stop;
use crate::pool::Helpers;
use crate::repo::disk::{Disk, make_dirs, remove_all};
use crate::repo::layout::StoredPath;
use crate::repo::session::Session;
use crate::tree::attrs::{Applied, Ownership};
use crate::tree::caps::Capabilities;
use crate::tree::is_absent;
use crate::tree::source::Source;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

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
        let (repo, place) = (self.session.repo(), || self.mirror(entry));
        self.options.compresses(|called| match called {
            Some(called) => called.join(OsStr::from_bytes(place().as_bytes())),
            None => repo.path_of(&place()),
        })
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
