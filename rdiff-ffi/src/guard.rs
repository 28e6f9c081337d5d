//! What stands around every exported function.

use crate::status::{self, Failure, rdiff_status};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the inside of an exported function. Its failure becomes the last error of the thread, and so does a
/// panic, which must not unwind into C.
pub(crate) fn guard(inside: impl FnOnce() -> Result<(), Failure>) -> rdiff_status {
    guard_next(|| inside().map(|()| true))
}

/// The same for a cursor: false is the end.
pub(crate) fn guard_next(inside: impl FnOnce() -> Result<bool, Failure>) -> rdiff_status {
    status::clear();
    let failure = match catch_unwind(AssertUnwindSafe(inside)) {
        Ok(Ok(more)) => {
            // A callback may have made calls that failed: this one did not.
            status::clear();
            return if more { rdiff_status::RDIFF_OK } else { rdiff_status::RDIFF_END };
        }
        Ok(Err(failure)) => failure,
        Err(panic) => {
            let what = panic.downcast_ref::<&str>().copied();
            let what = what.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let what = what.unwrap_or("of an unknown kind");
            let message = format!("a mistake in this library, please report it: {what}");
            Failure::new(rdiff_status::RDIFF_PANIC, message)
        }
    };
    status::set(failure)
}

/// The same for functions that return nothing, and leave the last error alone: what frees.
pub(crate) fn quietly(inside: impl FnOnce()) {
    // A destructor that panics has nobody to tell.
    catch_unwind(AssertUnwindSafe(inside)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::rdiff_last_error;
    use std::ffi::CStr;

    #[test]
    fn a_panic_becomes_a_status_and_a_message() {
        std::panic::set_hook(Box::new(|_| {}));
        let status = guard(|| panic!("on purpose: {}", 1));
        drop(std::panic::take_hook());
        assert_eq!(status, rdiff_status::RDIFF_PANIC);
        // SAFETY: the last error is set, and no call is made before it was read.
        let error = unsafe { &*rdiff_last_error() };
        // SAFETY: as above; a message is never NULL.
        let message = unsafe { CStr::from_ptr(error.message) }.to_str().unwrap_or_default();
        assert!(message.ends_with("please report it: on purpose: 1"), "{message}");
        assert!(error.path.is_null());
        assert_eq!(guard_next(|| Ok(false)), rdiff_status::RDIFF_END);
        assert!(rdiff_last_error().is_null());
    }
}
