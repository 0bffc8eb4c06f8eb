//! The ring: a message is whole when its number is there, and its entry is not overwritten while it is read.

use std::sync::Arc;

use loom::thread;

use super::{CONFLICTING_ACCESS, by, search};
use crate::layout::descriptor::Descriptor;
use crate::ring::{self, Consumer, Entry, Producer};
use crate::sync::{AtomicU64, Fault, with_fault};

/// Differs in every word.
pub(super) fn message(number: u64) -> Descriptor {
    let number = number as u32;
    Descriptor {
        kind: 1,
        call: number,
        method: !number,
        len: number.rotate_left(8),
        slot: number.rotate_left(16),
        generation: number.wrapping_add(1),
        parent: number.wrapping_add(2),
        timeout_us: number.wrapping_add(3),
        inline: [number.into(); 3],
        ..Descriptor::default()
    }
}

/// Three messages through a ring of `capacity` entries, the first of them numbered `first`, and held until `batch` of them are written.
fn three_messages_of_a_batch(capacity: usize, first: u64, batch: u64) {
    search(move || {
        let entries = Entry::on_heap(capacity);
        ring::initialise(&entries, first);
        let consumed = Arc::new(AtomicU64::new(first - 1));
        let mut producer = Producer::new(Arc::clone(&entries), Arc::clone(&consumed), first);
        let mut consumer = Consumer::new(entries, consumed, first);
        let sending = thread::spawn(move || {
            for number in first..first + 3 {
                while !producer.has_room().unwrap() {
                    thread::yield_now();
                }
                if number == first && batch > 0 {
                    producer.hold(message(number))
                } else {
                    producer.push(message(number))
                }
                if number + 1 == first + batch {
                    producer.show();
                }
                // To loom a write to an entry that is not free is a conflict.
                producer.take_lines(|| true);
            }
        });
        for number in first..first + 3 {
            let found = loop {
                match consumer.try_pop().unwrap() {
                    Some(found) => break found,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(found, Descriptor { seq: number as u32, ..message(number) });
        }
        sending.join().unwrap();
    });
}

fn three_messages(capacity: usize, first: u64) {
    three_messages_of_a_batch(capacity, first, 0);
}

/// The second message is the one whose low 32 bits are zero.
const BEFORE_THE_WRAP: u64 = u32::MAX as u64;

#[test]
fn a_ring_of_one_entry_delivers_every_message_whole() {
    three_messages(1, BEFORE_THE_WRAP);
}

#[test]
fn a_ring_of_two_entries_delivers_every_message_whole() {
    three_messages(2, BEFORE_THE_WRAP);
}

#[test]
fn what_stands_behind_a_message_that_is_held_is_delivered_whole_behind_it() {
    for (capacity, batch) in [(1, 1), (2, 1), (2, 2), (4, 2), (4, 3)] {
        three_messages_of_a_batch(capacity, BEFORE_THE_WRAP, batch);
    }
}

#[test]
fn without_release_on_consumed_an_entry_is_overwritten_while_it_is_read() {
    assert!(with_fault(Fault::ConsumedRelaxed, || by(CONFLICTING_ACCESS, || three_messages(1, BEFORE_THE_WRAP))));
    assert!(with_fault(Fault::ConsumedRelaxed, || by(CONFLICTING_ACCESS, || three_messages(2, BEFORE_THE_WRAP))));
}

#[test]
fn without_a_look_whether_they_are_free_lines_are_taken_of_entries_that_are_read() {
    assert!(with_fault(Fault::LinesNotFree, || by(CONFLICTING_ACCESS, || three_messages(1, BEFORE_THE_WRAP))));
    assert!(with_fault(Fault::LinesNotFree, || by(CONFLICTING_ACCESS, || three_messages(2, BEFORE_THE_WRAP))));
}
