//! The lock: whoever holds it is alone, also where it is kept for one thread and another one takes it away; and nobody
//! sleeps for ever.

use std::sync::Arc;

use loom::cell::Cell;
use loom::thread;

use super::{CONFLICTING_ACCESS, LOST_WAKE_UP, by, search};
use crate::lock::{Lock, NUMBERS};
use crate::sync::{Fault, with_fault};

struct Guarded {
    lock: Lock<()>,
    value: Cell<u64>,
}

impl Guarded {
    /// One that is kept for thread 1.
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads are coroutines, and its cell is the check")]
    fn kept() -> Arc<Self> {
        let guarded = Arc::new(Self { lock: Lock::new(()), value: Cell::new(0) });
        guarded.lock.needs(1);
        drop(guarded.lock.lock_as(NUMBERS));
        guarded
    }

    fn come(&self, thread: u64) {
        let guard = self.lock.lock_as(thread * NUMBERS);
        self.value.set(self.value.get() + 1);
        drop(guard);
    }
}

fn one_keeps_and_another_comes() {
    let guarded = Guarded::kept();
    let other = Arc::clone(&guarded);
    let coming = thread::spawn(move || other.come(2));
    guarded.come(1);
    guarded.come(1);
    coming.join().unwrap();
    guarded.come(1);
    assert_eq!(guarded.value.get(), 4);
}

/// It goes from one thread to the other and back, while one that had it is still about to enter.
fn it_is_kept_for_one_after_the_other() {
    let guarded = Guarded::kept();
    let other = Arc::clone(&guarded);
    let coming = thread::spawn(move || {
        other.come(2);
        // What it needs was doubled when it was taken away.
        other.come(2);
        other.come(2);
    });
    guarded.come(1);
    guarded.come(1);
    coming.join().unwrap();
    assert_eq!(guarded.value.get(), 5);
}

#[test]
fn who_holds_it_is_alone_and_nobody_sleeps_for_ever() {
    search(one_keeps_and_another_comes);
}

#[test]
fn one_that_is_late_to_enter_stands_in_nobodys_way() {
    search(it_is_kept_for_one_after_the_other);
}

#[test]
fn without_the_fence_two_are_inside() {
    assert!(with_fault(Fault::NoFenceAtOthers, || by(CONFLICTING_ACCESS, || search(one_keeps_and_another_comes))));
}

#[test]
fn one_that_leaves_in_silence_leaves_the_other_asleep() {
    assert!(with_fault(Fault::SilentLeave, || by(LOST_WAKE_UP, || search(one_keeps_and_another_comes))));
}

#[test]
fn with_one_word_for_all_nobody_knows_who_is_inside() {
    // Of two that count there one is lost, and who waits for it to leave does so for ever.
    assert!(with_fault(Fault::OnePlace, || by(LOST_WAKE_UP, || search(it_is_kept_for_one_after_the_other))));
}
