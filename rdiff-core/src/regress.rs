//! Undoing a session that did not finish.

use crate::error::Result;
use crate::monitor::Monitor;
use crate::repo::lock::Writer;

/// Undoes the failed session.
///
/// # Errors
/// none yet
pub fn undo_failed(_writer: &Writer, _monitor: &dyn Monitor) -> Result<()> {
    Err(crate::error::Error::Refused("no regress yet".to_owned()))
}
