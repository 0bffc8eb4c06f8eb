//! Calls, awaited: polled by the same link that threads wait on.
//!
//! A future that finds nothing leaves its waker with the link and raises the wish to be rung. The ring is heard by the
//! [watch](super::watch) of its runtime, which runs the receive step and wakes whose answer came. So a future that is not
//! polled keeps nobody else from its answer.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::runtime::{Handle, Id};
use tokio::time::{Sleep, sleep_until};

use super::roaming::{Roaming, place, poll_place, survive};
use super::watch::keep_watch;

use crate::codec::Encoder;
use crate::doorbell::{Bed, Counter};
use crate::lane::{Kept, Outgoing};
use crate::ring;
use crate::rpc::call::{Call, decode, prepared};
use crate::rpc::deadline::Deadline;
use crate::rpc::direct::Direct;
use crate::rpc::error::RpcError;
use crate::rpc::link::{Begin, Begun, Core, Link};
use crate::rpc::method::Method;
use crate::rpc::pending::Pending;
use crate::rpc::serving::{Arrived, Replying};
use crate::rpc::streams::EndKey;
use crate::rpc::tickets::Outcome;
use crate::rpc::watch::Watch;
use crate::session::Spin;
use crate::session::waiting::{Waker, look};

/// Looks with a pause that a future takes at most: less than a microsecond.
const PAUSES: u32 = 24;

