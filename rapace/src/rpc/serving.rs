//! The serving side of a link: requests that came, replies that go, and handlers that are to be stopped.

use std::time::Instant;

use super::engine::{CallId, Wish};
#[cfg(feature = "tokio")]
use super::link::After;
use super::link::Core;
use super::status::Status;
use crate::lane::Outgoing;
use crate::layout::head::{Head, Inline};
use crate::segment::count;
use crate::session::{Payload, Sending};

/// A request that came and was not started.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) call: CallId,
    pub(crate) method: u32,
    /// By this process's clock.
    pub(crate) deadline: Option<Instant>,
    pub(crate) payload: Payload,
}

/// A reply on its way.
#[derive(Debug)]
pub(crate) struct Replying {
    call: CallId,
    status: Status,
    sending: Sending,
    /// Counted as waiting for room.
    parked: usize,
}

impl Replying {
    pub(crate) fn new(call: CallId, status: Status) -> Self {
        Self { call, status, sending: Sending::default(), parked: 0 }
    }
}

impl Core {
    pub(super) fn arrive(&mut self, head: &Head, payload: Payload) {
        let call = CallId(head.call());
        if self.leave.is_said() {
            // Beyond the line of the goodbye, by which its caller knows that it has its end.
            self.engine.answer(call);
            return;
        }
        if !self.serves {
            self.refuse_unstarted(call, Status::UnknownMethod, "");
            return;
        }
        if !self.queue(call, payload.private_len()) {
            return;
        }
        let deadline = head.timeout().and_then(|left| Instant::now().checked_add(left));
        self.requests.push_back(Arrived { call, method: head.method(), deadline, payload });
        self.wake_serving();
    }

    /// Counts what a request holds while it waits to be handled; false when that is too much, and it is refused.
    fn queue(&mut self, call: CallId, held: usize) -> bool {
        let (queued, max) = (self.queued_bytes.saturating_add(held), self.inbox.shared.limits.queued_bytes);
        if queued > max && self.queued_bytes > 0 && held > 0 {
            self.refuse_unstarted(call, Status::Overloaded, &format!("its limit queued_bytes ({max}) is reached"));
            return false;
        }
        self.queued_bytes = queued;
        true
    }

    /// A request that was taken is to wait for a worker, which [takes it](Self::take_waiting) by its call. It waits here, so
    /// that it ends with the session. False when it is refused, as one that came can be.
    pub(crate) fn wait_for_worker(&mut self, request: Arrived) -> bool {
        let may = self.queue(request.call, request.payload.private_len());
        if may {
            self.for_workers.push(request);
        }
        self.pay();
        may
    }

