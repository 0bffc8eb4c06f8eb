//! A session's socket at the reactor of the runtime that waits on it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Handle, Id};

/// The registrations of one socket: one at each runtime that ever waited, since a runtime takes a socket once.
#[derive(Debug, Default)]
pub(crate) struct Reactor {
    registered: Mutex<Vec<(Id, Registered)>>,
}

/// It keeps the socket open as long as the reactor knows its number.
pub(crate) type Registered = Arc<AsyncFd<Arc<OwnedFd>>>;

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
pub(crate) fn register<T: AsRawFd>(owner: T) -> Result<AsyncFd<T>, ReactorError> {
    Handle::try_current().map_err(|_| ReactorError::NoRuntime)?;
    // In a runtime without I/O tokio panics instead of saying so.
    let registered = catch_unwind(AssertUnwindSafe(|| {
        #[allow(
            deprecated,
            reason = "its replacement asks for a promise that an owner of its descriptor keeps by itself"
        )]
        AsyncFd::with_interest(owner, Interest::READABLE)
    }));
    registered.map_err(|_| ReactorError::NoRuntime)?.map_err(|error| match error.raw_os_error() {
        Some(_) => ReactorError::System(error),
        // It is tokio that refuses: the runtime is shutting down.
        None => ReactorError::NoRuntime,
    })
}
