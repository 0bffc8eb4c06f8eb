//! What a descriptor says once it parsed: private fields, made by [`Arrival::parse`] or by a sender, never by bytes.

use std::time::Duration;

use super::INLINE_MAX;
use super::descriptor::{Descriptor, TOTAL_BYTES, WORDS, flag};
use super::geometry::{Layout, SlotId};
use super::inline::Inline;
use super::metadata::METADATA_BYTES;
use crate::error::Violation;

/// What a message is. The session moves all kinds alike; the calls above it give them their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// Asks for a terminal message.
    Request = 1,
    /// Asks for nothing; what [`Head::message`] makes.
    OneWay = 2,
    /// Ends a call: reply, error or cancelled, told apart by the status.
    Terminal = 3,
    /// One item of a stream of a call.
    Item = 4,
    /// The end of a stream of a call. No payload.
    End = 5,
    /// Gives the other side room in a stream of a call. The payload is 8 bytes: the amount.
    Credit = 6,
    /// Asks that a call be cancelled. No payload.
    Cancel = 7,
    /// Says which message is the last to be handled. The payload is 8 bytes: its number.
    Goodbye = 8,
}

impl Kind {
    #[inline(always)]
    fn parse(byte: u8) -> Result<Self, Violation> {
        Ok(match byte {
            1 => Self::Request,
            2 => Self::OneWay,
            3 => Self::Terminal,
            4 => Self::Item,
            5 => Self::End,
            6 => Self::Credit,
            7 => Self::Cancel,
            8 => Self::Goodbye,
            _ => return Err(Violation::Kind { kind: byte }),
        })
    }

    /// The only payload length that this kind may have, if there is only one.
    #[inline]
    pub(crate) fn fixed_len(self) -> Option<usize> {
        match self {
            Self::Request | Self::OneWay | Self::Terminal | Self::Item => None,
            Self::End | Self::Cancel => Some(0),
            Self::Credit | Self::Goodbye => Some(TOTAL_BYTES),
        }
    }

    /// Whether it begins work at the receiver. Such messages leave a quarter of each slot class to the others, so
    /// that answers can always be sent.
    #[inline]
    pub(crate) fn begins_work(self) -> bool {
        matches!(self, Self::Request | Self::OneWay)
    }
}

/// What a message says of itself beside its payload.
///
/// ```
/// use rapace::{Head, Kind};
///
/// let head = Head::request(7, 42);
/// assert_eq!((head.kind(), head.call(), head.method()), (Kind::Request, 7, 42));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    kind: Kind,
    status: u16,
    call: u32,
    method: u32,
    parent: u32,
    timeout_us: u32,
    /// Of what is to be sent: its payload begins with metadata.
    #[cfg(feature = "tracing")]
    has_metadata: bool,
}

impl Head {
    const fn new(kind: Kind, call: u32, method: u32) -> Self {
        Self {
            kind,
            status: 0,
            call,
            method,
            parent: 0,
            timeout_us: 0,
            #[cfg(feature = "tracing")]
            has_metadata: false,
        }
    }

    /// The same head, of a request whose payload begins with metadata.
    #[cfg(feature = "tracing")]
    pub(crate) fn with_metadata(self, has_metadata: bool) -> Self {
        Self { has_metadata, ..self }
    }

    /// The flags that the head itself brings.
    #[inline(always)]
    fn flags(&self) -> u8 {
        #[cfg(feature = "tracing")]
        if self.has_metadata {
            return flag::METADATA;
        }
        0
    }

    /// A message that stands for itself; `method` is a number of the user's choice that travels with it.
    pub const fn message(method: u32) -> Self {
        Self::new(Kind::OneWay, 0, method)
    }

    /// A request of `method`, to be ended by a terminal with the same `call`.
    pub const fn request(call: u32, method: u32) -> Self {
        Self::new(Kind::Request, call, method)
    }

    /// Ends `call`; zero is success, other numbers are the user's.
    pub const fn terminal(call: u32, status: u16) -> Self {
        Self { status, ..Self::new(Kind::Terminal, call, 0) }
    }

    /// An item of `stream` of `call`.
    pub const fn item(call: u32, stream: u32) -> Self {
        Self::new(Kind::Item, call, stream)
    }

    /// The end of `stream` of `call`; sent without payload.
    pub const fn end(call: u32, stream: u32) -> Self {
        Self::new(Kind::End, call, stream)
    }

    /// Room in `stream` of `call`; sent with 8 bytes, the amount.
    pub const fn credit(call: u32, stream: u32) -> Self {
        Self::new(Kind::Credit, call, stream)
    }

    /// Asks that `call` be cancelled; sent without payload.
    pub const fn cancel(call: u32) -> Self {
        Self::new(Kind::Cancel, call, 0)
    }

    /// Says which message will be the last to be handled; sent with 8 bytes, its number.
    pub const fn goodbye() -> Self {
        Self::new(Kind::Goodbye, 0, 0)
    }

