//! What comes through streams, between two processes: every item, in order, whoever sends and however the two sides wait;
//! and slow readers, who slow their own writers and nobody else. How streams end is another file's.

#![cfg(all(feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod faces;
mod peer;
mod pipes;

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use faces::{Awaiting, Blocking, Face, end, now, one_thread, start};
use futures_core::Stream;
use pipes::{ASYNC, PipesClient, ROLES, SYNC_TASKS, Sample, THREADS, config, everywhere, open, serve};
use rapace::{Tx, stream};

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, |path| serve(THREADS, path)),
        (SYNC_TASKS, |path| serve(SYNC_TASKS, path)),
        (ASYNC, |path| serve(ASYNC, path)),
    ]);
}

/// Empty, in a descriptor, in slots of each class, in fragments.
const SIZES: [usize; 11] = [0, 1, 22, 23, 24, 300, 5_000, 65_000, 100_000, 1 << 20, 3];

fn bytes(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|index| ((index + number).wrapping_mul(31) >> 3) as u8).collect()
}

#[test]
fn a_server_streams_to_its_caller_in_order_and_the_result_comes_last() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        for (to, at_once) in [(0, false), (0, true), (1, false), (1, true), (7_000, false), (7_000, true)] {
            let (tx, rx) = stream();
            let call = start!(face, client.count(to, at_once, tx)).unwrap();
            assert!(face.all(rx).await.into_iter().eq(0..to), "{to} {at_once}");
            assert_eq!(end!(face, call), Ok(to));
        }
    });
}

#[test]
fn a_caller_streams_to_a_server_in_order() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        for (to, at_once) in [(0, false), (0, true), (1, false), (1, true), (7_000, false), (7_000, true)] {
            let (mut tx, rx) = stream();
            let call = start!(face, client.tally(rx)).unwrap();
            if at_once {
                face.send_all(&mut tx, 0..to).await.unwrap();
            } else {
                for number in 0..to {
                    face.send(&mut tx, number).await.unwrap();
                }
            }
            drop(tx);
            assert_eq!(end!(face, call), Ok(to), "{to} {at_once}");
        }
    });
}

/// Sends what `items` says.
async fn send_sizes(face: Face, mut tx: Tx<Vec<u8>>, rounds: usize) {
    for (number, len) in SIZES.into_iter().cycle().take(rounds * SIZES.len()).enumerate() {
        face.send(&mut tx, bytes(number, len)).await.unwrap();
    }
}

#[test]
fn large_items_and_small_ones_go_both_ways_at_once() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        let ((tx, to_server), (back, mut rx)) = (stream(), stream());
        let call = start!(face, client.echo(to_server, back)).unwrap();
        let receives = async {
            for (number, len) in SIZES.into_iter().cycle().take(3 * SIZES.len()).enumerate() {
                let item = face.recv(&mut rx).await.unwrap().unwrap();
                assert!(item == bytes(number, len), "item {number} of {len} bytes");
            }
            assert_eq!(face.recv(&mut rx).await, Ok(None));
            assert_eq!(face.recv(&mut rx).await, Ok(None));
        };
        face.both(send_sizes(face, tx, 3), receives).await;
        assert_eq!(end!(face, call), Ok(3 * SIZES.len() as u32));
    });
}

#[test]
fn texts_structs_and_items_without_bytes_go_through_streams_of_one_call() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        let text = |number: u32| "äbc".repeat(number as usize % 40);
        let ((mut tx, texts), (samples, from_samples), (nothings, from_nothings)) = (stream(), stream(), stream());
        let call = start!(face, client.mixed(texts, samples, nothings)).unwrap();
        let sends = async {
            face.send_all(&mut tx, (0..100).map(text)).await.unwrap();
            for number in 100..300 {
                face.send(&mut tx, text(number)).await.unwrap();
            }
            drop(tx);
        };
        let receives = async { (face.all(from_samples).await, face.all(from_nothings).await) };
        let ((samples, nothings), ()) = face.both(receives, sends).await;
        assert!(samples.into_iter().eq((0..300).map(|number| Sample::of(number, &text(number)))));
        assert_eq!(nothings.len(), 300);
        assert_eq!(end!(face, call), Ok(300));
    });
}