    /// A request that waited for a worker, if it is still to be handled; it is answered here if it is not.
    pub(crate) fn take_waiting(&mut self, call: CallId) -> Option<Arrived> {
        self.pump(None);
        let request = self.stop_waiting(call)?;
        if self.end.is_none() && request.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Some(request);
        }
        self.refuse_unstarted(call, Status::Expired, "");
        self.pay();
        None
    }

    /// Takes out a request that waits for a worker.
    pub(super) fn stop_waiting(&mut self, call: CallId) -> Option<Arrived> {
        let place = self.for_workers.iter().position(|request| request.call == call)?;
        let request = self.for_workers.swap_remove(place);
        self.unqueue(Some(&request));
        Some(request)
    }

    /// A request that was cancelled before it was started, and what it held.
    pub(super) fn drop_request(&mut self, call: CallId) {
        if let Some(place) = self.requests.iter().position(|request| request.call == call) {
            let request = self.requests.remove(place);
            self.unqueue(request.as_ref());
        }
    }

    #[inline]
    fn unqueue(&mut self, request: Option<&Arrived>) {
        let held = request.map_or(0, |request| request.payload.private_len());
        self.queued_bytes = self.queued_bytes.saturating_sub(held);
    }

    /// The next request to be started, if more work may be begun. Expired ones are answered instead.
    pub(crate) fn take_request(&mut self) -> Option<Arrived> {
        loop {
            if self.inbox.shared.lost().is_some() {
                return None;
            }
            if self.parked_bytes >= self.inbox.shared.limits.parked_bytes {
                return None;
            }
            let request = self.requests.pop_front()?;
            self.unqueue(Some(&request));
            if request.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.refuse_unstarted(request.call, Status::Expired, "");
                self.pay();
                continue;
            }
            self.engine.start(request.call);
            return Some(request);
        }
    }

    /// Sends as much of a reply as there is room for; true when nothing more of it is to be sent.
    #[inline]
    pub(crate) fn reply(&mut self, reply: &mut Replying, payload: &Outgoing<'_>) -> bool {
        if self.end.is_some() {
            return true;
        }
        let status = if reply.sending.is_begun() { Wish::Answer } else { self.engine.wish(reply.call) };
        let (status, payload) = match status {
            Wish::Answer => (reply.status, *payload),
            Wish::Cancelled => (Status::Cancelled, Outgoing::short(Inline::default())),
            Wish::Nothing => return true,
        };
        let head = Head::terminal(reply.call.0, status as u16);
        match self.outbox.advance(&head, &payload, &mut reply.sending) {
            Ok(true) => {
                self.engine.answer(reply.call);
                count(&self.outbox.counts().calls_answered, 1);
                self.unpark(reply);
                true
            }
            Ok(false) => {
                if reply.parked == 0 {
                    reply.parked = payload.len();
                    self.parked_bytes = self.parked_bytes.saturating_add(reply.parked);
                }
                false
            }
            Err(_) => {
                self.unpark(reply);
                true
            }
        }
    }

    fn unpark(&mut self, reply: &mut Replying) {
        if reply.parked > 0 {
            self.parked_bytes = self.parked_bytes.saturating_sub(std::mem::take(&mut reply.parked));
            // Another one's turn, and perhaps more work can be begun.
            self.wake_blocked();
            if !self.requests.is_empty() {
                self.wake_serving();
                // Who leads may be the one that serves.
                if self.leading {
                    self.nudge_leader();
                }
            }
        }
    }

    /// A reply that will not be sent to its end, because its handler was stopped: the caller is told at least that.
    #[cfg(feature = "tokio")]
    pub(crate) fn give_up_reply(&mut self, reply: &mut Replying) {
        let head = Head::terminal(reply.call.0, reply.status as u16);
        self.outbox.give_up(&head, &mut reply.sending);
        self.unpark(reply);
        let call = reply.call;
        self.stop(call);
    }

    /// The handler of a call is gone without an answer: it was cancelled.
    pub(crate) fn stop(&mut self, call: CallId) {
        self.refuse_unstarted(call, Status::Cancelled, "");
        self.pay();
    }

    /// Whether the caller has given the call up.
    pub(crate) fn is_cancelled(&mut self, call: CallId) -> bool {
        self.end.is_some() || self.engine.wish(call) != Wish::Answer
    }

    /// What stops the handler of a call when it is cancelled.
    #[cfg(feature = "tokio")]
    pub(crate) fn stops_with(&mut self, call: CallId, handler: tokio::task::AbortHandle) {
        if self.is_cancelled(call) {
            self.do_after(After::Abort(handler));
            return;
        }
        let index = (call.0 & 0xffff) as usize;
        if index >= self.handlers.len() {
            self.handlers.resize_with(index.saturating_add(1), || None);
        }
        if let Some(place) = self.handlers.get_mut(index) {
            *place = Some(handler);
        }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn abort_handler(&mut self, call: CallId) {
        let handler = self.handlers.get_mut((call.0 & 0xffff) as usize).and_then(Option::take);
        self.do_all_after(handler.map(After::Abort));
    }

    #[cfg(not(feature = "tokio"))]
    #[expect(clippy::unused_self, reason = "handlers on threads ask for themselves")]
    pub(super) fn abort_handler(&mut self, _: CallId) {}
}
