//! The streams of calls without I/O: both ends of each as far as they lie on this side, what came and was not read, and
//! what the other side is to be told. A part of the [engine](super::engine).
//!
//! ```text
//! sending end     open ─finish─► Finished          (an End is owed)
//!                   ├─End of the reader─► Dropped
//!                   └─the call ends─► CallEnded, CallFailed, Cancelled; the session: SessionEnded
//! receiving end   open ─End of the writer─► Finished, after what came before it was read
//!                   ├─drop─► Dropped               (an End is owed; what still comes is ignored)
//!                   └─the call ends, the session: as above, after what came before was read
//! ```
//!
//! An end exists as long as its handle or its call does: the call finds it by the stream's number, the handle by its key.
//! At most one credit and one End of each stream are owed at a time, so that what waits for room is bounded.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod end;

use std::collections::VecDeque;

use super::call_id::CallId;
use super::credit::{self, Pool};
use crate::error::Violation;
use crate::layout::INLINE_MAX;
use end::{End, Waits, Way};

/// Which way the items of a stream go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The server sends them: the argument is a `Tx`.
    ToCaller,
    /// The caller sends them: the argument is an `Rx`.
    ToServer,
}

/// Which side began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Begun,
    Received,
}

/// Names an end on this side, from its opening to when it is neither held nor of a call any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndKey(u32);

/// Why nothing more is sent or comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The writer sent all it had.
    Finished,
    /// The reader reads no more.
    Dropped,
    /// The call was answered.
    CallEnded,
    /// The call ended without a result.
    CallFailed,
    /// The caller cancelled the call.
    Cancelled,
    SessionEnded,
}

/// What the other side is to be told of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// That so much was taken out.
    Credit { call: CallId, stream: u32, taken: u64 },
    /// That the writer waits for the reader: it has more to send than it may.
    Waits { call: CallId, stream: u32 },
    /// That nothing more is sent, or read.
    End { call: CallId, stream: u32 },
}

/// All streams of a session. `I` is what an item is held as, `W` how somebody is woken.
#[derive(Debug)]
pub(crate) struct Streams<I, W> {
    ends: Vec<Option<End<I, W>>>,
    free: Vec<u32>,
    /// The ends of each call, by its index.
    begun: Vec<Box<[EndKey]>>,
    received: Vec<Box<[EndKey]>>,
    /// How many calls have streams.
    calls: usize,
    /// How many streams of calls come in.
    coming: usize,
    outgoing: Pool,
    incoming: Pool,
    /// Ends of which there is something to tell, each once.
    notices: VecDeque<EndKey>,
    /// Who is to be woken once the lock is released.
    pub(crate) woken: Vec<W>,
    /// Something changed at ends of which no message told, since this was last looked at.
    pub(crate) has_changed: bool,
}

impl<I, W> Streams<I, W> {
    /// `theirs` and `ours` are the limits `stream_bytes` of both sides.
    pub(crate) fn new(theirs: u64, ours: u64) -> Self {
        Self {
            ends: Vec::new(),
            free: Vec::new(),
            begun: Vec::new(),
            received: Vec::new(),
            calls: 0,
            coming: 0,
            outgoing: Pool::new(theirs),
            incoming: Pool::new(ours),
            notices: VecDeque::new(),
            woken: Vec::new(),
            has_changed: false,
        }
    }

    /// Whether there are calls with streams.
    #[inline]
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// Opens the ends of a call that lie on this side.
    pub(super) fn open(&mut self, whose: Whose, call: CallId, flows: &[Flow]) {
        if flows.is_empty() {
            return;
        }
        let keys = (0..).zip(flows).map(|(stream, flow)| {
            let sends = (*flow == Flow::ToServer) == (whose == Whose::Begun);
            let way = if sends { Way::Sending } else { Way::Receiving { items: VecDeque::new(), untold: 0 } };
            self.coming = self.coming.saturating_add(usize::from(!sends));
            self.insert(End::open(call, stream, way))
        });
        let keys = keys.collect();
        let calls = self.of(whose);
        if call.index() >= calls.len() {
            calls.resize_with(call.index().saturating_add(1), Box::default);
        }
        if let Some(place) = calls.get_mut(call.index()) {
            *place = keys;
            self.calls = self.calls.saturating_add(1);
        }
    }

