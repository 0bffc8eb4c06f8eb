//! Waking a peer that sleeps, and the right to sleep where it rings.
//!
//! A peer publishes two counters: messages (sequence numbers in its ring) and room (`freed`). Who must sleep first
//! says for which value, in a word of its own half, and looks again; who publishes looks at that word afterwards
//! ("event index", as in virtio's rings):
//!
//! ```text
//! publisher, counter moved (old, new]          waiter, needs counter >= n
//!   fence(SeqCst)                 F1             read the bell; wants = max(wants, n)
//!   w = peer.wants                               fence(SeqCst)                        F2
//!   if w in (old, new] { ring }                  look again; true: go
//!                                                sleep unless the bell moved
//! ```
//!
//! Of the two fences one comes first. If F1, the waiter's second look sees the publication; if F2, the publisher sees
//! the wish. A stale wish never matches again, because the counters are 64 bits wide.
//!
//! There are two bells, each with wishes of its own, so that neither kind of sleeper can take the other's ring:
//! *threads* sleep on a futex in the ringing peer's half, any number of them; *tasks* (and, where there is no
//! futex, threads) share the session's socket, which one thread of a process may read, or its tasks: [`Bell`].

use crate::sync::{AtomicU64, Fault, Mutex, MutexGuard, Ordering, PoisonError, fence, planted};

/// A counter that a peer publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Number of the last message published.
    Message,
    /// How many times the peer gave something back.
    Room,
}

/// How a waiter sleeps, and so how it is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bed {
    Futex,
    Socket,
}

/// The wishes of one process, in its half. One line, because a publisher reads it after each publication. Written by the owner of
/// the half only, with each wait or nearly.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Wants {
    futex: Pair,
    socket: Pair,
    /// The CPU the owner last waited on, plus one; zero when it never waited. A hint, here because the peer has this line
    /// at hand when it wants to know.
    pub(crate) cpu: AtomicU64,
    /// Not zero while a thread of the owner looks for messages, so that those that sleep need not be rung.
    hushed: AtomicU64,
}

#[derive(Debug)]
#[repr(C)]
struct Pair {
    message: AtomicU64,
    room: AtomicU64,
}

impl Pair {
    fn word(&self, counter: Counter) -> &AtomicU64 {
        match counter {
            Counter::Message => &self.message,
            Counter::Room => &self.room,
        }
    }
}

