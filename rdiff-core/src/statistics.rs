//! The statistics of many sessions together: averages, and which directories weigh most.
//!
//! A directory counts for what is below it, but not for those below it that are listed themselves: else the root
//! would always be the largest.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! # let repo = rdiff_core::testing::two_sessions(dir.path())?;
//! use rdiff_core::statistics::{Measure, StatisticsFiles, Weights};
//!
//! let files = StatisticsFiles::find(&repo, None, None)?;
//! assert_eq!(files.all(&repo)?.len(), 2);
//! let mut bad = Vec::new();
//! let mut weights = Weights::read(&repo, &files.pairs[1], 0.1, b'\n', &mut |line: &[u8]| bad.push(line.to_vec()))?;
//! weights.add(Weights::read(&repo, &files.pairs[0], 0.1, b'\n', &mut |_: &[u8]| {})?);
//! for (path, share) in weights.top(Measure::SourceSize) {
//!     println!("{:.0} % {}", share, String::from_utf8_lossy(&path));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::error::{Error, FormatError, Result};
use crate::format::stats::{SessionStatistics, file_statistics_fields};
use crate::repo::metadata::in_file;
use crate::repo::{DataFile, Repository, read_small};
use crate::time::SessionTime;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

/// What directories are weighed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Measure {
    /// Bytes in the source.
    SourceSize,
    /// Bytes of increments.
    IncrementSize,
    /// Paths that changed.
    Changes,
}

/// The statistics files of some sessions.
#[derive(Clone, Debug)]
pub struct StatisticsFiles {
    /// Those of whole sessions, oldest first.
    pub sessions: Vec<DataFile>,
    /// Those that have a file with a line for each path beside them, and that file.
    pub pairs: Vec<(DataFile, DataFile)>,
}

impl StatisticsFiles {
    /// Finds those of sessions not before `from` and not after `to`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn find(repo: &Repository, from: Option<i64>, to: Option<i64>) -> Result<Self> {
        let is_wanted = |f: &DataFile| from.is_none_or(|t| f.time.0 >= t) && to.is_none_or(|t| f.time.0 <= t);
        let (mut sessions, mut by_path) = (BTreeMap::new(), BTreeMap::new());
        for file in repo.data_files()?.into_iter().filter(is_wanted) {
            match &file.base[..] {
                b"session_statistics" => drop(sessions.insert(file.time, file)),
                b"file_statistics" => drop(by_path.insert(file.time, file)),
                _ => {}
            }
        }
        let pair = |(time, file): (&SessionTime, &DataFile)| Some((file.clone(), by_path.remove(time)?));
        let pairs = sessions.iter().filter_map(pair).collect();
        Ok(Self { sessions: sessions.into_values().collect(), pairs })
    }

    /// The statistics of all the sessions.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the line that can't be read; [`Error::Io`].
    pub fn all(&self, repo: &Repository) -> Result<Vec<SessionStatistics>> {
        self.sessions.iter().map(|file| read_session(repo, file)).collect()
    }
}

fn read_session(repo: &Repository, file: &DataFile) -> Result<SessionStatistics> {
    let text = read_small(repo.root(), &file.place)?.unwrap_or_default();
    SessionStatistics::parse(&String::from_utf8_lossy(&text)).map_err(|line| Error::Corrupt {
        file: repo.path_of(&file.place),
        line: None,
        source: FormatError::Other(format!("bad line {line:?}")),
    })
}

/// A tree of those paths that are large by any measure. Smaller ones count in what they are in.
#[derive(Clone, Debug)]
pub struct Weights {
    root: Node,
    /// What a path needs to be large, by each measure.
    least: [f64; 3],
}

#[derive(Clone, Debug, Default)]
struct Node {
    name: Vec<u8>,
    sums: [u64; 3],
    children: Vec<Node>,
}

impl Node {
    fn add(&mut self, sums: &[u64; 3]) {
        for (mine, other) in self.sums.iter_mut().zip(sums) {
            *mine = mine.saturating_add(*other);
        }
    }
}

impl Weights {
    /// Reads one session. A path is large if it has `ratio` of the session's total. Lines that can't be read go to
    /// `bad`; `separator` ends lines.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::Io`].
    pub fn read(
        repo: &Repository,
        (session, by_path): &(DataFile, DataFile),
        ratio: f64,
        separator: u8,
        bad: &mut dyn FnMut(&[u8]),
    ) -> Result<Self> {
        let total = read_session(repo, session)?;
        // New files twice and deleted ones not at all: so does the original, whose numbers these are.
        let changes = total.new_files + total.changed_files + total.new_files;
        let least = [total.source_file_size, total.increment_file_size, changes].map(|n| n * ratio);
        let content = repo.open_side_file(&by_path.place)?;
        let mut content = BufReader::with_capacity(64 << 10, content);
        let (mut open, mut line) = (Open::new(least), Vec::new());
        let path = repo.path_of(&by_path.place);
        while content.read_until(separator, &mut line).map_err(|e| in_file(e.into(), &path, None))? > 0 {
            match file_statistics_fields(line.strip_suffix(&[separator]).unwrap_or(&line)) {
                Some((path, stats)) => {
                    let sums =
                        [stats.source.unwrap_or(0), stats.increment.unwrap_or(0), stats.changed.into()];
                    open.path(path, &sums);
                }
                None if line.starts_with(b"#") => {}
                None => bad(&line),
            }
            line.clear();
        }
        Ok(Self { root: open.close(), least })
    }

