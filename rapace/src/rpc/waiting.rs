//! How threads wait on a link: one leads, the others are parked. See [`link`](super::link).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::engine::Ticket;
use super::error::RpcError;
use super::link::{Begin, Begun, Link, Locked, Target};
use super::serving::{Awaiting, NO_PARENT};
use super::streams::EndKey;
use super::tickets::Outcome;
use crate::doorbell::Counter;
use crate::error::RecvError;
use crate::lane::Outgoing;
use crate::layout::inline::{Lead, Several};
use crate::ring;
use crate::session::waiting::{Spinner, Wait, Waker};
use crate::session::{Spin, Stall};

/// What a thread waits for, beside the end of the session. Whoever holds the lock may bring it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Awaited {
    /// The outcome of a call.
    pub(super) ticket: Option<Ticket>,
    /// Room: that the peer's count of what it gave back is no longer this; or the turn to send.
    pub(super) freed: Option<u64>,
    /// A request to be served.
    pub(super) request: bool,
    /// A change at the end of a stream.
    pub(super) end: Option<EndKey>,
}

impl Link {
    /// Makes a call and waits for its outcome.
    #[inline(never)]
    pub(crate) fn call(self: &Arc<Self>, target: Target, payload: &Outgoing<'_>, deadline: &mut Deadline) -> Outcome {
        let core = self.lock();
        let (core, begun) = match self.begin_slowly(core, Begin::new(target), payload, deadline) {
            Ok(begun) => begun,
            Err(error) => return Outcome::End(error),
        };
        if self.services.is_some() {
            // What is called back is for this thread from the beginning, so it waits before anybody can take that out.
            let core = self.wait_for(core, begun, deadline);
            return self.await_outcome(core, begun, deadline);
        }
        let next = core.inbox.next();
        drop(core);
        // It cannot have its answer yet, so a look without the lock comes first.
        self.look_for_it(next);
        self.outcome_slowly(begun, deadline)
    }

    /// As [`call`](Self::call), but what is called back is left to whoever serves: no handler runs within this wait.
    #[cold]
    pub(crate) fn call_alone(&self, target: Target, payload: &Outgoing<'_>, deadline: &mut Deadline) -> Outcome {
        let core = self.lock();
        let (mut core, begun) = match self.begin_slowly(core, Begin::new(target), payload, deadline) {
            Ok(begun) => begun,
            Err(error) => return Outcome::End(error),
        };
        loop {
            if let Some(outcome) = core.take_answer(begun) {
                return outcome;
            }
            if core.end.is_some() || core.tickets.is_done(begun.ticket()) {
                continue;
            }
            if deadline.is_past() {
                core.forget(begun);
                return Outcome::End(RpcError::DeadlineExceeded { may_have_executed: true });
            }
            let awaited = Awaited { ticket: Some(begun.ticket()), ..Awaited::default() };
            core = self.wait(core, awaited, deadline.instant());
        }
    }

    /// As [`call`](Self::call), of a request that its descriptor carries.
    pub(crate) fn call_short(self: &Arc<Self>, target: Target, lead: Lead<'_>, deadline: &mut Deadline) -> Outcome {
        if let Some(services) = &self.services {
            return self.call_short_and_serve(services, target, lead, deadline);
        }
        let begun = self.briefly(|core| {
            let begun = core.begin_short(target, lead, deadline.timeout_us()?)?;
            Some((begun, core.inbox.next()))
        });
        let Some((begun, next)) = begun else {
            return self.call(target, &Outgoing::short(lead.to_inline()), deadline);
        };
        if !self.look_for_it(next) {
            return self.outcome_slowly(begun, deadline);
        }
        // Apart from other answers, so that what was just taken out is not copied in
        // pieces of another size, which stalls the processor.
        let answer = self.briefly(|core| {
            let answer = core.take_fresh_answer(begun)?;
            // Nobody but this thread waits for it, which did not say so yet.
            core.tickets.give_back_unused(begun.ticket());
            Some(answer)
        });
        match answer {
            Some((status, inline)) => Outcome::Short(status, inline),
            None => self.outcome_slowly(begun, deadline),
        }
    }

