//! A message being made: short bytes gathered, long byte strings borrowed where they lie.
//!
//! Sending copies the pieces straight into shared memory while a lock is held, and user code must not run then. So all
//! of it, `Serialize` above all, runs before, into private memory: 24 bytes on the stack, which is what travels within
//! a descriptor, and a `Vec` when that is too little. A byte string of more than [`BORROWED_ABOVE`] bytes is not
//! copied here; only its place in the message is noted.
//!
//! The bytes on the stack are put together in words: written one by one and loaded as the words of a descriptor, they
//! would stall the processor for longer than all of the encoding takes.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use serde::Serialize;
use zerocopy::IntoBytes;

use super::error::EncodeError;
use super::serializer::Serializer;
use crate::lane::Outgoing;
use crate::layout::INLINE_MAX;
use crate::layout::inline::{Inline, Lead};

/// Byte strings up to this length are copied: noting a piece and sending it apart costs as much.
const BORROWED_ABOVE: usize = 64;

/// Room that is made when the bytes on the stack are full.
const SPILL_BYTES: usize = 256;

/// Says that the bytes are in `spill`: no place within the lead, so that each write finds it full without a test more.
const SPILLED: usize = usize::MAX;

/// Integers below this have a varint of at most eight bytes, which are made as one word.
const WORD_VARINT: u64 = 1 << 56;

/// Gathers the pieces of one message.
pub struct Encoder<'v> {
    /// The first bytes, in memory order; those not written yet are zero.
    lead: [u64; INLINE_MAX / 8],
    /// Bytes in `lead`, or [`SPILLED`].
    lead_len: usize,
    /// All bytes that are not borrowed, once they are more than `lead` has room for.
    spill: Option<Vec<u8>>,
    /// Most messages have one borrowed byte string at most.
    first: Option<Blob<'v>>,
    others: Option<Vec<Blob<'v>>>,
}

/// A byte string that stays where it is until the message is sent.
#[derive(Clone, Copy)]
struct Blob<'v> {
    /// How many of the gathered bytes precede it.
    at: usize,
    bytes: &'v [u8],
}

impl Default for Encoder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'v> Encoder<'v> {
    /// An empty message.
    #[inline]
    pub fn new() -> Self {
        Self { lead: [0; INLINE_MAX / 8], lead_len: 0, spill: None, first: None, others: None }
    }

