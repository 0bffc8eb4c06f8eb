//! What the crate `metrics` is told of calls, at both sides, which are two processes.

#![cfg(all(feature = "metrics", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use peer::{say, until};
use rapace::{CallError, Metrics, Server};

#[rapace::service(name = "Shop")]
trait Shop {
    fn sum(&self, a: u32, b: u32) -> u32;
    fn fails(&self) -> Result<u32, u32>;
    /// All that this process measured, a line for each metric.
    fn measured(&self) -> Vec<String>;
}

struct Keeper;

impl Shop for Keeper {
    fn sum(&self, a: u32, b: u32) -> u32 {
        a + b
    }
    fn fails(&self) -> Result<u32, u32> {
        Err(300)
    }
    fn measured(&self) -> Vec<String> {
        lines()
    }
}

/// Of each metric, by name and labels: how often it was measured, and the sum.
static MEASURED: Mutex<BTreeMap<String, (usize, f64)>> = Mutex::new(BTreeMap::new());

fn lines() -> Vec<String> {
    let lines = |(key, (count, sum)): (&String, &(usize, f64))| {
        let sum = if key.contains("seconds") { "some time".into() } else { sum.to_string() };
        format!("{key}: {count} times, {sum}")
    };
    MEASURED.lock().unwrap().iter().map(lines).collect()
}

struct Notebook;

struct Line(String);

impl Line {
    fn new(key: &Key) -> Arc<Self> {
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        Arc::new(Self(format!("{} {}", key.name(), labels.join(" "))))
    }

    fn add(&self, value: f64) {
        let mut measured = MEASURED.lock().unwrap();
        let (count, sum) = measured.entry(self.0.clone()).or_default();
        *count += 1;
        *sum += value;
    }
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }
    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Line {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Recorder for Notebook {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Line::new(key))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Line::new(key))
    }
}

#[test]
fn peer_entry() {
    peer::run(&[("server", |path| {
        metrics::set_global_recorder(Notebook).unwrap();
        let server = Server::new(ShopServer::new(Keeper)).hooks(Metrics).bind(path).unwrap();
        say("serving");
        server.join().unwrap();
    })]);
}

#[test]
fn calls_are_counted_and_measured_by_side_name_and_outcome() {
    let guard = guard!();
    metrics::set_global_recorder(Notebook).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.sock");
    let mut process = guard.spawn("server", path.display());
    assert_eq!(process.hear(), "serving");
    let shop = ShopClient::builder().hooks(Metrics).connect(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(shop.sum(1, 200).wait(), Ok(201));
    }
    assert_eq!(shop.fails().wait(), Err(CallError::App(300)));
    let expected = |side: &str| {
        [
            format!("rapace_call_seconds {side} Shop fails app: 1 times, some time"),
            format!("rapace_call_seconds {side} Shop sum ok: 3 times, some time"),
            format!("rapace_calls_total {side} Shop fails app: 1 times, 1"),
            format!("rapace_calls_total {side} Shop sum ok: 3 times, 3"),
            format!("rapace_reply_bytes {side} Shop fails app: 1 times, 2"),
            format!("rapace_reply_bytes {side} Shop sum ok: 3 times, 6"),
            format!("rapace_request_bytes {side} Shop fails app: 1 times, 0"),
            format!("rapace_request_bytes {side} Shop sum ok: 3 times, 9"),
        ]
    };
    assert_eq!(lines(), expected("client"));
    // What is measured after the answer was sent may come a moment later.
    let there = || shop.measured().wait().unwrap().into_iter().filter(|line| !line.contains("measured"));
    until(|| there().count() >= 8);
    assert_eq!(there().collect::<Vec<_>>(), expected("server"));
}
