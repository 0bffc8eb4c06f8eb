//! The close: whoever sleeps learns of it, and of everything that was published before it first.

use std::sync::Arc;

use loom::thread;

use super::futex::Line;
use super::ring::message;
use super::{EARLY_CLOSE, LOST_WAKE_UP, by, search};
use crate::doorbell::{Counter, sleep_unless};
use crate::ring::{self, Consumer, Entry, Producer};
use crate::sync::{AtomicU64, Fault, Ordering, planted, with_fault};

/// Half a session: a ring, the close word, and the answers.
struct Direction {
    /// Not zero once the producer publishes nothing more.
    closed: AtomicU64,
    line: Arc<Line>,
}

/// Two messages through a ring of two entries, then the close; the receiver sleeps whenever nothing is there.
fn two_messages_and_the_close() {
    search(|| {
        let entries = Entry::on_heap(2);
        ring::initialise(&entries, 1);
        let consumed = Arc::new(AtomicU64::new(0));
        let mut producer = Producer::new(Arc::clone(&entries), Arc::clone(&consumed), 1);
        let mut consumer = Consumer::new(entries, consumed, 1);
        let direction = Arc::new(Direction { closed: AtomicU64::new(0), line: Line::new() });
        let sender = Arc::clone(&direction);
        let sending = thread::spawn(move || {
            for n in 1..=2 {
                if n == 2 && planted(Fault::EarlyClose) {
                    sender.closed.store(1, Ordering::Release);
                }
                assert!(producer.has_room().unwrap());
                producer.push(message(n));
                sender.line.announce(Counter::Message, n - 1, n);
            }
            // As `Shared::close_sending`: the close is announced as the message that never comes.
            sender.closed.store(1, Ordering::Release);
            sender.line.announce(Counter::Message, producer.published(), producer.published() + 1);
        });
        let mut received = 0;
        let is_closed = || direction.closed.load(Ordering::Acquire) != 0;
        loop {
            if let Some(found) = consumer.try_pop().unwrap() {
                received += 1;
                assert_eq!(found.call, received);
                continue;
            }
            // As `Receiver::end`: the reason first, then the ring.
            if is_closed() && !consumer.is_ready() {
                break;
            }
            let line = &direction.line;
            sleep_unless(
                || line.futex.ticket(),
                || line.wish(Counter::Message, consumer.next()),
                || consumer.is_ready() || is_closed(),
                |ticket| line.futex.sleep(ticket),
            );
        }
        assert_eq!(received, 2, "the close overtook a message");
        sending.join().unwrap();
    });
}

/// A sender without room, and a receiver that gives some back and then receives nothing more.
fn a_sender_and_the_stop() {
    search(|| {
        let line = Line::new();
        let peer = Arc::clone(&line);
        let stopping = thread::spawn(move || {
            peer.give_room(1);
            // As `Shared::stop_receiving`: ordered before the new count by its Release. It stands in the peer's half;
            // here both processes' words are in one.
            peer.stopped.store(1, Ordering::Relaxed);
            let old = peer.freed.fetch_add(1, Ordering::Release);
            peer.announce(Counter::Room, old, old + 1);
        });
        loop {
            let freed = line.freed.load(Ordering::Acquire);
            // Room for a second message never comes.
            assert!(line.consumed.load(Ordering::Acquire) < 2);
            if line.stopped.load(Ordering::Relaxed) != 0 {
                break;
            }
            sleep_unless(
                || line.futex.ticket(),
                || line.wish(Counter::Room, freed + 1),
                || line.freed.load(Ordering::Acquire) != freed || line.stopped.load(Ordering::Relaxed) != 0,
                |ticket| line.futex.sleep(ticket),
            );
        }
        stopping.join().unwrap();
    });
}

#[test]
fn a_sleeping_receiver_gets_every_message_and_then_the_close() {
    two_messages_and_the_close();
}

#[test]
fn a_sender_without_room_learns_that_the_receiver_stopped() {
    a_sender_and_the_stop();
}

#[test]
fn a_close_stored_before_the_last_message_loses_it() {
    assert!(with_fault(Fault::EarlyClose, || by(EARLY_CLOSE, two_messages_and_the_close)));
}

#[test]
fn without_a_fence_a_close_is_not_seen() {
    assert!(with_fault(Fault::NoPublisherFence, || by(LOST_WAKE_UP, two_messages_and_the_close)));
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, two_messages_and_the_close)));
    assert!(with_fault(Fault::NoPublisherFence, || by(LOST_WAKE_UP, a_sender_and_the_stop)));
    assert!(with_fault(Fault::NoWaiterFence, || by(LOST_WAKE_UP, a_sender_and_the_stop)));
}
