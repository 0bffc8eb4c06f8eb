//! A lock that costs the thread which takes it again and again next to nothing.
//!
//! A mutex costs two locked instructions, some 15 ns: of an `add` and its answer, which took four locks, that was a third.
//! Nearly always it is the same thread that comes back, so the lock is *kept* for it: it enters by a plain store and a look,
//! and leaves in the same way, and needs no fence between the two because whoever else comes makes it execute one
//! ([`fence_all`], membarrier(2)). Then it is an ordinary mutex again, until one thread has come often enough without
//! another.
//!
//! The scheme is known as lock reservation or biased locking (Kawachiya, Koseki and Onodera, OOPSLA 2002), here with a fence by the
//! kernel instead of stopping the thread. The order of the two sides is Dekker's: each one says what it wants, then looks
//! at what the other one said.
//!
//! | the thread that it is kept for | who takes it away |
//! |---|---|
//! | `inside` becomes odd | holds the mutex |
//! | (the fence that the other side makes here) | `kept_for = NOBODY` |
//! | `kept_for` is still as it was: enter | [`fence_all`] |
//! | leave: `inside` becomes even, and look at `kept_for` again | sleeps while `inside` is odd |
//!
//! Who holds the mutex is inside as well, in a place of its own, and so leaves in the same way: it finds that the lock is
//! kept for nobody, and gives the mutex back.
//!
//! `models/lock.rs` searches it.

#![allow(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::sync::{AtomicU32, AtomicU64, Fault, Mutex, MutexGuard, Ordering, PoisonError, planted};
use fences::{Bed, fence_all, fence_that_others_make, may_keep};

/// For how many threads a lock is kept in its life; a power of two. Each has a word of its own to say that it is inside: one that was about to
/// enter when the lock was taken from it says so at any time later, and then nobody else may be listening there.
const PLACES: usize = 4;

/// Threads have the multiples of this for numbers, so that a number and a place make one of [`Lock::kept_for`].
pub(crate) const NUMBERS: u64 = PLACES as u64;

/// How often a thread comes, and no other one, until the lock is kept for it: at first, and within which bounds. Taking it away costs
/// up to tens of microseconds, so each time doubles that, unless it had paid off, which halves it. Few where the crate's tests
/// run, so that they run both ways.
const HABIT: u32 = if cfg!(debug_assertions) { 8 } else { 2_048 };
const HABIT_MIN: u32 = if cfg!(debug_assertions) { 4 } else { 64 };
const HABIT_MAX: u32 = 1 << 20;

/// So many visits without the mutex save more than taking the lock away costs.
const PAYS: u32 = if cfg!(debug_assertions) { 16 } else { 1_024 };

/// In the place of a thread and its place.
const NOBODY: u64 = 0;

/// What a thread has for its number before it has one: further from each that a lock is kept for than there are places.
#[cfg(not(loom))]
const UNNUMBERED: u64 = 1 << 63;

/// A mutex around a value, for whoever comes; cheap for one thread that comes most.
pub(crate) struct Lock<T> {
    /// For whom it is kept: [`NOBODY`], or the thread's number and its place. Written under the mutex; while somebody is inside by that, it is
    /// [`NOBODY`].
    kept_for: AtomicU64,
    /// Odd while the thread of that place is inside without the mutex, or is about to look whether it may be; it counts up.
    inside: [AtomicU32; PLACES],
    /// The same for who holds the mutex; read by nobody.
    by_mutex: AtomicU32,
    bed: Bed,
    /// The mutex, while somebody is inside by it. Before it, so that it is dropped before it.
    held: UnsafeCell<Option<MutexGuard<'static, Habit>>>,
    mutex: Mutex<Habit>,
    value: UnsafeCell<T>,
}

/// Who comes; guarded by the mutex.
#[derive(Debug)]
struct Habit {
    last: u64,
    times: u32,
    needed: u32,
    /// What `inside` was when it was kept last.
    since: u32,
    /// The threads that have a place, in order.
    places: [u64; PLACES],
}

