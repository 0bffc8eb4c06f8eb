//! Calls with a liar on the other end: a server that is lied to ends that session and serves the others, and a client
//! that is lied to gets the violation by its rule or the error of its call. Never a panic, a hang or much memory.
//!
//! The liar follows the protocol of sessions and departs from that of calls. The servers are processes of their own. The
//! last test is a random one; it takes two seconds, or as many as one likes:
//!
//! ```text
//! RAPACE_LIES_SECONDS=600 cargo test -p rapace --test hostile_calls -- random --nocapture
//! RAPACE_LIES_SEED=12345 …   the same lies again
//! ```

#![cfg(all(target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod liar;
mod peer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use liar::calls::{BY_B, Caller, Said, call_of_b, request, status, terminal};
use liar::{CANCEL, CREDIT, Descriptor, END, GOODBYE, ITEM, ONE_WAY, REQUEST, Random, TERMINAL, field, flag};
use peer::{Guard, Peer, say, until};
use rapace::{Config, Context, Server};

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Nested(Vec<Nested>);

#[rapace::service]
trait Vault {
    fn add(&self, a: u32, b: u32) -> u32;
    fn keep(&self, bytes: Vec<u8>) -> usize;
    fn texts(&self, texts: Vec<String>) -> usize;
    fn nothings(&self, nothings: Vec<()>) -> usize;
    fn nested(&self, nested: Nested) -> usize;
    fn text(&self, text: &str) -> usize;
    fn refuses(&self, yes: bool) -> Result<u32, String>;
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> u32;
    fn large(&self) -> Vec<u8>;
    /// How often that was called.
    fn larges(&self) -> usize;
    /// Keeps its session waiting for a while.
    fn naps(&self);
}

/// Numbers of its methods on the wire.
const ADD: u32 = 1;
const KEEP: u32 = 2;
const TEXTS: u32 = 3;
const NOTHINGS: u32 = 4;
const NESTED: u32 = 5;
const TEXT: u32 = 6;
const REFUSES: u32 = 7;
const WORKS: u32 = 8;
const LARGE: u32 = 9;
const LARGES: u32 = 10;
const NAPS: u32 = 11;

#[derive(Default)]
struct Bank(AtomicUsize);

impl Vault for Bank {
    fn add(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn keep(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }
    fn texts(&self, texts: Vec<String>) -> usize {
        texts.len()
    }
    fn nothings(&self, nothings: Vec<()>) -> usize {
        nothings.len()
    }
    fn nested(&self, nested: Nested) -> usize {
        nested.0.len()
    }
    fn text(&self, text: &str) -> usize {
        text.len()
    }
    fn refuses(&self, yes: bool) -> Result<u32, String> {
        if yes { Err("no".into()) } else { Ok(1) }
    }
    fn works(&self, cx: &Context) -> u32 {
        until(|| cx.is_cancelled());
        7
    }
    fn large(&self) -> Vec<u8> {
        self.0.fetch_add(1, Ordering::Relaxed);
        vec![9; 60_000]
    }
    fn larges(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
    fn naps(&self) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

const THREADS: &str = "threads";
const TASKS: &str = "tasks";

#[test]
fn peer_entry() {
    peer::run(&[(THREADS, serve), (TASKS, serve_on_tokio)]);
}

/// A quarter of the usual calls, so that a test runs out of them.
const IN_FLIGHT: u32 = 32;

fn config() -> Config {
    let mut config = Config::default();
    config.limits.in_flight = IN_FLIGHT;
    config.limits.parked_bytes = 100_000;
    config.limits.handshake_time = Duration::from_secs(50);
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

const ROLES: [&str; 2] = [THREADS, TASKS];

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
    let honest = VaultClient::connect(&path).unwrap();
    Served { process, path, honest, _directory: directory }
}

impl Served {
    /// The honest client is served as if nothing was.
    #[track_caller]
    fn assert_serves(&self) {
        assert_eq!(self.honest.add(1, 2).wait(), Ok(3));
        assert_eq!(self.honest.keep(vec![1; 100_000]).wait(), Ok(100_000));
    }

    /// The most memory that the server ever had, in kilobytes.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

const FIRST: u32 = BY_B | 1 << 16;

#[test]
fn a_liar_that_tells_the_truth_is_served_like_any_other() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        liar.say(request(FIRST, ADD, &[1, 2]));
        let answer = Said { kind: TERMINAL, status: status::OK, call: FIRST, method: 0, payload: vec![3] };
        assert_eq!(liar.hear(), answer);
        liar.say(request(call_of_b(0, 2), REFUSES, &[1]));
        let answer = liar.hear();
        assert_eq!((answer.status, answer.payload), (status::APP, b"\x02no".to_vec()));
        liar.say(request(call_of_b(7, 99), LARGE, &[]));
        let answer = liar.hear();
        assert_eq!((answer.status, answer.payload.len()), (status::OK, 60_003));
        liar.say(request(call_of_b(1, 1), WORKS, &[]));
        liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, call_of_b(1, 1)));
        assert_eq!(liar.hear_answer(call_of_b(1, 1)).status, status::CANCELLED);
        served.assert_serves();
    }
}

