//! The caller's handle on a session: what generated clients are made of.

use std::fmt;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::direct::{Direct, Holds, Owner};
use super::error::RpcError;
use super::lasting::Lasting;
use super::link::Link;
use super::method::Stub;
use super::opening::{Opening, StartServing};
use super::service::{Serve, Service};
use super::standing::{Standing, Stop};
use super::supervision::{Event, Retry, Supervision};
use super::supervisor::{Listeners, Orders, Source, supervise};
use crate::error::OpenError;
use crate::os::Credentials;
use crate::session::{Config, Control, PeerState, Stats};

/// The session under a generated client: `client.session()`. Clones are the same session, and it is closed when the last
/// of them and of its pending calls is gone.
#[derive(Clone)]
pub struct Client {
    kind: Kind,
    timeout: Option<Duration>,
}

#[derive(Clone)]
enum Kind {
    /// Of one session.
    Direct(Direct),
    /// Of one session after the other.
    Lasting(Arc<Lasting>),
}

impl Client {
    /// A client of what the other side of a link serves. `parent` is the call of that side in whose handler it is.
    #[inline(always)]
    pub(crate) fn of_peer(link: &Arc<Link>, service: &'static Service, parent: u32) -> Result<Self, ConnectError> {
        Direct::of_peer(link, service, parent).map(Self::from)
    }

    pub(crate) fn lasting(lasting: Lasting, timeout: Option<Duration>) -> Self {
        Self { kind: Kind::Lasting(Arc::new(lasting)), timeout }
    }

    /// A client of another service of the same server, on the same session: one connection, one shared memory, one limit
    /// of calls in flight. It has the timeout of this one.
    ///
    /// ```
    /// # #[rapace::service]
    /// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
    /// # #[rapace::service]
    /// # trait Greeter { fn greet(&self) -> String; }
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let calculator = CalculatorClient::connect("/run/user/1000/office.sock")?;
    /// let greeter = calculator.session().client::<GreeterClient>()?;
    /// println!("{}: {}", greeter.greet().wait()?, calculator.add(1, 2).wait()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server serves no such service, or another version of it. Only to say how it differs the server is asked, and this
    /// thread blocked.
    pub fn client<C: Stub>(&self) -> Result<C, ConnectError> {
        let kind = match &self.kind {
            Kind::Direct(direct) => Kind::Direct(direct.sibling(C::service())?),
            Kind::Lasting(lasting) => {
                let sibling = lasting.sibling(C::service());
                sibling.check()?;
                Kind::Lasting(Arc::new(sibling))
            }
        };
        Ok(C::from_client(Self { kind, timeout: self.timeout }))
    }

    /// The one session that it is of, unless it is of one after the other.
    #[inline]
    pub(crate) fn direct(&self) -> Result<&Direct, &Arc<Lasting>> {
        match &self.kind {
            Kind::Direct(direct) => Ok(direct),
            Kind::Lasting(lasting) => Err(lasting),
        }
    }

    /// The session that it is of now, if it is of one.
    fn now(&self) -> Option<Direct> {
        match &self.kind {
            Kind::Direct(direct) => Some(direct.clone()),
            Kind::Lasting(lasting) => lasting.now(),
        }
    }

    pub(crate) fn service(&self) -> &'static Service {
        match &self.kind {
            Kind::Direct(direct) => direct.service(),
            Kind::Lasting(lasting) => lasting.service(),
        }
    }

    #[inline]
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What is known of the server's process now. Of a client that [connects again](ClientBuilder::reconnect), while it has
    /// no session: [`PeerState::Closed`].
    pub fn peer_state(&self) -> PeerState {
        self.now().map_or(PeerState::Closed, |direct| direct.link().peer_state())
    }

    /// How things are with a client that [connects again](ClientBuilder::reconnect), or that is of a
    /// [plugin](crate::Plugin); `None` of others, which end with their session.
    pub fn supervision(&self) -> Option<Supervision> {
        match &self.kind {
            Kind::Direct(_) => None,
            Kind::Lasting(lasting) => Some(lasting.standing.supervision()),
        }
    }

    /// Who the server is, by the kernel's word. Of a client that [connects again](ClientBuilder::reconnect), while it has no
    /// session: nobody, with process id 0 and the user and group -1.
    pub fn peer(&self) -> Credentials {
        let nobody = Credentials { pid: 0, uid: u32::MAX, gid: u32::MAX };
        self.now().map_or(nobody, |direct| direct.link().shared.credentials)
    }

    /// What both sides of the session have counted, and which slots of the server this side holds.
    ///
    /// ```
    /// # #[rapace::service]
    /// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
    /// # struct Calc;
    /// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
    /// let calc = CalculatorClient::local(Calc)?;
    /// assert_eq!(calc.add(1, 2).wait()?, 3);
    /// assert_eq!(calc.session().stats().own.calls_begun, 1);
    /// assert_eq!(calc.session().stats().peer.messages_sent, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Of a client that [connects again](ClientBuilder::reconnect) it is what the session of now has counted; all zero while
    /// there is none.
    pub fn stats(&self) -> Stats {
        self.now().map_or_else(Stats::default, |direct| direct.link().lock().stats())
    }

    /// Closes the session for all clones. Calls that are not answered end with [`RpcError::Closed`]. A client that
    /// [connects again](ClientBuilder::reconnect) does so no more; a [plugin](crate::Plugin) is ended.
    pub fn close(&self) {
        match &self.kind {
            Kind::Direct(direct) => Control { shared: Arc::clone(&direct.link().shared) }.shut_down(),
            Kind::Lasting(lasting) => {
                if let Some(owner) = lasting.standing.close(Stop::AtOnce) {
                    Control { shared: Arc::clone(&owner.link().shared) }.shut_down();
                }
            }
        }
    }
}

