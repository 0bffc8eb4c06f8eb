//! The shape of a type: what its `Deserialize` asks for, as data that can be compared, printed and sent.
//!
//! postcard's bytes say nothing of themselves: a struct that gained a field decodes to garbage or to an error far from
//! the cause. So two programs compare the shapes of a method's arguments and results before the first call.
//!
//! What counts, and so may change only in both programs at once: the kinds of all parts, their order, and the names of
//! fields and variants, since two fields of one type that change places would not be noticed otherwise. What does not count:
//! names of types, and newtypes, which have no bytes of their own. A variant more at the end of an enum would be
//! readable as long as nobody sends it; it counts nevertheless, because the error would come at the worst time.
//!
//! | change | fingerprint |
//! |---|---|
//! | a type is renamed, or moved to another module | same |
//! | a type is wrapped in a newtype struct | same |
//! | `Vec<u8>` becomes `&[u8]` or `serde_bytes` | same |
//! | `String` becomes `&str`, `Box<T>` or `Arc<T>` becomes `T` | same |
//! | a field or a variant is renamed, added, removed or moved | other |
//! | an integer becomes wider | other |
//! | `T` becomes `Option<T>` | other |
//! | an array becomes a `Vec` | other |
//!
//! A type whose `Deserialize` refuses every value that is tried ([`trace`]) is *opaque* and counts by its name.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod difference;
mod text;
mod trace;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) use trace::trace;

/// How many levels of a shape are compared: a recursive one has no end, and a decoder goes no deeper by default.
const LEVELS: usize = 64;

/// What a type is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The first one is the type itself.
    nodes: Vec<Node>,
}

/// A type within a shape. Recursive types refer back to their own node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    kind: Kind,
    /// Of structs, enums and newtypes; empty for others.
    name: String,
    parts: Vec<Part>,
}

/// A part of a type: a field, a variant, an element.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Of fields and variants; empty for others.
    name: String,
    /// A place among the nodes.
    node: usize,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// The kinds of types that serde tells apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind),*
        }

        impl Kind {
            fn of_number(number: u8) -> Option<Self> {
                [$(Self::$kind),*].into_iter().find(|kind| *kind as u8 == number)
            }
        }
    };
}

kinds! {
    /// Known by name only.
    Opaque,
    Bool, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, F32, F64, Char, Str, Bytes, Unit,
    Option, Seq,
    /// Two parts: key and value.
    Map,
    /// Also arrays and tuple structs.
    Tuple,
    Struct,
    Newtype,
    /// Each part is a variant; what is in it is a unit, a tuple, a struct, or the one value.
    Enum,
}

impl Shape {
    /// A type without parts.
    pub(crate) fn single(kind: Kind) -> Self {
        Self::named(kind, "")
    }

    /// A type that cannot be traced.
    pub(crate) fn opaque<T: ?Sized>() -> Self {
        Self::named(Kind::Opaque, &trace::short_name(std::any::type_name::<T>()))
    }

    /// A type around one other: `Option`, `Seq`.
    pub(crate) fn of_one(kind: Kind, part: Self) -> Self {
        Self::named(kind, "").with_part("", part)
    }

