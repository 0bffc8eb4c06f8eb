//! See `rapace/src/fuzz/descriptor.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rapace::fuzz::descriptor(data));
