//! An open session with a liar: whatever it writes into its half, the honest side ends with the violation that names
//! the rule, or meets back-pressure that ends with its own deadline. Never a panic, a signal or a hang.
//!
//! In most tests the liar is a PeerB by hand ([`liar`]), in the same process, that departs from the protocol in one
//! thing. In the last ones it is a process of its own: this binary, run again, a legitimate peer that scribbles over its
//! half for a while, over many short sessions. The time is 3 seconds; for a campaign:
//!
//! ```text
//! RAPACE_SCRIBBLE_SECONDS=600 cargo test -p rapace --test hostile -- scribbl --nocapture
//! RAPACE_SCRIBBLE_SEED=12345 …   the same scribbles again, as far as two processes repeat themselves
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod liar;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use liar::{
    CANCEL, CREDIT, Descriptor, END, GOODBYE, ITEM, Liar, Map, Marks, ONE_WAY, REQUEST, Random, Shape, TERMINAL, field,
    flag, greeting, half, honest_greeting, put, small, wait_until, watchdog, watchdog_of,
};
use rapace::{
    Config, Death, Head, Kind, Listener, Lost, OpenError, PeerA, PeerB, PeerState, RecvError, Route, SendError,
    Session, Spin, Violation,
};

/// Long enough never to be reached where something must come.
const LONG: Duration = Duration::from_secs(50);
/// Long enough to have waited.
const SHORT: Duration = Duration::from_millis(50);

/// A configuration whose threads sleep at once.
fn sleepy() -> Config {
    let mut config = small();
    config.spin = Spin::Never;
    config
}

/// A head that may use all slots of a class.
const ANSWER: Head = Head::terminal(1, 0);

/// Every operation from now on answers with this, and the other side has been hung up on.
#[track_caller]
fn assert_over(honest: &mut Session<PeerA>, liar: &Liar, lost: Lost) {
    for _ in 0..2 {
        assert_eq!(honest.recv().unwrap_err(), RecvError::Lost(lost));
        assert_eq!(honest.try_recv().unwrap_err(), RecvError::Lost(lost));
        assert_eq!(honest.recv_timeout(LONG).unwrap_err(), RecvError::Lost(lost));
        assert_eq!(honest.send(ANSWER, b"x"), Err(SendError::Lost(lost)));
        assert_eq!(honest.try_send(ANSWER, &[0; 100]), Err(SendError::Lost(lost)));
        assert_eq!(honest.send_timeout(ANSWER, b"x", LONG), Err(SendError::Lost(lost)));
        assert_eq!(honest.send_batch(&[(ANSWER, b"x")]), Err(SendError::Lost(lost)));
        assert_eq!(honest.alloc(100).map(drop), Err(SendError::Lost(lost)));
        assert_eq!(honest.sender().pending(), Err(SendError::Lost(lost)));
    }
    assert!(!honest.is_peer_alive());
    liar.talk.drain_to_end();
}

/// The next message is this violation, in text too.
#[track_caller]
fn assert_caught(honest: &mut Session<PeerA>, liar: &Liar, violation: Violation) {
    let error = honest.recv_timeout(LONG).map(drop).expect_err("the lie was believed");
    assert_eq!(error, RecvError::Lost(Lost::Violation(violation)));
    assert_eq!(error.to_string(), format!("the peer broke the protocol: {violation}"));
    assert_over(honest, liar, violation.into());
}

fn bytes_of(session: &mut Session<PeerA>) -> Vec<u8> {
    session.recv_timeout(LONG).unwrap().into_inbound_payload().into_vec()
}

#[test]
fn a_liar_that_tells_the_truth_is_a_peer_like_any_other() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::inline(REQUEST, b"hello").u32(field::CALL, 7).u32(field::METHOD, 42));
    let message = honest.recv_timeout(LONG).unwrap();
    assert_eq!(*message.head(), Head::request(7, 42));
    assert_eq!((message.route(), message.into_inbound_payload().into_vec()), (Route::Inline, b"hello".to_vec()));

    liar.write_slot(1, 2, &[9; 300]);
    liar.publish(Descriptor::in_slot(1, 2, 1, 300));
    let message = honest.recv_timeout(LONG).unwrap();
    assert_eq!(message.route(), Route::Slot { class_bytes: 256 });
    assert_eq!(liar.released(1, 2), 0);
    assert_eq!(message.into_inbound_payload().into_vec(), [9; 300]);
    assert_eq!(liar.released(1, 2), 1);

    // Eight bytes inline, then the slot.
    liar.publish(Descriptor::in_slot(1, 2, 2, 108).u8(field::INLINE_LEN, 8).tail(b"the head"));
    assert_eq!(bytes_of(&mut honest), [&b"the head"[..], &[9; 100]].concat());

    liar.write_slot(2, 0, &[1; 1_024]);
    liar.write_slot(2, 1, &[2; 10]);
    liar.publish(Descriptor::first(2, 0, 1, 1_024, 1_034));
    liar.publish(Descriptor::in_slot(2, 1, 1, 10).u8(field::FLAGS, flag::SLOT | flag::NEXT));
    assert_eq!(bytes_of(&mut honest), [&[1; 1_024][..], &[2; 10]].concat());
    assert_eq!((liar.released(2, 0), liar.released(2, 1)), (1, 1));

    for n in 1..=20 {
        honest.send(ANSWER, b"and back").unwrap();
        let message = liar.their_message(n).unwrap();
        assert_eq!(message.0[field::INLINE..][..8], *b"and back");
        liar.set_consumed(n);
    }
    assert_eq!(honest.peer_state(), PeerState::Alive);
    assert_eq!(honest.try_recv().unwrap_err(), RecvError::Empty);
}

/// One test for each descriptor with a field that is wrong.
macro_rules! lies {
    ($($name:ident: $descriptor:expr => $violation:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let _watchdog = watchdog();
                let (mut honest, mut liar) = Liar::meet(&small());
                liar.publish($descriptor);
                assert_caught(&mut honest, &liar, $violation);
            }
        )*
    };
}

fn inline() -> Descriptor {
    Descriptor::inline(ONE_WAY, b"hello")
}

fn in_slot() -> Descriptor {
    Descriptor::in_slot(1, 0, 1, 200)
}

fn stray(kind: Kind, field: &'static str, value: u32) -> Violation {
    Violation::Field { kind, field, value }
}

const PAYLOAD_MAX: usize = 64 << 10;

