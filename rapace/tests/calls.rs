//! Calls between two processes, by threads: every call ends exactly once, and truly.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use peer::{Guard, Peer, say, until};
use rapace::{CallError, CallResult, Config, ConnectError, Context, RpcError, Server, Spin, TryStartError};
use rustix::process::Signal;

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
enum Refused {
    ByZero,
    Because(String),
}

#[rapace::service(name = "Shop")]
trait Shop {
    fn add(&self, a: i32, b: i32) -> i32;
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, Refused>;
    fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    fn length(&self, text: &str, bytes: &[u8]) -> (usize, usize);
    fn panics(&self) -> u32;
    /// Works until nobody waits any more; how many saw that is told by `stopped`.
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> u32;
    fn stopped(&self) -> usize;
    #[rapace(blocking)]
    fn sleeps(&self, ms: u64) -> u64;
    /// Keeps its thread, which on threads is its session's, until there is such a file.
    fn blocks(&self, until: &str);
    fn runs(&self) -> usize;
    fn whoami(&self, cx: &Context) -> (u32, i32, bool);
}

#[derive(Default)]
struct Counter {
    stopped: AtomicUsize,
    runs: AtomicUsize,
}

impl Shop for Counter {
    fn add(&self, a: i32, b: i32) -> i32 {
        self.runs.fetch_add(1, Ordering::Relaxed);
        a.wrapping_add(b)
    }
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, Refused> {
        match (dividend, divisor) {
            (_, 0) => Err(Refused::ByZero),
            (13, _) => Err(Refused::Because("unlucky".into())),
            (dividend, divisor) => Ok(dividend / divisor),
        }
    }
    fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }
    fn length(&self, text: &str, bytes: &[u8]) -> (usize, usize) {
        (text.len(), bytes.len())
    }
    fn panics(&self) -> u32 {
        panic!("on purpose")
    }
    fn works(&self, cx: &Context) -> u32 {
        self.runs.fetch_add(1, Ordering::Relaxed);
        while !cx.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.stopped.fetch_add(1, Ordering::Relaxed);
        7
    }
    fn stopped(&self) -> usize {
        self.stopped.load(Ordering::Relaxed)
    }
    fn sleeps(&self, ms: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(ms));
        ms
    }
    fn blocks(&self, until: &str) {
        while !std::path::Path::new(until).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
    fn whoami(&self, cx: &Context) -> (u32, i32, bool) {
        (cx.peer().uid, cx.peer().pid, cx.deadline().is_some())
    }
}

/// The same service in another version: a method less, one more, another order; `add` takes other numbers.
mod other {
    #[rapace::service(name = "Shop")]
    pub(crate) trait Fewer {
        fn news(&self) -> u8;
        fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    }

    #[rapace::service(name = "Shop")]
    pub(crate) trait Changed {
        fn add(&self, a: i64, b: i32) -> i32;
    }

    #[rapace::service]
    pub(crate) trait Stranger {
        fn hello(&self);
    }
}

#[test]
fn peer_entry() {
    peer::run(&[("serves", serve), ("serves on tokio", serve_on_tokio)]);
}

fn serving(in_flight: u32) -> Config {
    let mut config = Config::default();
    config.limits.in_flight = in_flight;
    config
}

fn serve(argument: &str) {
    let (in_flight, path) = argument.split_once(' ').unwrap();
    let server = Server::new(ShopServer::new(Counter::default())).config(serving(in_flight.parse().unwrap()));
    let server = server.bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_on_tokio(argument: &str) {
    let (in_flight, path) = argument.split_once(' ').unwrap();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let server = rapace::aio::Server::new(ShopServer::new(Counter::default()));
        let server = server.config(serving(in_flight.parse().unwrap())).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

#[cfg(not(feature = "tokio"))]
fn serve_on_tokio(argument: &str) {
    serve(argument);
}

/// A server in a process of its own.
struct Shopkeeper {
    process: Peer,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str, in_flight: u32) -> Shopkeeper {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.sock");
    let mut process = guard.spawn(role, format!("{in_flight} {}", path.display()));
    assert_eq!(process.hear(), "serving");
    Shopkeeper { process, path, _directory: directory }
}

const ROLES: [&str; 2] = ["serves", "serves on tokio"];
const SIZES: [usize; 10] = [0, 22, 23, 24, 25, 300, 5_000, 65_000, 66_000, 3 << 20];

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(31) >> 3) as u8).collect()
}

#[test]
fn results_and_the_methods_own_errors_come_back() {
    let guard = guard!();
    for role in ROLES {
        let shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        assert_eq!(client.add(i32::MAX, 1).wait(), Ok(i32::MIN));
        assert_eq!(client.divide(7, 2).wait(), Ok(3));
        assert_eq!(client.divide(7, 0).wait(), Err(CallError::App(Refused::ByZero)));
        let split = client.divide(13, 1).wait().split().unwrap();
        assert_eq!(split, Err(Refused::Because("unlucky".into())));
        for len in SIZES {
            assert!(client.echo(bytes(len)).wait().unwrap() == bytes(len), "{len} bytes");
        }
        assert_eq!(client.length("grüße", &bytes(100_000)).wait(), Ok((7, 100_000)));
        let uid = rustix::process::geteuid().as_raw();
        let us = i32::try_from(std::process::id()).unwrap();
        assert_eq!(client.whoami().wait(), Ok((uid, us, false)));
        assert_eq!(client.whoami().timeout(Duration::from_secs(60)).wait(), Ok((uid, us, true)));
    }
}

