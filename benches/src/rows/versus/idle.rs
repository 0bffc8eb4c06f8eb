//! Clients and servers that have called each other and have nothing to do any more: what their processes use.

use std::thread;
use std::time::Duration;

use rustix::process::Pid;

use super::*;
use crate::cpu::{self, Usage};
use crate::figures::Figure;
use crate::peer::Peer;

/// What one contender used while it was watched.
#[derive(Clone, Debug)]
pub struct Standstill {
    /// Which it is.
    pub name: &'static str,
    /// The client's process.
    pub client: Usage,
    /// The server's.
    pub server: Usage,
}

const OF_THREADS: &str = "rapace, a server of threads";
const OF_TASKS: &str = "rapace, a server of tasks";

/// The figures that rapace's clients and servers answer.
#[must_use]
pub fn figures(seen: &[Standstill]) -> Vec<Figure> {
    let own = seen.iter().filter(|standstill| [OF_THREADS, OF_TASKS].contains(&standstill.name));
    let figure = |Standstill { name, client, server }: &Standstill| {
        let (cpu_ns, slices) = (client.cpu_ns + server.cpu_ns, client.slices + server.slices);
        let nothing = cpu_ns == 0 && slices == 0;
        let measured = if nothing { "none".into() } else { format!("{cpu_ns} ns, {slices} wake-ups") };
        Figure::nothing(&format!("{name}, idle: CPU and wake-ups of both processes"), &measured, nothing)
    };
    own.map(figure).collect()
}

/// A moment to go to sleep after the last call.
const MOMENT: Duration = Duration::from_millis(200);

/// Has a process call with each that sleeps, and watches it and its server, one contender after the other. Those that poll would
/// use a CPU.
///
/// # Errors
/// When one of our own does not come up.
pub fn watch(watched: Duration) -> io::Result<Vec<Standstill>> {
    let own =
        [(By::Socket, SOCKET), (By::Rapace(Waiting::Default), OF_THREADS), (By::Tasks(Waiting::Default), OF_TASKS)];
    let mut seen = Vec::new();
    for (by, name) in own.iter().chain(PEERS) {
        match of(*by, watched) {
            Ok((client, server)) => seen.push(Standstill { name, client, server }),
            // Its row will say why.
            Err(_) if by.is_foreign() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

/// What client and server use in that time.
fn of(by: By, watched: Duration) -> io::Result<(Usage, Usage)> {
    let client = Peer::spawn(&Work::Client(Call { by, task: Task::Add }).to_string(), cpu::HERE)?;
    let server =
        i32::try_from(client.control.recv()?).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    thread::sleep(MOMENT);
    let before = (Usage::of(client.pid())?, Usage::of(server)?);
    thread::sleep(watched);
    let after = (Usage::of(client.pid())?, Usage::of(server)?);
    client.leave()?;
    Ok((after.0.since(before.0), after.1.since(before.1)))
}
