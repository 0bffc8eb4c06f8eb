//! Several services together, some of whose methods are async ones.

use std::fmt;
use std::sync::Arc;

use crate::os::Credentials;
use crate::rpc::guarded::Guarded;
use crate::rpc::router::Servable;
use crate::rpc::service::Serve;

/// As [`rapace::Router`](crate::Router), of services that are served in tasks: their methods may be async ones.
///
/// ```
/// #[rapace::service]
/// trait Greeter {
///     async fn greet(&self, name: &str) -> String;
/// }
/// #[rapace::service]
/// trait Clock {
///     fn ticks(&self) -> u64;
/// }
///
/// struct Office;
/// impl Greeter for Office {
///     async fn greet(&self, name: &str) -> String {
///         format!("hello, {name}")
///     }
/// }
/// impl Clock for Office {
///     fn ticks(&self) -> u64 {
///         7
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("office.sock");
/// let router = rapace::aio::Router::new().add(GreeterServer::new(Office)).add(ClockServer::new(Office));
/// let server = rapace::aio::Server::new(router).bind(&path)?;
///
/// let greeter = GreeterClient::connect_async(&path).await?;
/// let clock = greeter.session().client::<ClockClient>()?;
/// assert_eq!((greeter.greet("Ada").await?, clock.ticks().await?), ("hello, Ada".into(), 7));
/// # server.shut_down();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use = "a router does nothing until it is served"]
pub struct Router {
    services: Vec<Arc<dyn Serve>>,
}

impl Router {
    /// A router without services.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`rapace::Router::add`](crate::Router::add).
    #[expect(clippy::should_implement_trait, reason = "it adds no numbers, and nobody will take it for that")]
    pub fn add(mut self, service: impl Servable) -> Self {
        self.services.extend(service.into_services());
        self
    }

    /// As [`rapace::Router::add_guarded`](crate::Router::add_guarded).
    pub fn add_guarded<S: Serve>(
        self,
        service: S,
        guard: impl Fn(&Credentials, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.add(Guarded::new(service, guard))
    }
}

impl Servable for Router {
    fn into_services(self) -> Vec<Arc<dyn Serve>> {
        self.services
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.services.iter().map(|served| served.service())).finish()
    }
}
