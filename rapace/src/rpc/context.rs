//! What a handler can know of the call that it serves.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call_id::CallId;
use super::client::{Client, ConnectError};
use super::link::Link;
use super::method::Stub;
use crate::os::Credentials;

/// The call that a handler serves: who makes it, how much time is left, and whether it is still wanted.
///
/// A method of a service has it as a parameter `&rapace::Context`, anywhere in its list; callers do not see it.
///
/// ```
/// #[rapace::service]
/// trait Renderer {
///     fn render(&self, cx: &rapace::Context, frames: u32) -> u32;
/// }
///
/// struct Slow;
/// impl Renderer for Slow {
///     fn render(&self, cx: &rapace::Context, frames: u32) -> u32 {
///         // Work that nobody waits for any more is not gone on with.
///         (0..frames).take_while(|_| !cx.is_cancelled()).count() as u32
///     }
/// }
/// let client = RendererClient::local(Slow)?;
/// assert_eq!(client.render(3).wait()?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Context {
    link: Arc<Link>,
    call: CallId,
    deadline: Option<Instant>,
}

impl Context {
    pub(crate) fn new(link: &Arc<Link>, call: CallId, deadline: Option<Instant>) -> Self {
        Self { link: Arc::clone(link), call, deadline }
    }

    /// Who the caller is, by the kernel's word.
    pub fn peer(&self) -> Credentials {
        self.link.shared.credentials
    }

    /// A client of what the caller serves: for calling back, while the call is handled or later.
    ///
    /// What is called back while the caller waits for this call is handled by the thread that waits, and may call this side
    /// in turn, [`Limits::nesting_max`](crate::Limits::nesting_max) deep.
    ///
    /// # Errors
    /// [`ConnectError::NoService`] when the caller does not serve this, [`ConnectError::Incompatible`] when it means something
    /// else by it.
    #[inline]
    pub fn client<C: Stub>(&self) -> Result<C, ConnectError> {
        Client::of_peer(&self.link, C::service(), self.call.0).map(C::from_client)
    }

    /// The value of this type that the server was given for all its clients, or for this one:
    /// [`Server::extension`](crate::Server::extension), [`Server::on_session`](crate::Server::on_session).
    ///
    /// ```
    /// use rapace::{Context, Credentials, Extensions};
    ///
    /// #[rapace::service]
    /// trait Files {
    ///     fn quota(&self, cx: &Context) -> u64;
    /// }
    ///
    /// /// Bytes that a user may have.
    /// struct Quota(u64);
    ///
    /// struct Disk;
    /// impl Files for Disk {
    ///     fn quota(&self, cx: &Context) -> u64 {
    ///         cx.extension::<Quota>().map_or(0, |quota| quota.0)
    ///     }
    /// }
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("files.sock");
    /// let quota = |peer: &Credentials, extensions: &mut Extensions| {
    ///     extensions.insert(Quota(if peer.uid == 0 { u64::MAX } else { 1 << 30 }));
    /// };
    /// let server = rapace::Server::new(FilesServer::new(Disk)).on_session(quota).bind(&path)?;
    /// assert!(FilesClient::connect(&path)?.quota().wait()? >= 1 << 30);
    /// # server.shut_down();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.link.extensions.get()?.get()
    }

    /// When the caller stops waiting, by this process's clock, if it set a deadline that is at most 71 minutes away: one beyond that
    /// does not travel.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the caller still waits, if it set a deadline; zero when it is past.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether nobody waits for the call any more: it was cancelled, its deadline is past, or the caller is gone. Looks
    /// at what the caller sent until now, so a handler that works long asks from time to time.
    pub fn is_cancelled(&self) -> bool {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return true;
        }
        let mut core = self.link.lock();
        core.pump(None);
        core.check_end();
        core.is_cancelled(self.call)
    }
}

/// How generated code makes sure that a parameter named `Context` is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Context`, but is not `rapace::Context`",
    note = "a parameter `&rapace::Context` tells a method of its call; give another type another name, or pass it by value"
)]
pub trait IsContext {
    /// The context as this type.
    fn of(context: &Context) -> &Self;
}

impl IsContext for Context {
    fn of(context: &Context) -> &Self {
        context
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("peer", &self.peer()).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
