//! Awaited calls between two processes: tasks here; there threads, sync methods in tasks, or async methods.

#![cfg(all(feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod desk;
mod peer;

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use desk::{
    ASYNC, Bomb, DESERIALIZED, DROPPED, DeskClient, NEVER, Refused, SERIALIZED, SYNC_TASKS, THREADS, bytes, open, serve,
};
use peer::{hear, say, until};
use rapace::{CallError, ConnectError, OpenError, RpcError, TryStartError, wait_any};
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, spawn_blocking};

/// Long enough never to be over.
const LONG: Duration = Duration::from_secs(1_000);
/// Over soon.
const SHORT: Duration = Duration::from_millis(5);

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, |argument| serve(THREADS, argument)),
        (SYNC_TASKS, |argument| serve(SYNC_TASKS, argument)),
        (ASYNC, |argument| serve(ASYNC, argument)),
        ("stops", stop_on_a_word),
    ]);
}

const ROLES: [&str; 3] = [THREADS, SYNC_TASKS, ASYNC];
const SIZES: [usize; 10] = [0, 22, 23, 24, 25, 300, 5_000, 65_000, 66_000, 3 << 20];

/// One thread, which polls nothing unless it is told to.
fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Polls once, by the waker of the task that runs this.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Looks until it is so, without keeping the runtime from anything.
async fn until_so<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How many calls of `works` have begun at the server, and how many of them have ended.
async fn works(client: &DeskClient) -> (usize, usize) {
    (client.begun().await.unwrap(), client.stopped().await.unwrap())
}

async fn until_works(client: &DeskClient, are: (usize, usize)) {
    until_so(|| async { works(client).await == are }).await;
}

#[test]
fn results_errors_and_panics_come_back() {
    let guard = guard!();
    for (role, runtime) in ROLES.into_iter().zip([one_thread(), two_threads(), one_thread()]) {
        let desk = open(&guard, role, 128);
        runtime.block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            assert_eq!(client.add(i32::MAX, 1).await, Ok(i32::MIN));
            assert_eq!(client.divide(7, 2).await, Ok(3));
            assert_eq!(client.divide(7, 0).await, Err(CallError::App(Refused::ByZero)));
            let unlucky = Err(CallError::App(Refused::Because("unlucky".into())));
            assert_eq!(client.divide(13, 1).start_async().await.unwrap().await, unlucky);
            for _ in 0..3 {
                assert_eq!(client.panics().await, Err(RpcError::Panicked("on purpose".into())));
            }
            for len in SIZES {
                assert!(client.echo(bytes(len)).await.unwrap() == bytes(len), "{len} bytes");
            }
            let (small, large) = tokio::join!(client.add(1, 2), client.echo(bytes(3 << 20)));
            assert!((small, large) == (Ok(3), Ok(bytes(3 << 20))));
            let error = client.echo(vec![0; 65 << 20]).await.unwrap_err();
            assert!(matches!(&error, RpcError::TooLarge(_)) && error.to_string().contains("payload_max"), "{error}");
        });
    }
}

#[test]
fn who_waits_no_more_has_the_call_cancelled() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 128);
        two_threads().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let mut call = client.works().into_future();
            assert!(poll_once(&mut call).await.is_pending());
            until_works(&client, (1, 0)).await;
            drop(call);
            until_works(&client, (1, 1)).await;

            let mut begun = client.works().start_async().await.unwrap();
            assert!(poll_once(&mut begun).await.is_pending());
            until_works(&client, (2, 1)).await;
            begun.cancel();
            until_works(&client, (2, 2)).await;

            let own = client.clone();
            let task = tokio::spawn(async move { own.works().await });
            until_works(&client, (3, 2)).await;
            task.abort();
            until_works(&client, (3, 3)).await;

            let mut time = SHORT;
            while client.begun().await == Ok(3) {
                // A sync handler sees the deadline for itself, and may answer yet.
                let late = client.works().timeout(time).await;
                assert!(matches!(late, Ok(7) | Err(RpcError::DeadlineExceeded { .. })), "{late:?}");
                time *= 2;
            }
            until_works(&client, (4, 4)).await;
        });
    }
}

