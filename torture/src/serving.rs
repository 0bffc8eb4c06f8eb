//! A server of the work in a process of its own, on threads or on tasks, until it is told to end or killed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rapace::{Config, Server, SlotClass};
use tokio::runtime::{Builder, Runtime};

use crate::process::{argument, say, told};
use crate::work::{Bench, WorkServer};

/// How a side waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Threads,
    Tasks,
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Threads { "threads" } else { "tasks" })
    }
}

impl FromStr for Face {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "threads" => Ok(Self::Threads),
            "tasks" => Ok(Self::Tasks),
            _ => Err(()),
        }
    }
}

/// Sessions have room for a few messages, so that somebody always waits for it.
static IS_NARROW: AtomicBool = AtomicBool::new(false);

/// Tells a process that it was started to be so.
pub(crate) const NARROW: &str = "RAPACE_TORTURE_NARROW";

/// From now on sessions are narrow, in the processes that are started as well.
pub(crate) fn be_narrow() {
    IS_NARROW.store(true, Ordering::Relaxed);
}

pub(crate) fn is_narrow() -> bool {
    IS_NARROW.load(Ordering::Relaxed) || std::env::var_os(NARROW).is_some()
}

/// Time for handshakes on a machine that is loaded.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(20);
    if is_narrow() {
        config.geometry.ring_entries = 16;
        config.geometry.classes = [(64, 2), (256, 2), (1_024, 2)].map(|(bytes, count)| SlotClass { bytes, count });
    }
    config
}

/// A runtime whose idle threads end soon, so that they can be counted.
pub(crate) fn runtime() -> Result<Runtime, String> {
    let runtime =
        Builder::new_multi_thread().worker_threads(2).thread_keep_alive(Duration::from_millis(20)).enable_all().build();
    runtime.map_err(|error| error.to_string())
}

/// Serves at a path: path, ledger, face.
pub(crate) fn serve(arguments: &[String]) -> Result<(), String> {
    let path: String = argument(arguments, 0)?;
    let bench = Bench::with_ledger(&argument::<String>(arguments, 1)?)?;
    match argument(arguments, 2)? {
        Face::Threads => {
            let server = Server::new(WorkServer::new(bench)).config(config()).bind(&path);
            let server = server.map_err(|error| error.to_string())?;
            say("ready");
            await_orders(|grace| {
                let farewell = server.shut_down_gracefully(grace);
                farewell.cut_off == 0
            });
        }
        Face::Tasks => runtime()?.block_on(async {
            let server = rapace::aio::Server::new(WorkServer::new(bench)).config(config()).bind(&path);
            let server = Arc::new(server.map_err(|error| error.to_string())?);
            say("ready");
            let handle = tokio::runtime::Handle::current();
            let orders = tokio::task::spawn_blocking(move || {
                await_orders(|grace| handle.block_on(server.shut_down_gracefully(grace)).cut_off == 0);
            });
            orders.await.map_err(|error| error.to_string())
        })?,
    }
    Ok(())
}

/// Until its standard input ends; `leave` asks for a graceful end.
fn await_orders(leave: impl FnOnce(Duration) -> bool) {
    if told().as_deref() == Some("leave") {
        let in_time = leave(Duration::from_secs(20));
        say(if in_time { "left" } else { "cut off" });
    }
}

/// Serves over the socket that is its standard input: ledger.
pub(crate) fn serve_over(arguments: &[String]) -> Result<(), String> {
    let bench = Bench::with_ledger(&argument::<String>(arguments, 0)?)?;
    let socket = rapace::session::inherited(0).map_err(|error| error.to_string())?;
    let server = Server::new(WorkServer::new(bench)).config(config());
    server.serve_over(socket).map_err(|error| error.to_string())
}
