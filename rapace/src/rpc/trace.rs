//! Traces: which calls, of however many processes, came of which.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::Empty;

use super::hooks::{CallEnd, CallInfo, CallOutcome, CallSide, Hooks};
use crate::layout::metadata::Metadata;
use crate::os;

/// Makes a span of the crate `tracing` for each call: given to a client's builder or a server as [hooks](Hooks). Feature
/// `tracing`.
///
/// The span is named `rapace.call`, of level INFO; its fields are `side`, `service`, `method`, `peer`, `trace_id`, `span_id`,
/// `parent_span_id`, `request_bytes`, and at the end `outcome`, `reply_bytes` and `error`. At a client it is a child of the span
/// in which the call is made; at a server the handler runs in it.
///
/// With a call travels its [`Trace`], so that the spans of both sides, and those of the calls that a handler makes on its
/// thread or in its future, have the same `trace_id`. It takes 24 bytes, and so a slot of shared memory where the arguments
/// alone would travel without; a call whose arguments reach the limit `payload_max` goes without it.
///
/// ```
/// # #[rapace::service]
/// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
/// # struct Calc;
/// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("calc.sock");
/// let server = rapace::Server::new(CalculatorServer::new(Calc)).hooks(rapace::Tracing).bind(&path)?;
/// let calc = CalculatorClient::builder().hooks(rapace::Tracing).connect(&path)?;
/// assert_eq!(calc.add(1, 2).wait()?, 3);
/// # server.shut_down();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tracing;

impl Hooks for Tracing {
    fn makes_traces(&self) -> bool {
        true
    }
}

/// Where a call stands in its trace: the ids that OpenTelemetry and W3C's `traceparent` mean. Feature `tracing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    trace_id: u128,
    span_id: u64,
    parent_span_id: Option<u64>,
}

thread_local! {
    /// Of the call whose handler runs on this thread.
    static CURRENT: Cell<Option<Trace>> = const { Cell::new(None) };
}

impl Trace {
    /// A trace that was begun elsewhere, by a request of HTTP say. `None` when an id is zero, which names nothing.
    pub fn new(trace_id: u128, span_id: u64) -> Option<Self> {
        Metadata::new(trace_id, span_id).map(Self::from)
    }

    /// That of the call whose handler runs on this thread now.
    pub fn current() -> Option<Self> {
        CURRENT.get()
    }

    /// Runs something whose calls belong to this trace; of one that is awaited, the first poll counts.
    ///
    /// ```
    /// use rapace::Trace;
    ///
    /// let trace = Trace::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7).unwrap();
    /// let current = trace.in_scope(|| Trace::current());
    /// assert_eq!((current, Trace::current()), (Some(trace), None));
    /// ```
    pub fn in_scope<R>(self, run: impl FnOnce() -> R) -> R {
        let _scope = Scope::new(Some(self));
        run()
    }

    /// The same for all calls that came of one.
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// This side of the call, or what began the trace.
    pub fn span_id(&self) -> u64 {
        self.span_id
    }

    /// What it came of: at a server the span of the client, at a client that of the handler that makes the call.
    pub fn parent_span_id(&self) -> Option<u64> {
        self.parent_span_id
    }

    /// A new span: of the same trace, or of a new one.
    pub(super) fn below(parent: Option<Self>) -> Self {
        Self {
            trace_id: parent
                .map_or_else(|| u128::from(unique()) << 64 | u128::from(unique()), |parent| parent.trace_id),
            span_id: unique(),
            parent_span_id: parent.map(|parent| parent.span_id),
        }
    }

    pub(super) fn metadata(&self) -> Option<Metadata> {
        Metadata::new(self.trace_id, self.span_id)
    }

    pub(super) fn span(&self, call: &CallInfo) -> tracing::Span {
        let side = match call.side {
            CallSide::Client => "client",
            CallSide::Server => "server",
        };
        tracing::info_span!(
            target: "rapace",
            "rapace.call",
            side,
            service = call.service,
            method = call.method,
            peer = call.peer.pid,
            trace_id = %format_args!("{:032x}", self.trace_id),
            span_id = %format_args!("{:016x}", self.span_id),
            parent_span_id = self.parent_span_id.map(|id| tracing::field::display(format!("{id:016x}"))),
            request_bytes = call.request_bytes,
            outcome = Empty,
            reply_bytes = Empty,
            error = Empty,
        )
    }
}

impl From<Metadata> for Trace {
    fn from(metadata: Metadata) -> Self {
        Self { trace_id: metadata.trace_id(), span_id: metadata.span_id(), parent_span_id: None }
    }
}

/// Writes into a span how its call ended.
pub(super) fn record(span: &tracing::Span, end: &CallEnd) {
    span.record("outcome", end.outcome.label());
    span.record("reply_bytes", end.reply_bytes);
    if let CallOutcome::Rpc(error) = &end.outcome {
        span.record("error", tracing::field::display(error));
    }
}

/// While it lives, calls made on this thread belong to a trace.
pub(super) struct Scope {
    before: Option<Trace>,
}

impl Scope {
    pub(super) fn new(trace: Option<Trace>) -> Self {
        Self { before: CURRENT.replace(trace) }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("before", &self.before).finish()
    }
}

/// A number that is not zero and, in all likelihood, nobody else's: the kernel's random bits, counted on and mixed. The
/// process is among it because a fork inherits both.
fn unique() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let seed = *SEED.get_or_init(|| {
        let mut bytes = [0; 8];
        // Without them ids are still unique in this process.
        let _ = os::random::fill(&mut bytes);
        u64::from_ne_bytes(bytes)
    });
    let process = u64::from(std::process::id()).rotate_right(32);
    // Relaxed: only that no number comes twice matters.
    let count = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Steps of splitmix64, of which each undoes into one number alone.
    let mut mixed = seed.wrapping_add(process).wrapping_add(count);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_below_another_one_is_of_its_trace_and_knows_it() {
        let root = Trace::below(None);
        let (first, second) = (Trace::below(Some(root)), Trace::below(Some(root)));
        assert!(first.trace_id == root.trace_id && first.parent_span_id == Some(root.span_id));
        assert!(first.span_id != second.span_id && first.span_id != root.span_id);
        assert!(root.parent_span_id.is_none() && Trace::below(None).trace_id != root.trace_id);
        assert_eq!(Trace::new(0, 1).or(Trace::new(1, 0)), None);
    }

    #[test]
    fn a_scope_ends_also_by_a_panic() {
        let trace = Trace::below(None);
        let panicked = std::panic::catch_unwind(|| trace.in_scope(|| std::panic::resume_unwind(Box::new(()))));
        assert!(panicked.is_err());
        assert_eq!(Trace::current(), None);
    }
}
