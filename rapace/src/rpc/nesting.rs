//! The short way of a call by a side that serves: it looks for the answer, and for what is called back meanwhile, which it handles.
//!
//! All of it is what [`waiting`](super::waiting) does as well, with every case and every error; here are the cases that nearly all
//! calls are, of what descriptors carry, without a parked thread and without a step of the one that serves.

use std::sync::Arc;

use super::call_id::CallId;
use super::deadline::Deadline;
use super::link::{Begun, Core, Link, Target};
use super::service::Services;
use super::serving::{Arrived, Awaiting, NO_PARENT};
use super::status::Status;
use super::tickets::Outcome;
use crate::lane::Outgoing;
use crate::layout::inline::{Inline, Lead};

/// How such a call looks for what comes next.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// The message that it looks for.
    next: u64,
    /// In the place of the thread that serves, which sleeps.
    is_beside: bool,
}

impl Link {
    /// As [`call_short`](Self::call_short), by a side that serves.
    #[inline(never)]
    pub(super) fn call_short_and_serve(
        self: &Arc<Self>,
        services: &Arc<Services>,
        target: Target,
        lead: Lead<'_>,
        deadline: &mut Deadline,
    ) -> Outcome {
        let begun = self.briefly(|core| {
            let begun = core.begin_short(target, lead, deadline.timeout_us()?)?;
            // What is called back is for this thread from the beginning. It does not park before it said so in another way.
            core.awaiting.push(Awaiting { call: begun.call(), thread: None, handles: NO_PARENT });
            Some((begun, core.begin_look()))
        });
        let Some((begun, mut look)) = begun else {
            return self.call(target, &Outgoing::short(lead.to_inline()), deadline);
        };
        let mut place: Option<Arrived>;
        while self.look_for_it(look.next) {
            place = None;
            let answer = self.briefly(|core| {
                let answer = core.take_looked_for(begun, look);
                if answer.is_none() {
                    core.take_looked_for_nested(begun.call(), look, &mut place);
                }
                answer
            });
            if let Some((status, inline)) = answer {
                return Outcome::Short(status, inline);
            }
            let Some(arrived) = &mut place else { break };
            self.handle_deeper(services, arrived);
            look.is_beside = false;
            match self.briefly(|core| core.look_again(begun.call())) {
                Some(again) if *deadline == Deadline::None || !deadline.is_past() => look = again,
                Some(again) => {
                    look = again;
                    break;
                }
                None => break,
            }
        }
        self.wait_after_looks(begun, look, deadline)
    }

    /// What was looked for did not come soon, or is not short.
    #[inline(never)]
    fn wait_after_looks(self: &Arc<Self>, begun: Begun, look: Look, deadline: &mut Deadline) -> Outcome {
        let mut core = self.lock();
        if look.is_beside {
            core.failed_beside();
        }
        core.end_awaiting(begun.call());
        core.offer_requests();
        match core.take_long_answer(begun) {
            Some(outcome) => outcome,
            None => self.await_outcome(core, begun, deadline),
        }
    }
}

impl Core {
    /// What comes next is to be looked for by this thread, without the lock.
    #[inline(always)]
    fn begin_look(&mut self) -> Look {
        let is_beside = self.step_beside();
        Look { next: self.inbox.next(), is_beside }
    }

    /// What was looked for, if it is the answer.
    #[inline(always)]
    fn take_looked_for(&mut self, begun: Begun, look: Look) -> Option<(Status, Inline)> {
        // What others took out and left is for the other way.
        if self.inbox.next() != look.next || !self.requests.is_empty() {
            return None;
        }
        let answer = self.take_short_answer(begun)?;
        if look.is_beside {
            self.took_beside();
        }
        self.end_awaiting(begun.call());
        Some(answer)
    }

    /// What was looked for is put in its place, if it is a request that was made in the handler of the call.
    #[inline(always)]
    fn take_looked_for_nested(&mut self, call: CallId, look: Look, place: &mut Option<Arrived>) {
        if self.inbox.next() != look.next {
            return;
        }
        let Some(nested) = self.take_short_nested(call, place) else { return };
        if look.is_beside {
            self.took_beside();
        }
        if let Some(awaiting) = self.awaiting.iter_mut().find(|awaiting| awaiting.call == call) {
            awaiting.handles = nested;
        }
    }

    /// After a request was handled: what comes next is to be looked for, if nothing came meanwhile that others took out.
    #[inline(always)]
    fn look_again(&mut self, call: CallId) -> Option<Look> {
        if !self.requests.is_empty() || self.end.is_some() {
            return None;
        }
        let awaiting = self.awaiting.iter_mut().find(|awaiting| awaiting.call == call)?;
        awaiting.handles = NO_PARENT;
        Some(self.begin_look())
    }

    /// The answer to a call is no longer waited for, or in another way from now on.
    #[inline(always)]
    fn end_awaiting(&mut self, call: CallId) {
        if let Some(place) = self.awaiting.iter().rposition(|awaiting| awaiting.call == call) {
            self.awaiting.swap_remove(place);
        }
    }
}
