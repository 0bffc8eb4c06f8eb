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
use super::direct::{Owner, agree};
use super::error::{NoConnection, RpcError};
use super::link::Link;
use super::service::Service;
use super::supervision::{End, Retry, Supervision, SupervisionState};
use crate::error::OpenError;
use crate::os::ForkGuard;
use crate::session::PeerState;

/// What the clients and their supervisor share.
pub(crate) struct Standing {
    /// Moves with each change of the state, so that who knows a session sees without the lock that it is the one.
    generation: AtomicU64,
    now: Mutex<Now>,
    changed: Condvar,
    pub(crate) tug: Tug,
    pub(crate) retry: Retry,
    /// A forked child has no supervisor.
    fork: ForkGuard,
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
    /// How many sessions have ended.
    ends: u32,
    /// Of the last try, if that failed.
    last_error: Option<Arc<ConnectError>>,
    /// What clients call, to be compared with what a server has before they do.
    services: Vec<&'static Service>,
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
            ends: 0,
            last_error: None,
            services: Vec::new(),
        };
        Ok(Arc::new(Self {
            generation: AtomicU64::new(0),
            now: Mutex::new(now),
            changed: Condvar::new(),
            tug: Tug::new()?,
            retry,
            fork: ForkGuard::new().map_err(OpenError::io("mapping a page"))?,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_forked(&self) -> bool {
        self.fork.is_forked()
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
        if std::mem::discriminant(&left) != std::mem::discriminant(&now.state) {
            now.since = Instant::now();
        }
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
        // Whoever waits for the next one is not to meet what happened before this one.
        now.last_error = None;
        if before == 0 {
            now.tries = 0;
        }
        self.enter(now, State::Connected(owner));
        Some(before)
    }

    /// Whether the session that was published last is still the one.
    pub(super) fn has_session(&self) -> bool {
        matches!(self.lock().state, State::Connected(_))
    }

    /// The session is to be used no more.
    pub(super) fn leave(&self) {
        let now = self.lock();
        if matches!(now.state, State::Connected(_)) {
            self.enter(now, State::Connecting);
        }
    }

    /// The session that was left ended so.
    pub(super) fn ended(&self, end: End) {
        let mut now = self.lock();
        now.last_end = Some(end);
        now.ends = now.ends.saturating_add(1);
    }

    /// How many sessions have ended.
    pub(crate) fn ends(&self) -> u32 {
        self.lock().ends
    }

    /// A try failed. Those who wait look whether another one is of use, and those who wait no more are forgotten.
    pub(super) fn failed(&self, error: &Arc<ConnectError>) {
        let mut now = self.lock();
        now.last_error = Some(Arc::clone(error));
        self.enter(now, State::Connecting);
    }

    /// So many tries in a row were made.
    pub(super) fn tried(&self, tries: u32) {
        self.lock().tries = tries;
    }

    /// There will be no session any more.
    /// True when that was not known, and nobody asked for it.
    pub(super) fn give_up(&self) -> bool {
        let now = self.lock();
        if matches!(now.state, State::GaveUp | State::Closed) {
            return false;
        }
        let is_asked_for = now.stop.is_some();
        self.enter(now, if is_asked_for { State::Closed } else { State::GaveUp });
        !is_asked_for
    }

    pub(crate) fn stop(&self) -> Option<Stop> {
        self.lock().stop
    }

    /// Compares what the server has with what clients call, so that no call has to wait for that.
    pub(super) fn compare(&self, link: &Arc<Link>) -> Result<(), ConnectError> {
        let services = self.lock().services.clone();
        services.into_iter().try_for_each(|service| match agree(link, service) {
            Err(error @ ConnectError::Describe(_)) => Err(error),
            // What differs is for those who call there.
            Ok(_) | Err(_) => Ok(()),
        })
    }

    // ---- what clients do -------------------------------------------------------------------------------------------

    /// Somebody calls this service.
    pub(super) fn expect(&self, service: &'static Service) {
        let services = &mut self.lock().services;
        if !services.iter().any(|known| std::ptr::eq(*known, service)) {
            services.push(service);
        }
    }

    /// What there is now.
    pub(super) fn find(&self) -> Found {
        self.found(&self.lock())
    }

    fn found(&self, now: &Now) -> Found {
        match (&now.state, &now.last_error) {
            // Relaxed: written under the lock.
            (State::Connected(owner), _) => Found::Session(Arc::clone(owner), self.generation.load(Ordering::Relaxed)),
            (State::Connecting, _) if now.stop.is_some() => Found::End(RpcError::Closed { may_have_executed: false }),
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
            self.pull();
            self.enter(now, State::Connecting);
        }
    }

    /// No further session is to be made, and the one that is there, which comes back, is to end.
    pub(crate) fn close(&self, stop: Stop) -> Option<Arc<Owner>> {
        let mut now = self.lock();
        let first = *now.stop.get_or_insert(stop);
        if first != stop && stop == Stop::AtOnce {
            now.stop = Some(stop);
        }
        let owner = now.owner();
        match now.state {
            // Who waits for a session waits in vain.
            State::Connecting => _ = self.enter(now, State::Connecting),
            _ => drop(now),
        }
        self.pull();
        owner
    }

    /// Wakes the supervisor. A forked child has none, and shares the socket with its parent.
    fn pull(&self) {
        if !self.is_forked() {
            self.tug.pull();
        }
    }

    /// The session of now, if there is one.
    pub(crate) fn owner(&self) -> Option<Arc<Owner>> {
        self.lock().owner()
    }

    /// How long no session has been had, and why.
    pub(super) fn why_none(&self) -> RpcError {
        self.lock().no_connection()
    }

    /// There is a session, but not for those who call this.
    #[cold]
    pub(super) fn refused(&self, error: &ConnectError) -> RpcError {
        self.lock().without_session(error.to_string(), error.is_retryable())
    }

    pub(crate) fn supervision(&self) -> Supervision {
        let peer = self.owner().map(|owner| owner.link().peer_state());
        let now = self.lock();
        let (state, since) = match (&now.state, peer) {
            (State::Connected(_), Some(PeerState::Unresponsive { since })) => (SupervisionState::Unresponsive, since),
            (State::Connected(_), _) => (SupervisionState::Connected, now.since),
            (State::Connecting, _) => (SupervisionState::Connecting, now.since),
            (State::GaveUp, _) => (SupervisionState::GaveUp, now.since),
            (State::Closed, _) => (SupervisionState::Closed, now.since),
        };
        Supervision {
            state,
            since,
            sessions: now.sessions,
            tries: now.tries,
            last_end: now.last_end.clone(),
            last_error: now.last_error.clone(),
        }
    }
}

impl Now {
    fn owner(&self) -> Option<Arc<Owner>> {
        match &self.state {
            State::Connected(owner) => Some(Arc::clone(owner)),
            _ => None,
        }
    }

    /// Why there is no session.
    #[cold]
    fn no_connection(&self) -> RpcError {
        let why = match (&self.last_error, &self.last_end) {
            (Some(error), _) => error.to_string(),
            (None, Some(end)) => end.to_string(),
            (None, None) => "it is being made".to_owned(),
        };
        let is_retryable = self.last_error.as_ref().is_none_or(|error| error.is_retryable());
        match self.state {
            State::GaveUp => {
                let tries = self.tries;
                let why = format!("nobody connects again any more, after {tries} tries; at last: {why}");
                self.without_session(why, false)
            }
            _ => self.without_session(why, is_retryable),
        }
    }

    fn without_session(&self, why: String, is_retryable: bool) -> RpcError {
        let may_have_executed = false;
        RpcError::NoConnection(Box::new(NoConnection { why, tries: self.tries, is_retryable, may_have_executed }))
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
