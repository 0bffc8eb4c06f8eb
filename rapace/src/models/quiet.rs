//! A message that nobody is rung for: whoever comes to wait for it says so, and then is.

use std::sync::Arc;

use loom::thread;

use super::futex::Line;
use super::ring::message;
use super::{LOST_WAKE_UP, by, search};
use crate::doorbell::{Counter, sleep_unless};
use crate::ring::{self, Consumer, Entry, Producer};
use crate::sync::AtomicU64;

/// One direction of a session, with one message in it at most.
macro_rules! direction {
    () => {{
        let entries = Entry::on_heap(2);
        ring::initialise(&entries, 1);
        let consumed = Arc::new(AtomicU64::new(0));
        let producer = Producer::new(Arc::clone(&entries), Arc::clone(&consumed), 1);
        (producer, Consumer::new(entries, consumed, 1), Line::new())
    }};
}

/// Takes the message out, and sleeps until it is there.
macro_rules! receive {
    ($consumer:expr, $line:expr) => {
        while $consumer.try_pop().unwrap().is_none() {
            sleep_unless(
                || $line.futex.ticket(),
                || $line.wish(Counter::Message, 1),
                || $consumer.is_ready(),
                |ticket| $line.futex.sleep(ticket),
            );
        }
    };
}

/// The reader of a stream gives credit quietly; its writer says that it waits, and waits for that. `announces` is what the reader
/// does when it hears it, as in `Core::handle_stream`.
fn credit_and_a_writer_that_waits(announces: bool) {
    search(move || {
        let (mut credit, mut credit_here, down) = direction!();
        let (mut word, mut word_there, up) = direction!();
        let (line, heard) = (Arc::clone(&down), Arc::clone(&up));
        let reader = thread::spawn(move || {
            assert!(credit.has_room().unwrap());
            credit.push(message(1));
            receive!(word_there, heard);
            if announces {
                line.announce(Counter::Message, 0, 1);
            }
        });
        assert!(word.has_room().unwrap());
        word.push(message(1));
        up.announce(Counter::Message, 0, 1);
        receive!(credit_here, down);
        reader.join().unwrap();
    });
}

#[test]
fn a_writer_that_waits_gets_credit_that_was_given_quietly() {
    credit_and_a_writer_that_waits(true);
}

#[test]
fn a_reader_that_hears_of_it_and_announces_nothing_loses_the_writer() {
    assert!(std::panic::catch_unwind(|| by(LOST_WAKE_UP, || credit_and_a_writer_that_waits(false))).is_err());
}