    /// The same head with a remaining time, in whole microseconds, rounded up. Only requests and one-ways carry it,
    /// on others it is dropped. More than 71 minutes is no deadline on the wire.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        let us = timeout.as_nanos().div_ceil(1_000).max(1);
        if self.kind.begins_work() {
            self.timeout_us = u32::try_from(us).unwrap_or(0);
        }
        self
    }

    /// Of a new request or one-way: the same with a remaining time as it is on the wire; zero is none.
    #[inline]
    pub(crate) const fn with_timeout_us(self, timeout_us: u32) -> Self {
        Self { timeout_us, ..self }
    }

    /// The remaining time as it is on the wire.
    #[inline]
    pub(crate) const fn timeout_us(&self) -> u32 {
        self.timeout_us
    }

    /// The same request made in the handler of the receiver's call `parent`. On other kinds it is dropped.
    #[must_use]
    pub const fn with_parent(mut self, parent: u32) -> Self {
        if matches!(self.kind, Kind::Request) {
            self.parent = parent;
        }
        self
    }

    /// What the message is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Of a terminal: how the call ended. Else zero.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The call it belongs to; zero for none.
    pub const fn call(&self) -> u32 {
        self.call
    }

    /// Of a request or one-way the method, of an item, end or credit the stream. Else zero.
    pub const fn method(&self) -> u32 {
        self.method
    }

    /// Of a request: the receiver's call in whose handler it was made, else zero.
    pub const fn parent(&self) -> u32 {
        self.parent
    }

    /// The time that was left when it was sent, if it has a deadline.
    pub fn timeout(&self) -> Option<Duration> {
        (self.timeout_us != 0).then(|| Duration::from_micros(self.timeout_us.into()))
    }

    /// Some kinds have a payload of one length only.
    #[inline(always)]
    fn check_len(&self, len: usize) -> Result<(), Violation> {
        match self.kind.fixed_len() {
            Some(allowed) if allowed != len => Err(Violation::Length { kind: self.kind, len, allowed }),
            _ => Ok(()),
        }
    }

    /// The descriptor of this head, without payload and number.
    #[inline(always)]
    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor {
            kind: self.kind as u8,
            flags: self.flags(),
            status: self.status,
            call: self.call,
            method: self.method,
            parent: self.parent,
            timeout_us: self.timeout_us,
            ..Descriptor::default()
        }
    }

    /// Which fields may differ from zero depends on the kind.
    #[inline(always)]
    fn parse(descriptor: &Descriptor) -> Result<Self, Violation> {
        let kind = Kind::parse(descriptor.kind)?;
        // One test for all, on the words as they came; which field it was is found out afterwards.
        let [a, b, c, d] = about_head(descriptor.into_words());
        let [in_a, in_b, in_c, in_d] = UNUSED.get(kind as usize).copied().unwrap_or_default();
        let strays = (a & in_a) | (b & in_b) | (c & in_c) | (d & in_d);
        if strays != 0 {
            return Err(stray(kind, descriptor));
        }
        let Descriptor { status, call, method, parent, timeout_us, .. } = *descriptor;
        Ok(Self { status, parent, timeout_us, ..Self::new(kind, call, method) })
    }
}

/// Of a descriptor's words those with fields that only some kinds have; the others tell of the payload.
const fn about_head(words: [u64; WORDS]) -> [u64; 4] {
    let [a, b, _, c, d, ..] = words;
    [a, b, c, d]
}

/// Of each kind of message, by its number: the bits of the head that it does not use, and that must be zero.
static UNUSED: [[u64; 4]; 9] = [
    [0; 4],
    unused(Kind::Request),
    unused(Kind::OneWay),
    unused(Kind::Terminal),
    unused(Kind::Item),
    unused(Kind::End),
    unused(Kind::Credit),
    unused(Kind::Cancel),
    unused(Kind::Goodbye),
];

const fn unused(kind: Kind) -> [u64; 4] {
    let begins_work = matches!(kind, Kind::Request | Kind::OneWay);
    let has_method = begins_work || matches!(kind, Kind::Item | Kind::End | Kind::Credit);
    let fields = Descriptor {
        seq: 0,
        kind: 0,
        flags: 0,
        status: all_unless(matches!(kind, Kind::Terminal)) as u16,
        call: all_unless(!matches!(kind, Kind::Goodbye)),
        method: all_unless(has_method),
        len: 0,
        slot: 0,
        generation: 0,
        parent: all_unless(matches!(kind, Kind::Request)),
        timeout_us: all_unless(begins_work),
        inline_len: 0,
        reserved: [u8::MAX; 3],
        inline: [0; 3],
    };
    about_head(fields.into_words())
}

/// All bits, or none of a field that is used.
const fn all_unless(used: bool) -> u32 {
    if used { 0 } else { u32::MAX }
}

