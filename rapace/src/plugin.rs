//! Plugins: processes that a host starts, calls, is called by, and starts again when they die.
//!
//! ```text
//! host                                       plugin
//! Plugin::spawn ─socketpair, fork, exec────► rapace::host() ─hello─► one session, as any other
//! supervisor ◄─── pidfd, hang-up, stderr ─── ends, is killed, breaks the protocol, hangs
//! ```

mod children;
mod host;
mod stderr;

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

pub use host::{Host, HostBuilder, host};

use crate::blocking::serve_in_thread;
use crate::rpc::client::{Client, ConnectError};
use crate::rpc::lasting::Lasting;
use crate::rpc::method::Stub;
use crate::rpc::opening::Opening;
use crate::rpc::router::ServableOnThreads;
use crate::rpc::standing::{Keeper, Stop};
use crate::rpc::supervision::{Event, Exit, Retry, Supervision};
use crate::rpc::supervisor::{Listeners, Orders, supervise};
use crate::session::Config;
use children::Children;
use stderr::Lines;

/// In which a host says which descriptor is its plugin's end of the session: its number, and its inode by which it is known
/// not to be another one.
const HOST: &str = "RAPACE_HOST";

/// A program that this one has started, with a session to it: the host of it. Dropping it kills it.
///
/// The program calls [`host`](crate::host), and both can serve and call. Nothing of it lies in the file system. How
/// it ends is told, with its last words; it is started again if [`PluginBuilder::restart`] says so, and the clients of it
/// then call the new process.
///
/// ```no_run
/// use std::process::Command;
///
/// #[rapace::service]
/// trait Filter {
///     fn apply(&self, line: &str) -> String;
/// }
///
/// let plugin = rapace::Plugin::spawn(Command::new("./upper"))?;
/// let filter = plugin.client::<FilterClient>()?;
/// println!("{}", filter.apply("hello").wait()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A program that is not trusted runs with [`Limits::hostile`](crate::Limits::hostile), and what it may do besides calling is
/// for the command to say: another user, a sandbox.
pub struct Plugin {
    keeper: Arc<Keeper>,
}

impl Plugin {
    /// Starts a program as a plugin, and waits until it has opened its session.
    ///
    /// # Errors
    /// [`OpenError::Spawn`](crate::OpenError::Spawn), [`OpenError::PluginEnded`](crate::OpenError::PluginEnded) with its last
    /// words, [`OpenError::PluginSilent`](crate::OpenError::PluginSilent), or why there is no session.
    pub fn spawn(command: Command) -> Result<Self, ConnectError> {
        Self::builder().spawn(command)
    }

    /// As [`spawn`](Self::spawn), on the runtime's blocking pool.
    ///
    /// # Errors
    /// As there, and [`OpenError::NoRuntime`](crate::OpenError::NoRuntime).
    #[cfg(feature = "tokio")]
    pub async fn spawn_async(command: Command) -> Result<Self, ConnectError> {
        Self::builder().spawn_async(command).await
    }

    /// Starts a program with other settings than the usual ones.
    pub fn builder() -> PluginBuilder {
        PluginBuilder {
            opening: Opening::default(),
            start_time: Duration::from_secs(10),
            retry: Retry::limited(0),
            listeners: Listeners::default(),
            hang_max: None,
            die_with_host: false,
            lines: Some(Lines::PassedOn),
        }
    }

    /// A client of what the plugin serves. It stays one when the plugin is started again: calls that were lost with the old
    /// process are made again as [`ClientBuilder::reconnect`](crate::ClientBuilder::reconnect) says.
    ///
    /// # Errors
    /// The process that runs now serves no such service, or another version of it.
    pub fn client<C: Stub>(&self) -> Result<C, ConnectError> {
        let lasting = Lasting::new(Arc::clone(&self.keeper.standing), None, C::service());
        lasting.check()?;
        Ok(C::from_client(Client::lasting(lasting, None)))
    }

    /// How things are with it.
    pub fn supervision(&self) -> Supervision {
        self.keeper.standing.supervision()
    }

    /// The process that runs now, if it has opened its session.
    pub fn pid(&self) -> Option<u32> {
        let owner = self.keeper.standing.owner()?;
        u32::try_from(owner.link().shared.credentials.pid).ok()
    }

    /// Closes the session, which ends a plugin that is well written, and kills it when it runs on after `grace`. Calls that
    /// are not answered end with [`RpcError::Closed`](crate::RpcError::Closed). How its process ended, if one ran.
    pub fn shut_down(self, grace: Duration) -> Option<Exit> {
        let had_process = self.keeper.standing.owner().is_some();
        self.keeper.stop(Stop::Within(grace));
        self.supervision().last_end.filter(|_| had_process)?.exit
    }

