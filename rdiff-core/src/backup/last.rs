//! What the last session has. Damage of it has an error of its own: it ends every backup until it is mended.

use crate::error::{Error, Result};
use crate::pool::{WayBack, ahead_and_back};
use crate::repo::metadata::Recorded;
use crate::repo::pieces::KeptPieces;
use crate::repo::{DataFile, Repository};
use crate::time::SessionTime;
use std::sync::Arc;

/// The records of the last session, read ahead, while their pieces are kept for who writes the next ones; and the way
/// back for those that are done with. `files` are those of the data directory. An error is [`Error::Metadata`] where they are damaged or gone.
pub(super) fn last_records(
    repo: &Arc<Repository>,
    files: &Arc<[DataFile]>,
    last: SessionTime,
    kept: &Arc<KeptPieces>,
) -> (impl Iterator<Item = Result<Box<Recorded>>> + Send + use<>, WayBack<Box<Recorded>>) {
    let repository = repo.path().to_path_buf();
    let unreadable = move |e: Error| match e {
        e if e.is_damage() || matches!(e, Error::NoSuchSession { .. }) => {
            Error::Metadata { repository: repository.clone(), source: Box::new(e) }
        }
        e => e,
    };
    let (records, back) = ahead_and_back(repo.records_keeping(Arc::clone(files), last, kept), 256, 4);
    (records.map(move |record| record.map_err(&unreadable)), back)
}
