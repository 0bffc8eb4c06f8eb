//! What hooks are told of calls, at both sides, which are two processes: exactly one `after` for each `before`, however a
//! call ends. The server: threads, sync methods in tasks, or async methods.

#![cfg(all(feature = "hooks", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use peer::{Guard, Peer, hear, say, until};
use rapace::{
    CallEnd, CallError, CallInfo, CallSide, Config, Context, Credentials, Hooks, Router, RpcError, Server,
    TryStartError,
};
use serde::{Deserialize, Deserializer, Serialize};

/// Over soon.
const SHORT: Duration = Duration::from_millis(5);

/// Calls of `stalls` that may end.
static RELEASED: AtomicUsize = AtomicUsize::new(0);

/// An argument or a result that cannot be read when it is 13.
#[derive(Debug, PartialEq, Serialize)]
struct Odd(u8);

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            13 => Err(serde::de::Error::custom("unlucky")),
            other => Ok(Self(other)),
        }
    }
}

#[rapace::service(name = "Shop")]
trait Shop {
    fn sum(&self, a: u32, b: u32) -> u32;
    fn fails(&self, text: &str) -> Result<u32, String>;
    fn panics(&self) -> u32;
    fn reads(&self, odd: Odd) -> u32;
    fn gives(&self) -> Odd;
    fn large(&self, len: usize) -> Vec<u8>;
    fn takes(&self, bytes: &[u8]) -> usize;
    /// For nobody.
    fn hidden(&self) -> u32;
    /// Until nobody waits for it any more.
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> u32;
    /// Until so many were released, whatever its caller wants.
    #[rapace(blocking)]
    fn stalls(&self, released: usize);
    fn releases(&self, count: usize);
}

#[cfg(feature = "tokio")]
mod awaited {
    use super::{Context, Keeper, Odd, Shop as Sync};

    #[rapace::service(name = "Shop")]
    pub(super) trait Shop {
        async fn sum(&self, a: u32, b: u32) -> u32;
        async fn fails(&self, text: String) -> Result<u32, String>;
        async fn panics(&self) -> u32;
        async fn reads(&self, odd: Odd) -> u32;
        async fn gives(&self) -> Odd;
        async fn large(&self, len: usize) -> Vec<u8>;
        async fn takes(&self, bytes: Vec<u8>) -> usize;
        async fn hidden(&self) -> u32;
        async fn works(&self, cx: &Context) -> u32;
        #[rapace(blocking)]
        fn stalls(&self, released: usize);
        fn releases(&self, count: usize);
    }

    impl Shop for Keeper {
        async fn sum(&self, a: u32, b: u32) -> u32 {
            tokio::task::yield_now().await;
            a + b
        }
        async fn fails(&self, text: String) -> Result<u32, String> {
            Err(text)
        }
        async fn panics(&self) -> u32 {
            tokio::task::yield_now().await;
            panic!("on purpose")
        }
        async fn reads(&self, odd: Odd) -> u32 {
            Sync::reads(self, odd)
        }
        async fn gives(&self) -> Odd {
            Odd(13)
        }
        async fn large(&self, len: usize) -> Vec<u8> {
            vec![7; len]
        }
        async fn takes(&self, bytes: Vec<u8>) -> usize {
            bytes.len()
        }
        async fn hidden(&self) -> u32 {
            0
        }
        async fn works(&self, _: &Context) -> u32 {
            std::future::pending().await
        }
        fn stalls(&self, released: usize) {
            Sync::stalls(self, released);
        }
        fn releases(&self, count: usize) {
            Sync::releases(self, count);
        }
    }
}

#[rapace::service]
trait Log {
    /// What the hooks of the server were told of the shop.
    fn told(&self) -> Vec<Told>;
}

struct Keeper;

impl Shop for Keeper {
    fn sum(&self, a: u32, b: u32) -> u32 {
        a + b
    }
    fn fails(&self, text: &str) -> Result<u32, String> {
        Err(text.to_owned())
    }
    fn panics(&self) -> u32 {
        panic!("on purpose")
    }
    fn reads(&self, odd: Odd) -> u32 {
        odd.0.into()
    }
    fn gives(&self) -> Odd {
        Odd(13)
    }
    fn large(&self, len: usize) -> Vec<u8> {
        vec![7; len]
    }
    fn takes(&self, bytes: &[u8]) -> usize {
        bytes.len()
    }
    fn hidden(&self) -> u32 {
        0
    }
    fn works(&self, cx: &Context) -> u32 {
        until(|| cx.is_cancelled());
        7
    }
    fn stalls(&self, released: usize) {
        until(|| RELEASED.load(Ordering::Relaxed) >= released);
    }
    fn releases(&self, count: usize) {
        RELEASED.store(count, Ordering::Relaxed);
    }
}

