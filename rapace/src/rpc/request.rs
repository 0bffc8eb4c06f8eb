//! A request in the hands of generated code, until it is answered.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::mem::needs_drop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::call_id::{CallId, ONE_WAY};
use super::context::Context;
use super::deadline::Inherit;
use super::link::Link;
use super::method::{Method, NoError};
use super::owed::bounded;
use super::service::{Description, Services};
use super::serving::{Arrived, Replying};
use super::status::Status;
use super::stream_arguments::Streams;
use super::watch::Watch;
use crate::codec::{DecodeError, EncodeError, Encoder, Message, Reader};
use crate::lane::Outgoing;
use crate::layout::inline::Lead;

/// A request that is given to its handler.
pub struct Request<'a> {
    link: &'a Arc<Link>,
    /// Where it was put when it was taken out, since moving it costs more than handling it. The payload is taken out of it
    /// when it is not short.
    arrived: &'a mut Arrived,
    face: Face,
    watch: Watch,
}

/// Where a handler runs, and so how its reply may wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// On a thread, which may block.
    Thread,
    /// On one that asks for the next request as soon as this one is handled. A sleeper is rung for the reply then: the processor sees
    /// to the next request while the reply leaves for the cache.
    Serving,
    /// In a task, which may not.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "tasks are the async face's"))]
    Task,
}

impl Face {
    /// The same, where a sleeper is rung at once.
    fn at_once(self) -> Self {
        if self == Self::Serving { Self::Thread } else { self }
    }
}

/// What became of a request.
#[must_use]
pub enum Handled {
    /// It is answered.
    Done,
    /// It is answered by this future.
    Later(HandlerFuture),
}

