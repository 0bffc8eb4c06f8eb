//! Which way a type is encoded and decoded, chosen by the type itself and not by how it is spelled.
//!
//! Integers and byte strings go by hand: an argument of `add(i32, i32)` is a few instructions, and a `Vec<u8>` one copy,
//! where serde takes it byte by byte. All other types go through their own `Serialize` and `Deserialize`. The bytes are
//! postcard's either way.
//!
//! Generated code cannot know that `Bytes` is an alias of `Vec<u8>`, so the compiler is asked: [`leaf!`](crate::__leaf)
//! expands to a method call on `&&&Probe<T>`, and method lookup takes the first of these that exists for `T` (each is
//! one reference further away):
//!
//! 1. `ViaHand`, when `T` is one of the types of [`by_hand`](super::by_hand);
//! 2. `ViaSerde`, when `T` has both of serde's traits, which a type parameter with such bounds has, too;
//! 3. `ViaNothing`, which requires [`Wire`]: that says in the compiler's error what to derive. The codec that comes out
//!    can do everything, so that this is the only error.
//!
//! What the macro writes for a type `T` in a signature:
//!
//! | type as written | codec |
//! |---|---|
//! | `Option<A>` | `P::codec!(Option<A> => P::option_of(‹A›))` |
//! | `Result<A, B>` | `P::codec!(Result<A, B> => P::result_of(‹A›, ‹B›))` |
//! | `Vec<A>` | `P::codec!(Vec<A> => P::slice_of(‹A›))` |
//! | `(A, B, …)`, 1 to 12 | `P::tuple_of((‹A›, ‹B›, …,))` |
//! | `&[A]` | `P::codec!(&[A] => P::slice_of(‹A›))`: decodes `Vec<A>`, or `&[u8]` |
//! | `&A`, where `A` is not `str` or a slice | `P::ref_of(‹A›)`: decodes `A` |
//! | anything else, also `&str`, `[u8; N]` | `P::leaf!(T)` |
//!
//! `codec!` is `leaf!(T)` when `T` is by hand, and when it is not the type that the composed codec is for, which it is
//! not when a user has a type of their own named `Option`. Used with `P::encode(codec, &value, out)?` and `P::decode(codec, from)?`.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::error::{DecodeError, EncodeError};
use super::message::Reader;
use super::shape::Shape;

/// Writes values of type `T`.
pub trait EncodeWith<T: ?Sized> {
    /// Appends `value` to `out`, which may borrow from it.
    ///
    /// # Errors
    /// What the value's own `Serialize` says.
    fn encode<'v>(&self, value: &'v T, out: &mut Encoder<'v>) -> Result<(), EncodeError>;
}

/// Reads values of type `T`, which may borrow from the message.
pub trait DecodeWith<'m, T> {
    /// Takes a value out of `from`.
    ///
    /// # Errors
    /// The bytes are no such value, or one above a limit.
    fn decode(&self, from: &mut Reader<'m>) -> Result<T, DecodeError>;
}

/// Describes what it reads.
pub trait ShapeWith {
    /// The shape of the type, as it is decoded.
    fn shape(&self) -> Shape;
}

/// Says that a codec was made for values of type `T`, whether or not `T` can travel; how [`codec!`](crate::__codec)
/// notices that a composed codec is not one for the type at hand.
pub trait CodecFor<T> {}

/// Encodes with a codec.
///
/// # Errors
/// As [`EncodeWith::encode`].
#[inline(always)]
pub fn encode<'v, T: ?Sized, C: EncodeWith<T>>(
    codec: C,
    value: &'v T,
    out: &mut Encoder<'v>,
) -> Result<(), EncodeError> {
    codec.encode(value, out)
}

/// Decodes with a codec.
///
/// # Errors
/// As [`DecodeWith::decode`].
#[inline(always)]
pub fn decode<'m, T, C: DecodeWith<'m, T>>(codec: C, from: &mut Reader<'m>) -> Result<T, DecodeError> {
    codec.decode(from)
}

/// The codec of a type that is not composed of others.
#[doc(hidden)]
#[macro_export]
macro_rules! __leaf {
    ($type:ty) => {{
        #[allow(unused_imports, reason = "one of them is used")]
        use $crate::__private::{ViaHand as _, ViaNothing as _, ViaSerde as _};
        (&&&$crate::__private::Probe::<$type>::NEW).rapace_codec()
    }};
}

/// The codec `$composed` if it is one for `$type`, else the leaf of that type.
#[doc(hidden)]
#[macro_export]
macro_rules! __codec {
    ($type:ty => $composed:expr) => {{
        let composed = $composed;
        {
            #[allow(unused_imports, reason = "one of them is used")]
            use $crate::__private::{ViaComposed as _, ViaHand as _, ViaNothing as _, ViaSerde as _};
            (&&&&$crate::__private::Composed::<$type, _>::new(composed)).rapace_codec()
        }
    }};
}

/// Asks for the codec of `T`.
pub struct Probe<T: ?Sized>(PhantomData<fn() -> *mut T>);

impl<T: ?Sized> Probe<T> {
    #[doc(hidden)]
    pub const NEW: Self = Self(PhantomData);
}

