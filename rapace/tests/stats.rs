//! What is counted, and who can see it: the two sides, the server of many, and a process that has nothing to do with it.

#![cfg(all(target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod liar;
mod peer;

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use liar::calls::{BY_B, Caller, request, status, terminal};
#[cfg(not(rapace_portable))]
use liar::{Recipe, SEALS, memfd};
use liar::{Shape, half};
use peer::{Guard, Peer, hear, say, until};
use rapace::{Config, Geometry, Head, Inspector, OpenError, Server, ServerHandle, Spin};
#[cfg(not(rapace_portable))]
use rapace::{Counts, SegmentError};
#[cfg(not(rapace_portable))]
use rustix::fs::{MemfdFlags, SealFlags};

#[rapace::service(name = "Office")]
trait Office {
    fn add(&self, a: u32, b: u32) -> u32;
    fn echo(&self, data: Vec<u8>) -> Vec<u8>;
    /// Until there is such a file.
    #[rapace(blocking)]
    fn waits(&self, until: PathBuf, data: Vec<u8>) -> usize;
}

struct Clerk;

impl Office for Clerk {
    fn add(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        data
    }
    fn waits(&self, file: PathBuf, data: Vec<u8>) -> usize {
        until(|| file.exists());
        data.len()
    }
}

/// The number of `add` on the wire.
const ADD: u32 = 1;

const SERVES: &str = "serves";
const SERVES_IN_TASKS: &str = "serves in tasks";
const CALLS: &str = "calls";
const ROLES: [&str; 2] = [SERVES, SERVES_IN_TASKS];

#[test]
fn peer_entry() {
    peer::run(&[(SERVES, serve), (SERVES_IN_TASKS, serve_in_tasks), (CALLS, call)]);
}

fn config() -> Config {
    peer::config(Spin::Never)
}

fn serve(path: &str) {
    let server = Server::new(OfficeServer::new(Clerk)).config(config()).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(path: &str) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
        let server = rapace::aio::Server::new(OfficeServer::new(Clerk)).config(config()).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

#[cfg(not(feature = "tokio"))]
use serve as serve_in_tasks;

/// Calls as often as it is told to.
fn call(path: &str) {
    let client = OfficeClient::builder().config(config()).connect(path).unwrap();
    say("connected");
    while let Ok(times) = hear().parse::<u32>() {
        for number in 0..times {
            assert_eq!(client.add(number, 1).wait(), Ok(number + 1));
        }
        say("called");
    }
}

/// A server in a process of its own.
struct Served {
    process: Peer,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("office.sock");
    let mut process = guard.spawn(role, path.display());
    assert_eq!(process.hear(), "serving");
    Served { process, path, _directory: directory }
}

/// A server in this process.
fn serve_here(config: Config) -> (ServerHandle, PathBuf, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("office.sock");
    (Server::new(OfficeServer::new(Clerk)).workers(1).config(config).bind(&path).unwrap(), path, directory)
}

fn client_of(guard: &Guard, path: &std::path::Path) -> Peer {
    let mut client = guard.spawn(CALLS, path.display());
    assert_eq!(client.hear(), "connected");
    client
}

#[test]
fn each_number_is_what_its_words_say() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = OfficeClient::builder().config(config()).connect(&served.path).unwrap();
        let stats = || client.session().stats();
        assert_eq!((stats().own.messages_sent, stats().own.calls_begun, stats().own.slots_sent), (0, 0, 0));
        // In the descriptor, of which no bytes are counted.
        for number in 0..10 {
            assert_eq!(client.add(number, 1).wait(), Ok(number + 1));
        }
        // In slots: the bytes and, before them, their number in two.
        for _ in 0..3 {
            assert_eq!(client.echo(vec![1; 1_000]).wait(), Ok(vec![1; 1_000]));
        }
        let own = stats().own;
        assert_eq!((own.messages_sent, own.messages_received), (13, 13));
        assert_eq!((own.calls_begun, own.calls_answered), (13, 0));
        assert_eq!((own.slots_sent, own.slots_returned), (3, 3));
        assert_eq!((own.slot_bytes_sent, own.slot_bytes_received), (3_006, 3_006));
        assert_eq!(own.violations, 0);
        // In fragments of 65,536 bytes, three of them, of which each is a message.
        assert_eq!(client.echo(vec![1; 150_000]).wait(), Ok(vec![1; 150_000]));
        let own = stats().own;
        assert_eq!((own.calls_begun, own.messages_sent, own.slots_sent), (14, 16, 6));
        assert_eq!((own.slot_bytes_sent, own.slot_bytes_received), (153_009, 153_009));
        // The server counts the same from its side; an answer just after it was sent.
        until(|| stats().peer.calls_answered == 14);
        let peer = stats().peer;
        assert_eq!((peer.messages_sent, peer.messages_received, peer.calls_begun), (16, 16, 0));
        assert_eq!((peer.slots_sent, peer.slot_bytes_sent, peer.slot_bytes_received), (6, 153_009, 153_009));
        assert!(stats().held.is_empty());
        // A call that is given up is answered nevertheless.
        drop(client.waits("/".into(), vec![1; 100]).start().unwrap());
        until(|| stats().peer.calls_answered == 15 && stats().own.calls_begun == 15);
    }
}

