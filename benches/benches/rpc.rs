//! The figures of typed calls between two processes, each beside its floor.
//!
//! `cargo bench -p rapace-benches --bench rpc`; the arguments behind `--` are those of every
//! [`bench`](rapace_benches::bench). With `--features peers` before it, iceoryx2 is among the contenders.

use std::error::Error;

use rapace_benches::bench::Bench;
use rapace_benches::budget::Budget;
use rapace_benches::document::Part;
use rapace_benches::{report, rounds, rows};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::start()? else { return Ok(()) };
    let budget = Budget::parse(include_str!("../budget.txt"))?;
    let mut rows = rows::calls::all(bench.only.as_deref())?;
    let done = rounds::run(&mut rows, bench.plan())?;

    let mut text = String::new();
    report::title(&mut text, Part::Rpc, "Calls", &bench.machine)?;
    report::distance(&mut text, done)?;
    report::figures(&mut text, &rows::calls::figures(&rows, &budget))?;
    for section in rows::calls::SECTIONS {
        report::section(&mut text, &rows, section)?;
    }
    bench.finish(Part::Rpc, &text)?;
    Ok(())
}