/// Asks whether `C` is a codec for `T`.
pub struct Composed<T, C>(C, PhantomData<fn(T) -> T>);

impl<T, C> Composed<T, C> {
    #[doc(hidden)]
    #[inline(always)]
    pub fn new(codec: C) -> Self {
        Self(codec, PhantomData)
    }
}

/// Second choice where a codec is composed of others: `Vec<u8>` is by hand all the same.
pub trait ViaComposed {
    /// The composed codec.
    type Codec;
    #[doc(hidden)]
    fn rapace_codec(&self) -> Self::Codec;
}

impl<T, C: CodecFor<T> + Copy> ViaComposed for &&Composed<T, C> {
    type Codec = C;

    #[inline(always)]
    fn rapace_codec(&self) -> C {
        self.0
    }
}

/// Marks the types that are encoded without serde.
pub trait ByHand {}

/// First choice.
pub trait ViaHand {
    /// The type.
    type Value;
    #[doc(hidden)]
    #[inline(always)]
    fn rapace_codec(&self) -> Hand<Self::Value> {
        Hand(PhantomData)
    }
}

impl<T: ByHand> ViaHand for &&Probe<T> {
    type Value = T;
}

impl<T: ByHand, C> ViaHand for &&&Composed<T, C> {
    type Value = T;
}

/// The choice after those.
pub trait ViaSerde {
    /// The type.
    type Value;
    #[doc(hidden)]
    #[inline(always)]
    fn rapace_codec(&self) -> Serde<Self::Value> {
        Serde(PhantomData)
    }
}

impl<T: Serialize + Readable> ViaSerde for &Probe<T> {
    type Value = T;
}

impl<T: Serialize + Readable, C> ViaSerde for &Composed<T, C> {
    type Value = T;
}

/// Implements `Deserialize` for some lifetime.
pub trait Readable {}

impl<'m, T: Deserialize<'m>> Readable for T {}

/// Last choice, which no type can take: it is there for the compiler's error.
pub trait ViaNothing {
    /// The type.
    type Value: ?Sized;
    #[doc(hidden)]
    #[inline(always)]
    fn rapace_codec(&self) -> Missing<Self::Value>
    where
        Self::Value: Wire,
    {
        Missing(PhantomData)
    }
}

impl<T: ?Sized> ViaNothing for Probe<T> {
    type Value = T;
}

impl<T, C> ViaNothing for Composed<T, C> {
    type Value = T;
}

/// What a type must be to travel. No type implements it: it stands in errors, for types that lack serde's traits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in a call",
    label = "lacks `serde::Serialize`, `serde::Deserialize` or both",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or pass something that has them",
    note = "rapace's own `&Context`, `Tx<T>` and `Rx<T>` are no such arguments, and are known by these names: written so, under any path"
)]
pub trait Wire {}

macro_rules! codec_of_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T: ?Sized>(PhantomData<fn() -> *mut T>);

        impl<T: ?Sized> Clone for $name<T> {
            #[inline(always)]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T: ?Sized> Copy for $name<T> {}

        impl<T> CodecFor<T> for $name<T> {}

        impl<T: ?Sized> std::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

codec_of_type! {
    /// Types that are encoded by hand.
    Hand
}
codec_of_type! {
    /// Types with serde's traits.
    Serde
}
codec_of_type! {
    /// Types that cannot travel.
    Missing
}

impl<T: Serialize> EncodeWith<T> for Serde<T> {
    #[inline]
    fn encode<'v>(&self, value: &'v T, out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        out.serialize(value)
    }
}

impl<'m, T: Deserialize<'m>> DecodeWith<'m, T> for Serde<T> {
    #[inline]
    fn decode(&self, from: &mut Reader<'m>) -> Result<T, DecodeError> {
        from.deserialize()
    }
}

impl<T: Deserialize<'static>> ShapeWith for Serde<T> {
    fn shape(&self) -> Shape {
        super::shape::trace::<T>()
    }
}

impl<T: ?Sized> EncodeWith<T> for Missing<T> {
    fn encode<'v>(&self, _value: &'v T, _out: &mut Encoder<'v>) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<T> DecodeWith<'_, T> for Missing<T> {
    fn decode(&self, _from: &mut Reader<'_>) -> Result<T, DecodeError> {
        Err(DecodeError::malformed("the type cannot travel"))
    }
}

impl<T: ?Sized> ShapeWith for Missing<T> {
    fn shape(&self) -> Shape {
        Shape::opaque::<T>()
    }
}

impl<T: ?Sized> std::fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

impl<T, C> std::fmt::Debug for Composed<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Composed")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::compose::{option_of, ref_of, result_of, slice_of, tuple_of};
    use super::super::message::{Budget, Message};
    use super::*;
    use crate::__private::{codec, leaf};

    type Bytes = Vec<u8>;

    fn name<C: std::fmt::Debug>(codec: C) -> String {
        format!("{codec:?}")
    }