    /// As [`shut_down`](Self::shut_down), on the runtime's blocking pool.
    ///
    /// # Errors
    /// [`OpenError::NoRuntime`](crate::OpenError::NoRuntime).
    #[cfg(feature = "tokio")]
    pub async fn shut_down_async(self, grace: Duration) -> Result<Option<Exit>, crate::OpenError> {
        crate::aio::on_blocking_pool(move || self.shut_down(grace)).await
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.keeper.stop(Stop::AtOnce);
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("pid", &self.pid()).finish_non_exhaustive()
    }
}

/// How a plugin is started.
///
/// ```no_run
/// use std::process::Command;
/// use std::time::Duration;
/// use rapace::{Config, Limits, Plugin, Retry};
///
/// let mut config = Config::default();
/// config.limits = Limits::hostile();
/// let plugin = Plugin::builder()
///     .config(config)
///     .restart(Retry::limited(5))
///     .kill_unresponsive_after(Duration::from_secs(5))
///     .on_event(|event| eprintln!("filter: {event}"))
///     .spawn(Command::new("./filter"))?;
/// # Ok::<(), rapace::ConnectError>(())
/// ```
#[must_use = "a builder does nothing until it spawns"]
pub struct PluginBuilder {
    opening: Opening,
    start_time: Duration,
    retry: Retry,
    listeners: Listeners,
    hang_max: Option<Duration>,
    die_with_host: bool,
    lines: Option<Lines>,
}

impl PluginBuilder {
    /// Serves the plugin: one service, or the several of a [`Router`](crate::Router). What it calls is handled by a thread
    /// that is there for it; what it calls within the handler of a call of this side, by the thread that waits for that call.
    pub fn serve(mut self, service: impl ServableOnThreads) -> Self {
        self.opening.serve(service.into_services(), serve_in_thread);
        self
    }

    /// As [`serve`](Self::serve), by a task of the runtime in which the plugin is started: for services with async methods.
    #[cfg(feature = "tokio")]
    pub fn serve_async(mut self, service: impl crate::Servable) -> Self {
        self.opening.serve(service.into_services(), crate::aio::serve_in_task);
        self
    }

    /// The shape of the session, limits, waiting.
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

    /// Starts the program again when its process ends, breaks the protocol, or closes the session. Without it the plugin
    /// runs once.
    pub fn restart(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How long the program has to open its session, from its start: 10 s by default.
    pub fn start_time(mut self, longest: Duration) -> Self {
        self.start_time = longest;
        self
    }

    /// Kills the process when it has made no step for so long though something waits for it, as one does that is stopped or
    /// whose handler is stuck. A hang is noticed after [`Limits::hang_after`](crate::Limits::hang_after), so none is killed before
    /// that.
    pub fn kill_unresponsive_after(mut self, longest: Duration) -> Self {
        self.hang_max = Some(longest);
        self
    }

    /// Has the system kill the process when this one ends, however that happens. Without it, the end of the session is what
    /// a plugin sees, and one that hangs runs on. Linux only; a process that gains privileges when it starts is not killed.
    pub fn die_with_host(mut self) -> Self {
        self.die_with_host = true;
        self
    }

    /// What the process writes to its standard error is given to this, line by line, instead of being passed on to the
    /// standard error of this process. In both cases the last lines are told with its [end](Exit::stderr).
    pub fn stderr(mut self, tell: impl Fn(&str) + Send + 'static) -> Self {
        self.lines = Some(Lines::Told(Box::new(tell)));
        self
    }

    /// Leaves the standard error of the process as the command says. It is not told with its end.
    pub fn leave_stderr(mut self) -> Self {
        self.lines = None;
        self
    }

    /// Who is told what happens. To see whether the plugin hangs, the thread that watches over it then wakes up twice in
    /// each [`Limits::hang_after`](crate::Limits::hang_after).
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + 'static) -> Self {
        self.listeners.add(listener);
        self
    }

    /// Starts the program, and waits until it has opened its session.
    ///
    /// # Errors
    /// As [`Plugin::spawn`], and [`OpenError::ServiceTwice`](crate::OpenError::ServiceTwice).
    pub fn spawn(mut self, command: Command) -> Result<Plugin, ConnectError> {
        self.opening.prepare()?;
        let Self { opening, start_time, retry, listeners, hang_max, die_with_host, lines } = self;
        let children = Children::new(command, opening, start_time, lines, die_with_host);
        let orders = Orders { retry, listeners, wait_for_first: Duration::ZERO, hang_max };
        Ok(Plugin { keeper: supervise(children, orders)? })
    }

    /// As [`spawn`](Self::spawn), on the runtime's blocking pool.
    ///
    /// # Errors
    /// As there, and [`OpenError::NoRuntime`](crate::OpenError::NoRuntime).
    #[cfg(feature = "tokio")]
    pub async fn spawn_async(self, command: Command) -> Result<Plugin, ConnectError> {
        crate::aio::on_blocking_pool(move || self.spawn(command)).await?
    }
}

impl fmt::Debug for PluginBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginBuilder")
            .field("config", &self.opening.config)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
