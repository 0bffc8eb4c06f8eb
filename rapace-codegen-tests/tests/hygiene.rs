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
    assert!(strict::hidden().unwrap());
}

#[test]
fn a_mock_of_such_a_library_is_called() {
    use strict::{AwaitedClient, AwaitedMock, Point, Refused};

    let mock = AwaitedMock::new()
        .on_texts(|text, bytes, person| format!("{text} {bytes:?} {}", person.name))
        .on_fallible(|points| points.first().copied().ok_or(Refused::Because("none".to_owned())))
        .on_plain(|| 4);
    let client = AwaitedClient::local(mock).unwrap();
    assert_eq!(client.texts("a", &[1], strict::Person { name: "Ada" }).wait().unwrap(), "a [1] Ada");
    assert_eq!(client.fallible(&[Point { x: 1 }]).wait(), Ok(Point { x: 1 }));
    assert_eq!(client.fallible(&[]).wait(), Err(App(Refused::Because("none".to_owned()))));
    assert_eq!(client.plain().wait(), Ok(4));
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
    }
    let client = StoreClient::<u8, String, 2>::local(Last(None.into())).unwrap();
    assert_eq!(client.put(1, &"a".to_owned()).wait(), Ok(None));
    assert_eq!(client.put(2, &"b".to_owned()).wait(), Ok(Some("1 a".to_owned())));
    assert_eq!(client.get(&[1, 2]).wait(), Ok([1, 2]));
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
    assert_eq!(bare::StoreClient::local(Answers).unwrap().put(7).wait(), Ok(7));
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
        .on_awaited(|a| a.len() as u8);
    let client = ShapesClient::local(mock).unwrap();
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    assert_eq!(client.result().wait(), Ok(Shadow(1)));
    assert_eq!(client.fallible("", &[]).wait(), Err(App(Shadow(2))));
    assert_eq!(client.everybodys(vec!["a".to_owned()], None).wait(), Ok(Some("a".to_owned())));
    assert_eq!(client.awaited(&[1, 2]).wait(), Ok(2));
}

#[test]
fn a_library_with_macros_in_the_way_is_called() {
    use shadowed::macros::{ShapesClient, ShapesMock};

    let client = ShapesClient::local(ShapesMock::new().on_composed(|a| Ok((a.len() as u8, String::new())))).unwrap();
    assert_eq!(client.composed(vec![None, Some(1)]).wait(), Ok((2, String::new())));
}

#[test]
fn a_library_with_everything_of_rapace_in_scope_is_called() {
    use shadowed::globs::{SessionClient, SessionMock};

    let mock = SessionMock::new().on_head(|a| Err(a.to_string())).on_serve(|| 2);
    let client = SessionClient::local(mock).unwrap();
    assert_eq!(client.head(1).wait(), Err(App("1".to_owned())));
    assert_eq!(client.serve().wait(), Ok(2));
}
