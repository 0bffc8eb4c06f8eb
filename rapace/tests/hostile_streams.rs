//! Streams, one-way calls and calls back with a liar on the other end. What may come because two messages crossed is passed
//! over; every lie ends the session of its liar, at a client with the violation by its rule, and no other session. Never a
//! panic, a hang or much memory. The last test is a random one:
//!
//! ```text
//! RAPACE_LIES_SECONDS=600 cargo test -p rapace --test hostile_streams -- random --nocapture
//! RAPACE_LIES_SEED=12345 …   the same lies again
//! ```

#![cfg(all(target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod liar;
mod peer;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use liar::calls::{BY_B, Caller, Said, call_of_b, credit, end, item, one_way, request, status, terminal};
use liar::{CANCEL, CREDIT, Descriptor, END, ITEM, ONE_WAY, REQUEST, Random, Shape, TERMINAL, field, flag};
use peer::{Guard, Peer, say, until};
use rapace::{Config, Context, Kind, Lost, RpcError, Rx, Server, StreamError, Tx, Violation, stream};

#[rapace::service]
trait Vault {
    fn add(&self, a: u32, b: u32) -> u32;
    /// Sends back what comes: stream 0 comes, stream 1 goes.
    fn echo(&self, numbers: Rx<u32>, back: Tx<u32>) -> u32;
    /// Reads nothing, until nobody waits for it any more; then says what comes at last.
    fn hoards(&self, cx: &Context, numbers: Rx<Vec<u8>>) -> u32;
    /// Sends until that is refused, and how many.
    fn pours(&self, out: Tx<u32>) -> u32;
    #[rapace(oneway)]
    fn note(&self, number: u32);
    /// Keeps its session waiting for a while.
    #[rapace(oneway)]
    fn naps(&self);
    /// How often `note` was called, and how many handlers with streams run.
    fn counts(&self) -> (usize, usize);
    /// Calls back.
    #[rapace(blocking)]
    fn asks(&self, cx: &Context) -> Result<u32, String>;
    /// Reads all, and says whether the last of it could not be read.
    fn swells(&self, large: Rx<Large>) -> bool;
}

/// Eight kilobytes, of which a byte on the wire can say that they are not there.
type Large = Option<[[u64; 32]; 32]>;

/// Numbers of its methods on the wire.
const ADD: u32 = 1;
const ECHO: u32 = 2;
const HOARDS: u32 = 3;
const POURS: u32 = 4;
const NOTE: u32 = 5;
const NAPS: u32 = 6;
const ASKS: u32 = 8;
const SWELLS: u32 = 9;

/// What callers serve.
#[rapace::service]
trait Back {
    fn asked(&self) -> u32;
}

struct Nobody;

impl Back for Nobody {
    fn asked(&self) -> u32 {
        5
    }
}

#[derive(Default)]
struct Bank {
    noted: AtomicUsize,
    running: AtomicUsize,
}

struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn new(bank: &'a Bank) -> Self {
        bank.running.fetch_add(1, Ordering::SeqCst);
        Self(&bank.running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Vault for Bank {
    fn add(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn echo(&self, numbers: Rx<u32>, mut back: Tx<u32>) -> u32 {
        let _running = Running::new(self);
        let mut count = 0;
        for number in numbers {
            match number {
                Ok(number) if back.send(number).wait().is_ok() => count += 1,
                Ok(_) => return count,
                // As many as there are, and a thousand.
                Err(StreamError::Rpc(RpcError::Decode(_))) => return count + 1_000,
                Err(_) => return count + 2_000,
            }
        }
        count
    }
    fn hoards(&self, cx: &Context, numbers: Rx<Vec<u8>>) -> u32 {
        let _running = Running::new(self);
        until(|| cx.is_cancelled());
        numbers.into_iter().take_while(Result::is_ok).count() as u32
    }
    fn pours(&self, mut out: Tx<u32>) -> u32 {
        let _running = Running::new(self);
        (0..).take_while(|number| out.send(*number).wait().is_ok()).count() as u32
    }
    fn note(&self, _: u32) {
        self.noted.fetch_add(1, Ordering::SeqCst);
    }
    fn naps(&self) {
        std::thread::sleep(Duration::from_millis(20));
    }
    fn counts(&self) -> (usize, usize) {
        (self.noted.load(Ordering::SeqCst), self.running.load(Ordering::SeqCst))
    }
    fn asks(&self, cx: &Context) -> Result<u32, String> {
        let back = cx.client::<BackClient>().map_err(|error| error.to_string())?;
        back.asked().wait().map_err(|error| error.to_string())
    }
    fn swells(&self, large: Rx<Large>) -> bool {
        large.into_iter().any(|item| matches!(item, Err(StreamError::Rpc(RpcError::Decode(_)))))
    }
}

const THREADS: &str = "threads";
const TASKS: &str = "tasks";

const ROLES: [&str; 2] = [THREADS, TASKS];

#[test]
fn peer_entry() {
    peer::run(&[(THREADS, serve), (TASKS, serve_on_tokio)]);
}

const IN_FLIGHT: u32 = 64;
const ONEWAY_MAX: u32 = 16;

fn config() -> Config {
    let mut config = Config::default();
    config.limits.in_flight = IN_FLIGHT;
    config.limits.oneway_max = ONEWAY_MAX;
    config.limits.handshake_time = Duration::from_secs(50);
    // Nobody is taken for one that never reads.
    config.limits.hang_after = Duration::from_secs(50);
    config
}

fn serve(path: &str) {
    let server = Server::new(VaultServer::new(Bank::default())).config(config()).workers(64).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_on_tokio(path: &str) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let server = rapace::aio::Server::new(VaultServer::new(Bank::default())).config(config()).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

#[cfg(not(feature = "tokio"))]
fn serve_on_tokio(path: &str) {
    serve(path);
}

/// A server in a process of its own, and an honest client of it.
struct Served {
    process: Peer,
    path: PathBuf,
    honest: VaultClient,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault.sock");
    let mut process = guard.spawn(role, path.display());
    assert_eq!(process.hear(), "serving");
    let honest = VaultClient::builder().config(config()).connect(&path).unwrap();
    Served { process, path, honest, _directory: directory }
}

impl Served {
    /// The honest client is served as if nothing was, and no handler is left behind.
    #[track_caller]
    fn assert_serves(&self) {
        assert_eq!(self.honest.add(1, 2).wait(), Ok(3));
        let ((mut tx, numbers), (back, rx)) = (stream(), stream());
        let echo = self.honest.echo(numbers, back).start().unwrap();
        tx.send_all(0..100).wait().unwrap();
        drop(tx);
        assert!(rx.into_iter().map(Result::unwrap).eq(0..100));
        assert_eq!(echo.wait(), Ok(100));
        until(|| self.honest.counts().wait().unwrap().1 == 0);
    }

    /// The most memory that the server ever had, in kilobytes.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Says it when there is room.
fn say_in_time(liar: &mut Caller, descriptor: Descriptor) {
    until(|| liar.has_room() || liar.is_hung_up());
    liar.say(descriptor);
}

const FIRST: u32 = BY_B | 1 << 16;

/// What items cost that are smaller, and how many of them a stream has on its way.
const ITEM_COST: u64 = 64;
const WINDOW: u64 = 4_096;

/// A client of a liar.
fn meet() -> (VaultClient, Caller) {
    let catalogue = {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            let server = || Server::new(VaultServer::new(Bank::default())).config(config());
            scope.spawn(move || server().serve_over(theirs).unwrap());
            Caller::over(ours).1
        })
    };
    let (ours, theirs) = UnixStream::pair().unwrap();
    let client = std::thread::spawn(move || VaultClient::builder().config(config()).over(theirs));
    let liar = Caller::serve(ours, Shape::of(&config().geometry), &catalogue);
    (client.join().unwrap().unwrap(), liar)
}

/// What serving [`Back`] is said to be.
fn catalogue_of_back() -> Vec<u8> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| Server::new(BackServer::new(Nobody)).config(config()).serve_over(theirs).unwrap());
        Caller::over(ours).1
    })
}

fn violation(violation: Violation) -> RpcError {
    RpcError::Lost(Box::new(Lost::Violation(violation)))
}

#[test]
fn a_liar_that_tells_the_truth_streams_like_any_other() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        liar.say(request(FIRST, ECHO, &[]));
        for number in 0..100 {
            liar.say(item(FIRST, 0, &[number]));
            let said = Said { kind: ITEM, status: 0, call: FIRST, method: 1, payload: vec![number] };
            assert_eq!(liar.hear(), said);
        }
        // Two in one message are two.
        liar.say(item(FIRST, 0, &[100, 101]));
        assert_eq!([liar.hear().payload, liar.hear().payload], [[100], [101]]);
        liar.say(credit(FIRST, 1, 102 * ITEM_COST));
        liar.say(end(FIRST, 0));
        loop {
            match liar.hear() {
                Said { kind: CREDIT | END, call: FIRST, .. } => {}
                said => {
                    assert_eq!((said.kind, said.call, said.payload), (TERMINAL, FIRST, vec![102]));
                    break;
                }
            }
        }
        served.assert_serves();
    }
}