// SAFETY: a guard is the only way to the value, and `Lock::lock_as` gives one to one thread at a time; so the value only moves
// between threads, which `Send` allows. What is held of the mutex is put there and taken out by the thread that holds it.
unsafe impl<T: Send> Sync for Lock<T> {}
// SAFETY: a guard borrows the lock, so a lock that moves is held by nobody, or by a guard that was forgotten; then it is locked for ever, and
// dropping it releases a mutex that nobody can reach any more.
unsafe impl<T: Send> Send for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        let habit = Habit { last: NOBODY, times: 0, needed: HABIT, since: 0, places: [NOBODY; PLACES] };
        Self {
            kept_for: AtomicU64::new(NOBODY),
            inside: std::array::from_fn(|_| AtomicU32::new(0)),
            by_mutex: AtomicU32::new(0),
            bed: Bed::new(),
            held: UnsafeCell::new(None),
            mutex: Mutex::new(habit),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until nobody else has the value. To be taken once at a time by a thread: else it waits for itself.
    #[inline(always)]
    #[cfg(not(loom))]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.lock_as(this_thread())
    }

    /// As [`lock`](Self::lock), by the thread of this number, one of the [`NUMBERS`].
    #[inline(always)]
    pub(crate) fn lock_as(&self, this: u64) -> Guard<'_, T> {
        // Relaxed: what this thread wrote itself, or something that it is not in.
        let kept_for = self.kept_for.load(Ordering::Relaxed);
        // Less than the number of places if it is kept for this thread, and only then.
        let place = kept_for.wrapping_sub(this);
        let inside = match self.inside.get(place as usize) {
            Some(inside) if self.may_enter(inside, kept_for) => inside,
            _ => self.lock_slowly(this),
        };
        Guard { lock: self, inside, _not_send: PhantomData }
    }

    fn place(&self, kept_for: u64) -> Option<&AtomicU32> {
        self.inside.get(kept_for as usize % PLACES)
    }

    /// Enters without the mutex, if it is kept for this thread and it is not inside already.
    #[inline(always)]
    fn may_enter(&self, inside: &AtomicU32, kept_for: u64) -> bool {
        // Relaxed: only this thread writes it.
        let visits = inside.load(Ordering::Relaxed);
        if is_inside(visits) {
            return false;
        }
        // Relaxed: ordered by the fence; see `take_away`, which is its partner.
        inside.store(visits.wrapping_add(1), Ordering::Relaxed);
        fence_that_others_make();
        // Relaxed: if it is as before, this thread itself was inside last, or kept it for itself under the mutex.
        let may = self.kept_for.load(Ordering::Relaxed) == kept_for;
        if !may {
            self.leave(inside);
        }
        may
    }

    #[inline(always)]
    fn leave(&self, inside: &AtomicU32) {
        // Relaxed: only this thread writes it.
        let visits = inside.load(Ordering::Relaxed);
        // Release pairs with the Acquire in `take_away`: who sees it sees what was done to the value.
        inside.store(visits.wrapping_add(1), Ordering::Release);
        fence_that_others_make();
        // Relaxed: ordered by the fence, whose partner is in `take_away`.
        if self.kept_for.load(Ordering::Relaxed) == NOBODY {
            self.leave_slowly(inside);
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&self, inside: &AtomicU32) {
        if std::ptr::eq(inside, &raw const self.by_mutex) {
            // SAFETY: this thread was inside by the mutex, which it holds until this is dropped; only who holds it comes here.
            drop(unsafe { (*self.held.get()).take() });
        } else if !planted(Fault::SilentLeave) {
            self.bed.wake(inside);
        }
    }

    /// Where this thread is inside now.
    #[cold]
    #[inline(never)]
    fn lock_slowly(&self, this: u64) -> &AtomicU32 {
        let this = number(this);
        // No foreign code runs under it, so a poisoned one is whole.
        let mut habit = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: written under the mutex.
        let kept_for = self.kept_for.load(Ordering::Relaxed);
        if kept_for != NOBODY {
            let visits = self.take_away(kept_for).wrapping_sub(habit.since) / 2;
            habit.needed = if visits >= PAYS {
                (habit.needed / 2).max(HABIT_MIN)
            } else {
                habit.needed.saturating_mul(2).min(HABIT_MAX)
            };
            habit.last = NOBODY;
        }
        if habit.last != this {
            if habit.times >= PAYS.saturating_mul(2) {
                // It would have paid off to keep it sooner.
                habit.needed = (habit.needed / 2).max(HABIT_MIN);
            }
            habit.last = this;
            habit.times = 0;
        }
        habit.times = habit.times.saturating_add(1);
        let is_kept = habit.times >= habit.needed && may_keep();
        if let Some(inside) = if is_kept { self.keep(&mut habit) } else { None } {
            return inside;
        }
        // SAFETY: only the lifetime differs, and it ends before the mutex does: whoever takes it out borrows the lock, and else it is
        // dropped with the lock, before the mutex.
        let habit = unsafe { std::mem::transmute::<MutexGuard<'_, Habit>, MutexGuard<'static, Habit>>(habit) };
        // SAFETY: this thread holds the mutex, and only who holds it comes here. There is none in it now, since who put one there
        // gave the mutex back by taking it out.
        unsafe { *self.held.get() = Some(habit) };
        &self.by_mutex
    }

    /// From now on the lock is kept for the thread that holds the mutex, which is inside as such: else, if it came again, it would
    /// find that nobody is.
    #[cold]
    fn keep(&self, habit: &mut Habit) -> Option<&AtomicU32> {
        habit.times = 0;
        let kept_for = habit.last | habit.place_of(habit.last)?;
        let inside = self.place(kept_for)?;
        // Relaxed: read by this thread, or under the mutex, which it gives back now, or by one that it is not for.
        habit.since = inside.load(Ordering::Relaxed);
        inside.store(habit.since.wrapping_add(1), Ordering::Relaxed);
        self.kept_for.store(kept_for, Ordering::Relaxed);
        Some(inside)
    }

    /// For the models: after how many times it is kept.
    #[cfg(loom)]
    pub(crate) fn needs(&self, times: u32) {
        self.mutex.lock().unwrap_or_else(PoisonError::into_inner).needed = times;
    }

    /// Makes an ordinary mutex of it, which the caller holds, and waits until the thread that it was kept for is not inside. What
    /// `inside` is then.
    #[cold]
    fn take_away(&self, kept_for: u64) -> u32 {
        // Relaxed: ordered by the fence.
        self.kept_for.store(NOBODY, Ordering::Relaxed);
        if !planted(Fault::NoFenceAtOthers) {
            // Pairs with the one in `may_enter`: of that store and look, and this store and the look below, one look at least sees the
            // other's store. And with the one in `leave`, in the same way: if the look below sees it inside, it will wake us.
            fence_all();
        }
        let Some(inside) = self.place(kept_for) else { return 0 };
        loop {
            // Acquire pairs with the Release in `leave`.
            let visits = inside.load(Ordering::Acquire);
            if !is_inside(visits) {
                return visits;
            }
            self.bed.sleep(inside, visits);
        }
    }
}

