//! Who may write which slot. The sender allocates from private lists, the receiver frees by one word per slot.
//!
//! ```text
//! Free ──claim──► Claimed ──publish──► InFlight ──► Held (at the receiver) ──release──► Free, one generation later
//!                   └── give_back ──► Free
//! ```
//!
//! A release word holds the last generation its writer has finished with. A lying receiver can free only slots that
//! were sent to it, and so harm only its own messages; a word that says anything but the expected generation says
//! "not yet". A lying sender that sends a slot again is found by [`Acceptor`].
//!
//! The bytes themselves are the business of [`bytes`].

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

#[cfg(not(loom))]
pub(crate) mod bytes;
#[cfg(not(loom))]
pub(crate) mod far;

use std::collections::VecDeque;
use std::ops::Deref;

use crate::error::Violation;
use crate::layout::geometry::{Geometry, SlotId};
use crate::layout::head::InSlot;
use crate::sync::{AtomicU64, Fault, Ordering, fence, planted};

/// A slot that the sender may write: not copied, made by [`Pool::claim`] only, so that there is one for each slot.
#[derive(Debug)]
pub(crate) struct Claim {
    id: SlotId,
}

impl Claim {
    pub(crate) fn id(&self) -> SlotId {
        self.id
    }
}

/// How much of a class a message may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of it: messages that end or continue work.
    All,
    /// Requests that are made within a handler, of whoever waits for it. They are begun at once, since that is who handles them, but there
    /// must be room for their answers.
    Nested,
    /// Three quarters at most, of more than one slot: messages that begin work, and keep their slot until it is begun, which may be when a
    /// handler ends that waits for an answer or for a nested call. So those always find room in the end.
    Work,
}

/// The sender's side of all slots of one half.
#[derive(Debug)]
pub(crate) struct Pool<W> {
    /// The receiver's release words, through all classes.
    released: W,
    classes: Vec<Class>,
}

#[derive(Debug)]
struct Class {
    number: u8,
    /// Payload bytes that a slot takes.
    room: usize,
    /// Number of the first slot, through all classes.
    first: usize,
    count: usize,
    /// First in, first out: the slot longest free is written next, while the receiver may still read the last.
    free: VecDeque<u32>,
    in_flight: VecDeque<u32>,
    /// The generation last published of each slot.
    generations: Vec<u32>,
}

/// How far to look for slots that the receiver has finished with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Up to the first that is still held: mostly slots come back in the order they went.
    Head,
    All,
}

impl<W: Deref<Target = [AtomicU64]>> Pool<W> {
    /// All slots free, in generation zero, as fresh release words say.
    pub(crate) fn new(geometry: &Geometry, released: W) -> Self {
        let mut first = 0;
        let mut classes = Vec::with_capacity(geometry.classes.len());
        for (number, shape) in (0..).zip(&geometry.classes) {
            let count = shape.count as usize;
            classes.push(Class {
                number,
                room: shape.room() as usize,
                first,
                count,
                free: (0..shape.count).collect(),
                in_flight: VecDeque::with_capacity(count),
                generations: vec![0; count],
            });
            first = first.saturating_add(count);
        }
        Self { released, classes }
    }

    /// A free slot for `len` bytes, from the smallest class that has one.
    pub(crate) fn claim(&mut self, len: usize, share: Share) -> Option<Claim> {
        let released = &*self.released;
        self.classes.iter_mut().filter(|class| class.room >= len).find_map(|class| class.claim(share, released))
    }

    /// The slot that the next message of so many bytes takes, if it is known to be free.
    #[inline]
    pub(crate) fn next(&self, len: usize) -> Option<SlotId> {
        let class = self.classes.iter().find(|class| class.room >= len)?;
        class.free.front().map(|&index| SlotId::new(class.number, index))
    }

    /// Takes back a slot that was not sent.
    pub(crate) fn give_back(&mut self, claim: Claim) {
        if let Some(class) = self.classes.get_mut(usize::from(claim.id.class())) {
            class.free.push_front(claim.id.index());
        }
    }

