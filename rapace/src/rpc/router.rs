//! What can be served together: one service, or a router of several.

use std::fmt;
use std::sync::Arc;

use super::guarded::Guarded;
use super::service::{Serve, ServeOnThreads};
use crate::os::Credentials;

/// What a program can serve: the generated server of a trait, a [`Guarded`] one, or a router of several.
///
/// Nobody else need implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    note = "pass the generated server, as in `CalculatorServer::new(implementation)`, or a router of several"
)]
pub trait Servable {
    #[doc(hidden)]
    fn into_services(self) -> Vec<Arc<dyn Serve>>;
}

impl<S: Serve> Servable for S {
    fn into_services(self) -> Vec<Arc<dyn Serve>> {
        vec![Arc::new(self)]
    }
}

/// What a program can serve on threads: none of its methods is an async one.
///
/// Nobody else need implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served on threads",
    note = "pass the generated server, as in `CalculatorServer::new(implementation)`; if a method is `async`, serve it in a tokio runtime: with `rapace::aio::serve`, at a client with `ClientBuilder::serve_async`"
)]
pub trait ServableOnThreads: Servable {}

impl<S: ServeOnThreads> ServableOnThreads for S {}

/// Several services on one path and in one session, whose methods are all sync ones. `rapace::aio::Router` takes async
/// ones, too.
///
/// A client connects to one of them, and may have clients of others [on the same session](crate::Client::client).
///
/// ```
/// #[rapace::service]
/// trait Calculator {
///     fn add(&self, a: i32, b: i32) -> i32;
/// }
/// #[rapace::service]
/// trait Greeter {
///     fn greet(&self, name: &str) -> String;
/// }
///
/// struct Office;
/// impl Calculator for Office {
///     fn add(&self, a: i32, b: i32) -> i32 {
///         a + b
///     }
/// }
/// impl Greeter for Office {
///     fn greet(&self, name: &str) -> String {
///         format!("hello, {name}")
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("office.sock");
/// let router = rapace::Router::new().add(CalculatorServer::new(Office)).add(GreeterServer::new(Office));
/// let server = rapace::Server::new(router).bind(&path)?;
///
/// let calculator = CalculatorClient::connect(&path)?;
/// let greeter = calculator.session().client::<GreeterClient>()?;
/// assert_eq!(calculator.add(1, 2).wait()?, 3);
/// assert_eq!(greeter.greet("Ada").wait()?, "hello, Ada");
/// # server.shut_down();
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

    /// With this service, too, or with all of another router. That no two have the same name is checked when the server
    /// begins to listen.
    #[expect(clippy::should_implement_trait, reason = "it adds no numbers, and nobody will take it for that")]
    pub fn add(mut self, service: impl ServableOnThreads) -> Self {
        self.services.extend(service.into_services());
        self
    }

    /// As [`add`](Self::add), for those callers and methods of which `guard` says so; see [`Guarded`].
    pub fn add_guarded<S: ServeOnThreads>(
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

impl ServableOnThreads for Router {}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.services.iter().map(|served| served.service())).finish()
    }
}