#[test]
fn a_server_hangs_up_on_messages_that_no_client_sends() {
    let guard = guard!();
    let cancel = |call| Descriptor::inline(CANCEL, &[]).u32(field::CALL, call);
    let lies = [
        // A number without the bit of its side, with generation 0, or beyond the limit.
        request(0, ADD, &[1, 2]),
        request(FIRST & !BY_B, ADD, &[1, 2]),
        request(call_of_b(0, 0), ADD, &[1, 2]),
        request(call_of_b(IN_FLIGHT, 1), ADD, &[1, 2]),
        request(u32::MAX, ADD, &[1, 2]),
        cancel(FIRST & !BY_B),
        cancel(call_of_b(IN_FLIGHT, 1)),
        // Answers where nothing was asked.
        terminal(1 << 16, status::OK, &[]),
        terminal(FIRST, status::OK, &[]),
        terminal(1 << 16, 99, &[]),
        // What is no part of a call.
        Descriptor::inline(ONE_WAY, &[1, 2]).u32(field::METHOD, ADD).u32(field::CALL, FIRST),
        Descriptor::inline(ITEM, &[]).u32(field::CALL, FIRST),
        Descriptor::inline(END, &[]).u32(field::CALL, FIRST),
        Descriptor::inline(CREDIT, &[0; 8]).u32(field::CALL, FIRST),
        // A goodbye after a message that it was not sent.
        Descriptor::inline(GOODBYE, &1_u64.to_ne_bytes()),
        Descriptor::inline(GOODBYE, &u64::MAX.to_ne_bytes()),
        // Fields and flags that these messages do not have.
        request(FIRST, ADD, &[1, 2]).u16(field::STATUS, 1),
        cancel(FIRST).u32(field::METHOD, ADD),
        cancel(FIRST).u32(field::LEN, 1).u8(field::INLINE_LEN, 1),
        request(FIRST, ADD, &[1, 2]).u8(field::FLAGS, 32),
        request(FIRST, ADD, &[1, 2]).u8(field::FLAGS, flag::FIRST),
        request(FIRST, ADD, &[1, 2]).u8(field::RESERVED, 1),
    ];
    for role in ROLES {
        let served = open(&guard, role);
        for lie in lies {
            let mut liar = Caller::connect(&served.path);
            liar.say(lie);
            liar.expect_end();
        }
        // Nobody leaves twice.
        let mut liar = Caller::connect(&served.path);
        liar.say(Descriptor::inline(GOODBYE, &[0; 8]));
        liar.say(request(FIRST, ADD, &[1, 2]));
        assert_eq!(liar.hear_answer(FIRST).payload, [3]);
        liar.say(Descriptor::inline(GOODBYE, &[0; 8]));
        liar.expect_end();
        // A number in use, whether the call is running or waits for its turn.
        let mut liar = Caller::connect(&served.path);
        liar.say(request(FIRST, WORKS, &[]));
        liar.say(request(call_of_b(0, 2), ADD, &[1, 2]));
        liar.expect_end();
        served.assert_serves();
    }
}

/// A trace and a span, neither of which is zero.
const TRACE: [u8; 24] = [7; 24];