#[test]
fn items_without_bytes_can_be_sent_all_at_once_and_are_counted() {
    #[rapace::service]
    trait Nothings {
        fn give(&self, count: u32, out: Tx<()>);
    }
    struct Giver;
    impl Nothings for Giver {
        fn give(&self, count: u32, mut out: Tx<()>) {
            out.send_all((0..count).map(drop)).wait().unwrap();
        }
    }
    let _guard = guard!();
    let client = NothingsClient::local(Giver).unwrap();
    for count in [0, 1, 10_000] {
        let (tx, rx) = stream();
        let call = client.give(count, tx).start().unwrap();
        assert_eq!(rx.into_iter().map(Result::unwrap).count(), count as usize);
        assert_eq!(call.wait(), Ok(()));
    }
}

#[test]
fn a_million_items_come_one_by_one_and_in_groups() {
    let guard = guard!();
    const MANY: u32 = 1_000_000;
    for (role, face) in [(THREADS, Blocking), (ASYNC, Awaiting)] {
        let served = open(&guard, role);
        let client = served.client();
        // In a build that is not optimised a send takes a microsecond or two.
        let one_by_one = if role == THREADS { MANY } else { MANY / 5 };
        for (to, at_once) in [(one_by_one, false), (MANY, true)] {
            let play = async {
                let (tx, mut rx) = stream();
                let call = start!(face, client.count(to, at_once, tx)).unwrap();
                for number in 0..to {
                    assert_eq!(face.recv(&mut rx).await, Ok(Some(number)));
                }
                assert_eq!(face.recv(&mut rx).await, Ok(None));
                assert_eq!(end!(face, call), Ok(to));
            };
            if face == Blocking { now(play) } else { one_thread().block_on(play) }
        }
    }
}

/// What a stream has on its way at most, and what an item costs at least: as the documentation of `Tx` says.
const WINDOW: u32 = 256 << 10;
const ITEM: u32 = 64;

/// How many items of this length are taken of a writer whose reader rests.
fn most(len: u32) -> u32 {
    (WINDOW / len.max(ITEM)).max(1)
}

/// Waits until handlers of `fills` have sent so many items since there were `before`, and looks whether they leave it at that.
async fn rests_at(face: Face, client: &PipesClient, before: u32, most: u32) {
    let filled = async || end!(face, client.filled()).unwrap() - before;
    while filled().await < most {
        face.rest().await;
    }
    for _ in 0..20 {
        assert_eq!(filled().await, most, "items are sent, and nobody reads");
        face.rest().await;
    }
}

#[test]
fn a_writer_whose_reader_rests_stops_after_its_window_and_goes_on_with_it() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        // The window for small ones; of large ones as many as fit; of larger ones than the window a single one.
        for (len, count) in [(1, 20_000), (60_000, 50), (1 << 20, 5)] {
            let before = end!(face, client.filled()).unwrap();
            let (tx, mut rx) = stream();
            let call = start!(face, client.fills(len, count, tx)).unwrap();
            rests_at(face, &client, before, most(len as u32)).await;
            for number in 0..count {
                let item = face.recv(&mut rx).await.unwrap().unwrap();
                assert!(item.len() == len && item.iter().all(|byte| *byte == number as u8), "item {number}");
            }
            assert_eq!(face.recv(&mut rx).await, Ok(None));
            assert_eq!(end!(face, call), Ok(count));
        }
    });
}

#[test]
fn a_writer_to_a_server_that_does_not_read_stops_as_well() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let ((mut tx, numbers), (out, rx)) = (stream(), stream());
        // The handler waits at its own stream, which nobody reads, before it looks at this one.
        let call = client.ends(20_000, pipes::Then::Returns, out, numbers).start().unwrap();
        let mut sent = 0;
        one_thread().block_on(async {
            // As many as are taken at once, in several turns of this task, and after those none, however often it is tried.
            for _ in 0..100 {
                loop {
                    let mut sending = tx.send(sent).into_future();
                    match poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx))).await {
                        Poll::Ready(done) => done.unwrap(),
                        Poll::Pending => break,
                    }
                    sent += 1;
                }
                assert_eq!(client.add(1, 2).await, Ok(3));
            }
        });
        assert_eq!(sent, WINDOW / ITEM);
        let reads = std::thread::spawn(move || rx.into_iter().map(Result::unwrap).count());
        for number in sent..20_000 {
            tx.send(number).wait().unwrap();
        }
        assert_eq!(reads.join().unwrap(), 20_000);
        assert_eq!(call.wait(), Ok(20_000));
    }
}

