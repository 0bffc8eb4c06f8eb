//! Finding a type's shape by decoding it from nothing: made-up values are handed to its `Deserialize`, and what it asks for
//! is written down.
//!
//! One pass follows one path. It goes into a sequence or an option only to see what is unknown, takes another variant
//! of each enum than the passes before, and ends recursion with `None`, nothing, or the variant that ended first
//! before. Passes are repeated until all is known or nothing new turns up. A type that checks its values may refuse
//! the made-up ones; a few others are tried in their place (`0`, `"1.0.0"`, sixteen bytes, …).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::any::type_name;
use std::collections::{HashMap, HashSet};

use serde::de::value::U32Deserializer;
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Visitor};

use super::{Kind, Node, Part, Shape};
use crate::codec::error::DecodeError;

/// Passes over one type; each finds at least one thing, but for the last [`IDLE_MAX`].
const PASSES_MAX: usize = 4_096;

/// Passes that find nothing before it is left at that: another one may take another variant.
const IDLE_MAX: usize = 32;

/// Levels below which no variant is tried that was not seen to end.
const DEPTH_SOFT: usize = 48;

/// Levels after which a pass is given up.
const DEPTH_MAX: usize = 160;

const TEXTS: &[&str] = &[
    "a",
    "",
    "0",
    "1.0.0",
    "a@b.example",
    "http://a.example/",
    "127.0.0.1",
    "127.0.0.1:80",
    "::1",
    "2000-01-01T00:00:00Z",
    "2000-01-01",
    "00:00:00",
    "67e55044-10b1-426f-9247-bb680e5fe0c8",
    "/a",
    "true",
    "A",
];
const BYTES: &[&[u8]] = &[b"a", b"", &[1; 16], &[1; 32], &[1; 4], &[1; 8], &[1; 12], &[1; 20], &[1; 24], &[1; 64]];
const INTEGERS: &[u8] = &[1, 0, 2, 10, 100];
const FLOATS: &[f32] = &[1.0, 0.0, 0.5];
const CHARS: &[char] = &['a', '0', 'A', ' '];

/// The shape of `T`, as its own `Deserialize` says.
pub(crate) fn trace<T: Deserialize<'static>>() -> Shape {
    let mut tracer = Tracer { places: vec![Place::default()], ..Tracer::default() };
    let mut idle: usize = 0;
    for _ in 0..PASSES_MAX {
        tracer.found = false;
        tracer.last = None;
        tracer.stack.clear();
        if T::deserialize(Walk { tracer: &mut tracer, at: 0 }).is_err() {
            tracer.try_another();
        }
        idle = if tracer.found { 0 } else { idle.saturating_add(1) };
        if tracer.is_complete(0) || idle > IDLE_MAX {
            break;
        }
    }
    tracer.into_shape().unwrap_or_else(Shape::opaque::<T>)
}

/// A type's name without the modules it lies in.
pub(super) fn short_name(name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for c in name.chars() {
        if c.is_alphanumeric() || c == '_' || c == '$' {
            word.push(c);
        } else if c == ':' {
            word.clear();
        } else {
            short.push_str(&word);
            word.clear();
            short.push(c);
        }
    }
    short + &word
}

