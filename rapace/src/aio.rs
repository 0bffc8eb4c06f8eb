//! The async face, for tokio: the same sessions, awaited. Feature `tokio`.
//!
//! A future waits on the session's socket through the runtime's reactor; no task is spawned, so there is none to be
//! forgotten. Any runtime will do, current-thread or multi-thread, with I/O enabled; a session may even move between
//! runtimes from one operation to the next. `send`, `recv` and `accept` are cancel-safe: dropping a `recv` loses no message,
//! dropping a `send` means that the message was sent whole or that the peer sees nothing of it. A dropped `open` hangs up
//! on that client.
//!
//! Awaited are single messages; for batches and for writing in place, [`Sender::into_blocking`] gives the blocking face
//! back, whose `try_*` methods do not block.
//!
//! ```
//! use rapace::{Head, aio};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let (a, b) = rapace::session::pair()?;
//! let (mut a, mut b) = (aio::Session::from(a), aio::Session::from(b));
//! a.send(Head::message(1), b"hello").await?;
//! assert_eq!(b.recv().await?.into_inbound_payload().into_vec(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod calls;
#[cfg(test)]
mod forgotten;
pub(crate) mod polling;
mod reactor;
mod roaming;
mod router;
mod serve;
pub(crate) mod streams;
mod waiting;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, consume_budget};

pub use calls::{CallFuture, StartFuture};
pub(crate) use reactor::Reactor;
use reactor::{Entry, ReactorError};
pub use router::Router;
pub use serve::{Server, ServerHandle, serve, serve_on};
pub(crate) use serve::{serve_in_task, serve_session};
use waiting::wait;

use crate::doorbell::Counter;
use crate::error::{OpenError, RecvError, SendError};
use crate::lane::Outgoing;
use crate::session::waiting::Wait;
use crate::session::{self, Config, Control, Inbound, Outbox, PeerA, PeerB, Received, Role, Sending};
use crate::{Credentials, Head};

/// An open session whose operations are awaited; made from a [`session::Session`], or opened here.
#[derive(Debug)]
pub struct Session<R: Role> {
    sender: Sender<R>,
    receiver: Receiver<R>,
}

/// The sending half of a session, awaited.
#[derive(Debug)]
pub struct Sender<R: Role>(session::Sender<R>);

/// The receiving half of a session, awaited.
#[derive(Debug)]
pub struct Receiver<R: Role>(session::Receiver<R>);

impl<R: Role> From<session::Session<R>> for Session<R> {
    fn from(session: session::Session<R>) -> Self {
        let (sender, receiver) = session.split();
        Self { sender: Sender(sender), receiver: Receiver(receiver) }
    }
}

impl<R: Role> From<session::Sender<R>> for Sender<R> {
    fn from(sender: session::Sender<R>) -> Self {
        Self(sender)
    }
}

impl<R: Role> From<session::Receiver<R>> for Receiver<R> {
    fn from(receiver: session::Receiver<R>) -> Self {
        Self(receiver)
    }
}

impl Session<PeerB> {
    /// Connects to the server that listens at `path`, with the default [`Config`].
    ///
    /// # Errors
    /// As [`session::Session::connect`], and [`OpenError::NoRuntime`].
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::connect_with(path, Config::default()).await
    }

    /// Connects to the server that listens at `path`. The handshake, which the peer can delay up to
    /// [`Limits::handshake_time`](crate::Limits::handshake_time), is done on the runtime's blocking pool.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(path: impl AsRef<Path>, config: Config) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        on_blocking_pool(move || session::Session::connect_with(path, &config)).await?.map(Session::from)
    }
}

impl<R: Role> Session<R> {
    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&mut self, head: Head, payload: &[u8]) -> Result<(), SendError> {
        self.sender.send(head, payload).await
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Inbound, RecvError> {
        self.receiver.recv().await
    }

    /// The two halves, for two tasks.
    pub fn split(self) -> (Sender<R>, Receiver<R>) {
        (self.sender, self.receiver)
    }

    /// As [`session::Session::control`].
    pub fn control(&self) -> Control {
        self.sender.0.control()
    }

    /// As [`session::Session::credentials`].
    pub fn credentials(&self) -> Credentials {
        self.sender.0.outbox.shared.credentials
    }

    /// Closes the session: the peer receives everything that was sent, and then that it is closed. Dropping does the
    /// same.
    pub fn close(self) {}
}

impl<R: Role> Sender<R> {
    /// Sends a message, waiting for room as long as the peer lives. Dropped before it is done, the peer sees nothing
    /// of the message.
    ///
    /// # Errors
    /// As [`session::Sender::send`], and [`SendError::NoRuntime`] when it must wait outside a runtime.
    pub async fn send(&mut self, head: Head, payload: &[u8]) -> Result<(), SendError> {
        let payload = Outgoing::whole(&payload);
        let outbox = &mut self.0.outbox;
        outbox.check(&head, payload.len())?;
        let mut sending = InProgress { outbox, head, progress: Sending::default() };
        loop {
            consume_budget().await;
            let InProgress { outbox, progress, .. } = &mut sending;
            outbox.check_open()?;
            let freed = outbox.shared.freed();
            if outbox.advance(&head, &payload, progress)? {
                return Ok(());
            }
            let shared = &outbox.shared;
            // The peer may be waiting for room just as this side is.
            shared.report_room();
            let is_there = || shared.freed() != freed;
            let wishes = [(Counter::Room, freed.wrapping_add(1))];
            wait(shared, &Wait { wishes: &wishes, is_there: &is_there, deadline: None }).await?;
        }
    }

    /// The blocking face of the same half.
    pub fn into_blocking(self) -> session::Sender<R> {
        self.0
    }
}

