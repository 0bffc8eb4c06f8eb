//! The async face: the same sessions awaited, on every kind of runtime, mixed with threads.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rapace::{Config, Head, Listener, Lost, PeerA, PeerB, RecvError, SendError, Session, Spin, aio, session};
use tokio::runtime::{Builder, Runtime};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn runtimes() -> [Runtime; 2] {
    [current_thread(), Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()]
}

/// Ends the process when a test hangs.
fn watchdog(name: &'static str) -> impl Drop {
    struct Watchdog(std::sync::mpsc::Sender<()>);
    impl Drop for Watchdog {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    Watchdog(done)
}

/// A configuration that waits so, and gives a loaded machine time for the handshake.
fn config(spin: Spin) -> Config {
    let mut config = Config::default();
    config.spin = spin;
    config.limits.handshake_time = Duration::from_secs(60);
    config
}

fn asleep() -> Config {
    config(Spin::Never)
}

fn listen(path: &Path) -> aio::Listener {
    aio::Listener::from_blocking(Listener::bind_with(path, config(Spin::Adaptive)).unwrap()).unwrap()
}

fn bytes(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(31) ^ seed) as u8).collect()
}

/// Sends back what comes, until the peer closes.
async fn echo(mut session: aio::Session<PeerB>) -> RecvError {
    loop {
        match session.recv().await {
            Ok(message) => {
                let head = *message.head();
                let payload = message.into_inbound_payload().into_vec();
                session.send(head, &payload).await.unwrap();
            }
            Err(error) => return error,
        }
    }
}

#[test]
fn every_size_goes_there_and_back_between_tasks() {
    let _watchdog = watchdog("every_size_goes_there_and_back_between_tasks");
    for runtime in runtimes() {
        for config in [Spin::Adaptive, Spin::Never, Spin::Forever].map(config) {
            runtime.block_on(async {
                let (a, b) = session::pair_with(&config).unwrap();
                let echo = tokio::spawn(echo(b.into()));
                let mut a = aio::Session::from(a);
                for len in [0, 1, 24, 25, 4_096, 65_600, 65_601, 1_000_000, 3_000_000] {
                    let sent = bytes(len, len);
                    a.send(Head::message(len as u32), &sent).await.unwrap();
                    let back = a.recv().await.unwrap();
                    assert_eq!(back.head().method(), len as u32);
                    assert!(back.into_inbound_payload().into_vec() == sent, "{len} bytes came back changed");
                }
                a.close();
                assert_eq!(echo.await.unwrap(), RecvError::Closed);
            });
        }
    }
}

#[test]
fn a_blocking_thread_and_a_task_speak_with_each_other() {
    let _watchdog = watchdog("a_blocking_thread_and_a_task_speak_with_each_other");
    for runtime in runtimes() {
        let (mut a, b) = session::pair_with(&asleep()).unwrap();
        let echo = runtime.spawn(echo(b.into()));
        let thread = std::thread::spawn(move || {
            for n in 0..2_000_usize {
                let sent = bytes(n % 400, n);
                a.send(Head::message(n as u32), &sent).unwrap();
                assert_eq!(a.recv().unwrap().into_inbound_payload().into_vec(), sent);
            }
        });
        // A current-thread runtime runs its tasks only while somebody blocks on it.
        assert_eq!(runtime.block_on(echo).unwrap(), RecvError::Closed);
        thread.join().unwrap();
    }
}

#[test]
fn two_tasks_of_one_session_share_its_bell_under_full_rings() {
    let _watchdog = watchdog("two_tasks_of_one_session_share_its_bell_under_full_rings");
    const COUNT: u32 = 20_000;
    async fn both_ways<R: rapace::Role>(session: aio::Session<R>) {
        let (mut tx, mut rx) = session.split();
        let sending = tokio::spawn(async move {
            for n in 0..COUNT {
                tx.send(Head::message(n), &bytes(n as usize % 300, n as usize)).await.unwrap();
            }
            tx
        });
        for n in 0..COUNT {
            let message = rx.recv().await.unwrap();
            assert_eq!(message.head().method(), n);
            assert_eq!(message.into_inbound_payload().into_vec(), bytes(n as usize % 300, n as usize));
        }
        sending.await.unwrap();
    }
    for runtime in runtimes() {
        runtime.block_on(async {
            let (a, b) = session::pair_with(&asleep()).unwrap();
            let b = tokio::spawn(both_ways::<PeerB>(b.into()));
            both_ways::<PeerA>(a.into()).await;
            b.await.unwrap();
        });
    }
}

