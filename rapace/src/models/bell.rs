//! The one reader of the socket: threads and tasks that share it all wake, whoever reads the byte.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::{FALSE_FLOOD, LOST_WAKE_UP, by, search};
use crate::doorbell::{Bed, Bell, Counter, Key, Notify, Sleeper, Turn, Wants};
use crate::sync::{AtomicU64, Fault, Ordering, planted, with_fault};

/// A rule that a modelled part can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// A task reads the socket, and gives the bell up in a second step.
    SplitRead,
    /// A task reads the socket though the bell was taken from it.
    Thief,
    /// A thread goes to the socket though another one holds the bell.
    TwoReaders,
    /// A future is kept, and not polled again: no mistake of this crate, and to be lived with.
    NeverPolledAgain,
    /// A ring is allowed for only after the wish was raised, when it may have come already.
    CountLate,
}

/// Whether `model` fails by `reason`.
fn fails(reason: &str, model: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    std::panic::catch_unwind(|| by(reason, model)).is_err()
}

/// This process's end of the session's socket, and the reactor that polls its tasks.
struct Socket {
    state: Mutex<Arrived>,
    moved: Condvar,
}

#[derive(Default)]
struct Arrived {
    bells: u64,
    /// What the reactor remembers: set when a byte comes, cleared by a task that has read. Counts the bytes that came,
    /// so that readiness newer than what was read stays.
    ready: Option<u64>,
    came: u64,
    /// Which of two tasks were told to look again.
    told: [bool; 2],
}

impl Socket {
    fn new() -> Self {
        Self { state: Mutex::new(Arrived::default()), moved: Condvar::new() }
    }

    fn send(&self) {
        let mut state = self.state.lock().unwrap();
        state.bells += 1;
        state.came += 1;
        state.ready = Some(state.came);
        drop(state);
        self.moved.notify_all();
    }

    /// A blocking read of all that is there.
    fn receive(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        while state.bells == 0 {
            state = self.moved.wait(state).unwrap();
        }
        std::mem::take(&mut state.bells)
    }

    fn try_receive(&self) -> u64 {
        std::mem::take(&mut self.state.lock().unwrap().bells)
    }

    /// Until `task` is polled again because it was told to (`None`) or, if it cares, because of readiness.
    fn pending(&self, task: usize, cares: bool) -> Option<u64> {
        let mut state = self.state.lock().unwrap();
        loop {
            if std::mem::take(&mut state.told[task]) {
                return None;
            }
            if cares && state.ready.is_some() {
                return state.ready;
            }
            state = self.moved.wait(state).unwrap();
        }
    }

    fn clear_ready(&self, seen: u64) {
        let mut state = self.state.lock().unwrap();
        if state.ready == Some(seen) {
            state.ready = None;
        }
    }
}

/// Where a thread parks.
struct Parker {
    told: Mutex<bool>,
    condvar: Condvar,
}

impl Parker {
    fn park(&self) {
        let mut told = self.told.lock().unwrap();
        while !std::mem::take(&mut *told) {
            told = self.condvar.wait(told).unwrap();
        }
    }
}

#[derive(Clone)]
enum Waker {
    Thread(Arc<Parker>),
    Task(usize, Arc<Socket>),
}

impl Notify for Waker {
    fn notify(&self) {
        match self {
            Self::Thread(parker) => {
                *parker.told.lock().unwrap() = true;
                parker.condvar.notify_all();
            }
            Self::Task(task, socket) => {
                socket.state.lock().unwrap().told[*task] = true;
                socket.moved.notify_all();
            }
        }
    }
}

/// A process whose waiters share the socket.
struct Process {
    messages: AtomicU64,
    freed: AtomicU64,
    wants: Wants,
    bell: Bell<Waker>,
    socket: Arc<Socket>,
    raised: AtomicU64,
    rung: AtomicU64,
    mistake: Mistake,
}

impl Process {
    fn new(mistake: Mistake) -> Arc<Self> {
        Arc::new(Self {
            messages: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            wants: Wants::none(),
            bell: Bell::new(),
            socket: Arc::new(Socket::new()),
            raised: AtomicU64::new(0),
            rung: AtomicU64::new(0),
            mistake,
        })
    }

    fn counter(&self, counter: Counter) -> &AtomicU64 {
        match counter {
            Counter::Message => &self.messages,
            Counter::Room => &self.freed,
        }
    }

