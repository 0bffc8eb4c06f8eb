//! How one side of a link takes its leave: it says which message of the other is the last that it handles, answers what
//! came before, and closes.
//!
//! ```text
//! here        (none) ─say_goodbye─► Said ─all answered─► the serving loop ends, the session is closed
//!                                    └─cut_short─► what is not answered is cancelled, and answered so
//! at the peer (none) ─goodbye──────► Heard: calls beyond the line end unrun, and no further one begins
//! ```
//!
//! The line is drawn where this side has got to: what was taken out before is handled, what is taken out after it is not,
//! so nobody here compares numbers. The peer does, for its own messages. Each direction of a session has its own goodbye.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::error::RpcError;
use super::link::{After, Core, Link};
use super::tickets::Outcome;
use crate::error::Violation;
use crate::layout::head::{Head, Kind};
use crate::session::{Control, Payload};

/// What became of the calls that had come when a server was told to shut down gracefully.
///
/// Calls that came later are in none of these counts: they were not begun, and their callers learn that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Farewell {
    /// Sessions that were open.
    pub sessions: usize,
    /// Calls that were answered within the grace period, as if nothing was.
    pub answered: usize,
    /// Calls that were cancelled when it was over, and whose callers were told so.
    pub cancelled: usize,
    /// Calls that had no answer when their session ended: their handlers went on, or their callers left.
    pub cut_off: usize,
}

impl Farewell {
    pub(crate) fn add(&mut self, other: Self) {
        self.sessions = self.sessions.saturating_add(other.sessions);
        self.answered = self.answered.saturating_add(other.answered);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
        self.cut_off = self.cut_off.saturating_add(other.cut_off);
    }
}

/// What the two sides of a link have said of their leave.
#[derive(Debug, Default)]
pub(super) struct Leave {
    /// This side handles nothing that it takes out from now on.
    said: Option<Said>,
    /// The peer handles nothing more that this side begins.
    heard: bool,
}

/// The calls of the peer that had no answer yet, at each turn.
#[derive(Debug, Default)]
struct Said {
    due: usize,
    /// When the grace was over, if it was.
    late: Option<usize>,
    /// When the session ended.
    cut_off: usize,
    /// Whoever waits for the last answer was told of it.
    is_told: bool,
}

impl Leave {
    pub(super) fn is_said(&self) -> bool {
        self.said.is_some()
    }

    #[inline]
    pub(super) fn is_heard(&self) -> bool {
        self.heard
    }

    /// The session ends with so many calls of the peer unanswered.
    pub(super) fn note_end(&mut self, unanswered: usize) {
        if let Some(said) = &mut self.said {
            said.cut_off = unanswered;
        }
    }
}

impl Core {
    /// Draws the line: what came until now is handled, and nothing after it.
    pub(crate) fn say_goodbye(&mut self) {
        self.pump(None);
        if self.end.is_some() || self.leave.is_said() {
            return;
        }
        let last = self.inbox.next().saturating_sub(1);
        self.serves = false;
        self.leave.said = Some(Said { due: self.engine.unanswered().count(), ..Said::default() });
        self.owed.push_back((Head::goodbye(), last.to_ne_bytes().into()));
        self.owes = true;
        self.pay();
        // From now on each release of the lock looks whether all is answered.
        self.has_chores = true;
    }

    /// The grace is over: what is not answered is cancelled.
    pub(crate) fn cut_short(&mut self) {
        let unanswered: Vec<_> = self.engine.unanswered().collect();
        match &mut self.leave.said {
            Some(said) if self.end.is_none() && said.late.is_none() => said.late = Some(unanswered.len()),
            _ => return,
        }
        for call in unanswered {
            let cancel = self.engine.cut_short(call);
            self.cancel(call, cancel);
        }
        self.pay();
        // Those whose replies wait for room have less to say.
        self.wake_blocked();
    }

    /// Whether this side has said goodbye and owes nothing any more.
    pub(crate) fn has_said_all(&self) -> bool {
        let is_idle = self.owed.is_empty() && !self.engine.one_ways.are_here();
        self.leave.is_said() && is_idle && self.engine.unanswered().next().is_none()
    }

