//! One path over all sessions.

use super::changes::differs;
use super::newest;
use crate::diff::{Aspect, aspects};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::path::RepoPath;
use crate::repo::Repository;
use crate::time::SessionTime;

/// One path at one session.
///
/// ```
/// # use rdiff_core::path::RepoPath;
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// use rdiff_core::list::{Step, Version, history};
///
/// let versions: Vec<Version> = history(&repo, RepoPath::new(b"note")?)?;
/// for version in versions.iter().filter(|v| v.step != Step::Same) {
///     println!("{}: {} bytes", version.session, version.entry.as_ref().map_or(0, |e| e.size()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version {
    /// The session.
    pub session: SessionTime,
    /// What was there; nothing if it was not there.
    pub entry: Option<Entry>,
    /// What had happened to it since the session before.
    pub step: Step,
}

/// What happens to a path from one session to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Step {
    /// It is not there, as before.
    Absent,
    /// It was not there before.
    Added,
    /// It is as before.
    Same,
    /// Its content, link target or device numbers are not those of before.
    Content,
    /// Only its attributes are not those of before.
    Attributes,
    /// It is of another type than before.
    Replaced,
    /// It was there before.
    Removed,
}

/// One path over all sessions, oldest first. Each file of metadata is read once, up to the path.
///
/// ```
/// # use rdiff_core::list::{Step, history};
/// # use rdiff_core::path::RepoPath;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let repo = rdiff_core::testing::two_sessions(dir.path())?;
/// let versions = history(&repo, RepoPath::new(b"note")?)?;
/// assert_eq!(versions[0].step, Step::Added);
/// assert_eq!(versions[1].step, Step::Content);
/// assert_eq!(versions[1].entry.as_ref().map(|e| e.size()), Some(6)); // bytes
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::NoSuchPath`] if no session has it; [`Error::Corrupt`], [`Error::Io`].
pub fn history(repo: &Repository, path: RepoPath<'_>) -> Result<Vec<Version>> {
    let versions = repo.versions_of(path)?;
    if versions.iter().all(|(_, entry)| entry.is_none()) {
        return Err(Error::NoSuchPath { path: path.to_owned(), at: newest(repo)? });
    }
    let mut before: Option<Entry> = None;
    let mut history = Vec::with_capacity(versions.len());
    for (session, entry) in versions {
        history.push(Version { session, step: step(before.as_ref(), entry.as_ref()), entry: entry.clone() });
        before = entry;
    }
    Ok(history)
}

fn step(old: Option<&Entry>, new: Option<&Entry>) -> Step {
    let (old, new) = match (old, new) {
        (None, None) => return Step::Absent,
        (None, Some(_)) => return Step::Added,
        (Some(_), None) => return Step::Removed,
        (Some(old), Some(new)) => (old, new),
    };
    let aspects = aspects(old, new);
    match () {
        () if aspects.contains(&Aspect::Type) => Step::Replaced,
        () if aspects.contains(&Aspect::Content) => Step::Content,
        () if differs(old, new) => Step::Attributes,
        () => Step::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::tests::file;
    use super::*;
    use crate::entry::{Attrs, Kind};
    use crate::path::RepoPathBuf;

    #[test]
    fn steps_of_a_history() {
        let (a, b) = (file(1, Some(1), None), file(1, Some(2), None));
        let mut touched = a.clone();
        touched.attrs.mtime = Some(6);
        let dir = Entry::new(RepoPathBuf::new("f").unwrap(), Kind::Dir, Attrs::default());
        assert_eq!(step(None, None), Step::Absent);
        assert_eq!(step(None, Some(&a)), Step::Added);
        assert_eq!(step(Some(&a), Some(&a)), Step::Same);
        assert_eq!(step(Some(&a), Some(&b)), Step::Content);
        assert_eq!(step(Some(&a), Some(&touched)), Step::Attributes);
        assert_eq!(step(Some(&a), Some(&dir)), Step::Replaced);
        assert_eq!(step(Some(&a), None), Step::Removed);
    }
}
