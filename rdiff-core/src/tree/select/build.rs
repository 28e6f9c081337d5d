//! Conditions made of rules.

use super::filelist::Filelist;
use super::glob::{self, Glob, GlobError, GlobMatch};
use super::pyregex::{PatternError, PyRegex};
use super::rule::line_sense;
use super::step::{DEVICES, FIFOS, SOCKETS, SPECIAL, SYMLINKS, Step, Test};
use super::{List, Rule, SelectError, Sense, Warning};

/// How many lines off the source are warned about, for each list.
const MAX_WARNINGS: usize = 5;

/// Collects the conditions of rules.
pub(super) struct Builder {
    pub(super) base: Vec<u8>,
    pub(super) steps: Vec<Step>,
    pub(super) warnings: Vec<Warning>,
}

impl Builder {
    pub(super) fn add(&mut self, rule: usize, from: &Rule) -> Result<(), SelectError> {
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
    let failed = |e: PatternError| SelectError::Regexp { pattern: pattern.into(), why: e.to_string() };
    PyRegex::new(pattern).map(Test::Regexp).map_err(failed)
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|component| !component.is_empty())
}

/// The source as the original sees it. Two slashes stay at the front before a letter or digit.
pub(super) fn tidy(base: &[u8]) -> Vec<u8> {
    let mut tidied = match base {
        [b'/', b'/', third, ..] if third.is_ascii_alphanumeric() => b"//".to_vec(),
        [b'/', ..] => b"/".to_vec(),
        _ => Vec::new(),
    };
    let kept: Vec<_> = components(base).filter(|&component| component != b".").collect();
    tidied.extend(kept.join(&b'/'));
    if tidied.is_empty() { b".".to_vec() } else { tidied }
}
