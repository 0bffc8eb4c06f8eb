//! The shared memory of a session: two halves, each written by its owner alone.
//!
//! ```text
//! half X (written by X only; each group of words on a line of its own)
//!   Header    what it is                   Heartbeat counts X's steps
//!   Consumed  last message of Y→X taken    Freed     how often X gave something back
//!   Wants     what X sleeps for            Signs     stopped, urgent
//!   Bell      how often X rang; state
//!   Sent      X's counts as it sends       Noted     X's counts as it receives and waits
//!   Released  per slot of Y: the generation X has finished with
//!   Ring X→Y  descriptors                  Slots     X's outgoing payloads
//! ```
//!
//! Each half is a memory file that its owner sealed after mapping it, so that nobody else can ever write it, shrink it
//! or punch holes into it: that is the kernel's guarantee, not a convention ([`memory`]). How the bytes become words is
//! in [`view`].

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) mod memory;
pub(crate) mod view;

pub(crate) use view::{Half, View};

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, transmute};

use crate::doorbell::Wants;
use crate::error::SegmentError;
use crate::layout::geometry::{Geometry, LINE, SlotClass, layout_hash, offset};

/// "rapace" and two bytes that no text has.
pub(crate) const MAGIC: u64 = u64::from_be_bytes(*b"\xf0rapace\x01");

/// Version of everything two peers must agree on.
pub(crate) const PROTOCOL: u32 = 1;

/// The words at the start of a half. Never read as anything but single words.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Words {
    /// What the half is; written before it is handed over.
    pub(crate) identity: Line<[AtomicU64; IDENTITY_WORDS]>,
    /// Counts the owner's steps.
    pub(crate) heartbeat: Line<AtomicU64>,
    /// Number of the last message of the other side taken out.
    pub(crate) consumed: Line<AtomicU64>,
    /// How many times the owner gave something back: room reported, a slot released.
    pub(crate) freed: Line<AtomicU64>,
    pub(crate) wants: Line<Wants>,
    pub(crate) signs: Line<Signs>,
    pub(crate) bell: Line<Bells>,
    pub(crate) sent: Line<Sent>,
    pub(crate) noted: Line<Noted>,
}

/// A group of words on a line of its own, with the rest of the line.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Line<T>(pub(crate) T);

impl<T> std::ops::Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What the peer looks at with each message, and what rarely changes: apart from the wishes, whose line would have to come for it
/// each time that a thread waited.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Signs {
    /// Not zero once the owner receives nothing more.
    pub(crate) stopped: AtomicU64,
    /// How many messages the owner has published that matter to what came before them and is not begun yet: cancels, and
    /// requests whose time runs behind such whose time does not. Who knows of them all may begin what comes first without
    /// a look at what follows. A count that is not true harms only the owner's calls.
    pub(crate) urgent: AtomicU64,
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct Bells {
    /// How often the owner rang sleeping threads of the peer: the futex they sleep on.
    pub(crate) futex: AtomicU32,
    _pad: AtomicU32,
    /// Zero, then [`CLOSED`] once nothing more will be published.
    pub(crate) state: AtomicU64,
}

/// What the owner counts where it sends; moved by one thread at a time. For display only: nobody acts on it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Sent {
    pub(crate) calls_begun: AtomicU64,
    pub(crate) calls_answered: AtomicU64,
    /// Messages in a slot, and all their payload bytes.
    pub(crate) slots: AtomicU64,
    pub(crate) slot_bytes: AtomicU64,
}

/// What the owner counts where it receives, and where it waits. For display only, as above.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Noted {
    /// Payload bytes of the messages that came in slots; moved by one thread at a time, the others by any.
    pub(crate) slot_bytes: AtomicU64,
    pub(crate) sleeps: AtomicU64,
    pub(crate) bells: AtomicU64,
    pub(crate) spins: AtomicU64,
    pub(crate) spins_found: AtomicU64,
    pub(crate) violations: AtomicU64,
}

