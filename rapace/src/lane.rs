//! One direction of a session: a ring and the slots that its messages refer to.
//!
//! A lane moves messages and waits for nothing: it says "no room" or "nothing there", and the session decides who
//! waits and who is woken. Payloads up to 24 bytes go in the descriptor, larger ones in a slot, and what no slot
//! carries in fragments, which the receiving lane puts together before it shows the message.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod outgoing;

use std::sync::Arc;

use crate::error::{Lost, Violation};
use crate::layout::INLINE_MAX;
use crate::layout::descriptor::{Descriptor, TOTAL_BYTES, flag};
use crate::layout::geometry::Layout;
use crate::layout::head::{Arrival, Head, InSlot, Part};
use crate::layout::inline::{Inline, Lead};
use crate::limits::Limits;
use crate::os::fetch_for_reading;
use crate::ring::{Consumer, Entry, Producer};
use crate::segment::{Half, Sent, View, count};
use crate::slots::bytes::{Area, PeerBytes};
use crate::slots::far::Distance;
use crate::slots::{Acceptor, Claim, Pool, Share, release};
use crate::sync::AtomicU64;
pub(crate) use outgoing::Kept;
pub(crate) use outgoing::Outgoing;

/// Number of the first message of a session.
const FIRST: u64 = 1;

/// Writes what a fresh half of our own must hold before it is handed over.
pub(crate) fn initialise(half: &Half) {
    crate::ring::initialise(half.entries(), FIRST);
}

/// The sending end: our half's ring and slots, the peer's half's answers.
#[derive(Debug)]
pub(crate) struct SendLane {
    ring: Producer<View<[Entry]>, View<AtomicU64>>,
    pool: Pool<View<[AtomicU64]>>,
    area: Area,
    layout: Layout,
    /// Messages given up between their fragments, of which the peer does not know yet.
    abandoned: Vec<Head>,
    distance: Distance,
    counts: View<Sent>,
}

impl SendLane {
    /// The sending end of a session, over `own` half and the `peer`'s. There is one for each half of our own.
    pub(crate) fn new(own: &Arc<Half>, peer: &Arc<Half>, area: Area) -> Self {
        let entries = View::new(own, Half::entries);
        let consumed = View::new(peer, |half| &*half.words().consumed);
        Self {
            ring: Producer::new(entries, consumed, FIRST),
            pool: Pool::new(&own.layout().geometry, View::new(peer, Half::released)),
            area,
            layout: *own.layout(),
            abandoned: Vec::new(),
            distance: Distance::default(),
            counts: View::new(own, |half| &*half.words().sent),
        }
    }

    /// What this end counts, for others to see.
    #[inline(always)]
    pub(crate) fn counts(&self) -> &Sent {
        &self.counts
    }

    /// Number of the last message published.
    pub(crate) fn published(&self) -> u64 {
        self.ring.published()
    }

    /// Slots that are with the peer.
    #[cfg(test)]
    pub(crate) fn slots_in_flight(&mut self) -> usize {
        self.pool.in_flight()
    }

    /// How many published messages the peer has not taken out yet.
    pub(crate) fn pending(&mut self) -> Result<u64, Violation> {
        self.ring.refresh()
    }

    /// The most bytes that one message carries without fragments.
    pub(crate) fn slot_bytes_max(&self) -> usize {
        self.layout.slot_bytes_max()
    }

    /// Whether an entry is free, after what is owed to the peer was sent.
    #[inline]
    fn has_room(&mut self) -> Result<bool, Violation> {
        while self.ring.has_room()? {
            let Some(head) = self.abandoned.pop() else { return Ok(true) };
            self.ring.push(Descriptor { flags: flag::ABANDONED, ..head.descriptor() });
        }
        Ok(false)
    }

    /// Sends as much of a message as there is room for; `sent` counts the bytes. True when all of it is sent.
    /// Fragments wait for an entry and a slot each; between them other messages may be sent, of other calls.
    #[inline]
    pub(crate) fn advance(&mut self, head: &Head, payload: &Outgoing<'_>, sent: &mut usize) -> Result<bool, Violation> {
        if !self.has_room()? {
            return Ok(false);
        }
        match (payload.inline(), payload.rest) {
            (Some(inline), _) => {
                self.ring.push(inline_descriptor(head, inline));
                Ok(true)
            }
            (None, [piece]) if piece.len() <= self.slot_bytes_max() => Ok(self.send_in_slot(head, payload.lead, piece)),
            _ => self.advance_in_slots(head, payload, sent),
        }
    }

    /// Sends a lead in the descriptor and one piece in a slot: most messages that do not fit a descriptor.
    fn send_in_slot(&mut self, head: &Head, lead: Inline, piece: &[u8]) -> bool {
        let Some(claim) = self.pool.claim(piece.len(), share(head)) else { return false };
        if let Some(place) = self.area.bytes_mut(&claim).get_mut(..piece.len()) {
            self.distance.copy_in(place, piece);
        }
        let descriptor = self.slot_descriptor(head, claim, lead.len().saturating_add(piece.len()));
        self.ring.push(Descriptor { inline_len: lead.len() as u8, inline: lead.words, ..descriptor });
        true
    }

    /// Whether [`send_short`](Self::send_short) may be called: what its descriptor carries needs nothing but an entry that is
    /// known to be free.
    #[inline(always)]
    pub(crate) fn can_send_short(&mut self) -> bool {
        self.abandoned.is_empty() && self.ring.has_room().unwrap_or(false)
    }

    /// Sends what its descriptor carries: most messages.
    #[inline(always)]
    pub(crate) fn send_short(&mut self, head: &Head, lead: Lead<'_>) {
        self.ring.push(short_descriptor(head, lead));
    }

    /// As [`send_short`](Self::send_short), to be [shown](Self::show) with those behind it: see [`Producer::hold`].
    #[inline(always)]
    pub(crate) fn hold_short(&mut self, head: &Head, lead: Lead<'_>) {
        self.ring.hold(short_descriptor(head, lead));
    }

    /// Shows what was held.
    #[inline]
    pub(crate) fn show(&mut self) {
        self.ring.show();
    }

    /// Whether a message is held.
    pub(crate) fn is_holding(&self) -> bool {
        self.ring.is_holding()
    }

    /// See [`Producer::take_lines`].
    #[inline(always)]
    pub(crate) fn take_lines(&mut self, is_followed: impl FnOnce() -> bool) {
        self.ring.take_lines(is_followed);
    }

    /// Brings the lines of the slot here that the next message takes if it is as long as this one.
    #[inline]
    pub(crate) fn take_slot_lines(&mut self, len: usize) {
        if len <= INLINE_MAX || self.distance.is_far(len) {
            return;
        }
        if let Some(slot) = self.pool.next(len) {
            self.area.take_lines(slot, len);
        }
    }

    /// Whether a payload goes in several slots.
    pub(crate) fn is_fragmented(&self, payload: &Outgoing<'_>) -> bool {
        payload.len().saturating_sub(payload.lead_within(INLINE_MAX)) > self.slot_bytes_max()
    }

