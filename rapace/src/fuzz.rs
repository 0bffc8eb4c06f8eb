//! What the fuzz targets do with their bytes, and what must hold of the outcome.
//!
//! Each function here is a target: it takes any bytes, does with the library what they say, and panics when a promise is
//! broken. The programs in `fuzz/` hand them what a fuzzer makes up; the tests at the end of this file hand them what
//! earlier runs found worth keeping (`fuzz/corpus`). All of it is deterministic: nothing waits, nothing reads a clock or draws
//! random numbers, so the bytes are all that it takes to see a failure again.
//!
//! Not a part of the library: it exists in tests, and where `--cfg fuzzing` is set, as `cargo fuzz` does.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a target fails by panicking"
)]

mod client;
mod decoder;
mod descriptor;
mod geometry;
mod handshake;
mod input;
mod liar;
mod ring;
mod service;

pub use client::client;
pub use decoder::decoder;
pub use descriptor::descriptor;
pub use geometry::geometry;
pub use handshake::handshake;
pub use ring::ring;
pub use service::service;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Every file that is kept for `target`, and then a part of each: what a fuzzer would try next.
    fn replay(target: &str, run: fn(&[u8])) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 1, "{} is empty", directory.display());
        for file in files {
            // Shown only when one fails.
            println!("{}", file.display());
            let bytes = fs::read(&file).unwrap();
            run(&bytes);
            run(&bytes[..bytes.len() / 2]);
        }
    }

    #[test]
    fn the_corpus_of_descriptors_holds() {
        replay("descriptor", super::descriptor);
    }

    #[test]
    fn the_corpus_of_geometries_holds() {
        replay("geometry", super::geometry);
    }

    #[test]
    fn the_corpus_of_hostile_servers_holds() {
        replay("client", super::client);
    }

    #[test]
    fn the_corpus_of_hostile_clients_of_a_service_holds() {
        replay("service", super::service);
    }

    #[test]
    fn the_corpus_of_handshakes_holds() {
        replay("handshake", super::handshake);
    }

    #[test]
    fn the_corpus_of_the_decoder_holds() {
        replay("decoder", super::decoder);
    }

    #[test]
    fn the_corpus_of_hostile_rings_holds() {
        replay("ring", super::ring);
    }
}
