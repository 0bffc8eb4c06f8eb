//! Codecs of types that are composed of others: `Option`, `Result`, tuples, `Vec`, slices and references.
//!
//! They keep the leaves within reach: in an `Option<Vec<u8>>` that went through serde the bytes would go one by one.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::encoder::Encoder;
use super::error::{DecodeError, EncodeError};
use super::leaf::{CodecFor, DecodeWith, EncodeWith, ShapeWith};
use super::message::Reader;
use super::shape::{Kind, Shape};

/// Most memory that is taken for elements before they are seen.
const ROOM_BYTES: usize = 64 << 10;

/// `Option<A>`.
#[derive(Clone, Copy, Debug)]
pub struct OptionOf<A>(A);

/// The codec of `Option<A>`.
pub const fn option_of<A>(some: A) -> OptionOf<A> {
    OptionOf(some)
}

impl<T, A: CodecFor<T>> CodecFor<Option<T>> for OptionOf<A> {}

impl<T, A: EncodeWith<T>> EncodeWith<Option<T>> for OptionOf<A> {
    #[inline]
    fn encode<'v>(&self, value: &'v Option<T>, out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        match value {
            None => {
                out.byte(0);
                Ok(())
            }
            Some(value) => {
                out.byte(1);
                self.0.encode(value, out)
            }
        }
    }
}

impl<'m, T, A: DecodeWith<'m, T>> DecodeWith<'m, Option<T>> for OptionOf<A> {
    #[inline]
    fn decode(&self, from: &mut Reader<'m>) -> Result<Option<T>, DecodeError> {
        match from.byte()? {
            0 => Ok(None),
            1 => self.0.decode(from).map(Some),
            _ => Err(DecodeError::of_postcard(postcard::Error::DeserializeBadOption)),
        }
    }
}

impl<A: ShapeWith> ShapeWith for OptionOf<A> {
    fn shape(&self) -> Shape {
        Shape::of_one(Kind::Option, self.0.shape())
    }
}

/// `Result<A, B>`, as a value and not as a method's outcome.
#[derive(Clone, Copy, Debug)]
pub struct ResultOf<A, B>(A, B);

/// The codec of `Result<A, B>`.
pub const fn result_of<A, B>(ok: A, err: B) -> ResultOf<A, B> {
    ResultOf(ok, err)
}

impl<T, E, A: CodecFor<T>, B: CodecFor<E>> CodecFor<Result<T, E>> for ResultOf<A, B> {}

impl<T, E, A: EncodeWith<T>, B: EncodeWith<E>> EncodeWith<Result<T, E>> for ResultOf<A, B> {
    #[inline]
    fn encode<'v>(&self, value: &'v Result<T, E>, out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        match value {
            Ok(value) => {
                out.varint(0);
                self.0.encode(value, out)
            }
            Err(error) => {
                out.varint(1);
                self.1.encode(error, out)
            }
        }
    }
}

impl<'m, T, E, A: DecodeWith<'m, T>, B: DecodeWith<'m, E>> DecodeWith<'m, Result<T, E>> for ResultOf<A, B> {
    #[inline]
    fn decode(&self, from: &mut Reader<'m>) -> Result<Result<T, E>, DecodeError> {
        match from.varint::<32>()? {
            0 => self.0.decode(from).map(Ok),
            1 => self.1.decode(from).map(Err),
            other => Err(DecodeError::malformed(format_args!("a result is neither `Ok` nor `Err`, but {other}"))),
        }
    }
}

impl<A: ShapeWith, B: ShapeWith> ShapeWith for ResultOf<A, B> {
    fn shape(&self) -> Shape {
        Shape::of_variants("Result", [("Ok", self.0.shape()), ("Err", self.1.shape())])
    }
}

/// A tuple of codecs is a codec of tuples.
#[derive(Clone, Copy, Debug)]
pub struct TupleOf<A>(A);

/// The codec of a tuple, from the tuple of its members' codecs.
pub const fn tuple_of<A>(members: A) -> TupleOf<A> {
    TupleOf(members)
}

