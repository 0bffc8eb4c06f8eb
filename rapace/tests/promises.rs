//! What calls promise beyond their results, between two processes: deadlines that travel, limits by their names, room that
//! comes back, an end that is told.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use peer::{Guard, Peer, hear, say, until};
use rapace::{Config, ConnectError, Context, OpenError, RpcError, Server, Spin, TryStartError};

/// Long enough never to be over.
const LONG: Duration = Duration::from_secs(1_000);

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Nested(Vec<Nested>);

impl Nested {
    fn deep(levels: usize) -> Self {
        (0..levels).fold(Self(Vec::new()), |inner, _| Self(vec![inner]))
    }
}

#[rapace::service(name = "Relay")]
trait Relay {
    fn add(&self, a: i32, b: i32) -> i32;
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    fn nested(&self, nested: Nested) -> Nested;
    fn numbers(&self, numbers: Vec<u64>) -> Vec<u64>;
    fn words(&self, words: Vec<[u64; 16]>) -> Vec<[u64; 16]>;
    /// How much time is left here, and at each server behind this one.
    fn left(&self, cx: &Context) -> Vec<Option<Duration>>;
    /// Until nobody waits for it any more, at the last of the servers.
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> Result<(), String>;
    /// How many calls of `works` have begun here, and have ended.
    fn worked(&self) -> (usize, usize);
}

#[derive(Default)]
struct Station {
    next: Option<RelayClient>,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Relay for Station {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
    fn nested(&self, nested: Nested) -> Nested {
        nested
    }
    fn numbers(&self, numbers: Vec<u64>) -> Vec<u64> {
        numbers
    }
    fn words(&self, words: Vec<[u64; 16]>) -> Vec<[u64; 16]> {
        words
    }
    fn left(&self, cx: &Context) -> Vec<Option<Duration>> {
        let mut left = vec![cx.time_left()];
        if let Some(next) = &self.next {
            // One may ask for more, and does not get it.
            left.extend(next.left().wait().unwrap());
            left.extend(next.left().timeout(LONG * 2).wait().unwrap());
        }
        left
    }
    fn works(&self, cx: &Context) -> Result<(), String> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let _ended = Ended(&self.ended);
        match &self.next {
            Some(next) => next.works().wait().map_err(|error| error.to_string()),
            None => {
                until(|| cx.is_cancelled());
                Ok(())
            }
        }
    }
    fn worked(&self) -> (usize, usize) {
        (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
    }
}

/// The same, its methods async ones, as far as they are about time.
#[cfg(feature = "tokio")]
mod awaited {
    use super::{Context, Duration, Ended, LONG, Ordering, Station};

    #[rapace::service(name = "Relay")]
    pub(super) trait Relay {
        async fn left(&self, cx: &Context) -> Vec<Option<Duration>>;
        async fn works(&self) -> Result<(), String>;
        fn worked(&self) -> (usize, usize);
    }

    impl Relay for Station {
        async fn left(&self, cx: &Context) -> Vec<Option<Duration>> {
            let mut left = vec![cx.time_left()];
            // The deadline is that of the call, whichever thread goes on with it.
            tokio::task::yield_now().await;
            if let Some(next) = &self.next {
                left.extend(next.left().await.unwrap());
                left.extend(next.left().timeout(LONG * 2).await.unwrap());
            }
            left
        }
        async fn works(&self) -> Result<(), String> {
            self.begun.fetch_add(1, Ordering::Relaxed);
            let _ended = Ended(&self.ended);
            match &self.next {
                Some(next) => next.works().await.map_err(|error| error.to_string()),
                None => std::future::pending().await,
            }
        }
        fn worked(&self) -> (usize, usize) {
            super::Relay::worked(self)
        }
    }
}

/// Counts the end of a call, however it ends.
struct Ended<'a>(&'a AtomicUsize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, serve),
        (TASKS, serve_on_tokio),
        (ASYNC, serve_async),
        ("serves until told to stop", serve_until_told),
    ]);
}

const THREADS: &str = "threads";
const TASKS: &str = "tasks";
const ROLES: [&str; 2] = [THREADS, TASKS];
/// Its methods async ones, where there is tokio.
const ASYNC: &str = "async";

