//! What all parts of an open session share: the two halves, the socket, and how it ended.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Sys;
use rustix::net::{SendFlags, Shutdown, send, shutdown};

use super::config::{Config, Spin};
use super::liveness::{PeerState, Pulse};
use super::stats::Seen;
use super::waiting::{FIRST_LOOKS, Waker};
use super::watcher;
#[cfg(doc)]
use crate::doorbell::Wants;
use crate::doorbell::{Bed, Bell, Counter, Rings};
use crate::error::{Death, Errno, Lost, Violation};
use crate::limits::Limits;
use crate::os::{Credentials, ForkGuard, futex};
use crate::segment::{CLOSED, Half, Line};
use crate::slots::bytes::Trust;

/// What the handshake established.
pub(crate) struct Opened {
    pub(crate) own: Arc<Half>,
    pub(crate) peer: Arc<Half>,
    /// Our half's memory file.
    pub(crate) memory: OwnedFd,
    pub(crate) fork: ForkGuard,
    pub(crate) socket: OwnedFd,
    /// Of the peer's process, if it is known to be the process at the other end.
    pub(crate) pidfd: Option<OwnedFd>,
    pub(crate) credentials: Credentials,
    /// The process id that the peer has by its own word.
    pub(crate) speaker: u32,
    pub(crate) terms: Terms,
    pub(crate) catalogue: Vec<u8>,
    /// Of a process that can have no watcher.
    pub(crate) tug: Option<(UnixStream, UnixStream)>,
}

/// What the other side said in the handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// It waits without ever sleeping, so nobody need look for its wishes.
    pub(crate) never_sleeps: bool,
    /// The longest payload it receives.
    pub(crate) payload_max: usize,
    /// How many messages it receives in fragments at once.
    pub(crate) fragmented_calls: usize,
    /// How many calls of this side it keeps at once.
    pub(crate) in_flight: u32,
    /// How many one-way calls of this side it keeps at once.
    pub(crate) oneway_max: u32,
    /// How many bytes of streams it keeps beyond the share of each.
    pub(crate) stream_bytes: u64,
}

/// The part of an open session that its sender, receiver and payloads have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    #[cfg(feature = "tokio")]
    pub(crate) reactor: crate::aio::Reactor,
    pub(crate) own: Arc<Half>,
    pub(crate) peer: Arc<Half>,
    pub(crate) fork: ForkGuard,
    pub(crate) socket: Arc<OwnedFd>,
    pub(crate) pidfd: Option<OwnedFd>,
    /// Kept so that an inspector of the same user can map a live session read-only.
    _memory: OwnedFd,
    pub(crate) credentials: Credentials,
    pub(crate) limits: Limits,
    pub(crate) spin: Spin,
    pub(crate) trust: Option<Trust>,
    pub(crate) terms: Terms,
    /// What the peer serves, in the words of the calls; not looked at here.
    pub(crate) catalogue: Vec<u8>,
    /// Why this side gave the session up; the first reason stays.
    lost: OnceLock<Lost>,
    /// What the kernel said of the peer; acted on after what it published was taken out.
    death: OnceLock<Death>,
    /// One of the two is set.
    is_over: AtomicBool,
    /// Moves when the session is over; threads sleep on it beside the peer's bell.
    pub(crate) epoch: AtomicU32,
    /// A way to wake the thread that sleeps on the socket, made when one first does: what is written to the first end
    /// ends a sleep at the second.
    pub(crate) tug: OnceLock<(UnixStream, UnixStream)>,
    /// Threads of this process that sleep on the futex or are about to.
    pub(crate) sleepers: AtomicU32,
    pub(crate) bell: Bell<Waker>,
    pub(crate) rung: Rung,
    /// Messages taken out since the peer was last told that there is room. Written by the receiver for each message,
    /// so on a line of its own; cleared by whoever tells.
    unreported: Line<AtomicU32>,
    /// How often a thread [looks first](Self::look_first).
    pub(super) first_looks: AtomicU32,
    /// After how many of them it is told, whether or not anything else happens.
    report_every: u32,
    /// How many of sender and receiver are not dropped yet.
    ends: AtomicU32,
    pulse: Mutex<Pulse>,
    /// The key at the watcher, if it watches.
    watched: OnceLock<Option<u64>>,
    /// What the last look at the statistics saw.
    pub(super) seen: Mutex<Seen>,
}

