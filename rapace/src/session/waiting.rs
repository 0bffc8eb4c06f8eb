//! How a thread waits: it looks for a while, then sleeps where the peer rings.
//!
//! A sleep returns whenever something may have changed; the caller's loop looks again. Nothing here has a timer of its
//! own: a wake-up that got lost would hang, and be found, instead of being papered over.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Sys;
use rustix::net::{RecvFlags, recv};

use super::config::Spin;
use super::shared::Shared;
use crate::doorbell::{Bed, Counter, Key, Notify, Sleeper, Turn, sleep_unless};
use crate::error::{Death, Errno, Lost};
use crate::os::futex::{self, Woken};
use crate::os::settle;

/// How a waiter that is registered at the bell is told to look again.
#[derive(Clone, Debug)]
pub(crate) enum Waker {
    Thread(Thread),
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "tasks are the async face's"))]
    Task(std::task::Waker),
}

impl Notify for Waker {
    fn notify(&self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(waker) => waker.wake_by_ref(),
        }
    }
}

/// What a waiter waits for: that one of the peer's counters reaches a number, of which `is_there` is the test.
pub(crate) struct Wait<'a> {
    pub(crate) wishes: &'a [(Counter, u64)],
    pub(crate) is_there: &'a (dyn Fn() -> bool + Sync),
    pub(crate) deadline: Option<Instant>,
}

