//! Random bits for session ids and names, from the kernel.

use std::fs::File;
use std::io::{self, Read};

/// Fills `bytes` with random bits.
pub(crate) fn fill(bytes: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(bytes)
}
