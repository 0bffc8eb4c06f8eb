//! Tests: nobody who waits at a link is forgotten, or waits in vain. Each puts two links into a state that takes several threads and an
//! unlucky moment to come about.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::beside::Beside;
use super::deadline::Deadline;
use super::error::RpcError;
use super::link::{Begin, Link, Target};
use super::serving::Replying;
use super::simulation::{links, until};
use super::status::Status;
use super::streams::Flow;
use super::waiting::Awaited;
use crate::error::Lost;
use crate::lane::Outgoing;
use crate::layout::inline::Inline;
use crate::session::{Config, Spin};
use crate::{Geometry, SlotClass};

const TARGET: Target = Target { method: 1, parent: 0 };

fn nothing() -> Outgoing<'static> {
    Outgoing::short(Inline::default())
}

/// Sleepers sleep at once, and few messages fill the ring.
fn small(ring_entries: u32) -> Config {
    let geometry = Geometry { ring_entries, ..Geometry::default() };
    Config { spin: Spin::Never, geometry, ..Config::default() }
}

fn sleeps(link: &Link) -> u64 {
    link.shared.own.words().noted.sleeps.load(Ordering::Relaxed)
}

/// A request came, was begun and cancelled, and there is no room for the word about its end.
fn owing(config: &Config) -> [Arc<Link>; 2] {
    let [a, b] = links(config);
    a.start(TARGET, &nothing(), &mut Deadline::None).unwrap();
    let arrived = b.lock().take_any_request().unwrap();
    while b.lock().send_one_way(1, &nothing()).unwrap() {}
    b.lock().stop(arrived.call);
    assert!(b.lock().owes);
    [a, b]
}

#[test]
fn who_waits_for_room_waits_for_that_of_what_is_owed_as_well() {
    let [a, b] = owing(&small(4));
    let mut core = b.lock();
    core.pump(None);
    // Now there is room, and the peer says so; then the wait begins, for more room.
    a.lock().pump(None);
    a.shared.report_room();
    let freed = Some(b.shared.freed());
    let core = b.wait(core, Awaited { freed, ..Awaited::default() }, Some(Instant::now() + Duration::from_millis(20)));
    assert!(!core.owes);
}

#[test]
fn a_peer_that_says_it_takes_nothing_more_and_stays_is_no_reason_to_look_all_the_time() {
    let [a, b] = owing(&small(4));
    let serving = std::thread::spawn({
        let b = Arc::clone(&b);
        move || b.request(&mut None)
    });
    until(|| sleeps(&b) > 0);
    a.shared.own.words().signs.stopped.store(1, Ordering::Relaxed);
    b.shared.nudge();
    let before = sleeps(&b);
    std::thread::sleep(Duration::from_millis(50));
    let times = sleeps(&b).wrapping_sub(before);
    assert!(times < 50, "slept {times} times in 50 ms");
    b.close();
    assert!(!serving.join().unwrap());
}

#[test]
fn a_call_within_a_call_and_its_answer_find_slots_though_calls_that_wait_for_their_handler_fill_theirs() {
    let mut config = small(64);
    config.geometry.classes = [64, 128, 256].map(|bytes| SlotClass { bytes, count: 3 });
    let [a, b] = links(&config);
    let bytes = vec![1; 100];
    let bytes = bytes.as_slice();
    let large = Outgoing::whole(&bytes);
    let soon = || Deadline::After(Duration::from_millis(20));
    while a.start(TARGET, &large, &mut soon()).is_ok() {}
    while a.lock().send_one_way(1, &large).unwrap() {}
    // For the first of them the peer calls back, and the one who handles that calls in turn.
    let outer = b.lock().take_any_request().unwrap();
    b.start(Target { method: 1, parent: outer.call.0 }, &nothing(), &mut soon()).unwrap();
    let back = a.lock().take_any_request().unwrap();
    a.start(Target { method: 1, parent: back.call.0 }, &large, &mut soon()).unwrap();
    assert!(a.lock().reply(&mut Replying::new(back.call, Status::Ok), &large));
}

