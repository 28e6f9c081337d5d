//! When the source is not believed: what it seems to have lost may just not be mounted.

use super::BackupRequest;
use crate::error::{Error, Loss, Result};
use crate::merge::AtPath;
use crate::path::RepoPathBuf;
use crate::repo::metadata::{Recorded, Stream};
use crate::tree::source::Source;
use crate::tree::walk::{Filter, Found, Walk, What};

/// The error for a source of which something essential can't be read any more.
pub(super) fn gone(what: String) -> Error {
    Error::SourceVanished { what, loss: Loss::Source }
}

/// Says that the source, or what matters of it, can't be read any more.
pub(super) fn source_gone(source: &dyn Source, path: &RepoPathBuf, e: &std::io::Error) -> Error {
    gone(format!("the source {} is gone: {path} gives \"{e}\"", source.name()))
}

/// Have more paths gone than can be meant?
pub(super) fn too_many_gone(
    removed: u64,
    had: f64,
    source: &dyn Source,
    request: &BackupRequest,
) -> Result<()> {
    if removed < BackupRequest::FEW || removed as f64 <= had * request.most_deletions {
        return Ok(());
    }
    Err(Error::SourceVanished {
        what: format!("{removed} of {had:.0} paths are gone from the source {}", source.name()),
        loss: Loss::TooMuch,
    })
}

pub(super) type Streams<F> = (std::iter::Chain<std::vec::IntoIter<Found>, Walk<F>>, Stream<Box<Recorded>>);

/// Looks at the first entries of both sides: an empty source over a mirror that isn't can't be meant.
pub(super) fn refuse_empty_source<F: Filter>(
    mut found: Walk<F>,
    mut old: Stream<Box<Recorded>>,
    source: &dyn Source,
    request: &BackupRequest,
) -> Result<Streams<F>> {
    let first: Vec<Found> = found.by_ref().take(2).collect();
    let mut first_old: Vec<Result<Box<Recorded>>> = old.by_ref().take(2).collect();
    // Before anything is begun.
    if let Some(failed) = first_old.iter().position(Result::is_err) {
        first_old.swap_remove(failed)?;
    }
    let only_root = first.iter().filter(|f| matches!(f.what, What::Here(_))).count() <= 1
        && first.iter().all(|f| f.path.is_root());
    let readable = first.iter().all(|f| matches!(f.what, What::Here(_)));
    let old_has_more = first_old.iter().any(|r| r.as_ref().is_ok_and(|r| !r.path().is_root()));
    if only_root && readable && old_has_more && !request.allow_empty_source {
        return Err(Error::SourceVanished {
            what: format!(
                "the source {} is empty and the backup is not (is something not mounted?)",
                source.name()
            ),
            loss: Loss::Everything,
        });
    }
    Ok((first.into_iter().chain(found), Box::new(first_old.into_iter().chain(old))))
}
