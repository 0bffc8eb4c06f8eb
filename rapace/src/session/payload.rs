//! A message that arrived, and its payload: held in the peer's slot until it is dropped.

use std::fmt;
use std::sync::Arc;

use super::shared::Shared;
use crate::error::Violation;
use crate::lane::{Body, release_slot};
use crate::layout::head::{Head, InSlot};
use crate::layout::inline::Inline;
use crate::layout::metadata::{METADATA_BYTES, Metadata};
use crate::slots::bytes::{PeerBytes, Trust};

/// A message that was received and checked.
#[derive(Debug)]
pub struct Inbound {
    head: Head,
    payload: Payload,
}

/// How a payload travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// In the descriptor.
    Inline,
    /// In a slot.
    Slot {
        /// Payload bytes of the slot's class.
        class_bytes: u32,
    },
    /// In several slots, one after the other.
    Fragments {
        /// How many.
        count: u32,
    },
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline => f.pad("inline"),
            Self::Slot { class_bytes } => f.pad(&format!("slot of {class_bytes} bytes")),
            Self::Fragments { count } => f.pad(&format!("{count} fragments")),
        }
    }
}

impl Inbound {
    #[inline(always)]
    pub(crate) fn inline(head: Head, lead: Inline) -> Self {
        Self { head, payload: Payload::inline(lead) }
    }

    #[inline(always)]
    pub(crate) fn in_slot(shared: &Arc<Shared>, head: Head, lead: Inline, slot: InSlot) -> Self {
        let tail = Tail::Slot(HeldSlot { shared: Arc::clone(shared), slot });
        Self { head, payload: Payload::new(lead, tail) }
    }

    pub(crate) fn new(shared: &Arc<Shared>, head: Head, body: Body) -> Self {
        match body {
            Body::Inline(lead) => Self::inline(head, lead),
            Body::Slot(lead, slot) => Self::in_slot(shared, head, lead, slot),
            Body::Fragments { lead, bytes, count } => {
                Self { head, payload: Payload::new(lead, Tail::Private { bytes, count }) }
            }
        }
    }

    /// Takes the metadata off, with which the payload begins.
    #[cold]
    pub(crate) fn without_metadata(mut self) -> Result<Self, Violation> {
        let mut bytes = [0; METADATA_BYTES];
        self.payload.copy_to(&mut bytes);
        let metadata = Metadata::parse(&bytes)?;
        // What is not in the descriptor is in memory of our own, since only fragments are sent so.
        let beyond = METADATA_BYTES.saturating_sub(self.payload.lead.len());
        if let Tail::Private { bytes, .. } = &mut self.payload.tail {
            bytes.drain(..beyond.min(bytes.len()));
        }
        self.payload.lead = Inline::default();
        #[cfg(feature = "tracing")]
        {
            self.payload.metadata = Some(metadata);
        }
        #[cfg(not(feature = "tracing"))]
        let _ = metadata;
        Ok(self)
    }

    /// What the message says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether the payload has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How the payload travelled.
    pub fn route(&self) -> Route {
        match &self.payload.tail {
            Tail::None => Route::Inline,
            Tail::Slot(held) => {
                let classes = held.shared.peer.layout().geometry.classes;
                let class = classes.get(usize::from(held.slot.id.class()));
                Route::Slot { class_bytes: class.map_or(0, |class| class.bytes) }
            }
            Tail::Private { count, .. } => Route::Fragments { count: *count },
        }
    }

    #[inline]
    pub(crate) fn into_parts(self) -> (Head, Payload) {
        (self.head, self.payload)
    }

    /// The payload, still where it arrived. Dropping it gives its slot back to the sender.
    pub fn into_inbound_payload(self) -> Payload {
        self.payload
    }
}

/// The bytes of a message that arrived. If they are in a slot, dropping this frees it; as long as it is kept, the
/// sender has one slot less.
///
/// The sender can still write a slot, so its bytes are copied out before they are looked at; each is read once.
/// [`borrow`](Self::borrow) avoids the copy where the peer is vouched for.
#[derive(Debug)]
pub struct Payload {
    /// The bytes that came in the descriptor; they precede the others.
    lead: Inline,
    tail: Tail,
    /// What preceded them.
    #[cfg(feature = "tracing")]
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Debug)]
enum Tail {
    None,
    Slot(HeldSlot),
    /// Put together from fragments, or copied out before.
    Private {
        bytes: Vec<u8>,
        count: u32,
    },
}

/// A slot of the peer's half that has not been released.
struct HeldSlot {
    shared: Arc<Shared>,
    slot: InSlot,
}

impl HeldSlot {
    fn bytes(&self) -> PeerBytes<'_> {
        PeerBytes::new(&self.shared.peer, &self.slot)
    }
}

impl Payload {
    #[inline(always)]
    pub(crate) fn inline(lead: Inline) -> Self {
        Self::new(lead, Tail::None)
    }

