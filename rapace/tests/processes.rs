//! What a session promises, between two processes that behave.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use peer::{SPINS, check, config, config_of, content, hear, mixed_len, say, session, until};
use rapace::{
    Head, Inbound, Listener, Lost, OpenError, PeerA, PeerB, PeerState, Receiver, RecvError, Role, SendError, Sender,
    Session, Spin,
};

const SIZES: [usize; 14] = [0, 1, 24, 25, 256, 320, 321, 4_096, 4_160, 65_600, 65_601, 70_000, 1_000_000, 5 << 20];

#[test]
fn peer_entry() {
    peer::run(&[
        ("mirror", mirror),
        ("source", source),
        ("fixed source", fixed_source),
        ("sink", sink),
        ("sink on a word", sink_on_a_word),
        ("both ways", both_ways),
        ("talks to one who does not listen", talk_to_the_deaf),
        ("answers after the close", answer_after_the_close),
        ("says farewell", say_farewell),
        ("connects", connect),
        ("numbered server", serve_by_number),
        ("numbered client", connect_by_number),
        ("binds", bind),
    ]);
}

/// Sends message `number` of `len` bytes.
fn send<R: Role>(sender: &mut Sender<R>, number: u32, len: usize, buffer: &mut Vec<u8>) -> Result<(), SendError> {
    content(number, len, buffer);
    sender.send(Head::message(number), buffer)
}

/// Sends so many numbered messages of mixed lengths.
fn pour<R: Role>(sender: &mut Sender<R>, count: u32) {
    let mut buffer = Vec::new();
    for number in 0..count {
        send(sender, number, mixed_len(number), &mut buffer).unwrap();
    }
}

/// Receives so many of them and checks each.
fn drink<R: Role>(receiver: &mut Receiver<R>, count: u32) {
    for number in 0..count {
        check(receiver.recv().unwrap(), number, mixed_len(number));
    }
}

/// A small message that goes there and back, to show that the session is well.
fn echo<R: Role>(session: &mut Session<R>, number: u32, len: usize) {
    send(session.sender(), number, len, &mut Vec::new()).unwrap();
    check(session.recv().unwrap(), number, len);
}

/// Checks that the next thing is the end, by farewell.
fn assert_closed<R: Role>(receiver: &mut Receiver<R>) {
    assert_eq!(receiver.recv().map(|message| *message.head()), Err(RecvError::Closed));
    assert_eq!(receiver.try_recv().map(|message| *message.head()), Err(RecvError::Closed));
}

/// Checks each message by its number and its own length, and sends it back.
fn mirror(spin: &str) {
    let mut session = session(&config_of(spin));
    let mut buffer = Vec::new();
    loop {
        match session.recv() {
            Ok(message) => {
                let (number, len) = (message.head().method(), message.len());
                check(message, number, len);
                send(session.sender(), number, len, &mut buffer).unwrap();
            }
            Err(end) => return assert_eq!(end, RecvError::Closed),
        }
    }
}

/// Sends so many messages and goes.
fn source(argument: &str) {
    let (spin, count) = argument.split_once(' ').unwrap();
    let mut session = session(&config_of(spin));
    pour(session.sender(), count.parse().unwrap());
}

/// Sends so many messages of so many bytes and goes.
fn fixed_source(argument: &str) {
    let [spin, count, len] = argument.split(' ').collect::<Vec<_>>()[..] else { panic!("{argument}") };
    let mut session = session(&config_of(spin));
    let mut buffer = Vec::new();
    for number in 0..count.parse().unwrap() {
        send(session.sender(), number, len.parse().unwrap(), &mut buffer).unwrap();
    }
}

/// Receives numbered messages of mixed lengths until the farewell, and says how many they were.
fn sink(spin: &str) {
    let mut session = session(&config_of(spin));
    say_how_many(session.receiver());
}

