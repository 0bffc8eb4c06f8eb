//! Generated code means the same in whatever stands around it: the libraries of `crates/`, called.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![forbid(unsafe_code)]

use rapace::CallError::App;

#[path = "crates/bare.rs"]
pub mod bare;
#[path = "crates/shadowed.rs"]
pub mod shadowed;
#[path = "crates/strict.rs"]
pub mod strict;

#[test]
fn a_library_with_every_lint_is_called() {
    use strict::{Point, Refused, Shapes, ShapesClient};

    struct Answers;
    impl Shapes for Answers {
        fn nothing(&self) {}
        fn add(&self, a: i32, b: i32) -> i32 {
            a + b
        }
        fn texts(
            &self,
            text: &str,
            bytes: &[u8],
            maybe: Option<&str>,
            cow: std::borrow::Cow<'_, str>,
        ) -> (usize, usize) {
            (text.len() + bytes.len(), maybe.map_or(0, str::len) + cow.len())
        }
        fn values(&self, point: &Point, points: &[Point], maybe: Option<&Point>, some: Option<&[Point]>) -> Vec<Point> {
            [point].into_iter().chain(points).chain(maybe).chain(some.into_iter().flatten()).copied().collect()
        }
        fn person(&self, person: strict::Person<'_>) -> String {
            person.name.to_owned()
        }
        fn fallible(&self, a: Option<u8>) -> Result<u8, Refused> {
            a.ok_or(Refused::Because("none".to_owned()))
        }
        fn outcome(&self) -> strict::Outcome<Vec<u8>> {
            Ok(vec![1, 2])
        }
        fn caller(&self, a: u8, cx: &rapace::Context, b: u8) -> u32 {
            cx.peer().uid + u32::from(a + b)
        }
        fn waits(&self) {}
        fn old(&self) -> u8 {
            3
        }
        fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> [u8; 8] {
            [a, b, c, d, e, f, g, h]
        }
        fn r#type(&self, r#fn: u8) -> u8 {
            r#fn
        }
        fn flags(&self, a: bool, b: bool, c: bool, d: bool) -> bool {
            a && b && c && d
        }
        fn sends(&self, from: &Point, mut points: rapace::Tx<Point>) -> Result<u8, Refused> {
            points.send(*from).wait().map(|()| 1).map_err(|error| Refused::Because(error.to_string()))
        }
        fn both(&self, texts: rapace::Rx<String>, cx: &rapace::Context, mut lengths: rapace::Tx<usize>) {
            let all = texts.into_iter().map_while(Result::ok).map(|text| text.len());
            lengths.send_all(all.filter(|_| cx.deadline().is_some())).wait().unwrap();
        }
        fn one_way(&self, person: strict::Person<'_>, point: Option<&Point>) {
            assert_eq!((person.name, point), ("Ada", Some(&Point { x: 1 })));
        }
    }
    let client = ShapesClient::local(Answers).unwrap();
    let point = |x| Point { x };
    assert_eq!(client.nothing().wait(), Ok(()));
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    assert_eq!(client.texts("a", &[1, 2], Some("abc"), "abcd".into()).wait(), Ok((3, 7)));
    let points = client.values(&point(1), &[point(2)], Some(&point(3)), Some(&[point(4)])).wait();
    assert_eq!(points, Ok([1, 2, 3, 4].map(point).to_vec()));
    assert_eq!(client.person(strict::Person { name: "Ada" }).wait().unwrap(), "Ada");
    assert_eq!(client.fallible(None).wait(), Err(App(Refused::Because("none".to_owned()))));
    assert_eq!(client.outcome().wait(), Ok(vec![1, 2]));
    assert!(client.outcome().is_idempotent() && !client.waits().is_idempotent());
    assert_eq!(client.caller(1, 2).wait(), Ok(rustix::process::geteuid().as_raw() + 3));
    assert_eq!(client.waits().wait(), Ok(()));
    assert_eq!(client.many(1, 2, 3, 4, 5, 6, 7, 8).wait(), Ok([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(client.r#type(5).wait(), Ok(5));
    assert_eq!(client.flags(true, true, true, true).wait(), Ok(true));
    assert_eq!(client.body(5).wait(), Ok(6));
    let (tx, mut points) = rapace::stream();
    let call = client.sends(&point(1), tx).start().unwrap();
    assert_eq!(points.recv().wait(), Ok(Some(point(1))));
    assert_eq!(call.wait(), Ok(1));
    let ((mut texts, text_end), (length_end, lengths)) = (rapace::stream(), rapace::stream());
    let call = client.both(text_end, length_end).start().unwrap();
    texts.send_all(["a", "bc"].map(str::to_owned)).wait().unwrap();
    drop(texts);
    assert_eq!(lengths.into_iter().collect::<Result<Vec<_>, _>>(), Ok(vec![1, 2]));
    assert_eq!(call.wait(), Ok(()));
    client.one_way(strict::Person { name: "Ada" }, Some(&point(1))).send().unwrap();
    assert!(strict::hidden().unwrap());
}

#[test]
fn a_mock_of_such_a_library_is_called() {
    use strict::{AwaitedClient, AwaitedMock, Point, Refused};

    let mock = AwaitedMock::new()
        .on_texts(|text, bytes, person| format!("{text} {bytes:?} {}", person.name))
        .on_fallible(|points| points.first().copied().ok_or(Refused::Because("none".to_owned())))
        .on_plain(|| 4)
        .on_receives(|words, between| words.into_iter().flat_map(Result::unwrap).collect::<Vec<_>>().join(between))
        .on_one_way(|text| assert_eq!(text, "text"));
    let client = AwaitedClient::local(mock).unwrap();
    assert_eq!(client.texts("a", &[1], strict::Person { name: "Ada" }).wait().unwrap(), "a [1] Ada");
    assert_eq!(client.fallible(&[Point { x: 1 }]).wait(), Ok(Point { x: 1 }));
    assert_eq!(client.fallible(&[]).wait(), Err(App(Refused::Because("none".to_owned()))));
    assert_eq!(client.plain().wait(), Ok(4));
    let (mut words, end) = rapace::stream();
    let call = client.receives(end, "+").start().unwrap();
    words.send(vec!["a".to_owned(), "b".to_owned()]).wait().unwrap();
    drop(words);
    assert_eq!(call.wait().unwrap(), "a+b");
    client.one_way("text").wait().unwrap();
    // Also of what has a body, and says so when nothing was set.
    assert!(client.body(1).wait().unwrap_err().to_string().contains("on_body"));
}

#[test]
fn a_library_with_parameters_is_called() {
    use strict::{Store, StoreClient};

    struct Last(std::sync::Mutex<Option<String>>);
    impl Store<u8, String, 2> for Last {
        fn put(&self, key: u8, value: &String) -> Option<String> {
            self.0.lock().unwrap().replace(format!("{key} {value}"))
        }
        async fn get(&self, keys: &[u8]) -> [u8; 2] {
            keys.try_into().unwrap()
        }
        fn all(&self, from: &u8, mut pairs: rapace::Tx<(u8, String)>) {
            let last = self.0.lock().unwrap().clone();
            pairs.send_all(last.map(|last| (*from, last))).wait().unwrap();
        }
        fn remove(&self, _: u8) {
            *self.0.lock().unwrap() = None;
        }
    }
    let client = StoreClient::<u8, String, 2>::local(Last(None.into())).unwrap();
    assert_eq!(client.put(1, &"a".to_owned()).wait(), Ok(None));
    assert_eq!(client.put(2, &"b".to_owned()).wait(), Ok(Some("1 a".to_owned())));
    assert_eq!(client.get(&[1, 2]).wait(), Ok([1, 2]));
    let all = || {
        let (tx, rx) = rapace::stream();
        let call = client.all(&7, tx).start().unwrap();
        let pairs = rx.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        call.wait().unwrap();
        pairs
    };
    assert_eq!(all(), [(7, "2 b".to_owned())]);
    client.remove(2).send().unwrap();
    assert_eq!(all(), []);
    assert!(strict::EmptyClient::local(strict::EmptyMock::new()).is_ok());
}

#[test]
fn a_library_without_prelude_is_called() {
    use bare::{Answers, Refused};

    let client = bare::ShapesClient::local(Answers).unwrap();
    assert_eq!(client.texts("a", &[1], None, "b".into()).wait(), Ok((1, "a None b".to_owned())));
    assert_eq!(client.values(&1, &[2], Some(&3), Some(&[4])).wait(), Ok(vec![1, 2, 3, 4]));
    assert_eq!(client.fallible(0).wait(), Err(App(Refused)));
    assert_eq!(client.fallible(2).wait(), Ok(1));
    assert_eq!(client.caller().wait(), Ok(false));
    assert_eq!(client.awaited("").wait(), Err(App(Refused)));
    assert_eq!(client.body(5).wait(), Ok(5));
    let ((mut numbers, number_end), (some_end, some)) = (rapace::stream(), rapace::stream());
    let call = client.streams(number_end, &5, some_end).start().unwrap();
    numbers.send_all([4, 5, 6]).wait().unwrap();
    let expected = [4, 5].map(|number: u16| (number, number.to_string()));
    assert_eq!(some.into_iter().map_while(Result::ok).collect::<Vec<_>>(), expected);
    assert_eq!(call.wait(), Err(App(Refused)));
    let (mut numbers, number_end) = rapace::stream();
    let call = client.awaited_stream(number_end).start().unwrap();
    numbers.send_all([None, Some(1)]).wait().unwrap();
    drop(numbers);
    assert_eq!(call.wait(), Ok(2));
    client.one_way("text").send().unwrap();
    let store = bare::StoreClient::local(Answers).unwrap();
    assert_eq!(store.put(7).wait(), Ok(7));
    let (tx, mut rx) = rapace::stream();
    let call = store.all(tx).start().unwrap();
    assert_eq!((rx.recv().wait(), rx.recv().wait()), (Ok(Some(7)), Ok(None)));
    assert_eq!(call.wait(), Ok(()));
}

#[test]
fn a_library_with_names_in_the_way_is_called() {
    use shadowed::names::Result as Shadow;
    use shadowed::service::{ShapesClient, ShapesMock};

    let mock = ShapesMock::new()
        .on_add(|a, b| a + b)
        .on_result(|| Shadow(1))
        .on_fallible(|_, _| Err(Shadow(2)))
        .on_everybodys(|mut a, _| a.pop())
        .on_awaited(|a| a.len() as u8)
        .on_streams(|a, mut b| b.send_all(a.into_iter().map(Result::ok)).wait().map_or(0, |()| 1))
        .on_one_way(|a| assert_eq!(a, [1, 2]));
    let client = ShapesClient::local(mock).unwrap();
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    assert_eq!(client.result().wait(), Ok(Shadow(1)));
    assert_eq!(client.fallible("", &[]).wait(), Err(App(Shadow(2))));
    assert_eq!(client.everybodys(vec!["a".to_owned()], None).wait(), Ok(Some("a".to_owned())));
    assert_eq!(client.awaited(&[1, 2]).wait(), Ok(2));
    let ((mut to, a), (b, mut from)) = (rapace::stream(), rapace::stream());
    let call = client.streams(a, b).start().unwrap();
    to.send(Shadow(7)).wait().unwrap();
    drop(to);
    assert_eq!((from.recv().wait(), from.recv().wait()), (Ok(Some(Some(Shadow(7)))), Ok(None)));
    assert_eq!(call.wait(), Ok(1));
    client.one_way(&[1, 2]).send().unwrap();
}

#[test]
fn a_library_with_macros_in_the_way_is_called() {
    use shadowed::macros::{ShapesClient, ShapesMock};

    let mock = ShapesMock::new()
        .on_composed(|a| Ok((a.len() as u8, String::new())))
        .on_stream(|a| a.into_iter().map_while(Result::ok).map(|item| item.len() as u8).sum());
    let client = ShapesClient::local(mock).unwrap();
    assert_eq!(client.composed(vec![None, Some(1)]).wait(), Ok((2, String::new())));
    let (mut tx, rx) = rapace::stream();
    let call = client.stream(rx).start().unwrap();
    tx.send_all([vec![(1, None)], vec![(2, Some(3)), (4, None)]]).wait().unwrap();
    drop(tx);
    assert_eq!(call.wait(), Ok(3));
}

#[test]
fn a_library_with_everything_of_rapace_in_scope_is_called() {
    use shadowed::globs::{SessionClient, SessionMock};

    let mock = SessionMock::new()
        .on_head(|a| Err(a.to_string()))
        .on_serve(|| 2)
        .on_stream(|mut tx, mut rx| while tx.send(rx.recv().wait().unwrap().unwrap()).wait().is_ok() {})
        .on_send(|head| assert_eq!(head, 3));
    let client = SessionClient::local(mock).unwrap();
    assert_eq!(client.head(1).wait(), Err(App("1".to_owned())));
    assert_eq!(client.serve().wait(), Ok(2));
    let ((tx, mut from), (mut to, rx)) = (rapace::stream(), rapace::stream());
    let call = client.stream(tx, rx).start().unwrap();
    to.send(5).wait().unwrap();
    assert_eq!(from.recv().wait(), Ok(Some(5)));
    drop(from);
    while to.send(6).wait().is_ok() {}
    assert_eq!(call.wait(), Ok(()));
    // There may be no room yet, so many items were sent.
    client.send(3).wait().unwrap();
}
