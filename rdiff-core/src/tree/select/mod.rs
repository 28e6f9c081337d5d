//! Which paths of a tree take part: ordered rules, of which the first that decides wins.
//!
//! A rule says Include, Exclude, Scan ("something below may be included", directories only) or nothing.
//! The rules behind a Scan are still asked: one that includes settles it, one that excludes leaves it at
//! Scan, and a directory nobody decides about is included. What no rule decides is included, and
//! `rdiff-backup-data` at the root is out before any rule is asked.
//!
//! The caller walks in path order, asks about a directory before its contents, does not enter an
//! excluded one, and emits a scanned one only if something below it is included. A backup takes the root
//! without asking. A restore asks about it like about any other path.
//!
//! Rules are read as rdiff-backup reads them, oddities included; [`Rule`] has them one by one.
//!
//! ```
//! use rdiff_core::path::RepoPath;
//! use rdiff_core::tree::FileKind;
//! use rdiff_core::tree::select::{
//!     Candidate, Decision, Explained, List, Rule, SelectError, Selected, Selection, Sense, Separator, Verdict,
//!     Warning,
//! };
//!
//! let list = List { contents: b"/home/ann/keep\n".to_vec(), name: "list".into(), separator: Separator::Newline };
//! let rules = [
//!     Rule::Filelist { sense: Sense::Include, list },
//!     Rule::Glob { sense: Sense::Exclude, pattern: b"/home/ann/**.tmp".to_vec() },
//!     Rule::MaxFileSize(1 << 20), // bytes
//! ];
//! let (selection, warnings): (Selection, Vec<Warning>) = Selection::build(&rules, b"/home/ann")?;
//! assert!(warnings.is_empty());
//! let candidate = Candidate {
//!     path: RepoPath::new(b"x.tmp").unwrap_or(RepoPath::ROOT),
//!     kind: FileKind::Regular,
//!     size: 10,
//!     device: 1,
//!     root_device: 1,
//!     has_entry: &|_| false,
//!     parent_has_entry: &|_| false,
//! };
//! let decision: Decision = selection.decide(&candidate);
//! assert_eq!((decision.verdict, decision.rule), (Verdict::Exclude, Some(1)));
//! let explained: Explained = selection.explain(decision);
//! assert_eq!(explained.to_string(), "excluded by rule 2: exclude /home/ann/**.tmp");
//!
//! // As the filter of a job; 0 stands for any device.
//! let filter = Selected::new(selection, 0);
//! # drop(filter);
//! # Ok::<(), SelectError>(())
//! ```

mod bytes;
mod filelist;
mod filter;
mod glob;
mod pyregex;
mod rule;

use std::cell::OnceCell;
use std::fmt;

use super::FileKind;
use crate::path::RepoPath;
use bytes::Quoted;
use filelist::{Filelist, is_at_or_below};
use glob::{Glob, GlobError, GlobMatch};
use pyregex::PyRegex;
use rule::line_sense;

pub use filter::Selected;
pub use rule::{List, Rule, Sense, Separator};

/// The directory of a repository. At the root of a source it is never selected.
const DATA_DIRECTORY: &[u8] = b"rdiff-backup-data";
/// How many lines off the source are warned about, for each list.
const MAX_WARNINGS: usize = 5;

