//! Everything that can end a call without a result: `cargo run --example errors` starts a server of its own and meets a
//! method's own error, a panic, a deadline, a cancel, a limit, and at last the death of the server.

mod own_server;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use own_server::OwnServer;
use rapace::{CallError, Context, RpcError};
use serde::{Deserialize, Serialize};

#[rapace::service]
trait Oven {
    /// Fails with an error of its own.
    fn bake(&self, what: &str) -> Result<u32, Burnt>;
    /// Panics.
    fn drop_tray(&self) -> u32;
    /// Takes long, on a thread that is there for that, and stops when nobody waits any more.
    #[rapace(blocking)]
    fn slow_roast(&self, cx: &Context) -> u32;
    /// How many roasts are in the oven now.
    fn roasting(&self) -> u32;
}

/// The oven was too hot for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Burnt {
    what: String,
}

impl fmt::Display for Burnt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} is burnt", self.what)
    }
}

impl std::error::Error for Burnt {}

#[derive(Default)]
struct Kitchen {
    roasting: AtomicU32,
}

impl Oven for Kitchen {
    fn bake(&self, what: &str) -> Result<u32, Burnt> {
        if what == "soufflé" { Err(Burnt { what: what.to_owned() }) } else { Ok(12) }
    }

    fn drop_tray(&self) -> u32 {
        panic!("the tray was hot")
    }

    fn slow_roast(&self, cx: &Context) -> u32 {
        self.roasting.fetch_add(1, Ordering::Relaxed);
        while !cx.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.roasting.fetch_sub(1, Ordering::Relaxed)
    }

    fn roasting(&self) -> u32 {
        self.roasting.load(Ordering::Relaxed)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("--serve") {
        let path = std::env::args().nth(2).ok_or("no path")?;
        let server = rapace::Server::new(OvenServer::new(Kitchen::default())).bind(path)?;
        println!("serving");
        return Ok(server.join()?);
    }
    let mut server = OwnServer::start()?;
    let oven = OvenClient::connect(&server.path)?;

    // The method's own error comes back as the value that it is.
    assert_eq!(oven.bake("bread").wait(), Ok(12));
    match oven.bake("soufflé").wait() {
        Err(CallError::App(burnt)) => println!("the method's own error: {burnt}"),
        other => return Err(format!("{other:?}").into()),
    }

    // A panic is the error of its call, and of nothing else.
    let error = oven.drop_tray().wait().err().ok_or("it came back")?;
    assert_eq!(error, RpcError::Panicked("the tray was hot".into()));
    println!("a panic: {error}");

    // A deadline holds whatever the server does, and the handler is told.
    let error = loop {
        // If this thread wakes late, the answer of the handler, which has stopped, may be there first.
        if let Err(error) = oven.slow_roast().timeout(Duration::from_millis(5)).wait() {
            break error;
        }
    };
    assert!(matches!(error, RpcError::DeadlineExceeded { .. }));
    println!("a deadline: {error}");
    until_roasting(&oven, 0)?;

    // Dropping a call that was begun cancels it; its handler is told, too.
    let roast = oven.slow_roast().start()?;
    until_roasting(&oven, 1)?;
    drop(roast);
    until_roasting(&oven, 0)?;
    println!("a cancel: the server stopped working");

    // A limit says its name and what it is; nothing was sent.
    let error = oven.bake(&"x".repeat(65 << 20)).wait().err().ok_or("it came back")?;
    println!("a limit: {error}");

    // The server dies in the middle of a call. What is not answered ends at once, and says whether it may have run.
    let roast = oven.slow_roast().start()?;
    oven.bake("bread").wait()?;
    server.kill()?;
    let error = roast.wait().err().ok_or("it came back")?;
    assert_eq!(error, RpcError::PeerDied { may_have_executed: true });
    println!("a killed server: {error}");
    let error = oven.roasting().wait().err().ok_or("it came back")?;
    assert!(error.is_retryable());
    println!("the next call: {error}; it may be tried again, with a new connection");
    Ok(())
}

fn until_roasting(oven: &OvenClient, count: u32) -> Result<(), RpcError> {
    while oven.roasting().wait()? != count {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
