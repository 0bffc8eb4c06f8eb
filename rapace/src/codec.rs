//! How values become messages and come back: postcard's wire format, with limits around it.
//!
//! postcard has no limits of its own: a few kilobytes of nested input overflow a stack, four bytes make ten million list
//! nodes, and the texts of failing `Serialize` and `Deserialize` are lost. So the walk over compound values is ours, in
//! `limited` and `serializer`, and postcard reads and writes the single values. Arguments that are integers or
//! byte strings do not go through serde at all ([`leaf`], `by_hand`); their bytes are the same.
//!
//! * [`encoder`] gathers a message as pieces, long byte strings borrowed, so that sending it runs no user code.
//! * [`message`] is a message that arrived, and the reader of it: each byte of the peer's slot is read at most once.
//! * [`shape`] describes a type as its `Deserialize` sees it, for comparing two programs.
//!
//! Nothing outside this directory names postcard.

pub(crate) mod by_hand;
pub(crate) mod compose;
pub(crate) mod encoder;
mod error;
pub(crate) mod leaf;
mod limited;
pub(crate) mod message;
pub(crate) mod serializer;
pub(crate) mod shape;

pub use encoder::Encoder;
pub use error::{DecodeError, EncodeError};
pub use message::{Budget, Message, Reader};
pub use shape::Shape;

/// What generated code names of this module.
pub(crate) mod generated {
    pub use super::compose::{OptionOf, RefOf, ResultOf, SliceOf, TupleOf};
    pub use super::compose::{option_of, ref_of, result_of, slice_of, tuple_of};
    pub use super::leaf::{ByHand, CodecFor, DecodeWith, EncodeWith, ShapeWith, Wire, decode, encode};
    pub use super::leaf::{Composed, Hand, Missing, Probe, Serde, ViaComposed, ViaHand, ViaNothing, ViaSerde};
    pub use super::{Budget, DecodeError, EncodeError, Encoder, Message, Reader, Shape};
    pub use crate::{__codec as codec, __leaf as leaf};
}
