//! The short way of a call, and of an item of a stream: what a descriptor carries itself, when nothing is out of the ordinary.
//!
//! Each step here is one of [`link`](super::link), [`serving`](super::serving) or [`streaming`](super::streaming) in a straight
//! line, in registers. When anything is unusual it does nothing, and the caller takes the other way, which knows all cases and
//! all errors.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::{Duration, Instant};

use super::call_id::CallId;
use super::engine::Ticket;
use super::link::{Begun, Core, Target};
use super::service::Services;
use super::serving::{Arrived, NO_PARENT};
use super::status::Status;
use super::streams::EndKey;
use super::taken::Taken;
use super::tickets::Outcome;
use crate::layout::head::{Arrival, Head, Kind};
use crate::layout::inline::{Inline, Lead, Several};
use crate::segment::count;
use crate::session::Payload;

/// From how many calls under way on others follow a request closely.
const MANY: usize = 8;

impl Core {
    /// Whether nothing is out of the ordinary: calls may be begun, nothing is owed, and nobody waits for room. Asked by the short ways, and
    /// [found out](Self::note_ordinary) where it may have changed: by whoever had the lock [for long](Link::lock), or took
    /// the long way.
    #[inline(always)]
    pub(super) fn is_ordinary(&self) -> bool {
        debug_assert_eq!(self.was_ordinary, self.looks_ordinary());
        self.was_ordinary
    }

    fn looks_ordinary(&self) -> bool {
        let is_blocked = self.leader_is_blocked() || !self.blocked.is_empty();
        !(self.owes || is_blocked || self.end.is_some() || self.leave.is_heard())
    }

    pub(super) fn note_ordinary(&mut self) {
        self.was_ordinary = self.looks_ordinary();
    }

    /// Begins a request that its descriptor carries, if nothing is out of the ordinary; else nothing is done. Zero microseconds are
    /// no timeout.
    #[inline(always)]
    pub(crate) fn begin_short(&mut self, target: Target, lead: Lead<'_>, timeout_us: u32) -> Option<Begun> {
        let begun = self.begin_unannounced(target, lead, timeout_us, false)?;
        self.outbox.announce();
        self.outbox.take_lines(|| self.engine.under_way() >= MANY);
        Some(begun)
    }

    /// Begins requests that their descriptors carry, without a timeout, from one of them on, as long as nothing is out of the ordinary. The
    /// peer finds them all at once. The one that was not begun.
    #[inline(always)]
    pub(super) fn begin_several(
        &mut self,
        target: Target,
        several: &Several,
        from: usize,
        mut note: impl FnMut(Begun),
    ) -> usize {
        let mut next = from;
        while let Some(inline) = several.get(next) {
            let Some(begun) = self.begin_unannounced(target, inline.as_lead(), 0, next == from) else { break };
            note(begun);
            next = next.saturating_add(1);
        }
        self.outbox.announce_batch();
        next
    }

    /// As [`begin_short`](Self::begin_short), to be announced; held if it is the first of a batch.
    #[inline(always)]
    fn begin_unannounced(&mut self, target: Target, lead: Lead<'_>, timeout_us: u32, is_held: bool) -> Option<Begun> {
        if !self.is_ordinary() || !self.outbox.can_send_short(lead.len()) {
            return None;
        }
        let ticket = self.tickets.take();
        let number = self.outbox.published().wrapping_add(1);
        let Some(call) = self.engine.begin_sent(ticket, number) else {
            self.untake(ticket);
            return None;
        };
        let head = target.head(call).with_timeout_us(timeout_us);
        if is_held {
            self.outbox.hold(&head, lead)
        } else {
            self.outbox.send_unannounced(&head, lead)
        }
        self.note_request(&head);
        count(&self.outbox.counts().calls_begun, 1);
        Some(Begun::new(ticket, call))
    }

    #[cold]
    #[inline(never)]
    fn untake(&mut self, ticket: Ticket) {
        let dropped = self.tickets.give_back(ticket);
        self.drop_later(dropped);
    }

    /// A request was sent. The peer may leave those behind one whose time does not run where they are, so it is told when
    /// the time of the first of them runs.
    #[inline]
    pub(super) fn note_request(&mut self, head: &Head) {
        if head.timeout_us() == 0 {
            self.sent_untimed = true;
        } else if std::mem::take(&mut self.sent_untimed) {
            self.outbox.shared.count_urgent();
        }
    }

