//! Calls between two processes: rapace's beside the floor, and with the feature `peers` beside those of others.
//!
//! `cargo bench -p rapace-benches --bench versus`, or `cargo bench -p rapace-benches --features peers --bench versus`; the
//! arguments behind `--` are those of every [`bench`](rapace_benches::bench).

use std::error::Error;

use rapace_benches::bench::Bench;
use rapace_benches::budget::Budget;
use rapace_benches::document::Part;
use rapace_benches::{report, rounds, rows};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::start()? else { return Ok(()) };
    let budget = Budget::parse(include_str!("../budget.txt"))?;
    let mut rows = rows::versus::all(bench.only.as_deref())?;
    let done = rounds::run(&mut rows, bench.plan())?;

    let mut text = String::new();
    report::title(&mut text, Part::Versus, "Calls", &bench.machine)?;
    report::distance(&mut text, done)?;
    report::figures(&mut text, &rows::versus::figures::all(&rows, &budget))?;
    for section in rows::versus::SECTIONS {
        report::section(&mut text, &rows, section)?;
    }
    bench.finish(Part::Versus, &text)?;
    Ok(())
}
