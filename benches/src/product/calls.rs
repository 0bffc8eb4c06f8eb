//! Typed calls of a service in the other process: `add` and `echo`, blocking and awaited, one by one and 64 in flight.

use std::fs::{self, DirBuilder};
use std::hint::black_box;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use rapace::Config;
use tokio::runtime::Runtime;

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::product;
use crate::task::{AwaitedCalls, Calls};
use crate::waiting::Waiting;

/// What is called.
#[rapace::service]
pub trait Adder {
    /// The sum.
    fn add(&self, a: u32, b: u32) -> u32;
    /// The same bytes.
    fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    /// How many bytes there are.
    fn length(&self, data: &[u8]) -> u32;
    /// Nothing is answered.
    #[rapace(oneway)]
    fn note(&self, bytes: [u8; 16]);
}

/// The implementation.
#[derive(Clone, Copy, Debug)]
pub struct Sum;

impl Adder for Sum {
    fn add(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        black_box(data)
    }

    fn length(&self, data: &[u8]) -> u32 {
        black_box(data).len() as u32
    }

    fn note(&self, bytes: [u8; 16]) {
        black_box(bytes);
    }
}

/// A client of the peer that [`serve`]s.
///
/// # Errors
/// When the handshake fails or the peer is gone.
pub fn connect(control: &Control, waiting: Waiting) -> io::Result<AdderClient> {
    let (ours, theirs) = UnixStream::pair()?;
    control.send_fd(theirs.as_fd())?;
    AdderClient::builder().config(product::config(waiting)).over(ours).map_err(io::Error::other)
}

/// The peer, which serves one client on a thread, as a server of threads does.
///
/// # Errors
/// When the measuring process is gone.
pub fn serve(control: &Control, config: Config) -> io::Result<Elsewhere> {
    serve_many(control, config, 1)
}

/// The same for so many clients, each on a thread.
///
/// # Errors
/// As [`serve`].
pub fn serve_many(control: &Control, config: Config, clients: usize) -> io::Result<Elsewhere> {
    for _ in 0..clients {
        let socket = UnixStream::from(control.recv_fd()?);
        let server = rapace::Server::new(AdderServer::new(Sum)).config(config.clone());
        thread::Builder::new().spawn(move || server.serve_over(socket).expect("a session"))?;
    }
    Ok(Elsewhere)
}

/// A client of the peer that [serves on tokio](serve_on_tokio) at `path`.
///
/// # Errors
/// As [`connect`].
pub fn meet_on_tokio(control: &Control, waiting: Waiting, path: &Path) -> io::Result<AdderClient> {
    control.recv()?;
    let client = AdderClient::builder().config(product::config(waiting)).connect(path).map_err(io::Error::other)?;
    if let Some(directory) = path.parent() {
        fs::remove_dir_all(directory)?;
    }
    Ok(client)
}

/// The peer, which serves in tasks of such a runtime.
///
/// # Errors
/// When it cannot listen, or the measuring process is gone.
pub fn serve_on_tokio(control: &Control, waiting: Waiting, runtime: Runtime, path: &Path) -> io::Result<Elsewhere> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().mode(0o700).create(directory)?;
    }
    let server = {
        let _inside = runtime.enter();
        let server = rapace::aio::Server::new(AdderServer::new(Sum)).config(product::config(waiting));
        server.bind(path).map_err(io::Error::other)?
    };
    thread::Builder::new().spawn(move || runtime.block_on(server.join()).expect("a server"))?;
    control.send(0)?;
    Ok(Elsewhere)
}

/// The peer's main thread, which has nothing to do: a thread of the product serves.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere;

impl Serve for Elsewhere {
    fn serve(&mut self, _steps: u64) {}
}

impl Calls for AdderClient {
    #[inline]
    fn add(&mut self, a: u32, b: u32) -> u32 {
        Self::add(self, a, b).wait().expect("a sum")
    }

    #[inline]
    fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        Self::echo(self, data).wait().expect("the bytes")
    }

    #[inline]
    fn adds(&mut self, count: u32) {
        let client = &*self;
        let sums = rapace::call_all((0..count).map(|b| client.add(black_box(20), b)));
        let total: u32 = sums.map(|sum| sum.expect("a sum")).sum();
        assert_eq!(total, (20..20 + count).sum::<u32>());
    }
}

/// A client whose calls in flight are begun one by one.
#[derive(Debug)]
pub struct Begun(pub AdderClient);

impl Calls for Begun {
    fn add(&mut self, a: u32, b: u32) -> u32 {
        Calls::add(&mut self.0, a, b)
    }

    fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        Calls::echo(&mut self.0, data)
    }

    #[inline]
    fn adds(&mut self, count: u32) {
        let mut calls = Vec::with_capacity(count as usize);
        for b in 0..count {
            calls.push(self.0.add(black_box(20), b).start().expect("a call"));
        }
        for (call, b) in calls.into_iter().zip(0..) {
            assert_eq!(call.wait().expect("a sum"), 20 + b);
        }
    }
}

impl AwaitedCalls for AdderClient {
    async fn add(&mut self, a: u32, b: u32) -> u32 {
        Self::add(self, a, b).await.expect("a sum")
    }

    async fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        Self::echo(self, data).await.expect("the bytes")
    }

    async fn adds(&mut self, count: u32) {
        let mut calls = Vec::with_capacity(count as usize);
        for b in 0..count {
            calls.push(Self::add(self, black_box(20), b).start_async().await.expect("a call"));
        }
        for (call, b) in calls.into_iter().zip(0..) {
            assert_eq!(call.await.expect("a sum"), 20 + b);
        }
    }
}

/// A call with borrowed bytes, one after the other.
#[derive(Debug)]
pub struct Length {
    client: AdderClient,
    data: Vec<u8>,
}

impl Length {
    /// Of so many bytes.
    #[must_use]
    pub fn new(client: AdderClient, len: usize) -> Self {
        Self { client, data: vec![7; len] }
    }
}

impl Exchange for Length {
    #[inline]
    fn step(&mut self) {
        let len = self.client.length(&self.data).wait().expect("a length");
        assert_eq!(len as usize, self.data.len());
    }
}

/// A client of the peer that serves [many](serve_many): the one that is used, and others that are connected.
#[derive(Debug)]
pub struct OneOfMany {
    busy: AdderClient,
    _others: Vec<AdderClient>,
}

impl OneOfMany {
    /// Connects so many.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn connect(control: &Control, waiting: Waiting, clients: usize) -> io::Result<Self> {
        let busy = connect(control, waiting)?;
        let others = (1..clients).map(|_| connect(control, waiting)).collect::<io::Result<_>>()?;
        Ok(Self { busy, _others: others })
    }
}

impl Exchange for OneOfMany {
    #[inline]
    fn step(&mut self) {
        let sum = self.busy.add(black_box(20), black_box(22)).wait().expect("a sum");
        assert_eq!(sum, 42);
    }
}