    fn insert(&mut self, end: End<I, W>) -> EndKey {
        match self.free.pop() {
            Some(key) => {
                if let Some(place) = self.ends.get_mut(key as usize) {
                    *place = Some(end);
                }
                EndKey(key)
            }
            None => {
                self.ends.push(Some(end));
                EndKey(self.ends.len().saturating_sub(1) as u32)
            }
        }
    }

    fn of(&mut self, whose: Whose) -> &mut Vec<Box<[EndKey]>> {
        match whose {
            Whose::Begun => &mut self.begun,
            Whose::Received => &mut self.received,
        }
    }

    /// Gives the end of a call's stream to a handle; `None` when the call has no such stream, or no more.
    pub(super) fn hold(&mut self, whose: Whose, call: CallId, stream: u32) -> Option<EndKey> {
        let key = *self.of(whose).get(call.index())?.get(stream as usize)?;
        let end = self.end(key)?;
        (!std::mem::replace(&mut end.held, true)).then_some(key)
    }

    fn end(&mut self, key: EndKey) -> Option<&mut End<I, W>> {
        self.ends.get_mut(key.0 as usize)?.as_mut()
    }

    /// The end that a message of the other side means. The engine has looked at the call.
    fn meant(&mut self, whose: Whose, call: CallId, stream: u32) -> Result<(EndKey, &mut End<I, W>), Violation> {
        let unknown = Violation::UnknownStream { call: call.0, stream };
        let key = self.of(whose).get(call.index()).and_then(|keys| keys.get(stream as usize)).copied();
        let key = key.ok_or(unknown)?;
        self.end(key).map(|end| (key, end)).ok_or(unknown)
    }

    /// An item came.
    pub(super) fn handle_item(
        &mut self,
        (whose, call, stream): (Whose, CallId, u32),
        len: usize,
        item: I,
    ) -> Result<(), Violation> {
        let (key, _) = self.meant(whose, call, stream)?;
        let Self { ends, incoming, woken, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return Ok(()) };
        let Way::Receiving { items, .. } = &mut end.way else {
            return Err(Violation::UnknownStream { call: call.0, stream });
        };
        match end.over {
            None => {}
            Some(Over::Finished) => return Err(Violation::StreamEnded { call: call.0, stream }),
            // The two messages crossed.
            Some(_) => return Ok(()),
        }
        let cost = credit::cost(len);
        if !incoming.put(&mut end.out, cost) {
            return Err(Violation::Credit { call: call.0, stream, amount: cost });
        }
        items.push_back((cost, item));
        end.waits = Waits::No;
        woken.extend(end.waker.take());
        Ok(())
    }

    /// The other side has ended its end.
    pub(super) fn handle_end(&mut self, whose: Whose, call: CallId, stream: u32) -> Result<(), Violation> {
        let (key, end) = self.meant(whose, call, stream)?;
        let over = match end.way {
            Way::Sending => Over::Dropped,
            Way::Receiving { .. } => Over::Finished,
        };
        if end.over == Some(over) && over == Over::Finished {
            return Err(Violation::StreamEnded { call: call.0, stream });
        }
        let is_first = end.over.is_none();
        if is_first {
            end.over = Some(over);
        }
        if over == Over::Dropped {
            self.settle(key);
        }
        if is_first {
            self.wake(key);
        }
        Ok(())
    }

