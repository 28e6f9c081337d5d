//! From paths of the tree to places in the repository. The only maker of [`StoredPath`].
//!
//! ```
//! # use rdiff_core::path::RepoPath;
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::format::names::IncrementKind;
//! use rdiff_core::repo::layout::{Layout, StoredPath, TooLong};
//!
//! let layout: &Layout = repo.layout();
//! let note = RepoPath::new(b"dir/note")?;
//! let place: StoredPath = layout.mirror(note, None);
//! assert_eq!(place.as_bytes(), b"dir/note");
//! let (dir, base) = layout.increment_base(note, None);
//! assert_eq!((dir.as_bytes(), &base[..]), (&b"rdiff-backup-data/increments/dir"[..], &b"note"[..]));
//! let marker = layout.data("current_mirror", repo.sessions()?[1], IncrementKind::Data, false);
//! assert!(repo.path_of(&marker).exists());
//! assert_eq!(layout.too_long(note), None::<TooLong>);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::entry::LongName;
use crate::format::names::{IncrementKind, TimeStyle};
use crate::format::quote::Quoting;
use crate::path::RepoPath;
use crate::time::SessionTime;
use crate::tree::Stat;
use crate::tree::walk::{Filter, Holds, Wanted};
use std::fmt;

/// The directory with everything but the mirror.
pub const DATA: &str = "rdiff-backup-data";
/// Increments of all that is below the root.
pub const INCREMENTS: &str = "rdiff-backup-data/increments";
/// What has too long a name.
pub const LONG_NAMES: &str = "rdiff-backup-data/long_filename_data";
/// Our own: new files before they take their place.
pub const STAGING: &str = "rdiff-backup-data/staging";
/// Our own: before which time sessions are being removed, while they are.
pub const REMOVING: &str = "rdiff-backup-data/removing";
/// Increments that a regress could not read, kept for who can.
pub const DAMAGED: &str = "rdiff-backup-data/damaged";

/// A place below the root of a repository, or of a restore target: bytes, components joined by `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoredPath(Vec<u8>);

impl StoredPath {
    /// The root itself.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// The bytes; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory that it is in; the root for the root.
    pub fn parent(&self) -> StoredPath {
        let end = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        Self(self.0[..end].to_vec())
    }

    /// The last component.
    pub fn name(&self) -> &[u8] {
        &self.0[self.0.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1)..]
    }

    /// The place of a path in a restore target, whose names are as they are. `prefix` stands before it
    /// where the target is one file in a directory.
    pub(crate) fn in_target(prefix: &[u8], path: RepoPath<'_>) -> Self {
        let joined: Vec<&[u8]> = [prefix, path.as_bytes()].into_iter().filter(|p| !p.is_empty()).collect();
        Self(joined.join(&b'/'))
    }

    /// A number as a name in the staging directory.
    pub(crate) fn staged(number: u64) -> Self {
        Self(format!("{STAGING}/{number}").into_bytes())
    }

    /// A fixed place in the repository.
    pub(crate) fn fixed(path: &str) -> Self {
        Self(path.as_bytes().to_vec())
    }

    /// A name as found by listing this directory.
    pub(crate) fn listed(&self, name: &[u8]) -> Self {
        let mut path = self.0.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Self(path)
    }
}

impl fmt::Debug for StoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// How one repository spells names and times.
#[derive(Clone, Debug)]
pub struct Layout {
    quoting: Quoting,
    times: TimeStyle,
    longest_name: usize,
}

/// What rdiff-backup leaves free behind a base for time and kind, in bytes.
const ROOM_FOR_TIME: usize = 50;

/// What a name is too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// Its increments must have another name.
    Increments,
    /// So must its mirror file.
    Mirror,
}

impl Layout {
    /// Names that a file system takes have up to `longest_name` bytes.
    pub fn new(quoting: Quoting, times: TimeStyle, longest_name: usize) -> Self {
        Self { quoting, times, longest_name }
    }

    /// How names are quoted.
    pub fn quoting(&self) -> &Quoting {
        &self.quoting
    }

    /// How times are written.
    pub fn times(&self) -> &TimeStyle {
        &self.times
    }

    /// Needs the path a name in `long_filename_data`?
    pub fn too_long(&self, path: RepoPath<'_>) -> Option<TooLong> {
        let may_grow = !self.quoting.is_none() || self.longest_name < 255;
        if may_grow && path.components().any(|c| self.quoting.quote(c).len() > self.longest_name) {
            return Some(TooLong::Mirror);
        }
        let name = path.name()?;
        (self.quoting.quote(name).len() + ROOM_FOR_TIME > self.longest_name).then_some(TooLong::Increments)
    }

