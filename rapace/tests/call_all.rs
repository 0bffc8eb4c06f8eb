//! Many calls by `call_all`, between two processes: results in order, each call's own end, no more under way than is promised.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use peer::{Guard, Peer, say, until};
use rapace::{CallError, Config, Context, RpcError, Server, Spin};

#[rapace::service(name = "Mill")]
trait Mill {
    fn add(&self, a: u64, b: u64) -> u64;
    fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    /// Zero is refused, one panics.
    fn halves(&self, number: u32) -> Result<u32, String>;
    /// Until nobody waits for it any more, if it is to.
    #[rapace(blocking)]
    fn waits(&self, is_long: bool, cx: &Context) -> bool;
    /// How many calls of `waits` have begun, and have ended.
    fn waited(&self) -> (usize, usize);
    /// Keeps its session's thread until there is such a file.
    fn holds(&self, until: &str);
    /// The server's number.
    fn number(&self) -> u32;
}

#[derive(Default)]
struct Miller {
    waits: AtomicUsize,
    waited: AtomicUsize,
    number: u32,
}

impl Mill for Miller {
    fn add(&self, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }
    fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }
    fn halves(&self, number: u32) -> Result<u32, String> {
        match number {
            0 => Err("nothing".into()),
            1 => panic!("on purpose"),
            number => Ok(number / 2),
        }
    }
    fn waits(&self, is_long: bool, cx: &Context) -> bool {
        self.waits.fetch_add(1, Ordering::Relaxed);
        while is_long && !cx.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.waited.fetch_add(1, Ordering::Relaxed);
        is_long
    }
    fn waited(&self) -> (usize, usize) {
        (self.waits.load(Ordering::Relaxed), self.waited.load(Ordering::Relaxed))
    }
    fn holds(&self, until: &str) {
        peer::until(|| Path::new(until).exists());
    }
    fn number(&self) -> u32 {
        self.number
    }
}

#[test]
fn peer_entry() {
    peer::run(&[("serves", serve)]);
}

/// The argument: calls in flight, the server's number, and the path.
fn serve(argument: &str) {
    let [in_flight, number, path] = argument.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{argument}") };
    let mut config = Config::default();
    config.limits.in_flight = in_flight.parse().unwrap();
    let miller = Miller { number: number.parse().unwrap(), ..Miller::default() };
    let server = Server::new(MillServer::new(miller)).config(config).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

/// A server in a process of its own.
struct Served {
    process: Peer,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, in_flight: u32, number: u32) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mill.sock");
    let mut process = guard.spawn("serves", format!("{in_flight} {number} {}", path.display()));
    assert_eq!(process.hear(), "serving");
    Served { process, path, _directory: directory }
}

#[test]
fn results_come_in_order_whatever_their_calls_are() {
    let guard = guard!();
    // Fewer than are under way at most, fewer than are begun at once, and many.
    for in_flight in [100, 3, 1_024] {
        let mill = open(&guard, in_flight, 0);
        let client = MillClient::connect(&mill.path).unwrap();
        let mut sums = rapace::call_all((0..3_000).map(|number| client.add(number, number << 20)));
        for number in 0..3_000 {
            assert_eq!(sums.next(), Some(Ok(number + (number << 20))));
        }
        assert_eq!((sums.next(), sums.next()), (None, None));
        // Some short, some in a slot, some in fragments.
        let data = |number: usize| vec![number as u8; [0, 7, 23, 24, 100, 300_000][number % 6]];
        for (number, result) in rapace::call_all((0..300).map(|number| client.echo(data(number)))).enumerate() {
            assert!(result.unwrap() == data(number), "{number}");
        }
    }
}

#[test]
fn each_call_ends_in_its_own_way() {
    let guard = guard!();
    let mill = open(&guard, 128, 0);
    let client = MillClient::connect(&mill.path).unwrap();
    let results = rapace::call_all([8, 0, 1, 6].map(|number| client.halves(number)));
    assert_eq!(
        results.collect::<Vec<_>>(),
        [
            Ok(4),
            Err(CallError::App("nothing".into())),
            Err(CallError::Rpc(RpcError::Panicked("on purpose".into()))),
            Ok(3)
        ]
    );
    // One that cannot be begun.
    let mut results = rapace::call_all([3, 80 << 20, 5].map(|len| client.echo(vec![7; len])));
    assert_eq!(results.next(), Some(Ok(vec![7; 3])));
    assert!(matches!(results.next(), Some(Err(RpcError::TooLarge(_)))));
    assert_eq!(results.next(), Some(Ok(vec![7; 5])));
    assert_eq!(results.next(), None);
}

