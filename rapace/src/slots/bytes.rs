//! The bytes of slots: written through `&mut [u8]` by the one who owns the claim, read by copying out.
//!
//! Reading is the delicate half. The peer can write the bytes at any moment, so no `&[u8]` to them may exist unless
//! the user vouches for the peer ([`Trust`]), and the copy must be one that the compiler cannot remove, repeat or
//! reason about. On x86-64, up to [`BLOCKS_MAX`] bytes go by blocks, through registers, and more by `rep movsb`, which costs
//! what memcpy costs, unless it [would be slow](is_close_behind); what is less than a block, and all on other architectures, goes by
//! relaxed atomic words. Writing is memcpy, with the same exception, and [past the caches](copy_past_caches) where the peer is [far](super::far).

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use super::Claim;
use crate::layout::geometry::SlotId;
use crate::layout::head::InSlot;
use crate::segment::Half;
use crate::sync::{AtomicU64, Ordering};

/// Up to this length blocks are faster than starting `rep movsb`.
#[cfg(any(target_arch = "x86_64", test))]
const BLOCKS_MAX: usize = 1_024;

/// Bytes that are moved at once: four registers, a cache line.
const BLOCK: usize = 64;

/// So much of a slot is brought here ahead.
const TAKEN_MAX: usize = 4_096;

/// Bytes of as many lines as one step of that writes to.
const FOUR_LINES: usize = 256;

/// The slots of our own half, for writing: there is at most one for a half, so that borrowing it is borrowing the bytes.
#[derive(Debug)]
pub(crate) struct Area {
    half: Arc<Half>,
}

impl Area {
    /// The area of a half that is mapped writable, the first time it is asked for.
    pub(crate) fn take(half: &Arc<Half>) -> Option<Self> {
        half.take_writer().then(|| Self { half: Arc::clone(half) })
    }

    /// The bytes of a claimed slot, as this side wrote them.
    pub(crate) fn bytes(&self, claim: &Claim) -> &[u8] {
        let Some(place) = self.half.layout().slot(claim.id()) else { return &[] };
        // SAFETY: within the half, alive, and written only through `bytes_mut`, of the only `Area`, borrowed mutably.
        unsafe { std::slice::from_raw_parts(self.half.at(place.offset).as_ptr(), place.bytes) }
    }

    /// Brings the first lines of a free slot here that is written next, with so many bytes, by writing to them: the peer has read
    /// them, so they are at both sides. (See [`Producer::take_lines`](crate::ring::Producer::take_lines).)
    #[inline]
    pub(crate) fn take_lines(&mut self, slot: SlotId, len: usize) {
        let blocks = len.min(TAKEN_MAX) / FOUR_LINES;
        for block in self.slot_mut(slot).chunks_exact_mut(FOUR_LINES).take(blocks.max(1)) {
            if let Some(block) = block.first_chunk_mut::<FOUR_LINES>() {
                (block[0], block[64], block[128], block[192]) = (0, 0, 0, 0);
            }
        }
    }

    /// The bytes of a claimed slot, to be written. The peer may look at them at once, sent or not.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, claim: &Claim) -> &mut [u8] {
        self.slot_mut(claim.id())
    }

    fn slot_mut(&mut self, slot: SlotId) -> &mut [u8] {
        let Some(place) = self.half.layout().slot(slot) else { return &mut [] };
        let start = self.half.at(place.offset);
        // SAFETY: `place` is within the half (`Layout::slot`), which lives as long as `self` and is mapped writable. No
        // other reference to these bytes exists: all are made here and in `bytes`, from the only `Area` of the half, which
        // is borrowed mutably. Other processes cannot write them (sealed); that the peer reads them is no access in ours.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), place.bytes) }
    }
}

/// The bytes of a slot of the peer's half, for reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerBytes<'a> {
    half: &'a Half,
    offset: usize,
    /// Within the half, from `offset`.
    len: usize,
}

impl<'a> PeerBytes<'a> {
    /// The bytes of a slot that was found in the layout of `half`; none of them if it is not that layout.
    pub(crate) fn new(half: &'a Half, slot: &InSlot) -> Self {
        let place = half.layout().slot(slot.id).filter(|place| place.offset == slot.offset);
        let len = place.map_or(0, |place| place.bytes.min(slot.len as usize));
        Self { half, offset: slot.offset, len }
    }