#[test]
fn a_thread_sends_while_a_task_of_the_same_session_receives() {
    let _watchdog = watchdog("a_thread_sends_while_a_task_of_the_same_session_receives");
    let runtime = current_thread();
    let (a, b) = session::pair_with(&asleep()).unwrap();
    let peer = std::thread::spawn(move || {
        let (mut tx, mut rx) = b.split();
        for n in 0..20_000_u32 {
            assert_eq!(rx.recv().unwrap().head().method(), n);
            tx.send(Head::message(n), &[]).unwrap();
        }
    });
    let (mut tx, rx) = a.split();
    let sending = std::thread::spawn(move || {
        for n in 0..20_000_u32 {
            tx.send(Head::message(n), &bytes(100, n as usize)).unwrap();
        }
        tx
    });
    let mut rx = aio::Receiver::from(rx);
    runtime.block_on(async {
        for n in 0..20_000_u32 {
            assert_eq!(rx.recv().await.unwrap().head().method(), n);
        }
    });
    sending.join().unwrap();
    peer.join().unwrap();
}

#[test]
fn dropping_a_receiving_future_loses_no_message() {
    let _watchdog = watchdog("dropping_a_receiving_future_loses_no_message");
    current_thread().block_on(async {
        let (mut a, b) = session::pair_with(&asleep()).unwrap();
        let mut b = aio::Session::from(b);
        let sending = std::thread::spawn(move || {
            for n in 0..300_u32 {
                a.send(Head::message(n), &bytes(100, n as usize)).unwrap();
                std::thread::sleep(Duration::from_micros(50));
            }
            a
        });
        let mut next = 0;
        while next < 300 {
            tokio::select! {
                message = b.recv() => {
                    assert_eq!(message.unwrap().head().method(), next);
                    next += 1;
                }
                () = tokio::time::sleep(Duration::from_micros(20)) => {}
                () = tokio::task::yield_now() => {}
            }
        }
        sending.join().unwrap();
    });
}

#[test]
fn a_large_send_that_is_dropped_half_way_leaves_nothing_at_the_peer() {
    let _watchdog = watchdog("a_large_send_that_is_dropped_half_way_leaves_nothing_at_the_peer");
    current_thread().block_on(async {
        let (a, mut b) = session::pair_with(&asleep()).unwrap();
        let mut a = aio::Session::from(a);
        for round in 0..20_u32 {
            // More than all slots hold: it cannot be done while nobody receives.
            let large = bytes(2_000_000, 1);
            let sending = tokio::time::timeout(Duration::from_millis(2), a.send(Head::message(1), &large));
            assert!(sending.await.is_err());
            let receiving = std::thread::spawn(move || {
                let message = b.recv().unwrap();
                (message.head().method(), message.into_inbound_payload().into_vec(), b)
            });
            let small = bytes(100_000, round as usize);
            a.send(Head::message(100 + round), &small).await.unwrap();
            let (method, came, peer) = receiving.join().unwrap();
            b = peer;
            assert_eq!(method, 100 + round);
            assert!(came == small);
        }
    });
}

#[test]
fn a_session_moves_between_runtimes_and_outlives_them() {
    let _watchdog = watchdog("a_session_moves_between_runtimes_and_outlives_them");
    let (a, mut b) = session::pair_with(&asleep()).unwrap();
    let mut a = aio::Session::from(a);
    for n in 0..6_u32 {
        let runtime =
            if n % 2 == 0 { current_thread() } else { Builder::new_multi_thread().enable_all().build().unwrap() };
        let peer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            b.send(Head::message(n), b"x").unwrap();
            b
        });
        assert_eq!(runtime.block_on(a.recv()).unwrap().head().method(), n);
        b = peer.join().unwrap();
    }
}

#[test]
fn waiting_outside_a_runtime_is_an_error_and_not_a_panic() {
    let (a, mut b) = session::pair_with(&asleep()).unwrap();
    let mut a = aio::Session::from(a);
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut receiving = pin!(a.recv());
        assert!(matches!(receiving.as_mut().poll(&mut cx), Poll::Ready(Err(RecvError::NoRuntime))));
    }
    b.send(Head::message(7), b"there already").unwrap();
    let mut receiving = pin!(a.recv());
    assert!(matches!(receiving.as_mut().poll(&mut cx), Poll::Ready(Ok(_))), "no wait, no runtime needed");
}

