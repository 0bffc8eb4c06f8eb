//! The types that need no serde: integers, floats, `bool`, `()`, byte strings and texts.
//!
//! Each writes the bytes that postcard writes for it, and reads with the same strictness; a test holds them together.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use super::encoder::Encoder;
use super::error::{DecodeError, EncodeError};
use super::leaf::{ByHand, DecodeWith, EncodeWith, Hand, ShapeWith};
use super::limited::{owned_text, text};
use super::message::Reader;
use super::shape::{Kind, Shape};

/// `type: kind, |value, out| write, |from| read`
macro_rules! by_hand {
    ($($type:ty $([$($generics:tt)*])?: $kind:expr, |$value:ident, $out:ident| $write:block, |$from:ident| $read:expr;)*) => {
        $(
            impl$(<$($generics)*>)? ByHand for $type {}

            impl$(<$($generics)*>)? EncodeWith<$type> for Hand<$type> {
                #[inline]
                fn encode<'v>(&self, $value: &'v $type, $out: &mut Encoder<'v>) -> Result<(), EncodeError> {
                    $write
                    Ok(())
                }
            }

            impl<'m, $($($generics)*)?> DecodeWith<'m, $type> for Hand<$type> {
                #[inline]
                fn decode(&self, $from: &mut Reader<'m>) -> Result<$type, DecodeError> {
                    $read
                }
            }

            impl$(<$($generics)*>)? ShapeWith for Hand<$type> {
                fn shape(&self) -> Shape {
                    Shape::single($kind)
                }
            }
        )*
    };
}

by_hand! {
    u8: Kind::U8, |value, out| { out.byte(*value); }, |from| from.byte();
    u16: Kind::U16, |value, out| { out.varint(u64::from(*value)); }, |from| from.varint::<16>().map(|value| value as u16);
    u32: Kind::U32, |value, out| { out.varint(u64::from(*value)); }, |from| from.varint::<32>().map(|value| value as u32);
    u64: Kind::U64, |value, out| { out.varint(*value); }, |from| from.varint::<64>();
    usize: Kind::U64, |value, out| { out.varint(*value as u64); }, |from| from.length();
    i8: Kind::I8, |value, out| { out.byte(*value as u8); }, |from| from.byte().map(|value| value as i8);
    i16: Kind::I16, |value, out| { out.signed(i64::from(*value)); }, |from| from.signed::<16>().map(|value| value as i16);
    i32: Kind::I32, |value, out| { out.signed(i64::from(*value)); }, |from| from.signed::<32>().map(|value| value as i32);
    i64: Kind::I64, |value, out| { out.signed(*value); }, |from| from.signed::<64>();
    isize: Kind::I64, |value, out| { out.signed(*value as i64); }, |from| from.signed::<64>().map(|value| value as isize);
    f32: Kind::F32, |value, out| { out.fixed_u32(value.to_bits()); }, |from| from.array().map(f32::from_le_bytes);
    f64: Kind::F64, |value, out| { out.fixed_u64(value.to_bits()); }, |from| from.array().map(f64::from_le_bytes);
    bool: Kind::Bool, |value, out| { out.byte(u8::from(*value)); }, |from| match from.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::of_postcard(postcard::Error::DeserializeBadBool)),
    };
    (): Kind::Unit, |_value, _out| {}, |_from| Ok(());

    String: Kind::Str, |value, out| { out.blob(value.as_bytes()); }, |from| owned_string(from);
    Box<str>: Kind::Str, |value, out| { out.blob(value.as_bytes()); }, |from| owned_string(from).map(String::into_boxed_str);
    Cow<'c, str> ['c]: Kind::Str, |value, out| { out.blob(value.as_bytes()); }, |from| owned_string(from).map(Cow::Owned);
    Vec<u8>: Kind::Bytes, |value, out| { out.blob(value); }, |from| owned_bytes(from);
    Box<[u8]>: Kind::Bytes, |value, out| { out.blob(value); }, |from| owned_bytes(from).map(Vec::into_boxed_slice);
    Cow<'c, [u8]> ['c]: Kind::Bytes, |value, out| { out.blob(value); }, |from| owned_bytes(from).map(Cow::Owned);
}

fn owned_bytes(from: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let len = from.length()?;
    from.owned(len)
}