/// Somewhere in a type. Places of the same struct or enum lead to one place that it has for itself.
#[derive(Debug, Default)]
struct Place {
    kind: Option<PlaceKind>,
    name: &'static str,
    parts: Vec<(&'static str, usize)>,
    /// Of an enum: how often each variant was taken.
    tries: Vec<usize>,
    /// Of an enum: the first variant that was decoded to its end. It needs only what ended before it.
    ending: Option<usize>,
    /// Which of the made-up values is next.
    attempt: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlaceKind {
    Is(Kind),
    /// A struct or enum, at this place.
    At(usize),
}

#[derive(Debug, Default)]
struct Tracer {
    places: Vec<Place>,
    /// Structs and enums by the type of their visitor, which tells `Wrapper<u8>` from `Wrapper<String>`.
    containers: HashMap<String, usize>,
    /// The containers that are being decoded, from the outside.
    stack: Vec<usize>,
    depth: usize,
    /// Where a value was made up last. If the pass fails, this is what it was refused for.
    last: Option<usize>,
    /// Whether this pass brought anything new.
    found: bool,
}

impl Tracer {
    fn kind(&self, at: usize) -> Option<PlaceKind> {
        self.places.get(at).and_then(|place| place.kind)
    }

    fn part(&self, at: usize, index: usize) -> usize {
        self.places.get(at).and_then(|place| place.parts.get(index)).map_or(0, |(_, part)| *part)
    }

    /// Writes down what a place is, with places for its parts, unless it is known.
    fn learn(&mut self, at: usize, kind: PlaceKind, name: &'static str, parts: &[&'static str]) {
        if self.kind(at).is_some() {
            return;
        }
        let first = self.places.len();
        self.places.extend(parts.iter().map(|_| Place::default()));
        let Some(place) = self.places.get_mut(at) else { return };
        place.parts = parts.iter().copied().zip(first..).collect();
        place.kind = Some(kind);
        place.name = name;
        self.found = true;
    }

    /// The place of the struct or enum that a visitor of type `V` makes, which is at `at`.
    fn container<V: Visitor<'static>>(
        &mut self,
        at: usize,
        kind: Kind,
        name: &'static str,
        parts: &[&'static str],
    ) -> usize {
        // Two types in one function, or of two versions of a crate, may have one name; mostly their parts differ.
        let key = format!("{name} {} {kind:?} {} {parts:?}", type_name::<V>(), size_of::<V::Value>());
        let place = match self.containers.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.places.len();
                self.places.push(Place::default());
                self.containers.insert(key, place);
                self.learn(place, PlaceKind::Is(kind), name, parts);
                place
            }
        };
        self.learn(at, PlaceKind::At(place), "", &[]);
        place
    }

    /// The made-up value that is next at `at`.
    fn made_up<T: Copy>(&mut self, at: usize, kind: Kind, values: &[T]) -> Result<T, DecodeError> {
        self.learn(at, PlaceKind::Is(kind), "", &[]);
        self.last = Some(at);
        let attempt = self.places.get(at).map_or(0, |place| place.attempt);
        let value = values.get(attempt).or(values.first());
        value.copied().ok_or_else(given_up)
    }

    /// After a refusal: another value where the last one was made up, if there is one.
    fn try_another(&mut self) {
        let Some(place) = self.last.and_then(|at| self.places.get_mut(at)) else { return };
        let values = match place.kind {
            Some(PlaceKind::Is(Kind::Str)) => TEXTS.len(),
            Some(PlaceKind::Is(Kind::Bytes)) => BYTES.len(),
            Some(PlaceKind::Is(Kind::Char)) => CHARS.len(),
            Some(PlaceKind::Is(Kind::F32 | Kind::F64)) => FLOATS.len(),
            Some(PlaceKind::Is(Kind::Bool | Kind::Seq | Kind::Map | Kind::Option)) => 2,
            _ => INTEGERS.len(),
        };
        if place.attempt.saturating_add(1) < values {
            place.attempt = place.attempt.saturating_add(1);
            self.found = true;
        }
    }

    /// Whether everything that can be reached from `at` is known; what is being decoded further out is looked at there.
    fn is_complete(&self, at: usize) -> bool {
        let mut seen: HashSet<usize> = self.stack.iter().copied().collect();
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            match self.kind(at) {
                None => return false,
                Some(PlaceKind::At(place)) => open.extend(seen.insert(place).then_some(place)),
                Some(PlaceKind::Is(_)) => {
                    let Some(place) = self.places.get(at) else { continue };
                    if place.tries.contains(&0) {
                        return false;
                    }
                    open.extend(place.parts.iter().map(|(_, part)| *part));
                }
            }
        }
        true
    }

    /// Whether a pass looks into an option, a sequence or a map, whose content is at `parts`.
    fn goes_into(&mut self, at: usize, parts: &[usize]) -> bool {
        let wanted = parts.iter().any(|part| !self.is_complete(*part));
        self.last = Some(at);
        wanted && self.depth < DEPTH_MAX || self.places.get(at).is_some_and(|place| place.attempt > 0)
    }

    /// The variant that a pass takes of an enum.
    fn variant(&mut self, at: usize) -> Option<usize> {
        let place = self.places.get(at)?;
        let is_outer = self.stack.iter().rev().skip(1).any(|outer| *outer == at);
        let untried = place.tries.iter().position(|tries| *tries == 0);
        let incomplete = || {
            let parts = place.parts.iter().zip(&place.tries).enumerate();
            let incomplete = parts.filter(|(_, ((_, part), _))| !self.is_complete(*part));
            incomplete.min_by_key(|(_, (_, tries))| **tries).map(|(index, _)| index)
        };
        let ending = place.ending;
        let chosen = match ending {
            Some(_) if self.depth > DEPTH_SOFT => ending,
            _ if untried.is_some() => untried,
            _ if is_outer => ending,
            _ => incomplete().or(ending),
        };
        let chosen = chosen.or_else(|| {
            let tries = place.tries.iter().enumerate();
            tries.min_by_key(|(_, tries)| **tries).map(|(index, _)| index)
        })?;
        let tries = self.places.get_mut(at)?.tries.get_mut(chosen)?;
        self.found |= *tries == 0;
        *tries = tries.saturating_add(1);
        Some(chosen)
    }

    /// What was found. `None` when the outermost type is not known.
    fn into_shape(self) -> Option<Shape> {
        let mut shape = Shape { nodes: Vec::new() };
        self.build(0, None, &mut shape, &mut HashMap::new()).map(|_| shape)
    }

    /// Appends the node of a place and all that it leads to. What is not known is opaque, under the name of the struct or
    /// enum around it.
    fn build(
        &self,
        at: usize,
        around: Option<&str>,
        shape: &mut Shape,
        built: &mut HashMap<usize, usize>,
    ) -> Option<usize> {
        let place = self.places.get(at)?;
        let Some(kind) = place.kind else {
            shape.nodes.push(Node { kind: Kind::Opaque, name: around?.to_owned(), parts: Vec::new() });
            return shape.nodes.len().checked_sub(1);
        };
        match kind {
            PlaceKind::At(container) => {
                if let Some(node) = built.get(&container) {
                    return Some(*node);
                }
                let node = shape.nodes.len();
                built.insert(container, node);
                let name = self.places.get(container).map(|place| place.name);
                self.build(container, name, shape, built)
            }
            PlaceKind::Is(kind) => {
                let node = shape.nodes.len();
                shape.nodes.push(Node { kind, name: place.name.to_owned(), parts: Vec::new() });
                let mut parts = Vec::new();
                for (name, part) in &place.parts {
                    let name = if matches!(kind, Kind::Struct | Kind::Enum) { *name } else { "" };
                    parts.push(Part { name: name.to_owned(), node: self.build(*part, around, shape, built)? });
                }
                shape.nodes.get_mut(node)?.parts = parts;
                Some(node)
            }
        }
    }
}