    /// Puts a request to be started in its place, straight from the ring, if nothing is out of the ordinary; else nothing is done. Whether
    /// the next message may be there. What follows the request is taken out before it is begun if that can matter: a cancel, or a request whose time runs.
    #[inline(always)]
    pub(super) fn take_short_request(&mut self, place: &mut Option<Arrived>) -> Option<bool> {
        if !self.is_ordinary() || !self.requests.is_empty() || !self.serves || self.parked_bytes > 0 {
            return None;
        }
        if self.inbox.shared.is_over() || self.inbox.urgent() != self.seen_urgent {
            return None;
        }
        let descriptor = self.inbox.peek()?;
        let (head, inline) = Arrival::parse_short_request(&descriptor)?;
        let is_one_way = head.kind() == Kind::OneWay;
        // If time runs, that of those behind may run as well; a one-way call has none.
        if head.timeout_us() != 0 && (is_one_way || self.inbox.is_next_followed_by(1)) {
            return None;
        }
        self.inbox.consume();
        let call = CallId(head.call());
        let is_followed = self.inbox.fetch_lines();
        let begun = if is_one_way { self.engine.handle_one_way(call) } else { self.engine.start_request(call) };
        if let Err(violation) = begun {
            self.fail(violation);
            return None;
        }
        if self.serves_streams && !is_one_way {
            self.open_streams(call, head.method());
        }
        *place = Some(arrived(head, inline));
        Some(is_followed)
    }

    /// A request that was made in the handler of this call, which this thread waits for, to be handled within the wait: straight from
    /// the ring, if nothing is out of the ordinary.
    #[inline(always)]
    pub(super) fn take_short_nested(&mut self, parent: CallId, place: &mut Option<Arrived>) -> Option<CallId> {
        if !self.is_ordinary() || !self.requests.is_empty() || !self.serves {
            return None;
        }
        if self.inbox.shared.is_over() || self.inbox.urgent() != self.seen_urgent {
            return None;
        }
        let (head, inline) = Arrival::parse_short(&self.inbox.peek()?)?;
        let is_it = head.kind() == Kind::Request && head.parent() == parent.0 && head.timeout_us() == 0;
        let nests = |services: &Services| services.may_nest(head.method()) && services.is_plain(head.method());
        if !is_it || !self.services.as_deref().is_some_and(nests) {
            return None;
        }
        self.inbox.consume();
        // It has no streams, since it may nest.
        let call = CallId(head.call());
        if let Err(violation) = self.engine.start_request(call) {
            self.fail(violation);
            return None;
        }
        *place = Some(arrived(head, inline));
        Some(call)
    }

    /// Sends a one-way call that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline(always)]
    pub(crate) fn send_short_one_way(&mut self, method: u32, lead: Lead<'_>) -> Option<()> {
        let may_begin = self.is_ordinary() && self.engine.one_ways.may_send();
        if !may_begin || !self.outbox.can_send_short(lead.len()) {
            return None;
        }
        self.outbox.send_short(&Head::message(method), lead);
        self.outbox.take_lines(|| true);
        self.engine.one_ways.sent();
        Some(())
    }

    /// Sends an item that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline(always)]
    pub(crate) fn send_short_item(&mut self, end: EndKey, lead: Lead<'_>) -> Option<()> {
        if !self.is_ordinary() || !self.outbox.can_send_short(lead.len()) {
            return None;
        }
        let (call, stream) = self.engine.streams.put_at_once(end, lead.len())?;
        self.outbox.send_short(&Head::item(call.0, stream), lead);
        self.outbox.take_lines(|| true);
        Some(())
    }

    /// Items of a stream, straight from the ring to their reader: those that come next, and that their descriptors carry, some at
    /// once, until credit for them is due. False when there is none.
    #[inline(always)]
    pub(super) fn pass_items(&mut self, end: EndKey, items: &mut Taken) -> bool {
        let inbox = &mut self.inbox;
        self.engine.streams.pass(end, |call, stream| {
            let next = inbox.peek().and_then(|descriptor| Arrival::parse_short_item(&descriptor, call.0, stream));
            let Some(inline) = next else { return false };
            inbox.consume();
            items.push_short(inline);
            inbox.fetch_lines();
            true
        })
    }

