//! Streams and one-way calls, awaited.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::consume_budget;

use super::calls::Awaited;
use super::polling::Timer;
use super::roaming::{Roaming, place, poll_place, survive};
use crate::lane::{Kept, Outgoing};
use crate::rpc::call::encoded;
use crate::rpc::deadline::Deadline;
use crate::rpc::direct::Direct;
use crate::rpc::error::{RpcError, StreamError};
use crate::rpc::link::{Core, Link};
use crate::rpc::method::Method;
use crate::rpc::one_way::OneWay;
use crate::rpc::pending::Pending;
use crate::rpc::status::Status;
use crate::rpc::stream::{Connection, Recv, Rx, SendAll, SendItem, next_group};
use crate::rpc::stream_call::StreamCall;
use crate::rpc::streaming::{Put, SendingItem};
use crate::rpc::streams::EndKey;
use crate::rpc::taken::Taken;
use crate::rpc::watch::Watch;
use crate::session::waiting::Waker;

impl Link {
    fn poll_send_item(
        self: &Arc<Self>,
        cx: &Context<'_>,
        item: &mut SendingItem,
        payload: &[u8],
    ) -> Poll<Result<(), StreamError>> {
        let end = item.end();
        // A waker is foreign code, so it is cloned without the lock. Once this one was used up, this is polled again.
        let mut at_end = Some(Waker::Task(cx.waker().clone()));
        let attempt = |core: &mut Core| {
            core.pump(None);
            match core.send_item(item, &Outgoing::whole(&payload)) {
                Ok(Put::Sent) => Some(Ok(())),
                Ok(Put::NoCredit | Put::NoRoom) => None,
                Err(error) => Some(Err(error)),
            }
        };
        let sent = self.poll_until(cx, true, None, attempt, |core, waker| {
            if let Some(at_end) = at_end.take() {
                core.wait_at_end(end, at_end);
            }
            core.block(waker);
        });
        sent.map(|sent| sent?)
    }

    fn poll_items(
        self: &Arc<Self>,
        cx: &Context<'_>,
        end: EndKey,
        items: &mut Taken,
    ) -> Poll<Result<bool, StreamError>> {
        let attempt = |core: &mut Core| {
            let here = core.take_items(end, items);
            if here.is_some() {
                return here;
            }
            core.pump(None);
            core.take_items(end, items)
        };
        let taken = self.poll_until(cx, false, None, attempt, |core, waker| core.wait_at_end(end, waker));
        taken.map(|taken| taken?)
    }
}

/// Ready, with why, when the call of a stream is over by its deadline.
fn poll_deadline(timer: &mut Timer, mut deadline: Deadline, cx: &mut Context<'_>) -> Poll<StreamError> {
    let past = RpcError::DeadlineExceeded { may_have_executed: true };
    timer.poll(cx, &mut deadline).map(|due| due.err().unwrap_or(past).into())
}

/// An item that is awaited to be sent.
#[derive(Debug, Default)]
pub(crate) struct AwaitedItem {
    /// Encoded, and not sent whole.
    rest: Option<(Arc<Link>, SendingItem, Vec<u8>)>,
    timer: Timer,
}

impl AwaitedItem {
    fn begin<T>(&mut self, connection: &Connection<T>, payload: &Outgoing<'_>) -> Result<(), StreamError> {
        let mut item = SendingItem::new(connection.end);
        if connection.link.lock().send_item(&mut item, payload)? != Put::Sent {
            self.rest = Some((Arc::clone(&connection.link), item, payload.to_vec()));
        }
        Ok(())
    }

    fn poll(&mut self, deadline: Deadline, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        let Some((link, item, payload)) = &mut self.rest else { return Poll::Ready(Ok(())) };
        if let Poll::Ready(sent) = link.poll_send_item(cx, item, payload) {
            if sent.is_err() {
                // Without a runtime a part of it may be sent.
                link.lock().give_up_item(item, payload.len());
            }
            self.rest = None;
            return Poll::Ready(sent);
        }
        poll_deadline(&mut self.timer, deadline, cx).map(Err)
    }
}

impl Drop for AwaitedItem {
    fn drop(&mut self) {
        // What was sent of it is taken back.
        if let Some((link, item, payload)) = &mut self.rest {
            link.lock().give_up_item(item, payload.len());
        }
    }
}

