//! What is left of a session when a process dies, stops or forks.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(unsafe_code)]

mod peer;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use peer::{Guard, Peer, Random, SPINS, check, config, config_of, content, hear, mixed_len, say, session, until};
use rapace::{
    Death, Head, Listener, Lost, PeerA, PeerB, PeerState, Receiver, RecvError, Role, SendError, Session, Spin,
};
use rustix::process::Signal;

#[test]
fn peer_entry() {
    peer::run(&[
        ("streams", stream),
        ("drains", drain),
        ("mirrors", mirror),
        ("leaves a child with its socket", leave_a_child),
        ("forks", fork_and_use),
        ("forks with calls under way", fork_and_call),
    ]);
}

/// Sends numbered messages for ever, and notes in a file how many it has sent.
fn stream(argument: &str) {
    let (spin, file) = argument.split_once(' ').unwrap();
    let mut session = session(&config_of(spin));
    let file = File::options().write(true).open(file).unwrap();
    let mut body = Vec::new();
    for number in 0.. {
        content(number, mixed_len(number), &mut body);
        if session.send(Head::message(number), &body).is_err() {
            return;
        }
        file.write_all_at(&(number + 1).to_le_bytes(), 0).unwrap();
    }
}

/// Receives for ever, and checks; keeps some for a while.
fn drain(spin: &str) {
    let mut session = session(&config_of(spin));
    let mut kept = std::collections::VecDeque::new();
    for number in 0.. {
        let Ok(message) = session.recv() else { return };
        kept.push_back(message);
        if kept.len() > 40 {
            check(kept.pop_front().unwrap(), number - 40, mixed_len(number - 40));
        }
    }
}

/// Sends back whatever comes, until the end.
fn mirror(spin: &str) {
    let mut session = session(&config_of(spin));
    mirror_all(&mut session);
}

fn mirror_all<R: Role>(session: &mut Session<R>) {
    while let Ok(message) = session.recv() {
        let head = *message.head();
        if session.send(head, &message.into_inbound_payload().into_vec()).is_err() {
            return;
        }
    }
}

fn echo<R: Role>(session: &mut Session<R>, number: u32, len: usize) {
    let mut body = Vec::new();
    content(number, len, &mut body);
    session.send(Head::message(number), &body).unwrap();
    check(session.recv().unwrap(), number, len);
}

/// A seed that is new each time, and printed when the test fails.
fn seed() -> u64 {
    let seed = std::env::var("RAPACE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_nanos() as u64
    });
    println!("again with the same instants: RAPACE_TEST_SEED={seed}");
    seed
}

/// The state is the kernel's word too, and for good.
fn assert_dead<R: Role>(session: &mut Session<R>, death: Death) {
    assert_eq!(session.peer_state(), PeerState::Dead(death));
    assert!(!session.is_peer_alive());
    assert_eq!(session.send(Head::message(0), b""), Err(SendError::Lost(Lost::PeerDied(death))));
    assert_eq!(session.recv().map(drop), Err(RecvError::Lost(Lost::PeerDied(death))));
}

/// Receives all there is up to the end, which must be death: a prefix without gaps, whole. Returns how many.
fn drink_to_the_death<R: Role>(receiver: &mut Receiver<R>) -> u32 {
    for number in 0.. {
        match receiver.recv() {
            Ok(message) => check(message, number, mixed_len(number)),
            Err(end) => {
                assert_eq!(end, RecvError::Lost(Lost::PeerDied(Death::HangUp)));
                return number;
            }
        }
    }
    unreachable!("there are not so many numbers")
}

/// How many messages the peer has noted as sent.
fn noted(file: &File) -> u32 {
    let mut count = [0; 4];
    // Nothing noted, an empty file, is zero.
    let _ = file.read_at(&mut count, 0).unwrap();
    u32::from_le_bytes(count)
}

const KILLS: u64 = 200;

