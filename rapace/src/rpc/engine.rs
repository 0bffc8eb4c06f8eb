//! The protocol of calls without I/O: which calls are begun, which are being answered, and what a message means for them.
//! It sees heads and numbers, never payloads, clocks or locks.
//!
//! ```text
//! begun here      Begun ─sent─► Sent ─terminal─► (free)
//!                   │ unbegin     │ forget (the user has its end; a Cancel is owed) ─► Forgotten ─terminal─► (free)
//!                   └─► (free)    └ lost, goodbye ─► (free), with the truth of whether it may have run
//! received here   Queued ─start─► Running ─answer─► (free)
//!                   │ cancel        │ cancel ─► Cancelling ─answer─► (free)
//!                   └────► Owed ◄───┴─ owe (the terminal is to be sent when there is room) ─answer─► (free)
//! ```
//!
//! Every request gets exactly one terminal, also a cancelled one, and only the terminal frees the caller's entry; but those
//! beyond the receiver's goodbye get none, after which nothing is begun. So a number is never used again while an answer to
//! it can still come; its generation is a cross-check.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::call_id::{CallId, GENERATION_MAX, IN_FLIGHT_MAX, ONE_WAY, Side};
use super::streams::{EndKey, Flow, Over, Streams, Whose};
use super::unanswered::Unanswered;
use crate::error::Violation;

/// Names the waiting user of a call within this process.
pub(crate) type Ticket = u32;

/// The calls of one session, of both directions, and their streams. `I` is what an item of a stream is held as, `W` how
/// somebody who waits at a stream is woken.
#[derive(Debug)]
pub(crate) struct Engine<I, W> {
    side: Side,
    begun: Vec<Begun>,
    /// In place of `begun` after the peer's goodbye: so no call finds a place any more, and beginning one asks nothing.
    ending: Vec<Begun>,
    /// The place of `begun` that was freed last, or [`NO_PLACE`]; each free one names the next.
    free: u32,
    /// How many places are not free, also of `ending`.
    open: usize,
    /// How many calls the peer keeps at once.
    begun_max: u32,
    received: Vec<Received>,
    /// How many calls of the peer are kept at once.
    received_max: u32,
    pub(crate) streams: Streams<I, W>,
    pub(crate) one_ways: Unanswered,
}

/// Behind the last place that is free.
const NO_PLACE: u32 = u32::MAX;

/// How much one side keeps of the other's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeps {
    /// Calls.
    pub(crate) in_flight: u32,
    /// One-way calls.
    pub(crate) oneways: u32,
    /// Bytes of streams, beyond the share of each.
    pub(crate) stream_bytes: u64,
}

#[derive(Debug)]
struct Begun {
    generation: u16,
    /// Of one that is free: the next one that is.
    next_free: u32,
    state: BegunState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BegunState {
    Free,
    /// No message of it is complete yet.
    Begun(Ticket),
    /// It is the message of this number.
    Sent(Ticket, u64),
    /// Nobody waits for it any more. It is the message of this number.
    Forgotten(u64),
}

#[derive(Clone, Copy, Debug)]
struct Received {
    generation: u16,
    state: ReceivedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReceivedState {
    Free,
    Queued,
    Running,
    Cancelling,
    /// Its terminal is decided and waits for room; until it is sent, the number is in use.
    Owed,
}

/// What a cancel means for the call it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// It was not started, and will not be: its terminal is owed.
    Unstarted,
    /// Its handler is to be told.
    Running,
    /// It was answered before; the two messages crossed.
    Answered,
}

/// What the caller of a received call wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Answer,
    /// It has given the call up; the terminal says so and nothing else.
    Cancelled,
    /// It has its terminal, or is gone.
    Nothing,
}

/// What becomes of a call nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// The peer has it: a cancel is to be sent.
    CancelOwed,
    /// The peer knows nothing of it.
    Nothing,
}

impl<I, W> Engine<I, W> {
    /// `theirs` is what the peer keeps of this side's, `ours` what this side keeps of the peer's.
    pub(crate) fn new(side: Side, theirs: Keeps, ours: Keeps) -> Self {
        Self {
            side,
            begun: Vec::new(),
            ending: Vec::new(),
            free: NO_PLACE,
            open: 0,
            begun_max: theirs.in_flight.min(IN_FLIGHT_MAX),
            received: Vec::new(),
            received_max: ours.in_flight.min(IN_FLIGHT_MAX),
            streams: Streams::new(theirs.stream_bytes, ours.stream_bytes),
            one_ways: Unanswered::new(theirs.oneways, ours.oneways),
        }
    }

