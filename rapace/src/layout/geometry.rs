//! Counts and sizes to offsets, by checked arithmetic that both peers do for themselves.
//!
//! A [`Geometry`] is what a user or a peer asks for; a [`Layout`] is one that was found possible. After the
//! handshake the layout is private memory and is never read from the segment again.

use thiserror::Error;

use super::descriptor::Descriptor;

/// Size classes of slots.
pub const SLOT_CLASSES: usize = 3;

/// Room that a slot has beyond its round size, so that a round payload and the encoding around it fit one class.
const SLOT_EXTRA: u32 = 64;

/// Every group of words that one peer writes and the other reads starts on a line of its own. 128 bytes, because
/// x86-64 prefetches lines in pairs and some arm64 have lines of that size.
pub(crate) const LINE: usize = 128;

/// Message `n` has entry `n * STRIDE`, modulo their number: a way through all of them, since it is odd and they are a power of two.
/// Neighbours in number are no neighbours in memory: a processor that reads one line after the other fetches those behind them
/// unasked, within a page, and so takes them away from the peer who is about to write there. So it is more than the 64 entries of a
/// page. (Firedancer interleaves its rings for the same reason.)
pub(crate) const STRIDE: usize = 101;

/// Where the words of a half lie; each at the start of a line of its own.
pub(crate) mod offset {
    use super::LINE;
    pub(crate) const HEADER: usize = 0;
    pub(crate) const HEARTBEAT: usize = LINE;
    pub(crate) const CONSUMED: usize = 2 * LINE;
    pub(crate) const FREED: usize = 3 * LINE;
    pub(crate) const WANTS: usize = 4 * LINE;
    pub(crate) const SIGNS: usize = 5 * LINE;
    pub(crate) const BELL: usize = 6 * LINE;
    pub(crate) const SENT: usize = 7 * LINE;
    pub(crate) const NOTED: usize = 8 * LINE;
    pub(crate) const RELEASED: usize = 9 * LINE;
}

/// A size class: how many slots of how many payload bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotClass {
    /// Payload bytes of a slot; a multiple of 64. The slot has room for 64 more.
    pub bytes: u32,
    /// Slots of this class in each half. Of two or more some are left to answers, and of three or more to calls within calls; of a single
    /// one, calls that wait for their handler keep the others waiting.
    pub count: u32,
}

impl SlotClass {
    /// Bytes that a slot of this class takes in the segment, and the most it can carry.
    pub(crate) fn room(self) -> u32 {
        self.bytes.saturating_add(SLOT_EXTRA)
    }
}

/// The shape of a session's segment: the same for both halves, decided by PeerA, who opens the session.
///
/// ```
/// use rapace::{Geometry, SlotClass};
///
/// let mut geometry = Geometry::default();
/// geometry.ring_entries = 64;
/// geometry.classes[2] = SlotClass { bytes: 65_536, count: 16 };
/// assert!(geometry.half_bytes()? < 2 << 20);
/// # Ok::<(), rapace::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// Messages that a ring holds; a power of two from 2 to 65,536. 1,024 by default.
    pub ring_entries: u32,
    /// The size classes, smallest first. 256, 4,096 and 65,536 bytes by default, with 256, 40 and 11 slots.
    pub classes: [SlotClass; SLOT_CLASSES],
}

impl Default for Geometry {
    fn default() -> Self {
        Self {
            ring_entries: 1_024,
            classes: [
                SlotClass { bytes: 256, count: 256 },
                SlotClass { bytes: 4_096, count: 40 },
                SlotClass { bytes: 65_536, count: 11 },
            ],
        }
    }
}

/// Why a geometry cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The ring's size is not a power of two in its bounds.
    #[error("ring_entries is {0}, but must be a power of two from 2 to 65536")]
    RingEntries(u32),
    /// A class's slot size is zero, not a multiple of 64, too large, or not above the class before it.
    #[error("slot class {class} has slots of {bytes} bytes, but sizes must be multiples of 64, rising, up to 16777216")]
    SlotBytes {
        /// The class, from 0.
        class: usize,
        /// Its slots' size.
        bytes: u32,
    },
    /// A class has no slots or too many.
    #[error("slot class {class} has {count} slots, but must have 1 to 65536")]
    SlotCount {
        /// The class, from 0.
        class: usize,
        /// Its number of slots.
        count: u32,
    },
    /// The half would be larger than the limit.
    #[error("a half of this geometry takes {bytes} bytes, above half of the limit segment_bytes ({segment_bytes})")]
    SegmentBytes {
        /// Bytes of one half.
        bytes: u64,
        /// The limit on both halves together.
        segment_bytes: u64,
    },
}

const RING_ENTRIES_MAX: u32 = 65_536;
const SLOT_COUNT_MAX: u32 = 65_536;
const SLOT_BYTES_MAX: u32 = 16 << 20;

