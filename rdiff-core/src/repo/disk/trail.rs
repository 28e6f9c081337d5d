//! Writing a large file that is not read again soon.

use super::{BEHIND, DiskFile, FORGET_AT_ONCE, FORGET_FROM};

/// What was written of a file, from its beginning on. It is brought to the disk soon, and leaves the system's memory to others.
pub(crate) struct Trail {
    is_large: bool,
    sent: u64,
}

impl Trail {
    /// Of a file that will have so many bytes.
    pub(crate) fn new(size: u64) -> Self {
        Self { is_large: size >= FORGET_FROM, sent: 0 }
    }

    /// Hears that the file was written up to `end`.
    pub(crate) fn wrote(&mut self, file: &mut dyn DiskFile, end: u64) {
        if !self.is_large || end - self.sent < FORGET_AT_ONCE {
            return;
        }
        // What isn't on the disk yet isn't forgotten, but sent there.
        file.forget(self.sent..end);
        file.forget(self.sent.saturating_sub(BEHIND)..end.saturating_sub(BEHIND));
        self.sent = end;
    }
}
