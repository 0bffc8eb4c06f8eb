//! Calls now and then: what looking before sleeping costs in CPU, beside sleeping at once.

use std::time::Duration;

use super::*;
use crate::burst::{Contender, Paced};
use crate::cpu;

/// A pace of calls.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// What it is called in the table.
    pub name: &'static str,
    /// So many a second.
    calls: u32,
    /// How long they are made at a time.
    turn: Duration,
    /// How often.
    turns: usize,
}

/// In the order of the table.
pub const RATES: [Rate; 3] = [
    Rate { name: "1 a second", calls: 1, turn: Duration::from_secs(3), turns: 1 },
    Rate { name: "100 a second", calls: 100, turn: Duration::from_millis(300), turns: 3 },
    Rate { name: "10,000 a second", calls: 10_000, turn: Duration::from_millis(300), turns: 3 },
];

/// What a reader must know, the bounds of `Spin::Adaptive` above all.
pub const NOTE: &str = "By default a thread looks for at most 20 µs before it sleeps, after some first looks of about a \
    microsecond. A sleep of more than 30 µs halves that, down to nothing after five in a row. After 16 sleeps in a row of less \
    than 1 ms each it looks for up to 150 µs once; if that finds what it waits for, it goes on looking for twice as long as it \
    took, at most 150 µs. So no wait looks for longer than 150 µs, and once messages come less often than once a \
    millisecond, at most eight more waits look, 300 µs in all. A task looks as long in pieces of less than a microsecond, \
    between which its runtime has its turn. Of the threads and tasks of a process as many look at a time as leave one CPU \
    to others.\n\n\
    The rates were measured from the highest to the lowest with the same sessions. What the caller spends on waiting for the \
    time of its next call is not counted.";

/// What calls at one rate cost both processes.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// CPU time as a part of the time that passed.
    pub of_a_cpu: f64,
    /// CPU time of a call in nanoseconds.
    pub call_ns: f64,
}

/// What one contender's calls cost.
#[derive(Clone, Debug)]
pub struct AtPace {
    /// Whose they are.
    pub name: &'static str,
    /// At each of the [`RATES`].
    pub costs: [Cost; RATES.len()],
}

/// When the rate is only to be shown to run, it has a turn of this length.
const QUICK: Duration = Duration::from_millis(20);

/// Lets everybody make calls at each rate, in turn.
///
/// # Errors
/// When a contender does not come up, or its peer is gone.
pub fn measure(is_quick: bool) -> io::Result<Vec<AtPace>> {
    let add = |by| call(by, Task::Add);
    let names = [
        (BYTE, Work::Byte),
        (ADD_ASLEEP, add(By::Rapace(Waiting::Never))),
        (ADD_DEFAULT, add(By::Rapace(Waiting::Default))),
        ("a byte over a socket behind epoll", Work::Epoll),
        ("rapace, `Spin::Never`, awaited, the server in a task", add(By::Tasks(Waiting::Never))),
        ("rapace, default, awaited, the server in a task", add(By::Tasks(Waiting::Default))),
    ];
    let nothing = Cost { of_a_cpu: f64::NAN, call_ns: f64::NAN };
    let mut seen = Vec::new();
    for (name, work) in names {
        seen.push((work.contender(cpu::THERE)?, AtPace { name, costs: [nothing; RATES.len()] }));
    }
    // From the highest to the lowest: what was learned at a rate is forgotten within the first calls of the next.
    for (index, rate) in RATES.iter().enumerate().rev() {
        let mut costs = vec![Vec::new(); seen.len()];
        for _ in 0..rate.turns {
            for ((contender, _), costs) in seen.iter_mut().zip(&mut costs) {
                costs.push(turn(contender.as_mut(), *rate, is_quick)?);
            }
        }
        for ((_, at_pace), mut costs) in seen.iter_mut().zip(costs) {
            costs.sort_by(|one, other| one.call_ns.total_cmp(&other.call_ns));
            at_pace.costs[index] = costs[costs.len() / 2];
        }
    }
    Ok(seen.into_iter().map(|(_, at_pace)| at_pace).collect())
}

fn turn(contender: &mut dyn Contender, rate: Rate, is_quick: bool) -> io::Result<Cost> {
    let length = if is_quick { QUICK } else { rate.turn };
    let period = (Duration::from_secs(1) / rate.calls).min(length);
    let calls = length.as_nanos() / period.as_nanos();
    let Paced { cpu, elapsed } = contender.paced(calls as u64, period)?;
    Ok(Cost { of_a_cpu: cpu.as_secs_f64() / elapsed.as_secs_f64(), call_ns: cpu.as_nanos() as f64 / calls as f64 })
}
