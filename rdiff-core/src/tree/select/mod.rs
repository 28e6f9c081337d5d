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

mod build;
mod bytes;
mod error;
mod filelist;
mod filter;
mod glob;
mod pyregex;
mod rule;
mod step;

use std::cell::OnceCell;
use std::fmt;

use super::FileKind;
use crate::path::RepoPath;
use build::{Builder, tidy};
use filelist::is_at_or_below;
use step::{FullPath, Step};

pub use error::{SelectError, Warning};
pub use filter::Selected;
pub(crate) use pyregex::PyRegex;
pub use rule::{List, Rule, Sense, Separator};

/// The directory of a repository. At the root of a source it is never selected.
const DATA_DIRECTORY: &[u8] = b"rdiff-backup-data";
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

#[cfg(test)]
mod tests;
