//! Clients that connect again, between processes: what becomes of calls when their server is killed, takes its leave or is
//! another program afterwards. Each server notes in a file what it runs, so a call that ran twice is seen.

#![cfg(all(target_os = "linux", feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod faces;
mod peer;
mod restarts;

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use faces::{Awaiting, Blocking};
use peer::{Peer, until};
use rapace::{ConnectError, Event, NoConnection, OpenError, RpcError, StreamError};
use restarts::{
    BellServer, DoorClient, FACES, LONG, Premises, RINGS, Rung, SERVES, SERVES_CHANGED, begin, call, next, quick, run,
};
use rustix::process::Signal;

#[test]
fn peer_entry() {
    peer::run(&[SERVES, SERVES_CHANGED]);
}

const DIED: RpcError = RpcError::PeerDied { may_have_executed: true };
const LATE: RpcError = RpcError::DeadlineExceeded { may_have_executed: false };

fn no_connection<T: std::fmt::Debug>(outcome: Result<T, RpcError>) -> NoConnection {
    match outcome {
        Err(RpcError::NoConnection(why)) => *why,
        other => panic!("{other:?}"),
    }
}

/// Has a server take its leave; it is gone from its path, and may still answer.
fn ask_to_leave(premises: &Premises, server: &mut Peer) {
    server.tell("take your leave");
    until(|| !premises.path.exists());
}

// ---- calls ----------------------------------------------------------------------------------------------------------

#[test]
fn the_next_call_goes_to_the_new_server() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let client = match face {
            Blocking => premises.client(),
            Awaiting => run(face, premises.builder().connect_async(&premises.path)).unwrap(),
        };
        let door = client.session().client::<DoorClient>().unwrap();
        assert_eq!(call!(face, client.pid()), Ok(server.pid()));
        for _ in 0..2 {
            server.kill();
            server = premises.serve();
            assert_eq!(call!(face, client.pid()), Ok(server.pid()));
            assert_eq!(client.session().peer().pid as u32, server.pid());

            ask_to_leave(&premises, &mut server);
            server.wait();
            server = premises.serve();
            // Another service of the same server, and a client of it that is made now.
            assert_eq!(call!(face, door.pid()), Ok(server.pid()));
            let door = client.session().client::<DoorClient>().unwrap();
            assert_eq!(call!(face, door.pid()), Ok(server.pid()));
        }
        assert_eq!(client.session().supervision().unwrap().sessions, 5);
    }
}

#[test]
fn a_call_in_flight_ends_with_its_server_and_one_that_may_run_twice_is_made_again() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let client = premises.client();
        std::thread::scope(|scope| {
            let once = scope.spawn(|| call!(face, client.hold(1)));
            let again = scope.spawn(|| call!(face, client.hold_again(2)));
            premises.until_ran(1, 1);
            premises.until_ran(2, 1);
            server.kill();
            let server = premises.serve();
            assert_eq!(once.join().unwrap(), Err(DIED));
            premises.until_ran(2, 2);
            premises.let_go(2);
            assert_eq!(again.join().unwrap(), Ok(server.pid()));
        });
        assert_eq!(premises.ran(1), 1);
        assert_eq!(premises.ran(2), 2);
    }
}

#[test]
fn a_call_that_certainly_did_not_run_is_made_again_in_its_time() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let client = premises.client();
        assert_eq!(call!(face, client.pid()), Ok(server.pid()));
        server.stop();
        // Inline, in a slot, and in more fragments than there is room for.
        let lens = [0, 3_000, 8 << 20];
        std::thread::scope(|scope| {
            let calls = [1_u64, 2, 3].map(|id| {
                let (client, len) = (&client, lens[id as usize - 1]);
                scope.spawn(move || call!(face, client.note(id, vec![id as u8; len]).timeout(LONG)))
            });
            until(|| client.session().stats().own.calls_begun >= 3);
            server.kill();
            let _server = premises.serve();
            for (id, call) in (1..).zip(calls) {
                assert!(call.join().unwrap() == Ok(vec![id as u8; lens[id - 1]]), "call {id}");
                assert_eq!(premises.ran(id as u64), 1);
            }
        });
    }
}

#[test]
fn a_call_that_kills_each_server_is_made_three_times_and_one_that_must_not_run_twice_once() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let server = premises.serve();
        let client = premises.client();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut server = server;
                for _ in 0..3 + 1 + 3 {
                    server.wait();
                    server = premises.serve();
                }
            });
            assert_eq!(call!(face, client.poison_again(1)), Err(DIED));
            assert_eq!(call!(face, client.poison(2)), Err(DIED));
            assert_eq!(begin!(face, client.poison_again(3)).and_then(|pending| call!(face, pending)), Err(DIED));
        });
        assert_eq!([1, 2, 3].map(|id| premises.ran(id)), [3, 1, 3]);
    }
}