impl Link {
    /// Tries something under the lock until it succeeds, after each receive step; `register` says who is to be woken.
    pub(super) fn poll_until<T>(
        self: &Arc<Self>,
        cx: &Context<'_>,
        wants_room: bool,
        mut attempt: impl FnMut(&mut Core) -> Option<T>,
        mut register: impl FnMut(&mut Core, Waker),
    ) -> Poll<Result<T, RpcError>> {
        let shared = &self.shared;
        let mut may_look = shared.spin != Spin::Never;
        let mut waker = None;
        loop {
            let mut core = self.lock();
            // Counted before the try, so that what is given back after it is noticed.
            let freed = if wants_room { shared.freed() } else { 0 };
            if let Some(done) = attempt(&mut core) {
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
                let looks = std::mem::take(&mut may_look) && core.engine.in_flight() <= 1;
                drop(core);
                waker = Some(cx.waker().clone());
                if looks && !look(is_there) {
                    (0..PAUSES).any(|_| {
                        std::hint::spin_loop();
                        is_there()
                    });
                }
                continue;
            };
            register(&mut core, Waker::Task(known));
            let owes = core.room_owed();
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
            if let Some(freed) = owes.or(wants_room.then_some(freed)) {
                shared.raise(Bed::Socket, Counter::Room, freed.wrapping_add(1));
                if shared.freed() != freed {
                    continue;
                }
            }
            if !is_there() && !shared.is_over() && !shared.peer_closed() {
                shared.note(&shared.own.words().noted.sleeps);
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
        self.poll_until(cx, true, attempt, |core, waker| core.block(waker))
    }

    fn poll_outcome(self: &Arc<Self>, cx: &Context<'_>, begun: Begun) -> Poll<Result<Outcome, RpcError>> {
        // Apart, as in `call_short`.
        if let Some((status, inline)) = self.briefly(|core| core.take_short_answer(begun)) {
            return Poll::Ready(Ok(Outcome::Short(status, inline)));
        }
        let attempt = |core: &mut Core| core.take_answer(begun);
        self.poll_until(cx, false, attempt, |core, waker| core.wait_for(begun.ticket, waker))
    }

    /// The next request to be served; `None` when the session is over, or all is answered after a goodbye.
    pub(crate) fn poll_request(self: &Arc<Self>, cx: &Context<'_>) -> Poll<Result<Option<Arrived>, RpcError>> {
        let attempt = |core: &mut Core| match core.take_any_request() {
            Some(request) => Some(Some(request)),
            None if core.end.is_some() || core.has_said_all() => Some(None),
            None => None,
        };
        self.poll_until(cx, false, attempt, |core, waker| core.wait_for_requests(waker))
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

/// A call that is awaited, whatever its method: compiled once, for all of them.
#[derive(Debug)]
pub(crate) struct Awaited {
    deadline: Deadline,
    timer: Timer,
    unread: Unread,
    state: State,
    /// The ends of its streams, once it is sent.
    ends: Vec<EndKey>,
    pub(super) watch: Watch,
}

#[derive(Debug)]
enum State {
    /// Nothing is encoded or sent.
    Fresh,
    /// Encoded, and not sent whole.
    Sending(Begin, Kept),
    Sent(Begun),
    /// Its outcome, or its handle, is with its owner.
    Done,
}

impl Awaited {
    pub(super) fn new(deadline: Deadline) -> Self {
        let (timer, unread, watch) = (Timer::default(), Unread::default(), Watch::default());
        Self { deadline, timer, unread, state: State::Fresh, ends: Vec::new(), watch }
    }

    /// Begins the request of a fresh one.
    #[inline(never)]
    pub(super) fn begin(&mut self, link: &Link, mut begin: Begin, payload: &Outgoing<'_>) -> Result<(), RpcError> {
        let mut core = link.lock();
        self.state = match core.begin(&mut begin, payload, self.deadline)? {
            Some(begun) => {
                self.ends = core.hold_streams(begun);
                State::Sent(begun)
            }
            None => State::Sending(begin, payload.keep()),
        };
        Ok(())
    }

    /// Begins the request of a call that was begun in another session before, if that is not done yet.
    pub(super) fn begin_again(&mut self, direct: &Direct, method: usize, args: &Kept) -> Result<(), RpcError> {
        if !matches!(self.state, State::Fresh) {
            return Ok(());
        }
        let (link, begin, mut piece) = (direct.link(), Begin::new(direct.target(method)?), &[] as &[u8]);
        let watch = Watch::of_call(direct, method, args.len()).begin();
        let begun = watch.send(link, &args.outgoing(&mut piece), |args| self.begin(link, begin, args));
        self.watch = watch;
        begun
    }

    /// It is sent, and its owner takes what it is now: the ends of its streams, and when it is over.
    pub(super) fn finish(&mut self) -> (Vec<EndKey>, Deadline) {
        self.state = State::Done;
        (std::mem::take(&mut self.ends), self.deadline)
    }

    /// Sends what is left of the request.
    pub(super) fn poll_sent(&mut self, link: &Arc<Link>, cx: &mut Context<'_>) -> Poll<Result<Begun, RpcError>> {
        let ends = &mut self.ends;
        let (begin, payload) = match &mut self.state {
            State::Sent(begun) => return Poll::Ready(Ok(*begun)),
            State::Sending(begin, payload) => (begin, payload),
            State::Fresh | State::Done => return Poll::Ready(Err(RpcError::Cancelled)),
        };
        if let Poll::Ready(due) = self.timer.poll(cx, &mut self.deadline) {
            let past = RpcError::DeadlineExceeded { may_have_executed: false };
            return Poll::Ready(Err(due.err().unwrap_or(past)));
        }
        let deadline = self.deadline;
        let mut piece: &[u8] = &[];
        let payload = payload.outgoing(&mut piece);
        let sent = link.poll_room(cx, |core| {
            let begun = core.begin(begin, &payload, deadline).transpose()?;
            if let Ok(begun) = &begun {
                ends.extend(core.hold_streams(*begun));
            }
            Some(begun)
        });
        sent.map(|sent| {
            let begun = sent??;
            self.state = State::Sent(begun);
            Ok(begun)
        })
    }

    /// Sends what is left, and waits for the outcome.
    #[inline(never)]
    fn poll_outcome(&mut self, link: &Arc<Link>, cx: &mut Context<'_>) -> Poll<Result<Outcome, RpcError>> {
        let begun = std::task::ready!(self.poll_sent(link, cx))?;
        let Self { deadline, timer, unread, state, .. } = self;
        if let Poll::Ready(outcome) = poll_begun(link, begun, timer, deadline, unread, cx)? {
            *state = State::Done;
            return Poll::Ready(Ok(outcome));
        }
        Poll::Pending
    }

    /// Dropped before it is sent, the server sees nothing of it; dropped before its end, it is cancelled there.
    pub(super) fn leave(&mut self, link: &Link) {
        match &mut self.state {
            State::Sending(begin, _) => link.give_up(begin),
            State::Sent(begun) => link.forget(*begun),
            State::Fresh | State::Done => {}
        }
    }
}

/// Polls for the outcome of a call that was sent. What is left of it after an error is cancelled when its owner is dropped.
pub(super) fn poll_begun(
    link: &Arc<Link>,
    begun: Begun,
    timer: &mut Timer,
    deadline: &mut Deadline,
    unread: &mut Unread,
    cx: &mut Context<'_>,
) -> Poll<Result<Outcome, RpcError>> {
    if let Poll::Ready(outcome) = link.poll_outcome(cx, begun) {
        return Poll::Ready(outcome);
    }
    let late = RpcError::DeadlineExceeded { may_have_executed: true };
    match timer.poll(cx, deadline) {
        Poll::Ready(due) => Poll::Ready(Err(due.err().unwrap_or(late))),
        Poll::Pending => unread.poll(link, begun, cx).map(Err),
    }
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
            let may_be = engine.has_streams() && engine.may_be_unread(begun.call);
            (may_be, may_be && engine.is_unread(begun.call))
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

/// A [`Call`] with what has become of it.
struct Starting<'a, M: Method> {
    call: Call<'a, M>,
    awaited: Awaited,
    roaming: Option<Box<Roaming>>,
}

impl<'a, M: Method> Starting<'a, M> {
    fn new(call: Call<'a, M>) -> Self {
        Self { awaited: Awaited::new(call.deadline()), call, roaming: None }
    }

    /// Encodes and begins it, if that was not done.
    fn begin(call: &Call<'a, M>, awaited: &mut Awaited, direct: &Direct) -> Result<(), RpcError> {
        if !matches!(awaited.state, State::Fresh) {
            return Ok(());
        }
        awaited.state = State::Done;
        let (link, target) = (direct.link(), direct.target(M::INDEX)?);
        let mut out = Encoder::new();
        let watch = prepared::<M>(direct, &call.args, &mut out)?;
        awaited.watch = watch.begin();
        let short = if awaited.watch.has_metadata() { None } else { out.short() };
        if let Some(begun) = short.and_then(|lead| link.start_short(target, lead, awaited.deadline)) {
            awaited.state = State::Sent(begun);
            return Ok(());
        }
        let begun = out.send(|args| {
            let watch = std::mem::take(&mut awaited.watch);
            let begun = watch.send(link, args, |payload| awaited.begin(link, Begin::new(target), payload));
            awaited.watch = watch;
            begun
        });
        begun.map_err(|error| std::mem::take(&mut awaited.watch).failed(error))
    }

    /// After the call ended so in a session: nothing if it is to be made again; then it is fresh.
    fn survive(&mut self, error: RpcError, is_idempotent: bool) -> Result<(), RpcError> {
        survive(self.call.client, &mut self.roaming, error, is_idempotent)?;
        self.awaited = Awaited::new(self.awaited.deadline);
        Ok(())
    }
}

impl<M: Method> Drop for Starting<'_, M> {
    fn drop(&mut self) {
        if let Some(direct) = place(self.call.client, &self.roaming) {
            self.awaited.leave(direct.link());
        }
    }
}

/// An awaited [`Call`]. Dropped before its end, the call is cancelled at the server.
#[must_use = "futures do nothing unless polled"]
pub struct CallFuture<'a, M: Method>(Starting<'a, M>);

/// Nothing in it is pinned: what it holds is moved freely between polls.
impl<M: Method> Unpin for CallFuture<'_, M> {}

impl<M: Method> Future for CallFuture<'_, M> {
    type Output = Result<M::Ok, M::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let starting = &mut self.get_mut().0;
        let client = starting.call.client;
        let Ok(direct) = client.direct() else { return starting.poll_lastingly(cx) };
        Starting::begin(&starting.call, &mut starting.awaited, direct)?;
        let mut outcome = std::task::ready!(starting.awaited.poll_outcome(direct.link(), cx));
        let watch = std::mem::take(&mut starting.awaited.watch);
        Poll::Ready(ended::<M>(direct, &mut outcome, watch))
    }
}

