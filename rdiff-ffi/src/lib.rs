//! The core for C, as `librdiff`: the same requests over a C ABI. The header is `include/rdiff.h`, made from these
//! sources by cbindgen; `docs/c-api.md` tells about ownership, threads, errors and growth.
//!
//! Each function converts its arguments, calls the core, and converts what comes back.
//!
//! | module | what is in it |
//! |---|---|
//! | [`status`] | codes, and the last error of a thread |
//! | [`guard`] | what stands around every function: panics end here |
//! | [`handle`] | what C holds is a number in a table, never a pointer to be believed |
//! | [`arg`], [`versioned`], [`view`] | pointers of the caller become values, and values become pointers: all unsafe code but the exports |
//! | [`cursor`] | what all cursors have in common |
//! | [`repository`], [`sessions`], [`sizes`], [`statistics`] | opening, state, sessions, what they take |
//! | [`entry`], [`entries`], [`file`](mod@file), [`history`], [`changes`] | reading: cursors, and the content of files |
//! | [`backup`], [`restore`], [`verify`], [`compare`], [`regress`], [`remove`], [`purge`] | jobs: options, reports |
//! | [`source`] | what a backup reads from: a directory of this machine, or of another host by SFTP |
//! | [`progress`], [`desk`], [`selection`], [`explain`] | what the options of jobs have in common; which rule decides about a path |
//!
//! # The contract of pointers
//!
//! It is the same for all functions, so it stands here and in the header, and not at each of them. A pointer is NULL, which is
//! always noticed, or it is valid for what its type says: a string ends with NUL, an array has as many elements as the
//! argument after it says, a structure of options or a report has been set up with its init macro, and what a
//! function writes to is not used by another thread meanwhile. Handles may be any value: those that aren't open are
//! noticed.
#![allow(non_camel_case_types, reason = "the names are those of the C header")]
#![allow(unsafe_code, reason = "this is the boundary: pointers come in, and names are exported")]
#![allow(
    clippy::missing_safety_doc,
    reason = "one contract for all functions, in the documentation of the crate"
)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not cross into C: build with panic = \"unwind\", so that the guard can stop it");

pub mod arg;
pub mod backup;
pub mod changes;
pub mod compare;
pub mod cursor;
pub mod desk;
pub mod entries;
pub mod entry;
pub mod explain;
pub mod file;
pub mod guard;
pub mod handle;
pub mod history;
pub mod progress;
pub mod purge;
pub mod regress;
pub mod remove;
pub mod repository;
pub mod restore;
pub mod selection;
pub mod sessions;
pub mod sizes;
pub mod source;
pub mod statistics;
pub mod status;
pub mod verify;
pub mod versioned;
pub mod view;

use std::ffi::c_char;

/// The newest session, where a time is asked for.
pub const RDIFF_NEWEST: i64 = i64::MAX;

/// All sessions, where a time is asked for.
pub const RDIFF_ALL_SESSIONS: i64 = i64::MIN;

/// No session, where a time is given out.
pub const RDIFF_NO_SESSION: i64 = i64::MIN;

/// A number that is not known, where one is given out.
pub const RDIFF_UNKNOWN: u64 = u64::MAX;

/// The version of the library, such as "0.1.0". Never NULL; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