    /// Adds another session.
    pub fn add(&mut self, other: Self) {
        for (mine, other) in self.least.iter_mut().zip(other.least) {
            *mine += other;
        }
        merge(&mut self.root, other.root);
    }

    /// The large paths, heaviest first, as they stand in the statistics (`.` for the root), each with its part of
    /// all, in percent.
    pub fn top(&self, measure: Measure) -> Vec<(Vec<u8>, f64)> {
        let index = measure as usize;
        let mut found = Vec::new();
        collect(&self.root, &[], index, self.least[index], &mut found);
        found.sort_by_key(|(_, value)| std::cmp::Reverse(*value));
        let all = self.root.sums[index] as f64;
        found.into_iter().map(|(path, value)| (path, value as f64 / all * 100.0)).collect()
    }
}

fn merge(mine: &mut Node, other: Node) {
    mine.add(&other.sums);
    for child in other.children {
        match mine.children.iter_mut().find(|c| c.name == child.name) {
            Some(same) => merge(same, child),
            None => mine.children.push(child),
        }
    }
}

/// Appends the large paths at and below a node, parents first, and returns how much of it they have.
fn collect(node: &Node, path: &[u8], index: usize, least: f64, found: &mut Vec<(Vec<u8>, u64)>) -> u64 {
    let value = node.sums[index];
    if value as f64 <= least {
        return 0;
    }
    let place = found.len();
    let below = |child: &Node, found: &mut Vec<_>| {
        let path = if path.is_empty() { child.name.clone() } else { [path, b"/", &child.name].concat() };
        collect(child, &path, index, least, found)
    };
    let listed: u64 = node.children.iter().map(|child| below(child, found)).fold(0, u64::saturating_add);
    let own = value.saturating_sub(listed);
    if (own as f64) < least {
        return listed;
    }
    let shown = if path.is_empty() { b"." } else { path };
    found.insert(place, (shown.to_vec(), own));
    value
}

/// The directories on the way to the path that was read last.
struct Open {
    stack: Vec<Node>,
    least: [f64; 3],
}

impl Open {
    fn new(least: [f64; 3]) -> Self {
        Self { stack: vec![Node::default()], least }
    }

    fn path(&mut self, path: &[u8], sums: &[u64; 3]) {
        let names: Vec<&[u8]> = if path == b"." { Vec::new() } else { path.split(|&b| b == b'/').collect() };
        let shared =
            self.stack[1..].iter().zip(&names).take_while(|(node, name)| node.name == **name).count();
        while self.stack.len() > 1 + shared {
            self.pop();
        }
        for name in &names[shared..] {
            self.stack.push(Node { name: name.to_vec(), ..Node::default() });
        }
        if let Some(node) = self.stack.last_mut() {
            node.add(sums);
        }
    }

    /// What is small goes up into its directory.
    fn pop(&mut self) {
        let Some(node) = self.stack.pop() else { return };
        let Some(parent) = self.stack.last_mut() else { return };
        parent.add(&node.sums);
        if node.sums.iter().zip(self.least).any(|(sum, least)| *sum as f64 >= least) {
            parent.children.push(node);
        }
    }

    fn close(mut self) -> Node {
        while self.stack.len() > 1 {
            self.pop();
        }
        self.stack.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(lines: &[(&str, u64)], least: f64) -> Weights {
        let mut open = Open::new([least; 3]);
        for (path, size) in lines {
            open.path(path.as_bytes(), &[*size, 0, 0]);
        }
        Weights { root: open.close(), least: [least; 3] }
    }

    fn top(weights: &Weights) -> Vec<(String, u64)> {
        let name = |(path, part): (Vec<u8>, f64)| (String::from_utf8(path).unwrap(), part.round() as u64);
        weights.top(Measure::SourceSize).into_iter().map(name).collect()
    }

    #[test]
    fn what_is_listed_does_not_count_for_what_it_is_in() {
        let tree = [(".", 0), ("a", 0), ("a/big", 60), ("a/s1", 4), ("a/s2", 6), ("b", 0), ("b/x", 30)];
        let some = |list: &[(&str, u64)]| list.iter().map(|(p, n)| ((*p).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(top(&weights(&tree, 5.0)), some(&[("a/big", 60), ("b/x", 30), ("a/s2", 6)]));
        assert_eq!(top(&weights(&tree, 8.0)), some(&[("a/big", 60), ("b/x", 30), ("a", 10)]));
        assert_eq!(top(&weights(&tree, 50.0)), some(&[("a/big", 60)]));
        assert_eq!(top(&weights(&[(".", 0)], 0.0)), some(&[]));
    }

    #[test]
    fn sessions_add_up() {
        let mut sum = weights(&[(".", 0), ("a", 50), ("b", 2)], 5.0);
        sum.add(weights(&[(".", 0), ("a", 30), ("c", 18)], 5.0));
        assert_eq!(top(&sum), [("a".to_owned(), 80), ("c".to_owned(), 18)]);
    }
}