    /// The reader of a stream took something out, or its writer waits for that.
    pub(super) fn handle_credit(
        &mut self,
        whose: Whose,
        call: CallId,
        stream: u32,
        taken: u64,
    ) -> Result<(), Violation> {
        let lie = Violation::Credit { call: call.0, stream, amount: taken };
        let (key, _) = self.meant(whose, call, stream)?;
        let Self { ends, outgoing, woken, notices, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return Ok(()) };
        match (&end.way, end.over) {
            (Way::Receiving { untold, .. }, _) if taken == 0 => {
                end.waits = Waits::Told;
                if *untold > 0 && !std::mem::replace(&mut end.queued, true) {
                    notices.push_back(key);
                }
                self.tell_all();
                return Ok(());
            }
            (Way::Receiving { .. }, _) => return Err(lie),
            (Way::Sending, None | Some(Over::Finished)) => {}
            (Way::Sending, Some(_)) => return Ok(()),
        }
        if taken == 0 || !outgoing.take(&mut end.out, taken) {
            return Err(lie);
        }
        woken.extend(end.waker.take());
        self.wake_refused();
        Ok(())
    }

    /// A writer waits, maybe for what another stream keeps since it was the only one.
    fn tell_all(&mut self) {
        for (key, end) in (0..).zip(&mut self.ends) {
            let Some(End { way: Way::Receiving { untold, .. }, queued, .. }) = end else { continue };
            if credit::is_worth_telling(*untold) && !std::mem::replace(queued, true) {
                self.notices.push_back(EndKey(key));
            }
        }
    }

    /// Whether anything can still be sent.
    pub(crate) fn sends(&mut self, key: EndKey) -> Result<(CallId, u32), Over> {
        match self.end(key) {
            Some(End { over: None, call, stream, .. }) => Ok((*call, *stream)),
            Some(End { over: Some(over), .. }) => Err(*over),
            None => Err(Over::CallEnded),
        }
    }

    /// Whether an item could be [put](Self::put) on its way now.
    #[inline]
    pub(crate) fn may_put(&mut self, key: EndKey, len: usize) -> bool {
        let Self { ends, outgoing, .. } = self;
        let end = ends.get_mut(key.0 as usize).and_then(Option::as_mut);
        end.is_some_and(|end| {
            let cost = credit::cost(len);
            outgoing.put(&mut end.out, cost) && outgoing.take(&mut end.out, cost)
        })
    }

    /// Whether a writer of the other side said that it waits, for credit of its own stream or for what another one keeps.
    pub(crate) fn has_waiting_writer(&self) -> bool {
        let waits = |end: &End<I, W>| matches!(end.way, Way::Receiving { .. }) && end.waits == Waits::Told;
        self.ends.iter().flatten().any(waits)
    }

    /// Puts an item on its way; false when the reader has to take something out first, of which it is to be told.
    pub(crate) fn put(&mut self, key: EndKey, len: usize) -> bool {
        let Self { ends, outgoing, notices, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return false };
        let may = outgoing.put(&mut end.out, credit::cost(len));
        if may {
            if std::mem::take(&mut end.waits) == Waits::Owed && !end.owes_end {
                end.queued = false;
                notices.retain(|queued| *queued != key);
            }
        } else if end.waits == Waits::No {
            end.waits = Waits::Owed;
            if !std::mem::replace(&mut end.queued, true) {
                notices.push_back(key);
            }
        }
        may
    }

    /// As [`sends`](Self::sends) and [`put`](Self::put) in one step, if nobody is to be told of anything; else nothing is done.
    #[inline]
    pub(crate) fn put_at_once(&mut self, key: EndKey, len: usize) -> Option<(CallId, u32)> {
        let Self { ends, outgoing, .. } = self;
        let end = ends.get_mut(key.0 as usize)?.as_mut()?;
        let may = end.over.is_none() && end.waits == Waits::No && outgoing.put(&mut end.out, credit::cost(len));
        may.then_some((end.call, end.stream))
    }

