//! How long a service of 50 methods takes to compile, beside the same service with tarpc.
//!
//! `cargo bench -p rapace-benches --bench compile_time`, with `-- --write` into BENCHMARKS.md, with `-- --quick` one build of
//! each. The first run fetches tarpc from crates.io and builds what the programs depend on.

use std::error::Error;
use std::path::Path;

use rapace_benches::bench::Bench;
use rapace_benches::document::Part;
use rapace_benches::{compile_time, report};

fn main() -> Result<(), Box<dyn Error>> {
    // A compiler may use all CPUs.
    let bench = Bench::unpinned()?;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-time");
    let builds = compile_time::measure(&directory, if bench.is_quick { 1 } else { 5 })?;

    let mut text = String::new();
    report::title(&mut text, Part::CompileTime, "Compile time", &bench.machine)?;
    report::figures(&mut text, &compile_time::figures(&builds))?;
    compile_time::table(&mut text, &builds)?;
    bench.finish(Part::CompileTime, &text)?;
    Ok(())
}