#[test]
fn a_server_hangs_up_on_what_no_client_streams() {
    let guard = guard!();
    let other = call_of_b(1, 1);
    type Lies = Vec<Descriptor>;
    let lies: Vec<Lies> = vec![
        // Streams that the call does not have, or that go the other way.
        vec![item(FIRST, 1, &[1])],
        vec![item(FIRST, 2, &[1])],
        vec![item(FIRST, u32::MAX, &[1])],
        vec![end(FIRST, 2)],
        vec![credit(FIRST, 2, ITEM_COST)],
        vec![credit(FIRST, 0, ITEM_COST)],
        // Nothing was sent, so nothing was taken out.
        vec![credit(FIRST, 1, 0)],
        vec![credit(FIRST, 1, 1)],
        vec![credit(FIRST, 1, u64::MAX)],
        // After its end.
        vec![end(FIRST, 0), item(FIRST, 0, &[1])],
        vec![end(FIRST, 0), end(FIRST, 0)],
        // Calls that were never made, without streams, or of the other side.
        vec![item(other, 0, &[1])],
        vec![end(other, 0)],
        vec![credit(other, 0, ITEM_COST)],
        vec![item(FIRST + (1 << 16), 0, &[1])],
        vec![item(call_of_b(IN_FLIGHT, 1), 0, &[1])],
        vec![item(1 << 16, 0, &[1])],
        vec![end(1 << 16, 0)],
        vec![credit(1 << 16, 0, ITEM_COST)],
        vec![request(other, ASKS, &[]), item(other, 0, &[1])],
        // One-way calls that came back without having been made.
        vec![credit(0, 0, 1)],
        vec![credit(0, 0, 0)],
        vec![credit(0, 0, u64::MAX)],
        // Fields that these messages do not have.
        vec![item(FIRST, 0, &[1]).u16(field::STATUS, 1)],
        vec![item(FIRST, 0, &[1]).u32(field::PARENT, 1)],
        vec![item(FIRST, 0, &[1]).u32(field::TIMEOUT, 1)],
        vec![end(FIRST, 0).u32(field::LEN, 1).u8(field::INLINE_LEN, 1)],
        vec![Descriptor::inline(CREDIT, &[0; 7]).u32(field::CALL, FIRST).u32(field::METHOD, 1)],
        vec![one_way(NOTE, &[1]).u32(field::PARENT, FIRST)],
        vec![one_way(NOTE, &[1]).u32(field::CALL, FIRST)],
    ];
    for role in ROLES {
        let served = open(&guard, role);
        for lies in &lies {
            // A handler that calls back is not done before it is answered.
            let mut liar = Caller::connect_serving(&served.path, &catalogue_of_back());
            // The handler waits for its first item, so the call goes on.
            liar.say(request(FIRST, if lies.len() > 1 && lies[0].0[field::KIND] == END { HOARDS } else { ECHO }, &[]));
            for lie in lies {
                liar.say(*lie);
            }
            liar.expect_end();
        }
        served.assert_serves();
    }
}

#[test]
fn items_beyond_their_credit_end_the_session() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        // Small ones, and ones without bytes, cost what they take.
        for payload in [&[0][..], &[]] {
            let mut liar = Caller::connect(&served.path);
            liar.say(request(FIRST, HOARDS, &[]));
            for _ in 0..WINDOW {
                say_in_time(&mut liar, item(FIRST, 0, payload));
            }
            say_in_time(&mut liar, request(call_of_b(1, 1), ADD, &[1, 2]));
            assert_eq!(liar.hear_answer(call_of_b(1, 1)).payload, [3]);
            say_in_time(&mut liar, item(FIRST, 0, payload));
            liar.expect_end();
        }
        // Large ones.
        let mut liar = Caller::connect(&served.path);
        liar.say(request(FIRST, HOARDS, &[]));
        let large = |index| Descriptor::in_slot(2, index, 1, 65_000).u8(field::KIND, ITEM).u32(field::CALL, FIRST);
        for index in 0..4 {
            say_in_time(&mut liar, large(index));
        }
        say_in_time(&mut liar, request(call_of_b(1, 1), ADD, &[1, 2]));
        assert_eq!(liar.hear_answer(call_of_b(1, 1)).payload, [3]);
        say_in_time(&mut liar, large(4));
        liar.expect_end();
        served.assert_serves();
    }
}