#[test]
fn whatever_the_instant_of_a_kill_all_that_was_published_is_delivered_and_then_the_death() {
    let guard = guard!();
    let mut random = Random::new(seed());
    let mut delivered = 0;
    for round in 0..KILLS * 3 / 5 {
        let spin = SPINS[round as usize % 2];
        let file = tempfile::NamedTempFile::new().unwrap();
        let argument = format!("{spin} {}", file.path().display());
        let (mut peer, mut session) = guard.open("streams", argument, &config_of(spin));
        // Some late, so that there are messages also where a process starts slowly, as with a sanitizer.
        let instant = Duration::from_micros(random.below(if round % 8 < 6 { 4_000 } else { 60_000 }));
        let received = if round % 4 < 2 {
            // While this side receives.
            let kill = peer.killer();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    std::thread::sleep(instant);
                    kill();
                });
                drink_to_the_death(session.receiver())
            })
        } else {
            // While what it sent lies there, the ring full perhaps.
            std::thread::sleep(instant);
            peer.kill();
            drink_to_the_death(session.receiver())
        };
        peer.wait();
        let said = noted(file.as_file());
        // It died between sending one more and saying so, at most.
        assert!(
            (said..=said + 1).contains(&received),
            "{received} came of {said} that were published, in round {round}"
        );
        assert_dead(&mut session, Death::HangUp);
        delivered += received;
    }
    assert!(delivered > 0, "not one message in all rounds: nothing was tested");
}

#[test]
fn whatever_the_instant_of_a_kill_a_sender_learns_of_it() {
    let guard = guard!();
    let mut random = Random::new(seed());
    for round in 0..KILLS * 2 / 5 {
        let spin = SPINS[round as usize % 2];
        let (mut peer, mut session) = guard.open("drains", spin, &config_of(spin));
        let (kill, instant) = (peer.killer(), Duration::from_micros(random.below(4_000)));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(instant);
                kill();
            });
            let mut body = Vec::new();
            let error = (0..).find_map(|number| {
                content(number, mixed_len(number), &mut body);
                session.send(Head::message(number), &body).err()
            });
            assert_eq!(error, Some(SendError::Lost(Lost::PeerDied(Death::HangUp))));
        });
        peer.wait();
        assert_dead(&mut session, Death::HangUp);
    }
}

#[test]
fn death_wakes_whoever_sleeps() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, session) = guard.open("mirrors", spin, &config_of(spin));
        let (mut sender, mut receiver) = session.split();
        peer.stop();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(move || receiver.recv().map(drop));
            let sending = scope
                .spawn(move || std::iter::repeat_with(|| sender.send(Head::message(0), b"")).find_map(Result::err));
            // Long enough for both to sleep, the one without a message and the other without room.
            std::thread::sleep(Duration::from_millis(30));
            peer.kill();
            let died = Lost::PeerDied(Death::HangUp);
            // What was stopped has sent nothing back.
            assert_eq!(receiving.join().unwrap(), Err(RecvError::Lost(died)));
            assert_eq!(sending.join().unwrap(), Some(SendError::Lost(died)));
        });
    }
}

#[test]
fn a_stopped_peer_is_unresponsive_and_alive_and_goes_on_when_it_is_continued() {
    let guard = guard!();
    let mut config = config(Spin::Adaptive);
    config.limits.hang_after = Duration::from_millis(50);
    let (peer, mut session) = guard.open("mirrors", "adaptive", &config);
    for round in 0..3 {
        echo(&mut session, round, 100);
        let before = Instant::now();
        peer.stop();
        for number in 0..10 {
            session.send(Head::message(number), &[]).unwrap();
        }
        until(|| {
            assert!(session.is_peer_alive());
            session.peer_state() != PeerState::Alive
        });
        let PeerState::Unresponsive { since } = session.peer_state() else { panic!("{:?}", session.peer_state()) };
        assert!(since >= before && since.elapsed() >= config.limits.hang_after);
        let heartbeat = session.peer_heartbeat();
        assert_eq!(session.peer_state(), PeerState::Unresponsive { since }, "since the same moment");
        assert!(session.is_peer_alive());
        assert_eq!(session.recv_timeout(Duration::from_millis(1)).map(drop), Err(RecvError::Timeout));
        peer.signal(Signal::CONT);
        for number in 0..10 {
            check(session.recv().unwrap(), number, 0);
        }
        until(|| session.peer_state() == PeerState::Alive);
        assert_ne!(session.peer_heartbeat(), heartbeat);
    }
    session.close();
    peer.join();
}

#[test]
fn a_peer_without_work_is_not_unresponsive_however_long_it_sleeps() {
    let guard = guard!();
    let mut config = config(Spin::Adaptive);
    config.limits.hang_after = Duration::from_millis(5);
    let (peer, mut session) = guard.open("mirrors", "adaptive", &config);
    echo(&mut session, 0, 100);
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(6));
        assert_eq!(session.peer_state(), PeerState::Alive);
    }
    session.close();
    peer.join();
}

// ---- forks ----------------------------------------------------------------------------------------------------------

