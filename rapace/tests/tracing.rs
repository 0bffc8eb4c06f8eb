//! Spans of calls, and the trace that travels with them through three processes: this one, a server that calls another one,
//! and that one. On threads and awaited.

#![cfg(all(feature = "tracing", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::cell::RefCell;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, Once};
use std::time::Duration;

use peer::{Guard, Peer, say};
use rapace::{CallInfo, CallSide, Config, Hooks, RpcError, Server, Trace, Tracing};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A trace as it travels back to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    trace: u128,
    span: u64,
    parent: Option<u64>,
}

impl From<Trace> for Place {
    fn from(trace: Trace) -> Self {
        Self { trace: trace.trace_id(), span: trace.span_id(), parent: trace.parent_span_id() }
    }
}

#[rapace::service(name = "Relay")]
trait Relay {
    /// The place of the handler here; then, at each server behind this one, that of its caller and its own.
    fn places(&self) -> Vec<Option<Place>>;
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    fn nothing(&self) -> u8;
    fn fails(&self) -> Result<u8, u8>;
    /// The spans of this process, each with its fields and the events in it.
    fn spans(&self) -> Vec<String>;
}

#[cfg(feature = "tokio")]
mod awaited {
    use super::{Place, Station, Trace, places_here};

    #[rapace::service(name = "Relay")]
    pub(super) trait Relay {
        async fn places(&self) -> Vec<Option<Place>>;
        async fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
        async fn nothing(&self) -> u8;
        async fn fails(&self) -> Result<u8, u8>;
        async fn spans(&self) -> Vec<String>;
    }

    impl Relay for Station {
        async fn places(&self) -> Vec<Option<Place>> {
            // The trace is that of the call, whichever thread goes on with it.
            tokio::task::yield_now().await;
            tracing::info!("in the handler");
            let mut places = vec![Trace::current().map(Place::from)];
            if let Some(next) = &self.next {
                let there = next.places().await.unwrap();
                places.extend(places_here());
                places.extend(there);
            }
            places
        }
        async fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
            bytes
        }
        async fn nothing(&self) -> u8 {
            7
        }
        async fn fails(&self) -> Result<u8, u8> {
            Err(9)
        }
        async fn spans(&self) -> Vec<String> {
            super::Relay::spans(self)
        }
    }
}

struct Station {
    next: Option<RelayClient>,
}

impl Relay for Station {
    fn places(&self) -> Vec<Option<Place>> {
        tracing::info!("in the handler");
        let mut places = vec![Trace::current().map(Place::from)];
        if let Some(next) = &self.next {
            let there = next.places().wait().unwrap();
            places.extend(places_here());
            places.extend(there);
        }
        places
    }
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
    fn nothing(&self) -> u8 {
        7
    }
    fn fails(&self) -> Result<u8, u8> {
        Err(9)
    }
    fn spans(&self) -> Vec<String> {
        SPANS.lock().unwrap().clone()
    }
}

/// Of the calls that this process makes.
static MADE: Mutex<Vec<Option<Place>>> = Mutex::new(Vec::new());

struct Made;

impl Hooks for Made {
    fn before(&self, call: &CallInfo) {
        assert_eq!(call.side, CallSide::Client);
        MADE.lock().unwrap().push(call.trace.map(Place::from));
    }
}

/// Of the calls that were made since this was asked.
fn places_here() -> Vec<Option<Place>> {
    std::mem::take(&mut *MADE.lock().unwrap())
}

/// The spans of this process, as text.
static SPANS: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Writes down all spans.
struct Scribe;

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Scribe {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "rapace" || metadata.target() == module_path!() || metadata.is_event()
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = span.metadata().name().to_owned();
        span.record(&mut Text(&mut text));
        let mut spans = SPANS.lock().unwrap();
        spans.push(text);
        Id::from_u64(spans.len() as u64)
    }
    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Text(&mut SPANS.lock().unwrap()[span.into_u64() as usize - 1]));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let Some(id) = ENTERED.with_borrow(|entered| entered.last().copied()) else { return };
        event.record(&mut Text(&mut SPANS.lock().unwrap()[id as usize - 1]));
    }
    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }
    fn exit(&self, span: &Id) {
        assert_eq!(ENTERED.with_borrow_mut(Vec::pop), Some(span.into_u64()));
    }
}