#[test]
fn a_deadline_ends_a_call_whatever_the_server_does() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 3);
        one_thread().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            assert_eq!(client.add(1, 2).timeout(LONG).await, Ok(3));
            assert!(client.left().timeout(LONG).await.unwrap().unwrap() <= LONG);
            assert_eq!(client.left().await, Ok(None));
            desk.process.stop();
            // Two are whole at the server, the third one is too much to be sent at once.
            let (a, b, c) = tokio::join!(
                client.add(1, 2).timeout(SHORT),
                client.add(1, 2).timeout(SHORT),
                client.echo(bytes(3 << 20)).timeout(SHORT),
            );
            for end in [a, b] {
                assert!(matches!(end, Err(RpcError::DeadlineExceeded { .. })), "{end:?}");
            }
            assert_eq!(c, Err(RpcError::DeadlineExceeded { may_have_executed: false }));
            // Its place is free. With that taken as well, the next one waits for its turn.
            let third = client.add(1, 2).start_async().await.unwrap();
            let unrun = RpcError::DeadlineExceeded { may_have_executed: false };
            assert_eq!(client.add(1, 2).timeout(SHORT).await, Err(unrun.clone()));
            assert_eq!(client.add(1, 2).timeout(SHORT).start_async().await.map(drop), Err(unrun));
            assert!(matches!(client.add(1, 2).try_start(), Err(TryStartError::Full(_))));
            drop(third);
            desk.process.signal(Signal::CONT);
            assert_eq!(client.add(1, 2).await, Ok(3));
            let impatient = DeskClient::builder().timeout(SHORT);
            let impatient = impatient.connect_async(&desk.path).await.unwrap();
            let never = desk.path.with_extension("never");
            assert!(matches!(impatient.blocks(never).await, Err(RpcError::DeadlineExceeded { .. })));
        });
    }
}

#[test]
fn outside_of_a_runtime_it_says_so() {
    let guard = guard!();
    let desk = open(&guard, ASYNC, 8);
    let client = DeskClient::connect(&desk.path).unwrap();
    let mut nowhere = TaskContext::from_waker(Waker::noop());
    let mut call = client.works().into_future();
    assert_eq!(Pin::new(&mut call).poll(&mut nowhere), Poll::Ready(Err(RpcError::NoRuntime)));
    let mut begun = client.works().start().unwrap();
    assert_eq!(Pin::new(&mut begun).poll(&mut nowhere), Poll::Ready(Err(RpcError::NoRuntime)));
    let mut connecting = Box::pin(DeskClient::connect_async(&desk.path));
    let connected = connecting.as_mut().poll(&mut nowhere);
    assert!(matches!(connected, Poll::Ready(Err(ConnectError::Open(OpenError::NoRuntime)))), "{connected:?}");
    let without_io = Builder::new_current_thread().build().unwrap();
    assert_eq!(without_io.block_on(client.works().into_future()), Err(RpcError::NoRuntime));
    let without_time = Builder::new_current_thread().enable_io().build().unwrap();
    assert_eq!(without_time.block_on(client.works().timeout(LONG).into_future()), Err(RpcError::NoRuntime));
    assert_eq!(without_time.block_on(client.add(1, 2).into_future()), Ok(3));
    // And where there is none any more; the session goes on.
    let ended = one_thread().handle().clone();
    assert_eq!(ended.block_on(client.works().into_future()), Err(RpcError::NoRuntime));
    let mut timed = client.works().timeout(LONG).start().unwrap();
    assert!(one_thread().block_on(poll_once(&mut timed)).is_pending());
    assert_eq!(ended.block_on(timed), Err(RpcError::NoRuntime));
    drop((call, begun));
    // Each of them was cancelled, and what waits for a turn where nobody can wait says so as well.
    until(|| client.begun().wait() == client.stopped().wait());
    let held = [(); 8].map(|()| client.works().start().unwrap());
    let mut starting = client.works().start_async();
    let started = Pin::new(&mut starting).poll(&mut nowhere).map_ok(drop);
    assert_eq!(started, Poll::Ready(Err(RpcError::NoRuntime)));
    drop(held);
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

#[test]
fn a_runtime_that_rests_keeps_no_other_from_its_answers() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 128);
        let client = DeskClient::connect(&desk.path).unwrap();
        let (rests, runs) = (one_thread(), two_threads());
        let over = desk.path.with_extension("over");
        let mut kept = client.works().into_future();
        let mut blocks = client.blocks(over.clone()).into_future();
        rests.block_on(async {
            assert!(poll_once(&mut kept).await.is_pending());
            assert!(poll_once(&mut blocks).await.is_pending());
        });
        // Answered while only the other runtime runs, and while a thread waits as well.
        std::fs::write(&over, "").unwrap();
        runs.block_on(async {
            for number in 0..300 {
                assert_eq!(client.add(number, 1).await, Ok(number + 1));
            }
        });
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        rests.block_on(async {
            assert_eq!(blocks.await, Ok(()));
            assert_eq!(client.add(1, 2).await, Ok(3));
            assert!(poll_once(&mut kept).await.is_pending());
        });
    }
}