fn is_inside(visits: u32) -> bool {
    visits & 1 == 1
}

impl Habit {
    /// Where a thread says that it is inside; none when too many had one before.
    fn place_of(&mut self, this: u64) -> Option<u64> {
        let place = self.places.iter().position(|thread| [this, NOBODY].contains(thread))?;
        if planted(Fault::OnePlace) {
            return Some(0);
        }
        *self.places.get_mut(place)? = this;
        Some(place as u64)
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be somebody else's now.
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// The value, for as long as this exists.
#[derive(Debug)]
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// Where its thread is inside.
    inside: &'a AtomicU32,
    /// It is released by the thread that took it.
    _not_send: PhantomData<*const T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: there is one guard at a time (`take_away` argues why), so nobody else writes to the value while this one lives.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; and the guard itself is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.leave(self.inside);
    }
}

#[cfg(not(loom))]
thread_local! {
    static NUMBER: std::cell::Cell<u64> = const { std::cell::Cell::new(UNNUMBERED) };
}

/// A number of this thread that no other one of the process ever has, if it has one already.
#[cfg(not(loom))]
#[inline(always)]
fn this_thread() -> u64 {
    NUMBER.get()
}

/// The number of this thread, given what is known of it.
#[cfg(not(loom))]
fn number(known: u64) -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(NOBODY);
    if known != UNNUMBERED {
        return known;
    }
    // Relaxed: numbers only have to differ.
    let number = LAST.fetch_add(NUMBERS, Ordering::Relaxed).wrapping_add(NUMBERS);
    NUMBER.set(number);
    number
}

