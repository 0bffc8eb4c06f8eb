//! What a caller sees when a call does not bring its result.

use std::fmt;

use thiserror::Error;

use crate::codec::{DecodeError, EncodeError};
use crate::error::Lost;

/// Why a call brought no result, whatever its method: everything but the method's own error.
///
/// Every call ends with exactly one of them, or with its result. Small, so that results stay in registers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The deadline passed before the answer came.
    #[error("the deadline passed before the answer came{}", ran(*may_have_executed))]
    DeadlineExceeded {
        /// False when the call certainly did not run.
        may_have_executed: bool,
    },
    /// The server says that the call was cancelled.
    #[error("the call was cancelled at the server")]
    Cancelled,
    /// The server's process ended.
    #[error("the server died before it answered{}; connect again to go on", ran(*may_have_executed))]
    PeerDied {
        /// False when the call certainly did not run.
        may_have_executed: bool,
    },
    /// The session was closed, by the server or by this side.
    #[error("the session was closed before the answer came{}; connect again to go on", ran(*may_have_executed))]
    Closed {
        /// False when the call certainly did not run.
        may_have_executed: bool,
    },
    /// A client that [connects again](crate::ClientBuilder::reconnect), or the client of a [plugin](crate::Plugin), has no
    /// session now, and waited for one in vain or will get none.
    #[error("{0}")]
    NoConnection(Box<NoConnection>),
    /// The server does not have the method; its other methods can be called.
    #[error("the server has no method `{0}`: it was built from another version of the trait")]
    UnknownMethod(Box<str>),
    /// The server does not let this process call the method; others may be for it. The call did not run.
    #[error("the server does not let this process call `{0}`: it decides by user, group and process")]
    PermissionDenied(Box<str>),
    /// The arguments could not be turned into bytes, or are too long. Nothing was sent.
    #[error("the arguments cannot be sent: {0}")]
    Encode(Box<EncodeError>),
    /// The arguments, or the item of a stream, are longer than a limit. Nothing was sent.
    #[error("a message of {} bytes is above the limit {} ({} bytes), so nothing was sent", .0.size, .0.limit, .0.max)]
    TooLarge(Box<TooLarge>),
    /// The server could not read the arguments.
    #[error("the server cannot read the arguments: {0}")]
    BadArguments(Box<str>),
    /// The server takes no more work now. The call did not run.
    #[error("the server is overloaded: {0}; try again later")]
    Overloaded(Box<str>),
    /// The handler panicked. The server goes on.
    #[error("the handler of the call panicked: {0}")]
    Panicked(Box<str>),
    /// The call ran, but its result could not be sent.
    #[error("the server could not send the result: {0}")]
    BadReply(Box<str>),
    /// The result came, but could not be read.
    #[error("the result cannot be read: {0}")]
    Decode(Box<DecodeError>),
    /// There is no room for one more one-way call now: the server has not finished as many as it keeps, or its ring is
    /// full. Nothing was sent.
    #[error("no room for a one-way call now (the server's limit oneway_max is {oneway_max}); wait() waits for it")]
    Full {
        /// How many one-way calls the server keeps.
        oneway_max: u32,
    },
    /// The result of a call was waited for whose stream nobody reads, and it has sent as much as it may: it will never
    /// end. The call was cancelled.
    #[error(
        "the call waits for its stream to be read, and nobody has begun to: read the `Rx` before waiting for the result"
    )]
    StreamNotRead,
    /// A stream of the call cannot be used.
    #[error(transparent)]
    Stream(Box<StreamError>),
    /// The future must wait and there is no tokio runtime with I/O and time, or it is shutting down.
    #[error("no tokio runtime to wait on: await this inside one that has I/O and time enabled, or use wait()")]
    NoRuntime,
    /// Several calls that are waited for together are not of one client.
    #[error("calls of different clients cannot be waited for together; clones of one client can")]
    DifferentClients,
    /// The session is over, for a reason other than the server's death.
    #[error("{0}")]
    Lost(Box<Lost>),
}

/// Which limit a message exceeds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLarge {
    /// Bytes that it takes.
    pub size: usize,
    /// The limit's name.
    pub limit: &'static str,
    /// The limit, in bytes.
    pub max: usize,
}

/// Why a client that connects again has no session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no session to make the call in{}: {why}", ran(*may_have_executed))]
#[non_exhaustive]
pub struct NoConnection {
    /// What the last try met, or how the last session ended.
    pub why: String,
    /// How many tries in a row there were.
    pub tries: u32,
    /// Whether another try may succeed without a change of either program.
    pub is_retryable: bool,
    /// False when the call certainly did not run; true of one that may have, in a session before, and was to be made again.
    pub may_have_executed: bool,
}