    /// How many calls of this side are not answered yet; not counted any more after a goodbye.
    #[inline]
    pub(crate) fn in_flight(&self) -> usize {
        if self.begun.is_empty() { 0 } else { self.open }
    }

    /// The same, also after a goodbye.
    #[inline(always)]
    pub(crate) fn under_way(&self) -> usize {
        self.open
    }

    /// How many calls of each side are not answered.
    #[cfg(test)]
    pub(crate) fn open_calls(&self) -> (usize, usize) {
        let received = self.received.iter().filter(|entry| entry.state != ReceivedState::Free);
        (self.in_flight(), received.count())
    }

    /// Begins a call; `None` when the peer keeps no more at once.
    #[inline]
    pub(crate) fn begin(&mut self, ticket: Ticket) -> Option<CallId> {
        self.begin_as(BegunState::Begun(ticket))
    }

    /// Begins a call whose request is message `number`, or is [not sent](Self::unbegin) at all.
    #[inline]
    pub(crate) fn begin_sent(&mut self, ticket: Ticket, number: u64) -> Option<CallId> {
        self.begin_as(BegunState::Sent(ticket, number))
    }

    #[inline]
    fn begin_as(&mut self, state: BegunState) -> Option<CallId> {
        if self.free == NO_PLACE {
            self.grow()?;
        }
        let index = self.free;
        // None after a goodbye.
        let entry = self.begun.get_mut(index as usize)?;
        self.free = entry.next_free;
        self.open = self.open.wrapping_add(1);
        entry.generation = entry.generation.wrapping_add(1) & GENERATION_MAX;
        entry.generation = entry.generation.max(1);
        entry.state = state;
        Some(CallId::new(self.side, index as u16, entry.generation))
    }

    /// Makes one more place, which is free.
    #[cold]
    fn grow(&mut self) -> Option<()> {
        if self.begun.len() as u64 >= u64::from(self.begun_max) {
            return None;
        }
        self.free = u32::try_from(self.begun.len()).ok()?;
        self.begun.push(Begun { generation: 0, next_free: NO_PLACE, state: BegunState::Free });
        Some(())
    }

    /// The place of a call that is over.
    #[inline(always)]
    fn free(&mut self, index: usize) {
        let place = match self.begun.get_mut(index) {
            Some(place) => place,
            None => match self.ending.get_mut(index) {
                Some(place) => place,
                None => return,
            },
        };
        place.state = BegunState::Free;
        place.next_free = self.free;
        self.free = index as u32;
        self.open = self.open.wrapping_sub(1);
    }

    /// The entry of a call of this side, if it is the one that the number means.
    #[inline]
    fn begun(&mut self, call: CallId) -> Option<&mut Begun> {
        let side = self.side;
        let entry = match self.begun.get_mut(call.index()) {
            Some(entry) => entry,
            None => self.ending.get_mut(call.index())?,
        };
        (call.is_of(side) && entry.generation == call.generation() && entry.state != BegunState::Free).then_some(entry)
    }

    /// Nothing of the call was sent whole, and nothing will be.
    pub(crate) fn unbegin(&mut self, call: CallId) {
        if self.begun(call).is_some() {
            self.free(call.index());
            self.end_streams(Whose::Begun, call, Over::CallFailed);
        }
    }

    fn whose(&self, call: CallId) -> Whose {
        if call.is_of(self.side) { Whose::Begun } else { Whose::Received }
    }

    /// Opens the streams of a call, before anything can come for them.
    pub(crate) fn open_streams(&mut self, call: CallId, flows: &[Flow]) {
        self.streams.open(self.whose(call), call, flows);
    }

    /// Gives the end of a call's stream on this side to a handle, once.
    pub(crate) fn hold_stream(&mut self, call: CallId, stream: u32) -> Option<EndKey> {
        self.streams.hold(self.whose(call), call, stream)
    }

    /// Whether there are calls with streams.
    #[inline]
    pub(crate) fn has_streams(&self) -> bool {
        self.streams.has_calls()
    }

    /// Whether a call waits for a reader on this side that never read.
    pub(crate) fn is_unread(&mut self, call: CallId) -> bool {
        self.streams.is_unread(call, true)
    }

    /// Whether there is a reader on this side that never read.
    pub(crate) fn may_be_unread(&mut self, call: CallId) -> bool {
        self.streams.is_unread(call, false)
    }

    #[inline]
    fn end_streams(&mut self, whose: Whose, call: CallId, over: Over) {
        if self.streams.has_calls() {
            self.streams.call_over(whose, call, over);
        }
    }

    /// The request of the call is message `number`.
    #[inline]
    pub(crate) fn sent(&mut self, call: CallId, number: u64) {
        if let Some(entry) = self.begun(call) {
            if let BegunState::Begun(ticket) = entry.state {
                entry.state = BegunState::Sent(ticket, number);
            }
        }
    }