#[test]
fn what_may_have_crossed_the_end_of_a_call_is_passed_over() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        let noise = |call| {
            [0, 1, 7].map(|stream| [item(call, stream, &[1]), end(call, stream), credit(call, stream, 64)]).concat()
        };
        // Answered: its arguments could not be read.
        liar.say(request(FIRST, ECHO, &[1, 2, 3]));
        assert_eq!(liar.hear_answer(FIRST).status, status::BAD_ARGUMENTS);
        for lie in noise(FIRST) {
            liar.say(lie);
        }
        // Cancelled: its handler may still run.
        let second = call_of_b(0, 2);
        liar.say(request(second, HOARDS, &[]));
        liar.say(item(second, 0, &[0]));
        liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, second));
        for lie in noise(second) {
            liar.say(lie);
        }
        assert_eq!(liar.hear_answer(second).status, status::CANCELLED);
        for lie in noise(second) {
            liar.say(lie);
        }
        // The reader at the server is gone, while its call goes on.
        let third = call_of_b(0, 3);
        liar.say(request(third, POURS, &[]));
        let first = loop {
            let said = liar.hear();
            if said.call == third {
                break said;
            }
        };
        assert_eq!((first.kind, first.payload), (ITEM, vec![0]));
        // A reader that goes, and says so twice, and what it took out after that.
        for lie in [end(third, 0), end(third, 0), credit(third, 0, 64), credit(third, 0, u64::MAX)] {
            liar.say(lie);
        }
        assert_eq!(liar.hear_answer(third).status, status::OK);
        liar.say(request(call_of_b(0, 4), ADD, &[1, 2]));
        assert_eq!(liar.hear_answer(call_of_b(0, 4)).payload, [3]);
        served.assert_serves();
    }
}

#[test]
fn a_client_that_gives_no_credit_stops_its_own_stream_only() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let before = served.memory();
        let mut liars: Vec<_> = (0..4).map(|_| Caller::connect(&served.path)).collect();
        for liar in &mut liars {
            // Every stream sends as much as it may, and what it has not sent is in no memory.
            for index in 0..8 {
                liar.say(request(call_of_b(index, 1), POURS, &[]));
            }
            let (mut items, mut waits) = (0, 0);
            while items < 8 * WINDOW {
                let said = liar.hear();
                items += u64::from(said.kind == ITEM);
                waits += u32::from(said.kind == CREDIT);
            }
            for number in 0..20 {
                liar.say(request(call_of_b(9, 1 + number), ADD, &[1, 2]));
                // Nothing but the answer, and that the streams wait.
                let mut said = liar.hear();
                while said.kind == CREDIT {
                    waits += 1;
                    said = liar.hear();
                }
                assert_eq!(said.payload, [3]);
            }
            assert_eq!(waits, 8);
        }
        assert_eq!(served.honest.add(1, 2).wait(), Ok(3));
        assert!(served.memory() - before < 64 << 10, "{} KiB, before {before}", served.memory());
        drop(liars);
        served.assert_serves();
    }
}

#[test]
fn items_that_cannot_be_read_are_told_to_the_handler() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        let garbage: [(&[u8], u8); 5] =
            [(&[], 0), (&[0xff], 0), (&[0xff; 11], 0), (&[1, 2, 0xff], 2), (&[0x80; 24], 0)];
        for (generation, (payload, readable)) in (1..).zip(garbage) {
            let call = call_of_b(0, generation);
            liar.say(request(call, ECHO, &[]));
            liar.say(item(call, 0, payload));
            // What follows is not looked at.
            liar.say(item(call, 0, &[7]));
            let mut came = Vec::new();
            let answer = loop {
                match liar.hear() {
                    said if said.kind == ITEM => came.extend(said.payload),
                    said if said.kind == TERMINAL => break said,
                    _ => {}
                }
            };
            assert!(came.iter().copied().eq((0..readable).map(|number| number + 1)), "{payload:?}: {came:?}");
            // A thousand and as many, as a varint.
            assert_eq!(answer.payload, [(1_000 + u32::from(readable)) as u8 | 0x80, 7], "{payload:?}");
        }
        served.assert_serves();
    }
}

#[test]
fn items_of_a_byte_become_no_more_memory_than_a_message_may() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let before = served.memory();
        let mut liar = Caller::connect(&served.path);
        liar.say(request(FIRST, SWELLS, &[]));
        // Half a gigabyte of items that are not there.
        liar.say(Descriptor::in_slot(2, 0, 1, 65_000).u8(field::KIND, ITEM).u32(field::CALL, FIRST));
        liar.say(end(FIRST, 0));
        assert_eq!(liar.hear_answer(FIRST).payload, [1]);
        assert!(served.memory() - before < 256 << 10, "{} KiB, before {before}", served.memory());
        // As many of them as an honest writer sends at once are read.
        let (mut tx, large) = stream();
        let swells = served.honest.swells(large).start().unwrap();
        tx.send_all((0..1_000).map(|_| None)).wait().unwrap();
        drop(tx);
        assert_eq!(swells.wait(), Ok(false));
        served.assert_serves();
    }
}

