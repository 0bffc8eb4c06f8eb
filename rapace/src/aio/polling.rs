//! How a future waits for something of a link: it looks for a while, coming back to its runtime between two looks, then
//! leaves its waker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::time::{Sleep, sleep_until};

use super::watch::keep_watch;
use crate::doorbell::{Bed, Counter};
use crate::ring;
use crate::rpc::deadline::Deadline;
use crate::rpc::error::RpcError;
use crate::rpc::link::{Begun, Core, Link};
use crate::rpc::serving::Arrived;
use crate::rpc::tickets::Outcome;
use crate::session::Spin;
use crate::session::shared::Shared;
use crate::session::waiting::{Looking, Patience, Spinner, Waker, look};

/// Looks with a pause that a future takes at most before it comes back to its runtime: less than a microsecond.
const PAUSES: u32 = 24;
/// A runtime that comes round later than this has other work, and is not kept from it by looking. One without takes a
/// system call.
const ROUND: Duration = Duration::from_micros(10);
/// How often one poll finds that something came just when it was about to sleep: a peer that never stops outlasts no deadline of
/// the same task, and keeps no other task from running.
pub(super) const ROUNDS: u32 = 4;

/// How far the wait of one future has got; nothing before its first look, with which most waits end.
#[derive(Debug, Default)]
pub(crate) struct Look(Option<Box<Waited>>);

#[derive(Debug)]
struct Waited {
    /// When it began to look, or to sleep.
    since: Instant,
    /// When it came back to its runtime.
    last: Instant,
    patience: Patience,
    is_asleep: bool,
}

impl Look {
    /// Looks. True if it came, or the future is to look again when its runtime comes round.
    fn look(&mut self, shared: &Shared, patience: Patience, is_there: impl Fn() -> bool) -> bool {
        match &mut self.0 {
            None => look(&is_there) || pause(&is_there) || self.look_on(shared, patience),
            Some(waited) if waited.is_asleep => false,
            Some(waited) => {
                let now = Instant::now();
                let is_over = now.duration_since(waited.since) >= waited.patience.time;
                let is_busy = now.duration_since(waited.last) >= ROUND;
                let found = is_there() || !is_over && !is_busy && pause(&is_there);
                waited.last = Instant::now();
                found || !is_over && !is_busy
            }
        }
    }

    /// Begins to look longer, if that paid off lately.
    fn look_on(&mut self, shared: &Shared, patience: Patience) -> bool {
        // Where there is no runtime the waker's turn comes to say so.
        if patience.time.is_zero() || shared.shares_cpu() || Handle::try_current().is_err() {
            return false;
        }
        let now = Instant::now();
        self.0 = Some(Box::new(Waited { since: now, last: now, patience, is_asleep: false }));
        true
    }

    /// What was waited for is there.
    #[cold]
    fn learn(&mut self, shared: &Shared, spinner: &mut Spinner) {
        let Some(waited) = self.0.take() else { return };
        let took = waited.since.elapsed();
        if waited.is_asleep {
            spinner.adapt(took);
        } else {
            waited.end(shared, spinner, Some(took));
        }
    }

    /// It leaves its waker, and sleeps from now on.
    fn sleep(&mut self, shared: &Shared, spinner: &mut Spinner) {
        let now = Instant::now();
        let fresh = Waited { since: now, last: now, patience: Patience::default(), is_asleep: true };
        match &mut self.0 {
            Some(waited) if waited.is_asleep => {}
            Some(waited) => {
                waited.end(shared, spinner, None);
                **waited = fresh;
            }
            None => self.0 = Some(Box::new(fresh)),
        }
    }
}

impl Waited {
    /// It looked for so long until it came, or in vain.
    fn end(&self, shared: &Shared, spinner: &mut Spinner, found_after: Option<Duration>) {
        let noted = &shared.own.words().noted;
        shared.note(&noted.spins);
        if found_after.is_some() {
            shared.note(&noted.spins_found);
        }
        if self.patience.is_probe {
            spinner.probed(found_after);
        }
    }
}