/// The first field that is set though this kind of message does not have it.
#[cold]
fn stray(kind: Kind, found: &Descriptor) -> Violation {
    let [a, b, c] = found.reserved;
    let fields = [
        ("status", u32::from(found.status), kind == Kind::Terminal),
        ("call", found.call, kind != Kind::Goodbye),
        ("method", found.method, kind.begins_work() || matches!(kind, Kind::Item | Kind::End | Kind::Credit)),
        ("parent", found.parent, kind == Kind::Request),
        ("timeout_us", found.timeout_us, kind.begins_work()),
        ("reserved", u32::from_ne_bytes([a, b, c, 0]), false),
    ];
    let stray = fields.into_iter().find(|(_, value, used)| *value != 0 && !used);
    let (field, value, _) = stray.unwrap_or(("reserved", 0, false));
    Violation::Field { kind, field, value }
}

/// Which part of a message a descriptor brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// The first fragment of a message of `total` bytes.
    First {
        total: usize,
    },
    Next,
    Last,
    /// The message begun before will not be finished.
    Abandoned,
}

/// Where the bytes of a part are, beyond those in the descriptor: a slot that the layout has, and as many of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InSlot {
    /// From the start of the half.
    pub(crate) offset: usize,
    /// Bytes of the part that are in the slot; at least one, at most the slot's.
    pub(crate) len: u32,
    pub(crate) id: SlotId,
    /// Through all classes, from 0.
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

/// A descriptor that parsed: every number in it is within its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) head: Head,
    pub(crate) part: Part,
    pub(crate) slot: Option<InSlot>,
    pub(crate) inline: Inline,
    /// The payload begins with metadata, which is in the descriptor or at the beginning of the first fragment.
    pub(crate) has_metadata: bool,
}

impl Arrival {
    /// The shape that nearly all messages have, found out by comparing whole words: a request, a one-way, a terminal or an
    /// item of a stream, that its descriptor carries itself. `None` says nothing, [`parse`](Self::parse) tells.
    #[inline(always)]
    pub(crate) fn parse_short(descriptor: &Descriptor) -> Option<(Head, Inline)> {
        const REQUEST: u64 = Kind::Request as u64;
        const ONE_WAY: u64 = Kind::OneWay as u64;
        const TERMINAL: u64 = Kind::Terminal as u64;
        const ITEM: u64 = Kind::Item as u64;
        if cfg!(target_endian = "big") {
            return None;
        }
        let [first, names, place, origin, rest, ..] = descriptor.into_words();
        // No slot and few bytes; no generation; as many bytes as are inline, and nothing in `reserved`.
        if place > INLINE_MAX as u64 || origin as u32 != 0 || rest >> 32 != place {
            return None;
        }
        let (call, method, timeout_us) = (names as u32, (names >> 32) as u32, rest as u32);
        let parent = (origin >> 32) as u32;
        let head = match first >> 32 {
            REQUEST => Head { timeout_us, parent, ..Head::request(call, method) },
            _ if parent != 0 => return None,
            ONE_WAY => Head { timeout_us, ..Head::new(Kind::OneWay, call, method) },
            ITEM if timeout_us == 0 => Head::item(call, method),
            ended if ended & 0xffff == TERMINAL && method == 0 && timeout_us == 0 => {
                Head::terminal(call, (ended >> 16) as u16)
            }
            _ => return None,
        };
        Some((head, Inline::new(descriptor.inline, place as usize)))
    }

    /// A request or a one-way of [this shape](Self::parse_short), that no handler made: its head.
    #[inline(always)]
    pub(crate) fn parse_short_request(descriptor: &Descriptor) -> Option<(Head, Inline)> {
        const REQUEST: u64 = Kind::Request as u64;
        const ONE_WAY: u64 = Kind::OneWay as u64;
        let [first, names, place, origin, rest, ..] = descriptor.into_words();
        let kind = match first >> 32 {
            _ if cfg!(target_endian = "big") => return None,
            REQUEST => Kind::Request,
            ONE_WAY => Kind::OneWay,
            _ => return None,
        };
        if place > INLINE_MAX as u64 || origin != 0 || rest >> 32 != place {
            return None;
        }
        let head = Head::new(kind, names as u32, (names >> 32) as u32).with_timeout_us(rest as u32);
        Some((head, Inline::new(descriptor.inline, place as usize)))
    }

    /// A terminal of `call`, of [this shape](Self::parse_short): its status.
    #[inline(always)]
    pub(crate) fn parse_short_terminal(descriptor: &Descriptor, call: u32) -> Option<(u16, Inline)> {
        let [first, names, place, origin, rest, ..] = descriptor.into_words();
        if cfg!(target_endian = "big") {
            return None;
        }
        // No method, no timeout, and nothing in `reserved`.
        if (first >> 32) as u16 != Kind::Terminal as u16 || names != u64::from(call) || origin != 0 {
            return None;
        }
        if place > INLINE_MAX as u64 || rest != place << 32 {
            return None;
        }
        Some(((first >> 48) as u16, Inline::new(descriptor.inline, place as usize)))
    }