#[test]
fn a_leader_that_waits_for_a_place_is_told_when_one_is_given_up() {
    let mut config = small(64);
    config.geometry.classes = [64, 128, 256].map(|bytes| SlotClass { bytes, count: 1 });
    config.limits.in_flight = 1;
    let [a, b] = links(&config);
    let bytes = vec![1; 100];
    let bytes = bytes.as_slice();
    let large = Outgoing::whole(&bytes);
    // No slot is left, as these wait for their handler, and then no place.
    while a.lock().send_one_way(1, &large).unwrap() {}
    let first = a.start(TARGET, &nothing(), &mut Deadline::None).unwrap();
    let waiting = std::thread::spawn({
        let a = Arc::clone(&a);
        move || a.start(TARGET, &nothing(), &mut Deadline::None).map(drop)
    });
    until(|| a.lock().leader_is_blocked() && sleeps(&a) > 0);
    // Another call has the place before that thread looks, waits for a slot in vain, and is given up.
    let mut begin = Begin::new(TARGET);
    let mut core = a.lock();
    let mut theirs = b.lock();
    theirs.pump(None);
    theirs.engine.start(first.call());
    assert!(theirs.reply(&mut Replying::new(first.call(), Status::Ok), &nothing()));
    drop(theirs);
    core.pump(None);
    let begun = core.begin(&mut begin, &large, Deadline::None).unwrap();
    assert!(begun.is_none() && !begin.waits_for_place());
    drop(core);
    until(|| a.lock().leader_is_blocked());
    a.lock().give_up(&mut begin);
    until(|| waiting.is_finished());
    waiting.join().unwrap().unwrap();
}

#[test]
fn whoever_leads_when_a_look_beside_ends_is_told_of_what_was_found() {
    let [a, b] = links(&Config::default());
    let serving = std::thread::spawn({
        let b = Arc::clone(&b);
        move || b.request(&mut None)
    });
    until(|| b.lock().serving_sleeps && sleeps(&b) > 0);
    let [ours, theirs] = [(); 2].map(|()| b.start(TARGET, &nothing(), &mut Deadline::None).unwrap());
    // This thread begins to look in the place of the one that serves, and is held up.
    let mut core = b.lock();
    core.beside = Beside::Looking;
    drop(core);
    // It had not told the peer yet, so a request wakes the one that serves, who takes it and handles it.
    a.start(TARGET, &nothing(), &mut Deadline::None).unwrap();
    assert!(serving.join().unwrap());
    b.shared.own.words().wants.hush();
    // A third thread waits for its answer, and leads.
    let before = sleeps(&b);
    let waiting = std::thread::spawn({
        let b = Arc::clone(&b);
        move || b.outcome(theirs, &mut Deadline::None)
    });
    until(|| b.lock().is_led() && sleeps(&b) > before);
    let mut core = a.lock();
    core.pump(None);
    core.engine.start(theirs.call());
    assert!(core.reply(&mut Replying::new(theirs.call(), Status::Ok), &nothing()));
    drop(core);
    // The first one goes on, and what it takes out is not for it.
    let mut core = b.lock();
    core.failed_beside();
    assert!(core.take_long_answer(ours).is_none());
    drop(core);
    until(|| waiting.is_finished());
    waiting.join().unwrap();
}

/// Of a message in fragments, which takes longer than the peer may take nothing.
#[test]
fn a_request_that_goes_slowly_does_not_stall() {
    let mut config = small(4);
    config.geometry.classes = [(64, 2), (128, 2), (256, 4)].map(|(bytes, count)| SlotClass { bytes, count });
    let stall_max = Duration::from_millis(600);
    config.limits.stall_max = Some(stall_max);
    let [a, b] = links(&config);
    let taking = std::thread::spawn(move || {
        let start = Instant::now();
        while b.lock().requests.is_empty() {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(30));
            b.lock().pump(None);
            b.shared.report_room();
        }
        start.elapsed()
    });
    let bytes = vec![1; 160_000];
    a.start(TARGET, &Outgoing::whole(&bytes.as_slice()), &mut Deadline::None).unwrap();
    assert!(taking.join().unwrap() > stall_max);
}

