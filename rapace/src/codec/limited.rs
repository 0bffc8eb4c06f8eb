//! A value's `Deserialize`, walked within limits; postcard reads the single values.
//!
//! Every way in which a `Deserialize` can ask for a part of itself leads through [`Walk`], so no input can make it
//! recurse, loop or collect without being counted: depth for each compound value, an element and its size for each part.
//! What is counted is what the type asks for and not what it allocates, which nobody can see from here: the sizes are
//! those of the parts as values, on each level of nesting, and parts without a size count as [`NODE_BYTES`], since a
//! list makes a node for each.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::error::DecodeError;
use super::message::Reader;

/// What a collection spends on a value that has no size itself.
const NODE_BYTES: usize = 32;

/// Most elements that a visitor is told to make room for at once. More come by growing, as they turn out to be there.
const HINT_MAX: usize = 4_096;

/// From this length on an owned string is copied out of a slot by itself.
const OWNED_FROM: usize = 256;

/// One value on its way in.
pub(super) struct Walk<'r, 'm> {
    reader: &'r mut Reader<'m>,
}

impl<'r, 'm> Walk<'r, 'm> {
    #[inline]
    pub(super) fn new(reader: &'r mut Reader<'m>) -> Self {
        Self { reader }
    }

    /// Reads the inside of a compound value: one level deeper.
    #[inline]
    fn descend<X>(self, inside: impl FnOnce(&mut Reader<'m>) -> Result<X, DecodeError>) -> Result<X, DecodeError> {
        let depth = self.reader.left.depth;
        let Some(deeper) = depth.checked_sub(1) else { return Err(self.reader.too_deep()) };
        self.reader.left.depth = deeper;
        let value = inside(self.reader);
        self.reader.left.depth = depth;
        value
    }

    fn parts<V: Visitor<'m>>(self, left: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.descend(|reader| visitor.visit_seq(Parts { reader, left }))
    }

    /// The fields of a struct. What it is larger than they are, by fields that are skipped and by its alignment, counts too:
    /// behind a `Box` it is no element, field or member.
    fn fields<V: Visitor<'m>>(self, left: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.descend(|reader| {
            let mut spent: usize = 0;
            let parts = Parts { reader: &mut *reader, left };
            let value = visitor.visit_seq(Fields { parts, spent: &mut spent })?;
            reader.charge_bytes(size_of::<V::Value>().saturating_sub(spent))?;
            Ok(value)
        })
    }
}

impl Reader<'_> {
    #[cold]
    fn too_deep(&self) -> DecodeError {
        DecodeError::Limit { limit: "decode_depth", max: self.budget.depth }
    }

    #[cold]
    fn too_many(&self) -> DecodeError {
        DecodeError::Limit { limit: "decode_elements", max: self.budget.elements }
    }

    #[cold]
    fn too_large(&self) -> DecodeError {
        DecodeError::Limit { limit: "decode_bytes", max: self.budget.bytes }
    }

    /// Counts one part of a compound value, or one more value of a message of several.
    #[inline]
    pub(crate) fn charge_element<T>(&mut self) -> Result<(), DecodeError> {
        self.left.elements = match self.left.elements.checked_sub(1) {
            Some(left) => left,
            None => return Err(self.too_many()),
        };
        self.charge_size::<T>()
    }

    #[inline]
    fn charge_size<T>(&mut self) -> Result<(), DecodeError> {
        self.charge_bytes(if size_of::<T>() == 0 { NODE_BYTES } else { size_of::<T>() })
    }

    #[inline]
    fn charge_bytes(&mut self, size: usize) -> Result<(), DecodeError> {
        self.left.bytes = match self.left.bytes.checked_sub(size) {
            Some(left) => left,
            None => return Err(self.too_large()),
        };
        Ok(())
    }

    /// The number of parts that follow, refused at once when they cannot all be read.
    #[inline]
    pub(super) fn parts_len(&mut self) -> Result<usize, DecodeError> {
        let len = self.length()?;
        if len > self.left.elements { Err(self.too_many()) } else { Ok(len) }
    }

    /// How many of `left` parts to make room for before they are seen.
    #[inline]
    pub(super) fn hint(&self, left: usize) -> usize {
        left.min(self.remaining()).min(HINT_MAX)
    }
}

/// The parts of a sequence, tuple or struct, or the entries of a map.
struct Parts<'r, 'm> {
    reader: &'r mut Reader<'m>,
    left: usize,
}