#[test]
fn sleeps_and_bells_are_counted_where_they_happen() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = OfficeClient::builder().config(config()).connect(&served.path).unwrap();
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        let before = client.session().stats();
        for _ in 0..5 {
            served.process.wait_until_asleep();
            assert_eq!(client.add(1, 2).wait(), Ok(3));
        }
        let after = client.session().stats();
        // Each time the server slept and was woken.
        assert!(after.own.bells - before.own.bells >= 5, "{role}: {:?} {:?}", before.own, after.own);
        assert!(after.peer.sleeps - before.peer.sleeps >= 4, "{role}: {:?} {:?}", before.peer, after.peer);
        assert!(after.peer.steps > before.peer.steps);
        // Neither ever looks instead.
        assert_eq!((after.own.spins, after.peer.spins), (0, 0));
    }
    let (a, mut b) = rapace::session::pair_with(&peer::config(Spin::Adaptive)).unwrap();
    until(|| {
        let _ = b.recv_timeout(Duration::from_millis(1));
        // On a machine with one CPU nobody looks.
        b.stats().own.spins > 0 || std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1)
    });
    assert_eq!(b.stats().own.spins_found, 0);
    drop(a);
}

#[test]
fn a_server_knows_each_of_its_clients_and_forgets_no_number_of_those_that_left() {
    let guard = guard!();
    let (server, path, _directory) = serve_here(config());
    let silent = UnixStream::connect(&path).unwrap();
    let mut clients = [(); 3].map(|()| client_of(&guard, &path));
    for (times, client) in (10..).zip(&mut clients) {
        client.tell(times);
        assert_eq!(client.hear(), "called");
    }
    until(|| server.stats().total.calls_answered == 33);
    let stats = server.stats();
    assert_eq!((stats.sessions.len(), stats.ended, stats.handshakes), (3, 0, 1));
    for (times, client) in (10..).zip(&clients) {
        let mut sessions = stats.sessions.iter();
        let session = sessions.find(|session| session.credentials.pid as u32 == client.pid()).unwrap();
        let (own, peer) = (session.stats.own, session.stats.peer);
        assert_eq!((own.messages_received, own.calls_answered), (times, times));
        assert_eq!((peer.messages_sent, peer.calls_begun), (times, times));
    }
    drop(silent);
    let [first, mut second, third] = clients;
    first.join();
    second.kill();
    until(|| server.stats().ended == 2);
    let stats = server.stats();
    assert_eq!((stats.sessions.len(), stats.total.calls_answered, stats.total.messages_received), (1, 33, 33));
    assert_eq!(stats.sessions[0].credentials.pid as u32, third.pid());
    until(|| server.stats().handshakes == 0);
    third.join();
}

#[cfg(feature = "tokio")]
#[test]
fn so_does_one_in_tasks() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("office.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let server = rapace::aio::Server::new(OfficeServer::new(Clerk)).config(config()).bind(&path).unwrap();
    let mut client = client_of(&guard, &path);
    client.tell(7);
    assert_eq!(client.hear(), "called");
    until(|| server.stats().total.calls_answered == 7);
    assert_eq!(server.stats().sessions[0].credentials.pid as u32, client.pid());
    client.join();
    until(|| server.stats().ended == 1);
    assert_eq!((server.stats().sessions.len(), server.stats().total.calls_answered), (0, 7));
}