impl Wants {
    /// No wishes; for tests and models. In life the words are zero because fresh pages are.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        let pair = || Pair { message: AtomicU64::new(0), room: AtomicU64::new(0) };
        Self { futex: pair(), socket: pair(), cpu: AtomicU64::new(0), hushed: AtomicU64::new(0) }
    }

    /// From now on a thread looks for messages itself, and takes out what comes.
    pub(crate) fn hush(&self) {
        // Relaxed: who rings all the same does no harm.
        self.hushed.store(1, Ordering::Relaxed);
    }

    /// Nobody looks any more. The caller then [raises](Self::raise) the wish for the message that comes next, on behalf of
    /// those who sleep, and looks again.
    pub(crate) fn unhush(&self) {
        if !planted(Fault::KeptHush) {
            // Relaxed: F2 in `raise` comes before the look again. If F1 of a publisher precedes it, that look sees the
            // publication, and if not, the publisher sees this.
            self.hushed.store(0, Ordering::Relaxed);
        }
    }

    /// Whether somebody has wished to be woken when `counter` reaches `n`. Who looks for messages himself does so for a moment
    /// only, and says nothing if he stands still meanwhile.
    pub(crate) fn is_wished(&self, counter: Counter, n: u64) -> bool {
        // Relaxed: nothing else is read because of it.
        let is_wished = |pair: &Pair| pair.word(counter).load(Ordering::Relaxed) >= n;
        is_wished(&self.futex) || is_wished(&self.socket)
    }

    /// Wishes to be woken when `counter` reaches `n`. True when that is a new wish. The caller looks again after it.
    pub(crate) fn raise(&self, bed: Bed, counter: Counter, n: u64) -> bool {
        let pair = if bed == Bed::Futex { &self.futex } else { &self.socket };
        let word = pair.word(counter);
        let before = if planted(Fault::ShrinkingWants) {
            word.swap(n, Ordering::Relaxed)
        } else {
            // Only grows: of two waiters of this process the one who needs less has missed nothing, because the other
            // one's wish says that its value was seen already. Release pairs with the fence behind a hit in `wanted`: who
            // counted this wish before has counted it when the ring for it comes.
            word.fetch_max(n, Ordering::Release)
        };
        if !planted(Fault::NoWaiterFence) {
            // F2: separates the wish above from the second look below; pairs with F1 in `wanted`.
            fence(Ordering::SeqCst);
        }
        before < n
    }

    /// Moves the wish for the message that comes next, on behalf of those who sleep, to the one behind that: the caller looks for
    /// the first one itself, and takes it out. It must hold what keeps others from moving it, but those who
    /// [raise](Self::raise) it to the same message at most.
    ///
    /// Needs no fence and no second look: the looks of the publisher at this word see one value or the other. If the one after
    /// the message that comes next still finds that wished for, the sleeper is rung. If not, no later look finds an older wish.
    pub(crate) fn step_ahead(&self, bed: Bed, counter: Counter, n: u64) {
        let pair = if bed == Bed::Futex { &self.futex } else { &self.socket };
        let n = if planted(Fault::LongStep) { n.wrapping_add(1) } else { n };
        // Release, as in `raise`. A store, since those who raise it meanwhile change nothing where this is more.
        pair.word(counter).store(n, Ordering::Release);
    }

    /// Who has [stepped ahead](Self::step_ahead) or [hushed](Self::hush) looks no more: those who sleep wish for `n` again, which
    /// may be less than what was wished for meanwhile. True when that is a new wish. The caller looks again after it.
    pub(crate) fn step_back(&self, bed: Bed, counter: Counter, n: u64) -> bool {
        let pair = if bed == Bed::Futex { &self.futex } else { &self.socket };
        // Release, as in `raise`.
        let before = if planted(Fault::KeptStep) {
            pair.word(counter).fetch_max(n, Ordering::Release)
        } else {
            pair.word(counter).swap(n, Ordering::Release)
        };
        if !planted(Fault::NoWaiterFence) {
            // F2, as in `raise`.
            fence(Ordering::SeqCst);
        }
        before != n
    }

    /// Which bells to ring after `counter` moved from `old` to `new`. Called after each publication, or after several
    /// with nothing else between them.
    pub(crate) fn wanted(&self, counter: Counter, old: u64, new: u64) -> Rings {
        if !planted(Fault::NoPublisherFence) {
            // F1: separates the publication above from the look at the wish below; pairs with F2 in `raise`.
            fence(Ordering::SeqCst);
        }
        let moved = new.wrapping_sub(old);
        let hit = |word: &AtomicU64| word.load(Ordering::Relaxed).wrapping_sub(old).wrapping_sub(1) < moved;
        let is_hushed = || counter == Counter::Message && self.hushed.load(Ordering::Relaxed) != 0;
        let futex = hit(self.futex.word(counter)) && !is_hushed();
        let rings = Rings { futex, socket: hit(self.socket.word(counter)) };
        if rings.any() {
            // Pairs with the Release in `raise`; only here, where a system call follows anyway.
            fence(Ordering::Acquire);
        }
        rings
    }
}

impl Wants {
    /// Whether [`wanted`](Self::wanted) has to be asked after `counter` moved from `old` to `new`: not if it moved by one, as it nearly always
    /// does, and nobody wishes for that. Called as that is.
    #[inline(always)]
    pub(crate) fn may_be_wanted(&self, counter: Counter, old: u64, new: u64) -> bool {
        if !planted(Fault::NoPublisherFence) {
            // F1, as in `wanted`.
            fence(Ordering::SeqCst);
        }
        let wishes_for = |pair: &Pair| pair.word(counter).load(Ordering::Relaxed) == new;
        new != old.wrapping_add(1) || wishes_for(&self.futex) || wishes_for(&self.socket)
    }
}

/// Who is to be rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rings {
    pub(crate) futex: bool,
    pub(crate) socket: bool,
}

impl Rings {
    #[inline]
    pub(crate) fn any(self) -> bool {
        self.futex | self.socket
    }
}

