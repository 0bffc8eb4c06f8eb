//! Who waits for which call, and the answers that came before they were asked for.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::engine::Ticket;
use super::error::RpcError;
use super::status::Status;
use crate::layout::inline::Inline;
use crate::session::Payload;
use crate::session::waiting::Waker;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// What its terminal says.
    Answer(Status, Payload),
    /// The same, of one whose descriptor carries it.
    Short(Status, Inline),
    /// No terminal comes.
    End(RpcError),
}

/// What is left where one was taken.
impl Default for Outcome {
    fn default() -> Self {
        Self::End(RpcError::Cancelled)
    }
}

/// The users of the calls of one session that are begun and whose outcome was not fetched yet.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    places: Vec<Place>,
    free: Vec<Ticket>,
    /// Places at which a task waits.
    waiting_tasks: usize,
}

/// One that is free waits without a waker, so that taking it writes nothing.
#[derive(Debug)]
enum Place {
    Waiting(Option<Waker>),
    Done(Outcome),
}

impl Tickets {
    /// A new ticket, of which nobody waits yet.
    #[inline]
    pub(crate) fn take(&mut self) -> Ticket {
        match self.free.pop() {
            Some(ticket) => ticket,
            None => self.grow(),
        }
    }

    #[cold]
    fn grow(&mut self) -> Ticket {
        self.places.push(Place::Waiting(None));
        self.places.len().saturating_sub(1) as Ticket
    }

    /// As [`give_back`](Self::give_back), of one for which nobody said that it waits, and nothing came.
    #[inline(always)]
    pub(crate) fn give_back_unused(&mut self, ticket: Ticket) {
        debug_assert!(matches!(self.places.get(ticket as usize), Some(Place::Waiting(None))));
        self.free.push(ticket);
    }

    /// Gives a ticket back. What was still there for it comes out, to be dropped where foreign code may run.
    #[inline(always)]
    pub(crate) fn give_back(&mut self, ticket: Ticket) -> Option<Dropped> {
        let place = self.places.get(ticket as usize)?;
        self.free.push(ticket);
        if matches!(place, Place::Waiting(None)) { None } else { self.clear(ticket) }
    }

    #[cold]
    #[inline(never)]
    fn clear(&mut self, ticket: Ticket) -> Option<Dropped> {
        let rest = std::mem::replace(self.places.get_mut(ticket as usize)?, Place::Waiting(None));
        self.waiting_tasks = self.waiting_tasks.saturating_sub(rest.is_task().into());
        Some(Dropped { _place: rest })
    }