#[test]
fn without_a_server_calls_end_when_their_time_or_the_patience_is_over() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let mut retry = quick();
        retry.patience = Duration::from_millis(20);
        let (client, events) = premises.watched(retry);
        server.kill();
        next!(events, Event::Failed { .. });
        let why = no_connection(call!(face, client.note(1, vec![])));
        assert!(why.is_retryable && why.tries > 0, "{why:?}");
        let text = why.to_string();
        assert!(text.contains("no server listens at") && text.contains("the call did not run"), "{text}");
        no_connection(call!(face, client.note(1, vec![]).timeout(LONG)));
        no_connection(begin!(face, client.note(1, vec![])));
        no_connection(call!(face, client.drop_in(1)));
        no_connection(client.drop_in(1).send());
        no_connection(begin!(face, client.count(1, rapace::stream().0)));
        assert!(client.note(1, vec![]).try_start().is_err_and(|error| error.to_string().contains("no room")));

        let (client, events) = premises.watched_without_server(quick());
        next!(events, Event::Failed { .. });
        let short = Duration::from_millis(5);
        assert_eq!(call!(face, client.note(1, vec![]).timeout(short)), Err(LATE));
        assert_eq!(begin!(face, client.note(1, vec![]).timeout(short)).map(drop), Err(LATE));
        assert_eq!(begin!(face, client.count(1, rapace::stream().0).timeout(short)).map(drop), Err(LATE));
        let _server = premises.serve();
        call!(face, client.note(2, vec![])).unwrap();
        assert_eq!(premises.ran(1), 0);
    }
}

/// The time of a call runs from its beginning, with the wait for a session.
#[test]
fn the_wait_for_a_session_counts_towards_the_time_of_a_call() {
    let premises = Premises::new(guard!());
    let (client, _events) = premises.watched_without_server(quick());
    run(Awaiting, async {
        let mut call = pin!(client.left().timeout(LONG).into_future());
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let waited = begun.elapsed();
        let _server = premises.serve();
        let left = call.await.unwrap().unwrap();
        assert!(left <= LONG - waited, "{left:?} are left after a wait of {waited:?}");
    });
}

/// Patience is for each wait, not for the call: one that ran for longer than that is made again all the same.
#[test]
fn a_call_that_was_answered_late_waits_for_the_next_session_anew() {
    let premises = Premises::new(guard!());
    let mut retry = quick();
    retry.patience = Duration::from_secs(2);
    let (client, events) = premises.watched_without_server(retry);
    run(Awaiting, async {
        // Its timer runs for the first wait.
        let mut call = pin!(client.hold_again(1).into_future());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        let mut server = premises.serve();
        next!(events, Event::Connected { .. });
        assert!(call.as_mut().poll(&mut cx).is_pending());
        let pending = client.hold_again(2).start_async().await.unwrap();
        premises.until_ran(1, 1);
        premises.until_ran(2, 1);
        tokio::time::sleep(retry.patience).await;
        server.kill();
        next!(events, Event::Ended { .. });
        let pending = pending.try_wait().unwrap_err();
        let pending = pending.try_wait().unwrap_err();
        assert!(call.as_mut().poll(&mut cx).is_pending());
        let _server = premises.serve();
        premises.let_go(1);
        premises.let_go(2);
        call.await.unwrap();
        pending.await.unwrap();
    });
}

/// The outcome says what became of all attempts together.
#[test]
fn a_call_that_may_have_run_before_it_found_no_session_says_so() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let (client, events) = premises.watched(quick());
        let calls = [10, 11].map(|id| begin!(face, client.hold_again(id)).unwrap());
        std::thread::scope(|scope| {
            let timely = scope.spawn(|| call!(face, client.hold_again(1).timeout(Duration::from_secs(1))));
            let closed = scope.spawn(|| call!(face, client.hold_again(2)));
            [1, 2, 10, 11].iter().for_each(|id| premises.until_ran(*id, 1));
            server.kill();
            next!(events, Event::Ended { .. });
            assert_eq!(timely.join().unwrap(), Err(RpcError::DeadlineExceeded { may_have_executed: true }));
            client.session().close();
            let closed_here = Err(RpcError::Closed { may_have_executed: true });
            assert_eq!(closed.join().unwrap(), closed_here);
            let [first, second] = calls;
            assert_eq!(call!(face, first), closed_here);
            assert_eq!(call!(face, second), closed_here);
        });
        assert_eq!(call!(face, client.pid()), Err(RpcError::Closed { may_have_executed: false }));

        let mut retry = quick();
        retry.patience = Duration::from_millis(20);
        let mut server = premises.serve();
        let (client, _events) = premises.watched(retry);
        std::thread::scope(|scope| {
            let lost = scope.spawn(|| call!(face, client.hold_again(3)));
            premises.until_ran(3, 1);
            server.kill();
            let why = no_connection(lost.join().unwrap());
            assert!(why.may_have_executed && why.to_string().contains("the call may have run"), "{why}");
        });
    }
}

