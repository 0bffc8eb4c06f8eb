//! Slots: one is written again only after it was read, whoever read it.

use std::sync::Arc;

use loom::cell::Cell;
use loom::thread;

use super::{CONFLICTING_ACCESS, by, search};
use crate::layout::geometry::{Geometry, SlotClass, SlotId};
use crate::layout::head::InSlot;
use crate::slots::{Acceptor, Pool, Share, release};
use crate::sync::{AtomicU64, Fault, Ordering, with_fault};

/// The pool and acceptor of one slot, and what stands for its bytes.
struct OneSlot {
    released: Arc<[AtomicU64]>,
    payload: Cell<u64>,
    /// The generation last sent: stands for the ring.
    sent: AtomicU64,
}

const SLOT: InSlot = InSlot { offset: 0, len: 1, id: SlotId(0), number: 0, generation: 0 };

impl OneSlot {
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads are coroutines, and its cell is the check")]
    fn new() -> Arc<Self> {
        Arc::new(Self {
            released: [AtomicU64::new(0)].into_iter().collect(),
            payload: Cell::new(0),
            sent: AtomicU64::new(0),
        })
    }

    /// Tries each claim a few times, then says that it gave up: a search must not wait for two threads at once.
    fn send(&self, generations: u64, tries: usize) {
        let classes = [1, 0, 0].map(|count| SlotClass { bytes: 64, count });
        let mut pool = Pool::new(&Geometry { ring_entries: 2, classes }, Arc::clone(&self.released));
        for generation in 1..=generations {
            let claim = (0..tries).find_map(|_| {
                let claim = pool.claim(64, Share::All);
                if claim.is_none() {
                    thread::yield_now();
                }
                claim
            });
            let Some(claim) = claim else { return self.sent.store(u64::MAX, Ordering::Release) };
            self.payload.set(generation * 100);
            assert_eq!(u64::from(pool.publish(claim)), generation);
            self.sent.store(generation, Ordering::Release);
        }
    }

    /// False when the sender gave up.
    fn receive(&self, acceptor: &mut Acceptor<Arc<[AtomicU64]>>, generation: u64) -> bool {
        let sent = loop {
            match self.sent.load(Ordering::Acquire) {
                sent if sent >= generation => break sent,
                _ => thread::yield_now(),
            }
        };
        if sent != u64::MAX {
            acceptor.accept(&InSlot { generation: generation as u32, ..SLOT }).unwrap();
        }
        sent != u64::MAX
    }

    /// Reads the payload and gives it back, as the drop of a payload does.
    fn consume(&self, generation: u64) {
        assert_eq!(self.payload.get(), generation * 100);
        release(&self.released[0], generation as u32);
    }
}

fn one_slot_three_times() {
    search(|| {
        let slot = OneSlot::new();
        let sender = Arc::clone(&slot);
        let sending = thread::spawn(move || sender.send(3, usize::MAX));
        let mut acceptor = Acceptor::new(Arc::clone(&slot.released));
        for generation in 1..=3 {
            assert!(slot.receive(&mut acceptor, generation));
            slot.consume(generation);
        }
        sending.join().unwrap();
    });
}

/// The payload of the first generation is dropped by another thread than the one that receives.
fn a_slot_dropped_elsewhere() {
    search(|| {
        let slot = OneSlot::new();
        let (sender, dropper) = (Arc::clone(&slot), Arc::clone(&slot));
        let sending = thread::spawn(move || sender.send(2, 2));
        let mut acceptor = Acceptor::new(Arc::clone(&slot.released));
        if slot.receive(&mut acceptor, 1) {
            let dropping = thread::spawn(move || dropper.consume(1));
            if slot.receive(&mut acceptor, 2) {
                slot.consume(2);
            }
            dropping.join().unwrap();
        }
        sending.join().unwrap();
    });
}

#[test]
fn a_slot_is_written_again_only_after_it_was_read() {
    one_slot_three_times();
}

#[test]
fn a_slot_given_back_by_another_thread_is_accepted_again() {
    a_slot_dropped_elsewhere();
}

#[test]
fn without_release_on_the_release_word_a_slot_is_written_while_it_is_read() {
    assert!(with_fault(Fault::ReleasedRelaxed, || by(CONFLICTING_ACCESS, one_slot_three_times)));
    assert!(with_fault(Fault::ReleasedRelaxed, || by(CONFLICTING_ACCESS, a_slot_dropped_elsewhere)));
}