    /// Takes out some of what came, to `out`: true when there was something. Why nothing more comes, when all is read.
    pub(crate) fn take(&mut self, key: EndKey, out: &mut VecDeque<I>) -> Result<bool, Over> {
        let Self { ends, incoming, notices, coming, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return Err(Over::CallEnded) };
        let Way::Receiving { items, untold } = &mut end.way else { return Err(Over::CallEnded) };
        end.was_read = true;
        let mut taken: u64 = 0;
        // Not all at once: what was taken out is the reader's, and no longer counted.
        while !credit::is_worth_telling(taken) {
            let Some((cost, item)) = items.pop_front() else { break };
            taken = taken.saturating_add(cost);
            out.push_back(item);
        }
        if taken == 0 {
            return end.over.map_or(Ok(false), Err);
        }
        if end.of_call {
            *untold = untold.saturating_add(taken);
            // A writer that waits may have little on its way, and need all of it back.
            let is_due = end.waits == Waits::Told || incoming.is_due(*untold, *coming);
            if is_due && !std::mem::replace(&mut end.queued, true) {
                notices.push_back(key);
            }
        }
        Ok(true)
    }

    /// As [`handle_item`](Self::handle_item) and [`take`](Self::take) in one step, of items of this very end, which its descriptor
    /// carries: each that `take_next` finds to come next, some at once, until credit for them is due. False when there is none.
    #[inline(always)]
    pub(crate) fn pass(&mut self, key: EndKey, mut take_next: impl FnMut(CallId, u32) -> bool) -> bool {
        let Self { ends, incoming, notices, coming, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return false };
        let Way::Receiving { items, untold } = &mut end.way else { return false };
        // The end of its call on either side, whatever the engine knows of that, is an end of this.
        let is_open = end.of_call && end.over.is_none();
        if !is_open || !items.is_empty() || end.waker.is_some() || !notices.is_empty() {
            return false;
        }
        let cost = credit::cost(INLINE_MAX);
        let mut taken: usize = 0;
        while taken < credit::AT_ONCE && incoming.put(&mut end.out, cost) {
            if !take_next(end.call, end.stream) {
                incoming.take(&mut end.out, cost);
                break;
            }
            taken = taken.saturating_add(1);
            *untold = untold.saturating_add(cost);
            if incoming.is_due(*untold, *coming) {
                notices.extend((!std::mem::replace(&mut end.queued, true)).then_some(key));
                break;
            }
        }
        if taken > 0 {
            end.waits = Waits::No;
        }
        taken > 0
    }

    /// Who waits for a change of an end. What that replaces comes out, to be dropped where foreign code may run.
    pub(crate) fn wait(&mut self, key: EndKey, waker: W) -> Option<W> {
        match self.end(key) {
            Some(end) => end.waker.replace(waker),
            None => Some(waker),
        }
    }

    /// The handle of an end is gone. `tells` is false when the other side learns it by the end of the call.
    pub(crate) fn release(&mut self, key: EndKey, tells: bool) {
        let Some(end) = self.end(key) else { return };
        end.held = false;
        if let (Some(Over::Finished), Way::Receiving { items, untold }) = (end.over, &mut end.way) {
            // Nobody reads what came before the writer's end, and it is to weigh on neither side for as long as the call takes.
            items.clear();
            *untold = end.out;
            if credit::is_worth_telling(*untold) && !std::mem::replace(&mut end.queued, true) {
                self.notices.push_back(key);
            }
        } else if end.over.is_none() {
            let sends = matches!(end.way, Way::Sending);
            end.over = Some(if sends { Over::Finished } else { Over::Dropped });
            end.owes_end = tells;
            if tells && !std::mem::replace(&mut end.queued, true) {
                self.notices.push_back(key);
            }
            if !sends {
                self.settle(key);
            }
        }
        self.free_if_unused(key);
    }

    /// What the end has on its way counts no more, and what came and was not read goes.
    fn settle(&mut self, key: EndKey) {
        let Self { ends, outgoing, incoming, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return };
        let out = end.out;
        match &mut end.way {
            Way::Sending => {
                outgoing.take(&mut end.out, out);
                self.wake_refused();
            }
            Way::Receiving { items, untold } => {
                *untold = 0;
                if !end.held {
                    items.clear();
                }
                incoming.take(&mut end.out, out);
            }
        }
    }

