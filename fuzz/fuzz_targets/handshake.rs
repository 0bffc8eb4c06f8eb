//! See `rapace/src/fuzz/handshake.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rapace::fuzz::handshake(data));
