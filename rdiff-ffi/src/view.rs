//! What is given out to be read: bytes with a NUL behind them, and structures that point to them.

use std::ffi::{CString, c_char};

/// Bytes that C can read as a string. None of ours holds NUL but by a mistake; one is then cut there.
pub(crate) struct Text(CString);

impl Text {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        if let Some(at) = bytes.iter().position(|&b| b == 0) {
            bytes.truncate(at);
        }
        Self(CString::new(bytes).unwrap_or_default())
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_bytes().len()
    }

    pub(crate) fn ptr_or_null(text: Option<&Self>) -> *const c_char {
        text.map_or(std::ptr::null(), Self::as_ptr)
    }
}

/// A structure whose pointers lead to buffers that live beside it, in the same object.
#[derive(Clone, Copy)]
pub(crate) struct View<T>(pub(crate) T);

// SAFETY: the pointers in it are followed by the caller only, and lead to buffers that belong to the object that it is
// in and move with it between threads; nothing of it depends on the thread.
unsafe impl<T> Send for View<T> {}
// SAFETY: as above; it is only read.
unsafe impl<T> Sync for View<T> {}