/// The order of a waiter on the futex: `prepare` reads what the sleep will compare, then the wish, then the second
/// look, then the sleep. True when the second look found something.
pub(crate) fn sleep_unless<T>(
    prepare: impl FnOnce() -> T,
    raise: impl FnOnce(),
    look: impl FnOnce() -> bool,
    sleep: impl FnOnce(T),
) -> bool {
    let (before, prepare) =
        if planted(Fault::LateRegistration) { (None, Some(prepare)) } else { (Some(prepare()), None) };
    raise();
    if look() {
        return true;
    }
    if let Some(ticket) = before.or_else(|| prepare.map(|prepare| prepare())) {
        sleep(ticket);
    }
    false
}

/// How a parked waiter is told to look again.
pub(crate) trait Notify: Clone {
    fn notify(&self);
}

/// What a registered waiter does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something happened since it registered: look again.
    Again,
    /// It holds the bell: sleep on the socket.
    Hold,
    /// Another one holds the bell and will wake it.
    Park,
}

/// Whether the bell can be taken from a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleeper {
    /// Blocks in the kernel while it holds the bell.
    Thread,
    /// Is polled; others may take the bell from it.
    #[cfg_attr(not(any(test, feature = "tokio")), expect(dead_code, reason = "tasks are the async face's"))]
    Task,
}

/// The right to read the session's socket: of one thread of this process at a time, or of the tasks together, which do not
/// block there.
///
/// Two threads in `recv` and one byte: one wakes, the other sleeps for ever; a byte taken by a thread is never
/// reported by epoll. So: register, raise the wish, look again, and then take the [`turn`](Bell::turn). Whoever comes
/// back from the socket or gives the bell up first wakes all who are registered, then looks at its own condition.
#[derive(Debug)]
pub(crate) struct Bell<N> {
    state: Mutex<State<N>>,
}

#[derive(Debug)]
struct State<N> {
    waiters: Vec<Waiter<N>>,
    holder: Option<(Key, Sleeper)>,
    next_key: u64,
}

#[derive(Debug)]
struct Waiter<N> {
    key: Key,
    notify: N,
    /// Somebody came back from the socket since this waiter last looked.
    woken: bool,
}

/// Names a registered waiter. Not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl<N: Notify> Bell<N> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { waiters: Vec::new(), holder: None, next_key: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, State<N>> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a waiter; from now on it is woken by whoever comes back from the socket.
    pub(crate) fn register(&self, notify: N) -> Key {
        let mut state = self.lock();
        let key = Key(state.next_key);
        state.next_key = state.next_key.wrapping_add(1);
        state.waiters.push(Waiter { key, notify, woken: false });
        key
    }

    /// Whether anybody is registered.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_waiters(&self) -> bool {
        !self.lock().waiters.is_empty()
    }

    /// Replaces how a registered waiter is told.
    #[cfg(any(test, feature = "tokio"))]
    pub(crate) fn renew(&self, key: Key, notify: N) {
        // What it replaces is dropped after the lock, because it may be foreign code.
        let _replaced = self.lock().waiter(key).map(|waiter| std::mem::replace(&mut waiter.notify, notify));
    }

    /// Decides what a registered waiter does, after its second look found nothing.
    pub(crate) fn turn(&self, key: Key, sleeper: Sleeper) -> Turn {
        let mut state = self.lock();
        let Some(waiter) = state.waiter(key) else { return Turn::Again };
        if std::mem::take(&mut waiter.woken) {
            return Turn::Again;
        }
        match state.holder {
            None => {}
            Some((holder, _)) if holder == key => {}
            // A task does not block there, and each listens to the reactor itself: one that holds the bell and is not
            // polled must not keep the others from it.
            Some((_, Sleeper::Task)) => {}
            Some(_) => return Turn::Park,
        }
        state.holder = Some((key, sleeper));
        Turn::Hold
    }

    /// For a task: reads the socket unless a thread holds the bell. `read` says whether something came; then the bell is
    /// given up and all are woken, in one critical section. False when there was nothing, or nothing to read for it.
    #[cfg(any(test, feature = "tokio"))]
    pub(crate) fn read_as_task(&self, read: impl FnOnce() -> bool) -> bool {
        let mut state = self.lock();
        let came = !matches!(state.holder, Some((_, Sleeper::Thread))) && read();
        if came {
            state.holder = None;
        }
        let woken = if came { state.wake_all() } else { Vec::new() };
        drop(state);
        woken.iter().for_each(N::notify);
        came
    }

    /// Gives the bell up after a return from the socket, for whatever reason, and wakes all who are registered.
    pub(crate) fn give_up(&self, key: Key) {
        let woken = self.lock().give_up(key);
        woken.iter().for_each(N::notify);
    }

    /// The waiter waits no more. If it held the bell, another one must take it.
    pub(crate) fn deregister(&self, key: Key) {
        let mut state = self.lock();
        let place = state.waiters.iter().position(|waiter| waiter.key == key);
        // Dropped after the lock, because it may be foreign code.
        let _gone = place.map(|place| state.waiters.swap_remove(place));
        let held = state.holder.is_some_and(|(holder, _)| holder == key);
        let woken = if held { state.give_up(key) } else { Vec::new() };
        drop(state);
        woken.iter().for_each(N::notify);
    }

    /// Tells all who are registered to look again.
    pub(crate) fn wake_all(&self) {
        let woken = self.lock().wake_all();
        woken.iter().for_each(N::notify);
    }
}

