//! Counters and histograms of calls, by way of the crate `metrics`.

use super::hooks::{CallEnd, CallInfo, CallSide, Hooks};

/// Counts and measures each call by the macros of the crate `metrics`: given to a client's builder or a server as
/// [hooks](Hooks). Feature `metrics`.
///
/// | name | kind | |
/// |---|---|---|
/// | `rapace_calls_total` | counter | calls that ended |
/// | `rapace_call_seconds` | histogram | how long they took |
/// | `rapace_request_bytes`, `rapace_reply_bytes` | histogram | what arguments and results took |
///
/// Each has the labels `side` (`client`, `server`), `service`, `method` and `outcome`
/// ([`CallOutcome::label`](crate::CallOutcome::label)). Nothing of the peer's making is among them, so their number is bounded
/// by the program's own methods.
///
/// ```
/// # #[rapace::service]
/// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
/// # struct Calc;
/// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("calc.sock");
/// let server = rapace::Server::new(CalculatorServer::new(Calc)).hooks(rapace::Metrics).bind(&path)?;
/// # server.shut_down();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Metrics;

impl Hooks for Metrics {
    fn after(&self, call: &CallInfo, end: &CallEnd) {
        let side = match call.side {
            CallSide::Client => "client",
            CallSide::Server => "server",
        };
        let labels =
            [("side", side), ("service", call.service), ("method", call.method), ("outcome", end.outcome.label())];
        metrics::counter!("rapace_calls_total", &labels).increment(1);
        metrics::histogram!("rapace_call_seconds", &labels).record(end.duration);
        metrics::histogram!("rapace_request_bytes", &labels).record(call.request_bytes as f64);
        metrics::histogram!("rapace_reply_bytes", &labels).record(end.reply_bytes as f64);
    }
}
