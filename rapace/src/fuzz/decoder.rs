//! Any bytes as values of a dozen types, within small limits.
//!
//! What is accepted is what postcard accepts, takes no more memory than the limits say, and becomes the same bytes again in
//! every way to encode it; what is refused without a limit postcard refuses as well. How the bytes are split between the
//! descriptor and the slot makes no difference.

use std::borrow::Cow;
use std::collections::{BTreeMap, LinkedList};
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::input::Input;
use crate::__private::{decode, encode, leaf};
use crate::codec::{Budget, DecodeError, Encoder, Message};
use crate::layout::INLINE_MAX;
use crate::limits::Limits;

/// A choice of type, of limits and of the split, and the bytes of a message.
pub fn decoder(data: &[u8]) {
    let mut input = Input::new(data);
    let shape = input.below(14);
    let limits = Limits {
        decode_depth: input.one_of(&[1, 2, 5, 16, 64]),
        decode_elements: input.one_of(&[0, 3, 100, 1 << 10, 1 << 16]),
        decode_bytes: input.one_of(&[0, 64, 1 << 10, 1 << 16]),
        ..Limits::default()
    };
    let lead = input.below(INLINE_MAX + 1);
    let given = Given { bytes: input.bytes(usize::MAX), lead, limits };
    match shape {
        0 => check(&given, |value: &Vec<u8>| value.len(), |_| 1),
        1 => check(&given, |value: &String| value.len(), |_| 1),
        2 => check(&given, |value: &Vec<String>| listed(value) + value.iter().map(String::len).sum::<usize>(), |_| 1),
        3 => check(
            &given,
            |value: &BTreeMap<String, u64>| value.len() * 32 + value.keys().map(String::len).sum::<usize>(),
            |_| 1,
        ),
        4 => check(&given, Tree::heap, Tree::depth),
        5 => check(&given, Chain::heap, Chain::depth),
        6 => check(&given, |_: &Singles| 0, |_| 2),
        7 => check(&given, |value: &Vec<(u16, Option<i64>)>| listed(value), |value| 1 + value.len().min(1)),
        8 => check(&given, |value: &LinkedList<()>| 16 * value.len(), |_| 1),
        9 => check(
            &given,
            |value: &Vec<Option<[u64; 32]>>| listed(value),
            |value| 1 + 2 * usize::from(value.iter().any(Option::is_some)),
        ),
        10 => check(&given, |value: &Result<u32, String>| value.as_ref().map_or_else(String::len, |_| 0), |_| 1),
        11 => check(&given, |value: &Named| value.name.len() + listed(&value.points), |_| 1),
        12 => borrows(&given),
        _ => by_hand(&given),
    }
}

struct Given<'a> {
    bytes: &'a [u8],
    lead: usize,
    limits: Limits,
}

impl Given<'_> {
    fn message(&self) -> Message {
        let (lead, tail) = self.bytes.split_at(self.lead.min(self.bytes.len()));
        Message::from_parts(lead, tail.to_vec(), Budget::new(&self.limits))
    }
}

/// What the elements of a list take.
fn listed<T>(list: &[T]) -> usize {
    size_of_val(list)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Nothing,
    Number(f64),
    Text(String),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Pair(Box<Tree>, Box<Tree>),
    Named { name: String, inner: Option<Box<Tree>> },
}

impl Tree {
    fn heap(&self) -> usize {
        match self {
            Self::Nothing | Self::Number(_) => 0,
            Self::Text(text) => text.len(),
            Self::List(list) => listed(list) + list.iter().map(Self::heap).sum::<usize>(),
            Self::Map(map) => map.iter().map(|(key, value)| 24 + key.len() + size_of::<Self>() + value.heap()).sum(),
            Self::Pair(a, b) => 2 * size_of::<Self>() + a.heap() + b.heap(),
            Self::Named { name, inner } => {
                name.len() + inner.as_ref().map_or(0, |inner| size_of::<Self>() + inner.heap())
            }
        }
    }