#[test]
fn metadata_before_arguments_are_taken_off_by_every_build() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        // Alone in the descriptor, as no arguments follow.
        liar.say(request(FIRST, LARGES, &TRACE).u8(field::FLAGS, flag::METADATA));
        assert_eq!(liar.hear_answer(FIRST).payload, [0]);
        // In the descriptor, and the arguments in a slot.
        let call = call_of_b(1, 1);
        liar.liar.write_slot(0, 0, &[1, 2]);
        liar.say(slotted(call, ADD, 26).u8(field::INLINE_LEN, 24).tail(&TRACE));
        assert_eq!(liar.hear_answer(call).payload, [3]);
        // In fragments, before the arguments; 16 bytes of it in the descriptor, or none.
        for (generation, inline) in [(1, 0), (2, 16)] {
            let call = call_of_b(2, generation);
            let text = [&TRACE[..], &[4], b"text"].concat();
            let (lead, rest) = text.split_at(inline);
            let (first, last) = rest.split_at(2);
            liar.liar.write_slot(1, 0, first);
            liar.liar.write_slot(1, 1, last);
            let total = (text.len() as u64).to_ne_bytes();
            let of = |index, len: usize, flags| {
                let part = Descriptor::in_slot(1, index, generation, len as u32).u8(field::KIND, REQUEST);
                part.u32(field::CALL, call).u32(field::METHOD, TEXT).u8(field::FLAGS, flag::SLOT | flags)
            };
            let begin = of(0, inline + first.len(), flag::FIRST | flag::MORE | flag::METADATA);
            liar.say(begin.u8(field::INLINE_LEN, inline as u8).tail(&[&total[..], lead].concat()));
            liar.say(of(1, last.len(), flag::NEXT));
            assert_eq!(
                liar.hear_answer(call),
                Said { kind: TERMINAL, status: status::OK, call, method: 0, payload: vec![4] }
            );
        }
        served.assert_serves();
    }
}

/// A request with metadata and something in a slot; `len` counts all bytes.
fn slotted(call: u32, method: u32, len: u32) -> Descriptor {
    let descriptor = Descriptor::in_slot(0, 0, 1, len).u8(field::KIND, REQUEST);
    descriptor.u32(field::CALL, call).u32(field::METHOD, method).u8(field::FLAGS, flag::SLOT | flag::METADATA)
}

#[test]
fn metadata_that_are_none_end_the_session() {
    let guard = guard!();
    let inline = |bytes: &[u8]| request(FIRST, LARGES, bytes).u8(field::FLAGS, flag::METADATA);
    let first = |total| Descriptor::first(0, 0, 1, 2, total).u8(field::KIND, REQUEST).u32(field::CALL, FIRST);
    let flags = flag::SLOT | flag::FIRST | flag::MORE | flag::METADATA;
    let lies = [
        // Cut off, or not there.
        inline(&[]),
        inline(&[7; 23]),
        first(23).u8(field::FLAGS, flags),
        // In the slot, or a part of it.
        slotted(FIRST, ADD, 26),
        slotted(FIRST, ADD, 26).u8(field::INLINE_LEN, 8).tail(&[7; 8]),
        // That name no trace, or no span.
        inline(&[0; 24]),
        inline(&[[0; 16], [7; 16]].concat()[..24]),
        inline(&[[7; 16], [0; 16]].concat()[..24]),
        slotted(FIRST, ADD, 26).u8(field::INLINE_LEN, 24),
        // On messages that have none.
        Descriptor::inline(CANCEL, &[]).u32(field::CALL, FIRST).u8(field::FLAGS, flag::METADATA),
        terminal(1 << 16, status::OK, &TRACE).u8(field::FLAGS, flag::METADATA),
        Descriptor::inline(ITEM, &TRACE).u32(field::CALL, FIRST).u8(field::FLAGS, flag::METADATA),
        slotted(FIRST, ADD, 2).u8(field::FLAGS, flag::SLOT | flag::NEXT | flag::METADATA),
        request(FIRST, ADD, &[]).u8(field::FLAGS, flag::ABANDONED | flag::METADATA),
        // Beside flags that there are not.
        request(FIRST, LARGES, &TRACE).u8(field::FLAGS, flag::METADATA | 64),
        request(FIRST, LARGES, &TRACE).u8(field::FLAGS, 64),
    ];
    for role in ROLES {
        let served = open(&guard, role);
        for lie in lies {
            let mut liar = Caller::connect(&served.path);
            liar.say(lie);
            liar.expect_end();
        }
        // Fragments that are begun well, and turn out to name no trace.
        let mut liar = Caller::connect(&served.path);
        liar.liar.write_slot(0, 0, &[0; 64]);
        liar.liar.write_slot(0, 1, &[0; 64]);
        liar.say(first(30).u8(field::FLAGS, flags));
        let last = Descriptor::in_slot(0, 1, 1, 28).u8(field::KIND, REQUEST).u32(field::CALL, FIRST);
        liar.say(last.u8(field::FLAGS, flag::SLOT | flag::NEXT));
        liar.expect_end();
        served.assert_serves();
    }
}