/// Moves a count of our own that one thread at a time moves, without a locked instruction.
#[inline(always)]
pub(crate) fn count(word: &AtomicU64, more: u64) {
    // Relaxed: a number to be looked at.
    word.store(word.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// The owner has published all it will.
pub(crate) const CLOSED: u64 = 1;

const _: () = {
    assert!(size_of::<Words>() == offset::RELEASED);
    assert!(std::mem::offset_of!(Words, identity) == offset::HEADER);
    assert!(std::mem::offset_of!(Words, heartbeat) == offset::HEARTBEAT);
    assert!(std::mem::offset_of!(Words, consumed) == offset::CONSUMED);
    assert!(std::mem::offset_of!(Words, freed) == offset::FREED);
    assert!(std::mem::offset_of!(Words, wants) == offset::WANTS);
    assert!(std::mem::offset_of!(Words, signs) == offset::SIGNS);
    assert!(std::mem::offset_of!(Words, bell) == offset::BELL);
    assert!(std::mem::offset_of!(Words, sent) == offset::SENT);
    assert!(std::mem::offset_of!(Words, noted) == offset::NOTED);
    assert!(size_of::<Identity>() == IDENTITY_WORDS * 8 && IDENTITY_WORDS * 8 <= LINE);
};

const IDENTITY_WORDS: usize = 9;
/// Bytes that a half says of itself.
pub(crate) const IDENTITY_BYTES: usize = IDENTITY_WORDS * 8;

/// Whose half it is.
pub(crate) const PEER_A: u32 = 0;
/// Whose half it is.
pub(crate) const PEER_B: u32 = 1;

/// What a half says of itself: read once, as words, into private memory, and compared there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct Identity {
    magic: u64,
    layout_hash: u64,
    session: [u8; 16],
    protocol: u32,
    /// [`PEER_A`] or [`PEER_B`].
    role: u32,
    ring_entries: u32,
    classes: [[u32; 2]; crate::layout::geometry::SLOT_CLASSES],
    reserved: u32,
}

impl Identity {
    pub(crate) fn new(session: [u8; 16], role: u32, geometry: &Geometry) -> Self {
        Self {
            magic: MAGIC,
            layout_hash: layout_hash(),
            session,
            protocol: PROTOCOL,
            role,
            ring_entries: geometry.ring_entries,
            classes: geometry.classes.map(|class| [class.bytes, class.count]),
            reserved: 0,
        }
    }

    /// Writes it into a half of our own, before that is handed over.
    pub(crate) fn write(self, half: &Half) {
        let words: [u64; IDENTITY_WORDS] = transmute!(self);
        for (place, word) in half.words().identity.iter().zip(words) {
            // Relaxed: the handshake's messages order it before anything the peer does.
            place.store(word, Ordering::Relaxed);
        }
    }

    /// What the first bytes of a file say, if they can be a half's of this version.
    pub(crate) fn parse(bytes: [u8; IDENTITY_BYTES]) -> Result<Self, SegmentError> {
        let found: Self = transmute!(bytes);
        same("magic", MAGIC, found.magic)?;
        same("protocol version", PROTOCOL.into(), found.protocol.into())?;
        same("layout hash", layout_hash(), found.layout_hash)?;
        same("role", found.role.min(PEER_B).into(), found.role.into())?;
        Ok(found)
    }

    pub(crate) fn session(&self) -> [u8; 16] {
        self.session
    }

    pub(crate) fn role(&self) -> u32 {
        self.role
    }

    /// The shape that it claims, which may be impossible.
    pub(crate) fn geometry(&self) -> Geometry {
        let classes = self.classes.map(|[bytes, count]| SlotClass { bytes, count });
        Geometry { ring_entries: self.ring_entries, classes }
    }

    /// Compares it with what a peer's half says; the first difference is the error.
    pub(crate) fn check(self, half: &Half) -> Result<(), SegmentError> {
        let mut words = [0; IDENTITY_WORDS];
        for (word, place) in words.iter_mut().zip(half.words().identity.iter()) {
            *word = place.load(Ordering::Relaxed);
        }
        let found: Self = transmute!(words);
        same("magic", self.magic, found.magic)?;
        same("protocol version", self.protocol.into(), found.protocol.into())?;
        same("layout hash", self.layout_hash, found.layout_hash)?;
        same("role", self.role.into(), found.role.into())?;
        same("ring_entries", self.ring_entries.into(), found.ring_entries.into())?;
        for (expected, found) in self.classes.as_flattened().iter().zip(found.classes.as_flattened()) {
            same("slot class", (*expected).into(), (*found).into())?;
        }
        same("session id", u128::from_ne_bytes(self.session) as u64, u128::from_ne_bytes(found.session) as u64)?;
        same(
            "session id",
            (u128::from_ne_bytes(self.session) >> 64) as u64,
            (u128::from_ne_bytes(found.session) >> 64) as u64,
        )?;
        same("reserved field", self.reserved.into(), found.reserved.into())
    }
}

fn same(field: &'static str, expected: u64, found: u64) -> Result<(), SegmentError> {
    if expected == found { Ok(()) } else { Err(SegmentError::Header { field, expected, found }) }
}