/// A message on its way. Its drop tells the peer, if only a part of it was sent.
struct InProgress<'a> {
    outbox: &'a mut Outbox,
    head: Head,
    progress: Sending,
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.outbox.give_up(&self.head, &mut self.progress);
    }
}

impl<R: Role> Receiver<R> {
    /// Receives the next message, waiting as long as the peer lives. Dropped before it is done, no message is lost.
    ///
    /// # Errors
    /// As [`session::Receiver::recv`], and [`RecvError::NoRuntime`] when it must wait outside a runtime.
    pub async fn recv(&mut self) -> Result<Inbound, RecvError> {
        let inbox = &mut self.0.inbox;
        loop {
            consume_budget().await;
            inbox.begin()?;
            match inbox.advance()? {
                Received::Message(message) => return Ok(message),
                Received::Part => {}
                Received::Nothing => {
                    if let Some(end) = inbox.end() {
                        return Err(end);
                    }
                    if inbox.look() {
                        continue;
                    }
                    // What the peer may be waiting for must be told before this side waits.
                    inbox.shared.report_room();
                    let is_there = || inbox.is_ready();
                    let wishes = [(Counter::Message, inbox.next())];
                    wait(&inbox.shared, &Wait { wishes: &wishes, is_there: &is_there, deadline: None }).await?;
                }
            }
        }
    }

    /// The blocking face of the same half.
    pub fn into_blocking(self) -> session::Receiver<R> {
        self.0
    }
}

/// Where clients knock; see [`session::Listener`].
#[derive(Debug)]
pub struct Listener(Entry<session::Listener>);

impl Listener {
    /// Listens at `path` with the default [`Config`]; see [`session::Listener::bind`].
    ///
    /// # Errors
    /// As there, and [`OpenError::NoRuntime`].
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::from_blocking(session::Listener::bind(path)?)
    }

    /// Listens with what was bound before. To be called inside the runtime that will accept.
    ///
    /// # Errors
    /// [`OpenError::NoRuntime`], [`OpenError::System`].
    pub fn from_blocking(listener: session::Listener) -> Result<Self, OpenError> {
        match reactor::register(listener) {
            Ok(listener) => Ok(Self(listener)),
            Err(ReactorError::NoRuntime) => Err(OpenError::NoRuntime),
            Err(ReactorError::System(source)) => {
                Err(OpenError::System { doing: "registering the listener at the runtime", source })
            }
        }
    }

    /// Waits for the next client that knocks. Cancel-safe: dropping it loses no client.
    ///
    /// # Errors
    /// As [`session::Listener::accept`].
    pub async fn accept(&mut self) -> Result<Incoming, OpenError> {
        loop {
            let ready = self.0.readable_mut().await;
            let mut ready = ready.map_err(OpenError::io("waiting for clients"))?;
            match ready.get_inner_mut().try_accept() {
                Ok(Some(incoming)) => return Ok(Incoming(incoming)),
                Ok(None) => ready.clear_ready(),
                Err(error) if session::is_exhausted(&error) => {
                    // Not the runtime's timer, which it may not have.
                    let pause = || std::thread::sleep(session::EXHAUSTED_PAUSE);
                    if on_blocking_pool(pause).await.is_err() {
                        pause();
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`session::Listener::turn_all_away`].
    fn turn_all_away(self, reason: &str) {
        self.0.into_inner().turn_all_away(reason);
    }

    /// The path that was bound, if this listener bound one.
    pub fn path(&self) -> Option<&Path> {
        self.0.get_ref().path()
    }
}

/// A client that knocked, and has not been spoken to yet.
#[derive(Debug)]
#[must_use = "dropping it hangs up on the client"]
pub struct Incoming(session::Incoming);

impl Incoming {
    /// Who knocks, by the kernel's word.
    ///
    /// # Errors
    /// [`OpenError::System`].
    pub fn credentials(&self) -> Result<Credentials, OpenError> {
        self.0.credentials()
    }

    /// Opens the session. The handshake is done on the runtime's blocking pool.
    ///
    /// # Errors
    /// As [`session::Incoming::open`], and [`OpenError::NoRuntime`].
    pub async fn open(self) -> Result<Session<PeerA>, OpenError> {
        on_blocking_pool(move || self.0.open()).await?.map(Session::from)
    }
}

/// A handshake is short and bounded, and happens once a session: not worth a second, polled implementation of it.
pub(crate) async fn on_blocking_pool<T: Send + 'static>(
    open: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OpenError> {
    on_blocking_pool_or_told(move |thread| thread.map(|()| open())).await
}

/// As [`on_blocking_pool`]; when no thread can be had for it, `open` is told so here instead.
pub(crate) async fn on_blocking_pool_or_told<T: Send + 'static>(
    open: impl FnOnce(Result<(), OpenError>) -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::runtime::Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
    // In a place of its own: what tokio found no thread for it keeps, for when there is one.
    let place = Arc::new(Mutex::new(Some(open)));
    let taken = Arc::clone(&place);
    let take = |place: &Mutex<Option<_>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(opening) = spawn_blocking(move || take(&taken).map(|open| open(Ok(())))) else {
        let error = OpenError::system("starting a thread")(rustix::io::Errno::AGAIN);
        return take(&place).map_or(Err(OpenError::NoRuntime), |open| open(Err(error)));
    };
    match opening.await {
        Ok(opened) => opened.unwrap_or(Err(OpenError::NoRuntime)),
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        // The runtime is shutting down.
        Err(_) => Err(OpenError::NoRuntime),
    }
}

/// Starts work on the blocking pool of the runtime, in which this is called; `None` when no thread can be had for it. Then it
/// may be done later, when there is one for other work.
fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
    // tokio panics instead of saying so.
    catch_unwind(AssertUnwindSafe(|| tokio::task::spawn_blocking(work))).ok()
}