lies! {
    kind_0_does_not_exist: inline().u8(field::KIND, 0) => Violation::Kind { kind: 0 };
    kind_9_does_not_exist: inline().u8(field::KIND, 9) => Violation::Kind { kind: 9 };
    kind_255_does_not_exist: inline().u8(field::KIND, 255) => Violation::Kind { kind: 255 };

    a_flag_that_does_not_exist_is_caught: inline().u8(field::FLAGS, 64)
        => Violation::Flags { kind: Kind::OneWay, flags: 64 };
    all_flags_at_once_are_caught: in_slot().u8(field::FLAGS, 255)
        => Violation::Flags { kind: Kind::OneWay, flags: 255 };
    a_first_fragment_that_is_also_the_last_is_caught: in_slot().u8(field::FLAGS, flag::SLOT | flag::FIRST)
        => Violation::Flags { kind: Kind::OneWay, flags: 3 };
    a_first_fragment_that_is_also_a_next_one_is_caught: in_slot().u8(field::FLAGS, flag::SLOT | flag::FIRST | flag::NEXT)
        => Violation::Flags { kind: Kind::OneWay, flags: 11 };
    more_without_a_first_is_caught: in_slot().u8(field::FLAGS, flag::SLOT | flag::MORE)
        => Violation::Flags { kind: Kind::OneWay, flags: 5 };
    an_abandoned_message_in_a_slot_is_caught: in_slot().u8(field::FLAGS, flag::SLOT | flag::ABANDONED)
        => Violation::Flags { kind: Kind::OneWay, flags: 17 };
    an_abandoned_message_that_goes_on_is_caught: Descriptor::inline(ITEM, b"").u8(field::FLAGS, flag::MORE | flag::ABANDONED)
        => Violation::Flags { kind: Kind::Item, flags: 20 };
    a_cancel_in_a_slot_is_caught: in_slot().u8(field::KIND, CANCEL)
        => Violation::Flags { kind: Kind::Cancel, flags: 1 };
    a_credit_in_fragments_is_caught: Descriptor::first(1, 0, 1, 8, 16).u8(field::KIND, CREDIT)
        => Violation::Flags { kind: Kind::Credit, flags: 7 };

    a_status_on_a_request_is_caught: Descriptor::inline(REQUEST, b"").u16(field::STATUS, 1)
        => stray(Kind::Request, "status", 1);
    a_status_on_an_item_is_caught: Descriptor::inline(ITEM, b"").u16(field::STATUS, u16::MAX)
        => stray(Kind::Item, "status", 65_535);
    a_call_on_a_goodbye_is_caught: Descriptor::inline(GOODBYE, &[0; 8]).u32(field::CALL, 1)
        => stray(Kind::Goodbye, "call", 1);
    a_method_on_a_terminal_is_caught: Descriptor::inline(TERMINAL, b"").u32(field::METHOD, 3)
        => stray(Kind::Terminal, "method", 3);
    a_method_on_a_cancel_is_caught: Descriptor::inline(CANCEL, b"").u32(field::METHOD, u32::MAX)
        => stray(Kind::Cancel, "method", u32::MAX);
    a_method_on_a_goodbye_is_caught: Descriptor::inline(GOODBYE, &[0; 8]).u32(field::METHOD, 1)
        => stray(Kind::Goodbye, "method", 1);
    a_parent_on_a_one_way_is_caught: inline().u32(field::PARENT, 5) => stray(Kind::OneWay, "parent", 5);
    a_parent_on_a_terminal_is_caught: Descriptor::inline(TERMINAL, b"").u32(field::PARENT, u32::MAX)
        => stray(Kind::Terminal, "parent", u32::MAX);
    a_timeout_on_a_terminal_is_caught: Descriptor::inline(TERMINAL, b"").u32(field::TIMEOUT, 1)
        => stray(Kind::Terminal, "timeout_us", 1);
    a_timeout_on_an_end_is_caught: Descriptor::inline(END, b"").u32(field::TIMEOUT, u32::MAX)
        => stray(Kind::End, "timeout_us", u32::MAX);
    the_first_reserved_byte_must_be_zero: inline().u8(field::RESERVED, 1)
        => stray(Kind::OneWay, "reserved", u32::from_ne_bytes([1, 0, 0, 0]));
    the_second_reserved_byte_must_be_zero: inline().u8(field::RESERVED + 1, 1)
        => stray(Kind::OneWay, "reserved", u32::from_ne_bytes([0, 1, 0, 0]));
    the_third_reserved_byte_must_be_zero: inline().u8(field::RESERVED + 2, 255)
        => stray(Kind::OneWay, "reserved", u32::from_ne_bytes([0, 0, 255, 0]));

    an_end_with_a_payload_is_caught: Descriptor::inline(END, b"x")
        => Violation::Length { kind: Kind::End, len: 1, allowed: 0 };
    a_cancel_with_a_payload_is_caught: Descriptor::inline(CANCEL, &[0; 24])
        => Violation::Length { kind: Kind::Cancel, len: 24, allowed: 0 };
    a_credit_of_seven_bytes_is_caught: Descriptor::inline(CREDIT, &[0; 7])
        => Violation::Length { kind: Kind::Credit, len: 7, allowed: 8 };
    a_goodbye_without_a_number_is_caught: Descriptor::inline(GOODBYE, b"")
        => Violation::Length { kind: Kind::Goodbye, len: 0, allowed: 8 };

    a_payload_above_the_receivers_limit_is_caught: in_slot().u32(field::LEN, PAYLOAD_MAX as u32 + 1)
        => Violation::PayloadMax { len: PAYLOAD_MAX as u64 + 1, payload_max: PAYLOAD_MAX };
    a_payload_of_four_gigabytes_is_caught: in_slot().u32(field::LEN, u32::MAX)
        => Violation::PayloadMax { len: u64::from(u32::MAX), payload_max: PAYLOAD_MAX };

    a_payload_longer_than_its_inline_bytes_is_caught: inline().u32(field::LEN, 6)
        => Violation::InlineLength { inline_len: 5, len: 6 };
    a_payload_shorter_than_its_inline_bytes_is_caught: inline().u32(field::LEN, 4)
        => Violation::InlineLength { inline_len: 5, len: 4 };
    twenty_five_inline_bytes_are_caught: inline().u32(field::LEN, 25).u8(field::INLINE_LEN, 25)
        => Violation::InlineLength { inline_len: 25, len: 25 };
    more_inline_bytes_than_a_descriptor_has_are_caught: in_slot().u8(field::INLINE_LEN, 255)
        => Violation::InlineLength { inline_len: 255, len: 200 };
    more_inline_bytes_than_a_first_fragment_has_are_caught: Descriptor::first(1, 0, 1, 200, 400).u8(field::INLINE_LEN, 17)
        => Violation::InlineLength { inline_len: 17, len: 200 };
    an_abandoned_message_with_bytes_is_caught: inline().u8(field::FLAGS, flag::ABANDONED)
        => Violation::InlineLength { inline_len: 5, len: 5 };

    a_slot_on_a_message_without_one_is_caught: inline().u32(field::SLOT, 1)
        => Violation::SlotInInline { slot: 1, generation: 0 };
    a_generation_on_a_message_without_slot_is_caught: inline().u32(field::GENERATION, u32::MAX)
        => Violation::SlotInInline { slot: 0, generation: u32::MAX };
    a_slot_behind_the_last_of_its_class_is_caught: in_slot().u32(field::SLOT, (1 << 24) | 4)
        => Violation::Slot { class: 1, index: 4 };
    a_slot_of_a_fourth_class_is_caught: in_slot().u32(field::SLOT, 3 << 24)
        => Violation::Slot { class: 3, index: 0 };
    a_slot_far_outside_of_the_segment_is_caught: in_slot().u32(field::SLOT, u32::MAX)
        => Violation::Slot { class: 255, index: 0xff_ffff };
    a_slot_index_of_sixteen_million_is_caught: in_slot().u32(field::SLOT, (2 << 24) | 0xff_ffff)
        => Violation::Slot { class: 2, index: 0xff_ffff };

    an_empty_payload_in_a_slot_is_caught: in_slot().u32(field::LEN, 0)
        => Violation::SlotLength { len: 0, slot_bytes: 320 };
    a_slot_for_bytes_that_are_all_inline_is_caught: in_slot().u32(field::LEN, 24).u8(field::INLINE_LEN, 24)
        => Violation::SlotLength { len: 0, slot_bytes: 320 };
    one_byte_more_than_the_slot_has_is_caught: in_slot().u32(field::LEN, 321)
        => Violation::SlotLength { len: 321, slot_bytes: 320 };
    a_payload_that_would_reach_beyond_the_segment_is_caught: Descriptor::in_slot(2, 3, 1, PAYLOAD_MAX as u32)
        => Violation::SlotLength { len: PAYLOAD_MAX, slot_bytes: 1_088 };

    a_generation_of_zero_is_caught: in_slot().u32(field::GENERATION, 0)
        => Violation::Generation { class: 1, index: 0, expected: 1, found: 0 };
    a_generation_that_jumps_ahead_is_caught: in_slot().u32(field::GENERATION, 2)
        => Violation::Generation { class: 1, index: 0, expected: 1, found: 2 };
    a_generation_of_garbage_is_caught: in_slot().u32(field::GENERATION, u32::MAX)
        => Violation::Generation { class: 1, index: 0, expected: 1, found: u32::MAX };
    a_generation_of_garbage_in_a_fragment_is_caught: Descriptor::first(2, 1, 7, 100, 1_000)
        => Violation::Generation { class: 2, index: 1, expected: 1, found: 7 };

    a_fragment_without_slot_is_caught: inline().u8(field::FLAGS, flag::NEXT)
        => Violation::FragmentWithoutSlot;
    a_first_fragment_without_slot_is_caught:
        Descriptor::inline(ONE_WAY, &1_000_u64.to_ne_bytes()).u8(field::FLAGS, flag::FIRST | flag::MORE)
        => Violation::FragmentWithoutSlot;
    a_fragment_of_nothing_is_caught: in_slot().u8(field::FLAGS, flag::SLOT | flag::NEXT).u32(field::METHOD, 4)
        => Violation::FragmentUnexpected { call: 0, stream: 4 };
    an_end_of_nothing_is_caught: Descriptor::inline(TERMINAL, b"").u8(field::FLAGS, flag::ABANDONED).u32(field::CALL, 9)
        => Violation::FragmentUnexpected { call: 9, stream: 0 };
    a_total_above_the_receivers_limit_is_caught: Descriptor::first(2, 0, 1, 1_024, PAYLOAD_MAX as u64 + 1)
        => Violation::PayloadMax { len: PAYLOAD_MAX as u64 + 1, payload_max: PAYLOAD_MAX };
    a_total_beyond_all_memory_is_caught: Descriptor::first(2, 0, 1, 1_024, u64::MAX)
        => Violation::PayloadMax { len: u64::MAX, payload_max: PAYLOAD_MAX };
    a_total_that_the_first_fragment_exceeds_is_caught: Descriptor::first(2, 0, 1, 1_024, 1_000)
        => Violation::FragmentBytes { got: 1_024, total: 1_000 };
    a_total_that_the_first_fragment_is_all_of_is_caught: Descriptor::first(2, 0, 1, 1_024, 1_024)
        => Violation::FragmentBytes { got: 1_024, total: 1_024 };
    a_total_of_zero_is_caught: Descriptor::first(2, 0, 1, 1_024, 0)
        => Violation::FragmentBytes { got: 1_024, total: 0 };
}

