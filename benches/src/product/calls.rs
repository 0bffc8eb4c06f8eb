//! Typed calls of a service in the other process: `add` and `echo`, blocking and awaited, one by one and 64 in flight.

use std::fs::{self, DirBuilder};
use std::hint::black_box;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use tokio::runtime::Builder;

use crate::awaited::{Awaited, OnTokio};
use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::floor::calls::IN_FLIGHT;
use crate::product;
use crate::waiting::Waiting;

/// What is called.
#[rapace::service]
pub trait Adder {
    /// The sum.
    fn add(&self, a: u32, b: u32) -> u32;
    /// The same bytes.
    fn echo(&self, data: Vec<u8>) -> Vec<u8>;
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
pub fn serve(control: &Control, waiting: Waiting) -> io::Result<Elsewhere> {
    let socket = UnixStream::from(control.recv_fd()?);
    let server = rapace::Server::new(AdderServer::new(Sum)).config(product::config(waiting));
    thread::Builder::new().spawn(move || server.serve_over(socket).expect("a session"))?;
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

/// The peer, which serves in tasks of a current-thread runtime.
///
/// # Errors
/// When it cannot listen, or the measuring process is gone.
pub fn serve_on_tokio(control: &Control, waiting: Waiting, path: &Path) -> io::Result<Elsewhere> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().mode(0o700).create(directory)?;
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
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

/// One `add` after the other.
#[derive(Debug)]
pub struct Add(pub AdderClient);

impl Exchange for Add {
    #[inline]
    fn step(&mut self) {
        let sum = self.0.add(black_box(20), black_box(22)).wait().expect("a sum");
        assert_eq!(sum, 42);
    }
}

impl Awaited for Add {
    async fn step(&mut self) {
        let sum = self.0.add(black_box(20), black_box(22)).await.expect("a sum");
        assert_eq!(sum, 42);
    }
}

/// One `echo` after the other; what comes back goes out again.
#[derive(Debug)]
pub struct Echo {
    client: AdderClient,
    data: Vec<u8>,
}

impl Echo {
    /// Echoes of so many bytes.
    #[must_use]
    pub fn new(client: AdderClient, len: usize) -> Self {
        Self { client, data: vec![7; len] }
    }
}

impl Exchange for Echo {
    #[inline]
    fn step(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.data = black_box(self.client.echo(data).wait().expect("the bytes"));
    }
}

/// 64 `add` begun, then 64 results waited for, in the order of their calls.
#[derive(Debug)]
pub struct InFlight(pub AdderClient);

impl Exchange for InFlight {
    const OPERATIONS: u64 = IN_FLIGHT as u64;

    #[inline]
    fn step(&mut self) {
        let begin = |b| self.0.add(black_box(20), b as u32).start().expect("a call");
        let calls: [_; IN_FLIGHT] = std::array::from_fn(begin);
        for (b, call) in calls.into_iter().enumerate() {
            assert_eq!(call.wait().expect("a sum"), 20 + b as u32);
        }
    }
}

impl Awaited for InFlight {
    const OPERATIONS: u64 = IN_FLIGHT as u64;

    async fn step(&mut self) {
        let mut calls = Vec::with_capacity(IN_FLIGHT);
        for b in 0..IN_FLIGHT as u32 {
            calls.push(self.0.add(black_box(20), b).start_async().await.expect("a call"));
        }
        for (call, b) in calls.into_iter().zip(0..) {
            assert_eq!(call.await.expect("a sum"), 20 + b);
        }
    }
}

/// A client that is awaited, on a runtime of its own.
///
/// # Errors
/// When there is no runtime or no client.
pub fn awaited<A>(make: impl FnOnce(AdderClient) -> A, client: io::Result<AdderClient>) -> io::Result<OnTokio<A>> {
    OnTokio::new(async || Ok(make(client?)))
}