#[test]
fn what_may_be_by_chance_is_passed_over_or_refused() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        // Cancels that crossed an answer: of a call that was never made, or long ago, and twice.
        for call in [FIRST, call_of_b(3, 1), call_of_b(IN_FLIGHT - 1, 77), FIRST] {
            liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, call));
        }
        for (generation, method) in (1..).zip([12, 13, 1_000, u32::MAX]) {
            let call = call_of_b(5, generation);
            liar.say(request(call, method, &[1, 2]));
            assert_eq!(liar.hear_answer(call).status, status::UNKNOWN_METHOD, "method {method}");
        }
        liar.say(request(FIRST, WORKS, &[]));
        for _ in 0..3 {
            liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, FIRST));
        }
        assert_eq!(liar.hear_answer(FIRST).status, status::CANCELLED);
        liar.say(request(call_of_b(0, 2), ADD, &[1, 2]));
        assert_eq!(liar.hear_answer(call_of_b(0, 2)).payload, [3]);
    }
}

#[test]
fn a_request_whose_time_is_over_is_answered_and_not_begun() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        // It comes before the nap, and its time of a microsecond is over after it. Nobody cancels it.
        let late = request(call_of_b(1, 1), ADD, &[1, 2]).u32(field::TIMEOUT, 1);
        liar.say_both(request(FIRST, NAPS, &[]), late);
        assert_eq!(liar.hear_answer(FIRST).status, status::OK);
        assert_eq!(liar.hear_answer(call_of_b(1, 1)).status, status::EXPIRED);
    }
}

/// As postcard writes it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[test]
fn garbage_for_arguments_is_refused_with_the_reason() {
    let guard = guard!();
    let huge = varint(u64::MAX);
    let million_texts = [varint(1 << 20), vec![0; 10]].concat();
    // A list in a list in a list …
    let deep = [vec![1; 70], vec![0]].concat();
    let garbage: [(u32, &[u8], &str); 16] = [
        (ADD, &[], "ends before"),
        (ADD, &[1], "ends before"),
        (ADD, &[1, 2, 3], "1 bytes follow"),
        (ADD, &[0xff; 2], "ends before"),
        (ADD, &[0xff; 12], "too large"),
        (KEEP, &huge, "ends before"),
        (KEEP, &varint(1 << 40), "ends before"),
        (TEXTS, &huge, "decode_elements"),
        (TEXTS, &varint(1 << 40), "decode_elements"),
        (TEXTS, &million_texts, "ends before"),
        (NOTHINGS, &varint((16 << 20) + 1), "decode_elements"),
        (NOTHINGS, &varint(1 << 22), "decode_bytes"),
        (NESTED, &deep, "decode_depth"),
        (TEXT, &[2, 0xff, 0xfe], "UTF-8"),
        (TEXT, &varint(u64::from(u32::MAX)), "ends before"),
        (REFUSES, &[2], "bool"),
    ];
    for role in ROLES {
        let served = open(&guard, role);
        let mut liar = Caller::connect(&served.path);
        for (generation, (method, args, reason)) in (1..).zip(garbage) {
            let call = call_of_b(0, generation);
            let mut descriptor = request(call, method, args.get(..args.len().min(24)).unwrap());
            if args.len() > 24 {
                liar.liar.write_slot(0, 0, args);
                let [class, index] = [0, 0];
                descriptor = Descriptor::in_slot(class, index, 1, args.len() as u32).u8(field::KIND, REQUEST);
                descriptor = descriptor.u32(field::CALL, call).u32(field::METHOD, method);
            }
            liar.say(descriptor);
            let answer = liar.hear_answer(call);
            let text = String::from_utf8(answer.payload).unwrap();
            assert_eq!(answer.status, status::BAD_ARGUMENTS, "{method} {args:?}: {text}");
            assert!(text.contains(reason), "{method} {args:?}: {text}");
        }
        served.assert_serves();
        assert!(served.memory() < 128 << 10, "{} KiB", served.memory());
    }
}

#[test]
fn messages_that_are_never_finished_hold_up_nobody() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let before = served.memory();
        let mut liars: Vec<_> = (0..8).map(|_| Caller::connect(&served.path)).collect();
        for liar in &mut liars {
            let len = liar.liar.shape.classes[2][0];
            for index in 0..4 {
                let first = Descriptor::first(2, index, 1, len, 16 << 20).u8(field::KIND, REQUEST);
                liar.say(first.u32(field::CALL, call_of_b(index, 1)).u32(field::METHOD, KEEP));
            }
            // Small ones go by.
            liar.say(request(call_of_b(9, 1), ADD, &[1, 2]));
            assert_eq!(liar.hear().payload, [3]);
        }
        served.assert_serves();
        // What was announced is half a gigabyte, and what came two megabytes.
        assert!(served.memory() - before < 32 << 10, "{} KiB, before {before}", served.memory());
        for liar in &mut liars {
            let fifth = Descriptor::first(2, 4, 1, 1_000, 2_000).u8(field::KIND, REQUEST);
            liar.say(fifth.u32(field::CALL, call_of_b(4, 1)).u32(field::METHOD, KEEP));
            liar.expect_end();
        }
        served.assert_serves();
    }
}