impl Log for Record {
    fn told(&self) -> Vec<Told> {
        self.shop()
    }
}

/// One call of a hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    number: u64,
    service: String,
    method: String,
    peer: i32,
    request: usize,
    /// Of an `after`: with what it ended, and what came back.
    end: Option<(String, usize)>,
}

/// All that hooks were told, in order.
#[derive(Clone)]
struct Record {
    side: CallSide,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Record {
    fn new(side: CallSide) -> Self {
        Self { side, told: Arc::default() }
    }

    fn push(&self, call: &CallInfo, end: Option<(String, usize)>) {
        assert_eq!(call.side, self.side);
        let (service, method) = (call.service.to_owned(), call.method.to_owned());
        let CallInfo { number, peer, request_bytes: request, .. } = *call;
        self.told.lock().unwrap().push(Told { number, service, method, peer: peer.pid, request, end });
    }

    fn shop(&self) -> Vec<Told> {
        self.told.lock().unwrap().iter().filter(|told| told.service == "Shop").cloned().collect()
    }
}

impl Hooks for Record {
    fn before(&self, call: &CallInfo) {
        self.push(call, None);
    }

    fn after(&self, call: &CallInfo, end: &CallEnd) {
        // A clock that goes forward is all that can be promised of it.
        assert!(end.duration < Duration::from_secs(3_600));
        self.push(call, Some((end.outcome.label().to_owned(), end.reply_bytes)));
    }
}

/// Panics whenever it is told something.
struct Bomb;

impl Hooks for Bomb {
    fn before(&self, _: &CallInfo) {
        // Without the noise of a panic.
        std::panic::resume_unwind(Box::new("before"));
    }

    fn after(&self, _: &CallInfo, _: &CallEnd) {
        std::panic::resume_unwind(Box::new("after"));
    }
}

const THREADS: &str = "threads";
#[cfg(feature = "tokio")]
const SYNC_TASKS: &str = "sync tasks";
#[cfg(feature = "tokio")]
const ASYNC: &str = "async";

#[cfg(feature = "tokio")]
const ROLES: [&str; 3] = [THREADS, SYNC_TASKS, ASYNC];
#[cfg(not(feature = "tokio"))]
const ROLES: [&str; 1] = [THREADS];

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, serve),
        #[cfg(feature = "tokio")]
        (SYNC_TASKS, |path| serve_in_tasks(SYNC_TASKS, path)),
        #[cfg(feature = "tokio")]
        (ASYNC, |path| serve_in_tasks(ASYNC, path)),
        ("client", |path| {
            let _begun = ShopClient::connect(path).unwrap().works().start().unwrap();
            say("begun");
            hear();
        }),
    ]);
}

/// Two calls at once, and a million bytes.
fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    config.limits.in_flight = 2;
    config.limits.payload_max = 1_000_000;
    config
}

fn guard_of(_: &Credentials, method: &str) -> bool {
    method != "hidden"
}

