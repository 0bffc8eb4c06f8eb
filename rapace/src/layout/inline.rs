//! The payload bytes of a descriptor, as words that are moved in registers.

use zerocopy::IntoBytes;

use super::INLINE_MAX;
use super::descriptor::InlineWords;

/// The payload bytes that a descriptor itself carries, at most 24; they precede those in the slot. As words, because
/// moving them is then moving registers: bytes that were just stored one by one and are loaded as words stall the
/// processor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inline {
    /// The bytes in memory order. What follows them is zero in what is sent, and not said in what came.
    pub(crate) words: InlineWords,
    len: u32,
}

impl Inline {
    /// The first `len` bytes of `words`, or as many as there are.
    #[inline(always)]
    pub(crate) fn new(words: InlineWords, len: usize) -> Self {
        Self { words, len: len.min(INLINE_MAX) as u32 }
    }

    /// A copy of `bytes`, or of as many as there is room for.
    #[inline]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            match rest.first_chunk() {
                Some(whole) => u64::from_ne_bytes(*whole),
                // The first byte is the lowest in the memory order of a little-endian word.
                None => rest.iter().rev().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte)).to_le(),
            }
        };
        Self::new([word(0), word(8), word(16)], bytes.len())
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline(always)]
    pub(crate) fn as_lead(&self) -> Lead<'_> {
        Lead { words: &self.words, len: self.len }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        // Never more; said again where the compiler sees it.
        self.words.as_bytes().get(..self.len().min(INLINE_MAX)).unwrap_or(&[])
    }
}

/// How many [`Several`] has room for.
const SEVERAL: usize = 8;

/// Some [`Inline`]s that are sent at once, word beside word: each word is copied for itself, as it was written. See [`Lead`].
#[derive(Debug, Default)]
pub(crate) struct Several {
    words: [[u64; SEVERAL]; INLINE_MAX / 8],
    lens: [u32; SEVERAL],
    len: usize,
}

impl Several {
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == SEVERAL
    }

    /// Puts one behind the others; false when there is no room.
    #[inline(always)]
    pub(crate) fn push(&mut self, lead: Lead<'_>) -> bool {
        let Some(len) = self.lens.get_mut(self.len) else { return false };
        *len = lead.len;
        for (words, word) in self.words.iter_mut().zip(lead.words) {
            if let Some(place) = words.get_mut(self.len) {
                *place = *word;
            }
        }
        self.len = self.len.saturating_add(1);
        true
    }

    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Option<Inline> {
        if index >= self.len {
            return None;
        }
        let [a, b, c] = &self.words;
        Some(Inline { words: [*a.get(index)?, *b.get(index)?, *c.get(index)?], len: *self.lens.get(index)? })
    }
}

/// As [`Inline`], where it was made: words that were just written one by one must not be copied in larger pieces, which
/// stalls the processor as well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead<'a> {
    pub(crate) words: &'a InlineWords,
    len: u32,
}

impl<'a> Lead<'a> {
    /// The first `len` bytes, of which there are [`INLINE_MAX`] at most; the others are zero.
    #[inline(always)]
    pub(crate) fn new(words: &'a InlineWords, len: usize) -> Option<Self> {
        (len <= INLINE_MAX).then_some(Self { words, len: len as u32 })
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    pub(crate) fn to_inline(self) -> Inline {
        Inline { words: *self.words, len: self.len }
    }
}