/// An awaited [`SendItem`]. Dropped before its end, the item is not sent.
#[must_use = "futures do nothing unless polled"]
pub struct SendItemFuture<'a, T> {
    send: SendItem<'a, T>,
    /// Once it was encoded.
    awaited: Option<AwaitedItem>,
}

/// Nothing in it is pinned: what it holds is moved freely between polls.
impl<T> Unpin for SendItemFuture<'_, T> {}

impl<T> Future for SendItemFuture<'_, T> {
    type Output = Result<(), StreamError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { send, awaited } = self.get_mut();
        if awaited.is_none() {
            ready!(pin!(consume_budget()).poll(cx));
        }
        let connection = send.tx.connection()?;
        let awaited = match awaited {
            Some(awaited) => awaited,
            None => {
                let awaited = awaited.insert(AwaitedItem::default());
                connection.encode(&send.value, |payload| awaited.begin(connection, payload))??;
                awaited
            }
        };
        awaited.poll(connection.deadline(), cx)
    }
}

impl<'a, T> IntoFuture for SendItem<'a, T> {
    type Output = Result<(), StreamError>;
    type IntoFuture = SendItemFuture<'a, T>;

    fn into_future(self) -> SendItemFuture<'a, T> {
        SendItemFuture { send: self, awaited: None }
    }
}

impl<'a, T, I> IntoFuture for SendAll<'a, T, I>
where
    T: Send + 'a,
    I: Iterator<Item = T> + Send + 'a,
{
    type Output = Result<(), StreamError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { tx, mut items } = self;
            let connection = tx.connection()?;
            let mut messages = Vec::new();
            while let Some(items) = next_group(&mut items) {
                connection.encode_all(&items, |payload| {
                    messages.push(payload.to_vec());
                    Ok(())
                })?;
                drop(items);
                for message in messages.drain(..) {
                    consume_budget().await;
                    send_bytes(connection, &message).await?;
                }
            }
            Ok(())
        })
    }
}

async fn send_bytes<T>(connection: &Connection<T>, bytes: &[u8]) -> Result<(), StreamError> {
    let mut awaited = AwaitedItem::default();
    awaited.begin(connection, &Outgoing::whole(&bytes))?;
    poll_fn(|cx| awaited.poll(connection.deadline(), cx)).await
}

impl<T> Rx<T> {
    fn poll_item(&mut self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<Result<Option<T>, StreamError>> {
        loop {
            if let Some(item) = self.next_here() {
                return Poll::Ready(item.map(Some));
            }
            if self.has_failed() {
                return Poll::Ready(Ok(None));
            }
            let (connection, taken) = self.source()?;
            match connection.link.poll_items(cx, connection.end, taken) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return poll_deadline(timer, connection.deadline(), cx).map(Err),
            }
        }
    }
}

/// An awaited [`Recv`]. Nothing is lost when it is dropped.
#[must_use = "futures do nothing unless polled"]
pub struct RecvFuture<'a, T> {
    rx: &'a mut Rx<T>,
    timer: Timer,
}

/// Nothing in it is pinned: what it holds is moved freely between polls.
impl<T> Unpin for RecvFuture<'_, T> {}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<Option<T>, StreamError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A task that always finds items lets others run.
        ready!(pin!(consume_budget()).poll(cx));
        let Self { rx, timer } = self.get_mut();
        rx.poll_item(timer, cx)
    }
}

impl<'a, T> IntoFuture for Recv<'a, T> {
    type Output = Result<Option<T>, StreamError>;
    type IntoFuture = RecvFuture<'a, T>;

    fn into_future(self) -> RecvFuture<'a, T> {
        RecvFuture { rx: self.rx, timer: Timer::default() }
    }
}

/// Nothing in it is pinned: items are moved out.
impl<T> Unpin for Rx<T> {}

/// The items, awaited one by one. After an error it gives that error again, or ends.
impl<T> Stream for Rx<T> {
    type Item = Result<T, StreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(pin!(consume_budget()).poll(cx));
        let this = self.get_mut();
        let mut timer = std::mem::take(&mut this.timer);
        let item = this.poll_item(&mut timer, cx);
        this.timer = timer;
        item.map(Result::transpose)
    }
}

/// An awaited [`StreamCall::start_async`].
#[must_use = "futures do nothing unless polled"]
pub struct StreamStartFuture<'a, M: Method> {
    call: StreamCall<'a, M>,
    awaited: Option<Awaited>,
    roaming: Option<Box<Roaming>>,
}

/// Nothing in it is pinned: what it holds is moved freely between polls.
impl<M: Method> Unpin for StreamStartFuture<'_, M> {}

