//! What all cursors have in common: a stream of which the present item is shown to the caller, until the next call.

use crate::arg;
use crate::guard::guard_next;
use crate::handle::{self, Named};
use crate::status::{Failure, rdiff_status};
use rdiff_core::repo::metadata::Stream;
use std::sync::{Mutex, MutexGuard};

/// An item as C sees it, with what its pointers lead to.
pub(crate) trait Shown: Send {
    /// What comes from the core.
    type Item: Send + 'static;
    /// The structure of the header.
    type Seen;

    /// Boxed, so that its place is the same for as long as it lives.
    fn new(item: &Self::Item) -> Box<Self>;
    fn as_ptr(&self) -> *const Self::Seen;
}

pub(crate) struct Cursor<S: Shown> {
    items: Stream<S::Item>,
    current: Option<(S::Item, Box<S>)>,
}

impl<S: Shown> Cursor<S> {
    pub(crate) fn new(items: Stream<S::Item>) -> Mutex<Self> {
        Mutex::new(Self { items, current: None })
    }

    /// Over items that are all there.
    pub(crate) fn over(items: Vec<S::Item>) -> Mutex<Self> {
        Self::new(Box::new(items.into_iter().map(Ok)))
    }

    /// The item that the caller sees.
    pub(crate) fn current(&self) -> Result<&S::Item, Failure> {
        let none = || Failure::argument("the cursor is at no entry; call rdiff_entries_next first");
        self.current.as_ref().map(|(item, _)| item).ok_or_else(none)
    }

    fn next(&mut self) -> Result<*const S::Seen, Failure> {
        self.current = None;
        match self.items.next() {
            None => Ok(std::ptr::null()),
            Some(Err(e)) => {
                self.items = Box::new(std::iter::empty());
                Err(e.into())
            }
            Some(Ok(item)) => {
                let shown = S::new(&item);
                let seen = shown.as_ptr();
                self.current = Some((item, shown));
                Ok(seen)
            }
        }
    }
}

/// A handle with a cursor.
pub(crate) trait HasCursor: Named {
    type Shown: Shown;
    fn cursor(&self) -> &Mutex<Cursor<Self::Shown>>;
}

/// Moves on; at the end `out` becomes NULL.
pub(crate) unsafe fn next<H: HasCursor>(
    handle: *mut H,
    out: *mut *const <H::Shown as Shown>::Seen,
    name: &str,
) -> rdiff_status {
    guard_next(|| {
        // SAFETY: passed on.
        let out = unsafe { arg::out(out, name)? };
        let object = handle::get(handle.cast_const())?;
        let seen = lock(object.cursor())?.next()?;
        out.set(seen);
        Ok(!seen.is_null())
    })
}

/// Locks what one thread at a time may use.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Failure> {
    mutex.lock().map_err(|_| {
        Failure::new(
            rdiff_status::RDIFF_PANIC,
            "an earlier call with this handle ended in the midst; free it",
        )
    })
}
