//! How a call is begun: a ticket, a number, and its request sent, or as much of it as there is room for.

use std::fmt;
use std::num::NonZeroU64;

use super::call_id::CallId;
use super::deadline::Deadline;
use super::engine::Ticket;
use super::error::{RpcError, TooLarge};
use super::link::{After, Core, end_error};
use super::streams::Flow;
use crate::error::{RecvError, SendError};
use crate::lane::Outgoing;
use crate::layout::head::Head;
use crate::segment::count;
use crate::session::Sending;

/// What is called, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The method's number on the wire.
    pub(crate) method: u32,
    /// The call of the peer in whose handler this one is made, or zero.
    pub(crate) parent: u32,
}

impl Target {
    /// The head of a request.
    #[inline]
    pub(super) fn head(self, call: CallId) -> Head {
        Head::request(call.0, self.method).with_parent(self.parent)
    }
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Begin {
    target: Target,
    /// The streams of the call.
    flows: &'static [Flow],
    state: BeginState,
}

#[derive(Debug)]
enum BeginState {
    /// The peer keeps as many calls as it can.
    Waiting,
    Sending(Ticket, CallId, Head, Sending),
    Sent(Ticket, CallId),
}

impl Begin {
    #[inline]
    pub(crate) fn new(target: Target) -> Self {
        Self::with_streams(target, &[])
    }

    /// Whether it waits for one of the places that the peer has for calls, and not for room.
    pub(super) fn waits_for_place(&self) -> bool {
        matches!(self.state, BeginState::Waiting)
    }

    #[inline]
    pub(crate) fn with_streams(target: Target, flows: &'static [Flow]) -> Self {
        Self { target, flows, state: BeginState::Waiting }
    }
}

/// A call that was sent, and whose outcome was not fetched. One word, which is moved as it was written: as two halves that are read as a
/// whole, it would stall the processor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun(NonZeroU64);

impl Begun {
    #[inline(always)]
    pub(crate) fn new(ticket: Ticket, call: CallId) -> Self {
        debug_assert!(call.0 != 0, "generations begin with 1");
        Self(NonZeroU64::new(u64::from(ticket) << 32 | u64::from(call.0)).unwrap_or(NonZeroU64::MIN))
    }

    #[inline(always)]
    pub(crate) fn ticket(self) -> Ticket {
        (self.0.get() >> 32) as Ticket
    }

    #[inline(always)]
    pub(crate) fn call(self) -> CallId {
        CallId(self.0.get() as u32)
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("ticket", &self.ticket()).field("call", &self.call()).finish()
    }
}

impl Core {
    /// Begins a request and sends as much of it as there is room for. The call once all of it is sent.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        begin: &mut Begin,
        payload: &Outgoing<'_>,
        deadline: Deadline,
    ) -> Result<Option<Begun>, RpcError> {
        if let Some(error) = self.begins_no_more() {
            // There is no room any more, and none will come.
            self.give_up(begin);
            return Err(error);
        }
        if matches!(begin.state, BeginState::Waiting) {
            let Some(timeout_us) = deadline.timeout_us() else {
                return Err(RpcError::DeadlineExceeded { may_have_executed: false });
            };
            let first = Head::request(0, begin.target.method);
            self.outbox.check(&first, payload.len()).map_err(|error| self.send_error(error))?;
            let ticket = self.tickets.take();
            let Some(call) = self.engine.begin(ticket) else {
                self.tickets.give_back(ticket);
                // Numbers may all be with calls that wait for the handler that makes this one.
                return if begin.target.parent == 0 { Ok(None) } else { Err(self.too_many_nested()) };
            };
            self.engine.open_streams(call, begin.flows);
            let head = begin.target.head(call).with_timeout_us(timeout_us);
            #[cfg(feature = "tracing")]
            let head = head.with_metadata(payload.has_metadata());
            begin.state = BeginState::Sending(ticket, call, head, Sending::default());
        }
        match &mut begin.state {
            BeginState::Sending(ticket, call, head, sending) => match self.outbox.advance(head, payload, sending) {
                Ok(true) => {
                    let begun = Begun::new(*ticket, *call);
                    self.engine.sent(begun.call(), self.outbox.published());
                    let head = *head;
                    count(&self.outbox.counts().calls_begun, 1);
                    begin.state = BeginState::Sent(begun.ticket(), begun.call());
                    self.note_request(&head);
                    Ok(Some(begun))
                }
                Ok(false) => Ok(None),
                Err(error) => {
                    self.give_up(begin);
                    Err(self.send_error(error))
                }
            },
            BeginState::Sent(ticket, call) => Ok(Some(Begun::new(*ticket, *call))),
            BeginState::Waiting => Ok(None),
        }
    }

    #[cold]
    fn too_many_nested(&self) -> RpcError {
        let max = self.outbox.shared.terms.in_flight;
        RpcError::Overloaded(
            format!("its limit in_flight ({max}) is reached, and a call back does not wait for it").into(),
        )
    }

    pub(crate) fn give_up(&mut self, begin: &mut Begin) {
        let mut had_place = false;
        if let BeginState::Sending(ticket, call, head, sending) = &mut begin.state {
            had_place = true;
            self.outbox.give_up(head, sending);
            self.engine.unbegin(*call);
            let dropped = self.tickets.give_back(*ticket);
            self.do_all_after(dropped.map(After::Drop));
            begin.state = BeginState::Waiting;
        }
        // Also when it had no number yet: its own waker is among the blocked, and would stay for ever.
        if had_place || !self.blocked.is_empty() {
            self.wake_blocked();
        }
    }

    /// Why a request was not sent.
    #[cold]
    pub(super) fn send_error(&mut self, error: SendError) -> RpcError {
        let end = match error {
            SendError::TooLarge { len: size, limit, max } => {
                return RpcError::TooLarge(Box::new(TooLarge { size, limit, max }));
            }
            SendError::Lost(lost) => RecvError::Lost(lost),
            SendError::NoRuntime => return RpcError::NoRuntime,
            _ => RecvError::Closed,
        };
        end_error(self.end.unwrap_or(end), false)
    }
}
