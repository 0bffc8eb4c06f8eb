//! A message that arrived, and the reader that takes values out of it.
//!
//! A message is its *lead*, private bytes that came in the descriptor, followed by its *tail*, which may lie in a slot
//! that the peer can still write. Each byte of a slot is copied out once and looked at afterwards. Where it is copied to
//! depends on who asks: an owned byte string gets its bytes from the slot straight into its own `Vec`; whoever needs
//! to borrow, or is too small to be worth a call, makes the reader *gather* what is unread, lead and tail, in one private
//! piece that the message keeps for as long as it lives. Of a peer that the user vouches for, the message keeps the slot
//! instead, once its lead is read, and the reader goes on there.
//!
//! ```text
//!           ┌── here ──┐┌─────── tail, from its byte `read` on ───────┐
//!   lead  ▓▓▓░░░░░░░░░░ ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░     before
//!   rest      ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░     gathered: here is all, the slot is free
//! ```

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::cell::{Cell, OnceCell};
use std::fmt;

use serde::Deserialize;

#[cfg(test)]
pub(super) use tests::arrivals;

use super::error::DecodeError;
use super::limited::Walk;
use crate::layout::INLINE_MAX;
use crate::layout::inline::Inline;
use crate::limits::Limits;
use crate::session::Payload;
use crate::slots::bytes::Trust;

/// What decoding one message may cost; counted down while it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub(super) depth: usize,
    pub(super) elements: usize,
    pub(super) bytes: usize,
}

impl Budget {
    /// The part of the limits that is about decoding.
    pub fn new(limits: &Limits) -> Self {
        Self { depth: limits.decode_depth, elements: limits.decode_elements, bytes: limits.decode_bytes }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

/// A message that arrived. As long as its tail is unread it may hold a slot of the peer's.
pub struct Message {
    lead: Inline,
    tail: Cell<Tail>,
    tail_len: usize,
    /// What a reader lends from.
    rest: OnceCell<Rest>,
    budget: Budget,
    /// The user's word that the slot may be read where it lies.
    trust: Option<Trust>,
}

/// All that was unread, in one piece.
enum Rest {
    Gathered(Vec<u8>),
    /// In the slot that it came in.
    Held(Payload, Trust),
}

impl Rest {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Gathered(bytes) => bytes,
            Self::Held(payload, trust) => payload.borrow_slot(trust).unwrap_or_default(),
        }
    }
}

/// Where the bytes behind the lead are.
#[derive(Default)]
enum Tail {
    /// There are none, or they are taken.
    #[default]
    None,
    Private(Vec<u8>),
    Payload(Payload),
    #[cfg(test)]
    Slot(tests::OnceReadSlot),
}

impl Tail {
    /// Appends the bytes from `from` on, `len` of them.
    fn append(&self, from: usize, len: usize, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Private(bytes) => {
                let end = from.saturating_add(len);
                out.extend_from_slice(bytes.get(from..end).unwrap_or_default());
            }
            Self::Payload(payload) => payload.append_tail(from, len, out),
            #[cfg(test)]
            Self::Slot(slot) => slot.append(from, len, out),
        }
    }

    /// The memory itself, if it is private.
    fn take_private(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Private(bytes) => Some(std::mem::take(bytes)),
            Self::Payload(payload) => payload.take_tail(),
            Self::None => None,
            #[cfg(test)]
            Self::Slot(_) => None,
        }
    }
}

impl Message {
    /// What was received, to be decoded within `budget`.
    #[inline]
    pub(crate) fn new(payload: Payload, budget: Budget) -> Self {
        let tail_len = payload.tail_len();
        let lead = *payload.lead_inline();
        let tail = if tail_len == 0 { Tail::None } else { Tail::Payload(payload) };
        Self { lead, tail: Cell::new(tail), tail_len, rest: OnceCell::new(), budget, trust: None }
    }

    /// The same, which lends its slot itself if there is somebody's word for that.
    #[inline]
    pub(crate) fn with_trust(self, trust: Option<Trust>) -> Self {
        Self { trust, ..self }
    }