fn owned_string(from: &mut Reader<'_>) -> Result<String, DecodeError> {
    owned_text(owned_bytes(from)?)
}

/// Lent by the message.
macro_rules! borrowed {
    ($($type:ty: $kind:expr, |$value:ident| $bytes:expr, |$read:ident| $from_bytes:expr;)*) => {
        $(
            impl ByHand for &$type {}

            impl<'a> EncodeWith<&'a $type> for Hand<&'a $type> {
                #[inline]
                fn encode<'v>(&self, $value: &'v &'a $type, out: &mut Encoder<'v>) -> Result<(), EncodeError> {
                    out.blob($bytes);
                    Ok(())
                }
            }

            impl<'m> DecodeWith<'m, &'m $type> for Hand<&'m $type> {
                #[inline]
                fn decode(&self, from: &mut Reader<'m>) -> Result<&'m $type, DecodeError> {
                    let len = from.length()?;
                    let $read = from.borrowed(len)?;
                    $from_bytes
                }
            }

            impl ShapeWith for Hand<&$type> {
                fn shape(&self) -> Shape {
                    Shape::single($kind)
                }
            }
        )*
    };
}

borrowed! {
    str: Kind::Str, |value| value.as_bytes(), |bytes| text(bytes);
    [u8]: Kind::Bytes, |value| value, |bytes| Ok(bytes);
}

impl<const N: usize> ByHand for [u8; N] {}

impl<const N: usize> EncodeWith<[u8; N]> for Hand<[u8; N]> {
    #[inline]
    fn encode<'v>(&self, value: &'v [u8; N], out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        out.raw(value);
        Ok(())
    }
}

impl<const N: usize> DecodeWith<'_, [u8; N]> for Hand<[u8; N]> {
    #[inline]
    fn decode(&self, from: &mut Reader<'_>) -> Result<[u8; N], DecodeError> {
        from.array()
    }
}

