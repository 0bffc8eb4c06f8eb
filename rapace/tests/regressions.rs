//! What once went wrong, or nearly did: waits that starve each other, rings that get lost, deaths that pass unnoticed.

#![cfg(all(target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code)]

mod liar;
mod peer;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use liar::{Liar, half, small};
use peer::{SPINS, check, config, config_of, content, hear, mixed_len, say, session, until};
use rapace::{Death, Head, Listener, Lost, OpenError, PeerB, RecvError, SendError, Session, Spin};

/// Long enough for whoever has nothing to do to sleep.
const A_WHILE: Duration = Duration::from_millis(30);

#[test]
fn peer_entry() {
    peer::run(&[
        ("counts", count),
        ("idles", idle),
        ("serves without descriptors", serve_without_descriptors),
        ("forks with a writer", fork_with_a_writer),
    ]);
}

/// Holds a session and does nothing with it.
fn idle(_: &str) {
    let _session = session(&config(Spin::Never));
    say("open");
    hear();
}

// ---- batches --------------------------------------------------------------------------------------------------------

/// The lengths of a batch that is longer than a ring, with a fragmented message in its middle or without.
fn batch_lens(is_large: bool) -> Vec<usize> {
    (0..600).map(|number| if is_large && number == 300 { 140_000 } else { number % 25 }).collect()
}

/// Receives batches until the farewell; says after each that it came.
fn count(is_large: &str) {
    let mut session = session(&config(Spin::Never));
    let lens = batch_lens(is_large == "true");
    say("open");
    loop {
        for (number, len) in (0..).zip(&lens) {
            match session.recv() {
                Ok(message) => check(message, number, *len),
                Err(end) => return assert_eq!((number, end), (0, RecvError::Closed)),
            }
        }
        say("all");
    }
}

#[test]
fn a_batch_larger_than_the_ring_reaches_a_receiver_that_sleeps() {
    let guard = guard!();
    for is_large in [false, true] {
        let (mut peer, mut session) = guard.open("counts", is_large, &config(Spin::Never));
        assert_eq!(peer.hear(), "open");
        let bodies: Vec<_> = (0..).zip(batch_lens(is_large)).map(|(number, len)| body(number, len)).collect();
        let batch: Vec<_> = (0..).zip(&bodies).map(|(number, body)| (Head::message(number), &body[..])).collect();
        for _ in 0..5 {
            peer.wait_until_asleep();
            session.send_batch(&batch).unwrap();
            assert_eq!(peer.hear(), "all");
        }
        session.close();
        peer.join();
    }
}

fn body(number: u32, len: usize) -> Vec<u8> {
    let mut body = Vec::new();
    content(number, len, &mut body);
    body
}

// ---- room -----------------------------------------------------------------------------------------------------------

#[test]
fn a_sender_says_what_room_there_is_before_it_sleeps() {
    let _guard = guard!();
    for spin in SPINS {
        let mut config = config_of(spin);
        config.geometry.ring_entries = 8;
        let (mut a, mut b) = rapace::session::pair_with(&config).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..9 {
                    a.send(Head::message(number), b"").unwrap();
                }
                for number in 0..9 {
                    check(a.recv().unwrap(), number, 0);
                }
            });
            std::thread::sleep(A_WHILE);
            check(b.recv().unwrap(), 0, 0);
            for number in 0..9 {
                b.send(Head::message(number), b"").unwrap();
            }
        });
    }
}

// ---- deaths ---------------------------------------------------------------------------------------------------------

#[test]
fn one_who_never_waits_notices_a_death() {
    let guard = guard!();
    let died = Lost::PeerDied(Death::HangUp);
    for spin in SPINS {
        for way in 0..3 {
            let (mut peer, mut session) = guard.open("idles", "", &config_of(spin));
            assert_eq!(peer.hear(), "open");
            peer.kill();
            until(|| match way {
                0 => match session.try_recv().map(drop) {
                    Err(RecvError::Empty) => false,
                    other => other == Err(RecvError::Lost(died)) || panic!("{other:?}"),
                },
                1 => match session.recv_timeout(Duration::ZERO).map(drop) {
                    Err(RecvError::Timeout) => false,
                    other => other == Err(RecvError::Lost(died)) || panic!("{other:?}"),
                },
                _ => match session.try_send(Head::message(0), b"") {
                    Ok(()) | Err(SendError::Full) => false,
                    other => other == Err(SendError::Lost(died)) || panic!("{other:?}"),
                },
            });
        }
    }
}

