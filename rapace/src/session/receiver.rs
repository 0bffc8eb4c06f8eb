//! The receiving half of a session.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::Control;
use super::inbox::Inbox;
use super::outbox::Patience;
use super::payload::Inbound;
use super::role::{OneAtATime, Role};
use crate::error::RecvError;

/// The receiving half of a session: of a [`PeerA`](super::PeerA) it reads the B→A ring, of a [`PeerB`](super::PeerB) the
/// A→B ring.
///
/// It can go to another thread, but only one thread uses it at a time. Dropping it tells the peer that nothing more is
/// received.
pub struct Receiver<R: Role> {
    pub(crate) inbox: Inbox,
    role: OneAtATime<R>,
}

impl<R: Role> Receiver<R> {
    pub(crate) fn new(inbox: Inbox) -> Self {
        Self { inbox, role: PhantomData }
    }

    pub(crate) fn into_inbox(self) -> Inbox {
        self.inbox
    }

    /// Receives the next message, waiting as long as the peer lives.
    ///
    /// The descriptor is checked in every field before anything of it is believed.
    ///
    /// # Errors
    /// [`RecvError::Closed`] and [`Lost::PeerDied`](crate::Lost::PeerDied) come only after everything that was published
    /// before was received; the other reasons of [`RecvError::Lost`] at once.
    #[inline]
    pub fn recv(&mut self) -> Result<Inbound, RecvError> {
        self.inbox.recv(Patience::Forever)
    }

    /// Receives the next message if it is there.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`RecvError::Empty`].
    pub fn try_recv(&mut self) -> Result<Inbound, RecvError> {
        self.inbox.recv(Patience::Try)
    }

    /// Receives the next message, waiting up to `timeout`.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`RecvError::Timeout`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Inbound, RecvError> {
        self.inbox.recv(Patience::timeout(timeout))
    }

    /// As [`Session::control`](super::Session::control).
    pub fn control(&self) -> Control {
        Control { shared: Arc::clone(&self.inbox.shared) }
    }

    /// Stops receiving: the peer's sends end with an error. Dropping does the same.
    pub fn close(self) {}
}

impl<R: Role> fmt::Debug for Receiver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("role", &R::NAME).field("next", &self.inbox.next()).finish()
    }
}
