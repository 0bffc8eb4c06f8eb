//! The caller's handle on a session: what generated clients are made of.

use std::fmt;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::deadline::Deadline;
use super::error::RpcError;
use super::link::{Link, Target};
use super::method::Stub;
use super::service::{Agreement, DESCRIBE, Description, Serve, Service, Services, read};
use super::setting::Setting;
use super::status::Status;
use super::tickets::Outcome;
use crate::error::{OpenError, Violation};
use crate::lane::Outgoing;
use crate::layout::inline::Inline;
use crate::os::Credentials;
use crate::session::{Config, Control, PeerB, PeerState, Session, Stats};

/// The session under a generated client: `client.session()`. Clones are the same session, and it is closed when the last
/// of them and of its pending calls is gone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
    /// Of a client that connected: all of them together keep the session open.
    _owner: Option<Arc<Owner>>,
    service: &'static Service,
    /// The number of each method on the wire; zero where the server has none.
    methods: Arc<[u32]>,
    timeout: Option<Duration>,
    /// The call of the peer in whose handler this client makes its calls, or zero.
    parent: u32,
}

/// What those who called `connect` have together. Something else may hold the link as well: who serves there.
struct Owner(Arc<Link>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.retire();
    }
}

impl Client {
    /// A client of what the other side of a link serves. `parent` is the call of that side in whose handler it is.
    pub(crate) fn of_peer(link: &Arc<Link>, service: &'static Service, parent: u32) -> Result<Self, ConnectError> {
        let methods = agree(link, service)?;
        let link = Arc::clone(link);
        Ok(Self { inner: Arc::new(Inner { link, _owner: None, service, methods, timeout: None, parent }) })
    }

    fn new(link: Arc<Link>, service: &'static Service, timeout: Option<Duration>) -> Result<Self, ConnectError> {
        let _owner = Some(Arc::new(Owner(Arc::clone(&link))));
        let methods = agree(&link, service)?;
        Ok(Self { inner: Arc::new(Inner { link, _owner, service, methods, timeout, parent: 0 }) })
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
        let Inner { link, _owner, timeout, parent, .. } = &*self.inner;
        let methods = agree(link, C::service())?;
        let inner = Inner {
            link: Arc::clone(link),
            _owner: _owner.clone(),
            service: C::service(),
            methods,
            timeout: *timeout,
            parent: *parent,
        };
        Ok(C::from_client(Self { inner: Arc::new(inner) }))
    }