impl Wait<'_> {
    fn is_due(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl Shared {
    /// Whether a wait is to end: what it waits for is there, or can come no more.
    pub(crate) fn is_over_or(&self, wait: &Wait<'_>) -> bool {
        let ended = |(counter, _): &(Counter, u64)| match counter {
            Counter::Message => self.peer_closed(),
            Counter::Room => self.peer_stopped(),
        };
        (wait.is_there)() || wait.wishes.iter().any(ended) || self.is_over()
    }

    /// Sleeps once, unless what is waited for is there already. Returns after a ring, the deadline, or anything else
    /// that may have changed something.
    pub(crate) fn sleep(self: &Arc<Self>, wait: &Wait<'_>) -> Result<(), Lost> {
        self.note(&self.own.words().noted.sleeps);
        self.note_cpu();
        match self.bed_of_threads() {
            Bed::Futex => self.sleep_on_futex(wait),
            Bed::Socket => self.sleep_on_socket(wait),
        }
    }

    /// Where the threads of this process sleep.
    pub(crate) fn bed_of_threads(self: &Arc<Self>) -> Bed {
        if futex::is_supported() && self.watch() { Bed::Futex } else { Bed::Socket }
    }

    /// Raises all wishes of a waiter.
    pub(crate) fn raise_all(&self, bed: Bed, wait: &Wait<'_>) {
        wait.wishes.iter().for_each(|(counter, n)| self.raise(bed, *counter, *n));
    }

    /// Raises the wish to be woken, as a number that the peer must not ring for more often than it was raised.
    pub(crate) fn raise(&self, bed: Bed, counter: Counter, n: u64) {
        // Counted before it can be seen: the ring may come, on another thread, before this returns.
        self.rung.raised(bed);
        if !self.own.words().wants.raise(bed, counter, n) {
            self.rung.was_raised_before(bed);
        }
    }

    /// See [`Wants::step_ahead`](crate::doorbell::Wants::step_ahead).
    pub(crate) fn step_ahead(&self, bed: Bed, counter: Counter, n: u64) {
        // Counted before, as in `raise`.
        self.rung.raised(bed);
        self.own.words().wants.step_ahead(bed, counter, n);
    }

    /// See [`Wants::step_back`](crate::doorbell::Wants::step_back).
    pub(crate) fn step_back(&self, bed: Bed, counter: Counter, n: u64) {
        self.rung.raised(bed);
        if !self.own.words().wants.step_back(bed, counter, n) {
            self.rung.was_raised_before(bed);
        }
    }

    /// Any number of threads may sleep here at once; each is rung for what any of them wished.
    fn sleep_on_futex(&self, wait: &Wait<'_>) -> Result<(), Lost> {
        let bell = &self.peer.words().bell.futex;
        let mut outcome = Ok(Woken::Otherwise);
        self.rung.sleeping(self.sleepers.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        sleep_unless(
            || {
                let rung = bell.load(Ordering::Relaxed);
                // Pairs with the Release in `ring_futex`: who sees the ring sees its reason. A fence, since stronger
                // loads are not allowed on memory that is mapped read-only.
                fence(Ordering::Acquire);
                // Acquire pairs with the Release in `wake_own`.
                (rung, self.epoch.load(Ordering::Acquire))
            },
            || self.raise_all(Bed::Futex, wait),
            || self.is_over_or(wait),
            |(rung, epoch)| outcome = futex::sleep((bell, rung), (&self.epoch, epoch), wait.deadline),
        );
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        match outcome {
            // At the end of the session this process rings for itself.
            Ok(Woken::Shared) if !self.is_over() => {
                self.rung.came(Bed::Futex, 1).map_err(|violation| self.fail(violation.into()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(self.fail(Lost::System(Errno(error.raw_os_error().unwrap_or(0))))),
        }
    }

    /// Where there is no futex, threads share the socket with tasks; the bell says whose turn it is.
    fn sleep_on_socket(&self, wait: &Wait<'_>) -> Result<(), Lost> {
        // Before anything is looked at, so that no nudge from now on is lost.
        if self.tug.get().is_none() {
            let tug = tug().map_err(|error| self.fail(Lost::System(Errno(error.raw_os_error().unwrap_or(0)))))?;
            let _ = self.tug.set(tug);
        }
        let key = self.bell.register(Waker::Thread(std::thread::current()));
        let outcome = self.take_turns(key, wait);
        self.bell.deregister(key);
        outcome
    }

    fn take_turns(&self, key: Key, wait: &Wait<'_>) -> Result<(), Lost> {
        loop {
            self.raise_all(Bed::Socket, wait);
            if self.is_over_or(wait) {
                return Ok(());
            }
            if wait.is_due() {
                self.look_for_death();
                return Ok(());
            }
            match self.bell.turn(key, Sleeper::Thread) {
                Turn::Again => {}
                Turn::Hold => {
                    let slept = self.hold_socket(wait);
                    self.bell.give_up(key);
                    return slept;
                }
                Turn::Park => match wait.deadline {
                    None => std::thread::park(),
                    Some(deadline) => std::thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
                },
            }
        }
    }

    /// The holder's sleep: until a byte, a hang-up or the deadline.
    fn hold_socket(&self, wait: &Wait<'_>) -> Result<(), Lost> {
        let mut fds = vec![PollFd::new(&self.socket, PollFlags::IN | PollFlags::RDHUP)];
        fds.extend(self.pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let tug = self.tug.get().map(|(_, end)| end);
        fds.extend(tug.map(|end| PollFd::new(end, PollFlags::IN)));
        let left = wait.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(_) => {}
            Err(Sys::INTR) => return Ok(()),
            Err(errno) => return Err(self.fail(Lost::System(Errno(errno.raw_os_error())))),
        }
        if tug.is_some_and(|_| fds.pop().is_some_and(|tug| tug.revents().contains(PollFlags::IN))) {
            self.let_go_of_tug();
        }
        self.note_bells(self.receive_bells())?;
        self.note_poll(&fds);
        Ok(())
    }

    /// Takes out what nudges wrote; they have done what they were for.
    fn let_go_of_tug(&self) {
        let Some((_, end)) = self.tug.get() else { return };
        let mut tugs = [0; 64];
        while recv(end, &mut tugs, RecvFlags::DONTWAIT).is_ok_and(|(count, _)| count == tugs.len()) {}
    }

    /// Takes the bells out of the socket that are there, or more than were asked for; how many, zero being a hang-up.
    pub(crate) fn receive_bells(&self) -> Result<usize, Sys> {
        let mut bells = [0; 64];
        let mut total = 0;
        loop {
            match recv(&self.socket, &mut bells, RecvFlags::DONTWAIT) {
                // A peer that writes faster than this reads ends the session and not this loop.
                Ok((count, _)) if count == bells.len() && !self.rung.would_be_flood(total + count) => total += count,
                Ok((0, _)) | Err(Sys::AGAIN) if total > 0 => return Ok(total),
                Ok((count, _)) => return Ok(total + count),
                Err(Sys::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Acts on what [`receive_bells`](Self::receive_bells) found.
    pub(crate) fn note_bells(&self, received: Result<usize, Sys>) -> Result<(), Lost> {
        match received {
            Ok(0) | Err(Sys::CONNRESET) => self.note_death(Death::HangUp),
            Ok(count) => {
                self.rung.came(Bed::Socket, count as u64).map_err(|violation| self.fail(violation.into()))?;
            }
            Err(Sys::AGAIN) => {}
            Err(errno) => return Err(self.fail(Lost::System(Errno(errno.raw_os_error())))),
        }
        Ok(())
    }

    /// Says where this side runs, for the peer to decide whether looking for it makes sense.
    fn note_cpu(&self) -> Option<u64> {
        let cpu = crate::os::cpu()?.wrapping_add(1);
        let word = &self.own.words().wants.cpu;
        // Relaxed: a hint. Stored only when it is another one, since the peer reads this line after each publication.
        if word.load(Ordering::Relaxed) != cpu {
            word.store(cpu, Ordering::Relaxed);
        }
        Some(cpu)
    }

    /// The first looks of a thread, without a clock and without a pause where there is something shorter; none where it is to sleep at once.
    #[inline]
    pub(crate) fn look_first(&self, is_there: impl Fn() -> bool) -> bool {
        // Relaxed: a hint.
        let looks = if self.spin == Spin::Never { 0 } else { self.first_looks.load(Ordering::Relaxed) };
        look_often(looks, is_there)
    }

    /// Lets some time pass, about half a microsecond and nothing where threads never look, or until it is there.
    pub(crate) fn pause_until(&self, is_there: impl Fn() -> bool) {
        let pauses = if self.spin == Spin::Never { 0 } else { PAUSES };
        for _ in 0..pauses {
            if is_there() {
                break;
            }
            std::hint::spin_loop();
        }
    }

    /// How long such looks pay off.
    fn looks_first(&self, looks: u32) {
        // Relaxed: a hint. Stored only when it is another one, as it is read before each wait.
        if self.first_looks.load(Ordering::Relaxed) != looks {
            self.first_looks.store(looks, Ordering::Relaxed);
        }
    }

    /// Whether the peer last waited on the CPU this thread runs on, where looking for it only keeps it from running.
    pub(crate) fn shares_cpu(&self) -> bool {
        let ours = self.note_cpu();
        ours.is_some() && ours == Some(self.peer.words().wants.cpu.load(Ordering::Relaxed))
    }
}

/// What wakes a thread that sleeps on the socket: it is written to the first, and sleeps on the second as well.
pub(super) fn tug() -> io::Result<(UnixStream, UnixStream)> {
    let (pull, end) = UnixStream::pair()?;
    end.set_nonblocking(true)?;
    Ok((pull, end))
}

/// Looks before the first pause, some 13 ns each: about what a cache line takes to come and go. So long a thread looks that gains nothing
/// by more.
const LOOKS: u32 = 6;
/// The same of a task, which would hold up others if it looked longer, and comes to look in a longer way.
#[cfg(feature = "tokio")]
const TASK_LOOKS: u32 = 9;
/// The same of a thread whose peer answers at once: about a microsecond, within which an answer comes that a pause of the processor
/// (24 to 40 ns) and a clock would only delay.
pub(super) const FIRST_LOOKS: u32 = 80;
/// Looks with a pause, between two readings of the clock for example: about half a microsecond.
const PAUSES: u32 = 16;
/// The longest look, near the cost of a wake-up with what precedes it. With it, looking costs less CPU than not looking
/// at 100 to 10,000 messages a second.
const BUDGET_MAX: Duration = Duration::from_micros(20);
/// What a budget starts from when looking begins to pay off.
const BUDGET_MIN: Duration = Duration::from_micros(2);
/// A sleep that was shorter than this would have been spared by looking.
const PAYS_OFF: Duration = Duration::from_micros(20 + 10);
/// Two peers that both sleep each take the other's wake-up for a long wait, and what that costs differs between machines
/// by a factor of ten. So after this many sleeps a look is as long as [`PROBE`], and learns what would have been enough.
const PROBE_EVERY: u32 = 16;
/// The length of such a look: more than a wake-up takes on a slow virtual machine.
const PROBE: Duration = Duration::from_micros(150);
/// Sleeps longer than this are none that looking could spare, and are not probed.
const RARE: Duration = Duration::from_millis(1);
/// How often one that never sleeps looks for the death of the peer.
const DEATH_LOOK: Duration = Duration::from_micros(100);

/// Threads of this process that look with a budget now.
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// How long a waiter looks before it sleeps, by what paid off before (halt polling, as in the Linux KVM).
#[derive(Debug)]
pub(crate) struct Spinner {
    budget: Duration,
    /// Sleeps since the last probe, that were not rare.
    sleeps: u32,
}

/// How long a look is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    pub(crate) time: Duration,
    /// Longer than what paid off, to learn from.
    pub(crate) is_probe: bool,
}

impl Spinner {
    pub(crate) fn new() -> Self {
        Self { budget: BUDGET_MAX, sleeps: 0 }
    }

    /// Looks whether it comes soon, after the [first looks](look); true when it did. What the peer should know before
    /// this side sleeps is told between this and [`sleep`](Self::sleep).
    pub(crate) fn look(&mut self, shared: &Shared, wait: &Wait<'_>) -> bool {
        match shared.spin {
            Spin::Never => false,
            Spin::Adaptive => self.look_long(shared, wait),
            Spin::Forever => look_for(DEATH_LOOK, wait),
        }
    }

    /// Sleeps once; one that never sleeps looks instead. The caller looks again.
    pub(crate) fn sleep(&mut self, shared: &Arc<Shared>, wait: &Wait<'_>) -> Result<(), Lost> {
        match shared.spin {
            Spin::Never => shared.sleep(wait),
            Spin::Forever => {
                look_for_ever(shared, wait);
                Ok(())
            }
            Spin::Adaptive => {
                let start = Instant::now();
                shared.sleep(wait)?;
                self.adapt(start.elapsed());
                Ok(())
            }
        }
    }

    /// Looks for as long as it paid off lately.
    fn look_long(&mut self, shared: &Shared, wait: &Wait<'_>) -> bool {
        let Patience { time: budget, is_probe } = self.patience();
        let pays_off = !budget.is_zero() && !shared.shares_cpu();
        let Some(_looking) = pays_off.then(Looking::start).flatten() else {
            shared.looks_first(LOOKS);
            return false;
        };
        let start = is_probe.then(Instant::now);
        let found = look_for(budget, wait);
        let noted = &shared.own.words().noted;
        shared.note(&noted.spins);
        if found {
            shared.note(&noted.spins_found);
            shared.looks_first(FIRST_LOOKS);
        }
        if let Some(start) = start {
            self.probed(found.then(|| start.elapsed()));
        }
        found
    }

    /// How long the next look is.
    pub(crate) fn patience(&self) -> Patience {
        let is_probe = self.sleeps >= PROBE_EVERY;
        Patience { time: if is_probe { PROBE } else { self.budget }, is_probe }
    }

    /// Learns from a probe how long a look must be: twice what this one took.
    pub(crate) fn probed(&mut self, found_after: Option<Duration>) {
        self.sleeps = 0;
        if let Some(looked) = found_after {
            self.budget = (looked * 2).clamp(BUDGET_MIN, PROBE).max(self.budget);
        }
    }

    /// Learns from a sleep. The threshold lies above the cap by the cost of a wake-up, else a short sleep after a full
    /// look would shrink what should grow.
    pub(crate) fn adapt(&mut self, slept: Duration) {
        self.sleeps = if slept < RARE { self.sleeps.saturating_add(1) } else { 0 };
        self.budget = if slept < PAYS_OFF {
            (self.budget * 2).clamp(BUDGET_MIN, BUDGET_MAX.max(self.budget))
        } else if self.budget > BUDGET_MIN {
            self.budget / 2
        } else {
            Duration::ZERO
        };
    }
}

/// The first looks of a task.
#[cfg(feature = "tokio")]
#[inline]
pub(crate) fn look(is_there: impl Fn() -> bool) -> bool {
    look_often(TASK_LOOKS, is_there)
}

#[inline]
fn look_often(looks: u32, is_there: impl Fn() -> bool) -> bool {
    (0..looks).any(|_| {
        let found = is_there();
        if !found {
            settle();
        }
        found
    })
}

/// Looks for so long, or until the deadline; true when it is there.
fn look_for(budget: Duration, wait: &Wait<'_>) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..PAUSES {
            if (wait.is_there)() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= budget || wait.is_due() {
            return false;
        }
    }
}

/// For [`Spin::Forever`]: returns when it is there, when the deadline is past, or when the peer may be gone.
fn look_for_ever(shared: &Shared, wait: &Wait<'_>) {
    let mut next = Instant::now() + DEATH_LOOK;
    loop {
        for _ in 0..PAUSES {
            if (wait.is_there)() {
                return;
            }
            std::hint::spin_loop();
        }
        let now = Instant::now();
        if now >= next {
            shared.look_for_death();
            next = now + DEATH_LOOK;
        }
        if shared.is_over_or(wait) || wait.deadline.is_some_and(|deadline| now >= deadline) {
            return;
        }
    }
}

/// The right to look with a budget: one CPU of the machine is always left to others.
pub(crate) struct Looking;

impl Looking {
    pub(crate) fn start() -> Option<Self> {
        static PLACES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
        let places = *PLACES.get_or_init(|| match crate::os::cpus() {
            1 => 0,
            // A process that is bound to one CPU of several has a peer on another.
            _ => std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1),
        });
        // Relaxed: a count for its own sake.
        if LOOKING.fetch_add(1, Ordering::Relaxed) >= places {
            LOOKING.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self)
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        LOOKING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_stops_when_sleeps_are_long_and_comes_back_when_they_are_short() {
        let mut spinner = Spinner::new();
        for _ in 0..8 {
            spinner.adapt(Duration::from_millis(1));
        }
        assert_eq!(spinner.budget, Duration::ZERO);
        spinner.adapt(Duration::from_micros(8));
        assert_eq!(spinner.budget, BUDGET_MIN);
        for _ in 0..8 {
            spinner.adapt(Duration::from_micros(8));
        }
        assert_eq!(spinner.budget, BUDGET_MAX);
    }

    #[test]
    fn what_a_probe_found_is_looked_for_until_it_stops_paying_off() {
        let mut spinner = Spinner::new();
        // Two sleepers on a machine with slow wake-ups: no sleep is short, and none is rare.
        for _ in 0..PROBE_EVERY {
            spinner.adapt(Duration::from_micros(70));
        }
        assert_eq!((spinner.budget, spinner.sleeps), (Duration::ZERO, PROBE_EVERY));
        spinner.probed(Some(Duration::from_micros(36)));
        assert_eq!((spinner.budget, spinner.sleeps), (Duration::from_micros(72), 0));
        spinner.adapt(Duration::from_micros(8));
        assert_eq!(spinner.budget, Duration::from_micros(72));
        for _ in 0..8 {
            spinner.adapt(Duration::from_micros(1_500));
        }
        assert_eq!((spinner.budget, spinner.sleeps), (Duration::ZERO, 0));
    }

    #[test]
    fn a_flood_is_read_no_further_than_it_takes_to_know_it() {
        let (a, b) = crate::session::pair().unwrap();
        let (victim, flood) = (a.control().shared, b.control().shared);
        let sent = rustix::net::send(&flood.socket, &[1; 10_000], rustix::net::SendFlags::DONTWAIT).unwrap();
        let read = victim.receive_bells().unwrap();
        assert!(read < sent, "{read} of {sent} bells that nobody asked for were read at once");
        assert!(matches!(victim.note_bells(Ok(read)), Err(Lost::Violation(crate::Violation::Bells { .. }))));
    }

    #[test]
    fn a_sleep_right_after_a_full_look_still_counts_as_short() {
        let mut spinner = Spinner::new();
        spinner.adapt(BUDGET_MAX + Duration::from_micros(5));
        assert_eq!(spinner.budget, BUDGET_MAX);
    }
}
