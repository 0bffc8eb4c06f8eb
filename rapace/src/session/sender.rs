//! The sending half of a session.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::Control;
use super::outbox::{Outbox, Patience};
use super::role::{OneAtATime, Role};
use super::writer::{Room, SlotWriter};
use crate::error::SendError;
use crate::lane::Outgoing;
use crate::layout::INLINE_MAX;
use crate::layout::head::Head;

/// The sending half of a session: of a [`PeerA`](super::PeerA) it writes the A→B ring, of a [`PeerB`](super::PeerB) the
/// B→A ring.
///
/// It can go to another thread, but only one thread uses it at a time. Dropping it closes this direction: the peer
/// receives what was sent, and then that it is closed.
pub struct Sender<R: Role> {
    pub(crate) outbox: Outbox,
    role: OneAtATime<R>,
}

impl<R: Role> Sender<R> {
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { outbox, role: PhantomData }
    }

    /// Sends a message, waiting for room as long as the peer lives.
    ///
    /// There is room for as many messages as the ring has entries, and for as many large ones as there are slots. Two
    /// sides that both only send wait for each other: receive in between, use two threads, or
    /// [`send_timeout`](Self::send_timeout).
    ///
    /// Up to 24 bytes travel in the descriptor, more in a slot, more than the largest slot in fragments that the other
    /// side sees as one message.
    ///
    /// # Errors
    /// [`SendError::TooLarge`], [`SendError::Length`], [`SendError::Closed`] or [`SendError::Lost`].
    #[inline]
    pub fn send(&mut self, head: Head, payload: &[u8]) -> Result<(), SendError> {
        self.outbox.send_bytes(head, payload, Patience::Forever)
    }

    /// Sends a message if there is room for all of it now.
    ///
    /// Of one that is sent in fragments as much is sent as there is room for, and given up when that is not all: worth
    /// trying only for messages that are small against the slots.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::Full`].
    #[inline]
    pub fn try_send(&mut self, head: Head, payload: &[u8]) -> Result<(), SendError> {
        self.outbox.send_bytes(head, payload, Patience::Try)
    }

    /// Sends a message, waiting for room up to `timeout`.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::Timeout`]; then the peer sees nothing of the message.
    pub fn send_timeout(&mut self, head: Head, payload: &[u8], timeout: Duration) -> Result<(), SendError> {
        self.outbox.send_bytes(head, payload, Patience::timeout(timeout))
    }

    /// Sends several messages in order, with one look for a sleeping peer at the end instead of one for each; the peer finds them there
    /// all at once, as far as there is room. Waits for room as [`send`](Self::send) does.
    ///
    /// # Errors
    /// As [`send`](Self::send), of the first message that failed; those before it are sent.
    pub fn send_batch(&mut self, messages: &[(Head, &[u8])]) -> Result<(), SendError> {
        self.outbox.send_batch(messages)
    }

    /// Takes memory that the peer can read, to write a payload of `len` bytes into: `alloc` → write →
    /// [`commit`](SlotWriter::commit) → [`send`](super::OutboundPayload::send). Waits for room as [`send`](Self::send) does.
    /// Dropping what comes back, at any step before the send, gives the memory back.
    ///
    /// The bytes are those that were written there last, by this side. The peer can see what is written at once, sent
    /// or not.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] when no slot carries `len` bytes ([`send`](Self::send) does); [`SendError::Closed`],
    /// [`SendError::Lost`].
    ///
    /// ```
    /// use rapace::Head;
    ///
    /// let (mut a, mut b) = rapace::session::pair()?;
    /// let mut slot = a.alloc(100)?;
    /// slot.copy_from_slice(&[7; 100]);
    /// slot.commit().send(Head::message(1))?;
    /// let payload = b.recv()?.into_inbound_payload();
    /// assert_eq!(payload.into_vec(), [7; 100]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alloc(&mut self, len: usize) -> Result<SlotWriter<'_, R>, SendError> {
        self.alloc_patiently(len, Patience::Forever)
    }

    /// As [`alloc`](Self::alloc), waiting for room up to `timeout`.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc), and [`SendError::Timeout`].
    pub fn alloc_timeout(&mut self, len: usize, timeout: Duration) -> Result<SlotWriter<'_, R>, SendError> {
        self.alloc_patiently(len, Patience::timeout(timeout))
    }

    /// As [`alloc`](Self::alloc), if there is room now.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc), and [`SendError::Full`].
    pub fn try_alloc(&mut self, len: usize) -> Result<SlotWriter<'_, R>, SendError> {
        self.alloc_patiently(len, Patience::Try)
    }

    fn alloc_patiently(&mut self, len: usize, patience: Patience) -> Result<SlotWriter<'_, R>, SendError> {
        self.outbox.check_open()?;
        let max = self.outbox.slot_bytes_max();
        if len > max {
            return Err(SendError::TooLarge { len, limit: "largest slot", max });
        }
        self.outbox.check_payload_max(len)?;
        let room = if len <= INLINE_MAX {
            Room::Inline([0; INLINE_MAX])
        } else {
            Room::Slot(self.outbox.claim(len, patience)?)
        };
        Ok(SlotWriter::new(self, room, len))
    }

    /// Sends what was written into `room`, which is empty afterwards, or holds what is to be given back.
    pub(crate) fn send_written(
        &mut self,
        head: &Head,
        room: &mut Option<Room>,
        len: usize,
        patience: Patience,
    ) -> Result<(), SendError> {
        self.outbox.check(head, len)?;
        match room.take() {
            None => Ok(()),
            Some(Room::Inline(bytes)) => {
                self.outbox.send(*head, &Outgoing::whole(&bytes.get(..len).unwrap_or(&[])), patience)
            }
            Some(Room::Slot(claim)) => {
                let mut claim = Some(claim);
                let outcome = self.outbox.send_claimed(head, &mut claim, len, patience);
                *room = claim.map(Room::Slot);
                outcome
            }
        }
    }

    /// As [`Session::control`](super::Session::control).
    pub fn control(&self) -> Control {
        Control { shared: Arc::clone(&self.outbox.shared) }
    }

    /// Closes this direction: the peer receives what was sent, and then that it is closed. Dropping does the same.
    pub fn close(self) {}

    /// How many messages were published that the peer has not taken out yet.
    ///
    /// # Errors
    /// [`SendError::Lost`] when the peer's answer cannot be true.
    pub fn pending(&mut self) -> Result<u64, SendError> {
        self.outbox.pending()
    }
}

impl<R: Role> fmt::Debug for Sender<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("role", &R::NAME).field("published", &self.outbox.published()).finish()
    }
}