#[test]
fn a_future_that_is_kept_and_not_polled_keeps_nobody_from_an_answer_or_a_turn() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 2);
        one_thread().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let mut works = client.works().into_future();
            assert!(poll_once(&mut works).await.is_pending());
            for number in 0..100 {
                // The usual loop: one branch is polled again and again, the other one only at first.
                tokio::select! {
                    biased;
                    sum = client.add(number, 1) => assert_eq!(sum, Ok(number + 1)),
                    end = &mut works => panic!("{end:?}"),
                }
            }
            // All turns are taken; the first that waits for one is never polled again, the second one gets it.
            let held = client.works().start_async().await.unwrap();
            let mut kept = client.works().into_future();
            assert!(poll_once(&mut kept).await.is_pending());
            let own = client.clone();
            let next = tokio::spawn(async move { own.add(1, 2).await });
            tokio::task::yield_now().await;
            drop(held);
            assert_eq!(next.await.unwrap(), Ok(3));
        });
    }
}

#[test]
fn a_thousand_tasks_share_one_client() {
    let guard = guard!();
    for (role, in_flight) in [(THREADS, 128), (SYNC_TASKS, 128), (ASYNC, 4)] {
        let desk = open(&guard, role, in_flight);
        two_threads().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let mut tasks = JoinSet::new();
            for number in 0..1_000_usize {
                let client = client.clone();
                tasks.spawn(async move {
                    let len = [3, 300, 3_000, 70_000][number % 4];
                    let sent = vec![number as u8; len];
                    assert!(client.echo(sent.clone()).await.unwrap() == sent);
                });
            }
            tasks.join_all().await;
        });
    }
}

#[test]
fn threads_and_tasks_share_one_client() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 4);
        let client = DeskClient::connect(&desk.path).unwrap();
        let runtimes = [one_thread(), two_threads()];
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let client = client.clone();
                scope.spawn(move || {
                    for number in 0..300 {
                        assert_eq!(client.add(thread, number).wait(), Ok(thread + number));
                    }
                    assert!(client.echo(bytes(200_000)).wait().unwrap() == bytes(200_000));
                });
            }
            for (runtime, salt) in runtimes.iter().zip([1_000, 2_000]) {
                let client = client.clone();
                scope.spawn(move || {
                    runtime.block_on(async {
                        let mut tasks = JoinSet::new();
                        for task in 0..3 {
                            let client = client.clone();
                            tasks.spawn(async move {
                                for number in 0..100 {
                                    assert_eq!(client.add(salt + task, number).await, Ok(salt + task + number));
                                }
                                assert!(client.echo(bytes(200_000)).await.unwrap() == bytes(200_000));
                            });
                        }
                        tasks.join_all().await;
                    });
                });
            }
        });
    }
}

#[test]
fn calls_that_are_begun_can_be_awaited_in_any_order_or_waited_for_by_threads() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 128);
        two_threads().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let mut calls = Vec::new();
            for number in 0..500 {
                calls.push(client.add(number, 1).start_async().await.unwrap());
            }
            for (number, call) in (0..500).zip(calls).rev() {
                assert_eq!(call.await, Ok(number + 1));
            }
            let mut slow = client.works().start_async().await.unwrap();
            let quick = client.add(1, 2).start_async().await.unwrap();
            tokio::select! {
                sum = quick => assert_eq!(sum, Ok(3)),
                end = &mut slow => panic!("{end:?}"),
            }
            let quick = client.add(3, 4).start_async().await.unwrap();
            let by_a_thread = spawn_blocking(move || {
                assert_eq!(wait_any(&[&slow, &quick], None), Ok(Some(1)));
                (slow, quick.wait())
            });
            let (slow, sum) = by_a_thread.await.unwrap();
            assert_eq!(sum, Ok(7));
            assert!(matches!(tokio::time::timeout(SHORT, slow).await, Err(_elapsed)));
            until_so(|| async { client.begun().await == client.stopped().await }).await;
        });
    }
}