impl From<Direct> for Client {
    fn from(direct: Direct) -> Self {
        Self { kind: Kind::Direct(direct), timeout: None }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("service", &self.service().name())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

/// Why there is no client.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no session.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server serves something else.
    #[error("the other side does not serve `{service}`, but: {}", if served.is_empty() { "nothing" } else { served })]
    NoService {
        /// What was asked for.
        service: &'static str,
        /// What there is instead.
        served: String,
    },
    /// Methods of the same name mean something else at the server. Build both programs from the same trait, or give a
    /// changed method another name.
    #[error("the server was built from another version of the trait: {}", differences.join("\n"))]
    Incompatible {
        /// One text for each method that differs, with both sides in it.
        differences: Vec<String>,
    },
    /// The session ended while the two programs compared what they are.
    #[error("the server could not be asked what it serves: {0}")]
    Describe(Box<RpcError>),
}

impl ConnectError {
    /// Whether the same may succeed later, without a change of either program: nobody listens there yet, or the server
    /// takes nobody now.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Open(error) => error.is_retryable(),
            Self::Describe(_) => true,
            Self::NoService { .. } | Self::Incompatible { .. } => false,
        }
    }
}

/// How a client connects, for those who want something else than the defaults.
///
/// ```no_run
/// use std::time::Duration;
///
/// #[rapace::service]
/// trait Clock {
///     fn ticks(&self) -> u64;
/// }
///
/// // Each call that does not say otherwise ends after 50 ms, whatever the server does.
/// let clock = ClockClient::builder().timeout(Duration::from_millis(50)).connect("/run/user/1000/clock.sock")?;
/// clock.ticks().wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until it connects"]
pub struct ClientBuilder<C> {
    opening: Opening,
    timeout: Option<Duration>,
    wait_for_server: Duration,
    retry: Option<Retry>,
    listeners: Listeners,
    client: PhantomData<fn() -> C>,
}

/// Sessions with whoever listens at a path.
struct AtPath {
    path: PathBuf,
    opening: Opening,
}

impl Source for AtPath {
    fn open(&mut self, _: &Standing) -> Result<Arc<Link>, ConnectError> {
        let link = self.opening.connect(&self.path)?;
        self.opening.serve_over(&link)?;
        Ok(link)
    }
}

impl<C: Stub> ClientBuilder<C> {
    /// The defaults: no timeout, [`Config::default`], one try to connect, and one session.
    #[expect(clippy::new_without_default, reason = "it is found as the client's `builder`")]
    pub fn new() -> Self {
        Self {
            opening: Opening::default(),
            timeout: None,
            wait_for_server: Duration::ZERO,
            retry: None,
            listeners: Listeners::default(),
            client: PhantomData,
        }
    }

    /// How long to wait for a server that does not listen yet, or takes nobody now: it is tried again and again, as
    /// [`Retry`] says. Without it one try is made.
    pub fn wait_for_server(mut self, longest: Duration) -> Self {
        self.wait_for_server = longest;
        self
    }

