//! Shows what the sessions of a running process have counted, without its help: `cargo run --example inspect -- <PID>`.
//!
//! It maps the halves that the process owns, read-only. Nothing in the process notices, and one that is stopped or stuck is
//! shown as well. That needs the right to open the process's descriptors: the same user, and no protection against it.

use std::process::ExitCode;

use rapace::Inspector;

fn main() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inspect: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<(), Box<dyn std::error::Error>> {
    let pid = std::env::args().nth(1).ok_or("give the number of a process")?.parse()?;
    let halves = Inspector::of_process(pid)?;
    println!("process {pid} has {} sessions", halves.len());
    for half in halves {
        let (role, end) =
            (if half.is_peer_a() { "PeerA" } else { "PeerB" }, if half.is_closed() { ", closed" } else { "" });
        let id: String = half.session_id().iter().map(|byte| format!("{byte:02x}")).collect();
        println!("  descriptor {}, {role} of session {id}{end}: {}", half.fd(), half.counts());
    }
    Ok(())
}