impl<const N: usize> ShapeWith for Hand<[u8; N]> {
    fn shape(&self) -> Shape {
        Shape::tuple(std::iter::repeat_n(Shape::single(Kind::U8), N))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::super::compose::{option_of, result_of, slice_of, tuple_of};
    use super::super::leaf::{decode, encode};
    use super::super::message::arrivals;
    use super::*;
    use crate::__private::leaf;

    /// The bytes are postcard's, and they become the value again however they arrive.
    fn is_postcard<T, C>(codec: C, value: T) -> Result<(), TestCaseError>
    where
        T: Serialize + DeserializeOwned + Debug,
        C: EncodeWith<T> + for<'m> DecodeWith<'m, T> + Copy,
    {
        let mut out = Encoder::new();
        encode(codec, &value, &mut out).unwrap();
        let bytes = out.to_vec();
        prop_assert_eq!(&bytes, &postcard::to_stdvec(&value).unwrap());
        for message in arrivals(&bytes) {
            let mut reader = message.reader();
            let back = decode(codec, &mut reader).unwrap();
            reader.finish().unwrap();
            // By text: a NaN is not equal to itself.
            prop_assert_eq!(format!("{back:?}"), format!("{value:?}"));
        }
        refuses_like_postcard::<T, C>(codec, &bytes)
    }

    /// Shortened, and with each byte changed, the bytes are accepted or refused as postcard does.
    fn refuses_like_postcard<T, C>(codec: C, bytes: &[u8]) -> Result<(), TestCaseError>
    where
        T: DeserializeOwned + Debug,
        C: for<'m> DecodeWith<'m, T> + Copy,
    {
        let shorter = (0..bytes.len().min(30)).map(|len| bytes.split_at(len).0.to_vec());
        let changed = (0..bytes.len().min(30)).map(|at| {
            let mut changed = bytes.to_vec();
            if let Some(byte) = changed.get_mut(at) {
                *byte = byte.wrapping_mul(7) | 0x80;
            }
            changed
        });
        for bytes in shorter.chain(changed) {
            let theirs = postcard::take_from_bytes::<T>(&bytes).map(|(value, _)| format!("{value:?}")).ok();
            for message in arrivals(&bytes).take(8) {
                let ours: Result<T, DecodeError> = decode(codec, &mut message.reader());
                prop_assert_eq!(ours.map(|value| format!("{value:?}")).ok(), theirs.clone());
            }
        }
        Ok(())
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![prop::collection::vec(any::<u8>(), 0..30), prop::collection::vec(any::<u8>(), 60..70)]
    }

    /// Of every length that a varint can have.
    fn small<T: Copy + std::ops::Shr<u32, Output = T>>(value: T, shift: u32) -> T {
        value.shr(shift)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn integers(value: (u8, u16, u32, u64, usize), signed: (i8, i16, i32, i64, isize), by in 0..64_u32) {
            is_postcard(leaf!(u8), value.0)?;
            is_postcard(leaf!(u16), small(value.1, by % 16))?;
            is_postcard(leaf!(u32), small(value.2, by % 32))?;
            is_postcard(leaf!(u64), small(value.3, by))?;
            is_postcard(leaf!(usize), small(value.4, by))?;
            is_postcard(leaf!(i8), signed.0)?;
            is_postcard(leaf!(i16), small(signed.1, by % 16))?;
            is_postcard(leaf!(i32), small(signed.2, by % 32))?;
            is_postcard(leaf!(i64), small(signed.3, by))?;
            is_postcard(leaf!(isize), small(signed.4, by))?;
        }

        #[test]
        fn floats_and_bools(value: (f32, f64, bool)) {
            is_postcard(leaf!(f32), value.0)?;
            is_postcard(leaf!(f64), value.1)?;
            is_postcard(leaf!(bool), value.2)?;
            is_postcard(leaf!(()), ())?;
        }

        #[test]
        fn byte_strings(bytes in bytes(), array: [u8; 7]) {
            is_postcard(leaf!(Box<[u8]>), bytes.clone().into_boxed_slice())?;
            is_postcard(leaf!(Cow<'static, [u8]>), Cow::Owned(bytes.clone()))?;
            is_postcard(leaf!(Vec<u8>), bytes)?;
            is_postcard(leaf!([u8; 7]), array)?;
        }

        #[test]
        fn texts(text in prop_oneof!["\\PC{0,20}", "[a-zä]{60,70}"]) {
            is_postcard(leaf!(Box<str>), text.clone().into_boxed_str())?;
            is_postcard(leaf!(Cow<'static, str>), Cow::Owned(text.clone()))?;
            is_postcard(leaf!(String), text)?;
        }

        #[test]
        fn what_is_composed_of_them(
            bytes in prop::option::of(bytes()),
            result in prop::result::maybe_ok(any::<i32>(), "[a-z]{0,80}"),
            list in prop::collection::vec((any::<u16>(), "[a-z]{0,4}"), 0..6),
        ) {
            is_postcard(option_of(leaf!(Vec<u8>)), bytes.clone())?;
            is_postcard(result_of(leaf!(i32), leaf!(String)), result.clone())?;
            is_postcard(slice_of(tuple_of((leaf!(u16), leaf!(String)))), list.clone())?;
            let all = tuple_of((
                option_of(leaf!(Vec<u8>)),
                result_of(leaf!(i32), leaf!(String)),
                slice_of(tuple_of((leaf!(u16), leaf!(String)))),
            ));
            is_postcard(all, (bytes, result, list))?;
        }
    }

    #[test]
    fn long_arrays_have_no_length() {
        let array = [7_u8; 100];
        let mut out = Encoder::new();
        encode(leaf!([u8; 100]), &array, &mut out).unwrap();
        assert_eq!(out.to_vec(), array);
        for message in arrivals(&array) {
            assert_eq!(decode(leaf!([u8; 100]), &mut message.reader()), Ok(array));
        }
    }

    #[test]
    fn long_byte_strings_are_not_copied_on_their_way_out() {
        let arguments = (vec![1_u8; 100], "x".repeat(100), Some(vec![2_u8; 100]));
        let mut out = Encoder::new();
        let codec = tuple_of((leaf!(Vec<u8>), leaf!(String), option_of(leaf!(Vec<u8>))));
        encode(codec, &arguments, &mut out).unwrap();
        out.send(|outgoing| {
            let (_, rest) = outgoing.pieces();
            let places: Vec<_> = rest.iter().map(|piece| piece.as_ptr()).collect();
            for place in [arguments.0.as_ptr(), arguments.1.as_ptr(), arguments.2.as_ref().unwrap().as_ptr()] {
                assert!(places.contains(&place));
            }
        });
    }
}
