//! Sends messages of 5 bytes to a megabyte, checks that they come back unchanged, and shows how each travelled.
//!
//! ```text
//! cargo run --example echo_client             both sides in this process: a thread is the server
//! cargo run --example echo_client -- <FD>     the server of another terminal, by the number that it prints
//! cargo run --example echo_client -- <PATH>   a server by the path of its socket
//! ```
//!
//! One message is written in place (`alloc`, write, `commit`, send); the others are handed to `send`.
//! A number that is an open socket of this process, inherited from the one that started it, is used as it is.
//! The exit code is 0 only if every message came back unchanged.

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use rapace::{Config, Head, Inbound, OpenError, PeerA, PeerB, PeerState, RecvError, Route, Session, session};

const SIZES: [usize; 7] = [5, 24, 25, 100, 4_096, 70_000, 1_000_000];
/// This one is written where the server reads it; `send` copies the others there.
const IN_PLACE: usize = 4_096;
/// How often a silent server is looked at, and how long it is waited for.
const TICK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1) {
        None => alone(),
        Some(server) => visit(&server),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("echo_client: {error}");
    ExitCode::FAILURE
}

/// PeerA opens the segment and serves, PeerB connects and asks; here they are two threads.
fn alone() -> Result<(), Box<dyn Error>> {
    let (server, mut client) = session::pair()?;
    let server = thread::spawn(move || serve(server));
    println!("PeerA is a thread of this process, PeerB the main thread.\n");
    echo_all(&mut client)?;
    client.close();
    server.join().map_err(|_| "the server's thread panicked")??;
    println!("PeerB said goodbye, and PeerA has ended.");
    Ok(())
}

fn serve(mut session: Session<PeerA>) -> Result<(), rapace::SendError> {
    while let Ok(request) = session.b_to_a().recv() {
        let answer = Head::terminal(request.head().call(), 0);
        session.a_to_b().send(answer, &request.into_inbound_payload().into_vec())?;
    }
    Ok(())
}

/// Asks a server in another process, and stays for a moment to watch its heartbeat.
fn visit(server: &str) -> Result<(), Box<dyn Error>> {
    let mut session = connect(server).map_err(|error| format!("no session with {server}: {error}"))?;
    println!("PeerA is process {}, PeerB this one, {}.\n", session.credentials().pid, std::process::id());
    echo_all(&mut session)?;
    println!("\nStaying for 3 s. Stop or kill either side to see what the other says.");
    for call in 101..=106 {
        thread::sleep(TICK);
        echo(&mut session, call, b"still there?")?;
        println!("  the server lives: heartbeat {}, ours {}", session.peer_heartbeat(), session.heartbeat());
    }
    println!("Goodbye.");
    Ok(())
}

fn connect(server: &str) -> Result<Session<PeerB>, OpenError> {
    let Ok(number) = server.parse() else { return Session::connect(server) };
    match session::inherited(number) {
        Ok(socket) => Session::<PeerB>::over(socket, &Config::default()),
        Err(_) => Session::connect_number(number, &Config::default()),
    }
}

fn echo_all(session: &mut Session<PeerB>) -> Result<(), Box<dyn Error>> {
    println!("    bytes  travelled as       the echo    there and back");
    for (call, size) in (1..).zip(SIZES) {
        let message: Vec<u8> = (0..size).map(|i| (i * 31 + size) as u8).collect();
        let start = Instant::now();
        let route = echo(session, call, &message)?.to_string();
        let note = if size == IN_PLACE { "   (alloc, write, commit, send)" } else { "" };
        println!("{size:>9}  {route:<18} identical   {:.1?}{note}", start.elapsed());
    }
    println!("\nAll {} echoes verified, {} bytes each way.", SIZES.len(), SIZES.iter().sum::<usize>());
    let (ours, theirs, state) = (session.heartbeat(), session.peer_heartbeat(), session.peer_state());
    println!("PeerB's heartbeat is {ours}, PeerA's {theirs}; PeerA is {state:?}.");
    Ok(())
}

/// Sends a request on the B→A ring, waits for its answer on the A→B ring, and checks that it is the same.
fn echo(session: &mut Session<PeerB>, call: u32, message: &[u8]) -> Result<Route, Box<dyn Error>> {
    let head = Head::request(call, 0);
    if message.len() == IN_PLACE {
        let mut slot = session.b_to_a().alloc(message.len())?;
        slot.copy_from_slice(message);
        slot.commit().send(head)?;
    } else {
        session.b_to_a().send_timeout(head, message, PATIENCE)?;
    }
    let inbound = answer(session, call)?;
    let route = inbound.route();
    // A payload in a slot is copied out once; dropping it frees the slot.
    let echo = inbound.into_inbound_payload().into_vec();
    if echo == message { Ok(route) } else { Err(format!("the echo of {} bytes differs", message.len()).into()) }
}

fn answer(session: &mut Session<PeerB>, call: u32) -> Result<Inbound, Box<dyn Error>> {
    let start = Instant::now();
    loop {
        match session.a_to_b().recv_timeout(TICK) {
            Ok(inbound) if inbound.head().call() == call => return Ok(inbound),
            // The server asks idle clients whether they live; to take the question is to answer it.
            Ok(_) => {}
            Err(RecvError::Timeout) if start.elapsed() > PATIENCE => {
                return Err(format!("the server did not answer within {PATIENCE:?}").into());
            }
            Err(RecvError::Timeout) => match session.peer_state() {
                PeerState::Unresponsive { since } => println!("  the server hangs, for {:.1?} now", since.elapsed()),
                _ => println!("  no answer yet"),
            },
            Err(error) => return Err(error.into()),
        }
    }
}
