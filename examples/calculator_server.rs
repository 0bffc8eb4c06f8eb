//! Serves a calculator until it is killed: `cargo run --example calculator_server -- /tmp/some/dir/calc.sock`, in a
//! directory that nobody else can write.

mod calculator;

use calculator::{Calc, CalculatorServer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the path of the socket")?;
    let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(&path)?;
    println!("serving at {path}");
    Ok(server.join()?)
}