fn say_how_many<R: Role>(receiver: &mut Receiver<R>) {
    let mut number = 0;
    loop {
        match receiver.recv() {
            Ok(message) => check(message, number, mixed_len(number)),
            Err(end) => {
                assert_eq!(end, RecvError::Closed);
                return say(number);
            }
        }
        number += 1;
    }
}

/// Receives nothing before it is told; then what came, until the farewell: says the number and length of each.
fn sink_on_a_word(argument: &str) {
    let (spin, payload_max) = argument.split_once(' ').unwrap();
    let mut config = config_of(spin);
    config.limits.payload_max = payload_max.parse().unwrap();
    let mut session = session(&config);
    hear();
    loop {
        match session.recv() {
            Ok(message) => {
                let (number, len) = (message.head().method(), message.len());
                check(message, number, len);
                say(format!("{number} {len}"));
            }
            Err(end) => {
                assert_eq!(end, RecvError::Closed);
                return say("end");
            }
        }
    }
}

/// What a [`sink_on_a_word`] received, after it was told to.
fn drained(peer: &mut peer::Peer) -> Vec<(u32, usize)> {
    let mut all = Vec::new();
    loop {
        let line = peer.hear();
        match line.split_once(' ') {
            Some((number, len)) => all.push((number.parse().unwrap(), len.parse().unwrap())),
            None => return all,
        }
    }
}

const LARGE: usize = 64 << 20;

// ---- messages -------------------------------------------------------------------------------------------------------

#[test]
fn every_size_goes_both_ways_with_its_content_and_by_its_route() {
    let guard = guard!();
    for spin in SPINS {
        let (peer, mut session) = guard.open("mirror", spin, &config_of(spin));
        for (number, len) in (1..).zip(SIZES) {
            echo(&mut session, number, len);
        }
        session.close();
        peer.join();
    }
}

/// In debug builds copies go through the caches and past them in turns, at both sides.
#[test]
fn long_messages_arrive_whole_whichever_way_they_are_written() {
    let guard = guard!();
    let (peer, mut session) = guard.open("mirror", "never", &config(Spin::Never));
    for number in 1..=150 {
        echo(&mut session, number, [16_384, 40_007, 65_536, 65_600, 200_001][number as usize % 5]);
    }
    session.close();
    peer.join();
}

#[test]
fn a_million_messages_arrive_whole_and_in_order() {
    const COUNT: u32 = 1_000_000;
    let guard = guard!();
    let (peer, mut session) = guard.open("source", format!("adaptive {COUNT}"), &config(Spin::Adaptive));
    drink(session.receiver(), COUNT);
    assert_closed(session.receiver());
    peer.join();
}

/// The peer's side of the next test.
fn both_ways(argument: &str) {
    let (spin, count) = argument.split_once(' ').unwrap();
    both_halves_at_once(session(&config_of(spin)), count.parse().unwrap());
}

fn both_halves_at_once<R: Role>(session: Session<R>, count: u32) {
    let (mut sender, mut receiver) = session.split();
    std::thread::scope(|scope| {
        scope.spawn(move || pour(&mut sender, count));
        scope.spawn(move || {
            drink(&mut receiver, count);
            assert_closed(&mut receiver);
        });
    });
}

#[test]
fn two_senders_and_two_receivers_threads_work_at_once_over_full_rings() {
    let guard = guard!();
    for (spin, ring_entries) in [("never", 2), ("never", 256), ("adaptive", 2), ("adaptive", 256)] {
        let count = if ring_entries == 2 { 5_000 } else { 40_000 };
        let mut config = config_of(spin);
        config.geometry.ring_entries = ring_entries;
        let (peer, session) = guard.open("both ways", format!("{spin} {count}"), &config);
        both_halves_at_once(session, count);
        peer.join();
    }
}

