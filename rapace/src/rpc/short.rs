//! The short way of a call: what a descriptor carries itself, when nothing is out of the ordinary.
//!
//! Each step here is one of [`link`](super::link) or [`serving`](super::serving) in a straight line, in registers. When
//! anything is unusual it does nothing, and the caller takes the other way, which knows all cases and all errors.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Instant;

use super::deadline::Deadline;
use super::engine::CallId;
use super::link::{Begun, Core, with_deadline};
use super::serving::Arrived;
use super::status::Status;
use super::tickets::Outcome;
use crate::lane::Outgoing;
use crate::layout::head::{Head, Inline, Kind};
use crate::session::Payload;

impl Core {
    /// Begins a request that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline]
    pub(crate) fn begin_short(&mut self, method: u32, payload: &Outgoing<'_>, deadline: Deadline) -> Option<Begun> {
        let inline = payload.inline()?;
        let ticket = self.tickets.take();
        let number = self.outbox.published().wrapping_add(1);
        let Some(call) = self.engine.begin_sent(ticket, number) else {
            self.tickets.give_back(ticket);
            return None;
        };
        let head = with_deadline(Head::request(call.0, method), deadline);
        if !self.outbox.send_short(&head, inline) {
            self.engine.unbegin(call);
            self.tickets.give_back(ticket);
            return None;
        }
        self.note_request(&head);
        Some(Begun { ticket, call })
    }

    /// A request was sent. The peer may leave those behind one whose time does not run where they are, so it is told when
    /// the time of the first of them runs.
    #[inline]
    pub(super) fn note_request(&mut self, head: &Head) {
        if head.timeout().is_none() {
            self.sent_untimed = true;
        } else if std::mem::take(&mut self.sent_untimed) {
            self.outbox.shared.count_urgent();
        }
    }

    /// A request to be started, straight from the ring, if nothing is out of the ordinary. What follows it is taken out
    /// before it is begun if that can matter: a cancel, or a request whose time runs.
    #[inline]
    pub(crate) fn take_short_request(&mut self) -> Option<Arrived> {
        if !self.requests.is_empty() || !self.owed.is_empty() || !self.serves || self.end.is_some() {
            return None;
        }
        if self.inbox.shared.lost().is_some() || self.parked_bytes >= self.inbox.shared.limits.parked_bytes {
            return None;
        }
        if self.inbox.shared.urgent() != self.seen_urgent {
            return None;
        }
        let is_it = |head: &Head| head.kind() == Kind::Request;
        let (head, inline) = self.inbox.pop_short_if(is_it)?;
        let call = CallId(head.call());
        if let Err(violation) = self.engine.handle_request(call) {
            self.fail(violation);
            return None;
        }
        let deadline = head.timeout().and_then(|left| Instant::now().checked_add(left));
        self.engine.start(call);
        Some(Arrived { call, method: head.method(), deadline, payload: Payload::inline(inline) })
    }

    /// Sends a reply that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline]
    pub(crate) fn reply_short(&mut self, call: CallId, status: Status, inline: Inline) -> bool {
        if self.end.is_some() || !self.engine.is_running(call) {
            return false;
        }
        self.outbox.send_short(&Head::terminal(call.0, status as u16), inline) && self.engine.answer(call)
    }

    /// The answer to a call, straight from the ring: if it comes next, and its descriptor carries it.
    #[inline]
    pub(crate) fn take_short_answer(&mut self, begun: Begun) -> Option<Outcome> {
        // Of one that has its outcome the number may be another call's by now.
        if self.end.is_some() || self.tickets.is_done(begun.ticket) {
            return None;
        }
        let is_it = |head: &Head| head.kind() == Kind::Terminal && head.call() == begun.call.0;
        let (head, inline) = self.inbox.pop_short_if(is_it)?;
        match self.handle_terminal(&head) {
            Ok((_, status)) => {
                let dropped = self.tickets.give_back(begun.ticket);
                self.drop_later(dropped);
                Some(Outcome::Answer(status, Payload::inline(inline)))
            }
            Err(violation) => {
                self.fail(violation);
                None
            }
        }
    }
}
