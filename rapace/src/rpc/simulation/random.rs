//! The decisions of a seed.

/// The seed's decisions: SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T>(&mut self, from: &[T]) -> Option<usize> {
        (!from.is_empty()).then(|| self.below(from.len()))
    }

    /// Inline, in a slot, and in fragments.
    pub(super) fn size(&mut self) -> usize {
        [8, 20, 90, 200, 700][self.below(5)]
    }
}
