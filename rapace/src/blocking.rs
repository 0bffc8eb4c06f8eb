//! Serving on threads: one for each client, so that a slow handler delays nobody else's calls.

mod callbacks;
mod house;
mod stats;
mod workers;

use std::collections::HashMap;
use std::fmt;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::error::OpenError;
use crate::os::Credentials;
use crate::rpc::direct::Keeping;
use crate::rpc::extensions::Extensions;
use crate::rpc::farewell::Farewell;
use crate::rpc::handling::{admit, handle_here, handle_in_place};
use crate::rpc::link::Link;
use crate::rpc::request::Face;
use crate::rpc::router::ServableOnThreads;
use crate::rpc::service::{Needs, Serve, Services};
use crate::rpc::serving::Arrived;
use crate::rpc::setting::Setting;
use crate::session::waiting;
use crate::session::{Config, Counts, EXHAUSTED_PAUSE, Incoming, Listener, PeerA, Session, is_exhausted};
pub(crate) use callbacks::serve_in_thread;
pub(crate) use house::{Accepting, House, LAST_WORD, Stage};
pub use stats::{ServerStats, SessionStats};
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
pub fn serve(path: impl AsRef<Path>, service: impl ServableOnThreads) -> Result<(), OpenError> {
    Server::new(service).bind(path)?.join()
}

/// As [`serve`], with a listener that was bound before.
///
/// # Errors
/// Why accepting failed.
pub fn serve_on(listener: Listener, service: impl ServableOnThreads) -> Result<(), OpenError> {
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
    services: Vec<Arc<dyn Serve>>,
    setting: Setting,
    config: Config,
    workers: usize,
}

/// Workers of a server that does not say otherwise.
pub(crate) const WORKERS: usize = 8;

impl Server {
    /// A server of one service, or of the several of a [`Router`](crate::Router).
    pub fn new(service: impl ServableOnThreads) -> Self {
        let services = service.into_services();
        Self { services, setting: Setting::default(), config: Config::default(), workers: WORKERS }
    }

