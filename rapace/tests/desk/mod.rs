//! A service of which there are three servers: threads, sync methods in tasks, async methods.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rapace::{Config, Context, Server};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::peer::{Guard, Peer, say};

/// On threads.
pub(crate) const THREADS: &str = "threads";
/// On tokio, its methods sync ones.
pub(crate) const SYNC_TASKS: &str = "sync tasks";
/// On tokio, its methods async ones.
pub(crate) const ASYNC: &str = "async";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refused {
    ByZero,
    Because(String),
}

/// Whether bombs go off in this process: in a server they do.
static ARMED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether they go off on this thread, whatever the process is.
    pub(crate) static ARMED_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Handlers that have ended in this process.
pub(crate) static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// Where a bomb goes off.
pub(crate) const NEVER: u8 = 0;
pub(crate) const SERIALIZED: u8 = 1;
pub(crate) const DESERIALIZED: u8 = 2;
pub(crate) const DROPPED: u8 = 3;

/// A value that panics.
#[derive(Debug, PartialEq)]
pub(crate) struct Bomb(pub(crate) u8);

impl Bomb {
    fn tick(&self, now: u8) {
        let armed = ARMED.load(Ordering::Relaxed) || ARMED_HERE.get();
        if self.0 == now && armed && !std::thread::panicking() {
            panic!("it went off");
        }
    }
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.tick(SERIALIZED);
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bomb = Self(u8::deserialize(from)?);
        bomb.tick(DESERIALIZED);
        Ok(bomb)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.tick(DROPPED);
    }
}

#[rapace::service(name = "Desk")]
pub(crate) trait Desk {
    fn add(&self, a: i32, b: i32) -> i32;
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, Refused>;
    fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    /// An async one panics after it has waited.
    fn panics(&self) -> u32;
    /// Until nobody waits for it any more.
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> u32;
    /// How many calls of `works` have begun, and have ended.
    fn begun(&self) -> usize;
    fn stopped(&self) -> usize;
    /// Keeps the thread or task of its session until there is such a file.
    fn blocks(&self, until: PathBuf);
    /// How many calls of `blocks` have begun.
    fn blocked(&self) -> usize;
    fn passes(&self, bomb: Bomb) -> Bomb;
    /// A bomb made at the server, where it does not go off by being sent.
    fn gives(&self, when: u8) -> Bomb;
    /// Works until it is cancelled, and panics then, in the drop of a future if it is one.
    #[rapace(blocking)]
    fn ends_badly(&self, cx: &Context) -> u32;
    fn left(&self, cx: &Context) -> Option<Duration>;
}

pub(crate) mod awaited {
    use super::{Bomb, Context, Duration, PathBuf, Refused};

    #[rapace::service(name = "Desk")]
    pub(crate) trait Desk {
        async fn add(&self, a: i32, b: i32) -> i32;
        async fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, Refused>;
        async fn echo(&self, data: Vec<u8>) -> Vec<u8>;
        async fn panics(&self) -> u32;
        async fn works(&self, cx: &Context) -> u32;
        fn begun(&self) -> usize;
        fn stopped(&self) -> usize;
        fn blocks(&self, until: PathBuf);
        fn blocked(&self) -> usize;
        async fn passes(&self, bomb: Bomb) -> Bomb;
        async fn gives(&self, when: u8) -> Bomb;
        async fn ends_badly(&self, cx: &Context) -> u32;
        async fn left(&self, cx: &Context) -> Option<Duration>;
    }
}

#[derive(Default)]
pub(crate) struct Clerk {
    begun: AtomicUsize,
    stopped: AtomicUsize,
    blocked: AtomicUsize,
}

/// Counts itself, and its end.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(clerk: &'a Clerk) -> Self {
        clerk.begun.fetch_add(1, Ordering::Relaxed);
        Self(&clerk.stopped)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        STOPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn divide(dividend: i32, divisor: i32) -> Result<i32, Refused> {
    match (dividend, divisor) {
        (_, 0) => Err(Refused::ByZero),
        (13, _) => Err(Refused::Because("unlucky".into())),
        (dividend, divisor) => Ok(dividend / divisor),
    }
}

