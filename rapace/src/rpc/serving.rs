//! The serving side of a link: requests that came, replies that go, and handlers that are to be stopped.

use std::thread::Thread;
use std::time::Instant;

use super::call_id::{CallId, ONE_WAY};
use super::deadline::Deadline;
use super::engine::Wish;
use super::link::{After, Core, Link};
use super::status::Status;
use super::waiting::Awaited;
use crate::error::Violation;
use crate::lane::Outgoing;
use crate::layout::head::Head;
use crate::layout::inline::Inline;
use crate::segment::count;
use crate::session::waiting::Waker;
use crate::session::{Payload, Sending, Stall};

/// A request that came and was not started.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// [`ONE_WAY`] if it asks for no answer.
    pub(crate) call: CallId,
    /// The call of this side in whose handler it was made, or [`NO_PARENT`].
    pub(crate) parent: CallId,
    pub(crate) method: u32,
    /// By this process's clock.
    pub(crate) deadline: Option<Instant>,
    pub(crate) payload: Payload,
}

/// Of a request that no handler made.
pub(crate) const NO_PARENT: CallId = CallId(0);

/// A thread that waits for the answer to a call of this side, and handles what is called back in its handler.
#[derive(Debug)]
pub(super) struct Awaiting {
    pub(super) call: CallId,
    /// Of one that is parked, or may be before it looks again.
    pub(super) thread: Option<Thread>,
    /// What it handles now, or [`NO_PARENT`]. Until that is answered it takes nothing else, and from then on it will, though
    /// it is not waiting again yet.
    pub(super) handles: CallId,
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

impl Link {
    /// Waits for the next request to be served, and puts it in its place, where the one before was
    /// [handled](super::handling::handle_in_place). False when the session is over, or all is answered after a goodbye.
    #[inline]
    pub(crate) fn request(&self, place: &mut Option<Arrived>) -> bool {
        let was_one_way = place.as_ref().is_some_and(|handled| handled.call == ONE_WAY);
        // Where it is: what was just written in words and is moved in larger pieces stalls the processor until all that was written
        // before, the answer among it, has left for the cache.
        *place = None;
        let mut next = None;
        let taken = self.briefly(|core| {
            if was_one_way {
                core.finish_one_way();
            }
            let taken = core.take_short_request(place);
            if taken.is_none() {
                // Nothing is not moved there: see above.
                if let Some(request) = core.take_long_request() {
                    *place = Some(request);
                }
                next = Some(core.inbox.next());
            }
            core.announce_reply(taken == Some(true));
            taken
        });
        if taken.is_none() && place.is_none() {
            // As after a call was begun: who makes one after the other sends the next one now.
            let looked = next.is_some_and(|next| self.look_for_it(next));
            if !looked || self.briefly(|core| core.take_short_request(place)).is_none() {
                *place = self.request_slowly();
            }
        }
        place.is_some()
    }

    #[inline(never)]
    fn request_slowly(&self) -> Option<Arrived> {
        let mut core = self.lock();
        loop {
            if let Some(request) = core.take_any_request() {
                return Some(request);
            }
            if core.end.is_some() || core.has_said_all() {
                return None;
            }
            core = self.wait(core, Awaited { request: true, ..Awaited::default() }, None);
        }
    }

    /// Sends a reply, waiting for room; nothing when nobody wants it any more.
    pub(crate) fn reply(&self, mut reply: Replying, payload: &Outgoing<'_>) {
        let mut core = self.lock();
        if core.reply(&mut reply, payload) {
            return;
        }
        let mut stall = Stall::default();
        loop {
            core.pump(None);
            let freed = self.shared.freed();
            core.check_end();
            if core.reply(&mut reply, payload) {
                return;
            }
            stall.look(core.outbox.published());
            let awaited = Awaited { freed: Some(freed), ..Awaited::default() };
            core = self.wait_or_stall(core, awaited, &mut stall, &mut Deadline::None);
        }
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
        self.open_streams(call, head.method());
        let deadline = head.timeout().and_then(|left| Instant::now().checked_add(left));
        // A handler that is a future, or waits at a stream, does not run within the wait of another one.
        let may_nest = self.services.as_ref().is_some_and(|services| services.may_nest(head.method()));
        let parent = if may_nest { CallId(head.parent()) } else { NO_PARENT };
        self.requests.push_back(Arrived { call, parent, method: head.method(), deadline, payload });
        match self.who_handles(parent).map(|awaiting| awaiting.thread.clone()) {
            None => self.wake_serving(),
            Some(None) => {}
            Some(Some(thread)) => {
                self.do_after(After::Unpark(thread));
                if self.is_led() {
                    // That may be the leader.
                    self.nudge_leader();
                }
            }
        }
    }

    /// Who is to handle what was called in the handler of this call, if there is somebody.
    fn who_handles(&self, parent: CallId) -> Option<&Awaiting> {
        if parent == NO_PARENT {
            return None;
        }
        let is_it = |awaiting: &&Awaiting| awaiting.call == parent && !self.engine.is_handled(awaiting.handles);
        self.awaiting.iter().find(is_it)
    }