    /// Something on its way counts no more: who was refused for it tries again, whichever stream it was of.
    fn wake_refused(&mut self) {
        if self.outgoing.has_refused() {
            let sends = |end: &&mut End<I, W>| matches!(end.way, Way::Sending);
            self.woken.extend(self.ends.iter_mut().flatten().filter(sends).filter_map(|end| end.waker.take()));
            self.has_changed = true;
        }
    }

    fn wake(&mut self, key: EndKey) {
        let waker = self.end(key).and_then(|end| end.waker.take());
        self.woken.extend(waker);
    }

    fn free_if_unused(&mut self, key: EndKey) {
        if self.end(key).is_some_and(|end| !end.held && !end.of_call) {
            let place = self.ends.get_mut(key.0 as usize).and_then(Option::take);
            if let Some(end) = place {
                if end.queued {
                    self.notices.retain(|queued| *queued != key);
                }
                self.woken.extend(end.waker);
                self.free.push(key.0);
            }
        }
    }

    /// A call is over: its streams end, and the other side needs no word of them any more.
    pub(super) fn call_over(&mut self, whose: Whose, call: CallId, over: Over) {
        let keys = self.of(whose).get_mut(call.index()).map(std::mem::take).unwrap_or_default();
        if keys.is_empty() {
            return;
        }
        self.calls = self.calls.saturating_sub(1);
        self.has_changed = true;
        for key in keys {
            self.settle(key);
            let Self { ends, coming, .. } = self;
            let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { continue };
            end.of_call = false;
            *coming = coming.saturating_sub(usize::from(matches!(end.way, Way::Receiving { .. })));
            let is_first = end.over.is_none();
            if is_first {
                // The result comes after the last item, so it says that there are no more; for a server that answered the
                // call it is not so.
                let is_last = whose == Whose::Begun && matches!(end.way, Way::Receiving { .. });
                end.over = Some(if is_last && over == Over::CallEnded { Over::Finished } else { over });
            }
            if std::mem::take(&mut end.queued) {
                self.notices.retain(|queued| *queued != key);
            }
            if is_first {
                self.wake(key);
            }
            self.free_if_unused(key);
        }
    }

    /// A call ends on this side, of which the other one has no word yet: so what its streams have on their way counts until the
    /// [call is over](Self::call_over).
    pub(super) fn cut_short(&mut self, whose: Whose, call: CallId) {
        for key in self.of(whose).get(call.index()).cloned().unwrap_or_default() {
            if let Some(end @ End { over: None, .. }) = self.end(key) {
                end.over = Some(Over::Cancelled);
                self.wake(key);
                self.has_changed = true;
            }
        }
    }

    /// The session is over. What came before is still read.
    pub(super) fn session_over(&mut self) {
        for whose in [Whose::Begun, Whose::Received] {
            let calls = std::mem::take(self.of(whose));
            for key in calls.iter().flatten() {
                if let Some(end) = self.end(*key) {
                    end.of_call = false;
                    end.queued = false;
                    end.over = Some(end.over.unwrap_or(Over::SessionEnded));
                }
                self.wake(*key);
                self.free_if_unused(*key);
            }
        }
        self.calls = 0;
        self.coming = 0;
        self.notices.clear();
    }

    /// What the other side is to be told next. It is owed until it was [told](Self::told).
    pub(crate) fn notice(&mut self) -> Option<Notice> {
        let key = *self.notices.front()?;
        let end = self.end(key)?;
        let (call, stream) = (end.call, end.stream);
        Some(match &end.way {
            _ if end.owes_end => Notice::End { call, stream },
            Way::Receiving { untold, .. } => Notice::Credit { call, stream, taken: *untold },
            Way::Sending => Notice::Waits { call, stream },
        })
    }

