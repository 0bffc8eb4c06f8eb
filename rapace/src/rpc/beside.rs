//! Looking in a sleeper's place.
//!
//! The thread that serves may sleep where the peer rings, and lead. Whoever waits beside it, for an answer or at a stream, would
//! be woken in two steps, by the peer's ring and then by the leader. So it looks for itself for a while, as it would if it led,
//! and meanwhile the peer is told not to ring. When it has found something and let go of the lock, or gives up, the sleeper is
//! rung for again: the same order of wish, fence and second look as before a sleep ([`doorbell`](crate::doorbell)). It is woken
//! for the requests that are left.
//!
//! Who expects that the next message is for it does not even hush the peer: it moves the sleeper's wish on by that one message,
//! and has nothing to hand back once it came.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::link::{Core, Link};
use super::locked::Locked;
use super::waiting::Awaited;
use crate::doorbell::{Bed, Counter};
use crate::ring;
use crate::session::Spin;
use crate::session::waiting::{Spinner, Wait};

/// Who looks while the leader sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Beside {
    #[default]
    Nobody,
    /// A thread looks, without the lock.
    Looking,
    /// It has the lock; when it lets go of that, the sleeper is to be rung for again.
    Done,
}

impl Link {
    /// Looks while the leader sleeps, if that is how it is. `Ok` when something may be there.
    pub(super) fn look_beside<'a>(
        &'a self,
        mut core: Locked<'a>,
        awaited: &Awaited,
        deadline: Option<Instant>,
    ) -> Result<Locked<'a>, Locked<'a>> {
        let shared = &self.shared;
        let waits_for_more = awaited.request || awaited.freed.is_some();
        let is_sleeping = core.serving_sleeps && core.requests.is_empty();
        if !is_sleeping || core.beside == Beside::Looking || waits_for_more || shared.spin == Spin::Never {
            return Err(core);
        }
        core.beside = Beside::Looking;
        let at_end = usize::from(awaited.end.is_some());
        core.leaders_at_ends = core.leaders_at_ends.saturating_add(at_end);
        let mut spinner = std::mem::replace(&mut core.spinner_beside, Spinner::new());
        let next = core.inbox.next();
        // Acquire pairs with the Release in `nudge`, as for the leader.
        let epoch = shared.epoch.load(Ordering::Acquire);
        drop(core);
        shared.own.words().wants.hush();
        let is_there = || {
            // Acquire, as above.
            ring::may_be_there(shared.peer.entries(), next) || shared.epoch.load(Ordering::Acquire) != epoch
        };
        let wait = Wait { wishes: &[(Counter::Message, next)], is_there: &is_there, deadline };
        let looked = shared.look_first(is_there) || spinner.look(shared, &wait);
        let mut core = self.lock();
        core.spinner_beside = spinner;
        core.leaders_at_ends = core.leaders_at_ends.saturating_sub(at_end);
        core.beside = Beside::Done;
        core.has_chores = true;
        // Another thread may have taken out what this one waits for since it last looked.
        if looked || core.inbox.next() != next || is_there() || core.check_end() { Ok(core) } else { Err(core) }
    }
}

impl Core {
    /// As [`Link::look_beside`] begins to, by who expects that the message which comes next is for it: the sleeper is to be rung for
    /// the one behind that, so that nothing is left to be said if it is, and this thread takes it out alone. True when so; then
    /// who looked must say, under the lock, whether it [was](Self::took_beside), or [was not](Self::failed_beside).
    #[inline]
    pub(super) fn step_beside(&mut self) -> bool {
        let may = self.serving_sleeps && self.beside == Beside::Nobody && self.requests.is_empty();
        let shared = &self.inbox.shared;
        if !may || self.end.is_some() || shared.spin == Spin::Never {
            return false;
        }
        self.beside = Beside::Looking;
        shared.step_ahead(Bed::Futex, Counter::Message, self.inbox.next().wrapping_add(1));
        true
    }

    /// The message that came next was taken out, and is for who looked: the sleeper's wish is for what comes now.
    #[inline]
    pub(super) fn took_beside(&mut self) {
        self.beside = Beside::Nobody;
    }

    /// Something else is the case.
    pub(super) fn failed_beside(&mut self) {
        self.beside = Beside::Done;
        self.has_chores = true;
    }

    /// The lock is about to be released by who looked: the sleeper is rung for again, or nudged for what came meanwhile. It
    /// waits for requests and for the end only; but if it woke meanwhile, whoever leads by now may wait for anything.
    pub(super) fn end_beside(&mut self) {
        self.beside = Beside::Nobody;
        let (shared, next) = (&self.inbox.shared, self.inbox.next());
        shared.own.words().wants.unhush();
        shared.step_back(Bed::Futex, Counter::Message, next);
        let has_come = !self.requests.is_empty() || self.end.is_some() || !self.serving_sleeps;
        if has_come || ring::may_be_there(shared.peer.entries(), next) || shared.peer_closed() || shared.is_over() {
            self.nudge_leader();
        }
    }
}