    /// A message out of private memory. Its first bytes are `lead`, of which there are 24 at most.
    pub(crate) fn from_parts(lead: &[u8], tail: Vec<u8>, budget: Budget) -> Self {
        debug_assert!(lead.len() <= INLINE_MAX, "a lead is what fits a descriptor");
        let tail_len = tail.len();
        let lead = Inline::of(lead);
        Self { lead, tail: Cell::new(Tail::Private(tail)), tail_len, rest: OnceCell::new(), budget, trust: None }
    }

    /// A message out of private memory.
    pub fn from_bytes(bytes: Vec<u8>, budget: Budget) -> Self {
        Self::from_parts(&[], bytes, budget)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.lead.len().saturating_add(self.tail_len)
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes values out of the message. A message is read once: a second reader finds only what was not read of a slot,
    /// and reports the rest as missing.
    #[inline]
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            here: self.lead.as_slice(),
            message: Some(self),
            read: 0,
            beyond: self.tail_len,
            budget: &self.budget,
            left: self.budget,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Takes values out of a message, front to back, and lends what it can.
pub struct Reader<'m> {
    /// Bytes in private memory that come next.
    here: &'m [u8],
    /// Where the rest is; a short message is all here.
    message: Option<&'m Message>,
    /// Bytes of the tail that were read already.
    read: usize,
    /// Bytes of the tail that were not; they follow `here`. Zero once the tail was gathered.
    beyond: usize,
    /// What could be spent at first, for errors.
    pub(super) budget: &'m Budget,
    /// What may still be spent.
    pub(super) left: Budget,
}

impl<'m> Reader<'m> {
    /// Takes values out of a message that came in a descriptor.
    #[inline]
    pub(crate) fn short(message: &'m Inline, budget: &'m Budget) -> Self {
        Self { here: message.as_slice(), message: None, read: 0, beyond: 0, budget, left: *budget }
    }

    /// Bytes that are not read yet.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.here.len().saturating_add(self.beyond)
    }

    /// Brings all that is unread into one piece. It is private, and the slot is free; but of a peer that the user vouches for,
    /// it is the slot.
    ///
    /// # Errors
    /// Everything is there already, so what is looked for is not.
    #[cold]
    #[inline(never)]
    fn gather(&mut self) -> Result<(), DecodeError> {
        let Some(message) = self.message.filter(|_| self.beyond > 0) else {
            return Err(DecodeError::Truncated);
        };
        let (tail, read) = (message.tail.take(), self.read);
        let (rest, skip) = match (tail, message.trust) {
            (Tail::Payload(payload), Some(trust)) if self.here.is_empty() && payload.borrow_slot(&trust).is_some() => {
                (Rest::Held(payload, trust), read)
            }
            (tail, _) => (Rest::Gathered(self.gathered(tail)), 0),
        };
        let rest = message.rest.set(rest).ok().and_then(|()| message.rest.get()?.bytes().get(skip..));
        // A forked child finds nothing in a slot, and a second reader nothing where the first one took it.
        let rest = rest.filter(|rest| rest.len() == self.remaining()).ok_or(DecodeError::Truncated)?;
        (self.here, self.beyond) = (rest, 0);
        Ok(())
    }

    /// What is unread, in private memory.
    fn gathered(&self, mut tail: Tail) -> Vec<u8> {
        let whole = self.here.is_empty() && self.read == 0;
        if let Some(bytes) = if whole { tail.take_private() } else { None } {
            return bytes;
        }
        let mut bytes = Vec::with_capacity(self.remaining());
        bytes.extend_from_slice(self.here);
        tail.append(self.read, self.beyond, &mut bytes);
        bytes
    }

