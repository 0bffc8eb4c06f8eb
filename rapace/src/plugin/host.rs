//! The side of a plugin: the session with the process that started it.

use std::fmt;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use super::HOST;
use crate::error::{OpenError, RecvError};
use crate::os;
use crate::rpc::client::{Client, ConnectError};
use crate::rpc::direct::{Direct, Holds, Owner};
use crate::rpc::method::Stub;
use crate::rpc::opening::Opening;
use crate::rpc::router::ServableOnThreads;
use crate::rpc::supervisor::sleep_while_open;
use crate::session::{Config, is_connected_stream};

/// The program that started this one as its [plugin](crate::Plugin): to be served by it, and to call it.
///
/// ```no_run
/// #[rapace::service]
/// trait Filter {
///     fn apply(&self, line: &str) -> String;
/// }
///
/// struct Upper;
/// impl Filter for Upper {
///     fn apply(&self, line: &str) -> String {
///         line.to_uppercase()
///     }
/// }
///
/// // The whole program of a plugin: it serves its host until that is gone.
/// fn main() -> Result<(), rapace::OpenError> {
///     rapace::host()?.serve(FilterServer::new(Upper)).run()
/// }
/// ```
///
/// # Errors
/// [`OpenError::NoHost`] when this process was not started by a host, or this was called before.
///
/// To be called before the program starts processes of its own: from then on they do not inherit the socket.
pub fn host() -> Result<HostBuilder, OpenError> {
    /// Whether the socket was taken.
    static IS_TAKEN: Mutex<bool> = Mutex::new(false);

    let no_host = |reason| OpenError::NoHost { reason };
    let value = std::env::var(HOST).map_err(|_| {
        no_host("this program is a plugin, to be started by another one with rapace::Plugin; it was started by itself")
    })?;
    let (number, inode) = value.split_once(':').unwrap_or_default();
    let (Ok(number), Ok(inode)) = (number.parse(), inode.parse()) else {
        return Err(no_host("the variable RAPACE_HOST does not say what a host says"));
    };
    let mut is_taken = IS_TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_taken {
        return Err(no_host("rapace::host() was called before; there is one session with the host"));
    }
    let socket = os::take_inherited(number, inode, is_connected_stream).map_err(|_| {
        no_host("its socket is not there; only the process that a host starts has it, not those it starts")
    })?;
    *is_taken = true;
    let uid = os::peer_credentials(socket.as_fd()).map_err(OpenError::io("asking who the host is"))?.uid;
    Ok(HostBuilder { socket: socket.into(), uid, opening: Opening::default() })
}

/// The session with the host, before it is opened.
#[must_use = "a host waits for its plugin to open the session"]
pub struct HostBuilder {
    socket: UnixStream,
    /// The host's user.
    uid: u32,
    opening: Opening,
}

impl HostBuilder {
    /// Serves the host: one service, or the several of a [`Router`](crate::Router). What the host calls is handled by a
    /// thread that is there for it; what it calls within the handler of a call of this side, by the thread that waits for
    /// that call.
    pub fn serve(mut self, service: impl ServableOnThreads) -> Self {
        self.opening.serve(service.into_services(), crate::blocking::serve_in_thread);
        self
    }

    /// As [`serve`](Self::serve), by a task of the runtime in which the session is opened: for services with async methods.
    #[cfg(feature = "tokio")]
    pub fn serve_async(mut self, service: impl crate::Servable) -> Self {
        self.opening.serve(service.into_services(), crate::aio::serve_in_task);
        self
    }

    /// Limits and waiting of this side. The shape of the session is the host's choice, and the host's user is allowed whatever
    /// this says.
    pub fn config(mut self, config: Config) -> Self {
        self.opening.config = config;
        self
    }

    /// Who is told of each call in both directions. Feature `hooks`.
    #[cfg(feature = "hooks")]
    pub fn hooks(mut self, hooks: impl crate::Hooks) -> Self {
        self.opening.hooks.add(hooks);
        self
    }

    /// Opens the session.
    ///
    /// # Errors
    /// Why there is none; [`OpenError::ServiceTwice`].
    pub fn connect(mut self) -> Result<Host, OpenError> {
        self.opening.prepare()?;
        // Who started this process may do with it what it likes, as whichever user.
        self.opening.config.allow_uids = vec![self.uid];
        let link = self.opening.join(self.socket)?;
        self.opening.serve_over(&link)?;
        Ok(Host { owner: Owner::new(link) })
    }

    /// Opens the session, and blocks this thread until it is over.
    ///
    /// # Errors
    /// As [`connect`](Self::connect). The end of the session, whatever the reason, is none.
    pub fn run(self) -> Result<(), OpenError> {
        self.connect()?.join();
        Ok(())
    }

    /// As [`connect`](Self::connect), on the runtime's blocking pool.
    ///
    /// # Errors
    /// As there, and [`OpenError::NoRuntime`].
    #[cfg(feature = "tokio")]
    pub async fn connect_async(self) -> Result<Host, OpenError> {
        crate::aio::on_blocking_pool(move || self.connect()).await?
    }

    /// As [`run`](Self::run), without blocking.
    ///
    /// # Errors
    /// As there, and [`OpenError::NoRuntime`].
    #[cfg(feature = "tokio")]
    pub async fn run_async(self) -> Result<(), OpenError> {
        self.connect_async().await?.join_async().await?;
        Ok(())
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder").field("config", &self.opening.config).finish_non_exhaustive()
    }
}

/// The session with the host. It is closed when this and the clients made of it are dropped.
pub struct Host {
    owner: Arc<Owner>,
}

impl Host {
    /// A client of what the host serves to its plugins.
    ///
    /// ```no_run
    /// # #[rapace::service]
    /// # trait Journal { fn write(&self, line: &str); }
    /// let host = rapace::host()?.connect()?;
    /// let journal = host.client::<JournalClient>()?;
    /// journal.write("the plugin is there").wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The host serves no such service, or another version of it.
    pub fn client<C: Stub>(&self) -> Result<C, ConnectError> {
        let holds = Holds::session(Arc::clone(&self.owner));
        Ok(C::from_client(Client::from(Direct::new(self.owner.link(), C::service(), 0, holds)?)))
    }

    /// Blocks this thread until the session is over: the host has closed it or is gone, or this side has closed it.
    pub fn join(self) -> RecvError {
        sleep_while_open(self.owner.link())
    }

    /// As [`join`](Self::join), on the runtime's blocking pool.
    ///
    /// # Errors
    /// [`OpenError::NoRuntime`].
    #[cfg(feature = "tokio")]
    pub async fn join_async(self) -> Result<RecvError, OpenError> {
        crate::aio::on_blocking_pool(move || self.join()).await
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("peer", &self.owner.link().shared.credentials).finish_non_exhaustive()
    }
}