    /// The first notice was sent.
    pub(crate) fn told(&mut self) {
        let Some(key) = self.notices.pop_front() else { return };
        let Self { ends, incoming, .. } = self;
        let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) else { return };
        end.queued = false;
        match &mut end.way {
            _ if std::mem::take(&mut end.owes_end) => {}
            Way::Receiving { untold, .. } => {
                incoming.take(&mut end.out, std::mem::take(untold));
            }
            Way::Sending => end.waits = Waits::Told,
        }
    }

    /// Whether the other side is to be told something.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        !self.notices.is_empty()
    }

    /// Who waits at an end.
    #[cfg(feature = "tokio")]
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &W> {
        self.ends.iter().flatten().filter_map(|end| end.waker.as_ref())
    }

    /// An item that was [put](Self::put) on its way is not sent after all.
    pub(crate) fn unput(&mut self, key: EndKey, len: usize) {
        let Self { ends, outgoing, .. } = self;
        if let Some(end) = ends.get_mut(key.0 as usize).and_then(Option::as_mut) {
            let cost = credit::cost(len).min(end.out);
            outgoing.take(&mut end.out, cost);
            self.wake_refused();
        }
    }

    /// Whether a begun call has a reader here that never read; with `stuck` only one for which its writer waits.
    pub(super) fn is_unread(&mut self, call: CallId, stuck: bool) -> bool {
        let keys = self.begun.get(call.index()).cloned().unwrap_or_default();
        keys.iter().any(|key| {
            self.end(*key).is_some_and(|end| {
                let reads = matches!(end.way, Way::Receiving { .. });
                let never_read = end.held && !end.was_read && end.over.is_none();
                reads && never_read && (!stuck || end.waits == Waits::Told)
            })
        })
    }

    /// Ends that are held or of a call.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn len(&self) -> usize {
        self.ends.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;

    const CALL: CallId = CallId(1 << 16);
    const LARGE: usize = 100_000;

    /// Two streams to the other side, of which the second one waits for what the first one keeps.
    fn refused() -> (Streams<(), &'static str>, EndKey) {
        let mut streams = Streams::new(0, 0);
        streams.open(Whose::Begun, CALL, &[Flow::ToServer, Flow::ToServer]);
        let [keeps, waits] = [0, 1].map(|stream| streams.hold(Whose::Begun, CALL, stream).unwrap());
        assert!(streams.put(keeps, LARGE) && !streams.put(waits, LARGE));
        assert!(streams.wait(waits, "the second").is_none());
        (streams, keeps)
    }

    /// Has a descriptor of this name pass, if one of it may.
    fn pass_one(streams: &mut Streams<(), &'static str>, end: EndKey, name: (CallId, u32)) -> bool {
        let mut is_there = true;
        streams.pass(end, |call, stream| std::mem::take(&mut is_there) && (call, stream) == name)
    }

    #[test]
    fn who_was_refused_for_what_another_stream_keeps_is_woken_when_that_is_taken_out() {
        let (mut streams, _) = refused();
        streams.handle_credit(Whose::Begun, CALL, 0, LARGE as u64).unwrap();
        assert_eq!(streams.woken, ["the second"]);
    }

    #[test]
    fn who_was_refused_for_what_another_stream_keeps_is_woken_when_nobody_reads_that_any_more() {
        let (mut streams, _) = refused();
        streams.handle_end(Whose::Begun, CALL, 0).unwrap();
        assert_eq!(streams.woken, ["the second"]);
    }

    #[test]
    fn who_was_refused_for_what_another_stream_keeps_is_woken_when_that_is_not_sent_after_all() {
        let (mut streams, keeps) = refused();
        streams.unput(keeps, LARGE);
        assert_eq!(streams.woken, ["the second"]);
    }

    /// A stream from the other side, of which one item came.
    fn with_item(len: usize) -> (Streams<(), &'static str>, EndKey) {
        let mut streams = Streams::new(0, 0);
        streams.open(Whose::Begun, CALL, &[Flow::ToCaller]);
        let end = streams.hold(Whose::Begun, CALL, 0).unwrap();
        streams.handle_item((Whose::Begun, CALL, 0), len, ()).unwrap();
        (streams, end)
    }

    #[test]
    fn a_writer_that_waits_is_told_of_little_that_was_taken_out_before() {
        let (mut streams, end) = with_item(100);
        assert_eq!(streams.take(end, &mut VecDeque::new()), Ok(true));
        assert!(!streams.owes(), "not worth a message");
        streams.handle_credit(Whose::Begun, CALL, 0, 0).unwrap();
        assert_eq!(streams.notice(), Some(Notice::Credit { call: CALL, stream: 0, taken: 100 }));
    }

    #[test]
    fn a_writer_that_waits_is_told_of_little_that_is_taken_out_later() {
        let (mut streams, end) = with_item(100);
        streams.handle_credit(Whose::Begun, CALL, 0, 0).unwrap();
        assert!(!streams.owes());
        assert_eq!(streams.take(end, &mut VecDeque::new()), Ok(true));
        assert_eq!(streams.notice(), Some(Notice::Credit { call: CALL, stream: 0, taken: 100 }));
    }

    #[test]
    fn what_nobody_reads_of_a_stream_that_has_ended_counts_no_more() {
        let (mut streams, end) = with_item(100);
        assert_eq!(streams.take(end, &mut VecDeque::new()), Ok(true));
        streams.handle_item((Whose::Begun, CALL, 0), LARGE, ()).unwrap();
        streams.handle_end(Whose::Begun, CALL, 0).unwrap();
        streams.release(end, true);
        assert_eq!(streams.notice(), Some(Notice::Credit { call: CALL, stream: 0, taken: 100 + LARGE as u64 }));
        streams.told();
        assert!(!streams.owes());
    }

    #[test]
    fn the_only_stream_is_told_later_but_not_when_another_ones_writer_waits() {
        let mut streams: Streams<(), &'static str> = Streams::new(0, 1 << 20);
        let open = |streams: &mut Streams<(), _>, call| {
            streams.open(Whose::Begun, call, &[Flow::ToCaller]);
            streams.hold(Whose::Begun, call, 0).unwrap()
        };
        let reads = |streams: &mut Streams<(), _>, end, call, items: usize| {
            (0..items).take_while(|_| pass_one(streams, end, (call, 0))).count()
        };
        let other = CallId(CALL.0 + 1);
        let end = open(&mut streams, CALL);
        // More than a share.
        assert_eq!(reads(&mut streams, end, CALL, 1_000), 1_000);
        assert!(!streams.owes());
        let second = open(&mut streams, other);
        // It may be refused for what the first one keeps.
        streams.handle_credit(Whose::Begun, other, 0, 0).unwrap();
        assert_eq!(streams.notice(), Some(Notice::Credit { call: CALL, stream: 0, taken: 64_000 }));
        streams.told();
        assert!(!streams.owes());
        assert_eq!(reads(&mut streams, second, other, 200), 128);
        assert_eq!(streams.notice(), Some(Notice::Credit { call: other, stream: 0, taken: 128 * 64 }));
        streams.told();
        // Alone again.
        streams.call_over(Whose::Begun, other, Over::CallEnded);
        assert_eq!(reads(&mut streams, end, CALL, 1_000), 1_000);
        assert!(!streams.owes());
        assert_eq!(reads(&mut streams, end, CALL, 2_000), 1_048, "half of a window in all");
        assert!(streams.owes());
    }

    #[test]
    fn what_is_passed_to_its_reader_is_told_as_what_was_queued() {
        let (mut streams, end) = with_item(100);
        assert_eq!(streams.take(end, &mut VecDeque::new()), Ok(true));
        let mut passed = 0;
        let mut pass = |streams: &mut Streams<(), _>| {
            streams.pass(end, |_, _| {
                passed += 1;
                true
            })
        };
        assert!(pass(&mut streams), "nothing is owed");
        assert!(!pass(&mut streams), "the writer is to be told");
        assert!(passed > 1, "worth a message");
        assert_eq!(streams.notice(), Some(Notice::Credit { call: CALL, stream: 0, taken: 100 + passed * 64 }));
        streams.told();
        // It counts no more: a window has room for one of any size, without a pool.
        streams.handle_item((Whose::Begun, CALL, 0), LARGE, ()).unwrap();
        // What comes next is not taken, and is left to whoever says that it is a lie.
        assert!(!streams.pass(end, |_, _| panic!("beyond the credit")));
    }

    #[test]
    fn nothing_is_passed_before_what_is_queued_nor_by_another_name_nor_past_one_to_be_woken_nor_after_an_end() {
        let passes = |streams: &mut Streams<(), _>, end| pass_one(streams, end, (CALL, 0));
        let (mut streams, end) = with_item(100);
        assert!(!passes(&mut streams, end));
        assert_eq!(streams.take(end, &mut VecDeque::new()), Ok(true));
        assert!(!pass_one(&mut streams, end, (CALL, 1)) && !pass_one(&mut streams, end, (CallId(CALL.0 + 1), 0)));
        assert!(streams.wait(end, "the reader").is_none());
        assert!(!passes(&mut streams, end));
        streams.handle_item((Whose::Begun, CALL, 0), 100, ()).unwrap();
        assert_eq!((streams.take(end, &mut VecDeque::new()), &streams.woken[..]), (Ok(true), &["the reader"][..]));
        assert!(passes(&mut streams, end));
        streams.cut_short(Whose::Begun, CALL);
        assert!(!passes(&mut streams, end));
        for over in [Over::CallEnded, Over::CallFailed] {
            let (mut streams, end) = with_item(100);
            assert_eq!(streams.take(end, &mut VecDeque::new()), Ok(true));
            streams.call_over(Whose::Begun, CALL, over);
            assert!(!passes(&mut streams, end));
        }
    }

    #[test]
    fn what_is_put_at_once_takes_credit_and_is_refused_to_a_writer_that_waits_or_has_ended() {
        let mut streams = Streams::<(), &str>::new(0, 0);
        streams.open(Whose::Begun, CALL, &[Flow::ToServer]);
        let end = streams.hold(Whose::Begun, CALL, 0).unwrap();
        assert_eq!(streams.put_at_once(end, LARGE), Some((CALL, 0)));
        assert_eq!(streams.put_at_once(end, LARGE), None);
        assert!(!streams.put(end, LARGE) && streams.owes(), "the reader is to be told");
        streams.handle_credit(Whose::Begun, CALL, 0, LARGE as u64).unwrap();
        assert_eq!(streams.put_at_once(end, 1), None, "the word that it waits is to be taken back");
        assert!(streams.put(end, 1) && !streams.owes());
        assert_eq!(streams.put_at_once(end, 1), Some((CALL, 0)));
        streams.release(end, true);
        assert_eq!(streams.put_at_once(end, 1), None);
    }

    #[test]
    fn an_end_is_there_as_long_as_its_handle_or_its_call() {
        let (mut streams, keeps) = refused();
        streams.release(keeps, true);
        assert_eq!(streams.len(), 2);
        streams.call_over(Whose::Begun, CALL, Over::CallEnded);
        // The handle of the second one is there.
        assert_eq!(streams.len(), 1);
    }

    #[test]
    fn one_that_waits_for_its_own_reader_is_left_alone() {
        let mut streams = Streams::<(), _>::new(u64::MAX, 0);
        streams.open(Whose::Begun, CALL, &[Flow::ToServer, Flow::ToServer]);
        let [full, other] = [0, 1].map(|stream| streams.hold(Whose::Begun, CALL, stream).unwrap());
        while streams.put(full, LARGE) {}
        assert!(streams.wait(full, "the first").is_none());
        assert!(streams.put(other, LARGE));
        streams.handle_credit(Whose::Begun, CALL, 1, LARGE as u64).unwrap();
        assert_eq!(streams.woken, [""; 0]);
    }
}