impl Desk for Clerk {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, Refused> {
        divide(dividend, divisor)
    }
    fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }
    fn panics(&self) -> u32 {
        panic!("on purpose")
    }
    fn works(&self, cx: &Context) -> u32 {
        let _counted = Counted::new(self);
        while !cx.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        7
    }
    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
    fn stopped(&self) -> usize {
        self.stopped.load(Ordering::Relaxed)
    }
    fn blocks(&self, until: PathBuf) {
        self.blocked.fetch_add(1, Ordering::Relaxed);
        crate::peer::until(|| until.exists());
    }
    fn blocked(&self) -> usize {
        self.blocked.load(Ordering::Relaxed)
    }
    fn passes(&self, bomb: Bomb) -> Bomb {
        bomb
    }
    fn gives(&self, when: u8) -> Bomb {
        Bomb(when)
    }
    fn ends_badly(&self, cx: &Context) -> u32 {
        let _bomb = Bomb(DROPPED);
        Desk::works(self, cx)
    }
    fn left(&self, cx: &Context) -> Option<Duration> {
        cx.time_left()
    }
}

impl awaited::Desk for Clerk {
    async fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    async fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, Refused> {
        tokio::task::yield_now().await;
        divide(dividend, divisor)
    }
    async fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        tokio::task::yield_now().await;
        data
    }
    async fn panics(&self) -> u32 {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }
    async fn works(&self, _: &Context) -> u32 {
        let _counted = Counted::new(self);
        std::future::pending().await
    }
    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
    fn stopped(&self) -> usize {
        self.stopped.load(Ordering::Relaxed)
    }
    fn blocks(&self, until: PathBuf) {
        Desk::blocks(self, until);
    }
    fn blocked(&self) -> usize {
        Desk::blocked(self)
    }
    async fn passes(&self, bomb: Bomb) -> Bomb {
        // Not at once, so that it is a task's.
        tokio::task::yield_now().await;
        bomb
    }
    async fn gives(&self, when: u8) -> Bomb {
        Bomb(when)
    }
    async fn ends_badly(&self, _: &Context) -> u32 {
        let _bomb = Bomb(DROPPED);
        let _counted = Counted::new(self);
        std::future::pending().await
    }
    async fn left(&self, cx: &Context) -> Option<Duration> {
        cx.time_left()
    }
}

/// What every peer in one of the roles does. The argument: calls in flight, and the path.
pub(crate) fn serve(role: &str, argument: &str) {
    ARMED.store(true, Ordering::Relaxed);
    let (in_flight, path) = argument.split_once(' ').unwrap();
    let mut config = Config::default();
    config.limits.in_flight = in_flight.parse().unwrap();
    config.limits.handshake_time = Duration::from_secs(50);
    if role == THREADS {
        let server = Server::new(DeskServer::new(Clerk::default())).config(config).bind(path).unwrap();
        say("serving");
        server.join().unwrap();
        return;
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let server = match role {
            SYNC_TASKS => rapace::aio::Server::new(DeskServer::new(Clerk::default())),
            _ => rapace::aio::Server::new(awaited::DeskServer::new(Clerk::default())),
        };
        let server = server.config(config).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

/// A server in a process of its own.
pub(crate) struct Served {
    pub(crate) process: Peer,
    pub(crate) path: PathBuf,
    _directory: tempfile::TempDir,
}

pub(crate) fn open(guard: &Guard, role: &str, in_flight: u32) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sock");
    let mut process = guard.spawn(role, format!("{in_flight} {}", path.display()));
    assert_eq!(process.hear(), "serving");
    Served { process, path, _directory: directory }
}

pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(31) >> 3) as u8).collect()
}
