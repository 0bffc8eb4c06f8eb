//! Numbers from a seed: the same choices again for the same seed.

use std::time::Duration;

/// splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// As many small ones as large ones: its length in bits is what is drawn.
    pub(crate) fn size(&mut self, max: usize) -> usize {
        let bits = self.below(u64::from(usize::BITS - max.leading_zeros()) + 1);
        (self.below(1 << bits) as usize).min(max)
    }

    /// Short ones as often as long ones.
    pub(crate) fn micros(&mut self, max: usize) -> Duration {
        let micros = if self.once_in(2) { self.size(max) as u64 } else { self.below(max as u64 + 1) };
        Duration::from_micros(micros)
    }

    pub(crate) fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Others, for another thread or process.
    pub(crate) fn apart(&mut self) -> Self {
        Self(self.number())
    }

    /// A seed for another process.
    pub(crate) fn seed(&mut self) -> u64 {
        self.number()
    }
}
