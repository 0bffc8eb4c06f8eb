//! The wake-up of threads, which sleep on a futex: nobody sleeps for what is there.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::{LOST_WAKE_UP, by, search, search_to};
use crate::doorbell::{Bed, Counter, Wants, sleep_unless};
use crate::sync::{AtomicU64, Fault, Ordering, fence, with_fault};

/// A futex: the word is changed outside the kernel; the kernel compares and sleeps, or wakes, in one step each.
pub(super) struct Futex {
    word: AtomicU64,
    kernel: Mutex<()>,
    sleepers: Condvar,
}

impl Futex {
    fn new() -> Self {
        Self { word: AtomicU64::new(0), kernel: Mutex::new(()), sleepers: Condvar::new() }
    }

    pub(super) fn ticket(&self) -> u64 {
        self.word.load(Ordering::Acquire)
    }

    fn ring(&self) {
        self.word.fetch_add(1, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        let _kernel = self.kernel.lock().unwrap();
        self.sleepers.notify_all();
    }

    pub(super) fn sleep(&self, ticket: u64) {
        let kernel = self.kernel.lock().unwrap();
        if self.word.load(Ordering::Relaxed) == ticket {
            drop(self.sleepers.wait(kernel).unwrap());
        }
    }
}

/// What a peer publishes, and the wishes of this process.
pub(super) struct Line {
    pub(super) messages: AtomicU64,
    pub(super) consumed: AtomicU64,
    pub(super) freed: AtomicU64,
    pub(super) wants: Wants,
    pub(super) stopped: AtomicU64,
    pub(super) futex: Futex,
}

impl Line {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            messages: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            wants: Wants::none(),
            stopped: AtomicU64::new(0),
            futex: Futex::new(),
        })
    }

    pub(super) fn announce(&self, counter: Counter, old: u64, new: u64) {
        // As in life: of messages it is asked first whether somebody may wish for them.
        let may_be = counter == Counter::Room || self.wants.may_be_wanted(counter, old, new);
        if may_be && self.wants.wanted(counter, old, new).futex {
            self.futex.ring();
        }
    }

    /// Publishes the messages after `old` up to `new` one by one, and looks at the wishes once.
    fn publish(&self, old: u64, new: u64) {
        for n in old + 1..=new {
            self.messages.store(n, Ordering::Release);
        }
        self.announce(Counter::Message, old, new);
    }

    /// Takes message `n` out and says so, as `announce_room` does.
    pub(super) fn give_room(&self, n: u64) {
        self.consumed.store(n, Ordering::Release);
        let old = self.freed.fetch_add(1, Ordering::Release);
        self.announce(Counter::Room, old, old + 1);
    }

    pub(super) fn wish(&self, counter: Counter, n: u64) {
        self.wants.raise(Bed::Futex, counter, n);
    }

    fn await_message(&self, n: u64) {
        while self.messages.load(Ordering::Acquire) < n {
            sleep_unless(
                || self.futex.ticket(),
                || self.wish(Counter::Message, n),
                // Relaxed, as `Consumer::is_ready`.
                || self.messages.load(Ordering::Relaxed) >= n,
                |ticket| self.futex.sleep(ticket),
            );
        }
    }

    /// Waits until message `n` was taken out.
    fn await_room(&self, n: u64) {
        loop {
            let freed = self.freed.load(Ordering::Acquire);
            if self.consumed.load(Ordering::Acquire) >= n {
                return;
            }
            sleep_unless(
                || self.futex.ticket(),
                || self.wish(Counter::Room, freed + 1),
                || self.freed.load(Ordering::Acquire) != freed,
                |ticket| self.futex.sleep(ticket),
            );
        }
    }
}

fn two_messages_singly() {
    search(|| {
        let line = Line::new();
        let peer = Arc::clone(&line);
        let publishing = thread::spawn(move || {
            peer.publish(0, 1);
            peer.publish(1, 2);
        });
        line.await_message(1);
        line.await_message(2);
        publishing.join().unwrap();
    });
}

fn two_messages_at_once() {
    search(|| {
        let line = Line::new();
        let peer = Arc::clone(&line);
        let publishing = thread::spawn(move || peer.publish(0, 2));
        line.await_message(1);
        line.await_message(2);
        publishing.join().unwrap();
    });
}

fn room_for_two() {
    search(|| {
        let line = Line::new();
        let peer = Arc::clone(&line);
        let taking = thread::spawn(move || {
            peer.give_room(1);
            peer.give_room(2);
        });
        line.await_room(1);
        line.await_room(2);
        taking.join().unwrap();
    });
}