#[test]
fn a_violation_reaches_a_receiver_that_sleeps() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&sleepy());
    let receiving = std::thread::spawn(move || {
        let error = honest.recv().map(drop);
        (honest, error)
    });
    liar.wait_for_wish();
    liar.publish(inline().u8(field::KIND, 99));
    liar.ring_all();
    let (mut honest, error) = receiving.join().unwrap();
    assert_eq!(error, Err(RecvError::Lost(Violation::Kind { kind: 99 }.into())));
    assert_over(&mut honest, &liar, Violation::Kind { kind: 99 }.into());
}

#[test]
fn what_came_before_a_violation_is_delivered_and_what_comes_after_is_not() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(inline());
    liar.publish(inline().u8(field::KIND, 0));
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
    assert_caught(&mut honest, &liar, Violation::Kind { kind: 0 });
    liar.publish(inline());
    assert_over(&mut honest, &liar, Violation::Kind { kind: 0 }.into());
}

#[test]
fn a_violation_ends_a_sender_that_waits_in_another_thread() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&sleepy());
    for _ in 0..8 {
        honest.send(ANSWER, b"x").unwrap();
    }
    let (mut sender, mut receiver) = honest.split();
    let sending = std::thread::spawn(move || sender.send(ANSWER, b"waits"));
    liar.wait_for_wish();
    liar.publish(inline().u8(field::KIND, 0));
    let lost = Lost::from(Violation::Kind { kind: 0 });
    assert_eq!(receiver.recv().unwrap_err(), RecvError::Lost(lost));
    assert_eq!(sending.join().unwrap(), Err(SendError::Lost(lost)));
}

#[test]
fn a_session_that_ended_by_a_violation_leaves_nothing_behind() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(in_slot());
    let held = honest.recv_timeout(LONG).unwrap();
    liar.publish(inline().u8(field::KIND, 0));
    assert_caught(&mut honest, &liar, Violation::Kind { kind: 0 });
    // A payload outlives the session, and the session its violation.
    assert_eq!(held.into_inbound_payload().into_vec().len(), 200);
    drop(honest);
    let marks = Marks::of([&liar.own.file, &liar.their_file]);
    drop(liar);
    marks.assert_gone();
}

/// Of sequence numbers.
fn sequence(expected: u32, found: u32) -> Violation {
    Violation::Sequence { expected, found }
}

#[test]
fn a_sequence_number_that_jumps_ahead_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    liar.publish_at(1, 2, inline());
    assert_caught(&mut honest, &liar, sequence(1, 2));
}

#[test]
fn a_sequence_number_a_lap_ahead_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    for _ in 0..8 {
        liar.publish(inline());
    }
    // As a producer does that does not wait for its reader.
    liar.publish(inline());
    assert_caught(&mut honest, &liar, sequence(1, 9));
}

#[test]
fn a_sequence_number_that_goes_back_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    for _ in 0..8 {
        liar.publish(inline());
        assert_eq!(bytes_of(&mut honest), b"hello");
    }
    assert_eq!(honest.try_recv().unwrap_err(), RecvError::Empty);
    let fresh = 1_u32.wrapping_sub(8);
    liar.publish_at(9, fresh, inline());
    assert_caught(&mut honest, &liar, sequence(9, fresh));
}

#[test]
fn a_sequence_number_of_garbage_is_caught() {
    let _watchdog = watchdog();
    for garbage in [0, 3, u32::MAX, 0x8000_0001, 0xdead_beef] {
        let (mut honest, liar) = Liar::meet(&small());
        liar.publish_at(1, garbage, inline());
        assert_caught(&mut honest, &liar, sequence(1, garbage));
    }
}

#[test]
fn a_message_that_is_taken_back_before_it_is_seen_never_was() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    liar.publish_at(1, 1, inline());
    liar.publish_at(1, 1_u32.wrapping_sub(8), inline());
    assert_eq!(honest.recv_timeout(SHORT).unwrap_err(), RecvError::Timeout);
    liar.publish_at(1, 1, inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
}

#[test]
fn a_message_that_is_rewritten_after_it_was_taken_out_changes_nothing() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(inline());
    let message = honest.recv_timeout(LONG).unwrap();
    liar.publish_at(1, 1, Descriptor([0xff; 64]));
    assert_eq!((message.head().method(), message.len()), (0, 5));
    assert_eq!(message.into_inbound_payload().into_vec(), b"hello");
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
}

/// The honest side fills its ring, and looks at `consumed` when it wants to send one more.
#[track_caller]
fn assert_consumed_caught(consumed: u64, seen: u64, published: u64, honest: &mut Session<PeerA>, liar: &Liar) {
    liar.set_consumed(consumed);
    let violation = Violation::Consumed { consumed, seen, published };
    let error = honest.send_timeout(ANSWER, b"x", LONG).unwrap_err();
    assert_eq!(error, SendError::Lost(violation.into()));
    assert_over(honest, liar, violation.into());
}

fn fill(honest: &mut Session<PeerA>) {
    for _ in 0..8 {
        honest.try_send(ANSWER, b"x").unwrap();
    }
    assert_eq!(honest.try_send(ANSWER, b"x"), Err(SendError::Full));
}

#[test]
fn consumed_beyond_what_was_published_is_caught() {
    let _watchdog = watchdog();
    for consumed in [9, 10, 1 << 32, u64::MAX] {
        let (mut honest, liar) = Liar::meet(&small());
        fill(&mut honest);
        assert_consumed_caught(consumed, 0, 8, &mut honest, &liar);
    }
}

#[test]
fn consumed_that_goes_back_is_caught() {
    let _watchdog = watchdog();
    for consumed in [0, 3, 4] {
        let (mut honest, liar) = Liar::meet(&small());
        fill(&mut honest);
        liar.set_consumed(5);
        for _ in 0..5 {
            honest.try_send(ANSWER, b"x").unwrap();
        }
        assert_consumed_caught(consumed, 5, 13, &mut honest, &liar);
    }
}

#[test]
fn consumed_that_lies_is_caught_when_it_is_asked_for() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    for _ in 0..3 {
        honest.send(ANSWER, b"x").unwrap();
    }
    assert_eq!(honest.sender().pending(), Ok(3));
    liar.set_consumed(2);
    assert_eq!(honest.sender().pending(), Ok(1));
    liar.set_consumed(1);
    let violation = Violation::Consumed { consumed: 1, seen: 2, published: 3 };
    assert_eq!(honest.sender().pending(), Err(SendError::Lost(violation.into())));
    assert_over(&mut honest, &liar, violation.into());
}

#[test]
fn consumed_that_lies_is_caught_by_a_sender_that_sleeps() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&sleepy());
    fill(&mut honest);
    let sending = std::thread::spawn(move || {
        let error = honest.send(ANSWER, b"x");
        (honest, error)
    });
    liar.wait_for_wish();
    liar.set_consumed(u64::MAX);
    liar.add_freed();
    liar.ring_all();
    let (mut honest, error) = sending.join().unwrap();
    let violation = Violation::Consumed { consumed: u64::MAX, seen: 0, published: 8 };
    assert_eq!(error, Err(SendError::Lost(violation.into())));
    assert_over(&mut honest, &liar, violation.into());
}

