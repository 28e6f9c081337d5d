//! Arguments: pointers of the caller become values here, and nowhere else.
//!
//! Every function relies on the contract that stands in the documentation of the crate.

use crate::handle::{self, Named};
use crate::status::{Failure, rdiff_status};
use rdiff_core::path::RepoPathBuf;
use rdiff_core::time::TimeSpec;
use std::ffi::{CStr, OsString, c_char};
use std::mem::MaybeUninit;
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

/// A structure that begins with its version, and gets fields at its end only.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `u32`, the version, any bytes that C puts into it are a value of it, and
/// so are zeros: in a new field they mean what was usual before.
pub unsafe trait Versioned: Copy {
    /// The newest version that this library speaks.
    const VERSION: u32;
    /// What it is called.
    const NAME: &'static str;
    /// How many bytes it has in each version, from the first on. The last is all of it.
    const SIZES: &'static [usize] = &[size_of::<Self>()];
}

/// Options of the caller; nothing for NULL.
pub(crate) unsafe fn options<T: Versioned>(options: *const T) -> Result<Option<T>, Failure> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL; the version comes first in every version of a structure, and is set by its init macro.
    let size = check::<T>(unsafe { options.cast::<u32>().read() })?;
    // SAFETY: zeros are a value of it; of this version, so as many bytes are there.
    let read = unsafe {
        let mut all = MaybeUninit::<T>::zeroed();
        options.cast::<u8>().copy_to_nonoverlapping(all.as_mut_ptr().cast(), size);
        all.assume_init()
    };
    Ok(Some(read))
}

/// Where a report goes; nothing for NULL.
pub(crate) struct Report<T> {
    place: *mut T,
    version: u32,
    size: usize,
}

/// A place for a report, which may be NULL.
pub(crate) unsafe fn report<T: Versioned>(report: *mut T) -> Result<Report<T>, Failure> {
    if report.is_null() {
        return Ok(Report { place: report, version: 0, size: 0 });
    }
    // SAFETY: as for options.
    let version = unsafe { report.cast::<u32>().read() };
    Ok(Report { place: report, version, size: check::<T>(version)? })
}

impl<T: Versioned> Report<T> {
    /// The version that the caller has; 0 if nobody wants to know.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Writes as much of it as the caller has room for, and leaves the version.
    pub(crate) fn set(self, report: T) {
        if self.place.is_null() {
            return;
        }
        // SAFETY: not NULL, so by the contract all of the structure of its version is there.
        unsafe {
            (&raw const report).cast::<u8>().copy_to_nonoverlapping(self.place.cast(), self.size);
            self.place.cast::<u32>().write(self.version);
        }
    }
}

/// How many bytes a structure has in this version.
fn check<T: Versioned>(version: u32) -> Result<usize, Failure> {
    let known = usize::try_from(version).ok().and_then(|v| T::SIZES.get(v.checked_sub(1)?));
    known.copied().ok_or_else(|| {
        let message = format!(
            "{} has version {version}, this library knows {}; was it set up with its init macro?",
            T::NAME,
            T::VERSION
        );
        Failure::new(rdiff_status::RDIFF_UNSUPPORTED_VERSION, message)
    })
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

/// Flags, of which only some are known.
pub(crate) fn flags(flags: u32, known: u32, name: &str) -> Result<u32, Failure> {
    match flags & !known {
        0 => Ok(flags),
        unknown => Err(Failure::argument(format!("{name} has unknown flags {unknown:#x}"))),
    }
}

/// An array of the caller.
pub(crate) unsafe fn array<T: Copy>(first: *const T, count: usize, name: &str) -> Result<Vec<T>, Failure> {
    match (first.is_null(), count) {
        (_, 0) => Ok(Vec::new()),
        (true, _) => Err(Failure::argument(format!("{name} is NULL, and {count} of them are announced"))),
        // SAFETY: not NULL, so by the contract an array of that many elements.
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
