//! What a program can have told of its calls, at the side that makes them and at the side that answers them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::error::RpcError;
use super::request::panic_text;
use crate::os::Credentials;

/// Is told of each call before it begins and after it has ended. Feature `hooks`.
///
/// Given to a client's builder or to a server; several are told one after the other. At a client a call begins when it is
/// waited for, started or polled, and has ended when its outcome is fetched, or it is dropped; at a server it begins when
/// its handler is about to run, and has ended when the answer is sent or nobody is left to take it. What never comes so
/// far is not told: arguments that cannot be encoded, a request that was cancelled while it waited for its handler.
///
/// Each `before` is followed by exactly one `after`, however the call ends, perhaps on another thread. Both run where the
/// call does, so they should be quick; one that panics harms neither the call nor its session.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::sync::Arc;
///
/// use rapace::{CallEnd, CallInfo, Hooks};
///
/// #[rapace::service]
/// trait Calculator {
///     fn add(&self, a: i32, b: i32) -> i32;
/// }
///
/// struct Calc;
/// impl Calculator for Calc {
///     fn add(&self, a: i32, b: i32) -> i32 {
///         a + b
///     }
/// }
///
/// /// Bytes in both directions.
/// #[derive(Default)]
/// struct Traffic(AtomicU64);
///
/// impl Hooks for Traffic {
///     fn after(&self, call: &CallInfo, end: &CallEnd) {
///         println!("{}.{} took {:?}: {}", call.service, call.method, end.duration, end.outcome);
///         self.0.fetch_add((call.request_bytes + end.reply_bytes) as u64, Ordering::Relaxed);
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("calc.sock");
/// let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(&path)?;
/// let traffic = Arc::new(Traffic::default());
/// let calc = CalculatorClient::builder().hooks(Arc::clone(&traffic)).connect(&path)?;
/// assert_eq!(calc.add(1, 2).wait()?, 3);
/// assert_eq!(traffic.0.load(Ordering::Relaxed), 3); // a byte for each number here
/// # server.shut_down();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Hooks: Send + Sync + 'static {
    /// A call is about to begin.
    fn before(&self, call: &CallInfo) {
        let _ = call;
    }

    /// A call has ended.
    fn after(&self, call: &CallInfo, end: &CallEnd) {
        let _ = (call, end);
    }

    #[doc(hidden)]
    #[cfg(feature = "tracing")]
    fn makes_traces(&self) -> bool {
        false
    }
}

impl<H: Hooks + ?Sized> Hooks for Arc<H> {
    fn before(&self, call: &CallInfo) {
        (**self).before(call);
    }

    fn after(&self, call: &CallInfo, end: &CallEnd) {
        (**self).after(call, end);
    }

    #[cfg(feature = "tracing")]
    fn makes_traces(&self) -> bool {
        (**self).makes_traces()
    }
}

/// Which side of a call tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallSide {
    /// It makes the call.
    Client,
    /// It answers it.
    Server,
}

/// A call, as both sides know it from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallInfo {
    /// The same for `before` and `after`, and no other call's in this process.
    pub number: u64,
    /// Which side this is.
    pub side: CallSide,
    /// Who is on the other side, by the kernel's word.
    pub peer: Credentials,
    /// The name of the service, on the wire.
    pub service: &'static str,
    /// The name of the method, on the wire.
    pub method: &'static str,
    /// What the arguments take.
    pub request_bytes: usize,
    /// Where it stands in its trace, if [`Tracing`](crate::Tracing) is among the hooks. Feature `tracing`.
    #[cfg(feature = "tracing")]
    pub trace: Option<super::trace::Trace>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallEnd {
    /// What the result takes, or the error; zero when there is none.
    pub reply_bytes: usize,
    /// Since `before`.
    pub duration: Duration,
    /// With what.
    pub outcome: CallOutcome,
}

/// With what a call ended, at this side: the other one may have seen it otherwise, as when a result comes too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// Its result.
    Ok,
    /// The method's own error.
    App,
    /// Everything else. A call that was dropped is [`Cancelled`](RpcError::Cancelled).
    Rpc(RpcError),
}

impl CallOutcome {
    /// One word for it, as a label.
    pub fn label(&self) -> &'static str {
        let error = match self {
            Self::Ok => return "ok",
            Self::App => return "app",
            Self::Rpc(error) => error,
        };
        match error {
            RpcError::DeadlineExceeded { .. } => "deadline_exceeded",
            RpcError::Cancelled => "cancelled",
            RpcError::PeerDied { .. } => "peer_died",
            RpcError::Closed { .. } => "closed",
            RpcError::UnknownMethod(_) => "unknown_method",
            RpcError::PermissionDenied(_) => "permission_denied",
            RpcError::Encode(_) => "encode",
            RpcError::TooLarge(_) => "too_large",
            RpcError::BadArguments(_) => "bad_arguments",
            RpcError::Overloaded(_) => "overloaded",
            RpcError::Panicked(_) => "panicked",
            RpcError::BadReply(_) => "bad_reply",
            RpcError::Decode(_) => "decode",
            RpcError::Full { .. } => "full",
            RpcError::StreamNotRead => "stream_not_read",
            RpcError::Stream(_) => "stream",
            RpcError::NoRuntime => "no_runtime",
            RpcError::DifferentClients => "different_clients",
            RpcError::NoConnection(_) => "no_connection",
            RpcError::Lost(_) => "lost",
        }
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("a result"),
            Self::App => f.write_str("the method's own error"),
            Self::Rpc(error) => error.fmt(f),
        }
    }
}

/// All that are told of the calls of one side.
#[derive(Clone, Default)]
pub(crate) struct HookList {
    hooks: Vec<Arc<dyn Hooks>>,
}

impl HookList {
    pub(crate) fn add(&mut self, hooks: impl Hooks) {
        self.hooks.push(Arc::new(hooks));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn make_traces(&self) -> bool {
        self.hooks.iter().any(|hooks| hooks.makes_traces())
    }

    /// Tells each of them; one that panics keeps nobody from being told.
    fn tell(&self, tell: impl Fn(&dyn Hooks)) {
        for hooks in &self.hooks {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| tell(&**hooks))) {
                panic_text(panic);
            }
        }
    }

    pub(crate) fn before(&self, call: &CallInfo) {
        self.tell(|hooks| hooks.before(call));
    }

    pub(crate) fn after(&self, call: &CallInfo, end: &CallEnd) {
        self.tell(|hooks| hooks.after(call, end));
    }
}

impl fmt::Debug for HookList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hooks", self.hooks.len())
    }
}