    /// Looks, for about as long as a short handler takes, whether message `next` comes, before the long way of waiting. Whoever
    /// leads may look as well.
    #[inline]
    pub(super) fn look_for_it(&self, next: u64) -> bool {
        match self.instead_of_waiting.get() {
            Some(step) => {
                step.run();
                true
            }
            None => {
                let entries = self.shared.peer.entries();
                self.shared.look_first(|| ring::may_be_there(entries, next))
            }
        }
    }

    /// Sends a request, waiting for room.
    pub(crate) fn start(
        &self,
        target: Target,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<Begun, RpcError> {
        let core = self.lock();
        self.begin_slowly(core, Begin::new(target), payload, deadline).map(|(_, begun)| begun)
    }

    /// Sends a request that its descriptor carries, if nothing is out of the ordinary; else nothing is done.
    #[inline(never)]
    pub(crate) fn start_short(&self, target: Target, lead: Lead<'_>, timeout_us: u32) -> Option<Begun> {
        self.briefly(|core| core.begin_short(target, lead, timeout_us))
    }

    /// Sends requests of one method and without a timeout, from the one with number `from` on, with one look for a sleeping peer:
    /// as many as go without a wait while nothing is out of the ordinary. The number of the first that is not sent. The calls are put
    /// behind `begun`, which has room for them.
    #[inline(never)]
    pub(super) fn start_several(
        &self,
        target: Target,
        several: &Several,
        from: usize,
        begun: &mut VecDeque<Option<Begun>>,
    ) -> usize {
        let mut next = from;
        self.briefly(|core| {
            next = core.begin_several(target, several, from, |call| begun.push_back(Some(call)));
            Some(())
        });
        next
    }

    /// Sends a request if there is room for all of it now.
    pub(crate) fn try_start(
        &self,
        target: Target,
        payload: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<Option<Begun>, RpcError> {
        let mut begin = Begin::new(target);
        let mut core = self.lock();
        // What came may be what makes room.
        core.pump(None);
        let begun = core.begin(&mut begin, payload, deadline)?;
        if begun.is_none() {
            core.give_up(&mut begin);
            core.check_end();
        }
        Ok(begun)
    }

    /// As [`start`](Self::start), of a call with streams; with their ends on this side.
    pub(crate) fn start_streaming(
        &self,
        begin: Begin,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<(Begun, Vec<EndKey>), RpcError> {
        let core = self.lock();
        let (mut core, begun) = self.begin_slowly(core, begin, payload, deadline)?;
        let ends = core.hold_streams(begun);
        Ok((begun, ends))
    }

    /// As [`try_start`](Self::try_start), of a call with streams; with their ends on this side.
    pub(crate) fn try_start_streaming(
        &self,
        mut begin: Begin,
        payload: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<Option<(Begun, Vec<EndKey>)>, RpcError> {
        let mut core = self.lock();
        core.pump(None);
        let begun = core.begin(&mut begin, payload, deadline)?;
        if begun.is_none() {
            core.give_up(&mut begin);
            core.check_end();
        }
        Ok(begun.map(|begun| (begun, core.hold_streams(begun))))
    }

    #[inline(never)]
    fn begin_slowly<'a>(
        &'a self,
        mut core: Locked<'a>,
        mut begin: Begin,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<(Locked<'a>, Begun), RpcError> {
        if let Some(begun) = core.begin(&mut begin, payload, *deadline)? {
            return Ok((core, begun));
        }
        let mut stall = Stall::default();
        loop {
            // What came may be what makes room.
            core.pump(None);
            // Counted before the try, so that what is given back after it ends the wait.
            let freed = self.shared.freed();
            if let Some(begun) = core.begin(&mut begin, payload, *deadline)? {
                return Ok((core, begun));
            }
            stall.look(core.outbox.published());
            if begin.waits_for_place() || !core.outbox.is_fragmented(payload) && core.waits_for_handlers() {
                // It comes back when a handler is done or begun, however much the peer takes.
                stall = Stall::default();
            }
            if core.check_end() {
                core.give_up(&mut begin);
                continue;
            }
            if deadline.is_past() {
                core.give_up(&mut begin);
                return Err(RpcError::DeadlineExceeded { may_have_executed: false });
            }
            let awaited = Awaited { freed: Some(freed), ..Awaited::default() };
            core = self.wait_or_stall(core, awaited, &mut stall, deadline);
        }
    }

    /// As [`wait`](Self::wait), of a send: when nothing has gone for too long, the session is over.
    pub(super) fn wait_or_stall<'a>(
        &'a self,
        mut core: Locked<'a>,
        awaited: Awaited,
        stall: &mut Stall,
        deadline: &mut Deadline,
    ) -> Locked<'a> {
        let stall_end = match self.shared.limits.stall_max.map(|stall_max| stall.end(stall_max)).transpose() {
            Ok(end) => end.flatten(),
            Err(lost) => {
                core.finish(self.shared.fail(lost).into());
                return core;
            }
        };
        let until = [deadline.instant(), stall_end].into_iter().flatten().min();
        self.wait(core, awaited, until)
    }

    /// Waits for the outcome of a call that was sent.
    pub(crate) fn outcome(self: &Arc<Self>, begun: Begun, deadline: &mut Deadline) -> Outcome {
        // Apart, as in `call_short`.
        match self.briefly(|core| core.take_short_answer(begun)) {
            Some((status, inline)) => Outcome::Short(status, inline),
            None => self.outcome_slowly(begun, deadline),
        }
    }

    #[inline(never)]
    fn outcome_slowly(self: &Arc<Self>, begun: Begun, deadline: &mut Deadline) -> Outcome {
        let mut core = self.lock();
        // The short way was tried, or the answer is not expected to be short.
        match core.take_long_answer(begun) {
            Some(outcome) => outcome,
            None => self.await_outcome(core, begun, deadline),
        }
    }

    /// The outcome of a call if it is there.
    pub(crate) fn try_outcome(&self, begun: Begun) -> Option<Outcome> {
        let mut core = self.lock();
        if let Some(outcome) = core.take_answer(begun) {
            return Some(outcome);
        }
        core.check_end();
        core.tickets.fetch(begun.ticket())
    }

    #[inline]
    pub(super) fn await_outcome<'a>(
        self: &'a Arc<Self>,
        mut core: Locked<'a>,
        begun: Begun,
        deadline: &mut Deadline,
    ) -> Outcome {
        let mut unread_since = None;
        loop {
            if let Some(outcome) = core.take_answer(begun) {
                return outcome;
            }
            // It may have brought this call's end without an answer.
            if core.end.is_some() || core.tickets.is_done(begun.ticket()) {
                continue;
            }
            if *deadline != Deadline::None && deadline.is_past() {
                core.forget(begun);
                return Outcome::End(RpcError::DeadlineExceeded { may_have_executed: true });
            }
            if core.engine.has_streams() {
                core = match self.wait_for_reader(core, begun, deadline, &mut unread_since) {
                    Ok(core) => core,
                    Err(error) => return Outcome::End(error),
                };
                continue;
            }
            core = self.wait_for(core, begun, deadline);
        }
    }

    /// How long a reader that never reads is waited for. Looks follow each other no faster, whatever the limit says.
    pub(crate) fn patience_with_readers(&self) -> Duration {
        self.shared.limits.hang_after.max(Duration::from_millis(1))
    }

    /// As [`wait_for`](Self::wait_for), where the call may wait for a reader that never reads: then it would not end. One that
    /// reads is given the time that a peer is before it counts as unresponsive.
    #[cold]
    fn wait_for_reader<'a>(
        self: &'a Arc<Self>,
        mut core: Locked<'a>,
        begun: Begun,
        deadline: &mut Deadline,
        unread_since: &mut Option<Instant>,
    ) -> Result<Locked<'a>, RpcError> {
        let patience = self.patience_with_readers();
        if !core.engine.is_unread(begun.call()) {
            *unread_since = None;
        } else if unread_since.get_or_insert_with(Instant::now).elapsed() >= patience {
            core.forget(begun);
            return Err(RpcError::StreamNotRead);
        }
        // Looked at again after a while, since another thread may take out what makes it so.
        let again = if core.engine.may_be_unread(begun.call()) { Instant::now().checked_add(patience) } else { None };
        let until = [deadline.instant(), again].into_iter().flatten().min();
        let awaited = Awaited { ticket: Some(begun.ticket()), ..Awaited::default() };
        Ok(self.wait_and_serve(core, &[begun], awaited, until))
    }

    #[inline]
    fn wait_for<'a>(self: &'a Arc<Self>, core: Locked<'a>, begun: Begun, deadline: &mut Deadline) -> Locked<'a> {
        let deadline = if *deadline == Deadline::None { None } else { deadline.instant() };
        let awaited = Awaited { ticket: Some(begun.ticket()), ..Awaited::default() };
        if core.services.is_some() {
            return self.wait_and_serve(core, &[begun], awaited, deadline);
        }
        self.wait(core, awaited, deadline)
    }

    /// One round of waiting for the answers to calls, or the handling of what was called back meanwhile.
    fn wait_and_serve<'a>(
        self: &'a Arc<Self>,
        mut core: Locked<'a>,
        begun: &[Begun],
        awaited: Awaited,
        deadline: Option<Instant>,
    ) -> Locked<'a> {
        let this = std::thread::current();
        let awaiting = |handles| {
            let thread = this.clone();
            begun.iter().map(move |begun| Awaiting { call: begun.call(), thread: Some(thread.clone()), handles })
        };
        // Not those of the wait that this one is nested in.
        let is_this = |other: &Awaiting| begun.iter().any(|begun| begun.call() == other.call);
        if let Some(services) = &self.services {
            if let Some(request) = begun.iter().find_map(|begun| core.take_nested(begun.call())) {
                core.awaiting.extend(awaiting(request.call));
                drop(core);
                self.handle_nested(services, request);
                let mut core = self.lock();
                core.awaiting.retain(|other| !is_this(other));
                core.offer_requests();
                return core;
            }
        }
        core.awaiting.extend(awaiting(NO_PARENT));
        let mut core = self.wait(core, awaited, deadline);
        core.awaiting.retain(|other| !is_this(other));
        core.offer_requests();
        core
    }

    /// Waits until one of several calls has its outcome: its place in `begun`. `None` when the deadline passed.
    pub(crate) fn any_outcome(self: &Arc<Self>, begun: &[Begun], deadline: &mut Deadline) -> Option<usize> {
        let mut core = self.lock();
        loop {
            core.pump(None);
            core.check_end();
            if let Some(place) = begun.iter().position(|begun| core.tickets.is_done(begun.ticket())) {
                return Some(place);
            }
            if deadline.is_past() {
                return None;
            }
            for begun in begun {
                let dropped = core.tickets.wait(begun.ticket(), Waker::Thread(std::thread::current()));
                core.drop_later(dropped);
            }
            core = self.wait_and_serve(core, begun, Awaited::default(), deadline.instant());
        }
    }

    /// One round of waiting. Returns when what is awaited may be there, after the deadline, or without a reason.
    pub(super) fn wait<'a>(&'a self, mut core: Locked<'a>, awaited: Awaited, deadline: Option<Instant>) -> Locked<'a> {
        if let Some(step) = self.instead_of_waiting.get() {
            drop(core);
            step.run();
            return self.lock();
        }
        // One that never sleeps is not woken either, so it looks for itself.
        if core.is_led() && self.shared.spin != Spin::Forever {
            return match self.look_beside(core, &awaited, deadline) {
                Ok(core) => core,
                Err(core) => self.follow(core, awaited, deadline),
            };
        }
        // Of those that never sleep several lead at once, and end in any order.
        core.leaders = core.leaders.saturating_add(1);
        let spinner = std::mem::replace(&mut core.spinner, Spinner::new());
        let blocked = usize::from(awaited.freed.is_some());
        core.leaders_blocked = core.leaders_blocked.saturating_add(blocked);
        let at_end = usize::from(awaited.end.is_some());
        core.leaders_at_ends = core.leaders_at_ends.saturating_add(at_end);
        let mut core = self.lead(core, spinner, awaited, deadline);
        core.leaders_at_ends = core.leaders_at_ends.saturating_sub(at_end);
        core.leaders = core.leaders.saturating_sub(1);
        core.leaders_blocked = core.leaders_blocked.saturating_sub(blocked);
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
        // Those who are blocked and do not lead are woken by whoever does: it waits for room on their behalf, and for what
        // is owed. What comes to be owed later ends this wait.
        core.note_room();
        let owed = core.room_owed();
        let room = awaited.freed.or_else(|| core.room_for_blocked()).or(owed);
        // None comes any more of a peer that says it takes nothing. If it does not say that it closed, too, it lies.
        let room = room.filter(|_| !shared.peer_stopped());
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
        let looked = shared.look_first(|| is_there(room)) || {
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
        let is_due = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_due || core.inbox.next() != next || is_there(room) || core.check_end() {
            core.spinner = spinner;
            return core;
        }
        core.serving_sleeps = awaited.request;
        drop(core);
        let wishes = wishes(room);
        let wishes = if room.is_some() { &wishes[..] } else { wishes.get(..1).unwrap_or(&[]) };
        let slept = spinner.sleep(shared, &Wait { wishes, is_there: &|| is_there(room), deadline });
        shared.beat();
        let mut core = self.lock();
        core.serving_sleeps = false;
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
            core.wait_for_requests(Waker::Thread(this.clone()));
        }
        if let Some(end) = awaited.end {
            core.wait_at_end(end, Waker::Thread(this.clone()));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::OnceLock;

    use super::*;
    use crate::layout::inline::Inline;
    use crate::rpc::request::{Handled, Request};
    use crate::rpc::service::{MethodInfo, Serve, Service, Services};
    use crate::rpc::serving::Replying;
    use crate::rpc::setting::Setting;
    use crate::rpc::simulation::until;
    use crate::rpc::status::Status;
    use crate::session::{Config, pair_with};

    type Step = Box<dyn Fn() + Send + Sync>;

    /// Answers, and does something before it is done.
    struct Lingers(Arc<OnceLock<Step>>);

    impl Serve for Lingers {
        fn service(&self) -> &'static Service {
            static SERVICE: OnceLock<Service> = OnceLock::new();
            SERVICE.get_or_init(|| Service::new("Lingers", vec![MethodInfo::new("", "", |_| {})]))
        }

        fn call(&self, _: usize, request: Request<'_>) -> Handled {
            let handled = request.unknown_method();
            self.0.get().unwrap()();
            handled
        }
    }

    #[test]
    fn what_was_left_to_a_thread_that_got_its_answer_meanwhile_is_served() {
        let lingers = Arc::new(OnceLock::new());
        let services = Services::new(vec![Arc::new(Lingers(Arc::clone(&lingers)))], Setting::default()).unwrap();
        let (a, b) = pair_with(&Config { spin: Spin::Never, ..Config::default() }).unwrap();
        let (a, b) = (Link::new(a, Some(Arc::clone(&services))), Link::new(b, Some(services)));
        let nothing = Outgoing::short(Inline::default());

        let calling = std::thread::spawn({
            let b = Arc::clone(&b);
            move || {
                let nothing = Outgoing::short(Inline::default());
                b.call(Target { method: 1, parent: 0 }, &nothing, &mut Deadline::None)
            }
        });
        until(|| b.lock().is_led());
        let serving = std::thread::spawn({
            let b = Arc::clone(&b);
            move || b.request(&mut None)
        });
        until(|| !b.lock().standby.is_empty());
        let outer = a.lock().take_any_request().unwrap();
        let back = Target { method: 1, parent: outer.call.0 };
        // The first call back is answered; then comes the second one, for the same thread, and the answer to the outer call.
        let step: Step = Box::new({
            // Weak, since the links hold the service, and it holds this.
            let weak = (Arc::downgrade(&a), Arc::downgrade(&b));
            move || {
                let (a, b) = (weak.0.upgrade().unwrap(), weak.1.upgrade().unwrap());
                let nothing = Outgoing::short(Inline::default());
                a.start(back, &nothing, &mut Deadline::None).unwrap();
                assert!(a.lock().reply(&mut Replying::new(outer.call, Status::Ok), &nothing));
                until(|| b.lock().requests.len() == 1 && b.lock().is_led());
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        assert!(lingers.set(step).is_ok());
        a.start(back, &nothing, &mut Deadline::None).unwrap();
        assert!(matches!(calling.join().unwrap(), Outcome::Answer(Status::Ok, _) | Outcome::Short(Status::Ok, _)));
        until(|| serving.is_finished());
        assert!(serving.join().unwrap());
    }

    /// Takes its time for the first one.
    struct Answers(std::sync::atomic::AtomicBool);

    impl Serve for Answers {
        fn service(&self) -> &'static Service {
            static SERVICE: OnceLock<Service> = OnceLock::new();
            SERVICE.get_or_init(|| Service::new("Answers", vec![MethodInfo::new("", "", |_| {})]))
        }

        fn call(&self, _: usize, request: Request<'_>) -> Handled {
            if !self.0.swap(true, Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
            }
            request.unknown_method()
        }
    }

    #[test]
    fn a_call_back_is_handled_though_the_time_of_the_one_before_it_is_over() {
        let services = Services::new(vec![Arc::new(Answers(false.into()))], Setting::default()).unwrap();
        let (a, b) = pair_with(&Config { spin: Spin::Never, ..Config::default() }).unwrap();
        let (a, b) = (Link::new(a, Some(Arc::clone(&services))), Link::new(b, Some(services)));
        let nothing = Outgoing::short(Inline::default());
        let calling = std::thread::spawn({
            let b = Arc::clone(&b);
            move || {
                let nothing = Outgoing::short(Inline::default());
                b.call(Target { method: 1, parent: 0 }, &nothing, &mut Deadline::None)
            }
        });
        until(|| b.lock().is_led() && b.shared.own.words().noted.sleeps.load(Ordering::Relaxed) > 0);
        let outer = a.lock().take_any_request().unwrap();
        let back = Target { method: 1, parent: outer.call.0 };
        let first = a.start(back, &nothing, &mut Deadline::None).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        // While that is handled two more come, and the time of one of them does not last that long.
        let late = a.start(back, &nothing, &mut Deadline::After(Duration::from_millis(5))).unwrap();
        let second = a.start(back, &nothing, &mut Deadline::None).unwrap();
        b.lock().pump(None);
        assert_eq!(b.lock().requests.len(), 2);
        until(|| a.try_outcome(first).is_some());
        until(|| a.try_outcome(late).is_some());
        until(|| a.try_outcome(second).is_some());
        assert!(a.lock().reply(&mut Replying::new(outer.call, Status::Ok), &nothing));
        calling.join().unwrap();
    }
}