    /// A request that was made in the handler of a call of this side, to be handled by the thread that waits for that.
    pub(super) fn take_nested(&mut self, parent: CallId) -> Option<Arrived> {
        loop {
            let place = self.requests.iter().position(|request| request.parent == parent)?;
            let request = self.requests.remove(place)?;
            // If its time is over it is answered, and nobody else takes the one behind it.
            if let Some(request) = self.start(request) {
                return Some(request);
            }
        }
    }

    /// Who is told of requests.
    pub(crate) fn wait_for_requests(&mut self, waker: Waker) {
        let replaced = self.serving.replace(waker);
        self.do_all_after(replaced.map(After::DropWaker));
    }

    /// What was left to a thread, or to nobody yet, is now for whoever serves.
    pub(super) fn offer_requests(&mut self) {
        if !self.requests.is_empty() {
            self.wake_serving();
            // Who leads may be the one that serves.
            if self.is_led() {
                self.nudge_leader();
            }
        }
    }

    /// The next request that no other thread is to handle.
    fn next_request(&mut self) -> Option<Arrived> {
        let is_free = |request: &Arrived| self.who_handles(request.parent).is_none();
        match self.requests.front() {
            Some(request) if request.parent == NO_PARENT => self.requests.pop_front(),
            _ => {
                let place = self.requests.iter().position(is_free)?;
                self.requests.remove(place)
            }
        }
    }

    /// Opens the streams that a method of this side has.
    pub(super) fn open_streams(&mut self, call: CallId, method: u32) {
        if let Some(services) = &self.services {
            self.engine.open_streams(call, services.flows(method));
        }
    }

    /// A one-way call came: it will be executed, whatever happens to its caller, so it is not refused for what it holds. That
    /// is a slot at most.
    pub(super) fn arrive_one_way(&mut self, head: &Head, payload: Payload) {
        if payload.private_len() > 0 || self.services.is_none() {
            return self.fail(Violation::Unexpected { kind: head.kind() });
        }
        let request = Arrived { call: ONE_WAY, parent: NO_PARENT, method: head.method(), deadline: None, payload };
        self.requests.push_back(request);
        self.wake_serving();
    }

    /// A one-way call was handled.
    pub(crate) fn finish_one_way(&mut self) {
        if self.engine.one_ways.finish() && self.end.is_none() {
            self.tell_one_ways();
        }
    }

    /// The peer is to be told of finished one-way calls. Those that it sent before it knows are counted before, as far as they
    /// can be too many: there is a message where the first one beyond what is kept would be.
    #[cold]
    fn tell_one_ways(&mut self) {
        if self.inbox.is_next_followed_by(self.engine.one_ways.left()) {
            self.pump(None);
        }
        self.owes = true;
        self.pay();
        self.note_ordinary();
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
        let is_wanted = self.end.is_none() || call == ONE_WAY;
        if is_wanted && request.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Some(request);
        }
        self.refuse_unstarted(call, Status::Expired, "");
        self.pay();
        None
    }

    /// Takes out a request that waits for a worker.
    pub(super) fn stop_waiting(&mut self, call: CallId) -> Option<Arrived> {
        let place = self.for_workers.iter().position(|request| request.call == call)?;
        let request = self.for_workers.remove(place);
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

    /// The next request to be started, if more work may be begun.
    pub(crate) fn take_request(&mut self) -> Option<Arrived> {
        loop {
            if self.inbox.shared.lost().is_some() {
                return None;
            }
            if self.parked_bytes >= self.inbox.shared.limits.parked_bytes {
                return None;
            }
            let request = self.next_request()?;
            if let Some(request) = self.start(request) {
                return Some(request);
            }
        }
    }

    /// Starts a request that was taken out, or answers it if its time is over.
    fn start(&mut self, request: Arrived) -> Option<Arrived> {
        self.unqueue(Some(&request));
        if request.call == ONE_WAY {
            return Some(request);
        }
        if request.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.refuse_unstarted(request.call, Status::Expired, "");
            self.pay();
            return None;
        }
        self.engine.start(request.call);
        Some(request)
    }

    /// Sends as much of a reply as there is room for; true when nothing more of it is to be sent.
    #[inline]
    pub(crate) fn reply(&mut self, reply: &mut Replying, payload: &Outgoing<'_>) -> bool {
        if self.end.is_some() {
            self.unpark(reply);
            return true;
        }
        let status = if reply.sending.is_begun() { Wish::Answer } else { self.engine.wish(reply.call) };
        let (status, payload) = match status {
            Wish::Answer => (reply.status, *payload),
            Wish::Cancelled => (Status::Cancelled, Outgoing::short(Inline::default())),
            Wish::Nothing => {
                self.unpark(reply);
                return true;
            }
        };
        let head = Head::terminal(reply.call.0, status as u16);
        match self.outbox.advance(&head, &payload, &mut reply.sending) {
            Ok(true) => {
                self.engine.answer(reply.call);
                self.wake_streams();
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
            self.offer_requests();
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
        call != ONE_WAY && (self.end.is_some() || self.engine.wish(call) != Wish::Answer)
    }

    /// What stops the handler of a call when it is cancelled.
    #[cfg(feature = "tokio")]
    pub(crate) fn stops_with(&mut self, call: CallId, handler: tokio::task::AbortHandle) {
        if call == ONE_WAY {
            // It runs to its end.
            return;
        }
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
