//! A peer in this same process that keeps the rules or breaks them: it has a half of its own, mapped writable, and the other
//! side's read-only, as two processes have them. There was no handshake; that is a target of its own.

use std::cell::OnceCell;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::net::{SendFlags, send};

use super::input::Input;
use crate::lane::{self, Body, RecvLane, Step, release_slot};
use crate::layout::INLINE_MAX;
use crate::layout::descriptor::{Descriptor, WORDS, flag};
use crate::layout::geometry::{SLOT_CLASSES, STRIDE, SlotClass, SlotId, offset};
use crate::layout::head::Head;
use crate::layout::inline::Inline;
use crate::os::{Credentials, ForkGuard};
use crate::segment::memory::{self, Owned};
use crate::segment::{Half, count};
use crate::session::shared::{Opened, Terms};
use crate::session::{Config, Role, Session, Spin};
use crate::slots::bytes::PeerBytes;

thread_local! {
    static FORK: OnceCell<ForkGuard> = const { OnceCell::new() };
}

/// A small session, in which everything runs out soon: 8 messages, 4 slots each of 64, 192 and 1,024 bytes.
pub(crate) fn small() -> Config {
    let mut config = Config { spin: Spin::Never, ..Config::default() };
    config.geometry.ring_entries = 8;
    config.geometry.classes = [64, 192, 1_024].map(|bytes| SlotClass { bytes, count: 4 });
    let limits = &mut config.limits;
    limits.payload_max = 6_000;
    limits.fragmented_calls = 2;
    limits.in_flight = 5;
    limits.oneway_max = 3;
    limits.stream_bytes = 1 << 10;
    limits.queued_bytes = 8_000;
    limits.parked_bytes = 4_000;
    limits.error_text_bytes = 40;
    limits.decode_depth = 8;
    limits.decode_elements = 4 << 10;
    limits.decode_bytes = 64 << 10;
    config
}

/// A session of role `R`, and the peer in it. `catalogue` is what the peer says that it serves.
pub(crate) fn meet<R: Role>(config: &Config, catalogue: &[u8]) -> (Session<R>, Liar) {
    let fork = FORK.with(|fork| fork.get_or_init(|| ForkGuard::new().unwrap()).clone());
    let layout = config.geometry.layout().unwrap();
    let [ours, liars] = [(); 2].map(|()| {
        let owned = memory::create(&layout, &fork).unwrap();
        lane::initialise(&owned.half);
        owned
    });
    let [seen_by_us, seen_by_liar] = [&liars, &ours].map(|owned| memory::accept(&owned.file, &layout, &fork).unwrap());
    let (socket, liars_socket) = UnixStream::pair().unwrap();
    let Owned { half: own, area, file } = ours;
    let terms = Terms {
        never_sleeps: false,
        payload_max: 6_000,
        fragmented_calls: 2,
        in_flight: 5,
        oneway_max: 3,
        stream_bytes: 1 << 10,
    };
    let opened = Opened {
        own,
        peer: seen_by_us,
        memory: file,
        fork,
        socket: socket.into(),
        pidfd: None,
        credentials: Credentials { pid: 0, uid: 0, gid: 0 },
        speaker: 0,
        terms,
        catalogue: catalogue.to_vec(),
        tug: None,
    };
    let recv = RecvLane::new(&liars.half, &seen_by_liar, &config.limits);
    let generations = vec![0; layout.slots_total as usize];
    let (half, theirs) = (liars.half, seen_by_liar);
    let liar = Liar { half, theirs, recv, socket: liars_socket, published: 0, generations, has_lied: false };
    (Session::start(opened, area, config), liar)
}

/// See above.
pub(crate) struct Liar {
    half: Arc<Half>,
    theirs: Arc<Half>,
    recv: RecvLane,
    socket: UnixStream,
    published: u64,
    /// Of each slot, the use that it is in, or was.
    generations: Vec<u32>,
    /// A rule is broken, or may be: whatever the other side does now is right, if it is bounded.
    pub(crate) has_lied: bool,
}