/// Fills its own ring's other direction by never receiving, and sends with pauses, so that each message finds its
/// receiver asleep.
fn talk_to_the_deaf(count: &str) {
    let mut session = session(&config(Spin::Never));
    let mut buffer = Vec::new();
    hear();
    for number in 0..count.parse().unwrap() {
        send(session.sender(), number, 8, &mut buffer).unwrap();
        if number % 2 == 0 {
            std::thread::yield_now();
        }
    }
    // The other side's sender is stuck until this end goes.
    hear();
}

#[test]
fn rings_that_wake_a_waiting_sender_beside_the_receiver_are_no_flood() {
    const COUNT: u32 = 5_000;
    let guard = guard!();
    let (mut peer, session) = guard.open("talks to one who does not listen", COUNT, &config(Spin::Never));
    let (mut sender, mut receiver) = session.split();
    std::thread::scope(|scope| {
        let stuck = scope.spawn(move || {
            let mut buffer = Vec::new();
            (0..).find_map(|number| send(&mut sender, number, 8, &mut buffer).err())
        });
        peer.tell("go");
        for number in 0..COUNT {
            check(receiver.recv().unwrap(), number, 8);
        }
        peer.tell("enough");
        assert_eq!(stuck.join().unwrap(), Some(SendError::Closed));
    });
    peer.join();
}

#[test]
fn a_batch_larger_than_the_ring_reaches_a_receiver_that_sleeps() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, mut session) = guard.open("sink", spin, &config_of(spin));
        let mut sent = 0;
        for batch in [0, 1, 10, 255, 256, 257, 1_000, 3] {
            // Asleep, when it does not look for ever.
            peer.wait_until_asleep();
            let bodies: Vec<_> = (sent..sent + batch)
                .map(|number| {
                    let mut body = Vec::new();
                    content(number, mixed_len(number), &mut body);
                    (Head::message(number), body)
                })
                .collect();
            let messages: Vec<_> = bodies.iter().map(|(head, body)| (*head, &**body)).collect();
            session.send_batch(&messages).unwrap();
            sent += batch;
        }
        session.close();
        assert_eq!(peer.hear_as::<u32>(), sent);
        peer.join();
    }
}

#[test]
fn what_is_written_into_a_slot_arrives_and_what_is_dropped_unsent_never_happened() {
    let guard = guard!();
    let (peer, mut session) = guard.open("mirror", "never", &config(Spin::Never));
    let mut body = Vec::new();
    // More often than there are slots: one that is lost for good would be missed.
    for number in 0..600 {
        let len = [0, 24, 25, 320, 4_160, 65_600][number as usize % 6];
        content(number ^ 0xffff, len, &mut body);
        session.alloc(len).unwrap().copy_from_slice(&body);
        let mut unsent = session.alloc(len).unwrap();
        unsent.copy_from_slice(&body);
        drop(unsent.commit());
        content(number, len, &mut body);
        let mut slot = session.alloc(len).unwrap();
        assert_eq!(slot.len(), len);
        slot.copy_from_slice(&body);
        slot.commit().send(Head::message(number)).unwrap();
        check(session.recv().unwrap(), number, len);
    }
    let error = session.alloc(65_601).map(drop).unwrap_err();
    assert_eq!(error, SendError::TooLarge { len: 65_601, limit: "largest slot", max: 65_600 });
    session.close();
    peer.join();
}

#[test]
fn a_payload_above_the_peers_limit_is_refused_by_the_limits_name() {
    let guard = guard!();
    let (mut peer, mut session) = guard.open("sink on a word", "never 100000", &config(Spin::Never));
    let mut buffer = Vec::new();
    for len in [100_001, 5 << 20] {
        match send(session.sender(), 1, len, &mut buffer) {
            Err(SendError::TooLarge { len: found, limit, max: 100_000 }) => {
                assert_eq!(found, len);
                assert!(limit.contains("payload_max"), "{limit}");
            }
            other => panic!("{other:?}"),
        }
    }
    send(session.sender(), 2, 100_000, &mut buffer).unwrap();
    peer.tell("drain");
    session.close();
    assert_eq!(drained(&mut peer), [(2, 100_000)]);
    peer.join();
}