    fn advance_in_slots(&mut self, head: &Head, payload: &Outgoing<'_>, sent: &mut usize) -> Result<bool, Violation> {
        let fragmented = self.is_fragmented(payload);
        // The first fragment's first inline bytes are the total.
        let room = if fragmented { INLINE_MAX.saturating_sub(TOTAL_BYTES) } else { INLINE_MAX };
        let inline_len = if *sent == 0 { payload.lead_within(room) } else { 0 };
        let from = sent.saturating_add(inline_len);
        let left = payload.len().saturating_sub(from);
        let in_slot = if fragmented { left.min(self.layout.fragment_bytes()) } else { left };
        let is_last = in_slot == left;
        let Some(claim) = self.pool.claim(in_slot, share(head)) else { return Ok(false) };
        if let Some(place) = self.area.bytes_mut(&claim).get_mut(..in_slot) {
            payload.copy_to(from, place, |to, from| self.distance.copy_in(to, from));
        }
        let mut descriptor = self.slot_descriptor(head, claim, in_slot.saturating_add(inline_len));
        descriptor.inline_len = inline_len as u8;
        let lead = if inline_len > 0 { payload.lead.words } else { Default::default() };
        if fragmented && *sent == 0 {
            descriptor.flags |= flag::FIRST | flag::MORE;
            let [a, b, _] = lead;
            descriptor.inline = [payload.len() as u64, a, b];
        } else {
            descriptor.inline = lead;
        }
        if fragmented && *sent > 0 {
            descriptor.flags = flag::SLOT | flag::NEXT | if is_last { 0 } else { flag::MORE };
        }
        self.ring.push(descriptor);
        *sent = from.saturating_add(in_slot);
        Ok(is_last)
    }

    /// Gives a message up of which [`advance`](Self::advance) has sent a part. The peer is told now, or before the
    /// next message when there is no room.
    pub(crate) fn abandon(&mut self, head: &Head) -> Result<(), Violation> {
        // At most one for each message in fragments, whose number the peer limits.
        self.abandoned.push(*head);
        self.has_room().map(drop)
    }

    /// A slot for a message of `len` bytes, that goes in one; `None` when there is no room.
    pub(crate) fn claim(&mut self, len: usize, share: Share) -> Option<Claim> {
        self.pool.claim(len, share)
    }

    /// The bytes of a claimed slot.
    pub(crate) fn bytes(&self, claim: &Claim) -> &[u8] {
        self.area.bytes(claim)
    }

    /// The bytes of a claimed slot, to be written.
    pub(crate) fn bytes_mut(&mut self, claim: &Claim) -> &mut [u8] {
        self.area.bytes_mut(claim)
    }

    /// Takes back a claim that is not sent.
    pub(crate) fn give_back(&mut self, claim: Claim) {
        self.pool.give_back(claim);
    }

    /// Sends the first `len` bytes of a claimed slot; the claim comes back when the ring is full.
    pub(crate) fn send_claimed(&mut self, head: &Head, claim: Claim, len: usize) -> Result<Option<Claim>, Violation> {
        if !self.has_room()? {
            return Ok(Some(claim));
        }
        let descriptor = self.slot_descriptor(head, claim, len);
        self.ring.push(descriptor);
        Ok(None)
    }

    fn slot_descriptor(&mut self, head: &Head, claim: Claim, len: usize) -> Descriptor {
        let slot = claim.id().0;
        let generation = self.pool.publish(claim);
        count(&self.counts.slots, 1);
        count(&self.counts.slot_bytes, len as u64);
        let bare = head.descriptor();
        Descriptor { flags: flag::SLOT | bare.flags, len: len as u32, slot, generation, ..bare }
    }
}

/// How much of a class a message with this head may take.
pub(crate) fn share(head: &Head) -> Share {
    match (head.kind().begins_work(), head.parent()) {
        (false, _) => Share::All,
        (true, 0) => Share::Work,
        (true, _) => Share::Nested,
    }
}

#[inline(always)]
fn short_descriptor(head: &Head, lead: Lead<'_>) -> Descriptor {
    let len = lead.len() as u32;
    Descriptor { len, inline_len: len as u8, inline: *lead.words, ..head.descriptor() }
}

/// A descriptor that carries its payload itself; the bytes behind it are zero, not left from another message.
#[inline(always)]
fn inline_descriptor(head: &Head, inline: Inline) -> Descriptor {
    let len = inline.len() as u32;
    Descriptor { len, inline_len: len as u8, inline: inline.words, ..head.descriptor() }
}

/// What the receiving end found.
#[derive(Debug)]
pub(crate) enum Step {
    /// A part of a message was put away. A slot was released if `released`.
    Part { released: bool },
    /// A whole message.
    Message(Head, Body),
    /// A whole message that begins with metadata.
    WithMetadata(Head, Body),
}

impl Step {
    /// Whether a slot was released, which the peer must be told: it may wait for just that.
    pub(crate) fn has_released(&self) -> bool {
        match self {
            Self::Part { released } => *released,
            Self::Message(_, body) | Self::WithMetadata(_, body) => matches!(body, Body::Fragments { .. }),
        }
    }

    fn whole(arrival: &Arrival, body: Body) -> Self {
        if arrival.has_metadata { Self::WithMetadata(arrival.head, body) } else { Self::Message(arrival.head, body) }
    }
}

/// Where a received payload is.
#[derive(Debug)]
pub(crate) enum Body {
    Inline(Inline),
    /// Still in the peer's slot, which must be released; the inline bytes come first.
    Slot(Inline, InSlot),
    /// Put together from fragments; the inline bytes of the first one come first.
    Fragments {
        lead: Inline,
        bytes: Vec<u8>,
        count: u32,
    },
}

/// The reading end of a peer's ring.
type Incoming = Consumer<View<[Entry]>, View<AtomicU64>>;

/// The receiving end: the peer's ring and slots, our half's answers.
#[derive(Debug)]
pub(crate) struct RecvLane {
    ring: Incoming,
    acceptor: Acceptor<View<[AtomicU64]>>,
    /// Of each slot the call for which it was last taken.
    calls: Vec<u32>,
    own: Arc<Half>,
    peer: Arc<Half>,
    /// Messages of which fragments came, by call and stream.
    partial: Vec<Partial>,
    payload_max: usize,
    fragmented_calls: usize,
}

/// A slot of the peer that is held: of which class, under which number through all classes, and for which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) class: u8,
    number: usize,
    generation: u32,
    pub(crate) call: u32,
}

/// A message of which some fragments have come.
#[derive(Debug)]
struct Partial {
    head: Head,
    /// The inline bytes of the first fragment.
    lead: Inline,
    /// What came after them.
    bytes: Vec<u8>,
    total: usize,
    fragments: u32,
    has_metadata: bool,
}

impl RecvLane {
    /// The receiving end of a session, over `own` half and the `peer`'s.
    pub(crate) fn new(own: &Arc<Half>, peer: &Arc<Half>, limits: &Limits) -> Self {
        let consumed = View::new(own, |half| &*half.words().consumed);
        Self {
            ring: Consumer::new(View::new(peer, Half::entries), consumed, FIRST),
            acceptor: Acceptor::new(View::new(own, Half::released)),
            own: Arc::clone(own),
            peer: Arc::clone(peer),
            calls: vec![0; own.released().len()],
            partial: Vec::new(),
            payload_max: limits.payload_max,
            fragmented_calls: limits.fragmented_calls,
        }
    }

