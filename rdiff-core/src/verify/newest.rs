//! The newest session, which the mirror is: increments are looked for only where a file is not what was recorded.

use super::plan::{Job, Version};
use super::work::{Tally, Worker};
use crate::entry::{Digest, Entry};
use crate::error::{Error, Result};
use crate::monitor::Counter;
use crate::pool::{Ahead, Chunks, ahead};
use crate::repo::disk::PassingFile;
use crate::repo::groups::Groups;
use crate::repo::increments::Increments;
use crate::repo::metadata::Stream;
use crate::repo::put::hash_with;
use crate::repo::whole::WholeFile;
use crate::time::SessionTime;
use std::sync::Arc;

/// A file as it was recorded.
pub(super) struct Recorded {
    entry: Entry,
    digest: Option<Digest>,
}

/// Reads records ahead, in a thread that cuts them into pieces of work too.
pub(super) fn chunks(
    worker: &Arc<Worker>,
    records: Stream<Entry>,
    most: usize,
    heavy: u64,
) -> Ahead<(Vec<Recorded>, Option<Error>)> {
    let (worker, mut groups) = (Arc::clone(worker), Groups::default());
    let files = records.filter_map(move |entry| {
        let entry = match worker.go_on().and(entry) {
            Ok(entry) => entry,
            Err(e) => return Some(Err(e)),
        };
        let digest = groups.digest(entry.file()?);
        Some(Ok(Recorded { entry, digest }))
    });
    ahead(Chunks::new(files, most, heavy, |file: &Recorded| 16_384 + file.entry.size()), 1, 8)
}

impl Worker {
    /// Checks files of the newest session, up to the first error. Nothing more if the job is to stop.
    pub(super) fn check_newest(
        &self,
        files: Vec<Recorded>,
        at: SessionTime,
        buf: &mut [u8],
    ) -> (Vec<Tally>, Option<Error>) {
        let mut increments = Increments::new(&self.repo);
        let mut tallies = Vec::with_capacity(files.len());
        for file in files {
            if let Some(length) = self.good_in_mirror(&file, buf) {
                let no_digest = u64::from(file.digest.is_none());
                let path = file.entry.path;
                tallies.push(Tally { path, files: 1, bytes: length, no_digest, bad: Vec::new() });
                continue;
            }
            match self.check_closely(file, at, &mut increments, buf) {
                Ok(tally) => tallies.extend(tally),
                Err(e) => return (tallies, Some(e)),
            }
        }
        (tallies, None)
    }

    /// The length of the mirror file, if it is what was recorded.
    fn good_in_mirror(&self, file: &Recorded, buf: &mut [u8]) -> Option<u64> {
        let place = self.repo.layout().mirror(file.entry.path.as_path(), file.entry.long_name.as_ref());
        let (content, size) = self.repo.root().open_file_sized(place.as_bytes()).ok()?;
        let content = WholeFile::new(PassingFile::new(content, size), size);
        let content = self.stop.over(file.entry.path.as_path(), content);
        let mut content = content.telling(Counter::BytesRead);
        let (digest, length) = hash_with(&mut content, size, buf, &self.helpers).ok()?;
        (length == file.entry.size() && file.digest.is_none_or(|d| d == digest)).then_some(length)
    }

    /// Checks a file again, and finds out what is wrong with it: a session that has begun meanwhile may have moved its
    /// content to an increment.
    fn check_closely(
        &self,
        file: Recorded,
        at: SessionTime,
        increments: &mut Increments<'_>,
        buf: &mut [u8],
    ) -> Result<Option<Tally>> {
        let version = Version { session: at, entry: Arc::new(file.entry), digest: file.digest, counts: true };
        Ok(self.run(&Job::composed(vec![version], increments)?, buf))
    }
}