// ---- waiting for room -----------------------------------------------------------------------------------------------

#[test]
fn a_sender_whose_peer_does_not_drain_times_out_and_all_that_was_sent_arrives_later() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, mut session) = guard.open("sink on a word", format!("{spin} {LARGE}"), &config_of(spin));
        let (mut sent, mut buffer) = (Vec::new(), Vec::new());
        let timeout = Duration::from_millis(5);
        for len in [8, 100, 4_000, 60_000] {
            for number in 0.. {
                content(number, len, &mut buffer);
                let start = Instant::now();
                match session.send_timeout(Head::message(number), &buffer, timeout) {
                    Ok(()) => sent.push((number, len)),
                    Err(error) => {
                        assert_eq!(error, SendError::Timeout);
                        assert!(start.elapsed() >= timeout, "before its time");
                        break;
                    }
                }
                // A ring's place for each of the longer ones.
                if len == 8 && number == 99 {
                    break;
                }
            }
        }
        assert!(session.try_send(Head::message(9), &[9; 60_000]) == Err(SendError::Full));
        peer.tell("drain");
        for number in 0..1_000 {
            let len = mixed_len(number);
            send(session.sender(), number, len, &mut buffer).unwrap();
            sent.push((number, len));
        }
        session.close();
        assert_eq!(drained(&mut peer), sent);
        peer.join();
    }
}

#[test]
fn nothing_is_seen_of_a_large_message_that_timed_out_midway() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, mut session) = guard.open("sink on a word", format!("{spin} {LARGE}"), &config_of(spin));
        let (mut sent, mut buffer) = (Vec::new(), Vec::new());
        for number in 0..20 {
            // Each takes what slots there are, and another way out: a deadline, or none at all.
            content(number, 3 << 20, &mut buffer);
            let timeout = Duration::from_millis(number.into());
            let outcome = match number % 2 {
                0 => session.send_timeout(Head::message(number), &buffer, timeout),
                _ => session.try_send(Head::message(number), &buffer),
            };
            let expected = if number % 2 == 0 { SendError::Timeout } else { SendError::Full };
            assert_eq!(outcome, Err(expected));
            // Small ones still have room, and go behind the torso.
            send(session.sender(), number, 20, &mut buffer).unwrap();
            sent.push((number, 20));
        }
        peer.tell("drain");
        for number in 20..24 {
            send(session.sender(), number, 3 << 20, &mut buffer).unwrap();
            send(session.sender(), number, 30, &mut buffer).unwrap();
            sent.extend([(number, 3 << 20), (number, 30)]);
        }
        session.close();
        assert_eq!(drained(&mut peer), sent);
        peer.join();
    }
}

#[test]
fn a_torso_in_a_full_ring_is_taken_back_when_there_is_room_again() {
    let guard = guard!();
    let mut config = config(Spin::Never);
    config.geometry.ring_entries = 4;
    let (mut peer, mut session) = guard.open("sink on a word", format!("never {LARGE}"), &config);
    let mut buffer = Vec::new();
    content(1, 1 << 20, &mut buffer);
    // Four fragments fill the ring, so that even the word that the rest will not come has to wait.
    assert_eq!(session.send_timeout(Head::message(1), &buffer, Duration::from_millis(5)), Err(SendError::Timeout));
    assert_eq!(session.try_send(Head::message(2), b"no"), Err(SendError::Full));
    peer.tell("drain");
    send(session.sender(), 3, 1 << 20, &mut buffer).unwrap();
    send(session.sender(), 4, 10, &mut buffer).unwrap();
    session.close();
    assert_eq!(drained(&mut peer), [(3, 1 << 20), (4, 10)]);
    peer.join();
}