fn write_down() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Scribe).unwrap());
}

const THREADS: &str = "threads";
#[cfg(feature = "tokio")]
const TASKS: &str = "tasks";
/// On threads, without traces.
const UNTRACED: &str = "untraced";

#[cfg(feature = "tokio")]
const ROLES: [&str; 2] = [THREADS, TASKS];
#[cfg(not(feature = "tokio"))]
const ROLES: [&str; 1] = [THREADS];

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, |argument| serve(THREADS, argument)),
        (UNTRACED, |argument| serve(UNTRACED, argument)),
        #[cfg(feature = "tokio")]
        (TASKS, serve_in_tasks),
    ]);
}

fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    config.limits.payload_max = 4_000_000;
    config
}

/// The argument: its own path, and that of the next one if there is one.
fn station(argument: &str) -> (PathBuf, Station) {
    write_down();
    let (path, next) = argument.split_once(' ').unwrap();
    let connect = || RelayClient::builder().hooks(Tracing).hooks(Made).connect(next).unwrap();
    (path.into(), Station { next: (!next.is_empty()).then(connect) })
}

fn serve(role: &str, argument: &str) {
    let (path, station) = station(argument);
    let server = Server::new(RelayServer::new(station)).config(config());
    let server = if role == UNTRACED { server } else { server.hooks(Tracing) };
    let server = server.bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(argument: &str) {
    let (path, station) = station(argument);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let server = rapace::aio::Server::new(awaited::RelayServer::new(station)).config(config());
        let server = server.hooks(Tracing).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

struct Served {
    _processes: Vec<Peer>,
    relay: RelayClient,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

/// A chain of servers, the last one first.
fn open(guard: &Guard, roles: &[&str]) -> Served {
    write_down();
    let directory = tempfile::tempdir().unwrap();
    let mut next = PathBuf::new();
    let start = |(n, role): (usize, &&str)| {
        let path = directory.path().join(format!("{n}.sock"));
        let mut process = guard.spawn(role, format!("{} {}", path.display(), next.display()));
        assert_eq!(process.hear(), "serving");
        next = path;
        process
    };
    let processes = roles.iter().enumerate().map(start).collect();
    let relay = RelayClient::builder().config(config()).hooks(Tracing).connect(&next).unwrap();
    Served { _processes: processes, relay, path: next, _directory: directory }
}

#[test]
fn a_trace_travels_with_a_call_and_with_those_that_its_handler_makes() {
    let guard = guard!();
    for role in ROLES {
        for last in ROLES {
            let served = open(&guard, &[last, role]);
            let root = Trace::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7).unwrap();
            let places = root.in_scope(|| served.relay.places().wait()).unwrap();
            let places: Vec<_> = places.into_iter().map(Option::unwrap).collect();
            let [here, onward, there] = places[..] else { panic!("{places:?}") };
            assert!(places.iter().all(|place| place.trace == root.trace_id()), "{places:?}");
            // The client's span is between the root and the server's.
            assert!(here.parent.is_some_and(|client| client != root.span_id() && client != here.span));
            assert_eq!((onward.parent, there.parent), (Some(here.span), Some(onward.span)));

            // Outside of any trace each call begins one.
            let first = served.relay.places().wait().unwrap()[0].unwrap();
            let second = served.relay.places().wait().unwrap()[0].unwrap();
            assert!(first.trace != second.trace && first.trace != root.trace_id());
            // A trace belongs to its call, not to the thread that handled it.
            let untraced = RelayClient::connect(&served.path).unwrap();
            let places = untraced.places().wait().unwrap();
            assert!(places[0].unwrap().parent.is_none() && places[0].unwrap().trace != second.trace);
        }
    }
}

#[test]
fn arguments_of_every_size_come_whole_with_a_trace_before_them() {
    let guard = guard!();
    for role in [THREADS, UNTRACED] {
        let served = open(&guard, &[role]);
        let relay = &served.relay;
        assert_eq!((relay.nothing().wait(), relay.fails().wait().is_err()), (Ok(7), true));
        let sizes = [0, 1, 20, 21, 22, 23, 24, 63, 64, 65, 300, 5_000, 65_500, 65_600, 66_000, 200_000, 3 << 20];
        for len in sizes {
            let bytes: Vec<_> = (0..len).map(|n: usize| (n.wrapping_mul(31) >> 3) as u8).collect();
            assert!(relay.echo(bytes.clone()).wait() == Ok(bytes), "{len} bytes");
        }
        // The limit is for the arguments: what reaches it goes without its trace.
        let max = config().limits.payload_max;
        for len in [max - 30, max - 20, max - 4] {
            assert_eq!(relay.echo(vec![1; len]).wait().map(|bytes| bytes.len()), Ok(len));
        }
        assert!(matches!(relay.echo(vec![1; max]).wait(), Err(RpcError::TooLarge(_))));
        // Many at once, most of which wait for room, and some in fragments.
        let calls: Vec<_> = (0..300).map(|n| relay.echo(vec![n as u8; n * 400]).start().unwrap()).collect();
        for (n, call) in calls.into_iter().enumerate() {
            assert!(call.wait() == Ok(vec![n as u8; n * 400]), "call {n}");
        }
    }
}

#[cfg(feature = "tokio")]
#[test]
fn awaited_calls_that_wait_for_room_have_their_trace_too() {
    let guard = guard!();
    let served = open(&guard, &[TASKS]);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..300 {
            let relay = served.relay.clone();
            calls.spawn(async move {
                assert!(relay.echo(vec![n as u8; n * 400]).await == Ok(vec![n as u8; n * 400]), "call {n}");
                let place = relay.places().timeout(Duration::from_secs(50)).await.unwrap()[0].unwrap();
                assert!(place.parent.is_some(), "it came without its trace");
            });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
    });
}

#[test]
fn both_sides_have_a_span_for_a_call_and_the_handler_runs_in_its_own() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, &[role]);
        let place = served.relay.places().wait().unwrap()[0].unwrap();
        assert_eq!(served.relay.fails().wait().unwrap_err().split(), Ok(9));
        let trace = format!("trace_id={:032x} span_id", place.trace);
        let of_trace = |spans: Vec<String>| spans.into_iter().filter(|span| span.contains(&trace)).collect::<Vec<_>>();

        // A task answers first and notes the end then, while others go on.
        let there = loop {
            let there = of_trace(served.relay.spans().wait().unwrap());
            let [there] = &there[..] else { panic!("{there:?}") };
            if there.contains("outcome=") {
                break there.clone();
            }
        };
        for part in [
            "rapace.call side=\"server\" service=\"Relay\" method=\"places\"",
            &format!("span_id={:016x} parent_span_id={:016x}", place.span, place.parent.unwrap()),
            "message=in the handler",
            "outcome=\"ok\" reply_bytes=",
        ] {
            assert!(there.contains(part), "{part} is not in {there}");
        }
        let here = of_trace(SPANS.lock().unwrap().clone());
        let [here] = &here[..] else { panic!("{here:?}") };
        for part in ["side=\"client\"", &format!("span_id={:016x} ", place.parent.unwrap()), "outcome=\"ok\""] {
            assert!(here.contains(part), "{part} is not in {here}");
        }
        let failed = served.relay.spans().wait().unwrap();
        assert!(failed.iter().any(|span| span.contains("method=\"fails\"") && span.contains("outcome=\"app\"")));
    }
}