    /// One byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        loop {
            if let Some((byte, here)) = self.here.split_first() {
                self.here = here;
                return Ok(*byte);
            }
            self.gather()?;
        }
    }

    /// `N` bytes whose number both sides know.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        loop {
            if let Some((bytes, here)) = self.here.split_first_chunk::<N>() {
                self.here = here;
                return Ok(*bytes);
            }
            self.check(N)?;
            self.gather()?;
        }
    }

    /// An unsigned integer of `BITS` bits, as strictly as postcard reads it: no more bytes than the widest value has, and
    /// no bits in the last one that the type lacks.
    #[inline]
    pub(super) fn varint<const BITS: u32>(&mut self) -> Result<u64, DecodeError> {
        match self.here.split_first() {
            Some((byte, here)) if *byte < 0x80 => {
                self.here = here;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint::<BITS>(),
        }
    }

    #[inline(never)]
    fn long_varint<const BITS: u32>(&mut self) -> Result<u64, DecodeError> {
        const { assert!(BITS >= 14, "two bytes always fit") };
        if let [low, high @ ..0x80, here @ ..] = self.here {
            self.here = here;
            return Ok(u64::from(low & 0x7f) | u64::from(*high) << 7);
        }
        loop {
            let mut value = 0;
            let mut shift: u32 = 0;
            for (index, byte) in self.here.iter().enumerate() {
                let bits = u64::from(byte & 0x7f);
                let room = BITS.saturating_sub(shift);
                if room < 7 && (bits >> room) != 0 {
                    return Err(too_large());
                }
                value |= bits << shift;
                if *byte < 0x80 {
                    self.here = self.here.get(index.wrapping_add(1)..).unwrap_or_default();
                    return Ok(value);
                }
                shift = shift.wrapping_add(7);
                if shift >= BITS {
                    return Err(too_large());
                }
            }
            self.gather()?;
        }
    }

    /// A signed integer of `BITS` bits: a varint, zigzag.
    #[inline]
    pub(super) fn signed<const BITS: u32>(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint::<BITS>()?;
        Ok((value >> 1) as i64 ^ (value as i64 & 1).wrapping_neg())
    }

    /// The length that precedes a byte string, a sequence or a map.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, DecodeError> {
        // 64-bit systems only: `lib.rs` refuses others.
        self.varint::<64>().map(|len| len as usize)
    }

    /// The next `len` bytes, lent by the message.
    #[inline]
    pub(super) fn borrowed(&mut self, len: usize) -> Result<&'m [u8], DecodeError> {
        loop {
            if let Some((bytes, here)) = self.here.split_at_checked(len) {
                self.here = here;
                return Ok(bytes);
            }
            self.check(len)?;
            self.gather()?;
        }
    }

    /// The next `len` bytes in memory of their own, which is where they are copied to from a slot.
    pub(super) fn owned(&mut self, len: usize) -> Result<Vec<u8>, DecodeError> {
        if let Some((bytes, here)) = self.here.split_at_checked(len) {
            self.here = here;
            return Ok(bytes.to_vec());
        }
        self.check(len)?;
        let mut tail = self.message.map_or(Tail::None, |message| message.tail.take());
        let whole = self.here.is_empty() && self.read == 0 && self.beyond == len;
        let bytes = match if whole { tail.take_private() } else { None } {
            Some(bytes) => bytes,
            None => {
                let mut bytes = Vec::with_capacity(len);
                bytes.extend_from_slice(self.here);
                tail.append(self.read, len.saturating_sub(self.here.len()), &mut bytes);
                bytes
            }
        };
        // As in `gather`.
        if bytes.len() != len {
            return Err(DecodeError::Truncated);
        }
        let taken = len.saturating_sub(self.here.len());
        self.here = &[];
        self.read = self.read.saturating_add(taken);
        self.beyond = self.beyond.saturating_sub(taken);
        if let Some(message) = self.message.filter(|_| self.beyond > 0) {
            message.tail.set(tail);
        }
        Ok(bytes)
    }

    /// Whether `len` bytes are there without gathering.
    pub(super) fn is_here(&self, len: usize) -> bool {
        len <= self.here.len()
    }

    /// Before anything is allocated for them: `len` bytes are there.
    #[inline]
    fn check(&self, len: usize) -> Result<(), DecodeError> {
        if len <= self.remaining() { Ok(()) } else { Err(DecodeError::Truncated) }
    }

    /// A single value, read by postcard.
    #[inline]
    pub(super) fn single<T: Deserialize<'m>>(&mut self) -> Result<T, DecodeError> {
        loop {
            match postcard::take_from_bytes(self.here) {
                Ok((value, here)) => {
                    self.here = here;
                    return Ok(value);
                }
                Err(postcard::Error::DeserializeUnexpectedEnd) => self.gather()?,
                Err(error) => return Err(DecodeError::of_postcard(error)),
            }
        }
    }

    /// A value through its own `Deserialize`, within the limits.
    ///
    /// # Errors
    /// The bytes are no such value, or one above a limit.
    pub fn deserialize<T: Deserialize<'m>>(&mut self) -> Result<T, DecodeError> {
        T::deserialize(Walk::new(self))
    }

    /// Says that the last value was read. A slot that the message held is free afterwards.
    ///
    /// # Errors
    /// There are bytes left.
    #[inline]
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        if self.here.is_empty() && self.beyond == 0 { Ok(()) } else { self.refuse_trailing() }
    }

    #[cold]
    fn refuse_trailing(&mut self) -> Result<(), DecodeError> {
        let bytes = self.remaining();
        if let Some(message) = self.message {
            message.tail.take();
        }
        Err(DecodeError::Trailing { bytes })
    }
}