#[test]
fn trying_to_send_finds_the_ring_full_and_loses_nothing() {
    let guard = guard!();
    let (mut peer, mut session) = guard.open("sink on a word", format!("never {LARGE}"), &config(Spin::Never));
    let mut buffer = Vec::new();
    let mut sent = Vec::new();
    for number in 0.. {
        content(number, 24, &mut buffer);
        match session.try_send(Head::message(number), &buffer) {
            Ok(()) => sent.push((number, 24)),
            Err(error) => {
                assert_eq!(error, SendError::Full);
                break;
            }
        }
    }
    assert_eq!(sent.len(), 1_024, "as many as the ring has entries");
    assert_eq!(session.sender().pending(), Ok(1_024));
    peer.tell("drain");
    until(|| session.sender().pending() == Ok(0));
    session.close();
    assert_eq!(drained(&mut peer), sent);
    peer.join();
}

#[test]
fn a_peer_that_takes_nothing_for_longer_than_the_limit_ends_the_session() {
    let guard = guard!();
    for spin in SPINS {
        let mut config = config_of(spin);
        config.limits.stall_max = Some(Duration::from_millis(30));
        let (mut peer, mut session) = guard.open("sink on a word", format!("{spin} {LARGE}"), &config);
        let mut buffer = Vec::new();
        let start = Instant::now();
        let error = (0..).find_map(|number| send(session.sender(), number, 8, &mut buffer).err());
        let lost = Lost::Stalled { stalled: Duration::from_millis(30) };
        assert_eq!(error, Some(SendError::Lost(lost)));
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert_eq!(session.recv().map(drop), Err(RecvError::Lost(lost)), "the reason stays");
        peer.kill();
    }
}

#[test]
fn kept_payloads_make_the_sender_wait_and_dropping_them_on_another_thread_wakes_it() {
    let guard = guard!();
    for spin in SPINS {
        // Each of 4,096 bytes takes a slot of that class or of the largest: three quarters of 40 and of 11, rounded up.
        let (_peer, mut session) = guard.open("fixed source", format!("{spin} 200 4096"), &config_of(spin));
        let mut kept: Vec<_> = (0..39).map(|_| session.recv().unwrap()).collect();
        assert_eq!(session.recv_timeout(Duration::from_millis(30)).map(drop), Err(RecvError::Timeout));
        let rest = kept.split_off(1);
        let one = kept;
        std::thread::spawn(move || drop(one)).join().unwrap();
        check(session.recv().unwrap(), 39, 4_096);
        std::thread::spawn(move || {
            for (number, message) in (1..).zip(rest) {
                check(message, number, 4_096);
            }
        });
        for number in 40..200 {
            check(session.recv().unwrap(), number, 4_096);
        }
        assert_closed(session.receiver());
    }
}

#[test]
fn a_payload_is_readable_beyond_the_end_of_session_and_peer() {
    let guard = guard!();
    let (peer, mut session) = guard.open("fixed source", "never 3 4096", &config(Spin::Never));
    let kept: Vec<Inbound> = (0..3).map(|_| session.recv().unwrap()).collect();
    assert_closed(session.receiver());
    peer.join();
    drop(session);
    for (number, message) in (0..).zip(kept) {
        check(message, number, 4_096);
    }
}

#[test]
fn receiving_with_a_deadline_waits_for_it_and_no_longer_than_for_a_message() {
    let guard = guard!();
    for spin in SPINS {
        let (peer, mut session) = guard.open("mirror", spin, &config_of(spin));
        for timeout in [Duration::ZERO, Duration::from_micros(50), Duration::from_millis(20)] {
            let start = Instant::now();
            assert_eq!(session.recv_timeout(timeout).map(drop), Err(RecvError::Timeout));
            assert!(start.elapsed() >= timeout, "before its time");
        }
        assert_eq!(session.try_recv().map(drop), Err(RecvError::Empty));
        send(session.sender(), 1, 100, &mut Vec::new()).unwrap();
        check(session.recv_timeout(Duration::MAX).unwrap(), 1, 100);
        session.close();
        peer.join();
    }
}

