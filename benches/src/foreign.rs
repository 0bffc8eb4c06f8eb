//! Products of others, with the cargo feature `peers`: they take a minute to build and a newer compiler than rapace.

pub mod iceoryx2;
