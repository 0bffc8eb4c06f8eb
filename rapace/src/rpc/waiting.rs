//! How threads wait on a link: one leads, the others are parked. See [`link`](super::link).

use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::Instant;

use super::deadline::Deadline;
use super::engine::Ticket;
use super::error::RpcError;
use super::link::{Begin, Begun, Link, Locked, with_deadline};
use super::serving::{Arrived, Replying};
use super::tickets::Outcome;
use crate::doorbell::Counter;
use crate::error::{Lost, RecvError};
use crate::lane::Outgoing;
use crate::layout::head::Lead;
use crate::ring;
use crate::session::waiting::{Spinner, Wait, Waker, look};
use crate::session::{Spin, Stall};

/// How often one that has just begun a call looks for its answer, before it takes the long way of waiting: some 200 ns.
const LOOKS: u32 = 192;

/// What a thread waits for, beside the end of the session. Whoever holds the lock may bring it.
#[derive(Clone, Copy, Debug, Default)]
struct Awaited {
    /// The outcome of a call.
    ticket: Option<Ticket>,
    /// Room: that the peer's count of what it gave back is no longer this; or the turn to send.
    freed: Option<u64>,
    /// A request to be served.
    request: bool,
}

impl Link {
    /// Makes a call and waits for its outcome.
    #[inline(never)]
    pub(crate) fn call(&self, method: u32, payload: &Outgoing<'_>, deadline: &mut Deadline) -> Outcome {
        match self.begin(method, payload, deadline) {
            Ok((begun, next)) => self.await_answer(begun, Some(next), deadline),
            Err(error) => Outcome::End(error),
        }
    }

    /// As [`call`](Self::call), of a request that its descriptor carries.
    pub(crate) fn call_short(&self, method: u32, lead: Lead<'_>, deadline: &mut Deadline) -> Outcome {
        let begun = self.briefly(|core| {
            let begun = core.begin_short(method, lead, *deadline)?;
            Some((begun, core.inbox.next()))
        });
        match begun {
            Some((begun, next)) => self.await_answer(begun, Some(next), deadline),
            None => self.call(method, &Outgoing::short(lead.to_inline()), deadline),
        }
    }

    /// Waits for the outcome of a call that was sent. One that was begun just now, when message `just_before` came next,
    /// cannot have it yet, so a look without the lock comes before the first one under it.
    fn await_answer(&self, begun: Begun, just_before: Option<u64>, deadline: &mut Deadline) -> Outcome {
        if just_before.is_some_and(|next| !self.look_for_it(next)) {
            return self.outcome_slowly(begun, deadline);
        }
        // Apart, so that what was just taken out is not copied in pieces of another size, which stalls the processor.
        let mut long = None;
        let short = self.briefly(|core| {
            let short = core.take_short_answer(begun);
            if short.is_none() {
                long = core.take_long_answer(begun);
            }
            short
        });
        if let Some((status, inline)) = short {
            return Outcome::Short(status, inline);
        }
        match long {
            Some(outcome) => outcome,
            None => self.outcome_slowly(begun, deadline),
        }
    }

    /// Looks, for about as long as a short handler takes, whether message `next` comes. Whoever leads may look as well.
    #[inline]
    fn look_for_it(&self, next: u64) -> bool {
        match self.instead_of_waiting.get() {
            Some(step) => {
                step.run();
                true
            }
            None if self.shared.spin == Spin::Never => false,
            None => {
                let entries = self.shared.peer.entries();
                (0..LOOKS).any(|_| ring::may_be_there(entries, next))
            }
        }
    }

    /// Sends a request, waiting for room.
    pub(crate) fn start(
        &self,
        method: u32,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<Begun, RpcError> {
        self.begin(method, payload, deadline).map(|(begun, _)| begun)
    }

    /// Sends a request that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    pub(crate) fn start_short(&self, method: u32, lead: Lead<'_>, deadline: Deadline) -> Option<Begun> {
        self.briefly(|core| core.begin_short(method, lead, deadline))
    }