impl Parts<'_, '_> {
    #[inline]
    fn next(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl<'m> de::SeqAccess<'m> for Parts<'_, 'm> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'m>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        if !self.next() {
            return Ok(None);
        }
        self.reader.charge_element::<T::Value>()?;
        seed.deserialize(Walk::new(self.reader)).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.reader.hint(self.left))
    }
}

/// The fields of a struct, and the sizes of those that were read.
struct Fields<'r, 'm> {
    parts: Parts<'r, 'm>,
    spent: &'r mut usize,
}

impl<'m> de::SeqAccess<'m> for Fields<'_, 'm> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'m>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        *self.spent = self.spent.saturating_add(size_of::<T::Value>());
        self.parts.next_element_seed(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.parts.size_hint()
    }
}

impl<'m> de::MapAccess<'m> for Parts<'_, 'm> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'m>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        if !self.next() {
            return Ok(None);
        }
        self.reader.charge_element::<K::Value>()?;
        seed.deserialize(Walk::new(self.reader)).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'m>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        self.reader.charge_size::<V::Value>()?;
        seed.deserialize(Walk::new(self.reader))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.reader.hint(self.left))
    }
}

macro_rules! single_values {
    ($($method:ident: $visit:ident($type:ty)),* $(,)?) => {
        $(
            #[inline]
            fn $method<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
                visitor.$visit(self.reader.single::<$type>()?)
            }
        )*
    };
}

impl<'m> de::Deserializer<'m> for Walk<'_, 'm> {
    type Error = DecodeError;

    single_values! {
        deserialize_bool: visit_bool(bool),
        deserialize_i8: visit_i8(i8), deserialize_i16: visit_i16(i16), deserialize_i32: visit_i32(i32),
        deserialize_i64: visit_i64(i64), deserialize_i128: visit_i128(i128),
        deserialize_u8: visit_u8(u8), deserialize_u16: visit_u16(u16), deserialize_u32: visit_u32(u32),
        deserialize_u64: visit_u64(u64), deserialize_u128: visit_u128(u128),
        deserialize_f32: visit_f32(f32), deserialize_f64: visit_f64(f64), deserialize_char: visit_char(char),
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_str<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let len = self.reader.length()?;
        visitor.visit_borrowed_str(text(self.reader.borrowed(len)?)?)
    }

    fn deserialize_string<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let len = self.reader.length()?;
        if len < OWNED_FROM || self.reader.is_here(len) {
            return visitor.visit_borrowed_str(text(self.reader.borrowed(len)?)?);
        }
        visitor.visit_string(owned_text(self.reader.owned(len)?)?)
    }

    fn deserialize_bytes<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let len = self.reader.length()?;
        visitor.visit_borrowed_bytes(self.reader.borrowed(len)?)
    }

    fn deserialize_byte_buf<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let len = self.reader.length()?;
        if len < OWNED_FROM || self.reader.is_here(len) {
            return visitor.visit_borrowed_bytes(self.reader.borrowed(len)?);
        }
        visitor.visit_byte_buf(self.reader.owned(len)?)
    }

    fn deserialize_option<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.byte()? {
            0 => visitor.visit_none(),
            1 => self.descend(|reader| visitor.visit_some(Walk::new(reader))),
            _ => Err(DecodeError::of_postcard(postcard::Error::DeserializeBadOption)),
        }
    }

    fn deserialize_unit<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'m>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'m>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        // As an enum; what is in it may be behind a pointer.
        self.reader.charge_size::<V::Value>()?;
        self.descend(|reader| visitor.visit_newtype_struct(Walk::new(reader)))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let len = self.reader.parts_len()?;
        self.parts(len, visitor)
    }

    fn deserialize_map<V: Visitor<'m>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let left = self.reader.parts_len()?;
        self.descend(|reader| visitor.visit_map(Parts { reader, left }))
    }

    fn deserialize_tuple<V: Visitor<'m>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.parts(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'m>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.fields(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'m>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.fields(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'m>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        // Whichever variant it is, it takes as much as the largest one; and where it lies nobody says: behind a `Box` it is no
        // element, field or member.
        self.reader.charge_size::<V::Value>()?;
        self.descend(|reader| visitor.visit_enum(Variant { reader }))
    }

    fn deserialize_any<V: Visitor<'m>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
        Err(not_described())
    }

    fn deserialize_identifier<V: Visitor<'m>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
        Err(not_described())
    }

    fn deserialize_ignored_any<V: Visitor<'m>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
        Err(not_described())
    }
}

/// The variant of an enum, and what is in it.
struct Variant<'r, 'm> {
    reader: &'r mut Reader<'m>,
}