#[test]
fn slots_that_are_held_are_told_with_their_call_and_since_when_that_is_known() {
    let _guard = guard!();
    let (server, path, directory) = serve_here(config());
    let client = OfficeClient::builder().config(config()).connect(&path).unwrap();
    let file = directory.path().join("enough");
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    let held = || server.stats().sessions[0].stats.held.clone();
    // One is handled, its arguments taken out, and two wait for the only worker, in slots of two classes.
    let calls: Vec<_> = [1, 200, 3_000].map(|len| client.waits(file.clone(), vec![1; len]).start().unwrap()).into();
    until(|| {
        let mut classes: Vec<_> = held().iter().map(|slot| slot.class_bytes).collect();
        classes.sort_unstable();
        classes == [256, 4_096]
    });
    let (first, second) = (held(), held());
    assert_eq!(first, second, "a second look changes nothing");
    let [one, other] = first[..] else { panic!("two are held") };
    assert!(one.call & other.call & BY_B != 0 && one.call != other.call, "each for a call of its own");
    // The client sees it as slots that do not come back.
    let stats = client.session().stats();
    assert_eq!(stats.own.slots_sent - stats.peer.slots_returned, first.len() as u64);
    std::fs::write(file, "").unwrap();
    for call in calls {
        call.wait().unwrap();
    }
    until(|| held().is_empty());
    let stats = client.session().stats();
    assert_eq!(stats.own.slots_sent, stats.peer.slots_returned);
    // A slot that is taken again is held anew.
    let (mut a, mut b) = rapace::session::pair().unwrap();
    let mut last = None;
    for round in 1..300 {
        a.send(Head::request(round, 0), &[1; 30]).unwrap();
        let payload = b.recv().unwrap().into_inbound_payload();
        let [held] = b.stats().held[..] else { panic!("one is held") };
        assert_eq!(held.call, round);
        assert!(last.replace(held.seen).is_none_or(|before| before <= held.seen));
        drop(payload);
    }
}

/// The halves that a process owns.
fn halves(process: &Peer) -> Vec<Inspector> {
    Inspector::of_process(process.pid()).unwrap()
}

#[test]
fn a_third_process_reads_what_two_have_counted_while_both_stand_still() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut clients = [(); 2].map(|()| client_of(&guard, &served.path));
        for (times, client) in [300, 7].into_iter().zip(&mut clients) {
            client.tell(times);
            assert_eq!(client.hear(), "called");
        }
        served.process.wait_until_asleep();
        served.process.stop();
        clients.iter().for_each(Peer::stop);
        let of_server = halves(&served.process);
        assert_eq!(of_server.len(), 2, "{role}");
        for (times, client) in [300, 7].into_iter().zip(&clients) {
            let of_client = halves(client);
            let [of_client] = &of_client[..] else { panic!("one session, one half") };
            let of_server = of_server.iter().find(|half| half.session_id() == of_client.session_id()).unwrap();
            assert!(of_server.is_peer_a() && !of_client.is_peer_a());
            assert_eq!((of_server.geometry(), of_server.is_closed()), (Geometry::default(), false));
            let (server, client) = (of_server.counts(), of_client.counts());
            assert_eq!((client.calls_begun, client.messages_sent, client.messages_received), (times, times, times));
            assert_eq!((server.calls_answered, server.messages_sent, server.messages_received), (times, times, times));
            assert!(server.sleeps > 0 && client.bells > 0, "{server}, {client}");
        }
        // They go on as if nothing was, and what they count is seen.
        served.process.signal(rustix::process::Signal::CONT);
        let [_, client] = &mut clients;
        client.signal(rustix::process::Signal::CONT);
        let half = halves(client).remove(0);
        client.tell(3);
        assert_eq!(client.hear(), "called");
        assert_eq!(half.counts().calls_begun, 10);
        // Also after the end.
        client.kill();
        assert_eq!(half.counts().calls_begun, 10);
        assert!(!half.is_closed(), "it had no chance to");
    }
}

fn inspect(file: &OwnedFd) -> Result<Inspector, OpenError> {
    Inspector::open(std::process::id(), file.as_raw_fd())
}

