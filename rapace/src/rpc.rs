//! Calls: what a message means as a part of a call, from its begin to its one end.
//!
//! ```text
//! caller: Call ─encode─► begin ─► request ════════► arrive ─► take_request ─► handler
//!         decode ◄─ outcome ◄─ pump ◄════ terminal ◄─ reply ◄─ encode ◄─────────┘
//! ```
//!
//! * [`engine`] is the protocol without I/O; [`tickets`] is who waits for which outcome.
//! * [`link`] joins both with a session under one lock; [`serving`] is its serving side, [`waiting`] is how
//!   threads wait there.
//! * [`farewell`] is how one side takes its leave.
//! * [`service`] is what a program serves, and how two programs find out whether they mean the same.
//! * [`request`] is a call at its server, [`call`] at its caller.

mod begin;
pub(crate) mod call;
pub(crate) mod client;
pub(crate) mod context;
pub(crate) mod deadline;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod farewell;
pub(crate) mod link;
mod locked;
pub(crate) mod method;
pub(crate) mod mock;
pub(crate) mod request;
pub(crate) mod service;
pub(crate) mod serving;
mod short;
pub(crate) mod status;
pub(crate) mod tickets;
pub(crate) mod waiting;
