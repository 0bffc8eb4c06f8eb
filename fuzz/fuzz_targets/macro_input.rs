//! See `rapace-macros/src/fuzz.rs`. A crate of a macro exports nothing else, so its sources are included.

#![no_main]

#[path = "../../rapace-macros/src"]
mod macros {
    mod args;
    mod check;
    mod errors;
    mod expand;
    pub(super) mod fuzz;
    mod generate;
    mod model;
    mod names;
    mod parse;
    mod spelling;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| macros::fuzz::macro_input(data));
