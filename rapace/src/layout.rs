//! The bytes that two peers share, as types. Pure: nothing here touches memory that somebody else can write.
//!
//! Everything is in native byte order, because both peers run on one machine; [`geometry::layout_hash`] refuses a
//! peer that was built with another idea of it.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) mod descriptor;
pub(crate) mod geometry;
pub(crate) mod head;
pub(crate) mod inline;
pub(crate) mod metadata;

/// Bytes that a descriptor carries itself; longer payloads travel in slots.
pub const INLINE_MAX: usize = 24;
