//! Arguments: pointers of the caller become values here, and nowhere else.
//!
//! Every function relies on the contract that stands in the documentation of the crate.

use crate::handle::{self, Named};
use crate::status::Failure;
use rdiff_core::path::RepoPathBuf;
use rdiff_core::time::TimeSpec;
use std::ffi::{CStr, OsString, c_char};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The bytes of a string; nothing for NULL.
pub(crate) unsafe fn bytes(text: *const c_char) -> Option<Vec<u8>> {
    // SAFETY: not NULL, so by the contract a string that ends with NUL.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes().to_vec())
}

/// A path of the host, not NULL and not empty. Any bytes.
pub(crate) unsafe fn host_path(path: *const c_char, name: &str) -> Result<PathBuf, Failure> {
    // SAFETY: passed on.
    match unsafe { bytes(path) } {
        None => Err(Failure::argument(format!("{name} is NULL"))),
        Some(bytes) if bytes.is_empty() => Err(Failure::argument(format!("{name} is empty"))),
        Some(bytes) => Ok(OsString::from_vec(bytes).into()),
    }
}

/// A path inside the tree; NULL, "" and "." are its root. Slashes at the end don't count.
pub(crate) unsafe fn tree_path(path: *const c_char) -> Result<RepoPathBuf, Failure> {
    // SAFETY: passed on.
    let mut bytes = unsafe { bytes(path) }.unwrap_or_default();
    while bytes.last() == Some(&b'/') && bytes.len() > 1 {
        bytes.pop();
    }
    if bytes == b"." {
        bytes.clear();
    }
    let shown = String::from_utf8_lossy(&bytes).into_owned();
    RepoPathBuf::new(bytes.clone()).map_err(|e| Failure {
        path: Some(bytes),
        ..Failure::argument(format!("{shown:?} is no path inside the tree: {e}"))
    })
}

/// Text that must be UTF-8; nothing for NULL.
pub(crate) unsafe fn text(text: *const c_char, name: &str) -> Result<Option<String>, Failure> {
    // SAFETY: passed on.
    let bytes = unsafe { bytes(text) };
    bytes.map(String::from_utf8).transpose().map_err(|_| Failure::argument(format!("{name} is not UTF-8")))
}

/// Bytes of a known length, which may hold NUL.
pub(crate) unsafe fn counted(bytes: *const c_char, len: u64, name: &str) -> Result<Vec<u8>, Failure> {
    let len = usize::try_from(len).map_err(|_| Failure::argument(format!("{name} is longer than memory")))?;
    // SAFETY: passed on.
    unsafe { array(bytes.cast::<u8>(), len, name) }
}

/// A time that asks for a session.
pub(crate) fn time(at: i64) -> TimeSpec {
    if at == crate::RDIFF_NEWEST { TimeSpec::default() } else { TimeSpec::At(at) }
}

/// Where a result goes.
pub(crate) struct Out<T>(*mut T);

/// A place for a result, which must not be NULL.
pub(crate) unsafe fn out<T>(place: *mut T, name: &str) -> Result<Out<T>, Failure> {
    if place.is_null() { Err(Failure::argument(format!("{name} is NULL"))) } else { Ok(Out(place)) }
}

impl<T> Out<T> {
    pub(crate) fn set(self, value: T) {
        // SAFETY: not NULL, so by the contract valid to be written to; what was there needs no destructor.
        unsafe { self.0.write(value) }
    }
}

impl<T: Named> Out<*mut T> {
    /// Gives out a handle to a new object.
    pub(crate) fn put(self, object: T) {
        self.set(handle::put(object));
    }
}

/// An array of strings.
pub(crate) unsafe fn texts(
    first: *const *const c_char,
    count: usize,
    name: &str,
) -> Result<Vec<String>, Failure> {
    // SAFETY: passed on.
    let each = unsafe { array(first, count, name)? };
    let one = |text| {
        // SAFETY: passed on.
        let text = unsafe { self::text(text, name)? };
        text.ok_or_else(|| Failure::argument(format!("one of {name} is NULL")))
    };
    each.into_iter().map(one).collect()
}

/// An array of the caller.
pub(crate) unsafe fn array<T: Copy>(first: *const T, count: usize, name: &str) -> Result<Vec<T>, Failure> {
    match (first.is_null(), count) {
        (_, 0) => Ok(Vec::new()),
        (true, _) => Err(Failure::argument(format!("{name} is NULL, and {count} of them are announced"))),
        (false, _) if count > isize::MAX as usize / size_of::<T>() => {
            Err(Failure::argument(format!("{count} of {name} are more than memory can hold")))
        }
        // SAFETY: not NULL, so by the contract an array of that many elements; no larger than memory can be.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(first, count) }.to_vec()),
    }
}

/// A buffer of the caller to be filled, zeroed first: it may never have been written to.
pub(crate) unsafe fn buffer<'a>(buffer: *mut u8, len: usize) -> Result<&'a mut [u8], Failure> {
    if len == 0 {
        return Ok(&mut []);
    }
    if buffer.is_null() {
        return Err(Failure::argument("buffer is NULL"));
    }
    if isize::try_from(len).is_err() {
        return Err(Failure::argument("the buffer is larger than memory can be"));
    }
    // SAFETY: not NULL, so by the contract `len` bytes that may be written, which are then a slice of bytes.
    unsafe {
        buffer.write_bytes(0, len);
        Ok(std::slice::from_raw_parts_mut(buffer, len))
    }
}

/// A place for a text of unknown length.
pub(crate) struct TextOut<'a> {
    buffer: &'a mut [u8],
    length: Out<usize>,
}

/// A buffer for a text, which may be NULL with a size of 0, and where its length goes.
pub(crate) unsafe fn text_out<'a>(
    text: *mut c_char,
    size: usize,
    length: *mut usize,
) -> Result<TextOut<'a>, Failure> {
    // SAFETY: passed on.
    unsafe { Ok(TextOut { buffer: buffer(text.cast(), size)?, length: out(length, "length")? }) }
}

impl TextOut<'_> {
    /// Copies as much as there is room for, with NUL behind it, and says how long the whole is.
    pub(crate) fn set(self, text: &[u8]) {
        let room = self.buffer.len().saturating_sub(1);
        let copied = &text[..text.len().min(room)];
        // It was zeroed.
        self.buffer[..copied.len()].copy_from_slice(copied);
        self.length.set(text.len());
    }
}