    fn there_and_back<T, C>(codec: C, value: &T) -> (Vec<u8>, T)
    where
        C: EncodeWith<T> + for<'m> DecodeWith<'m, T> + Copy,
    {
        let mut out = Encoder::new();
        encode(codec, value, &mut out).unwrap();
        let bytes = out.to_vec();
        let message = Message::from_bytes(bytes.clone(), Budget::default());
        let mut reader = message.reader();
        let value = decode(codec, &mut reader).unwrap();
        reader.finish().unwrap();
        (bytes, value)
    }

    #[test]
    fn the_type_chooses_and_not_its_spelling() {
        assert_eq!(name(leaf!(u32)), "Hand");
        assert_eq!(name(leaf!(Bytes)), "Hand");
        assert_eq!(name(leaf!(&str)), "Hand");
        assert_eq!(name(leaf!([u8; 64])), "Hand");
        assert_eq!(name(leaf!(std::borrow::Cow<'static, [u8]>)), "Hand");
        assert_eq!(name(leaf!(char)), "Serde");
        assert_eq!(name(leaf!(BTreeMap<u8, Vec<u8>>)), "Serde");
    }

    #[test]
    fn a_type_parameter_is_found_by_its_bounds() {
        fn with_serde<T: Serialize + serde::de::DeserializeOwned>() -> String {
            name(leaf!(T))
        }
        fn inside<T: Serialize + serde::de::DeserializeOwned + 'static>(value: &Option<T>) -> Option<T> {
            there_and_back(codec!(Option<T> => option_of(leaf!(T))), value).1
        }
        assert_eq!(with_serde::<u32>(), "Serde");
        assert_eq!(inside(&Some(7)), Some(7));
    }

    #[test]
    fn composed_codecs_give_way_to_types_that_are_only_called_so() {
        mod own {
            #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
            pub(super) struct Option<T>(pub(super) T);
        }
        assert_eq!(name(codec!(Option<Bytes> => option_of(leaf!(Bytes)))), "OptionOf(Hand)");
        assert_eq!(name(codec!(own::Option<Bytes> => option_of(leaf!(Bytes)))), "Serde");
        let value = own::Option(vec![1_u8, 2]);
        let (bytes, back) = there_and_back(codec!(own::Option<Bytes> => option_of(leaf!(Bytes))), &value);
        assert_eq!((bytes, back), (vec![2, 1, 2], value));

        type Option2 = Vec<u8>;
        assert_eq!(name(codec!(Option2 => option_of(leaf!(u8)))), "Hand");
        let nested = codec!(Option<Result<Vec<u8>, String>> =>
            option_of(codec!(Result<Vec<u8>, String> => result_of(codec!(Vec<u8> => slice_of(leaf!(u8))), leaf!(String)))));
        assert_eq!(name(nested), "OptionOf(ResultOf(Hand, Hand))");
        assert_eq!(name(codec!(Vec<u16> => slice_of(leaf!(u16)))), "SliceOf(Hand)");
        assert_eq!(name(codec!(&[char] => slice_of(leaf!(char)))), "SliceOf(Serde)");
        assert_eq!(name(codec!(&[u8] => slice_of(leaf!(u8)))), "Hand");
    }

    #[test]
    fn lifetimes_are_those_of_the_values() {
        let text = String::from("hello");
        let numbers = [1_u16, 300];
        let arguments: (&str, Option<&[u8]>, &[u16], &String) = (&text, Some(&[7; 100]), &numbers, &text);
        fn encode_args<'v>(
            args: &'v (&str, Option<&[u8]>, &[u16], &String),
            out: &mut Encoder<'v>,
        ) -> Result<(), EncodeError> {
            encode(leaf!(&str), &args.0, out)?;
            encode(codec!(Option<&[u8]> => option_of(leaf!(&[u8]))), &args.1, out)?;
            encode(codec!(&[u16] => slice_of(leaf!(u16))), &args.2, out)?;
            encode(ref_of(leaf!(String)), &args.3, out)
        }
        let mut out = Encoder::new();
        encode_args(&arguments, &mut out).unwrap();
        assert_eq!(out.to_vec(), postcard::to_stdvec(&arguments).unwrap());

        let message = Message::from_bytes(out.to_vec(), Budget::default());
        let from = &mut message.reader();
        let text: &str = decode(leaf!(&str), from).unwrap();
        let bytes: Option<&[u8]> = decode(codec!(Option<&[u8]> => option_of(leaf!(&[u8]))), from).unwrap();
        let numbers = decode(codec!(&[u16] => slice_of(leaf!(u16))), from).unwrap();
        let owned: String = decode(ref_of(leaf!(String)), from).unwrap();
        from.finish().unwrap();
        assert_eq!((text, bytes, &numbers[..], &owned), arguments);
    }

    #[test]
    fn a_tuple_of_codecs_codes_tuples() {
        let codec = tuple_of((leaf!(u8), codec!((i64, String) => tuple_of((leaf!(i64), leaf!(String))))));
        let value = (7, (-1, "x".repeat(100)));
        let (bytes, back) = there_and_back(codec, &value);
        assert_eq!(bytes, postcard::to_stdvec(&value).unwrap());
        assert_eq!(back, value);
    }
}
