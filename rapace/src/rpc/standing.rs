//! The session that several clients have in common now, where there is another one after it: what it is, who waits for the
//! next one, and what became of the last.
//!
//! ```text
//! Connecting ─published─► Connected ─lost: by the supervisor, or by a call that found it over─► Connecting
//!     └─given up─► Over                └─closed─► Over
//! ```

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::ConnectError;
use super::direct::Owner;
use super::error::{NoConnection, RpcError};
use super::supervision::{End, Retry, Supervision, SupervisionState};
use crate::error::OpenError;
use crate::session::PeerState;

/// What the clients and their supervisor share.
pub(crate) struct Standing {
    /// Moves with each change of the state, so that who knows a session sees without the lock that it is the one.
    generation: AtomicU64,
    now: Mutex<Now>,
    changed: Condvar,
    pub(crate) tug: Tug,
    pub(crate) retry: Retry,
}

struct Now {
    state: State,
    /// Tasks that wait for a session.
    tasks: Vec<std::task::Waker>,
    stop: Option<Stop>,
    since: Instant,
    sessions: u32,
    tries: u32,
    last_end: Option<End>,
    last_error: Option<Arc<ConnectError>>,
}

enum State {
    Connecting,
    Connected(Arc<Owner>),
    GaveUp,
    Closed,
}

/// What the supervisor is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// End at once what there is.
    AtOnce,
    /// Give it so long to end by itself.
    Within(Duration),
}

/// What somebody who wants to call finds.
pub(super) enum Found {
    /// A session, and the generation in which it is the one.
    Session(Arc<Owner>, u64),
    /// None now.
    Nothing,
    /// None, and waiting is no use.
    End(RpcError),
}