/// The rest of a request's handling.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl fmt::Debug for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Later(_) => "Later",
        })
    }
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn new(link: &'a Arc<Link>, arrived: &'a mut Arrived, face: Face, watch: Watch) -> Self {
        Self { link, arrived, face, watch }
    }

    /// What the handler may ask about the call.
    pub fn context(&self) -> Context {
        Context::new(self.link, self.arrived.call, self.arrived.deadline)
    }

    /// The streams of the call.
    pub fn streams(&self) -> Streams {
        Streams::new(self.link, self.arrived.call, self.arrived.deadline)
    }

    /// Answers without looking at the arguments.
    pub(crate) fn refuse(mut self, status: Status, text: &str) -> Handled {
        self.watch.refuses(status, text);
        refuse(self.link, self.arrived.call, self.face, status, text)
    }

    /// The number that it came under means nothing here.
    pub fn unknown_method(self) -> Handled {
        self.refuse(Status::UnknownMethod, "")
    }

    /// Runs a method that cannot fail: `handler` takes the arguments out and has the user's code run.
    #[inline]
    pub fn answer<M, F>(self, handler: F) -> Handled
    where
        M: Method<Err = NoError>,
        F: FnOnce(&mut Reader<'_>) -> Result<M::Ok, DecodeError>,
    {
        self.run(handler, |value, out| M::encode_ok(value, out).map(|()| Status::Ok))
    }

    /// Runs a method with an error of its own.
    #[inline]
    pub fn answer_result<M, F>(self, handler: F) -> Handled
    where
        M: Method,
        F: FnOnce(&mut Reader<'_>) -> Result<Result<M::Ok, M::Err>, DecodeError>,
    {
        self.run(handler, encode_result::<M>)
    }

    /// Runs an async method that cannot fail.
    pub fn answer_async<M, F, R>(self, handler: F) -> Handled
    where
        M: Method<Err = NoError>,
        M::Ok: Send,
        F: FnOnce(Message) -> R,
        R: Future<Output = Result<M::Ok, DecodeError>> + Send + 'static,
    {
        self.run_later(handler, |value, out| M::encode_ok(value, out).map(|()| Status::Ok))
    }

    /// Runs an async method with an error of its own.
    pub fn answer_result_async<M, F, R>(self, handler: F) -> Handled
    where
        M: Method,
        M::Ok: Send,
        M::Err: Send,
        F: FnOnce(Message) -> R,
        R: Future<Output = Result<Result<M::Ok, M::Err>, DecodeError>> + Send + 'static,
    {
        self.run_later(handler, encode_result::<M>)
    }

    /// Answers with what is served, in words.
    pub(crate) fn describe(self, services: &Services) -> Handled {
        let handler = |_: &mut Reader<'_>| Ok(services.describe());
        self.run(handler, |value: &Vec<Description>, out| out.serialize(value).map(|()| Status::Ok))
    }

    /// Everything of the user's runs within one catch: decoding, the handler, encoding and what they drop.
    #[inline]
    fn run<T>(
        self,
        handler: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
        encode: impl for<'v> FnOnce(&'v T, &mut Encoder<'v>) -> Result<Status, EncodeError>,
    ) -> Handled {
        let Self { link, arrived: Arrived { call, deadline, payload, .. }, face, mut watch } = self;
        let (call, deadline) = (*call, *deadline);
        let run = AssertUnwindSafe(|| {
            let _inherit = deadline.map(|deadline| Inherit::new(Some(deadline)));
            let _entered = watch.enter();
            let message;
            let mut reader = if payload.is_inline() {
                Reader::short(payload.lead_inline(), &link.budget)
            } else {
                message = link.arguments(payload.take());
                message.reader()
            };
            let value = match handler(&mut reader) {
                Ok(value) => value,
                Err(error) => return refused(link, call, face, &mut watch, Status::BadArguments, &error.to_string()),
            };
            let mut out = Encoder::new();
            match encode(&value, &mut out) {
                Ok(status) => {
                    watch.answers(link, call, status, out.len());
                    // What is dropped from here on may be the user's, and take its time.
                    let is_last = !needs_drop::<T>() && !watch.is_watching();
                    match out.short() {
                        Some(lead) => {
                            reply_short(link, call, if is_last { face } else { face.at_once() }, status, lead)
                        }
                        None => out.send(|payload| reply(link, call, face, status, payload)),
                    }
                }
                Err(error) => refused(link, call, face, &mut watch, Status::BadReply, &error.to_string()),
            }
        });
        match catch_unwind(run) {
            Ok(handled) => handled,
            Err(panic) => refused(link, call, face, &mut watch, Status::Panicked, &panic_text(panic)),
        }
    }

    fn run_later<T, R>(
        self,
        handler: impl FnOnce(Message) -> R,
        encode: impl for<'v> FnOnce(&'v T, &mut Encoder<'v>) -> Result<Status, EncodeError> + Send + 'static,
    ) -> Handled
    where
        T: Send,
        R: Future<Output = Result<T, DecodeError>> + Send + 'static,
    {
        let Self { link, arrived: Arrived { call, deadline, payload, .. }, face, watch } = self;
        let (call, deadline) = (*call, *deadline);
        let message = link.arguments(payload.take());
        let mut unanswered = Unanswered { link: Arc::clone(link), call, watch };
        let handler = handler(message);
        Handled::Later(Box::pin(async move {
            let outcome = guarded(handler, deadline, &unanswered.watch).await;
            let (status, reply) = match outcome {
                Ok(Ok(value)) => match catch_unwind(AssertUnwindSafe(move || encode_owned(value, encode))) {
                    Ok(encoded) => encoded,
                    Err(panic) => (Status::Panicked, panic_text(panic).into_bytes()),
                },
                Ok(Err(error)) => (Status::BadArguments, error.to_string().into_bytes()),
                Err(panic) => (Status::Panicked, panic_text(panic).into_bytes()),
            };
            let Unanswered { link, watch, .. } = &mut unanswered;
            match status {
                Status::Ok | Status::App => watch.answers(link, call, status, reply.len()),
                _ => watch.refuses(status, &String::from_utf8_lossy(&reply)),
            }
            let too_large = link.too_large(reply.len());
            let handled = match (too_large, status) {
                (Some(text), _) => refuse(link, call, face, Status::BadReply, &text),
                (None, Status::Ok | Status::App) => send(link, call, face, status, &Outgoing::whole(&reply.as_slice())),
                (None, _) => refuse(link, call, face, status, &String::from_utf8_lossy(&reply)),
            };
            if let Handled::Later(rest) = handled {
                rest.await;
            }
        }))
    }
}

/// A reply in memory of its own, for a task that may have to wait.
fn encode_owned<T>(
    value: T,
    encode: impl for<'v> FnOnce(&'v T, &mut Encoder<'v>) -> Result<Status, EncodeError>,
) -> (Status, Vec<u8>) {
    let mut out = Encoder::new();
    match encode(&value, &mut out) {
        Ok(status) => (status, out.to_vec()),
        Err(error) => (Status::BadReply, error.to_string().into_bytes()),
    }
}

fn encode_result<'v, M: Method>(
    value: &'v Result<M::Ok, M::Err>,
    out: &mut Encoder<'v>,
) -> Result<Status, EncodeError> {
    match value {
        Ok(value) => M::encode_ok(value, out).map(|()| Status::Ok),
        Err(error) => M::encode_err(error, out).map(|()| Status::App),
    }
}

