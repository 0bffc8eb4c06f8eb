//! What a link owes its peer and could not send yet: at most one terminal of a call, one cancel, one goodbye, and what the
//! [streams](super::streams) and one-way calls are to tell. It is paid as soon as there is room.

use super::call_id::CallId;
use super::link::Core;
use super::status::Status;
use crate::lane::Outgoing;
use crate::layout::head::{Head, Kind};
use crate::segment::count;
use crate::session::Sending;

impl Core {
    /// Answers a request that was not started, when there is room.
    pub(super) fn refuse_unstarted(&mut self, call: CallId, status: Status, text: &str) {
        if self.engine.owe(call) {
            self.owe(call, status, text);
            self.wake_streams();
        }
    }

    pub(super) fn owe(&mut self, call: CallId, status: Status, text: &str) {
        let text = bounded(text, self.inbox.shared.error_text_bytes());
        self.owed.push_back((Head::terminal(call.0, status as u16), text.as_bytes().into()));
        self.owes = true;
    }

    /// Sends what is owed, as far as there is room.
    #[inline(never)]
    pub(crate) fn pay(&mut self) {
        if self.end.is_none() {
            self.pay_calls();
        }
        if self.owed.is_empty() {
            self.owes = self.end.is_none() && !self.pay_streams();
        }
    }

    /// Whether nothing is owed of calls any more. What the streams of a call that is over had on their way is free before its
    /// terminal or cancel is sent; until then, what takes its place is not to be.
    #[cold]
    pub(super) fn pays_calls(&mut self) -> bool {
        self.pay();
        self.owed.is_empty()
    }

    /// Terminals and cancels, and the goodbye.
    fn pay_calls(&mut self) {
        while let Some((head, payload)) = self.owed.front() {
            let payload = &**payload;
            let head = *head;
            match self.outbox.advance(&head, &Outgoing::whole(&payload), &mut Sending::default()) {
                Ok(true) => {
                    if head.kind() == Kind::Terminal {
                        self.engine.answer(CallId(head.call()));
                        count(&self.outbox.counts().calls_answered, 1);
                    }
                    self.owed.pop_front();
                }
                Ok(false) => return,
                Err(_) => return self.owed.clear(),
            }
        }
    }

    /// The peer's count of what it gave back, if something is owed that waits for it to move.
    pub(crate) fn room_owed(&mut self) -> Option<u64> {
        if !self.owes {
            return None;
        }
        // Counted before the try, so that what is given back after it ends the wait.
        let freed = self.inbox.shared.freed();
        self.pay();
        self.owes.then_some(freed)
    }
}

/// The beginning of a text, in whole characters.
pub(crate) fn bounded(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or("")
}