/// Sends payloads of 1,088 bytes, which only the largest class carries, until its four slots are gone.
fn use_up_slots(honest: &mut Session<PeerA>) {
    for _ in 0..4 {
        honest.try_send(ANSWER, &[1; 1_088]).unwrap();
    }
    assert_eq!(honest.try_send(ANSWER, &[1; 1_088]), Err(SendError::Full));
}

#[test]
fn slots_that_are_never_released_end_with_the_senders_deadline() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    use_up_slots(&mut honest);
    liar.set_consumed(4);
    for _ in 0..3 {
        assert_eq!(honest.send_timeout(ANSWER, &[1; 1_088], SHORT), Err(SendError::Timeout));
    }
    // Smaller messages still go, and so do large ones once there is room.
    honest.send(ANSWER, &[2; 100]).unwrap();
    liar.set_released(2, 1, 1);
    liar.add_freed();
    honest.send(ANSWER, &[3; 1_088]).unwrap();
    assert_eq!(honest.try_send(ANSWER, &[3; 1_088]), Err(SendError::Full));
}

#[test]
fn a_message_in_fragments_that_gets_no_room_ends_with_the_senders_deadline() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    assert_eq!(honest.send_timeout(ANSWER, &[1; 50_000], SHORT), Err(SendError::Timeout));
    // The peer is told that the rest will not come.
    let last = (1..9).rev().find_map(|n| liar.their_message(n)).unwrap();
    assert_eq!(last.0[field::FLAGS], flag::ABANDONED);
}

#[test]
fn slots_released_in_other_generations_are_not_released() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    use_up_slots(&mut honest);
    liar.set_consumed(4);
    for bogus in [0, 2, 3, u64::from(u32::MAX), u64::MAX, 0x8000_0001, u64::MAX - 1] {
        for index in 0..4 {
            liar.set_released(2, index, bogus);
        }
        liar.add_freed();
        assert_eq!(honest.try_send(ANSWER, &[1; 1_088]), Err(SendError::Full), "generation {bogus}");
    }
    assert_eq!(honest.send_timeout(ANSWER, &[1; 1_088], SHORT), Err(SendError::Timeout));
}

#[test]
fn a_slot_released_twice_is_free_once() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    use_up_slots(&mut honest);
    liar.set_consumed(4);
    for _ in 0..2 {
        liar.set_released(2, 3, 1);
        liar.add_freed();
    }
    honest.try_send(ANSWER, &[1; 1_088]).unwrap();
    assert_eq!(honest.try_send(ANSWER, &[1; 1_088]), Err(SendError::Full));
    // Again, though the slot was sent in generation 2 since.
    liar.set_released(2, 3, 1);
    liar.add_freed();
    assert_eq!(honest.try_send(ANSWER, &[1; 1_088]), Err(SendError::Full));
}

#[test]
fn slots_released_before_they_were_sent_harm_only_the_messages_to_the_liar() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    for index in 0..4 {
        liar.set_released(2, index, 1);
    }
    // Each slot comes back once, at once, and its message is overwritten.
    for n in 1..=8 {
        honest.try_send(ANSWER, &[n as u8; 1_088]).unwrap();
        liar.set_consumed(n);
    }
    assert_eq!(honest.try_send(ANSWER, &[9; 1_088]), Err(SendError::Full));
    assert!(liar.theirs.read(liar.shape.slot(2, 0), 1_088).iter().all(|byte| *byte > 4));
    // What the honest side receives is none the worse.
    assert!(honest.is_peer_alive());
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
}

#[test]
fn a_slot_that_is_sent_again_while_it_is_held_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(in_slot());
    let held = honest.recv_timeout(LONG).unwrap();
    liar.publish(in_slot().u32(field::GENERATION, 2));
    assert_caught(&mut honest, &liar, Violation::SlotHeld { class: 1, index: 0 });
    assert_eq!(held.len(), 200);
}

#[test]
fn a_slot_that_is_sent_twice_in_one_generation_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(in_slot());
    drop(honest.recv_timeout(LONG).unwrap());
    liar.publish(in_slot());
    assert_caught(&mut honest, &liar, Violation::Generation { class: 1, index: 0, expected: 2, found: 1 });
}

#[test]
fn a_slot_that_changes_while_it_is_held_keeps_its_length() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.write_slot(1, 0, &[1; 200]);
    liar.publish(in_slot());
    let held = honest.recv_timeout(LONG).unwrap();
    liar.write_slot(1, 0, &[2; 320]);
    liar.publish_at(1, 1, in_slot().u32(field::LEN, 320));
    assert_eq!(held.len(), 200);
    assert_eq!(held.into_inbound_payload().into_vec(), [2; 200]);
}

#[test]
fn freed_that_jumps_around_changes_nothing_and_the_deadline_holds() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    use_up_slots(&mut honest);
    for freed in [1, u64::MAX, 0, 1 << 63, 5] {
        liar.set_freed(freed);
        assert_eq!(honest.try_send(ANSWER, &[1; 1_088]), Err(SendError::Full));
        assert_eq!(honest.send_timeout(ANSWER, &[1; 1_088], SHORT), Err(SendError::Timeout));
    }
    assert_eq!(honest.try_send(ANSWER, b"small"), Ok(()));
}

/// Runs `lie` over and over beside the test, until the guard is dropped.
struct Meanwhile(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

fn meanwhile(mut lie: impl FnMut() + Send + 'static) -> Meanwhile {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            lie();
        }
    });
    Meanwhile(stop, Some(thread))
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap();
    }
}

#[test]
fn freed_that_never_stands_still_does_not_outlast_the_senders_deadline() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&sleepy());
    use_up_slots(&mut honest);
    let liar = Arc::new(liar);
    let lying = Arc::clone(&liar);
    let _lie = meanwhile(move || lying.add_freed());
    assert_eq!(honest.send_timeout(ANSWER, &[1; 1_088], SHORT), Err(SendError::Timeout));
}

#[test]
fn a_peer_that_never_drains_ends_with_the_senders_deadline() {
    let _watchdog = watchdog();
    for config in [small(), sleepy()] {
        let (mut honest, _liar) = Liar::meet(&config);
        fill(&mut honest);
        let start = Instant::now();
        assert_eq!(honest.send_timeout(ANSWER, b"x", SHORT), Err(SendError::Timeout));
        assert!(start.elapsed() >= SHORT);
        assert_eq!(honest.sender().pending(), Ok(8));
        assert_eq!(honest.send_timeout(ANSWER, b"x", SHORT), Err(SendError::Timeout));
    }
}

fn impatient() -> Config {
    let mut config = sleepy();
    config.limits.stall_max = Some(Duration::from_millis(150));
    config
}

#[test]
fn a_peer_that_never_drains_is_given_up_after_stall_max() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&impatient());
    fill(&mut honest);
    let lost = Lost::Stalled { stalled: Duration::from_millis(150) };
    let error = honest.send(ANSWER, b"x").unwrap_err();
    assert_eq!(error, SendError::Lost(lost));
    assert!(error.to_string().contains("stall_max"));
    assert_over(&mut honest, &liar, lost);
}

#[test]
fn a_peer_that_says_it_gives_back_and_does_not_is_given_up_after_stall_max() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&impatient());
    fill(&mut honest);
    let liar = Arc::new(liar);
    let lying = Arc::clone(&liar);
    let _lie = meanwhile(move || {
        lying.add_freed();
        std::thread::sleep(Duration::from_millis(1));
    });
    let error = honest.send_timeout(ANSWER, b"x", LONG).unwrap_err();
    assert_eq!(error, SendError::Lost(Lost::Stalled { stalled: Duration::from_millis(150) }));
}

#[test]
fn a_flood_of_bells_for_threads_ends_the_session() {
    let _watchdog = watchdog();
    if cfg!(rapace_portable) {
        // Threads sleep on the socket there.
        return;
    }
    let (mut honest, liar) = Liar::meet(&sleepy());
    let liar = Arc::new(liar);
    let lying = Arc::clone(&liar);
    let lie = meanwhile(move || lying.ring());
    let error = honest.recv_timeout(LONG).unwrap_err();
    drop(lie);
    let RecvError::Lost(lost @ Lost::Violation(Violation::Bells { rung, raised })) = error else { panic!("{error:?}") };
    assert!(rung > raised, "{error}");
    assert_over(&mut honest, &liar, lost);
}

