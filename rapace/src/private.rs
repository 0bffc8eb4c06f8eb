//! What generated code names. Nothing here is promised to anybody else.

pub use std::sync::Arc;

pub use crate::__when_mock as when_mock;
pub use crate::__when_tokio as when_tokio;
pub use crate::codec::generated::*;
pub use crate::local::{local, stepped};
#[cfg(feature = "tokio")]
pub use crate::rpc::client::connect_async;
pub use crate::rpc::client::{Client, connect};
pub use crate::rpc::context::IsContext;
pub use crate::rpc::method::{IsResult, Method, NoError, Parameter, Stub, no_error};
pub use crate::rpc::mock::Answer;
pub use crate::rpc::request::{Handled, Request};
pub use crate::rpc::service::{
    MethodInfo, OneService, Serve, ServeOnThreads, Service, ShapeBuilder, method_id, service_of,
};
pub use crate::rpc::stream::ItemCodec;
pub use crate::rpc::stream_arguments::{Given, IsRx, IsTx, Streams};
pub use crate::rpc::streams::Flow;

/// Keeps its content when there is an async face.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "tokio")]
macro_rules! __when_tokio {
    ($($content:tt)*) => { $($content)* };
}

/// Drops its content, because there is no async face.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "tokio"))]
macro_rules! __when_tokio {
    ($($content:tt)*) => {};
}

/// Keeps its content when there are mocks.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "mock")]
macro_rules! __when_mock {
    ($($content:tt)*) => { $($content)* };
}

/// Drops its content, because there are no mocks.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "mock"))]
macro_rules! __when_mock {
    ($($content:tt)*) => {};
}
