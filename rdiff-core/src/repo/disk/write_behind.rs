//! Writing to the disk while the work goes on, so that a barrier has little left to wait for.
//!
//! Left alone, the system keeps what is written in memory for half a minute: a job first works while the disk
//! idles, and then waits at its barrier while the processors do. So a thread syncs the file system now and
//! then. Nothing relies on it; only a barrier says that something is durable.

use crate::tree::Root;
use rustix::fs::OFlags;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// With less than this unwritten, in bytes, a sync isn't worth it.
const LEAST: u64 = 16 << 20;
/// What a new file or directory costs beside its content, in bytes.
pub(super) const OBJECT: u64 = 8 << 10;
/// Between the end of a sync and the next one.
const PAUSE: Duration = Duration::from_millis(400);

/// Counts what is written to a file system, and has it synced in the background.
pub(super) struct WriteBehind {
    root: Arc<Root>,
    pending: Arc<AtomicU64>,
    thread: OnceLock<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl WriteBehind {
    /// For the file system of `root`. Its thread begins when there is something to do.
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, pending: Arc::default(), thread: OnceLock::new() }
    }

    /// Notes that so many bytes were written.
    pub(super) fn note(&self, bytes: u64) {
        if self.pending.fetch_add(bytes, Ordering::Relaxed) + bytes >= LEAST {
            self.thread.get_or_init(|| self.start());
        }
    }

    /// Notes that all was synced.
    pub(super) fn synced(&self) {
        self.pending.store(0, Ordering::Relaxed);
    }

    fn start(&self) -> Option<(Sender<()>, JoinHandle<()>)> {
        // A description of its own: a failed write is told to each of them once, and the barrier must hear it.
        let fs = self.root.open_at(b"", OFlags::RDONLY | OFlags::DIRECTORY, 0).ok()?;
        let (stop, stopped) = channel::<()>();
        let pending = Arc::clone(&self.pending);
        let run = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                sync_if_worth(&fs, &pending);
            }
        };
        let thread = std::thread::Builder::new().name("write-behind".to_owned()).spawn(run).ok()?;
        Some((stop, thread))
    }
}

fn sync_if_worth(fs: &OwnedFd, pending: &AtomicU64) {
    if pending.load(Ordering::Relaxed) >= LEAST {
        pending.store(0, Ordering::Relaxed);
        // What goes wrong here goes wrong at the barrier too.
        rustix::fs::syncfs(fs).ok();
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        if let Some(Some((stop, thread))) = self.thread.take() {
            drop(stop);
            // It can't panic, and has nothing to say.
            thread.join().ok();
        }
    }
}
