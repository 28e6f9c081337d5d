//! What the last session has. Damage of it has an error of its own: it ends every backup until it is mended.

use crate::error::{Error, Result};
use crate::pool::ahead;
use crate::repo::Repository;
use crate::repo::metadata::Recorded;
use crate::repo::pieces::KeptPieces;
use crate::time::SessionTime;
use std::sync::Arc;

/// The records of the last session, read ahead, while their pieces are kept for who writes the next ones.
///
/// # Errors
/// [`Error::Metadata`] where they are damaged or gone, also in the stream; [`Error::Io`].
pub(super) fn last_records(
    repo: &Arc<Repository>,
    last: SessionTime,
    kept: &Arc<KeptPieces>,
) -> Result<impl Iterator<Item = Result<Box<Recorded>>> + Send + use<>> {
    let repository = repo.path().to_path_buf();
    let unreadable = move |e: Error| match e {
        e if e.is_damage() || matches!(e, Error::NoSuchSession { .. }) => {
            Error::Metadata { repository: repository.clone(), source: Box::new(e) }
        }
        e => e,
    };
    let opened = repo.check_whole(last).and_then(|()| repo.metadata_keeping(last, kept));
    let records = ahead(opened.map_err(&unreadable)?.map(|r| r.map(Box::new)), 256, 4);
    Ok(records.map(move |record| record.map_err(&unreadable)))
}
