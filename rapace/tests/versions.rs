//! Two versions of a trait in two processes, each once as the server and once as the client: what may differ, by the table
//! of `codec/shape.rs`, and what is refused with both sides in words.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::path::Path;

use peer::say;
use rapace::{ConnectError, RpcError, Server, ServerHandle};

/// What a client found: how its value arrived, or why there is no client.
type Found = Result<Result<String, RpcError>, ConnectError>;

/// One version: how it is served, and called.
#[derive(Clone, Copy)]
struct Version {
    name: &'static str,
    serve: fn(&Path) -> ServerHandle,
    call: fn(&Path) -> Found,
    /// What the server finds when it is called.
    value: fn() -> String,
}

/// Versions of a service that differ in the type of one argument alone.
macro_rules! versions {
    ($($name:ident: $type:ty = $value:expr, { $($item:item)* })*) => {
        $(
            mod $name {
                use super::*;

                $(
                    #[derive(Debug, serde::Serialize, serde::Deserialize)]
                    $item
                )*

                #[rapace::service(name = "Versioned")]
                trait Service {
                    fn shown(&self, value: $type) -> String;
                }

                struct Shows;

                impl Service for Shows {
                    fn shown(&self, value: $type) -> String {
                        format!("{value:?}")
                    }
                }

                pub(super) const VERSION: Version = Version {
                    name: stringify!($name),
                    serve: |path| Server::new(ServiceServer::new(Shows)).bind(path).unwrap(),
                    call: |path| Ok(ServiceClient::connect(path)?.shown($value).wait()),
                    value: || format!("{:?}", $value),
                };
            }
        )*

        const VERSIONS: &[Version] = &[$($name::VERSION),*];
    };
}

