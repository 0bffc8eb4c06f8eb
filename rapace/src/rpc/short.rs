//! The short way of a call: what a descriptor carries itself, when nothing is out of the ordinary.
//!
//! Each step here is one of [`link`](super::link) or [`serving`](super::serving) in a straight line, in registers. When
//! anything is unusual it does nothing, and the caller takes the other way, which knows all cases and all errors.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Instant;

use super::deadline::Deadline;
use super::engine::CallId;
use super::link::{Begun, Core, Target};
use super::serving::Arrived;
use super::status::Status;
use super::tickets::Outcome;
use crate::lane::Outgoing;
use crate::layout::head::{Head, Inline, Kind};
use crate::segment::count;
use crate::session::Payload;

impl Core {
    /// Begins a request that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline]
    pub(crate) fn begin_short(&mut self, target: Target, payload: &Outgoing<'_>, deadline: Deadline) -> Option<Begun> {
        let inline = payload.inline()?;
        let ticket = self.tickets.take();
        let number = self.outbox.published().wrapping_add(1);
        let Some(call) = self.engine.begin_sent(ticket, number) else {
            self.tickets.give_back(ticket);
            return None;
        };
        let head = target.head(call, deadline);
        #[cfg(feature = "tracing")]
        let head = head.with_metadata(payload.has_metadata());
        if !self.outbox.send_short(&head, inline) {
            self.engine.unbegin(call);
            self.tickets.give_back(ticket);
            return None;
        }
        count(&self.outbox.counts().calls_begun, 1);
        Some(Begun { ticket, call })
    }

    /// A request to be started, straight from the ring: if it is all that is there, and nothing is out of the ordinary.
    /// What follows it could be its cancel.
    #[inline]
    pub(crate) fn take_short_request(&mut self) -> Option<Arrived> {
        let Some(services) = &self.services else { return None };
        if !self.serves || !self.requests.is_empty() || self.owes || self.end.is_some() {
            return None;
        }
        let has_streams = services.has_streams();
        if self.inbox.shared.lost().is_some() || self.parked_bytes >= self.inbox.shared.limits.parked_bytes {
            return None;
        }
        // One that was made in the handler of a call is for the thread that waits for that, if one does.
        let is_anybodys = |head: &Head| head.parent() == 0 || self.awaiting.is_empty();
        let accept = |head: &Head| head.kind() == Kind::Request && is_anybodys(head);
        let (head, inline) = self.inbox.pop_short_if(true, accept)?;
        let call = CallId(head.call());
        if let Err(violation) = self.engine.handle_request(call) {
            self.fail(violation);
            return None;
        }
        let deadline = head.timeout().and_then(|left| Instant::now().checked_add(left));
        if has_streams {
            self.open_streams(call, head.method());
        }
        self.engine.start(call);
        let parent = CallId(head.parent());
        Some(Arrived { call, parent, method: head.method(), deadline, payload: Payload::inline(inline) })
    }

    /// Sends a reply that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline]
    pub(crate) fn reply_short(&mut self, call: CallId, status: Status, inline: Inline) -> bool {
        if self.end.is_some() || !self.engine.is_running(call) {
            return false;
        }
        let sent = self.outbox.send_short(&Head::terminal(call.0, status as u16), inline) && self.engine.answer(call);
        self.wake_streams();
        if sent {
            count(&self.outbox.counts().calls_answered, 1);
        }
        sent
    }

    /// The answer to a call, straight from the ring: if it comes next, and its descriptor carries it.
    #[inline]
    pub(crate) fn take_short_answer(&mut self, begun: Begun) -> Option<Outcome> {
        // Of one that has its outcome the number may be another call's by now.
        if self.end.is_some() || self.tickets.is_done(begun.ticket) {
            return None;
        }
        let is_it = |head: &Head| head.kind() == Kind::Terminal && head.call() == begun.call.0;
        let (head, inline) = self.inbox.pop_short_if(false, is_it)?;
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