// ---- the end --------------------------------------------------------------------------------------------------------

#[test]
fn a_farewell_comes_behind_all_that_was_sent_in_both_directions() {
    let guard = guard!();
    for spin in SPINS {
        let (peer, mut session) = guard.open("source", format!("{spin} 500"), &config_of(spin));
        drink(session.receiver(), 500);
        assert_closed(session.receiver());
        peer.join();
        assert_eq!(session.peer_state(), PeerState::Closed);
        assert!(!session.is_peer_alive());
        assert_eq!(session.send(Head::message(1), b"too late"), Err(SendError::Closed));

        let (mut peer, mut session) = guard.open("sink", spin, &config_of(spin));
        pour(session.sender(), 500);
        session.close();
        assert_eq!(peer.hear_as::<u32>(), 500);
        peer.join();
    }
}

fn answer_after_the_close(spin: &str) {
    let mut session = session(&config_of(spin));
    drink(session.receiver(), 300);
    assert_closed(session.receiver());
    pour(session.sender(), 300);
}

#[test]
fn one_direction_can_close_while_the_other_goes_on() {
    let guard = guard!();
    for spin in SPINS {
        let (peer, session) = guard.open("answers after the close", spin, &config_of(spin));
        let (mut sender, mut receiver) = session.split();
        pour(&mut sender, 300);
        sender.close();
        drink(&mut receiver, 300);
        assert_closed(&mut receiver);
        peer.join();
    }
}

const FAREWELLS: u32 = 1_000;