/// Something odd in the rules that does not stop the job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A line of a list that is not in the source. It is ignored.
    OffSource {
        /// The line, without `+ ` or `- `.
        line: Vec<u8>,
        /// The list.
        list: String,
        /// The source.
        base: Vec<u8>,
    },
    /// More such lines of the same list are not reported.
    NoMoreWarnings,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::OffSource { line, list, base } => {
                write!(f, "{} in {list} is not in the source {}, and is ignored", Quoted(line), Quoted(base))
            }
            Warning::NoMoreWarnings => {
                f.write_str("more lines that are not in the source are ignored without a word")
            }
        }
    }
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The last rule can only include, which is the default anyway.
    #[error(
        "the last rule, {rule}, only includes, but what no rule excludes is taken anyway; put one behind it that \
         excludes '**' to take nothing else"
    )]
    LastOnlyIncludes {
        /// The rule in words, and of a list its line.
        rule: String,
    },
    /// A path or glob that does not reach the source.
    #[error(
        "{} matches nothing in {base}; a path or pattern begins with that, as typed, or with '**'",
        Quoted(spec),
        base = Quoted(base)
    )]
    CannotMatch {
        /// The path or glob.
        spec: Vec<u8>,
        /// The source.
        base: Vec<u8>,
    },
    /// `//` in a glob, before its first `**`.
    #[error("the glob {} has two slashes in a row, so it matches nothing; write one", Quoted(glob))]
    ConsecutiveSlashes {
        /// The glob.
        glob: Vec<u8>,
    },
    /// A size of 0.
    #[error("the largest or smallest size of files is 1 byte or more, and not {size}")]
    FileSize {
        /// The size.
        size: u64,
    },
    /// A glob with a bad range in brackets, or too large to compile.
    #[error("the glob {} cannot be used: {why}", Quoted(glob))]
    Glob {
        /// As typed.
        glob: Vec<u8>,
        /// What is wrong.
        why: String,
    },
    /// A bad regular expression.
    #[error("the regular expression {} cannot be used: {why}", Quoted(pattern))]
    Regexp {
        /// As typed.
        pattern: Vec<u8>,
        /// What is wrong, and where.
        why: String,
    },
}

/// A path to decide about.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The path in the tree.
    pub path: RepoPath<'a>,
    /// What it is; links are not followed.
    pub kind: FileKind,
    /// The size in bytes of a regular file; not looked at otherwise.
    pub size: u64,
    /// The device it is on.
    pub device: u64,
    /// The device the root is on.
    pub root_device: u64,
    /// Does this directory hold an entry of that name? Links are not followed to their end: a dangling one
    /// is there. False if the directory cannot be read. Asked of directories, for [`Rule::IfPresent`] only.
    /// The name is as typed, so it may be empty or hold slashes.
    pub has_entry: &'a dyn Fn(&[u8]) -> bool,
    /// The same question about the directory that holds this path. Asked of everything else.
    pub parent_has_entry: &'a dyn Fn(&[u8]) -> bool,
}

/// What is to be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verdict {
    /// Take it, and enter it if it is a directory.
    Include,
    /// Leave it and everything below it.
    Exclude,
    /// A directory: enter it, and take it only if something below it is taken.
    Scan,
}

/// A verdict and where it comes from. [`Selection::explain`] adds the rule in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Decision {
    /// What is to be done.
    pub verdict: Verdict,
    /// The index of the deciding rule; for Scan, of the first that wants to scan. Nothing if no rule
    /// decided, or the directory of a repository was left out.
    pub rule: Option<usize>,
    /// If that rule is a list, the deciding line, from 1.
    pub line: Option<usize>,
}

/// Rules made ready for one source.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    base: Vec<u8>,
    steps: Vec<Step>,
    rules: Vec<String>,
}

impl Selection {
    /// Prepares rules for the source directory `base`, given as typed (for a restore, the target).
    ///
    /// As in the original, `base` is tidied first: `.` components, doubled slashes and a last slash go, so
    /// a rule for the source `./src/` begins with `src`.
    ///
    /// # Errors
    /// [`SelectError`], for the first rule that is wrong; then if the last one can only include.
    pub fn build(rules: &[Rule], base: &[u8]) -> Result<(Self, Vec<Warning>), SelectError> {
        let mut builder = Builder { base: tidy(base), steps: Vec::new(), warnings: Vec::new() };
        for (index, rule) in rules.iter().enumerate() {
            builder.add(index, rule)?;
        }
        let Builder { base, steps, warnings } = builder;
        if let Some(last) = steps.last().filter(|step| !step.can_exclude()) {
            return Err(SelectError::LastOnlyIncludes { rule: last.name(rules) });
        }
        let rules = rules.iter().map(ToString::to_string).collect();
        Ok((Self { base, steps, rules }, warnings))
    }