#[cold]
fn given_up() -> DecodeError {
    DecodeError::malformed("given up")
}

/// One value that is asked for.
struct Walk<'t> {
    tracer: &'t mut Tracer,
    at: usize,
}

impl Walk<'_> {
    /// Decodes what is inside a container or around a value, one level deeper.
    fn within<X>(
        self,
        container: Option<usize>,
        inside: impl FnOnce(&mut Tracer) -> Result<X, DecodeError>,
    ) -> Result<X, DecodeError> {
        let depth = self.tracer.depth;
        if depth >= DEPTH_MAX {
            self.tracer.last = None;
            return Err(given_up());
        }
        let height = self.tracer.stack.len();
        self.tracer.depth = depth.saturating_add(1);
        self.tracer.stack.extend(container);
        let value = inside(self.tracer);
        self.tracer.stack.truncate(height);
        self.tracer.depth = depth;
        value
    }

    /// The parts of a container, one after the other.
    fn parts<V: Visitor<'static>>(self, container: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.within(Some(container), |tracer| {
            let left = tracer.places.get(container).map_or(0, |place| place.parts.len());
            visitor.visit_seq(Parts { tracer, of: container, next: 0, end: left })
        })
    }

    fn not_described(self) -> DecodeError {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Opaque), "a type that describes itself", &[]);
        self.tracer.last = None;
        given_up()
    }
}

/// Members in their order. A sequence shows one element, however often it is asked.
struct Parts<'t> {
    tracer: &'t mut Tracer,
    of: usize,
    next: usize,
    end: usize,
}

impl Parts<'_> {
    fn next(&mut self) -> Option<Walk<'_>> {
        if self.next >= self.end {
            return None;
        }
        let at = self.tracer.part(self.of, self.next);
        self.next = self.next.saturating_add(1);
        Some(Walk { tracer: &mut *self.tracer, at })
    }
}

impl de::SeqAccess<'static> for Parts<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'static>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        self.next().map(|walk| seed.deserialize(walk)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.end.saturating_sub(self.next))
    }
}

impl de::MapAccess<'static> for Parts<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'static>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        self.next().map(|walk| seed.deserialize(walk)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        self.next().ok_or_else(given_up).and_then(|walk| seed.deserialize(walk))
    }
}

