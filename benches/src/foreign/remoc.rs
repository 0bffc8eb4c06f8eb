//! remoc over a Unix socket: a remote trait, and a channel among the arguments for a stream.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::{join, join_all};
use remoc::prelude::*;
use serde_bytes::ByteBuf;
use tokio::net::UnixStream;

use crate::control::Control;
use crate::product::calls::Elsewhere;
use crate::task::{AwaitedCalls, AwaitedCounts};

/// Above its own 16 MiB, for the largest messages and what stands around them.
const MESSAGE_MAX: usize = 64 << 20;

mod service {
    use remoc::prelude::*;
    use remoc::rtc::CallError;
    use serde_bytes::ByteBuf;

    /// What is called.
    #[rtc::remote]
    pub trait Adder {
        /// The sum.
        async fn add(&self, a: u32, b: u32) -> Result<u32, CallError>;
        /// The same bytes.
        async fn echo(&self, data: ByteBuf) -> Result<ByteBuf, CallError>;
        /// So many numbers, one by one.
        async fn count(&self, to: u64, numbers: rch::mpsc::Sender<u64>) -> Result<(), CallError>;
    }
}

pub use service::AdderClient;
use service::{Adder, AdderServerShared};

struct Sum;

impl Adder for Sum {
    async fn add(&self, a: u32, b: u32) -> Result<u32, rtc::CallError> {
        Ok(a.wrapping_add(b))
    }

    async fn echo(&self, data: ByteBuf) -> Result<ByteBuf, rtc::CallError> {
        Ok(data)
    }

    async fn count(&self, to: u64, numbers: rch::mpsc::Sender<u64>) -> Result<(), rtc::CallError> {
        for number in 0..to {
            numbers.send(number).await.expect("a reader");
        }
        Ok(())
    }
}

/// The measuring side's end.
///
/// # Errors
/// When the peer is gone.
pub async fn connect(control: &Control) -> io::Result<AdderClient> {
    over(super::socket(control)?).await
}

/// A client of the server at `path`.
///
/// # Errors
/// When it is not there.
pub async fn meet(path: &Path) -> io::Result<AdderClient> {
    over(UnixStream::connect(path).await?).await
}

async fn over(socket: UnixStream) -> io::Result<AdderClient> {
    let (read, write) = socket.into_split();
    let client = remoc::Connect::io(remoc::Cfg::default(), read, write).consume().await;
    let mut client: AdderClient = client.map_err(io::Error::other)?;
    client.set_max_request_size(MESSAGE_MAX);
    client.set_max_response_size(MESSAGE_MAX);
    Ok(client)
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
    let (read, write) = socket.into_split();
    let (server, mut client) = AdderServerShared::<_, remoc::codec::Default>::new(Arc::new(Sum));
    client.set_max_request_size(MESSAGE_MAX);
    remoc::Connect::io(remoc::Cfg::default(), read, write).provide(client).await.expect("a client");
    server.serve().await.expect("a client");
}

impl AwaitedCounts for AdderClient {
    async fn count(&mut self, to: u64) {
        let (numbers, mut receiver) = rch::mpsc::channel();
        let reading = async {
            for number in 0..to {
                assert_eq!(receiver.recv().await.expect("a server"), Some(number));
            }
            assert_eq!(receiver.recv().await.expect("a server"), None);
        };
        let (counted, ()) = join(Adder::count(self, to, numbers), reading).await;
        counted.expect("an end");
    }
}

impl AwaitedCalls for AdderClient {
    async fn add(&mut self, a: u32, b: u32) -> u32 {
        Adder::add(self, a, b).await.expect("a sum")
    }

    async fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        Adder::echo(self, ByteBuf::from(data)).await.expect("the bytes").into_vec()
    }

    async fn adds(&mut self, count: u32) {
        let calls = (0..count).map(|b| Adder::add(self, 20, b));
        for (sum, b) in join_all(calls).await.into_iter().zip(0..) {
            assert_eq!(sum.expect("a sum"), 20 + b);
        }
    }
}
