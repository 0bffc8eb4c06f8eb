//! Receiving, whatever the role: takes messages out, tells the peer of room, waits, and says why nothing more comes.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

#[cfg(feature = "tokio")]
use super::config::Spin;
use super::outbox::Patience;
use super::payload::Inbound;
use super::shared::Shared;
use super::stats::Stats;
#[cfg(feature = "tokio")]
use super::waiting::look;
use super::waiting::{Spinner, Wait};
use crate::doorbell::Counter;
use crate::error::{Lost, RecvError};
use crate::lane::{RecvLane, Step};
use crate::layout::descriptor::{Descriptor, WORDS, flag};
use crate::layout::head::Arrival;
use crate::segment::{Half, View, Words};

/// Fragments that a caller who does not wait puts away before it is told that no message is there yet.
const PARTS_PER_TRY: u32 = 32;

/// The receiving end of a session, without its role: compiled once, for both. Dropping it tells the peer that nothing more
/// is received.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) shared: Arc<Shared>,
    lane: RecvLane,
    peer: View<Words>,
    spinner: Spinner,
}

/// What one step of receiving brought.
#[cfg(feature = "tokio")]
pub(crate) enum Received {
    Nothing,
    Part,
    Message(Inbound),
}

impl Inbox {
    pub(crate) fn new(shared: Arc<Shared>, lane: RecvLane) -> Self {
        Self { peer: View::new(&shared.peer, Half::words), shared, lane, spinner: Spinner::new() }
    }

    /// Receives the next message, waiting as long as `patience` says.
    pub(crate) fn recv(&mut self, patience: Patience) -> Result<Inbound, RecvError> {
        self.begin()?;
        let mut parts = 0_u32;
        loop {
            let Some(descriptor) = self.pop()? else {
                self.wait(patience)?;
                continue;
            };
            // Most messages go through registers only.
            if let Some((head, inline)) = Arrival::parse_short(&descriptor) {
                return Ok(Inbound::inline(head, inline));
            }
            if let Some(message) = self.understand_any(descriptor.into_words())? {
                return Ok(message);
            }
            // A peer that sends fragments without end must not outlast the caller's patience.
            parts = parts.saturating_add(1);
            match patience {
                Patience::Try if parts >= PARTS_PER_TRY => return Err(RecvError::Empty),
                _ if patience.is_over() => return Err(RecvError::Timeout),
                _ => {}
            }
        }
    }

    /// What comes first, whenever something is to be received.
    #[inline]
    pub(crate) fn begin(&self) -> Result<(), RecvError> {
        self.shared.enter()?;
        self.shared.beat();
        Ok(())
    }

