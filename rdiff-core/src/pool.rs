//! Threads: bounded workers whose results come back in the order of the input.
//!
//! A [`Task`] that no worker has begun when its result is wanted is done by the thread that wants it. So
//! nothing can wait for a queue, and with no workers at all everything runs inline.
//!
//! ```
//! use rdiff_core::pool::{Ahead, Chunks, MapOrdered, Pool, Task, ahead};
//! use std::sync::Arc;
//!
//! let pool = Arc::new(Pool::new(2));
//! let task: Task<u32> = pool.submit(|| 6 * 7);
//! assert_eq!(task.join(), 42);
//!
//! // At most 8 at work or waiting; the results come in the order of the input.
//! let squares: MapOrdered<_, _, u64> = pool.map_ordered(1..=100u64, 8, |n| n * n);
//! assert_eq!(squares.sum::<u64>(), 338_350);
//!
//! // Another thread reads on meanwhile, up to 4 chunks of 16 items.
//! let read: Ahead<u64> = ahead(0..100u64, 16, 4);
//! let in_tens = Chunks::new(read.map(Ok::<u64, ()>), 10, u64::MAX, |_: &u64| 1);
//! assert_eq!(in_tens.count(), 10);
//! ```

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Worker threads. They end when the pool is dropped; tasks not yet begun are then left undone.
pub struct Pool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    ready: Condvar,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Arc<dyn Job>>,
    closed: bool,
    idle: usize,
    /// One was woken and has not begun. It wakes the next if there is more to do than it takes.
    waking: bool,
}

impl QueueState {
    /// Is a worker to be woken, once the lock is given back? One that is woken earlier only waits for the lock.
    fn wake_one(&mut self) -> bool {
        let wake = !self.waking && self.idle > 0 && !self.jobs.is_empty();
        self.waking |= wake;
        wake
    }
}

trait Job: Send + Sync {
    fn run(&self);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic is carried to whoever joins the task; the data under our locks is whole at all times.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// The most workers that there can be. A request that asks for more is no reason to take all threads of a machine.
    pub const MOST: usize = 256;

    /// Starts so many workers, or [`Pool::MOST`]. None means that every task runs where it is joined.
    pub fn new(workers: usize) -> Self {
        let queue = Arc::new(Queue::default());
        let threads = (0..workers.min(Self::MOST))
            .map_while(|i| {
                let queue = Arc::clone(&queue);
                std::thread::Builder::new().name(format!("worker-{i}")).spawn(move || queue.work()).ok()
            })
            .collect();
        let pool = Self { queue, threads };
        // With nobody to take them tasks needn't be queued.
        lock(&pool.queue.state).closed = pool.threads.is_empty();
        pool
    }

    /// How many workers run.
    pub fn workers(&self) -> usize {
        self.threads.len()
    }

    /// Queues a task.
    pub fn submit<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        self.helpers().submit(work)
    }

    /// What tasks may hold to submit tasks of their own. It does not keep the workers.
    pub(crate) fn helpers(&self) -> Helpers {
        Helpers(Arc::clone(&self.queue))
    }

    /// Has the workers end once nothing is queued, without waiting for them. What is submitted after that is done where
    /// it is joined.
    pub(crate) fn close(&self) {
        lock(&self.queue.state).closed = true;
        self.queue.ready.notify_all();
    }

    /// Maps a stream with `f`, on all workers, at most `window` items ahead. Results come in input order.
    /// The thread that takes the results also pulls the input.
    pub fn map_ordered<I, F, R>(self: &Arc<Self>, input: I, window: usize, f: F) -> MapOrdered<I, F, R>
    where
        I: Iterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        MapOrdered {
            pool: Arc::clone(self),
            input: input.fuse(),
            f: Arc::new(f),
            is_light: Box::new(|_| false),
            window,
            tasks: VecDeque::new(),
        }
    }
}

/// The workers of a pool, for its own tasks: to hold the pool itself they would have to end it, and wait for themselves.
#[derive(Clone)]
pub(crate) struct Helpers(Arc<Queue>);

