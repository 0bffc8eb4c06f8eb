//! A service that is not for everybody.

use std::fmt;

use super::request::{Handled, Request};
use super::service::{Serve, ServeOnThreads, Service};
use crate::os::Credentials;

/// A service whose methods are for those callers alone of whom a function says so.
///
/// It is asked before each call, with who the caller is by the kernel's word, and the method's name on the wire. What it
/// refuses ends at once with [`RpcError::PermissionDenied`](crate::RpcError::PermissionDenied): nothing of the arguments is
/// looked at, and no worker is waited for. A guard that panics refuses. It runs on the thread, or in the task, of its
/// client's session, and should be quick.
///
/// Of a socket that a child inherited, the kernel names the process that made it.
///
/// Connecting is not refused: what a server serves, and the signatures of its methods, everybody may know who can connect at
/// all. [`Config::allow_uids`](crate::Config::allow_uids) says who can.
///
/// ```
/// use rapace::{Guarded, RpcError};
///
/// #[rapace::service]
/// trait Vault {
///     fn count(&self) -> u32;
///     fn empty(&self) -> u32;
/// }
///
/// struct Bank;
/// impl Vault for Bank {
///     fn count(&self) -> u32 {
///         3
///     }
///     fn empty(&self) -> u32 {
///         0
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("vault.sock");
/// # let nobody = u32::MAX;
/// // Everybody may count; only one user may empty it.
/// let guard = move |peer: &rapace::Credentials, method: &str| method == "count" || peer.uid == nobody;
/// let server = rapace::Server::new(Guarded::new(VaultServer::new(Bank), guard)).bind(&path)?;
///
/// let vault = VaultClient::connect(&path)?;
/// assert_eq!(vault.count().wait()?, 3);
/// assert_eq!(vault.empty().wait(), Err(RpcError::PermissionDenied("Vault.empty".into())));
/// # server.shut_down();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Guarded<S> {
    service: S,
    guard: Box<Guard>,
}

/// Whether this peer may call the method of this name.
type Guard = dyn Fn(&Credentials, &str) -> bool + Send + Sync;

impl<S> Guarded<S> {
    /// `service`, for those callers and methods of which `guard` says so.
    pub fn new(service: S, guard: impl Fn(&Credentials, &str) -> bool + Send + Sync + 'static) -> Self {
        Self { service, guard: Box::new(guard) }
    }
}

impl<S: Serve> Serve for Guarded<S> {
    fn service(&self) -> &'static Service {
        self.service.service()
    }

    fn call(&self, method: usize, request: Request<'_>) -> Handled {
        self.service.call(method, request)
    }

    fn is_guarded(&self) -> bool {
        true
    }

    fn admits(&self, peer: &Credentials, method: &'static str) -> bool {
        (self.guard)(peer, method) && self.service.admits(peer, method)
    }
}

#[diagnostic::do_not_recommend]
impl<S: ServeOnThreads> ServeOnThreads for Guarded<S> {}

impl<S: fmt::Debug> fmt::Debug for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.service).finish()
    }
}