fn say_farewell(path: &str) {
    let mut buffer = Vec::new();
    for number in 0..FAREWELLS {
        let mut session = Session::<PeerB>::connect_with(path, &config(Spin::Never)).unwrap();
        send(session.sender(), number, 24, &mut buffer).unwrap();
        // The other side looks for more, at this very moment.
        for _ in 0..number % 50 * 20 {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn a_farewell_is_never_taken_for_a_death() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("farewells");
    let mut listener = Listener::bind_with(&path, config(Spin::Adaptive)).unwrap();
    let peer = guard.spawn("says farewell", path.display());
    for number in 0..FAREWELLS {
        let session = listener.accept().unwrap().open().unwrap();
        let control = session.control();
        let (mut sender, mut receiver) = session.split();
        std::thread::scope(|scope| {
            // One looks at what the kernel knows, at the same time.
            scope.spawn(move || {
                loop {
                    match control.peer_state() {
                        // On a loaded machine it may not run for so long that it looks stuck.
                        PeerState::Alive | PeerState::Unresponsive { .. } => {}
                        PeerState::Closed => break,
                        other => panic!("one that said farewell is {other:?}"),
                    }
                }
            });
            if number % 2 == 0 {
                scope.spawn(move || {
                    let error = std::iter::repeat_with(|| sender.send(Head::message(0), b"")).find_map(Result::err);
                    assert_eq!(error, Some(SendError::Closed));
                });
            }
            check(receiver.recv().unwrap(), number, 24);
            assert_closed(&mut receiver);
        });
    }
    peer.join();
}

#[test]
fn shutting_down_from_another_thread_ends_whoever_waits() {
    let guard = guard!();
    for spin in SPINS {
        let (mut peer, session) = guard.open("sink on a word", format!("{spin} {LARGE}"), &config_of(spin));
        let control = session.control();
        let (mut sender, mut receiver) = session.split();
        let sent = std::thread::scope(|scope| {
            let receiving = scope.spawn(move || receiver.recv().map(drop));
            let sending = scope.spawn(move || {
                let mut buffer = Vec::new();
                let mut sent = Vec::new();
                loop {
                    let number = sent.len() as u32;
                    match send(&mut sender, number, 20, &mut buffer) {
                        Ok(()) => sent.push((number, 20)),
                        Err(error) => break (sent, error),
                    }
                }
            });
            std::thread::sleep(Duration::from_millis(20));
            control.shut_down();
            assert_eq!(receiving.join().unwrap(), Err(RecvError::Lost(Lost::ClosedHere)));
            let (sent, error) = sending.join().unwrap();
            assert_eq!(error, SendError::Lost(Lost::ClosedHere));
            sent
        });
        peer.tell("drain");
        assert_eq!(drained(&mut peer), sent, "what was published before arrives, and then the farewell");
        peer.join();
    }
}

#[test]
fn a_peer_of_a_session_that_ended_here_is_not_called_dead() {
    let guard = guard!();
    for is_shut_down in [true, false] {
        let (mut peer, session) = guard.open("sink on a word", format!("never {LARGE}"), &config(Spin::Never));
        let control = session.control();
        if is_shut_down {
            control.shut_down();
            assert_eq!([session.peer_state(), control.peer_state()], [PeerState::Closed; 2]);
        }
        drop(session);
        let state = control.peer_state();
        assert!(!matches!(state, PeerState::Dead(_)), "{state:?}, and it waits for a word");
        peer.tell("drain");
        peer.join();
    }
}

// ---- meeting --------------------------------------------------------------------------------------------------------

/// Connects, speaks first, and expects to be mirrored.
fn connect(path: &str) {
    let mut session = Session::<PeerB>::connect_with(path, &config(Spin::Adaptive)).unwrap();
    for (number, len) in (1..).zip(SIZES) {
        send(session.b_to_a(), number, len, &mut Vec::new()).unwrap();
        check(session.a_to_b().recv().unwrap(), number, len);
    }
}

fn mirror_as_peer_a(session: &mut Session<PeerA>) {
    while let Ok(message) = session.b_to_a().recv() {
        let head = *message.head();
        session.a_to_b().send(head, &message.into_inbound_payload().into_vec()).unwrap();
    }
    assert_closed(session.b_to_a());
}

#[test]
fn peer_b_connects_to_the_path_where_peer_a_listens_and_the_path_goes_with_the_listener() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let mut listener = Listener::bind_with(&path, config(Spin::Adaptive)).unwrap();
    assert_eq!(listener.path(), Some(&*path));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let peers = [guard.spawn("connects", path.display()), guard.spawn("connects", path.display())];
    let sessions = [listener.accept().unwrap(), listener.accept().unwrap()];
    drop(listener);
    assert!(!path.exists());
    for incoming in sessions {
        let spoken = incoming.credentials().unwrap();
        let mut session = incoming.open().unwrap();
        assert_eq!(session.credentials(), spoken);
        assert!(peers.iter().any(|peer| peer.pid() as i32 == spoken.pid));
        mirror_as_peer_a(&mut session);
    }
    peers.into_iter().for_each(peer::Peer::join);
    assert!(matches!(Session::connect(&path), Err(OpenError::NoServer { .. })));
}

#[test]
fn a_listener_that_exists_already_serves_and_its_path_is_left_alone() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let mut listener = Listener::from_std(UnixListener::bind(&path).unwrap(), config(Spin::Adaptive)).unwrap();
    assert_eq!(listener.path(), None);
    assert!(listener.try_accept().unwrap().is_none());
    let peer = guard.spawn("connects", path.display());
    mirror_as_peer_a(&mut listener.accept().unwrap().open().unwrap());
    peer.join();
    drop(listener);
    assert!(path.exists());
}

/// Serves one client after another until it hears the end.
fn serve_by_number(_: &str) {
    let (mut listener, number) = Listener::bind_numbered(config(Spin::Adaptive)).unwrap();
    say(number);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            hear();
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            match listener.try_accept().unwrap() {
                Some(incoming) => {
                    // Another server that looked whether this one lives hung up again.
                    let Ok(mut session) = incoming.open() else { continue };
                    send(session.sender(), number as u32, 8, &mut Vec::new()).unwrap();
                    assert_closed(session.receiver());
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    });
}

