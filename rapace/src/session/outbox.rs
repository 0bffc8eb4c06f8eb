//! Sending, whatever the role: puts messages in, wakes the peer, waits for room, and says why nothing more goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::waiting::{Spinner, Wait};
use crate::doorbell::Counter;
use crate::error::{Lost, SendError, Violation};
use crate::lane::{Outgoing, SendLane, share};
use crate::layout::INLINE_MAX;
use crate::layout::head::{Head, Kind};
use crate::layout::inline::{Inline, Lead};
use crate::segment::{Half, Sent, View, Words};
use crate::slots::Claim;

/// The sending end of a session, without its role: compiled once, for both. Dropping it closes this direction.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) shared: Arc<Shared>,
    lane: SendLane,
    peer: View<Words>,
    /// The peer waits without ever sleeping.
    peer_never_sleeps: bool,
    /// The most bytes of a message that go the short way.
    short_max: usize,
    spinner: Spinner,
    /// Number of the last message that the peer was rung for, if it slept: what came after it is [quiet](Self::send_quietly).
    announced: u64,
    /// Messages of which some fragments are sent, and the bytes of all of them: the peer limits both.
    fragmented: usize,
    fragmented_bytes: usize,
}

/// Of the entries of a ring, this part at most may hold messages that are quiet: when it is full, it holds one that was announced, so
/// that somebody takes out all of them.
const QUIET: u64 = 4;

/// How long an operation may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    Try,
    Until(Instant),
    Forever,
}

impl Patience {
    /// A timeout that lies beyond the clock is none.
    pub(crate) fn timeout(timeout: Duration) -> Self {
        Instant::now().checked_add(timeout).map_or(Self::Forever, Self::Until)
    }

    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Until(deadline) => Some(deadline),
            Self::Try | Self::Forever => None,
        }
    }

    pub(crate) fn is_over(self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// How far a message has come. One that is not [finished](Self::is_done) must be gone on with, or given up.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    sent: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unsent,
    /// In fragments, of so many bytes together.
    InFragments(usize),
    Done,
}

impl Sending {
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the peer has seen a part.
    pub(crate) fn is_begun(&self) -> bool {
        matches!(self.state, State::InFragments(_))
    }
}

/// Since when nothing went, while one send waits. That the peer says it gave back counts for nothing, only room does.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    since: Option<Instant>,
    /// Number of the last message that went.
    published: u64,
}

impl Stall {
    /// Looks whether something went, whoever sent it: `published` is the number of the last message.
    pub(crate) fn look(&mut self, published: u64) {
        if self.published != published {
            *self = Self { since: None, published };
        }
    }

    /// When the peer is to be given up, or that this is now.
    pub(crate) fn end(&mut self, stall_max: Duration) -> Result<Option<Instant>, Lost> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= stall_max {
            return Err(Lost::Stalled { stalled: stall_max });
        }
        Ok(since.checked_add(stall_max))
    }
}

impl Outbox {
    pub(crate) fn new(shared: Arc<Shared>, lane: SendLane) -> Self {
        let announced = lane.published();
        Self {
            peer: View::new(&shared.peer, Half::words),
            peer_never_sleeps: shared.terms.never_sleeps,
            short_max: shared.terms.payload_max.min(INLINE_MAX),
            shared,
            lane,
            spinner: Spinner::new(),
            announced,
            fragmented: 0,
            fragmented_bytes: 0,
        }
    }

    /// Number of the last message published.
    pub(crate) fn published(&self) -> u64 {
        self.lane.published()
    }

    /// Number of the last message that the peer was told of.
    pub(crate) fn announced(&self) -> u64 {
        self.announced
    }

    /// Rings for what was published and not announced.
    #[inline(always)]
    pub(crate) fn announce(&mut self) {
        debug_assert!(!self.lane.is_holding(), "its sleeper would be rung for what it does not see");
        let published = self.lane.published();
        let announced = std::mem::replace(&mut self.announced, published);
        if !self.peer_never_sleeps && self.peer.wants.may_be_wanted(Counter::Message, announced, published) {
            self.shared.announce_messages(announced, published);
        }
    }