    #[inline(always)]
    fn new(lead: Inline, tail: Tail) -> Self {
        Self {
            lead,
            tail,
            #[cfg(feature = "tracing")]
            metadata: None,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.lead().len().saturating_add(self.tail_len())
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that came in the descriptor: private memory.
    #[inline]
    pub(crate) fn lead(&self) -> &[u8] {
        self.lead.as_slice()
    }

    /// The bytes that came in the descriptor, as words.
    #[inline]
    pub(crate) fn lead_inline(&self) -> &Inline {
        &self.lead
    }

    /// Whether all bytes came in the descriptor.
    #[inline]
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.tail, Tail::None)
    }

    /// The payload, of which an empty one stays.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::inline(Inline::default()))
    }

    /// Bytes of this process's own memory that it holds.
    pub(crate) fn private_len(&self) -> usize {
        match &self.tail {
            Tail::Private { bytes, .. } => bytes.len(),
            Tail::None | Tail::Slot(_) => 0,
        }
    }

    /// How many bytes follow the lead.
    #[inline]
    pub(crate) fn tail_len(&self) -> usize {
        match &self.tail {
            Tail::None => 0,
            Tail::Slot(held) => held.slot.len as usize,
            Tail::Private { bytes, .. } => bytes.len(),
        }
    }

    /// Appends `len` bytes of the tail, from its byte `from` on, to `out`; fewer where the tail ends.
    pub(crate) fn append_tail(&self, from: usize, len: usize, out: &mut Vec<u8>) {
        match &self.tail {
            Tail::Slot(held) if !held.shared.is_forked() => held.bytes().append_range(from, len, out),
            Tail::Private { bytes, .. } => {
                let rest = bytes.get(from..).unwrap_or(&[]);
                out.extend_from_slice(rest.get(..len).unwrap_or(rest));
            }
            Tail::None | Tail::Slot(_) => {}
        }
    }

    /// The memory of the tail, if it is private.
    pub(crate) fn take_tail(&mut self) -> Option<Vec<u8>> {
        match &mut self.tail {
            Tail::Private { bytes, .. } => Some(std::mem::take(bytes)),
            Tail::None | Tail::Slot(_) => None,
        }
    }

    /// The same payload without the slot that it held.
    pub(crate) fn into_private(self) -> Self {
        let Tail::Slot(_) = &self.tail else { return self };
        let mut bytes = Vec::with_capacity(self.tail_len());
        self.append_tail(0, self.tail_len(), &mut bytes);
        Self { tail: Tail::Private { bytes, count: 1 }, ..self }
    }

    /// The bytes, copied out once at most, and the slot freed.
    pub fn into_vec(mut self) -> Vec<u8> {
        if self.lead().is_empty() {
            if let Some(bytes) = self.take_tail() {
                return bytes;
            }
        }
        let mut bytes = Vec::with_capacity(self.len());
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends the bytes to `out`. In a fork of the process that received them there are none.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        if !self.is_forked() {
            out.reserve(self.len());
            out.extend_from_slice(self.lead());
            self.append_tail(0, self.tail_len(), out);
        }
    }

    /// Copies the bytes to the start of `out`, as many as both have, and returns how many. In a fork of the process
    /// that received them there are none.
    pub fn copy_to(&self, out: &mut [u8]) -> usize {
        let copy = |bytes: &[u8], out: &mut [u8]| {
            let len = bytes.len().min(out.len());
            if let (Some(place), Some(bytes)) = (out.get_mut(..len), bytes.get(..len)) {
                place.copy_from_slice(bytes);
            }
            len
        };
        if self.is_forked() {
            return 0;
        }
        let first = copy(self.lead(), out);
        let rest = out.get_mut(first..).unwrap_or(&mut []);
        first.saturating_add(match &self.tail {
            Tail::None => 0,
            Tail::Slot(held) => held.bytes().copy_to(rest),
            Tail::Private { bytes, .. } => copy(bytes, rest),
        })
    }

    /// The bytes where they lie, without a copy. `None` when they are not in one piece, or in a fork of the process that
    /// received them.
    ///
    /// `trust` says that the sender does not write them before this payload is dropped.
    pub fn borrow(&self, trust: &Trust) -> Option<&[u8]> {
        match &self.tail {
            Tail::None => Some(self.lead()),
            Tail::Private { bytes, .. } if self.lead().is_empty() => Some(bytes),
            Tail::Slot(_) if self.lead().is_empty() => self.borrow_slot(trust),
            Tail::Private { .. } | Tail::Slot(_) => None,
        }
    }

    /// The tail where it lies, if that is a slot, and this is no fork.
    pub(crate) fn borrow_slot(&self, trust: &Trust) -> Option<&[u8]> {
        match &self.tail {
            Tail::Slot(held) if !held.shared.is_forked() => Some(held.bytes().borrow(trust)),
            Tail::None | Tail::Slot(_) | Tail::Private { .. } => None,
        }
    }

    fn is_forked(&self) -> bool {
        matches!(&self.tail, Tail::Slot(held) if held.shared.is_forked())
    }
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        if !self.shared.is_forked() {
            release_slot(&self.shared.own, &self.slot);
            self.shared.announce_room();
        }
    }
}

impl fmt::Debug for HeldSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldSlot").field("slot", &self.slot).finish_non_exhaustive()
    }
}
