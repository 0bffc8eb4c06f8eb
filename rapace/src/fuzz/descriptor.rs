//! 64 bytes as a message: what is accepted says one thing only, in whichever way it is read.

use zerocopy::transmute;

use super::input::Input;
use crate::layout::INLINE_MAX;
use crate::layout::descriptor::{Descriptor, TOTAL_BYTES, WORDS, flag};
use crate::layout::geometry::{Geometry, Layout};
use crate::layout::head::{Arrival, Head, Kind, Part};
use crate::layout::metadata::{METADATA_BYTES, Metadata};

/// A choice of two bytes, and the 64 of a descriptor.
pub fn descriptor(data: &[u8]) {
    let mut input = Input::new(data);
    let mut geometry = Geometry::default();
    if input.bool() {
        geometry.classes[0].count = 1;
        geometry.classes[2].bytes = 1 << 20;
    }
    let layout = geometry.layout().unwrap();
    let payload_max = input.one_of(&[1 << 20, 0, 24, 4_096, 64 << 20, u32::MAX as usize, usize::MAX]);
    let bytes: [u8; 64] = input.array();
    let words: [u64; WORDS] = transmute!(bytes);
    let by_layout: Descriptor = transmute!(bytes);
    let descriptor = Descriptor::from_words(words);
    assert_eq!(descriptor, by_layout);
    assert_eq!(descriptor.into_words(), words);

    let careful = Arrival::parse(&descriptor, &layout, payload_max);
    match &careful {
        Ok(arrival) => is_within_its_bounds(arrival, &descriptor, &layout, payload_max),
        // What is said of a lie is bounded, and can be said.
        Err(violation) => assert!(violation.to_string().len() < 500),
    }
    short_ways_agree(&descriptor, careful.ok().as_ref());
    if let Ok(metadata) = Metadata::parse(&bytes[..METADATA_BYTES].try_into().unwrap()) {
        assert!(bytes[..16] != [0; 16] && bytes[16..METADATA_BYTES] != [0; 8], "{metadata:?}");
    }
}

/// What was accepted fits the layout and the limit, and written anew it is what came: each field has its one meaning.
fn is_within_its_bounds(arrival: &Arrival, descriptor: &Descriptor, layout: &Layout, payload_max: usize) {
    assert_eq!(arrival.len(), descriptor.len as usize);
    let Arrival { head, part, slot, inline, has_metadata } = *arrival;
    assert!(arrival.len() <= payload_max || (slot.is_none() && arrival.len() <= INLINE_MAX));
    let mut flags = match part {
        Part::Whole => 0,
        Part::First { total } => {
            assert!(total <= payload_max && total > arrival.len());
            flag::FIRST | flag::MORE
        }
        Part::Next => flag::NEXT | flag::MORE,
        Part::Last => flag::NEXT,
        Part::Abandoned => flag::ABANDONED,
    };
    let mut again = Descriptor { seq: descriptor.seq, len: arrival.len() as u32, ..head.descriptor() };
    if let Some(slot) = slot {
        let place = layout.slot(slot.id).expect("a slot that the layout has");
        assert_eq!((slot.offset, slot.number), (place.offset, place.number));
        assert!(slot.len >= 1 && slot.len as usize <= place.bytes);
        assert!(slot.offset >= layout.ring && slot.offset + slot.len as usize <= layout.bytes);
        assert_eq!(inline.len() + slot.len as usize, arrival.len());
        flags |= flag::SLOT;
        (again.slot, again.generation) = (slot.id.0, slot.generation);
    } else {
        assert_eq!(inline.len(), arrival.len());
    }
    if has_metadata {
        assert!(matches!(head.kind(), Kind::Request | Kind::OneWay));
        assert!(inline.len() == METADATA_BYTES || matches!(part, Part::First { total } if total >= METADATA_BYTES));
        flags |= flag::METADATA;
    }
    match head.kind() {
        Kind::End | Kind::Cancel => assert_eq!((arrival.len(), part), (0, Part::Whole)),
        Kind::Credit | Kind::Goodbye => assert_eq!((arrival.len(), part), (8, Part::Whole)),
        Kind::Request | Kind::OneWay | Kind::Terminal | Kind::Item => {}
    }
    let from = if matches!(part, Part::First { .. }) { TOTAL_BYTES } else { 0 };
    assert!(from + inline.len() <= INLINE_MAX);
    (again.flags, again.inline_len) = (flags, inline.len() as u8);
    // The bytes behind the inline ones mean nothing, and may be anything.
    again.inline = descriptor.inline;
    assert_eq!(again, *descriptor);
    let bytes: [u8; INLINE_MAX] = transmute!(descriptor.inline);
    assert_eq!(inline.as_slice(), &bytes[from..][..inline.len()]);
    if let Part::First { total } = part {
        assert_eq!(total as u64, descriptor.inline[0]);
    }
}

/// Each short way accepts only what the careful one does, and finds the same.
fn short_ways_agree(descriptor: &Descriptor, careful: Option<&Arrival>) {
    let short = Arrival::parse_short(descriptor);
    if let Some((head, inline)) = &short {
        let arrival = careful.expect("the careful parser accepts what a short way does");
        assert_eq!((*head, Part::Whole, None, false), (arrival.head, arrival.part, arrival.slot, arrival.has_metadata));
        assert_eq!(inline.as_slice(), arrival.inline.as_slice());
    } else if let (Some(arrival), true) = (careful, cfg!(target_endian = "little")) {
        let is_usual = matches!(arrival.head.kind(), Kind::Request | Kind::OneWay | Kind::Terminal | Kind::Item);
        assert!(!is_usual || descriptor.flags != 0, "the usual is left to the careful way");
    }
    let short = short.map(|(head, inline)| (head, inline.as_slice().to_vec()));
    let request = Arrival::parse_short_request(descriptor).map(|(head, inline)| (head, inline.as_slice().to_vec()));
    assert_eq!(request, short.clone().filter(|(head, _)| head.kind().begins_work() && head.parent() == 0));
    for call in [descriptor.call, descriptor.call.wrapping_add(1), 0] {
        let terminal = Arrival::parse_short_terminal(descriptor, call);
        let terminal = terminal.map(|(status, inline)| (Head::terminal(call, status), inline.as_slice().to_vec()));
        let is_it = |head: &Head| head.kind() == Kind::Terminal && head.call() == call;
        assert_eq!(terminal, short.clone().filter(|(head, _)| is_it(head)));
    }
}