#[test]
fn a_reader_that_rests_slows_its_own_writer_and_nobody_else() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        let before = end!(face, client.filled()).unwrap();
        // Three that rest: of small items, of large ones, and one that takes an item now and then.
        let ((a, rests), (b, mut dozes), (c, sleeps)) = (stream(), stream(), stream());
        let calls = [
            start!(face, client.fills(10, 10_000, a)).unwrap(),
            start!(face, client.fills(100_000, 100, b)).unwrap(),
            start!(face, client.fills(1 << 20, 10, c)).unwrap(),
        ];
        rests_at(face, &client, before, most(10) + most(100_000) + most(1 << 20)).await;
        for round in 0..5 {
            for number in 0..50 {
                assert_eq!(end!(face, client.add(number, round)), Ok(number + round));
            }
            let (tx, rx) = stream();
            let quick = start!(face, client.count(10_000, round % 2 == 0, tx)).unwrap();
            assert!(face.all(rx).await.into_iter().eq(0..10_000));
            assert_eq!(end!(face, quick), Ok(10_000));
            let ((tx, data), (back, mut rx)) = (stream(), stream());
            let echo = start!(face, client.echo(data, back)).unwrap();
            let reads = async {
                let mut count = 0;
                while face.recv(&mut rx).await.unwrap().is_some() {
                    count += 1;
                }
                count
            };
            assert_eq!(face.both(reads, send_sizes(face, tx, 1)).await.0, SIZES.len());
            assert_eq!(end!(face, echo), Ok(SIZES.len() as u32));
            assert!(face.recv(&mut dozes).await.unwrap().is_some());
        }
        // They were not forgotten.
        assert_eq!(face.all(sleeps).await.len(), 10);
        assert_eq!(face.all(dozes).await.len(), 95);
        assert_eq!(face.all(rests).await.len(), 10_000);
        for (call, count) in calls.into_iter().zip([10_000, 100, 10]) {
            assert_eq!(end!(face, call), Ok(count));
        }
    });
}

#[test]
fn each_stream_has_a_share_that_the_readers_of_others_cannot_keep() {
    let guard = guard!();
    const SHARE: u32 = 16 << 10;
    for role in ROLES {
        let served = open(&guard, role);
        // Beyond the shares there is room for nothing but a single item.
        let mut config = config();
        config.limits.stream_bytes = 0;
        let client = served.client_with(config);
        let ((a, large), (b, small)) = (stream(), stream());
        let a = client.fills(1 << 20, 3, a).start().unwrap();
        now(rests_at(Blocking, &client, 0, 1));
        let b = client.fills(10, 1_000, b).start().unwrap();
        now(rests_at(Blocking, &client, 0, 1 + SHARE / ITEM));
        for _ in 0..3 {
            let (tx, rx) = stream();
            let count = client.count(5_000, false, tx).start().unwrap();
            assert!(now(Blocking.all(rx)).into_iter().eq(0..5_000));
            assert_eq!(count.wait(), Ok(5_000));
        }
        assert_eq!(now(Blocking.all(small)).len(), 1_000);
        assert_eq!(now(Blocking.all(large)).len(), 3);
        assert_eq!((a.wait(), b.wait()), (Ok(3), Ok(1_000)));
    }
}

#[test]
fn a_stream_that_waits_for_what_others_keep_goes_on_when_they_leave_it() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut config = config();
        config.limits.stream_bytes = 0;
        let client = served.client_with(config);
        for how in ["read", "dropped", "cancelled"] {
            let before = client.filled().wait().unwrap();
            let ((a, keeps), (b, waits)) = (stream(), stream());
            let keeping = client.fills(1 << 20, 2, a).start().unwrap();
            now(rests_at(Blocking, &client, before, 1));
            // Its first item does not fit its share.
            let waiting = client.fills(20_000, 10, b).start().unwrap();
            let reads = std::thread::spawn(move || now(Blocking.all(waits)).len());
            while client.running().wait() != Ok(2) {
                now(Blocking.rest());
            }
            now(rests_at(Blocking, &client, before, 1));
            match how {
                "read" => assert_eq!(now(Blocking.all(keeps)).len(), 2),
                "dropped" => drop(keeps),
                _ => drop(keeping),
            }
            assert_eq!(reads.join().unwrap(), 10);
            assert_eq!(waiting.wait(), Ok(10));
            client.notes().wait().unwrap();
        }
    }
}