impl Helpers {
    /// Queues a task. When the pool has ended it is done where it is joined.
    pub(crate) fn submit<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let slot = Arc::new(Slot { state: Mutex::new(State::Waiting(Box::new(work))), done: Condvar::new() });
        let mut state = lock(&self.0.state);
        if !state.closed {
            state.jobs.push_back(slot.clone());
            let wake = state.wake_one();
            drop(state);
            if wake {
                self.0.ready.notify_one();
            }
        }
        Task(slot)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.queue.state).jobs.clear();
        self.close();
        for thread in self.threads.drain(..) {
            // Workers catch the panics of tasks, so they end in no other way than by returning.
            if thread.join().is_err() {
                return;
            }
        }
    }
}

impl Queue {
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                let wake = state.wake_one();
                drop(state);
                if wake {
                    self.ready.notify_one();
                }
                job.run();
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.waking = false;
            }
        }
    }
}

/// A result to come.
#[must_use = "a task that is never joined may never run"]
pub struct Task<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

enum State<T> {
    Waiting(Box<dyn FnOnce() -> T + Send>),
    Running,
    /// Running, and somebody waits for it. To wake nobody costs a system call too.
    Awaited,
    Done(std::thread::Result<T>),
}

impl<T: Send> Job for Slot<T> {
    fn run(&self) {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Waiting(_)) {
            return;
        }
        if let State::Waiting(work) = std::mem::replace(&mut *state, State::Running) {
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(work));
            let before = std::mem::replace(&mut *lock(&self.state), State::Done(result));
            if matches!(before, State::Awaited) {
                self.done.notify_one();
            }
        }
    }
}

impl<T> Task<T> {
    /// One that needs nobody any more.
    fn done(value: T) -> Self {
        Self(Arc::new(Slot { state: Mutex::new(State::Done(Ok(value))), done: Condvar::new() }))
    }
}