impl<M: Method> Future for StreamStartFuture<'_, M> {
    type Output = Result<Pending<M>, RpcError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { call: this, awaited, roaming } = self.get_mut();
        let client = this.call.client;
        loop {
            let mut deadline = roaming.as_ref().map_or_else(|| this.call.deadline(), |roaming| roaming.trial.deadline);
            let direct = ready!(poll_place(client, roaming, &mut deadline, cx))?;
            let sent = match awaited {
                Some(_) => Ok(()),
                None => begin(this, awaited, direct, deadline),
            };
            let error = match (sent, awaited.as_mut()) {
                (Ok(()), Some(sending)) => {
                    let sent = ready!(sending.poll_sent(direct.link(), cx));
                    let watch = std::mem::take(&mut sending.watch);
                    match sent {
                        Ok(begun) => {
                            let (ends, deadline) = sending.finish();
                            return Poll::Ready(Ok(this.connect(direct, begun, &ends, deadline, watch)));
                        }
                        Err(error) => watch.failed(error),
                    }
                }
                (Ok(()), None) => RpcError::Cancelled,
                (Err(error), _) => error,
            };
            // None of it was sent, and its streams are not connected.
            survive(client, roaming, error, false)?;
            *awaited = None;
        }
    }
}

/// Encodes the call and begins to send it.
fn begin<M: Method>(
    call: &StreamCall<'_, M>,
    awaited: &mut Option<Awaited>,
    direct: &Direct,
    deadline: Deadline,
) -> Result<(), RpcError> {
    let (begin, deadline) = call.begin(direct, deadline)?;
    let awaited = awaited.insert(Awaited::new(deadline));
    let begin = |payload: &Outgoing<'_>| awaited.begin(direct.link(), begin, payload);
    let ((), watch) = encoded::<M, _>(direct, &call.call.args, begin)?;
    awaited.watch = watch;
    Ok(())
}

impl<M: Method> Drop for StreamStartFuture<'_, M> {
    fn drop(&mut self) {
        if let (Some(awaited), Some(direct)) = (&mut self.awaited, place(self.call.call.client, &self.roaming)) {
            awaited.leave(direct.link());
        }
    }
}

impl<'a, M: Method> StreamCall<'a, M> {
    /// As [`start`](Self::start), awaited: it is ready when the call is begun, not when it has ended.
    ///
    /// # Errors
    /// As there, and [`RpcError::NoRuntime`].
    pub fn start_async(self) -> StreamStartFuture<'a, M> {
        StreamStartFuture { call: self, awaited: None, roaming: None }
    }
}

/// An awaited [`OneWay`]: room for it. Dropped before its end, nothing is sent.
#[must_use = "futures do nothing unless polled"]
pub struct OneWayFuture<'a, M: Method> {
    one_way: OneWay<'a, M>,
    sending: OneWaySending,
    roaming: Option<Box<Roaming>>,
}

/// A one-way call that waits for room.
struct OneWaySending {
    /// Encoded, and not sent.
    payload: Option<Kept>,
    watch: Watch,
    deadline: Deadline,
    timer: Timer,
}

impl OneWaySending {
    fn new(deadline: Deadline) -> Self {
        Self { payload: None, watch: Watch::default(), deadline, timer: Timer::default() }
    }

    fn poll<M: Method>(
        &mut self,
        one_way: &OneWay<'_, M>,
        direct: &Direct,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), RpcError>> {
        let Self { payload, watch, deadline, timer } = self;
        let (link, method) = (direct.link(), direct.target(M::INDEX)?.method);
        let payload = match payload {
            Some(payload) => payload,
            None => {
                let (rest, watching) = encoded::<M, _>(direct, &one_way.args, |outgoing| {
                    let sent = link.lock().send_one_way(method, outgoing)?;
                    Ok((!sent).then(|| outgoing.keep()))
                })?;
                let Some(rest) = rest else {
                    watching.came(Status::Ok, 0);
                    return Poll::Ready(Ok(()));
                };
                *watch = watching;
                payload.insert(rest)
            }
        };
        let mut piece: &[u8] = &[];
        let payload = payload.outgoing(&mut piece);
        let attempt = |core: &mut Core| match core.send_one_way(method, &payload) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        };
        let sent = match link.poll_room(cx, attempt) {
            Poll::Ready(sent) => sent.and_then(|sent| sent),
            Poll::Pending => {
                let past = RpcError::DeadlineExceeded { may_have_executed: false };
                Err(ready!(timer.poll(cx, deadline)).err().unwrap_or(past))
            }
        };
        let watch = std::mem::take(watch);
        Poll::Ready(match sent {
            Ok(()) => {
                watch.came(Status::Ok, 0);
                Ok(())
            }
            Err(error) => Err(watch.failed(error)),
        })
    }
}