    /// Marks the slot as sent and returns the generation to send it under.
    pub(crate) fn publish(&mut self, claim: Claim) -> u32 {
        let class = self.classes.get_mut(usize::from(claim.id.class()));
        let Some(class) = class else { return 0 };
        class.in_flight.push_back(claim.id.index());
        let Some(generation) = class.generations.get_mut(claim.id.index() as usize) else { return 0 };
        *generation = generation.wrapping_add(1);
        *generation
    }

    /// Slots that are neither free nor claimed, after a look at the release words.
    #[cfg(test)]
    pub(crate) fn in_flight(&mut self) -> usize {
        let released = &*self.released;
        self.classes
            .iter_mut()
            .map(|class| {
                class.reclaim(released, Reach::All);
                class.in_flight.len()
            })
            .sum()
    }
}

impl Class {
    fn claim(&mut self, share: Share, released: &[AtomicU64]) -> Option<Claim> {
        // What lies before the first slot still held may be too little for this share; then the rest is looked at too.
        for reach in [Reach::Head, Reach::All] {
            if self.available(share) == 0 {
                self.reclaim(released, reach);
            }
        }
        if self.available(share) == 0 {
            return None;
        }
        let index = self.free.pop_front()?;
        Some(Claim { id: SlotId::new(self.number, index) })
    }

    fn available(&self, share: Share) -> usize {
        // At least one of a class can be used for anything.
        let most = self.count.saturating_sub(1);
        let of_work = (self.count / 4).max(2).min(most);
        let kept = match share {
            Share::All => 0,
            Share::Nested => (of_work / 2).max(1).min(most),
            Share::Work => of_work,
        };
        self.free.len().saturating_sub(kept)
    }

    /// Moves what the receiver has finished with to the free list.
    fn reclaim(&mut self, released: &[AtomicU64], reach: Reach) {
        let Self { free, in_flight, generations, first, .. } = self;
        let is_released = |index: u32| {
            let Some(word) = released.get(first.wrapping_add(index as usize)) else { return false };
            // Relaxed; the fence below orders it.
            generations.get(index as usize).is_some_and(|&generation| word.load(Ordering::Relaxed) as u32 == generation)
        };
        match reach {
            Reach::Head => {
                while let Some(index) = in_flight.front().copied().filter(|&index| is_released(index)) {
                    in_flight.pop_front();
                    free.push_back(index);
                }
            }
            Reach::All => in_flight.retain(|&index| {
                let gone = is_released(index);
                if gone {
                    free.push_back(index);
                }
                !gone
            }),
        }
        // Pairs with the Release in `release`: the receiver's reads of the slot happen before we write it again.
        fence(Ordering::Acquire);
    }
}

/// The receiver's side of all slots of the peer's half.
#[derive(Debug)]
pub(crate) struct Acceptor<W> {
    /// Our release words, through all classes.
    released: W,
    /// The generation last accepted of each slot.
    accepted: Vec<u32>,
}

impl<W: Deref<Target = [AtomicU64]>> Acceptor<W> {
    pub(crate) fn new(released: W) -> Self {
        let accepted = vec![0; released.len()];
        Self { released, accepted }
    }

    /// Takes the slot that a descriptor names as held, or says how the peer lies.
    #[inline]
    pub(crate) fn accept(&mut self, slot: &InSlot) -> Result<(), Violation> {
        let (class, index) = (slot.id.class(), slot.id.index());
        let number = slot.number as usize;
        let (Some(accepted), Some(word)) = (self.accepted.get_mut(number), self.released.get(number)) else {
            return Err(Violation::Slot { class, index });
        };
        // Relaxed: only this process writes its release words, and a payload may have been dropped on another thread,
        // but an honest peer sends the slot again only after it saw that drop, and its message brought us here.
        if word.load(Ordering::Relaxed) as u32 != *accepted {
            return Err(Violation::SlotHeld { class, index });
        }
        let expected = accepted.wrapping_add(1);
        if slot.generation != expected {
            return Err(Violation::Generation { class, index, expected, found: slot.generation });
        }
        *accepted = slot.generation;
        Ok(())
    }