    /// Takes out one descriptor, if there is one; it is to be understood next.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Result<Option<Descriptor>, RecvError> {
        let popped = self.lane.pop().map_err(|violation| self.fail(violation.into()))?;
        if popped.is_some() {
            self.shared.took_one();
        }
        Ok(popped)
    }

    /// A private copy of the next message, if it is there and can be read: for who knows whether it is one of those that
    /// [nearly all are](Arrival::parse_short), and then [consumes](Self::consume) it.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<Descriptor> {
        self.lane.peek()
    }

    /// The message that [`peek`](Self::peek) returned is taken out.
    #[inline(always)]
    pub(crate) fn consume(&mut self) {
        self.lane.consume();
        self.shared.took_one();
    }

    /// How many messages the peer has published that [matter](Shared::count_urgent) to what came before them.
    #[inline(always)]
    pub(crate) fn urgent(&self) -> u64 {
        let urgent = self.peer.signs.urgent.load(Ordering::Relaxed);
        // Pairs with the Release in `Shared::count_urgent`. A fence, since stronger loads are not allowed on memory that is mapped
        // read-only.
        fence(Ordering::Acquire);
        urgent
    }

    /// See [`Consumer::fetch_lines`](crate::ring::Consumer::fetch_lines).
    #[inline(always)]
    pub(crate) fn fetch_lines(&mut self) -> bool {
        self.lane.fetch_lines()
    }

    #[inline(always)]
    pub(crate) fn is_next_followed_by(&self, messages: u64) -> bool {
        self.lane.is_next_followed_by(messages)
    }

    /// The message that a descriptor completes, if it does, whatever it is. The descriptor comes as words so that the
    /// caller need not have it in memory.
    #[inline(never)]
    pub(crate) fn understand_any(&mut self, words: [u64; WORDS]) -> Result<Option<Inbound>, RecvError> {
        let descriptor = Descriptor::from_words(words);
        if descriptor.flags == flag::SLOT { self.understand_in_slot(words) } else { self.understand(words) }
    }

    /// Takes out one descriptor, if there is one, and understands it.
    #[cfg(feature = "tokio")]
    pub(crate) fn advance(&mut self) -> Result<Received, RecvError> {
        match self.pop()? {
            None => Ok(Received::Nothing),
            Some(descriptor) => Ok(self.understand(descriptor.into_words())?.map_or(Received::Part, Received::Message)),
        }
    }

    /// A whole message with its payload in a slot, built in place.
    #[inline(always)]
    fn understand_in_slot(&mut self, words: [u64; WORDS]) -> Result<Option<Inbound>, RecvError> {
        match self.lane.understand_in_slot(&Descriptor::from_words(words)) {
            Ok((head, inline, slot)) => Ok(Some(Inbound::in_slot(&self.shared, head, inline, slot))),
            Err(violation) => Err(self.fail(violation.into())),
        }
    }

    /// The message that a descriptor completes, if it does. The descriptor comes as words so that the caller need not
    /// have it in memory.
    #[inline(never)]
    fn understand(&mut self, words: [u64; WORDS]) -> Result<Option<Inbound>, RecvError> {
        let step = self.lane.understand(&Descriptor::from_words(words));
        // The slot of each fragment is free as soon as it is taken out. Another one is when its payload is dropped, which tells the peer.
        if step.as_ref().is_ok_and(Step::has_released) {
            self.shared.announce_room();
        }
        match step {
            Ok(Step::Message(head, body)) => Ok(Some(Inbound::new(&self.shared, head, body))),
            Ok(Step::WithMetadata(head, body)) => {
                let message = Inbound::new(&self.shared, head, body).without_metadata();
                message.map(Some).map_err(|violation| self.fail(violation.into()))
            }
            Ok(Step::Part { .. }) => Ok(None),
            Err(lost) => Err(self.fail(lost)),
        }
    }

    #[cold]
    fn fail(&self, lost: Lost) -> RecvError {
        self.shared.fail(lost).into()
    }

    /// Nothing is there: looks a few times more, and then takes the long way.
    #[inline]
    fn wait(&mut self, patience: Patience) -> Result<(), RecvError> {
        let looks = !matches!(patience, Patience::Try);
        if looks && self.shared.look_first(|| self.lane.is_ready()) { Ok(()) } else { self.wait_long(patience) }
    }

    #[cold]
    fn wait_long(&mut self, patience: Patience) -> Result<(), RecvError> {
        let refusal = match patience {
            Patience::Try => Some(RecvError::Empty),
            _ if patience.is_over() => Some(RecvError::Timeout),
            _ => None,
        };
        if refusal.is_some() {
            self.shared.mind_death();
            self.shared.report_room();
        }
        if let Some(end) = self.end().or(refusal) {
            return Err(end);
        }
        let Self { lane, shared, spinner, .. } = self;
        let is_there = || lane.is_ready();
        let wait =
            Wait { wishes: &[(Counter::Message, lane.next())], is_there: &is_there, deadline: patience.deadline() };
        if spinner.look(shared, &wait) {
            return Ok(());
        }
        // What a sender may be waiting for must be told before this side sleeps.
        shared.report_room();
        spinner.sleep(shared, &wait)?;
        shared.beat();
        Ok(())
    }

    /// Why nothing more will come, if the ring is empty and stays so. Looks at the ring after the reason, because what
    /// was published before a death or a close is delivered first.
    pub(crate) fn end(&self) -> Option<RecvError> {
        // First the hang-up, then the farewell that precedes it: else one that came between the two looks would be taken
        // for a death.
        let death = self.shared.death();
        let closed = self.shared.peer_closed();
        if let Some(lost) = self.shared.lost() {
            return Some(lost.into());
        }
        if !(closed || death.is_some()) || self.lane.is_ready() {
            return None;
        }
        match death {
            Some(death) if !closed => Some(Lost::PeerDied(death).into()),
            _ => Some(RecvError::Closed),
        }
    }

    /// Whether a message is there.
    #[cfg(test)]
    pub(crate) fn is_there(&self) -> bool {
        self.lane.is_ready()
    }

    /// The statistics of a session of which this side published so many messages.
    pub(crate) fn stats(&self, published: u64) -> Stats {
        let held = if self.shared.is_forked() { Vec::new() } else { self.lane.taken() };
        self.shared.stats(published, self.lane.next().saturating_sub(1), held)
    }

    /// Number of the message that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.lane.next()
    }

    /// Whether a message may be there.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.lane.is_ready()
    }

    /// The first looks of a task, which would hold up others if it looked longer.
    #[cfg(feature = "tokio")]
    pub(crate) fn look(&self) -> bool {
        self.shared.spin != Spin::Never && look(|| self.lane.is_ready())
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // A fork's copy must not close the session of its parent.
        if !self.shared.is_forked() {
            self.shared.stop_receiving();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use crate::Head;
    use crate::session::{Config, pair_with};

    #[test]
    fn the_slot_of_each_fragment_is_said_to_be_free_also_that_of_the_last() {
        let (mut a, mut b) = pair_with(&Config::default()).unwrap();
        let fragment = crate::Geometry::default().classes.last().unwrap().bytes as usize;
        let freed = a.control().shared.freed();
        a.send(Head::message(1), &vec![1; 4 * fragment]).unwrap();
        assert_eq!(b.try_recv().unwrap().len(), 4 * fragment);
        // Nothing of it is held, and nobody waits, so nothing more would be said.
        assert_eq!(a.control().shared.freed().wrapping_sub(freed), 4);
    }
}
