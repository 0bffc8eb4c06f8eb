//! What a side counts of itself, where others see it: in its half's header, so that a reader of the mapping needs no help of
//! the process.
//!
//! What the other words say already is not counted again: a side's messages are the numbers in its ring and in `consumed`, the
//! slots that it gave back are the generations in `released`.

use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::shared::Shared;
use crate::lane::Taken;
use crate::ring;
use crate::segment::Half;

/// What one side of a session has counted since it began.
///
/// The numbers are read one after the other while the session goes on, so they can be of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Steps: how often it looked for messages or went to wait. Moves when it runs, and says nothing else.
    pub steps: u64,
    /// Messages that it published, of all kinds; each fragment of one is one.
    pub messages_sent: u64,
    /// Messages of the other side that it took out, counted likewise.
    pub messages_received: u64,
    /// Calls whose request it sent whole.
    pub calls_begun: u64,
    /// Calls of the other side whose end it sent: the result, an error, or that the call was cancelled.
    pub calls_answered: u64,
    /// Messages that it sent in a slot; each fragment is one.
    pub slots_sent: u64,
    /// Slots of the other side that it has finished with. Less than the other side's `slots_sent` by those that are on
    /// their way or held.
    pub slots_returned: u64,
    /// Payload bytes of the messages that it sent in slots. Payloads that their descriptors carry, up to 24 bytes, are not
    /// counted.
    pub slot_bytes_sent: u64,
    /// Payload bytes of the messages that it received in slots, likewise.
    pub slot_bytes_received: u64,
    /// How often a thread of it slept, or a task went to wait.
    pub sleeps: u64,
    /// How often it woke the other side.
    pub bells: u64,
    /// How often a thread of it kept looking for some microseconds before it slept.
    pub spins: u64,
    /// How many of these looks found something, and so spared a sleep.
    pub spins_found: u64,
    /// Rules that the other side broke. The first one ends the session.
    pub violations: u64,
}

impl Counts {
    /// What a half says, whoever wrote it: any numbers at all if its owner lies.
    pub(crate) fn read(half: &Half, messages_sent: u64) -> Self {
        let words = half.words();
        // Relaxed: numbers to be looked at.
        let of = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let (sent, noted) = (&*words.sent, &*words.noted);
        Self {
            steps: of(&words.heartbeat),
            messages_sent,
            messages_received: of(&words.consumed),
            calls_begun: of(&sent.calls_begun),
            calls_answered: of(&sent.calls_answered),
            slots_sent: of(&sent.slots),
            slots_returned: half.released().iter().fold(0, |sum: u64, word| sum.wrapping_add(of(word))),
            slot_bytes_sent: of(&sent.slot_bytes),
            slot_bytes_received: of(&noted.slot_bytes),
            sleeps: of(&noted.sleeps),
            bells: of(&noted.bells),
            spins: of(&noted.spins),
            spins_found: of(&noted.spins_found),
            violations: of(&noted.violations),
        }
    }

    /// As [`read`](Self::read), with the number of the last message found in the ring: its high half from `near`, a number
    /// that the last message is not 2^32 beyond.
    pub(crate) fn read_near(half: &Half, near: u64) -> Self {
        let beyond = ring::last_published(half.entries()).wrapping_sub(near as u32);
        Self::read(half, near.wrapping_add(beyond.into()))
    }

    /// Adds what another session counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.numbers_mut().into_iter().zip({ *other }.numbers_mut()) {
            *sum = sum.wrapping_add(*more);
        }
    }

    fn numbers_mut(&mut self) -> [&mut u64; 14] {
        let Self {
            steps,
            messages_sent,
            messages_received,
            calls_begun,
            calls_answered,
            slots_sent,
            slots_returned,
            slot_bytes_sent,
            slot_bytes_received,
            sleeps,
            bells,
            spins,
            spins_found,
            violations,
        } = self;
        [
            steps,
            messages_sent,
            messages_received,
            calls_begun,
            calls_answered,
            slots_sent,
            slots_returned,
            slot_bytes_sent,
            slot_bytes_received,
            sleeps,
            bells,
            spins,
            spins_found,
            violations,
        ]
    }
}

