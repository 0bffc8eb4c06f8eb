//! Calls, awaited: polled by the same link that threads wait on.
//!
//! A future that finds nothing leaves its waker with the link and raises the wish to be rung. The ring is heard by the
//! [watch](super::watch) of its runtime, which runs the receive step and wakes whose answer came. So a future that is not
//! polled keeps nobody else from its answer.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::consume_budget;

use super::polling::{CallWait, poll_begun};
use super::roaming::{Roaming, place, poll_place, survive};
use crate::codec::Encoder;
use crate::lane::{Kept, Outgoing};
use crate::rpc::call::{Call, decode_as, prepared};
use crate::rpc::deadline::Deadline;
use crate::rpc::direct::Direct;
use crate::rpc::error::RpcError;
use crate::rpc::link::{Begin, Begun, Link};
use crate::rpc::method::Method;
use crate::rpc::pending::Pending;
use crate::rpc::serving::Replying;
use crate::rpc::streams::EndKey;
use crate::rpc::tickets::Outcome;
use crate::rpc::watch::Watch;

/// A call that is awaited, whatever its method: compiled once, for all of them.
#[derive(Debug)]
pub(crate) struct Awaited {
    deadline: Deadline,
    wait: CallWait,
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
        Self { deadline, wait: CallWait::default(), state: State::Fresh, ends: Vec::new(), watch: Watch::default() }
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
        if let Poll::Ready(due) = self.wait.timer.poll(cx, &mut self.deadline) {
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
        if let Poll::Ready(outcome) = self.wait.poll(link, begun, &mut self.deadline, cx)? {
            self.state = State::Done;
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
        if let Some(begun) = short.and_then(|lead| link.start_short(target, lead, awaited.deadline.timeout_us()?)) {
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
        if matches!(starting.awaited.state, State::Fresh) {
            // A task whose calls are answered at once lets others run.
            ready!(pin!(consume_budget()).poll(cx));
        }
        let client = starting.call.client;
        let Ok(direct) = client.direct() else { return starting.poll_lastingly(cx) };
        Starting::begin(&starting.call, &mut starting.awaited, direct)?;
        let mut outcome = std::task::ready!(starting.awaited.poll_outcome(direct.link(), cx));
        let watch = std::mem::take(&mut starting.awaited.watch);
        ended::<M>(direct, &mut outcome, watch)
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
                mut outcome => {
                    // The place is borrowed from it.
                    let direct = direct.clone();
                    roaming.iter().for_each(|roaming| roaming.trial.settle(&mut outcome));
                    return decode_as::<M, _>(&direct, &mut outcome, watch, Poll::Ready);
                }
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
        if matches!(starting.awaited.state, State::Fresh) {
            ready!(pin!(consume_budget()).poll(cx));
        }
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
                Ok(Pending::new(direct.clone(), begun, deadline, watch))
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
                    let pending = Pending::new(direct.clone(), begun, deadline, watch);
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
        if this.wait.is_none() {
            // A task whose answers are there already lets others run.
            ready!(pin!(consume_budget()).poll(cx));
        }
        if this.again.is_some() {
            return this.poll_lastingly(cx);
        }
        let Self { direct, begun, wait, deadline, watch, .. } = this;
        let Some(call) = *begun else { return Poll::Ready(Err(RpcError::Cancelled.into())) };
        let mut outcome = std::task::ready!(poll_begun(wait, direct.link(), call, deadline, cx));
        if outcome.is_ok() {
            *begun = None;
        }
        ended::<M>(direct, &mut outcome, std::mem::take(watch))
    }
}

/// The result of a call that ended, or was not waited for to its end.
#[inline]
fn ended<M: Method>(
    direct: &Direct,
    outcome: &mut Result<Outcome, RpcError>,
    watch: Watch,
) -> Poll<Result<M::Ok, M::Error>> {
    match outcome {
        Ok(outcome) => decode_as::<M, _>(direct, outcome, watch, Poll::Ready),
        Err(error) => {
            let error = std::mem::replace(error, RpcError::Cancelled);
            decode_as::<M, _>(direct, &mut Outcome::End(error), watch, Poll::Ready)
        }
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