#[test]
fn a_flood_of_wakes_without_a_bell_ends_the_session() {
    let _watchdog = watchdog();
    if cfg!(rapace_portable) {
        // Threads sleep on the socket there.
        return;
    }
    let (mut honest, liar) = Liar::meet(&sleepy());
    let liar = Arc::new(liar);
    let lying = Arc::clone(&liar);
    let lie = meanwhile(move || liar::wake(lying.own.map.short_word(half::BELL)));
    let error = honest.recv_timeout(LONG).unwrap_err();
    drop(lie);
    let RecvError::Lost(lost @ Lost::Violation(Violation::Bells { .. })) = error else { panic!("{error:?}") };
    assert_over(&mut honest, &liar, lost);
}

#[test]
fn a_flood_of_bells_ends_a_sender_that_waits_for_room_too() {
    let _watchdog = watchdog();
    if cfg!(rapace_portable) {
        // Threads sleep on the socket there.
        return;
    }
    let (mut honest, liar) = Liar::meet(&sleepy());
    fill(&mut honest);
    let liar = Arc::new(liar);
    let lying = Arc::clone(&liar);
    let lie = meanwhile(move || lying.ring());
    let error = honest.send_timeout(ANSWER, b"x", LONG).unwrap_err();
    drop(lie);
    let SendError::Lost(lost @ Lost::Violation(Violation::Bells { .. })) = error else { panic!("{error:?}") };
    assert_over(&mut honest, &liar, lost);
}

#[test]
fn bells_that_nobody_sleeps_for_are_not_held_against_the_peer() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&sleepy());
    for _ in 0..1_000 {
        liar.ring();
    }
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
    assert_eq!(honest.recv_timeout(SHORT).unwrap_err(), RecvError::Timeout);
}

/// Threads sleep on the futex and never read the socket; where there is no futex, the flood is one of bells.
#[test]
fn a_flood_of_bytes_on_the_socket_is_harmless_or_ends_the_session() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&sleepy());
    while liar.ring_socket() {}
    let waited = honest.recv_timeout(SHORT).unwrap_err();
    if cfg!(rapace_portable) {
        return assert!(matches!(waited, RecvError::Lost(Lost::Violation(Violation::Bells { .. }))), "{waited:?}");
    }
    assert_eq!(waited, RecvError::Timeout);
    assert_eq!(honest.peer_state(), PeerState::Alive);
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
    honest.send(ANSWER, b"still here").unwrap();
    // The end of the liar is still seen behind all those bytes.
    let receiving = std::thread::spawn(move || honest.recv().unwrap_err());
    liar.wait_for_wish();
    drop(liar);
    assert_eq!(receiving.join().unwrap(), RecvError::Lost(Lost::PeerDied(Death::HangUp)));
}

#[test]
fn an_honest_side_whose_bells_are_never_read_does_not_block() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    for n in 1..=20_000_u64 {
        // Asks for a byte with each message, and reads none.
        liar.own.map.set(half::WANTS_MESSAGE_SOCKET, n);
        liar.own.map.set(half::WANTS_MESSAGE, n);
        honest.send(ANSWER, b"x").unwrap();
        liar.set_consumed(n);
    }
    assert_eq!(honest.peer_state(), PeerState::Alive);
}

#[test]
fn wishes_of_garbage_are_harmless() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    let mut random = Random(7);
    for n in 1..=500_u64 {
        let wish = random.choose(&[0, 1, n, n + 1, u64::MAX, u64::MAX - 1, 1 << 32, random.0]);
        for place in
            [half::WANTS_MESSAGE, half::WANTS_ROOM, half::WANTS_MESSAGE_SOCKET, half::WANTS_ROOM_SOCKET, half::BEAT]
        {
            liar.own.map.set(place, wish.wrapping_add(random.below(3)));
        }
        honest.send(ANSWER, b"x").unwrap();
        liar.set_consumed(n);
        liar.publish(inline());
        assert_eq!(bytes_of(&mut honest), b"hello");
        assert_eq!(honest.try_recv().unwrap_err(), RecvError::Empty);
    }
    assert_eq!(honest.peer_state(), PeerState::Alive);
}

#[test]
fn a_heartbeat_and_a_cpu_of_garbage_are_harmless() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    for garbage in [u64::MAX, 0, 1 << 63, 77] {
        liar.own.map.set(half::BEAT, garbage);
        liar.own.map.set(half::CPU, garbage);
        // Asking for the state does not judge, whatever `consumed` says.
        liar.set_consumed(garbage);
        assert!(honest.is_peer_alive());
        assert_eq!(honest.peer_heartbeat(), garbage);
        assert_eq!(honest.recv_timeout(Duration::from_millis(5)).unwrap_err(), RecvError::Timeout);
    }
    liar.set_consumed(0);
    honest.send(ANSWER, b"x").unwrap();
}

#[test]
fn a_payload_limit_of_zero_only_stops_messages_to_the_liar() {
    let _watchdog = watchdog();
    let mut hello = honest_greeting();
    put(&mut hello, greeting::PAYLOAD_MAX, &0_u64.to_ne_bytes());
    let (mut honest, mut liar) = Liar::meet_saying(&small(), &hello);
    let too_large = SendError::TooLarge { len: 1, limit: "payload_max of the peer", max: 0 };
    assert_eq!(honest.send(ANSWER, b"x"), Err(too_large));
    assert_eq!(honest.send(ANSWER, b""), Ok(()));
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
}

#[test]
fn a_payload_limit_without_end_is_no_reason_to_overflow() {
    let _watchdog = watchdog();
    let mut hello = honest_greeting();
    put(&mut hello, greeting::PAYLOAD_MAX, &u64::MAX.to_ne_bytes());
    let (mut honest, _liar) = Liar::meet_saying(&small(), &hello);
    assert_eq!(honest.send_timeout(ANSWER, &vec![0; 1 << 20], SHORT), Err(SendError::Timeout));
}

#[test]
fn a_peer_that_claims_never_to_sleep_and_does_harms_only_itself() {
    let _watchdog = watchdog();
    let mut hello = honest_greeting();
    put(&mut hello, greeting::FLAGS, &1_u32.to_ne_bytes());
    let (mut honest, mut liar) = Liar::meet_saying(&small(), &hello);
    liar.own.map.set(half::WANTS_MESSAGE, 1);
    honest.send(ANSWER, b"x").unwrap();
    assert!(liar.their_message(1).is_some());
    liar.publish(inline());
    assert_eq!(bytes_of(&mut honest), b"hello");
}

#[test]
fn a_state_that_flips_closes_and_opens_and_loses_no_message() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    for garbage in [2, 7, u64::MAX, 1 << 32] {
        liar.own.map.set(half::STATE, garbage);
        assert_eq!(honest.recv_timeout(Duration::from_millis(5)).unwrap_err(), RecvError::Timeout);
    }
    liar.publish(inline());
    liar.own.map.set(half::STATE, 1);
    assert_eq!(bytes_of(&mut honest), b"hello");
    assert_eq!(honest.recv().unwrap_err(), RecvError::Closed);
    liar.own.map.set(half::STATE, 0);
    let after = honest.recv_timeout(SHORT).unwrap_err();
    assert!(matches!(after, RecvError::Closed | RecvError::Timeout), "{after:?}");
}

#[test]
fn a_state_that_never_stands_still_does_not_outlast_the_receivers_deadline() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&sleepy());
    let liar = Arc::new(liar);
    let lying = Arc::clone(&liar);
    let mut state = 0;
    let _lie = meanwhile(move || {
        state ^= 1;
        lying.own.map.set(half::STATE, state);
        lying.own.map.set(half::STOPPED, state);
    });
    for _ in 0..20 {
        let received = honest.recv_timeout(Duration::from_millis(5)).unwrap_err();
        assert!(matches!(received, RecvError::Closed | RecvError::Timeout), "{received:?}");
        let sent = honest.send_timeout(ANSWER, b"x", Duration::from_millis(5));
        assert!(matches!(sent, Ok(()) | Err(SendError::Closed | SendError::Timeout)), "{sent:?}");
    }
}