impl Geometry {
    /// Bytes that one half of the segment takes; a session has two.
    ///
    /// # Errors
    /// What is out of bounds, and the bound.
    pub fn half_bytes(&self) -> Result<u64, GeometryError> {
        Ok(self.layout()?.bytes as u64)
    }

    /// The offsets of this geometry.
    pub(crate) fn layout(&self) -> Result<Layout, GeometryError> {
        if !(2..=RING_ENTRIES_MAX).contains(&self.ring_entries) || !self.ring_entries.is_power_of_two() {
            return Err(GeometryError::RingEntries(self.ring_entries));
        }
        let mut smaller = 0;
        let mut slots_total = 0_u64;
        for (class, &SlotClass { bytes, count }) in self.classes.iter().enumerate() {
            if bytes <= smaller || bytes % 64 != 0 || bytes > SLOT_BYTES_MAX {
                return Err(GeometryError::SlotBytes { class, bytes });
            }
            if !(1..=SLOT_COUNT_MAX).contains(&count) {
                return Err(GeometryError::SlotCount { class, count });
            }
            smaller = bytes;
            slots_total = slots_total.saturating_add(u64::from(count));
        }
        // Nothing below can overflow 64 bits within the bounds just checked: the sum stays under 2^42.
        let too_large = |bytes| GeometryError::SegmentBytes { bytes, segment_bytes: usize::MAX as u64 };
        let mut end = offset::RELEASED as u64;
        let mut place = |bytes: u64| -> Result<usize, GeometryError> {
            let start = end.next_multiple_of(LINE as u64);
            end = start.saturating_add(bytes);
            usize::try_from(start).map_err(|_| too_large(end))
        };
        let released = place(slots_total.saturating_mul(8))?;
        let ring = place(u64::from(self.ring_entries).saturating_mul(size_of::<Descriptor>() as u64))?;
        let mut slots = [0; SLOT_CLASSES];
        let mut first = [0; SLOT_CLASSES];
        let mut number = 0_u32;
        for ((offset, first), class) in slots.iter_mut().zip(&mut first).zip(&self.classes) {
            *first = number;
            number = number.saturating_add(class.count);
            *offset = place(u64::from(class.room()).saturating_mul(u64::from(class.count)))?;
        }
        let bytes = end.next_multiple_of(4_096);
        let bytes = usize::try_from(bytes).map_err(|_| too_large(bytes))?;
        Ok(Layout { geometry: *self, released, ring, slots, first, slots_total: number, bytes })
    }
}

/// The offsets of a geometry that was found possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) geometry: Geometry,
    /// One 64-bit word per slot of the other half.
    pub(crate) released: usize,
    pub(crate) ring: usize,
    /// Where each class's slots start.
    slots: [usize; SLOT_CLASSES],
    /// The number of each class's first slot: slots are numbered through all classes.
    first: [u32; SLOT_CLASSES],
    pub(crate) slots_total: u32,
    /// Length of a half, whole pages.
    pub(crate) bytes: usize,
}

impl Layout {
    /// Where slot `id` lies and how many bytes it has, or `None` when there is no such slot.
    #[inline]
    pub(crate) fn slot(&self, id: SlotId) -> Option<SlotPlace> {
        let class = usize::from(id.class());
        let shape = self.geometry.classes.get(class)?;
        if id.index() >= shape.count {
            return None;
        }
        let room = shape.room() as usize;
        Some(SlotPlace {
            number: self.first.get(class)?.wrapping_add(id.index()),
            offset: self.slots.get(class)?.wrapping_add(room.wrapping_mul(id.index() as usize)),
            bytes: room,
        })
    }

    /// The most payload bytes that one slot carries.
    pub(crate) fn slot_bytes_max(&self) -> usize {
        self.geometry.classes.last().map_or(0, |class| class.room() as usize)
    }

    /// Bytes of payload in a fragment: the largest class's round size.
    pub(crate) fn fragment_bytes(&self) -> usize {
        self.geometry.classes.last().map_or(0, |class| class.bytes as usize)
    }
}

/// A slot found in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotPlace {
    /// Through all classes, from 0.
    pub(crate) number: u32,
    /// From the start of the half.
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

/// Class (high 8 bits) and index of a slot, as they stand in a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotId(pub(crate) u32);

impl SlotId {
    pub(crate) fn new(class: u8, index: u32) -> Self {
        Self((u32::from(class) << 24) | (index & 0x00ff_ffff))
    }

    pub(crate) fn class(self) -> u8 {
        (self.0 >> 24) as u8
    }

    pub(crate) fn index(self) -> u32 {
        self.0 & 0x00ff_ffff
    }
}

