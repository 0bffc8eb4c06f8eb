//! Contenders that are connected and have nothing to do: what the server's process uses.

use std::thread;
use std::time::Duration;

use super::*;
use crate::cpu::{self, Usage};
use crate::figures::Figure;

/// What one server used.
#[derive(Clone, Debug)]
pub struct Standstill {
    /// Whose it is.
    pub name: &'static str,
    /// What was used while it was watched.
    pub usage: Usage,
}

const OF_THREADS: &str = "rapace, a server of threads";
const OF_TASKS: &str = "rapace, a server of tasks";

/// The figures that rapace's servers answer.
#[must_use]
pub fn figures(seen: &[Standstill]) -> Vec<Figure> {
    let own = seen.iter().filter(|standstill| [OF_THREADS, OF_TASKS].contains(&standstill.name));
    let figure = |Standstill { name, usage }: &Standstill| {
        let nothing = usage.cpu_ns == 0 && usage.slices == 0;
        let measured = if nothing { "none".into() } else { format!("{} ns, {} wake-ups", usage.cpu_ns, usage.slices) };
        Figure::nothing(&format!("{name}, idle: CPU and wake-ups"), &measured, nothing)
    };
    own.map(figure).collect()
}

/// A moment to go to sleep after the last call.
const MOMENT: Duration = Duration::from_millis(200);

/// Connects each that sleeps, makes some calls, and watches its server, one after the other. Those that poll would use a CPU.
///
/// # Errors
/// When one of our own does not come up.
pub fn watch(watched: Duration) -> io::Result<Vec<Standstill>> {
    let own =
        [(By::Socket, SOCKET), (By::Rapace(Waiting::Default), OF_THREADS), (By::Tasks(Waiting::Default), OF_TASKS)];
    let mut seen = Vec::new();
    for (by, name) in own.iter().chain(PEERS) {
        let contender = match call(*by, Task::Add).contender(cpu::THERE) {
            // Its row will say why.
            Err(_) if by.is_foreign() => continue,
            otherwise => otherwise?,
        };
        thread::sleep(MOMENT);
        let before = Usage::of(contender.pid())?;
        thread::sleep(watched);
        seen.push(Standstill { name, usage: Usage::of(contender.pid())?.since(before) });
    }
    Ok(seen)
}
