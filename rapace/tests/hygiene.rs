//! What a session leaves behind and what it takes: counted in processes of their own, which no other test disturbs.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::collections::BTreeMap;
use std::fs;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use peer::{SPINS, check, config, config_of, content, hear, mixed_len, say, session, until};
use rapace::{
    Control, Head, Listener, Lost, OpenError, Payload, PeerA, PeerB, Receiver, RecvError, Role, Sender, Session, Spin,
};

#[test]
fn peer_entry() {
    peer::run(&[
        ("serves many", serve_many),
        ("connects often", connect_often),
        ("outlives many", outlive_many),
        ("streams", stream),
        ("fails to open", fail_to_open),
        ("sleeps as PeerA", sleep_as_peer_a),
        ("sleeps as PeerB", sleep_as_peer_b),
    ]);
}

const SESSIONS: u32 = 200;
/// Sessions before the first count: what a process makes once is made then.
const WARM_UP: u32 = 5;

// ---- what is left behind --------------------------------------------------------------------------------------------

/// What this process holds of the system.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    /// Mappings of segments.
    halves: usize,
    /// Bytes of pages that a fork clears: one page of each session, one of the process.
    guards: usize,
}

impl Holdings {
    fn now() -> Self {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut holdings =
            Self { descriptors: count("/proc/self/fd"), threads: count("/proc/self/task"), halves: 0, guards: 0 };
        let mut bytes = 0;
        for line in maps.lines() {
            if is_segment(line) {
                holdings.halves += 1;
            } else if let Some(size) = line.strip_prefix("Size:") {
                bytes = size.trim().trim_end_matches(" kB").parse().unwrap();
            } else if line.starts_with("VmFlags:") && line.contains(" wf") {
                holdings.guards += bytes;
            }
        }
        holdings
    }
}

/// Of a line of a process's mappings. The second name is that of the portable memory.
fn is_segment(line: &str) -> bool {
    line.contains("/memfd:rapace") || line.contains("/dev/shm/rapace-")
}

fn count(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// Lines of the map of this process's memory; of all kinds, so that it can differ by a few.
fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Does `act` so often, and checks that this process then holds what it held after the first few.
fn leaves_nothing(mut act: impl FnMut(u32)) {
    // What the process makes when a thread first sleeps: none of those below need do so.
    let (a, mut b) = rapace::session::pair_with(&config(Spin::Never)).unwrap();
    assert_eq!(b.recv_timeout(Duration::from_millis(1)).map(drop), Err(RecvError::Timeout));
    drop((a, b));
    (0..WARM_UP).for_each(&mut act);
    // The watcher may still hold the last session for a moment.
    let mut before = Holdings::now();
    until(|| {
        std::thread::sleep(Duration::from_millis(10));
        let last = std::mem::replace(&mut before, Holdings::now());
        before.halves == 0 && before == last
    });
    let lines = mappings();
    (0..SESSIONS).for_each(&mut act);
    let mut last = Holdings::now();
    for _ in 0..5_000 {
        if last == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        last = Holdings::now();
    }
    assert_eq!(last, before);
    assert!(mappings() < lines + SESSIONS as usize / 10, "{} mappings after {lines}", mappings());
}

/// Some messages there and back, with sleeps between.
fn talk<R: Role>(session: &mut Session<R>, is_first: bool) {
    let mut body = Vec::new();
    for number in 480..515 {
        content(number, mixed_len(number), &mut body);
        if is_first {
            session.send(Head::message(number), &body).unwrap();
        }
        check(session.recv().unwrap(), number, mixed_len(number));
        if !is_first {
            session.send(Head::message(number), &body).unwrap();
        }
    }
}

fn serve_many(path: &str) {
    let mut listener = Listener::bind_with(path, config(Spin::Never)).unwrap();
    say("listening");
    let mut kept = None;
    leaves_nothing(|number| {
        let mut session = listener.accept().unwrap().open().unwrap();
        talk(&mut session, false);
        match number % 3 {
            0 => session.close(),
            1 => {
                let (sender, mut receiver) = session.split();
                drop(sender);
                kept = receiver.recv().ok().map(rapace::Inbound::into_inbound_payload);
                assert!(kept.is_none());
            }
            _ => session.control().shut_down(),
        }
    });
}

fn connect_often(path: &str) {
    leaves_nothing(|number| {
        let mut session = Session::<PeerB>::connect_with(path, &config(Spin::Never)).unwrap();
        talk(&mut session, true);
        if number % 2 == 0 {
            assert_eq!(session.recv().map(drop), Err(RecvError::Closed));
        }
    });
}

#[test]
fn two_hundred_sessions_leave_nothing_in_either_process() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let mut server = guard.spawn("serves many", path.display());
    assert_eq!(server.hear(), "listening");
    let client = guard.spawn("connects often", path.display());
    client.join();
    server.join();
    assert!(!path.exists());
}

