//! Who is met at a path, how, and what waits there.

use std::any::Any;
use std::io;
use std::path::Path;

use tokio::runtime::Runtime;

use super::Server;
use crate::call::By;
use crate::control::Control;
use crate::floor;
use crate::floor::socket::Socket;
#[cfg(feature = "peers")]
use crate::foreign::{ipc_channel, remoc, shmipc, tarpc, tonic};
use crate::product;
use crate::task::{AwaitedCalls, Calls};
use crate::waiting::Waiting;
use crate::work::Work;

/// What meets a server and comes back with the answer; what it returns is the session, not yet let go.
type Meet = fn(&Server, &Runtime) -> io::Result<Box<dyn Any>>;

/// One kind of meetings.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called in the table.
    pub(super) label: &'static str,
    /// The server's.
    pub(super) work: Work,
    pub(super) meet: Meet,
    /// Whether the server says when it has cleared its end away; one that does not gets a moment.
    pub(super) tells: bool,
}

impl Kind {
    const fn of_calls(label: &'static str, by: By, meet: Meet) -> Self {
        Self { label, work: Work::CallServer(by), meet, tells: false }
    }
}

/// rapace's meetings.
pub const RAPACE: &str = "rapace, default";

const HAND: Kind = Kind {
    label: "hand-written, two sealed halves of the same size (floor)",
    work: Work::Meeting,
    meet: |server, _| Ok(Box::new(floor::meeting::meet(&server.path)?)),
    tells: true,
};

/// The hand-written server's meetings and those of a session of rapace.
pub const MESSAGES: &[Kind] = &[
    HAND,
    Kind {
        label: RAPACE,
        work: Work::Connect,
        meet: |server, _| Ok(Box::new(product::connect::meet(&server.path)?)),
        tells: true,
    },
];

/// The hand-written servers' meetings, those of a client of rapace, and those of others.
pub const CALLS: &[Kind] = &[
    HAND,
    Kind::of_calls("hand-written, Unix socket", By::Socket, |server, _| call(Socket::connect(&server.path)?)),
    Kind::of_calls(RAPACE, By::Rapace(Waiting::Default), |server, _| {
        Ok(Box::new(product::connect::call(&server.path)?))
    }),
    Kind::of_calls("rapace, default, awaited, the server in a task", By::Tasks(Waiting::Default), |server, runtime| {
        runtime.block_on(await_call(product::connect::meet_awaited(&server.path)))
    }),
    #[cfg(feature = "peers")]
    Kind::of_calls("ipc-channel", By::IpcChannel, |server, _| call(ipc_channel::meet(&server.peer.control)?)),
    #[cfg(feature = "peers")]
    Kind::of_calls("shmipc", By::Shmipc, |server, runtime| runtime.block_on(await_call(shmipc::meet(&server.path)))),
    #[cfg(feature = "peers")]
    Kind::of_calls("tarpc", By::Tarpc, |server, runtime| runtime.block_on(await_call(tarpc::meet(&server.path)))),
    #[cfg(feature = "peers")]
    Kind::of_calls("remoc", By::Remoc, |server, runtime| runtime.block_on(await_call(remoc::meet(&server.path)))),
    #[cfg(feature = "peers")]
    Kind::of_calls("tonic", By::Tonic, |server, runtime| runtime.block_on(await_call(tonic::meet(&server.path)))),
];

/// The first call of a client.
fn call<C: Calls + 'static>(mut client: C) -> io::Result<Box<dyn Any>> {
    assert_eq!(client.add(20, 22), 42);
    Ok(Box::new(client))
}

/// The same of one that is awaited.
async fn await_call<C: AwaitedCalls + 'static>(
    client: impl Future<Output = io::Result<C>>,
) -> io::Result<Box<dyn Any>> {
    let mut client = client.await?;
    assert_eq!(client.add(20, 22).await, 42);
    Ok(Box::new(client))
}

/// The life of a server of calls at `path`.
///
/// # Errors
/// When it cannot listen.
pub fn serve_calls(by: By, control: &Control, path: &Path) -> io::Result<()> {
    match by {
        By::Socket => Socket::serve_at(control, path),
        By::Rapace(Waiting::Default) => product::connect::serve_calls(control, path),
        By::Tasks(Waiting::Default) => product::connect::serve_calls_on_tokio(control, path),
        #[cfg(feature = "peers")]
        By::IpcChannel => ipc_channel::serve_meetings(control),
        #[cfg(feature = "peers")]
        By::Shmipc => shmipc::serve_at(control, path),
        #[cfg(feature = "peers")]
        By::Tarpc => tarpc::serve_at(control, path),
        #[cfg(feature = "peers")]
        By::Remoc => remoc::serve_at(control, path),
        #[cfg(feature = "peers")]
        By::Tonic => tonic::serve_at(control, path),
        _ => Err(io::Error::other(format!("{by} is not met"))),
    }
}