macro_rules! single_values {
    ($($method:ident: $visit:ident, $kind:ident, $values:ident as $type:ty);* $(;)?) => {
        $(
            fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, DecodeError> {
                let value = self.tracer.made_up(self.at, Kind::$kind, $values)?;
                visitor.$visit(value as $type)
            }
        )*
    };
}

macro_rules! not_described {
    ($($method:ident),*) => {
        $(
            fn $method<V: Visitor<'static>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
                Err(self.not_described())
            }
        )*
    };
}

impl de::Deserializer<'static> for Walk<'_> {
    type Error = DecodeError;

    single_values! {
        deserialize_i8: visit_i8, I8, INTEGERS as i8;
        deserialize_i16: visit_i16, I16, INTEGERS as i16;
        deserialize_i32: visit_i32, I32, INTEGERS as i32;
        deserialize_i64: visit_i64, I64, INTEGERS as i64;
        deserialize_i128: visit_i128, I128, INTEGERS as i128;
        deserialize_u8: visit_u8, U8, INTEGERS as u8;
        deserialize_u16: visit_u16, U16, INTEGERS as u16;
        deserialize_u32: visit_u32, U32, INTEGERS as u32;
        deserialize_u64: visit_u64, U64, INTEGERS as u64;
        deserialize_u128: visit_u128, U128, INTEGERS as u128;
        deserialize_f32: visit_f32, F32, FLOATS as f32;
        deserialize_f64: visit_f64, F64, FLOATS as f64;
        deserialize_char: visit_char, Char, CHARS as char;
        deserialize_str: visit_borrowed_str, Str, TEXTS as &'static str;
        deserialize_string: visit_borrowed_str, Str, TEXTS as &'static str;
        deserialize_bytes: visit_borrowed_bytes, Bytes, BYTES as &'static [u8];
        deserialize_byte_buf: visit_borrowed_bytes, Bytes, BYTES as &'static [u8];
    }

    not_described!(deserialize_any, deserialize_identifier, deserialize_ignored_any);

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_bool(self.tracer.made_up(self.at, Kind::Bool, &[true, false])?)
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Option), "", &[""]);
        let some = self.tracer.part(self.at, 0);
        if !self.tracer.goes_into(self.at, &[some]) {
            return visitor.visit_none();
        }
        self.within(None, |tracer| visitor.visit_some(Walk { tracer, at: some }))
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Unit), "", &[]);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Unit), name, &[]);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let place = self.tracer.container::<V>(self.at, Kind::Newtype, name, &[""]);
        let inner = self.tracer.part(place, 0);
        self.within(Some(place), |tracer| visitor.visit_newtype_struct(Walk { tracer, at: inner }))
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Seq), "", &[""]);
        let element = self.tracer.part(self.at, 0);
        let end = usize::from(self.tracer.goes_into(self.at, &[element]));
        let of = self.at;
        self.within(None, |tracer| visitor.visit_seq(Parts { tracer, of, next: 0, end }))
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Map), "", &["", ""]);
        let (key, value) = (self.tracer.part(self.at, 0), self.tracer.part(self.at, 1));
        let end = if self.tracer.goes_into(self.at, &[key, value]) { 2 } else { 0 };
        let of = self.at;
        self.within(None, |tracer| visitor.visit_map(Parts { tracer, of, next: 0, end }))
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.at, PlaceKind::Is(Kind::Tuple), "", &vec![""; len]);
        let of = self.at;
        self.within(None, |tracer| visitor.visit_seq(Parts { tracer, of, next: 0, end: len }))
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let place = self.tracer.container::<V>(self.at, Kind::Tuple, name, &vec![""; len]);
        self.parts(place, visitor)
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let place = self.tracer.container::<V>(self.at, Kind::Struct, name, fields);
        self.parts(place, visitor)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let place = self.tracer.container::<V>(self.at, Kind::Enum, name, variants);
        self.within(Some(place), |tracer| {
            if let Some(place) = tracer.places.get_mut(place) {
                place.tries.resize(variants.len(), 0);
            }
            tracer.last = None;
            let chosen = tracer.variant(place).ok_or_else(given_up)?;
            let content = tracer.part(place, chosen);
            let value = visitor.visit_enum(Variant { tracer, index: chosen as u32, content })?;
            if let Some(place) = tracer.places.get_mut(place) {
                place.ending.get_or_insert(chosen);
            }
            Ok(value)
        })
    }
}