/// As [`reply`], of what its descriptor carries.
#[inline(never)]
fn reply_short(link: &Arc<Link>, call: CallId, face: Face, status: Status, lead: Lead<'_>) -> Handled {
    if call == ONE_WAY {
        return Handled::Done;
    }
    match link.briefly(|core| core.reply_short(call, status, lead, face == Face::Serving)) {
        Some(()) => Handled::Done,
        None => reply(link, call, face, status, &Outgoing::short(lead.to_inline())),
    }
}

/// Sends a reply: now, or later where this thread may not block.
#[inline(never)]
fn reply(link: &Arc<Link>, call: CallId, face: Face, status: Status, payload: &Outgoing<'_>) -> Handled {
    match link.too_large(payload.len()) {
        None => send(link, call, face, status, payload),
        Some(text) => refuse(link, call, face, Status::BadReply, &text),
    }
}

/// As [`reply`], of what is not too large.
fn send(link: &Arc<Link>, call: CallId, face: Face, status: Status, payload: &Outgoing<'_>) -> Handled {
    match face {
        Face::Thread | Face::Serving => {
            link.reply(Replying::new(call, status), payload);
            Handled::Done
        }
        #[cfg(not(feature = "tokio"))]
        Face::Task => Handled::Done,
        #[cfg(feature = "tokio")]
        Face::Task => {
            let mut replying = Replying::new(call, status);
            if link.lock().reply(&mut replying, payload) {
                return Handled::Done;
            }
            let (link, payload) = (Arc::clone(link), payload.to_vec());
            Handled::Later(Box::pin(crate::aio::calls::finish_reply(link, replying, payload)))
        }
    }
}

/// Answers with a text, of which the caller gets a bounded part.
#[cold]
fn refuse(link: &Arc<Link>, call: CallId, face: Face, status: Status, text: &str) -> Handled {
    let text = bounded(text, link.shared.error_text_bytes());
    send(link, call, face, status, &Outgoing::whole(&text.as_bytes()))
}

/// As [`refuse`], and hooks hear of it.
#[cold]
fn refused(link: &Arc<Link>, call: CallId, face: Face, watch: &mut Watch, status: Status, text: &str) -> Handled {
    watch.refuses(status, text);
    refuse(link, call, face, status, text)
}

/// What a panic said. Dropping what it carried is foreign code, which may panic again.
pub(super) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    };
    if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(panic))) {
        std::mem::forget(again);
    }
    text
}

/// A call that a future answers. If the future is dropped before, the call was cancelled.
struct Unanswered {
    link: Arc<Link>,
    call: CallId,
    watch: Watch,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.watch.stops(&self.link, self.call);
        // Nothing is done for one that has its answer.
        self.link.lock().stop(self.call);
    }
}

/// Drives a handler's future such that its panics are caught, also those of its drop, and that the calls it makes inherit
/// its deadline.
async fn guarded<F: Future>(
    future: F,
    deadline: Option<Instant>,
    watch: &Watch,
) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(Some(future));
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _inherit = deadline.map(|deadline| Inherit::new(Some(deadline)));
            let _entered = watch.enter();
            let polled = future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx));
            if polled.is_ready() {
                future.set(None);
            }
            polled
        }));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => {
                let _ = catch_unwind(AssertUnwindSafe(|| future.set(None)));
                Poll::Ready(Err(panic))
            }
        }
    })
    .await
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("arrived", &self.arrived).finish_non_exhaustive()
    }
}