    /// Sends a request if there is room for all of it now.
    pub(crate) fn try_start(
        &self,
        method: u32,
        payload: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<Option<Begun>, RpcError> {
        let mut begin = Begin::new(method);
        let mut core = self.lock();
        // What came may be what makes room.
        core.pump(None);
        let begun = core.begin(&mut begin, payload, |head| with_deadline(head, deadline))?;
        if begun.is_none() {
            core.give_up(&mut begin);
            core.check_end();
        }
        Ok(begun)
    }

    /// Sends a request, waiting for room: the call, and the number of the message that came next then.
    #[inline(never)]
    fn begin(&self, method: u32, payload: &Outgoing<'_>, deadline: &mut Deadline) -> Result<(Begun, u64), RpcError> {
        let mut core = self.lock();
        let mut begin = Begin::new(method);
        let left = *deadline;
        if let Some(begun) = core.begin(&mut begin, payload, |head| with_deadline(head, left))? {
            return Ok((begun, core.inbox.next()));
        }
        let mut stall = Stall::default();
        loop {
            // What came may be what makes room.
            core.pump(None);
            // Counted before the try, so that what is given back after it ends the wait.
            let freed = self.shared.freed();
            let left = *deadline;
            if let Some(begun) = core.begin(&mut begin, payload, |head| with_deadline(head, left))? {
                return Ok((begun, core.inbox.next()));
            }
            if core.check_end() {
                core.give_up(&mut begin);
                continue;
            }
            if deadline.is_past() {
                core.give_up(&mut begin);
                return Err(RpcError::DeadlineExceeded { may_have_executed: false });
            }
            let until = match self.stall_end(&mut stall) {
                Ok(end) => [deadline.instant(), end].into_iter().flatten().min(),
                Err(lost) => {
                    core.finish(lost.into());
                    continue;
                }
            };
            core = self.wait(core, Awaited { freed: Some(freed), ..Awaited::default() }, until);
        }
    }

    /// When a wait for room is to be given up for good.
    fn stall_end(&self, stall: &mut Stall) -> Result<Option<Instant>, Lost> {
        match self.shared.limits.stall_max {
            None => Ok(None),
            Some(stall_max) => stall.end(stall_max).map_err(|lost| self.shared.fail(lost)),
        }
    }

    /// Waits for the outcome of a call that was sent.
    pub(crate) fn outcome(&self, begun: Begun, deadline: &mut Deadline) -> Outcome {
        self.await_answer(begun, None, deadline)
    }

    #[inline(never)]
    fn outcome_slowly(&self, begun: Begun, deadline: &mut Deadline) -> Outcome {
        let core = self.lock();
        self.await_outcome(core, begun, deadline)
    }

    /// The outcome of a call if it is there.
    pub(crate) fn try_outcome(&self, begun: Begun) -> Option<Outcome> {
        let mut core = self.lock();
        if let Some(outcome) = core.take_answer(begun) {
            return Some(outcome);
        }
        core.check_end();
        core.tickets.fetch(begun.ticket)
    }

    #[inline]
    fn await_outcome<'a>(&'a self, mut core: Locked<'a>, begun: Begun, deadline: &mut Deadline) -> Outcome {
        loop {
            if let Some(outcome) = core.take_answer(begun) {
                return outcome;
            }
            if core.end.is_some() {
                continue;
            }
            if *deadline != Deadline::None && deadline.is_past() {
                core.forget(begun);
                return Outcome::End(RpcError::DeadlineExceeded { may_have_executed: true });
            }
            core = self.wait_for(core, begun, deadline);
        }
    }

    #[inline]
    fn wait_for<'a>(&'a self, core: Locked<'a>, begun: Begun, deadline: &mut Deadline) -> Locked<'a> {
        let deadline = if *deadline == Deadline::None { None } else { deadline.instant() };
        self.wait(core, Awaited { ticket: Some(begun.ticket), ..Awaited::default() }, deadline)
    }

    /// Waits until one of several calls has its outcome: its place in `begun`. `None` when the deadline passed.
    pub(crate) fn any_outcome(&self, begun: &[Begun], deadline: &mut Deadline) -> Option<usize> {
        let mut core = self.lock();
        loop {
            core.pump(None);
            core.check_end();
            if let Some(place) = begun.iter().position(|begun| core.tickets.is_done(begun.ticket)) {
                return Some(place);
            }
            if deadline.is_past() {
                return None;
            }
            for begun in begun {
                let dropped = core.tickets.wait(begun.ticket, Waker::Thread(std::thread::current()));
                core.drop_later(dropped);
            }
            core = self.wait(core, Awaited::default(), deadline.instant());
        }
    }