impl<M: Method> Starting<'_, M> {
    /// Until it has ended, of a client that connects again. Apart, as of one that was begun.
    #[inline(never)]
    fn poll_lastingly(&mut self, cx: &mut Context<'_>) -> Poll<Result<M::Ok, M::Error>> {
        loop {
            let Starting { call, awaited, roaming } = &mut *self;
            let direct = std::task::ready!(poll_place(call.client, roaming, &mut awaited.deadline, cx))?;
            let outcome = match Starting::begin(call, awaited, direct) {
                Ok(()) => std::task::ready!(awaited.poll_outcome(direct.link(), cx)),
                Err(error) => Err(error),
            };
            let watch = std::mem::take(&mut awaited.watch);
            match outcome.unwrap_or_else(Outcome::End) {
                Outcome::End(error) => self.survive(watch.failed(error), M::IDEMPOTENT)?,
                mut outcome => return Poll::Ready(decode::<M>(direct, &mut outcome, watch)),
            }
        }
    }
}

impl<'a, M: Method> IntoFuture for Call<'a, M> {
    type Output = Result<M::Ok, M::Error>;
    type IntoFuture = CallFuture<'a, M>;

    fn into_future(self) -> CallFuture<'a, M> {
        CallFuture(Starting::new(self))
    }
}

/// An awaited [`Call::start_async`].
#[must_use = "futures do nothing unless polled"]
pub struct StartFuture<'a, M: Method>(Starting<'a, M>);

/// Nothing in it is pinned: what it holds is moved freely between polls.
impl<M: Method> Unpin for StartFuture<'_, M> {}