/// Looks with pauses, unless threads of this process look as well and no CPU would be left.
fn pause(is_there: impl Fn() -> bool) -> bool {
    let Some(_looking) = Looking::start() else { return false };
    (0..PAUSES).any(|_| {
        std::hint::spin_loop();
        is_there()
    })
}

impl Link {
    /// Tries something under the lock until it succeeds, after each receive step; `register` says who is to be woken.
    pub(super) fn poll_until<T>(
        self: &Arc<Self>,
        cx: &Context<'_>,
        wants_room: bool,
        mut look: Option<&mut Look>,
        mut attempt: impl FnMut(&mut Core) -> Option<T>,
        mut register: impl FnMut(&mut Core, Waker),
    ) -> Poll<Result<T, RpcError>> {
        let shared = &self.shared;
        let learns = shared.spin == Spin::Adaptive;
        let mut may_look = learns;
        let mut waker = None;
        let mut rounds: u32 = 0;
        loop {
            let mut core = self.lock();
            // Counted before the try, so that what is given back after it is noticed.
            let freed = if wants_room && core.end.is_none() { shared.freed() } else { 0 };
            if let Some(done) = attempt(&mut core) {
                // A forked child has nothing to write to what was learnt.
                if let Some(look) = look
                    && look.0.is_some()
                    && core.end.is_none()
                {
                    look.learn(shared, &mut core.spinner_of_tasks);
                }
                return Poll::Ready(Ok(done));
            }
            let ended = core.check_end();
            let next = core.inbox.next();
            let is_there = || ring::may_be_there(shared.peer.entries(), next) || wants_room && shared.freed() != freed;
            if ended {
                // Everybody has got an end by now.
                if let Some(done) = attempt(&mut core) {
                    return Poll::Ready(Ok(done));
                }
            }
            // A waker is foreign code, so it is cloned without the lock; then everything is tried again.
            let Some(known) = waker.take() else {
                let looks = std::mem::take(&mut may_look) && core.engine.in_flight() <= 1 && !ended;
                let patience = core.spinner_of_tasks.patience();
                drop(core);
                let looks = looks
                    && match &mut look {
                        Some(look) => look.look(shared, patience, is_there),
                        None => Look::default().look(shared, Patience::default(), is_there),
                    };
                if looks && !is_there() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                waker = (!looks).then(|| cx.waker().clone());
                continue;
            };
            let owes = core.room_owed();
            if wants_room || owes.is_some() {
                // The wish below may take the place of one that somebody else raised and whose number has come: that is told now, as
                // the peer may look at the new one only. Before this one is among the blocked.
                core.note_room();
            }
            register(&mut core, Waker::Task(known));
            if let Some(look) = &mut look
                && learns
                && core.engine.in_flight() <= 1
            {
                look.sleep(shared, &mut core.spinner_of_tasks);
            }
            drop(core);
            // The peer may be waiting for room just as this side is.
            shared.report_room();
            if shared.spin == Spin::Forever {
                // It is not rung, so it looks again when the runtime comes round.
                shared.mind_death();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Err(error) = keep_watch(self) {
                return Poll::Ready(Err(error));
            }
            shared.raise(Bed::Socket, Counter::Message, next);
            let room = owes.or(wants_room.then_some(freed));
            if let Some(freed) = room {
                shared.raise(Bed::Socket, Counter::Room, freed.wrapping_add(1));
            }
            let has_moved = room.is_some_and(|freed| shared.freed() != freed);
            if !has_moved && !is_there() && !shared.is_over() && !shared.peer_closed() {
                shared.note(&shared.own.words().noted.sleeps);
                return Poll::Pending;
            }
            rounds = rounds.saturating_add(1);
            if rounds >= ROUNDS {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Tries something that wants room.
    pub(super) fn poll_room<T>(
        self: &Arc<Self>,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&mut Core) -> Option<T>,
    ) -> Poll<Result<T, RpcError>> {
        let attempt = |core: &mut Core| {
            core.pump(None);
            attempt(core)
        };
        self.poll_until(cx, true, None, attempt, |core, waker| core.block(waker))
    }

    /// The answer, if it is there and short. Apart from others, as in `call_short`.
    fn take_short(&self, begun: Begun) -> Option<Outcome> {
        let (status, inline) = self.briefly(|core| core.take_short_answer(begun))?;
        Some(Outcome::Short(status, inline))
    }

    fn poll_outcome(
        self: &Arc<Self>,
        cx: &Context<'_>,
        begun: Begun,
        look: &mut Look,
    ) -> Poll<Result<Outcome, RpcError>> {
        let attempt = |core: &mut Core| core.take_answer(begun);
        self.poll_until(cx, false, Some(look), attempt, |core, waker| core.wait_for(begun.ticket(), waker))
    }

    /// The next request to be served; `None` when the session is over, or all is answered after a goodbye.
    pub(crate) fn poll_request(
        self: &Arc<Self>,
        cx: &Context<'_>,
        look: &mut Look,
    ) -> Poll<Result<Option<Arrived>, RpcError>> {
        let attempt = |core: &mut Core| match core.take_any_request() {
            Some(request) => Some(Some(request)),
            None if core.end.is_some() || core.has_said_all() => Some(None),
            None => None,
        };
        self.poll_until(cx, false, Some(look), attempt, |core, waker| core.wait_for_requests(waker))
    }
}

/// Wakes a future at its deadline, by the runtime that polls it: another one may rest, or have ended.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<(Id, Pin<Box<Sleep>>)>);

impl Timer {
    /// Ready when the deadline is past.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<(), RpcError>> {
        let Some(instant) = deadline.instant() else { return Poll::Pending };
        if Instant::now() >= instant {
            return Poll::Ready(Ok(()));
        }
        let Ok(runtime) = Handle::try_current() else { return Poll::Ready(Err(RpcError::NoRuntime)) };
        let id = runtime.id();
        let known = self.0.take().filter(|(at, _)| *at == id);
        // In a runtime without time, and in one that is shutting down, tokio panics instead of saying so.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let (_, mut sleep) = known.unwrap_or_else(|| (id, Box::pin(sleep_until(instant.into()))));
            let polled = sleep.as_mut().poll(cx);
            self.0 = Some((id, sleep));
            polled
        }));
        polled.map_or(Poll::Ready(Err(RpcError::NoRuntime)), |polled| polled.map(Ok))
    }
}