impl Liar {
    /// Sends a message as an honest side would, if there is room: `lead` bytes in the descriptor, or all that fit there.
    pub(crate) fn say(&mut self, head: &Head, payload: &[u8], lead: usize) -> bool {
        if !self.has_room() {
            return false;
        }
        let descriptor = Descriptor { len: payload.len() as u32, ..head.descriptor() };
        if payload.len() <= INLINE_MAX {
            let (inline, inline_len) = (Inline::of(payload).words, payload.len() as u8);
            self.publish(Descriptor { inline, inline_len, ..descriptor });
            return true;
        }
        let (lead, tail) = payload.split_at(lead.min(INLINE_MAX));
        let Some((id, generation)) = self.fill_slot(tail) else { return false };
        let (flags, slot) = (flag::SLOT, id.0);
        let (inline, inline_len) = (Inline::of(lead).words, lead.len() as u8);
        self.publish(Descriptor { flags, slot, generation, inline, inline_len, ..descriptor });
        true
    }

    /// Sends a part of a message in fragments: `sent` bytes of it were sent before, `len` are in this one.
    pub(crate) fn say_part(&mut self, head: &Head, payload: &[u8], sent: usize, len: usize) -> bool {
        if !self.has_room() {
            return false;
        }
        let Some((id, generation)) = self.fill_slot(&payload[sent..sent + len]) else { return false };
        let mut flags = flag::SLOT | if sent == 0 { flag::FIRST } else { flag::NEXT };
        if sent + len < payload.len() {
            flags |= flag::MORE;
        }
        let inline = if sent == 0 { [payload.len() as u64, 0, 0] } else { [0; 3] };
        self.publish(Descriptor { len: len as u32, flags, slot: id.0, generation, inline, ..head.descriptor() });
        true
    }

    pub(crate) fn has_room(&self) -> bool {
        let consumed = self.theirs.words().consumed.load(Ordering::Acquire);
        self.published.wrapping_sub(consumed) < self.half.entries().len() as u64
    }

