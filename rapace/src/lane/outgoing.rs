//! A payload on its way out, in the pieces that it was made of.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::layout::INLINE_MAX;
use crate::layout::inline::Inline;
use crate::slots::bytes::copy_in;

/// A payload to be sent, in pieces that are copied one after the other: first those that begin the message and travel
/// in the descriptor, then the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(super) lead: Inline,
    pub(super) rest: &'a [&'a [u8]],
    len: usize,
    /// The lead is metadata.
    #[cfg(feature = "tracing")]
    has_metadata: bool,
}

impl<'a> Outgoing<'a> {
    #[inline]
    pub(crate) fn new(lead: Inline, rest: &'a [&'a [u8]]) -> Self {
        let len = rest.iter().fold(lead.len(), |sum, piece| sum.saturating_add(piece.len()));
        Self { rest, len, ..Self::short(lead) }
    }

    /// What a descriptor carries itself.
    #[inline(always)]
    pub(crate) fn short(lead: Inline) -> Self {
        Self {
            lead,
            rest: &[],
            len: lead.len(),
            #[cfg(feature = "tracing")]
            has_metadata: false,
        }
    }

    /// One piece, none of which precedes the rest.
    #[inline]
    pub(crate) fn whole(payload: &'a &'a [u8]) -> Self {
        Self { rest: std::slice::from_ref(payload), len: payload.len(), ..Self::short(Inline::default()) }
    }

    /// Metadata, and then these pieces.
    #[cfg(feature = "tracing")]
    pub(crate) fn with_metadata(metadata: Inline, rest: &'a [&'a [u8]]) -> Self {
        Self { has_metadata: true, ..Self::new(metadata, rest) }
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn has_metadata(&self) -> bool {
        self.has_metadata
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The pieces: what travels in the descriptor if it fits there, and the rest.
    #[cfg(any(test, feature = "tracing"))]
    pub(crate) fn pieces(&self) -> (&[u8], &'a [&'a [u8]]) {
        (self.lead.as_slice(), self.rest)
    }

    /// The same in memory of its own, to be sent later.
    pub(crate) fn keep(&self) -> Kept {
        Kept {
            bytes: self.to_vec(),
            #[cfg(feature = "tracing")]
            has_metadata: self.has_metadata,
        }
    }

    /// All bytes, in memory of their own.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.copy_to(0, &mut bytes, copy_in);
        bytes
    }

    /// How many bytes of the lead travel in a descriptor that has room for `room`: all or none.
    pub(super) fn lead_within(&self, room: usize) -> usize {
        if self.lead.len() <= room { self.lead.len() } else { 0 }
    }

    /// Copies the bytes from `from` on, as many as `out` has room for, each piece by `copy`.
    pub(super) fn copy_to(&self, from: usize, out: &mut [u8], mut copy: impl FnMut(&mut [u8], &[u8])) {
        let mut skip = from;
        let mut out = out;
        for piece in std::iter::once(&self.lead.as_slice()).chain(self.rest) {
            let Some(rest) = piece.get(skip..) else {
                skip = skip.saturating_sub(piece.len());
                continue;
            };
            skip = 0;
            let take = rest.len().min(out.len());
            let (now, later) = std::mem::take(&mut out).split_at_mut(take);
            copy(now, rest.get(..take).unwrap_or(&[]));
            out = later;
            if out.is_empty() {
                return;
            }
        }
    }

    /// All bytes as a descriptor carries them, if it can.
    #[inline(always)]
    pub(crate) fn inline(&self) -> Option<Inline> {
        if self.rest.is_empty() { Some(self.lead) } else { self.gather() }
    }

    #[inline(never)]
    fn gather(&self) -> Option<Inline> {
        if self.len > INLINE_MAX {
            return None;
        }
        if let ([only], 0) = (self.rest, self.lead.len()) {
            return Some(Inline::of(only));
        }
        let mut bytes = [0; INLINE_MAX];
        self.copy_to(0, &mut bytes, copy_in);
        Some(Inline::new(Inline::of(&bytes).words, self.len))
    }
}

/// A payload in one piece of memory, which waits for room.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    #[cfg(feature = "tracing")]
    has_metadata: bool,
}

impl Kept {
    /// Bytes of all of it.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The payload as it was. `piece` is where it finds itself.
    pub(crate) fn outgoing<'p>(&'p self, piece: &'p mut &'p [u8]) -> Outgoing<'p> {
        *piece = &self.bytes;
        #[cfg(feature = "tracing")]
        if let Some((metadata, args)) = piece.split_at_checked(INLINE_MAX).filter(|_| self.has_metadata) {
            *piece = args;
            return Outgoing::with_metadata(Inline::of(metadata), std::slice::from_ref(piece));
        }
        Outgoing::whole(piece)
    }
}