#[test]
fn one_way_calls_beyond_the_window_or_in_fragments_end_the_session() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        // As many as are kept, and one more; the first one keeps the others waiting.
        liar.say(one_way(NAPS, &[]));
        for _ in 0..ONEWAY_MAX {
            liar.say(one_way(NOTE, &[1]));
        }
        liar.expect_end();
        // By credit any number. Methods that do not exist, and arguments that are none, are finished as well.
        let mut liar = Caller::connect(&served.path);
        let mut out = 0;
        let noted = served.honest.counts().wait().unwrap().0;
        for number in 0..200 {
            while out == u64::from(ONEWAY_MAX) {
                let said = liar.hear();
                assert_eq!((said.kind, said.call, said.method), (CREDIT, 0, 0));
                out -= u64::from_ne_bytes(said.payload.try_into().unwrap());
            }
            liar.say(match number % 4 {
                0 => one_way(NOTE, &[1]),
                1 => one_way(99, &[1]),
                2 => one_way(NOTE, &[1, 2]),
                _ => one_way(ECHO, &[]),
            });
            out += 1;
        }
        until(|| served.honest.counts().wait().unwrap().0 == noted + 50);
        let first = Descriptor::first(2, 0, 1, 65_536, 100_000).u32(field::METHOD, NOTE);
        liar.say(first);
        let last = Descriptor::in_slot(2, 1, 1, 100_000 - 65_536).u32(field::METHOD, NOTE);
        liar.say(last.u8(field::FLAGS, flag::SLOT | flag::NEXT));
        liar.expect_end();
        served.assert_serves();
    }
}

#[test]
fn false_parents_change_nothing_but_who_handles_a_request() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect_serving(&served.path, &catalogue_of_back());
        // Calls that do not exist, of the liar's own, of nobody.
        for (generation, parent) in (1..).zip([1, 1 << 16, 77 << 16 | 5, FIRST, call_of_b(3, 1), BY_B, u32::MAX]) {
            for method in [ADD, ECHO] {
                let call = call_of_b(generation, 1 + method);
                liar.say(request(call, method, if method == ADD { &[1, 2] } else { &[] }).u32(field::PARENT, parent));
                if method == ECHO {
                    liar.say(end(call, 0));
                }
                assert_eq!(liar.hear_answer(call).status, status::OK, "{parent:#x}");
            }
        }
        // One of a call that waits, though it was not made in its handler; then of that call when it is over.
        let asks = call_of_b(40, 1);
        liar.say(request(asks, ASKS, &[]));
        let back = loop {
            let said = liar.hear();
            if said.kind == REQUEST {
                break said.call;
            }
        };
        let nested = call_of_b(41, 1);
        liar.say(request(nested, ADD, &[1, 2]).u32(field::PARENT, back));
        assert_eq!(liar.hear_answer(nested).payload, [3]);
        // Its generation and its index are a part of its name.
        for (index, parent) in (42..).zip([back + 1, back + (1 << 16), back | BY_B]) {
            liar.say(request(call_of_b(index, 1), ADD, &[1, 2]).u32(field::PARENT, parent));
            assert_eq!(liar.hear_answer(call_of_b(index, 1)).payload, [3]);
        }
        liar.say(terminal(back, status::OK, &[5]));
        assert_eq!(liar.hear_answer(asks).payload, [5]);
        liar.say(request(nested, ADD, &[1, 2]).u32(field::PARENT, back));
        assert_eq!(liar.hear_answer(nested).payload, [3]);
        served.assert_serves();
    }
}

