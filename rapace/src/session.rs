//! A live pairing of two processes over a shared segment: messages with a head and a payload, in order, each at most
//! once, in both directions.
//!
//! The types say who may do what: a [`Session<PeerA>`] writes the A→B ring and reads the B→A ring, a
//! [`Session<PeerB>`] the other way round. Taking the wrong side of a ring does not compile:
//!
//! ```compile_fail,E0599
//! use rapace::{Head, PeerB, Session};
//!
//! fn misuse(client: &mut Session<PeerB>) {
//!     client.a_to_b().send(Head::message(1), b"PeerB reads this ring, it cannot write it");
//! }
//! ```
//!
//! ```text
//! Session   (none) ─offer/join─► Attaching ─both ready─► Open ─close, drop─► Closed
//!                                    │ timeout, refusal     │ hang-up, violation
//!                                    └─► OpenError          └─► Lost: what was published is delivered, then the reason
//! ```
//!
//! Users never see Attaching: [`Incoming::open`] and [`Session::connect`] return an open session or an error. A session
//! is never resumed; reconnecting is opening another one.

mod config;
mod handshake;
mod inbox;
mod inspector;
mod liveness;
mod outbox;
mod payload;
mod place;
mod receiver;
mod rendezvous;
mod role;
mod sender;
pub(crate) mod shared;
mod stats;
pub(crate) mod waiting;
mod watcher;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use config::{Config, Spin};
pub(crate) use inbox::Inbox;
#[cfg(feature = "tokio")]
pub(crate) use inbox::Received;
pub use inspector::Inspector;
pub use liveness::PeerState;
pub(crate) use outbox::{Outbox, Sending, Stall};
pub use payload::{Inbound, Payload, Route};
pub use place::runtime_dir;
pub use receiver::Receiver;
pub(crate) use rendezvous::{EXHAUSTED_PAUSE, is_connected_stream, is_exhausted};
pub use rendezvous::{Incoming, Listener, inherited, pair, pair_with};
pub use role::{PeerA, PeerB, Role};
pub use sender::Sender;
pub use stats::{Counts, HeldSlot, Stats};
pub use writer::{OutboundPayload, SlotWriter};

use crate::error::{Lost, RecvError, SendError};
use crate::lane::{RecvLane, SendLane};
use crate::layout::head::Head;
use crate::os::Credentials;
use crate::slots::bytes::Area;
use shared::{Opened, Shared};

/// An open session of role `R`: a [`Sender`], a [`Receiver`], and what is known of the peer.
pub struct Session<R: Role> {
    sender: Sender<R>,
    receiver: Receiver<R>,
}

impl<R: Role> Session<R> {
    pub(crate) fn start(opened: Opened, area: Area, config: &Config) -> Self {
        let send = SendLane::new(&opened.own, &opened.peer, area);
        let recv = RecvLane::new(&opened.own, &opened.peer, &config.limits);
        let shared = Arc::new(Shared::new(opened, config));
        Self {
            sender: Sender::new(Outbox::new(Arc::clone(&shared), send)),
            receiver: Receiver::new(Inbox::new(shared, recv)),
        }
    }

