//! A list of literal paths, one a line.
//!
//! The lines are sorted and read beside the walk, so a path is decided by the lines next to it: a line
//! that excludes a directory above it; else a line that names it; else the one line that follows it in
//! path order, if that includes something below it.

use std::cmp::Ordering;

use super::Sense;

/// One line of a list, as a path below the source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    path: Vec<u8>,
    sense: Sense,
    number: usize,
}

/// The lines of a list that lie in the source, in path order; at one path, excluding lines first.
#[derive(Debug, Clone, Default)]
pub(super) struct Filelist {
    lines: Vec<Line>,
}

impl Filelist {
    /// Makes a list of paths below the source (components joined by `/`), each with its line number.
    pub(super) fn new(lines: impl IntoIterator<Item = (Vec<u8>, Sense, usize)>) -> Self {
        let mut lines: Vec<_> =
            lines.into_iter().map(|(path, sense, number)| Line { path, sense, number }).collect();
        lines.sort_by(|a, b| {
            compare(&a.path, &b.path)
                .then_with(|| (a.sense == Sense::Include).cmp(&(b.sense == Sense::Include)))
        });
        Self { lines }
    }

    /// Is there a line that excludes?
    pub(super) fn excludes_something(&self) -> bool {
        self.lines.iter().any(|line| line.sense == Sense::Exclude)
    }

    /// What the list says of a path, and the number of the line that says it.
    pub(super) fn decide(&self, path: &[u8]) -> Option<(Sense, usize)> {
        let at = |path: &[u8]| self.lines.partition_point(|line| compare(&line.path, path).is_lt());
        let excluding = |ancestor: &[u8]| {
            self.lines.get(at(ancestor)).filter(|line| line.path == ancestor && line.sense == Sense::Exclude)
        };
        if self.lines.is_empty() {
            return None;
        }
        let found = ancestors(path).find_map(excluding).or_else(|| {
            self.lines
                .get(at(path))
                .filter(|line| line.sense == Sense::Include && is_at_or_below(&line.path, path))
        })?;
        Some((found.sense, found.number))
    }
}

/// The directories above a path, from the top, and the path itself.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|&(_, &b)| b == b'/').map(|(at, _)| at);
    let below = slashes.map(|at| &path[..at]).chain((!path.is_empty()).then_some(path));
    std::iter::once(&path[..0]).chain(below)
}

/// Is the path the directory, or something below it? All paths are below the empty one.
pub(super) fn is_at_or_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The order of the walk: by components. Unlike paths of a tree, a line may hold `..` or NUL.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.split(|&b| b == b'/').cmp(b.split(|&b| b == b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sense::{Exclude, Include};

    fn list(lines: &[(&str, Sense)]) -> Filelist {
        Filelist::new(
            lines.iter().enumerate().map(|(i, (path, sense))| (path.as_bytes().to_vec(), *sense, i + 1)),
        )
    }

    #[test]
    fn an_included_path_brings_its_parents_but_not_its_contents() {
        let l = list(&[("a/b", Include)]);
        assert_eq!(l.decide(b""), Some((Include, 1)));
        assert_eq!(l.decide(b"a"), Some((Include, 1)));
        assert_eq!(l.decide(b"a/b"), Some((Include, 1)));
        assert_eq!(l.decide(b"a/b/c"), None);
        assert_eq!(l.decide(b"a/a"), None);
        assert_eq!(l.decide(b"b"), None);
    }

    #[test]
    fn an_excluded_path_takes_its_contents_along() {
        let l = list(&[("a/b", Exclude)]);
        assert_eq!(l.decide(b"a"), None);
        assert_eq!(l.decide(b"a/b"), Some((Exclude, 1)));
        assert_eq!(l.decide(b"a/b/c"), Some((Exclude, 1)));
        assert_eq!(l.decide(b"a/b.c"), None);
    }

    #[test]
    fn only_the_line_that_follows_speaks_for_a_parent() {
        assert_eq!(list(&[("a/b", Exclude), ("a/c", Include)]).decide(b"a"), None);
        assert_eq!(list(&[("a/b", Include), ("a/c", Exclude)]).decide(b"a"), Some((Include, 1)));
    }

    #[test]
    fn exclusion_comes_first_at_one_path_and_from_above() {
        assert_eq!(list(&[("a", Include), ("a", Exclude)]).decide(b"a"), Some((Exclude, 2)));
        assert_eq!(list(&[("a/b", Include), ("a", Exclude)]).decide(b"a/b"), Some((Exclude, 2)));
        assert_eq!(list(&[("", Exclude)]).decide(b"x"), Some((Exclude, 1)));
    }
}
