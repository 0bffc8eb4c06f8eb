//! Counts the instructions of the hot paths under callgrind and compares them with `benches/budget.txt`.
//!
//! `cargo bench -p rapace-benches --bench instructions`; with `-- --write` the budget becomes what was counted. The binary runs
//! itself under valgrind, with so many steps and with twice as many: the difference is the steps alone. Without
//! valgrind nothing is counted, and that is said; with `-- --require` it is an error.

use std::error::Error;
use std::fs;
use std::io;
use std::process::Command;

use rapace_benches::budget::{Budget, TOLERANCE, Verdict};
use rapace_benches::machine::Machine;
use rapace_benches::product::stepped::OPERATIONS;

/// A multiple of the ring's entries and of the slots of the classes that are used, so that what is done once a lap counts evenly.
const STEPS: u64 = 10_240;

/// The argument by which this binary steps and does not count; the operation and the number of steps follow.
const STEP: &str = "--step";

/// How often a process is counted.
const RUNS: usize = 3;

const BUDGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/budget.txt");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, name, steps] = &arguments[..] {
        if first == STEP {
            return step(name, steps.parse()?);
        }
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if cfg!(not(target_arch = "x86_64")) {
        return skip("the budget is for x86_64", has("--require"));
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip("valgrind is not installed", has("--require"));
    }
    let mut counted = Vec::new();
    for (name, _) in OPERATIONS {
        let (once, twice) = (collected(name, STEPS)?, collected(name, 2 * STEPS)?);
        counted.push((name.to_owned(), twice.saturating_sub(once).div_ceil(STEPS)));
    }
    if has("--write") {
        fs::write(BUDGET, Budget::new(counted.clone()).file(&Machine::this().rustc))?;
    }
    compare(&Budget::parse(&fs::read_to_string(BUDGET)?)?, &counted)
}

/// What runs under callgrind.
fn step(name: &str, steps: u64) -> Result<(), Box<dyn Error>> {
    let (_, make) = OPERATIONS.iter().find(|(of, _)| *of == name).ok_or("unknown operation")?;
    let mut step = make()?;
    for _ in 0..steps {
        step();
    }
    Ok(())
}

fn skip(why: &str, is_error: bool) -> Result<(), Box<dyn Error>> {
    let text = format!("INSTRUCTIONS ARE NOT COUNTED: {why}");
    if is_error {
        return Err(text.into());
    }
    println!("\n!!! {text}\n!!! This run says nothing about {BUDGET}.\n");
    Ok(())
}

/// The instructions of a whole process that makes so many steps: the fewest of some runs, since on a busy machine another thread may
/// meet this one at a lock, which adds some.
fn collected(name: &str, steps: u64) -> Result<u64, Box<dyn Error>> {
    let mut fewest = u64::MAX;
    for _ in 0..RUNS {
        fewest = fewest.min(run(name, steps)?);
    }
    Ok(fewest)
}

fn run(name: &str, steps: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([STEP, name, &steps.to_string()])
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let count = log.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match count {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(io::Error::other(format!("{name} under valgrind: {}\n{log}", output.status)).into()),
    }
}

/// Prints every count beside its budget, and fails when one is too high.
fn compare(budget: &Budget, counted: &[(String, u64)]) -> Result<(), Box<dyn Error>> {
    let mut failed = false;
    for (name, counted) in counted {
        let verdict = budget.judge(name, *counted);
        let of = budget.of(name).map_or("none".into(), |budget| budget.to_string());
        let remark = match verdict {
            Verdict::Kept => String::new(),
            Verdict::Exceeded => format!(": MORE THAN {TOLERANCE} % ABOVE"),
            Verdict::Beaten => format!(": more than {TOLERANCE} % below; lower the budget with `-- --write`"),
            Verdict::Missing => ": HAS NO BUDGET; give it one with `-- --write`".into(),
        };
        failed |= matches!(verdict, Verdict::Exceeded | Verdict::Missing);
        println!("{name:<24} {counted:>6} instructions, budget {of:>6}{remark}");
    }
    if failed {
        let compiler = Machine::this().rustc;
        return Err(format!("the budget of instructions is exceeded (here: {compiler}; {BUDGET} says its own)").into());
    }
    Ok(())
}