#[test]
fn a_close_and_a_shut_down_end_a_waiting_future() {
    let _watchdog = watchdog("a_close_and_a_shut_down_end_a_waiting_future");
    for runtime in runtimes() {
        runtime.block_on(async {
            let (a, b) = session::pair_with(&asleep()).unwrap();
            let mut a = aio::Session::from(a);
            let closing = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                b.close();
            });
            assert_eq!(a.recv().await.unwrap_err(), RecvError::Closed);
            assert_eq!(a.send(Head::message(1), b"late").await.unwrap_err(), SendError::Closed);
            closing.await.unwrap();

            let (a, b) = session::pair_with(&asleep()).unwrap();
            let mut a = aio::Session::from(a);
            let control = a.control();
            let ending = tokio::task::spawn_blocking(move || {
                std::thread::sleep(Duration::from_millis(10));
                control.shut_down();
            });
            assert_eq!(a.recv().await.unwrap_err(), RecvError::Lost(Lost::ClosedHere));
            ending.await.unwrap();
            assert_eq!(aio::Session::from(b).recv().await.unwrap_err(), RecvError::Closed);
        });
    }
}

#[test]
fn a_task_that_never_sleeps_sees_the_close() {
    let _watchdog = watchdog("a_task_that_never_sleeps_sees_the_close");
    for runtime in runtimes() {
        runtime.block_on(async {
            let (a, b) = session::pair_with(&config(Spin::Forever)).unwrap();
            let mut a = aio::Session::from(a);
            let closing = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(10));
                drop(b);
            });
            assert_eq!(a.recv().await.unwrap_err(), RecvError::Closed);
            closing.join().unwrap();
        });
    }
}

#[test]
fn accept_open_and_connect_are_awaited_by_many_clients_at_once() {
    let _watchdog = watchdog("accept_open_and_connect_are_awaited_by_many_clients_at_once");
    for runtime in runtimes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("echo.sock");
        runtime.block_on(async {
            let mut listener = listen(&path);
            let server = tokio::spawn(async move {
                for _ in 0..8 {
                    let incoming = listener.accept().await.unwrap();
                    tokio::spawn(async move {
                        let mut session = incoming.open().await.unwrap();
                        while let Ok(message) = session.recv().await {
                            session.send(*message.head(), &message.into_inbound_payload().into_vec()).await.unwrap();
                        }
                    });
                }
                listener
            });
            let clients = (0..8_u32).map(|n| {
                let path = path.clone();
                tokio::spawn(async move {
                    let mut session = aio::Session::connect_with(path, config(Spin::Adaptive)).await.unwrap();
                    for round in 0..50 {
                        let sent = bytes(1_000, round);
                        session.send(Head::message(n), &sent).await.unwrap();
                        assert_eq!(session.recv().await.unwrap().into_inbound_payload().into_vec(), sent);
                    }
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.await.unwrap();
            }
            drop(server.await.unwrap());
        });
        assert!(!path.exists());
    }
}

#[test]
fn without_a_configuration_the_default_one_is_taken() {
    let _watchdog = watchdog("without_a_configuration_the_default_one_is_taken");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("default.sock");
    current_thread().block_on(async {
        let mut listener = aio::Listener::bind(&path).unwrap();
        let client = tokio::spawn(aio::Session::connect(path.clone()));
        let mut served = listener.accept().await.unwrap().open().await.unwrap();
        let mut client = client.await.unwrap().unwrap();
        served.send(Head::message(1), &bytes(65_601, 1)).await.unwrap();
        assert!(client.recv().await.unwrap().into_inbound_payload().into_vec() == bytes(65_601, 1));
    });
}

#[test]
fn a_client_that_says_nothing_delays_no_other() {
    let _watchdog = watchdog("a_client_that_says_nothing_delays_no_other");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slow.sock");
    current_thread().block_on(async {
        let mut listener = listen(&path);
        let _silent = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let silent = listener.accept().await.unwrap();
        let waiting = tokio::spawn(silent.open());
        let client = std::thread::spawn({
            let path = path.clone();
            move || {
                Session::connect_with(path, &config(Spin::Adaptive))
                    .map(|mut session| session.send(Head::message(1), b"first"))
            }
        });
        let mut session = listener.accept().await.unwrap().open().await.unwrap();
        assert_eq!(session.recv().await.unwrap().len(), 5);
        assert!(!waiting.is_finished(), "the silent one is still being waited for");
        client.join().unwrap().unwrap().unwrap();
        waiting.abort();
    });
}