#[test]
fn a_peer_that_stops_and_starts_receiving_is_closed_as_long_as_it_says_so() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    for word in [1, u64::MAX, 1 << 40] {
        liar.own.map.set(half::STOPPED, word);
        assert_eq!(honest.send(ANSWER, b"x"), Err(SendError::Closed));
        assert_eq!(honest.alloc(5).map(drop), Err(SendError::Closed));
    }
    liar.own.map.set(half::STOPPED, 0);
    let after = honest.send(ANSWER, b"x");
    assert!(matches!(after, Ok(()) | Err(SendError::Closed)), "{after:?}");
}

#[test]
fn a_state_and_a_stop_of_garbage_with_a_hang_up_end_the_session() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    liar.own.map.set(half::STATE, u64::MAX);
    drop(liar);
    assert_eq!(honest.recv().unwrap_err(), RecvError::Lost(Lost::PeerDied(Death::HangUp)));
}

/// A next fragment, with more to come.
fn next(class: u32, index: u32, generation: u32, len: u32) -> Descriptor {
    Descriptor::in_slot(class, index, generation, len).u8(field::FLAGS, flag::SLOT | flag::NEXT | flag::MORE)
}

fn last(class: u32, index: u32, generation: u32, len: u32) -> Descriptor {
    Descriptor::in_slot(class, index, generation, len).u8(field::FLAGS, flag::SLOT | flag::NEXT)
}

#[test]
fn fragments_beyond_the_announced_total_are_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 2_500));
    liar.publish(next(2, 1, 1, 1_000));
    liar.publish(next(2, 2, 1, 1_000));
    assert_caught(&mut honest, &liar, Violation::FragmentBytes { got: 3_000, total: 2_500 });
}

#[test]
fn fragments_that_end_too_early_are_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 2_500));
    liar.publish(last(2, 1, 1, 1_000));
    assert_caught(&mut honest, &liar, Violation::FragmentBytes { got: 2_000, total: 2_500 });
}

#[test]
fn a_message_begun_again_in_the_middle_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    let begin = |index| Descriptor::first(2, index, 1, 1_000, 2_500).u32(field::CALL, 3).u32(field::METHOD, 4);
    liar.publish(begin(0));
    liar.publish(begin(1));
    assert_caught(&mut honest, &liar, Violation::FragmentRestarted { call: 3, stream: 4 });
}

#[test]
fn a_fragment_of_another_call_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 2_500).u32(field::CALL, 3));
    liar.publish(next(2, 1, 1, 1_000).u32(field::CALL, 4));
    assert_caught(&mut honest, &liar, Violation::FragmentUnexpected { call: 4, stream: 0 });
}

#[test]
fn a_fragment_of_another_kind_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 2_500).u8(field::KIND, TERMINAL).u32(field::CALL, 3));
    liar.publish(next(2, 1, 1, 1_000).u8(field::KIND, ITEM).u32(field::CALL, 3));
    assert_caught(&mut honest, &liar, Violation::FragmentUnexpected { call: 3, stream: 0 });
}

#[test]
fn a_fragment_in_a_slot_that_does_not_exist_is_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 2_500));
    liar.publish(next(2, 4, 1, 1_000));
    assert_caught(&mut honest, &liar, Violation::Slot { class: 2, index: 4 });
}

#[test]
fn more_messages_in_fragments_at_once_than_allowed_are_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    for call in 0..5 {
        liar.publish(Descriptor::first(call % 3, call / 3, 1, 50, 1_000).u32(field::CALL, call));
    }
    assert_caught(&mut honest, &liar, Violation::FragmentedCalls { limit: 4 });
}

#[test]
fn messages_in_fragments_whose_totals_together_are_above_the_limit_are_caught() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    for call in 0..2 {
        liar.publish(Descriptor::first(2, call, 1, 50, PAYLOAD_MAX as u64 - 1_000).u32(field::CALL, call));
    }
    let len = 2 * (PAYLOAD_MAX as u64 - 1_000);
    assert_caught(&mut honest, &liar, Violation::PayloadMax { len, payload_max: PAYLOAD_MAX });
}

#[test]
fn fragments_that_never_finish_end_with_the_close() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 60_000));
    liar.publish(next(2, 1, 1, 1_000));
    assert_eq!(honest.recv_timeout(SHORT).unwrap_err(), RecvError::Timeout);
    liar.own.map.set(half::STATE, 1);
    assert_eq!(honest.recv().unwrap_err(), RecvError::Closed);
}

#[test]
fn fragments_that_never_finish_end_with_the_hang_up() {
    let _watchdog = watchdog();
    let (mut honest, mut liar) = Liar::meet(&small());
    liar.publish(Descriptor::first(2, 0, 1, 1_000, 60_000));
    drop(liar);
    assert_eq!(honest.recv().unwrap_err(), RecvError::Lost(Lost::PeerDied(Death::HangUp)));
}

/// Publishes messages that are begun and given up, as fast as they are taken out, and never one that is whole.
fn begin_and_give_up(mut liar: Liar) -> Meanwhile {
    let (mut n, mut generation) = (0, 0);
    meanwhile(move || {
        let taken = liar.theirs.get(half::CONSUMED);
        if taken + 6 < n {
            std::hint::spin_loop();
            return;
        }
        generation += 1;
        // The four slots take turns, so one is free again when its turn comes.
        let (index, round) = ((generation - 1) % 4, (generation - 1) / 4 + 1);
        liar.publish(Descriptor::first(0, index, round, 1, 1_000));
        liar.publish(Descriptor::inline(ONE_WAY, b"").u8(field::FLAGS, flag::ABANDONED));
        n += 2;
    })
}

#[test]
fn fragments_without_end_do_not_outlast_the_receivers_deadline() {
    let _watchdog = watchdog();
    let mut config = small();
    // The liar does not ring, so a receiver that slept would see no flood.
    config.spin = Spin::Forever;
    let (mut honest, liar) = Liar::meet(&config);
    let theirs = Map::read_only(&liar.their_file, liar.shape.bytes()).unwrap();
    let _lie = begin_and_give_up(liar);
    while theirs.get(half::CONSUMED) < 1_000 {
        assert_eq!(honest.recv_timeout(SHORT).unwrap_err(), RecvError::Timeout);
    }
}

#[test]
fn fragments_without_end_do_not_keep_a_receiver_that_only_tries() {
    let _watchdog = watchdog();
    let (mut honest, liar) = Liar::meet(&small());
    let theirs = Map::read_only(&liar.their_file, liar.shape.bytes()).unwrap();
    let lie = begin_and_give_up(liar);
    wait_until(|| honest.try_recv().is_err() && theirs.get(half::CONSUMED) > 0);
    let mut most = 0;
    let goes_on = liar::until(Duration::from_millis(200));
    while goes_on() {
        let before = theirs.get(half::CONSUMED);
        assert_eq!(honest.try_recv().unwrap_err(), RecvError::Empty);
        most = most.max(theirs.get(half::CONSUMED) - before);
    }
    drop(lie);
    // Some bound of this side's; a few laps of the ring will do.
    assert!(most <= 32, "one try took {most} descriptors out, as many as the liar had");
}

/// Futures sleep on the socket, where the liar can write what it wants.
#[cfg(feature = "tokio")]
mod awaited {
    use super::*;
    use rapace::aio;
    use tokio::runtime::{Builder, Runtime};
    use tokio::time::timeout;

    fn runtimes() -> [Runtime; 2] {
        [
            Builder::new_current_thread().enable_all().build().unwrap(),
            Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        ]
    }

    #[test]
    fn a_violation_ends_a_future_that_waits() {
        let _watchdog = watchdog();
        for runtime in runtimes() {
            let (honest, mut liar) = Liar::meet(&small());
            runtime.block_on(async {
                let mut honest = aio::Session::from(honest);
                let lie = std::thread::spawn(move || {
                    liar.wait_for_wish();
                    liar.publish(inline().u8(field::KIND, 0));
                    liar.ring_socket();
                    liar
                });
                let lost = Lost::from(Violation::Kind { kind: 0 });
                assert_eq!(honest.recv().await.map(drop), Err(RecvError::Lost(lost)));
                assert_eq!(honest.recv().await.map(drop), Err(RecvError::Lost(lost)));
                assert_eq!(honest.send(ANSWER, b"x").await, Err(SendError::Lost(lost)));
                lie.join().unwrap().talk.drain_to_end();
            });
        }
    }