fn serve(path: &str) {
    // Panics of handlers and hooks are on purpose.
    std::panic::set_hook(Box::new(|_| {}));
    let record = Record::new(CallSide::Server);
    let router = Router::new().add_guarded(ShopServer::new(Keeper), guard_of).add(LogServer::new(record.clone()));
    let server = Server::new(router).config(config()).hooks(Bomb).hooks(record).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(role: &str, path: &str) {
    use rapace::aio;

    std::panic::set_hook(Box::new(|_| {}));
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let record = Record::new(CallSide::Server);
        let router = aio::Router::new().add(LogServer::new(record.clone()));
        let router = match role {
            SYNC_TASKS => router.add_guarded(ShopServer::new(Keeper), guard_of),
            _ => router.add_guarded(awaited::ShopServer::new(Keeper), guard_of),
        };
        let server = aio::Server::new(router).config(config()).hooks(Bomb).hooks(record).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

struct Served {
    process: Peer,
    shop: ShopClient,
    /// On a session of its own.
    log: LogClient,
    here: Record,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.sock");
    let mut process = guard.spawn(role, path.display());
    assert_eq!(process.hear(), "serving");
    let here = Record::new(CallSide::Client);
    let shop = ShopClient::builder().config(config()).hooks(Bomb).hooks(here.clone()).connect(&path).unwrap();
    let log = LogClient::connect(&path).unwrap();
    Served { process, shop, log, here, path, _directory: directory }
}

/// Of each call its name and how it ended, in the order of their numbers; one `before` and one `after` for each.
#[track_caller]
fn ends(told: &[Told]) -> Vec<(&str, usize, &str, usize)> {
    let mut befores: Vec<_> = told.iter().filter(|told| told.end.is_none()).collect();
    befores.sort_by_key(|told| told.number);
    assert_eq!(befores.len() * 2, told.len(), "{told:#?}");
    let end_of = |before: &&Told| {
        let after: Vec<_> = told.iter().filter(|told| told.number == before.number && told.end.is_some()).collect();
        let [after] = after[..] else { panic!("{} ends of {before:?}", after.len()) };
        let (label, reply) = after.end.as_ref().unwrap();
        let place = |this: &Told| told.iter().position(|told| told == this).unwrap();
        assert!(place(before) < place(after));
        assert_eq!(Told { end: None, ..after.clone() }, **before);
        (before.method.clone(), before.request, label.clone(), *reply)
    };
    let ends: Vec<_> = befores.iter().map(end_of).collect();
    // Leaked, so that tests compare with literals.
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    ends.into_iter().map(|(method, request, label, reply)| (leak(method), request, leak(label), reply)).collect()
}

impl Served {
    /// The ends that the server's hooks were told, once there are so many, and nothing runs there.
    fn ends_there(&self, count: usize) -> Vec<(&'static str, usize, &'static str, usize)> {
        let told = until_some(|| {
            let told = self.log.told().wait().unwrap();
            let ended = told.iter().filter(|told| told.end.is_some()).count();
            (ended >= count && told.len() <= 2 * ended).then_some(told)
        });
        ends(Box::leak(Box::new(told)))
    }

    /// Waits until a call of `works` has begun at the server that was not there before.
    fn until_works(&self, count: usize) {
        until(|| self.log.told().wait().unwrap().iter().filter(|told| told.method == "works").count() >= count);
    }
}

#[test]
fn each_call_is_told_at_both_sides_with_its_names_sizes_and_outcome() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let shop = &served.shop;
        assert_eq!(shop.sum(1, 200).wait(), Ok(201));
        assert_eq!(shop.fails("abc").wait(), Err(CallError::App("abc".into())));
        assert!(matches!(shop.panics().wait(), Err(RpcError::Panicked(_))));
        assert!(matches!(shop.reads(Odd(13)).wait(), Err(RpcError::BadArguments(_))));
        assert!(matches!(shop.gives().wait(), Err(RpcError::Decode(_))));
        assert_eq!(shop.large(100_000).wait().map(|bytes| bytes.len()), Ok(100_000));
        assert!(matches!(shop.large(2_000_000).wait(), Err(RpcError::BadReply(_))));
        assert_eq!(shop.takes(&[7; 5_000]).wait(), Ok(5_000));
        assert!(matches!(shop.hidden().wait(), Err(RpcError::PermissionDenied(_))));
        assert!(matches!(shop.takes(&[7; 2_000_000]).wait(), Err(RpcError::TooLarge(_))));

        let both = [("sum", 3, "ok", 2), ("fails", 4, "app", 4), ("panics", 0, "panicked", 0)];
        let rest = [("large", 3, "ok", 100_003), ("large", 3, "bad_reply", 0), ("takes", 5_002, "ok", 2)];
        let denied = ("hidden", 0, "permission_denied", 0);
        let unreadable = ("reads", 1, "bad_arguments", 0);
        let there = served.ends_there(9);
        assert_eq!(there[..3], both);
        assert_eq!(there[3..5], [unreadable, ("gives", 0, "ok", 1)]);
        assert_eq!((&there[5..8], &there[8..]), (&rest[..], &[denied][..]));
        let told = served.here.shop();
        let here = ends(&told);
        assert_eq!(here[..3], both);
        assert_eq!(here[3..5], [unreadable, ("gives", 0, "decode", 0)]);
        assert_eq!((&here[5..8], here[8]), (&rest[..], denied));
        // It was never sent.
        assert_eq!(here[9..], [("takes", 2_000_003, "too_large", 0)]);

        // Who is on the other side.
        assert!(told.iter().all(|told| told.peer == served.process.pid() as i32));
        assert!(served.log.told().wait().unwrap().iter().all(|told| told.peer == std::process::id() as i32));
    }
}

