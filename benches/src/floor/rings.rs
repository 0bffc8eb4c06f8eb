//! Two rings and slots over shared memory, as a hand would write them for this one purpose.
//!
//! The memory is mapped as the product maps it, a message is published by the sequence number in its
//! 64-byte entry, up to 24 bytes travel in the entry, more in a slot of the first size class that fits, and
//! what is larger than the largest slot in several. There is nothing else: the peer is believed, nobody dies,
//! and a slot is free when the message that used it was taken out.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;
use std::time::{Duration, Instant};

use rustix::thread::futex;

use crate::control::Control;
use crate::half::Halves;
use crate::waiting::{Waiting, settle};

/// What travels inside an entry.
pub const INLINE: usize = 24;

/// Words of a half, each on a line of its own: the last message taken out …
const CONSUMED: usize = 0;
/// … and the one that a sleeper sleeps for.
const WANTED: usize = 128;
const RING: usize = 4096;
const ENTRIES: u64 = 256;
const ENTRY: usize = 64;
const SLOTS_AT: usize = RING + ENTRIES as usize * ENTRY;

/// Within an entry, after the word with number and length: what the user of the rings says …
const TAG: usize = 8;
/// … the place of the slot …
const SLOT: usize = 16;
/// … the last message that its sender took out, so that the line of `CONSUMED` need not travel while both send …
const TAKEN: usize = 24;
/// … and the inline bytes.
const WORDS: usize = 40;
/// The half of the first word that is the number, which a sleeper sleeps on.
const NUMBER: usize = if cfg!(target_endian = "little") { 4 } else { 0 };

/// A size class: slots of so many bytes, and how many; a power of two. They lie 64 bytes apart, so that slots of a
/// round size do not all fall into the same sets of a cache.
pub type Class = (usize, u64);
const GAP: usize = 64;

/// The size classes of a default session: what is larger goes in fragments of 64 KiB, so that both sides copy at once.
pub const FRAGMENTS: &[Class] = &[(256, 256), (4 << 10, 64), (64 << 10, 8)];

/// The same, and a slot that holds a message of 1 MiB whole. One: only one at a time is under way, and going round in
/// eight is slower (105 µs against 82).
pub const WHOLE: &[Class] = &[(256, 256), (4 << 10, 64), (64 << 10, 8), (1 << 20, 1)];

/// Slots of one size.
#[derive(Debug)]
struct Slots {
    bytes: usize,
    at: usize,
    /// The message that used each slot last.
    users: Vec<u64>,
    /// How many times a slot was taken; they are taken in turn.
    taken: usize,
}

/// One side of the two rings.
#[derive(Debug)]
pub struct Rings {
    halves: Halves,
    waiting: Waiting,
    /// Ours, to write into.
    slots: Vec<Slots>,
    /// Bytes of the largest slot.
    fragment: usize,
    /// Number of the last message sent.
    sent: u64,
    /// Number of the last message that a sleeping peer was woken for, had it slept.
    announced: u64,
    /// What the peer had taken out when we last looked.
    consumed: u64,
    /// Number of the last message taken out.
    taken: u64,
}

/// What the entry of a message says of it.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// What the sender said.
    pub tag: u64,
    /// Bytes of its payload.
    pub len: usize,
}

