//! The queue of one direction: descriptors that carry their own publication number.
//!
//! One producer, one consumer, one writer per word. Messages are numbered from 1 by private counters that never wrap
//! in practice; message `n` has an entry to itself until message `n + N`, and the low 32 bits of `n` in its first word publish
//! it. So data and publication are one cache line. The consumer answers with one word of its own, `consumed`.
//!
//! For the number a consumer expects there are three cases: the entry holds `n` (a message), `n - N` (nothing yet),
//! or the peer lies. The scheme is that of Aeron's term buffers and of io_uring's overwritten entries in this: the
//! receiver's position alone, and no flag, gives an entry free.
//!
//! Generic over where the words are: the mapping in life, loom's atomics in `models.rs`.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Deref;

use crate::error::Violation;
use crate::layout::descriptor::{Descriptor, WORDS, seq_of};
use crate::layout::geometry::STRIDE;
#[cfg(not(loom))]
use crate::os::fetch_for_reading;
use crate::sync::{AtomicU64, Fault, Ordering, fence, planted};

/// Entries whose lines are brought to one side at once: together they travel in little more than the time of one.
const GROUP: u64 = if cfg!(loom) { 1 } else { 8 };

/// A descriptor's place in shared memory: eight words, always read and written one word at a time.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Entry {
    words: [AtomicU64; WORDS],
    /// Stands for the words as a whole: to loom, relaxed loads that an overwriting may overtake are no error.
    #[cfg(loom)]
    whole: loom::cell::UnsafeCell<()>,
}

impl Entry {
    /// Entries in memory of their own, for tests and models.
    #[cfg(test)]
    pub(crate) fn on_heap(count: usize) -> std::sync::Arc<[Self]> {
        let blank = || Self {
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            #[cfg(loom)]
            whole: loom::cell::UnsafeCell::new(()),
        };
        (0..count).map(|_| blank()).collect()
    }

    fn first(&self) -> &AtomicU64 {
        let [first, ..] = &self.words;
        first
    }

    fn rest(&self) -> &[AtomicU64; WORDS - 1] {
        let [_, rest @ ..] = &self.words;
        rest
    }

    /// The models' check that nobody reads the words now, or did so without saying that it is done.
    #[inline(always)]
    fn begin_write(&self) {
        #[cfg(loom)]
        self.whole.with_mut(|_| ());
    }

    /// The models' check that the words are whole and nobody overwrites them now.
    #[inline(always)]
    fn begin_read(&self) {
        #[cfg(loom)]
        self.whole.with(|_| ());
    }
}

/// The entry of message `n`.
#[inline]
#[expect(clippy::indexing_slicing, reason = "the index is taken modulo the length, which is not zero")]
fn entry(entries: &[Entry], n: u64) -> &Entry {
    &entries[place(entries, n)]
}

/// Where that is, in their order in memory: see [`STRIDE`].
#[inline]
fn place(entries: &[Entry], n: u64) -> usize {
    (n as usize).wrapping_mul(STRIDE) & entries.len().wrapping_sub(1)
}