    /// A tuple or an array.
    pub(crate) fn tuple(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::single(Kind::Tuple), |tuple, part| tuple.with_part("", part))
    }

    /// An enum whose variants have one value each.
    pub(crate) fn of_variants<const N: usize>(name: &str, variants: [(&str, Self); N]) -> Self {
        let parts = variants.into_iter();
        parts.fold(Self::named(Kind::Enum, name), |shape, (name, part)| shape.with_part(name, part))
    }

    fn named(kind: Kind, name: &str) -> Self {
        Self { nodes: vec![Node { kind, name: name.to_owned(), parts: Vec::new() }] }
    }

    /// Adds a part to the outermost type.
    fn with_part(mut self, name: &str, part: Self) -> Self {
        let offset = self.nodes.len();
        self.nodes.extend(part.nodes.into_iter().map(|mut node| {
            node.parts.iter_mut().for_each(|part| part.node = part.node.saturating_add(offset));
            node
        }));
        if let Some(root) = self.nodes.first_mut() {
            root.parts.push(Part { name: name.to_owned(), node: offset });
        }
        self
    }

    fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// For each node the one that counts in its place: newtypes have no bytes of their own.
    ///
    /// Every round doubles the newtypes that are stepped through, since the peer may send a long chain of them. One around
    /// itself has no value, and stands for itself or another of its circle.
    fn places(&self) -> Vec<usize> {
        let step = |(at, node): (usize, &Node)| match node.parts.first() {
            Some(inner) if node.kind == Kind::Newtype => inner.node,
            _ => at,
        };
        let mut places: Vec<usize> = self.nodes.iter().enumerate().map(step).collect();
        for _ in 0..usize::BITS.saturating_sub(places.len().leading_zeros()) {
            places = places.iter().map(|place| places.get(*place).copied().unwrap_or(*place)).collect();
        }
        places
    }

    /// What a node is on the wire, and the parts that matter there.
    fn on_wire<'a>(&'a self, node: &'a Node, places: &[usize]) -> (Kind, &'a [Part]) {
        let inner = |part: &Part| places.get(part.node).and_then(|place| self.node(*place));
        let is_byte = |part: &Part| inner(part).is_some_and(|node| node.kind == Kind::U8);
        match node.kind {
            Kind::Seq if node.parts.iter().all(is_byte) => (Kind::Bytes, &[]),
            Kind::Tuple | Kind::Struct if node.parts.is_empty() => (Kind::Unit, &[]),
            kind => (kind, &node.parts),
        }
    }

    /// A number that two types of the same shape share.
    ///
    /// It is a 64-bit FNV-1a over the type unfolded to 64 levels, so that it does not matter how often, or where, a
    /// type occurs that is described once.
    pub fn fingerprint(&self) -> u64 {
        let places = self.places();
        let labels: Vec<u64> = self.nodes.iter().map(|node| self.label(node, &places)).collect();
        let mut level = vec![0_u64; self.nodes.len()];
        for _ in 0..LEVELS {
            let deeper = self.nodes.iter().zip(&labels).map(|(node, label)| {
                let (_, parts) = self.on_wire(node, &places);
                parts.iter().fold(*label, |hash, part| {
                    let of_part = places.get(part.node).and_then(|place| level.get(*place));
                    fnv1a(hash, &of_part.copied().unwrap_or_default().to_le_bytes())
                })
            });
            let deeper: Vec<u64> = deeper.collect();
            // Without recursion it stays as it is from some level on.
            if deeper == level {
                break;
            }
            level = deeper;
        }
        let root = places.first().copied().unwrap_or_default();
        level.get(root).copied().unwrap_or_default()
    }

    /// What counts of a node, without its parts' own.
    fn label(&self, node: &Node, places: &[usize]) -> u64 {
        let (kind, parts) = self.on_wire(node, places);
        let mut hash = fnv1a(FNV_START, &[kind as u8]);
        if kind == Kind::Opaque {
            hash = fnv1a(hash, node.name.as_bytes());
        }
        for part in parts {
            hash = fnv1a(hash, &(part.name.len() as u64).to_le_bytes());
            hash = fnv1a(hash, part.name.as_bytes());
        }
        hash
    }

    /// Whether every part is a node, and each kind has the parts it must have.
    fn is_sound(&self) -> bool {
        let is_sound = |node: &Node| {
            let parts_fit = match node.kind {
                Kind::Option | Kind::Seq | Kind::Newtype => node.parts.len() == 1,
                Kind::Map => node.parts.len() == 2,
                Kind::Tuple | Kind::Struct | Kind::Enum => true,
                _ => node.parts.is_empty(),
            };
            parts_fit && node.parts.iter().all(|part| part.node < self.nodes.len())
        };
        !self.nodes.is_empty() && self.nodes.iter().all(is_sound)
    }
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = |node: &Node| {
            let parts: Vec<(String, u64)> =
                node.parts.iter().map(|part| (part.name.clone(), part.node as u64)).collect();
            (node.kind as u8, node.name.clone(), parts)
        };
        serializer.collect_seq(self.nodes.iter().map(row))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = Vec::<(u8, String, Vec<(String, u64)>)>::deserialize(deserializer)?;
        let node = |(kind, name, parts): (u8, String, Vec<(String, u64)>)| {
            let kind = Kind::of_number(kind).ok_or_else(|| de::Error::custom("a shape of an unknown kind"))?;
            let parts = parts.into_iter().map(|(name, node)| Part { name, node: node as usize }).collect();
            Ok(Node { kind, name, parts })
        };
        let shape = Self { nodes: rows.into_iter().map(node).collect::<Result<_, D::Error>>()? };
        if shape.is_sound() { Ok(shape) } else { Err(de::Error::custom("a shape whose parts are not there")) }
    }
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![allow(dead_code, reason = "the types are looked at and not made")]

    use std::collections::BTreeMap;

    use super::*;

    mod first {
        #[derive(serde::Deserialize)]
        pub(super) struct Entry {
            key: String,
            size: u64,
        }

        #[derive(serde::Deserialize)]
        pub(super) enum Event {
            Added(Entry),
            Moved { from: u32, to: u32 },
            Closed,
        }

        #[derive(serde::Deserialize)]
        pub(super) struct Tree {
            name: String,
            children: Vec<Tree>,
        }

        #[derive(serde::Deserialize)]
        pub(super) struct Twice {
            a: Entry,
            b: Entry,
        }
    }

    /// The same with other names of types, and everything wrapped.
    mod renamed {
        #[derive(serde::Deserialize)]
        pub(super) struct Key(Box<str>);

        #[derive(serde::Deserialize)]
        pub(super) struct Item {
            key: Key,
            size: usize,
        }

        #[derive(serde::Deserialize)]
        pub(super) struct Same {
            key: String,
            size: u64,
        }

        #[derive(serde::Deserialize)]
        pub(super) enum Happening {
            Added(Box<Item>),
            Moved { from: u32, to: u32 },
            Closed,
        }

        #[derive(serde::Deserialize)]
        pub(super) struct Children(Vec<Node>);

        #[derive(serde::Deserialize)]
        pub(super) struct Node {
            name: String,
            children: Children,
        }

        #[derive(serde::Deserialize)]
        pub(super) struct Different {
            a: Item,
            b: Same,
        }
    }

    mod changed {
        use super::first;

        macro_rules! entries {
            ($($name:ident { $($field:ident: $type:ty),* })*) => {
                $(
                    #[derive(serde::Deserialize)]
                    #[serde(rename = "Entry")]
                    pub(super) struct $name { $($field: $type),* }
                )*
            };
        }

        entries! {
            Wider { key: String, size: u128 }
            Renamed { key: String, length: u64 }
            Longer { key: String, size: u64, flags: u8 }
            Swapped { size: u64, key: String }
            Optional { key: String, size: Option<u64> }
        }

        #[derive(serde::Deserialize)]
        pub(super) enum Event {
            Added(first::Entry),
            Moved { from: u32, to: u32 },
            Closed,
            Reopened,
        }
    }

    fn fingerprint<T: Deserialize<'static>>() -> u64 {
        trace::<T>().fingerprint()
    }

    fn difference<A: Deserialize<'static>, B: Deserialize<'static>>() -> Option<String> {
        let (here, there) = (trace::<A>(), trace::<B>());
        let difference = here.difference(&there);
        assert_eq!(difference.is_none(), here.fingerprint() == there.fingerprint(), "{difference:?}");
        difference
    }

    /// The table at the top of this file.
    #[test]
    fn what_does_not_count_may_change_in_one_program() {
        assert_eq!(difference::<first::Entry, renamed::Item>(), None);
        assert_eq!(difference::<first::Event, renamed::Happening>(), None);
        assert_eq!(difference::<first::Tree, renamed::Node>(), None);
        assert_eq!(difference::<first::Twice, renamed::Different>(), None);
        assert_eq!(difference::<Vec<u8>, &'static [u8]>(), None);
        assert_eq!(difference::<String, &'static str>(), None);
        assert_eq!(difference::<BTreeMap<String, Box<u8>>, std::collections::HashMap<Box<str>, u8>>(), None);
        assert_eq!(difference::<(u8, u8), [u8; 2]>(), None);
    }

    #[test]
    fn what_counts_is_told_with_its_place() {
        let told = |difference: Option<String>| difference.unwrap();
        assert_eq!(told(difference::<first::Entry, changed::Wider>()), "field `size` is u64 here and u128 there");
        assert_eq!(
            told(difference::<first::Entry, changed::Renamed>()),
            "`Entry` has the fields (key, size) here and (key, length) there"
        );
        assert_eq!(
            told(difference::<Vec<first::Entry>, Vec<changed::Longer>>()),
            "field `[]` (`Entry`) has the fields (key, size) here and (key, size, flags) there"
        );
        assert_eq!(
            told(difference::<first::Entry, changed::Swapped>()),
            "`Entry` has the fields (key, size) here and (size, key) there"
        );
        assert_eq!(
            told(difference::<first::Entry, changed::Optional>()),
            "field `size` is u64 here and Option<u64> there"
        );
        assert_eq!(
            told(difference::<first::Event, changed::Event>()),
            "`Event` has the variants (Added, Moved, Closed) here and (Added, Moved, Closed, Reopened) there"
        );
        assert_eq!(told(difference::<[u8; 4], Vec<u8>>()), "it is [u8; 4] here and Vec<u8> there");
        assert_eq!(told(difference::<u8, first::Entry>()), "it is u8 here and struct Entry there");
        assert_eq!(
            told(difference::<(u8, Option<first::Tree>), (u8, Option<u64>)>()),
            "field `.1?` is struct Tree here and u64 there"
        );
    }

    #[test]
    fn it_reads_like_rust() {
        let text = |shape: Shape| shape.to_string();
        assert_eq!(text(trace::<first::Entry>()), "struct Entry { key: String, size: u64 }");
        assert_eq!(
            text(trace::<(first::Event, Option<first::Entry>)>()),
            "(enum Event { Added(struct Entry { key: String, size: u64 }), Moved { from: u32, to: u32 }, Closed }, \
             Option<Entry>)"
        );
        assert_eq!(text(trace::<first::Tree>()), "struct Tree { name: String, children: Vec<Tree> }");
        assert_eq!(text(trace::<renamed::Key>()), "struct Key(String)");
        assert_eq!(text(trace::<BTreeMap<u8, ([u8; 16], Vec<u8>, ())>>()), "Map<u8, ([u8; 16], Vec<u8>, ())>");
        assert_eq!(text(trace::<(f32,)>()), "(f32,)");
    }

    #[test]
    fn it_can_be_sent() {
        let shape = trace::<(first::Event, first::Tree)>();
        let bytes = postcard::to_stdvec(&shape).unwrap();
        assert_eq!(postcard::from_bytes::<Shape>(&bytes).unwrap(), shape);
    }

    #[test]
    fn a_shape_with_parts_that_are_not_there_is_refused() {
        type Rows = Vec<(u8, String, Vec<(String, u64)>)>;
        let sent = |rows: Rows| postcard::from_bytes::<Shape>(&postcard::to_stdvec(&rows).unwrap());
        let part = |node| vec![(String::new(), node)];
        assert!(sent(vec![]).is_err());
        assert!(sent(vec![(200, String::new(), vec![])]).is_err());
        assert!(sent(vec![(Kind::Option as u8, String::new(), part(1))]).is_err());
        assert!(sent(vec![(Kind::Option as u8, String::new(), vec![])]).is_err());
        assert!(sent(vec![(Kind::U8 as u8, String::new(), part(0))]).is_err());
    }

    #[test]
    fn a_hostile_shape_costs_little() {
        // An option of itself, a newtype around itself, and 2^n paths through n tuples.
        let part = |node: usize| Part { name: String::new(), node };
        let node = |kind, parts| Node { kind, name: String::new(), parts };
        let endless = Shape { nodes: vec![node(Kind::Option, vec![part(0)])] };
        let empty = Shape { nodes: vec![node(Kind::Newtype, vec![part(0)])] };
        let mut nodes: Vec<_> = (1..500).map(|next| node(Kind::Tuple, vec![part(next), part(next)])).collect();
        nodes.push(node(Kind::U8, vec![]));
        let wide = Shape { nodes };
        let u8 = Shape::single(Kind::U8);
        for shape in [&endless, &empty, &wide] {
            assert!(shape.is_sound());
            assert!(shape.to_string().len() < 100_000);
            shape.fingerprint();
            assert_eq!(shape.difference(shape), None);
            assert!(shape.difference(&u8).is_some());
            assert!(u8.difference(shape).is_some());
        }
    }
}