    /// A value that handlers find in their context: [`Context::extension`](crate::Context::extension). One of each type.
    pub fn extension<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.setting.extensions.insert(value);
        self
    }

    /// Runs for each session that begins, before its first request is looked at, and may add what the handlers of this
    /// session find in their context, or replace what was there for all. If it panics, the session is closed.
    pub fn on_session(mut self, begins: impl Fn(&Credentials, &mut Extensions) + Send + Sync + 'static) -> Self {
        self.setting.on_session(begins);
        self
    }

    /// Who is told of each call before and after it. Feature `hooks`.
    #[cfg(feature = "hooks")]
    pub fn hooks(mut self, hooks: impl crate::Hooks) -> Self {
        self.setting.hooks.add(hooks);
        self
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
    /// Why the path cannot be listened at, and as [`listen`](Self::listen).
    pub fn bind(self, path: impl AsRef<Path>) -> Result<ServerHandle, OpenError> {
        let listener = Listener::bind_with(path, self.config.clone())?;
        self.listen(listener)
    }

    /// Listens with a listener that was bound before, by whose own configuration sessions are opened.
    ///
    /// # Errors
    /// No thread or no socket can be had; [`OpenError::ServiceTwice`].
    pub fn listen(self, listener: Listener) -> Result<ServerHandle, OpenError> {
        let services = Services::new(self.services, self.setting)?;
        let house = Arc::new(House::new()?);
        let accepting = Accepting::new(&house);
        let serving = Arc::new(Serving { services, workers: Workers::new(self.workers), house });
        let hosting = Arc::clone(&serving);
        let thread = std::thread::Builder::new()
            .name("rapace-accept".into())
            .spawn(move || {
                let outcome = hosting.accept(listener);
                drop(accepting);
                outcome
            })
            .map_err(OpenError::io("starting a thread"))?;
        Ok(ServerHandle { serving, thread: Some(thread) })
    }

    /// Serves one client on the other end of a connected socket, on this thread, until the session ends.
    ///
    /// # Errors
    /// Why there is no session, and [`OpenError::ServiceTwice`]. Its end, whatever the reason, is none.
    pub fn serve_over(self, socket: UnixStream) -> Result<(), OpenError> {
        let services = Services::new(self.services, self.setting)?;
        let session = Session::<PeerA>::over_with(socket, &self.config, services.catalogue())?;
        let link = Link::new(session, Some(Arc::clone(&services)));
        serve_session(&link, &services, &Workers::new(self.workers));
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("services", &self.services.iter().map(|served| served.service()).collect::<Vec<_>>())
            .field("setting", &self.setting)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// A server that listens. Dropping it stops it.
#[must_use = "dropping it stops the server"]
pub struct ServerHandle {
    serving: Arc<Serving>,
    thread: Option<JoinHandle<Result<(), OpenError>>>,
}

impl ServerHandle {
    /// Stops: no further client is let in, and the sessions that are open are closed. Calls that are not answered end
    /// with [`RpcError::Closed`](crate::RpcError::Closed); handlers that run are told by
    /// [`Context::is_cancelled`](crate::Context::is_cancelled).
    pub fn shut_down(&self) {
        self.serving.house.close();
    }

    /// Stops, and lets the calls that have come be answered: nobody is let in any more, the socket's file is removed, and
    /// each client is told which of its calls is the last to be handled. Those beyond it end at once with
    /// [`RpcError::Closed`](crate::RpcError::Closed) and `may_have_executed: false`, as do those that it begins later. A
    /// session ends when its calls are answered, and this returns when all have ended.
    ///
    /// When `grace` is over, the calls that are not answered are cancelled: handlers are told by
    /// [`Context::is_cancelled`](crate::Context::is_cancelled), and callers get
    /// [`RpcError::Cancelled`](crate::RpcError::Cancelled). Half a second later what is left is closed as by
    /// [`shut_down`](Self::shut_down); a handler that does not ask goes on, and nobody waits for it.
    ///
    /// ```
    /// # #[rapace::service]
    /// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
    /// # struct Calc;
    /// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("calc.sock");
    /// let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(&path)?;
    /// let client = CalculatorClient::connect(&path)?;
    /// let farewell = server.shut_down_gracefully(std::time::Duration::from_secs(5));
    /// assert_eq!((farewell.sessions, farewell.cut_off), (1, 0));
    /// assert!(client.add(1, 2).wait().unwrap_err().is_retryable());
    /// assert!(!path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shut_down_gracefully(&self, grace: Duration) -> Farewell {
        let house = &self.serving.house;
        house.say_goodbye();
        if !house.wait_until_empty(grace) {
            house.cut_short();
            house.wait_until_empty(LAST_WORD);
        }
        house.close();
        house.farewell()
    }

    /// What the server has counted, and each of its sessions.
    pub fn stats(&self) -> ServerStats {
        self.serving.house.stats()
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
    house: Arc<House>,
}

/// Who is served, and who is about to be: bounded, so that no client can keep the others out.
#[derive(Default)]
pub(crate) struct Guests {
    stage: Stage,
    handshakes: usize,
    /// Handshakes that are over, and how many that were when there were as many as may be and none of them ended for a while.
    shaken: u64,
    stuck: Option<u64>,
    /// Sessions that are open or in their handshake, by user.
    by_uid: HashMap<u32, usize>,
    open: HashMap<u64, Weak<Link>>,
    next: u64,
    is_accepting: bool,
    /// The accepting task, to be told when nobody is let in any more.
    accepting: Option<waiting::Waker>,
    /// Who waits for others to be done, or to leave.
    watchers: Vec<waiting::Waker>,
    /// What became of the calls of those that left after a goodbye.
    left: Farewell,
    /// What the sessions of those that left counted, and how many they were.
    past: Counts,
    ended: u64,
}

/// What is left of a session that has ended.
pub(crate) struct Left {
    key: u64,
    farewell: Farewell,
    counts: Counts,
}

impl Left {
    pub(crate) fn new(key: u64, link: &Link) -> Self {
        let core = link.lock();
        Self { key, farewell: core.farewell(), counts: link.shared.own_counts(core.outbox.published()) }
    }
}

impl Guests {
    /// Lets a client in for its handshake, or says why not.
    pub(crate) fn enter(&mut self, uid: u32, config: &Config) -> Result<(), String> {
        let limits = &config.limits;
        let of_user = self.by_uid.get(&uid).copied().unwrap_or(0);
        if self.stage != Stage::Open {
            return Err(OpenError::ShuttingDown.to_string());
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
    fn shook_hands(&mut self, session: Option<&Arc<Link>>) -> Option<u64> {
        self.handshakes = self.handshakes.saturating_sub(1);
        self.shaken = self.shaken.wrapping_add(1);
        let session = session?;
        if self.stage == Stage::Closed {
            return None;
        }
        let key = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(key, Arc::downgrade(session));
        Some(key)
    }

    /// A session is over.
    fn count(&mut self, Left { key, farewell, counts }: Left) {
        self.open.remove(&key);
        self.left.add(farewell);
        self.past.add(&counts);
        self.ended = self.ended.saturating_add(1);
    }

    fn leave(&mut self, uid: u32) {
        if let Some(of_user) = self.by_uid.get_mut(&uid) {
            *of_user = of_user.saturating_sub(1);
            if *of_user == 0 {
                self.by_uid.remove(&uid);
            }
        }
    }

    /// The sessions that are open.
    fn sessions(&self) -> Vec<Arc<Link>> {
        self.open.values().filter_map(Weak::upgrade).collect()
    }
}

impl Serving {
    /// The accepting thread. A client that cannot be served is not a reason to stop.
    fn accept(self: &Arc<Self>, mut listener: Listener) -> Result<(), OpenError> {
        loop {
            let mut fds = [PollFd::new(&listener, PollFlags::IN), PollFd::new(&self.house.sign, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(OpenError::system("waiting for clients")(errno)),
                Ok(_) => {}
            }
            let [_, stop] = &fds;
            if !stop.revents().is_empty() {
                listener.turn_all_away(&OpenError::ShuttingDown.to_string());
                return Ok(());
            }
            match listener.try_accept() {
                Ok(Some(incoming)) => self.welcome(incoming),
                Ok(None) => {}
                Err(error) if is_exhausted(&error) => std::thread::sleep(EXHAUSTED_PAUSE),
                Err(error) => {
                    self.house.close();
                    return Err(error);
                }
            }
        }
    }

    /// A thread of its own for each client from the handshake on, which may take its time.
    fn welcome(self: &Arc<Self>, incoming: Incoming) {
        let Ok(credentials) = incoming.credentials() else { return };
        let uid = credentials.uid;
        self.house.wait_for_turn(incoming.config().limits.handshakes);
        // Apart, so that nobody waits for the house while a client is turned away.
        let entered = self.house.lock().enter(uid, incoming.config());
        if let Err(reason) = entered {
            incoming.turn_away(&reason);
            return;
        }
        let serving = Arc::clone(self);
        // Handed over when the thread is there: if it cannot be started, the client is to be told.
        let (hand, taken) = mpsc::channel();
        let thread = std::thread::Builder::new().name("rapace-session".into()).spawn(move || {
            if let Ok(incoming) = taken.recv() {
                serving.host(incoming, uid);
            }
        });
        match thread {
            Ok(_) => drop(hand.send(incoming)),
            Err(error) => {
                incoming.turn_away(&OpenError::io("starting a thread")(error).to_string());
                self.house.shook_hands(None);
                self.house.leave(uid, None);
            }
        }
    }

    fn host(&self, incoming: Incoming, uid: u32) {
        let opened = incoming.open_with(self.services.catalogue(), Some(self.house.sign.as_fd()));
        let link = opened.ok().map(|session| Link::new(session, Some(Arc::clone(&self.services))));
        let key = self.house.shook_hands(link.as_ref());
        if let (Some(link), Some(_)) = (&link, key) {
            serve_session(link, &self.services, &self.workers);
            link.close();
        }
        self.house.leave(uid, key.zip(link));
    }
}

/// Serves one session until it is over.
pub(crate) fn serve_session(link: &Arc<Link>, services: &Arc<Services>, workers: &Arc<Workers>) {
    if !services.setting().begin(link) {
        return;
    }
    let _keeping = Keeping::for_handlers_of(link);
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
        Some(request) if services.is_plain(request.method) => handle_in_place(link, services, request, Face::Serving),
        _ => serve_with_care(link, services, workers, arrived.take()),
    }
}

/// As [`serve_request`], of a method that is not for everybody, or not to run on its session's thread.
#[inline(never)]
fn serve_with_care(link: &Arc<Link>, services: &Arc<Services>, workers: &Arc<Workers>, arrived: Option<Arrived>) {
    let Some(mut arrived) = arrived.and_then(|arrived| admit(link, services, arrived)) else { return };
    match services.needs(arrived.method, false) {
        Needs::Nothing => handle_here(link, services, &mut arrived),
        Needs::Worker => workers.run(link, services, arrived),
        Needs::Thread => workers.run_alone(link, services, arrived),
    }
}
