//! What the process may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What most systems allow anyway. Programs that are started inherit it, and some walk through all numbers up to the limit.
const OPEN_FILES: u64 = 1024;

/// Lets as many files be open at once as are needed for sure, if the limit is lower and may be raised.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|now| now < wanted) {
        // Where that is not allowed, what needs more says so.
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).ok();
    }
}
