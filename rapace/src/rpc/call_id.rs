//! The numbers of calls on the wire.

/// Names a call on the wire: the index in its caller's table, a generation, and which side began it. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallId(pub(crate) u32);

/// Which of the two sides of a session this is; it marks the calls that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    fn bit(self) -> u32 {
        match self {
            Self::A => 0,
            Self::B => 1 << 31,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The call of a message that belongs to none: of a one-way call.
pub(crate) const ONE_WAY: CallId = CallId(0);

/// The most calls of one side at once, whatever the limits say: what an index has bits for.
pub(crate) const IN_FLIGHT_MAX: u32 = u16::MAX as u32;

pub(super) const GENERATION_MAX: u16 = (1 << 15) - 1;

impl CallId {
    pub(crate) fn new(side: Side, index: u16, generation: u16) -> Self {
        Self(side.bit() | u32::from(generation) << 16 | u32::from(index))
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    #[inline]
    pub(super) fn generation(self) -> u16 {
        (self.0 >> 16) as u16 & GENERATION_MAX
    }

    #[inline]
    pub(crate) fn is_of(self, side: Side) -> bool {
        self.0 & Side::B.bit() == side.bit()
    }
}
