//! Typed calls between processes of one machine, over shared memory that no peer can corrupt.
//!
//! A trait becomes a service: implemented in one process, called from others, by threads and by tasks.
//!
//! ```
//! #[rapace::service]
//! trait Calculator {
//!     fn add(&self, a: i32, b: i32) -> i32;
//! }
//!
//! struct Calc;
//! impl Calculator for Calc {
//!     fn add(&self, a: i32, b: i32) -> i32 {
//!         a + b
//!     }
//! }
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("calc.sock");
//! let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(&path)?;
//!
//! let calc = CalculatorClient::connect(&path)?; // in another program
//! assert_eq!(calc.add(1, 2).wait()?, 3); // or `.await?`
//! # drop(server);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`service`](macro@service) says what a trait can be; [`guide`] has a page for each thing to do: calling, errors, streams,
//! plugins, reconnecting, limits, testing, and what may change in a service.
//!
//! # Sessions
//!
//! The calls stand on a layer that can be used by itself.
//!
//! Two processes share a *segment* of two halves, each written by its owner alone; the kernel refuses everybody else.
//! Through it a [`Session`] moves messages in both directions: up to 24 bytes in a descriptor of one cache line,
//! larger payloads in slots, still larger ones in fragments. The other process may crash, hang or lie; this one gets
//! an error that says which.
//!
//! ```
//! use rapace::{Head, Listener, Session};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("echo.sock");
//! let mut listener = Listener::bind(&path)?;
//! std::thread::spawn(move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let mut session = listener.accept()?.open()?;
//!     loop {
//!         let message = session.recv()?;
//!         let head = *message.head();
//!         session.send(head, &message.into_inbound_payload().into_vec())?;
//!     }
//! });
//!
//! let mut session = Session::connect(&path)?;
//! session.send(Head::message(1), b"hello")?;
//! assert_eq!(session.recv()?.into_inbound_payload().into_vec(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Start at [`Session`]; [`session`] describes its life. With the feature `tokio` the same sessions are awaited:
//! `rapace::aio`.

#![cfg_attr(loom, allow(dead_code, reason = "models use a part of what a session uses"))]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("rapace needs a 64-bit system: its shared counters are 64-bit words");

#[cfg(not(loom))]
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(all(feature = "tokio", not(loom)))]
pub mod aio;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
pub(crate) mod codec;
mod doorbell;
mod error;
#[cfg(all(any(test, fuzzing), not(loom)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(not(loom))]
mod lane;
mod layout;
mod limits;
#[cfg(not(loom))]
mod local;
mod lock;
#[cfg(test)]
#[cfg(loom)]
mod models;
#[cfg(not(loom))]
mod os;
#[cfg(not(loom))]
mod plugin;
mod ring;
#[cfg(not(loom))]
mod rpc;
#[cfg(not(loom))]
mod segment;
#[cfg(not(loom))]
pub mod session;
mod slots;
mod sync;

pub use error::{Death, Errno, Lost, OpenError, RecvError, SegmentError, SendError, Violation};
pub use layout::INLINE_MAX;
pub use layout::geometry::{Geometry, GeometryError, SLOT_CLASSES, SlotClass};
pub use layout::head::{Head, Kind};
pub use limits::Limits;

#[cfg(rapace_codegen)]
#[doc(hidden)]
pub use ring::read_check_use;

#[cfg(not(loom))]
pub use blocking::{Server, ServerHandle, ServerStats, SessionStats, serve, serve_on};
#[cfg(not(loom))]
pub use codec::{DecodeError, EncodeError};
#[cfg(not(loom))]
pub use os::Credentials;
#[cfg(not(loom))]
pub use plugin::{Host, HostBuilder, Plugin, PluginBuilder, host};
#[cfg(not(loom))]
pub use rapace_macros::service;
#[cfg(all(feature = "hooks", not(loom)))]
pub use rpc::hooks::{CallEnd, CallInfo, CallOutcome, CallSide, Hooks};
#[cfg(all(feature = "metrics", not(loom)))]
pub use rpc::metrics::Metrics;
#[cfg(all(feature = "tracing", not(loom)))]
pub use rpc::trace::{Trace, Tracing};
#[cfg(not(loom))]
pub use rpc::{
    call::{Call, TryStartError},
    call_all::{CallAll, call_all},
    client::{Client, ClientBuilder, ConnectError},
    context::Context,
    error::{CallError, CallResult, NoConnection, RpcError, StreamError, TooLarge},
    extensions::Extensions,
    farewell::Farewell,
    guarded::Guarded,
    one_way::OneWay,
    pending::{AnyPending, Pending, wait_all, wait_any},
    router::{Router, Servable, ServableOnThreads},
    stream::{Recv, Rx, SendAll, SendItem, Tx, stream},
    stream_call::StreamCall,
    supervision::{End, Event, Exit, Retry, Supervision, SupervisionState},
};
#[cfg(not(loom))]
pub use session::{
    Config, Control, Counts, HeldSlot, Inbound, Incoming, Inspector, Listener, OutboundPayload, Payload, PeerA, PeerB,
    PeerState, Receiver, Role, Route, Sender, Session, SlotWriter, Spin, Stats,
};
#[cfg(not(loom))]
pub use slots::bytes::Trust;

/// Where the links of the guide lead in this documentation; its files say at their ends where they lead elsewhere. Of two such
/// definitions the first counts.
#[cfg(all(doc, not(doctest), not(loom)))]
macro_rules! links {
    () => {
        "[calls]: crate::guide::calls\n\
         [callbacks]: crate::guide::callbacks\n\
         [errors]: crate::guide::errors\n\
         [evolution]: crate::guide::evolution\n\
         [faces]: crate::guide::faces\n\
         [first_service]: crate::guide::first_service\n\
         [limits]: crate::guide::limits\n\
         [not]: crate::guide::not\n\
         [one-way]: crate::guide::calls#one-way-calls\n\
         [plugins]: crate::guide::plugins\n\
         [reconnecting]: crate::guide::reconnecting\n\
         [serving]: crate::guide::serving\n\
         [shutting-down]: crate::guide::serving#shutting-down\n\
         [streams]: crate::guide::streams\n\
         [testing]: crate::guide::testing\n\
         [traits]: crate::guide::traits\n\
         [watching]: crate::guide::watching\n\n"
    };
}

macro_rules! guide {
    ($($page:ident)*) => {
        // Its examples are tested with everything that they show.
        #[cfg(any(
            all(doc, not(doctest)),
            all(doctest, feature = "tokio", feature = "tracing", feature = "metrics", feature = "mock")
        ))]
        #[cfg(not(loom))]
        #[cfg_attr(not(doctest), doc = links!())]
        #[doc = include_str!("../../docs/README.md")]
        pub mod guide {
            $(
                #[cfg_attr(not(doctest), doc = links!())]
                #[doc = include_str!(concat!("../../docs/", stringify!($page), ".md"))]
                pub mod $page {}
            )*
        }
    };
}

guide! {
    first_service traits calls faces errors streams callbacks serving plugins reconnecting limits watching testing evolution not
}

/// The examples of README.md, run as tests.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../README.md")]
struct Readme;