/// Only sealed memory tells what can be mapped.
#[cfg(not(rapace_portable))]
#[test]
fn what_is_no_half_is_not_mapped() {
    let _guard = guard!();
    let segment = |file: &OwnedFd| match inspect(file) {
        Err(OpenError::Segment(error)) => error,
        other => panic!("{other:?}"),
    };
    let (socket, _other) = UnixStream::pair().unwrap();
    assert_eq!(segment(&socket.into()), SegmentError::NotMemory);
    assert_eq!(segment(&std::fs::File::open("/dev/zero").unwrap().into()), SegmentError::NotMemory);
    let short = tempfile::tempfile().unwrap();
    assert_eq!(segment(&short.try_clone().unwrap().into()), SegmentError::NotMemory);
    short.set_len(100).unwrap();
    assert!(matches!(segment(&short.into()), SegmentError::Header { field: "magic", .. }));
    assert!(matches!(segment(&memfd(MemfdFlags::ALLOW_SEALING).unwrap()), SegmentError::NotMemory));
    let missing = Inspector::open(std::process::id(), 1_000_000);
    assert!(matches!(missing, Err(OpenError::System { .. })), "{missing:?}");

    let shape = Shape::of(&Geometry::default());
    let made = |recipe: Recipe, tamper: &dyn Fn(&liar::Map)| recipe.make(&shape, 0, [7; 16], tamper);
    let honest = made(Recipe::honest(&shape), &|_| {});
    let half = inspect(&honest.file).unwrap();
    assert_eq!((half.session_id(), half.is_peer_a(), half.counts()), ([7; 16], true, Counts::default()));
    let refused = |offset: usize| {
        let half = made(Recipe::honest(&shape), &|map| map.set(offset, map.get(offset) ^ 0x0101_0101_0101_0101));
        inspect(&half.file).map(drop).unwrap_err()
    };
    for offset in [half::MAGIC, half::LAYOUT_HASH, half::PROTOCOL] {
        assert!(matches!(refused(offset), OpenError::Segment(SegmentError::Header { .. })), "{offset}");
    }
    // Another shape than its length, or an impossible one, or one above the limit.
    assert!(matches!(refused(half::RING_ENTRIES), OpenError::Geometry(_)));
    let longer = made(Recipe::honest(&shape), &|map| map.set_u32(half::RING_ENTRIES, 512));
    assert!(matches!(segment(&longer.file), SegmentError::Size { .. }));
    let huge = made(Recipe::honest(&shape), &|map| map.set_u32(half::CLASSES + 20, 65_536));
    assert!(matches!(inspect(&huge.file), Err(OpenError::Geometry(_))));
    // A file that its owner could still take away.
    let unsealed = made(Recipe { seals: SEALS.difference(SealFlags::SHRINK), ..Recipe::honest(&shape) }, &|_| {});
    assert!(matches!(segment(&unsealed.file), SegmentError::Seals { .. }));
    let sparse = made(Recipe { allocate: false, ..Recipe::honest(&shape) }, &|_| {});
    assert!(matches!(segment(&sparse.file), SegmentError::Sparse { .. }));
}

#[test]
fn numbers_of_a_liar_are_shown_and_nothing_follows_from_them() {
    let _guard = guard!();
    let (server, path, _directory) = serve_here(config());
    let mut liar = Caller::connect(&path);
    let scribble = |map: &liar::Map, value: u64| {
        (half::SENT..half::RELEASED).step_by(8).for_each(|offset| map.set(offset, value));
    };
    for value in [u64::MAX, 1 << 63, 1, 0] {
        scribble(&liar.liar.own.map, value);
        let call = BY_B | ((value as u32 & 0xff) + 1) << 16;
        liar.say(request(call, ADD, &[1, 2]));
        assert_eq!(liar.hear_answer(call).payload, [3]);
        let stats = server.stats();
        let peer = stats.sessions[0].stats.peer;
        assert_eq!(
            (peer.calls_begun, peer.slot_bytes_sent, peer.sleeps, peer.violations),
            (value, value, value, value)
        );
    }
    // Nor from those that are seen from outside, and from a ring full of nonsense.
    let half = inspect(&liar.liar.own.file).unwrap();
    for n in 1..=u64::from(liar.liar.shape.entries) {
        liar.liar.own.map.set_u32(liar.liar.shape.entry(n), (n as u32).wrapping_mul(0x9e37_79b9));
    }
    let _ = half.counts();
    let _ = server.stats();
    // A rule that is broken is counted by the side that found it.
    liar.say(terminal(1 << 16, status::OK, &[]));
    liar.expect_end();
    until(|| server.stats().ended == 1);
    assert_eq!(server.stats().total.violations, 1);

    // The other way round, with a client.
    let (ours, theirs) = UnixStream::pair().unwrap();
    let catalogue = {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| Server::new(OfficeServer::new(Clerk)).config(config()).serve_over(theirs).unwrap());
            Caller::over(ours).1
        })
    };
    let client = std::thread::spawn(move || OfficeClient::builder().config(config()).over(theirs));
    let mut liar = Caller::serve(ours, Shape::of(&config().geometry), &catalogue);
    let client = client.join().unwrap().unwrap();
    scribble(&liar.liar.own.map, u64::MAX);
    let call = client.add(1, 2).start().unwrap();
    let asked = liar.hear();
    liar.say(terminal(asked.call, status::OK, &[3]));
    assert_eq!(call.wait(), Ok(3));
    let stats = client.session().stats();
    assert_eq!((stats.peer.calls_answered, stats.own.calls_begun, stats.own.violations), (u64::MAX, 1, 0));
    liar.say(terminal(asked.call, status::OK, &[3]));
    until(|| client.add(1, 2).wait().is_err());
    assert_eq!(client.session().stats().own.violations, 1);
}
