//! One condition, and what it says of a path.

use super::filelist::{Filelist, is_at_or_below};
use super::glob::{Glob, GlobMatch};
use super::pyregex::PyRegex;
use super::{Candidate, Rule, Sense, Verdict};
use crate::path::RepoPath;
use crate::tree::FileKind;
use std::cell::OnceCell;

/// A path as the user writes it, made when first asked for.
pub(super) struct FullPath<'a> {
    pub(super) base: &'a [u8],
    pub(super) path: RepoPath<'a>,
    pub(super) joined: OnceCell<Vec<u8>>,
}

impl FullPath<'_> {
    fn get(&self) -> &[u8] {
        self.joined.get_or_init(|| {
            let mut joined = self.base.to_vec();
            if !self.path.is_root() {
                if !joined.ends_with(b"/") {
                    joined.push(b'/');
                }
                joined.extend_from_slice(self.path.as_bytes());
            }
            joined
        })
    }
}

/// One condition. A rule makes one, a globbing filelist one for each line.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) test: Test,
    pub(super) sense: Sense,
    pub(super) rule: usize,
    pub(super) line: Option<usize>,
}

/// What a condition looks at.
#[derive(Debug, Clone)]
pub(super) enum Test {
    All,
    Path(Vec<u8>),
    Glob(Box<Glob>),
    Regexp(PyRegex),
    Filelist(Filelist),
    Kinds(&'static [FileKind]),
    OtherFilesystems,
    IfPresent(Vec<u8>),
    LargerThan(u64),
    SmallerThan(u64),
}

pub(super) const SYMLINKS: &[FileKind] = &[FileKind::Symlink];

pub(super) const FIFOS: &[FileKind] = &[FileKind::Fifo];

pub(super) const SOCKETS: &[FileKind] = &[FileKind::Socket];

pub(super) const DEVICES: &[FileKind] = &[FileKind::BlockDevice, FileKind::CharDevice];

pub(super) const SPECIAL: &[FileKind] =
    &[FileKind::Symlink, FileKind::Fifo, FileKind::Socket, FileKind::BlockDevice, FileKind::CharDevice];

impl Step {
    /// What the condition says, and by which line of a list.
    pub(super) fn ask(
        &self,
        candidate: &Candidate<'_>,
        full: &FullPath<'_>,
    ) -> Option<(Verdict, Option<usize>)> {
        let path = candidate.path.as_bytes();
        let include = self.sense == Sense::Include;
        let matched = match &self.test {
            Test::All => true,
            Test::Path(named) => is_at_or_below(path, named) || (include && is_at_or_below(named, path)),
            Test::Glob(glob) if include => match glob.matches(full.get()) {
                GlobMatch::Whole => true,
                GlobMatch::Prefix => return Some((Verdict::Scan, self.line)),
                GlobMatch::No => false,
            },
            Test::Glob(glob) => glob.matches_whole(full.get()),
            Test::Regexp(regexp) => regexp.search(full.get()).unwrap_or(include),
            Test::Filelist(list) => {
                return list.decide(path).map(|(sense, line)| (sense.verdict(), Some(line)));
            }
            Test::Kinds(kinds) => kinds.contains(&candidate.kind),
            Test::OtherFilesystems => candidate.device != candidate.root_device,
            Test::IfPresent(name) if candidate.kind == FileKind::Directory => (candidate.has_entry)(name),
            Test::IfPresent(name) => include && (candidate.parent_has_entry)(name),
            Test::LargerThan(size) => candidate.kind == FileKind::Regular && candidate.size > *size,
            Test::SmallerThan(size) => candidate.kind == FileKind::Regular && candidate.size < *size,
        };
        matched.then_some((self.sense.verdict(), self.line))
    }

    /// Can it exclude anything?
    pub(super) fn can_exclude(&self) -> bool {
        let list_excludes = matches!(&self.test, Test::Filelist(list) if list.excludes_something());
        self.sense == Sense::Exclude || list_excludes
    }

    /// What to call it: the rule in words, and of a list the line.
    pub(super) fn name(&self, rules: &[Rule]) -> String {
        let rule = rules.get(self.rule).map(ToString::to_string).unwrap_or_default();
        self.line.map_or_else(|| rule.clone(), |line| format!("{rule} (line {line})"))
    }
}