    /// The peer: moves the counter by one and rings if somebody wishes it. Of messages it asks first whether that may be.
    fn publish(&self, counter: Counter) {
        let old = self.counter(counter).fetch_add(1, Ordering::Release);
        let may_be = counter == Counter::Room || self.wants.may_be_wanted(counter, old, old + 1);
        if may_be && self.wants.wanted(counter, old, old + 1).socket {
            self.socket.send();
        }
    }

    fn has(&self, counter: Counter, n: u64) -> bool {
        self.counter(counter).load(Ordering::Acquire) >= n
    }

    fn raise(&self, counter: Counter, n: u64) {
        if self.mistake == Mistake::CountLate {
            if self.wants.raise(Bed::Socket, counter, n) {
                self.raised.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        self.raised.fetch_add(1, Ordering::Relaxed);
        if !self.wants.raise(Bed::Socket, counter, n) {
            self.raised.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Rule 6: a peer rings no more often than it was asked to, so an honest one is never taken for a flood.
    fn came(&self, bells: u64) {
        if bells == 0 {
            return;
        }
        // AcqRel: what another reader has counted was wished for too, and that must be seen here.
        let rung = self.rung.fetch_add(bells, Ordering::AcqRel) + bells;
        assert!(rung <= self.raised.load(Ordering::Relaxed), "an honest peer is taken for a flood");
    }

    fn await_as_thread(&self, counter: Counter, n: u64) {
        while !self.has(counter, n) {
            let parker = Arc::new(Parker { told: Mutex::new(false), condvar: Condvar::new() });
            let register = || self.bell.register(Waker::Thread(Arc::clone(&parker)));
            let mut registered = (!planted(Fault::LateRegistration)).then(register);
            loop {
                self.raise(counter, n);
                if self.has(counter, n) {
                    break;
                }
                let key = *registered.get_or_insert_with(register);
                match self.bell.turn(key, Sleeper::Thread) {
                    Turn::Again => {}
                    Turn::Park if self.mistake != Mistake::TwoReaders => parker.park(),
                    Turn::Hold | Turn::Park => {
                        self.came(self.socket.receive());
                        self.bell.give_up(key);
                        break;
                    }
                }
            }
            if let Some(key) = registered {
                self.bell.deregister(key);
            }
        }
    }

    fn await_as_task(&self, task: usize, counter: Counter, n: u64) {
        while !self.has(counter, n) {
            let register = || self.bell.register(Waker::Task(task, Arc::clone(&self.socket)));
            let mut registered = (!planted(Fault::LateRegistration)).then(register);
            loop {
                self.raise(counter, n);
                if self.has(counter, n) {
                    break;
                }
                let key = *registered.get_or_insert_with(register);
                match self.bell.turn(key, Sleeper::Task) {
                    Turn::Again => {}
                    Turn::Park => drop(self.socket.pending(task, false)),
                    Turn::Hold => self.hold_as_task(task, key),
                }
            }
            if let Some(key) = registered {
                self.bell.deregister(key);
            }
        }
    }

    /// As `poll_socket` of the async face.
    fn hold_as_task(&self, task: usize, key: Key) {
        while let Some(seen) = self.socket.pending(task, true) {
            let came = self.read_as_task(key);
            self.socket.clear_ready(seen);
            if came {
                return;
            }
        }
    }

    /// A future that is polled once, and dropped while it waits.
    fn drop_a_task(&self, task: usize, counter: Counter, n: u64) {
        let key = self.bell.register(Waker::Task(task, Arc::clone(&self.socket)));
        self.raise(counter, n);
        if !self.has(counter, n) {
            self.bell.turn(key, Sleeper::Task);
        }
        if self.mistake != Mistake::NeverPolledAgain {
            self.bell.deregister(key);
        }
    }

    fn read_as_task(&self, _key: Key) -> bool {
        let mut bells = 0;
        let came = match self.mistake {
            Mistake::SplitRead => {
                bells = self.socket.try_receive();
                bells > 0 && self.bell.read_as_task(|| true)
            }
            Mistake::Thief => {
                bells = self.socket.try_receive();
                bells > 0
            }
            _ => self.bell.read_as_task(|| {
                bells = self.socket.try_receive();
                bells > 0
            }),
        };
        self.came(bells);
        came
    }
}

/// Two threads, of which one waits for messages and one for room.
fn two_threads_on_one_socket(mistake: Mistake) {
    search(move || {
        let process = Process::new(mistake);
        let (peer, sender) = (Arc::clone(&process), Arc::clone(&process));
        let peer = thread::spawn(move || {
            peer.publish(Counter::Message);
            peer.publish(Counter::Room);
        });
        let sending = thread::spawn(move || sender.await_as_thread(Counter::Room, 1));
        process.await_as_thread(Counter::Message, 1);
        sending.join().unwrap();
        peer.join().unwrap();
    });
}

/// A task waits for messages, a thread for room.
fn a_task_and_a_thread(mistake: Mistake) {
    search(move || {
        let process = Process::new(mistake);
        let (peer, sender) = (Arc::clone(&process), Arc::clone(&process));
        let peer = thread::spawn(move || {
            peer.publish(Counter::Message);
            peer.publish(Counter::Room);
        });
        let sending = thread::spawn(move || sender.await_as_thread(Counter::Room, 1));
        process.await_as_task(0, Counter::Message, 1);
        sending.join().unwrap();
        peer.join().unwrap();
    });
}

/// Two tasks wait for messages; one is dropped, perhaps while it holds the bell.
fn a_dropped_task_and_another(mistake: Mistake) {
    search(move || {
        let process = Process::new(mistake);
        let (peer, dropped) = (Arc::clone(&process), Arc::clone(&process));
        let publishing = thread::spawn(move || peer.publish(Counter::Message));
        let dropping = thread::spawn(move || dropped.drop_a_task(1, Counter::Message, 1));
        process.await_as_task(0, Counter::Message, 1);
        dropping.join().unwrap();
        publishing.join().unwrap();
    });
}

/// One counter, two values of it.
fn two_threads_of_one_counter(counter: Counter) {
    search(move || {
        let process = Process::new(Mistake::None);
        let (peer, second) = (Arc::clone(&process), Arc::clone(&process));
        let publishing = thread::spawn(move || {
            peer.publish(counter);
            peer.publish(counter);
        });
        let waiting = thread::spawn(move || second.await_as_thread(counter, 2));
        process.await_as_thread(counter, 1);
        waiting.join().unwrap();
        publishing.join().unwrap();
    });
}

#[test]
fn two_threads_on_one_socket_both_wake() {
    two_threads_on_one_socket(Mistake::None);
}

#[test]
fn a_task_and_a_thread_on_one_socket_both_wake() {
    a_task_and_a_thread(Mistake::None);
}

#[test]
fn a_dropped_task_hands_the_bell_on() {
    a_dropped_task_and_another(Mistake::None);
}

#[test]
fn a_task_that_is_kept_and_never_polled_again_keeps_nobody_from_the_bell() {
    a_dropped_task_and_another(Mistake::NeverPolledAgain);
}

#[test]
fn two_threads_of_one_counter_both_wake() {
    two_threads_of_one_counter(Counter::Message);
    two_threads_of_one_counter(Counter::Room);
}

#[test]
fn registering_after_the_second_look_loses_a_bell() {
    assert!(with_fault(Fault::LateRegistration, || by(LOST_WAKE_UP, || two_threads_on_one_socket(Mistake::None))));
    assert!(with_fault(Fault::LateRegistration, || by(LOST_WAKE_UP, || a_task_and_a_thread(Mistake::None))));
}

#[test]
fn a_wish_that_shrinks_is_rung_for_twice_or_between_two_looks_not_at_all() {
    assert!(with_fault(Fault::ShrinkingWants, || by(FALSE_FLOOD, || two_threads_of_one_counter(Counter::Room))));
    assert!(with_fault(Fault::ShrinkingWants, || by(LOST_WAKE_UP, || two_threads_of_one_counter(Counter::Message))));
}

#[test]
fn two_readers_of_one_socket_lose_a_bell() {
    assert!(fails(LOST_WAKE_UP, || two_threads_on_one_socket(Mistake::TwoReaders)));
}

#[test]
fn a_task_that_reads_before_it_gives_the_bell_up_loses_it() {
    assert!(fails(LOST_WAKE_UP, || a_task_and_a_thread(Mistake::SplitRead)));
}

#[test]
fn a_task_that_reads_without_the_bell_loses_it() {
    assert!(fails(LOST_WAKE_UP, || a_task_and_a_thread(Mistake::Thief)));
}

#[test]
fn a_wish_counted_after_it_was_raised_makes_an_honest_peer_a_flood() {
    assert!(fails(FALSE_FLOOD, || two_threads_on_one_socket(Mistake::CountLate)));
}
