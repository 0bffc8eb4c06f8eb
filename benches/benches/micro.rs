//! The parts of a message and of a call, by one thread in one process.
//!
//! `cargo bench -p rapace-benches --bench micro`; the arguments behind `--` are those of every
//! [`bench`](rapace_benches::bench).

use std::error::Error;

use rapace_benches::bench::Bench;
use rapace_benches::document::Part;
use rapace_benches::{micro, report};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::start()? else { return Ok(()) };
    let seen = micro::measure(bench.is_quick, bench.only.as_deref())?;

    let mut text = String::new();
    report::title(&mut text, Part::Micro, "Parts of a message, in one process", &bench.machine)?;
    micro::tables(&mut text, &seen)?;
    bench.finish(Part::Micro, &text)?;
    Ok(())
}
