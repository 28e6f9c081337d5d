//! From the selection of the command line to the filter of a job.

use super::{Context, Failure, OrFail, Step};
use crate::action::{Choice, FileType, ListFile};
use crate::advice::told;
use rdiff_core::error::{Doing, IoContext};
use rdiff_core::path::RepoPath;
use rdiff_core::tree::Stat;
use rdiff_core::tree::select::{List, Rule, Selected, Selection, Sense, Separator};
use rdiff_core::tree::walk::{Everything, Filter, Holds, Wanted};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The filter that the options make.
#[derive(Clone, Debug)]
pub(super) enum Chosen {
    /// There were none.
    All,
    /// Some of the paths.
    Some(Selected),
}

impl Chosen {
    /// The same as a selection.
    pub(super) fn selected(&self) -> Selected {
        match self {
            Chosen::Some(selected) => selected.clone(),
            Chosen::All => Selected::new(Selection::default(), 0),
        }
    }
}

impl Filter for Chosen {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        match self {
            Chosen::All => Everything.wants(path, stat, holds),
            Chosen::Some(selected) => selected.wants(path, stat, holds),
        }
    }
}

impl Context<'_> {
    /// The filter for a tree whose root is `base` (as typed) and `root`. Without `root` the tree is that of a
    /// session, and knows nothing of file systems.
    pub(super) fn filter(
        &self,
        choices: &[Choice],
        base: &Path,
        root: Option<&Stat>,
    ) -> Result<Chosen, Failure> {
        let mut rules = Vec::with_capacity(choices.len());
        for choice in choices {
            match (choice, root) {
                (Choice::Type(_, FileType::OtherFilesystem), None) => {
                    self.ui.info("the selection of other file systems has no effect on a restore");
                }
                _ => rules.push(self.rule(choice)?),
            }
        }
        if rules.is_empty() {
            return Ok(Chosen::All);
        }
        let (selection, warnings) = Selection::build(&rules, base.as_os_str().as_bytes()).map_err(|e| {
            self.ui.fatal(&told(&e));
            Failure::Silent
        })?;
        for warning in warnings {
            self.ui.warning(&warning.to_string());
        }
        Ok(Chosen::Some(Selected::new(selection, root.map_or(0, |stat| stat.device))))
    }

    fn rule(&self, choice: &Choice) -> Result<Rule, Failure> {
        Ok(match choice {
            Choice::Glob(sense, glob) => Rule::Glob { sense: *sense, pattern: glob.clone() },
            Choice::Regexp(sense, re) => Rule::Regexp { sense: *sense, pattern: re.clone() },
            Choice::Filelist(sense, file) => Rule::Filelist { sense: *sense, list: self.list(file)? },
            Choice::GlobbingFilelist(sense, file) => {
                Rule::GlobbingFilelist { sense: *sense, list: self.list(file)? }
            }
            Choice::Type(sense, kind) => of_type(*kind)(*sense),
            Choice::IfPresent(sense, name) => Rule::IfPresent { sense: *sense, name: name.clone() },
            Choice::MaxFileSize(size) => Rule::MaxFileSize(self.size(*size)?),
            Choice::MinFileSize(size) => Rule::MinFileSize(self.size(*size)?),
        })
    }

    fn list(&self, file: &ListFile) -> Result<List, Failure> {
        let (name, contents) = match file {
            ListFile::StandardInput => {
                let mut contents = Vec::new();
                let read = std::io::stdin().read_to_end(&mut contents).map(|_| contents);
                ("standard input".to_owned(), read.while_doing(Doing::Read, "standard input"))
            }
            ListFile::Path(path) => {
                (path.display().to_string(), std::fs::read(path).while_doing(Doing::Read, path))
            }
        };
        let separator = if self.generic.null_separator { Separator::Nul } else { Separator::Newline };
        Ok(List { contents: contents.or_fail(self, Step::Setup)?, name, separator })
    }

    fn size(&self, size: i64) -> Result<u64, Failure> {
        u64::try_from(size).ok().filter(|&size| size > 0).ok_or_else(|| {
            self.ui.fatal(&format!(
                "--max-file-size and --min-file-size want bytes, from 1 on, and not '{size}'"
            ));
            Failure::Silent
        })
    }
}

fn of_type(kind: FileType) -> fn(Sense) -> Rule {
    match kind {
        FileType::Special => Rule::SpecialFiles,
        FileType::SymbolicLink => Rule::SymbolicLinks,
        FileType::Device => Rule::DeviceFiles,
        FileType::Fifo => Rule::Fifos,
        FileType::Socket => Rule::Sockets,
        FileType::OtherFilesystem => Rule::OtherFilesystems,
    }
}