fn connect_by_number(number: &str) {
    let number: i32 = number.parse().unwrap();
    let mut session = Session::<PeerB>::connect_number(number, &config(Spin::Adaptive)).unwrap();
    check(session.recv().unwrap(), number as u32, 8);
}

#[test]
fn two_servers_have_two_numbers_and_each_is_found_by_its_own() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let spawn = |role: &str, number| {
        guard.spawn_with(role, number, &[], |command| {
            command.env("XDG_RUNTIME_DIR", directory.path());
        })
    };
    let mut servers = [spawn("numbered server", 0), spawn("numbered server", 0)];
    let numbers = servers.each_mut().map(peer::Peer::hear_as::<i32>);
    assert_ne!(numbers[0], numbers[1]);
    for number in [numbers[0], numbers[1], numbers[1], numbers[0]] {
        spawn("numbered client", number).join();
    }
    servers.into_iter().for_each(peer::Peer::join);
    let left: Vec<_> = fs::read_dir(directory.path().join("rapace")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Binds, says so, and waits for a word.
fn bind(path: &str) {
    match Listener::bind(path) {
        Ok(_listener) => {
            say("bound");
            hear();
        }
        Err(OpenError::AddressInUse { .. }) => say("in use"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_path_belongs_to_the_server_that_lives_and_a_dead_ones_is_taken_over() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let mut first = guard.spawn("binds", path.display());
    assert_eq!(first.hear(), "bound");
    assert!(matches!(Listener::bind(&path), Err(OpenError::AddressInUse { .. })));
    let mut second = guard.spawn("binds", path.display());
    assert_eq!(second.hear(), "in use");
    second.join();
    // The probes of the others were no harm to the first, and its file is still its own.
    assert!(path.exists());
    first.kill();
    assert!(path.exists(), "a killed server leaves its file");
    let heir = Listener::bind(&path).unwrap();
    drop(heir);
    assert!(!path.exists());
}

#[test]
fn of_many_servers_that_want_one_path_at_once_one_gets_it() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let mut dead = guard.spawn("binds", path.display());
    assert_eq!(dead.hear(), "bound");
    dead.kill();
    let mut servers: Vec<_> = (0..6).map(|_| guard.spawn("binds", path.display())).collect();
    let said: Vec<_> = servers.iter_mut().map(peer::Peer::hear).collect();
    assert_eq!(said.iter().filter(|said| *said == "bound").count(), 1, "{said:?}");
    servers.into_iter().for_each(peer::Peer::join);
    assert!(!path.exists());
}

#[test]
fn a_listener_leaves_a_file_alone_that_took_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let listener = Listener::bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    drop(listener);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_peer_of_another_user_than_the_allowed_is_refused_by_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let own = rustix::process::geteuid().as_raw();
    let mut strict = config(Spin::Adaptive);
    strict.allow_uids = vec![own + 1, own + 2];
    let mut listener = Listener::bind_with(&path, strict.clone()).unwrap();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| Session::connect_with(&path, &config(Spin::Adaptive)).map(drop));
        let refused = listener.accept().unwrap().open().map(drop);
        assert!(matches!(refused, Err(OpenError::Uid { uid }) if uid == own), "{refused:?}");
        let client = client.join().unwrap();
        assert!(
            matches!(&client, Err(OpenError::Refused { reason }) if reason.ends_with("is not in its allow_uids")),
            "{client:?}"
        );
    });
    strict.allow_uids = vec![own + 1, own];
    let mut listener = Listener::bind_with(directory.path().join("open"), strict.clone()).unwrap();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| Session::connect_with(directory.path().join("open"), &strict).map(drop));
        listener.accept().unwrap().open().unwrap();
        client.join().unwrap().unwrap();
    });
}