    /// An item of this stream of this call, of [this shape](Self::parse_short).
    #[inline(always)]
    pub(crate) fn parse_short_item(descriptor: &Descriptor, call: u32, stream: u32) -> Option<Inline> {
        let [first, names, place, origin, rest, ..] = descriptor.into_words();
        if cfg!(target_endian = "big") {
            return None;
        }
        // No timeout, and nothing in `reserved`.
        if first >> 32 != Kind::Item as u64 || names != u64::from(stream) << 32 | u64::from(call) || origin != 0 {
            return None;
        }
        if place > INLINE_MAX as u64 || rest != place << 32 {
            return None;
        }
        Some(Inline::new(descriptor.inline, place as usize))
    }

    /// Checks every field of a descriptor without flags: a whole message that it carries itself.
    #[inline(always)]
    pub(crate) fn parse_inline(descriptor: &Descriptor) -> Result<(Head, Inline), Violation> {
        let head = Head::parse(descriptor)?;
        let (inline_len, len) = (u32::from(descriptor.inline_len), descriptor.len);
        if inline_len != len || len > INLINE_MAX as u32 {
            return Err(Violation::InlineLength { inline_len: inline_len as usize, len: len as usize });
        }
        if descriptor.slot != 0 || descriptor.generation != 0 {
            return Err(Violation::SlotInInline { slot: descriptor.slot, generation: descriptor.generation });
        }
        head.check_len(len as usize)?;
        Ok((head, Inline::new(descriptor.inline, len as usize)))
    }

    /// Checks every field of a descriptor with the flag SLOT alone: a whole message, of which at least a part is in a slot.
    #[inline(always)]
    pub(crate) fn parse_in_slot(
        descriptor: &Descriptor,
        layout: &Layout,
        payload_max: usize,
    ) -> Result<(Head, Inline, InSlot), Violation> {
        let head = Head::parse(descriptor)?;
        if head.kind.fixed_len().is_some() {
            return Err(Violation::Flags { kind: head.kind, flags: descriptor.flags });
        }
        let inline = Self::inline(descriptor, 0, payload_max)?;
        let slot = Self::slot(descriptor, layout)?;
        Ok((head, inline, slot))
    }

    /// Checks every field of `descriptor` against `layout` and the receiver's `payload_max`.
    pub(crate) fn parse(descriptor: &Descriptor, layout: &Layout, payload_max: usize) -> Result<Self, Violation> {
        if descriptor.flags == 0 {
            let (head, inline) = Self::parse_inline(descriptor)?;
            return Ok(Self { head, part: Part::Whole, slot: None, inline, has_metadata: false });
        }
        if descriptor.flags == flag::SLOT {
            let (head, inline, slot) = Self::parse_in_slot(descriptor, layout, payload_max)?;
            return Ok(Self { head, part: Part::Whole, slot: Some(slot), inline, has_metadata: false });
        }
        if descriptor.flags & flag::METADATA != 0 {
            return Self::parse_with_metadata(descriptor, layout, payload_max);
        }
        let head = Head::parse(descriptor)?;
        if head.kind.fixed_len().is_some() {
            return Err(in_flags(descriptor, &head));
        }
        let (part, inline_from) = match descriptor.flags & !flag::SLOT {
            f if f == flag::FIRST | flag::MORE => {
                (Part::First { total: total_of(descriptor, payload_max)? }, TOTAL_BYTES)
            }
            f if f == flag::NEXT | flag::MORE => (Part::Next, 0),
            flag::NEXT => (Part::Last, 0),
            flag::ABANDONED if descriptor.flags == flag::ABANDONED => (Part::Abandoned, 0),
            _ => return Err(in_flags(descriptor, &head)),
        };
        let inline = Self::inline(descriptor, inline_from, payload_max)?;
        let slot = if descriptor.flags & flag::SLOT == 0 {
            Self::no_slot(descriptor, part)?;
            None
        } else {
            Some(Self::slot(descriptor, layout)?)
        };
        Ok(Self { head, part, slot, inline, has_metadata: false })
    }

    /// Checks every field of a descriptor with the flag METADATA: a message like any other, with room for them.
    fn parse_with_metadata(descriptor: &Descriptor, layout: &Layout, payload_max: usize) -> Result<Self, Violation> {
        let flags = descriptor.flags & !flag::METADATA;
        let arrival = Self::parse(&Descriptor { flags, ..*descriptor }, layout, payload_max);
        let arrival = arrival.map_err(|violation| match violation {
            Violation::Flags { kind, .. } => Violation::Flags { kind, flags: descriptor.flags },
            other => other,
        })?;
        let has_room = match arrival.part {
            Part::Whole => arrival.inline.len() == METADATA_BYTES,
            Part::First { total } => total >= METADATA_BYTES,
            Part::Next | Part::Last | Part::Abandoned => return Err(in_flags(descriptor, &arrival.head)),
        };
        if !arrival.head.kind.begins_work() {
            return Err(in_flags(descriptor, &arrival.head));
        }
        if !has_room {
            return Err(Violation::Metadata { wrong: "is cut off, or not where it is to be" });
        }
        Ok(Self { has_metadata: true, ..arrival })
    }

