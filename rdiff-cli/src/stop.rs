//! SIGINT and SIGTERM: a job that writes, or takes long, is asked to stop. SIGXFSZ: a write fails.

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether a job was asked to stop, and by which signal.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// From now on the first signal asks to stop. A second one ends the process at once, as any does before
    /// this is called; a repository can be left at any point. Signals that are ignored stay so, for jobs in
    /// the background of a shell.
    pub fn listen(&self) {
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM] {
            if ignored & (1 << (signal - 1)) != 0 {
                continue;
            }
            let again = Arc::new(AtomicBool::new(false));
            // In this order: what is registered first is asked first.
            let registered = signal_hook::flag::register_conditional_default(signal, Arc::clone(&again))
                .and_then(|_| signal_hook::flag::register(signal, again))
                .and_then(|_| {
                    signal_hook::flag::register_usize(
                        signal,
                        Arc::clone(&self.0),
                        signal.unsigned_abs() as usize,
                    )
                });
            // Where that can't be done, the signal ends the process.
            drop(registered);
        }
    }

    /// The signal that asked to stop, if one did.
    pub fn signal(&self) -> Option<&'static str> {
        match i32::try_from(self.0.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some("SIGINT"),
            Ok(SIGTERM) => Some("SIGTERM"),
            _ => None,
        }
    }
}

/// A file that reaches the limit of its size is to be a write that fails, which can be told and undone, and no end of the process.
pub fn let_writes_fail() {
    // Where that can't be done, it ends the process.
    drop(signal_hook::flag::register(SIGXFSZ, Arc::default()));
}

/// The signals that this process was started to ignore, as bits.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
