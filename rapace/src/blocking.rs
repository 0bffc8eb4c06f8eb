//! Serving on threads: one for each client, so that a slow handler delays nobody else's calls.

mod workers;

use std::collections::HashMap;
use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};

use rustix::event::{PollFd, PollFlags, poll};

use crate::error::OpenError;
use crate::rpc::link::Link;
use crate::rpc::request::{Face, Handled, HandlerFuture, Request};
use crate::rpc::service::{DESCRIBE, ServeOnThreads, Services};
use crate::rpc::serving::Arrived;
use crate::session::shared::Shared;
use crate::session::{Config, EXHAUSTED_PAUSE, Incoming, Listener, PeerA, Session, is_exhausted};
pub(crate) use workers::Workers;

/// Serves at `path` for ever, on threads: one for each client, and workers for methods marked `#[rapace(blocking)]`.
///
/// [`Server`] has the settings, and a handle to stop it.
///
/// ```no_run
/// #[rapace::service]
/// trait Calculator {
///     fn add(&self, a: i32, b: i32) -> i32;
/// }
///
/// struct Calc;
/// impl Calculator for Calc {
///     fn add(&self, a: i32, b: i32) -> i32 {
///         a + b
///     }
/// }
///
/// rapace::serve("/run/user/1000/calc.sock", CalculatorServer::new(Calc))?;
/// # Ok::<(), rapace::OpenError>(())
/// ```
///
/// # Errors
/// Why the path cannot be listened at, or why accepting failed.
pub fn serve(path: impl AsRef<Path>, service: impl ServeOnThreads) -> Result<(), OpenError> {
    Server::new(service).bind(path)?.join()
}

/// As [`serve`], with a listener that was bound before.
///
/// # Errors
/// Why accepting failed.
pub fn serve_on(listener: Listener, service: impl ServeOnThreads) -> Result<(), OpenError> {
    Server::new(service).listen(listener)?.join()
}

/// A server on threads, before it listens.
///
/// ```
/// #[rapace::service]
/// trait Calculator {
///     fn add(&self, a: i32, b: i32) -> i32;
/// }
///
/// struct Calc;
/// impl Calculator for Calc {
///     fn add(&self, a: i32, b: i32) -> i32 {
///         a + b
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("calc.sock");
/// let server = rapace::Server::new(CalculatorServer::new(Calc)).workers(2).bind(&path)?;
/// let client = CalculatorClient::connect(&path)?;
/// assert_eq!(client.add(1, 2).wait()?, 3);
/// server.shut_down();
/// server.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a server does nothing until it listens"]
pub struct Server {
    services: Arc<Services>,
    config: Config,
    workers: usize,
}

/// Workers of a server that does not say otherwise.
pub(crate) const WORKERS: usize = 8;

impl Server {
    /// A server of one service.
    pub fn new(service: impl ServeOnThreads) -> Self {
        Self { services: Services::new(vec![Arc::new(service)]), config: Config::default(), workers: WORKERS }
    }

    /// The shape of sessions, limits, waiting, and who may connect.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How many threads run the methods marked `#[rapace(blocking)]`, for all clients together; they are started when
    /// they are needed. Further such calls wait. With none, those methods run as others do: on their client's own
    /// thread, one after the other. 8 by default.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Listens at `path`; see [`Listener::bind`].
    ///
    /// # Errors
    /// Why the path cannot be listened at.
    pub fn bind(self, path: impl AsRef<Path>) -> Result<ServerHandle, OpenError> {
        let listener = Listener::bind_with(path, self.config.clone())?;
        self.listen(listener)
    }

    /// Listens with a listener that was bound before, by whose own configuration sessions are opened.
    ///
    /// # Errors
    /// No thread or no socket can be had.
    pub fn listen(self, listener: Listener) -> Result<ServerHandle, OpenError> {
        let (stop, stopped) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
        let serving = Arc::new(Serving {
            services: self.services,
            workers: Workers::new(self.workers),
            guests: Mutex::default(),
        });
        let accepting = Arc::clone(&serving);
        let thread = std::thread::Builder::new()
            .name("rapace-accept".into())
            .spawn(move || accepting.accept(listener, &stopped))
            .map_err(OpenError::io("starting a thread"))?;
        Ok(ServerHandle { stop, serving, thread: Some(thread) })
    }

