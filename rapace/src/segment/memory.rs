//! Where a half comes from: memory files that their owner cannot take back and nobody else can write.
//!
//! The owner maps first and seals then: after `F_SEAL_FUTURE_WRITE` its mapping still writes, while every other way
//! to write, resize or punch holes fails for everyone. The receiver believes nothing: seals, file system, size and
//! the presence of every page are checked before the first load, since a load of a missing page raises a signal.
//!
//! The portable variant (`--cfg rapace_portable`, and systems without memfd) has no seals: it is for peers that are
//! trusted not to resize their half.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::fstat;

use super::view::{Access, Half};
use crate::error::{Errno, OpenError, SegmentError};
use crate::layout::geometry::Layout;
use crate::os::ForkGuard;
use crate::slots::bytes::Area;

pub(crate) use variant::{accept, create};

/// A half of our own: the mapping, and the descriptor to hand to the peer.
pub(crate) struct Owned {
    pub(crate) half: Arc<Half>,
    /// The right to write the half's slots.
    pub(crate) area: Area,
    pub(crate) file: OwnedFd,
}

fn map_own(file: &OwnedFd, layout: &Layout, fork: &ForkGuard) -> Result<(Arc<Half>, Area), OpenError> {
    let mapped = MmapOptions::new().len(layout.bytes).map_raw(file);
    let map = mapped.map_err(OpenError::io("mapping our half of the segment"))?;
    keep_from_forks(&map);
    let short = SegmentError::Size { found: map.len() as u64, expected: layout.bytes as u64 };
    let half = Arc::new(Half::new(map, Access::Ours, *layout, fork.clone()).ok_or(short)?);
    let area = Area::take(&half).ok_or(short)?;
    Ok((half, area))
}

fn map_peer(file: &OwnedFd, layout: &Layout, fork: &ForkGuard) -> Result<Arc<Half>, OpenError> {
    let mapped = MmapOptions::new().len(layout.bytes).map_raw_read_only(file);
    let map = mapped.map_err(OpenError::io("mapping the peer's half of the segment"))?;
    keep_from_forks(&map);
    populate(&map)?;
    let short = SegmentError::Size { found: map.len() as u64, expected: layout.bytes as u64 };
    Ok(Arc::new(Half::new(map, Access::Peers, *layout, fork.clone()).ok_or(short)?))
}

/// A forked child must not share the session; it gets no mapping at all.
#[cfg(target_os = "linux")]
fn keep_from_forks(map: &MmapRaw) {
    // Without it a child would have a mapping that `ForkGuard` keeps it from using anyway.
    let _ = map.advise(memmap2::Advice::DontFork);
}

#[cfg(not(target_os = "linux"))]
fn keep_from_forks(_map: &MmapRaw) {}

/// Brings every page in now, where a missing one is an error and not a signal.
#[cfg(target_os = "linux")]
fn populate(map: &MmapRaw) -> Result<(), SegmentError> {
    match map.advise(memmap2::Advice::PopulateRead) {
        Ok(()) => Ok(()),
        // Linux before 5.14 does not know it; the seals, the size and the blocks were checked all the same.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        Err(error) => Err(SegmentError::Unreadable(Errno(error.raw_os_error().unwrap_or(0)))),
    }
}

#[cfg(not(target_os = "linux"))]
fn populate(_map: &MmapRaw) -> Result<(), SegmentError> {
    Ok(())
}

fn check_size(file: BorrowedFd<'_>, layout: &Layout) -> Result<rustix::fs::Stat, OpenError> {
    let stat = fstat(file).map_err(OpenError::system("looking at the peer's shared memory"))?;
    let (found, expected) = (stat.st_size as u64, layout.bytes as u64);
    if found != expected {
        return Err(SegmentError::Size { found, expected }.into());
    }
    Ok(stat)
}

