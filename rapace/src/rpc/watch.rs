//! One call as hooks see it: told before it begins, and once after it has ended, however it ends. Without the feature
//! `hooks` it is [nothing](../unwatched.rs).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::call_id::CallId;
use super::direct::Direct;
use super::error::RpcError;
use super::hooks::{CallEnd, CallInfo, CallOutcome, CallSide, HookList};
use super::link::{Link, end_error};
use super::service::{Service, Services};
use super::status::Status;
#[cfg(feature = "tracing")]
use super::trace::{Scope, Trace, record};
use crate::lane::Outgoing;
#[cfg(feature = "tracing")]
use crate::layout::inline::Inline;
#[cfg(feature = "tracing")]
use crate::layout::metadata::{METADATA_BYTES, Metadata};
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
    #[cfg(feature = "tracing")]
    span: tracing::Span,
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
            call: CallInfo {
                number,
                side,
                peer,
                service: service.name(),
                method,
                request_bytes,
                #[cfg(feature = "tracing")]
                trace: None,
            },
            since: Instant::now(),
            is_told: false,
            reply_bytes: 0,
            outcome: None,
            #[cfg(feature = "tracing")]
            span: tracing::Span::none(),
        })))
    }

    /// Whether somebody is told of the calls of a session.
    pub(crate) fn is_watched(link: &Link) -> bool {
        link.hooks.get().is_some_and(|hooks| !hooks.is_empty())
    }

    /// Whether somebody is told of this one.
    #[inline]
    pub(crate) fn is_watching(&self) -> bool {
        self.0.is_some()
    }

    /// A call that this process may make; nobody is told yet.
    pub(crate) fn of_call(direct: &Direct, method: usize, request_bytes: usize) -> Self {
        let watch = Self::new(direct.link(), CallSide::Client, direct.service(), method, request_bytes);
        #[cfg(feature = "tracing")]
        let watch = watch.traced(Trace::current);
        watch
    }

    /// A request whose handler is about to run.
    pub(crate) fn of_request(link: &Link, services: &Services, method: u32, payload: &Payload) -> Self {
        let Some((served, method)) = services.route(method) else { return Self(None) };
        let watch = Self::new(link, CallSide::Server, served.service(), method, payload.len());
        #[cfg(feature = "tracing")]
        let watch = watch.traced(|| payload.metadata.map(Trace::from));
        watch.begin()
    }

    /// Gives it a place in a trace, and a span, if there are to be any.
    #[cfg(feature = "tracing")]
    fn traced(mut self, parent: impl FnOnce() -> Option<Trace>) -> Self {
        if let Some(watched) = self.0.as_mut().filter(|watched| watched.hooks.make_traces()) {
            let trace = Trace::below(parent());
            watched.span = trace.span(&watched.call);
            watched.call.trace = Some(trace);
        }
        self
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
        #[cfg(feature = "tracing")]
        let watched = self.0.as_ref().filter(|watched| watched.call.trace.is_some());
        Entered {
            #[cfg(feature = "tracing")]
            _scope: watched.map(|watched| Scope::new(watched.call.trace)),
            #[cfg(feature = "tracing")]
            _span: watched.map(|watched| watched.span.clone().entered()),
        }
    }

    /// Sends the request with what travels before its arguments.
    pub(crate) fn send<X>(&self, link: &Link, args: &Outgoing<'_>, send: impl FnOnce(&Outgoing<'_>) -> X) -> X {
        #[cfg(feature = "tracing")]
        if let Some(metadata) = self.metadata(link, args) {
            let (lead, rest) = args.pieces();
            let pieces: Vec<&[u8]> =
                std::iter::once(&lead).filter(|lead| !lead.is_empty()).chain(rest).copied().collect();
            return send(&Outgoing::with_metadata(Inline::of(&metadata.to_bytes()), &pieces));
        }
        #[cfg(not(feature = "tracing"))]
        let _ = link;
        send(args)
    }

    /// Whether something is to travel before the arguments.
    #[inline(always)]
    pub(crate) fn has_metadata(&self) -> bool {
        #[cfg(feature = "tracing")]
        return self.0.as_ref().is_some_and(|watched| watched.call.trace.is_some());
        #[cfg(not(feature = "tracing"))]
        false
    }

    /// What is to travel, unless the limit leaves no room for it.
    #[cfg(feature = "tracing")]
    fn metadata(&self, link: &Link, args: &Outgoing<'_>) -> Option<Metadata> {
        let has_room = args.len().saturating_add(METADATA_BYTES) <= link.shared.terms.payload_max;
        self.0.as_ref().filter(|_| has_room)?.call.trace?.metadata()
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
            #[cfg(feature = "tracing")]
            record(&self.span, &end);
            self.hooks.after(&self.call, &end);
        }
    }
}

/// See [`Watch::enter`].
pub(crate) struct Entered {
    #[cfg(feature = "tracing")]
    _scope: Option<Scope>,
    #[cfg(feature = "tracing")]
    _span: Option<tracing::span::EnteredSpan>,
}