/// How a call that was sent is waited for.
#[derive(Debug, Default)]
pub(crate) struct CallWait {
    pub(super) timer: Timer,
    unread: Unread,
    look: Look,
}

impl CallWait {
    #[inline]
    fn learn(&mut self, link: &Link) {
        if self.look.0.is_some() {
            self.look.learn(&link.shared, &mut link.lock().spinner_of_tasks);
        }
    }

    /// Polls for the outcome. What is left of it after an error is cancelled when its owner is dropped.
    pub(super) fn poll(
        &mut self,
        link: &Arc<Link>,
        begun: Begun,
        deadline: &mut Deadline,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Outcome, RpcError>> {
        if let Some(outcome) = link.take_short(begun) {
            self.learn(link);
            return Poll::Ready(Ok(outcome));
        }
        if let Poll::Ready(outcome) = link.poll_outcome(cx, begun, &mut self.look) {
            return Poll::Ready(outcome);
        }
        let late = RpcError::DeadlineExceeded { may_have_executed: true };
        match self.timer.poll(cx, deadline) {
            Poll::Ready(due) => Poll::Ready(Err(due.err().unwrap_or(late))),
            Poll::Pending => self.unread.poll(link, begun, cx).map(Err),
        }
    }
}

/// Polls for the outcome of a call of which its owner has only the handle: such are kept and moved by the thousand, and few of
/// them wait.
pub(super) fn poll_begun(
    wait: &mut Option<Box<CallWait>>,
    link: &Arc<Link>,
    begun: Begun,
    deadline: &mut Deadline,
    cx: &mut Context<'_>,
) -> Poll<Result<Outcome, RpcError>> {
    if wait.is_none()
        && let Some(outcome) = link.take_short(begun)
    {
        return Poll::Ready(Ok(outcome));
    }
    wait.get_or_insert_default().poll(link, begun, deadline, cx)
}

/// Whether a call waits for a reader that never reads: then it would not end. It is looked at again after the time that a
/// peer is given before it counts as unresponsive, and only of a call that has a reader on this side.
#[derive(Debug, Default)]
pub(crate) struct Unread(Option<Box<Looks>>);

#[derive(Debug)]
struct Looks {
    next: Deadline,
    timer: Timer,
    /// The last look found it so.
    is_unread: bool,
}

impl Unread {
    #[inline]
    fn poll(&mut self, link: &Link, begun: Begun, cx: &mut Context<'_>) -> Poll<RpcError> {
        let (may_be, is_unread) = {
            let mut core = link.lock();
            let engine = &mut core.engine;
            let may_be = engine.has_streams() && engine.may_be_unread(begun.call());
            (may_be, may_be && engine.is_unread(begun.call()))
        };
        if may_be { self.poll_look(link, is_unread, cx) } else { Poll::Pending }
    }

