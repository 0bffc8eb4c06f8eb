//! Calls a calculator in another process, by threads and by tasks: `cargo run --example calculator_client` starts a server
//! of its own; with the path of one that runs, it uses that.

mod calculator;
mod own_server;

use std::time::Duration;

use calculator::{Calc, CalculatorClient, CalculatorServer, DivideByZero};
use own_server::OwnServer;
use rapace::CallError;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("--serve") {
        let path = std::env::args().nth(2).ok_or("no path")?;
        let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(path)?;
        println!("serving");
        return Ok(server.join()?);
    }
    // Lives until the end of this function, and the server with it.
    let own = if argument.is_none() { Some(OwnServer::start()?) } else { None };
    let path = argument.or_else(|| own.as_ref().map(|own| own.path.clone())).unwrap_or_default();

    let calc = CalculatorClient::connect(&path)?;
    assert_eq!(calc.add(1, 2).wait()?, 3);
    println!("1 + 2 = 3, says the server at {path}");

    assert_eq!(calc.divide(1, 0).wait(), Err(CallError::App(DivideByZero)));
    println!("1 / 0 is the method's own error: {DivideByZero}");

    // Many calls at once from one thread; their results in whatever order.
    let calls = (0..1_000).map(|n| calc.add(n, n).start()).collect::<Result<Vec<_>, _>>()?;
    let sum: i32 = rapace::wait_all(calls).sum::<Result<i32, _>>()?;
    assert_eq!(sum, 999_000);
    println!("a thousand calls in flight: the sum is {sum}");

    // The same client, awaited.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        assert_eq!(calc.add(20, 22).timeout(Duration::from_secs(5)).await?, 42);
        assert_eq!(calc.mean(&[1.0, 2.0, 6.0]).await?, Some(3.0));
        println!("awaited: 20 + 22 = 42, and the mean of 1, 2 and 6 is 3");
        Ok::<_, rapace::RpcError>(())
    })?;
    Ok(())
}