    /// Number of the message that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.ring.next()
    }

    /// Whether [`step`](Self::step) would find something.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.ring.is_ready()
    }

    /// Takes one descriptor out. It is to be [understood](Self::understand) next.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Result<Option<Descriptor>, Violation> {
        self.ring.try_pop()
    }

    /// See [`Consumer::fetch_lines`].
    #[inline(always)]
    pub(crate) fn fetch_lines(&mut self) -> bool {
        self.ring.fetch_lines()
    }

    /// A private copy of the next message, if it is there and can be read.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<Descriptor> {
        self.ring.peek().ok()?
    }

    /// The message that [`peek`](Self::peek) returned is taken out.
    #[inline(always)]
    pub(crate) fn consume(&mut self) {
        self.ring.consume();
    }

    #[inline(always)]
    pub(crate) fn is_next_followed_by(&self, messages: u64) -> bool {
        self.ring.is_next_followed_by(messages)
    }

    /// Checks a descriptor with the flag SLOT alone, and takes its slot as held.
    #[inline(always)]
    pub(crate) fn understand_in_slot(&mut self, descriptor: &Descriptor) -> Result<(Head, Inline, InSlot), Violation> {
        let found = Arrival::parse_in_slot(descriptor, self.peer.layout(), self.payload_max)?;
        // Read soon.
        fetch_for_reading(self.peer.at(found.2.offset).as_ptr());
        self.take_slot(&found.0, &found.2, descriptor.len)?;
        Ok(found)
    }

    /// Checks a descriptor that was taken out and finds its payload. One without flags may be given to
    /// [`Arrival::parse_inline`] instead, one with the flag SLOT alone to
    /// [`understand_in_slot`](Self::understand_in_slot), which do the same and stay in registers.
    pub(crate) fn understand(&mut self, descriptor: &Descriptor) -> Result<Step, Lost> {
        let arrival = Arrival::parse(descriptor, self.peer.layout(), self.payload_max)?;
        match (arrival.part, arrival.slot) {
            (Part::Whole, None) => Ok(Step::whole(&arrival, Body::Inline(arrival.inline))),
            (Part::Whole, Some(slot)) => {
                self.take_slot(&arrival.head, &slot, descriptor.len)?;
                Ok(Step::whole(&arrival, Body::Slot(arrival.inline, slot)))
            }
            _ => self.fragment(&arrival, descriptor.len),
        }
    }

    /// Takes a slot as held, for a call; so many bytes are those of the message or fragment.
    #[inline(always)]
    fn take_slot(&mut self, head: &Head, slot: &InSlot, len: u32) -> Result<(), Violation> {
        self.acceptor.accept(slot)?;
        if let Some(call) = self.calls.get_mut(slot.number as usize) {
            *call = head.call();
        }
        count(&self.own.words().noted.slot_bytes, len.into());
        Ok(())
    }

    /// The slots of the peer that are held now.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let class_of = |number: usize| {
            let ends = self.peer.layout().geometry.classes.iter().scan(0, |end: &mut usize, class| {
                *end = end.saturating_add(class.count as usize);
                Some(*end)
            });
            ends.take_while(|end| *end <= number).count() as u8
        };
        let call_of = |number: usize| self.calls.get(number).copied().unwrap_or(0);
        let taken = |(number, generation)| Taken { class: class_of(number), number, generation, call: call_of(number) };
        self.acceptor.held().map(taken).collect()
    }

    /// Puts a fragment of `len` bytes away and releases its slot.
    fn fragment(&mut self, arrival: &Arrival, len: u32) -> Result<Step, Lost> {
        let (call, stream) = (arrival.head.call(), arrival.head.method());
        let same = |partial: &Partial| {
            (partial.head.call(), partial.head.method(), partial.head.kind()) == (call, stream, arrival.head.kind())
        };
        let known = self.partial.iter().position(same);
        let index = match (arrival.part, known) {
            (Part::First { .. }, Some(_)) => return Err(Violation::FragmentRestarted { call, stream }.into()),
            (Part::First { total }, None) => self.begin(arrival, total)?,
            (_, Some(index)) => index,
            (_, None) => return Err(Violation::FragmentUnexpected { call, stream }.into()),
        };
        let Some(slot) = arrival.slot else {
            // Only an abandoned message's farewell has no slot.
            self.partial.swap_remove(index);
            return Ok(Step::Part { released: false });
        };
        self.take_slot(&arrival.head, &slot, len)?;
        let Some(partial) = self.partial.get_mut(index) else { return Ok(Step::Part { released: false }) };
        let appended = partial.append(arrival, &PeerBytes::new(&self.peer, &slot));
        // Nobody has it, whatever came of it.
        release_slot(&self.own, &slot);
        appended?;
        if arrival.part != Part::Last {
            return Ok(Step::Part { released: true });
        }
        let partial = self.partial.swap_remove(index);
        let (got, total) = (partial.len(), partial.total);
        if got != total {
            return Err(Violation::FragmentBytes { got: got as u64, total }.into());
        }
        let Partial { head, lead, bytes, fragments, has_metadata, .. } = partial;
        let body = Body::Fragments { lead, bytes, count: fragments };
        Ok(if has_metadata { Step::WithMetadata(head, body) } else { Step::Message(head, body) })
    }

    fn begin(&mut self, first: &Arrival, total: usize) -> Result<usize, Violation> {
        if self.partial.len() >= self.fragmented_calls {
            return Err(Violation::FragmentedCalls { limit: self.fragmented_calls });
        }
        let announced = self.partial.iter().fold(total, |sum, partial| sum.saturating_add(partial.total));
        if announced > self.payload_max {
            return Err(Violation::PayloadMax { len: announced as u64, payload_max: self.payload_max });
        }
        let Arrival { head, inline: lead, has_metadata, .. } = *first;
        self.partial.push(Partial { head, lead, bytes: Vec::new(), total, fragments: 0, has_metadata });
        Ok(self.partial.len().saturating_sub(1))
    }
}

impl Partial {
    fn len(&self) -> usize {
        self.lead.len().saturating_add(self.bytes.len())
    }

    /// Appends a fragment. Memory grows with what came, not with what was announced.
    fn append(&mut self, arrival: &Arrival, in_slot: &PeerBytes<'_>) -> Result<(), Lost> {
        // The first one's inline bytes were put aside when it began the message.
        let inline = if self.fragments == 0 { &[] } else { arrival.inline.as_slice() };
        let came = arrival.len().saturating_sub(arrival.inline.len()).saturating_add(inline.len());
        let len = self.bytes.len().saturating_add(came);
        let most = self.total.saturating_sub(self.lead.len());
        if len > most {
            let got = self.len().saturating_add(came);
            return Err(Violation::FragmentBytes { got: got as u64, total: self.total }.into());
        }
        if self.bytes.capacity() < len {
            let target = most.min(len.saturating_mul(2));
            let more = target.saturating_sub(self.bytes.len());
            self.bytes.try_reserve_exact(more).map_err(|_| Lost::System(crate::Errno(libc::ENOMEM)))?;
        }
        self.bytes.extend_from_slice(inline);
        in_slot.append_to(&mut self.bytes);
        self.fragments = self.fragments.saturating_add(1);
        Ok(())
    }
}