macro_rules! tuples {
    ($(($($codec:ident $type:ident $place:tt),+);)*) => {
        $(
            impl<$($type, $codec: CodecFor<$type>),+> CodecFor<($($type,)+)> for TupleOf<($($codec,)+)> {}

            impl<$($type, $codec: EncodeWith<$type>),+> EncodeWith<($($type,)+)> for TupleOf<($($codec,)+)> {
                #[inline]
                fn encode<'v>(&self, value: &'v ($($type,)+), out: &mut Encoder<'v>) -> Result<(), EncodeError> {
                    $(self.0.$place.encode(&value.$place, out)?;)+
                    Ok(())
                }
            }

            impl<'m, $($type, $codec: DecodeWith<'m, $type>),+> DecodeWith<'m, ($($type,)+)> for TupleOf<($($codec,)+)> {
                #[inline]
                fn decode(&self, from: &mut Reader<'m>) -> Result<($($type,)+), DecodeError> {
                    Ok(($(self.0.$place.decode(from)?,)+))
                }
            }

            impl<$($codec: ShapeWith),+> ShapeWith for TupleOf<($($codec,)+)> {
                fn shape(&self) -> Shape {
                    Shape::tuple([$(self.0.$place.shape()),+])
                }
            }
        )*
    };
}

tuples! {
    (A T0 0);
    (A T0 0, B T1 1);
    (A T0 0, B T1 1, C T2 2);
    (A T0 0, B T1 1, C T2 2, D T3 3);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5, G T6 6);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5, G T6 6, H T7 7);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5, G T6 6, H T7 7, I T8 8);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5, G T6 6, H T7 7, I T8 8, J T9 9);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5, G T6 6, H T7 7, I T8 8, J T9 9, K T10 10);
    (A T0 0, B T1 1, C T2 2, D T3 3, E T4 4, F T5 5, G T6 6, H T7 7, I T8 8, J T9 9, K T10 10, L T11 11);
}

/// `Vec<A>` and `&[A]`, which are decoded to a `Vec<A>`.
#[derive(Clone, Copy, Debug)]
pub struct SliceOf<A>(A);

/// The codec of `Vec<A>` and `&[A]`.
pub const fn slice_of<A>(element: A) -> SliceOf<A> {
    SliceOf(element)
}

impl<T, A: CodecFor<T>> CodecFor<Vec<T>> for SliceOf<A> {}

impl<T, A: CodecFor<T>> CodecFor<&[T]> for SliceOf<A> {}

impl<T, A: EncodeWith<T>> EncodeWith<[T]> for SliceOf<A> {
    #[inline]
    fn encode<'v>(&self, value: &'v [T], out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        out.varint(value.len() as u64);
        value.iter().try_for_each(|element| self.0.encode(element, out))
    }
}

impl<T, A: EncodeWith<T>> EncodeWith<&[T]> for SliceOf<A> {
    #[inline]
    fn encode<'v>(&self, value: &'v &[T], out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        EncodeWith::<[T]>::encode(self, value, out)
    }
}

impl<T, A: EncodeWith<T>> EncodeWith<Vec<T>> for SliceOf<A> {
    #[inline]
    fn encode<'v>(&self, value: &'v Vec<T>, out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        EncodeWith::<[T]>::encode(self, value, out)
    }
}

impl<'m, T, A: DecodeWith<'m, T>> DecodeWith<'m, Vec<T>> for SliceOf<A> {
    fn decode(&self, from: &mut Reader<'m>) -> Result<Vec<T>, DecodeError> {
        let len = from.parts_len()?;
        let fitting = ROOM_BYTES.checked_div(size_of::<T>()).unwrap_or(len);
        let mut elements = Vec::with_capacity(from.hint(len).min(fitting));
        for _ in 0..len {
            from.charge_element::<T>()?;
            elements.push(self.0.decode(from)?);
        }
        Ok(elements)
    }
}

impl<A: ShapeWith> ShapeWith for SliceOf<A> {
    fn shape(&self) -> Shape {
        Shape::of_one(Kind::Seq, self.0.shape())
    }
}

/// `&A`, which is decoded to an `A`.
#[derive(Clone, Copy, Debug)]
pub struct RefOf<A>(A);

/// The codec of `&A`.
pub const fn ref_of<A>(referent: A) -> RefOf<A> {
    RefOf(referent)
}

impl<T, A: CodecFor<T>> CodecFor<&T> for RefOf<A> {}

impl<T: ?Sized, A: EncodeWith<T>> EncodeWith<&T> for RefOf<A> {
    #[inline]
    fn encode<'v>(&self, value: &'v &T, out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        self.0.encode(value, out)
    }
}

impl<'m, T, A: DecodeWith<'m, T>> DecodeWith<'m, T> for RefOf<A> {
    #[inline]
    fn decode(&self, from: &mut Reader<'m>) -> Result<T, DecodeError> {
        self.0.decode(from)
    }
}

impl<A: ShapeWith> ShapeWith for RefOf<A> {
    fn shape(&self) -> Shape {
        self.0.shape()
    }
}