/// Writes what makes every entry say "nothing yet", before the ring is handed over. `first` is the first number.
pub(crate) fn initialise(entries: &[Entry], first: u64) {
    for n in first..first.wrapping_add(entries.len() as u64) {
        let vacant = Descriptor { seq: n.wrapping_sub(entries.len() as u64) as u32, ..Descriptor::default() };
        let [word, ..] = vacant.into_words();
        // Relaxed: the handshake's messages order it before anything the peer does.
        entry(entries, n).first().store(word, Ordering::Relaxed);
    }
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Producer<R, W> {
    entries: R,
    /// The consumer's word.
    consumed: W,
    /// Number of the last message published, or held.
    published: u64,
    /// The last value read of `consumed`. Can be stale, never ahead.
    seen_consumed: u64,
    /// The last message for whose line [`take_lines`](Self::take_lines) has seen.
    taken: u64,
    /// A message that has its number and is [not written yet](Self::hold).
    held: Option<(u64, Descriptor)>,
}

impl<R: Deref<Target = [Entry]>, W: Deref<Target = AtomicU64>> Producer<R, W> {
    /// An end over entries that [`initialise`] prepared for message `first`.
    pub(crate) fn new(entries: R, consumed: W, first: u64) -> Self {
        debug_assert!(entries.len().is_power_of_two());
        let published = first.wrapping_sub(1);
        Self { entries, consumed, published, seen_consumed: published, taken: published, held: None }
    }

    /// Number of the last message published.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// Whether one more message fits.
    #[inline(always)]
    pub(crate) fn has_room(&mut self) -> Result<bool, Violation> {
        if self.in_use() < self.entries.len() as u64 { Ok(true) } else { self.has_room_now() }
    }

    #[inline(never)]
    fn has_room_now(&mut self) -> Result<bool, Violation> {
        Ok(self.refresh()? < self.entries.len() as u64)
    }

    /// How many published messages the consumer has not taken out, as the last look saw it.
    fn in_use(&self) -> u64 {
        self.published.wrapping_sub(self.seen_consumed)
    }

    /// Looks at `consumed` again.
    pub(crate) fn refresh(&mut self) -> Result<u64, Violation> {
        let consumed = self.consumed.load(Ordering::Relaxed);
        // Pairs with the Release in `Consumer::consume`: the consumer's loads of the entry happen before we overwrite it.
        // A fence here and below, because memory that is mapped read-only allows relaxed loads only.
        fence(Ordering::Acquire);
        if consumed < self.seen_consumed || consumed > self.published {
            let (seen, published) = (self.seen_consumed, self.published);
            return Err(Violation::Consumed { consumed, seen, published });
        }
        self.seen_consumed = consumed;
        Ok(self.in_use())
    }

    /// Publishes a message under the next number. The caller has asked [`has_room`](Self::has_room).
    #[inline(always)]
    pub(crate) fn push(&mut self, descriptor: Descriptor) {
        debug_assert!(self.in_use() < self.entries.len() as u64);
        let n = self.published.wrapping_add(1);
        self.write(n, descriptor);
        self.published = n;
    }

    /// Gives a message the next number and writes it later, when [`show`](Self::show) is called: before anything else is done than pushing
    /// those behind it, of which the consumer, who looks at one entry after the other, sees nothing until then. So it finds them all at once; one that
    /// takes out the first while the others are written comes so close behind its producer that each takes the lines away from the other
    /// (36 ns a message instead of 15).
    #[inline(always)]
    pub(crate) fn hold(&mut self, descriptor: Descriptor) {
        debug_assert!(self.held.is_none() && self.in_use() < self.entries.len() as u64);
        self.published = self.published.wrapping_add(1);
        self.held = Some((self.published, descriptor));
    }

    /// Writes the message that was held, if one was.
    #[inline]
    pub(crate) fn show(&mut self) {
        if let Some((n, descriptor)) = self.held.take() {
            self.write(n, descriptor);
        }
    }

    /// Whether a message is held.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    #[inline(always)]
    fn write(&self, n: u64, descriptor: Descriptor) {
        let [first, rest @ ..] = Descriptor { seq: n as u32, ..descriptor }.into_words();
        let entry = entry(&self.entries, n);
        entry.begin_write();
        for (place, word) in entry.rest().iter().zip(rest) {
            place.store(word, Ordering::Relaxed);
        }
        // Pairs with the fence in `Consumer::peek`: who sees the number sees the other words, and the slot's bytes.
        entry.first().store(first, Ordering::Release);
    }

    /// Has the lines of the entries that come next brought here, a [group](GROUP) at a time, by writing to them if they are free, where
    /// others follow the last message closely. To be called behind each of them; once in a group it asks.
    ///
    /// The consumer has read those lines, so each of them is at both sides, and writing to one takes a journey. Whatever waits for all
    /// that was written before waits for that: a fence, and also what looks harmless, such as eight bytes read where four were just
    /// written. To fetch them does not help on a processor that fetches only what it has not got (AMD Zen 4).
    #[inline(always)]
    pub(crate) fn take_lines(&mut self, is_followed: impl FnOnce() -> bool) {
        if self.published >= self.taken && is_followed() {
            self.take_group();
        }
    }

    #[inline(never)]
    fn take_group(&mut self) {
        self.taken = self.published.wrapping_add(GROUP);
        if self.in_use().wrapping_add(GROUP) > self.entries.len() as u64 && !planted(Fault::LinesNotFree) {
            return;
        }
        for ahead in 1..=GROUP {
            let entry = entry(&self.entries, self.published.wrapping_add(ahead));
            entry.begin_write();
            let [.., last] = &entry.words;
            // Relaxed: nobody reads it before the number is published.
            last.store(0, Ordering::Relaxed);
        }
    }
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Consumer<R, W> {
    entries: R,
    /// Our word: the last message taken out.
    consumed: W,
    /// Number of the message that comes next. Always in sync with `consumed`.
    next: u64,
    /// The first message for which [`fetch_lines`](Self::fetch_lines) looks again.
    #[cfg(not(loom))]
    fetched: u64,
}

impl<R: Deref<Target = [Entry]>, W: Deref<Target = AtomicU64>> Consumer<R, W> {
    /// An end over the peer's entries, expecting message `first`.
    pub(crate) fn new(entries: R, consumed: W, first: u64) -> Self {
        debug_assert!(entries.len().is_power_of_two());
        Self {
            entries,
            consumed,
            next: first,
            #[cfg(not(loom))]
            fetched: first,
        }
    }

    /// Number of the message that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// What the entry of the next message holds while there is no message in it.
    fn vacant(&self) -> u32 {
        self.next.wrapping_sub(self.entries.len() as u64) as u32
    }

    /// Whether [`try_pop`](Self::try_pop) would find something: a message, or a violation.
    #[inline(always)]
    pub(crate) fn is_ready(&self) -> bool {
        // Relaxed: only a hint to look again; `try_pop` does its own Acquire.
        seq_of(entry(&self.entries, self.next).first().load(Ordering::Relaxed)) != self.vacant()
    }

    /// Whether there are, or may be, so many messages behind the next one. Never more than the ring has entries.
    #[inline]
    pub(crate) fn is_next_followed_by(&self, messages: u64) -> bool {
        let (n, entries) = (self.next.wrapping_add(messages), self.entries.len() as u64);
        // Relaxed, as in `is_ready`.
        let found = seq_of(entry(&self.entries, n).first().load(Ordering::Relaxed));
        messages < entries && found != n.wrapping_sub(entries) as u32
    }

    /// Takes the next message out, if it is there.
    #[inline(always)]
    pub(crate) fn try_pop(&mut self) -> Result<Option<Descriptor>, Violation> {
        let descriptor = self.peek()?;
        if descriptor.is_some() {
            self.consume();
        }
        Ok(descriptor)
    }

    /// A private copy of the next message, if it is there.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Result<Option<Descriptor>, Violation> {
        let entry = entry(&self.entries, self.next);
        let first = entry.first().load(Ordering::Relaxed);
        if seq_of(first) != self.next as u32 {
            let (expected, found) = (self.next as u32, seq_of(first));
            return if found == self.vacant() { Ok(None) } else { Err(Violation::Sequence { expected, found }) };
        }
        // Pairs with the Release in `Producer::push`.
        fence(Ordering::Acquire);
        entry.begin_read();
        Ok(Some(copy_out(&entry.words, first)))
    }

    /// Gives the entry of the next message back, after [`peek`](Self::peek) copied it out.
    #[inline(always)]
    pub(crate) fn consume(&mut self) {
        let order = if planted(Fault::ConsumedRelaxed) { Ordering::Relaxed } else { Ordering::Release };
        // Pairs with the fence in `Producer::refresh`: our loads of the entry are done before it may be overwritten.
        self.consumed.store(self.next, order);
        self.next = self.next.wrapping_add(1);
    }

    /// Has the entries of the messages that come next fetched, a [group](GROUP) at a time, if they are there: one that is not written yet
    /// would be taken away from who is about to write it. To be called behind each message that others may follow closely. Whether the next
    /// one may be there.
    #[inline(always)]
    #[cfg(not(loom))]
    pub(crate) fn fetch_lines(&mut self) -> bool {
        if self.next < self.fetched {
            return true;
        }
        let is_ready = self.is_ready();
        if is_ready {
            self.fetch_group();
        }
        is_ready
    }

    #[inline(never)]
    #[cfg(not(loom))]
    fn fetch_group(&mut self) {
        let last = self.next.wrapping_add(GROUP.wrapping_sub(1));
        // Relaxed: a hint. They are published in order, but for one that is held, so if the last is there nearly always all are.
        if seq_of(entry(&self.entries, last).first().load(Ordering::Relaxed)) == last as u32 {
            (self.next..last).for_each(|n| fetch_for_reading(entry(&self.entries, n)));
            self.fetched = last.wrapping_add(1);
        } else {
            self.fetched = self.next.wrapping_add(GROUP);
        }
    }
}

/// The one read of an entry's words: each is loaded once, into private memory, and the entry is not looked at again.
/// A plain copy would be removed by the compiler, and check and use would then read memory that the peer can still
/// write; `rapace-codegen-tests` looks at the machine code of this.
#[inline(always)]
fn copy_out(places: &[AtomicU64; WORDS], first: u64) -> Descriptor {
    // Written out: as a loop, the words would go through memory instead of registers.
    let [_, b, c, d, e, f, g, h] = places;
    let load = |place: &AtomicU64| place.load(Ordering::Relaxed);
    Descriptor::from_words([first, load(b), load(c), load(d), load(e), load(f), load(g), load(h)])
}

/// Reads a descriptor, has it checked and has it used, by functions that the compiler cannot see into: the shape in which
/// a compiler would like to read twice. Compiled only for the test that looks at its machine code.
#[cfg(rapace_codegen)]
#[inline(never)]
pub fn read_check_use(words: &[AtomicU64; WORDS], check: fn(&[u64; WORDS]) -> bool, use_it: fn(&[u64; WORDS])) {
    let [first, ..] = words;
    let first = first.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    let descriptor = copy_out(words, first).into_words();
    if check(&descriptor) {
        use_it(&descriptor);
    }
}

/// Whether a consumer that expects message `n` would find something: for one that looks without the consumer at hand.
#[cfg(not(loom))]
#[inline]
pub(crate) fn may_be_there(entries: &[Entry], n: u64) -> bool {
    // Relaxed: only a hint to look again; `try_pop` does its own Acquire.
    seq_of(entry(entries, n).first().load(Ordering::Relaxed)) != n.wrapping_sub(entries.len() as u64) as u32
}

/// Whether message `n` was published and not yet overwritten, as our own entries say it.
#[cfg(not(loom))]
pub(crate) fn is_published(entries: &[Entry], n: u64) -> bool {
    // Relaxed: compared, nothing more.
    seq_of(entry(entries, n).first().load(Ordering::Relaxed)) == n as u32
}

/// The low half of the number of the last message published, as the entries say it; any number if their owner lies.
#[cfg(not(loom))]
pub(crate) fn last_published(entries: &[Entry]) -> u32 {
    // Relaxed: a number to be looked at. An unpublished entry holds what is a lap older than its place.
    let seq = |entry: &Entry| seq_of(entry.first().load(Ordering::Relaxed));
    let Some(some) = entries.first().map(seq) else { return 0 };
    // Numbers that are less than a lap apart, around the end of the 32 bits or not.
    let ahead = entries.iter().map(|entry| seq(entry).wrapping_sub(some) as i32).max();
    some.wrapping_add(ahead.unwrap_or(0) as u32)
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::sync::Arc;

    struct Ring {
        entries: Arc<[Entry]>,
        consumed: Arc<AtomicU64>,
        producer: Producer<Arc<[Entry]>, Arc<AtomicU64>>,
        consumer: Consumer<Arc<[Entry]>, Arc<AtomicU64>>,
    }

    impl Ring {
        fn new(capacity: usize, first: u64) -> Self {
            let entries = Entry::on_heap(capacity);
            initialise(&entries, first);
            let consumed = Arc::new(AtomicU64::new(first - 1));
            let producer = Producer::new(Arc::clone(&entries), Arc::clone(&consumed), first);
            let consumer = Consumer::new(Arc::clone(&entries), Arc::clone(&consumed), first);
            Self { entries, consumed, producer, consumer }
        }

        /// A ring that was used: `sent` messages went in and `taken` came out, as far as there was room.
        fn used(capacity: usize, first: u64, sent: usize, taken: usize) -> Self {
            let mut ring = Self::new(capacity, first);
            for _ in 0..sent {
                if !ring.producer.has_room().unwrap() {
                    ring.consumer.try_pop().unwrap();
                }
                if ring.producer.has_room().unwrap() {
                    ring.producer.push(Descriptor::default());
                }
            }
            for _ in 0..taken {
                ring.consumer.try_pop().unwrap();
            }
            ring
        }

        fn scribble(&self, n: u64, words: [u64; WORDS]) {
            let entry = entry(&self.entries, n);
            for (place, word) in entry.words.iter().zip(words) {
                place.store(word, Ordering::Relaxed);
            }
        }
    }

    fn capacity() -> impl Strategy<Value = usize> {
        (0_u32..6).prop_map(|bits| 1 << bits)
    }

    /// Where the low 32 bits of the numbers wrap soon, and the ends of what 64 bits can say.
    fn first() -> impl Strategy<Value = u64> {
        let wrap = 1_u64 << 32;
        prop_oneof![
            Just(1),
            wrap - 70..wrap + 3,
            (3 * wrap - 70)..(3 * wrap + 3),
            u64::MAX - 1_000..u64::MAX - 500,
            1..u64::MAX - 500
        ]
    }

    #[test]
    fn each_message_of_a_lap_has_an_entry_to_itself_and_neighbours_are_in_other_pages() {
        for count in (0..=16).map(|bits| 1_u64 << bits) {
            let entries = Entry::on_heap(count as usize);
            // Around the end of the numbers as well.
            let mut places: Vec<_> = (0..count).map(|n| place(&entries, n.wrapping_sub(count / 2))).collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..count as usize), "{count} entries");
        }
        let entries = Entry::on_heap(crate::Geometry::default().ring_entries as usize);
        let page = |n| place(&entries, n) / (4096 / size_of::<Entry>());
        assert!((0..entries.len() as u64).all(|n| page(n) != page(n + 1)));
    }

    proptest! {
        #[test]
        fn the_entries_say_which_message_was_the_last(
            capacity in capacity(), first in first(), sent in 0_usize..400, taken in 0_usize..400,
        ) {
            let ring = Ring::used(capacity, first, sent, taken);
            prop_assert_eq!(last_published(&ring.entries), ring.producer.published() as u32);
        }

        #[test]
        fn a_ring_is_a_queue_with_bounds(
            capacity in capacity(),
            first in first(),
            steps in prop::collection::vec(prop::option::of(any::<[u64; WORDS]>()), 0..300),
        ) {
            let mut ring = Ring::new(capacity, first);
            let mut queue = VecDeque::new();
            let (mut next_in, mut next_out) = (first, first);
            for step in steps {
                prop_assert_eq!(ring.consumer.is_ready(), !queue.is_empty());
                prop_assert_eq!(ring.producer.has_room(), Ok(queue.len() < capacity));
                // What is seen without an end at hand, or ahead of it.
                prop_assert_eq!(may_be_there(&ring.entries, next_out), !queue.is_empty());
                for behind in 0..capacity + 2 {
                    prop_assert_eq!(ring.consumer.is_next_followed_by(behind as u64), behind < queue.len());
                }
                prop_assert!(!is_published(&ring.entries, next_in));
                match step {
                    Some(words) if queue.len() < capacity => {
                        let descriptor = Descriptor::from_words(words);
                        if descriptor.method % 2 == 0 {
                            ring.producer.push(descriptor);
                        } else {
                            ring.producer.hold(descriptor);
                            prop_assert!(ring.producer.is_holding() && !is_published(&ring.entries, next_in));
                            prop_assert_eq!(ring.consumer.is_ready(), !queue.is_empty());
                            ring.producer.show();
                        }
                        // It writes to what comes after those that wait, and to nothing else: they are compared below.
                        ring.producer.take_lines(|| descriptor.call % 2 == 0);
                        queue.push_back(Descriptor { seq: next_in as u32, ..descriptor });
                        prop_assert!(is_published(&ring.entries, next_in));
                        prop_assert!(!is_published(&ring.entries, next_in.wrapping_sub(capacity as u64)));
                        next_in += 1;
                    }
                    Some(_) => {}
                    None => {
                        let expected = queue.pop_front();
                        prop_assert_eq!(ring.consumer.try_pop(), Ok(expected));
                        ring.consumer.fetch_lines();
                        next_out += u64::from(expected.is_some());
                    }
                }
                prop_assert_eq!(ring.producer.published(), next_in - 1);
                prop_assert_eq!(ring.consumer.next(), next_out);
                prop_assert_eq!(ring.consumed.load(Ordering::Relaxed), next_out - 1);
                prop_assert_eq!(ring.producer.refresh(), Ok(queue.len() as u64));
            }
        }

        #[test]
        fn a_lying_consumer_is_caught(
            capacity in capacity(), first in first(), sent in 0_usize..80, taken in 0_usize..80, near in -80_i64..80, far: u64,
        ) {
            for is_near in [true, false] {
                let mut ring = Ring::used(capacity, first, sent, taken);
                let in_ring = ring.producer.refresh().unwrap();
                let published = ring.producer.published();
                let seen = published - in_ring;
                let consumed = if is_near { seen.wrapping_add_signed(near) } else { far };
                ring.consumed.store(consumed, Ordering::Relaxed);
                if (seen..=published).contains(&consumed) {
                    prop_assert_eq!(ring.producer.refresh(), Ok(published - consumed));
                    continue;
                }
                let violation = Err(Violation::Consumed { consumed, seen, published });
                prop_assert_eq!(ring.producer.refresh(), violation);
                // It was not believed in any part: the next look says the same, and no room came of it.
                prop_assert_eq!(ring.producer.refresh(), violation);
                prop_assert_eq!(ring.producer.in_use(), in_ring);
            }
        }

        #[test]
        fn a_lying_producer_is_caught(
            capacity in capacity(), first in first(), sent in 0_usize..80, taken in 0_usize..80, near in -80_i32..80, far: u32,
        ) {
            for is_near in [true, false] {
                let mut ring = Ring::used(capacity, first, sent, taken);
                let next = ring.consumer.next();
                let (expected, vacant) = (next as u32, (next as u32).wrapping_sub(capacity as u32));
                let found = if is_near { expected.wrapping_add_signed(near) } else { far };
                let descriptor = Descriptor { seq: found, kind: 7, ..Descriptor::default() };
                ring.scribble(next, descriptor.into_words());
                prop_assert_eq!(ring.consumer.is_ready(), found != vacant);
                let before = ring.consumed.load(Ordering::Relaxed);
                let answer = ring.consumer.try_pop();
                if found == expected {
                    prop_assert_eq!(answer, Ok(Some(descriptor)));
                    continue;
                }
                let violation = Err(Violation::Sequence { expected, found });
                prop_assert_eq!(answer, if found == vacant { Ok(None) } else { violation });
                prop_assert_eq!(ring.consumed.load(Ordering::Relaxed), before);
                prop_assert_eq!(ring.consumer.next(), next);
            }
        }

        #[test]
        fn scribbled_entries_are_a_message_or_a_violation(
            capacity in capacity(),
            first in first(),
            scribbles in prop::collection::vec((0..u64::MAX, any::<[u64; WORDS]>(), any::<bool>()), 0..100),
        ) {
            let mut ring = Ring::new(capacity, first);
            for (n, words, looks_right) in scribbles {
                let mut descriptor = Descriptor::from_words(words);
                let n = if looks_right { ring.consumer.next() } else { n };
                if looks_right {
                    descriptor.seq = n as u32;
                }
                ring.scribble(n, descriptor.into_words());
                if let (Ok(found), true) = (ring.consumer.try_pop(), looks_right) {
                    prop_assert_eq!(found, Some(descriptor));
                }
            }
        }
    }

    #[test]
    fn nothing_is_seen_of_what_stands_behind_a_message_that_is_held() {
        for (capacity, first) in [(2, 1), (4, u64::from(u32::MAX)), (8, 7)] {
            let mut ring = Ring::new(capacity, first);
            let content = |n: u64| Descriptor { call: n as u32, inline: [n; 3], ..Descriptor::default() };
            for lap in 0..3 {
                let numbers = first + lap * capacity as u64..first + (lap + 1) * capacity as u64;
                for n in numbers.clone() {
                    assert_eq!(ring.producer.has_room(), Ok(true));
                    if n == numbers.start {
                        ring.producer.hold(content(n))
                    } else {
                        ring.producer.push(content(n))
                    }
                    ring.producer.take_lines(|| true);
                    assert_eq!(ring.consumer.try_pop(), Ok(None));
                }
                assert_eq!(ring.producer.has_room(), Ok(false), "one that is held is in the ring");
                ring.producer.show();
                ring.producer.show();
                for n in numbers {
                    let found = Descriptor { seq: n as u32, ..content(n) };
                    assert_eq!(ring.consumer.try_pop(), Ok(Some(found)));
                }
            }
        }
    }

    #[test]
    fn the_consumers_word_is_read_again_only_when_the_room_that_was_seen_is_used_up() {
        let mut ring = Ring::new(4, 1);
        // Whoever reads it now finds a lie.
        ring.consumed.store(9, Ordering::Relaxed);
        for _ in 0..4 {
            assert_eq!(ring.producer.has_room(), Ok(true));
            ring.producer.push(Descriptor::default());
        }
        assert_eq!(ring.producer.has_room(), Err(Violation::Consumed { consumed: 9, seen: 0, published: 4 }));
        ring.consumed.store(1, Ordering::Relaxed);
        assert_eq!(ring.producer.has_room(), Ok(true), "the first look that can see the room sees it");
    }

    #[test]
    fn a_message_of_a_lap_too_far_is_a_violation() {
        // What an overrun looks like: the entry that is read next was written twice.
        let mut ring = Ring::used(4, 1, 4, 0);
        ring.scribble(5, Descriptor { seq: 5, ..Descriptor::default() }.into_words());
        assert_eq!(ring.consumer.try_pop(), Err(Violation::Sequence { expected: 1, found: 5 }));
    }

    #[test]
    fn every_message_arrives_once_between_threads() {
        const COUNT: u64 = 100_000;
        let first = u64::from(u32::MAX) - COUNT / 2;
        let Ring { mut producer, mut consumer, .. } = Ring::new(8, first);
        let content = |n: u64| Descriptor { call: n as u32, inline: [n; 3], ..Descriptor::default() };
        let sending = std::thread::spawn(move || {
            for n in first..first + COUNT {
                while !producer.has_room().unwrap() {
                    std::thread::yield_now();
                }
                producer.push(content(n));
            }
        });
        for n in first..first + COUNT {
            let found = loop {
                match consumer.try_pop().unwrap() {
                    Some(found) => break found,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(found, Descriptor { seq: n as u32, ..content(n) });
        }
        sending.join().unwrap();
    }
}
