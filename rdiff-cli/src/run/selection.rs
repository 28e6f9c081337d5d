//! From the selection of the command line to the filter of a job.

use super::{Context, Failure, Step};
use crate::action::Choice;
use rdiff_core::tree::walk::{Everything, Filter};
use std::path::Path;

impl Context<'_> {
    /// The filter that the options make, for a tree with this root.
    pub(super) fn filter(
        &self,
        choices: &[Choice],
        _root: &Path,
    ) -> Result<impl Filter + Clone + 'static, Failure> {
        if choices.is_empty() {
            return Ok(Everything);
        }
        Err(self.refuse(Step::Setup, "file selection is not available yet in this version"))
    }
}
