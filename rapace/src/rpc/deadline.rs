//! When a call must have ended, without reading a clock unless somebody has to wait.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::layout::head::Head;

/// The end of a call's time. A duration stays one until the first look at the clock, which only a waiter takes; by then
/// it has waited for a microsecond or so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    None,
    After(Duration),
    At(Instant),
}

thread_local! {
    /// The deadline of the call whose handler runs on this thread.
    static OF_HANDLER: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Deadline {
    /// The deadline of a call that is made now: its own, and not later than that of the handler that makes it.
    #[inline]
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        let own = timeout.map_or(Self::None, Self::After);
        match OF_HANDLER.get() {
            None => own,
            Some(inherited) => match own.at() {
                Some(own) => Self::At(own.min(inherited)),
                None => Self::At(inherited),
            },
        }
    }

    /// The instant, by the clock if it must be read. Beyond the clock is never.
    fn at(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::After(timeout) => Instant::now().checked_add(timeout),
            Self::At(instant) => Some(instant),
        }
    }

    /// From now on it is an instant.
    #[inline]
    pub(crate) fn fix(&mut self) {
        if *self != Self::None {
            self.instant();
        }
    }

    /// The instant; from now on a fixed one.
    pub(crate) fn instant(&mut self) -> Option<Instant> {
        let at = self.at();
        *self = at.map_or(Self::None, Self::At);
        at
    }

    /// What is left now, as a request says it; nothing when nothing is.
    #[inline]
    pub(crate) fn timeout_us(self) -> Option<u32> {
        #[cold]
        #[inline(never)]
        fn of(deadline: Deadline) -> Option<u32> {
            let left = match deadline {
                Deadline::None => return Some(0),
                Deadline::After(timeout) => timeout,
                Deadline::At(instant) => instant.saturating_duration_since(Instant::now()),
            };
            (!left.is_zero()).then(|| Head::message(0).with_timeout(left).timeout_us())
        }
        if self == Self::None { Some(0) } else { of(self) }
    }

    pub(crate) fn is_past(&mut self) -> bool {
        self.instant().is_some_and(|instant| Instant::now() >= instant)
    }
}

/// While it lives, calls made on this thread inherit a deadline.
#[derive(Debug)]
pub(crate) struct Inherit {
    before: Option<Instant>,
}

impl Inherit {
    pub(crate) fn new(deadline: Option<Instant>) -> Self {
        Self { before: OF_HANDLER.replace(deadline) }
    }
}

impl Drop for Inherit {
    fn drop(&mut self) {
        OF_HANDLER.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_nested_call_has_what_is_left_and_never_more() {
        assert_eq!(Deadline::new(None), Deadline::None);
        assert_eq!(Deadline::new(Some(LONG)), Deadline::After(LONG));
        let soon = Instant::now() + Duration::from_secs(1);
        let inherit = Inherit::new(Some(soon));
        assert_eq!(Deadline::new(None), Deadline::At(soon));
        assert_eq!(Deadline::new(Some(LONG)), Deadline::At(soon));
        assert!(Deadline::new(Some(Duration::ZERO)).is_past());
        assert_eq!(Deadline::new(Some(Duration::ZERO)).timeout_us(), None);
        assert!(Deadline::new(None).timeout_us().is_some_and(|us| us > 0));
        drop(inherit);
        assert_eq!(Deadline::new(None).timeout_us(), Some(0));
        assert_eq!(Deadline::new(Some(Duration::from_nanos(1))).timeout_us(), Some(1));
        assert_eq!(Deadline::new(None), Deadline::None);
    }

    #[test]
    fn a_deadline_beyond_the_clock_is_none() {
        let mut deadline = Deadline::After(Duration::MAX);
        assert_eq!(deadline.instant(), None);
        assert!(!deadline.is_past());
    }
}
