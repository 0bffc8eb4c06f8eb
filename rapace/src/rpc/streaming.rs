//! Streams on a link: how their messages are sent, and how threads wait at their ends.

use std::time::Instant;

use super::call_id::CallId;
use super::deadline::Deadline;
use super::error::{RpcError, StreamError, TooLarge};
use super::link::{After, Begun, Core, Link, Locked, end_error};
use super::streams::{EndKey, Notice, Over};
use super::taken::{FEW, Taken};
use super::waiting::Awaited;
use crate::doorbell::Counter;
use crate::error::{RecvError, SendError};
use crate::lane::Outgoing;
use crate::layout::head::Head;
use crate::layout::inline::Inline;
use crate::ring;
use crate::session::waiting::{Spinner, Wait, Waker};
use crate::session::{Sending, Stall};

/// An item on its way.
#[derive(Debug)]
pub(crate) struct SendingItem {
    end: EndKey,
    state: ItemState,
}

#[derive(Debug)]
enum ItemState {
    /// Nothing of it is sent or counted.
    Fresh,
    /// It has credit, and is sent as far as there was room.
    Put(CallId, u32, Sending),
    Sent,
}

/// How far an item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Sent,
    /// The reader must take something out first.
    NoCredit,
    /// The ring or the slots are full.
    NoRoom,
}

impl SendingItem {
    pub(crate) fn new(end: EndKey) -> Self {
        Self { end, state: ItemState::Fresh }
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn end(&self) -> EndKey {
        self.end
    }
}

impl Core {
    /// Sends as much of an item as there is credit and room for.
    #[inline]
    pub(crate) fn send_item(&mut self, item: &mut SendingItem, payload: &Outgoing<'_>) -> Result<Put, StreamError> {
        if matches!(item.state, ItemState::Fresh) && !self.engine.streams.may_put(item.end, payload.len()) {
            // Credit that nobody was rung for may lie there.
            self.pump(None);
        }
        let (call, stream) = match self.engine.streams.sends(item.end) {
            Ok(names) => names,
            Err(over) => {
                self.give_up_item(item, payload.len());
                return Err(self.stream_error(over));
            }
        };
        let head = Head::item(call.0, stream);
        if matches!(item.state, ItemState::Fresh) {
            if self.owes && !self.pays_calls() {
                return Ok(Put::NoRoom);
            }
            self.outbox.check(&head, payload.len()).map_err(|error| self.item_error(error))?;
            if !self.engine.streams.put(item.end, payload.len()) {
                if self.engine.streams.owes() {
                    self.owes = true;
                    self.pay();
                }
                return Ok(Put::NoCredit);
            }
            item.state = ItemState::Put(call, stream, Sending::default());
        }
        let ItemState::Put(_, _, sending) = &mut item.state else { return Ok(Put::Sent) };
        match self.outbox.advance(&head, payload, sending) {
            Ok(true) => {
                item.state = ItemState::Sent;
                Ok(Put::Sent)
            }
            Ok(false) => Ok(Put::NoRoom),
            Err(error) => {
                self.give_up_item(item, payload.len());
                Err(self.item_error(error))
            }
        }
    }

    /// An item that is not sent to its end will not be.
    pub(crate) fn give_up_item(&mut self, item: &mut SendingItem, len: usize) {
        if let ItemState::Put(call, stream, sending) = &mut item.state {
            self.outbox.give_up(&Head::item(call.0, *stream), sending);
            self.engine.streams.unput(item.end, len);
            item.state = ItemState::Fresh;
            self.wake_streams();
        }
        if !self.blocked.is_empty() {
            self.wake_blocked();
        }
    }

    #[cold]
    fn item_error(&mut self, error: SendError) -> StreamError {
        let end = match error {
            SendError::TooLarge { len: size, limit, max } => {
                return RpcError::TooLarge(Box::new(TooLarge { size, limit, max })).into();
            }
            SendError::Lost(lost) => RecvError::Lost(lost),
            _ => RecvError::Closed,
        };
        end_error(self.end.unwrap_or(end), true).into()
    }