    #[inline]
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.inner.link
    }

    pub(crate) fn service(&self) -> &'static Service {
        self.inner.service
    }

    #[inline]
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.inner.timeout
    }

    /// A method as the wire names it, called from where this client is.
    #[inline]
    pub(crate) fn target(&self, index: usize) -> Result<Target, RpcError> {
        match self.inner.methods.get(index) {
            Some(&method) if method != DESCRIBE => Ok(Target { method, parent: self.inner.parent }),
            _ => Err(self.unknown(index)),
        }
    }

    #[cold]
    fn unknown(&self, index: usize) -> RpcError {
        RpcError::UnknownMethod(self.inner.service.method_name(index).into())
    }

    /// What is known of the server's process now.
    pub fn peer_state(&self) -> PeerState {
        self.inner.link.shared.peer_state()
    }

    /// Who the server is, by the kernel's word.
    pub fn peer(&self) -> Credentials {
        self.inner.link.shared.credentials
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
    pub fn stats(&self) -> Stats {
        self.inner.link.lock().stats()
    }

    /// Closes the session for all clones. Calls that are not answered end with [`RpcError::Closed`].
    pub fn close(&self) {
        Control { shared: Arc::clone(&self.inner.link.shared) }.shut_down();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("service", &self.inner.service.name())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

/// Compares what the other side says it serves with what is to be called there: the number of each method.
fn agree(link: &Arc<Link>, service: &'static Service) -> Result<Arc<[u32]>, ConnectError> {
    if let Some(known) = link.agreement(service) {
        return Ok(known);
    }
    let agreement = service.agree(&link.shared.catalogue).map_err(|_| {
        let lost = link.shared.fail(Violation::Catalogue.into());
        ConnectError::Describe(Box::new(RpcError::Lost(Box::new(lost))))
    })?;
    match agreement {
        Agreement::Methods(methods) => Ok(link.agreed(service, methods.into())),
        Agreement::NoService(served) => {
            Err(ConnectError::NoService { service: service.name(), served: served.join(", ") })
        }
        Agreement::Differs(methods) => Err(explain(link, service, &methods)),
    }
}

/// Asks the server for its texts, to say in words what differs.
#[cold]
fn explain(link: &Arc<Link>, service: &Service, methods: &[usize]) -> ConnectError {
    let mut deadline = Deadline::After(link.shared.limits.handshake_time);
    let described =
        match link.call(Target { method: DESCRIBE, parent: 0 }, &Outgoing::short(Inline::default()), &mut deadline) {
            Outcome::Answer(Status::Ok, payload) => read::<Vec<Description>>(&payload.into_vec()),
            Outcome::Short(Status::Ok, inline) => read::<Vec<Description>>(inline.as_slice()),
            Outcome::Answer(..) | Outcome::Short(..) => Ok(Vec::new()),
            Outcome::End(error) => return ConnectError::Describe(Box::new(error)),
        };
    let theirs = described.unwrap_or_default();
    let text = |index: &usize| {
        service.difference(*index, &theirs).unwrap_or_else(|| {
            format!("method `{}` differs, and the server does not say how", service.method_name(*index))
        })
    };
    ConnectError::Incompatible { differences: methods.iter().map(text).collect() }
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
    config: Config,
    timeout: Option<Duration>,
    callbacks: Option<Callbacks>,
    #[cfg(feature = "hooks")]
    hooks: super::hooks::HookList,
    client: PhantomData<fn() -> C>,
}

/// What a client serves, and what has it served.
struct Callbacks {
    services: Vec<Arc<dyn Serve>>,
    start: StartServing,
}

fn catalogue(callbacks: &Option<(Arc<Services>, StartServing)>) -> &[u8] {
    callbacks.as_ref().map_or(&[], |(services, _)| services.catalogue())
}

/// Has the other side of a link served from now on, until the link is over.
pub(crate) type StartServing = fn(&Arc<Link>, &Arc<Services>) -> Result<(), OpenError>;

impl<C: Stub> ClientBuilder<C> {
    /// The defaults: no timeout, [`Config::default`].
    #[expect(clippy::new_without_default, reason = "it is found as the client's `builder`")]
    pub fn new() -> Self {
        Self {
            config: Config::default(),
            timeout: None,
            callbacks: None,
            #[cfg(feature = "hooks")]
            hooks: Default::default(),
            client: PhantomData,
        }
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
        self.hooks.add(hooks);
        self
    }

    /// Limits, waiting and whom to talk to.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Connects to the server that listens at `path`.
    ///
    /// # Errors
    /// Why there is no client.
    pub fn connect(mut self, path: impl AsRef<Path>) -> Result<C, ConnectError> {
        let callbacks = self.callbacks()?;
        let session = Session::<PeerB>::connect_serving(path, &self.config, catalogue(&callbacks))?;
        self.over_session(session, callbacks)
    }

    /// Connects to the server on the other end of a connected socket, which a child has
    /// [inherited](crate::session::inherited), say.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn over(mut self, socket: UnixStream) -> Result<C, ConnectError> {
        let callbacks = self.callbacks()?;
        let session = Session::<PeerB>::over_serving(socket, &self.config, catalogue(&callbacks))?;
        self.over_session(session, callbacks)
    }

    /// Serves these to the other side.
    pub(crate) fn serving(mut self, services: Vec<Arc<dyn Serve>>, start: StartServing) -> Self {
        self.callbacks = Some(Callbacks { services, start });
        self
    }

    fn callbacks(&mut self) -> Result<Option<(Arc<Services>, StartServing)>, OpenError> {
        let Some(Callbacks { services, start }) = self.callbacks.take() else { return Ok(None) };
        Ok(Some((Services::new(services, Setting::default())?, start)))
    }

    fn over_session(
        self,
        session: Session<PeerB>,
        callbacks: Option<(Arc<Services>, StartServing)>,
    ) -> Result<C, ConnectError> {
        let services = callbacks.as_ref().map(|(services, _)| Arc::clone(services));
        let link = Link::new(session, services);
        // It is new, so there are none yet.
        #[cfg(feature = "hooks")]
        let _ = link.hooks.set(Arc::new(self.hooks));
        let client = Client::new(link, C::service(), self.timeout)?;
        if let Some((services, start)) = &callbacks {
            start(client.link(), services)?;
        }
        Ok(C::from_client(client))
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
        f.debug_struct("ClientBuilder").field("config", &self.config).field("timeout", &self.timeout).finish()
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