    /// A terminal came, with a result or without. Who waits for it, if anybody still does.
    #[inline]
    pub(crate) fn handle_terminal(&mut self, call: CallId, has_result: bool) -> Result<Option<Ticket>, Violation> {
        let unknown = Violation::UnknownCall { call: call.0 };
        let entry = self.begun(call).ok_or(unknown)?;
        let ticket = match entry.state {
            BegunState::Sent(ticket, _) => Some(ticket),
            BegunState::Forgotten(_) => None,
            BegunState::Begun(_) | BegunState::Free => return Err(unknown),
        };
        self.free(call.index());
        self.end_streams(Whose::Begun, call, if has_result { Over::CallEnded } else { Over::CallFailed });
        Ok(ticket)
    }

    /// Whether a terminal of this call is the outcome that the ticket's user waits for.
    #[inline]
    pub(crate) fn is_awaited(&self, call: CallId, ticket: Ticket) -> bool {
        let entry = self.begun.get(call.index());
        entry.is_some_and(|entry| {
            entry.generation == call.generation() && matches!(entry.state, BegunState::Sent(of, _) if of == ticket)
        })
    }

    /// A terminal came of a call that [was awaited](Self::is_awaited).
    #[inline(always)]
    pub(crate) fn end_awaited(&mut self, call: CallId, has_result: bool) {
        self.free(call.index());
        self.end_streams(Whose::Begun, call, if has_result { Over::CallEnded } else { Over::CallFailed });
    }

    /// Nobody waits for the call any more.
    pub(crate) fn forget(&mut self, call: CallId) -> Forgotten {
        let Some(entry) = self.begun(call) else { return Forgotten::Nothing };
        if let BegunState::Sent(_, number) = entry.state {
            entry.state = BegunState::Forgotten(number);
            self.end_streams(Whose::Begun, call, Over::CallFailed);
            return Forgotten::CancelOwed;
        }
        self.unbegin(call);
        Forgotten::Nothing
    }

    /// The session is over, and the peer took out messages up to `consumed`. Who still waits, and whether the call may
    /// have run.
    pub(crate) fn handle_lost(&mut self, consumed: u64) -> Vec<(Ticket, bool)> {
        let ends = self.begun.iter().chain(&self.ending).filter_map(|entry| match entry.state {
            BegunState::Begun(ticket) => Some((ticket, false)),
            BegunState::Sent(ticket, number) => Some((ticket, number <= consumed)),
            BegunState::Free | BegunState::Forgotten(_) => None,
        });
        let ends = ends.collect();
        self.begun.clear();
        self.ending.clear();
        self.free = NO_PLACE;
        self.open = 0;
        self.received.clear();
        // Nothing more is begun or received.
        self.begun_max = 0;
        self.received_max = 0;
        self.one_ways.end_sending();
        self.streams.session_over();
        ends
    }

    /// Which call of which side a message of a stream is about; `None` when it crossed with the end of that call.
    fn streaming(&mut self, call: CallId) -> Result<Option<Whose>, Violation> {
        let unknown = Violation::UnknownCall { call: call.0 };
        if call.is_of(self.side) {
            return match self.begun(call).map(|entry| entry.state) {
                Some(BegunState::Sent(..)) => Ok(Some(Whose::Begun)),
                Some(BegunState::Forgotten(_)) => Ok(None),
                Some(BegunState::Begun(_) | BegunState::Free) | None => Err(unknown),
            };
        }
        // A number is used again only after its caller has the answer, so what crosses with that is of the last call.
        let entry = self.received.get(call.index()).filter(|entry| entry.generation == call.generation());
        let is_open = matches!(entry.ok_or(unknown)?.state, ReceivedState::Queued | ReceivedState::Running);
        Ok(is_open.then_some(Whose::Received))
    }

    /// An item of a stream came, of `len` bytes.
    pub(crate) fn handle_item(&mut self, call: CallId, stream: u32, len: usize, item: I) -> Result<(), Violation> {
        match self.streaming(call)? {
            Some(whose) => self.streams.handle_item((whose, call, stream), len, item),
            None => Ok(()),
        }
    }

    /// The other end of a stream has ended.
    pub(crate) fn handle_end(&mut self, call: CallId, stream: u32) -> Result<(), Violation> {
        match self.streaming(call)? {
            Some(whose) => self.streams.handle_end(whose, call, stream),
            None => Ok(()),
        }
    }