/// Bells against wishes: a peer may not ring more often than it was asked to, on either bell.
#[derive(Debug, Default)]
pub(crate) struct Rung {
    /// The most threads of this process that slept on the futex at once.
    most_sleepers: AtomicU32,
    futex: Tally,
    socket: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    raised: AtomicU64,
    rung: AtomicU64,
}

impl Rung {
    fn tally(&self, bed: Bed) -> &Tally {
        match bed {
            Bed::Futex => &self.futex,
            Bed::Socket => &self.socket,
        }
    }

    /// So many threads sleep on the futex, or are about to.
    pub(crate) fn sleeping(&self, sleepers: u32) {
        self.most_sleepers.fetch_max(sleepers, Ordering::Relaxed);
    }

    /// A wish is about to be raised.
    pub(crate) fn raised(&self, bed: Bed) {
        // Relaxed throughout: a count for its own sake.
        self.tally(bed).raised.fetch_add(1, Ordering::Relaxed);
    }

    /// The wish was not a new one after all.
    pub(crate) fn was_raised_before(&self, bed: Bed) {
        self.tally(bed).raised.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether so many more bells on the socket are more than were asked for.
    pub(crate) fn would_be_flood(&self, count: usize) -> bool {
        let rung = self.socket.rung.load(Ordering::Relaxed).saturating_add(count as u64);
        rung > self.socket.raised.load(Ordering::Relaxed)
    }

    /// `count` rings came. On the futex each ring may be noticed by every thread that sleeps there, and by each of them
    /// twice: as the word's change and as the wake itself.
    pub(crate) fn came(&self, bed: Bed, count: u64) -> Result<(), Violation> {
        let tally = self.tally(bed);
        // AcqRel, with itself: of two readers the second one sees the wishes that the first one's rings were for.
        let rung = tally.rung.fetch_add(count, Ordering::AcqRel).saturating_add(count);
        let raised = tally.raised.load(Ordering::Relaxed);
        let allowed = match bed {
            Bed::Futex => raised.saturating_mul(2).saturating_mul(self.most_sleepers.load(Ordering::Relaxed).into()),
            Bed::Socket => raised,
        };
        if rung > allowed { Err(Violation::Bells { rung, raised }) } else { Ok(()) }
    }
}

impl Shared {
    pub(crate) fn new(opened: Opened, config: &Config) -> Self {
        let report_every = (opened.peer.layout().geometry.ring_entries / 4).max(1);
        Self {
            #[cfg(feature = "tokio")]
            reactor: crate::aio::Reactor::default(),
            own: opened.own,
            peer: opened.peer,
            fork: opened.fork,
            socket: Arc::new(opened.socket),
            pidfd: opened.pidfd,
            _memory: opened.memory,
            credentials: opened.credentials,
            limits: config.limits,
            spin: config.spin,
            trust: config.trust,
            terms: opened.terms,
            catalogue: opened.catalogue,
            lost: OnceLock::new(),
            death: OnceLock::new(),
            is_over: AtomicBool::new(false),
            epoch: AtomicU32::new(0),
            tug: opened.tug.map_or_else(OnceLock::new, OnceLock::from),
            sleepers: AtomicU32::new(0),
            bell: Bell::new(),
            rung: Rung::default(),
            unreported: Line(AtomicU32::new(0)),
            first_looks: AtomicU32::new(FIRST_LOOKS),
            report_every,
            ends: AtomicU32::new(2),
            pulse: Mutex::default(),
            watched: OnceLock::new(),
            seen: Mutex::default(),
        }
    }