/// A receiver and a sender of one process sleep where the peer rings for either.
fn a_receiver_and_a_sender() {
    search(|| {
        let line = Line::new();
        let (peer, sender) = (Arc::clone(&line), Arc::clone(&line));
        let peer = thread::spawn(move || {
            peer.publish(0, 1);
            peer.give_room(1);
        });
        let sending = thread::spawn(move || sender.await_room(1));
        line.await_message(1);
        sending.join().unwrap();
        peer.join().unwrap();
    });
}

/// As above, and the peer's receiver and sender are threads of their own.
fn two_threads_on_each_side() {
    search_to(2, || {
        let line = Line::new();
        let (publisher, taker, sender) = (Arc::clone(&line), Arc::clone(&line), Arc::clone(&line));
        let publishing = thread::spawn(move || publisher.publish(0, 1));
        let taking = thread::spawn(move || taker.give_room(1));
        let sending = thread::spawn(move || sender.await_room(1));
        line.await_message(1);
        sending.join().unwrap();
        taking.join().unwrap();
        publishing.join().unwrap();
    });
}

/// One word of wishes, two values of it.
fn two_waiters_of_one_counter() {
    search(|| {
        let line = Line::new();
        let (peer, second) = (Arc::clone(&line), Arc::clone(&line));
        let publishing = thread::spawn(move || {
            peer.publish(0, 1);
            peer.publish(1, 2);
        });
        let waiting = thread::spawn(move || second.await_message(2));
        line.await_message(1);
        waiting.join().unwrap();
        publishing.join().unwrap();
    });
}

/// Two threads sleep for what never comes, and the session ends. As `sleep_on_futex` and `wake_own` of the session: the
/// word is the peer's to move, so this side can only wake, and does so until all who sleep have left.
fn two_sleepers_and_the_end() {
    search_to(2, || {
        let line = Line::new();
        let (sleepers, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let is_over = |over: &AtomicU64| over.load(Ordering::Acquire) != 0;
        let sleeping = [Counter::Message, Counter::Room].map(|counter| {
            let (line, sleepers, over) = (Arc::clone(&line), Arc::clone(&sleepers), Arc::clone(&over));
            thread::spawn(move || {
                while !is_over(&over) {
                    sleepers.fetch_add(1, Ordering::Relaxed);
                    sleep_unless(
                        || line.futex.ticket(),
                        || line.wish(counter, 1),
                        || is_over(&over),
                        |ticket| line.futex.sleep(ticket),
                    );
                    sleepers.fetch_sub(1, Ordering::Relaxed);
                }
            })
        });
        over.store(1, Ordering::Release);
        fence(Ordering::SeqCst);
        while sleepers.load(Ordering::Relaxed) != 0 {
            line.futex.wake();
            thread::yield_now();
        }
        for sleeping in sleeping {
            sleeping.join().unwrap();
        }
    });
}

/// A thread sleeps for message 1; another one looks in its place, takes that out if it is there, and leaves. As `look_beside`
/// and `end_beside` of the calls.
fn one_looks_in_a_sleepers_place() {
    search(|| {
        let line = Line::new();
        let (peer, sleeper) = (Arc::clone(&line), Arc::clone(&line));
        let publishing = thread::spawn(move || {
            peer.publish(0, 1);
            peer.publish(1, 2);
        });
        let sleeping = thread::spawn(move || {
            sleeper.await_message(1);
            sleeper.await_message(2);
        });
        line.wants.hush();
        let taken = line.messages.load(Ordering::Acquire).min(1);
        line.wants.unhush();
        line.wants.step_back(Bed::Futex, Counter::Message, taken + 1);
        if line.messages.load(Ordering::Relaxed) > taken {
            line.futex.ring();
        }
        sleeping.join().unwrap();
        publishing.join().unwrap();
    });
}

/// A thread takes out what comes, and sleeps; another one steps ahead of its wish, looks, and takes the first message out if that is
/// for it (`takes`) and there. Else it steps back. As `step_beside`, `took_beside` and `end_beside` of the calls: what comes next
/// is known, and moved, under a lock.
fn one_steps_ahead_of_a_sleepers_wish(takes: bool) {
    search(move || {
        let line = Line::new();
        let (peer, sleeper) = (Arc::clone(&line), Arc::clone(&line));
        let next = Arc::new(Mutex::new(1));
        let last = if takes { 2 } else { 1 };
        let publishing = thread::spawn(move || (1..=last).for_each(|n| peer.publish(n - 1, n)));
        let sleeping = thread::spawn({
            let next = Arc::clone(&next);
            move || loop {
                let mut next = next.lock().unwrap();
                while *next <= sleeper.messages.load(Ordering::Acquire) {
                    *next += 1;
                }
                let n = *next;
                drop(next);
                if n > last {
                    return;
                }
                sleep_unless(
                    || sleeper.futex.ticket(),
                    || sleeper.wish(Counter::Message, n),
                    || sleeper.messages.load(Ordering::Relaxed) >= n,
                    |ticket| sleeper.futex.sleep(ticket),
                );
            }
        });
        let steps = || {
            let next = next.lock().unwrap();
            if *next == 1 {
                line.wants.step_ahead(Bed::Futex, Counter::Message, 2);
            }
            *next == 1
        };
        if steps() {
            let mut next = next.lock().unwrap();
            if takes && *next == 1 && line.messages.load(Ordering::Acquire) >= 1 {
                *next = 2;
            } else {
                line.wants.step_back(Bed::Futex, Counter::Message, *next);
                if line.messages.load(Ordering::Relaxed) >= *next {
                    line.futex.ring();
                }
            }
        }
        sleeping.join().unwrap();
        publishing.join().unwrap();
    });
}

#[test]
fn a_sleeper_ahead_of_whom_another_one_stepped_is_rung_for_what_comes_next() {
    one_steps_ahead_of_a_sleepers_wish(true);
    one_steps_ahead_of_a_sleepers_wish(false);
}

#[test]
fn who_steps_too_far_ahead_loses_a_wake_up() {
    assert!(with_fault(Fault::LongStep, || by(LOST_WAKE_UP, || one_steps_ahead_of_a_sleepers_wish(true))));
}

#[test]
fn who_does_not_step_back_loses_a_wake_up() {
    assert!(with_fault(Fault::KeptStep, || by(LOST_WAKE_UP, || one_steps_ahead_of_a_sleepers_wish(false))));
}

#[test]
fn without_the_fence_of_who_stepped_back_a_wake_up_is_lost() {
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, || one_steps_ahead_of_a_sleepers_wish(false))));
}