    /// Without conditions? Then everything is included, but for the directory of a repository.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Decides about one path.
    pub fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        let decision = |verdict, rule, line| Decision { verdict, rule, line };
        if is_at_or_below(candidate.path.as_bytes(), DATA_DIRECTORY) {
            return decision(Verdict::Exclude, None, None);
        }
        let full = FullPath { base: &self.base, path: candidate.path, joined: OnceCell::new() };
        let mut scanned = None;
        for step in &self.steps {
            let Some((verdict, line)) = step.ask(candidate, &full) else { continue };
            let found = decision(verdict, Some(step.rule), line);
            match verdict {
                Verdict::Include => return found,
                Verdict::Exclude => return scanned.unwrap_or(found),
                // A scanned file is as good as excluded, unless a later rule includes it; but one that no
                // later rule decides about is included.
                Verdict::Scan if candidate.kind != FileKind::Directory => {}
                Verdict::Scan => _ = scanned.get_or_insert(found),
            }
        }
        decision(Verdict::Include, None, None)
    }

    /// Adds to a decision the rule that made it.
    pub fn explain(&self, decision: Decision) -> Explained {
        let rule = decision.rule.and_then(|index| self.rules.get(index)).cloned();
        Explained { decision, rule }
    }
}

/// A decision with its rule. It displays as the end of a sentence: "excluded by rule 3: max-file-size 5".
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Explained {
    /// What was decided.
    pub decision: Decision,
    /// The deciding rule in words, as [`Rule`] displays. Nothing if no rule decided.
    pub rule: Option<String>,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { verdict, rule: index, line } = self.decision;
        f.write_str(match verdict {
            Verdict::Include => "included",
            Verdict::Exclude => "excluded",
            Verdict::Scan => "taken only if something in it is included",
        })?;
        match (index.zip(self.rule.as_ref()), verdict) {
            (Some((index, rule)), _) => write!(f, " by rule {}: {rule}", index + 1)?,
            (None, Verdict::Exclude) => f.write_str(": the data directory of a repository")?,
            (None, _) => f.write_str(": no rule decides")?,
        }
        line.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// A path as the user writes it, made when first asked for.
struct FullPath<'a> {
    base: &'a [u8],
    path: RepoPath<'a>,
    joined: OnceCell<Vec<u8>>,
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
struct Step {
    test: Test,
    sense: Sense,
    rule: usize,
    line: Option<usize>,
}

/// What a condition looks at.
#[derive(Debug, Clone)]
enum Test {
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

const SYMLINKS: &[FileKind] = &[FileKind::Symlink];
const FIFOS: &[FileKind] = &[FileKind::Fifo];
const SOCKETS: &[FileKind] = &[FileKind::Socket];
const DEVICES: &[FileKind] = &[FileKind::BlockDevice, FileKind::CharDevice];
const SPECIAL: &[FileKind] =
    &[FileKind::Symlink, FileKind::Fifo, FileKind::Socket, FileKind::BlockDevice, FileKind::CharDevice];

impl Step {
    /// What the condition says, and by which line of a list.
    fn ask(&self, candidate: &Candidate<'_>, full: &FullPath<'_>) -> Option<(Verdict, Option<usize>)> {
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
    fn can_exclude(&self) -> bool {
        let list_excludes = matches!(&self.test, Test::Filelist(list) if list.excludes_something());
        self.sense == Sense::Exclude || list_excludes
    }

    /// What to call it: the rule in words, and of a list the line.
    fn name(&self, rules: &[Rule]) -> String {
        let rule = rules.get(self.rule).map(ToString::to_string).unwrap_or_default();
        self.line.map_or_else(|| rule.clone(), |line| format!("{rule} (line {line})"))
    }
}

/// Collects the conditions of rules.
struct Builder {
    base: Vec<u8>,
    steps: Vec<Step>,
    warnings: Vec<Warning>,
}

impl Builder {
    fn add(&mut self, rule: usize, from: &Rule) -> Result<(), SelectError> {
        let (test, sense) = match from {
            Rule::Glob { sense, pattern } => (self.glob(pattern)?, *sense),
            Rule::Regexp { sense, pattern } => (regexp(pattern)?, *sense),
            Rule::Filelist { sense, list } => (Test::Filelist(self.filelist(list, *sense)), *sense),
            Rule::GlobbingFilelist { sense, list } => return self.globbing_filelist(rule, list, *sense),
            Rule::SpecialFiles(sense) => (Test::Kinds(SPECIAL), *sense),
            Rule::SymbolicLinks(sense) => (Test::Kinds(SYMLINKS), *sense),
            Rule::DeviceFiles(sense) => (Test::Kinds(DEVICES), *sense),
            Rule::Fifos(sense) => (Test::Kinds(FIFOS), *sense),
            Rule::Sockets(sense) => (Test::Kinds(SOCKETS), *sense),
            Rule::OtherFilesystems(sense) => (Test::OtherFilesystems, *sense),
            Rule::IfPresent { sense, name } => (Test::IfPresent(name.clone()), *sense),
            Rule::MaxFileSize(0) | Rule::MinFileSize(0) => return Err(SelectError::FileSize { size: 0 }),
            Rule::MaxFileSize(size) => (Test::LargerThan(*size), Sense::Exclude),
            Rule::MinFileSize(size) => (Test::SmallerThan(*size), Sense::Exclude),
        };
        self.steps.push(Step { test, sense, rule, line: None });
        Ok(())
    }

    /// A path or glob. It must reach the source.
    fn glob(&self, text: &[u8]) -> Result<Test, SelectError> {
        if text == b"**" {
            return Ok(Test::All);
        }
        let cannot_match =
            |spec: &[u8]| SelectError::CannotMatch { spec: spec.into(), base: self.base.clone() };
        if !glob::is_glob(text) {
            return Ok(Test::Path(self.below_base(text).ok_or_else(|| cannot_match(text))?));
        }
        let glob = Glob::new(text).map_err(|e| match e {
            GlobError::ConsecutiveSlashes => SelectError::ConsecutiveSlashes { glob: text.into() },
            _ => SelectError::Glob { glob: text.into(), why: e.to_string() },
        })?;
        match glob.matches(&self.base) {
            GlobMatch::No => Err(cannot_match(text)),
            _ => Ok(Test::Glob(Box::new(glob))),
        }
    }

    /// The lines of a list that are in the source; warns about the others.
    fn filelist(&mut self, list: &List, sense: Sense) -> Filelist {
        let mut off_source = 0;
        let mut lines = Vec::new();
        for (number, line) in list.lines() {
            let (text, sense) = line_sense(line, sense);
            match self.below_base(text) {
                Some(path) => lines.push((path, sense, number)),
                None => {
                    off_source += 1;
                    self.warn(text, list, off_source);
                }
            }
        }
        Filelist::new(lines)
    }

    fn warn(&mut self, line: &[u8], list: &List, count: usize) {
        if count <= MAX_WARNINGS {
            let (list, base) = (list.name.clone(), self.base.clone());
            self.warnings.push(Warning::OffSource { line: line.into(), list, base });
        }
        if count == MAX_WARNINGS {
            self.warnings.push(Warning::NoMoreWarnings);
        }
    }

    fn globbing_filelist(&mut self, rule: usize, list: &List, sense: Sense) -> Result<(), SelectError> {
        for (number, line) in list.lines() {
            let (text, sense) = line_sense(line, sense);
            let test = self.glob(text)?;
            self.steps.push(Step { test, sense, rule, line: Some(number) });
        }
        Ok(())
    }

    /// A path as typed, below the source: components joined by `/`. Nothing if it is not there.
    ///
    /// A leading slash does not count, so `/src` lies in the source `src`.
    fn below_base(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut components = components(text);
        for component in self::components(&self.base) {
            (components.next()? == component).then_some(())?;
        }
        Some(components.collect::<Vec<_>>().join(&b'/'))
    }
}

fn regexp(pattern: &[u8]) -> Result<Test, SelectError> {
    let failed =
        |e: pyregex::PatternError| SelectError::Regexp { pattern: pattern.into(), why: e.to_string() };
    PyRegex::new(pattern).map(Test::Regexp).map_err(failed)
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|component| !component.is_empty())
}

/// The source as the original sees it. Two slashes stay at the front before a letter or digit.
fn tidy(base: &[u8]) -> Vec<u8> {
    let mut tidied = match base {
        [b'/', b'/', third, ..] if third.is_ascii_alphanumeric() => b"//".to_vec(),
        [b'/', ..] => b"/".to_vec(),
        _ => Vec::new(),
    };
    let kept: Vec<_> = components(base).filter(|&component| component != b".").collect();
    tidied.extend(kept.join(&b'/'));
    if tidied.is_empty() { b".".to_vec() } else { tidied }
}

#[cfg(test)]
mod tests;
