//! tarpc over a Unix socket, with its bincode transport.

use std::io;
use std::path::Path;

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_bytes::ByteBuf;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::length_delimited;
use tarpc::{client, context, serde_transport};
use tokio::net::UnixStream;

use crate::control::Control;
use crate::product::calls::Elsewhere;
use crate::task::AwaitedCalls;

/// Above its codec's own 8 MiB, for the largest messages.
const FRAME_MAX: usize = 64 << 20;

mod service {
    use serde_bytes::ByteBuf;

    /// What is called.
    #[tarpc::service]
    pub trait Adder {
        /// The sum.
        async fn add(a: u32, b: u32) -> u32;
        /// The same bytes.
        async fn echo(data: ByteBuf) -> ByteBuf;
    }
}

use service::{Adder, AdderClient};

#[derive(Clone, Copy)]
struct Sum;

impl Adder for Sum {
    async fn add(self, _: context::Context, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    async fn echo(self, _: context::Context, data: ByteBuf) -> ByteBuf {
        data
    }
}

/// What carries frames over a socket.
macro_rules! transport {
    ($socket:expr) => {{
        let socket: UnixStream = $socket;
        let framed = length_delimited::Builder::new().max_frame_length(FRAME_MAX).new_framed(socket);
        serde_transport::new(framed, Bincode::default())
    }};
}

/// The measuring side's end.
///
/// # Errors
/// When the peer is gone.
pub fn connect(control: &Control) -> io::Result<AdderClient> {
    Ok(over(super::socket(control)?))
}

fn over(socket: UnixStream) -> AdderClient {
    AdderClient::new(client::Config::default(), transport!(socket)).spawn()
}

/// A client of the server at `path`.
///
/// # Errors
/// When it is not there.
pub async fn meet(path: &Path) -> io::Result<AdderClient> {
    Ok(over(UnixStream::connect(path).await?))
}

/// The peer.
///
/// # Errors
/// When the measuring process is gone.
pub fn serve(control: &Control) -> io::Result<Elsewhere> {
    super::serve_socket(control, answer)
}

/// The life of a server at `path`.
///
/// # Errors
/// When it cannot listen.
pub fn serve_at(control: &Control, path: &Path) -> io::Result<()> {
    super::serve_at(control, path, answer)
}

async fn answer(socket: UnixStream) {
    let channel = BaseChannel::with_defaults(transport!(socket));
    let requests = channel.execute(Sum.serve());
    requests.for_each(async |answer| drop(tokio::spawn(answer))).await;
}

impl AwaitedCalls for AdderClient {
    async fn add(&mut self, a: u32, b: u32) -> u32 {
        Self::add(self, context::current(), a, b).await.expect("a sum")
    }

    async fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        Self::echo(self, context::current(), ByteBuf::from(data)).await.expect("the bytes").into_vec()
    }

    async fn adds(&mut self, count: u32) {
        let calls = (0..count).map(|b| Self::add(self, context::current(), 20, b));
        for (sum, b) in join_all(calls).await.into_iter().zip(0..) {
            assert_eq!(sum.expect("a sum"), 20 + b);
        }
    }
}