// ---- calls that were begun ------------------------------------------------------------------------------------------

#[test]
fn begun_calls_are_made_again_however_they_are_waited_for() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let client = premises.client();
        let held = |id| begin!(face, client.hold_again(id)).unwrap();
        let (waited, tried, lost) = (held(1), held(2), begin!(face, client.hold(3)).unwrap());
        (1..=3).for_each(|id| premises.until_ran(id, 1));
        // One that is not begun before the server is gone.
        server.stop();
        let unrun = begin!(face, client.note(4, vec![4; 100])).unwrap();
        server.kill();
        let server = premises.serve();
        premises.let_go(1);
        premises.let_go(2);
        let mut tried = Some(tried);
        until(|| match tried.take().unwrap().try_wait() {
            Ok(outcome) => outcome == Ok(server.pid()),
            Err(pending) => {
                tried = Some(pending);
                false
            }
        });
        // Of two sessions: the earlier one is over.
        let now = begin!(face, client.hold(5)).unwrap();
        assert_eq!(rapace::wait_any(&[&now, &waited], None), Ok(Some(1)));
        assert_eq!(rapace::wait_any(&[&waited, &now], None), Ok(Some(0)));
        assert_eq!(call!(face, waited), Ok(server.pid()));
        assert_eq!(call!(face, lost), Err(DIED));
        assert_eq!(call!(face, unrun), Ok(vec![4; 100]));
        premises.let_go(5);
        assert_eq!(call!(face, now), Ok(server.pid()));
        assert_eq!([1, 2, 3, 4, 5].map(|id| premises.ran(id)), [2, 2, 1, 1, 1]);
    }
}

#[test]
fn a_call_that_is_begun_again_in_part_when_its_time_is_over_stands_in_nobodys_way() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let (client, events) = premises.watched(quick());
        let call = client.keep_again(1, vec![7; 8 << 20]).timeout(Duration::from_secs(3));
        let pending = begin!(face, call).unwrap();
        premises.until_ran(1, 1);
        server.kill();
        let server = premises.serve();
        next!(events, Event::Connected { restarts: 1, .. });
        server.stop();
        assert_eq!(call!(face, pending), Err(RpcError::DeadlineExceeded { may_have_executed: true }));
        server.signal(Signal::CONT);
        // As long, so that it needs the other one's place.
        assert!(call!(face, client.note(2, vec![8; 8 << 20])) == Ok(vec![8; 8 << 20]));
    }
}

#[test]
fn calls_that_are_begun_without_a_server_begin_with_the_next_one() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let (client, _events) = premises.watched_without_server(quick());
        std::thread::scope(|scope| {
            let begun = scope.spawn(|| begin!(face, client.note(1, vec![1])).unwrap());
            let sent = scope.spawn(|| call!(face, client.drop_in(2)));
            let counts = scope.spawn(|| {
                let (numbers, mut read) = rapace::stream();
                let pending = begin!(face, client.count(3, numbers)).unwrap();
                (run(face, face.recv(&mut read)), pending, read)
            });
            assert!(client.note(4, vec![]).try_start().is_err());
            let _server = premises.serve();
            assert_eq!(call!(face, begun.join().unwrap()), Ok(vec![1]));
            sent.join().unwrap().unwrap();
            assert_eq!(counts.join().unwrap().0, Ok(Some(0)));
            let Ok(tried) = client.note(5, vec![5]).try_start() else { panic!("there is room") };
            assert_eq!(call!(face, tried), Ok(vec![5]));
            premises.until_ran(2, 1);
        });
    }
}

#[test]
fn a_server_that_takes_its_leave_finishes_what_it_has_while_calls_go_to_the_next_one() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut first = premises.serve();
        let client = premises.client();
        let old = begin!(face, client.hold(1)).unwrap();
        premises.until_ran(1, 1);
        ask_to_leave(&premises, &mut first);
        let second = premises.serve();
        until(|| call!(face, client.pid()) == Ok(second.pid()));
        let new = begin!(face, client.hold(2)).unwrap();
        premises.until_ran(2, 1);
        // Both sessions are alive.
        assert_eq!(rapace::wait_any(&[&old, &new], Some(Duration::from_millis(1))), Ok(None));
        premises.let_go(2);
        assert_eq!(rapace::wait_any(&[&old, &new], None), Ok(Some(1)));
        assert_eq!(call!(face, new), Ok(second.pid()));
        premises.let_go(1);
        assert_eq!(rapace::wait_any(&[&old], None), Ok(Some(0)));
        assert_eq!(call!(face, old), Ok(first.pid()));
        first.wait();
        assert_eq!([1, 2].map(|id| premises.ran(id)), [1, 1]);
    }
}

