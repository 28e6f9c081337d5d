//! Lists of sessions.

use crate::arg;
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::status::{Failure, rdiff_status};
use rdiff_core::time::SessionTime;

/// A list of sessions, as it was when it was asked for. Any number of threads may use one at once.
pub struct rdiff_sessions(pub(crate) Vec<SessionTime>);

impl Named for rdiff_sessions {
    const NAME: &'static str = "list of sessions";
}

/// How many there are; 0 for NULL and for a list that isn't open.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_sessions_count(sessions: *const rdiff_sessions) -> usize {
    handle::get(sessions).map_or(0, |list| list.0.len())
}

/// The time of the session at `index`, counted from 0, in seconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_sessions_get(
    sessions: *const rdiff_sessions,
    index: usize,
    session: *mut i64,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let out = unsafe { arg::out(session, "session")? };
        let list = handle::get(sessions)?;
        let count = list.0.len();
        let at = list.0.get(index);
        let at = at.ok_or_else(|| Failure::argument(format!("index is {index}, and there are {count}")))?;
        out.set(at.0);
        Ok(())
    })
}

/// Frees a list. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_sessions_free(sessions: *mut rdiff_sessions) {
    quietly(|| handle::free(sessions));
}