impl<N: Notify> State<N> {
    fn waiter(&mut self, key: Key) -> Option<&mut Waiter<N>> {
        self.waiters.iter_mut().find(|waiter| waiter.key == key)
    }

    fn give_up(&mut self, key: Key) -> Vec<N> {
        if self.holder.is_some_and(|(holder, _)| holder == key) {
            self.holder = None;
        }
        self.wake_all()
    }

    /// Marks all as woken; the caller notifies them once the lock is released, because a waker is foreign code.
    fn wake_all(&mut self) -> Vec<N> {
        self.waiters
            .iter_mut()
            .map(|waiter| {
                waiter.woken = true;
                waiter.notify.clone()
            })
            .collect()
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    fn beds() -> impl Strategy<Value = Bed> {
        prop_oneof![Just(Bed::Futex), Just(Bed::Socket)]
    }

    fn counters() -> impl Strategy<Value = Counter> {
        prop_oneof![Just(Counter::Message), Just(Counter::Room)]
    }

    proptest! {
        #[test]
        fn a_wish_is_rung_for_when_its_counter_passes_it_and_only_then(
            bed in beds(), counter in counters(), n in 1..u64::MAX, old: u64, moved in 0_u64..1_000, near in 0_u64..1_000,
        ) {
            for old in [old, n.saturating_sub(near)] {
                let new = old.saturating_add(moved);
                let wants = Wants::none();
                prop_assert!(wants.raise(bed, counter, n));
                let hit = old < n && n <= new;
                let expected = Rings { futex: hit && bed == Bed::Futex, socket: hit && bed == Bed::Socket };
                let rings = wants.wanted(counter, old, new);
                prop_assert_eq!(wants.may_be_wanted(counter, old, new), rings.any() || new != old.wrapping_add(1));
                prop_assert_eq!((rings, rings.any()), (expected, hit));
                let other = if counter == Counter::Message { Counter::Room } else { Counter::Message };
                prop_assert_eq!(wants.wanted(other, old, new), Rings { futex: false, socket: false });
            }
        }

        #[test]
        fn there_are_no_more_rings_than_new_wishes(
            bed in beds(),
            counter in counters(),
            steps in prop::collection::vec((any::<bool>(), 0_u64..6), 0..100),
        ) {
            let wants = Wants::none();
            let (mut at, mut wished, mut rung) = (0, 0, 0);
            for (publishes, by) in steps {
                if publishes {
                    let rings = wants.wanted(counter, at, at + by);
                    rung += u32::from(rings.futex) + u32::from(rings.socket);
                    at += by;
                } else {
                    wished += u32::from(wants.raise(bed, counter, at + by));
                }
                prop_assert!(rung <= wished);
            }
        }

        #[test]
        fn a_wish_only_grows(bed in beds(), counter in counters(), wishes in prop::collection::vec(0_u64..50, 1..20)) {
            let wants = Wants::none();
            let mut most = 0;
            for n in wishes {
                prop_assert_eq!(wants.raise(bed, counter, n), n > most);
                most = most.max(n);
            }
            // Nobody who wished for less is forgotten: the largest wish is rung for.
            let rings = wants.wanted(counter, most.saturating_sub(1), most);
            prop_assert_eq!(rings.futex || rings.socket, most > 0);
        }
    }

    #[test]
    fn no_wish_is_never_rung_for() {
        let wants = Wants::none();
        for (old, new) in [(0, 1), (0, u64::MAX - 1), (u64::MAX - 1, u64::MAX)] {
            assert_eq!(wants.wanted(Counter::Message, old, new), Rings { futex: false, socket: false });
        }
    }

    const NOBODY: Rings = Rings { futex: false, socket: false };

    fn only(bed: Bed) -> Rings {
        Rings { futex: bed == Bed::Futex, socket: bed == Bed::Socket }
    }

    const ALL: [(Bed, Counter); 4] = [
        (Bed::Futex, Counter::Message),
        (Bed::Futex, Counter::Room),
        (Bed::Socket, Counter::Message),
        (Bed::Socket, Counter::Room),
    ];

    #[test]
    fn both_beds_are_rung_for_at_once() {
        let wants = Wants::none();
        wants.raise(Bed::Futex, Counter::Message, 5);
        wants.raise(Bed::Socket, Counter::Message, 5);
        let rings = wants.wanted(Counter::Message, 4, 5);
        assert_eq!(rings, Rings { futex: true, socket: true });
        assert!(rings.any());
    }

    #[test]
    fn while_a_thread_looks_those_that_sleep_for_messages_on_the_futex_are_not_rung_for_and_nobody_else_is_left_out() {
        for (bed, counter) in ALL {
            let wants = Wants::none();
            wants.raise(bed, counter, 5);
            wants.hush();
            let is_looked_for = (bed, counter) == (Bed::Futex, Counter::Message);
            assert_eq!(wants.wanted(counter, 4, 5), if is_looked_for { NOBODY } else { only(bed) });
            wants.unhush();
            assert_eq!(wants.wanted(counter, 4, 5), only(bed));
        }
    }

    #[test]
    fn a_wish_is_seen_until_its_counter_has_passed_it() {
        for (bed, counter) in ALL {
            let wants = Wants::none();
            assert!(!wants.is_wished(counter, 1));
            wants.raise(bed, counter, 5);
            let other = if counter == Counter::Message { Counter::Room } else { Counter::Message };
            assert_eq!([4, 5, 6].map(|n| wants.is_wished(counter, n)), [true, true, false]);
            assert_eq!([4, 5, 6].map(|n| wants.is_wished(other, n)), [false; 3]);
        }
    }

    #[test]
    fn who_steps_ahead_is_not_rung_for_its_own_message_and_who_steps_back_is() {
        for (bed, counter) in ALL {
            let wants = Wants::none();
            wants.raise(bed, counter, 5);
            wants.step_ahead(bed, counter, 6);
            assert_eq!(wants.wanted(counter, 4, 5), NOBODY);
            assert_eq!(wants.wanted(counter, 5, 6), only(bed));
            assert!(wants.step_back(bed, counter, 5), "less than what was wished for is a new wish");
            assert!(!wants.step_back(bed, counter, 5), "the same is none");
            assert_eq!(wants.wanted(counter, 4, 5), only(bed));
            assert_eq!(wants.wanted(counter, 5, 6), NOBODY);
        }
    }

    #[test]
    fn a_sleeper_takes_its_ticket_then_wishes_then_looks_then_sleeps() {
        for found in [true, false] {
            let order = RefCell::new(Vec::new());
            let note = |what| order.borrow_mut().push(what);
            let looked = sleep_unless(
                || note("ticket"),
                || note("wish"),
                || {
                    note("look");
                    found
                },
                |()| note("sleep"),
            );
            assert_eq!(looked, found);
            let expected: &[_] = if found { &["ticket", "wish", "look"] } else { &["ticket", "wish", "look", "sleep"] };
            assert_eq!(*order.borrow(), expected);
        }
    }

    #[derive(Clone, Default)]
    struct Told(Rc<Cell<u32>>);

    impl Notify for Told {
        fn notify(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    impl Told {
        fn times(&self) -> u32 {
            self.0.get()
        }
    }

    fn two_waiters() -> (Bell<Told>, (Key, Told), (Key, Told)) {
        let bell = Bell::new();
        let (first, second) = (Told::default(), Told::default());
        let keys = (bell.register(first.clone()), bell.register(second.clone()));
        (bell, (keys.0, first), (keys.1, second))
    }

    #[test]
    fn one_thread_holds_the_bell_and_the_others_park() {
        let (bell, (first, _), (second, _)) = two_waiters();
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Hold);
        assert_eq!(bell.turn(second, Sleeper::Thread), Turn::Park);
        assert_eq!(bell.turn(second, Sleeper::Task), Turn::Park);
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Hold);
    }

    #[test]
    fn tasks_share_the_bell_and_a_thread_takes_it_from_them() {
        let (bell, (task, _), (thread, _)) = two_waiters();
        let third = bell.register(Told::default());
        assert_eq!(bell.turn(task, Sleeper::Task), Turn::Hold);
        assert_eq!(bell.turn(third, Sleeper::Task), Turn::Hold);
        assert_eq!(bell.turn(thread, Sleeper::Thread), Turn::Hold);
        assert_eq!(bell.turn(task, Sleeper::Task), Turn::Park);
        // What is ready now is the thread's to read.
        assert!(!bell.read_as_task(|| unreachable!("it does not hold the bell")));
    }

    #[test]
    fn whoever_gives_the_bell_up_wakes_all_and_each_looks_once_more() {
        let (bell, (first, told_first), (second, told_second)) = two_waiters();
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Hold);
        bell.give_up(first);
        assert_eq!((told_first.times(), told_second.times()), (1, 1));
        for key in [second, first] {
            assert_eq!(bell.turn(key, Sleeper::Thread), Turn::Again);
        }
        assert_eq!(bell.turn(second, Sleeper::Thread), Turn::Hold);
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Park);
    }

    #[test]
    fn a_task_that_read_nothing_keeps_the_bell() {
        let (bell, (task, told), (other, _)) = two_waiters();
        assert_eq!(bell.turn(task, Sleeper::Task), Turn::Hold);
        assert!(!bell.read_as_task(|| false));
        assert_eq!(told.times(), 0);
        assert_eq!(bell.turn(other, Sleeper::Thread), Turn::Hold, "a thread may take it meanwhile");
        bell.give_up(other);
        assert_eq!(bell.turn(task, Sleeper::Task), Turn::Again);
        assert_eq!(bell.turn(task, Sleeper::Task), Turn::Hold);
        let times = told.times();
        assert!(bell.read_as_task(|| true));
        assert_eq!(told.times(), times + 1);
        assert_eq!(bell.turn(other, Sleeper::Task), Turn::Again);
        assert_eq!(bell.turn(other, Sleeper::Task), Turn::Hold);
    }

    #[test]
    fn a_holder_that_leaves_wakes_the_others_and_one_that_parks_does_not() {
        let (bell, (first, _), (second, told_second)) = two_waiters();
        let (third, told_third) = {
            let told = Told::default();
            (bell.register(told.clone()), told)
        };
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Hold);
        bell.deregister(third);
        assert_eq!((told_second.times(), told_third.times()), (0, 0));
        bell.deregister(first);
        assert_eq!((told_second.times(), told_third.times()), (1, 0));
        assert_eq!(bell.turn(second, Sleeper::Thread), Turn::Again);
        assert_eq!(bell.turn(second, Sleeper::Thread), Turn::Hold);
        // One that is no longer registered is sent round, and takes nothing.
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Again);
    }

    #[test]
    fn who_leaves_is_told_nothing_more_and_who_stays_is() {
        let (bell, (first, told_first), (second, told_second)) = two_waiters();
        bell.deregister(second);
        bell.wake_all();
        assert_eq!((told_first.times(), told_second.times()), (1, 0));
        assert_eq!(bell.turn(first, Sleeper::Thread), Turn::Again);
    }

    #[test]
    fn a_renewed_waiter_is_told_the_new_way() {
        let (bell, (first, old), _) = two_waiters();
        let new = Told::default();
        bell.renew(first, new.clone());
        bell.wake_all();
        assert_eq!((old.times(), new.times()), (0, 1));
        assert_eq!(bell.turn(first, Sleeper::Task), Turn::Again);
    }

    #[test]
    fn keys_are_not_used_again() {
        let (bell, (first, _), (second, _)) = two_waiters();
        bell.deregister(first);
        bell.deregister(second);
        let third = bell.register(Told::default());
        assert!(third != first && third != second);
    }
}