    /// What this end counts, for others to see.
    #[inline(always)]
    pub(crate) fn counts(&self) -> &Sent {
        self.lane.counts()
    }

    /// The most bytes that one message carries without fragments.
    pub(crate) fn slot_bytes_max(&self) -> usize {
        self.lane.slot_bytes_max()
    }

    /// Whether a payload goes in fragments.
    pub(crate) fn is_fragmented(&self, payload: &Outgoing<'_>) -> bool {
        self.lane.is_fragmented(payload)
    }

    /// Slots that are with the peer.
    #[cfg(test)]
    pub(crate) fn slots_in_flight(&mut self) -> usize {
        self.lane.slots_in_flight()
    }

    /// How many published messages the peer has not taken out yet.
    pub(crate) fn pending(&mut self) -> Result<u64, SendError> {
        self.shared.enter()?;
        self.lane.pending().map_err(|violation| self.fail(violation))
    }

    /// The last message that the peer says it took out, if that can be true.
    pub(crate) fn consumed(&mut self) -> Result<u64, Violation> {
        Ok(self.lane.published().saturating_sub(self.lane.pending()?))
    }

    /// As [`send`](Self::send), of one piece. What a descriptor carries goes in a straight line, if nothing is out of the ordinary.
    #[inline(never)]
    pub(crate) fn send_bytes(&mut self, head: Head, payload: &[u8], patience: Patience) -> Result<(), SendError> {
        if !self.shared.is_forked() && self.can_send_bytes_short(&head, payload) {
            self.lane.send_short(&head, Inline::of(payload).as_lead());
            self.announce();
            self.lane.take_lines(|| true);
            return Ok(());
        }
        self.send(head, &Outgoing::whole(&payload), patience)
    }

    /// Sends a message, waiting for room as long as `patience` says.
    #[inline(always)]
    pub(crate) fn send(&mut self, head: Head, payload: &Outgoing<'_>, patience: Patience) -> Result<(), SendError> {
        let mut sending = Sending::default();
        self.check(&head, payload.len())?;
        match self.advance(&head, payload, &mut sending)? {
            true => Ok(()),
            false => self.send_rest(&head, payload, sending, patience),
        }
    }

    /// What must hold before a message is begun.
    #[inline]
    pub(crate) fn check(&self, head: &Head, len: usize) -> Result<(), SendError> {
        self.check_open()?;
        self.check_message(head, len)
    }