#[test]
fn a_liar_nests_no_deeper_than_the_limit() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect_serving(&served.path, &catalogue_of_back());
        let mut parents = vec![0];
        let refused = loop {
            let call = call_of_b(parents.len() as u32, 1);
            liar.say(request(call, ASKS, &[]).u32(field::PARENT, *parents.last().unwrap()));
            match liar.hear() {
                said if said.kind == REQUEST => parents.push(said.call),
                said => break said,
            }
        };
        // The first one is not nested.
        assert_eq!((refused.status, parents.len()), (status::OVERLOADED, 1 + 1 + 32));
        assert!(String::from_utf8(refused.payload).unwrap().contains("nesting_max (32)"));
        for (index, back) in parents.into_iter().enumerate().skip(1).rev() {
            liar.say(terminal(back, status::OK, &[5]));
            assert_eq!(liar.hear_answer(call_of_b(index as u32, 1)).payload, [5]);
        }
        served.assert_serves();
        // One that goes in the middle leaves nobody waiting.
        let mut liar = Caller::connect_serving(&served.path, &catalogue_of_back());
        liar.say(request(FIRST, ASKS, &[]));
        let back = liar.hear().call;
        liar.say(request(call_of_b(1, 1), ASKS, &[]).u32(field::PARENT, back));
        liar.hear();
        drop(liar);
        served.assert_serves();
    }
}

/// A client in the middle of `echo`: its end that sends, its end that receives, its call, and the number of that.
macro_rules! begin {
    ($client:expr, $liar:expr) => {{
        let ((tx, numbers), (back, rx)) = (stream::<u32>(), stream::<u32>());
        let call = $client.echo(numbers, back).start().unwrap();
        let asked = $liar.hear();
        assert_eq!((asked.kind, asked.method, &asked.payload[..]), (REQUEST, ECHO, &[][..]));
        (tx, rx, call, asked.call)
    }};
}

#[test]
fn what_no_server_streams_ends_the_session_with_the_rule() {
    let _guard = guard!();
    let bystander = VaultClient::local(Bank::default()).unwrap();
    type Lie = fn(u32) -> (Vec<Descriptor>, Violation);
    let lies: [Lie; 26] = [
        // Streams that the call does not have, or that go the other way. This side sends stream 0.
        |call| (vec![item(call, 0, &[1])], Violation::UnknownStream { call, stream: 0 }),
        |call| (vec![item(call, 2, &[1])], Violation::UnknownStream { call, stream: 2 }),
        |call| (vec![end(call, 2)], Violation::UnknownStream { call, stream: 2 }),
        |call| (vec![credit(call, u32::MAX, 64)], Violation::UnknownStream { call, stream: u32::MAX }),
        |call| (vec![credit(call, 1, 64)], Violation::Credit { call, stream: 1, amount: 64 }),
        // One item of this side is on its way.
        |call| (vec![credit(call, 0, 0)], Violation::Credit { call, stream: 0, amount: 0 }),
        |call| (vec![credit(call, 0, 65)], Violation::Credit { call, stream: 0, amount: 65 }),
        |call| (vec![credit(call, 0, u64::MAX)], Violation::Credit { call, stream: 0, amount: u64::MAX }),
        |call| (vec![credit(call, 0, 64), credit(call, 0, 1)], Violation::Credit { call, stream: 0, amount: 1 }),
        // After an end.
        |call| (vec![end(call, 1), item(call, 1, &[1])], Violation::StreamEnded { call, stream: 1 }),
        |call| (vec![end(call, 1), end(call, 1)], Violation::StreamEnded { call, stream: 1 }),
        // After the answer, which comes last.
        |call| (vec![terminal(call, status::OK, &[1]), item(call, 1, &[1])], Violation::UnknownCall { call }),
        |call| (vec![terminal(call, status::OK, &[1]), end(call, 1)], Violation::UnknownCall { call }),
        |call| (vec![terminal(call, status::OK, &[1]), credit(call, 0, 64)], Violation::UnknownCall { call }),
        // Calls that were never made, by either side.
        |call| (vec![item(call + 5, 1, &[1])], Violation::UnknownCall { call: call + 5 }),
        |call| (vec![end(call + (1 << 16), 1)], Violation::UnknownCall { call: call + (1 << 16) }),
        |call| (vec![credit(call & !BY_B, 0, 64)], Violation::UnknownCall { call: call & !BY_B }),
        |_| (vec![item(0, 0, &[1])], Violation::UnknownCall { call: 0 }),
        |_| (vec![end(0, 0)], Violation::UnknownCall { call: 0 }),
        |_| (vec![item(u32::MAX, 1, &[1])], Violation::UnknownCall { call: u32::MAX }),
        // One-way calls: two were made.
        |_| (vec![credit(0, 0, 3)], Violation::OneWays { count: 3, max: 128 }),
        |_| (vec![credit(0, 0, 0)], Violation::OneWays { count: 0, max: 128 }),
        |_| (vec![credit(0, 0, 2), credit(0, 0, 1)], Violation::OneWays { count: 1, max: 128 }),
        |_| (vec![credit(0, 0, u64::MAX)], Violation::OneWays { count: u64::MAX, max: 128 }),
        |_| (vec![one_way(1, &[1]); 1], Violation::Unexpected { kind: Kind::OneWay }),
        |call| (vec![one_way(1, &[1]).u32(field::CALL, call)], Violation::UnknownCall { call }),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let (client, mut liar) = meet();
        client.note(1).send().unwrap();
        client.note(2).send().unwrap();
        assert_eq!([liar.hear().kind, liar.hear().kind], [ONE_WAY; 2]);
        let (mut tx, mut rx, call, call_number) = begin!(client, liar);
        tx.send(1).wait().unwrap();
        assert_eq!(liar.hear().kind, ITEM);
        let (lies, rule) = lie(call_number);
        let is_answered = lies[0].0[field::KIND] == TERMINAL;
        let last = lies.len() - 1;
        for (place, lie) in lies.into_iter().enumerate() {
            if place == last && is_answered {
                // Its answer is taken out before.
                until(|| matches!(rapace::wait_any(&[&call], Some(Duration::from_millis(1))), Ok(Some(0))));
            }
            liar.say(lie);
        }
        let end = client.add(1, 2).wait();
        assert_eq!(end, Err(violation(rule)), "lie {number}");
        let ended = StreamError::Rpc(violation(rule));
        if is_answered {
            assert_eq!(call.wait(), Ok(1), "lie {number}");
            assert_eq!(tx.send(1).wait(), Err(StreamError::CallEnded));
            assert_eq!(rx.recv().wait(), Ok(None));
        } else {
            assert_eq!(call.wait(), Err(violation(rule)), "lie {number}");
            assert_eq!(tx.send(1).wait(), Err(ended.clone()), "lie {number}");
            // What was ended before stays so.
            let got = rx.recv().wait();
            assert!(got == Err(ended) || matches!(rule, Violation::StreamEnded { .. }) && got == Ok(None), "{got:?}");
        }
        assert_eq!(client.note(1).send(), Err(violation(rule)));
        liar.expect_end();
        assert_eq!(bystander.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn a_server_that_sends_beyond_its_credit_is_caught_and_what_came_before_is_read() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let (_tx, mut rx, call, number) = begin!(client, liar);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..=WINDOW {
                say_in_time(&mut liar, item(number, 1, &[9]));
            }
            liar.expect_end();
        });
        let rule = Violation::Credit { call: number, stream: 1, amount: ITEM_COST };
        assert_eq!(call.wait(), Err(violation(rule)));
        for _ in 0..WINDOW {
            assert_eq!(rx.recv().wait(), Ok(Some(9)));
        }
        assert_eq!(rx.recv().wait(), Err(violation(rule).into()));
    });
}