#[test]
fn a_killed_server_ends_every_call_and_says_whether_it_may_have_run() {
    let guard = guard!();
    for role in ROLES {
        let mut desk = open(&guard, role, 3);
        two_threads().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let mut taken = client.works().into_future();
            assert!(poll_once(&mut taken).await.is_pending());
            // Its answer says that what was sent before was taken out.
            assert_eq!(client.add(1, 1).await, Ok(2));
            desk.process.stop();
            let sent = client.add(1, 1).start_async().await.unwrap();
            let mut large = client.echo(bytes(3 << 20)).into_future();
            assert!(poll_once(&mut large).await.is_pending());
            let own = client.clone();
            let in_a_task = tokio::spawn(async move { own.add(1, 1).await });
            desk.process.kill();
            let unrun = RpcError::PeerDied { may_have_executed: false };
            assert_eq!(sent.await, Err(unrun.clone()));
            assert_eq!(large.await, Err(unrun.clone()));
            assert_eq!(in_a_task.await.unwrap(), Err(unrun.clone()));
            assert_eq!(taken.await, Err(RpcError::PeerDied { may_have_executed: true }));
            assert_eq!(client.add(1, 1).await, Err(unrun.clone()));
            assert_eq!(client.add(1, 1).start_async().await.map(drop), Err(unrun.clone()));
            assert!(unrun.is_retryable());
        });
    }
}

#[test]
fn a_client_goes_from_runtime_to_runtime_and_each_may_end() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 128);
        let client = DeskClient::connect(&desk.path).unwrap();
        let first = two_threads();
        for _ in 0..5 {
            let client = client.clone();
            first.spawn(async move { client.works().await });
        }
        let over = desk.path.with_extension("over");
        let (mut kept, mut late) = first.block_on(async {
            let mut kept = client.blocks(over.clone()).start_async().await.unwrap();
            assert!(poll_once(&mut kept).await.is_pending());
            let mut late = client.works().timeout(SHORT).start_async().await.unwrap();
            let _ = poll_once(&mut late).await;
            (kept, late)
        });
        // Its tasks are dropped, and their calls with them.
        drop(first);
        std::fs::write(&over, "").unwrap();
        let second = one_thread();
        second.block_on(async {
            assert_eq!((&mut kept).await, Ok(()));
            assert!(matches!((&mut late).await, Ok(7) | Err(RpcError::DeadlineExceeded { .. })));
            assert_eq!(client.add(1, 2).await, Ok(3));
            drop(late);
            until_so(|| async { client.begun().await == client.stopped().await }).await;
        });
        drop(second);
        assert_eq!(client.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn a_deadline_is_kept_by_whichever_runtime_waits() {
    let guard = guard!();
    let desk = open(&guard, ASYNC, 128);
    let client = DeskClient::connect(&desk.path).unwrap();
    let waits = one_thread();
    for ends in [false, true] {
        // Its timer is with a runtime that rests from then on, or ends.
        let first = one_thread();
        let mut call = client.works().timeout(Duration::from_millis(300)).into_future();
        if first.block_on(poll_once(&mut call)).is_pending() {
            let _rests = (!ends).then_some(first);
            let late = waits.block_on(call);
            assert!(matches!(late, Err(RpcError::DeadlineExceeded { .. })), "{late:?}");
        }
    }
}

#[test]
fn runtimes_that_ended_leave_nothing_at_a_client() {
    let guard = guard!();
    let desk = open(&guard, ASYNC, 128);
    let client = DeskClient::connect(&desk.path).unwrap();
    let round = || assert!(one_thread().block_on(poll_once(&mut client.works().into_future())).is_pending());
    let epolls = || {
        let fds = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let targets = fds.filter_map(|fd| std::fs::read_link(fd.path()).ok());
        targets.filter(|target| target.to_string_lossy().contains("eventpoll")).count()
    };
    // Other tests open and close some meanwhile, but not so many.
    let before = epolls();
    (0..200).for_each(|_| round());
    assert!(epolls() < before + 100, "{} event polls, and {before} before", epolls());
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

#[test]
fn a_panic_of_a_value_or_a_future_is_the_error_of_its_call_and_nothing_else() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 128);
        two_threads().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let other = DeskClient::connect_async(&desk.path).await.unwrap();
            let bystander = other.works().start_async().await.unwrap();
            until_works(&client, (1, 0)).await;
            for _ in 0..3 {
                assert_eq!(client.passes(Bomb(NEVER)).await, Ok(Bomb(NEVER)));
                for when in [SERIALIZED, DESERIALIZED] {
                    assert_eq!(client.passes(Bomb(when)).await, Err(RpcError::Panicked("it went off".into())));
                }
                // Dropped before or after it is sent.
                let dropped = client.passes(Bomb(DROPPED)).await;
                assert!(dropped == Ok(Bomb(DROPPED)) || dropped == Err(RpcError::Panicked("it went off".into())));
            }
            for round in 0..3 {
                let bad = client.ends_badly().start_async().await.unwrap();
                until_works(&client, (round + 2, round)).await;
                drop(bad);
                until_works(&client, (round + 2, round + 1)).await;
            }
            assert_eq!(client.add(1, 2).await, Ok(3));
            assert_eq!(other.add(1, 2).await, Ok(3));
            drop(bystander);
            until_works(&client, (4, 4)).await;
        });
    }
}

