//! What can precede the arguments of a request: the trace that it belongs to.
//!
//! The flag METADATA of a descriptor says that the payload begins with these 24 bytes. They travel in the descriptor, or, of
//! a message in fragments, at the beginning of the first one. Every build takes them off; what reads them is behind a feature.

use super::INLINE_MAX;
use crate::error::Violation;

/// What it takes: all that a descriptor carries itself.
pub(crate) const METADATA_BYTES: usize = INLINE_MAX;

/// The trace that a request belongs to, and the span of its caller there. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    trace_id: u128,
    span_id: u64,
}

impl Metadata {
    /// The first bytes of a payload.
    pub(crate) fn parse(bytes: &[u8; METADATA_BYTES]) -> Result<Self, Violation> {
        let trace_id = bytes.first_chunk().map_or(0, |trace| u128::from_ne_bytes(*trace));
        let span_id = bytes.last_chunk().map_or(0, |span| u64::from_ne_bytes(*span));
        if trace_id == 0 || span_id == 0 {
            return Err(Violation::Metadata { wrong: "names no trace" });
        }
        Ok(Self { trace_id, span_id })
    }
}

#[cfg(feature = "tracing")]
impl Metadata {
    /// `None` when either is zero.
    pub(crate) fn new(trace_id: u128, span_id: u64) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id })
    }

    pub(crate) fn trace_id(&self) -> u128 {
        self.trace_id
    }

    pub(crate) fn span_id(&self) -> u64 {
        self.span_id
    }

    pub(crate) fn to_bytes(self) -> [u8; METADATA_BYTES] {
        let mut bytes = [0; METADATA_BYTES];
        let ids = self.trace_id.to_ne_bytes().into_iter().chain(self.span_id.to_ne_bytes());
        bytes.iter_mut().zip(ids).for_each(|(place, byte)| *place = byte);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_names_no_trace_and_no_span() {
        let mut bytes = [0; METADATA_BYTES];
        assert!(Metadata::parse(&bytes).is_err());
        bytes[0] = 1;
        assert!(Metadata::parse(&bytes).is_err());
        bytes[23] = 1;
        let metadata = Metadata::parse(&bytes).unwrap();
        assert!(metadata.trace_id != 0 && metadata.span_id != 0);
        bytes[0] = 0;
        assert!(Metadata::parse(&bytes).is_err());
        #[cfg(feature = "tracing")]
        assert_eq!(Metadata::parse(&metadata.to_bytes()), Ok(metadata));
    }

    #[test]
    #[cfg(feature = "tracing")]
    fn metadata_says_what_it_was_made_of() {
        assert_eq!((Metadata::new(0, 4), Metadata::new(3, 0)), (None, None));
        let metadata = Metadata::new(3, 4).unwrap();
        assert_eq!((metadata.trace_id(), metadata.span_id()), (3, 4));
    }
}
