//! From a sorted stream of paths: which directories are being left.
//!
//! ```
//! use rdiff_core::nest::Nest;
//! use rdiff_core::path::{PathError, RepoPathBuf};
//!
//! let mut open = Nest::default(); // with what is to be remembered of each directory
//! let mut left = Vec::new();
//! for path in ["a", "a/x", "b"] {
//!     let path = RepoPathBuf::new(path)?;
//!     while let Some((dir, number)) = open.leave_for(path.as_path()) {
//!         left.push((dir.to_string(), number));
//!     }
//!     open.enter(path, left.len());
//! }
//! assert_eq!(left, [("a/x".to_owned(), 0), ("a".to_owned(), 0)]);
//! assert_eq!(open.leave_at_end().map(|(dir, _)| dir.to_string()), Some("b".to_owned()));
//! # Ok::<(), PathError>(())
//! ```

use crate::path::{RepoPath, RepoPathBuf};

/// The directories on the way to the present path, each with something to remember.
#[derive(Debug)]
pub struct Nest<D> {
    open: Vec<(RepoPathBuf, D)>,
}

impl<D> Default for Nest<D> {
    fn default() -> Self {
        Self { open: Vec::new() }
    }
}

impl<D> Nest<D> {
    /// Goes on to `path` and gives back one directory that this leaves, the deepest first. Call it until
    /// it returns nothing.
    pub fn leave_for(&mut self, path: RepoPath<'_>) -> Option<(RepoPathBuf, D)> {
        match self.open.last() {
            Some((dir, _)) if !path.starts_with(dir.as_path()) => self.open.pop(),
            _ => None,
        }
    }

    /// Enters a directory, after every directory that it is not in was left.
    pub fn enter(&mut self, dir: RepoPathBuf, data: D) {
        self.open.push((dir, data));
    }

    /// Leaves one more directory at the end of the stream.
    pub fn leave_at_end(&mut self) -> Option<(RepoPathBuf, D)> {
        self.open.pop()
    }

    /// The innermost directory.
    pub fn innermost(&mut self) -> Option<&mut (RepoPathBuf, D)> {
        self.open.last_mut()
    }

    /// All of them, from the root down.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut (RepoPathBuf, D)> {
        self.open.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_left_from_the_inside() {
        let mut nest = Nest::default();
        let mut left = Vec::new();
        for (path, is_dir) in
            [("", true), ("a", true), ("a/b", true), ("a/b/c", false), ("a.x", true), ("b", false)]
        {
            let path = RepoPathBuf::new(path).unwrap();
            while let Some((dir, ())) = nest.leave_for(path.as_path()) {
                left.push(dir.to_string());
            }
            if is_dir {
                nest.enter(path, ());
            }
        }
        while let Some((dir, ())) = nest.leave_at_end() {
            left.push(dir.to_string());
        }
        assert_eq!(left, ["a/b", "a", "a.x", "."]);
    }
}