/// A configuration by words like `in_flight=2`; what is not said is as usual.
fn config_of(words: &str) -> (Config, Vec<String>) {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    let mut rest = Vec::new();
    for word in words.split(' ') {
        let limits = &mut config.limits;
        let Some((name, value)) = word.split_once('=') else {
            rest.push(word.to_owned());
            continue;
        };
        let number = || value.parse::<usize>().unwrap();
        match name {
            "workers" => {}
            "in_flight" => limits.in_flight = value.parse().unwrap(),
            "handshakes" => limits.handshakes = number(),
            "sessions_per_uid" => limits.sessions_per_uid = number(),
            "fragmented_calls" => limits.fragmented_calls = number(),
            "decode_depth" => limits.decode_depth = number(),
            "decode_elements" => limits.decode_elements = number(),
            "decode_bytes" => limits.decode_bytes = number(),
            "spin" => {
                config.spin = match value {
                    "never" => Spin::Never,
                    "adaptive" => Spin::Adaptive,
                    _ => Spin::Forever,
                }
            }
            _ => panic!("{word}"),
        }
    }
    (config, rest)
}

const SPINS: [&str; 3] = ["never", "adaptive", "forever"];

/// The argument: words of a configuration, the path, and the path of the server behind this one, if there is one.
fn setting(argument: &str) -> (Config, PathBuf, Station) {
    let (config, paths) = config_of(argument);
    let next = paths.get(1).map(|path| RelayClient::connect(path).unwrap());
    (config, PathBuf::from(&paths[0]), Station { next, ..Station::default() })
}

/// How many threads there are for methods that block.
fn workers(argument: &str) -> usize {
    let words = argument.split(' ').find_map(|word| word.strip_prefix("workers="));
    words.map_or(16, |number| number.parse().unwrap())
}

