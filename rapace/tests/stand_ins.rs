//! What stands in for a server in tests of its callers: a server in the same process, and mocks.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use peer::until;
use rapace::{CallError, Context, RpcError};

#[rapace::service]
trait Shop {
    fn add(&self, a: i32, b: i32) -> i32;
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    fn left(&self, cx: &Context) -> Option<Duration>;
    fn buy(&self, what: &str) -> Result<u32, String>;
    #[rapace(blocking)]
    fn works(&self, cx: &Context);
    /// How many calls of `works` have begun, and have ended.
    fn worked(&self) -> (usize, usize);
}

#[derive(Default)]
struct Counter {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Shop for Counter {
    fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }
    fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
    fn left(&self, cx: &Context) -> Option<Duration> {
        cx.time_left()
    }
    fn buy(&self, what: &str) -> Result<u32, String> {
        Err(format!("no {what}"))
    }
    fn works(&self, cx: &Context) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        until(|| cx.is_cancelled());
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
    fn worked(&self) -> (usize, usize) {
        (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
    }
}

#[test]
fn a_local_client_is_a_client_like_any_other() {
    let _guard = guard!();
    let client = ShopClient::local(Counter::default()).unwrap();
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    assert_eq!(client.echo(vec![1; 100_000]).wait(), Ok(vec![1; 100_000]));
    assert_eq!(client.buy("bread").wait(), Err(CallError::App("no bread".to_owned())));
    let long = Duration::from_secs(1_000);
    assert!(client.left().timeout(long).wait().unwrap().unwrap() <= long);
    let works = client.works().start().unwrap();
    until(|| client.worked().wait() == Ok((1, 0)));
    works.cancel();
    until(|| client.worked().wait() == Ok((1, 1)));
    client.session().close();
    assert_eq!(client.add(1, 2).wait(), Err(RpcError::Closed { may_have_executed: false }));
}

#[cfg(feature = "mock")]
#[test]
fn a_mock_answers_as_it_is_told() {
    let _guard = guard!();
    let mock = ShopMock::new().on_add(|a, b| a * 10 + b).on_buy(|what| Err(format!("told: no {what}")));
    // The trait's own methods, and through a client.
    assert_eq!(Shop::add(&mock, 1, 2), 12);
    let client = ShopClient::local(mock).unwrap();
    assert_eq!(client.add(1, 2).wait(), Ok(12));
    assert_eq!(client.buy("bread").wait(), Err(CallError::App("told: no bread".to_owned())));
    let error = client.worked().wait().unwrap_err();
    assert!(matches!(error, RpcError::Panicked(_)) && error.to_string().contains("on_worked"), "{error}");
    assert_eq!(client.add(3, 4).wait(), Ok(34));
}
