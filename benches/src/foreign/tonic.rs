//! tonic over a Unix socket, with messages encoded by hand instead of protobuf: what `tonic-build` would make for
//! two methods and one that answers with a stream.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream};
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio::runtime::Builder;
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
use crate::task::{AwaitedCalls, AwaitedCounts};

/// Above its own 4 MiB, for the largest messages.
const MESSAGE_MAX: usize = 64 << 20;

const ADD: &str = "/bench.Adder/Add";
const ECHO: &str = "/bench.Adder/Echo";
const COUNT: &str = "/bench.Adder/Count";

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

/// The method that answers with a stream.
#[derive(Clone, Copy, Debug)]
struct Counting;

impl Service<Request<Bytes>> for Counting {
    type Response = Response<BoxStream<'static, Result<Bytes, Status>>>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let to = request.into_inner().get_u64_le();
        let numbers = stream::iter(0..to).map(|number| Ok(Bytes::copy_from_slice(&number.to_le_bytes())));
        ready(Ok(Response::new(numbers.boxed())))
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
        let grpc = tonic::server::Grpc::new(Plain);
        let mut grpc = grpc.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX);
        Box::pin(async move {
            Ok(match request.uri().path() {
                ADD => grpc.unary(Method::Add, request).await,
                ECHO => grpc.unary(Method::Echo, request).await,
                COUNT => grpc.server_streaming(Counting, request).await,
                path => panic!("no method {path}"),
            })
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

/// A client of the server at `path`.
///
/// # Errors
/// When it is not there.
pub async fn meet(path: &Path) -> io::Result<AdderClient> {
    let endpoint = Endpoint::from_shared(format!("unix:{}", path.display())).map_err(io::Error::other)?;
    Ok(AdderClient(Grpc::new(endpoint.connect().await.map_err(io::Error::other)?)))
}

/// The life of a server at `path`.
///
/// # Errors
/// When it cannot listen.
pub fn serve_at(control: &Control, path: &Path) -> io::Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = UnixListener::bind(path)?;
        control.send(0)?;
        let incoming = stream::unfold(listener, async |listener| {
            let accepted = listener.accept().await;
            Some((accepted.map(|(socket, _)| socket), listener))
        });
        Server::builder().add_service(AdderServer).serve_with_incoming(incoming).await.map_err(io::Error::other)
    })
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

impl AwaitedCounts for AdderClient {
    async fn count(&mut self, to: u64) {
        self.0.ready().await.expect("a channel");
        let request = Request::new(Bytes::copy_from_slice(&to.to_le_bytes()));
        let answer = self.0.server_streaming(request, PathAndQuery::from_static(COUNT), Plain).await;
        let mut numbers = answer.expect("an answer").into_inner();
        for number in 0..to {
            let item: Option<Bytes> = numbers.message().await.expect("a server");
            assert_eq!(item.expect("a number").get_u64_le(), number);
        }
        assert!(numbers.message().await.expect("a server").is_none());
    }
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
