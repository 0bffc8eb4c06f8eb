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
use super::link::Link;
use super::method::Stub;
use super::service::{Agreement, DESCRIBE, Description, Service, read};
use super::status::Status;
use super::tickets::Outcome;
use crate::error::{OpenError, Violation};
use crate::lane::Outgoing;
use crate::layout::head::Inline;
use crate::os::Credentials;
use crate::session::{Config, Control, PeerB, PeerState, Session};

/// The session under a generated client: `client.session()`. Clones are the same session, and it is closed when the last
/// of them and of its pending calls is gone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
    service: &'static Service,
    /// The number of each method on the wire; zero where the server has none.
    methods: Box<[u32]>,
    timeout: Option<Duration>,
}

impl Client {
    /// Compares what the server says it serves with what this client calls.
    fn new(link: Arc<Link>, service: &'static Service, timeout: Option<Duration>) -> Result<Self, ConnectError> {
        let agreement = service.agree(&link.shared.catalogue).map_err(|_| {
            let lost = link.shared.fail(Violation::Catalogue.into());
            ConnectError::Describe(Box::new(RpcError::Lost(Box::new(lost))))
        })?;
        match agreement {
            Agreement::Methods(methods) => Ok(Self { inner: Arc::new(Inner { link, service, methods, timeout }) }),
            Agreement::NoService(served) => {
                Err(ConnectError::NoService { service: service.name(), served: served.join(", ") })
            }
            Agreement::Differs(methods) => Err(explain(&link, service, &methods)),
        }
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

    /// The number of a method on the wire.
    #[inline]
    pub(crate) fn method(&self, index: usize) -> Result<u32, RpcError> {
        match self.inner.methods.get(index) {
            Some(&number) if number != DESCRIBE => Ok(number),
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

/// Asks the server for its texts, to say in words what differs.
#[cold]
fn explain(link: &Arc<Link>, service: &Service, methods: &[usize]) -> ConnectError {
    let mut deadline = Deadline::After(link.shared.limits.handshake_time);
    let described = match link.call(DESCRIBE, &Outgoing::short(Inline::default()), &mut deadline) {
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
    #[error("the server does not serve `{service}`, but: {served}")]
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
    client: PhantomData<fn() -> C>,
}

impl<C: Stub> ClientBuilder<C> {
    /// The defaults: no timeout, [`Config::default`].
    #[expect(clippy::new_without_default, reason = "it is found as the client's `builder`")]
    pub fn new() -> Self {
        Self { config: Config::default(), timeout: None, client: PhantomData }
    }

    /// The longest time to wait for a call that does not say otherwise. Without it such calls wait as long as the server
    /// lives.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
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
    pub fn connect(self, path: impl AsRef<Path>) -> Result<C, ConnectError> {
        let session = Session::<PeerB>::connect_with(path, &self.config)?;
        self.over_session(session)
    }

    /// Connects to the server on the other end of a connected socket, which a child has
    /// [inherited](crate::session::inherited), say.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn over(self, socket: UnixStream) -> Result<C, ConnectError> {
        let session = Session::<PeerB>::over(socket, &self.config)?;
        self.over_session(session)
    }

    fn over_session(self, session: Session<PeerB>) -> Result<C, ConnectError> {
        let client = Client::new(Link::new(session, false), C::service(), self.timeout)?;
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