    /// Levels that the limit counts, or fewer.
    fn depth(&self) -> usize {
        let inner = match self {
            Self::Nothing | Self::Number(_) | Self::Text(_) => 0,
            Self::List(list) => 1 + list.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(map) => 1 + map.values().map(Self::depth).max().unwrap_or(0),
            Self::Pair(a, b) => a.depth().max(b.depth()),
            Self::Named { inner, .. } => inner.as_ref().map_or(0, |inner| 1 + inner.depth()),
        };
        1 + inner
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

impl Chain {
    fn heap(&self) -> usize {
        self.0.as_ref().map_or(0, |next| size_of::<Self>() + next.heap())
    }

    fn depth(&self) -> usize {
        1 + self.0.as_ref().map_or(0, |next| 1 + next.depth())
    }
}

type Singles = (u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, (f32, f64, char, bool, ()));

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    number: u32,
    name: String,
    points: Vec<i16>,
    last: Option<char>,
}

/// The types that have a codec of their own go both ways.
fn check<T: Debug + Serialize + DeserializeOwned>(given: &Given<'_>, heap: fn(&T) -> usize, depth: fn(&T) -> usize) {
    let message = given.message();
    let mut reader = message.reader();
    let ours = reader.deserialize::<T>();
    let Some(theirs) = unless_limited(given, &ours) else { return };
    let (Ok(value), Some((same, rest))) = (ours, theirs) else { return };
    assert_eq!(reader.remaining(), rest, "the value ends elsewhere");
    assert!(depth(&value) <= given.limits.decode_depth, "{} levels", depth(&value));
    let most = given.limits.decode_bytes + given.bytes.len();
    assert!(heap(&value) <= most, "{} bytes of memory where {most} are allowed", heap(&value));
    let bytes = postcard::to_stdvec(&value).unwrap();
    assert_eq!(bytes, postcard::to_stdvec(&same).unwrap(), "{value:?} is not {same:?}");
    let mut encoder = Encoder::new();
    encoder.serialize(&value).unwrap();
    assert_eq!(encoder.to_vec(), bytes);
    let message = Message::from_bytes(bytes.clone(), Budget::default());
    let again = message.reader().deserialize::<T>().unwrap();
    assert_eq!(postcard::to_stdvec(&again).unwrap(), bytes, "{again:?} is not {value:?}");
}

/// What postcard says, and how many bytes it leaves, where no limit of ours is in the way: it has none itself, so it would
/// not come back from some messages.
fn unless_limited<'a, T: Deserialize<'a>>(
    given: &Given<'a>,
    ours: &Result<T, DecodeError>,
) -> Option<Option<(T, usize)>> {
    if let Err(DecodeError::Limit { limit, max }) = ours {
        let limits = &given.limits;
        let max_of = [
            ("decode_depth", limits.decode_depth),
            ("decode_elements", limits.decode_elements),
            ("decode_bytes", limits.decode_bytes),
        ];
        assert!(max_of.contains(&(limit, *max)), "no such limit: {limit} {max}");
        return None;
    }
    let theirs = postcard::take_from_bytes::<T>(given.bytes).map(|(value, rest)| (value, rest.len())).ok();
    let text = ours.as_ref().err().map(DecodeError::to_string).unwrap_or_default();
    assert_eq!(ours.is_ok(), theirs.is_some(), "{text}");
    assert!(text.len() < 500);
    Some(theirs)
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Borrowing<'a> {
    text: &'a str,
    bytes: &'a [u8],
    #[serde(borrow)]
    cow: Cow<'a, str>,
    last: Option<&'a str>,
}

/// What is lent by the message is what was in it.
fn borrows(given: &Given<'_>) {
    let message = given.message();
    let mut reader = message.reader();
    let ours = reader.deserialize::<Borrowing<'_>>();
    if matches!(ours, Err(DecodeError::Limit { .. })) {
        return;
    }
    let theirs = postcard::take_from_bytes::<Borrowing<'_>>(given.bytes).ok();
    assert_eq!(ours.is_ok(), theirs.is_some(), "{ours:?}");
    if let (Ok(ours), Some((theirs, rest))) = (ours, theirs) {
        assert_eq!((&ours, reader.remaining()), (&theirs, rest.len()));
    }
}

/// Values that go by hand are those that serde reads, one after the other as arguments are.
fn by_hand(given: &Given<'_>) {
    macro_rules! one_by_one {
        ($($name:ident: $type:ty),*) => {{
            let message = given.message();
            let mut reader = message.reader();
            let mut rest = given.bytes;
            $(
                let ours = decode(leaf!($type), &mut reader);
                let theirs = postcard::take_from_bytes::<$type>(rest).ok();
                assert_eq!(ours.is_ok(), theirs.is_some(), "{}: {ours:?}", stringify!($type));
                let (Ok($name), Some((same, behind))) = (ours, theirs) else { return };
                let mut encoder = Encoder::new();
                encode(leaf!($type), &$name, &mut encoder).unwrap();
                assert_eq!(encoder.to_vec(), postcard::to_stdvec(&same).unwrap());
                rest = behind;
                assert_eq!(reader.remaining(), rest.len());
            )*
        }};
    }
    one_by_one!(a: u32, b: Vec<u8>, c: bool, d: String, e: i64, f: u16, g: &str, h: f64, i: &[u8], j: char, k: i16, l: u64);
}