    /// Sends a reply that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline]
    pub(crate) fn reply_short(&mut self, call: CallId, status: Status, lead: Lead<'_>, is_quiet: bool) -> Option<()> {
        let has_streams = self.engine.has_streams();
        if !self.is_ordinary() || !self.outbox.can_send_short(lead.len()) || !self.engine.answer_running(call) {
            return None;
        }
        self.outbox.send_unannounced(&Head::terminal(call.0, status as u16), lead);
        if is_quiet {
            self.has_quiet_reply = true;
        } else {
            self.outbox.announce();
        }
        count(&self.outbox.counts().calls_answered, 1);
        if has_streams {
            self.wake_streams();
        }
        Some(())
    }

    /// Rings for the reply that was left [quiet](Self::reply_short), if one was.
    #[inline(always)]
    pub(super) fn announce_reply(&mut self, is_followed: bool) {
        if std::mem::take(&mut self.has_quiet_reply) {
            self.outbox.announce();
            // If there is the next request already, its caller has several under way.
            self.outbox.take_lines(|| is_followed);
        }
    }

    /// The next request to be started, if it is there.
    pub(crate) fn take_any_request(&mut self) -> Option<Arrived> {
        let mut place = None;
        self.note_ordinary();
        match self.take_short_request(&mut place) {
            Some(_) => place,
            None => self.take_long_request(),
        }
    }

    /// As [`take_any_request`](Self::take_any_request), after [`take_short_request`](Self::take_short_request) found none.
    #[inline(never)]
    pub(super) fn take_long_request(&mut self) -> Option<Arrived> {
        if self.requests.is_empty() && !self.owes && (self.end.is_some() || !self.inbox.is_ready()) {
            return None;
        }
        self.pump(None);
        let request = self.take_request();
        self.note_ordinary();
        request
    }

    /// The outcome of a call, if it is there.
    pub(crate) fn take_answer(&mut self, begun: Begun) -> Option<Outcome> {
        self.note_ordinary();
        match self.take_short_answer(begun) {
            Some((status, inline)) => Some(Outcome::Short(status, inline)),
            None => self.take_long_answer(begun),
        }
    }

    /// As [`take_answer`](Self::take_answer), after [`take_short_answer`](Self::take_short_answer) found none.
    #[inline(never)]
    pub(crate) fn take_long_answer(&mut self, begun: Begun) -> Option<Outcome> {
        if let Some(outcome) = self.tickets.fetch(begun.ticket()) {
            return Some(outcome);
        }
        let Some(outcome) = self.pump(Some(begun.ticket())) else {
            // It may have brought this call's end without an answer.
            return self.tickets.fetch(begun.ticket());
        };
        let dropped = self.tickets.give_back(begun.ticket());
        self.drop_later(dropped);
        Some(outcome)
    }

    /// The answer to a call, straight from the ring: if it comes next, and its descriptor carries it.
    #[inline(always)]
    pub(crate) fn take_short_answer(&mut self, begun: Begun) -> Option<(Status, Inline)> {
        let answer = self.take_fresh_answer(begun)?;
        let dropped = self.tickets.give_back(begun.ticket());
        self.drop_later(dropped);
        Some(answer)
    }

    /// As [`take_short_answer`](Self::take_short_answer); the ticket is still to be given back.
    #[inline(always)]
    pub(crate) fn take_fresh_answer(&mut self, begun: Begun) -> Option<(Status, Inline)> {
        if !self.is_ordinary() {
            return None;
        }
        let (status, inline) = Arrival::parse_short_terminal(&self.inbox.peek()?, begun.call().0)?;
        let status = Status::parse(status).ok()?;
        // Of a call that has its outcome already the number may be another one's by now.
        if !self.engine.is_awaited(begun.call(), begun.ticket()) {
            return None;
        }
        self.inbox.consume();
        let has_streams = self.engine.has_streams();
        self.engine.end_awaited(begun.call(), matches!(status, Status::Ok | Status::App));
        if self.engine.under_way() > 0 {
            self.inbox.fetch_lines();
        }
        if has_streams {
            self.wake_streams();
        }
        Some((status, inline))
    }
}

/// A request that its descriptor carried.
#[inline(always)]
fn arrived(head: Head, inline: Inline) -> Arrived {
    let deadline = if head.timeout_us() == 0 { None } else { deadline_of(head.timeout_us()) };
    let (call, parent) = (CallId(head.call()), NO_PARENT);
    Arrived { call, parent, method: head.method(), deadline, payload: Payload::inline(inline) }
}

#[cold]
fn deadline_of(timeout_us: u32) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_micros(timeout_us.into()))
}
