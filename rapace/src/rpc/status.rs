//! How a call ended, as its terminal says it.

use super::error::RpcError;
use crate::error::Violation;

/// The status of a terminal. What stands in its payload depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Status {
    /// The result.
    Ok = 0,
    /// The method's own error.
    App = 1,
    /// It was cancelled. No payload.
    Cancelled = 2,
    /// Its deadline passed before it was started. No payload.
    Expired = 3,
    /// There is no such method. No payload.
    UnknownMethod = 4,
    /// The arguments could not be read. A text, as in all that follow but the last.
    BadArguments = 5,
    /// The server does not take more work.
    Overloaded = 6,
    /// The handler panicked.
    Panicked = 7,
    /// The result could not be sent.
    BadReply = 8,
    /// The method is not for this caller. No payload.
    PermissionDenied = 9,
}

impl Status {
    /// What a call that ended so is to those who wanted its result: `method` is its name, `text` what came with the status.
    #[cold]
    pub(crate) fn error(self, method: impl FnOnce() -> String, text: impl FnOnce() -> Box<str>) -> RpcError {
        match self {
            Self::Ok | Self::App | Self::Cancelled => RpcError::Cancelled,
            Self::Expired => RpcError::DeadlineExceeded { may_have_executed: false },
            Self::UnknownMethod => RpcError::UnknownMethod(method().into()),
            Self::BadArguments => RpcError::BadArguments(text()),
            Self::Overloaded => RpcError::Overloaded(text()),
            Self::Panicked => RpcError::Panicked(text()),
            Self::BadReply => RpcError::BadReply(text()),
            Self::PermissionDenied => RpcError::PermissionDenied(method().into()),
        }
    }

    #[inline]
    pub(crate) fn parse(status: u16) -> Result<Self, Violation> {
        Ok(match status {
            0 => Self::Ok,
            1 => Self::App,
            2 => Self::Cancelled,
            3 => Self::Expired,
            4 => Self::UnknownMethod,
            5 => Self::BadArguments,
            6 => Self::Overloaded,
            7 => Self::Panicked,
            8 => Self::BadReply,
            9 => Self::PermissionDenied,
            _ => return Err(Violation::Status { status }),
        })
    }
}
