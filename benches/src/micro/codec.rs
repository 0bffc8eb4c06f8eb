//! Values to bytes and back: as generated code has it done, and by postcard alone.

use std::hint::black_box;
use std::io;

use rapace::__private::{Budget, Encoder, Message, decode, encode, leaf};
use serde::{Deserialize, Serialize};

use super::{Many, Operation, many};

pub(super) const SECTION: &str = "Codec";

/// Of short messages on the stack.
const SHORT: usize = 24;

/// What a service might return: numbers, a text, a list, something optional.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Order {
    id: u64,
    customer: String,
    price: f64,
    items: Vec<(u32, u16)>,
    comment: Option<String>,
}

fn order() -> Order {
    Order {
        id: 7_000_000_001,
        customer: "somebody with a name".into(),
        price: 12.5,
        items: (0..8).map(|index| (index * 1_000, 2)).collect(),
        comment: Some("to be left at the door".into()),
    }
}

fn bytes() -> Vec<u8> {
    vec![7; 1 << 10]
}

fn message<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("a value that can be encoded")
}

/// The two ways to make a message of a value of this type, and the two back.
macro_rules! both_ways {
    ($type:ty, $value:expr, $name:literal) => {
        [
            Operation {
                section: SECTION,
                name: concat!($name, " to bytes, postcard"),
                floor: None,
                make: || {
                    let value: $type = $value;
                    Ok(many(move || message(black_box(&value))))
                },
            },
            Operation {
                section: SECTION,
                name: concat!($name, " to bytes, rapace"),
                floor: Some(concat!($name, " to bytes, postcard")),
                make: || {
                    let value: $type = $value;
                    Ok(many(move || {
                        let mut encoder = Encoder::new();
                        encode(leaf!($type), black_box(&value), &mut encoder).expect("a value that can be encoded");
                        encoder.to_vec()
                    }))
                },
            },
            Operation {
                section: SECTION,
                name: concat!($name, " from bytes, postcard"),
                floor: None,
                make: || {
                    let bytes = message::<$type>(&$value);
                    Ok(many(move || {
                        postcard::from_bytes::<$type>(&black_box(&bytes).clone()).expect("the value's bytes")
                    }))
                },
            },
            Operation {
                section: SECTION,
                name: concat!($name, " from bytes, rapace"),
                floor: Some(concat!($name, " from bytes, postcard")),
                make: || {
                    let bytes = message::<$type>(&$value);
                    Ok(many(move || {
                        let message = Message::from_bytes(black_box(&bytes).clone(), Budget::default());
                        decode::<$type, _>(leaf!($type), &mut message.reader()).expect("the value's bytes")
                    }))
                },
            },
        ]
    };
}

const ADD_BY_POSTCARD: &str = "two `u32` to bytes, postcard";

fn add_by_postcard() -> io::Result<Many> {
    Ok(many(|| {
        let mut bytes = [0; SHORT];
        let arguments = black_box((20_u32, 300_000_u32));
        let len = postcard::to_slice(&arguments, &mut bytes).expect("enough room").len();
        (bytes, len)
    }))
}

fn add_by_rapace() -> io::Result<Many> {
    Ok(many(|| {
        let mut encoder = Encoder::new();
        let (a, b) = black_box((20_u32, 300_000_u32));
        encode(leaf!(u32), &a, &mut encoder).expect("a value that can be encoded");
        encode(leaf!(u32), &b, &mut encoder).expect("a value that can be encoded");
        black_box(&encoder).len()
    }))
}

const ADD_BACK_BY_POSTCARD: &str = "two `u32` from bytes, postcard";

fn add_back_by_postcard() -> io::Result<Many> {
    let bytes = message(&(20_u32, 300_000_u32));
    Ok(many(move || postcard::from_bytes::<(u32, u32)>(&black_box(&bytes).clone()).expect("the value's bytes")))
}

fn add_back_by_rapace() -> io::Result<Many> {
    let bytes = message(&(20_u32, 300_000_u32));
    Ok(many(move || {
        let message = Message::from_bytes(black_box(&bytes).clone(), Budget::default());
        let mut reader = message.reader();
        let a: u32 = decode(leaf!(u32), &mut reader).expect("the value's bytes");
        let b: u32 = decode(leaf!(u32), &mut reader).expect("the value's bytes");
        (a, b)
    }))
}

/// The arguments of an `add`, which are no tuple for the product.
const ARGUMENTS: [Operation; 4] = [
    Operation { section: SECTION, name: ADD_BY_POSTCARD, floor: None, make: add_by_postcard },
    Operation {
        section: SECTION,
        name: "two `u32` to bytes, rapace",
        floor: Some(ADD_BY_POSTCARD),
        make: add_by_rapace,
    },
    Operation { section: SECTION, name: ADD_BACK_BY_POSTCARD, floor: None, make: add_back_by_postcard },
    Operation {
        section: SECTION,
        name: "two `u32` from bytes, rapace",
        floor: Some(ADD_BACK_BY_POSTCARD),
        make: add_back_by_rapace,
    },
];
const BYTES: [Operation; 4] = both_ways!(Vec<u8>, bytes(), "`Vec<u8>` of 1 KiB");
const STRUCT: [Operation; 4] = both_ways!(Order, order(), "a struct of five fields");

/// All of them.
pub(super) const OPERATIONS: [Operation; 12] = {
    let [a, b, c, d] = ARGUMENTS;
    let [e, f, g, h] = BYTES;
    let [i, j, k, l] = STRUCT;
    [a, b, c, d, e, f, g, h, i, j, k, l]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_make_the_same_bytes_and_read_each_others() {
        let order = order();
        let mut encoder = Encoder::new();
        encode(leaf!(Order), &order, &mut encoder).unwrap();
        assert_eq!(encoder.to_vec(), message(&order));
        let back = Message::from_bytes(message(&order), Budget::default());
        assert_eq!(decode::<Order, _>(leaf!(Order), &mut back.reader()).unwrap(), order);
    }
}