fn stream(spin: &str) {
    let mut session = session(&config_of(spin));
    let mut body = Vec::new();
    for number in 0.. {
        content(number, mixed_len(number), &mut body);
        if session.send(Head::message(number), &body).is_err() {
            return;
        }
    }
}

/// Opens session after session with a peer that it kills.
fn outlive_many(_: &str) {
    let guard = guard!();
    leaves_nothing(|number| {
        let spin = SPINS[number as usize % 2];
        let (mut peer, mut session) = guard.open("streams", spin, &config_of(spin));
        // Some are held when the peer dies, and one beyond the session's end.
        let kept: Vec<_> = (0..64).map(|_| session.recv().unwrap()).collect();
        peer.kill();
        let end = std::iter::repeat_with(|| session.recv().map(drop)).find_map(Result::err);
        assert!(matches!(end, Some(RecvError::Lost(Lost::PeerDied(_)))), "{end:?}");
        drop(session);
        for (number, message) in (0..).zip(kept) {
            check(message, number, mixed_len(number));
        }
    });
}

#[test]
fn sessions_of_killed_peers_leave_nothing() {
    let guard = guard!();
    guard.spawn("outlives many", "").join();
}

/// Opens what cannot be opened.
fn fail_to_open(_: &str) {
    let refusing = {
        let mut config = config(Spin::Never);
        config.limits.segment_bytes = 1;
        config
    };
    leaves_nothing(|number| {
        let (a, b) = UnixStream::pair().unwrap();
        if number % 2 == 0 {
            drop(b);
            assert!(matches!(Session::<PeerA>::over(a, &config(Spin::Never)), Err(OpenError::HungUp)));
        } else {
            // One side has a bound that the other does not know.
            std::thread::scope(|scope| {
                let b = scope.spawn(|| Session::<PeerB>::over(b, &refusing));
                let a = Session::<PeerA>::over(a, &config(Spin::Never));
                assert!(matches!(a, Err(OpenError::Refused { .. })), "{a:?}");
                assert!(matches!(b.join().unwrap(), Err(OpenError::Geometry(_))));
            });
        }
    });
}

#[test]
fn sessions_that_were_not_opened_leave_nothing() {
    let guard = guard!();
    guard.spawn("fails to open", "").join();
}

// ---- what it takes --------------------------------------------------------------------------------------------------

fn sleep_as_peer_a(spin: &str) {
    let mut session = Session::<PeerA>::over(peer::inherited(), &config_of(spin)).unwrap();
    talk(&mut session, true);
    say("sleeps");
    let end = std::thread::scope(|scope| {
        let receiving = scope.spawn(move || session.recv().map(drop));
        hear();
        receiving.join().unwrap()
    });
    assert_eq!(end, Err(RecvError::Closed));
}

fn sleep_as_peer_b(spin: &str) {
    let mut session = session(&config_of(spin));
    let control = session.control();
    talk(&mut session, false);
    say("sleeps");
    std::thread::scope(|scope| {
        let receiving = scope.spawn(move || session.recv().map(drop));
        hear();
        control.shut_down();
        assert_eq!(receiving.join().unwrap(), Err(RecvError::Lost(Lost::ClosedHere)));
    });
}