#[test]
fn items_of_a_server_that_cannot_be_read_are_the_readers_error_and_no_end_of_the_session() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    for garbage in [&[][..], &[0xff], &[0xff; 11], &[0x80; 24]] {
        let (_tx, mut rx, call, number) = begin!(client, liar);
        liar.say(item(number, 1, &[7]));
        liar.say(item(number, 1, garbage));
        liar.say(item(number, 1, &[8]));
        liar.say(terminal(number, status::OK, &[1]));
        assert_eq!(rx.recv().wait(), Ok(Some(7)));
        let error = rx.recv().wait();
        assert!(matches!(error, Err(StreamError::Rpc(RpcError::Decode(_)))), "{garbage:?}: {error:?}");
        assert_eq!(rx.recv().wait(), Ok(None));
        assert_eq!(call.wait(), Ok(1));
        // That nobody reads any more need not be told after the answer.
    }
}

#[test]
fn what_comes_for_a_call_that_was_given_up_is_passed_over_until_it_is_answered() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let (_tx, _rx, call, number) = begin!(client, liar);
    call.cancel();
    assert_eq!(liar.hear().kind, CANCEL);
    for stream in [0, 1, 9] {
        for crossed in [item(number, stream, &[1]), end(number, stream), credit(number, stream, 64)] {
            liar.say(crossed);
            liar.say(crossed);
        }
    }
    liar.say(terminal(number, status::CANCELLED, &[]));
    let add = client.add(1, 2).start().unwrap();
    let asked = loop {
        let said = liar.hear();
        if said.kind == REQUEST {
            break said;
        }
    };
    liar.say(terminal(asked.call, status::OK, &[3]));
    assert_eq!(add.wait(), Ok(3));
    liar.say(item(number, 1, &[1]));
    assert_eq!(client.add(1, 2).wait(), Err(violation(Violation::UnknownCall { call: number })));
}

