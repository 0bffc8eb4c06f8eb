//! How long payloads are copied into slots when the peer's core is far away.
//!
//! The peer has read the slot before, so each of its lines is at both sides, and what writes to one waits until the other side gave it up.
//! Where the two cores have no cache in common that is most of the copy: on an AMD Zen 4, 64 KiB took 29 µs. Written
//! [past the caches](super::bytes::copy_past_caches) it takes 2.5, and the peer reads it from memory in 3.4, as fast as from the other cache. Where the
//! cores are near, that is of no use: the same bytes take 2 to 6 µs, and then are in a cache that the peer reads from.
//!
//! The kernel moves processes about, so how far the peer is must be measured again and again: a copy is timed that is to be made anyway.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Instant;

use super::bytes::{copy_in, copy_past_caches};

/// Shorter copies say too little, and gain less.
const TIMED_MIN: usize = 16_384;

/// One of so many is timed, since reading the clock costs a hundredth of a copy; but each while the peer was far when last looked at.
const TIMED_EACH: u32 = 4;

/// A copy that moves fewer bytes a nanosecond is slow: half of what it moves between cores that are near. All are where the crate's tests run,
/// so that they go both ways.
const SLOW_BYTES_PER_NS: usize = if cfg!(debug_assertions) { usize::MAX } else { 5 };

/// So many slow copies, one after the other, tell that the peer is far; fewer may be an interrupt's.
const SLOW_MAX: u32 = 4;

/// So many copies go past the caches before the next one tells whether the peer is still far. Few where the crate's tests run.
const PAST_CACHES: u32 = if cfg!(debug_assertions) { 8 } else { 64 };

/// What the sending end of a session has learnt.
#[derive(Debug, Default)]
pub(crate) struct Distance {
    /// Copies through the caches so far.
    copies: u32,
    /// Slow ones of those that were timed, one after the other.
    slow: u32,
    /// Copies that are to go past the caches.
    past_caches: u32,
}

impl Distance {
    /// Copies bytes into a slot, as many as both have.
    #[inline]
    pub(crate) fn copy_in(&mut self, target: &mut [u8], source: &[u8]) {
        if target.len().min(source.len()) < TIMED_MIN {
            copy_in(target, source)
        } else {
            self.copy_much_in(target, source)
        }
    }

    #[inline(never)]
    fn copy_much_in(&mut self, target: &mut [u8], source: &[u8]) {
        let len = target.len().min(source.len());
        if self.is_far(len) {
            self.past_caches = self.past_caches.saturating_sub(1);
            return copy_past_caches(target, source);
        }
        self.copies = self.copies.wrapping_add(1);
        let is_timed = self.slow == SLOW_MAX || self.copies % TIMED_EACH == 0;
        if !is_timed || !is_of_use() {
            return copy_in(target, source);
        }
        let began = Instant::now();
        copy_in(target, source);
        self.note(began.elapsed().as_nanos() > (len / SLOW_BYTES_PER_NS) as u128);
    }

    /// Whether so many bytes are to go past the caches next.
    #[inline]
    pub(crate) fn is_far(&self, len: usize) -> bool {
        len >= TIMED_MIN && self.past_caches > 0
    }

    /// So was a copy through the caches that was timed.
    fn note(&mut self, is_slow: bool) {
        self.slow = if is_slow { self.slow.saturating_add(1).min(SLOW_MAX) } else { 0 };
        if self.slow == SLOW_MAX {
            self.past_caches = PAST_CACHES;
        }
    }
}

/// Where it was measured: on AMD's processors, which alone have SSE4a. In tests anywhere.
fn is_of_use() -> bool {
    #[cfg(target_arch = "x86_64")]
    return cfg!(debug_assertions) || std::arch::is_x86_feature_detected!("sse4a");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;

    const LEN: usize = 65_536;

    /// How many of the next copies go past the caches.
    fn past_caches(distance: &mut Distance) -> u32 {
        let next = |distance: &mut Distance| {
            let is_far = distance.is_far(LEN);
            distance.past_caches = distance.past_caches.saturating_sub(1);
            is_far
        };
        std::iter::from_fn(|| next(distance).then_some(1)).sum()
    }

    #[test]
    fn only_slow_copies_one_after_the_other_tell_that_the_peer_is_far() {
        let mut distance = Distance::default();
        for _ in 0..3 {
            (1..SLOW_MAX).for_each(|_| distance.note(true));
            assert_eq!(past_caches(&mut distance), 0);
            distance.note(false);
        }
        (0..SLOW_MAX).for_each(|_| distance.note(true));
        assert_eq!(past_caches(&mut distance), PAST_CACHES);
    }

    #[test]
    fn a_peer_that_was_far_is_so_until_one_copy_is_fast() {
        let mut distance = Distance::default();
        (0..SLOW_MAX).for_each(|_| distance.note(true));
        for _ in 0..3 {
            assert_eq!(past_caches(&mut distance), PAST_CACHES);
            distance.note(true);
        }
        assert_eq!(past_caches(&mut distance), PAST_CACHES);
        distance.note(false);
        (1..SLOW_MAX).for_each(|_| distance.note(true));
        assert_eq!(past_caches(&mut distance), 0);
    }

    #[test]
    fn bytes_are_the_same_whichever_way_they_go() {
        let source: Vec<u8> = (0..LEN).map(|index| (index / 7) as u8).collect();
        let mut distance = Distance::default();
        for far in [false, true] {
            for len in [1, TIMED_MIN - 1, TIMED_MIN, TIMED_MIN + 1, LEN] {
                distance.past_caches = far.into();
                let mut target = vec![0; LEN];
                distance.copy_in(&mut target[..len], &source);
                assert!(target[..len] == source[..len] && target[len..].iter().all(|byte| *byte == 0), "{len} bytes");
            }
        }
    }
}
