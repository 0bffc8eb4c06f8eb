//! Shared memory for the floors, made as the product makes it.
//!
//! [`Halves`]: each side owns one sealed memfd that it alone maps writable; the other side maps it
//! read-only. [`Half::open`]: one page that both sides write, for floors that need no such care.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};

use crate::control::Control;

/// A mapping of one memfd.
#[derive(Debug)]
pub struct Half {
    map: MmapRaw,
    writable: bool,
}

impl Half {
    /// A memfd of `len` bytes that everybody who gets the descriptor may write.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn create(len: usize) -> io::Result<(Self, OwnedFd)> {
        let fd = rustix::fs::memfd_create("rapace-floor", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, len as u64)?;
        let half = Self::open(&fd, len)?;
        Ok((half, fd))
    }

    /// The same, then closed to every other writer.
    ///
    /// # Errors
    /// When there is no memory, or the kernel has no such seal.
    pub fn create_sealed(len: usize) -> io::Result<(Self, OwnedFd)> {
        let (half, fd) = Self::create(len)?;
        rustix::fs::fcntl_add_seals(
            &fd,
            SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL,
        )?;
        Ok((half, fd))
    }

    /// Maps `fd` for reading and writing; its pages come with the first touch.
    ///
    /// # Errors
    /// Those of `mmap`.
    pub fn open(fd: &OwnedFd, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(len).map_raw(fd)?;
        Ok(Self { map, writable: true })
    }

    /// Maps `fd` for reading, with all its pages.
    ///
    /// # Errors
    /// Those of `mmap`.
    pub fn open_read_only(fd: &OwnedFd, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(len).populate().map_raw_read_only(fd)?;
        Ok(Self { map, writable: false })
    }

    /// The eight bytes at `offset`; only to be loaded when the half is not ours.
    #[inline]
    #[must_use]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset < self.map.len() - 7);
        // SAFETY: the assertion keeps the address inside the mapping.
        let word = unsafe { self.map.as_ptr().add(offset) };
        // SAFETY: aligned and inside the mapping, which lives as long as `self`; every process
        // that touches these bytes does so through atomics.
        unsafe { &*word.cast::<AtomicU64>() }
    }

    /// The four bytes at `offset`, as a futex wants them.
    #[inline]
    #[must_use]
    pub fn futex(&self, offset: usize) -> &AtomicU32 {
        assert!(offset % 4 == 0 && offset < self.map.len() - 3);
        // SAFETY: the assertion keeps the address inside the mapping.
        let word = unsafe { self.map.as_ptr().add(offset) };
        // SAFETY: as in `word`.
        unsafe { &*word.cast::<AtomicU32>() }
    }

    /// Copies `bytes` to `offset`. The peer must not be reading there: the ring's protocol says so.
    #[inline]
    pub fn fill(&self, offset: usize, bytes: &[u8]) {
        assert!(self.writable && offset + bytes.len() <= self.map.len());
        // SAFETY: the assertion keeps the address inside the mapping.
        let to = unsafe { self.map.as_mut_ptr().add(offset) };
        // SAFETY: `bytes.len()` bytes from `to` are inside a writable mapping, and `bytes` is
        // private memory.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Appends `len` bytes at `offset` to `bytes`. The peer must not be writing there: both sides of a floor
    /// are ours, so the protocol is trusted where the product may not trust it.
    #[inline]
    pub fn append_to(&self, bytes: &mut Vec<u8>, offset: usize, len: usize) {
        assert!(len <= self.map.len() && offset <= self.map.len() - len);
        bytes.reserve(len);
        // SAFETY: the assertion keeps the address inside the mapping.
        let from = unsafe { self.map.as_ptr().add(offset) };
        let to = bytes.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: `len` bytes are readable at `from`, and writable at `to` in the vector's private memory.
        unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
        // SAFETY: the line above filled `len` bytes behind those that were there.
        unsafe { bytes.set_len(bytes.len() + len) };
    }
}

/// Both halves as one side sees them.
#[derive(Debug)]
pub struct Halves {
    /// Ours: writable.
    pub own: Half,
    /// The peer's: read-only, but for [`exchange_writable`](Self::exchange_writable).
    pub peer: Half,
}

impl Halves {
    /// Makes our half and swaps it for the peer's, which does the same.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn exchange(control: &Control, len: usize) -> io::Result<Self> {
        Self::swap(control, Half::create_sealed(len)?, |fd| Half::open_read_only(fd, len))
    }

    /// The same with nothing sealed, and the peer's half mapped for writing too: what it costs that it is not.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub fn exchange_writable(control: &Control, len: usize) -> io::Result<Self> {
        Self::swap(control, Half::create(len)?, |fd| Half::open(fd, len))
    }

    fn swap(
        control: &Control,
        (own, ours): (Half, OwnedFd),
        open: impl FnOnce(&OwnedFd) -> io::Result<Half>,
    ) -> io::Result<Self> {
        control.send_fd(ours.as_fd())?;
        let peer = open(&control.recv_fd()?)?;
        Ok(Self { own, peer })
    }
}
