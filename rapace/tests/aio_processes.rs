//! The async face between two processes: tasks here, a blocking or an awaiting peer there, and its death.

#![cfg(all(feature = "tokio", target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code)]

mod peer;

use std::time::Duration;

use peer::{Guard, Peer, check, config, content, hear, inherited, mixed_len, say, session, until};
use rapace::{
    Config, Death, Head, Listener, Lost, PeerA, PeerB, PeerState, RecvError, Role, SendError, Session, Spin, aio,
};
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

const SIZES: [usize; 14] = [0, 1, 24, 25, 256, 320, 321, 4_096, 4_160, 65_600, 65_601, 70_000, 1_000_000, 5 << 20];

/// Long enough for whoever has nothing to do to sleep.
const A_WHILE: Duration = Duration::from_millis(30);

#[test]
fn peer_entry() {
    peer::run(&[
        ("mirrors", mirror),
        ("mirrors on tokio", mirror_on_tokio),
        ("publishes", publish),
        ("closes on a word", close_on_a_word),
        ("leaves a child with its socket", leave_a_child),
    ]);
}

/// Sends back whatever comes, until the end, which must be a farewell.
fn mirror(_: &str) {
    let mut session = session(&config(Spin::Never));
    assert_eq!(mirror_all(&mut session), RecvError::Closed);
}

fn mirror_all<R: Role>(session: &mut Session<R>) -> RecvError {
    loop {
        match session.recv() {
            Ok(message) => {
                let head = *message.head();
                session.send(head, &message.into_inbound_payload().into_vec()).unwrap();
            }
            Err(end) => return end,
        }
    }
}

fn mirror_on_tokio(_: &str) {
    let session = Session::<PeerB>::over(inherited(), &config(Spin::Never)).unwrap();
    current_thread().block_on(async {
        let mut session = aio::Session::from(session);
        loop {
            match session.recv().await {
                Ok(message) => {
                    let head = *message.head();
                    session.send(head, &message.into_inbound_payload().into_vec()).await.unwrap();
                }
                Err(end) => return assert_eq!(end, RecvError::Closed),
            }
        }
    });
}

/// Sends so many numbered messages, says so, and stays.
fn publish(count: &str) {
    let mut session = session(&config(Spin::Never));
    let mut body = Vec::new();
    for number in 0..count.parse().unwrap() {
        content(number, mixed_len(number), &mut body);
        session.send(Head::message(number), &body).unwrap();
    }
    say("published");
    hear();
}

fn close_on_a_word(_: &str) {
    let session = session(&config(Spin::Never));
    say("open");
    hear();
    session.close();
    hear();
}

