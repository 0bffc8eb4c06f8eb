//! Who waits at a link, and how each is told to look again: the leader by a nudge, all others by their wakers.

use std::sync::Arc;

#[cfg(feature = "tokio")]
use super::engine::Ticket;
use super::link::{After, Core};
#[cfg(feature = "tokio")]
use crate::session::waiting::Waker;

impl Core {
    /// Everybody who waits to send is to try again.
    #[cold]
    pub(crate) fn wake_blocked(&mut self) {
        let blocked = std::mem::take(&mut self.blocked);
        self.do_all_after(blocked.into_iter().map(After::Wake));
        if self.leader_is_blocked() {
            self.nudge_leader();
        }
    }

    /// Whether a thread leads.
    #[inline]
    pub(crate) fn is_led(&self) -> bool {
        self.leaders > 0
    }

    /// Whether one that leads waits for room, or for its turn to send.
    #[inline]
    pub(crate) fn leader_is_blocked(&self) -> bool {
        self.leaders_blocked > 0
    }

    /// Has the leader look again, once the lock is released.
    #[cold]
    pub(crate) fn nudge_leader(&mut self) {
        self.do_after(After::Nudge(Arc::clone(&self.inbox.shared)));
    }

    /// What the blocked wait to see changed, after `note_room`.
    pub(crate) fn room_for_blocked(&self) -> Option<u64> {
        (!self.blocked.is_empty()).then_some(self.freed)
    }

    /// Whether the peer has taken out all that was sent. Then what a request waits for is a slot, and requests keep theirs until their
    /// handlers begin.
    #[cold]
    pub(super) fn waits_for_handlers(&mut self) -> bool {
        matches!(self.outbox.pending(), Ok(0))
    }

    #[inline]
    pub(super) fn wake_serving(&mut self) {
        if let Some(waker) = self.serving.take() {
            self.do_after(After::Wake(waker));
        }
    }

    /// A task waits for room, or for its turn to send.
    #[cfg(feature = "tokio")]
    pub(crate) fn block(&mut self, waker: Waker) {
        let same = |other: &Waker| match (other, &waker) {
            (Waker::Task(other), Waker::Task(waker)) => other.will_wake(waker),
            _ => false,
        };
        if self.blocked.iter().any(same) {
            self.do_after(After::DropWaker(waker));
        } else {
            self.blocked.push(waker);
        }
    }

    /// A task waits for the outcome of a call.
    #[cfg(feature = "tokio")]
    pub(crate) fn wait_for(&mut self, ticket: Ticket, waker: Waker) {
        let dropped = self.tickets.wait(ticket, waker);
        self.drop_later(dropped);
    }

    /// Whether a task waits for anything here.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_waiting_tasks(&self) -> bool {
        let is_task = |waker: &Waker| matches!(waker, Waker::Task(_));
        self.tickets.waiting_tasks() > 0
            || self.blocked.iter().any(is_task)
            || self.engine.streams.waiting().any(is_task)
            || self.serving.as_ref().is_some_and(is_task)
    }

    /// Has every task that waits here polled again.
    #[cfg(feature = "tokio")]
    pub(crate) fn wake_tasks(&mut self) {
        self.after.extend(self.tickets.wakers_of_tasks().map(After::Wake));
        self.after.extend(self.engine.streams.waiting().cloned().map(After::Wake));
        self.has_chores = true;
        self.wake_blocked();
        self.wake_serving();
    }

    /// Before and after a wait: has the peer given something back? Asked for the blocked only, since the peer writes that line
    /// with every payload that it drops, and would have to fetch it back.
    pub(crate) fn note_room(&mut self) {
        if self.blocked.is_empty() {
            return;
        }
        let freed = self.inbox.shared.freed();
        if std::mem::replace(&mut self.freed, freed) != freed {
            self.wake_blocked();
        }
    }
}
