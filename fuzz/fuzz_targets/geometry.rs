//! See `rapace/src/fuzz/geometry.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rapace::fuzz::geometry(data));
