//! What every contender with calls is asked to do, and what it must offer to be asked: blocking or awaited.

use std::fmt;
use std::hint::black_box;

use crate::awaited::Awaited;
use crate::burst::Exchange;

/// One kind of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// `add(u32, u32) -> u32`, one after the other.
    Add,
    /// `echo(bytes) -> bytes` of so many bytes, one after the other.
    Echo(usize),
    /// So many `add` begun, then so many results waited for: 8, 64 or 1000.
    InFlight(usize),
    /// A call with so many bytes that are looked at where they are and answered with their number.
    Length(usize),
    /// A call with a stream of [`ITEMS`] numbers from the server.
    Count,
}

/// Items of a stream, so many that the call itself does not show.
pub const ITEMS: u64 = 1 << 14;

impl Task {
    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once('-').unwrap_or((text, "")) {
            ("add", "") => Self::Add,
            ("echo", len) => Self::Echo(len.parse().ok()?),
            ("begin", count) => Self::InFlight(count.parse().ok()?),
            ("count", "") => Self::Count,
            ("length", len) => Self::Length(len.parse().ok()?),
            _ => return None,
        })
    }

    /// How many calls one step is.
    #[must_use]
    pub fn calls(self) -> usize {
        if let Self::InFlight(count) = self { count } else { 1 }
    }

    /// How many bytes a call carries each way, at most.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Add | Self::InFlight(_) | Self::Count => 8,
            Self::Echo(len) | Self::Length(len) => len,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add => f.write_str("add"),
            Self::Echo(len) => write!(f, "echo-{len}"),
            Self::InFlight(count) => write!(f, "begin-{count}"),
            Self::Length(len) => write!(f, "length-{len}"),
            Self::Count => f.write_str("count"),
        }
    }
}

/// A client that blocks.
pub trait Calls {
    /// The sum, from the other process.
    fn add(&mut self, a: u32, b: u32) -> u32;

    /// The same bytes, from the other process.
    fn echo(&mut self, data: Vec<u8>) -> Vec<u8>;

    /// Begins an `add` of 20 and each number below `count`, then waits for all sums.
    fn adds(&mut self, count: u32);
}

/// A client that is awaited.
pub trait AwaitedCalls {
    /// See [`Calls::add`].
    fn add(&mut self, a: u32, b: u32) -> impl Future<Output = u32> + Send;

    /// See [`Calls::echo`].
    fn echo(&mut self, data: Vec<u8>) -> impl Future<Output = Vec<u8>> + Send;

    /// See [`Calls::adds`].
    fn adds(&mut self, count: u32) -> impl Future<Output = ()> + Send;
}

/// A client that blocks and has streams.
pub trait Counts {
    /// Reads the numbers below `to` from a stream.
    fn count(&mut self, to: u64);
}

/// A client that is awaited and has streams.
pub trait AwaitedCounts {
    /// See [`Counts::count`].
    fn count(&mut self, to: u64) -> impl Future<Output = ()> + Send;
}

/// One `add` after the other.
#[derive(Debug)]
pub struct Add<C>(pub C);

impl<C: Calls> Exchange for Add<C> {
    #[inline]
    fn step(&mut self) {
        assert_eq!(self.0.add(black_box(20), black_box(22)), 42);
    }
}

impl<C: AwaitedCalls + Send> Awaited for Add<C> {
    async fn step(&mut self) {
        assert_eq!(self.0.add(black_box(20), black_box(22)).await, 42);
    }
}

/// One `echo` after the other; what comes back goes out again.
#[derive(Debug)]
pub struct Echo<C> {
    client: C,
    data: Vec<u8>,
}

impl<C> Echo<C> {
    /// Echoes of so many bytes.
    #[must_use]
    pub fn new(client: C, len: usize) -> Self {
        Self { client, data: vec![7; len] }
    }
}

impl<C: Calls> Exchange for Echo<C> {
    #[inline]
    fn step(&mut self) {
        let len = self.data.len();
        let data = std::mem::take(&mut self.data);
        self.data = black_box(self.client.echo(data));
        assert_eq!(self.data.len(), len);
    }
}

impl<C: AwaitedCalls + Send> Awaited for Echo<C> {
    async fn step(&mut self) {
        let len = self.data.len();
        self.data = black_box(self.client.echo(std::mem::take(&mut self.data)).await);
        assert_eq!(self.data.len(), len);
    }
}

/// `COUNT` of `add` in flight.
#[derive(Debug)]
pub struct InFlight<C, const COUNT: usize>(pub C);

impl<C: Calls, const COUNT: usize> Exchange for InFlight<C, COUNT> {
    const OPERATIONS: u64 = COUNT as u64;

    #[inline]
    fn step(&mut self) {
        self.0.adds(COUNT as u32);
    }
}

impl<C: AwaitedCalls + Send, const COUNT: usize> Awaited for InFlight<C, COUNT> {
    const OPERATIONS: u64 = COUNT as u64;

    async fn step(&mut self) {
        self.0.adds(COUNT as u32).await;
    }
}

/// One call with a stream after the other.
#[derive(Debug)]
pub struct Count<C>(pub C);

impl<C: Counts> Exchange for Count<C> {
    const OPERATIONS: u64 = ITEMS;

    fn step(&mut self) {
        self.0.count(ITEMS);
    }
}

impl<C: AwaitedCounts + Send> Awaited for Count<C> {
    const OPERATIONS: u64 = ITEMS;

    async fn step(&mut self) {
        self.0.count(ITEMS).await;
    }
}