    /// The two halves, for two threads.
    ///
    /// ```
    /// use rapace::Head;
    ///
    /// let (a, mut b) = rapace::session::pair()?;
    /// let (mut tx, mut rx) = a.split();
    /// let receiving = std::thread::spawn(move || rx.recv().map(|message| message.len()));
    /// tx.send(Head::message(1), b"ping")?;
    /// b.recv()?;
    /// b.send(Head::message(1), b"pong!")?;
    /// assert_eq!(receiving.join().unwrap()?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(self) -> (Sender<R>, Receiver<R>) {
        (self.sender, self.receiver)
    }

    /// Both ends without their roles.
    pub(crate) fn into_ends(self) -> (Outbox, Inbox) {
        (self.sender.outbox, self.receiver.into_inbox())
    }

    /// A handle by which other threads can ask for the peer's state and end the session.
    pub fn control(&self) -> Control {
        self.sender.control()
    }

    /// The sending half.
    pub fn sender(&mut self) -> &mut Sender<R> {
        &mut self.sender
    }

    /// The receiving half.
    pub fn receiver(&mut self) -> &mut Receiver<R> {
        &mut self.receiver
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn send(&mut self, head: Head, payload: &[u8]) -> Result<(), SendError> {
        self.sender.send(head, payload)
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    /// As there.
    pub fn try_send(&mut self, head: Head, payload: &[u8]) -> Result<(), SendError> {
        self.sender.try_send(head, payload)
    }

    /// As [`Sender::send_timeout`].
    ///
    /// # Errors
    /// As there.
    pub fn send_timeout(&mut self, head: Head, payload: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.sender.send_timeout(head, payload, timeout)
    }

    /// As [`Sender::send_batch`].
    ///
    /// # Errors
    /// As there.
    pub fn send_batch(&mut self, messages: &[(Head, &[u8])]) -> Result<(), SendError> {
        self.sender.send_batch(messages)
    }

    /// As [`Sender::alloc`].
    ///
    /// # Errors
    /// As there.
    pub fn alloc(&mut self, len: usize) -> Result<SlotWriter<'_, R>, SendError> {
        self.sender.alloc(len)
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn recv(&mut self) -> Result<Inbound, RecvError> {
        self.receiver.recv()
    }

    /// As [`Receiver::try_recv`].
    ///
    /// # Errors
    /// As there.
    pub fn try_recv(&mut self) -> Result<Inbound, RecvError> {
        self.receiver.try_recv()
    }

    /// As [`Receiver::recv_timeout`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Inbound, RecvError> {
        self.receiver.recv_timeout(timeout)
    }

    /// Closes the session: the peer receives everything that was sent, and then that it is closed. Dropping does the
    /// same.
    pub fn close(self) {}

    /// Whether the peer lives, as far as the kernel knows. See [`peer_state`](Self::peer_state).
    pub fn is_peer_alive(&self) -> bool {
        self.control().is_peer_alive()
    }

    /// What is known of the peer now.
    pub fn peer_state(&self) -> PeerState {
        self.sender.outbox.shared.peer_state()
    }

    /// How many steps the peer has made. Only says that it runs; no time can be read from it.
    pub fn peer_heartbeat(&self) -> u64 {
        self.control().peer_heartbeat()
    }

    /// How many steps this side has made.
    pub fn heartbeat(&self) -> u64 {
        self.control().heartbeat()
    }

    /// What both sides have counted, and which slots of the peer this one holds.
    pub fn stats(&self) -> Stats {
        self.receiver.inbox.stats(self.sender.outbox.published())
    }

    /// Who the peer is, by the kernel's word.
    pub fn credentials(&self) -> Credentials {
        self.sender.outbox.shared.credentials
    }
}

impl Session<PeerA> {
    /// The A→B ring, which this side writes.
    pub fn a_to_b(&mut self) -> &mut Sender<PeerA> {
        &mut self.sender
    }

    /// The B→A ring, which this side reads.
    pub fn b_to_a(&mut self) -> &mut Receiver<PeerA> {
        &mut self.receiver
    }
}

impl Session<PeerB> {
    /// The B→A ring, which this side writes.
    pub fn b_to_a(&mut self) -> &mut Sender<PeerB> {
        &mut self.sender
    }

    /// The A→B ring, which this side reads.
    pub fn a_to_b(&mut self) -> &mut Receiver<PeerB> {
        &mut self.receiver
    }
}

impl<R: Role> fmt::Debug for Session<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("role", &R::NAME).field("peer", &self.credentials()).finish_non_exhaustive()
    }
}

/// Asks for the peer's state and ends the session, from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    pub(crate) shared: Arc<Shared>,
}

impl Control {
    /// Ends the session now. Whoever waits in it gets [`Lost::ClosedHere`]; the peer receives what was published and then
    /// that it is closed.
    pub fn shut_down(&self) {
        if !self.shared.is_forked() {
            self.shared.close_both();
            self.shared.fail(Lost::ClosedHere);
        }
    }

    /// As [`Session::is_peer_alive`].
    pub fn is_peer_alive(&self) -> bool {
        matches!(self.peer_state(), PeerState::Alive | PeerState::Unresponsive { .. })
    }

    /// As [`Session::peer_state`].
    pub fn peer_state(&self) -> PeerState {
        self.shared.peer_state()
    }

    /// As [`Session::peer_heartbeat`]; zero in a fork of the session's process.
    pub fn peer_heartbeat(&self) -> u64 {
        // Relaxed: a number to be looked at.
        if self.shared.is_forked() { 0 } else { self.shared.peer.words().heartbeat.load(Ordering::Relaxed) }
    }

    /// As [`Session::heartbeat`]; zero in a fork of the session's process.
    pub fn heartbeat(&self) -> u64 {
        if self.shared.is_forked() { 0 } else { self.shared.own.words().heartbeat.load(Ordering::Relaxed) }
    }
}