/// Moves all who sleep on the liar's bell to another of its words; returns how many they were.
fn requeue(liar: &Liar) -> i64 {
    let (bell, other) = (liar.own.map.short_word(half::BELL), liar.own.map.short_word(half::BELL + 64));
    // SAFETY: both words live as long as the borrow of `liar`; the kernel only looks up who sleeps there.
    unsafe { libc::syscall(libc::SYS_futex, bell.as_ptr(), libc::FUTEX_REQUEUE, 0, i32::MAX as usize, other.as_ptr()) }
}

#[test]
fn sleepers_that_a_liar_moved_elsewhere_notice_its_end_and_those_of_others() {
    let guard = guard!();
    let mut sleepy = small();
    sleepy.spin = Spin::Never;
    let (mut peer, mut innocent) = guard.open("idles", "", &config(Spin::Never));
    assert_eq!(peer.hear(), "open");
    let (mut honest, liar) = Liar::meet(&sleepy);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || innocent.recv().map(drop));
        let receiving = scope.spawn(move || honest.recv().map(drop));
        liar.wait_for_wish();
        // Where threads sleep on the socket, nobody can be moved.
        if liar.theirs.get(half::WANTS_MESSAGE) != 0 {
            until(|| requeue(&liar) > 0);
            assert_eq!(requeue(&liar), 0, "nobody is left to be rung");
            liar.ring();
        }
        std::thread::sleep(A_WHILE);
        assert!(!receiving.is_finished() && !waiting.is_finished());
        drop(liar);
        assert_eq!(receiving.join().unwrap(), Err(RecvError::Lost(Lost::PeerDied(Death::HangUp))));
        peer.kill();
        assert_eq!(waiting.join().unwrap(), Err(RecvError::Lost(Lost::PeerDied(Death::HangUp))));
    });
}

#[test]
fn a_sender_that_a_liar_moved_elsewhere_notices_its_end() {
    let _guard = guard!();
    let mut sleepy = small();
    sleepy.spin = Spin::Never;
    let (mut honest, liar) = Liar::meet(&sleepy);
    std::thread::scope(|scope| {
        let sending =
            scope.spawn(move || std::iter::repeat_with(|| honest.send(Head::message(0), b"")).find_map(Result::err));
        liar.wait_for_wish();
        if liar.theirs.get(half::WANTS_ROOM) != 0 {
            until(|| requeue(&liar) > 0);
        }
        drop(liar);
        assert_eq!(sending.join().unwrap(), Some(SendError::Lost(Lost::PeerDied(Death::HangUp))));
    });
}

// ---- descriptors ----------------------------------------------------------------------------------------------------

/// Binds, takes all descriptors, and serves the first client that it can accept.
fn serve_without_descriptors(path: &str) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let mut listener = Listener::bind_with(path, config(Spin::Never)).unwrap();
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let hoard: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    say("bound");
    let is_free = Arc::new(AtomicBool::new(false));
    let frees = Arc::clone(&is_free);
    std::thread::spawn(move || {
        assert_eq!(hear(), "free them");
        frees.store(true, Ordering::SeqCst);
        drop(hoard);
        say("free");
    });
    let mut session = listener.accept().unwrap().open().unwrap();
    assert!(is_free.load(Ordering::SeqCst), "nobody could be accepted before");
    let message = session.recv().unwrap();
    session.send(*message.head(), b"served").unwrap();
    assert_eq!(session.recv().map(drop), Err(RecvError::Closed));
}

