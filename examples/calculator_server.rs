//! Serves a calculator until Ctrl-C: `cargo run --example calculator_server -- /tmp/some/dir/calc.sock`, in a directory that
//! nobody else can write. Ctrl-C and SIGTERM have it answer the calls that have come, and leave no file behind.

mod calculator;

use std::sync::mpsc::channel;
use std::time::Duration;

use calculator::{Calc, CalculatorServer};

/// How long calls that have come may still run after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the path of the socket")?;
    let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(&path)?;
    let (stop, stopped) = channel();
    ctrlc::set_handler(move || {
        // Told once is told.
        let _ = stop.send(());
    })?;
    println!("serving at {path}");
    stopped.recv()?;
    let farewell = server.shut_down_gracefully(GRACE);
    println!("{} sessions ended, {} calls were answered meanwhile", farewell.sessions, farewell.answered);
    // Why accepting failed, if it did.
    Ok(server.join()?)
}
