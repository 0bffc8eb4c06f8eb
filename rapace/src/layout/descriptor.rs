//! The 64 untrusted bytes of a message: one cache line, published by its own sequence number.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::INLINE_MAX;

/// 64-bit words in a descriptor.
pub(crate) const WORDS: usize = 8;

/// A descriptor as it lies in a ring entry. Any bits are one; only `Arrival::parse` makes sense of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct Descriptor {
    /// Low 32 bits of the message's number; written last, it publishes the entry.
    pub(crate) seq: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    /// Of a terminal: how the call ended.
    pub(crate) status: u16,
    pub(crate) call: u32,
    /// Of a request or one-way: the method; of an item, end or credit: the stream.
    pub(crate) method: u32,
    /// Payload bytes of this message or fragment.
    pub(crate) len: u32,
    /// Class and index ([`super::geometry::SlotId`]); zero when there is no slot.
    pub(crate) slot: u32,
    /// Which use of the slot this is; zero when there is no slot.
    pub(crate) generation: u32,
    /// Of a request: the receiver's call in whose handler it was made, else zero.
    pub(crate) parent: u32,
    /// Remaining time in microseconds; zero means no deadline.
    pub(crate) timeout_us: u32,
    /// How many of the inline bytes begin the payload; the rest of `len` is in the slot.
    pub(crate) inline_len: u8,
    pub(crate) reserved: [u8; 3],
    /// Words, because moving bytes that were just loaded as words stalls the processor.
    pub(crate) inline: InlineWords,
}

/// The inline bytes, as words in memory order.
pub(crate) type InlineWords = [u64; INLINE_MAX / 8];

/// The inline bytes of a first fragment that announce the total length.
pub(crate) const TOTAL_BYTES: usize = 8;

/// The flag bits. Which may stand together is decided by `Arrival::parse`.
pub(crate) mod flag {
    /// The payload, or what the inline bytes leave of it, is in a slot.
    pub(crate) const SLOT: u8 = 1;
    /// First fragment: the first eight inline bytes are the total length.
    pub(crate) const FIRST: u8 = 2;
    /// Another fragment follows.
    pub(crate) const MORE: u8 = 4;
    /// Continues the message that a first fragment began.
    pub(crate) const NEXT: u8 = 8;
    /// The message begun under this call and stream will not be finished.
    pub(crate) const ABANDONED: u8 = 16;
    /// The payload begins with [metadata](super::super::metadata): of a request or one-way, whole or its first fragment.
    pub(crate) const METADATA: u8 = 32;
}

impl Descriptor {
    /// Field by field, so that the words stay in registers: a transmute goes through memory, where narrow loads of what
    /// was just stored wide, and the other way round, stall the processor.
    #[inline(always)]
    pub(crate) fn from_words(words: [u64; WORDS]) -> Self {
        let [first, names, place, origin, rest, a, b, c] = words;
        let [_, _, _, _, kind, flags, status @ ..] = first.to_ne_bytes();
        let [call, method] = halves(names);
        let [len, slot] = halves(place);
        let [generation, parent] = halves(origin);
        let [timeout_us, tail] = halves(rest);
        let [inline_len, reserved @ ..] = tail.to_ne_bytes();
        Self {
            seq: seq_of(first),
            kind,
            flags,
            status: u16::from_ne_bytes(status),
            call,
            method,
            len,
            slot,
            generation,
            parent,
            timeout_us,
            inline_len,
            reserved,
            inline: [a, b, c],
        }
    }

    /// Field by field, as [`from_words`](Self::from_words).
    #[inline(always)]
    pub(crate) const fn into_words(self) -> [u64; WORDS] {
        let [a, b, c] = self.inline;
        let [t0, t1] = self.status.to_ne_bytes();
        let [r0, r1, r2] = self.reserved;
        [
            word(self.seq, u32::from_ne_bytes([self.kind, self.flags, t0, t1])),
            word(self.call, self.method),
            word(self.len, self.slot),
            word(self.generation, self.parent),
            word(self.timeout_us, u32::from_ne_bytes([self.inline_len, r0, r1, r2])),
            a,
            b,
            c,
        ]
    }
}

/// The word with these halves, in memory order. By arithmetic, which the compiler sees through; it does not when bytes are
/// taken apart and put together.
#[inline(always)]
const fn word(first: u32, second: u32) -> u64 {
    let (low, high) = if cfg!(target_endian = "little") { (first, second) } else { (second, first) };
    low as u64 | (high as u64) << 32
}

/// The two halves of a word, in memory order.
#[inline(always)]
fn halves(word: u64) -> [u32; 2] {
    let (low, high) = (word as u32, (word >> 32) as u32);
    if cfg!(target_endian = "little") { [low, high] } else { [high, low] }
}

/// The sequence number in a descriptor's first word: its first four bytes, in either byte order.
#[inline]
pub(crate) fn seq_of(first_word: u64) -> u32 {
    let [seq, _] = halves(first_word);
    seq
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;
    use zerocopy::transmute;

    #[test]
    fn a_descriptor_is_one_cache_line_and_its_fields_lie_where_the_layout_says() {
        assert_eq!(size_of::<Descriptor>(), 64);
        let descriptor = Descriptor {
            seq: 0x0403_0201,
            kind: 5,
            flags: 6,
            status: 0x0807,
            inline_len: 0x24,
            inline: [0xaaaa_aaaa_aaaa_aaaa; 3],
            ..Descriptor::default()
        };
        let bytes = descriptor.as_bytes();
        assert_eq!(bytes[4], 5);
        assert_eq!(bytes[5], 6);
        assert_eq!(bytes[36], 0x24);
        assert!(bytes[40..].iter().all(|&byte| byte == 0xaa));
        assert_eq!(seq_of(descriptor.into_words()[0]), descriptor.seq);
        assert_eq!(Descriptor::from_words(descriptor.into_words()), descriptor);
    }

    proptest! {
        #[test]
        fn words_are_read_as_the_layout_says(words: [u64; WORDS]) {
            let by_layout: Descriptor = transmute!(words);
            prop_assert_eq!(Descriptor::from_words(words), by_layout);
            prop_assert_eq!(by_layout.into_words(), words);
        }
    }
}
