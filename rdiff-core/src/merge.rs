//! Two sorted streams, joined by path. Holds one item of each.
//!
//! ```
//! use rdiff_core::error::Error;
//! use rdiff_core::merge::{AtPath, InOrder, Pair, merge_join};
//! use rdiff_core::path::RepoPathBuf;
//!
//! let stream = |paths: &[&str]| -> Vec<Result<(RepoPathBuf, ()), Error>> {
//!     paths.iter().filter_map(|path| RepoPathBuf::new(*path).ok()).map(|path| Ok((path, ()))).collect()
//! };
//! let (old, new) = (stream(&["a", "a/x", "a.b"]), stream(&["a", "a.b", "c"]));
//! let old = InOrder::new(old.into_iter(), "the old tree"); // an error where it isn't sorted
//! for pair in merge_join(old, new.into_iter()) {
//!     match pair? {
//!         Pair::Left(gone) => assert_eq!(gone.path().to_string(), "a/x"),
//!         Pair::Right(new) => assert_eq!(new.path().to_string(), "c"),
//!         Pair::Both(was, is) => assert_eq!(was, is),
//!     }
//! }
//! # Ok::<(), Error>(())
//! ```

use crate::error::{Error, Result};
use crate::path::{RepoPath, RepoPathBuf};
use std::cmp::Ordering;

/// Something that stands at a path.
pub trait AtPath {
    /// Where.
    fn path(&self) -> RepoPath<'_>;
}

impl AtPath for crate::entry::Entry {
    fn path(&self) -> RepoPath<'_> {
        self.path.as_path()
    }
}

impl<T: AtPath> AtPath for Box<T> {
    fn path(&self) -> RepoPath<'_> {
        (**self).path()
    }
}

impl<T> AtPath for (RepoPathBuf, T) {
    fn path(&self) -> RepoPath<'_> {
        self.0.as_path()
    }
}

/// What two streams hold at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pair<L, R> {
    /// Only the left one has it.
    Left(L),
    /// Only the right one has it.
    Right(R),
    /// Both have it.
    Both(L, R),
}

impl<L: AtPath, R: AtPath> AtPath for Pair<L, R> {
    fn path(&self) -> RepoPath<'_> {
        match self {
            Pair::Left(l) | Pair::Both(l, _) => l.path(),
            Pair::Right(r) => r.path(),
        }
    }
}

/// Joins two streams that are each in path order. An error of either is passed on, and ends it: what the
/// other still holds must not look as if the one that failed did not have it.
pub fn merge_join<L: AtPath, R: AtPath>(
    left: impl Iterator<Item = Result<L>>,
    right: impl Iterator<Item = Result<R>>,
) -> impl Iterator<Item = Result<Pair<L, R>>> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    let mut failed = false;
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            _ if failed => return None,
            (None, None) => return None,
            (Some(Err(_)), _) | (Some(Ok(_)), None) => Ordering::Less,
            (_, Some(Err(_))) | (None, Some(Ok(_))) => Ordering::Greater,
            (Some(Ok(l)), Some(Ok(r))) => l.path().cmp(&r.path()),
        };
        let pair = match order {
            Ordering::Less => left.next()?.map(Pair::Left),
            Ordering::Greater => right.next()?.map(Pair::Right),
            Ordering::Equal => left.next()?.and_then(|l| match right.next() {
                Some(r) => Ok(Pair::Both(l, r?)),
                None => Ok(Pair::Left(l)),
            }),
        };
        failed = pair.is_err();
        Some(pair)
    })
}

/// Passes a stream on as long as its paths ascend, and ends it with [`Error::OutOfOrder`] if they don't.
pub struct InOrder<I> {
    inner: I,
    name: String,
    last: Option<RepoPathBuf>,
    failed: bool,
}

impl<I> InOrder<I> {
    /// Watches `inner`; `name` says in an error which stream it was.
    pub fn new(inner: I, name: impl Into<String>) -> Self {
        Self { inner, name: name.into(), last: None, failed: false }
    }
}

impl<T: AtPath, I: Iterator<Item = Result<T>>> Iterator for InOrder<I> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.failed {
            return None;
        }
        let item = self.inner.next()?;
        if let Ok(item) = &item {
            let path = item.path();
            if let Some(before) = self.last.as_ref().filter(|last| last.as_path() >= path) {
                self.failed = true;
                let (before, after) = (before.clone(), path.to_owned());
                return Some(Err(Error::OutOfOrder { stream: self.name.clone(), before, after }));
            }
            self.last = Some(path.to_owned());
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Items = Vec<(RepoPathBuf, u8)>;

    fn items(names: &[String], value: u8) -> Items {
        let mut items: Items =
            names.iter().filter_map(|n| Some((RepoPathBuf::new(n.as_bytes()).ok()?, value))).collect();
        items.sort();
        items.dedup();
        items
    }

    proptest! {
        #[test]
        fn joining_is_what_a_map_would_do(l in proptest::collection::vec("[ab/.]{0,4}", 0..8),
                                           r in proptest::collection::vec("[ab/.]{0,4}", 0..8)) {
            let (l, r) = (items(&l, 1), items(&r, 2));
            let mut map: BTreeMap<RepoPathBuf, u8> = BTreeMap::new();
            for (path, n) in l.iter().chain(&r) {
                *map.entry(path.clone()).or_default() += n;
            }
            let joined: Vec<_> = merge_join(l.into_iter().map(Ok), r.into_iter().map(Ok))
                .map(|pair| {
                    let pair = pair.unwrap();
                    let n = match &pair { Pair::Left(_) => 1, Pair::Right(_) => 2, Pair::Both(..) => 3 };
                    (pair.path().to_owned(), n)
                })
                .collect();
            prop_assert_eq!(joined, map.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_path_out_of_order_ends_the_stream_with_both_names() {
        let paths = ["a", "b", "b", "c"].map(|p| Ok((RepoPathBuf::new(p).unwrap(), ())));
        let out: Vec<_> = InOrder::new(paths.into_iter(), "the list").collect();
        assert_eq!(out.len(), 3);
        assert_eq!(out[2].as_ref().unwrap_err().to_string(), "the list is out of order: b comes after b");
    }
}