/// Of each thread of a process: how often it went to sleep, and its time on a CPU in nanoseconds.
fn activity(pid: u32) -> BTreeMap<String, (String, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let path = task.unwrap().path();
            let status = fs::read_to_string(path.join("status")).unwrap();
            let switches = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            let time = fs::read_to_string(path.join("schedstat")).unwrap();
            let time = time.split(' ').next().unwrap().to_owned();
            (path.display().to_string(), (switches.to_owned(), time))
        })
        .collect()
}

#[test]
fn an_idle_session_wakes_nobody_and_takes_no_cpu() {
    let guard = guard!();
    for spin in SPINS {
        let (a, b) = UnixStream::pair().unwrap();
        let mut peers = [
            guard.spawn_with("sleeps as PeerA", spin, &[a], |_| {}),
            guard.spawn_with("sleeps as PeerB", spin, &[b], |_| {}),
        ];
        for peer in &mut peers {
            assert_eq!(peer.hear(), "sleeps");
        }
        let look = || peers.each_ref().map(|peer| activity(peer.pid()));
        // Until all have gone to sleep for good; one that does nothing may also be waiting for a CPU.
        until(|| {
            peers.iter().for_each(peer::Peer::wait_until_asleep);
            let before = look();
            std::thread::sleep(Duration::from_millis(50));
            peers.iter().for_each(peer::Peer::wait_until_asleep);
            look() == before
        });
        let before = look();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(look(), before);
        let [a, mut b] = peers;
        b.tell("shut down");
        b.join();
        a.join();
    }
}

#[test]
fn a_default_session_takes_less_than_two_mebibytes_in_two_files() {
    let guard = guard!();
    let (mut peer, _session) = guard.open("sleeps as PeerB", "never", &config(Spin::Never));
    let maps = fs::read_to_string(format!("/proc/{}/maps", peer.pid())).unwrap();
    let (mut bytes, mut files) = (0, std::collections::BTreeSet::new());
    for line in maps.lines().filter(|line| is_segment(line)) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (start, end) = fields[0].split_once('-').unwrap();
        bytes += u64::from_str_radix(end, 16).unwrap() - u64::from_str_radix(start, 16).unwrap();
        files.insert(fields[4].to_owned());
        let writable = fields[1].contains('w');
        assert_eq!(fields[1], if writable { "rw-s" } else { "r--s" });
    }
    assert_eq!(files.len(), 2, "{maps}");
    assert!(bytes < 2 << 20, "{bytes} bytes");
    peer.kill();
}

// ---- what the types promise -----------------------------------------------------------------------------------------

/// Says of a type whether it is `Sync`: its own constant, if it has one, is preferred to that of the trait.
struct Has<T>(PhantomData<T>);

trait NotSync {
    const SYNC: bool = false;
}

impl<T> NotSync for Has<T> {}

impl<T: Sync> Has<T> {
    const SYNC: bool = true;
}

#[test]
fn halves_go_to_other_threads_and_are_used_by_one_at_a_time() {
    fn is_send<T: Send>() {}
    fn is_for_any_thread<T: Send + Sync>() {}
    is_send::<(Sender<PeerA>, Receiver<PeerA>, Session<PeerA>)>();
    is_send::<(Sender<PeerB>, Receiver<PeerB>, Session<PeerB>)>();
    is_send::<(Payload, Listener)>();
    is_for_any_thread::<Control>();
    // Two threads that share one would each think the ring's end their own.
    let is_sync = [Has::<Sender<PeerA>>::SYNC, Has::<Receiver<PeerA>>::SYNC, Has::<Session<PeerA>>::SYNC];
    assert_eq!((is_sync, Has::<Control>::SYNC), ([false; 3], true), "Sender, Receiver, Session; Control");
}