    #[test]
    fn a_flood_of_bytes_ends_the_session() {
        let _watchdog = watchdog();
        for runtime in runtimes() {
            let (honest, liar) = Liar::meet(&small());
            while liar.ring_socket() {}
            runtime.block_on(async {
                let mut honest = aio::Session::from(honest);
                let error = honest.recv().await.unwrap_err();
                let RecvError::Lost(lost @ Lost::Violation(Violation::Bells { rung, raised })) = error else {
                    panic!("{error:?}")
                };
                assert!(rung > raised);
                assert_eq!(honest.send(ANSWER, b"x").await, Err(SendError::Lost(lost)));
            });
            liar.talk.drain_to_end();
        }
    }

    #[test]
    fn an_out_of_band_byte_does_not_keep_the_runtime_from_its_timers() {
        let _watchdog = watchdog();
        for runtime in runtimes() {
            let (honest, mut liar) = Liar::meet(&small());
            if rustix::net::send(&liar.talk.socket, &[0], rustix::net::SendFlags::OOB).is_err() {
                println!("skipped: this kernel has no out-of-band bytes on Unix sockets");
                return;
            }
            runtime.block_on(async {
                let mut honest = aio::Session::from(honest);
                assert!(timeout(SHORT, honest.recv()).await.is_err());
                liar.publish(inline());
                assert_eq!(honest.recv().await.unwrap().into_inbound_payload().into_vec(), b"hello");
            });
        }
    }

    #[test]
    fn fragments_without_end_do_not_keep_the_runtime_from_its_timers() {
        let _watchdog = watchdog();
        for runtime in runtimes() {
            let (honest, liar) = Liar::meet(&small());
            let _lie = begin_and_give_up(liar);
            runtime.block_on(async {
                let mut honest = aio::Session::from(honest);
                for _ in 0..3 {
                    assert!(timeout(SHORT, honest.recv()).await.is_err());
                }
            });
        }
    }
}

/// The portable memory has no seals, and promises none of this.
#[cfg(not(rapace_portable))]
mod the_shared_memory_itself {
    use super::*;
    use rustix::fs::{FallocateFlags, SealFlags};
    use rustix::io::Errno;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;

    /// The liar's copies of the honest half's descriptor, and the honest side.
    fn received() -> (Session<PeerA>, Liar) {
        Liar::meet(&small())
    }

    /// The half is as it was: what the honest side writes now arrives.
    fn assert_sound(mut honest: Session<PeerA>, liar: &Liar) {
        honest.send(ANSWER, &[7; 100]).unwrap();
        assert_eq!(liar.their_message(1).unwrap().0[field::LEN], 100);
        assert_eq!(liar.theirs.read(liar.shape.slot(0, 0), 100), [7; 100]);
    }

    #[test]
    fn cannot_be_resized_by_the_peer() {
        let _watchdog = watchdog();
        let (honest, liar) = received();
        for len in [0, 4_096, 1 << 20] {
            assert_eq!(rustix::fs::ftruncate(&liar.their_file, len), Err(Errno::PERM));
        }
        let grow = rustix::fs::fallocate(&liar.their_file, FallocateFlags::empty(), 0, 1 << 20);
        assert_eq!(grow, Err(Errno::PERM));
        assert_sound(honest, &liar);
    }

    #[test]
    fn cannot_get_holes_from_the_peer() {
        let _watchdog = watchdog();
        let (honest, liar) = received();
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_eq!(rustix::fs::fallocate(&liar.their_file, hole, 0, 4_096), Err(Errno::PERM));
        assert_eq!(liar.theirs.remove_pages(), Err(Errno::ACCESS));
        assert_sound(honest, &liar);
    }

    #[test]
    fn cannot_be_mapped_writable_by_the_peer() {
        let _watchdog = watchdog();
        let (honest, liar) = received();
        let error = Map::writable(&liar.their_file, liar.shape.bytes()).map(drop).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert_eq!(liar.theirs.make_writable(), Err(Errno::ACCESS));
        assert_sound(honest, &liar);
    }

    #[test]
    fn cannot_be_written_by_the_peer() {
        let _watchdog = watchdog();
        let (honest, liar) = received();
        assert_eq!(rustix::io::pwrite(&liar.their_file, &[1; 64], 0), Err(Errno::PERM));
        assert_eq!(rustix::io::write(&liar.their_file, &[1; 64]), Err(Errno::PERM));
        let other = tempfile::tempfile().unwrap();
        other.write_at(&[1; 64], 0).unwrap();
        let copied = rustix::fs::copy_file_range(&other, Some(&mut 0), &liar.their_file, Some(&mut 0), 64);
        assert!(copied.is_err(), "{copied:?}");
        assert_sound(honest, &liar);
    }

    #[test]
    fn cannot_be_written_through_the_process_file_system() {
        let _watchdog = watchdog();
        let (honest, liar) = received();
        let path = format!("/proc/self/fd/{}", liar.their_file.as_raw_fd());
        // Opening it may be allowed; using what was opened is not.
        if let Ok(again) = liar::open_for_writing(&path) {
            assert_eq!(again.write_at(&[1; 64], 0).unwrap_err().raw_os_error(), Some(libc::EPERM));
            assert_eq!(again.set_len(0).unwrap_err().raw_os_error(), Some(libc::EPERM));
            let again = again.into();
            let mapped = Map::writable(&again, liar.shape.bytes()).map(drop).unwrap_err();
            assert_eq!(mapped.raw_os_error(), Some(libc::EPERM));
        }
        // The door of debuggers, which writes read-only memory if that is private.
        let memory = liar::open_for_writing("/proc/self/mem").unwrap();
        memory.write_at(&[1; 64], liar.theirs.address() as u64).unwrap_err();
        assert_sound(honest, &liar);
    }

    #[test]
    fn cannot_be_sealed_further_by_the_peer() {
        let _watchdog = watchdog();
        let (honest, liar) = received();
        for seal in [SealFlags::WRITE, SealFlags::SEAL, SealFlags::GROW] {
            assert_eq!(rustix::fs::fcntl_add_seals(&liar.their_file, seal), Err(Errno::PERM));
        }
        assert_sound(honest, &liar);
    }

    #[test]
    fn cannot_be_taken_away_by_its_owner() {
        let _watchdog = watchdog();
        let (mut honest, mut liar) = received();
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_eq!(rustix::fs::fallocate(&liar.own.file, hole, 0, 4_096), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&liar.own.file, 0), Err(Errno::PERM));
        assert_eq!(liar.own.map.remove_pages(), Err(Errno::PERM));
        liar.publish(inline());
        assert_eq!(bytes_of(&mut honest), b"hello");
    }
}

const SCRIBBLER: &str = "RAPACE_SCRIBBLER";