    /// Sends as much of a message as there is room for; true when all of it is sent. Each fragment is announced at once,
    /// so that the two sides copy at the same time.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        head: &Head,
        payload: &Outgoing<'_>,
        sending: &mut Sending,
    ) -> Result<bool, SendError> {
        if self.lane.is_fragmented(payload) {
            return self.advance_fragments(head, payload, sending);
        }
        match self.lane.advance(head, payload, &mut sending.sent) {
            Ok(done) => {
                self.announce();
                // A request or an answer may be the only one.
                self.lane.take_lines(|| !matches!(head.kind(), Kind::Request | Kind::Terminal));
                self.lane.take_slot_lines(payload.len());
                if done {
                    sending.state = State::Done;
                    self.count_cancel(head);
                }
                Ok(done)
            }
            Err(violation) => Err(self.fail(violation)),
        }
    }

    /// Whether [`send_short`](Self::send_short) may be called with so many bytes: nothing is out of the ordinary. Else
    /// [`check`](Self::check) and [`advance`](Self::advance) tell what it is. The caller has seen that this is no fork.
    #[inline(always)]
    pub(crate) fn can_send_short(&mut self, len: usize) -> bool {
        // Relaxed: nothing else is read because of it.
        let is_stopped = || self.peer.signs.stopped.load(Ordering::Relaxed) != 0;
        len <= self.short_max && !self.shared.is_over() && !is_stopped() && self.lane.can_send_short()
    }

    /// The same of a message that nothing else was asked of.
    #[inline(always)]
    fn can_send_bytes_short(&mut self, head: &Head, payload: &[u8]) -> bool {
        payload.len() <= INLINE_MAX && head.kind().fixed_len().is_none() && self.can_send_short(payload.len())
    }

    /// Sends what its descriptor carries.
    #[inline(always)]
    pub(crate) fn send_short(&mut self, head: &Head, lead: Lead<'_>) {
        self.send_unannounced(head, lead);
        self.announce();
    }

    /// As [`send_short`](Self::send_short); the caller [announces](Self::announce) it before any code of the user runs and before
    /// it waits.
    #[inline(always)]
    pub(crate) fn send_unannounced(&mut self, head: &Head, lead: Lead<'_>) {
        self.lane.send_short(head, lead);
    }

    /// As [`send_unannounced`](Self::send_unannounced), of the first of a batch: the peer sees it with those behind it, when they are
    /// [announced together](Self::announce_batch). Until then nothing else is done than sending those.
    #[inline(always)]
    pub(crate) fn hold(&mut self, head: &Head, lead: Lead<'_>) {
        self.lane.hold_short(head, lead);
    }

    /// Shows and announces a batch.
    #[inline]
    pub(crate) fn announce_batch(&mut self) {
        self.lane.show();
        self.announce();
        self.lane.take_lines(|| true);
    }

    /// See [`Producer::take_lines`](crate::ring::Producer::take_lines). To be called after what was sent is announced, which waits
    /// for all that was written before.
    #[inline(always)]
    pub(crate) fn take_lines(&mut self, is_followed: impl FnOnce() -> bool) {
        self.lane.take_lines(is_followed);
    }

    /// As [`send_short`](Self::send_short), of what nobody waits for: no sleeper is rung for it before the next message that is
    /// announced. False, and nothing is done, where too much is quiet already: the peer would not make room for more.
    pub(crate) fn send_quietly(&mut self, head: &Head, lead: Lead<'_>) -> bool {
        let quiet = self.lane.published().wrapping_sub(self.announced);
        let may = quiet < self.shared.own.entries().len() as u64 / QUIET && self.can_send_short(lead.len());
        if may {
            self.lane.send_short(head, lead);
        }
        may
    }

    #[inline(never)]
    fn advance_fragments(
        &mut self,
        head: &Head,
        payload: &Outgoing<'_>,
        sending: &mut Sending,
    ) -> Result<bool, SendError> {
        if sending.state == State::Unsent {
            if !self.may_fragment(payload.len()) {
                return Ok(false);
            }
            self.fragmented = self.fragmented.saturating_add(1);
            self.fragmented_bytes = self.fragmented_bytes.saturating_add(payload.len());
            sending.state = State::InFragments(payload.len());
        }
        loop {
            let progress = sending.sent;
            let done = match self.lane.advance(head, payload, &mut sending.sent) {
                Ok(done) => done,
                Err(violation) => return Err(self.fail(violation)),
            };
            self.announce();
            if done {
                self.leave_fragments(sending);
                sending.state = State::Done;
            }
            if done || sending.sent == progress {
                return Ok(done);
            }
        }
    }

    /// Whether the peer's limits allow one more message in fragments now.
    fn may_fragment(&self, len: usize) -> bool {
        let terms = &self.shared.terms;
        self.fragmented < terms.fragmented_calls && self.fragmented_bytes.saturating_add(len) <= terms.payload_max
    }

    fn leave_fragments(&mut self, sending: &Sending) {
        if let State::InFragments(len) = sending.state {
            self.fragmented = self.fragmented.saturating_sub(1);
            self.fragmented_bytes = self.fragmented_bytes.saturating_sub(len);
        }
    }

    /// Gives up a message that is not sent whole. If the peer has seen a part, it is told.
    pub(crate) fn give_up(&mut self, head: &Head, sending: &mut Sending) {
        self.leave_fragments(sending);
        if sending.sent > 0 && !sending.is_done() && self.shared.enter().is_ok() {
            if let Err(violation) = self.lane.abandon(head) {
                self.fail(violation);
            }
            self.announce();
        }
        sending.state = State::Done;
    }

    /// The long way: more fragments, and waiting for room between them.
    #[cold]
    fn send_rest(
        &mut self,
        head: &Head,
        payload: &Outgoing<'_>,
        mut sending: Sending,
        patience: Patience,
    ) -> Result<(), SendError> {
        let mut stall = Stall::default();
        let outcome = loop {
            let freed = self.shared.freed();
            let progress = sending.sent;
            if self.advance(head, payload, &mut sending)? {
                return Ok(());
            }
            stall.look(self.lane.published());
            if sending.sent > progress {
                continue;
            }
            if let Err(error) = self.wait_for_room(freed, patience, &mut stall) {
                break error;
            }
        };
        self.give_up(head, &mut sending);
        Err(outcome)
    }

    /// Sends several messages in order, with one look for a sleeping peer at the end instead of one for each.
    pub(crate) fn send_batch(&mut self, messages: &[(Head, &[u8])]) -> Result<(), SendError> {
        self.check_open()?;
        let mut outcome = Ok(());
        for (index, (head, payload)) in messages.iter().enumerate() {
            self.lane.take_lines(|| true);
            outcome = self.send_in_batch(head, payload, index == 0);
            if outcome.is_err() {
                break;
            }
        }
        self.announce_batch();
        outcome
    }

    #[inline]
    fn send_in_batch(&mut self, head: &Head, payload: &[u8], is_first: bool) -> Result<(), SendError> {
        if self.can_send_bytes_short(head, payload) {
            let lead = Inline::of(payload);
            if is_first {
                self.hold(head, lead.as_lead())
            } else {
                self.send_unannounced(head, lead.as_lead())
            }
            return Ok(());
        }
        let payload = Outgoing::whole(&payload);
        self.check_message(head, payload.len())?;
        // A cancel is counted when it is seen.
        let may_wait = head.kind() == Kind::Cancel || self.lane.is_fragmented(&payload);
        if !may_wait && self.lane.advance(head, &payload, &mut 0).map_err(|violation| self.fail(violation))? {
            return Ok(());
        }
        // It waits, or announces its own; what was published before must not wait with it.
        self.announce_batch();
        self.send(*head, &payload, Patience::Forever)
    }

    /// A cancel that was published is counted, so that the peer looks for it before it begins what came before.
    #[inline]
    fn count_cancel(&self, head: &Head) {
        if head.kind() == Kind::Cancel {
            self.shared.count_urgent();
        }
    }

    /// A slot for a payload of `len` bytes, whatever head it will be sent under.
    pub(crate) fn claim(&mut self, len: usize, patience: Patience) -> Result<Claim, SendError> {
        let mut stall = Stall::default();
        loop {
            let freed = self.shared.freed();
            // Which head it will be sent under is not known yet, so it may take what every message may.
            if let Some(claim) = self.lane.claim(len, share(&Head::message(0))) {
                return Ok(claim);
            }
            self.wait_for_room(freed, patience, &mut stall)?;
        }
    }

    /// Gives a slot back that is not sent.
    pub(crate) fn give_back(&mut self, claim: Claim) {
        self.lane.give_back(claim);
    }

    pub(crate) fn bytes(&self, claim: &Claim) -> &[u8] {
        self.lane.bytes(claim)
    }

    pub(crate) fn bytes_mut(&mut self, claim: &Claim) -> &mut [u8] {
        self.lane.bytes_mut(claim)
    }

    /// Sends a claimed slot, which is taken out of `claim` when it is sent.
    pub(crate) fn send_claimed(
        &mut self,
        head: &Head,
        claim: &mut Option<Claim>,
        len: usize,
        patience: Patience,
    ) -> Result<(), SendError> {
        let mut stall = Stall::default();
        loop {
            let freed = self.shared.freed();
            let Some(claimed) = claim.take() else { return Ok(()) };
            match self.lane.send_claimed(head, claimed, len) {
                Ok(refused) => *claim = refused,
                Err(violation) => return Err(self.fail(violation)),
            }
            self.announce();
            if claim.is_none() {
                return Ok(());
            }
            self.wait_for_room(freed, patience, &mut stall)?;
        }
    }

    /// Waits until the peer says that it gave back more than `freed`, or the wait must end.
    fn wait_for_room(&mut self, freed: u64, patience: Patience, stall: &mut Stall) -> Result<(), SendError> {
        let refusal = match patience {
            Patience::Try => Some(SendError::Full),
            _ if patience.is_over() => Some(SendError::Timeout),
            _ => None,
        };
        if refusal.is_some() {
            self.shared.mind_death();
        }
        self.check_open()?;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let stall_end = match self.shared.limits.stall_max {
            None => None,
            Some(stall_max) => stall.end(stall_max).map_err(|lost| self.shared.fail(lost))?,
        };
        self.shared.beat();
        let shared = Arc::clone(&self.shared);
        let is_there = || shared.freed() != freed;
        let deadline = [patience.deadline(), stall_end].into_iter().flatten().min();
        let wait = Wait { wishes: &[(Counter::Room, freed.wrapping_add(1))], is_there: &is_there, deadline };
        if !(shared.look_first(is_there) || self.spinner.look(&shared, &wait)) {
            // The peer may be waiting for room just as this side is.
            shared.report_room();
            self.spinner.sleep(&shared, &wait)?;
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), SendError> {
        self.shared.enter()?;
        if self.shared.peer_stopped() {
            return Err(SendError::Closed);
        }
        match self.shared.death() {
            None => Ok(()),
            // Its farewell and the hang-up came since the look above.
            Some(_) if self.shared.peer_stopped() => Err(SendError::Closed),
            Some(death) => Err(Lost::PeerDied(death).into()),
        }
    }

    #[inline]
    fn check_message(&self, head: &Head, len: usize) -> Result<(), SendError> {
        let kind = head.kind();
        match kind.fixed_len() {
            Some(allowed) if allowed != len => Err(SendError::Length { kind, len, allowed }),
            _ => self.check_payload_max(len),
        }
    }

    #[inline]
    pub(crate) fn check_payload_max(&self, len: usize) -> Result<(), SendError> {
        let max = self.shared.terms.payload_max;
        if len > max { Err(SendError::TooLarge { len, limit: "payload_max of the peer", max }) } else { Ok(()) }
    }

    #[cold]
    fn fail(&self, violation: Violation) -> SendError {
        self.shared.fail(violation.into()).into()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        // A fork's copy must not close the session of its parent.
        if !self.shared.is_forked() {
            self.shared.close_sending(self.announced, self.lane.published());
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::doorbell::{Bed, Counter};
    use crate::error::RecvError;
    use crate::layout::inline::Inline;
    use crate::session::{Config, PeerA, PeerB, PeerState, Receiver, Sender, Session};
    use crate::{Geometry, SlotClass};

    /// Bytes of a fragment; a message of more than `FRAGMENT + 64` goes in fragments.
    const FRAGMENT: usize = 1_024;

    /// The sending end of a session whose other side receives so many messages in fragments at once, and so many bytes of
    /// a payload. The limits of this side are others, and must not matter.
    fn to_one_with(fragmented_calls: usize, payload_max: usize) -> (Sender<PeerA>, Session<PeerB>) {
        let classes = [(64, 4), (256, 4), (FRAGMENT as u32, 4)].map(|(bytes, count)| SlotClass { bytes, count });
        let geometry = Geometry { ring_entries: 8, classes };
        let mut ours = Config { geometry, ..Config::default() };
        ours.limits.fragmented_calls = 9 - fragmented_calls;
        let mut theirs = ours.clone();
        theirs.limits.fragmented_calls = fragmented_calls;
        theirs.limits.payload_max = payload_max;
        let (a, b) = UnixStream::pair().unwrap();
        let (a, b) = std::thread::scope(|scope| {
            let b = scope.spawn(move || Session::<PeerB>::over(b, &theirs));
            let a = Session::<PeerA>::over(a, &ours);
            (a.unwrap(), b.join().unwrap().unwrap())
        });
        // The receiving end is not needed, and may go.
        (a.split().0, b)
    }

    #[test]
    fn who_sleeps_is_rung_for_what_is_quiet_with_the_next_message_or_with_the_close_and_little_is_quiet() {
        let (mut sender, session) = to_one_with(1, 1 << 20);
        let shared = Arc::clone(&sender.outbox.shared);
        let (_sends, receiver) = session.split();
        // Relaxed: of this thread.
        let rung = || shared.own.words().bell.futex.load(Ordering::Relaxed);
        let sleeps = |message| receiver.inbox.shared.own.words().wants.raise(Bed::Futex, Counter::Message, message);
        let outbox = &mut sender.outbox;
        let send_quietly = |outbox: &mut Outbox| outbox.send_quietly(&Head::terminal(1, 0), Inline::of(b"x").as_lead());
        assert!(sleeps(1));
        assert!(send_quietly(outbox) && send_quietly(outbox));
        assert!(!send_quietly(outbox), "a quarter of eight entries");
        assert_eq!((rung(), outbox.announced(), outbox.published()), (0, 0, 2));
        outbox.send_bytes(Head::terminal(1, 0), b"x", Patience::Try).unwrap();
        assert_eq!((rung(), outbox.announced()), (1, 3), "for the first one");
        assert!(sleeps(4) && send_quietly(outbox));
        assert_eq!(rung(), 1);
        outbox.announce();
        assert_eq!((rung(), outbox.announced()), (2, 4));
        assert!(sleeps(5) && send_quietly(outbox));
        assert_eq!(rung(), 2);
        drop(sender);
        assert_eq!(rung(), 3);
    }

    fn body(len: usize, salt: u32) -> Vec<u8> {
        (0..len).map(|index| ((index as u32).wrapping_mul(0x9e37_79b9).wrapping_add(salt) >> 13) as u8).collect()
    }

    /// A message that is being sent.
    struct Message {
        head: Head,
        body: Vec<u8>,
        sending: Sending,
    }

    impl Message {
        fn new(call: u32, len: usize) -> Self {
            Self { head: Head::terminal(call, 0), body: body(len, call), sending: Sending::default() }
        }

        /// True when all of it is sent.
        fn advance(&mut self, outbox: &mut Outbox) -> bool {
            let (lead, rest) = self.body.split_at(self.body.len().min(7));
            outbox.advance(&self.head, &Outgoing::new(Inline::of(lead), &[rest]), &mut self.sending).unwrap()
        }

        fn give_up(&mut self, outbox: &mut Outbox) {
            outbox.give_up(&self.head, &mut self.sending);
            assert!(self.sending.is_done());
        }

        /// Nothing of it goes now.
        #[track_caller]
        fn assert_held_back(&mut self, outbox: &mut Outbox) {
            let before = (outbox.published(), outbox.fragmented, outbox.fragmented_bytes);
            for _ in 0..3 {
                assert!(!self.advance(outbox));
                assert!(!self.sending.is_begun() && !self.sending.is_done());
                assert_eq!((outbox.published(), outbox.fragmented, outbox.fragmented_bytes), before);
            }
        }
    }

    /// Takes out all that is there: of each message its call and whether the bytes are those that were sent.
    fn drain(receiver: &mut Receiver<PeerB>) -> Vec<u32> {
        let mut calls = Vec::new();
        loop {
            match receiver.try_recv() {
                Ok(message) => {
                    let call = message.head().call();
                    let len = message.len();
                    assert!(message.into_inbound_payload().into_vec() == body(len, call), "{len} bytes of call {call}");
                    calls.push(call);
                }
                Err(end) => {
                    assert_eq!(end, RecvError::Empty, "a limit of the peer was broken");
                    return calls;
                }
            }
        }
    }

    /// Sends the rest while the other side receives; the calls that came.
    fn finish(message: &mut Message, outbox: &mut Outbox, peer: &mut Session<PeerB>) -> Vec<u32> {
        let mut came = Vec::new();
        while !message.advance(outbox) {
            came.extend(drain(peer.receiver()));
        }
        came.extend(drain(peer.receiver()));
        came
    }

    #[test]
    fn no_more_messages_are_in_fragments_at_once_than_the_peer_receives() {
        for limit in 1..=3 {
            let (mut a, mut b) = to_one_with(limit, 1 << 20);
            let outbox = &mut a.outbox;
            let mut begun: Vec<_> = (1..).take(limit).map(|call| Message::new(call, 20 * FRAGMENT)).collect();
            for message in &mut begun {
                assert!(!message.advance(outbox));
                assert!(message.sending.is_begun());
                assert_eq!(drain(b.receiver()), []);
            }
            let mut next = Message::new(99, FRAGMENT + 64 + 8);
            next.assert_held_back(outbox);
            // What goes in one slot, its lead beside it, is not counted.
            for len in [0, 24, 25, FRAGMENT, FRAGMENT + 64 + 7] {
                assert!(Message::new(50, len).advance(outbox), "{len} bytes");
                assert_eq!(drain(b.receiver()), [50]);
            }
            next.assert_held_back(outbox);
            // The place of any of them is as good.
            let mut first = begun.swap_remove(limit / 2);
            assert_eq!(finish(&mut first, outbox, &mut b), [first.head.call()]);
            assert_eq!(finish(&mut next, outbox, &mut b), [99]);
            for message in &mut begun {
                assert_eq!(finish(message, outbox, &mut b), [message.head.call()]);
            }
            assert_eq!((outbox.fragmented, outbox.fragmented_bytes), (0, 0));
            assert_eq!(b.peer_state(), PeerState::Alive);
        }
    }

    #[test]
    fn messages_in_fragments_are_together_no_longer_than_the_peer_receives() {
        const MAX: usize = 40 * FRAGMENT;
        let (mut a, mut b) = to_one_with(4, MAX);
        let outbox = &mut a.outbox;
        let mut first = Message::new(1, 30 * FRAGMENT);
        assert!(!first.advance(outbox));
        assert_eq!(drain(b.receiver()), []);
        let mut over = Message::new(2, 10 * FRAGMENT + 1);
        over.assert_held_back(outbox);
        // A smaller one has room beside the first, to the byte; then there is none for any.
        let mut beside = Message::new(3, 10 * FRAGMENT);
        assert!(!beside.advance(outbox));
        assert_eq!(outbox.fragmented_bytes, MAX);
        assert_eq!(drain(b.receiver()), []);
        Message::new(4, FRAGMENT + 64 + 8).assert_held_back(outbox);
        assert_eq!(finish(&mut beside, outbox, &mut b), [3]);
        over.assert_held_back(outbox);
        assert_eq!(finish(&mut first, outbox, &mut b), [1]);
        assert_eq!(finish(&mut over, outbox, &mut b), [2]);
        // One may be as long as all together, and no longer.
        assert_eq!(finish(&mut Message::new(5, MAX), outbox, &mut b), [5]);
        let too_large = SendError::TooLarge { len: MAX + 1, limit: "payload_max of the peer", max: MAX };
        assert_eq!(outbox.check(&Head::terminal(6, 0), MAX + 1), Err(too_large));
        assert_eq!((outbox.fragmented, outbox.fragmented_bytes), (0, 0));
    }

    /// Else the tests above would pass with a peer that minds nothing.
    #[test]
    fn a_message_that_is_not_held_back_is_a_violation_at_the_peer() {
        for (fragmented_calls, payload_max) in [(1, 1 << 20), (3, 12 * FRAGMENT)] {
            let (mut a, mut b) = to_one_with(fragmented_calls, payload_max);
            let outbox = &mut a.outbox;
            assert!(!Message::new(1, 10 * FRAGMENT).advance(outbox));
            drain(b.receiver());
            let mut second = Message::new(2, 10 * FRAGMENT);
            second.assert_held_back(outbox);
            (outbox.fragmented, outbox.fragmented_bytes) = (0, 0);
            assert!(!second.advance(outbox));
            let expected = match fragmented_calls {
                1 => Violation::FragmentedCalls { limit: 1 },
                _ => Violation::PayloadMax { len: 20 * FRAGMENT as u64, payload_max },
            };
            assert_eq!(b.recv().map(drop), Err(Lost::Violation(expected).into()));
        }
    }

    #[test]
    fn a_message_given_up_in_a_full_ring_leaves_its_place_to_the_next() {
        let (mut a, mut b) = to_one_with(1, 30 * FRAGMENT);
        let outbox = &mut a.outbox;
        for round in 0..3 {
            let mut torso = Message::new(round, 30 * FRAGMENT);
            // Four slots, and then small ones until no entry is left for the word that the rest will not come.
            assert!(!torso.advance(outbox));
            let small = std::iter::repeat_with(|| Message::new(50, 3).advance(outbox)).take_while(|sent| *sent).count();
            torso.give_up(outbox);
            assert_eq!((outbox.fragmented, outbox.fragmented_bytes), (0, 0));
            let mut next = Message::new(round, 30 * FRAGMENT);
            // It may begin as far as the limits go, and waits for room only.
            assert!(!next.advance(outbox));
            assert!(next.sending.is_begun());
            let mut came = finish(&mut next, outbox, &mut b);
            assert_eq!(came.pop(), Some(round));
            assert_eq!(came, vec![50; small]);
            // As often as one likes.
            next.give_up(outbox);
            assert_eq!((outbox.fragmented, outbox.fragmented_bytes, outbox.pending()), (0, 0, Ok(0)));
        }
    }

    #[test]
    fn a_message_given_up_before_its_first_fragment_went_never_was() {
        let (mut a, mut b) = to_one_with(1, 1 << 20);
        let outbox = &mut a.outbox;
        let mut first = Message::new(1, 10 * FRAGMENT);
        assert!(!first.advance(outbox));
        // Held back by the peer's limit: it has no place to leave.
        let mut held_back = Message::new(2, 10 * FRAGMENT);
        held_back.assert_held_back(outbox);
        let published = outbox.published();
        held_back.give_up(outbox);
        assert_eq!((outbox.published(), outbox.fragmented, outbox.fragmented_bytes), (published, 1, 10 * FRAGMENT));
        assert_eq!(finish(&mut first, outbox, &mut b), [1]);
        // Without room for as much as a fragment: it has a place, and nothing of it was sent.
        while Message::new(50, 0).advance(outbox) {}
        let mut no_room = Message::new(3, 10 * FRAGMENT);
        assert!(!no_room.advance(outbox));
        assert!(no_room.sending.is_begun());
        let published = outbox.published();
        no_room.give_up(outbox);
        assert_eq!((outbox.published(), outbox.fragmented, outbox.fragmented_bytes), (published, 0, 0));
        assert_eq!(drain(b.receiver()), [50; 8]);
        assert_eq!(finish(&mut Message::new(4, 10 * FRAGMENT), outbox, &mut b), [4]);
    }

    #[test]
    fn whatever_is_sent_at_once_no_limit_of_the_peer_is_broken() {
        let mut state = 7_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        for (fragmented_calls, payload_max) in [(1, 9_000), (2, 9_000), (2, 20_000), (4, 12_000)] {
            let (mut a, mut b) = to_one_with(fragmented_calls, payload_max);
            let outbox = &mut a.outbox;
            let (mut open, mut came, mut expected) = (Vec::<Message>::new(), Vec::new(), Vec::new());
            for call in 0..2_000 {
                if open.len() < 6 {
                    open.push(Message::new(call, [below(30), below(600), below(8_500)][below(3)]));
                }
                let index = below(open.len());
                let message = &mut open[index];
                if message.advance(outbox) {
                    expected.push(message.head.call());
                    open.swap_remove(index);
                } else if below(6) == 0 {
                    message.give_up(outbox);
                    open.swap_remove(index);
                }
                if below(3) == 0 {
                    came.extend(drain(b.receiver()));
                }
            }
            while let Some(mut message) = open.pop() {
                message.give_up(outbox);
            }
            assert_eq!((outbox.fragmented, outbox.fragmented_bytes), (0, 0));
            came.extend(drain(b.receiver()));
            assert_eq!(came, expected);
            assert!(came.len() > 300, "{} messages", came.len());
        }
    }
}