    /// To be asked before anything else: may this process use the session, and is it still there?
    #[inline]
    pub(crate) fn enter(&self) -> Result<(), Lost> {
        if self.fork.is_forked() {
            return Err(Lost::Forked);
        }
        match self.lost.get() {
            None => Ok(()),
            Some(lost) => Err(*lost),
        }
    }

    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.fork.is_forked()
    }

    /// The longest text that the peer is told of an error: it may receive less than this side would say.
    pub(crate) fn error_text_bytes(&self) -> usize {
        self.limits.error_text_bytes.min(self.terms.payload_max)
    }

    /// One step of this side, for the peer to see.
    #[inline]
    pub(crate) fn beat(&self) {
        let count = &self.own.words().heartbeat;
        // Relaxed, and a lost increment of two threads is no harm: it only has to move.
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Gives the session up. Everybody who waits is woken, and the peer sees a hang-up.
    pub(crate) fn fail(&self, lost: Lost) -> Lost {
        let first = *self.lost.get_or_init(|| {
            if matches!(lost, Lost::Violation(_)) {
                self.note(&self.own.words().noted.violations);
            }
            lost
        });
        self.set_over();
        // Ends whoever sleeps on the socket, on both sides. Fails only when it is shut down already.
        let _ = shutdown(&self.socket, Shutdown::Both);
        self.wake_own();
        first
    }

    /// Notes what the kernel said of the peer.
    pub(crate) fn note_death(&self, death: Death) {
        if self.has_ended() {
            return;
        }
        let _ = self.death.set(death);
        self.set_over();
        if death == Death::ProcessEnded {
            // Somebody else holds the peer's end of the socket, so it does not hang up by itself.
            let _ = shutdown(&self.socket, Shutdown::Both);
        }
        self.wake_own();
    }

    #[inline]
    pub(crate) fn death(&self) -> Option<Death> {
        self.death.get().copied()
    }

    #[inline]
    pub(crate) fn lost(&self) -> Option<Lost> {
        self.lost.get().copied()
    }

    /// Whether something happened that ends a wait whatever it waits for.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        // Acquire pairs with the Release in `set_over`: who sees that it is over sees why.
        self.is_over.load(Ordering::Acquire)
    }