/// What this build means by its layout, for the handshake: FNV-1a over the constants that place the words.
pub(crate) fn layout_hash() -> u64 {
    let constants = [
        size_of::<Descriptor>(),
        LINE,
        SLOT_EXTRA as usize,
        SLOT_CLASSES,
        offset::HEADER,
        offset::HEARTBEAT,
        offset::CONSUMED,
        offset::FREED,
        offset::WANTS,
        offset::SIGNS,
        offset::BELL,
        offset::SENT,
        offset::NOTED,
        offset::RELEASED,
        STRIDE,
        usize::from_ne_bytes(0x0123_4567_89ab_cdef_u64.to_be_bytes()),
    ];
    let bytes = constants.iter().flat_map(|&constant| (constant as u64).to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_default_session_takes_less_than_two_mebibytes() {
        assert!(2 * Geometry::default().half_bytes().unwrap() < 2 << 20);
    }

    #[test]
    fn each_bound_is_named_when_it_is_broken() {
        let with = |change: fn(&mut Geometry)| {
            let mut geometry = Geometry::default();
            change(&mut geometry);
            geometry.layout().unwrap_err().to_string()
        };
        assert!(with(|g| g.ring_entries = 3).contains("power of two"));
        assert!(with(|g| g.ring_entries = 0).contains("ring_entries is 0"));
        assert!(with(|g| g.ring_entries = 1 << 31).contains("ring_entries"));
        assert!(with(|g| g.classes[1].bytes = 256).contains("slot class 1"));
        assert!(with(|g| g.classes[0].bytes = 100).contains("multiples of 64"));
        assert!(with(|g| g.classes[2].bytes = u32::MAX).contains("slot class 2"));
        assert!(with(|g| g.classes[2].count = 0).contains("has 0 slots"));
    }

    #[test]
    fn the_largest_of_each_number_is_possible_and_one_step_more_is_not() {
        let with = |change: fn(&mut Geometry)| {
            let mut geometry = Geometry::default();
            change(&mut geometry);
            geometry.half_bytes().map(drop)
        };
        assert_eq!(with(|g| g.ring_entries = 65_536), Ok(()));
        assert_eq!(with(|g| g.ring_entries = 131_072), Err(GeometryError::RingEntries(131_072)));
        assert_eq!(with(|g| g.classes[0].count = 65_536), Ok(()));
        let count = 65_537;
        assert_eq!(with(|g| g.classes[0].count = 65_537), Err(GeometryError::SlotCount { class: 0, count }));
        assert_eq!(with(|g| g.classes[2].bytes = 16_777_216), Ok(()));
        let bytes = 16_777_280;
        assert_eq!(with(|g| g.classes[2].bytes = 16_777_280), Err(GeometryError::SlotBytes { class: 2, bytes }));
    }

    /// Builds that place the words alike must say so to each other. Whoever moves a word changes this number.
    #[test]
    #[cfg(target_endian = "little")]
    fn the_hash_of_this_layout_is_the_same_in_every_build() {
        assert_eq!(layout_hash(), 0x8c90_dba9_9ef1_1053);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_and_all_of_it_is_inside(
            entries in 1_u32..10, sizes in prop::array::uniform3(1_u32..2_000), counts in prop::array::uniform3(1_u32..300)
        ) {
            let mut geometry = Geometry { ring_entries: 1 << entries, ..Geometry::default() };
            let mut bytes = 0;
            for (class, (size, count)) in geometry.classes.iter_mut().zip(sizes.into_iter().zip(counts)) {
                bytes += size * 64;
                *class = SlotClass { bytes, count };
            }
            let layout = geometry.layout().unwrap();
            let mut areas = vec![
                (0, offset::RELEASED),
                (layout.released, layout.slots_total as usize * 8),
                (layout.ring, geometry.ring_entries as usize * 64),
            ];
            let mut number = 0;
            for (class, shape) in geometry.classes.iter().enumerate() {
                for index in 0..shape.count {
                    let place = layout.slot(SlotId::new(class as u8, index)).unwrap();
                    prop_assert_eq!(place.number, number);
                    prop_assert_eq!(place.offset % 64, 0);
                    areas.push((place.offset, place.bytes));
                    number += 1;
                }
                prop_assert_eq!(layout.slot(SlotId::new(class as u8, shape.count)), None);
            }
            prop_assert_eq!(number, layout.slots_total);
            for pair in areas.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1 <= pair[1].0);
            }
            let (offset, length) = areas[areas.len() - 1];
            prop_assert!(offset + length <= layout.bytes);
        }

        #[test]
        fn any_numbers_are_answered_and_never_panic(
            ring_entries: u32, bytes: [u32; 3], count: [u32; 3], slot: u32
        ) {
            let mut geometry = Geometry { ring_entries, ..Geometry::default() };
            for (class, (bytes, count)) in geometry.classes.iter_mut().zip(bytes.into_iter().zip(count)) {
                *class = SlotClass { bytes, count };
            }
            if let Ok(layout) = geometry.layout() {
                if let Some(place) = layout.slot(SlotId(slot)) {
                    prop_assert!(place.offset + place.bytes <= layout.bytes);
                }
            }
            if let Some(place) = Geometry::default().layout().unwrap().slot(SlotId(slot)) {
                prop_assert!(place.offset + place.bytes <= Geometry::default().layout().unwrap().bytes);
            }
        }
    }
}