impl Rings {
    /// Either side's end.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn exchange(control: &Control, waiting: Waiting, classes: &[Class]) -> io::Result<Self> {
        Self::exchange_by(Halves::exchange, control, waiting, classes)
    }

    /// The same over halves that are swapped in this way.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub fn exchange_by(
        swap: fn(&Control, usize) -> io::Result<Halves>,
        control: &Control,
        waiting: Waiting,
        classes: &[Class],
    ) -> io::Result<Self> {
        let mut slots = Vec::new();
        let mut at = SLOTS_AT;
        for &(bytes, count) in classes {
            assert!(count.is_power_of_two());
            slots.push(Slots { bytes, at, users: vec![0; count as usize], taken: 0 });
            at += (bytes + GAP) * count as usize;
        }
        let fragment = slots.last().map_or(0, |largest| largest.bytes);
        let halves = swap(control, at)?;
        Ok(Self { halves, waiting, slots, fragment, sent: 0, announced: 0, consumed: 0, taken: 0 })
    }

    fn entry(number: u64) -> usize {
        RING + (number % ENTRIES) as usize * ENTRY
    }

    /// Looks until the peer has taken message `number` out. No sleep here: that of which there is too much is on its way.
    #[inline]
    fn await_consumed(&mut self, number: u64) {
        while self.consumed < number {
            // Pairs with the Release in `consume` of the other process.
            self.consumed = self.halves.peer.word(CONSUMED).load(Acquire);
        }
    }

    /// The number of the next message, once there is an entry for it.
    #[inline]
    fn claim(&mut self) -> u64 {
        let number = self.sent + 1;
        self.await_consumed(number.saturating_sub(ENTRIES));
        number
    }

    /// The place of a slot for `len` bytes of message `number`, once there is one.
    #[inline]
    fn claim_slot(&mut self, number: u64, len: usize) -> usize {
        let slots = self.slots.iter_mut().find(|slots| len <= slots.bytes).expect("a fragment fits the largest slot");
        let index = slots.taken & (slots.users.len() - 1);
        slots.taken += 1;
        let place = slots.at + index * (slots.bytes + GAP);
        let user = std::mem::replace(&mut slots.users[index], number);
        self.await_consumed(user);
        place
    }

    #[inline]
    fn publish(&mut self, number: u64, tag: u64, len: usize) {
        let entry = Self::entry(number);
        self.halves.own.word(entry + TAG).store(tag, Relaxed);
        self.halves.own.word(entry + TAKEN).store(self.taken, Relaxed);
        let word = number << 32 | len as u64;
        // Pairs with the Acquire in `look` of the other process.
        self.halves.own.word(entry).store(word, Release);
        self.sent = number;
    }

    /// Wakes the peer if it sleeps for something that was sent since the last time.
    #[inline]
    pub fn announce(&mut self) {
        if self.waiting == Waiting::Forever || self.announced == self.sent {
            return;
        }
        // Between our messages and its wish; `sleep` of the other process has the same between its wish and our
        // messages: one of the two sees the other's.
        fence(SeqCst);
        let wanted = self.halves.peer.word(WANTED).load(Relaxed);
        if self.announced < wanted && wanted <= self.sent {
            let number = self.halves.own.futex(Self::entry(wanted) + NUMBER);
            futex::wake(number, futex::Flags::empty(), 1).expect("a mapped futex");
        }
        self.announced = self.sent;
    }

    /// The length of message `number`, if it is there.
    #[inline]
    fn look(&self, number: u64) -> Option<usize> {
        // Pairs with the Release in `publish` of the other process.
        let word = self.halves.peer.word(Self::entry(number)).load(Acquire);
        (word >> 32 == number & 0xffff_ffff).then_some((word & 0xffff_ffff) as usize)
    }

    /// Waits for the next message, which stays where it is. What was sent is announced before that.
    #[inline]
    pub fn expect(&mut self) -> Head {
        let number = self.taken + 1;
        let len = match self.look(number) {
            Some(len) => len,
            None => self.wait(number),
        };
        let entry = Self::entry(number);
        let tag = self.halves.peer.word(entry + TAG).load(Relaxed);
        self.consumed = self.consumed.max(self.halves.peer.word(entry + TAKEN).load(Relaxed));
        Head { tag, len }
    }

    #[inline]
    fn wait(&mut self, number: u64) -> usize {
        if self.waiting == Waiting::Forever {
            loop {
                if let Some(len) = self.look(number) {
                    return len;
                }
                settle();
            }
        }
        self.announce();
        if self.waiting == Waiting::Default {
            if let Some(len) = self.look_for_a_while(number) {
                return len;
            }
        }
        self.sleep(number)
    }

    /// Looks as long and as often as the product does by default.
    #[inline]
    fn look_for_a_while(&self, number: u64) -> Option<usize> {
        for _ in 0..80 {
            if let Some(len) = self.look(number) {
                return Some(len);
            }
            settle();
        }
        let end = Instant::now() + Duration::from_micros(20);
        loop {
            for _ in 0..16 {
                if let Some(len) = self.look(number) {
                    return Some(len);
                }
                std::hint::spin_loop();
            }
            if Instant::now() >= end {
                return None;
            }
        }
    }

    #[inline(never)]
    fn sleep(&self, number: u64) -> usize {
        self.halves.own.word(WANTED).store(number, Relaxed);
        // As in `announce` of the other process.
        fence(SeqCst);
        loop {
            // Relaxed: only to be compared by the kernel; `look` has the Acquire.
            let seen = self.halves.peer.word(Self::entry(number)).load(Relaxed) >> 32;
            if let Some(len) = self.look(number) {
                return len;
            }
            let word = self.halves.peer.futex(Self::entry(number) + NUMBER);
            // AGAIN: it changed meanwhile. INTR: look again as well.
            let _ = futex::wait(word, futex::Flags::empty(), seen as u32, None);
        }
    }

    #[inline]
    fn consume(&mut self) {
        self.taken += 1;
        // Pairs with the Acquire in `await_consumed` of the other process.
        self.halves.own.word(CONSUMED).store(self.taken, Release);
    }

    /// Sends what fits an entry.
    #[inline]
    pub fn send_words(&mut self, tag: u64, words: [u64; 3], len: usize) {
        let number = self.claim();
        let entry = Self::entry(number);
        for (index, word) in words.into_iter().enumerate() {
            self.halves.own.word(entry + WORDS + index * 8).store(word, Relaxed);
        }
        self.publish(number, tag, len);
    }

    /// Takes the next message out of its entry, after [`expect`](Self::expect).
    #[inline]
    pub fn take_words(&mut self) -> [u64; 3] {
        let entry = Self::entry(self.taken + 1);
        let load = |index: usize| self.halves.peer.word(entry + WORDS + index * 8).load(Relaxed);
        let words = [load(0), load(1), load(2)];
        self.consume();
        words
    }

    /// Sends a payload of any length.
    #[inline]
    pub fn send(&mut self, tag: u64, payload: &[u8]) {
        if payload.len() <= INLINE {
            self.send_words(tag, into_words(payload), payload.len());
        } else if payload.len() <= self.fragment {
            self.send_in_slot(tag, payload.len(), payload);
        } else {
            for fragment in payload.chunks(self.fragment) {
                self.send_in_slot(tag, payload.len(), fragment);
                // The peer copies this one while we copy the next.
                self.announce();
            }
        }
    }

    /// Sends `bytes` of a payload of `len`.
    #[inline]
    fn send_in_slot(&mut self, tag: u64, len: usize, bytes: &[u8]) {
        let number = self.claim();
        let place = self.claim_slot(number, bytes.len());
        self.halves.own.fill(place, bytes);
        self.halves.own.word(Self::entry(number) + SLOT).store(place as u64, Relaxed);
        self.publish(number, tag, len);
    }

    /// Looks at the next message, of one slot, where it is, and is done with it.
    #[inline]
    pub fn skip(&mut self) {
        let entry = Self::entry(self.taken + 1);
        let place = self.halves.peer.word(entry + SLOT).load(Relaxed) as usize;
        std::hint::black_box(self.halves.peer.word(place).load(Relaxed));
        self.consume();
    }

    /// Copies the next message out, after [`expect`](Self::expect) gave its length.
    #[inline]
    pub fn take(&mut self, len: usize) -> Vec<u8> {
        if len <= INLINE {
            return from_words(self.take_words(), len);
        }
        let mut payload = Vec::with_capacity(len);
        loop {
            let entry = Self::entry(self.taken + 1);
            let place = self.halves.peer.word(entry + SLOT).load(Relaxed) as usize;
            let left = len - payload.len();
            self.halves.peer.append_to(&mut payload, place, left.min(self.fragment));
            self.consume();
            if payload.len() == len {
                return payload;
            }
            self.expect();
        }
    }
}

fn into_words(payload: &[u8]) -> [u64; 3] {
    let mut words = [0; 3];
    for (word, bytes) in words.iter_mut().zip(payload.chunks(8)) {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_le_bytes(padded);
    }
    words
}

fn from_words(words: [u64; 3], len: usize) -> Vec<u8> {
    let mut payload = words.map(u64::to_le_bytes).concat();
    payload.truncate(len);
    payload
}