    fn start(&self) -> NonNull<u8> {
        self.half.at(if self.len == 0 { 0 } else { self.offset })
    }

    /// Appends the bytes to `out`, each read once. The room is reserved exactly.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.len);
        let old = out.len();
        let target = out.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: the source is `len` bytes of a live mapping, on a 64-byte boundary; the target has `len` bytes of
        // room by the `reserve` above and is private, so they do not overlap.
        unsafe { copy_shared(self.start(), target, self.len) };
        // SAFETY: those `len` bytes behind the old length are initialised now.
        unsafe { out.set_len(old.saturating_add(self.len)) };
    }

    /// Appends `len` bytes from `from` on, fewer where the bytes end.
    pub(crate) fn append_range(&self, from: usize, len: usize, out: &mut Vec<u8>) {
        let end = from.saturating_add(len).min(self.len);
        if from == 0 {
            return Self { len: end, ..*self }.append_to(out);
        }
        if from >= end {
            return;
        }
        let part = |from: usize, to: usize| Self {
            offset: self.offset.saturating_add(from),
            len: to.saturating_sub(from),
            ..*self
        };
        // Reading begins at whole words. Of the one in which the range begins, what precedes it is not looked at.
        let (word_start, skip) = (from & !7, from & 7);
        if skip > 0 {
            let mut word = [0; 8];
            let have = part(word_start, end).copy_to(&mut word);
            out.extend_from_slice(word.get(skip..have).unwrap_or(&[]));
        }
        let aligned = from.next_multiple_of(8);
        if aligned < end {
            part(aligned, end).append_to(out);
        }
    }

    /// Copies the bytes into `out`, each read once; as many as both have. Returns how many.
    pub(crate) fn copy_to(&self, out: &mut [u8]) -> usize {
        let len = self.len.min(out.len());
        // SAFETY: as in `append_to`; the target is a private slice of at least `len` bytes.
        unsafe { copy_shared(self.start(), out.as_mut_ptr(), len) };
        len
    }

    /// The bytes where they lie, of a peer that somebody vouched for.
    pub(crate) fn borrow(&self, _trust: &Trust) -> &'a [u8] {
        // SAFETY: `len` bytes of a mapping that lives for 'a, as the slot is held for 'a; that nobody writes them meanwhile
        // is what was promised where the `Trust` was made.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.len) }
    }
}

/// Copies memory that another process may be writing.
///
/// # Safety
/// `source` is 8-byte aligned and readable for `len` bytes rounded up to 8 (slots are multiples of 64 bytes);
/// `target` is writable for `len` bytes, private, and does not overlap.
#[cfg(target_arch = "x86_64")]
unsafe fn copy_shared(source: NonNull<u8>, target: *mut u8, len: usize) {
    let order = match len {
        ..=BLOCKS_MAX => Order::Forward,
        _ if is_close_behind(source.as_ptr(), target) => Order::Backward,
        _ => {
            // SAFETY: reads `len` bytes at `source` and writes them at `target`, both valid by this function's contract.
            // The compiler sees no load of the shared bytes, so it can neither repeat nor assume anything of it. The
            // direction flag is clear at function boundaries by the ABI.
            unsafe {
                std::arch::asm!(
                    "rep movsb",
                    inout("rcx") len => _,
                    inout("rsi") source.as_ptr() => _,
                    inout("rdi") target => _,
                    options(nostack, preserves_flags)
                );
            }
            return;
        }
    };
    let rest = len % BLOCK;
    let in_blocks = len.wrapping_sub(rest);
    // SAFETY: `in_blocks <= len` bytes of what this function's contract is about.
    unsafe { copy_blocks(source.as_ptr(), target, in_blocks, order) };
    // SAFETY: within, or at the end of, what this function's contract is about.
    let from = unsafe { source.add(in_blocks) };
    // SAFETY: as the line above.
    let to = unsafe { target.add(in_blocks) };
    // SAFETY: the rest of what this function's contract is about; a whole block keeps the alignment.
    unsafe { copy_words(from, to, rest) };
}

