//! Counts and sizes as a geometry, and 72 bytes as what a half says of itself.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use zerocopy::IntoBytes;

use super::input::Input;
use crate::layout::descriptor::Descriptor;
use crate::layout::geometry::{Geometry, Layout, SLOT_CLASSES, SlotClass, SlotId, offset};
use crate::os::ForkGuard;
use crate::segment::memory::{self, Owned};
use crate::segment::{Half, IDENTITY_BYTES, Identity, PEER_A, PEER_B};

/// A geometry of 28 bytes and a slot's number; then changes to an honest half's header.
pub fn geometry(data: &[u8]) {
    let mut input = Input::new(data);
    let is_likely = input.bool();
    // Small numbers are mostly possible ones, of which there are too few among all.
    let mut number = |max: u32| if is_likely { u32::from(input.u16()) % (max + 2) } else { input.u32() };
    let mut geometry = Geometry { ring_entries: number(1 << 10), ..Geometry::default() };
    for class in &mut geometry.classes {
        *class = SlotClass { bytes: number(1 << 9), count: number(40) };
    }
    if is_likely {
        geometry.ring_entries = geometry.ring_entries.next_power_of_two();
        let mut smaller = 0;
        for class in &mut geometry.classes {
            smaller += class.bytes.max(1) * 64;
            class.bytes = smaller;
        }
    }
    let slot = SlotId(input.u32());
    match geometry.layout() {
        Ok(layout) => {
            assert!(is_possible(&geometry), "{geometry:?} was accepted");
            lies_apart_and_inside(&geometry, &layout, slot);
        }
        Err(error) => assert!(!is_possible(&geometry), "{geometry:?} was refused: {error}"),
    }
    header(&mut input);
}

/// The rules, a second time.
fn is_possible(geometry: &Geometry) -> bool {
    let sizes = geometry.classes.map(|class| class.bytes);
    (2..=1 << 16).contains(&geometry.ring_entries)
        && geometry.ring_entries.count_ones() == 1
        && sizes.iter().all(|bytes| *bytes > 0 && bytes % 64 == 0 && *bytes <= 16 << 20)
        && sizes.is_sorted_by(|smaller, larger| smaller < larger)
        && geometry.classes.iter().all(|class| (1..=1 << 16).contains(&class.count))
}

/// No two areas share a byte, and all are in the half; a slot is found if and only if the geometry has it.
fn lies_apart_and_inside(geometry: &Geometry, layout: &Layout, any: SlotId) {
    let mut end = offset::RELEASED;
    let mut area = |start: usize, count: u32, bytes: usize| {
        assert!(start >= end && start % 64 == 0, "areas overlap: {layout:?}");
        end = start.checked_add(usize::try_from(count).unwrap().checked_mul(bytes).unwrap()).unwrap();
        assert!(end <= layout.bytes, "an area is beyond the end: {layout:?}");
    };
    area(layout.released, layout.slots_total, 8);
    area(layout.ring, geometry.ring_entries, size_of::<Descriptor>());
    let mut number = 0;
    for (class, shape) in (0..).zip(&geometry.classes) {
        let first = layout.slot(SlotId::new(class, 0)).unwrap();
        let last = layout.slot(SlotId::new(class, shape.count - 1)).unwrap();
        assert_eq!((first.number, last.number), (number, number + shape.count - 1));
        assert!(first.bytes >= shape.bytes as usize && first.bytes == last.bytes);
        assert_eq!(last.offset - first.offset, first.bytes * (shape.count - 1) as usize);
        area(first.offset, shape.count, first.bytes);
        assert_eq!(layout.slot(SlotId::new(class, shape.count)), None);
        number += shape.count;
    }
    assert_eq!(number, layout.slots_total);
    assert_eq!(layout.bytes % 4_096, 0);
    assert_eq!(geometry.half_bytes(), Ok(layout.bytes as u64));
    let exists = geometry.classes.get(usize::from(any.class())).is_some_and(|class| any.index() < class.count);
    assert_eq!(layout.slot(any).is_some(), exists, "{any:?}");
    for class in SLOT_CLASSES as u8..=u8::MAX {
        assert_eq!(layout.slot(SlotId::new(class, 0)), None);
    }
}

thread_local! {
    static HALF: OnceCell<Arc<Half>> = const { OnceCell::new() };
}

/// A half of the smallest shape, made once.
fn half() -> Arc<Half> {
    let make = || {
        let fork = ForkGuard::new().unwrap();
        let Owned { half, .. } = memory::create(&smallest().layout().unwrap(), &fork).unwrap();
        half
    };
    HALF.with(|half| Arc::clone(half.get_or_init(make)))
}

fn smallest() -> Geometry {
    let classes = [64, 128, 192].map(|bytes| SlotClass { bytes, count: 1 });
    Geometry { ring_entries: 2, classes }
}

/// What a half says of itself is taken only if it is, byte for byte, what the handshake agreed on.
fn header(input: &mut Input<'_>) {
    let half = half();
    let expected = Identity::new(*b"what was agreed.", PEER_B, &smallest());
    let mut bytes: [u8; IDENTITY_BYTES] = expected.as_bytes().try_into().unwrap();
    for _ in 0..input.below(4) {
        let (place, value) = (input.below(IDENTITY_BYTES), input.u8());
        bytes[place] = value;
    }
    for (place, word) in half.words().identity.iter().zip(bytes.chunks_exact(8)) {
        place.store(u64::from_ne_bytes(word.try_into().unwrap()), Ordering::Relaxed);
    }
    let is_same = bytes == expected.as_bytes();
    assert_eq!(expected.check(&half).is_ok(), is_same, "{bytes:?}");
    if let Ok(found) = Identity::parse(bytes) {
        assert!([PEER_A, PEER_B].contains(&found.role()));
        assert_eq!(found.as_bytes(), bytes);
        assert_eq!(found.geometry().layout().is_ok(), is_possible(&found.geometry()));
        assert_eq!(found.check(&half), Ok(()));
    }
}