    /// The slots that were accepted and are not released yet, with their generations: by number, through all classes.
    #[cfg(not(loom))]
    pub(crate) fn held(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        // Relaxed: a payload that is dropped meanwhile may be among them.
        let is_held =
            |(_, (accepted, word)): &(usize, (&u32, &AtomicU64))| word.load(Ordering::Relaxed) as u32 != **accepted;
        let slots = self.accepted.iter().zip(self.released.iter()).enumerate();
        slots.filter(is_held).map(|(number, (accepted, _))| (number, *accepted))
    }
}

/// Gives a held slot back: the word that frees it. The caller reports it in `freed` afterwards.
pub(crate) fn release(word: &AtomicU64, generation: u32) {
    let order = if planted(Fault::ReleasedRelaxed) { Ordering::Relaxed } else { Ordering::Release };
    // Pairs with the fence in `Class::reclaim`.
    word.store(generation.into(), order);
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use crate::layout::geometry::{SlotClass, SlotPlace};
    use proptest::prelude::*;
    use std::sync::Arc;

    const BYTES: [u32; 3] = [64, 256, 1_024];

    fn geometry(counts: [u32; 3]) -> Geometry {
        let [a, b, c] = BYTES;
        let [x, y, z] = counts;
        let class = |bytes, count| SlotClass { bytes, count };
        Geometry { ring_entries: 2, classes: [class(a, x), class(b, y), class(c, z)] }
    }

    fn words(count: u32) -> Arc<[AtomicU64]> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    fn place(geometry: &Geometry, id: SlotId) -> SlotPlace {
        geometry.layout().unwrap().slot(id).unwrap()
    }

    /// A slot of the geometry as a descriptor that parsed names it.
    fn sent(geometry: &Geometry, id: SlotId, generation: u32) -> InSlot {
        let place = place(geometry, id);
        InSlot { offset: place.offset, len: 1, id, number: place.number, generation }
    }

    /// What the model knows of a slot.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Is {
        Free,
        Claimed,
        /// Sent, and whether its word has said so far that it is finished with.
        InFlight {
            generation: u32,
            finished: bool,
        },
    }

    #[derive(Clone, Debug)]
    enum Do {
        Claim(usize, Share),
        GiveBack(prop::sample::Index),
        Publish(prop::sample::Index),
        /// The receiver finishes with one of the slots it holds.
        Release(prop::sample::Index),
        /// The receiver writes something into a word.
        Lie(prop::sample::Index, Lie),
    }

    #[derive(Clone, Debug)]
    enum Lie {
        Number(u64),
        /// What would free the slot, if it were in flight.
        Early,
        /// What freed it before.
        Again,
    }

    fn share() -> impl Strategy<Value = Share> {
        prop_oneof![Just(Share::All), Just(Share::Nested), Just(Share::Work)]
    }

    fn honest() -> impl Strategy<Value = Do> {
        prop_oneof![
            4 => (0..1_200_usize, share()).prop_map(|(len, share)| Do::Claim(len, share)),
            1 => any::<prop::sample::Index>().prop_map(Do::GiveBack),
            3 => any::<prop::sample::Index>().prop_map(Do::Publish),
            3 => any::<prop::sample::Index>().prop_map(Do::Release),
        ]
    }

    fn lying() -> impl Strategy<Value = Do> {
        let lie = prop_oneof![any::<u64>().prop_map(Lie::Number), Just(Lie::Early), Just(Lie::Again)];
        prop_oneof![3 => honest(), 1 => (any::<prop::sample::Index>(), lie).prop_map(|(slot, lie)| Do::Lie(slot, lie))]
    }

    /// A pool, and a plain list of its slots.
    struct Model {
        geometry: Geometry,
        released: Arc<[AtomicU64]>,
        pool: Pool<Arc<[AtomicU64]>>,
        claims: Vec<Claim>,
        ids: Vec<SlotId>,
        slots: Vec<Is>,
        generations: Vec<u32>,
    }

    impl Model {
        fn new(counts: [u32; 3]) -> Self {
            let geometry = geometry(counts);
            let released = words(counts.iter().sum());
            let ids: Vec<_> =
                (0..).zip(counts).flat_map(|(class, count)| (0..count).map(move |i| SlotId::new(class, i))).collect();
            let pool = Pool::new(&geometry, Arc::clone(&released));
            let (slots, generations) = (vec![Is::Free; ids.len()], vec![0; ids.len()]);
            Self { geometry, released, pool, claims: Vec::new(), ids, slots, generations }
        }

        fn number(&self, id: SlotId) -> usize {
            self.ids.iter().position(|&known| known == id).unwrap()
        }

        fn step(&mut self, action: Do) {
            match action {
                Do::Claim(len, share) => self.claim(len, share),
                Do::GiveBack(index) if !self.claims.is_empty() => {
                    let claim = self.claims.swap_remove(index.index(self.claims.len()));
                    let number = self.number(claim.id());
                    self.slots[number] = Is::Free;
                    self.pool.give_back(claim);
                }
                Do::Publish(index) if !self.claims.is_empty() => {
                    let claim = self.claims.swap_remove(index.index(self.claims.len()));
                    let number = self.number(claim.id());
                    let generation = self.pool.publish(claim);
                    assert_eq!(generation, self.generations[number].wrapping_add(1));
                    self.generations[number] = generation;
                    self.slots[number] = Is::InFlight { generation, finished: false };
                    self.look();
                }
                Do::Release(index) => {
                    let is_held = |slot: &Is| matches!(slot, Is::InFlight { finished: false, .. });
                    let held: Vec<_> = (0..self.slots.len()).filter(|&number| is_held(&self.slots[number])).collect();
                    if !held.is_empty() {
                        let number = *index.get(&held);
                        release(&self.released[number], self.generations[number]);
                        self.look();
                    }
                }
                Do::Lie(index, lie) => {
                    let number = index.index(self.slots.len());
                    let word = match lie {
                        Lie::Number(word) => word,
                        Lie::Early => self.generations[number].wrapping_add(1).into(),
                        Lie::Again => self.generations[number].into(),
                    };
                    self.released[number].store(word, Ordering::Relaxed);
                    self.look();
                }
                Do::GiveBack(_) | Do::Publish(_) => {}
            }
        }

        /// Notes for which slots the words now say "finished".
        fn look(&mut self) {
            for (slot, word) in self.slots.iter_mut().zip(self.released.iter()) {
                if let Is::InFlight { generation, finished } = slot {
                    *finished |= word.load(Ordering::Relaxed) as u32 == *generation;
                }
            }
        }

        fn is_usable(&self, number: usize) -> bool {
            matches!(self.slots[number], Is::Free | Is::InFlight { finished: true, .. })
        }

        fn claim(&mut self, len: usize, share: Share) {
            let found = self.pool.claim(len, share);
            let expected = (0_u8..).zip(self.geometry.classes).find(|&(class, shape)| {
                let usable = |&(number, id): &(usize, &SlotId)| id.class() == class && self.is_usable(number);
                let usable = self.ids.iter().enumerate().filter(usable).count();
                // By hand: one slot is for anything, of few one is left, and of two that are left one is for nested calls.
                let kept = match (share, shape.count) {
                    (Share::All, _) | (_, 1) => 0,
                    (_, 2) => 1,
                    (Share::Work, 3..=11) => 2,
                    (Share::Nested, 3..=15) => 1,
                    (Share::Work, count) => count as usize / 4,
                    (Share::Nested, count) => count as usize / 8,
                };
                shape.room() as usize >= len && usable > kept
            });
            // Words that were taken back later may have been seen or not, so only an honest receiver makes it exact.
            if self.is_honest() {
                assert_eq!(found.as_ref().map(|claim| claim.id().class()), expected.map(|(class, _)| class));
            }
            if let Some(claim) = found {
                let number = self.number(claim.id());
                assert!(self.is_usable(number), "slot {number} was {:?}", self.slots[number]);
                assert!(self.geometry.layout().unwrap().slot(claim.id()).unwrap().bytes >= len);
                self.slots[number] = Is::Claimed;
                self.claims.push(claim);
            }
        }

        fn is_honest(&self) -> bool {
            let words = self.released.iter().map(|word| word.load(Ordering::Relaxed));
            (0..).zip(words).all(|(number, word): (usize, u64)| match self.slots[number] {
                Is::InFlight { generation, finished: false } => word == u64::from(generation) - 1,
                _ => word == self.generations[number].into(),
            })
        }
    }

    proptest! {
        #[test]
        fn a_pool_hands_out_whatever_is_free_and_nothing_else(
            counts in prop::array::uniform3(1_u32..9), actions in prop::collection::vec(honest(), 0..200)
        ) {
            let mut model = Model::new(counts);
            for action in actions {
                model.step(action);
                prop_assert!(model.is_honest());
            }
            let flying = |slot: &&Is| matches!(slot, Is::InFlight { finished: false, .. });
            prop_assert_eq!(model.pool.in_flight(), model.slots.iter().filter(flying).count());
        }

        #[test]
        fn no_slot_is_handed_out_twice_whatever_the_receiver_writes(
            counts in prop::array::uniform3(1_u32..9), actions in prop::collection::vec(lying(), 0..200)
        ) {
            let mut model = Model::new(counts);
            for action in actions {
                model.step(action);
            }
        }

        #[test]
        fn an_acceptor_takes_all_that_an_honest_sender_sends(
            counts in prop::array::uniform3(1_u32..5),
            steps in prop::collection::vec((any::<bool>(), 0..1_000_usize, any::<prop::sample::Index>()), 0..200),
        ) {
            let geometry = geometry(counts);
            let released = words(counts.iter().sum());
            let mut pool = Pool::new(&geometry, Arc::clone(&released));
            let mut acceptor = Acceptor::new(Arc::clone(&released));
            let mut held = Vec::new();
            for (sends, len, index) in steps {
                if sends {
                    let Some(claim) = pool.claim(len, Share::All) else { continue };
                    let (id, generation) = (claim.id(), pool.publish(claim));
                    let slot = sent(&geometry, id, generation);
                    prop_assert_eq!(acceptor.accept(&slot), Ok(()));
                    held.push(slot);
                } else if !held.is_empty() {
                    let slot = held.swap_remove(index.index(held.len()));
                    release(&released[slot.number as usize], slot.generation);
                }
            }
            prop_assert_eq!(pool.in_flight(), held.len());
            let mut named: Vec<_> = held.iter().map(|slot| (slot.number as usize, slot.generation)).collect();
            named.sort_unstable();
            prop_assert_eq!(acceptor.held().collect::<Vec<_>>(), named);
        }

        #[test]
        fn an_acceptor_takes_the_next_generation_of_a_slot_not_held_and_nothing_else(
            accepted: u32, word: u64, generation: u32
        ) {
            for word in [word, accepted.into()] {
                for generation in [generation, accepted.wrapping_add(1)] {
                    let mut acceptor = Acceptor::new(words(3));
                    acceptor.accepted[1] = accepted;
                    acceptor.released[1].store(word, Ordering::Relaxed);
                    let id = SlotId::new(1, 0);
                    let expected = accepted.wrapping_add(1);
                    let answer = acceptor.accept(&sent(&geometry([1, 1, 1]), id, generation));
                    prop_assert_eq!(answer, if word as u32 != accepted {
                        Err(Violation::SlotHeld { class: 1, index: 0 })
                    } else if generation != expected {
                        Err(Violation::Generation { class: 1, index: 0, expected, found: generation })
                    } else {
                        Ok(())
                    });
                }
            }
        }
    }

    fn claim_all(pool: &mut Pool<Arc<[AtomicU64]>>, share: Share) -> Vec<Claim> {
        std::iter::from_fn(|| pool.claim(1, share)).collect()
    }

    #[test]
    fn messages_that_begin_work_leave_a_quarter_to_the_others() {
        let mut pool = Pool::new(&geometry([16, 8, 4]), words(28));
        assert_eq!(claim_all(&mut pool, Share::Work).len(), 12 + 6 + 2);
        // Half of the rest is left to answers.
        assert_eq!(claim_all(&mut pool, Share::Nested).len(), 2 + 1 + 1);
        assert_eq!(claim_all(&mut pool, Share::All).len(), 2 + 1 + 1);
    }

    #[test]
    fn of_few_slots_one_is_left_to_answers_but_not_of_a_single_one() {
        let mut pool = Pool::new(&geometry([3, 2, 1]), words(6));
        assert_eq!(claim_all(&mut pool, Share::Work).len(), 1 + 1 + 1);
        assert_eq!(claim_all(&mut pool, Share::Nested).len(), 1);
        assert_eq!(claim_all(&mut pool, Share::All).len(), 1 + 1);
    }

    #[test]
    fn what_lies_released_behind_a_held_slot_is_found_for_every_share() {
        let released = words(10);
        let mut pool = Pool::new(&geometry([8, 1, 1]), Arc::clone(&released));
        let generations: Vec<_> =
            claim_all(&mut pool, Share::All).into_iter().map(|claim| pool.publish(claim)).collect();
        assert_eq!(generations, [1; 10]);
        // The receiver keeps slot 1 and gives slots 0 and 2 to 7 back. The first alone is not enough to begin work.
        for number in [0, 2, 3, 4, 5, 6, 7] {
            release(&released[number], 1);
        }
        assert_eq!(claim_all(&mut pool, Share::Work).len(), 5);
    }

    #[test]
    fn the_slot_longest_free_is_used_next() {
        let released = words(3);
        let mut pool = Pool::new(&geometry([1, 1, 1]), Arc::clone(&released));
        let mut pool_of_four = Pool::new(&geometry([4, 1, 1]), words(6));
        let used: Vec<_> = (0..4).map(|_| pool_of_four.claim(1, Share::All).unwrap().id().index()).collect();
        assert_eq!(used, [0, 1, 2, 3]);
        // And a slot that was not sent is used at once again.
        let claim = pool.claim(1, Share::All).unwrap();
        let id = claim.id();
        pool.give_back(claim);
        assert_eq!(pool.claim(1, Share::All).unwrap().id(), id);
    }

    #[test]
    fn generations_wrap() {
        let released = words(3);
        released[0].store(u32::MAX.into(), Ordering::Relaxed);
        let mut pool = Pool::new(&geometry([1, 1, 1]), Arc::clone(&released));
        let mut acceptor = Acceptor::new(Arc::clone(&released));
        pool.classes[0].generations[0] = u32::MAX;
        acceptor.accepted[0] = u32::MAX;
        for expected in 0..3 {
            let claim = pool.claim(1, Share::All).unwrap();
            let id = claim.id();
            let generation = pool.publish(claim);
            assert_eq!((id.class(), generation), (0, expected));
            assert_eq!(acceptor.accept(&sent(&geometry([1, 1, 1]), id, generation)), Ok(()));
            release(&released[0], generation);
        }
    }

    #[test]
    fn a_slot_beyond_the_last_is_a_violation() {
        let mut acceptor = Acceptor::new(words(3));
        let slot = InSlot { offset: 0, len: 1, id: SlotId::new(2, 7), number: 3, generation: 1 };
        assert_eq!(acceptor.accept(&slot), Err(Violation::Slot { class: 2, index: 7 }));
    }
}