#[cfg(loom)]
fn number(known: u64) -> u64 {
    known
}

#[cfg(not(loom))]
mod fences {
    use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

    use crate::os::barrier;
    use crate::os::futex;

    pub(super) use barrier::{fence_all, is_supported as may_keep};

    /// Where the processor executes a fence if somebody asks it to by [`fence_all`]; the compiler always keeps the order.
    #[inline(always)]
    pub(super) fn fence_that_others_make() {
        // Its partner is the fence that `fence_all` makes the processor execute.
        compiler_fence(Ordering::SeqCst);
    }

    /// Where who takes a lock away sleeps.
    #[derive(Debug)]
    pub(super) struct Bed;

    impl Bed {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) fn sleep(&self, inside: &AtomicU32, visits: u32) {
            futex::sleep_own(inside, visits);
        }

        #[cold]
        pub(super) fn wake(&self, inside: &AtomicU32) {
            futex::wake_own(inside);
        }
    }
}

/// For the models: a fence on either side, of which one is the kernel's work in life, and the kernel's sleep.
#[cfg(loom)]
mod fences {
    use loom::sync::{Condvar, Mutex};

    use crate::sync::{AtomicU32, Ordering, fence};

    pub(super) fn fence_all() {
        // Pairs with the one below.
        fence(Ordering::SeqCst);
    }

    pub(super) fn fence_that_others_make() {
        // Pairs with the one above.
        fence(Ordering::SeqCst);
    }

    pub(super) fn may_keep() -> bool {
        true
    }

    #[derive(Debug)]
    pub(super) struct Bed {
        kernel: Mutex<()>,
        woken: Condvar,
    }

    impl Bed {
        pub(super) fn new() -> Self {
            Self { kernel: Mutex::new(()), woken: Condvar::new() }
        }

        pub(super) fn sleep(&self, inside: &AtomicU32, visits: u32) {
            let mut kernel = self.kernel.lock().unwrap();
            // Acquire: as the look of who sleeps.
            while inside.load(Ordering::Acquire) == visits {
                kernel = self.woken.wait(kernel).unwrap();
            }
        }