    /// Waits for the next request to be served, and puts it in its place. False when the session is over.
    #[inline]
    pub(crate) fn request(&self, place: &mut Option<Arrived>) -> bool {
        *place = None;
        // Apart, as in `await_answer`.
        let short = self.briefly(|core| {
            let short = core.take_short_request();
            if short.is_none() {
                *place = core.take_long_request();
            }
            core.requests_follow = short.is_some();
            short
        });
        if let Some(request) = short {
            *place = Some(request.into());
        } else if place.is_none() {
            *place = self.request_slowly();
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
            if core.end.is_some() {
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
            let before = core.outbox.published();
            core.check_end();
            if core.reply(&mut reply, payload) {
                return;
            }
            if core.outbox.published() != before {
                stall = Stall::default();
            }
            match self.stall_end(&mut stall) {
                Ok(until) => core = self.wait(core, Awaited { freed: Some(freed), ..Awaited::default() }, until),
                Err(lost) => core.finish(lost.into()),
            }
        }
    }

    /// One round of waiting. Returns when what is awaited may be there, after the deadline, or without a reason.
    fn wait<'a>(&'a self, mut core: Locked<'a>, awaited: Awaited, deadline: Option<Instant>) -> Locked<'a> {
        if let Some(step) = self.instead_of_waiting.get() {
            drop(core);
            step.run();
            return self.lock();
        }
        // One that never sleeps is not woken either, so it looks for itself.
        if core.leading && self.shared.spin != Spin::Forever {
            return self.follow(core, awaited, deadline);
        }
        let led_by_another = std::mem::replace(&mut core.leading, true);
        let spinner = std::mem::replace(&mut core.spinner, Spinner::new());
        core.leader_is_blocked = awaited.freed.is_some();
        let mut core = self.lead(core, spinner, awaited, deadline);
        core.leading = led_by_another;
        core.leader_is_blocked = false;
        core.note_room();
        core
    }

    /// Looks at the ring for a while, then sleeps where the peer rings.
    fn lead<'a>(
        &'a self,
        mut core: Locked<'a>,
        mut spinner: Spinner,
        awaited: Awaited,
        deadline: Option<Instant>,
    ) -> Locked<'a> {
        let shared = &self.shared;
        let next = core.inbox.next();
        // Those who are blocked and do not lead are woken by whoever does: it waits for room on their behalf.
        core.note_room();
        let room = awaited.freed.or_else(|| core.room_for_blocked());
        core.leader_minds_room = room.is_some();
        // Read under the lock: a nudge from now on ends the wait, also before the sleep begins.
        let epoch = shared.epoch.load(Ordering::Acquire);
        drop(core);
        let is_there = |freed: Option<u64>| {
            ring::may_be_there(shared.peer.entries(), next)
                || shared.epoch.load(Ordering::Acquire) != epoch
                || freed.is_some_and(|freed| shared.freed() != freed)
        };
        let wishes =
            |freed: Option<u64>| [(Counter::Message, next), (Counter::Room, freed.unwrap_or(0).wrapping_add(1))];
        let looked = shared.spin != Spin::Never && look(|| is_there(room)) || {
            let wait = Wait { wishes: &wishes(room), is_there: &|| is_there(room), deadline };
            spinner.look(shared, &wait)
        };
        if looked {
            let mut core = self.lock();
            core.spinner = spinner;
            return core;
        }
        // What the peer may be waiting for is told before this side sleeps.
        shared.report_room();
        let mut core = self.lock();
        let freed = room.or_else(|| core.room_owed());
        let is_due = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_due || core.inbox.next() != next || is_there(freed) || core.check_end() {
            core.spinner = spinner;
            return core;
        }
        drop(core);
        let wishes = wishes(freed);
        let wishes = if freed.is_some() { &wishes[..] } else { wishes.get(..1).unwrap_or(&[]) };
        let slept = spinner.sleep(shared, &Wait { wishes, is_there: &|| is_there(freed), deadline });
        shared.beat();
        let mut core = self.lock();
        core.spinner = spinner;
        if let Err(lost) = slept {
            core.finish(RecvError::Lost(lost));
        }
        core
    }

    /// Waits parked, while another thread leads.
    #[cold]
    fn follow<'a>(&'a self, mut core: Locked<'a>, awaited: Awaited, deadline: Option<Instant>) -> Locked<'a> {
        let this = std::thread::current();
        let is_this = |thread: &Thread| thread.id() == this.id();
        if let Some(ticket) = awaited.ticket {
            let dropped = core.tickets.wait(ticket, Waker::Thread(this.clone()));
            core.drop_later(dropped);
        }
        if awaited.request {
            core.serving = Some(Waker::Thread(this.clone()));
        }
        if let Some(freed) = awaited.freed {
            core.blocked.push(Waker::Thread(this.clone()));
            if self.shared.freed() != freed {
                core.wake_blocked();
                return core;
            }
            // The leader wakes the blocked, and is to wait for room as well.
            if !core.leader_minds_room {
                core.nudge_leader();
            }
        }
        core.stand_by(this.clone());
        drop(core);
        match deadline {
            None => std::thread::park(),
            Some(deadline) => std::thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
        }
        let mut core = self.lock();
        core.standby.retain(|thread| !is_this(thread));
        core.blocked.retain(|waker| !matches!(waker, Waker::Thread(thread) if is_this(thread)));
        core
    }
}