    fn set_over(&self) {
        // Release pairs with the Acquire in `is_over`.
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether the peer has published all it will. What it published before is in the ring.
    pub(crate) fn peer_closed(&self) -> bool {
        let closed = self.peer.words().bell.state.load(Ordering::Relaxed) == CLOSED;
        // Pairs with the Release in `close_sending`: who sees the close sees the last message. A fence, since stronger
        // loads are not allowed on memory that is mapped read-only.
        fence(Ordering::Acquire);
        closed
    }

    /// Whether the peer receives nothing more.
    #[inline]
    pub(crate) fn peer_stopped(&self) -> bool {
        // Relaxed: nothing else is read because of it.
        self.peer.words().signs.stopped.load(Ordering::Relaxed) != 0
    }

    /// How often the peer gave something back. Read before looking for room, so that a later change ends the wait.
    pub(crate) fn freed(&self) -> u64 {
        let freed = self.peer.words().freed.load(Ordering::Relaxed);
        // Pairs with the Release in `announce_room`: who sees the count sees what was given back. A fence, as above.
        fence(Ordering::Acquire);
        freed
    }

    /// To be called after a message was published that matters to what was published before it.
    #[cold]
    pub(crate) fn count_urgent(&self) {
        // Release pairs with the fence in `Inbox::urgent`: who sees the count sees the message.
        self.own.words().signs.urgent.fetch_add(1, Ordering::Release);
    }

    /// Wakes everybody of this process who sleeps on the session, because it is over.
    ///
    /// The change of the private word is what wakes a thread, whatever the peer does with its own.
    pub(crate) fn wake_own(&self) {
        debug_assert!(self.is_over());
        self.nudge();
    }

    /// Makes everybody of this process who sleeps on the session look again.
    pub(crate) fn nudge(&self) {
        // Release pairs with the Acquire in `sleep_on_futex`: who sees the new epoch sees why.
        self.epoch.fetch_add(1, Ordering::Release);
        futex::wake_own(&self.epoch);
        if let Some((pull, _)) = self.tug.get() {
            // When there is no room in it, it is being pulled.
            let _ = send(pull, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        }
        self.bell.wake_all();
    }

    /// To be called after messages up to `new` were published, `old` being the last one announced, if somebody
    /// [may be waiting](Wants::may_be_wanted) for one of them.
    #[cold]
    #[inline(never)]
    pub(crate) fn announce_messages(&self, old: u64, new: u64) {
        if !self.terms.never_sleeps {
            self.ring(self.peer.words().wants.wanted(Counter::Message, old, new));
        }
    }

    /// Counts a message taken out and tells the peer now and then.
    #[inline]
    pub(crate) fn took_one(&self) {
        // Not in one step: a sender that tells meanwhile and is overwritten makes this tell once more.
        let unreported = self.unreported.load(Ordering::Relaxed).wrapping_add(1);
        // Release pairs with the Acquire in `report_room`: who tells the peer has seen `consumed` stored.
        self.unreported.store(unreported, Ordering::Release);
        if unreported >= self.report_every {
            self.report_room();
        }
    }

    /// Tells the peer that there is room, if something was taken out since it was last told. To be called before this
    /// side waits for anything, since the peer may be waiting for just that.
    pub(crate) fn report_room(&self) {
        if self.unreported.load(Ordering::Relaxed) > 0 && self.unreported.swap(0, Ordering::Acquire) > 0 {
            self.announce_room();
        }
    }

    /// To be called after something was given back: entries taken out, or a slot released.
    pub(crate) fn announce_room(&self) {
        // Release pairs with the fence in `freed`: who sees the count sees what was given back.
        let old = self.own.words().freed.fetch_add(1, Ordering::Release);
        if !self.terms.never_sleeps {
            self.ring(self.peer.words().wants.wanted(Counter::Room, old, old.wrapping_add(1)));
        }
    }

    #[inline]
    fn ring(&self, rings: Rings) {
        if rings.any() {
            self.ring_any(rings);
        }
    }

    #[cold]
    fn ring_any(&self, rings: Rings) {
        self.note(&self.own.words().noted.bells);
        if rings.futex {
            self.ring_futex();
        }
        if rings.socket {
            self.ring_socket();
        }
    }

    fn ring_futex(&self) {
        let word = &self.own.words().bell.futex;
        // Release pairs with the fence after which a waiter looks, in `sleep_on_futex`.
        word.fetch_add(1, Ordering::Release);
        futex::wake_shared(word);
    }

    fn ring_socket(&self) {
        let answer = loop {
            match send(&self.socket, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Err(Sys::INTR) => {}
                other => break other,
            }
        };
        match answer {
            // A full buffer holds bells enough.
            Ok(_) | Err(Sys::AGAIN) => {}
            Err(Sys::PIPE | Sys::CONNRESET | Sys::NOTCONN) => self.note_death(Death::HangUp),
            Err(errno) => {
                self.fail(Lost::System(Errno(errno.raw_os_error())));
            }
        }
    }

    /// Has the kernel watch for the peer's death on behalf of sleepers that cannot see it themselves. True when it does.
    pub(crate) fn watch(self: &Arc<Self>) -> bool {
        self.watched.get_or_init(|| watcher::watch(self).ok()).is_some()
    }

    /// Makes sure that the peer's end is noticed by a side that never sleeps: by the watcher, or by looking now.
    pub(crate) fn mind_death(self: &Arc<Self>) {
        if !self.watch() {
            self.look_for_death();
        }
    }

    /// Looks whether the kernel knows of the peer's end, without waiting.
    pub(crate) fn look_for_death(&self) {
        if self.death.get().is_some() {
            return;
        }
        let mut fds = vec![PollFd::new(&self.socket, PollFlags::RDHUP)];
        fds.extend(self.pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        if poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok() {
            self.note_poll(&fds);
        }
    }

    /// Notes what a poll of the socket and, after it, the pidfd found.
    pub(crate) fn note_poll(&self, fds: &[PollFd<'_>]) {
        let mut found = fds.iter().map(PollFd::revents);
        let hung_up = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        if found.next().is_some_and(|socket| socket.intersects(hung_up)) {
            self.note_death(Death::HangUp);
        } else if found.next().is_some_and(|pidfd| pidfd.contains(PollFlags::IN)) {
            self.note_death(Death::ProcessEnded);
        }
    }

    /// What is known of the peer now: it has work if a message waits for it.
    pub(crate) fn peer_state(&self) -> PeerState {
        self.peer_state_if(|consumed| !self.is_vacant(consumed))
    }

    /// From now on it is seen anew whether the peer moves.
    pub(crate) fn forget_pulse(&self) {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner).forget();
    }

    /// Whether the peer sleeps until this message comes.
    pub(crate) fn peer_waits_for(&self, message: u64) -> bool {
        self.peer.words().wants.is_wished(Counter::Message, message)
    }

    /// What is known of the peer now: it has work if `work_waits`, by how much it has consumed, finds so.
    pub(crate) fn peer_state_if(&self, work_waits: impl FnOnce(u64) -> bool) -> PeerState {
        if self.fork.is_forked() {
            return PeerState::Closed;
        }
        self.look_for_death();
        // First the hang-up, then the farewell that precedes it.
        let death = self.death();
        let gave_up = self.has_ended() && death.is_none();
        if gave_up || self.peer_closed() && (self.peer_stopped() || death.is_some()) {
            return PeerState::Closed;
        }
        if let Some(death) = death {
            return PeerState::Dead(death);
        }
        let words = self.peer.words();
        // Relaxed: the counters are only compared with what they were.
        let heartbeat = words.heartbeat.load(Ordering::Relaxed);
        let consumed = words.consumed.load(Ordering::Relaxed);
        let work_waits = work_waits(consumed);
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        match pulse.observe(Instant::now(), heartbeat, consumed, work_waits, self.limits.hang_after) {
            None => PeerState::Alive,
            Some(since) => PeerState::Unresponsive { since },
        }
    }

    /// Whether the peer has consumed all we published, by our own ring: the next entry still holds an older number.
    pub(crate) fn is_vacant(&self, consumed: u64) -> bool {
        let entries = self.own.entries();
        !crate::ring::is_published(entries, consumed.wrapping_add(1))
    }

    /// The sender publishes nothing more.
    pub(crate) fn close_sending(&self, announced: u64, published: u64) {
        // Release pairs with the fence in `peer_closed`.
        self.own.words().bell.state.store(CLOSED, Ordering::Release);
        // The close is announced as the message that will never come, which is what a receiver waits for.
        self.announce_messages(announced, published.wrapping_add(1));
        self.end();
    }

    /// The receiver takes nothing more.
    pub(crate) fn stop_receiving(&self) {
        // Relaxed: ordered before the new count of `freed` by its Release.
        self.own.words().signs.stopped.store(1, Ordering::Relaxed);
        self.announce_room();
        self.end();
    }

    /// Both of the above at once, by a thread that owns neither end: without an announcement, since a hang-up follows.
    pub(crate) fn close_both(&self) {
        // Release pairs with the fence in `peer_closed`.
        self.own.words().bell.state.store(CLOSED, Ordering::Release);
        self.own.words().signs.stopped.store(1, Ordering::Relaxed);
    }

    /// Whether this side gave up or dropped both ends: from then on a hang-up is its own.
    fn has_ended(&self) -> bool {
        // Relaxed: both precede our `shutdown`, and so the hang-up that it causes.
        self.lost.get().is_some() || self.ends.load(Ordering::Relaxed) == 0
    }

    fn end(&self) {
        // AcqRel: the last of the two sees what the first did, and then hangs up, even while payloads are still held.
        if self.ends.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = shutdown(&self.socket, Shutdown::Both);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let (false, Some(Some(key))) = (self.fork.is_forked(), self.watched.get()) {
            watcher::forget(*key);
        }
    }
}