/// Whether the target begins, within a page, 1 to 63 bytes behind the source, wherever the two pages are. There `rep movsb` takes up to 29
/// times as long on an AMD Zen 3 or 4, which takes each block for one that it is about to overwrite: 4 KiB 1.2 µs instead of 41 ns, 64 KiB
/// 19 instead of 1.1. So does the C library's copy, where it is made of that.
#[cfg(target_arch = "x86_64")]
fn is_close_behind(source: *const u8, target: *const u8) -> bool {
    (1..BLOCK).contains(&(target.addr().wrapping_sub(source.addr()) % 4_096))
}

/// Which block is copied first.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
enum Order {
    Forward,
    /// What is loaded lies before what was just stored, in every page, so a processor that compares places within pages does not take
    /// the one for the other. (The C library's loops go backward there, too.)
    Backward,
}

/// The loop of [`copy_blocks`] and [`stream`], which stores by this instruction.
#[cfg(target_arch = "x86_64")]
macro_rules! for_each_block {
    ($store:literal, $from:expr, $to:expr, $at:expr, $step:expr) => {
        std::arch::asm!(
            "2:",
            "movups {a}, [{from} + {at}]",
            "movups {b}, [{from} + {at} + 16]",
            "movups {c}, [{from} + {at} + 32]",
            "movups {d}, [{from} + {at} + 48]",
            concat!($store, " [{to} + {at}], {a}"),
            concat!($store, " [{to} + {at} + 16], {b}"),
            concat!($store, " [{to} + {at} + 32], {c}"),
            concat!($store, " [{to} + {at} + 48], {d}"),
            "add {at}, {step}",
            "jnz 2b",
            from = in(reg) $from,
            to = in(reg) $to,
            step = in(reg) $step,
            at = inout(reg) $at => _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack)
        )
    };
}

/// # Safety
/// `source` is readable and `target` writable for `len` bytes, a multiple of [`BLOCK`]; they do not overlap. Nobody else of this process
/// touches the target, and nobody else writes it; the source may be changing meanwhile, since the compiler sees no load of it.
#[cfg(target_arch = "x86_64")]
unsafe fn copy_blocks(source: *const u8, target: *mut u8, len: usize, order: Order) {
    if len == 0 {
        return;
    }
    // Where the block lies that is `at` bytes away, which becomes zero behind the last one. Addresses only, made by wrapping.
    let (from, to, at, step) = match order {
        Order::Forward => (source.wrapping_add(len), target.wrapping_add(len), len.wrapping_neg(), BLOCK),
        Order::Backward => (source.wrapping_sub(BLOCK), target.wrapping_sub(BLOCK), len, BLOCK.wrapping_neg()),
    };
    // SAFETY: by the contract: `at` goes from minus `len` up, of the ends, or from `len` down, of one block before the starts, so each
    // block between start and end is loaded and stored once, and nothing else.
    unsafe { for_each_block!("movups", from, to, at, step) };
}

/// Copies private memory into a slot of our own, as many bytes as both have.
pub(crate) fn copy_in(target: &mut [u8], source: &[u8]) {
    let len = target.len().min(source.len());
    let (Some(target), Some(source)) = (target.get_mut(..len), source.get(..len)) else { return };
    let done = copy_in_blocks(target, source);
    if let (Some(target), Some(source)) = (target.get_mut(done..), source.get(done..)) {
        target.copy_from_slice(source);
    }
}

/// Copies as many whole blocks as both have, where the C library's copy is slow. How many bytes that is.
#[cfg(target_arch = "x86_64")]
fn copy_in_blocks(target: &mut [u8], source: &[u8]) -> usize {
    let len = target.len().min(source.len());
    if len <= BLOCKS_MAX || !is_close_behind(source.as_ptr(), target.as_ptr()) {
        return 0;
    }
    let in_blocks = len.wrapping_sub(len % BLOCK);
    // SAFETY: both have so many bytes; the target is borrowed exclusively, so they do not overlap and nobody else of this process
    // touches it; other processes cannot write it.
    unsafe { copy_blocks(source.as_ptr(), target.as_mut_ptr(), in_blocks, Order::Backward) };
    in_blocks
}