versions! {
    point: Point = Point { x: 1, y: 2 }, { struct Point { x: u32, y: u32 } }
    point_of_another_name: Place = Place { x: 1, y: 2 }, { struct Place { x: u32, y: u32 } }
    point_in_a_newtype: Wrapped = Wrapped(Point { x: 1, y: 2 }),
        { struct Wrapped(Point); struct Point { x: u32, y: u32 } }
    point_in_a_box: Box<Point> = Box::new(Point { x: 1, y: 2 }), { struct Point { x: u32, y: u32 } }
    point_of_newtypes: Point = Point { x: Meters(1), y: Meters(2) },
        { struct Meters(u32); struct Point { x: Meters, y: Meters } }
    point_with_a_field_renamed: Point = Point { x: 1, z: 2 }, { struct Point { x: u32, z: u32 } }
    point_with_a_field_more: Point = Point { x: 1, y: 2, z: 3 }, { struct Point { x: u32, y: u32, z: u32 } }
    point_with_a_field_less: Point = Point { x: 1 }, { struct Point { x: u32 } }
    point_with_fields_moved: Point = Point { y: 1, x: 2 }, { struct Point { y: u32, x: u32 } }

    color: Color = Color::Green(7), { #[allow(dead_code, reason = "one is sent")] enum Color { Red, Green(u8) } }
    color_with_a_variant_renamed: Color = Color::Green(7),
        { #[allow(dead_code, reason = "one is sent")] enum Color { Rouge, Green(u8) } }
    color_with_a_variant_more: Color = Color::Green(7),
        { #[allow(dead_code, reason = "one is sent")] enum Color { Red, Green(u8), Blue } }
    color_with_a_variant_less: Color = Color::Green(7), { enum Color { Green(u8) } }
    color_with_variants_moved: Color = Color::Green(7),
        { #[allow(dead_code, reason = "one is sent")] enum Color { Green(u8), Red } }

    bytes: Vec<u8> = vec![1, 2, 3], {}
    bytes_borrowed: &[u8] = &[1, 2, 3], {}
    bytes_as_an_array: [u8; 3] = [1, 2, 3], {}
    text: String = "hello".to_owned(), {}
    text_borrowed: &str = "hello", {}
    text_in_a_box: Box<str> = Box::<str>::from("hello"), {}
    number: u32 = 7, {}
    number_wider: u64 = 7, {}
    number_signed: i32 = 7, {}
    number_or_none: Option<u32> = Some(7), {}
}

fn version(name: &str) -> &'static Version {
    VERSIONS.iter().find(|version| version.name == name).unwrap()
}

/// The first one and each of the others understand each other.
const SAME: [(&str, &[&str]); 3] = [
    ("point", &["point", "point_of_another_name", "point_in_a_newtype", "point_in_a_box", "point_of_newtypes"]),
    ("bytes", &["bytes_borrowed"]),
    ("text", &["text_borrowed", "text_in_a_box"]),
];

/// The first one and each of the others do not.
const OTHER: [(&str, &[&str]); 4] = [
    (
        "point",
        &[
            "point_with_a_field_renamed",
            "point_with_a_field_more",
            "point_with_a_field_less",
            "point_with_fields_moved",
        ],
    ),
    (
        "color",
        &[
            "color_with_a_variant_renamed",
            "color_with_a_variant_more",
            "color_with_a_variant_less",
            "color_with_variants_moved",
        ],
    ),
    ("bytes", &["bytes_as_an_array", "text"]),
    ("number", &["number_wider", "number_signed", "number_or_none"]),
];

/// Each pair, both ways.
fn pairs(of: &[(&str, &[&str])]) -> Vec<[&'static Version; 2]> {
    let both = |a, b| [[version(a), version(b)], [version(b), version(a)]];
    of.iter().flat_map(|(first, others)| others.iter().flat_map(move |other| both(first, other))).collect()
}

mod old {
    #[rapace::service(name = "Methods")]
    pub(super) trait Methods {
        fn first(&self) -> u32;
        fn second(&self, number: u32) -> u32;
        fn third(&self, text: &str) -> String;
    }
}

/// One method less, one more, another order, and another name for an argument.
mod new {
    #[rapace::service(name = "Methods")]
    pub(super) trait Methods {
        fn fourth(&self) -> u32;
        fn third(&self, words: String) -> String;
        fn first(&self) -> u32;
    }
}

/// A version of a method: how its argument comes, and whether it is answered.
struct Way {
    name: &'static str,
    serve: fn(&Path) -> ServerHandle,
    connect: fn(&Path) -> Result<(), ConnectError>,
    /// What is said of it where it differs.
    signature: &'static str,
    parts: [&'static str; 2],
}

macro_rules! ways {
    ($($name:ident: $(#[$($attribute:tt)*])? $type:ty, $signature:literal, $argument:literal, $result:literal;)*) => {
        $(
            mod $name {
                use super::*;

                #[rapace::service(name = "Ways")]
                trait Service {
                    $(#[$($attribute)*])?
                    fn method(&self, a: $type);
                }

                struct Nothing;

                impl Service for Nothing {
                    fn method(&self, _: $type) {}
                }

                pub(super) const WAY: Way = Way {
                    name: stringify!($name),
                    serve: |path| Server::new(ServiceServer::new(Nothing)).bind(path).unwrap(),
                    connect: |path| ServiceClient::connect(path).map(drop),
                    signature: $signature,
                    parts: [$argument, $result],
                };
            }
        )*

        const WAYS: &[Way] = &[$($name::WAY),*];
    };
}

ways! {
    by_value: u32, "fn method(a: u32)", "argument `a`", "result";
    to_caller: rapace::Tx<u32>, "fn method(a: rapace::Tx<u32>)", "output stream `a`", "result";
    to_server: rapace::Rx<u32>, "fn method(a: rapace::Rx<u32>)", "input stream `a`", "result";
    to_server_wider: rapace::Rx<u64>, "fn method(a: rapace::Rx<u64>)", "input stream `a`", "result";
    one_way: #[rapace(oneway)] u32, "#[rapace(oneway)] fn method(a: u32)", "argument `a`", "one-way call";
}

struct Methods;

impl old::Methods for Methods {
    fn first(&self) -> u32 {
        1
    }
    fn second(&self, number: u32) -> u32 {
        number * 2
    }
    fn third(&self, text: &str) -> String {
        format!("old {text}")
    }
}

impl new::Methods for Methods {
    fn fourth(&self) -> u32 {
        4
    }
    fn third(&self, words: String) -> String {
        format!("new {words}")
    }
    fn first(&self) -> u32 {
        1
    }
}

#[test]
fn peer_entry() {
    peer::run(&[("serves all versions", serve_all)]);
}

fn serve_all(directory: &str) {
    let directory = Path::new(directory);
    let mut servers: Vec<_> = VERSIONS.iter().map(|version| (version.serve)(&directory.join(version.name))).collect();
    servers.extend(WAYS.iter().map(|way| (way.serve)(&directory.join(way.name))));
    servers.push(Server::new(old::MethodsServer::new(Methods)).bind(directory.join("old")).unwrap());
    servers.push(Server::new(new::MethodsServer::new(Methods)).bind(directory.join("new")).unwrap());
    say("serving");
    peer::hear();
}

/// Runs with a server of each version in another process, in this directory.
fn with_servers(test: impl FnOnce(&Path)) {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let mut process = guard.spawn("serves all versions", directory.path().display());
    assert_eq!(process.hear(), "serving");
    test(directory.path());
    process.join();
}

#[test]
fn versions_of_the_same_shape_understand_each_other() {
    with_servers(|directory| {
        for [server, client] in pairs(&SAME) {
            let found = (client.call)(&directory.join(server.name));
            let found = found.unwrap_or_else(|error| panic!("{} at {}: {error}", client.name, server.name));
            assert_eq!(found, Ok((server.value)()), "{} at {}", client.name, server.name);
        }
    });
}

#[test]
fn versions_of_another_shape_are_refused_when_they_meet() {
    with_servers(|directory| {
        for [server, client] in pairs(&OTHER) {
            let found = (client.call)(&directory.join(server.name));
            let Err(error) = found else { panic!("{} at {}: {found:?}", client.name, server.name) };
            let text = error.to_string();
            let ConnectError::Incompatible { differences } = error else { panic!("{text}") };
            assert_eq!(differences.len(), 1, "{text}");
            assert!(text.contains("Versioned.shown") && text.contains("argument `value`"), "{text}");
        }
    });
}

#[test]
fn a_stream_and_a_one_way_call_are_what_they_are_on_both_sides() {
    with_servers(|directory| {
        for (client, server) in WAYS.iter().flat_map(|client| WAYS.iter().map(move |server| (client, server))) {
            let found = (client.connect)(&directory.join(server.name));
            if client.name == server.name {
                found.unwrap();
                continue;
            }
            let text = found.unwrap_err().to_string();
            let sides = format!("here `{}`, at the server `{}`", client.signature, server.signature);
            assert!(text.contains("`Ways.method` differs") && text.contains(&sides), "{text}");
            for (ours, theirs) in client.parts.iter().zip(&server.parts) {
                assert_eq!(text.contains(&format!("; {ours} here, {theirs} there")), ours != theirs, "{text}");
            }
            if client.parts == server.parts {
                assert!(text.contains("; input stream `a`: ") && text.contains("u64"), "{text}");
            }
        }
    });
}

#[test]
fn methods_may_be_added_removed_and_moved() {
    with_servers(|directory| {
        let of_new = old::MethodsClient::connect(directory.join("new")).unwrap();
        assert_eq!(of_new.first().wait(), Ok(1));
        assert_eq!(of_new.third("text").wait(), Ok("new text".to_owned()));
        assert_eq!(of_new.second(1).wait(), Err(RpcError::UnknownMethod("Methods.second".into())));
        assert_eq!(of_new.second(1).start().map(drop), Err(RpcError::UnknownMethod("Methods.second".into())));
        let of_old = new::MethodsClient::connect(directory.join("old")).unwrap();
        assert_eq!(of_old.first().wait(), Ok(1));
        assert_eq!(of_old.third("text".to_owned()).wait(), Ok("old text".to_owned()));
        assert_eq!(of_old.fourth().wait(), Err(RpcError::UnknownMethod("Methods.fourth".into())));
        let elsewhere = old::MethodsClient::connect(directory.join("point")).unwrap_err();
        assert!(matches!(elsewhere, ConnectError::NoService { service: "Methods", .. }), "{elsewhere}");
    });
}