fn scribble_time() -> Duration {
    let seconds = std::env::var("RAPACE_SCRIBBLE_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(3.0))
}

/// Not a test of its own: the other process of `a_live_scribbler_ends_sessions_and_nothing_else`.
#[test]
fn the_process_that_scribbles() {
    let Ok(text) = std::env::var(SCRIBBLER) else { return };
    let (seed, path) = text.split_once(' ').unwrap();
    let _watchdog = watchdog_of(scribble_time() + Duration::from_secs(60));
    let mut random = Random(seed.parse().unwrap());
    let shape = Shape::of(&small().geometry);
    loop {
        match Session::<PeerB>::connect_with(path, &small()) {
            Ok(session) => scribble(session, &shape, &mut random),
            Err(OpenError::NoServer { .. }) => return,
            // Hung up on, because the other process is about to end.
            Err(_) => {}
        }
    }
}

/// How often a scribbler looks whether it was given up.
const SCRIBBLES: u32 = 64;

/// Writes garbage into its own half until the other side has enough, or a while has passed.
fn scribble(mut session: Session<PeerB>, shape: &Shape, random: &mut Random) {
    // This process has one session at a time; the mappings are used before it is dropped.
    let (own, theirs) = (Map::of_sessions(true), Map::of_sessions(false));
    let ([own], [theirs]) = (&own[..], &theirs[..]) else { panic!("{} and {} halves", own.len(), theirs.len()) };
    assert_eq!((own.len(), theirs.len()), (shape.bytes(), shape.bytes()));
    let goes_on = liar::until(Duration::from_millis(1 + random.below(60)));
    let style = random.below(6);
    while goes_on() && session.is_peer_alive() {
        for _ in 0..SCRIBBLES {
            match style {
                // All of the half.
                0 => own.set(8 * random.below(own.len() as u64 / 8) as usize, garbage(random)),
                // The words at its start, where most rules are.
                1 => own.set(8 * random.below(half::RELEASED as u64 / 8) as usize, garbage(random)),
                // A ring of descriptors that are nearly right.
                2 => publish_nearly(own, theirs, shape, random, 4),
                3 => publish_nearly(own, theirs, shape, random, 400),
                // An honest peer that goes wrong now and then.
                4 => {
                    let _ = session.try_send(ANSWER, &vec![3; random.below(3_000) as usize]);
                    let _ = session.try_recv();
                    if random.below(200) == 0 {
                        own.set(8 * random.below(own.len() as u64 / 8) as usize, garbage(random));
                    }
                }
                // Takes and gives back, nearly as it should, and rings too often.
                _ => give_back_nearly(own, theirs, shape, random),
            }
        }
    }
}

fn garbage(random: &mut Random) -> u64 {
    let number = random.number();
    random.choose(&[0, 1, 2, u64::MAX, number, number & 0xff, number & 0xffff_ffff, 1 << (number & 63)])
}

/// Writes the entry that the other side looks at next; one field in `odds` is garbage.
fn publish_nearly(own: &Map, theirs: &Map, shape: &Shape, random: &mut Random, odds: u64) {
    let n = theirs.get(half::CONSUMED) + 1;
    let class = random.below(3) as usize;
    let index = random.below(shape.classes[class][1].into()) as u32;
    let released = theirs.get(half::RELEASED + 8 * shape.slot_number(class, index)) as u32;
    let len = random.below(shape.room(class) as u64) as u32 + 1;
    let kind = random.choose(&[REQUEST, ONE_WAY, TERMINAL, ITEM]);
    let in_slot = Descriptor::in_slot(class as u32, index, released + 1, len);
    let mut descriptor = match random.below(6) {
        0 => Descriptor::inline(kind, &[5; 24][..random.below(25) as usize]),
        1 => in_slot,
        2 => Descriptor::first(class as u32, index, released + 1, len, u64::from(len) + random.below(70_000)),
        3 => in_slot.u8(field::FLAGS, flag::SLOT | flag::NEXT | flag::MORE),
        4 => in_slot.u8(field::FLAGS, flag::SLOT | flag::NEXT),
        _ => Descriptor::inline(kind, b"").u8(field::FLAGS, flag::ABANDONED),
    };
    descriptor = descriptor.u8(field::KIND, kind).u32(field::CALL, random.below(3) as u32);
    if random.below(odds) == 0 {
        let place = 4 + random.below(60) as usize;
        descriptor = descriptor.u8(place, random.number() as u8);
    }
    let seq = if random.below(odds) == 0 { random.number() as u32 } else { n as u32 };
    descriptor = descriptor.u32(field::SEQ, seq);
    let place = shape.entry(n);
    own.write(place + 8, &descriptor.0[8..]);
    own.write(place, &descriptor.0[..8]);
    if random.below(4) == 0 {
        ring_if_wished(own, theirs, n);
    }
}

fn ring_if_wished(own: &Map, theirs: &Map, n: u64) {
    if theirs.get(half::WANTS_MESSAGE) >= n {
        let bell = own.short_word(half::BELL);
        bell.fetch_add(1, Ordering::SeqCst);
        liar::wake(bell);
    }
}

/// Says of messages and slots that it has finished with them; of some that it has not.
fn give_back_nearly(own: &Map, theirs: &Map, shape: &Shape, random: &mut Random) {
    let published = |n: u64| theirs.get(shape.entry(n)) as u32 == n as u32;
    let mut consumed = own.get(half::CONSUMED);
    while consumed < u64::MAX && published(consumed + 1) && random.below(8) != 0 {
        consumed += 1;
    }
    own.set(half::CONSUMED, if random.below(5_000) == 0 { garbage(random) } else { consumed });
    let word = half::RELEASED + 8 * random.below(shape.slots() as u64) as usize;
    own.set(word, if random.below(3) == 0 { garbage(random) } else { own.get(word).wrapping_add(1) });
    own.word(half::FREED).fetch_add(1, Ordering::SeqCst);
    if random.below(20) == 0 {
        own.set(half::FREED, garbage(random));
    }
    if random.below(10) == 0 && theirs.get(half::WANTS_ROOM) != 0 {
        let bell = own.short_word(half::BELL);
        bell.fetch_add(1, Ordering::SeqCst);
        liar::wake(bell);
    }
}

/// What an honest side saw of sessions with a scribbler.
#[derive(Default, Debug)]
struct Seen {
    sessions: u32,
    sent: u64,
    received: u64,
    ends: std::collections::BTreeMap<String, u32>,
}

#[test]
fn a_live_scribbler_ends_sessions_and_nothing_else() {
    let time = scribble_time();
    let _watchdog = watchdog_of(time + Duration::from_secs(60));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = std::env::var("RAPACE_SCRIBBLE_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or(now.as_nanos() as u64);
    println!("RAPACE_SCRIBBLE_SEED={seed}");
    let mut random = Random(!seed);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = Listener::bind_with(&path, small()).unwrap();
    let mut scribbler = Command::new(std::env::current_exe().unwrap())
        .args(["the_process_that_scribbles", "--exact", "--nocapture", "--test-threads=1"])
        .env(SCRIBBLER, format!("{seed} {}", path.display()))
        .spawn()
        .unwrap();
    let mut seen = Seen::default();
    let goes_on = liar::until(time);
    let mut listener = Some(listener);
    // Until enough was seen: on a loaded machine that can take longer.
    while goes_on() || seen.sessions <= 10 || seen.received == 0 || seen.sent == 0 {
        assert_eq!(scribbler.try_wait().unwrap(), None, "the scribbler ended before its time");
        if let Some(incoming) = listener.as_mut().unwrap().try_accept().unwrap() {
            let session = incoming.open().unwrap();
            suffer(session, &mut random, &mut seen);
        } else {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    drop(listener.take());
    assert!(scribbler.wait().unwrap().success(), "the scribbler failed");
    println!("{seen:#?}");
}

/// Sends and receives from two threads, with deadlines, until the session is lost or closed. Everything that arrives is
/// within the limits.
fn suffer(session: Session<PeerA>, random: &mut Random, seen: &mut Seen) {
    const STEP: Duration = Duration::from_millis(3);
    let (mut sender, mut receiver) = session.split();
    let sizes = [0, 1, 24, 25, 100, 1_000, 1_088, 5_000, PAYLOAD_MAX as u64];
    let sizes: Vec<_> = (0..64).map(|_| random.choose(&sizes) as usize).collect();
    let sending = std::thread::spawn(move || {
        let payload = vec![6; PAYLOAD_MAX];
        let mut sent = 0;
        for size in sizes.iter().cycle() {
            match sender.send_timeout(Head::terminal(sent as u32, 0), &payload[..*size], STEP) {
                Ok(()) => sent += 1,
                Err(SendError::Timeout) => {}
                Err(error @ (SendError::Closed | SendError::Lost(_))) => return (sent, error),
                Err(error) => panic!("{error:?}"),
            }
        }
        unreachable!("the sizes go round for ever")
    });
    let mut held = Vec::new();
    let end = loop {
        match receiver.recv_timeout(STEP) {
            Ok(message) => {
                seen.received += 1;
                assert!(message.len() <= PAYLOAD_MAX);
                held.push(message);
                if held.len() > 3 {
                    let (head, len) = (*held[0].head(), held[0].len());
                    let bytes = held.remove(0).into_inbound_payload().into_vec();
                    assert_eq!(bytes.len(), len, "{head:?}");
                }
            }
            Err(RecvError::Timeout) => held.clear(),
            Err(error @ (RecvError::Closed | RecvError::Lost(_))) => break error,
            Err(error) => panic!("{error:?}"),
        }
    };
    drop(receiver);
    let (sent, also) = sending.join().unwrap();
    seen.sessions += 1;
    seen.sent += sent;
    for end in [format!("{end:?}"), format!("{also:?}")] {
        let name: String = end.split_inclusive(['(', ' ']).take(3).collect::<String>();
        *seen.ends.entry(name.trim_end_matches([' ', '(']).into()).or_default() += 1;
    }
}