    /// Where the mirror of a path is.
    pub fn mirror(&self, path: RepoPath<'_>, long: Option<&LongName>) -> StoredPath {
        match long {
            Some(LongName::Mirror(name)) => StoredPath::fixed(LONG_NAMES).listed(name),
            _ => StoredPath(self.quoting.quote(path.as_bytes()).into_owned()),
        }
    }

    /// Where the increments of a path are: their directory, and what their names begin with.
    pub fn increment_base(&self, path: RepoPath<'_>, long: Option<&LongName>) -> (StoredPath, Vec<u8>) {
        match (long, path.parent(), path.name()) {
            (Some(LongName::Mirror(name) | LongName::Increments(name)), ..) => {
                (StoredPath::fixed(LONG_NAMES), name.clone())
            }
            (None, Some(parent), Some(name)) => {
                (self.increments_in(parent), self.quoting.quote(name).into_owned())
            }
            _ => (StoredPath::fixed(DATA), b"increments".to_vec()),
        }
    }

    /// Where the increments of a directory's entries are.
    pub fn increments_in(&self, dir: RepoPath<'_>) -> StoredPath {
        if dir.is_root() {
            return StoredPath::fixed(INCREMENTS);
        }
        StoredPath::fixed(INCREMENTS).listed(&self.quoting.quote(dir.as_bytes()))
    }

    /// The place of an increment.
    pub fn increment(
        &self,
        path: RepoPath<'_>,
        long: Option<&LongName>,
        time: SessionTime,
        kind: IncrementKind,
        gzipped: bool,
    ) -> StoredPath {
        let (dir, base) = self.increment_base(path, long);
        let tail = self.times.name(b"", time, kind, gzipped);
        dir.listed(&[&base[..], &self.quoting.quote(&tail)].concat())
    }

    /// The place of a file with a time in its name, in the data directory itself.
    pub fn data(&self, base: &str, time: SessionTime, kind: IncrementKind, gzipped: bool) -> StoredPath {
        let name = self.times.name(base.as_bytes(), time, kind, gzipped);
        StoredPath::fixed(DATA).listed(&self.quoting.quote(&name))
    }
}

/// Leaves out the data directory at the root of a tree that is a repository.
pub(crate) struct WithoutData<F>(pub(crate) F);

impl<F: Filter> Filter for WithoutData<F> {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        if path.as_bytes() == DATA.as_bytes() { Wanted::No } else { self.0.wants(path, stat, holds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{TimeSeparator, Zone};

    fn layout(chars: &[u8]) -> Layout {
        let times = TimeStyle { zone: Zone::utc(), separator: TimeSeparator::Colon };
        Layout::new(Quoting::parse(chars, b""), times, 255)
    }

    #[test]
    fn places_as_rdiff_backup_finds_them() {
        let (t, p) = (SessionTime(1_700_000_000), |s| RepoPath::new(s).unwrap());
        let text = |s: StoredPath| String::from_utf8(s.as_bytes().to_vec()).unwrap();
        let plain = layout(b"");
        let place = |l: &Layout, path| text(l.increment(p(path), None, t, IncrementKind::Diff, true));
        assert_eq!(place(&plain, b"d/x"), "rdiff-backup-data/increments/d/x.2023-11-14T22:13:20Z.diff.gz");
        assert_eq!(place(&plain, b""), "rdiff-backup-data/increments.2023-11-14T22:13:20Z.diff.gz");
        let quoted = layout(b"A-Z:");
        assert_eq!(
            place(&quoted, b"Dir/a:b"),
            "rdiff-backup-data/increments/;068ir/a;058b.2023-11-14;08422;05813;05820;090.diff.gz"
        );
        assert_eq!(text(quoted.mirror(p(b"Dir/a:b"), None)), ";068ir/a;058b");
        let long = LongName::Increments(b"7".to_vec());
        assert_eq!(
            text(plain.increment(p(b"d/x"), Some(&long), t, IncrementKind::Missing, false)),
            "rdiff-backup-data/long_filename_data/7.2023-11-14T22:13:20Z.missing"
        );
    }

    #[test]
    fn names_that_leave_no_room_for_a_time() {
        let path = |n: usize, b: u8| vec![b; n];
        let too_long = |l: &Layout, name: &[u8]| l.too_long(RepoPath::new(name).unwrap());
        assert_eq!(too_long(&layout(b""), &path(205, b'a')), None);
        assert_eq!(too_long(&layout(b""), &path(206, b'a')), Some(TooLong::Increments));
        assert_eq!(too_long(&layout(b"A-Z"), &path(64, b'A')), Some(TooLong::Mirror));
        assert_eq!(too_long(&layout(b"A-Z"), &[&path(64, b'A')[..], b"/x"].concat()), Some(TooLong::Mirror));
    }
}
