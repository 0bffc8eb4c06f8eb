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
//! * [`service`] is what a program serves, and how two programs find out whether they mean the same; [`router`] is several
//!   services together, [`guarded`] one that is not for everybody, [`setting`] what surrounds their handlers.
//! * [`direct`] is a service at the other side of one session; [`lasting`] one that outlives its sessions, [`standing`] the
//!   session that it has now, and [`supervisor`] the thread that makes the next one.
//! * [`request`] is a call at its server, [`call`] at its caller, and [`pending`] there once it is begun, [`call_all`] many of them; [`watch`] is what
//!   hooks see of it at both.

mod begin;
mod beside;
pub(crate) mod call;
pub(crate) mod call_all;
pub(crate) mod call_id;
pub(crate) mod client;
pub(crate) mod context;
mod credit;
pub(crate) mod deadline;
pub(crate) mod direct;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod extensions;
pub(crate) mod farewell;
#[cfg(test)]
mod forgotten;
pub(crate) mod guarded;
pub(crate) mod handling;
#[cfg(feature = "hooks")]
pub(crate) mod hooks;
pub(crate) mod lasting;
pub(crate) mod link;
mod locked;
pub(crate) mod method;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod mock;
mod nesting;
pub(crate) mod one_way;
pub(crate) mod opening;
mod owed;
pub(crate) mod pending;
pub(crate) mod request;
pub(crate) mod router;
pub(crate) mod service;
pub(crate) mod serving;
pub(crate) mod setting;
mod short;
#[cfg(test)]
pub(crate) mod simulation;
pub(crate) mod standing;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod stream_arguments;
pub(crate) mod stream_call;
pub(crate) mod streaming;
pub(crate) mod streams;
pub(crate) mod supervision;
pub(crate) mod supervisor;
pub(crate) mod taken;
pub(crate) mod tickets;
#[cfg(feature = "tracing")]
pub(crate) mod trace;
mod unanswered;
pub(crate) mod waiting;
mod wakes;
#[cfg_attr(not(feature = "hooks"), path = "rpc/unwatched.rs")]
pub(crate) mod watch;