    /// The inline bytes of a part, which begin at `from`.
    #[inline(always)]
    fn inline(descriptor: &Descriptor, from: usize, payload_max: usize) -> Result<Inline, Violation> {
        let (len, inline_len) = (descriptor.len as usize, usize::from(descriptor.inline_len));
        if len > payload_max {
            return Err(Violation::PayloadMax { len: len as u64, payload_max });
        }
        if inline_len > INLINE_MAX.saturating_sub(from) || inline_len > len {
            return Err(Violation::InlineLength { inline_len, len });
        }
        // They begin the words, or follow the word that is the total of a first fragment.
        let [_, a, b] = descriptor.inline;
        Ok(Inline::new(if from == 0 { descriptor.inline } else { [a, b, 0] }, inline_len))
    }

    /// Only the word that nothing more comes is neither whole nor in a slot.
    fn no_slot(descriptor: &Descriptor, part: Part) -> Result<(), Violation> {
        let (len, inline_len) = (descriptor.len as usize, usize::from(descriptor.inline_len));
        if part != Part::Abandoned {
            return Err(Violation::FragmentWithoutSlot);
        }
        if len != 0 {
            return Err(Violation::InlineLength { inline_len, len });
        }
        if descriptor.slot != 0 || descriptor.generation != 0 {
            return Err(Violation::SlotInInline { slot: descriptor.slot, generation: descriptor.generation });
        }
        Ok(())
    }

    /// The slot of a part, whose inline bytes were checked before.
    #[inline(always)]
    fn slot(descriptor: &Descriptor, layout: &Layout) -> Result<InSlot, Violation> {
        let id = SlotId(descriptor.slot);
        let Some(place) = layout.slot(id) else {
            return Err(Violation::Slot { class: id.class(), index: id.index() });
        };
        let len = descriptor.len.saturating_sub(descriptor.inline_len.into());
        if len == 0 || len as usize > place.bytes {
            return Err(Violation::SlotLength { len: len as usize, slot_bytes: place.bytes });
        }
        Ok(InSlot { offset: place.offset, len, id, number: place.number, generation: descriptor.generation })
    }

    /// Payload bytes that this part brings.
    pub(crate) fn len(&self) -> usize {
        self.inline.len().saturating_add(self.slot.map_or(0, |slot| slot.len as usize))
    }
}

/// Flags that cannot stand together, or not on this kind of message.
fn in_flags(descriptor: &Descriptor, head: &Head) -> Violation {
    Violation::Flags { kind: head.kind, flags: descriptor.flags }
}