impl<T: Send> Task<T> {
    /// The result. Does the work here if no worker has begun it; carries on a panic of the task.
    pub fn join(self) -> T {
        self.0.run();
        let mut state = lock(&self.0.state);
        loop {
            // It runs or is done: `run` has begun it otherwise.
            match std::mem::replace(&mut *state, State::Awaited) {
                State::Done(Ok(value)) => return value,
                State::Done(Err(panic)) => {
                    drop(state);
                    resume_unwind(panic)
                }
                State::Waiting(_) | State::Running | State::Awaited => {}
            }
            state = self.0.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Is the result there already?
    pub fn is_done(&self) -> bool {
        matches!(*lock(&self.0.state), State::Done(_))
    }
}

type Says<T> = Box<dyn Fn(&T) -> bool>;

/// What [`Pool::map_ordered`] returns.
pub struct MapOrdered<I: Iterator, F, R> {
    pool: Arc<Pool>,
    input: std::iter::Fuse<I>,
    f: Arc<F>,
    is_light: Says<I::Item>,
    window: usize,
    tasks: VecDeque<Task<R>>,
}

impl<I: Iterator, F, R> MapOrdered<I, F, R> {
    /// What `is_light` is not worth waking a worker: it is mapped by the thread that takes the results.
    #[must_use]
    pub(crate) fn at_once_if(self, is_light: impl Fn(&I::Item) -> bool + 'static) -> Self {
        Self { is_light: Box::new(is_light), ..self }
    }
}

impl<I, F, R> Iterator for MapOrdered<I, F, R>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    type Item = R;

    fn next(&mut self) -> Option<R> {
        while self.tasks.len() <= self.window {
            let Some(item) = self.input.next() else { break };
            let f = Arc::clone(&self.f);
            self.tasks.push_back(if (self.is_light)(&item) {
                Task::done(f(item))
            } else {
                self.pool.submit(move || f(item))
            });
        }
        Some(self.tasks.pop_front()?.join())
    }
}

/// Gathers items of a stream into chunks for [`Pool::map_ordered`], so that small ones don't each pay for
/// a queue. A chunk ends at `most` items, when their weights reach `heavy`, or with an error. After the first
/// error nothing more is taken: what an input does on the way may be wrong once a path was missed.
pub struct Chunks<I, W> {
    input: I,
    weight: W,
    most: usize,
    heavy: u64,
    failed: bool,
}

impl<I, W> Chunks<I, W> {
    /// Cuts `input` into chunks.
    pub fn new(input: I, most: usize, heavy: u64, weight: W) -> Self {
        Self { input, weight, most, heavy, failed: false }
    }
}

impl<T, E, I: Iterator<Item = Result<T, E>>, W: Fn(&T) -> u64> Iterator for Chunks<I, W> {
    type Item = (Vec<T>, Option<E>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut chunk = Vec::new();
        let mut weight = 0u64;
        while chunk.len() < self.most && weight < self.heavy {
            match self.input.next() {
                Some(Ok(item)) => {
                    weight = weight.saturating_add((self.weight)(&item));
                    chunk.push(item);
                }
                Some(Err(e)) => {
                    self.failed = true;
                    return Some((chunk, Some(e)));
                }
                None => break,
            }
        }
        (!chunk.is_empty()).then_some((chunk, None))
    }
}

/// Runs an iterator in a thread of its own, up to `depth` chunks of `chunk` items ahead.
pub fn ahead<I>(input: I, chunk: usize, depth: usize) -> Ahead<I::Item>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
{
    ahead_and_back::<I, ()>(input, chunk, depth).0
}

/// As [`ahead`], with a way back to the thread, which frees what comes by it. Where one thread makes things and another
/// frees them both use the same part of the allocator, and wait for its lock, some hundred times in a thousand records.
pub(crate) fn ahead_and_back<I, B>(input: I, chunk: usize, depth: usize) -> (Ahead<I::Item>, WayBack<B>)
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
    B: Send + 'static,
{
    let (sender, chunks) = sync_channel(depth);
    let (back, used) = channel::<Vec<B>>();
    let run = move || {
        let mut input = input.fuse();
        loop {
            used.try_iter().for_each(drop);
            let items: Vec<_> = input.by_ref().take(chunk).collect();
            // A closed channel means that nobody wants more.
            if items.is_empty() || sender.send(items).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("ahead".to_owned()).spawn(run).ok();
    (Ahead { chunks, thread, current: Vec::new().into_iter() }, WayBack(back))
}

/// Leads back to the thread of [`ahead_and_back`].
pub(crate) struct WayBack<B>(Sender<Vec<B>>);

impl<B> WayBack<B> {
    /// Has the thread free these. Once it has ended they are freed here.
    pub(crate) fn free(&self, used: Vec<B>) {
        self.0.send(used).ok();
    }
}

/// What [`ahead`] returns.
pub struct Ahead<T> {
    chunks: Receiver<Vec<T>>,
    thread: Option<JoinHandle<()>>,
    current: std::vec::IntoIter<T>,
}

impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(item) = self.current.next() {
                return Some(item);
            }
            match self.chunks.recv() {
                Ok(chunk) => self.current = chunk.into_iter(),
                Err(_) => {
                    // The thread has ended: in order, or by a panic that must not look like the end.
                    if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                        resume_unwind(panic);
                    }
                    return None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn results_come_in_input_order_with_any_number_of_workers() {
        for workers in [0, 1, 2, 8] {
            let pool = Arc::new(Pool::new(workers));
            let out: Vec<u64> = pool
                .map_ordered(0..500u64, 8, |n| {
                    if n % 7 == 0 {
                        std::thread::yield_now();
                    }
                    n * n
                })
                .collect();
            assert_eq!(out, (0..500).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn as_many_tasks_run_at_once_as_there_are_workers() {
        let pool = Pool::new(4);
        for _ in 0..50 {
            let (begun, all_begun) = sync_channel(4);
            let end = Arc::new((Mutex::new(false), Condvar::new()));
            let tasks: Vec<Task<()>> = (0..4)
                .map(|_| {
                    let (begun, end) = (begun.clone(), Arc::clone(&end));
                    pool.submit(move || {
                        begun.send(()).unwrap();
                        let _end = end.1.wait_while(lock(&end.0), |end| !*end).unwrap();
                    })
                })
                .collect();
            for _ in 0..4 {
                all_begun.recv_timeout(Duration::from_secs(60)).expect("nobody waits for the end of another");
            }
            *lock(&end.0) = true;
            end.1.notify_all();
            tasks.into_iter().for_each(Task::join);
        }
    }

    #[test]
    fn nothing_is_taken_after_an_error() {
        let mut taken = 0;
        let input = (0..100).map(|n| if n % 10 == 7 { Err(n) } else { Ok(n) }).inspect(|_| taken += 1);
        let chunks: Vec<_> = Chunks::new(input, 5, 1000, |_: &i32| 1).collect();
        assert_eq!(chunks, [(vec![0, 1, 2, 3, 4], None), (vec![5, 6], Some(7))]);
        assert_eq!(taken, 8);
    }

    #[test]
    fn no_more_than_the_window_is_taken_ahead() {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let pool = Arc::new(Pool::new(2));
        let mut out = pool.map_ordered(
            (0..100).inspect(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
            }),
            4,
            |n| n,
        );
        out.next();
        assert_eq!(taken.load(Ordering::SeqCst), 5);
    }

    #[test]
    fn what_is_light_wakes_nobody_and_comes_in_its_turn() {
        let here = std::thread::current().id();
        let pool = Arc::new(Pool::new(2));
        let threads = pool.map_ordered(0..200u64, 4, move |n| (n, std::thread::current().id()));
        let is_odd = |n: &u64| n % 2 == 1;
        for (i, (n, thread)) in threads.at_once_if(is_odd).enumerate() {
            assert_eq!(i as u64, n);
            assert!(!is_odd(&n) || thread == here);
        }
    }

    #[test]
    fn a_panic_reaches_whoever_wants_the_result() {
        for workers in [0, 1] {
            let pool = Pool::new(workers);
            let task: Task<()> = pool.submit(|| panic!("in the task"));
            assert!(catch_unwind(AssertUnwindSafe(|| task.join())).is_err());
            assert_eq!(pool.submit(|| 7).join(), 7);
        }
        assert!(catch_unwind(|| ahead((0..3).map(|n| assert!(n < 2)), 1, 1).count()).is_err());
    }

    #[test]
    fn reading_ahead_changes_nothing() {
        assert_eq!(ahead(0..1000, 64, 2).collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        drop(ahead(0.., 64, 2));
    }

    #[test]
    fn what_goes_back_is_freed_by_the_thread_that_made_it_or_here_when_that_has_ended() {
        struct Freed(std::sync::mpsc::Sender<Option<String>>);
        impl Drop for Freed {
            fn drop(&mut self) {
                self.0.send(std::thread::current().name().map(str::to_owned)).unwrap();
            }
        }
        let (freed, by) = channel();
        let (mut read, back) = ahead_and_back(0.., 1, 1);
        back.free(vec![Freed(freed.clone())]);
        assert_eq!(read.by_ref().take(10).count(), 10);
        assert_eq!(by.recv().unwrap().as_deref(), Some("ahead"));
        let (mut read, back) = ahead_and_back(0..3, 1, 1);
        assert_eq!(read.by_ref().count(), 3); // which has waited for the thread's end
        back.free(vec![Freed(freed)]);
        assert_eq!(by.recv().unwrap(), std::thread::current().name().map(str::to_owned));
    }

    #[test]
    fn a_closed_pool_does_what_was_queued_and_leaves_the_rest_to_who_joins() {
        let pool = Arc::new(Pool::new(2));
        let early: Vec<_> = (0..50).map(|n| pool.submit(move || n)).collect();
        pool.close();
        let late = pool.submit(|| std::thread::current().id());
        assert_eq!(early.into_iter().map(Task::join).sum::<i32>(), 49 * 50 / 2);
        assert_eq!(late.join(), std::thread::current().id());
    }
}