#[cold]
fn too_large() -> DecodeError {
    DecodeError::malformed("an integer is too large for its type")
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use std::cell::RefCell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::*;

    /// Memory as if it were a peer's: no byte may be read twice.
    pub(super) struct OnceReadSlot {
        bytes: Vec<u8>,
        read: RefCell<Vec<bool>>,
        released: Released,
    }

    /// Whether a slot was released.
    #[derive(Clone, Default)]
    pub(in crate::codec) struct Released(Arc<AtomicBool>);

    impl Released {
        fn get(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Drop for OnceReadSlot {
        fn drop(&mut self) {
            self.released.0.store(true, Ordering::Relaxed);
        }
    }

    impl OnceReadSlot {
        pub(super) fn append(&self, from: usize, len: usize, out: &mut Vec<u8>) {
            for flag in &mut self.read.borrow_mut()[from..from + len] {
                assert!(!std::mem::replace(flag, true), "a byte of a slot was read twice");
            }
            out.extend_from_slice(&self.bytes[from..from + len]);
        }
    }

    impl Message {
        /// `bytes`, of which the first `lead_len` travelled in the descriptor and the others in a slot.
        pub(in crate::codec) fn in_slot(bytes: &[u8], lead_len: usize) -> (Self, Released) {
            let (lead, tail) = bytes.split_at(lead_len);
            let released = Released::default();
            let read = RefCell::new(vec![false; tail.len()]);
            let slot = OnceReadSlot { bytes: tail.to_vec(), read, released: released.clone() };
            let lead = Inline::of(lead);
            let tail_len = tail.len();
            let tail = Cell::new(Tail::Slot(slot));
            (Self { lead, tail, tail_len, rest: OnceCell::new(), budget: Budget::default(), trust: None }, released)
        }
    }

    /// The same bytes in every way they can arrive: whole, with each length of the lead, the rest private or in a slot.
    pub(in crate::codec) fn arrivals(bytes: &[u8]) -> impl Iterator<Item = Message> {
        let leads = 0..=bytes.len().min(INLINE_MAX);
        leads.flat_map(move |lead| {
            let private = Message::from_parts(&bytes[..lead], bytes[lead..].to_vec(), Budget::default());
            [private, Message::in_slot(bytes, lead).0]
        })
    }

    #[test]
    fn a_byte_string_of_its_own_is_copied_out_of_the_slot_once_and_the_slot_is_free() {
        let mut bytes = vec![42, 200, 1];
        bytes.extend((0..200).map(|n| n as u8));
        let (message, released) = Message::in_slot(&bytes, 3);
        let mut reader = message.reader();
        assert_eq!(reader.byte(), Ok(42));
        let len = reader.length().unwrap();
        let owned = reader.owned(len).unwrap();
        assert_eq!(owned, &bytes[3..]);
        assert_eq!(owned.capacity(), owned.len());
        assert!(released.get());
        reader.finish().unwrap();
        assert!(message.rest.get().is_none(), "nothing was gathered");
    }

    #[test]
    fn a_private_tail_that_is_all_of_a_byte_string_is_taken_and_not_copied() {
        let tail = vec![7; 1_000];
        let place = tail.as_ptr();
        let message = Message::from_parts(&[232, 7], tail, Budget::default());
        let mut reader = message.reader();
        let len = reader.length().unwrap();
        let owned = reader.owned(len).unwrap();
        assert_eq!(owned.as_ptr(), place);
        reader.finish().unwrap();
    }

    #[test]
    fn a_private_tail_is_lent_where_it_lies() {
        let tail = vec![7; 1_000];
        let place = tail.as_ptr();
        let message = Message::from_parts(&[232, 7], tail, Budget::default());
        let mut reader = message.reader();
        let len = reader.length().unwrap();
        assert_eq!(reader.borrowed(len).unwrap().as_ptr(), place);
        reader.finish().unwrap();
    }

    #[test]
    fn lengths_beyond_the_message_allocate_nothing() {
        // A length of 2^62: an allocation of it would end the process.
        let bytes = [255, 255, 255, 255, 255, 255, 255, 255, 63, 1, 2, 3];
        for message in arrivals(&bytes) {
            assert_eq!(message.reader().deserialize::<String>(), Err(DecodeError::Truncated));
        }
        for message in arrivals(&bytes) {
            let mut reader = message.reader();
            let len = reader.length().unwrap();
            assert_eq!(reader.owned(len), Err(DecodeError::Truncated));
        }
    }

    #[test]
    fn what_follows_the_last_value_is_refused_and_the_slot_is_free() {
        let (message, released) = Message::in_slot(&[1, 2, 3, 4], 1);
        let mut reader = message.reader();
        assert_eq!(reader.byte(), Ok(1));
        assert!(!released.get());
        assert_eq!(reader.finish(), Err(DecodeError::Trailing { bytes: 3 }));
        assert!(released.get());
    }

    #[test]
    fn a_second_reader_panics_nowhere() {
        let bytes: Vec<u8> = (0..100).collect();
        for message in arrivals(&bytes) {
            let first = message.reader().borrowed(50).map(<[u8]>::to_vec);
            assert_eq!(first.unwrap(), &bytes[..50]);
            let _ = message.reader().borrowed(50);
            let _ = message.reader().owned(100);
        }
    }

    #[test]
    fn messages_can_be_handed_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Message>();
    }

    /// Ways to take bytes out.
    #[derive(Clone, Debug)]
    enum Taking {
        Byte,
        Borrowed(usize),
        Owned(usize),
        Array,
    }

    fn taking() -> impl Strategy<Value = Taking> {
        prop_oneof![
            Just(Taking::Byte),
            (0..40_usize).prop_map(Taking::Borrowed),
            (0..40_usize).prop_map(Taking::Owned),
            Just(Taking::Array),
        ]
    }

    proptest! {
        #[test]
        fn every_way_of_reading_finds_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            takings in prop::collection::vec(taking(), 0..12),
        ) {
            for message in arrivals(&bytes) {
                let mut reader = message.reader();
                let mut at = 0;
                for taking in &takings {
                    let (len, got) = match taking {
                        Taking::Byte => (1, reader.byte().map(|byte| vec![byte])),
                        Taking::Borrowed(len) => (*len, reader.borrowed(*len).map(<[u8]>::to_vec)),
                        Taking::Owned(len) => (*len, reader.owned(*len)),
                        Taking::Array => (4, reader.array::<4>().map(|bytes| bytes.to_vec())),
                    };
                    let Some(expected) = bytes.get(at..at + len) else {
                        prop_assert_eq!(got, Err(DecodeError::Truncated));
                        break;
                    };
                    prop_assert_eq!(got.as_deref(), Ok(expected));
                    at += len;
                    prop_assert_eq!(reader.remaining(), bytes.len() - at);
                }
            }
        }

        #[test]
        fn integers_are_read_as_strictly_as_postcard_reads_them(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x80_u8), Just(0xff), 0..4_u8], 0..12),
        ) {
            for message in arrivals(&bytes) {
                let ours = message.reader().varint::<16>();
                let theirs = postcard::take_from_bytes::<u16>(&bytes).map(|(value, _)| u64::from(value));
                prop_assert_eq!(ours.ok(), theirs.ok());
            }
            for message in arrivals(&bytes) {
                let ours = message.reader().varint::<32>();
                let theirs = postcard::take_from_bytes::<u32>(&bytes).map(|(value, _)| u64::from(value));
                prop_assert_eq!(ours.ok(), theirs.ok());
            }
            for message in arrivals(&bytes) {
                let ours = message.reader().varint::<64>();
                let theirs = postcard::take_from_bytes::<u64>(&bytes).map(|(value, _)| value);
                prop_assert_eq!(ours.ok(), theirs.ok());
            }
            for message in arrivals(&bytes) {
                let ours = message.reader().signed::<64>();
                let theirs = postcard::take_from_bytes::<i64>(&bytes).map(|(value, _)| value);
                prop_assert_eq!(ours.ok(), theirs.ok());
            }
        }
    }
}