// ---- streams, one-way calls, calls back -----------------------------------------------------------------------------

#[test]
fn streams_end_with_an_error_and_one_way_calls_go_on() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let client = premises.client();
        let (numbers, mut read) = rapace::stream();
        let pending = begin!(face, client.count(1, numbers)).unwrap();
        assert_eq!(run(face, face.recv(&mut read)), Ok(Some(0)));
        server.kill();
        let _server = premises.serve();
        let end = loop {
            match run(face, face.recv(&mut read)) {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        assert!(matches!(&end, Err(StreamError::Rpc(RpcError::PeerDied { .. }))), "{end:?}");
        assert_eq!(call!(face, pending), Err(DIED));
        call!(face, client.drop_in(2)).unwrap();
        until(|| client.drop_in(3).send().is_ok());
        premises.until_ran(2, 1);
        premises.until_ran(3, 1);
        assert_eq!(premises.ran(1), 1);
    }
}

#[test]
fn the_new_server_can_call_back() {
    let mut rings = 0;
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let client = match face {
            Blocking => premises.builder().serve(BellServer::new(Rung)).connect(&premises.path).unwrap(),
            Awaiting => run(face, async {
                premises.builder().serve_async(BellServer::new(Rung)).connect_async(&premises.path).await.unwrap()
            }),
        };
        for id in 0..3 {
            assert_eq!(call!(face, client.rings(id)), Ok(std::process::id()));
            rings += 2 * id + 1;
            until(|| RINGS.load(Ordering::Relaxed) == rings);
            server.kill();
            server = premises.serve();
        }
    }
}

// ---- another version ------------------------------------------------------------------------------------------------

#[test]
fn a_changed_shape_after_the_restart_is_the_error_that_prints_both() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let (client, events) = premises.watched(quick());
        server.kill();
        let mut server = premises.serve_as(SERVES_CHANGED);
        let says_both = |outcome: Result<u32, RpcError>| {
            let why = no_connection(outcome);
            assert!(!why.is_retryable);
            let text = why.to_string();
            assert!(
                text.contains("here `fn note(id: u64") && text.contains("at the server `fn note(id: String"),
                "{text}"
            );
        };
        next!(events, Event::Connected { restarts: 1, .. });
        // Who asks it now would wait for ever.
        server.stop();
        says_both(call!(face, client.pid()));
        says_both(begin!(face, client.hold(1)).map(|_| 0));
        says_both(client.drop_in(1).send().map(|()| 0));
        server.kill();
        let server = premises.serve();
        next!(events, Event::Connected { .. });
        assert_eq!(call!(face, client.pid()), Ok(server.pid()));
    }
}

#[test]
fn a_first_server_of_another_version_is_refused_with_both_shapes() {
    let premises = Premises::new(guard!());
    let _server = premises.serve_as(SERVES_CHANGED);
    let refused = premises.builder().connect(&premises.path).unwrap_err();
    assert!(matches!(&refused, ConnectError::Incompatible { .. }), "{refused:?}");
}

#[test]
fn what_is_tried_in_vain_before_is_forgotten_when_there_is_a_session() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let (client, events) = premises.watched(quick());
        server.kill();
        std::fs::remove_file(&premises.path).unwrap();
        std::fs::write(&premises.path, "not a socket").unwrap();
        let is_path = |error: &ConnectError| matches!(error, ConnectError::Open(OpenError::Path { .. }));
        until(|| matches!(next!(events, Event::Failed { .. }), Event::Failed { error, .. } if is_path(&error)));
        // At once, though it is patient.
        let why = no_connection(call!(face, client.pid()));
        assert!(!why.is_retryable && why.to_string().contains("not a socket"), "{why}");
        // Nothing else is met between that and the server.
        let elsewhere = Premises::new(guard!());
        let mut server = elsewhere.serve();
        std::fs::rename(&elsewhere.path, &premises.path).unwrap();
        next!(events, Event::Connected { .. });
        assert_eq!(call!(face, client.pid()), Ok(server.pid()));
        server.stop();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| call!(face, client.note(1, vec![])));
            until(|| client.session().stats().own.calls_begun == 2);
            server.kill();
            let _server = premises.serve();
            assert_eq!(waits.join().unwrap(), Ok(vec![]), "it met an error of long ago");
        });
    }
}