#[test]
fn a_panic_of_a_handler_is_the_error_of_its_call_and_nothing_else() {
    let guard = guard!();
    for role in ROLES {
        let shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        assert_eq!(client.panics().wait(), Err(RpcError::Panicked("on purpose".into())));
        assert_eq!(client.add(1, 1).wait(), Ok(2));
    }
}

#[test]
fn a_dropped_call_is_cancelled_at_the_server() {
    let guard = guard!();
    for role in ROLES {
        let shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        let pending = client.works().start().unwrap();
        // One that was not started would not be stopped but never run.
        until(|| client.runs().wait().unwrap() == 1);
        drop(pending.try_wait().unwrap_err());
        until(|| client.stopped().wait().unwrap() == 1);
    }
}

#[test]
fn a_deadline_ends_a_call_whatever_the_server_does() {
    let guard = guard!();
    for role in ROLES {
        let shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        let begun = client.sleeps(60_000).timeout(Duration::from_millis(500)).start().unwrap();
        // Its answer says that what was sent before was taken out.
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        assert_eq!(begun.wait(), Err(RpcError::DeadlineExceeded { may_have_executed: true }));
        // Whether such a short time is enough to send the request, nobody knows.
        assert!(matches!(
            client.sleeps(60_000).timeout(Duration::from_millis(5)).wait(),
            Err(RpcError::DeadlineExceeded { .. })
        ));
        shop.process.stop();
        assert!(matches!(
            client.add(1, 2).timeout(Duration::from_millis(5)).wait(),
            Err(RpcError::DeadlineExceeded { .. })
        ));
        let impatient = ShopClient::builder().timeout(Duration::from_millis(5));
        shop.process.signal(Signal::CONT);
        let impatient = impatient.connect(&shop.path).unwrap();
        assert!(matches!(impatient.sleeps(60_000).wait(), Err(RpcError::DeadlineExceeded { .. })));
        assert_eq!(client.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn expired_and_cancelled_requests_are_not_started() {
    let guard = guard!();
    let shop = open(&guard, "serves", 128);
    let client = ShopClient::connect(&shop.path).unwrap();
    let over = format!("{}.over", shop.path.display());
    let blocking = client.blocks(&over).start().unwrap();
    let cancelled = client.add(1, 1).start().unwrap();
    let expired = client.add(1, 1).timeout(Duration::from_millis(5)).start().unwrap();
    drop(cancelled);
    assert!(matches!(expired.wait(), Err(RpcError::DeadlineExceeded { .. })));
    std::fs::write(&over, "").unwrap();
    assert_eq!(blocking.wait(), Ok(()));
    assert_eq!(client.runs().wait(), Ok(0));
}

#[test]
fn a_killed_server_ends_every_call_and_says_whether_it_may_have_run() {
    let guard = guard!();
    for role in ROLES {
        let mut shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        assert_eq!(client.add(1, 1).wait(), Ok(2));
        let taken = client.sleeps(60_000).start().unwrap();
        // Its answer says that what was sent before was taken out.
        assert_eq!(client.add(1, 1).wait(), Ok(2));
        shop.process.stop();
        let waiting = client.add(1, 1).start().unwrap();
        shop.process.kill();
        assert_eq!(waiting.wait(), Err(RpcError::PeerDied { may_have_executed: false }));
        assert_eq!(taken.wait(), Err(RpcError::PeerDied { may_have_executed: true }));
        let error = client.add(1, 1).wait().unwrap_err();
        assert_eq!(error, RpcError::PeerDied { may_have_executed: false });
        assert!(error.is_retryable());
    }
}

#[test]
fn a_closed_session_ends_its_calls() {
    let guard = guard!();
    let shop = open(&guard, "serves", 128);
    let client = ShopClient::connect(&shop.path).unwrap();
    let pending = client.sleeps(60_000).start().unwrap();
    let waiting = std::thread::spawn(move || pending.wait());
    client.session().close();
    assert!(matches!(waiting.join().unwrap(), Err(RpcError::Closed { .. })));
    assert!(matches!(client.add(1, 1).wait(), Err(RpcError::Closed { may_have_executed: false })));
}

#[test]
fn a_thousand_calls_of_one_thread_work_in_any_order() {
    let guard = guard!();
    for (role, len) in ROLES.into_iter().flat_map(|role| [(role, 3), (role, 64 << 10)]) {
        let shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        let calls = (0..1_000_usize).map(|index| client.echo(vec![index as u8; len]).start().unwrap());
        let calls: Vec<_> = calls.collect();
        for (index, call) in calls.into_iter().enumerate().rev() {
            assert!(call.wait().unwrap() == vec![index as u8; len]);
        }
    }
}

#[test]
fn calls_beyond_the_servers_limit_wait_for_an_answer() {
    let guard = guard!();
    let shop = open(&guard, "serves", 2);
    let client = ShopClient::connect(&shop.path).unwrap();
    let held = [client.works().start().unwrap(), client.works().start().unwrap()];
    let Err(TryStartError::Full(call)) = client.add(1, 2).try_start() else { panic!("there is no room") };
    let late = call.timeout(Duration::from_millis(5)).wait();
    assert_eq!(late, Err(RpcError::DeadlineExceeded { may_have_executed: false }));
    drop(held);
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

#[test]
fn many_threads_share_one_client() {
    let guard = guard!();
    for (role, spin) in ROLES.into_iter().zip([Spin::Adaptive, Spin::Never]) {
        let shop = open(&guard, role, 4);
        let mut config = Config::default();
        config.spin = spin;
        let client = ShopClient::builder().config(config).connect(&shop.path).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..6_i32 {
                let client = client.clone();
                scope.spawn(move || {
                    for number in 0..300 {
                        assert_eq!(client.add(thread, number).wait(), Ok(thread + number));
                        if number % 50 == 0 {
                            let len = 1_000 << (thread * 2);
                            assert!(client.echo(vec![thread as u8; len]).wait().unwrap() == vec![thread as u8; len]);
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn the_first_of_several_calls_is_found() {
    let guard = guard!();
    let shop = open(&guard, "serves", 128);
    let client = ShopClient::connect(&shop.path).unwrap();
    let (slow, quick) = (client.sleeps(60_000).start().unwrap(), client.add(1, 2).start().unwrap());
    assert_eq!(rapace::wait_any(&[&slow, &quick], None), Ok(Some(1)));
    assert_eq!(quick.wait(), Ok(3));
    assert_eq!(rapace::wait_any(&[&slow], Some(Duration::from_millis(5))), Ok(None));
    let other = ShopClient::connect(&shop.path).unwrap();
    let elsewhere = other.add(1, 2).start().unwrap();
    assert_eq!(rapace::wait_any(&[&slow, &elsewhere], None), Err(RpcError::DifferentClients));
}

#[test]
fn slow_handlers_hold_up_neither_other_clients_nor_on_workers_their_own() {
    let guard = guard!();
    for role in ROLES {
        let shop = open(&guard, role, 128);
        let client = ShopClient::connect(&shop.path).unwrap();
        let slow = client.sleeps(60_000).start().unwrap();
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        drop(slow);
        let over = format!("{}.over", shop.path.display());
        let blocking = client.blocks(&over).start().unwrap();
        let other = ShopClient::connect(&shop.path).unwrap();
        assert_eq!(other.add(1, 2).wait(), Ok(3));
        let blocking = blocking.try_wait().unwrap_err();
        std::fs::write(&over, "").unwrap();
        assert_eq!(blocking.wait(), Ok(()));
    }
}

#[test]
fn versions_of_a_trait_are_compared_when_they_meet() {
    let guard = guard!();
    let shop = open(&guard, "serves", 128);
    // A method that the server lacks is that method's error, and the others work, wherever they stand.
    let fewer = other::FewerClient::connect(&shop.path).unwrap();
    assert_eq!(fewer.echo(vec![1, 2]).wait(), Ok(vec![1, 2]));
    assert_eq!(fewer.news().wait(), Err(RpcError::UnknownMethod("Shop.news".into())));
    let changed = other::ChangedClient::connect(&shop.path).unwrap_err();
    let text = changed.to_string();
    assert!(matches!(changed, ConnectError::Incompatible { .. }), "{text}");
    assert!(text.contains("i64") && text.contains("i32") && text.contains("Shop.add"), "{text}");
    let stranger = other::StrangerClient::connect(&shop.path).unwrap_err();
    assert!(matches!(stranger, ConnectError::NoService { service: "Stranger", .. }), "{stranger}");
    assert!(stranger.to_string().contains("Shop"));
}

#[test]
fn what_is_longer_than_the_other_side_receives_is_refused_with_the_limits_name() {
    let guard = guard!();
    let shop = open(&guard, "serves", 128);
    let client = ShopClient::connect(&shop.path).unwrap();
    let error = client.echo(vec![0; 65 << 20]).wait().unwrap_err();
    assert!(matches!(&error, RpcError::TooLarge(_)) && error.to_string().contains("payload_max"), "{error}");
    let mut config = Config::default();
    config.limits.payload_max = 1_000;
    let small = ShopClient::builder().config(config).connect(&shop.path).unwrap();
    let error = small.echo(vec![0; 2_000]).wait().unwrap_err();
    assert!(matches!(&error, RpcError::BadReply(_)) && error.to_string().contains("payload_max"), "{error}");
    assert_eq!(small.add(1, 2).wait(), Ok(3));
}