#[test]
fn a_panic_in_the_callers_own_type_is_the_callers() {
    let guard = guard!();
    let desk = open(&guard, ASYNC, 1);
    let client = DeskClient::connect(&desk.path).unwrap();
    for gives in [false, true] {
        let own = client.clone();
        let panicked = std::thread::spawn(move || {
            // On this thread only, and so in no other test.
            desk::ARMED_HERE.set(true);
            one_thread().block_on(async {
                match gives {
                    true => drop(own.gives(DESERIALIZED).await),
                    false => drop(own.passes(Bomb(SERIALIZED)).await),
                }
            });
        });
        assert!(panicked.join().is_err());
        // The place of the call is free again: there is only one.
        assert_eq!(client.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn expired_and_cancelled_requests_are_not_started() {
    let guard = guard!();
    for role in [SYNC_TASKS, ASYNC] {
        let desk = open(&guard, role, 128);
        let over = desk.path.with_extension("over");
        one_thread().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let other = DeskClient::connect_async(&desk.path).await.unwrap();
            // The task of the session is kept busy; what comes meanwhile waits.
            let blocking = client.blocks(over.clone()).start_async().await.unwrap();
            until_so(|| async { other.blocked().await == Ok(1) }).await;
            let cancelled = client.works().start_async().await.unwrap();
            let expired = client.works().timeout(SHORT).start_async().await.unwrap();
            drop(cancelled);
            assert!(matches!(expired.await, Err(RpcError::DeadlineExceeded { .. })));
            std::fs::write(&over, "").unwrap();
            assert_eq!(blocking.await, Ok(()));
            assert_eq!(client.begun().await, Ok(0));
        });
    }
}

/// A server that is told to stop, and says how many of its handlers have ended by then.
fn stop_on_a_word(path: &str) {
    two_threads().block_on(async {
        let clerk = desk::Clerk::default();
        let server = rapace::aio::Server::new(desk::awaited::DeskServer::new(clerk)).bind(path).unwrap();
        say("serving");
        spawn_blocking(hear).await.unwrap();
        server.shut_down();
        server.join().await.unwrap();
        say("joined");
        until_so(|| async { desk::STOPPED.load(std::sync::atomic::Ordering::Relaxed) == 2 }).await;
        say("all futures are dropped");
        spawn_blocking(hear).await.unwrap();
    });
}

#[test]
fn a_server_that_is_shut_down_ends_its_calls() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sock");
    let mut process = guard.spawn("stops", path.display());
    assert_eq!(process.hear(), "serving");
    one_thread().block_on(async {
        let client = DeskClient::connect_async(&path).await.unwrap();
        let other = DeskClient::connect_async(&path).await.unwrap();
        let begun = client.works().start_async().await.unwrap();
        let mut awaited = other.works().into_future();
        assert!(poll_once(&mut awaited).await.is_pending());
        until_works(&client, (2, 0)).await;
        process.tell("stop");
        assert_eq!(begun.await, Err(RpcError::Closed { may_have_executed: true }));
        assert_eq!(awaited.await, Err(RpcError::Closed { may_have_executed: true }));
        assert_eq!(client.add(1, 2).await, Err(RpcError::Closed { may_have_executed: false }));
        assert_eq!(process.hear(), "joined");
        assert_eq!(process.hear(), "all futures are dropped");
        let refused = DeskClient::connect_async(&path).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Open(OpenError::NoServer { .. })), "{refused}");
    });
    process.join();
}

#[test]
fn a_client_that_is_closed_ends_its_calls() {
    let guard = guard!();
    for role in ROLES {
        let desk = open(&guard, role, 128);
        two_threads().block_on(async {
            let client = DeskClient::connect_async(&desk.path).await.unwrap();
            let other = DeskClient::connect_async(&desk.path).await.unwrap();
            let own = client.clone();
            let task = tokio::spawn(async move { own.works().await });
            until_works(&other, (1, 0)).await;
            client.session().close();
            assert_eq!(task.await.unwrap(), Err(RpcError::Closed { may_have_executed: true }));
            assert_eq!(client.add(1, 2).await, Err(RpcError::Closed { may_have_executed: false }));
            until_works(&other, (1, 1)).await;
        });
    }
}