/// Nothing in it is pinned: what it holds is moved freely between polls.
impl<M: Method> Unpin for OneWayFuture<'_, M> {}

impl<M: Method> Future for OneWayFuture<'_, M> {
    type Output = Result<(), RpcError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { one_way, sending, roaming } = self.get_mut();
        if sending.payload.is_none() {
            ready!(pin!(consume_budget()).poll(cx));
        }
        loop {
            let direct = ready!(poll_place(one_way.client, roaming, &mut sending.deadline, cx))?;
            match ready!(sending.poll(one_way, direct, cx)) {
                Ok(()) => return Poll::Ready(Ok(())),
                // Nothing was sent.
                Err(error) => survive(one_way.client, roaming, error, false)?,
            }
            *sending = OneWaySending::new(sending.deadline);
        }
    }
}

impl<M: Method> Drop for OneWayFuture<'_, M> {
    fn drop(&mut self) {
        if let (Some(_), Some(direct)) = (&self.sending.payload, place(self.one_way.client, &self.roaming)) {
            let mut core = direct.link().lock();
            // Its own waker is among the blocked, and would stay until there is room.
            if !core.blocked.is_empty() {
                core.wake_blocked();
            }
        }
    }
}

impl<'a, M: Method> IntoFuture for OneWay<'a, M> {
    type Output = Result<(), RpcError>;
    type IntoFuture = OneWayFuture<'a, M>;

    fn into_future(self) -> OneWayFuture<'a, M> {
        let deadline = Deadline::new(self.client.timeout());
        OneWayFuture { one_way: self, sending: OneWaySending::new(deadline), roaming: None }
    }
}

macro_rules! debug {
    ($($name:ident<$lifetime:lifetime, $type:ident $(: $bound:ident)?>;)*) => {
        $(impl<$type $(: $bound)?> fmt::Debug for $name<$lifetime, $type> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}

debug! {
    SendItemFuture<'_, T>;
    RecvFuture<'_, T>;
    StreamStartFuture<'_, M: Method>;
    OneWayFuture<'_, M: Method>;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::layout::inline::Inline;
    use crate::rpc::link::{Begin, Target};
    use crate::rpc::simulation::links;
    use crate::rpc::streams::Flow;
    use crate::session::Config;

    /// Two ends of a session, and the end of a stream from the first to the second.
    fn pair() -> (Arc<Link>, Arc<Link>, EndKey) {
        let mut config = Config::default();
        config.geometry.ring_entries = 4;
        let [a, b] = links(&config);
        let begin = Begin::with_streams(Target { method: 3, parent: 0 }, &[Flow::ToServer]);
        let (_, ends) =
            a.try_start_streaming(begin, &Outgoing::short(Inline::default()), Deadline::None).unwrap().unwrap();
        b.lock().pump(None);
        (a, b, *ends.first().unwrap())
    }

    #[test]
    fn an_item_that_is_half_sent_when_there_is_no_runtime_is_taken_back() {
        let (a, b, end) = pair();
        // More fragments than the ring has entries, and more than the credit that is left beside it.
        let payload = vec![7; 8 << 20];
        let mut item = SendingItem::new(end);
        assert_eq!(a.lock().send_item(&mut item, &Outgoing::whole(&payload.as_slice())), Ok(Put::NoRoom));
        let mut awaited = AwaitedItem { rest: Some((Arc::clone(&a), item, payload.clone())), timer: Timer::default() };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let polled = awaited.poll(Deadline::None, &mut cx);
        assert_eq!(polled, Poll::Ready(Err(StreamError::Rpc(RpcError::NoRuntime))));

        let mut next = SendingItem::new(end);
        let mut send = || {
            b.lock().pump(None);
            let mut core = a.lock();
            core.pump(None);
            core.send_item(&mut next, &Outgoing::whole(&payload.as_slice())) == Ok(Put::Sent)
        };
        assert!((0..1_000).any(|_| send()), "the next one is not sent");
        b.lock().pump(None);
        assert_eq!(b.lock().end, None, "the next one is taken for a lie");
    }
}