    /// Something was taken out of a stream, or, of no call, one-way calls were finished.
    pub(crate) fn handle_credit(&mut self, call: CallId, stream: u32, amount: u64) -> Result<(), Violation> {
        if call == ONE_WAY {
            return self.one_ways.handle_credit(amount);
        }
        match self.streaming(call)? {
            Some(whose) => self.streams.handle_credit(whose, call, stream, amount),
            None => Ok(()),
        }
    }

    /// A one-way call came.
    #[inline]
    pub(crate) fn handle_one_way(&mut self, call: CallId) -> Result<(), Violation> {
        if call == ONE_WAY { self.one_ways.handle() } else { Err(Violation::UnknownCall { call: call.0 }) }
    }

    /// The peer handles no request of this side that comes after message `last`, so none is begun any more. Who waits for
    /// one of those: none of them ran, and no terminal comes for them.
    pub(crate) fn handle_goodbye(&mut self, last: u64) -> Vec<Ticket> {
        self.ending = std::mem::take(&mut self.begun);
        self.free = NO_PLACE;
        self.begun_max = 0;
        let side = self.side;
        let unrun = (0..).zip(&self.ending).filter_map(|(index, entry)| {
            let (number, ticket) = match entry.state {
                BegunState::Sent(ticket, number) => (number, Some(ticket)),
                BegunState::Forgotten(number) => (number, None),
                BegunState::Begun(_) | BegunState::Free => return None,
            };
            (number > last).then(|| (CallId::new(side, index, entry.generation), ticket))
        });
        let unrun: Vec<_> = unrun.collect();
        unrun.iter().for_each(|(call, _)| self.unbegin(*call));
        unrun.into_iter().filter_map(|(_, ticket)| ticket).collect()
    }

