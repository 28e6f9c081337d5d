//! One ssh with an sftp server behind it: questions of many threads, answers to whoever waits.
//!
//! Callers put questions into one buffer and write it out in turns; one thread reads answers and hands them
//! on by number. That thread alone judges time: it never waits for the server longer than it may be silent,
//! and when the session has failed, by silence, nonsense or the end of ssh, everyone who waits is told the
//! same reason at once. Nobody waits for a thread that waits for him: the reader writes nothing and needs
//! no caller to take what it hands on.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::SftpBounds;
use super::incoming::{Filled, Incoming};
use super::packet::{self, Greeting, HELLO, Malformed, Reply, Request};
use super::server::{Server, send_all};
use crate::error::{MountError, Result};
use crate::runner::{self, Command, Exit};

/// How long ssh may take to go after its output has ended, before we say why without it.
const GRACE: Duration = Duration::from_secs(2);
/// So many handles are kept for those who need just one; half of them where there are few.
const RESERVE: usize = 256;
/// A question that is not answered while others are may wait so many times longer than a silence may last.
const LONGEST_WAIT: u32 = 10;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What our locks protect is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An ssh with an sftp server. When it is dropped, ssh ends.
#[derive(Debug)]
pub(super) struct Session {
    shared: Arc<Shared>,
    greeting: Greeting,
}

#[derive(Debug)]
struct Shared {
    remote: String,
    command: String,
    bounds: SftpBounds,
    state: Mutex<State>,
    /// Told when there may be room for another question or handle.
    room: Condvar,
    /// Questions not yet written.
    out: Mutex<Vec<u8>>,
    stdin: Mutex<Option<UnixStream>>,
    child: Mutex<Option<Child>>,
    stderr: File,
}

#[derive(Debug)]
struct State {
    next_id: u32,
    waiting: HashMap<u32, Waiting>,
    bytes: usize,
    handles: usize,
    most_handles: usize,
    /// When the server last said something, or was asked after it had said everything.
    heard: Instant,
    failure: Option<Arc<MountError>>,
}

#[derive(Debug)]
struct Waiting {
    /// Nothing where nobody wants to know.
    slot: Option<Arc<Slot>>,
    cost: usize,
    since: Instant,
}

#[derive(Debug, Default)]
struct Slot {
    answer: Mutex<Option<Answer>>,
    done: Condvar,
}

#[derive(Debug)]
enum Answer {
    Reply(Reply),
    Failed,
}

/// The one reason why a session failed, for each who waits.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(Arc<MountError>);

/// An answer that will come.
#[must_use = "without waiting nobody learns what the answer was"]
#[derive(Debug)]
pub(super) struct Pending {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
}

impl Session {
    /// Starts ssh and greets the server.
    ///
    /// # Errors
    /// [`MountError::Start`] without ssh; [`MountError::Command`] with what ssh said when it ended first;
    /// [`MountError::NoReply`] or [`MountError::NotSftp`].
    pub(super) fn start(
        command: &Command,
        remote: String,
        connect: Duration,
        bounds: SftpBounds,
    ) -> Result<Self> {
        let server = Server::start(command).map_err(|source| MountError::start(command, source))?;
        Self::over(server, remote, connect, bounds)
    }

    /// Greets a server.
    pub(super) fn over(server: Server, remote: String, limit: Duration, bounds: SftpBounds) -> Result<Self> {
        let state = State {
            next_id: 0,
            waiting: HashMap::new(),
            bytes: 0,
            handles: 0,
            most_handles: bounds.handles,
            heard: Instant::now(),
            failure: None,
        };
        let shared = Arc::new(Shared {
            remote,
            command: server.command,
            bounds,
            state: Mutex::new(state),
            room: Condvar::new(),
            out: Mutex::default(),
            stdin: Mutex::new(Some(server.stdin)),
            child: Mutex::new(server.child),
            stderr: server.stderr,
        });
        // From here on dropping the session ends ssh.
        let mut session = Self { shared: Arc::clone(&shared), greeting: Greeting::default() };
        let mut incoming = Incoming::new(server.stdout);
        session.greeting = shared.greet(&mut incoming, limit)?;
        let named = thread::Builder::new().name("sftp".to_owned());
        let spawned = named.spawn(move || shared.read(incoming));
        spawned.map_err(|source| MountError::Start { program: "a thread".to_owned(), source })?;
        Ok(session)
    }