/// A variant that was chosen, and where its content is written down.
struct Variant<'t> {
    tracer: &'t mut Tracer,
    index: u32,
    content: usize,
}

impl<'t> de::EnumAccess<'static> for Variant<'t> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'static>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let index: U32Deserializer<DecodeError> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl de::VariantAccess<'static> for Variant<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        self.tracer.learn(self.content, PlaceKind::Is(Kind::Unit), "", &[]);
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Walk { tracer: self.tracer, at: self.content })
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.content, PlaceKind::Is(Kind::Tuple), "", &vec![""; len]);
        visitor.visit_seq(Parts { tracer: self.tracer, of: self.content, next: 0, end: len })
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.tracer.learn(self.content, PlaceKind::Is(Kind::Struct), "", fields);
        visitor.visit_seq(Parts { tracer: self.tracer, of: self.content, next: 0, end: fields.len() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(dead_code, reason = "the types are looked at and not made")]

    use std::borrow::Cow;
    use std::collections::{BTreeMap, HashSet};
    use std::net::{IpAddr, SocketAddr};
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn text<T: Deserialize<'static>>() -> String {
        trace::<T>().to_string()
    }

    #[test]
    fn every_variant_is_found_wherever_the_enum_stands() {
        #[derive(serde::Deserialize)]
        enum Inner {
            A,
            B(u8),
            C { x: f32 },
        }
        #[derive(serde::Deserialize)]
        enum Outer {
            First(Inner, Inner),
            Second(Vec<Option<Inner>>),
        }
        let inner = "enum Inner { A, B(u8), C { x: f32 } }";
        assert_eq!(text::<Inner>(), inner);
        assert_eq!(text::<BTreeMap<String, Vec<Inner>>>(), format!("Map<String, Vec<{inner}>>"));
        assert_eq!(text::<Outer>(), format!("enum Outer {{ First({inner}, Inner), Second(Vec<Option<Inner>>) }}"));
    }

    #[test]
    fn recursion_ends() {
        #[derive(serde::Deserialize)]
        struct List {
            next: Option<Box<List>>,
            value: u8,
        }
        #[derive(serde::Deserialize)]
        enum Expression {
            Add(Box<Expression>, Box<Expression>),
            Negated(Box<Expression>),
            Call { name: String, arguments: Vec<Expression> },
            Number(f64),
            Block(Vec<Statement>),
        }
        #[derive(serde::Deserialize)]
        enum Statement {
            If(Expression, Box<Statement>, Option<Box<Statement>>),
            Return(Option<Expression>),
            Nothing,
        }
        assert_eq!(text::<List>(), "struct List { next: Option<List>, value: u8 }");
        assert_eq!(
            text::<Expression>(),
            "enum Expression { Add(Expression, Expression), Negated(Expression), \
             Call { name: String, arguments: Vec<Expression> }, Number(f64), \
             Block(Vec<enum Statement { If(Expression, Statement, Option<Statement>), Return(Option<Expression>), \
             Nothing }>) }"
        );
    }

    #[test]
    fn a_type_without_values_is_known_by_name() {
        #[derive(serde::Deserialize)]
        struct Endless {
            next: Box<Endless>,
        }
        #[derive(serde::Deserialize)]
        enum Never {}
        assert_eq!(text::<(u8, Option<Never>)>(), "(u8, Option<enum Never {  }>)");
        assert_eq!(text::<Endless>(), "struct Endless { next: Endless }");
    }

    #[test]
    fn generic_types_of_one_name_are_told_apart() {
        #[derive(serde::Deserialize)]
        struct Wrapper<T> {
            value: T,
        }
        assert_eq!(
            text::<(Wrapper<u8>, Wrapper<String>)>(),
            "(struct Wrapper { value: u8 }, struct Wrapper { value: String })"
        );
        assert_eq!(
            text::<Result<Wrapper<u8>, Wrapper<u8>>>(),
            "enum Result { Ok(struct Wrapper { value: u8 }), Err(Wrapper) }"
        );
    }

    #[test]
    fn types_of_the_standard_library_are_traced() {
        assert_eq!(text::<Duration>(), "struct Duration { secs: u64, nanos: u32 }");
        assert_eq!(text::<NonZeroU32>(), "u32");
        assert_eq!(text::<HashSet<char>>(), "Vec<char>");
        assert_eq!(text::<Cow<'static, str>>(), "String");
        assert_eq!(text::<Option<std::net::Ipv6Addr>>(), "Option<[u8; 16]>");
        assert!(text::<IpAddr>().starts_with("enum IpAddr { V4(u8, u8, u8, u8), V6("));
        assert!(text::<SocketAddr>().starts_with("enum SocketAddr { V4("));
        assert_eq!(text::<std::path::PathBuf>(), "String");
        assert_eq!(text::<(u8, i16, u32, i64, u128, i128, f32, f64, bool, char)>(), {
            "(u8, i16, u32, i64, u128, i128, f32, f64, bool, char)"
        });
    }

    #[test]
    fn types_that_check_their_values_are_found_by_trying() {
        #[derive(serde::Deserialize)]
        #[serde(try_from = "String")]
        struct Version(String);
        impl TryFrom<String> for Version {
            type Error = &'static str;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                if text.split('.').count() == 3 { Ok(Self(text)) } else { Err("not a version") }
            }
        }
        #[derive(serde::Deserialize)]
        #[serde(try_from = "Vec<u16>")]
        struct NotEmpty(Vec<u16>);
        impl TryFrom<Vec<u16>> for NotEmpty {
            type Error = &'static str;
            fn try_from(list: Vec<u16>) -> Result<Self, Self::Error> {
                if list.is_empty() { Err("empty") } else { Ok(Self(list)) }
            }
        }
        #[derive(serde::Deserialize)]
        enum Kind {
            A,
            B(Version),
        }
        #[derive(serde::Deserialize)]
        struct Job {
            version: Version,
            list: NotEmpty,
            kind: Kind,
            rest: u8,
        }
        assert_eq!(
            text::<Job>(),
            "struct Job { version: String, list: Vec<u16>, kind: enum Kind { A, B(String) }, rest: u8 }"
        );
    }

    #[test]
    fn two_types_of_one_name_are_two() {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "traced only")]
        struct Both<A, B> {
            one: A,
            two: B,
        }
        fn both<A>() -> String
        where
            A: de::DeserializeOwned,
        {
            #[derive(serde::Deserialize)]
            #[expect(dead_code, reason = "traced only")]
            struct Point {
                x: u8,
            }
            text::<Both<A, Point>>()
        }
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "traced only")]
        struct Point {
            x: u8,
            y: String,
        }
        let shown = both::<Point>();
        assert!(shown.contains("x: u8, y: String") && shown.contains("Point { x: u8 }"), "{shown}");
    }

    #[test]
    fn what_lies_behind_something_that_refuses_everything_is_known_by_name_only() {
        #[derive(serde::Deserialize)]
        #[serde(try_from = "String")]
        struct Refuses(String);
        impl TryFrom<String> for Refuses {
            type Error = &'static str;
            fn try_from(_: String) -> Result<Self, Self::Error> {
                Err("no")
            }
        }
        #[derive(serde::Deserialize)]
        struct Unknown {
            refuses: Refuses,
            beyond: u8,
        }
        #[derive(serde::Deserialize)]
        struct Known {
            optional: Option<Refuses>,
            beyond: u8,
        }
        assert_eq!(text::<Refuses>(), "String", "all it asks for is known");
        assert_eq!(text::<Unknown>(), "struct Unknown { refuses: String, beyond: Unknown }");
        assert_eq!(text::<Vec<Unknown>>(), "Vec<struct Unknown { refuses: String, beyond: Unknown }>");
        assert_eq!(text::<Known>(), "struct Known { optional: Option<String>, beyond: u8 }");
    }

    #[test]
    fn what_asks_the_bytes_what_they_are_says_so() {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            A(u8),
            B(String),
        }
        assert_eq!(text::<Vec<Untagged>>(), "Vec<a type that describes itself>");
    }

    #[test]
    fn names_are_shortened_to_what_does_not_depend_on_where_a_type_lies() {
        assert_eq!(short_name("a::b::Name<c::D, (e::F, &str)>"), "Name<D, (F, &str)>");
        assert_eq!(short_name("u8"), "u8");
    }

    #[test]
    fn many_variants_take_few_passes_each() {
        macro_rules! large {
            ($($variant:ident),*) => {
                #[derive(serde::Deserialize)]
                enum Large { $($variant(Box<Large>, Option<Box<Large>>),)* End }
            };
        }
        large!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z, A1, B1, C1, D1, E1, F1);
        let text = text::<Large>();
        assert!(text.starts_with("enum Large { A(Large, Option<Large>), "), "{text}");
        assert!(text.ends_with("F1(Large, Option<Large>), End }"), "{text}");
    }
}
