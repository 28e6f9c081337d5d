//! Damaged metadata: found before they are believed, and what is left of them.

use super::layers::{Layer, Layers};
use super::metadata::{Recorded, Stream, chain, in_file};
use super::{DataFile, Repository};
use crate::error::{Doing, Error, FormatError, IoContext, Result};
use crate::format::record::RecordError;
use crate::time::SessionTime;
use crate::tree::FileKind;

impl Repository {
    /// Are the records of a session whole, as far as that is not found out before they are believed? What follows a
    /// damaged byte can look like records, of which some are missing.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`].
    pub(super) fn check_whole(&self, files: &[DataFile], time: SessionTime) -> Result<()> {
        self.read_through_chain(files, time, false)
    }

    /// The same where nothing else finds it out.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`].
    pub(crate) fn check_checksums(&self, time: SessionTime) -> Result<()> {
        self.read_through_chain(&self.data_files()?, time, true)
    }

    fn read_through_chain(&self, files: &[DataFile], time: SessionTime, pieces_too: bool) -> Result<()> {
        for file in chain(files, b"mirror_metadata", time).unwrap_or_default() {
            let read = self.read_through(&file.place, pieces_too);
            read.map_err(|e| in_file(RecordError::Io(e), &self.path_of(&file.place), None))?;
        }
        Ok(())
    }

    /// A compressed file is never of no bytes, also where it says nothing. Taken at its word, a diff would say that nothing
    /// had changed since, and what did would look damaged.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::Io`].
    pub(super) fn refuse_emptied(&self, file: &DataFile) -> Result<()> {
        let path = self.path_of(&file.place);
        let stat = self.root().stat(file.place.as_bytes()).while_doing(Doing::Open, &path)?;
        if stat.size > 0 || stat.kind != FileKind::Regular {
            return Ok(());
        }
        let source = FormatError::Other("it is empty".to_owned());
        Err(Error::Corrupt { file: path, line: None, source })
    }

    /// What is left of the records of a session whose metadata are damaged, and whether checksums vouch for them.
    ///
    /// # Errors
    /// [`Error::Io`]. The stream ends at damage.
    pub(crate) fn records_left(&self, time: SessionTime) -> Result<(Stream<Box<Recorded>>, bool)> {
        let files = self.data_files()?;
        let chain = chain(&files, b"mirror_metadata", time);
        let Some([snapshot]) = chain.as_deref() else {
            return Ok((Box::new(std::iter::empty()), false));
        };
        let (content, is_sure) = self.open_what_is_left(&snapshot.place)?;
        let layers = Layers::new(vec![Layer::new(time, content, self.path_of(&snapshot.place), true)], false);
        let records = layers.into_iter().flat_map(Layers::records);
        Ok((Box::new(records.map_while(Result::ok).map(Ok)), is_sure))
    }
}