    /// Length of the message in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        let blobs = self.first.iter().chain(self.others());
        blobs.fold(self.gathered().len(), |len, blob| len.saturating_add(blob.bytes.len()))
    }

    /// Whether the message has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends one byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        match self.lead.get_mut(self.lead_len / 8) {
            Some(word) => {
                *word |= (u64::from(byte) << bits_before(self.lead_len)).to_le();
                self.lead_len = self.lead_len.wrapping_add(1);
            }
            None => self.spill_byte(byte),
        }
    }

    #[cold]
    #[inline(never)]
    fn spill_byte(&mut self, byte: u8) {
        self.spill(&[byte]);
    }

    /// Appends the lowest `len` bytes of `word`, the lowest first; the others are zero. At most eight.
    #[inline]
    fn word(&mut self, word: u64, len: usize) {
        let end = self.lead_len.saturating_add(len);
        if end > INLINE_MAX {
            return self.spill(word.to_le_bytes().get(..len).unwrap_or_default());
        }
        let (index, shift) = (self.lead_len / 8, bits_before(self.lead_len));
        self.lead_len = end;
        if let Some(place) = self.lead.get_mut(index) {
            *place |= (word << shift).to_le();
        }
        // What the shift pushed out, in two steps, as a shift by 64 is none.
        if let Some(place) = self.lead.get_mut(index.wrapping_add(1)) {
            *place |= ((word >> 1) >> (shift ^ 63)).to_le();
        }
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let lead = self.lead.as_mut_bytes();
        match lead.get_mut(self.lead_len..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.lead_len = self.lead_len.wrapping_add(bytes.len());
            }
            None => self.spill(bytes),
        }
    }

    /// Appends four bytes, the lowest first.
    #[inline]
    pub fn fixed_u32(&mut self, value: u32) {
        self.word(u64::from(value), 4);
    }

    /// Appends eight bytes, the lowest first.
    #[inline]
    pub fn fixed_u64(&mut self, value: u64) {
        self.word(value, 8);
    }

    /// The way of all bytes that the lead has no room for.
    #[cold]
    #[inline(never)]
    fn spill(&mut self, bytes: &[u8]) {
        if self.lead_len != SPILLED {
            let mut spill = Vec::with_capacity(SPILL_BYTES.max(INLINE_MAX.saturating_add(bytes.len())));
            spill.extend_from_slice(self.lead.as_bytes().get(..self.lead_len).unwrap_or_default());
            self.spill = Some(spill);
            self.lead_len = SPILLED;
        }
        if let Some(spill) = &mut self.spill {
            spill.extend_from_slice(bytes);
        }
    }

    /// Appends an unsigned integer as postcard's varint: seven bits a byte, the lowest first, each but the last with its
    /// highest bit set.
    #[inline]
    pub fn varint(&mut self, value: u64) {
        if value < 0x80 { self.byte(value as u8) } else { self.long_varint(value) }
    }

    #[inline(never)]
    fn long_varint(&mut self, value: u64) {
        if value < 0x4000 {
            return self.word(value & 0x7f | 0x80 | (value >> 7) << 8, 2);
        }
        if value >= WORD_VARINT {
            return self.widest_varint(value);
        }
        let len = ((value | 1).ilog2() as usize / 7).wrapping_add(1);
        // All bytes but the last continue. There is one at least, so nothing is shifted by 64.
        let continued = (CONTINUED >> 8) >> (8_usize.saturating_sub(len).wrapping_mul(8));
        self.word(seven_bits_a_byte(value) | continued, len);
    }

    #[cold]
    #[inline(never)]
    fn widest_varint(&mut self, value: u64) {
        // Eight bytes with seven bits each, and one or two with what is left.
        self.word(seven_bits_a_byte(value) | CONTINUED, 8);
        self.varint(value / WORD_VARINT);
    }

    /// Appends a signed integer: zigzag, then a varint. The same for every width, as zigzag widens with its value.
    #[inline]
    pub fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Appends a byte string with its length before it; a long one is borrowed.
    #[inline]
    pub fn blob(&mut self, bytes: &'v [u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Appends bytes whose number both sides know; many are borrowed.
    #[inline]
    pub fn raw(&mut self, bytes: &'v [u8]) {
        if bytes.len() <= BORROWED_ABOVE { self.bytes(bytes) } else { self.borrow(bytes) }
    }

    fn borrow(&mut self, bytes: &'v [u8]) {
        let blob = Blob { at: self.gathered().len(), bytes };
        if self.first.is_none() { self.first = Some(blob) } else { self.others.get_or_insert_default().push(blob) }
    }

    /// Appends a value through its own `Serialize`.
    ///
    /// # Errors
    /// What the value's `Serialize` says, or that a sequence does not know its length.
    pub fn serialize<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Serializer::new(self).walk())
    }

    /// All bytes that are not borrowed, in order.
    #[inline]
    fn gathered(&self) -> &[u8] {
        // `SPILLED` is no length of the lead.
        self.lead.as_bytes().get(..self.lead_len).unwrap_or_else(|| self.spill.as_deref().unwrap_or_default())
    }

    /// The borrowed byte strings behind the first.
    #[inline]
    fn others(&self) -> &[Blob<'v>] {
        self.others.as_deref().unwrap_or_default()
    }

    /// All of the message, if it is so short that a descriptor carries it.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<Lead<'_>> {
        // `SPILLED` is no length of the lead.
        if self.first.is_none() { Lead::new(&self.lead, self.lead_len) } else { None }
    }

    /// Calls `send` with the message: its lead, at most 24 bytes and in front of the first long byte string, and the
    /// rest in order. The lead is empty when the bytes in front are more; then they are the first of the rest.
    #[inline]
    pub(crate) fn send<X>(&self, send: impl FnOnce(&Outgoing<'_>) -> X) -> X {
        let many;
        let few: [&[u8]; 3];
        let outgoing = match &self.first {
            None if self.lead_len <= INLINE_MAX => Outgoing::short(self.lead()),
            None => {
                few = [self.gathered(), &[], &[]];
                Outgoing::new(Inline::default(), few.get(..1).unwrap_or_default())
            }
            // Nothing behind the only byte string, and in front of it what is on the stack.
            Some(blob) if self.others.is_none() && blob.at == self.lead_len => {
                Outgoing::new(self.lead(), std::slice::from_ref(&blob.bytes))
            }
            Some(blob) if self.others.is_none() => {
                let gathered = self.gathered();
                let (before, after) = gathered.split_at_checked(blob.at).unwrap_or((gathered, &[]));
                few = [before, blob.bytes, after];
                let end = if after.is_empty() { 2 } else { 3 };
                lead_of(few.get(..end).unwrap_or_default())
            }
            Some(_) => {
                many = self.many_pieces(self.gathered());
                lead_of(&many)
            }
        };
        send(&outgoing)
    }

    /// The bytes on the stack. Those that are not written yet are zero.
    #[inline]
    fn lead(&self) -> Inline {
        Inline::new(self.lead, self.lead_len)
    }

    /// What precedes the first blob, even if that is nothing, then blobs and what lies between them.
    fn many_pieces<'p>(&'p self, gathered: &'p [u8]) -> Vec<&'p [u8]> {
        let mut pieces = Vec::with_capacity(self.others().len().saturating_mul(2).saturating_add(3));
        let mut from = 0;
        for blob in self.first.iter().chain(self.others()) {
            let between = gathered.get(from..blob.at).unwrap_or_default();
            if !between.is_empty() || pieces.is_empty() {
                pieces.push(between);
            }
            pieces.push(blob.bytes);
            from = blob.at;
        }
        let after = gathered.get(from..).unwrap_or_default();
        if !after.is_empty() {
            pieces.push(after);
        }
        pieces
    }

    /// The message in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        self.send(|outgoing| outgoing.to_vec())
    }
}

