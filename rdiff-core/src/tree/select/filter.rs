//! A selection as the filter of a walk.

use super::{Candidate, Decision, Explained, Rule, SelectError, Selection, Verdict, Warning};
use crate::path::{RepoPath, RepoPathBuf};
use crate::tree::Stat;
use crate::tree::walk::{Filter, Holds, Wanted};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Shows of a source what a [`Selection`] includes. The root is always shown.
#[derive(Debug, Clone)]
pub struct Selected {
    selection: Selection,
    root_device: u64,
}

impl Selected {
    /// For a tree whose root is on `root_device`, as `stat` numbers it; 0 for one that isn't live.
    pub fn new(selection: Selection, root_device: u64) -> Self {
        Self { selection, root_device }
    }

    /// The same from rules, for the source directory `base` as typed (for a restore, the target).
    ///
    /// # Errors
    /// As [`Selection::build`].
    pub fn of(rules: &[Rule], base: &Path, root_device: u64) -> Result<(Self, Vec<Warning>), SelectError> {
        let (selection, warnings) = Selection::build(rules, base.as_os_str().as_bytes())?;
        Ok((Self::new(selection, root_device), warnings))
    }
}

impl Selected {
    /// What is to be done with a path, and why. As [`Filter::wants`], of a path whose directories are all
    /// entered; [`explain`](crate::explain) asks about those too.
    pub fn explain(&self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Explained {
        self.selection.explain(self.decide(path, stat, holds))
    }

    fn decide(&self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Decision {
        self.selection.decide(&Candidate {
            path,
            kind: stat.kind,
            size: stat.size,
            device: stat.device,
            root_device: self.root_device,
            has_entry: &|name| is_there(holds, path, name),
            parent_has_entry: &|name| path.parent().is_some_and(|parent| is_there(holds, parent, name)),
        })
    }
}

impl Filter for Selected {
    fn wants(&mut self, path: RepoPath<'_>, stat: &Stat, holds: &Holds<'_>) -> Wanted {
        match self.decide(path, stat, holds).verdict {
            Verdict::Include => Wanted::Yes,
            Verdict::Exclude => Wanted::No,
            Verdict::Scan => Wanted::IfNotEmpty,
        }
    }
}

/// Is there such an entry? Not if the name leads out of the directory. An empty name is the directory.
fn is_there(holds: &Holds<'_>, directory: RepoPath<'_>, name: &[u8]) -> bool {
    let Ok(name) = RepoPathBuf::new(name) else { return false };
    let (Some(above), Some(last)) = (name.as_path().parent(), name.as_path().name()) else { return true };
    let holder = directory.join(above.as_bytes());
    holds(holder.as_path(), last)
}
