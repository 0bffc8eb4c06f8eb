//! tonic over a Unix socket, with messages encoded by hand instead of protobuf: what `tonic-build` would make for two methods.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use hyper_util::rt::TokioIo;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tower::service_fn;

use crate::control::Control;
use crate::product::calls::Elsewhere;
use crate::task::AwaitedCalls;

/// Above its own 4 MiB, for the largest messages.
const MESSAGE_MAX: usize = 64 << 20;

const ADD: &str = "/bench.Adder/Add";
const ECHO: &str = "/bench.Adder/Echo";

/// A message that is its bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let len = from.remaining();
        Ok(Some(from.copy_to_bytes(len)))
    }
}

/// Both arguments, or the sum.
fn message(numbers: &[u32]) -> Bytes {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The client of a channel.
#[derive(Clone, Debug)]
pub struct AdderClient(Grpc<Channel>);

impl AdderClient {
    async fn call(&mut self, path: &'static str, message: Bytes) -> Bytes {
        self.0.ready().await.expect("a channel");
        let path = PathAndQuery::from_static(path);
        self.0.unary(Request::new(message), path, Plain).await.expect("an answer").into_inner()
    }

    async fn sum(&mut self, a: u32, b: u32) -> u32 {
        self.call(ADD, message(&[a, b])).await.get_u32_le()
    }
}

/// The service.
#[derive(Clone, Copy, Debug)]
struct AdderServer;

impl NamedService for AdderServer {
    const NAME: &'static str = "bench.Adder";
}

/// One method.
#[derive(Clone, Copy, Debug)]
enum Method {
    Add,
    Echo,
}

impl Service<Request<Bytes>> for Method {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let mut bytes = request.into_inner();
        let answer = match self {
            Self::Add => {
                let (a, b) = (bytes.get_u32_le(), bytes.get_u32_le());
                message(&[a.wrapping_add(b)])
            }
            Self::Echo => bytes,
        };
        ready(Ok(Response::new(answer)))
    }
}

impl Service<http::Request<Body>> for AdderServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = match request.uri().path() {
            ADD => Method::Add,
            ECHO => Method::Echo,
            path => panic!("no method {path}"),
        };
        Box::pin(async move {
            let grpc = tonic::server::Grpc::new(Plain);
            let mut grpc = grpc.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX);
            Ok(grpc.unary(method, request).await)
        })
    }
}

/// The measuring side's end.
///
/// # Errors
/// When the peer is gone.
pub async fn connect(control: &Control) -> io::Result<AdderClient> {
    let socket = Mutex::new(Some(super::socket(control)?));
    // There is one socket, whatever the address.
    let connector = service_fn(move |_: http::Uri| {
        let socket = socket.lock().expect("nobody panics with it").take();
        ready(socket.map(TokioIo::new).ok_or(io::Error::from(io::ErrorKind::NotConnected)))
    });
    let endpoint = Endpoint::from_static("http://localhost");
    let channel = endpoint.connect_with_connector(connector).await.map_err(io::Error::other)?;
    let grpc = Grpc::new(channel).max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX);
    Ok(AdderClient(grpc))
}

/// The peer.
///
/// # Errors
/// When the measuring process is gone.
pub fn serve(control: &Control) -> io::Result<Elsewhere> {
    super::serve_socket(control, async |socket| {
        let incoming = stream::iter([io::Result::Ok(socket)]).chain(stream::pending());
        Server::builder().add_service(AdderServer).serve_with_incoming(incoming).await.expect("a server");
    })
}

impl AwaitedCalls for AdderClient {
    async fn add(&mut self, a: u32, b: u32) -> u32 {
        self.sum(a, b).await
    }

    async fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        self.call(ECHO, data.into()).await.into()
    }

    async fn adds(&mut self, count: u32) {
        let calls = (0..count).map(|b| {
            let mut client = self.clone();
            async move { client.sum(20, b).await }
        });
        for (sum, b) in join_all(calls).await.into_iter().zip(0..) {
            assert_eq!(sum, 20 + b);
        }
    }
}