    /// A slot that is free and large enough, with these bytes in it, and the number of this use of it.
    fn fill_slot(&mut self, bytes: &[u8]) -> Option<(SlotId, u32)> {
        let classes = self.half.layout().geometry.classes;
        let ids = (0..).zip(classes).flat_map(|(class, shape)| (0..shape.count).map(move |n| SlotId::new(class, n)));
        for id in ids {
            let place = self.half.layout().slot(id).unwrap();
            let released = self.theirs.released()[place.number as usize].load(Ordering::Acquire);
            let generation = &mut self.generations[place.number as usize];
            if place.bytes >= bytes.len() && released as u32 == *generation {
                *generation = generation.wrapping_add(1);
                let generation = *generation;
                self.write(place.offset, bytes);
                return Some((id, generation));
            }
        }
        None
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        for (offset, chunk) in (at..).step_by(8).zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.set(offset, u64::from_ne_bytes(word));
        }
    }

    fn set(&self, offset: usize, value: u64) {
        self.half.word(offset).unwrap().store(value, Ordering::Release);
    }

    /// Publishes under the next number, whether or not there is room.
    pub(crate) fn publish(&mut self, descriptor: Descriptor) {
        self.published = self.published.wrapping_add(1);
        let words = Descriptor { seq: self.published as u32, ..descriptor }.into_words();
        let entry = self.entry(self.published);
        for (place, word) in (0..WORDS).zip(words).rev() {
            self.set(entry + 8 * place, word);
        }
    }

    fn entry(&self, n: u64) -> usize {
        let layout = self.half.layout();
        layout.ring
            + size_of::<Descriptor>()
                * ((n as usize).wrapping_mul(STRIDE) & (layout.geometry.ring_entries as usize - 1))
    }

    /// The next message of the other side, which keeps the rules as long as it is not lied to.
    pub(crate) fn hear(&mut self) -> Option<(Head, Vec<u8>)> {
        loop {
            let understood = match self.recv.pop() {
                Ok(None) => return None,
                Ok(Some(descriptor)) => self.recv.understand(&descriptor),
                Err(violation) => Err(violation.into()),
            };
            let (head, body) = match understood {
                Ok(Step::Message(head, body) | Step::WithMetadata(head, body)) => (head, body),
                Ok(Step::Part { .. }) => {
                    self.give_back();
                    continue;
                }
                Err(lost) => {
                    assert!(self.has_lied, "the honest side broke a rule: {lost}");
                    return None;
                }
            };
            let mut bytes = Vec::new();
            match body {
                Body::Inline(lead) => bytes.extend_from_slice(lead.as_slice()),
                Body::Slot(lead, slot) => {
                    bytes.extend_from_slice(lead.as_slice());
                    PeerBytes::new(&self.theirs, &slot).append_to(&mut bytes);
                    release_slot(&self.half, &slot);
                }
                Body::Fragments { lead, bytes: rest, .. } => {
                    bytes.extend_from_slice(lead.as_slice());
                    bytes.extend(rest);
                }
            }
            self.give_back();
            return Some((head, bytes));
        }
    }

    fn give_back(&self) {
        count(&self.half.words().freed, 1);
    }

    /// A message of any bytes, which may come close to being right.
    pub(crate) fn lie_in_a_message(&mut self, input: &mut Input<'_>, near: Descriptor) {
        self.has_lied = true;
        let mut words = near.into_words();
        for _ in 0..input.below(4) {
            let (place, value) = (input.below(WORDS), input.u64());
            words[place] = if input.bool() { value } else { words[place] ^ (1 << (value & 63)) };
        }
        let descriptor = Descriptor::from_words(words);
        if input.u8() % 8 == 0 {
            // Under another number than the next one.
            self.published = self.published.wrapping_add(input.one_of(&[1, u64::MAX, 8, u64::MAX - 7]));
        }
        self.publish(descriptor);
    }

    /// A word of the half: most often one that means something.
    pub(crate) fn lie_in_a_word(&mut self, input: &mut Input<'_>) {
        self.has_lied = true;
        let layout = *self.half.layout();
        let at = match input.below(8) {
            0 => offset::CONSUMED,
            1 => offset::FREED,
            2 => [offset::WANTS, offset::SIGNS][input.below(2)] + 8 * input.below(8),
            3 => offset::BELL + 8 * input.below(2),
            4 => layout.released + 8 * (usize::from(input.u8()) % layout.slots_total as usize),
            5 => layout.ring + 8 * (usize::from(input.u8()) % (8 * layout.geometry.ring_entries as usize)),
            6 => 8 * (usize::from(input.u8()) % (offset::RELEASED / 8)),
            _ => 8 * (usize::from(input.u16()) % (layout.bytes / 8)),
        };
        let now = self.half.word(at).unwrap().load(Ordering::Relaxed);
        let small = u64::from(input.u8());
        self.set(
            at,
            match input.below(6) {
                0 => now.wrapping_add(1),
                1 => now.wrapping_sub(1),
                2 => small,
                3 => now.wrapping_add(small << 32),
                4 => self.published.wrapping_add(small).wrapping_sub(8),
                _ => input.u64(),
            },
        );
    }

    /// Garbage into a slot, whoever reads it now.
    pub(crate) fn scribble(&mut self, input: &mut Input<'_>) {
        self.has_lied = true;
        let id = SlotId::new(input.below(SLOT_CLASSES) as u8, input.below(4) as u32);
        let place = self.half.layout().slot(id).unwrap();
        for offset in (place.offset..place.offset + place.bytes).step_by(8) {
            self.set(offset, u64::from_ne_bytes([input.u8(); 8]));
        }
    }

    /// Bells that nobody asked for.
    pub(crate) fn ring(&mut self) {
        self.has_lied = true;
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let _ = send(&self.socket, &[1; 3], flags);
    }

    /// As if its process had ended.
    pub(crate) fn hang_up(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }

    /// Whether the other side took out all that it said.
    pub(crate) fn is_all_taken(&self) -> bool {
        self.theirs.words().consumed.load(Ordering::Acquire) == self.published
    }

    /// Whether every slot that it sent was given back.
    pub(crate) fn has_all_slots(&self) -> bool {
        let released = self.theirs.released().iter().map(|word| word.load(Ordering::Acquire) as u32);
        released.eq(self.generations.iter().copied())
    }
}