/// Forks. The child does `act` and ends; the parent goes on with the child's process id.
fn fork(act: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs only `act` and `_exit`, on this thread; nothing of the other threads is waited for.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", std::io::Error::last_os_error());
    if child == 0 {
        let code = act();
        // SAFETY: ends the child at once, without the destructors and exit handlers that are its parent's.
        unsafe { libc::_exit(code) };
    }
    child
}

/// The status with which a child of this process ended.
fn wait_for(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the pointer is to a live local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

/// Connects to a path, or joins over the inherited socket, forks a child that keeps the socket for as long as this
/// process's standard input is open, and mirrors.
fn leave_a_child(path: &str) {
    let mut session = match path {
        "" => session(&config(Spin::Never)),
        path => Session::<PeerB>::connect_with(path, &config(Spin::Never)).unwrap(),
    };
    fork(|| {
        let mut byte = 0_u8;
        loop {
            // SAFETY: the pointer is to a live local of one byte.
            if unsafe { libc::read(0, (&raw mut byte).cast(), 1) } == 0 {
                return 0;
            }
        }
    });
    say("forked");
    mirror_all(&mut session);
}

/// A session with a peer whose socket outlives it.
fn with_heir(guard: &Guard, listener: &mut Listener) -> (Peer, Session<PeerA>) {
    let mut peer = guard.spawn("leaves a child with its socket", listener.path().unwrap().display());
    let mut session = listener.accept().unwrap().open().unwrap();
    assert_eq!(peer.hear(), "forked");
    echo(&mut session, 1, 100);
    (peer, session)
}

#[test]
#[cfg_attr(rapace_portable, ignore = "needs the pidfd of the peer, which the portable variant does not have")]
fn death_is_noticed_though_a_child_of_the_dead_keeps_its_socket_open() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    for spin in SPINS {
        let mut listener = Listener::bind_with(directory.path().join(spin), config_of(spin)).unwrap();
        let died = Lost::PeerDied(Death::ProcessEnded);
        // By one who sleeps,
        let (mut peer, mut session) = with_heir(&guard, &mut listener);
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| session.recv().map(drop));
            std::thread::sleep(Duration::from_millis(20));
            peer.kill();
            assert_eq!(receiving.join().unwrap(), Err(RecvError::Lost(died)));
        });
        assert_dead(&mut session, Death::ProcessEnded);
        // by one who asks,
        let (mut peer, mut session) = with_heir(&guard, &mut listener);
        peer.kill();
        assert_dead(&mut session, Death::ProcessEnded);
        // and by one who sends more than there is room for.
        let (mut peer, mut session) = with_heir(&guard, &mut listener);
        peer.kill();
        let error = std::iter::repeat_with(|| session.send(Head::message(0), b"")).find_map(Result::err);
        assert_eq!(error, Some(SendError::Lost(died)));
    }
}

#[test]
#[cfg_attr(rapace_portable, ignore = "needs the pidfd of the peer, which the portable variant does not have")]
fn a_spawner_notices_the_death_of_its_child_though_a_grandchild_keeps_the_socket() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, socket) = guard.spawn_over("leaves a child with its socket", "");
        let mut session = Session::<PeerA>::over_child(socket, peer.child(), &config_of(spin)).unwrap();
        assert_eq!(peer.hear(), "forked");
        echo(&mut session, 1, 100);
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| session.recv().map(drop));
            std::thread::sleep(Duration::from_millis(20));
            peer.kill();
            let died = RecvError::Lost(Lost::PeerDied(Death::ProcessEnded));
            assert_eq!(receiving.join().unwrap(), Err(died));
        });
    }
}