#[test]
fn a_call_that_brings_nothing_has_its_end_too() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role);
        let shop = &served.shop;
        // Its time is over.
        let call = shop.works().start().unwrap();
        served.until_works(1);
        drop(call);
        let mut call = shop.stalls(1).timeout(SHORT).start().unwrap();
        let outcome = loop {
            match call.try_wait() {
                Ok(outcome) => break outcome,
                Err(again) => call = again,
            }
        };
        assert!(matches!(outcome, Err(RpcError::DeadlineExceeded { .. })));
        shop.releases(1).wait().unwrap();
        // One that there is no room for did not begin, and is not told.
        let full: Vec<_> = (0..2).map(|_| shop.works().start().unwrap()).collect();
        assert!(matches!(shop.sum(1, 2).try_start(), Err(TryStartError::Full(_))));
        drop(full);
        let sum = until_some(|| shop.sum(1, 2).try_start().ok());
        assert_eq!(sum.wait(), Ok(3));
        let told = served.here.shop();
        let here = ends(&told);
        let cancelled = ("works", 0, "cancelled", 0);
        let late = ("stalls", 1, "deadline_exceeded", 0);
        let (releases, sum) = (("releases", 1, "ok", 0), ("sum", 2, "ok", 1));
        assert_eq!(here, [cancelled, late, releases, cancelled, cancelled, sum]);
        // Those that were cancelled before their turn never began there; the first one did. One whose caller has left
        // ends there as cancelled, too.
        let there = served.ends_there(3);
        assert_eq!(there[0], cancelled);
        let may = [cancelled, ("stalls", 1, "cancelled", 0), releases, sum];
        assert!(there.iter().all(|end| may.contains(end)), "{there:?}");

        // A caller that dies.
        let before = served.log.told().wait().unwrap().len();
        let mut client = guard.spawn("client", served.path.display());
        assert_eq!(client.hear(), "begun");
        until(|| served.log.told().wait().unwrap().len() > before);
        client.kill();
        let there = served.ends_there(before / 2 + 1);
        assert_eq!(there.last(), Some(&("works", 0, "peer_died", 0)));

        // A server that dies.
        let sum_died = ("sum", 2, "peer_died", 0);
        let call = shop.works().start().unwrap();
        served.process.kill();
        assert!(matches!(call.wait(), Err(RpcError::PeerDied { .. })));
        assert!(matches!(shop.sum(1, 2).wait(), Err(RpcError::PeerDied { .. })));
        assert!(matches!(shop.sum(1, 2).try_start(), Err(TryStartError::Rpc(RpcError::PeerDied { .. }))));
        let told = served.here.shop();
        assert_eq!(ends(&told)[6..], [("works", 0, "peer_died", 0), sum_died, sum_died]);
    }
}

fn until_some<T>(mut get: impl FnMut() -> Option<T>) -> T {
    loop {
        match get() {
            Some(some) => return some,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(feature = "tokio")]
#[test]
fn awaited_calls_are_told_too() {
    use std::future::{IntoFuture, poll_fn};
    use std::pin::Pin;
    use std::task::Poll;

    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let shop = &served.shop;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(shop.sum(1, 2).await, Ok(3));
            assert_eq!(shop.fails("abc").start_async().await.unwrap().await, Err(CallError::App("abc".into())));
            assert!(matches!(shop.takes(&[7; 2_000_000]).await, Err(RpcError::TooLarge(_))));
            assert!(matches!(shop.panics().await, Err(RpcError::Panicked(_))));
            assert!(matches!(shop.stalls(1).timeout(SHORT).await, Err(RpcError::DeadlineExceeded { .. })));
            shop.releases(1).await.unwrap();
            let late = shop.stalls(2).timeout(SHORT).start_async().await.unwrap().await;
            assert!(matches!(late, Err(RpcError::DeadlineExceeded { .. })));
            shop.releases(2).await.unwrap();
            // Polled, and dropped; one that was never polled did not begin.
            let mut call = shop.works().into_future();
            let is_pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut call).poll(cx).is_pending())).await;
            assert!(is_pending);
            drop((call, shop.works().into_future()));
            drop(shop.works().start_async().await.unwrap());
        });
        // Outside of a runtime nothing can be waited for.
        let mut call = shop.works().into_future();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert_eq!(Pin::new(&mut call).poll(&mut cx), Poll::Ready(Err(RpcError::NoRuntime)));
        drop(call);
        let told = served.here.shop();
        let works = |end| ("works", 0, end, 0);
        assert_eq!(
            ends(&told),
            [
                ("sum", 2, "ok", 1),
                ("fails", 4, "app", 4),
                ("takes", 2_000_003, "too_large", 0),
                ("panics", 0, "panicked", 0),
                ("stalls", 1, "deadline_exceeded", 0),
                ("releases", 1, "ok", 0),
                ("stalls", 1, "deadline_exceeded", 0),
                ("releases", 1, "ok", 0),
                works("cancelled"),
                works("cancelled"),
                works("no_runtime"),
            ]
        );
    }
}