#[test]
fn a_flood_of_requests_whose_answers_nobody_reads_is_held_back() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let before = served.memory();
        let mut liars: Vec<_> = (0..4).map(|_| Caller::connect(&served.path)).collect();
        for liar in &mut liars {
            // As many as may be with the server. There is room for the answers to some.
            for index in 0..IN_FLIGHT {
                liar.say(request(call_of_b(index, 1), LARGE, &[]));
            }
        }
        // As many are answered as there is room for, and then no more are begun than fill `parked_bytes`.
        let room = liars.iter().map(|liar| liar.liar.shape.classes[2][1] as usize).sum::<usize>();
        until(|| served.honest.larges().wait().unwrap() >= room);
        for _ in 0..20 {
            served.assert_serves();
        }
        let begun = served.honest.larges().wait().unwrap();
        assert!(begun <= room + liars.len() * 2, "{begun} answers for {room} places");
        for liar in &mut liars {
            // Not all of them can be answered by now, so their numbers are in use.
            for index in 0..IN_FLIGHT {
                liar.say(request(call_of_b(index, 2), LARGE, &[]));
            }
            liar.expect_end();
        }
        served.assert_serves();
        assert!(served.memory() - before < 64 << 10, "{} KiB, before {before}", served.memory());
    }
}

/// One that a program could have sent, but for what it is about.
fn likely(random: &mut Random, liar: &Caller) -> Descriptor {
    let index = random.choose(&[0, 0, 1, 2, 3, IN_FLIGHT - 1, IN_FLIGHT]);
    let side = if random.below(40) == 0 { 0 } else { BY_B };
    let call = side | ((random.below(3) as u32) << 16) | index;
    let mut bytes = [0; 24];
    bytes.fill_with(|| random.choose(&[0, 1, 2, 3, 127, 128, 255]));
    let payload = &bytes[..random.below(25) as usize];
    let method = random.choose(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, u32::MAX]);
    match random.below(100) {
        0..65 => {
            let timeout = random.choose(&[0, 0, 1, 1_000, u32::MAX]);
            request(call, method, payload).u32(field::TIMEOUT, timeout)
        }
        65..90 => Descriptor::inline(CANCEL, &[]).u32(field::CALL, call),
        90..97 => {
            let class = random.below(3) as u32;
            let [bytes, count] = liar.liar.shape.classes[class as usize];
            let (index, len) = (random.below(count.into()) as u32, 25 + random.below(u64::from(bytes) - 25) as u32);
            let request = Descriptor::in_slot(class, index, 1, len).u8(field::KIND, REQUEST);
            request.u32(field::CALL, call).u32(field::METHOD, method)
        }
        97 => terminal(call, random.below(11) as u16, payload),
        98 if random.below(3) == 0 => Descriptor::inline(GOODBYE, &random.below(3).to_ne_bytes()),
        98 => Descriptor::inline(random.choose(&[ONE_WAY, ITEM, END]), payload).u32(field::CALL, call),
        _ => request(call, method, payload).u8(random.below(64) as usize, random.number() as u8),
    }
}

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn random_lies_end_the_liars_session_at_most() {
    let seed = number_from("RAPACE_LIES_SEED", std::process::id().into());
    let seconds = number_from("RAPACE_LIES_SECONDS", 2);
    println!("RAPACE_LIES_SEED={seed}");
    let mut random = Random(seed);
    for role in ROLES {
        let end = Instant::now() + Duration::from_secs(seconds) / 2;
        let (mut sessions, mut lies) = (0_u64, 0_u64);
        while sessions == 0 || Instant::now() < end {
            // A watchdog and a server for each while.
            let guard = guard!();
            let served = open(&guard, role);
            for _ in 0..50 {
                let mut liar = Caller::connect(&served.path);
                let reads = random.below(2) == 0;
                for _ in 0..random.below(400) {
                    until(|| {
                        while reads && liar.try_hear().is_some() {}
                        liar.has_room() || liar.is_hung_up() || !reads
                    });
                    if liar.is_hung_up() || !liar.has_room() {
                        break;
                    }
                    let lie = likely(&mut random, &liar);
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
