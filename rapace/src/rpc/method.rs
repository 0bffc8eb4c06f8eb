//! What generated code says of a method, as types; everything else is written here once for all methods.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::error::{CallError, RpcError};
use super::service::Service;
use super::stream_arguments::Given;
use super::streams::Flow;
use crate::codec::{DecodeError, EncodeError, Encoder, Reader};

/// One method of a service.
pub trait Method: 'static {
    /// The arguments as the caller gives them.
    type Args<'a>;
    /// What it returns.
    type Ok;
    /// Its own error; [`NoError`] when it has none.
    type Err;
    /// What its callers see instead of a result.
    type Error: From<RpcError> + FromApp<Self::Err>;
    /// Its place in the service.
    const INDEX: usize;
    /// Whether running it twice does what running it once does.
    const IDEMPOTENT: bool;
    /// The time that its callers wait, if they do not say otherwise.
    const TIMEOUT: Option<Duration>;

    /// Its streams: which way the items of each go.
    const FLOWS: &'static [Flow] = &[];

    /// Shows the streams among the arguments, in order.
    fn give(_: &Self::Args<'_>, _: &mut Given<'_>) {}

    /// Writes the arguments that are no streams.
    ///
    /// # Errors
    /// An argument's `Serialize` failed.
    fn encode_args<'v>(args: &'v Self::Args<'_>, out: &mut Encoder<'v>) -> Result<(), EncodeError>;

    /// Writes what it returned.
    ///
    /// # Errors
    /// Its `Serialize` failed.
    fn encode_ok<'v>(value: &'v Self::Ok, out: &mut Encoder<'v>) -> Result<(), EncodeError>;

    /// Writes its own error.
    ///
    /// # Errors
    /// Its `Serialize` failed.
    fn encode_err<'v>(value: &'v Self::Err, out: &mut Encoder<'v>) -> Result<(), EncodeError>;

    /// Reads what it returned.
    ///
    /// # Errors
    /// The bytes are no such value.
    fn decode_ok(from: &mut Reader<'_>) -> Result<Self::Ok, DecodeError>;

    /// Reads its own error.
    ///
    /// # Errors
    /// The bytes are no such value.
    fn decode_err(from: &mut Reader<'_>) -> Result<Self::Err, DecodeError>;
}

/// The error of a method that has none of its own. There are no values of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NoError {}

impl fmt::Debug for NoError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// An error of a call that can be a method's own.
pub trait FromApp<E> {
    /// The method's own error as a call's.
    fn from_app(error: E) -> Self;
}

impl FromApp<NoError> for RpcError {
    fn from_app(error: NoError) -> Self {
        match error {}
    }
}

impl<E> FromApp<E> for CallError<E> {
    fn from_app(error: E) -> Self {
        Self::App(error)
    }
}

/// Reads an error of a method that has none.
///
/// # Errors
/// Always.
pub fn no_error(_: &mut Reader<'_>) -> Result<NoError, DecodeError> {
    Err(DecodeError::Malformed { reason: "the server answered with an error, but the method has none".to_owned() })
}

/// What `Result<T, E>` is made of, under whatever alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result<T, E>`",
    note = "a return type named `Result`, or marked `#[rapace(result)]`, is the result of the call; write `#[rapace(value)]` to send it as a plain value"
)]
pub trait IsResult {
    /// `T`.
    type Ok;
    /// `E`.
    type Err;
    /// Itself, as what it is.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> IsResult for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Self {
        self
    }
}

/// What the type parameters of a service must be, because values of them travel.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the parameter of a service",
    note = "it must be `serde::Serialize`, `serde::de::DeserializeOwned`, `Send`, `Sync` and `'static`"
)]
pub trait Parameter: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Parameter for T {}

/// A generated client.
pub trait Stub: Sized {
    /// The service that it calls.
    fn service() -> &'static Service;
    /// A stub over a client.
    fn from_client(client: Client) -> Self;
    /// The client under it.
    fn client(&self) -> &Client;
}
