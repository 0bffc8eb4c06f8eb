//! Tests: a task that waits is not forgotten, and does not keep others from running, whatever the peer does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::doorbell::Counter;
use crate::lane::Outgoing;
use crate::layout::head::Head;
use crate::layout::inline::Inline;
use crate::rpc::call_id::{CallId, Side};
use crate::rpc::deadline::Deadline;
use crate::rpc::link::{Begin, Link, Target};
use crate::rpc::simulation::{links, until};
use crate::rpc::streams::Flow;
use crate::rpc::taken::Taken;
use crate::session::{Config, Spin};

/// So many rounds are without end.
const ENDLESS: usize = 10_000;

fn nothing() -> Outgoing<'static> {
    Outgoing::short(Inline::default())
}

/// Sleepers sleep at once, and few messages fill the ring.
fn small(ring_entries: u32) -> Config {
    let mut config = Config { spin: Spin::Never, ..Config::default() };
    config.geometry.ring_entries = ring_entries;
    config
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Has the runtime listen for what this link waits for.
fn watch(runtime: &Runtime, link: &Arc<Link>, waker: &Waker) {
    let poll = || assert!(link.poll_room(&Context::from_waker(waker), |_| None::<()>).is_pending());
    poll();
    runtime.block_on(tokio::time::sleep(Duration::from_millis(20)));
    poll();
}

#[test]
fn a_task_that_waits_for_room_is_told_though_another_one_waits_for_more() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [a, b] = links(&small(64));
    let woken = Arc::new(Woken::default());
    let [first, second] = [Waker::from(Arc::clone(&woken)), Waker::from(Arc::new(Woken::default()))];
    watch(&runtime, &a, &first);
    let before = woken.0.load(Ordering::Relaxed);
    // The peer gives something back, and is held up before it looks who wants it; meanwhile the second one begins to wait.
    let old = b.shared.own.words().freed.fetch_add(1, Ordering::Release);
    assert!(a.poll_room(&Context::from_waker(&second), |_| None::<()>).is_pending());
    let rings = b.shared.peer.words().wants.wanted(Counter::Room, old, old.wrapping_add(1));
    assert!(rings.socket || woken.0.load(Ordering::Relaxed) > before);
}

#[test]
fn a_poll_ends_though_the_peer_gives_something_back_in_each_round() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [a, b] = links(&small(64));
    let rounds = AtomicUsize::new(0);
    let polled = a.poll_room(&Context::from_waker(Waker::noop()), |_| {
        b.shared.own.words().freed.fetch_add(1, Ordering::Release);
        (rounds.fetch_add(1, Ordering::Relaxed) > ENDLESS).then_some(())
    });
    assert!(polled.is_pending());
}

#[test]
fn a_poll_ends_though_the_peer_says_something_in_each_round() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let [a, b] = links(&Config::default());
    let begun = a.start(Target { method: 1, parent: 0 }, &nothing(), &mut Deadline::None).unwrap();
    let side = if begun.call().is_of(Side::A) { Side::B } else { Side::A };
    // Of a call that has ended, which is no violation.
    let cancel = Head::cancel(CallId::new(side, 0, 1).0);
    let rounds = AtomicUsize::new(0);
    let polled = a.poll_until(
        &Context::from_waker(Waker::noop()),
        false,
        None,
        |core| {
            let answer = core.take_answer(begun);
            let mut theirs = b.lock();
            assert!(theirs.outbox.can_send_short(0));
            theirs.outbox.send_short(&cancel, Inline::default().as_lead());
            (answer.is_some() || rounds.fetch_add(1, Ordering::Relaxed) > ENDLESS).then_some(())
        },
        |core, waker| core.wait_for(begun.ticket(), waker),
    );
    assert!(polled.is_pending());
}

#[test]
fn what_is_owed_is_sent_by_a_runtime_that_listens_also_if_nobody_waits() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let [a, b] = links(&small(4));
    let begin = Begin::with_streams(Target { method: 3, parent: 0 }, &[Flow::ToServer]);
    let (_begun, ends) = a.try_start_streaming(begin, &nothing(), Deadline::None).unwrap().unwrap();
    b.lock().pump(None);
    let call = b.lock().take_any_request().unwrap().call;
    let end = b.lock().engine.hold_stream(call, 0).unwrap();
    // Some future has waited in this runtime before.
    runtime.block_on(async {
        let wait = std::future::poll_fn(|cx| a.poll_room(cx, |_| None::<()>));
        let _ = tokio::time::timeout(Duration::from_millis(10), wait).await;
        a.lock().wake_blocked();
    });
    assert!(a.lock().send_one_way(1, &nothing()).unwrap());
    b.lock().pump(None);
    b.shared.report_room();
    std::thread::sleep(Duration::from_millis(20));
    while a.lock().send_one_way(1, &nothing()).unwrap() {}
    a.lock().release_end(ends[0], true);
    assert!(a.lock().owes);
    // It looks, and finds that there is no room yet.
    std::thread::sleep(Duration::from_millis(20));
    let mut items = Taken::default();
    until(|| {
        let mut core = b.lock();
        core.pump(None);
        let has_ended = core.take_items(end, &mut items) == Some(Ok(false));
        drop(core);
        b.shared.report_room();
        has_ended
    });
}

#[test]
fn runtimes_that_ended_are_forgotten() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let (a, b) = crate::session::pair().unwrap();
    let (mut a, mut b) = (crate::aio::Session::from(a), crate::aio::Session::from(b));
    let mut round = || {
        runtime().block_on(async {
            let send = async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                a.send(Head::message(1), b"x").await.unwrap();
            };
            let (received, ()) = tokio::join!(b.recv(), send);
            received.unwrap();
        });
    };
    round();
    let before = descriptors();
    (0..100).for_each(|_| round());
    // Other tests open some as well.
    assert!(descriptors() <= before + 60, "{before} descriptors became {}", descriptors());
}