        pub(super) fn wake(&self, _: &AtomicU32) {
            drop(self.kernel.lock().unwrap());
            self.woken.notify_all();
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// One that can be kept, if this process can do that.
    fn lock_that_can_be_kept() -> Option<Arc<Lock<u64>>> {
        let lock = Arc::new(Lock::new(0));
        if cfg!(any(not(target_os = "linux"), rapace_portable)) {
            return None;
        }
        #[cfg(all(target_os = "linux", not(rapace_portable)))]
        crate::os::barrier::prepare();
        // Another test may have begun to ask.
        let began = Instant::now();
        while !may_keep() && began.elapsed() < Duration::from_secs(1) {
            std::thread::yield_now();
        }
        may_keep().then_some(lock)
    }

    fn is_kept<T>(lock: &Lock<T>) -> bool {
        lock.kept_for.load(Ordering::Relaxed) != NOBODY
    }

    fn come(lock: &Lock<u64>, times: u64) {
        for _ in 0..times {
            let mut value = lock.lock();
            *value = value.wrapping_add(1);
        }
    }

    #[test]
    fn it_is_kept_for_who_comes_often_and_taken_away_by_who_comes_too() {
        let Some(lock) = lock_that_can_be_kept() else { return };
        come(&lock, u64::from(HABIT) - 1);
        assert!(!is_kept(&lock));
        come(&lock, 1);
        assert!(is_kept(&lock));
        come(&lock, 10);
        let other = Arc::clone(&lock);
        std::thread::spawn(move || come(&other, 1)).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(!is_kept(&lock));
        // It takes longer after so few visits.
        come(&lock, 2 * u64::from(HABIT) - 1);
        assert!(!is_kept(&lock));
        come(&lock, 1);
        assert!(is_kept(&lock));
        assert_eq!(*lock.lock(), 3 * u64::from(HABIT) + 11);
    }

    /// How often this thread must come until the lock is kept for it.
    fn comes_until_it_is_kept(lock: &Lock<u64>) -> u32 {
        (1..HABIT_MAX)
            .find(|_| {
                come(lock, 1);
                is_kept(lock)
            })
            .unwrap_or(HABIT_MAX)
    }

    #[test]
    fn it_is_kept_sooner_where_that_paid_off_and_later_where_it_did_not() {
        let Some(lock) = lock_that_can_be_kept() else { return };
        let mut needed = HABIT;
        for visits in [PAYS, PAYS, PAYS, PAYS, PAYS + 7, 3, 1, PAYS - 2, 0] {
            assert_eq!(comes_until_it_is_kept(&lock), needed);
            // The one with which it began to be kept was inside as well.
            come(&lock, u64::from(visits));
            let other = Arc::clone(&lock);
            std::thread::spawn(move || come(&other, 1)).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            needed = if visits >= PAYS { (needed / 2).max(HABIT_MIN) } else { needed * 2 };
        }
    }

    #[test]
    fn it_is_kept_sooner_where_that_would_have_paid_off() {
        let Some(lock) = lock_that_can_be_kept() else { return };
        let another_comes = || {
            let other = Arc::clone(&lock);
            std::thread::spawn(move || come(&other, 1)).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        };
        for _ in 0..5 {
            comes_until_it_is_kept(&lock);
            another_comes();
        }
        let needed = 32 * HABIT;
        for visits in [2 * PAYS, needed / 2 - 1] {
            come(&lock, u64::from(visits));
            assert!(!is_kept(&lock));
            another_comes();
        }
        assert_eq!(comes_until_it_is_kept(&lock), needed / 4);
    }

    #[test]
    fn it_is_kept_for_so_many_threads_and_no_more() {
        let Some(lock) = lock_that_can_be_kept() else { return };
        for thread in 0..PLACES + 2 {
            let lock = Arc::clone(&lock);
            let comes = move || {
                come(&lock, u64::from(HABIT) << PLACES);
                is_kept(&lock)
            };
            let kept = std::thread::spawn(comes).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert_eq!(kept, thread < PLACES, "thread {thread}");
        }
    }

    #[test]
    fn who_waits_for_the_thread_inside_sleeps_until_it_leaves() {
        let Some(lock) = lock_that_can_be_kept() else { return };
        come(&lock, u64::from(HABIT));
        let mut inside = lock.lock();
        assert!(!std::ptr::eq(inside.inside, &raw const lock.by_mutex));
        let other = Arc::clone(&lock);
        let waiting = std::thread::spawn(move || *other.lock());
        while is_kept(&lock) {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        *inside = 7;
        drop(inside);
        assert_eq!(waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), 7);
    }

    #[test]
    fn a_thread_that_is_inside_does_not_enter_again() {
        let Some(lock) = lock_that_can_be_kept() else { return };
        for times in [u64::from(HABIT) - 1, 0] {
            come(&lock, times);
            // The one with which it begins to be kept, and one after it.
            let guard = lock.lock();
            let kept_for = lock.kept_for.load(Ordering::Relaxed);
            assert!(kept_for != NOBODY && !lock.may_enter(guard.inside, kept_for));
        }
    }

    #[test]
    fn nothing_is_lost_between_threads_that_come_in_bursts() {
        let lock = Arc::new(Lock::new(0));
        let burst = |burst: u64| 1 + burst * 7 % (3 * u64::from(HABIT));
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let lock = Arc::clone(&lock);
                std::thread::spawn(move || {
                    for number in 0..400 {
                        come(&lock, burst(number + thread));
                        if number % 3 == thread {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        let all: u64 = (0..3).flat_map(|thread| (0..400).map(move |number| burst(number + thread))).sum();
        assert_eq!(*lock.lock(), all);
    }
}
