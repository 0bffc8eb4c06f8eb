//! Four copies of a byte string by `memcpy`, in one process and with nobody to tell: the least that `echo` of owned bytes costs
//! whose copies do not overlap.

use std::hint::black_box;

use crate::burst::Exchange;

/// The caller's bytes and where they go.
#[derive(Debug)]
pub struct Copies([Vec<u8>; 5]);

impl Copies {
    /// Of so many bytes. All memory is there and touched.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self(std::array::from_fn(|index| vec![index as u8; len]))
    }
}

impl Exchange for Copies {
    fn step(&mut self) {
        for index in 1..self.0.len() {
            let (from, to) = self.0.split_at_mut(index);
            to[0].copy_from_slice(black_box(&from[index - 1]));
            black_box(&to[0]);
        }
    }
}
