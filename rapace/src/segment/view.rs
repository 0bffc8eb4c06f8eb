//! A mapped half as typed words: the one place where an address becomes a reference.
//!
//! Only atomics are ever referred to; a reference to an atomic makes no promise that the bytes stand still.

#![allow(unsafe_code)]

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use memmap2::MmapRaw;

use super::Words;
use crate::layout::geometry::Layout;
use crate::os::ForkGuard;
use crate::ring::Entry;

/// One half of a segment, mapped: our own writable, the peer's read-only.
#[derive(Debug)]
pub(crate) struct Half {
    /// Always there; taken out only by a drop in a forked process.
    map: Option<MmapRaw>,
    base: NonNull<u8>,
    layout: Layout,
    fork: ForkGuard,
    /// Whether the right to write the slots can still be taken: never for the peer's half.
    writer: AtomicBool,
}

/// Who may write a half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Ours,
    Peers,
}

// SAFETY: `base` points into `map`, which is owned and may be used from any thread; what is reached through it are
// atomics, and slot bytes whose users argue for themselves.
unsafe impl Send for Half {}
// SAFETY: as for `Send`.
unsafe impl Sync for Half {}

impl Half {
    /// A half over a mapping of `layout.bytes` bytes; `None` when the mapping is shorter.
    pub(crate) fn new(map: MmapRaw, access: Access, layout: Layout, fork: ForkGuard) -> Option<Self> {
        if map.len() < layout.bytes {
            return None;
        }
        let base = NonNull::new(map.as_mut_ptr())?;
        Some(Self { map: Some(map), base, layout, fork, writer: AtomicBool::new(access == Access::Ours) })
    }

    /// True once, for our own half.
    pub(crate) fn take_writer(&self) -> bool {
        // Relaxed: one caller gets it, and nothing was written before.
        self.writer.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The control words. Storing into those of the peer's half is a bug that faults, since it is mapped read-only.
    #[inline]
    pub(crate) fn words(&self) -> &Words {
        // SAFETY: the mapping begins on a page, is longer than `Words`, and lives as long as `self`; `Words` is made of
        // atomics only and any bits are valid in it.
        unsafe { self.base.cast::<Words>().as_ref() }
    }

    /// The ring's entries.
    #[inline]
    pub(crate) fn entries(&self) -> &[Entry] {
        let start = self.at(self.layout.ring).cast::<Entry>();
        let len = self.layout.geometry.ring_entries as usize;
        // SAFETY: `Layout` places `len` entries there, 128-byte aligned, within the mapping; atomics, as in `words`.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// The release words, one for each slot of the other half.
    pub(crate) fn released(&self) -> &[AtomicU64] {
        let start = self.at(self.layout.released).cast::<AtomicU64>();
        let len = self.layout.slots_total as usize;
        // SAFETY: `Layout` places `len` words there, 128-byte aligned, within the mapping; atomics, as in `words`.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// Any word of a half of our own, for a peer that tests make and that writes where it should not.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn word(&self, offset: usize) -> Option<&AtomicU64> {
        let is_inside = offset % 8 == 0 && offset < self.layout.bytes;
        // SAFETY: the half is whole pages, so a word that begins inside is inside, and its address is a multiple of eight;
        // an atomic, as in `words`.
        is_inside.then(|| unsafe { self.at(offset).cast::<AtomicU64>().as_ref() })
    }

    /// The address at `offset` bytes from the start, which comes from this half's layout.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < self.layout.bytes);
        // SAFETY: offsets come from `Layout`, which keeps them inside `layout.bytes`, and the mapping has that length.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // A forked child never had the mapping (`MADV_DONTFORK`); something else may lie at its address now.
        if self.fork.is_forked() {
            std::mem::forget(self.map.take());
        }
    }
}

/// A part of a half that keeps the half alive.
#[derive(Debug)]
pub(crate) struct View<T: ?Sized> {
    part: NonNull<T>,
    _half: Arc<Half>,
}

impl<T: ?Sized> View<T> {
    /// The part of `half` that `choose` points out.
    pub(crate) fn new(half: &Arc<Half>, choose: impl for<'a> FnOnce(&'a Half) -> &'a T) -> Self {
        let part = NonNull::from(choose(half));
        Self { part, _half: Arc::clone(half) }
    }
}

impl<T: ?Sized> Deref for View<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `part` was borrowed from the half, whose mapping never moves, and `_half` keeps it alive.
        unsafe { self.part.as_ref() }
    }
}

// SAFETY: a `View` is a shared reference with an `Arc`, so it may go where `&T` may.
unsafe impl<T: ?Sized + Sync> Send for View<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: ?Sized + Sync> Sync for View<T> {}