/// The pieces, of which the first one travels in the descriptor if it is short enough.
fn lead_of<'p>(pieces: &'p [&'p [u8]]) -> Outgoing<'p> {
    match pieces.split_first() {
        Some((first, rest)) if first.len() <= INLINE_MAX => Outgoing::new(Inline::of(first), rest),
        _ => Outgoing::new(Inline::default(), pieces),
    }
}

/// Where byte `at` begins in its word.
#[inline]
fn bits_before(at: usize) -> usize {
    (at % 8) << 3
}

/// The bit of each byte of a varint that says that another byte follows.
const CONTINUED: u64 = 0x8080_8080_8080_8080;

/// The lowest 56 bits, seven in each byte.
#[inline]
fn seven_bits_a_byte(value: u64) -> u64 {
    let halves = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let pairs = (halves & 0x0000_3fff_0000_3fff) | (halves & 0x0fff_c000_0fff_c000) << 2;
    (pairs & 0x007f_007f_007f_007f) | (pairs & 0x3f80_3f80_3f80_3f80) << 1
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// What postcard writes into.
impl postcard::ser_flavors::Flavor for &mut Encoder<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.byte(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.bytes(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn pieces(encoder: &Encoder<'_>) -> (Vec<u8>, Vec<Vec<u8>>) {
        encoder.send(|outgoing| {
            let (lead, rest) = outgoing.pieces();
            (lead.to_vec(), rest.iter().map(|piece| piece.to_vec()).collect())
        })
    }

    #[test]
    fn a_small_message_is_all_lead() {
        let mut encoder = Encoder::new();
        encoder.bytes(&[7; 24]);
        assert_eq!(pieces(&encoder), (vec![7; 24], vec![]));
        assert!(encoder.spill.is_none());
        encoder.byte(8);
        let mut all = vec![7; 24];
        all.push(8);
        assert_eq!(pieces(&encoder), (vec![], vec![all]));
    }

    #[test]
    fn a_long_byte_string_is_borrowed_and_its_length_leads() {
        let blob = vec![9; 200];
        let mut encoder = Encoder::new();
        encoder.byte(1);
        encoder.blob(&blob);
        encoder.send(|outgoing| {
            let (lead, rest) = outgoing.pieces();
            assert_eq!(lead, [1, 200, 1]);
            assert_eq!(rest.len(), 1);
            assert_eq!(rest[0].as_ptr(), blob.as_ptr());
        });
        assert_eq!(encoder.len(), 203);
    }

    #[test]
    fn what_precedes_a_byte_string_leads_only_if_a_descriptor_holds_it() {
        let blob = vec![9; 65];
        let mut encoder = Encoder::new();
        encoder.bytes(&[1; 23]);
        encoder.blob(&blob);
        encoder.bytes(&[2; 30]);
        let mut before = vec![1; 23];
        before.push(65);
        assert_eq!(pieces(&encoder), (before.clone(), vec![blob.clone(), vec![2; 30]]));

        let mut encoder = Encoder::new();
        encoder.bytes(&[1; 24]);
        encoder.blob(&blob);
        before.insert(0, 1);
        assert_eq!(pieces(&encoder), (vec![], vec![before, blob]));
    }

    /// Something to append.
    #[derive(Clone, Debug)]
    enum Put {
        Byte(u8),
        Bytes(Vec<u8>),
        Varint(u64),
        Blob(Vec<u8>),
        Raw(Vec<u8>),
    }

    fn put() -> impl Strategy<Value = Put> {
        let bytes = || {
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..10),
                prop::collection::vec(any::<u8>(), 60..70),
                prop::collection::vec(any::<u8>(), 250..260),
            ]
        };
        prop_oneof![
            any::<u8>().prop_map(Put::Byte),
            bytes().prop_map(Put::Bytes),
            (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| Put::Varint(value >> shift)),
            (0..64_u32, any::<bool>()).prop_map(|(bit, less)| Put::Varint((1_u64 << bit) - u64::from(less))),
            bytes().prop_map(Put::Blob),
            bytes().prop_map(Put::Raw),
        ]
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_message(puts in prop::collection::vec(put(), 0..12)) {
            let mut encoder = Encoder::new();
            let mut expected = Vec::new();
            for put in &puts {
                match put {
                    Put::Byte(byte) => {
                        encoder.byte(*byte);
                        expected.push(*byte);
                    }
                    Put::Bytes(bytes) => {
                        encoder.bytes(bytes);
                        expected.extend(bytes);
                    }
                    Put::Varint(value) => {
                        encoder.varint(*value);
                        expected.extend(postcard::to_stdvec(value).unwrap());
                    }
                    Put::Blob(bytes) => {
                        encoder.blob(bytes);
                        expected.extend(postcard::to_stdvec(bytes).unwrap());
                    }
                    Put::Raw(bytes) => {
                        encoder.raw(bytes);
                        expected.extend(bytes);
                    }
                }
                prop_assert_eq!(encoder.len(), expected.len());
            }
            let (lead, rest) = pieces(&encoder);
            prop_assert!(lead.len() <= INLINE_MAX);
            prop_assert!(rest.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!([lead, rest.concat()].concat(), &expected[..]);
            prop_assert_eq!(encoder.to_vec(), expected);
        }
    }
}
