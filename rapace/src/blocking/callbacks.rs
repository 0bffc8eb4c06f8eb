//! Clients that serve: what the server calls back is handled by a thread of theirs, or by the thread that waits for the call
//! that is being served.

use std::sync::Arc;

use super::{WORKERS, Workers, serve_session};
use crate::error::OpenError;
use crate::rpc::client::ClientBuilder;
use crate::rpc::link::Link;
use crate::rpc::method::Stub;
use crate::rpc::router::ServableOnThreads;
use crate::rpc::service::Services;

impl<C: Stub> ClientBuilder<C> {
    /// Serves the server in turn: its handlers can call this implementation back, by
    /// [`Context::client`](crate::Context::client). A call that is made in the handler of a call of this client is handled by
    /// the thread that waits for that call; all others by a thread that is there for them as long as the client is.
    ///
    /// ```
    /// #[rapace::service]
    /// trait Work {
    ///     fn run(&self, cx: &rapace::Context, steps: u32) -> u32;
    /// }
    /// #[rapace::service]
    /// trait Progress {
    ///     fn done(&self, step: u32) -> bool;
    /// }
    ///
    /// struct Worker;
    /// impl Work for Worker {
    ///     fn run(&self, cx: &rapace::Context, steps: u32) -> u32 {
    ///         let Ok(progress) = cx.client::<ProgressClient>() else { return 0 };
    ///         (1..=steps).take_while(|step| progress.done(*step).wait() == Ok(true)).count() as u32
    ///     }
    /// }
    ///
    /// struct UpToThree;
    /// impl Progress for UpToThree {
    ///     fn done(&self, step: u32) -> bool {
    ///         step <= 3
    ///     }
    /// }
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("work.sock");
    /// let server = rapace::Server::new(WorkServer::new(Worker)).bind(&path)?;
    /// let work = WorkClient::builder().serve(ProgressServer::new(UpToThree)).connect(&path)?;
    /// assert_eq!(work.run(10).wait()?, 3);
    /// # server.shut_down();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn serve(self, service: impl ServableOnThreads) -> Self {
        self.serving(service.into_services(), serve_in_thread)
    }
}

/// Serves the other side of a link in a thread of its own.
pub(crate) fn serve_in_thread(link: &Arc<Link>, services: &Arc<Services>) -> Result<(), OpenError> {
    let (link, services) = (Arc::clone(link), Arc::clone(services));
    std::thread::Builder::new()
        .name("rapace-callbacks".into())
        .spawn(move || serve_session(&link, &services, &Workers::new(WORKERS)))
        .map_err(OpenError::io("starting a thread"))?;
    Ok(())
}