    /// Serves one client on the other end of a connected socket, on this thread, until the session ends.
    ///
    /// # Errors
    /// Why there is no session. Its end, whatever the reason, is none.
    pub fn serve_over(self, socket: UnixStream) -> Result<(), OpenError> {
        let session = Session::<PeerA>::over_with(socket, &self.config, self.services.catalogue())?;
        serve_session(&Link::new(session, true), &self.services, &Workers::new(self.workers));
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("services", &self.services)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// A server that listens. Dropping it stops it.
#[must_use = "dropping it stops the server"]
pub struct ServerHandle {
    stop: UnixStream,
    serving: Arc<Serving>,
    thread: Option<JoinHandle<Result<(), OpenError>>>,
}

impl ServerHandle {
    /// Stops: no further client is let in, and the sessions that are open are closed. Calls that are not answered end
    /// with [`RpcError::Closed`](crate::RpcError::Closed); handlers that run are told by
    /// [`Context::is_cancelled`](crate::Context::is_cancelled).
    pub fn shut_down(&self) {
        // The other end is at the accepting thread, which sees this as the end of the stream.
        let _ = self.stop.shutdown(std::net::Shutdown::Both);
        self.serving.close_all();
    }

    /// Waits until the server has stopped, which it does only when it is told to or when accepting fails.
    ///
    /// # Errors
    /// Why accepting failed.
    pub fn join(mut self) -> Result<(), OpenError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
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

/// What the threads of a server share.
struct Serving {
    services: Arc<Services>,
    workers: Arc<Workers>,
    guests: Mutex<Guests>,
}

/// Who is served, and who is about to be: bounded, so that no client can keep the others out.
#[derive(Default)]
pub(crate) struct Guests {
    is_closed: bool,
    handshakes: usize,
    /// Sessions that are open or in their handshake, by user.
    by_uid: HashMap<u32, usize>,
    open: HashMap<u64, Weak<Shared>>,
    next: u64,
}

impl Guests {
    /// Lets a client in for its handshake, or says why not.
    pub(crate) fn enter(&mut self, uid: u32, config: &Config) -> Result<(), String> {
        let limits = &config.limits;
        let of_user = self.by_uid.get(&uid).copied().unwrap_or(0);
        if self.is_closed {
            return Err("the server is shutting down".into());
        }
        if self.handshakes >= limits.handshakes {
            return Err(format!(
                "the limit handshakes ({}) of the server is reached; try again later",
                limits.handshakes
            ));
        }
        if of_user >= limits.sessions_per_uid {
            return Err(format!("the limit sessions_per_uid ({}) of the server is reached", limits.sessions_per_uid));
        }
        self.handshakes = self.handshakes.saturating_add(1);
        self.by_uid.insert(uid, of_user.saturating_add(1));
        Ok(())
    }

    /// The handshake is over; if it brought a session, it can be closed from now on by its key.
    pub(crate) fn shook_hands(&mut self, session: Option<&Arc<Shared>>) -> Option<u64> {
        self.handshakes = self.handshakes.saturating_sub(1);
        let session = session?;
        if self.is_closed {
            return None;
        }
        let key = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(key, Arc::downgrade(session));
        Some(key)
    }

    pub(crate) fn leave(&mut self, uid: u32, key: Option<u64>) {
        if let Some(of_user) = self.by_uid.get_mut(&uid) {
            *of_user = of_user.saturating_sub(1);
            if *of_user == 0 {
                self.by_uid.remove(&uid);
            }
        }
        if let Some(key) = key {
            self.open.remove(&key);
        }
    }

    /// Lets nobody in any more. The sessions that are open.
    pub(crate) fn close(&mut self) -> Vec<Arc<Shared>> {
        self.is_closed = true;
        self.open.values().filter_map(Weak::upgrade).collect()
    }
}

impl Serving {
    fn guests(&self) -> std::sync::MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_all(&self) {
        let open = self.guests().close();
        for shared in open {
            crate::session::Control { shared }.shut_down();
        }
    }

    /// The accepting thread. A client that cannot be served is not a reason to stop.
    fn accept(self: &Arc<Self>, mut listener: Listener, stopped: &UnixStream) -> Result<(), OpenError> {
        loop {
            let mut fds = [PollFd::new(&listener, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(OpenError::system("waiting for clients")(errno)),
                Ok(_) => {}
            }
            let [_, stop] = &fds;
            if !stop.revents().is_empty() {
                return Ok(());
            }
            match listener.try_accept() {
                Ok(Some(incoming)) => self.welcome(incoming),
                Ok(None) => {}
                Err(error) if is_exhausted(&error) => std::thread::sleep(EXHAUSTED_PAUSE),
                Err(error) => {
                    self.close_all();
                    return Err(error);
                }
            }
        }
    }

    /// A thread of its own for each client from the handshake on, which may take its time.
    fn welcome(self: &Arc<Self>, incoming: Incoming) {
        let Ok(credentials) = incoming.credentials() else { return };
        let uid = credentials.uid;
        if let Err(reason) = self.guests().enter(uid, incoming.config()) {
            incoming.turn_away(&reason);
            return;
        }
        let serving = Arc::clone(self);
        let thread =
            std::thread::Builder::new().name("rapace-session".into()).spawn(move || serving.host(incoming, uid));
        if thread.is_err() {
            // The client was dropped with the closure, and sees a hang-up.
            let mut guests = self.guests();
            guests.shook_hands(None);
            guests.leave(uid, None);
        }
    }

    fn host(&self, incoming: Incoming, uid: u32) {
        let link = incoming.open_with(self.services.catalogue()).ok().map(|session| Link::new(session, true));
        let key = self.guests().shook_hands(link.as_ref().map(|link| &link.shared));
        if let (Some(link), Some(_)) = (&link, key) {
            serve_session(link, &self.services, &self.workers);
        }
        drop(link);
        self.guests().leave(uid, key);
    }
}

/// Serves one session until it is over.
pub(crate) fn serve_session(link: &Arc<Link>, services: &Arc<Services>, workers: &Arc<Workers>) {
    let mut arrived = None;
    while link.request(&mut arrived) {
        serve_request(link, services, workers, &mut arrived);
    }
    workers.forget(link);
}

/// Serves one request, here or on a worker.
#[inline]
pub(crate) fn serve_request(
    link: &Arc<Link>,
    services: &Arc<Services>,
    workers: &Arc<Workers>,
    arrived: &mut Option<Arrived>,
) {
    match arrived {
        Some(request) if !services.is_blocking(request.method) => handle_here(link, services, request),
        _ => {
            if let Some(request) = arrived.take() {
                workers.run(link, services, request);
            }
        }
    }
}

/// Has a request handled to its end on this thread.
pub(crate) fn handle_here(link: &Arc<Link>, services: &Services, arrived: &mut Arrived) {
    if let Handled::Later(future) = handle(link, services, arrived, Face::Thread) {
        block_on(future);
    }
}

/// Gives a request to its handler.
pub(crate) fn handle(link: &Arc<Link>, services: &Services, arrived: &mut Arrived, face: Face) -> Handled {
    let method = arrived.method;
    let request = Request::new(link, arrived, face);
    match services.route(method) {
        Some((served, method)) => served.call(method, request),
        None if method == DESCRIBE => request.describe(services),
        None => request.unknown_method(),
    }
}

/// Drives a handler's future on this thread.
fn block_on(future: HandlerFuture) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    while future.as_mut().poll(&mut cx) == Poll::Pending {
        std::thread::park();
    }
}
