//! What C holds.
//!
//! A handle looks like a pointer to C, and is the number of an object in a table. It is never followed, so one that was
//! freed, is of another type or was made up is noticed, whatever the caller does; no number is given
//! out twice in a process of a 64-bit machine. An object that is freed while another thread uses it goes when that thread is done.

use crate::status::{Failure, rdiff_status};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

type Object = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
struct Table {
    objects: HashMap<usize, Object>,
    last: usize,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Numbers begin with the highest bit, and are never the address of anything on a 64-bit machine: who follows one
/// finds out at once.
const FIRST: usize = 1 << (usize::BITS - 1);

/// How the objects of a type are called in messages.
pub trait Named: Any + Send + Sync {
    /// Such as `cursor of entries`.
    const NAME: &'static str;
}

/// Puts an object into the table.
pub(crate) fn put<T: Named>(object: T) -> *mut T {
    let mut table = table();
    let number = loop {
        table.last = table.last.wrapping_add(1);
        let number = FIRST | (table.last << 4);
        // After 2^27 handles a 32-bit machine begins anew.
        if !table.objects.contains_key(&number) {
            break number;
        }
    };
    table.objects.insert(number, Arc::new(object));
    std::ptr::without_provenance_mut(number)
}

/// The object of a handle.
pub(crate) fn get<T: Named>(handle: *const T) -> Result<Arc<T>, Failure> {
    if handle.is_null() {
        return Err(Failure::argument(format!("the {} is NULL", T::NAME)));
    }
    let object = table().objects.get(&handle.addr()).cloned();
    let object = object.and_then(|object| object.downcast::<T>().ok());
    object.ok_or_else(|| {
        let message = format!("this is no open {}: it was freed, or is something else", T::NAME);
        Failure::new(rdiff_status::RDIFF_INVALID_HANDLE, message)
    })
}

/// Takes an object out of the table. NULL, and a handle that isn't open, are left alone.
pub(crate) fn free<T: Named>(handle: *mut T) {
    let mut table = table();
    let is_one = table.objects.get(&handle.addr()).is_some_and(|object| (**object).is::<T>());
    let object = if is_one { table.objects.remove(&handle.addr()) } else { None };
    // Its destructor runs without the lock.
    drop(table);
    drop(object);
}

/// How many handles are open in this process: 0 when everything was freed. For tests that look for leaks.
#[unsafe(no_mangle)]
pub extern "C" fn rdiff_open_handles() -> usize {
    table().objects.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(u32);
    impl Named for Thing {
        const NAME: &'static str = "thing";
    }
    struct Other;
    impl Named for Other {
        const NAME: &'static str = "other";
    }

    fn failure<T: Named>(handle: *const T) -> (rdiff_status, String) {
        get(handle).map_or_else(|f| (f.status, f.message), |_| panic!("it is open"))
    }

    #[test]
    fn a_handle_is_good_until_it_is_freed_and_for_its_type_only() {
        let thing = put(Thing(7));
        assert_eq!(get(thing.cast_const()).ok().map(|t| t.0), Some(7));
        let (status, message) = failure::<Other>(thing.cast());
        assert_eq!(status, rdiff_status::RDIFF_INVALID_HANDLE);
        assert_eq!(message, "this is no open other: it was freed, or is something else");
        free::<Other>(thing.cast());
        let held = get(thing.cast_const()).ok();
        free(thing);
        free(thing);
        assert_eq!(held.map(|t| t.0), Some(7));
        assert_eq!(failure(thing.cast_const()).0, rdiff_status::RDIFF_INVALID_HANDLE);
        assert_ne!(put(Thing(8)), thing);
        assert_eq!(failure::<Thing>(std::ptr::null()).1, "the thing is NULL");
        free::<Thing>(std::ptr::null_mut());
    }
}
