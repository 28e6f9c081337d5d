//! Where a job on a thread of its own meets the thread that called it.
//!
//! Callbacks belong to the thread that called the job: many languages can be called on no other. That thread is also to be
//! heard of while the job is busy with one large file, so the job can't be what runs on it.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// After how long a silence the caller's thread is heard of.
const SILENCE: Duration = Duration::from_millis(100);

/// Where the job says something, and waits until it was heard.
pub(crate) struct Desk<S> {
    said: Sender<S>,
    /// Held by who waits, so that one thread at a time speaks.
    heard: Mutex<Receiver<()>>,
}

impl<S> Desk<S> {
    /// Returns when it was heard.
    pub(crate) fn say(&self, what: S) {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if self.said.send(what).is_ok() {
            // Nobody is there any more if hearing it ended in a panic, which is on its way to the caller then.
            heard.recv().ok();
        }
    }
}

/// Runs a job on a thread of its own. On this one, `hear` is given what it says, and nothing when it has been silent for a
/// while. Where there can't be another thread, the job runs here without a desk, and nothing is heard of it.
pub(crate) fn run<S: Send, T: Send>(
    job: impl FnOnce(Option<Desk<S>>) -> T + Send,
    hear: impl Fn(Option<S>),
) -> T {
    let (said, saying) = channel();
    let (hearing, heard) = channel();
    let work = Mutex::new(Some((job, Desk { said, heard: Mutex::new(heard) })));
    let take = &|| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Both ends go with this closure, also by a panic in it: the job must not wait for them then.
    std::thread::scope(move |scope| {
        let (saying, hearing) = (saying, hearing);
        // It takes the desk with it when it ends, also by a panic.
        let run = move || take().map(|(job, desk)| job(Some(desk)));
        let Ok(thread) = std::thread::Builder::new().name("job".to_owned()).spawn_scoped(scope, run) else {
            return take().map(|(job, _)| job(None));
        };
        loop {
            match saying.recv_timeout(SILENCE) {
                Ok(what) => {
                    hear(Some(what));
                    // It waits for this.
                    hearing.send(()).ok();
                }
                Err(RecvTimeoutError::Timeout) => hear(None),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
    .unwrap_or_else(|| unreachable!("the job is taken once"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::current;

    #[test]
    fn what_is_said_is_heard_in_order_on_the_thread_of_the_caller() {
        let (here, heard) = (current().id(), RefCell::new(Vec::new()));
        let done = run(
            |desk: Option<Desk<u32>>| {
                assert_ne!(current().id(), here);
                (1..=100).for_each(|n| desk.as_ref().expect("a thread").say(n));
                "done"
            },
            |said| {
                assert_eq!(current().id(), here);
                heard.borrow_mut().extend(said);
            },
        );
        assert_eq!(done, "done");
        assert_eq!(heard.into_inner(), (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn a_silent_job_is_asked_and_ends_when_it_is_told_to() {
        let (stop, asked) = (AtomicBool::new(false), Cell::new(0));
        let job = |_desk: Option<Desk<()>>| {
            while !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        };
        run(job, |said| {
            assert!(said.is_none());
            asked.set(asked.get() + 1);
            stop.store(asked.get() == 3, Ordering::Relaxed);
        });
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn a_panic_on_either_side_reaches_the_caller() {
        let panics = |job: fn(Option<Desk<()>>), hear: fn(Option<()>)| {
            catch_unwind(AssertUnwindSafe(|| run(job, hear))).is_err()
        };
        assert!(panics(|_| panic!("on purpose, in the job"), |_| {}));
        let talk = |desk: Option<Desk<()>>| (0..3).for_each(|_| desk.iter().for_each(|desk| desk.say(())));
        assert!(panics(talk, |_| panic!("on purpose, in the callback")));
        assert!(!panics(talk, |_| {}));
    }
}