    #[cold]
    fn stream_error(&self, over: Over) -> StreamError {
        match over {
            Over::Dropped => StreamError::Dropped,
            Over::Finished | Over::CallEnded | Over::CallFailed => StreamError::CallEnded,
            Over::Cancelled => RpcError::Cancelled.into(),
            Over::SessionEnded => end_error(self.end.unwrap_or(RecvError::Closed), true).into(),
        }
    }

    /// Why a call that is being handled has no streams.
    #[cold]
    pub(super) fn why_without_streams(&mut self, call: CallId) -> StreamError {
        let over = match (self.end, self.is_cancelled(call)) {
            (Some(_), _) => Over::SessionEnded,
            (None, true) => Over::Cancelled,
            (None, false) => Over::CallEnded,
        };
        self.stream_error(over)
    }

    /// Takes out items that came, if none are left of those before. `Some(false)` when none will come any more.
    #[inline]
    pub(crate) fn take_items(&mut self, end: EndKey, items: &mut Taken) -> Option<Result<bool, StreamError>> {
        if !items.is_empty() {
            return Some(Ok(true));
        }
        items.forget_short();
        let taken = match self.engine.streams.take(end, &mut items.messages) {
            Ok(taken) => taken || self.pass_items(end, items),
            Err(Over::Finished) => return Some(Ok(false)),
            Err(over) => return Some(Err(self.stream_error(over))),
        };
        if taken && self.engine.streams.owes() {
            self.owes = true;
            self.pay();
        }
        taken.then_some(Ok(true))
    }

    /// Tells the peer what is owed to it of streams and one-way calls; true when nothing is left.
    pub(super) fn pay_streams(&mut self) -> bool {
        if let Some(count) = self.engine.one_ways.untold() {
            if !self.tell(&Head::credit(0, 0), &count.to_ne_bytes()) {
                return false;
            }
            self.engine.one_ways.told();
        }
        while let Some(notice) = self.engine.streams.notice() {
            let told = match notice {
                Notice::Credit { call, stream, taken } => self.tell_credit(&Head::credit(call.0, stream), taken),
                // Credit that the writer sends is none.
                Notice::Waits { call, stream } => self.tell(&Head::credit(call.0, stream), &0_u64.to_ne_bytes()),
                Notice::End { call, stream } => self.tell(&Head::end(call.0, stream), &[]),
            };
            if !told {
                return false;
            }
            self.engine.streams.told();
        }
        true
    }

    /// Tells a writer what it has back. As long as none says that it waits, those who sleep at its side are not rung: it looks for
    /// itself before it waits. When it says so, this side [announces](crate::session::outbox::Outbox::announce) what it told.
    fn tell_credit(&mut self, head: &Head, taken: u64) -> bool {
        let payload = Inline::of(&taken.to_ne_bytes());
        let is_quiet = !self.engine.streams.has_waiting_writer() && self.outbox.send_quietly(head, payload.as_lead());
        is_quiet || self.tell(head, &taken.to_ne_bytes())
    }

    /// True when it was sent, or nothing can be any more.
    fn tell(&mut self, head: &Head, payload: &[u8]) -> bool {
        !matches!(self.outbox.advance(head, &Outgoing::whole(&payload), &mut Sending::default()), Ok(false))
    }

    /// The ends on this side of a call that was just begun, for their handles.
    pub(crate) fn hold_streams(&mut self, begun: Begun) -> Vec<EndKey> {
        (0..).map_while(|stream| self.engine.hold_stream(begun.call(), stream)).collect()
    }

    /// The handle of an end is gone.
    pub(crate) fn release_end(&mut self, end: EndKey, tells: bool) {
        self.engine.streams.release(end, tells);
        if self.engine.streams.owes() && self.end.is_none() {
            self.owes = true;
            self.pay();
        }
        self.wake_streams();
    }

    /// Has those woken for whom something happened at a stream.
    #[inline(always)]
    pub(super) fn wake_streams(&mut self) {
        let streams = &self.engine.streams;
        if !streams.woken.is_empty() || streams.has_changed {
            self.wake_ends();
        }
    }

    #[inline(never)]
    fn wake_ends(&mut self) {
        let woken = std::mem::take(&mut self.engine.streams.woken);
        self.do_all_after(woken.into_iter().map(After::Wake));
        // The leader is woken by messages. A call that ends on this side, by its answer or because nobody waits for it any
        // more, brings none.
        if std::mem::take(&mut self.engine.streams.has_changed) && self.leaders_at_ends > 0 {
            self.nudge_leader();
        }
    }