    /// The calls of the peer whose terminal is not sent yet.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = CallId> + '_ {
        let is_open = |(_, entry): &(u16, &Received)| entry.state != ReceivedState::Free;
        let open = (0..).zip(&self.received).filter(is_open);
        open.map(|(index, entry)| CallId::new(self.side.other(), index, entry.generation))
    }

    /// A request came.
    #[inline]
    pub(crate) fn handle_request(&mut self, call: CallId) -> Result<(), Violation> {
        self.receive(call, ReceivedState::Queued)
    }

    /// A request came whose handler begins at once.
    #[inline(always)]
    pub(crate) fn start_request(&mut self, call: CallId) -> Result<(), Violation> {
        self.receive(call, ReceivedState::Running)
    }

    #[inline(always)]
    fn receive(&mut self, call: CallId, state: ReceivedState) -> Result<(), Violation> {
        if !call.is_of(self.side.other()) || call.generation() == 0 {
            return Err(Violation::UnknownCall { call: call.0 });
        }
        if call.index() >= self.received.len() {
            self.grow_received(call)?;
        }
        match self.received.get_mut(call.index()) {
            Some(entry) if entry.state == ReceivedState::Free => {
                *entry = Received { generation: call.generation(), state };
                Ok(())
            }
            _ => Err(Violation::CallReused { call: call.0 }),
        }
    }

    /// Makes a place for a call, if there may be one.
    #[cold]
    fn grow_received(&mut self, call: CallId) -> Result<(), Violation> {
        if call.index() as u64 >= u64::from(self.received_max) {
            return Err(Violation::InFlight { call: call.0, in_flight: self.received_max });
        }
        let free = Received { generation: 0, state: ReceivedState::Free };
        self.received.resize(call.index().saturating_add(1), free);
        Ok(())
    }

    #[inline]
    fn received(&mut self, call: CallId) -> Option<&mut Received> {
        let entry = self.received.get_mut(call.index())?;
        (entry.generation == call.generation() && entry.state != ReceivedState::Free).then_some(entry)
    }

    /// A cancel came.
    pub(crate) fn handle_cancel(&mut self, call: CallId) -> Result<Cancel, Violation> {
        if !call.is_of(self.side.other()) || call.index() as u64 >= u64::from(self.received_max) {
            return Err(Violation::UnknownCall { call: call.0 });
        }
        let cancel = self.cancel(call);
        // Also of one whose terminal is owed and not sent: its caller counts no more what the streams had on their way.
        if self.received(call).is_some() {
            self.end_streams(Whose::Received, call, Over::Cancelled);
        }
        Ok(cancel)
    }

    /// As [`handle_cancel`](Self::handle_cancel), of a call that this side does not let go on. Its caller has no word of that
    /// before the terminal.
    pub(crate) fn cut_short(&mut self, call: CallId) -> Cancel {
        let cancel = self.cancel(call);
        if cancel != Cancel::Answered {
            self.streams.cut_short(Whose::Received, call);
        }
        cancel
    }

    fn cancel(&mut self, call: CallId) -> Cancel {
        let Some(entry) = self.received(call) else { return Cancel::Answered };
        match entry.state {
            ReceivedState::Queued => {
                entry.state = ReceivedState::Owed;
                Cancel::Unstarted
            }
            ReceivedState::Owed | ReceivedState::Free => Cancel::Answered,
            ReceivedState::Running | ReceivedState::Cancelling => {
                entry.state = ReceivedState::Cancelling;
                Cancel::Running
            }
        }
    }

    /// The handler of a queued call begins.
    #[inline]
    pub(crate) fn start(&mut self, call: CallId) {
        if let Some(entry) = self.received(call).filter(|entry| entry.state == ReceivedState::Queued) {
            entry.state = ReceivedState::Running;
        }
    }

    /// Whether an answer to a call is still wanted.
    #[inline]
    pub(crate) fn wish(&mut self, call: CallId) -> Wish {
        match self.received(call) {
            None => Wish::Nothing,
            Some(entry) => match entry.state {
                ReceivedState::Cancelling => Wish::Cancelled,
                ReceivedState::Owed => Wish::Nothing,
                ReceivedState::Queued | ReceivedState::Running | ReceivedState::Free => Wish::Answer,
            },
        }
    }

    /// Whether a handler has a call that is not answered.
    pub(crate) fn is_handled(&self, call: CallId) -> bool {
        let entry = self.received.get(call.index()).filter(|entry| entry.generation == call.generation());
        entry.is_some_and(|entry| matches!(entry.state, ReceivedState::Running | ReceivedState::Cancelling))
    }

    /// The terminal of a call that is being handled and was not cancelled is sent. False of any other.
    #[inline]
    pub(crate) fn answer_running(&mut self, call: CallId) -> bool {
        match self.received(call) {
            Some(entry) if entry.state == ReceivedState::Running => {
                entry.state = ReceivedState::Free;
                self.end_streams(Whose::Received, call, Over::CallEnded);
                true
            }
            _ => false,
        }
    }

    /// The terminal of a call will be sent when there is room. True for the first one, which is the only one.
    pub(crate) fn owe(&mut self, call: CallId) -> bool {
        match self.received(call) {
            Some(entry) if entry.state != ReceivedState::Owed => {
                entry.state = ReceivedState::Owed;
                self.end_streams(Whose::Received, call, Over::CallEnded);
                true
            }
            _ => false,
        }
    }

    /// The terminal of a call is sent. True for the first one, which is the only one.
    #[inline]
    pub(crate) fn answer(&mut self, call: CallId) -> bool {
        match self.received(call) {
            Some(entry) => {
                entry.state = ReceivedState::Free;
                self.end_streams(Whose::Received, call, Over::CallEnded);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;

    type Numbers = Engine<u64, u32>;

    fn engines(in_flight: u32) -> (Numbers, Numbers) {
        let keeps = Keeps { in_flight, oneways: in_flight, stream_bytes: 0 };
        (Engine::new(Side::B, keeps, keeps), Engine::new(Side::A, keeps, keeps))
    }

    #[test]
    fn a_call_goes_there_and_back_and_its_number_is_not_used_again_before() {
        let (mut client, mut server) = engines(2);
        let first = client.begin(10).unwrap();
        let second = client.begin(11).unwrap();
        assert_eq!(client.begin(12), None, "the peer keeps two");
        client.sent(first, 1);
        client.sent(second, 2);
        server.handle_request(first).unwrap();
        server.handle_request(second).unwrap();
        server.start(first);
        assert!(server.answer(first) && !server.answer(first), "one terminal, and only one");
        assert_eq!(client.handle_terminal(first, true), Ok(Some(10)));
        assert_eq!(client.handle_terminal(first, true), Err(Violation::UnknownCall { call: first.0 }));
        let third = client.begin(12).unwrap();
        assert_ne!(first, third, "the same index, another generation");
        assert_eq!(server.handle_request(third), Ok(()));
    }

    #[test]
    fn only_the_ticket_of_a_call_that_was_sent_awaits_its_terminal() {
        let (mut client, mut server) = engines(1);
        let call = client.begin(7).unwrap();
        assert!(!client.is_awaited(call, 7), "not sent yet");
        client.sent(call, 1);
        assert!(client.is_awaited(call, 7) && !client.is_awaited(call, 8));
        server.start_request(call).unwrap();
        assert_eq!(server.handle_cancel(call), Ok(Cancel::Running));
        assert!(!server.answer_running(call), "cancelled: its terminal says so");
        assert!(server.answer(call) && !server.answer_running(call));
        client.end_awaited(call, true);
        assert!(!client.is_awaited(call, 7));
        let next = client.begin_sent(7, 2).unwrap();
        assert!(!client.is_awaited(call, 7) && client.is_awaited(next, 7), "the same index, another generation");
    }

    #[test]
    fn a_terminal_before_its_request_is_a_violation() {
        let (mut client, _) = engines(2);
        let call = client.begin(1).unwrap();
        assert_eq!(client.handle_terminal(call, true), Err(Violation::UnknownCall { call: call.0 }));
    }

    #[test]
    fn requests_of_the_wrong_side_beyond_the_limit_or_twice_are_violations() {
        let (mut client, mut server) = engines(1);
        assert!(matches!(server.handle_request(CallId(0)), Err(Violation::UnknownCall { .. })));
        let of_the_server = CallId::new(Side::A, 0, 1);
        assert!(matches!(server.handle_request(of_the_server), Err(Violation::UnknownCall { .. })));
        let beyond = CallId::new(Side::B, 1, 1);
        assert_eq!(server.handle_request(beyond), Err(Violation::InFlight { call: beyond.0, in_flight: 1 }));
        let call = client.begin(1).unwrap();
        server.handle_request(call).unwrap();
        assert_eq!(server.handle_request(call), Err(Violation::CallReused { call: call.0 }));
    }

    #[test]
    fn a_forgotten_call_still_holds_its_place_until_its_terminal() {
        let (mut client, mut server) = engines(1);
        let call = client.begin(1).unwrap();
        client.sent(call, 1);
        server.handle_request(call).unwrap();
        assert_eq!(client.forget(call), Forgotten::CancelOwed);
        assert_eq!(client.begin(2), None);
        assert_eq!(server.handle_cancel(call), Ok(Cancel::Unstarted));
        // Until its terminal is sent its number is in use, by nobody else and for nothing more.
        assert!(!server.owe(call) && server.wish(call) == Wish::Nothing);
        assert_eq!(server.handle_cancel(call), Ok(Cancel::Answered));
        assert_eq!(server.handle_request(call), Err(Violation::CallReused { call: call.0 }));
        assert!(server.answer(call));
        assert_eq!(client.handle_terminal(call, true), Ok(None));
        assert!(client.begin(2).is_some());
    }

    #[test]
    fn a_cancel_of_a_running_call_tells_its_handler_and_one_that_crossed_the_answer_nobody() {
        let (mut client, mut server) = engines(1);
        let call = client.begin(1).unwrap();
        client.sent(call, 1);
        server.handle_request(call).unwrap();
        server.start(call);
        assert_eq!(server.wish(call), Wish::Answer);
        assert_eq!(server.handle_cancel(call), Ok(Cancel::Running));
        assert_eq!(server.wish(call), Wish::Cancelled);
        assert!(server.answer(call));
        assert_eq!(server.wish(call), Wish::Nothing);
        assert_eq!(server.handle_cancel(call), Ok(Cancel::Answered));
    }

    #[test]
    fn at_the_end_each_waiting_call_learns_whether_it_may_have_run() {
        let (mut client, _) = engines(8);
        let calls: Vec<_> = (0..4).map(|ticket| client.begin(ticket).unwrap()).collect();
        client.sent(calls[0], 1);
        client.sent(calls[1], 2);
        client.sent(calls[2], 3);
        client.forget(calls[1]);
        assert_eq!(client.handle_lost(2), [(0, true), (2, false), (3, false)]);
        assert_eq!(client.begin(9), None);
        assert_eq!(client.handle_lost(9), []);
    }

    #[test]
    fn a_goodbye_ends_what_lies_beyond_it_and_nothing_else() {
        let (mut client, mut server) = engines(8);
        let calls: Vec<_> = (0..4).map(|ticket| client.begin(ticket).unwrap()).collect();
        client.sent(calls[0], 5);
        client.sent(calls[1], 6);
        client.sent(calls[2], 9);
        server.handle_request(calls[0]).unwrap();
        server.handle_request(calls[1]).unwrap();
        assert!(server.answer(calls[1]));
        assert_eq!(server.unanswered().collect::<Vec<_>>(), calls[..1]);
        assert_eq!(client.handle_goodbye(6), [2], "the one that is not sent has its own end");
        assert_eq!(client.handle_terminal(calls[0], true), Ok(Some(0)));
        assert_eq!(client.handle_terminal(calls[2], true), Err(Violation::UnknownCall { call: calls[2].0 }));
        assert_eq!(client.begin(9), None, "though places are free");
        assert_eq!(client.handle_lost(9), [(1, true), (3, false)]);
    }

    #[test]
    fn a_number_comes_again_only_when_all_generations_of_its_place_were_used() {
        let (mut client, _) = engines(1);
        let mut call = || {
            let call = client.begin_sent(1, 1).unwrap();
            assert_eq!(client.handle_terminal(call, true), Ok(Some(1)));
            call
        };
        let calls: Vec<_> = (0..GENERATION_MAX).map(|_| call()).collect();
        assert_eq!(calls.iter().collect::<std::collections::HashSet<_>>().len(), calls.len());
        // No generation is zero, so no call is taken for none.
        assert!(calls.iter().all(|call| call.is_of(Side::B) && call.index() == 0 && call.generation() > 0));
        assert_eq!(call(), calls[0]);
    }

    #[test]
    fn a_terminal_of_another_generation_side_or_place_is_a_violation_and_ends_nothing() {
        let (mut client, _) = engines(2);
        let call = client.begin_sent(7, 1).unwrap();
        let next = call.generation() + 1;
        let lies = [CallId::new(Side::B, 0, next), CallId::new(Side::A, 0, 1), CallId::new(Side::B, 1, 1)];
        for lie in lies {
            assert_eq!(client.handle_terminal(lie, true), Err(Violation::UnknownCall { call: lie.0 }));
            assert!(client.is_awaited(call, 7));
        }
        assert_eq!(client.in_flight(), 1);
        assert_eq!(client.handle_terminal(call, true), Ok(Some(7)));
        assert_eq!(client.in_flight(), 0);
    }

    #[test]
    fn a_call_is_handled_from_its_start_to_its_answer() {
        let (mut client, mut server) = engines(2);
        let (call, other) = (client.begin_sent(1, 1).unwrap(), client.begin_sent(2, 2).unwrap());
        server.handle_request(call).unwrap();
        assert!(!server.is_handled(call), "it waits for its handler");
        server.start(call);
        assert!(server.is_handled(call) && !server.is_handled(other));
        assert!(!server.is_handled(CallId::new(Side::B, 0, call.generation() + 1)));
        assert!(server.answer_running(call));
        assert!(!server.is_handled(call) && !server.answer_running(call));
        server.start_request(other).unwrap();
        assert_eq!(server.handle_cancel(other), Ok(Cancel::Running));
        assert!(server.is_handled(other), "it is told, and still runs");
        assert!(server.owe(other) && !server.owe(other), "one terminal, and only one");
        assert!(!server.is_handled(other) && server.answer(other));
    }

    #[test]
    fn a_cancel_of_the_wrong_side_or_beyond_the_limit_is_a_violation() {
        let (_, mut server) = engines(2);
        for lie in [CallId::new(Side::A, 0, 1), CallId::new(Side::B, 2, 1)] {
            assert_eq!(server.handle_cancel(lie), Err(Violation::UnknownCall { call: lie.0 }));
        }
        assert_eq!(server.handle_cancel(CallId::new(Side::B, 1, 1)), Ok(Cancel::Answered));
    }

    #[test]
    fn one_way_calls_count_until_their_end_is_told_which_it_is_after_a_quarter() {
        let (mut client, mut server) = engines(8);
        for left in (0..8).rev() {
            assert!(client.one_ways.may_send());
            client.one_ways.sent();
            assert_eq!(server.handle_one_way(ONE_WAY), Ok(()));
            assert_eq!(server.one_ways.left(), left);
        }
        assert!(!client.one_ways.may_send() && server.one_ways.are_here());
        assert!(!server.one_ways.finish());
        assert_eq!((server.one_ways.untold(), server.one_ways.left()), (None, 0), "not told yet, so it still counts");
        assert!(server.one_ways.finish());
        assert_eq!((server.one_ways.untold(), server.one_ways.left()), (Some(2), 0));
        server.one_ways.told();
        assert_eq!((server.one_ways.untold(), server.one_ways.left()), (None, 2));
        client.handle_credit(ONE_WAY, 0, 2).unwrap();
        for _ in 0..2 {
            assert!(client.one_ways.may_send());
            client.one_ways.sent();
        }
        assert!(!client.one_ways.may_send());
        for _ in 0..6 {
            assert!(server.one_ways.are_here());
            server.one_ways.finish();
        }
        assert!(!server.one_ways.are_here());
    }

    #[test]
    fn one_way_calls_beyond_the_limit_or_with_a_number_are_violations_and_so_are_ends_of_none() {
        let (mut client, mut server) = engines(2);
        let call = CallId::new(Side::B, 0, 1);
        assert_eq!(server.handle_one_way(call), Err(Violation::UnknownCall { call: call.0 }));
        server.handle_one_way(ONE_WAY).unwrap();
        server.handle_one_way(ONE_WAY).unwrap();
        assert_eq!(server.handle_one_way(ONE_WAY), Err(Violation::OneWays { count: 3, max: 2 }));
        client.one_ways.sent();
        for count in [0, 2, u64::MAX] {
            assert_eq!(client.handle_credit(ONE_WAY, 0, count), Err(Violation::OneWays { count, max: 2 }));
        }
        assert_eq!(client.handle_credit(ONE_WAY, 0, 1), Ok(()));
    }

    /// A call that runs, with a stream to its server and one to its caller; and their ends.
    fn streaming() -> (Numbers, Numbers, CallId, [EndKey; 2], [EndKey; 2]) {
        let (mut client, mut server) = engines(1);
        assert!(!client.has_streams());
        let call = client.begin(1).unwrap();
        let flows = [Flow::ToServer, Flow::ToCaller];
        client.open_streams(call, &flows);
        assert!(client.has_streams());
        let early = client.handle_item(call, 1, 1, 0);
        assert_eq!(early, Err(Violation::UnknownCall { call: call.0 }), "an item before the request was sent");
        client.sent(call, 1);
        server.start_request(call).unwrap();
        server.open_streams(call, &flows);
        let at_client = [0, 1].map(|stream| client.hold_stream(call, stream).unwrap());
        let at_server = [0, 1].map(|stream| server.hold_stream(call, stream).unwrap());
        (client, server, call, at_client, at_server)
    }

    #[test]
    fn what_comes_for_a_stream_gets_to_its_end() {
        let (mut client, mut server, call, [tx, rx], [server_rx, server_tx]) = streaming();
        for (engine, stream, end) in [(&mut client, 1, rx), (&mut server, 0, server_rx)] {
            engine.handle_item(call, stream, 8, 5).unwrap();
            let mut out = std::collections::VecDeque::new();
            assert_eq!(engine.streams.take(end, &mut out), Ok(true));
            assert_eq!(out, [5]);
            engine.handle_end(call, stream).unwrap();
            assert_eq!(engine.streams.take(end, &mut out), Err(Over::Finished));
        }
        for (engine, stream, end) in [(&mut client, 0, tx), (&mut server, 1, server_tx)] {
            assert!(engine.streams.put(end, 100_000) && !engine.streams.put(end, 300_000));
            engine.handle_credit(call, stream, 100_000).unwrap();
            assert!(engine.streams.put(end, 300_000), "it was taken out");
            engine.handle_end(call, stream).unwrap();
            assert_eq!(engine.streams.sends(end), Err(Over::Dropped));
        }
    }

    #[test]
    fn what_comes_for_a_stream_of_another_call_is_a_violation_and_what_crosses_the_calls_end_is_nothing() {
        let (mut client, mut server, call, ..) = streaming();
        for side in [Side::A, Side::B] {
            let lie = CallId::new(side, 0, call.generation() + 1);
            let unknown = Err(Violation::UnknownCall { call: lie.0 });
            for engine in [&mut client, &mut server] {
                assert_eq!(engine.handle_item(lie, 0, 8, 5), unknown);
                assert_eq!(engine.handle_end(lie, 0), unknown);
                assert_eq!(engine.handle_credit(lie, 0, 1), unknown);
            }
        }
        assert!(server.answer_running(call));
        assert!(!server.has_streams());
        // Neither is there such a stream, nor was any credit given.
        assert_eq!(server.handle_item(call, 7, 1 << 30, 5), Ok(()));
        assert_eq!(client.forget(call), Forgotten::CancelOwed);
        assert_eq!(client.handle_item(call, 7, 1 << 30, 5), Ok(()));
    }

    #[test]
    fn a_reader_that_never_read_is_known_and_whether_its_writer_waits() {
        let (mut client, _, call, [_, rx], _) = streaming();
        assert!(client.may_be_unread(call) && !client.is_unread(call), "nothing waits for it");
        client.handle_credit(call, 1, 0).unwrap();
        assert!(client.is_unread(call), "its writer said that it waits");
        let mut out = std::collections::VecDeque::new();
        assert_eq!(client.streams.take(rx, &mut out), Ok(false));
        assert!(!client.may_be_unread(call) && !client.is_unread(call));
    }

    #[test]
    fn the_streams_of_a_call_that_is_cancelled_or_cut_short_end() {
        type Ends = fn(&mut Numbers, CallId) -> Cancel;
        for ends in
            [(|server, call| server.handle_cancel(call).unwrap()) as Ends, |server, call| server.cut_short(call)]
        {
            let (_, mut server, call, _, [rx, tx]) = streaming();
            assert_eq!(ends(&mut server, call), Cancel::Running);
            assert_eq!(server.streams.sends(tx), Err(Over::Cancelled));
            assert_eq!(server.streams.take(rx, &mut std::collections::VecDeque::new()), Err(Over::Cancelled));
        }
    }
}
