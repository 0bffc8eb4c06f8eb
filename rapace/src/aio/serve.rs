//! Serving in tasks: one for each client; sync methods run in it and must be short, async ones may take their time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle, consume_budget};

use super::polling::{Look, Timer};
use super::{Incoming, Listener, on_blocking_pool_or_told, spawn_blocking};
use crate::blocking::{Accepting, House, LAST_WORD, ServerStats};
use crate::error::OpenError;
use crate::os::Credentials;
use crate::rpc::call_id::{CallId, ONE_WAY};
use crate::rpc::client::ClientBuilder;
use crate::rpc::deadline::Deadline;
use crate::rpc::extensions::Extensions;
use crate::rpc::farewell::Farewell;
use crate::rpc::handling::{handle, handle_here, request};
use crate::rpc::link::Link;
use crate::rpc::method::Stub;
use crate::rpc::request::{Face, Handled};
use crate::rpc::router::Servable;
use crate::rpc::service::{Needs, Serve, Services};
use crate::rpc::serving::Arrived;
use crate::rpc::setting::Setting;
use crate::session::waiting::Waker;
use crate::session::{self, Config};

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
pub async fn serve(path: impl AsRef<Path>, service: impl Servable) -> Result<(), OpenError> {
    Server::new(service).bind(path)?.join().await
}

/// As [`serve`], with a listener that was bound before.
///
/// # Errors
/// Why accepting failed.
pub async fn serve_on(listener: session::Listener, service: impl Servable) -> Result<(), OpenError> {
    Server::new(service).listen(listener)?.join().await
}

/// A server in tasks, before it listens.
#[must_use = "a server does nothing until it listens"]
pub struct Server {
    services: Vec<Arc<dyn Serve>>,
    setting: Setting,
    config: Config,
}

impl Server {
    /// A server of one service, or of the several of a [`Router`](super::Router).
    pub fn new(service: impl Servable) -> Self {
        Self { services: service.into_services(), setting: Setting::default(), config: Config::default() }
    }