    /// Who is woken when something changes at an end.
    pub(crate) fn wait_at_end(&mut self, end: EndKey, waker: Waker) {
        let replaced = self.engine.streams.wait(end, waker);
        self.do_all_after(replaced.map(After::DropWaker));
    }
}

impl Link {
    /// Sends an item, waiting for credit and room.
    #[inline]
    pub(crate) fn send_item(
        &self,
        end: EndKey,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<(), StreamError> {
        let mut item = SendingItem::new(end);
        let put = self.lock().send_item(&mut item, payload)?;
        if put == Put::Sent { Ok(()) } else { self.send_item_slowly(item, payload, deadline) }
    }

    #[inline(never)]
    fn send_item_slowly(
        &self,
        mut item: SendingItem,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<(), StreamError> {
        let end = item.end;
        let mut core = self.lock();
        let mut looks = true;
        let mut stall = Stall::default();
        loop {
            // What came may be what makes room.
            core.pump(None);
            // Counted before the try, so that what is given back after it ends the wait.
            let freed = self.shared.freed();
            let put = core.send_item(&mut item, payload)?;
            if put == Put::Sent {
                return Ok(());
            }
            stall.look(core.outbox.published());
            if put == Put::NoCredit {
                // It comes back when the reader reads, however much the peer takes.
                stall = Stall::default();
            }
            if core.check_end() {
                continue;
            }
            if *deadline != Deadline::None && deadline.is_past() {
                core.give_up_item(&mut item, payload.len());
                return Err(RpcError::DeadlineExceeded { may_have_executed: true }.into());
            }
            // The reader is at work, or was a moment ago; the leader would wait for room with two wake-ups.
            if put == Put::NoRoom && std::mem::replace(&mut looks, false) {
                core = self.look_for_room(core, freed, deadline.instant());
                continue;
            }
            looks = true;
            let freed = (put == Put::NoRoom).then_some(freed);
            let awaited = Awaited { freed, end: Some(end), ..Awaited::default() };
            core = self.wait_or_stall(core, awaited, &mut stall, deadline);
        }
    }

    /// Looks for a while for room, beside whoever leads.
    fn look_for_room<'a>(&'a self, core: Locked<'a>, freed: u64, deadline: Option<Instant>) -> Locked<'a> {
        let (shared, next) = (&self.shared, core.inbox.next());
        if !core.is_led() || self.instead_of_waiting.get().is_some() {
            return core;
        }
        drop(core);
        let is_there = || shared.freed() != freed || ring::may_be_there(shared.peer.entries(), next);
        let wait = Wait { wishes: &[(Counter::Room, freed.wrapping_add(1))], is_there: &is_there, deadline };
        // What it learns is about another wait than the leader's, and is not kept.
        Spinner::new().look(shared, &wait);
        self.lock()
    }

    /// Takes out items, waiting for the first one; false when there are no more.
    pub(crate) fn take_items(
        &self,
        end: EndKey,
        items: &mut Taken,
        deadline: &mut Deadline,
    ) -> Result<bool, StreamError> {
        let mut core = self.lock();
        if items.came_few() && core.end.is_none() && core.inbox.is_ready() {
            // This reader is faster, and so close behind its writer that each takes every line away from the other.
            let enough = core.inbox.next().wrapping_add(FEW as u64);
            drop(core);
            self.shared.pause_until(|| ring::may_be_there(self.shared.peer.entries(), enough));
            core = self.lock();
        }
        if let Some(taken) = core.take_items(end, items) {
            return taken;
        }
        // What comes next may come soon.
        let next = core.inbox.next();
        drop(core);
        self.look_for_it(next);
        core = self.lock();
        loop {
            if let Some(taken) = core.take_items(end, items) {
                return taken;
            }
            core.pump(None);
            if let Some(taken) = core.take_items(end, items) {
                return taken;
            }
            if core.check_end() {
                continue;
            }
            if *deadline != Deadline::None && deadline.is_past() {
                return Err(RpcError::DeadlineExceeded { may_have_executed: true }.into());
            }
            core = self.wait(core, Awaited { end: Some(end), ..Awaited::default() }, deadline.instant());
        }
    }
}