#[test]
fn a_thousand_streams_are_read_from_the_last_to_the_first() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let play = async |face: Face| {
            // More than the share that each stream has for sure, by far.
            const TO: u32 = 600;
            let mut calls = Vec::new();
            for _ in 0..125 {
                let (txs, rxs): (Vec<_>, Vec<_>) = (0..8).map(|_| stream::<u32>()).unzip();
                let Ok([a, b, c, d, e, f, g, h]) = <[Tx<u32>; 8]>::try_from(txs) else { unreachable!() };
                let call = start!(face, client.eight(TO, a, b, c, d, e, f, g, h)).unwrap();
                calls.push((call, rxs));
            }
            for (call, rxs) in calls.into_iter().rev() {
                // Within a call in the order in which they are sent: the handler is at one of them at a time.
                for rx in rxs {
                    assert!(face.all(rx).await.into_iter().eq(0..TO));
                }
                assert_eq!(end!(face, call), Ok(8 * TO));
            }
            assert_eq!(end!(face, client.add(1, 2)), Ok(3));
        };
        if role == SYNC_TASKS { one_thread().block_on(play(Awaiting)) } else { now(play(Blocking)) }
    }
}

#[test]
fn many_threads_stream_through_one_session_at_once() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let client = client.clone();
                scope.spawn(move || {
                    for round in 0..6 {
                        let (tx, rx) = stream();
                        let call = client.count(2_000, round % 2 == 0, tx).start().unwrap();
                        let (mut to, numbers) = stream();
                        let tally = client.tally(numbers).start().unwrap();
                        for (number, item) in rx.into_iter().enumerate() {
                            assert_eq!(item, Ok(number as u32));
                            to.send(number as u32).wait().unwrap();
                        }
                        drop(to);
                        assert_eq!(tally.wait(), Ok(2_000));
                        assert_eq!(call.wait(), Ok(2_000));
                        assert_eq!(client.add(thread, round).wait(), Ok(thread + round));
                    }
                });
            }
            let client = client.clone();
            scope.spawn(move || {
                one_thread().block_on(async {
                    for _ in 0..6 {
                        let (tx, rx) = stream();
                        let call = client.count(2_000, false, tx).start_async().await.unwrap();
                        assert!(Awaiting.all(rx).await.into_iter().eq(0..2_000));
                        assert_eq!(call.await, Ok(2_000));
                    }
                });
            });
        });
    }
}

#[test]
fn a_receiving_end_is_a_stream_and_an_iterator() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        one_thread().block_on(async {
            let (tx, mut rx) = stream();
            let call = client.count(5_000, false, tx).start_async().await.unwrap();
            let mut next = async || poll_fn(|cx| Pin::new(&mut rx).poll_next(cx)).await;
            for number in 0..5_000 {
                assert_eq!(next().await, Some(Ok(number)));
            }
            assert_eq!((next().await, next().await), (None, None));
            assert_eq!(call.await, Ok(5_000));
        });
        let (tx, mut rx) = stream();
        let call = client.count(100, true, tx).start().unwrap();
        // By reference some, awaited one, by value the rest.
        assert!(rx.iter().take(50).map(Result::unwrap).eq(0..50));
        assert_eq!(one_thread().block_on(async { rx.recv().await }), Ok(Some(50)));
        assert!(rx.into_iter().map(Result::unwrap).eq(51..100));
        assert_eq!(call.wait(), Ok(100));
    }
}

#[test]
fn ends_move_between_threads_and_tasks_in_mid_stream() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let ((mut tx, data), (back, mut rx)) = (stream::<Vec<u8>>(), stream::<Vec<u8>>());
        let mut call = Some(client.echo(data, back).start().unwrap());
        for round in 0..10 {
            let work = move || {
                for number in 0..20 {
                    tx.send(bytes(number, number * 100)).wait().unwrap();
                }
                (tx, rx)
            };
            (tx, rx) = std::thread::spawn(work).join().unwrap();
            let (runtime, last) = (one_thread(), round == 9);
            (tx, rx) = runtime.block_on(async move {
                for number in 0..20 {
                    assert_eq!(rx.recv().await.unwrap().unwrap(), bytes(number, number * 100));
                }
                (tx, rx)
            });
            if last {
                drop(tx);
                assert_eq!(rx.recv().wait(), Ok(None));
                assert_eq!(call.take().unwrap().wait(), Ok(200));
                break;
            }
        }
    }
}