#[test]
fn handlers_that_take_their_time_are_no_stall() {
    let mut config = small(16);
    config.limits.stall_max = Some(Duration::from_millis(50));
    config.limits.in_flight = 1;
    config.limits.oneway_max = 1;
    let [a, b] = links(&config);
    let soon = || Deadline::After(Duration::from_millis(200));
    let late = RpcError::DeadlineExceeded { may_have_executed: false };
    a.start(TARGET, &nothing(), &mut Deadline::None).unwrap();
    assert_eq!(a.start(TARGET, &nothing(), &mut soon()).map(drop), Err(late.clone()));
    assert_eq!(a.send_one_way_in_time(1, &nothing(), &mut soon()), Ok(()));
    assert_eq!(a.send_one_way_in_time(1, &nothing(), &mut soon()), Err(late));
    drop(b);
}

#[test]
fn a_peer_that_takes_nothing_stalls_whatever_is_sent() {
    let mut config = small(4);
    config.limits.stall_max = Some(Duration::from_millis(20));
    config.limits.in_flight = 64;
    let is_stalled = |link: &Link| matches!(link.shared.lost(), Some(Lost::Stalled { .. }));
    let [a, _b] = links(&config);
    while a.start(TARGET, &nothing(), &mut Deadline::None).is_ok() {}
    assert!(is_stalled(&a));
    let [a, _b] = links(&config);
    while a.send_one_way_in_time(1, &nothing(), &mut Deadline::None).is_ok() {}
    assert!(is_stalled(&a));
    let [a, b] = links(&config);
    let begin = Begin::with_streams(Target { method: 3, parent: 0 }, &[Flow::ToServer]);
    let (_, ends) = a.start_streaming(begin, &nothing(), &mut Deadline::None).unwrap();
    b.lock().pump(None);
    while a.send_item(ends[0], &nothing(), &mut Deadline::None).is_ok() {}
    assert!(is_stalled(&a));
}

#[test]
fn who_waits_for_a_place_and_never_sleeps_is_told_though_another_thread_waits_as_well() {
    let mut config = small(64);
    config.spin = Spin::Forever;
    config.geometry.classes = [64, 128, 256].map(|bytes| SlotClass { bytes, count: 1 });
    config.limits.in_flight = 1;
    let [a, b] = links(&config);
    let bytes = vec![1; 100];
    let bytes = bytes.as_slice();
    let large = Outgoing::whole(&bytes);
    // No slot is left, and the only place is with a call that waits for one.
    while a.lock().send_one_way(1, &large).unwrap() {}
    let mut begin = Begin::new(TARGET);
    assert!(a.lock().begin(&mut begin, &large, Deadline::None).unwrap().is_none());
    assert!(!begin.waits_for_place());
    let waiting = std::thread::spawn({
        let a = Arc::clone(&a);
        move || a.start(TARGET, &nothing(), &mut Deadline::None).map(drop)
    });
    until(|| a.lock().leader_is_blocked());
    std::thread::sleep(Duration::from_millis(20));
    // Another thread waits for something else, and leads as well, as one does that never sleeps.
    let other = std::thread::spawn({
        let a = Arc::clone(&a);
        move || a.request(&mut None)
    });
    std::thread::sleep(Duration::from_millis(20));
    a.lock().give_up(&mut begin);
    until(|| waiting.is_finished());
    waiting.join().unwrap().unwrap();
    a.close();
    drop(b);
    assert!(!other.join().unwrap());
}

#[test]
fn handlers_that_take_their_time_are_no_stall_though_requests_keep_their_slots() {
    let mut config = small(64);
    config.geometry.classes = [64, 128, 256].map(|bytes| SlotClass { bytes, count: 3 });
    config.limits.stall_max = Some(Duration::from_millis(500));
    let [a, b] = links(&config);
    let bytes = vec![1; 100];
    let bytes = bytes.as_slice();
    let large = Outgoing::whole(&bytes);
    let soon = || Deadline::After(Duration::from_millis(1_200));
    // The peer takes out all that comes, and its handlers are busy.
    let stop = Arc::new(AtomicBool::new(false));
    let taking = std::thread::spawn({
        let (b, stop) = (Arc::clone(&b), Arc::clone(&stop));
        move || {
            while !stop.load(Ordering::Relaxed) {
                b.lock().pump(None);
                b.shared.report_room();
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let outcome = loop {
        if let Err(error) = a.start(TARGET, &large, &mut soon()) {
            break error;
        }
    };
    stop.store(true, Ordering::Relaxed);
    taking.join().unwrap();
    assert_eq!(outcome, RpcError::DeadlineExceeded { may_have_executed: false });
}