fn ran(may_have_executed: bool) -> &'static str {
    if may_have_executed { "; the call may have run" } else { "; the call did not run" }
}

impl RpcError {
    /// The same of a call that may have run before, in another session.
    pub(super) fn of_one_that_may_have_run(self) -> Self {
        let may_have_executed = true;
        match self {
            Self::DeadlineExceeded { .. } => Self::DeadlineExceeded { may_have_executed },
            Self::PeerDied { .. } => Self::PeerDied { may_have_executed },
            Self::Closed { .. } => Self::Closed { may_have_executed },
            Self::NoConnection(why) => Self::NoConnection(Box::new(NoConnection { may_have_executed, ..*why })),
            other => other,
        }
    }

    /// Whether the call certainly did not run, and the same call may succeed when it is tried again: after connecting
    /// again if the session is over, at once or later otherwise.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::DeadlineExceeded { may_have_executed }
            | Self::PeerDied { may_have_executed }
            | Self::Closed { may_have_executed } => !may_have_executed,
            Self::Overloaded(_) | Self::Full { .. } => true,
            Self::NoConnection(why) => why.is_retryable && !why.may_have_executed,
            _ => false,
        }
    }
}

/// Why an item of a stream was not sent, or none came.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The other end of the pair is not part of a call that has begun.
    #[error("this end of the stream is not connected: give the other end to a call and start that first")]
    NotConnected,
    /// An end was given to a call, but its pair is part of another one already.
    #[error("the stream is part of another call already: make a pair for each call with rapace::stream()")]
    AlreadyConnected,
    /// The reader has dropped its end.
    #[error("nobody reads the stream any more")]
    Dropped,
    /// The call is over, and the stream with it. Its result, where that is waited for, says how it ended.
    #[error("the call of the stream has ended")]
    CallEnded,
    /// What every call can meet.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

impl From<StreamError> for RpcError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Rpc(error) => error,
            other => Self::Stream(Box::new(other)),
        }
    }
}

/// Why a call of a method that returns `Result<T, E>` brought no `T`.
///
/// ```
/// use rapace::{CallError, RpcError};
///
/// #[derive(Debug, PartialEq)]
/// struct DivideByZero;
///
/// fn explain(error: CallError<DivideByZero>) -> Result<DivideByZero, RpcError> {
///     // The method's own error, or what every call can meet, for `?`.
///     error.split()
/// }
/// assert_eq!(explain(CallError::App(DivideByZero)), Ok(DivideByZero));
/// assert!(explain(CallError::Rpc(RpcError::Cancelled)).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError<E> {
    /// The method's own error.
    App(E),
    /// What every call can meet.
    Rpc(RpcError),
}

impl<E> CallError<E> {
    /// The method's own error, or what every call can meet as an error to pass on with `?`.
    ///
    /// # Errors
    /// The [`RpcError`].
    pub fn split(self) -> Result<E, RpcError> {
        match self {
            Self::App(error) => Ok(error),
            Self::Rpc(error) => Err(error),
        }
    }

    /// As [`RpcError::is_retryable`]; the method's own error is not, since the call ran.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.is_retryable())
    }
}

impl<E> From<RpcError> for CallError<E> {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => error.fmt(f),
            Self::Rpc(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::App(error) => Some(error),
            Self::Rpc(error) => Some(error),
        }
    }
}

/// The outcome of a call whose method has an error of its own, taken apart.
///
/// ```
/// use rapace::{CallError, CallResult, RpcError};
///
/// fn lookup(outcome: Result<u32, CallError<String>>) -> Result<u32, RpcError> {
///     // `?` passes on what every call can meet; the method's own error is left to look at.
///     match outcome.split()? {
///         Ok(found) => Ok(found),
///         Err(_not_found) => Ok(0),
///     }
/// }
/// assert_eq!(lookup(Err(CallError::App("gone".into()))), Ok(0));
/// ```
pub trait CallResult<T, E> {
    /// The method's own result, or what every call can meet.
    ///
    /// # Errors
    /// The [`RpcError`].
    fn split(self) -> Result<Result<T, E>, RpcError>;
}

impl<T, E> CallResult<T, E> for Result<T, CallError<E>> {
    fn split(self) -> Result<Result<T, E>, RpcError> {
        match self {
            Ok(value) => Ok(Ok(value)),
            Err(error) => error.split().map(Err),
        }
    }
}