/// Connects, forks a child that keeps the socket for as long as this process's standard input is open, and mirrors.
fn leave_a_child(path: &str) {
    let mut session = Session::<PeerB>::connect_with(path, &config(Spin::Never)).unwrap();
    // SAFETY: the child reads and ends, on this thread; nothing of the other threads is waited for.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", std::io::Error::last_os_error());
    if child == 0 {
        let mut byte = 0_u8;
        loop {
            // SAFETY: the pointer is to a live local of one byte.
            if unsafe { libc::read(0, (&raw mut byte).cast(), 1) } == 0 {
                // SAFETY: ends the child at once, without the destructors and exit handlers that are its parent's.
                unsafe { libc::_exit(0) };
            }
        }
    }
    say("forked");
    mirror_all(&mut session);
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn runtimes() -> [Runtime; 2] {
    [current_thread(), Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()]
}

fn open(guard: &Guard, role: &str, argument: &str, config: &Config) -> (Peer, aio::Session<PeerA>) {
    let (peer, session) = guard.open(role, argument, config);
    (peer, session.into())
}

async fn echo(session: &mut aio::Session<PeerA>, number: u32, len: usize) {
    let mut body = Vec::new();
    content(number, len, &mut body);
    session.send(Head::message(number), &body).await.unwrap();
    check(session.recv().await.unwrap(), number, len);
}

/// Sends until that fails.
async fn fill(sender: &mut aio::Sender<PeerA>) -> SendError {
    loop {
        if let Err(error) = sender.send(Head::message(0), b"").await {
            return error;
        }
    }
}

#[test]
fn every_size_goes_there_and_back_between_a_task_and_another_process() {
    let guard = guard!();
    for role in ["mirrors", "mirrors on tokio"] {
        for runtime in runtimes() {
            let (peer, mut session) = open(&guard, role, "", &config(Spin::Never));
            runtime.block_on(async move {
                for (number, len) in (0..).zip(SIZES) {
                    echo(&mut session, number, len).await;
                }
                session.close();
            });
            peer.join();
        }
    }
}

#[test]
fn a_kill_ends_the_tasks_that_wait_after_all_that_was_published() {
    const COUNT: u32 = 150;
    let guard = guard!();
    for runtime in runtimes() {
        for kill_first in [false, true] {
            let (mut peer, session) = open(&guard, "publishes", &COUNT.to_string(), &config(Spin::Never));
            assert_eq!(peer.hear(), "published");
            if kill_first {
                peer.kill();
            }
            runtime.block_on(async {
                let (mut sender, mut receiver) = session.split();
                let receiving = tokio::spawn(async move {
                    for number in 0.. {
                        match receiver.recv().await {
                            Ok(message) => check(message, number, mixed_len(number)),
                            Err(end) => return (number, end),
                        }
                    }
                    unreachable!("there are not so many numbers")
                });
                let sending = tokio::spawn(async move { fill(&mut sender).await });
                if !kill_first {
                    sleep(A_WHILE).await;
                    assert!(!receiving.is_finished() && !sending.is_finished());
                    peer.kill();
                }
                let died = Lost::PeerDied(Death::HangUp);
                assert_eq!(receiving.await.unwrap(), (COUNT, RecvError::Lost(died)));
                assert_eq!(sending.await.unwrap(), SendError::Lost(died));
            });
        }
    }
}

#[test]
fn a_stopped_peer_of_a_task_is_unresponsive_until_it_is_continued() {
    let guard = guard!();
    let mut config = config(Spin::Never);
    config.limits.hang_after = Duration::from_millis(50);
    for runtime in runtimes() {
        let (peer, mut session) = open(&guard, "mirrors", "", &config);
        runtime.block_on(async move {
            echo(&mut session, 0, 100).await;
            let control = session.control();
            peer.stop();
            for number in 0..10 {
                session.send(Head::message(number), b"").await.unwrap();
            }
            loop {
                match control.peer_state() {
                    PeerState::Alive => sleep(Duration::from_millis(1)).await,
                    PeerState::Unresponsive { .. } => break,
                    other => panic!("a stopped process is {other:?}"),
                }
            }
            assert!(control.is_peer_alive());
            peer.signal(Signal::CONT);
            for number in 0..10 {
                check(session.recv().await.unwrap(), number, 0);
            }
            until(|| control.peer_state() == PeerState::Alive);
            session.close();
            peer.join();
        });
    }
}

#[test]
fn the_close_of_the_other_process_ends_the_tasks_that_wait() {
    let guard = guard!();
    for runtime in runtimes() {
        let (mut peer, session) = open(&guard, "closes on a word", "", &config(Spin::Never));
        assert_eq!(peer.hear(), "open");
        runtime.block_on(async move {
            let (mut sender, mut receiver) = session.split();
            let receiving = tokio::spawn(async move { receiver.recv().await.map(drop) });
            let sending = tokio::spawn(async move { fill(&mut sender).await });
            sleep(A_WHILE).await;
            assert!(!receiving.is_finished() && !sending.is_finished());
            peer.tell("close");
            assert_eq!(receiving.await.unwrap(), Err(RecvError::Closed));
            assert_eq!(sending.await.unwrap(), SendError::Closed);
            peer.join();
        });
    }
}

#[test]
#[cfg_attr(rapace_portable, ignore = "needs the pidfd of the peer, which the portable variant does not have")]
fn a_task_notices_a_death_though_a_child_of_the_dead_keeps_its_socket_open() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    for (name, runtime) in ["one", "many"].into_iter().zip(runtimes()) {
        let mut listener = Listener::bind_with(directory.path().join(name), config(Spin::Never)).unwrap();
        let mut peer = guard.spawn("leaves a child with its socket", listener.path().unwrap().display());
        let mut session = aio::Session::from(listener.accept().unwrap().open().unwrap());
        assert_eq!(peer.hear(), "forked");
        runtime.block_on(async move {
            echo(&mut session, 1, 100).await;
            let control = session.control();
            let (mut sender, mut receiver) = session.split();
            peer.stop();
            let receiving = tokio::spawn(async move { receiver.recv().await.map(drop) });
            let sending = tokio::spawn(async move { fill(&mut sender).await });
            sleep(A_WHILE).await;
            assert!(!receiving.is_finished() && !sending.is_finished());
            peer.kill();
            let died = Lost::PeerDied(Death::ProcessEnded);
            assert_eq!(receiving.await.unwrap(), Err(RecvError::Lost(died)));
            assert_eq!(sending.await.unwrap(), SendError::Lost(died));
            assert_eq!(control.peer_state(), PeerState::Dead(Death::ProcessEnded));
        });
    }
}

#[test]
fn two_tasks_under_full_rings_get_everything_back_from_another_process() {
    const COUNT: u32 = 20_000;
    let guard = guard!();
    let mut config = config(Spin::Never);
    config.geometry.ring_entries = 16;
    for (role, runtime) in ["mirrors", "mirrors on tokio"].into_iter().zip(runtimes()) {
        let (peer, session) = open(&guard, role, "", &config);
        runtime.block_on(async {
            let (mut sender, mut receiver) = session.split();
            let sending = tokio::spawn(async move {
                let mut body = Vec::new();
                for number in 0..COUNT {
                    content(number, mixed_len(number), &mut body);
                    sender.send(Head::message(number), &body).await.unwrap();
                }
                sender
            });
            for number in 0..COUNT {
                check(receiver.recv().await.unwrap(), number, mixed_len(number));
            }
            drop(sending.await.unwrap());
        });
        peer.join();
    }
}
