//! A session's socket at the reactor of the runtime that waits on it.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Handle, Id};

/// The registrations of one socket: one at each runtime that ever waited, since a runtime takes a socket once.
#[derive(Debug, Default)]
pub(crate) struct Reactor {
    registered: Mutex<Vec<(Id, Registered)>>,
}

/// It keeps the socket open as long as the reactor knows its number.
pub(crate) type Registered = Arc<Entry<Arc<OwnedFd>>>;

/// A registration. A forked child shares the reactor with its parent, and takes nothing out of it.
#[derive(Debug)]
pub(crate) struct Entry<T: AsRawFd> {
    /// Always there; taken out by the drop.
    registered: Option<AsyncFd<T>>,
    pid: u32,
}

impl<T: AsRawFd> Entry<T> {
    /// What was registered, and is no more.
    #[expect(clippy::expect_used, reason = "taken out by the drop only")]
    pub(crate) fn into_inner(mut self) -> T {
        self.registered.take().expect("it is registered").into_inner()
    }
}

impl<T: AsRawFd> Deref for Entry<T> {
    type Target = AsyncFd<T>;

    #[expect(clippy::expect_used, reason = "taken out by the drop only")]
    fn deref(&self) -> &AsyncFd<T> {
        self.registered.as_ref().expect("it is registered")
    }
}

impl<T: AsRawFd> DerefMut for Entry<T> {
    #[expect(clippy::expect_used, reason = "taken out by the drop only")]
    fn deref_mut(&mut self) -> &mut AsyncFd<T> {
        self.registered.as_mut().expect("it is registered")
    }
}

impl<T: AsRawFd> Drop for Entry<T> {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            std::mem::forget(self.registered.take());
        }
    }
}

/// Why a socket cannot be waited on.
#[derive(Debug)]
pub(crate) enum ReactorError {
    NoRuntime,
    System(io::Error),
}

impl Reactor {
    /// The registration at the current runtime.
    pub(crate) fn at_current(&self, socket: &Arc<OwnedFd>) -> Result<Registered, ReactorError> {
        let id = Handle::try_current().map_err(|_| ReactorError::NoRuntime)?.id();
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, socket)) = registered.iter().find(|(at, _)| *at == id) {
            return Ok(Arc::clone(socket));
        }
        // Those of runtimes that have ended keep much of them, and a runtime may be made for each operation.
        let mut cx = Context::from_waker(Waker::noop());
        registered.retain(|(_, socket)| !matches!(socket.poll_read_ready(&mut cx), Poll::Ready(Err(_))));
        let socket = Arc::new(register(Arc::clone(socket))?);
        registered.push((id, Arc::clone(&socket)));
        Ok(socket)
    }

    /// The runtime of this registration is gone.
    pub(crate) fn forget(&self, gone: &Registered) {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.retain(|(_, socket)| !Arc::ptr_eq(socket, gone));
    }
}

/// Registers something that owns its descriptor at the current runtime.
pub(crate) fn register<T: AsRawFd>(owner: T) -> Result<Entry<T>, ReactorError> {
    Handle::try_current().map_err(|_| ReactorError::NoRuntime)?;
    // In a runtime without I/O tokio panics instead of saying so.
    let registered = catch_unwind(AssertUnwindSafe(|| {
        #[allow(
            deprecated,
            reason = "its replacement asks for a promise that an owner of its descriptor keeps by itself"
        )]
        AsyncFd::with_interest(owner, Interest::READABLE)
    }));
    let registered = registered.map_err(|_| ReactorError::NoRuntime)?.map_err(|error| match error.raw_os_error() {
        Some(_) => ReactorError::System(error),
        // It is tokio that refuses: the runtime is shutting down.
        None => ReactorError::NoRuntime,
    })?;
    Ok(Entry { registered: Some(registered), pid: std::process::id() })
}
