//! See `rapace/src/fuzz/client.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rapace::fuzz::client(data));
