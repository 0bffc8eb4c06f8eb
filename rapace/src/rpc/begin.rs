//! How a call is begun: a ticket, a number, and its request sent, or as much of it as there is room for.

use super::deadline::Deadline;
use super::engine::{CallId, Ticket};
use super::error::{RpcError, TooLarge};
use super::link::{After, Core, end_error};
use crate::error::{RecvError, SendError};
use crate::lane::Outgoing;
use crate::layout::head::Head;
use crate::session::Sending;

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Begin {
    method: u32,
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
    pub(crate) fn new(method: u32) -> Self {
        Self { method, state: BeginState::Waiting }
    }
}

/// A call that was sent, and whose outcome was not fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) ticket: Ticket,
    pub(crate) call: CallId,
}

impl Core {
    /// Begins a request and sends as much of it as there is room for. The call once all of it is sent.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        begin: &mut Begin,
        payload: &Outgoing<'_>,
        head: impl FnOnce(Head) -> Head,
    ) -> Result<Option<Begun>, RpcError> {
        if let Some(end) = self.end {
            // There is no room any more, and none will come.
            self.give_up(begin);
            return Err(end_error(end, false));
        }
        if matches!(begin.state, BeginState::Waiting) {
            let first = Head::request(0, begin.method);
            self.outbox.check(&first, payload.len()).map_err(|error| self.send_error(error))?;
            let ticket = self.tickets.take();
            let Some(call) = self.engine.begin(ticket) else {
                self.tickets.give_back(ticket);
                return Ok(None);
            };
            let head = head(Head::request(call.0, begin.method));
            begin.state = BeginState::Sending(ticket, call, head, Sending::default());
        }
        match &mut begin.state {
            BeginState::Sending(ticket, call, head, sending) => match self.outbox.advance(head, payload, sending) {
                Ok(true) => {
                    let begun = Begun { ticket: *ticket, call: *call };
                    self.engine.sent(begun.call, self.outbox.published());
                    let head = *head;
                    begin.state = BeginState::Sent(begun.ticket, begun.call);
                    self.note_request(&head);
                    Ok(Some(begun))
                }
                Ok(false) => Ok(None),
                Err(error) => {
                    self.give_up(begin);
                    Err(self.send_error(error))
                }
            },
            BeginState::Sent(ticket, call) => Ok(Some(Begun { ticket: *ticket, call: *call })),
            BeginState::Waiting => Ok(None),
        }
    }

    pub(crate) fn give_up(&mut self, begin: &mut Begin) {
        let mut was_in_fragments = false;
        if let BeginState::Sending(ticket, call, head, sending) = &mut begin.state {
            was_in_fragments = sending.is_begun();
            self.outbox.give_up(head, sending);
            self.engine.unbegin(*call);
            let dropped = self.tickets.give_back(*ticket);
            self.do_all_after(dropped.map(After::Drop));
            begin.state = BeginState::Waiting;
        }
        // Also when it had no number yet: its own waker is among the blocked, and would stay for ever.
        if was_in_fragments || !self.blocked.is_empty() {
            self.wake_blocked();
        }
    }

    /// Why a request was not sent.
    #[cold]
    fn send_error(&mut self, error: SendError) -> RpcError {
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

/// The head of a request with what is left of its time.
#[inline]
pub(crate) fn with_deadline(head: Head, deadline: Deadline) -> Head {
    match deadline.left() {
        None => head,
        Some(left) => head.with_timeout(left),
    }
}
