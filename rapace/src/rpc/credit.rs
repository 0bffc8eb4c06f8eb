//! How much of streams may be on its way: bytes that were sent and not taken out by their reader.
//!
//! Each stream has a share that nobody can take from it, so that slow readers of other streams never stop it, and may use
//! a window beyond it, as far as the pool of the session allows. Both ends reckon by the same rule, each with what it
//! knows: the sender counts a byte from its sending until it hears that it was taken, which is longer than the receiver
//! does. What the sender may send is therefore always what the receiver accepts; more is a violation.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// What one stream may always have on its way, in bytes.
const SHARE: u64 = 16 << 10;
/// What one stream may have on its way at most, in bytes, if no single item is larger.
const WINDOW: u64 = 256 << 10;
/// The least that an item costs, because it takes memory beside its bytes.
const ITEM: u64 = 64;
/// A reader that has taken so much tells its sender, and less only one that waits: in the window half of a share lets an item
/// of any size pass, but the pool may be full of what others do not read.
const TOLD: u64 = SHARE / 2;
/// How many messages a reader takes out at once, at most; they are its own then, and no longer counted.
pub(crate) const AT_ONCE: usize = (TOLD / ITEM) as usize;

/// What an item of `len` bytes costs.
pub(crate) fn cost(len: usize) -> u64 {
    (len as u64).max(ITEM)
}

/// Whether so much that was taken out is worth a message, whatever other streams do.
pub(crate) fn is_worth_telling(taken: u64) -> bool {
    taken >= TOLD
}

/// What all streams of one direction have on their way beyond their shares.
#[derive(Debug)]
pub(crate) struct Pool {
    beyond: u64,
    /// The receiver's limit `stream_bytes`.
    max: u64,
    /// See [`is_due`](Self::is_due).
    told_alone: u64,
    /// A stream was refused for what others have on their way.
    has_refused: bool,
}

impl Pool {
    pub(crate) fn new(max: u64) -> Self {
        let told_alone = SHARE.saturating_add(max).min(WINDOW) / 2;
        Self { beyond: 0, max, told_alone, has_refused: false }
    }

    /// Puts an item on its way in a stream that has `out` on its way; false when there is no room for it.
    pub(crate) fn put(&mut self, out: &mut u64, cost: u64) -> bool {
        let after = out.saturating_add(cost);
        let more = beyond(after).saturating_sub(beyond(*out));
        if more > 0 {
            let in_window = after <= WINDOW || *out <= TOLD;
            let in_pool = self.beyond == 0 || self.beyond.saturating_add(more) <= self.max;
            if !in_window || !in_pool {
                self.has_refused |= in_window;
                return false;
            }
        }
        self.beyond = self.beyond.saturating_add(more);
        *out = after;
        true
    }

    /// Whether a stream was refused for what others have on their way, since this was last asked.
    pub(crate) fn has_refused(&mut self) -> bool {
        std::mem::take(&mut self.has_refused)
    }

    /// Whether so much that was taken out of a stream is to be told, where so many streams come in. Of the only one it is half of
    /// all that it may have on its way: nobody else can wait for that, and what is told may wake a thread which the writer does
    /// not need.
    #[inline]
    pub(crate) fn is_due(&self, untold: u64, streams: usize) -> bool {
        is_worth_telling(untold) && (streams != 1 || untold >= self.told_alone)
    }

    /// What was on its way was taken out; false when it was not on its way.
    pub(crate) fn take(&mut self, out: &mut u64, cost: u64) -> bool {
        let Some(after) = out.checked_sub(cost) else { return false };
        self.beyond = self.beyond.saturating_sub(beyond(*out).saturating_sub(beyond(after)));
        *out = after;
        true
    }
}

fn beyond(out: u64) -> u64 {
    out.saturating_sub(SHARE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_share_is_there_whatever_others_have_on_their_way() {
        let mut pool = Pool::new(0);
        let (mut greedy, mut modest) = (0, 0);
        // The only one beyond its share may be so with one item of any size.
        assert!(pool.put(&mut greedy, 10 << 20));
        for _ in 0..SHARE / ITEM {
            assert!(pool.put(&mut modest, ITEM));
        }
        assert!(!pool.put(&mut modest, ITEM), "the share is used up, and the pool too");
        assert!(pool.take(&mut greedy, 10 << 20));
        assert!(pool.put(&mut modest, ITEM));
    }

    #[test]
    fn a_window_ends_a_stream_that_nobody_reads() {
        let mut pool = Pool::new(u64::MAX);
        let mut out = 0;
        let items = (0..).take_while(|_| pool.put(&mut out, ITEM)).count() as u64;
        assert_eq!(items, WINDOW / ITEM);
        assert!(!pool.put(&mut out, 1 << 20), "nor does a large one pass");
        assert!(!pool.take(&mut out, WINDOW + 1), "more than there is was not taken");
    }

    proptest! {
        /// A sender and a receiver of some streams, with items and news of what was taken on their way between them.
        #[test]
        fn what_a_sender_may_send_its_receiver_accepts(
            max in 0_u64..(1 << 20),
            steps in prop::collection::vec((0_usize..3, 0_usize..3, 0_usize..400_000), 1..400),
        ) {
            let (mut sender, mut receiver) = (Pool::new(max), Pool::new(max));
            let (mut sent, mut got, mut mailbox, mut untold) = ([0_u64; 3], [0_u64; 3], [0_u64; 3], [0_u64; 3]);
            // Items in the one ring, news in the other, by stream.
            let (mut items, mut news) = (Vec::new(), Vec::new());
            // In the end everything arrives, is read, and is told.
            let last = [(0, 1, 0), (0, 2, 0), (1, 2, 0), (2, 2, 0), (0, 1, 0)];
            for (stream, what, len) in steps.into_iter().chain(last) {
                match what {
                    0 => {
                        if sender.put(&mut sent[stream], cost(len)) {
                            items.push((stream, cost(len)));
                        }
                    }
                    1 => {
                        for (stream, cost) in items.drain(..) {
                            prop_assert!(receiver.put(&mut got[stream], cost));
                            mailbox[stream] += cost;
                        }
                        for (stream, taken) in news.drain(..) {
                            prop_assert!(sender.take(&mut sent[stream], taken));
                        }
                    }
                    _ => {
                        untold[stream] += std::mem::take(&mut mailbox[stream]);
                        if is_worth_telling(untold[stream]) {
                            let taken = std::mem::take(&mut untold[stream]);
                            prop_assert!(receiver.take(&mut got[stream], taken));
                            news.push((stream, taken));
                        }
                    }
                }
            }
            // Then nobody is stuck, whatever is sent next.
            prop_assert_eq!(sender.beyond, 0);
            for out in &mut sent {
                prop_assert!(sender.put(out, 64 << 20));
                prop_assert!(sender.take(out, 64 << 20));
            }
        }
    }
}