#[test]
fn a_sleeper_is_rung_again_once_nobody_looks_in_its_place() {
    one_looks_in_a_sleepers_place();
}

#[test]
fn a_sleeper_that_stays_hushed_loses_a_wake_up() {
    assert!(with_fault(Fault::KeptHush, || by(LOST_WAKE_UP, one_looks_in_a_sleepers_place)));
}

#[test]
fn without_the_fence_of_who_looked_a_wake_up_is_lost() {
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, one_looks_in_a_sleepers_place)));
}

#[test]
fn whoever_sleeps_when_the_session_ends_leaves() {
    two_sleepers_and_the_end();
}

#[test]
fn without_the_waiters_fence_a_sleeper_outlives_the_session() {
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, two_sleepers_and_the_end)));
}

#[test]
fn a_receiver_wakes_for_each_of_two_messages() {
    two_messages_singly();
}

#[test]
fn a_receiver_wakes_for_messages_announced_at_once() {
    two_messages_at_once();
}

#[test]
fn a_sender_wakes_when_there_is_room() {
    room_for_two();
}

#[test]
fn a_receiver_and_a_sender_on_one_futex_both_wake() {
    a_receiver_and_a_sender();
}

#[test]
fn two_threads_of_each_process_all_wake() {
    two_threads_on_each_side();
}

#[test]
fn two_waiters_of_one_counter_both_wake() {
    two_waiters_of_one_counter();
}

#[test]
fn without_the_publishers_fence_a_wake_up_is_lost() {
    assert!(with_fault(Fault::NoPublisherFence, || by(LOST_WAKE_UP, two_messages_singly)));
    assert!(with_fault(Fault::NoPublisherFence, || by(LOST_WAKE_UP, two_messages_at_once)));
    assert!(with_fault(Fault::NoPublisherFence, || by(LOST_WAKE_UP, room_for_two)));
}

#[test]
fn without_the_waiters_fence_a_wake_up_is_lost() {
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, two_messages_singly)));
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, two_messages_at_once)));
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, room_for_two)));
}

#[test]
fn a_ticket_read_after_the_second_look_loses_a_wake_up() {
    assert!(with_fault(Fault::LateRegistration, || by(LOST_WAKE_UP, two_messages_singly)));
    assert!(with_fault(Fault::LateRegistration, || by(LOST_WAKE_UP, room_for_two)));
}

#[test]
fn a_wish_that_shrinks_loses_a_wake_up() {
    assert!(with_fault(Fault::ShrinkingWants, || by(LOST_WAKE_UP, two_waiters_of_one_counter)));
}