#[cfg(all(target_os = "linux", not(rapace_portable)))]
mod variant {
    use super::*;
    use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstatfs};
    use rustix::io::Errno as Sys;

    const SEALS: SealFlags =
        SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);
    const TMPFS_MAGIC: u64 = 0x0102_1994;

    /// A half of our own, all its pages there, mapped and sealed.
    pub(crate) fn create(layout: &Layout, fork: &ForkGuard) -> Result<Owned, OpenError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Linux before 6.3 does not know NOEXEC_SEAL.
        let file = match rustix::fs::memfd_create("rapace", flags | MemfdFlags::NOEXEC_SEAL) {
            Err(Sys::INVAL) => rustix::fs::memfd_create("rapace", flags),
            other => other,
        }
        .map_err(OpenError::system("creating shared memory"))?;
        fallocate(&file, FallocateFlags::empty(), 0, layout.bytes as u64)
            .map_err(OpenError::system("reserving shared memory"))?;
        let (half, area) = map_own(&file, layout, fork)?;
        fcntl_add_seals(&file, SEALS).map_err(OpenError::system("sealing shared memory"))?;
        Ok(Owned { half, area, file })
    }

    /// Maps a half that the peer handed over, if it is what it must be.
    pub(crate) fn accept(file: &OwnedFd, layout: &Layout, fork: &ForkGuard) -> Result<Arc<Half>, OpenError> {
        let before = check(file.as_fd(), layout)?;
        let half = map_peer(file, layout, fork)?;
        // Blocks may have been behind the end, in place of pages; bringing all pages in shows it, unless the owner has
        // removed them meanwhile. Then this side has paid for its pages, once, within `segment_bytes`.
        let after = check(file.as_fd(), layout)?;
        if after > before {
            let expected = layout.bytes as u64;
            return Err(
                SegmentError::Sparse { found: expected.saturating_sub(after.abs_diff(before)), expected }.into()
            );
        }
        Ok(half)
    }

    /// Everything that the file must be; returns the bytes it has in memory.
    fn check(file: BorrowedFd<'_>, layout: &Layout) -> Result<u64, OpenError> {
        let seals = match fcntl_get_seals(file) {
            Ok(seals) => seals,
            Err(Sys::INVAL) => return Err(SegmentError::NotMemory.into()),
            Err(errno) => return Err(OpenError::system("reading the seals of the peer's shared memory")(errno)),
        };
        if !seals.contains(SEALS) {
            return Err(SegmentError::Seals { found: seals.bits(), required: SEALS.bits() }.into());
        }
        let system = fstatfs(file).map_err(OpenError::system("looking at the peer's shared memory"))?;
        if system.f_type as u64 != TMPFS_MAGIC {
            return Err(SegmentError::FileSystem { found: system.f_type as u64 }.into());
        }
        let stat = check_size(file, layout)?;
        // stat counts blocks of 512 bytes.
        let (found, expected) = ((stat.st_blocks as u64).saturating_mul(512), layout.bytes as u64);
        if found < expected {
            return Err(SegmentError::Sparse { found, expected }.into());
        }
        Ok(found)
    }
}

#[cfg(any(not(target_os = "linux"), rapace_portable))]
mod variant {
    use super::*;
    use rustix::fs::Mode;
    use rustix::io::Errno as Sys;
    use rustix::shm::{self, OFlags};

    /// A half of our own, under a name for the moment that it takes to open it a second time for the peer, read-only.
    pub(crate) fn create(layout: &Layout, fork: &ForkGuard) -> Result<Owned, OpenError> {
        let (name, own) = loop {
            let mut bits = [0; 8];
            crate::os::random::fill(&mut bits).map_err(OpenError::io("reading random numbers"))?;
            let name = format!("/rapace-{:x}", u64::from_ne_bytes(bits));
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
            match shm::open(&name, flags, Mode::RUSR | Mode::WUSR) {
                Err(Sys::EXIST) => {}
                other => break (name, other.map_err(OpenError::system("creating shared memory"))?),
            }
        };
        let file = shm::open(&name, OFlags::RDONLY, Mode::empty());
        shm::unlink(&name).map_err(OpenError::system("removing the name of shared memory"))?;
        let file = file.map_err(OpenError::system("opening shared memory for the peer"))?;
        rustix::fs::ftruncate(&own, layout.bytes as u64).map_err(OpenError::system("reserving shared memory"))?;
        let (half, area) = map_own(&own, layout, fork)?;
        Ok(Owned { half, area, file })
    }

    /// Maps a half that the peer handed over. Only its size can be checked: the peer must be trusted.
    pub(crate) fn accept(file: &OwnedFd, layout: &Layout, fork: &ForkGuard) -> Result<Arc<Half>, OpenError> {
        check_size(file.as_fd(), layout)?;
        map_peer(file, layout, fork)
    }
}
