//! What is no single call: items of streams, one-way calls, and calls that call back.

use std::hint::black_box;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::thread;

use rapace::{ClientBuilder, Context, Rx, Tx, stream};

use super::calls::{AdderClient, AdderServer, Elsewhere, Sum};
use crate::burst::Exchange;
use crate::control::Control;
use crate::product;
use crate::task::ITEMS;
use crate::waiting::Waiting;

/// What is called.
#[rapace::service]
pub trait Flows {
    /// So many numbers, one by one.
    fn count(&self, to: u64, numbers: Tx<u64>);
    /// So many numbers, as many in a message as fit.
    fn count_in_groups(&self, to: u64, numbers: Tx<u64>);
    /// The sum of what comes.
    fn sum(&self, numbers: Rx<u64>) -> u64;
    /// Nothing is answered.
    #[rapace(oneway)]
    fn note(&self, bytes: [u8; 16]);
    /// How many notes came.
    fn noted(&self) -> u64;
    /// The caller is asked for the sum.
    fn ask(&self, cx: &Context, a: u32, b: u32) -> u32;
}

/// The implementation.
#[derive(Debug, Default)]
pub struct Flowing {
    noted: std::sync::atomic::AtomicU64,
}

impl Flows for Flowing {
    fn count(&self, to: u64, mut numbers: Tx<u64>) {
        for number in 0..to {
            numbers.send(number).wait().expect("a reader");
        }
    }

    fn count_in_groups(&self, to: u64, mut numbers: Tx<u64>) {
        numbers.send_all(0..to).wait().expect("a reader");
    }

    fn sum(&self, numbers: Rx<u64>) -> u64 {
        numbers.into_iter().map(|number| number.expect("a number")).sum()
    }

    fn note(&self, bytes: [u8; 16]) {
        black_box(bytes);
        // One thread serves the session: an addition that is locked would be the half of what is measured here.
        self.noted.store(self.noted.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    fn noted(&self) -> u64 {
        self.noted.load(Ordering::Relaxed)
    }

    fn ask(&self, cx: &Context, a: u32, b: u32) -> u32 {
        let adder = cx.client::<AdderClient>().expect("an adder");
        adder.add(a, b).wait().expect("a sum")
    }
}

/// A client of the peer that [`serve`]s.
///
/// # Errors
/// When the handshake fails or the peer is gone.
pub fn connect(control: &Control) -> io::Result<FlowsClient> {
    connect_as(control, |builder| builder)
}

/// One that adds when it is asked to.
///
/// # Errors
/// As [`connect`].
pub fn connect_adding(control: &Control) -> io::Result<FlowsClient> {
    connect_as(control, |builder| builder.serve(AdderServer::new(Sum)))
}

fn connect_as(
    control: &Control,
    set: impl FnOnce(ClientBuilder<FlowsClient>) -> ClientBuilder<FlowsClient>,
) -> io::Result<FlowsClient> {
    let (ours, theirs) = UnixStream::pair()?;
    control.send_fd(theirs.as_fd())?;
    let builder = FlowsClient::builder().config(product::config(Waiting::Default));
    set(builder).over(ours).map_err(io::Error::other)
}

/// The peer, which serves one client on a thread.
///
/// # Errors
/// When the measuring process is gone.
pub fn serve(control: &Control) -> io::Result<Elsewhere> {
    let socket = UnixStream::from(control.recv_fd()?);
    let server = rapace::Server::new(FlowsServer::new(Flowing::default()));
    let server = server.config(product::config(Waiting::Default));
    thread::Builder::new().spawn(move || server.serve_over(socket).expect("a session"))?;
    Ok(Elsewhere)
}

/// A call with a stream from the server a step.
#[derive(Debug)]
pub struct Counted(pub FlowsClient);

/// The same, as many in a message as fit.
#[derive(Debug)]
pub struct Grouped(pub FlowsClient);

/// Reads all of them.
fn read(numbers: Rx<u64>, to: u64) {
    let mut next = 0;
    for number in numbers {
        assert_eq!(number.expect("a number"), next);
        next += 1;
    }
    assert_eq!(next, to);
}

impl Exchange for Counted {
    const OPERATIONS: u64 = ITEMS;

    fn step(&mut self) {
        let (tx, rx) = stream();
        let counting = self.0.count(ITEMS, tx).start().expect("a call");
        read(rx, ITEMS);
        counting.wait().expect("an end");
    }
}

impl Exchange for Grouped {
    const OPERATIONS: u64 = ITEMS;

    fn step(&mut self) {
        let (tx, rx) = stream();
        let counting = self.0.count_in_groups(ITEMS, tx).start().expect("a call");
        read(rx, ITEMS);
        counting.wait().expect("an end");
    }
}

/// A call with a stream to the server a step.
#[derive(Debug)]
pub struct Summed(pub FlowsClient);

impl Exchange for Summed {
    const OPERATIONS: u64 = ITEMS;

    fn step(&mut self) {
        let (mut tx, rx) = stream();
        let sum = self.0.sum(rx).start().expect("a call");
        for number in 0..ITEMS {
            tx.send(black_box(number)).wait().expect("a reader");
        }
        drop(tx);
        assert_eq!(sum.wait().expect("a sum"), ITEMS * (ITEMS - 1) / 2);
    }
}

/// A one-way call a step. All of them were executed when a burst has ended.
#[derive(Debug)]
pub struct Noted {
    client: FlowsClient,
    sent: u64,
}

impl Noted {
    /// By this client.
    #[must_use]
    pub fn new(client: FlowsClient) -> Self {
        Self { client, sent: 0 }
    }
}

impl Exchange for Noted {
    #[inline]
    fn step(&mut self) {
        self.client.note(black_box([7; 16])).wait().expect("room");
        self.sent += 1;
    }

    fn finish(&mut self) {
        assert_eq!(self.client.noted().wait().expect("a count"), self.sent);
    }
}

/// A call whose handler calls back, one after the other.
#[derive(Debug)]
pub struct Asked(pub FlowsClient);

impl Exchange for Asked {
    #[inline]
    fn step(&mut self) {
        assert_eq!(self.0.ask(black_box(20), black_box(22)).wait().expect("a sum"), 42);
    }
}