#[test]
fn a_server_that_gives_no_credit_holds_up_one_stream_as_long_as_its_call_may_take() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let ((mut tx, numbers), (back, _rx)) = (stream(), stream());
    let call = client.echo(numbers, back).timeout(Duration::from_millis(300)).start().unwrap();
    let late = RpcError::DeadlineExceeded { may_have_executed: true };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut items = 0;
            loop {
                match liar.hear() {
                    said if said.kind == ITEM => items += 1,
                    said if said.kind == REQUEST && said.method == ADD => {
                        liar.say(terminal(said.call, status::OK, &[3]));
                        break;
                    }
                    _ => {}
                }
            }
            assert!(items <= WINDOW, "{items}");
        });
        let sent = (0..10_000).map(|number| tx.send(number).wait()).take_while(Result::is_ok).count() as u64;
        assert!(sent <= WINDOW, "{sent}");
        assert_eq!(tx.send(1).wait(), Err(late.clone().into()));
        assert_eq!(call.wait(), Err(late));
        assert_eq!(client.add(1, 2).wait(), Ok(3));
    });
    // One-way calls, likewise.
    let sent = (0..1_000).take_while(|number| client.note(*number).send().is_ok()).count();
    assert_eq!(sent, 128);
    assert_eq!(client.note(1).send(), Err(RpcError::Full { oneway_max: 128 }));
    liar.say(credit(0, 0, 128));
    until(|| client.note(1).send().is_ok());
}

/// One that a program could have sent, but for what it is about.
fn likely(random: &mut Random) -> Descriptor {
    let index = random.choose(&[0, 0, 0, 1, 2, IN_FLIGHT]);
    let side = if random.below(60) == 0 { 0 } else { BY_B };
    let call = side | ((1 + random.below(2) as u32) << 16) | index;
    let stream = random.choose(&[0, 0, 0, 0, 1, 1, 1, 2]);
    let mut bytes = [0; 24];
    bytes.fill_with(|| random.choose(&[0, 1, 2, 127, 128, 255]));
    let payload = &bytes[..random.below(25) as usize];
    let parent = random.choose(&[0, 0, 1 << 16, 2 << 16, 1 << 16 | 1, call]);
    match random.below(100) {
        0..25 => {
            request(call, random.choose(&[ADD, ECHO, ECHO, HOARDS, POURS, POURS, ASKS]), &[]).u32(field::PARENT, parent)
        }
        25..32 => Descriptor::inline(CANCEL, &[]).u32(field::CALL, call),
        32..70 => item(call, stream, payload),
        70..76 => end(call, stream),
        76..84 => credit(call, stream, random.choose(&[64, 64, 128, 8_192, 0, u64::MAX])),
        84..96 => one_way(random.choose(&[NOTE, NAPS, NOTE, ADD, ECHO, 99]), payload),
        96 => credit(0, 0, random.below(3)),
        97 => terminal(random.choose(&[1 << 16, 2 << 16, call]), random.below(11) as u16, payload),
        _ => item(call, stream, payload).u8(random.below(64) as usize, random.number() as u8),
    }
}

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn random_lies_about_streams_end_the_liars_session_at_most() {
    let seed = number_from("RAPACE_LIES_SEED", std::process::id().into());
    let seconds = number_from("RAPACE_LIES_SECONDS", 2);
    println!("RAPACE_LIES_SEED={seed}");
    let mut random = Random(seed);
    let catalogue = catalogue_of_back();
    for role in ROLES {
        let end = Instant::now() + Duration::from_secs(seconds) / 2;
        let (mut sessions, mut lies) = (0_u64, 0_u64);
        while sessions == 0 || Instant::now() < end {
            // A watchdog and a server for each while.
            let guard = guard!();
            let served = open(&guard, role);
            for _ in 0..50 {
                let mut liar = Caller::connect_serving(&served.path, &catalogue);
                let reads = random.below(3) > 0;
                for _ in 0..random.below(400) {
                    until(|| {
                        while reads && liar.try_hear().is_some() {}
                        liar.has_room() || liar.is_hung_up() || !reads
                    });
                    if liar.is_hung_up() || !liar.has_room() {
                        break;
                    }
                    let lie = likely(&mut random);
                    liar.say(lie);
                    lies += 1;
                }
                sessions += 1;
                assert_eq!(served.honest.add(1, 2).wait(), Ok(3));
            }
            served.assert_serves();
            assert!(served.memory() < 256 << 10, "{} KiB", served.memory());
        }
        println!("{role}: {lies} lies in {sessions} sessions");
    }
}
