//! Memory that all threads of a job share.

use std::sync::{Condvar, Mutex, PoisonError};

/// So many bytes, lent to whoever asks first.
pub(super) struct Budget {
    all: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

/// What was lent, until it is dropped.
pub(super) struct Loan<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self { all: bytes, free: Mutex::new(bytes), returned: Condvar::new() }
    }

    /// Waits until there are so many bytes. Who wants more than there are at all gets all: it works alone. One loan
    /// for each thread; else all could wait for each other.
    pub(super) fn take(&self, bytes: u64) -> Loan<'_> {
        let bytes = bytes.min(self.all);
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.returned.wait_while(free, |free| *free < bytes);
        *wait.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Loan { budget: self, bytes }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_is_lent_than_there_is() {
        let (budget, used) = (Budget::new(10), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [4, 7, 10, 25, 1, 3] {
                let (budget, used) = (&budget, &used);
                scope.spawn(move || {
                    for _ in 0..100 {
                        let loan = budget.take(bytes);
                        let now = used.fetch_add(bytes.min(10), Ordering::SeqCst) + bytes.min(10);
                        assert!(now <= 10, "{now}");
                        std::thread::yield_now();
                        used.fetch_sub(bytes.min(10), Ordering::SeqCst);
                        drop(loan);
                    }
                });
            }
        });
        drop(budget.take(10));
    }
}
