//! Writing a payload where the peer will read it: `alloc` → write → `commit` → send.

use std::fmt;
use std::time::Duration;

use super::outbox::Patience;
use super::role::Role;
use super::sender::Sender;
use crate::error::SendError;
use crate::layout::INLINE_MAX;
use crate::layout::head::Head;
use crate::slots::Claim;

/// Room for a payload, to be written as `&mut [u8]`. See [`Sender::alloc`]. In a fork of the process that took it, it has
/// no bytes; a slice that was taken before the fork must not be used after it.
#[must_use = "a slot that is not committed and sent is given back"]
pub struct SlotWriter<'a, R: Role> {
    sender: &'a mut Sender<R>,
    /// Taken out when it is sent.
    room: Option<Room>,
    len: usize,
}

/// Where a payload is written.
#[derive(Debug)]
pub(crate) enum Room {
    Inline([u8; INLINE_MAX]),
    Slot(Claim),
}

impl<'a, R: Role> SlotWriter<'a, R> {
    pub(crate) fn new(sender: &'a mut Sender<R>, room: Room, len: usize) -> Self {
        Self { sender, room: Some(room), len }
    }

    /// Ends the writing; what was written is the payload.
    pub fn commit(self) -> OutboundPayload<'a, R> {
        OutboundPayload { written: self }
    }
}

impl<R: Role> std::ops::Deref for SlotWriter<'_, R> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.room {
            Some(Room::Inline(bytes)) => bytes.get(..self.len).unwrap_or(&[]),
            Some(Room::Slot(_)) if self.sender.outbox.shared.is_forked() => &[],
            Some(Room::Slot(claim)) => self.sender.outbox.bytes(claim).get(..self.len).unwrap_or(&[]),
            None => &[],
        }
    }
}

impl<R: Role> std::ops::DerefMut for SlotWriter<'_, R> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.room {
            Some(Room::Inline(bytes)) => bytes.get_mut(..self.len).unwrap_or(&mut []),
            Some(Room::Slot(_)) if self.sender.outbox.shared.is_forked() => &mut [],
            Some(Room::Slot(claim)) => self.sender.outbox.bytes_mut(claim).get_mut(..self.len).unwrap_or(&mut []),
            None => &mut [],
        }
    }
}

impl<R: Role> Drop for SlotWriter<'_, R> {
    fn drop(&mut self) {
        if let Some(Room::Slot(claim)) = self.room.take() {
            self.sender.outbox.give_back(claim);
        }
    }
}

impl<R: Role> fmt::Debug for SlotWriter<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotWriter").field("len", &self.len).field("room", &self.room).finish()
    }
}

/// A written payload that waits to be sent. See [`Sender::alloc`].
#[derive(Debug)]
#[must_use = "a payload that is not sent is given back"]
pub struct OutboundPayload<'a, R: Role> {
    written: SlotWriter<'a, R>,
}

impl<R: Role> OutboundPayload<'_, R> {
    /// Sends it, without copying it again, waiting for room in the ring as long as the peer lives.
    ///
    /// # Errors
    /// As [`Sender::send`]; the slot is given back.
    pub fn send(self, head: Head) -> Result<(), SendError> {
        self.send_patiently(&head, Patience::Forever)
    }

    /// As [`send`](Self::send), waiting for room up to `timeout`.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendError::Timeout`].
    pub fn send_timeout(self, head: Head, timeout: Duration) -> Result<(), SendError> {
        self.send_patiently(&head, Patience::timeout(timeout))
    }

    fn send_patiently(mut self, head: &Head, patience: Patience) -> Result<(), SendError> {
        let SlotWriter { sender, room, len } = &mut self.written;
        sender.send_written(head, room, *len, patience)
    }
}