#[test]
fn a_client_for_whom_no_descriptor_is_left_is_turned_away_and_the_next_one_served() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("exhausted.sock");
    let mut peer = guard.spawn("serves without descriptors", path.display());
    assert_eq!(peer.hear(), "bound");
    for _ in 0..3 {
        match Session::<PeerB>::connect_with(&path, &config(Spin::Never)) {
            Err(OpenError::Refused { reason }) => assert!(reason.contains("RLIMIT_NOFILE"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    peer.wait_until_asleep();
    peer.tell("free them");
    assert_eq!(peer.hear(), "free");
    let mut session = Session::<PeerB>::connect_with(&path, &config(Spin::Never)).unwrap();
    session.send(Head::message(1), b"").unwrap();
    assert_eq!(session.recv().unwrap().into_inbound_payload().into_vec(), b"served");
    session.close();
    peer.join();
}

// ---- forks ----------------------------------------------------------------------------------------------------------

/// Forks while it writes a message in place; sends it afterwards. Once the child drops the writer, once it sends it.
fn fork_with_a_writer(_: &str) {
    let mut session = session(&config(Spin::Never));
    for number in 0..4 {
        let mut writer = session.alloc(100).unwrap();
        writer.copy_from_slice(&body(number, 100));
        let mut writer = Some(writer);
        // SAFETY: the child looks at the writer and ends, on this thread; nothing of the other threads is waited for.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "{}", std::io::Error::last_os_error());
        if child == 0 {
            // No panic here: its machinery is the parent's.
            let code = writer.take().map_or(1, |mut writer| {
                let is_empty = writer.is_empty() && writer.iter_mut().next().is_none();
                let refused =
                    number % 2 == 0 || writer.commit().send(Head::message(9)) == Err(SendError::Lost(Lost::Forked));
                i32::from(!is_empty) * 2 + i32::from(!refused) * 4
            });
            // SAFETY: ends the child at once, without the destructors and exit handlers that are its parent's.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: the pointer is to a live local.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "status of the child: a signal, or 256 times the code of what failed");
        let writer = writer.take().unwrap();
        assert_eq!(*writer, body(number, 100));
        writer.commit().send(Head::message(number)).unwrap();
    }
    for number in 4..600 {
        session.send(Head::message(number), &body(number, mixed_len(number))).unwrap();
    }
    session.close();
}

#[test]
fn a_slot_writer_is_empty_in_a_fork_and_harms_nobody() {
    let guard = guard!();
    let (peer, mut session) = guard.open("forks with a writer", "", &config(Spin::Never));
    for number in 0..600 {
        check(session.recv().unwrap(), number, if number < 4 { 100 } else { mixed_len(number) });
    }
    assert_eq!(session.recv().map(drop), Err(RecvError::Closed));
    peer.join();
}

// ---- tasks ----------------------------------------------------------------------------------------------------------

#[cfg(feature = "tokio")]
mod tasks {
    use std::pin::pin;
    use std::thread::JoinHandle;

    use super::*;
    use rapace::{PeerA, Violation, aio};
    use tokio::runtime::{Builder, Runtime};
    use tokio::select;
    use tokio::time::sleep;

    /// Several times what the slots hold, so that its sender waits several times.
    const LARGE: usize = 3_000_000;
    const LARGE_COUNT: u32 = 5;

    fn current_thread() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn runtimes() -> [Runtime; 2] {
        [current_thread(), Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()]
    }

    /// A session whose other side, a thread, takes large messages slowly and says a word after the last one.
    fn slow_reader() -> (aio::Session<PeerA>, JoinHandle<()>) {
        let (a, mut b) = rapace::session::pair_with(&config(Spin::Never)).unwrap();
        let reading = std::thread::spawn(move || {
            for number in 0..LARGE_COUNT {
                std::thread::sleep(Duration::from_millis(5));
                check(b.recv().unwrap(), number, LARGE);
            }
            b.send(Head::message(LARGE_COUNT), b"").unwrap();
        });
        (a.into(), reading)
    }

    #[test]
    fn a_task_sends_in_a_branch_of_the_select_in_which_it_receives() {
        let _guard = guard!();
        for runtime in runtimes() {
            let (session, reading) = slow_reader();
            runtime.block_on(async {
                let (mut tx, mut rx) = session.split();
                let mut receiving = pin!(rx.recv());
                let mut sent = 0;
                loop {
                    select! {
                        message = &mut receiving => {
                            check(message.unwrap(), LARGE_COUNT, 0);
                            break;
                        }
                        () = sleep(Duration::from_millis(1)), if sent < LARGE_COUNT => {
                            tx.send(Head::message(sent), &body(sent, LARGE)).await.unwrap();
                            sent += 1;
                        }
                    }
                }
            });
            reading.join().unwrap();
        }
    }

    #[test]
    fn a_task_sends_while_another_keeps_its_receive_and_does_not_poll_it() {
        let _guard = guard!();
        for runtime in runtimes() {
            let (session, reading) = slow_reader();
            runtime.block_on(async {
                let (mut tx, mut rx) = session.split();
                let mut receiving = pin!(rx.recv());
                select! {
                    biased;
                    _ = &mut receiving => panic!("nothing was sent yet"),
                    // Long enough for it to be polled, and to hold the bell.
                    () = sleep(Duration::from_millis(1)) => {}
                }
                let sending = tokio::spawn(async move {
                    for number in 0..LARGE_COUNT {
                        tx.send(Head::message(number), &body(number, LARGE)).await.unwrap();
                    }
                    tx
                });
                let _tx = sending.await.unwrap();
                check(receiving.await.unwrap(), LARGE_COUNT, 0);
            });
            reading.join().unwrap();
        }
    }

    #[test]
    fn a_task_sends_while_another_keeps_its_receive_until_the_peer_dies() {
        let guard = guard!();
        for runtime in runtimes() {
            let (mut peer, session) = guard.open("idles", "", &config(Spin::Never));
            assert_eq!(peer.hear(), "open");
            runtime.block_on(async {
                let (mut tx, mut rx) = aio::Session::from(session).split();
                let mut receiving = pin!(rx.recv());
                select! {
                    biased;
                    _ = &mut receiving => panic!("nothing was sent yet"),
                    () = sleep(Duration::from_millis(1)) => {}
                }
                let sending = tokio::spawn(async move {
                    loop {
                        if let Err(error) = tx.send(Head::message(0), b"").await {
                            return error;
                        }
                    }
                });
                sleep(A_WHILE).await;
                peer.kill();
                let died = Lost::PeerDied(Death::HangUp);
                assert_eq!(sending.await.unwrap(), SendError::Lost(died));
                assert_eq!(receiving.await.map(drop), Err(RecvError::Lost(died)));
            });
        }
    }

    #[test]
    fn batches_with_a_large_message_ring_a_task_no_oftener_than_it_asked() {
        const ROUNDS: u32 = 50;
        let _guard = guard!();
        for runtime in runtimes() {
            let (mut a, b) = rapace::session::pair_with(&config(Spin::Never)).unwrap();
            let bodies: Vec<_> = (0..21).map(|number| body(number, if number == 10 { 140_000 } else { 20 })).collect();
            let lens: Vec<_> = bodies.iter().map(Vec::len).collect();
            let sending = std::thread::spawn(move || {
                let batch: Vec<_> =
                    (0..).zip(&bodies).map(|(number, body)| (Head::message(number), &body[..])).collect();
                for round in 0..ROUNDS {
                    a.send_batch(&batch).unwrap();
                    check(a.recv().unwrap(), round, 0);
                }
            });
            runtime.block_on(async {
                let mut b = aio::Session::from(b);
                for round in 0..ROUNDS {
                    for (number, len) in (0..).zip(&lens) {
                        check(b.recv().await.unwrap(), number, *len);
                    }
                    b.send(Head::message(round), b"").await.unwrap();
                }
                assert_eq!(b.recv().await.map(drop), Err(RecvError::Closed));
            });
            sending.join().unwrap();
        }
    }

    #[test]
    fn a_sending_task_says_what_room_there_is_before_it_sleeps() {
        let _guard = guard!();
        for runtime in runtimes() {
            let mut config = config(Spin::Never);
            config.geometry.ring_entries = 8;
            let (mut a, b) = rapace::session::pair_with(&config).unwrap();
            let blocked = std::thread::spawn(move || {
                for number in 0..9 {
                    a.send(Head::message(number), b"").unwrap();
                }
                for number in 0..9 {
                    check(a.recv().unwrap(), number, 0);
                }
            });
            std::thread::sleep(A_WHILE);
            runtime.block_on(async {
                let mut b = aio::Session::from(b);
                check(b.recv().await.unwrap(), 0, 0);
                for number in 0..9 {
                    b.send(Head::message(number), b"").await.unwrap();
                }
            });
            blocked.join().unwrap();
        }
    }

    #[test]
    fn a_flood_of_bells_ends_the_session_and_not_the_runtime() {
        let _guard = guard!();
        for runtime in runtimes() {
            let mut config = small();
            config.spin = Spin::Never;
            let (honest, liar) = Liar::meet(&config);
            runtime.block_on(async {
                let mut session = aio::Session::from(honest);
                let receiving = tokio::spawn(async move { session.recv().await.map(drop) });
                let flooding = std::thread::spawn(move || {
                    let flood = vec![1; 64 << 10];
                    // Not blocking, so that the buffer is full again whenever a little was read.
                    liar.talk.socket.set_nonblocking(true).unwrap();
                    while matches!(liar.talk.send(&flood, &[]), Ok(_) | Err(rustix::io::Errno::AGAIN)) {}
                });
                // A timer on the same runtime.
                sleep(A_WHILE).await;
                let end = receiving.await.unwrap();
                assert!(
                    matches!(end, Err(RecvError::Lost(Lost::Violation(Violation::Bells { .. })))),
                    "{end:?} after more bells than any count of wishes"
                );
                sleep(Duration::from_millis(1)).await;
                flooding.join().unwrap();
            });
        }
    }
}
