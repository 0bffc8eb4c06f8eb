//! See `rapace/src/fuzz/ring.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rapace::fuzz::ring(data));
