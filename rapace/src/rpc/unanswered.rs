//! One-way calls of both directions: they have no answer, so their number alone is kept, and how many of them are finished is told now
//! and then.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::Violation;

/// The one-way calls of a session that are not known to be finished.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// Those that the peer has not said it finished, and how many it keeps.
    out: u32,
    out_max: u32,
    /// Those of the peer that are not finished, those that are and were not told, and how many are kept.
    came: u32,
    untold: u32,
    came_max: u32,
}

impl Unanswered {
    /// So many does the peer keep, and this side.
    pub(crate) fn new(theirs: u32, ours: u32) -> Self {
        Self { out: 0, out_max: theirs, came: 0, untold: 0, came_max: ours }
    }

    /// Whether the peer keeps one more.
    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.out < self.out_max
    }

    /// No more is sent.
    pub(super) fn end_sending(&mut self) {
        self.out_max = 0;
    }

    /// One was sent.
    #[inline]
    pub(crate) fn sent(&mut self) {
        self.out = self.out.saturating_add(1);
    }

    /// The peer says that it finished so many.
    pub(super) fn handle_credit(&mut self, amount: u64) -> Result<(), Violation> {
        let lie = Violation::OneWays { count: amount, max: self.out_max };
        let out = u64::from(self.out).checked_sub(amount).filter(|_| amount > 0);
        self.out = out.and_then(|out| u32::try_from(out).ok()).ok_or(lie)?;
        Ok(())
    }

    /// One came.
    #[inline]
    pub(super) fn handle(&mut self) -> Result<(), Violation> {
        self.came = self.came.saturating_add(1);
        let kept = u64::from(self.came).saturating_add(self.untold.into());
        let max = self.came_max;
        if kept > u64::from(max) { Err(Violation::OneWays { count: kept, max }) } else { Ok(()) }
    }

    /// One is finished. True when the peer is to be told: after a quarter of what is kept.
    #[inline]
    pub(crate) fn finish(&mut self) -> bool {
        self.came = self.came.saturating_sub(1);
        self.untold = self.untold.saturating_add(1);
        self.untold().is_some()
    }

    /// How many may come before the peer is told of finished ones.
    pub(crate) fn left(&self) -> u64 {
        self.came_max.saturating_sub(self.came.saturating_add(self.untold)).into()
    }

    /// Of how many finished ones the peer is to be told, if that is due; until it is [told](Self::told).
    pub(crate) fn untold(&self) -> Option<u64> {
        let due = self.untold >= (self.came_max / 4).max(1);
        due.then_some(self.untold.into())
    }

    /// The peer was told of those that are finished.
    pub(crate) fn told(&mut self) {
        self.untold = 0;
    }

    /// Whether some of the peer's are not finished.
    pub(crate) fn are_here(&self) -> bool {
        self.came > 0
    }
}