impl<'m> de::EnumAccess<'m> for Variant<'_, 'm> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'m>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let index: U32Deserializer<DecodeError> = self.reader.single::<u32>()?.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'m> de::VariantAccess<'m> for Variant<'_, 'm> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'m>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Walk::new(self.reader))
    }

    fn tuple_variant<V: Visitor<'m>>(self, left: usize, visitor: V) -> Result<V::Value, DecodeError> {
        // The enum is the level.
        visitor.visit_seq(Parts { reader: self.reader, left })
    }

    fn struct_variant<V: Visitor<'m>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.tuple_variant(fields.len(), visitor)
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| not_utf8())
}

pub(super) fn owned_text(bytes: Vec<u8>) -> Result<String, DecodeError> {
    String::from_utf8(bytes).map_err(|_| not_utf8())
}

#[cold]
fn not_utf8() -> DecodeError {
    DecodeError::of_postcard(postcard::Error::DeserializeBadUtf8)
}

/// postcard's bytes do not say what they are, so a type that asks cannot travel.
#[cold]
fn not_described() -> DecodeError {
    DecodeError::malformed(
        "the type asks the bytes what they are, and they do not say: no untagged or internally tagged enums, no \
         flattened fields",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

    use std::collections::{BTreeMap, LinkedList};

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::super::message::{Budget, Message, arrivals};
    use super::*;
    use crate::limits::Limits;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Json {
        Null,
        Bool(bool),
        Number(f64),
        Text(String),
        Array(Vec<Json>),
        Object(BTreeMap<String, Json>),
        Pair(Box<Json>, Box<Json>),
        Named { name: String, value: Option<Box<Json>> },
    }

    fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, DecodeError> {
        let message = Message::from_bytes(bytes.to_vec(), Budget::default());
        let mut reader = message.reader();
        let value = reader.deserialize()?;
        reader.finish()?;
        Ok(value)
    }

    fn above(limit: &'static str, max: usize) -> DecodeError {
        DecodeError::Limit { limit, max }
    }

    /// On a thread with the stack that threads have by default.
    fn on_two_megabytes<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(2 << 20);
            thread.spawn_scoped(scope, work).unwrap().join().unwrap()
        })
    }

    #[test]
    fn nesting_ends_at_the_limit_and_not_at_the_end_of_the_stack() {
        // Each pair is an array of one element.
        let arrays = [4, 1].repeat(10_000);
        let result = on_two_megabytes(|| decode::<Json>(&arrays));
        assert_eq!(result, Err(above("decode_depth", 64)));

        // Each four bytes are a named value with an empty name and something in it.
        let named = [7, 0, 1].repeat(7_000);
        let result = on_two_megabytes(|| decode::<Json>(&named));
        assert_eq!(result, Err(above("decode_depth", 64)));

        #[derive(Debug, PartialEq, Deserialize)]
        struct Wrapped(Option<Box<Wrapped>>);
        let result = on_two_megabytes(|| decode::<Wrapped>(&[1; 20_000]));
        assert_eq!(result, Err(above("decode_depth", 64)));
    }

    #[test]
    fn sixty_four_levels_pass() {
        // An enum and its array are two levels each; the innermost value is one.
        let mut value = Json::Array(vec![]);
        for _ in 0..31 {
            value = Json::Array(vec![value]);
        }
        let bytes = postcard::to_stdvec(&value).unwrap();
        assert_eq!(on_two_megabytes(|| decode::<Json>(&bytes)), Ok(value.clone()));
        let deeper = postcard::to_stdvec(&Json::Array(vec![value])).unwrap();
        assert_eq!(on_two_megabytes(|| decode::<Json>(&deeper)), Err(above("decode_depth", 64)));
    }

    #[test]
    fn few_bytes_do_not_become_much_memory() {
        type Large = Option<[[u64; 16]; 16]>;
        assert!(size_of::<Large>() > 2_000);
        // 65,535 times nothing: 134 MB.
        let mut bytes = postcard::to_stdvec(&65_535_u64).unwrap();
        bytes.resize(bytes.len() + 65_535, 0);
        assert_eq!(decode::<Vec<Large>>(&bytes).unwrap_err(), above("decode_bytes", 64 << 20));
    }

    #[test]
    fn enums_and_newtypes_behind_a_pointer_count_as_what_they_take() {
        #[expect(clippy::large_enum_variant, reason = "that is what a few bytes must not make many of")]
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Either {
            Small,
            Large([u64; 32]),
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Chain(Option<Box<Chain>>);
        assert!(size_of::<Either>() > 256);
        let limits = Limits { decode_bytes: 2_000, ..Limits::default() };
        // Two bytes each: that it is there, and that it is small.
        let bytes = [vec![100], [1, 0].repeat(100)].concat();
        let message = Message::from_bytes(bytes, Budget::new(&limits));
        let decoded = message.reader().deserialize::<Vec<Option<Box<Either>>>>();
        assert_eq!(decoded, Err(above("decode_bytes", 2_000)));
        let limits = Limits { decode_bytes: 3 * size_of::<Chain>(), ..limits };
        let decode = |bytes: &[u8]| {
            let message = Message::from_bytes(bytes.to_vec(), Budget::new(&limits));
            message.reader().deserialize::<Chain>().map(drop)
        };
        assert_eq!(decode(&[1, 1, 0]), Ok(()));
        assert_eq!(decode(&[1, 1, 1, 0]), Err(above("decode_bytes", 3 * size_of::<Chain>())));
    }

    #[test]
    fn structs_behind_a_pointer_count_as_what_they_take_with_what_is_skipped() {
        fn much() -> [u64; 64] {
            [0; 64]
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Cached {
            id: u8,
            #[serde(skip, default = "much")]
            cache: [u64; 64],
        }
        #[derive(Debug, PartialEq, Deserialize)]
        #[repr(align(128))]
        struct Line(u8, u8);
        let limits = Limits { decode_bytes: 2_000, ..Limits::default() };
        let message = |bytes: Vec<u8>| Message::from_bytes(bytes, Budget::new(&limits));
        let three = message(vec![3, 1, 1, 1]);
        assert_eq!(three.reader().deserialize::<Vec<Box<Cached>>>().map(|decoded| decoded.len()), Ok(3));
        let four = message(vec![4, 1, 1, 1, 1]).reader().deserialize::<Vec<Box<Cached>>>();
        assert_eq!(four, Err(above("decode_bytes", 2_000)));
        let lines = |count: u8| message([vec![count], [1, 2].repeat(count.into())].concat());
        assert_eq!(lines(14).reader().deserialize::<Vec<Box<Line>>>().map(|decoded| decoded.len()), Ok(14));
        assert_eq!(lines(16).reader().deserialize::<Vec<Box<Line>>>(), Err(above("decode_bytes", 2_000)));
    }

    #[test]
    fn lists_of_nothing_are_not_endless() {
        let ten_million = postcard::to_stdvec(&10_000_000_u64).unwrap();
        assert_eq!(ten_million.len(), 4);
        assert_eq!(decode::<LinkedList<()>>(&ten_million).unwrap_err(), above("decode_bytes", 64 << 20));
        let endless = postcard::to_stdvec(&u64::MAX).unwrap();
        let limit = above("decode_elements", 16 << 20);
        assert_eq!(decode::<Vec<()>>(&endless), Err(limit.clone()));
        assert_eq!(decode::<Vec<u8>>(&endless), Err(limit.clone()));
        assert_eq!(decode::<BTreeMap<(), ()>>(&endless), Err(limit));
    }

    #[test]
    fn a_program_may_choose_stricter_limits() {
        let limits = Limits { decode_elements: 3, decode_depth: 1, ..Limits::hostile() };
        let message = |bytes: &[u8]| Message::from_bytes(bytes.to_vec(), Budget::new(&limits));
        assert_eq!(message(&[3, 1, 2, 3]).reader().deserialize::<Vec<u8>>(), Ok(vec![1, 2, 3]));
        assert_eq!(message(&[4, 1, 2, 3, 4]).reader().deserialize::<Vec<u8>>(), Err(above("decode_elements", 3)));
        let nested = message(&[1, 1, 1]).reader().deserialize::<Vec<Vec<u8>>>();
        assert_eq!(nested, Err(above("decode_depth", 1)));
    }

    #[test]
    fn one_budget_serves_a_whole_message() {
        let limits = Limits { decode_elements: 5, ..Limits::default() };
        let message = Message::from_bytes(vec![3, 1, 2, 3, 3, 1, 2, 3], Budget::new(&limits));
        let mut reader = message.reader();
        reader.deserialize::<Vec<u8>>().unwrap();
        assert_eq!(reader.deserialize::<Vec<u8>>(), Err(above("decode_elements", 5)));
    }

    #[test]
    fn no_visitor_is_told_to_make_room_for_what_is_not_there() {
        struct Hints(Vec<usize>);
        impl<'de> Deserialize<'de> for Hints {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Look;
                impl<'de> Visitor<'de> for Look {
                    type Value = Hints;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a list")
                    }
                    fn visit_seq<A: de::SeqAccess<'de>>(self, parts: A) -> Result<Hints, A::Error> {
                        Ok(Hints(parts.size_hint().into_iter().collect()))
                    }
                }
                deserializer.deserialize_seq(Look)
            }
        }
        let mut bytes = postcard::to_stdvec(&1_000_000_u64).unwrap();
        bytes.resize(bytes.len() + 10, 0);
        let message = Message::from_bytes(bytes.clone(), Budget::default());
        assert_eq!(message.reader().deserialize::<Hints>().unwrap().0, [10]);
        bytes.resize(100_000, 0);
        let message = Message::from_bytes(bytes, Budget::default());
        assert_eq!(message.reader().deserialize::<Hints>().unwrap().0, [HINT_MAX]);
    }

    #[test]
    fn long_texts_within_a_struct_are_copied_out_of_a_slot_once() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Page {
            number: u32,
            text: String,
        }
        let page = Page { number: 7, text: "a".repeat(10_000) };
        let bytes = postcard::to_stdvec(&page).unwrap();
        let (message, _) = Message::in_slot(&bytes, 3);
        assert_eq!(message.reader().deserialize::<Page>(), Ok(page));
    }

    #[test]
    fn a_types_own_complaint_is_told() {
        let error = decode::<std::num::NonZeroU8>(&[0]).unwrap_err();
        assert_eq!(error.to_string(), "invalid value: integer `0`, expected a nonzero u8");
        let error = decode::<Json>(&[99]).unwrap_err();
        assert_eq!(error.to_string(), "invalid value: integer `99`, expected variant index 0 <= i < 8");
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i32>().prop_map(|n| Json::Number(f64::from(n))),
            "\\PC{0,12}".prop_map(Json::Text),
            "[a-z]{250,300}".prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
                prop::collection::btree_map("[a-z]{0,3}", inner.clone(), 0..4).prop_map(Json::Object),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Json::Pair(Box::new(a), Box::new(b))),
                ("[a-z]{0,3}", prop::option::of(inner))
                    .prop_map(|(name, value)| Json::Named { name, value: value.map(Box::new) }),
            ]
        })
    }

    type Singles = (u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, (f32, f64, char, bool, ()));

    proptest! {
        #[test]
        fn values_arrive_as_they_were_in_every_split(value in json()) {
            let bytes = postcard::to_stdvec(&value).unwrap();
            let mut encoder = super::super::encoder::Encoder::new();
            encoder.serialize(&value).unwrap();
            prop_assert_eq!(encoder.to_vec(), &bytes[..]);
            for message in arrivals(&bytes) {
                let mut reader = message.reader();
                prop_assert_eq!(reader.deserialize::<Json>(), Ok(value.clone()));
                prop_assert_eq!(reader.finish(), Ok(()));
            }
        }

        #[test]
        fn any_bytes_are_accepted_or_refused_as_by_postcard(bytes in prop::collection::vec(0..9_u8, 0..40)) {
            let theirs = postcard::take_from_bytes::<Json>(&bytes).ok();
            let left = theirs.as_ref().map(|(_, rest)| rest.len());
            let value = theirs.map(|(value, _)| value);
            for message in arrivals(&bytes) {
                let mut reader = message.reader();
                let ours = reader.deserialize::<Json>();
                if ours == Err(above("decode_depth", 64)) {
                    continue;
                }
                prop_assert_eq!(format!("{:?}", ours.ok()), format!("{:?}", value));
                prop_assert!(left.is_none_or(|left| reader.remaining() == left));
            }
        }

        #[test]
        fn single_values_are_those_of_postcard(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let theirs = postcard::take_from_bytes::<Singles>(&bytes).map(|(value, _)| format!("{value:?}"));
            for message in arrivals(&bytes) {
                let ours = message.reader().deserialize::<Singles>().map(|value| format!("{value:?}"));
                prop_assert_eq!(ours.ok(), theirs.clone().ok());
            }
        }

        #[test]
        fn single_values_arrive_as_they_were(value in any::<(u64, i128, u128, i64, char, (f32, bool, i16, u32))>()) {
            let bytes = postcard::to_stdvec(&value).unwrap();
            let expected = format!("{value:?}");
            for message in arrivals(&bytes) {
                let value: (u64, i128, u128, i64, char, (f32, bool, i16, u32)) = message.reader().deserialize().unwrap();
                prop_assert_eq!(format!("{value:?}"), &expected[..]);
            }
        }
    }
}
