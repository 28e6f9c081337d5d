//! A path inside the tree, as bytes.
//!
//! Its one order is by components: a directory's contents follow it at once, so `a` < `a/x` < `a.b`.
//! Every stream of the crate is in this order.
//!
//! ```
//! use rdiff_core::path::{PathError, RepoPath, RepoPathBuf, check_component};
//!
//! let path = RepoPath::new(b"dir/f\xff")?; // bytes, not text
//! assert_eq!(path.parent(), Some(RepoPath::new(b"dir")?));
//! assert_eq!(path.name(), Some(&b"f\xff"[..]));
//! assert_eq!(RepoPath::ROOT.join(b"dir"), RepoPathBuf::new("dir")?);
//!
//! // What could lead out of the tree is no path.
//! assert_eq!(RepoPath::new(b"../etc"), Err(PathError::Dots));
//! assert_eq!(RepoPath::new(b"/etc"), Err(PathError::Absolute));
//! assert!(check_component(b"a/b").is_err());
//! # Ok::<(), PathError>(())
//! ```

#[cfg(feature = "serde")]
pub(crate) mod wire;

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Why a sequence of bytes is no path inside a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It begins with a slash.
    #[error("the path is absolute")]
    Absolute,
    /// Two slashes meet, or one ends the path.
    #[error("the path has an empty component")]
    Empty,
    /// A component is `.` or `..`.
    #[error("the path has a component `.` or `..`")]
    Dots,
    /// A byte is NUL.
    #[error("the path holds a NUL byte")]
    Nul,
}

/// Checks one component: not empty, not `.` or `..`, without `/` and NUL.
///
/// ```
/// # use rdiff_core::path::{PathError, check_component};
/// assert_eq!(check_component(b"name"), Ok(()));
/// assert_eq!(check_component(b".."), Err(PathError::Dots));
/// ```
///
/// # Errors
/// The rule that it breaks.
pub fn check_component(name: &[u8]) -> Result<(), PathError> {
    match name {
        b"" => Err(PathError::Empty),
        b"." | b".." => Err(PathError::Dots),
        _ if name.contains(&0) => Err(PathError::Nul),
        _ if name.contains(&b'/') => Err(PathError::Absolute),
        _ => Ok(()),
    }
}

/// A borrowed path inside the tree: components joined by `/`; empty for the root.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RepoPath<'a>(&'a [u8]);

impl<'a> RepoPath<'a> {
    /// The root of the tree.
    pub const ROOT: RepoPath<'static> = RepoPath(b"");

    /// Takes bytes such as `a/b` (or nothing, for the root) after checking every component.
    ///
    /// # Errors
    /// [`PathError`] for anything that could lead out of the tree or that no file system can hold.
    pub fn new(bytes: &'a [u8]) -> Result<Self, PathError> {
        if bytes.is_empty() {
            return Ok(Self(bytes));
        }
        if bytes[0] == b'/' {
            return Err(PathError::Absolute);
        }
        if memchr::memchr(0, bytes).is_some() {
            return Err(PathError::Nul);
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'/', bytes).chain([bytes.len()]) {
            match &bytes[start..end] {
                b"" => return Err(PathError::Empty),
                b"." | b".." => return Err(PathError::Dots),
                _ => start = end + 1,
            }
        }
        Ok(Self(bytes))
    }

    /// The bytes, components joined by `/`; empty for the root.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The same bytes for the operating system. The root is empty, not `.`.
    pub fn as_os_str(self) -> &'a OsStr {
        OsStr::from_bytes(self.0)
    }

    /// Is this the root?
    pub fn is_root(self) -> bool {
        self.0.is_empty()
    }

    /// The components, from the top; none for the root.
    pub fn components(self) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.0.split(|&b| b == b'/').filter(|c| !c.is_empty())
    }

    /// How many components there are; 0 for the root.
    pub fn depth(self) -> usize {
        if self.0.is_empty() { 0 } else { 1 + self.0.iter().filter(|&&b| b == b'/').count() }
    }

    /// The last component, or nothing for the root.
    pub fn name(self) -> Option<&'a [u8]> {
        (!self.0.is_empty()).then(|| &self.0[self.0.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1)..])
    }

    /// The directory that holds it; nothing for the root.
    pub fn parent(self) -> Option<RepoPath<'a>> {
        (!self.0.is_empty())
            .then(|| RepoPath(&self.0[..self.0.iter().rposition(|&b| b == b'/').unwrap_or(0)]))
    }

    /// Is it `ancestor`, or something below it?
    pub fn starts_with(self, ancestor: RepoPath<'_>) -> bool {
        ancestor.is_root()
            || (self.0.starts_with(ancestor.0)
                && (self.0.len() == ancestor.0.len() || self.0[ancestor.0.len()] == b'/'))
    }

    /// The rest of it below `ancestor`, or nothing if it is not there.
    pub fn below(self, ancestor: RepoPath<'_>) -> Option<RepoPath<'a>> {
        if !self.starts_with(ancestor) {
            return None;
        }
        let skip = if ancestor.is_root() || self.0.len() == ancestor.0.len() { 0 } else { 1 };
        Some(RepoPath(&self.0[ancestor.0.len() + skip..]))
    }

    /// Makes it owned.
    pub fn to_owned(self) -> RepoPathBuf {
        RepoPathBuf(self.0.to_vec())
    }

    /// The path of `name` in this directory. The name must have been checked.
    pub fn join(self, name: &[u8]) -> RepoPathBuf {
        let mut joined = Vec::with_capacity(self.0.len() + 1 + name.len());
        joined.extend_from_slice(self.0);
        if !joined.is_empty() && !name.is_empty() {
            joined.push(b'/');
        }
        joined.extend_from_slice(name);
        RepoPathBuf(joined)
    }
}