    /// Puts an outcome where its user finds it. Who is to be woken.
    pub(crate) fn deliver(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Waker> {
        let place = self.places.get_mut(ticket as usize)?;
        self.waiting_tasks = self.waiting_tasks.saturating_sub(place.is_task().into());
        match place {
            Place::Waiting(waker) => {
                let waker = waker.take();
                *place = Place::Done(outcome);
                waker
            }
            Place::Done(_) => None,
        }
    }

    /// Who waits from now on. What it replaces comes out, to be dropped where foreign code may run.
    pub(crate) fn wait(&mut self, ticket: Ticket, waker: Waker) -> Option<Dropped> {
        let place = self.places.get_mut(ticket as usize)?;
        if !matches!(place, Place::Waiting(_)) {
            return None;
        }
        let before = std::mem::replace(place, Place::Waiting(Some(waker)));
        self.waiting_tasks = self.waiting_tasks.saturating_add(place.is_task().into());
        self.waiting_tasks = self.waiting_tasks.saturating_sub(before.is_task().into());
        Some(Dropped { _place: before })
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn waiting_tasks(&self) -> usize {
        self.waiting_tasks
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn wakers_of_tasks(&self) -> impl Iterator<Item = Waker> {
        self.places.iter().filter_map(|place| match place {
            Place::Waiting(Some(waker @ Waker::Task(_))) => Some(waker.clone()),
            _ => None,
        })
    }

    /// How many are taken and not given back.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn in_use(&self) -> usize {
        self.places.len().saturating_sub(self.free.len())
    }

    /// Whether the outcome is there.
    pub(crate) fn is_done(&self, ticket: Ticket) -> bool {
        matches!(self.places.get(ticket as usize), Some(Place::Done(_)))
    }

    /// The outcome, if it is there; then the ticket is given back.
    pub(crate) fn fetch(&mut self, ticket: Ticket) -> Option<Outcome> {
        let place = self.places.get_mut(ticket as usize)?;
        if !matches!(place, Place::Done(_)) {
            return None;
        }
        self.free.push(ticket);
        match std::mem::replace(place, Place::Waiting(None)) {
            Place::Done(outcome) => Some(outcome),
            Place::Waiting(_) => None,
        }
    }
}

impl Place {
    fn is_task(&self) -> bool {
        matches!(self, Self::Waiting(Some(Waker::Task(_))))
    }
}

/// What was taken out under a lock, to be dropped after it: a waker is foreign code.
#[derive(Debug)]
pub(crate) struct Dropped {
    _place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_fetched_once_and_its_ticket_used_again() {
        let mut tickets = Tickets::default();
        let ticket = tickets.take();
        assert!(tickets.fetch(ticket).is_none() && !tickets.is_done(ticket));
        assert!(tickets.deliver(ticket, Outcome::End(RpcError::Cancelled)).is_none(), "nobody waits yet");
        assert!(tickets.is_done(ticket));
        assert!(matches!(tickets.fetch(ticket), Some(Outcome::End(RpcError::Cancelled))));
        assert!(tickets.fetch(ticket).is_none());
        assert_eq!(tickets.take(), ticket);
    }

    #[test]
    fn who_waits_is_woken_and_one_who_left_is_not() {
        let mut tickets = Tickets::default();
        let (stays, leaves) = (tickets.take(), tickets.take());
        tickets.wait(stays, Waker::Thread(std::thread::current()));
        tickets.wait(leaves, Waker::Thread(std::thread::current()));
        assert!(tickets.give_back(leaves).is_some());
        assert!(tickets.deliver(stays, Outcome::End(RpcError::Cancelled)).is_some());
        assert!(tickets.deliver(leaves, Outcome::End(RpcError::Cancelled)).is_none());
    }

    #[test]
    fn what_is_taken_and_not_given_back_is_in_use() {
        let mut tickets = Tickets::default();
        let [first, second] = [0; 2].map(|_| tickets.take());
        assert_ne!(first, second);
        assert_eq!(tickets.in_use(), 2);
        assert!(tickets.give_back(first).is_none(), "nobody waited for it");
        assert_eq!(tickets.in_use(), 1);
        tickets.deliver(second, Outcome::End(RpcError::Cancelled));
        assert!(tickets.fetch(second).is_some());
        assert_eq!(tickets.in_use(), 0);
    }

    #[test]
    #[cfg(feature = "tokio")]
    fn tasks_that_wait_are_counted_and_found_and_threads_are_not() {
        let mut tickets = Tickets::default();
        let [leaves, gets, stays, thread] = [0; 4].map(|_| tickets.take());
        let waiting = |tickets: &Tickets, expected| {
            assert_eq!((tickets.waiting_tasks(), tickets.wakers_of_tasks().count()), (expected, expected));
        };
        waiting(&tickets, 0);
        tickets.wait(thread, Waker::Thread(std::thread::current()));
        for ticket in [leaves, gets, stays, stays] {
            tickets.wait(ticket, Waker::Task(std::task::Waker::noop().clone()));
        }
        waiting(&tickets, 3);
        tickets.give_back(leaves);
        waiting(&tickets, 2);
        assert!(tickets.deliver(gets, Outcome::End(RpcError::Cancelled)).is_some());
        waiting(&tickets, 1);
        tickets.deliver(thread, Outcome::End(RpcError::Cancelled));
        waiting(&tickets, 1);
    }
}