fn serve(argument: &str) {
    let (config, path, station) = setting(argument);
    let server = Server::new(RelayServer::new(station)).workers(workers(argument)).config(config).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(argument: &str, server: fn(Station) -> rapace::aio::Server) {
    let (config, path, station) = setting(argument);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).max_blocking_threads(workers(argument)).enable_all().build().unwrap().block_on(async {
        let server = server(station).config(config).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

#[cfg(feature = "tokio")]
fn serve_on_tokio(argument: &str) {
    serve_in_tasks(argument, |station| rapace::aio::Server::new(RelayServer::new(station)));
}

#[cfg(feature = "tokio")]
fn serve_async(argument: &str) {
    serve_in_tasks(argument, |station| rapace::aio::Server::new(awaited::RelayServer::new(station)));
}

#[cfg(not(feature = "tokio"))]
use serve as serve_on_tokio;
#[cfg(not(feature = "tokio"))]
use serve as serve_async;

fn serve_until_told(path: &str) {
    let server = Server::new(RelayServer::new(Station::default())).bind(path).unwrap();
    say("serving");
    hear();
    server.shut_down();
    server.join().unwrap();
    say("joined");
    hear();
}

/// A server in a process of its own.
struct Served {
    process: Peer,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Served {
    fn client(&self) -> RelayClient {
        RelayClient::connect(&self.path).unwrap()
    }

    fn client_with(&self, words: &str) -> Result<RelayClient, ConnectError> {
        RelayClient::builder().config(config_of(words).0).connect(&self.path)
    }
}

fn open(guard: &Guard, role: &str, words: &str, next: Option<&Path>) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sock");
    let argument = [Some(words), path.to_str(), next.and_then(Path::to_str)];
    let argument: Vec<_> = argument.into_iter().flatten().filter(|word| !word.is_empty()).collect();
    let mut process = guard.spawn(role, argument.join(" "));
    assert_eq!(process.hear(), "serving");
    Served { process, path, _directory: directory }
}

#[test]
fn a_deadline_travels_from_server_to_server() {
    let guard = guard!();
    for role in [THREADS, TASKS, ASYNC] {
        let last = open(&guard, role, "", None);
        let middle = open(&guard, role, "", Some(&last.path));
        let first = open(&guard, role, "", Some(&middle.path));
        let client = first.client();
        let left = client.left().wait().unwrap();
        assert_eq!(left.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, true, true, true, true]);
        let left: Vec<_> = client.left().timeout(LONG).wait().unwrap().into_iter().map(Option::unwrap).collect();
        assert_eq!(left.len(), 7);
        // In the order of the calls: none has more than the one before it, but for the microsecond that is rounded up.
        let is_less = |[before, after]: [Duration; 2]| after < before + Duration::from_micros(2);
        assert!(left.iter().all(|left| *left <= LONG), "{left:?}");
        assert!(left.windows(2).all(|pair| is_less([pair[0], pair[1]])), "{left:?}");
        let mut time = Duration::from_millis(20);
        while last.client().worked().wait().unwrap().0 == 0 {
            // The last server sees the deadline for itself, and may answer yet.
            let _ = client.works().timeout(time).wait();
            time *= 2;
        }
        for client in [first.client(), middle.client(), last.client()] {
            until(|| client.worked().wait().is_ok_and(|(begun, ended)| begun == ended));
        }
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_cancel_travels_from_async_method_to_async_method() {
    let guard = guard!();
    let last = open(&guard, ASYNC, "", None);
    let middle = open(&guard, ASYNC, "", Some(&last.path));
    let first = open(&guard, ASYNC, "", Some(&middle.path));
    let clients = [&first, &middle, &last].map(Served::client);
    let works = clients[0].works().start().unwrap();
    let all_are = |worked| clients.iter().all(|client| client.worked().wait() == Ok(worked));
    until(|| all_are((1, 0)));
    works.cancel();
    until(|| all_are((1, 1)));
}

#[test]
fn what_nobody_waits_for_any_more_is_not_begun_when_a_worker_is_free() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, "workers=1", None);
        let client = served.client();
        let works = client.works().start().unwrap();
        until(|| client.worked().wait() == Ok((1, 0)));
        let (cancelled, expired) = (client.works().start(), client.works().timeout(Duration::from_millis(5)).start());
        assert!(expired.unwrap().wait().is_err());
        drop(cancelled);
        drop(works);
        until(|| client.worked().wait() == Ok((1, 1)));
        // Begun after them.
        let last = client.works().start().unwrap();
        until(|| client.worked().wait().unwrap().0 > 1);
        assert_eq!(client.worked().wait(), Ok((2, 1)));
        drop(last);
    }
}

#[test]
fn a_clients_own_timeout_travels_and_one_beyond_the_wire_is_none() {
    let guard = guard!();
    let last = open(&guard, THREADS, "", None);
    let first = open(&guard, THREADS, "", Some(&last.path));
    let client = RelayClient::builder().timeout(LONG).connect(&first.path).unwrap();
    // The client's own timeout is a deadline as well.
    let left = client.left().wait().unwrap();
    assert!(left.iter().all(|left| left.is_some_and(|left| left <= LONG)), "{left:?}");
    // Beyond what travels there is none.
    let left = client.left().timeout(Duration::from_secs(80 * 60)).wait().unwrap();
    assert_eq!(left[..2], [None, None]);
}

#[test]
fn a_call_whose_time_is_over_is_not_sent() {
    let guard = guard!();
    let over = RpcError::DeadlineExceeded { may_have_executed: false };
    for role in ROLES {
        let served = open(&guard, role, "", None);
        let client = served.client();
        for _ in 0..20 {
            let works = || client.works().timeout(Duration::ZERO);
            assert_eq!(works().wait(), Err(rapace::CallError::Rpc(over.clone())));
            assert_eq!(works().start().map(drop), Err(over.clone()));
            assert!(matches!(works().try_start(), Err(TryStartError::Rpc(error)) if error == over));
            assert_eq!(client.echo(vec![1; 1 << 20]).timeout(Duration::ZERO).wait(), Err(over.clone()));
            #[cfg(feature = "tokio")]
            {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                assert_eq!(runtime.block_on(async { works().await }), Err(rapace::CallError::Rpc(over.clone())));
            }
        }
        assert_eq!(client.worked().wait(), Ok((0, 0)));
    }
}

#[test]
fn values_beyond_the_limits_of_a_server_are_refused_by_their_names() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, "decode_depth=8 decode_elements=1000 decode_bytes=10000", None);
        let client = served.client();
        let refused = |end: RpcError, limit: &str| {
            assert!(matches!(end, RpcError::BadArguments(_)) && end.to_string().contains(limit), "{end}");
        };
        assert_eq!(client.nested(Nested::deep(3)).wait(), Ok(Nested::deep(3)));
        refused(client.nested(Nested::deep(20)).wait().unwrap_err(), "decode_depth (8)");
        assert_eq!(client.numbers(vec![1; 999]).wait(), Ok(vec![1; 999]));
        refused(client.numbers(vec![1; 1_001]).wait().unwrap_err(), "decode_elements (1000)");
        refused(client.words(vec![[1; 16]; 58]).wait().map(drop).unwrap_err(), "decode_bytes (10000)");
        // Bytes are not elements.
        assert_eq!(client.echo(vec![1; 100_000]).wait(), Ok(vec![1; 100_000]));
    }
}