    #[cold]
    fn poll_look(&mut self, link: &Link, is_unread: bool, cx: &mut Context<'_>) -> Poll<RpcError> {
        let patience = Deadline::After(link.patience_with_readers());
        let fresh = || Box::new(Looks { next: patience, timer: Timer::default(), is_unread: false });
        let looks = self.0.get_or_insert_with(fresh);
        while let Poll::Ready(due) = looks.timer.poll(cx, &mut looks.next) {
            if let Err(error) = due {
                return Poll::Ready(error);
            }
            if looks.is_unread && is_unread {
                return Poll::Ready(RpcError::StreamNotRead);
            }
            **looks = Looks { next: patience, timer: Timer::default(), is_unread };
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::lane::Outgoing;
    use crate::layout::inline::Inline;
    use crate::rpc::link::Target;
    use crate::rpc::simulation::links;
    use crate::session::Config;

    #[derive(Debug, Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_future_looks_each_time_that_its_runtime_comes_round_and_then_sleeps() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _guard = runtime.enter();
        let [a, _b] = links(&Config::default());
        let woken = Arc::new(Woken::default());
        let waker = std::task::Waker::from(Arc::clone(&woken));
        let times = || woken.0.load(Ordering::Relaxed);
        let target = Target { method: 1, parent: 0 };
        let begun = a.start(target, &Outgoing::short(Inline::default()), &mut Deadline::None).unwrap();
        let mut look = Look::default();
        let mut poll = || a.poll_outcome(&Context::from_waker(&waker), begun, &mut look).is_pending();

        // It is not the peer's turn to ring, so the future has itself polled again.
        assert!(poll());
        assert_eq!(times(), 1);
        assert!(!a.lock().has_waiting_tasks());

        // The runtime had something else to do, which looking would hold up.
        std::thread::sleep(ROUND * 2);
        assert!(poll());
        assert_eq!(times(), 1);
        assert!(a.lock().has_waiting_tasks());

        // One that sleeps does not begin to look because it is polled.
        assert!(poll());
        assert_eq!(times(), 1);
    }

    #[test]
    fn looking_ends_when_sleeps_were_long_and_comes_back_when_one_was_short() {
        let [a, _b] = links(&Config::default());
        let mut spinner = Spinner::new();
        for _ in 0..8 {
            let since = Instant::now().checked_sub(Duration::from_millis(5)).unwrap();
            let patience = Patience::default();
            Look(Some(Box::new(Waited { since, last: since, patience, is_asleep: true })))
                .learn(&a.shared, &mut spinner);
        }
        assert!(spinner.patience().time.is_zero());
        let mut look = Look::default();
        assert!(!look.look(&a.shared, spinner.patience(), || false), "it does not come round again");
        look.sleep(&a.shared, &mut spinner);
        look.learn(&a.shared, &mut spinner);
        assert!(!spinner.patience().time.is_zero());
    }
}
