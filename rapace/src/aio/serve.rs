//! Serving in tasks: one for each client; sync methods run in it and must be short, async ones may take their time.

use std::fmt;
use std::future::poll_fn;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle, consume_budget, spawn_blocking};

use super::{Listener, on_blocking_pool};
use crate::blocking::{Guests, handle};
use crate::error::OpenError;
use crate::rpc::link::Link;
use crate::rpc::request::{Face, Handled};
use crate::rpc::service::{Serve, Services};
use crate::rpc::serving::Arrived;
use crate::session::{self, Config, Control};

/// Serves at `path` for ever, in tasks of the current runtime. Dropping the future stops the server.
///
/// Async methods run as tasks, sync ones in the task of their client, and must be short; mark those that may block with
/// `#[rapace(blocking)]`, and they run on the runtime's blocking pool. [`Server`] has the settings, and a handle to stop it.
///
/// ```no_run
/// # #[rapace::service]
/// # trait Calculator { async fn add(&self, a: i32, b: i32) -> i32; }
/// # struct Calc;
/// # impl Calculator for Calc { async fn add(&self, a: i32, b: i32) -> i32 { a + b } }
/// # async fn example() -> Result<(), rapace::OpenError> {
/// rapace::aio::serve("/run/user/1000/calc.sock", CalculatorServer::new(Calc)).await
/// # }
/// ```
///
/// # Errors
/// Why the path cannot be listened at, or why accepting failed.
pub async fn serve(path: impl AsRef<Path>, service: impl Serve) -> Result<(), OpenError> {
    Server::new(service).bind(path)?.join().await
}

/// As [`serve`], with a listener that was bound before.
///
/// # Errors
/// Why accepting failed.
pub async fn serve_on(listener: session::Listener, service: impl Serve) -> Result<(), OpenError> {
    Server::new(service).listen(listener)?.join().await
}

/// A server in tasks, before it listens.
#[must_use = "a server does nothing until it listens"]
pub struct Server {
    services: Arc<Services>,
    config: Config,
}

impl Server {
    /// A server of one service.
    pub fn new(service: impl Serve) -> Self {
        Self { services: Services::new(vec![Arc::new(service)]), config: Config::default() }
    }

    /// The shape of sessions, limits, waiting, and who may connect.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Listens at `path`; see [`session::Listener::bind`].
    ///
    /// # Errors
    /// Why the path cannot be listened at, and [`OpenError::NoRuntime`].
    pub fn bind(self, path: impl AsRef<Path>) -> Result<ServerHandle, OpenError> {
        let listener = session::Listener::bind_with(path, self.config.clone())?;
        self.listen(listener)
    }

    /// Listens with a listener that was bound before, by whose own configuration sessions are opened.
    ///
    /// # Errors
    /// [`OpenError::NoRuntime`], [`OpenError::System`].
    pub fn listen(self, listener: session::Listener) -> Result<ServerHandle, OpenError> {
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let listener = Listener::from_blocking(listener)?;
        let serving = Arc::new(Serving { services: self.services, guests: Mutex::default() });
        let accepting = runtime.spawn(Arc::clone(&serving).accept(listener));
        Ok(ServerHandle { stop: accepting.abort_handle(), serving, accepting: Some(accepting) })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("services", &self.services).finish_non_exhaustive()
    }
}

/// A server that listens. Dropping it stops it.
#[must_use = "dropping it stops the server"]
pub struct ServerHandle {
    stop: AbortHandle,
    serving: Arc<Serving>,
    accepting: Option<JoinHandle<Result<(), OpenError>>>,
}

impl ServerHandle {
    /// Stops: no further client is let in, and the sessions that are open are closed. Calls that are not answered end
    /// with [`RpcError::Closed`](crate::RpcError::Closed); the futures of handlers are dropped.
    pub fn shut_down(&self) {
        self.stop.abort();
        self.serving.close_all();
    }

    /// Waits until the server has stopped, which it does only when it is told to or when accepting fails. Dropping the
    /// future stops the server.
    ///
    /// # Errors
    /// Why accepting failed.
    pub async fn join(mut self) -> Result<(), OpenError> {
        let Some(accepting) = &mut self.accepting else { return Ok(()) };
        match accepting.await {
            Ok(outcome) => outcome,
            Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
            // It was told to stop, or the runtime is shutting down.
            Err(_) => Ok(()),
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("services", &self.serving.services).finish_non_exhaustive()
    }
}

/// What the tasks of a server share.
struct Serving {
    services: Arc<Services>,
    guests: Mutex<Guests>,
}

impl Serving {
    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_all(&self) {
        let open = self.guests().close();
        for shared in open {
            Control { shared }.shut_down();
        }
    }

    /// The accepting task. A client that cannot be served is not a reason to stop.
    async fn accept(self: Arc<Self>, mut listener: Listener) -> Result<(), OpenError> {
        loop {
            match listener.accept().await {
                Ok(incoming) => self.welcome(incoming.0),
                Err(error) => {
                    self.close_all();
                    return Err(error);
                }
            }
        }
    }

    fn welcome(self: &Arc<Self>, incoming: session::Incoming) {
        let Ok(credentials) = incoming.credentials() else { return };
        let uid = credentials.uid;
        if let Err(reason) = self.guests().enter(uid, incoming.config()) {
            incoming.turn_away(&reason);
            return;
        }
        tokio::spawn(Guest { serving: Arc::clone(self), uid, is_shaking_hands: true, key: None }.host(incoming));
    }
}

/// One client, from its handshake on. However its task ends, it leaves.
struct Guest {
    serving: Arc<Serving>,
    uid: u32,
    is_shaking_hands: bool,
    key: Option<u64>,
}

impl Guest {
    async fn host(mut self, incoming: session::Incoming) {
        let serving = Arc::clone(&self.serving);
        let opened = on_blocking_pool(move || incoming.open_with(serving.services.catalogue())).await;
        let Ok(Ok(session)) = opened else { return };
        let link = Link::new(session, true);
        self.is_shaking_hands = false;
        self.key = self.serving.guests().shook_hands(Some(&link.shared));
        if self.key.is_some() {
            serve_session(&link, &self.serving.services).await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.serving.guests();
        if self.is_shaking_hands {
            guests.shook_hands(None);
        }
        guests.leave(self.uid, self.key);
    }
}

/// Serves one session until it is over.
pub(crate) async fn serve_session(link: &Arc<Link>, services: &Arc<Services>) {
    while let Ok(Some(arrived)) = poll_fn(|cx| link.poll_request(cx)).await {
        start(link, services, arrived).await;
        consume_budget().await;
    }
}

/// Has a request handled: here if that is done at once, else in a task of its own.
async fn start(link: &Arc<Link>, services: &Arc<Services>, mut arrived: Arrived) {
    let call = arrived.call;
    if services.is_blocking(arrived.method) {
        if link.lock().wait_for_worker(arrived) {
            let (link, services) = (Arc::downgrade(link), Arc::clone(services));
            spawn_blocking(move || {
                let Some(link) = link.upgrade() else { return };
                // Its caller may have gone, or its time be over, while it waited for a thread.
                let taken = link.lock().take_waiting(call);
                if let Some(mut arrived) = taken {
                    let _ = handle(&link, &services, &mut arrived, Face::Thread);
                }
            });
        }
        return;
    }
    let Handled::Later(mut future) = handle(link, services, &mut arrived, Face::Task) else { return };
    if poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await.is_pending() {
        let task = tokio::spawn(future);
        link.lock().stops_with(call, task.abort_handle());
    }
}
