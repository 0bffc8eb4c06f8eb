//! One call as hooks see it: told before it begins, and once after it has ended, however it ends. Without the feature
//! `hooks` it is [nothing](../unwatched.rs).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::client::Client;
use super::engine::CallId;
use super::error::RpcError;
use super::hooks::{CallEnd, CallInfo, CallOutcome, CallSide, HookList};
use super::link::{Link, end_error};
use super::service::{Service, Services};
use super::status::Status;
use crate::codec::Encoder;
use crate::session::Payload;

/// Who is told of a call; nobody, when there are no hooks. Dropped before its end is known, the call was cancelled.
#[derive(Debug, Default)]
pub(crate) struct Watch(Option<Box<Watched>>);

#[derive(Debug)]
struct Watched {
    hooks: Arc<HookList>,
    call: CallInfo,
    since: Instant,
    /// The hooks were told that it begins, so they are to be told that it ended.
    is_told: bool,
    reply_bytes: usize,
    /// With what it ended, once that is known.
    outcome: Option<CallOutcome>,
}

impl Watch {
    fn new(link: &Link, side: CallSide, service: &'static Service, method: usize, request_bytes: usize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let Some(hooks) = link.hooks.get().filter(|hooks| !hooks.is_empty()) else { return Self(None) };
        // Relaxed: only that it is no other call's matters.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (peer, method) = (link.shared.credentials, service.method(method));
        Self(Some(Box::new(Watched {
            hooks: Arc::clone(hooks),
            call: CallInfo { number, side, peer, service: service.name(), method, request_bytes },
            since: Instant::now(),
            is_told: false,
            reply_bytes: 0,
            outcome: None,
        })))
    }

    /// A call that this process may make; nobody is told yet.
    pub(crate) fn of_call(client: &Client, method: usize, args: &Encoder<'_>) -> Self {
        Self::new(client.link(), CallSide::Client, client.service(), method, args.len())
    }

    /// A request whose handler is about to run.
    pub(crate) fn of_request(link: &Link, services: &Services, method: u32, payload: &Payload) -> Self {
        let Some((served, method)) = services.route(method) else { return Self(None) };
        Self::new(link, CallSide::Server, served.service(), method, payload.len()).begin()
    }

    /// The call begins.
    pub(crate) fn begin(mut self) -> Self {
        if let Some(watched) = &mut self.0 {
            watched.is_told = true;
            watched.hooks.before(&watched.call);
        }
        self
    }

    /// While what comes back lives, the handler runs on this thread.
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    /// What is known at the end, from `end`, if anybody wants to know it. It is told when this is dropped.
    fn end(&mut self, end: impl FnOnce(&CallInfo) -> (usize, CallOutcome)) {
        if let Some(watched) = &mut self.0 {
            let (bytes, outcome) = end(&watched.call);
            (watched.reply_bytes, watched.outcome) = (bytes, Some(outcome));
        }
    }

    /// At the caller: a result came, or the method's own error.
    pub(crate) fn came(mut self, status: Status, bytes: usize) {
        let outcome = if status == Status::Ok { CallOutcome::Ok } else { CallOutcome::App };
        self.end(|_| (bytes, outcome));
    }

    /// At the caller: it brings no result.
    pub(crate) fn failed(mut self, error: RpcError) -> RpcError {
        self.end(|_| (0, CallOutcome::Rpc(error.clone())));
        error
    }

    /// At the server: a result, or the method's own error, is about to be sent, if it still can.
    pub(crate) fn answers(&mut self, link: &Link, call: CallId, status: Status, bytes: usize) {
        self.end(|_| {
            if let Some(error) = nobody_waits(link, call) {
                return (0, CallOutcome::Rpc(error));
            }
            match (link.too_large(bytes), status) {
                (Some(text), _) => (0, CallOutcome::Rpc(RpcError::BadReply(text.into()))),
                (None, Status::Ok) => (bytes, CallOutcome::Ok),
                (None, _) => (bytes, CallOutcome::App),
            }
        });
    }

    /// At the server: it is answered without a result.
    pub(crate) fn refuses(&mut self, status: Status, text: &str) {
        self.end(|call| {
            (0, CallOutcome::Rpc(status.error(|| format!("{}.{}", call.service, call.method), || text.into())))
        });
    }

    /// At the server: the handler's future is dropped, perhaps before it had an answer.
    pub(crate) fn stops(&mut self, link: &Link, call: CallId) {
        if self.0.as_ref().is_some_and(|watched| watched.outcome.is_none()) {
            let error = nobody_waits(link, call).unwrap_or(RpcError::Cancelled);
            self.end(|_| (0, CallOutcome::Rpc(error)));
        }
    }
}

/// Why the answer to a call would reach nobody, if it would not.
fn nobody_waits(link: &Link, call: CallId) -> Option<RpcError> {
    let mut core = link.lock();
    // Its cancel may have come.
    core.pump(None);
    let end = core.end.map(|end| end_error(end, true));
    end.or_else(|| core.is_cancelled(call).then_some(RpcError::Cancelled))
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.is_told {
            let outcome = self.outcome.take().unwrap_or(CallOutcome::Rpc(RpcError::Cancelled));
            let end = CallEnd { reply_bytes: self.reply_bytes, duration: self.since.elapsed(), outcome };
            self.hooks.after(&self.call, &end);
        }
    }
}

/// See [`Watch::enter`].
pub(crate) struct Entered;