/// The announced total of a first fragment: more than the fragment has itself, at most `payload_max`.
fn total_of(descriptor: &Descriptor, payload_max: usize) -> Result<usize, Violation> {
    let [total, ..] = descriptor.inline;
    match usize::try_from(total) {
        Ok(total) if total <= payload_max && total > descriptor.len as usize => Ok(total),
        Ok(total) if total <= payload_max => Err(Violation::FragmentBytes { got: descriptor.len.into(), total }),
        _ => Err(Violation::PayloadMax { len: total, payload_max }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use super::super::geometry::Geometry;
    use super::*;
    use proptest::prelude::*;

    const PAYLOAD_MAX: usize = 1 << 20;

    fn parse(descriptor: &Descriptor) -> Result<Arrival, Violation> {
        Arrival::parse(descriptor, &Geometry::default().layout().unwrap(), PAYLOAD_MAX)
    }

    fn inline() -> Descriptor {
        Descriptor { len: 5, inline_len: 5, ..Head::request(1, 2).descriptor() }
    }

    fn in_slot() -> Descriptor {
        let slot = SlotId::new(1, 3).0;
        Descriptor { len: 4_000, flags: flag::SLOT, slot, generation: 9, ..Head::request(1, 2).descriptor() }
    }

    fn first() -> Descriptor {
        let inline = [100_000, 0, 0];
        let flags = flag::SLOT | flag::FIRST | flag::MORE;
        Descriptor { len: 65_536, flags, slot: SlotId::new(2, 0).0, generation: 1, inline, ..in_slot() }
    }

    #[test]
    fn what_a_sender_makes_parses_to_the_same_head() {
        for head in [
            Head::message(3),
            Head::request(1, 2).with_timeout(Duration::from_millis(5)).with_parent(4),
            Head::terminal(9, 400),
            Head::item(1, 2),
        ] {
            assert_eq!(parse(&head.descriptor()).unwrap().head, head);
        }
        for head in [Head::end(1, 2), Head::cancel(1)] {
            assert_eq!(parse(&head.descriptor()).unwrap().head, head);
        }
        for head in [Head::credit(1, 2), Head::goodbye()] {
            let with_its_number = Descriptor { len: 8, inline_len: 8, ..head.descriptor() };
            assert_eq!(parse(&with_its_number).unwrap().head, head);
        }
        assert_eq!(parse(&in_slot()).unwrap().len(), 4_000);
        assert_eq!(parse(&first()).unwrap().part, Part::First { total: 100_000 });
    }

    #[test]
    fn timeouts_round_up_and_very_long_ones_are_none() {
        let timeout = |d| Head::request(1, 1).with_timeout(d).timeout();
        assert_eq!(timeout(Duration::from_nanos(1)), Some(Duration::from_micros(1)));
        assert_eq!(timeout(Duration::ZERO), Some(Duration::from_micros(1)));
        assert_eq!(timeout(Duration::from_secs(72 * 60)), None);
        assert_eq!(Head::end(1, 1).with_timeout(Duration::from_secs(1)).timeout(), None);
    }

    /// Each wrong field, and the name of the rule that must catch it.
    #[test]
    fn each_wrong_field_is_a_violation_that_names_its_rule() {
        let inline = inline();
        let in_slot = in_slot();
        let first = first();
        let end = Head::end(1, 2).descriptor();
        let cases = [
            (Descriptor { kind: 0, ..inline }, "Kind"),
            (Descriptor { kind: 9, ..inline }, "Kind"),
            (Descriptor { flags: 64, ..inline }, "Flags"),
            (Descriptor { flags: flag::METADATA | 64, ..inline }, "Flags"),
            (Descriptor { flags: flag::METADATA, ..end }, "Flags"),
            (Descriptor { flags: flag::METADATA, ..Head::terminal(1, 0).descriptor() }, "Flags"),
            (Descriptor { flags: flag::SLOT | flag::NEXT | flag::METADATA, ..in_slot }, "Flags"),
            (Descriptor { flags: flag::METADATA, ..inline }, "Metadata"),
            (Descriptor { flags: flag::SLOT | flag::METADATA, ..in_slot }, "Metadata"),
            (Descriptor { flags: flag::FIRST, ..inline }, "Flags"),
            (Descriptor { flags: flag::FIRST | flag::NEXT, ..inline }, "Flags"),
            (Descriptor { flags: flag::ABANDONED | flag::SLOT, ..in_slot }, "Flags"),
            (Descriptor { flags: flag::SLOT, ..end }, "Flags"),
            (Descriptor { status: 1, ..inline }, "Field"),
            (Descriptor { reserved: [0, 1, 0], ..inline }, "Field"),
            (Descriptor { parent: 1, ..Head::message(1).descriptor() }, "Field"),
            (Descriptor { timeout_us: 1, ..end }, "Field"),
            (Descriptor { method: 1, ..Head::terminal(1, 0).descriptor() }, "Field"),
            (Descriptor { call: 1, len: 8, inline_len: 8, ..Head::goodbye().descriptor() }, "Field"),
            (Descriptor { len: 1, inline_len: 1, ..end }, "Length"),
            (Descriptor { len: 7, inline_len: 7, ..Head::credit(1, 2).descriptor() }, "Length"),
            (Descriptor { len: 25, inline_len: 24, ..inline }, "InlineLength"),
            (Descriptor { len: 25, inline_len: 25, ..inline }, "InlineLength"),
            (Descriptor { len: 5, inline_len: 4, ..inline }, "InlineLength"),
            (Descriptor { inline_len: 255, ..in_slot }, "InlineLength"),
            (Descriptor { inline_len: 17, ..first }, "InlineLength"),
            (Descriptor { slot: 1, ..inline }, "SlotInInline"),
            (Descriptor { generation: 1, ..inline }, "SlotInInline"),
            (Descriptor { slot: SlotId::new(1, 64).0, ..in_slot }, "Slot"),
            (Descriptor { slot: SlotId::new(3, 0).0, ..in_slot }, "Slot"),
            (Descriptor { slot: u32::MAX, ..in_slot }, "Slot"),
            (Descriptor { len: 0, ..in_slot }, "SlotLength"),
            (Descriptor { len: 10, inline_len: 10, ..in_slot }, "SlotLength"),
            (Descriptor { len: 4_161, ..in_slot }, "SlotLength"),
            (Descriptor { len: u32::MAX, ..in_slot }, "PayloadMax"),
            (Descriptor { flags: flag::NEXT, ..inline }, "FragmentWithoutSlot"),
            (Descriptor { inline: [u64::MAX; 3], ..first }, "PayloadMax"),
            (Descriptor { inline: [0; 3], ..first }, "FragmentBytes"),
            (Descriptor { inline: [65_536, 0, 0], ..first }, "FragmentBytes"),
            (Descriptor { flags: flag::METADATA | first.flags, len: 9, inline: [23, 0, 0], ..first }, "Metadata"),
            (Descriptor { flags: flag::ABANDONED, ..inline }, "InlineLength"),
            (Descriptor { flags: flag::ABANDONED, slot: 1, ..Head::item(1, 2).descriptor() }, "SlotInInline"),
            (Descriptor { flags: flag::ABANDONED, generation: 1, ..Head::item(1, 2).descriptor() }, "SlotInInline"),
        ];
        for (descriptor, rule) in cases {
            let violation = parse(&descriptor).expect_err(rule);
            let name = format!("{violation:?}");
            assert_eq!(name.split([' ', '{']).next(), Some(rule), "{descriptor:?}: {violation}");
        }
    }

    #[test]
    fn a_field_that_a_kind_does_not_have_is_named() {
        let kinds: [(Head, &[&str]); 8] = [
            (Head::request(1, 2), &["call", "method", "parent", "timeout_us"]),
            (Head::message(2), &["call", "method", "timeout_us"]),
            (Head::terminal(1, 0), &["status", "call"]),
            (Head::item(1, 2), &["call", "method"]),
            (Head::end(1, 2), &["call", "method"]),
            (Head::credit(1, 2), &["call", "method"]),
            (Head::cancel(1), &["call"]),
            (Head::goodbye(), &[]),
        ];
        for (head, has) in kinds {
            let kind = head.kind();
            let len = kind.fixed_len().unwrap_or(0) as u8;
            let usual = Descriptor { len: len.into(), inline_len: len, ..head.descriptor() };
            let set = [
                ("status", Descriptor { status: 7, ..usual }),
                ("call", Descriptor { call: 7, ..usual }),
                ("method", Descriptor { method: 7, ..usual }),
                ("parent", Descriptor { parent: 7, ..usual }),
                ("timeout_us", Descriptor { timeout_us: 7, ..usual }),
            ];
            for (field, descriptor) in set {
                let found = parse(&descriptor).map(|arrival| arrival.head.descriptor().into_words());
                let same = Descriptor { len: 0, inline_len: 0, ..descriptor }.into_words();
                let stray = Err(Violation::Field { kind, field, value: 7 });
                assert_eq!(found, if has.contains(&field) { Ok(same) } else { stray }, "{field} of {kind:?}");
                // Nor does the quick look let it through.
                let is_short = matches!(kind, Kind::Request | Kind::OneWay | Kind::Terminal | Kind::Item);
                assert_eq!(Arrival::parse_short(&descriptor).is_some(), is_short && has.contains(&field));
            }
        }
        // Two of them do not make up for each other.
        let two = Descriptor { method: 1, parent: 1, ..Head::cancel(1).descriptor() };
        assert_eq!(parse(&two).unwrap_err(), Violation::Field { kind: Kind::Cancel, field: "method", value: 1 });
    }

    #[test]
    fn a_head_says_what_it_was_made_of() {
        let head = Head::request(7, 8).with_timeout(Duration::from_micros(9)).with_parent(10);
        assert_eq!((head.kind(), head.call(), head.method()), (Kind::Request, 7, 8));
        assert_eq!((head.timeout_us(), head.parent(), head.status()), (9, 10, 0));
        assert_eq!(Head::terminal(7, 400).status(), 400);
    }

    #[test]
    fn a_quick_look_finds_the_parent_of_a_request() {
        let head = Head::request(1, 2).with_timeout(Duration::from_millis(5)).with_parent(4);
        assert_eq!(Arrival::parse_short(&head.descriptor()).unwrap().0, head);
    }

    #[test]
    fn each_part_of_a_message_is_told_by_its_flags() {
        let part = |flags| parse(&Descriptor { flags, ..first() }).unwrap().part;
        assert_eq!(part(flag::SLOT), Part::Whole);
        assert_eq!(part(flag::SLOT | flag::FIRST | flag::MORE), Part::First { total: 100_000 });
        assert_eq!(part(flag::SLOT | flag::NEXT | flag::MORE), Part::Next);
        assert_eq!(part(flag::SLOT | flag::NEXT), Part::Last);
        let abandoned = Descriptor { flags: flag::ABANDONED, ..Head::item(1, 2).descriptor() };
        assert_eq!(parse(&abandoned).unwrap().part, Part::Abandoned);
    }

    #[test]
    fn inline_bytes_precede_those_in_the_slot_and_follow_the_total() {
        let bytes = |descriptor| parse(&descriptor).unwrap().inline.as_slice().to_vec();
        let words = |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
        let inline = [100_000, 2, 3];
        assert_eq!(bytes(Descriptor { inline, inline_len: 24, ..in_slot() }), words(&inline));
        assert_eq!(bytes(Descriptor { inline, inline_len: 16, ..first() }), words(&inline[1..]));
    }

    #[test]
    fn the_largest_of_each_length_is_accepted() {
        assert_eq!(parse(&Descriptor { len: 4_160, ..in_slot() }).unwrap().len(), 4_160);
        let layout = Geometry::default().layout().unwrap();
        let with_at_most = |payload_max| Arrival::parse(&in_slot(), &layout, payload_max).map(|arrival| arrival.len());
        assert_eq!(with_at_most(4_000), Ok(4_000));
        assert_eq!(with_at_most(3_999), Err(Violation::PayloadMax { len: 4_000, payload_max: 3_999 }));
    }

    #[test]
    fn metadata_begins_a_message_or_its_first_fragment() {
        let whole = Descriptor { flags: flag::METADATA, len: 24, inline_len: 24, ..Head::request(1, 2).descriptor() };
        let shortest = Descriptor { flags: flag::METADATA | first().flags, len: 9, inline: [24, 0, 0], ..first() };
        for descriptor in [whole, shortest] {
            assert!(parse(&descriptor).unwrap().has_metadata);
            assert!(
                !parse(&Descriptor { flags: descriptor.flags & !flag::METADATA, ..descriptor }).unwrap().has_metadata
            );
        }
        #[cfg(feature = "tracing")]
        for has_metadata in [true, false] {
            let head = Head::request(1, 2).with_metadata(has_metadata);
            assert_eq!(
                head.descriptor(),
                Descriptor { flags: if has_metadata { flag::METADATA } else { 0 }, ..head.descriptor() }
            );
            assert_eq!((head.call(), head.method()), (1, 2));
        }
    }

    proptest! {
        #[test]
        fn any_64_bytes_parse_within_their_bounds_or_are_a_violation(words: [u64; 8], kind in 0_u8..10, flags in 0_u8..64) {
            for descriptor in [
                Descriptor::from_words(words),
                Descriptor { kind, flags, status: 0, parent: 0, reserved: [0; 3], ..Descriptor::from_words(words) },
            ] {
                if let Ok(arrival) = parse(&descriptor) {
                    prop_assert!(arrival.len() <= PAYLOAD_MAX);
                    prop_assert_eq!(arrival.len(), descriptor.len as usize);
                    if let Some(slot) = arrival.slot {
                        let place = Geometry::default().layout().unwrap().slot(slot.id).unwrap();
                        prop_assert_eq!((slot.offset, slot.number), (place.offset, place.number));
                        prop_assert!(slot.len as usize <= place.bytes);
                    }
                }
            }
        }

        /// What is taken without a careful look is exactly what the careful look finds; and the usual is taken.
        #[test]
        fn the_short_way_finds_what_the_careful_one_does(
            (kind, call, method, status, timeout_us) in (1_u8..5, any::<u32>(), any::<u32>(), any::<u16>(), any::<u32>()),
            (len, inline, field, noise) in (0_u8..26, any::<[u64; 3]>(), 0_usize..14, any::<u64>()),
        ) {
            let is_terminal = kind == 3;
            let usual = Descriptor {
                kind,
                call,
                method: if is_terminal { 0 } else { method },
                status: if is_terminal { status } else { 0 },
                timeout_us: if kind < 3 { timeout_us } else { 0 },
                len: len.into(),
                inline_len: len,
                inline,
                ..Descriptor::default()
            };
            let mut words = usual.into_words();
            if let Some(word) = words.get_mut(field) {
                *word ^= noise;
            }
            let descriptor = Descriptor::from_words(words);
            let careful = parse(&descriptor);
            // Those who look for one kind find what they look for, and nothing else.
            let short = Arrival::parse_short(&descriptor).map(|(head, inline)| (head, inline.as_slice().to_vec()));
            let request = Arrival::parse_short_request(&descriptor).map(|(head, inline)| (head, inline.as_slice().to_vec()));
            prop_assert_eq!(&request, &short.clone().filter(|(head, _)| head.kind().begins_work() && head.parent() == 0));
            for of in [call, descriptor.call] {
                let terminal = Arrival::parse_short_terminal(&descriptor, of);
                let terminal = terminal.map(|(status, inline)| (Head::terminal(of, status), inline.as_slice().to_vec()));
                let is_it = |head: &Head| head.kind() == Kind::Terminal && head.call() == of;
                prop_assert_eq!(&terminal, &short.clone().filter(|(head, _)| is_it(head)));
                for stream in [method, descriptor.method] {
                    let item = Arrival::parse_short_item(&descriptor, of, stream);
                    let item = item.map(|inline| (Head::item(of, stream), inline.as_slice().to_vec()));
                    let is_it = |head: &Head| head.kind() == Kind::Item && (head.call(), head.method()) == (of, stream);
                    prop_assert_eq!(&item, &short.clone().filter(|(head, _)| is_it(head)));
                }
            }
            match Arrival::parse_short(&descriptor) {
                Some((head, inline)) => {
                    let arrival = careful.unwrap();
                    prop_assert_eq!((head, Part::Whole, None), (arrival.head, arrival.part, arrival.slot));
                    prop_assert_eq!(inline.as_slice(), arrival.inline.as_slice());
                }
                None if words == usual.into_words() && cfg!(target_endian = "little") => {
                    prop_assert!(len > 24, "{:?}", careful);
                }
                None => {}
            }
        }
    }
}