#[cfg(not(target_arch = "x86_64"))]
fn copy_in_blocks(_: &mut [u8], _: &[u8]) -> usize {
    0
}

/// As [`copy_in`], past the caches: what is written goes to memory, and no line of the target stays at this side. As many bytes as
/// fill lines; before and behind them it is [`copy_in`], as on other architectures all.
pub(crate) fn copy_past_caches(target: &mut [u8], source: &[u8]) {
    let len = target.len().min(source.len());
    let (Some(target), Some(source)) = (target.get_mut(..len), source.get(..len)) else { return };
    let first = target.as_ptr().align_offset(BLOCK).min(len);
    let ((to_first, to), (from_first, from)) = (target.split_at_mut(first), source.split_at(first));
    copy_in(to_first, from_first);
    let done = stream(to, from);
    if let (Some(to), Some(from)) = (to.get_mut(done..), from.get(done..)) {
        copy_in(to, from);
    }
}

/// Copies whole blocks past the caches, to a target that begins at a multiple of one. How many bytes that is.
#[cfg(target_arch = "x86_64")]
fn stream(target: &mut [u8], source: &[u8]) -> usize {
    let len = target.len().min(source.len());
    let in_blocks = len.wrapping_sub(len % BLOCK);
    if in_blocks == 0 || target.as_ptr().addr() % BLOCK != 0 {
        return 0;
    }
    // Ends, of which the place counts up to zero. Addresses only, made by wrapping.
    let (from, to) = (source.as_ptr().wrapping_add(in_blocks), target.as_mut_ptr().wrapping_add(in_blocks));
    // SAFETY: the place goes from minus `in_blocks` up, so each block between start and end is loaded and stored once, and nothing else;
    // both have so many bytes, and the stores are aligned. The target is borrowed exclusively, so they do not overlap and nobody
    // else of this process touches it; other processes cannot write it.
    unsafe { for_each_block!("movntps", from, to, in_blocks.wrapping_neg(), BLOCK) };
    // SAFETY: touches no register, flag or memory. It has those stores done before whatever is stored later, the number that publishes
    // them above all: by themselves they may come after it, also after a Release.
    unsafe { std::arch::asm!("sfence", options(nostack, preserves_flags)) };
    in_blocks
}

#[cfg(not(target_arch = "x86_64"))]
fn stream(_: &mut [u8], _: &[u8]) -> usize {
    0
}

/// As on x86-64, by words alone.
///
/// # Safety
/// That of [`copy_words`].
#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy_shared(source: NonNull<u8>, target: *mut u8, len: usize) {
    // SAFETY: the same contract.
    unsafe { copy_words(source, target, len) };
}

/// Copies memory that another process may be writing, by words.
///
/// # Safety
/// `source` is 8-byte aligned and readable for `len` bytes rounded up to 8; `target` is writable for `len` bytes, private, and
/// does not overlap.
#[inline]
unsafe fn copy_words(source: NonNull<u8>, target: *mut u8, len: usize) {
    let words = source.cast::<AtomicU64>();
    let load = |index: usize| {
        // SAFETY: word `index` begins below `len`, so it is within the rounded-up length of the contract.
        let word = unsafe { words.add(index) };
        // SAFETY: aligned, readable, alive; atomic, so a concurrent writer is no data race.
        unsafe { word.as_ref() }.load(Ordering::Relaxed).to_ne_bytes()
    };
    for index in 0..len / 8 {
        // SAFETY: the eight bytes at `8 * index` are below `len`, so within the target.
        let place = unsafe { target.add(index.wrapping_mul(8)) };
        // SAFETY: a byte array has alignment one; the place is writable.
        unsafe { place.cast::<[u8; 8]>().write(load(index)) };
    }
    let done = len & !7;
    if done < len {
        let last = load(done / 8);
        // SAFETY: `done <= len`, so the place is within the target or at its end.
        let place = unsafe { target.add(done) };
        // SAFETY: `len - done < 8` bytes, of a private array into the rest of the private target.
        unsafe { std::ptr::copy_nonoverlapping(last.as_ptr(), place, len.wrapping_sub(done)) };
    }
}