impl<M: Method> Future for StartFuture<'_, M> {
    type Output = Result<Pending<M>, RpcError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let starting = &mut self.get_mut().0;
        // From here on time runs.
        starting.awaited.deadline.fix();
        let client = starting.call.client;
        let Ok(direct) = client.direct() else { return starting.poll_start_lastingly(cx) };
        Starting::begin(&starting.call, &mut starting.awaited, direct)?;
        let awaited = &mut starting.awaited;
        let sent = std::task::ready!(awaited.poll_sent(direct.link(), cx));
        let watch = std::mem::take(&mut awaited.watch);
        Poll::Ready(match sent {
            Ok(begun) => {
                let (_, deadline) = awaited.finish();
                Ok(Pending::new(direct, begun, deadline, watch))
            }
            Err(error) => Err(watch.failed(error)),
        })
    }
}

impl<M: Method> Starting<'_, M> {
    /// Until it is begun, of a client that connects again.
    #[inline(never)]
    fn poll_start_lastingly(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pending<M>, RpcError>> {
        loop {
            let Starting { call, awaited, roaming } = &mut *self;
            let direct = std::task::ready!(poll_place(call.client, roaming, &mut awaited.deadline, cx))?;
            let sent = match Starting::begin(call, awaited, direct) {
                Ok(()) => std::task::ready!(awaited.poll_sent(direct.link(), cx)),
                Err(error) => Err(error),
            };
            let watch = std::mem::take(&mut awaited.watch);
            let error = match sent {
                Ok(begun) => {
                    let (_, deadline) = awaited.finish();
                    let pending = Pending::new(direct, begun, deadline, watch);
                    return Poll::Ready(match (call.client.direct(), roaming.take()) {
                        (Err(lasting), Some(roaming)) => call.keep(pending, lasting, roaming.trial),
                        _ => Ok(pending),
                    });
                }
                Err(error) => watch.failed(error),
            };
            self.survive(error, false)?;
        }
    }
}

impl<'a, M: Method> Call<'a, M> {
    /// As [`start`](Self::start), awaited: it is ready when the call is begun, not when it has ended.
    ///
    /// # Errors
    /// As there, and [`RpcError::NoRuntime`].
    pub fn start_async(self) -> StartFuture<'a, M> {
        StartFuture(Starting::new(self))
    }
}

impl<M: Method> Future for Pending<M> {
    type Output = Result<M::Ok, M::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.again.is_some() {
            return this.poll_lastingly(cx);
        }
        let Self { direct, begun, timer, unread, deadline, watch, .. } = this;
        let Some(call) = *begun else { return Poll::Ready(Err(RpcError::Cancelled.into())) };
        let mut outcome = std::task::ready!(poll_begun(direct.link(), call, timer, deadline, unread, cx));
        if outcome.is_ok() {
            *begun = None;
        }
        Poll::Ready(ended::<M>(direct, &mut outcome, std::mem::take(watch)))
    }
}

/// The result of a call that ended, or was not waited for to its end.
#[inline]
fn ended<M: Method>(direct: &Direct, outcome: &mut Result<Outcome, RpcError>, watch: Watch) -> Result<M::Ok, M::Error> {
    match outcome {
        Ok(outcome) => decode::<M>(direct, outcome, watch),
        Err(error) => decode::<M>(direct, &mut Outcome::End(std::mem::replace(error, RpcError::Cancelled)), watch),
    }
}

impl<M: Method> fmt::Debug for CallFuture<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallFuture").field(&self.0.call).finish()
    }
}

impl<M: Method> fmt::Debug for StartFuture<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartFuture").field(&self.0.call).finish()
    }
}

/// A reply of which a part may be sent. Dropped before its end, the caller is told that the call was cancelled.
struct Rest {
    link: Arc<Link>,
    /// Gone once it is sent.
    replying: Option<Replying>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(mut replying) = self.replying.take() {
            self.link.lock().give_up_reply(&mut replying);
        }
    }
}

/// Sends what is left of a reply, waiting for room.
pub(crate) async fn finish_reply(link: Arc<Link>, replying: Replying, payload: Vec<u8>) {
    let mut rest = Rest { link, replying: Some(replying) };
    std::future::poll_fn(|cx| {
        let Rest { link, replying } = &mut rest;
        let Some(reply) = replying else { return Poll::Ready(()) };
        let sent = link.poll_room(cx, |core| core.reply(reply, &Outgoing::whole(&payload.as_slice())).then_some(()));
        // Without a runtime there is nobody to wait; the caller is told when this is dropped.
        sent.map(|sent| {
            if sent.is_ok() {
                *replying = None;
            }
        })
    })
    .await;
}