/// A slot of the peer that this side holds now: the payload of a message that was received and not dropped yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldSlot {
    /// Payload bytes of the slot's class.
    pub class_bytes: u32,
    /// The call of the message, as in [`Head::call`](crate::Head::call).
    pub call: u32,
    /// When it was first seen to be held, by a look at these statistics: it is held for at least as long. No clock is
    /// read when messages come, so who wants to know looks now and then.
    pub seen: Instant,
}

/// What both sides of a session have counted, and what this one holds.
///
/// ```
/// use rapace::Head;
///
/// let (mut a, mut b) = rapace::session::pair()?;
/// a.send(Head::message(1), &[7; 1_000])?;
/// let held = b.recv()?;
///
/// let stats = b.stats();
/// assert_eq!((stats.own.messages_received, stats.own.slot_bytes_received), (1, 1_000));
/// assert_eq!((stats.peer.messages_sent, stats.peer.slots_sent), (1, 1));
/// assert_eq!(stats.held.len(), 1);
/// assert_eq!(stats.held[0].class_bytes, 4_096);
/// drop(held);
/// assert!(b.stats().held.is_empty());
/// assert_eq!(a.stats().peer.slots_returned, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// What this side has counted.
    pub own: Counts,
    /// What the peer says that it has counted. Nothing of it is checked: to be shown, not to be relied on.
    pub peer: Counts,
    /// Slots of the peer that this side holds. What the peer holds of this side's is `own.slots_sent` without
    /// `peer.slots_returned`.
    pub held: Vec<HeldSlot>,
}

/// The slots that were held at the last look, and since when that is known.
#[derive(Debug, Default)]
pub(crate) struct Seen(Vec<(Taken, Instant)>);

impl Seen {
    /// Takes a look at the slots that are held now.
    fn observe(&mut self, now: Instant, held: Vec<Taken>) -> impl Iterator<Item = (Taken, Instant)> + '_ {
        let since = |taken: Taken| {
            let known = self.0.iter().find(|(known, _)| *known == taken);
            (taken, known.map_or(now, |(_, seen)| *seen))
        };
        self.0 = held.into_iter().map(since).collect();
        self.0.iter().copied()
    }
}

impl Shared {
    /// What this side has counted, its last message being `published`. Zeros in a forked process, which has no mapping.
    pub(crate) fn own_counts(&self, published: u64) -> Counts {
        if self.is_forked() { Counts::default() } else { Counts::read(&self.own, published) }
    }

    /// The statistics of a session whose last messages have these numbers.
    pub(crate) fn stats(&self, published: u64, received: u64, held: Vec<Taken>) -> Stats {
        if self.is_forked() {
            return Stats::default();
        }
        let geometry = &self.peer.layout().geometry;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let held = seen.observe(Instant::now(), held).map(|(taken, seen)| HeldSlot {
            class_bytes: geometry.classes.get(usize::from(taken.class)).map_or(0, |class| class.bytes),
            call: taken.call,
            seen,
        });
        Stats { own: self.own_counts(published), peer: Counts::read_near(&self.peer, received), held: held.collect() }
    }

    /// Moves a count that any thread moves, where a locked instruction does not matter.
    #[cold]
    pub(crate) fn note(&self, word: &AtomicU64) {
        word.fetch_add(1, Ordering::Relaxed);
    }
}

/// One line, for a log.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages_sent, messages_received, calls_begun, calls_answered, .. } = self;
        let Self { slot_bytes_sent, slot_bytes_received, sleeps, bells, spins, spins_found, violations, .. } = self;
        write!(
            f,
            "{messages_sent} messages out, {messages_received} in; {calls_begun} calls begun, {calls_answered} answered; \
             {slot_bytes_sent} bytes in slots out, {slot_bytes_received} in; {sleeps} sleeps, {bells} bells, {spins} \
             spins of which {spins_found} found something; {violations} violations"
        )
    }
}
