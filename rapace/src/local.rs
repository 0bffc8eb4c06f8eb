//! A client and a server in one process, for tests.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::blocking::{WORKERS, Workers, serve_request, serve_session};
use crate::error::OpenError;
use crate::rpc::call_id::ONE_WAY;
use crate::rpc::client::{ClientBuilder, ConnectError};
use crate::rpc::link::{Link, Step};
use crate::rpc::method::Stub;
use crate::rpc::service::{Serve, Services};
use crate::rpc::setting::Setting;
use crate::session::{Config, PeerA, Session};

/// For generated code: a client of an implementation in this same process, on a session like any other. It is served
/// by a thread of its own until the client is gone.
///
/// # Errors
/// Why there is no session.
pub fn local<C: Stub, S: Serve>(service: S) -> Result<C, ConnectError> {
    let services = Services::new(vec![Arc::new(service)], Setting::default())?;
    let (ours, theirs) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
    let serving = move || {
        // If it fails, the other end learns it.
        if let Ok(session) = Session::<PeerA>::over_with(theirs, &Config::default(), services.catalogue()) {
            serve(&Link::new(session, Some(Arc::clone(&services))), &services);
        }
    };
    std::thread::Builder::new()
        .name("rapace-local".into())
        .spawn(serving)
        .map_err(OpenError::io("starting a thread"))?;
    ClientBuilder::new().over(ours)
}

/// In a tokio runtime of its own, if there is tokio: an async handler may want one.
fn serve(link: &Arc<Link>, services: &Arc<Services>) {
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        return runtime.block_on(crate::aio::serve_session(link, services));
    }
    serve_session(link, services, &Workers::new(WORKERS));
}

/// For counting instructions: a client whose server runs on the client's own thread, a request whenever it would wait; and what
/// runs one when there is one.
///
/// # Errors
/// Why there is no session.
pub fn stepped<C: Stub + Send + 'static, S: Serve>(service: S) -> Result<(C, impl Fn()), ConnectError> {
    let services = Services::new(vec![Arc::new(service)], Setting::default())?;
    let (ours, theirs) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
    let client = std::thread::Builder::new()
        .spawn(move || ClientBuilder::new().over(ours))
        .map_err(OpenError::io("starting a thread"))?;
    let session = Session::<PeerA>::over_with(theirs, &Config::default(), services.catalogue())?;
    let link = Link::new(session, Some(Arc::clone(&services)));
    let client: C = client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let workers = Workers::new(0);
    let step = Step::new(move || {
        let mut arrived = None;
        if link.request(&mut arrived) {
            serve_request(&link, &services, &workers, &mut arrived);
            if arrived.as_ref().is_some_and(|handled| handled.call == ONE_WAY) {
                link.lock().finish_one_way();
            }
        }
    });
    let theirs = client.client().direct().ok().map(|direct| Arc::clone(direct.link()));
    if let Some(link) = &theirs {
        // The link is new, so there is none yet.
        let _ = link.instead_of_waiting.set(step);
    }
    let run = move || theirs.iter().flat_map(|link| link.instead_of_waiting.get()).for_each(Step::run);
    Ok((client, run))
}