#[test]
fn values_beyond_the_limits_of_a_client_are_its_error() {
    let guard = guard!();
    let served = open(&guard, THREADS, "", None);
    let client = served.client_with("decode_depth=8 decode_elements=1000 decode_bytes=7000").unwrap();
    let refused = |end: RpcError, limit: &str| {
        assert!(matches!(end, RpcError::Decode(_)) && end.to_string().contains(limit), "{end}");
    };
    refused(client.nested(Nested::deep(20)).wait().unwrap_err(), "decode_depth (8)");
    refused(client.numbers(vec![1; 1_001]).wait().unwrap_err(), "decode_elements (1000)");
    refused(client.numbers(vec![1; 900]).wait().unwrap_err(), "decode_bytes (7000)");
    assert_eq!(client.numbers(vec![1; 800]).wait(), Ok(vec![1; 800]));
}

#[test]
fn whoever_comes_when_a_server_is_full_is_told_by_which_limit_and_room_comes_back() {
    let guard = guard!();
    let refusal = |served: &Served| {
        let Err(error) = served.client_with("") else { panic!("there is room, in spite of the limit") };
        assert!(matches!(error, ConnectError::Open(OpenError::Refused { .. })), "{error}");
        error.to_string()
    };
    for role in ROLES {
        let served = open(&guard, role, "handshakes=2 sessions_per_uid=3", None);
        let silent = [(); 2].map(|()| UnixStream::connect(&served.path).unwrap());
        let text = refusal(&served);
        assert!(text.contains("handshakes (2)"), "{text}");
        drop(silent);
        // They leave when their end is seen.
        let mut clients = Vec::new();
        until(|| {
            clients.extend(served.client_with(""));
            clients.len() == 3
        });
        // The server may still be about to see that a silent one has left, or that a handshake is done.
        until(|| refusal(&served).contains("sessions_per_uid (3)"));
        for client in &clients {
            assert_eq!(client.add(1, 2).wait(), Ok(3));
        }
        clients.pop();
        until(|| served.client_with("").is_ok_and(|client| client.add(1, 2).wait() == Ok(3)));
        assert_eq!(clients[0].add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn clients_that_come_all_at_once_wait_for_their_turn() {
    const CLIENTS: i32 = 24;
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, "handshakes=2", None);
        let start = std::sync::Barrier::new(CLIENTS as usize);
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (served, start) = (&served, &start);
                scope.spawn(move || {
                    start.wait();
                    assert_eq!(served.client().add(number, 1).wait(), Ok(number + 1));
                });
            }
        });
    }
}

#[test]
fn more_calls_than_a_server_keeps_wait_for_their_turn() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, "in_flight=3", None);
        let client = served.client();
        let held = [(); 3].map(|()| client.works().start().unwrap());
        assert!(matches!(client.add(1, 2).try_start(), Err(TryStartError::Full(_))));
        let late = client.add(1, 2).timeout(Duration::from_millis(5)).wait();
        assert_eq!(late, Err(RpcError::DeadlineExceeded { may_have_executed: false }));
        assert!(late.unwrap_err().is_retryable());
        let waiting = std::thread::spawn({
            let client = client.clone();
            move || client.add(1, 2).wait()
        });
        // Another client has its own three.
        assert_eq!(served.client().add(3, 4).wait(), Ok(7));
        drop(held);
        assert_eq!(waiting.join().unwrap(), Ok(3));
    }
}

#[test]
fn a_server_that_is_shut_down_ends_its_calls_and_says_so() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.sock");
    let mut process = guard.spawn("serves until told to stop", path.display());
    assert_eq!(process.hear(), "serving");
    let (client, other) = (RelayClient::connect(&path).unwrap(), RelayClient::connect(&path).unwrap());
    let works = [client.works().start().unwrap(), other.works().start().unwrap()];
    until(|| client.worked().wait() == Ok((2, 0)));
    process.tell("stop");
    for work in works {
        let end = work.wait().unwrap_err();
        assert_eq!(end, rapace::CallError::Rpc(RpcError::Closed { may_have_executed: true }));
    }
    assert_eq!(client.add(1, 2).wait(), Err(RpcError::Closed { may_have_executed: false }));
    assert_eq!(process.hear(), "joined");
    let refused = RelayClient::connect(&path).unwrap_err();
    assert!(matches!(refused, ConnectError::Open(OpenError::NoServer { .. })), "{refused}");
    process.join();
}