    /// What the server offers.
    pub(super) fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// The bounds that it keeps.
    pub(super) fn bounds(&self) -> &SftpBounds {
        &self.shared.bounds
    }

    /// Sends questions, all in one go where there is room, and waits for nothing but that room.
    ///
    /// # Errors
    /// Why the session has failed.
    pub(super) fn ask(&self, requests: &[Request<'_>]) -> io::Result<Vec<Pending>> {
        let mut pending = Vec::with_capacity(requests.len());
        for request in requests {
            pending.push(self.queue(request)?);
        }
        self.shared.flush();
        Ok(pending)
    }

    /// Sends one question and waits for its answer.
    ///
    /// # Errors
    /// Why the session has failed.
    pub(super) fn ask_one(&self, request: &Request<'_>) -> io::Result<Reply> {
        let pending = self.queue(request)?;
        self.shared.flush();
        pending.wait()
    }

    fn queue(&self, request: &Request<'_>) -> io::Result<Pending> {
        let slot = Arc::new(Slot::default());
        self.shared.queue(request, Some(Arc::clone(&slot)))?;
        Ok(Pending { slot, shared: Arc::clone(&self.shared) })
    }

    /// Sends questions about a handle, and closes it behind them.
    ///
    /// # Errors
    /// Why the session has failed.
    pub(super) fn ask_and_close(&self, requests: &[Request<'_>], handle: &[u8]) -> io::Result<Vec<Pending>> {
        let mut pending = Vec::with_capacity(requests.len());
        for request in requests {
            pending.push(self.queue(request)?);
        }
        self.shared.queue(&Request::Close(handle), None)?;
        self.shared.flush();
        Ok(pending)
    }

    /// Closes a handle; nobody hears if that failed, for a reader loses nothing by it.
    pub(super) fn close(&self, handle: &[u8]) {
        if self.shared.queue(&Request::Close(handle), None).is_ok() {
            self.shared.flush();
        }
    }

    /// Lowers the bound of open handles to what the server allows.
    pub(super) fn allow_handles(&self, most: usize) {
        let mut state = lock(&self.shared.state);
        state.most_handles = state.most_handles.min(most).max(2);
    }

    /// Reserves the right to open so many handles: one at least, waiting if need be. Of the others each of
    /// `sharers` gets an equal part, and some are left, so that those who hold one and need another find it.
    ///
    /// # Errors
    /// Why the session has failed.
    pub(super) fn reserve_handles(&self, wanted: usize, sharers: usize) -> io::Result<usize> {
        let mut state = lock(&self.shared.state);
        loop {
            if let Some(failure) = &state.failure {
                return Err(io_error(failure));
            }
            if state.handles < state.most_handles {
                let shared = state.most_handles - RESERVE.min(state.most_handles / 2);
                let ahead = shared.saturating_sub(state.handles).min(shared / sharers.max(1));
                let granted = wanted.min(ahead).max(1);
                state.handles += granted;
                return Ok(granted);
            }
            let wait = self.shared.bounds.silence * LONGEST_WAIT;
            let waited = self.shared.room.wait_timeout(state, wait);
            let (locked, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            state = locked;
        }
    }

    /// Gives such rights back.
    pub(super) fn release_handles(&self, count: usize) {
        lock(&self.shared.state).handles -= count;
        self.shared.room.notify_all();
    }

    /// Why the session has failed, if it has.
    pub(super) fn failure(&self) -> Option<Arc<MountError>> {
        lock(&self.shared.state).failure.clone()
    }
}

impl Drop for Session {
    /// The sftp server ends when its input does, and ssh with it; one that does not is killed.
    fn drop(&mut self) {
        // A writer that is stuck holds the lock; then there is nothing to be polite about.
        if let Ok(mut stdin) = self.shared.stdin.try_lock() {
            stdin.take();
        }
        if let Some(mut child) = lock(&self.shared.child).take()
            && !matches!(runner::wait(&mut child, GRACE / 4), Ok(Some(_)))
        {
            runner::give_up(child);
        }
    }
}

impl Pending {
    /// Is it here?
    pub(super) fn is_done(&self) -> bool {
        lock(&self.slot.answer).is_some()
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// Why the session has failed.
    pub(super) fn wait(self) -> io::Result<Reply> {
        // The reader keeps the time; the limit is for the case that the reader itself has come to grief.
        let limit = self.shared.bounds.silence * (LONGEST_WAIT + 1);
        let answer = lock(&self.slot.answer);
        let waited = self.slot.done.wait_timeout_while(answer, limit, |answer| answer.is_none());
        match waited.unwrap_or_else(PoisonError::into_inner).0.take() {
            Some(Answer::Reply(reply)) => Ok(reply),
            Some(Answer::Failed) => Err(self.shared.failed()),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Shared {
    /// Registers a question and appends it to what is to be written, when there is room for its answer.
    fn queue(&self, request: &Request<'_>, slot: Option<Arc<Slot>>) -> io::Result<()> {
        let cost = request.cost();
        let full = |state: &mut State| {
            let full = state.waiting.len() >= self.bounds.requests || state.bytes + cost > self.bounds.bytes;
            full && !state.waiting.is_empty() && state.failure.is_none()
        };
        let mut state = lock(&self.state);
        if full(&mut state) {
            drop(state);
            // What we wait for must have been asked.
            self.flush();
            // Without a time of its own: the reader ends every wait for answers.
            state = self.room.wait_while(lock(&self.state), full).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(failure) = &state.failure {
            return Err(io_error(failure));
        }
        let now = Instant::now();
        if state.waiting.is_empty() {
            state.heard = now;
        }
        state.bytes += cost;
        let mut id = state.next_id;
        while state.waiting.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        state.next_id = id.wrapping_add(1);
        state.waiting.insert(id, Waiting { slot, cost, since: now });
        drop(state);
        request.encode(id, &mut lock(&self.out));
        Ok(())
    }

    /// Writes out what all callers have put into the buffer.
    fn flush(&self) {
        let mut stdin = lock(&self.stdin);
        loop {
            let bytes = std::mem::take(&mut *lock(&self.out));
            let Some(socket) = stdin.as_ref().filter(|_| !bytes.is_empty()) else { return };
            if send_all(socket, &bytes).is_err() {
                // ssh is gone. Its output ends too, and the reader then finds out why.
                stdin.take();
            }
        }
    }

    /// Exchanges the first packets, within `limit`.
    fn greet(&self, incoming: &mut Incoming, limit: Duration) -> Result<Greeting> {
        lock(&self.out).extend_from_slice(&HELLO);
        self.flush();
        let started = Instant::now();
        loop {
            match incoming.packet().and_then(|packet| packet.map(packet::decode_greeting).transpose()) {
                Ok(Some(greeting)) => {
                    incoming.next();
                    return Ok(greeting);
                }
                Ok(None) => {}
                Err(what) => return Err(self.not_sftp(what)),
            }
            let left = limit.saturating_sub(started.elapsed());
            match incoming.fill(left) {
                Ok(Filled::Some) => {}
                Ok(Filled::Nothing) if left.is_zero() => return Err(self.ended_with(Exit::TimedOut)),
                Ok(Filled::Nothing) => {}
                Ok(Filled::End) | Err(_) => return Err(self.ended_with(self.exit())),
            }
        }
    }

    /// Hands out answers until there can be no more.
    fn read(&self, mut incoming: Incoming) {
        let pause = (self.bounds.silence / 8).clamp(Duration::from_millis(5), Duration::from_secs(1));
        let reason = loop {
            if let Err(what) = self.hand_out(&mut incoming) {
                break self.not_sftp(what);
            }
            match incoming.fill(pause) {
                Ok(Filled::Some) => lock(&self.state).heard = Instant::now(),
                Ok(Filled::Nothing) => {}
                Ok(Filled::End) | Err(_) => break self.lost(),
            }
            if let Some(waited) = self.waited_too_long() {
                break MountError::NoReply { remote: self.remote.clone(), waited };
            }
        };
        self.fail(reason);
    }

    /// Gives every whole packet to whoever waits for it.
    fn hand_out(&self, incoming: &mut Incoming) -> std::result::Result<(), Malformed> {
        let mut any = false;
        while let Some(bytes) = incoming.packet()? {
            let (id, reply) = packet::decode(bytes)?;
            incoming.next();
            let mut state = lock(&self.state);
            let waiting = state.waiting.remove(&id).ok_or(Malformed::Unasked)?;
            state.bytes -= waiting.cost;
            drop(state);
            any = true;
            if let Some(slot) = waiting.slot {
                slot.put(Answer::Reply(reply));
            }
        }
        if any {
            self.room.notify_all();
        }
        Ok(())
    }

    fn waited_too_long(&self) -> Option<Duration> {
        let state = lock(&self.state);
        let oldest = state.waiting.values().map(|waiting| waiting.since).min()?;
        let (silent, waited) = (state.heard.elapsed(), oldest.elapsed());
        if silent >= self.bounds.silence {
            Some(silent)
        } else {
            (waited >= self.bounds.silence * LONGEST_WAIT).then_some(waited)
        }
    }

    /// Tells everyone, and makes an end of ssh.
    fn fail(&self, reason: MountError) {
        let mut state = lock(&self.state);
        state.failure = Some(Arc::new(reason));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for slot in waiting.into_values().filter_map(|waiting| waiting.slot) {
            slot.put(Answer::Failed);
        }
        self.room.notify_all();
        // Killed before its input is closed: a writer may be stuck there.
        if let Some(mut child) = lock(&self.child).take()
            && !matches!(child.try_wait(), Ok(Some(_)))
        {
            runner::give_up(child);
        }
        lock(&self.stdin).take();
    }

    fn failed(&self) -> io::Error {
        match &lock(&self.state).failure {
            Some(failure) => io_error(failure),
            None => io::ErrorKind::ConnectionAborted.into(),
        }
    }

    /// How ssh ended, given a moment to do so.
    fn exit(&self) -> Exit {
        match lock(&self.child).as_mut().map(|child| runner::wait(child, GRACE)) {
            Some(Ok(Some(status))) => runner::exit_of(status),
            _ => Exit::TimedOut,
        }
    }

    fn ended_with(&self, exit: Exit) -> MountError {
        MountError::command(&self.command, exit, &self.said())
    }

    fn lost(&self) -> MountError {
        let exit = self.exit();
        MountError::Lost { remote: self.remote.clone(), exit, stderr: crate::error::one_line(&self.said()) }
    }

    fn not_sftp(&self, what: Malformed) -> MountError {
        MountError::NotSftp { remote: self.remote.clone(), what: what.to_string() }
    }

    fn said(&self) -> Vec<u8> {
        runner::tail(&self.stderr).unwrap_or_default()
    }
}

impl Slot {
    fn put(&self, answer: Answer) {
        *lock(&self.answer) = Some(answer);
        self.done.notify_all();
    }
}

/// An error of a kind that means that the whole source is out of reach, with the reason in words.
fn io_error(failure: &Arc<MountError>) -> io::Error {
    let kind = match **failure {
        MountError::NoReply { .. } => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, Failure(Arc::clone(failure)))
}