    /// Connects again when the session ends: the next call goes to the new server. A thread watches over the session for
    /// that.
    ///
    /// A call that is in flight when the server dies, and certainly did not run, is made again in the next session until its
    /// time is over; one that may have run only if its method is marked `#[rapace(idempotent)]`, and twice at most. Others
    /// end with [`RpcError::PeerDied`] or [`RpcError::Closed`]. Streams end with an error, and one-way calls that were sent
    /// are not sent again. A call waits for a session for as long as [`Retry::patience`], then ends with
    /// [`RpcError::NoConnection`]; so does each, at once and with both meanings in the error, when the new server means
    /// something else by a method of the service.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use rapace::Retry;
    ///
    /// #[rapace::service]
    /// trait Clock {
    ///     #[rapace(idempotent)]
    ///     fn ticks(&self) -> u64;
    /// }
    ///
    /// let clock = ClockClient::builder()
    ///     .wait_for_server(Duration::from_secs(5))
    ///     .reconnect(Retry::default())
    ///     .on_event(|event| eprintln!("clock: {event}"))
    ///     .connect("/run/user/1000/clock.sock")?;
    /// // Also after the server was killed and started again.
    /// clock.ticks().wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconnect(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Who is told what happens to a client that [connects again](Self::reconnect). To see whether the server hangs, the
    /// thread that watches over the session then wakes up twice in each [`Limits::hang_after`](crate::Limits::hang_after).
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + 'static) -> Self {
        self.listeners.add(listener);
        self
    }

    /// The longest time to wait for a call that does not say otherwise. Without it such calls wait as long as the server
    /// lives.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Who is told of each call on the session, by this client and by others on it, before and after. Feature `hooks`.
    #[cfg(feature = "hooks")]
    pub fn hooks(mut self, hooks: impl crate::Hooks) -> Self {
        self.opening.hooks.add(hooks);
        self
    }

    /// Limits, waiting and whom to talk to.
    pub fn config(mut self, config: Config) -> Self {
        self.opening.config = config;
        self
    }

    /// Connects to the server that listens at `path`.
    ///
    /// # Errors
    /// Why there is no client.
    pub fn connect(mut self, path: impl AsRef<Path>) -> Result<C, ConnectError> {
        self.opening.prepare()?;
        let path = path.as_ref();
        if let Some(retry) = self.retry {
            return self.connect_lastingly(path.to_owned(), retry);
        }
        let (began, retry) = (Instant::now(), Retry::default());
        let mut tries = 0;
        loop {
            let error = match self.opening.connect(path) {
                Ok(link) => return self.over_link(link),
                Err(error) => error,
            };
            let left = self.wait_for_server.saturating_sub(began.elapsed());
            if left.is_zero() || !error.is_retryable() {
                return Err(error.into());
            }
            std::thread::sleep(retry.pause(tries).min(left));
            tries = tries.saturating_add(1);
        }
    }

    /// Connects to the server on the other end of a connected socket, which a child has
    /// [inherited](crate::session::inherited), say. There is only this one, so it does not connect again.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn over(mut self, socket: UnixStream) -> Result<C, ConnectError> {
        self.opening.prepare()?;
        let link = self.opening.join(socket)?;
        self.over_link(link)
    }

    /// Serves these to the other side.
    pub(crate) fn serving(mut self, services: Vec<Arc<dyn Serve>>, start: StartServing) -> Self {
        self.opening.serve(services, start);
        self
    }

    fn over_link(self, link: Arc<Link>) -> Result<C, ConnectError> {
        let holds = Holds::session(Owner::new(Arc::clone(&link)));
        let direct = Direct::new(&link, C::service(), 0, holds)?;
        self.opening.serve_over(&link)?;
        Ok(C::from_client(Client { timeout: self.timeout, ..Client::from(direct) }))
    }

    fn connect_lastingly(self, path: PathBuf, retry: Retry) -> Result<C, ConnectError> {
        let Self { opening, timeout, wait_for_server, listeners, .. } = self;
        let orders = Orders { retry, listeners, wait_for_first: wait_for_server, hang_max: None };
        let keeper = supervise(AtPath { path, opening }, orders)?;
        let lasting = Lasting::new(Arc::clone(&keeper.standing), Some(keeper), C::service());
        lasting.check()?;
        Ok(C::from_client(Client::lasting(lasting, timeout)))
    }

    /// As [`connect`](Self::connect), on the runtime's blocking pool.
    ///
    /// # Errors
    /// As there, and [`OpenError::NoRuntime`].
    #[cfg(feature = "tokio")]
    pub async fn connect_async(self, path: impl AsRef<Path>) -> Result<C, ConnectError>
    where
        C: Send + 'static,
    {
        let path = path.as_ref().to_owned();
        crate::aio::on_blocking_pool(move || self.connect(path)).await?
    }
}

impl<C> fmt::Debug for ClientBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("config", &self.opening.config)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// For generated code: `connect` of a client.
///
/// # Errors
/// Why there is no client.
pub fn connect<C: Stub>(path: &Path) -> Result<C, ConnectError> {
    ClientBuilder::new().connect(path)
}

/// For generated code: `connect_async` of a client.
///
/// # Errors
/// Why there is no client.
#[cfg(feature = "tokio")]
pub async fn connect_async<C: Stub + Send + 'static>(path: &Path) -> Result<C, ConnectError> {
    ClientBuilder::new().connect_async(path).await
}