    /// As [`rapace::Server::extension`](crate::Server::extension).
    pub fn extension<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.setting.extensions.insert(value);
        self
    }

    /// As [`rapace::Server::on_session`](crate::Server::on_session), in the task of the session.
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

    /// Listens at `path`; see [`session::Listener::bind`].
    ///
    /// # Errors
    /// Why the path cannot be listened at, and as [`listen`](Self::listen).
    pub fn bind(self, path: impl AsRef<Path>) -> Result<ServerHandle, OpenError> {
        let listener = session::Listener::bind_with(path, self.config.clone())?;
        self.listen(listener)
    }

    /// Listens with a listener that was bound before, by whose own configuration sessions are opened.
    ///
    /// # Errors
    /// [`OpenError::NoRuntime`], [`OpenError::System`], [`OpenError::ServiceTwice`].
    pub fn listen(self, listener: session::Listener) -> Result<ServerHandle, OpenError> {
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let listener = Listener::from_blocking(listener)?;
        let services = Services::new(self.services, self.setting)?;
        let house = Arc::new(House::new()?);
        let door = Door { listener, _accepting: Accepting::new(&house) };
        let serving = Arc::new(Serving { services, house });
        let accepting = runtime.spawn(Arc::clone(&serving).accept(door));
        Ok(ServerHandle { stop: accepting.abort_handle(), serving, accepting: Some(accepting) })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> = self.services.iter().map(|served| served.service()).collect();
        f.debug_struct("Server").field("services", &services).field("setting", &self.setting).finish_non_exhaustive()
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
        self.serving.house.close();
    }

    /// Stops, and lets the calls that have come be answered; all as with
    /// [`rapace::ServerHandle::shut_down_gracefully`](crate::ServerHandle::shut_down_gracefully), but that the futures of
    /// handlers are dropped when `grace` is over. In a runtime without time it is over at once. Dropping the future leaves
    /// the server without new clients and its calls to be answered.
    pub async fn shut_down_gracefully(&self, grace: Duration) -> Farewell {
        let house = &self.serving.house;
        house.say_goodbye();
        if !wait_until_empty(house, grace).await {
            house.cut_short();
            wait_until_empty(house, LAST_WORD).await;
        }
        house.close();
        house.farewell()
    }

    /// As [`rapace::ServerHandle::stats`](crate::ServerHandle::stats).
    pub fn stats(&self) -> ServerStats {
        self.serving.house.stats()
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

/// Waits until everybody has left; false when that takes too long.
async fn wait_until_empty(house: &House, patience: Duration) -> bool {
    wait(Instant::now().checked_add(patience), |waker| house.is_empty_or_tells(waker)).await
}

/// Waits until something is so, or else tells this task; false when that takes too long, or in a runtime without time.
async fn wait(end: Option<Instant>, is_so_or_tells: impl Fn(Waker) -> bool) -> bool {
    let (mut timer, mut deadline) = (Timer::default(), end.map_or(Deadline::None, Deadline::At));
    poll_fn(|cx| {
        if is_so_or_tells(Waker::Task(cx.waker().clone())) {
            return Poll::Ready(true);
        }
        timer.poll(cx, &mut deadline).map(|_| false)
    })
    .await
}

impl<C: Stub> ClientBuilder<C> {
    /// As [`serve`](Self::serve), by a task of the runtime in which the client connects: for services with async methods.
    pub fn serve_async(self, service: impl Servable) -> Self {
        self.serving(service.into_services(), serve_in_task)
    }
}

/// Serves the other side of a link in a task of the runtime in which this is called.
pub(crate) fn serve_in_task(link: &Arc<Link>, services: &Arc<Services>) -> Result<(), OpenError> {
    let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
    let (link, services) = (Arc::clone(link), Arc::clone(services));
    runtime.spawn(async move { serve_session(&link, &services).await });
    Ok(())
}

/// What the tasks of a server share.
struct Serving {
    services: Arc<Services>,
    house: Arc<House>,
}

/// Where clients come in. Dropped in this order.
struct Door {
    listener: Listener,
    _accepting: Accepting,
}

impl Serving {
    /// The accepting task. A client that cannot be served is not a reason to stop.
    async fn accept(self: Arc<Self>, mut door: Door) -> Result<(), OpenError> {
        loop {
            match self.knock(&mut door.listener).await {
                Some(Ok(incoming)) => self.welcome(incoming.0).await,
                Some(Err(error)) => {
                    self.house.close();
                    return Err(error);
                }
                None => {
                    door.listener.turn_all_away(&OpenError::ShuttingDown.to_string());
                    return Ok(());
                }
            }
        }
    }

    /// The next client; `None` when nobody is let in any more.
    async fn knock(&self, listener: &mut Listener) -> Option<Result<Incoming, OpenError>> {
        let mut knock = pin!(listener.accept());
        poll_fn(|cx| {
            if self.house.is_closing_or_tells(Waker::Task(cx.waker().clone())) {
                return Poll::Ready(None);
            }
            knock.as_mut().poll(cx).map(Some)
        })
        .await
    }

    async fn welcome(self: &Arc<Self>, incoming: session::Incoming) {
        let Ok(credentials) = incoming.credentials() else { return };
        let uid = credentials.uid;
        let handshakes_max = incoming.config().limits.handshakes;
        let is_turn = wait(House::end_of_turn(), |waker| self.house.is_turn_or_tells(handshakes_max, waker));
        if !is_turn.await {
            self.house.gives_up();
        }
        // Apart, so that nobody waits for the house while a client is turned away.
        let entered = self.house.lock().enter(uid, incoming.config());
        if let Err(reason) = entered {
            incoming.turn_away(&reason);
            return;
        }
        tokio::spawn(Guest { serving: Arc::clone(self), uid, is_shaking_hands: true, session: None }.host(incoming));
    }
}

/// One client, from its handshake on. However its task ends, it leaves.
struct Guest {
    serving: Arc<Serving>,
    uid: u32,
    is_shaking_hands: bool,
    session: Option<(u64, Arc<Link>)>,
}

impl Guest {
    async fn host(mut self, incoming: session::Incoming) {
        let serving = Arc::clone(&self.serving);
        let opened = on_blocking_pool_or_told(move |thread| match thread {
            Ok(()) => incoming.open_with(serving.services.catalogue(), Some(serving.house.sign.as_fd())),
            Err(error) => {
                incoming.turn_away(&error.to_string());
                Err(error)
            }
        });
        let opened = opened.await;
        let Ok(session) = opened else { return };
        let link = Link::new(session, Some(Arc::clone(&self.serving.services)));
        self.is_shaking_hands = false;
        let key = self.serving.house.shook_hands(Some(&link));
        self.session = key.map(|key| (key, Arc::clone(&link)));
        if key.is_some() {
            serve_session(&link, &self.serving.services).await;
            link.close();
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let house = &self.serving.house;
        if self.is_shaking_hands {
            house.shook_hands(None);
        }
        house.leave(self.uid, self.session.take());
    }
}

/// Serves one session until it is over.
pub(crate) async fn serve_session(link: &Arc<Link>, services: &Arc<Services>) {
    if !services.setting().begin(link) {
        return;
    }
    let mut look = Look::default();
    while let Ok(Some(arrived)) = poll_fn(|cx| link.poll_request(cx, &mut look)).await {
        start(link, services, arrived).await;
        consume_budget().await;
    }
}

/// Has a request handled: here if that is done at once, else in a task of its own.
async fn start(link: &Arc<Link>, services: &Arc<Services>, mut arrived: Arrived) {
    let call = arrived.call;
    let is_plain = services.is_plain(arrived.method);
    let refusal = if is_plain { None } else { services.refusal(arrived.method, &link.shared.credentials) };
    if refusal.is_none() && services.needs(arrived.method, true) != Needs::Nothing {
        if link.lock().wait_for_worker(arrived) {
            // A one-way call is executed, whatever became of its session.
            let kept = (call == ONE_WAY).then(|| Arc::clone(link));
            let (weak, theirs) = (Arc::downgrade(link), Arc::clone(services));
            let started = spawn_blocking(move || {
                if let Some(link) = kept.or_else(|| weak.upgrade()) {
                    handle_waiting(&link, &theirs, call);
                }
            });
            if started.is_none() {
                handle_waiting(link, services, call);
            }
        }
        return;
    }
    let finish = OneWay::of(call, link);
    let handled = match refusal {
        None => handle(link, services, &mut arrived, Face::Task),
        Some((status, text)) => request(link, services, &mut arrived, Face::Task).refuse(status, &text),
    };
    let Handled::Later(mut future) = handled else { return };
    if poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await.is_pending() {
        let task = tokio::spawn(async move {
            let _finish = finish;
            future.await;
        });
        link.lock().stops_with(call, task.abort_handle());
    }
}

/// Handles a request that waited for a thread, unless its caller has gone meanwhile or its time is over.
fn handle_waiting(link: &Arc<Link>, services: &Arc<Services>, call: CallId) {
    let taken = link.lock().take_waiting(call);
    if let Some(mut arrived) = taken {
        handle_here(link, services, &mut arrived);
    }
}

/// A one-way call that is being handled. It is finished when its handler is done or gone.
struct OneWay(Arc<Link>);

impl OneWay {
    fn of(call: CallId, link: &Arc<Link>) -> Option<Self> {
        (call == ONE_WAY).then(|| Self(Arc::clone(link)))
    }
}

impl Drop for OneWay {
    fn drop(&mut self) {
        self.0.lock().finish_one_way();
    }
}
