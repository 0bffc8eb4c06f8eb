//! How a future waits: by the same protocol as a thread, on the session's socket instead of a futex.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::io::Errno as Sys;
use tokio::task::yield_now;

use super::reactor::ReactorError;
use crate::doorbell::{Bed, Key, Sleeper, Turn};
use crate::error::{Errno, Lost, RecvError, SendError};
use crate::session::Spin;
use crate::session::shared::Shared;
use crate::session::waiting::{Wait, Waker};

/// Why a future cannot wait.
#[derive(Debug)]
pub(crate) enum WaitError {
    NoRuntime,
    Lost(Lost),
}

impl From<WaitError> for SendError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::NoRuntime => Self::NoRuntime,
            WaitError::Lost(lost) => Self::Lost(lost),
        }
    }
}

impl From<WaitError> for RecvError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::NoRuntime => Self::NoRuntime,
            WaitError::Lost(lost) => Self::Lost(lost),
        }
    }
}

/// Waits once, unless what is waited for is there. Returns when something may have changed: the caller looks again.
pub(crate) async fn wait(shared: &Arc<Shared>, wait: &Wait<'_>) -> Result<(), WaitError> {
    if shared.spin == Spin::Forever {
        look_for_ever(shared, wait).await;
        return Ok(());
    }
    if shared.pidfd.is_some() {
        // Without it the peer's end is still seen as a hang-up, unless somebody keeps its socket.
        shared.watch();
    }
    let socket = match shared.reactor.at_current(&shared.socket) {
        Ok(socket) => socket,
        Err(ReactorError::NoRuntime) => return Err(WaitError::NoRuntime),
        Err(ReactorError::System(error)) => return Err(WaitError::Lost(fail(shared, &error))),
    };
    shared.note(&shared.own.words().noted.sleeps);
    let mut place = Place { shared, key: None };
    let mut readable = pin!(socket.readable());
    poll_fn(|cx| {
        if shared.is_forked() {
            // The mappings are not there; the caller finds that out.
            return Poll::Ready(Ok(()));
        }
        let key = place.renew(cx);
        shared.raise_all(Bed::Socket, wait);
        if shared.is_over_or(wait) {
            return Poll::Ready(Ok(()));
        }
        match shared.bell.turn(key, Sleeper::Task) {
            Turn::Again => return Poll::Ready(Ok(())),
            Turn::Park => return Poll::Pending,
            Turn::Hold => {}
        }
        loop {
            let Ok(mut readiness) = ready!(readable.as_mut().poll(cx)) else {
                // The runtime is shutting down; whoever waits next does so on another one.
                shared.reactor.forget(&socket);
                return Poll::Ready(Err(WaitError::NoRuntime));
            };
            let mut received = Err(Sys::AGAIN);
            let came = shared.bell.read_as_task(|| {
                received = shared.receive_bells();
                received != Err(Sys::AGAIN)
            });
            // The socket was read to its end, or a thread holds the bell: then its readiness is not ours to act on.
            readiness.clear_ready();
            if came {
                return Poll::Ready(shared.note_bells(received).map_err(WaitError::Lost));
            }
            readable.set(socket.readable());
        }
    })
    .await
}

/// One that was promised never to sleep is not rung, so it looks again each time that the runtime comes round.
async fn look_for_ever(shared: &Shared, wait: &Wait<'_>) {
    /// Rounds between two looks for the death of the peer: some hundred microseconds.
    const ROUNDS: u32 = 1_024;
    loop {
        for _ in 0..ROUNDS {
            yield_now().await;
            if shared.is_forked() || shared.is_over_or(wait) {
                return;
            }
        }
        shared.look_for_death();
    }
}

/// The place of one future among those who wait for a session's bell. Left when the future is done or dropped, so that
/// another one can take the bell.
struct Place<'a> {
    shared: &'a Shared,
    key: Option<Key>,
}

impl Place<'_> {
    fn renew(&mut self, cx: &Context<'_>) -> Key {
        let waker = Waker::Task(cx.waker().clone());
        match self.key {
            Some(key) => {
                self.shared.bell.renew(key, waker);
                key
            }
            None => *self.key.insert(self.shared.bell.register(waker)),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.bell.deregister(key);
        }
    }
}

#[cold]
fn fail(shared: &Shared, error: &std::io::Error) -> Lost {
    shared.fail(Lost::System(Errno(error.raw_os_error().unwrap_or(0))))
}