impl Ord for RepoPath<'_> {
    /// By components. A `/` ends a component and so sorts below every byte a name can hold.
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

/// The order of paths, for bytes that may be none.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let shared = shared_length(a, b);
    match (a.get(shared), b.get(shared)) {
        (None, _) | (_, None) => a.len().cmp(&b.len()),
        (Some(b'/'), _) => Ordering::Less,
        (_, Some(b'/')) => Ordering::Greater,
        (a, b) => a.cmp(&b),
    }
}

/// How many bytes two paths begin with in common. Neighbours share most of theirs: eight at a time.
pub(crate) fn shared_length(a: &[u8], b: &[u8]) -> usize {
    let words = a.chunks_exact(8).zip(b.chunks_exact(8)).take_while(|(a, b)| a == b).count();
    8 * words + a[8 * words..].iter().zip(&b[8 * words..]).take_while(|(a, b)| a == b).count()
}

impl PartialOrd for RepoPath<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RepoPath<'_> {
    /// `.` for the root; bytes that are no text are shown as U+FFFD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { f.write_str(&String::from_utf8_lossy(self.0)) }
    }
}

impl fmt::Debug for RepoPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.0))
    }
}

/// An owned path inside the tree.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct RepoPathBuf(Vec<u8>);

impl RepoPathBuf {
    /// Takes the bytes after checking every component.
    ///
    /// # Errors
    /// As [`RepoPath::new`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathError> {
        let bytes = bytes.into();
        RepoPath::new(&bytes)?;
        Ok(Self(bytes))
    }

    /// Becomes another path, in the same memory.
    pub fn assign(&mut self, path: RepoPath<'_>) {
        self.0.clear();
        self.0.extend_from_slice(path.0);
    }

    /// Borrows it.
    pub fn as_path(&self) -> RepoPath<'_> {
        RepoPath(&self.0)
    }

    /// The bytes, components joined by `/`; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Is this the root?
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ord for RepoPathBuf {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_path().cmp(&other.as_path())
    }
}

impl PartialOrd for RepoPathBuf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RepoPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().fmt(f)
    }
}

impl fmt::Debug for RepoPathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_path(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_contents_of_a_directory_follow_it_at_once() {
        let mut paths: Vec<_> =
            ["a.b", "a/x", "a", "", "a/x/y", "a-b", "b"].map(|p| RepoPathBuf::new(p).unwrap()).into();
        paths.sort();
        let sorted: Vec<_> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, [".", "a", "a/x", "a/x/y", "a-b", "a.b", "b"]);
    }

    #[test]
    fn nothing_that_leads_out_of_the_tree_is_a_path() {
        for (bytes, why) in [
            (&b"/etc"[..], PathError::Absolute),
            (b"a//b", PathError::Empty),
            (b"a/", PathError::Empty),
            (b"..", PathError::Dots),
            (b"a/../b", PathError::Dots),
            (b"./a", PathError::Dots),
            (b"a\0b", PathError::Nul),
        ] {
            assert_eq!(RepoPath::new(bytes), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn below_and_starts_with_respect_components() {
        let p = |s| RepoPath::new(s).unwrap();
        assert!(p(b"a/b").starts_with(p(b"a")));
        assert!(!p(b"ab").starts_with(p(b"a")));
        assert_eq!(p(b"a/b/c").below(p(b"a")), Some(p(b"b/c")));
        assert_eq!(p(b"a").below(p(b"a")), Some(RepoPath::ROOT));
        assert_eq!(p(b"a").below(RepoPath::ROOT), Some(p(b"a")));
        assert_eq!(p(b"a/b").parent(), Some(p(b"a")));
        assert_eq!(p(b"a").parent(), Some(RepoPath::ROOT));
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_component_lists(a in "[a./\\-]{0,8}", b in "[a./\\-]{0,8}") {
            if let (Ok(a), Ok(b)) = (RepoPath::new(a.as_bytes()), RepoPath::new(b.as_bytes())) {
                prop_assert_eq!(a.cmp(&b), a.components().cmp(b.components()));
            }
        }
    }
}