    /// When the lock is released after a goodbye: once all is answered, whoever waits for requests is to look.
    #[cold]
    pub(super) fn see_off(&mut self) {
        let has_said_all = self.has_said_all();
        let Some(said) = &mut self.leave.said else { return };
        // A one-way call that crossed the goodbye is still handled, so there can be a last time once more.
        let was_told = std::mem::replace(&mut said.is_told, has_said_all);
        if has_said_all && !was_told {
            self.wake_serving();
            self.nudge_leader();
        }
    }

    /// What became of the calls that were unanswered at the goodbye, once the session is over.
    pub(crate) fn farewell(&self) -> Farewell {
        let Some(said) = &self.leave.said else { return Farewell::default() };
        let late = said.late.unwrap_or(said.cut_off);
        Farewell {
            sessions: 1,
            answered: said.due.saturating_sub(late),
            cancelled: late.saturating_sub(said.cut_off),
            cut_off: said.cut_off,
        }
    }

    /// The peer takes its leave: what this side began beyond the line did not run and will not.
    #[cold]
    pub(super) fn handle_goodbye(&mut self, payload: &Payload) {
        if self.leave.heard {
            return self.fail(Violation::Unexpected { kind: Kind::Goodbye });
        }
        // The parser let no other length through.
        let last = payload.lead().first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        match self.outbox.consumed() {
            // It had taken out the last one before it said so.
            Ok(consumed) if last <= consumed => {}
            Ok(consumed) => return self.fail(Violation::Goodbye { last, consumed }),
            Err(violation) => return self.fail(violation),
        }
        self.leave.heard = true;
        for ticket in self.engine.handle_goodbye(last) {
            let woken = self.tickets.deliver(ticket, Outcome::End(UNRUN));
            self.do_all_after(woken.map(After::Wake));
        }
        self.wake_streams();
        // Those who wait to begin are told, too.
        self.wake_blocked();
    }

    /// Why no call is begun any more, if none is.
    #[inline]
    pub(super) fn begins_no_more(&self) -> Option<RpcError> {
        match self.end {
            Some(end) => Some(super::link::end_error(end, false)),
            None => self.leave.is_heard().then_some(UNRUN),
        }
    }
}

const UNRUN: RpcError = RpcError::Closed { may_have_executed: false };

impl Link {
    /// Closes the session, if it is not over.
    pub(crate) fn close(&self) {
        let is_open = !self.lock().check_end();
        if is_open {
            Control { shared: std::sync::Arc::clone(&self.shared) }.shut_down();
            self.lock().check_end();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use crate::lane::Outgoing;
    use crate::layout::inline::Inline;
    use crate::rpc::deadline::Deadline;
    use crate::rpc::error::RpcError;
    use crate::rpc::link::Target;
    use crate::rpc::simulation::{links, until};
    use crate::rpc::tickets::Outcome;
    use crate::session::{Config, Control, Spin};

    #[test]
    fn the_end_of_a_one_way_call_that_crossed_the_goodbye_is_told() {
        let [a, b] = links(&Config { spin: Spin::Never, ..Config::default() });
        b.lock().say_goodbye();
        assert!(b.lock().has_said_all());
        assert!(a.lock().send_one_way(1, &Outgoing::short(Inline::default())).unwrap());
        assert!(b.lock().take_any_request().is_some());
        let serving = std::thread::spawn({
            let b = Arc::clone(&b);
            move || b.request(&mut None)
        });
        until(|| b.lock().is_led() && b.shared.own.words().noted.sleeps.load(Ordering::Relaxed) > 0);
        std::thread::sleep(Duration::from_millis(20));
        b.lock().finish_one_way();
        until(|| serving.is_finished());
        assert!(!serving.join().unwrap());
    }

    #[test]
    fn a_handler_that_goes_after_its_session_was_closed_tells_nothing() {
        let [a, b] = links(&Config { spin: Spin::Never, ..Config::default() });
        let nothing = Outgoing::short(Inline::default());
        let begun = a.start(Target { method: 1, parent: 0 }, &nothing, &mut Deadline::None).unwrap();
        let arrived = b.lock().take_any_request().unwrap();
        Control { shared: Arc::clone(&b.shared) }.shut_down();
        b.lock().stop(arrived.call);
        let outcome = std::cell::Cell::new(None);
        until(|| {
            a.lock().pump(None);
            a.try_outcome(begun).is_some_and(|end| outcome.replace(Some(end)).is_none())
        });
        let outcome = outcome.take();
        assert!(matches!(outcome, Some(Outcome::End(RpcError::Closed { may_have_executed: true }))), "{outcome:?}");
    }
}
