//! Every shape that a method can have, called from another process: served on threads and in tokio, waited for and awaited.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "../../rapace/tests/peer/mod.rs"]
mod peer;
#[path = "shapes/services.rs"]
mod services;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peer::{Guard, Peer, say};
use rapace::CallError::App;
use rapace::RpcError;
use services::{
    Answers, AwaitedClient, AwaitedServer, Event, Person, Point, Refused, ShapesClient, ShapesServer, Shelf, Standard,
    StoreClient, StoreServer, Thirteen, Tree,
};

#[test]
fn peer_entry() {
    peer::run(&[
        ("shapes on threads", |path| on_threads(path, ShapesServer::new(Answers))),
        ("shapes in tokio", |path| in_tokio(path, ShapesServer::new(Answers))),
        ("awaited in tokio", |path| in_tokio(path, AwaitedServer::new(Answers))),
        ("store in tokio", |path| in_tokio(path, StoreServer::<_, String, Point, 3>::new(Shelf(Default::default())))),
    ]);
}

fn on_threads(path: &str, service: ShapesServer<Answers>) {
    let server = rapace::Server::new(service).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

fn in_tokio(path: &str, service: impl rapace::__private::Serve) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let server = rapace::aio::Server::new(service).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

/// A process that serves in this role.
struct Served {
    process: Peer,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn serve(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shapes.sock");
    let mut process = guard.spawn(role, path.display());
    assert_eq!(process.hear(), "serving");
    Served { process, path, _directory: directory }
}

fn awaited<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn point(x: i32) -> Point {
    Point { x, name: (x % 2 == 0).then(|| format!("point {x}")) }
}

fn person(name: &str) -> Person<'_> {
    Person { name, key: name.as_bytes(), title: Some(Cow::Borrowed("Dr.")) }
}

fn events() -> Vec<Event> {
    let named = Event::Named { at: u64::MAX, by: Some(Box::new(Event::One(1))) };
    vec![Event::Nothing, Event::One(255), Event::Two("zwei".to_owned(), point(2)), named]
}

fn standard() -> Standard {
    let map = [("a".to_owned(), vec![1, 2]), (String::new(), Vec::new())].into();
    (-1..7, 9.try_into().unwrap(), PathBuf::from("/a/b"), Duration::new(7, 9), [1, 300, 65_535].into(), map)
}

/// Has each shape called of a client of either trait. `$fetch` comes after each call: `.wait()`, `.await`.
macro_rules! call_every_shape {
    ($client:ident, $($fetch:tt)+) => {{
        assert_eq!($client.nothing() $($fetch)+, Ok(()));
        assert_eq!($client.unit(()) $($fetch)+, Ok(()));
        assert_eq!($client.one(255) $($fetch)+, Ok(0));
        let eight = (-128, u16::MAX, i32::MIN, u64::MAX, i128::MIN, -0.5, 'ß', true);
        let (a, b, c, d, e, f, g, h) = eight;
        assert_eq!($client.eight(a, b, c, d, e, f, g, h) $($fetch)+, Ok(eight));
        let fourteen = $client.fourteen(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14) $($fetch)+;
        assert_eq!(fourteen.unwrap().to_vec(), (1..=14).collect::<Vec<u8>>());
        let thirteen: Thirteen = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "thirteen".to_owned());
        let (one, .., text) = $client.thirteen(thirteen) $($fetch)+.unwrap();
        assert_eq!((one, text.as_str()), (1, "thirteen"));
        let owned = $client.owned("text".to_owned(), vec![7; 100_000], Box::new(point(1))) $($fetch)+;
        assert_eq!(owned, Ok((vec![7; 100_000], "text".to_owned(), point(1))));
        let arrays = $client.arrays([1, 2, 3, 4], [point(1), point(2)], []) $($fetch)+;
        assert_eq!(arrays, Ok(([point(1), point(2)], [1, 2, 3, 4], [])));

        assert_eq!($client.text("grüße") $($fetch)+.unwrap(), "GRÜSSE");
        assert_eq!($client.text("") $($fetch)+.unwrap(), "");
        let long = "x".repeat(300_000);
        assert_eq!($client.text(&long) $($fetch)+.unwrap().len(), long.len());
        assert_eq!($client.bytes(&[1, 2, 3]) $($fetch)+, Ok(vec![3, 2, 1]));
        let points = [point(1), point(2), point(3)];
        let lent = $client.lent(&points[0], &points[1..], &vec![String::new(); 5]) $($fetch)+;
        assert_eq!(lent, Ok((point(1), points[1..].to_vec(), 5)));
        let texts = $client.texts(&["a", "b"], vec![&[1], &[2, 3]], ("c", &[4])) $($fetch)+;
        assert_eq!(texts, Ok((vec!["a".to_owned(), "b".to_owned()], vec![1, 2, 3], "c [4]".to_owned())));
        let maybe = $client.maybe(Some("a"), Some(&[1]), Some(&point(5)), Some(&points)) $($fetch)+;
        assert_eq!(maybe.unwrap(), "Some(\"a\") Some([1]) Some(5) Some(3)");
        assert_eq!($client.maybe(None, None, None, None) $($fetch)+.unwrap(), "None None None None");
        let cows = $client.cows("a".into(), vec![1, 2].into(), Cow::Borrowed(&points), &"abc".into()) $($fetch)+;
        assert_eq!(cows, Ok(("a".to_owned(), vec![1, 2], points.to_vec(), 3)));
        let people = $client.borrowing(person("a"), &person("b"), vec![person("c"), person("d")], None) $($fetch)+;
        let expected: String = ["a", "b", "c", "d"].map(|name| person(name).to_string()).concat();
        assert_eq!(people, Ok(expected));

        let first = Some(vec![(1, None), (2, Some("zwei".to_owned()))]);
        let second = vec![vec![], vec![None, Some(point(2))]];
        assert_eq!($client.nested(first.clone(), second.clone()) $($fetch)+, Ok((second, first)));
        let (f, e, d, c, b, a) = standard();
        assert_eq!($client.standard(a, b, c, d, e, f) $($fetch)+, Ok(standard()));
        let tree = |label: &str| Tree {
            label: label.to_owned(),
            children: vec![Tree { label: "leaf".to_owned(), children: vec![] }; 3],
        };
        assert_eq!($client.tree(tree("root")) $($fetch)+, Ok(tree("ROOT")));
        let reversed: Vec<_> = events().into_iter().rev().collect();
        assert_eq!($client.events(events()) $($fetch)+, Ok(reversed));
        assert_eq!($client.inner_result(Some(Err("e".to_owned()))) $($fetch)+, Ok(vec![Err("e".to_owned())]));

        assert_eq!($client.fallible(Some(point(2))) $($fetch)+, Ok(point(2)));
        let refused = Refused::Because("there is none".to_owned());
        assert_eq!($client.fallible(None) $($fetch)+, Err(App(refused)));
        assert_eq!($client.fallible_units(false) $($fetch)+, Ok(()));
        assert_eq!($client.fallible_units(true) $($fetch)+, Err(App(())));
        assert_eq!($client.fallible_composed(&[1]) $($fetch)+, Ok(vec![1]));
        assert_eq!($client.fallible_composed(&[]) $($fetch)+, Err(App((1, vec!["empty".to_owned()]))));
        assert_eq!($client.fallible_twice(0) $($fetch)+, Err(App("zero".to_owned())));
        assert_eq!($client.fallible_twice(1) $($fetch)+, Ok(Err(1)));
        assert_eq!($client.fallible_twice(2) $($fetch)+, Ok(Ok(2)));
        assert_eq!($client.alias(0) $($fetch)+, Err(App(Refused::ByZero)));
        assert_eq!($client.alias(1) $($fetch)+, Ok(vec![1]));
        assert_eq!($client.outcome(0) $($fetch)+, Err(App(Refused::ByZero)));
        assert_eq!($client.outcome(1) $($fetch)+, Ok(1));
        assert_eq!($client.value(0) $($fetch)+, Ok(Err("zero".to_owned())));
        assert_eq!($client.value(1) $($fetch)+, Ok(Ok(1)));

        let us = i32::try_from(std::process::id()).unwrap();
        assert_eq!($client.context_first(5) $($fetch)+, Ok((5, us)));
        assert_eq!($client.context_between("ab", &[1, 2, 3]) $($fetch)+, Ok((5, false)));
        let timed = $client.context_between("ab", &[1]).timeout(Duration::from_secs(50)) $($fetch)+;
        assert_eq!(timed, Ok((3, true)));
        assert_eq!($client.context_last(6) $($fetch)+, Ok((6, false)));
        assert_eq!($client.context_alone() $($fetch)+, Ok(7));

        assert_eq!($client.in_time() $($fetch)+, Ok(true));
        assert!($client.again(1).is_idempotent() && !$client.one(1).is_idempotent());
        assert_eq!($client.again(8) $($fetch)+, Ok(8));
        assert_eq!($client.blocks("on a worker") $($fetch)+.unwrap(), "on a worker");
        assert_eq!($client.r#type(1, "a") $($fetch)+.unwrap(), "1a");
        assert_eq!($client.there(9) $($fetch)+, Ok(9));
        assert_eq!($client.with_body(40, "ab") $($fetch)+, Ok(42));
        assert_eq!($client.panics("on purpose") $($fetch)+, Err(RpcError::Panicked("on purpose".into())));
        // After a panic all is as before.
        assert_eq!($client.one(1) $($fetch)+, Ok(2));
    }};
}

/// The same with the shapes that are not waited for at once. `$start` begins a call.
macro_rules! stream_every_shape {
    ($client:ident, [$($start:tt)+], $($fetch:tt)+) => {{
        let (tx, mut rx) = rapace::stream();
        let call = $client.to_caller(&events(), tx) $($start)+;
        for event in events() {
            assert_eq!(rx.recv() $($fetch)+, Ok(Some(event)));
        }
        assert_eq!(rx.recv() $($fetch)+, Ok(None));
        assert_eq!(call $($fetch)+, Ok(4));

        let (mut tx, rx) = rapace::stream();
        let call = $client.to_server(rx, ", ") $($start)+;
        let long = "x".repeat(100_000);
        for word in ["a", &long, ""] {
            tx.send(word.to_owned()) $($fetch)+.unwrap();
        }
        drop(tx);
        assert_eq!(call $($fetch)+, Ok(format!("a, {long}, ")));
        let (tx, rx) = rapace::stream();
        let call = $client.to_server(rx, "").timeout(Duration::from_secs(50)) $($start)+;
        drop(tx);
        assert_eq!(call $($fetch)+, Err(App(Refused::ByZero)));

        let ((mut to, numbers), (products, mut from)) = (rapace::stream(), rapace::stream());
        let call = $client.both_ways(numbers, 3, products) $($start)+;
        for number in [0, 7, u16::MAX] {
            to.send(number) $($fetch)+.unwrap();
            assert_eq!(from.recv() $($fetch)+, Ok(Some((number, Some(u32::from(number) * 3)))));
        }
        drop(to);
        assert_eq!((from.recv() $($fetch)+, call $($fetch)+), (Ok(None), Ok(())));

        let [(mut ta, a), (mut tc, c), (mut te, e), (mut tg, g)] = [(); 4].map(|()| rapace::stream());
        let [(b, mut rb), (d, mut rd), (f, mut rf), (h, mut rh)] = [(); 4].map(|()| rapace::stream());
        let call = $client.eight_streams(a, b, c, d, e, f, g, h) $($start)+;
        for (number, tx) in (1..).zip([&mut ta, &mut tc, &mut te, &mut tg]) {
            tx.send(number) $($fetch)+.unwrap();
        }
        drop((ta, tc, te, tg));
        for (number, rx) in (1..).zip([&mut rb, &mut rd, &mut rf, &mut rh]) {
            assert_eq!((rx.recv() $($fetch)+, rx.recv() $($fetch)+), (Ok(Some(number)), Ok(None)));
        }
        assert_eq!(call $($fetch)+, Ok(()));

        let (mut tx, rx) = rapace::stream();
        let call = $client.blocks_with_a_stream(rx) $($start)+;
        tx.send(vec![1; 1_000]) $($fetch)+.unwrap();
        drop(tx);
        assert_eq!(call $($fetch)+, Ok(1_000));

        assert_eq!($client.one_way("told", Some(&point(1))) $($fetch)+, Ok(()));
        assert_eq!($client.renamed_one_way().send(), Ok(()));
        assert_eq!($client.blocks_one_way(vec![7; 10_000]) $($fetch)+, Ok(()));
        let mut told = Vec::new();
        while told.len() < 3 {
            told.extend($client.told() $($fetch)+.unwrap());
        }
        told.sort();
        assert_eq!(told, ["10000 bytes", "renamed", "told Some(1) false"]);
    }};
}

fn shapes(path: &Path) -> ShapesClient {
    ShapesClient::connect(path).unwrap()
}

#[test]
fn threads_serve_threads() {
    let guard = guard!();
    let served = serve(&guard, "shapes on threads");
    let client = shapes(&served.path);
    call_every_shape!(client, .wait());
    stream_every_shape!(client, [.start().unwrap()], .wait());
}

#[test]
fn threads_serve_tasks() {
    let guard = guard!();
    let served = serve(&guard, "shapes on threads");
    awaited(async {
        let client = ShapesClient::connect_async(&served.path).await.unwrap();
        call_every_shape!(client, .await);
        stream_every_shape!(client, [.start_async().await.unwrap()], .await);
    });
}

#[test]
fn tasks_serve_threads() {
    let guard = guard!();
    let served = serve(&guard, "shapes in tokio");
    let client = shapes(&served.path);
    call_every_shape!(client, .wait());
    stream_every_shape!(client, [.start().unwrap()], .wait());
    let served = serve(&guard, "awaited in tokio");
    let client = AwaitedClient::connect(&served.path).unwrap();
    call_every_shape!(client, .wait());
    stream_every_shape!(client, [.start().unwrap()], .wait());
}

#[test]
fn tasks_serve_tasks() {
    let guard = guard!();
    let served = serve(&guard, "shapes in tokio");
    awaited(async {
        let client = ShapesClient::connect_async(&served.path).await.unwrap();
        call_every_shape!(client, .await);
        stream_every_shape!(client, [.start_async().await.unwrap()], .await);
    });
    let served = serve(&guard, "awaited in tokio");
    awaited(async {
        let client = AwaitedClient::connect_async(&served.path).await.unwrap();
        call_every_shape!(client, .await);
        stream_every_shape!(client, [.start_async().await.unwrap()], .await);
    });
}

#[test]
fn every_shape_can_be_begun_and_fetched_later() {
    let guard = guard!();
    let served = serve(&guard, "shapes on threads");
    let client = shapes(&served.path);
    call_every_shape!(client, .start().unwrap().wait());
}

#[test]
fn an_implementation_in_the_same_process_is_called_alike() {
    let guard = guard!();
    let client = ShapesClient::local(Answers).unwrap();
    call_every_shape!(client, .wait());
    stream_every_shape!(client, [.start().unwrap()], .wait());
    let client = AwaitedClient::local(Answers).unwrap();
    call_every_shape!(client, .wait());
    stream_every_shape!(client, [.start().unwrap()], .wait());
    awaited(async {
        call_every_shape!(client, .await);
        stream_every_shape!(client, [.start_async().await.unwrap()], .await);
    });
    drop(guard);
}

#[test]
fn a_trait_with_parameters_is_served_for_what_they_stand_for() {
    let guard = guard!();
    let mut served = serve(&guard, "store in tokio");
    let client = StoreClient::<String, Point, 3>::connect(&served.path).unwrap();
    let key = |name: &str| name.to_owned();
    assert_eq!(client.put(key("a"), &point(1)).wait(), Ok(None));
    assert_eq!(client.put(key("a"), &point(2)).wait(), Ok(Some(point(1))));
    assert_eq!(client.get(&[key("a"), key("b")]).wait(), Ok(vec![(key("a"), point(2))]));
    assert_eq!(client.block([1, 2, 3], &key("a")).wait(), Ok([1, 2, 3]));
    assert_eq!(awaited(async { client.block([1, 2, 3], &key("b")).await }), Err(App(key("b"))));
    let pairs = |from: &str| {
        let (tx, rx) = rapace::stream();
        let call = client.range(&key(from), tx).start().unwrap();
        let pairs = rx.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        (pairs, call.wait())
    };
    client.put(key("c"), &point(3)).wait().unwrap();
    assert_eq!(pairs("b"), (vec![(key("c"), point(3))], Ok(1)));
    client.clear(key("a")).send().unwrap();
    assert_eq!(pairs(""), (vec![(key("a"), point(2))], Ok(1)));
    // Other parameters are another service under the same name, and the two are compared.
    let other = StoreClient::<String, u8, 3>::connect(&served.path).unwrap_err().to_string();
    assert!(other.contains("Store.put") && other.contains("Point"), "{other}");
    served.process.kill();
    assert_eq!(client.put(key("a"), &point(1)).wait(), Err(RpcError::PeerDied { may_have_executed: false }));
}