/// The user's word that a peer does not write a slot between sending and its release, which makes it sound to read
/// payloads where they lie, as `&[u8]`.
///
/// A process can promise that only of programs it knows. A peer that breaks it causes undefined behaviour in this
/// process; without a `Trust` no peer can. [`Config::trust`](crate::Config::trust) has handlers read so, and
/// [`Payload::borrow`](crate::session::Payload::borrow) whoever receives messages.
///
/// ```
/// use rapace::{Config, Trust};
///
/// let mut config = Config::default();
/// // SAFETY: the other process runs the same program as this one, which has no other unsafe code.
/// config.trust = Some(unsafe { Trust::assume_sender_honours_slots() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust(());

impl Trust {
    /// # Safety
    /// Every peer whose payloads are borrowed with this token keeps to the protocol: it does not write a slot between
    /// sending it and seeing it released, also not by mistake. No child that this process forks reads what was borrowed
    /// before.
    pub const unsafe fn assume_sender_honours_slots() -> Self {
        Self(())
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use crate::layout::geometry::Geometry;
    use crate::os::ForkGuard;
    use crate::segment::view::Access;
    use crate::slots::{Pool, Share};

    const LARGEST: usize = 65_536 + 64;

    /// A half in memory of our own, read as if it were a peer's.
    struct Slot {
        half: Arc<Half>,
        claimed: InSlot,
        content: Vec<u8>,
    }

    impl Slot {
        /// The second slot of the largest class, filled with bytes that tell their place.
        fn new() -> Self {
            let (half, mut area, mut pool) = half();
            let _first = pool.claim(LARGEST, Share::All).unwrap();
            let claim = pool.claim(LARGEST, Share::All).unwrap();
            let place = half.layout().slot(claim.id()).unwrap();
            let bytes = area.bytes_mut(&claim);
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = (index.wrapping_mul(0x9e37_79b9) >> 16) as u8;
            }
            let content = area.bytes(&claim).to_vec();
            assert_eq!(content.len(), LARGEST);
            let claimed = InSlot { offset: place.offset, len: 0, id: claim.id(), number: place.number, generation: 1 };
            Self { half, claimed, content }
        }

        fn bytes(&self, len: usize) -> PeerBytes<'_> {
            PeerBytes::new(&self.half, &InSlot { len: len as u32, ..self.claimed })
        }
    }

    fn half() -> (Arc<Half>, Area, Pool<Arc<[AtomicU64]>>) {
        let layout = Geometry::default().layout().unwrap();
        let map = memmap2::MmapMut::map_anon(layout.bytes).unwrap().into();
        let fork = ForkGuard::new().unwrap();
        let half = Arc::new(Half::new(map, Access::Ours, layout, fork).unwrap());
        let area = Area::take(&half).unwrap();
        let released = (0..layout.slots_total).map(|_| AtomicU64::new(0)).collect();
        (half, area, Pool::new(&layout.geometry, released))
    }

    /// Every length around words and blocks, the switch to `rep movsb` and the ends of the slot.
    fn lengths() -> impl Iterator<Item = usize> {
        let larger = [4_095, 4_096, 4_097, 10_007, 32_768, LARGEST - 9, LARGEST - 8, LARGEST - 1, LARGEST];
        (0..=2_100).chain(larger)
    }

    #[test]
    fn a_copy_of_any_length_is_the_bytes_and_touches_no_others() {
        const MARK: u8 = 0xa5;
        let slot = Slot::new();
        for len in lengths() {
            // Every alignment of the target comes up, as the lengths count through.
            let front = len % 16;
            let mut out = vec![MARK; front + len + 16];
            assert_eq!(slot.bytes(LARGEST).copy_to(&mut out[front..front + len]), len);
            assert_eq!(out[front..front + len], slot.content[..len], "{len} bytes");
            assert!(out[..front].iter().chain(&out[front + len..]).all(|&byte| byte == MARK), "{len} bytes");
        }
    }

    #[test]
    fn appending_any_length_keeps_what_was_there() {
        let slot = Slot::new();
        for len in lengths() {
            let before = &b"what was there before"[..len % 20];
            let mut out = before.to_vec();
            slot.bytes(len).append_to(&mut out);
            assert_eq!(out[..before.len()], *before);
            assert_eq!(out[before.len()..], slot.content[..len], "{len} bytes");
        }
    }

    /// Appends the range of a payload of `of` bytes behind what is there already, and compares.
    fn check_range(slot: &Slot, of: usize, from: usize, len: usize) {
        let before = &b"what was there before"[..(from ^ len) % 20];
        let mut out = before.to_vec();
        slot.bytes(of).append_range(from, len, &mut out);
        let of = of.min(LARGEST);
        let expected = &slot.content[from.min(of)..from.saturating_add(len).min(of)];
        assert_eq!(out[..before.len()], *before, "{len} bytes from {from} of {of}");
        assert!(out[before.len()..] == *expected, "{len} bytes from {from} of {of}");
    }

    #[test]
    fn a_range_around_words_is_its_bytes() {
        let slot = Slot::new();
        for of in (0..=33).chain([LARGEST]) {
            for from in 0..=40 {
                (0..=40).for_each(|len| check_range(&slot, of, from, len));
            }
        }
    }

    #[test]
    fn bytes_are_copied_in_and_out_wherever_they_lie_within_a_page() {
        const MARK: u8 = 0xa5;

        /// `len` bytes of a vector that begin `at` behind `source` within a page, and 70 before and behind them.
        fn room(source: *const u8, at: usize, len: usize) -> (Vec<u8>, std::ops::Range<usize>) {
            let room = vec![MARK; 2 * 4_096 + len];
            let start = source.addr().wrapping_add(at).wrapping_sub(room.as_ptr().addr()).wrapping_sub(70) % 4_096 + 70;
            (room, start..start + len)
        }

        fn check((room, range): &(Vec<u8>, std::ops::Range<usize>), content: &[u8], source: *const u8, at: usize) {
            let target = room[range.clone()].as_ptr();
            #[cfg(target_arch = "x86_64")]
            assert_eq!(is_close_behind(source, target), (1..64).contains(&at));
            assert!(room[range.clone()] == *content, "{} bytes {at} behind {source:?}, at {target:?}", content.len());
            let (before, behind) = (&room[range.start - 70..range.start], &room[range.end..range.end + 70]);
            assert!(before.iter().chain(behind).all(|byte| *byte == MARK));
        }

        let slot = Slot::new();
        for len in [BLOCKS_MAX, BLOCKS_MAX + 1, 1_100, 2_048, 3_001, LARGEST] {
            for at in (0..=66).chain([4_000, 4_090]) {
                let source = slot.bytes(len).start().as_ptr().cast_const();
                let mut out = room(source, at, len);
                assert_eq!(slot.bytes(len).copy_to(&mut out.0[out.1.clone()]), len);
                check(&out, &slot.content[..len], source, at);
                let source = slot.content.as_ptr();
                for copy in [copy_in, copy_past_caches] {
                    let mut out = room(source, at, len);
                    copy(&mut out.0[out.1.clone()], &slot.content[..len]);
                    check(&out, &slot.content[..len], source, at);
                }
            }
        }
    }

    #[test]
    fn a_range_around_the_switch_to_another_copy_is_its_bytes() {
        let slot = Slot::new();
        for from in (0..=17).chain([1_000, 1_007, 4_089]) {
            for len in BLOCKS_MAX - 20..=BLOCKS_MAX + 20 {
                check_range(&slot, LARGEST, from, len);
                // The same length as the end of the payload makes it.
                check_range(&slot, from + len, from, usize::MAX - from);
                check_range(&slot, from + len, from, LARGEST);
            }
        }
    }

    #[test]
    fn a_range_ends_with_the_payload_and_with_the_slot() {
        let slot = Slot::new();
        for from in (LARGEST - 40..=LARGEST + 10).chain([0, 1, 7, 8, LARGEST / 2 + 3]) {
            for len in (0..=50).chain([BLOCKS_MAX, LARGEST - 1, LARGEST, usize::MAX]) {
                for of in [LARGEST - 9, LARGEST - 1, LARGEST, u32::MAX as usize] {
                    check_range(&slot, of, from, len);
                }
            }
        }
    }

    #[test]
    fn a_range_that_begins_behind_everything_is_empty() {
        let slot = Slot::new();
        for of in [0, 1, 100, LARGEST] {
            for from in [of, of + 1, of.next_multiple_of(8), usize::MAX - 8, usize::MAX - 7, usize::MAX - 1, usize::MAX]
            {
                for len in [0, 1, 8, usize::MAX] {
                    check_range(&slot, of, from, len);
                }
            }
        }
    }

    #[test]
    fn ranges_one_behind_the_other_are_the_whole() {
        let slot = Slot::new();
        for step in [1, 3, 7, 8, 9, 64, BLOCKS_MAX + 1, 10_007] {
            let mut out = Vec::new();
            let of = if step < 64 { 3_001 } else { LARGEST };
            for from in (0..of).step_by(step) {
                slot.bytes(of).append_range(from, step, &mut out);
            }
            assert!(out == slot.content[..of], "in steps of {step}");
        }
    }

    #[test]
    fn a_copy_is_as_long_as_the_shorter_side() {
        let slot = Slot::new();
        let mut out = [0; 100];
        assert_eq!(slot.bytes(30).copy_to(&mut out), 30);
        assert_eq!(out[..30], slot.content[..30]);
        assert_eq!(out[30..], [0; 70]);
        assert_eq!(slot.bytes(0).copy_to(&mut out), 0);
        assert_eq!(slot.bytes(100).copy_to(&mut []), 0);
    }

    #[test]
    fn no_more_is_read_than_the_slot_has() {
        let slot = Slot::new();
        let mut out = Vec::new();
        slot.bytes(u32::MAX as usize).append_to(&mut out);
        assert_eq!(out, slot.content);
        assert_eq!(slot.bytes(u32::MAX as usize).copy_to(&mut vec![0; 2 * LARGEST]), LARGEST);
    }

    #[test]
    fn a_slot_of_another_layout_is_not_read() {
        let slot = Slot::new();
        let claimed = InSlot { len: 100, ..slot.claimed };
        let elsewhere = [
            InSlot { offset: claimed.offset + 64, ..claimed },
            InSlot { offset: usize::MAX, ..claimed },
            InSlot { id: SlotId::new(3, 0), ..claimed },
        ];
        for lie in elsewhere {
            let mut out = Vec::new();
            PeerBytes::new(&slot.half, &lie).append_to(&mut out);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_trusted_peers_bytes_are_read_where_they_lie() {
        let slot = Slot::new();
        // SAFETY: the "peer" is this test, which writes nothing any more.
        let trust = unsafe { Trust::assume_sender_honours_slots() };
        assert_eq!(slot.bytes(1_000).borrow(&trust), &slot.content[..1_000]);
    }

    #[test]
    fn there_is_one_area_for_a_half_and_none_for_the_peers() {
        let (half, _area, _) = half();
        assert!(Area::take(&half).is_none());
        let layout = *half.layout();
        let map = memmap2::MmapMut::map_anon(layout.bytes).unwrap().into();
        let fork = ForkGuard::new().unwrap();
        let peers = Arc::new(Half::new(map, Access::Peers, layout, fork).unwrap());
        assert!(Area::take(&peers).is_none());
    }

    #[test]
    fn claimed_slots_do_not_overlap() {
        let (half, mut area, mut pool) = half();
        let claims: Vec<_> = std::iter::from_fn(|| pool.claim(1, Share::All)).collect();
        assert_eq!(claims.len(), half.layout().slots_total as usize);
        for (index, claim) in claims.iter().enumerate() {
            area.bytes_mut(claim).fill(index as u8);
        }
        for (index, claim) in claims.iter().enumerate() {
            assert!(area.bytes(claim).iter().all(|&byte| byte == index as u8));
        }
        assert_eq!(half.layout().slot(SlotId::new(3, 0)), None);
    }
}