#[test]
fn strangers_at_the_socket_hold_up_no_client() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, "handshakes=40", None);
        let client = served.client();
        let noise: Vec<_> = (0..5_000_u32).map(|number| (number.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
        let mut kept = Vec::new();
        for round in 0..10 {
            for said in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &noise, &[0; 48], &noise[..1], &noise[..47]] {
                let mut stranger = UnixStream::connect(&served.path).unwrap();
                // It may have been hung up on by now.
                let _ = stranger.write_all(said);
                // Those that said too little are listened to until they say more, or go.
                if round % 5 == 0 {
                    kept.push(stranger);
                }
            }
            assert_eq!(client.add(round, 1).wait(), Ok(round + 1));
            until(|| served.client_with("").is_ok_and(|client| client.add(1, 2).wait() == Ok(3)));
        }
    }
}

#[test]
fn large_calls_hold_up_no_small_ones() {
    let guard = guard!();
    for (role, words) in ROLES.into_iter().flat_map(|role| ["", "fragmented_calls=1"].map(|words| (role, words))) {
        let served = open(&guard, role, words, None);
        let client = served.client_with(words).unwrap();
        let large: Vec<_> = (0..3_u32 << 20).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
        std::thread::scope(|scope| {
            for salt in 0..2 {
                let (small, client, large) = (&client, client.clone(), &large);
                scope.spawn(move || {
                    let mut own = large.clone();
                    own[1 << 20] = salt;
                    for _ in 0..3 {
                        assert!(client.echo(own.clone()).wait().unwrap() == own);
                    }
                });
                let client = small.clone();
                scope.spawn(move || {
                    for number in 0..300 {
                        assert_eq!(client.add(salt.into(), number).wait(), Ok(i32::from(salt) + number));
                        let middle = vec![number as u8; 400 + number as usize * 50];
                        assert!(client.echo(middle.clone()).wait().unwrap() == middle);
                    }
                });
            }
        });
        let mut calls: Vec<_> = (0..4).map(|_| client.echo(large.clone()).start().unwrap()).collect();
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        // One that is given up in the middle leaves its place to the others.
        drop(calls.remove(1));
        for call in calls {
            assert!(call.wait().unwrap() == large);
        }
    }
}

#[test]
fn however_the_two_sides_wait_calls_are_answered() {
    let guard = guard!();
    for role in ROLES {
        for at_server in SPINS {
            let served = open(&guard, role, &format!("spin={at_server}"), None);
            for at_client in SPINS {
                let client = served.client_with(&format!("spin={at_client}")).unwrap();
                for number in 0..5 {
                    assert_eq!(client.add(number, 1).wait(), Ok(number + 1));
                }
                assert_eq!(client.echo(vec![7; 200_000]).wait(), Ok(vec![7; 200_000]));
                let late = client.works().timeout(Duration::from_millis(5)).wait();
                assert!(
                    matches!(late, Ok(()) | Err(rapace::CallError::Rpc(RpcError::DeadlineExceeded { .. }))),
                    "{late:?}"
                );
                #[cfg(feature = "tokio")]
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                    let (small, large) = tokio::join!(client.add(1, 2), client.echo(vec![7; 200_000]));
                    assert_eq!((small, large), (Ok(3), Ok(vec![7; 200_000])));
                });
                let other = client.clone();
                let beside = std::thread::spawn(move || other.add(1, 2).wait());
                assert_eq!(client.add(3, 4).wait(), Ok(7));
                assert_eq!(beside.join().unwrap(), Ok(3));
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn two_hundred_clients_leave_nothing_behind() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, "", None);
        let fds = || std::fs::read_dir(format!("/proc/{}/fd", served.process.pid())).unwrap().count();
        let number_of = |name: &str| -> usize {
            let status = std::fs::read_to_string(format!("/proc/{}/status", served.process.pid())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let (stays, before) = (served.client(), fds());
        let come_and_go = || {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for number in 0..50 {
                            let client = served.client();
                            let begun = client.echo(vec![1; 5_000]).start().unwrap();
                            assert_eq!(client.add(number, 1).wait(), Ok(number + 1));
                            // Some leave with a call that is not fetched, some with one that is.
                            if number % 2 == 0 {
                                assert_eq!(begun.wait(), Ok(vec![1; 5_000]));
                            }
                        }
                    });
                }
            });
            until(|| fds() <= before + 2);
            if role == THREADS {
                // Those of main, the test, its watchdog, of the accepting, of the watcher, and of the session that stays.
                until(|| number_of("Threads:") <= 8);
            }
        };
        come_and_go();
        let memory = number_of("VmRSS:");
        come_and_go();
        assert!(number_of("VmRSS:") < memory + (8 << 10), "{} KiB, and {memory} before", number_of("VmRSS:"));
        assert_eq!(stays.add(1, 2).wait(), Ok(3));
    }
}
