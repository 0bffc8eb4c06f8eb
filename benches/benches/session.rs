//! The session's figures: every row of two processes beside its floor.
//!
//! `cargo bench -p rapace-benches --bench session`; the arguments behind `--` are those of every
//! [`bench`](rapace_benches::bench).

use std::error::Error;
use std::time::Duration;

use rapace_benches::bench::Bench;
use rapace_benches::document::Part;
use rapace_benches::meeting::kinds;
use rapace_benches::{meeting, product, report, rounds, rows};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::start()? else { return Ok(()) };
    let mut rows = rows::messages::all(bench.only.as_deref())?;
    let done = rounds::run(&mut rows, bench.plan())?;
    let mut figures = rows::messages::figures(&rows);
    // What is measured alone, not in rounds.
    let mut alone = None;
    if bench.only.is_none() {
        let (meetings, _) = meeting::measure(kinds::MESSAGES, if bench.is_quick { 20 } else { 400 }, bench.boundaries)?;
        let idle = product::idle::watch(Duration::from_millis(if bench.is_quick { 200 } else { 2_000 }))?;
        let what = "connect to the answer to the first message";
        figures.extend(meeting::figures(&meetings, kinds::RAPACE, what));
        figures.extend(idle.figures());
        alone = Some((meetings, idle));
    }

    let mut text = String::new();
    report::title(&mut text, Part::Session, "Messages over a session", &bench.machine)?;
    report::distance(&mut text, done)?;
    report::figures(&mut text, &figures)?;
    for section in rows::messages::SECTIONS {
        report::section(&mut text, &rows, section, &[])?;
    }
    if let Some((meetings, idle)) = &alone {
        report::meetings(&mut text, "Connect to the answer to the first message", meetings, &[])?;
        report::idle(&mut text, idle)?;
    }
    bench.finish(Part::Session, &text)?;
    Ok(())
}