/// Gives a held slot back to the peer. What was read of it was read before; the peer must be told afterwards.
pub(crate) fn release_slot(own: &Half, slot: &InSlot) {
    if let Some(word) = own.released().get(slot.number as usize) {
        release(word, slot.generation);
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use crate::layout::geometry::{Geometry, SlotClass, SlotId};
    use crate::os::ForkGuard;
    use crate::segment::memory;
    use crate::slots::bytes::PeerBytes;
    use proptest::prelude::*;

    /// Small enough that a few kilobytes are in fragments and everything runs out soon.
    const GEOMETRY: Geometry = Geometry {
        ring_entries: 4,
        classes: [
            SlotClass { bytes: 64, count: 4 },
            SlotClass { bytes: 256, count: 2 },
            SlotClass { bytes: 1_024, count: 4 },
        ],
    };
    /// Bytes of a fragment, and the most that goes in one slot.
    const FRAGMENT: usize = 1_024;
    const SLOT_MAX: usize = FRAGMENT + 64;
    const PAYLOAD_MAX: usize = 64 << 10;
    const FRAGMENTED_CALLS: usize = 2;

    /// Takes one descriptor out and makes sense of it, as a receiver does.
    fn step(recv: &mut RecvLane) -> Result<Option<Step>, Lost> {
        let Some(descriptor) = recv.pop()? else { return Ok(None) };
        recv.understand(&descriptor).map(Some)
    }

    /// Both ends of one direction, over two halves of sealed memory, each mapped twice as between two processes.
    struct Pair {
        send: SendLane,
        recv: RecvLane,
    }

    impl Pair {
        fn new() -> Self {
            let layout = GEOMETRY.layout().unwrap();
            let fork = ForkGuard::new().unwrap();
            let a = memory::create(&layout, &fork).unwrap();
            let b = memory::create(&layout, &fork).unwrap();
            initialise(&a.half);
            initialise(&b.half);
            let a_at_b = memory::accept(&a.file, &layout, &fork).unwrap();
            let b_at_a = memory::accept(&b.file, &layout, &fork).unwrap();
            let limits = Limits { payload_max: PAYLOAD_MAX, fragmented_calls: FRAGMENTED_CALLS, ..Limits::default() };
            Self { send: SendLane::new(&a.half, &b_at_a, a.area), recv: RecvLane::new(&b.half, &a_at_b, &limits) }
        }

        /// Sends a message, receiving whatever makes room for it.
        fn send(&mut self, head: &Head, payload: &[u8], inbox: &mut Inbox) {
            self.send_pieces(head, &Outgoing::whole(&payload), inbox);
        }

        fn send_pieces(&mut self, head: &Head, payload: &Outgoing<'_>, inbox: &mut Inbox) {
            let mut sent = 0;
            loop {
                let before = (sent, self.send.published());
                if self.send.advance(head, payload, &mut sent).unwrap() {
                    return;
                }
                if before == (sent, self.send.published()) {
                    assert!(inbox.step(&mut self.recv), "nothing moves");
                }
            }
        }

        fn drain(&mut self, inbox: &mut Inbox) {
            while inbox.step(&mut self.recv) {}
        }

        /// Sends one message through an empty lane: its descriptors, and what arrives, which is one message.
        fn transmit(&mut self, head: &Head, payload: &Outgoing<'_>) -> (Vec<Descriptor>, Head, Body) {
            let (mut sent, mut descriptors, mut arrived) = (0, Vec::new(), None);
            loop {
                let done = self.send.advance(head, payload, &mut sent).unwrap();
                while let Some(descriptor) = self.recv.pop().unwrap() {
                    descriptors.push(descriptor);
                    match self.recv.understand(&descriptor).unwrap() {
                        Step::Part { .. } => assert!(arrived.is_none(), "a part comes behind the end"),
                        Step::Message(head, body) | Step::WithMetadata(head, body) => {
                            assert!(arrived.replace((head, body)).is_none(), "it came twice");
                        }
                    }
                }
                if done {
                    break;
                }
                assert!(arrived.is_none(), "it came before all of it was sent");
            }
            let (head, body) = arrived.expect("it was sent and did not come");
            (descriptors, head, body)
        }

        /// A descriptor of `len` bytes in a slot, as an honest sender would make it; what is changed in it is the lie.
        fn in_slot(&mut self, head: &Head, len: usize) -> Descriptor {
            let claim = self.send.claim(len, Share::All).unwrap();
            self.send.bytes_mut(&claim)[..len].fill(head.call() as u8);
            self.send.slot_descriptor(head, claim, len)
        }

        fn first(&mut self, head: &Head, len: usize, total: usize) -> Descriptor {
            let flags = flag::SLOT | flag::FIRST | flag::MORE;
            Descriptor { flags, inline: [total as u64, 0, 0], ..self.in_slot(head, len) }
        }

        fn next(&mut self, head: &Head, len: usize) -> Descriptor {
            Descriptor { flags: flag::SLOT | flag::NEXT | flag::MORE, ..self.in_slot(head, len) }
        }

        fn last(&mut self, head: &Head, len: usize) -> Descriptor {
            Descriptor { flags: flag::SLOT | flag::NEXT, ..self.in_slot(head, len) }
        }

        /// Publishes a descriptor as it is and takes it out.
        fn pass(&mut self, descriptor: Descriptor) -> Result<Step, Lost> {
            assert!(self.send.ring.has_room().unwrap());
            self.send.ring.push(descriptor);
            step(&mut self.recv).map(|found| found.expect("a message was published"))
        }

        fn violation(&mut self, descriptor: Descriptor) -> Violation {
            match self.pass(descriptor) {
                Err(Lost::Violation(violation)) => violation,
                other => panic!("expected a violation, got {other:?}"),
            }
        }

        fn pass_part(&mut self, descriptor: Descriptor) {
            assert!(matches!(self.pass(descriptor), Ok(Step::Part { .. })));
        }
    }

    /// What was received, and the slots that are held.
    #[derive(Default)]
    struct Inbox {
        messages: Vec<(Head, Vec<u8>)>,
        held: Vec<InSlot>,
        /// How many slots to hold before the oldest is given back.
        hold: usize,
    }

    impl Inbox {
        /// False when there was nothing to take out and nothing held.
        fn step(&mut self, recv: &mut RecvLane) -> bool {
            match step(recv).unwrap() {
                None => {
                    let Some(slot) = self.held.pop() else { return false };
                    release_slot(&recv.own, &slot);
                }
                Some(Step::Part { .. }) => {}
                Some(Step::Message(head, body) | Step::WithMetadata(head, body)) => self.take(recv, head, body),
            }
            true
        }

        fn take(&mut self, recv: &RecvLane, head: Head, body: Body) {
            let bytes = match body {
                Body::Inline(inline) => inline.as_slice().to_vec(),
                Body::Slot(inline, slot) => {
                    let mut bytes = inline.as_slice().to_vec();
                    PeerBytes::new(&recv.peer, &slot).append_to(&mut bytes);
                    self.held.push(slot);
                    if self.held.len() > self.hold {
                        release_slot(&recv.own, &self.held.remove(0));
                    }
                    bytes
                }
                Body::Fragments { lead, bytes, count } => {
                    assert_eq!(count as usize, bytes.len().div_ceil(FRAGMENT));
                    [lead.as_slice(), &bytes].concat()
                }
            };
            self.messages.push((head, bytes));
        }
    }

    /// Cuts bytes into so many pieces of different lengths, some of which have none.
    fn cut(bytes: &[u8], pieces: usize, salt: usize) -> Vec<&[u8]> {
        let mut cuts: Vec<_> =
            (1..pieces).map(|piece| (piece * salt.wrapping_mul(0x9e37)) % (bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain((pieces > 0).then_some(bytes.len()));
        let mut from = 0;
        ends.map(|end| &bytes[std::mem::replace(&mut from, end)..end]).collect()
    }

    fn payload(len: usize, salt: u32) -> Vec<u8> {
        (0..len).map(|index| ((index as u32).wrapping_mul(0x9e37_79b9).wrapping_add(salt) >> 13) as u8).collect()
    }

    fn head(salt: u32) -> Head {
        match salt % 4 {
            0 => Head::message(salt),
            1 => Head::request(salt, 7),
            2 => Head::terminal(salt, 9),
            _ => Head::item(salt, 3),
        }
    }

    #[test]
    fn payloads_of_every_size_arrive_whole() {
        let mut pair = Pair::new();
        let mut inbox = Inbox::default();
        let edges = [FRAGMENT, SLOT_MAX, 2 * FRAGMENT, 3 * FRAGMENT, 10 * FRAGMENT].into_iter();
        let lengths: Vec<_> =
            (0..400).chain(edges.flat_map(|edge| edge - 2..edge + 3)).chain([PAYLOAD_MAX - 1, PAYLOAD_MAX]).collect();
        for (salt, &len) in (0..).zip(&lengths) {
            pair.send(&head(salt), &payload(len, salt), &mut inbox);
        }
        pair.drain(&mut inbox);
        assert_eq!(inbox.messages.len(), lengths.len());
        for ((salt, &len), (found, bytes)) in (0..).zip(&lengths).zip(&inbox.messages) {
            assert_eq!(*found, head(salt));
            assert_eq!(*bytes, payload(len, salt), "{len} bytes");
        }
        assert_eq!(pair.send.pool.in_flight(), 0);
    }

    /// How many bytes of a lead travel in the first descriptor, and whether the message is in fragments.
    fn route(lead: usize, rest: usize) -> (usize, bool) {
        let within = |room| if lead <= room { lead } else { 0 };
        let is_fragmented = lead + rest - within(INLINE_MAX) > SLOT_MAX;
        match (lead + rest <= INLINE_MAX, is_fragmented) {
            (true, _) => (lead + rest, false),
            (_, false) => (within(INLINE_MAX), false),
            // Eight bytes are the total.
            (_, true) => (within(INLINE_MAX - TOTAL_BYTES), true),
        }
    }

    /// Sends a lead and a rest of so many bytes in so many pieces, and checks everything that can be seen of it.
    fn check_pieces(pair: &mut Pair, lead: usize, rest: usize, pieces: usize) {
        let what = format!("{rest} bytes in {pieces} pieces behind a lead of {lead}");
        let salt = (lead * 31 + rest * 5 + pieces) as u32;
        let bytes = payload(lead + rest, salt);
        let rests = cut(&bytes[lead..], pieces, salt as usize);
        assert_eq!((rests.len(), rests.concat().len()), (pieces, rest));
        let outgoing = Outgoing::new(Inline::of(&bytes[..lead]), &rests);
        assert_eq!(outgoing.len(), lead + rest);
        let (inline, is_fragmented) = route(lead, rest);
        assert_eq!(pair.send.is_fragmented(&outgoing), is_fragmented, "{what}");

        let (descriptors, found, body) = pair.transmit(&head(salt), &outgoing);
        assert_eq!(found, head(salt));
        let in_slots = lead + rest - inline;
        let flags = |index: usize| match (index, index + 1 == descriptors.len()) {
            _ if in_slots == 0 => 0,
            (0, true) => flag::SLOT,
            (0, false) => flag::SLOT | flag::FIRST | flag::MORE,
            (_, false) => flag::SLOT | flag::NEXT | flag::MORE,
            (_, true) => flag::SLOT | flag::NEXT,
        };
        for (index, descriptor) in descriptors.iter().enumerate() {
            assert_eq!(descriptor.flags, flags(index), "{what}, descriptor {index}");
            let inline_len = if index == 0 { inline } else { 0 };
            assert_eq!(usize::from(descriptor.inline_len), inline_len, "{what}, descriptor {index}");
            // What the inline bytes have no use for is zero, not left from another message.
            let used = inline_len + if is_fragmented && index == 0 { TOTAL_BYTES } else { 0 };
            assert!(zerocopy::IntoBytes::as_bytes(&descriptor.inline)[used..].iter().all(|byte| *byte == 0), "{what}");
        }
        let lengths: usize = descriptors.iter().map(|descriptor| descriptor.len as usize).sum();
        assert_eq!(lengths, lead + rest, "{what}");
        let count = if is_fragmented { in_slots.div_ceil(FRAGMENT) } else { 1 };
        assert_eq!(descriptors.len(), count, "{what}");

        let (came_inline, came_behind) = match body {
            Body::Inline(inline) => (inline, Vec::new()),
            Body::Slot(inline, slot) => {
                let mut behind = Vec::new();
                PeerBytes::new(&pair.recv.peer, &slot).append_to(&mut behind);
                release_slot(&pair.recv.own, &slot);
                (inline, behind)
            }
            Body::Fragments { lead, bytes, count: found } => {
                assert_eq!(found as usize, count, "{what}");
                (lead, bytes)
            }
        };
        assert_eq!(came_inline.as_slice(), &bytes[..inline], "{what}");
        assert!(came_behind == bytes[inline..], "{what}");
    }

    #[test]
    fn a_payload_in_pieces_arrives_whole_and_its_lead_stays_inline_where_it_fits() {
        let mut pair = Pair::new();
        for lead in 0..=INLINE_MAX {
            // Around all that decides over the way: the descriptor, one slot with and without the lead, fragments.
            let edges = [INLINE_MAX, SLOT_MAX, FRAGMENT, 2 * FRAGMENT, 3 * FRAGMENT].into_iter();
            let around =
                edges.flat_map(|edge| [edge, edge.saturating_sub(lead)]).flat_map(|at| at.saturating_sub(1)..at + 2);
            for rest in around.chain([0, 1, 8, 200, 5_000]) {
                (1..=4).for_each(|pieces| check_pieces(&mut pair, lead, rest, pieces));
            }
            check_pieces(&mut pair, lead, 0, 0);
        }
        assert_eq!(pair.send.pool.in_flight(), 0);
        assert!(pair.recv.partial.is_empty() && pair.recv.pop().unwrap().is_none(), "more came than was sent");
    }

    #[test]
    fn pieces_are_copied_from_wherever_a_fragment_begins() {
        let bytes = payload(200, 3);
        for pieces in 0..=4 {
            for lead in [0, 1, 16, 24] {
                let rests = cut(if pieces == 0 { &[] } else { &bytes[lead..] }, pieces, lead + 7);
                let outgoing = Outgoing::new(Inline::of(&bytes[..lead]), &rests);
                let expected = &bytes[..outgoing.len()];
                for from in 0..=expected.len() {
                    for len in [0, 1, 7, 60, expected.len() - from] {
                        let len = len.min(expected.len() - from);
                        let mut out = vec![0xa5; len];
                        outgoing.copy_to(from, &mut out, crate::slots::bytes::copy_in);
                        assert_eq!(out, expected[from..from + len], "{len} bytes from {from}");
                    }
                }
            }
        }
    }

    #[test]
    fn two_messages_in_fragments_go_through_one_lane_with_small_ones_between() {
        let mut pair = Pair::new();
        let mut inbox = Inbox::default();
        let (one, two) = (Head::terminal(1, 0), Head::request(2, 7));
        let (long, longer) = (payload(5 * FRAGMENT + 3, 1), payload(7 * FRAGMENT, 2));
        let rests = [cut(&long[10..], 3, 5), cut(&longer[24..], 2, 9)];
        let sendings = [
            (one, Outgoing::new(Inline::of(&long[..10]), &rests[0])),
            (two, Outgoing::new(Inline::of(&longer[..24]), &rests[1])),
        ];
        let (mut sent, mut done, mut expected) = ([0; 2], [false; 2], Vec::new());
        let mut number = 100;
        while done != [true; 2] {
            for index in 0..2 {
                if !done[index] {
                    let (head, outgoing) = &sendings[index];
                    let before = sent[index];
                    done[index] = pair.send.advance(head, outgoing, &mut sent[index]).unwrap();
                    assert!(sent[index] > before, "there is room for one more fragment");
                    if done[index] {
                        expected.push((*head, if index == 0 { long.clone() } else { longer.clone() }));
                    }
                }
                let small = payload([0, 24, 60][number as usize % 3], number);
                pair.send(&Head::message(number), &small, &mut inbox);
                expected.push((Head::message(number), small));
                number += 1;
                pair.drain(&mut inbox);
            }
        }
        assert_eq!(inbox.messages, expected);
        assert_eq!((pair.send.pool.in_flight(), pair.recv.partial.len()), (0, 0));
    }

    #[test]
    fn two_messages_given_up_while_the_ring_is_full_are_both_taken_back_before_the_next() {
        let mut pair = Pair::new();
        let mut inbox = Inbox::default();
        let bytes = payload(8 * FRAGMENT, 1);
        let heads = [Head::terminal(1, 0), Head::item(1, 3)];
        for round in 0..3 {
            for head in &heads {
                let mut sent = 0;
                while !pair
                    .send
                    .advance(head, &Outgoing::new(Inline::of(&bytes[..9]), &[&bytes[9..]]), &mut sent)
                    .unwrap()
                {
                    if sent > 2 * FRAGMENT {
                        break;
                    }
                }
            }
            // The ring is full, so neither can be told now.
            assert_eq!(pair.send.pending(), Ok(GEOMETRY.ring_entries.into()));
            for head in &heads {
                pair.send.abandon(head).unwrap();
            }
            assert_eq!(pair.send.abandoned.len(), 2);
            while pair.recv.is_ready() {
                assert!(matches!(step(&mut pair.recv), Ok(Some(Step::Part { released: true }))));
            }
            assert_eq!((pair.recv.partial.len(), pair.send.pool.in_flight()), (2, 0));
            if round == 1 {
                // The same heads again, which would be a violation before both farewells.
                pair.send(&heads[1], &bytes, &mut inbox);
                pair.send(&heads[0], &bytes, &mut inbox);
                pair.drain(&mut inbox);
                assert_eq!(std::mem::take(&mut inbox.messages), [(heads[1], bytes.clone()), (heads[0], bytes.clone())]);
            } else {
                pair.send(&Head::message(5), b"next", &mut inbox);
                pair.drain(&mut inbox);
                assert_eq!(std::mem::take(&mut inbox.messages), [(Head::message(5), b"next".to_vec())]);
            }
            assert_eq!((pair.recv.partial.len(), pair.send.abandoned.len()), (0, 0));
        }
    }

    #[test]
    fn two_messages_given_up_with_room_in_the_ring_are_taken_back_at_once() {
        let mut pair = Pair::new();
        let bytes = payload(8 * FRAGMENT, 1);
        for call in 1..=2 {
            let mut sent = 0;
            assert!(!pair.send.advance(&Head::terminal(call, 0), &Outgoing::whole(&&bytes[..]), &mut sent).unwrap());
            assert!(matches!(step(&mut pair.recv), Ok(Some(Step::Part { released: true }))));
        }
        for (call, left) in [(1, 1), (2, 0)] {
            pair.send.abandon(&Head::terminal(call, 0)).unwrap();
            assert!(matches!(step(&mut pair.recv), Ok(Some(Step::Part { released: false }))));
            assert_eq!((pair.recv.partial.len(), pair.send.abandoned.len()), (left, 0));
        }
        assert_eq!(pair.send.pool.in_flight(), 0);
    }

    #[derive(Clone, Debug)]
    enum Do {
        Send {
            len: usize,
            /// Of the pieces before and behind the cut: a lead, and the number of the rest's.
            lead: usize,
            pieces: usize,
        },
        /// Sends some fragments of a large message and gives it up.
        Abandon {
            fragments: usize,
        },
        Receive,
    }

    fn steps() -> impl Strategy<Value = Vec<Do>> {
        let len = prop_oneof![0..30_usize, 0..400_usize, 0..5_000_usize];
        let step = prop_oneof![
            4 => (len, 0..=INLINE_MAX, 1..5_usize).prop_map(|(len, lead, pieces)| Do::Send { len, lead, pieces }),
            1 => (1..6_usize).prop_map(|fragments| Do::Abandon { fragments }),
            3 => Just(Do::Receive),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        // Each case makes four mappings.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_that_was_sent_arrives_in_order_and_nothing_that_was_given_up(steps in steps(), hold in 0..3_usize) {
            let mut pair = Pair::new();
            let mut inbox = Inbox { hold, ..Inbox::default() };
            let mut expected = Vec::new();
            for (salt, step) in (0..).zip(steps) {
                match step {
                    Do::Send { len, lead, pieces } => {
                        let bytes = payload(len, salt);
                        let (lead, rest) = bytes.split_at(lead.min(len));
                        pair.send_pieces(&head(salt), &Outgoing::new(Inline::of(lead), &cut(rest, pieces, len)), &mut inbox);
                        expected.push((head(salt), bytes));
                    }
                    Do::Abandon { fragments } => {
                        let (bytes, mut sent) = (payload(8 * FRAGMENT, salt), 0);
                        for _ in 0..fragments {
                            prop_assert!(!pair.send.advance(&head(salt), &Outgoing::whole(&bytes.as_ref()), &mut sent).unwrap());
                        }
                        if sent > 0 {
                            pair.send.abandon(&head(salt)).unwrap();
                        }
                    }
                    Do::Receive => {
                        inbox.step(&mut pair.recv);
                    }
                }
            }
            // The farewell of an abandoned message may still be owed; it goes before the next message.
            pair.send(&Head::message(0), b"", &mut inbox);
            expected.push((Head::message(0), Vec::new()));
            pair.drain(&mut inbox);
            prop_assert_eq!(inbox.messages, expected);
            prop_assert!(pair.recv.partial.is_empty());
            prop_assert_eq!(pair.send.pool.in_flight(), 0);
        }

        /// Up to as many as the receiver allows are in fragments at once, of which some are given up.
        #[test]
        fn messages_in_fragments_arrive_when_their_last_one_does(
            steps in prop::collection::vec((0..8_u8, 0..FRAGMENTED_CALLS, 0..6_000_usize, 0..=INLINE_MAX), 0..120),
            hold in 0..2_usize,
        ) {
            let mut pair = Pair::new();
            let mut inbox = Inbox { hold, ..Inbox::default() };
            let mut expected = Vec::new();
            #[allow(clippy::type_complexity, reason = "of this test alone")]
            let mut begun: [Option<(Head, Vec<u8>, usize, usize)>; FRAGMENTED_CALLS] = Default::default();
            for (salt, (act, place, len, lead)) in (0..).zip(steps) {
                match act {
                    0..4 => {
                        let (head, bytes, lead, mut sent) = begun[place]
                            .take()
                            .unwrap_or_else(|| (head(salt), payload(SLOT_MAX + 30 + len, salt), lead, 0));
                        let (first, rest) = bytes.split_at(lead);
                        if pair.send.advance(&head, &Outgoing::new(Inline::of(first), &cut(rest, 2, len)), &mut sent).unwrap() {
                            expected.push((head, bytes));
                        } else if sent > 0 {
                            begun[place] = Some((head, bytes, lead, sent));
                        }
                    }
                    4 => {
                        if let Some((head, ..)) = begun[place].take() {
                            pair.send.abandon(&head).unwrap();
                        }
                    }
                    5 => {
                        let bytes = payload(len % 400, salt);
                        pair.send(&head(salt), &bytes, &mut inbox);
                        expected.push((head(salt), bytes));
                    }
                    _ => {
                        inbox.step(&mut pair.recv);
                    }
                }
            }
            for (head, ..) in begun.into_iter().flatten() {
                pair.send.abandon(&head).unwrap();
            }
            pair.send(&Head::message(0), b"", &mut inbox);
            expected.push((Head::message(0), Vec::new()));
            pair.drain(&mut inbox);
            prop_assert_eq!(inbox.messages, expected);
            prop_assert!(pair.recv.partial.is_empty());
            prop_assert_eq!(pair.send.pool.in_flight(), 0);
        }

        #[test]
        fn raw_descriptors_are_messages_or_violations(words: [u64; 8], kind in 0_u8..10, flags in 0_u8..32, len in 0_u32..2_000) {
            let raw = Descriptor::from_words(words);
            let likely = Descriptor { kind, flags, len, status: 0, parent: 0, timeout_us: 0, reserved: [0; 3], ..raw };
            let placed = Descriptor { slot: SlotId::new(raw.call as u8 % 3, raw.method % 4).0, generation: 1, ..likely };
            for descriptor in [raw, likely, placed, Descriptor { inline_len: 0, ..placed }] {
                let mut pair = Pair::new();
                let mut inbox = Inbox::default();
                pair.send.ring.push(descriptor);
                match step(&mut pair.recv) {
                    Ok(Some(Step::Message(head, body))) => inbox.take(&pair.recv, head, body),
                    Ok(Some(Step::Part { .. })) | Err(Lost::Violation(_)) => {}
                    other => prop_assert!(false, "{:?}", other),
                }
                prop_assert!(inbox.messages.iter().all(|(_, bytes)| bytes.len() == descriptor.len as usize));
            }
        }
    }

    #[test]
    fn bytes_of_an_earlier_message_are_not_sent_again() {
        let mut pair = Pair::new();
        for len in [INLINE_MAX, 3] {
            let mut sent = 0;
            assert!(
                pair.send.advance(&Head::message(1), &Outgoing::whole(&vec![0xff; len].as_ref()), &mut sent).unwrap()
            );
        }
        step(&mut pair.recv).unwrap();
        let descriptor = pair.recv.ring.try_pop().unwrap().unwrap();
        assert_eq!(descriptor.inline.map(u64::to_le), [0x00ff_ffff, 0, 0]);
    }

    #[test]
    fn a_full_lane_sends_nothing_and_takes_no_slot() {
        let mut pair = Pair::new();
        let bytes = payload(100, 1);
        let mut sent = 0;
        for _ in 0..GEOMETRY.ring_entries {
            assert!(pair.send.advance(&Head::terminal(1, 0), &Outgoing::whole(&(b"").as_ref()), &mut sent).unwrap());
        }
        assert!(!pair.send.advance(&Head::terminal(1, 0), &Outgoing::whole(&bytes.as_ref()), &mut sent).unwrap());
        let claim = pair.send.claim(100, Share::All).unwrap();
        let claim = pair.send.send_claimed(&Head::terminal(1, 0), claim, 100).unwrap().unwrap();
        pair.send.give_back(claim);
        assert_eq!((sent, pair.send.pool.in_flight()), (0, 0));
        assert_eq!(pair.send.pending(), Ok(GEOMETRY.ring_entries.into()));
    }

    #[test]
    fn a_claimed_slot_is_sent_as_it_was_written() {
        let mut pair = Pair::new();
        let mut inbox = Inbox::default();
        let bytes = payload(200, 5);
        let claim = pair.send.claim(200, Share::All).unwrap();
        pair.send.bytes_mut(&claim)[..200].copy_from_slice(&bytes);
        assert_eq!(pair.send.bytes(&claim)[..200], bytes);
        assert!(pair.send.send_claimed(&Head::message(2), claim, 200).unwrap().is_none());
        pair.drain(&mut inbox);
        assert_eq!(inbox.messages, [(Head::message(2), bytes)]);
    }

    #[test]
    fn fragments_of_several_messages_may_interleave() {
        let mut pair = Pair::new();
        let (one, two) = (Head::request(1, 1), Head::request(2, 1));
        for part in [
            |pair: &mut Pair, one: &Head, _: &Head| pair.first(one, 500, 1_300),
            |pair: &mut Pair, _: &Head, two: &Head| pair.first(two, 100, 200),
            |pair: &mut Pair, one: &Head, _: &Head| pair.next(one, 500),
        ] {
            let descriptor = part(&mut pair, &one, &two);
            pair.pass_part(descriptor);
        }
        for (head, len, total) in [(two, 100, 200), (one, 300, 1_300)] {
            let last = pair.last(&head, len);
            let Ok(Step::Message(found, Body::Fragments { bytes, .. })) = pair.pass(last) else { panic!() };
            assert_eq!((found, bytes), (head, vec![head.call() as u8; total]));
        }
        assert_eq!(pair.send.pool.in_flight(), 0);
    }

    #[test]
    fn a_message_begun_again_before_its_end_is_a_violation() {
        let mut pair = Pair::new();
        let head = Head::item(5, 6);
        let first = pair.first(&head, 100, 300);
        pair.pass_part(first);
        let again = pair.first(&head, 100, 300);
        assert_eq!(pair.violation(again), Violation::FragmentRestarted { call: 5, stream: 6 });
    }

    #[test]
    fn a_fragment_of_a_message_never_begun_is_a_violation() {
        let head = Head::item(5, 6);
        let unexpected = Violation::FragmentUnexpected { call: 5, stream: 6 };
        let mut pair = Pair::new();
        let next = pair.next(&head, 100);
        assert_eq!(pair.violation(next), unexpected);
        let mut pair = Pair::new();
        let last = pair.last(&head, 100);
        assert_eq!(pair.violation(last), unexpected);
        let mut pair = Pair::new();
        assert_eq!(pair.violation(Descriptor { flags: flag::ABANDONED, ..head.descriptor() }), unexpected);
    }

    #[test]
    fn a_fragment_of_another_kind_does_not_continue_a_message() {
        let mut pair = Pair::new();
        let first = pair.first(&Head::request(5, 6), 100, 300);
        pair.pass_part(first);
        let last = pair.last(&Head::item(5, 6), 200);
        assert_eq!(pair.violation(last), Violation::FragmentUnexpected { call: 5, stream: 6 });
    }

    #[test]
    fn fragments_beyond_the_announced_length_are_a_violation() {
        let mut pair = Pair::new();
        let head = Head::request(5, 6);
        let first = pair.first(&head, 100, 300);
        pair.pass_part(first);
        let last = pair.last(&head, 201);
        assert_eq!(pair.violation(last), Violation::FragmentBytes { got: 301, total: 300 });
        assert!(pair.recv.taken().is_empty(), "what nobody has is not held");
    }

    #[test]
    fn a_lead_counts_against_the_announced_length() {
        let mut pair = Pair::new();
        let head = Head::request(5, 6);
        for (next, got) in [(200, None), (201, Some(311))] {
            let first = pair.first(&head, 100, 310);
            // Ten bytes beside those in the slot.
            pair.pass_part(Descriptor { len: 110, inline_len: 10, ..first });
            let next = pair.next(&head, next);
            match got {
                None => {
                    pair.pass_part(next);
                    pair.pass_part(Descriptor { flags: flag::ABANDONED, ..head.descriptor() });
                }
                Some(got) => assert_eq!(pair.violation(next), Violation::FragmentBytes { got, total: 310 }),
            }
        }
    }

    #[test]
    fn a_fragment_after_the_announced_length_is_a_violation() {
        let mut pair = Pair::new();
        let head = Head::request(5, 6);
        let first = pair.first(&head, 100, 300);
        pair.pass_part(first);
        // All bytes are there, and yet more are promised.
        let next = pair.next(&head, 200);
        pair.pass_part(next);
        let last = pair.last(&head, 1);
        assert_eq!(pair.violation(last), Violation::FragmentBytes { got: 301, total: 300 });
    }

    #[test]
    fn fragments_that_fall_short_of_the_announced_length_are_a_violation() {
        let mut pair = Pair::new();
        let head = Head::request(5, 6);
        let first = pair.first(&head, 100, 300);
        pair.pass_part(first);
        let last = pair.last(&head, 199);
        assert_eq!(pair.violation(last), Violation::FragmentBytes { got: 299, total: 300 });
    }

    #[test]
    fn a_first_fragment_that_is_the_whole_message_is_a_violation() {
        let mut pair = Pair::new();
        let first = pair.first(&Head::request(5, 6), 300, 300);
        assert_eq!(pair.violation(first), Violation::FragmentBytes { got: 300, total: 300 });
    }

    #[test]
    fn too_many_messages_in_fragments_at_once_are_a_violation() {
        let mut pair = Pair::new();
        for call in 0..FRAGMENTED_CALLS as u32 {
            let first = pair.first(&Head::request(call, 0), 65, 300);
            pair.pass_part(first);
        }
        let first = pair.first(&Head::request(99, 0), 65, 300);
        assert_eq!(pair.violation(first), Violation::FragmentedCalls { limit: FRAGMENTED_CALLS });
    }

    #[test]
    fn an_abandoned_message_no_longer_counts() {
        let mut pair = Pair::new();
        for call in 0..3 * FRAGMENTED_CALLS as u32 {
            let head = Head::request(call, 0);
            let first = pair.first(&head, 65, PAYLOAD_MAX);
            pair.pass_part(first);
            pair.pass_part(Descriptor { flags: flag::ABANDONED, ..head.descriptor() });
        }
        assert_eq!(pair.send.pool.in_flight(), 0);
    }

    #[test]
    fn announcing_more_bytes_than_the_limit_is_a_violation() {
        let mut pair = Pair::new();
        let over = pair.first(&Head::request(1, 0), 100, PAYLOAD_MAX + 1);
        let payload_max = PAYLOAD_MAX;
        assert_eq!(pair.violation(over), Violation::PayloadMax { len: PAYLOAD_MAX as u64 + 1, payload_max });
        // And so are several messages that only together are over it.
        let mut pair = Pair::new();
        let first = pair.first(&Head::request(1, 0), 100, PAYLOAD_MAX - 200);
        pair.pass_part(first);
        let second = pair.first(&Head::request(2, 0), 100, 201);
        assert_eq!(pair.violation(second), Violation::PayloadMax { len: PAYLOAD_MAX as u64 + 1, payload_max });
    }

    #[test]
    fn memory_grows_with_what_came_and_not_with_what_was_announced() {
        let mut pair = Pair::new();
        let first = pair.first(&Head::request(1, 0), 100, PAYLOAD_MAX);
        pair.pass_part(first);
        assert!(pair.recv.partial[0].bytes.capacity() <= 200);
    }

    #[test]
    fn a_slot_sent_again_while_it_is_held_is_a_violation() {
        let mut pair = Pair::new();
        let descriptor = pair.in_slot(&Head::message(1), 300);
        let slot = SlotId(descriptor.slot);
        assert!(matches!(pair.pass(descriptor), Ok(Step::Message(_, Body::Slot(..)))));
        let again = Descriptor { generation: descriptor.generation + 1, ..descriptor };
        assert_eq!(pair.violation(again), Violation::SlotHeld { class: slot.class(), index: slot.index() });
    }

    #[test]
    fn a_fragment_in_a_slot_that_is_held_is_a_violation() {
        let mut pair = Pair::new();
        let held = pair.in_slot(&Head::message(1), 300);
        let slot = SlotId(held.slot);
        assert!(matches!(pair.pass(held), Ok(Step::Message(_, Body::Slot(..)))));
        let first = pair.first(&Head::request(2, 0), 300, 600);
        let first = Descriptor { slot: held.slot, generation: held.generation + 1, ..first };
        assert_eq!(pair.violation(first), Violation::SlotHeld { class: slot.class(), index: slot.index() });
    }

    #[test]
    fn a_slot_in_another_generation_than_the_next_is_a_violation() {
        for found in [0, 2, u32::MAX] {
            let mut pair = Pair::new();
            let descriptor = pair.in_slot(&Head::message(1), 300);
            let (class, index) = (SlotId(descriptor.slot).class(), SlotId(descriptor.slot).index());
            let violation = pair.violation(Descriptor { generation: found, ..descriptor });
            assert_eq!(violation, Violation::Generation { class, index, expected: 1, found });
        }
    }

    #[test]
    fn a_slot_that_does_not_exist_is_a_violation() {
        let mut pair = Pair::new();
        let descriptor = pair.in_slot(&Head::message(1), 300);
        let violation = pair.violation(Descriptor { slot: SlotId::new(2, 4).0, ..descriptor });
        assert_eq!(violation, Violation::Slot { class: 2, index: 4 });
    }

    #[test]
    fn a_number_skipped_in_the_ring_is_a_violation() {
        let mut pair = Pair::new();
        // The second message goes where the first should be: the producer's own count is what lies.
        let entries = View::new(&pair.recv.peer, Half::entries);
        assert_eq!(entries.len(), GEOMETRY.ring_entries as usize);
        for _ in 0..GEOMETRY.ring_entries {
            pair.send.ring.push(Head::message(1).descriptor());
        }
        step(&mut pair.recv).unwrap();
        // The receiver's own word says one was taken; the sender overwrites the next entry too, a lap ahead.
        assert!(pair.send.ring.has_room().unwrap());
        pair.send.ring.push(Head::message(2).descriptor());
        let consumed = View::new(&pair.recv.own, |half| &*half.words().consumed);
        consumed.store(2, crate::sync::Ordering::Relaxed);
        assert!(pair.send.ring.has_room().unwrap());
        pair.send.ring.push(Head::message(3).descriptor());
        let answer = step(&mut pair.recv);
        assert!(matches!(answer, Err(Lost::Violation(Violation::Sequence { expected: 2, found: 6 }))), "{answer:?}");
    }
}
