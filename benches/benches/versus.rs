//! Calls between two processes: rapace's beside the floor, and with the feature `peers` beside those of others.
//!
//! `cargo bench -p rapace-benches --bench versus`, or `cargo bench -p rapace-benches --features peers --bench versus`; the
//! arguments behind `--` are those of every [`bench`](rapace_benches::bench).

use std::error::Error;
use std::time::Duration;

use rapace_benches::bench::Bench;
use rapace_benches::budget::Budget;
use rapace_benches::document::Part;
use rapace_benches::figures::Figure;
use rapace_benches::meeting::kinds;
use rapace_benches::product::{crowd, sessions};
use rapace_benches::rounds::Plan;
use rapace_benches::rows::versus;
use rapace_benches::{meeting, report, rounds, versions};

/// So many are always done.
const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::start()? else { return Ok(()) };
    let budget = Budget::parse(include_str!("../budget.txt"))?;
    let (mut alone, mut alone_figures) = (String::new(), Vec::new());
    if bench.only.is_none() {
        one_by_one(&bench, &mut alone, &mut alone_figures)?;
    }
    eprintln!("starting all");
    let (mut rows, left_out) = versus::all(bench.only.as_deref())?;
    // There are more rows than in other benches, so fewer rounds of them must do.
    let plan = bench.plan();
    let done = rounds::run(&mut rows, Plan { rounds: plan.rounds.min(ROUNDS), ..plan })?;
    let mut figures = versus::figures::all(&rows, &budget);
    figures.extend(alone_figures);

    let mut text = String::new();
    report::title(&mut text, Part::Versus, "Calls, beside the floor and beside others", &bench.machine)?;
    text += &format!("{}.\n\n", versions::line());
    report::distance(&mut text, done)?;
    report::figures(&mut text, &figures)?;
    for row in left_out {
        text += &format!("Not measured, since it did not come up: {row}.\n\n");
    }
    bench.plot(&mut text, versus::plots::all(&rows))?;
    for section in versus::SECTIONS {
        report::section(&mut text, &rows, section, versus::LACKING)?;
    }
    bench.finish(Part::Versus, &(text + &alone))?;
    Ok(())
}

/// What is measured alone, not in rounds.
fn one_by_one(bench: &Bench, text: &mut String, figures: &mut Vec<Figure>) -> Result<(), Box<dyn Error>> {
    let is_quick = bench.is_quick;
    eprintln!("connecting");
    let (meetings, not_met) = meeting::measure(kinds::CALLS, if is_quick { 20 } else { 400 }, bench.boundaries)?;
    let watched = Duration::from_millis(if is_quick { 100 } else { 2_000 });
    eprintln!("standing still");
    let seen = versus::idle::watch(watched)?;
    eprintln!("calling at a pace");
    let paces = versus::pace::measure(is_quick)?;
    eprintln!("sharing a client");
    let (turns, length) = if is_quick { (1, 50) } else { (5, 500) };
    let crowd = crowd::measure(turns, Duration::from_millis(length))?;
    eprintln!("opening many sessions");
    let many = sessions::measure(if is_quick { 20 } else { 1_000 })?;

    let title = "connect to the answer to the first call";
    figures.extend(crowd.figures());
    figures.extend(meeting::figures(&meetings, kinds::RAPACE, title));
    figures.extend(many.figures());
    figures.extend(versus::idle::figures(&seen));
    report::meetings(text, versus::MEETINGS, &meetings, versus::LACKING)?;
    for kind in not_met {
        *text += &format!("Not met, since it did not come up: {kind}.\n\n");
    }
    report::crowd(text, &crowd)?;
    report::sessions(text, &many)?;
    report::standstills(text, &seen, watched)?;
    report::paces(text, &paces)?;
    Ok(())
}
