//! Whether the other side lives, and whether it moves. Death is the kernel's word only; a heartbeat that stands still
//! means at most [`PeerState::Unresponsive`].

use std::time::{Duration, Instant};

use crate::error::Death;

/// What is known of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// Its process runs, or nothing is known against it.
    Alive,
    /// It lives, but has made no step since then though messages wait for it. It may be stopped, stuck or busy. A peer
    /// that took the last message and then stops looks alive, since nothing waits for it: answers need deadlines.
    Unresponsive {
        /// When it was last seen to move, by this process's clock.
        since: Instant,
    },
    /// The session is closed, by it or by this side.
    Closed,
    /// It is gone without a farewell.
    Dead(Death),
}

/// Watches the counters that a peer moves when it runs. Asked from time to time; it has no timer of its own.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    last: Option<Beat>,
}

#[derive(Debug)]
struct Beat {
    heartbeat: u64,
    consumed: u64,
    seen: Instant,
}

impl Pulse {
    /// What was seen counts no more: nobody could look, or the peer could not run.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// Takes a look at the peer's counters: since when does it stand still though work waits for it?
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        heartbeat: u64,
        consumed: u64,
        work_waits: bool,
        hang_after: Duration,
    ) -> Option<Instant> {
        match &self.last {
            Some(beat) if work_waits && beat.heartbeat == heartbeat && beat.consumed == consumed => {
                (now.saturating_duration_since(beat.seen) >= hang_after).then_some(beat.seen)
            }
            _ => {
                self.last = Some(Beat { heartbeat, consumed, seen: now });
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANG: Duration = Duration::from_secs(1);

    #[test]
    fn a_peer_that_stands_still_with_work_waiting_is_unresponsive_since_its_last_step() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pulse = Pulse::default();
        assert_eq!(pulse.observe(at(0), 5, 9, true, HANG), None);
        assert_eq!(pulse.observe(at(999), 5, 9, true, HANG), None);
        assert_eq!(pulse.observe(at(1_000), 5, 9, true, HANG), Some(at(0)));
        assert_eq!(pulse.observe(at(5_000), 5, 9, true, HANG), Some(at(0)));
    }

    #[test]
    fn any_step_or_an_empty_queue_makes_it_alive_again() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pulse = Pulse::default();
        pulse.observe(at(0), 5, 9, true, HANG);
        assert_eq!(pulse.observe(at(2_000), 6, 9, true, HANG), None);
        assert_eq!(pulse.observe(at(4_000), 6, 10, true, HANG), None);
        assert_eq!(pulse.observe(at(8_000), 6, 10, false, HANG), None);
        assert_eq!(pulse.observe(at(8_500), 6, 10, true, HANG), None, "work waits only since the last look");
    }
}