impl Standing {
    pub(crate) fn new(retry: Retry) -> Result<Arc<Self>, OpenError> {
        let now = Now {
            state: State::Connecting,
            tasks: Vec::new(),
            stop: None,
            since: Instant::now(),
            sessions: 0,
            tries: 0,
            last_end: None,
            last_error: None,
        };
        Ok(Arc::new(Self {
            generation: AtomicU64::new(0),
            now: Mutex::new(now),
            changed: Condvar::new(),
            tug: Tug::new()?,
            retry,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session is still the one.
    #[inline]
    pub(super) fn is_generation(&self, generation: u64) -> bool {
        // Relaxed: who misses a change finds that the session is over when calling there, and asks again.
        self.generation.load(Ordering::Relaxed) == generation
    }

    /// Changes the state, and tells all who wait.
    fn enter(&self, mut now: MutexGuard<'_, Now>, state: State) -> u64 {
        let left = std::mem::replace(&mut now.state, state);
        now.since = Instant::now();
        // Relaxed: written under the lock; see `is_generation`.
        let generation = self.generation.load(Ordering::Relaxed).wrapping_add(1);
        self.generation.store(generation, Ordering::Relaxed);
        let tasks = std::mem::take(&mut now.tasks);
        drop(now);
        self.changed.notify_all();
        tasks.into_iter().for_each(std::task::Waker::wake);
        // It may be the last who holds the session.
        drop(left);
        generation
    }

    // ---- what the supervisor does ----------------------------------------------------------------------------------

    /// There is a session. How many there were before; none at all when it is to stop.
    pub(super) fn publish(&self, owner: Arc<Owner>) -> Option<u32> {
        let mut now = self.lock();
        if now.stop.is_some() {
            return None;
        }
        let before = now.sessions;
        now.sessions = before.saturating_add(1);
        self.enter(now, State::Connected(owner));
        Some(before)
    }

    /// Whether the session that was published last is still the one.
    pub(crate) fn has_session(&self) -> bool {
        matches!(self.lock().state, State::Connected(_))
    }

    /// The session ended so.
    pub(super) fn ended(&self, end: End) {
        let mut now = self.lock();
        now.last_end = Some(end);
        if matches!(now.state, State::Connected(_)) {
            self.enter(now, State::Connecting);
        }
    }

    /// A try failed. Those who wait learn it if another one is no use.
    pub(super) fn failed(&self, error: &Arc<ConnectError>) {
        let mut now = self.lock();
        now.last_error = Some(Arc::clone(error));
        if !error.is_retryable() {
            self.enter(now, State::Connecting);
        }
    }

    /// So many tries in a row were made.
    pub(super) fn tried(&self, tries: u32) {
        self.lock().tries = tries;
    }

    /// There will be no session any more.
    pub(super) fn give_up(&self) {
        let now = self.lock();
        let state = if now.stop.is_some() { State::Closed } else { State::GaveUp };
        self.enter(now, state);
    }

    pub(crate) fn stop(&self) -> Option<Stop> {
        self.lock().stop
    }

    // ---- what clients do -------------------------------------------------------------------------------------------

    /// What there is now.
    pub(super) fn find(&self) -> Found {
        self.found(&self.lock())
    }

    fn found(&self, now: &Now) -> Found {
        match (&now.state, &now.last_error) {
            // Relaxed: written under the lock.
            (State::Connected(owner), _) => Found::Session(Arc::clone(owner), self.generation.load(Ordering::Relaxed)),
            (State::Connecting, Some(error)) if !error.is_retryable() => Found::End(now.no_connection()),
            (State::Connecting, _) => Found::Nothing,
            (State::GaveUp, _) => Found::End(now.no_connection()),
            (State::Closed, _) => Found::End(RpcError::Closed { may_have_executed: false }),
        }
    }

    /// Blocks this thread until there is a session or waiting is no use, or until then.
    pub(super) fn wait(&self, until: Option<Instant>) -> Found {
        let mut now = self.lock();
        loop {
            match self.found(&now) {
                Found::Nothing => {}
                found => return found,
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            now = match left {
                Some(Duration::ZERO) => return Found::Nothing,
                None => self.changed.wait(now).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.changed.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// The same for a task, which is woken at the next change.
    #[cfg(feature = "tokio")]
    pub(super) fn poll(&self, cx: &std::task::Context<'_>) -> Found {
        // Cloned and dropped without the lock: a waker is foreign code.
        let waker = cx.waker().clone();
        let mut now = self.lock();
        let found = self.found(&now);
        let is_known = now.tasks.iter().any(|known| known.will_wake(&waker));
        if matches!(found, Found::Nothing) && !is_known {
            now.tasks.push(waker);
        } else {
            drop(now);
            drop(waker);
        }
        found
    }

    /// A call found the session of this generation over.
    pub(super) fn lose(&self, generation: u64) {
        let now = self.lock();
        if matches!(now.state, State::Connected(_)) && self.is_generation(generation) {
            // Before the state changes: after it, nothing is pulled that the supervisor does not expect.
            self.tug.pull();
            self.enter(now, State::Connecting);
        }
    }

    /// No further session is to be made, and the one that is there is to end.
    pub(crate) fn close(&self, stop: Stop) {
        let mut now = self.lock();
        let first = *now.stop.get_or_insert(stop);
        if first != stop && stop == Stop::AtOnce {
            now.stop = Some(stop);
        }
        drop(now);
        self.tug.pull();
    }

    /// The session of now, if there is one.
    pub(crate) fn owner(&self) -> Option<Arc<Owner>> {
        match &self.lock().state {
            State::Connected(owner) => Some(Arc::clone(owner)),
            _ => None,
        }
    }

    /// How long no session has been had, and why.
    pub(super) fn why_none(&self) -> RpcError {
        self.lock().no_connection()
    }

    pub(crate) fn supervision(&self) -> Supervision {
        let owner = self.owner();
        let peer = owner.map(|owner| owner.link().peer_state());
        let now = self.lock();
        let state = match &now.state {
            State::Connected(_) if matches!(peer, Some(PeerState::Unresponsive { .. })) => {
                SupervisionState::Unresponsive
            }
            State::Connected(_) => SupervisionState::Connected,
            State::Connecting => SupervisionState::Connecting,
            State::GaveUp => SupervisionState::GaveUp,
            State::Closed => SupervisionState::Closed,
        };
        Supervision {
            state,
            since: now.since,
            sessions: now.sessions,
            tries: now.tries,
            last_end: now.last_end.clone(),
            last_error: now.last_error.clone(),
        }
    }
}

impl Now {
    /// Why there is no session.
    #[cold]
    fn no_connection(&self) -> RpcError {
        let why = match (&self.last_error, &self.last_end) {
            (Some(error), _) => error.to_string(),
            (None, Some(end)) => end.to_string(),
            (None, None) => "it is being made".to_owned(),
        };
        let is_retryable = self.last_error.as_ref().is_none_or(|error| error.is_retryable());
        RpcError::NoConnection(Box::new(NoConnection { why, tries: self.tries, is_retryable }))
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// Wakes a supervisor that sleeps in the kernel.
#[derive(Debug)]
pub(crate) struct Tug {
    ours: UnixStream,
    felt: UnixStream,
}

impl Tug {
    fn new() -> Result<Self, OpenError> {
        let (ours, felt) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
        for end in [&ours, &felt] {
            end.set_nonblocking(true).map_err(OpenError::io("preparing a socket pair"))?;
        }
        Ok(Self { ours, felt })
    }

    fn pull(&self) {
        // When there is no room in it, it is being pulled.
        let _ = (&self.ours).write(&[1]);
    }

    /// Forgets the pulls until now.
    pub(crate) fn relax(&self) {
        let mut pulls = [0; 64];
        while matches!((&self.felt).read(&mut pulls), Ok(1..)) {}
    }
}

impl AsFd for Tug {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.felt.as_fd()
    }
}

/// What the clients of a supervised session have together: when the last of them is gone, no session is made any more.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) standing: Arc<Standing>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// A forked child has the memory, and not the thread.
    pid: u32,
}

impl Keeper {
    pub(super) fn new(standing: Arc<Standing>, supervisor: JoinHandle<()>) -> Self {
        Self { standing, supervisor: Mutex::new(Some(supervisor)), pid: std::process::id() }
    }

    /// Has the supervisor stop, and waits until it has.
    pub(crate) fn stop(&self, stop: Stop) {
        self.standing.close(stop);
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(supervisor) = supervisor.filter(|_| self.pid == std::process::id()) else { return };
        // A listener may drop what it is told of.
        if supervisor.thread().id() != std::thread::current().id() {
            // It tells of the panics of listeners itself.
            let _ = supervisor.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.standing.close(Stop::AtOnce);
    }
}
