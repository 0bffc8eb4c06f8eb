//! See `rapace/src/fuzz/service.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rapace::fuzz::service(data));