/// Opens a session, forks, uses it in the child, and goes on with it here.
fn fork_and_use(spin: &str) {
    let mut session = session(&config_of(spin));
    echo(&mut session, 1, 100);
    session.send(Head::message(2), &[2; 100]).unwrap();
    let mut payload = Some(session.recv().unwrap().into_inbound_payload());
    // What is open is dropped in the child, and used on in the parent.
    let mut session = Some(session);
    for _ in 0..3 {
        let child = fork(|| {
            // No panic here: its machinery is the parent's. Which of these fails is the exit code.
            let Some(mut session) = session.take() else { return 1 };
            let Some(payload) = payload.take() else { return 2 };
            let control = session.control();
            let forked = Lost::Forked;
            let checks = [
                session.send(Head::message(1), b"a") == Err(SendError::Lost(forked)),
                session.try_send(Head::message(1), &[1; 100]) == Err(SendError::Lost(forked)),
                session.send_batch(&[(Head::message(1), b"a")]) == Err(SendError::Lost(forked)),
                session.alloc(100).map(drop) == Err(SendError::Lost(forked)),
                session.sender().pending() == Err(SendError::Lost(forked)),
                session.recv().map(drop) == Err(RecvError::Lost(forked)),
                session.try_recv().map(drop) == Err(RecvError::Lost(forked)),
                session.recv_timeout(Duration::ZERO).map(drop) == Err(RecvError::Lost(forked)),
                payload.copy_to(&mut [0; 200]) == 0,
                payload.into_vec().is_empty(),
                !session.is_peer_alive(),
                session.heartbeat() == 0 && session.peer_heartbeat() == 0,
            ];
            control.shut_down();
            drop(session);
            drop(control);
            checks.iter().position(|passed| !passed).map_or(0, |index| 10 + index as i32)
        });
        assert_eq!(wait_for(child), 0, "status of the child: a signal, or 256 times the code of what failed");
        let session = session.as_mut().unwrap();
        for number in 0..300 {
            echo(session, number, mixed_len(number));
        }
    }
    assert_eq!(payload.unwrap().into_vec(), [2; 100]);
    // The child can have a session of its own.
    let child = fork(|| {
        let Ok((mut a, mut b)) = rapace::session::pair_with(&config(Spin::Never)) else { return 1 };
        if a.send(Head::message(1), &[1; 100]).is_err() {
            return 2;
        }
        match b.recv().map(|message| message.into_inbound_payload().into_vec()) {
            Ok(body) if body == [1; 100] => 0,
            _ => 3,
        }
    });
    assert_eq!(wait_for(child), 0);
    say("done");
    hear();
}

#[test]
fn a_forked_child_cannot_use_the_session_and_does_not_disturb_it() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, mut session) = guard.open("forks", spin, &config_of(spin));
        let control = session.control();
        std::thread::scope(|scope| {
            scope.spawn(|| mirror_all(&mut session));
            assert_eq!(peer.hear(), "done");
            assert!(control.is_peer_alive(), "its children are gone, not it");
            peer.tell("enough");
        });
        assert_eq!(session.recv().map(drop), Err(RecvError::Closed));
        peer.join();
    }
}

#[rapace::service]
trait Forker {
    /// Items that are short enough to lie in the ring until they are read.
    fn give(&self, items: u32, out: rapace::Tx<u32>);
    /// The status of a child that goes on in the place of this thread, as if the call had been its own.
    fn fork(&self) -> i32;
}

struct Forking;

impl Forker for Forking {
    fn give(&self, items: u32, mut out: rapace::Tx<u32>) {
        for item in 0..items {
            out.send(item).wait().unwrap();
        }
    }
    fn fork(&self) -> i32 {
        // SAFETY: this thread goes on in the child with nothing but the library's own code, which is what is tested.
        match unsafe { libc::fork() } {
            0 => 0,
            child => wait_for(child),
        }
    }
}

/// Serves and calls, and forks at both ends.
fn fork_and_call(_: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("forker.sock");
    let server = rapace::Server::new(ForkerServer::new(Forking)).bind(&path).unwrap();
    let client = ForkerClient::connect(&path).unwrap();
    for items in [1, 3, 20] {
        let (tx, rx) = rapace::stream();
        let mut rx = Some(rx);
        let call = client.give(items + 1, tx).start().unwrap();
        // All have come, so the first look takes some out at once.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(rx.as_mut().unwrap().recv().wait(), Ok(Some(0)));
        let child = fork(|| {
            let Some(mut rx) = rx.take() else { return 1 };
            // Those that were taken out before are read, and then there is an end.
            let ends = (0..=items).find_map(|_| rx.recv().wait().err());
            let is_told = ends.is_some_and(|error| error.to_string().contains("fork"));
            if is_told { 0 } else { 2 }
        });
        assert_eq!(wait_for(child), 0, "a signal, or 256 times the code of what failed");
        for item in 1..=items {
            assert_eq!(rx.as_mut().unwrap().recv().wait(), Ok(Some(item)));
        }
        assert_eq!(rx.unwrap().recv().wait(), Ok(None));
        call.wait().unwrap();
    }
    for _ in 0..3 {
        let status = client.fork().wait().unwrap();
        assert_eq!(status & 0x7f, 0, "the signal by which the child ended");
    }
    server.shut_down();
    say("done");
}

#[test]
fn a_child_that_is_forked_amid_calls_is_told_so_at_both_ends() {
    let guard = guard!();
    let mut peer = guard.spawn("forks with calls under way", "");
    assert_eq!(peer.hear(), "done");
    peer.join();
}