#[test]
fn no_more_than_are_promised_are_under_way_and_none_before_the_first_is_asked_for() {
    let guard = guard!();
    let mill = open(&guard, 1_024, 0);
    let client = MillClient::connect(&mill.path).unwrap();
    let begun = || client.session().stats().own.calls_begun;
    let mut sums = rapace::call_all((0..1_000).map(|number| client.add(number, 1)));
    assert_eq!((begun(), sums.size_hint()), (0, (1_000, Some(1_000))));
    for (taken, number) in (1..).zip(0..1_000) {
        assert_eq!(sums.next(), Some(Ok(number + 1)));
        assert!((taken..taken + 128).contains(&begun()), "{taken} results of {} calls", begun());
        assert_eq!(sums.size_hint().0 as u64, 1_000 - taken);
    }
}

#[test]
fn dropped_results_cancel_what_is_under_way() {
    let guard = guard!();
    let mill = open(&guard, 128, 0);
    let client = MillClient::connect(&mill.path).unwrap();
    let mut results = rapace::call_all([false, true].map(|is_long| client.waits(is_long)));
    assert_eq!(results.next(), Some(Ok(false)));
    until(|| client.waited().wait() == Ok((2, 1)));
    drop(results);
    until(|| client.waited().wait() == Ok((2, 2)));
}

#[test]
fn calls_have_their_clients_timeout() {
    let guard = guard!();
    let mill = open(&guard, 128, 0);
    let until = format!("{}.until", mill.path.display());
    let timeout = Duration::from_millis(5);
    let is_late = |result| matches!(result, Err(RpcError::DeadlineExceeded { .. }));
    let client = MillClient::builder().timeout(timeout).connect(&mill.path).unwrap();
    assert!(rapace::call_all([(); 2].map(|()| client.holds(&until))).all(is_late));
    // Their own as well.
    let client = MillClient::connect(&mill.path).unwrap();
    assert!(rapace::call_all([(); 2].map(|()| client.holds(&until).timeout(timeout))).all(is_late));
    std::fs::write(&until, "").unwrap();
}

#[test]
fn calls_of_several_clients_go_to_their_servers() {
    let guard = guard!();
    let mills = [open(&guard, 128, 0), open(&guard, 128, 1)];
    let clients = mills.each_ref().map(|mill| MillClient::connect(&mill.path).unwrap());
    let [a, b] = &clients;
    let numbers = rapace::call_all((0..200).map(|index| if index % 3 == 0 { a.number() } else { b.number() }));
    assert!(numbers.map(Result::unwrap).eq((0..200).map(|index| u32::from(index % 3 != 0))));
    // One that connects again.
    let lasting = MillClient::builder().reconnect(rapace::Retry::default()).connect(&mills[1].path).unwrap();
    let numbers = rapace::call_all((0..200).map(|_| lasting.number()));
    assert_eq!(numbers.map(Result::unwrap).sum::<u32>(), 200);
}

#[test]
fn a_server_that_dies_ends_them_all() {
    let guard = guard!();
    let mut mill = open(&guard, 1_024, 0);
    let client = MillClient::connect(&mill.path).unwrap();
    let mut results = rapace::call_all((0..500).map(|number| client.waits(number == 100)));
    for _ in 0..100 {
        assert_eq!(results.next(), Some(Ok(false)));
    }
    mill.process.kill();
    let ends: Vec<_> = results.collect();
    assert_eq!(ends.len(), 400);
    assert!(matches!(ends[0], Err(RpcError::PeerDied { may_have_executed: true })), "{:?}", ends[0]);
    // Those that were answered before keep their answers; those that are begun now have not run.
    assert!(ends.iter().all(|end| matches!(end, Ok(false) | Err(RpcError::PeerDied { .. }))), "{ends:?}");
    assert!(matches!(ends[399], Err(RpcError::PeerDied { may_have_executed: false })), "{:?}", ends[399]);
}

/// What is begun at once is announced before anything is waited for, and an answer before the next handler runs: each of them may
/// take its time.
#[test]
fn sleepers_are_rung_before_the_next_handler_runs() {
    let guard = guard!();
    let mill = open(&guard, 128, 0);
    let mut config = Config::default();
    config.spin = Spin::Never;
    let client = MillClient::builder().config(config).connect(&mill.path).unwrap();
    for round in 0..20 {
        let [first, second] = [1, 2].map(|part| format!("{}.{round}.{part}", mill.path.display()));
        // While its thread is held, three more requests come to lie in the ring.
        let held = client.holds(&first).start().unwrap();
        let sum = client.add(1, 2).start().unwrap();
        let late = client.holds(&second).start().unwrap();
        let waiting = std::thread::spawn(move || sum.wait());
        // So that it sleeps.
        std::thread::sleep(Duration::from_millis(round % 4));
        std::fs::write(&first, "").unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(3));
        std::fs::write(&second, "").unwrap();
        assert_eq!((held.wait(), late.wait()), (Ok(()), Ok(())));
    }
}
