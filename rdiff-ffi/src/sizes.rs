//! What the sessions take, and which increments a path has.

use crate::arg;
use crate::cursor::{self, Cursor, HasCursor, Shown};
use crate::guard::{guard, quietly};
use crate::handle::{self, Named};
use crate::repository::rdiff_repository;
use crate::status::rdiff_status;
use crate::view::{Text, View};
use rdiff_core::list::{IncrementList, ListedIncrement, ListedKind, SizedSession, increments, sizes};
use std::ffi::c_char;
use std::sync::Mutex;

/// How much a session takes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_session_size {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// The session, in seconds since 1970.
    pub session: i64,
    /// Bytes of its increments; for the newest, of the mirror.
    pub size: u64,
    /// The same with all newer sessions and the mirror: what is needed to go back so far.
    pub cumulative: u64,
}

/// A cursor over what sessions take, oldest first. One thread at a time may use it.
pub struct rdiff_sizes(Mutex<Cursor<ShownSize>>);

impl Named for rdiff_sizes {
    const NAME: &'static str = "cursor of sizes";
}

impl HasCursor for rdiff_sizes {
    type Shown = ShownSize;
    fn cursor(&self) -> &Mutex<Cursor<ShownSize>> {
        &self.0
    }
}

pub(crate) struct ShownSize(rdiff_session_size);

impl Shown for ShownSize {
    type Item = SizedSession;
    type Seen = rdiff_session_size;

    fn new(item: &SizedSession) -> Box<Self> {
        let SizedSession { time, size, cumulative } = *item;
        Box::new(Self(rdiff_session_size { version: 1, session: time.0, size, cumulative }))
    }

    fn as_ptr(&self) -> *const rdiff_session_size {
        &raw const self.0
    }
}

/// Opens a cursor over what the sessions take at `path` and below. All files of the repository there are looked at. NULL and ""
/// are the root. Free it with rdiff_sizes_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_sizes_open(
    repository: *const rdiff_repository,
    path: *const c_char,
    out: *mut *mut rdiff_sizes,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::tree_path(path)?, arg::out(out, "out")?) };
        let sizes = sizes(&handle::get(repository)?.0, path.as_path())?;
        out.put(rdiff_sizes(Cursor::over(sizes)));
        Ok(())
    })
}

/// Moves on to the next session. RDIFF_END is returned after the last one, and `size` is then NULL. What it points to
/// stays valid until the next call with this cursor; it is not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_sizes_next(
    sizes: *mut rdiff_sizes,
    size: *mut *const rdiff_session_size,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    unsafe { cursor::next(sizes, size, "size") }
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_sizes_free(sizes: *mut rdiff_sizes) {
    quietly(|| handle::free(sizes));
}

/// What a path was, as far as its increment tells.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rdiff_listed_kind {
    /// Nothing.
    RDIFF_LISTED_MISSING = 0,
    /// A regular file.
    RDIFF_LISTED_FILE = 1,
    /// A directory.
    RDIFF_LISTED_DIRECTORY = 2,
    /// A link, pipe, socket or device.
    RDIFF_LISTED_SPECIAL = 3,
}

/// An increment of a path, or what it is in the mirror.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rdiff_increment {
    /// 1. A newer library may have more fields after those that you know.
    pub version: u32,
    /// What the path was at that session.
    pub kind: rdiff_listed_kind,
    /// The session whose state it holds, in seconds since 1970.
    pub session: i64,
    /// The name of its file, as if names were not quoted; NULL for the mirror.
    pub name: *const c_char,
    /// The length of the name in bytes.
    pub name_len: usize,
}

/// A cursor over the increments of a path, oldest first, and then its state in the mirror. One thread at a time may use it.
pub struct rdiff_increments(Mutex<Cursor<ShownIncrement>>);

impl Named for rdiff_increments {
    const NAME: &'static str = "cursor of increments";
}

impl HasCursor for rdiff_increments {
    type Shown = ShownIncrement;
    fn cursor(&self) -> &Mutex<Cursor<ShownIncrement>> {
        &self.0
    }
}

/// An increment with what its pointer leads to.
pub(crate) struct ShownIncrement {
    increment: View<rdiff_increment>,
    _name: Option<Text>,
}

impl Shown for ShownIncrement {
    /// The mirror has no name.
    type Item = ListedIncrement;
    type Seen = rdiff_increment;

    fn new(item: &ListedIncrement) -> Box<Self> {
        let name = (!item.name.is_empty()).then(|| Text::new(item.name.clone()));
        let kind = match item.kind {
            ListedKind::Missing => rdiff_listed_kind::RDIFF_LISTED_MISSING,
            ListedKind::Regular => rdiff_listed_kind::RDIFF_LISTED_FILE,
            ListedKind::Directory => rdiff_listed_kind::RDIFF_LISTED_DIRECTORY,
            ListedKind::Special => rdiff_listed_kind::RDIFF_LISTED_SPECIAL,
        };
        let increment = View(rdiff_increment {
            version: 1,
            kind,
            session: item.time.0,
            name: Text::ptr_or_null(name.as_ref()),
            name_len: name.as_ref().map_or(0, Text::len),
        });
        Box::new(Self { increment, _name: name })
    }

    fn as_ptr(&self) -> *const rdiff_increment {
        &raw const self.increment.0
    }
}

/// Opens a cursor over the increments of `path`. For the root, NULL or "", these are the sessions; for another path only those
/// after which it, or something in it, changed. Free it with rdiff_increments_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_increments_open(
    repository: *const rdiff_repository,
    path: *const c_char,
    out: *mut *mut rdiff_increments,
) -> rdiff_status {
    guard(|| {
        // SAFETY: the contract of the caller.
        let (path, out) = unsafe { (arg::tree_path(path)?, arg::out(out, "out")?) };
        let IncrementList { increments: mut all, mirror, mirror_kind } =
            increments(&handle::get(repository)?.0, path.as_path())?;
        all.push(ListedIncrement { time: mirror, name: Vec::new(), kind: mirror_kind });
        out.put(rdiff_increments(Cursor::over(all)));
        Ok(())
    })
}

/// Moves on to the next increment. RDIFF_END is returned after the mirror, and `increment` is then NULL. What it points to
/// stays valid until the next call with this cursor; it is not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rdiff_increments_next(
    increments: *mut rdiff_increments,
    increment: *mut *const rdiff_increment,
) -> rdiff_status {
    // SAFETY: the contract of the caller.
    unsafe { cursor::next(increments, increment, "increment") }
}

/// Frees a cursor. NULL is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_increments_free(increments: *mut rdiff_increments) {
    quietly(|| handle::free(increments));
}
